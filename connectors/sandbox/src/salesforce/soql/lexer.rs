//! SOQL as tokens, each with its column.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// One token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// A keyword or a name, with its dots.
    Word(String),
    /// A text, without its quotes and escapes.
    Text(String),
    /// A number.
    Number(Decimal),
    /// A day.
    Date(Date),
    /// A date and time.
    DateTime(Timestamp),
    /// A sign.
    Symbol(&'static str),
    /// After the last token.
    End,
}

/// The longer signs first, as the first that fits is taken.
const SYMBOLS: [&str; 10] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","];

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(out, "'{word}'"),
            Self::Text(text) => write!(out, "text '{text}'"),
            Self::Number(number) => write!(out, "'{number}'"),
            Self::Date(day) => write!(out, "'{day}'"),
            Self::DateTime(at) => write!(out, "'{at}'"),
            Self::Symbol(symbol) => write!(out, "'{symbol}'"),
            Self::End => write!(out, "end of the query"),
        }
    }
}

/// Reads tokens from a text.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    column: usize,
}

impl<'a> Lexer<'a> {
    /// Reads all tokens, each with its column from 1.
    ///
    /// # Errors
    /// What is no token.
    pub(super) fn read(text: &'a str) -> Result<Vec<(usize, Token)>, String> {
        let mut lexer = Self { rest: text, column: 1 };
        let mut tokens = Vec::new();
        loop {
            let blank = lexer.rest.len() - lexer.rest.trim_start().len();
            lexer.skip(blank);
            let Some(first) = lexer.rest.chars().next() else { return Ok(tokens) };
            tokens.push((lexer.column, lexer.token(first)?));
        }
    }

    fn token(&mut self, first: char) -> Result<Token, String> {
        if first == '\'' {
            return self.text();
        }
        if first.is_ascii_alphabetic() {
            let word = self.run(|one| one.is_ascii_alphanumeric() || one == '_' || one == '.');
            return Ok(Token::Word(word.to_owned()));
        }
        if first.is_ascii_digit() || first == '-' || first == '+' {
            return self.value();
        }
        let symbol = SYMBOLS.into_iter().find(|symbol| self.rest.starts_with(symbol));
        let symbol = symbol.ok_or_else(|| format!("unexpected character '{first}' at column {}", self.column))?;
        self.skip(symbol.len());
        Ok(Token::Symbol(symbol))
    }

    fn value(&mut self) -> Result<Token, String> {
        let column = self.column;
        let text = self.run(|one| one.is_ascii_alphanumeric() || "+-:.".contains(one));
        if let Ok(number) = Decimal::from_str_exact(text) {
            return Ok(Token::Number(number));
        }
        if text.len() == 10
            && let Ok(day) = text.parse()
        {
            return Ok(Token::Date(day));
        }
        let at =
            text.parse().map_err(|_| format!("`{text}` at column {column} is neither a number nor a date and time"))?;
        Ok(Token::DateTime(at))
    }

    fn text(&mut self) -> Result<Token, String> {
        let open = format!("the text that starts at column {} has no end", self.column);
        let mut text = String::new();
        let mut marks = self.rest.char_indices().skip(1);
        while let Some((at, mark)) = marks.next() {
            match mark {
                '\'' => {
                    self.skip(at + 1);
                    return Ok(Token::Text(text));
                }
                '\\' => text.push_str(&escape(marks.next().ok_or_else(|| open.clone())?.1)?),
                other => text.push(other),
            }
        }
        Err(open)
    }

    fn run(&mut self, part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest;
        let end = rest.find(|one| !part(one)).unwrap_or(rest.len());
        self.skip(end);
        &rest[..end]
    }

    fn skip(&mut self, bytes: usize) {
        let (gone, rest) = self.rest.split_at(bytes);
        self.column += gone.chars().count();
        self.rest = rest;
    }
}

/// Resolves an escape; that of a wildcard stays, as `LIKE` needs it.
fn escape(mark: char) -> Result<String, String> {
    match mark {
        'n' | 'N' => Ok("\n".to_owned()),
        'r' | 'R' => Ok("\r".to_owned()),
        't' | 'T' => Ok("\t".to_owned()),
        '\'' | '"' | '\\' => Ok(mark.to_string()),
        '%' | '_' => Ok(format!("\\{mark}")),
        other => Err(format!("illegal escape sequence \\{other} in a text")),
    }
}
