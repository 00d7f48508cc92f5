//! What connections may do, as their manifests and `ferry.yaml` say it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ferry_connectors::connection::Connection;
use ferry_contract::{catalog::Window, key::Digest, port::host_of};

/// What connections that lead to one place may do together.
pub(super) struct Limits {
    pub(super) names: BTreeSet<String>,
    pub(super) windows: Vec<Window>,
    pub(super) at_once: usize,
}

/// The limits by where connections lead, each with one of them: the fewest requests at once, and the budget of the
/// first.
pub(super) fn limits<'a>(
    connections: impl Iterator<Item = &'a Arc<Connection>>,
) -> BTreeMap<Digest, (&'a Connection, Limits)> {
    let mut all: BTreeMap<Digest, (&Connection, Limits)> = BTreeMap::new();
    for connection in connections {
        let at_once = connection.concurrency();
        let new = || (&**connection, Limits { names: BTreeSet::new(), windows: windows(connection), at_once });
        let (_, limits) = all.entry(connection.identity().clone()).or_insert_with(new);
        limits.names.insert(connection.name.clone());
        limits.at_once = limits.at_once.min(at_once);
    }
    all
}

pub(super) fn windows(connection: &Connection) -> Vec<Window> {
    connection.manifest.budget.iter().map(|budget| budget.window.clone()).collect()
}

/// Whether two windows count the same, whatever their limits.
pub(super) fn is_one(window: &Window, other: &Window) -> bool {
    (window.per, &window.host) == (other.per, &other.host)
}

pub(super) fn counts(window: &Window, host: &str) -> bool {
    window.host.as_deref().is_none_or(|own| own == host_of(host))
}
