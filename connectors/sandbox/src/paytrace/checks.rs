//! Checks (ACH): what is done with checking accounts. They settle with the cards.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::asked::{Asked, CHECK, NOT_SETTLED, answered, wrong};
use super::customers::{self, Account, Vault};
use crate::wire::{self, Answer};

const NO_CHECK: &str =
    "The Check ID that you have provided was not found in the PayTrace records. It may already be voided or settled.";

/// What a check is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Sale,
    Hold,
    Refund,
}

/// How far a check is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Processed,
    Voided,
    Failed,
}

#[derive(Clone, Debug)]
struct Check {
    kind: Kind,
    state: State,
    amount: Decimal,
    customer_id: String,
    account: Account,
    invoice_id: String,
    created: Timestamp,
    settled: Option<Timestamp>,
}

/// All checks.
#[derive(Debug)]
pub(super) struct Checks {
    checks: BTreeMap<u64, Check>,
    next: u64,
}

impl Default for Checks {
    fn default() -> Self {
        Self { checks: BTreeMap::new(), next: 981_619 }
    }
}

impl Checks {
    /// Answers `checks/…`; nothing where there is no such path.
    pub(super) fn answer(
        &mut self,
        path: &[&str],
        (vault, asked): (&Vault, Asked),
        now: Timestamp,
    ) -> Option<Result<Answer, Answer>> {
        match path {
            ["sale", way] if is_way(way) => Some(self.add((Kind::Sale, way), vault, asked, now)),
            ["hold", way] if is_way(way) => Some(self.add((Kind::Hold, way), vault, asked, now)),
            ["refund", way] if is_way(way) => Some(self.refund(way, vault, asked, now)),
            ["manage", "fund"] => Some(self.fund(asked)),
            ["manage", "void"] => Some(self.void(asked)),
            _ => None,
        }
    }

    /// Settles what was made before.
    pub(super) fn settle(&mut self, at: Timestamp) {
        let is_due = |one: &&mut Check| one.state == State::Processed && one.kind != Kind::Hold && one.created <= at;
        for one in self.checks.values_mut().filter(is_due) {
            one.settled.get_or_insert(at);
        }
    }

    /// Says each check, for the ledger.
    pub(super) fn standings(&self) -> Value {
        let row = |(id, check): (&u64, &Check)| {
            json!({
                "check_transaction_id": id,
                "kind": format!("{:?}", check.kind).to_lowercase(),
                "state": format!("{:?}", check.state).to_lowercase(),
                "amount": check.amount.to_string(),
                "invoice_id": check.invoice_id,
                "settled": check.settled,
            })
        };
        self.checks.iter().map(row).collect()
    }

    fn add(
        &mut self,
        (kind, way): (Kind, &str),
        vault: &Vault,
        mut asked: Asked,
        now: Timestamp,
    ) -> Result<Answer, Answer> {
        let amount = asked.amount();
        let payer = self.payer(way, vault, &mut asked);
        asked.check()?;
        let ((customer_id, account), amount) = payer.zip(amount).expect("what is missing is wrong");
        let fails = account.last == "0125";
        let state = if fails { State::Failed } else { State::Processed };
        let invoice_id = asked.text("invoice_id").unwrap_or_default();
        let (created, settled) = (now, None);
        let id = self.next;
        self.next += 1;
        self.checks.insert(id, Check { kind, state, amount, customer_id, account, invoice_id, created, settled });
        if fails {
            let rest = json!({ "check_transaction_id": id, "ach_code": 0, "ach_message": "" });
            return Ok(answered(false, 125, "Your check was NOT successfully processed.", rest));
        }
        let (code, message) = match kind {
            Kind::Sale | Kind::Hold => (120, "Your check was successfully processed."),
            Kind::Refund => (122, "Your check was successfully refunded."),
        };
        Ok(answered(true, code, message, json!({ "check_transaction_id": id })))
    }

    fn refund(&mut self, way: &str, vault: &Vault, mut asked: Asked, now: Timestamp) -> Result<Answer, Answer> {
        if way == "by_transaction" {
            let found = self.find(&mut asked).map(|(_, check)| check.clone());
            asked.check()?;
            let is_paid = |check: &Check| check.kind == Kind::Sale && check.state == State::Processed;
            let check = found.filter(is_paid).ok_or_else(|| wrong(CHECK, NO_CHECK))?;
            if check.settled.is_none() {
                let message = "The check that you wish to refund has not been settled yet. Please void it instead.";
                return Err(wrong(NOT_SETTLED, message));
            }
            if asked.value("amount").is_null() {
                asked = asked.with("amount", &wire::cents(check.amount).to_string());
            }
        }
        self.add((Kind::Refund, way), vault, asked, now)
    }

    fn payer(&self, way: &str, vault: &Vault, asked: &mut Asked) -> Option<(String, Account)> {
        match way {
            "by_customer" => {
                let (id, customer) = customers::find(vault, asked)?;
                let account = customer.account.clone().or_else(|| Account::read(asked))?;
                Some((id, account))
            }
            "by_transaction" => {
                let (_, check) = self.find(asked)?;
                Some((check.customer_id.clone(), check.account.clone()))
            }
            _ => Some((asked.text("customer_id").unwrap_or_default(), Account::read(asked)?)),
        }
    }

    fn fund(&mut self, mut asked: Asked) -> Result<Answer, Answer> {
        let amount = asked.optional_amount();
        self.manage(asked, |check| {
            check.kind = Kind::Sale;
            check.amount = amount.unwrap_or(check.amount);
        })
    }

    fn void(&mut self, asked: Asked) -> Result<Answer, Answer> {
        self.manage(asked, |check| check.state = State::Voided)
    }

    fn manage(&mut self, mut asked: Asked, change: impl FnOnce(&mut Check)) -> Result<Answer, Answer> {
        let found = self.find(&mut asked).map(|(id, _)| id);
        asked.check()?;
        let id = found.expect("what was not found is wrong");
        let is_open = |check: &&mut Check| check.state == State::Processed && check.settled.is_none();
        let check = self.checks.get_mut(&id).filter(is_open).ok_or_else(|| wrong(CHECK, NO_CHECK))?;
        change(check);
        Ok(answered(true, 124, "Your check was successfully managed.", json!({ "check_transaction_id": id })))
    }

    fn find(&self, asked: &mut Asked) -> Option<(u64, &Check)> {
        let id = asked.id("check_transaction_id").unwrap_or_default();
        let found = self.checks.get(&id);
        if found.is_none() {
            asked.wrong(CHECK, NO_CHECK);
        }
        Some((id, found?))
    }
}

fn is_way(way: &str) -> bool {
    ["by_account", "by_customer", "by_transaction"].contains(&way)
}
