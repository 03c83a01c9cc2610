//! `vpc-provider`: a VPC with its subnets, in groups or in parallel lists, as the query wants them.

use serde_json::{Value, json};

use super::ask::{Ask, field, object};
use super::subnets::{self, Group, Kind, Subnet};
use crate::aws::call::Params;
use crate::aws::xml;
use crate::error::Result;

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    let vpc = find(ask).await?;
    let id = xml::text(&vpc, "vpcId").unwrap_or_default();
    let mut of_vpc = Params::default();
    of_vpc.filter("vpc-id", [id]);
    let (listed, tables) = tokio::join!(
        ask.ec2("DescribeSubnets", of_vpc.clone(), "subnetSet"),
        ask.ec2("DescribeRouteTables", of_vpc.clone(), "routeTableSet"),
    );
    let read = subnets::read(ask, &listed?, &tables?)?;
    let groups = subnets::group(read);
    let wants_groups = ask.flag("returnAsymmetricSubnets");
    let zones = if wants_groups { Vec::new() } else { subnets::common_zones(ask, &groups)? };
    let gateway = vpn_gateway(ask, id).await?;
    Ok(shape(&vpc, zones, &groups, wants_groups, gateway))
}

async fn find(ask: &Ask) -> Result<Value> {
    let mut params = Params::default();
    for (name, value) in ask.props.get("filter").and_then(Value::as_object).into_iter().flatten() {
        params.filter(name, [value.as_str().map_or_else(|| value.to_string(), str::to_owned)]);
    }
    let found = ask.ec2("DescribeVpcs", params, "vpcSet").await?;
    match found.as_slice() {
        [] => Err(ask.not_found(format!("Could not find any VPCs matching {}", ask.criteria()))),
        [vpc] => Ok(vpc.clone()),
        many => Err(ask.ambiguous(format!(
            "Found {} VPCs matching {}; please narrow the search criteria",
            many.len(),
            ask.criteria()
        ))),
    }
}

/// The VPN gateway, where there is exactly one and the query does not wave it off.
async fn vpn_gateway(ask: &Ask, vpc: &str) -> Result<Option<Value>> {
    if !matches!(ask.props.get("returnVpnGateways"), None | Some(Value::Null)) && !ask.flag("returnVpnGateways") {
        return Ok(None);
    }
    let mut params = Params::default();
    params.filter("attachment.vpc-id", [vpc]).filter("attachment.state", ["attached"]).filter("state", ["available"]);
    let found = ask.ec2("DescribeVpnGateways", params, "vpnGatewaySet").await?;
    Ok(if let [gateway] = found.as_slice() { field(gateway, "vpnGatewayId") } else { None })
}

fn shape(vpc: &Value, zones: Vec<String>, groups: &[Group], wants_groups: bool, gateway: Option<Value>) -> Value {
    let lists: &[Group] = if wants_groups { &[] } else { groups };
    let of = |kind: Kind| lists.iter().filter(move |g| g.kind == kind);
    // an empty list is left out: the app takes a missing list for "none of this kind"
    let filled = |values: Vec<&str>| (!values.is_empty()).then(|| json!(values));
    let ids = |kind| filled(of(kind).flat_map(|g| g.subnets.iter().map(|s| s.id.as_str())).collect());
    let names = |kind| filled(of(kind).map(|g| g.name.as_str()).collect());
    let tables = |kind| filled(of(kind).flat_map(|g| g.subnets.iter().map(|s| s.route_table.as_str())).collect());
    object([
        ("vpcId", field(vpc, "vpcId")),
        ("vpcCidrBlock", field(vpc, "cidrBlock")),
        ("ownerAccountId", field(vpc, "ownerId")),
        ("availabilityZones", Some(json!(zones))),
        ("isolatedSubnetIds", ids(Kind::Isolated)),
        ("isolatedSubnetNames", names(Kind::Isolated)),
        ("isolatedSubnetRouteTableIds", tables(Kind::Isolated)),
        ("privateSubnetIds", ids(Kind::Private)),
        ("privateSubnetNames", names(Kind::Private)),
        ("privateSubnetRouteTableIds", tables(Kind::Private)),
        ("publicSubnetIds", ids(Kind::Public)),
        ("publicSubnetNames", names(Kind::Public)),
        ("publicSubnetRouteTableIds", tables(Kind::Public)),
        ("vpnGatewayId", gateway),
        ("subnetGroups", wants_groups.then(|| groups.iter().map(group).collect())),
    ])
}

fn group(group: &Group) -> Value {
    let subnet = |s: &Subnet| {
        object([
            ("subnetId", Some(s.id.as_str().into())),
            ("cidr", s.cidr.as_deref().map(Value::from)),
            ("availabilityZone", Some(s.zone.as_str().into())),
            ("routeTableId", Some(s.route_table.as_str().into())),
        ])
    };
    let subnets: Vec<Value> = group.subnets.iter().map(subnet).collect();
    json!({ "name": group.name, "type": group.kind.as_str(), "subnets": subnets })
}
