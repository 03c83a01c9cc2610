//! Small tables: the stages of a repository, the outputs of a stage, what `offshoot check` found.

use std::collections::BTreeMap;

use super::style::{Style, Tone};
use super::text::{clean, count, cut_middle, hang, list, pad, width};

/// One line of `offshoot stages`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageRow {
    pub app: String,
    pub stage: String,
    /// `branch main`, `pull request into main`.
    pub rule: String,
    /// The commit that the stage runs; absent when nothing is deployed.
    pub revision: Option<String>,
    /// When it was deployed, as the caller wants it read: `2026-11-20 14:03` or `3 days ago`.
    pub deployed: Option<String>,
    pub stacks: usize,
}

/// The stages as a table.
pub fn stages(rows: &[StageRow], style: Style) -> String {
    if rows.is_empty() {
        return "No stages: offshoot.yml has no rule that a branch matches, and nothing is deployed.\n".to_owned();
    }
    let cells = rows.iter().map(|row| {
        let revision: String =
            row.revision.as_deref().map_or_else(|| "-".to_owned(), |r| clean(r).chars().take(8).collect());
        let deployed = row.deployed.as_deref().map_or_else(|| "not deployed".to_owned(), clean);
        vec![clean(&row.app), clean(&row.stage), clean(&row.rule), revision, row.stacks.to_string(), deployed]
    });
    table(&["app", "stage", "follows", "revision", "stacks", "deployed"], cells.collect(), style)
}

/// The outputs of a stage by stack; values are never cut, because they are there to be copied.
pub fn outputs(stacks: &[(String, BTreeMap<String, String>)], style: Style) -> String {
    let rows: Vec<Vec<String>> = stacks
        .iter()
        .flat_map(|(stack, outputs)| outputs.iter().map(|(k, v)| vec![clean(stack), clean(k), clean(v)]))
        .collect();
    if rows.is_empty() {
        return "No outputs.\n".to_owned();
    }
    table(&["stack", "output", "value"], rows, style)
}

/// An app as `offshoot check` found it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppRow {
    pub name: String,
    /// `CDK (TypeScript)`.
    pub kind: String,
    pub path: String,
}

/// A stage rule as `offshoot check` understood it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleRow {
    pub stage: String,
    pub rule: String,
    /// `111111111111, eu-west-1`.
    pub place: String,
    /// `auto`, `approved`, `manual`, `fast`.
    pub apply: String,
}

/// What `offshoot check` found, when nothing is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The configuration file; absent when everything was discovered.
    pub file: Option<String>,
    pub apps: Vec<AppRow>,
    pub rules: Vec<RuleRow>,
    pub warnings: Vec<String>,
}

/// The result of `offshoot check`.
pub fn check(checked: &Checked, style: Style) -> String {
    let what = list(&[count(checked.apps.len(), "app"), count(checked.rules.len(), "stage rule")]);
    let head = match &checked.file {
        Some(file) => format!("{} is valid: {what}.", clean(file)),
        None => format!("There is no offshoot.yml; found by looking: {what}."),
    };
    let mut out = hang("", &head, style.columns());
    if !checked.apps.is_empty() {
        let rows = checked.apps.iter().map(|a| vec![clean(&a.name), clean(&a.kind), clean(&a.path)]);
        out.push_str(&format!("\n{}", table(&["app", "kind", "path"], rows.collect(), style)));
    }
    if !checked.rules.is_empty() {
        let rows =
            checked.rules.iter().map(|r| vec![clean(&r.stage), clean(&r.rule), clean(&r.place), clean(&r.apply)]);
        out.push_str(&format!(
            "\n{}",
            table(&["stage", "follows", "account and region", "apply"], rows.collect(), style)
        ));
    }
    for (i, warning) in checked.warnings.iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { "" });
        let text = hang("warning: ", &clean(warning), style.columns());
        out.extend(text.lines().map(|line| format!("{}\n", style.paint(Tone::Change, line))));
    }
    out
}

/// Aligned columns under a head line; the last column is not cut.
fn table(head: &[&str], rows: Vec<Vec<String>>, style: Style) -> String {
    let limit = style.columns() / 2;
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(i, title)| {
            rows.iter().filter_map(|r| r.get(i)).map(|c| width(c)).max().unwrap_or(0).min(limit).max(width(title))
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let last = cells.len().saturating_sub(1);
        let cells = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(i, (cell, w))| if i == last { (*cell).to_owned() } else { pad(&cut_middle(cell, *w), *w) });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut out = format!("{}\n", style.paint(Tone::Faint, &line(head.to_vec())));
    for row in &rows {
        out.push_str(&format!("{}\n", line(row.iter().map(String::as_str).collect())));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn stages_as_a_table() {
        insta::assert_snapshot!(stages(&samples::stage_rows(), samples::WIDE), @r#"
        app    stage    follows          revision  stacks  deployed
        notes  prod     branch main      9f8e7d6c  3       2026-11-20 14:03
        notes  staging  branch develop   -         0       not deployed
        notes  pr-42    pull request 42  01234567  3       2 hours ago
        "#);
        insta::assert_snapshot!(stages(&[], samples::WIDE), @"No stages: offshoot.yml has no rule that a branch matches, and nothing is deployed.");
    }

    #[test]
    fn outputs_as_a_table() {
        let outputs = samples::applied().stacks.into_iter().map(|s| (s.name, s.outputs)).collect::<Vec<_>>();
        insta::assert_snapshot!(super::outputs(&outputs, samples::WIDE), @r#"
        stack            output     value
        prod-notes-data  TableName  prod-notes-data-Table-1ABC
        prod-notes-api   Url        https://abc.execute-api.eu-west-1.amazonaws.com/
        "#);
    }

    #[test]
    fn what_check_found() {
        insta::assert_snapshot!(check(&samples::checked(), samples::WIDE), @r#"
        offshoot.yml is valid: 1 app and 2 stage rules.

        app    kind              path
        notes  CDK (TypeScript)  .

        stage     follows           account and region       apply
        prod      branch main       111111111111, us-east-1  approved
        {branch}  branch feature/*  from the environment     auto

        warning: stage {branch} has no limit: every branch that matches gets its own stacks
        "#);
        insta::assert_snapshot!(check(&Checked::default(), samples::WIDE), @"There is no offshoot.yml; found by looking: 0 apps and 0 stage rules.");
    }
}
