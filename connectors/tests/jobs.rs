//! Jobs: what each step's failure is to the whole, and tables and files that are never whole in memory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::{
    io::Read as _,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use ferry_connectors::{
    connection::{Connection, World},
    files::Files,
    library::Library,
    request::{Gate, Prepared},
};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::{Body, Boxed, Clock, FreePass, Http, HttpError, HttpRequest, HttpResponse},
    report::{Report, Source},
    script::NoWatch,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A connector whose target works by itself.
const MANIFEST: &str = include_str!("common/jobs.yaml");

/// A target with jobs, which does the nth request to a method and path otherwise.
#[derive(Default)]
struct Target {
    now_s: Mutex<i64>,
    asked: Mutex<Vec<String>>,
    tables: Mutex<Vec<String>>,
    /// `PATCH /jobs/2`, which of them (from 1), and how.
    otherwise: Vec<(&'static str, usize, How)>,
    /// How often a job is busy when it is looked at.
    busy: usize,
}

#[derive(Clone, Copy, Debug)]
enum How {
    NoAnswer,
    Status(u16),
    State(&'static str),
    /// A page of which half comes.
    Cut,
    /// Another thing than what is to be saved.
    Page,
}

impl Clock for Target {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(*self.now_s.lock().unwrap()).unwrap()
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        *self.now_s.lock().unwrap() += i64::try_from(duration.as_secs()).unwrap();
        Box::pin(tokio::task::yield_now())
    }
}

impl Target {
    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = format!("{} {}", request.method, request.url.trim_start_matches("https://a"));
        let nth = {
            let mut all = self.asked.lock().unwrap();
            all.push(asked.clone());
            all.iter().filter(|one| **one == asked).count()
        };
        let how = self.otherwise.iter().find(|(what, which, _)| *what == asked && *which == nth).map(|(.., how)| *how);
        let answer =
            |status, body: Value| Ok(HttpResponse { status, headers: Vec::new(), body: body.to_string().into_bytes() });
        match how {
            Some(How::NoAnswer) => return Err(HttpError::NoAnswer("cut".to_owned())),
            Some(How::Status(status)) => return answer(status, json!({ "error": "no" })),
            Some(How::State(state)) => return answer(200, json!({ "state": state })),
            Some(How::Page) => return answer(200, json!({ "error": "log in" })),
            Some(How::Cut) | None => {}
        }
        let table = match &request.body {
            Some(Body::Upload(upload)) => {
                let mut table = String::new();
                upload.open().unwrap().read_to_string(&mut table).unwrap();
                assert_eq!(table.len() as u64, upload.length());
                table
            }
            Some(Body::Bytes(_)) | None => String::new(),
        };
        match (request.method.as_str(), asked.split_once('?').map_or(asked.as_str(), |(path, _)| path)) {
            ("POST", _) => answer(200, json!({ "id": self.tables.lock().unwrap().len().to_string() })),
            ("PUT", _) => {
                self.tables.lock().unwrap().push(table);
                answer(200, json!({}))
            }
            ("PATCH", _) => answer(200, json!({})),
            (_, path) if path.ends_with("/results") => Self::results(request, &asked, how.is_some()),
            _ => answer(200, json!({ "state": if nth > self.busy { "done" } else { "busy" } })),
        }
    }

    /// Three pages, each with a head.
    fn results(request: &HttpRequest, asked: &str, is_cut: bool) -> Result<HttpResponse, HttpError> {
        let page = asked.split_once("page=").map_or(1, |(_, page)| page.parse::<usize>().unwrap());
        let save = request.save.as_ref().unwrap();
        assert_eq!(save.media_type, "text/csv");
        save.to.begin().unwrap();
        save.to.write(b"id,").unwrap();
        save.to.write(format!("text\n{page},").as_bytes()).unwrap();
        if is_cut {
            return Err(HttpError::NoAnswer("cut".to_owned()));
        }
        save.to.write(b"x\n").unwrap();
        let next = if page < 3 { (page + 1).to_string() } else { "none".to_owned() };
        Ok(HttpResponse { status: 200, headers: vec![("next".to_owned(), next)], body: Vec::new() })
    }
}

struct Net(Arc<Target>);

