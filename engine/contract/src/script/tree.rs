//! An expression as a tree, with places: for what is known of its value before anything runs.

use rhai::{AST, ASTFlags, Expr, FnCallExpr, Position, Stmt};
use serde_json::Value;

use super::{
    reads::{chain, place},
    to_value,
};
use crate::report::At;

/// One part of an expression.
#[derive(Clone, Debug)]
pub struct Term {
    /// Where it begins.
    pub at: At,
    /// What it is.
    pub what: What,
}

/// What a part of an expression is.
#[derive(Clone, Debug)]
pub enum What {
    /// A constant.
    Constant(Value),
    /// A name with the fields behind it.
    Read(Vec<String>),
    /// An operator, or a function with what it is called on first.
    Call(String, Vec<Term>),
    /// `&&` or `||`.
    Either(&'static str, Vec<Term>),
    /// Anything else.
    Other,
}

/// The tree of a script that is one expression, and has no functions of its own.
pub(super) fn of(ast: &AST, names: &[&str]) -> Option<Term> {
    if ast.has_functions() {
        return None;
    }
    match ast.statements() {
        [Stmt::Expr(expression)] => Some(term(expression, names)),
        [Stmt::FnCall(call, position)] => Some(call_term(call, *position, names)),
        _ => None,
    }
}

fn term(expression: &Expr, names: &[&str]) -> Term {
    let all = |parts: &[Expr]| parts.iter().map(|part| term(part, names)).collect();
    let what = match expression {
        Expr::And(parts, _) => What::Either("&&", all(parts)),
        Expr::Or(parts, _) => What::Either("||", all(parts)),
        Expr::FnCall(call, position) => return call_term(call, *position, names),
        Expr::Dot(sides, flags, _) if !flags.intersects(ASTFlags::NEGATED) => match method(sides, names) {
            Some(what) => what,
            None => read(expression, names),
        },
        _ => match expression.get_literal_value(None).map(|value| to_value(&value)) {
            Some(Ok(value)) => What::Constant(value),
            Some(Err(_)) | None => read(expression, names),
        },
    };
    Term { at: place(expression.start_position()), what }
}

fn read(expression: &Expr, names: &[&str]) -> What {
    let whole = chain(expression, names).filter(|chain| chain.is_whole);
    whole.map_or(What::Other, |chain| What::Read(chain.names.into_iter().map(|(name, _)| name).collect()))
}

fn call_term(call: &FnCallExpr, position: Position, names: &[&str]) -> Term {
    let of: Vec<Term> = call.args.iter().map(|argument| term(argument, names)).collect();
    let at = of.first().map_or(place(position), |first| first.at);
    let what = if call.is_qualified() { What::Other } else { What::Call(call.name.to_string(), of) };
    Term { at, what }
}

/// `a.b.f(…)`, where no other call is between.
fn method(sides: &rhai::BinaryExpr, names: &[&str]) -> Option<What> {
    let mut fields = Vec::new();
    let mut rest = &sides.rhs;
    while let Expr::Dot(inner, flags, _) = rest {
        let Expr::Property(property, _) = &inner.lhs else { return None };
        if flags.intersects(ASTFlags::NEGATED) {
            return None;
        }
        fields.push(property.2.to_string());
        rest = &inner.rhs;
    }
    let Expr::MethodCall(call, _) = rest else { return None };
    let mut on = term(&sides.lhs, names);
    on.what = match on.what {
        What::Read(mut read) => {
            read.extend(fields);
            What::Read(read)
        }
        what if fields.is_empty() => what,
        _ => What::Other,
    };
    let arguments = call.args.iter().map(|argument| term(argument, names));
    Some(What::Call(call.name.to_string(), [on].into_iter().chain(arguments).collect()))
}

impl Term {
    /// The same with places in a file.
    pub(super) fn placed(&mut self, place: &dyn Fn(u32, u32) -> At) {
        if self.at.line > 0 {
            self.at = place(self.at.line, self.at.column);
        }
        if let What::Call(_, of) | What::Either(_, of) = &mut self.what {
            of.iter_mut().for_each(|term| term.placed(place));
        }
    }

    /// As it is written, where that is a name.
    pub fn name(&self) -> Option<String> {
        match &self.what {
            What::Read(names) => Some(names.join(".")),
            What::Constant(_) | What::Call(..) | What::Either(..) | What::Other => None,
        }
    }
}
