//! Which property changes make CloudFormation create a new resource, from AWS's published resource specification.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::plan::Recreate;

/// One line per type; see the head of the file.
static CREATE_ONLY: &str = include_str!("create_only.txt");

fn table() -> &'static HashMap<&'static str, &'static str> {
    static TABLE: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    TABLE.get_or_init(|| {
        CREATE_ONLY.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' ')).collect()
    })
}

/// Whether changing the property at `path` (`Properties.KeySchema.0.KeyType`, or without the first word) makes a new
/// resource. Types that are not in the table, custom resources among them, say never.
pub fn recreate(resource_type: &str, path: &str) -> Recreate {
    let Some(line) = table().get(resource_type) else {
        return Recreate::Never;
    };
    let path = path.strip_prefix("Properties.").unwrap_or(path);
    let path: Vec<&str> = path.split('.').filter(|part| part.parse::<usize>().is_err()).collect();
    let mut worst = Recreate::Never;
    for entry in line.split(' ') {
        let (entry, certain) = match entry.strip_suffix('?') {
            Some(entry) => (entry, Recreate::Conditionally),
            None => (entry, Recreate::Always),
        };
        let entry: Vec<&str> = entry.split('.').collect();
        if path.starts_with(&entry) {
            worst = worst.max(certain);
        } else if entry.starts_with(&path) {
            // the whole of a property changed, of which only a part is create-only
            worst = worst.max(Recreate::Conditionally);
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_types_are_known() {
        for (kind, path, expected) in [
            ("AWS::DynamoDB::Table", "Properties.KeySchema.0.AttributeName", Recreate::Always),
            ("AWS::DynamoDB::Table", "TableName", Recreate::Always),
            ("AWS::DynamoDB::Table", "BillingMode", Recreate::Never),
            ("AWS::S3::Bucket", "BucketName", Recreate::Always),
            ("AWS::SQS::Queue", "QueueName", Recreate::Always),
            ("AWS::SQS::Queue", "VisibilityTimeout", Recreate::Never),
            ("AWS::SNS::Topic", "TopicName", Recreate::Always),
            ("AWS::Lambda::Function", "FunctionName", Recreate::Always),
            ("AWS::Lambda::Function", "Code.S3Key", Recreate::Never),
            ("AWS::Lambda::Permission", "SourceArn", Recreate::Always),
            ("AWS::IAM::Role", "RoleName", Recreate::Always),
            ("AWS::Events::Rule", "Name", Recreate::Always),
            ("AWS::ApiGateway::Resource", "PathPart", Recreate::Always),
            ("AWS::ApiGatewayV2::Api", "ProtocolType", Recreate::Always),
            ("AWS::RDS::DBInstance", "StorageEncrypted", Recreate::Always),
            ("AWS::RDS::DBInstance", "Engine", Recreate::Conditionally),
            ("AWS::EC2::SecurityGroup", "GroupDescription", Recreate::Always),
            ("AWS::EC2::VPC", "CidrBlock", Recreate::Always),
            ("AWS::EC2::Subnet", "CidrBlock", Recreate::Always),
            ("AWS::Logs::LogGroup", "LogGroupName", Recreate::Always),
            ("AWS::Kinesis::Stream", "Name", Recreate::Always),
            ("AWS::ECS::TaskDefinition", "Cpu", Recreate::Always),
            ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Scheme", Recreate::Always),
            ("AWS::StepFunctions::StateMachine", "StateMachineName", Recreate::Always),
            ("AWS::SSM::Parameter", "Name", Recreate::Always),
            ("AWS::SecretsManager::Secret", "Name", Recreate::Always),
            ("AWS::ECR::Repository", "RepositoryName", Recreate::Always),
            ("AWS::EFS::FileSystem", "Encrypted", Recreate::Always),
            ("AWS::OpenSearchService::Domain", "DomainName", Recreate::Always),
            ("AWS::DynamoDB::GlobalTable", "GlobalSecondaryIndexes", Recreate::Conditionally),
            ("Custom::Thing", "Anything", Recreate::Never),
        ] {
            assert_eq!(recreate(kind, path), expected, "{kind} {path}");
        }
    }
}
