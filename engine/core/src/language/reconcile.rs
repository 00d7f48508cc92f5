//! `reconcile`: two sides, and the rules that match them.

mod rule;

use std::collections::BTreeMap;

use ferry_contract::{
    report::{Report, Spanned},
    yaml::{
        Node,
        read::{Fields, list, one_of, text, whole},
    },
};

use super::Call;
use crate::recon::{Case, Equation, PartyStep, References, Rule};

/// Two sides, and the rules that match them.
#[derive(Debug)]
pub struct Reconcile {
    /// What the decisions of persons are kept under.
    pub book: Option<Spanned<String>>,
    /// What is expected, such as orders.
    pub left: Side,
    /// What came, such as payments.
    pub right: Side,
    /// Lines that say of what a row of the right is the sum.
    pub settlement: Option<Side>,
    /// What the lines must come to.
    pub equation: Equation,
    /// How references are read.
    pub references: References,
    /// How names are made alike.
    pub parties: Vec<PartyStep>,
    /// In their order.
    pub rules: Vec<Spanned<Rule>>,
}

/// Where the rows of a side come from, and what they say.
#[derive(Debug)]
pub struct Side {
    /// Where they come from.
    pub from: Rows,
    /// Which of them count.
    pub when: Option<Node>,
    /// The value of each column.
    pub columns: BTreeMap<&'static str, Node>,
}

/// Where rows come from.
#[derive(Debug)]
pub enum Rows {
    /// An action that reads, page by page.
    Action {
        /// `connection.action`.
        action: Spanned<String>,
        /// Its input.
        with: Option<Node>,
    },
    /// A file below the project's folder of files: a value that names it.
    File(Node),
    /// A list that the run has.
    Items(Node),
}

impl Reconcile {
    /// The sides, and the settlement where there is one.
    pub fn sides(&self) -> impl Iterator<Item = &Side> {
        [&self.left, &self.right].into_iter().chain(&self.settlement)
    }

    /// The calls by which rows are read.
    pub(super) fn calls(&self) -> impl Iterator<Item = Call<'_>> {
        self.sides().filter_map(|side| match &side.from {
            Rows::Action { action, with } => Some(Call { action, with: with.as_ref() }),
            Rows::File(_) | Rows::Items(_) => None,
        })
    }
}

/// Columns of a side.
const COLUMNS: [&str; 11] =
    ["id", "amount", "gross", "fee", "net", "currency", "date", "ref", "party", "batch", "kind"];
/// The keys of a side.
const SIDE: [&str; 12] =
    ["from", "when", "id", "amount", "gross", "fee", "net", "currency", "date", "ref", "party", "batch"];
/// The keys of lines of settlements.
const LINES: [&str; 14] = [
    "from", "when", "id", "amount", "gross", "fee", "net", "currency", "date", "ref", "party", "batch", "kind",
    "equation",
];

pub(super) fn read(node: &Node, report: &mut Report) -> Option<Reconcile> {
    let keys = ["book", "left", "right", "settlement", "normalize", "rules"];
    let fields = Fields::open(node, "`reconcile`", &keys, report)?;
    let example =
        "{ from: { action: clarity.list_orders }, id: $.id, amount: $.total, currency: $.currency, ref: $.number }";
    let [left, right] = ["left", "right"].map(|key| {
        let node = fields.need(key, example, report)?;
        let fields = Fields::open(node, "a side of `reconcile`", &SIDE, report)?;
        side(&fields, report)
    });
    let settlement = fields.get("settlement").map(|node| settlement(node, report));
    let (references, parties) = normalize(fields.get("normalize"), report)?;
    let rules = fields.need("rules", "[{ name: exact-ref, by: ref, gives: confirmed }]", report);
    let rules = rules.and_then(|node| rule::rules(node, settlement.is_some(), report));
    let book = fields.get("book").and_then(|node| text(node, "`book`", report));
    let settlement = settlement.map_or(Some(None), |settlement| settlement.map(Some))?;
    let (settlement, equation) =
        settlement.map_or_else(|| (None, Equation::default()), |(side, equation)| (Some(side), equation));
    Some(Reconcile { book, left: left?, right: right?, settlement, equation, references, parties, rules: rules? })
}

