//! A backfill over loopback HTTP, killed between its windows: each record is one run, and no query is without an end.

use std::{
    collections::BTreeSet,
    io::{BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, OnceLock},
    time::Duration,
};

use expect_test::expect;
use ferry::{
    clock::{SystemClock, pause},
    store::{Filter, Store as _, sqlite::SqliteStore},
};
use ferry_contract::port::Clock as _;
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};

use crate::{
    bank::{head, request},
    program::{ferry, serve_folder},
};

const PROJECT: &str = "\
ferry: 1
project: ledger
connections: { bank: { connector: bank, environment: local } }
";

const LIST: &str = "\
actions:
  list:
    summary: Lists entries.
    source: the tests
    effect: read
    timeout: 5s
    request:
      host: api
      method: GET
      path: /entries
      query: { from: $.cursor.from, before: { rhai: input.cursor.before } }
    success: \"status == 200\"
    result: $
    poll: { items: $.entries }
    paginate: { items: $.entries, next: $.next }
    input:
      type: object
      additionalProperties: true
      properties:
        cursor:
          type: object
          description: Set by a poll.
          example: { from: a }
          properties:
            field: { type: string, description: The field that grows., example: a }
            tie_break: { type: string, description: What tells entries of one moment apart., example: a }
            from: { type: string, description: The first moment., example: a }
            before: { type: string, description: The moment after the last., example: a }
    output: { type: object, additionalProperties: true, properties: {} }
    sample: samples/list.json
";

/// What was asked: from when until when.
type Query = (Timestamp, Timestamp);

/// A bank with one entry for every six hours of 20 days, three on a page.
#[derive(Default)]
struct Ledger {
    asked: Mutex<Vec<Query>>,
    more: Condvar,
}

/// 21 days ago.
fn start() -> Timestamp {
    static START: OnceLock<Timestamp> = OnceLock::new();
    *START.get_or_init(|| {
        let now = SystemClock::default().now() - SignedDuration::from_hours(21 * 24);
        now.round(Unit::Second).unwrap()
    })
}

fn entries() -> Vec<Timestamp> {
    (0..80).map(|number| start() + SignedDuration::from_hours(number * 6)).collect()
}

impl Ledger {
    fn open() -> (Arc<Self>, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ledger = Arc::new(Self::default());
        let own = Arc::clone(&ledger);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let ledger = Arc::clone(&own);
                std::thread::spawn(move || ledger.serve(stream));
            }
        });
        (ledger, port)
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let text = self.answer(&request(&mut reader)?.0).to_string();
            let head = format!("HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: {}", text.len());
            write!(&stream, "{head}\r\n\r\n{text}").ok()?;
        }
    }

    fn answer(&self, path: &str) -> Value {
        let field = |name: &str| {
            let text =
                path.split_once(&format!("{name}="))?.1.split('&').next()?.replace("%3A", ":").replace("%2D", "-");
            text.parse::<Timestamp>().ok()
        };
        let (from, until) = (field("from").unwrap_or(Timestamp::MIN), field("before").unwrap_or(Timestamp::MAX));
        let first = field("after").unwrap_or(from);
        if first == from {
            self.asked.lock().unwrap().push((from, until));
            self.more.notify_all();
        }
        let found: Vec<Timestamp> = entries().into_iter().filter(|at| (first..until).contains(at)).collect();
        let next = found.get(3).map(|next| format!("/entries?from={from}&before={until}&after={next}"));
        let page = found.iter().take(3).map(|at| json!({ "id": at.to_string(), "at": at.to_string() }));
        json!({ "entries": page.collect::<Vec<_>>(), "next": next })
    }

    /// Waits until so many queries were asked.
    fn until_asked(&self, count: usize) {
        let asked = self.asked.lock().unwrap();
        let waited = self.more.wait_timeout_while(asked, Duration::from_secs(60), |asked| asked.len() < count);
        assert!(!waited.unwrap().1.timed_out(), "too little was asked");
    }
}

fn pipeline(to: Option<Timestamp>) -> String {
    let (from, to) = (start(), to.map_or_else(String::new, |to| format!(" to: {to},")));
    format!(
        "\
ferry: 1
pipeline: entries
trigger:
  poll:
    action: bank.list
    every: 50ms
    cursor: {{ field: $.at, tie_break: $.id, lookback: 1h }}
    backfill: {{ from: {from},{to} window: 2d }}
  key: $.id
steps: [ {{ id: seen, map: $.event.at }} ]
"
    )
}

/// Writes the project.
fn write(folder: &Path, pipeline: &str, manifest: &str) -> PathBuf {
    let project = folder.join("ledger");
    std::fs::create_dir_all(project.join("connectors/bank/samples")).unwrap();
    std::fs::write(project.join("connectors/bank/connector.yaml"), manifest).unwrap();
    std::fs::write(project.join("ferry.yaml"), PROJECT).unwrap();
    std::fs::write(project.join("entries.yaml"), pipeline).unwrap();
    project
}

