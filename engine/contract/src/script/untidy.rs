//! What a script has that compiles and is likely wrong: names nobody reads, statements nobody reaches.

use std::{collections::BTreeSet, sync::LazyLock};

use rhai::{AST, ASTFlags, ASTNode, Engine, Expr, FlowControl, OptimizationLevel, Position, Stmt, StmtBlock};

use super::{Form, engine, in_place::in_place};
use crate::report::{At, Report};

/// One thing that is likely wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Untidy {
    /// The check that says so.
    pub check: &'static str,
    /// Whether it cannot do what it says.
    pub is_error: bool,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// The line inside the script, from 1.
    pub line: u32,
    /// The column inside the script, from 1.
    pub column: u32,
}

impl Untidy {
    /// Says it at a place in a file.
    pub fn report(self, at: At, report: &mut Report) {
        if self.is_error {
            report.error(self.check, at, self.message, self.help);
        } else {
            report.warning(self.check, at, self.message, self.help);
        }
    }
}

/// Rhai's optimiser takes out what nobody reaches, so these scripts are parsed without it.
static PARSER: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = Engine::new_raw();
    engine.set_optimization_level(OptimizationLevel::None);
    engine
});

/// What is untidy in a script that compiles; `given` are the names of its surroundings that it reads.
pub fn untidy(text: &str, form: Form, given: &[String]) -> Vec<Untidy> {
    let parsed = match form {
        Form::Statements => PARSER.compile(text),
        Form::Expression => PARSER.compile_expression(text),
    };
    let Ok(ast) = parsed else { return Vec::new() };
    let mut found = Vec::new();
    list(ast.statements(), &mut found);
    let reads = reads(&ast);
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        match nodes.last() {
            Some(ASTNode::Stmt(statement)) => look(statement, (&reads, given), &mut found),
            Some(ASTNode::Expr(Expr::Stmt(block))) => list(block.statements(), &mut found),
            Some(_) | None => {}
        }
        found.extend(nodes.last().and_then(rounding));
        found.extend(in_place(nodes, &ast).map(|(name, instead, position)| Untidy {
            check: "invalid-rhai",
            is_error: true,
            ..at(format!("`{name}` changes in place and gives nothing"), format!("write {instead}"), position)
        }));
        // What reads nothing at all is found by whoever asks for a condition.
        found.extend(nodes.last().filter(|_| !given.is_empty()).and_then(constant));
        true
    });
    found.sort_by_key(|untidy| (untidy.line, untidy.column));
    found
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other statements hold no statements")]
fn look(statement: &Stmt, (reads, given): (&BTreeSet<String>, &[String]), found: &mut Vec<Untidy>) {
    match statement {
        Stmt::Var(declared, ..) => {
            let name = declared.0.name.as_str();
            if !reads.contains(name) && !name.starts_with('_') {
                let help = "read it, or remove it; a name that begins with `_` need not be read";
                found.push(at(format!("`{name}` is set and never read"), help, declared.0.pos));
            } else if given.iter().any(|known| known == name) {
                let message = format!("`{name}` hides the `{name}` that the script is given, and reads too");
                found.push(at(message, "choose another name", declared.0.pos));
            }
        }
        Stmt::Block(block) => list(block.statements(), found),
        Stmt::While(flow, position) => {
            if !may_end(flow) {
                let help = "add a `break` with a condition, or write `for index in 0..100`";
                found.push(at("this loop has no end of its own".to_owned(), help, *position));
            }
            both(flow, found);
        }
        Stmt::If(flow, _) | Stmt::Do(flow, ..) | Stmt::TryCatch(flow, _) => both(flow, found),
        Stmt::For(parts, _) => both(&parts.2, found),
        _ => {}
    }
}

/// `round` without digits drops the cents, and half of a unit goes to the even one.
fn rounding(node: &ASTNode<'_>) -> Option<Untidy> {
    let (call, position, arguments) = match node {
        ASTNode::Expr(Expr::FnCall(call, position)) | ASTNode::Stmt(Stmt::FnCall(call, position)) => {
            (call, position, 1)
        }
        ASTNode::Expr(Expr::MethodCall(call, position)) => (call, position, 0),
        _ => return None,
    };
    let is_bare = call.name == "round" && call.args.len() == arguments;
    is_bare.then(|| {
        let help = "say how many decimals and which way a half goes: `.round(2)` to the even one, `.round_half_up(2)`, \
                    `.round_down(2)`; for whole units `.round(0)`";
        let message = "this rounds to whole units, and does not say so".to_owned();
        Untidy { check: "unsaid-rounding", ..at(message, help, *position) }
    })
}

