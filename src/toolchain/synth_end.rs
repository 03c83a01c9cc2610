//! What the end of an app's process means, in words and with what to do next.

use std::path::Path;

use super::child::{Ended, Ending};
use super::limits::Limits;
use super::transpile::first_message;
use crate::error::{Error, Result};

const DOING: &str = "running the app";

/// Nothing when the app has ended well and left an assembly.
pub(super) fn classify(ended: &Ended, limits: Limits, app: &str, out_dir: &Path, app_dir: &Path) -> Result<()> {
    let said = || tail(ended);
    match ended.ending {
        Ending::Exited { code: 0 } if out_dir.join("manifest.json").is_file() => Ok(()),
        Ending::Exited { code: 0 } => {
            let what = format!("`{app}` ended well but wrote no assembly (no manifest.json){}", said());
            Err(Error::failed("synth.no_assembly", DOING, what)
                .next("check that the app makes an App and calls synth(), and that it does not set outdir itself"))
        }
        Ending::Exited { code: 127 } => {
            let what = format!("`{app}`: a program that it starts is not installed{}", said());
            Err(Error::failed("synth.dependencies", DOING, what).next("install it; for npm packages run npm ci"))
        }
        Ending::Exited { code } => match missing_module(&ended.stderr.text()) {
            Some(module) if !installed(&module, app_dir) => Err(missing_dependency(&module)),
            _ if heap_is_full(ended) => Err(memory_error(limits, "Node's heap was full")),
            _ => {
                let what = format!("`{app}` ended with exit code {code}{}", said());
                let docker = what.contains("Docker daemon") || what.contains("docker ENOENT");
                Err(Error::failed("synth.app_exited", DOING, what).next(if docker {
                    "functions are bundled by docker where the project has no esbuild: npm install --save-dev esbuild"
                } else {
                    "correct the app; npx cdk synth shows the same error"
                }))
            }
        },
        Ending::Signalled { .. } if heap_is_full(ended) => Err(memory_error(limits, "Node's heap was full")),
        Ending::Signalled { signal } => {
            let what = format!("`{app}` was ended by signal {signal}{}", said());
            Err(Error::failed("synth.app_exited", DOING, what)
                .next("run it again; if it stays, look at the machine's memory"))
        }
        Ending::TimedOut { after_s } => {
            let what = format!("`{app}` was still running after {after_s} s{}", said());
            Err(Error::failed("synth.timeout", DOING, what)
                .next("look for something that it waits for, or allow more time"))
        }
        Ending::OutOfMemory { used_mb } => Err(memory_error(limits, &format!("it used {used_mb} MB"))),
        Ending::Cancelled => Err(Error::transient("synth.cancelled", DOING, "it was cancelled")),
    }
}

/// Whether the way we loaded the app was at fault: then its own command may still work.
pub(super) fn is_loaders_complaint(ended: &Ended) -> bool {
    const COMPLAINTS: [&str; 6] = [
        "ERR_REQUIRE_ESM",
        "ERR_REQUIRE_ASYNC_MODULE",
        "ERR_UNKNOWN_FILE_EXTENSION",
        "Cannot use import statement outside a module",
        "require is not defined in ES module scope",
        "Cannot use 'import.meta' outside a module",
    ];
    let text = ended.stderr.text();
    !ended.succeeded() && COMPLAINTS.iter().any(|complaint| text.contains(complaint))
}

/// The packages are not there at all.
pub(super) fn missing_dependency(module: &str) -> Error {
    Error::failed("synth.dependencies", DOING, format!("the package {module} is not installed"))
        .next("run npm ci (or yarn, pnpm, bun install) in the app's folder")
}

fn memory_error(limits: Limits, what: &str) -> Error {
    Error::failed("synth.memory", DOING, format!("{what}; {} MB are allowed", limits.memory_mb))
        .next("allow more memory")
}

fn heap_is_full(ended: &Ended) -> bool {
    ended.stderr.text().contains("JavaScript heap out of memory")
}

/// The package of `Cannot find module 'x'`; files of the app itself are no packages.
fn missing_module(stderr: &str) -> Option<String> {
    let marks = ["Cannot find module '", "Cannot find package '"];
    let (_, rest) = marks.iter().find_map(|mark| stderr.split_once(mark))?;
    let name = rest.split('\'').next()?;
    if name.starts_with(['.', '/']) {
        return None;
    }
    let parts = if name.starts_with('@') { 2 } else { 1 };
    Some(name.split('/').take(parts).collect::<Vec<_>>().join("/"))
}

fn installed(module: &str, app_dir: &Path) -> bool {
    app_dir.ancestors().any(|folder| folder.join("node_modules").join(module).exists())
}

