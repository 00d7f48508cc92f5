//! The part of SOQL that the sandbox understands, as a tree.
//!
//! As in Salesforce, `AND` and `OR` do not mix without parentheses.

mod lexer;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::limits;
use lexer::{Lexer, Token};

/// A query whose names are not looked up yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Query {
    /// What each record shows.
    pub(super) select: Select,
    /// The object.
    pub(super) from: String,
    /// Which records.
    pub(super) filter: Option<Filter<String, Literal>>,
    /// In which order.
    pub(super) order: Vec<Order<String>>,
    /// How many at most.
    pub(super) limit: Option<usize>,
    /// How many are left out at the start.
    pub(super) offset: usize,
}

/// What each record shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Select {
    /// `COUNT()`: no records, their number only.
    Count,
    /// These fields.
    Fields(Vec<String>),
}

/// Which records; `F` is a field, `L` what it is compared with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Filter<F, L> {
    /// All of them hold.
    And(Vec<Self>),
    /// One of them holds.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// A comparison.
    Compare(F, Operator, L),
    /// One of the values.
    In(F, Vec<L>),
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    /// `=`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `LIKE`
    Like,
}

/// A value in a query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// `'text'`
    Text(String),
    /// `12.50`
    Number(Decimal),
    /// `2026-04-01`
    Date(Date),
    /// `2026-04-01T10:00:00Z`
    DateTime(Timestamp),
}

/// One field of the order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Order<F> {
    /// The field.
    pub(super) field: F,
    /// Up or down.
    pub(super) direction: Direction,
    /// Where records without a value go.
    pub(super) nulls: Nulls,
}

/// Up or down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Direction {
    /// The smallest first.
    Up,
    /// The largest first.
    Down,
}

/// Where records without a value go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Nulls {
    /// To the start.
    First,
    /// To the end.
    Last,
}

