//! One side: its rows as columns of numbers.
//!
//! Amounts are minor units of their currency, as integers. A row that comes twice as it is, such as one on two pages, is there once.

use iso_currency::Currency;

use super::{
    cells::{Wrong, day, minor},
    spec::References,
    texts::{Finder, NONE, Names, SEVERAL, Texts},
    words::Dictionary,
};
use crate::limits::{RECON_ROWS_MAX, RECON_TEXT_MAX_BYTES};

/// A row, as its source writes it. What is empty is not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row<'r> {
    /// Names it among its side.
    pub id: &'r str,
    /// What it is about, in major units, such as `12.50`.
    pub amount: &'r str,
    /// ISO 4217.
    pub currency: &'r str,
    /// What was kept of it.
    pub fee: &'r str,
    /// What is left of it.
    pub net: &'r str,
    /// `2026-03-01`, and a time behind it says nothing.
    pub date: &'r str,
    /// What refers to the other side.
    pub reference: &'r str,
    /// Who paid, or is to pay.
    pub party: &'r str,
    /// The settlement that it is.
    pub batch: &'r str,
}

/// Why a row cannot be taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RowError {
    /// A column that every row has.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// What is no exact number.
    #[error("`{column}` is {text:?}, which is no amount such as 12.50")]
    Amount {
        /// Of the row.
        column: &'static str,
        /// As written.
        text: String,
    },
    /// Finer than minor units.
    #[error("`{column}` is {text}, which is finer than {currency} knows")]
    TooFine {
        /// Of the row.
        column: &'static str,
        /// As written.
        text: String,
        /// Its code.
        currency: String,
    },
    /// Not one of ISO 4217.
    #[error("`currency` is {0:?}, which is no ISO 4217 code such as USD")]
    Currency(String),
    /// No date.
    #[error("`date` is {0:?}, which is no date such as 2026-03-01")]
    Date(String),
    /// Two rows of one name that say different things.
    #[error("there are two rows {0:?} which say different things")]
    Differs(String),
    /// Too much of it.
    #[error("there are more than {RECON_ROWS_MAX} rows, or a text is longer than {RECON_TEXT_MAX_BYTES} bytes")]
    TooMuch,
}

/// A currency and its minor units.
#[derive(Clone, Debug)]
struct Code {
    text: String,
    exponent: u32,
}

/// The rows of one side.
#[derive(Debug, Default)]
pub struct Side {
    pub(super) ids: Texts,
    pub(super) amounts: Vec<i64>,
    /// Empty where no row says one.
    fees: Vec<i64>,
    nets: Vec<i64>,
    pub(super) currencies: Vec<u16>,
    pub(super) days: Vec<i32>,
    pub(super) references: Texts,
    pub(super) parties: Vec<u32>,
    pub(super) batches: Vec<u32>,
    /// Whether amount, fee and net do not add up; few are so.
    pub(super) torn: Vec<u32>,
    pub(super) party_names: Names,
    pub(super) batch_names: Names,
    codes: Vec<Code>,
    finder: Finder,
    repeated: u64,
    index: Option<Index>,
}

/// The references of a left side.
#[derive(Debug)]
pub(super) struct Index {
    how: References,
    pub(super) dictionary: Dictionary,
    /// The reference of each row.
    pub(super) references: Vec<u32>,
    /// The row that has a reference; [`SEVERAL`] where there are more.
    pub(super) owners: Vec<u32>,
}

impl Index {
    pub(super) fn of(how: &References, side: &Side) -> Self {
        let mut dictionary = Dictionary::default();
        dictionary.names.reserve(side.len());
        let rows = 0..super::texts::row(side.len());
        let references: Vec<u32> = rows.map(|row| dictionary.add(how, side.reference(row))).collect();
        let mut owners = vec![NONE; dictionary.names.len()];
        for (index, reference) in references.iter().enumerate().filter(|(_, reference)| **reference != NONE) {
            let owner = &mut owners[at(*reference)];
            *owner = if *owner == NONE { super::texts::row(index) } else { SEVERAL };
        }
        Self { how: how.clone(), dictionary, references, owners }
    }
}

/// What a row says beside its texts.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Numbers {
    amount: i64,
    fee: i64,
    net: i64,
    currency: u16,
    day: i32,
}

/// No date is written.
pub(super) const NO_DAY: i32 = i32::MIN;