/// A part of a condition that decides it whatever is read, or decides nothing.
fn constant(node: &ASTNode<'_>) -> Option<Untidy> {
    let untidy = |message: String, help: &str, position: Position| Untidy {
        check: "constant-condition",
        ..at(message, help, position)
    };
    let is_constant = |part: &&Expr| matches!(part, Expr::BoolConstant(..));
    match node {
        ASTNode::Expr(Expr::And(parts, _) | Expr::Or(parts, _)) => {
            let part = parts.iter().find(is_constant)?;
            let message = "a part of this condition is always the same".to_owned();
            Some(untidy(message, "remove what was there to try something out", part.position()))
        }
        ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)) => {
            let [left, right] = &call.args[..] else { return None };
            let is_comparison = ["==", "!=", "<", "<=", ">", ">="].contains(&call.name.as_str());
            let field = field(left).filter(|field| is_comparison && Some(field) == self::field(right).as_ref())?;
            let message = format!("`{field}` is compared with itself, which is always the same");
            Some(untidy(message, "compare it with what was meant", left.position()))
        }
        _ => None,
    }
}

/// A name with the fields behind it, as it is written.
fn field(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Variable(variable, ..) => Some(variable.1.to_string()),
        Expr::Property(names, _) => Some(names.2.to_string()),
        Expr::Dot(sides, ..) => Some(format!("{}.{}", field(&sides.lhs)?, field(&sides.rhs)?)),
        _ => None,
    }
}

fn both(flow: &FlowControl, found: &mut Vec<Untidy>) {
    list(flow.body.statements(), found);
    list(flow.branch.statements(), found);
}

/// One list of statements: what follows an end, and names that are set anew.
fn list(statements: &[Stmt], found: &mut Vec<Untidy>) {
    let ends = |statement: &Stmt| matches!(statement, Stmt::Return(..) | Stmt::BreakLoop(..));
    if let Some([end, next, ..]) = statements.windows(2).find(|pair| ends(&pair[0])) {
        let word = word(end);
        found.push(at(
            format!("nothing gets here after the `{word}`"),
            "remove it, or put a condition around what ends",
            next.position(),
        ));
    }
    let mut seen: Vec<&str> = Vec::new();
    for statement in statements {
        let Stmt::Var(declared, ..) = statement else { continue };
        let name = declared.0.name.as_str();
        if seen.contains(&name) {
            let help = format!("choose another name, or write `{name} = …` without `let`");
            found.push(at(format!("`{name}` is there already, and this hides it"), help, declared.0.pos));
        }
        seen.push(name);
    }
}

fn word(end: &Stmt) -> &'static str {
    let is_second = |flags: &ASTFlags| flags.intersects(ASTFlags::BREAK);
    match end {
        Stmt::Return(_, flags, _) if is_second(flags) => "throw",
        Stmt::BreakLoop(_, flags, _) if is_second(flags) => "break",
        Stmt::BreakLoop(..) => "continue",
        _ => "return",
    }
}

/// A loop without a condition ends only by a `break`, a `return` or a `throw` somewhere inside.
fn may_end(flow: &FlowControl) -> bool {
    !matches!(flow.expr, Expr::Unit(_) | Expr::BoolConstant(true, _)) || has_end(&flow.body)
}

fn has_end(body: &StmtBlock) -> bool {
    let mut ends = false;
    for statement in body.statements() {
        statement.walk(&mut Vec::new(), &mut |nodes: &[ASTNode<'_>]| {
            ends |= match nodes.last() {
                Some(ASTNode::Stmt(Stmt::Return(..))) => true,
                Some(ASTNode::Stmt(Stmt::BreakLoop(_, flags, _))) => flags.intersects(ASTFlags::BREAK),
                // A function of the script may throw.
                Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                    call.name.starts_with(|letter: char| letter.is_alphabetic())
                }
                Some(_) | None => false,
            };
            !ends
        });
    }
    ends
}

/// All names that are read anywhere; to set one is not to read it.
fn reads(ast: &AST) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        if let [above @ .., ASTNode::Expr(own @ Expr::Variable(variable, ..))] = nodes {
            let is_set = matches!(above.last(), Some(ASTNode::Stmt(Stmt::Assignment(parts))) if std::ptr::eq(&raw const parts.1.lhs, *own));
            if !is_set {
                names.insert(variable.1.to_string());
            }
        }
        true
    });
    names
}

