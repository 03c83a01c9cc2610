//! How accounts, repositories and apps look in GitHub's JSON.

use serde_json::{Map, Value, json};

use super::state::{App, Kind, Repo, State};

/// Fields of a repository that are addresses below its own in the API.
const REPO_URLS: &[(&str, &str)] = &[
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

/// What never changes about a repository here.
fn constants() -> Value {
    json!({
        "description": null, "homepage": null, "language": null, "license": null, "mirror_url": null,
        "forks_count": 0, "stargazers_count": 0, "watchers_count": 0, "size": 1, "open_issues_count": 0,
        "forks": 0, "open_issues": 0, "watchers": 0, "topics": [], "visibility": "private", "is_template": false,
        "has_issues": true, "has_projects": false, "has_wiki": false, "has_pages": false, "has_discussions": false,
        "has_downloads": false, "archived": false, "disabled": false, "allow_forking": true,
        "web_commit_signoff_required": false,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "pushed_at": "2026-01-01T00:00:00Z",
    })
}

/// An opaque id, as those of GraphQL.
pub fn node(kind: &str, id: u64) -> String {
    format!("{kind}_kwDO{id:x}")
}

impl State {
    pub fn show_user(&self, login: &str) -> Value {
        let Some(account) = self.find_account(login) else { return Value::Null };
        let (api, server) = (self.api(), &self.endpoint);
        let name = account.login.replace('[', "%5B").replace(']', "%5D");
        let url = format!("{api}/users/{name}");
        let (kind, page) = match account.kind {
            Kind::User => ("User", name.clone()),
            Kind::Organization => ("Organization", name.clone()),
            Kind::Bot => ("Bot", format!("apps/{}", account.login.trim_end_matches("[bot]"))),
        };
        json!({
            "login": account.login,
            "id": account.id,
            "node_id": node("U", account.id),
            "avatar_url": format!("{server}/avatars/u/{}", account.id),
            "gravatar_id": "",
            "url": url,
            "html_url": format!("{server}/{page}"),
            "followers_url": format!("{url}/followers"),
            "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"),
            "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{url}/subscriptions"),
            "organizations_url": format!("{url}/orgs"),
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events{{/privacy}}"),
            "received_events_url": format!("{url}/received_events"),
            "type": kind,
            "user_view_type": "public",
            "site_admin": false,
        })
    }

    /// With the fields of a profile.
    pub fn show_profile(&self, login: &str) -> Value {
        let mut user = self.show_user(login);
        let more = json!({
            "name": null, "company": null, "blog": null, "location": null, "email": null, "hireable": null, "bio": null,
            "public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        });
        join(&mut user, more);
        user
    }

    pub fn repo_url(&self, repo: &Repo) -> String {
        format!("{}/repos/{}", self.api(), repo.full())
    }

    pub fn page_url(&self, repo: &Repo) -> String {
        format!("{}/{}", self.endpoint, repo.full())
    }

    /// A repository, as small as in lists and pull requests.
    pub fn show_repo(&self, repo: &Repo) -> Value {
        let (url, page) = (self.repo_url(repo), self.page_url(repo));
        let mut shown = json!({
            "id": repo.id,
            "node_id": node("R", repo.id),
            "name": repo.name,
            "full_name": repo.full(),
            "private": repo.private,
            "owner": self.show_user(&repo.owner),
            "html_url": page,
            "fork": repo.fork_of.is_some(),
            "url": url,
            "git_url": format!("{}.git", page.replacen("http:", "git:", 1)),
            "ssh_url": format!("git@127.0.0.1:{}.git", repo.full()),
            "clone_url": format!("{page}.git"),
            "svn_url": page,
            "default_branch": super::git::default_branch(&repo.path),
        });
        let urls: Map<String, Value> =
            REPO_URLS.iter().map(|(k, v)| ((*k).to_owned(), json!(format!("{url}{v}")))).collect();
        join(&mut shown, Value::Object(urls));
        join(&mut shown, constants());
        if !repo.private {
            shown["visibility"] = json!("public");
        }
        shown
    }

    /// With what only the repository's own page tells.
    pub fn show_whole_repo(&self, repo: &Repo, login: &str) -> Value {
        let mut shown = self.show_repo(repo);
        let (permission, role) = self.role(repo, login);
        let is = |wanted: &[&str]| wanted.contains(&permission.as_str()) || wanted.contains(&role.as_str());
        let more = json!({
            "subscribers_count": 0, "network_count": 0, "temp_clone_token": null,
            "permissions": {
                "admin": is(&["admin"]), "maintain": is(&["admin", "maintain"]), "push": is(&["admin", "write"]),
                "triage": is(&["admin", "write", "triage"]), "pull": permission != "none",
            },
            "allow_squash_merge": true, "allow_merge_commit": true, "allow_rebase_merge": true,
            "delete_branch_on_merge": false, "allow_auto_merge": false, "allow_update_branch": false,
        });
        join(&mut shown, more);
        if let Some(parent) = repo.fork_of.and_then(|id| self.repo_by_id(id)) {
            shown["parent"] = self.show_repo(parent);
            shown["source"] = self.show_repo(parent);
        }
        shown
    }

    pub fn show_app(&self, slug: &str) -> Value {
        let Some(app) = self.app_named(slug) else { return Value::Null };
        self.app_json(app)
    }

    pub fn app_json(&self, app: &App) -> Value {
        json!({
            "id": app.id,
            "client_id": app.client_id,
            "slug": app.slug,
            "node_id": node("A", app.id),
            "owner": self.show_user(&app.owner),
            "name": app.slug,
            "description": "",
            "external_url": format!("{}/apps/{}", self.endpoint, app.slug),
            "html_url": format!("{}/apps/{}", self.endpoint, app.slug),
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
            "permissions": app.permissions,
            "events": ["push", "pull_request"],
        })
    }
}

/// Adds the fields of one object to another.
pub fn join(to: &mut Value, more: Value) {
    if let (Some(to), Value::Object(more)) = (to.as_object_mut(), more) {
        to.extend(more);
    }
}
