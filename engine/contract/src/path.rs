//! JSONPath (RFC 9535), compiled.
//!
//! Paths of names and indices, which nearly all are, walk the value themselves; the others go to
//! `jsonpath-rust`, unless it would give something else than the standard says.

mod deviations;
mod way;

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use serde_json::Value;

pub use way::Part;

use crate::{limits::PATH_MATCHES_MAX, pairs::Pairs, report::At};

/// A compiled JSONPath.
#[derive(Clone, Debug)]
pub struct Path {
    text: String,
    at: At,
    first: Option<String>,
    rest: Rest,
}

#[derive(Clone, Debug)]
enum Rest {
    Singular(Vec<Step>),
    Query(Box<JpQuery>),
}

/// One step of a path that has no choice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Into a map.
    Name(String),
    /// Into a list; a negative one counts from the end.
    Index(i64),
}

/// The named values that `$` has in a pipeline: event, vars, steps …
pub trait Roots {
    /// The value of a root, where there is one now.
    fn root(&self, name: &str) -> Option<&Value>;

    /// The cross-references that may be read here.
    fn pairs(&self) -> Option<&dyn Pairs> {
        None
    }
}

/// What `$` is.
#[derive(Clone, Copy)]
pub enum Document<'a> {
    /// One value: an event, an input, a response.
    Value(&'a Value),
    /// A set of named values.
    Roots(&'a dyn Roots),
}

/// Why a path gave not exactly one value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PathError {
    /// Nothing is there.
    #[error("`{0}` is not there")]
    Missing(String),
    /// Several values match where one is needed.
    #[error("`{path}` gives {matches} values, and one is needed")]
    Several {
        /// The path.
        path: String,
        /// How many.
        matches: usize,
    },
}

