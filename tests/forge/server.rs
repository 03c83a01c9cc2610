//! The HTTP side: one port for REST, git and the tokens of Actions' jobs; faults, journal and validation around each answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::http::Response;
use tokio::sync::oneshot;

use super::faults::Fault;
use super::journal::{Call, Outcome};
use super::net::{Cut, CutListener};
use super::routes::{self, Route};
use super::state::State;
use super::wire::{Content, Refusal, Reply, Request};
use super::{Hub, control, git_http, people, validate};

pub type Shared = Arc<Mutex<State>>;

pub fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Serves until `stopped` ends.
pub fn run(listener: std::net::TcpListener, hub: Hub, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        listener.set_nonblocking(true).expect("a non-blocking listener");
        let listener = CutListener(tokio::net::TcpListener::from_std(listener).expect("a listener"));
        let app =
            axum::Router::new().fallback(move |ConnectInfo(cut): ConnectInfo<Cut>, request: axum::extract::Request| {
                let hub = hub.clone();
                async move { answer(hub, cut, request).await }
            });
        let server = axum::serve(listener, app.into_make_service_with_connect_info::<Cut>());
        tokio::select! {
            _ = server.into_future() => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}

async fn answer(hub: Hub, cut: Cut, request: axum::extract::Request) -> Response<Body> {
    let state = hub.state.clone();
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return Response::new(Body::empty());
    };
    let request = Request::read(&head, body.to_vec());
    let handled = if request.path.contains(".git/") {
        git_http::answer(&state, request).await
    } else if request.path.starts_with("/_control/") {
        Handled::Reply(control::serve(&hub, &request))
    } else if request.path == "/_oidc/token" {
        Handled::Reply(people::oidc(&mut lock(&state), &request))
    } else {
        guarded(&state, request)
    };
    let hooks = lock(&state).due_hooks();
    for hook in hooks {
        // beside the server's thread: a hook may ask the fake itself, or wait for a child that does
        if tokio::task::spawn_blocking(hook).await.is_err() {
            lock(&state).violations.push("a hook panicked, see above".to_owned());
        }
    }
    match handled {
        Handled::Reply(reply) => reply.into_http(),
        Handled::Never => std::future::pending().await,
        Handled::Cut => {
            cut.now();
            Response::new(Body::empty())
        }
    }
}

pub enum Handled {
    Reply(Reply),
    Never,
    Cut,
}

/// A panic of the fake itself fails the test, and is not mistaken for a broken connection.
fn guarded(state: &Shared, request: Request) -> Handled {
    let what = format!("{} {}", request.method, request.path);
    let done = catch_unwind(AssertUnwindSafe(|| handle(&mut lock(state), request)));
    done.unwrap_or_else(|_| {
        lock(state).violations.push(format!("{what}: the fake itself went wrong, see above"));
        Handled::Reply(Refusal::new(500, "The fake itself went wrong").into_reply())
    })
}

/// Lets a fault answer, or the operation; writes the journal.
fn handle(state: &mut State, mut request: Request) -> Handled {
    state.sync();
    state.by_number(&mut request);
    let token = state.identify(request.header("authorization"));
    let (token, identity) = token.map_or_else(|refusal| (None, Err(refusal)), |token| (token, Ok(())));
    request.token = token;
    let found = routes::find(&request.method, &request.path);
    let template = found.as_ref().map_or("", |(route, _)| route.template);
    let mut call = Call::of(state, &request, template, validate::operation_id(&request.method, template));
    let Some((route, params)) = found else {
        let violation = format!("{} {}: the fake knows no such route", call.method, call.path);
        state.violations.push(violation);
        call.outcome = Outcome::Refused("no such route".to_owned());
        call.status = 404;
        state.journal.push(call);
        return Handled::Reply(Refusal::not_found().into_reply());
    };
    request.params = params;
    if request.header("user-agent").is_empty() {
        state.violations.push(format!("{} {}: GitHub refuses requests without a user-agent", call.method, call.path));
    }
    let wrong = validate::request(route.method, route.template, &request.query, &request.body);
    state.violations.extend(wrong.iter().map(|error| format!("request {} {}: {error}", request.method, request.path)));
    let fault = state.take_fault(&call);
    let handled = match &fault {
        Some(Fault::Timeout) => Handled::Never,
        Some(Fault::Reset) => Handled::Cut,
        Some(fault @ (Fault::Secondary { .. } | Fault::SecondarySilent | Fault::Status(_) | Fault::Error(..))) => {
            Handled::Reply(fault.refusal().into_reply())
        }
        _ => {
            let before = state.last_id;
            let reply = serve(state, route, &request, identity.clone(), &mut call);
            match &fault {
                Some(Fault::TimeoutAfterDoing) => Handled::Never,
                Some(Fault::LostAnswer) => Handled::Cut,
                Some(fault @ Fault::StatusAfterDoing(_)) => Handled::Reply(fault.refusal().into_reply()),
                Some(Fault::Duplicate) => {
                    serve(state, route, &request, identity, &mut call);
                    Handled::Reply(reply)
                }
                Some(Fault::Lagging(lists)) => {
                    state.hide_newer(before, *lists);
                    Handled::Reply(reply)
                }
                _ => Handled::Reply(reply),
            }
        }
    };
    if let Some(fault) = fault {
        call.outcome = Outcome::Faulted(format!("{fault:?}"));
    }
    finish(state, &request, call, handled)
}

/// Adds what every answer carries, and closes the journal's entry.
fn finish(state: &mut State, request: &Request, mut call: Call, handled: Handled) -> Handled {
    let handled = match handled {
        Handled::Reply(mut reply) => {
            if reply.status == 304 {
                state.give_back(request);
            }
            call.status = reply.status;
            for (name, value) in state.rate_headers(request) {
                if !reply.headers.iter().any(|(known, _)| *known == name) {
                    reply.headers.push((name, value));
                }
            }
            Handled::Reply(reply)
        }
        other => other,
    };
    state.journal.push(call);
    handled
}

/// Carries a request out, when it is allowed.
fn serve(state: &mut State, route: &Route, request: &Request, identity: Result<(), Refusal>, call: &mut Call) -> Reply {
    let by_app = route.template.starts_with("/app") || route.template.ends_with("/installation");
    let result = if by_app {
        (route.serve)(state, request)
    } else {
        identity.and_then(|()| allowed(state, route, request)).and_then(|()| (route.serve)(state, request))
    };
    let reply = match result {
        Ok(reply) => reply.paged(request, &state.endpoint),
        Err(refusal) => {
            call.outcome = Outcome::Refused(refusal.message.clone());
            refusal.into_reply()
        }
    };
    if !matches!(reply.content, Content::Raw(..)) {
        let wrong = validate::reply(route.method, route.template, reply.status, reply.json());
        let told = |error: String| format!("reply {} to {} {}: {error}", reply.status, request.method, request.path);
        state.violations.extend(wrong.into_iter().map(told));
    }
    reply.conditional(request)
}

fn allowed(state: &mut State, route: &Route, request: &Request) -> Result<(), Refusal> {
    if route.template != "/rate_limit" {
        state.count(request)?;
    }
    let repo = if request.params.contains_key("repo") { Some(state.repo_of(request)?) } else { None };
    state.permit(request, repo.as_ref(), route.needs)
}