fn at(message: String, help: impl Into<String>, position: Position) -> Untidy {
    let place = engine::at(message, position);
    Untidy {
        check: "untidy-rhai",
        is_error: false,
        message: place.message,
        help: help.into(),
        line: place.line,
        column: place.column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_untidy_is_said_with_its_place() {
        for (text, expected) in [
            ("let fee = event * 2; fee", ""),
            ("let fee = event * 2; event", "1:5 `fee` is set and never read"),
            ("let fee = 1; fee = event; event", "1:5 `fee` is set and never read"),
            ("let fee = 1; fee += event; fee", ""),
            ("let _fee = 1; event", ""),
            ("let list = []; list.push(event); list", ""),
            ("let map = #{}; map.a = event; 1", ""),
            ("let rate = 2; [1].map(|item| item * rate)", ""),
            ("let a = 1; `${a}`", ""),
            ("let a = 1;\nlet a = a + 1;\na", "2:5 `a` is there already, and this hides it"),
            ("let a = 1; if event { let a = 2; a } else { a }", ""),
            ("let event = event * 2; event", "1:5 `event` hides the `event` that the script is given, and reads too"),
            ("return event;\n1", "2:1 nothing gets here after the `return`"),
            ("if event { throw \"no\"; 1 }", "1:24 nothing gets here after the `throw`"),
            ("if event { return 1; } 2", ""),
            ("for item in event { continue; item }", "1:31 nothing gets here after the `continue`"),
            ("let sum = 0; loop { sum += event; } sum", "1:14 this loop has no end of its own"),
            ("let sum = 0; loop { sum = sum + event; }", "1:14 this loop has no end of its own"),
            ("fn end(x) { throw x } loop { end(event); }", ""),
            ("let sum = 0; while true { sum += event; } sum", "1:14 this loop has no end of its own"),
            ("let sum = 0; loop { sum += event; if sum > 3 { break; } } sum", ""),
            ("let sum = 0; while sum < 3 { sum += event; } sum", ""),
            ("event.round()", "1:7 this rounds to whole units, and does not say so"),
            ("let fee = round(event * 0.02); fee", "1:11 this rounds to whole units, and does not say so"),
            ("event.round(2) + round(event, 0) + event.round_half_up(2)", ""),
            ("event.round", ""),
            ("event.a > 5 || true", "1:16 a part of this condition is always the same"),
            ("if event.a && false { 1 } else { 2 }", "1:15 a part of this condition is always the same"),
            ("event.a.b != event.a.b", "1:6 `event.a.b` is compared with itself, which is always the same"),
            ("event.a == event.b && event.a > 1", ""),
            ("event.f() == event.f()", ""),
            ("event.a.trim()", "1:9 `trim` changes in place and gives nothing"),
            ("let a = event.b; a.trim(); a", ""),
            ("let a = event.b.trim(); a", "1:17 `trim` changes in place and gives nothing"),
            ("event.a.trim().len()", "1:9 `trim` changes in place and gives nothing"),
            ("[3, 1, event].sort()", "1:15 `sort` changes in place and gives nothing"),
            ("if event { [event].push(1) } else { 1 }", "1:20 `push` changes in place and gives nothing"),
            ("let a = []; if event { a.push(1) } a", ""),
            ("let a = []; for b in event { a.push(b) } a", ""),
            ("let a = []; event.each(|b| a.push(b)); a", ""),
            ("let a = #{}; for b in event { a[b].lines.push(#{ b: b }); } a", ""),
            ("let a = #{}; for b in event { a[b][0].push(b) } a", ""),
            ("let a = #{}; for b in event { a[b].lines[0].push(b) } a", ""),
            ("let a = #{}; a[event].lines.push(1)", "1:29 `push` changes in place and gives nothing"),
            ("let a = []; for b in event { a[b.trim()] = 1; } a", "1:34 `trim` changes in place and gives nothing"),
            (
                "let a = []; for b in event { a[b.c[b.trim()]].push(b) } a",
                "1:38 `trim` changes in place and gives nothing",
            ),
            ("fn trim(x) { x } trim(event)", ""),
            ("`${event.a.trim()}`", "1:12 `trim` changes in place and gives nothing"),
            ("event +", ""),
        ] {
            let found: Vec<String> = untidy(text, Form::Statements, &["event".to_owned()])
                .iter()
                .map(|untidy| format!("{}:{} {}", untidy.line, untidy.column, untidy.message))
                .collect();
            assert_eq!(found.join("; "), expected, "{text}");
        }
    }
}
