//! The vault: customers with a card and, some of them, a checking account.
//!
//! The last four digits of a card decide what becomes of what is done with it, as those of a checking account do:
//!
//! | digits | what happens | customer |
//! |---|---|---|
//! | 0002 | 102, do not honor | `C-DECLINED` |
//! | 9995 | 102, insufficient funds | `C-NO-FUNDS` |
//! | 0069 | 102, expired card | `C-EXPIRED` |
//! | 0127 | 103, approved and voided for its security code | `C-CSC` |
//! | 0107 | 107, its refunds fail | `C-NO-REFUND` |
//! | 0110 | 110, its voids fail | `C-NO-VOID` |
//! | 0113 | 113, its captures fail | `C-NO-CAPTURE` |
//! | 0981 | error 981, its refunds need a permission | `C-NO-PERMISSION` |
//! | 0125 (checking account) | 125, not processed | `C-CHECK-FAILS` |
//!
//! `C-1` to `C-12` can pay with everything.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::asked::{ACCOUNT, Asked, CUSTOMER_ID, DUPLICATE_CUSTOMER, NO_CARD, NO_CUSTOMER, ROUTING, answered, wrong};
use crate::random::Random;
use crate::seed;
use crate::wire::Answer;

/// Those who can pay with everything.
const ORDINARY: usize = 12;

/// Those who cannot do something: id, card and checking account.
const SPECIAL: [(&str, &str, &str); 9] = [
    ("C-DECLINED", "0002", "6789"),
    ("C-NO-FUNDS", "9995", "6789"),
    ("C-EXPIRED", "0069", "6789"),
    ("C-CSC", "0127", "6789"),
    ("C-NO-REFUND", "0107", "6789"),
    ("C-NO-VOID", "0110", "6789"),
    ("C-NO-CAPTURE", "0113", "6789"),
    ("C-NO-PERMISSION", "0981", "6789"),
    ("C-CHECK-FAILS", "5439", "0125"),
];

/// A card, as far as anybody sees it. More of it is never kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Card {
    /// Its last four digits.
    pub(super) last: String,
    /// Its first six digits.
    pub(super) bin: String,
    /// The month and the year of its end.
    pub(super) expires: (String, String),
}

/// A checking account, as far as anybody sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Account {
    /// The last four digits of its number.
    pub(super) last: String,
}

/// A customer of the vault.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    /// Who pays.
    pub(super) name: String,
    /// The card, where there is one.
    pub(super) card: Option<Card>,
    /// The checking account, where there is one.
    pub(super) account: Option<Account>,
    billing: Value,
    email: String,
}

/// All customers by id.
pub(super) type Vault = BTreeMap<String, Customer>;

impl Card {
    /// A card that ends so.
    fn ending(last: &str) -> Self {
        let expires = ("12".to_owned(), "2031".to_owned());
        Self { last: last.to_owned(), bin: "401200".to_owned(), expires }
    }

    /// Reads a card of a request. What is encrypted cannot be read here: its own last four signs stand for the card's,
    /// where they are digits.
    pub(super) fn read(asked: &Asked) -> Option<Self> {
        let number = asked.text("credit_card.number").filter(|number| number.len() >= 12);
        let hidden = asked.text("credit_card.encrypted_number").or_else(|| asked.text("hpf_token"));
        let text = number.clone().or(hidden)?;
        let last = text.get(text.len().saturating_sub(4)..).filter(|last| last.len() == 4);
        let last = last.filter(|last| last.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or("5439");
        let mut card = Self::ending(last);
        card.bin = number.and_then(|number| Some(number.get(..6)?.to_owned())).unwrap_or(card.bin);
        let part = |name: &str, known: String| asked.text(&format!("credit_card.{name}")).unwrap_or(known);
        card.expires = (part("expiration_month", card.expires.0), part("expiration_year", card.expires.1));
        Some(card)
    }

    /// Says its number as the vendor shows it.
    pub(super) fn masked(&self) -> String {
        format!("xxxxxxxxxxxx{}", self.last)
    }
}

impl Account {
    /// Reads a checking account of a request, and says what is wrong with it.
    pub(super) fn read(asked: &mut Asked) -> Option<Self> {
        let number = asked.text("check.account_number").or_else(|| asked.text("check.encrypted_account_number"));
        let routing = asked.text("check.routing_number").or_else(|| asked.text("check.encrypted_routing_number"));
        if number.is_none() {
            asked.wrong(ACCOUNT, "Please provide a valid Checking Account Number.");
        }
        if routing.is_none() {
            asked.wrong(ROUTING, "Please provide a valid Transit Routing Number.");
        }
        routing?;
        let number = number?;
        let last = number.get(number.len().saturating_sub(4)..).unwrap_or("6789").to_owned();
        Some(Self { last })
    }
}

/// The customers of the start.
pub(super) fn start(seed: u64) -> Vault {
    let mut random = Random::of(seed, "paytrace customers");
    let ordinary = (1..=ORDINARY).map(|number| {
        let card = format!("{:04}", 4_000 + random.between(0, 999));
        (format!("C-{number}"), card, "6789".to_owned())
    });
    let special = SPECIAL.map(|(id, card, account)| (id.to_owned(), card.to_owned(), account.to_owned()));
    let all: Vec<_> = ordinary.chain(special).collect();
    let mut person = Random::of(seed, "paytrace persons");
    let customer = |(id, card, account): (String, String, String)| {
        let name = seed::person(&mut person);
        let email = format!("{}@example.com", id.to_lowercase());
        let billing = json!({ "name": name, "street_address": "1 Main Street", "city": "Spokane", "state": "WA", "zip": "99201", "country": "US" });
        let (card, account) = (Some(Card::ending(&card)), Some(Account { last: account }));
        (id, Customer { name, card, account, billing, email })
    };
    all.into_iter().map(customer).collect()
}

/// Finds the customer of a request.
pub(super) fn find<'v>(vault: &'v Vault, asked: &mut Asked) -> Option<(String, &'v Customer)> {
    let id = asked.text("customer_id").unwrap_or_default();
    let found = vault.get(&id);
    if found.is_none() {
        asked.wrong(NO_CUSTOMER, &format!("Customer ID, {id}, was not found or is incomplete."));
    }
    Some((id, found?))
}

