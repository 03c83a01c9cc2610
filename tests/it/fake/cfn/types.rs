//! What the fake knows of resource types: names, create-only properties, physical ids and attributes.

use serde_json::Value;

use super::super::{Place, State};

/// (type, property that names the physical resource).
const NAMES: &[(&str, &str)] = &[
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::Lambda::Function", "FunctionName"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
    ("AWS::IAM::User", "UserName"),
    ("AWS::Events::Rule", "Name"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::SSM::Parameter", "Name"),
    ("AWS::SecretsManager::Secret", "Name"),
    ("AWS::Kinesis::Stream", "Name"),
    ("AWS::StepFunctions::StateMachine", "StateMachineName"),
    ("AWS::ECR::Repository", "RepositoryName"),
    ("AWS::RDS::DBInstance", "DBInstanceIdentifier"),
    ("AWS::EC2::SecurityGroup", "GroupName"),
];

/// Further properties whose change makes a new resource.
const CREATE_ONLY: &[(&str, &str)] = &[
    ("AWS::DynamoDB::Table", "KeySchema"),
    ("AWS::SQS::Queue", "FifoQueue"),
    ("AWS::SNS::Topic", "FifoTopic"),
    ("AWS::Lambda::Version", "FunctionName"),
    ("AWS::Lambda::Version", "CodeSha256"),
    ("AWS::Lambda::Permission", "*"),
    ("AWS::Lambda::Alias", "Name"),
    ("AWS::Lambda::Alias", "FunctionName"),
    ("AWS::Lambda::Function", "PackageType"),
    ("AWS::Lambda::EventSourceMapping", "EventSourceArn"),
    ("AWS::IAM::Role", "Path"),
    ("AWS::ApiGateway::Resource", "PathPart"),
    ("AWS::ApiGateway::Deployment", "RestApiId"),
    ("AWS::ApiGatewayV2::Api", "ProtocolType"),
    ("AWS::ApiGatewayV2::Route", "ApiId"),
    ("AWS::RDS::DBInstance", "Engine"),
    ("AWS::RDS::DBInstance", "DBName"),
    ("AWS::EC2::SecurityGroup", "GroupDescription"),
    ("AWS::EC2::SecurityGroup", "VpcId"),
    ("AWS::Cognito::UserPool", "Schema"),
];

/// (type, property) that may make a new resource.
const CONDITIONAL: &[(&str, &str)] = &[
    ("AWS::DynamoDB::Table", "AttributeDefinitions"),
    ("AWS::RDS::DBInstance", "AvailabilityZone"),
    ("AWS::EC2::Instance", "InstanceType"),
];

/// Whether a change of a property makes a new resource: `Never`, `Conditionally` or `Always`.
pub fn recreation(state: &State, kind: &str, property: &str) -> String {
    let scripted = state.scripts.recreation.get(&(kind.to_owned(), property.to_owned()));
    if let Some(word) = scripted {
        return word.clone();
    }
    let in_table = |table: &[(&str, &str)]| table.iter().any(|(k, p)| *k == kind && (*p == property || *p == "*"));
    if in_table(NAMES) || in_table(CREATE_ONLY) {
        "Always".to_owned()
    } else if in_table(CONDITIONAL) {
        "Conditionally".to_owned()
    } else {
        "Never".to_owned()
    }
}

/// The physical name that a template fixes.
pub fn custom_name<'a>(kind: &str, properties: &'a Value) -> Option<&'a str> {
    let (_, property) = NAMES.iter().find(|(k, _)| *k == kind)?;
    properties.get(property)?.as_str()
}

/// IAM types that need a capability.
pub fn needs_iam(kind: &str) -> bool {
    matches!(
        kind,
        "AWS::IAM::Role"
            | "AWS::IAM::Policy"
            | "AWS::IAM::ManagedPolicy"
            | "AWS::IAM::User"
            | "AWS::IAM::Group"
            | "AWS::IAM::InstanceProfile"
            | "AWS::IAM::AccessKey"
            | "AWS::IAM::UserToGroupAddition"
    )
}

