//! Holds: released in order, with what they wait for reserved.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use ferry::{
    clock::pause,
    http::HttpClient,
    limits::QUEUE_ROWS_MAX,
    sandbox::{get, post},
    store::{Arrival, Change, EngineId, Fence, InQueue, RunId, Store as _, StoreError, sqlite::SqliteStore},
};
use ferry_connectors::connection::Connection;
use ferry_contract::{failure::ErrorClass, limits::LEASE, port::FreePass};
use ferry_core::run::Reservation;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::{
    program::{sandbox, serve},
    shipped,
    store::{arrived, stores},
};

const QUEUE: &str = "payoneer/USD";
const PATIENCE: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn reservation(step: &str, second: i64, amount: &str, is_released: bool) -> Reservation {
    let since = arrived("a", "1", second).at;
    let (step, queue, amount) = (step.to_owned(), QUEUE.to_owned(), amount.parse().unwrap());
    Reservation { step, queue, since, amount, is_released }
}

#[tokio::test]
async fn a_queue_is_in_the_order_of_its_holds_and_goes_with_them() {
    for tested in stores().await {
        let engine = EngineId::named("one");
        tested.store.join(&engine, LEASE).await.unwrap();
        let fence = Fence::default().raised();
        for key in ["a", "b"] {
            let arrival = Arrival { owner: Some(engine.clone()), ..arrived(key, "1", 0) };
            tested.store.commit(vec![Change::Receive(arrival)]).await.unwrap();
        }
        let reserve = |key: &str, fence, reservations: Vec<Reservation>| {
            vec![Change::Reserve { run: RunId::of("pay", key), fence, reservations }]
        };
        let (late, early) = (reservation("submit", 9, "12.50", false), reservation("submit", 5, "0.10", false));
        let item = reservation("submit[x]", 9, "3", true);
        tested.store.commit(reserve("a", fence, vec![late.clone(), item.clone()])).await.unwrap();
        tested.store.commit(reserve("b", fence, vec![early.clone()])).await.unwrap();
        let of = |key: &str, reservation: &Reservation| InQueue {
            run: RunId::of("pay", key),
            reservation: reservation.clone(),
        };
        assert_eq!(
            tested.store.queue(QUEUE, QUEUE_ROWS_MAX).await.unwrap(),
            [of("b", &early), of("a", &late), of("a", &item)]
        );
        // What is released is given whole, so that it can be summed; of the rest, only who may have the turn.
        assert_eq!(tested.store.queue(QUEUE, 0).await.unwrap(), [of("a", &item)]);
        assert_eq!(tested.store.queue(QUEUE, 1).await.unwrap(), [of("b", &early), of("a", &item)]);
        assert_eq!(tested.store.queue("payoneer/EUR", QUEUE_ROWS_MAX).await.unwrap(), []);
        let fenced = tested.store.commit(reserve("b", fence.raised(), Vec::new())).await;
        assert!(matches!(fenced, Err(StoreError::Fenced(_))), "{fenced:?}");
        tested.store.commit(reserve("a", fence, vec![item.clone()])).await.unwrap();
        assert_eq!(tested.store.queue(QUEUE, QUEUE_ROWS_MAX).await.unwrap(), [of("b", &early), of("a", &item)]);
        tested.store.commit(reserve("b", fence, Vec::new())).await.unwrap();
        assert_eq!(tested.store.queue(QUEUE, QUEUE_ROWS_MAX).await.unwrap(), [of("a", &item)]);
    }
}

/// The shipped connector in a sandbox, as a project would open it.
async fn payoneer(sandbox: &str, http: &Arc<HttpClient>) -> Connection {
    shipped::opened((sandbox, http), ("payoneer", None), &["program_id", "client_id", "client_secret"]).await
}

/// The other currency comes first: it must not decide whose reservations count for the rest of its bundle.
#[tokio::test]
async fn newcomers_are_refused_what_is_released_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox(folder.path(), &["--requests", "1"]);
    let http = Arc::new(HttpClient::new().unwrap());
    let seed = format!("{}/_sandbox/seed", sandbox.address);
    post(&*http, &seed, &json!({ "balance": "50.00" })).await.unwrap();
    let connection = payoneer(&sandbox.address, &http).await;
    let call = |amount: u32, currency: &str| {
        let amount = json!({ "amount": amount, "currency": currency });
        let input = json!({ "client_reference_id": "r", "payee_id": "p", "amount": amount, "description": "d" });
        connection.prepare("create_payout", &input).unwrap()
    };
    let (euro, large, small, fits) = (call(1, "EUR"), call(11, "USD"), call(9, "USD"), call(1, "USD"));
    assert_eq!(connection.currency("create_payout", &euro).as_deref(), Some("EUR"));
    assert_eq!(connection.currency("get_balance", &euro), None);
    let reserved = BTreeMap::from([("USD".to_owned(), Decimal::from(40)), ("EUR".to_owned(), Decimal::from(500))]);
    let calls = [&euro, &large, &small, &fits, &fits];
    let refused = connection.preflight(&FreePass, "create_payout", &calls, reserved).await;
    let classes: Vec<_> = refused.iter().map(|failure| failure.as_ref().map(|failure| failure.class)).collect();
    let short = Some(ErrorClass::InsufficientFunds);
    assert_eq!(classes, [Some(ErrorClass::Invalid), short, None, None, short]);
}

