//! `ferry explain`

use std::sync::Arc;

use clap::Args;
use ferry_connectors::library::Library;
use ferry_contract::{catalog::Catalog, failure::ErrorClass, suggest};
use ferry_core::{eval::operators::PAGES, lint::checks};

use super::{Exit, Outcome, complain, print};
use crate::{clock::WallWatch, manual};

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
        if let Some(text) = explained(&name, &library) {
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

fn explained(name: &str, library: &Library) -> Option<String> {
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
    let mut parts = name.splitn(3, '.');
    let connector = manual::connector(library, parts.next()?)?;
    let Some(action) = parts.next() else { return Some(manual::summary(&connector).markdown()) };
    if let Some(webhook) = connector.webhooks.iter().find(|known| known.name == name) {
        return Some(manual::webhook(webhook).markdown());
    }
    let action = connector.actions.iter().find(|known| known.name == format!("{}.{action}", connector.name))?;
    let Some(field) = parts.next() else { return Some(manual::action(action).markdown()) };
    manual::only_field(action, field).map(|page| page.markdown())
}

const RHAI: &str = "# rhai

A rule in Rhai sees the roots of its place: `event`, `vars`, finished steps by their id, `error` in an arm, `result` in a
question. Numbers are exact: `0.1 + 0.2 == 0.3`, `100 / 8` is 12.5, and there are no floats. A field that is not there is an error;
`event.x ?? 0` reads nothing as 0 where the field may be null. There is no clock, no random number, no file and no `eval`, so a
replay gives the same. `url_decode` reads a text that is encoded as in a query: `a+b%3Ac` is `a b:c`;
`base64url` writes a text in base64url, and `to_json` any value as JSON. `format_date(\"2026-03-01\", \"%m/%d/%Y\")` and
`format_time(time, form, \"Europe/Berlin\")` write days and times as a system wants them; `parse_date` and `parse_time` read them. A script is stopped after 500,000 operations or one second.
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
        let explained = |name| explained(name, &library).unwrap();
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
