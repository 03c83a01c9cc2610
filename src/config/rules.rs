//! From a branch, tag or pull request to its stage, and from a name back to it.

use super::suggest::{any_of, nearest};
use super::template::{Hole, Template, hashed};
use super::texts::{compile, is_glob};
use super::valid::{App, Config, GitRef, Origin, Source, StageRule};
use crate::error::{Error, Result};
use crate::names::{StageName, safe_stage};

/// One stage, with the settings of its rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub name: StageName,
    /// The rule's settings, defaults merged in.
    pub rule: StageRule,
    /// What it was asked for; nothing where only its name is known.
    pub git_ref: Option<GitRef>,
}

/// How well a pattern fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Not,
    /// A pull request rule without `base`.
    Any,
    Glob,
    Exact,
}

fn fit(pattern: &str, name: &str) -> Fit {
    if pattern == name {
        return Fit::Exact;
    }
    let matched = is_glob(pattern) && compile(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name));
    if matched { Fit::Glob } else { Fit::Not }
}

impl StageRule {
    fn fit(&self, git_ref: &GitRef) -> Fit {
        match (&self.source, git_ref) {
            (Source::Branch(pattern), GitRef::Branch(branch)) => fit(pattern, branch.as_str()),
            (Source::Tag(pattern), GitRef::Tag(tag)) => fit(pattern, tag),
            (Source::PullRequest { base: None }, GitRef::PullRequest { .. }) => Fit::Any,
            (Source::PullRequest { base: Some(pattern) }, GitRef::PullRequest { base, .. }) => {
                fit(pattern, base.as_str())
            }
            _ => Fit::Not,
        }
    }

    /// Whether the rule is about this branch, tag or pull request (another rule may fit better).
    pub fn covers(&self, git_ref: &GitRef) -> bool {
        self.fit(git_ref) != Fit::Not
    }
}

impl Config {
    /// The configuration of a repository without a file: every branch is a stage, applied at once.
    pub fn discovered(apps: Vec<App>) -> Self {
        Config {
            apps,
            stages: vec![StageRule::new("{branch}", Source::Branch("**".to_owned()))],
            state: None,
            prefix: "/offshoot".to_owned(),
            origin: Origin::Discovered,
        }
    }

    /// The stage that a branch, tag or pull request becomes; empty where no rule is about it.
    ///
    /// An exact name wins over a glob. Two globs that match are refused, with both lines.
    pub fn stages_for(&self, git_ref: &GitRef) -> Result<Vec<Stage>> {
        let best = self.stages.iter().map(|rule| rule.fit(git_ref)).max().unwrap_or(Fit::Not);
        if best == Fit::Not {
            return Ok(Vec::new());
        }
        let mut fitting = self.stages.iter().filter(|rule| rule.fit(git_ref) == best);
        let Some(rule) = fitting.next() else { return Ok(Vec::new()) };
        if let Some(other) = fitting.next() {
            let what = format!(
                "{git_ref} belongs to two stages: `{}` on line {} and `{}` on line {}",
                rule.name, rule.line, other.name, other.line
            );
            let error = Error::usage("config.two_rules_for_branch", self.doing(), what)
                .next("make one of the two patterns narrower, or write a rule with the exact name");
            return Err(match &self.origin {
                Origin::File(file) => error.at(file, other.line.max(1), 1),
                Origin::Discovered => error,
            });
        }
        Ok(vec![Stage { name: self.name(rule, git_ref), rule: rule.clone(), git_ref: Some(git_ref.clone()) }])
    }

    /// The name that `rule` gives to `git_ref`; it gives way with a hash where a rule with a stronger claim could give it too.
    fn name(&self, rule: &StageRule, git_ref: &GitRef) -> StageName {
        let template = Template::of(&rule.name);
        let text = match git_ref {
            GitRef::Branch(branch) => branch.as_str().to_owned(),
            GitRef::Tag(tag) => tag.clone(),
            GitRef::PullRequest { number, .. } => number.to_string(),
        };
        let name = template.fill(&text);
        // the earlier of two equal claims wins; the same template gives different names to different refs
        let own = self.stages.iter().position(|other| other == rule).unwrap_or(self.stages.len());
        let stronger = |at: usize, other: &Template<'_>| (other.rank(), own) > (template.rank(), at);
        let claimed = template.hole.is_some()
            && self.stages.iter().map(|other| Template::of(&other.name)).enumerate().any(|(at, other)| {
                let same = (other.head, other.tail) == (template.head, template.tail);
                !same && stronger(at, &other) && other.gives(name.as_str())
            });
        if claimed { hashed(name.as_str(), &format!("{git_ref}")) } else { name }
    }

