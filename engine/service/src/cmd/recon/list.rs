//! Items as a person sees them.

use anyhow::anyhow;
use ferry_contract::{number, suggest};
use serde_json::Value;

use super::{
    super::{Envelope, Exit, Format, Outcome, desk::Desk, print, print_json, tell},
    ItemList, List, Show, Wanted,
};
use crate::{
    limits::RECON_BATCH_ITEMS,
    render,
    store::{ItemFilter, ItemKind, ItemState, StoredItem},
};

impl Wanted {
    fn filter(&self) -> Result<ItemFilter, anyhow::Error> {
        let mut states = Vec::new();
        for state in &self.state {
            if state == "all" {
                states.extend(ItemState::ALL.iter().map(|(_, state)| *state));
                continue;
            }
            let found = ItemState::ALL.iter().find(|(name, _)| name == state);
            let names: Vec<&str> = ItemState::ALL.iter().map(|(name, _)| *name).chain(["all"]).collect();
            states
                .push(found.ok_or_else(|| anyhow!("there is no state `{state}`; {}", suggest::help(state, &names)))?.1);
        }
        // A row that is asked for is shown wherever it is.
        if states.is_empty() && self.row.is_none() {
            states = vec![ItemState::Suggested, ItemState::Open];
        }
        Ok(ItemFilter {
            book: self.book.clone(),
            states,
            what: self.reason.clone(),
            name: self.row.clone(),
            ..ItemFilter::default()
        })
    }
}

/// The items of all projects that are here, of each at most so many.
async fn of_all(desk: &Desk, filter: &ItemFilter) -> Result<Vec<StoredItem>, anyhow::Error> {
    let mut items = Vec::new();
    for project in desk.names() {
        items.extend(desk.store.items(&ItemFilter { project: project.to_owned(), ..filter.clone() }).await?);
    }
    Ok(items)
}

pub(super) async fn list(list: List) -> Outcome {
    let desk = Desk::open(&list.wanted.desk).await?;
    let filter = ItemFilter { limit: list.limit, ..list.wanted.filter()? };
    let items = of_all(&desk, &filter).await?;
    if list.format == Format::Json {
        let is_empty = items.is_empty();
        print_json(&Envelope::new(ItemList { items }))?;
        return Ok(if is_empty { Exit::Nothing } else { Exit::Success });
    }
    if items.is_empty() {
        let any = ItemFilter { book: list.wanted.book.clone(), limit: 1, ..ItemFilter::default() };
        match &list.wanted.book {
            Some(book) if of_all(&desk, &any).await?.is_empty() => {
                tell(&format!("no reconciliation has kept a book `{book}`"));
            }
            _ => tell("nothing of that kind; `--state all` shows what is settled, too"),
        }
        return Ok(Exit::Nothing);
    }
    let is_full = items.len() == list.limit;
    let key = items[0].key.clone();
    let header = ["ITEM", "BOOK", "STATE", "WHAT", "LEFT", "RIGHT", "AMOUNT", "DIFFERENCE", "AT"];
    print(&render::table(&header, items.iter().map(line).collect()));
    if is_full {
        tell(&format!("these are the first {}; `--limit` shows more", list.limit));
    }
    tell(&hint(&items[0], &key));
    Ok(Exit::Success)
}

/// What a person may do with an item.
fn hint(stored: &StoredItem, key: &str) -> String {
    let acts: &[&str] = match stored.item.state {
        ItemState::Suggested => &["accept", "reject"],
        ItemState::Open => &["write-off", "split"],
        ItemState::Confirmed | ItemState::Accepted => &["reject"],
        ItemState::Rejected | ItemState::WrittenOff | ItemState::Resolved | ItemState::Parted => &[],
    };
    let acts = acts.iter().map(|act| {
        let more = match *act {
            "write-off" => " --account NAME",
            "split" => " --into AMOUNT,AMOUNT",
            _ => "",
        };
        format!("ferry recon {act} {key}{more} --reason \"…\"")
    });
    std::iter::once(format!("ferry recon show {key}")).chain(acts).collect::<Vec<_>>().join("   ·   ")
}

fn line(stored: &StoredItem) -> Vec<String> {
    let item = &stored.item;
    let [amount, difference] = amounts(stored)
        .map(|money| money.map_or_else(String::new, |(amount, currency)| format!("{amount} {currency}")));
    vec![
        stored.key.clone(),
        stored.book.clone(),
        item.state.name().to_owned(),
        item.what.clone(),
        few(&item.left),
        few(&item.right),
        amount,
        difference,
        item.at.to_string(),
    ]
}

