//! What is to be matched with what: the rules, as data.

use rust_decimal::Decimal;

/// How texts are made alike, and the rules in their order.
#[derive(Clone, Debug)]
pub struct Spec {
    /// How references are read.
    pub references: References,
    /// How names are made alike.
    pub parties: Vec<PartyStep>,
    /// In this order; a row that one has used is not there for the next.
    pub rules: Vec<Rule>,
    /// What a settlement's lines must come to.
    pub equation: Equation,
}

/// How a text of a reference is read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct References {
    /// What becomes of letters.
    pub case: Case,
    /// What is no letter and no digit says nothing.
    pub alphanumeric: bool,
    /// Only runs of so many digits say something, where there is one.
    pub embedded_digits: Option<usize>,
    /// `007` is `7`.
    pub trim_zeros: bool,
    /// `O` is `0`, and `I` and `l` are `1`, where nothing else is found.
    pub lookalikes: bool,
}

/// What becomes of letters.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Case {
    /// They stay as they are.
    #[default]
    Kept,
    /// They become capitals.
    Upper,
}

/// A step that makes names alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PartyStep {
    /// Small letters without accents.
    Casefold,
    /// Words in the order of the alphabet, without what is no letter and no digit.
    SortWords,
    /// Without `Ltd`, `GmbH` and the like.
    DropLegalForm,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What every match of it says.
    pub name: String,
    /// How many rows of each side.
    pub shape: Shape,
    /// What must be the same on both sides; the currency always.
    pub by: By,
    /// How far references may differ, in letters.
    pub edits: Option<usize>,
    /// How amounts compare.
    pub amount: Test,
    /// How many days the right row may lie behind the left one, from and to.
    pub days: Option<(i32, i32)>,
    /// How alike names must be, in hundredths.
    pub party: Option<u32>,
    /// Whether nothing else may fit; else the earliest of several payments is taken.
    pub unique: bool,
    /// The account that a difference goes to.
    pub adjust: Option<String>,
    /// What its matches are.
    pub gives: Gives,
}

impl Rule {
    /// A rule that wants the same amount and nothing else, and confirms.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            shape: Shape::OneToOne,
            by: By::default(),
            edits: None,
            amount: Test::default(),
            days: None,
            party: None,
            unique: true,
            adjust: None,
            gives: Gives::Confirmed,
        }
    }
}

/// How many rows of each side a match has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// One of each.
    OneToOne,
    /// Several of the left, whose references one row of the right names.
    ManyLeft,
    /// Several of the right, which name the same one of the left.
    ManyRight,
    /// Some of one side, whose sum is one of the other; only where no other sum is.
    Subset {
        /// Of which side there are several.
        of: Which,
        /// How many at most.
        items_max: usize,
        /// From how many they are chosen at most.
        candidates_max: usize,
    },
    /// Those of the left that the lines of one settlement name, and the one of the right that paid it.
    Settlement,
}

/// A side.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Which {
    /// What is expected, such as orders.
    Left,
    /// What came, such as payments.
    Right,
}

impl Which {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// What must be the same on both sides.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct By {
    /// The reference.
    pub reference: bool,
    /// The name.
    pub party: bool,
}

/// How amounts compare. Where both bounds are there, both hold.
#[derive(Clone, Debug)]
pub struct Test {
    /// What is taken of the left.
    pub left: Sum,
    /// What is taken of the right.
    pub right: Sum,
    /// How far they may be apart, in major units.
    pub within: Option<Decimal>,
    /// How far they may be apart, in hundredths of the left.
    pub percent: Option<Decimal>,
}

impl Default for Test {
    fn default() -> Self {
        Self { left: Sum::amount(), right: Sum::amount(), within: None, percent: None }
    }
}

/// A column of amounts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Column {
    /// What the row is about.
    Amount,
    /// What was kept of it.
    Fee,
    /// What is left of it.
    Net,
}

/// Columns, each added or taken away.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sum(pub Vec<(Sign, Column)>);

