//! Records mapped per second on one core: ten fields, three of them decimal Rhai; and what each operator costs.
//!
//! The pipeline goes the whole real way: its text through `lint::check` to a plan, whose expression
//! is then evaluated on a run's document. The peer is what a programmer would write by hand.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark prints")]
#![expect(clippy::float_arithmetic, reason = "figures of time are no money")]

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use ferry_connectors::library::Library;
use ferry_contract::{
    expression::{Compiler, Expression, Locals},
    limits::SCRIPT_WALL_MAX_MS,
    report::{Report, Source},
    script::{Missing, Rules, Watch},
    yaml,
};
use ferry_core::{
    eval::{
        Mapping,
        operators::{PAGES, example_files, example_xref},
    },
    lint::{self, Files},
    once::Guards,
    plan::{Plan, Work},
    run::{Entry, Run},
};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Number, Value};

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(20);
const BATCH: u32 = 64;

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
trigger: manual
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
      net: { rhai: event.Amount__c - (event.Amount__c * 0.015 + 0.25) }
      reserve: { rhai: \"max((event.Amount__c * 0.05).round(2), 25.00)\" }
      status: { from: $.event.Status__c, lookup: payout-status }
      description: { text: \"Payment {$.event.Name} to {$.event.Recipient__r.FirstName}\" }
";

/// One step a kind of value.
const KINDS: &str = "\
steps:
  - { id: literal, map: payout }
  - { id: path, map: $.event.Id }
  - { id: text, map: { text: \"Payment {$.event.Name} to {$.event.Recipient__r.FirstName}\" } }
  - { id: rhai_sum, map: { rhai: event.Amount__c * 0.015 + 0.25 } }
  - { id: rhai_condition, map: { rhai: 'event.Amount__c > 1000 && event.CurrencyIsoCode == \"USD\"' } }
  - { id: rhai_function, map: { rhai: event.Name.to_lower() } }
";

const EVENT_BYTES: usize = 685;

/// A payment as Salesforce sends it.
const EVENT: &str = r#"{"attributes":{"type":"Payment__c","url":"/services/data/v59.0/sobjects/Payment__c/a0T5g00000AbCdEEAV"},"Id":"a0T5g00000AbCdEEAV","Name":"PAY-000123","Amount__c":1250.10,"CurrencyIsoCode":"USD","Status__c":"Transferred","Invoice__c":null,"Recipient__r":{"attributes":{"type":"Contact","url":"/services/data/v59.0/sobjects/Contact/0035g00000AbCdEAAV"},"Id":"0035g00000AbCdEAAV","FirstName":"Ana","LastName":"Almeida","Email":"Ana.Almeida@Example.com","External_Payoneer_ID__c":"P-77"},"CreatedDate":"2026-03-01T09:12:44.000+0000","LastModifiedDate":"2026-03-01T10:00:00.000+0000","SystemModstamp":"2026-03-01T10:00:00.000+0000","OwnerId":"0055g00000AbCdEAAV","Batch__c":"2026-03-01-AB"}"#;

fn main() {
    // `cargo test` starts benchmarks too, without this argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let bench = Bench::new(RECORD);
    mapping(&bench);
    println!("\nNanoseconds to make one value, best and median of {ROUNDS} rounds:");
    kinds();
    operators(&bench.rules);
}

/// The engine, and its peer with the same result.
fn mapping(bench: &Bench) {
    let record = bench.map("record");
    let event = bench.run.event();
    let statuses: BTreeMap<String, Value> =
        [("Pending", "Submitted"), ("Transferred", "Completed"), ("Cancelled", "Cancelled")]
            .map(|(key, value)| (key.to_owned(), Value::from(value)))
            .into();
    assert_eq!(event.to_string().len(), EVENT_BYTES, "the size that is printed");
    assert_eq!(Some(bench.eval(record)), by_hand(event, &statuses), "both make the same value");
    assert_eq!(bench.eval(record).as_object().map(Map::len), Some(10), "ten fields");

    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // By turns, so that what else runs on the machine slows both.
        ours.push(nanoseconds(|| bench.eval(black_box(record))));
        peer.push(nanoseconds(|| by_hand(black_box(event), &statuses)));
    }
    let mut shares: Vec<f64> = ours.iter().zip(&peer).map(|(ours, peer)| peer / ours * 100.0).collect();
    shares.sort_by(f64::total_cmp);
    let (ours, peer) = (Figures::of(ours), Figures::of(peer));
    println!("Records of {EVENT_BYTES} bytes a second and core, mapped to ten fields, three of them decimal Rhai:");
    println!("{:>24}: {:>9.0} (median {:.0})", "ferry", 1e9 / ours.best, 1e9 / ours.median);
    println!("{:>24}: {:>9.0} (median {:.0})", "by hand in Rust", 1e9 / peer.best, 1e9 / peer.median);
    println!(
        "{:>24}: {:>8.0} % (median of the rounds {:.0} %)",
        "ferry's share",
        peer.best / ours.best * 100.0,
        shares[ROUNDS / 2]
    );
}

/// What one value of each kind costs, on a run's document.
fn kinds() {
    let bench = Bench::new(KINDS);
    for step in &bench.run.plan().steps {
        let expression = bench.map(&step.id);
        print_cost(&step.id, "", || bench.eval(black_box(expression)));
    }
}

/// What the first example of each operator's page costs.
fn operators(rules: &Rules) {
    let (tables, maps) = example_files();
    let (broken, xref) = (BTreeSet::new(), BTreeMap::from([("contacts".to_owned(), example_xref())]));
    let mapping = Mapping {
        tables: &tables,
        maps: &maps,
        broken: &broken,
        used: RefCell::default(),
        xref: &xref,
        reads_xref: Cell::new(true),
        uses: Cell::default(),
        inside: RefCell::default(),
    };
    // What a cross-reference says is read by the engine before.
    for page in PAGES.iter().filter(|page| page.name != "xref") {
        let example = page.examples.iter().find(|example| !example.gives.starts_with("error"));
        let example = example.expect("a page shows what its operator gives");
        let source = Source::new("example.yaml", example.written);
        let mut report = Report::new(&source);
        let names = ["event", "vars"];
        let node = yaml::parse(&source, &mut report).expect("an example is YAML");
        let mut compiler =
            Compiler { rules, dialect: &mapping, names: &names, roots: Some(&names), report: &mut report };
        let expression = compiler.expression(&node).expect("an example is a mapping");
        let event = serde_json::from_str::<Value>(example.event).expect("an event is JSON");
        let roots = Map::from_iter([("event".to_owned(), event)]);
        let locals = Locals(&roots);
        let eval = || black_box(&expression).eval(locals.scope(rules)).expect("the example gives a value");
        assert_eq!(eval().to_string(), example.gives, "{}", page.name);
        print_cost(page.name, example.written, eval);
    }
}

fn print_cost(name: &str, written: &str, eval: impl Fn() -> Value) {
    let figures = Figures::of((0..ROUNDS).map(|_| nanoseconds(&eval)).collect());
    println!("{name:>24}: {:>7.0} {:>7.0}  {written}", figures.best, figures.median);
}

/// The best and the median of several rounds.
struct Figures {
    best: f64,
    median: f64,
}

impl Figures {
    fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        Self { best: rounds[0], median: rounds[rounds.len() / 2] }
    }
}

/// One evaluation, on average over a round.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn nanoseconds<T>(eval: impl Fn() -> T) -> f64 {
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < ROUND {
        for _ in 0..BATCH {
            drop(black_box(eval()));
        }
        count += BATCH;
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(count)
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
        run.apply(jiff::Timestamp::UNIX_EPOCH, &Entry::Started { event, parent: None, refused: None });
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
    let fee = amount * Decimal::new(15, 3) + Decimal::new(25, 2);
    record.insert("fee".to_owned(), number(fee)?);
    record.insert("net".to_owned(), number(amount - fee)?);
    let reserve = (amount * Decimal::new(5, 2)).round_dp(2).max(Decimal::new(2500, 2));
    record.insert("reserve".to_owned(), number(reserve)?);
    record.insert("status".to_owned(), statuses.get(event.get("Status__c")?.as_str()?)?.clone());
    let description = format!("Payment {name} to {}", recipient.get("FirstName")?.as_str()?);
    record.insert("description".to_owned(), Value::from(description));
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
