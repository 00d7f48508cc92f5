//! The description of a connector in words: the page of a connector, that of an action, and the reference of both.

use std::{collections::BTreeSet, time::Duration};

use ferry_contract::{evidence::Evidence, suggest};

use super::{
    ActionManual, BudgetManual, ConnectionManual, ConnectorManual, FieldManual, Login, ProfileManual, RuleManual,
    WebhookManual,
    document::{Document, Item},
    words,
};
use crate::schemas::actions::told;

/// The connector, and its actions in short.
pub fn summary(connector: &ConnectorManual) -> Document {
    let mut page = Document::default();
    head(&mut page, connector);
    page.heading(2, "Actions");
    let line = |action: &ActionManual| {
        let text = format!("{}{}", told(action.deprecated.as_deref()), action.summary);
        Item::new(&action.name, text)
    };
    page.list(connector.actions.iter().map(line).collect());
    if !connector.webhooks.is_empty() {
        page.heading(2, "Webhooks");
        page.list(connector.webhooks.iter().map(|webhook| Item::new(&webhook.name, &webhook.summary)).collect());
    }
    page
}

fn profile((index, profile): (usize, &ProfileManual)) -> Item {
    let mut said: Vec<String> = profile.title.iter().cloned().collect();
    if index == 0 && said.is_empty() {
        said.push("The first.".to_owned());
    }
    said.extend(profile.changed.iter().map(|(action, request)| format!("`{action}` is `{request}`.")));
    if !profile.without.is_empty() {
        let without: Vec<&str> = profile.without.iter().map(String::as_str).collect();
        said.push(format!("It has no {}.", suggest::list(&without)));
    }
    Item::new(&profile.name, said.join(" "))
}

/// One thing that the system tells by itself.
pub fn webhook(webhook: &WebhookManual) -> Document {
    let mut page = Document::default();
    page.heading(1, &webhook.name);
    event(&mut page, webhook, 2);
    page
}

/// One action.
pub fn action(action: &ActionManual) -> Document {
    let mut page = Document::default();
    page.heading(1, &action.name);
    whole(&mut page, action, 2);
    page
}

/// The connector, and its actions in whole.
pub fn reference(connector: &ConnectorManual) -> Document {
    let mut page = Document::default();
    head(&mut page, connector);
    for action in &connector.actions {
        page.heading(2, &action.name);
        whole(&mut page, action, 3);
    }
    for webhook in &connector.webhooks {
        page.heading(2, &webhook.name);
        event(&mut page, webhook, 3);
    }
    page
}

fn head(page: &mut Document, connector: &ConnectorManual) {
    page.heading(1, format!("{}: {}", connector.name, connector.title));
    connector.description.iter().for_each(|text| page.text(text));
    page.heading(2, "Connection");
    let mut fields: Vec<Item> = connector.connection.iter().map(connection).collect();
    let environments: Vec<&str> = connector.environments.keys().map(String::as_str).collect();
    fields.push(Item::new("environment", environments.join(", ")));
    page.list(fields);
    page.heading(2, "Hosts");
    page.list(hosts(connector));
    login(page, connector);
    page.heading(2, "Limits");
    page.list(limits(connector));
    if !connector.profiles.is_empty() {
        page.heading(2, "Profiles");
        page.text("A connection says `profile: NAME`; one that names none has the first.");
        page.list(connector.profiles.iter().enumerate().map(profile).collect());
    }
    page.heading(2, "Errors");
    let first = "The first that matches counts; an action's own rules come before these. What is neither a success nor here \
                 is `unknown`.";
    page.text(first);
    page.list(connector.errors.iter().map(rule).collect());
    page.heading(2, "Check");
    page.text(verify(connector));
    let from = if connector.origin == "shipped" {
        "The manifest is shipped with ferry.".to_owned()
    } else {
        format!("The manifest is `{}`.", connector.origin)
    };
    page.heading(2, "Origin");
    page.text(from);
}

fn connection(field: &ConnectionManual) -> Item {
    let notes = [(field.secret, "secret"), (field.optional, "optional")];
    let notes: Vec<&str> = notes.into_iter().filter(|(is_so, _)| *is_so).map(|(_, note)| note).collect();
    let text = format!("{}{} For example `{}`.", told(field.deprecated.as_deref()), field.doc, field.example);
    Item::new(&field.name, text).noted(&notes)
}

fn hosts(connector: &ConnectorManual) -> Vec<Item> {
    let own = connector.environments.iter().flat_map(|(environment, hosts)| {
        hosts.iter().map(move |(host, url)| Item::new(format!("{environment} {host}"), format!("`{url}`")))
    });
    // Ways may say the same.
    let told: BTreeSet<(&String, &String)> = connector.logins.iter().flat_map(|login| &login.hosts).collect();
    own.chain(told.into_iter().map(|(host, path)| Item::new(host, format!("what the token's answer says at `{path}`"))))
        .collect()
}

fn login(page: &mut Document, connector: &ConnectorManual) {
    page.heading(2, "Login");
    if connector.logins.is_empty() {
        page.text("Calls do not say who we are.");
        return;
    }
    if connector.logins.iter().filter(|login| login.name.is_none()).count() > 1 {
        let ways = &connector.said_ways;
        page.text(format!("It says who it is with {ways}; the first of these that is there counts."));
    }
    let line = |login: &Login| {
        let fields: Vec<&str> = login.fields.iter().map(String::as_str).collect();
        let needs = if fields.is_empty() { String::new() } else { format!(" It needs {}.", suggest::list(&fields)) };
        let asked = login.name.as_ref().map_or_else(String::new, |name| format!(" For actions with `auth: {name}`."));
        Item::new(&login.kind, format!("{}.{needs}{asked}", login.how))
    };
    page.list(connector.logins.iter().map(line).collect());
}

