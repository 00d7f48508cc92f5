//! A book: what earlier reconciliations and persons have said of rows, and what a new one changes of it.
//!
//! Rows that are matched stay so, as long as they say what they said. What a person has kept apart is never put together again.
//! Where nothing is new, nothing changes.

use std::collections::{BTreeMap, HashMap, HashSet};

use ferry_contract::{key::Digest, number};
use ferry_core::{
    plan::reconcile::Reconcile,
    recon::{Gives, Known, Match, Outcome, Reason, Side, Which},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    feed::Part,
    shown::{self, currency_of},
};
use crate::store::{Item, ItemKind, ItemState, StoredItem};

/// What is known of one book.
#[derive(Debug, Default)]
pub struct Book {
    items: HashMap<String, Noted>,
    /// Those that stay, in the order in which the matcher got them.
    kept: Vec<String>,
}

/// What must be known of an item to tell whether it changes.
#[derive(Debug)]
struct Noted {
    number: u64,
    kind: ItemKind,
    state: ItemState,
    /// The rule that has made it, or its reason.
    what: String,
    left: Vec<String>,
    right: Vec<String>,
    /// Of each row of the left and of the right, what it said.
    amounts: [HashMap<String, Value>; 2],
    /// Whether it is a line of a settlement.
    is_line: bool,
    /// The account that its difference goes to, and the difference with its currency.
    adjusts: Option<(String, Value)>,
}

/// Changes of items, one by one: a million of them are never in memory together.
pub struct Changes<'b> {
    book: &'b Book,
    reconcile: &'b Reconcile,
    sides: [&'b Side; 2],
    lines: &'b Side,
    outcome: &'b Outcome,
    by: &'b str,
    at: Timestamp,
}

/// A change: the key, the number by which the item was read, and what it becomes.
pub(super) type Change = (String, Option<u64>, Item);

impl Book {
    /// Notes items as they are stored.
    pub fn note(&mut self, items: Vec<StoredItem>) {
        for StoredItem { key, number, item, .. } in items {
            let (amounts, adjusts) = (amounts(&item.data), adjusts(&item.data));
            let is_line = item.data.get("side").and_then(Value::as_str) == Some(LINE);
            let Item { kind, state, what, left, right, .. } = item;
            self.items.insert(key, Noted { number, kind, state, what, left, right, amounts, is_line, adjusts });
        }
    }

    /// The parts of rows that persons have cut, by the name of the row.
    pub fn parts(items: &[StoredItem], which: Which) -> BTreeMap<String, Vec<Part>> {
        let cut =
            items.iter().filter(|stored| stored.item.kind == ItemKind::Split && stored.item.state == ItemState::Parted);
        cut.filter_map(|stored| Some((stored.item.rows(which).first()?.clone(), parts(&stored.item.data)))).collect()
    }

    /// What the matcher must know of the rows of this time.
    pub fn known(&mut self, left: &Side, right: &Side) -> Known {
        let mut known = Known::default();
        let mut keys: Vec<&String> = self.items.keys().collect();
        // What a person has said goes before what a rule has.
        keys.sort_unstable_by_key(|key| (self.items[*key].state == ItemState::Confirmed, *key));
        let (mut kept, mut taken) = (Vec::new(), [HashSet::new(), HashSet::new()]);
        for key in keys {
            let noted = &self.items[key];
            let rows = if noted.is_line {
                (Vec::new(), Vec::new())
            } else {
                (places(left, &noted.left), places(right, &noted.right))
            };
            match noted.state {
                ItemState::Confirmed | ItemState::Accepted | ItemState::WrittenOff => {
                    let is_here = !rows.0.is_empty() || !rows.1.is_empty();
                    let is_free = rows.0.iter().all(|row| !taken[0].contains(row))
                        && rows.1.iter().all(|row| !taken[1].contains(row));
                    if is_here && is_free && noted.is_as_it_was((left, &rows.0), (right, &rows.1)) {
                        taken[0].extend(rows.0.iter().copied());
                        taken[1].extend(rows.1.iter().copied());
                        known.kept.push(rows);
                        kept.push(key.clone());
                    }
                }
                ItemState::Rejected => {
                    let pairs = rows.0.iter().flat_map(|left| rows.1.iter().map(|right| (*left, *right)));
                    known.apart.extend(pairs);
                }
                ItemState::Suggested | ItemState::Open | ItemState::Resolved | ItemState::Parted => {}
            }
        }
        self.kept = kept;
        known
    }
}

impl Book {
    /// Of those that stay: what has made each, and its account with the difference that goes there. Nothing of rows that a person has
    /// written off.
    pub(super) fn kept(&self) -> impl Iterator<Item = Option<(&str, Option<&(String, Value)>)>> {
        self.kept.iter().map(|key| {
            let noted = &self.items[key];
            (noted.state != ItemState::WrittenOff).then_some((noted.what.as_str(), noted.adjusts.as_ref()))
        })
    }
}

