//! A plan for the terminal: danger first, then each stack, then what to type next.

mod stack;
mod tables;

use crate::plan::{Plan, StackAction, StackPlan};

use super::facts::{self, Danger};
use super::style::{Detail, Style, Tone};
use super::text::{clean, count, first, hang, list, seconds, thousands, wrap};

/// From this many changed stacks on, a short plan shows the plain ones by their head line only.
const MANY_STACKS: usize = 12;
/// How many replaced or removed resources without data a short plan names.
const SHORT_DANGERS: usize = 10;

/// The whole plan as text for a terminal or a log, with the command that deploys it.
pub fn plan(plan: &Plan, style: Style) -> String {
    let mut out = changes(plan, style);
    out.push_str(&closing(plan, style));
    out
}

/// The plan without the command that deploys it: for a command that is about to carry it out, or to refuse it.
pub fn changes(plan: &Plan, style: Style) -> String {
    let mut out = head(plan, style);
    out.push_str(&danger(plan, style));
    out.push_str(&stacks(plan, style));
    out.push_str(&notes(plan, style));
    // every list that was cut ends in a line of its own that begins with an ellipsis
    let shortened = style.detail == Detail::Short && out.lines().any(|line| line.trim_start().starts_with("… and"));
    out.push_str(&middle(plan, shortened.then_some("--verbose says everything"), style));
    out
}

fn head(plan: &Plan, style: Style) -> String {
    let title = format!("{} → {}", clean(&plan.app), clean(&plan.stage));
    let dirty = if plan.dirty { " with uncommitted changes" } else { "" };
    let place = format!(
        "revision {} of {}{dirty}, account {}, {}",
        facts::revision(&plan.revision),
        clean(&plan.repository),
        clean(&plan.account),
        clean(&plan.region)
    );
    let mut out = format!("{}\n", style.paint(Tone::Heading, &title));
    for line in wrap(&place, style.columns()) {
        out.push_str(&format!("{}\n", style.paint(Tone::Faint, &line)));
    }
    out.push('\n');
    out.push_str(&hang("", &format!("{}.", facts::headline(plan)), style.columns()));
    out
}

fn danger(plan: &Plan, style: Style) -> String {
    let (losing, other) = facts::dangers(plan);
    let mut out = String::new();
    if !losing.is_empty() {
        out.push_str(&format!(
            "\n{}\n",
            style.paint(Tone::Alarm, &format!("DANGER: this plan {}", facts::destroys(plan)))
        ));
        for danger in &losing {
            out.push_str(&style_lines(style, Tone::Danger, &danger_line(danger, style)));
        }
    }
    if !other.is_empty() {
        out.push_str(&format!("\n{}\n", style.paint(Tone::Heading, "Replaced or removed")));
        let shown = if style.detail == Detail::Full { other.len() } else { SHORT_DANGERS };
        for danger in other.iter().take(shown) {
            out.push_str(&danger_line(danger, style));
        }
        if other.len() > shown {
            out.push_str(&format!("  … and {} more\n", thousands((other.len() - shown) as u64)));
        }
    }
    out.push_str(&access(plan, style));
    out
}

/// Which stacks let somebody do more than before.
fn access(plan: &Plan, style: Style) -> String {
    let growing: Vec<(&StackPlan, String)> =
        plan.stacks.iter().map(|s| (s, facts::broadening(s))).filter(|(_, words)| !words.is_empty()).collect();
    if growing.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", style.paint(Tone::Heading, "More access than before"));
    let shown = if style.detail == Detail::Full { growing.len() } else { SHORT_DANGERS };
    for (stack, words) in growing.iter().take(shown) {
        out.push_str(&hang("  ", &format!("{}: {words}", clean(&stack.name)), style.columns()));
    }
    if growing.len() > shown {
        let rest: Vec<String> = growing.iter().skip(shown).map(|(s, _)| clean(&s.name)).collect();
        out.push_str(&format!("  … and {}\n", count(rest.len(), "more stack")));
    }
    out
}

fn danger_line(danger: &Danger<'_>, style: Style) -> String {
    match danger {
        Danger::Stack(stack) => {
            let text = format!("stack {} {}", clean(&stack.name), facts::stack_sentence(stack));
            hang("  - ", &text, style.columns())
        }
        Danger::Resource(stack, change) => {
            let text = format!(
                "{} ({}) in {} {}",
                clean(facts::resource_name(change)),
                clean(&change.resource_type),
                clean(&stack.name),
                facts::fate_sentence(change)
            );
            hang(&format!("  {} ", facts::symbol(change.action)), &text, style.columns())
        }
    }
}

