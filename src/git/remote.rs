//! What `--repo` may be, and the repository's id that follows from it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::names::{Digest, RepositoryId};

/// A secret for HTTP(S) remotes; never printed, never part of a command line.
#[derive(Clone)]
pub struct Token {
    user: String,
    secret: String,
    host: Option<String>,
}

impl Token {
    /// A token for whichever host `--repo` names (`OFFSHOOT_GIT_TOKEN`).
    pub fn new(secret: impl Into<String>) -> Self {
        Token { user: "x-access-token".into(), secret: secret.into(), host: None }
    }

    /// A token that only this host may see (`GITHUB_TOKEN` and github.com).
    pub fn only_for(host: impl Into<String>, secret: impl Into<String>) -> Self {
        Token { host: Some(host.into()), ..Token::new(secret) }
    }

    fn fits(&self, host: &str) -> bool {
        self.host.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(host))
    }

    pub(super) fn user_and_secret(&self) -> String {
        format!("{}:{}", self.user, self.secret)
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// How a remote is reached; the only protocol that git may use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Https,
    Http,
    Ssh,
    Git,
    File,
}

impl Protocol {
    pub(super) fn name(self) -> &'static str {
        match self {
            Protocol::Https => "https",
            Protocol::Http => "http",
            Protocol::Ssh => "ssh",
            Protocol::Git => "git",
            Protocol::File => "file",
        }
    }
}

/// A repository's address, checked and without credentials.
#[derive(Clone, Debug)]
pub struct Remote {
    protocol: Protocol,
    /// What git is given: a URL, `user@host:path`, or an absolute path.
    address: String,
    host: Option<String>,
    /// Without leading slash and `.git`.
    path: String,
    token: Option<Token>,
}

const DOING: &str = "reading the repository's address";

