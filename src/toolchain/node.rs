//! Node itself, and how an app's command is started: directly where that is the same, else as it is written.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file_state::{compiler_settings, without_comments};
use super::sandbox::find_program;
use super::store;
use crate::error::{Error, Result};

/// The Node on the PATH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    pub binary: PathBuf,
    /// Without the `v`.
    pub version: String,
    modified_s: u64,
}

impl Runtime {
    /// Finds Node; its version is asked once per binary and kept in the cache, because asking takes 40 ms.
    pub async fn find(cache_dir: &Path) -> Result<Self> {
        let doing = "looking for Node.js";
        let missing = || {
            Error::failed("node.missing", doing, "there is no `node` on the PATH")
                .next("install Node.js 20 or newer: https://nodejs.org")
        };
        let binary = find_program("node").and_then(|path| std::fs::canonicalize(path).ok()).ok_or_else(missing)?;
        let modified_s = std::fs::metadata(&binary)
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_secs());
        let file = cache_dir.join("node.json");
        if let Some(known) = store::read_json::<Runtime>(&file)
            && known.binary == binary
            && known.modified_s == modified_s
        {
            return Ok(known);
        }
        let output = tokio::process::Command::new(&binary).arg("--version").env_clear().kill_on_drop(true).output();
        let output = tokio::time::timeout(std::time::Duration::from_secs(20), output).await.map_err(|_| missing())?;
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let version = text.trim().strip_prefix('v').ok_or_else(missing)?.to_owned();
        let runtime = Runtime { binary, version, modified_s };
        store::write_json(&file, &runtime)?;
        Ok(runtime)
    }
}

/// How the `app` of cdk.json is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppCommand {
    /// By Node itself, without npx, ts-node or tsx.
    Direct { entry: PathBuf, args: Vec<String>, node_options: Vec<String> },
    /// By a shell, as it is written.
    Shell(String),
    /// A folder with a finished assembly.
    Assembly(PathBuf),
}

/// Why a command is not run directly; for notes and for choosing what to do next.
pub(super) type Why = &'static str;

impl AppCommand {
    /// Whether Node, and not Python or Java, is what it starts.
    pub(super) fn is_javascript(&self) -> bool {
        const PROGRAMS: [&str; 8] = ["node", "npx", "npm", "tsx", "ts-node", "yarn", "pnpm", "bun"];
        match self {
            AppCommand::Direct { .. } => true,
            AppCommand::Assembly(_) => false,
            AppCommand::Shell(command) => command.split_whitespace().any(|word| PROGRAMS.contains(&word)),
        }
    }

    /// Reads the command, and looks at the files it names. The second value says why it is not [`AppCommand::Direct`].
    pub fn parse(app: &str, app_dir: &Path) -> (Self, Option<&'static str>) {
        let app = app.trim();
        let folder = app_dir.join(app);
        if !app.is_empty() && folder.is_dir() {
            return (AppCommand::Assembly(folder), None);
        }
        match direct(app, app_dir) {
            Ok(command) => (command, None),
            Err(why) => (AppCommand::Shell(shell_command(app, app_dir)), Some(why)),
        }
    }
}

/// A first word that is a JavaScript file which cannot be executed is given to Node, as the toolkit does.
pub(super) fn shell_command(app: &str, app_dir: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let first = app.split(' ').next().unwrap_or_default();
    let meta = std::fs::metadata(app_dir.join(first));
    match meta {
        Ok(meta) if first.ends_with(".js") && meta.is_file() && meta.permissions().mode() & 0o111 == 0 => {
            format!("node {app}")
        }
        _ => app.to_owned(),
    }
}

const SHELL_SIGNS: [char; 23] = [
    '|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '*', '?', '[', ']', '#', '~', '!', '{', '}', '\n',
    '%',
];

/// Which programs of TypeScript's kind a command uses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loader {
    None,
    TypeScript,
}

fn direct(app: &str, app_dir: &Path) -> std::result::Result<AppCommand, Why> {
    if app.contains(SHELL_SIGNS) {
        return Err("its command uses the shell");
    }
    let mut words = app.split_whitespace().peekable();
    if words.next_if_eq(&"npx").is_some() {
        while words
            .next_if(|word| ["-y", "--yes", "--no", "--no-install", "-q", "--quiet", "--"].contains(word))
            .is_some()
        {}
    }
    let mut node_options = Vec::new();
    let loader = match words.next().unwrap_or_default() {
        "tsx" => Loader::TypeScript,
        "ts-node" => {
            let harmless =
                ["--prefer-ts-exts", "--preferTsExts", "-T", "--transpile-only", "--transpileOnly", "--files"];
            while words.next_if(|word| harmless.contains(word)).is_some() {}
            Loader::TypeScript
        }
        "node" => node_flags(&mut words, &mut node_options)?,
        _ => return Err("its command starts neither node, nor ts-node, nor tsx"),
    };
    let entry =
        words.next().filter(|word| !word.starts_with('-')).ok_or("its command has options that are not known here")?;
    let entry = sound_entry(&app_dir.join(entry), app_dir, loader)?;
    Ok(AppCommand::Direct { entry, args: words.map(str::to_owned).collect(), node_options })
}

fn node_flags<'a>(
    words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    node_options: &mut Vec<String>,
) -> std::result::Result<Loader, Why> {
    let known = ["tsx", "tsx/cjs", "ts-node/register", "ts-node/register/transpile-only"];
    let mut loader = Loader::None;
    while let Some(flag) = words.next_if(|word| word.starts_with('-')) {
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        match name {
            "--import" | "--require" | "-r" => {
                let module = value.or_else(|| words.next()).unwrap_or_default();
                if !known.contains(&module) {
                    return Err("its command loads a module before the app");
                }
                loader = Loader::TypeScript;
            }
            "--enable-source-maps"
            | "--max-old-space-size"
            | "--stack-trace-limit"
            | "--no-warnings"
            | "--stack-size" => {
                node_options.push(flag.to_owned());
            }
            _ => return Err("its command has options that are not known here"),
        }
    }
    Ok(loader)
}

