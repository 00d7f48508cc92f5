//! The statement at the end: what came in, what went out, and nothing unexplained.

use std::{collections::BTreeMap, time::Duration};

use ferry_core::run::State;
use rust_decimal::Decimal;
use serde_json::Value;

use super::books::{Account, Books};

/// What the demo did.
pub(super) struct Facts {
    pub(super) seed: u64,
    /// Payoneer's balance before.
    pub(super) opening: Decimal,
    /// What was added.
    pub(super) deposit: Decimal,
    pub(super) kills: u32,
    pub(super) took: Duration,
    /// The faults with their hits.
    pub(super) hits: Value,
}

/// A statement, and whether it balances.
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) balanced: bool,
}

/// Where a request ended, when all sides agree.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum End {
    Paid,
    Held,
    DeadLettered,
}

/// What all sides say together; an error where they disagree.
fn judge(account: &Account) -> Result<End, String> {
    let state = account.run.as_ref().map_or("no run", |run| run.state.as_str());
    let booked = account.payout.as_ref().map_or(0, |payout| payout.booked);
    if booked > 1 {
        return Err(format!("Payoneer booked it {booked} times"));
    }
    match (state, &account.payout, &account.transaction) {
        (state, Some(payout), Some(transaction)) if state == State::Finished.name() => {
            let amounts = payout.amount == account.amount && transaction.amount == account.amount;
            let ids = !payout.payout_id.is_empty() && transaction.payout_id == payout.payout_id;
            let statuses = payout.status == "Transferred"
                && transaction.status == "Completed"
                && account.request_status == "Completed";
            if amounts && ids && statuses { Ok(End::Paid) } else { Err("paid, but the sides differ".to_owned()) }
        }
        (state, None, None) if state == State::Held.name() => Ok(End::Held),
        (state, None, None) if state == State::DeadLettered.name() => told(account, "Needs Correction"),
        (state, Some(payout), Some(_)) if state == State::DeadLettered.name() && payout.status == "Cancelled" => {
            told(account, "Cancelled")
        }
        (state, payout, transaction) => {
            let payout = payout.as_ref().map_or("nothing", |payout| payout.status.as_str());
            let transaction = transaction.as_ref().map_or("nothing", |transaction| transaction.status.as_str());
            Err(format!("ferry says {state}, Payoneer {payout}, Salesforce {transaction}"))
        }
    }
}

/// A dead letter counts only with a reason, and once Salesforce knows.
fn told(account: &Account, status: &str) -> Result<End, String> {
    match &account.dead_letter {
        None => Err("a dead letter without a reason".to_owned()),
        Some(_) if account.request_status != status => Err(format!("Salesforce says {}", account.request_status)),
        Some(_) => Ok(End::DeadLettered),
    }
}

/// Writes the statement.
pub(super) fn write(books: &Books, facts: &Facts) -> Statement {
    let judged: Vec<(&Account, Result<End, String>)> =
        books.accounts.iter().map(|account| (account, judge(account))).collect();
    let of = |end: End| judged.iter().filter(move |(_, judged)| *judged == Ok(end)).map(|(account, _)| *account);
    let unexplained: Vec<_> =
        judged.iter().filter_map(|(account, judged)| Some((*account, judged.as_ref().err()?))).collect();
    let twice =
        books.accounts.iter().filter(|account| account.payout.as_ref().is_some_and(|payout| payout.booked > 1)).count();
    let paid: Decimal = of(End::Paid).map(|account| account.amount).sum();
    let closing = facts.opening + facts.deposit - paid;
    let cash = closing == books.closing;
    let balanced = unexplained.is_empty() && books.strangers.is_empty() && twice == 0 && cash;

    let mut text = format!("\nferry demo, seed {}: {} approved payment requests\n\n", facts.seed, books.accounts.len());
    text += &format!("{:<26}{:>9}{:>18}\n", "", "requests", "USD");
    text += &row("approved", books.accounts.iter());
    text += &row("  paid once", of(End::Paid));
    text += &row("  held for funds", of(End::Held));
    text += &row("  dead-lettered", of(End::DeadLettered));
    text += &row("  unexplained", unexplained.iter().map(|(account, _)| *account));
    text += &format!("{:<26}{twice:>9}\n\n", "paid twice");
    text += &reasons(of(End::DeadLettered));
    text += &format!(
        "Payoneer's balance: {:.2} + {:.2} deposited - {paid:.2} paid = {closing:.2}; Payoneer says {:.2}\n",
        facts.opening, facts.deposit, books.closing
    );
    text += &format!("faults made: {}; worker killed with SIGKILL {} times\n", faults(&facts.hits), facts.kills);
    for (account, why) in &unexplained {
        text += &format!("UNEXPLAINED {} {} USD: {why}\n", account.id, account.amount);
    }
    for reference in &books.strangers {
        text += &format!("UNEXPLAINED payout {reference}: nobody approved it\n");
    }
    let verdict = if balanced { "balanced" } else { "NOT BALANCED" };
    text += &format!("{verdict} in {}.{} s\n", facts.took.as_secs(), facts.took.subsec_millis() / 100);
    Statement { text, balanced }
}

fn row<'a>(name: &str, accounts: impl Iterator<Item = &'a Account>) -> String {
    let (count, sum) = accounts.fold((0, Decimal::ZERO), |(count, sum), account| (count + 1, sum + account.amount));
    format!("{name:<26}{count:>9}{sum:>18.2}\n")
}

/// Dead letters by step and class, with one cause as an example.
fn reasons<'a>(accounts: impl Iterator<Item = &'a Account>) -> String {
    let mut groups: BTreeMap<(String, String), (usize, Decimal, String)> = BTreeMap::new();
    for account in accounts {
        let Some(letter) = &account.dead_letter else { continue };
        let group = groups.entry((letter.class.clone(), letter.step.clone()));
        let group = group.or_insert_with(|| (0, Decimal::ZERO, letter.message.clone()));
        group.0 += 1;
        group.1 += account.amount;
    }
    let line = |((class, step), (count, sum, cause)): (&(String, String), &(usize, Decimal, String))| {
        format!("  {count:>3} {class:<10} at {step:<12}{sum:>14.2}  such as: {cause}\n")
    };
    let lines: String = groups.iter().map(line).collect();
    format!("dead letters, each with its reason and its original event:\n{lines}\n")
}

fn faults(hits: &Value) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for rule in hits["rules"].as_array().into_iter().flatten() {
        *counts.entry(rule["fault"].as_str().unwrap_or("?")).or_default() += rule["hits"].as_u64().unwrap_or(0);
    }
    let counts: Vec<String> =
        counts.iter().map(|(fault, hits)| format!("{hits} {}", fault.replace('_', " "))).collect();
    counts.join(", ")
}