impl Path {
    /// Compiles a path that starts with `$`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    ///
    /// ```
    /// # use ferry_contract::path::{Document, Path};
    /// # use serde_json::json;
    /// let path = Path::parse("$.items[1].id").unwrap();
    /// let value = json!({"items": [{"id": 7}, {"id": 8}]});
    /// assert_eq!(path.one(Document::Value(&value)).unwrap(), &json!(8));
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(steps) = plain(text) {
            let first = match steps.first() {
                Some(Step::Name(name)) => Some(name.clone()),
                Some(Step::Index(_)) | None => None,
            };
            return Ok(Self { text: text.to_owned(), at: At::default(), first, rest: Rest::Singular(steps) });
        }
        if let Some(refusal) = deviations::nesting(text) {
            return Err(refusal);
        }
        let query = jsonpath_rust::parser::parse_json_path(text).map_err(|error| reason(text, &error.to_string()))?;
        if let Some(refusal) = deviations::refusal(text, &query) {
            return Err(refusal);
        }
        let first = match query.segments.first() {
            Some(Segment::Selector(Selector::Name(name))) => Some(unquoted(name)),
            _ => None,
        };
        let singular: Option<Vec<Step>> = query.segments.iter().map(step).collect();
        let rest = match singular {
            Some(steps) => Rest::Singular(steps),
            None => Rest::Query(Box::new(query)),
        };
        Ok(Self { text: text.to_owned(), at: At::default(), first, rest })
    }

    /// The same with its place in the file.
    #[must_use]
    pub fn placed(self, at: At) -> Self {
        Self { at, ..self }
    }

    /// Where it is written.
    pub fn at(&self) -> At {
        self.at
    }

    /// The steps of a path that gives at most one value; nothing where it may give several.
    pub fn steps(&self) -> Option<&[Step]> {
        match &self.rest {
            Rest::Singular(steps) => Some(steps),
            Rest::Query(_) => None,
        }
    }

    /// The path as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first name: `event` of `$.event.Id`.
    pub fn root(&self) -> Option<&str> {
        self.first.as_deref()
    }

    /// The names after the root as far as they are plain: `["Id"]` of `$.event.Id`.
    pub fn names(&self) -> Vec<&str> {
        let Rest::Singular(steps) = &self.rest else { return Vec::new() };
        steps
            .iter()
            .skip(1)
            .map_while(|step| match step {
                Step::Name(name) => Some(name.as_str()),
                Step::Index(_) => None,
            })
            .collect()
    }

    /// All names joined by dots, as query languages write a field: `Account.Name`; nothing where the
    /// path has more than names.
    pub fn dotted(&self) -> Option<String> {
        let Rest::Singular(steps) = &self.rest else { return None };
        let names = steps.iter().map(|step| match step {
            Step::Name(name) => Some(name.as_str()),
            Step::Index(_) => None,
        });
        Some(names.collect::<Option<Vec<_>>>()?.join("."))
    }

    /// Whether it can give at most one value.
    pub fn is_singular(&self) -> bool {
        matches!(self.rest, Rest::Singular(_))
    }

    /// Whether it takes all of something: `[*]`, `..`, a slice, or several at once. A filter is written to find one.
    pub fn is_plural(&self) -> bool {
        let is_plural = |segment: &Segment| match segment {
            Segment::Selector(Selector::Wildcard | Selector::Slice(..))
            | Segment::Selectors(_)
            | Segment::Descendant(_) => true,
            Segment::Selector(Selector::Name(_) | Selector::Index(_) | Selector::Filter(_)) => false,
        };
        match &self.rest {
            Rest::Singular(_) => false,
            Rest::Query(query) => query.segments.iter().any(is_plural),
        }
    }

    /// The one value.
    ///
    /// # Errors
    /// [`PathError`] where there is none, or more than one.
    pub fn one<'a>(&self, document: Document<'a>) -> Result<&'a Value, PathError> {
        let missing = || PathError::Missing(self.text.clone());
        match &self.rest {
            Rest::Singular(steps) => walk(steps, document).ok_or_else(missing),
            Rest::Query(_) => match self.many(document).as_slice() {
                [] => Err(missing()),
                [one] => Ok(one),
                several => Err(PathError::Several { path: self.text.clone(), matches: several.len() }),
            },
        }
    }

    /// All values, in document order; at most [`PATH_MATCHES_MAX`].
    pub fn many<'a>(&self, document: Document<'a>) -> Vec<&'a Value> {
        match &self.rest {
            Rest::Singular(steps) => walk(steps, document).into_iter().collect(),
            Rest::Query(query) => {
                let (value, query) = match (document, &self.first) {
                    (Document::Value(value), _) => (value, query.as_ref().clone()),
                    (Document::Roots(roots), Some(first)) => match roots.root(first) {
                        Some(value) => (value, JpQuery::new(query.segments[1..].to_vec())),
                        None => return Vec::new(),
                    },
                    (Document::Roots(_), None) => return Vec::new(),
                };
                matches(&query, value)
            }
        }
    }

    /// The value to change, made where it is missing; nothing where something else is in the way.
    pub fn slot<'a>(&self, value: &'a mut Value) -> Option<&'a mut Value> {
        let Rest::Singular(steps) = &self.rest else { return None };
        steps.iter().try_fold(value, |value, step| match step {
            Step::Name(name) => {
                if value.is_null() {
                    *value = Value::Object(serde_json::Map::new());
                }
                Some(value.as_object_mut()?.entry(name.clone()).or_insert(Value::Null))
            }
            Step::Index(index) => value.as_array_mut()?.get_mut(usize::try_from(*index).ok()?),
        })
    }
}

fn matches<'a>(query: &JpQuery, value: &'a Value) -> Vec<&'a Value> {
    let found = jsonpath_rust::query::js_path_process(query, value).unwrap_or_default();
    found.into_iter().take(PATH_MATCHES_MAX).map(jsonpath_rust::query::QueryRef::val).collect()
}

fn walk<'a>(steps: &[Step], document: Document<'a>) -> Option<&'a Value> {
    let (start, steps) = match (document, steps.split_first()) {
        (Document::Value(value), _) => (value, steps),
        (Document::Roots(roots), Some((Step::Name(name), rest))) => (roots.root(name)?, rest),
        (Document::Roots(_), Some((Step::Index(_), _)) | None) => return None,
    };
    steps.iter().try_fold(start, |value, step| match step {
        Step::Name(name) => value.as_object()?.get(name),
        Step::Index(index) => {
            let items = value.as_array()?;
            let index = if *index < 0 { i64::try_from(items.len()).ok()? + index } else { *index };
            items.get(usize::try_from(index).ok()?)
        }
    })
}

/// The steps of a path of plain names, as nearly all are; `jsonpath-rust` reads the others, ten times as long.
fn plain(text: &str) -> Option<Vec<Step>> {
    let names = text.strip_prefix("$.")?.split('.');
    names.map(|name| is_plain(name).then(|| Step::Name(name.to_owned()))).collect()
}

