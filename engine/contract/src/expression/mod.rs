//! A value as YAML writes it: literal, JSONPath, Rhai, text, operator, or a tree of them.
//!
//! Pipelines and manifests share this; the mapping operators of pipelines are added by a
//! [`Dialect`].

mod local;
mod text;

use std::fmt;

use serde_json::{Map, Value};

use crate::{
    path::{Document, Path},
    report::{At, Report, Spanned},
    script::{self, Form, Names, Rules, Script, ScriptError},
    shape::{Shape, Typing},
    template::{Escape, Template},
    yaml::{Kind, Node},
};

pub use local::{Given, Local, Locals};

/// A compiled value, with its place.
#[derive(Debug)]
pub struct Expression {
    /// Where it is written.
    pub at: At,
    /// How it is made.
    pub made: Made,
}

/// How a value is made.
#[derive(Debug)]
pub enum Made {
    /// Itself.
    Literal(Value),
    /// The one value at a path.
    Path(Path),
    /// What a Rhai expression gives.
    Rhai(Script),
    /// A text with values in braces.
    Text(Template),
    /// A list.
    List(Vec<Expression>),
    /// A map.
    Object(Vec<(Spanned<String>, Expression)>),
    /// A mapping operator.
    Operator(Box<dyn Operator>),
}

/// What an evaluation sees.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The Rhai engine.
    pub rules: &'a Rules,
    /// What `$` is.
    pub document: Document<'a>,
    /// What Rhai's names are.
    pub names: &'a dyn Names,
}

/// One mapping operator with its compiled arguments.
pub trait Operator: fmt::Debug + Send + Sync {
    /// The value.
    ///
    /// # Errors
    /// What is wrong with the data, in words.
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError>;
    /// The expressions in it, for the graph and for lint.
    fn parts(&self) -> Vec<&Expression>;
    /// What is known of the value, with findings on what it reads.
    fn shape(&self, cx: &mut Typing<'_>) -> Shape;
}

/// Why a value could not be made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub String);

impl From<ScriptError> for EvalError {
    fn from(error: ScriptError) -> Self {
        Self(error.to_string())
    }
}

/// The operators that a file's language has.
pub trait Dialect {
    /// Compiles a map that is an operator; nothing where the map is plain data.
    fn operator(&self, node: &Node, compiler: &mut Compiler<'_>) -> Option<Option<Box<dyn Operator>>>;

    /// What Rhai may be in a value.
    fn form(&self) -> Form {
        Form::Expression
    }

    /// Reports a map that would be plain data, and was meant to make a value; whether it did.
    fn slip(&self, _: &Node, _: &mut Compiler<'_>) -> bool {
        false
    }
}

/// Whether a text has a reference that is read when a project is loaded.
pub fn is_reference(text: &str) -> bool {
    ["${env:", "${secret:", "${param:"].iter().any(|begin| text.contains(begin))
}

/// Reports a reference where only values of a run are read.
pub fn wrong_reference(text: &str, at: At, report: &mut Report) {
    let begin = text.find("${").unwrap_or_default();
    let reference = text[begin..].split_inclusive('}').next().unwrap_or_default();
    let name = reference.trim_matches(['$', '{', '}']).split(':').nth(1).unwrap_or_default();
    let name: String = name.rsplit('/').next().unwrap_or_default().to_lowercase().replace('-', "_");
    let message = format!("`{reference}` is read in connections only, when a project is loaded");
    let help = if reference.starts_with("${secret:") {
        "write it in a field of a connection in ferry.yaml: a run keeps what its steps read, and secrets are kept nowhere".to_owned()
    } else {
        format!("write the value under `vars` in ferry.yaml, and read it as `$.vars.{name}`")
    };
    report.error("wrong-reference", at, message, help);
}

/// Whether the one key of a map names a builder of every language: `rhai`, `text` or `object`.
pub fn is_builder(node: &Node) -> bool {
    builder(node).is_some()
}

/// `object` writes a map, so `{ object: Contact }` is plain data: the input of an action that takes an `object`.
fn builder(node: &Node) -> Option<(Builder, &Node)> {
    let [(key, value)] = node.entries()? else { return None };
    match key.value.as_str() {
        "rhai" => Some((Builder::Rhai, value)),
        "text" => Some((Builder::Text, value)),
        "object" => value.entries().map(|_| (Builder::Object, value)),
        _ => None,
    }
}

/// What the one key of a map makes.
enum Builder {
    Rhai,
    Text,
    Object,
}

/// No operators: manifests.
#[derive(Debug)]
pub struct Plain;

impl Dialect for Plain {
    fn operator(&self, _: &Node, _: &mut Compiler<'_>) -> Option<Option<Box<dyn Operator>>> {
        None
    }

