//! Text with values in braces: `Payout {$.event.Name} failed`, `/programs/{program_id}/balance`.

use serde_json::Value;

use crate::{
    limits::TEXT_MAX_BYTES,
    path::{Document, Path},
    report::At,
};

/// A compiled template.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Path(Path),
    /// Several segments of a URL's path, from `/` on.
    Segments(Path),
    Name(String),
}

/// A part of a template, as it is shown elsewhere.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// Itself.
    Text(&'a str),
    /// The one value at a path.
    Path(&'a Path),
    /// The value of a bare name.
    Name(&'a str),
}

/// A template that cannot be read, with the byte where it stops being one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TemplateError {
    /// What is wrong.
    pub message: String,
    /// The byte inside the text.
    pub offset: usize,
}

/// How a value is written into the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Escape {
    /// As it is.
    None,
    /// Percent-encoded, so that it stays one segment of a URL path or one query value.
    Url,
}

impl Template {
    /// Compiles a template; `{{` and `}}` stand for braces.
    ///
    /// # Errors
    /// An open brace, or a JSONPath that cannot be read.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Self::parsed(text, part)
    }

    /// Compiles the path of a URL, in which `{+$.path}` is a path from `/` on. Source: RFC 6570, reserved expansion.
    ///
    /// # Errors
    /// Those of [`Template::parse`].
    pub fn parse_path(text: &str) -> Result<Self, TemplateError> {
        Self::parsed(text, |inner, offset| match inner.strip_prefix('+').filter(|rest| rest.starts_with('$')) {
            Some(path) => match part(path, offset + 1)? {
                Part::Path(path) => Ok(Part::Segments(path)),
                part => Ok(part),
            },
            None => part(inner, offset),
        })
    }

    fn parsed(text: &str, part: fn(&str, usize) -> Result<Part, TemplateError>) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(index) = rest.find(['{', '}']) {
            literal.push_str(&rest[..index]);
            let brace = &rest[index..];
            let offset = text.len() - brace.len();
            if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
                literal.push_str(&brace[..1]);
                rest = after;
                continue;
            }
            let close = brace.find('}').filter(|_| brace.starts_with('{'));
            let Some(close) = close else {
                return Err(TemplateError { message: "a brace has no partner; write `{{` for a brace".into(), offset });
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(part(&brace[1..close], offset + 1)?);
            rest = &brace[close + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same with the place of each path.
    #[must_use]
    pub fn placed(self, mut place: impl FnMut(&Path) -> At) -> Self {
        let parts = self.parts.into_iter().map(|part| match part {
            Part::Path(path) => {
                let at = place(&path);
                Part::Path(path.placed(at))
            }
            Part::Segments(path) => {
                let at = place(&path);
                Part::Segments(path.placed(at))
            }
            Part::Text(_) | Part::Name(_) => part,
        });
        Self { parts: parts.collect(), ..self }
    }

    /// Its parts, in order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.parts.iter().map(|part| match part {
            Part::Text(text) => Piece::Text(text),
            Part::Path(path) | Part::Segments(path) => Piece::Path(path),
            Part::Name(name) => Piece::Name(name),
        })
    }

    /// The paths in it.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().filter_map(|part| match part {
            Part::Path(path) | Part::Segments(path) => Some(path),
            Part::Text(_) | Part::Name(_) => None,
        })
    }

    /// The bare names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) | Part::Path(_) | Part::Segments(_) => None,
        })
    }

    /// The text, where nothing is put into it.
    pub fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Writes the text; `name` gives the value of a bare name.
    ///
    /// # Errors
    /// A value that is missing, is a list or a map, or makes the text too long.
    pub fn render<'a>(
        &self,
        document: Document<'a>,
        name: &dyn Fn(&str) -> Option<&'a str>,
        escape: Escape,
    ) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Path(path) => {
                    let value = path.one(document).map_err(|error| error.to_string())?;
                    let text = scalar(value).ok_or_else(|| {
                        format!("`{}` is a list, a map or nothing, and text needs one value", path.text())
                    })?;
                    out.push_str(
                        &escaped(&text, escape)
                            .ok_or_else(|| format!("`{}` is `{text}`, which is no part of a URL", path.text()))?,
                    );
                }
                Part::Segments(path) => {
                    let value = path.one(document).map_err(|error| error.to_string())?;
                    let segments = value.as_str().and_then(segments);
                    out.push_str(&segments.ok_or_else(|| {
                        format!(
                            "`{}` is {value}, and a path goes from `/` on, without `//`, `.`, `..`, `?`, `#` and `\\`",
                            path.text()
                        )
                    })?);
                }
                Part::Name(wanted) => {
                    out.push_str(name(wanted).ok_or_else(|| format!("`{wanted}` is not set"))?);
                }
            }
            if out.len() > TEXT_MAX_BYTES {
                return Err(format!("the text is longer than {TEXT_MAX_BYTES} bytes"));
            }
        }
        Ok(out)
    }
}

