//! Puts what went wrong with the `git` program into words.

use std::path::Path;
use std::time::Duration;

use git2::{ErrorClass, ErrorCode};

use super::program::Trouble;
use super::remote::{Protocol, Remote};
use crate::error::{Class, Error};

/// What git's own last words mean; the first match in this order wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Auth,
    Moved,
    NoRepository,
    UnknownReference,
    UnknownRevision,
    Unreachable,
    DiskFull,
    Refused,
    /// Nothing we know: perhaps the mirror is damaged.
    Other,
}

const WORDS: &[(Meaning, &[&str])] = &[
    (Meaning::DiskFull, &["no space left on device", "disk quota exceeded"]),
    (
        Meaning::Auth,
        &[
            "could not read username",
            "could not read password",
            "authentication failed",
            "permission denied (",
            "returned error: 401",
            "returned error: 403",
            "host key verification failed",
            "invalid credentials",
            "access denied",
        ],
    ),
    (Meaning::Moved, &["returned error: 301", "returned error: 302", "returned error: 307", "returned error: 308"]),
    (Meaning::UnknownReference, &["couldn't find remote ref"]),
    (Meaning::UnknownRevision, &["not our ref", "unadvertised object", "no such remote ref"]),
    (Meaning::Refused, &["transport '"]),
    (
        Meaning::NoRepository,
        &[
            "does not appear to be a git repository",
            "not found",
            "returned error: 404",
            "not a git repository",
            "not valid: is this a git repository",
            "repository not exported",
        ],
    ),
    (
        Meaning::Unreachable,
        &[
            "could not resolve host",
            "unable to look up",
            "failed to connect",
            "couldn't connect",
            "connection refused",
            "connection timed out",
            "connection reset",
            "connection closed",
            "network is unreachable",
            "no route to host",
            "unable to connect",
            "unable to access",
            "returned error: 429",
            "returned error: 5",
            "operation too slow",
            "rpc failed",
            "early eof",
            "hung up",
            "ssl certificate",
            "ssl connection",
            "ssl_",
            "gnutls",
            "tls connect",
        ],
    ),
];

pub(super) fn meaning(stderr: &str) -> Meaning {
    let text = stderr.to_lowercase();
    WORDS.iter().find(|(_, words)| words.iter().any(|word| text.contains(word))).map_or(Meaning::Other, |(m, _)| *m)
}

impl Trouble {
    pub fn meaning(&self) -> Option<Meaning> {
        match self {
            Trouble::Exit { stderr, .. } => Some(meaning(stderr)),
            _ => None,
        }
    }

    /// The error that people read; `doing` is an activity that names what was asked for.
    pub fn into_error(self, doing: String, remote: &Remote) -> Error {
        match self {
            Trouble::NoProgram => Error::failed("git.no_program", doing, "there is no git program on the PATH")
                .next("install git 2.30 or newer (apt-get install git)"),
            Trouble::Cancelled => Error::failed("cancelled", doing, "it was cancelled"),
            Trouble::TimedOut(limit) => {
                Error::transient("git.timeout", doing, format!("{remote} took longer than {}", seconds(limit)))
                    .next("try again; if the repository is very large, check the connection")
            }
            Trouble::TooLarge(limit) => {
                Error::failed("git.too_large", doing, format!("{remote} sent more than {} MiB", limit >> 20))
                    .next("remove large files from the branch (git lfs keeps them outside), or raise the limit")
            }
            Trouble::Io(error) => Error::failed("io", doing, error.to_string()).because(error),
            Trouble::Exit { code, stderr } => exit_error(code, &without_secret(&stderr, remote), doing, remote),
        }
    }
}