    /// A body or a result of many rows is long enough for statements.
    fn form(&self) -> Form {
        Form::Statements
    }
}

/// Turns nodes into expressions, with findings.
pub struct Compiler<'a> {
    /// The Rhai engine.
    pub rules: &'a Rules,
    /// The operators.
    pub dialect: &'a dyn Dialect,
    /// The names that Rhai may use.
    pub names: &'a [&'a str],
    /// The roots that a path may begin with; nothing where `$` is one value.
    pub roots: Option<&'a [&'a str]>,
    /// Where findings go.
    pub report: &'a mut Report,
}

impl Compiler<'_> {
    /// Compiles a value; nothing where a finding was reported.
    pub fn expression(&mut self, node: &Node) -> Option<Expression> {
        self.made(node).map(|made| Expression { at: node.at, made })
    }

    /// Compiles a value that may be left out: nothing where it is, and nothing inside where a finding was reported.
    pub fn optional(&mut self, node: Option<&Node>) -> Option<Option<Expression>> {
        match node {
            Some(node) => self.expression(node).map(Some),
            None => Some(None),
        }
    }

    /// The same compiler where more names can be read.
    pub fn with_names<T>(&mut self, names: &[&str], use_it: impl FnOnce(&mut Compiler<'_>) -> T) -> T {
        let all: Vec<&str> = self.names.iter().chain(names).copied().collect();
        use_it(&mut Compiler {
            rules: self.rules,
            dialect: self.dialect,
            names: &all,
            roots: Some(&all),
            report: &mut *self.report,
        })
    }

    fn made(&mut self, node: &Node) -> Option<Made> {
        match &node.kind {
            Kind::Text(text) => self.text_leaf(node, &text.value),
            Kind::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.expression(item)).collect();
                Some(Made::List(items.into_iter().collect::<Option<_>>()?))
            }
            Kind::Map(entries) => match self.builder(node) {
                Some(built) => built,
                None => self.data(node, entries),
            },
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => Some(Made::Literal(node.to_value())),
        }
    }

    fn text_leaf(&mut self, node: &Node, text: &str) -> Option<Made> {
        if let Some(rest) = text.strip_prefix("$$") {
            return Some(Made::Literal(Value::from(format!("${rest}"))));
        }
        if text.starts_with('$') {
            return self.path(node).map(Made::Path);
        }
        self.unread_braces(node, text);
        Some(Made::Literal(Value::from(text)))
    }

    /// `rhai`, `text`, `object`, or an operator of the dialect.
    fn builder(&mut self, node: &Node) -> Option<Option<Made>> {
        let dialect = self.dialect;
        if let Some(operator) = dialect.operator(node, self) {
            return Some(operator.map(Made::Operator));
        }
        let (builder, value) = builder(node)?;
        Some(match builder {
            Builder::Rhai => self.script(value, self.dialect.form()).map(Made::Rhai),
            Builder::Text => self.text(value).map(Made::Text),
            Builder::Object => {
                crate::yaml::read::map(value, "`object`", self.report).and_then(|entries| self.object(entries))
            }
        })
    }

    /// A map that no key makes a builder.
    fn data(&mut self, node: &Node, entries: &[(Spanned<String>, Node)]) -> Option<Made> {
        let dialect = self.dialect;
        if dialect.slip(node, self) {
            // One finding for one map; an earlier version of it goes on as it is.
            let mut unheard = Report::new(&self.report.source);
            return Compiler { report: &mut unheard, ..*self }.object(entries);
        }
        self.object(entries)
    }

    fn object(&mut self, entries: &[(Spanned<String>, Node)]) -> Option<Made> {
        let entries: Vec<_> = entries.iter().map(|(key, value)| Some((key.clone(), self.expression(value)?))).collect();
        Some(Made::Object(entries.into_iter().collect::<Option<_>>()?))
    }

    /// Compiles a JSONPath and checks its root.
    pub fn path(&mut self, node: &Node) -> Option<Path> {
        let text = crate::yaml::read::text(node, "a JSONPath", self.report)?.value;
        match Path::parse(&text) {
            Ok(path) => self.known_root(path.placed(node.at), node.at),
            Err(_) if is_reference(&text) => {
                wrong_reference(&text, node.at, self.report);
                None
            }
            Err(message) => {
                let help = "write it like `$.event.Id`; `$$` begins a text with a dollar sign";
                self.report.error("invalid-jsonpath", node.at, format!("`{text}` is not a JSONPath: {message}"), help);
                None
            }
        }
    }

    fn known_root(&mut self, path: Path, at: At) -> Option<Path> {
        let Some(roots) = self.roots else { return Some(path) };
        match path.root() {
            Some(root) if roots.contains(&root) => Some(path),
            Some(root) => {
                let message = format!("there is no `{root}` to read here, so `{}` gives nothing", path.text());
                self.report.unknown("unknown-step", at, message, (root, roots));
                None
            }
            None => {
                let message = format!("`{}` does not begin with a name", path.text());
                self.report.error("invalid-jsonpath", at, message, "begin with a root such as `$.event`");
                None
            }
        }
    }

    /// Compiles Rhai, with findings placed inside the text.
    pub fn script(&mut self, node: &Node, form: Form) -> Option<Script> {
        let text = crate::yaml::read::text(node, "a Rhai script", self.report)?.value;
        match Script::compile(self.rules, &text, form, self.names) {
            Ok(script) => {
                for untidy in script::untidy(&text, form, script.variables()) {
                    let at = node.at_inside(&self.report.source, untidy.line, untidy.column);
                    untidy.report(at, self.report);
                }
                let source = &self.report.source;
                Some(script.placed(&|line, column| node.at_inside(source, line, column)))
            }
            Err(error) => {
                let at = match error.line {
                    0 => node.at,
                    line => node.at_inside(&self.report.source, line, error.column),
                };
                if error.is_forbidden() {
                    let help = "see `ferry explain rhai` for what a rule may use";
                    self.report.error("forbidden-function", at, error.message, help);
                    return None;
                }
                let help = self.script_help((&text, form), &error);
                self.report.error("invalid-rhai", at, format!("this Rhai does not compile: {}", error.message), help);
                None
            }
        }
    }

    fn script_help(&self, (text, form): (&str, Form), error: &ScriptError) -> String {
        if let Some(help) = script::instead(text, form) {
            return help;
        }
        let unknown = error.message.strip_prefix('`').and_then(|rest| rest.strip_suffix("` is not known here"));
        match unknown {
            Some(name) => crate::suggest::help(name, self.names),
            None => script::help(self.rules, error, "a rule"),
        }
    }
}

