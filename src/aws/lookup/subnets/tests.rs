//! Whole VPC lookups against answers of EC2.

use serde_json::json;

use super::super::ask::sample;
use super::super::vpc;
use crate::aws::fixture::{Fake, reply};

const VPCS: &str = r#"<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><vpcSet>
<item><vpcId>vpc-1</vpcId><ownerId>111111111111</ownerId><state>available</state><cidrBlock>10.0.0.0/16</cidrBlock>
<cidrBlockAssociationSet><item><cidrBlock>10.0.0.0/16</cidrBlock><associationId>a</associationId></item></cidrBlockAssociationSet>
<dhcpOptionsId>dopt-1</dhcpOptionsId><isDefault>false</isDefault></item></vpcSet></DescribeVpcsResponse>"#;

const TABLES: &str = r#"<DescribeRouteTablesResponse><requestId>r</requestId><routeTableSet>
<item><routeTableId>rtb-main</routeTableId><routeSet><item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId></item></routeSet>
<associationSet><item><main>true</main></item></associationSet></item>
<item><routeTableId>rtb-igw</routeTableId><routeSet><item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><gatewayId>igw-1</gatewayId></item></routeSet>
<associationSet><item><subnetId>subnet-pub-b</subnetId><main>false</main></item></associationSet></item>
<item><routeTableId>rtb-nat</routeTableId><routeSet><item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><natGatewayId>nat-1</natGatewayId></item></routeSet>
<associationSet><item><subnetId>subnet-prv-b</subnetId></item><item><subnetId>subnet-prv-a</subnetId></item></associationSet></item>
</routeTableSet></DescribeRouteTablesResponse>"#;

const NO_GATEWAY: &str =
    "<DescribeVpnGatewaysResponse><requestId>r</requestId><vpnGatewaySet/></DescribeVpnGatewaysResponse>";
const GATEWAY: &str = "<DescribeVpnGatewaysResponse><vpnGatewaySet><item><vpnGatewayId>vgw-1</vpnGatewayId></item></vpnGatewaySet></DescribeVpnGatewaysResponse>";

fn subnet(id: &str, zone: &str, more: &str) -> String {
    format!(
        "<item><subnetId>{id}</subnetId><subnetArn>arn:{id}</subnetArn><vpcId>vpc-1</vpcId><cidrBlock>10.0.1.0/24</cidrBlock>\
         <availabilityZone>{zone}</availabilityZone>{more}</item>"
    )
}

/// Public, private, isolated; b stands before a so that sorting shows.
fn subnets(last: &str) -> String {
    let tags = "<tagSet><item><key>aws-cdk:subnet-type</key><value>Isolated</value></item><item><key>aws-cdk:subnet-name</key><value>Data</value></item></tagSet>";
    let items = [
        subnet("subnet-pub-b", "eu-west-1b", "<mapPublicIpOnLaunch>false</mapPublicIpOnLaunch><tagSet/>"),
        subnet("subnet-pub-a", "eu-west-1a", "<mapPublicIpOnLaunch>true</mapPublicIpOnLaunch>"),
        subnet("subnet-prv-b", "eu-west-1b", ""),
        subnet("subnet-prv-a", "eu-west-1a", ""),
        subnet("subnet-iso-a", "eu-west-1a", tags),
        last.to_owned(),
    ];
    format!(
        "<DescribeSubnetsResponse><requestId>r</requestId><subnetSet>{}</subnetSet></DescribeSubnetsResponse>",
        items.concat()
    )
}

fn data_b() -> String {
    subnet(
        "subnet-iso-b",
        "eu-west-1b",
        "<tagSet><item><key>aws-cdk:subnet-type</key><value>Isolated</value></item><item><key>aws-cdk:subnet-name</key><value>Data</value></item></tagSet>",
    )
}

/// Subnets and route tables are asked at once, so the fake answers by action.
async fn fake(subnets: String, gateways: &str) -> Fake {
    Fake::by_action([
        ("DescribeVpcs", VPCS.to_owned()),
        ("DescribeSubnets", subnets),
        ("DescribeRouteTables", TABLES.to_owned()),
        ("DescribeVpnGateways", gateways.to_owned()),
    ])
    .await
}

