//! `ferry explain`

use std::sync::Arc;

use clap::Args;
use ferry_connectors::library::Library;
use ferry_contract::{
    catalog::{Action, Catalog, Connector, Webhook},
    failure::ErrorClass,
    schema::Schema,
    suggest,
};
use ferry_core::{eval::operators::PAGES, lint::checks};

use super::{Exit, Outcome, complain, print};
use crate::{clock::WallWatch, schemas::actions::told};

/// Explains a check, an error class, a mapping operator, a connector, an action or one of its fields.
///
/// Examples: `ferry explain unknown-key`, `ferry explain unknown`, `ferry explain convert`, `ferry explain payoneer`,
/// `ferry explain payoneer.create_payout`, `ferry explain payoneer.create_payout.amount`.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// What to explain; nothing lists what there is.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Explain {
    pub(super) fn run(self) -> Outcome {
        let (library, _) = Library::load(&[], Arc::new(WallWatch));
        let catalog = library.catalog();
        let Some(name) = self.name else {
            print(&contents(&catalog));
            return Ok(Exit::Success);
        };
        if let Some(text) = explained(&name, &catalog) {
            print(&text);
            return Ok(Exit::Success);
        }
        let known = names(&catalog);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let hint = suggest::nearest(&name, known)
            .map_or("`ferry explain` lists what there is".to_owned(), |near| format!("did you mean `{near}`?"));
        complain(&format!("nothing is called `{name}`; {hint}"));
        Ok(Exit::Nothing)
    }
}

fn explained(name: &str, catalog: &Catalog) -> Option<String> {
    if name == "rhai" {
        return Some(RHAI.to_owned());
    }
    if let Some(check) = checks::all().find(|check| check.name == name) {
        return Some(check.page.to_owned());
    }
    if let Some(page) = PAGES.iter().find(|page| page.name == name) {
        return Some(page.in_markdown("#"));
    }
    if let Some(class) = ErrorClass::from_name(name) {
        return Some(format!("# {class}\n\n{}.\n", class.meaning()));
    }
    let mut parts = name.split('.');
    let connector = catalog.connectors.get(parts.next()?)?;
    let Some(action) = parts.next() else { return Some(connector_page(connector)) };
    if let Some(webhook) = connector.webhooks.get(action) {
        return Some(webhook_page(name, webhook));
    }
    let action = connector.actions.get(action)?;
    let Some(field) = parts.next() else { return Some(action_page(action)) };
    let schema = action.input.property(field).or_else(|| action.output.property(field))?;
    Some(format!(
        "# {name}\n\n{}",
        field_line(field, schema, action.input.required.iter().any(|required| required == field))
    ))
}

const RHAI: &str = "# rhai

A rule in Rhai sees the roots of its place: `event`, `vars`, finished steps by their id, `error` in an arm, `result` in a
question. Numbers are exact: `0.1 + 0.2 == 0.3`, `100 / 8` is 12.5, and there are no floats. A field that is not there is an error;
`event.x ?? 0` reads nothing as 0 where the field may be null. There is no clock, no random number, no file and no `eval`, so a
replay gives the same. `url_decode` reads a text that is encoded as in a query: `a+b%3Ac` is `a b:c`. A script is stopped after 500,000 operations or one second.
";

fn names(catalog: &Catalog) -> Vec<String> {
    let actions =
        catalog.connectors.values().flat_map(|connector| connector.actions.values().map(|action| action.name.clone()));
    let fixed =
        checks::all().map(|check| check.name.to_owned()).chain(ErrorClass::ALL.map(|class| class.name().to_owned()));
    let operators = PAGES.iter().map(|page| page.name.to_owned());
    let webhooks = catalog
        .connectors
        .values()
        .flat_map(|connector| connector.webhooks.keys().map(|webhook| format!("{}.{webhook}", connector.name)));
    let systems = catalog.connectors.keys().cloned().chain(actions).chain(webhooks);
    fixed.chain(operators).chain(systems).chain(["rhai".to_owned()]).collect()
}

fn contents(catalog: &Catalog) -> String {
    let checks: Vec<&str> = checks::all().map(|check| check.name).collect();
    let classes = ErrorClass::ALL.map(ErrorClass::name);
    let connectors: Vec<&str> = catalog.connectors.keys().map(String::as_str).collect();
    format!(
        "checks: {}\n\nerror classes: {}\n\nconnectors: {}\n\noperators: {}\n\nlanguage: rhai\n",
        checks.join(", "),
        classes.join(", "),
        connectors.join(", "),
        PAGES.iter().map(|page| page.name).collect::<Vec<_>>().join(", ")
    )
}

