//! STS: who is asking, and roles that switch the account.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::json;

use super::wire::{Outcome, Refusal, Reply, Request};
use super::{ACCOUNT, FakeAws, State};

/// Sessions that were handed out, and roles that nobody may assume.
#[derive(Default)]
pub struct Sts {
    /// Access key → (account, ARN of the assumed role).
    sessions: BTreeMap<String, (String, String)>,
    /// Texts in role ARNs.
    pub denied: Vec<String>,
}

impl Sts {
    /// Account and ARN behind an access key.
    pub fn who(&self, key: &str) -> (String, String) {
        if let Some(session) = self.sessions.get(key) {
            return session.clone();
        }
        let twelve = key.len() == 12 && key.bytes().all(|b| b.is_ascii_digit());
        let account = if twelve { key } else { ACCOUNT };
        (account.to_owned(), format!("arn:aws:iam::{account}:user/developer"))
    }
}

pub fn serve(state: &mut State, request: &Request) -> Outcome {
    match request.operation.as_str() {
        "GetCallerIdentity" => Ok(Reply::query(
            request,
            &json!({"Arn": request.identity, "UserId": "AIDAFAKE", "Account": request.account}),
        )),
        "AssumeRole" => assume(state, request),
        "AssumeRoleWithWebIdentity" => {
            well_formed(request)?;
            assume(state, request)
        }
        other => Err(Refusal::new(400, "InvalidAction", format!("Could not find operation {other}"))),
    }
}

/// A token of three parts, the middle one JSON with a subject and our audience; the call carries no signature.
fn well_formed(request: &Request) -> Result<(), Refusal> {
    let invalid = |why: &str| Refusal::new(400, "InvalidIdentityToken", why.to_owned());
    if request.header("authorization").is_some() {
        return Err(invalid("The call is signed"));
    }
    let token = request.form.get("WebIdentityToken").unwrap_or_default();
    let parts: Vec<&str> = token.split('.').collect();
    let [_, claims, _] = parts.as_slice() else { return Err(invalid("The ID Token provided is not a valid JWT")) };
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
    let claims: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if claims["aud"] != "sts.amazonaws.com" {
        return Err(invalid("Incorrect token audience"));
    }
    match claims["sub"].as_str() {
        Some(sub) if !sub.is_empty() => Ok(()),
        _ => Err(invalid("The ID Token provided has no subject")),
    }
}

fn assume(state: &mut State, request: &Request) -> Outcome {
    let role = request.form.get("RoleArn").unwrap_or_default().to_owned();
    let parts: Vec<&str> = role.splitn(6, ':').collect();
    let (Some(account), Some(name)) = (parts.get(4), parts.get(5).and_then(|p| p.strip_prefix("role/"))) else {
        return Err(Refusal::validation(format!("{role} is invalid")));
    };
    if state.sts.denied.iter().any(|text| role.contains(text)) {
        return Err(Refusal::new(
            403,
            "AccessDenied",
            format!(
                "User: {} is not authorized to perform: sts:{} on resource: {role}",
                request.identity, request.operation
            ),
        ));
    }
    let session = request.form.get("RoleSessionName").unwrap_or("session");
    let short = name.rsplit('/').next().unwrap_or(name);
    let arn = format!("arn:aws:sts::{account}:assumed-role/{short}/{session}");
    let key = format!("ASIAFAKE{:012}", state.id());
    state.sts.sessions.insert(key.clone(), ((*account).to_owned(), arn.clone()));
    Ok(Reply::query(
        request,
        &json!({
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": "secret",
                "SessionToken": "token",
                "Expiration": "2099-01-01T00:00:00Z",
            },
            "AssumedRoleUser": {"Arn": arn, "AssumedRoleId": format!("AROAFAKE:{session}")},
        }),
    ))
}

impl FakeAws {
    /// Nobody may assume roles whose ARN contains the text.
    pub fn deny_role(&self, text: &str) {
        self.state().sts.denied.push(text.to_owned());
    }

    pub fn allow_role(&self, text: &str) {
        self.state().sts.denied.retain(|denied| denied != text);
    }
}
