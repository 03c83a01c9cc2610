//! Every command in one table: its arguments, what it does and who may; help and documents are made from it.

/// How one command is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// `deploy`
    pub word: &'static str,
    /// `[stage] [--prune]`; empty where it takes none.
    pub arguments: &'static str,
    /// A sentence.
    pub does: &'static str,
    pub who: Who,
    /// A whole command without the prefix.
    pub example: &'static str,
}

/// Who may use a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Everyone,
    /// Who may write to the repository.
    Writers,
    /// Writers; where the stage names `deployers`, only those.
    Deployers,
    /// Writers; where the stage's `approvals.from` names some, only those. Never the author of the pull request.
    Approvers,
}

impl Who {
    /// What it takes to be allowed.
    pub fn as_str(self) -> &'static str {
        match self {
            Who::Everyone => "everyone who may comment",
            Who::Writers => "write access",
            Who::Deployers => "write access; only its `deployers` where the stage names some",
            Who::Approvers => "write access; only `approvals.from` where the stage names some; not the author",
        }
    }
}

impl Usage {
    /// `deploy [stage] [--prune]`
    pub fn line(&self) -> String {
        if self.arguments.is_empty() { self.word.to_owned() } else { format!("{} {}", self.word, self.arguments) }
    }
}

/// Every command, in the order in which help lists them.
///
/// Each that is about a stage also understands `app/stage`, `--app NAME` and `--stage NAME`.
pub fn table() -> &'static [Usage] {
    TABLE
}

/// The word as the table has it.
pub(super) fn known(word: &str) -> Option<&'static str> {
    TABLE.iter().map(|usage| usage.word).find(|known| *known == word)
}

/// ``Usage: `/offshoot deploy [stage] [--prune]`.``; a command may have several forms.
pub(super) fn forms(word: &str, prefix: &str) -> String {
    let forms: Vec<String> =
        TABLE.iter().filter(|usage| usage.word == word).map(|usage| format!("`{prefix} {}`", usage.line())).collect();
    format!("Usage: {}.", forms.join(" or "))
}

const fn usage(
    word: &'static str,
    arguments: &'static str,
    who: Who,
    example: &'static str,
    does: &'static str,
) -> Usage {
    Usage { word, arguments, does, who, example }
}

const TABLE: &[Usage] = &[
    usage("help", "", Who::Everyone, "help", "Lists the commands."),
    usage(
        "plan",
        "[stage]",
        Who::Writers,
        "plan",
        "Plans the stages of the pull request again, or the one that is named.",
    ),
    usage(
        "deploy",
        "[stage] [--prune]",
        Who::Deployers,
        "deploy prod",
        "Executes the plan that was shown; with `--prune` also deletes stacks that the app no longer has.",
    ),
    usage("approve", "[stage]", Who::Approvers, "approve prod", "Approves the plan that was shown."),
    usage(
        "approve",
        "COMMIT",
        Who::Writers,
        "approve 1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
        "Lets the code of a fork run, at exactly that commit of the pull request.",
    ),
    usage("remove", "[stage]", Who::Deployers, "remove", "Removes the preview of the pull request."),
    usage(
        "promote",
        "A B",
        Who::Deployers,
        "promote staging prod",
        "Deploys to stage B the commit that stage A runs, with exactly the code that it runs there.",
    ),
    usage(
        "rollback",
        "[commit] [stage]",
        Who::Deployers,
        "rollback 1a2b3c4 prod",
        "Deploys what the stage ran at that commit, or what it ran before.",
    ),
    usage("extend", "TIME [stage]", Who::Deployers, "extend 24h", "Lets the stage live this much longer."),
    usage(
        "cancel",
        "[stage]",
        Who::Deployers,
        "cancel",
        "Ends the run of the stage at the next point where that is safe.",
    ),
    usage("retry", "[stage]", Who::Deployers, "retry", "Does again what ended in an error."),
    usage(
        "unlock",
        "[stage]",
        Who::Deployers,
        "unlock prod",
        "Takes the stage's lock from a run that is gone and did not give it back.",
    ),
    usage("outputs", "[stage]", Who::Writers, "outputs prod", "Shows the outputs of the stage's stacks."),
    usage("logs", "[stage]", Who::Writers, "logs", "Shows the newest log lines of the stage's functions."),
    usage("dev", "[stage]", Who::Writers, "dev", "Says how to attach a live session to the stage."),
    usage("drift", "[stage]", Who::Writers, "drift prod", "Compares what is deployed with its templates."),
    usage(
        "revert-drift",
        "[stage]",
        Who::Deployers,
        "revert-drift prod",
        "Puts back what was changed past the templates.",
    ),
];
