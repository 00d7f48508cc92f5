//! JSONPath as RFC 9535 says it: the standard's compliance test suite, and every accepted and refused form with an example.
//!
//! `cts.json` is the suite's own file, unchanged: github.com/jsonpath-standard/jsonpath-compliance-test-suite at
//! 7be7c1fc28057c91e8eefaf197060fba7ed43acd, BSD 2-clause, see LICENSE.

mod forms;

use expect_test::{expect, expect_file};
use ferry_contract::path::{Document, Path};
use serde_json::Value;

/// What a path gives.
fn values(path: &Path, document: &Value) -> Value {
    path.many(Document::Value(document)).into_iter().cloned().collect()
}

/// Each path of the suite gives what the suite says, or is refused; what the suite calls invalid is refused. The snapshot
/// has the reasons for which valid ones are.
#[test]
fn the_compliance_suite_holds_where_a_path_is_not_refused() {
    let suite: Value = serde_json::from_str(include_str!("cts.json")).unwrap();
    let (mut refused, mut count) = (std::collections::BTreeMap::<String, usize>::new(), 0);
    for case in suite["tests"].as_array().unwrap() {
        count += 1;
        let (name, selector) = (&case["name"], case["selector"].as_str().unwrap());
        match (Path::parse(selector), case["invalid_selector"] == true) {
            (Err(_), true) => {}
            (Ok(_), true) => panic!("{name}: {selector} is invalid, and accepted"),
            (Err(reason), false) => *refused.entry(reason).or_default() += 1,
            (Ok(path), false) => {
                let found = values(&path, &case["document"]);
                let is_said =
                    case["result"] == found || case["results"].as_array().is_some_and(|all| all.contains(&found));
                assert!(is_said, "{name}: {selector} gives {found} on {}", case["document"]);
            }
        }
    }
    let refused: String = refused.iter().map(|(reason, count)| format!("{count:>3} {reason}\n")).collect();
    expect![[r#"
        703 in all
          1 a filter inside a filter finds nothing: use Rhai's `filter` and `some`
         13 a filter reads `@` only, and `$` is not known in it: use Rhai's `filter`
          8 it has a number of more than 15 digits, which a filter compares inexactly: compare it in Rhai
          2 several selectors after `..` give another order: write one path for each
    "#]]
    .assert_eq(&format!("{count} in all\n{refused}"));
}

#[test]
fn every_accepted_form_gives_what_its_example_says() {
    let document: Value = serde_json::from_str(forms::DOCUMENT).unwrap();
    for form in forms::ACCEPTED {
        let path = Path::parse(form.written).unwrap_or_else(|reason| panic!("{}: {reason}", form.written));
        assert_eq!(values(&path, &document).to_string(), form.gives, "{}", form.written);
    }
}

#[test]
fn every_refused_form_says_what_to_write() {
    for (written, says) in forms::REFUSED {
        assert_eq!(Path::parse(written).map(|_| ()), Err((*says).to_owned()), "{written}");
    }
}

/// Found by fuzzing: the grammar tries each of these brackets in several ways, and took four seconds for 213 letters.
#[test]
fn a_path_of_open_brackets_is_refused_before_it_is_read() {
    let brackets =
        "$[?(((((((((((((((value(none_of(((search(((((((((any_of((((((((((((((((value(((((search((((((!((any_off";
    assert_eq!(
        Path::parse(brackets).map(|_| ()),
        Err("it has more than 8 brackets inside each other: use Rhai".to_owned())
    );
    assert!(Path::parse("$.a['((((((((((((((('][*]").is_ok(), "brackets in a text are letters");
}

/// Digits in names and in texts are no number.
#[test]
fn only_numbers_are_too_long() {
    for path in ["$.a12345678901234567[*]", "$.a[?@.b == '12345678901234567']", "$['12345678901234567'][*]"] {
        assert!(Path::parse(path).is_ok(), "{path}");
    }
    assert!(Path::parse("$.a[?@.b == 12345678901234567]").is_err());
}

#[test]
fn the_page_shows_every_form() {
    expect_file!["../../../../docs/reference/jsonpath.md"].assert_eq(&forms::page());
}