    /// The stage called `name`: one with a fixed name, the one that `git_ref` gives, or a pull request's by its number.
    ///
    /// A fixed name is found whatever `git_ref` is; [`StageRule::covers`] tells whether the two belong together.
    pub fn stage_named(&self, name: &str, git_ref: Option<&GitRef>) -> Result<Stage> {
        let stage =
            |rule: &StageRule, name: StageName, git_ref: Option<GitRef>| Stage { name, rule: rule.clone(), git_ref };
        let fixed = |rule: &&StageRule| Template::of(&rule.name).hole.is_none() && rule.name == name;
        if let Some(rule) = self.stages.iter().find(fixed) {
            return Ok(stage(rule, name.into(), git_ref.cloned().or_else(|| exact(rule))));
        }
        let given = git_ref.map(|r| self.stages_for(r)).transpose()?.unwrap_or_default();
        if let Some(found) = given.iter().find(|stage| stage.name.as_str() == name) {
            return Ok(found.clone());
        }
        if self.origin == Origin::Discovered
            && safe_stage(name).as_str() == name
            && let Some(rule) = self.stages.first()
        {
            return Ok(stage(rule, name.into(), git_ref.cloned()));
        }
        let numbered = |rule: &&StageRule| {
            let template = Template::of(&rule.name);
            template.hole == Some(Hole::Number) && template.gives(name)
        };
        if git_ref.is_none()
            && let Some(rule) = self.stages.iter().find(numbered)
        {
            return Ok(stage(rule, name.into(), None));
        }
        Err(self.unknown_stage(name, git_ref, &given))
    }

    /// A stage that may be deployed although its branch is gone or another one is checked out: for looking at it, for
    /// unlocking and removing it. The strongest rule that could have given the name stands for it.
    pub fn stage_existing(&self, name: &str, git_ref: Option<&GitRef>) -> Result<Stage> {
        self.stage_named(name, git_ref).or_else(|error| {
            let able = self.stages.iter().filter(|rule| Template::of(&rule.name).gives(name));
            let rule =
                able.max_by_key(|rule| Template::of(&rule.name).rank()).filter(|_| safe_stage(name).as_str() == name);
            rule.map(|rule| Stage { name: name.into(), rule: rule.clone(), git_ref: None }).ok_or(error)
        })
    }

    fn unknown_stage(&self, name: &str, git_ref: Option<&GitRef>, given: &[Stage]) -> Error {
        let names = || self.stages.iter().map(|rule| rule.name.as_str()).chain(given.iter().map(|s| s.name.as_str()));
        let fixed = names().filter(|name| !name.contains('{'));
        let what = format!("there is no stage `{name}`; the stages are {}", any_of(names()).replace(" or ", " and "));
        let next = if let Some(near) = nearest(name, fixed) {
            format!("did you mean `{near}`?")
        } else if self.origin == Origin::Discovered {
            format!("use letters, digits and hyphens: `{}`", safe_stage(name))
        } else if git_ref.is_none() {
            "name the branch of the stage with --branch, or type `offshoot stages`".to_owned()
        } else {
            "add it under stages, or type `offshoot stages`".to_owned()
        };
        Error::usage("config.unknown_stage", self.doing(), what).next(next)
    }

    /// The app called `name`, or all apps.
    pub fn app(&self, name: Option<&str>) -> Result<Vec<&App>> {
        if self.apps.is_empty() {
            let next = "add a cdk.json, sst.json, template.yaml or serverless.yml, or name the app under apps: in offshoot.yml";
            return Err(Error::usage("config.no_app", self.doing(), "this repository has no app").next(next));
        }
        let Some(name) = name else { return Ok(self.apps.iter().collect()) };
        let found: Vec<&App> = self.apps.iter().filter(|app| app.name.as_str() == name).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let names = || self.apps.iter().map(|app| app.name.as_str());
        let what = format!("there is no app `{name}`; the apps are {}", any_of(names()).replace(" or ", " and "));
        let next = nearest(name, names())
            .map_or_else(|| "name one of them".to_owned(), |near| format!("did you mean `{near}`?"));
        Err(Error::usage("config.unknown_app", self.doing(), what).next(next))
    }

    fn doing(&self) -> String {
        match &self.origin {
            Origin::File(file) => format!("looking into {}", file.display()),
            Origin::Discovered => "looking for stages and apps".to_owned(),
        }
    }
}

/// The branch or tag of a rule that is about exactly one.
fn exact(rule: &StageRule) -> Option<GitRef> {
    match &rule.source {
        Source::Branch(pattern) if !is_glob(pattern) => Some(GitRef::Branch(pattern.as_str().into())),
        Source::Tag(pattern) if !is_glob(pattern) => Some(GitRef::Tag(pattern.clone())),
        _ => None,
    }
}
