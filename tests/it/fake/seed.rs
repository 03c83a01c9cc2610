//! Ready-made worlds: deployed stacks and bootstrapped accounts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cfn::engine::{self, Start};
use super::cfn::model::{Body, Kind, OnFailure};
use super::cfn::{params, template};
use super::{ACCOUNT, FakeAws, Place, REGION, State, api, s3, ssm};

/// A stack to be put there as deployed.
#[derive(Clone, Debug)]
pub struct Seed {
    pub account: String,
    pub region: String,
    pub name: String,
    /// JSON or YAML, as it was submitted.
    pub template: String,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub role: Option<String>,
    pub termination_protection: bool,
}

impl Seed {
    /// In [`ACCOUNT`] and [`REGION`], without parameters and tags.
    pub fn new(name: &str, template: impl Into<String>) -> Self {
        Seed {
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            name: name.to_owned(),
            template: template.into(),
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            role: None,
            termination_protection: false,
        }
    }

    pub fn at(mut self, account: &str, region: &str) -> Self {
        (self.account, self.region) = (account.to_owned(), region.to_owned());
        self
    }

    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn tag(mut self, name: &str, value: &str) -> Self {
        self.tags.insert(name.to_owned(), value.to_owned());
        self
    }
}

fn deploy(state: &mut State, seed: &Seed) -> String {
    let place = Place::new(&seed.account, &seed.region);
    let parsed = template::parse(&seed.template).expect("a readable template");
    let known = state.stacks.iter().position(|s| s.name == seed.name && s.place() == place && !s.is_gone());
    let before = known.map(|index| state.stacks[index].body.clone()).unwrap_or_default();
    let parameters =
        params::parameters(state, &place, &parsed, &seed.parameters, &[], &before).expect("valid parameters");
    let body = Body {
        text: seed.template.clone(),
        template: parsed,
        parameters,
        tags: seed.tags.clone(),
        role: seed.role.clone(),
        capabilities: vec![
            "CAPABILITY_IAM".to_owned(),
            "CAPABILITY_NAMED_IAM".to_owned(),
            "CAPABILITY_AUTO_EXPAND".to_owned(),
        ],
        ..Body::default()
    };
    let kind = if known.is_some() { Kind::Update } else { Kind::Create };
    let index = known.unwrap_or_else(|| engine::new_stack(state, &place, &seed.name, None));
    state.stacks[index].termination_protection = seed.termination_protection;
    let mut start = Start::new(kind, body);
    start.on_failure = OnFailure::DoNothing;
    engine::start(state, index, start);
    while state.stacks[index].operation.is_some() {
        engine::step(state, index);
    }
    let stack = &mut state.stacks[index];
    stack.disable_rollback = false;
    assert!(stack.halted.is_none(), "seeding {}: {:?}", seed.name, stack.reason);
    stack.id.clone()
}

/// The hash in the names of CDK's default bootstrap resources.
pub const QUALIFIER: &str = "hnb659fds";

impl FakeAws {
    /// Puts a deployed stack there (or updates it), and gives its ARN. Writes nothing into the journal.
    pub fn seed(&self, seed: &Seed) -> String {
        deploy(&mut self.state(), seed)
    }

    /// The same, in the default place, from a JSON template.
    pub fn seed_stack(&self, name: &str, template: &Value) -> String {
        self.seed(&Seed::new(name, template.to_string()))
    }

    /// A stack that is deleted, visible only by its ARN.
    pub fn seed_deleted(&self, name: &str, template: &Value) -> String {
        let id = self.seed_stack(name, template);
        let mut state = self.state();
        let index = api::position(&state, &id).expect("just seeded");
        engine::start(&mut state, index, Start::new(Kind::Delete, Body::default()));
        while state.stacks[index].operation.is_some() {
            engine::step(&mut state, index);
        }
        id
    }

    /// What `cdk bootstrap` leaves: bucket, version parameter 32 and the CDKToolkit stack. Gives the bucket's name.
    pub fn bootstrap(&self, account: &str, region: &str) -> String {
        let bucket = format!("cdk-{QUALIFIER}-assets-{account}-{region}");
        let version = format!("/cdk-bootstrap/{QUALIFIER}/version");
        let place = Place::new(account, region);
        let role = |name: &str| json!({"Type": "AWS::IAM::Role", "Properties": {"RoleName": format!("cdk-{QUALIFIER}-{name}-{account}-{region}")}});
        let template = json!({
            "Resources": {
                "StagingBucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}, "DeletionPolicy": "Retain"},
                "CdkBootstrapVersion": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": version, "Type": "String", "Value": "32"}},
                "DeploymentActionRole": role("deploy-role"),
                "FilePublishingRole": role("file-publishing-role"),
                "LookupRole": role("lookup-role"),
                "CloudFormationExecutionRole": role("cfn-exec-role"),
            },
            "Outputs": {
                "BucketName": {"Value": {"Ref": "StagingBucket"}},
                "BucketDomainName": {"Value": {"Fn::GetAtt": ["StagingBucket", "RegionalDomainName"]}},
                "BootstrapVersion": {"Value": {"Fn::GetAtt": ["CdkBootstrapVersion", "Value"]}},
            },
        });
        self.seed(&Seed {
            termination_protection: true,
            ..Seed::new("CDKToolkit", template.to_string()).at(account, region)
        });
        let mut state = self.state();
        s3::make_bucket(&mut state, &place, &bucket);
        if !state.parameters.contains_key(&(place.clone(), version.clone())) {
            ssm::put(&mut state, &place, &version, "32");
        }
        bucket
    }

    /// The default place, bootstrapped; gives the bucket's name.
    pub fn bootstrap_here(&self) -> String {
        self.bootstrap(ACCOUNT, REGION)
    }
}