/// The physical id of a new resource.
pub fn physical_id(
    state: &mut State,
    place: &Place,
    stack: &str,
    logical: &str,
    kind: &str,
    properties: &Value,
) -> String {
    let Place { account, region } = place;
    let suffix = format!("{:012X}", state.id().wrapping_mul(0x9E37_79B9_7F4A) & 0xffff_ffff_ffff);
    let limit = |text: &str| text.chars().take(40).collect::<String>();
    let name = custom_name(kind, properties)
        .map_or_else(|| format!("{}-{}-{suffix}", limit(stack), limit(logical)), str::to_owned);
    match kind {
        "AWS::S3::Bucket" => name.to_lowercase(),
        "AWS::SQS::Queue" => format!("https://sqs.{region}.amazonaws.com/{account}/{name}"),
        "AWS::SNS::Topic" => format!("arn:aws:sns:{region}:{account}:{name}"),
        "AWS::StepFunctions::StateMachine" => format!("arn:aws:states:{region}:{account}:stateMachine:{name}"),
        "AWS::SecretsManager::Secret" => format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}"),
        "AWS::IAM::ManagedPolicy" => format!("arn:aws:iam::{account}:policy/{name}"),
        "AWS::EC2::SecurityGroup" => format!("sg-{}", suffix.to_lowercase()),
        "AWS::ApiGatewayV2::Api" | "AWS::ApiGateway::RestApi" => suffix[2..].to_lowercase(),
        "AWS::Lambda::Version" => {
            let function = properties["FunctionName"].as_str().unwrap_or(logical);
            let function = function.rsplit(':').next().unwrap_or(function);
            let version = match state.functions.get_mut(&(place.clone(), function.to_owned())) {
                Some(function) => function.publish(),
                None => "1".to_owned(),
            };
            format!("arn:aws:lambda:{region}:{account}:function:{function}:{version}")
        }
        "AWS::Lambda::Alias" => {
            let function = properties["FunctionName"].as_str().unwrap_or(logical);
            let function = function.rsplit(':').next().unwrap_or(function);
            let alias = properties["Name"].as_str().unwrap_or("live");
            format!("arn:aws:lambda:{region}:{account}:function:{function}:{alias}")
        }
        _ => name,
    }
}

/// `Fn::GetAtt` of a resource.
pub fn attribute(place: &Place, kind: &str, physical: &str, properties: &Value, attribute: &str) -> Value {
    let Place { account, region } = place;
    let short = physical.rsplit(['/', ':']).next().unwrap_or(physical);
    let text = match (kind, attribute) {
        (_, "Arn") if physical.starts_with("arn:") => physical.to_owned(),
        ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{physical}"),
        ("AWS::S3::Bucket", "RegionalDomainName") => format!("{physical}.s3.{region}.amazonaws.com"),
        ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{account}:role/{physical}"),
        ("AWS::Lambda::Function", "Arn") => format!("arn:aws:lambda:{region}:{account}:function:{physical}"),
        ("AWS::Lambda::Version", "Version") => short.to_owned(),
        ("AWS::DynamoDB::Table", "Arn") => format!("arn:aws:dynamodb:{region}:{account}:table/{physical}"),
        ("AWS::DynamoDB::Table", "StreamArn") => {
            format!("arn:aws:dynamodb:{region}:{account}:table/{physical}/stream/2026")
        }
        ("AWS::SQS::Queue", "Arn") => format!("arn:aws:sqs:{region}:{account}:{short}"),
        ("AWS::SQS::Queue", "QueueName") | ("AWS::SNS::Topic", "TopicName") => short.to_owned(),
        ("AWS::Events::Rule", "Arn") => format!("arn:aws:events:{region}:{account}:rule/{physical}"),
        ("AWS::Logs::LogGroup", "Arn") => format!("arn:aws:logs:{region}:{account}:log-group:{physical}:*"),
        ("AWS::ApiGatewayV2::Api", "ApiEndpoint") => format!("https://{physical}.execute-api.{region}.amazonaws.com"),
        ("AWS::ApiGateway::RestApi", "RootResourceId") => format!("root-{physical}"),
        ("AWS::EC2::SecurityGroup", "GroupId") => physical.to_owned(),
        ("AWS::SSM::Parameter", "Value") => properties["Value"].as_str().unwrap_or_default().to_owned(),
        (_, "Arn") => format!("arn:aws:fake:{region}:{account}:{short}"),
        (_, attribute) => format!("{short}.{attribute}"),
    };
    Value::String(text)
}
