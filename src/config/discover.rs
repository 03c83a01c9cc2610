//! Finds the apps of a repository from the names of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::valid::{App, AppKind, Config, KindFrom};
use crate::error::Error;

/// What was found in a listing of file names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovered {
    /// In the order of their folders.
    pub apps: Vec<App>,
}

/// Files that make a folder an app. Where a folder has several, the first kind wins: a CDK app may keep templates.
const MARKS: [(&str, AppKind); 11] = [
    ("cdk.json", AppKind::Cdk),
    ("sst.config.ts", AppKind::Sst),
    ("sst.json", AppKind::Sst),
    ("serverless.yml", AppKind::Serverless),
    ("serverless.yaml", AppKind::Serverless),
    ("serverless.ts", AppKind::Serverless),
    ("samconfig.toml", AppKind::Sam),
    ("samconfig.yaml", AppKind::Sam),
    ("template.yaml", AppKind::CloudFormation),
    ("template.yml", AppKind::CloudFormation),
    ("template.json", AppKind::CloudFormation),
];

/// Finds apps from the repository-relative names of all files.
///
/// A folder with only a template is said to be plain CloudFormation; [`template_kind`] tells it from SAM by its text.
pub fn discover(paths: &[String]) -> Discovered {
    let mut found: BTreeMap<String, AppKind> = BTreeMap::new();
    let mut templates: BTreeSet<&str> = BTreeSet::new();
    for path in paths {
        let path = path.strip_prefix("./").unwrap_or(path);
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(rank) = MARKS.iter().position(|(name, _)| *name == file) else { continue };
        if ignored(folder) {
            continue;
        }
        let Some((_, kind)) = MARKS.get(rank) else { continue };
        if file.starts_with("template.") {
            templates.insert(folder);
        }
        let better = found.get(folder).is_none_or(|known| order(*known) > order(*kind));
        if better {
            found.insert(folder.to_owned(), *kind);
        }
    }
    // samconfig.* only says what a template is; alone it is no app
    found.retain(|folder, kind| *kind != AppKind::Sam || templates.contains(folder.as_str()));
    let parents = found.clone();
    // a template inside another app is one of its files
    found.retain(|folder, kind| {
        !matches!(kind, AppKind::Sam | AppKind::CloudFormation)
            || !parents.keys().any(|parent| is_inside(folder, parent))
    });
    let names = names(found.keys().map(String::as_str));
    let apps = found
        .into_iter()
        .zip(names)
        .map(|((folder, kind), name)| App::new(name, PathBuf::from(folder), kind, KindFrom::Files))
        .collect();
    Discovered { apps }
}

fn order(kind: AppKind) -> usize {
    MARKS.iter().position(|(_, k)| *k == kind).unwrap_or(MARKS.len())
}

fn ignored(folder: &str) -> bool {
    folder.split('/').any(|part| part.starts_with('.') || matches!(part, "node_modules" | "cdk.out"))
}

fn is_inside(folder: &str, parent: &str) -> bool {
    folder != parent && (parent.is_empty() || folder.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/')))
}

/// The folder's own name; with its parents' where two would be the same; `app` for the root.
fn names<'a>(folders: impl Iterator<Item = &'a str>) -> Vec<String> {
    let folders: Vec<&str> = folders.collect();
    let short = |folder: &str| safe(folder.rsplit('/').next().unwrap_or(folder));
    let mut taken = BTreeSet::new();
    let mut out = Vec::new();
    for folder in &folders {
        let alone = folders.iter().filter(|other| short(other) == short(folder)).count() == 1;
        let base = if alone { short(folder) } else { safe(folder) };
        // ends: one of the first `folders + 1` names is free
        let name = (1..=folders.len() + 1)
            .map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") })
            .find(|name| !taken.contains(name))
            .unwrap_or_else(|| base.clone());
        taken.insert(name.clone());
        out.push(name);
    }
    out
}

fn safe(text: &str) -> String {
    let mapped: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect();
    let name: String = mapped.trim_matches(['-', '_', '.']).chars().take(56).collect();
    if name.is_empty() { "app".to_owned() } else { name }
}

/// Whether a template is SAM's or plain CloudFormation.
pub fn template_kind(template: &str) -> AppKind {
    if template.contains("AWS::Serverless-2016-10-31") { AppKind::Sam } else { AppKind::CloudFormation }
}