impl Http for Net {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        Box::pin(std::future::ready(self.0.answer(&request)))
    }
}

fn open(target: &Arc<Target>, files: Option<&Path>) -> Connection {
    let world = World { http: Arc::new(Net(Arc::clone(target))), clock: Arc::clone(target) as Arc<dyn Clock> };
    let connection = common::open_by(MANIFEST.to_owned(), &[], world).unwrap();
    connection.with_files(files.map(|files| Files::new(files.to_owned())))
}

async fn call(connection: &Connection, action: &str, input: Value, gate: Option<Gate>) -> Result<Value, Failure> {
    let prepared = connection.prepare(action, &input).unwrap();
    let prepared = gate.into_iter().fold(prepared, Prepared::while_open);
    connection.send(&FreePass, action, &[&prepared]).await.pop().unwrap()
}

fn table(records: usize) -> String {
    let rows: String = (0..records).map(|row| format!("{row},\"{}\"\n", "x\n".repeat(40))).collect();
    format!("id,text\n{rows}")
}

/// What becomes of a table of as many records, of which eleven are a part.
async fn loaded(records: usize, target: Target) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), table(records)).unwrap();
    let target = Arc::new(target);
    let got = call(&open(&target, Some(folder.path())), "load", json!({ "name": "n", "file": "a.csv" }), None).await;
    let got =
        got.map_or_else(|failure| format!("{}: {}", failure.class, failure.message), |got| got["jobs"].to_string());
    let asked = target.asked.lock().unwrap().clone();
    (got, asked)
}

#[tokio::test]
async fn a_table_goes_in_parts_and_nothing_of_it_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), table(30)).unwrap();
    let target = Arc::new(Target { busy: 3, ..Target::default() });
    let connection = open(&target, Some(folder.path()));
    let input = json!({ "name": "n", "file": "a.csv", "to": "new/b.csv" });
    let got = call(&connection, "load", input, None).await.unwrap();
    assert_eq!(got["jobs"], json!(["0", "1", "2"]));
    let tables = target.tables.lock().unwrap().clone();
    let rows: String = tables.iter().map(|table| table.strip_prefix("id,text\n").unwrap()).collect();
    assert_eq!(format!("id,text\n{rows}"), table(30));
    assert!(tables.iter().all(|table| table.len() <= 1000));
    assert_eq!(*target.now_s.lock().unwrap(), 3 * 3 * 5, "each is looked at every five seconds");
    let saved = std::fs::read_to_string(folder.path().join("new/b.csv")).unwrap();
    assert_eq!((saved.as_str(), &got["told"][2]["bytes"]), ("id,text\n1,x\n2,x\n3,x\n", &json!(20)));

    std::fs::write(folder.path().join("none.csv"), "id,text\n").unwrap();
    let none = call(&connection, "load", json!({ "name": "n", "file": "none.csv" }), None).await.unwrap();
    assert_eq!(none["jobs"], json!([]), "a table without records is no job");
}

#[tokio::test]
async fn what_a_step_gets_says_what_is_known_of_the_job() {
    let unknown = ErrorClass::Unknown;
    for (records, what, which, how, expected) in [
        (3, "POST /jobs", 1, How::NoAnswer, "unavailable: no answer: cut (`made`)"),
        (3, "PUT /jobs/0", 1, How::NoAnswer, "unavailable: no answer: cut (`sent`)"),
        (3, "PUT /jobs/0", 1, How::Status(400), "rejected: Acme answered 400: no (`sent`)"),
        (3, "PATCH /jobs/0", 1, How::Status(400), "rejected: Acme answered 400: no (`gone`)"),
        (3, "PATCH /jobs/0", 1, How::Status(500), "unknown: Acme answered 500: no (`gone`)"),
        (3, "PATCH /jobs/0", 1, How::NoAnswer, "unknown: no answer: cut (`gone`)"),
        (3, "GET /jobs/0", 1, How::NoAnswer, "[\"0\"]"),
        (3, "GET /jobs/0", 1, How::Status(503), "[\"0\"]"),
        (3, "GET /jobs/0", 1, How::Status(404), "unknown: Acme answered 404: no (`done`)"),
        (3, "GET /jobs/0", 1, How::State("failed"), "rejected: it is failed"),
        (30, "POST /jobs", 2, How::Status(400), "unknown: part 2 of 3: Acme answered 400: no (`made`)"),
        (30, "PATCH /jobs/1", 1, How::Status(400), "unknown: part 2 of 3: Acme answered 400: no (`gone`)"),
        (30, "GET /jobs/2", 1, How::State("failed"), "unknown: part 3 of 3: it is failed"),
    ] {
        let (got, asked) = loaded(records, Target { otherwise: vec![(what, which, how)], ..Target::default() }).await;
        assert_eq!(got, expected, "{what} {how:?}: {asked:?}");
        let goes = asked.iter().filter(|asked| asked.starts_with("PATCH")).count();
        assert!(goes <= 3 && asked.iter().filter(|one| *one == "PATCH /jobs/0").count() <= 1, "{asked:?}");
    }
    let (got, asked) = loaded(3, Target { busy: 100, ..Target::default() }).await;
    assert_eq!(got, format!("{unknown}: the job was not done within 60 s (`done`)"));
    assert_eq!(asked.len(), 3 + 13, "at once, and every five seconds");
}

