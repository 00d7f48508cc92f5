//! `first_of`: the first value that is there.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Made, Operator, Scope},
    shape::{Shape, Typing},
    yaml::{Node, read::list},
};
use serde_json::Value;

use super::{Built, Example, Mapping, Page};

pub(super) const PAGE: Page = Page {
    name: "first_of",
    text: "Gives the first of several values that is there, not null and not an empty text; null where none is.",
    examples: &[
        Example {
            written: "{ first_of: [$.event.mobile, $.event.phone, unknown] }",
            event: r#"{"mobile": "", "phone": "+47 1"}"#,
            gives: r#""+47 1""#,
        },
        Example { written: "{ first_of: [$.event.mobile] }", event: "{}", gives: "null" },
    ],
};

#[derive(Debug)]
struct FirstOf(Vec<Expression>);

pub(super) fn compile(_: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let values = list(node.get("first_of")?, "`first_of`", compiler.report)?;
    let values: Vec<_> = values.iter().map(|value| compiler.expression(value)).collect();
    Some(Box::new(FirstOf(values.into_iter().collect::<Option<_>>()?)))
}

impl Operator for FirstOf {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        for value in &self.0 {
            match value.eval(scope) {
                Ok(found) if !found.is_null() && found.as_str() != Some("") => return Ok(found),
                // A path that leads nowhere is what this operator is for; what else fails is wrong.
                Err(error) if !matches!(value.made, Made::Path(_)) => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(Value::Null)
    }

    fn parts(&self) -> Vec<&Expression> {
        self.0.iter().collect()
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        self.0.iter().for_each(|value| drop(value.shape_if_there(cx)));
        Shape::default()
    }
}
