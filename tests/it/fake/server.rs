//! The HTTP side: one port for all services, and connections that can be cut on purpose.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::Response;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::State;
use super::faults::Fault;
use super::journal::{Call, Outcome};
use super::wire::{self, Reply, Request};

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
            cut.0.store(true, Ordering::SeqCst);
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

/// Set: the connection breaks at its next write, before the client got an answer.
#[derive(Clone, Debug, Default)]
pub struct Cut(Arc<AtomicBool>);

impl Connected<IncomingStream<'_, CutListener>> for Cut {
    fn connect_info(stream: IncomingStream<'_, CutListener>) -> Self {
        stream.remote_addr().clone()
    }
}

pub struct CutListener(tokio::net::TcpListener);

impl Listener for CutListener {
    type Io = CutStream;
    type Addr = Cut;

    async fn accept(&mut self) -> (CutStream, Cut) {
        loop {
            if let Ok((stream, _)) = self.0.accept().await {
                let _ = stream.set_nodelay(true);
                let cut = Cut::default();
                return (CutStream { stream, cut: cut.clone() }, cut);
            }
            tokio::task::yield_now().await;
        }
    }

    fn local_addr(&self) -> io::Result<Cut> {
        Ok(Cut::default())
    }
}

/// A TCP connection that refuses to write once it is cut.
pub struct CutStream {
    stream: TcpStream,
    cut: Cut,
}

impl CutStream {
    fn gone(&self) -> Option<io::Error> {
        self.cut.0.load(Ordering::SeqCst).then(|| io::Error::from(io::ErrorKind::ConnectionReset))
    }
}

impl AsyncRead for CutStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.gone() {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.gone() {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