#[tokio::test]
async fn nothing_takes_effect_once_the_right_to_send_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), table(3)).unwrap();
    let target = Arc::new(Target::default());
    let seen = Arc::clone(&target);
    let gate = Gate::new(move || seen.asked.lock().unwrap().len() < 2);
    let connection = open(&target, Some(folder.path()));
    let refused = call(&connection, "load", json!({ "name": "n", "file": "a.csv" }), Some(gate)).await.unwrap_err();
    assert_eq!((refused.class, refused.is_untried), (ErrorClass::Unavailable, true), "{refused:?}");
    let seen = Arc::clone(&target);
    target.asked.lock().unwrap().clear();
    let gate = Gate::new(move || seen.asked.lock().unwrap().len() < 3);
    let done = call(&connection, "load", json!({ "name": "n", "file": "a.csv" }), Some(gate)).await;
    assert!(done.is_ok(), "what was let go is looked at for as long as it takes: {done:?}");
}

#[tokio::test]
async fn a_file_is_there_whole_or_not_at_all() {
    for (how, page, expected) in [
        (How::Cut, "GET /jobs/0/results?page=2", "unknown"),
        (How::Status(404), "GET /jobs/0/results?page=2", "not_found"),
        (How::Page, "GET /jobs/0/results?page=3", "unknown"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b.csv"), "old").unwrap();
        let target = Arc::new(Target { otherwise: vec![(page, 1, how)], ..Target::default() });
        let connection = open(&target, Some(folder.path()));
        let input = || json!({ "id": "0", "file": "b.csv" });
        let failed = call(&connection, "fetch", input(), None).await.unwrap_err();
        assert_eq!(failed.class.name(), expected, "{failed:?}");
        let there: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!((there.len(), std::fs::read_to_string(folder.path().join("b.csv")).unwrap().as_str()), (1, "old"));
        call(&connection, "fetch", input(), None).await.unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("b.csv")).unwrap(), "id,text\n1,x\n2,x\n3,x\n");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_or_not_ours_is_never_sent() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), table(3)).unwrap();
    let target = Arc::new(Target::default());
    let connection = open(&target, Some(folder.path()));
    let sent = async |connection: &Connection, input: Value| call(connection, "send", input, None).await;
    for (input, expected) in [
        (json!({ "id": "0", "file": "none.csv" }), "there is no file `none.csv`"),
        (json!({ "id": "0", "file": "../a.csv" }), "is no path inside the folder"),
        (json!({ "id": "0", "file": "a.csv", "part": { "number": 1 } }), "`part`: missing field"),
        (
            json!({ "id": "0", "file": "a.csv", "part": { "number": 1, "count": 1, "records": 1, "line_ending": "LF", "ranges": [], "file_bytes": 7, "file_modified_ns": 0 } }),
            "has changed since it was divided into parts",
        ),
    ] {
        let refused = sent(&connection, input).await.unwrap_err();
        assert!(refused.class == ErrorClass::Invalid && refused.message.contains(expected), "{refused:?}");
    }
    let length = table(3).len();
    let same = json!({ "id": "0", "file": "a.csv", "part": { "number": 1, "count": 1, "records": 1, "line_ending": "LF", "ranges": [], "file_bytes": length, "file_modified_ns": 1 } });
    let refused = sent(&connection, same).await.unwrap_err();
    assert!(refused.message.contains("has changed since"), "another file of the same length: {refused:?}");
    let no_folder = sent(&open(&target, Some(&folder.path().join("a.csv"))), json!({ "id": "0", "file": "a" })).await;
    let no_folder = no_folder.unwrap_err();
    assert!(
        no_folder.class == ErrorClass::Config && no_folder.message.contains("is no folder; name one"),
        "{no_folder:?}"
    );
    let nowhere = sent(&open(&target, None), json!({ "id": "0", "file": "a.csv" })).await.unwrap_err();
    assert!(nowhere.class == ErrorClass::Config && nowhere.message.contains("add `files: files`"), "{nowhere:?}");
    assert_eq!(target.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn whoever_only_looks_begins_no_job_and_saves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), table(3)).unwrap();
    let target = Arc::new(Target::default());
    let looking = open(&target, Some(folder.path())).reading_only();
    for (action, input) in [
        ("report", json!({ "name": "n", "file": "b.csv" })),
        ("fetch", json!({ "id": "0", "file": "b.csv" })),
        ("load", json!({ "name": "n", "file": "a.csv" })),
    ] {
        let refused = call(&looking, action, input, None).await.unwrap_err();
        assert_eq!(refused.class, ErrorClass::Bug, "{action}: {refused:?}");
    }
    assert_eq!(target.asked.lock().unwrap().len(), 0);
    assert!(!folder.path().join("b.csv").exists());
    let read = call(&open(&target, Some(folder.path())), "report", json!({ "name": "n", "file": "b.csv" }), None).await;
    assert!(read.is_ok() && folder.path().join("b.csv").exists(), "{read:?}");
}

