//! Rhai, made safe for money.
//!
//! Exact decimals and no floats; a division of integers gives a decimal; no clock, no files, no
//! `eval`; every script is stopped by a limit on operations, depth, sizes and real time, and says
//! where it was.

mod convert;
mod engine;
mod in_place;
mod instead;
mod module;
mod quick;
mod reads;
mod rounding;
mod shown;
mod texts;
mod tree;
mod untidy;

use std::sync::Arc;

use rhai::{AST, ASTNode, Dynamic, Expr, Scope, Stmt};
use serde_json::Value;

use convert::{to_dynamic, to_value};
pub use engine::{Missing, NoWatch, Rules, Watch};
pub(crate) use instead::instead;
pub use instead::without_texts;
pub use module::Module;
use quick::{Given, Quick};
pub use reads::{Access, Comparison, Reads};
pub use tree::{Term, What};
pub use untidy::{Untidy, untidy};

use crate::{pairs::Pairs, report::At};

/// A compiled script or expression.
#[derive(Clone, Debug)]
pub struct Script {
    ast: Arc<AST>,
    text: Arc<str>,
    variables: Vec<String>,
    /// The fields of each variable that are converted.
    fields: Vec<Read>,
    reads: Arc<Reads>,
    quick: Option<Arc<Quick>>,
}

/// The fields of a map that a script reads; nothing where it may read the whole.
type Read = Option<Vec<String>>;

/// Why a script did not compile or did not end with a value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}{}", place(*.line, *.column))]
pub struct ScriptError {
    /// What is wrong.
    pub message: String,
    /// The line inside the script, from 1; 0 where there is none.
    pub line: u32,
    /// The column inside the script, from 1; 0 where there is none.
    pub column: u32,
}

impl ScriptError {
    /// Whether the script is right as Rhai, and asks for what a run must not depend on.
    pub fn is_forbidden(&self) -> bool {
        self.message.contains(FORBIDS)
    }
}

fn place(line: u32, column: u32) -> String {
    if line == 0 { String::new() } else { format!(" (script {line}:{column})") }
}

/// Whether statements are allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// One expression.
    Expression,
    /// Statements; the last value is the result.
    Statements,
}

/// Gives a script the value of a name.
pub trait Names {
    /// The value, or nothing where the name has none now.
    fn value(&self, name: &str) -> Option<&Value>;

    /// The cross-references that may be read here.
    fn pairs(&self) -> Option<&dyn Pairs> {
        None
    }
}

impl<T: crate::path::Roots + ?Sized> Names for T {
    fn value(&self, name: &str) -> Option<&Value> {
        self.root(name)
    }

    fn pairs(&self) -> Option<&dyn Pairs> {
        crate::path::Roots::pairs(self)
    }
}

/// A few names with their values.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a>(pub &'a [(&'a str, &'a Value)]);

impl Names for Named<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

impl Script {
    /// Compiles a script that may use the names given.
    ///
    /// # Errors
    /// [`ScriptError`] with its place where it does not compile, or uses a name or a function that
    /// it may not.
    pub fn compile(rules: &Rules, text: &str, form: Form, names: &[&str]) -> Result<Self, ScriptError> {
        let mut scope = Scope::new();
        for name in names {
            scope.push_dynamic(*name, Dynamic::UNIT);
        }
        let ast = rules.compile(text, form, &scope)?;
        forbidden_function(&ast)?;
        unknown_function(&ast, rules)?;
        let (variables, fields) = used(&ast, names).into_iter().unzip();
        let quick = Quick::of(&ast).map(Arc::new);
        let reads = Arc::new(Reads::of(&ast, names));
        Ok(Self { ast: Arc::new(ast), text: text.into(), variables, fields, reads, quick })
    }

    /// The names that the script uses.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// What it reads and compares.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The parts that all have to hold, as they are written.
    pub fn conjuncts(&self) -> Vec<&str> {
        shown::conjuncts(&self.text)
    }

    /// The same with places in a file; `place` gives that of a line and a column of the text.
    #[must_use]
    pub(crate) fn placed(mut self, place: &dyn Fn(u32, u32) -> At) -> Self {
        Arc::make_mut(&mut self.reads).placed(place);
        self
    }

    /// The script as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates the script.
    ///
    /// # Errors
    /// [`ScriptError`] where it fails, meets a limit, or makes a value that JSON does not have.
    pub fn run(&self, rules: &Rules, names: &dyn Names) -> Result<Value, ScriptError> {
        if let Some(value) = self.quick(rules, names).and_then(Given::into_value) {
            return Ok(value);
        }
        let value = self.dynamic(rules, names)?;
        to_value(&value).map_err(|message| ScriptError { message, line: 0, column: 0 })
    }

