//! The fold where a write stands or may stand: nothing is done in its place, in whatever life of the run.

mod story;
mod world;

use expect_test::{Expect, expect};
use ferry_core::run::Run;

use story::check;

/// A write that is an upsert, with an arm that goes on without it.
const CLOSE: &str = "\
steps:
  - id: close
    timeout: 1h
    action: salesforce.update
    with: { object: Payment_Request__c, id: $.event.Id, values: { Status__c: Completed } }
    on_error:
      - { class: [rejected, unavailable, invalid], do: [{ id: note, map: { x: 1 } }], then: continue }
";

/// A payout that is looked up, with arms that go on without it.
const PAYOUT: &str = "\
steps:
  - id: submit
    action: payoneer.create_payout
    with: { client_reference_id: $.event.Id, payee_id: p, amount: { amount: 1, currency: USD }, description: d }
    on_error:
      - { class: [invalid, conflict], do: [{ id: note, map: { x: 1 } }], then: continue }
";

const CLOSE_CALLED: &str =
    r#"{"called":{"step":"close","attempt":1,"key":"salesforce/update/e1/close@d/0","digest":"d","target":"t"}}"#;
const SUBMIT_CALLED: &str =
    r#"{"called":{"step":"submit","attempt":1,"key":"payoneer/create_payout/e1/submit/0","digest":"d","target":"t"}}"#;
const AGAIN: &str = r#"{"resumed":{"by":"ana","reason":"again","from":"start","by_person":true}}"#;

