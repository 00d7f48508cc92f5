//! Forms of RFC 9535 in which `jsonpath-rust` gives something else than the standard says: they are refused.
//!
//! Found with the standard's compliance test suite (`tests/jsonpath`), which shows that no other form deviates. Each
//! message says what to write instead.

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, JpQuery, Segment, Selector, SingularQuery, Test, TestFunction,
};

/// Filters compare numbers as binary fractions of 64 bits, which hold any decimal of so many digits.
const DIGITS_MAX: usize = 15;

/// Why a path is refused, where its meaning here would not be that of the standard.
pub(super) fn refusal(text: &str, query: &JpQuery) -> Option<String> {
    long_number(text).or_else(|| segments(&query.segments, false))
}

fn long_number(text: &str) -> Option<String> {
    let (mut quote, mut is_name, mut digits) = (None, false, 0);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => drop(letters.next()),
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '0'..='9') if !is_name => digits += 1,
            (Some(_), _) | (None, '.' | '0'..='9') => {}
            (None, _) => {
                is_name = letter.is_alphabetic() || letter == '_';
                digits = 0;
            }
        }
        if digits > DIGITS_MAX {
            return Some(format!(
                "it has a number of more than {DIGITS_MAX} digits, which a filter compares inexactly: compare it in Rhai"
            ));
        }
    }
    None
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
        Filter::Atom(FilterAtom::Comparison(comparison)) => {
            let (Comparison::Eq(left, right)
            | Comparison::Ne(left, right)
            | Comparison::Gt(left, right)
            | Comparison::Gte(left, right)
            | Comparison::Lt(left, right)
            | Comparison::Lte(left, right)) = comparison.as_ref();
            [left, right].into_iter().find_map(comparable)
        }
    }
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
