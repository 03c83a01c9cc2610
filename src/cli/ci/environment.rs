//! What GitHub Actions tells a step by environment variables: the event, the repository, the run, tokens and files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::duration;
use crate::error::{Error, Result};
use crate::forge::RepoName;
use crate::github::Auth;
use crate::names::Digest;

/// Reads a variable; an empty one is none.
pub type Get<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

const DOING: &str = "reading the job's environment";

/// How long a stage that somebody else works on is waited for, where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Where the step's results go; each is there in Actions, and may be missing elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Files {
    pub output: Option<PathBuf>,
    pub summary: Option<PathBuf>,
    pub temp: Option<PathBuf>,
}

impl Files {
    pub fn read(get: Get<'_>) -> Files {
        let path = |name| get(name).map(PathBuf::from);
        Files { output: path("GITHUB_OUTPUT"), summary: path("GITHUB_STEP_SUMMARY"), temp: path("RUNNER_TEMP") }
    }

    /// Keeps the whole text as a file for later steps. Nothing is written where there is no folder for it.
    pub fn put_markdown(&self, text: &str) -> Result<Option<PathBuf>> {
        let Some(folder) = &self.temp else { return Ok(None) };
        let file = folder.join(format!("offshoot-{}.md", &Digest::of(text).as_str()[..16]));
        std::fs::write(&file, text).map_err(|e| Error::io("writing the Markdown of the run", &file, e))?;
        Ok(Some(file))
    }
}

/// Where a token for AWS comes from.
#[derive(Clone)]
pub struct IdTokenSource {
    pub url: String,
    pub bearer: String,
}

/// Whether the environment holds credentials for AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsCredentials {
    InEnvironment,
    None,
}

/// What the job is told, checked.
pub struct Environment {
    pub event_name: String,
    pub event_file: PathBuf,
    pub repo: RepoName,
    /// `refs/heads/main`.
    pub git_ref: Option<String>,
    pub actor: Option<String>,
    pub api_url: String,
    pub auth: Auth,
    pub id_token: Option<IdTokenSource>,
    pub aws: AwsCredentials,
    pub patience: Duration,
    server_url: String,
    run: Option<String>,
    attempt: Option<String>,
}

impl Environment {
    /// Errors: a variable is missing (`ci.not_in_actions`), there is no token (`ci.no_token`), or a value is of no use.
    pub fn read(get: Get<'_>) -> Result<Environment> {
        let event_name = needed(get, "GITHUB_EVENT_NAME")?;
        let event_file = PathBuf::from(needed(get, "GITHUB_EVENT_PATH")?);
        let repository = needed(get, "GITHUB_REPOSITORY")?;
        let repo = RepoName::parse(&repository).ok_or_else(|| {
            Error::usage("ci.bad_variable", DOING, format!("GITHUB_REPOSITORY is {repository:?}, not owner/name"))
                .next("leave the variable as GitHub Actions sets it")
        })?;
        let url = |name, fallback: &str| {
            let url = get(name).unwrap_or_else(|| fallback.to_owned());
            let url = url.trim_end_matches('/').to_owned();
            if url.starts_with("https://") || url.starts_with("http://") {
                return Ok(url);
            }
            Err(Error::usage("ci.bad_variable", DOING, format!("{name} is {url:?}, which is no address"))
                .next("leave the variable as GitHub Actions sets it"))
        };
        Ok(Environment {
            event_name,
            event_file,
            repo,
            git_ref: get("GITHUB_REF"),
            actor: get("GITHUB_ACTOR"),
            api_url: url("GITHUB_API_URL", "https://api.github.com")?,
            server_url: url("GITHUB_SERVER_URL", "https://github.com")?,
            auth: auth(get)?,
            id_token: id_token(get),
            aws: aws(get),
            patience: patience(get)?,
            run: get("GITHUB_RUN_ID").filter(|id| digits(id)),
            attempt: get("GITHUB_RUN_ATTEMPT").filter(|n| digits(n)),
        })
    }

    /// What git fetches from.
    pub fn address(&self) -> String {
        format!("{}/{}.git", self.server_url, self.repo)
    }

