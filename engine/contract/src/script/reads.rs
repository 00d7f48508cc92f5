//! What a script reads and compares, with places: for checks before anything runs.

use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};
use serde_json::Value;

use super::{Term, shown, to_value, tree};
use crate::report::At;

/// What a script reads and compares.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Each place where a name, or a field of one, is read.
    pub accesses: Vec<Access>,
    /// Each comparison of a field with constants.
    pub comparisons: Vec<Comparison>,
    /// The names and fields that are there wherever the script is true.
    pub certain: Vec<Vec<String>>,
    /// The same wherever it is false.
    pub certain_else: Vec<Vec<String>>,
    /// The whole, where it is one expression.
    pub tree: Option<Term>,
}

/// A field that is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Access {
    /// The name and the fields behind it, each with its place.
    pub names: Vec<(String, At)>,
    /// Which of these names are read through `?.`, so that what stands before may be nothing.
    pub safe: Vec<usize>,
    /// Whether a part of the value is asked for, so that it may not itself be nothing.
    pub is_asked: bool,
    /// Whether the script says what happens where it is nothing: `??`, or a comparison with `()`.
    pub may_be_nothing: bool,
    /// What is there by then: earlier parts of the script have looked.
    pub shown: Vec<Vec<String>>,
    /// How many parts of the whole `&&` hold by then.
    pub part: usize,
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
            reads.look_at(nodes, ast.statements(), names);
            true
        });
        let shown = |holds| match ast.statements() {
            [Stmt::Expr(expression)] => shown::by(expression, holds, names),
            [Stmt::FnCall(call, _)] => shown::by_call(call, holds, names),
            _ => Vec::new(),
        };
        (reads.certain, reads.certain_else) = (shown(true), shown(false));
        reads.tree = tree::of(ast, names);
        reads
    }

    /// The same with places in a file.
    pub(crate) fn placed(&mut self, place: &dyn Fn(u32, u32) -> At) {
        self.tree.iter_mut().for_each(|tree| tree.placed(place));
        let names = self.accesses.iter_mut().flat_map(|access| &mut access.names).map(|(_, at)| at);
        let constants = self.comparisons.iter_mut().flat_map(|known| &mut known.constants).map(|(_, at)| at);
        for at in names.chain(constants).filter(|at| at.line > 0) {
            *at = place(at.line, at.column);
        }
    }

    fn look_at(&mut self, nodes: &[ASTNode<'_>], all: &[Stmt], names: &[&str]) {
        let Some(node) = nodes.last() else { return };
        match node {
            ASTNode::Expr(expression) => {
                if let Some(chain) = chain(expression, names).filter(|_| !is_inside_chain(nodes)) {
                    self.accesses.push(Access {
                        is_asked: chain.is_asked || is_looked_into(nodes),
                        may_be_nothing: guards(nodes),
                        shown: shown::before(nodes, all, names),
                        part: shown::parts_before(nodes),
                        names: chain.names,
                        safe: chain.safe,
                    });
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
pub(super) struct Chain {
    pub(super) names: Vec<(String, At)>,
    /// Which of them `?.` reads.
    safe: Vec<usize>,
    /// Whether nothing stands behind the last of them: no call, no index.
    pub(super) is_whole: bool,
    /// Whether what stands behind asks the last of them for a part.
    is_asked: bool,
}

/// What may be asked of nothing.
const ASKED_OF_ANY: [&str; 4] = ["type_of", "to_string", "to_debug", "is_shared"];

pub(super) fn chain(expression: &Expr, names: &[&str]) -> Option<Chain> {
    let (head, mut rest, mut flags) = match expression {
        Expr::Variable(..) => {
            let names = vec![name(expression, names)?];
            return Some(Chain { names, safe: Vec::new(), is_whole: true, is_asked: false });
        }
        Expr::Dot(sides, flags, _) => (name(&sides.lhs, names)?, &sides.rhs, *flags),
        Expr::Index(sides, flags, _) => {
            let is_asked = !flags.intersects(ASTFlags::NEGATED);
            return Some(Chain { names: vec![name(&sides.lhs, names)?], safe: Vec::new(), is_whole: false, is_asked });
        }
        _ => return None,
    };
    let mut chain = Chain { names: vec![head], safe: Vec::new(), is_whole: false, is_asked: false };
    loop {
        let (part, next) = match rest {
            Expr::Dot(sides, next, _) => (&sides.lhs, Some((*next, &sides.rhs))),
            Expr::Index(sides, next, _) => {
                chain.is_asked = !next.intersects(ASTFlags::NEGATED);
                (&sides.lhs, None)
            }
            part => {
                chain.is_whole = true;
                (part, None)
            }
        };
        let is_safe = flags.intersects(ASTFlags::NEGATED);
        let Expr::Property(property, at) = part else {
            let is_for_any = matches!(part, Expr::MethodCall(call, _) if ASKED_OF_ANY.contains(&call.name.as_str()));
            return Some(Chain { is_whole: false, is_asked: !is_safe && !is_for_any, ..chain });
        };
        if is_safe {
            chain.safe.push(chain.names.len());
        }
        chain.names.push((property.2.to_string(), place(*at)));
        let Some((next, behind)) = next else { return Some(chain) };
        (flags, rest) = (next, behind);
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

/// Whether `in` looks for a field in the last node.
fn is_looked_into(nodes: &[ASTNode<'_>]) -> bool {
    let [.., parent, ASTNode::Expr(own)] = nodes else { return false };
    match parent {
        ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)) => {
            call.name == "contains" && call.args.first().is_some_and(|first| std::ptr::eq(first, *own))
        }
        _ => false,
    }
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

pub(super) fn comparison(call: &FnCallExpr, names: &[&str]) -> Option<Comparison> {
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

/// A place inside the text, until it is known where the text stands.
pub(super) fn place(position: Position) -> At {
    let number = |count: Option<usize>| count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    At { line: number(position.line()), column: number(position.position()), start: 0, end: 0 }
}
