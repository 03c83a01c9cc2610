//! Installs the packages of a plain checkout, from a cache by the digest of its lockfile where it was done before.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tokio_util::sync::CancellationToken;

use super::child::{Ending, Job, LineSink, clean_environment, run};
use super::limits::Limits;
use super::link_tree::{self, Way};
use super::node::Runtime;
use super::sandbox::{Sandbox, SandboxMode, Trust, find_program};
use super::store;
use crate::error::{Error, Result};
use crate::names::Digest;

/// The packages of one project to install.
#[derive(Clone)]
pub struct DepsRequest {
    /// The app's folder; the lockfile is looked for from here up to the root.
    pub app_dir: PathBuf,
    pub project_root: PathBuf,
    pub cache_dir: PathBuf,
    pub trust: Trust,
    pub sandbox: SandboxMode,
    pub limits: Limits,
    pub cancel: CancellationToken,
    pub lines: Option<LineSink>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// The app has no package.json (a Python app's packages are the app's own matter).
    NothingToInstall,
    AlreadyThere,
    FromCache,
    ByPackageManager,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Manager {
    lockfile: &'static str,
    program: &'static str,
    args: &'static [&'static str],
}

const MANAGERS: [Manager; 6] = [
    Manager { lockfile: "npm-shrinkwrap.json", program: "npm", args: NPM },
    Manager { lockfile: "package-lock.json", program: "npm", args: NPM },
    Manager {
        lockfile: "pnpm-lock.yaml",
        program: "pnpm",
        args: &["install", "--frozen-lockfile", "--ignore-scripts"],
    },
    Manager { lockfile: "yarn.lock", program: "yarn", args: &["install", "--frozen-lockfile", "--ignore-scripts"] },
    Manager { lockfile: "bun.lock", program: "bun", args: &["install", "--frozen-lockfile", "--ignore-scripts"] },
    Manager { lockfile: "bun.lockb", program: "bun", args: &["install", "--frozen-lockfile", "--ignore-scripts"] },
];
const NPM: &[&str] = &["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
const DOING: &str = "installing the app's packages";

/// Makes sure that the app's packages are there.
pub async fn install(request: &DepsRequest) -> Result<Installed> {
    let real = |path: &Path| std::fs::canonicalize(path).map_err(|source| Error::io(DOING, path, source));
    let (app_dir, root) = (real(&request.app_dir)?, real(&request.project_root)?);
    let inside = || app_dir.ancestors().take_while(|folder| folder.starts_with(&root));
    if !inside().any(|folder| folder.join("package.json").is_file()) {
        return Ok(Installed::NothingToInstall);
    }
    if inside().any(|folder| folder.join("node_modules").is_dir() || folder.join(".pnp.cjs").is_file()) {
        return Ok(Installed::AlreadyThere);
    }
    let found = inside().find_map(|folder| {
        let manager = MANAGERS.iter().find(|manager| folder.join(manager.lockfile).is_file())?;
        Some((folder.to_path_buf(), *manager))
    });
    let (folder, manager) = found.ok_or_else(|| {
        let what = format!("{} has no lockfile, so it is unknown which versions it means", app_dir.display());
        Error::failed("deps.no_lockfile", DOING, what)
            .next("run npm install (or yarn, pnpm, bun install) and commit the lockfile that it writes")
    })?;
    std::fs::create_dir_all(&request.cache_dir).map_err(|source| Error::io(DOING, &request.cache_dir, source))?;
    let cache_dir = real(&request.cache_dir)?;
    let packages = package_files(&folder);
    let key = key(&folder, &packages, manager, &Runtime::find(&cache_dir).await?);
    let store = cache_dir.join("deps").join(request.trust.folder());
    std::fs::create_dir_all(&store).map_err(|source| Error::io(DOING, &store, source))?;
    let _lock = lock(store.join(format!("{key}.lock")), &request.cancel).await?;
    let kept = store.join(&key);
    // an app from outside could change shared files in place, and with them what the next one gets
    let way = if request.trust == Trust::Trusted { Way::Link } else { Way::Copy };
    if kept.is_dir() {
        bring(&kept, &folder, way).map_err(|source| Error::io(DOING, &folder, source))?;
        return Ok(Installed::FromCache);
    }
    run_manager(request, manager, &folder, &root, &cache_dir).await?;
    keep(&folder, &packages, &kept, way)?;
    Ok(Installed::ByPackageManager)
}

/// The package.json files of the project and its workspaces, relative to its folder; installed folders are not entered.
fn package_files(folder: &Path) -> Vec<PathBuf> {
    let walk = ignore::WalkBuilder::new(folder)
        .standard_filters(false)
        .max_depth(Some(6))
        .filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            !(entry.depth() > 0 && (name == "node_modules" || name == "cdk.out" || name.starts_with('.')))
        })
        .build();
    let mut files: Vec<PathBuf> = walk
        .flatten()
        .filter(|entry| entry.file_name() == "package.json")
        .filter_map(|entry| Some(entry.path().strip_prefix(folder).ok()?.to_path_buf()))
        .collect();
    files.sort();
    files
}

