//! The HTTP side: one port for all services, and connections that can be cut on purpose.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::http::Response;
use tokio::sync::oneshot;

use super::State;
use super::faults::Fault;
use super::journal::{Call, Outcome};
use super::wire::{self, Reply, Request};
use crate::forge::net::{Cut, CutListener};

type Shared = Arc<Mutex<State>>;

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Serves until `stopped` ends.
pub fn run(listener: std::net::TcpListener, state: Shared, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        listener.set_nonblocking(true).expect("a non-blocking listener");
        let listener = CutListener(tokio::net::TcpListener::from_std(listener).expect("a listener"));
        let app =
            axum::Router::new().fallback(move |ConnectInfo(cut): ConnectInfo<Cut>, request: axum::extract::Request| {
                let state = state.clone();
                async move { answer(state, cut, request).await }
            });
        let server = axum::serve(listener, app.into_make_service_with_connect_info::<Cut>());
        tokio::select! {
            _ = server.into_future() => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_background();
}

async fn answer(state: Shared, cut: Cut, request: axum::extract::Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return Response::new(Body::empty());
    };
    let (handled, hooks) = {
        let mut state = lock(&state);
        let request = wire::read(&state, &head, body.to_vec());
        let handled = handle(&mut state, &request);
        (handled, state.due_hooks())
    };
    for hook in hooks {
        hook();
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

enum Handled {
    Reply(Reply),
    Never,
    Cut,
}

/// Lets a fault answer, or the service; writes the journal.
fn handle(state: &mut State, request: &Request) -> Handled {
    let mut call = Call::of(state, request);
    let fault = state.take_fault(request);
    let handled = match &fault {
        Some(Fault::Timeout) => Handled::Never,
        Some(Fault::Reset) => Handled::Cut,
        Some(Fault::LostAnswer) => {
            serve(state, request, &mut call);
            Handled::Cut
        }
        Some(fault) => Handled::Reply(wire::refuse(request, &fault.refusal(request))),
        None => Handled::Reply(serve(state, request, &mut call)),
    };
    if let Some(fault) = fault {
        call.outcome = Outcome::Faulted(format!("{fault:?}"));
    }
    state.journal.push(call);
    handled
}

fn serve(state: &mut State, request: &Request, call: &mut Call) -> Reply {
    let result = match request.service.as_str() {
        "sts" => super::sts::serve(state, request),
        "ssm" => super::ssm::serve(state, request),
        "s3" => super::s3::serve(state, request),
        "lambda" => super::lambda::serve(state, request),
        "cloudformation" => super::cfn::serve(state, request),
        other => Err(wire::Refusal::new(400, "UnknownService", format!("the fake has no service {other}"))),
    };
    match result {
        Ok(reply) => reply,
        Err(refusal) => {
            call.outcome = Outcome::Refused(refusal.code.clone());
            wire::refuse(request, &refusal)
        }
    }
}
