//! Money: an exact decimal with its currency.

use std::fmt;

use iso_currency::Currency;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use crate::{
    number,
    path::{Document, Path},
};

/// An amount in one currency, rounded to the currency's minor units.
///
/// Source: ISO 4217 for the number of minor units.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

/// Why something is not money.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MoneyError {
    /// Not one of ISO 4217.
    #[error("`{0}` is not an ISO 4217 currency code")]
    Currency(String),
    /// Not an exact number.
    #[error("`{0}` is not an exact decimal amount")]
    Amount(String),
    /// Finer than the currency knows; rounding it silently would lose money.
    #[error("{amount} is finer than {currency} knows; round it first")]
    TooFine {
        /// As written.
        amount: Decimal,
        /// Its ISO 4217 code.
        currency: &'static str,
    },
}

impl Money {
    /// Money of an amount that the currency can hold exactly.
    ///
    /// # Errors
    /// [`MoneyError::TooFine`] where the amount has more decimals than the currency.
    ///
    /// ```
    /// # use ferry_contract::money::Money;
    /// # use rust_decimal::Decimal;
    /// assert_eq!(Money::new(Decimal::new(50, 0), "USD").unwrap().to_string(), "50.00 USD");
    /// assert!(Money::new(Decimal::new(5, 1), "JPY").is_err());
    /// ```
    pub fn new(amount: Decimal, code: &str) -> Result<Self, MoneyError> {
        let currency = Currency::from_code(code).ok_or_else(|| MoneyError::Currency(code.to_owned()))?;
        let units = minor_units(currency);
        let mut rounded = amount.round_dp_with_strategy(units, RoundingStrategy::MidpointNearestEven);
        if rounded != amount {
            return Err(MoneyError::TooFine { amount, currency: currency.code() });
        }
        rounded.rescale(units);
        Ok(Self { amount: rounded, currency })
    }

    /// Money of an amount that is rounded half-even to the minor units of its currency, on purpose.
    ///
    /// # Errors
    /// [`MoneyError::Currency`].
    pub fn rounded(amount: Decimal, code: &str) -> Result<Self, MoneyError> {
        let currency = Currency::from_code(code).ok_or_else(|| MoneyError::Currency(code.to_owned()))?;
        Self::new(amount.round_dp_with_strategy(minor_units(currency), RoundingStrategy::MidpointNearestEven), code)
    }

    /// The amount, in major units.
    pub fn amount(self) -> Decimal {
        self.amount
    }

    /// The ISO 4217 code.
    pub fn currency(self) -> &'static str {
        self.currency.code()
    }

    /// `{"amount": 50.00, "currency": "USD"}`.
    pub fn to_value(self) -> Value {
        json!({ "amount": number::from_decimal(self.amount), "currency": self.currency.code() })
    }

    /// Reads an amount (a number, or a string that is one) with its currency's code.
    ///
    /// # Errors
    /// What is not money, by [`MoneyError`].
    pub fn read(amount: &Value, currency: &Value) -> Result<Self, MoneyError> {
        read(amount, currency).and_then(|(amount, code)| Self::new(amount, code))
    }

    /// The same, rounded as by [`Money::rounded`].
    ///
    /// # Errors
    /// What is not money, by [`MoneyError`].
    pub fn read_rounded(amount: &Value, currency: &Value) -> Result<Self, MoneyError> {
        read(amount, currency).and_then(|(amount, code)| Self::rounded(amount, code))
    }
}

fn read<'v>(amount: &Value, currency: &'v Value) -> Result<(Decimal, &'v str), MoneyError> {
    let not_exact = || MoneyError::Amount(amount.to_string());
    let decimal = match amount {
        Value::Number(number) => number::to_decimal(number).ok_or_else(not_exact)?,
        Value::String(text) => number::text_to_decimal(text.trim()).ok_or_else(not_exact)?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(not_exact()),
    };
    let code = currency.as_str().ok_or_else(|| MoneyError::Currency(currency.to_string()))?;
    Ok((decimal, code))
}

/// The currency's code beside an amount, as at `$.amount.currency` for `$.amount.amount`.
pub fn currency_beside(amount: &Path, input: &Value) -> Option<String> {
    let (money, _) = amount.text().rsplit_once('.')?;
    let beside = Path::parse(&format!("{money}.currency")).ok()?;
    beside.one(Document::Value(input)).ok()?.as_str().map(str::to_owned)
}

/// How a currency is written before an amount, such as `€`; nothing for what is no ISO 4217 code.
pub fn currency_symbol(code: &str) -> Option<String> {
    Currency::from_code(code).map(|currency| currency.symbol().symbol)
}

fn minor_units(currency: Currency) -> u32 {
    u32::from(currency.exponent().unwrap_or(0))
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency.code())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn money_survives_json(minor in -1_000_000_000_000_i64..1_000_000_000_000, code in prop::sample::select(vec!["USD", "JPY", "KWD"])) {
            let currency = Currency::from_code(code).unwrap();
            let money = Money::new(Decimal::new(minor, minor_units(currency)), code).unwrap();
            let value: Value = serde_json::from_str(&money.to_value().to_string()).unwrap();
            prop_assert_eq!(Money::read(&value["amount"], &value["currency"]).unwrap(), money);
        }
    }

    #[test]
    fn what_is_not_money_is_said() {
        for (amount, currency, expected) in [
            (json!("1.005"), json!("USD"), "1.005 is finer than USD knows; round it first"),
            (json!(1), json!("XYZ"), "`XYZ` is not an ISO 4217 currency code"),
            (json!("ten"), json!("USD"), "`\"ten\"` is not an exact decimal amount"),
            (json!(null), json!("USD"), "`null` is not an exact decimal amount"),
        ] {
            assert_eq!(Money::read(&amount, &currency).unwrap_err().to_string(), expected);
        }
    }
}
