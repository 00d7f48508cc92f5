//! Records mapped per second on one core: ten fields, one of them Rhai.
//!
//! The pipeline goes the whole real way: its text through `lint::check` to a plan, whose expression
//! is then evaluated on a run's document. The peer is what a programmer would write by hand.

use std::{cell::Cell, collections::BTreeMap, hint::black_box, sync::Arc, time::Duration, time::Instant};

use criterion::{Criterion, Throughput};
use ferry_connectors::library::Library;
use ferry_contract::{
    expression::Expression,
    limits::SCRIPT_WALL_MAX_MS,
    report::{Report, Source},
    script::{Missing, Rules, Watch},
};
use ferry_core::{
    lint::{self, Files},
    once::Guards,
    plan::{Plan, Work},
    run::{Entry, Run},
};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Number, Value};

const PROJECT: &str = "\
ferry: 1
project: benchmark
connections:
  salesforce: { connector: salesforce, environment: sandbox, my_domain: acme, client_id: a, client_secret: '${secret:b}' }
";

const STATUSES: &str = "Pending: Submitted\nTransferred: Completed\nCancelled: Cancelled\n";

const HEADER: &str = "\
ferry: 1
pipeline: benchmark
trigger:
  poll:
    action: salesforce.query
    with: { object: Payment__c, fields: [Id] }
    every: 1m
    cursor: { field: $.SystemModstamp, tie_break: $.Id, lookback: 5m }
  key: $.Id
";

