//! `from: …` with modifiers, applied in this order: `default`, `as`, `lookup` with `else`, `upper`,
//! `lower`, `trim`, `max_length`.

use std::sync::Arc;

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Operator, Scope},
    number, suggest,
    yaml::{
        Node,
        read::{Fields, flag, one_of, text, whole},
    },
};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use super::{Built, Mapping};
use crate::project::Table;

const KEYS: [&str; 9] = ["from", "default", "as", "lookup", "else", "upper", "lower", "trim", "max_length"];

#[derive(Debug)]
struct From {
    value: Expression,
    default: Option<Expression>,
    kind: Option<As>,
    lookup: Option<Lookup>,
    case: Vec<Case>,
    length_max: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum As {
    Text,
    Integer,
    Decimal(u32),
}

#[derive(Debug)]
struct Lookup {
    name: String,
    table: Arc<Table>,
    or: Option<Expression>,
}

#[derive(Clone, Copy, Debug)]
enum Case {
    Upper,
    Lower,
    Trim,
}

pub(super) fn compile(mapping: Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let fields = Fields::open(node, "a mapping with `from`", &KEYS, compiler.report)?;
    let from = compiler.expression(fields.get("from")?);
    let default = fields.get("default").map(|node| compiler.expression(node));
    let kind = fields.get("as").map(|node| kind(node, compiler));
    if fields.get("lookup").is_none() {
        fields.refuse(
            "else",
            "only a `lookup` takes `else`",
            "write `default` for a value that is missing",
            compiler.report,
        );
    }
    let lookup = fields.get("lookup").map(|node| lookup(mapping, node, fields, compiler));
    let mut case = Vec::new();
    for (key, word) in [("trim", Case::Trim), ("upper", Case::Upper), ("lower", Case::Lower)] {
        if let Some(node) = fields.get(key) {
            case.extend(flag(node, &format!("`{key}`"), compiler.report)?.then_some(word));
        }
    }
    let length = fields.get("max_length").map(|node| whole(node, "`max_length`", compiler.report));
    Some(Box::new(From {
        value: from?,
        default: default.map_or(Some(None), |default| default.map(Some))?,
        kind: kind.map_or(Some(None), |kind| kind.map(Some))?,
        lookup: lookup.map_or(Some(None), |lookup| lookup.map(Some))?,
        case,
        length_max: length
            .map_or(Some(None), |length| length.map(Some))?
            .and_then(|length| usize::try_from(length).ok()),
    }))
}

fn kind(node: &Node, compiler: &mut Compiler<'_>) -> Option<As> {
    let written = text(node, "`as`", compiler.report)?.value;
    let scale =
        written.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')).and_then(|scale| scale.parse().ok());
    match scale {
        Some(scale @ 0..=28) => Some(As::Decimal(scale)),
        Some(_) | None => {
            let words = [("string", As::Text), ("integer", As::Integer), ("decimal(2)", As::Decimal(2))];
            one_of(node, "a type", &words, compiler.report)
        }
    }
}

fn lookup(mapping: Mapping<'_>, node: &Node, fields: Fields<'_>, compiler: &mut Compiler<'_>) -> Option<Lookup> {
    let name = text(node, "`lookup`", compiler.report)?.value;
    let table = mapping.tables.get(&name);
    if table.is_none() {
        let known: Vec<&str> = mapping.tables.keys().map(String::as_str).collect();
        let help = suggest::help(&name, &known);
        compiler.report.error("unknown-table", node.at, format!("there is no table `{name}` in `tables/`"), help);
    }
    let or = match fields.get("else") {
        Some(node) => Some(compiler.expression(node)?),
        None => None,
    };
    Some(Lookup { name, table: Arc::clone(table?), or })
}

impl Operator for From {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let mut value = self.start(scope)?;
        if value.is_null() {
            return Ok(value);
        }
        if let Some(kind) = self.kind {
            value = kind.convert(&value)?;
        }
        if let Some(lookup) = &self.lookup {
            value = lookup.find(&value, scope)?;
        }
        if let (Value::String(text), false) = (&value, self.case.is_empty()) {
            value = Value::from(self.case.iter().fold(text.clone(), |text, case| case.apply(&text)));
        }
        match (&value, self.length_max) {
            (Value::String(text), Some(max)) if text.chars().count() > max => {
                Err(EvalError(format!("the text has {} characters, and {max} are the most", text.chars().count())))
            }
            _ => Ok(value),
        }
    }

    fn parts(&self) -> Vec<&Expression> {
        let or = self.lookup.as_ref().and_then(|lookup| lookup.or.as_ref());
        [&self.value].into_iter().chain(&self.default).chain(or).collect()
    }
}

impl From {
    /// A value that is missing or null takes the default, where there is one.
    fn start(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        match (self.value.eval(scope), &self.default) {
            (Ok(value), Some(default)) if value.is_null() => default.eval(scope),
            (Err(_), Some(default)) if matches!(self.value, Expression::Path(_)) => default.eval(scope),
            (result, _) => result,
        }
    }
}

impl As {
    fn convert(self, value: &Value) -> Result<Value, EvalError> {
        let decimal = |value: &Value| -> Result<Decimal, EvalError> {
            let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
            number::text_to_decimal(&text).ok_or_else(|| EvalError(format!("{value} is not an exact number")))
        };
        Ok(match self {
            Self::Text => Value::from(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            Self::Integer => {
                let decimal = decimal(value)?;
                if !decimal.fract().is_zero() {
                    return Err(EvalError(format!("{value} is not a whole number")));
                }
                number::from_decimal(decimal.trunc())
            }
            Self::Decimal(scale) => {
                let mut decimal = decimal(value)?.round_dp_with_strategy(scale, RoundingStrategy::MidpointNearestEven);
                decimal.rescale(scale);
                number::from_decimal(decimal)
            }
        })
    }
}

impl Lookup {
    fn find(&self, value: &Value, scope: Scope<'_>) -> Result<Value, EvalError> {
        let key = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match (self.table.rows.get(&key), &self.or) {
            (Some(found), _) => Ok(found.clone()),
            (None, Some(or)) => or.eval(scope),
            (None, None) => Err(EvalError(format!("the table `{}` has no row for `{key}`", self.name))),
        }
    }
}

impl Case {
    fn apply(self, text: &str) -> String {
        match self {
            Self::Upper => text.to_uppercase(),
            Self::Lower => text.to_lowercase(),
            Self::Trim => text.trim().to_owned(),
        }
    }
}
