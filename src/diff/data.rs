//! The resource types that keep data which a removal or replacement would lose.

/// Sorted, so that it can be searched; a reason stands where it is not obvious. Left out on purpose: topics, SSM
/// parameters (the template holds their value), pure caches (DAX), and code.
static HOLDS_DATA: &[&str] = &[
    "AWS::APS::Workspace",   // metrics
    "AWS::AmazonMQ::Broker", // messages that wait
    "AWS::Backup::BackupVault",
    "AWS::Backup::LogicallyAirGappedBackupVault",
    "AWS::Bedrock::KnowledgeBase", // what was ingested
    "AWS::Cassandra::Keyspace",
    "AWS::Cassandra::Table",
    "AWS::CloudFormation::Stack",      // a nested stack may hold any of these
    "AWS::CloudTrail::EventDataStore", // the trail of events
    "AWS::CodeArtifact::Domain",       // packages
    "AWS::CodeArtifact::Repository",   // packages
    "AWS::CodeCommit::Repository",     // source code
    "AWS::Cognito::IdentityPool",      // identities that users are known by
    "AWS::Cognito::UserPool",          // users and their passwords, which cannot be exported
    "AWS::Cognito::UserPoolUser",
    "AWS::Connect::Instance",
    "AWS::CustomerProfiles::Domain",
    "AWS::DSQL::Cluster",
    "AWS::DataZone::Domain",
    "AWS::DocDB::DBCluster",
    "AWS::DocDB::DBInstance",
    "AWS::DocDBElastic::Cluster",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Instance", // its root volume
    "AWS::EC2::Volume",
    "AWS::ECR::PublicRepository", // images
    "AWS::ECR::Repository",       // images
    "AWS::EFS::FileSystem",
    "AWS::EMR::Cluster",                  // HDFS on its nodes
    "AWS::ElastiCache::CacheCluster",     // often used as more than a cache
    "AWS::ElastiCache::ReplicationGroup", // often used as more than a cache
    "AWS::ElastiCache::ServerlessCache",  // often used as more than a cache
    "AWS::Elasticsearch::Domain",
    "AWS::Events::Archive", // archived events
    "AWS::FSx::FileSystem",
    "AWS::FSx::StorageVirtualMachine",
    "AWS::FSx::Volume",
    "AWS::Glue::Database", // the tables' definitions
    "AWS::Glue::Table",
    "AWS::HealthLake::FHIRDatastore",
    "AWS::IoTAnalytics::Datastore",
    "AWS::KMS::Key",        // without the key everything encrypted with it is lost
    "AWS::KMS::ReplicaKey", // without the key everything encrypted with it is lost
    "AWS::Kendra::Index",
    "AWS::Kinesis::Stream", // records that wait
    "AWS::KinesisVideo::Stream",
    "AWS::Lightsail::Bucket",
    "AWS::Lightsail::Database",
    "AWS::Lightsail::Disk",
    "AWS::Location::GeofenceCollection",
    "AWS::Location::Tracker",      // positions
    "AWS::Logs::LogGroup",         // logs
    "AWS::MSK::Cluster",           // records of topics
    "AWS::MSK::ServerlessCluster", // records of topics
    "AWS::MediaStore::Container",
    "AWS::MemoryDB::Cluster",
    "AWS::MemoryDB::MultiRegionCluster",
    "AWS::Neptune::DBCluster",
    "AWS::Neptune::DBInstance",
    "AWS::NeptuneGraph::Graph",
    "AWS::OpenSearchServerless::Collection",
    "AWS::OpenSearchService::Domain",
    "AWS::Organizations::Account", // a whole account
    "AWS::Personalize::Dataset",
    "AWS::Pinpoint::App", // endpoints of users
    "AWS::QLDB::Ledger",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RDS::GlobalCluster",
    "AWS::Redshift::Cluster",
    "AWS::RedshiftServerless::Namespace",
    "AWS::Route53::HostedZone", // a new zone has other name servers, and the records of others are gone
    "AWS::S3::Bucket",
    "AWS::S3Express::DirectoryBucket",
    "AWS::S3Outposts::Bucket",
    "AWS::S3Tables::Namespace",
    "AWS::S3Tables::Table",
    "AWS::S3Tables::TableBucket",
    "AWS::S3Vectors::Index",
    "AWS::S3Vectors::VectorBucket",
    "AWS::SDB::Domain",
    "AWS::SQS::Queue",        // messages that wait
    "AWS::SageMaker::Domain", // home folders
    "AWS::SageMaker::FeatureGroup",
    "AWS::SageMaker::NotebookInstance", // its volume
    "AWS::SecretsManager::Secret",      // a generated secret cannot be made again
    "AWS::Serverless::SimpleTable",     // a DynamoDB table
    "AWS::Timestream::Database",
    "AWS::Timestream::InfluxDBCluster",
    "AWS::Timestream::InfluxDBInstance",
    "AWS::Timestream::Table",
    "AWS::WorkSpaces::Workspace",
];

/// The type keeps data that a replacement or removal would lose.
pub fn holds_data(resource_type: &str) -> bool {
    HOLDS_DATA.binary_search(&resource_type).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(HOLDS_DATA.windows(2).all(|pair| pair.first() < pair.last()));
    }

    #[test]
    fn tables_hold_data_and_topics_do_not() {
        assert!(holds_data("AWS::DynamoDB::Table"));
        assert!(holds_data("AWS::SQS::Queue"));
        assert!(!holds_data("AWS::SNS::Topic"));
        assert!(!holds_data("AWS::SSM::Parameter"));
        assert!(!holds_data("Custom::Table"));
    }
}
