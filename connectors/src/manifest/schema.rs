//! JSON Schema as manifests write it.

use ferry_contract::{
    record::Role,
    schema::{Format, Kind, Schema},
    yaml::{
        Node,
        read::{Fields, list, map, one_of, texts, whole},
    },
};

use super::read::Reader;

const KEYS: [&str; 13] = [
    "type",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "maxLength",
    "format",
    "sensitive",
    "record",
    "example",
    "deprecated",
];

pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Schema> {
    let fields = Fields::open(node, "a schema", &KEYS, reader.report)?;
    let properties = fields.get("properties").map_or_else(Vec::new, |node| properties(reader, node));
    let required = fields.get("required").and_then(|node| texts(node, "`required`", reader.report)).unwrap_or_default();
    for name in required.iter().filter(|name| properties.iter().all(|(known, _)| *known != name.value)) {
        let help = "describe it under `properties`, or remove it here";
        reader.report.error("unknown-input", name.at, format!("`{}` is required and not described", name.value), help);
    }
    let length = fields.get("maxLength").and_then(|node| whole(node, "`maxLength`", reader.report));
    let has_none = properties.is_empty();
    let schema = Schema {
        kind: fields.get("type").and_then(|node| one_of(node, "a JSON type", &Kind::ALL, reader.report)),
        description: reader.text_of(fields, "description").unwrap_or_default(),
        properties,
        required: required.into_iter().map(|name| name.value).collect(),
        open: reader.flag(fields, "additionalProperties"),
        items: fields.get("items").and_then(|node| read(reader, node)).map(Box::new),
        values: fields
            .get("enum")
            .and_then(|node| list(node, "`enum`", reader.report))
            .unwrap_or_default()
            .iter()
            .map(Node::to_value)
            .collect(),
        length_max: length.and_then(|length| usize::try_from(length).ok()),
        format: fields.get("format").and_then(|node| one_of(node, "a format", &Format::ALL, reader.report)),
        sensitive: reader.flag(fields, "sensitive"),
        example: fields.get("example").map(Node::to_value),
        deprecated: reader.text_of(fields, "deprecated"),
        record: fields.get("record").and_then(|node| one_of(node, "what is a record here", &Role::ALL, reader.report)),
        ..Schema::default()
    };
    // No fields at all is said by an empty map; what a system lists may be nothing.
    let is_sparse = fields.get("properties").is_some() && has_none || schema.kind == Some(Kind::Array);
    let schema = Schema { is_sparse, ..schema };
    if let (Some(node), Some(example)) = (fields.get("example"), &schema.example) {
        for violation in schema.violations(example) {
            let message = format!("the example is not as its schema says: {violation}");
            reader.report.error(
                "wrong-example",
                node.at,
                message,
                "write a value that the target takes, or mend the schema",
            );
        }
    }
    Some(schema)
}

fn properties(reader: &mut Reader<'_>, node: &Node) -> Vec<(String, Schema)> {
    let entries = map(node, "`properties`", reader.report).unwrap_or_default();
    entries
        .iter()
        .filter_map(|(name, node)| {
            let schema = read(reader, node)?;
            // What may be anything says so.
            let documented = (schema.kind.is_some() || schema.open) && !schema.description.is_empty();
            if !documented || (schema.example.is_none() && schema.items.is_none()) {
                let help = "add `type`, `description` (with its unit and source) and `example`";
                reader.report.error("undocumented-field", name.at, format!("`{}` is not documented", name.value), help);
            }
            Some((name.value.clone(), schema))
        })
        .collect()
}
