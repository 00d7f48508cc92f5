//! `merge`: one record of two systems' sides, with a master for each field.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Operator, Scope},
    number,
    report::Spanned,
    schema::Kind,
    shape::{Shape, Typing},
    yaml::{
        Node,
        read::{Fields, map, text},
    },
};
use serde_json::{Map, Value, json};

use super::{Built, Example, Mapping, Page, refused};

pub(super) const PAGE: Page = Page {
    name: "merge",
    text: "Merges the sides of one record field by field. `sides` names them, `master` says for each field whose value counts, \
           and `else` for all others. A master that has nothing (missing, null, empty) gives way to the other sides in their \
           order. `value` is the record, `conflicts` lists the fields in which two sides have different values.",
    examples: &[Example {
        written: "{ merge: { sides: { crm: $.event.crm, bank: $.event.bank }, master: { email: crm, else: bank } } }",
        event: r#"{"crm": {"email": "a@x.com", "phone": ""}, "bank": {"email": "b@x.com", "phone": "1"}}"#,
        gives: r#"{"value":{"email":"a@x.com","phone":"1"},"conflicts":[{"field":"email","took":"crm","crm":"a@x.com","bank":"b@x.com"}]}"#,
    }],
};

#[derive(Debug)]
struct Merge {
    sides: Vec<(String, Expression)>,
    /// The number of the master of each field.
    masters: Vec<(String, usize)>,
    or: usize,
}

pub(super) fn compile(_: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let fields = Fields::open(node.get("merge")?, "`merge`", &["sides", "master"], compiler.report)?;
    let sides = fields.need("sides", "{ crm: $.contact, bank: $.payee }", compiler.report);
    let master = fields.need("master", "{ Email: crm, else: bank }", compiler.report);
    let written = map(sides?, "`sides`", compiler.report)?;
    let sides: Vec<_> =
        written.iter().map(|(name, node)| Some((name.value.clone(), compiler.expression(node)?))).collect();
    let sides: Vec<_> = sides.into_iter().collect::<Option<_>>()?;
    let names: Vec<&str> = sides.iter().map(|(name, _)| name.as_str()).collect();
    let master = master?;
    let masters: Vec<_> = map(master, "`master`", compiler.report)?
        .iter()
        .map(|(field, node)| Some((field, side(node, &names, compiler)?)))
        .collect();
    let masters: Vec<(&Spanned<String>, usize)> = masters.into_iter().collect::<Option<_>>()?;
    let Some((_, or)) = masters.iter().find(|(field, _)| field.value == "else") else {
        let help = format!("add `else: {}`", names.first().copied().unwrap_or("crm"));
        compiler.report.error("missing-key", master.at, "`master` says nothing of the other fields", help);
        return None;
    };
    let or = *or;
    let masters = masters.iter().filter(|(field, _)| field.value != "else");
    let masters = masters.map(|(field, side)| (field.value.clone(), *side)).collect();
    Some(Box::new(Merge { sides, masters, or }))
}

fn side(node: &Node, names: &[&str], compiler: &mut Compiler<'_>) -> Option<usize> {
    let name = text(node, "a side", compiler.report)?;
    let found = names.iter().position(|known| *known == name.value);
    if found.is_none() {
        let message = format!("there is no side `{}`", name.value);
        compiler.report.unknown("invalid-value", name.at, message, (&name.value, names));
    }
    found
}

impl Operator for Merge {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let mut sides = Vec::new();
        for (name, side) in &self.sides {
            match side.eval(scope)? {
                Value::Object(map) => sides.push((name.as_str(), map)),
                Value::Null => sides.push((name.as_str(), Map::new())),
                other => return refused(format!("the side `{name}` must be a record, and is {other}")),
            }
        }
        let (mut merged, mut conflicts) = (Map::new(), Vec::new());
        for field in sides.iter().flat_map(|(_, side)| side.keys()) {
            if merged.contains_key(field) {
                continue;
            }
            let (value, conflict) = self.field(field, &sides);
            conflicts.extend(conflict);
            merged.insert(field.clone(), value);
        }
        Ok(json!({ "value": merged, "conflicts": conflicts }))
    }

    fn parts(&self) -> Vec<&Expression> {
        self.sides.iter().map(|(_, side)| side).collect()
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        self.sides.iter().for_each(|(_, side)| drop(side.shape(cx)));
        Shape::record(vec![("value", Shape::of_kind(Kind::Object)), ("conflicts", Shape::of_kind(Kind::Array))])
    }
}

impl Merge {
    fn field(&self, field: &str, sides: &[(&str, Map<String, Value>)]) -> (Value, Option<Value>) {
        let master = self.masters.iter().find(|(name, _)| name == field).map_or(self.or, |(_, side)| *side);
        let order = [master].into_iter().chain((0..sides.len()).filter(|side| *side != master));
        let said: Vec<(&str, &Value)> = order
            .filter_map(|side| Some((sides[side].0, sides[side].1.get(field)?)))
            .filter(|(_, value)| !value.is_null() && value.as_str() != Some(""))
            .collect();
        let Some(((took, value), others)) = said.split_first() else { return (Value::Null, None) };
        let differs = others.iter().any(|(_, other)| !number::equal(value, other));
        let conflict = differs.then(|| {
            let mut conflict = Map::new();
            conflict.insert("field".to_owned(), Value::from(field));
            conflict.insert("took".to_owned(), Value::from(*took));
            conflict.extend(said.iter().map(|(side, value)| ((*side).to_owned(), (*value).clone())));
            Value::Object(conflict)
        });
        ((*value).clone(), conflict)
    }
}
