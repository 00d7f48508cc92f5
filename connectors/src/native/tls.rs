//! TLS for what is no HTTP: rustls with AWS-LC, as everywhere, and always with a certificate that is believed.

use std::sync::Arc;

use ferry_contract::{failure::Failure, host::Reach};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::config;

/// How a client believes a server: by what the machine trusts, or by these certificates (PEM) alone.
pub(super) fn client(ca: Option<&str>) -> Result<ClientConfig, Failure> {
    let wrong = |error: &dyn std::fmt::Display| config(format!("TLS cannot be set up: {error}"));
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| wrong(&error))?;
    let Some(ca) = ca else {
        return Ok(builder.with_platform_verifier().map_err(|error| wrong(&error))?.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(config("`ca` has no certificate; write it as PEM, from `-----BEGIN CERTIFICATE-----` on"));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Plain text goes to this machine only, where nobody is on the way.
pub(super) fn check_plain(host: &str) -> Result<(), Failure> {
    if host.starts_with('/') || Reach::of(host) == Reach::Own {
        return Ok(());
    }
    Err(config(format!("`tls: off` is for this machine only, and `{host}` is another one; leave `tls` out")))
}
