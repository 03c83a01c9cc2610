//! Who may do more, or less, than before: policy statements, managed policies and permissions that come or go.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::intrinsics::{attribute, readable};
use super::policy::{Statement, Targets, covered, statements, strings};
use super::template::{kind, property, resources};
use crate::plan::{IamChange, IamKind, Sign};

/// Properties that hold a policy of the resource itself. From AWS's resource specification.
const RESOURCE_POLICIES: &[(&str, &str)] = &[
    ("AWS::ApiGateway::DomainNameV2", "Policy"),
    ("AWS::ApiGateway::RestApi", "Policy"),
    ("AWS::Backup::BackupVault", "AccessPolicy"),
    ("AWS::Backup::LogicallyAirGappedBackupVault", "AccessPolicy"),
    ("AWS::CodeArtifact::Domain", "PermissionsPolicyDocument"),
    ("AWS::CodeArtifact::Repository", "PermissionsPolicyDocument"),
    ("AWS::EC2::VPCEndpoint", "PolicyDocument"),
    ("AWS::ECR::PublicRepository", "RepositoryPolicyText"),
    ("AWS::ECR::Repository", "RepositoryPolicyText"),
    ("AWS::EFS::FileSystem", "FileSystemPolicy"),
    ("AWS::Events::EventBus", "Policy"),
    ("AWS::Events::EventBusPolicy", "Statement"),
    ("AWS::IAM::Role", "AssumeRolePolicyDocument"),
    ("AWS::KMS::Key", "KeyPolicy"),
    ("AWS::KMS::ReplicaKey", "KeyPolicy"),
    ("AWS::Kinesis::ResourcePolicy", "ResourcePolicy"),
    ("AWS::Logs::LogGroup", "ResourcePolicyDocument"),
    ("AWS::Logs::ResourcePolicy", "PolicyDocument"),
    ("AWS::MSK::ClusterPolicy", "Policy"),
    ("AWS::Oam::Sink", "Policy"),
    ("AWS::OpenSearchService::Domain", "AccessPolicies"),
    ("AWS::RedshiftServerless::Namespace", "NamespaceResourcePolicy"),
    ("AWS::S3::AccessPoint", "Policy"),
    ("AWS::S3::BucketPolicy", "PolicyDocument"),
    ("AWS::S3::MultiRegionAccessPointPolicy", "Policy"),
    ("AWS::S3Express::BucketPolicy", "PolicyDocument"),
    ("AWS::S3Tables::TableBucketPolicy", "ResourcePolicy"),
    ("AWS::S3Tables::TablePolicy", "ResourcePolicy"),
    ("AWS::S3Vectors::VectorBucketPolicy", "Policy"),
    ("AWS::SNS::TopicInlinePolicy", "PolicyDocument"),
    ("AWS::SNS::TopicPolicy", "PolicyDocument"),
    ("AWS::SQS::QueueInlinePolicy", "PolicyDocument"),
    ("AWS::SQS::QueuePolicy", "PolicyDocument"),
    ("AWS::SecretsManager::ResourcePolicy", "ResourcePolicy"),
    ("AWS::Serverless::Function", "AssumeRolePolicyDocument"),
    ("AWS::VpcLattice::AuthPolicy", "Policy"),
    ("AWS::VpcLattice::ResourcePolicy", "Policy"),
];

/// What a template grants: each fact with the resource that states it.
#[derive(Default)]
struct Facts {
    statements: BTreeMap<(IamKind, Statement), String>,
    managed: BTreeMap<Managed, String>,
}

/// A managed policy, permissions boundary or single-sign-on assignment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Managed {
    policy: String,
    target: String,
    principal: String,
    /// A boundary takes rights away: losing it is the broadening.
    bounds: bool,
}

