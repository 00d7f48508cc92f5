//! The fold of calls: retries, doubts, other ways, replays and cancels.

mod story;
mod world;

use expect_test::expect;
use ferry_core::run::Entry;

use story::{at, begun, check, read};

#[test]
fn a_retry_ends_by_count_and_by_time() {
    let story = r#"
1 {"called":{"step":"balance","attempt":1,"key":"k","digest":"d","target":"t"}}
2 {"failed":{"step":"balance","failure":{"class":"declined","message":"no"}}}
4 {"called":{"step":"balance","attempt":2,"key":"k","digest":"d","target":"t"}}
5 {"failed":{"step":"balance","failure":{"class":"declined","message":"no"}}}
"#;
    let steps = |retry: &str| {
        format!(
            "steps:\n  - id: balance\n    action: payoneer.get_balance\n    on_error:\n      - {{ class: declined, retry: {retry}, then: continue }}\n"
        )
    };
    check(
        &steps("{ attempts: 2, first: 2s, at_most: 2s }"),
        story,
        expect![[r#"
        1 running: 
        2 running: call balance at 3
        4 running: 
        5 running: finish
    "#]],
    );
    check(
        &steps("{ attempts: 9, within: 3s, first: 2s, at_most: 2s }"),
        story,
        expect![[r#"
        1 running: 
        2 running: finish
        4 running: 
        5 running: finish
    "#]],
    );
}

/// The first attempt may have been done: that the second one was refused does not make the write undone.
#[test]
fn a_refused_repeat_of_a_write_that_may_have_been_done_is_for_a_person() {
    check(
        "\
steps:
  - id: close
    action: salesforce.update
    with: { object: Payment_Request__c, id: $.event.Id, values: { Status__c: Completed } }
",
        r#"
1 {"called":{"step":"close","attempt":1,"key":"k","digest":"d","target":"t"}}
2 {"failed":{"step":"close","failure":{"class":"unknown","message":"no answer"}}}
9 {"called":{"step":"close","attempt":2,"key":"k","digest":"d","target":"t"}}
10 {"failed":{"step":"close","failure":{"class":"rejected","message":"no"}}}
"#,
        expect![[r#"
            1 running: 
            2 running: call close at 2
            9 running: 
            10 running: parked close
        "#]],
    );
}

/// A time-out is no proof: nothing that the pipeline says of a failure happens while the write may have arrived.
#[test]
fn a_write_that_may_have_arrived_is_for_a_person_when_its_time_is_over() {
    check(
        "\
steps:
  - id: close
    timeout: 60s
    action: salesforce.update
    with: { object: Payment_Request__c, id: $.event.Id, values: { Status__c: Completed } }
    on_error:
      - { class: unavailable, do: [{ id: note, map: { x: 1 } }], then: continue }
",
        r#"
1 {"called":{"step":"close","attempt":1,"key":"k","digest":"d","target":"t"}}
2 {"failed":{"step":"close","failure":{"class":"unknown","message":"no answer"}}}
61 {"failed":{"step":"close","failure":{"class":"unavailable","message":"the step took longer than it may"}}}
"#,
        expect![[r#"
            1 running: 
            2 running: call close at 2
            61 running: parked close
        "#]],
    );
}

/// Absence is proven, so the pipeline may react; the payout goes no more often and no longer than it may.
#[test]
fn a_write_that_never_arrives_ends_by_count_and_by_time() {
    let payout = |more: &str| PAYOUT.replace("    action: payoneer", &format!("{more}    action: payoneer"));
    let lost = r#"
1 {"evaluated":{"step":"first","output":{"x":1}}}
2 {"called":{"step":"submit","attempt":1,"key":"payoneer/create_payout/e1/submit/0","digest":"d","target":"t"}}
3 {"failed":{"step":"submit","failure":{"class":"unknown","message":"no answer"}}}
1000 {"looked_up":{"step":"submit","found":"absent","output":{}}}
1001 {"called":{"step":"submit","attempt":2,"key":"payoneer/create_payout/e1/submit/0","digest":"d","target":"t"}}
1002 {"failed":{"step":"submit","failure":{"class":"unknown","message":"no answer"}}}
2000 {"looked_up":{"step":"submit","found":"absent","output":{}}}
"#;
    let by_count = "    on_error: [ { class: unavailable, retry: { attempts: 2 }, then: dead_letter } ]\n";
    for limit in ["    timeout: 30m\n", by_count] {
        check(
            &payout(limit),
            lost,
            expect![[r#"
                1 running: start submit
                2 running: 
                3 running: look up submit at 913
                1000 running: call submit at 1000
                1001 running: 
                1002 running: look up submit at 1912
                2000 running: dead letter at submit, unavailable: none of 2 attempts has arrived: the target does not have it
            "#]],
        );
    }
}

const RESERVE: &str = "\
steps:
  - id: submit
    action: payoneer.create_payout
    with: { client_reference_id: $.event.Id, payee_id: p, amount: { amount: 1, currency: USD }, description: d }
    on_error:
      - class: unavailable
        retry: { attempts: 1 }
        fallback: { action: reserve.create_payout }
";

#[test]
fn a_payout_takes_another_way_only_where_the_first_was_not_done() {
    check(
        RESERVE,
        r#"
1 {"called":{"step":"submit","attempt":1,"key":"payoneer/create_payout/e1/submit/0","digest":"d","target":"t"}}
2 {"failed":{"step":"submit","failure":{"class":"unavailable","message":"down"}}}
3 {"called":{"step":"submit","attempt":1,"key":"reserve/create_payout/e1/submit/0","digest":"d","target":"u"}}
4 {"failed":{"step":"submit","failure":{"class":"unknown","message":"no answer"}}}
"#,
        expect![[r#"
            1 running: 
            2 running: start submit
            3 running: 
            4 running: look up submit at 914
        "#]],
    );
    // A person gave up on the first way; begun again, nothing else is done in its place.
    check(
        RESERVE,
        r#"
1 {"called":{"step":"submit","attempt":1,"key":"payoneer/create_payout/e1/submit/0","digest":"d","target":"t"}}
2 {"failed":{"step":"submit","failure":{"class":"unknown","message":"no answer"}}}
3 {"looked_up":{"step":"submit","found":"not_seen","output":{}}}
4 {"parked":{"step":"submit","reason":"look there"}}
5 < {"decision":{"step":"submit","by":"ana","reason":"nobody knows","decision":"give_up"}}
6 {"dead_lettered":{"step":"submit","failure":{"class":"unknown","message":"no answer"}}}
7 {"resumed":{"by":"ana","reason":"again","from":"start","by_person":true}}
8 {"failed":{"step":"submit","failure":{"class":"unavailable","message":"no token"}}}
"#,
        expect![[r#"
            1 running: 
            2 running: look up submit at 912
            3 running: parked submit
            4 parked: 
            5 letter: decided
            5 running: dead letter at submit, unknown: no answer
            6 dead_lettered: 
            7 running: start submit
            8 running: parked submit
        "#]],
    );
    // The other way was cancelled and paid again: begun once more, it is that way still.
    let mut run = begun(RESERVE);
    for line in r#"
1 {"failed":{"step":"submit","failure":{"class":"unavailable","message":"down"}}}
2 {"called":{"step":"submit","attempt":1,"key":"reserve/create_payout/e1/submit/0","digest":"d","target":"u"}}
3 {"answered":{"step":"submit","output":{}}}
4 {"dead_lettered":{"step":"submit","failure":{"class":"invalid","message":"later"}}}
5 {"resumed":{"by":"ana","reason":"cancelled","from":"start","by_person":true}}
6 {"doubted":{"step":"submit","key":"reserve/create_payout/e1/submit/0"}}
7 {"looked_up":{"step":"submit","found":{"void":"cancelled"},"output":{}}}
8 {"called":{"step":"submit","attempt":1,"key":"reserve/create_payout/e1/submit/1","digest":"d","target":"u"}}
9 {"answered":{"step":"submit","output":{}}}
10 {"dead_lettered":{"step":"submit","failure":{"class":"invalid","message":"later"}}}
11 {"resumed":{"by":"trigger","reason":"corrected","from":"start"}}
"#
    .lines()
    .filter(|line| !line.is_empty())
    {
        let (second, entry) = read::<Entry>(line);
        run.take(at(second), &entry);
    }
    let submit = run.unit_named("submit").expect("a step");
    assert_eq!(run.call(submit).map(|call| call.connection.as_str()), Some("reserve"));
}

/// What the target has cancelled is paid again by a person alone, and by no corrected record.
#[test]
fn a_corrected_record_pays_nothing_again() {
    let again = |by_person: bool| {
        format!(
            r#"
1 {{"evaluated":{{"step":"first","output":{{"x":1}}}}}}
2 {{"called":{{"step":"submit","attempt":1,"key":"payoneer/create_payout/e1/submit/0","digest":"d","target":"t"}}}}
3 {{"answered":{{"step":"submit","output":{{}}}}}}
4 {{"dead_lettered":{{"step":"last","failure":{{"class":"declined","message":"cancelled"}}}}}}
5 {{"resumed":{{"by":"ana","reason":"again","from":"start","by_person":true}}}}
6 {{"resumed":{{"by":"x","reason":"y","from":"start","by_person":{by_person}}}}}
7 {{"evaluated":{{"step":"first","output":{{"x":1}}}}}}
8 {{"called":{{"step":"submit","attempt":1,"key":"payoneer/create_payout/e1/submit/0","digest":"d","target":"t"}}}}
9 {{"failed":{{"step":"submit","failure":{{"class":"unknown","message":"no answer"}}}}}}
10 {{"looked_up":{{"step":"submit","found":{{"void":"cancelled"}},"output":{{}}}}}}
"#
        )
    };
    check(
        PAYOUT,
        &again(true),
        expect![[r#"
        1 running: start submit
        2 running: 
        3 running: start last
        4 dead_lettered: 
        5 running: start first
        6 running: start first
        7 running: start submit
        8 running: 
        9 running: look up submit at 919
        10 running: call submit at 10
    "#]],
    );
    check(
        PAYOUT,
        &again(false),
        expect![[r#"
        1 running: start submit
        2 running: 
        3 running: start last
        4 dead_lettered: 
        5 running: start first
        6 running: start first
        7 running: start submit
        8 running: 
        9 running: look up submit at 919
        10 running: start last
    "#]],
    );
}

#[test]
fn another_call_takes_its_place() {
    check(
        "\
steps:
  - id: status
    action: payoneer.get_payee_status
    with: { payee_id: $.event.Id }
    on_error:
      - { class: not_found, fallback: { action: payoneer.get_balance, with: {} } }
  - { id: after, map: { x: $.status } }
",
        r#"
1 {"called":{"step":"status","attempt":1,"key":"k","digest":"d","target":"t"}}
2 {"failed":{"step":"status","failure":{"class":"not_found","message":"nobody"}}}
3 {"called":{"step":"status","attempt":1,"key":"l","digest":"d","target":"t"}}
4 {"failed":{"step":"status","failure":{"class":"not_found","message":"nor here"}}}
"#,
        expect![[r#"
            1 running: 
            2 running: start status
            3 running: 
            4 running: dead letter at status, not_found: nor here
        "#]],
    );
}

const PAYOUT: &str = "\
steps:
  - { id: first, map: { x: 1 } }
  - id: submit
    needs: [first]
    action: payoneer.create_payout
    with:
      client_reference_id: $.event.Id
      payee_id: p
      amount: { amount: 1, currency: USD }
      description: d
  - { id: last, needs: [submit], map: { x: $.first.x } }
";

#[test]
fn a_replay_begins_where_it_is_told() {
    let story = |from: &str| {
        format!(
            r#"
1 {{"evaluated":{{"step":"first","output":{{"x":1}}}}}}
2 {{"called":{{"step":"submit","attempt":1,"key":"k","digest":"d","target":"t"}}}}
3 {{"answered":{{"step":"submit","output":{{}}}}}}
4 {{"failed":{{"step":"last","failure":{{"class":"invalid","message":"no"}}}}}}
5 {{"dead_lettered":{{"step":"last","failure":{{"class":"invalid","message":"no"}}}}}}
6 {{"resumed":{{"by":"ana","reason":"mended","from":{from}}}}}
"#
        )
    };
    check(
        PAYOUT,
        &story("\"start\""),
        expect![[r#"
        1 running: start submit
        2 running: 
        3 running: start last
        4 running: dead letter at last, invalid: no
        5 dead_lettered: 
        6 running: start first
    "#]],
    );
    check(
        PAYOUT,
        &story("\"failed\""),
        expect![[r#"
        1 running: start submit
        2 running: 
        3 running: start last
        4 running: dead letter at last, invalid: no
        5 dead_lettered: 
        6 running: start last
    "#]],
    );
    check(
        PAYOUT,
        &story("{\"step\":\"submit\"}"),
        expect![[r#"
        1 running: start submit
        2 running: 
        3 running: start last
        4 running: dead letter at last, invalid: no
        5 dead_lettered: 
        6 running: start submit
    "#]],
    );
}

#[test]
fn what_is_in_doubt_is_decided_before_a_run_is_cancelled() {
    check(
        PAYOUT,
        r#"
1 {"evaluated":{"step":"first","output":{"x":1}}}
2 {"called":{"step":"submit","attempt":1,"key":"k","digest":"d","target":"t"}}
3 < {"cancel":{"by":"ana","reason":"not wanted"}}
4 {"failed":{"step":"submit","failure":{"class":"unknown","message":"no answer"}}}
5 < {"cancel":{"by":"ana","reason":"not wanted"}}
6 {"looked_up":{"step":"submit","found":"not_seen","output":{}}}
7 {"parked":{"step":"submit","reason":"look there"}}
8 < {"cancel":{"by":"ana","reason":"not wanted"}}
9 < {"decision":{"step":"submit","by":"ana","reason":"not in their books","decision":"not_done"}}
10 < {"cancel":{"by":"ana","reason":"not wanted"}}
11 < {"cancel":{"by":"ana","reason":"again"}}
"#,
        expect![[r#"
            1 running: start submit
            2 running: 
            3 letter: later
            3 running: 
            4 running: look up submit at 914
            5 letter: later
            5 running: look up submit at 914
            6 running: parked submit
            7 parked: 
            8 letter: moot, a step is parked: `ferry runs decide` comes first
            8 parked: 
            9 letter: decided
            9 running: call submit at 9
            10 letter: cancelled
            10 cancelled: 
            11 letter: moot, the run is cancelled
            11 cancelled: 
        "#]],
    );
}
