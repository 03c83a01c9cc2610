//! The table of REST operations: which path means what, and which permission it needs.

use std::collections::BTreeMap;

use super::state::State;
use super::wire::{Outcome, Request, decode};
use super::{checks, comments, deployments, people, pulls, repos, statuses};

/// A permission and its level: any one of a route's needs is enough, none is needed where there is none.
pub type Need = (&'static str, &'static str);

pub struct Route {
    pub method: &'static str,
    pub template: &'static str,
    pub needs: &'static [Need],
    pub serve: fn(&mut State, &Request) -> Outcome,
}

const fn route(
    method: &'static str,
    template: &'static str,
    needs: &'static [Need],
    serve: fn(&mut State, &Request) -> Outcome,
) -> Route {
    Route { method, template, needs, serve }
}

const METADATA: &[Need] = &[("metadata", "read")];
const CONTENTS: &[Need] = &[("contents", "read")];
const MERGE: &[Need] = &[("contents", "write")];
const PULLS: &[Need] = &[("pull_requests", "read")];
const PULLS_WRITE: &[Need] = &[("pull_requests", "write")];
const PULLS_OF: &[Need] = &[("pull_requests", "read"), ("contents", "read")];
const TALK: &[Need] = &[("issues", "read"), ("pull_requests", "read")];
const TALK_WRITE: &[Need] = &[("issues", "write"), ("pull_requests", "write")];
const CHECKS: &[Need] = &[("checks", "read")];
const CHECKS_WRITE: &[Need] = &[("checks", "write")];
const STATUSES: &[Need] = &[("statuses", "read")];
const STATUSES_WRITE: &[Need] = &[("statuses", "write")];
const DEPLOYMENTS: &[Need] = &[("deployments", "read")];
const DEPLOYMENTS_WRITE: &[Need] = &[("deployments", "write")];
const MEMBERS: &[Need] = &[("members", "read")];

/// What comes first is tried first: `{ref}`, `{path}`, `{branch}` and `{basehead}` take slashes too.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    route("GET", "/app", &[], people::app),
    route("GET", "/app/installations", &[], people::installations),
    route("GET", "/app/installations/{installation_id}", &[], people::installation_by_id),
    route("POST", "/app/installations/{installation_id}/access_tokens", &[], people::mint),
    route("GET", "/installation/repositories", METADATA, people::repositories),
    route("GET", "/orgs/{org}/teams/{team_slug}/memberships/{username}", MEMBERS, people::membership),
    route("GET", "/rate_limit", &[], people::rate_limit),
    route("GET", "/user", &[], people::user),
    route("GET", "/users/{username}", &[], people::user_by_name),
    route("GET", "/repos/{owner}/{repo}", METADATA, repos::get),
    route("GET", "/repos/{owner}/{repo}/branches", CONTENTS, repos::branches),
    route("GET", "/repos/{owner}/{repo}/branches/{branch}", CONTENTS, repos::branch),
    route("POST", "/repos/{owner}/{repo}/check-runs", CHECKS_WRITE, checks::create),
    route("GET", "/repos/{owner}/{repo}/check-runs/{check_run_id}", CHECKS, checks::get),
    route("PATCH", "/repos/{owner}/{repo}/check-runs/{check_run_id}", CHECKS_WRITE, checks::update),
    route("GET", "/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations", CHECKS, checks::annotations),
    route("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", METADATA, people::permission),
    route("GET", "/repos/{owner}/{repo}/commits/{commit_sha}/pulls", PULLS_OF, pulls::of_commit),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs", CHECKS, checks::of_ref),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}/status", STATUSES, statuses::combined),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}/statuses", STATUSES, statuses::of_ref),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}", CONTENTS, repos::commit),
    route("GET", "/repos/{owner}/{repo}/compare/{basehead}", CONTENTS, repos::compare),
    route("GET", "/repos/{owner}/{repo}/contents/{path}", CONTENTS, repos::contents),
    route("GET", "/repos/{owner}/{repo}/deployments", DEPLOYMENTS, deployments::list),
    route("POST", "/repos/{owner}/{repo}/deployments", DEPLOYMENTS_WRITE, deployments::create),
    route("GET", "/repos/{owner}/{repo}/deployments/{deployment_id}", DEPLOYMENTS, deployments::get),
    route("DELETE", "/repos/{owner}/{repo}/deployments/{deployment_id}", DEPLOYMENTS_WRITE, deployments::delete),
    route("GET", "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses", DEPLOYMENTS, deployments::statuses),
    route("POST", "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses", DEPLOYMENTS_WRITE, deployments::set),
    route("GET", "/repos/{owner}/{repo}/git/ref/{ref}", CONTENTS, repos::git_ref),
    route("GET", "/repos/{owner}/{repo}/installation", &[], people::installation),
    route("GET", "/repos/{owner}/{repo}/issues/comments/{comment_id}", TALK, comments::get),
    route("PATCH", "/repos/{owner}/{repo}/issues/comments/{comment_id}", TALK_WRITE, comments::update),
    route("DELETE", "/repos/{owner}/{repo}/issues/comments/{comment_id}", TALK_WRITE, comments::delete),
    route("GET", "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", TALK, comments::reactions),
    route("POST", "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions", TALK_WRITE, comments::react),
    route("DELETE", "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}", TALK_WRITE, comments::unreact),
    route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/comments", TALK, comments::list),
    route("POST", "/repos/{owner}/{repo}/issues/{issue_number}/comments", TALK_WRITE, comments::create),
    route("GET", "/repos/{owner}/{repo}/pulls", PULLS, pulls::list),
    route("POST", "/repos/{owner}/{repo}/pulls", PULLS_WRITE, pulls::create),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}", PULLS, pulls::get),
    route("PATCH", "/repos/{owner}/{repo}/pulls/{pull_number}", PULLS_WRITE, pulls::update),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/commits", PULLS, pulls::commits),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/files", PULLS, pulls::files),
    route("PUT", "/repos/{owner}/{repo}/pulls/{pull_number}/merge", MERGE, pulls::merge),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews", PULLS, pulls::reviews),
    route("POST", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews", PULLS_WRITE, pulls::review),
    route("POST", "/repos/{owner}/{repo}/statuses/{sha}", STATUSES_WRITE, statuses::create),
];

/// The route of a request, and the parameters in its path.
pub fn find(method: &str, path: &str) -> Option<(&'static Route, BTreeMap<String, String>)> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    ROUTES.iter().filter(|route| route.method == method).find_map(|route| {
        let names: Vec<&str> = route.template.trim_matches('/').split('/').collect();
        let mut params = BTreeMap::new();
        fits(&names, &segments, &mut params).then_some((route, params))
    })
}

fn fits(names: &[&str], segments: &[&str], params: &mut BTreeMap<String, String>) -> bool {
    let (Some(name), rest) = (names.first(), names.get(1..).unwrap_or_default()) else { return segments.is_empty() };
    let Some(param) = name.strip_prefix('{').and_then(|n| n.strip_suffix('}')) else {
        return segments.first() == Some(name) && fits(rest, &segments[1..], params);
    };
    let most = if matches!(param, "ref" | "path" | "branch" | "basehead") { segments.len() } else { 1 };
    for n in (1..=most.min(segments.len())).rev() {
        if segments[..n].iter().all(|s| !s.is_empty()) && fits(rest, &segments[n..], params) {
            params.insert(param.to_owned(), decode(&segments[..n].join("/")));
            return true;
        }
    }
    false
}
