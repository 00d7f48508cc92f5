//! The `actions` of a manifest.

use std::{collections::BTreeMap, time::Duration};

use ferry_contract::{
    catalog::{Action, Backoff, Effect, Lookup, Repeat, Void},
    evidence::Evidence,
    failure::ErrorClass,
    limits::LEASE,
    path::Path,
    report::At,
    schema::Schema,
    script::{Form, Script},
    yaml::{
        Node,
        read::{Fields, duration, flag, list, map, one_of},
    },
};

use super::{
    Call, Poll, Preflight, PreflightRule, Request,
    read::{ANSWER_NAMES, Reader},
    schema,
};
use crate::limits::TIMEOUT_DEFAULT;

const KEYS: [&str; 21] = [
    "record",
    "selects",
    "summary",
    "source",
    "evidence",
    "deprecated",
    "effect",
    "auth",
    "preflight",
    "bundle",
    "timeout",
    "request",
    "job",
    "success",
    "errors",
    "result",
    "paginate",
    "poll",
    "input",
    "output",
    "sample",
];

type Actions = (BTreeMap<String, Action>, BTreeMap<String, Call>);

pub(super) fn read(reader: &mut Reader<'_>, (connector, backoff): (&str, &Backoff), node: &Node) -> Actions {
    let entries = map(node, "`actions`", reader.report).unwrap_or_default();
    let known: Vec<&str> = entries.iter().map(|(name, _)| name.value.as_str()).collect();
    let mut actions = Actions::default();
    for (name, node) in entries {
        let Some(fields) = Fields::open(node, "an action", &KEYS, reader.report) else { continue };
        let action = reader.action(fields, (format!("{connector}.{}", name.value), backoff.clone()), &known);
        let call = reader.call(fields, &known);
        if let (Some(action), Some(call)) = (action, call) {
            reader.check_look_up(name.at, &action, &call);
            reader.check_items(node, &action);
            actions.0.insert(name.value.clone(), action);
            actions.1.insert(name.value.clone(), call);
        }
    }
    reader.check_jobs(&mut actions.0, &mut actions.1);
    actions
}

/// The schema of one item of a poll: the items of the output's list with the name of the response's.
fn item(poll: &Node, output: &Schema) -> Option<Schema> {
    let name = poll.get("items")?.text()?.rsplit('.').next()?;
    output.property(name)?.items.as_deref().cloned()
}

