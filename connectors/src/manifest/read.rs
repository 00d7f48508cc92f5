//! From the tree to a [`Manifest`], with findings.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ferry_contract::{
    catalog::{ConnectionField, Connector},
    expression::{Compiler, Plain},
    failure::ErrorClass,
    host,
    path::Path,
    report::{Report, Source},
    script::{Form, Named, Rules, Script},
    suggest,
    template::Template,
    yaml::{
        self, Node,
        read::{Fields, flag, list, map, one_of, text},
    },
};

use serde_json::{Map, Value};

use super::{
    Auth, Call, ErrorRule, Manifest, action, complete,
    profile::{self, Written},
    webhook,
};

const KEYS: [&str; 18] = [
    "ferry",
    "connector",
    "title",
    "description",
    "environments",
    "connection",
    "profiles",
    "auth",
    "concurrency",
    "budget",
    "backoff",
    "errors",
    "message",
    "code",
    "records",
    "verify",
    "actions",
    "webhooks",
];

/// What a rule on a response may use.
pub(super) const RESPONSE_NAMES: [&str; 3] = ["status", "body", "headers"];

/// What a rule of one action may use on its response: what was asked, too.
pub(super) const ANSWER_NAMES: [&str; 5] = ["status", "body", "headers", "input", "connection"];

/// Reads a manifest; nothing where it has an error, which the report then says.
pub fn read(source: &Arc<Source>, rules: &Arc<Rules>, report: &mut Report) -> Option<Manifest> {
    let root = yaml::parse(source, report)?;
    let profiles = profile::read(&root, report);
    let mut manifest = whole(&root, rules, report)?;
    // What is wrong in all of them is said once.
    for Written { profile, root } in profiles {
        let mut own = Report::new(source);
        let inside = whole(&root, rules, &mut own);
        report.absorb(&own);
        let Some(inside) = inside else { continue };
        manifest.profiles.insert(profile.name.clone(), Arc::new(inside));
        Arc::get_mut(&mut manifest.connector).expect("nobody else has it yet").profiles.push(profile);
    }
    Some(manifest).filter(|_| report.is_ok())
}

fn whole(root: &Node, rules: &Arc<Rules>, report: &mut Report) -> Option<Manifest> {
    let fields = Fields::open(root, "a connector", &KEYS, report)?;
    let manifest = Reader { rules, named: BTreeMap::new(), report }.manifest(fields);
    manifest.iter().for_each(|manifest| complete::check(manifest, root, report));
    manifest
}

pub(super) struct Reader<'a> {
    pub(super) rules: &'a Arc<Rules>,
    /// The ways to say who we are that have a name.
    pub(super) named: BTreeMap<String, usize>,
    pub(super) report: &'a mut Report,
}

