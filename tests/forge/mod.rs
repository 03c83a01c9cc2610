//! An in-process, stateful, deterministic GitHub: REST over HTTP, git over smart HTTP, every exchange held against GitHub's OpenAPI description.
// three programs share it, and none uses all of it
#![allow(dead_code, unused_imports)]

pub mod auth;
pub mod checks;
pub mod comments;
pub mod control;
pub mod deployments;
pub mod events;
pub mod faults;
pub mod git;
pub mod git_http;
pub mod journal;
pub mod merge;
pub mod net;
pub mod people;
pub mod pulls;
pub mod read;
pub mod repos;
pub mod routes;
pub mod seed;
pub mod server;
pub mod show;
pub mod state;
pub mod statuses;
pub mod sync;
pub mod validate;
pub mod wire;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

pub use faults::Fault;
pub use journal::Call;
pub use seed::AppKeys;
pub use state::State;

/// All example payloads of the events that mean something to us: `[{event, payload}]`.
pub const PAYLOADS: &str = include_str!("payloads.json");

/// What is known and can be done to a fake; cheap to clone into hooks and other threads.
#[derive(Clone)]
pub struct Hub {
    state: Arc<Mutex<State>>,
    endpoint: String,
}

/// A running fake; it ends when it is dropped, and fails the test where an exchange was not as GitHub describes it.
pub struct FakeGitHub {
    hub: Hub,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for FakeGitHub {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let violations = self.take_violations();
        if !violations.is_empty() && !std::thread::panicking() {
            panic!("not as GitHub's OpenAPI description says:\n{}", violations.join("\n"));
        }
    }
}

impl std::ops::Deref for FakeGitHub {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        &self.hub
    }
}

impl FakeGitHub {
    /// Starts on a free port, in a thread of its own, so that a test may block on a child process.
    /// `dir` is for bare repositories of the fake's own: [`Hub::bare`].
    pub fn start(dir: impl AsRef<Path>) -> FakeGitHub {
        FakeGitHub::listen(dir, "127.0.0.1:0")
    }

    /// The same at an address.
    pub fn listen(dir: impl AsRef<Path>, address: &str) -> FakeGitHub {
        let listener = std::net::TcpListener::bind(address).expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("the bound address"));
        let dir = std::path::absolute(dir).expect("a folder");
        let state = Arc::new(Mutex::new(State::new(endpoint.clone(), dir)));
        let hub = Hub { state, endpoint };
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let served = hub.clone();
        let thread = std::thread::spawn(move || server::run(listener, served, stopped));
        FakeGitHub { hub, stop: Some(stop), thread: Some(thread) }
    }

    /// For hooks: what can be done to the fake from elsewhere.
    pub fn hub(&self) -> Hub {
        self.hub.clone()
    }
}

impl Hub {
    /// As `GITHUB_API_URL` of GitHub Enterprise: `http://127.0.0.1:PORT/api/v3`.
    pub fn api_url(&self) -> String {
        format!("{}/api/v3", self.endpoint)
    }

    /// As `GITHUB_SERVER_URL`: git is at `{server_url}/{owner}/{repo}.git`; the REST routes are here too.
    pub fn server_url(&self) -> &str {
        &self.endpoint
    }

    /// Where a repository is cloned from.
    pub fn clone_url(&self, repo: &str) -> String {
        format!("{}/{repo}.git", self.endpoint)
    }

    /// What a job of GitHub Actions finds in its environment about where GitHub is.
    pub fn env(&self, repo: &str, token: &str) -> Vec<(String, String)> {
        let owner = repo.split('/').next().unwrap_or_default();
        let id = self.state().repo_named(repo).map_or(0, |found| found.id);
        [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_API_URL", &self.api_url()),
            ("GITHUB_SERVER_URL", self.server_url()),
            ("GITHUB_REPOSITORY", repo),
            ("GITHUB_REPOSITORY_ID", &id.to_string()),
            ("GITHUB_REPOSITORY_OWNER", owner),
            ("GITHUB_TOKEN", token),
            ("GITHUB_RUN_ID", "7000000001"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("NO_PROXY", "127.0.0.1"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The environment of a job with `id-token: write`; the token's subject is `subject`.
    pub fn oidc_env(&self, subject: &str) -> Vec<(String, String)> {
        self.state().oidc_subject = subject.to_owned();
        vec![
            ("ACTIONS_ID_TOKEN_REQUEST_URL".into(), format!("{}/_oidc/token?api-version=2.0", self.endpoint)),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN".into(), people::OIDC_BEARER.into()),
        ]
    }

    /// The whole state, for what no helper offers. Do not hold it across a call.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What was not as GitHub's description says, so far.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// The same, forgiven: for tests that send something wrong on purpose.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.state().violations)
    }

    /// A folder of the fake's own for a bare repository.
    pub fn bare(&self, repo: &str) -> PathBuf {
        self.state().dir.join(format!("{repo}.git"))
    }
}
