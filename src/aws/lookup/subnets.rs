//! The subnets of a VPC: which are public, private or isolated, and how they group.

use serde_json::Value;

use super::ask::Ask;
use crate::aws::xml;
use crate::error::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Public,
    Private,
    Isolated,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Public => "Public",
            Kind::Private => "Private",
            Kind::Isolated => "Isolated",
        }
    }

    fn parse(text: &str) -> Option<Kind> {
        [Kind::Public, Kind::Private, Kind::Isolated].into_iter().find(|kind| kind.as_str() == text)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Subnet {
    pub id: String,
    pub cidr: Option<String>,
    pub zone: String,
    pub route_table: String,
    kind: Kind,
    name: String,
}

/// Subnets of one kind and name, by zone.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub kind: Kind,
    pub name: String,
    pub subnets: Vec<Subnet>,
}

/// Judges each subnet by its tags, then by its routes. Errors: an unknown kind, no name tag, no route table.
pub(super) fn read(ask: &Ask, listed: &[Value], tables: &[Value]) -> Result<Vec<Subnet>> {
    listed.iter().map(|subnet| read_one(ask, subnet, tables)).collect()
}

fn read_one(ask: &Ask, subnet: &Value, tables: &[Value]) -> Result<Subnet> {
    let id = xml::text(subnet, "subnetId").unwrap_or_default();
    let called = xml::text(subnet, "subnetArn").unwrap_or(id);
    let table = own_table(tables, id).or_else(|| tables.iter().find(|t| is_main(t)));
    let kind = match tag(subnet, "aws-cdk:subnet-type") {
        None => by_routes(subnet, table),
        Some(text) => Kind::parse(text).ok_or_else(|| {
            ask.not_found(format!(
                "Subnet {called} has invalid subnet type {text} (must be Public, Private or Isolated)"
            ))
        })?,
    };
    let name_tag = ask.text("subnetGroupNameTag");
    let name = tag(subnet, name_tag.unwrap_or("aws-cdk:subnet-name")).filter(|n| !n.is_empty());
    let name = match (name, name_tag) {
        (None, Some(key)) => {
            let words =
                format!("Invalid subnetGroupNameTag: Subnet {called} does not have an associated tag with Key='{key}'");
            return Err(ask.not_found(words));
        }
        (name, _) => name.unwrap_or(kind.as_str()).to_owned(),
    };
    let Some(route_table) = table.and_then(|t| xml::text(t, "routeTableId")) else {
        let words = format!("Subnet {called} does not have an associated route table (and there is no \"main\" table)");
        return Err(ask.not_found(words));
    };
    Ok(Subnet {
        id: id.to_owned(),
        cidr: xml::text(subnet, "cidrBlock").filter(|c| !c.is_empty()).map(str::to_owned),
        zone: xml::text(subnet, "availabilityZone").unwrap_or_default().to_owned(),
        route_table: route_table.to_owned(),
        kind,
        name,
    })
}

fn tag<'a>(subnet: &'a Value, key: &str) -> Option<&'a str> {
    xml::list(subnet, "tagSet").iter().find(|t| xml::text(t, "key") == Some(key)).and_then(|t| xml::text(t, "value"))
}

fn by_routes(subnet: &Value, table: Option<&Value>) -> Kind {
    let routes = table.map(|t| xml::list(t, "routeSet")).unwrap_or_default();
    let to_internet = |r: &Value| xml::text(r, "gatewayId").is_some_and(|g| g.starts_with("igw-"));
    let everything_to = |r: &Value, by: &str| {
        xml::text(r, by).is_some_and(|g| !g.is_empty()) && xml::text(r, "destinationCidrBlock") == Some("0.0.0.0/0")
    };
    if xml::text(subnet, "mapPublicIpOnLaunch") == Some("true") || routes.iter().any(to_internet) {
        Kind::Public
    } else if routes.iter().any(|r| everything_to(r, "natGatewayId") || everything_to(r, "transitGatewayId")) {
        Kind::Private
    } else {
        Kind::Isolated
    }
}

fn own_table<'a>(tables: &'a [Value], subnet: &str) -> Option<&'a Value> {
    tables.iter().find(|t| xml::list(t, "associationSet").iter().any(|a| xml::text(a, "subnetId") == Some(subnet)))
}

fn is_main(table: &Value) -> bool {
    xml::list(table, "associationSet").iter().any(|a| xml::text(a, "main") == Some("true"))
}

/// Groups in the order in which AWS lists their first subnets.
pub(super) fn group(subnets: Vec<Subnet>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for subnet in subnets {
        match groups.iter_mut().find(|g| g.kind == subnet.kind && g.name == subnet.name) {
            Some(group) => group.subnets.push(subnet),
            None => groups.push(Group { kind: subnet.kind, name: subnet.name.clone(), subnets: vec![subnet] }),
        }
    }
    for group in &mut groups {
        group.subnets.sort_by(|a, b| a.zone.cmp(&b.zone));
    }
    groups
}

/// The zones that all groups share; without asymmetric subnets they have to be the same ones.
pub(super) fn common_zones(ask: &Ask, groups: &[Group]) -> Result<Vec<String>> {
    let zones_of = |group: &Group| group.subnets.iter().map(|s| s.zone.clone()).collect::<Vec<_>>();
    let Some(first) = groups.first().map(zones_of) else {
        return Err(ask.not_found(format!("The VPC matching {} has no subnets", ask.criteria())));
    };
    match groups.iter().map(zones_of).find(|zones| zones != &first) {
        None => Ok(first),
        Some(other) => {
            let words = format!("Not all subnets in VPC have the same AZs: {} vs {}", other.join(","), first.join(","));
            Err(ask.not_found(words))
        }
    }
}

#[cfg(test)]
mod tests;
