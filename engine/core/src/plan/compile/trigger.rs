//! What starts runs, and which of them go one after another.

use ferry_contract::{
    catalog::Action,
    expression::Compiler,
    path::{Path, Step as PathStep},
    report::{At, Spanned},
    schema::Kind,
    yaml::Node,
};

use croner::Cron;

use super::{Builder, Scope};
use crate::{
    eval::operators::date,
    language,
    plan::{
        Concurrency, Cursor, Drop, EventSource, Growing, Poll, Reconciled, Schedule, Sender, Trigger, Webhook,
        first_times,
    },
};

/// The key of a run that another follows, in the event.
pub(crate) const FOLLOWED_KEY: &str = "$.key";
/// The key of an item of a book, in the event.
const ITEM_KEY: &str = "$.key";
/// The fields of a cron expression, with what they may be.
const CRON_FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 to 7, or SUN to SAT"),
];
/// The time of a schedule in its event, which is the event's key.
pub(crate) const SCHEDULED_AT: &str = "$.scheduled_at";

/// What is wrong with an expression, as a part of a message.
fn in_words(cron: &str) -> String {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    if fields.len() != CRON_FIELDS.len() {
        return format!("it has {} fields, and five are needed", fields.len());
    }
    let is_wrong = |index: usize, field: &str| {
        let alone: Vec<&str> = (0..CRON_FIELDS.len()).map(|other| if other == index { field } else { "*" }).collect();
        alone.join(" ").parse::<Cron>().is_err()
    };
    let wrong = fields.iter().zip(CRON_FIELDS).enumerate().find(|(index, (field, _))| is_wrong(*index, field));
    wrong.map_or("its fields do not go together".to_owned(), |(_, (field, (name, range)))| {
        format!("`{field}` is no {name}, which is {range}")
    })
}

impl<'a> Builder<'a> {
    pub(super) fn trigger(&mut self, trigger: &language::Trigger) -> Option<Trigger> {
        let source = match &trigger.source {
            language::EventSource::Poll(poll) => self.poll(poll).map(|poll| EventSource::Poll(Box::new(poll))),
            language::EventSource::Webhook(webhook) => self.webhook(webhook).map(EventSource::Webhook),
            language::EventSource::Event(name) => Some(EventSource::Event(name.value.clone())),
            language::EventSource::Schedule(schedule) => {
                self.schedule(schedule).map(|schedule| EventSource::Schedule(Box::new(schedule)))
            }
            language::EventSource::Pipeline(follow) => {
                Some(EventSource::Pipeline { name: follow.name.value.clone(), on: follow.on })
            }
            language::EventSource::File(file) => {
                let folder = file.folder.value.clone();
                Some(EventSource::File(Drop { folder, rows: file.rows, every: file.every }))
            }
            language::EventSource::Reconciled(reconciled) => {
                let only = reconciled.only.iter().map(|name| name.value.clone()).collect();
                let book = reconciled.book.value.clone();
                Some(EventSource::Reconciled(Reconciled { book, of: reconciled.of, only, every: reconciled.every }))
            }
            language::EventSource::Manual => Some(EventSource::Manual),
        };
        let key = match &trigger.source {
            // Whoever else looks at the same clock makes the same event.
            language::EventSource::Schedule(_) => Some(Path::parse(SCHEDULED_AT).ok()),
            language::EventSource::Pipeline(_) => Some(Path::parse(FOLLOWED_KEY).ok()),
            language::EventSource::Reconciled(_) => Some(Path::parse(ITEM_KEY).ok()),
            _ => trigger.key.as_ref().map(|key| self.event_path(key)),
        };
        let revision = match &trigger.source {
            // A run that is begun again, and ends again, is followed again where its follower had failed.
            language::EventSource::Pipeline(_) => Some(Path::parse("$.ended_at").ok()),
            // An item that has changed is another one, where its run had failed.
            language::EventSource::Reconciled(_) => Some(Path::parse("$.number").ok()),
            _ => trigger.revision.as_ref().map(|revision| self.event_path(revision)),
        };
        Some(Trigger {
            source: source?,
            key: key.map_or(Some(None), |key| key.map(Some))?,
            revision: revision.map_or(Some(None), |revision| revision.map(Some))?,
        })
    }

