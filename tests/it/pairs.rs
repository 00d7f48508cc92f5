//! Pairs of cross-references: what every store promises of them, and what runs and persons make of them.

use std::sync::Arc;

use ferry::store::{Change, Fence, Filter, PairName, Pairing, RunId, Store, StoreError, StoredPair, StoredRun};
use ferry_core::run::Entry;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    program::{ferry, outcome},
    reload,
    shop::Shop,
    store::{Tested, arrived, stores},
};

fn name(project: &str, table: &str, key: &str) -> PairName {
    PairName::new(project, table, key)
}

fn set(name: &PairName, was: Option<&str>, to: Option<&str>, run: Option<(RunId, Fence)>) -> Change {
    let (was, to) = (was.map(str::to_owned), to.map(str::to_owned));
    Change::Pair(name.clone(), Pairing { was, to, by: "ana".to_owned(), run, at: Timestamp::UNIX_EPOCH })
}

async fn there(store: &Arc<dyn Store>, name: &PairName) -> Option<String> {
    store.pairs(std::slice::from_ref(name)).await.unwrap().pop().unwrap().map(|pair| pair.to)
}

#[tokio::test]
async fn a_pair_changes_only_for_whoever_has_seen_it() {
    for Tested { store, other, .. } in stores().await {
        let (pair, elsewhere) = (name("p", "contacts", "003"), name("q", "contacts", "003"));
        store.commit(vec![set(&pair, None, Some("P-1"), None)]).await.unwrap();
        let stale = Err(StoreError::Stale("contacts 003".to_owned()));
        assert_eq!(other.commit(vec![set(&pair, None, Some("P-2"), None)]).await, stale);
        assert_eq!((there(&other, &pair).await, there(&other, &elsewhere).await), (Some("P-1".to_owned()), None));
        // What is refused takes what is beside it along.
        let act = vec![Change::Receive(arrived("a", "1", 0)), set(&pair, Some("P-0"), None, None)];
        assert_eq!(other.commit(act).await, stale);
        assert!(store.runs(&Filter { limit: 9, ..Filter::default() }).await.unwrap().is_empty());
        other.commit(vec![set(&pair, Some("P-1"), Some("P-2"), None)]).await.unwrap();
        let more = vec![set(&name("p", "items", "1"), None, Some("x"), None), set(&elsewhere, None, Some("Q"), None)];
        store.commit(more).await.unwrap();
        let shown = |pairs: Vec<StoredPair>| pairs.into_iter().map(|pair| [pair.table, pair.key, pair.to].join(" "));
        let of = |table, limit| store.pairs_of("p", table, limit);
        let all: Vec<String> = shown(of(None, 9).await.unwrap()).collect();
        assert_eq!(all, ["contacts 003 P-2", "items 1 x"]);
        assert_eq!(shown(of(Some("items"), 9).await.unwrap()).collect::<Vec<_>>(), ["items 1 x"]);
        assert_eq!(of(None, 1).await.unwrap().len(), 1);
        store.commit(vec![set(&pair, Some("P-2"), None, None)]).await.unwrap();
        assert_eq!(there(&other, &pair).await, None);
        store.commit(vec![set(&pair, None, Some("P-3"), None)]).await.unwrap();
        assert_eq!(there(&other, &pair).await, Some("P-3".to_owned()));
    }
}

#[tokio::test]
async fn of_two_that_record_a_key_at_once_one_does() {
    for Tested { store, other, .. } in stores().await {
        let names: Vec<PairName> = (0..40).map(|key| name("p", "contacts", &key.to_string())).collect();
        let known = "known";
        store.commit(names[20..].iter().map(|pair| set(pair, None, Some(known), None)).collect()).await.unwrap();
        let both = names.iter().enumerate().flat_map(|(index, pair)| {
            let was = (index >= 20).then_some(known);
            [(&store, "one"), (&other, "two")].map(|(store, to)| store.commit(vec![set(pair, was, Some(to), None)]))
        });
        let done = futures_util::future::join_all(both).await;
        for (pair, done) in names.iter().zip(done.chunks(2)) {
            let won: Vec<&str> =
                ["one", "two"].into_iter().zip(done).filter(|(_, done)| done.is_ok()).map(|(to, _)| to).collect();
            assert_eq!(there(&store, pair).await.as_deref(), won.first().copied());
            assert!(won.len() == 1 && done.iter().any(|done| matches!(done, Err(StoreError::Stale(_)))), "{done:?}");
        }
    }
}