/// IAM changes between two templates; statements are compared as sets, wherever in the template they stand.
pub fn iam(old: Option<&Value>, new: Option<&Value>) -> Vec<IamChange> {
    let (before, after) = (Facts::of(old), Facts::of(new));
    let mut found = Vec::new();
    let allowed =
        |facts: &Facts| facts.statements.keys().map(|(_, statement)| statement.clone()).collect::<BTreeSet<_>>();
    let (old_set, new_set) = (allowed(&before), allowed(&after));
    for ((kind, statement), id) in &after.statements {
        if !old_set.contains(statement) {
            let broadens = statement.allows() && !covered(statement, &old_set);
            found.push(row(id, Sign::Added, broadens, *kind, statement));
        }
    }
    for ((kind, statement), id) in &before.statements {
        if !new_set.contains(statement) {
            let broadens = !statement.allows() && !covered(statement, &new_set);
            found.push(row(id, Sign::Removed, broadens, *kind, statement));
        }
    }
    for (managed, id) in after.managed.iter().filter(|(managed, _)| !before.managed.contains_key(*managed)) {
        let harmless = managed.bounds || managed.policy.ends_with("policy/AWSDenyAll");
        found.push(managed_row(id, Sign::Added, !harmless, managed));
    }
    for (managed, id) in before.managed.iter().filter(|(managed, _)| !after.managed.contains_key(*managed)) {
        let broadens = managed.bounds || managed.policy.ends_with("policy/AWSDenyAll");
        found.push(managed_row(id, Sign::Removed, broadens, managed));
    }
    found.sort_by(|a, b| (!a.broadens, &a.logical_id, a.change).cmp(&(!b.broadens, &b.logical_id, b.change)));
    found
}

fn row(id: &str, change: Sign, broadens: bool, kind: IamKind, statement: &Statement) -> IamChange {
    IamChange {
        logical_id: id.to_owned(),
        change,
        broadens,
        kind,
        effect: statement.effect.clone(),
        resource: statement.resources.readable(),
        action: statement.actions.readable(),
        principal: statement.principals.readable(),
        condition: statement.condition.clone(),
    }
}

fn managed_row(id: &str, change: Sign, broadens: bool, managed: &Managed) -> IamChange {
    IamChange {
        logical_id: id.to_owned(),
        change,
        broadens,
        kind: IamKind::Managed,
        effect: String::new(),
        resource: managed.target.clone(),
        action: managed.policy.clone(),
        principal: managed.principal.clone(),
        condition: if managed.bounds { "permissions boundary".to_owned() } else { String::new() },
    }
}

impl Facts {
    fn of(template: Option<&Value>) -> Facts {
        let mut facts = Facts::default();
        for (id, resource) in resources(template) {
            facts.identity(id, resource);
            facts.own_policy(id, resource);
            facts.lambda(id, resource);
            facts.single_sign_on(id, resource);
        }
        facts
    }

    fn add(&mut self, id: &str, kind: IamKind, found: impl IntoIterator<Item = Statement>) {
        for statement in found {
            self.statements.entry((kind, statement)).or_insert_with(|| id.to_owned());
        }
    }

    fn manage(&mut self, id: &str, policy: String, target: String, bounds: bool) {
        let managed = Managed { policy, target, principal: String::new(), bounds };
        self.managed.entry(managed).or_insert_with(|| id.to_owned());
    }

    /// Policies of roles, users and groups: inline ones, attached ones, and policies that name whom they are attached to.
    fn identity(&mut self, id: &str, resource: &Value) {
        let none = Targets::default();
        match kind(resource) {
            "AWS::IAM::Role" | "AWS::IAM::User" | "AWS::IAM::Group" => {
                let own = Targets::of([format!("AWS:${{{id}}}")]);
                for policy in property(resource, "Policies").and_then(Value::as_array).into_iter().flatten() {
                    if let Some(document) = policy.get("PolicyDocument") {
                        self.add(id, IamKind::Statement, statements(document, &none, &own));
                    }
                }
                for policy in property(resource, "ManagedPolicyArns").map(strings).unwrap_or_default() {
                    self.manage(id, policy, format!("${{{id}}}"), false);
                }
                if let Some(boundary) = property(resource, "PermissionsBoundary") {
                    self.manage(id, readable(boundary), format!("${{{id}}}"), true);
                }
            }
            "AWS::IAM::Policy"
            | "AWS::IAM::ManagedPolicy"
            | "AWS::IAM::RolePolicy"
            | "AWS::IAM::UserPolicy"
            | "AWS::IAM::GroupPolicy" => {
                let lists = ["Roles", "Users", "Groups", "RoleName", "UserName", "GroupName"];
                let who = lists.iter().filter_map(|name| property(resource, name)).flat_map(strings);
                let who = Targets::of(who.map(|who| format!("AWS:{who}")));
                if let Some(document) = property(resource, "PolicyDocument") {
                    self.add(id, IamKind::Statement, statements(document, &none, &who));
                }
            }
            _ => {}
        }
    }

