//! A fake AWS for the tests of calls signed by hand: gives prepared answers and remembers what was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use tokio::sync::OnceCell;

use super::{Aws, Identity, Pace, Session};
use crate::names::{AccountId, Region};

#[derive(Clone, Default)]
struct Script {
    replies: Arc<Mutex<VecDeque<(u16, String)>>>,
    by_action: Arc<Vec<(String, String)>>,
    asked: Arc<Mutex<Vec<String>>>,
    unsigned: bool,
}

pub(super) struct Fake {
    base: SdkConfig,
    script: Script,
}

pub(super) fn reply(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

impl Fake {
    pub async fn start(replies: impl IntoIterator<Item = (u16, String)>) -> Fake {
        Fake::serve(Script { replies: Arc::new(Mutex::new(replies.into_iter().collect())), ..Script::default() }).await
    }

    /// For calls that are made before there are any credentials.
    pub async fn unsigned(replies: impl IntoIterator<Item = (u16, String)>) -> Fake {
        let replies = Arc::new(Mutex::new(replies.into_iter().collect()));
        Fake::serve(Script { replies, unsigned: true, ..Script::default() }).await
    }

    /// Answers by the action of the form, for calls that are made at once.
    pub async fn by_action(answers: impl IntoIterator<Item = (&'static str, String)>) -> Fake {
        let by_action = answers.into_iter().map(|(action, answer)| (format!("Action={action}&"), answer)).collect();
        Fake::serve(Script { by_action: Arc::new(by_action), ..Script::default() }).await
    }

    async fn serve(script: Script) -> Fake {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("token".into()), None, "test");
        let retry = RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(1));
        let base = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(SdkRegion::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(retry)
            .load()
            .await;
        Fake { base, script }
    }

    /// `METHOD /path body` of each request; every one of them was signed, or, where that was asked for, none.
    pub fn asked(&self) -> Vec<String> {
        self.script.asked.lock().unwrap().clone()
    }

    pub fn aws(&self) -> Aws {
        let identity = Identity {
            account: AccountId::new("111111111111"),
            arn: "arn:aws:iam::111111111111:user/test".into(),
            partition: "aws".into(),
        };
        let (base, region) = (self.base.clone(), Region::new("eu-west-1"));
        Aws {
            base,
            region,
            identity: OnceCell::new_with(Some(identity)),
            sessions: Default::default(),
            pace: Pace::default(),
        }
    }

    pub fn session(&self) -> Session {
        let aws = self.aws();
        aws.build(&AccountId::new("111111111111"), &aws.region, aws.base.clone(), None)
    }
}

async fn answer(State(script): State<Script>, request: Request) -> (StatusCode, String) {
    let (head, body) = request.into_parts();
    let authorization = head.headers.get("authorization").and_then(|h| h.to_str().ok()).unwrap_or_default();
    if script.unsigned {
        assert_eq!(authorization, "");
    } else {
        assert!(authorization.contains("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
        assert!(authorization.contains("x-amz-security-token"), "{authorization}");
    }
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let target = head.headers.get("x-amz-target").and_then(|h| h.to_str().ok()).unwrap_or_default();
    let asked = format!("{} {} {target}{}", head.method, head.uri, String::from_utf8_lossy(&body));
    script.asked.lock().unwrap().push(asked.clone());
    if let Some((_, answer)) = script.by_action.iter().find(|(action, _)| asked.contains(action)) {
        return (StatusCode::OK, answer.clone());
    }
    let reply = script.replies.lock().unwrap().pop_front();
    let (status, body) = reply.unwrap_or((599, "nothing was prepared".into()));
    (StatusCode::from_u16(status).unwrap(), body)
}
