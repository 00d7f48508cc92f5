//! Functions of Rhai that change what they are called on and give nothing, where their value is used.
//!
//! `event.name.trim()` as a value is null, and would empty the field that it is written to.

use rhai::{AST, ASTFlags, ASTNode, Expr, Position, Stmt};

/// Each function that gives nothing, with what to write instead.
const IN_PLACE: [(&str, &str); 23] = [
    ("trim", "`{ from: …, trim: true }`"),
    ("make_upper", "`.to_upper()`, or `{ from: …, upper: true }`"),
    ("make_lower", "`.to_lower()`, or `{ from: …, lower: true }`"),
    ("crop", "`.sub_string(…)`"),
    ("truncate", "`.sub_string(0, …)` of a text, or `.extract(0, …)` of a list"),
    ("sort", "`.order()`"),
    ("sort_by", "`.order_by(…)`"),
    ("sort_desc", "`.order_desc()`"),
    ("push", "`list + [item]`"),
    ("append", "`list + other`"),
    ("mixin", "`map + other`"),
    ("replace", COPY),
    ("pad", COPY),
    ("set", COPY),
    ("insert", COPY),
    ("reverse", COPY),
    ("chop", COPY),
    ("dedup", COPY),
    ("splice", COPY),
    ("fill_with", COPY),
    ("clear", COPY),
    ("for_each", "`.map(…)`"),
    ("extend", "`list + other`"),
];

const COPY: &str = "a `script` that changes a copy and gives it";

/// A function that gives nothing where a value is needed: its name, what to write instead, and its place.
pub(super) fn in_place(nodes: &[ASTNode<'_>], ast: &AST) -> Option<(String, String, Position)> {
    let (call, position) = match nodes.last()? {
        ASTNode::Expr(Expr::FnCall(call, position) | Expr::MethodCall(call, position))
        | ASTNode::Stmt(Stmt::FnCall(call, position)) => (call, *position),
        _ => return None,
    };
    let name = call.name.as_str();
    let (_, instead) = IN_PLACE.iter().find(|(known, _)| *known == name)?;
    let is_own = ast.iter_functions().any(|function| function.name == name);
    (!is_own && is_used(nodes, ast)).then(|| {
        let instead = match (*instead, name) {
            (COPY, "replace") => format!("{COPY}: `let text = …; text.replace(…); text`"),
            (COPY, _) => format!("{COPY}: `let copy = …; copy.{name}(…); copy`"),
            (instead, _) => instead.to_owned(),
        };
        (name.to_owned(), instead, position)
    })
}

/// Whether the value of the last node is used.
fn is_used(nodes: &[ASTNode<'_>], ast: &AST) -> bool {
    let [above @ .., own] = nodes else { return false };
    match (above.last(), own) {
        (Some(ASTNode::Expr(Expr::Dot(sides, ..))), ASTNode::Expr(expression))
            if std::ptr::eq(&raw const sides.rhs, *expression) =>
        {
            is_used(above, ast)
        }
        // What follows `list[index]` stands behind its index, and what the index itself is made of too, with a break.
        (Some(ASTNode::Expr(Expr::Index(sides, flags, _))), ASTNode::Expr(expression))
            if !flags.intersects(ASTFlags::BREAK) && std::ptr::eq(&raw const sides.rhs, *expression) =>
        {
            is_used(above, ast)
        }
        (Some(ASTNode::Stmt(statement @ Stmt::Expr(_))), _) => is_given(&above[..above.len() - 1], statement, ast),
        (_, ASTNode::Stmt(statement)) => is_given(above, statement, ast),
        // In the tree of an expression alone, and inside of all that takes a value.
        _ => true,
    }
}

/// Whether the value of a statement is that of the whole.
fn is_given(around: &[ASTNode<'_>], statement: &Stmt, ast: &AST) -> bool {
    let is_last = |list: &[Stmt]| list.last().is_some_and(|last| std::ptr::eq(last, statement));
    match around {
        [] => is_last(ast.statements()),
        [above @ .., ASTNode::Stmt(outer @ Stmt::If(flow, _))] => {
            (is_last(flow.body.statements()) || is_last(flow.branch.statements())) && is_given(above, outer, ast)
        }
        [above @ .., ASTNode::Stmt(outer @ Stmt::Block(block))] => {
            is_last(block.statements()) && is_given(above, outer, ast)
        }
        [.., ASTNode::Expr(Expr::Stmt(block))] => is_last(block.statements()) && is_used(around, ast),
        _ => false,
    }
}