impl Reader<'_> {
    fn action(&mut self, fields: Fields<'_>, (name, backoff): (String, Backoff), known: &[&str]) -> Option<Action> {
        let output = {
            let node = fields.need("output", "{ type: object, properties: … }", self.report)?;
            schema::read(self, node)
        }?;
        Some(Action {
            item: fields.get("poll").and_then(|node| item(node, &output)),
            selects: self.text_of(fields, "selects"),
            deprecated: self.text_of(fields, "deprecated"),
            record: self.text_of(fields, "record"),
            // What is wrong with it is said where the preflight is read.
            sums: fields.get("preflight").and_then(|node| Path::parse(node.get("sums")?.text()?).ok()),
            name,
            backoff,
            summary: self.needed_text(fields, "summary", "what it does, in one sentence")?,
            source: self.needed_text(fields, "source", "where the facts come from")?,
            evidence: fields
                .get("evidence")
                .and_then(|node| one_of(node, "a grade of evidence", &Evidence::ALL, self.report)),
            effect: {
                let node = fields.need("effect", "read", self.report)?;
                self.effect(node, known)
            }?,
            input: {
                let node = fields.need("input", "{ type: object, properties: … }", self.report)?;
                schema::read(self, node)
            }?,
            output,
            // What a job does is known once all actions are read.
            uses_files: ["upload", "download"]
                .iter()
                .any(|key| fields.get("request").is_some_and(|request| request.get(key).is_some())),
            items: fields.get("poll").is_some(),
        })
    }

    fn effect(&mut self, node: &Node, known: &[&str]) -> Option<Effect> {
        if node.text() == Some("read") {
            return Some(Effect::Read);
        }
        let fields = Fields::open(node, "an effect (`read`, or a map with `write`)", &["write"], self.report)?;
        let write = fields.need("write", "{ repeat: never }", self.report)?;
        let keys = ["repeat", "header", "remembers", "by", "found", "absence", "void"];
        let fields = Fields::open(write, "`write`", &keys, self.report)?;
        let repeat = fields.need("repeat", "never", self.report)?;
        let words = [("keyed", 0), ("upsert", 1), ("lookup", 2), ("never", 3)];
        Some(Effect::Write(match one_of(repeat, "what a repeat does", &words, self.report)? {
            0 => {
                let header = self.needed_text(fields, "header", "Idempotency-Key")?.to_lowercase();
                Repeat::Keyed { header, remembers: self.duration_of(fields, "remembers") }
            }
            1 => Repeat::Upsert,
            2 => Repeat::Lookup(Box::new(self.lookup(fields, known)?)),
            _ => Repeat::Never,
        }))
    }

    fn lookup(&mut self, fields: Fields<'_>, known: &[&str]) -> Option<Lookup> {
        let by = fields.need("by", "{ action: get_status, with: { id: $.id } }", self.report)?;
        let by = Fields::open(by, "`by`", &["action", "with"], self.report)?;
        let found = fields.need("found", "{ amount: $.amount }", self.report)?;
        let absence = fields.get("absence");
        let (absent, proves_absence, visible_after) = match absence {
            Some(node) => self.absence(node)?,
            None => (ErrorClass::NotFound, false, Duration::ZERO),
        };
        Some(Lookup {
            action: self.action_name(by, known)?,
            with: by.get("with").map_or_else(Vec::new, |node| self.paths(node)),
            found: self.paths(found),
            absent,
            proves_absence,
            visible_after,
            void: match fields.get("void") {
                Some(node) => Some(self.void(node)?),
                None => None,
            },
        })
    }

    fn void(&mut self, node: &Node) -> Option<Void> {
        let fields = Fields::open(node, "`void`", &["field", "values", "reference"], self.report)?;
        let field = self.needed_text(fields, "field", "status");
        let values = fields.need("values", "[Cancelled]", self.report);
        let values = values.and_then(|node| list(node, "`values`", self.report));
        let reference = self.needed_text(fields, "reference", "client_reference_id");
        Some(Void { field: field?, values: values?.iter().map(Node::to_value).collect(), reference: reference? })
    }

    fn absence(&mut self, node: &Node) -> Option<(ErrorClass, bool, Duration)> {
        let fields = Fields::open(node, "`absence`", &["class", "proves", "visible_after"], self.report)?;
        let class = {
            let node = fields.need("class", "not_found", self.report)?;
            self.class(node)
        }?;
        let proves = flag(fields.need("proves", "true", self.report)?, "`proves`", self.report)?;
        let visible_after = fields.need("visible_after", "15m", self.report)?;
        Some((class, proves, duration(visible_after, "`visible_after`", self.report)?))
    }

    pub(super) fn action_name(&mut self, fields: Fields<'_>, known: &[&str]) -> Option<String> {
        let node = fields.need("action", "get_status", self.report)?;
        let name = ferry_contract::yaml::read::text(node, "`action`", self.report)?.value;
        if !known.contains(&name.as_str()) {
            self.unknown_action(node, &name, known);
        }
        Some(name)
    }

    fn call(&mut self, fields: Fields<'_>, known: &[&str]) -> Option<Call> {
        let job = match fields.get("job") {
            Some(node) => {
                fields.refuse("request", "a job has no request of its own", "remove `request`, or `job`", self.report);
                fields.refuse("bundle", "a job is made for one call", "remove `bundle`", self.report);
                fields.refuse("paginate", "the actions of a job read their own pages", "remove it", self.report);
                fields.refuse("poll", "a job is called for one thing, and not polled", "remove it", self.report);
                fields.refuse("errors", "the actions of a job say what their answers mean", "remove it", self.report);
                fields.refuse("success", "the actions of a job say what their answers mean", "remove it", self.report);
                Some(self.job(node, known)?)
            }
            None => None,
        };
        let request = match &job {
            // Its host is that of its first action, which is not read yet.
            Some(_) => Request::without(String::new(), "job"),
            None => {
                let node = fields.need("request", "{ host: api, method: GET, path: /things }", self.report)?;
                self.request(node)
            }
        };
        // A native says itself what came of an exchange, and so do the actions of a job.
        let is_native = job.is_some() || fields.get("request").is_some_and(|node| node.get("native").is_some());
        let names: Vec<&str> = match &job {
            Some(job) => Self::names_of_job(job),
            None if is_native => vec!["body", "input", "connection"],
            None => ANSWER_NAMES.to_vec(),
        };
        let success = match fields.get("success") {
            None if is_native => Script::compile(self.rules, "true", Form::Expression, &[]).ok(),
            _ => {
                let node = fields.need("success", "\"status == 200\"", self.report);
                node.and_then(|node| self.condition(node, &ANSWER_NAMES))
            }
        };
        let result = fields.need("result", "$", self.report);
        Some(Call {
            is_write: fields.get("effect").and_then(Node::text) != Some("read"),
            way: fields.get("auth").and_then(|node| self.named_way(node)),
            success: success?,
            errors: fields.get("errors").map_or_else(Vec::new, |node| self.errors(node, &ANSWER_NAMES)),
            result: result.and_then(|node| self.compiler(&names).expression(node))?,
            timeout: self.duration_of(fields, "timeout").unwrap_or(TIMEOUT_DEFAULT),
            paginate: fields.get("paginate").and_then(|node| self.paginate(node)),
            poll: fields.get("poll").and_then(|node| self.poll(node)),
            bundle: fields.get("bundle").and_then(|node| self.bundle(node)),
            preflight: fields.get("preflight").and_then(|node| self.preflight(node, known)),
            sample: self.needed_text(fields, "sample", "samples/get_thing.json")?,
            key_header: fields
                .get("effect")
                .and_then(|node| node.get("write")?.get("header")?.text())
                .map(str::to_lowercase),
            request: request?,
            job,
        })
    }

    fn poll(&mut self, node: &Node) -> Option<Poll> {
        let fields = Fields::open(node, "`poll`", &["items", "time_format"], self.report)?;
        let items = {
            let node = fields.need("items", "$.items", self.report)?;
            self.path(node)
        }?;
        Some(Poll { items, time_format: self.text_of(fields, "time_format") })
    }

    fn preflight(&mut self, node: &Node, known: &[&str]) -> Option<Preflight> {
        let fields = Fields::open(node, "`preflight`", &["action", "sums", "rules"], self.report)?;
        let sums = fields.need("sums", "$.amount", self.report)?;
        let rules = fields.need("rules", "[ { passes: …, class: insufficient_funds, message: … } ]", self.report)?;
        let rules = list(rules, "`rules`", self.report)?;
        Some(Preflight {
            action: self.action_name(fields, known)?,
            sums: self.path(sums)?,
            rules: rules.iter().map(|rule| self.preflight_rule(rule)).collect::<Option<_>>()?,
        })
    }

    fn preflight_rule(&mut self, node: &Node) -> Option<PreflightRule> {
        let fields = Fields::open(node, "a preflight rule", &["passes", "class", "message"], self.report)?;
        let passes = fields.need("passes", "\"result.available >= total\"", self.report)?;
        let class = fields.need("class", "insufficient_funds", self.report)?;
        Some(PreflightRule {
            passes: self.condition(passes, &["result", "input", "total"])?,
            class: self.class(class)?,
            message: self.needed_text(fields, "message", "the balance does not cover it")?,
        })
    }

    /// What a poll pages through is a list of the output, or its events would have no fields.
    fn check_items(&mut self, node: &Node, action: &Action) {
        let items = node.get("poll").and_then(|poll| poll.get("items"));
        let Some((node, name)) = items.and_then(|items| Some((items, items.text()?.rsplit('.').next()?))) else {
            return;
        };
        let known: Vec<&str> = action.output.properties.iter().map(|(name, _)| name.as_str()).collect();
        if !action.output.open && !known.contains(&name) {
            let message = format!("`output` describes no `{name}`, so nothing is known of the events of a poll");
            self.report.unknown("unknown-field", node.at, message, (name, &known));
        }
    }

    /// What the engine relies on when it looks a write up.
    fn check_look_up(&mut self, at: At, action: &Action, call: &Call) {
        let Effect::Write(Repeat::Lookup(look_up)) = &action.effect else { return };
        if look_up.found.is_empty() {
            self.report.error(
                "missing-key",
                at,
                "`found` compares nothing",
                "name a field that must agree, such as the amount",
            );
        }
        let soonest = call.timeout + LEASE;
        if look_up.proves_absence && look_up.visible_after <= soonest {
            let message = format!(
                "`visible_after` must be longer than `timeout` and an engine's lease together, {} ms: the call may still \
                 be under way",
                soonest.as_millis()
            );
            self.report.error("invalid-value", at, message, "make `visible_after` longer, or `timeout` shorter");
        }
        if !action.output.required.is_empty() {
            let message = "a write that is looked up gives no output of its own, and this one promises some";
            self.report.error(
                "invalid-value",
                at,
                message,
                "remove `required` from `output`; read what you need with the look-up",
            );
        }
    }

    /// The way of that name.
    fn named_way(&mut self, node: &Node) -> Option<usize> {
        let name = ferry_contract::yaml::read::text(node, "`auth` of an action", self.report)?.value;
        if let Some(way) = self.named.get(&name) {
            return Some(*way);
        }
        let known: Vec<&str> = self.named.keys().map(String::as_str).collect();
        let message = format!("no way in `auth` of this connector is called `{name}`");
        self.report.unknown("invalid-value", node.at, message, (&name, &known));
        None
    }

    pub(super) fn duration_of(&mut self, fields: Fields<'_>, key: &str) -> Option<Duration> {
        fields.get(key).and_then(|node| duration(node, &format!("`{key}`"), self.report))
    }
}
