//! The `webhooks` of a manifest: what a system tells by itself, and how it is known to come from there.

use std::collections::BTreeMap;

use ferry_contract::{
    catalog::{self, ConnectionField},
    evidence::Evidence,
    expression::Expression,
    script::Script,
    webhook::Scheme,
    yaml::{
        Node,
        read::{Fields, map, one_of, text},
    },
};

use super::{read::Reader, schema};

const KEYS: [&str; 9] = ["summary", "source", "evidence", "verify", "encoding", "when", "result", "output", "sample"];

/// One thing that a system tells by itself.
#[derive(Debug)]
pub struct Webhook {
    /// How it shows who sent it.
    pub scheme: Scheme,
    /// The field of the connection that is its secret.
    pub secret: String,
    /// How its content is written.
    pub encoding: Encoding,
    /// What tells its content from that of other webhooks, in Rhai on `body`.
    pub when: Option<Script>,
    /// The event, from the content.
    pub result: Expression,
    /// The sample's file, relative to the manifest.
    pub sample: String,
}

/// How the content of a webhook is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// A body of JSON.
    Json,
    /// A body that is a form; all values are texts.
    Form,
    /// The query of a GET request; all values are texts.
    Query,
}

type Webhooks = (BTreeMap<String, catalog::Webhook>, BTreeMap<String, Webhook>);

/// Reads `webhooks`; `known` are the fields of a connection.
pub(super) fn read(reader: &mut Reader<'_>, known: &[(String, ConnectionField)], node: &Node) -> Webhooks {
    let mut webhooks = Webhooks::default();
    for (name, node) in map(node, "`webhooks`", reader.report).unwrap_or_default() {
        if let Some((said, webhook)) = reader.webhook(known, node) {
            webhooks.0.insert(name.value.clone(), said);
            webhooks.1.insert(name.value.clone(), webhook);
        }
    }
    webhooks
}

impl Reader<'_> {
    fn webhook(&mut self, known: &[(String, ConnectionField)], node: &Node) -> Option<(catalog::Webhook, Webhook)> {
        let fields = Fields::open(node, "a webhook of a connector", &KEYS, self.report)?;
        let summary = self.needed_text(fields, "summary", "what has happened, in one sentence");
        let source = self.needed_text(fields, "source", "where the facts come from");
        let verify = fields.need("verify", "{ header: X-Signature, secret: webhook_secret }", self.report);
        let verified = verify.and_then(|node| self.verified(known, node));
        let words = [("json", Encoding::Json), ("form", Encoding::Form), ("query", Encoding::Query)];
        let encoding = match fields.get("encoding") {
            Some(node) => one_of(node, "an encoding of a webhook", &words, self.report),
            None => Some(Encoding::Json),
        };
        // Only a header that is signed is part of an event: `webhook-id` and `webhook-timestamp` of the standard.
        let signs_headers =
            verified.as_ref().is_none_or(|(scheme, _)| matches!(scheme, Scheme::StandardWebhooks { .. }));
        let names: &[&str] = if signs_headers { &["body", "headers"] } else { &["body"] };
        let result = fields.need("result", "$", self.report);
        let result = result.and_then(|node| self.compiler(names).expression(node));
        let when = match fields.get("when") {
            Some(node) => Some(self.condition(node, names)?),
            None => None,
        };
        if let (Some(Encoding::Query), Some((scheme, _)), Some(node)) = (encoding, &verified, fields.get("encoding"))
            && !matches!(scheme, Scheme::SharedSecret { .. })
        {
            let message = format!("`{}` does not sign a query as it is read", scheme.in_words().0);
            let help = "let the sender use a body, or verify it with `shared_secret`, which signs nothing";
            self.report.error("invalid-value", node.at, message, help);
        }
        let output = fields.need("output", "{ type: object, properties: … }", self.report);
        let output = output.and_then(|node| schema::read(self, node));
        let sample = self.needed_text(fields, "sample", "samples/webhooks/thing_changed.json");
        let evidence = fields.get("evidence");
        let evidence = evidence.and_then(|node| one_of(node, "a grade of evidence", &Evidence::ALL, self.report));
        let (scheme, secret) = verified?;
        let said = catalog::Webhook {
            summary: summary?,
            source: source?,
            evidence,
            scheme: scheme.clone(),
            secret: secret.clone(),
            output: output?,
        };
        Some((said, Webhook { scheme, secret, encoding: encoding?, when, result: result?, sample: sample? }))
    }

    /// The scheme, and the field of the connection with its secret.
    fn verified(&mut self, known: &[(String, ConnectionField)], node: &Node) -> Option<(Scheme, String)> {
        let fields =
            Fields::open(node, "`verify` of a connector", &["scheme", "header", "secret", "skew"], self.report)?;
        let scheme = Scheme::read(fields, self.report);
        let node = fields.need("secret", "webhook_secret", self.report)?;
        let name = text(node, "`secret`", self.report)?.value;
        match known.iter().find(|(known, _)| *known == name) {
            Some((_, field)) if field.secret => {}
            Some(_) => {
                let message = format!("`{name}` is no secret, so it proves nothing");
                let help = format!("add `secret: true` to `{name}` in `connection`");
                self.report.error("invalid-value", node.at, message, help);
            }
            None => {
                let secrets = known.iter().filter(|(_, field)| field.secret);
                let secrets: Vec<&str> = secrets.map(|(name, _)| name.as_str()).collect();
                let message = format!("`{name}` is no field of `connection`");
                self.report.unknown("invalid-value", node.at, message, (&name, &secrets));
            }
        }
        Some((scheme?, name))
    }
}
