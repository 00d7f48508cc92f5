//! The sandbox over TLS: an authority of its own, made at the start, and what it has signed.
//!
//! Another authority in each process, so that trust in one sandbox never outlives it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

/// The names for which the server's certificate is good.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The certificates of a sandbox, and whether a client needs one.
pub(crate) struct Tls {
    authority: String,
    client: String,
    open: Arc<ServerConfig>,
    grpc: Arc<ServerConfig>,
    mutual: Arc<ServerConfig>,
    is_mutual: AtomicBool,
}

/// One that signs, with its certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

impl Tls {
    /// Makes the keys and certificates.
    ///
    /// # Errors
    /// What the library of TLS says.
    pub(crate) fn new(is_mutual: bool) -> Result<Self, Failed> {
        let (servers, clients) =
            (Authority::new("ferry sandbox authority")?, Authority::new("ferry sandbox client authority")?);
        let (server, server_key) = servers.sign("ferry sandbox", &NAMES, ExtendedKeyUsagePurpose::ServerAuth)?;
        let (client, client_key) = clients.sign("sandbox-client", &[], ExtendedKeyUsagePurpose::ClientAuth)?;
        let mut roots = RootCertStore::empty();
        roots.add(clients.der)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
        let config = |mutual: bool, protocol: &str| -> Result<Arc<ServerConfig>, Failed> {
            // TLS 1.2 and 1.3.
            let builder =
                ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
            let builder = if mutual {
                builder.with_client_cert_verifier(Arc::clone(&verifier))
            } else {
                builder.with_no_client_auth()
            };
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
            let mut config = builder.with_single_cert(vec![server.der().clone()], key)?;
            config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
            Ok(Arc::new(config))
        };
        Ok(Self {
            authority: servers.pem,
            client: format!("{}{}", client.pem(), client_key.serialize_pem()),
            open: config(false, "http/1.1")?,
            mutual: config(true, "http/1.1")?,
            grpc: config(false, "h2")?,
            is_mutual: AtomicBool::new(is_mutual),
        })
    }

    /// Says the certificate of the authority that a client must trust, as PEM.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Says a certificate that a client can show, and its key, as PEM.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    /// Says whether a client must show a certificate.
    pub(crate) fn is_mutual(&self) -> bool {
        self.is_mutual.load(Ordering::Relaxed)
    }

    /// Says whether a client must show a certificate, from the next connection on.
    pub(crate) fn set_mutual(&self, is_mutual: bool) {
        self.is_mutual.store(is_mutual, Ordering::Relaxed);
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// The client does not trust us, or we do not trust it.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = if self.is_mutual() { &self.mutual } else { &self.open };
        TlsAcceptor::from(Arc::clone(config)).accept(stream).await
    }

    /// Shakes hands with a client of gRPC, which shows no certificate.
    ///
    /// # Errors
    /// The client does not trust us.
    pub(crate) async fn accept_grpc(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(Arc::clone(&self.grpc)).accept(stream).await
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("is_mutual", &self.is_mutual()).finish_non_exhaustive()
    }
}

impl Authority {
    /// Its name must be nobody else's: OpenSSL takes a certificate whose issuer has its own name as signed by itself.
    fn new(name: &str) -> Result<Self, Failed> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) })
    }

    fn sign(
        &self,
        name: &str,
        hosts: &[&str],
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<(rcgen::Certificate, KeyPair), Failed> {
        let mut params = CertificateParams::new(hosts.iter().map(|&host| host.to_owned()).collect::<Vec<String>>())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }
}
