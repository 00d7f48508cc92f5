//! What a person may not see is replaced before it is kept: secrets, card numbers, bank details.
//!
//! By name (`iban`, `csc`, what a manifest calls `sensitive`), by value (the secrets of a connection, what was given for
//! a `sensitive` input), and by form: a text that can only be a card number. Long values keep their last four
//! characters, so that a person can compare them.

use serde_json::Value;

use crate::template::percent_encoded;

/// Fields that are masked wherever they appear, in small letters and without separators.
const NAMES: [&str; 25] = [
    "accesstoken",
    "accountnumber",
    "apikey",
    "assertion",
    "authorization",
    "bankaccount",
    "clientsecret",
    "csc",
    "cvc",
    "cvv",
    "cvv2",
    "encryptedcsc",
    "encryptednumber",
    "iban",
    "idtoken",
    "number",
    "pan",
    "password",
    "pin",
    "refreshtoken",
    "routingnumber",
    "secret",
    "sessionid",
    "ssn",
    "token",
];
/// What stands for what is masked.
const STARS: &str = "***";
/// What is shorter is hidden only where it is a whole value: inside of other texts it would hide words.
const PART_MIN_CHARS: usize = 6;
/// From so many characters, the last four stay.
const LAST_FOUR_FROM_CHARS: usize = 9;

/// Masks what is kept of one exchange.
#[derive(Clone, Default)]
pub struct Mask {
    /// What is hidden, and what is shown for it.
    texts: Vec<(String, String)>,
    names: Vec<String>,
}

impl Mask {
    /// Hides these texts, also as parts of others.
    #[must_use]
    pub fn secrets<'a>(self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        secrets.into_iter().fold(self, |mask, secret| mask.text_as(secret, STARS))
    }

    /// Hides these texts but for their last four characters, also as parts of others.
    #[must_use]
    pub fn values<'a>(self, values: impl IntoIterator<Item = &'a str>) -> Self {
        values.into_iter().fold(self, |mask, value| mask.text_as(value, &last_four(value)))
    }

    /// In a URL, a text stands with escapes.
    fn text_as(mut self, text: &str, shown: &str) -> Self {
        let escaped = percent_encoded(text);
        if !text.is_empty() && escaped != text {
            self.texts.push((escaped, shown.to_owned()));
        }
        if !text.is_empty() {
            self.texts.push((text.to_owned(), shown.to_owned()));
        }
        self
    }

    /// Hides fields of these names.
    #[must_use]
    pub fn names<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.names.extend(names.into_iter().map(plain));
        self
    }

    /// JSON with everything hidden that must be.
    pub fn value(&self, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => {
                let shown = self.text(number.as_str());
                if shown == number.as_str() { value.clone() } else { Value::from(shown) }
            }
            Value::String(text) => Value::from(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                let masked = fields.iter().map(|(name, value)| {
                    let hides = self.hides(name) && !matches!(value, Value::Array(_) | Value::Object(_));
                    (name.clone(), if hides { hidden(value) } else { self.value(value) })
                });
                Value::Object(masked.collect())
            }
        }
    }

    /// Text with secrets and card numbers hidden.
    pub fn text(&self, text: &str) -> String {
        let shown = self.texts.iter().fold(text.to_owned(), |text, (hidden, shown)| {
            let hides = text == *hidden || hidden.chars().count() >= PART_MIN_CHARS;
            if hides { text.replace(hidden.as_str(), shown) } else { text }
        });
        without_cards(&shown)
    }

    /// A URL whose query is masked like the fields of a body.
    pub fn url(&self, url: &str) -> String {
        let Some((path, query)) = url.split_once('?') else { return self.text(url) };
        let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if self.hides(name) => format!("{name}={STARS}"),
            Some((name, value)) => format!("{name}={}", self.text(value)),
            None => self.text(parameter),
        });
        format!("{}?{}", self.text(path), parameters.collect::<Vec<_>>().join("&"))
    }

    fn hides(&self, name: &str) -> bool {
        let name = plain(name);
        NAMES.contains(&name.as_str()) || self.names.contains(&name)
    }
}

