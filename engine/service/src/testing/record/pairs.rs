//! What a run has seen and recorded of cross-references, as its test gives and expects it: hidden as its event is, so
//! that the test finds the same pairs, and names nobody.

use std::collections::BTreeMap;

use ferry_core::run::Entry;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::masked::Masked;

/// The pairs of a run and of those that it has begun, as `state` writes them; nothing where there are none.
pub(super) struct Pairs {
    /// What was known before it: what it has read first, or what it has replaced.
    pub(super) before: Option<Value>,
    /// What it has recorded.
    pub(super) after: Option<Value>,
}

type Known = BTreeMap<(String, String), Option<String>>;

/// Texts that the test has under another form, by the one that they have in the journal.
type Hidden = BTreeMap<String, String>;

impl Pairs {
    /// Those of a journal, or of several in the order of their entries.
    pub(super) fn of(journal: &[(Timestamp, Entry)], mask: &Masked) -> Self {
        let (mut before, mut after, mut hidden) = (Known::new(), Known::new(), Hidden::new());
        for (_, entry) in journal {
            match entry {
                Entry::Referenced { pairs, .. } => pairs.iter().for_each(|pair| {
                    before.entry((pair.table.clone(), pair.key.clone())).or_insert_with(|| pair.to.clone());
                }),
                Entry::Linked { table, key, to, was, .. } => {
                    before.entry((table.clone(), key.clone())).or_insert_with(|| was.clone());
                    after.insert((table.clone(), key.clone()), Some(to.clone()));
                }
                Entry::Started { event: value, .. }
                | Entry::Evaluated { output: value, .. }
                | Entry::Answered { output: value, .. }
                | Entry::Arrived { output: value, .. } => hides(value, &mask.value(value), &mut hidden),
                _ => {}
            }
        }
        before.retain(|_, to| to.is_some());
        let text = |text: &String| hidden.get(text).cloned().unwrap_or_else(|| mask.text(text));
        Self { before: written(&before, &text), after: written(&after, &text) }
    }
}

/// Notes what is another text once it is masked: its field's name may have been the reason.
fn hides(value: &Value, masked: &Value, hidden: &mut Hidden) {
    match (value, masked) {
        (Value::Array(items), Value::Array(masked)) => {
            items.iter().zip(masked).for_each(|(item, masked)| hides(item, masked, hidden));
        }
        (Value::Object(map), Value::Object(masked)) => {
            map.iter().for_each(|(name, item)| hides(item, &masked[name], hidden));
        }
        (Value::String(text), Value::String(masked)) if text != masked => {
            hidden.insert(text.clone(), masked.clone());
        }
        (Value::Number(number), Value::String(masked)) => {
            hidden.insert(number.to_string(), masked.clone());
        }
        _ => {}
    }
}

fn written(pairs: &Known, text: &dyn Fn(&String) -> String) -> Option<Value> {
    let mut tables: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for ((table, key), to) in pairs {
        tables.entry(table).or_default().insert(text(key), json!(to.as_ref().map(text)));
    }
    (!tables.is_empty()).then(|| json!({ "xref": tables }))
}

#[cfg(test)]
mod tests {
    use ferry_contract::mask::Mask;
    use ferry_core::run::Pair;

    use super::*;

    #[test]
    fn pairs_are_hidden_as_the_event_is() {
        let step = || "s".to_owned();
        let pair = |key: &str, to: Option<&str>| Pair { table: "t".into(), key: key.into(), to: to.map(str::to_owned) };
        let linked = |key: &str, was: Option<&str>, to: &str| Entry::Linked {
            step: step(),
            table: "t".into(),
            key: key.into(),
            to: to.into(),
            was: was.map(str::to_owned),
        };
        let event = json!({ "iban": "DE89370400440532013000", "mail": "ana@acme.org" });
        let journal = [
            Entry::Started { event: event.clone(), parent: None, refused: None },
            Entry::Referenced { step: step(), pairs: vec![pair("ana@acme.org", Some("P-1")), pair("new", None)] },
            linked("new", None, "DE89370400440532013000"),
            Entry::Referenced { step: step(), pairs: vec![pair("new", Some("DE89370400440532013000"))] },
            linked("ana@acme.org", Some("P-1"), "P-2"),
        ];
        let journal = journal.map(|entry| (Timestamp::UNIX_EPOCH, entry));
        let mask = Masked::new(Mask::default().names(["iban"]));
        let (pairs, event) = (Pairs::of(&journal, &mask), mask.value(&event));
        let (iban, mail) = (&event["iban"], event["mail"].as_str().unwrap());
        assert_eq!(pairs.before, Some(json!({ "xref": { "t": { mail: "P-1" } } })));
        assert_eq!(pairs.after, Some(json!({ "xref": { "t": { mail: "P-2", "new": iban } } })));
        assert!(iban != "DE89370400440532013000" && mail != "ana@acme.org", "{event}");
    }
}
