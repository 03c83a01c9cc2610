//! `load-balancer-listener`: the listener of an ARN, or of a load balancer with a port and protocol.

use serde_json::{Value, json};

use super::ask::{Ask, field, object};
use super::load_balancer::{matching, pages};
use crate::aws::call::Params;
use crate::aws::xml;
use crate::error::Result;

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    if let Some(arn) = ask.text("listenerArn") {
        return by_arn(ask, arn).await;
    }
    if ask.text("loadBalancerArn").is_none() && !ask.flag("loadBalancerTags") {
        return Err(ask.bad(
            "The load balancer listener query must specify at least one of: `listenerArn`, `loadBalancerArn` or `loadBalancerTags`",
        ));
    }
    let balancers = matching(ask, ask.text("loadBalancerArn")).await?;
    if balancers.is_empty() {
        let words = format!("No associated load balancers found for load balancer listener query {}", ask.criteria());
        return Err(ask.not_found(words));
    }
    let mut listeners = Vec::new();
    for arn in balancers.iter().filter_map(|b| xml::text(b, "LoadBalancerArn")) {
        let mut params = Params::default();
        params.set("LoadBalancerArn", arn);
        listeners.extend(pages(ask, "DescribeListeners", params, "Listeners").await?);
    }
    listeners.retain(|l| is_wanted(ask, l));
    match listeners.as_slice() {
        [] => Err(ask.not_found(format!("No load balancer listeners found matching {}", ask.criteria()))),
        [listener] => {
            let arn = xml::text(listener, "LoadBalancerArn");
            Ok(shape(listener, balancers.iter().find(|b| xml::text(b, "LoadBalancerArn") == arn)))
        }
        _ => {
            let words = format!(
                "Multiple load balancer listeners found matching {} - please provide more specific criteria",
                ask.criteria()
            );
            Err(ask.ambiguous(words))
        }
    }
}

fn is_wanted(ask: &Ask, listener: &Value) -> bool {
    let port = !ask.flag("listenerPort") || ask.props.get("listenerPort") == number(listener, "Port").as_ref();
    let protocol = ask.text("listenerProtocol");
    port && (protocol.is_none() || protocol == xml::text(listener, "Protocol"))
}

async fn by_arn(ask: &Ask, arn: &str) -> Result<Value> {
    let mut params = Params::default();
    params.list("ListenerArns.member", [arn]);
    let found = match pages(ask, "DescribeListeners", params, "Listeners").await {
        Err(fault) if fault.is("ListenerNotFound") => Vec::new(),
        other => other?,
    };
    let Some(listener) = found.first() else {
        return Err(ask.not_found(format!("No load balancer listeners found matching arn {arn}")));
    };
    let balancers = matching(ask, xml::text(listener, "LoadBalancerArn")).await?;
    match balancers.as_slice() {
        [balancer] => Ok(shape(listener, Some(balancer))),
        _ => Err(ask.not_found(format!("No associated load balancer found for listener arn {arn}"))),
    }
}

fn shape(listener: &Value, balancer: Option<&Value>) -> Value {
    let groups = balancer.map(|b| xml::list(b, "SecurityGroups")).unwrap_or_default();
    object([
        ("listenerArn", field(listener, "ListenerArn")),
        ("listenerPort", number(listener, "Port")),
        ("securityGroupIds", Some(json!(groups))),
    ])
}

fn number(value: &Value, name: &str) -> Option<Value> {
    xml::text(value, name)?.parse::<u64>().ok().map(Value::from)
}

#[cfg(test)]
mod tests {
    use super::super::ask::sample;
    use super::super::load_balancer::tests::balancers;
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    fn listeners(ports: &[u16]) -> (u16, String) {
        let member = |port: &u16| {
            format!(
                "<member><LoadBalancerArn>arn:a</LoadBalancerArn><Protocol>HTTP</Protocol><Port>{port}</Port><ListenerArn>arn:l{port}</ListenerArn></member>"
            )
        };
        let members: String = ports.iter().map(member).collect();
        reply(
            200,
            &format!(
                "<DescribeListenersResponse><DescribeListenersResult><Listeners>{members}</Listeners></DescribeListenersResult></DescribeListenersResponse>"
            ),
        )
    }

    #[tokio::test]
    async fn a_port_picks_the_listener_and_two_are_too_many() {
        let one = || balancers(&[("a", "application")]);
        let fake = Fake::start([one(), listeners(&[80, 443]), one(), listeners(&[80, 443])]).await;
        let port = sample(
            fake.session(),
            json!({"loadBalancerType": "application", "loadBalancerArn": "arn:a", "listenerPort": 443}),
        );
        let expected = json!({"listenerArn": "arn:l443", "listenerPort": 443, "securityGroupIds": ["sg-a"]});
        assert_eq!(look_up(&port).await.unwrap().to_string(), expected.to_string());
        let open = sample(
            fake.session(),
            json!({"loadBalancerType": "application", "loadBalancerArn": "arn:a", "listenerProtocol": "HTTP"}),
        );
        assert_eq!(look_up(&open).await.unwrap_err().code(), "lookup.ambiguous");
    }

    #[tokio::test]
    async fn an_arn_leads_to_its_load_balancer() {
        let fake = Fake::start([listeners(&[80]), balancers(&[("a", "network")]), listeners(&[])]).await;
        let ask = sample(fake.session(), json!({"loadBalancerType": "network", "listenerArn": "arn:l80"}));
        assert_eq!(
            look_up(&ask).await.unwrap(),
            json!({"listenerArn": "arn:l80", "listenerPort": 80, "securityGroupIds": ["sg-a"]})
        );
        assert!(fake.asked()[1].ends_with("&LoadBalancerArns.member.1=arn%3Aa"));
        assert_eq!(look_up(&ask).await.unwrap_err().what(), "No load balancer listeners found matching arn arn:l80");
    }
}
