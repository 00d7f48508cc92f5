//! The sockets: accepts connections, lets requests meet the world, and cuts connections.
//!
//! A cut drops the socket before any byte of an answer, or in the middle of its body. The effect of a request runs in a
//! task of its own: as in a real system, it happens also when the client has gone by then.

use std::future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::faults::{Fault, FaultRule};
use crate::pubsub::Bus;
use crate::system::System;
use crate::tls::Tls;
use crate::webhooks::deliver;
use crate::wire::{Answer, Framing, Request};
use crate::world::{self, Admission, World};
use crate::{clock, control, grpc, limits};

/// The wait after the system refused to accept a connection, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// How long the order for an outage may take to be answered.
const ANSWER_PAUSE: Duration = Duration::from_millis(20);

pub(crate) type Shared = Arc<Mutex<World>>;

/// A listener, and how its connections speak.
#[derive(Debug)]
pub(crate) struct Door {
    /// The socket.
    pub(crate) listener: TcpListener,
    /// What URLs begin with that answers through this door hold.
    pub(crate) base: Arc<str>,
    /// With what they speak, where it is not in the clear.
    pub(crate) tls: Option<Arc<Tls>>,
    /// What they speak.
    pub(crate) protocol: Protocol,
}

/// What the connections of a listener speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    /// HTTP/1.1, for all systems.
    Http,
    /// gRPC, for Salesforce's events: in the clear or with TLS, as the client begins.
    Grpc,
}

/// The connection of a request.
#[derive(Clone, Debug)]
struct Connection {
    /// Cancelling it closes the socket.
    cut: CancellationToken,
    base: Arc<str>,
}

