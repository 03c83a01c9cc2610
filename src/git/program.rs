//! Runs the `git` program with a clean environment, bounded in time and in disk space, and killed as a whole.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::Progress;
use super::remote::{Protocol, Remote};
use crate::error::{Error, Result};

/// The whole configuration that git sees. `safe.directory`: a local repository may belong to another user (containers);
/// nothing of its configuration is run, for hooks, helpers and other protocols are off.
const CONFIG: &str = "\
[safe]\n\tdirectory = *\n\
[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\taskPass =\n\
[credential]\n\thelper =\n\
[protocol]\n\tversion = 2\n\
[http]\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 30\n\
[gc]\n\tauto = 0\n\tautoDetach = false\n\tpackRefs = false\n\
[maintenance]\n\tauto = false\n\
[submodule]\n\trecurse = false\n";

/// What passes from our environment to git: where programs, keys, proxies and certificates are; no configuration.
const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "GIT_EXEC_PATH",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
];

/// Enough for the names of a million branches; more than that is cut off and refused.
const MAX_STDOUT_BYTES: u64 = 64 << 20;
const MAX_STDERR_BYTES: usize = 64 << 10;

/// How a run ended when it did not end well; `trouble.rs` puts it into words.
#[derive(Debug)]
pub(super) enum Trouble {
    NoProgram,
    Cancelled,
    TimedOut(Duration),
    TooLarge(u64),
    Exit { code: Option<i32>, stderr: String },
    Io(io::Error),
}

/// One run of git.
pub(super) struct Run<'a> {
    pub args: Vec<OsString>,
    pub time: Duration,
    /// A folder and how much it may grow.
    pub watch: Option<(&'a Path, u64)>,
    /// Held open by git itself, so that a file lock lives as long as git does, even when we are killed.
    pub lock: Option<&'a File>,
}

#[derive(Clone)]
pub(super) struct Program {
    config: PathBuf,
    pub cancel: CancellationToken,
    pub progress: Option<Progress>,
}

impl Program {
    /// Writes git's configuration into `folder`.
    pub fn new(folder: &Path, cancel: CancellationToken, progress: Option<Progress>) -> Result<Program> {
        let config = folder.join("git.config");
        let doing = "preparing the git cache";
        if std::fs::read_to_string(&config).is_ok_and(|text| text == CONFIG) {
            return Ok(Program { config, cancel, progress });
        }
        std::fs::create_dir_all(folder).map_err(|e| Error::io(doing, folder, e))?;
        let file = tempfile::NamedTempFile::new_in(folder).map_err(|e| Error::io(doing, folder, e))?;
        std::fs::write(file.path(), CONFIG).map_err(|e| Error::io(doing, &config, e))?;
        file.persist(&config).map_err(|e| Error::io(doing, &config, e.error))?;
        Ok(Program { config, cancel, progress })
    }

