//! From what people name (a branch, a tag, a short commit id, nothing) to a commit id.

use std::ffi::OsString;
use std::fmt;

use git2::{ObjectType, Reference, Repository};

use super::mirror::{KEPT, Mirror};
use super::program::Run;
use crate::error::{Error, Result};
use crate::names::{Branch, Revision};

/// Which commit is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Branch(Branch),
    Tag(String),
    /// A full commit id; a short one is understood when the repository is on this machine, or when it is the start of
    /// a branch's tip or of a commit that was fetched before.
    Revision(String),
    DefaultBranch,
}

impl Wanted {
    /// The ref to ask for; an error when the name could not be one.
    pub(super) fn reference(&self) -> Result<Option<String>> {
        let (name, short) = match self {
            Wanted::Branch(branch) => (format!("refs/heads/{branch}"), branch.as_str()),
            Wanted::Tag(tag) => (format!("refs/tags/{tag}"), tag.as_str()),
            Wanted::DefaultBranch => return Ok(Some("HEAD".into())),
            Wanted::Revision(_) => return Ok(None),
        };
        if short.is_empty() || !Reference::is_valid_name(&name) {
            return Err(Error::usage("git.bad_name", format!("looking up {self}"), "git allows no such name"));
        }
        Ok(Some(name))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Branch(branch) => write!(f, "branch {branch:?}", branch = branch.as_str()),
            Wanted::Tag(tag) => write!(f, "tag {tag:?}"),
            Wanted::Revision(revision) => write!(f, "commit {revision:?}"),
            Wanted::DefaultBranch => f.write_str("the default branch"),
        }
    }
}

/// One line of `git ls-remote`.
struct Advertised {
    revision: Revision,
    name: String,
}

impl Mirror {
    /// Asks the remote which commit this is; nothing is fetched.
    pub async fn resolve(&self, wanted: &Wanted) -> Result<Revision> {
        let reference = wanted.reference()?;
        let (name, scope) = match (wanted, reference) {
            (Wanted::Branch(_), Some(name)) => (name, "--heads"),
            (Wanted::Tag(_), Some(name)) => (name, "--tags"),
            (Wanted::DefaultBranch, _) => return Ok(self.head(wanted).await?.1),
            (Wanted::Revision(text), _) => return self.revision(wanted, text).await,
            (_, None) => return Err(Error::bug("git.resolve", format!("looking up {wanted}"), "it has no ref")),
        };
        let all = self.advertised(wanted, &[scope]).await?;
        // an annotated tag is listed twice; the peeled line names the commit
        let peeled = format!("{name}^{{}}");
        let line = all.iter().find(|a| a.name == peeled).or_else(|| all.iter().find(|a| a.name == name));
        match line {
            Some(line) => Ok(line.revision.clone()),
            None => Err(self.unknown(wanted, all).await),
        }
    }

    /// The name of the branch that the remote's `HEAD` stands for.
    pub async fn default_branch(&self) -> Result<Branch> {
        let wanted = Wanted::DefaultBranch;
        self.head(&wanted).await?.0.ok_or_else(|| {
            Error::failed(
                "git.unknown_branch",
                "looking up the default branch",
                format!("{} does not name one", self.remote),
            )
            .next("name the branch with --branch")
        })
    }

    async fn head(&self, wanted: &Wanted) -> Result<(Option<Branch>, Revision)> {
        let text = self.ask(wanted, &["--symref"], Some("HEAD")).await?;
        let branch = text.lines().find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"));
        match parse(&text).into_iter().find(|a| a.name == "HEAD") {
            Some(head) => Ok((branch.map(Branch::from), head.revision)),
            None => {
                let heads = self.advertised(wanted, &["--heads"]).await?;
                Err(self.unknown(wanted, heads).await)
            }
        }
    }

