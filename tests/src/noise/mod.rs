//! Noisy orders, payments and settlement lines with their truth.
//!
//! All of it comes from a seed. A class of noise is one entry of the table in `classes`. Whatever becomes truly
//! undecidable by accident is made anew (`doubt`), so the truth never claims what nobody could know.

mod alike;
mod amounts;
mod case;
mod classes;
pub mod csv;
mod date;
mod doubt;
mod mangle;
mod names;
mod numbers;
mod random;
pub mod score;
mod text;
mod world;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// What is asked of a world.
#[derive(Clone, Debug)]
pub struct Config {
    /// Worlds of one seed are equal.
    pub seed: u64,
    /// How many cases are made; a case has about 1.3 orders and 1.3 payments.
    pub cases: usize,
    /// How many customers buy, some of them often.
    pub customers: usize,
    /// What stands before the digits of an order number, such as `SO-`.
    pub prefix: &'static str,
    /// The least count of digits of an order number. Shorter ones are filled up with zeros.
    pub digits: usize,
    /// One in so many numbers is an order. At 1 each mangled number is another order's number.
    pub gap: usize,
    /// Only the classes of these names, at equal shares; all of them where it is empty.
    pub only: Vec<String>,
}

impl Config {
    /// Says what is usual: 3,000 customers, numbers such as `SO-004211`, and one number in five an order.
    pub fn new(seed: u64, cases: usize) -> Self {
        Self { seed, cases, customers: 3000, prefix: "SO-", digits: 6, gap: 5, only: Vec::new() }
    }
}

/// Makes the world of a seed.
///
/// # Panics
/// Where `only` names a class that does not exist.
pub fn generate(config: &Config) -> World {
    world::generate(config)
}

/// Names each class with its share in per mille.
pub fn classes() -> Vec<(&'static str, u64)> {
    classes::ALL.iter().map(|class| (class.name, class.share_per_mille)).collect()
}

/// Both sides, what was settled, and what is true of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct World {
    /// What customers owe, in no order that says anything.
    pub orders: Vec<Order>,
    /// What came in or went out, in no order that says anything.
    pub payments: Vec<Payment>,
    /// What is in the settlements. The lines of a batch lie together.
    pub lines: Vec<Line>,
    /// What belongs together, and why the rest does not.
    pub truth: Truth,
    /// How many cases were made anew because nobody could have decided them.
    pub remade: usize,
}

/// One order of the shop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    /// The name of the record, which says nothing.
    pub id: String,
    /// What customers are asked to name when they pay.
    pub number: String,
    /// What is owed, in minor units.
    pub amount_minor: i64,
    /// Three letters. All currencies here have two decimals.
    pub currency: &'static str,
    /// Days since 1970.
    pub date: i32,
    /// Who bought.
    pub customer: String,
}

/// One record of a bank or a processor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payment {
    /// The name of the record, which says nothing.
    pub id: String,
    /// What the payer paid, or what was deposited; negative where money went back.
    pub gross_minor: i64,
    /// What the processor kept.
    pub fee_minor: i64,
    /// What arrived.
    pub net_minor: i64,
    /// Three letters. All currencies here have two decimals.
    pub currency: &'static str,
    /// Days since 1970.
    pub date: i32,
    /// The reference as it was delivered.
    pub text: String,
    /// Who paid as it was delivered; empty where a processor does not say it.
    pub payer: String,
    /// The batch of a deposit. A bank may name it in the text only.
    pub batch: Option<String>,
}

/// What a settlement line is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An order was paid.
    Sale,
    /// Money went back to a customer: its amounts are negative.
    Refund,
    /// A customer's bank took money back: its amounts are negative.
    Chargeback,
    /// A fee that is of no order: gross is zero and net is negative.
    Fee,
    /// What is held back, as a positive net that is subtracted; negative where it is released.
    Reserve,
    /// Anything else, as a signed net that is added.
    Adjustment,
}

