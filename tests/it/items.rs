//! Items of reconciliations: what every store promises of them.

use std::{collections::BTreeMap, sync::Arc};

use ferry::store::{
    Change, Fence, Filter, Item, ItemFilter, ItemKind, ItemName, ItemState, Itemizing, RunId, Store, StoreError,
    StoredItem, postgres::PostgresStore,
};
use ferry_core::recon::Which;
use ferry_tests::postgres::{Server, server};
use serde_json::{Value, json};

use crate::store::{Tested, arrived, at, stores};

pub(crate) fn item(state: ItemState, what: &str, rows: &[&str]) -> Item {
    let (left, right) = rows.split_at(rows.len().div_ceil(2));
    let [left, right] = [left, right].map(|rows| rows.iter().map(|row| (*row).to_owned()).collect());
    let kind = if matches!(state, ItemState::Open) { ItemKind::Exception } else { ItemKind::Match };
    let data: Value = serde_json::from_str(r#"{"amount": 12345678901234567.890, "currency": "EUR"}"#).unwrap();
    let (what, by) = (what.to_owned(), "run_1".to_owned());
    Item { kind, state, what, left, right, data, by, reason: String::new(), at: at(0) }
}

pub(crate) fn set(name: &ItemName, was: Option<u64>, to: Item) -> Change {
    Change::Item(name.clone(), Itemizing { was, to, run: None })
}

fn name(key: &str) -> ItemName {
    ItemName::new("p", "bank", key)
}

fn all() -> ItemFilter {
    ItemFilter { project: "p".into(), limit: 10_000, ..ItemFilter::default() }
}

fn named(name: &str) -> ItemFilter {
    ItemFilter { name: Some(name.to_owned()), ..all() }
}

/// The number of the last change of an item.
async fn number(store: &Arc<dyn Store>, key: &str) -> Option<u64> {
    let found = store.items(&named(key)).await.unwrap();
    found.iter().find(|item| item.key == key).map(|item| item.number)
}

async fn keys(store: &Arc<dyn Store>, filter: &ItemFilter) -> Vec<String> {
    store.items(filter).await.unwrap().into_iter().map(|item| item.key).collect()
}

#[tokio::test]
async fn an_item_of_a_reconciliation_is_changed_only_by_who_has_read_it() {
    for Tested { store, other, .. } in stores().await {
        let (suggested, accepted) =
            (item(ItemState::Suggested, "close", &["l", "r"]), item(ItemState::Accepted, "close", &["l", "r"]));
        store.commit(vec![set(&name("m"), None, suggested.clone())]).await.unwrap();
        let first = number(&other, "m").await;
        assert!(first.is_some_and(|number| number > 0), "{first:?}");
        let stale = Err(StoreError::Stale("bank m".to_owned()));
        // Also of what says the same: who has not read it does not know that it does.
        for to in [&accepted, &suggested] {
            assert_eq!(other.commit(vec![set(&name("m"), None, to.clone())]).await, stale);
            assert_eq!(other.commit(vec![set(&name("m"), first.map(|first| first + 1), to.clone())]).await, stale);
            assert_eq!(
                other.commit(vec![set(&name("none"), first, to.clone())]).await,
                Err(StoreError::Stale("bank none".into()))
            );
        }
        // What is refused takes what is beside it along, and uses up no number.
        let beside = vec![
            Change::Receive(arrived("a", "1", 0)),
            set(&name("n"), None, accepted.clone()),
            set(&name("m"), None, accepted.clone()),
        ];
        assert_eq!(other.commit(beside).await, stale);
        assert!(store.runs(&Filter { limit: 9, ..Filter::default() }).await.unwrap().is_empty());
        assert_eq!(keys(&store, &all()).await, ["m"]);
        other.commit(vec![set(&name("m"), first, accepted.clone())]).await.unwrap();
        assert_eq!(number(&store, "m").await, first.map(|first| first + 1));
        assert_eq!(store.commit(vec![set(&name("m"), first, suggested)]).await, stale);
        let found = store.items(&named("m")).await.unwrap();
        let [StoredItem { book, item, .. }] = &found[..] else { panic!("{found:?}") };
        assert_eq!((book.as_str(), item), ("bank", &accepted), "with a number that no float can hold");
        assert_eq!((item.rows(Which::Left), item.rows(Which::Right)), (&["l".to_owned()][..], &["r".to_owned()][..]));
    }
}

#[tokio::test]
async fn of_two_that_change_an_item_at_once_one_does() {
    for Tested { store, other, .. } in stores().await {
        let names: Vec<ItemName> = (0..40).map(|key| name(&key.to_string())).collect();
        let known = item(ItemState::Suggested, "close", &["l", "r"]);
        store.commit(names[20..].iter().map(|name| set(name, None, known.clone())).collect()).await.unwrap();
        let mut was = BTreeMap::new();
        for found in store.items(&all()).await.unwrap() {
            was.insert(found.key, found.number);
        }
        let both = names.iter().flat_map(|name| {
            let was = was.get(&name.key).copied();
            [(&store, "one"), (&other, "two")]
                .map(|(store, what)| store.commit(vec![set(name, was, item(ItemState::Confirmed, what, &["l", "r"]))]))
        });
        let done = futures_util::future::join_all(both).await;
        for (name, done) in names.iter().zip(done.chunks(2)) {
            let won = ["one", "two"].into_iter().zip(done).filter(|(_, done)| done.is_ok()).map(|(to, _)| to);
            let won: Vec<&str> = won.collect();
            assert!(won.len() == 1 && done.iter().any(|done| matches!(done, Err(StoreError::Stale(_)))), "{done:?}");
            let found = store.items(&named(&name.key)).await.unwrap();
            assert_eq!(found.iter().map(|item| item.item.what.as_str()).collect::<Vec<_>>(), won);
        }
        let numbers: Vec<u64> = store.items(&all()).await.unwrap().iter().map(|item| item.number).collect();
        assert!(
            numbers.windows(2).all(|two| two[0] < two[1]),
            "also of those that were committed together: {numbers:?}"
        );
    }
}

#[tokio::test]
async fn numbers_grow_with_each_change_and_what_says_the_same_changes_nothing() {
    for Tested { store, other, .. } in stores().await {
        let (a, b) = (item(ItemState::Confirmed, "exact", &["l", "r"]), item(ItemState::Open, "missing", &["x"]));
        // In the order of the group, whatever the items are called.
        store.commit(vec![set(&name("z"), None, a.clone()), set(&name("b"), None, b.clone())]).await.unwrap();
        let seen = other.items(&all()).await.unwrap();
        assert_eq!(seen.iter().map(|item| item.key.as_str()).collect::<Vec<_>>(), ["z", "b"]);
        let (first, second) = (seen[0].number, seen[1].number);
        assert!(first < second);
        let reordered = json!({ "currency": "EUR", "amount": b.data["amount"] });
        let again = Item { by: "ana".into(), reason: "again".into(), at: at(9), data: reordered, ..b.clone() };
        let same = vec![set(&name("b"), Some(second), again), set(&name("z"), Some(first), a.clone())];
        store.commit(same).await.unwrap();
        assert_eq!(other.items(&all()).await.unwrap(), seen, "neither numbers nor who said so");
        for changed in [
            Item { state: ItemState::WrittenOff, ..b.clone() },
            Item { what: "timing".into(), ..b.clone() },
            Item { kind: ItemKind::Split, ..b.clone() },
            Item { data: json!({}), ..b.clone() },
            Item { left: vec![], right: b.left.clone(), ..b.clone() },
        ] {
            let last = other.items(&all()).await.unwrap().pop().unwrap().number;
            let was = number(&store, "b").await;
            other.commit(vec![set(&name("b"), was, changed.clone())]).await.unwrap();
            let found = store.items(&ItemFilter { after: last, ..all() }).await.unwrap();
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].number, &found[0].item), (last + 1, &changed));
        }
    }
}

