//! Payments out of an account: a quote, which books nothing, and its commit, which does.
//!
//! Shapes: vendors.md, section 1.6. A quote can be committed for five minutes. A debit is completed at once; a withdrawal is
//! in progress for a while, and the bank may refuse it. What a second commit does is not published: it is refused here, or
//! paid once more where the faults say so. Numbers of 105xx are ours.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::accounts::{Account, Accounts};
use super::quote::{Challenge, Kind, Quote, State, read};
use super::{failure, result};
use crate::faults::Duplicates;
use crate::random::Random;
use crate::system::Context;
use crate::wire::{self, Answer};
use crate::{clock, limits};

/// The shortest and the longest way of a withdrawal to its bank, in sandbox time.
const WITHDRAWAL_MS: (u64, u64) = (10 * 60_000, 40 * 60_000);

/// One withdrawal in so many is refused by the bank.
const BANK_FAILS_ONE_IN: u32 = 20;

const EXPIRED: u32 = 10501;
const INSUFFICIENT: u32 = 10502;
const EXISTS: u32 = 10304;
const NOT_FOUND: u32 = 2306;

/// All quotes and payments.
#[derive(Debug)]
pub(super) struct Quotes {
    seed: u64,
    random: Random,
    quotes: BTreeMap<String, Quote>,
    /// The quotes of a reference, in their order.
    by_reference: BTreeMap<(String, String), Vec<String>>,
    is_challenged: bool,
    refused: usize,
}

impl Quotes {
    /// Starts with none.
    pub(super) fn new(seed: u64) -> Self {
        let random = Random::of(seed, "quotes");
        Self { seed, random, quotes: BTreeMap::new(), by_reference: BTreeMap::new(), is_challenged: false, refused: 0 }
    }

    /// Makes a quote, whatever its reference.
    pub(super) fn quote(
        &mut self,
        (account, balance): (&mut Account, &str),
        kind: Kind,
        body: &Value,
        now: Timestamp,
    ) -> Result<Answer, Answer> {
        let none = || failure(StatusCode::NOT_FOUND, NOT_FOUND, "Balance not found");
        let own = account.balances.iter().find(|own| own.id == balance).ok_or_else(none)?;
        let quote = read((account, own.id.clone(), own.currency), kind, body, now)?;
        let commit_id = format!("{:016x}", self.random.draw());
        let answer = quote.offer(&commit_id);
        let same = self.by_reference.entry((account.id.clone(), quote.reference.clone())).or_default();
        same.push(commit_id.clone());
        self.quotes.insert(commit_id, quote);
        Ok(result(&answer))
    }

    /// Pays what was quoted.
    pub(super) fn commit(&mut self, account: &mut Account, commit_id: &str, cx: Context) -> Result<Answer, Answer> {
        let none = || failure(StatusCode::NOT_FOUND, NOT_FOUND, "Payment not found");
        let quote = self.quotes.get(commit_id).filter(|quote| quote.account == account.id).ok_or_else(none)?;
        let bad = |sub_code, text| Err(failure(StatusCode::BAD_REQUEST, sub_code, text));
        if self.is_committed(quote) && cx.duplicates == Duplicates::Refuse {
            self.refused += 1;
            return bad(EXISTS, "Payment already exists");
        }
        if quote.committed.is_empty() && quote.expires() <= cx.now {
            return bad(EXPIRED, "The quote has expired");
        }
        let balance = account.balance_mut(&quote.balance).expect("it was quoted");
        if balance.available < quote.charged.amount {
            return bad(INSUFFICIENT, "Insufficient funds");
        }
        let ends_at = clock::add_ms(cx.now, self.fate(&quote.reference).0);
        let asked = self.is_challenged && quote.challenge == Challenge::None;
        let session = format!("{:016x}", self.random.draw());
        let quote = self.quotes.get_mut(commit_id).expect("it is there");
        if asked {
            self.is_challenged = false;
            quote.challenge = Challenge::Open(session);
        }
        if let Challenge::Open(session) = &quote.challenge {
            return Err(challenged(session, cx.now));
        }
        balance.available -= quote.charged.amount;
        balance.updated = cx.now;
        quote.committed.push(cx.now);
        quote.state = if quote.kind == Kind::Debit { State::Completed } else { State::InProgress(ends_at) };
        account.add(quote.transaction((account.company, commit_id), cx.now));
        Ok(result(&quote.payment(commit_id)))
    }

