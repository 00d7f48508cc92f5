//! What a condition shows: which names and fields are there wherever it holds, and wherever it does not.
//!
//! A field that is not there cannot be read at all, so it is `"f" in x` that shows it; of what can be read, such as a step
//! that was skipped, `x != ()` shows that it is not nothing.

use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Stmt};

use super::{
    instead::without_texts,
    reads::{chain, comparison},
};

/// Names from the root on, of what is there.
type Shown = Vec<Vec<String>>;

/// What is there wherever an expression is true, or false.
pub(super) fn by(expression: &Expr, holds: bool, names: &[&str]) -> Shown {
    match (expression, holds) {
        (Expr::And(parts, _), true) | (Expr::Or(parts, _), false) => {
            parts.iter().flat_map(|part| by(part, holds, names)).collect()
        }
        (Expr::FnCall(call, _), _) => by_call(call, holds, names),
        (Expr::Dot(..), _) => by_method(expression, holds, names).into_iter().collect(),
        _ => Vec::new(),
    }
}

pub(super) fn by_call(call: &FnCallExpr, holds: bool, names: &[&str]) -> Shown {
    match (call.name.as_str(), &call.args[..]) {
        ("!", [negated]) => return by(negated, !holds, names),
        ("contains", [map, field]) if holds => {
            if let Some(shown) = field_of(map, field, names) {
                return vec![shown];
            }
        }
        (">" | ">=" | "!=" | "==", [length, Expr::IntegerConstant(least, _)]) if holds => {
            let has_one = match call.name.as_str() {
                ">" => *least >= 0,
                "!=" => *least == 0,
                _ => *least > 0,
            };
            if let Some(shown) = items_of(length, names).filter(|_| has_one) {
                return vec![shown];
            }
        }
        _ => {}
    }
    let Some(comparison) = comparison(call, names) else { return Vec::new() };
    let is_nothing = comparison.constants.iter().any(|(constant, _)| constant.is_null());
    let differs = (comparison.operator == "!=") == holds;
    // Nothing is smaller than no constant, so only a comparison that holds says that something is there.
    let is_certain = if is_nothing { differs } else { !differs && (holds || comparison.operator == "!=") };
    if is_certain { vec![comparison.names] } else { Vec::new() }
}

/// `"f" in x`.
fn field_of(map: &Expr, field: &Expr, names: &[&str]) -> Option<Vec<String>> {
    let Expr::StringConstant(field, _) = field else { return None };
    let of = chain(map, names).filter(|chain| chain.is_whole)?.names;
    Some(of.into_iter().map(|(name, _)| name).chain([field.to_string()]).collect())
}

/// `x.len()` or `x.len`.
fn items_of(length: &Expr, names: &[&str]) -> Option<Vec<String>> {
    let read = chain(length, names)?;
    let mut of: Vec<String> = read.names.into_iter().map(|(name, _)| name).collect();
    let is_length = if read.is_whole { of.pop()? == "len" } else { last_method(length)?.name == "len" };
    is_length.then(|| of.into_iter().chain(["[]".to_owned()]).collect())
}

/// `x.contains("f")`, and `!x.is_empty()`.
fn by_method(expression: &Expr, holds: bool, names: &[&str]) -> Option<Vec<String>> {
    let of = chain(expression, names)?.names;
    let call = last_method(expression)?;
    let shown = match (call.name.as_str(), &call.args[..], holds) {
        ("contains", [Expr::StringConstant(field, _)], true) => field.to_string(),
        ("is_empty", [], false) => "[]".to_owned(),
        _ => return None,
    };
    Some(of.into_iter().map(|(name, _)| name).chain([shown]).collect())
}

fn last_method(expression: &Expr) -> Option<&FnCallExpr> {
    let mut last = expression;
    while let Expr::Dot(sides, flags, _) = last {
        if flags.intersects(ASTFlags::NEGATED) {
            return None;
        }
        last = &sides.rhs;
    }
    let Expr::MethodCall(call, _) = last else { return None };
    Some(call)
}

