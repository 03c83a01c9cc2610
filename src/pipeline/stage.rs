//! Step 2: from an event and the configuration to what is meant: repository, commit, app, stage, AWS account and region.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::Tools;
use super::event::{About, Dirty, Event, Place};
use crate::config::{self, App, Config, GitRef, Stage};
use crate::error::{Error, Result};
use crate::git::{Limits, Mirror, Remote, Token, Wanted, WorkTree};
use crate::names::{Branch, RepositoryId, Revision};
use crate::toolchain::Trust;

/// The configuration's usual name.
pub const FILE: &str = "offshoot.yml";

/// Where the files come from.
#[derive(Clone)]
pub enum Source {
    Tree(WorkTree),
    Mirror(Mirror),
}

/// What is meant.
#[derive(Clone)]
pub struct Intent {
    pub source: Source,
    pub repository: RepositoryId,
    pub revision: Revision,
    pub app: App,
    pub stage: Stage,
    pub config: Config,
    /// The commit whose rules and account settings count, where they may not come from `revision` itself.
    pub rules: Option<Revision>,
    pub trust: Trust,
    pub notes: Vec<String>,
}

/// A repository that was opened, with its configuration.
#[derive(Clone)]
pub struct Opened {
    pub source: Source,
    pub repository: RepositoryId,
    pub revision: Revision,
    pub git_ref: Option<GitRef>,
    pub config: Config,
    /// The commit whose rules and account settings count, where they may not come from `revision` itself.
    pub rules: Option<Revision>,
    pub trust: Trust,
    /// There is no configuration file: stages are named after branches.
    pub notes: Vec<String>,
}

/// Decides. Errors: no such repository, branch, app or stage; invalid configuration; a dirty tree that was not allowed.
pub async fn decide(event: &Event, tools: &Tools) -> Result<Intent> {
    let opened = open(event, tools).await?;
    let app = one_app(&opened.config, event.app.as_deref())?;
    let stage = one_stage(&opened, event.stage.as_deref(), event.about)?;
    if stage.rule.apps.as_ref().is_some_and(|apps| !apps.contains(&app.name)) {
        let what = format!("stage {} is not for app {}", stage.name, app.name);
        return Err(Error::usage("config.app_not_in_stage", "choosing the stage", what)
            .next("name another stage, or add the app under `apps:` of the stage"));
    }
    Ok(opened.intent(app, stage))
}

impl Opened {
    /// What is meant with one app and one stage of the repository.
    pub fn intent(self, app: App, stage: Stage) -> Intent {
        let Opened { source, repository, revision, config, rules, trust, notes, git_ref: _ } = self;
        Intent { source, repository, revision, app, stage, config, rules, trust, notes }
    }
}

/// Opens the repository and reads its configuration: for a repository by address that of its default branch.
pub async fn open(event: &Event, tools: &Tools) -> Result<Opened> {
    match &event.place {
        Place::Here { folder, dirty } => here(event, folder, *dirty).await,
        Place::Repository { address, branch, revision } => {
            there(event, tools, address, branch.as_ref(), revision.as_deref()).await
        }
        Place::Forge { address, token, revision, git_ref, trust } => {
            let remote = Remote::parse(address)?.with_token(token.clone());
            on_forge(event, tools, remote, revision, (git_ref, *trust)).await
        }
    }
}

async fn here(event: &Event, folder: &Path, dirty: Dirty) -> Result<Opened> {
    let folder = folder.to_owned();
    let mut tree = tokio::task::spawn_blocking(move || WorkTree::open(&folder))
        .await
        .map_err(|e| Error::bug("git.task", "reading the work tree", e.to_string()))??;
    let own: Vec<PathBuf> = event.own_files.iter().filter_map(|f| std::fs::canonicalize(f).ok()).collect();
    let root = tree.root.clone();
    tree.dirty.retain(|path| !own.contains(&root.join(path)));
    let mut notes = Vec::new();
    if !tree.dirty.is_empty() {
        let first: Vec<String> = tree.dirty.iter().take(3).map(|p| p.display().to_string()).collect();
        let more = tree.dirty.len().saturating_sub(first.len());
        let names = if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") };
        if dirty == Dirty::Refuse {
            return Err(Error::refused(
                "git.dirty",
                "reading the work tree",
                format!("not as in commit {}: {names}", tree.head.short()),
            )
            .next("commit the changes, or pass --dirty to take them along"));
        }
        notes.push(format!("the work tree is dirty, not as in commit {}: {names}", tree.head.short()));
    }
    let text = match &event.config {
        Some(path) => Some((path.clone(), read_config(path).await?)),
        None => {
            named_right(|name| tree.root.join(name).exists())?;
            read_if_there(&tree.root.join(FILE)).await?.map(|text| (PathBuf::from(FILE), text))
        }
    };
    let root = tree.root.clone();
    let listed = tokio::task::spawn_blocking(move || list_tree(&root))
        .await
        .map_err(|e| Error::bug("git.task", "listing the work tree", e.to_string()))?;
    let config = understand(text, &listed, &mut notes)?;
    let git_ref = tree.branch.clone().map(GitRef::Branch);
    Ok(Opened {
        repository: tree.repository(),
        revision: tree.head.clone(),
        git_ref,
        config,
        rules: None,
        trust: Trust::Trusted,
        notes,
        source: Source::Tree(tree),
    })
}

