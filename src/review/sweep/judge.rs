//! Whether a stage's time is over, from what is kept of it, its rule, and where it came from as that is now.

use jiff::Timestamp;

use crate::config::{GitRef, Protection, Source, StageRule};
use crate::forge::PullState;
use crate::names::{Branch, Revision};
use crate::plan::state::StageState;

/// What a stage was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Pull(u64),
    Ref(GitRef),
    Unknown,
}

/// How that is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// With nothing where the forge knows no such pull request any more.
    Pull(u64, Option<PullState>),
    /// With the branch and its tip, where it is one.
    Alive(Option<(Branch, Revision)>),
    /// The branch or tag, in words, is not there any more.
    Gone(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Stays,
    /// It stays, and people should know this.
    Noted(String),
    /// It is to be removed, and why.
    Goes(String),
}

/// What the state says it was made from; a stage whose rule is about exactly one branch or tag is of that.
pub(super) fn origin(state: &StageState, rule: &StageRule) -> Origin {
    if let Some(number) = state.pull {
        return Origin::Pull(number);
    }
    let made_from = state.made_from.as_deref().unwrap_or_default();
    if let Some(branch) = made_from.strip_prefix("branch ") {
        return Origin::Ref(GitRef::Branch(branch.into()));
    }
    if let Some(tag) = made_from.strip_prefix("tag ") {
        return Origin::Ref(GitRef::Tag(tag.to_owned()));
    }
    match &rule.source {
        Source::Branch(name) if rule.is_fixed() && is_plain(name) => Origin::Ref(GitRef::Branch(name.as_str().into())),
        _ => Origin::Unknown,
    }
}

fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '{'])
}

/// Decides. Protected stages stay; stages with a name of their own stay when their branch is gone.
pub(super) fn verdict(state: &StageState, rule: &StageRule, standing: &Standing, now: &str) -> Verdict {
    if rule.protect == Protection::On || rule.is_fixed() {
        if rule.protect == Protection::Off && is_over(state, now) {
            return Verdict::Goes(over(state));
        }
        return in_sync(state, standing);
    }
    match standing {
        // nobody can delete a pull request: it is the token that does not see it
        Standing::Pull(number, None) => Verdict::Noted(format!(
            "stage {} of {} stays: pull request #{number}, which it was made for, cannot be seen with this token",
            state.stage, state.app
        )),
        Standing::Pull(number, Some(PullState::Closed)) => Verdict::Goes(format!("pull request #{number} was closed")),
        Standing::Pull(number, Some(PullState::Merged)) => Verdict::Goes(format!("pull request #{number} was merged")),
        Standing::Gone(what) => Verdict::Goes(format!("{what} does not exist any more")),
        _ if is_over(state, now) => Verdict::Goes(over(state)),
        _ => Verdict::Stays,
    }
}

fn is_over(state: &StageState, now: &str) -> bool {
    let read = |text: &str| text.parse::<Timestamp>().ok();
    match (state.expires.as_deref().and_then(read), read(now)) {
        (Some(expires), Some(now)) => expires <= now,
        // a time that cannot be read ends nothing
        _ => false,
    }
}

fn over(state: &StageState) -> String {
    format!("its time was over at {}", state.expires.as_deref().unwrap_or_default())
}

