//! What a child may see and change: bubblewrap where it works, a note where it does not.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::error::{Error, Result};

/// Whether the code that runs has been seen by somebody who may deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    Trusted,
    /// A revision from outside: no network, and caches of its own.
    Untrusted,
}

impl Trust {
    /// The folder name of the caches that code of this trust may fill.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Trust::Trusted => "trusted",
            Trust::Untrusted => "untrusted",
        }
    }
}

/// Whether children are put into a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxMode {
    /// Where bubblewrap works.
    Auto,
    /// Not at all, as in a pod that is itself the sandbox.
    Off,
    /// An error where bubblewrap does not work.
    Required,
}

/// Whether the network can be reached from inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Shared,
    None,
}

/// A way to run children, fixed once and used for each of them.
#[derive(Clone, Debug)]
pub struct Sandbox {
    bwrap: Option<PathBuf>,
    network: Network,
    writable: Vec<PathBuf>,
    readable: Vec<PathBuf>,
    hidden: Vec<PathBuf>,
    note: Option<String>,
}

impl Sandbox {
    /// No sandbox at all.
    pub fn off() -> Self {
        Sandbox {
            bwrap: None,
            network: Network::Shared,
            writable: Vec::new(),
            readable: Vec::new(),
            hidden: Vec::new(),
            note: None,
        }
    }

    /// Looks once per process whether bubblewrap works here. Code of strangers runs in it or not at all, whatever `mode`
    /// says.
    pub async fn open(mode: SandboxMode, trust: Trust) -> Result<Self> {
        let network = if trust == Trust::Untrusted { Network::None } else { Network::Shared };
        let off = Sandbox { network, ..Sandbox::off() };
        let mode = if trust == Trust::Untrusted { SandboxMode::Required } else { mode };
        if mode == SandboxMode::Off {
            return Ok(off);
        }
        let bwrap = working_bwrap().await;
        if let Some(bwrap) = bwrap {
            let hidden = hidden_paths();
            return Ok(Sandbox { bwrap: Some(bwrap), hidden, ..off });
        }
        if mode == SandboxMode::Required {
            let what = "bubblewrap (bwrap) is not installed, or may not make namespaces on this machine";
            return Err(Error::failed("sandbox.unavailable", "preparing the sandbox", what).next(
                "install bubblewrap and allow unprivileged user namespaces, or run in a pod that is itself a sandbox",
            ));
        }
        let note = "The app runs without a sandbox: bubblewrap does not work on this machine.";
        Ok(Sandbox { note: Some(note.to_owned()), ..off })
    }

    /// A folder that a child may change.
    #[must_use]
    pub fn writable(mut self, path: &Path) -> Self {
        self.writable.push(path.to_path_buf());
        self
    }

    /// A folder that a child must be able to read even when it lies in `/tmp`.
    #[must_use]
    pub fn readable(mut self, path: &Path) -> Self {
        self.readable.push(path.to_path_buf());
        self
    }

    /// A file or folder that a child sees empty.
    #[must_use]
    pub fn hide(mut self, path: &Path) -> Self {
        self.hidden.push(path.to_path_buf());
        self
    }

    /// What people should know about it, in a sentence.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    pub fn is_on(&self) -> bool {
        self.bwrap.is_some()
    }

    /// The program and arguments that run this one inside.
    pub(super) fn wrap(&self, program: &Path, args: &[OsString], cwd: &Path) -> (PathBuf, Vec<OsString>) {
        let Some(bwrap) = &self.bwrap else { return (program.to_path_buf(), args.to_vec()) };
        let mut words = base_words(self.network);
        let mut add = |flag: &str, paths: &[&OsStr]| {
            words.push(flag.into());
            words.extend(paths.iter().map(OsString::from));
        };
        for path in self.hidden.iter().filter(|path| path.exists()) {
            if path.is_dir() {
                add("--tmpfs", &[path.as_os_str()]);
            } else {
                add("--ro-bind", &[OsStr::new("/dev/null"), path.as_os_str()]);
            }
        }
        let readable = self.readable.iter().map(|path| ("--ro-bind", path));
        let mut binds: Vec<_> = readable.chain(self.writable.iter().map(|path| ("--bind", path))).collect();
        // a folder inside another one has the last word on itself
        binds.sort_by_key(|(_, path)| path.components().count());
        for (flag, path) in binds.into_iter().filter(|(_, path)| path.exists()) {
            add(flag, &[path.as_os_str(), path.as_os_str()]);
        }
        for path in self.hidden.iter().filter(|path| path.is_file() && self.inside_writable(path)) {
            add("--ro-bind", &[OsStr::new("/dev/null"), path.as_os_str()]);
        }
        add("--chdir", &[cwd.as_os_str()]);
        add("--", &[program.as_os_str()]);
        words.extend(args.iter().cloned());
        (bwrap.clone(), words)
    }

    fn inside_writable(&self, path: &Path) -> bool {
        self.writable.iter().any(|folder| path.starts_with(folder))
    }
}