    /// Policies of a resource about itself, trust policies among them.
    fn own_policy(&mut self, id: &str, resource: &Value) {
        let own = Targets::of([format!("${{{id}.Arn}}")]);
        for (_, name) in RESOURCE_POLICIES.iter().filter(|(of, _)| *of == kind(resource)) {
            let Some(document) = property(resource, name) else { continue };
            let wrapped = if *name == "Statement" { json!({ "Statement": document }) } else { document.clone() };
            self.add(id, IamKind::Statement, statements(&wrapped, &own, &Targets::default()));
        }
    }

    fn lambda(&mut self, id: &str, resource: &Value) {
        if !matches!(kind(resource), "AWS::Lambda::Permission" | "AWS::Lambda::LayerVersionPermission") {
            return;
        }
        let text = |name: &str| property(resource, name).map(readable);
        let principal = text("Principal").unwrap_or_default();
        let service = principal.ends_with(".amazonaws.com") || principal.ends_with(".amazonaws.com.cn");
        let principal = match principal.as_str() {
            "*" => principal,
            _ if service => format!("Service:{principal}"),
            _ => format!("AWS:{principal}"),
        };
        let pairs = [
            ("ArnLike", "AWS:SourceArn", "SourceArn"),
            ("StringEquals", "AWS:SourceAccount", "SourceAccount"),
            ("StringEquals", "aws:PrincipalOrgID", "PrincipalOrgID"),
            ("StringEquals", "aws:PrincipalOrgID", "OrganizationId"),
            ("StringEquals", "lambda:EventSourceToken", "EventSourceToken"),
            ("StringEquals", "lambda:FunctionUrlAuthType", "FunctionUrlAuthType"),
        ];
        let mut condition = BTreeMap::<&str, BTreeMap<&str, String>>::new();
        for (operator, key, name) in pairs {
            if let Some(value) = text(name) {
                // the token is a shared secret
                let value = if name == "EventSourceToken" { "(secret)".to_owned() } else { value };
                condition.entry(operator).or_default().insert(key, value);
            }
        }
        let condition = if condition.is_empty() { String::new() } else { json!(condition).to_string() };
        let resource = property(resource, "FunctionName").or_else(|| property(resource, "LayerVersionArn"));
        self.add(
            id,
            IamKind::Permission,
            [Statement {
                effect: "Allow".to_owned(),
                actions: Targets::of(text("Action")),
                resources: Targets::of(resource.map(function_name)),
                principals: Targets::of([principal]),
                condition,
            }],
        );
    }

    fn single_sign_on(&mut self, id: &str, resource: &Value) {
        let text = |name: &str| property(resource, name).map(readable).unwrap_or_default();
        match kind(resource) {
            "AWS::SSO::PermissionSet" => {
                let own = Targets::of([format!("SSO:${{{id}}}")]);
                if let Some(document) = property(resource, "InlinePolicy") {
                    self.add(id, IamKind::Statement, statements(document, &Targets::default(), &own));
                }
                for name in ["ManagedPolicies", "CustomerManagedPolicyReferences"] {
                    let list = property(resource, name).and_then(Value::as_array).into_iter().flatten();
                    list.for_each(|policy| self.manage(id, readable(policy), format!("${{{id}}}"), false));
                }
                if let Some(boundary) = property(resource, "PermissionsBoundary") {
                    self.manage(id, readable(boundary), format!("${{{id}}}"), true);
                }
            }
            "AWS::SSO::Assignment" => {
                let managed = Managed {
                    policy: text("PermissionSetArn"),
                    target: format!("{}:{}", text("TargetType"), text("TargetId")),
                    principal: format!("{}:{}", text("PrincipalType"), text("PrincipalId")),
                    bounds: false,
                };
                self.managed.entry(managed).or_insert_with(|| id.to_owned());
            }
            "AWS::SSO::InstanceAccessControlAttributeConfiguration" => {
                let list =
                    property(resource, "AccessControlAttributes").and_then(Value::as_array).into_iter().flatten();
                list.for_each(|attribute| self.manage(id, readable(attribute), text("InstanceArn"), false));
            }
            _ => {}
        }
    }
}

