//! Rules of a `check` step.

use ferry_contract::{
    expression::{EvalError, Scope},
    failure::{ErrorClass, Failure},
    number,
    path::Path,
    script::Script,
    template::{Escape, Template},
};
use rust_decimal::Decimal;
use serde_json::Value;

/// One compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// What must hold.
    pub test: Test,
    /// The class of the failure.
    pub class: ErrorClass,
    /// What to tell a person.
    pub say: Option<Template>,
}

/// What must hold.
#[derive(Debug)]
pub enum Test {
    /// A field is something.
    Field {
        /// Where it is.
        field: Path,
        /// What it must be.
        is: Is,
    },
    /// A condition holds.
    Rhai(Script),
}

/// What a field must be.
#[derive(Debug)]
pub enum Is {
    /// There, not null, not empty.
    Present,
    /// An e-mail address.
    Email,
    /// An exact number within bounds.
    Decimal {
        /// Greater than.
        above: Option<Decimal>,
        /// Not greater than.
        at_most: Option<Decimal>,
        /// At most that many decimals.
        scale: Option<u32>,
    },
    /// One of a few values.
    OneOf(Vec<Value>),
}

impl Rule {
    /// Whether the data passes.
    ///
    /// # Errors
    /// The failure with the rule's class; `invalid` where the rule itself cannot be evaluated.
    pub fn check(&self, scope: Scope<'_>) -> Result<(), Failure> {
        let wrong = match &self.test {
            Test::Rhai(script) => match script.test(scope.rules, scope.names) {
                Ok(true) => return Ok(()),
                Ok(false) => format!("`{}` does not hold", script.text()),
                Err(error) => return Err(Failure::new(ErrorClass::Invalid, error.to_string())),
            },
            Test::Field { field, is } => {
                let value = field.one(scope.document).unwrap_or(&Value::Null);
                match is.wrong(value) {
                    None => return Ok(()),
                    Some(wrong) => format!("`{}` {wrong}", field.text()),
                }
            }
        };
        let said = self.say.as_ref().map(|say| say.render(scope.document, &|_| None, Escape::None));
        let message = match said {
            Some(Ok(text)) => text,
            Some(Err(error)) => format!("{wrong} ({error})"),
            None => wrong,
        };
        Err(Failure::new(self.class, message))
    }
}

impl Is {
    fn wrong(&self, value: &Value) -> Option<String> {
        match self {
            Self::Present => {
                let empty = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
                empty.then(|| "is empty".to_owned())
            }
            Self::Email => {
                let email = value.as_str().is_some_and(is_email);
                (!email).then(|| format!("is not an e-mail address: {value}"))
            }
            Self::Decimal { above, at_most, scale } => match decimal(value) {
                Err(error) => Some(error.0),
                Ok(decimal) => {
                    let low = above
                        .filter(|above| decimal <= *above)
                        .map(|above| format!("is {decimal}, and must be above {above}"));
                    let high = at_most
                        .filter(|most| decimal > *most)
                        .map(|most| format!("is {decimal}, and must be at most {most}"));
                    let fine = scale.filter(|scale| decimal.normalize().scale() > *scale);
                    low.or(high)
                        .or_else(|| fine.map(|scale| format!("is {decimal}, and has more than {scale} decimals")))
                }
            },
            Self::OneOf(values) => {
                let known = values.iter().any(|known| number::equal(known, value));
                (!known).then(|| format!("is {value}, which is not one of {}", Value::from(values.clone())))
            }
        }
    }
}

fn decimal(value: &Value) -> Result<Decimal, EvalError> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    number::text_to_decimal(&text).ok_or_else(|| EvalError(format!("is not an exact number: {value}")))
}

/// One `@`, something before it, and a domain with a dot after it. Source: the WHATWG's `input
/// type=email`, with the dot that a payment needs.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let label = |label: &str| {
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    let local_ok =
        !local.is_empty() && local.bytes().all(|byte| byte.is_ascii_graphic() && !b"@,;:<>()[]\\\"".contains(&byte));
    local_ok && domain.contains('.') && domain.len() <= 253 && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_what_they_must_be() {
        let amount = Is::Decimal { above: Some(Decimal::ZERO), at_most: None, scale: Some(2) };
        for (is, value, expected) in [
            (&Is::Email, json!("ana@example.com"), None),
            (&Is::Email, json!("ana.example.com"), Some("is not an e-mail address: \"ana.example.com\"")),
            (&Is::Email, json!("a@b@c.com"), Some("is not an e-mail address: \"a@b@c.com\"")),
            (&Is::Email, json!("ana@localhost"), Some("is not an e-mail address: \"ana@localhost\"")),
            (&Is::Present, json!(" "), Some("is empty")),
            (&Is::Present, json!(0), None),
            (&amount, json!("50.00"), None),
            (&amount, json!("50.001"), Some("is 50.001, and has more than 2 decimals")),
            (&amount, json!(-1), Some("is -1, and must be above 0")),
            (&amount, json!("x"), Some("is not an exact number: \"x\"")),
        ] {
            assert_eq!(is.wrong(&value).as_deref(), expected, "{value}");
        }
    }
}
