//! What a system says about one kind of its records, in words that are the same for all systems.
//!
//! A project keeps such answers as snapshots; a manifest says how they are read. Where there is none, nothing is known.

use serde_json::Value;

use crate::schema::{Kind, Refusal, Schema};

/// One kind of record of a system.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Its name at the system.
    pub name: String,
    /// Its fields, in the system's order.
    pub fields: Vec<Field>,
}

/// One field of a kind of record.
#[expect(clippy::struct_excessive_bools, reason = "each is what a system says of a field, and all combinations occur")]
#[derive(Clone, Debug, Default)]
pub struct Field {
    /// Its name at the system.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// Its JSON type, where it is one.
    pub kind: Option<Kind>,
    /// How many characters it has at the most.
    pub length_max: Option<usize>,
    /// All that it can be; none is anything of its type.
    pub values: Vec<Value>,
    /// Whether it can be set when a record is made.
    pub create: bool,
    /// Whether it can be set when a record is changed.
    pub update: bool,
    /// Whether no record is made without it.
    pub required: bool,
    /// Whether it can name a record in the place of its id.
    pub key: bool,
    /// What it leads to.
    pub parent: Option<Parent>,
}

/// The record that a field leads to.
#[derive(Clone, Debug, Default)]
pub struct Parent {
    /// How the fields of it are named: `Account` in `Account.Name`.
    pub name: String,
    /// The kinds of record that it can be.
    pub of: Vec<String>,
}

/// What a part of an action's input or output is to a record. The keyword `record` of a schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The record as it is read.
    Read,
    /// The fields with which one is made.
    Create,
    /// The fields that are changed.
    Update,
    /// The fields with which one is made or changed, whichever it comes to.
    Upsert,
    /// One field that names a record, with its value.
    Key,
}

impl Role {
    /// All roles with their words.
    pub const ALL: [(&'static str, Self); 5] = [
        ("read", Self::Read),
        ("create", Self::Create),
        ("update", Self::Update),
        ("upsert", Self::Upsert),
        ("key", Self::Key),
    ];
}

/// What reads a snapshot.
pub trait Reader: std::fmt::Debug + Send + Sync {
    /// The kind of record that a text describes.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn read(&self, text: &str) -> Result<Record, String>;
}

impl Record {
    /// A field by its name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The field whose parent is named so.
    pub fn parent(&self, name: &str) -> Option<&Parent> {
        self.fields.iter().filter_map(|field| field.parent.as_ref()).find(|parent| parent.name == name)
    }

    /// What stands in a place with this role.
    pub fn schema(&self, role: Role) -> Schema {
        let required = self.fields.iter().filter(|field| role == Role::Create && field.required);
        Schema {
            kind: Some(Kind::Object),
            title: self.name.clone(),
            properties: self.fields.iter().map(|field| (field.name.clone(), self.field_schema(field, role))).collect(),
            required: required.map(|field| field.name.clone()).collect(),
            ..Schema::default()
        }
    }

    fn field_schema(&self, field: &Field, role: Role) -> Schema {
        Schema { refused: self.refusal(field, role), ..field.schema() }
    }

    /// Why nothing may be written into a field.
    fn refusal(&self, field: &Field, role: Role) -> Option<Refusal> {
        let remove = || "remove it".to_owned();
        let (why, help) = match role {
            Role::Create if !field.create => ("cannot be set when a record is made", remove()),
            Role::Update if !field.update => ("cannot be changed", remove()),
            Role::Upsert if !field.create && !field.update => ("cannot be set", remove()),
            Role::Upsert if !field.create => ("cannot be set where the upsert makes the record", remove()),
            Role::Upsert if !field.update => ("cannot be changed where the upsert finds the record", remove()),
            Role::Key if !field.key => ("names no record: it is no external id", self.keys()),
            Role::Read | Role::Create | Role::Update | Role::Upsert | Role::Key => return None,
        };
        Some(Refusal { why: why.to_owned(), help })
    }

    fn keys(&self) -> String {
        let keys: Vec<&str> = self.fields.iter().filter(|field| field.key).map(|field| field.name.as_str()).collect();
        if keys.is_empty() {
            format!("`{}` has no external id; make one at the system, then describe it again", self.name)
        } else {
            format!("write one of {}", crate::suggest::list(&keys))
        }
    }
}

impl Field {
    /// What its value is.
    pub fn schema(&self) -> Schema {
        Schema {
            kind: self.kind,
            description: if self.label == self.name { String::new() } else { self.label.clone() },
            // What is inside an address or a file is not described.
            open: true,
            values: self.values.clone(),
            length_max: self.length_max,
            ..Schema::default()
        }
    }
}
