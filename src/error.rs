//! What the class of an error means (the user must act, wait, retry, or it is our bug) and how it reads.

use std::fmt;
use std::path::{Path, PathBuf};

/// `Result` with the crate's own [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to do something about an error; decides the exit code and whether a retry makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The command line or the configuration is wrong: exit code 64.
    Usage,
    /// A rule forbids it (stale plan, lock held, protected stage, approval missing): exit code 3.
    Refused,
    /// The user's app, stack, repository or rights are at fault: exit code 1.
    Failed,
    /// The other side is slow, throttled or unreachable; the same call may work later: exit code 1.
    Transient,
    /// Offshoot itself is wrong: exit code 1, and a request to report it.
    Bug,
}

impl Class {
    /// The process exit code that this class ends with.
    pub fn exit_code(self) -> u8 {
        match self {
            Class::Usage => 64,
            Class::Refused => 3,
            Class::Failed | Class::Transient | Class::Bug => 1,
        }
    }
}

/// A place in a file that a person wrote; line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

#[derive(Debug)]
struct Inner {
    class: Class,
    code: &'static str,
    doing: String,
    what: String,
    next: Option<String>,
    place: Option<Place>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// An error that says what was being done, with the value, and what to do next.
///
/// `Display` is `doing: what` and never repeats its source; [`Error::next`] is printed on a line of its own.
#[derive(Debug)]
pub struct Error(Box<Inner>);

impl Error {
    /// `code` is stable and dotted (`config.unknown_key`); `doing` is an activity ("reading offshoot.yml"),
    /// `what` is what was found, with the value.
    pub fn new(class: Class, code: &'static str, doing: impl Into<String>, what: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            class,
            code,
            doing: doing.into(),
            what: what.into(),
            next: None,
            place: None,
            source: None,
        }))
    }

    pub fn usage(code: &'static str, doing: impl Into<String>, what: impl Into<String>) -> Self {
        Error::new(Class::Usage, code, doing, what)
    }

    pub fn refused(code: &'static str, doing: impl Into<String>, what: impl Into<String>) -> Self {
        Error::new(Class::Refused, code, doing, what)
    }

    pub fn failed(code: &'static str, doing: impl Into<String>, what: impl Into<String>) -> Self {
        Error::new(Class::Failed, code, doing, what)
    }

    pub fn transient(code: &'static str, doing: impl Into<String>, what: impl Into<String>) -> Self {
        Error::new(Class::Transient, code, doing, what)
    }

    pub fn bug(code: &'static str, doing: impl Into<String>, what: impl Into<String>) -> Self {
        Error::new(Class::Bug, code, doing, what)
    }

    /// An error of reading or writing a file, with the path and the system's reason; a full disk says so.
    pub fn io(doing: impl Into<String>, path: &Path, source: std::io::Error) -> Self {
        let full = source.kind() == std::io::ErrorKind::StorageFull;
        let error =
            Error::failed(if full { "io.disk_full" } else { "io" }, doing, format!("{}: {source}", path.display()));
        if full { error.next("free some space, or name another place with --cache-dir") } else { error }
    }

    /// What the reader should do or type next.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.0.next = Some(next.into());
        self
    }

    /// Where in a file that a person wrote.
    pub fn at(mut self, file: impl Into<PathBuf>, line: usize, column: usize) -> Self {
        self.0.place = Some(Place { file: file.into(), line, column });
        self
    }

    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub fn class(&self) -> Class {
        self.0.class
    }

    pub fn code(&self) -> &'static str {
        self.0.code
    }

    pub fn doing(&self) -> &str {
        &self.0.doing
    }

    pub fn what(&self) -> &str {
        &self.0.what
    }

    pub fn next_step(&self) -> Option<&str> {
        self.0.next.as_deref()
    }

    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}", self.0.doing, self.0.what)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}