/// Parses a query.
///
/// # Errors
/// What was not understood, for `MALFORMED_QUERY`.
pub(super) fn parse(text: &str) -> Result<Query, String> {
    if text.chars().count() > limits::SOQL_MAX_CHARS {
        return Err(format!("a query has at most {} characters", limits::SOQL_MAX_CHARS));
    }
    let mut parser = Parser { tokens: Lexer::read(text)?, next: 0, depth: 0 };
    let query = parser.query()?;
    if parser.peek() == &Token::End { Ok(query) } else { Err(parser.unexpected("the end of the query")) }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn query(&mut self) -> Result<Query, String> {
        self.expect("SELECT")?;
        let select = self.select()?;
        self.expect("FROM")?;
        Ok(Query {
            select,
            from: self.name()?,
            filter: if self.keyword("WHERE") { Some(self.filter()?) } else { None },
            order: if self.keyword("ORDER") { self.order()? } else { Vec::new() },
            limit: if self.keyword("LIMIT") { Some(self.count()?) } else { None },
            offset: if self.keyword("OFFSET") { self.count()? } else { 0 },
        })
    }

    fn select(&mut self) -> Result<Select, String> {
        if !self.is_keyword("COUNT") || self.token(1) != &Token::Symbol("(") {
            return Ok(Select::Fields(self.list(Self::name)?));
        }
        self.next += 2;
        self.symbol(")")?;
        Ok(Select::Count)
    }

    fn filter(&mut self) -> Result<Filter<String, Literal>, String> {
        let first = self.condition()?;
        for (word, other, join) in [("AND", "OR", Filter::And as fn(_) -> _), ("OR", "AND", Filter::Or)] {
            if !self.is_keyword(word) {
                continue;
            }
            let mut all = vec![first];
            while self.keyword(word) {
                all.push(self.condition()?);
            }
            if self.is_keyword(other) {
                return Err(self.unexpected("parentheses, as AND and OR do not mix without them"));
            }
            return Ok(join(all));
        }
        Ok(first)
    }

    fn condition(&mut self) -> Result<Filter<String, Literal>, String> {
        self.depth += 1;
        if self.depth > limits::SOQL_DEPTH_MAX {
            return Err(format!("conditions nest at most {} deep", limits::SOQL_DEPTH_MAX));
        }
        let condition = if self.keyword("NOT") {
            Filter::Not(Box::new(self.condition()?))
        } else if self.is_symbol("(") {
            self.symbol("(")?;
            let inner = self.filter()?;
            self.symbol(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Filter<String, Literal>, String> {
        let field = self.name()?;
        if self.keyword("IN") {
            return Ok(Filter::In(field, self.values()?));
        }
        if self.keyword("NOT") {
            self.expect("IN")?;
            return Ok(Filter::Not(Box::new(Filter::In(field, self.values()?))));
        }
        let operator = self.operator()?;
        Ok(Filter::Compare(field, operator, self.literal()?))
    }

    fn operator(&mut self) -> Result<Operator, String> {
        if self.keyword("LIKE") {
            return Ok(Operator::Like);
        }
        let operator = match self.peek() {
            Token::Symbol("=") => Operator::Equal,
            Token::Symbol("!=" | "<>") => Operator::NotEqual,
            Token::Symbol("<") => Operator::Less,
            Token::Symbol("<=") => Operator::AtMost,
            Token::Symbol(">") => Operator::Greater,
            Token::Symbol(">=") => Operator::AtLeast,
            _ => {
                return Err(self.unexpected("an operator"));
            }
        };
        self.next += 1;
        Ok(operator)
    }

    fn values(&mut self) -> Result<Vec<Literal>, String> {
        self.symbol("(")?;
        let values = self.list(Self::literal)?;
        self.symbol(")")?;
        Ok(values)
    }

    fn literal(&mut self) -> Result<Literal, String> {
        let literal = match self.peek() {
            Token::Text(text) => Literal::Text(text.clone()),
            Token::Number(number) => Literal::Number(*number),
            Token::Date(day) => Literal::Date(*day),
            Token::DateTime(at) => Literal::DateTime(*at),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => Literal::Null,
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Literal::Bool(true),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Literal::Bool(false),
            Token::Word(_) | Token::Symbol(_) | Token::End => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        Ok(literal)
    }

    fn order(&mut self) -> Result<Vec<Order<String>>, String> {
        self.expect("BY")?;
        self.list(|parser| {
            let field = parser.name()?;
            let down = parser.keyword("DESC");
            if !down {
                parser.keyword("ASC");
            }
            let direction = if down { Direction::Down } else { Direction::Up };
            Ok(Order { field, direction, nulls: parser.nulls()? })
        })
    }

    fn nulls(&mut self) -> Result<Nulls, String> {
        if !self.keyword("NULLS") || self.keyword("FIRST") {
            return Ok(Nulls::First);
        }
        self.expect("LAST")?;
        Ok(Nulls::Last)
    }

    fn count(&mut self) -> Result<usize, String> {
        let Token::Number(number) = self.peek() else { return Err(self.unexpected("a whole number")) };
        let count = number.to_string().parse().map_err(|_| self.unexpected("a whole number"))?;
        self.next += 1;
        Ok(count)
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let mut items = vec![item(self)?];
        while self.is_symbol(",") {
            self.next += 1;
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn name(&mut self) -> Result<String, String> {
        let Token::Word(name) = self.peek() else { return Err(self.unexpected("a name")) };
        let name = name.clone();
        self.next += 1;
        Ok(name)
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.keyword(word) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    fn symbol(&mut self, symbol: &str) -> Result<(), String> {
        if !self.is_symbol(symbol) {
            return Err(self.unexpected(symbol));
        }
        self.next += 1;
        Ok(())
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found = self.is_keyword(word);
        self.next += usize::from(found);
        found
    }

    fn is_keyword(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    fn peek(&self) -> &Token {
        self.token(0)
    }

    fn token(&self, ahead: usize) -> &Token {
        self.tokens.get(self.next + ahead).map_or(&Token::End, |(_, token)| token)
    }

    fn unexpected(&self, wanted: &str) -> String {
        match self.tokens.get(self.next) {
            Some((column, token)) => format!("unexpected token: {token} at column {column}, expected {wanted}"),
            None => format!("unexpected end of the query, expected {wanted}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a condition with all its parentheses.
    fn shown(filter: &Filter<String, Literal>) -> String {
        let join = |all: &[Filter<String, Literal>], word: &str| {
            format!("({})", all.iter().map(shown).collect::<Vec<_>>().join(word))
        };
        match filter {
            Filter::And(all) => join(all, " and "),
            Filter::Or(all) => join(all, " or "),
            Filter::Not(inner) => format!("not {}", shown(inner)),
            Filter::Compare(field, operator, value) => format!("{field} {operator:?} {}", value_shown(value)),
            Filter::In(field, values) => {
                format!("{field} in {}", values.iter().map(value_shown).collect::<Vec<_>>().join("|"))
            }
        }
    }

    fn value_shown(literal: &Literal) -> String {
        match literal {
            Literal::Null => "null".to_owned(),
            Literal::Bool(value) => value.to_string(),
            Literal::Text(text) => format!("<{text}>"),
            Literal::Number(number) => number.to_string(),
            Literal::Date(day) => day.to_string(),
            Literal::DateTime(at) => at.to_string(),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let seen = match parse(&format!("SELECT Id FROM Contact WHERE {text}")) {
            Ok(query) => shown(query.filter.as_ref().expect("the text has a condition")),
            Err(message) => format!("error: {message}"),
        };
        assert_eq!(seen, expected, "{text}");
    }

    #[test]
    fn conditions_parse_or_say_why_not() {
        let cases = [
            ("a = 'x'", "a Equal <x>"),
            ("a != null and b<>true", "(a NotEqual null and b NotEqual true)"),
            ("a <= 10.50 AND b >= -3", "(a AtMost 10.50 and b AtLeast -3)"),
            ("a < 1 OR (b > 2 AND c LIKE 'x%')", "(a Less 1 or (b Greater 2 and c Like <x%>))"),
            ("NOT a IN ('x', 'y')", "not a in <x>|<y>"),
            ("a NOT IN (1,2)", "not a in 1|2"),
            (r"a = 'O\'Neil \\ \n'", "a Equal <O'Neil \\ \n>"),
            ("a > 2026-04-01T10:00:00Z", "a Greater 2026-04-01T10:00:00Z"),
            ("a > 2026-04-01T12:00:00.000+0200", "a Greater 2026-04-01T10:00:00Z"),
            ("a > 2026-04-01T12:00:00+02:00", "a Greater 2026-04-01T10:00:00Z"),
            ("a >= 2026-04-01", "a AtLeast 2026-04-01"),
            ("Recipient__r.Email = 'x'", "Recipient__r.Email Equal <x>"),
            (
                "a = 1 AND b = 2 OR c = 3",
                "error: unexpected token: 'OR' at column 46, expected parentheses, as AND and OR do not mix without them",
            ),
            ("a = 'x", "error: the text that starts at column 34 has no end"),
            ("a = ", "error: unexpected end of the query, expected a value"),
            ("a ~ 1", "error: unexpected character '~' at column 32"),
            ("(a = 1", "error: unexpected end of the query, expected )"),
            ("a = 12abc", "error: `12abc` at column 34 is neither a number nor a date and time"),
            ("a IN ()", "error: unexpected token: ')' at column 36, expected a value"),
            ("a = 1 GROUP BY b", "error: unexpected token: 'GROUP' at column 36, expected the end of the query"),
        ];
        for (text, expected) in cases {
            check(text, expected);
        }
    }

    #[test]
    fn clauses_come_in_their_order() {
        let query = parse("select Id, Name from Contact order by Name desc nulls last, Id limit 5 offset 10");
        let query = query.expect("it is well formed");
        assert_eq!(query.select, Select::Fields(vec!["Id".to_owned(), "Name".to_owned()]));
        assert_eq!((query.limit, query.offset), (Some(5), 10));
        let order: Vec<_> = query.order.iter().map(|one| (one.field.as_str(), one.direction, one.nulls)).collect();
        assert_eq!(order, [("Name", Direction::Down, Nulls::Last), ("Id", Direction::Up, Nulls::First)]);
        assert_eq!(parse("SELECT COUNT() FROM Contact").map(|query| query.select), Ok(Select::Count));
        assert!(parse("SELECT Id FROM Contact LIMIT 5 WHERE a = 1").is_err(), "WHERE comes before LIMIT");
        let deep = format!("SELECT Id FROM Contact WHERE {}a = 1", "NOT ".repeat(limits::SOQL_DEPTH_MAX));
        assert!(parse(&deep).is_err(), "the nesting is bounded");
    }
}