#[tokio::test]
async fn a_run_that_was_taken_away_records_no_pair() {
    for tested in stores().await {
        let (_, leased) = tested.driven("a").await;
        let pair = name("p", "contacts", "003");
        let old = Some((leased.run.clone(), Fence::default()));
        let fenced = tested.store.commit(vec![set(&pair, None, Some("P-1"), old)]).await;
        assert!(matches!(fenced, Err(StoreError::Fenced(_))), "{fenced:?}");
        assert_eq!(there(&tested.store, &pair).await, None);
        tested.store.commit(vec![set(&pair, None, Some("P-1"), Some((leased.run, leased.fence)))]).await.unwrap();
        assert_eq!(there(&tested.other, &pair).await, Some("P-1".to_owned()));
    }
}

const PROJECT: &str = "\
ferry: 1
project: shop
xref: { contacts: { between: [salesforce Contact, payoneer payee] } }
";

const PAYEES: &str = "\
ferry: 1
pipeline: payees
trigger: { webhook: { path: payees, verify: none }, key: $.id }
steps:
  - id: linked
    link: { table: contacts, key: $.event.contact, to: $.event.payee }
  - id: seen
    needs: [linked]
    map: { xref: { table: contacts, key: $.linked.key } }
";

const PAYOUTS: &str = "\
ferry: 1
pipeline: payouts
trigger: { webhook: { path: payouts, verify: none }, key: $.id }
steps:
  - id: payees
    each: { in: $.event.contacts, as: contact, key: $.contact }
    map: { payee: { xref: { table: contacts, key: $.contact } } }
";

fn open() -> Shop {
    Shop::open(&[("ferry", PROJECT), ("payees", PAYEES), ("payouts", PAYOUTS)])
}

async fn ended(shop: &Shop, pipeline: &str, key: &str) -> StoredRun {
    shop.run(pipeline, key, &["finished", "dead_lettered"]).await
}

async fn payee(shop: &Shop, key: &str, payee: &str) -> StoredRun {
    shop.deliver("payees", &json!({ "id": format!("{key}-{payee}"), "contact": key, "payee": payee })).await;
    ended(shop, "payees", &format!("{key}-{payee}")).await
}

fn xref(shop: &Shop, args: &[&str]) -> (Option<i32>, String) {
    let mut command = ferry(shop.folder.path());
    command.args(["xref"]).args(args).args(["--project", "shop", "--store", "ferry.db"]).env("USER", "carl");
    let (code, stdout, stderr) = outcome(&mut command);
    (code, stdout + stderr.as_str())
}

/// What a dead letter says, or the last value that a run made.
fn said(run: &StoredRun) -> String {
    let last = run.journal.iter().rev().find_map(|(_, entry)| match entry {
        Entry::DeadLettered { failure, .. } => Some(failure.to_string()),
        Entry::Evaluated { output, .. } => Some(output.to_string()),
        _ => None,
    });
    last.unwrap_or_default()
}

