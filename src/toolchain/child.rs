//! Runs one child process in a clean environment, within its limits, and ends everything it started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::capture::Captured;
use super::limits::Limits;
use super::process_tree::ProcessTree;
use super::sandbox::Sandbox;
use crate::error::{Error, Result};

/// Which of the child's streams a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// Called with every line as it is written.
pub type LineSink = Arc<dyn Fn(Stream, &str) + Send + Sync>;

/// One child to run.
#[derive(Clone)]
pub struct Job {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub cwd: PathBuf,
    /// The whole environment, see [`clean_environment`]; nothing is inherited.
    pub env: BTreeMap<String, String>,
    pub limits: Limits,
    pub cancel: CancellationToken,
    pub lines: Option<LineSink>,
}

/// How a child came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Exited { code: i32 },
    Signalled { signal: i32 },
    TimedOut { after_s: u64 },
    OutOfMemory { used_mb: u64 },
    Cancelled,
}

/// A child that has ended, and what it left.
#[derive(Clone, Debug)]
pub struct Ended {
    pub ending: Ending,
    pub stdout: Captured,
    pub stderr: Captured,
    pub elapsed: Duration,
    /// The highest sample; zero for a child that ended before the first one.
    pub peak_memory_mb: u64,
}

impl Ended {
    pub fn succeeded(&self) -> bool {
        self.ending == Ending::Exited { code: 0 }
    }
}

const SAMPLE_EVERY: Duration = Duration::from_millis(200);
const MAX_LINE_BYTES: usize = 64 * 1024;

/// What a child may know of our own environment: no credentials, no tokens, nothing that names the person.
const INHERITED: [&str; 8] =
    ["PATH", "LANG", "TZ", "NODE_EXTRA_CA_CERTS", "JAVA_HOME", "VIRTUAL_ENV", "DOTNET_ROOT", "GOROOT"];

/// The environment of a child: a short allow-list of our own, a private home and temporary folder, and what is given,
/// except names that carry credentials.
pub fn clean_environment(home: &Path, tmp: &Path, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let inherited = std::env::vars().filter(|(name, _)| INHERITED.contains(&name.as_str()) || name.starts_with("LC_"));
    let private = [
        ("HOME", home.display().to_string()),
        ("TMPDIR", tmp.display().to_string()),
        // without credentials a child would otherwise wait for, or worse use, those of the machine
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("NPM_CONFIG_UPDATE_NOTIFIER", "false".to_owned()),
    ];
    inherited
        .chain(private.map(|(name, value)| (name.to_owned(), value)))
        .chain(given.iter().filter(|(name, _)| !carries_credentials(name)).map(|(n, v)| (n.clone(), v.clone())))
        .collect()
}

/// Whether a variable of this name never reaches a child, whoever asks for it.
pub(super) fn carries_credentials(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let harmless = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED"];
    let prefixed = ["AWS_", "GITHUB_", "ACTIONS_", "GH_"].iter().any(|prefix| name.starts_with(prefix));
    (prefixed && !harmless.contains(&name.as_str())) || name.ends_with("_TOKEN")
}

/// Ends the family when the future that waits for it is dropped.
struct KillOnDrop(Option<ProcessTree>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(tree) = self.0.take() {
            tree.kill();
        }
    }
}

/// Runs the child to its end. An error means that it could not be started; how it ended is in [`Ended::ending`].
///
/// Call it from an asynchronous task, not from a blocking thread: the sandbox ends with the thread that started it.
pub async fn run(job: Job, sandbox: &Sandbox) -> Result<Ended> {
    let started = Instant::now();
    let doing = || format!("starting {}", job.program.display());
    let (program, args) = sandbox.wrap(&job.program, &job.args, &job.cwd);
    let mut child = tokio::process::Command::new(&program)
        .args(&args)
        .current_dir(&job.cwd)
        .env_clear()
        .envs(&job.env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| start_error(doing(), &job, source))?;
    let tree = ProcessTree::new(child.id().map_or(0, u32::cast_signed));
    let mut guard = KillOnDrop(Some(tree));
    let out = child.stdout.take().map(|pipe| read(pipe, Stream::Out, job.lines.clone()));
    let err = child.stderr.take().map(|pipe| read(pipe, Stream::Err, job.lines.clone()));

    let (ending, peak_bytes) =
        wait(&mut child, tree, &job).await.map_err(|source| Error::io(doing(), &job.cwd, source))?;
    tree.kill();
    guard.0 = None;
    let _ = tokio::time::timeout(Duration::from_secs(5), child.wait()).await;
    Ok(Ended {
        ending,
        stdout: collect(out).await,
        stderr: collect(err).await,
        elapsed: started.elapsed(),
        peak_memory_mb: peak_bytes / (1024 * 1024),
    })
}

fn start_error(doing: String, job: &Job, source: std::io::Error) -> Error {
    if source.kind() == std::io::ErrorKind::NotFound {
        let what = if job.cwd.is_dir() { "there is no such program" } else { "its folder does not exist" };
        return Error::failed("child.missing", doing, what).next("install it, or put it on the PATH").because(source);
    }
    Error::failed("child.start", doing, source.to_string()).because(source)
}