fn limits(connector: &ConnectorManual) -> Vec<Item> {
    let mut limits: Vec<Item> = connector.budget.iter().map(budget).collect();
    if limits.is_empty() {
        limits.push(Item::new("budget", "none is said."));
    }
    let default = if connector.concurrency_is_said { "" } else { ", the default of all connections" };
    limits.push(Item::new("concurrency", format!("{} requests at once{default}.", connector.concurrency)));
    limits.push(Item::new("backoff", format!("{}.", connector.backoff)));
    limits
}

fn budget(budget: &BudgetManual) -> Item {
    let per = words::duration(Duration::from_millis(budget.per_ms));
    let host = budget.host.as_ref().map_or_else(String::new, |host| format!(" to `{host}`"));
    let told = if budget.is_told { "; each answer says how full it is" } else { "" };
    Item::new("budget", format!("{} requests in {per}{host}{told}.", budget.limit))
}

fn rule(rule: &RuleManual) -> Item {
    let then = if rule.refresh_token { "; a new token is fetched, and the call sent once more" } else { "" };
    Item::new(rule.class.name(), format!("`{}`{then}", rule.when))
}

fn verify(connector: &ConnectorManual) -> String {
    match &connector.verify {
        None => "The manifest has no `verify`, so `ferry connectors check` cannot read anything.".to_owned(),
        Some(verify) => {
            let with = if verify.with.is_empty() {
                String::new()
            } else {
                let with = verify.with.iter().map(|(name, value)| format!("`{name}: {value}`"));
                format!(" with {}", with.collect::<Vec<_>>().join(", "))
            };
            format!("`ferry connectors check` logs in and calls `{}`{with}, which reads.", verify.action)
        }
    }
}

fn whole(page: &mut Document, action: &ActionManual, level: usize) {
    page.text(format!("{}{}", told(action.deprecated.as_deref()), action.summary));
    page.text(format!("Effect: {}.", action.effect_in_words));
    page.list(action.repeat.iter().map(Item::said).collect());
    page.text(source(&action.source, action.evidence));
    page.heading(level, "Request");
    page.text(format!(
        "`{} {}` to the host `{}`. It succeeds where `{}`.",
        action.method, action.path, action.host, action.success
    ));
    page.list(action.limits.iter().chain(&action.preflight).map(Item::said).collect());
    if !action.errors.is_empty() {
        page.heading(level, "Errors");
        page.list(action.errors.iter().map(rule).collect());
    }
    page.heading(level, "Input");
    fields(page, &action.input, action.input_is_open);
    page.heading(level, "Output");
    fields(page, &action.output, action.output_is_open);
}

/// A webhook, below its heading.
fn event(page: &mut Document, webhook: &WebhookManual, level: usize) {
    page.text(&webhook.summary);
    let (scheme, words) = (&webhook.scheme, &webhook.scheme_in_words);
    page.text(format!("Verified with: `{}` of the connection, by `{scheme}`: {words}.", webhook.secret));
    page.text(source(&webhook.source, webhook.evidence));
    page.heading(level, "Event");
    fields(page, &webhook.output, webhook.output_is_open);
}

/// Where facts come from, and how well they are known.
fn source(source: &str, evidence: Option<Evidence>) -> String {
    let evidence =
        evidence.map_or_else(String::new, |grade| format!("\nEvidence: {}: {}.", grade.name(), grade.in_words()));
    format!("Source: {}.{evidence}", source.trim_end_matches('.'))
}

fn fields(page: &mut Document, fields: &[FieldManual], is_open: bool) {
    page.list(fields.iter().map(field).collect());
    match (fields.is_empty(), is_open) {
        (true, false) => page.text("Nothing."),
        (true, true) => page.text("The target's own fields."),
        (false, true) => page.text("And the target's own fields."),
        (false, false) => {}
    }
}

/// One field, as a line of a list.
pub(super) fn field(field: &FieldManual) -> Item {
    let (required, sensitive) =
        (field.required.then_some("required"), field.sensitive.then_some("masked where it is kept"));
    let length = field.length_max.map(|length| format!("at most {length} characters"));
    let notes: Vec<&str> =
        [Some(field.kind.as_str()), required, length.as_deref(), sensitive].into_iter().flatten().collect();
    let values: Vec<String> = field.values.iter().map(|value| format!("`{value}`")).collect();
    let values = if values.is_empty() { String::new() } else { format!(" One of {}.", values.join(", ")) };
    let example = field.example.as_ref().map_or_else(String::new, |example| format!(" For example `{example}`."));
    let text = format!("{}{}{values}{example}", told(field.deprecated.as_deref()), field.description);
    Item::new(&field.name, text.trim()).noted(&notes)
}

/// One field of an action alone, for `ferry explain`.
pub fn only_field(action: &ActionManual, name: &str) -> Option<Document> {
    let of = action.input.iter().chain(&action.output).find(|field| field.name == name)?;
    let mut page = Document::default();
    page.heading(1, format!("{}.{name}", action.name));
    page.list(vec![field(of)]);
    Some(page)
}
