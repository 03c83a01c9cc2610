//! Security-group rules that come or go, whether they stand in the group or beside it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::intrinsics::{attribute, readable};
use super::template::{kind, property, resources};
use crate::plan::{NetworkChange, Sign};

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    group: String,
    direction: &'static str,
    protocol: String,
    peer: String,
}

/// Rules that come or go between two templates; each one that comes lets more traffic pass.
pub fn network(old: Option<&Value>, new: Option<&Value>) -> Vec<NetworkChange> {
    let (before, after) = (rules(old), rules(new));
    let added = after.keys().filter(|rule| !before.contains_key(*rule)).map(|rule| told(rule, Sign::Added));
    let removed = before.keys().filter(|rule| !after.contains_key(*rule)).map(|rule| told(rule, Sign::Removed));
    added.chain(removed).collect()
}

fn told(rule: &Rule, change: Sign) -> NetworkChange {
    NetworkChange {
        logical_id: rule.group.clone(),
        change,
        broadens: change == Sign::Added,
        direction: rule.direction.to_owned(),
        protocol: rule.protocol.clone(),
        peer: rule.peer.clone(),
    }
}

fn rules(template: Option<&Value>) -> BTreeMap<Rule, ()> {
    let mut found = BTreeMap::new();
    for (id, resource) in resources(template) {
        match kind(resource) {
            "AWS::EC2::SecurityGroup" => {
                let list = |name: &str| property(resource, name).and_then(Value::as_array).cloned().unwrap_or_default();
                let inward = list("SecurityGroupIngress").into_iter().filter_map(|rule| read(id, "in", &rule));
                let outward = list("SecurityGroupEgress").into_iter().filter_map(|rule| read(id, "out", &rule));
                found.extend(inward.chain(outward).map(|rule| (rule, ())));
                if property(resource, "SecurityGroupEgress").is_none() {
                    // what EC2 does with a group that says nothing
                    let peer = anywhere("0.0.0.0/0");
                    found.insert(
                        Rule { group: id.clone(), direction: "out", protocol: "all traffic".to_owned(), peer },
                        (),
                    );
                }
            }
            direction @ ("AWS::EC2::SecurityGroupIngress" | "AWS::EC2::SecurityGroupEgress") => {
                let direction = if direction.ends_with("Ingress") { "in" } else { "out" };
                let group = property(resource, "GroupId").or_else(|| property(resource, "GroupName"));
                let rule = resource
                    .get("Properties")
                    .and_then(|rule| read(&group.map(group_name).unwrap_or_default(), direction, rule));
                found.extend(rule.map(|rule| (rule, ())));
            }
            _ => {}
        }
    }
    found
}

/// A group of the template by its logical id, another one as it is named.
fn group_name(value: &Value) -> String {
    let reference = value.get("Ref").and_then(Value::as_str).map(str::to_owned);
    let named = value.get("Fn::GetAtt").and_then(attribute).map(|(id, _)| id.to_owned());
    reference.or(named).unwrap_or_else(|| readable(value))
}

fn read(group: &str, direction: &'static str, rule: &Value) -> Option<Rule> {
    let text = |name: &str| rule.get(name).map(readable);
    let peers = [
        "CidrIp",
        "CidrIpv6",
        "SourceSecurityGroupId",
        "DestinationSecurityGroupId",
        "SourceSecurityGroupName",
        "SourcePrefixListId",
        "DestinationPrefixListId",
    ];
    let peer = match peers.iter().find_map(|name| text(name)) {
        Some(peer) => anywhere(&peer),
        None if rule.is_object() => readable(rule),
        None => return None,
    };
    // the rule that the CDK writes to mean "nothing at all"
    if peer == "255.255.255.255/32" {
        return None;
    }
    let protocol = protocol(&text("IpProtocol").unwrap_or_default(), text("FromPort"), text("ToPort"));
    Some(Rule { group: group.to_owned(), direction, protocol, peer })
}

fn anywhere(peer: &str) -> String {
    if matches!(peer, "0.0.0.0/0" | "::/0") { format!("{peer} (anywhere)") } else { peer.to_owned() }
}

fn protocol(protocol: &str, from: Option<String>, to: Option<String>) -> String {
    let name = match protocol.to_ascii_lowercase().as_str() {
        "-1" | "all" | "" => return "all traffic".to_owned(),
        "tcp" | "6" => "TCP".to_owned(),
        "udp" | "17" => "UDP".to_owned(),
        "icmp" | "1" => "ICMP".to_owned(),
        "icmpv6" | "58" => "ICMPv6".to_owned(),
        other if other.parse::<u8>().is_ok() => format!("protocol {other}"),
        other => other.to_owned(),
    };
    match (from.as_deref(), to.as_deref()) {
        (None | Some("-1"), _) => format!("all {name}"),
        (Some("0"), Some("65535")) => format!("all {name}"),
        (Some("22"), Some("22")) if name == "TCP" => "TCP 22 (SSH)".to_owned(),
        (Some("3389"), Some("3389")) if name == "TCP" => "TCP 3389 (RDP)".to_owned(),
        (Some(from), Some(to)) if name.starts_with("ICMP") => format!("{name} type {from} code {to}"),
        (Some(from), Some(to)) if from != to => format!("{name} {from}-{to}"),
        (Some(from), _) => format!("{name} {from}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_in_the_group_and_beside_it_are_the_same() {
        let old = json!({"Resources": {"G": {"Type": "AWS::EC2::SecurityGroup", "Properties": {
            "SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}],
            "SecurityGroupEgress": [{"IpProtocol": "icmp", "FromPort": 252, "ToPort": 86, "CidrIp": "255.255.255.255/32"}]}}}});
        let new = json!({"Resources": {
            "G": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}]}},
            "I": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": {"GroupId": {"Fn::GetAtt": ["G", "GroupId"]}, "IpProtocol": "tcp", "FromPort": "443", "ToPort": "443", "CidrIp": "10.0.0.0/8"}},
            "J": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": {"GroupId": {"Ref": "G"}, "IpProtocol": "-1", "SourceSecurityGroupId": {"Fn::GetAtt": ["H", "GroupId"]}}}
        }});
        let told: Vec<String> = network(Some(&old), Some(&new))
            .into_iter()
            .map(|c| format!("{:?} {} {} {} {}", c.change, c.logical_id, c.direction, c.protocol, c.peer))
            .collect();
        assert_eq!(
            told,
            [
                "Added G in TCP 22 (SSH) 0.0.0.0/0 (anywhere)",
                "Added G in all traffic ${H.GroupId}",
                "Added G out all traffic 0.0.0.0/0 (anywhere)",
            ]
        );
    }
}
