//! `cargo run --release -p ferry-tests --example bulk -- [RECORDS]`: writes records into the sandbox's Salesforce one by one, 200
//! at a time and from a table with jobs of Bulk API 2.0, and prints how many a second the connector writes beside what a
//! client does that only sends ready bytes, and the most memory that this process has had.
//!
//! The sandbox is a process of its own: this executable, where it is started as the program.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures are what this prints")]

use std::{
    io::{BufWriter, Write as _},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use ferry::{
    clock::{Stopwatch, SystemClock, pause},
    http::HttpClient,
    sandbox::{SandboxInfo, post},
};
use ferry_connectors::{
    connection::{Connection, Settings, World},
    files::Files,
    library::Library,
};
use ferry_contract::{
    port::{Body, Clock, FreePass, Http, HttpRequest, Upload},
    script::NoWatch,
};
use ferry_tests::program::{IS_PROGRAM, Program, Running};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

/// Rows of the table, unless another number is given.
const RECORDS: usize = 1_000_000;
/// Records that are written one by one.
const SINGLE: usize = 4_000;
/// Records that go 200 at a time.
const COLLECTED: usize = 100_000;
/// Requests at once.
const AT_ONCE: usize = 8;
/// How fast the sandbox's time goes, so that its jobs wait for nothing but work.
const SPEED: u32 = 100;
const FIELDS: [&str; 3] = ["my_domain", "client_id", "client_secret"];
const API: &str = "salesforce/services/data/v59.0";

fn main() -> ExitCode {
    if std::env::var_os(IS_PROGRAM).is_some() {
        return ferry::cmd::main();
    }
    let records = std::env::args().nth(1).map_or(Ok(RECORDS), |text| text.parse());
    let Ok(records) = records else {
        eprintln!("error: the number of records is no number; `bulk -- {RECORDS}`");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("the machine has threads");
    match runtime.block_on(measure(records)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(records: usize) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    write_table(&folder.path().join("payments.csv"), records).map_err(|error| error.to_string())?;
    println!("| way | records | connector, records/s | ready bytes, records/s | of it |");
    println!("|---|---|---|---|---|");
    for (way, count) in [("one by one", SINGLE), ("200 in a request", COLLECTED), ("a table, Bulk API 2.0", records)] {
        let mut rates = Vec::new();
        for is_raw in [false, true] {
            let org = Org::start(folder.path()).await?;
            let watch = Stopwatch::start();
            match (way, is_raw) {
                ("one by one", false) => org.single(count).await?,
                ("one by one", true) => org.single_bytes(count).await?,
                ("200 in a request", false) => org.collected(count).await?,
                ("200 in a request", true) => org.collected_bytes(count).await?,
                (_, false) => org.table(count).await?,
                (_, true) => org.table_bytes(count).await?,
            }
            rates.push(count as u128 * 1_000 / watch.elapsed().as_millis().max(1));
        }
        println!("| {way} | {count} | {} | {} | {} % |", rates[0], rates[1], rates[0] * 100 / rates[1].max(1));
    }
    println!("most memory of the process that sent them: {} MB", memory_max_mb()?);
    Ok(())
}

fn write_table(path: &Path, records: usize) -> std::io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "Payment_ID__c,Amount__c,Status__c,CurrencyIsoCode")?;
    for row in 0..records {
        writeln!(file, "P-{row:08},{}.{:02},Completed,USD", row % 10_000, row % 100)?;
    }
    file.flush()
}

/// A new sandbox, and who writes into it.
struct Org {
    sandbox: Running,
    http: Arc<HttpClient>,
    connection: Connection,
    files: Files,
    token: String,
}

impl Org {
    async fn start(files: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let sandbox = Program::own()?.sandbox(folder.path(), &["--speed", &SPEED.to_string()])?;
        let http = Arc::new(HttpClient::new().map_err(|error| error.to_string())?);
        let known = SandboxInfo::ask(&sandbox.address, &*http).await?;
        post(
            &*http,
            &format!("{}/_sandbox/faults", sandbox.address),
            &json!({ "budget_per_minute": 4_000_000_000_u32 }),
        )
        .await?;
        let clock = Arc::new(SystemClock::default());
        let (now, speed) = known.clock(&*http).await?;
        clock.follow(now, speed);
        let (library, _) = Library::load(&[], Arc::new(NoWatch));
        let text = |name: &str, value: Option<String>| value.ok_or_else(|| format!("the sandbox has no `{name}`"));
        let mut fields = std::collections::BTreeMap::new();
        for name in FIELDS {
            let value = known.field("salesforce", name).or_else(|| (name == "my_domain").then(|| "acme".to_owned()));
            fields.insert(name.to_owned(), text(name, value)?.into());
        }
        let settings = Settings {
            name: "sf".to_owned(),
            connector: "salesforce".to_owned(),
            environment: "sandbox".to_owned(),
            profile: None,
            sandbox: Some(sandbox.address.clone()),
            fields,
        };
        let world = World { http: Arc::clone(&http) as Arc<dyn Http>, clock: clock as Arc<dyn Clock> };
        let files = Files::new(files.to_owned());
        let connection = Connection::open(settings, &library, world).map_err(|failure| failure.to_string())?;
        let connection = connection.with_files(Some(files.clone()));
        // The first call logs in, which is no part of what is measured.
        let mut org = Self { sandbox, http, connection, files, token: String::new() };
        org.call("limits", json!({})).await?;
        org.token = org.log_in(&known).await?;
        Ok(org)
    }

    async fn log_in(&self, known: &SandboxInfo) -> Result<String, String> {
        let field = |name| known.field("salesforce", name).unwrap_or_default();
        let (id, secret) = (field("client_id"), field("client_secret"));
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        let url = format!("{}/salesforce/services/oauth2/token", self.sandbox.address);
        let answer = self.exchange("POST", url, headers, Some(form.into_bytes().into())).await?;
        answer["access_token"].as_str().map(str::to_owned).ok_or_else(|| "there is no token".to_owned())
    }

    async fn call(&self, action: &str, input: Value) -> Result<Value, String> {
        let prepared = self.connection.prepare(action, &input).map_err(|failure| failure.to_string())?;
        let result = self.connection.send(&FreePass, action, &[&prepared]).await.pop();
        result.ok_or("there is no result")?.map_err(|failure| failure.to_string())
    }

    async fn single(&self, count: usize) -> Result<(), String> {
        each(count, |row| self.call("upsert", payment(row))).await
    }

    async fn collected(&self, count: usize) -> Result<(), String> {
        each(count / 200, async |group| {
            let calls: Result<Vec<_>, _> =
                (0..200).map(|row| self.connection.prepare("upsert_many", &payment(group * 200 + row))).collect();
            let calls = calls.map_err(|failure| failure.to_string())?;
            let results = self.connection.send(&FreePass, "upsert_many", &calls.iter().collect::<Vec<_>>()).await;
            results.into_iter().find_map(Result::err).map_or(Ok(()), |failure| Err(failure.to_string()))
        })
        .await
    }

    async fn table(&self, count: usize) -> Result<(), String> {
        let input = json!({
            "object": "Payment__c", "operation": "upsert", "external_id": "Payment_ID__c", "file": "payments.csv",
        });
        let done = self.call("bulk_ingest", input).await?;
        let is_right = done["processed"] == count && done["failed"] == 0;
        is_right.then_some(()).ok_or_else(|| format!("not all records were written: {done}"))
    }

    async fn single_bytes(&self, count: usize) -> Result<(), String> {
        each(count, |row| {
            let path = format!("sobjects/Payment__c/Payment_ID__c/P-{row:08}");
            self.send("PATCH", path, "application/json", values(row).to_string().into_bytes().into())
        })
        .await
    }

    async fn collected_bytes(&self, count: usize) -> Result<(), String> {
        each(count / 200, |group| {
            let record = |row: usize| {
                let mut record = values(row);
                record["attributes"] = json!({ "type": "Payment__c" });
                record["Payment_ID__c"] = json!(format!("P-{row:08}"));
                record
            };
            let records: Vec<Value> = (0..200).map(|row| record(group * 200 + row)).collect();
            let body = json!({ "allOrNone": false, "records": records }).to_string().into_bytes();
            let path = "composite/sobjects/Payment__c/Payment_ID__c".to_owned();
            self.send("PATCH", path, "application/json", body.into())
        })
        .await
    }

    async fn table_bytes(&self, count: usize) -> Result<(), String> {
        let job = json!({ "object": "Payment__c", "operation": "upsert", "externalIdFieldName": "Payment_ID__c" });
        let json = "application/json";
        let made = self.send("POST", "jobs/ingest".to_owned(), json, job.to_string().into_bytes().into()).await?;
        let path = format!("jobs/ingest/{}", made["id"].as_str().unwrap_or_default());
        let table: Arc<dyn Upload> = self.files.whole("payments.csv").map_err(|failure| failure.to_string())?;
        self.send("PUT", format!("{path}/batches"), "text/csv", Body::Upload(table)).await?;
        let closed = json!({ "state": "UploadComplete" }).to_string().into_bytes();
        self.send("PATCH", path.clone(), json, closed.into()).await?;
        loop {
            let url = format!("{}/{API}/{path}", self.sandbox.address);
            let state = self.exchange("GET", url, self.headers(json), None).await?;
            match state["state"].as_str() {
                Some("JobComplete") if state["numberRecordsProcessed"] == count => return Ok(()),
                Some("UploadComplete" | "InProgress") => pause(Duration::from_millis(5)).await,
                _ => return Err(format!("the job was not done: {state}")),
            }
        }
    }

    fn headers(&self, media_type: &str) -> Vec<(String, String)> {
        let own = ("authorization".to_owned(), format!("Bearer {}", self.token));
        vec![own, ("content-type".to_owned(), media_type.to_owned())]
    }

    async fn send(&self, method: &str, path: String, media_type: &str, body: Body) -> Result<Value, String> {
        let url = format!("{}/{API}/{path}", self.sandbox.address);
        self.exchange(method, url, self.headers(media_type), Some(body)).await
    }

    async fn exchange(
        &self,
        method: &str,
        url: String,
        headers: Vec<(String, String)>,
        body: Option<Body>,
    ) -> Result<Value, String> {
        let (method, timeout) = (method.to_owned(), Duration::from_secs(600));
        let request = HttpRequest { method, url, headers, body, save: None, timeout, tls: None };
        let answer = self.http.send(request).await.map_err(|error| error.to_string())?;
        if answer.status >= 300 {
            return Err(format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}

/// Does something for each number, some of them at once.
async fn each<T, F: Future<Output = Result<T, String>>>(count: usize, what: impl Fn(usize) -> F) -> Result<(), String> {
    let mut all = stream::iter(0..count).map(what).buffer_unordered(AT_ONCE);
    while let Some(done) = all.next().await {
        done?;
    }
    Ok(())
}

fn values(row: usize) -> Value {
    let amount = format!("{}.{:02}", row % 10_000, row % 100);
    json!({ "Amount__c": amount, "Status__c": "Completed", "CurrencyIsoCode": "USD" })
}

fn payment(row: usize) -> Value {
    json!({ "object": "Payment__c", "external_id": { "Payment_ID__c": format!("P-{row:08}") }, "values": values(row) })
}

/// The most resident memory so far, in MB of 10^6 bytes. Source: proc(5), `VmHWM` in kB of 1,024 bytes.
fn memory_max_mb() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("there is no VmHWM")?;
    let kib: u64 = most.trim().trim_end_matches(" kB").parse().map_err(|_| "VmHWM is no number")?;
    Ok(kib * 1_024 / 1_000_000)
}