fn key(folder: &Path, packages: &[PathBuf], manager: Manager, node: &Runtime) -> String {
    let mut parts = vec![manager.program.as_bytes().to_vec(), node.version.clone().into_bytes()];
    let settings = [manager.lockfile, ".npmrc", ".yarnrc.yml", "pnpm-workspace.yaml"].map(PathBuf::from);
    for file in settings.iter().chain(packages) {
        parts.push(file.as_os_str().as_encoded_bytes().to_vec());
        parts.push(std::fs::read(folder.join(file)).unwrap_or_default());
    }
    Digest::of_parts(parts).to_string()
}

/// Waits for whoever installs the same packages; the lock goes with the file handle.
async fn lock(path: PathBuf, cancel: &CancellationToken) -> Result<File> {
    let file =
        File::options().create(true).append(true).open(&path).map_err(|source| Error::io(DOING, &path, source))?;
    loop {
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(file);
        }
        tokio::select! {
            () = cancel.cancelled() => return Err(Error::transient("synth.cancelled", DOING, "it was cancelled")),
            () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {}
        }
    }
}

async fn run_manager(
    request: &DepsRequest,
    manager: Manager,
    folder: &Path,
    root: &Path,
    cache_dir: &Path,
) -> Result<()> {
    let program = find_program(manager.program).ok_or_else(|| {
        let what = format!("there is a {} but no `{}` on the PATH", manager.lockfile, manager.program);
        Error::failed("deps.manager_missing", DOING, what).next(format!("install {}", manager.program))
    })?;
    let home = tempfile::tempdir().map_err(|source| Error::io(DOING, folder, source))?;
    let downloads = cache_dir.join("packages").join(request.trust.folder());
    std::fs::create_dir_all(&downloads).map_err(|source| Error::io(DOING, &downloads, source))?;
    // packages come from the network for code of any trust; their scripts do not run
    // the package manager needs the network, also for strangers' packages: what it runs is ours, what it reads is theirs
    let mode = if request.trust == Trust::Untrusted { SandboxMode::Required } else { request.sandbox };
    let mut sandbox = Sandbox::open(mode, Trust::Trusted).await?;
    let mut env = clean_environment(home.path(), home.path(), &BTreeMap::new());
    let mut set = |name: &str, value: &Path| env.insert(name.to_owned(), value.display().to_string());
    set("NPM_CONFIG_CACHE", &downloads);
    set("YARN_CACHE_FOLDER", &downloads.join("yarn"));
    set("BUN_INSTALL_CACHE_DIR", &downloads.join("bun"));
    set("NPM_CONFIG_STORE_DIR", &downloads.join("pnpm"));
    if let (Trust::Trusted, Some(settings)) = (request.trust, users_npmrc()) {
        // a copy, because the original is hidden inside
        let copy = home.path().join("user-npmrc");
        std::fs::copy(&settings, &copy).map_err(|source| Error::io(DOING, &settings, source))?;
        set("NPM_CONFIG_USERCONFIG", &copy);
    }
    sandbox = sandbox.writable(root).writable(&downloads).writable(home.path());
    let mut args: Vec<OsString> = manager.args.iter().map(OsString::from).collect();
    if request.trust == Trust::Untrusted {
        // both are code of the repository, which would run here with the network
        env.insert("YARN_IGNORE_PATH".to_owned(), "1".to_owned());
        args.extend((manager.program == "pnpm").then(|| "--ignore-pnpmfile".into()));
    }
    let job = Job {
        program,
        args,
        cwd: folder.to_path_buf(),
        env,
        limits: request.limits,
        cancel: request.cancel.clone(),
        lines: request.lines.clone(),
    };
    let ended = run(job, &sandbox).await?;
    match ended.ending {
        Ending::Exited { code: 0 } => Ok(()),
        Ending::Cancelled => Err(Error::transient("synth.cancelled", DOING, "it was cancelled")),
        other => {
            let _ = std::fs::remove_dir_all(folder.join("node_modules"));
            let command = format!("{} {}", manager.program, manager.args.join(" "));
            let said = ended.stderr.last_lines(15).join("\n  ");
            Err(Error::failed("deps.install", DOING, format!("`{command}` ended with {other:?}\n  {said}"))
                .next("run the same command in the app's folder, and commit a lockfile that fits package.json"))
        }
    }
}