fn in_sync(state: &StageState, standing: &Standing) -> Verdict {
    let Standing::Alive(Some((branch, tip))) = standing else { return Verdict::Stays };
    let Some(revision) = state.revision.as_deref().filter(|r| *r != tip.as_str()) else { return Verdict::Stays };
    let short = revision.get(..8).unwrap_or(revision);
    Verdict::Noted(format!(
        "stage {} of {} runs {short}, and {branch} is at {}: it is out of sync",
        state.stage,
        state.app,
        tip.short()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-24T12:00:00Z";

    fn preview() -> StageRule {
        StageRule::new("pr-{number}", Source::PullRequest { base: None })
    }

    fn branches() -> StageRule {
        StageRule::new("{branch}", Source::Branch("feature/*".into()))
    }

    fn prod() -> StageRule {
        StageRule::new("prod", Source::Branch("main".into()))
    }

    fn state(expires: Option<&str>) -> StageState {
        StageState {
            app: "notes".into(),
            stage: "it".into(),
            revision: Some("0123456789abcdef0123456789abcdef01234567".into()),
            expires: expires.map(str::to_owned),
            ..StageState::default()
        }
    }

    fn goes(why: &str) -> Verdict {
        Verdict::Goes(why.to_owned())
    }

    #[test]
    fn a_preview_goes_with_its_pull_request() {
        let of = |standing| verdict(&state(None), &preview(), &standing, NOW);
        assert_eq!(of(Standing::Pull(42, Some(PullState::Open))), Verdict::Stays);
        assert_eq!(of(Standing::Pull(42, Some(PullState::Closed))), goes("pull request #42 was closed"));
        assert_eq!(of(Standing::Pull(42, Some(PullState::Merged))), goes("pull request #42 was merged"));
        let unseen = "stage it of notes stays: pull request #42, which it was made for, cannot be seen with this token";
        assert_eq!(of(Standing::Pull(42, None)), Verdict::Noted(unseen.to_owned()));
    }

    #[test]
    fn a_branch_stage_goes_with_its_branch_and_a_fixed_one_never() {
        let gone = Standing::Gone("branch feature/x".into());
        assert_eq!(verdict(&state(None), &branches(), &gone, NOW), goes("branch feature/x does not exist any more"));
        assert_eq!(verdict(&state(None), &prod(), &gone, NOW), Verdict::Stays);
        let mut protected = branches();
        protected.protect = Protection::On;
        assert_eq!(verdict(&state(None), &protected, &gone, NOW), Verdict::Stays);
    }

    #[test]
    fn time_ends_what_is_not_protected() {
        let open = Standing::Pull(42, Some(PullState::Open));
        let past = state(Some("2026-11-24T11:59:59Z"));
        assert_eq!(verdict(&past, &preview(), &open, NOW), goes("its time was over at 2026-11-24T11:59:59Z"));
        assert_eq!(verdict(&state(Some("2026-11-24T12:00:01Z")), &preview(), &open, NOW), Verdict::Stays);
        assert_eq!(verdict(&state(Some("soon")), &preview(), &open, NOW), Verdict::Stays);
        let mut protected = preview();
        protected.protect = Protection::On;
        assert_eq!(verdict(&past, &protected, &open, NOW), Verdict::Stays);
    }

    #[test]
    fn a_stage_behind_its_branch_is_told() {
        let tip = Revision::new("fedcba9876543210fedcba9876543210fedcba98");
        let ahead = Standing::Alive(Some(("main".into(), tip)));
        let Verdict::Noted(note) = verdict(&state(None), &prod(), &ahead, NOW) else { panic!("it is in sync") };
        assert_eq!(note, "stage it of notes runs 01234567, and main is at fedcba98: it is out of sync");
        let same = Standing::Alive(Some(("main".into(), state(None).revision.unwrap().into())));
        assert_eq!(verdict(&state(None), &prod(), &same, NOW), Verdict::Stays);
    }

    #[test]
    fn where_a_stage_came_from() {
        let of = |pull, made_from: Option<&str>, rule: &StageRule| {
            origin(&StageState { pull, made_from: made_from.map(str::to_owned), ..StageState::default() }, rule)
        };
        assert_eq!(of(Some(42), None, &preview()), Origin::Pull(42));
        let branch = |name: &str| Origin::Ref(GitRef::Branch(name.into()));
        assert_eq!(of(None, Some("branch feature/x"), &branches()), branch("feature/x"));
        assert_eq!(of(None, Some("tag v1"), &branches()), Origin::Ref(GitRef::Tag("v1".into())));
        assert_eq!(of(None, None, &prod()), branch("main"));
        assert_eq!(of(None, None, &branches()), Origin::Unknown);
    }
}
