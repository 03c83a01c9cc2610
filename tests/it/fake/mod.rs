//! An in-process, stateful, deterministic AWS that the real SDK clients and the offshoot binary talk to over HTTP.
#![allow(dead_code)]

pub mod api;
pub mod cfn;
pub mod faults;
pub mod journal;
pub mod lambda;
pub mod s3;
pub mod s3_objects;
pub mod seed;
pub mod server;
pub mod ssm;
pub mod sts;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

pub use cfn::model::{Drifted, On, Stack};
pub use faults::Fault;
pub use journal::Call;

/// The account of an access key that names none.
pub const ACCOUNT: &str = "111111111111";
/// The region that `env()` names.
pub const REGION: &str = "us-east-1";

/// Account and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub account: String,
    pub region: String,
}

impl Place {
    pub fn new(account: &str, region: &str) -> Self {
        Place { account: account.to_owned(), region: region.to_owned() }
    }
}

/// Everything the fake knows.
#[derive(Default)]
pub struct State {
    pub clock_ms: i64,
    pub next_id: u64,
    pub endpoint: String,
    pub faults: Vec<faults::Rule>,
    pub journal: Vec<Call>,
    pub hooks: Vec<journal::Hook>,
    /// Requests that arrived since the start; `clear_journal` does not reset it.
    pub arrived: usize,
    pub page_size: usize,
    pub steps_per_poll: usize,
    pub sts: sts::Sts,
    pub s3: s3::S3,
    pub parameters: BTreeMap<(Place, String), ssm::Parameter>,
    pub functions: BTreeMap<(Place, String), lambda::Function>,
    pub stacks: Vec<Stack>,
    pub change_sets: Vec<cfn::model::ChangeSet>,
    pub detections: BTreeMap<String, cfn::drift::Detection>,
    pub scripts: cfn::model::Scripts,
}

impl State {
    fn new(endpoint: String) -> Self {
        State { endpoint, page_size: 100, steps_per_poll: 1, ..State::default() }
    }

    /// The next moment: real time, but every call gives a later millisecond.
    pub fn tick(&mut self) -> i64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        self.clock_ms = real.max(self.clock_ms + 1);
        self.clock_ms
    }

    /// The next moment as RFC 3339.
    pub fn now(&mut self) -> String {
        let ms = self.tick();
        iso(ms)
    }

    /// A number that no other thing of this fake has.
    pub fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// A UUID, always the same for the same course of calls.
    pub fn uuid(&mut self) -> String {
        let n = self.id();
        format!("{:08x}-0000-4000-8000-{n:012x}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff)
    }
}

/// Milliseconds since 1970 as RFC 3339 with milliseconds.
pub fn iso(ms: i64) -> String {
    let stamp = jiff::Timestamp::from_millisecond(ms).expect("a moment within range");
    format!("{stamp:.3}")
}

/// A running fake; it ends when it is dropped.
pub struct FakeAws {
    pub(crate) state: Arc<Mutex<State>>,
    endpoint: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl FakeAws {
    /// Starts on a free port, in a thread of its own, so that a test may block on a child process.
    pub async fn start() -> FakeAws {
        FakeAws::start_here()
    }

    /// The same for tests that are not asynchronous.
    pub fn start_here() -> FakeAws {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("the bound address"));
        let state = Arc::new(Mutex::new(State::new(endpoint.clone())));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let served = state.clone();
        let thread = std::thread::spawn(move || server::run(listener, served, stopped));
        FakeAws { state, endpoint, stop: Some(stop), thread: Some(thread) }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The environment of a child process that shall talk to this fake, as account [`ACCOUNT`] in [`REGION`].
    pub fn env(&self) -> Vec<(String, String)> {
        self.env_for(ACCOUNT, REGION)
    }

    /// The same for another account and region.
    pub fn env_for(&self, account: &str, region: &str) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", account),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", region),
            ("AWS_DEFAULT_REGION", region),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("NO_PROXY", "127.0.0.1"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The whole state, for what no helper offers. Do not hold it across a call.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Sets of strings come up everywhere here.
pub type Names = BTreeSet<String>;
