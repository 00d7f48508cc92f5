//! The blank between two tokens of a line.

use super::tokens::{Token, TokenKind};

/// What came before on the way through a file.
#[derive(Debug, Default)]
pub(super) struct Spacing {
    /// For each bracket that is open, whether blanks stand inside it.
    is_wide: Vec<bool>,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Last {
    Open,
    Colon,
    Other,
}

impl Spacing {
    /// What stands between a token and the one before it.
    pub(super) fn before(&mut self, token: &Token<'_>, next: Option<&Token<'_>>, is_first: bool) -> &'static str {
        let last = if is_first { None } else { self.last };
        let is_wide = self.is_wide.last().copied().unwrap_or_default();
        let inside = if is_wide { " " } else { "" };
        let gap = match (&token.kind, last) {
            (_, None) | (TokenKind::Close(_), Some(Last::Open)) | (TokenKind::Colon, _) => "",
            // `a:,` would be a name that ends with a colon.
            (TokenKind::Comma, last) if last != Some(Last::Colon) => "",
            (TokenKind::Close(_), _) | (_, Some(Last::Open)) => inside,
            _ => " ",
        };
        match token.kind {
            TokenKind::Open(bracket) => {
                let holds_map = matches!(next, Some(next) if next.kind == TokenKind::Open('{'));
                self.is_wide.push(bracket == '{' || holds_map);
            }
            TokenKind::Close(_) => drop(self.is_wide.pop()),
            _ => {}
        }
        self.last = Some(match token.kind {
            TokenKind::Open(_) => Last::Open,
            TokenKind::Colon => Last::Colon,
            _ => Last::Other,
        });
        gap
    }
}
