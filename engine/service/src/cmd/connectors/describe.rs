//! `ferry connectors describe`

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use ferry_connectors::connection::Connection;
use ferry_contract::{
    catalog::Records,
    failure::{ErrorClass, Failure},
    port::FreePass,
    record::Record,
    suggest,
};
use serde_json::{Value, json};

use crate::cmd::reach::ReachArgs;
use crate::{
    cmd::{Exit, Outcome, StoreArgs, plan::unreachable, print, tell},
    load::{self, SNAPSHOTS},
};

/// Keeps what a system says about its records, so that lint knows their fields.
///
/// Asks over the connection, which only reads, and writes the answer to `describe/CONNECTION/OBJECT.json` in the project.
/// Without OBJECT, all that are there are fetched again. Says which fields are new, and which are gone.
///
/// Example: `ferry connectors describe salesforce Contact Payment_Request__c --project pipelines/payoneer-salesforce`.
#[derive(Args, Debug)]
pub(super) struct Describe {
    /// A connection of ferry.yaml.
    #[arg(value_name = "CONNECTION")]
    connection: String,
    /// The names that the system has for its kinds of records.
    #[arg(value_name = "OBJECT")]
    objects: Vec<String>,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// A connection that says what its records are.
struct Source {
    connection: Connection,
    records: Records,
    /// Where the snapshots are.
    folder: PathBuf,
}

impl Describe {
    pub(super) async fn run(self) -> Outcome {
        let source = self.source().await?;
        let objects = if self.objects.is_empty() { kept(&source.folder)? } else { self.objects.clone() };
        if objects.is_empty() {
            bail!("no snapshot is in {} yet; name the objects, such as `Contact`", source.folder.display());
        }
        for object in &objects {
            source.describe(object).await?;
        }
        Ok(Exit::Success)
    }

    async fn source(&self) -> Result<Source, anyhow::Error> {
        let reach = self.reach.open().await?;
        let connector = reach.connector(&self.connection)?;
        let manifest = reach.project.library.manifests.get(connector);
        let records = manifest.and_then(|manifest| manifest.connector.records.clone());
        let records = records.ok_or_else(|| {
            anyhow!(
                "the connector `{connector}` does not say how its records are described; its manifest needs `records`"
            )
        })?;
        let connection = reach.allowed(&self.connection, &self.store).await;
        let connection = connection.map_err(|failure| anyhow!(failure.message))?;
        Ok(Source { connection, records, folder: reach.project.folder.join(SNAPSHOTS).join(&self.connection) })
    }
}

impl Source {
    async fn describe(&self, object: &str) -> Result<(), anyhow::Error> {
        let is_name = !object.is_empty() && object.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            bail!("`{object}` is no name of an object; write its API name, such as `Payment_Request__c`");
        }
        let answer = self.answer(object).await.map_err(|failure| unreachable(&failure).context(object.to_owned()))?;
        let text = serde_json::to_string_pretty(&answer)? + "\n";
        let read = |text: &str| self.records.reader.read(text).map_err(|why| anyhow!("{object}: {why}"));
        let record = read(&text)?;
        // Systems find an object in any case, and lint only by its own name.
        let path = self.folder.join(format!("{}.json", record.name));
        let before = fs::read_to_string(&path).ok();
        let (name, fields) = (path.display(), record.fields.len());
        if before.as_ref() == Some(&text) {
            tell(&format!("{name} is as it was: {fields} fields"));
            return Ok(());
        }
        put(&path, &text).with_context(|| format!("{name} cannot be written"))?;
        let changes = before.and_then(|before| read(&before).ok()).map(|before| changes(&before, &record));
        print(&format!("{name}: {fields} fields{}\n", changes.unwrap_or_default()));
        Ok(())
    }

    async fn answer(&self, object: &str) -> Result<Value, Failure> {
        let action = &self.records.action;
        let prepared = self.connection.prepare(action, &json!({ "object": object }))?;
        let answer = self.connection.send(&FreePass, action, &[&prepared]).await.pop();
        answer.unwrap_or_else(|| Err(Failure::new(ErrorClass::Bug, "the call has no answer")))
    }
}

/// The objects whose snapshots are there.
fn kept(folder: &Path) -> Result<Vec<String>, anyhow::Error> {
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let stem = |path: &PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    Ok(load::entries(folder)?.iter().filter(|path| is_json(path)).filter_map(stem).collect())
}

/// Which fields are new, and which are gone.
fn changes(before: &Record, after: &Record) -> String {
    let names = |record: &Record| record.fields.iter().map(|field| field.name.clone()).collect::<BTreeSet<_>>();
    let (before, after) = (names(before), names(after));
    let listed = |word: &str, names: Vec<&String>| {
        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        if names.is_empty() { String::new() } else { format!("; {word}: {}", suggest::list(&names)) }
    };
    [listed("new", after.difference(&before).collect()), listed("gone", before.difference(&after).collect())].concat()
}

/// Writes a file in one moment: who reads it has the earlier one or this.
fn put(path: &Path, text: &str) -> Result<(), anyhow::Error> {
    let folder = path.parent().context("it has no folder")?;
    fs::create_dir_all(folder)?;
    let name = path.file_name().and_then(|name| name.to_str()).context("its name is no UTF-8")?;
    let beside = folder.join(format!(".{name}.{}.ferry", std::process::id()));
    let write = || -> Result<(), std::io::Error> {
        let mut file = fs::File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    let written = write();
    if written.is_err() {
        // What could not be put in its place is not left beside it; that it is gone already is no error.
        let _ = fs::remove_file(&beside);
    }
    Ok(written?)
}
