//! `currency_symbol`: how a currency is written before an amount.

use ferry_contract::{
    expression::{Compiler, EvalError, Scope},
    money::currency_symbol,
    schema::Kind,
    shape::{Shape, Typing},
    yaml::read::flag,
};
use serde_json::Value;

use super::{BuiltModifier, Example, Modifier, Page, from::Written, refused, text_of};

pub(super) const PAGE: Page = Page {
    name: "currency_symbol",
    text: "`currency_symbol: true` gives the symbol of an ISO 4217 code, for systems that show amounts so.",
    examples: &[
        Example { written: "{ from: $.event.x, currency_symbol: true }", event: r#"{"x": "USD"}"#, gives: r#""$""# },
        Example { written: "{ from: $.event.x, currency_symbol: true }", event: r#"{"x": "EUR"}"#, gives: r#""€""# },
        Example {
            written: "{ from: $.event.x, currency_symbol: true }",
            event: r#"{"x": "XYZ"}"#,
            gives: "error: `XYZ` is not an ISO 4217 currency code",
        },
    ],
};

#[derive(Debug)]
struct Symbol;

pub(super) fn compile(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    let is_on = flag(written.node, "`currency_symbol`", compiler.report)?;
    Some(is_on.then(|| Box::new(Symbol) as Box<dyn Modifier>))
}

impl Modifier for Symbol {
    fn apply(&self, value: Value, _: Scope<'_>) -> Result<Value, EvalError> {
        let code = text_of(&value, "a currency")?;
        match currency_symbol(&code) {
            Some(symbol) => Ok(Value::from(symbol)),
            None => refused(format!("`{code}` is not an ISO 4217 currency code")),
        }
    }

    fn shape(&self, of: Shape, cx: &mut Typing<'_>) -> Shape {
        let _ = (of, cx);
        Shape::of_kind(Kind::String)
    }
}