    pub(super) fn concurrency(&mut self, concurrency: &language::Concurrency) -> Option<Concurrency> {
        let key = self.event_path(&concurrency.key)?;
        Some(Concurrency { key, limit: u32::try_from(concurrency.limit).unwrap_or(u32::MAX) })
    }

    fn poll(&mut self, poll: &language::Poll) -> Option<Poll> {
        let scope = Scope { names: vec!["vars"] };
        let call = self.call(&poll.action, poll.with.as_ref(), &scope);
        let cursor = self.cursor(poll);
        let call = call?;
        self.pollable(&poll.action)?;
        poll.backfill.iter().for_each(|backfill| self.has_windows(&poll.action, backfill.at));
        Some(Poll {
            connection: call.connection,
            action: call.action,
            with: call.with,
            every: poll.every,
            cursor: cursor?,
            backfill: poll.backfill.as_ref().map(|backfill| backfill.value.clone()),
        })
    }

    fn cursor(&mut self, poll: &language::Poll) -> Option<Cursor> {
        match &poll.cursor {
            language::Cursor::Field(growing) => {
                let (field, tie_break) = (self.event_path(&growing.field), self.event_path(&growing.tie_break));
                Some(Cursor::Field(Growing { field: field?, tie_break: tie_break?, lookback: growing.lookback }))
            }
            language::Cursor::Token(token) => {
                let path = self.event_path(&token.token)?;
                self.gives_token(poll, (token, &path));
                Some(Cursor::Token { token: path, into: token.into.value.clone() })
            }
        }
    }

    /// A place that is not given, or not taken, is one from which no poll goes on.
    fn gives_token(&mut self, poll: &language::Poll, (token, path): (&language::Token, &Path)) {
        let Some(known) = self.known_action(&poll.action) else { return };
        let input: Vec<&str> = known.input.properties.iter().map(|(name, _)| name.as_str()).collect();
        let (into, name) = (&token.into, poll.action.value.as_str());
        if !known.input.open && !input.contains(&into.value.as_str()) {
            let message = format!("`{name}` takes no `{}`", into.value);
            self.report.unknown("unknown-field", into.at, message, (&into.value, &input));
        }
        if let Some(written) = poll.with.as_ref().and_then(|with| with.get(&into.value)) {
            let message = format!("`{}` is set by the cursor", into.value);
            self.report.error("misplaced-key", written.at, message, "remove it: without a place, the poll begins anew");
        }
        let steps = path.steps().filter(|steps| !steps.is_empty());
        let at = token.token.at;
        let Some(steps) = steps else {
            let message = "a token is one value of the answer";
            self.report.error("invalid-value", at, message, "name it, such as `$.replay_id`");
            return;
        };
        let mut schema = &known.output;
        for step in steps {
            let PathStep::Name(name) = step else { return };
            match schema.property(name) {
                Some(inside) => schema = inside,
                None if schema.open => return,
                None => {
                    let message = format!("the answer of `{}` has no `{name}`", poll.action.value);
                    let given: Vec<&str> = schema.properties.iter().map(|(name, _)| name.as_str()).collect();
                    self.report.unknown("unknown-field", at, message, (name, &given));
                    return;
                }
            }
        }
        if schema.kind.is_some_and(|kind| kind != Kind::String) {
            let message = format!("`{}` is no text, and a token is one", path.text());
            self.report.error("invalid-value", at, message, "name the text by which the target calls the place");
        }
    }

