//! `tls`: how a connection and its system know each other, where public authorities are not enough.

use ferry_contract::{
    report::{Report, Spanned},
    yaml::{
        Node,
        read::{Fields, text},
    },
};

/// Certificates of a connection: each a file of the project, or a reference whose value is the certificate or names a file.
#[derive(Clone, Debug)]
pub struct TlsText {
    /// The authorities that vouch for the system, in the place of the public ones.
    pub ca: Option<Spanned<String>>,
    /// The certificate, with those that vouch for it, by which the system knows us; and its private key.
    pub identity: Option<(Spanned<String>, Spanned<String>)>,
}

/// Reads `tls: { ca: …, certificate: …, key: … }`.
pub(super) fn read(node: &Node, report: &mut Report) -> Option<TlsText> {
    let fields = Fields::open(node, "`tls`", &["ca", "certificate", "key"], report)?;
    let mut of = |key: &str, what: &str| {
        let found = fields.get(key).and_then(|node| text(node, what, report));
        let is_whole = |value: &Spanned<String>| value.value.contains("-----BEGIN");
        if let Some(value) = found.as_ref().filter(|value| key == "key" && is_whole(value)) {
            let message = "a private key is written into the file";
            let help = "write `key: ${secret:acme/key}`, change the key, and have the certificate made anew";
            // The place is that of the map, so that the key is not shown with the finding.
            report.error("literal-secret", node.at, message, help);
            return Some(Spanned { value: String::new(), at: value.at });
        }
        found
    };
    let (ca, certificate, key) = (of("ca", "`ca`"), of("certificate", "`certificate`"), of("key", "`key`"));
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => {
            if ca.is_none() {
                let help =
                    "name the authority of the system with `ca`, or our own certificate with `certificate` and `key`";
                report.error("missing-key", node.at, "`tls` names no certificate", help);
            }
            None
        }
        (Some(one), None) => {
            let help = "add `key: ${secret:acme/key}`";
            report.error("missing-key", one.at, "a certificate proves nothing without its private key", help);
            None
        }
        (None, Some(one)) => {
            report.error(
                "missing-key",
                one.at,
                "a private key needs its certificate",
                "add `certificate: certificates/acme.pem`",
            );
            None
        }
    };
    Some(TlsText { ca, identity })
}
