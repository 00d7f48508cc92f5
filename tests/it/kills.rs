//! Real kills: the short forms of `chaos`, whose long ones are `cargo run --release -p ferry-tests --example chaos`.

use std::time::Duration;

use ferry::store::{RunId, RunRow};
use ferry_sandbox::Duplicates;
use ferry_tests::chaos::{self, Outcome, Trial, hooks};
use jiff::Timestamp;
use serde_json::json;

use crate::program::program;

/// Five hundred requests, against a sandbox that books duplicates.
fn trial() -> Trial {
    Trial {
        name: "short".to_owned(),
        payouts: 500,
        processes: 1,
        kills: 0,
        stops: 0,
        database_kills: 0,
        outages: 1,
        pause_ms: 600,
        speed: 400,
        is_mutant: false,
        duplicates: Duplicates::Book,
        seed: 50,
        patience: Duration::from_mins(2),
    }
}

fn check(outcome: Outcome) {
    let outcome = [outcome];
    let (table, [outcome]) = (chaos::print(&outcome), outcome);
    assert!(outcome.wrongs().is_empty(), "{table}");
    // Some 36 cannot be paid, and where the large ones come first, some 60 others wait for money.
    assert!(outcome.paid() > 500 * 3 / 4 && outcome.lives_that_paid() >= 5, "{table}");
    // A fifth of the webhooks is lost or badly signed, and counts for nothing.
    assert!(outcome.webhooks_accepted() > 500 / 2 && outcome.woken() > 500 / 4, "{table}");
}

#[tokio::test]
async fn fifty_kills_pay_five_hundred_requests_once() {
    // Long enough for most lives to pay, on a busy machine too.
    check(chaos::run(&program(), &Trial { kills: 50, pause_ms: 900, ..trial() }, None, false).await.unwrap());
}

/// One of two is killed while both pay; the other, and the one that follows it, take its runs up. The server
/// is killed, too.
#[tokio::test]
async fn two_engines_on_one_server_pay_five_hundred_requests_once_through_kills() {
    let server = ferry_tests::postgres::Server::start().unwrap();
    let trial = Trial { processes: 2, kills: 12, database_kills: 2, pause_ms: 1_000, ..trial() };
    check(chaos::run(&program(), &trial, Some(&server), false).await.unwrap());
}

/// One of two stands still for longer than its lease and any look-up while both pay; what it would send when it
/// wakes is refused by its lease, or by the target.
#[tokio::test]
async fn a_process_that_stood_still_pays_nothing_twice() {
    let server = ferry_tests::postgres::Server::start().unwrap();
    let trial = Trial { payouts: 100, processes: 2, stops: 2, duplicates: Duplicates::Refuse, ..trial() };
    let outcome = [chaos::run(&program(), &trial, Some(&server), false).await.unwrap()];
    let table = chaos::print(&outcome);
    assert!(outcome[0].wrongs().is_empty() && outcome[0].booked_twice() == 0, "{table}");
    // It paid before a stop and after one; on a fast machine the last stretch may find all paid.
    assert!(outcome[0].paid() > 100 * 6 / 10 && outcome[0].lives_that_paid() >= 2, "{table}");
}

/// The harness would see a payout that is made twice. Where the machine is busy, a look-up may come late enough for one
/// trial to go well all the same.
#[tokio::test]
async fn a_manifest_that_says_what_is_not_so_is_caught() {
    let mut tables = String::new();
    for seed in 50..54 {
        let trial = Trial { seed, payouts: 200, kills: 10, is_mutant: true, ..trial() };
        let outcome = [chaos::run(&program(), &trial, None, false).await.unwrap()];
        if outcome[0].booked_twice() > 0 && !outcome[0].wrongs().is_empty() {
            return;
        }
        tables += &chaos::print(&outcome);
    }
    panic!("{tables}");
}

/// Fault; tries, accepted, refused; the states of its runs; what is wrong.
type Told = (Option<&'static str>, [u64; 4], &'static [&'static str], &'static str);

/// The harness would see a webhook that is lost, taken twice, or forged and taken.
#[test]
fn what_is_accepted_is_one_run_and_what_is_forged_is_none() {
    let cases: [Told; 10] = [
        (None, [1, 1, 0, 0], &["finished"], ""),
        (Some("duplicate"), [2, 2, 0, 0], &["finished"], ""),
        // The process was killed before it answered.
        (None, [12, 0, 0, 0], &["finished"], ""),
        (Some("badly_signed"), [1, 0, 1, 0], &[], ""),
        (None, [1, 1, 0, 0], &[], "lost"),
        (Some("duplicate"), [2, 2, 0, 0], &["finished", "finished"], "more than one"),
        (None, [1, 1, 0, 0], &["dead_lettered"], "no end"),
        (Some("badly_signed"), [1, 0, 1, 0], &["finished"], "somebody else's"),
        (Some("lost"), [0, 0, 0, 0], &["finished"], "nothing was sent"),
        (None, [12, 0, 0, 1], &[], "not taken"),
    ];
    let run = |state: &&str| RunRow {
        run: RunId::of("payout-status", "ref-1"),
        pipeline: "payout-status".to_owned(),
        version: String::new(),
        event_key: "ref-1".to_owned(),
        state: (*state).to_owned(),
        note: String::new(),
        started_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        due_at: None,
    };
    for (fault, [tries, accepted, refused, given_up], states, expected) in cases {
        let webhook =
            json!({ "fault": fault, "tries": tries, "accepted": accepted, "refused": refused, "given_up": given_up });
        let runs: Vec<RunRow> = states.iter().map(run).collect();
        let said = hooks::wrong("ref-1", &[&webhook], &runs).unwrap_or_default();
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{webhook} {states:?}: {said}");
    }
}
