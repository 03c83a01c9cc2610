//! What one function's bundle depends on besides its files: the key under which the cache keeps it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::protocol::{FunctionRequest, is_plain_name};
use crate::names::Digest;

/// One esbuild call for one function, with absolute paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FunctionSpec {
    pub entry: PathBuf,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub cwd: PathBuf,
    pub out_file: String,
    pub metafile: bool,
    /// Where the library would have built it; source maps and metafiles tell this place.
    pub out_dir: PathBuf,
}

/// Stands for the work tree's root in what is written to the cache.
const ROOT: &str = "${root}";

impl FunctionSpec {
    /// Nothing when it asks for something that the library never does.
    /// `real_out` is where this run's assembly lies, `usual_out` where `cdk synth` would have put it.
    pub(super) fn of(request: &FunctionRequest, real_out: &Path, usual_out: &Path) -> Option<Self> {
        if !is_plain_name(&request.out_file) || !request.entry.is_absolute() || !request.cwd.is_absolute() {
            return None;
        }
        // folders are made and removed there, so the app must not choose freely
        let named = request.out_dir.as_deref().unwrap_or(Path::new("bundling-temp-offshoot"));
        let inside = named.strip_prefix(real_out).unwrap_or(named);
        let plain = inside.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !plain || !inside.file_name()?.to_str()?.starts_with("bundling-temp-") {
            return None;
        }
        let out_dir = usual_out.join(inside);
        Some(FunctionSpec {
            entry: request.entry.clone(),
            args: request.args.clone(),
            env: request.env.clone().unwrap_or_default(),
            cwd: request.cwd.clone(),
            out_file: request.out_file.clone(),
            metafile: request.metafile,
            out_dir,
        })
    }

    /// The folder beside which the output has to be made.
    pub(super) fn out_parent(&self) -> &Path {
        self.out_dir.parent().unwrap_or(&self.out_dir)
    }

    /// The bundle's key: what its content can depend on, with the work tree's place taken out where it does not matter.
    pub(super) fn key(&self, root: &Path, esbuild_version: &str) -> String {
        let portable = self.portable(root);
        let out = if self.metafile { &portable.out_dir } else { portable.out_parent() };
        let mut parts = vec![
            "bundle 1".to_owned(),
            esbuild_version.to_owned(),
            portable.entry.display().to_string(),
            portable.cwd.display().to_string(),
            portable.out_file.clone(),
            format!("{}", portable.metafile),
            out.display().to_string(),
            format!("{:?}", portable.env),
        ];
        parts.extend(portable.args.iter().cloned());
        Digest::of_parts(parts).to_string()
    }

    /// What can share one run of esbuild.
    pub(super) fn group(&self) -> String {
        let alone = if self.must_run_alone() { self.entry.display().to_string() } else { String::new() };
        format!("{:?}", (&self.cwd, &self.args, &self.env, &self.out_file, self.out_parent(), alone))
    }

    /// Whether names or contents of its outputs could differ in a run with several entries.
    pub(super) fn must_run_alone(&self) -> bool {
        const ODD: [&str; 8] = [
            "--asset-names",
            "--public-path",
            "--entry-names",
            "--chunk-names",
            "--out-extension",
            "--outbase",
            "--outdir",
            "--splitting",
        ];
        let file_loader =
            |arg: &str| arg.starts_with("--loader:") && (arg.ends_with("=file") || arg.ends_with("=copy"));
        self.metafile || self.args.iter().any(|arg| file_loader(arg) || ODD.iter().any(|odd| arg.starts_with(odd)))
    }

    /// Files named in the arguments that decide the output without being inputs.
    pub(super) fn settings(&self) -> Vec<PathBuf> {
        self.args.iter().filter_map(|arg| arg.strip_prefix("--tsconfig=")).map(|path| self.cwd.join(path)).collect()
    }

    /// The same with `${root}` in place of the work tree's folder.
    pub(super) fn portable(&self, root: &Path) -> Self {
        self.moved(|path| path.strip_prefix(root).map(|rest| Path::new(ROOT).join(rest)).unwrap_or(path.to_path_buf()))
    }

    /// The opposite of [`FunctionSpec::portable`].
    pub(super) fn at(&self, root: &Path) -> Self {
        self.moved(|path| path.strip_prefix(ROOT).map(|rest| root.join(rest)).unwrap_or(path.to_path_buf()))
    }

    fn moved(&self, place: impl Fn(&Path) -> PathBuf) -> Self {
        // only arguments that name files: a path in a `--define` is part of the output
        let argument = |arg: &String| {
            ["--tsconfig=", "--inject:"]
                .iter()
                .find_map(|name| {
                    arg.strip_prefix(name).map(|path| format!("{name}{}", place(Path::new(path)).display()))
                })
                .unwrap_or_else(|| arg.clone())
        };
        FunctionSpec {
            entry: place(&self.entry),
            cwd: place(&self.cwd),
            out_dir: place(&self.out_dir),
            args: self.args.iter().map(argument).collect(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(root: &str) -> FunctionSpec {
        let request = FunctionRequest {
            id: 0,
            path: "S/F".into(),
            entry: format!("{root}/src/a.ts").into(),
            args: vec![format!("--tsconfig={root}/tsconfig.json"), "--minify".into()],
            out_file: "index.js".into(),
            cwd: root.into(),
            env: None,
            metafile: false,
            out_dir: Some(format!("{root}/out/bundling-temp-1").into()),
        };
        FunctionSpec::of(&request, &Path::new(root).join("out"), &Path::new(root).join("cdk.out")).unwrap()
    }

    #[test]
    fn another_checkout_has_the_same_key() {
        assert_eq!(spec("/a").key(Path::new("/a"), "0.28.2"), spec("/b/c").key(Path::new("/b/c"), "0.28.2"));
        assert_ne!(spec("/a").key(Path::new("/a"), "0.28.2"), spec("/a").key(Path::new("/a"), "0.28.1"));
        assert_eq!(spec("/a").portable(Path::new("/a")).at(Path::new("/b")), spec("/b"));
        assert_eq!(spec("/a").out_parent(), Path::new("/a/cdk.out"));
    }

    #[test]
    fn a_path_in_a_define_is_part_of_the_output() {
        let mut a = spec("/a");
        a.args.push("--define:ROOT=\"/a\"".into());
        let mut b = spec("/b");
        b.args.push("--define:ROOT=\"/b\"".into());
        assert_ne!(a.key(Path::new("/a"), "1"), b.key(Path::new("/b"), "1"));
    }

    #[test]
    fn odd_outputs_run_alone() {
        let mut odd = spec("/a");
        assert!(!odd.must_run_alone());
        odd.args.push("--loader:.png=file".into());
        assert!(odd.must_run_alone());
    }
}
