//! `concat`: several values as one text.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Operator, Scope},
    schema::Kind,
    shape::{Shape, Typing},
    yaml::{
        Node,
        read::{list, text},
    },
};
use serde_json::Value;

use super::{Built, Example, Mapping, Page, text_of};

pub(super) const PAGE: Page = Page {
    name: "concat",
    text: "Joins values to one text, with `with` between them. What is null or empty is left out, its separator too.",
    examples: &[
        Example {
            written: "{ concat: [$.event.first, $.event.middle, $.event.last], with: \" \" }",
            event: r#"{"first": "Ana", "middle": null, "last": "Almeida"}"#,
            gives: r#""Ana Almeida""#,
        },
        Example { written: "{ concat: [INV, $.event.n], with: \"-\" }", event: r#"{"n": 7}"#, gives: r#""INV-7""# },
    ],
};

#[derive(Debug)]
struct Concat {
    parts: Vec<Expression>,
    with: String,
}

pub(super) fn compile(_: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let parts = list(node.get("concat")?, "`concat`", compiler.report)?;
    let parts: Vec<_> = parts.iter().map(|part| compiler.expression(part)).collect();
    let with = node.get("with").map(|node| text(node, "`with`", compiler.report));
    Some(Box::new(Concat {
        parts: parts.into_iter().collect::<Option<_>>()?,
        with: with.map_or(Some(String::new()), |with| with.map(|with| with.value))?,
    }))
}

impl Operator for Concat {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let mut texts = Vec::new();
        for part in &self.parts {
            let value = part.eval(scope)?;
            if !value.is_null() && value.as_str() != Some("") {
                texts.push(text_of(&value, "a part of `concat`")?);
            }
        }
        Ok(Value::from(texts.join(&self.with)))
    }

    fn parts(&self) -> Vec<&Expression> {
        self.parts.iter().collect()
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        // What is null is left out; what is not there is an error.
        self.parts.iter().for_each(|part| drop(part.shape(cx)));
        Shape::of_kind(Kind::String)
    }
}
