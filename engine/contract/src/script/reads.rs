//! What a script reads and compares, with places: for checks before anything runs.

use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};
use serde_json::Value;

use super::to_value;
use crate::report::At;

/// What a script reads and compares.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Each place where a name, or a field of one, is read.
    pub accesses: Vec<Access>,
    /// Each comparison of a field with constants.
    pub comparisons: Vec<Comparison>,
    /// The fields that are there wherever the script is true: those that it compares with `()`.
    pub certain: Vec<Vec<String>>,
}

/// A field that is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Access {
    /// The name and the fields behind it, each with its place.
    pub names: Vec<(String, At)>,
    /// Whether the script says what happens where it is nothing: `??`, `?.`, or a comparison with `()`.
    pub is_guarded: bool,
}

/// A field that is compared with constants.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The name and the fields behind it.
    pub names: Vec<String>,
    /// The operator as it is written.
    pub operator: String,
    /// The constants, one or those of a list, with their place.
    pub constants: Vec<(Value, At)>,
}

impl Reads {
    /// Looks through a script; `names` are those that it is given. Places are those inside its text.
    pub(super) fn of(ast: &AST, names: &[&str]) -> Self {
        let mut reads = Self::default();
        ast.walk(&mut |nodes: &[ASTNode<'_>]| {
            reads.look_at(nodes, names);
            true
        });
        if let [Stmt::Expr(expression)] = ast.statements() {
            reads.certain = certain(expression, names);
        } else if let [Stmt::FnCall(call, _)] = ast.statements() {
            reads.certain = certain_of(call, names);
        }
        reads
    }

    /// The same with places in a file.
    pub(crate) fn placed(&mut self, place: &dyn Fn(u32, u32) -> At) {
        let names = self.accesses.iter_mut().flat_map(|access| &mut access.names).map(|(_, at)| at);
        let constants = self.comparisons.iter_mut().flat_map(|known| &mut known.constants).map(|(_, at)| at);
        for at in names.chain(constants).filter(|at| at.line > 0) {
            *at = place(at.line, at.column);
        }
    }

