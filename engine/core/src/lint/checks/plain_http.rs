//! `plain-http`: a connection that anybody on the way can read and change.

use ferry_contract::report::Report;

use super::{Check, On};
use crate::lint::{File, FileKind};

pub(super) const CHECK: Check = Check { name: "plain-http", page: include_str!("plain_http.md"), on: On::File(check) };

fn check(file: &File<'_>, report: &mut Report) {
    if file.kind != FileKind::Project {
        return;
    }
    for (keys, node) in file.leaves() {
        let ["connections", _, field, ..] = keys.as_slice() else { continue };
        let Some(host) = node.text().and_then(|text| text.strip_prefix("http://")) else { continue };
        if !is_own_machine(host) {
            let message = format!("`{field}` is sent over `http`, so whoever is on the way reads and changes it");
            report.error(CHECK.name, node.at, message, "write `https://…`; to this machine itself `http` is enough");
        }
    }
}

fn is_own_machine(address: &str) -> bool {
    let host = address.split(['/', '?', '#']).next().unwrap_or_default();
    // A name before an `@` is no host.
    let host = host.rsplit('@').next().unwrap_or_default();
    let name = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() };
    name == "localhost"
        || name.starts_with("[::1]")
        || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}
