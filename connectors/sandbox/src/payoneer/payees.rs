//! Those who are paid: what is known of them, and how somebody becomes one.
//!
//! Shapes: vendors.md, section 1.5. A link makes a payee whose registration is looked at for a while on the sandbox clock,
//! and then approved or declined by the seed and his id alone. Numbers of 106xx are ours.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::Fields;
use super::methods::{self, Method};
use super::{CURRENCY, failure, result};
use crate::clock;
use crate::random::Random;
use crate::system::Notice;
use crate::wire::Answer;

/// The shortest and the longest time until a registration is decided, in sandbox time.
const REGISTRATION_MS: (u64, u64) = (15 * 60_000, 90 * 60_000);

/// One registration in so many is declined.
const DECLINED_ONE_IN: u32 = 12;

const EXISTS: u32 = 10601;

/// A person or company that is paid.
#[derive(Clone, Debug)]
pub(crate) struct Payee {
    /// Its account number.
    pub(crate) account: String,
    /// Whether it can be paid.
    pub(crate) state: PayeeState,
    /// When it registered.
    pub(crate) registered: Timestamp,
    /// Who it is.
    pub(crate) holder: Holder,
    /// How it gets its money.
    pub(crate) method: Method,
}

/// All payees, and those of them whose registration is not decided.
#[derive(Debug)]
pub(super) struct Registry {
    seed: u64,
    /// By the client's name of them.
    pub(super) payees: BTreeMap<String, Payee>,
    visits: BTreeMap<String, Visit>,
}

/// A registration that is not decided.
#[derive(Debug)]
struct Visit {
    /// The client's name of it.
    session: String,
    ends_at: Timestamp,
}

/// What is known of a person.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holder {
    /// The given name.
    pub(crate) first_name: String,
    /// The family name.
    pub(crate) last_name: String,
    /// The address of electronic mail.
    pub(crate) email: String,
    /// ISO 3166 alpha-2; empty where nobody said it.
    pub(crate) country: String,
}

/// Whether a payee can be paid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PayeeState {
    /// Type 0: has not finished the registration.
    Pending,
    /// Type 1.
    Active,
    /// Type 99.
    Inactive,
}

impl PayeeState {
    /// Reads a payee type.
    pub(crate) fn of(kind: u8) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Inactive].into_iter().find(|state| state.kind().0 == kind)
    }

    /// Says it by number and in words.
    pub(super) fn kind(self) -> (u8, &'static str) {
        match self {
            Self::Pending => (0, "Pending"),
            Self::Active => (1, "Active"),
            Self::Inactive => (99, "Inactive"),
        }
    }
}

impl Holder {
    /// Says whom to write to.
    pub(super) fn contact(&self) -> Value {
        json!({ "first_name": self.first_name, "last_name": self.last_name, "email": self.email })
    }

    /// Says where, as far as that is known.
    pub(super) fn address(&self) -> Value {
        json!({ "country": self.country })
    }

    fn read(payee: &Value) -> Self {
        let text = |path: &str| payee.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            first_name: text("/contact/first_name"),
            last_name: text("/contact/last_name"),
            email: text("/contact/email"),
            country: text("/address/country"),
        }
    }
}

impl Payee {
    /// Says where it stands, as the status of a payee.
    pub(super) fn status(&self) -> Value {
        let (kind, description) = self.state.kind();
        json!({
            "account_id": self.account,
            "status": { "type": kind, "description": description },
            "registration_date": clock::seconds_text(self.registered),
            "payout_method": { "type": self.method.name(), "currency": CURRENCY },
        })
    }

    /// Says who it is.
    pub(super) fn details(&self) -> Value {
        let mut body = self.status();
        body["type"] = json!("INDIVIDUAL");
        body["contact"] = self.holder.contact();
        body["address"] = self.holder.address();
        body
    }
}

impl Registry {
    /// Starts with payees whose registrations are decided.
    pub(super) fn new(seed: u64, payees: BTreeMap<String, Payee>) -> Self {
        Self { seed, payees, visits: BTreeMap::new() }
    }