    /// Runs git for `remote`; the answer is its standard output.
    pub async fn run(&self, remote: &Remote, run: Run<'_>) -> Result<Vec<u8>, Trouble> {
        if self.cancel.is_cancelled() {
            return Err(Trouble::Cancelled);
        }
        let mut command = Command::new("git");
        command.args(&run.args).env_clear();
        command.envs(self.environment(remote));
        let lock = run.lock.map(File::try_clone).transpose().map_err(Trouble::Io)?;
        command.stdin(lock.map_or_else(Stdio::null, Stdio::from)).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Trouble::NoProgram,
            _ => Trouble::Io(error),
        })?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Trouble::Io(io::Error::other("git was started without pipes")));
        };
        let read = async {
            let (out, err) = tokio::join!(read_all(stdout), read_lines(stderr, self.progress.as_ref()));
            let status = child.wait().await?;
            Ok::<_, io::Error>((out?, err?, status))
        };
        let ended = tokio::select! {
            read = read => Ok(read),
            trouble = self.watch(&run) => Err(trouble),
        };
        match ended {
            Ok(Ok((out, _, status))) if status.success() => Ok(group.done(out)),
            Ok(Ok((_, stderr, status))) => {
                let code = status.code().or_else(|| status.signal().map(|s| 128 + s));
                Err(group.done(Trouble::Exit { code, stderr }))
            }
            Ok(Err(error)) => Err(Trouble::Io(error)),
            Err(trouble) => {
                group.end(&mut child).await;
                Err(trouble)
            }
        }
    }

    fn environment(&self, remote: &Remote) -> Vec<(OsString, OsString)> {
        let mut all: Vec<(OsString, OsString)> =
            PASSED.iter().filter_map(|name| std::env::var_os(name).map(|value| (name.into(), value))).collect();
        let mut set = |name: &str, value: OsString| all.push((name.into(), value));
        set("LC_ALL", "C".into());
        set("GIT_CONFIG_NOSYSTEM", "1".into());
        set("GIT_ATTR_NOSYSTEM", "1".into());
        set("GIT_CONFIG_GLOBAL", self.config.clone().into());
        set("GIT_TERMINAL_PROMPT", "0".into());
        set("GIT_ALLOW_PROTOCOL", remote.protocol().name().into());
        if remote.protocol() == Protocol::Ssh {
            let ssh = std::env::var("GIT_SSH_COMMAND").unwrap_or_else(|_| "ssh".into());
            set("GIT_SSH_COMMAND", format!("{ssh} -o BatchMode=yes -o ConnectTimeout=20").into());
        }
        if let (Some(token), Some(origin)) = (remote.token(), origin(remote)) {
            let basic = base64::engine::general_purpose::STANDARD.encode(token.user_and_secret());
            set("GIT_CONFIG_COUNT", "2".into());
            set("GIT_CONFIG_KEY_0", format!("http.{origin}.extraHeader").into());
            set("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {basic}").into());
            // git would send the header to the next host too
            set("GIT_CONFIG_KEY_1", "http.followRedirects".into());
            set("GIT_CONFIG_VALUE_1", "false".into());
        }
        all
    }

    /// Ends when the run must end: cancelled, too slow, or too large.
    async fn watch(&self, run: &Run<'_>) -> Trouble {
        let end = Instant::now() + run.time;
        let before = run.watch.map(|(folder, _)| folder_size(folder));
        let mut ticks = interval_at(Instant::now() + Duration::from_millis(500), Duration::from_millis(500));
        loop {
            tokio::select! {
                () = self.cancel.cancelled() => return Trouble::Cancelled,
                () = tokio::time::sleep_until(end) => return Trouble::TimedOut(run.time),
                _ = ticks.tick() => {
                    if let (Some((folder, limit)), Some(before)) = (run.watch, before)
                        && folder_size(folder).saturating_sub(before) > limit
                    {
                        return Trouble::TooLarge(limit);
                    }
                }
            }
        }
    }
}

/// The process group of a running git; killed when dropped before [`Group::done`].
struct Group(Option<Pid>);

impl Group {
    fn done<T>(mut self, value: T) -> T {
        self.0 = None;
        value
    }