fn connector_page(connector: &Connector) -> String {
    let mut page = format!("# {}: {}\n\n## Connection\n\n", connector.name, connector.title);
    for (name, field) in &connector.fields {
        let kind = match (field.secret, field.optional) {
            (true, true) => " (secret, optional)",
            (true, false) => " (secret)",
            (false, true) => " (optional)",
            (false, false) => "",
        };
        let instead = told(field.deprecated.as_deref());
        page += &format!("- `{name}`{kind}: {instead}{} For example `{}`.\n", field.doc, field.example);
    }
    let environments = connector.environments.keys().cloned().collect::<Vec<_>>().join(", ");
    page += &format!("- `environment`: {environments}\n\n");
    if connector.ways.len() > 1 {
        page +=
            &format!("It says who it is with {}; the first of these that is there counts.\n\n", connector.said_ways());
    }
    page += "## Actions\n\n";
    for action in connector.actions.values() {
        page += &format!("- `{}`: {}{}\n", action.name, told(action.deprecated.as_deref()), action.summary);
    }
    if !connector.webhooks.is_empty() {
        page += "\n## Webhooks\n\n";
        for (webhook, said) in &connector.webhooks {
            page += &format!("- `{}.{webhook}`: {}\n", connector.name, said.summary);
        }
    }
    page
}

fn webhook_page(name: &str, webhook: &Webhook) -> String {
    format!(
        "# {name}\n\n{}\n\nVerified with: `{}` of the connection.\nSource: {}.\n\n## Event\n\n{}",
        webhook.summary,
        webhook.secret,
        webhook.source,
        fields(&webhook.output)
    )
}

fn action_page(action: &Action) -> String {
    let mut page = format!(
        "# {}\n\n{}{}\n\nEffect: {}.\nSource: {}.\n\n## Input\n\n",
        action.name,
        told(action.deprecated.as_deref()),
        action.summary,
        action.effect.in_words(),
        action.source
    );
    page += &fields(&action.input);
    page += "\n## Output\n\n";
    page += &fields(&action.output);
    page
}

fn fields(schema: &Schema) -> String {
    if schema.properties.is_empty() {
        return if schema.open { "The target's own fields.\n".to_owned() } else { "Nothing.\n".to_owned() };
    }
    let line = |(name, field): &(String, Schema)| field_line(name, field, schema.required.contains(name));
    schema.properties.iter().map(line).collect()
}

fn field_line(name: &str, schema: &Schema, required: bool) -> String {
    let kind = schema.kind.map_or("any", ferry_contract::schema::Kind::name);
    let required = if required { ", required" } else { "" };
    let example = schema.example.as_ref().map_or_else(String::new, |example| format!(" For example `{example}`."));
    let instead = told(schema.deprecated.as_deref());
    format!("- `{name}` ({kind}{required}): {instead}{}{example}\n", schema.description)
}

#[cfg(test)]
mod tests {
    use ferry_contract::report::{Report, Source};

    use super::*;
    use crate::schemas::{self, Known};

    const MANIFEST: &str = "ferry: 1\nconnector: acme\ntitle: Acme\nenvironments: { live: { api: https://api.acme.example } }\n\
        connection: { team: { example: a, doc: The account., deprecated: write `account` } }\nactions:\n  get:\n    \
        summary: Gets.\n    source: this test\n    deprecated: use `acme.read`\n    effect: read\n    \
        request: { host: api, method: GET, path: /things }\n    success: \"status == 200\"\n    result: $\n    \
        input: { type: object, properties: { id: { type: string, description: A name., example: a, deprecated: write `key` } } }\n    \
        output: { type: object, properties: {} }\n    sample: none\n";

    #[test]
    fn what_is_deprecated_is_told_first_and_marked_for_editors() {
        let (library, reports) = Library::load(&[Source::new("acme.yaml", MANIFEST)], Arc::new(WallWatch));
        assert!(reports.iter().all(Report::is_ok));
        let catalog = library.catalog();
        let explained = |name| explained(name, &catalog).unwrap();
        assert!(explained("acme").contains("- `team`: Deprecated: write `account`. The account. For"));
        assert!(explained("acme").contains("- `acme.get`: Deprecated: use `acme.read`. Gets.\n"));
        assert!(explained("acme.get").contains("# acme.get\n\nDeprecated: use `acme.read`. Gets.\n"));
        assert!(explained("acme.get.id").contains("(string): Deprecated: write `key`. A name."));

        let known = Known::shipped(&catalog);
        let texts = schemas::all(&known).into_iter().map(|(file, schema)| (file, schema.to_string()));
        let texts: std::collections::BTreeMap<_, _> = texts.collect();
        for (file, instead) in [
            ("pipeline.schema.json", "use `acme.read`"),
            ("pipeline.schema.json", "write `key`"),
            ("project.schema.json", "write `account`"),
            ("actions/acme.get.schema.json", "use `acme.read`"),
            ("actions/acme.get.schema.json", "write `key`"),
        ] {
            let marked = format!(r#""deprecated":true,"deprecationMessage":"deprecated: {instead}""#);
            assert!(texts[file].contains(&marked), "{file}: {instead}");
        }
    }
}
