//! Signature version 4 on each attempt of a call.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Signs at the last moment, so that an attempt made after a pause carries its own time.
#[derive(Debug)]
pub(super) struct Signer {
    pub identity: Identity,
    pub region: String,
    pub service: &'static str,
}

impl Intercept for Signer {
    fn name(&self) -> &'static str {
        "signature"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let now = components.time_source().map_or_else(SystemTime::now, |source| source.now());
        self.sign(context.request_mut(), now)
    }
}

impl Signer {
    fn sign(&self, request: &mut HttpRequest, now: SystemTime) -> Result<(), BoxError> {
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(self.service)
            .time(now)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let body = SignableBody::Bytes(request.body().bytes().unwrap_or_default());
        let signable = SignableRequest::new(request.method(), request.uri(), request.headers().iter(), body)?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        let (headers, _) = instructions.into_parts();
        for header in headers {
            request.headers_mut().try_insert(header.name(), header.value().to_owned())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_credential_types::Credentials;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    /// 2015-08-30T12:36:00Z, the hour of AWS's published examples.
    const THEN: Duration = Duration::from_secs(1_440_938_160);

    fn signer() -> Signer {
        let identity =
            Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None, None, "test").into();
        Signer { identity, region: "us-east-1".into(), service: "service" }
    }

    fn signature(mut request: HttpRequest) -> String {
        signer().sign(&mut request, SystemTime::UNIX_EPOCH + THEN).unwrap();
        assert_eq!(request.headers().get("x-amz-date"), Some("20150830T123600Z"));
        request.headers().get("authorization").unwrap().to_owned()
    }

    #[test]
    fn awss_own_examples_get_awss_signatures() {
        let get = HttpRequest::get("https://example.amazonaws.com/?Param2=value2&Param1=value1").unwrap();
        assert_eq!(
            signature(get),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, \
             Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
        let mut post = HttpRequest::new(SdkBody::empty());
        post.set_method("POST").unwrap();
        post.set_uri("https://example.amazonaws.com/").unwrap();
        let expected = "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        assert!(signature(post).ends_with(expected));
    }
}
