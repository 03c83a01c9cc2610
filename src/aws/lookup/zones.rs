//! `availability-zones`: the names of the zones that are available.

use serde_json::Value;

use super::ask::{Ask, field};
use crate::aws::call::Params;
use crate::aws::xml;
use crate::error::Result;

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    let zones = ask.ec2("DescribeAvailabilityZones", Params::default(), "availabilityZoneInfo").await?;
    Ok(zones
        .iter()
        .filter(|z| xml::text(z, "zoneState") == Some("available"))
        .filter_map(|z| field(z, "zoneName"))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::ask::sample;
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    #[tokio::test]
    async fn zones_that_are_not_available_are_left_out() {
        let answer = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeAvailabilityZonesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>8f7724cf-496f-496e-8fe3-example</requestId>
    <availabilityZoneInfo>
        <item><zoneName>eu-west-1a</zoneName><zoneState>available</zoneState><regionName>eu-west-1</regionName><messageSet/></item>
        <item><zoneName>eu-west-1b</zoneName><zoneState>impaired</zoneState><regionName>eu-west-1</regionName><messageSet/></item>
        <item><zoneName>eu-west-1c</zoneName><zoneState>available</zoneState><regionName>eu-west-1</regionName><messageSet/></item>
    </availabilityZoneInfo>
</DescribeAvailabilityZonesResponse>"#;
        let fake = Fake::start([reply(200, answer)]).await;
        assert_eq!(look_up(&sample(fake.session(), json!({}))).await.unwrap(), json!(["eu-west-1a", "eu-west-1c"]));
        assert_eq!(fake.asked(), ["POST / Action=DescribeAvailabilityZones&Version=2016-11-15"]);
    }
}
