//! Modifiers of texts: `trim`, `upper`, `lower`, `pattern`, `max_length`, `mask`.

use ferry_contract::{
    expression::{Compiler, EvalError, Scope},
    schema::{Kind, MASK_SHOWN_CHARS, Schema},
    shape::{Shape, Typing},
    yaml::read::{flag, one_of, text, whole},
};
use regex::Regex;
use serde_json::Value;

use super::{BuiltModifier, Example, Modifier, Page, from::Written, refused, text_of};
use crate::limits::PATTERN_MAX_BYTES;

pub(super) const CLEAN: Page = Page {
    name: "trim",
    text: "`trim: true` takes white space off both ends of a text, `upper: true` and `lower: true` change its letters.",
    examples: &[
        Example {
            written: "{ from: $.event.x, trim: true, lower: true }",
            event: r#"{"x": " Ana@Example.com "}"#,
            gives: r#""ana@example.com""#,
        },
        Example { written: "{ from: $.event.x, upper: true }", event: r#"{"x": "no"}"#, gives: r#""NO""# },
    ],
};

pub(super) const GUARD: Page = Page {
    name: "pattern",
    text: "`pattern` refuses a text that a regular expression does not match as a whole, `max_length` one that has more \
           characters: nothing is ever cut silently.",
    examples: &[
        Example {
            written: "{ from: $.event.x, pattern: \"[0-9]{6,12}\" }",
            event: r#"{"x": "100086190"}"#,
            gives: r#""100086190""#,
        },
        Example {
            written: "{ from: $.event.x, pattern: \"[A-Z]{3}\" }",
            event: r#"{"x": "EURO"}"#,
            gives: "error: `EURO` does not match `[A-Z]{3}`",
        },
        Example {
            written: "{ from: $.event.x, max_length: 3 }",
            event: r#"{"x": "abcd"}"#,
            gives: "error: the text has 4 characters, and 3 are the most",
        },
    ],
};

pub(super) const MASK: Page = Page {
    name: "mask",
    text: "`mask: last4` shows only the last four characters of a text.",
    examples: &[
        Example {
            written: "{ from: $.event.x, mask: last4 }",
            event: r#"{"x": "4111111111111111"}"#,
            gives: r#""************1111""#,
        },
        Example { written: "{ from: $.event.x, mask: last4 }", event: r#"{"x": "123"}"#, gives: r#""***""# },
    ],
};

#[derive(Debug)]
enum Text {
    Trim,
    Upper,
    Lower,
    Pattern(Regex, String),
    LengthMax(usize),
    LastFour,
}

pub(super) fn trim(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    switched("`trim`", Text::Trim, written, compiler)
}

pub(super) fn upper(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    switched("`upper`", Text::Upper, written, compiler)
}

pub(super) fn lower(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    switched("`lower`", Text::Lower, written, compiler)
}

fn switched(what: &str, text: Text, written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    let is_on = flag(written.node, what, compiler.report)?;
    Some(is_on.then(|| Box::new(text) as Box<dyn Modifier>))
}

pub(super) fn pattern(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    let pattern = text(written.node, "`pattern`", compiler.report)?.value;
    let built = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(PATTERN_MAX_BYTES).build();
    match built {
        Ok(regex) => Some(Some(Box::new(Text::Pattern(regex, pattern)))),
        Err(_) => {
            let message = format!("`{pattern}` is not a regular expression");
            let help = "write one such as `[A-Z]{3}`; a backslash is written twice inside double quotes";
            compiler.report.error("invalid-value", written.node.at, message, help);
            None
        }
    }
}

pub(super) fn max_length(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    let length = whole(written.node, "`max_length`", compiler.report)?;
    Some(Some(Box::new(Text::LengthMax(usize::try_from(length).unwrap_or(usize::MAX)))))
}

pub(super) fn mask(written: &Written<'_>, compiler: &mut Compiler<'_>) -> Option<BuiltModifier> {
    one_of(written.node, "a mask", &[("last4", ())], compiler.report)?;
    Some(Some(Box::new(Text::LastFour)))
}

impl Modifier for Text {
    fn apply(&self, value: Value, _: Scope<'_>) -> Result<Value, EvalError> {
        match (self, &value) {
            (Self::Trim | Self::Upper | Self::Lower, Value::String(text)) => Ok(Value::from(self.changed(text))),
            (Self::Pattern(regex, pattern), _) => {
                let text = text_of(&value, "what a `pattern` looks at")?;
                if !regex.is_match(&text) {
                    return refused(format!("`{text}` does not match `{pattern}`"));
                }
                Ok(value)
            }
            (Self::LengthMax(max), Value::String(text)) if text.chars().count() > *max => {
                refused(format!("the text has {} characters, and {max} are the most", text.chars().count()))
            }
            (Self::Trim | Self::Upper | Self::Lower | Self::LengthMax(_), _) => Ok(value),
            (Self::LastFour, _) => Ok(Value::from(last_four(&text_of(&value, "what is masked")?))),
        }
    }

    fn shape(&self, of: Shape, cx: &mut Typing<'_>) -> Shape {
        let _ = cx;
        match self {
            // A constant becomes another, and `straße` a longer one, `STRASSE`. How long another text may become is not
            // foreseen: a letter in a thousand becomes two, and a warning at every `upper` would be read by nobody.
            Self::Trim | Self::Upper | Self::Lower => {
                let changed = |value| match value {
                    Value::String(text) => Value::from(self.changed(&text)),
                    other => other,
                };
                let values = of.schema.values.into_iter().map(changed).collect();
                Shape::from(Schema { values, ..of.schema })
            }
            Self::Pattern(..) => of,
            Self::LengthMax(max) => Shape::from(Schema { length_max: Some(*max), ..of.schema }),
            // As long as it was: what is hidden is a `*` each.
            Self::LastFour => {
                let length_max = of.schema.longest();
                Shape::from(Schema { length_max, masked: true, ..Shape::of_kind(Kind::String).schema })
            }
        }
    }
}

impl Text {
    /// A text without the spaces around it, or in other letters.
    fn changed(&self, text: &str) -> String {
        match self {
            Self::Trim => text.trim().to_owned(),
            Self::Upper => text.to_uppercase(),
            Self::Lower => text.to_lowercase(),
            Self::Pattern(..) | Self::LengthMax(_) | Self::LastFour => text.to_owned(),
        }
    }
}

/// A short text is hidden whole, or its last four would be all of it.
fn last_four(text: &str) -> String {
    let length = text.chars().count();
    let hidden = if length > MASK_SHOWN_CHARS { length - MASK_SHOWN_CHARS } else { length };
    "*".repeat(hidden).chars().chain(text.chars().skip(hidden)).collect()
}