impl Reader<'_> {
    fn manifest(&mut self, fields: Fields<'_>) -> Option<Manifest> {
        let name = self.needed_text(fields, "connector", "acme")?;
        let title = self.needed_text(fields, "title", "Acme")?;
        let environments = {
            let node = fields.need("environments", "{ sandbox: { api: https://… } }", self.report)?;
            self.environments(node)
        };
        let connection = fields.get("connection").map_or_else(Vec::new, |node| self.connection(node));
        let (auth, named) = fields.get("auth").map(|node| self.auth(node)).unwrap_or_default();
        self.named.clone_from(&named);
        let errors = fields.get("errors").map_or_else(Vec::new, |node| self.errors(node, &RESPONSE_NAMES));
        let message = fields.get("message").and_then(|node| self.condition(node, &RESPONSE_NAMES));
        let code = fields.get("code").and_then(|node| self.condition(node, &RESPONSE_NAMES));
        let actions_node = fields.need("actions", "{ get_thing: … }", self.report)?;
        let backoff = fields.get("backoff").and_then(|node| self.backoff(node)).unwrap_or_default();
        let (actions, calls) = action::read(self, (&name, &backoff), actions_node);
        let concurrency = fields.get("concurrency").and_then(|node| yaml::read::concurrency(node, self.report));
        let told =
            auth.iter().filter_map(Auth::oauth2).flat_map(|auth| auth.hosts.iter().map(|(name, _)| name.as_str()));
        let own = environments.values().flat_map(BTreeMap::keys).map(String::as_str);
        let hosts: Vec<&str> = own.chain(told).collect::<BTreeSet<_>>().into_iter().collect();
        let budget = fields.get("budget").map_or_else(Vec::new, |node| {
            let budget = self.budget(node);
            self.check_hosts(node, &budget, &hosts);
            budget
        });
        let known: Vec<&str> = actions.keys().map(String::as_str).collect();
        let records = fields.get("records").and_then(|node| self.records(node, &known));
        let (told, webhooks) = match fields.get("webhooks") {
            Some(node) => webhook::read(self, &connection, node),
            None => Default::default(),
        };
        let verify = fields.get("verify").and_then(|node| self.verify(node, (actions_node, &actions)));
        // Those with a name are for actions that ask for them.
        let ways = ways(&auth[..auth.len() - named.len()], &connection);
        let connector = Connector {
            name,
            title,
            description: self.text_of(fields, "description"),
            fields: connection,
            environments: environments
                .iter()
                .map(|(name, hosts)| (name.clone(), hosts.keys().cloned().collect()))
                .collect(),
            actions,
            budget: budget.iter().map(|budget| budget.window.clone()).collect(),
            records,
            webhooks: told,
            ways,
            verify,
            profiles: Vec::new(),
        };
        self.check_answers(actions_node, &errors, &calls);
        self.check_proofs(&errors, &calls);
        let connector = Arc::new(connector);
        Some(Manifest {
            connector,
            environments,
            auth,
            named,
            errors,
            message,
            code,
            calls,
            webhooks,
            budget,
            concurrency,
            profiles: BTreeMap::new(),
        })
    }

    /// Without a rule, each failure would be an unknown outcome.
    fn check_answers(&mut self, actions: &Node, errors: &[ErrorRule], calls: &BTreeMap<String, Call>) {
        for (name, _) in actions.entries().unwrap_or_default() {
            let has_none = calls.get(&name.value).is_some_and(|call| call.errors.is_empty() && call.is_http());
            if has_none && errors.is_empty() {
                let message = format!("no rule says what the answers of `{}` mean when it fails", name.value);
                let help = "add `errors: [ { when: \"status >= 400 && status < 500\", class: rejected } ]`";
                self.report.warning("incomplete-action", name.at, message, help);
            }
        }
    }

    /// What a rule would make of a server that broke in the middle of a write.
    fn check_proofs(&mut self, errors: &[ErrorRule], calls: &BTreeMap<String, Call>) {
        let writes: Vec<&Call> = calls.values().filter(|call| call.is_write).collect();
        let of_writes = writes.iter().flat_map(|call| &call.errors);
        for rule in of_writes.chain(errors.iter().filter(|_| !writes.is_empty())) {
            let matches = |status: &u16| {
                let (status, headers) = (Value::from(*status), Value::Object(Map::new()));
                let names = [("status", &status), ("headers", &headers)];
                rule.when.test(self.rules, &Named(&names)).unwrap_or(false)
            };
            let unproven =
                [500, 502, 503, 504].into_iter().find(|status| !rule.proves(*status, true) && matches(status));
            if let Some(status) = unproven {
                let message =
                    format!("{status} alone does not say that a write was not done, so it is not `{}`", rule.class);
                let help = "add what the target says in the `body` where it has done nothing, or leave 5xx out: it is looked up then";
                self.report.error("invalid-value", rule.at, message, help);
            }
        }
    }

    fn environments(&mut self, node: &Node) -> BTreeMap<String, BTreeMap<String, Template>> {
        let entries = map(node, "`environments`", self.report).unwrap_or_default();
        let mut environments = BTreeMap::new();
        for (name, hosts) in entries {
            let hosts = map(hosts, "an environment", self.report).unwrap_or_default();
            for (host, url) in hosts {
                url.text().into_iter().for_each(|text| host::look(&host.value, text, url.at, self.report));
            }
            let hosts = hosts.iter().filter_map(|(host, url)| Some((host.value.clone(), self.template(url)?)));
            environments.insert(name.value.clone(), hosts.collect());
        }
        environments
    }

    fn connection(&mut self, node: &Node) -> Vec<(String, ConnectionField)> {
        let entries = map(node, "`connection`", self.report).unwrap_or_default();
        entries.iter().filter_map(|(name, node)| Some((name.value.clone(), self.connection_field(node)?))).collect()
    }

    fn connection_field(&mut self, node: &Node) -> Option<ConnectionField> {
        let fields = Fields::open(
            node,
            "a connection's field",
            &["secret", "optional", "doc", "example", "deprecated"],
            self.report,
        )?;
        Some(ConnectionField {
            secret: self.flag(fields, "secret"),
            optional: self.flag(fields, "optional"),
            deprecated: self.text_of(fields, "deprecated"),
            doc: self.needed_text(fields, "doc", "what it is, and where to find it")?,
            example: self.needed_text(fields, "example", "what it looks like")?,
        })
    }

    pub(super) fn errors(&mut self, node: &Node, names: &[&str]) -> Vec<ErrorRule> {
        let items = list(node, "`errors`", self.report).unwrap_or_default();
        let rules: Vec<_> = items.iter().filter_map(|item| Some((item, self.error_rule(item, names)?))).collect();
        for (index, (item, rule)) in rules.iter().enumerate() {
            let takes_it = rules[..index].iter().find(|(_, above)| self.always_matches(above, rule));
            if let Some((above, _)) = takes_it {
                let message = "this rule is never reached: one above it always matches first";
                let help = format!("move it above line {}, or remove it", above.at.line);
                self.report.error("unreachable-rule", item.at, message, help);
            }
        }
        rules.into_iter().map(|(_, rule)| rule).collect()
    }

    /// Whether a rule matches wherever one below it would.
    fn always_matches(&self, above: &ErrorRule, below: &ErrorRule) -> bool {
        let is_constant = above.when.variables().is_empty();
        let is_true = is_constant && above.when.test(self.rules, &Named(&[])).unwrap_or(false);
        is_true || above.when.text().trim() == below.when.text().trim() || complete::covers(self.rules, above, below)
    }

    fn error_rule(&mut self, node: &Node, names: &[&str]) -> Option<ErrorRule> {
        let fields = Fields::open(node, "an error rule", &["when", "class", "then"], self.report)?;
        let when = fields.need("when", "\"status == 429\"", self.report)?;
        let then = fields.get("then").map(|node| one_of(node, "a reaction", &[("refresh_token", true)], self.report));
        Some(ErrorRule {
            at: node.at,
            when: self.condition(when, names)?,
            class: {
                let node = fields.need("class", "throttled", self.report)?;
                self.class(node)
            }?,
            refresh_token: then.flatten().unwrap_or(false),
        })
    }

    pub(super) fn class(&mut self, node: &Node) -> Option<ErrorClass> {
        let words: Vec<_> = ErrorClass::ALL.into_iter().map(|class| (class.name(), class)).collect();
        one_of(node, "an error class", &words, self.report)
    }

    pub(super) fn condition(&mut self, node: &Node, names: &[&str]) -> Option<Script> {
        self.compiler(names).script(node, Form::Statements)
    }

    pub(super) fn path(&mut self, node: &Node) -> Option<Path> {
        self.compiler(&[]).path(node)
    }

    pub(super) fn paths(&mut self, node: &Node) -> Vec<(String, Path)> {
        let entries = map(node, "this", self.report).unwrap_or_default();
        entries.iter().filter_map(|(name, node)| Some((name.value.clone(), self.path(node)?))).collect()
    }

    pub(super) fn template(&mut self, node: &Node) -> Option<Template> {
        self.compiler(&[]).template(node)
    }

    pub(super) fn compiler<'c>(&'c mut self, names: &'c [&'c str]) -> Compiler<'c> {
        Compiler { rules: self.rules, dialect: &Plain, names, roots: None, report: self.report }
    }

    pub(super) fn needed_text(&mut self, fields: Fields<'_>, key: &str, example: &str) -> Option<String> {
        let node = fields.need(key, example, self.report)?;
        Some(text(node, &format!("`{key}`"), self.report)?.value)
    }

    pub(super) fn text_of(&mut self, fields: Fields<'_>, key: &str) -> Option<String> {
        Some(text(fields.get(key)?, &format!("`{key}`"), self.report)?.value)
    }

    pub(super) fn flag(&mut self, fields: Fields<'_>, key: &str) -> bool {
        fields.get(key).and_then(|node| flag(node, &format!("`{key}`"), self.report)).unwrap_or(false)
    }

    /// Reports a name that no action of this connector has.
    pub(super) fn unknown_action(&mut self, node: &Node, name: &str, known: &[&str]) {
        let help = suggest::help(name, known);
        self.report.error("unknown-action", node.at, format!("`{name}` is not an action of this connector"), help);
    }
}

/// The fields of a connection that each way to say who we are needs.
fn ways(auth: &[Auth], connection: &[(String, ConnectionField)]) -> Vec<Vec<String>> {
    auth.iter().map(|way| way.fields(connection)).collect()
}