fn failed(step: &str, class: &str) -> String {
    format!(r#"{{"failed":{{"step":"{step}","failure":{{"class":"{class}","message":"no"}}}}}}"#)
}

fn dead(step: &str, class: &str) -> String {
    format!(r#"{{"dead_lettered":{{"step":"{step}","failure":{{"class":"{class}","message":"no"}}}}}}"#)
}

/// Each line comes a second after the one before it.
#[track_caller]
fn tell(pipeline: &str, lines: &[&str], expected: Expect) {
    let story: String = (1..).zip(lines).map(|(second, line)| format!("{second} {line}\n")).collect();
    check(pipeline, &story, expected);
}

/// The same content went again, because its record might have been changed; that the target refuses it now makes
/// the first one no less done.
#[test]
fn a_refused_repeat_of_what_was_done_makes_it_no_less_done() {
    let (answered, dead) = (r#"{"answered":{"step":"close","output":{}}}"#, dead("later", "invalid"));
    let refused = failed("close", "rejected");
    tell(
        CLOSE,
        &[CLOSE_CALLED, answered, &dead, AGAIN, CLOSE_CALLED, &refused],
        expect![[r#"
        1 running: 
        2 running: finish
        3 dead_lettered: 
        4 running: start close
        5 running: 
        6 running: parked close
    "#]],
    );
}

/// A person gave up on it. Begun again, it fails before it is sent: no arm may say that it was not done.
#[test]
fn what_may_have_been_done_in_an_earlier_life_is_no_failure_that_did_nothing() {
    let given_up = [
        SUBMIT_CALLED,
        &failed("submit", "unknown"),
        r#"{"looked_up":{"step":"submit","found":"not_seen","output":{}}}"#,
        r#"{"parked":{"step":"submit","reason":"look there"}}"#,
        r#"< {"decision":{"step":"submit","by":"ana","reason":"nobody knows","decision":"give_up"}}"#,
        &dead("submit", "unknown"),
        AGAIN,
    ];
    tell(
        PAYOUT,
        &[&given_up[..], &[&failed("submit", "invalid")]].concat(),
        expect![[r#"
        1 running: 
        2 running: look up submit at 912
        3 running: parked submit
        4 parked: 
        5 letter: decided
        5 running: dead letter at submit, unknown: no
        6 dead_lettered: 
        7 running: start submit
        8 running: parked submit
    "#]],
    );
    // Its event was corrected, and `once` refuses the other content.
    tell(
        PAYOUT,
        &[&given_up[..], &[&failed("submit", "conflict")]].concat(),
        expect![[r#"
        1 running: 
        2 running: look up submit at 912
        3 running: parked submit
        4 parked: 
        5 letter: decided
        5 running: dead letter at submit, unknown: no
        6 dead_lettered: 
        7 running: start submit
        8 running: dead letter at submit, conflict: no
    "#]],
    );
}

#[test]
fn what_was_done_in_an_earlier_life_is_not_gone_on_without() {
    let done = [SUBMIT_CALLED, r#"{"answered":{"step":"submit","output":{}}}"#, &dead("later", "invalid"), AGAIN];
    tell(
        PAYOUT,
        &[&done[..], &[&failed("submit", "invalid")]].concat(),
        expect![[r#"
        1 running: 
        2 running: finish
        3 dead_lettered: 
        4 running: start submit
        5 running: parked submit
    "#]],
    );
    // That it is there with another content is what this arm is for.
    tell(
        PAYOUT,
        &[&done[..], &[&failed("submit", "conflict")]].concat(),
        expect![[r#"
        1 running: 
        2 running: finish
        3 dead_lettered: 
        4 running: start submit
        5 running: start note
    "#]],
    );
}

/// The last failure says that nothing was done; an attempt before it says something else.
#[test]
fn a_dead_letter_that_was_given_up_says_that_it_may_have_been_done() {
    let lines = [
        CLOSE_CALLED,
        &failed("close", "unknown"),
        &failed("close", "rejected"),
        r#"{"parked":{"step":"close","reason":"look there"}}"#,
        r#"< {"decision":{"step":"close","by":"ana","reason":"nobody knows","decision":"give_up"}}"#,
    ];
    tell(
        CLOSE,
        &lines,
        expect![[r#"
            1 running: 
            2 running: call close at 2
            3 running: parked close
            4 parked: 
            5 letter: decided
            5 running: dead letter at close, unknown: nobody knows whether it has been done; at last it was rejected: no
        "#]],
    );
}

/// It goes again by its key, and until then nobody knows whether it has been done.
#[test]
fn a_write_that_goes_again_is_settled_before_its_run_is_cancelled() {
    let cancel = r#"< {"cancel":{"by":"ana","reason":"not wanted"}}"#;
    let answered = r#"{"answered":{"step":"close","output":{}}}"#;
    tell(
        CLOSE,
        &[CLOSE_CALLED, &failed("close", "unknown"), cancel, CLOSE_CALLED, answered, cancel],
        expect![[r#"
        1 running: 
        2 running: call close at 2
        3 letter: later
        3 running: call close at 3
        4 running: 
        5 running: finish
        6 letter: cancelled
        6 cancelled: 
    "#]],
    );
    // What did nothing is not waited for.
    tell(
        CLOSE,
        &[CLOSE_CALLED, &failed("close", "throttled"), cancel],
        expect![[r#"
        1 running: 
        2 running: call close at 2
        3 letter: cancelled
        3 cancelled: 
    "#]],
    );
}

/// A payout whose step is done without, by another payout.
const INSTEAD: &str = "\
steps:
  - id: submit
    action: payoneer.create_payout
    with: { client_reference_id: $.event.Id, payee_id: p, amount: { amount: 1, currency: USD }, description: d }
    on_error:
      - class: declined
        do:
          - id: instead
            action: payoneer.create_payout
            with: { client_reference_id: $.event.Id, payee_id: q, amount: { amount: 1, currency: USD }, description: d }
        then: continue
";

/// It was declined, and another payout was made in its place. Begun again, the run goes on from there, and what was
/// declined is not sent beside it.
#[test]
fn an_arm_that_has_paid_is_the_one_that_is_taken_when_the_run_begins_again() {
    let declined = failed("submit", "declined");
    let called = SUBMIT_CALLED.replace("submit\"", "instead\"").replace("submit/0", "instead/0");
    let answered = r#"{"answered":{"step":"instead","output":{}}}"#;
    let later = dead("later", "invalid");
    tell(
        INSTEAD,
        &[SUBMIT_CALLED, &declined, &called, answered, &later, AGAIN, answered, &later, AGAIN],
        expect![[r#"
            1 running: 
            2 running: start instead
            3 running: 
            4 running: finish
            5 dead_lettered: 
            6 running: start instead
            7 running: finish
            8 dead_lettered: 
            9 running: start instead
        "#]],
    );
    // What was declined too leaves nothing behind, and the step itself goes again.
    let refused = failed("instead", "declined");
    tell(
        INSTEAD,
        &[SUBMIT_CALLED, &declined, &called, &refused, &dead("submit", "declined"), AGAIN],
        expect![[r#"
        1 running: 
        2 running: start instead
        3 running: 
        4 running: dead letter at submit, declined: no (and then `instead` failed: declined: no)
        5 dead_lettered: 
        6 running: start submit
    "#]],
    );
}

/// The same for one item of a list.
#[test]
fn an_arm_of_an_item_that_has_paid_is_taken_again_for_that_item_alone() {
    let each = "    each: { in: $.event.list, as: one, key: $.one }\n    action: payoneer.create_payout\n    with: { client_reference_id: $.one";
    let pipeline = INSTEAD
        .replacen("    action: payoneer.create_payout\n    with: { client_reference_id: $.event.Id", each, 1)
        .replace("client_reference_id: $.event.Id", "client_reference_id: $.one");
    let of = |line: &str, key: &str| {
        ["submit", "instead"].iter().fold(line.to_owned(), |line, step| {
            line.replace(&format!("{step}\""), &format!("{step}[{key}]\""))
                .replace(&format!("{step}/0"), &format!("{step}/{key}/0"))
        })
    };
    let called = SUBMIT_CALLED.replace("submit\"", "instead\"").replace("submit/0", "instead/0");
    let spread = r#"{"spread":{"step":"submit","items":[{"key":"a","value":"a"},{"key":"b","value":"b"}]}}"#;
    let lines = [
        spread.to_owned(),
        of(SUBMIT_CALLED, "a"),
        of(SUBMIT_CALLED, "b"),
        of(&failed("submit", "declined"), "a"),
        of(r#"{"answered":{"step":"submit","output":{}}}"#, "b"),
        of(&called, "a"),
        of(r#"{"answered":{"step":"instead","output":{}}}"#, "a"),
        dead("later", "invalid"),
        AGAIN.to_owned(),
        spread.to_owned(),
    ];
    tell(
        &pipeline,
        &lines.iter().map(String::as_str).collect::<Vec<_>>(),
        expect![[r#"
        1 running: start submit[a], start submit[b]
        2 running: start submit[b]
        3 running: 
        4 running: start instead[a]
        5 running: start instead[a]
        6 running: 
        7 running: finish
        8 dead_lettered: 
        9 running: start submit
        10 running: start instead[a], start submit[b]
    "#]],
    );
}

/// A run of which these lines are true, each a second after the one before it.
#[track_caller]
fn told(pipeline: &str, lines: &[&str]) -> Run {
    let mut run = story::begun(pipeline);
    for (second, line) in (1..).zip(lines) {
        run.take(story::at(second), &story::read(&format!("{second} {line}")).1);
    }
    run
}

fn next_of(run: &Run) -> Vec<String> {
    run.commands(story::at(99)).iter().map(|command| story::told(run, command)).collect()
}

/// What an arm does decides whether it is taken again: each line of its story, and what is begun in the next life.
#[test]
fn an_arm_that_has_acted_is_taken_again_and_one_that_has_only_told_is_not() {
    let arm = |steps: &str| {
        let (head, _) = INSTEAD.split_once("        do:").unwrap();
        format!("{head}        do: {steps}\n        then: continue\n")
    };
    let emits = arm("[{ id: told, emit: { event: not.paid, key: $.event.Id, data: $.event } }]");
    let asks = arm("[{ id: by_hand, approve: { by: [ana], expires: 1d } }]");
    let waits = arm(
        "[{ id: paid, wait: { event: paid, match: { event: $.id, run: $.event.Id }, timeout: { after: 1d, then: continue } } }]",
    );
    let rests = arm("[{ id: rest, wait: { for: 1h } }]");
    let notes = arm("[{ id: note, map: { x: $.error.message } }]");
    let on_event = r#"{"waiting":{"step":"paid","on":{"event":{"event":"paid","path":"$.id","value":"e1"}}}}"#;
    for (pipeline, arm, next) in [
        (&emits, vec![r#"{"emitted":{"step":"told","event":"not.paid","key":"e1","data":{}}}"#], "start told"),
        (&asks, vec![r#"{"approved":{"step":"by_hand","by":"ana","reason":"paid by hand"}}"#], "start by_hand"),
        (&waits, vec![on_event, r#"{"arrived":{"step":"paid","output":{}}}"#], "start paid"),
        (&waits, vec![on_event, r#"{"skipped":{"step":"paid"}}"#], "start submit"),
        (&rests, vec![r#"{"arrived":{"step":"rest","output":{}}}"#], "start submit"),
        (&notes, vec![r#"{"evaluated":{"step":"note","output":{}}}"#], "start submit"),
    ] {
        let declined = failed("submit", "declined");
        let later = dead("later", "invalid");
        let lines = [&[SUBMIT_CALLED, &declined], &arm[..], &[&later, AGAIN]].concat();
        assert_eq!(next_of(&told(pipeline, &lines)), [next], "{pipeline}");
    }
}

/// A run that an arm has begun is one that may have paid, and it is begun under the same name.
#[test]
fn an_arm_that_has_begun_a_run_is_taken_again_with_the_failure_of_then() {
    let run = r#"{"waiting":{"step":"instead","on":{"run":{"run":"run_1"}}}}"#;
    let declined = failed("submit", "declined");
    let lines = [SUBMIT_CALLED, &declined, run, &failed("instead", "invalid"), &dead("submit", "declined"), AGAIN];
    let run = told(INSTEAD, &lines);
    assert_eq!(next_of(&run), ["start instead"]);
    let instead = run.unit_named("instead").unwrap();
    assert_eq!(run.error_of(instead).unwrap()["class"], "declined");
    // A run that failed before it began has begun nothing.
    let lines = [SUBMIT_CALLED, &declined, &failed("instead", "invalid"), &dead("submit", "declined"), AGAIN];
    assert_eq!(next_of(&told(INSTEAD, &lines)), ["start submit"]);
}

/// What an arm of an arm's step did counts where that arm goes on, too; and a list that could not be made is paid as a whole
/// by its arm, and never item by item beside that.
#[test]
fn arms_within_arms_and_arms_of_lists_are_taken_again() {
    let called = SUBMIT_CALLED.replace("submit\"", "instead\"").replace("submit/0", "instead/0");
    let answered = r#"{"answered":{"step":"instead","output":{}}}"#;
    let each = INSTEAD.replacen("    action:", "    each: { in: $.event.list, as: one, key: $.one }\n    action:", 1);
    let invalid = each.replace("class: declined", "class: invalid");
    let lines = [&failed("submit", "invalid"), &called, answered, &dead("later", "invalid"), AGAIN];
    assert_eq!(next_of(&told(&invalid, &lines)), ["start instead"]);
    for (then, next) in [("continue", "start inner"), ("dead_letter", "start submit")] {
        let inner = format!(
            "do: [{{ id: outer, check: [{{ rhai: event.Id == 1, say: it is not }}], on_error: [{{ class: invalid, do: \
             [{{ id: inner, emit: {{ event: not.paid, key: $.event.Id, data: $.event }} }}], then: {then} }}] }}]"
        );
        let (head, _) = INSTEAD.split_once("        do:").unwrap();
        let pipeline = format!("{head}        {inner}\n        then: continue\n");
        let lines = [
            SUBMIT_CALLED,
            &failed("submit", "declined"),
            &failed("outer", "invalid"),
            r#"{"emitted":{"step":"inner","event":"not.paid","key":"e1","data":{}}}"#,
            &dead("later", "invalid"),
            AGAIN,
        ];
        assert_eq!(next_of(&told(&pipeline, &lines)), [next], "{then}");
    }
}
