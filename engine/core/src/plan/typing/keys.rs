//! What is read of an event before its run begins: each is one text or number, or says nothing.

use ferry_contract::{path::Path, schema::Kind};

use super::Types;
use crate::plan::{Concurrency, EventSource, Trigger};

impl Types<'_> {
    /// Looks at the paths by which events are known, ordered and kept apart; `$` is the event there.
    pub(super) fn keys(&mut self, trigger: &Trigger, concurrency: Option<&Concurrency>) {
        let cursor = match &trigger.source {
            EventSource::Poll(poll) => poll.growing(),
            _ => None,
        };
        let cursor = cursor.map_or_else(Vec::new, |growing| vec![&growing.field, &growing.tie_break]);
        let key = trigger.key.iter().map(|path| (path, "a key"));
        let revision = trigger.revision.iter().map(|path| (path, "a revision"));
        let cursor = cursor.into_iter().map(|path| (path, "a cursor"));
        let lane = concurrency.map(|concurrency| (&concurrency.key, "the key of `concurrency`"));
        for (path, what) in key.chain(revision).chain(cursor).chain(lane) {
            self.key(path, what);
        }
    }

    fn key(&mut self, path: &Path, what: &str) {
        let (text, at) = (path.text(), path.at());
        let Some(steps) = path.steps() else {
            if path.is_plural() {
                let message = format!("`{text}` gives each of them, and {what} is one value");
                self.report.warning(
                    "several-values",
                    at,
                    message,
                    "say which one, such as `[0]`, or name another field",
                );
            }
            return;
        };
        let event = self.roots["event"].clone();
        let shape = self.typing(None, vec![("event", event)], |cx| path.shape_from("event", steps, cx));
        let is = match shape.schema.kind {
            _ if steps.is_empty() => "the whole event",
            Some(Kind::Object) => "a map",
            Some(Kind::Array) => "a list",
            Some(Kind::Boolean) => "true or false",
            Some(Kind::String | Kind::Number | Kind::Integer) | None => return,
        };
        let message = format!("`{text}` is {is}, and {what} is a text or a number");
        self.report.error("wrong-input", at, message, "name a field that has one, such as `$.id`");
    }
}