impl Remote {
    /// Understands `https://`, `http://`, `ssh://`, `git://`, `file://`, `user@host:path` and paths of this machine.
    pub fn parse(text: &str) -> Result<Remote> {
        let text = text.trim();
        if text.is_empty() {
            return Err(bad("it is empty".into()).next("name a URL or a folder: --repo https://github.com/acme/notes"));
        }
        if text.starts_with('-') || text.chars().any(char::is_control) {
            return Err(bad(format!("{text:?} is neither a URL nor a path")));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return Remote::from_url(&scheme.to_ascii_lowercase(), rest);
        }
        // `ext::sh -c …` and the like would let an address run a program
        if let Some((helper, _)) = text.split_once("::")
            && helper.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '+')
        {
            return Err(bad(format!("remote helpers ({helper}::…) are not allowed")).next("use https, ssh or a path"));
        }
        if Path::new(text).exists() {
            return Remote::from_path(Path::new(text));
        }
        match text.split_once(':') {
            Some((host, path)) if !host.contains('/') => Remote::from_scp(host, path),
            _ => Err(no_such_path(text)),
        }
    }

    /// A repository on this machine.
    pub fn from_path(path: &Path) -> Result<Remote> {
        let full = path.canonicalize().map_err(|_| no_such_path(&path.to_string_lossy()))?;
        let address = full.to_str().ok_or_else(|| bad(format!("{} is not UTF-8", full.display())))?.to_owned();
        let path = address.trim_start_matches('/').to_owned();
        Ok(Remote { protocol: Protocol::File, address, host: None, path: without_git(&path), token: None })
    }

    fn from_url(scheme: &str, rest: &str) -> Result<Remote> {
        let protocol = match scheme {
            "https" => Protocol::Https,
            "http" => Protocol::Http,
            "ssh" => Protocol::Ssh,
            "git" => Protocol::Git,
            "file" => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                return Remote::from_path(Path::new(&percent_decoded(path)));
            }
            _ => {
                return Err(bad(format!("{scheme}:// is not supported")).next("use https, ssh, git, file, or a path"));
            }
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, server) = authority.rsplit_once('@').map_or((None, authority), |(l, s)| (Some(l), s));
        let (user, password) = match login.map(|l| l.split_once(':').map_or((l, None), |(u, p)| (u, Some(p)))) {
            Some((user, password)) => (Some(user), password),
            None => (None, None),
        };
        let host = match server.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => server.split(':').next().unwrap_or_default(),
        };
        if host.is_empty() || host.starts_with('-') || user.is_some_and(|u| u.starts_with('-')) {
            return Err(bad(format!("{scheme}://{server}/{path} names no valid host")));
        }
        if path.trim_matches('/').is_empty() {
            return Err(bad(format!("{scheme}://{server} names a host but no repository")));
        }
        let web = matches!(protocol, Protocol::Http | Protocol::Https);
        let token = match (web, user, password) {
            (true, Some(user), Some(password)) => Some((percent_decoded(user), percent_decoded(password))),
            // `https://TOKEN@host/…` is a habit of CI systems: the user is the secret
            (true, Some(user), None) => Some((percent_decoded(user), String::new())),
            _ => None,
        }
        .map(|(user, secret)| Token { user, secret, host: Some(host.to_owned()) });
        let shown_user = if web { String::new() } else { user.map(|u| format!("{u}@")).unwrap_or_default() };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Ok(Remote {
            protocol,
            address: format!("{scheme}://{shown_user}{server}/{path}"),
            host: Some(host.to_ascii_lowercase()),
            path: without_git(path),
            token,
        })
    }

    fn from_scp(login: &str, path: &str) -> Result<Remote> {
        let host = login.rsplit_once('@').map_or(login, |(_, host)| host);
        if host.is_empty() || login.starts_with('-') || host.starts_with('-') || path.starts_with('-') {
            return Err(bad(format!("{login:?} is not a user and host")));
        }
        if path.trim_matches('/').is_empty() {
            return Err(bad(format!("{login}: names a host but no repository")));
        }
        let login = match login.rsplit_once('@') {
            Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
            None => login.to_owned(),
        };
        Ok(Remote {
            protocol: Protocol::Ssh,
            address: format!("{login}:{path}"),
            host: Some(host.to_ascii_lowercase()),
            path: without_git(path),
            token: None,
        })
    }

    /// Adds a token; it is kept only if it belongs to this host and the connection hides it (or never leaves the machine).
    pub fn with_token(mut self, token: Option<Token>) -> Remote {
        let (Some(token), Some(host)) = (token, &self.host) else { return self };
        if !token.fits(host) {
            return self;
        }
        self.token = match self.token.take() {
            None => Some(token),
            // `https://alice@host/…` with a token beside it: the user is only a name
            Some(own) if own.secret.is_empty() => Some(Token { user: own.user, ..token }),
            own => own,
        };
        self
    }

    /// `owner/name` on github.com, else host and path, else the folder's name.
    pub fn repository(&self) -> RepositoryId {
        match self.host.as_deref() {
            Some("github.com" | "www.github.com" | "ssh.github.com") => RepositoryId::new(self.path.clone()),
            Some(host) => RepositoryId::new(format!("{host}/{}", self.path)),
            None => {
                let folder = self.path.strip_suffix("/.git").unwrap_or(&self.path);
                RepositoryId::new(folder.rsplit('/').next().unwrap_or("repository").to_owned())
            }
        }
    }

    /// The address as git is given it, without any secret.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder, when the repository is on this machine.
    pub fn local_path(&self) -> Option<PathBuf> {
        (self.protocol == Protocol::File).then(|| PathBuf::from(&self.address))
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The token that may be sent: never over plain HTTP to another machine.
    pub(super) fn token(&self) -> Option<&Token> {
        let loopback = matches!(self.host.as_deref(), Some("localhost" | "127.0.0.1" | "::1"));
        match self.protocol {
            Protocol::Https => self.token.as_ref(),
            Protocol::Http if loopback => self.token.as_ref(),
            _ => None,
        }
    }

    /// A name for this repository's folders: readable, and told apart by a hash of the whole address.
    pub(super) fn folder(&self) -> String {
        let id = self.repository();
        let safe: String = id.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let start = safe.len().saturating_sub(40);
        let readable = safe.get(start..).unwrap_or(&safe).trim_matches('-');
        format!("{readable}-{}", Digest::of(&self.address).short())
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

fn bad(what: String) -> Error {
    Error::usage("git.bad_address", DOING, what)
}

fn no_such_path(text: &str) -> Error {
    let error = Error::usage("git.no_repository", DOING, format!("there is no folder {text}"));
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [owner, name] if !owner.is_empty() && !owner.starts_with('.') && !name.is_empty() => {
            error.next(format!("for GitHub write --repo https://github.com/{owner}/{name}"))
        }
        _ => error.next("name an existing folder, or a URL such as https://github.com/acme/notes"),
    }
}

fn without_git(path: &str) -> String {
    let path = path.trim_matches('/');
    path.strip_suffix(".git")
        .map_or(path, |short| if short.is_empty() || short.ends_with('/') { path } else { short })
        .to_owned()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = (first == b'%').then(|| tail.get(..2)).flatten();
        let code = code.and_then(|c| std::str::from_utf8(c).ok()).and_then(|c| u8::from_str_radix(c, 16).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_all_kinds_name_their_repository() {
        for (text, id) in [
            ("https://github.com/acme/notes.git", "acme/notes"),
            ("https://github.com/acme/notes/", "acme/notes"),
            ("git@github.com:acme/notes.git", "acme/notes"),
            ("ssh://git@github.com/acme/notes", "acme/notes"),
            ("https://git.example.com:8443/team/sub/notes.git", "git.example.com/team/sub/notes"),
            ("host.example:notes", "host.example/notes"),
            ("git://[::1]:9418/notes.git", "::1/notes"),
        ] {
            assert_eq!(Remote::parse(text).unwrap().repository().as_str(), id, "{text}");
        }
        let dir = tempfile::tempdir().unwrap();
        let repo = dir.path().join("notes.git");
        std::fs::create_dir(&repo).unwrap();
        assert_eq!(Remote::parse(repo.to_str().unwrap()).unwrap().repository().as_str(), "notes");
        assert_eq!(Remote::parse(&format!("file://{}", repo.display())).unwrap().repository().as_str(), "notes");
    }

    #[test]
    fn dangerous_addresses_are_refused() {
        for text in [
            "",
            "-x",
            "--upload-pack=touch x",
            "ext::sh -c true",
            "ssh://-oProxyCommand=x/y",
            "a\nb",
            "-h:x",
            "ftp://h/x",
        ] {
            assert!(Remote::parse(text).is_err(), "{text:?}");
        }
        assert!(Remote::parse("git@-oProxyCommand=x:y").is_err());
    }

    #[test]
    fn a_password_in_the_url_is_taken_out_and_used() {
        let remote = Remote::parse("https://me:s3cret%21@git.example.com/a/b").unwrap();
        assert_eq!(remote.to_string(), "https://git.example.com/a/b");
        assert!(!format!("{remote:?}").contains("s3cret"));
        assert_eq!(remote.token().unwrap().user_and_secret(), "me:s3cret!");
    }

    #[test]
    fn a_token_goes_only_to_its_host_and_never_over_plain_http() {
        let with = |url: &str| {
            Remote::parse(url).unwrap().with_token(Some(Token::only_for("github.com", "t"))).token().is_some()
        };
        assert!(with("https://github.com/a/b"));
        assert!(!with("https://evil.example/a/b"));
        assert!(!with("http://github.com/a/b"));
        assert!(!with("git@github.com:a/b"));
    }

    #[test]
    fn a_missing_folder_suggests_the_forge() {
        let error = Remote::parse("acme/notes").unwrap_err();
        assert_eq!(error.code(), "git.no_repository");
        assert!(error.next_step().unwrap().contains("https://github.com/acme/notes"));
    }
}
