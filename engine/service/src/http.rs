//! The HTTP port over reqwest: one request, once, with an honest answer about what left.

mod transfer;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ferry_connectors::limits::BODY_MAX_BYTES;
use ferry_contract::port::{Body, Boxed, Http, HttpError, HttpRequest, HttpResponse, Tls};
use secrecy::ExposeSecret as _;

use crate::limits::CONNECT_MAX;

/// One client with its pool of connections, and one for each set of certificates.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    others: Arc<Mutex<Others>>,
}

/// Clients by the place of their certificates, which are kept as long.
type Others = HashMap<usize, (Arc<Tls>, reqwest::Client)>;

impl HttpClient {
    /// A client that follows no redirect and repeats nothing.
    ///
    /// # Errors
    /// Where TLS cannot be set up on this machine.
    pub fn new() -> Result<Self, reqwest::Error> {
        Ok(Self { client: builder().build()?, others: Arc::default() })
    }

    /// The client with these certificates.
    fn with(&self, tls: Option<&Arc<Tls>>) -> Result<reqwest::Client, HttpError> {
        let Some(tls) = tls else { return Ok(self.client.clone()) };
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let place = Arc::as_ptr(tls).addr();
        if let Some((_, client)) = others.get(&place) {
            return Ok(client.clone());
        }
        let client =
            client_of(tls).map_err(|error| HttpError::NotSent(format!("the certificates of `tls`: {error}")))?;
        // Those of connections that are gone are used by nobody else.
        others.retain(|_, (tls, _)| Arc::strong_count(tls) > 1);
        others.insert(place, (Arc::clone(tls), client.clone()));
        Ok(client)
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let method = request.method.parse().map_err(|_| HttpError::NotSent("no such method".to_owned()))?;
        let mut builder = self.with(request.tls.as_ref())?.request(method, &request.url).timeout(request.timeout);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        builder = match request.body {
            Some(Body::Bytes(bytes)) => builder.body(bytes),
            Some(Body::Upload(upload)) => {
                builder.header("content-length", upload.length()).body(transfer::sent(upload))
            }
            None => builder,
        };
        let mut response = builder.send().await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        if let Some(save) = request.save.filter(|save| transfer::is_meant(save, response.status(), response.headers()))
        {
            transfer::saved(response, save.to).await?;
            return Ok(HttpResponse { status, headers, body: Vec::new() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_MAX_BYTES {
                return Err(HttpError::NoAnswer(format!("the answer has more than {BODY_MAX_BYTES} bytes")));
            }
        }
        Ok(HttpResponse { status, headers, body })
    }
}

impl Http for HttpClient {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        Box::pin(self.exchange(request))
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_MAX)
        .pool_idle_timeout(Duration::from_secs(20))
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .user_agent(concat!("ferry/", env!("CARGO_PKG_VERSION")))
}

/// A client with these certificates, where they are some.
///
/// # Errors
/// What is wrong with them; it shows nothing of a key.
pub fn client_of(tls: &Tls) -> Result<reqwest::Client, String> {
    let mut client = builder();
    if let Some(ca) = &tls.ca {
        let authorities = reqwest::Certificate::from_pem_bundle(ca.as_bytes()).ok().filter(|found| !found.is_empty());
        client = client
            .tls_certs_only(authorities.ok_or("`ca` is no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)")?);
    }
    if let Some(identity) = &tls.identity {
        let wrong = "`certificate` and `key` are not a certificate and its private key in PEM form";
        let identity = reqwest::Identity::from_pem(identity.expose_secret().as_bytes()).map_err(|_| wrong)?;
        client = client.identity(identity);
    }
    client.build().map_err(|error| format!("they cannot be used together: {}", innermost(&error)))
}

fn innermost(error: &reqwest::Error) -> String {
    // The error itself would show the whole URL.
    let mut reason = String::new();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    reason
}

/// Only a request that could not even be connected or built is known not to have left.
fn failure(error: &reqwest::Error) -> HttpError {
    let reason = told(innermost(error));
    if error.is_timeout() && !error.is_connect() {
        return HttpError::NoAnswer("time-out".to_owned());
    }
    if error.is_connect() || error.is_builder() {
        return HttpError::NotSent(format!("cannot connect: {reason}"));
    }
    HttpError::NoAnswer(if reason.is_empty() { "the connection broke".to_owned() } else { reason })
}

/// What a handshake says, with what to write.
fn told(reason: String) -> String {
    // Since TLS 1.3 a client has shaken hands before its certificate is looked at.
    let is_closed = reason == "connection was not ready";
    let asks = ["CertificateRequired", "HandshakeFailure", "BadCertificate", "UnknownCA", "AccessDenied"];
    if is_closed || (reason.contains("received fatal alert") && asks.iter().any(|alert| reason.contains(alert))) {
        return format!(
            "{reason}; the target may ask for our certificate: `tls: {{ certificate: …, key: … }}` at the connection names it"
        );
    }
    if reason.contains("UnknownIssuer") {
        return format!(
            "{reason}; `tls: {{ ca: … }}` at the connection names the authority that vouches for the target"
        );
    }
    reason
}