/// Whether something is added or taken away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sign {
    /// Added.
    Plus,
    /// Taken away.
    Minus,
}

/// What a match is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Gives {
    /// Certain enough to be acted on.
    Confirmed,
    /// For a person to say.
    Suggested,
}

/// What a settlement's lines must come to: its terms make the amount of the right row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Equation(pub Vec<(Sign, Term)>);

/// A sum over the lines of one settlement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Term {
    /// A column of sales, refunds, chargebacks and fees.
    Sum(Column),
    /// What is kept back.
    Reserve,
    /// What is put right.
    Adjustments,
}

impl Sum {
    /// The row's own amount.
    pub fn amount() -> Self {
        Self(vec![(Sign::Plus, Column::Amount)])
    }

    /// Reads `net + fee`.
    ///
    /// # Errors
    /// The word that is no column, or the text where it is no sum.
    pub fn parse(text: &str) -> Result<Self, String> {
        let column = |word: &str| match word {
            "amount" | "gross" => Some(Column::Amount),
            "fee" => Some(Column::Fee),
            "net" => Some(Column::Net),
            _ => None,
        };
        terms(text, column).map(Self)
    }
}

impl Equation {
    /// Reads `sum(net) - reserve + adjustments == amount`; the end may be left out.
    ///
    /// # Errors
    /// The word that is no term, or the text where it is no sum.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sum = match text.split_once("==") {
            Some((sum, right)) if right.trim() == "amount" => sum,
            Some((_, right)) => return Err(right.trim().to_owned()),
            None => text,
        };
        let term = |word: &str| match word {
            "sum(amount)" | "sum(gross)" => Some(Term::Sum(Column::Amount)),
            "sum(fee)" => Some(Term::Sum(Column::Fee)),
            "sum(net)" => Some(Term::Sum(Column::Net)),
            "reserve" => Some(Term::Reserve),
            "adjustments" => Some(Term::Adjustments),
            _ => None,
        };
        terms(sum, term).map(Self)
    }
}

impl Default for Equation {
    fn default() -> Self {
        let terms = [Term::Sum(Column::Net), Term::Reserve, Term::Adjustments];
        let signs = [Sign::Plus, Sign::Minus, Sign::Plus];
        Self(signs.into_iter().zip(terms).collect())
    }
}

fn terms<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<(Sign, T)>, String> {
    let spaced = text.replace('+', " + ").replace('-', " - ");
    let (mut terms, mut sign) = (Vec::new(), Some(Sign::Plus));
    for word in spaced.split_whitespace() {
        match (word, sign) {
            ("+", None) => sign = Some(Sign::Plus),
            ("-", None) => sign = Some(Sign::Minus),
            ("-", Some(Sign::Plus)) if terms.is_empty() => sign = Some(Sign::Minus),
            (word, Some(known)) => {
                terms.push((known, read(word).ok_or_else(|| word.to_owned())?));
                sign = None;
            }
            (word, None) => return Err(word.to_owned()),
        }
    }
    if sign.is_some() { Err(text.trim().to_owned()) } else { Ok(terms) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_or_the_wrong_word_is_said() {
        assert_eq!(Sum::parse("net + fee").unwrap().0, [(Sign::Plus, Column::Net), (Sign::Plus, Column::Fee)]);
        assert_eq!(Sum::parse("gross-fee").unwrap().0, [(Sign::Plus, Column::Amount), (Sign::Minus, Column::Fee)]);
        assert_eq!(Sum::parse("net + tax"), Err("tax".to_owned()));
        assert_eq!(Sum::parse("net fee"), Err("fee".to_owned()));
        assert_eq!(Sum::parse("net +"), Err("net +".to_owned()));
        assert_eq!(Equation::parse("sum(net) - reserve + adjustments == amount"), Ok(Equation::default()));
        assert_eq!(Equation::parse("sum(net) == total"), Err("total".to_owned()));
    }
}