    /// The page of this very run.
    pub fn run_url(&self) -> Option<String> {
        let run = self.run.as_ref()?;
        let attempt = self.attempt.as_ref().map(|n| format!("/attempts/{n}")).unwrap_or_default();
        Some(format!("{}/{}/actions/runs/{run}{attempt}", self.server_url, self.repo))
    }

    /// As CloudTrail names what this job does.
    pub fn session_name(&self) -> String {
        format!("offshoot-{}", self.run.as_deref().unwrap_or("ci"))
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn needed(get: Get<'_>, name: &str) -> Result<String> {
    get(name).ok_or_else(|| {
        Error::usage("ci.not_in_actions", DOING, format!("{name} is not set"))
            .next("this command runs as a step of GitHub Actions; on your own machine use `offshoot plan` and `offshoot deploy`")
    })
}

/// An App where one is given, else the token of the input or of the environment.
fn auth(get: Get<'_>) -> Result<Auth> {
    match (get("OFFSHOOT_APP_ID"), get("OFFSHOOT_APP_KEY")) {
        // a key on one line is how some people keep it as a secret
        (Some(id), Some(key)) => return Ok(Auth::App { id: id.trim().to_owned(), key_pem: key.replace("\\n", "\n") }),
        (None, None) => {}
        (id, _) => {
            let (there, missing) = if id.is_some() {
                ("OFFSHOOT_APP_ID", "OFFSHOOT_APP_KEY")
            } else {
                ("OFFSHOOT_APP_KEY", "OFFSHOOT_APP_ID")
            };
            return Err(Error::usage("ci.half_app", DOING, format!("{there} is set and {missing} is not"))
                .next("set both, or neither to use the job's token; secrets are empty for pull requests from forks"));
        }
    }
    ["OFFSHOOT_INPUT_GITHUB_TOKEN", "INPUT_GITHUB-TOKEN", "GITHUB_TOKEN"]
        .iter()
        .find_map(|name| get(name))
        .map(|token| Auth::Token(token.trim().to_owned()))
        .ok_or_else(|| {
            Error::usage("ci.no_token", DOING, "there is no token for GitHub")
                .next("pass `github-token: ${{ github.token }}` to the action, or set GITHUB_TOKEN for the step")
        })
}

fn id_token(get: Get<'_>) -> Option<IdTokenSource> {
    let url = get("ACTIONS_ID_TOKEN_REQUEST_URL")?;
    let bearer = get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?;
    Some(IdTokenSource { url, bearer })
}

fn aws(get: Get<'_>) -> AwsCredentials {
    let names = [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    if names.iter().any(|name| get(name).is_some()) { AwsCredentials::InEnvironment } else { AwsCredentials::None }
}

fn patience(get: Get<'_>) -> Result<Duration> {
    let Some(text) = get("OFFSHOOT_LOCK_WAIT") else { return Ok(PATIENCE) };
    duration::parse(&text).map(Duration::from_secs).map_err(|what| {
        Error::usage("ci.bad_variable", "reading OFFSHOOT_LOCK_WAIT", what).next("write it like 10m or 90s")
    })
}

/// A path in the repository: relative, and not out of it.
pub fn inside(name: &str, text: &str) -> Result<Option<PathBuf>> {
    use std::path::Component;
    let text = text.trim();
    let path: PathBuf = Path::new(text).components().filter(|c| *c != Component::CurDir).collect();
    if path.components().all(|c| matches!(c, Component::Normal(_))) {
        return Ok(Some(path).filter(|p| !p.as_os_str().is_empty()));
    }
    Err(Error::usage(
        "ci.bad_input",
        format!("reading the input `{name}`"),
        format!("{text:?} leads out of the repository"),
    )
    .next("write a path that begins at the repository's root, such as apps/notes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &[(&str, &str)] = &[
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_EVENT_PATH", "/tmp/event.json"),
        ("GITHUB_REPOSITORY", "acme/notes"),
        ("GITHUB_TOKEN", "ghs_1"),
        ("GITHUB_RUN_ID", "77"),
    ];

    fn read(more: &[(&str, &str)], without: &str) -> Result<Environment> {
        let all = [JOB, more].concat();
        let get =
            |name: &str| all.iter().rev().find(|(n, _)| *n == name && *n != without).map(|(_, v)| (*v).to_owned());
        Environment::read(&get)
    }

    fn said(result: Result<Environment>) -> String {
        let error = result.err().expect("an error");
        format!("{} {error} → {}", error.code(), error.next_step().unwrap_or_default())
    }

    #[test]
    fn a_job_is_understood() {
        let job = read(&[("GITHUB_RUN_ATTEMPT", "2")], "").expect("a job");
        assert_eq!(job.address(), "https://github.com/acme/notes.git");
        assert_eq!(job.run_url().as_deref(), Some("https://github.com/acme/notes/actions/runs/77/attempts/2"));
        assert_eq!(job.session_name(), "offshoot-77");
        assert_eq!(job.patience, Duration::from_secs(600));
        assert!(matches!(job.auth, Auth::Token(token) if token == "ghs_1"));
    }

    #[test]
    fn an_enterprise_server_and_an_app_are_understood() {
        let job = read(
            &[
                ("GITHUB_SERVER_URL", "https://ghe.example.com/"),
                ("GITHUB_API_URL", "https://ghe.example.com/api/v3"),
                ("OFFSHOOT_APP_ID", "12"),
                ("OFFSHOOT_APP_KEY", "pem"),
                ("OFFSHOOT_LOCK_WAIT", "90s"),
            ],
            "",
        )
        .expect("a job");
        assert_eq!(job.address(), "https://ghe.example.com/acme/notes.git");
        assert_eq!(job.api_url, "https://ghe.example.com/api/v3");
        assert!(matches!(job.auth, Auth::App { .. }));
        assert_eq!(job.patience, Duration::from_secs(90));
    }

    #[test]
    fn what_is_missing_is_named() {
        insta::assert_snapshot!([
            said(read(&[], "GITHUB_EVENT_NAME")),
            said(read(&[], "GITHUB_EVENT_PATH")),
            said(read(&[], "GITHUB_TOKEN")),
            said(read(&[("GITHUB_REPOSITORY", "notes")], "")),
            said(read(&[("GITHUB_API_URL", "ghe.example.com")], "")),
            said(read(&[("OFFSHOOT_APP_ID", "1")], "")),
            said(read(&[("OFFSHOOT_LOCK_WAIT", "10")], "")),
        ]
        .join("\n"), @r#"
        ci.not_in_actions reading the job's environment: GITHUB_EVENT_NAME is not set → this command runs as a step of GitHub Actions; on your own machine use `offshoot plan` and `offshoot deploy`
        ci.not_in_actions reading the job's environment: GITHUB_EVENT_PATH is not set → this command runs as a step of GitHub Actions; on your own machine use `offshoot plan` and `offshoot deploy`
        ci.no_token reading the job's environment: there is no token for GitHub → pass `github-token: ${{ github.token }}` to the action, or set GITHUB_TOKEN for the step
        ci.bad_variable reading the job's environment: GITHUB_REPOSITORY is "notes", not owner/name → leave the variable as GitHub Actions sets it
        ci.bad_variable reading the job's environment: GITHUB_API_URL is "ghe.example.com", which is no address → leave the variable as GitHub Actions sets it
        ci.half_app reading the job's environment: OFFSHOOT_APP_ID is set and OFFSHOOT_APP_KEY is not → set both, or neither to use the job's token; secrets are empty for pull requests from forks
        ci.bad_variable reading OFFSHOOT_LOCK_WAIT: `10` has no unit → write it like 10m or 90s
        "#);
    }

    #[test]
    fn paths_stay_in_the_repository() {
        assert_eq!(inside("config", "./apps/notes/").expect("a path"), Some(PathBuf::from("apps/notes")));
        assert_eq!(inside("working-directory", ".").expect("the root"), None);
        for outside in ["../other", "/etc/passwd", "apps/../../x"] {
            assert_eq!(inside("config", outside).expect_err("outside").code(), "ci.bad_input");
        }
    }
}