    /// Evaluates a condition.
    ///
    /// # Errors
    /// [`ScriptError`] where it fails or gives no boolean.
    pub fn test(&self, rules: &Rules, names: &dyn Names) -> Result<bool, ScriptError> {
        if let Some(truth) = self.quick(rules, names).and_then(Given::truth) {
            return Ok(truth);
        }
        let value = self.dynamic(rules, names)?;
        let not_a_condition = |kind| ScriptError {
            message: format!("a condition gives true or false, and this gave {kind}"),
            line: 0,
            column: 0,
        };
        value.as_bool().map_err(not_a_condition)
    }

    fn quick<'a>(&'a self, rules: &Rules, names: &'a dyn Names) -> Option<Given<'a>> {
        self.quick.as_ref()?.value(rules.missing(), names)
    }

    fn dynamic(&self, rules: &Rules, names: &dyn Names) -> Result<Dynamic, ScriptError> {
        let mut scope = Scope::new();
        for (name, read) in self.variables.iter().zip(&self.fields) {
            let value = names.value(name).map_or(Ok(Dynamic::UNIT), |value| match read {
                Some(fields) => convert::fields_to_dynamic(value, fields),
                None => to_dynamic(value),
            });
            scope.push_dynamic(name.as_str(), value.map_err(|message| ScriptError { message, line: 0, column: 0 })?);
        }
        rules.eval(&self.ast, &mut scope)
    }
}

/// Functions that would make a run depend on more than its input.
const FORBIDDEN: [(&str, &str); 4] = [
    ("sleep", "use a `wait` step"),
    ("timestamp", "take the time from the event"),
    ("eval", "write the expression itself"),
    ("rand", "a replay must give the same result"),
];

const FORBIDS: &str = " is not allowed: ";

fn forbidden_function(ast: &AST) -> Result<(), ScriptError> {
    let mut found = None;
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        if let Some(
            ASTNode::Expr(Expr::FnCall(call, position) | Expr::MethodCall(call, position))
            | ASTNode::Stmt(Stmt::FnCall(call, position)),
        ) = nodes.last()
            && let Some((name, help)) = FORBIDDEN.iter().find(|(name, _)| call.name == *name)
        {
            found = Some(engine::at(format!("`{name}`{FORBIDS}{help}"), *position));
        }
        found.is_none()
    });
    found.map_or(Ok(()), Err)
}

const NO_FUNCTION: &str = " is no function of Rhai here";

/// Rhai looks a function up when it calls it, which may be in the one run that pays.
fn unknown_function(ast: &AST, rules: &Rules) -> Result<(), ScriptError> {
    let own: Vec<(&str, usize)> = ast.iter_functions().map(|function| (function.name, function.params.len())).collect();
    let mut found = None;
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        let (call, position, is_method) = match nodes.last() {
            Some(ASTNode::Expr(Expr::MethodCall(call, position))) => (call, position, true),
            Some(ASTNode::Expr(Expr::FnCall(call, position)) | ASTNode::Stmt(Stmt::FnCall(call, position))) => {
                (call, position, false)
            }
            _ => return true,
        };
        let name = call.name.as_str();
        if !name.starts_with(|letter: char| letter.is_alphabetic()) || name.contains('$') {
            return true;
        }
        // A value before the dot is the first one of Rhai's functions, and `this` in one of the script's own.
        let counts: Vec<usize> = match (rules.functions().get(name), is_method) {
            _ if own.iter().any(|(known, _)| *known == name) => {
                own.iter().filter(|(known, _)| *known == name).map(|(_, count)| *count).collect()
            }
            (None, _) => {
                found = Some(engine::at(format!("`{name}`{NO_FUNCTION}"), *position));
                return false;
            }
            (Some(counts), false) => counts.iter().copied().collect(),
            (Some(counts), true) => counts.iter().filter_map(|count| count.checked_sub(1)).collect(),
        };
        if !counts.is_empty() && !counts.contains(&call.args.len()) {
            found = Some(engine::at(miscounted(name, &counts, call.args.len()), *position));
        }
        found.is_none()
    });
    found.map_or(Ok(()), Err)
}

fn miscounted(name: &str, counts: &[usize], given: usize) -> String {
    let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let values = if counts == ["1"] { "value" } else { "values" };
    format!("`{name}` takes {} {values} in its parentheses, and this has {given}", counts.join(" or "))
}

/// What to write instead of what does not compile; `place` is what the script is.
pub fn help(rules: &Rules, error: &ScriptError, place: &str) -> String {
    let unknown = error.message.strip_prefix('`').and_then(|rest| rest.strip_suffix(&format!("`{NO_FUNCTION}")));
    let names = rules.functions().keys().map(String::as_str);
    let near = unknown.and_then(|name| crate::suggest::nearest(name, names));
    match (near, unknown) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        // There are no floats.
        (None, Some("to_float")) => "leave it out: numbers are exact as they are".to_owned(),
        (None, _) => format!("see `ferry explain rhai` for what {place} may use"),
    }
}

