//! The schema of an event: Avro, with what Salesforce says of its fields beside it.

use apache_avro::Schema;
use serde_json::Value;

/// A schema that was read.
#[derive(Debug)]
pub(super) struct Known {
    /// Its id.
    pub(super) id: String,
    /// For the library.
    pub(super) schema: Schema,
    /// Its name, such as `OpportunityChangeEvent`.
    pub(super) name: String,
    /// Its fields, in their order.
    pub(super) fields: Vec<Field>,
}

/// A field of a schema.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: String,
    /// The types that it may have, as Avro calls them.
    pub(super) types: Vec<String>,
    /// What kind of data it is, as `doc` says it: `Data:DateTime:00N…`.
    pub(super) says: String,
    /// The fields of a compound field.
    pub(super) parts: Vec<Field>,
}

impl Known {
    /// Reads a schema.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(id: &str, text: &str) -> Result<Self, String> {
        let schema = Schema::parse_str(text).map_err(|error| error.to_string())?;
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let name = value["name"].as_str().unwrap_or_default().to_owned();
        Ok(Self { id: id.to_owned(), schema, name, fields: fields(&value) })
    }

    /// The names of the fields that a list of bitmaps stands for. The lowest bit is the first field; `3-0x06` is of the
    /// parts of the fourth. Source: Pub/Sub API, event deserialization considerations.
    pub(super) fn named<'a>(&self, bitmaps: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut names = Vec::new();
        for bitmap in bitmaps {
            match bitmap.split_once('-') {
                None => names.extend(bits(bitmap).filter_map(|bit| Some(self.fields.get(bit)?.name.clone()))),
                Some((parent, bitmap)) => {
                    let parent = parent.parse().ok().and_then(|parent: usize| self.fields.get(parent));
                    let Some(parent) = parent else { continue };
                    let part = |bit: usize| Some(format!("{}.{}", parent.name, parent.parts.get(bit)?.name));
                    names.extend(bits(bitmap).filter_map(part));
                }
            }
        }
        names
    }
}

fn fields(record: &Value) -> Vec<Field> {
    record["fields"].as_array().into_iter().flatten().map(field).collect()
}

fn field(field: &Value) -> Field {
    let types: Vec<&Value> = match &field["type"] {
        Value::Array(types) => types.iter().collect(),
        one => vec![one],
    };
    let named = |kind: &&Value| kind.as_str().or_else(|| kind["type"].as_str()).map(str::to_owned);
    let said = field["doc"].as_str().and_then(|doc| doc.split(':').nth(1));
    Field {
        name: field["name"].as_str().unwrap_or_default().to_owned(),
        types: types.iter().filter_map(named).collect(),
        says: said.unwrap_or_default().to_owned(),
        parts: types.iter().find(|kind| kind["type"] == "record").map(|kind| fields(kind)).unwrap_or_default(),
    }
}

/// The places of the bits that are set in `0x14`, of any length.
fn bits(bitmap: &str) -> impl Iterator<Item = usize> {
    let digits = bitmap.strip_prefix("0x").unwrap_or(bitmap).chars().rev().enumerate();
    digits.flat_map(|(place, digit)| {
        let value = digit.to_digit(16).unwrap_or_default();
        (0..4).filter(move |bit| value >> bit & 1 == 1).map(move |bit| place * 4 + bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bitmap_names_fields_and_parts_of_them() {
        let schema = r#"{"type":"record","name":"X","fields":[
            {"name":"ChangeEventHeader","type":"string"},
            {"name":"Amount","type":["null","double"],"doc":"Data:Currency:00N"},
            {"name":"Name","type":["null","string",{"type":"record","name":"P","fields":[
                {"name":"FirstName","type":["null","string"]},{"name":"LastName","type":["null","string"]}]}]},
            {"name":"Stage","type":["null","string"]},{"name":"At","type":["null","long"],"doc":"Data:DateTime"}]}"#;
        let known = Known::read("id", schema).unwrap();
        let named = |bitmaps: &[&str]| known.named(bitmaps.iter().copied()).join(" ");
        for (bitmaps, expected) in [
            (&["0x14"][..], "Name At"),
            (&["0x0A", "2-0x02"], "Amount Stage Name.LastName"),
            (&["2-0x03"], "Name.FirstName Name.LastName"),
            // A field that is newer than the schema that we have.
            (&["0x10000000000000000000000000000000010"], "At"),
            (&[], ""),
        ] {
            assert_eq!(named(bitmaps), expected, "{bitmaps:?}");
        }
    }
}