async fn there(
    event: &Event,
    tools: &Tools,
    address: &str,
    branch: Option<&Branch>,
    revision: Option<&str>,
) -> Result<Opened> {
    let remote = Remote::parse(address)?.with_token(token());
    let mirror = Mirror::open(&tools.cache_dir, remote, Limits::default(), CancellationToken::new(), None)?;
    let default = mirror.bring(&Wanted::DefaultBranch).await?;
    let branch = match branch {
        Some(branch) => Some(branch.clone()),
        None if revision.is_none() => Some(mirror.default_branch().await?),
        None => None,
    };
    let wanted = match (revision, &branch) {
        (Some(revision), _) => Wanted::Revision(revision.to_owned()),
        (None, Some(branch)) => Wanted::Branch(branch.clone()),
        (None, None) => Wanted::DefaultBranch,
    };
    let revision = mirror.bring(&wanted).await?;
    let mut notes = Vec::new();
    let text = match &event.config {
        Some(path) => Some((path.clone(), read_config(path).await?)),
        None => mirror
            .read_file(&default, Path::new(FILE))?
            .map(|bytes| (PathBuf::from(FILE), String::from_utf8_lossy(&bytes).into_owned())),
    };
    if event.config.is_none() {
        named_right(|name| mirror.read_file(&default, Path::new(name)).ok().flatten().is_some())?;
    }
    let listed = mirror.list_files(&revision)?.iter().map(|p| p.to_string_lossy().into_owned()).collect::<Vec<_>>();
    let config = understand(text, &listed, &mut notes)?;
    Ok(Opened {
        repository: mirror.repository(),
        revision,
        git_ref: branch.map(GitRef::Branch),
        config,
        rules: None,
        trust: Trust::Trusted,
        notes,
        source: Source::Mirror(mirror),
    })
}

/// The rules come from the default branch: what a commit of another branch says about itself does not count.
async fn on_forge(
    event: &Event,
    tools: &Tools,
    remote: Remote,
    revision: &Revision,
    (git_ref, trust): (&GitRef, Trust),
) -> Result<Opened> {
    let mirror = Mirror::open(&tools.cache_dir, remote, Limits::default(), CancellationToken::new(), None)?;
    let rules = mirror.bring(&Wanted::DefaultBranch).await?;
    mirror.fetch(revision).await?;
    let file = event.config.clone().unwrap_or_else(|| PathBuf::from(FILE));
    let text = mirror.read_file(&rules, &file)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match (&text, &event.config) {
        (None, Some(named)) => {
            let what = format!("the default branch has no {}", named.display());
            return Err(Error::usage("config.missing", "reading the configuration", what)
                .next("check the `config` input; the file is read from the default branch"));
        }
        (None, None) => named_right(|name| mirror.read_file(&rules, Path::new(name)).ok().flatten().is_some())?,
        (Some(_), _) => {}
    }
    let listed = mirror.list_files(revision)?.iter().map(|p| p.to_string_lossy().into_owned()).collect::<Vec<_>>();
    let mut notes = Vec::new();
    let config = understand(text.map(|text| (file, text)), &listed, &mut notes)?;
    Ok(Opened {
        repository: mirror.repository(),
        revision: revision.clone(),
        git_ref: Some(git_ref.clone()),
        config,
        rules: Some(rules),
        trust,
        notes,
        source: Source::Mirror(mirror),
    })
}

/// A token for HTTPS remotes: `OFFSHOOT_GIT_TOKEN` for any host, `GITHUB_TOKEN` for GitHub alone.
fn token() -> Option<Token> {
    let variable = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
    variable("OFFSHOOT_GIT_TOKEN")
        .map(Token::new)
        .or_else(|| variable("GITHUB_TOKEN").map(|t| Token::only_for("github.com", t)))
}

