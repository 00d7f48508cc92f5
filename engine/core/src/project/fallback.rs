//! `fallback`: further addresses of a connection's system, for when the first one cannot be reached.
//!
//! They are other doors of one house: whatever goes through any of them is the same account with the same records.

use ferry_contract::{
    host,
    report::{Report, Spanned},
    yaml::{
        Node,
        read::{map, texts},
    },
};

use crate::limits::FALLBACKS_MAX;

/// The further addresses of one host.
#[derive(Clone, Debug)]
pub struct Fallback {
    /// The name of the address in the connector, such as `api`.
    pub host: Spanned<String>,
    /// Where else it is, in order, with references.
    pub urls: Vec<Spanned<String>>,
}

/// Reads `fallback: { api: [https://…] }`.
pub(super) fn read(node: &Node, report: &mut Report) -> Vec<Fallback> {
    let entries = map(node, "`fallback`", report).unwrap_or_default();
    entries.iter().filter_map(|(host, node)| one(host, node, report)).collect()
}

fn one(host: &Spanned<String>, node: &Node, report: &mut Report) -> Option<Fallback> {
    let mut urls = texts(node, &format!("`fallback.{}`", host.value), report)?;
    if let Some(url) = urls.get(FALLBACKS_MAX) {
        let message = format!("`{}` has more than {FALLBACKS_MAX} further addresses", host.value);
        report.error("invalid-value", url.at, message, "leave those that are needed: each is tried in its turn");
    }
    urls.truncate(FALLBACKS_MAX);
    for (index, url) in urls.iter().enumerate() {
        if !is_address(&url.value) {
            let message = format!("`{}` is no address", url.value);
            let help = "write where the system is, with its scheme, and nothing else: `https://api-2.acme.example`";
            report.error("invalid-value", url.at, message, help);
        } else if urls[..index].iter().any(|before| before.value == url.value) {
            let message = format!("`{}` is written twice, so it would be tried twice", url.value);
            report.error("invalid-value", url.at, message, "remove one of them");
        }
    }
    Some(Fallback { host: host.clone(), urls })
}

/// What a reference stands for is looked at where the connection is opened.
fn is_address(text: &str) -> bool {
    host::is_address(text) || (text.contains("${") && !text.contains(' '))
}
