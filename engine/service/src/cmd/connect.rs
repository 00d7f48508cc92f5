//! `ferry connect`

use std::{
    collections::BTreeMap,
    io::BufRead as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, anyhow, bail};
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::Html,
    routing::get,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use clap::Args;
use ferry_connectors::{auth::Code, connection::Connection};
use ferry_contract::port::{Clock as _, FreePass};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, sync::oneshot};

use super::{Exit, Outcome, StoreArgs, plan::unreachable, print, reach::ReachArgs, start::asked_to_stop, tell};
use crate::{clock::SystemClock, consents::StoreConsents, store};

/// Asks a person, in a browser, to allow what a connection does in his name.
///
/// It prints the page on which he is asked, waits for the browser to come back to this machine, and keeps what that brings in the
/// store, sealed with the client's secret. A service that shares the store goes on by itself; what waited for the consent is sent.
///
/// The redirect URI must be registered with the system exactly as it is here. Where it leads elsewhere, such as to a page of
/// your own, `--paste` reads the address to which the browser was sent.
///
/// Example: `ferry connect payoneer --project pipelines/payoneer-clarity --store ferry.db`.
#[derive(Args, Debug)]
pub(super) struct Connect {
    /// The connection of ferry.yaml.
    #[arg(value_name = "CONNECTION")]
    connection: String,
    /// The redirect URI that is registered with the system.
    #[arg(long, default_value = "http://127.0.0.1:8799/callback", value_name = "URL")]
    redirect_uri: String,
    /// Read the address to which the browser was sent from standard input.
    #[arg(long)]
    paste: bool,
    /// Say how the consent stands, and ask nobody.
    #[arg(long, conflicts_with = "paste")]
    show: bool,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// What one request for a consent is known by.
struct Request {
    state: String,
    nonce: String,
    verifier: SecretString,
}

/// What a browser brings back.
type Answer = BTreeMap<String, String>;

impl Connect {
    pub(super) async fn run(self) -> Outcome {
        let reach = self.reach.open().await?;
        reach.connector(&self.connection)?;
        let connection = reach.connection(&self.connection).map_err(|failure| anyhow!(failure.message))?;
        if !connection.asks_for_consent() {
            bail!("`{}` needs no person's consent: it logs in by itself", self.connection);
        }
        // A service may be at work on the same file.
        let opened = match store::open(&self.store.store).await {
            Ok(store) => store,
            // To look makes no store.
            Err(error) if self.show => return Err(error.into()),
            Err(_) => store::open_to_run(&self.store.store, SystemClock::default().now()).await?.store,
        };
        connection.keep_consents_in(StoreConsents::new(&opened));
        if self.show {
            return shown(&connection).await;
        }
        let request = Request::new()?;
        let page = request.page(&connection, &self.redirect_uri)?;
        // Nobody is sent to a page from which he cannot come back.
        let home = if self.paste { None } else { Some(self.home().await?) };
        tell(&format!("open this page in a browser, and allow it:\n\n  {page}\n"));
        let answer = match home {
            Some(home) => returned(home, &request.state).await?,
            None => pasted()?,
        };
        let Some(answer) = answer else { return Ok(Exit::Interrupted) };
        let code = request.code(&answer)?;
        let code = Code { code, redirect_uri: &self.redirect_uri, verifier: &request.verifier, nonce: &request.nonce };
        let claims = connection.take_code(&FreePass, code).await.map_err(|failure| unreachable(&failure))?;
        let known: Vec<String> = claims.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let known = if known.is_empty() { String::new() } else { format!(", {}", known.join(", ")) };
        print(&format!("`{}` may act{known}; kept in {}\n", self.connection, self.store.store));
        Ok(Exit::Success)
    }

