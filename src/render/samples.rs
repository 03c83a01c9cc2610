//! Sample plans and results for the tests of this room.

mod cards;
mod results;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::plan::*;

pub use cards::*;
pub use results::*;

use super::{Colour, Detail, Style};

pub const WIDE: Style = Style { colour: Colour::Off, width: 100, detail: Detail::Short };
pub const NARROW: Style = Style { width: 80, ..WIDE };
pub const FULL: Style = Style { detail: Detail::Full, ..WIDE };

pub const ACCOUNT: &str = "111111111111";
pub const REGION: &str = "eu-west-1";
const DIGEST: &str = "1a2b3c4d5e6f70819200aabbccddeeff1a2b3c4d5e6f70819200aabbccddeeff";
pub const REVISION: &str = "9f8e7d6c5b4a39281706f5e4d3c2b1a098765432";

/// A plan of these stacks.
pub fn plan(stacks: Vec<StackPlan>) -> Plan {
    Plan {
        version: 1,
        app: "notes".into(),
        stage: "prod".into(),
        repository: "acme/notes".into(),
        revision: REVISION.into(),
        dirty: false,
        account: ACCOUNT.into(),
        region: REGION.into(),
        digest: DIGEST.into(),
        stacks,
        notes: Vec::new(),
        timings: BTreeMap::from([("synth".into(), 0.412), ("plan".into(), 1.25)]),
    }
}

/// A stack without changes of resources.
pub fn stack(name: &str, action: StackAction, why: &str) -> StackPlan {
    StackPlan {
        name: name.into(),
        display_name: name.into(),
        action,
        why: why.into(),
        account: ACCOUNT.into(),
        region: REGION.into(),
        change_set: None,
        waits_for: Vec::new(),
        depends_on: Vec::new(),
        changes: Vec::new(),
        iam: Vec::new(),
        network: Vec::new(),
        functions: Vec::new(),
        outputs: Vec::new(),
        bound: Bound::default(),
    }
}

pub fn unchanged(name: &str) -> StackPlan {
    stack(name, StackAction::None, "the template, its parameters, tags and assets are as deployed")
}

/// A resource; what holds data is known by its type.
pub fn change(action: Action, resource_type: &str, path: &str) -> Change {
    let logical_id = path.replace(['/', ' '], "") + "1A2B3C4D";
    Change {
        physical_id: (action != Action::Add).then(|| format!("prod-{}", logical_id.to_lowercase())),
        logical_id,
        resource_type: resource_type.into(),
        path: path.into(),
        action,
        certainty: Certainty::Certain,
        holds_data: matches!(resource_type, "AWS::DynamoDB::Table" | "AWS::S3::Bucket" | "AWS::RDS::DBInstance"),
        fate: matches!(action, Action::Remove | Action::Replace).then_some(Fate::Delete),
        nested: Vec::new(),
        properties: Vec::new(),
    }
}

pub fn property(path: &str, before: Value, after: Value, recreate: Recreate) -> PropertyChange {
    let some = |v: Value| (!v.is_null()).then_some(v);
    PropertyChange { path: format!("Properties.{path}"), before: some(before), after: some(after), recreate }
}

pub fn nothing() -> Plan {
    plan(vec![unchanged("prod-notes-data"), unchanged("prod-notes-api"), unchanged("prod-notes-web")])
}

pub fn create() -> Plan {
    let mut data = stack("prod-notes-data", StackAction::Create, "the stack does not exist yet");
    data.changes = vec![
        change(Action::Add, "AWS::DynamoDB::Table", "Data/Table/Resource"),
        change(Action::Add, "AWS::SQS::Queue", "Data/Jobs/Resource"),
    ];
    let mut api = stack("prod-notes-api", StackAction::Create, "the stack does not exist yet");
    api.waits_for = vec!["prod-notes-data".into()];
    api.depends_on = api.waits_for.clone();
    api.changes = (1..=20)
        .flat_map(|n| {
            [
                change(Action::Add, "AWS::Lambda::Function", &format!("Api/Handler{n:02}/Resource")),
                change(Action::Add, "AWS::IAM::Role", &format!("Api/Handler{n:02}/ServiceRole/Resource")),
            ]
        })
        .collect();
    api.iam = vec![statement("dynamodb:GetItem,dynamodb:PutItem", "${Data.TableArn}", "${Api/Handler01/ServiceRole}")];
    api.outputs = vec![OutputChange { name: "Url".into(), before: None, after: None }];
    plan(vec![data, api])
}

