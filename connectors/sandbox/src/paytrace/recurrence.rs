//! Customers who are charged again and again. The names of the fields are the vendor's; the shape of the lists is ours.
//!
//! Seeded: `C-1` pays 49.00 on the first and the fifteenth, `C-2` 120.00 each month, and `C-DECLINED` 15.00 each week,
//! which its bank refuses.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::asked::{AMOUNT, Asked, DATE, RECURRENCE, answered, wrong};
use super::customers::{self, Vault};
use super::dates;
use crate::wire::{self, Answer};

const NO_RECURRENCE: &str = "Please provide a valid recurrence ID.";

/// How often a customer is charged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Frequency(char);

impl Frequency {
    const ALL: &'static str = "123456789A";

    fn read(text: &str) -> Option<Self> {
        let mut signs = text.chars();
        let (first, None) = (signs.next()?.to_ascii_uppercase(), signs.next()) else { return None };
        Self::ALL.contains(first).then_some(Self(first))
    }

    /// The day after this one.
    fn next(self, day: Date) -> Date {
        let span: Span = match self.0 {
            '1' => 1.year(),
            '8' => 6.months(),
            'A' => 4.months(),
            '2' => 3.months(),
            '9' => 2.months(),
            '3' => 1.month(),
            '4' => 2.weeks(),
            '5' => 1.week(),
            '6' => 1.day(),
            // The first and the fifteenth.
            _ if day.day() < 15 => return day.with().day(15).build().unwrap_or(Date::MAX),
            _ => return day.last_of_month().tomorrow().unwrap_or(Date::MAX),
        };
        day.checked_add(span).unwrap_or(Date::MAX)
    }
}

#[derive(Clone, Debug)]
struct Recurrence {
    customer_id: String,
    amount: Decimal,
    frequency: Frequency,
    next: Date,
    left: u64,
    description: String,
}

/// A charge that is due.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Due {
    /// The name of the charge: its recurrence and its day.
    pub(super) invoice_id: String,
    /// Whom to charge.
    pub(super) customer_id: String,
    /// How much.
    pub(super) amount: Decimal,
    /// What for.
    pub(super) description: String,
}

/// Whether an invoice is a recurring charge.
pub(super) fn is_name(invoice_id: &str) -> bool {
    let parts = invoice_id.strip_prefix('R').and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(id, day)| id.parse::<u64>().is_ok() && day.len() == 8)
}

/// All recurrences.
#[derive(Debug)]
pub(super) struct Recurrences {
    all: BTreeMap<u64, Recurrence>,
    next: u64,
}

impl Recurrences {
    /// Starts with three, of which none is due before tomorrow.
    pub(super) fn start(today: Date) -> Self {
        let tomorrow = today.tomorrow().unwrap_or(Date::MAX);
        let seeds = [("C-1", 4_900, '7'), ("C-2", 12_000, '3'), ("C-DECLINED", 1_500, '5')];
        let all = seeds.into_iter().zip(1_001_u64..).map(|((customer_id, cents, frequency), id)| {
            let (frequency, customer_id) = (Frequency(frequency), customer_id.to_owned());
            let next = if frequency.0 == '7' { frequency.next(today) } else { tomorrow };
            let description = "Subscription".to_owned();
            let amount = Decimal::new(cents, 2);
            (id, Recurrence { customer_id, amount, frequency, next, left: 999, description })
        });
        let all: BTreeMap<_, _> = all.collect();
        Self { next: 1_001 + all.len() as u64, all }
    }

    /// Takes what is due by a day.
    pub(super) fn take_due(&mut self, today: Date) -> Vec<Due> {
        let mut due = Vec::new();
        for (id, one) in &mut self.all {
            while one.next <= today && one.left > 0 {
                due.push(Due {
                    invoice_id: format!("R{id}-{}", one.next.strftime("%Y%m%d")),
                    customer_id: one.customer_id.clone(),
                    amount: one.amount,
                    description: one.description.clone(),
                });
                (one.next, one.left) = (one.frequency.next(one.next), one.left - 1);
            }
        }
        due
    }

    /// Makes one. Codes 150, 151 and 152 are ours.
    pub(super) fn create(&mut self, vault: &Vault, mut asked: Asked) -> Result<Answer, Answer> {
        let customer = customers::find(vault, &mut asked).map(|(id, _)| id);
        let amount = amount(&mut asked);
        let (frequency, next) = (frequency(&mut asked), day(&mut asked));
        asked.check()?;
        let ((customer_id, amount), (frequency, next)) = customer
            .zip(amount.flatten())
            .zip(frequency.zip(next))
            .ok_or_else(|| wrong(AMOUNT, "Please provide a valid amount."))?;
        let left = asked.id("recurrence.total_count").unwrap_or(999);
        let description = asked.text("recurrence.description").unwrap_or_default();
        let id = self.next;
        self.next += 1;
        self.all.insert(id, Recurrence { customer_id, amount, frequency, next, left, description });
        Ok(answered(true, 150, "The recurrence was successfully created.", json!({ "recurrence": { "id": id } })))
    }