impl Side {
    /// Takes a row.
    ///
    /// # Errors
    /// [`RowError`]: nothing of the row is taken.
    pub fn push(&mut self, row: &Row<'_>) -> Result<(), RowError> {
        if row.id.is_empty() {
            return Err(RowError::Empty("id"));
        }
        let texts = [row.id, row.reference, row.party, row.batch];
        let is_long = texts.iter().any(|text| text.len() > RECON_TEXT_MAX_BYTES);
        let has_room = self.ids.has_room(row.id.len())
            && self.references.has_room(row.reference.len())
            && self.party_names.has_room(row.party.len())
            && self.batch_names.has_room(row.batch.len());
        if self.len() >= RECON_ROWS_MAX || is_long || !has_room {
            return Err(RowError::TooMuch);
        }
        let numbers = self.numbers(row)?;
        if self.is_known(row, numbers)? {
            self.repeated += 1;
            return Ok(());
        }
        let place = super::texts::row(self.len());
        let is_torn = !row.fee.is_empty() && !row.net.is_empty() && numbers.amount != numbers.fee + numbers.net;
        self.torn.extend(is_torn.then_some(place));
        self.ids.push(row.id);
        self.references.push(row.reference);
        let has_parts = !row.fee.is_empty() || !row.net.is_empty();
        if has_parts && self.nets.is_empty() {
            // Before it, nothing was kept of any.
            self.fees = vec![0; self.amounts.len()];
            self.nets.clone_from(&self.amounts);
        }
        if has_parts || !self.nets.is_empty() {
            self.fees.push(numbers.fee);
            self.nets.push(numbers.net);
        }
        self.amounts.push(numbers.amount);
        self.currencies.push(numbers.currency);
        self.days.push(numbers.day);
        let party = if row.party.is_empty() { NONE } else { self.party_names.number(row.party) };
        let batch = if row.batch.is_empty() { NONE } else { self.batch_names.number(row.batch) };
        self.parties.push(party);
        self.batches.push(batch);
        Ok(())
    }

    /// Makes room for about so many more rows such as those that are there: whoever knows how long its source is saves memory and time.
    pub fn reserve(&mut self, more: usize) {
        let more = more.min(RECON_ROWS_MAX.saturating_sub(self.len()));
        self.ids.reserve(more);
        self.references.reserve(more);
        self.finder.reserve(more);
        self.amounts.reserve_exact(more);
        if !self.nets.is_empty() {
            self.fees.reserve_exact(more);
            self.nets.reserve_exact(more);
        }
        self.currencies.reserve_exact(more);
        self.days.reserve_exact(more);
        self.parties.reserve_exact(more);
        self.batches.reserve_exact(more);
    }

    /// How many rows there are, each counted once.
    pub fn len(&self) -> usize {
        self.amounts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.amounts.is_empty()
    }

    /// How many rows came again as they were.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// The name of a row.
    pub fn id(&self, row: u32) -> &str {
        self.ids.get(row)
    }

    /// What it is about, in minor units.
    pub fn amount(&self, row: u32) -> i64 {
        self.amounts[at(row)]
    }

    /// The ISO 4217 code of its currency.
    pub fn currency(&self, row: u32) -> &str {
        &self.codes[usize::from(self.currencies[at(row)])].text
    }

    /// How many digits of its minor units stand behind the point.
    pub fn exponent(&self, row: u32) -> u32 {
        self.codes[usize::from(self.currencies[at(row)])].exponent
    }

    /// Its reference, as written.
    pub fn reference(&self, row: u32) -> &str {
        self.references.get(row)
    }

    /// Who is named, as written; empty where nobody is.
    pub fn party(&self, row: u32) -> &str {
        match self.parties[at(row)] {
            NONE => "",
            party => self.party_names.text(party),
        }
    }

    /// Days since 1970-01-01, where a date is written.
    pub fn day(&self, row: u32) -> Option<i32> {
        Some(self.days[at(row)]).filter(|day| *day != NO_DAY)
    }

    /// What was kept of it, in minor units.
    pub fn fee(&self, row: u32) -> i64 {
        self.fees.get(at(row)).copied().unwrap_or(0)
    }

    /// What is left of it, in minor units.
    pub fn net(&self, row: u32) -> i64 {
        self.nets.get(at(row)).copied().unwrap_or_else(|| self.amount(row))
    }

