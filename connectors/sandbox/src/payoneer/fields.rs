//! The fields of a body, and one error for each that is wrong.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::refused;
use crate::wire::{self, Answer};

const REQUIRED: u32 = 1001;
const AMOUNT: u32 = 10021;
const REFERENCE: u32 = 10303;

/// The most that one payment may be: 1,000,000,000.00.
const AMOUNT_MAX: Decimal = Decimal::from_parts(1_215_752_192, 23, 0, false, 2);

/// A body that is being read.
pub(super) struct Fields<'a> {
    body: &'a Value,
    errors: Vec<Value>,
}

impl<'a> Fields<'a> {
    /// Nothing is wrong yet.
    pub(super) fn new(body: &'a Value) -> Self {
        Self { body, errors: Vec::new() }
    }

    /// Reads a text that must be there; its name may lead inwards, as `to.id` does.
    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        let text = self.get(name).as_str().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.wrong(name, REQUIRED, &format!("{name} is required, as text"));
        }
        text
    }

    /// Reads the client's name of something.
    pub(super) fn reference(&mut self, name: &str) -> Option<&'a str> {
        let reference = self.text(name)?;
        if super::orders::is_reference(reference) {
            return Some(reference);
        }
        self.wrong(name, REFERENCE, "A reference has at most 36 of A-Z, a-z, 0-9, _ and -");
        None
    }

    /// Reads an amount above zero.
    pub(super) fn amount(&mut self, name: &str) -> Option<Decimal> {
        let amount = wire::decimal(self.get(name)).map(|amount| amount.normalize());
        let fits = |amount: &Decimal| *amount > Decimal::ZERO && amount.scale() <= 2 && *amount <= AMOUNT_MAX;
        let amount = amount.filter(fits).map(wire::cents);
        if amount.is_none() {
            self.wrong(name, AMOUNT, "Amount must be a positive number, with at most 2 decimals");
        }
        amount
    }

    /// Notes what is wrong with a field.
    pub(super) fn wrong(&mut self, name: &str, sub_code: u32, message: &str) {
        let value = self.get(name);
        self.errors.push(json!({
            "code": 400,
            "target": name,
            "value": value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            "message": message,
            "sub_code": sub_code,
        }));
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// The answer that names everything that is wrong.
    pub(super) fn done(self, description: &str) -> Result<(), Answer> {
        if self.errors.is_empty() { Ok(()) } else { Err(refused(description, self.errors)) }
    }

    fn get(&self, name: &str) -> &'a Value {
        name.split('.').fold(self.body, |value, key| &value[key])
    }
}
