//! What a person decides of an item: compare and set, with its act in the audit, in one transaction.

use anyhow::anyhow;
use ferry_contract::{money::Money, number, port::Clock as _};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{
    super::{
        Exit, Outcome, complain,
        desk::{Actor, Desk, DeskArgs},
        print, tell,
    },
    Accept, One, Split, WriteOff, list,
};
use crate::{
    recon::key_of_match,
    store::{Change, Item, ItemKind, ItemName, ItemState, Itemizing, StoreError, StoredItem},
};

/// Items at hand.
struct Table {
    desk: Desk,
    at: Timestamp,
}

/// A new state of an item, by the number with which it was read.
type Next = (String, Option<u64>, Item);

impl Table {
    async fn open(args: &DeskArgs) -> Result<Self, anyhow::Error> {
        let desk = Desk::open(args).await?;
        let now = desk.clock.now();
        let at = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        Ok(Self { desk, at })
    }

    /// The one item of a key; a row's name will do where one item only has it.
    async fn one(&self, name: &str) -> Result<StoredItem, anyhow::Error> {
        let found = list::find(&self.desk, name).await?;
        let (mut keyed, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|stored| stored.key == name);
        if let Some(one) = keyed.pop() {
            return Ok(one);
        }
        let mut open: Vec<_> = rest.into_iter().filter(|stored| stored.item.state != ItemState::Resolved).collect();
        match open.len() {
            0 => Err(anyhow!("no book has `{name}`; `ferry recon list` names what waits for a person")),
            1 => Ok(open.remove(0)),
            _ => {
                let keys: Vec<&str> = open.iter().map(|stored| stored.key.as_str()).collect();
                Err(anyhow!("{} items have the row `{name}`; name one of them: {}", keys.len(), keys.join(", ")))
            }
        }
    }