fn part(inner: &str, offset: usize) -> Result<Part, TemplateError> {
    if inner.starts_with('$') {
        return Path::parse(inner)
            .map(Part::Path)
            .map_err(|reason| TemplateError { message: format!("`{inner}` is not a JSONPath: {reason}"), offset });
    }
    let is_name = !inner.is_empty()
        && inner.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_name {
        return Ok(Part::Name(inner.to_owned()));
    }
    Err(TemplateError { message: format!("`{{{inner}}}` is neither a path like `{{$.event.Id}}` nor a name"), offset })
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Nothing for what would change the path itself: an empty segment, `.` and `..`.
fn escaped(text: &str, escape: Escape) -> Option<String> {
    match escape {
        Escape::None => Some(text.to_owned()),
        Escape::Url if ["", ".", ".."].contains(&text) => None,
        Escape::Url => Some(percent_encoded(text)),
    }
}

/// A path from `/` on, each of its segments percent-encoded; nothing for what would change it, or lead elsewhere.
fn segments(text: &str) -> Option<String> {
    if text.contains(|sign: char| "?#\\".contains(sign) || sign.is_control()) {
        return None;
    }
    let segments: Vec<&str> = text.strip_prefix('/')?.split('/').collect();
    let (last, rest) = segments.split_last()?;
    let is_one = |segment: &&str| !["", ".", ".."].contains(segment);
    // A slash at the end is a part of the path.
    let is_path = rest.iter().all(is_one) && (last.is_empty() || is_one(last));
    is_path.then(|| segments.iter().map(|segment| format!("/{}", percent_encoded(segment))).collect())
}

/// All but the unreserved characters of RFC 3986 as `%XX`.
pub fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_in_place() {
        let value = json!({"id": "a/b c", "n": 5});
        let render = |text: &str, escape| {
            let template = Template::parse(text).map_err(|error| format!("{}: {}", error.offset, error.message))?;
            template.render(Document::Value(&value), &|name| (name == "pid").then_some("77"), escape)
        };
        assert_eq!(render("/p/{pid}/{$.id}?n={$.n}", Escape::Url).unwrap(), "/p/77/a%2Fb%20c?n=5");
        assert_eq!(render("{{{$.id}}}", Escape::None).unwrap(), "{a/b c}");
        assert_eq!(render("{$.nothing}", Escape::None).unwrap_err(), "`$.nothing` is not there");
        assert_eq!(render("{other}", Escape::None).unwrap_err(), "`other` is not set");
        assert_eq!(render("a {$.id", Escape::None).unwrap_err(), "2: a brace has no partner; write `{{` for a brace");
        assert_eq!(
            render("{A b}", Escape::None).unwrap_err(),
            "1: `{A b}` is neither a path like `{$.event.Id}` nor a name"
        );
    }

    #[test]
    fn a_whole_path_is_put_in_segment_by_segment() {
        let render = |path: &str| {
            let template = Template::parse_path("/v1{+$.path}").unwrap();
            template.render(Document::Value(&json!({ "path": path })), &|_| None, Escape::Url)
        };
        for (path, expected) in
            [("/a/b c", "/v1/a/b%20c"), ("/", "/v1/"), ("/a/", "/v1/a/"), ("/a%2F..:@/ü", "/v1/a%252F..%3A%40/%C3%BC")]
        {
            assert_eq!(render(path).unwrap(), expected, "{path}");
        }
        for path in
            ["", "a", "//a", "/a//b", "/a//", "/..", "/a/../b", "/./a", "/a?b", "/a#b", "/a\\b", "/a\nb", "https://a"]
        {
            assert!(render(path).is_err(), "{path}");
        }
        assert_eq!(Template::parse("{+$.path}").unwrap_err().offset, 1);
    }
}