    fn known_action(&self, action: &Spanned<String>) -> Option<&'a Action> {
        let (connection, name) = action.value.split_once('.')?;
        let connector = self.project.connections.get(connection)?.connector.value.as_str();
        self.catalog.action(connector, name)
    }

    /// A window has an end only where the action takes one.
    fn has_windows(&mut self, action: &Spanned<String>, at: At) {
        let Some((connection, name)) = action.value.split_once('.') else { return };
        let connector = self.project.connections.get(connection).map(|connection| connection.connector.value.as_str());
        let known = connector.and_then(|connector| self.catalog.action(connector, name));
        let cursor = known.and_then(|action| action.input.property("cursor"));
        if cursor.is_none_or(|cursor| cursor.property("before").is_none()) {
            let message = format!("`{}` cannot be asked up to a time, so a backfill has no windows", action.value);
            let help = "add `before` to `cursor` in the input of its manifest, and a condition for it in its request";
            self.report.error("invalid-value", at, message, help);
        }
    }

    fn schedule(&mut self, written: &language::Schedule) -> Option<Schedule> {
        let zone = date::zone(&written.zone, self.report);
        let cron = written.cron.value.parse::<Cron>();
        let help = "write minute, hour, day of the month, month and day of the week, such as `0 6 * * 1-5`";
        let named = cron.as_ref().map(|cron| first_times(cron, 1).is_empty());
        match named {
            Err(_) => {
                let message =
                    format!("`{}` is not a cron expression: {}", written.cron.value, in_words(&written.cron.value));
                self.report.error("invalid-value", written.cron.at, message, help);
            }
            // Whatever it does, it is no harm to a version that is stored.
            Ok(true) => {
                let message = format!("`{}` names no time that there is", written.cron.value);
                self.report.warning("invalid-value", written.cron.at, message, help);
            }
            Ok(false) => {}
        }
        Some(Schedule { cron: cron.ok()?, zone: zone?, overlap: written.overlap, catch_up: written.catch_up })
    }

    fn webhook(&mut self, webhook: &language::Webhook) -> Option<Webhook> {
        let respond = webhook.respond.as_ref().map(|step| {
            let found = self.main.iter().position(|name| *name == step.value);
            if found.is_none() {
                let known: Vec<&str> = self.main.iter().map(String::as_str).collect();
                let message = format!("there is no step `{}` to answer with", step.value);
                self.report.unknown("unknown-step", step.at, message, (&step.value, &known));
            }
            self.names.iter().position(|name| *name == step.value)
        });
        let sender = match &webhook.sender {
            language::Sender::Anybody => Some(Sender::Anybody),
            language::Sender::Verified(scheme, secret) => Some(Sender::Verified(scheme.clone(), secret.value.clone())),
            // What is not there is said by `unknown-webhook`; a version that has its event already needs none of it.
            language::Sender::System { from, unsigned } => from.value.split_once('.').map(|(connection, webhook)| {
                let (connection, webhook) = (connection.to_owned(), webhook.to_owned());
                Sender::System { connection, webhook, unsigned: *unsigned }
            }),
        };
        Some(Webhook {
            path: webhook.path.value.clone(),
            sender: sender?,
            respond: respond.map_or(Some(None), |respond| respond.map(Some))?,
        })
    }

    /// A path in which `$` is the event.
    pub(super) fn event_path(&mut self, node: &Node) -> Option<Path> {
        let mut compiler =
            Compiler { rules: self.rules, dialect: self.mapping, names: &[], roots: None, report: self.report };
        compiler.path(node)
    }

    pub(super) fn pollable(&mut self, action: &Spanned<String>) -> Option<()> {
        let (connection, name) = action.value.split_once('.')?;
        let connector = &self.project.connections.get(connection)?.connector.value;
        if self.catalog.action(connector, name)?.items {
            return Some(());
        }
        let actions = self.catalog.connectors.get(connector)?.actions.iter();
        let known: Vec<String> =
            actions.filter(|(_, action)| action.items).map(|(name, _)| format!("{connection}.{name}")).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = format!("`{}` cannot be polled: its manifest names no items", action.value);
        self.report.unknown("unknown-action", action.at, message, (&action.value, &known));
        None
    }
}