    /// Makes a link to the vendor's pages, with its token; who follows it is a payee, whose registration is decided later.
    ///
    /// # Errors
    /// The answer that names what is wrong.
    pub(super) fn link(&mut self, body: &Value, now: Timestamp) -> Result<(String, String), Answer> {
        let mut fields = Fields::new(body);
        let id = fields.reference("payee_id");
        fields.done("Invalid payee data")?;
        let id = id.unwrap_or_default();
        if !self.payees.contains_key(id) {
            let chosen = body["payout_methods"].as_array().and_then(|methods| methods.first());
            let method = chosen.or(body.pointer("/payout_method/type")).and_then(Value::as_str).and_then(Method::named);
            let session = body["client_session_id"].as_str().unwrap_or_default();
            self.begin((id, session), &body["payee"], method, now);
        }
        let token = format!("{:016x}", Random::of(self.seed, &format!("link/{id}/{}", now.as_millisecond())).draw());
        Ok((format!("https://payouts.sandbox.payoneer.com/partners/lp.aspx?token={token}"), token))
    }

    /// Registers somebody whose data the client has. He is decided on as all others are.
    ///
    /// # Errors
    /// The answer that names what is wrong.
    pub(super) fn register(&mut self, body: &Value, now: Timestamp) -> Result<Answer, Answer> {
        let mut fields = Fields::new(body);
        let id = fields.reference("payee_id");
        let contact = ["payee.contact.first_name", "payee.contact.last_name", "payee.contact.email"];
        contact.into_iter().chain(["payee.address.country"]).for_each(|name| {
            fields.text(name);
        });
        if body.pointer("/payee/contact/email").and_then(Value::as_str).is_some_and(|email| !email.contains('@')) {
            fields.wrong("payee.contact.email", 1000, "Email is not valid");
        }
        let method = fields.text("payout_method.type").and_then(Method::named);
        if method == Some(Method::Bank) {
            methods::check(body, &mut fields);
        }
        if id.is_some_and(|id| self.payees.contains_key(id)) {
            fields.wrong("payee_id", EXISTS, "Payee already exists");
        }
        fields.done("Invalid payee data")?;
        self.begin((id.unwrap_or_default(), ""), &body["payee"], method, now);
        Ok(result(&json!("Success")))
    }

    /// Decides on each registration whose time has come.
    pub(super) fn settle(&mut self, now: Timestamp) -> Vec<Notice> {
        let due = self.visits.iter().filter(|(_, visit)| visit.ends_at <= now);
        let mut due: Vec<(Timestamp, String)> = due.map(|(id, visit)| (visit.ends_at, id.clone())).collect();
        due.sort();
        due.into_iter().filter_map(|(at, id)| self.decide(&id, !self.fate(&id).1, at)).collect()
    }

    /// Decides on a registration, as a person of the vendor's does. What is decided already is decided once more.
    pub(super) fn decide(&mut self, id: &str, is_approved: bool, at: Timestamp) -> Option<Notice> {
        let session = self.visits.remove(id).map(|visit| visit.session).unwrap_or_default();
        let payee = self.payees.get_mut(id)?;
        payee.registered = at;
        payee.state = if is_approved { PayeeState::Active } else { PayeeState::Inactive };
        let payoneer_id = &payee.account[payee.account.len().saturating_sub(7)..];
        let reason = (!is_approved).then_some("Incorrect information");
        Some(Notice::payee((id, payoneer_id, &session), reason, at))
    }

    /// Removes one.
    ///
    /// # Errors
    /// The answer where there is none.
    pub(super) fn delete(&mut self, id: &str) -> Result<Answer, Answer> {
        self.payees.remove(id).ok_or_else(not_found)?;
        self.visits.remove(id);
        Ok(result(&json!({ "payee_id": id })))
    }

    fn begin(&mut self, (id, session): (&str, &str), data: &Value, method: Option<Method>, now: Timestamp) {
        let number = Random::of(self.seed, &format!("payee-account/{id}")).between(0, 99_999_999);
        let payee = Payee {
            account: (4_366_181_700_000_000 + number).to_string(),
            state: PayeeState::Pending,
            registered: now,
            holder: Holder::read(data),
            method: method.unwrap_or_default(),
        };
        let visit = Visit { session: session.to_owned(), ends_at: clock::add_ms(now, self.fate(id).0) };
        self.payees.insert(id.to_owned(), payee);
        self.visits.insert(id.to_owned(), visit);
    }

    /// How long a registration is looked at, and whether it is declined in the end.
    fn fate(&self, id: &str) -> (u64, bool) {
        let mut random = Random::of(self.seed, &format!("payee/{id}"));
        let (shortest, longest) = REGISTRATION_MS;
        (random.between(shortest, longest), random.hits(DECLINED_ONE_IN))
    }
}

/// The answer where there is none.
pub(super) fn not_found() -> Answer {
    failure(StatusCode::NOT_FOUND, 10005, "Payee not found")
}