async fn read_config(path: &Path) -> Result<String> {
    tokio::fs::read_to_string(path).await.map_err(|e| {
        let what = format!("{}: {e}", path.display());
        Error::usage("config.missing", "reading the configuration", what)
            .next("check the path given with --config, or write one with `offshoot init`")
    })
}

async fn read_if_there(path: &Path) -> Result<Option<String>> {
    match tokio::fs::read_to_string(path).await {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("reading the configuration", path, e)),
    }
}

/// File names of a work tree down to a few levels, without what git ignores and what no app lies in.
pub fn list_tree(root: &Path) -> Vec<String> {
    let walk = ignore::WalkBuilder::new(root).max_depth(Some(6)).require_git(false).git_global(false).build();
    let files = walk.flatten().filter(|e| e.file_type().is_some_and(|t| t.is_file()));
    files
        .filter_map(|e| e.path().strip_prefix(root).ok().map(|p| p.to_string_lossy().into_owned()))
        .take(200_000)
        .collect()
}

/// A file that people may take for the configuration must not be passed over in silence.
pub fn named_right(exists: impl Fn(&str) -> bool) -> Result<()> {
    let near = ["offshoot.yaml", ".offshoot.yml", ".offshoot.yaml"].into_iter().find(|name| exists(name));
    match near {
        Some(near) if !exists(FILE) => Err(Error::usage(
            "config.missing",
            "looking for the configuration",
            format!("there is {near} and no {FILE}"),
        )
        .next(format!("rename it: git mv {near} {FILE}"))),
        _ => Ok(()),
    }
}

fn understand(text: Option<(PathBuf, String)>, listed: &[String], notes: &mut Vec<String>) -> Result<Config> {
    let found = config::discover(listed);
    let Some((file, text)) = text else {
        notes.push(format!("there is no {FILE}: stages are named after branches (`offshoot init` writes one)"));
        return Ok(Config::discovered(found.apps));
    };
    config::parse(&text, &file).and_then(|c| c.with_discovered(&found)).map_err(first_of)
}

/// One error that stands for all: the first, and how many more `offshoot check` lists.
fn first_of(mut errors: Vec<Error>) -> Error {
    if errors.is_empty() {
        return Error::bug("config.no_error", "reading the configuration", "it is invalid for no reason");
    }
    let more = errors.len() - 1;
    let first = errors.remove(0);
    if more == 0 {
        return first;
    }
    let next = first.next_step().map(|n| format!("{n}; ")).unwrap_or_default();
    first.next(format!("{next}`offshoot check` lists the other {more}"))
}

fn one_app(config: &Config, name: Option<&str>) -> Result<App> {
    match config.app(name)?.as_slice() {
        [app] => Ok((*app).clone()),
        several => {
            let names: Vec<&str> = several.iter().map(|a| a.name.as_str()).collect();
            Err(Error::usage(
                "config.which_app",
                "choosing the app",
                format!("this repository has {}", names.join(", ")),
            )
            .next("name one with --app"))
        }
    }
}

fn one_stage(opened: &Opened, name: Option<&str>, about: About) -> Result<Stage> {
    let doing = "choosing the stage";
    let Some(name) = name else {
        let Some(git_ref) = &opened.git_ref else {
            let what = format!("commit {} is on no branch", opened.revision.short());
            return Err(Error::usage("stage.no_branch", doing, what)
                .next("name the stage with --stage, or the branch with --branch"));
        };
        return opened.config.stages_for(git_ref)?.into_iter().next().ok_or_else(|| {
            let names: Vec<&str> = opened.config.stages.iter().map(|s| s.name.as_str()).collect();
            Error::usage(
                "config.no_rule",
                doing,
                format!("no rule of {FILE} is about {git_ref}; the stages are {}", names.join(", ")),
            )
            .next("add a rule for it under `stages:`, or name a stage with --stage")
        });
    };
    if about == About::Deployed {
        return opened.config.stage_existing(name, opened.git_ref.as_ref());
    }
    let stage = opened.config.stage_named(name, opened.git_ref.as_ref())?;
    if let Some(git_ref) = &opened.git_ref
        && !stage.rule.covers(git_ref)
        && matches!(opened.config.origin, config::Origin::File(_))
    {
        let what = format!("stage {name} is not made from {git_ref}");
        return Err(Error::refused("stage.other_branch", doing, what)
            .next("switch to the stage's branch (or name it with --branch), or change the rule in offshoot.yml"));
    }
    Ok(stage)
}