#[tokio::test]
async fn items_are_found_by_what_is_known_of_them() {
    for Tested { store, other, .. } in stores().await {
        let put = |book: &str, key: &str, to| set(&ItemName::new("p", book, key), None, to);
        let group = vec![
            put("bank", "m1", item(ItemState::Confirmed, "exact", &["l1", "r1"])),
            put("bank", "m2", item(ItemState::Suggested, "close", &["l2", "r2"])),
            put("cards", "m3", item(ItemState::Suggested, "exact", &["l1", "l2", "r1"])),
            put("cards", "e1", item(ItemState::Open, "missing", &["l3"])),
            set(&ItemName::new("q", "bank", "m1"), None, item(ItemState::Confirmed, "exact", &["l1", "r1"])),
        ];
        store.commit(group).await.unwrap();
        let states = |states: &[ItemState]| ItemFilter { states: states.to_vec(), ..all() };
        let book = |filter: ItemFilter| ItemFilter { book: Some("cards".into()), ..filter };
        let what = |filter: ItemFilter| ItemFilter { what: Some("exact".into()), ..filter };
        let first = number(&store, "m1").await.unwrap();
        let after = |filter: ItemFilter, number| ItemFilter { after: first + number - 1, ..filter };
        let (open, suggested) = (ItemState::Open, ItemState::Suggested);
        for (filter, expected) in [
            (all(), &["m1", "m2", "m3", "e1"][..]),
            (ItemFilter { limit: 2, ..all() }, &["m1", "m2"]),
            (ItemFilter { project: "q".into(), ..all() }, &["m1"]),
            (ItemFilter { project: "r".into(), ..all() }, &[]),
            (book(all()), &["m3", "e1"]),
            (states(&[open, suggested]), &["m2", "m3", "e1"]),
            (states(&[ItemState::Rejected]), &[]),
            (book(states(&[suggested])), &["m3"]),
            (what(all()), &["m1", "m3"]),
            (what(book(states(&[open, suggested]))), &["m3"]),
            (after(all(), 2), &["m3", "e1"]),
            (after(states(&[open, suggested]), 3), &["e1"]),
            (after(book(states(&[open, suggested])), 3), &["e1"]),
            (after(all(), 9), &[]),
            (ItemFilter { after: u64::MAX, ..all() }, &[]),
            (named("m2"), &["m2"]),
            (named("l1"), &["m1", "m3"]),
            (named("r1"), &["m1", "m3"]),
            (named("l"), &[]),
            (book(named("l1")), &["m3"]),
            (what(named("l2")), &["m3"]),
            (after(named("l1"), 1), &["m3"]),
            (ItemFilter { limit: 1, ..named("l1") }, &["m1"]),
            (ItemFilter { states: vec![suggested], ..named("l2") }, &["m2", "m3"]),
            (ItemFilter { project: "q".into(), ..named("l1") }, &["m1"]),
        ] {
            assert_eq!(keys(&other, &filter).await, expected, "{filter:?}");
        }
    }
}