fn side(fields: &Fields<'_>, report: &mut Report) -> Option<Side> {
    let from = fields.need("from", "{ action: clarity.list_orders }", report).and_then(|node| rows(node, report));
    for key in ["id", "currency"] {
        fields.need(key, if key == "id" { "$.id" } else { "$.currency" }, report)?;
    }
    if fields.get("gross").is_some() {
        let help = "remove one of them";
        fields.refuse("amount", "`amount` and `gross` are the same: what the row is about", help, report);
    } else {
        fields.need("amount", "$.total", report)?;
    }
    let columns = COLUMNS.into_iter().filter_map(|key| {
        let name = if key == "gross" { "amount" } else { key };
        fields.get(key).map(|node| (name, node.clone()))
    });
    Some(Side { from: from?, when: fields.get("when").cloned(), columns: columns.collect() })
}

fn settlement(node: &Node, report: &mut Report) -> Option<(Side, Equation)> {
    let fields = Fields::open(node, "`settlement`", &LINES, report)?;
    let side = side(&fields, report)?;
    fields.need("batch", "$.settlement_id", report)?;
    fields.need("kind", "$.type", report)?;
    let equation = fields.get("equation").map_or(Some(Equation::default()), |node| {
        let text = text(node, "`equation`", report)?;
        let read = Equation::parse(&text.value);
        read.map_err(|word| {
            let help = "write it as `sum(net) - reserve + adjustments == amount`, of `sum(gross)`, `sum(fee)`, `sum(net)`, `reserve` and `adjustments`";
            report.error("invalid-value", text.at, format!("`{word}` is nothing that lines come to"), help);
        })
        .ok()
    })?;
    Some((side, equation))
}

fn rows(node: &Node, report: &mut Report) -> Option<Rows> {
    let fields = Fields::open(node, "`from`", &["action", "with", "file", "items"], report)?;
    let written: Vec<&str> = ["action", "file", "items"].into_iter().filter(|key| fields.get(key).is_some()).collect();
    let [kind] = written.as_slice() else {
        let help = "write `{ action: payoneer.list_transactions, with: … }`, `{ file: settlements.csv }` or `{ items: $.event.rows }`";
        report.error("step-kind", fields.at(), "rows come from one place", help);
        return None;
    };
    let node = fields.get(kind)?;
    if *kind != "action" {
        fields.refuse("with", "only an action takes `with`", "remove it", report);
    }
    Some(match *kind {
        "action" => Rows::Action { action: text(node, "`action`", report)?, with: fields.get("with").cloned() },
        "file" => Rows::File(node.clone()),
        _ => Rows::Items(node.clone()),
    })
}

fn normalize(node: Option<&Node>, report: &mut Report) -> Option<(References, Vec<PartyStep>)> {
    let mut references = References { case: Case::Upper, alphanumeric: true, ..References::default() };
    let mut parties = vec![PartyStep::Casefold, PartyStep::SortWords];
    let Some(node) = node else { return Some((references, parties)) };
    let fields = Fields::open(node, "`normalize`", &["ref", "party"], report)?;
    if let Some(node) = fields.get("ref") {
        references = References::default();
        for step in list(node, "`ref` of `normalize`", report)? {
            reference_step(step, &mut references, report)?;
        }
    }
    if let Some(node) = fields.get("party") {
        let words = [
            ("casefold", PartyStep::Casefold),
            ("drop_legal_form", PartyStep::DropLegalForm),
            ("sort_words", PartyStep::SortWords),
        ];
        let steps = list(node, "`party` of `normalize`", report)?.iter();
        parties = steps.map(|step| one_of(step, "a way to make names alike", &words, report)).collect::<Option<_>>()?;
    }
    Some((references, parties))
}

fn reference_step(node: &Node, references: &mut References, report: &mut Report) -> Option<()> {
    if node.entries().is_some() {
        let fields = Fields::open(node, "a way to read references", &["embedded_digits"], report)?;
        let digits = whole(fields.need("embedded_digits", "6", report)?, "`embedded_digits`", report)?;
        references.embedded_digits = Some(usize::try_from(digits).unwrap_or(usize::MAX));
        return Some(());
    }
    let words = [("upper", 0), ("alphanumeric", 1), ("trim_zeros", 2), ("lookalikes", 3)];
    match one_of(node, "a way to read references", &words, report)? {
        0 => references.case = Case::Upper,
        1 => references.alphanumeric = true,
        2 => references.trim_zeros = true,
        _ => references.lookalikes = true,
    }
    Some(())
}
