//! What a run has read of cross-references: it stays as it was read for whatever was sent, and is read again else.

mod world;

use std::sync::Arc;

use expect_test::{Expect, expect};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::{CallKey, Digest},
    report::{Finding, Report},
    script::{Missing, NoWatch, Rules},
};
use ferry_core::{
    once::Guards,
    run::{Entry, From, Pair, Run},
};
use jiff::Timestamp;
use serde_json::json;

use world::{PROJECT, World, completed_for_any_event as completed};

fn project() -> String {
    format!(
        "{PROJECT}\nxref: {{ contacts: {{ between: [salesforce Contact, payoneer payee] }}, items: {{ between: [a, b] }} }}\n"
    )
}

const STEPS: &str = "\
steps:
  - id: pay
    action: payoneer.create_payout
    with:
      client_reference_id: $.event.Id
      payee_id: { xref: { table: contacts, key: $.event.contact } }
      amount: { money: { amount: 1, currency: USD } }
      description: a
";

/// What an evaluation of the first unit gives, or what it wants to read first.
fn evaluated(run: &Run) -> String {
    let rules = Rules::new(Missing::Fails, Arc::new(NoWatch));
    let reader = run.reader(0);
    let document = run.document(0, None).with_pairs(&reader);
    let value = run.call(0).expect("the first step calls").with.eval(document.scope(&rules));
    match (reader.wanted().as_slice(), value) {
        ([], Ok(value)) => value["payee_id"].to_string(),
        ([], Err(error)) => reader.classed(Failure::new(ErrorClass::Invalid, error.to_string())).to_string(),
        (wanted, _) => format!("wants {wanted:?}"),
    }
}

