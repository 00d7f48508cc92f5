//! The fold beside others: a run that it has begun, and a refusal that nobody sent.

mod story;
mod world;

use expect_test::expect;

use story::check;

const CLOSE: &str = "\
steps:
  - id: close
    timeout: 10s
    action: salesforce.update
    with: { object: Payment_Request__c, id: $.event.Id, values: { Status__c: Completed } }
    on_error:
      - { class: [conflict, unavailable], do: [{ id: note, map: { x: 1 } }], then: continue }
timeout: 20s
";

/// It leads elsewhere by now, or is to say something else: that is no word of the target.
#[test]
fn a_refusal_before_it_was_sent_says_nothing_of_an_attempt_that_may_have_arrived() {
    check(
        CLOSE,
        r#"
1 {"called":{"step":"close","attempt":1,"key":"salesforce/update/e1/close@d/0","digest":"d","target":"t"}}
2 {"failed":{"step":"close","failure":{"class":"unknown","message":"no answer"}}}
3 {"failed":{"step":"close","failure":{"class":"conflict","message":"it leads elsewhere"}}}
"#,
        expect![[r#"
            1 running: 
            2 running: call close at 2
            3 running: parked close
        "#]],
    );
}

/// It would go on, and pay, beside what is done in its place.
#[test]
fn no_time_out_ends_the_wait_for_a_run_that_is_under_way() {
    check(
        CLOSE,
        r#"
1 {"waiting":{"step":"close","on":{"run":{"run":"run_1","seen":5}}}}
30 < {"returned":{"step":"close","outcome":{"Err":{"class":"declined","message":"of its earlier life"}},"length":5}}
31 < {"returned":{"step":"close","outcome":{"Ok":{"id":"1"}},"length":9}}
"#,
        expect![[r#"
            1 waiting: 
            30 letter: moot, `close` has begun it again since
            30 waiting: 
            31 letter: arrived
            31 running: finish
        "#]],
    );
}
