//! `switch`: the value of the first condition that holds.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Made, Operator, Scope},
    script::{Form, Script},
    shape::{Shape, Typing},
    yaml::{
        Node,
        read::{Fields, list},
    },
};
use serde_json::Value;

use super::{Built, Example, Mapping, Page, one_of, refused};

pub(super) const PAGE: Page = Page {
    name: "switch",
    text: "Gives the value beside the first condition in Rhai that holds, or that of `else`, which comes last. Without `else`, \
           a value for which none holds is refused.",
    examples: &[
        Example {
            written: "{ switch: [{ when: event.x > 1000, value: large }, { when: event.x > 100, value: medium }, { else: small }] }",
            event: r#"{"x": 500}"#,
            gives: r#""medium""#,
        },
        Example {
            written: "{ switch: [{ when: event.x > 1000, value: $.event.x }, { else: 0 }] }",
            event: r#"{"x": 5}"#,
            gives: "0",
        },
        Example {
            written: "{ switch: [{ when: event.x > 1000, value: large }] }",
            event: r#"{"x": 5}"#,
            gives: "error: no condition of the `switch` holds, and it has no `else`",
        },
    ],
};

#[derive(Debug)]
struct Switch {
    cases: Vec<(Expression, Expression)>,
    or: Option<Expression>,
}

pub(super) fn compile(_: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let node = node.get("switch")?;
    let items = list(node, "`switch`", compiler.report)?;
    let (mut cases, mut or, mut complete) = (Vec::new(), None, true);
    for (index, item) in items.iter().enumerate() {
        if item.get("else").is_some() {
            complete &= index + 1 == items.len() || is_last(item, compiler);
            let fields = Fields::open(item, "the end of a `switch`", &["else"], compiler.report)?;
            or = Some(compiler.expression(fields.get("else")?)?);
            continue;
        }
        match case(item, compiler) {
            Some(case) => cases.push(case),
            None => complete = false,
        }
    }
    if cases.is_empty() && complete {
        let help = "write `- { when: event.Amount__c > 0, value: … }`";
        compiler.report.error("wrong-type", node.at, "a `switch` has at least one case", help);
        return None;
    }
    complete.then(|| Box::new(Switch { cases, or }) as Box<dyn Operator>)
}

fn is_last(item: &Node, compiler: &mut Compiler<'_>) -> bool {
    let message = "`else` holds always, so what comes behind it is never looked at";
    compiler.report.error("invalid-value", item.at, message, "move `else` to the end");
    false
}

fn case(item: &Node, compiler: &mut Compiler<'_>) -> Option<(Expression, Expression)> {
    let fields = Fields::open(item, "a case of a `switch`", &["when", "value"], compiler.report)?;
    let when = fields.need("when", "event.Amount__c > 0", compiler.report);
    let value = fields.need("value", "large", compiler.report);
    let (when, value) = (when?, value?);
    let script = compiler.script(when, Form::Expression);
    let value = compiler.expression(value);
    Some((Expression { at: when.at, made: Made::Rhai(script?) }, value?))
}

impl Operator for Switch {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        for (when, value) in &self.cases {
            let Made::Rhai(script) = &when.made else { continue };
            if holds(script, scope)? {
                return value.eval(scope);
            }
        }
        match &self.or {
            Some(or) => or.eval(scope),
            None => refused("no condition of the `switch` holds, and it has no `else`"),
        }
    }

    fn parts(&self) -> Vec<&Expression> {
        self.cases.iter().flat_map(|(when, value)| [when, value]).chain(&self.or).collect()
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        let (mut shapes, mut before) = (Vec::new(), Vec::new());
        for (when, value) in &self.cases {
            let Made::Rhai(script) = &when.made else { continue };
            cx.knowing(before.clone(), |cx| {
                let shape = when.shape(cx);
                script.must_be_true_or_false(&shape, cx);
            });
            let shown = before.iter().chain(&script.reads().certain).cloned().collect();
            shapes.push(cx.knowing(shown, |cx| value.shape(cx)));
            before.extend(script.reads().certain_else.iter().cloned());
        }
        shapes.extend(self.or.as_ref().map(|or| cx.knowing(before, |cx| or.shape(cx))));
        one_of(shapes)
    }
}

fn holds(script: &Script, scope: Scope<'_>) -> Result<bool, EvalError> {
    Ok(script.test(scope.rules, scope.names)?)
}