fn few(names: &[String]) -> String {
    match names {
        [] => "-".to_owned(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// What it is about, and by how much its sides differ.
fn amounts(stored: &StoredItem) -> [Option<(String, String)>; 2] {
    let data = &stored.item.data;
    let money = |value: &Value| Some((value.get("amount")?.to_string(), value.get("currency")?.as_str()?.to_owned()));
    let own = data.get("row").or_else(|| data.get("right")?.get(0));
    [own.and_then(money), data.get("difference").and_then(money)]
}

/// The items of a key, or with a row of that name.
pub(super) async fn find(desk: &Desk, name: &str) -> Result<Vec<StoredItem>, anyhow::Error> {
    of_all(desk, &ItemFilter { name: Some(name.to_owned()), limit: RECON_BATCH_ITEMS, ..ItemFilter::default() }).await
}

pub(super) async fn show(show: Show) -> Outcome {
    let desk = Desk::open(&show.desk).await?;
    let items = find(&desk, &show.item).await?;
    if show.format == Format::Json {
        let is_empty = items.is_empty();
        print_json(&Envelope::new(ItemList { items }))?;
        return Ok(if is_empty { Exit::Nothing } else { Exit::Success });
    }
    if items.is_empty() {
        tell(&format!("no book has `{}`; `ferry recon list --state all` names what there is", show.item));
        return Ok(Exit::Nothing);
    }
    items.iter().for_each(|stored| print(&story(stored)));
    Ok(Exit::Success)
}

fn story(stored: &StoredItem) -> String {
    let item = &stored.item;
    let kind = match item.kind {
        ItemKind::Match => "by the rule",
        ItemKind::Exception => "because it is",
        ItemKind::Split => "as",
    };
    let mut lines = vec![format!("{} in {}: {} {kind} {}", stored.key, stored.book, item.state.name(), item.what)];
    let data = &item.data;
    let rows = |name: &str| data.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for (side, rows) in
        [("left", rows("left")), ("right", rows("right")), ("other", rows("others")), ("part", rows("parts"))]
    {
        lines.extend(rows.iter().map(|row| format!("  {side:<6} {}", shown(row))));
    }
    if let Some(row) = data.get("row") {
        lines.push(format!("  {:<6} {}", data.get("side").and_then(Value::as_str).unwrap_or("row"), shown(row)));
    }
    let [_, difference] = amounts(stored);
    let is_nought = |amount: &str| number::text_to_decimal(amount).is_some_and(|amount| amount.is_zero());
    if let Some((difference, code)) = difference.filter(|(amount, _)| !is_nought(amount)) {
        let account =
            data.get("adjust").and_then(Value::as_str).map_or_else(String::new, |account| format!(", to {account}"));
        lines.push(format!("  left is {difference} {code} more than right{account}"));
    }
    if let Some(account) = data.get("account").and_then(Value::as_str) {
        lines.push(format!("  written off to {account}"));
    }
    let why = if item.reason.is_empty() { String::new() } else { format!(": {}", item.reason) };
    lines.push(format!("  {} by {}{why}", item.at, item.by));
    lines.join("\n") + "\n"
}

/// A row on one line.
fn shown(row: &Value) -> String {
    let text = |name: &str| match row.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    if let Some(text) = row.as_str() {
        return text.to_owned();
    }
    let parts = ["id", "amount", "currency", "fee", "net", "date", "ref", "party"];
    let named = |name: &&str| {
        text(name).map(|value| if ["fee", "net"].contains(name) { format!("{name} {value}") } else { value })
    };
    parts.iter().filter_map(named).collect::<Vec<_>>().join("  ")
}

pub(super) async fn export(wanted: &Wanted) -> Outcome {
    let desk = Desk::open(&wanted.desk).await?;
    let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
    writer.write_record(HEADER)?;
    let mut count = 0;
    for project in desk.names() {
        let mut filter = ItemFilter { project: project.to_owned(), limit: RECON_BATCH_ITEMS, ..wanted.filter()? };
        loop {
            let items = desk.store.items(&filter).await?;
            let Some(last) = items.last() else { break };
            filter.after = last.number;
            count += items.len();
            items.iter().try_for_each(|stored| writer.write_record(record(stored)))?;
        }
    }
    writer.flush()?;
    Ok(if count == 0 { Exit::Nothing } else { Exit::Success })
}

const HEADER: [&str; 13] = [
    "item",
    "project",
    "book",
    "state",
    "rule_or_reason",
    "left",
    "right",
    "amount",
    "currency",
    "difference",
    "by",
    "reason",
    "at",
];

fn record(stored: &StoredItem) -> [String; HEADER.len()] {
    let StoredItem { project, book, key, item, .. } = stored;
    let [own, difference] = amounts(stored);
    let (amount, currency) = own.unwrap_or_default();
    let difference = difference.map(|(amount, _)| amount).unwrap_or_default();
    let (state, what) = (item.state.name().to_owned(), item.what.clone());
    let (left, right) = (item.left.join(" "), item.right.join(" "));
    let (by, reason, at) = (item.by.clone(), item.reason.clone(), item.at.to_string());
    [key.clone(), project.clone(), book.clone(), state, what, left, right, amount, currency, difference, by, reason, at]
}