    /// Where the browser comes back to.
    async fn home(&self) -> Result<(TcpListener, String), anyhow::Error> {
        let (address, path) = loopback(&self.redirect_uri)?;
        let listener = TcpListener::bind(address).await;
        let taken = || format!("{address} is taken; stop what listens there, or use `--paste`");
        Ok((listener.with_context(taken)?, path))
    }
}

/// Waits for the browser to come back; nothing where the wait is ended.
async fn returned((listener, path): (TcpListener, String), state: &str) -> Result<Option<Answer>, anyhow::Error> {
    let (send, receive) = oneshot::channel();
    let waiting = Arc::new(Waiting { state: state.to_owned(), send: Mutex::new(Some(send)) });
    let routes = Router::new().route(&path, get(back)).with_state(waiting);
    tokio::select! {
        served = axum::serve(listener, routes) => {
            served?;
            Ok(None)
        }
        answer = receive => Ok(answer.ok()),
        () = asked_to_stop() => Ok(None),
    }
}

struct Waiting {
    state: String,
    send: Mutex<Option<oneshot::Sender<Answer>>>,
}

/// The browser is back. Who does not know the state of our request is not asked any further.
async fn back(State(waiting): State<Arc<Waiting>>, Query(answer): Query<Answer>) -> (StatusCode, Html<&'static str>) {
    if answer.get("state") != Some(&waiting.state) {
        return (StatusCode::BAD_REQUEST, Html("<p>This is not the answer to the request that ferry made.</p>"));
    }
    let is_allowed = answer.contains_key("code");
    let send = waiting.send.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    send.into_iter().for_each(|send| drop(send.send(answer.clone())));
    let said = if is_allowed {
        "<p>Thank you. ferry has the consent; this page can be closed.</p>"
    } else {
        "<p>It was not allowed. This page can be closed.</p>"
    };
    (StatusCode::OK, Html(said))
}

impl Request {
    fn new() -> Result<Self, anyhow::Error> {
        Ok(Self { state: random()?, nonce: random()?, verifier: random()?.into() })
    }

    fn page(&self, connection: &Connection, redirect_uri: &str) -> Result<String, anyhow::Error> {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose_secret().as_bytes()));
        let query = [
            ("redirect_uri", redirect_uri),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        connection.consent_page(&query).map_err(|failure| anyhow!(failure.message))
    }

    /// The code of an answer to this request.
    fn code<'a>(&self, answer: &'a Answer) -> Result<&'a str, anyhow::Error> {
        if answer.get("state") != Some(&self.state) {
            bail!("this is not the answer to the request that was made here: its `state` is another one");
        }
        if let Some(error) = answer.get("error") {
            let why = answer.get("error_description").map_or_else(String::new, |why| format!(": {why}"));
            bail!("it was not allowed ({error}{why})");
        }
        answer.get("code").map(String::as_str).context("the answer has no `code`")
    }
}

/// 32 random bytes as text. Source: RFC 7636, section 4.1.
fn random() -> Result<String, anyhow::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the machine has no random numbers: {error}"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Where a redirect URI of this machine leads: its address and its path.
fn loopback(uri: &str) -> Result<(SocketAddr, String), anyhow::Error> {
    let help = "write one such as http://127.0.0.1:8799/callback, or use `--paste`";
    let parsed: axum::http::Uri = uri.parse().map_err(|_| anyhow!("`{uri}` is no URL; {help}"))?;
    let host = parsed.host().unwrap_or_default().replace("localhost", "127.0.0.1");
    let address = format!("{host}:{}", parsed.port_u16().unwrap_or(80)).parse::<SocketAddr>();
    let address = address.ok().filter(|address| address.ip().is_loopback() && parsed.scheme_str() == Some("http"));
    let address = address.ok_or_else(|| anyhow!("`{uri}` does not lead to this machine; {help}"))?;
    Ok((address, parsed.path().to_owned()))
}

/// The address that a person copied out of his browser.
fn pasted() -> Result<Option<Answer>, anyhow::Error> {
    tell("then paste the address to which it sent the browser:");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("standard input cannot be read")?;
    let query = line.trim().split_once('?').map_or("", |(_, query)| query.split('#').next().unwrap_or_default());
    if query.is_empty() {
        bail!("that is no address with an answer: it has `?code=…&state=…` at its end");
    }
    let uri: axum::http::Uri = format!("/?{query}").parse().map_err(|_| anyhow!("that is no address"))?;
    Ok(Some(Query::<Answer>::try_from_uri(&uri).map_err(|_| anyhow!("that is no address with an answer"))?.0))
}

/// How a consent stands.
async fn shown(connection: &Connection) -> Outcome {
    let standing = connection.consent().await.map_err(|failure| anyhow!(failure.message))?;
    let (said, exit) = match standing {
        None => ("nobody has given it; run `ferry connect` without `--show`".to_owned(), Exit::Nothing),
        Some(standing) => match standing.withdrawn_at {
            Some(at) => (format!("given at {}, and found withdrawn at {at}", standing.granted_at), Exit::Findings),
            None => (format!("given at {}", standing.granted_at), Exit::Success),
        },
    };
    print(&format!("{}: {said}\n", connection.name));
    Ok(exit)
}
