//! `from: …` with modifiers, which are applied in one order however they are written.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Made, Operator, Scope},
    schema::Kind,
    shape::{Shape, Typing},
    yaml::{
        Node,
        read::{Fields, flag},
    },
};
use serde_json::Value;

use super::{
    Built, BuiltModifier, Example, Mapping, Modifier, Page, cast, country, date, lookup, one_of, refused, split,
    symbol, text,
};

pub(super) const PAGE: Page = Page {
    name: "from",
    text: "Takes a value, and changes it by the modifiers beside it, always in this order: `many`, `default` or `required`; \
           `trim`, `upper`, `lower`; `split`; `as`, `date`, `country`; `lookup` with `else`, `currency_symbol`; `pattern`, \
           `max_length`; `mask`. What is null stays null. `many: true` gives all values of a path as a list; `default` \
           stands in for what is missing or null; `required: true` refuses null and an empty text.",
    examples: &[
        Example { written: "{ from: $.event.fee, default: 0 }", event: r#"{"fee": null}"#, gives: "0" },
        Example { written: "{ from: $.event.fee, default: null }", event: "{}", gives: "null" },
        Example {
            written: "{ from: $.event.name, required: true }",
            event: r#"{"name": " "}"#,
            gives: "error: the value is empty, and it is required",
        },
        Example {
            written: "{ from: \"$.event.lines[*].sku\", many: true }",
            event: r#"{"lines": [{"sku": "A"}, {"sku": "B"}]}"#,
            gives: r#"["A","B"]"#,
        },
        Example {
            written: "{ from: \"$.event.lines[*].sku\" }",
            event: r#"{"lines": [{"sku": "A"}, {"sku": "B"}]}"#,
            gives: "error: `$.event.lines[*].sku` gives 2 values, and one is needed",
        },
    ],
};

/// Each modifier with how it is compiled, in the order in which they are applied.
const MODIFIERS: [(&str, Compile); 13] = [
    ("trim", text::trim),
    ("upper", text::upper),
    ("lower", text::lower),
    ("split", split::compile),
    ("as", cast::compile),
    ("date", date::compile),
    ("country", country::compile),
    ("lookup", lookup::compile),
    ("currency_symbol", symbol::compile),
    ("pattern", text::pattern),
    ("max_length", text::max_length),
    ("mask", text::mask),
    // It belongs to `lookup`, which reads it.
    ("else", lookup::or),
];

const KEYS: [&str; 17] = [
    "from",
    "many",
    "default",
    "required",
    "trim",
    "upper",
    "lower",
    "split",
    "as",
    "date",
    "country",
    "lookup",
    "else",
    "currency_symbol",
    "pattern",
    "max_length",
    "mask",
];

/// What a modifier is compiled from.
pub(super) struct Written<'w> {
    pub(super) mapping: &'w Mapping<'w>,
    pub(super) node: &'w Node,
    /// The whole map.
    pub(super) fields: Fields<'w>,
}

/// Nothing inside where the modifier changes nothing.
type Compile = fn(&Written<'_>, &mut Compiler<'_>) -> Option<BuiltModifier>;

#[derive(Debug)]
struct From {
    value: Expression,
    is_many: bool,
    is_required: bool,
    default: Option<Expression>,
    modifiers: Vec<Box<dyn Modifier>>,
}

pub(super) fn compile(mapping: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let fields = Fields::open(node, "a mapping with `from`", &KEYS, compiler.report)?;
    let value = compiler.expression(fields.get("from")?);
    let default = compiler.optional(fields.get("default"));
    let mut on =
        |key: &str| fields.get(key).map_or(Some(false), |node| flag(node, &format!("`{key}`"), compiler.report));
    let (is_many, is_required) = (on("many"), on("required"));
    if is_required == Some(true) {
        let help = "remove one of the two: a default stands in for what is missing";
        fields.refuse("default", "what is `required` takes no `default`", help, compiler.report);
    }
    let mut modifiers = Vec::new();
    let mut complete = true;
    for (key, compile) in MODIFIERS {
        let Some(node) = fields.get(key) else { continue };
        match compile(&Written { mapping, node, fields }, compiler) {
            Some(modifier) => modifiers.extend(modifier),
            None => complete = false,
        }
    }
    let from = From { value: value?, is_many: is_many?, is_required: is_required?, default: default?, modifiers };
    complete.then(|| Box::new(from) as Box<dyn Operator>)
}

impl Operator for From {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let value = self.start(scope)?;
        if self.is_required && (value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())) {
            return refused("the value is empty, and it is required");
        }
        // A default may be null on purpose.
        self.modifiers.iter().try_fold(value, |value, modifier| match value {
            Value::Null => Ok(Value::Null),
            value => modifier.apply(value, scope),
        })
    }

    fn parts(&self) -> Vec<&Expression> {
        let of_modifiers = self.modifiers.iter().flat_map(|modifier| modifier.parts());
        [&self.value].into_iter().chain(&self.default).chain(of_modifiers).collect()
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        let is_optional = self.default.is_some() || self.is_many;
        // All that such a path gives is what is asked for.
        let is_list = self.is_many && matches!(&self.value.made, Made::Path(path) if path.is_plural());
        let value = if is_list {
            Shape::default()
        } else if is_optional {
            self.value.shape_if_there(cx)
        } else {
            self.value.shape(cx)
        };
        let is_null = |default: &Expression| matches!(default.made, Made::Literal(Value::Null));
        let is_nullable = !self.is_many && self.default.as_ref().is_some_and(is_null);
        let default = self.default.as_ref().map(|default| default.shape(cx));
        let start = match (self.is_many, default) {
            (true, _) => Shape::of_kind(Kind::Array),
            (false, Some(default)) => one_of(vec![Shape { unsure: None, ..value }, default]),
            (false, None) => value,
        };
        let end = self.modifiers.iter().fold(start, |of, modifier| modifier.shape(of, cx));
        Shape { unsure: is_nullable.then(|| "its `default` is null".to_owned()), ..end }
    }
}

impl From {
    /// A value that is missing or null takes the default, where there is one.
    fn start(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        if let (true, Made::Path(path)) = (self.is_many, &self.value.made) {
            return Ok(path.many(scope.document).into_iter().cloned().collect());
        }
        match (self.value.eval(scope), &self.default) {
            (Ok(value), Some(default)) if value.is_null() => default.eval(scope),
            (Err(_), Some(default)) if matches!(self.value.made, Made::Path(_)) => default.eval(scope),
            (result, _) => result,
        }
    }
}
