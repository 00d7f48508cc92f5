//! Mapping operators: one file each, and these lists.

mod ambiguous;
mod cast;
mod concat;
mod convert;
mod country;
pub(crate) mod date;
mod each;
mod fee;
mod first_of;
mod from;
mod lookup;
mod merge;
pub(super) mod money;
mod slips;
mod split;
mod switch;
mod symbol;
mod text;
mod use_map;
pub mod xref;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use ferry_contract::{
    expression::{self, Compiler, Dialect, EvalError, Expression, Operator, Scope},
    report::{Report, Source},
    schema::Schema,
    shape::{Shape, Typing},
    yaml::{Kind, Node},
};
use serde_json::{Map, Value};

use crate::project::{self, MapFile, Params, Table, Xref};

/// The operators of pipelines, with the tables and the maps that they may use.
#[derive(Debug)]
pub struct Mapping<'a> {
    /// Tables by name.
    pub tables: &'a BTreeMap<String, Arc<Table>>,
    /// Map files by name.
    pub maps: &'a BTreeMap<String, MapFile>,
    /// The names of those that cannot be read.
    pub broken: &'a BTreeSet<String>,
    /// The findings of the map files that were used; a map is checked where it is used, because only there its names
    /// have a meaning.
    pub used: RefCell<Vec<Report>>,
    /// Cross-references by name.
    pub xref: &'a BTreeMap<String, Xref>,
    /// Whether pairs of them can be read where the compiler is: whoever evaluates there reads them before.
    pub reads_xref: Cell<bool>,
    /// How often a pipeline has used one, those inside of others counted each time.
    pub uses: Cell<usize>,
    /// The map files in which the compiler is.
    pub inside: RefCell<Vec<String>>,
}

/// One operator, for `ferry explain` and the reference.
#[derive(Debug)]
pub struct Page {
    /// The key that names it.
    pub name: &'static str,
    /// What it does, what it takes, and what it refuses.
    pub text: &'static str,
    /// Values that run as tests.
    pub examples: &'static [Example],
}

impl Page {
    /// The page, with headings from that level on.
    pub fn in_markdown(&self, heading: &str) -> String {
        let mut page = format!("{heading} {}\n\n{}\n\n", self.name, self.text);
        page += "| written | with `$.event` | gives |\n|---|---|---|\n";
        let cell = |text: &str| format!("`{}`", text.replace('|', "\\|"));
        for example in self.examples {
            let gives = match example.gives.strip_prefix("error: ") {
                Some(error) => format!("an error: {}", error.replace('|', "\\|")),
                None => cell(example.gives),
            };
            page += &format!("| {} | {} | {gives} |\n", cell(example.written), cell(example.event));
        }
        page
    }
}

/// A value and what it gives.
#[derive(Debug)]
pub struct Example {
    /// The value, as YAML.
    pub written: &'static str,
    /// What `$.event` is, as JSON.
    pub event: &'static str,
    /// What it gives, as JSON; after `error: ` why it gives nothing.
    pub gives: &'static str,
}

/// All operators in the order of the reference: the modifiers of `from` as they are applied, then the builders.
pub const PAGES: &[&Page] = &[
    &from::PAGE,
    &text::CLEAN,
    &split::PAGE,
    &cast::PAGE,
    &date::PAGE,
    &country::PAGE,
    &lookup::PAGE,
    &symbol::PAGE,
    &text::GUARD,
    &text::MASK,
    &concat::PAGE,
    &money::PAGE,
    &convert::PAGE,
    &fee::PAGE,
    &first_of::PAGE,
    &switch::PAGE,
    &each::PAGE,
    &use_map::PAGE,
    &xref::PAGE,
    &merge::PAGE,
];

/// The tables and maps that the examples use.
const EXAMPLE_FILES: [(&str, &str); 4] = [
    ("tables/payout-status.yaml", "Transferred: Completed\nCancelled: Failed\n"),
    ("tables/rates.yaml", "EUR/USD: { rate: 1.0825, date: 2026-03-01, source: ECB }\n"),
    ("tables/card-fees.csv", "match.currency,percent,fixed,at_most\nUSD,2.9,0.30,50\nEUR,1.4,0.25,\n"),
    ("maps/payee.yaml", "payee_id: $.contact.Id\nemail: { from: $.contact.Email, lower: true }\n"),
];

/// The tables and maps that the examples of the pages use, by name.
pub fn example_files() -> (BTreeMap<String, Arc<Table>>, BTreeMap<String, MapFile>) {
    let (mut tables, mut maps) = (BTreeMap::new(), BTreeMap::new());
    for (path, text) in EXAMPLE_FILES {
        let source = Source::new(path, text);
        let name = path.split(['/', '.']).nth(1).unwrap_or_default().to_owned();
        let mut report = Report::new(&source);
        if path.starts_with("maps/") {
            maps.extend(project::read_map(&source, &Params::default(), &mut report).map(|map| (name, map)));
        } else {
            tables.extend(
                project::read_table(&source, &Params::default(), &mut report).map(|table| (name, Arc::new(table))),
            );
        }
        assert!(report.is_ok(), "the examples' own files have no finding");
    }
    (tables, maps)
}