fn statement(action: &str, resource: &str, principal: &str) -> IamChange {
    IamChange {
        logical_id: "HandlerPolicy".into(),
        change: Sign::Added,
        broadens: true,
        kind: IamKind::Statement,
        effect: "Allow".into(),
        resource: resource.into(),
        action: action.into(),
        principal: principal.into(),
        condition: String::new(),
    }
}

/// One function's code and settings, an output, a long policy document; the other stacks stay.
pub fn update() -> Plan {
    let mut api = stack("prod-notes-api", StackAction::Update, "the template and 1 asset differ from what is deployed");
    let mut handler = change(Action::Modify, "AWS::Lambda::Function", "Api/Create/Resource");
    handler.properties = vec![
        property("Code.S3Key", json!("aaaa1111.zip"), json!("bbbb2222.zip"), Recreate::Never),
        property("MemorySize", json!(128), json!(256), Recreate::Never),
        property("Timeout", Value::Null, json!(30), Recreate::Never),
        property("Environment.Variables.LEVEL", json!("(redacted)"), json!("(redacted)"), Recreate::Never),
    ];
    let mut machine = change(Action::Modify, "AWS::StepFunctions::StateMachine", "Api/Flow/Resource");
    let states = |seconds: u32| json!({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": seconds, "Next": "Done"}, "Done": {"Type": "Succeed"}}});
    machine.properties = vec![property(
        "DefinitionString",
        json!(states(5).to_string()),
        json!(states(60).to_string()),
        Recreate::Never,
    )];
    api.changes = vec![machine, handler, change(Action::Add, "AWS::Logs::LogGroup", "Api/Create/LogGroup/Resource")];
    api.functions = vec![FunctionChange {
        logical_id: "Create1A2B".into(),
        path: "Api/Create".into(),
        handler: "index.handler".into(),
        runtime: "nodejs22.x".into(),
        size_before: Some(12_345),
        size_after: Some(12_845),
        sources: vec!["src/create.ts".into(), "src/shared/table.ts".into()],
        environment: vec!["LEVEL".into()],
        code_only: false,
    }];
    api.outputs = vec![OutputChange {
        name: "Url".into(),
        before: Some(json!("https://old.execute-api.eu-west-1.amazonaws.com/")),
        after: Some(json!("https://new.execute-api.eu-west-1.amazonaws.com/")),
    }];
    plan(vec![unchanged("prod-notes-data"), api, unchanged("prod-notes-web")])
}

/// A table gets another key: it is replaced and its data is lost.
pub fn replace_table() -> Plan {
    let mut data = stack("prod-notes-data", StackAction::Update, "the template differs from what is deployed");
    let mut table = change(Action::Replace, "AWS::DynamoDB::Table", "Data/Table/Resource");
    let key = |name: &str| json!([{"AttributeName": name, "KeyType": "HASH"}]);
    table.properties = vec![
        property("KeySchema", key("id"), key("owner"), Recreate::Always),
        property("BillingMode", json!("PROVISIONED"), json!("PAY_PER_REQUEST"), Recreate::Never),
    ];
    let mut stream = change(Action::Replace, "AWS::Lambda::EventSourceMapping", "Data/Stream/Resource");
    stream.certainty = Certainty::Possible;
    stream.properties = vec![property(
        "EventSourceArn",
        json!("${Table.StreamArn}"),
        json!("${Table.StreamArn}"),
        Recreate::Conditionally,
    )];
    data.changes = vec![stream, table];
    plan(vec![data, unchanged("prod-notes-api")])
}

/// Two buckets go: one stays in the account, one is deleted; a third leaves a snapshot-taking database.
pub fn remove_buckets() -> Plan {
    let mut data = stack("prod-notes-data", StackAction::Update, "the template differs from what is deployed");
    let mut kept = change(Action::Remove, "AWS::S3::Bucket", "Data/Uploads/Resource");
    kept.fate = Some(Fate::Retain);
    let mut database = change(Action::Remove, "AWS::RDS::DBInstance", "Data/Database/Resource");
    database.fate = Some(Fate::Snapshot);
    let gone = change(Action::Remove, "AWS::S3::Bucket", "Data/Cache/Resource");
    data.changes =
        vec![kept, gone, database, change(Action::Remove, "AWS::S3::BucketPolicy", "Data/Cache/Policy/Resource")];
    plan(vec![data])
}

pub fn broadening() -> Plan {
    let mut api = stack("prod-notes-api", StackAction::Update, "the template differs from what is deployed");
    let mut policy = change(Action::Modify, "AWS::IAM::Policy", "Api/Create/ServiceRole/DefaultPolicy/Resource");
    policy.properties = vec![property(
        "PolicyDocument",
        json!({"Statement": [{"Action": "dynamodb:GetItem", "Effect": "Allow", "Resource": "${Data.TableArn}"}]}),
        json!({"Statement": [{"Action": "dynamodb:*", "Effect": "Allow", "Resource": "*"}]}),
        Recreate::Never,
    )];
    api.changes = vec![policy];
    let mut taken = statement("dynamodb:GetItem", "${Data.TableArn}", "${Api/Create/ServiceRole}");
    (taken.change, taken.broadens) = (Sign::Removed, false);
    let mut managed = statement("arn:aws:iam::aws:policy/AdministratorAccess", "${Api/Create/ServiceRole}", "");
    (managed.kind, managed.effect) = (IamKind::Managed, String::new());
    let mut permission = statement("lambda:InvokeFunction", "${Api/Create}", "Service:apigateway.amazonaws.com");
    permission.kind = IamKind::Permission;
    permission.condition =
        "\"ArnLike\": {\"AWS:SourceArn\": \"arn:aws:execute-api:eu-west-1:111111111111:abc/*\"}".into();
    api.iam = vec![taken, statement("dynamodb:*", "*", "${Api/Create/ServiceRole}"), managed, permission];
    let rule = |change: Sign, direction: &str, protocol: &str, peer: &str, broadens: bool| NetworkChange {
        logical_id: "WebGroup".into(),
        change,
        broadens,
        direction: direction.into(),
        protocol: protocol.into(),
        peer: peer.into(),
    };
    api.network = vec![
        rule(Sign::Added, "in", "TCP 22", "0.0.0.0/0", true),
        rule(Sign::Removed, "out", "all traffic", "10.0.0.0/8", false),
    ];
    plan(vec![api])
}

pub fn nested() -> Plan {
    let mut api =
        stack("prod-notes-api", StackAction::Update, "a nested stack's template differs from what is deployed");
    let mut inner = change(Action::Modify, "AWS::Lambda::Function", "Api/Routes/Get/Resource");
    inner.nested = vec!["Routes".into()];
    inner.properties = vec![property("MemorySize", json!(128), json!(256), Recreate::Never)];
    let mut deep = change(Action::Add, "AWS::Lambda::Permission", "Api/Routes/Admin/Get/Permission");
    deep.nested = vec!["Routes".into(), "Admin".into()];
    let mut outer =
        change(Action::Modify, "AWS::CloudFormation::Stack", "Api/Routes.NestedStack/Routes.NestedStackResource");
    outer.properties = vec![property(
        "TemplateURL",
        json!("https://bucket/old.json"),
        json!("https://bucket/new.json"),
        Recreate::Never,
    )];
    api.changes = vec![deep, outer, inner];
    plan(vec![api])
}

/// 300 stacks: 270 change plainly, 28 not at all, one grants more, one loses a table.
pub fn many() -> Plan {
    let mut stacks: Vec<StackPlan> = (0..300)
        .map(|n| {
            let name = format!("prod-tenant-{n:03}");
            if n % 11 == 5 {
                return unchanged(&name);
            }
            let mut one = stack(&name, StackAction::Update, "1 asset differs from what is deployed");
            one.changes = vec![change(Action::Modify, "AWS::Lambda::Function", &format!("Tenant{n}/Handler/Resource"))];
            one.changes[0].properties = vec![
                property("Code.S3Key", json!("a.zip"), json!("b.zip"), Recreate::Never),
                property("MemorySize", json!(128), json!(256 + n), Recreate::Never),
            ];
            one
        })
        .collect();
    stacks[17] = StackPlan { name: "prod-tenant-017".into(), ..replace_table().stacks.remove(0) };
    stacks[42] = StackPlan { name: "prod-tenant-042".into(), ..broadening().stacks.remove(0) };
    plan(stacks)
}

pub const EVIL: &str =
    "a`|</summary></details><script>alert(1)</script>\n## @octocat #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)";

/// Every text is hostile.
pub fn hostile() -> Plan {
    let mut bad = stack(EVIL, StackAction::Update, EVIL);
    bad.display_name = format!("x{EVIL}");
    bad.region = EVIL.into();
    let mut table = change(Action::Replace, "AWS::DynamoDB::Table", EVIL);
    table.nested = vec![EVIL.into()];
    table.properties = vec![
        property(EVIL, json!(EVIL), json!("```\n````\n</details>"), Recreate::Always),
        property("Text", json!("a\nb\n```diff\n</details>"), json!("a\nc\n@octocat"), Recreate::Never),
    ];
    bad.changes = vec![table];
    bad.iam = vec![statement(EVIL, EVIL, EVIL)];
    bad.functions = vec![FunctionChange {
        path: EVIL.into(),
        handler: EVIL.into(),
        environment: vec![EVIL.into()],
        ..Default::default()
    }];
    bad.outputs =
        vec![OutputChange { name: EVIL.into(), before: Some(json!("https://ok.example/a")), after: Some(json!(EVIL)) }];
    let mut plan = plan(vec![bad]);
    plan.notes = vec![EVIL.into()];
    plan
}

/// The app no longer has a stack: it is to be deleted.
pub fn delete() -> Plan {
    let mut old = stack("prod-notes-legacy", StackAction::Delete, "the app no longer has this stack");
    let mut kept = change(Action::Remove, "AWS::S3::Bucket", "Legacy/Archive/Resource");
    kept.fate = Some(Fate::Retain);
    old.changes = vec![
        change(Action::Remove, "AWS::DynamoDB::Table", "Legacy/Table/Resource"),
        kept,
        change(Action::Remove, "AWS::Lambda::Function", "Legacy/Handler/Resource"),
    ];
    plan(vec![unchanged("prod-notes-api"), old])
}

/// A dirty tree, another region, redacted values, an imported bucket.
pub fn dirty() -> Plan {
    let mut edge = stack("prod-notes-edge", StackAction::Update, "the parameters differ from what is deployed");
    edge.display_name = "Prod/Edge".into();
    edge.region = "us-east-1".into();
    let mut secret = change(Action::Modify, "AWS::SecretsManager::Secret", "Edge/Token/Resource");
    secret.properties = vec![property("SecretString", json!("(secret)"), json!("(another secret)"), Recreate::Never)];
    edge.changes = vec![secret, change(Action::Import, "AWS::S3::Bucket", "Edge/Assets/Resource")];
    let mut plan = plan(vec![edge]);
    plan.dirty = true;
    plan.notes = vec![
        "the work tree has changes that are not committed: 3 files".into(),
        "Api/Python was bundled by the app itself, because its command hooks cannot be taken out of the synth".into(),
    ];
    plan
}

/// Every sample plan with its name.
pub fn plans() -> Vec<(&'static str, Plan)> {
    vec![
        ("nothing", nothing()),
        ("create", create()),
        ("update", update()),
        ("replace_table", replace_table()),
        ("remove_buckets", remove_buckets()),
        ("broadening", broadening()),
        ("nested", nested()),
        ("many", many()),
        ("hostile", hostile()),
        ("delete", delete()),
        ("dirty", dirty()),
        ("empty", plan(Vec::new())),
    ]
}

/// A security group opens to the world, and nothing else is dangerous.
pub fn security_group() -> Plan {
    let mut plan = broadening();
    plan.stacks[0].iam.clear();
    plan.stacks[0].changes = vec![change(Action::Modify, "AWS::EC2::SecurityGroup", "Api/WebGroup/Resource")];
    plan
}

/// Three functions: a larger one, a smaller one, a new one.
pub fn functions() -> Plan {
    let mut api = stack("prod-notes-api", StackAction::Update, "3 assets differ from what is deployed");
    let function = |name: &str, before: Option<u64>, after: u64, sources: usize, environment: &[&str]| FunctionChange {
        logical_id: format!("{name}1A2B"),
        path: format!("Api/{name}"),
        handler: format!("{}.handler", name.to_lowercase()),
        runtime: "nodejs22.x".into(),
        size_before: before,
        size_after: Some(after),
        sources: (0..sources).map(|n| format!("src/{n}.ts")).collect(),
        environment: environment.iter().map(|n| (*n).to_owned()).collect(),
        code_only: before.is_some(),
    };
    api.functions = vec![
        function("Create", Some(12_345), 1_912_845, 212, &[]),
        function("List", Some(45_000), 12_000, 3, &["TABLE", "LEVEL"]),
        function("Export", None, 8_000, 1, &["BUCKET"]),
    ];
    api.changes = vec![
        change(Action::Modify, "AWS::Lambda::Function", "Api/Create/Resource"),
        change(Action::Modify, "AWS::Lambda::Function", "Api/List/Resource"),
        change(Action::Add, "AWS::Lambda::Function", "Api/Export/Resource"),
    ];
    plan(vec![unchanged("prod-notes-data"), api])
}
