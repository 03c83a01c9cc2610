//! Writes the first `offshoot.yml` of a repository, with a comment on every choice.

use std::fmt::Write as _;

use super::valid::App;

/// A short, commented, valid `offshoot.yml` for the apps that were found.
pub fn init_text(discovered: &[App], default_branch: &str) -> String {
    let mut out = String::from(
        "# Which branch of this repository becomes which stage on AWS.\n\
         # Every key: docs/reference/configuration.md. Check it with `offshoot check`.\n\
         version: 1\n\n",
    );
    apps(&mut out, discovered);
    let stage = if matches!(default_branch, "" | "main" | "master" | "prod" | "production" | "trunk") {
        "prod"
    } else {
        "main"
    };
    let branch = quoted(if default_branch.is_empty() { "main" } else { default_branch });
    let _ = write!(
        out,
        r#"
stages:
  # The default branch is the stage `{stage}`. It is never removed, and a person approves each plan.
  - name: {stage}
    branch: {branch}
    apply: approved                # auto | approved | manual | fast
    protect: true
    # aws:
    #   account: "111111111111"    # other credentials are refused
    #   region: us-east-1

  # Every feature branch grows its own stage. It goes with its branch, or this long after its last deploy.
  - name: "{{branch}}"
    branch: "feature/*"
    expires: 14d

  # Every pull request is a stage as long as it is open.
  - name: "pr-{{number}}"
    pull_request: {{ base: {branch} }}
    expires: 72h
    limit: 10
"#
    );
    out
}

fn apps(out: &mut String, discovered: &[App]) {
    if discovered.is_empty() {
        out.push_str("# Apps are found by cdk.json, sst.json, template.yaml and serverless.yml; or name them:\n# apps:\n#   - name: api\n#     path: services/api\n");
        return;
    }
    out.push_str("apps:\n");
    for app in discovered {
        let path = app.path.display().to_string().replace('\\', "/");
        let path = if path.is_empty() { ".".to_owned() } else { quoted(&path) };
        let _ =
            write!(out, "  - name: {}\n    path: {path}\n    kind: {}\n", quoted(app.name.as_str()), app.kind.as_str());
    }
}

/// Quotes what YAML would read as something else than this text.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.'))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