#[tokio::test]
async fn parallel_lists_hold_all_kinds() {
    let fake = fake(subnets(&data_b()), GATEWAY).await;
    let ask = sample(fake.session(), json!({"filter": {"vpc-id": "vpc-1"}}));
    let expected = json!({
        "vpcId": "vpc-1", "vpcCidrBlock": "10.0.0.0/16", "ownerAccountId": "111111111111",
        "availabilityZones": ["eu-west-1a", "eu-west-1b"],
        "isolatedSubnetIds": ["subnet-iso-a", "subnet-iso-b"], "isolatedSubnetNames": ["Data"],
        "isolatedSubnetRouteTableIds": ["rtb-main", "rtb-main"],
        "privateSubnetIds": ["subnet-prv-a", "subnet-prv-b"], "privateSubnetNames": ["Private"],
        "privateSubnetRouteTableIds": ["rtb-nat", "rtb-nat"],
        "publicSubnetIds": ["subnet-pub-a", "subnet-pub-b"], "publicSubnetNames": ["Public"],
        "publicSubnetRouteTableIds": ["rtb-main", "rtb-igw"],
        "vpnGatewayId": "vgw-1"
    });
    assert_eq!(vpc::look_up(&ask).await.unwrap().to_string(), expected.to_string());
}

#[tokio::test]
async fn asymmetric_groups_keep_the_order_of_aws() {
    let fake = fake(subnets(""), NO_GATEWAY).await;
    let ask = sample(
        fake.session(),
        json!({"filter": {"isDefault": "true"}, "returnAsymmetricSubnets": true, "returnVpnGateways": false}),
    );
    let one = |id: &str, zone: &str, table: &str| json!({"subnetId": id, "cidr": "10.0.1.0/24", "availabilityZone": zone, "routeTableId": table});
    let expected = json!({
        "vpcId": "vpc-1", "vpcCidrBlock": "10.0.0.0/16", "ownerAccountId": "111111111111", "availabilityZones": [],
        "subnetGroups": [
            {"name": "Public", "type": "Public", "subnets": [one("subnet-pub-a", "eu-west-1a", "rtb-main"), one("subnet-pub-b", "eu-west-1b", "rtb-igw")]},
            {"name": "Private", "type": "Private", "subnets": [one("subnet-prv-a", "eu-west-1a", "rtb-nat"), one("subnet-prv-b", "eu-west-1b", "rtb-nat")]},
            {"name": "Data", "type": "Isolated", "subnets": [one("subnet-iso-a", "eu-west-1a", "rtb-main")]}
        ]
    });
    assert_eq!(vpc::look_up(&ask).await.unwrap().to_string(), expected.to_string());
    let asked = fake.asked();
    assert!(asked[0].ends_with("&Filter.1.Name=isDefault&Filter.1.Value.1=true"), "{}", asked[0]);
    assert!(!asked.iter().any(|a| a.contains("DescribeVpnGateways")));
}

#[tokio::test]
async fn uneven_zones_unknown_kinds_and_missing_names_are_said() {
    let props = || json!({"filter": {"vpc-id": "vpc-1"}});
    let uneven = fake(subnets(""), NO_GATEWAY).await;
    let error = vpc::look_up(&sample(uneven.session(), props())).await.unwrap_err();
    assert_eq!(error.what(), "Not all subnets in VPC have the same AZs: eu-west-1a vs eu-west-1a,eu-west-1b");
    let odd = subnet(
        "subnet-x",
        "eu-west-1a",
        "<tagSet><item><key>aws-cdk:subnet-type</key><value>Odd</value></item></tagSet>",
    );
    let unknown = fake(subnets(&odd), NO_GATEWAY).await;
    let error = vpc::look_up(&sample(unknown.session(), props())).await.unwrap_err();
    assert_eq!(error.what(), "Subnet arn:subnet-x has invalid subnet type Odd (must be Public, Private or Isolated)");
    let unnamed = fake(subnets(""), NO_GATEWAY).await;
    let named = sample(unnamed.session(), json!({"filter": {}, "subnetGroupNameTag": "tier"}));
    let error = vpc::look_up(&named).await.unwrap_err();
    assert_eq!(
        error.what(),
        "Invalid subnetGroupNameTag: Subnet arn:subnet-pub-b does not have an associated tag with Key='tier'"
    );
}

#[tokio::test]
async fn no_vpc_and_many_vpcs_are_told_apart() {
    let none =
        Fake::start([reply(200, "<DescribeVpcsResponse><requestId>r</requestId><vpcSet/></DescribeVpcsResponse>")])
            .await;
    let error = vpc::look_up(&sample(none.session(), json!({"filter": {"isDefault": "true"}}))).await.unwrap_err();
    assert_eq!(
        (error.code(), error.what()),
        ("lookup.not_found", r#"Could not find any VPCs matching {"filter":{"isDefault":"true"}}"#)
    );
    let two =
        Fake::start([reply(200, "<R><vpcSet><item><vpcId>a</vpcId></item><item><vpcId>b</vpcId></item></vpcSet></R>")])
            .await;
    let error = vpc::look_up(&sample(two.session(), json!({"filter": {}}))).await.unwrap_err();
    assert_eq!(
        (error.code(), error.what()),
        ("lookup.ambiguous", r#"Found 2 VPCs matching {"filter":{}}; please narrow the search criteria"#)
    );
}