impl Noted {
    /// Whether the rows that are here say the amounts that they said.
    fn is_as_it_was(&self, (left, left_rows): (&Side, &[u32]), (right, right_rows): (&Side, &[u32])) -> bool {
        let is_same = |(which, side): (Which, &Side), row: u32| {
            let said = &self.amounts[usize::from(which == Which::Right)];
            said.get(side.id(row)) == Some(&said_by(&shown::row(side, which, row)))
        };
        left_rows.iter().all(|row| is_same((Which::Left, left), *row))
            && right_rows.iter().all(|row| is_same((Which::Right, right), *row))
    }

    /// Whether a later reconciliation may say something else of it.
    fn is_open(&self) -> bool {
        match self.state {
            ItemState::Confirmed | ItemState::Suggested | ItemState::Accepted | ItemState::Open => true,
            ItemState::Rejected | ItemState::WrittenOff | ItemState::Resolved | ItemState::Parted => false,
        }
    }
}

impl<'b> Changes<'b> {
    /// What an outcome changes of a book; `by` is the run.
    pub fn of(
        book: &'b Book,
        reconcile: &'b Reconcile,
        (sides, lines): ([&'b Side; 2], &'b Side),
        outcome: &'b Outcome,
        (by, at): (&'b str, Timestamp),
    ) -> Self {
        Self { book, reconcile, sides, lines, outcome, by, at }
    }

    /// All changes; those that say what is stored already are among them, and the store leaves them as they are.
    pub fn iter(&self) -> impl Iterator<Item = Change> {
        let matches = self.outcome.matches.iter().filter_map(|found| self.found(found));
        let exceptions = self.outcome.exceptions.iter().map(|exception| {
            let others = exception.side.other();
            let shown =
                exception.others.iter().map(|row| shown::row(self.side(others), others, *row)).collect::<Vec<_>>();
            self.exception(
                name(exception.side),
                (self.side(exception.side), exception.row),
                exception.reason.name(),
                json!(shown),
            )
        });
        // A line that a person has written off is said again each time, and stays so.
        let is_open = |(line, _): &&(u32, Reason)| {
            let noted = self.book.items.get(&key_of_exception(LINE, self.lines.id(*line)));
            noted.is_none_or(|noted| noted.state != ItemState::WrittenOff)
        };
        let lines = self.outcome.lines.iter().filter(is_open).map(|(line, reason)| {
            let line = (self.lines, *line);
            self.exception(LINE, line, reason.name(), json!([]))
        });
        // What is not so any more goes first: whoever looks in between sees no row in two matches.
        self.settled().chain(matches).chain(exceptions).chain(lines)
    }

    fn side(&self, which: Which) -> &'b Side {
        match which {
            Which::Left => self.sides[0],
            Which::Right => self.sides[1],
        }
    }

    fn names(&self, which: Which, rows: &[u32]) -> Vec<String> {
        let mut names: Vec<String> = rows.iter().map(|row| self.side(which).id(*row).to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// A match of a rule; what was kept is there already.
    fn found(&self, found: &Match) -> Option<Change> {
        let rule = &self.reconcile.spec.rules[found.origin.rule()?];
        let (left, right) =
            (self.names(Which::Left, found.left.as_slice()), self.names(Which::Right, found.right.as_slice()));
        let shown =
            |which, rows: &[u32]| rows.iter().map(|row| shown::row(self.side(which), which, *row)).collect::<Vec<_>>();
        let (currency, exponent) = currency_of(self.sides[0], found);
        let data = json!({
            "left": shown(Which::Left, found.left.as_slice()),
            "right": shown(Which::Right, found.right.as_slice()),
            "difference": { "amount": shown::decimal(i128::from(found.difference), exponent), "currency": currency },
            "adjust": rule.adjust,
        });
        let state = if rule.gives == Gives::Confirmed { ItemState::Confirmed } else { ItemState::Suggested };
        let key = key_of_match(&left, &right);
        Some(self.change(key, Item { left, right, ..self.item(ItemKind::Match, state, &rule.name, data) }))
    }

    fn exception(&self, side: &str, (rows, row): (&Side, u32), reason: &str, others: Value) -> Change {
        let which = if side == "left" { Which::Left } else { Which::Right };
        let id = rows.id(row).to_owned();
        let (left, right) = if side == "left" { (vec![id.clone()], vec![]) } else { (vec![], vec![id.clone()]) };
        let data = json!({ "side": side, "row": shown::row(rows, which, row), "others": others });
        let key = key_of_exception(side, &id);
        self.change(key, Item { left, right, ..self.item(ItemKind::Exception, ItemState::Open, reason, data) })
    }

    /// What was open, whose rows are here, and of which nothing is said any more.
    fn settled(&self) -> impl Iterator<Item = Change> {
        let kept: HashSet<&String> = self.book.kept.iter().collect();
        let mut said: HashSet<String> = HashSet::new();
        for found in self.outcome.matches.iter().filter(|found| found.origin.rule().is_some()) {
            let (left, right) =
                (self.names(Which::Left, found.left.as_slice()), self.names(Which::Right, found.right.as_slice()));
            said.insert(key_of_match(&left, &right));
        }
        for exception in &self.outcome.exceptions {
            said.insert(key_of_exception(name(exception.side), self.side(exception.side).id(exception.row)));
        }
        said.extend(self.outcome.lines.iter().map(|(line, _)| key_of_exception(LINE, self.lines.id(*line))));
        let mut matched = [HashSet::new(), HashSet::new()];
        for found in self.outcome.matches.iter().filter(|found| found.origin.rule().is_some()) {
            matched[0].extend(found.left.as_slice().iter().map(|row| self.side(Which::Left).id(*row)));
            matched[1].extend(found.right.as_slice().iter().map(|row| self.side(Which::Right).id(*row)));
        }
        let is_gone = move |(key, noted): &(&'b String, &'b Noted)| {
            let is_elsewhere = || {
                let has =
                    |side: usize, names: &[String]| names.iter().any(|name| matched[side].contains(name.as_str()));
                noted.kind == ItemKind::Match && (has(0, &noted.left) || has(1, &noted.right))
            };
            noted.is_open() && !kept.contains(key) && !said.contains(*key) && (self.is_here(noted) || is_elsewhere())
        };
        let gone = self.book.items.iter().filter(is_gone);
        gone.map(|(key, noted)| {
            let data = json!({ "left": noted.left, "right": noted.right });
            let item = self.item(noted.kind, ItemState::Resolved, "resolved", data);
            let item = Item { left: noted.left.clone(), right: noted.right.clone(), ..item };
            (key.clone(), Some(noted.number), item)
        })
    }

    /// Whether all rows of an item are among those of this time.
    fn is_here(&self, noted: &Noted) -> bool {
        if noted.is_line {
            return noted.right.iter().all(|id| self.lines.find(id).is_some());
        }
        let has = |side: &Side, names: &[String]| names.iter().all(|id| side.find(id).is_some());
        has(self.sides[0], &noted.left) && has(self.sides[1], &noted.right)
    }

    fn item(&self, kind: ItemKind, state: ItemState, what: &str, data: Value) -> Item {
        let (left, right, reason) = (Vec::new(), Vec::new(), String::new());
        Item { kind, state, what: what.to_owned(), left, right, data, by: self.by.to_owned(), reason, at: self.at }
    }

    fn change(&self, key: String, item: Item) -> Change {
        let was = self.book.items.get(&key).map(|noted| noted.number);
        (key, was, item)
    }
}

/// The key of a match: of the names of its rows.
pub(crate) fn key_of_match(left: &[String], right: &[String]) -> String {
    format!("m-{}", short(&json!([left, right]).to_string()))
}

/// The key of an exception: of the name of its row.
pub(crate) fn key_of_exception(side: &str, id: &str) -> String {
    format!("x-{}", short(&json!([side, id]).to_string()))
}

fn short(text: &str) -> String {
    Digest::of(text).as_str().chars().filter(char::is_ascii_hexdigit).take(20).collect()
}

fn name(which: Which) -> &'static str {
    match which {
        Which::Left => "left",
        Which::Right => "right",
    }
}

fn places(side: &Side, names: &[String]) -> Vec<u32> {
    names.iter().filter_map(|name| side.find(name)).collect()
}

/// What the side of an exception is called that is a line of a settlement.
const LINE: &str = "settlement";

/// What each row of an item said, of the left and of the right.
fn amounts(data: &Value) -> [HashMap<String, Value>; 2] {
    ["left", "right"].map(|side| {
        let listed = data.get(side).and_then(Value::as_array).into_iter().flatten();
        let own = data.get("row").filter(|_| data.get("side").and_then(Value::as_str) == Some(side));
        listed.chain(own).filter_map(|row| Some((row.get("id")?.as_str()?.to_owned(), said_by(row)))).collect()
    })
}

/// What of a row must stay as it is.
fn said_by(row: &Value) -> Value {
    json!(["amount", "currency", "fee", "net"].map(|name| row.get(name)))
}

fn adjusts(data: &Value) -> Option<(String, Value)> {
    Some((data.get("adjust")?.as_str()?.to_owned(), data.get("difference")?.clone()))
}

fn parts(data: &Value) -> Vec<Part> {
    let parts = data.get("parts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let part = |part: &Value| {
        let amount = number::text_to_decimal(&part.get("amount")?.to_string())?;
        Some(Part { id: part.get("id")?.as_str()?.to_owned(), amount })
    };
    parts.iter().filter_map(part).collect()
}
