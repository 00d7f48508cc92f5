//! Snapshots of what systems say about their records, in `describe/CONNECTION/NAME.json`.

use std::{collections::BTreeMap, sync::Arc};

use ferry_contract::{
    catalog::Catalog,
    record::{Record, Role},
    report::{At, Report, Source},
    schema::Schema,
    suggest,
};

use super::Project;

/// The kinds of records of a project's connections that are described.
#[derive(Debug, Default)]
pub struct Records {
    /// By the connection's name and that of the kind.
    all: BTreeMap<(String, String), Record>,
}

/// One kind of record, with those that it leads to.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// What is said of it.
    pub record: &'a Record,
    connection: &'a str,
    others: &'a Records,
}

impl Records {
    /// What a connection says of a kind of record.
    pub fn get<'a>(&'a self, connection: &'a str, name: &str) -> Option<Described<'a>> {
        let record = self.all.get(&(connection.to_owned(), name.to_owned()))?;
        Some(Described { record, connection, others: self })
    }
}

impl FromIterator<(String, Record)> for Records {
    fn from_iter<T: IntoIterator<Item = (String, Record)>>(records: T) -> Self {
        let named = |(connection, record): (String, Record)| ((connection, record.name.clone()), record);
        Self { all: records.into_iter().map(named).collect() }
    }
}

impl Described<'_> {
    /// What the field leads to whose parent has this name; nothing where it may be several, or is not described.
    pub fn parent(self, name: &str) -> Option<Self> {
        let [of] = self.record.parent(name)?.of.as_slice() else { return None };
        self.others.get(self.connection, of)
    }

    /// A schema of its action, with what is known put where a `record` stands.
    pub fn put_into(self, schema: &Schema) -> Schema {
        let properties = schema.properties.iter().map(|(name, inner)| (name.clone(), self.put_into(inner))).collect();
        let items = schema.items.as_ref().map(|items| Box::new(self.put_into(items)));
        let schema = Schema { properties, items, ..schema.clone() };
        match schema.record {
            // Which fields a read gives depends on what it asks for.
            None | Some(Role::Read) => schema,
            Some(role) => {
                let Schema { description, example, record, .. } = schema;
                Schema { description, example, record, ..self.record.schema(role) }
            }
        }
    }
}

/// Reads a snapshot; nothing where it is none, which the report then says. `is_own` is whether it lies in the project's
/// own folder, and not in one that others share.
pub(crate) fn read(
    (source, key): (&Arc<Source>, &str),
    (project, catalog): (&Project, &Catalog),
    is_own: bool,
    report: &mut Report,
) -> Option<(String, Record)> {
    let (connection, name) = key.split_once('/')?;
    let bad = |message: String, help: String, report: &mut Report| {
        report.error("bad-snapshot", At::START, message, help);
        None
    };
    let Some(text) = project.connections.get(connection) else {
        if is_own {
            let known: Vec<&str> = project.connections.keys().map(String::as_str).collect();
            let message = format!("there is no connection `{connection}` whose records this could describe");
            return bad(message, suggest::help(connection, &known), report);
        }
        return None;
    };
    // `unknown-connection` reports a connector that is not there.
    let connector = catalog.connectors.get(&text.connector.value)?;
    let Some(records) = &connector.records else {
        let message = format!("the connector `{}` does not say how its records are described", connector.name);
        return bad(message, "remove the file, or add `records` to its manifest".to_owned(), report);
    };
    let again = || format!("fetch it again: `ferry connectors describe {connection} {name}`");
    match records.reader.read(&source.text) {
        Ok(record) if record.name == name => Some((connection.to_owned(), record)),
        Ok(record) => bad(format!("this describes `{}`, and its file is named `{name}`", record.name), again(), report),
        Err(why) => {
            bad(format!("this is no snapshot of `{connector}`: {why}", connector = connector.title), again(), report)
        }
    }
}
