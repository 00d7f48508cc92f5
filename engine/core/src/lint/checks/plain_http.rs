//! `plain-http` and `private-host`: a connection that others can read, or that leads to no partner.

use ferry_contract::{host, report::Report};

use super::{Check, On, reading};
use crate::lint::{File, FileKind};

pub(super) const CHECK: Check = Check { name: "plain-http", page: include_str!("plain_http.md"), on: On::File(check) };
/// Whoever reads a manifest finds it there.
pub(super) const PRIVATE: Check = reading("private-host", include_str!("private_host.md"));

fn check(file: &File<'_>, report: &mut Report) {
    if file.kind != FileKind::Project {
        return;
    }
    for (keys, node) in file.leaves() {
        let (["connections", _, field, ..] | ["environments", _, "connections", _, field, ..]) = keys.as_slice() else {
            continue;
        };
        if let Some(text) = node.text() {
            host::look(field, text, node.at, report);
        }
    }
}
