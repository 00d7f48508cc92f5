//! What other languages write, and what Rhai writes for it. It is asked only of a script that does not compile, so that it may
//! guess.

use super::Form;

/// Words of other languages, and Rhai's signs for them.
const WORDS: [(&str, &str); 7] = [
    ("and", "`&&`"),
    ("or", "`||`"),
    ("not", "`!`, as in `!event.paid`, and put the rule into quotes"),
    ("null", "`()`, which is no value"),
    ("nil", "`()`, which is no value"),
    ("None", "`()`, which is no value"),
    ("undefined", "`()`, which is no value"),
];

/// What to write instead; nothing where nothing in the text is known from elsewhere.
pub(crate) fn instead(text: &str, form: Form) -> Option<String> {
    let code = without_texts(text);
    if let Some(path) = path(&code) {
        return Some(format!("Rhai reads a field without `$.`: write `{path}`"));
    }
    if let Some(quoted) = single_quoted(&code) {
        return Some(format!("put a text into double quotes: write `\"{quoted}\"`"));
    }
    let mut words = code.split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '.'));
    if let Some((word, sign)) = words.find_map(|word| WORDS.iter().find(|(known, _)| *known == word)) {
        return Some(format!("for `{word}`, write {sign}"));
    }
    if code.contains("<>") {
        return Some("for `<>`, write `!=`".to_owned());
    }
    if code.contains("===") || code.contains("!==") {
        return Some("write `==` or `!=`: there is no third sign".to_owned());
    }
    if is_choice(&code) {
        return Some("for `a ? b : c`, write `if a { b } else { c }`".to_owned());
    }
    if form == Form::Statements {
        return None;
    }
    if code.split_whitespace().any(|word| word == "let") || code.contains(';') {
        return Some("this is one expression; a `script` step takes several lines, with `let`".to_owned());
    }
    sets(&code).then(|| "to compare, write `==`".to_owned())
}

/// A script with blanks for the texts and the remarks in it: what is left stands where it stood.
pub fn without_texts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        let behind = match letter {
            '"' | '`' => behind(after, letter),
            '/' if after.starts_with('/') => after.find('\n').map_or("", |end| &after[end..]),
            '/' if after.starts_with('*') => after.split_once("*/").map_or("", |(_, rest)| rest),
            _ => {
                out.push(letter);
                rest = after;
                continue;
            }
        };
        let blank = |letter: u8| if letter == b'\n' { '\n' } else { ' ' };
        out.extend(rest[..rest.len() - behind.len()].bytes().map(blank));
        rest = behind;
    }
    out
}

/// What comes behind the quote that ends a text; a backslash takes the letter after it.
fn behind(text: &str, quote: char) -> &str {
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return &text[index + letter.len_utf8()..];
        }
    }
    ""
}

/// The first path, as Rhai reads it.
fn path(code: &str) -> Option<&str> {
    let (_, rest) = code.split_once("$.")?;
    let is_inside = |letter: char| letter.is_alphanumeric() || "_.[]".contains(letter);
    let path = rest.split(|letter| !is_inside(letter)).next().unwrap_or_default();
    (!path.is_empty()).then_some(path)
}

/// What stands in single quotes; in Rhai that is one letter.
fn single_quoted(code: &str) -> Option<&str> {
    let mut parts = code.split('\'').skip(1).step_by(2);
    parts.find(|quoted| quoted.chars().count() > 1)
}

/// A question mark that is no `??` and no `?.`.
fn is_choice(code: &str) -> bool {
    let rest = code.replace("??", "").replace("?.", "").replace("?[", "");
    rest.split_once('?').is_some_and(|(_, rest)| rest.contains(':'))
}

/// A `=` that is no part of another sign.
fn sets(code: &str) -> bool {
    let letters: Vec<char> = code.chars().collect();
    let is_alone = |index: usize| {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let is_part = |letter: Option<&char>| letter.is_some_and(|letter| "=<>!+-*/%&|^".contains(*letter));
        !is_part(before) && !letters.get(index + 1).is_some_and(|letter| "=>".contains(*letter))
    };
    letters.iter().enumerate().any(|(index, letter)| *letter == '=' && is_alone(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_languages_write_has_its_sign() {
        let said = |text: &str| instead(text, Form::Expression).unwrap_or_default();
        for (text, expected) in [
            ("$.event.status == \"x\"", "`event.status`"),
            ("event.a == 'Transferred'", "`\"Transferred\"`"),
            ("event.a = \"x\"", "`==`"),
            ("event.a > 1 and event.b", "`&&`"),
            ("event.a or event.b", "`||`"),
            ("not event.a", "`!`"),
            ("event.a == null", "`()`"),
            ("event.a <> 1", "`!=`"),
            ("event.a === 1", "`==`"),
            ("event.a ? 1 : 2", "`if a"),
            ("let r = 1; r", "`script`"),
        ] {
            assert!(said(text).contains(expected), "{text}: {}", said(text));
        }
        for text in [
            "event.a >= 1 &&",
            "event.a ?? 1 +",
            "event.x == \"a = 'b' and $.c\" +",
            "|x| x => 1",
            "event.and +",
            "1 + // and 'ab'",
        ] {
            assert_eq!(said(text), "", "{text}");
        }
    }
}