impl Kind {
    /// Says the name that is written in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Refund => "refund",
            Self::Chargeback => "chargeback",
            Self::Fee => "fee",
            Self::Reserve => "reserve",
            Self::Adjustment => "adjustment",
        }
    }
}

/// One itemised line of a settlement. A deposit is the sum of net, minus reserves, plus adjustments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// The batch that it is in.
    pub batch: String,
    /// What it is about.
    pub kind: Kind,
    /// The number of the order as the processor kept it; empty where there is none.
    pub order_number_text: String,
    /// What the payer paid, in minor units.
    pub gross_minor: i64,
    /// What the processor kept.
    pub fee_minor: i64,
    /// Gross minus fee.
    pub net_minor: i64,
    /// Three letters.
    pub currency: &'static str,
}

/// Why a row is in no match. The list is closed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// An order without any payment.
    Unpaid,
    /// A payment without reference that belongs to no order.
    UnknownPayment,
    /// A further payment of the same amount for an order that is paid in full.
    DuplicatePayment,
    /// Too small by more than every tolerance.
    PartiallyPaid,
    /// Too large by more than every tolerance, or a further payment of another amount.
    Overpaid,
    /// Off by more than one bound of the tolerance, and not by more than the other one.
    AmountDiffers,
    /// The reference is right and the currency is not.
    CurrencyMismatch,
    /// Payer and amount are right, there is no reference, and the days are too far apart.
    OutsideWindow,
    /// Several could be the partner, and nothing tells them apart.
    Ambiguous,
    /// The reference has the form of an order number that no order has.
    UnknownReference,
    /// A deposit is not what its lines add up to.
    SettlementDifference,
    /// Gross minus fee is not net.
    FeeDifference,
    /// Money that went back.
    RefundOrChargeback,
}

impl Reason {
    /// Each reason.
    pub const ALL: [Self; 13] = [
        Self::Unpaid,
        Self::UnknownPayment,
        Self::DuplicatePayment,
        Self::PartiallyPaid,
        Self::Overpaid,
        Self::AmountDiffers,
        Self::CurrencyMismatch,
        Self::OutsideWindow,
        Self::Ambiguous,
        Self::UnknownReference,
        Self::SettlementDifference,
        Self::FeeDifference,
        Self::RefundOrChargeback,
    ];

    /// Says the name of the design.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::UnknownPayment => "unknown_payment",
            Self::DuplicatePayment => "duplicate_payment",
            Self::PartiallyPaid => "partially_paid",
            Self::Overpaid => "overpaid",
            Self::AmountDiffers => "amount_differs",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::OutsideWindow => "outside_window",
            Self::Ambiguous => "ambiguous",
            Self::UnknownReference => "unknown_reference",
            Self::SettlementDifference => "settlement_difference",
            Self::FeeDifference => "fee_difference",
            Self::RefundOrChargeback => "refund_or_chargeback",
        }
    }

    /// Finds a reason by the name of the design.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// Orders and payments that belong together. Each order pairs with each payment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Match {
    /// Places in [`World::orders`].
    pub orders: Vec<usize>,
    /// Places in [`World::payments`].
    pub payments: Vec<usize>,
    /// The class of the case.
    pub class: &'static str,
}

/// What is true of a world. Each row is in exactly one match, or has exactly one reason.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Truth {
    /// What belongs together.
    pub matches: Vec<Match>,
    /// Why orders are in no match, by their place.
    pub order_reasons: BTreeMap<usize, Reason>,
    /// Why payments are in no match, by their place.
    pub payment_reasons: BTreeMap<usize, Reason>,
    /// Payments that nothing tells apart: the first is in a match, the second is its duplicate, and either may be.
    pub twins: Vec<(usize, usize)>,
    /// The class of each case.
    pub cases: Vec<&'static str>,
    /// The case of each order.
    pub order_cases: Vec<usize>,
    /// The case of each payment.
    pub payment_cases: Vec<usize>,
}
