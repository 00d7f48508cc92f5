//! What people do in the vendor's own pages, as an order of the sandbox: one thing an order.
//!
//! - `{"consent": "auto" | "ask"}`: whoever is asked for consent says yes at once, or is shown a page;
//! - `{"revoke_consent": ACCOUNT}`: an account holder withdraws all that he allowed;
//! - `{"trust_application": true}`: the application's own token opens all accounts;
//! - `{"challenge": true}`: the next commit waits for a person; `{"confirm": SESSION}`: he says yes;
//! - `{"payment": {"reference", "status": 0 | 1 | 2 | 3}}`: a payment stands otherwise;
//! - `{"receive": {"amount": "12.50", "currency": "USD", "from": NAME, "account"?}}`: money arrives in an account;
//! - `{"register": {"payee": ID, "approved": true}}`: a registration is decided now;
//! - `{"payout_method": {"payee": ID, "type": "BANK" | "PREPAID_CARD"}}`: a payee wants his money elsewhere.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Payoneer;
use super::accounts::MAIN;
use super::methods::Method;

/// The order's one key, and what it takes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    Consent(Consent),
    RevokeConsent(String),
    TrustApplication(bool),
    Challenge(bool),
    Confirm(String),
    Payment { reference: String, status: u64 },
    Receive { amount: String, currency: String, from: String, account: Option<String> },
    Register { payee: String, approved: bool },
    PayoutMethod { payee: String, r#type: String },
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Consent {
    Auto,
    Ask,
}

impl Payoneer {
    /// Does what a person would.
    ///
    /// # Errors
    /// What is right.
    pub(super) fn ordered(&mut self, order: &Value, now: Timestamp) -> Result<Value, String> {
        let order: Order = serde_json::from_value(order.clone()).map_err(|err| err.to_string())?;
        match order {
            Order::Consent(says) => {
                self.consents.set_automatic(says == Consent::Auto);
                Ok(json!({ "consent": if says == Consent::Auto { "auto" } else { "ask" } }))
            }
            Order::RevokeConsent(account) => Ok(json!({ "revoked": self.consents.withdraw(&account) })),
            Order::TrustApplication(is_trusted) => {
                self.is_trusted = is_trusted;
                Ok(json!({ "trust_application": is_trusted }))
            }
            Order::Challenge(is_asked) => {
                self.quotes.challenge(is_asked);
                Ok(json!({ "challenge": is_asked }))
            }
            Order::Confirm(session) => {
                let is_open = self.quotes.confirm(&session);
                let confirmed = is_open.then(|| json!({ "confirmed": session }));
                confirmed.ok_or_else(|| format!("no payment waits in the session `{session}`"))
            }
            Order::Payment { reference, status } => match self.quotes.set_status(&reference, status, now) {
                None => Err(format!("a payment's status is 0, 1, 2 or 3, not {status}")),
                Some(0) => Err(format!("nothing was committed as `{reference}`")),
                Some(_) => Ok(json!({ "reference": reference, "status": status })),
            },
            Order::Receive { amount, currency, from, account } => {
                self.receive(&amount, &currency, (&from, account.as_deref()), now)
            }
            Order::Register { payee, approved } => {
                let notice = self.registry.decide(&payee, approved, now);
                self.notices.push(notice.ok_or_else(|| format!("there is no payee `{payee}`"))?);
                Ok(json!({ "payee": payee, "approved": approved }))
            }
            Order::PayoutMethod { payee, r#type } => {
                let method = Method::named(&r#type).ok_or("a `type` is `BANK` or `PREPAID_CARD`")?;
                let known =
                    self.registry.payees.get_mut(&payee).ok_or_else(|| format!("there is no payee `{payee}`"))?;
                known.method = method;
                Ok(json!({ "payee": payee, "type": method.name() }))
            }
        }
    }

    fn receive(
        &mut self,
        amount: &str,
        currency: &str,
        (from, account): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<Value, String> {
        let money =
            Decimal::from_str_exact(amount).ok().filter(|amount| *amount > Decimal::ZERO && amount.scale() <= 2);
        let money = money.ok_or_else(|| format!("`amount` is a text such as `\"12.50\"`, not `{amount}`"))?;
        let id = account.unwrap_or(MAIN);
        let account = self.accounts.get_mut(id).ok_or_else(|| format!("there is no account `{id}`"))?;
        match account.receive((crate::wire::cents(money), currency), from, None, now) {
            Some(transaction) => Ok(json!({ "transaction": transaction })),
            None => Err(format!("the account has no balance in `{currency}`")),
        }
    }
}