#[test]
fn what_was_read_stays_for_what_was_sent() {
    let checked = World::new().lint(&project(), &[&completed(STEPS)]);
    assert!(checked.reports.iter().all(Report::is_ok), "{:#?}", checked.reports);
    let mut run = Run::new(Arc::clone(&checked.plans[0]), "a", Guards::ALL);
    let at = Timestamp::UNIX_EPOCH;
    let read = |to: Option<&str>| {
        let pair = Pair { table: "contacts".into(), key: "003".into(), to: to.map(str::to_owned) };
        Entry::Referenced { step: "pay".into(), pairs: vec![pair] }
    };
    let failed = |class| Entry::Failed { step: "pay".into(), failure: Failure::new(class, "busy") };
    run.take(at, &Entry::Started { event: json!({ "Id": "a", "contact": "003" }), parent: None, refused: None });
    assert_eq!(evaluated(&run), r#"wants [("contacts", "003")]"#);
    run.take(at, &read(None));
    assert_eq!(
        evaluated(&run),
        "not_found: payee_id: `contacts` has no payoneer payee for the salesforce Contact `003`"
    );
    // Nothing was sent, so what was missing is looked for again.
    run.take(at, &failed(ErrorClass::NotFound));
    assert_eq!(evaluated(&run), r#"wants [("contacts", "003")]"#);
    let (by, reason) = ("a".to_owned(), "a".to_owned());
    run.take(at, &Entry::Resumed { by, reason, event: None, from: From::Start, by_person: true });
    run.take(at, &read(Some("P-1")));
    assert_eq!(evaluated(&run), r#""P-1""#);
    let key = CallKey::new("payoneer", "create_payout", "a", "pay", 0);
    let (digest, target) = (Digest::of("d"), Digest::of("t"));
    run.take(at, &Entry::Called { step: "pay".into(), attempt: 1, key, digest, target, is_probe: false });
    run.take(at, &failed(ErrorClass::Unknown));
    assert_eq!(evaluated(&run), r#""P-1""#);
}

#[track_caller]
fn check(steps: &str, expected: Expect) {
    let checked = World::new().lint(&project(), &[&completed(steps)]);
    let findings = checked.reports.iter().flat_map(Report::findings);
    // Of the project, only what is said of cross-references.
    let findings = findings.filter(|finding| {
        !["open-webhook", "unused-definition"].contains(&finding.check) || finding.message.contains("cross")
    });
    let line =
        |finding: &Finding| format!("{}: {}: {}\n  {}\n", finding.at, finding.check, finding.message, finding.help);
    expected.assert_eq(&findings.map(line).collect::<String>());
}

#[test]
fn a_slip_of_the_pen_says_where_a_key_belongs() {
    check(
        "\
steps:
  - { id: c, link: { tabel: items, key: $.event.Id, to: $.a.x, else: 1 } }
  - { id: d, table: contacts, map: 1 }
  - { id: e, link: { table: contacts, key: $.event.Id, to: $.event.x, replace: perhaps, on_error: [] } }
",
        expect![[r#"
            2:22: unknown-key: `tabel` is not a key of `link`
              did you mean `table`?
            2:22: missing-key: `link` needs `table`
              add `table: contacts`
            2:64: misplaced-key: `else` is not a key of `link`, but is one elsewhere
              move it inside `xref`, where the pair is read
            3:14: misplaced-key: `table` is not a key of a step, but is one elsewhere
              move it inside `link`
            4:80: wrong-type: `replace` must be `true` or `false`, and this is text
              write `true` or `false` here
            4:89: misplaced-key: `on_error` is not a key of `link`, but is one elsewhere
              move it one level up, beside `link`
        "#]],
    );
}

#[test]
fn a_wrong_cross_reference_says_what_to_write() {
    check(
        "\
steps:
  - { id: a, map: { xref: { table: contact, key: $.event.Id } } }
  - { id: b, map: { xref: { key: true, or: 1 } } }
  - { id: e, link: { table: contact, key: $.event.Id, to: $.event.Id } }
  - id: f
    wait:
      poll: { action: payoneer.get_payout_status, with: { client_reference_id: { xref: { table: contacts, key: a } } }, every: 1m }
      until: result.status == \"a\"
      timeout: { after: 1d, then: continue }
  - id: g
    action: payoneer.get_balance
    once_per: { xref: { table: contacts, key: a } }
",
        expect![[r#"
            9:70: unused-definition: no pipeline of this project uses the cross-reference `items`
              remove it, or name it in a pipeline
            2:36: unknown-xref: there is no cross-reference `contact` in ferry.yaml
              did you mean `contacts`?
            3:29: missing-key: `xref` needs `table`
              add `table: contacts`
            3:40: unknown-key: `or` is not a key of `xref`
              write one of `table`, `key`, `else`
            4:29: unknown-xref: there is no cross-reference `contact` in ferry.yaml
              did you mean `contacts`?
            7:80: misplaced-key: a cross-reference cannot be read here, where nothing keeps what was read
              read it in a step with `map`, and read that step here
            12:15: misplaced-key: a cross-reference cannot be read here, where nothing keeps what was read
              read it in a step with `map`, and read that step here
        "#]],
    );
}

#[test]
fn what_cannot_be_an_id_is_refused() {
    check(
        "\
steps:
  - { id: a, map: { balance: { xref: { table: contacts, key: true } } } }
  - { id: b, link: { table: contacts, key: [1], to: { x: 1 } } }
  - { id: c, map: { cents: { from: { xref: { table: contacts, key: a } }, as: integer } } }
  - { id: d, check: [ { rhai: a.balance > 1, say: a } ] }
",
        expect![[r#"
            9:70: unused-definition: no pipeline of this project uses the cross-reference `items`
              remove it, or name it in a pipeline
            2:62: wrong-input: `key` of `xref` must be a text or a number
              take the id, such as `$.event.Id`
            3:44: wrong-input: `key` of `link` must be a text or a number
              take the id, such as `$.event.Id`
            3:53: wrong-input: `to` of `link` must be a text or a number
              take the id, such as `$.event.Id`
            5:43: mixed-comparison: `a.balance` is a text, and is never `> 1`
              read its number first, `parse_decimal(a.balance)`, or compare it with a text
        "#]],
    );
}