/// The ten fields.
const RECORD: &str = "\
steps:
  - id: record
    map:
      kind: payout
      reference: $.event.Id
      payee_id: $.event.Recipient__r.External_Payoneer_ID__c
      email: { from: $.event.Recipient__r.Email, trim: true, lower: true, max_length: 80 }
      amount: { money: { amount: $.event.Amount__c, currency: $.event.CurrencyIsoCode } }
      fee: { rhai: event.Amount__c * 0.015 + 0.25 }
      status: { from: $.event.Status__c, lookup: payout-status }
      invoice: { from: $.event.Invoice__c, default: none }
      description: { text: \"Payment {$.event.Name} to {$.event.Recipient__r.FirstName}\" }
      changed_at: $.event.SystemModstamp
";

/// One step a kind of value.
const KINDS: &str = "\
steps:
  - { id: literal, map: payout }
  - { id: path, map: $.event.Id }
  - { id: text, map: { text: \"Payment {$.event.Name} to {$.event.Recipient__r.FirstName}\" } }
  - { id: lookup, map: { from: $.event.Status__c, lookup: payout-status } }
  - { id: money, map: { money: { amount: $.event.Amount__c, currency: $.event.CurrencyIsoCode } } }
  - { id: rhai, map: { rhai: event.Amount__c * 0.015 + 0.25 } }
";

const EVENT_BYTES: usize = 685;

/// A payment as Salesforce sends it.
const EVENT: &str = r#"{"attributes":{"type":"Payment__c","url":"/services/data/v59.0/sobjects/Payment__c/a0T5g00000AbCdEEAV"},"Id":"a0T5g00000AbCdEEAV","Name":"PAY-000123","Amount__c":1250.10,"CurrencyIsoCode":"USD","Status__c":"Transferred","Invoice__c":null,"Recipient__r":{"attributes":{"type":"Contact","url":"/services/data/v59.0/sobjects/Contact/0035g00000AbCdEAAV"},"Id":"0035g00000AbCdEAAV","FirstName":"Ana","LastName":"Almeida","Email":"Ana.Almeida@Example.com","External_Payoneer_ID__c":"P-77"},"CreatedDate":"2026-03-01T09:12:44.000+0000","LastModifiedDate":"2026-03-01T10:00:00.000+0000","SystemModstamp":"2026-03-01T10:00:00.000+0000","OwnerId":"0055g00000AbCdEAAV","Batch__c":"2026-03-01-AB"}"#;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    mapping(&mut criterion);
    kinds(&mut criterion);
    criterion.final_summary();
}

/// The engine, and its peer with the same result.
fn mapping(criterion: &mut Criterion) {
    let bench = Bench::new(RECORD);
    let record = bench.map("record");
    let event = bench.run.event();
    let statuses: BTreeMap<String, Value> =
        [("Pending", "Submitted"), ("Transferred", "Completed"), ("Cancelled", "Cancelled")]
            .map(|(key, value)| (key.to_owned(), Value::from(value)))
            .into();
    assert_eq!(event.to_string().len(), EVENT_BYTES, "the size that the group is named after");
    assert_eq!(Some(bench.eval(record)), by_hand(event, &statuses), "both make the same value");
    assert_eq!(bench.eval(record).as_object().map(Map::len), Some(10), "ten fields");

    let mut group = criterion.benchmark_group(format!("map a record of {EVENT_BYTES} bytes to ten fields"));
    group.throughput(Throughput::Elements(1));
    group.bench_function("ferry", |bencher| bencher.iter(|| bench.eval(black_box(record))));
    group.bench_function("by hand in Rust", |bencher| bencher.iter(|| by_hand(black_box(event), &statuses)));
    group.finish();
}

/// What one value of each kind costs.
fn kinds(criterion: &mut Criterion) {
    let bench = Bench::new(KINDS);
    let mut group = criterion.benchmark_group("make one value");
    group.throughput(Throughput::Elements(1));
    for step in &bench.run.plan().steps {
        let expression = bench.map(&step.id);
        group.bench_function(&step.id, |bencher| bencher.iter(|| bench.eval(black_box(expression))));
    }
    group.finish();
}

/// A run that has its event and has done nothing yet.
struct Bench {
    rules: Rules,
    run: Run,
}

impl Bench {
    fn new(steps: &str) -> Self {
        let rules = Rules::new(Missing::Fails, Arc::new(WallWatch));
        let mut run = Run::new(plan(steps, &rules), "a0T5g00000AbCdEEAV", Guards::ALL);
        let event = serde_json::from_str(EVENT).expect("the record is JSON");
        run.apply(jiff::Timestamp::UNIX_EPOCH, &Entry::Started { event, parent: None });
        Self { rules, run }
    }

    fn map(&self, step: &str) -> &Expression {
        let plan = self.run.plan();
        let Work::Map(expression) = &plan.steps[plan.index[step]].work else { unreachable!("`{step}` is a map") };
        expression
    }

    fn eval(&self, expression: &Expression) -> Value {
        let document = self.run.document(0, None);
        expression.eval(document.scope(&self.rules)).expect("the record fits the mapping")
    }
}

fn plan(steps: &str, rules: &Rules) -> Arc<Plan> {
    let (library, _) = Library::load(&[], Arc::new(WallWatch));
    let pipeline = Source::new("benchmark.yaml", format!("{HEADER}{steps}"));
    let files = Files {
        tables: BTreeMap::from([("payout-status".to_owned(), Source::new("tables/payout-status.yaml", STATUSES))]),
        ..Files::new(Source::new("ferry.yaml", PROJECT), vec![pipeline])
    };
    let mut checked = lint::check(&files, &library.catalog(), rules);
    assert!(checked.reports.iter().all(Report::is_ok), "{:#?}", checked.reports);
    checked.plans.pop().expect("a file without findings is a plan")
}

/// As the service stops scripts: it reads the clock once an evaluation.
struct WallWatch;

thread_local! {
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl Watch for WallWatch {
    #[expect(clippy::disallowed_methods, reason = "the service's clock port, which core cannot reach")]
    fn begin(&self) {
        BEGAN.set(Some(Instant::now()));
    }

    fn is_late(&self) -> bool {
        BEGAN.get().is_some_and(|began| began.elapsed() > Duration::from_millis(SCRIPT_WALL_MAX_MS))
    }
}

/// The same mapping without an engine, with the same checks; nothing where one fails.
fn by_hand(event: &Value, statuses: &BTreeMap<String, Value>) -> Option<Value> {
    let recipient = event.get("Recipient__r")?;
    let amount: Decimal = event.get("Amount__c")?.as_number()?.as_str().parse().ok()?;
    let email = recipient.get("Email")?.as_str()?.trim().to_lowercase();
    if email.chars().count() > 80 {
        return None;
    }
    let name = event.get("Name")?.as_str()?;
    let mut record = Map::new();
    record.insert("kind".to_owned(), Value::from("payout"));
    record.insert("reference".to_owned(), event.get("Id")?.clone());
    record.insert("payee_id".to_owned(), recipient.get("External_Payoneer_ID__c")?.clone());
    record.insert("email".to_owned(), Value::from(email));
    record.insert("amount".to_owned(), money(amount, event.get("CurrencyIsoCode")?.as_str()?)?);
    record.insert("fee".to_owned(), number(amount * Decimal::new(15, 3) + Decimal::new(25, 2))?);
    record.insert("status".to_owned(), statuses.get(event.get("Status__c")?.as_str()?)?.clone());
    let invoice = event.get("Invoice__c").filter(|invoice| !invoice.is_null());
    record.insert("invoice".to_owned(), invoice.cloned().unwrap_or_else(|| Value::from("none")));
    let description = format!("Payment {name} to {}", recipient.get("FirstName")?.as_str()?);
    record.insert("description".to_owned(), Value::from(description));
    record.insert("changed_at".to_owned(), event.get("SystemModstamp")?.clone());
    Some(Value::Object(record))
}

fn money(amount: Decimal, currency: &str) -> Option<Value> {
    let units = match currency {
        "USD" | "EUR" | "GBP" => 2,
        "JPY" => 0,
        _ => return None,
    };
    let mut rounded = amount.round_dp_with_strategy(units, RoundingStrategy::MidpointNearestEven);
    if rounded != amount {
        return None;
    }
    rounded.rescale(units);
    let mut money = Map::new();
    money.insert("amount".to_owned(), number(rounded)?);
    money.insert("currency".to_owned(), Value::from(currency));
    Some(Value::Object(money))
}

fn number(decimal: Decimal) -> Option<Value> {
    decimal.to_string().parse::<Number>().ok().map(Value::Number)
}