impl Expression {
    /// The value.
    ///
    /// # Errors
    /// [`EvalError`] where a path gives not one value, a rule fails, or an operator refuses.
    pub fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        match &self.made {
            Made::Literal(value) => Ok(value.clone()),
            Made::Path(path) => path.one(scope.document).cloned().map_err(|error| EvalError(error.to_string())),
            Made::Rhai(script) => Ok(script.run(scope.rules, scope.names)?),
            Made::Text(template) => {
                template.render(scope.document, &|_| None, Escape::None).map(Value::from).map_err(EvalError)
            }
            Made::List(items) => items.iter().map(|item| item.eval(scope)).collect(),
            Made::Object(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for (name, item) in entries {
                    map.insert(name.value.clone(), item.eval(scope).map_err(|error| error.inside(&name.value))?);
                }
                Ok(Value::Object(map))
            }
            Made::Operator(operator) => operator.eval(scope),
        }
    }

    /// Calls `visit` with each script in it.
    pub fn scripts<'a>(&'a self, visit: &mut dyn FnMut(&'a Script)) {
        match &self.made {
            Made::Literal(_) | Made::Path(_) | Made::Text(_) => {}
            Made::Rhai(script) => visit(script),
            Made::List(items) => items.iter().for_each(|item| item.scripts(visit)),
            Made::Object(entries) => entries.iter().for_each(|(_, item)| item.scripts(visit)),
            Made::Operator(operator) => operator.parts().into_iter().for_each(|part| part.scripts(visit)),
        }
    }

    /// Calls `visit` with each root name that the expression reads.
    pub fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        match &self.made {
            Made::Literal(_) => {}
            Made::Path(path) => path.root().into_iter().for_each(visit),
            Made::Rhai(script) => script.variables().iter().for_each(|name| visit(name)),
            Made::Text(template) => template.paths().filter_map(Path::root).for_each(visit),
            Made::List(items) => items.iter().for_each(|item| item.roots(visit)),
            Made::Object(entries) => entries.iter().for_each(|(_, item)| item.roots(visit)),
            Made::Operator(operator) => operator.parts().into_iter().for_each(|part| part.roots(visit)),
        }
    }
}

impl EvalError {
    fn inside(self, name: &str) -> Self {
        Self(format!("{name}: {}", self.0))
    }
}
