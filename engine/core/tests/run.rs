//! The fold of steps, items, waits and questions: what is to be done after each entry.

mod story;
mod world;

use expect_test::expect;

use story::check;

const EACH: &str = "\
steps:
  - id: status
    each: { in: $.event.payees, as: payee, key: $.payee.id, concurrency: 2 }
    action: payoneer.get_payee_status
    with: { payee_id: $.payee.id }
    on_error:
      - { class: not_found, do: [{ id: told, map: { text: \"{$.payee.id}: {$.error.message}\" } }], then: continue }
  - { id: after, map: { all: $.status } }
";

#[test]
fn items_are_units_of_their_own() {
    check(
        EACH,
        r#"
1 {"spread":{"step":"status","items":[{"key":"a","value":{"id":"a"}},{"key":"b","value":{"id":"b"}},{"key":"c","value":{"id":"c"}}]}}
2 {"called":{"step":"status[a]","attempt":1,"key":"k","digest":"d","target":"t"}}
3 {"failed":{"step":"status[a]","failure":{"class":"not_found","message":"nobody"}}}
4 {"evaluated":{"step":"told[a]","output":"a: nobody"}}
5 {"called":{"step":"status[c]","attempt":1,"key":"k","digest":"d","target":"t"}}
6 {"answered":{"step":"status[c]","output":{"type":1}}}
7 {"called":{"step":"status[b]","attempt":1,"key":"k","digest":"d","target":"t"}}
8 {"answered":{"step":"status[b]","output":{"type":1}}}
9 {"evaluated":{"step":"after","output":{}}}
"#,
        expect![[r#"
            1 running: start status[a], start status[b]
            2 running: start status[b]
            3 running: start told[a], start status[b], start status[c]
            4 running: start status[b], start status[c]
            5 running: start status[b]
            6 running: start status[b]
            7 running: 
            8 running: start after
            9 running: finish
        "#]],
    );
}

#[test]
fn a_failed_item_fails_its_step_when_all_have_ended() {
    check(
        EACH,
        r#"
1 {"spread":{"step":"status","items":[{"key":"a","value":{"id":"a"}},{"key":"b","value":{"id":"b"}}]}}
2 {"failed":{"step":"status[a]","failure":{"class":"rejected","message":"no"}}}
3 {"called":{"step":"status[b]","attempt":1,"key":"k","digest":"d","target":"t"}}
4 {"answered":{"step":"status[b]","output":{"type":1}}}
"#,
        expect![[r#"
            1 running: start status[a], start status[b]
            2 running: start status[b]
            3 running: 
            4 running: dead letter at status, rejected: 1 of 2 items failed, first `a`: no
        "#]],
    );
}

#[test]
fn no_item_is_a_step_that_is_done() {
    check(
        EACH,
        "1 {\"spread\":{\"step\":\"status\",\"items\":[]}}",
        expect![[r#"
        1 running: start after
    "#]],
    );
}

#[test]
fn a_person_answers_once_and_not_for_himself() {
    check(
        "\
steps:
  - id: release
    approve: { by: [ana, bob], not: $.event.Maker, show: { amount: $.event.Amount__c }, expires: 1m }
  - { id: after, needs: [release], map: { x: 1 } }
",
        r#"
1 {"waiting":{"step":"release","on":{"approval":{"by":["ana","bob"],"maker":"bob","show":{}}}}}
2 < {"answer":{"step":"release","by":"bob","yes":true,"reason":"mine"}}
3 < {"answer":{"step":"release","by":"eve","yes":true,"reason":"why not"}}
4 < {"answer":{"step":"release","by":"ana","yes":true,"reason":"seen"}}
5 < {"answer":{"step":"release","by":"ana","yes":false,"reason":"oh"}}
"#,
        expect![[r#"
            1 waiting: at 61: failed release, declined: nobody who may approve it has answered in time
            2 letter: moot, bob made what is to be approved, so another person must look at it
            2 waiting: at 61: failed release, declined: nobody who may approve it has answered in time
            3 letter: moot, eve may not approve this; ana, bob may
            3 waiting: at 61: failed release, declined: nobody who may approve it has answered in time
            4 letter: approved
            4 running: start after
            5 letter: moot, `release` asks nobody
            5 running: start after
        "#]],
    );
}

/// Two persons look at a parked payout, and both find that it was not done. What the first of them says lets it be
/// sent again; what the second one says is of what was, and not of what is in doubt by now.
#[test]
fn what_a_person_found_out_is_of_the_question_that_was_asked() {
    check(
        "\
steps:
  - id: pay
    action: payoneer.create_payout
    with: { client_reference_id: $.event.Id, payee_id: p, amount: { amount: 1, currency: USD }, description: d }
  - id: release
    needs: [pay]
    approve: { by: ana, expires: 1h }
",
        r#"
1 {"called":{"step":"pay","attempt":1,"key":"k","digest":"d","target":"t"}}
2 {"failed":{"step":"pay","failure":{"class":"unknown","message":"no answer"}}}
3 {"looked_up":{"step":"pay","found":"not_seen","output":{}}}
4 {"parked":{"step":"pay","reason":"look there"}}
5 < {"decision":{"step":"pay","by":"ana","reason":"not there","decision":"not_done","asked_at":"2026-02-25T06:13:24Z"}}
6 < {"decision":{"step":"pay","by":"bob","reason":"not there","decision":"not_done","asked_at":"2026-02-25T06:13:24Z"}}
7 {"called":{"step":"pay","attempt":1,"key":"k","digest":"d","target":"t"}}
8 {"failed":{"step":"pay","failure":{"class":"unknown","message":"no answer"}}}
9 {"looked_up":{"step":"pay","found":"not_seen","output":{}}}
10 {"parked":{"step":"pay","reason":"look there"}}
11 < {"decision":{"step":"pay","by":"bob","reason":"not there","decision":"not_done","asked_at":"2026-02-25T06:13:24Z"}}
12 < {"decision":{"step":"pay","by":"bob","reason":"it is","decision":{"done":{}},"asked_at":"2026-02-25T06:13:30Z"}}
13 {"waiting":{"step":"release","on":{"approval":{"by":["ana"],"show":{}}}}}
14 < {"answer":{"step":"release","by":"ana","yes":true,"reason":"seen","asked_at":"2026-02-25T06:13:24Z"}}
15 < {"answer":{"step":"release","by":"ana","yes":true,"reason":"seen","asked_at":"2026-02-25T06:13:33Z"}}
"#,
        expect![[r#"
            1 running: 
            2 running: look up pay at 912
            3 running: parked pay
            4 parked: 
            5 letter: decided
            5 running: call pay at 5
            6 letter: moot, `pay` is not parked
            6 running: call pay at 6
            7 running: 
            8 running: look up pay at 918
            9 running: parked pay
            10 parked: 
            11 letter: moot, `pay` has asked anew since; look again
            11 parked: 
            12 letter: decided
            12 running: start release
            13 waiting: at 3613: failed release, declined: nobody who may approve it has answered in time
            14 letter: moot, `release` has asked anew since; look again
            14 waiting: at 3613: failed release, declined: nobody who may approve it has answered in time
            15 letter: approved
            15 running: finish
        "#]],
    );
}

#[test]
fn what_waits_ends_in_time() {
    check(
        "\
steps:
  - { id: pause, wait: { for: 10s } }
  - id: paid
    needs: [pause]
    wait: { event: order.paid, match: { event: $.id, run: $.event.Id }, timeout: { after: 20s, then: continue } }
  - id: release
    needs: [paid]
    approve: { by: ana, expires: 1h }
timeout: 1m
",
        r#"
1 {"waiting":{"step":"pause","on":"time"}}
11 {"arrived":{"step":"pause","output":{}}}
12 {"waiting":{"step":"paid","on":{"event":{"event":"order.paid","path":"$.id","value":"e1"}}}}
13 < {"event":{"step":"pause","data":{}}}
32 {"skipped":{"step":"paid"}}
33 {"waiting":{"step":"release","on":{"approval":{"by":["ana"],"show":{}}}}}
61 < {"answer":{"step":"release","by":"ana","yes":true,"reason":"late"}}
"#,
        expect![[r#"
            1 waiting: at 11: arrived pause
            11 running: start paid
            12 waiting: at 32: skipped paid
            13 letter: moot, `pause` does not wait for it
            13 waiting: at 32: skipped paid
            32 running: start release
            33 waiting: at 60: failed release, unavailable: the run took longer than it may
            61 letter: moot, the time for an answer is over
            61 waiting: at 60: failed release, unavailable: the run took longer than it may
        "#]],
    );
}

/// However late it is: what the store may have forgotten could have been paid, so only a person lets it go.
#[test]
fn what_the_store_may_have_forgotten_is_asked_for_again_and_times_out_never() {
    check(
        "\
steps:
  - id: pay
    action: payoneer.create_payout
    with: { client_reference_id: $.event.Id, payee_id: p, amount: { amount: 1, currency: USD }, description: d }
    timeout: 5s
    on_error:
      - { class: unavailable, do: [{ id: other, map: { x: 1 } }], then: continue }
timeout: 10s
",
        r#"
1 {"waiting":{"step":"pay","on":"trust"}}
30 < {"event":{"step":"pay","data":{}}}
60 {"called":{"step":"pay","attempt":1,"key":"k","digest":"d","target":"t"}}
61 {"answered":{"step":"pay","output":{}}}
"#,
        expect![[r#"
            1 waiting: call pay at 1
            30 letter: moot, `pay` does not wait for it
            30 waiting: call pay at 30
            60 running: 
            61 running: finish
        "#]],
    );
}