fn style_lines(style: Style, tone: Tone, text: &str) -> String {
    text.lines().map(|line| format!("{}\n", style.paint(tone, line))).collect()
}

fn stacks(plan: &Plan, style: Style) -> String {
    let changed = facts::changed(plan);
    let brief = style.detail == Detail::Short && changed.len() > MANY_STACKS;
    let mut out = String::new();
    let mut plain: Vec<&StackPlan> = Vec::new();
    for stack in changed {
        if brief && !facts::is_notable(stack) {
            plain.push(stack);
            continue;
        }
        out.push('\n');
        out.push_str(&stack::section(plan, stack, style));
    }
    if !plain.is_empty() {
        out.push('\n');
        out.push_str(&stack::groups(&plain, style));
    }
    out.push_str(&unchanged(plan, style));
    out
}

fn unchanged(plan: &Plan, style: Style) -> String {
    let names: Vec<String> =
        plan.stacks.iter().filter(|s| s.action == StackAction::None).map(|s| clean(&s.name)).collect();
    if names.is_empty() || !plan.has_changes() {
        return String::new();
    }
    let shown = if style.detail == Detail::Full { list(&names) } else { first(&names, 6) };
    format!("\n{}", hang("= ", &format!("unchanged: {shown}"), style.columns()))
}

fn notes(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    for (i, note) in plan.notes.iter().enumerate() {
        if i == 0 {
            out.push('\n');
        }
        out.push_str(&style_lines(style, Tone::Change, &hang("note: ", &clean(note), style.columns())));
    }
    out
}

/// The end of the changes: where the time went, and that not everything was shown.
fn middle(plan: &Plan, shortened: Option<&str>, style: Style) -> String {
    let mut out = "\n".to_owned();
    if style.detail == Detail::Full && !plan.timings.is_empty() {
        let steps: Vec<String> = plan.timings.iter().map(|(k, s)| format!("{} {}", clean(k), seconds(*s))).collect();
        out.push_str(&style_lines(style, Tone::Faint, &hang("time: ", &steps.join(", "), style.columns())));
    }
    if !plan.has_changes() {
        return if out == "\n" { String::new() } else { out };
    }
    if let Some(hint) = shortened {
        out.push_str(&hang("", &format!("Shortened; {hint}"), style.columns()));
    }
    out
}