#[tokio::test]
async fn names_of_rows_find_their_items_however_long_and_whatever_is_in_them() {
    for Tested { store, other, .. } in stores().await {
        // No index of PostgreSQL takes so much whole, and no text of it takes a NUL.
        let long: String = (0..4_000_u32).map(|place| char::from(b'a' + (place * place % 26) as u8)).collect();
        let noise: String =
            (0..200).map(|place| ferry_contract::key::Digest::of(place.to_string()).as_str().to_owned()).collect();
        let rows = [long.as_str(), &noise, "nu\0l", "with \"quotes\" and ü"];
        let to = Item { reason: "be\0cause".into(), by: "a\0na".into(), ..item(ItemState::Open, "wh\0at", &rows) };
        let to = Item { data: json!({ "te\0xt": "va\0lue" }), ..to };
        let odd = ItemName::new("p\0", "bo\0ok", "ke\0y");
        store.commit(vec![set(&odd, None, to.clone())]).await.unwrap();
        let of = |filter: ItemFilter| ItemFilter { project: "p\0".into(), ..filter };
        let what = ItemFilter { what: Some("wh\0at".into()), book: Some("bo\0ok".into()), ..all() };
        for filter in rows.iter().map(|row| named(row)).chain([named("ke\0y"), what, all()]) {
            let found = other.items(&of(filter.clone())).await.unwrap();
            assert_eq!(found.len(), 1, "{filter:?}");
            let found = &found[0].item;
            assert_eq!((&found.left, &found.right, &found.data), (&to.left, &to.right, &to.data));
            assert_eq!((found.by.as_str(), found.reason.as_str()), ("a\u{2400}na", "be\u{2400}cause"));
        }
        assert!(other.items(&of(named(&long[1..]))).await.unwrap().is_empty());
        // A row that an item has no more does not find it any more; one that it has still does.
        let was = other.items(&of(all())).await.unwrap()[0].number;
        let fewer = Item { left: to.left[..1].to_vec(), right: vec!["new".into()], ..to.clone() };
        store.commit(vec![set(&odd, Some(was), fewer)]).await.unwrap();
        for (row, expected) in [(rows[0], 1), (rows[1], 0), (rows[2], 0), ("new", 1), ("ke\0y", 1)] {
            assert_eq!(other.items(&of(named(row))).await.unwrap().len(), expected, "{row:?}");
        }
    }
}