/// A sandbox without money, and a service that holds all that it is to pay.
struct Treasury {
    _folder: tempfile::TempDir,
    sandbox: ferry_tests::program::Running,
    _service: ferry_tests::program::Running,
    store: SqliteStore,
    http: HttpClient,
}

impl Treasury {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = sandbox(folder.path(), &["--requests", "12", "--speed", "1000"]);
        let http = HttpClient::new().unwrap();
        let seed = format!("{}/_sandbox/seed", sandbox.address);
        post(&http, &seed, &json!({ "balance": "0.00" })).await.unwrap();
        let service = serve(folder.path(), &sandbox.address);
        let store = SqliteStore::open_existing(Path::new(&folder.path().join("ferry.db"))).unwrap();
        Self { _folder: folder, sandbox, _service: service, store, http }
    }

    async fn deposit(&self, amount: Decimal) {
        let seed = format!("{}/_sandbox/seed", self.sandbox.address);
        post(&self.http, &seed, &json!({ "deposit": amount.to_string() })).await.unwrap();
    }

    /// The references that were booked, and how often.
    async fn booked(&self) -> Vec<(String, u64)> {
        let ledger = get(&self.http, &format!("{}/_sandbox/ledger", self.sandbox.address)).await.unwrap();
        let rows = ledger["payouts"].as_array().unwrap().iter();
        let row = |row: &Value| (row["reference"].as_str().unwrap().to_owned(), row["booked"].as_u64().unwrap());
        rows.map(row).filter(|(_, booked)| *booked > 0).collect()
    }

    async fn key(&self, held: &InQueue) -> String {
        self.store.run(&held.run).await.unwrap().unwrap().row.event_key
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        for _ in 0..PATIENCE {
            if is_so().await {
                return;
            }
            pause(LOOK_EVERY).await;
        }
        panic!(
            "{what} did not come: {:?}, {:?}",
            self.store.counts().await,
            self.store.queue(QUEUE, QUEUE_ROWS_MAX).await
        );
    }
}

#[tokio::test]
async fn holds_are_released_in_order_and_nobody_overtakes() {
    let treasury = Treasury::open().await;
    let is_quiet = async || {
        let counts = treasury.store.counts().await.unwrap();
        let held = counts.get("held").copied().unwrap_or(0);
        let ended = counts.get("dead_lettered").copied().unwrap_or(0);
        held > 5 && held + ended == 12
    };
    treasury.until("a queue", is_quiet).await;
    let queue = treasury.store.queue(QUEUE, QUEUE_ROWS_MAX).await.unwrap();
    let amounts: Vec<Decimal> = queue.iter().map(|held| held.reservation.amount).collect();
    // Enough for those before one, and for whoever is smaller behind it, but not for that one.
    let is_before_smaller = |index: &usize| amounts[*index..].iter().any(|amount| *amount < amounts[*index]);
    let blocked = (1..amounts.len()).find(is_before_smaller).expect("a hold with a smaller one behind it");
    let paid: Decimal = amounts[..blocked].iter().sum();
    treasury.deposit(paid + amounts[blocked] - Decimal::new(1, 2)).await;
    treasury.until("the first payouts", async || treasury.booked().await.len() >= blocked).await;
    let mut first = Vec::new();
    for held in &queue[..blocked] {
        first.push((treasury.key(held).await, 1));
    }
    first.sort();
    // Everyone has asked again by then: a hold asks every 10 minutes, which are 0.6 s here.
    pause(Duration::from_secs(3)).await;
    let mut booked = treasury.booked().await;
    booked.sort();
    assert_eq!(booked, first);
    let left = treasury.store.queue(QUEUE, QUEUE_ROWS_MAX).await.unwrap();
    assert_eq!(
        left.iter().map(|held| &held.run).collect::<Vec<_>>(),
        queue[blocked..].iter().map(|held| &held.run).collect::<Vec<_>>()
    );
    treasury.deposit(amounts.iter().sum()).await;
    treasury.until("all payouts", async || treasury.booked().await.len() == queue.len()).await;
    treasury
        .until("an empty queue", async || treasury.store.queue(QUEUE, QUEUE_ROWS_MAX).await.unwrap().is_empty())
        .await;
    assert!(treasury.booked().await.iter().all(|(_, booked)| *booked == 1));
}