/// What is there where the last node stands: by the earlier parts of an `&&` or an `||`, by the condition of an `if`, and by
/// an `if` before it that ends the script.
pub(super) fn before(nodes: &[ASTNode<'_>], all: &[Stmt], names: &[&str]) -> Shown {
    let mut shown = match nodes.first() {
        Some(ASTNode::Stmt(first)) => by_ends(all, first, names),
        Some(_) | None => Vec::new(),
    };
    for pair in nodes.windows(2) {
        match pair {
            [ASTNode::Expr(whole @ (Expr::And(parts, _) | Expr::Or(parts, _))), ASTNode::Expr(child)] => {
                let holds = matches!(whole, Expr::And(..));
                let earlier = parts.iter().take_while(|part| !std::ptr::eq(*part, *child));
                shown.extend(earlier.flat_map(|part| by(part, holds, names)));
            }
            [ASTNode::Stmt(Stmt::If(flow, _)), ASTNode::Stmt(child)] => {
                let is_body = holds_statement(flow.body.statements(), child);
                if is_body || holds_statement(flow.branch.statements(), child) {
                    shown.extend(by(&flow.expr, is_body, names));
                }
                shown.extend(by_ends(flow.body.statements(), child, names));
                shown.extend(by_ends(flow.branch.statements(), child, names));
            }
            [ASTNode::Stmt(Stmt::Block(block)) | ASTNode::Expr(Expr::Stmt(block)), ASTNode::Stmt(child)] => {
                shown.extend(by_ends(block.statements(), child, names));
            }
            _ => {}
        }
    }
    shown
}

/// How many parts of the `&&` that a whole script is stand before the last node.
pub(super) fn parts_before(nodes: &[ASTNode<'_>]) -> usize {
    let all = nodes.iter().position(|node| matches!(node, ASTNode::Expr(Expr::And(..)))).filter(|place| *place <= 1);
    let Some([ASTNode::Expr(Expr::And(parts, _)), ASTNode::Expr(child), ..]) = all.map(|place| &nodes[place..]) else {
        return 0;
    };
    parts.iter().position(|part| std::ptr::eq(part, *child)).unwrap_or(0)
}

fn holds_statement(statements: &[Stmt], child: &Stmt) -> bool {
    statements.iter().any(|statement| std::ptr::eq(statement, child))
}

/// What each earlier `if x == () { return … }` leaves.
fn by_ends(statements: &[Stmt], child: &Stmt, names: &[&str]) -> Shown {
    if !holds_statement(statements, child) {
        return Vec::new();
    }
    let earlier = statements.iter().take_while(|statement| !std::ptr::eq(*statement, child));
    let ends = earlier.filter_map(|statement| match statement {
        Stmt::If(flow, _) if matches!(flow.body.statements().last(), Some(Stmt::Return(..))) => Some(&flow.expr),
        _ => None,
    });
    ends.flat_map(|condition| by(condition, false, names)).collect()
}

/// The parts that all have to hold, as they are written: what stands between the outermost `&&`.
pub(super) fn conjuncts(text: &str) -> Vec<&str> {
    let code = without_texts(text);
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_i32);
    for (place, letter) in code.char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '|' if depth == 0 => return vec![text.trim()],
            '&' if depth == 0 && place >= start && code[place..].starts_with("&&") => {
                parts.push(text[start..place].trim());
                start = place + 2;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::conjuncts;

    #[test]
    fn parts_are_those_of_the_outermost_and() {
        for (text, expected) in [
            ("event.big", &["event.big"][..]),
            (" a.b && !(c && d) && e == \"x && \\\" y\" ", &["a.b", "!(c && d)", "e == \"x && \\\" y\""]),
            ("a || b && c", &["a || b && c"]),
            ("(a || b) && c", &["(a || b)", "c"]),
            ("a // don't\n && b", &["a // don't", "b"]),
        ] {
            assert_eq!(conjuncts(text), expected, "{text}");
        }
    }
}