#[tokio::test]
async fn a_thousand_items_are_one_commit() {
    for Tested { store, other, .. } in stores().await {
        let keys: Vec<String> = (0..1_000).map(|key| format!("{:04}", key * 7 % 1_000)).collect();
        let to = |state, key: &str| {
            let rows = ["l", "m", "r"].map(|side| format!("{side}{key}"));
            item(state, "exact", &rows.each_ref().map(String::as_str))
        };
        let group = |was: &BTreeMap<String, u64>, state| -> Vec<Change> {
            keys.iter().map(|key| set(&name(key), was.get(key).copied(), to(state, key))).collect()
        };
        let numbers = |items: &[StoredItem]| -> BTreeMap<String, u64> {
            items.iter().map(|item| (item.key.clone(), item.number)).collect()
        };
        store.commit(group(&BTreeMap::new(), ItemState::Suggested)).await.unwrap();
        let first = other.items(&all()).await.unwrap();
        assert_eq!(first.iter().map(|item| &item.key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
        other.commit(group(&numbers(&first), ItemState::Suggested)).await.unwrap();
        assert_eq!(store.items(&all()).await.unwrap(), first);
        other.commit(group(&numbers(&first), ItemState::Accepted)).await.unwrap();
        let last = store.items(&all()).await.unwrap();
        assert_eq!(last.iter().map(|item| &item.key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
        assert!(last.iter().all(|item| item.number > first[999].number && item.item.state == ItemState::Accepted));
        assert_eq!(self::keys(&store, &named("m0500")).await, ["0500"]);
    }
}

#[tokio::test]
async fn a_run_that_was_taken_away_changes_no_item() {
    for tested in stores().await {
        let (_, leased) = tested.driven("a").await;
        let by = |run: RunId, fence| {
            let to = item(ItemState::Confirmed, "exact", &["l", "r"]);
            vec![Change::Item(name("m"), Itemizing { was: None, to, run: Some((run, fence)) })]
        };
        let fenced = tested.store.commit(by(leased.run.clone(), Fence::default())).await;
        assert!(matches!(fenced, Err(StoreError::Fenced(_))), "{fenced:?}");
        assert_eq!(number(&tested.store, "m").await, None);
        tested.store.commit(by(leased.run, leased.fence)).await.unwrap();
        assert!(number(&tested.other, "m").await.is_some());
    }
}

/// What somebody sees who asks again and again for what is new.
#[derive(Default)]
struct Follower {
    last: u64,
    seen: BTreeMap<String, StoredItem>,
}

impl Follower {
    /// Whether anything was new.
    async fn look(&mut self, store: &Arc<dyn Store>) -> bool {
        let new = store.items(&ItemFilter { after: self.last, limit: 7, ..all() }).await.unwrap();
        for item in &new {
            assert!(item.number > self.last, "{item:?} after {}", self.last);
            self.last = item.number;
            self.seen.insert(item.key.clone(), item.clone());
        }
        !new.is_empty()
    }

    async fn has_missed_none(mut self, store: &Arc<dyn Store>) {
        while self.look(store).await {}
        let all = store.items(&all()).await.unwrap();
        assert_eq!(all, {
            let mut seen: Vec<StoredItem> = self.seen.into_values().collect();
            seen.sort_by_key(|item| item.number);
            seen
        });
    }
}

/// New items and changes of known ones.
async fn work(store: Arc<dyn Store>, who: &'static str) {
    for round in 0..60 {
        let keys = [format!("{who}{round}"), format!("{who}{}", round / 2)];
        let mut group = Vec::new();
        for key in &keys {
            let was = number(&store, key).await;
            group.push(set(&name(key), was, item(ItemState::Confirmed, &format!("rule {round}"), &[key])));
        }
        group.truncate(if keys[0] == keys[1] { 1 } else { 2 });
        store.commit(group).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_the_changes_of_items_misses_none() {
    for Tested { store, other, .. } in stores().await {
        let work = [tokio::spawn(work(Arc::clone(&store), "one")), tokio::spawn(work(Arc::clone(&other), "two"))];
        let mut follower = Follower::default();
        while !work.iter().all(tokio::task::JoinHandle::is_finished) {
            follower.look(&other).await;
            tokio::task::yield_now().await;
        }
        for work in work {
            work.await.unwrap();
        }
        follower.has_missed_none(&store).await;
    }
}

async fn psql(address: &str, sql: String) {
    let database = Server::name(address).to_owned();
    tokio::task::spawn_blocking(move || server().execute_in(&database, &sql)).await.unwrap().unwrap();
}

/// Goes on once that is so; at the latest after five seconds.
fn until(condition: &str) -> String {
    format!(
        "DO $$ BEGIN FOR look IN 1..500 LOOP
            PERFORM pg_stat_clear_snapshot(); EXIT WHEN ({condition}); PERFORM pg_sleep(0.01);
        END LOOP; END $$;"
    )
}

fn wait_for_locks(count: u32) -> String {
    until(&format!(
        "SELECT count(*) >= {count} FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ))
}

/// A commit that has its number already and is still on its way, while another process commits.
#[tokio::test]
async fn no_change_of_an_item_is_seen_before_one_with_a_smaller_number() {
    let address = server().database();
    let open = || async { Arc::new(PostgresStore::open(&address).await.unwrap()) as Arc<dyn Store> };
    let (one, two) = (open().await, open().await);
    let to = |what| item(ItemState::Confirmed, what, &["l", "r"]);
    one.commit(vec![set(&name("slow"), None, to("first"))]).await.unwrap();
    let mut follower = Follower::default();
    assert!(follower.look(&two).await);
    let was = number(&one, "slow").await;
    let in_the_way = format!("BEGIN; UPDATE ferry.items SET by = by; {} COMMIT", wait_for_locks(2));
    let look = async {
        let is_there =
            "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'ferry.items'::regclass AND mode = 'RowExclusiveLock'";
        psql(&address, until(is_there)).await;
        let slow = tokio::spawn(one.commit(vec![set(&name("slow"), was, to("second"))]));
        psql(&address, wait_for_locks(1)).await;
        let quick = tokio::spawn(two.commit(vec![set(&name("quick"), None, to("first"))]));
        while !(slow.is_finished() && quick.is_finished()) {
            follower.look(&two).await;
            tokio::task::yield_now().await;
        }
        slow.await.unwrap().unwrap();
        quick.await.unwrap().unwrap();
        follower
    };
    let ((), follower) = futures_util::join!(psql(&address, in_the_way), look);
    follower.has_missed_none(&two).await;
}