/// A name that the script's own `let` has taken is counted on Rhai's stack, and is not the one given.
fn used(ast: &AST, names: &[&str]) -> Vec<(String, Read)> {
    let mut variables: Vec<(String, Read)> = Vec::new();
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Variable(variable, index, _))) = nodes.last() {
            let name = variable.1.as_str();
            let is_own = variable.0.is_some() || index.is_some();
            if !is_own && names.contains(&name) {
                note(&mut variables, name, field(nodes));
            }
        }
        true
    });
    variables
}

/// A name that is read as a whole in one place is converted as a whole.
fn note(variables: &mut Vec<(String, Read)>, name: &str, field: Option<&str>) {
    let Some((_, read)) = variables.iter_mut().find(|(known, _)| known == name) else {
        return variables.push((name.to_owned(), field.map(|field| vec![field.to_owned()])));
    };
    match (read.as_mut(), field) {
        (Some(fields), Some(field)) if fields.iter().any(|known| known == field) => {}
        (Some(fields), Some(field)) => fields.push(field.to_owned()),
        (None, _) | (_, None) => *read = None,
    }
}

/// The field, where the name that is the last node is read as `name.field` and not in another way.
fn field<'a>(nodes: &[ASTNode<'a>]) -> Option<&'a str> {
    let [.., ASTNode::Expr(Expr::Dot(dot, ..)), _] = nodes else { return None };
    let first = if let Expr::Dot(rest, ..) | Expr::Index(rest, ..) = &dot.rhs { &rest.lhs } else { &dot.rhs };
    if let Expr::Property(names, _) = first { Some(names.2.as_str()) } else { None }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    struct One(BTreeMap<String, Value>);

    impl Names for One {
        fn value(&self, name: &str) -> Option<&Value> {
            self.0.get(name)
        }
    }

    fn run(text: &str) -> Result<Value, String> {
        let rules = Rules::new(Missing::Fails, Arc::new(NoWatch));
        let script = Script::compile(&rules, text, Form::Statements, &["event"]).map_err(|error| error.to_string())?;
        let event = serde_json::from_str(
            r#"{"amount": 1250.10, "count": 3, "big": 12345678901234567890.5, "list": [1, 2], "none": null}"#,
        )
        .unwrap();
        script.run(&rules, &One(BTreeMap::from([("event".into(), event)]))).map_err(|error| error.to_string())
    }

    #[test]
    fn a_call_has_as_many_values_as_its_function_takes() {
        for (script, says) in [
            ("round(event.amount, 1, 2)", Some("`round` takes 1 or 2 values in its parentheses, and this has 3")),
            ("event.amount.round(1, 2)", Some("`round` takes 0 or 1 values in its parentheses, and this has 2")),
            ("[1].push()", Some("`push` takes 1 value in its parentheses, and this has 0")),
            ("fn f(a, b) { a } f(1)", Some("`f` takes 2 values in its parentheses, and this has 1")),
            ("fn f(a) { this + a } let x = 1; x.f()", Some("`f` takes 1 value in its parentheses, and this has 0")),
            ("fn f(a) { this + a } let x = 1; x.f(2)", None),
            ("fn f(a) { a } fn f(a, b) { b } f(1) + f(1, 2)", None),
            ("[1, 2].map(|x| x * 2).reduce(|sum, x| sum + x, 0)", None),
            ("let f = |x| x; f.call(1).type_of() + type_of(1)", None),
            ("\"a\".len() + event.list.len", None),
        ] {
            let error = run(script).err();
            assert_eq!(error.is_some(), says.is_some(), "{script}: {error:?}");
            assert!(says.is_none_or(|says| error.is_some_and(|error| error.contains(says))), "{script}");
        }
    }

    #[test]
    fn numbers_are_exact() {
        for (script, expected) in [
            ("0.1 + 0.2", "0.3"),
            ("event.amount * 0.015", "18.75150"),
            ("100 / 4", "25"),
            ("event.count / 2", "1.5"),
            ("event.count + 1", "4"),
            ("event.count.round(2) + round(event.count, 0) + event.count.round_half_up(2)", "9"),
            ("event.count.floor() + event.count.ceiling + event.count.int()", "9"),
            ("(event.count * 1.005).round_half_up(2)", "3.02"),
            ("event.amount - event.count", "1247.10"),
            ("event.amount == 1250.1", "true"),
            ("event.count == 3.0", "true"),
            ("event.big", "12345678901234567890.5"),
            ("event.list[event.count - 2]", "2"),
            ("event.none == ()", "true"),
            ("(100 / 3).to_string().len() > 20", "true"),
            ("event.amount > event.count && event.count > 2", "true"),
        ] {
            assert_eq!(run(script).map(|value| value.to_string()), Ok(expected.to_owned()), "{script}");
        }
    }

    #[test]
    fn a_field_that_is_not_there_is_looked_for_and_not_compared() {
        assert_eq!(run("\"none\" in event && !event.contains(\"nonee\")"), Ok(true.into()));
        for script in ["event.nonee == ()", "event.nonee ?? 1", "event?.nonee"] {
            assert!(run(script).unwrap_err().starts_with("`nonee` is not there"), "{script}");
        }
    }

    #[test]
    fn a_name_of_its_own_is_not_the_one_given() {
        let rules = Rules::new(Missing::Fails, Arc::new(NoWatch));
        for (text, expected) in [
            ("let fee = event * 2; fee", &["event"][..]),
            ("let event = event * 2; event + fee", &["event", "fee"]),
            ("fn twice(fee) { fee * 2 } twice(event)", &["event"]),
            ("let sum = 0; for fee in event { sum += fee; } sum", &["event"]),
        ] {
            let script = Script::compile(&rules, text, Form::Statements, &["event", "fee"]).unwrap();
            assert_eq!(script.variables(), expected, "{text}");
        }
    }

    #[test]
    fn only_fields_that_are_read_are_converted() {
        let rules = Rules::new(Missing::Fails, Arc::new(NoWatch));
        let event = json!({"a": 1, "b": {"c": 2}, "list": [3, 4]});
        for (text, fields, expected) in [
            ("event.a + event.b.c + event.a", &["a", "b"][..], json!(4)),
            ("event.list[event.a]", &["list", "a"], json!(4)),
            ("`${event.a}`", &["a"], json!("1")),
            ("event.a = 5; event.d = 6; event.a + event.d", &["a", "d"], json!(11)),
            ("event.list.map(|item| item + 1)", &["list"], json!([4, 5])),
            ("let list = event.list; list.map(|item| item + event.a)", &[], json!([4, 5])),
            ("let whole = event; whole.b.c", &[], json!(2)),
            ("event.a + event.len()", &[], json!(4)),
            ("event[\"a\"]", &[], json!(1)),
            ("event.e = 5; event.keys()", &[], json!(["a", "b", "e", "list"])),
            ("#{a: event.a, event: event}.event.b.c", &[], json!(2)),
            ("fn c(of) { of.b.c } c(event)", &[], json!(2)),
        ] {
            let script = Script::compile(&rules, text, Form::Statements, &["event"]).unwrap();
            assert_eq!(script.fields[0].clone().unwrap_or_default(), fields, "{text}");
            let named = [("event", &event)];
            assert_eq!(script.run(&rules, &Named(&named)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (script, expected) in [
            ("event.amount *", "script is incomplete (script 1:15)"),
            ("let x = 1;\nevnt.amount", "`evnt` is not known here (script 2:1)"),
            ("event.amont", "`amont` is not there (script 1:7)"),
            ("sleep(3)", "`sleep` is not allowed: use a `wait` step (script 1:1)"),
            ("(3).sleep()", "`sleep` is not allowed: use a `wait` step (script 1:5)"),
            ("Fn(\"sleep\").call(3)", "`sleep` is not allowed: use a `wait` step (script 1:13)"),
            ("event.count / 0", "division by zero (script 1:13)"),
            ("throw \"no\"", "no (script 1:1)"),
        ] {
            assert_eq!(run(script).unwrap_err(), expected, "{script}");
        }
    }

    #[test]
    fn nothing_runs_without_end() {
        for script in [
            "loop {}",
            "fn f(x) { f(x + 1) } f(0)",
            "let s = \"x\"; loop { s += s; }",
            "let a = [0]; loop { a += a; }",
            "let a = []; loop { a.push(0); }",
            "let s = \"\"; s.pad(100000000, \"x\"); s",
            "eval(\"1\")",
            "import \"x\" as y;",
            "let a = []; for i in 0..64 { a = [a]; } a",
            "let m = #{}; for i in 0..1000000 { m[i.to_string()] = i; } m",
        ] {
            assert!(run(script).is_err(), "{script}");
        }
    }

    #[test]
    fn a_lenient_rule_reads_what_is_missing_as_nothing() {
        let rules = Rules::new(Missing::IsNothing, Arc::new(NoWatch));
        let names = One(BTreeMap::from([("body".into(), json!({"a": 1}))]));
        for (text, expected) in [("body.b.c.d == 1", false), ("body.a == 1", true), ("body.b == ()", true)] {
            let script = Script::compile(&rules, text, Form::Expression, &["body"]).unwrap();
            assert_eq!(script.test(&rules, &names), Ok(expected), "{text}");
        }
    }
}