fn users_npmrc() -> Option<PathBuf> {
    let named = std::env::var_os("NPM_CONFIG_USERCONFIG").or_else(|| std::env::var_os("npm_config_userconfig"));
    let usual = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".npmrc"));
    named.map(PathBuf::from).or_else(usual).filter(|file| file.is_file())
}

/// Keeps every `node_modules` folder of the project under its own relative path.
fn keep(folder: &Path, packages: &[PathBuf], kept: &Path, way: Way) -> Result<()> {
    let building = kept.with_extension(format!("building-{}", std::process::id()));
    let link = || -> std::io::Result<()> {
        let _ = std::fs::remove_dir_all(&building);
        std::fs::create_dir_all(&building)?;
        for package in packages {
            let modules = package.parent().unwrap_or(Path::new("")).join("node_modules");
            if folder.join(&modules).is_dir() {
                link_tree::place(&folder.join(&modules), &building.join(&modules), way)?;
            }
        }
        Ok(())
    };
    link().map_err(|source| Error::io("keeping installed packages", kept, source))?;
    store::place_folder(&building, kept)
}

/// Brings the kept folders into a tree, each whole or not at all.
fn bring(kept: &Path, folder: &Path, way: Way) -> std::io::Result<()> {
    for entry in std::fs::read_dir(kept)? {
        let entry = entry?;
        let target = folder.join(entry.file_name());
        if entry.file_name() == "node_modules" {
            let building = folder.join(format!("node_modules.offshoot-{}", std::process::id()));
            link_tree::place(&entry.path(), &building, way)?;
            std::fs::rename(&building, &target)?;
        } else if entry.file_type()?.is_dir() {
            bring(&entry.path(), &target, way)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(folder: &Path) -> DepsRequest {
        DepsRequest {
            app_dir: folder.join("app"),
            project_root: folder.to_path_buf(),
            cache_dir: folder.join("cache"),
            trust: Trust::Trusted,
            sandbox: SandboxMode::Off,
            limits: Limits::default(),
            cancel: CancellationToken::new(),
            lines: None,
        }
    }

    #[tokio::test]
    async fn an_app_without_packages_or_without_lockfile_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("app")).unwrap();
        let request = request(folder.path());
        assert_eq!(install(&request).await.unwrap(), Installed::NothingToInstall);
        std::fs::write(folder.path().join("app/package.json"), "{}").unwrap();
        assert_eq!(install(&request).await.unwrap_err().code(), "deps.no_lockfile");
        std::fs::create_dir(folder.path().join("node_modules")).unwrap();
        assert_eq!(install(&request).await.unwrap(), Installed::AlreadyThere);
    }

    #[test]
    fn every_workspace_is_kept_and_brought_back() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        for package in ["", "packages/a"] {
            std::fs::create_dir_all(tree.join(package).join("node_modules/x")).unwrap();
            std::fs::write(tree.join(package).join("package.json"), "{}").unwrap();
            std::fs::write(tree.join(package).join("node_modules/x/package.json"), "{}").unwrap();
        }
        let packages = package_files(&tree);
        assert_eq!(packages, [PathBuf::from("package.json"), PathBuf::from("packages/a/package.json")]);
        let kept = folder.path().join("kept");
        keep(&tree, &packages, &kept, Way::Link).unwrap();
        let other = folder.path().join("other");
        std::fs::create_dir_all(other.join("packages/a")).unwrap();
        bring(&kept, &other, Way::Copy).unwrap();
        assert!(other.join("node_modules/x/package.json").is_file());
        assert!(other.join("packages/a/node_modules/x/package.json").is_file());
    }
}
