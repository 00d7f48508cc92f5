//! `split`: a text at a separator.

use ferry_contract::{
    expression::{Compiler, EvalError, Scope},
    schema::Kind,
    shape::{Shape, Typing},
    yaml::{
        self, Node,
        read::{Fields, text},
    },
};
use serde_json::Value;

use super::{BuiltModifier, Example, Modifier, Page, from::Written, refused, text_of};

pub(super) const PAGE: Page = Page {
    name: "split",
    text: "Splits a text at a separator. `split: \",\"` gives the list of its parts without white space around them; `split: \
           { by: \" \", take: first }` one part: `first`, `last`, a number from 0, or `rest`, which is all behind the first.",
    examples: &[
        Example {
            written: "{ from: $.event.x, split: \",\" }",
            event: r#"{"x": "a, b,c"}"#,
            gives: r#"["a","b","c"]"#,
        },
        Example {
            written: "{ from: $.event.x, split: { by: \" \", take: first } }",
            event: r#"{"x": "Ana Maria Almeida"}"#,
            gives: r#""Ana""#,
        },
        Example {
            written: "{ from: $.event.x, split: { by: \" \", take: rest } }",
            event: r#"{"x": "Ana Maria Almeida"}"#,
            gives: r#""Maria Almeida""#,
        },
        Example {
            written: "{ from: $.event.x, split: { by: \"-\", take: 1 } }",
            event: r#"{"x": "INV-7"}"#,
            gives: r#""7""#,
        },
        Example {
            written: "{ from: $.event.x, split: { by: \"-\", take: 2 } }",
            event: r#"{"x": "INV-7"}"#,
            gives: "error: `INV-7` has 2 parts, and number 2 (from 0) is none of them",
        },
    ],
};

#[derive(Debug)]
struct Split {
    by: String,
    take: Take,
}

#[derive(Clone, Copy, Debug)]
enum Take {
    All,
    Rest,
    Last,
    Part(usize),
}

pub(super) fn compile(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    if written.node.entries().is_none() {
        let by = by(written.node, compiler)?;
        return Some(Some(Box::new(Split { by, take: Take::All })));
    }
    let fields = Fields::open(written.node, "`split`", &["by", "take"], compiler.report)?;
    let separator = fields.need("by", "\" \"", compiler.report);
    let separator = separator.and_then(|node| by(node, compiler));
    let take = fields.need("take", "first", compiler.report).and_then(|node| take(node, compiler));
    Some(Some(Box::new(Split { by: separator?, take: take? })))
}

fn by(node: &Node, compiler: &mut Compiler<'_>) -> Option<String> {
    let by = text(node, "a separator", compiler.report)?.value;
    if by.is_empty() {
        compiler.report.error(
            "invalid-value",
            node.at,
            "a separator has at least one character",
            "write `\",\"` or `\" \"`",
        );
        return None;
    }
    Some(by)
}

fn take(node: &Node, compiler: &mut Compiler<'_>) -> Option<Take> {
    if let yaml::Kind::Number(_) = node.kind {
        let part = yaml::read::whole(node, "`take`", compiler.report)?;
        return Some(Take::Part(usize::try_from(part).unwrap_or(usize::MAX)));
    }
    let words = [("first", Take::Part(0)), ("last", Take::Last), ("rest", Take::Rest)];
    yaml::read::one_of(node, "a part", &words, compiler.report)
}

impl Modifier for Split {
    fn apply(&self, value: Value, _: Scope<'_>) -> Result<Value, EvalError> {
        let text = text_of(&value, "what is split")?;
        let parts: Vec<&str> = text.split(self.by.as_str()).map(str::trim).collect();
        Ok(match self.take {
            Take::All => parts.into_iter().map(Value::from).collect(),
            Take::Rest => Value::from(text.split_once(self.by.as_str()).map_or("", |(_, rest)| rest.trim())),
            Take::Last => Value::from(parts.last().copied().unwrap_or_default()),
            Take::Part(index) => match parts.get(index) {
                Some(part) => Value::from(*part),
                None => {
                    let count = parts.len();
                    return refused(format!("`{text}` has {count} parts, and number {index} (from 0) is none of them"));
                }
            },
        })
    }

    fn shape(&self, of: Shape, cx: &mut Typing<'_>) -> Shape {
        let _ = (of, cx);
        match self.take {
            Take::All => Shape::list(Shape::of_kind(Kind::String)),
            Take::Rest | Take::Last | Take::Part(_) => Shape::of_kind(Kind::String),
        }
    }
}