/// What a manifest may say of a job: nothing that would send a write again without anybody's knowing.
#[test]
fn a_job_that_could_write_twice_is_a_finding() {
    let step = "        - { id: gone, action: go, with: { id: $.made.id }, takes_effect: true }\n";
    let found = |from: &str, to: &str| {
        assert!(MANIFEST.contains(from), "{from}");
        let source = Source::new("acme.yaml", MANIFEST.replacen(from, to, 1));
        let (_, reports) = Library::load(&[source], Arc::new(NoWatch));
        let own = reports.iter().filter(|report| report.source.name == "acme.yaml");
        let findings = own.flat_map(Report::findings).map(|finding| finding.message.clone());
        findings.collect::<Vec<_>>().join("\n")
    };
    let go = "    effect: { write: { repeat: upsert } }\n    request: { host: api, method: PATCH";
    let keyed =
        "    effect: { write: { repeat: keyed, header: Idempotency-Key } }\n    request: { host: api, method: PATCH";
    let make = "    effect: { write: { repeat: upsert } }\n    request: { host: api, method: POST";
    let never = "    effect: { write: { repeat: never } }\n    request: { host: api, method: POST";
    let own = "    effect: { write: { repeat: never } }\n    timeout: 60s";
    for (from, to, expected) in [
        (step, step, ""),
        (step, &step.replace(", takes_effect: true", ""), "nothing says from which step on the job may have been done"),
        (go, keyed, "the target knows a repeat of `go` by its key, and a step of a job has none"),
        (make, never, "`make` writes, and would act again where it is called again"),
        (own, &own.replace("never", "keyed, header: K"), "a job has no request that carries its key"),
        (own, &own.replace("{ write: { repeat: never } }", "read"), "a job that only reads takes no effect"),
        ("action: look\n", "action: load\n", "`load` is a job itself, or travels with others in a bundle"),
        (
            "until: \"done.state",
            "takes_effect: true\n          until: \"done.state",
            "`look` only reads, or is called again and again",
        ),
    ] {
        let said = found(from, to);
        assert!(said.contains(expected) && (said.is_empty() == expected.is_empty()), "{to}\n{said}");
    }
}
