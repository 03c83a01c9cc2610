//! Where a service answers in a region, and for which region its calls are signed.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::Service;

/// An address and the region to sign for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub url: String,
    pub signing_region: String,
}

/// As the SDKs decide it: `AWS_ENDPOINT_URL_<SERVICE>`, then `AWS_ENDPOINT_URL`, then AWS itself.
pub(super) fn of(config: &SdkConfig, service: Service, region: &str) -> Endpoint {
    let (host, signing_region) = host(service, region, config.use_fips().unwrap_or(false));
    let url = configured(config, service).unwrap_or_else(|| format!("https://{host}"));
    Endpoint { url, signing_region }
}

fn configured(config: &SdkConfig, service: Service) -> Option<String> {
    let general = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return general();
    }
    let key = ServiceConfigKey::builder()
        .service_id(service.id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config.service_config().and_then(|c| c.load_config(key)).or_else(general)
}

/// The part of a host name after the region, and the region that speaks for the partition's global services.
fn partition(region: &str) -> (&'static str, &'static str) {
    match region {
        r if r.starts_with("cn-") => ("amazonaws.com.cn", "cn-northwest-1"),
        r if r.starts_with("us-gov-") => ("amazonaws.com", "us-gov-west-1"),
        r if r.starts_with("us-iso-") => ("c2s.ic.gov", "us-iso-east-1"),
        r if r.starts_with("us-isob-") => ("sc2s.sgov.gov", "us-isob-east-1"),
        r if r.starts_with("eu-isoe-") => ("cloud.adc-e.uk", "eu-isoe-west-1"),
        r if r.starts_with("us-isof-") => ("csp.hci.ic.gov", "us-isof-south-1"),
        r if r.starts_with("eusc-") => ("amazonaws.eu", "eusc-de-east-1"),
        _ => ("amazonaws.com", "us-east-1"),
    }
}

fn host(service: Service, region: &str, fips: bool) -> (String, String) {
    let (suffix, global_region) = partition(region);
    let government = global_region == "us-gov-west-1";
    // the plain host names of GovCloud are FIPS ones already
    let name = if fips && !government { format!("{}-fips", service.name) } else { service.name.to_owned() };
    match (service.name, government) {
        ("route53", true) => (format!("{name}.us-gov.{suffix}"), global_region.to_owned()),
        ("route53", false) => (format!("{name}.{suffix}"), global_region.to_owned()),
        _ => (format!("{name}.{region}.{suffix}"), region.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use aws_types::service_config::LoadServiceConfig;

    use super::super::{EC2, LOAD_BALANCING, ROUTE_53};
    use super::*;

    #[test]
    fn every_partition_has_its_own_names() {
        let at = |service, region| host(service, region, false);
        assert_eq!(at(EC2.service, "eu-west-1"), ("ec2.eu-west-1.amazonaws.com".into(), "eu-west-1".into()));
        assert_eq!(at(EC2.service, "cn-north-1"), ("ec2.cn-north-1.amazonaws.com.cn".into(), "cn-north-1".into()));
        assert_eq!(at(ROUTE_53.service, "eu-west-1"), ("route53.amazonaws.com".into(), "us-east-1".into()));
        assert_eq!(at(ROUTE_53.service, "cn-north-1"), ("route53.amazonaws.com.cn".into(), "cn-northwest-1".into()));
        assert_eq!(
            at(ROUTE_53.service, "us-gov-east-1"),
            ("route53.us-gov.amazonaws.com".into(), "us-gov-west-1".into())
        );
        assert_eq!(host(EC2.service, "us-east-1", true).0, "ec2-fips.us-east-1.amazonaws.com");
    }

    #[derive(Debug)]
    struct Environment;
    impl LoadServiceConfig for Environment {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            (key.service_id() == "Elastic Load Balancing v2").then(|| format!("http://{}", key.env()))
        }
    }

    #[test]
    fn the_services_own_address_comes_before_the_general_one() {
        let general = SdkConfig::builder().service_config(Environment).endpoint_url("http://general").build();
        assert_eq!(of(&general, LOAD_BALANCING.service, "eu-west-1").url, "http://AWS_ENDPOINT_URL");
        assert_eq!(of(&general, EC2.service, "eu-west-1").url, "http://general");
        assert_eq!(of(&general, ROUTE_53.service, "eu-west-1").signing_region, "us-east-1");
        assert_eq!(
            of(&SdkConfig::builder().build(), EC2.service, "eu-west-1").url,
            "https://ec2.eu-west-1.amazonaws.com"
        );
    }
}