fn base_words(network: Network) -> Vec<OsString> {
    let mut words: Vec<OsString> =
        ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"].map(OsString::from).into();
    let isolate = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session"];
    words.extend(isolate.map(OsString::from));
    if network == Network::None {
        words.push("--unshare-net".into());
    }
    words
}

/// Where people and machines keep credentials; all of it looks empty from inside.
fn hidden_paths() -> Vec<PathBuf> {
    const IN_HOME: [&str; 17] = [
        ".aws",
        ".ssh",
        ".config/gh",
        ".config/hub",
        ".config/gcloud",
        ".config/git/credentials",
        ".azure",
        ".docker",
        ".kube",
        ".gnupg",
        ".netrc",
        ".git-credentials",
        ".npmrc",
        ".yarnrc.yml",
        ".pypirc",
        ".cargo/credentials.toml",
        ".vault-token",
    ];
    const ANYWHERE: [&str; 6] = [
        "/var/run/secrets",
        "/run/secrets",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/podman",
        "/run/user",
    ];
    const NAMED_BY: [&str; 9] = [
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "KUBECONFIG",
        "DOCKER_CONFIG",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GH_CONFIG_DIR",
        "NPM_CONFIG_USERCONFIG",
        "RUNNER_TEMP",
    ];
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let in_home = home.iter().flat_map(|home| IN_HOME.iter().map(|name| home.join(name)));
    let named =
        NAMED_BY.iter().filter_map(|name| std::env::var_os(name).map(PathBuf::from)).filter(|p| p.is_absolute());
    // a symbolic link cannot be mounted over: hide what it leads to
    let all = in_home.chain(ANYWHERE.iter().map(PathBuf::from)).chain(named);
    all.filter_map(|path| std::fs::canonicalize(path).ok()).collect()
}

async fn working_bwrap() -> Option<PathBuf> {
    static FOUND: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    FOUND.get_or_init(probe).await.clone()
}

async fn probe() -> Option<PathBuf> {
    let bwrap = find_program("bwrap")?;
    let mut words = base_words(Network::None);
    words.extend(["--", "true"].map(OsString::from));
    let run = tokio::process::Command::new(&bwrap)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    let status = tokio::time::timeout(Duration::from_secs(5), run).await.ok()?.ok()?;
    status.success().then_some(bwrap)
}

/// The program of this name on our own PATH.
pub(super) fn find_program(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0))
}

/// Makes our own environment and memory unreadable for other processes of the same user: call it at the start, where
/// children may run without a sandbox. Linux only; elsewhere there is nothing to do.
pub fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::toolchain::{Job, Limits, run};

    async fn inside(sandbox: &Sandbox, script: &str) -> (bool, String) {
        let job = Job {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            cwd: "/".into(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            limits: Limits { time_s: 20, memory_mb: 500 },
            cancel: CancellationToken::new(),
            lines: None,
        };
        let ended = run(job, sandbox).await.unwrap();
        (ended.succeeded(), ended.stdout.text() + &ended.stderr.text())
    }

    #[tokio::test]
    async fn only_the_named_folders_can_be_changed() {
        let sandbox = Sandbox::open(SandboxMode::Auto, Trust::Untrusted).await.unwrap();
        if !sandbox.is_on() {
            eprintln!("skipped: {}", sandbox.note().unwrap_or_default());
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "hidden words").unwrap();
        let sandbox = sandbox.writable(folder.path()).hide(&secret);
        let (done, said) = inside(&sandbox, &format!("echo x > {}/a", folder.path().display())).await;
        assert!(done, "{said}");
        assert!(folder.path().join("a").exists());
        assert!(!inside(&sandbox, "echo x > /usr/offshoot-was-here").await.0);
        assert!(!inside(&sandbox, &format!("grep hidden {}", secret.display())).await.0);
        let (_, net) = inside(&sandbox, "cat /proc/net/dev").await;
        assert!(!net.contains("eth0"), "{net}");
    }

    #[tokio::test]
    async fn the_parents_environment_cannot_be_read_from_inside() {
        let sandbox = Sandbox::open(SandboxMode::Auto, Trust::Trusted).await.unwrap();
        if !sandbox.is_on() {
            eprintln!("skipped: {}", sandbox.note().unwrap_or_default());
            return;
        }
        let (_, said) = inside(&sandbox, "cat /proc/*/environ; ls /proc | grep -c '^[0-9]'").await;
        assert!(!said.contains("CARGO"), "{said}");
    }
}