fn exit_error(code: Option<i32>, stderr: &str, doing: String, remote: &Remote) -> Error {
    let said = last_words(stderr);
    match meaning(stderr) {
        Meaning::DiskFull => {
            Error::failed("io.disk_full", doing, said).next("free some space, or name another place with --cache-dir")
        }
        Meaning::Auth => {
            let next = match remote.protocol() {
                Protocol::Ssh => {
                    "check that ssh-agent holds a key that may read it, and that its host is in known_hosts"
                }
                _ => "give a token that may read it in OFFSHOOT_GIT_TOKEN (GITHUB_TOKEN for github.com)",
            };
            Error::failed("git.auth", doing, format!("{remote} does not let us in: {said}")).next(next)
        }
        Meaning::Moved => Error::failed("git.moved", doing, format!("{remote} has moved elsewhere: {said}"))
            .next("use the repository's new address; a token is never sent on to another one"),
        Meaning::NoRepository => no_repository(doing, format!("{remote} is no git repository: {said}")),
        Meaning::UnknownReference | Meaning::UnknownRevision => {
            Error::failed("git.unknown_revision", doing, format!("{remote} does not have it: {said}"))
                .next("push it first, or name another branch or commit")
        }
        Meaning::Unreachable => {
            Error::transient("git.unreachable", doing, format!("{remote} cannot be reached: {said}"))
                .next("check the address and the network, then try again")
        }
        Meaning::Refused => Error::failed("git.refused", doing, said),
        Meaning::Other => {
            let code = code.map_or_else(|| "?".to_owned(), |code| code.to_string());
            Error::failed("git.failed", doing, format!("git ended with {code}: {said}"))
        }
    }
}

pub(super) fn no_repository(doing: impl Into<String>, what: impl Into<String>) -> Error {
    Error::usage("git.no_repository", doing, what)
        .next("name a git repository with --repo, or go into one; a private one also looks missing without a token")
}

/// An error of libgit2 while reading `folder`; damage gets a code of its own, for a mirror can be made anew.
pub(super) fn from_libgit2(doing: impl Into<String>, folder: &Path, error: git2::Error) -> Error {
    let damaged =
        matches!(error.class(), ErrorClass::Odb | ErrorClass::Zlib | ErrorClass::Indexer | ErrorClass::Object)
            || matches!(
                (error.class(), error.code()),
                (ErrorClass::Reference | ErrorClass::Tree, ErrorCode::GenericError)
            );
    let class = if damaged { Class::Transient } else { Class::Failed };
    let code = if damaged { "git.damaged" } else { "git.failed" };
    let what = format!("{}: {}", folder.display(), error.message());
    if error.message().to_lowercase().contains("no space left") {
        return Error::failed("io.disk_full", doing, what)
            .next("free some space, or name another place with --cache-dir");
    }
    Error::new(class, code, doing, what)
}

/// The lines in which git says what is wrong, without its hints.
fn last_words(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let matters = |line: &&&str| ["fatal:", "error:", "ERROR:", "remote:"].iter().any(|start| line.starts_with(start));
    let mut picked: Vec<&str> = lines.iter().filter(matters).copied().collect();
    if picked.is_empty() || meaning(&picked.join("\n")) == Meaning::Other {
        picked = lines;
    }
    let from = picked.len().saturating_sub(3);
    let text = picked.get(from..).unwrap_or_default().join("; ");
    if text.is_empty() { "git said nothing".into() } else { text.chars().take(600).collect() }
}

/// git hides passwords itself; a server could still send one back.
fn without_secret(text: &str, remote: &Remote) -> String {
    match remote.token().map(|t| t.secret().to_owned()) {
        Some(secret) if secret.len() >= 4 => text.replace(&secret, "…"),
        _ => text.to_owned(),
    }
}

fn seconds(time: Duration) -> String {
    if time.as_secs() == 0 { format!("{} ms", time.as_millis()) } else { format!("{} s", time.as_secs()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gits_words_are_understood() {
        for (text, expected) in [
            ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", Meaning::Auth),
            (
                "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.",
                Meaning::Auth,
            ),
            ("fatal: couldn't find remote ref refs/heads/x", Meaning::UnknownReference),
            ("fatal: remote error: upload-pack: not our ref 0123", Meaning::UnknownRevision),
            ("fatal: repository 'https://h/a/' not found", Meaning::NoRepository),
            ("fatal: unable to access 'https://h/': Could not resolve host: h", Meaning::Unreachable),
            ("fatal: unable to access 'http://h/': The requested URL returned error: 503", Meaning::Unreachable),
            ("error: object file objects/aa/bb is empty", Meaning::Other),
        ] {
            assert_eq!(meaning(text), expected, "{text}");
        }
    }
}