    /// Says what became of a reference; a commit counts more than a quote.
    pub(super) fn status(&self, account: &str, reference: &str) -> Result<Answer, Answer> {
        let same = self.by_reference.get(&(account.to_owned(), reference.to_owned()));
        let mut same = same.into_iter().flatten().rev().map(|id| (id, &self.quotes[id]));
        let last = same.clone().next();
        let found = same.find(|(_, quote)| !quote.committed.is_empty()).or(last);
        let none = || failure(StatusCode::NOT_FOUND, NOT_FOUND, "Payment not found");
        found.map(|(id, quote)| result(&quote.standing(id))).ok_or_else(none)
    }

    /// Ends each withdrawal whose time has come.
    pub(super) fn settle(&mut self, accounts: &mut Accounts, now: Timestamp) {
        let seed = self.seed;
        for quote in self.quotes.values_mut() {
            let State::InProgress(ends_at) = quote.state else { continue };
            if ends_at > now {
                continue;
            }
            let is_refused = fate(seed, &quote.reference).1;
            quote.state = if is_refused { State::Cancelled } else { State::Completed };
            let account = accounts.get_mut(&quote.account).filter(|_| is_refused);
            if let Some(balance) = account.and_then(|account| account.balance_mut(&quote.balance)) {
                balance.available += quote.charged.amount;
                balance.updated = ends_at;
            }
        }
    }

    /// Says whether a person is asked before the next commit.
    pub(super) fn challenge(&mut self, is_asked: bool) {
        self.is_challenged = is_asked;
    }

    /// Lets the commit pass that a person was asked about; says whether there is one.
    pub(super) fn confirm(&mut self, session: &str) -> bool {
        let open = Challenge::Open(session.to_owned());
        let found = self.quotes.values_mut().find(|quote| quote.challenge == open);
        found.map(|quote| quote.challenge = Challenge::Passed).is_some()
    }

    /// Sets the status of all payments of a reference; says how many there are.
    pub(super) fn set_status(&mut self, reference: &str, status: u64, now: Timestamp) -> Option<usize> {
        let state = match status {
            0 => State::Unknown,
            1 => State::InProgress(clock::add_ms(now, WITHDRAWAL_MS.1)),
            2 => State::Completed,
            3 => State::Cancelled,
            _ => return None,
        };
        let own = |quote: &&mut Quote| quote.reference == reference && !quote.committed.is_empty();
        Some(self.quotes.values_mut().filter(own).map(|quote| quote.state = state).count())
    }

    /// Says each reference that was committed, and how often; `Null` where none was.
    pub(super) fn ledger(&self) -> Value {
        let row = |((account, reference), ids): (&(String, String), &Vec<String>)| {
            let own: Vec<&Quote> = ids.iter().map(|id| &self.quotes[id]).collect();
            let times: usize = own.iter().map(|quote| quote.committed.len()).sum();
            let last = own.iter().rev().find(|quote| !quote.committed.is_empty())?;
            Some(json!({
                "account_id": account,
                "reference": reference,
                "charged": wire::cents(last.charged.amount).to_string(),
                "currency": last.charged.currency,
                "status": last.state.words().1,
                "committed": times,
            }))
        };
        self.by_reference.iter().filter_map(row).collect()
    }

    /// Says how many commits were refused because they were done already.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    /// Whether this, or another one of its reference, was committed.
    fn is_committed(&self, quote: &Quote) -> bool {
        let same = self.by_reference.get(&(quote.account.clone(), quote.reference.clone()));
        same.into_iter().flatten().any(|id| !self.quotes[id].committed.is_empty())
    }

    fn fate(&self, reference: &str) -> (u64, bool) {
        fate(self.seed, reference)
    }
}

/// How long a withdrawal is on its way, and whether the bank refuses it in the end.
fn fate(seed: u64, reference: &str) -> (u64, bool) {
    let mut random = Random::of(seed, &format!("payment/{reference}"));
    let (shortest, longest) = WITHDRAWAL_MS;
    (random.between(shortest, longest), random.hits(BANK_FAILS_ONE_IN))
}

/// Source: vendors.md, section 1.3.
fn challenged(session: &str, now: Timestamp) -> Answer {
    let body = json!({
        "error": "challenge_required",
        "error_description": "The account holder must confirm the payment",
        "error_details": { "code": 1803 },
        "challenge": {
            "type": "mfa",
            "expires_at": clock::seconds_text(clock::add_ms(now, limits::PAYONEER_QUOTE_S * 1_000)),
            "session_id": session,
            "url": format!("https://login.sandbox.payoneer.com/challenge/{session}"),
        },
    });
    Answer::json(StatusCode::FORBIDDEN, body)
}