impl Config {
    /// Fills in what only the repository's files tell: the kind of each app, and all apps where the file names none.
    pub fn with_discovered(mut self, found: &Discovered) -> Result<Config, Vec<Error>> {
        if self.apps.is_empty() {
            self.apps = found.apps.clone();
        }
        let mut errors = Vec::new();
        for app in self.apps.iter_mut().filter(|app| app.kind_from == KindFrom::Assumed) {
            if let Some(same) = found.apps.iter().find(|other| other.path == app.path) {
                (app.kind, app.kind_from) = (same.kind, KindFrom::Files);
            } else if app.command.is_none() {
                errors.push(nothing_there(app, found));
            } else {
                // a command needs no files of a known name: it leaves an assembly
                (app.kind, app.kind_from) = (AppKind::Assembly, KindFrom::Files);
            }
        }
        let names: BTreeSet<&str> = self.apps.iter().map(|app| app.name.as_str()).collect();
        for rule in &self.stages {
            for name in rule.apps.iter().flatten().filter(|name| !names.contains(name.as_str())) {
                let what = format!("stage `{}` names the app `{name}`, and there is none", rule.name);
                let listed = names.iter().copied().collect::<Vec<_>>().join(", ");
                let next =
                    if listed.is_empty() { "no app was found".to_owned() } else { format!("the apps are {listed}") };
                errors.push(Error::usage("config.unknown_app", "looking for apps", what).next(next));
            }
        }
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }
}

fn nothing_there(app: &App, found: &Discovered) -> Error {
    let folder =
        if app.path.as_os_str().is_empty() { "the root".to_owned() } else { format!("`{}`", app.path.display()) };
    let what = format!(
        "app `{}`: {folder} has no cdk.json, sst.json, sst.config.ts, serverless.yml or template.yaml",
        app.name
    );
    let others: Vec<String> =
        found
            .apps
            .iter()
            .map(|a| {
                if a.path.as_os_str().is_empty() { "path: .".to_owned() } else { format!("path: {}", a.path.display()) }
            })
            .collect();
    let next = if others.is_empty() {
        "correct `path:`, or write its `kind:`".to_owned()
    } else {
        format!("correct its path; apps were found at {}", others.join(", "))
    };
    Error::usage("config.no_app", "looking for apps", what).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Vec<(String, String, AppKind)> {
        let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        discover(&paths).apps.into_iter().map(|a| (a.name.to_string(), a.path.display().to_string(), a.kind)).collect()
    }

    fn app(name: &str, path: &str, kind: AppKind) -> (String, String, AppKind) {
        (name.to_owned(), path.to_owned(), kind)
    }

    #[test]
    fn each_kind_is_known_by_its_file() {
        use AppKind::*;
        assert_eq!(found(&["cdk.json", "bin/app.ts"]), [app("app", "", Cdk)]);
        assert_eq!(
            found(&[
                "a/sst.json",
                "b/sst.config.ts",
                "c/serverless.ts",
                "d/template.yml",
                "e/template.yaml",
                "e/samconfig.toml"
            ]),
            [
                app("a", "a", Sst),
                app("b", "b", Sst),
                app("c", "c", Serverless),
                app("d", "d", CloudFormation),
                app("e", "e", Sam)
            ]
        );
    }

    #[test]
    fn what_is_made_or_hidden_is_no_app() {
        assert_eq!(
            found(&[
                "cdk.out/manifest.json",
                "cdk.out/template.json",
                "node_modules/x/cdk.json",
                ".cache/cdk.json",
                "samconfig.toml"
            ]),
            []
        );
    }

    #[test]
    fn templates_of_another_app_are_its_own() {
        assert_eq!(found(&["cdk.json", "lib/legacy/template.yaml", "template.yaml"]), [app("app", "", AppKind::Cdk)]);
        assert_eq!(found(&["x/template.yaml", "xy/template.yaml"]).len(), 2);
    }

    #[test]
    fn names_are_unique_and_plain() {
        let names: Vec<String> = found(&["a/api/cdk.json", "b/api/cdk.json", "my app/cdk.json", "a-api/cdk.json"])
            .into_iter()
            .map(|a| a.0)
            .collect();
        assert_eq!(names, ["a-api", "a-api-2", "b-api", "my-app"]);
        let unique: BTreeSet<&String> = names.iter().collect();
        assert_eq!(unique.len(), 4, "{names:?}");
    }
}
