//! One MiniStack for the whole test binary, stopped when the binary ends however it ends; one account per test.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudformation::types::{Stack, StackEvent};
use tokio::runtime::Runtime;

use crate::http;

pub const REGION: &str = "us-east-1";

/// The emulator, and what all tests share.
pub struct Cloud {
    pub address: SocketAddr,
    pub endpoint: String,
    /// Where the tests work; on the same file system as installed packages, so that these can be linked.
    pub scratch: PathBuf,
    /// Shared by all tests: npm packages are installed once.
    pub cache: PathBuf,
    runtime: Runtime,
    _caretaker: Child,
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn is_set(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|v| v == "1")
}

/// The emulator, started by the first test that asks; `None`, said once, where end-to-end tests are not wanted.
pub fn cloud() -> Option<&'static Cloud> {
    static CLOUD: OnceLock<Option<Cloud>> = OnceLock::new();
    let start = || {
        if is_set("OFFSHOOT_E2E") {
            return Some(Cloud::start());
        }
        say("skipped: end-to-end tests start an AWS emulator, and run only with OFFSHOOT_E2E=1");
        None
    };
    CLOUD.get_or_init(start).as_ref()
}

/// A line that is seen although the test passes.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "e2e: {text}");
}

impl Cloud {
    fn start() -> Cloud {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("e2e-{}", std::process::id()));
        let run = scratch.join("ministack");
        std::fs::create_dir_all(&run).expect("a scratch folder");
        let rig = root().join("rigs/ministack.sh");
        let caretaker = caretaker(&rig, &run, &scratch);
        let started = Command::new(&rig)
            .arg("start")
            .env("MINISTACK_RUN", &run)
            .stderr(Stdio::inherit())
            .output()
            .expect("rigs/ministack.sh");
        assert!(started.status.success(), "MiniStack does not start; its log is in {}", run.display());
        let endpoint = String::from_utf8_lossy(&started.stdout).trim().to_owned();
        let address = endpoint.trim_start_matches("http://").parse().expect("the emulator's address");
        let cache = scratch.join("cache");
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        Cloud { address, endpoint, cache, scratch, runtime, _caretaker: caretaker }
    }

    /// A fresh account with the bucket and the version that `cdk bootstrap` would leave: cheap, and enough for us.
    pub fn account(&'static self) -> Account {
        let account = self.bare_account();
        let bucket = format!("{}/cdk-hnb659fds-assets-{}-{REGION}", self.endpoint, account.id);
        let answer = account.signed(&bucket, "PUT", "s3", &[], "");
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let version = serde_json::json!({"Name": "/cdk-bootstrap/hnb659fds/version", "Type": "String", "Value": "30"});
        account.ssm("PutParameter", &version);
        account
    }

    /// A fresh account with nothing in it.
    pub fn bare_account(&'static self) -> Account {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = format!("2{:011}", NEXT.fetch_add(1, Ordering::Relaxed));
        let config = aws_sdk_cloudformation::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(&id, "secret", None, None, "test"))
            .build();
        Account { cloud: self, id, client: Client::from_conf(config) }
    }
}

/// Waits until this process is gone, even if it was killed, then stops the emulator and cleans up.
fn caretaker(rig: &Path, run: &Path, scratch: &Path) -> Child {
    use std::os::unix::process::CommandExt;
    Command::new("sh")
        .args(["-c", r#"cat >/dev/null; "$1" stop; rm -rf "$2""#, "caretaker"])
        .args([rig, scratch])
        .env("MINISTACK_RUN", run)
        // the other end closes when this process ends
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C in the terminal ends the tests, not the one who cleans up after them
        .process_group(0)
        .spawn()
        .expect("sh")
}

/// One account of the emulator, looked at from outside.
pub struct Account {
    pub cloud: &'static Cloud,
    pub id: String,
    client: Client,
}

impl Account {
    /// The emulator knows the account by the key in the signature, and does not check the signature itself.
    fn signed(&self, url: &str, method: &str, service: &str, headers: &[(&str, &str)], body: &str) -> http::Message {
        let scope = format!("{}/20260101/{REGION}/{service}/aws4_request", self.id);
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={}", "0".repeat(64));
        let all = [&[("authorization", authorization.as_str()), ("x-amz-date", "20260101T000000Z")], headers].concat();
        http::call(self.cloud.address, method, url, &all, body)
    }

    /// Calls what is deployed in the account. The emulator finds an API in the account of the caller's key. Like any
    /// caller of an API, it tries again where the server was not ready: a cold function of a busy emulator.
    pub fn call(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> http::Message {
        let mut answer = self.signed(url, method, "execute-api", headers, body);
        for _ in 0..4 {
            if answer.status() < 500 {
                break;
            }
            say(&format!("{method} {url}: {} {}; trying again", answer.status(), answer.text()));
            answer = self.signed(url, method, "execute-api", headers, body);
        }
        answer
    }

    pub fn ssm(&self, action: &str, body: &serde_json::Value) {
        let target = format!("AmazonSSM.{action}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
        let answer = self.signed(&format!("{}/", self.cloud.endpoint), "POST", "ssm", &headers, &body.to_string());
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }

    /// Stacks that exist, by name.
    pub fn stacks(&self) -> Vec<Stack> {
        let pages = self.client.describe_stacks().into_paginator().items().send();
        let mut stacks = self.wait(async { pages.collect::<Result<Vec<_>, _>>().await }).expect("describing stacks");
        stacks.sort_by(|a, b| a.stack_name().cmp(&b.stack_name()));
        stacks
    }

    /// The events of a stack, oldest first.
    pub fn events(&self, stack: &str) -> Vec<StackEvent> {
        let pages = self.client.describe_stack_events().stack_name(stack).into_paginator().items().send();
        let mut events = self.wait(async { pages.collect::<Result<Vec<_>, _>>().await }).expect("reading events");
        events.reverse();
        events
    }

    /// All that can be seen of the account's stacks, one line each, without what differs from account to account.
    pub fn picture(&self) -> Vec<String> {
        self.stacks()
            .iter()
            .flat_map(|stack| self.picture_of(stack))
            .map(|line| line.replace(&self.id, "<account>"))
            .collect()
    }

    fn picture_of(&self, stack: &Stack) -> Vec<String> {
        let name = stack.stack_name().unwrap_or_default();
        let status = stack.stack_status().map(|s| s.as_str()).unwrap_or_default();
        let mut lines = vec![format!("{name} {status}")];
        let value = |text: Option<&str>| text.unwrap_or_default().to_owned();
        lines.extend(
            stack
                .outputs()
                .iter()
                .map(|o| format!("{name} output {} = {}", value(o.output_key()), value(o.output_value()))),
        );
        let resources =
            self.wait(self.client.describe_stack_resources().stack_name(name).send()).expect("describing resources");
        let mut described: Vec<String> = resources
            .stack_resources()
            .iter()
            .map(|r| {
                let status = r.resource_status().map(|s| s.as_str()).unwrap_or_default();
                format!(
                    "{name} {} {} {} {status}",
                    value(r.logical_resource_id()),
                    value(r.resource_type()),
                    value(r.physical_resource_id())
                )
            })
            .collect();
        described.sort();
        lines.extend(described);
        lines.push(format!("{name} template {}", self.template(name)));
        lines
    }

    /// The template as it was given.
    pub fn template(&self, stack: &str) -> String {
        let found = self.wait(self.client.get_template().stack_name(stack).send()).expect("reading a template");
        found.template_body().unwrap_or_default().to_owned()
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.cloud.runtime.block_on(future)
    }
}
