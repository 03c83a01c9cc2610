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
    /// Whom the stage's `deployers` name.
    Deployers,
    /// Whom the stage's `approvals.from` names.
    Approvers,
}

impl Who {
    /// As in "May be used by …".
    pub fn as_str(self) -> &'static str {
        match self {
            Who::Everyone => "everyone who may comment",
            Who::Writers => "everyone with write access",
            Who::Deployers => "the stage's `deployers`; without such a list, everyone with write access",
            Who::Approvers => "the stage's `approvals.from`; without such a list, everyone with write access",
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

pub(super) fn of(word: &str) -> Option<&'static Usage> {
    TABLE.iter().find(|usage| usage.word == word)
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
    usage(
        "approve",
        "[stage | commit]",
        Who::Approvers,
        "approve prod",
        "Approves the plan that was shown; with a commit, lets the code of a fork run at exactly that commit.",
    ),
    usage(
        "remove",
        "[stage]",
        Who::Deployers,
        "remove",
        "Removes the preview of the pull request, or the stage that is named.",
    ),
    usage(
        "promote",
        "A B",
        Who::Deployers,
        "promote staging prod",
        "Deploys to stage B exactly what stage A runs; nothing is built again.",
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
