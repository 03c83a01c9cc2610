//! The app's type check by its own TypeScript compiler, beside the synth.

use std::collections::BTreeMap;
use std::path::Path;

use super::child::{Ending, Job, clean_environment, run};
use super::esbuild::Esbuilder;
use crate::error::{Error, Result};

/// Runs `tsc --noEmit` with the nearest tsconfig.json; the first error becomes ours, with its place.
pub(super) async fn typecheck(
    context: &Esbuilder,
    app_dir: &Path,
    root: &Path,
    env: &BTreeMap<String, String>,
) -> Result<()> {
    let doing = "checking the app's types";
    let find = |name: &str| app_dir.ancestors().map(|folder| folder.join(name)).find(|file| file.is_file());
    let Some(settings) = find("tsconfig.json") else { return Ok(()) };
    let compiler = find("node_modules/.bin/tsc").ok_or_else(|| {
        Error::failed("synth.types", doing, "the project has no TypeScript compiler")
            .next("npm install --save-dev typescript, or leave the type check out")
    })?;
    let job = Job {
        program: compiler,
        args: vec!["--noEmit".into(), "--pretty".into(), "false".into(), "-p".into(), settings.into()],
        cwd: app_dir.to_path_buf(),
        env: clean_environment(&context.home, &context.tmp, env),
        limits: context.limits,
        cancel: context.cancel.clone(),
        lines: None,
    };
    let ended = run(job, &context.sandbox).await?;
    if ended.succeeded() || ended.ending == Ending::Cancelled {
        return Ok(());
    }
    let output = ended.stdout.text() + &ended.stderr.text();
    let errors: Vec<_> = output.lines().filter_map(parse_line).collect();
    match errors.first() {
        Some((file, line, column, what)) => {
            let place = app_dir.join(file);
            let place = place.strip_prefix(root).unwrap_or(&place);
            let more = errors.len() - 1;
            let what = if more == 0 { what.clone() } else { format!("{what} (and {more} more)") };
            Err(Error::failed("synth.types", doing, what)
                .at(place, *line, *column)
                .next("correct the types; npx tsc --noEmit shows all errors"))
        }
        None => {
            let last = ended.stdout.last_lines(5).join("\n");
            Err(Error::failed("synth.types", doing, format!("tsc ended early: {:?}\n{last}", ended.ending))
                .next("run npx tsc --noEmit to see why"))
        }
    }
}

/// `lib/a.ts(3,5): error TS2322: …`
fn parse_line(line: &str) -> Option<(String, usize, usize, String)> {
    let (place, what) = line.split_once("): error ")?;
    let (file, numbers) = place.rsplit_once('(')?;
    let (row, column) = numbers.split_once(',')?;
    Some((file.to_owned(), row.parse().ok()?, column.parse().ok()?, what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tscs_lines_are_read() {
        let parsed = parse_line("lib/a (1).ts(3,5): error TS2322: Type 'x' is not assignable.");
        assert_eq!(parsed, Some(("lib/a (1).ts".into(), 3, 5, "TS2322: Type 'x' is not assignable.".into())));
        assert_eq!(parse_line("  more words"), None);
    }
}
