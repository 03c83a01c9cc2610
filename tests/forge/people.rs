//! People, teams, apps and their tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::state::{App, Kind, State, stamp};
use super::wire::{Outcome, Refusal, Reply, Request};

/// What a job of Actions must show to get its OIDC token.
pub const OIDC_BEARER: &str = "oidc-request-token";

pub fn user(state: &mut State, request: &Request) -> Outcome {
    match &request.token {
        None => Err(Refusal::new(401, "Requires authentication")),
        // an installation is nobody
        Some(token) if token.app.is_some() => Err(Refusal::new(403, "Resource not accessible by integration")),
        Some(token) => Ok(Reply::ok(state.show_profile(&token.login))),
    }
}

pub fn user_by_name(state: &mut State, request: &Request) -> Outcome {
    let login = request.param("username");
    state.find_account(login).ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(state.show_profile(login)))
}

pub fn rate_limit(state: &mut State, request: &Request) -> Outcome {
    let rate = state.rate(request).json();
    Ok(Reply::ok(json!({"resources": {"core": rate, "search": rate}, "rate": rate})))
}

pub fn permission(state: &mut State, request: &Request) -> Outcome {
    let repo = state.repo_of(request)?;
    let login = request.param("username");
    let account = state.find_account(login).ok_or_else(Refusal::not_found)?.clone();
    let (permission, role) = state.role(&repo, login);
    let mut user = state.show_user(&account.login);
    user["role_name"] = json!(role);
    let is = |wanted: &[&str]| wanted.contains(&permission.as_str()) || wanted.contains(&role.as_str());
    user["permissions"] = json!({
        "admin": is(&["admin"]), "maintain": is(&["admin", "maintain"]), "push": is(&["admin", "write"]),
        "triage": is(&["admin", "write", "triage"]), "pull": permission != "none",
    });
    Ok(Reply::ok(json!({"permission": permission, "role_name": role, "user": user})))
}

pub fn membership(state: &mut State, request: &Request) -> Outcome {
    let (org, slug, login) =
        (request.param("org"), request.param("team_slug"), request.param("username").to_lowercase());
    let team = state
        .teams
        .iter()
        .find(|t| t.org.eq_ignore_ascii_case(org) && t.slug == slug)
        .ok_or_else(Refusal::not_found)?;
    let member = team.members.contains(&login);
    if !member && !team.invited.contains(&login) {
        return Err(Refusal::not_found());
    }
    let url = format!("{}/organizations/1/team/1/memberships/{login}", state.api());
    let standing = if member { "active" } else { "pending" };
    Ok(Reply::ok(json!({"url": url, "role": "member", "state": standing})))
}

pub fn app(state: &mut State, request: &Request) -> Outcome {
    let app = state.app_of(request)?;
    Ok(Reply::ok(state.app_json(&app)))
}

pub fn installations(state: &mut State, request: &Request) -> Outcome {
    let app = state.app_of(request)?;
    Ok(Reply::list(vec![show(state, &app)]))
}

pub fn installation_by_id(state: &mut State, request: &Request) -> Outcome {
    let app = state.app_of(request)?;
    if request.number("installation_id") != app.installation {
        return Err(Refusal::not_found());
    }
    Ok(Reply::ok(show(state, &app)))
}

pub fn installation(state: &mut State, request: &Request) -> Outcome {
    let app = state.app_of(request)?;
    let repo = state.repo_of(request)?;
    if !repo.owner.eq_ignore_ascii_case(&app.owner) {
        return Err(Refusal::not_found());
    }
    Ok(Reply::ok(show(state, &app)))
}

fn show(state: &State, app: &App) -> Value {
    let api = state.api();
    let account = state.show_user(&app.owner);
    let organization = state.find_account(&app.owner).is_some_and(|account| account.kind == Kind::Organization);
    json!({
        "id": app.installation,
        "client_id": app.client_id,
        "target_id": account["id"],
        "account": account,
        "repository_selection": "all",
        "access_tokens_url": format!("{api}/app/installations/{}/access_tokens", app.installation),
        "repositories_url": format!("{api}/installation/repositories"),
        "html_url": format!("{}/organizations/{}/settings/installations/{}", state.endpoint, app.owner, app.installation),
        "app_id": app.id,
        "app_slug": app.slug,
        "target_type": if organization { "Organization" } else { "User" },
        "permissions": app.permissions,
        "events": ["push", "pull_request"],
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "single_file_name": null,
        "suspended_by": null,
        "suspended_at": null,
    })
}

pub fn mint(state: &mut State, request: &Request) -> Outcome {
    let app = state.app_of(request)?;
    if request.number("installation_id") != app.installation {
        return Err(Refusal::not_found());
    }
    let token = state.mint(&app, &request.json);
    Ok(Reply::created(json!({
        "token": token.secret,
        "expires_at": stamp(token.expires_s.unwrap_or_default()),
        "permissions": token.permissions,
        "repository_selection": if token.repos.is_some() { "selected" } else { "all" },
    })))
}

pub fn repositories(state: &mut State, request: &Request) -> Outcome {
    let Some(token) = request.token.as_ref().filter(|token| token.app.is_some()) else {
        return Err(Refusal::new(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        ));
    };
    let owner =
        token.app.as_ref().and_then(|slug| state.app_named(slug)).map(|app| app.owner.clone()).unwrap_or_default();
    let visible = |repo: &&super::state::Repo| {
        token.repos.as_ref().map_or_else(|| repo.owner == owner, |repos| repos.contains(&repo.id))
    };
    let shown = state.repos.iter().filter(visible).map(|repo| state.show_repo(repo)).collect();
    Ok(Reply::list_in("repositories", shown))
}

/// `ACTIONS_ID_TOKEN_REQUEST_URL`: a token that looks like GitHub's, signed by nobody.
pub fn oidc(state: &mut State, request: &Request) -> Reply {
    let bearer =
        request.header("authorization").split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    let given = bearer.is_some_and(|(_, token)| token == OIDC_BEARER);
    let mut call = super::Call::of(state, request, "/_oidc/token", "oidc/token");
    let fault = state.take_fault(&call);
    call.status = if given { 200 } else { 401 };
    if let Some(fault) = &fault {
        call.outcome = super::journal::Outcome::Faulted(format!("{fault:?}"));
        call.status = fault.refusal().status;
    }
    state.journal.push(call);
    if let Some(fault) = fault {
        return fault.refusal().into_reply();
    }
    if !given {
        return Refusal::new(401, "The token is not the one of the job").into_reply();
    }
    let now = State::real_ms() / 1000;
    let repo = state.repo_by_id(state.home).map(|repo| (repo.full(), repo.owner.clone())).unwrap_or_default();
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com",
        "aud": request.query("audience").map_or_else(|| format!("{}/{}", state.endpoint, repo.1), str::to_owned),
        "sub": state.oidc_subject,
        "repository": repo.0,
        "repository_owner": repo.1,
        "jti": format!("fake-{}", state.last_id),
        "iat": now, "nbf": now - 300, "exp": now + 300,
    });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "RS256", "typ": "JWT", "kid": "fake"}));
    let jwt = format!("{head}.{}.{}", part(claims), URL_SAFE_NO_PAD.encode("signed by nobody"));
    Reply::ok(json!({"count": jwt.len(), "value": jwt}))
}