    async fn revision(&self, wanted: &Wanted, text: &str) -> Result<Revision> {
        let doing = || format!("looking up {wanted}");
        let text = text.to_ascii_lowercase();
        if !(4..=40).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::usage(
                "git.bad_revision",
                doing(),
                "a commit id has 40 hexadecimal digits (at least 4 of them)",
            ));
        }
        if text.len() == 40 {
            return Ok(Revision::new(text));
        }
        let mut found: Vec<Revision> = match self.remote.local_path().and_then(|path| Repository::open(path).ok()) {
            Some(repo) => match repo.revparse_single(&text).and_then(|object| object.peel(ObjectType::Commit)) {
                Ok(commit) => return Ok(Revision::new(commit.id().to_string())),
                Err(_) => Vec::new(),
            },
            None => self.advertised(wanted, &[]).await?.into_iter().map(|a| a.revision).collect(),
        };
        if let Ok(repo) = self.open_repository()
            && let Ok(kept) = repo.references_glob(&format!("{KEPT}/*"))
        {
            found.extend(kept.flatten().filter_map(|r| r.target()).map(|id| Revision::new(id.to_string())));
        }
        found.retain(|revision| revision.as_str().starts_with(&text));
        found.sort();
        found.dedup();
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(Error::failed("git.unknown_revision", doing(), format!("{} shows no such commit", self.remote))
                .next("write all 40 digits (git rev-parse HEAD)")),
            several => {
                Err(Error::usage("git.bad_revision", doing(), format!("{} commits begin like this", several.len()))
                    .next("write more digits"))
            }
        }
    }

    async fn advertised(&self, wanted: &Wanted, scope: &[&str]) -> Result<Vec<Advertised>> {
        Ok(parse(&self.ask(wanted, scope, None).await?))
    }

    async fn ask(&self, wanted: &Wanted, options: &[&str], pattern: Option<&str>) -> Result<String> {
        let mut args: Vec<OsString> = vec!["ls-remote".into(), "--quiet".into()];
        args.extend(options.iter().map(OsString::from));
        args.extend(["--".into(), self.remote.address().into()]);
        args.extend(pattern.map(OsString::from));
        let run = Run { args, time: self.limits.ask_time, watch: None, lock: None };
        let out = self.program.run(&self.remote, run).await;
        let out = out.map_err(|trouble| trouble.into_error(format!("looking up {wanted}"), &self.remote))?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// Says what there is instead: nothing at all, or the names nearest to the wanted one.
    async fn unknown(&self, wanted: &Wanted, all: Vec<Advertised>) -> Error {
        let doing = format!("looking up {wanted}");
        let names: Vec<&str> =
            all.iter().filter_map(|a| a.name.splitn(3, '/').nth(2)).filter(|n| !n.ends_with("^{}")).collect();
        if names.is_empty() && !matches!(wanted, Wanted::Tag(_)) {
            return Error::failed("git.empty", doing, format!("{} has no commits yet", self.remote))
                .next("push a first commit");
        }
        let (code, kind, name) = match wanted {
            Wanted::Tag(tag) => ("git.unknown_tag", "tag", tag.as_str()),
            Wanted::Branch(branch) => ("git.unknown_branch", "branch", branch.as_str()),
            _ => ("git.unknown_branch", "branch", "main"),
        };
        let error = Error::usage(code, doing, format!("{} has no such {kind}", self.remote));
        match nearest(name, &names).as_slice() {
            [] => error.next(format!("push the {kind} first")),
            near => error.next(format!("did you mean {}?", near.join(", "))),
        }
    }
}

fn parse(text: &str) -> Vec<Advertised> {
    let line = |line: &str| {
        let (id, name) = line.split_once('\t')?;
        let good = id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
        good.then(|| Advertised { revision: Revision::new(id), name: name.to_owned() })
    };
    text.lines().filter_map(line).collect()
}

fn nearest<'a>(name: &str, names: &[&'a str]) -> Vec<&'a str> {
    let mut scored: Vec<(f64, &str)> = names.iter().map(|n| (strsim::jaro_winkler(name, n), *n)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(4).map(|(_, name)| name).collect()
}
