//! Which fields of a record a call asks for.

use ferry_contract::{
    catalog::Action,
    expression::{Expression, Made},
    schema::Schema,
    shape::Shape,
};
use serde_json::Value;

/// What an action gives of the fields that its input names, where these are written in the file.
pub(super) fn selected(schema: Schema, action: Option<&Action>, with: &Expression) -> Shape {
    let names = action.and_then(|action| action.selects.as_ref()).and_then(|selects| literal_list(with, selects));
    // A function of the query language, such as `FIELDS(STANDARD)`, gives fields that are not named here.
    let is_field = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte));
    let names = names.filter(|names| schema.open && names.iter().all(is_field));
    let Some(names) = names else { return schema.into() };
    let mut schema = schema;
    for name in &names {
        add(&mut schema, &mut name.split('.'));
    }
    Schema { open: false, ..schema }.into()
}

/// A field, and those inside it where the name has dots.
fn add(schema: &mut Schema, names: &mut std::str::Split<'_, char>) {
    let Some(name) = names.next() else { return };
    if schema.property(name).is_none() {
        schema.properties.push((name.to_owned(), Schema { open: true, ..Schema::default() }));
    }
    let inner = schema.properties.iter_mut().find(|(known, _)| known == name);
    if let (Some((_, inner)), true) = (inner, names.clone().next().is_some()) {
        inner.open = false;
        add(inner, names);
    }
}

/// The texts of a list that stands in the input as it is.
fn literal_list(with: &Expression, field: &str) -> Option<Vec<String>> {
    let Made::Object(entries) = &with.made else { return None };
    let (_, list) = entries.iter().find(|(name, _)| name.value == field)?;
    let Made::List(items) = &list.made else { return None };
    let text = |item: &Expression| match &item.made {
        Made::Literal(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    items.iter().map(text).collect()
}
