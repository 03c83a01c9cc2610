//! `load-balancer`: the load balancer of an ARN or of tags.

use serde_json::{Value, json};

use super::ask::{Ask, PAGES_MOST, field, object};
use crate::aws::call::{Fault, LOAD_BALANCING, Params};
use crate::aws::xml;
use crate::error::Result;

/// DescribeTags takes no more at once.
const TAGGED_AT_ONCE: usize = 20;

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    if ask.text("loadBalancerArn").is_none() && !ask.flag("loadBalancerTags") {
        return Err(
            ask.bad("The load balancer lookup query must specify either `loadBalancerArn` or `loadBalancerTags`")
        );
    }
    let found = matching(ask, ask.text("loadBalancerArn")).await?;
    match found.as_slice() {
        [] => Err(ask.not_found(format!("No load balancers found matching {}", ask.criteria()))),
        [balancer] => Ok(shape(balancer)),
        _ => Err(ask.ambiguous(format!(
            "Multiple load balancers found matching {} - please provide more specific criteria",
            ask.criteria()
        ))),
    }
}

fn shape(balancer: &Value) -> Value {
    let family = if xml::text(balancer, "IpAddressType") == Some("ipv4") { "ipv4" } else { "dualstack" };
    object([
        ("loadBalancerArn", field(balancer, "LoadBalancerArn")),
        ("loadBalancerCanonicalHostedZoneId", field(balancer, "CanonicalHostedZoneId")),
        ("loadBalancerDnsName", field(balancer, "DNSName")),
        ("vpcId", field(balancer, "VpcId")),
        ("securityGroupIds", Some(json!(xml::list(balancer, "SecurityGroups")))),
        ("ipAddressType", Some(family.into())),
    ])
}

/// The load balancers of the query's type, and of its tags where it names some.
pub(super) async fn matching(ask: &Ask, arn: Option<&str>) -> Result<Vec<Value>> {
    let mut params = Params::default();
    params.list("LoadBalancerArns.member", arn);
    let all = match pages(ask, "DescribeLoadBalancers", params, "LoadBalancers").await {
        Err(fault) if fault.is("LoadBalancerNotFound") => Vec::new(),
        other => other?,
    };
    let of_type: Vec<Value> =
        all.into_iter().filter(|b| xml::text(b, "Type") == ask.text("loadBalancerType")).collect();
    let Some(wanted) = ask.props.get("loadBalancerTags").and_then(Value::as_array) else { return Ok(of_type) };
    let mut tagged = Vec::new();
    for some in of_type.chunks(TAGGED_AT_ONCE) {
        let mut params = Params::default();
        params.list("ResourceArns.member", some.iter().filter_map(|b| xml::text(b, "LoadBalancerArn")));
        let answer = LOAD_BALANCING.call(&ask.session, "DescribeTags", &ask.doing, &params).await?;
        let described = answer.pointer("/DescribeTagsResult").cloned().unwrap_or_default();
        for entry in xml::list(&described, "TagDescriptions").iter().filter(|e| has_all(e, wanted)) {
            let arn = xml::text(entry, "ResourceArn");
            tagged.extend(some.iter().filter(|b| xml::text(b, "LoadBalancerArn") == arn).cloned());
        }
    }
    Ok(tagged)
}

fn has_all(entry: &Value, wanted: &[Value]) -> bool {
    let has = |tag: &Value| {
        let (key, value) = (xml::text(tag, "key"), xml::text(tag, "value"));
        xml::list(entry, "Tags").iter().any(|t| xml::text(t, "Key") == key && xml::text(t, "Value") == value)
    };
    wanted.iter().all(has)
}

