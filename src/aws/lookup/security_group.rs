//! `security-group`: the group of an id or name, and whether it lets everything out.

use serde_json::{Value, json};

use super::ask::Ask;
use crate::aws::call::Params;
use crate::aws::xml;
use crate::error::Result;

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    let (id, name) = (ask.text("securityGroupId"), ask.text("securityGroupName"));
    let mut params = Params::default();
    params.list("GroupId", id);
    if let Some(vpc) = ask.text("vpcId") {
        params.filter("vpc-id", [vpc]);
    }
    match (id, name) {
        (Some(_), Some(_)) => {
            return Err(ask.bad(
                "'securityGroupId' and 'securityGroupName' can not be specified both when looking up a security group",
            ));
        }
        (None, None) => {
            return Err(
                ask.bad("'securityGroupId' or 'securityGroupName' must be specified to look up a security group")
            );
        }
        (None, Some(name)) => {
            params.filter("group-name", [name]);
        }
        (Some(_), None) => {}
    }
    let groups = match ask.ec2("DescribeSecurityGroups", params, "securityGroupInfo").await {
        Err(fault) if fault.is("InvalidGroup.NotFound") => Vec::new(),
        other => other?,
    };
    match groups.as_slice() {
        [] => Err(ask.not_found(format!("No security groups found matching {}", ask.criteria()))),
        [group] => {
            Ok(json!({ "securityGroupId": xml::text(group, "groupId"), "allowAllOutbound": lets_all_out(group) }))
        }
        _ => Err(ask.ambiguous(format!("More than one security groups found matching {}", ask.criteria()))),
    }
}

/// All protocols to everywhere, over IPv4 and over IPv6.
fn lets_all_out(group: &Value) -> bool {
    let open = |ranges: &str, cidr: &str, everywhere: &str| {
        xml::list(group, "ipPermissionsEgress")
            .iter()
            .filter(|rule| xml::text(rule, "ipProtocol") == Some("-1"))
            .any(|rule| xml::list(rule, ranges).iter().any(|range| xml::text(range, cidr) == Some(everywhere)))
    };
    open("ipRanges", "cidrIp", "0.0.0.0/0") && open("ipv6Ranges", "cidrIpv6", "::/0")
}

#[cfg(test)]
mod tests {
    use super::super::ask::sample;
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    fn group(ipv6: &str) -> String {
        format!(
            "<item><ownerId>111111111111</ownerId><groupId>sg-1</groupId><groupName>web</groupName><vpcId>vpc-1</vpcId><ipPermissions/>\
             <ipPermissionsEgress><item><ipProtocol>-1</ipProtocol><groups/><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges>\
             {ipv6}<prefixListIds/></item></ipPermissionsEgress></item>"
        )
    }

    fn answer(items: &str) -> (u16, String) {
        reply(
            200,
            &format!(
                "<DescribeSecurityGroupsResponse><requestId>r</requestId><securityGroupInfo>{items}</securityGroupInfo></DescribeSecurityGroupsResponse>"
            ),
        )
    }

    #[tokio::test]
    async fn only_both_families_open_count_as_all_outbound() {
        let open = group("<ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6></item></ipv6Ranges>");
        let fake =
            Fake::start([answer(&group("<ipv6Ranges/>")), answer(&open), answer(&format!("{open}{open}"))]).await;
        let ask = sample(fake.session(), json!({"securityGroupName": "web", "vpcId": "vpc-1"}));
        assert_eq!(look_up(&ask).await.unwrap(), json!({"securityGroupId": "sg-1", "allowAllOutbound": false}));
        assert_eq!(look_up(&ask).await.unwrap(), json!({"securityGroupId": "sg-1", "allowAllOutbound": true}));
        let many = look_up(&ask).await.unwrap_err();
        assert_eq!(many.code(), "lookup.ambiguous");
        assert_eq!(
            many.what(),
            r#"More than one security groups found matching {"securityGroupName":"web","vpcId":"vpc-1"}"#
        );
        assert!(
            fake.asked()[0].ends_with(
                "&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&Filter.2.Name=group-name&Filter.2.Value.1=web"
            )
        );
    }

    #[tokio::test]
    async fn an_unknown_id_is_not_found() {
        let refusal = "<Response><Errors><Error><Code>InvalidGroup.NotFound</Code><Message>no</Message></Error></Errors></Response>";
        let fake = Fake::start([reply(400, refusal)]).await;
        let error = look_up(&sample(fake.session(), json!({"securityGroupId": "sg-9"}))).await.unwrap_err();
        assert_eq!(error.code(), "lookup.not_found");
        assert!(fake.asked()[0].ends_with("&GroupId.1=sg-9"));
    }
}
