//! What a failure tells a person of its exchange: masked before it leaves here.

use ferry_contract::{
    exchange::{Answered, Exchange, kept},
    failure::Failure,
    mask::Mask,
};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use crate::{
    connection::Connection,
    request::Prepared,
    response::{Answer, Asked},
};

/// Headers of an answer that a vendor's support asks for, or that say how long to wait.
const HEADERS: [&str; 8] = [
    "content-type",
    "date",
    "request-id",
    "retry-after",
    "sforce-limit-info",
    "x-amzn-requestid",
    "x-correlation-id",
    "x-request-id",
];

impl Connection {
    /// The failure as a person may see it, with its exchange.
    pub(crate) fn told(&self, failure: Failure, asked: &Asked, answer: Option<&Answer>) -> Failure {
        let message = self.mask(&asked.sensitive).text(&failure.message);
        Failure { message, ..failure }.with(|| self.exchanged(asked, answer))
    }

    /// What was asked, and what came back. What the call had in the body is added by [`Connection::with_body`],
    /// because a bundle has the calls of many runs.
    pub(crate) fn exchanged(&self, asked: &Asked, answer: Option<&Answer>) -> Exchange {
        let mask = self.mask(&asked.sensitive);
        let answer = answer.map(|answer| Answered {
            status: answer.status,
            headers: mask.value(&headers(&answer.headers)),
            body: kept(&mask, &answer.body),
        });
        Exchange { method: asked.method.clone(), url: mask.url(&asked.url), body: None, others: 0, answer }
    }

    /// Adds the call's own part of a request that had so many calls.
    pub(crate) fn with_body(&self, mut failure: Failure, call: &Prepared, calls: usize) -> Failure {
        if let Some(exchange) = failure.exchange.as_mut().filter(|exchange| exchange.body.is_none()) {
            let mask = self.mask(&call.sensitive);
            exchange.body = call.body.as_ref().map(|body| kept(&mask, body));
            exchange.others = calls.saturating_sub(1);
        }
        failure
    }

    pub(crate) fn mask(&self, sensitive: &[String]) -> Mask {
        let connector = &self.manifest.connector;
        let secret = |name: &str| connector.fields.iter().any(|(known, field)| known == name && field.secret);
        let secrets = self.fields.iter().filter(|(name, _)| secret(name)).map(|(_, value)| value.expose_secret());
        let names = connector
            .actions
            .values()
            .flat_map(|action| action.input.sensitive_names().into_iter().chain(action.output.sensitive_names()));
        Mask::default().secrets(secrets).values(sensitive.iter().map(String::as_str)).names(names)
    }
}

fn headers(all: &Value) -> Value {
    let known = |name: &&str| Some(((*name).to_owned(), all.get(name)?.clone()));
    let kept: Map<_, _> = HEADERS.iter().filter_map(known).collect();
    if kept.is_empty() { Value::Null } else { Value::Object(kept) }
}
