//! What a person does in the vendor's own pages.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Paytrace;
use super::customers;
use super::notice::{self, Chargeback};

/// What is right.
pub(super) const ORDERS: &str = "send `{\"settle\": true}`, `{\"settle_hour\": 20}`, `{\"chargeback\": {\"transaction_id\": 392483066, \
                      \"reason\": \"…\"}}` or `{\"customer\": {\"customer_id\": \"C-99\", \"card\": \"0002\", \"account\": \"6789\"}}`";

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Order {
    settle: bool,
    settle_hour: Option<i8>,
    chargeback: Option<ChargebackOrder>,
    customer: Option<CustomerOrder>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargebackOrder {
    transaction_id: u64,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerOrder {
    customer_id: String,
    #[serde(default)]
    card: Option<String>,
    #[serde(default)]
    account: Option<String>,
}

/// Does the one thing that is ordered.
///
/// # Errors
/// What is right.
pub(super) fn carry_out(paytrace: &mut Paytrace, order: Order, now: Timestamp) -> Result<Value, String> {
    match order {
        Order { settle: true, settle_hour: None, chargeback: None, customer: None } => {
            let batch = paytrace.close_batch(now);
            Ok(json!({ "batch_number": batch }))
        }
        Order { settle: false, settle_hour: Some(hour), chargeback: None, customer: None } => {
            if !(0..24).contains(&hour) {
                return Err("`settle_hour` is from 0 to 23".to_owned());
            }
            paytrace.settle_at(hour, now);
            Ok(json!({ "settle_hour": hour }))
        }
        Order { settle: false, settle_hour: None, chargeback: Some(order), customer: None } => {
            chargeback(paytrace, order, now)
        }
        Order { settle: false, settle_hour: None, chargeback: None, customer: Some(order) } => {
            let CustomerOrder { customer_id, card, account } = order;
            let digits = |text: &Option<String>| {
                text.as_ref().is_none_or(|text| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()))
            };
            if !digits(&card) || !digits(&account) {
                return Err("`card` and `account` are the last four digits, such as `\"0002\"`".to_owned());
            }
            customers::put(&mut paytrace.vault, &customer_id, card.as_deref(), account.as_deref());
            Ok(json!({ "customer_id": customer_id }))
        }
        _ => Err(ORDERS.to_owned()),
    }
}

fn chargeback(paytrace: &mut Paytrace, order: ChargebackOrder, now: Timestamp) -> Result<Value, String> {
    let ChargebackOrder { transaction_id, reason } = order;
    let one = paytrace.book.get(transaction_id).ok_or_else(|| format!("there is no transaction {transaction_id}"))?;
    if one.settled.is_none() {
        return Err(format!("transaction {transaction_id} is not settled, so nobody can want its money back"));
    }
    let reason = reason.unwrap_or_else(|| "Cardholder does not recognize the transaction".to_owned());
    let chargeback = Chargeback { id: paytrace.chargebacks.len() as u64 + 1, reason };
    let notice = notice::chargeback_opened(&chargeback, one, now);
    let shown = notice.body["data"].clone();
    paytrace.tell(notice);
    paytrace.chargebacks.push(shown.clone());
    Ok(shown)
}
