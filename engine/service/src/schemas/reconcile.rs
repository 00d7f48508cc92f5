//! `reconcile`: two sides, and the rules that match them; and what begins with what it finds.

use schemars::JsonSchema;
use serde_json::Value as Json;

use super::{
    rules::{call, exactly_one, or_word},
    written::{ActionName, Condition, Interval, Text, Texts, Value},
};

/// Matches the rows of two sides, and keeps what it finds in a book.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Reconcile {
    /// What matches, exceptions and decisions are kept under; the pipeline and the step where nothing is said.
    pub book: Option<Text>,
    /// What is expected, such as orders.
    pub left: ReconcileSide,
    /// What came, such as payments.
    pub right: ReconcileSide,
    /// Lines that say of what a row of the right is the sum.
    pub settlement: Option<ReconcileLines>,
    /// How references and names are made alike.
    pub normalize: Option<Normalize>,
    /// Strictly in this order; those that confirm before those that suggest.
    #[schemars(length(min = 1, max = 32))]
    pub rules: Vec<ReconcileRule>,
}

/// Where the rows of a side come from, and what they say. In its values, `$` is the row.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = exactly_one(&["amount", "gross"], "a row is about an amount: write `amount: $.total`"))]
pub struct ReconcileSide {
    /// Where they come from.
    pub from: RowsFrom,
    /// Which rows count: Rhai that sees `row` and `vars`.
    #[schemars(extend("examples" = ["row.status == \"PAID\""]))]
    pub when: Option<Condition>,
    /// What names a row among its side, for ever.
    pub id: Value,
    /// What it is about, in major units.
    pub amount: Option<Value>,
    /// The same as `amount`, where a fee was kept.
    pub gross: Option<Value>,
    /// What was kept of it.
    pub fee: Option<Value>,
    /// What is left of it.
    pub net: Option<Value>,
    /// ISO 4217.
    pub currency: Value,
    /// A date such as `2026-03-01`; a time behind it says nothing.
    pub date: Option<Value>,
    /// What refers to the other side.
    pub r#ref: Option<Value>,
    /// Who paid, or is to pay.
    pub party: Option<Value>,
    /// The settlement that it is.
    pub batch: Option<Value>,
}

/// Lines of settlements. In its values, `$` is the line.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(transform = exactly_one(&["amount", "gross"], "a line is about an amount: write `amount: $.gross`"))]
pub struct ReconcileLines {
    /// Where they come from.
    pub from: RowsFrom,
    /// Which lines count: Rhai that sees `row` and `vars`.
    pub when: Option<Condition>,
    /// What names a line, for ever.
    pub id: Value,
    /// What it is about, in major units.
    pub amount: Option<Value>,
    /// The same as `amount`, where a fee was kept.
    pub gross: Option<Value>,
    /// What was kept of it.
    pub fee: Option<Value>,
    /// What is left of it.
    pub net: Option<Value>,
    /// ISO 4217.
    pub currency: Value,
    /// A date such as `2026-03-01`.
    pub date: Option<Value>,
    /// What refers to the left.
    pub r#ref: Option<Value>,
    /// Who paid.
    pub party: Option<Value>,
    /// The settlement that it is in.
    pub batch: Value,
    /// What it is about: `sale`, `refund`, `chargeback`, `fee`, `reserve` or `adjustment`.
    pub kind: Value,
    /// What the lines of a settlement must come to.
    #[schemars(extend("examples" = ["sum(net) - reserve + adjustments == amount"]))]
    pub equation: Option<Text>,
}

/// Where rows come from: an action that reads page by page, a file below `files`, or a list.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, transform = call)]
#[schemars(transform = exactly_one(&["action", "file", "items"], "rows come from one place: write `action`, `file` or `items`"))]
pub struct RowsFrom {
    /// `connection.action`.
    pub action: Option<ActionName>,
    /// The input of the action.
    pub with: Option<Value>,
    /// A `.csv` or `.jsonl` file, by its path below `files`.
    pub file: Option<Value>,
    /// A list that the run has.
    pub items: Option<Value>,
}

