//! Who has registered to be told, and what: `order.created`, `payment.processed`, `order.refunded`.
//!
//! Each registration is told of each event, signed as Standard Webhooks say, with its own secret or the account's.
//! Registering the same URL twice makes two registrations, which are both told.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::orders::Event;
use crate::random::Random;
use crate::system::{Listener, Notice, Signing};
use crate::{limits, webhooks};

/// What is told.
pub(super) const KINDS: [&str; 3] = ["order.created", "payment.processed", "order.refunded"];

/// All registrations.
#[derive(Debug)]
pub(super) struct Hooks {
    secret: String,
    all: Vec<Registration>,
    made: u64,
}

#[derive(Debug)]
struct Registration {
    id: String,
    listener: Listener,
    created: Timestamp,
}

impl Hooks {
    /// Starts with nobody; the account's secret comes from the seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::of(seed, "clarity/secret");
        let bytes: Vec<u8> = (0..3).flat_map(|_| random.draw().to_be_bytes()).collect();
        Self { secret: format!("whsec_{}", BASE64_STANDARD.encode(bytes)), all: Vec::new(), made: 0 }
    }

    /// Says the account's secret.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// Says who is told.
    pub(super) fn listeners(&self) -> Vec<Listener> {
        self.all.iter().map(|registration| registration.listener.clone()).collect()
    }

    /// Registers somebody; its secret is shown this once.
    ///
    /// # Errors
    /// What is wrong with the body.
    pub(super) fn register(&mut self, body: &Value, now: Timestamp) -> Result<Value, String> {
        let url = body["url"].as_str().filter(|url| webhooks::is_on_this_machine(url));
        let url = url.ok_or("url must be http://127.0.0.1:PORT/PATH: the sandbox tells this machine only")?;
        let named = body["events"].as_array().filter(|events| !events.is_empty());
        let named = named.ok_or("events must be a list of names")?;
        let find = |event: &Value| KINDS.into_iter().find(|kind| event == kind);
        let kinds: Option<Vec<&'static str>> = named.iter().map(find).collect();
        let kinds = kinds.ok_or_else(|| format!("events are {}", KINDS.join(", ")))?;
        let secret = match &body["secret"] {
            Value::Null => self.secret.clone(),
            Value::String(secret) if secret.len() > "whsec_".len() && secret.starts_with("whsec_") => secret.clone(),
            _ => return Err("secret must be whsec_ and a key in Base64".to_owned()),
        };
        if self.all.len() >= limits::WEBHOOK_URLS_MAX {
            return Err(format!("an account has at most {} webhooks", limits::WEBHOOK_URLS_MAX));
        }
        self.made += 1;
        let listener = Listener { url: url.to_owned(), secret: secret.clone(), kinds };
        let registration = Registration { id: format!("WH-{}", self.made), listener, created: now };
        let mut shown = registration.shown();
        shown["secret"] = json!(secret);
        self.all.push(registration);
        Ok(shown)
    }

    /// Shows all, or those with a URL; never a secret.
    pub(super) fn shown<'a>(&'a self, url: Option<&'a str>) -> impl Iterator<Item = (Timestamp, Value)> + 'a {
        let wanted = self.all.iter().filter(move |one| url.is_none_or(|url| one.listener.url == url));
        wanted.map(|one| (one.created, one.shown()))
    }

    /// Forgets one; nothing where there is none.
    pub(super) fn delete(&mut self, id: &str) -> Option<()> {
        let index = self.all.iter().position(|registration| registration.id == id)?;
        self.all.remove(index);
        Some(())
    }
}

impl Registration {
    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "url": self.listener.url,
            "events": self.listener.kinds,
            "isActive": true,
            "createdAt": self.created,
        })
    }
}

/// Tells of an event, in the form that Standard Webhooks recommend.
pub(super) fn notice(event: Event) -> Notice {
    let Event { kind, reference, at, data } = event;
    let body = json!({ "type": kind, "timestamp": at, "data": data });
    Notice { signing: Signing::StandardWebhooks, kind, reference, at, body }
}