    fn look_at(&mut self, nodes: &[ASTNode<'_>], names: &[&str]) {
        let Some(node) = nodes.last() else { return };
        match node {
            ASTNode::Expr(expression) => {
                if let Some(chain) = chain(expression, names).filter(|_| !is_inside_chain(nodes)) {
                    let shown = shown_before(nodes, names);
                    let begins =
                        |known: &Vec<String>| chain.names.iter().map(|(name, _)| name).zip(known).all(|(a, b)| a == b);
                    let is_guarded = chain.is_safe || guards(nodes) || shown.iter().any(begins);
                    self.accesses.push(Access { names: chain.names, is_guarded });
                }
                if let Expr::FnCall(call, _) = expression {
                    self.comparisons.extend(comparison(call, names));
                }
            }
            ASTNode::Stmt(Stmt::FnCall(call, _)) => self.comparisons.extend(comparison(call, names)),
            _ => {}
        }
    }
}

/// A name with the fields behind it.
struct Chain {
    names: Vec<(String, At)>,
    /// Whether `?.` reads one of them.
    is_safe: bool,
    /// Whether nothing stands behind the last of them: no call, no index.
    is_whole: bool,
}

fn chain(expression: &Expr, names: &[&str]) -> Option<Chain> {
    let (head, mut rest, mut is_safe) = match expression {
        Expr::Variable(..) => {
            return Some(Chain { names: vec![name(expression, names)?], is_safe: false, is_whole: true });
        }
        Expr::Dot(sides, flags, _) => (name(&sides.lhs, names)?, &sides.rhs, flags.intersects(ASTFlags::NEGATED)),
        Expr::Index(sides, flags, _) => {
            let is_safe = flags.intersects(ASTFlags::NEGATED);
            return Some(Chain { names: vec![name(&sides.lhs, names)?], is_safe, is_whole: false });
        }
        _ => return None,
    };
    let mut read = vec![head];
    loop {
        let (property, is_whole) = match rest {
            Expr::Property(..) => (rest, true),
            Expr::Dot(sides, ..) | Expr::Index(sides, ..) => (&sides.lhs, false),
            _ => return Some(Chain { names: read, is_safe, is_whole: false }),
        };
        let Expr::Property(names, at) = property else { return Some(Chain { names: read, is_safe, is_whole: false }) };
        read.push((names.2.to_string(), place(*at)));
        let Expr::Dot(sides, flags, _) = rest else { return Some(Chain { names: read, is_safe, is_whole }) };
        is_safe |= flags.intersects(ASTFlags::NEGATED);
        rest = &sides.rhs;
    }
}

/// A name that the script is given, and not one of its own.
fn name(expression: &Expr, names: &[&str]) -> Option<(String, At)> {
    let Expr::Variable(variable, index, at) = expression else { return None };
    let is_own = variable.0.is_some() || index.is_some();
    let name = variable.1.as_str();
    (!is_own && names.contains(&name)).then(|| (name.to_owned(), place(*at)))
}

/// The name at the head of a chain is looked at with its chain.
fn is_inside_chain(nodes: &[ASTNode<'_>]) -> bool {
    let [.., parent, ASTNode::Expr(expression)] = nodes else { return false };
    match parent {
        ASTNode::Expr(Expr::Dot(sides, ..) | Expr::Index(sides, ..)) => std::ptr::eq(&raw const sides.lhs, *expression),
        _ => false,
    }
}

/// What is not `()` where the last node stands: by the earlier parts of an `&&`, and by the condition of an `if`.
fn shown_before(nodes: &[ASTNode<'_>], names: &[&str]) -> Vec<Vec<String>> {
    let shown = nodes.windows(2).flat_map(|pair| match pair {
        [ASTNode::Expr(Expr::And(parts, _)), ASTNode::Expr(child)] => {
            let before = parts.iter().take_while(|part| !std::ptr::eq(*part, *child));
            before.flat_map(|part| certain(part, names)).collect()
        }
        [ASTNode::Stmt(Stmt::If(flow, _)), ASTNode::Stmt(child)]
            if flow.body.statements().iter().any(|statement| std::ptr::eq(statement, *child)) =>
        {
            certain(&flow.expr, names)
        }
        _ => Vec::new(),
    });
    shown.collect()
}

/// Whether what stands around a value says what happens where it is nothing.
fn guards(nodes: &[ASTNode<'_>]) -> bool {
    let [.., parent, _] = nodes else { return false };
    match parent {
        ASTNode::Expr(Expr::Coalesce(..)) => true,
        ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)) => {
            is_equality(call) && call.args.iter().any(|argument| matches!(argument, Expr::Unit(_)))
        }
        _ => false,
    }
}

fn is_equality(call: &FnCallExpr) -> bool {
    ["==", "!="].contains(&call.name.as_str())
}

fn comparison(call: &FnCallExpr, names: &[&str]) -> Option<Comparison> {
    let [left, right] = &call.args[..] else { return None };
    // `item in list` is the call of a function.
    let (field, constant) = match call.name.as_str() {
        "==" | "!=" | "<" | "<=" | ">" | ">=" if chain(left, names).is_some() => (left, right),
        "contains" | "==" | "!=" | "<" | "<=" | ">" | ">=" => (right, left),
        _ => return None,
    };
    let read = chain(field, names).filter(|chain| chain.is_whole)?.names;
    let constants = match constant {
        Expr::Array(items, _) if call.name == "contains" => items.iter().map(literal).collect::<Option<Vec<_>>>()?,
        Expr::DynamicConstant(..) if call.name == "contains" => {
            let Value::Array(items) = to_value(&constant.get_literal_value(None)?).ok()? else { return None };
            items.into_iter().map(|item| (item, place(constant.position()))).collect()
        }
        _ => vec![literal(constant)?],
    };
    let operator = if call.name == "contains" { "in".to_owned() } else { call.name.to_string() };
    Some(Comparison { names: read.into_iter().map(|(name, _)| name).collect(), operator, constants })
}

fn literal(expression: &Expr) -> Option<(Value, At)> {
    let value = to_value(&expression.get_literal_value(None)?).ok()?;
    Some((value, place(expression.position())))
}

/// What is not `()` wherever the expression is true.
fn certain(expression: &Expr, names: &[&str]) -> Vec<Vec<String>> {
    match expression {
        Expr::And(parts, _) => parts.iter().flat_map(|part| certain(part, names)).collect(),
        Expr::FnCall(call, _) => certain_of(call, names),
        _ => Vec::new(),
    }
}

/// A field that equals a constant, is above one, or is not `()`.
fn certain_of(call: &FnCallExpr, names: &[&str]) -> Vec<Vec<String>> {
    let Some(comparison) = comparison(call, names) else { return Vec::new() };
    let is_nothing = comparison.constants.iter().any(|(constant, _)| constant.is_null());
    let is_certain = (comparison.operator == "!=") == is_nothing;
    if is_certain { vec![comparison.names] } else { Vec::new() }
}

/// A place inside the text, until it is known where the text stands.
fn place(position: Position) -> At {
    let number = |count: Option<usize>| count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    At { line: number(position.line()), column: number(position.position()), start: 0, end: 0 }
}
