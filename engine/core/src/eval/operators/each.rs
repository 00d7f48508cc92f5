//! `each`: a value for every item of a list.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Local, Operator, Scope},
    schema::{Kind, Schema},
    shape::{Shape, Target, Typing, WithName},
    yaml::{
        Node,
        read::{Fields, text},
    },
};
use serde_json::Value;

use super::{Built, Example, Mapping, Page, refused};
use crate::limits::EACH_ITEMS_MAX;

pub(super) const PAGE: Page = Page {
    name: "each",
    text: "Maps each item of the list `in`; inside `map`, the item is `$.item`, or what `as` calls it. A step's own `each` is \
           for calls; this one makes values.",
    examples: &[
        Example {
            written: "{ each: { in: $.event.lines, map: { sku: $.item.id, total: { rhai: item.n * item.price } } } }",
            event: r#"{"lines": [{"id": "A", "n": 2, "price": 1.50}]}"#,
            gives: r#"[{"sku":"A","total":3.00}]"#,
        },
        Example {
            written: "{ each: { in: $.event.lines, as: line, map: $.line.id } }",
            event: r#"{"lines": [{"id": "A"}, {"id": "B"}]}"#,
            gives: r#"["A","B"]"#,
        },
        Example {
            written: "{ each: { in: $.event.lines, map: $.item.id } }",
            event: r#"{"lines": [{"id": "A"}, {}]}"#,
            gives: "error: item 1 (from 0): `$.item.id` is not there",
        },
    ],
};

#[derive(Debug)]
struct Each {
    items: Expression,
    name: String,
    map: Expression,
}

pub(super) fn compile(_: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let fields = Fields::open(node.get("each")?, "`each`", &["in", "as", "map"], compiler.report)?;
    let items = fields.need("in", "$.event.lines", compiler.report);
    let map = fields.need("map", "{ id: $.item.id }", compiler.report);
    let name = fields.get("as").map(|node| text(node, "`as`", compiler.report));
    let name = name.map_or(Some("item".to_owned()), |name| name.map(|name| name.value))?;
    if let Some(node) = fields.get("as").filter(|_| compiler.names.contains(&name.as_str())) {
        let help = "choose another name with `as`, such as `line`";
        compiler.report.error("duplicate-id", node.at, format!("`{name}` has a meaning already"), help);
        return None;
    }
    let items = compiler.expression(items?);
    let map = map?;
    let map = compiler.with_names(&[&name], |compiler| compiler.expression(map));
    Some(Box::new(Each { items: items?, map: map?, name }))
}

impl Operator for Each {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let Value::Array(items) = self.items.eval(scope)? else { return refused("`each` needs a list") };
        if items.len() > EACH_ITEMS_MAX {
            return refused(format!("the list has {} items, and {EACH_ITEMS_MAX} are the most", items.len()));
        }
        let map = |(index, item): (usize, &Value)| {
            let local = Local { outer: scope, name: &self.name, value: item };
            let mapped = self.map.eval(local.scope());
            mapped.map_err(|error| EvalError(format!("item {index} (from 0): {error}")))
        };
        items.iter().enumerate().map(map).collect()
    }

    fn parts(&self) -> Vec<&Expression> {
        vec![&self.items, &self.map]
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        let wanted = Schema { kind: Some(Kind::Array), ..Schema::default() };
        let given = self.items.fits(&wanted, &Target::field("each", "in"), cx);
        let items = given.schema.items.map(|items| Shape::from(*items));
        let inner = WithName { outer: cx.known, name: &self.name, shape: items.unwrap_or_default() };
        let mut cx = Typing { known: &inner, certain: cx.certain, report: cx.report, others: cx.others };
        Shape::list(self.map.shape(&mut cx))
    }
}