/// Makes a customer with this card, or with what the request has.
pub(super) fn create(vault: &mut Vault, mut asked: Asked, card: Option<Card>) -> Result<Answer, Answer> {
    let id = asked.text("customer_id").unwrap_or_default();
    if id.is_empty() {
        asked.wrong(CUSTOMER_ID, "Please provide a customer ID.");
    }
    let card = card.or_else(|| Card::read(&asked));
    let account = if asked.value("check").is_null() { None } else { Account::read(&mut asked) };
    if card.is_none() && account.is_none() {
        asked.wrong(NO_CARD, "Please provide a valid Credit Card Number.");
    }
    if vault.contains_key(&id) {
        asked.wrong(DUPLICATE_CUSTOMER, "Please provide a unique customer ID.");
    }
    asked.check()?;
    let billing = asked.object("billing_address");
    let name = billing["name"].as_str().unwrap_or_default().to_owned();
    let email = asked.text("email").unwrap_or_default();
    let masked = card.as_ref().map(Card::masked).unwrap_or_default();
    let message = format!("The customer profile for {id}/{name} was successfully created");
    vault.insert(id.clone(), Customer { name, card, account, billing, email });
    Ok(answered(true, 160, &message, json!({ "customer_id": id, "masked_card_number": masked })))
}

/// Changes what the request has. Codes 161 and 162 are ours.
pub(super) fn update(vault: &mut Vault, mut asked: Asked) -> Result<Answer, Answer> {
    let found = find(vault, &mut asked).map(|(id, _)| id);
    let card = Card::read(&asked);
    let account = if asked.value("check").is_null() { None } else { Account::read(&mut asked) };
    asked.check()?;
    let wanted = asked.text("new_id");
    let id = found.expect("what was not found is wrong");
    if wanted.as_ref().is_some_and(|new| vault.contains_key(new)) {
        return Err(wrong(DUPLICATE_CUSTOMER, "Please provide a unique customer ID."));
    }
    let mut customer = vault.remove(&id).expect("it was found");
    customer.card = card.or(customer.card);
    customer.account = account.or(customer.account);
    customer.email = asked.text("email").unwrap_or(customer.email);
    if let (Some(known), Value::Object(new)) = (customer.billing.as_object_mut(), asked.object("billing_address")) {
        known.extend(new);
    }
    customer.billing["name"].as_str().unwrap_or_default().clone_into(&mut customer.name);
    let message = format!("The customer profile for {id}/{} was successfully updated.", customer.name);
    let masked = customer.card.as_ref().map(Card::masked).unwrap_or_default();
    let id = wanted.unwrap_or(id);
    vault.insert(id.clone(), customer);
    Ok(answered(true, 161, &message, json!({ "customer_id": id, "masked_card_number": masked })))
}

/// Forgets a customer.
pub(super) fn delete(vault: &mut Vault, mut asked: Asked) -> Result<Answer, Answer> {
    let found = find(vault, &mut asked).map(|(id, customer)| (id, customer.name.clone()));
    asked.check()?;
    let (id, name) = found.expect("what was not found is wrong");
    vault.remove(&id);
    let message = format!("The customer profile for {id}/{name} was successfully deleted");
    Ok(answered(true, 162, &message, json!({ "customer_id": id })))
}

/// Shows one customer, or all of them where the request names none.
pub(super) fn export(vault: &Vault, mut asked: Asked) -> Result<Answer, Answer> {
    let wanted = asked.text("customer_id");
    if wanted.is_some() {
        find(vault, &mut asked);
        asked.check()?;
    }
    let rows = vault.iter().filter(|(id, _)| wanted.as_ref().is_none_or(|wanted| wanted == *id));
    let rows: Vec<Value> = rows.map(|(id, customer)| row(id, customer)).collect();
    Ok(answered(true, 1, "Your request has been successfully completed.", json!({ "customers": rows })))
}

fn row(id: &str, customer: &Customer) -> Value {
    let mut row = json!({
        "customer_id": id,
        "billing_address": customer.billing,
        "shipping_address": {},
        "email": customer.email,
        "phone": "",
        "fax": "",
    });
    if let Some(card) = &customer.card {
        let (month, year) = &card.expires;
        row["credit_card"] =
            json!({ "masked_number": card.masked(), "expiration_month": month, "expiration_year": year });
    }
    if let Some(account) = &customer.account {
        row["check"] = json!({ "masked_account_number": format!("xxxxx{}", account.last) });
    }
    row
}

/// Makes a customer, or gives one another card or account; without either, both are those of an ordinary one.
pub(super) fn put(vault: &mut Vault, id: &str, card: Option<&str>, account: Option<&str>) {
    let (card, account) = (Card::ending(card.unwrap_or("5439")), account.unwrap_or("6789").to_owned());
    let (card, account) = (Some(card), Some(Account { last: account }));
    let known = vault.remove(id);
    let billing = known.as_ref().map_or_else(|| json!({ "name": id }), |known| known.billing.clone());
    let (name, email) = known.map_or_else(|| (id.to_owned(), String::new()), |known| (known.name, known.email));
    vault.insert(id.to_owned(), Customer { name, card, account, billing, email });
}