/// The keys of all runs, and what was asked, after a service was killed behind each of these numbers of queries.
async fn polled(
    to: Option<Timestamp>,
    kills: &[usize],
    done: impl Fn(&BTreeSet<String>, &[Query]) -> bool,
) -> (BTreeSet<String>, Vec<Query>) {
    let (ledger, port) = Ledger::open();
    let folder = tempfile::tempdir().unwrap();
    let project = write(folder.path(), &pipeline(to), &(head(port, "") + LIST));
    for count in kills {
        let mut service = serve_folder(folder.path(), &project, "ferry.db", &[]);
        ledger.until_asked(*count);
        service.child.kill().unwrap();
        service.child.wait().unwrap();
    }
    let _service = serve_folder(folder.path(), &project, "ferry.db", &[]);
    let store = SqliteStore::open(&folder.path().join("ferry.db")).unwrap();
    for _ in 0..400 {
        let runs = store.runs(&Filter { limit: 1_000, ..Filter::default() }).await.unwrap();
        let keys: BTreeSet<String> = runs.iter().map(|run| run.event_key.clone()).collect();
        let asked = ledger.asked.lock().unwrap().clone();
        if done(&keys, &asked) {
            assert_eq!(keys.len(), runs.len());
            return (keys, asked);
        }
        pause(Duration::from_millis(25)).await;
    }
    panic!("the backfill does not come to its end: {:?}", ledger.asked.lock().unwrap());
}

#[tokio::test]
async fn a_backfill_that_is_killed_between_windows_misses_nothing() {
    let all: BTreeSet<String> = entries().iter().map(Timestamp::to_string).collect();
    let is_open = |asked: &[Query]| asked.last().is_some_and(|(_, until)| *until == Timestamp::MAX);
    let (keys, asked) = polled(None, &[3, 6, 9], |keys, asked| keys.len() == 80 && is_open(asked)).await;
    assert_eq!(keys, all);
    let closed: Vec<&Query> = asked.iter().take_while(|(_, until)| *until != Timestamp::MAX).collect();
    let reach = SignedDuration::from_hours(49);
    assert!(closed.iter().all(|(from, until)| until.duration_since(*from) <= reach), "{closed:?}");
    assert_eq!(closed[0], &(start(), start() + SignedDuration::from_hours(48)));
    // Each life goes on where the one before it stood: no window is asked again that was done.
    let beginnings = closed.iter().filter(|(from, _)| *from == start()).count();
    assert!(beginnings == 1 && closed.is_sorted_by_key(|(from, _)| from), "{closed:?}");
}

#[tokio::test]
async fn a_backfill_with_an_end_takes_nothing_behind_it() {
    let end = start() + SignedDuration::from_hours(5 * 24);
    let (keys, asked) =
        polled(Some(end), &[2], |keys, asked| keys.len() == 20 && asked.last().is_some_and(|(_, until)| *until == end))
            .await;
    let expected: BTreeSet<String> = entries().iter().take(20).map(Timestamp::to_string).collect();
    assert_eq!(keys, expected);
    assert!(asked.iter().all(|(_, until)| *until <= end), "{asked:?}");
}

/// Its action cannot be asked up to a time, and its cursor is none.
#[test]
fn a_backfill_needs_times_and_an_action_that_takes_them() {
    let without = LIST.replace("            before:", "            until:");
    let at = "{ type: integer, description: Its number., example: 1 }";
    let entry = format!("{{ type: object, additionalProperties: true, properties: {{ at: {at} }} }}");
    let entries = format!("{{ type: array, description: Its entries., example: [], items: {entry} }}");
    let entries = format!("properties: {{ entries: {entries} }} }}");
    let without = without.replace("properties: {} }", &entries);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &pipeline(None), &(head(9, "") + without.as_str()));
    let linted = ferry(folder.path()).args(["lint", "ledger", "--format", "concise"]).output().unwrap();
    let said = String::from_utf8(linted.stdout).unwrap();
    let errors: Vec<&str> = said.lines().filter(|line| line.contains("error[")).collect();
    expect![[r#"
        ledger/entries.yaml:7:22: error[invalid-value] a backfill goes by times, and `$.at` is of the kind `integer`; name the field that says when a record changed, or leave `backfill` out
        ledger/entries.yaml:8:15: error[invalid-value] `bank.list` cannot be asked up to a time, so a backfill has no windows; add `before` to `cursor` in the input of its manifest, and a condition for it in its request"#]].assert_eq(&errors.join("\n"));
}