    /// The row of a name.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.finder.find(&self.ids, id)
    }

    /// Ends the reading: gives memory back that only reading needs.
    pub fn close(&mut self) {
        self.ids.shrink();
        self.references.shrink();
    }

    /// Reads its references, as the left of a reconciliation that reads them so. Whoever reads both sides at once saves the time: else
    /// it is done when the right is there, too.
    pub fn index(&mut self, how: &References) {
        self.index = Some(Index::of(how, self));
    }

    /// Its references, where they were read so.
    pub(super) fn indexed(&self, how: &References) -> Option<&Index> {
        self.index.as_ref().filter(|index| index.how == *how)
    }

    pub(super) fn codes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.codes.iter().map(|code| (code.text.as_str(), code.exponent))
    }

    fn numbers(&mut self, row: &Row<'_>) -> Result<Numbers, RowError> {
        let currency = self.code(row.currency)?;
        let exponent = self.codes[usize::from(currency)].exponent;
        let amount = |column: &'static str, text: &str| match minor(text, exponent) {
            Ok(amount) => Ok(amount),
            Err(Wrong::Number) => Err(RowError::Amount { column, text: text.to_owned() }),
            Err(Wrong::TooFine) => {
                Err(RowError::TooFine { column, text: text.to_owned(), currency: row.currency.to_owned() })
            }
        };
        if row.amount.is_empty() {
            return Err(RowError::Empty("amount"));
        }
        let gross = amount("amount", row.amount)?;
        let fee = if row.fee.is_empty() { None } else { Some(amount("fee", row.fee)?) };
        let net = if row.net.is_empty() { None } else { Some(amount("net", row.net)?) };
        let day = if row.date.is_empty() { Some(NO_DAY) } else { day(row.date) };
        Ok(Numbers {
            amount: gross,
            fee: fee.unwrap_or_else(|| net.map_or(0, |net| gross - net)),
            net: net.unwrap_or_else(|| gross - fee.unwrap_or(0)),
            currency,
            day: day.ok_or_else(|| RowError::Date(row.date.to_owned()))?,
        })
    }

    fn code(&mut self, text: &str) -> Result<u16, RowError> {
        if text.is_empty() {
            return Err(RowError::Empty("currency"));
        }
        if let Some(index) = self.codes.iter().position(|code| code.text == text) {
            return Ok(u16::try_from(index).expect("there are fewer currencies than numbers of 16 bits"));
        }
        let currency = Currency::from_code(text).ok_or_else(|| RowError::Currency(text.to_owned()))?;
        self.codes.push(Code { text: text.to_owned(), exponent: u32::from(currency.exponent().unwrap_or(0)) });
        self.code(text)
    }

    /// Whether a row of this name is there; it must then say the same.
    fn is_known(&mut self, new: &Row<'_>, numbers: Numbers) -> Result<bool, RowError> {
        let Some(place) = self.finder.find_or_note(&self.ids, new.id) else { return Ok(false) };
        if self.says(place, new, numbers) { Ok(true) } else { Err(RowError::Differs(new.id.to_owned())) }
    }

    fn says(&self, place: u32, new: &Row<'_>, numbers: Numbers) -> bool {
        let index = at(place);
        let there = Numbers {
            amount: self.amounts[index],
            fee: self.fee(place),
            net: self.net(place),
            currency: self.currencies[index],
            day: self.days[index],
        };
        let batch = match self.batches[index] {
            NONE => "",
            batch => self.batch_names.text(batch),
        };
        there == numbers
            && self.reference(place) == new.reference
            && self.party(place) == new.party
            && batch == new.batch
    }
}

/// The place of a row in a column.
pub(super) fn at(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(row: Row<'static>) -> Result<Side, RowError> {
        let mut side = Side::default();
        side.push(&row).map(|()| side)
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        let amount = |text: &'static str, currency| {
            with(Row { id: "1", amount: text, currency, ..Row::default() })
                .map(|side| side.amount(0))
                .map_err(|error| error.to_string())
        };
        assert_eq!(amount("12.5", "USD"), Ok(1250));
        assert_eq!(amount("-0.07", "USD"), Ok(-7));
        assert_eq!(amount("12.500", "USD"), Ok(1250));
        assert_eq!(amount("12", "JPY"), Ok(12));
        assert_eq!(amount("1.234", "KWD"), Ok(1234));
        assert_eq!(amount("0.001", "USD"), Err("`amount` is 0.001, which is finer than USD knows".to_owned()));
        for wrong in ["1,000.00", "1e3", ".", "-", "1.2.3", "99999999999999999999"] {
            assert_eq!(amount(wrong, "USD"), Err(format!("`amount` is {wrong:?}, which is no amount such as 12.50")));
        }
        assert_eq!(amount("", "USD"), Err("`amount` is empty".to_owned()));
        assert_eq!(amount("1", "ABC"), Err("`currency` is \"ABC\", which is no ISO 4217 code such as USD".to_owned()));
    }

    #[test]
    fn dates_are_days() {
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-03-01T10:00:00Z"), Some(11_017));
        assert_eq!(day("2026-02-29"), None);
        assert_eq!(day("2024-02-29"), Some(19_782));
        assert_eq!(day("01.02.2026"), None);
        assert_eq!(day("2026-03-011"), None);
    }

    /// A row that lies on two pages is one; two that differ are an error and not a guess.
    #[test]
    fn a_row_that_comes_again_is_there_once() {
        let row = Row { id: "1", amount: "1.00", currency: "USD", ..Row::default() };
        let mut side = with(row).unwrap();
        side.push(&row).unwrap();
        assert_eq!((side.len(), side.repeated()), (1, 1));
        let other = side.push(&Row { amount: "2.00", ..row });
        assert_eq!(other, Err(RowError::Differs("1".to_owned())));
    }
}