/// `Account-Number` and `account_number` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

fn hidden(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(last_four(text)),
        Value::Number(number) => Value::from(last_four(number.as_str())),
        Value::Null => Value::Null,
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Value::from(STARS),
    }
}

fn last_four(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let last = if chars.len() < LAST_FOUR_FROM_CHARS { &[][..] } else { &chars[chars.len() - 4..] };
    STARS.chars().chain(last.iter().copied()).collect()
}

/// Hides what can only be card numbers: digits of the length and the beginning that a card network gives out, with the right
/// check digit, perhaps in groups. Source: ISO/IEC 7812-1, annex B.
fn without_cards(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|char: char| char.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = end_of_number(from);
        let digits: String = from[..end].chars().filter(char::is_ascii_digit).collect();
        out.push_str(before);
        out.push_str(&if is_card(&digits) { last_four(&digits) } else { from[..end].to_owned() });
        rest = &from[end..];
    }
    out.push_str(rest);
    out
}

/// Where digits end that single blanks or dashes may separate.
fn end_of_number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let separates = matches!(bytes[end], b' ' | b'-') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !bytes[end].is_ascii_digit() && !separates {
            break;
        }
        end += 1;
    }
    end
}

fn is_card(digits: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| digits.starts_with(prefix));
    let of_a_network = match digits.len() {
        13 | 19 => begins(&["4", "62"]),
        14 => begins(&["30", "36", "38"]),
        15 => begins(&["34", "37"]),
        16 => begins(&["2", "35", "4", "5", "6"]),
        _ => false,
    };
    let sum = digits.bytes().rev().enumerate().map(|(at, byte)| {
        let digit = u32::from(byte - b'0') << (at % 2);
        if digit > 9 { digit - 9 } else { digit }
    });
    of_a_network && sum.sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_may_see_is_hidden() {
        let mask = Mask::default()
            .secrets(["s3cret-of-the-program", "no"])
            .values(["DE89370400440532013000", "12345"])
            .names(["tax_id"]);
        for (shown, expected) in [
            (json!({ "amount": 50.00, "reference": "a0P5g", "paid": true, "none": null }), None),
            (json!({ "Password": "hunter2", "csc": 123 }), Some(json!({ "Password": "***", "csc": "***" }))),
            (json!({ "account_number": "000123456789" }), Some(json!({ "account_number": "***6789" }))),
            (json!({ "Account-Number": 123_456_789 }), Some(json!({ "Account-Number": "***6789" }))),
            (json!({ "Tax ID": "123-45-6789" }), Some(json!({ "Tax ID": "***6789" }))),
            (json!(["DE89370400440532013000", 12345]), Some(json!(["***3000", "***"]))),
            (json!("IBAN DE89370400440532013000, 12345"), Some(json!("IBAN ***3000, 12345"))),
            (json!("by s3cret-of-the-program, no"), Some(json!("by ***, no"))),
            (json!("card 4111 1111 1111 1111 was declined"), Some(json!("card ***1111 was declined"))),
            (json!([4_111_111_111_111_111_u64]), Some(json!(["***1111"]))),
            (json!("4111-1111-1111-1112 and 1636595702"), None),
            (json!({ "number": { "of": 3 }, "tokens": 2 }), None),
        ] {
            assert_eq!(mask.value(&shown), expected.unwrap_or_else(|| shown.clone()), "{shown}");
        }
    }

    #[test]
    fn a_url_is_masked_like_a_body() {
        let mask = Mask::default().secrets(["s3cret-of-the-program"]).values(["P-77", "Ana Müller"]);
        assert_eq!(
            mask.url("https://api.example.com/v1/s3cret-of-the-program/x?iban=DE89&payee=P-77&by=Ana%20M%C3%BCller&n=5105105105105100&flag"),
            "https://api.example.com/v1/***/x?iban=***&payee=***&by=***ller&n=***5100&flag"
        );
    }
}