/// Serves until `stop` is cancelled; no connection is left then.
pub(crate) async fn serve(mut doors: Vec<Door>, world: World, stop: CancellationToken) {
    let mut outage = world.outage.subscribe();
    let world: Shared = Arc::new(Mutex::new(world));
    let webhooks = tokio::spawn(deliver::serve(Arc::clone(&world), stop.clone()));
    let app = Router::new().fallback(handle).with_state(Arc::clone(&world));
    let bus = Bus::server(world);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            Ok(()) = outage.changed() => {
                let closed = *outage.borrow_and_update();
                match refuse(doors, &mut connections, closed).await {
                    Ok(again) => doors = again,
                    Err(err) => {
                        tracing::error!(%err, "the sandbox cannot listen again");
                        break;
                    }
                }
            }
            (accepted, door) = accept(&doors) => match accepted {
                Ok(stream) if door.protocol == Protocol::Grpc => {
                    connections.spawn(grpc::serve_one(stream, door.tls.clone(), bus.clone()));
                }
                Ok(stream) => {
                    connections.spawn(serve_one(stream, door.base.clone(), door.tls.clone(), app.clone()));
                }
                Err(err) => {
                    tracing::debug!(%err, "no connection accepted");
                    clock::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    connections.shutdown().await;
    webhooks.abort();
}

/// Waits for a connection through any of the doors.
async fn accept(doors: &[Door]) -> (io::Result<TcpStream>, &Door) {
    future::poll_fn(|cx| {
        let ready = doors.iter().find_map(|door| match door.listener.poll_accept(cx) {
            Poll::Ready(accepted) => Some((accepted.map(|(stream, _)| stream), door)),
            Poll::Pending => None,
        });
        ready.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Closes the listeners and every connection, and listens again after a while. What was asked for before
/// still has its effect.
async fn refuse(doors: Vec<Door>, connections: &mut JoinSet<()>, closed: Duration) -> io::Result<Vec<Door>> {
    // The order itself is answered first.
    clock::sleep(ANSWER_PAUSE).await;
    let mut closing = Vec::new();
    for Door { listener, base, tls, protocol } in doors {
        closing.push((listener.local_addr()?, base, tls, protocol));
    }
    connections.shutdown().await;
    clock::sleep(closed).await;
    let mut again = Vec::new();
    for (address, base, tls, protocol) in closing {
        again.push(Door { listener: TcpListener::bind(address).await?, base, tls, protocol });
    }
    Ok(again)
}

async fn serve_one(stream: TcpStream, base: Arc<str>, tls: Option<Arc<Tls>>, app: Router) {
    if let Err(err) = stream.set_nodelay(true) {
        tracing::debug!(%err, "answers may be held back");
    }
    match tls {
        None => speak(stream, base, app).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => speak(stream, base, app).await,
            Err(err) => tracing::debug!(%err, "no trust in a connection"),
        },
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, base: Arc<str>, app: Router) {
    let cut = CancellationToken::new();
    let service = TowerToHyperService::new(app.layer(Extension(Connection { cut: cut.clone(), base })));
    tokio::select! {
        () = cut.cancelled() => {}
        served = http1::Builder::new().serve_connection(TokioIo::new(stream), service) => {
            if let Err(err) = served {
                tracing::debug!(%err, "connection ended early");
            }
        }
    }
}

async fn handle(
    State(world): State<Shared>,
    Extension(connection): Extension<Connection>,
    request: axum::extract::Request,
) -> Response {
    let request = match Request::read(request, &connection.base).await {
        Ok(request) => request,
        Err(answer) => return answer.into_response(),
    };
    let Some(system) = world::system_of(&request) else {
        return control::answer(&mut lock(&world), &request).into_response();
    };
    match tokio::spawn(meet(Arc::clone(&world), system, request)).await {
        Ok(Some(answer)) => answer.into_response(),
        Ok(None) => {
            connection.cut.cancel();
            future::pending().await
        }
        Err(err) => {
            tracing::error!(%err, "the sandbox failed on a request");
            lock(&world).system(system).server_error().into_response()
        }
    }
}

/// Lets a request meet the world; `None` where its connection is cut.
async fn meet(world: Shared, system: System, request: Request) -> Option<Answer> {
    let admission = lock(&world).admit(system, &request);
    let rule = match admission {
        Admission::Refused(answer) => return Some(answer),
        Admission::Free => return Some(lock(&world).answer(system, &request)),
        Admission::Hit(rule) => rule,
    };
    tracing::debug!(fault = ?rule.fault, path = request.path, "fault");
    if rule.fault == Fault::SlowBefore {
        pause(&rule).await;
        return Some(lock(&world).answer(system, &request));
    }
    let answer = match rule.fault {
        Fault::Throttled => {
            let wait_s = rule.retry_after_s.unwrap_or(limits::RETRY_AFTER_S);
            Some(lock(&world).system(system).throttled(u64::from(wait_s)))
        }
        Fault::ServerError => Some(lock(&world).system(system).server_error()),
        Fault::Slow | Fault::SlowBefore => Some(lock(&world).answer(system, &request)),
        Fault::CutBefore => None,
        Fault::CutAfter => {
            lock(&world).answer(system, &request);
            None
        }
        Fault::ErrorAfter => {
            let mut world = lock(&world);
            world.answer(system, &request);
            Some(world.system(system).server_error())
        }
        Fault::Truncated => lock(&world).answer(system, &request).cut(Framing::Length),
        Fault::TruncatedChunked => lock(&world).answer(system, &request).cut(Framing::Chunks),
    };
    pause(&rule).await;
    answer
}

pub(crate) async fn pause(rule: &FaultRule) {
    let default_ms = match rule.fault {
        Fault::Slow | Fault::SlowBefore => limits::DELAY_MS,
        Fault::Throttled
        | Fault::ServerError
        | Fault::CutBefore
        | Fault::CutAfter
        | Fault::ErrorAfter
        | Fault::Truncated
        | Fault::TruncatedChunked => 0,
    };
    let delay_ms = rule.delay_ms.unwrap_or(default_ms);
    if delay_ms > 0 {
        clock::sleep(Duration::from_millis(delay_ms)).await;
    }
}

/// A panic while the lock was held ended one request; the world itself is still whole.
pub(crate) fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
