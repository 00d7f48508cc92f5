//! The v4 API of an account, for those who have its holder's consent.
//!
//! Shapes: vendors.md, section 1.6. The application's own token opens no account, unless somebody has ordered that.

use axum::http::StatusCode;
use serde_json::Value;

use super::accounts::{Account, MAIN};
use super::quote::Kind;
use super::{Caller, Payoneer, activity, body_of, failure, nothing_here};
use crate::system::Context;
use crate::wire::{Answer, Request};

impl Payoneer {
    /// Answers a request for an account.
    pub(super) fn account(
        &mut self,
        id: &str,
        path: &[&str],
        request: &Request,
        cx: Context,
    ) -> Result<Answer, Answer> {
        let may = match self.caller(request, cx.now)? {
            Caller::Holder(own) => own == id,
            Caller::Application => self.is_trusted,
        };
        let wrong = || failure(StatusCode::UNAUTHORIZED, 4012, "The access token is not valid for this account");
        let account = self.accounts.get_mut(id).filter(|_| may).ok_or_else(wrong)?;
        if let Some(answer) = activity::answer(account, path, request, cx.now) {
            return answer;
        }
        match (request.method.as_str(), path) {
            ("POST", ["balances", balance, "payments", "debit"]) => {
                self.quotes.quote((account, balance), Kind::Debit, &body_of(request)?, cx.now)
            }
            ("POST", ["balances", balance, "payments", "withdraw"]) => {
                self.quotes.quote((account, balance), Kind::Withdraw, &body_of(request)?, cx.now)
            }
            ("PUT", ["payments", commit_id]) => self.quotes.commit(account, commit_id, cx),
            ("GET", ["payments", reference]) => match request.parameter("type") {
                Some("client_reference_id") => self.quotes.status(id, reference),
                _ => Err(failure(StatusCode::BAD_REQUEST, 1000, "`type` must be `client_reference_id`")),
            },
            _ => Err(nothing_here(request)),
        }
    }

    /// The paths that the customer's brief names. They have neither program nor account in them: it is the one program, and
    /// the account of whoever asks, or the main one where that is the application.
    pub(super) fn brief(&mut self, path: &[&str], request: &Request, cx: Context) -> Result<Answer, Answer> {
        let id = match self.caller(request, cx.now)? {
            Caller::Holder(own) => own.to_owned(),
            Caller::Application => MAIN.to_owned(),
        };
        let account: &Account = self.accounts.get(&id).expect("a consent is for an account");
        match (request.method.as_str(), path) {
            ("POST", ["masspayouts"]) => self.mass_payout(request, cx),
            ("GET", ["payouts", name, "status"]) => {
                let reference = self.book.reference_of(name).unwrap_or(name).to_owned();
                self.payout_status(&reference, cx)
            }
            ("GET", ["accounts", "balances"]) => read(account, &["balances"], request, cx),
            ("GET", ["transactions"]) => read(account, &["transactions"], request, cx),
            ("GET", ["transactions", number, "details"]) => read(account, &["transactions", number], request, cx),
            ("POST", ["payment-requests"]) => {
                let body: Value = body_of(request)?;
                self.requests.add(&id, &body, cx)
            }
            ("GET", ["payment-requests", reference]) => self.requests.status(&id, reference),
            _ => Err(nothing_here(request)),
        }
    }
}

fn read(account: &Account, path: &[&str], request: &Request, cx: Context) -> Result<Answer, Answer> {
    activity::answer(account, path, request, cx.now).unwrap_or_else(|| Err(nothing_here(request)))
}
