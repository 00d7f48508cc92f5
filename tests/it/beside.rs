//! One run beside another, and one life of a run beside the next: one fact is paid once, and what was said to the one
//! says nothing to the other.

use std::time::Duration;

use ferry::{
    clock::pause,
    store::{Again, Change, Store as _, StoreError},
};
use ferry_contract::failure::ErrorClass;
use ferry_core::run::{Entry, From, Letter};
use serde_json::json;

use crate::{
    bank::Desk,
    shop::Shop,
    store::{at, dead_letter, stores},
};

/// Two events are one fact, because it is named after their maker. What names a longer account is refused before it is sent.
const PAYMENTS: &str = "\
ferry: 1
pipeline: payments
trigger:
  webhook: { path: payments, verify: { header: X-Signature, secret: \"${env:HOOK_SECRET}\" } }
  key: $.id
steps:
  - id: pay
    action: bank.pay
    once_per: $.event.maker
    with: { reference: $.event.id, account: { from: $.event.account, max_length: 4 } }
    on_error:
      - { class: invalid, fallback: { action: bank.transfer, with: { reference: $.event.id } } }
on_failure: { alert: desk }
";

/// The second event is refused before its own call could meet the first one's.
#[tokio::test]
async fn one_fact_is_paid_once_whichever_way_each_of_its_events_goes() {
    for (accounts, paid) in [(["open", "a long one"], "pay e-1"), (["a long one", "open"], "transfer e-1")] {
        let desk = Desk::with("", PAYMENTS);
        desk.pay("e-1", accounts[0], 10).await;
        desk.until("e-1", "finished").await;
        desk.pay("e-2", accounts[1], 10).await;
        desk.until("e-2", "dead_lettered").await;
        assert_eq!(desk.bank.booked(), [paid]);
        assert_eq!(desk.json(&["dlq", "list"])["dead_letters"][0]["class"], "conflict", "{paid}");
    }
}

/// The store may have forgotten the payment of this fact, and finds it at the bank. From then on it is one of its own.
#[tokio::test]
async fn what_a_doubted_store_has_adopted_is_not_paid_by_another_event() {
    let step = "    action: bank.transfer\n    once_per: $.event.maker\n    with: { reference: one }\n";
    let (head, rest) = PAYMENTS.split_once("    action:").unwrap();
    let alert = rest.split_once("on_failure").unwrap().1;
    let mut desk = Desk::untrusted("", &format!("{head}{step}on_failure{alert}"));
    desk.bank.book("transfer one");
    desk.pay("e-1", "open", 10).await;
    desk.until("e-1", "finished").await;
    desk.trust();
    desk.pay("e-2", "open", 10).await;
    desk.until("e-2", "dead_lettered").await;
    assert_eq!(desk.bank.booked(), ["transfer one"]);
}

const PARENT: &str = r#"
ferry: 1
pipeline: parent
trigger: { webhook: { path: parents, verify: none }, key: $.id, revision: $.revision }
steps:
  - { id: sub, pipeline: child, with: { amount: $.event.amount } }
  - { id: rest, wait: { for: 100ms } }
  - { id: small, needs: [rest], map: { share: { rhai: 100 / (event.amount - 900) } } }
"#;

const CHILD: &str = r#"
ferry: 1
pipeline: child
trigger: manual
inputs: { amount: number }
steps:
  - { id: release, approve: { by: [ana], expires: 1d } }
  - { id: paid, needs: [release], map: { amount: $.event.amount } }
output: $.paid
"#;

/// It would pay what it was begun for, and its parent would take that for what it wants by now.
#[tokio::test]
async fn a_run_that_is_under_way_with_other_inputs_is_not_waited_for() {
    let project = ("ferry", "ferry: 1\nproject: shop\n");
    let shop = Shop::open(&[project, ("parent", PARENT), ("child", CHILD)]);
    shop.deliver("parents", &json!({ "id": "p", "revision": 1, "amount": 900 })).await;
    shop.run("parent", "p", &["dead_lettered"]).await;
    shop.deliver("parents", &json!({ "id": "p", "revision": 2, "amount": 90 })).await;
    let id = ferry::store::RunId::of("parent", "p");
    for _ in 0..400 {
        let run = shop.store.run(&id).await.unwrap().unwrap();
        let failed = run.journal.iter().find_map(|(_, entry)| match entry {
            Entry::Failed { step, failure } if step == "sub" => Some(failure.clone()),
            _ => None,
        });
        if let Some(failure) = failed {
            assert_eq!(failure.class, ErrorClass::Conflict);
            assert!(failure.message.contains("is under way with other inputs"), "{failure}");
            return;
        }
        pause(Duration::from_millis(20)).await;
    }
    panic!("the corrected parent waits for the child of the one before");
}

/// A cancel comes while the run's last call fails. Weeks later it is replayed, and must not be cancelled then.
#[tokio::test]
async fn what_was_said_to_an_earlier_life_of_a_run_is_not_heard_in_the_next() {
    for tested in stores().await {
        let (engine, leased) = tested.driven("a").await;
        let cancel = || Letter::Cancel { by: "ana".into(), reason: "not wanted".into() };
        let send = || Change::Send { run: leased.run.clone(), letter: cancel(), at: at(4) };
        tested.store.commit(vec![send()]).await.unwrap();
        tested.store.commit(dead_letter("pay", &leased, 1)).await.unwrap();
        let taken = tested.take(&engine, 6).await;
        assert_eq!(taken.iter().map(|taken| &taken.run).collect::<Vec<_>>(), [&leased.run], "whoever reads it says so");
        let resume = |seen| {
            let how = Again { from: From::Start, by_person: true, seen: Some(seen), ..Again::default() };
            Change::Resume { run: leased.run.clone(), by: "bob".into(), reason: "mended".into(), at: at(7), how }
        };
        let late = tested.store.commit(vec![resume(1)]).await.unwrap_err();
        assert!(matches!(&late, StoreError::NotEnded(why) if why.contains("look again")), "{late:?}");
        tested.store.commit(vec![send(), resume(2)]).await.unwrap();
        assert!(tested.other.run(&leased.run).await.unwrap().unwrap().letters.is_empty());
        tested.store.commit(vec![send()]).await.unwrap();
        assert_eq!(tested.other.run(&leased.run).await.unwrap().unwrap().letters.len(), 1);
    }
}