    /// Asks first, so that git removes its temporary files, then kills.
    async fn end(self, child: &mut Child) {
        if let Some(pid) = self.0 {
            let _ = kill_process_group(pid, Signal::TERM);
            let _ = timeout(Duration::from_secs(1), child.wait()).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// `https://host:port/`, the prefix under which the token is sent.
fn origin(remote: &Remote) -> Option<String> {
    let (scheme, rest) = remote.address().split_once("://")?;
    Some(format!("{scheme}://{}/", rest.split('/').next()?))
}

async fn read_all(pipe: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    pipe.take(MAX_STDOUT_BYTES + 1).read_to_end(&mut out).await?;
    if out.len() as u64 > MAX_STDOUT_BYTES {
        Err(io::Error::other("git answered with more than 64 MiB"))
    } else {
        Ok(out)
    }
}

/// Keeps the last part of what git says, and hands each line on as it comes.
async fn read_lines(mut pipe: impl AsyncRead + Unpin, progress: Option<&Progress>) -> io::Result<String> {
    let mut kept: Vec<u8> = Vec::new();
    let mut line: Vec<u8> = Vec::new();
    let mut chunk = [0u8; 4096];
    loop {
        let count = pipe.read(&mut chunk).await?;
        let Some(bytes) = chunk.get(..count).filter(|b| !b.is_empty()) else { break };
        for &byte in bytes {
            if byte != b'\n' && byte != b'\r' {
                line.push(byte);
                continue;
            }
            if let (Some(progress), false) = (progress, line.is_empty()) {
                progress(&String::from_utf8_lossy(&line));
            }
            // progress lines (ended by \r) are not part of what went wrong
            if byte == b'\n' {
                kept.append(&mut line);
                kept.push(b'\n');
            }
            line.clear();
        }
        line.truncate(MAX_STDERR_BYTES);
        kept.drain(..kept.len().saturating_sub(MAX_STDERR_BYTES));
    }
    kept.append(&mut line);
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

/// Bytes of the files below `folder`; what vanishes meanwhile counts nothing.
pub(super) fn folder_size(folder: &Path) -> u64 {
    let mut size = 0;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => open.push(entry.path()),
                Ok(meta) => size += meta.len(),
                Err(_) => {}
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &Path) -> Program {
        Program::new(folder, CancellationToken::new(), None).unwrap()
    }

    fn run<'a>(args: &[&str]) -> Run<'a> {
        Run { args: args.iter().map(Into::into).collect(), time: Duration::from_secs(20), watch: None, lock: None }
    }

    #[tokio::test]
    async fn git_sees_only_our_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let remote = Remote::from_path(dir.path()).unwrap();
        let out = program(dir.path()).run(&remote, run(&["config", "--global", "--list"])).await.unwrap();
        assert!(String::from_utf8(out).unwrap().contains("core.hookspath=/dev/null"));
    }

    #[tokio::test]
    async fn the_token_is_in_the_environment_for_its_host_only() {
        let dir = tempfile::tempdir().unwrap();
        let token = Some(super::super::Token::new("s3cret"));
        let remote = Remote::parse("https://h.example:8443/a/b").unwrap().with_token(token);
        let header = "eC1hY2Nlc3MtdG9rZW46czNjcmV0";
        let ask = |url: &str| {
            let (program, remote) = (program(dir.path()), remote.clone());
            let args = ["config", "--get-urlmatch", "http.extraheader", url].map(str::to_owned);
            async move { program.run(&remote, run(&args.each_ref().map(String::as_str))).await }
        };
        assert!(String::from_utf8(ask("https://h.example:8443/a/b").await.unwrap()).unwrap().contains(header));
        assert!(ask("https://other.example/a/b").await.is_err());
    }

    #[tokio::test]
    async fn a_run_ends_at_its_time_limit_and_when_cancelled() {
        let dir = tempfile::tempdir().unwrap();
        let remote = Remote::from_path(dir.path()).unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        // `cat-file --batch` waits for its standard input, here a pipe that says nothing
        let waiting = File::from(std::os::fd::OwnedFd::from(reader));
        git2::Repository::init_bare(dir.path().join("r")).unwrap();
        let git_dir = format!("--git-dir={}", dir.path().join("r").display());
        let mut slow = run(&[&git_dir, "cat-file", "--batch"]);
        slow.lock = Some(&waiting);
        slow.time = Duration::from_millis(100);
        assert!(matches!(program(dir.path()).run(&remote, slow).await, Err(Trouble::TimedOut(_))));
        let program = program(dir.path());
        program.cancel.cancel();
        assert!(matches!(program.run(&remote, run(&["version"])).await, Err(Trouble::Cancelled)));
    }
}