    /// Changes what the request has.
    pub(super) fn update(&mut self, mut asked: Asked) -> Result<Answer, Answer> {
        let id = self.find(&asked)?;
        let amount = amount(&mut asked).flatten();
        let frequency = if asked.text("recurrence.frequency").is_some() { frequency(&mut asked) } else { None };
        let next = if asked.text("recurrence.next").is_some() { day(&mut asked) } else { None };
        asked.check()?;
        let one = self.all.get_mut(&id).expect("it was found");
        one.amount = amount.unwrap_or(one.amount);
        one.frequency = frequency.unwrap_or(one.frequency);
        one.next = next.unwrap_or(one.next);
        one.left = asked.id("recurrence.total_count").unwrap_or(one.left);
        one.description = asked.text("recurrence.description").unwrap_or_else(|| one.description.clone());
        Ok(answered(true, 151, "The recurrence was successfully updated.", json!({ "recurrence": { "id": id } })))
    }

    /// Ends one.
    pub(super) fn delete(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let id = self.find(asked)?;
        self.all.remove(&id);
        Ok(answered(true, 152, "The recurrence was successfully deleted.", json!({ "recurrence": { "id": id } })))
    }

    /// Shows one, those of a customer, or all.
    pub(super) fn export(&self, asked: &Asked) -> Result<Answer, Answer> {
        let id = if asked.value("recurrence.id").is_null() { None } else { Some(self.find(asked)?) };
        let customer = asked.text("customer_id");
        let wanted = |(own, one): &(&u64, &Recurrence)| {
            id.is_none_or(|id| id == **own) && customer.as_ref().is_none_or(|customer| *customer == one.customer_id)
        };
        let rows: Vec<Value> = self.all.iter().filter(wanted).map(|(id, one)| row(*id, one)).collect();
        Ok(answered(true, 1, "Your request has been successfully completed.", json!({ "recurrences": rows })))
    }

    fn find(&self, asked: &Asked) -> Result<u64, Answer> {
        let id = asked.id("recurrence.id").filter(|id| self.all.contains_key(id));
        id.ok_or_else(|| wrong(RECURRENCE, NO_RECURRENCE))
    }
}

fn row(id: u64, one: &Recurrence) -> Value {
    json!({
        "id": id,
        "customer_id": one.customer_id,
        "amount": wire::number(one.amount),
        "frequency": one.frequency.0.to_string(),
        "next": dates::written(one.next),
        "total_count": one.left.to_string(),
        "transaction_type": "sale",
        "description": one.description,
    })
}

/// The amount, where there is one; nothing outside where it is none.
#[expect(clippy::option_option, reason = "one that is wrong, and none, are two things")]
fn amount(asked: &mut Asked) -> Option<Option<Decimal>> {
    if asked.value("recurrence.amount").is_null() {
        return Some(None);
    }
    let amount = wire::decimal(asked.value("recurrence.amount"));
    let amount = amount.filter(|amount| *amount > Decimal::ZERO && amount.normalize().scale() <= 2);
    if amount.is_none() {
        asked.wrong(AMOUNT, "Please provide a valid amount.");
    }
    Some(Some(wire::cents(amount?)))
}

fn frequency(asked: &mut Asked) -> Option<Frequency> {
    let frequency = asked.text("recurrence.frequency").and_then(|text| Frequency::read(&text));
    if frequency.is_none() {
        asked.wrong(RECURRENCE, "Please provide a valid frequency.");
    }
    frequency
}

fn day(asked: &mut Asked) -> Option<Date> {
    let day = asked.text("recurrence.next").and_then(|text| dates::read(&text));
    if day.is_none() {
        asked.wrong(DATE, "Please provide a valid next date, as MM/DD/YYYY.");
    }
    day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_day_is_that_of_the_frequency() {
        let cases = [
            ("1", "2027-01-31"),
            ("8", "2026-07-31"),
            ("A", "2026-05-31"),
            ("2", "2026-04-30"),
            ("9", "2026-03-31"),
            ("3", "2026-02-28"),
            ("4", "2026-02-14"),
            ("7", "2026-02-01"),
            ("5", "2026-02-07"),
            ("6", "2026-02-01"),
        ];
        for (frequency, expected) in cases {
            let day: Date = "2026-01-31".parse().expect("a day");
            let next = Frequency::read(frequency).expect("a frequency").next(day);
            assert_eq!(next.to_string(), expected, "{frequency}");
        }
        assert_eq!(Frequency('7').next("2026-02-01".parse().expect("a day")).to_string(), "2026-02-15");
        assert_eq!(["0", "", "33"].map(Frequency::read), [None; 3]);
    }
}
