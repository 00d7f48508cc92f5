//! Forms of RFC 9535 in which `jsonpath-rust` gives something else than the standard says: they are refused.
//!
//! Found with the standard's compliance test suite (`tests/jsonpath`), which shows that no other form deviates. Each
//! message says what to write instead.

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, JpQuery, Segment, Selector, SingularQuery, Test, TestFunction,
};

use crate::limits::PATH_DEPTH_MAX;

/// Filters compare numbers as binary fractions of 64 bits, which hold any decimal of so many digits.
const DIGITS_MAX: usize = 15;

/// Why a path is refused, where its meaning here would not be that of the standard.
pub(super) fn refusal(text: &str, query: &JpQuery) -> Option<String> {
    long_number(text).or_else(|| segments(&query.segments, false))
}

fn long_number(text: &str) -> Option<String> {
    let (mut is_name, mut digits) = (false, 0);
    let is_long = outside_quotes(text).any(|letter| {
        match letter {
            '0'..='9' if !is_name => digits += 1,
            '.' | '0'..='9' => {}
            _ => {
                is_name = letter.is_alphabetic() || letter == '_';
                digits = 0;
            }
        }
        digits > DIGITS_MAX
    });
    let message = "digits, which a filter compares inexactly: compare it in Rhai";
    is_long.then(|| format!("it has a number of more than {DIGITS_MAX} {message}"))
}

/// Why a path is not even read: `jsonpath-rust` tries each bracket in several ways, and so each doubles its time.
pub(super) fn nesting(text: &str) -> Option<String> {
    let mut depth = 0_usize;
    let is_deep = outside_quotes(text).any(|letter| {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > PATH_DEPTH_MAX
    });
    is_deep.then(|| format!("it has more than {PATH_DEPTH_MAX} brackets inside each other: use Rhai"))
}

/// The letters that are not in a text of the path, without quotes.
fn outside_quotes(text: &str) -> impl Iterator<Item = char> {
    let (mut quote, mut is_escaped) = (None, false);
    text.chars().filter(move |letter| {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if *letter == '\\' => is_escaped = true,
            Some(open) if *letter == open => quote = None,
            None if matches!(letter, '\'' | '"') => quote = Some(*letter),
            Some(_) => {}
            None => return true,
        }
        false
    })
}

fn segments(segments: &[Segment], is_in_filter: bool) -> Option<String> {
    segments.iter().find_map(|segment| match segment {
        Segment::Descendant(inner) => match inner.as_ref() {
            Segment::Selectors(_) => {
                Some("several selectors after `..` give another order: write one path for each".to_owned())
            }
            inner => self::segments(std::slice::from_ref(inner), is_in_filter),
        },
        Segment::Selector(one) => selector(one, is_in_filter),
        Segment::Selectors(several) => several.iter().find_map(|one| selector(one, is_in_filter)),
    })
}

fn selector(selector: &Selector, is_in_filter: bool) -> Option<String> {
    match selector {
        Selector::Filter(_) if is_in_filter => {
            Some("a filter inside a filter finds nothing: use Rhai's `filter` and `some`".to_owned())
        }
        Selector::Filter(inner) => filter(inner),
        Selector::Name(_) | Selector::Wildcard | Selector::Index(_) | Selector::Slice(..) => None,
    }
}

fn filter(whole: &Filter) -> Option<String> {
    match whole {
        Filter::Or(parts) | Filter::And(parts) => parts.iter().find_map(filter),
        Filter::Atom(FilterAtom::Filter { expr, .. }) => filter(expr),
        Filter::Atom(FilterAtom::Test { expr, .. }) => match expr.as_ref() {
            Test::Function(called) => not_compared(called).or_else(|| function(called)),
            Test::RelQuery(_) | Test::AbsQuery(_) => test(expr),
        },
        Filter::Atom(FilterAtom::Comparison(comparison)) => sides(comparison).into_iter().find_map(comparable),
    }
}

/// What a filter compares.
pub(super) fn sides(comparison: &Comparison) -> [&Comparable; 2] {
    let (Comparison::Eq(left, right)
    | Comparison::Ne(left, right)
    | Comparison::Gt(left, right)
    | Comparison::Gte(left, right)
    | Comparison::Lt(left, right)
    | Comparison::Lte(left, right)) = comparison;
    [left, right]
}

/// `length`, `count` and `value` give values; only `match` and `search` give true or false.
fn not_compared(called: &TestFunction) -> Option<String> {
    let name = match called {
        TestFunction::Length(_) => "length",
        TestFunction::Count(_) => "count",
        TestFunction::Value(_) => "value",
        TestFunction::Search(..) | TestFunction::Match(..) | TestFunction::Custom(..) => return None,
    };
    Some(format!("`{name}` gives a value and no condition: compare it, as in `{name}(@.a) == 1`"))
}

fn comparable(side: &Comparable) -> Option<String> {
    match side {
        Comparable::Function(called) => function(called),
        Comparable::SingularQuery(SingularQuery::Root(_)) => absolute(),
        Comparable::SingularQuery(SingularQuery::Current(_)) | Comparable::Literal(_) => None,
    }
}

fn function(called: &TestFunction) -> Option<String> {
    match called {
        TestFunction::Length(argument) => many_in_length(argument).or_else(|| self::argument(argument)),
        TestFunction::Value(argument) | TestFunction::Count(argument) => self::argument(argument),
        TestFunction::Search(first, second) | TestFunction::Match(first, second) => {
            argument(first).or_else(|| argument(second))
        }
        TestFunction::Custom(name, _) => Some(format!(
            "`{name}` is no function of JSONPath: use Rhai, or `length`, `count`, `value`, `match`, `search`"
        )),
    }
}

fn many_in_length(argument: &FnArg) -> Option<String> {
    let FnArg::Test(test) = argument else { return None };
    let (Test::RelQuery(segments) | Test::AbsQuery(JpQuery { segments })) = test.as_ref() else { return None };
    let is_one = |segment: &Segment| matches!(segment, Segment::Selector(Selector::Name(_) | Selector::Index(_)));
    let message = "`length` takes the length of one value: write a path of names and indices in it, or use `count`";
    (!segments.iter().all(is_one)).then(|| message.to_owned())
}

fn argument(argument: &FnArg) -> Option<String> {
    match argument {
        FnArg::Literal(_) => None,
        FnArg::Test(inner) => test(inner),
        FnArg::Filter(inner) => filter(inner),
    }
}

fn test(test: &Test) -> Option<String> {
    match test {
        Test::RelQuery(inner) => segments(inner, true),
        Test::AbsQuery(_) => absolute(),
        Test::Function(called) => function(called),
    }
}

/// Where `$` is a set of roots, there is no one value that it could be inside a filter.
fn absolute() -> Option<String> {
    Some("a filter reads `@` only, and `$` is not known in it: use Rhai's `filter`".to_owned())
}