/// The entry when running it directly means the same as the command.
fn sound_entry(entry: &Path, app_dir: &Path, loader: Loader) -> std::result::Result<PathBuf, Why> {
    let with_extension = |extension: &str| {
        let mut name = entry.as_os_str().to_owned();
        name.push(extension);
        PathBuf::from(name)
    };
    let tried = [entry.to_path_buf(), with_extension(".ts"), with_extension(".js")];
    let entry = tried.iter().find(|path| path.is_file()).ok_or("the file that its command starts does not exist")?;
    let entry = std::fs::canonicalize(entry).map_err(|_| "the file that its command starts cannot be read")?;
    let extension = entry.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let typescript = match extension {
        "ts" | "tsx" | "cts" => true,
        "js" | "cjs" => false,
        _ => return Err("its entry is an ECMAScript module"),
    };
    if typescript && loader == Loader::None {
        return Err("its command gives TypeScript to node as it is");
    }
    if !["cts", "cjs"].contains(&extension) && in_module_package(&entry) {
        return Err("its package consists of ECMAScript modules");
    }
    if above(app_dir, ".pnp.cjs").is_some() {
        return Err("its packages are installed with Yarn Plug'n'Play");
    }
    if loader == Loader::TypeScript {
        plain_settings(&entry)?;
    }
    Ok(entry)
}

fn above(folder: &Path, name: &str) -> Option<PathBuf> {
    folder.ancestors().map(|above| above.join(name)).find(|path| path.is_file())
}

fn in_module_package(entry: &Path) -> bool {
    let Some(package) = entry.parent().and_then(|folder| above(folder, "package.json")) else { return false };
    let package: serde_json::Value = store::read_json(&package).unwrap_or_default();
    package.get("type").and_then(serde_json::Value::as_str) == Some("module")
}

/// Compiler settings under which transpiling file by file is all that ts-node or tsx would do.
fn plain_settings(entry: &Path) -> std::result::Result<(), Why> {
    let Some(file) = entry.parent().and_then(|folder| above(folder, "tsconfig.json")) else { return Ok(()) };
    for file in compiler_settings(&file) {
        let text = without_comments(&std::fs::read_to_string(file).unwrap_or_default());
        let uses = |key: &str| text.contains(&format!("\"{key}\""));
        if uses("paths") || uses("baseUrl") || uses("rootDirs") {
            return Err("its tsconfig.json maps import paths");
        }
        if uses("emitDecoratorMetadata") {
            return Err("its tsconfig.json asks for decorator metadata, which esbuild does not make");
        }
        if uses("ts-node") {
            return Err("its tsconfig.json has settings for ts-node");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let real = std::fs::canonicalize(folder.path()).unwrap();
        (folder, real)
    }

    #[test]
    fn the_usual_commands_run_directly() {
        let (_keep, dir) = app(&[("bin/app.ts", ""), ("tsconfig.json", "{ /* \"paths\": {} */ }"), ("app.js", "")]);
        for command in [
            "npx ts-node --prefer-ts-exts bin/app.ts a",
            "npx --yes tsx bin/app.ts a",
            "ts-node bin/app a",
            "node --import tsx bin/app.ts a",
            "node -r ts-node/register bin/app.ts a",
        ] {
            let expected =
                AppCommand::Direct { entry: dir.join("bin/app.ts"), args: vec!["a".into()], node_options: vec![] };
            assert_eq!(AppCommand::parse(command, &dir), (expected, None), "{command}");
        }
        let (command, _) = AppCommand::parse("node --max-old-space-size=99 app.js", &dir);
        let AppCommand::Direct { node_options, .. } = command else { panic!("{command:?}") };
        assert_eq!(node_options, ["--max-old-space-size=99"]);
    }

    #[test]
    fn everything_else_is_left_to_the_shell_with_a_reason() {
        let (_keep, dir) = app(&[("bin/app.ts", ""), ("app.mjs", ""), ("app.js", "")]);
        for command in [
            "python3 app.py",
            "npm run build && node app.js",
            "npx ts-node -P other.json bin/app.ts",
            "node app.mjs",
            "bun run bin/app.ts",
            "node --import ./register.js app.js",
            "npx ts-node bin/missing.ts",
            "node bin/app.ts",
        ] {
            let (parsed, why) = AppCommand::parse(command, &dir);
            assert_eq!(parsed, AppCommand::Shell(command.to_owned()));
            assert!(why.is_some());
        }
        assert_eq!(AppCommand::parse("app.js x", &dir).0, AppCommand::Shell("node app.js x".into()));
        assert_eq!(AppCommand::parse("bin", &dir).0, AppCommand::Assembly(dir.join("bin")));
    }

    #[test]
    fn settings_that_matter_at_run_time_forbid_it() {
        for (file, text) in [
            ("tsconfig.json", r#"{"compilerOptions": {"paths": {}}}"#),
            ("tsconfig.json", r#"{"extends": "./base.json"}"#),
            ("package.json", r#"{"type": "module"}"#),
        ] {
            let (_keep, dir) =
                app(&[("a.ts", ""), ("base.json", r#"{"compilerOptions": {"baseUrl": "."}}"#), (file, text)]);
            assert!(matches!(AppCommand::parse("npx tsx a.ts", &dir).0, AppCommand::Shell(_)), "{text}");
        }
    }
}
