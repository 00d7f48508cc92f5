//! Connections that speak gRPC: HTTP/2, in the clear or with TLS, as the client begins.

use std::sync::Arc;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::pubsub::Service;
use crate::tls::Tls;

/// The first byte of a handshake of TLS. Source: RFC 8446, section 5.1.
const HANDSHAKE: u8 = 22;

/// Serves one connection to its end.
pub(crate) async fn serve_one(stream: TcpStream, tls: Option<Arc<Tls>>, service: Service) {
    if let Err(err) = stream.set_nodelay(true) {
        tracing::debug!(%err, "answers may be held back");
    }
    let mut first = [0];
    let is_tls = stream.peek(&mut first).await.is_ok_and(|read| read > 0) && first[0] == HANDSHAKE;
    match tls.filter(|_| is_tls) {
        None => speak(stream, service).await,
        Some(tls) => match tls.accept_grpc(stream).await {
            Ok(stream) => speak(stream, service).await,
            Err(err) => tracing::debug!(%err, "no trust in a connection"),
        },
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, service: Service) {
    let service = TowerToHyperService::new(service);
    let served = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
    if let Err(err) = served.await {
        tracing::debug!(%err, "connection ended early");
    }
}
