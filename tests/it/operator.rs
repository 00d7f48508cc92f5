//! What a person does with runs: decides, approves, cancels, replays.

use std::{sync::atomic::Ordering, time::Duration};

use ferry::clock::pause;
use serde_json::{Value, json};

use crate::{
    bank::{Desk, PAYMENTS},
    program::ferry,
};

#[tokio::test]
async fn a_parked_run_is_decided_by_a_person_and_by_nobody_twice() {
    let desk = Desk::open();
    for (id, flag, state, pays) in [
        ("lost-1", "--done", "finished", 1),
        ("lost-2", "--not-done", "finished", 2),
        ("lost-3", "--give-up", "dead_lettered", 1),
    ] {
        desk.pay(id, "open", 10).await;
        desk.until(id, "parked").await;
        let why = ["--reason", "asked the bank"];
        desk.check(
            &[&["runs", "cancel", id], &why[..]].concat(),
            1,
            "error: : a step is parked: `ferry runs decide` comes first; nothing was changed",
        );
        let (code, said) = desk.says(&[&["runs", "decide", id, flag, "--project", "treasury"], &why[..]].concat());
        assert!(code == 0 && said.contains("`pay` decided: "), "{said}");
        desk.until(id, state).await;
        let pay = format!("pay {id}");
        assert_eq!(desk.bank.booked().iter().filter(|booked| **booked == pay).count(), pays, "{id}");
        desk.check(
            &[&["runs", "decide", id, flag], &why[..]].concat(),
            1,
            "error: : no step is parked; nothing was changed",
        );
    }
    let acts = desk.json(&["audit", "list"]);
    let acts: Vec<&str> = acts["acts"].as_array().unwrap().iter().map(|act| act["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["decided: given up", "decided: not done", "decided: done"]);
}

#[tokio::test]
async fn what_a_new_store_may_have_forgotten_waits_for_a_person_and_says_so() {
    let desk = Desk::untrusted("", PAYMENTS);
    desk.pay("n-1", "open", 10).await;
    desk.until("n-1", "waiting").await;
    let (code, said) = desk.says(&["why", "n-1", "--project", "treasury"]);
    assert!(code == 0 && said.contains("`ferry store trust` lets all that wait for it go"), "{said}");
    assert_eq!(desk.bank.booked(), Vec::<String>::new());
}

#[tokio::test]
async fn another_person_than_the_maker_approves() {
    let desk = Desk::open();
    for id in ["big-1", "big-2"] {
        desk.pay(id, "open", 1000).await;
        desk.until(id, "waiting").await;
    }
    let waiting = desk.json(&["approvals", "list"]);
    assert_eq!(waiting["approvals"].as_array().unwrap().len(), 2);
    let answer = |verb: &'static str, id: &'static str, by: &'static str| {
        ["approvals", verb, id, "--by", by, "--reason", "seen"]
    };
    let made = "error: : ana made what is to be approved, so another person must look at it; nothing was changed";
    desk.check(&answer("approve", "big-1", "ana"), 1, made);
    desk.check(
        &answer("approve", "big-1", "eve"),
        1,
        "error: : eve may not approve this; ana, bob may; nothing was changed",
    );
    desk.check(&answer("approve", "big-1", "bob"), 0, "`release` approved");
    desk.check(&answer("reject", "big-2", "bob"), 0, "`release` rejected");
    desk.until("big-1", "finished").await;
    desk.until("big-2", "dead_lettered").await;
    assert_eq!(desk.bank.booked(), ["pay big-1", "settle big-1"]);
    desk.check(&answer("approve", "big-1", "bob"), 1, "error: : no step asks for an approval; nothing was changed");
}

/// Whatever it waited for before.
#[tokio::test]
async fn a_run_that_goes_on_is_shown_as_running_before_its_call_is_sent() {
    let desk = Desk::open();
    desk.pay("slow-big", "open", 1000).await;
    desk.until("slow-big", "waiting").await;
    desk.check(&["approvals", "approve", "slow-big", "--by", "bob", "--reason", "seen"], 0, "`release` approved");
    while desk.bank.booked().is_empty() {
        pause(Duration::from_millis(20)).await;
    }
    let listed = desk.json(&["runs", "list"]);
    assert_eq!((&listed["runs"][0]["state"], &listed["runs"][0]["note"]), (&"running".into(), &"pay".into()));
}

#[tokio::test]
async fn a_cancelled_run_ends() {
    let desk = Desk::open();
    desk.pay("big-3", "open", 1000).await;
    desk.until("big-3", "waiting").await;
    let cancel = ["runs", "cancel", "big-3", "--reason", "ordered twice"];
    desk.check(&cancel, 0, "cancelled");
    desk.until("big-3", "cancelled").await;
    desk.check(&cancel, 1, "error: : the run is cancelled; nothing was changed");
    assert_eq!(desk.bank.booked(), Vec::<String>::new());
    desk.check(
        &["runs", "cancel", "no-such", "--reason", "x"],
        4,
        "error: there is no run `no-such`; `ferry runs list` names them",
    );
}

const PAIR: &str = "\
ferry: 1
pipeline: payments
trigger:
  webhook: { path: payments, verify: { header: X-Signature, secret: \"${env:HOOK_SECRET}\" } }
  key: $.id
steps:
  - { id: one, action: bank.transfer, with: { reference: lost-one } }
  - { id: rest, wait: { for: 23s } }
  - { id: two, needs: [rest], action: bank.transfer, with: { reference: two } }
on_failure: { alert: desk }
";

/// A transfer is gathered with others when the look-up of another one, which the cancel waits for, comes back.
#[tokio::test]
async fn a_cancelled_run_pays_nothing_afterwards() {
    let desk = Desk::with("", PAIR);
    desk.pay("p-1", "open", 1).await;
    desk.until("p-1", "running").await;
    for _ in 0..400 {
        if !desk.bank.booked().is_empty() {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
    let (code, said) = desk.says(&["runs", "cancel", "p-1", "--project", "treasury", "--reason", "ordered twice"]);
    assert!(code == 0 && said.contains("a call is under way; it is settled first"), "{said}");
    desk.until("p-1", "cancelled").await;
    pause(Duration::from_secs(4)).await;
    assert_eq!(
        desk.bank.booked(),
        ["transfer lost-one"],
        "nothing is begun before the end, and nothing is sent after it"
    );
}

#[tokio::test]
async fn a_dead_letter_is_replayed_from_the_step_that_failed() {
    let desk = Desk::open();
    desk.pay("c-1", "closed", 30).await;
    desk.until("c-1", "dead_lettered").await;
    let replay = ["dlq", "replay", "c-1", "--from", "failed", "--reason", "the account is open again"];
    let (code, said) = desk.says(&[&replay[..], &["--project", "treasury"]].concat());
    assert!(code == 2 && said.contains("`--yes` replays without asking"), "{said}");
    desk.bank.opened.store(true, Ordering::SeqCst);
    let (code, said) = desk.says(&[&replay[..], &["--project", "treasury", "--yes"]].concat());
    assert_eq!(code, 0, "{said}");
    desk.until("c-1", "finished").await;
    assert_eq!(desk.bank.booked(), ["pay c-1", "settle c-1"]);
    let act = &desk.json(&["audit", "list"])["acts"][0];
    assert_eq!(
        (&act["act"], &act["by"], &act["detail"]["from"]),
        (&json!("replayed"), &json!("carl"), &json!("failed"))
    );
}

#[tokio::test]
async fn an_edited_event_never_pays_again() {
    let desk = Desk::open();
    desk.pay("stuck-1", "open", 30).await;
    desk.until("stuck-1", "dead_lettered").await;
    let edited = |amount: u32, id: &str| {
        let event = json!({ "id": id, "account": "open", "amount": amount, "big": false, "maker": "ana" });
        std::fs::write(desk.folder.path().join("event.json"), event.to_string()).unwrap();
    };
    let replay =
        ["dlq", "replay", "stuck-1", "--event", "event.json", "--yes", "--reason", "x", "--project", "treasury"];
    for (amount, id, says) in [
        (31, "stuck-1", "`pay`: this call was done already with another content"),
        (30, "stuck-2", "the corrected event has another business key"),
    ] {
        edited(amount, id);
        let (code, said) = desk.says(&replay);
        assert!(code == 1 && said.contains(says), "{said}");
    }
    let (code, said) = desk.says(&[&replay[..], &["--from", "failed"]].concat());
    assert!(code == 2 && said.contains("from its start"), "{said}");
    desk.bank.opened.store(true, Ordering::SeqCst);
    edited(30, "stuck-1");
    assert_eq!(desk.says(&replay).0, 0);
    desk.until("stuck-1", "finished").await;
    assert_eq!(desk.bank.booked(), ["pay stuck-1", "settle stuck-1"]);
}

#[tokio::test]
async fn a_version_that_renames_a_payment_is_refused() {
    let desk = Desk::open();
    desk.pay("stuck-1", "open", 30).await;
    desk.until("stuck-1", "dead_lettered").await;
    let file = desk.folder.path().join("treasury/payments.yaml");
    let replay =
        ["dlq", "replay", "stuck-1", "--version", "current", "--yes", "--reason", "x", "--project", "treasury"];
    let renamed = PAYMENTS.replace("id: pay\n", "id: transfer\n").replace("needs: [pay]", "needs: [transfer]");
    std::fs::write(&file, renamed).unwrap();
    let (code, said) = desk.says(&replay);
    assert!(code == 1 && said.contains("`pay` has made a call that may have been done"), "{said}");
    desk.bank.opened.store(true, Ordering::SeqCst);
    std::fs::write(&file, PAYMENTS.replace("id: settle\n", "id: settle_it\n")).unwrap();
    let (code, said) = desk.says(&replay);
    assert_eq!(code, 0, "{said}");
    desk.until("stuck-1", "finished").await;
    assert_eq!(desk.bank.booked(), ["pay stuck-1", "settle stuck-1"]);
}

#[tokio::test]
async fn a_bulk_shows_its_sums_first() {
    let desk = Desk::open();
    for (id, account, amount) in [("c-1", "closed", 10), ("c-2", "closed", 20), ("stuck-1", "open", 40)] {
        desk.pay(id, account, amount).await;
        desk.until(id, "dead_lettered").await;
    }
    let bulk = ["dlq", "replay", "--pipeline", "payments", "--class", "rejected", "--project", "treasury"];
    let shown = desk.json(&[&bulk[..], &["--preflight"]].concat());
    expect_test::expect![[r#"
        [
          {
            "fate": "send",
            "count": 5,
            "money": {
              "EUR": "30.00"
            },
            "not_known": 2
          },
          {
            "fate": "done",
            "count": 1,
            "money": {
              "EUR": "40.00"
            },
            "not_known": 0
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&shown["sums"]).unwrap());
    let (code, said) = desk.says(&[&bulk[..], &["--preflight"]].concat());
    assert_eq!(code, 0);
    let said: String = said
        .lines()
        .map(|line| format!("{}\n", line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")))
        .collect();
    expect_test::expect![[r#"
        EVENT STEP CALL WHAT MONEY
        c-1 pay bank.pay would be sent 10.00 EUR
        c-1 settle bank.settle would be sent not known before it runs
        c-2 pay bank.pay would be sent 20.00 EUR
        c-2 settle bank.settle would be sent not known before it runs
        stuck-1 pay bank.pay done: skipped by its key 40.00 EUR
        stuck-1 settle bank.settle would be sent
        dead letters, 0 of them not replayed
        would be sent: 30.00 EUR, 2 not known before they run
        done: skipped by its key: 40.00 EUR
    "#]]
    .assert_eq(&said);
    assert_eq!(desk.bank.booked(), ["pay stuck-1"], "a preflight sends nothing");

    desk.bank.opened.store(true, Ordering::SeqCst);
    let many = ["--yes", "--name", "INC-1", "--reason", "open again", "--rate", "50/s"];
    let (code, said) = desk.says(&[&bulk[..], &many].concat());
    assert_eq!(code, 0, "{said}");
    for id in ["c-1", "c-2", "stuck-1"] {
        desk.until(id, "finished").await;
    }
    let booked = desk.bank.booked();
    assert_eq!(booked.iter().filter(|name| name.starts_with("pay ")).count(), 3, "{booked:?}");
    let act = &desk.json(&["audit", "list"])["acts"][0];
    assert_eq!((&act["subject"], &act["detail"]["result"]["replayed"]), (&json!("INC-1"), &json!(3)));
}

/// The payment has no preflight, so that only its input says what money it moves.
#[tokio::test]
async fn a_plan_and_a_replay_say_the_same_of_one_payment() {
    let checked = PAYMENTS.replace(
        "  - id: pay\n    needs: [release]",
        "  - id: fits\n    check: [ { rhai: event.amount < 100, say: it is too much } ]\n  - id: pay\n    needs: [release, fits]",
    );
    let desk = Desk::with("", &checked);
    for (id, amount, money, steps) in [
        ("c-1", 10, json!(["10.00 EUR"]), json!(["pay send 10.00 EUR"])),
        ("c-2", 200, json!([]), json!(["fits fails "])),
    ] {
        let event = json!({ "id": id, "account": "closed", "amount": amount, "big": false, "maker": "ana" });
        std::fs::write(desk.folder.path().join("event.json"), event.to_string()).unwrap();
        let mut plan = ferry(desk.folder.path());
        plan.args(["plan", "payments", "--event", "event.json", "--project", "treasury", "--format", "json"]);
        let plan = plan.args(["--store", "ferry.db"]).env("HOOK_SECRET", "geheim").output().unwrap();
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        desk.pay(id, "closed", amount).await;
        desk.until(id, "dead_lettered").await;
        let replay = desk.json(&["dlq", "replay", id, "--preflight", "--project", "treasury"]);
        let told = |of: &Value| {
            let step = |step: &Value| {
                ["step", "fate", "money"].map(|field| step[field].as_str().unwrap_or_default()).join(" ")
            };
            of["steps"].as_array().unwrap().iter().map(step).collect::<Vec<_>>()
        };
        let (plan_of, replay_of) = (&plan["events"][0], &replay["entries"][0]);
        assert_eq!((json!(told(plan_of)), &plan["money"]), (steps, &money));
        // A replay also tells of writes whose inputs are not known yet, which a plan lists behind `then`.
        assert_eq!(told(replay_of)[..1], told(plan_of)[..]);
        assert_eq!(replay_of["steps"][0]["key"], plan_of["steps"][0]["key"]);
        assert_eq!(told(replay_of).len() - 1, plan_of["then"].as_array().unwrap().len(), "{replay}");
    }
}

#[tokio::test]
async fn a_bulk_stops_when_its_cause_is_still_there() {
    let desk = Desk::open();
    for id in ["c-1", "c-2", "c-3", "c-4", "c-5", "c-6"] {
        desk.pay(id, "closed", 10).await;
        desk.until(id, "dead_lettered").await;
    }
    let bulk = ["dlq", "replay", "--class", "rejected", "--project", "treasury", "--yes", "--reason", "hope"];
    let (code, said) = desk.says(&[&bulk[..], &["--limit", "4", "--stop-after", "2"]].concat());
    assert!(code == 5 && said.contains("stopped: 2 of the replayed are dead letters again"), "{said}");
    // Neither are more begun before it is known how the others end, nor do dead letters of others count.
    let replayed =
        |said: &str| said.lines().filter(|line| line.starts_with("run_") && line.ends_with(" replayed")).count();
    assert_eq!(replayed(&said), 2, "{said}");
    desk.bank.opened.store(true, Ordering::SeqCst);
    let (code, said) = desk.says(&[&bulk[..], &["--stop-after", "1"]].concat());
    assert_eq!((code, replayed(&said)), (0, 6), "{said}");
}

#[tokio::test]
async fn any_name_tells_what_became_of_it() {
    let desk = Desk::open();
    desk.pay("ok-1", "open", 10).await;
    desk.pay("lost-1", "open", 10).await;
    desk.pay("c-1", "closed", 30).await;
    for (id, state) in [("ok-1", "finished"), ("lost-1", "parked"), ("c-1", "dead_lettered")] {
        desk.until(id, state).await;
    }
    for (name, says) in [
        ("ok-1", "Done, and never done again: `pay` 10.00 EUR (bank.pay), `settle` (bank.settle)."),
        // What the bank calls it, and what we call the call.
        ("B-ok-1", "`payments` for ok-1 finished at "),
        ("bank/pay/ok-1/pay/0", "`payments` for ok-1 finished at "),
        ("lost-1", " --done` or `--not-done`."),
        ("c-1", "A replay from there: 2 would be sent (30.00 EUR, 1 not known before it runs)."),
    ] {
        let (code, said) = desk.says(&["why", name, "--project", "treasury"]);
        assert!(code == 0 && said.contains(says), "{name}: {said}");
    }
    let (_, said) = desk.says(&["dlq", "show", "c-1", "--project", "treasury"]);
    for says in ["this is for finance", "calls so far: `pay` 1", "would be sent  30.00 EUR"] {
        assert!(said.contains(says), "{said}");
    }
    let answer = desk.json(&["why", "c-1", "--project", "treasury"]);
    assert_eq!(answer["answers"][0]["run"]["state"], "dead_lettered");
    let (code, said) = desk.says(&["why", "nobody", "--project", "treasury"]);
    assert_eq!((code, said.trim()), (4, "error: nothing here is called `nobody`"));
}

/// The first account is closed, and another one was paid in its place. The bank would take the first one now.
#[tokio::test]
async fn a_replay_from_the_start_pays_nothing_beside_what_an_arm_has_paid_and_says_so_before() {
    let instead = "    on_error:\n      - class: rejected\n        do:\n          - id: instead\n            action: bank.pay\n            \
                   with: { reference: $.event.id, account: open, amount: $.event.amount, currency: EUR }\n        \
                   then: continue\n  - id: settle";
    let desk = Desk::with("", &PAYMENTS.replacen("  - id: settle", instead, 1));
    desk.pay("stuck-1", "closed", 30).await;
    desk.until("stuck-1", "dead_lettered").await;
    assert_eq!(desk.bank.booked(), ["pay stuck-1"]);
    let replay = ["dlq", "replay", "stuck-1", "--from", "start", "--project", "treasury"];
    let shown = desk.json(&[&replay[..], &["--preflight"]].concat());
    let steps = shown["entries"][0]["steps"].as_array().unwrap().iter();
    let told: Vec<_> = steps.map(|step| json!([step["step"], step["fate"], step["why"]])).collect();
    assert_eq!(
        told,
        [
            json!(["pay", "instead", "`instead` was done in its place"]),
            json!(["instead", "done", null]),
            json!(["settle", "send", null]),
        ]
    );
    desk.bank.opened.store(true, Ordering::SeqCst);
    let (code, said) = desk.says(&[&replay[..], &["--yes", "--reason", "open again"]].concat());
    assert_eq!(code, 0, "{said}");
    desk.until("stuck-1", "finished").await;
    assert_eq!(desk.bank.booked(), ["pay stuck-1", "settle stuck-1"]);
}
