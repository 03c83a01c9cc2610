//! Git over smart HTTP: `git http-backend` behind the token's permissions.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::faults::Fault;
use super::journal::{Call, Outcome};
use super::server::{Handled, Shared, lock};
use super::state::{Repo, State};
use super::wire::{Content, Refusal, Reply, Request};

/// Settings of the served repositories, whatever the machine's git is set to.
const SETTINGS: &[(&str, &str)] = &[
    ("http.receivepack", "true"),
    ("uploadpack.allowFilter", "true"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    ("uploadpack.allowReachableSHA1InWant", "true"),
    ("safe.directory", "*"),
    ("gc.auto", "0"),
    ("receive.autogc", "false"),
];

/// What will be run.
struct Visit {
    path: PathBuf,
    rest: String,
    login: String,
}

pub async fn answer(state: &Shared, mut request: Request) -> Handled {
    let push = request.path.ends_with("/git-receive-pack") || request.query("service") == Some("git-receive-pack");
    let (call, fault, visit) = {
        let mut state = lock(state);
        state.sync();
        let token = state.identify(request.header("authorization"));
        let known = token.is_ok();
        request.token = token.unwrap_or_default();
        let mut call = Call::of(&mut state, &request, "", if push { "git/push" } else { "git/fetch" });
        let fault = state.take_fault(&call);
        let visit = if known { admit(&state, &request, push) } else { Err(unknown()) };
        if let Err(refusal) = &visit {
            call.outcome = Outcome::Refused(refusal.message.clone());
        }
        (call, fault, visit)
    };
    let handled = match (&fault, visit) {
        (Some(Fault::Timeout), _) => Handled::Never,
        (Some(Fault::Reset), _) => Handled::Cut,
        (Some(fault @ (Fault::Status(_) | Fault::Secondary { .. } | Fault::SecondarySilent | Fault::Error(..))), _) => {
            Handled::Reply(plain(fault.refusal()))
        }
        (_, Err(refusal)) => Handled::Reply(plain(refusal)),
        (fault, Ok(visit)) => {
            let reply = backend(&request, visit).await;
            match fault {
                Some(Fault::LostAnswer) => Handled::Cut,
                Some(Fault::TimeoutAfterDoing) => Handled::Never,
                Some(fault @ Fault::StatusAfterDoing(_)) => Handled::Reply(plain(fault.refusal())),
                _ => Handled::Reply(reply),
            }
        }
    };
    let mut state = lock(state);
    state.sync();
    let mut call = call;
    if let Handled::Reply(reply) = &handled {
        call.status = reply.status;
    }
    if let Some(fault) = fault {
        call.outcome = Outcome::Faulted(format!("{fault:?}"));
    }
    state.journal.push(call);
    handled
}

fn unknown() -> Refusal {
    Refusal::new(401, "Invalid username or token.").header("www-authenticate", "Basic realm=\"GitHub\"")
}

/// Git shows plain text to people.
fn plain(refusal: Refusal) -> Reply {
    let content = Content::Raw(refusal.message.into_bytes(), "text/plain; charset=utf-8");
    Reply { status: refusal.status, headers: refusal.headers, content }
}

fn admit(state: &State, request: &Request, push: bool) -> Result<Visit, Refusal> {
    let missing = || Refusal::new(404, "Repository not found.");
    let (full, rest) = request.path.trim_start_matches('/').split_once(".git/").ok_or_else(missing)?;
    let old = |repo: &&Repo| repo.old_names.contains(&full.to_lowercase());
    let repo = state.repo_named(full).or_else(|| state.repos.iter().find(old)).ok_or_else(missing)?;
    if request.token.is_none() && (push || repo.private) {
        return Err(unknown());
    }
    let level = if push { "write" } else { "read" };
    state.permit(request, Some(repo), &[("contents", level)]).map_err(|refusal| match refusal.status {
        404 => missing(),
        _ if push => Refusal::new(403, format!("Permission to {full}.git denied to {}.", request.login())),
        _ => Refusal::new(403, "Write access to repository not granted."),
    })?;
    Ok(Visit { path: repo.path.clone(), rest: rest.to_owned(), login: request.login().to_owned() })
}

async fn backend(request: &Request, visit: Visit) -> Reply {
    let broken = |why: String| plain(Refusal::new(500, why));
    let mut command = Command::new("git");
    command.arg("http-backend").env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("GIT_HTTP_EXPORT_ALL", "1").env("PATH_TRANSLATED", visit.path.join(&visit.rest));
    command
        .env("PATH_INFO", format!("/{}", visit.rest))
        .env("REMOTE_USER", &visit.login)
        .env("REMOTE_ADDR", "127.0.0.1");
    command.env("REQUEST_METHOD", &request.method).env("QUERY_STRING", &request.query_text);
    command.env("CONTENT_TYPE", request.header("content-type")).env("CONTENT_LENGTH", request.body.len().to_string());
    command.env("HTTP_CONTENT_ENCODING", request.header("content-encoding"));
    command.env("GIT_PROTOCOL", request.header("git-protocol"));
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_CONFIG_COUNT", SETTINGS.len().to_string());
    for (n, (key, value)) in SETTINGS.iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{n}"), key).env(format!("GIT_CONFIG_VALUE_{n}"), value);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return broken(error.to_string()),
    };
    let stdin = child.stdin.take();
    let body = request.body.clone();
    let write = async move {
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(&body).await;
        }
    };
    let (_, output) = tokio::join!(write, child.wait_with_output());
    match output {
        Ok(output) => from_cgi(&output.stdout),
        Err(error) => broken(error.to_string()),
    }
}

/// Reads the answer of a CGI program.
fn from_cgi(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
    let Some(end) = end else { return plain(Refusal::new(500, "git http-backend said nothing")) };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut reply = Reply::of(200, Content::Raw(bytes[end + 4..].to_vec(), ""));
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        if name.eq_ignore_ascii_case("status") {
            reply.status = value.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(500);
        } else {
            reply.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    reply
}