fn closing(plan: &Plan, style: Style) -> String {
    if !plan.has_changes() {
        return String::new();
    }
    let digest = facts::digest(&plan.digest);
    let mut out = String::new();
    let what = match facts::destroys(plan) {
        what if what.is_empty() => "is not deployed yet".to_owned(),
        what => format!("{what}: read it again before you deploy it"),
    };
    out.push_str(&hang("", &format!("Plan {digest} {what}. To deploy exactly this:"), style.columns()));
    out.push_str(&format!("  {}\n", style.paint(Tone::Link, &facts::deploy_command(plan))));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::{self, FULL, NARROW};
    use crate::render::style::Colour;
    use crate::render::text::width;

    macro_rules! snapshot {
        ($name:ident, $plan:expr, $style:expr, @$text:literal) => {
            #[test]
            fn $name() {
                insta::assert_snapshot!(plan(&$plan, $style), @$text);
            }
        };
    }

    snapshot!(no_change, samples::nothing(), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    Nothing to do: all 3 stacks are deployed as they are in this revision.
    "#);
    snapshot!(no_stacks, samples::plan(Vec::new()), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    Nothing to do: the app has no stacks.
    "#);
    snapshot!(new_stacks_of_which_one_waits, samples::create(), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    2 stacks to create.

    More access than before
      prod-notes-api: 1 IAM permission

    + prod-notes-data: create (+2)
      the stack does not exist yet
      + Data/Jobs/Resource   SQS::Queue
      + Data/Table/Resource  DynamoDB::Table

    + prod-notes-api: create (+40)
      the stack does not exist yet
      waits for what prod-notes-data will export; until then these changes are read
      from the templates
      + Api/Handler01/Resource              Lambda::Function
      + Api/Handler01/ServiceRole/Resource  IAM::Role
      + Api/Handler02/Resource              Lambda::Function
      + Api/Handler02/ServiceRole/Resource  IAM::Role
      + Api/Handler03/Resource              Lambda::Function
      + Api/Handler03/ServiceRole/Resource  IAM::Role
      + Api/Handler04/Resource              Lambda::Function
      + Api/Handler04/ServiceRole/Resource  IAM::Role
      + Api/Handler05/Resource              Lambda::Function
      + Api/Handler05/ServiceRole/Resource  IAM::Role
      + Api/Handler06/Resource              Lambda::Function
      + Api/Handler06/ServiceRole/Resource  IAM::Role
      + Api/Handler07/Resource              Lambda::Function
      + Api/Handler07/ServiceRole/Resource  IAM::Role
      + Api/Handler08/Resource              Lambda::Function
      … and 25 more: 13 AWS::IAM::Role and 12 AWS::Lambda::Function
      IAM
        + Allow dynamodb:GetItem,dynamodb:PutItem on ${Data.TableArn} for
          ${Api/Handler01/ServiceRole} (grants more)
      Outputs
        ~ Url  known after the deployment

    Shortened; --verbose says everything
    Plan 1a2b3c4d5e6f is not deployed yet. To deploy exactly this:
      offshoot deploy --plan 1a2b3c4d5e6f
    "#);
    snapshot!(an_update, samples::update(), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    1 stack to update, 2 unchanged.

    ~ prod-notes-api: update (+1 ~2)
      the template and 1 asset differ from what is deployed
      ~ Api/Create/Resource           Lambda::Function
          MemorySize                   128 → 256
          Timeout                      (none) → 30
          Environment.Variables.LEVEL  "(redacted)", changed
      ~ Api/Flow/Resource             StepFunctions::StateMachine
          DefinitionString
              … 5 lines as before
            -       "Seconds": 5,
            +       "Seconds": 60,
              … 7 lines as before
      + Api/Create/LogGroup/Resource  Logs::LogGroup
      Functions
        ~ Api/Create: index.handler, nodejs22.x, 12.3 kB → 12.8 kB (+500 B), 2
          source files
          environment: LEVEL
      Outputs
        ~ Url
            - https://old.execute-api.eu-west-1.amazonaws.com/
            + https://new.execute-api.eu-west-1.amazonaws.com/

    = unchanged: prod-notes-data and prod-notes-web

    Plan 1a2b3c4d5e6f is not deployed yet. To deploy exactly this:
      offshoot deploy --plan 1a2b3c4d5e6f
    "#);
    snapshot!(an_update_in_full, samples::update(), FULL, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    1 stack to update, 2 unchanged.

    ~ prod-notes-api: update (+1 ~2)
      the template and 1 asset differ from what is deployed
      ~ Api/Create/Resource           Lambda::Function
          logical id ApiCreateResource1A2B3C4D, physical id prod-apicreateresource1a2b3c4d
          Code.S3Key                   "aaaa1111.zip" → "bbbb2222.zip"
          MemorySize                   128 → 256
          Timeout                      (none) → 30
          Environment.Variables.LEVEL  "(redacted)", changed
      ~ Api/Flow/Resource             StepFunctions::StateMachine
          logical id ApiFlowResource1A2B3C4D, physical id prod-apiflowresource1a2b3c4d
          DefinitionString
              … 5 lines as before
            -       "Seconds": 5,
            +       "Seconds": 60,
              … 7 lines as before
      + Api/Create/LogGroup/Resource  Logs::LogGroup
          logical id ApiCreateLogGroupResource1A2B3C4D
      Functions
        ~ Api/Create: index.handler, nodejs22.x, 12.3 kB → 12.8 kB (+500 B), 2 source files
          environment: LEVEL
          sources: src/create.ts and src/shared/table.ts
      Outputs
        ~ Url
            - https://old.execute-api.eu-west-1.amazonaws.com/
            + https://new.execute-api.eu-west-1.amazonaws.com/

    = unchanged: prod-notes-data and prod-notes-web

    time: plan 1.2 s, synth 0.4 s
    Plan 1a2b3c4d5e6f is not deployed yet. To deploy exactly this:
      offshoot deploy --plan 1a2b3c4d5e6f
    "#);
    snapshot!(a_table_is_replaced, samples::replace_table(), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    1 stack to update, 1 unchanged.

    DANGER: this plan deletes data
      ± Data/Table/Resource (AWS::DynamoDB::Table) in prod-notes-data is replaced
        because KeySchema changes: the old one is deleted with its data

    Replaced or removed
      ± Data/Stream/Resource (AWS::Lambda::EventSourceMapping) in prod-notes-data
        may be replaced because EventSourceArn changes

    ~ prod-notes-data: update (±2)
      the template differs from what is deployed
      ± Data/Table/Resource   DynamoDB::Table             replaced, loses data
          KeySchema (replaces)
              … 2 lines as before
            -     "AttributeName": "id",
            +     "AttributeName": "owner",
              … 3 lines as before
          BillingMode  "PROVISIONED" → "PAY_PER_REQUEST"
      ± Data/Stream/Resource  Lambda::EventSourceMapping  may be replaced
          EventSourceArn  "${Table.StreamArn}", changed (may replace)

    = unchanged: prod-notes-api

    Plan 1a2b3c4d5e6f deletes data: read it again before you deploy it. To deploy
    exactly this:
      offshoot deploy --plan 1a2b3c4d5e6f
    "#);
    snapshot!(buckets_are_removed, samples::remove_buckets(), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    1 stack to update.

    DANGER: this plan deletes data
      - Data/Cache/Resource (AWS::S3::Bucket) in prod-notes-data is deleted with its
        data
      - Data/Database/Resource (AWS::RDS::DBInstance) in prod-notes-data is deleted:
        only a snapshot of its data is kept

    Replaced or removed
      - Data/Uploads/Resource (AWS::S3::Bucket) in prod-notes-data is taken out of
        the stack: it stays in the account with its data
      - Data/Cache/Policy/Resource (AWS::S3::BucketPolicy) in prod-notes-data is
        deleted

    ~ prod-notes-data: update (-4)
      the template differs from what is deployed
      - Data/Cache/Resource         S3::Bucket        deleted, loses data
      - Data/Database/Resource      RDS::DBInstance   deleted, loses data
      - Data/Cache/Policy/Resource  S3::BucketPolicy  deleted
      - Data/Uploads/Resource       S3::Bucket        leaves the stack, kept

    Plan 1a2b3c4d5e6f deletes data: read it again before you deploy it. To deploy
    exactly this:
      offshoot deploy --plan 1a2b3c4d5e6f
    "#);
    snapshot!(access_grows, samples::broadening(), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    1 stack to update.

    More access than before
      prod-notes-api: 3 IAM permissions and 1 network rule

    ~ prod-notes-api: update (~1)
      the template differs from what is deployed
      ~ Api/Create/ServiceRole/DefaultPolicy/Resource  IAM::Policy
          PolicyDocument
              … 3 lines as before
            -       "Action": "dynamodb:GetItem",
            -       "Effect": "Allow",
            -       "Resource": "${Data.TableArn}"
            +       "Action": "dynamodb:*",
            +       "Effect": "Allow",
            +       "Resource": "*"
              … 3 lines as before
      IAM
        + Allow dynamodb:* on * for ${Api/Create/ServiceRole} (grants more)
        + managed policy arn:aws:iam::aws:policy/AdministratorAccess on
          ${Api/Create/ServiceRole} (grants more)
        + Allow lambda:InvokeFunction on ${Api/Create} for
          Service:apigateway.amazonaws.com if "ArnLike": {"AWS:SourceArn":
          "arn:aws:execute-api:eu-west-1:111111111111:abc/*"} (grants more)
        - Allow dynamodb:GetItem on ${Data.TableArn} for ${Api/Create/ServiceRole}
      Network
        + TCP 22 in from 0.0.0.0/0 of WebGroup (opens more)
        - all traffic out to 10.0.0.0/8 of WebGroup

    Plan 1a2b3c4d5e6f is not deployed yet. To deploy exactly this:
      offshoot deploy --plan 1a2b3c4d5e6f
    "#);
    snapshot!(nested_stacks, samples::nested(), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    1 stack to update.

    ~ prod-notes-api: update (+1 ~2)
      a nested stack's template differs from what is deployed
      ~ Api/Routes.NestedStack/Routes.NestedStackResource  CloudFormation::Stack
          TemplateURL  "https://bucket/old.json" → "https://bucket/new.json"
      in the nested stack Routes:
      ~ Api/Routes/Get/Resource                            Lambda::Function
          MemorySize  128 → 256
      in the nested stack Routes / Admin:
      + Api/Routes/Admin/Get/Permission                    Lambda::Permission

    Plan 1a2b3c4d5e6f is not deployed yet. To deploy exactly this:
      offshoot deploy --plan 1a2b3c4d5e6f
    "#);
    snapshot!(hostile_names, samples::hostile(), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    1 stack to update.

    DANGER: this plan deletes data
      ± a`|</summary></details><script>alert(1)</script>\n## @octocat
        #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1) (AWS::DynamoDB::Table) in
        a`|</summary></details><script>alert(1)</script>\n## @octocat
        #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1) is replaced because
        a`|</summary></details><script>alert(1)</script>\n## @octocat
        #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1) changes: the old one is
        deleted with its data

    More access than before
      a`|</summary></details><script>alert(1)</script>\n## @octocat
      #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1): 1 IAM permission

    ~ a`|</summary></details><script>alert(1)</script>\n## @octocat #1\u{202e}\u{20…
      a`|</summary></details><script>alert(1)</script>\n## @octocat
      #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)
      in the app: xa`|</summary></details><script>alert(1)</script>\n## @octocat
      #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)
      account 111111111111, a`|</summary></details><script>alert(1)</script>\n##
      @octocat #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)
      in the nested stack a`|</summary></details><script>alert(1)</script>\n##
      @octocat #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1):
      ± a`|</summary></details><scrip…b}\u{1b}[31m[x](javascript:1)  DynamoDB::Tabl…
          a`|</summary></…x](javascript:1) (replaces)
            - a`|</summary></details><script>alert(1)</script>
            - ## @octocat #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)
            + ```
            + ````
            + </details>
          Text
              … 1 line as before
            - b
            - ```diff
            - </details>
            + c
            + @octocat
      IAM
        + Allow a`|</summary></details><script>alert(1)</script>\n## @octocat
          #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1) on
          a`|</summary></details><script>alert(1)</script>\n## @octocat
          #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1) for
          a`|</summary></details><script>alert(1)</script>\n## @octocat
          #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1) (grants more)
      Functions
        ~ a`|</summary></details><script>alert(1)</script>\n## @octocat
          #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1):
          a`|</summary></details><script>alert(1)</script>\n## @octocat
          #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)
          environment: a`|</summary></details><script>alert(1)</script>\n## @octocat
                       #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)
      Outputs
        ~ a`|</summary></details><script>alert(1)</script>\n## @octocat #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)
            - https://ok.example/a
            + a`|</summary></details><script>alert(1)</script>\n## @octocat #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)

    note: a`|</summary></details><script>alert(1)</script>\n## @octocat
          #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)

    Plan 1a2b3c4d5e6f deletes data: read it again before you deploy it. To deploy
    exactly this:
      offshoot deploy --plan 1a2b3c4d5e6f
    "#);
    snapshot!(a_stack_is_deleted, samples::delete(), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

    1 stack to delete, 1 unchanged.

    DANGER: this plan deletes data and 1 stack
      - stack prod-notes-legacy is deleted with 2 resources; 1 resource stays in the
        account without a stack
      - Legacy/Table/Resource (AWS::DynamoDB::Table) in prod-notes-legacy is deleted
        with its data

    - prod-notes-legacy: delete (-3)
      the app no longer has this stack
      - Legacy/Table/Resource    DynamoDB::Table   deleted, loses data
      - Legacy/Archive/Resource  S3::Bucket        leaves the stack, kept
      - Legacy/Handler/Resource  Lambda::Function  deleted

    = unchanged: prod-notes-api

    Plan 1a2b3c4d5e6f deletes data and 1 stack: read it again before you deploy it.
    To deploy exactly this:
      offshoot deploy --plan 1a2b3c4d5e6f --prune
    "#);
    snapshot!(a_dirty_tree_and_secrets, samples::dirty(), NARROW, @r#"
    notes → prod
    revision 9f8e7d6c of acme/notes with uncommitted changes, account 111111111111,
    eu-west-1

    1 stack to update.

    ~ prod-notes-edge: update (~1 ←1)
      the parameters differ from what is deployed
      in the app: Prod/Edge
      account 111111111111, us-east-1
      ~ Edge/Token/Resource   SecretsManager::Secret
          SecretString  "(secret)" → "(another secret)"
      ← Edge/Assets/Resource  S3::Bucket

    note: the work tree has changes that are not committed: 3 files
    note: Api/Python was bundled by the app itself, because its command hooks cannot
          be taken out of the synth

    Plan 1a2b3c4d5e6f is not deployed yet. To deploy exactly this:
      offshoot deploy --plan 1a2b3c4d5e6f --dirty
    "#);

    #[test]
    fn three_hundred_stacks_stay_readable() {
        let text = plan(&samples::many(), NARROW);
        assert!(text.lines().count() < 80, "{}", text.lines().count());
        insta::assert_snapshot!(text, @r#"
        notes → prod
        revision 9f8e7d6c of acme/notes, account 111111111111, eu-west-1

        273 stacks to update, 27 unchanged.

        DANGER: this plan deletes data
          ± Data/Table/Resource (AWS::DynamoDB::Table) in prod-tenant-017 is replaced
            because KeySchema changes: the old one is deleted with its data

        Replaced or removed
          ± Data/Stream/Resource (AWS::Lambda::EventSourceMapping) in prod-tenant-017
            may be replaced because EventSourceArn changes

        More access than before
          prod-tenant-042: 3 IAM permissions and 1 network rule

        ~ prod-tenant-017: update (±2)
          the template differs from what is deployed
          in the app: prod-notes-data
          ± Data/Table/Resource   DynamoDB::Table             replaced, loses data
              KeySchema (replaces)
                  … 2 lines as before
                -     "AttributeName": "id",
                +     "AttributeName": "owner",
                  … 3 lines as before
              BillingMode  "PROVISIONED" → "PAY_PER_REQUEST"
          ± Data/Stream/Resource  Lambda::EventSourceMapping  may be replaced
              EventSourceArn  "${Table.StreamArn}", changed (may replace)

        ~ prod-tenant-042: update (~1)
          the template differs from what is deployed
          in the app: prod-notes-api
          ~ Api/Create/ServiceRole/DefaultPolicy/Resource  IAM::Policy
              PolicyDocument
                  … 3 lines as before
                -       "Action": "dynamodb:GetItem",
                -       "Effect": "Allow",
                -       "Resource": "${Data.TableArn}"
                +       "Action": "dynamodb:*",
                +       "Effect": "Allow",
                +       "Resource": "*"
                  … 3 lines as before
          IAM
            + Allow dynamodb:* on * for ${Api/Create/ServiceRole} (grants more)
            + managed policy arn:aws:iam::aws:policy/AdministratorAccess on
              ${Api/Create/ServiceRole} (grants more)
            + Allow lambda:InvokeFunction on ${Api/Create} for
              Service:apigateway.amazonaws.com if "ArnLike": {"AWS:SourceArn":
              "arn:aws:execute-api:eu-west-1:111111111111:abc/*"} (grants more)
            - Allow dynamodb:GetItem on ${Data.TableArn} for ${Api/Create/ServiceRole}
          Network
            + TCP 22 in from 0.0.0.0/0 of WebGroup (opens more)
            - all traffic out to 10.0.0.0/8 of WebGroup

        ~ 271 stacks, each: update (~1), 1 asset differs from what is deployed
          prod-tenant-000, prod-tenant-001, prod-tenant-002, prod-tenant-003,
          prod-tenant-004, prod-tenant-006, prod-tenant-007, prod-tenant-008,
          prod-tenant-009, prod-tenant-010, prod-tenant-011, prod-tenant-012
          … and 259 more

        = unchanged: prod-tenant-005, prod-tenant-016, prod-tenant-027, prod-tenant-038,
          prod-tenant-049, prod-tenant-060 and 21 more

        Shortened; --verbose says everything
        Plan 1a2b3c4d5e6f deletes data: read it again before you deploy it. To deploy
        exactly this:
          offshoot deploy --plan 1a2b3c4d5e6f
        "#);
    }

    #[test]
    fn short_plans_keep_to_the_width() {
        for (name, sample) in samples::plans() {
            for columns in [60, 80, 120] {
                let text = plan(&sample, Style { width: columns, ..NARROW });
                for line in text.lines().filter(|line| name != "hostile" && width(line) > columns) {
                    // a word that cannot be broken stays whole, so that it can be copied
                    assert!(line.trim().split(' ').any(|w| width(w) + 20 > columns), "{name} at {columns}: {line}");
                }
            }
        }
    }

    #[test]
    fn colour_only_adds_escape_codes() {
        for (name, sample) in samples::plans() {
            let colour = plan(&sample, Style { colour: Colour::On, ..NARROW });
            let mut bare = colour.clone();
            while let Some(start) = bare.find('\u{1b}') {
                let end = bare[start..].find('m').unwrap() + start;
                bare.replace_range(start..=end, "");
            }
            assert_eq!(bare, plan(&sample, NARROW), "{name}");
            assert!(colour.contains('\u{1b}'), "{name}");
        }
    }
}