/// A function that esbuild refused: what it is, and where.
pub(super) fn bundle_error(failures: &[(String, String)], app_dir: &Path, root: &Path) -> Option<Error> {
    let (path, errors) = failures.first()?;
    let doing = format!("bundling {path}");
    let more = match failures.len() - 1 {
        0 => String::new(),
        count => format!(" ({count} more functions cannot be bundled either)"),
    };
    let error = match first_message(errors) {
        Some((what, file, line, column)) => {
            let place = app_dir.join(file);
            let place = place.strip_prefix(root).unwrap_or(&place);
            Error::failed("bundle.failed", doing, format!("{what}{more}\n{errors}")).at(place, line, column)
        }
        None => Error::failed("bundle.failed", doing, format!("{errors}{more}")),
    };
    Some(error.next("correct the source and run it again"))
}

/// The last lines that say something about the app, without the frames of Node and of its packages.
fn tail(ended: &Ended) -> String {
    const LINES: usize = 25;
    let source = if ended.stderr.last_lines(1).is_empty() { &ended.stdout } else { &ended.stderr };
    let lines: Vec<_> = source.last_lines(400).into_iter().filter(|line| !is_noise(line)).collect();
    let skip = lines.len().saturating_sub(LINES);
    lines.into_iter().skip(skip).fold(String::new(), |text, line| format!("{text}\n  {line}"))
}

fn is_noise(line: &str) -> bool {
    // the line of a minified library in which an error came up
    const LONGEST_BYTES: usize = 1000;
    let frame = line.trim_start().strip_prefix("at ");
    let inner = ["node:internal", "(node:", "/node_modules/", "hook-", "<anonymous>"];
    frame.is_some_and(|frame| inner.iter().any(|part| frame.contains(part)))
        || line.len() > LONGEST_BYTES
        || line.starts_with("Node.js v")
        || line.starts_with("node:internal")
        || (line.contains("/node_modules/") && !line.contains(' '))
        || (line.starts_with("Bundling asset ") && line.ends_with("..."))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::toolchain::Captured;

    fn ended(ending: Ending, stderr: &str) -> Ended {
        let mut captured = Captured::default();
        captured.push(stderr.as_bytes());
        Ended { ending, stdout: Captured::default(), stderr: captured, elapsed: Duration::ZERO, peak_memory_mb: 0 }
    }

    fn code(ending: Ending, stderr: &str) -> &'static str {
        let none = Path::new("/nonexistent");
        classify(&ended(ending, stderr), Limits::default(), "npx tsx a.ts", none, none).unwrap_err().code()
    }

    #[test]
    fn every_end_has_its_own_code() {
        assert_eq!(code(Ending::Exited { code: 0 }, ""), "synth.no_assembly");
        assert_eq!(code(Ending::Exited { code: 1 }, "Error: x"), "synth.app_exited");
        assert_eq!(code(Ending::Exited { code: 127 }, "sh: tsx: not found"), "synth.dependencies");
        assert_eq!(
            code(Ending::Exited { code: 1 }, "Error: Cannot find module 'aws-cdk-lib/aws-s3'"),
            "synth.dependencies"
        );
        assert_eq!(code(Ending::Exited { code: 1 }, "Error: Cannot find module './mine'"), "synth.app_exited");
        assert_eq!(code(Ending::TimedOut { after_s: 1 }, ""), "synth.timeout");
        assert_eq!(code(Ending::OutOfMemory { used_mb: 9 }, ""), "synth.memory");
        assert_eq!(code(Ending::Signalled { signal: 6 }, "FATAL ERROR: JavaScript heap out of memory"), "synth.memory");
        assert_eq!(code(Ending::Cancelled, ""), "synth.cancelled");
    }

    #[test]
    fn a_function_that_cannot_be_bundled_is_named_with_its_place() {
        let errors = "✘ [ERROR] Could not resolve \"./nope\"\n\n    src/h.ts:5:14:\n      5 │ import".to_owned();
        let root = Path::new("/r");
        let error = bundle_error(&[("S/F".into(), errors)], Path::new("/r/app"), root).unwrap();
        assert_eq!(error.place().unwrap().to_string(), "app/src/h.ts:5:15");
        assert!(error.to_string().contains("bundling S/F: Could not resolve"), "{error}");
        assert!(bundle_error(&[], root, root).is_none());
    }

    #[test]
    fn frames_of_node_are_left_out() {
        let stderr = "Error: the table has no key\n    at new Stack (/r/lib/a.ts:3:1)\n    at Module._compile (node:internal/modules/cjs/loader:1:1)\n\nNode.js v20.20.2\n";
        let error = classify(
            &ended(Ending::Exited { code: 1 }, stderr),
            Limits::default(),
            "a",
            Path::new("/x"),
            Path::new("/x"),
        )
        .unwrap_err();
        assert_eq!(
            error.what(),
            "`a` ended with exit code 1\n  Error: the table has no key\n      at new Stack (/r/lib/a.ts:3:1)"
        );
    }
}