/// The same function, whether its name or its ARN is given.
fn function_name(value: &Value) -> String {
    match value.get("Fn::GetAtt").and_then(attribute) {
        Some((id, attribute)) if attribute == "Arn" => format!("${{{id}}}"),
        _ => readable(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: Value, new: Value) -> Vec<String> {
        let wrap = |resources: Value| json!({ "Resources": resources });
        iam(Some(&wrap(old)), Some(&wrap(new)))
            .into_iter()
            .map(|c| {
                let sign = if c.change == Sign::Added { '+' } else { '-' };
                let broad = if c.broadens { " BROADENS" } else { "" };
                let parts = [c.effect, c.action, c.resource, c.principal, c.condition];
                let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                format!("{sign} {}: {}{broad}", c.logical_id, parts.join(" | "))
            })
            .collect()
    }

    fn policy(actions: Value) -> Value {
        json!({"P": {"Type": "AWS::IAM::Policy", "Properties": {"Roles": [{"Ref": "R"}], "PolicyDocument": {"Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": {"Fn::GetAtt": ["T", "Arn"]}}]}}}})
    }

    #[test]
    fn more_actions_broaden_and_fewer_narrow() {
        assert_eq!(
            told(policy(json!(["a:X"])), policy(json!(["a:X", "a:Y"]))),
            ["+ P: Allow | a:X, a:Y | ${T.Arn} | AWS:${R} BROADENS", "- P: Allow | a:X | ${T.Arn} | AWS:${R}"]
        );
        assert_eq!(
            told(policy(json!(["a:X", "a:Y"])), policy(json!("a:X"))),
            ["+ P: Allow | a:X | ${T.Arn} | AWS:${R}", "- P: Allow | a:X, a:Y | ${T.Arn} | AWS:${R}"]
        );
    }

    #[test]
    fn order_and_the_name_of_the_policy_do_not_matter() {
        let renamed = json!({"Q": policy(json!(["a:Y", "a:X"]))["P"]});
        assert!(told(policy(json!(["a:X", "a:Y"])), renamed).is_empty());
    }

    #[test]
    fn a_removed_deny_broadens_and_an_added_one_does_not() {
        let bucket = |statements: Value| json!({"B": {"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": {"Statement": statements}}}});
        let deny = json!([{"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]);
        assert_eq!(
            told(bucket(deny.clone()), bucket(json!([]))),
            [r#"- B: Deny | s3:* | * | * | {"Bool":{"aws:SecureTransport":"false"}} BROADENS"#]
        );
        assert_eq!(told(bucket(json!([])), bucket(deny)).len(), 1);
    }

    #[test]
    fn trust_managed_policies_and_boundaries_are_seen() {
        let role = |service: &str, policies: Value, boundary: Value| {
            json!({"R": {"Type": "AWS::IAM::Role", "Properties": {
                "AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}]},
                "ManagedPolicyArns": policies, "PermissionsBoundary": boundary}}})
        };
        assert_eq!(
            told(
                role("a.amazonaws.com", json!([]), json!("b1")),
                role("b.amazonaws.com", json!(["arn:admin"]), json!("b2"))
            ),
            [
                "+ R: Allow | sts:AssumeRole | ${R.Arn} | Service:b.amazonaws.com BROADENS",
                "+ R: arn:admin | ${R} BROADENS",
                "- R: b1 | ${R} | permissions boundary BROADENS",
                "+ R: b2 | ${R} | permissions boundary",
                "- R: Allow | sts:AssumeRole | ${R.Arn} | Service:a.amazonaws.com",
            ]
        );
    }

    #[test]
    fn lambda_permissions_and_assignments_are_seen() {
        let new = json!({
            "L": {"Type": "AWS::Lambda::Permission", "Properties": {"Action": "lambda:InvokeFunction", "FunctionName": {"Fn::GetAtt": ["F", "Arn"]},
                "Principal": "apigateway.amazonaws.com", "SourceArn": {"Fn::Sub": "arn:${Api}/*"}}},
            "A": {"Type": "AWS::SSO::Assignment", "Properties": {"PermissionSetArn": "ps", "TargetType": "AWS_ACCOUNT", "TargetId": "1", "PrincipalType": "GROUP", "PrincipalId": "g"}}
        });
        assert_eq!(
            told(json!({}), new),
            [
                "+ A: ps | AWS_ACCOUNT:1 | GROUP:g BROADENS",
                r#"+ L: Allow | lambda:InvokeFunction | ${F} | Service:apigateway.amazonaws.com | {"ArnLike":{"AWS:SourceArn":"arn:${Api}/*"}} BROADENS"#,
            ]
        );
    }
}