/// How references and names are made alike.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Normalize {
    /// Steps for references; `[upper, alphanumeric]` where nothing is said.
    pub r#ref: Option<Vec<ReferenceStep>>,
    /// Steps for names; `[casefold, sort_words]` where nothing is said.
    pub party: Option<Vec<PartyStep>>,
}

/// A way to read references.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, transform = or_word(&["upper", "alphanumeric", "trim_zeros", "lookalikes"]))]
pub struct ReferenceStep {
    /// Only runs of so many digits say something, where there is one.
    pub embedded_digits: u64,
}

/// A way to make names alike.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum PartyStep {
    /// Small letters without accents.
    Casefold,
    /// Without `Ltd`, `GmbH` and the like.
    DropLegalForm,
    /// Words in the order of the alphabet.
    SortWords,
}

/// A rule: which rows of the left belong to which of the right.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ReconcileRule {
    /// What every match of it says.
    pub name: Text,
    /// What rows have in common: `ref`, `party` or `settlement`; the currency in any case.
    pub by: Option<Texts>,
    /// The side of which there may be several, which a reference ties together: `left` or `right`.
    pub many: Option<Which>,
    /// The side of which some rows sum up to one of the other: only where no other sum is right.
    pub subset_of: Option<Which>,
    /// How many rows a sum has at most; 3 where nothing is said.
    #[schemars(range(min = 2, max = 4))]
    pub items_max: Option<u64>,
    /// From how many rows a sum is chosen at most; 50 where nothing is said.
    #[schemars(range(min = 2, max = 100))]
    pub candidates_max: Option<u64>,
    /// Takes references that are nearly the same.
    pub r#ref: Option<Edits>,
    /// Takes names that are alike.
    pub party: Option<AtLeast>,
    /// How amounts compare; `exact` where nothing is said.
    pub amount: Option<AmountTest>,
    /// From and to how many days a row of the right lies behind the one of the left.
    #[schemars(length(min = 2, max = 2))]
    pub days: Option<Vec<i64>>,
    /// Whether nothing else may fit; so it is without a reference.
    pub unique: Option<bool>,
    /// The account that a difference goes to.
    pub adjust: Option<Text>,
    /// What its matches are.
    pub gives: Gives,
}

/// A side.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Which {
    /// What is expected.
    Left,
    /// What came.
    Right,
}

/// References that are nearly the same.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Edits {
    /// By how many letters they may differ.
    #[schemars(range(min = 1, max = 2))]
    pub edits: u64,
}

/// Names that are alike.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AtLeast {
    /// How alike: 1 is the same. Two digits behind the point.
    #[schemars(extend("type" = "number", "minimum" = 0.5, "maximum" = 1))]
    pub at_least: Json,
}

/// How amounts compare. Where `within` and `percent` are there, both hold.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, transform = or_word(&["exact"]))]
pub struct AmountTest {
    /// What is taken of the left: columns with + and -; `amount` where nothing is said.
    pub left: Option<Text>,
    /// What is taken of the right.
    #[schemars(extend("examples" = ["net + fee"]))]
    pub right: Option<Text>,
    /// How far they may be apart, in major units.
    #[schemars(extend("type" = "number", "minimum" = 0))]
    pub within: Option<Json>,
    /// How far they may be apart, in hundredths of the left.
    #[schemars(extend("type" = "number", "minimum" = 0, "maximum" = 50))]
    pub percent: Option<Json>,
}

/// What the matches of a rule are.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Gives {
    /// Certain enough to be acted on.
    Confirmed,
    /// For a person to say.
    Suggested,
}

/// What reconciliations say of one book: each match, or each row that is left, begins a run.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Reconciled {
    /// The book.
    pub book: Text,
    /// What of it.
    pub of: Settled,
    /// Only exceptions of these reasons.
    pub reasons: Option<Texts>,
    /// Only matches of these rules.
    pub rules: Option<Texts>,
    /// How often it is looked at; every 5 seconds where nothing is said.
    pub every: Option<Interval>,
}

/// What a book has.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Settled {
    /// Matches that a rule, or a person, is sure of.
    Matches,
    /// Matches for a person to say.
    Suggestions,
    /// Rows that are in no match.
    Exceptions,
    /// Rows that a person has written off.
    WriteOffs,
}
