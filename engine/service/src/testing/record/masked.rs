//! What a recorded test may keep of a run: it lies beside the pipeline, where everybody reads it.

use ferry_contract::{key::Digest, mask::Mask};
use serde_json::Value;

/// Letters of a digest that tell two persons apart.
const DIGEST_CHARS: usize = 6;

/// Hides what a [`Mask`] hides, and e-mail addresses: the same person has the same address wherever it stands, and it
/// is one still, for those who check it.
pub(super) struct Masked(Mask);

impl Masked {
    pub(super) fn new(mask: Mask) -> Self {
        Self(mask)
    }

    pub(super) fn value(&self, value: &Value) -> Value {
        without_addresses(&self.0.value(value))
    }

    pub(super) fn text(&self, text: &str) -> String {
        addresses_hidden(&self.0.text(text))
    }
}

fn without_addresses(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(addresses_hidden(text)),
        Value::Array(items) => items.iter().map(without_addresses).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, item)| (name.clone(), without_addresses(item))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn addresses_hidden(text: &str) -> String {
    let is_part = |char: char| char.is_alphanumeric() || "@.!#$%&'*+/=?^_`{|}~-".contains(char);
    let (mut out, mut rest) = (String::new(), text);
    while !rest.is_empty() {
        let end = rest.find(|char| !is_part(char)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        out.push_str(&address_hidden(word));
        let next = after.chars().next().map_or(0, char::len_utf8);
        out.push_str(&after[..next]);
        rest = &after[next..];
    }
    out
}

fn address_hidden(word: &str) -> String {
    let is_address = word.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.trim_end_matches('.').contains('.') && !domain.contains('@')
    });
    if !is_address {
        return word.to_owned();
    }
    let end = if word.ends_with('.') { "." } else { "" };
    let digest = Digest::of(word.trim_end_matches('.').to_lowercase());
    format!("person-{}@example.com{end}", &digest.as_str()[..DIGEST_CHARS])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_has_one_address_that_is_not_his() {
        let masked = Masked::new(Mask::default().names(["iban"]));
        let value = json!({
            "Email": "Ana.Müller@acme.org", "said": "not an address: ana.müller@acme.org.", "iban": "DE89370400440532013000",
            "other": ["bob@acme.org"], "at": "3 @ 5.00, user@host", "n": 50.0,
        });
        let hidden = masked.value(&value);
        let ana = hidden["Email"].as_str().unwrap();
        assert!(ana.starts_with("person-") && ana.ends_with("@example.com"), "{hidden}");
        assert_eq!(hidden["said"], format!("not an address: {ana}."));
        assert_ne!(hidden["other"][0], hidden["Email"]);
        assert_eq!((&hidden["iban"], &hidden["at"], &hidden["n"]), (&json!("***3000"), &value["at"], &value["n"]));
        assert_eq!(masked.text("by bob@acme.org"), format!("by {}", hidden["other"][0].as_str().unwrap()));
    }
}