async fn wait(child: &mut tokio::process::Child, tree: ProcessTree, job: &Job) -> std::io::Result<(Ending, u64)> {
    use std::os::unix::process::ExitStatusExt as _;
    let mut peak_bytes = 0;
    let timeout = tokio::time::sleep(job.limits.time());
    tokio::pin!(timeout);
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status?;
                let ending = match status.code() {
                    Some(code) => Ending::Exited { code },
                    None => Ending::Signalled { signal: status.signal().unwrap_or(0) },
                };
                return Ok((ending, peak_bytes));
            }
            () = job.cancel.cancelled() => return Ok((Ending::Cancelled, peak_bytes)),
            () = &mut timeout => return Ok((Ending::TimedOut { after_s: job.limits.time_s }, peak_bytes)),
            () = tokio::time::sleep(SAMPLE_EVERY) => {
                let rss_bytes = tree.rss_bytes();
                peak_bytes = peak_bytes.max(rss_bytes);
                if rss_bytes > job.limits.memory_bytes() {
                    return Ok((Ending::OutOfMemory { used_mb: rss_bytes / (1024 * 1024) }, peak_bytes));
                }
            }
        }
    }
}

fn read(
    mut pipe: impl AsyncRead + Unpin + Send + 'static,
    stream: Stream,
    lines: Option<LineSink>,
) -> JoinHandle<Captured> {
    tokio::spawn(async move {
        let mut captured = Captured::default();
        let mut chunk = vec![0; 16 * 1024];
        let mut line = Vec::new();
        while let Ok(size @ 1..) = pipe.read(&mut chunk).await {
            let bytes = chunk.get(..size).unwrap_or_default();
            captured.push(bytes);
            if let Some(sink) = &lines {
                split_lines(&mut line, bytes, |text| sink(stream, text));
            }
        }
        if let Some(sink) = lines.filter(|_| !line.is_empty()) {
            sink(stream, &String::from_utf8_lossy(&line));
        }
        captured
    })
}

fn split_lines(line: &mut Vec<u8>, bytes: &[u8], mut each: impl FnMut(&str)) {
    for &byte in bytes {
        if byte == b'\n' || line.len() >= MAX_LINE_BYTES {
            each(String::from_utf8_lossy(line).trim_end_matches('\r'));
            line.clear();
        }
        if byte != b'\n' {
            line.push(byte);
        }
    }
}

/// A process that escaped may hold the pipe open; what was read so far is lost then, but nobody waits for ever.
async fn collect(reader: Option<JoinHandle<Captured>>) -> Captured {
    let Some(reader) = reader else { return Captured::default() };
    let abort = reader.abort_handle();
    match tokio::time::timeout(Duration::from_secs(2), reader).await {
        Ok(captured) => captured.unwrap_or_default(),
        Err(_) => {
            abort.abort();
            Captured::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limits: Limits) -> Job {
        Job {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            cwd: "/".into(),
            env: clean_environment(Path::new("/nonexistent"), Path::new("/tmp"), &BTreeMap::new()),
            limits,
            cancel: CancellationToken::new(),
            lines: None,
        }
    }

    #[tokio::test]
    async fn no_secret_of_ours_reaches_a_child() {
        let given: BTreeMap<_, _> = ["AWS_SESSION_TOKEN", "GITHUB_TOKEN", "MY_TOKEN", "STAGE", "AWS_REGION"]
            .map(|name| (name.to_owned(), "v".to_owned()))
            .into();
        let env = clean_environment(Path::new("/h"), Path::new("/t"), &given);
        let names: Vec<_> = env.keys().map(String::as_str).collect();
        assert!(names.contains(&"STAGE") && names.contains(&"AWS_REGION") && names.contains(&"PATH"));
        assert!(!names.iter().any(|name| carries_credentials(name)), "{names:?}");
        assert_eq!(env["HOME"], "/h");
        let ended = run(shell("env", Limits::default()), &Sandbox::off()).await.unwrap();
        assert!(!ended.stdout.text().contains("CARGO_"), "{}", ended.stdout.text());
    }

    #[tokio::test]
    async fn a_hanging_child_ends_with_its_grandchildren() {
        let started = Instant::now();
        let job = shell("sleep 71 & echo $!; wait", Limits { time_s: 1, memory_mb: 100 });
        let ended = run(job, &Sandbox::off()).await.unwrap();
        assert_eq!(ended.ending, Ending::TimedOut { after_s: 1 });
        assert!(started.elapsed() < Duration::from_secs(5));
        let pid = ended.stdout.text().trim().to_owned();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }

    #[tokio::test]
    async fn too_much_memory_is_named() {
        let job = shell("head -c 300m /dev/zero | tail; sleep 9", Limits { time_s: 20, memory_mb: 50 });
        let ended = run(job, &Sandbox::off()).await.unwrap();
        assert!(matches!(ended.ending, Ending::OutOfMemory { used_mb: 50.. }), "{:?}", ended.ending);
    }

    #[tokio::test]
    async fn cancelling_ends_it_and_a_missing_program_is_said() {
        let job = shell("sleep 60", Limits::default());
        job.cancel.cancel();
        assert_eq!(run(job, &Sandbox::off()).await.unwrap().ending, Ending::Cancelled);
        let job = Job { program: "no-such-program-here".into(), ..shell("", Limits::default()) };
        let error = run(job, &Sandbox::off()).await.unwrap_err();
        assert_eq!(error.code(), "child.missing");
    }

    #[tokio::test]
    async fn lines_arrive_as_they_are_written() {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = seen.clone();
        let lines: LineSink = Arc::new(move |stream, line| sink.lock().unwrap().push((stream, line.to_owned())));
        let job = Job { lines: Some(lines), ..shell("echo one; printf two", Limits::default()) };
        assert!(run(job, &Sandbox::off()).await.unwrap().succeeded());
        let expected = [(Stream::Out, "one".to_owned()), (Stream::Out, "two".to_owned())];
        assert_eq!(*seen.lock().unwrap(), expected);
    }
}
