//! `country`: ISO 3166-1 codes.

use ferry_contract::{
    expression::{Compiler, EvalError, Scope},
    schema::{Kind, Schema},
    shape::{Shape, Typing},
    yaml::read::one_of,
};
use rust_iso3166::CountryCode;
use serde_json::Value;

use super::{BuiltModifier, Example, Modifier, Page, from::Written, refused, text_of};

pub(super) const PAGE: Page = Page {
    name: "country",
    text: "Gives a country's ISO 3166-1 code, `alpha2` or `alpha3`, from either code, from the number, or from the English \
           short name of the standard. Other names come from a table: `lookup` first in a step of its own.",
    examples: &[
        Example { written: "{ from: $.event.x, country: alpha2 }", event: r#"{"x": "NOR"}"#, gives: r#""NO""# },
        Example { written: "{ from: $.event.x, country: alpha3 }", event: r#"{"x": "de"}"#, gives: r#""DEU""# },
        Example { written: "{ from: $.event.x, country: alpha2 }", event: r#"{"x": "Portugal"}"#, gives: r#""PT""# },
        Example {
            written: "{ from: $.event.x, country: alpha2 }",
            event: r#"{"x": "Atlantis"}"#,
            gives: "error: `Atlantis` is no country of ISO 3166-1",
        },
    ],
};

#[derive(Clone, Copy, Debug)]
enum Country {
    Alpha2,
    Alpha3,
}

pub(super) fn compile(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    let words = [("alpha2", Country::Alpha2), ("alpha3", Country::Alpha3)];
    let code = one_of(written.node, "a form of country codes", &words, compiler.report)?;
    Some(Some(Box::new(code)))
}

impl Modifier for Country {
    fn apply(&self, value: Value, _: Scope<'_>) -> Result<Value, EvalError> {
        let text = text_of(&value, "a country")?;
        match find(text.trim()) {
            Some(country) => Ok(Value::from(match self {
                Self::Alpha2 => country.alpha2,
                Self::Alpha3 => country.alpha3,
            })),
            None => refused(format!("`{text}` is no country of ISO 3166-1")),
        }
    }

    fn shape(&self, of: Shape, cx: &mut Typing<'_>) -> Shape {
        let _ = (of, cx);
        let length = match self {
            Self::Alpha2 => 2,
            Self::Alpha3 => 3,
        };
        Schema { kind: Some(Kind::String), length_max: Some(length), ..Schema::default() }.into()
    }
}

fn find(text: &str) -> Option<CountryCode> {
    let upper = text.to_uppercase();
    rust_iso3166::from_alpha2(&upper)
        .or_else(|| rust_iso3166::from_alpha3(&upper))
        .or_else(|| text.parse().ok().and_then(rust_iso3166::from_numeric))
        .or_else(|| rust_iso3166::ALL.iter().find(|country| country.name.to_uppercase() == upper).copied())
}
