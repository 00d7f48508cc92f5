//! Which group a call joins, and whose turn it is.

use std::sync::Arc;

use ferry_connectors::connection::Connection;
use tokio::sync::Mutex as AsyncMutex;

use super::{Dispatcher, Gathering, GroupKey, Member, locked};

impl Dispatcher {
    /// Joins the open group, or opens one and gives it to whoever shall send it.
    pub(super) fn join(&self, key: &GroupKey, member: Member, max: usize) -> Option<Arc<Gathering>> {
        let mut gathering = locked(&self.gathering);
        let open = gathering.get(key).cloned();
        let group = open.clone().unwrap_or_default();
        let count = {
            let mut members = locked(&group.members);
            members.push(member);
            members.len()
        };
        if count >= max {
            gathering.remove(key);
            group.full.notify_one();
        } else if open.is_none() {
            gathering.insert(key.clone(), Arc::clone(&group));
        }
        open.is_none().then_some(group)
    }

    /// No more members for this group.
    pub(super) fn close(&self, key: &GroupKey, group: &Arc<Gathering>) {
        let mut gathering = locked(&self.gathering);
        if gathering.get(key).is_some_and(|open| Arc::ptr_eq(open, group)) {
            gathering.remove(key);
        }
    }

    pub(super) fn turn(&self, connection: &Connection, action: &str) -> Option<Arc<AsyncMutex<()>>> {
        let call = connection.action(action).ok()?;
        if call.bundle.is_none() && call.preflight.is_none() {
            return None;
        }
        let key = (connection.name.clone(), action.to_owned());
        Some(Arc::clone(locked(&self.turns).entry(key).or_default()))
    }
}
