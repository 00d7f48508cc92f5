//! What a replay would do, for each dead letter and in sum.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    engine::{Fate, Foreseen},
    render,
    store::DeadLetter,
};

/// The answer of `ferry dlq replay --preflight --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PreflightReport {
    /// Each dead letter, the oldest first.
    pub entries: Vec<Entry>,
    /// In sum, without those that are refused.
    pub sums: Vec<Sum>,
}

/// One dead letter.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Entry {
    /// The run.
    pub run: String,
    /// The pipeline.
    pub pipeline: String,
    /// The business key.
    pub event_key: String,
    /// What it would come to: its writes, and where it waits or fails.
    pub steps: Vec<Foreseen>,
    /// Why it is not replayed.
    pub refused: Option<String>,
}

/// All writes that have one fate.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Sum {
    /// What would become of them.
    pub fate: Fate,
    /// How many.
    pub count: usize,
    /// Their money by currency, as exact decimals.
    pub money: BTreeMap<String, String>,
    /// How many of them are not known before they run, so that their money is not in the sum.
    pub not_known: usize,
}

impl Entry {
    /// A dead letter of which nothing is foreseen yet.
    pub(super) fn of(letter: &DeadLetter) -> Self {
        let (run, pipeline) = (letter.run.to_string(), letter.pipeline.clone());
        Self { run, pipeline, event_key: letter.event_key.clone(), steps: Vec::new(), refused: None }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        if let Some(refused) = &self.refused {
            let why = format!("not replayed: {refused}");
            return vec![vec![
                self.run.clone(),
                self.event_key.clone(),
                String::new(),
                String::new(),
                why,
                String::new(),
            ]];
        }
        self.steps.iter().map(|step| self.row(step)).collect()
    }

    fn row(&self, step: &Foreseen) -> Vec<String> {
        let (fate, money) = (step.in_words(), step.money_in_words().to_owned());
        vec![self.run.clone(), self.event_key.clone(), step.step.clone(), step.call.clone(), fate, money]
    }
}

impl PreflightReport {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        let steps = || entries.iter().filter(|entry| entry.refused.is_none()).flat_map(|entry| &entry.steps);
        let sums = Fate::ALL.into_iter().filter_map(|fate| sum(fate, steps().filter(|step| step.fate == fate)));
        let sums = sums.collect();
        Self { entries, sums }
    }

    pub(super) fn human(&self) -> String {
        let header = ["RUN", "EVENT", "STEP", "CALL", "WHAT", "MONEY"];
        let rows = self.entries.iter().flat_map(Entry::rows).collect();
        let refused = self.entries.iter().filter(|entry| entry.refused.is_some()).count();
        let mut text = render::table(&header, rows);
        text += &format!("{} dead letters, {refused} of them not replayed\n", self.entries.len());
        for Sum { fate, count, money, not_known } in &self.sums {
            let mut parts: Vec<String> = money.iter().map(|(code, amount)| format!("{amount} {code}")).collect();
            if *not_known > 0 {
                parts.push(format!("{not_known} not known before they run"));
            }
            let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
            text += &format!("  {} {}{parts}\n", count, fate.in_words());
        }
        text
    }
}

fn sum<'a>(fate: Fate, steps: impl Iterator<Item = &'a Foreseen>) -> Option<Sum> {
    let steps: Vec<&Foreseen> = steps.collect();
    let not_known = steps.iter().filter(|step| !step.is_known).count();
    let money = Foreseen::sums(steps.iter().copied());
    let money = money.into_iter().map(|(code, amount)| (code.to_owned(), amount.to_string())).collect();
    (!steps.is_empty()).then_some(Sum { fate, count: steps.len(), money, not_known })
}