fn is_plain(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let mut bytes = name.bytes();
    bytes.next().is_some_and(is_letter) && bytes.all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

fn step(segment: &Segment) -> Option<Step> {
    match segment {
        Segment::Selector(Selector::Name(name)) => Some(Step::Name(unquoted(name))),
        Segment::Selector(Selector::Index(index)) => Some(Step::Index(*index)),
        Segment::Selector(Selector::Wildcard | Selector::Slice(..) | Selector::Filter(_))
        | Segment::Selectors(_)
        | Segment::Descendant(_) => None,
    }
}

/// `jsonpath-rust` keeps the quotes of `['name']`.
fn unquoted(name: &str) -> String {
    let inner = |quote: char| name.strip_prefix(quote).and_then(|name| name.strip_suffix(quote));
    inner('\'').or_else(|| inner('"')).unwrap_or(name).to_owned()
}

/// Where the path stops being one; the parser's own words name rules of its grammar.
fn reason(path: &str, error: &str) -> String {
    if !path.starts_with('$') {
        return "it does not begin with `$`".to_owned();
    }
    let place = error.split_once("--> 1:").map(|(_, place)| place.chars().take_while(char::is_ascii_digit));
    let column = place.and_then(|digits| digits.collect::<String>().parse::<usize>().ok());
    let rest = column.map(|column| path.chars().skip(column.saturating_sub(1)).collect::<String>());
    match rest.as_deref() {
        Some("") => "it ends too early".to_owned(),
        Some(rest) => format!("it goes wrong at `{rest}`"),
        None => error.lines().next().unwrap_or("it cannot be read").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    struct Two(BTreeMap<&'static str, Value>);

    impl Roots for Two {
        fn root(&self, name: &str) -> Option<&Value> {
            self.0.get(name)
        }
    }

    #[test]
    fn paths_give_what_the_standard_says() {
        let value = json!({"a": {"b c": [1, 2, {"d": 3}]}, "list": [{"n": 1}, {"n": 2}]});
        for (path, expected) in [
            ("$", json!([value])),
            ("$.a['b c'][2].d", json!([3])),
            ("$.a['b c'][-1].d", json!([3])),
            ("$.list[*].n", json!([1, 2])),
            ("$.list[?@.n > 1].n", json!([2])),
            ("$..d", json!([3])),
            ("$.nothing", json!([])),
        ] {
            let found = Path::parse(path).unwrap();
            let found: Vec<_> = found.many(Document::Value(&value)).into_iter().cloned().collect();
            assert_eq!(Value::from(found), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_path_is_what_the_library_reads(text in r"\$[.a-zA-Z_0-9\[\]'$ ]{0,9}|(\$(\.[a-z_][a-z0-9]?){0,3})") {
            if let Some(steps) = plain(&text) {
                let query = jsonpath_rust::parser::parse_json_path(&text);
                let read: Option<Vec<Step>> = query.ok().and_then(|query| query.segments.iter().map(step).collect());
                prop_assert_eq!(read, Some(steps));
            }
        }
    }

    #[test]
    fn roots_are_looked_up_by_name() {
        let roots = Two(BTreeMap::from([("event", json!({"ids": [1, 2]}))]));
        let one = |text: &str| Path::parse(text).unwrap().one(Document::Roots(&roots)).cloned();
        assert_eq!(one("$.event.ids[0]"), Ok(json!(1)));
        assert_eq!(one("$.event.ids[?@ > 1]"), Ok(json!(2)));
        assert_eq!(one("$.other.x"), Err(PathError::Missing("$.other.x".into())));
        assert_eq!(one("$.event.ids[*]"), Err(PathError::Several { path: "$.event.ids[*]".into(), matches: 2 }));
    }

    #[test]
    fn a_slot_is_made_on_the_way() {
        let mut value = json!({});
        *Path::parse("$.a.b").unwrap().slot(&mut value).unwrap() = json!(1);
        assert_eq!(value, json!({"a": {"b": 1}}));
    }

    #[test]
    fn what_is_no_path_is_an_error() {
        for (text, expected) in [
            ("$.", "it ends too early"),
            ("$.a[", "it ends too early"),
            ("$.a[b]", "it goes wrong at `b]`"),
            ("$50", "it goes wrong at `50`"),
            ("a.b", "it does not begin with `$`"),
        ] {
            assert_eq!(Path::parse(text).map(|_| ()), Err(expected.to_owned()), "{text}");
        }
    }
}