#[tokio::test]
async fn a_pair_is_recorded_once_and_read_by_others() {
    let mut shop = open();
    let payout = |id: &str| json!({ "id": id, "contacts": ["003", "004"] });
    shop.deliver("payouts", &payout("early")).await;
    let early = said(&ended(&shop, "payouts", "early").await);
    assert!(
        early.starts_with("not_found: ")
            && early.contains("`contacts` has no payoneer payee for the salesforce Contact `003`"),
        "{early}"
    );
    // Also by the run itself, at once.
    assert_eq!(said(&payee(&shop, "003", "P-1").await), "\"P-1\"");
    payee(&shop, "004", "P-4").await;
    shop.kill();
    shop.deliver("payees", &json!({ "id": "again", "contact": "003", "payee": "P-1" })).await;
    assert_eq!(said(&ended(&shop, "payees", "again").await), "\"P-1\"");
    let other = said(&payee(&shop, "003", "P-2").await);
    assert!(other.starts_with("conflict: `contacts` has `P-1` for `003`, and this would make it `P-2`"), "{other}");
    shop.deliver("payouts", &payout("late")).await;
    let late = ended(&shop, "payouts", "late").await;
    let read = late.journal.iter().filter(|(_, entry)| matches!(entry, Entry::Referenced { .. })).count();
    let outputs: Vec<String> = late
        .journal
        .iter()
        .filter_map(|(_, entry)| match entry {
            Entry::Evaluated { step, output } => Some(format!("{step} {output}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        (read, outputs),
        (2, vec!["payees[003] {\"payee\":\"P-1\"}".into(), "payees[004] {\"payee\":\"P-4\"}".into()])
    );
}

#[tokio::test]
async fn of_two_runs_that_disagree_one_is_a_conflict() {
    let shop = open();
    for key in 0..10 {
        let key = key.to_string();
        let ends = futures_util::future::join(payee(&shop, &key, "P-1"), payee(&shop, &key, "P-2")).await;
        let mut states = [ends.0.row.state, ends.1.row.state];
        states.sort();
        assert_eq!(states, ["dead_lettered", "finished"]);
    }
}

#[tokio::test]
async fn a_person_sees_and_corrects_a_pair() {
    let shop = open();
    assert_eq!(xref(&shop, &["list"]), (Some(4), "nothing is known of any cross-reference\n".to_owned()));
    payee(&shop, "003", "P-1").await;
    let why = ["--reason", "merged payees"];
    let set = |more: &[&str]| xref(&shop, &[&["set", "contacts", "003", "P-2"], &why[..], more].concat());
    let (code, text) = set(&[]);
    assert_eq!(
        (code, text.as_str()),
        (Some(1), "error: `contacts` has `P-1` for `003`; nothing was changed; `--replace` takes its place\n")
    );
    assert_eq!(set(&["--replace"]).0, Some(0));
    assert_eq!(set(&[]).0, Some(0));
    let (code, text) = xref(&shop, &["get", "contacts", "003"]);
    assert!(code == Some(0) && text.contains("P-2") && text.contains("carl"), "{text}");
    let (code, text) = xref(&shop, &["get", "contact", "003"]);
    assert!(code == Some(2) && text.contains("did you mean `contacts`?"), "{text}");
    assert_eq!(xref(&shop, &[&["remove", "contacts", "003"], &why[..]].concat()).0, Some(0));
    assert_eq!(xref(&shop, &[&["remove", "contacts", "003"], &why[..]].concat()).0, Some(4));
    let acts = shop.store.acts(9).await.unwrap();
    let acts: Vec<String> =
        acts.iter().map(|act| format!("{} {} {} {}", act.by, act.act, act.subject, act.detail)).collect();
    assert_eq!(
        acts,
        [
            r#"carl unlinked contacts 003 {"project":"shop","was":"P-2","to":null}"#,
            r#"carl linked contacts 003 {"project":"shop","was":"P-1","to":"P-2"}"#,
        ]
    );
}

/// Reads a pair when a person has said so.
const ASKING: &str = "\
ferry: 1
pipeline: payouts
trigger: { webhook: { path: payouts, verify: none }, key: $.id }
steps:
  - { id: release, approve: { by: [ana], expires: 1d } }
  - { id: payee, needs: [release], map: { xref: { table: contacts, key: $.event.contact } } }
output: $.payee
on_failure: { alert: ops }
";

/// The folder has no cross-reference any more: the run goes on with the files that it began with.
#[tokio::test]
async fn a_run_of_an_earlier_version_reads_what_its_own_files_declare() {
    let without = PROJECT.replace("xref:", "alerts: { ops: log }\nvars:");
    let with = format!("{PROJECT}alerts: {{ ops: log }}\n");
    let mut shop = reload::Shop::open(&[("shop/ferry.yaml", with), ("shop/payouts.yaml", ASKING.to_owned())]);
    let set = ["xref", "set", "contacts", "003", "P-1", "--project", "projects", "--reason", "known before"];
    assert_eq!(shop.says(&set).0, 0);
    for id in ["p1", "p2"] {
        assert_eq!(shop.deliver("payouts", &json!({ "id": id, "contact": "003" })).await, 202);
        shop.until(id, "waiting").await;
    }
    shop.write("shop/ferry.yaml", &without);
    shop.write("shop/payouts.yaml", &ASKING.replace("{ xref: { table: contacts, key: $.event.contact } }", "unknown"));
    assert_eq!(shop.reload(), "reloaded: 0 added, 1 changed (payouts), 0 removed\n");
    for id in ["p1", "p2"] {
        shop.approve(id);
        shop.until(id, "finished").await;
        assert!(shop.says(&["runs", "show", id]).1.contains("P-1"), "{}", shop.says(&["runs", "show", id]).1);
        // The other one with an engine that has never seen that version.
        shop.serve("projects");
    }
}
