//! The systems on loopback: real HTTP servers that behave, fail and can be slowed.
//!
//! One listener serves `/payoneer`, `/salesforce`, `/clarity` and so on and, for people and tests, `/_sandbox`. The
//! systems are plain state behind one lock and know neither sockets nor real time; the server
//! adds those, and the faults.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let sandbox = ferry_sandbox::start(ferry_sandbox::Options::default()).await?;
//! assert!(sandbox.url().starts_with("http://127.0.0.1:"));
//! sandbox.stop().await;
//! # Ok::<(), ferry_sandbox::StartError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod server;
mod tls;
mod world;

mod system;

mod chat;
mod clarity;
mod control;
mod erp;
mod fx;
mod grpc;
mod payoneer;
mod paytrace;
mod pubsub;
mod salesforce;
mod seed;
mod things;
mod webhooks;

mod access;
mod assertion;
mod budget;
mod clock;
mod consent;
mod faults;
mod keys;
mod limits;
mod random;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use server::{Door, Protocol};
use tls::Tls;
use world::World;

pub use faults::{Duplicates, Fault, FaultRule, Faults};
pub use system::System;
pub use webhooks::{WebhookFault, WebhookRule, Webhooks};

/// How a sandbox starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens, on loopback only. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where it listens with TLS too, on loopback only.
    pub tls_listen: Option<SocketAddr>,
    /// Where Salesforce's Pub/Sub API listens, in the clear and with TLS, on loopback only.
    pub pubsub_listen: Option<SocketAddr>,
    /// Whether a client with TLS must show a certificate of the sandbox's own; it can be changed later.
    pub client_certificates: bool,
    /// The seed that decides the data, the fate of every payout and the hits of the faults.
    pub seed: u64,
    /// How many payment requests Salesforce starts with, at most 20 000.
    pub requests: usize,
    /// The sandbox seconds in a real second, at most 100 000; 0 makes time stand still.
    pub speed: u32,
    /// What goes wrong.
    pub faults: Faults,
    /// Who is told of payouts that have ended.
    pub webhooks: Webhooks,
}

/// A running sandbox. It stops when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
    pubsub_addr: Option<SocketAddr>,
    tls: Option<Arc<Tls>>,
    stop: DropGuard,
    server: JoinHandle<()>,
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Other machines could reach it, and it has no real access control.
    #[error("the sandbox listens on loopback only and `{address}` is not; use an address such as `127.0.0.1:0`")]
    NotLoopback {
        /// What was asked for.
        address: SocketAddr,
    },
    /// Something else listens there.
    #[error("the address `{address}` is in use; stop what listens there, or use port 0 for a free one")]
    InUse {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The system refused to listen.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No certificates could be made.
    #[error("the certificates for TLS could not be made: {message}")]
    Tls {
        /// What the library of TLS says.
        message: String,
    },
    /// An option is out of its range.
    #[error("{message}")]
    Option {
        /// Which one, and what is right.
        message: String,
    },
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls_listen: None,
            pubsub_listen: None,
            client_certificates: false,
            seed: 1,
            requests: 200,
            speed: 1,
            faults: Faults::default(),
            webhooks: Webhooks::default(),
        }
    }
}

/// Starts a sandbox, which answers from now on.
///
/// # Errors
/// [`StartError`] where an option is out of range or the address cannot be listened on.
pub async fn start(options: Options) -> Result<Sandbox, StartError> {
    check(&options)?;
    let tls = match options.tls_listen.or(options.pubsub_listen) {
        Some(_) => Some(Arc::new(Tls::new(options.client_certificates).map_err(no_tls)?)),
        None => None,
    };
    let mut doors = Vec::new();
    let addr = open(&mut doors, options.listen, ("http", None), Protocol::Http).await?;
    let tls_addr = match options.tls_listen {
        Some(address) => Some(open(&mut doors, address, ("https", tls.as_ref()), Protocol::Http).await?),
        None => None,
    };
    let pubsub_addr = match options.pubsub_listen {
        Some(address) => Some(open(&mut doors, address, ("http", tls.as_ref()), Protocol::Grpc).await?),
        None => None,
    };
    let mut world = World::new(&options, tls.clone());
    world.pubsub = pubsub_addr.map(|addr| format!("http://{addr}"));
    let stop = CancellationToken::new();
    let server = tokio::spawn(server::serve(doors, world, stop.clone()));
    Ok(Sandbox { addr, tls_addr, pubsub_addr, tls, stop: stop.drop_guard(), server })
}

fn no_tls(err: Box<dyn std::error::Error + Send + Sync>) -> StartError {
    StartError::Tls { message: err.to_string() }
}

/// Opens one listener, and says where it is.
async fn open(
    doors: &mut Vec<Door>,
    address: SocketAddr,
    (scheme, tls): (&str, Option<&Arc<Tls>>),
    protocol: Protocol,
) -> Result<SocketAddr, StartError> {
    let (listener, addr) = bind(address).await?;
    doors.push(Door { listener, base: format!("{scheme}://{addr}").into(), tls: tls.cloned(), protocol });
    Ok(addr)
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |source: io::Error| {
        let in_use = source.kind() == io::ErrorKind::AddrInUse;
        if in_use { StartError::InUse { address } } else { StartError::Listen { address, source } }
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let addr = listener.local_addr().map_err(refused)?;
    Ok((listener, addr))
}

impl Sandbox {
    /// Says where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Says where it listens, such as `http://127.0.0.1:4000`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Says where it listens with TLS, such as `https://127.0.0.1:4001`; nothing where it does not.
    pub fn tls_url(&self) -> Option<String> {
        self.tls_addr.map(|addr| format!("https://{addr}"))
    }

    /// Says where Salesforce's Pub/Sub API listens, such as `http://127.0.0.1:4002`; the same address speaks TLS. Nothing
    /// where it does not listen.
    pub fn pubsub_url(&self) -> Option<String> {
        self.pubsub_addr.map(|addr| format!("http://{addr}"))
    }

    /// Says the certificate that a client with TLS must trust, as PEM; nothing where it does not listen with TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.tls.as_ref().map(|tls| tls.authority())
    }

    /// Closes the listeners and every connection.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(err) = self.server.await {
            tracing::error!(%err, "the sandbox ended early");
        }
    }
}

fn check(options: &Options) -> Result<(), StartError> {
    let listens = [Some(options.listen), options.tls_listen, options.pubsub_listen];
    if let Some(address) = listens.into_iter().flatten().find(is_reachable) {
        return Err(StartError::NotLoopback { address });
    }
    let option = |message: String| StartError::Option { message };
    if options.client_certificates && options.tls_listen.is_none() {
        return Err(option("`client_certificates` needs `tls_listen`".to_owned()));
    }
    if options.requests > limits::REQUESTS_MAX {
        return Err(option(format!("`requests` is at most {}", limits::REQUESTS_MAX)));
    }
    if options.speed > limits::SPEED_MAX {
        return Err(option(format!("`speed` is at most {}", limits::SPEED_MAX)));
    }
    options.faults.check().and_then(|()| options.webhooks.check()).map_err(option)
}

fn is_reachable(address: &SocketAddr) -> bool {
    !address.ip().is_loopback()
}
