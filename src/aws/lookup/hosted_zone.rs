//! `hosted-zone`: the one Route 53 zone of a domain name, public or private.

use serde_json::{Value, json};

use super::ask::Ask;
use crate::aws::call::{ROUTE_53, encoded};
use crate::aws::xml;
use crate::error::Result;

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    let domain = ask.need("domainName")?;
    // sorted by name from the asked one on: its zones are on the first page
    let path = format!("/2013-04-01/hostedzonesbyname?dnsname={}", encoded(domain));
    let answer = ROUTE_53.get(&ask.session, "ListHostedZonesByName", &ask.doing, path).await?;
    let mut zones = candidates(xml::list(&answer, "HostedZones"), domain, ask.flag("privateZone"));
    if let Some(vpc) = ask.text("vpcId") {
        let mut of_vpc = Vec::new();
        for zone in zones {
            if belongs_to(ask, &zone, vpc).await? {
                of_vpc.push(zone);
            }
        }
        zones = of_vpc;
    }
    if let [zone] = zones.as_slice() {
        return Ok(json!({ "Id": xml::text(zone, "Id"), "Name": xml::text(zone, "Name") }));
    }
    let shown: Vec<Value> =
        zones.iter().map(|z| json!({ "Id": xml::text(z, "Id"), "Name": xml::text(z, "Name") })).collect();
    let words = format!("Found zones: {} for {}, but wanted exactly 1 zone", Value::from(shown), ask.criteria());
    Err(if zones.is_empty() { ask.not_found(words) } else { ask.ambiguous(words) })
}

fn candidates(zones: &[Value], domain: &str, private: bool) -> Vec<Value> {
    let name = if domain.ends_with('.') { domain.to_owned() } else { format!("{domain}.") };
    let is_private = |zone: &Value| zone.pointer("/Config/PrivateZone").and_then(Value::as_str) == Some("true");
    zones.iter().filter(|z| xml::text(z, "Name") == Some(name.as_str()) && is_private(z) == private).cloned().collect()
}

async fn belongs_to(ask: &Ask, zone: &Value, vpc: &str) -> Result<bool> {
    let id = xml::text(zone, "Id").unwrap_or_default();
    let path = format!("/2013-04-01/hostedzone/{}", encoded(id.trim_start_matches("/hostedzone/")));
    let answer = ROUTE_53.get(&ask.session, "GetHostedZone", &ask.doing, path).await?;
    Ok(xml::list(&answer, "VPCs").iter().any(|v| xml::text(v, "VPCId") == Some(vpc)))
}

#[cfg(test)]
mod tests {
    use super::super::ask::sample;
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    const ZONES: &str = r#"<?xml version="1.0"?>
<ListHostedZonesByNameResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZones>
<HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name><CallerReference>r</CallerReference><Config><PrivateZone>false</PrivateZone></Config><ResourceRecordSetCount>2</ResourceRecordSetCount></HostedZone>
<HostedZone><Id>/hostedzone/Z2</Id><Name>example.com.</Name><CallerReference>r</CallerReference><Config><PrivateZone>true</PrivateZone></Config></HostedZone>
<HostedZone><Id>/hostedzone/Z3</Id><Name>example.com.</Name><CallerReference>r</CallerReference><Config><PrivateZone>true</PrivateZone></Config></HostedZone>
<HostedZone><Id>/hostedzone/Z4</Id><Name>example.net.</Name><CallerReference>r</CallerReference></HostedZone>
</HostedZones><DNSName>example.com</DNSName><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesByNameResponse>"#;

    fn zone(id: &str, vpc: &str) -> (u16, String) {
        reply(
            200,
            &format!(
                "<GetHostedZoneResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><HostedZone><Id>/hostedzone/{id}</Id></HostedZone>\
                 <VPCs><VPC><VPCRegion>eu-west-1</VPCRegion><VPCId>{vpc}</VPCId></VPC></VPCs></GetHostedZoneResponse>"
            ),
        )
    }

    #[tokio::test]
    async fn public_and_private_zones_are_told_apart() {
        let fake = Fake::start([
            reply(200, ZONES),
            reply(200, ZONES),
            reply(200, ZONES),
            zone("Z2", "vpc-2"),
            zone("Z3", "vpc-3"),
        ])
        .await;
        let ask = |props| sample(fake.session(), props);
        let public = look_up(&ask(json!({"domainName": "example.com"}))).await.unwrap();
        assert_eq!(public, json!({"Id": "/hostedzone/Z1", "Name": "example.com."}));
        let private = look_up(&ask(json!({"domainName": "example.com.", "privateZone": true}))).await.unwrap_err();
        assert_eq!(private.code(), "lookup.ambiguous");
        let of_vpc = json!({"domainName": "example.com", "privateZone": true, "vpcId": "vpc-3"});
        assert_eq!(look_up(&ask(of_vpc)).await.unwrap(), json!({"Id": "/hostedzone/Z3", "Name": "example.com."}));
        let asked = fake.asked();
        assert_eq!(
            (asked[0].as_str(), asked[4].as_str()),
            ("GET /2013-04-01/hostedzonesbyname?dnsname=example.com ", "GET /2013-04-01/hostedzone/Z3 ")
        );
    }

    #[tokio::test]
    async fn no_zone_says_what_was_looked_for() {
        let fake = Fake::start([reply(200, ZONES)]).await;
        let error = look_up(&sample(fake.session(), json!({"domainName": "example.org"}))).await.unwrap_err();
        assert_eq!(error.code(), "lookup.not_found");
        assert_eq!(error.what(), r#"Found zones: [] for {"domainName":"example.org"}, but wanted exactly 1 zone"#);
    }
}
