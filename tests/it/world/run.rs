//! One run of the real binary: what it printed, how it ended, and what a test may ask of it.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use serde_json::Value;

/// No scenario needs this long; a run that hangs is killed and fails its test.
const LONGEST: Duration = Duration::from_secs(60);

/// The binary under test, copied at first use, so that a build beside the tests does not exchange it half-way.
pub fn binary() -> PathBuf {
    static COPY: OnceLock<PathBuf> = OnceLock::new();
    let copy = || {
        let folder = std::env::temp_dir().join(format!("offshoot-it-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the binary");
        let path = folder.join("offshoot");
        std::fs::copy(env!("CARGO_BIN_EXE_offshoot"), &path).expect("the built binary");
        path
    };
    COPY.get_or_init(copy).clone()
}

/// A process that still runs.
pub struct Running {
    child: Child,
    out: Stream,
    err: Stream,
    command: String,
}

/// One of its output streams, read as it comes.
struct Stream(Arc<(Mutex<Text>, Condvar)>);

#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    /// The process has closed the stream, which it does at its end.
    ended: bool,
}

impl Stream {
    fn read(mut from: impl Read + Send + 'static) -> Stream {
        let shared = Arc::new((Mutex::new(Text::default()), Condvar::new()));
        let stream = Stream(shared.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let read = from.read(&mut buffer).unwrap_or(0);
                let mut text = shared.0.lock().expect("the reader");
                text.bytes.extend_from_slice(&buffer[..read]);
                text.ended = read == 0;
                shared.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        stream
    }

    fn now(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().expect("the reader").bytes).into_owned()
    }

    /// Waits until `enough` or its end; false: that took too long.
    fn wait(&self, enough: impl Fn(&str) -> bool) -> bool {
        let text = self.0.0.lock().expect("the reader");
        let more = |text: &mut Text| !text.ended && !enough(&String::from_utf8_lossy(&text.bytes));
        let (_text, waited) = self.0.1.wait_timeout_while(text, LONGEST, more).expect("the reader");
        !waited.timed_out()
    }
}

impl Running {
    pub fn start(mut command: Command, words: &str) -> Running {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let out = Stream::read(child.stdout.take().expect("stdout"));
        let err = Stream::read(child.stderr.take().expect("stderr"));
        Running { child, out, err, command: words.to_owned() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has said this on standard error.
    pub fn until_it_says(&self, text: &str) {
        self.err.wait(|said| said.contains(text));
        let said = self.err.now();
        assert!(said.contains(text), "{}: it never said {text:?}:\n{said}", self.command);
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        signal(self.id(), rustix::process::Signal::INT);
    }

    /// Waits for its end.
    pub fn end(mut self) -> Run {
        let never = |_: &str| false;
        if !self.out.wait(never) || !self.err.wait(never) {
            let _ = self.child.kill();
            panic!("{}: it hangs\n{}\n{}", self.command, self.out.now(), self.err.now());
        }
        let status = self.child.wait().expect("its end");
        Run::of(status, &self.command, self.out.now(), self.err.now())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // a test that failed half-way leaves nothing behind
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a child of this test.
pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    let _ = rustix::process::kill_process(pid, signal);
}

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
    command: String,
}

impl Run {
    fn of(status: ExitStatus, command: &str, out: String, err: String) -> Run {
        Run { code: status.code().unwrap_or(-1), out, err, command: command.to_owned() }
    }

    /// Ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Run {
        assert!(self.code == code, "{} ended with {}, not {code}\n{}", self.command, self.code, self.both());
        self
    }

    /// Ended with 0.
    #[track_caller]
    pub fn done(self) -> Run {
        self.exits(0)
    }

    /// Ended with 1: something failed.
    #[track_caller]
    pub fn failed(self) -> Run {
        self.exits(1)
    }

    /// Ended with 3: a rule forbids it.
    #[track_caller]
    pub fn refused(self) -> Run {
        self.exits(3)
    }

    /// Ended with 64: wrong usage or configuration.
    #[track_caller]
    pub fn wrong(self) -> Run {
        self.exits(64)
    }

    /// Says this somewhere; line ends and indents do not count.
    #[track_caller]
    pub fn says(self, text: &str) -> Run {
        let (all, wanted) = (one_line(&self.both()), one_line(text));
        assert!(all.contains(&wanted), "{} does not say {text:?}\n{}", self.command, self.both());
        self
    }

    #[track_caller]
    pub fn says_nothing_of(self, text: &str) -> Run {
        assert!(!one_line(&self.both()).contains(&one_line(text)), "{} says {text:?}\n{}", self.command, self.both());
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{}: {e}\n{}", self.command, self.both()))
    }

    fn both(&self) -> String {
        format!("── stdout\n{}── stderr\n{}", self.out, self.err)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What differs from run to run becomes a word: commits, digests, times, the world's folder.
pub fn filters() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    for (pattern, word) in [
        (r"(/private)?/tmp/\.tmp[A-Za-z0-9]+", "[world]"),
        (r"\b[0-9a-f]{64}\b", "[digest]"),
        (r"\b([Pp]lan|approve) (`?)[0-9a-f]{12}\b", "$1 $2[digest]"),
        (r"\b(at|[Rr]evision|commit) (`?)[0-9a-f]{8}\b", "$1 $2[commit]"),
        (r"`[0-9a-f]{8}`", "`[commit]`"),
        (r"\b[0-9]+\.[0-9] s\b", "0.0 s"),
        (r"\b20\d\d-\d\d-\d\d \d\d:\d\d UTC", "[time]"),
        (r"127\.0\.0\.1:\d+", "[forge]"),
        (r"\b20\d\d-\d\d-\d\dT[0-9:.]+Z", "[time]"),
        (r"[0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12}", "[uuid]"),
        (r"\boffshoot-[0-9a-f]{24}\b", "offshoot-[name]"),
        (r"\b(prod-\w+-\w+)-[0-9A-F]{12}\b", "$1-[id]"),
    ] {
        settings.add_filter(pattern, word);
    }
    settings
}

/// Compares a whole text, with [`filters`].
macro_rules! shows {
    ($text:expr, @$snapshot:literal) => {
        $crate::world::run::filters().bind(|| insta::assert_snapshot!($text, @$snapshot))
    };
}
pub(crate) use shows;