/// The one cross-reference that the examples read, `contacts`.
pub fn example_xref() -> Xref {
    Xref { of: "salesforce Contact".to_owned(), to: "payoneer payee".to_owned() }
}

type Built = Option<Box<dyn Operator>>;

type Build = fn(&Mapping<'_>, &Node, &mut Compiler<'_>) -> Built;

/// The builders: the one key of a map that names one, the form of its value, and the keys that may stand beside it. A value
/// of another form makes the map plain data: `{ fee: $.fee.fee }` is a map with the field `fee`.
const BUILDERS: [(&str, Form, &[&str], Build); 10] = [
    ("concat", Form::List, &["with"], concat::compile),
    ("money", Form::Map, &[], money::compile),
    ("convert", Form::Map, &[], convert::compile),
    ("fee", Form::Map, &[], fee::compile),
    ("first_of", Form::List, &[], first_of::compile),
    ("switch", Form::List, &[], switch::compile),
    ("each", Form::Map, &[], each::compile),
    ("use", Form::Text, &["with"], use_map::compile),
    ("xref", Form::Map, &[], xref::compile),
    ("merge", Form::Map, &[], merge::compile),
];

/// How the value of a builder is written.
#[derive(Clone, Copy, Debug)]
enum Form {
    Text,
    List,
    Map,
}

impl Form {
    fn is_of(self, node: &Node) -> bool {
        match self {
            Self::Text => node.text().is_some_and(|text| !text.starts_with('$')),
            Self::List => matches!(node.kind, Kind::List(_)),
            Self::Map => node.entries().is_some() && node.get("from").is_none() && !expression::is_builder(node),
        }
    }
}

/// What a modifier of `from` does with a value that is there.
trait Modifier: fmt::Debug + Send + Sync {
    fn apply(&self, value: Value, scope: Scope<'_>) -> Result<Value, EvalError>;

    fn parts(&self) -> Vec<&Expression> {
        Vec::new()
    }

    /// What is known of the result; the report is for what the modifier itself cannot take.
    fn shape(&self, of: Shape, cx: &mut Typing<'_>) -> Shape;
}

/// What is known where one of several values is taken.
fn one_of(shapes: Vec<Shape>) -> Shape {
    let mut shapes = shapes.into_iter();
    let Some(first) = shapes.next() else { return Shape::default() };
    let mut schema = first.schema;
    for other in shapes {
        if schema.kind.is_none() || schema.kind != other.schema.kind {
            return Shape::default();
        }
        let is_closed = !schema.values.is_empty() && !other.schema.values.is_empty();
        schema = Schema {
            kind: schema.kind,
            values: if is_closed { [schema.values, other.schema.values].concat() } else { Vec::new() },
            open: true,
            ..Schema::default()
        };
    }
    schema.into()
}

type BuiltModifier = Option<Box<dyn Modifier>>;

/// Whether a map makes a value, and so is not itself the value.
pub(crate) fn is_operator(node: &Node) -> bool {
    written(node).is_some() || expression::is_builder(node)
}

fn written(node: &Node) -> Option<Build> {
    if node.get("from").is_some() {
        return Some(from::compile);
    }
    let entries = node.entries()?;
    let is_beside = |beside: &[&str], name: &str| {
        entries.iter().all(|(key, _)| key.value == name || beside.contains(&key.value.as_str()))
    };
    let is_written = |name: &str, form: Form| node.get(name).is_some_and(|value| form.is_of(value));
    let found = BUILDERS.iter().find(|(name, form, beside, _)| is_written(name, *form) && is_beside(beside, name));
    found.map(|(_, _, _, build)| *build)
}

impl Dialect for Mapping<'_> {
    fn operator(&self, node: &Node, compiler: &mut Compiler<'_>) -> Option<Built> {
        written(node).map(|build| build(self, node, compiler))
    }

    fn slip(&self, node: &Node, compiler: &mut Compiler<'_>) -> bool {
        slips::report(node, compiler)
    }
}

fn refused<T>(message: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError(message.into()))
}

/// What rules are compared with: the values of `with`, and the currency.
pub(super) fn facts(
    with: Option<&Expression>,
    currency: &str,
    scope: Scope<'_>,
) -> Result<Map<String, Value>, EvalError> {
    let mut facts = match with.map(|with| with.eval(scope)).transpose()? {
        None => Map::new(),
        Some(Value::Object(map)) => map,
        Some(other) => return refused(format!("`with` must be a map, and is {other}")),
    };
    facts.insert("currency".to_owned(), Value::from(currency));
    Ok(facts)
}

/// A text, or a number as it is written; other values are no text.
fn text_of(value: &Value, what: &str) -> Result<String, EvalError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            refused(format!("{what} must be a text or a number, and is {value}"))
        }
    }
}

#[cfg(test)]
mod tests;
