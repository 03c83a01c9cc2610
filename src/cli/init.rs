//! `offshoot init`: a first offshoot.yml, from what the repository holds.

use super::End;
use super::common::Common;
use super::printer::Printer;
use crate::config;
use crate::error::{Error, Result};
use crate::git::WorkTree;
use crate::pipeline::stage::{FILE, list_tree};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print it instead of writing the file
    #[arg(long)]
    print: bool,
}

pub async fn run(common: &Common, args: Args, printer: &Printer) -> Result<End> {
    if common.repo.is_some() {
        return Err(Error::usage("init.repo", "writing offshoot.yml", "--repo names a repository elsewhere")
            .next("run it in a work tree of that repository"));
    }
    let folder =
        std::env::current_dir().map_err(|e| Error::usage("here", "reading the current folder", e.to_string()))?;
    let tree = WorkTree::open(&folder)?;
    let found = config::discover(&list_tree(&tree.root));
    let branch = tree.branch.as_ref().map_or("main", |b| b.as_str());
    let text = config::init_text(&found.apps, branch);
    let path = tree.root.join(FILE);
    if args.print {
        printer.out(&text);
        return Ok(End::Done);
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    match file.and_then(|mut f| std::io::Write::write_all(&mut f, text.as_bytes())) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Error::usage(
                "init.exists",
                "writing offshoot.yml",
                format!("{} is there already", path.display()),
            )
            .next("`offshoot check` tells what is in it; `offshoot init --print` shows a new one"));
        }
        Err(e) => return Err(Error::io("writing offshoot.yml", &path, e)),
    }
    printer.out(&format!("Wrote {}. Next: offshoot check, then commit it, then offshoot plan.\n", path.display()));
    Ok(End::Done)
}