    /// Another item that has one of the rows of this one for good.
    async fn elsewhere(&self, of: &StoredItem) -> Result<Option<StoredItem>, anyhow::Error> {
        for name in of.item.left.iter().chain(&of.item.right) {
            let has = |rows: &[String]| rows.contains(name);
            let is_other = |stored: &StoredItem| {
                let is_side =
                    (has(&of.item.left) && has(&stored.item.left)) || (has(&of.item.right) && has(&stored.item.right));
                let states = [ItemState::Confirmed, ItemState::Accepted, ItemState::WrittenOff, ItemState::Parted];
                stored.key != of.key && stored.book == of.book && is_side && states.contains(&stored.item.state)
            };
            if let Some(other) = list::find(&self.desk, name).await?.into_iter().find(is_other) {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// Keeps what was decided, unless somebody has changed the book meanwhile.
    async fn keep(&self, of: &StoredItem, next: Vec<Next>, actor: &Actor, (act, said): (&str, &str)) -> Outcome {
        let turn = format!("book {} {}", of.project, of.book);
        let expected = self.desk.store.shared(&turn).await?.map_or(0, |row| row.version);
        let subject = next.first().map_or_else(|| of.key.clone(), |(key, ..)| key.clone());
        let detail = json!({ "project": of.project, "book": of.book, "items": next.iter().map(|(key, _, item)| json!({ "item": key, "state": item.state.name() })).collect::<Vec<_>>() });
        let mut group: Vec<Change> = next
            .into_iter()
            .map(|(key, was, to)| {
                Change::Item(ItemName::new(&of.project, &of.book, &key), Itemizing { was, to, run: None })
            })
            .collect();
        group.push(Change::Share { name: turn, expected, value: Value::from(actor.by.as_str()) });
        group.push(Change::Audit(actor.act(act, &subject, detail, self.at)));
        match self.desk.store.commit(group).await {
            Ok(_) => {
                print(&format!("{said}\n"));
                tell("pipelines that follow the book are told   ·   ferry audit list");
                Ok(Exit::Success)
            }
            Err(StoreError::Stale(_)) => {
                complain("a reconciliation has changed the book just now; look at it again, nothing was changed");
                Ok(Exit::Findings)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn said(&self, stored: &StoredItem, state: ItemState, data: Value, actor: &Actor) -> Next {
        let item = Item {
            state,
            data,
            by: actor.by.clone(),
            reason: actor.reason.clone(),
            at: self.at,
            ..stored.item.clone()
        };
        (stored.key.clone(), Some(stored.number), item)
    }
}

fn refused(stored: &StoredItem, wanted: &str) -> Outcome {
    complain(&format!("`{}` is {}, and {wanted}; nothing was changed", stored.key, stored.item.state.name()));
    Ok(Exit::Findings)
}

pub(super) async fn accept(accept: Accept) -> Outcome {
    let table = Table::open(&accept.desk).await?;
    let Some(name) = &accept.item else { return together(&table, &accept).await };
    let stored = table.one(name).await?;
    if stored.item.kind != ItemKind::Match || stored.item.state != ItemState::Suggested {
        return refused(&stored, "only a suggested match is accepted; `--left` and `--right` put open rows together");
    }
    if let Some(other) = table.elsewhere(&stored).await? {
        let what = format!("`{}` has one of its rows and is {}", other.key, other.item.state.name());
        complain(&format!("{what}; `ferry recon reject {}` takes it apart; nothing was changed", other.key));
        return Ok(Exit::Findings);
    }
    let next = table.said(&stored, ItemState::Accepted, stored.item.data.clone(), &accept.actor);
    let said = format!("{} is accepted", stored.key);
    table.keep(&stored, vec![next], &accept.actor, ("accepted", &said)).await
}

/// Puts rows together that are open: their exceptions are resolved, and the match is as sure as if a rule had made it.
async fn together(table: &Table, accept: &Accept) -> Outcome {
    let mut sides: [Vec<StoredItem>; 2] = [Vec::new(), Vec::new()];
    for (side, names) in [&accept.left, &accept.right].into_iter().enumerate() {
        for name in names {
            let found = list::find(&table.desk, name).await?;
            let is_open = |stored: &StoredItem| {
                let rows = if side == 0 { &stored.item.left } else { &stored.item.right };
                stored.item.kind == ItemKind::Exception && stored.item.state == ItemState::Open && rows.contains(name)
            };
            let open = found.into_iter().find(is_open);
            sides[side]
                .push(open.ok_or_else(|| anyhow!("`{name}` is no open row of the {}", ["left", "right"][side]))?);
        }
    }
    let all = || sides.iter().flatten();
    let Some(first) = all().next() else { return Err(anyhow!("name rows with `--left` and `--right`")) };
    let place = |stored: &StoredItem| (stored.project.clone(), stored.book.clone(), currency(stored));
    if all().any(|stored| place(stored) != place(first)) {
        complain("these rows are not of one book and one currency; nothing was changed");
        return Ok(Exit::Findings);
    }
    let sum = |items: &[StoredItem]| items.iter().map(amount).sum::<Option<Decimal>>();
    let difference = sum(&sides[0]).zip(sum(&sides[1])).map(|(left, right)| left - right);
    let difference = difference.ok_or_else(|| anyhow!("a row has no amount"))?;
    if !difference.is_zero() && accept.adjust.is_none() {
        let help = "`--adjust ACCOUNT` says where the difference goes";
        complain(&format!(
            "the left is {difference} {} more than the right; {help}; nothing was changed",
            currency(first)
        ));
        return Ok(Exit::Findings);
    }
    let names = |items: &[StoredItem]| {
        let mut names: Vec<String> =
            items.iter().flat_map(|stored| stored.item.left.iter().chain(&stored.item.right).cloned()).collect();
        names.sort_unstable();
        names
    };
    let rows = |items: &[StoredItem]| {
        items.iter().filter_map(|stored| stored.item.data.get("row").cloned()).collect::<Vec<_>>()
    };
    let (left, right) = (names(&sides[0]), names(&sides[1]));
    let data = json!({
        "left": rows(&sides[0]),
        "right": rows(&sides[1]),
        "difference": { "amount": number::from_decimal(difference), "currency": currency(first) },
        "adjust": accept.adjust,
    });
    let key = key_of_match(&left, &right);
    let was =
        list::find(&table.desk, &key).await?.into_iter().find(|stored| stored.key == key).map(|stored| stored.number);
    let Actor { by, reason } = accept.actor.clone();
    let (kind, state, what) = (ItemKind::Match, ItemState::Accepted, "by_hand".to_owned());
    let item = Item { kind, state, what, left, right, data, by, reason, at: table.at };
    let mut next = vec![(key.clone(), was, item)];
    next.extend(all().map(|stored| table.said(stored, ItemState::Resolved, stored.item.data.clone(), &accept.actor)));
    let said = format!("{key} is accepted");
    table.keep(first, next, &accept.actor, ("accepted", &said)).await
}

pub(super) async fn reject(one: One) -> Outcome {
    let table = Table::open(&one.desk).await?;
    let stored = table.one(&one.item).await?;
    let is_open = matches!(stored.item.state, ItemState::Suggested | ItemState::Confirmed | ItemState::Accepted);
    if stored.item.kind != ItemKind::Match || !is_open {
        return refused(&stored, "only a match is rejected");
    }
    let was_sure = stored.item.state != ItemState::Suggested;
    let next = table.said(&stored, ItemState::Rejected, stored.item.data.clone(), &one.actor);
    let said = format!("{} is rejected: its rows are open from the next reconciliation on", stored.key);
    let outcome = table.keep(&stored, vec![next], &one.actor, ("rejected", &said)).await?;
    if was_sure {
        tell("pipelines that were told of this match have acted on it: see what they did with `ferry why`");
    }
    Ok(outcome)
}

pub(super) async fn split(split: Split) -> Outcome {
    let table = Table::open(&split.desk).await?;
    let stored = table.one(&split.item).await?;
    let is_row = stored.item.data.get("side").and_then(Value::as_str).is_some_and(|side| side != "settlement");
    if stored.item.kind != ItemKind::Exception || stored.item.state != ItemState::Open || !is_row {
        return refused(&stored, "only an open row of the left or the right is cut");
    }
    let whole = amount(&stored).ok_or_else(|| anyhow!("the row has no amount"))?;
    let sum: Decimal = split.into.iter().sum();
    if split.into.len() < 2 || sum != whole || split.into.iter().any(Decimal::is_zero) {
        complain(&format!(
            "the parts come to {sum}, and the row is {whole} {}; nothing was changed",
            currency(&stored)
        ));
        return Ok(Exit::Findings);
    }
    for part in &split.into {
        if let Err(error) = Money::new(*part, &currency(&stored)) {
            complain(&format!("a part cannot be {part}: {error}; nothing was changed"));
            return Ok(Exit::Findings);
        }
    }
    let id = stored.item.left.iter().chain(&stored.item.right).next().cloned().unwrap_or_default();
    let parts: Vec<Value> = (1..).zip(&split.into).map(|(number, amount)| {
        json!({ "id": format!("{id}#{number}"), "amount": number::from_decimal(*amount), "currency": currency(&stored) })
    }).collect();
    let data = json!({ "side": stored.item.data.get("side"), "row": stored.item.data.get("row"), "parts": parts });
    let key = format!("s-{}", stored.key);
    let was = list::find(&table.desk, &key).await?.into_iter().find(|other| other.key == key).map(|other| other.number);
    let Actor { by, reason } = split.actor.clone();
    let cut = Item {
        kind: ItemKind::Split,
        state: ItemState::Parted,
        what: "parts".to_owned(),
        data,
        by,
        reason,
        at: table.at,
        ..stored.item.clone()
    };
    let whole = table.said(&stored, ItemState::Resolved, stored.item.data.clone(), &split.actor);
    let said = format!("{id} is {} parts from the next reconciliation on", split.into.len());
    table.keep(&stored, vec![(key, was, cut), whole], &split.actor, ("split", &said)).await
}

pub(super) async fn write_off(write_off: WriteOff) -> Outcome {
    let table = Table::open(&write_off.desk).await?;
    let stored = table.one(&write_off.item).await?;
    if stored.item.kind != ItemKind::Exception || stored.item.state != ItemState::Open {
        return refused(&stored, "only an open exception is written off");
    }
    let mut data = stored.item.data.clone();
    if let Some(data) = data.as_object_mut() {
        data.insert("account".to_owned(), Value::from(write_off.account.as_str()));
    }
    let next = table.said(&stored, ItemState::WrittenOff, data, &write_off.actor);
    let said = format!("{} is written off to {}", stored.key, write_off.account);
    table.keep(&stored, vec![next], &write_off.actor, ("written off", &said)).await
}

fn currency(stored: &StoredItem) -> String {
    let row = stored.item.data.get("row").and_then(|row| row.get("currency"));
    row.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn amount(stored: &StoredItem) -> Option<Decimal> {
    number::text_to_decimal(&stored.item.data.get("row")?.get("amount")?.to_string())
}
