//! `ferry xref`

use anyhow::anyhow;
use clap::{Args, Subcommand};
use ferry_contract::{port::Clock as _, suggest};
use ferry_core::eval::operators::xref;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Envelope, Exit, Format, Outcome, complain,
    desk::{Actor, Desk, DeskArgs},
    print, print_json, tell,
};
use crate::{
    limits::LIST_ROWS_DEFAULT,
    render,
    store::{Change, PairName, Pairing, StoreError, StoredPair},
};

/// Shows and corrects what two systems call the same record.
#[derive(Args, Debug)]
pub(super) struct Xref {
    #[command(subcommand)]
    command: XrefCommand,
}

#[derive(Debug, Subcommand)]
enum XrefCommand {
    /// Lists pairs, by cross-reference and key.
    List(List),
    /// Shows one pair: what it says, who recorded it, and when.
    Get(Get),
    /// Records a pair, or corrects one with `--replace`.
    Set(Set),
    /// Removes a pair: from then on its key is unknown.
    Remove(Remove),
}

#[derive(Args, Debug)]
struct List {
    /// Only of this cross-reference.
    #[arg(value_name = "TABLE")]
    table: Option<String>,
    /// At most that many.
    #[arg(long, default_value_t = LIST_ROWS_DEFAULT, value_name = "N")]
    limit: usize,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    desk: DeskArgs,
}

#[derive(Args, Debug)]
struct Get {
    #[command(flatten)]
    pair: Named,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
struct Set {
    #[command(flatten)]
    pair: Named,
    /// What the other system calls it.
    #[arg(value_name = "TO")]
    to: String,
    /// Take the place of another value.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    actor: Actor,
}

#[derive(Args, Debug)]
struct Remove {
    #[command(flatten)]
    pair: Named,
    #[command(flatten)]
    actor: Actor,
}

/// One pair of one project.
#[derive(Args, Debug)]
struct Named {
    /// The cross-reference, as ferry.yaml names it.
    #[arg(value_name = "TABLE")]
    table: String,
    /// What one system calls the record.
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    desk: DeskArgs,
}

/// The answer of `ferry xref list --format json` and `ferry xref get --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PairList {
    /// The pairs, by cross-reference and key.
    pub pairs: Vec<StoredPair>,
}

/// A pair at the desk.
struct Found {
    desk: Desk,
    name: PairName,
    pair: Option<StoredPair>,
}

impl Xref {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            XrefCommand::List(list) => list.run().await,
            XrefCommand::Get(get) => {
                let found = get.pair.find().await?;
                shown(found.pair.into_iter().collect(), get.format, &found.name.key)
            }
            XrefCommand::Set(set) => set.run().await,
            XrefCommand::Remove(remove) => remove.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Outcome {
        let desk = Desk::open(&self.desk).await?;
        let projects = match &self.table {
            Some(table) => vec![declaring(&desk, table)?],
            None => desk.xrefs().map(|(project, _)| project.to_owned()).collect(),
        };
        let mut pairs = Vec::new();
        for project in projects {
            let left = self.limit - pairs.len();
            pairs.extend(desk.store.pairs_of(&project, self.table.as_deref(), left).await?);
        }
        shown(pairs, self.format, self.table.as_deref().unwrap_or("any cross-reference"))
    }
}

impl Named {
    async fn find(&self) -> Result<Found, anyhow::Error> {
        let desk = Desk::open(&self.desk).await?;
        let name = PairName::new(&declaring(&desk, &self.table)?, &self.table, &self.key);
        let pair = desk.store.pairs(std::slice::from_ref(&name)).await?.pop().flatten();
        Ok(Found { desk, name, pair })
    }
}

impl Set {
    async fn run(self) -> Outcome {
        for (side, what) in [(&self.pair.key, "KEY"), (&self.to, "TO")] {
            xref::side(&Value::from(side.as_str()), what).map_err(|error| anyhow!("{error}"))?;
        }
        let found = self.pair.find().await?;
        let PairName { table, key, .. } = &found.name;
        match found.pair.as_ref().map(|pair| &pair.to) {
            Some(known) if *known == self.to => {
                tell(&format!("`{table}` has `{known}` for `{key}` already; nothing was changed"));
                return Ok(Exit::Success);
            }
            Some(known) if !self.replace => {
                let hint = "`--replace` takes its place";
                complain(&format!("`{table}` has `{known}` for `{key}`; nothing was changed; {hint}"));
                return Ok(Exit::Findings);
            }
            Some(_) | None => {}
        }
        found.change(Some(self.to), &self.actor).await
    }
}

impl Remove {
    async fn run(self) -> Outcome {
        let found = self.pair.find().await?;
        if found.pair.is_none() {
            complain(&format!("`{}` has nothing for `{}`; nothing was changed", found.name.table, found.name.key));
            return Ok(Exit::Nothing);
        }
        found.change(None, &self.actor).await
    }
}

impl Found {
    /// Changes the pair as it was found, and notes the act beside it.
    async fn change(self, to: Option<String>, actor: &Actor) -> Outcome {
        let now = self.desk.clock.now();
        let at = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let was = self.pair.map(|pair| pair.to);
        let PairName { project, table, key } = self.name.clone();
        let subject = format!("{table} {key}");
        let detail = json!({ "project": project, "was": was, "to": to });
        let act = actor.act(if to.is_some() { "linked" } else { "unlinked" }, &subject, detail, at);
        let said = match &to {
            Some(to) => format!("{subject} is {to}\n"),
            None => format!("{subject} is unknown from now on\n"),
        };
        let pairing = Pairing { was, to, by: actor.by.clone(), run: None, at };
        match self.desk.store.commit(vec![Change::Pair(self.name, pairing), Change::Audit(act)]).await {
            Ok(_) => {
                print(&said);
                tell("runs see it from their next step on   ·   ferry audit list");
                Ok(Exit::Success)
            }
            Err(StoreError::Stale(_)) => {
                complain(&format!("a run has changed `{subject}` just now; look at it again, nothing was changed"));
                Ok(Exit::Findings)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The one project whose `ferry.yaml` declares a cross-reference.
fn declaring(desk: &Desk, table: &str) -> Result<String, anyhow::Error> {
    let declaring: Vec<&str> =
        desk.xrefs().filter(|(_, tables)| tables.contains(&table)).map(|(project, _)| project).collect();
    match declaring.as_slice() {
        [project] => Ok((*project).to_owned()),
        [] => {
            let known: Vec<&str> = desk.xrefs().flat_map(|(_, tables)| tables).collect();
            let help = if known.is_empty() {
                "`--project DIR` names its folder".to_owned()
            } else {
                suggest::help(table, &known)
            };
            Err(anyhow!("there is no cross-reference `{table}` in ferry.yaml; {help}"))
        }
        several => {
            Err(anyhow!("{} have a cross-reference `{table}`; name one with `--project DIR`", several.join(" and ")))
        }
    }
}

fn shown(pairs: Vec<StoredPair>, format: Format, what: &str) -> Outcome {
    let is_empty = pairs.is_empty();
    if format == Format::Json {
        print_json(&Envelope::new(PairList { pairs }))?;
    } else if is_empty {
        tell(&format!("nothing is known of {what}"));
    } else {
        let row = |pair: StoredPair| vec![pair.table, pair.key, pair.to, pair.by, pair.at.to_string()];
        print(&render::table(&["TABLE", "KEY", "TO", "BY", "AT"], pairs.into_iter().map(row).collect()));
    }
    Ok(if is_empty { Exit::Nothing } else { Exit::Success })
}
