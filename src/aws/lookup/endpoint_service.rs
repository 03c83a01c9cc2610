//! `endpoint-service-availability-zones`: the zones in which an endpoint service is offered.

use serde_json::Value;

use super::ask::Ask;
use crate::aws::call::Params;
use crate::aws::xml;
use crate::error::Result;

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    let mut params = Params::default();
    params.list("ServiceName", [ask.need("serviceName")?]);
    let services = ask.ec2("DescribeVpcEndpointServices", params, "serviceDetailSet").await?;
    // a service that is not told of has no zones; the toolkit makes no error of it
    Ok(services.first().map(|s| xml::list(s, "availabilityZoneSet").to_vec()).unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::ask::sample;
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    #[tokio::test]
    async fn the_zones_of_the_first_service_count() {
        let answer = "<DescribeVpcEndpointServicesResponse><serviceNameSet><item>s</item></serviceNameSet><serviceDetailSet><item>\
            <serviceName>s</serviceName><availabilityZoneSet><item>eu-west-1a</item><item>eu-west-1b</item></availabilityZoneSet>\
            </item></serviceDetailSet></DescribeVpcEndpointServicesResponse>";
        let none = "<DescribeVpcEndpointServicesResponse><serviceNameSet/><serviceDetailSet/></DescribeVpcEndpointServicesResponse>";
        let fake = Fake::start([reply(200, answer), reply(200, none)]).await;
        let ask = sample(fake.session(), json!({"serviceName": "s"}));
        assert_eq!(look_up(&ask).await.unwrap(), json!(["eu-west-1a", "eu-west-1b"]));
        assert_eq!(look_up(&ask).await.unwrap(), json!([]));
    }
}