/// All entries of the list `name`, over all its pages.
pub(super) async fn pages(ask: &Ask, action: &str, params: Params, name: &str) -> Result<Vec<Value>, Fault> {
    let mut found = Vec::new();
    let mut marker: Option<String> = None;
    for _ in 0..PAGES_MOST {
        let mut page = params.clone();
        if let Some(marker) = &marker {
            page.set("Marker", marker);
        }
        let answer = LOAD_BALANCING.call(&ask.session, action, &ask.doing, &page).await?;
        let result = answer.get(format!("{action}Result")).cloned().unwrap_or_default();
        found.extend_from_slice(xml::list(&result, name));
        marker = xml::text(&result, "NextMarker").filter(|m| !m.is_empty()).map(str::to_owned);
        if marker.is_none() {
            return Ok(found);
        }
    }
    Err(ask.endless().into())
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::ask::sample;
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    pub fn balancers(some: &[(&str, &str)]) -> (u16, String) {
        let member = |(id, kind): &(&str, &str)| {
            format!(
                "<member><LoadBalancerArn>arn:{id}</LoadBalancerArn><DNSName>{id}.elb.amazonaws.com</DNSName>\
                 <CanonicalHostedZoneId>Z3</CanonicalHostedZoneId><VpcId>vpc-1</VpcId><State><Code>active</Code></State>\
                 <SecurityGroups><member>sg-{id}</member></SecurityGroups><IpAddressType>ipv4</IpAddressType><Type>{kind}</Type></member>"
            )
        };
        let members: String = some.iter().map(member).collect();
        reply(
            200,
            &format!(
                "<DescribeLoadBalancersResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><DescribeLoadBalancersResult><LoadBalancers>{members}</LoadBalancers></DescribeLoadBalancersResult></DescribeLoadBalancersResponse>"
            ),
        )
    }

    #[tokio::test]
    async fn tags_pick_one_of_many() {
        let tags = "<DescribeTagsResponse><DescribeTagsResult><TagDescriptions>\
            <member><ResourceArn>arn:a</ResourceArn><Tags><member><Key>app</Key><Value>x</Value></member></Tags></member>\
            <member><ResourceArn>arn:c</ResourceArn><Tags><member><Key>app</Key><Value>x</Value></member><member><Key>env</Key><Value>p</Value></member></Tags></member>\
            </TagDescriptions></DescribeTagsResult></DescribeTagsResponse>";
        let fake =
            Fake::start([balancers(&[("a", "application"), ("b", "network"), ("c", "application")]), reply(200, tags)])
                .await;
        let wanted = json!([{"key": "app", "value": "x"}, {"key": "env", "value": "p"}]);
        let ask = sample(fake.session(), json!({"loadBalancerType": "application", "loadBalancerTags": wanted}));
        let expected = json!({
            "loadBalancerArn": "arn:c", "loadBalancerCanonicalHostedZoneId": "Z3", "loadBalancerDnsName": "c.elb.amazonaws.com",
            "vpcId": "vpc-1", "securityGroupIds": ["sg-c"], "ipAddressType": "ipv4"
        });
        assert_eq!(look_up(&ask).await.unwrap().to_string(), expected.to_string());
        assert!(fake.asked()[1].ends_with(
            "Action=DescribeTags&Version=2015-12-01&ResourceArns.member.1=arn%3Aa&ResourceArns.member.2=arn%3Ac"
        ));
    }

    #[tokio::test]
    async fn an_unknown_arn_is_not_found() {
        let refusal =
            "<ErrorResponse><Error><Code>LoadBalancerNotFound</Code><Message>no</Message></Error></ErrorResponse>";
        let fake = Fake::start([reply(400, refusal)]).await;
        let ask = sample(fake.session(), json!({"loadBalancerType": "network", "loadBalancerArn": "arn:x"}));
        let error = look_up(&ask).await.unwrap_err();
        assert_eq!(error.code(), "lookup.not_found");
        assert_eq!(
            error.what(),
            r#"No load balancers found matching {"loadBalancerType":"network","loadBalancerArn":"arn:x"}"#
        );
        assert_eq!(look_up(&sample(fake.session(), json!({}))).await.unwrap_err().code(), "lookup.bad_query");
    }
}
