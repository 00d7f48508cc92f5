//! What would become of a write: one answer, whoever asks.

use std::collections::BTreeMap;

use ferry_contract::money::Money;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What would become of a step.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It would be sent.
    Send,
    /// It was done: it is skipped by its key.
    Done,
    /// Something else was done in its place, and it is not sent any more.
    Instead,
    /// It may have arrived: the target is asked first.
    LookUp,
    /// It may have arrived, and nothing can tell: a person decides.
    Park,
    /// What it needs is not there, such as its money: it goes on by itself when that is.
    Held,
    /// It would not be sent: it was done, or may have been, with another content, or the preflight says no.
    Refused,
    /// The step fails before anything is sent, or what it reads does.
    Fails,
    /// The run waits here.
    Waits,
}

/// One step that a run would come to.
#[derive(Clone, Debug, Deserialize, Serialize, schemars::JsonSchema)]
pub struct Foreseen {
    /// The step, with the item's key.
    pub step: String,
    /// Its connection and action; empty where it calls none.
    pub call: String,
    /// What would become of it.
    pub fate: Fate,
    /// Why.
    pub why: Option<String>,
    /// The name of the call, for ever.
    pub key: Option<String>,
    /// The money that it moves, such as `50.00 EUR`.
    pub money: Option<String>,
    /// The same, to add up.
    #[serde(skip)]
    pub amount: Option<Money>,
    /// Whether its input is known before it runs.
    pub is_known: bool,
}

impl Fate {
    /// All fates, in the order in which they are told.
    pub const ALL: [Self; 9] = [
        Self::Send,
        Self::Done,
        Self::Instead,
        Self::LookUp,
        Self::Park,
        Self::Held,
        Self::Refused,
        Self::Fails,
        Self::Waits,
    ];

    /// In words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Send => "would be sent",
            Self::Done => "done: skipped by its key",
            Self::Instead => "not sent any more",
            Self::LookUp => "unknown: looked up first",
            Self::Park => "unknown: a person decides",
            Self::Held => "held",
            Self::Refused => "would not be sent",
            Self::Fails => "would fail",
            Self::Waits => "waits",
        }
    }
}

impl Foreseen {
    /// What would become of it in words, and why.
    pub fn in_words(&self) -> String {
        let why = self.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        format!("{}{why}", self.fate.in_words())
    }

    /// The money that it moves in words, or that this is not known yet.
    pub fn money_in_words(&self) -> &str {
        let unknown = if self.is_known { "" } else { "not known before it runs" };
        self.money.as_deref().unwrap_or(unknown)
    }

    /// The money that steps move, by currency.
    pub fn sums<'a>(steps: impl IntoIterator<Item = &'a Self>) -> BTreeMap<&'static str, Decimal> {
        let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
        for money in steps.into_iter().filter_map(|step| step.amount) {
            let sum = sums.entry(money.currency()).or_default();
            *sum = sum.saturating_add(money.amount());
        }
        sums
    }
}
