//! Pipelines linted per second, and what each costs in memory.
//!
//! Generates projects of pipelines of a hundred lines each, as consultants write them: polls, schedules and webhooks, maps
//! and sums, checks, waits, arms, lists, tables and scripts. Each size is linted in a process of its own, whose peak of
//! memory is then its own.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark prints")]
#![expect(clippy::float_arithmetic, reason = "figures of time are no money")]

use std::{
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use ferry_connectors::library::Library;
use ferry_contract::{
    report::{Report, Source},
    script::{Missing, NoWatch, Rules},
};
use ferry_core::lint::{self, Files};

/// How many pipelines a project has.
const SIZES: [usize; 4] = [250, 500, 1_000, 2_000];
/// Of each size, in turns.
const ROUNDS: usize = 5;
const LINES: usize = 100;
/// Tells a child how many pipelines it lints.
const CHILD: &str = "FERRY_LINT_BENCHMARK";

const PROJECT: &str = include_str!("../tests/world/project.yaml");

const TABLE: &str = "Transferred: Completed\nCancelled: Failed\n";
const SCRIPT: &str = "fn share(amount, rate) {\n    (amount * rate).round(2)\n}\n";

fn main() {
    // `cargo test` starts benchmarks too, without this argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    match std::env::var(CHILD) {
        Ok(count) => child(count.parse().expect("the parent gives a number")),
        Err(_) => parent(),
    }
}

/// What one process measured.
struct Measured {
    seconds: f64,
    before_kb: f64,
    peak_kb: f64,
}

fn parent() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    println!(
        "Linting pipelines of {LINES} lines on {cores} cores, best and median of {ROUNDS} rounds; load {}:",
        load()
    );
    println!(
        "{:>9} {:>8} {:>8} {:>22} {:>14} {:>16}",
        "pipelines", "seconds", "median", "lines a second, core", "peak, MB", "KB a pipeline"
    );
    for size in SIZES {
        let mut rounds: Vec<Measured> = (0..ROUNDS).map(|_| measure(size)).collect();
        rounds.sort_by(|left, right| left.seconds.total_cmp(&right.seconds));
        let (best, median) = (rounds[0].seconds, rounds[ROUNDS / 2].seconds);
        let memory = rounds.iter().map(|round| round.peak_kb).fold(0.0, f64::max);
        let each = rounds.iter().map(|round| round.peak_kb - round.before_kb).fold(0.0, f64::max) / number(size);
        let lines = number(size * LINES) / best / number(cores);
        println!("{size:>9} {best:>8.3} {median:>8.3} {lines:>22.0} {:>14.0} {each:>16.1}", memory / 1024.0);
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// One lint in a process of its own.
fn measure(size: usize) -> Measured {
    let program = std::env::current_exe().expect("a running program has a file");
    let output = Command::new(program).arg("--bench").env(CHILD, size.to_string()).output().expect("it starts again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let mut figures = text.split_whitespace().map(|figure| figure.parse::<f64>().expect("a child prints numbers"));
    let mut next = || figures.next().expect("a child prints three numbers");
    Measured { seconds: next(), before_kb: next(), peak_kb: next() }
}

/// Lints a project of so many pipelines, and prints seconds and kilobytes.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn child(count: usize) {
    let (library, _) = Library::load(&[], Arc::new(NoWatch));
    let rules = Rules::new(Missing::Fails, Arc::new(NoWatch));
    let catalog = library.catalog();
    let files = files(count);
    let before = status("VmHWM");
    let begun = Instant::now();
    let checked = lint::check(&files, &catalog, &rules);
    let took: Duration = begun.elapsed();
    let findings: Vec<_> = checked.reports.iter().flat_map(Report::findings).take(5).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!(checked.plans.len(), count, "each pipeline is a plan");
    println!("{} {before} {}", took.as_secs_f64(), status("VmHWM"));
}

/// Kilobytes that the system counts for this process.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let digits = line.map(|line| line.chars().filter(char::is_ascii_digit).collect::<String>());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn files(count: usize) -> Files {
    let pipelines = (0..count).map(|number| Source::new(format!("pipeline-{number}.yaml"), pipeline(number)));
    let mut files = Files::new(Source::new("ferry.yaml", PROJECT), pipelines.collect());
    files.tables.insert("payout-status".to_owned(), Source::new("tables/payout-status.yaml", TABLE));
    files.scripts.insert("scripts/fees.rhai".to_owned(), Source::new("scripts/fees.rhai", SCRIPT));
    files
}

/// One pipeline, which differs from every other in names, numbers, and what it begins and ends with.
fn pipeline(number: usize) -> String {
    let trigger = TRIGGERS[number % TRIGGERS.len()];
    let fee = FEES[number % FEES.len()];
    let text = format!("{HEAD}{trigger}{STEPS}{fee}{END}");
    let text = text.replace("NUMBER", &number.to_string()).replace("LIMIT", &(5_000 + number).to_string());
    let missing = LINES - text.lines().count();
    assert!(missing < 20, "a pipeline has about {LINES} lines, and this one {}", text.lines().count());
    let comments = (0..missing).map(|line| format!("# Agreed with treasury, point {line}.\n"));
    comments.chain([text]).collect()
}

const HEAD: &str = "\
ferry: 1
pipeline: payouts-NUMBER
description: Pays the approved requests of country NUMBER through Payoneer.
owner: finance-ops

";

const TRIGGERS: [&str; 3] = [POLL, WEBHOOK, EMITTED];

const POLL: &str = "\
trigger:
  poll:
    action: salesforce.query
    with:
      object: Payment_Request_NUMBER__c
      fields: [Id, Name, Amount__c, CurrencyIsoCode, Recipient__c, SystemModstamp]
      where: \"Status__c = 'Approved for Payout'\"
    every: 1m
    cursor: { field: $.SystemModstamp, tie_break: $.Id, lookback: 5m }
  key: $.Id
  revision: $.SystemModstamp
";

const WEBHOOK: &str = "\
trigger:
  webhook:
    path: requests-NUMBER
    verify: { header: X-Signature, secret: \"${env:HOOK_SECRET}\" }
  key: $.Id
";

const EMITTED: &str = "\
trigger:
  event: request-NUMBER
  key: $.Id
";

const STEPS: &str = "
steps:
  - id: recipient
    action: salesforce.get
    with: { object: Contact, id: $.event.Recipient__c, fields: [Id, Email, FirstName, External_Payoneer_ID__c] }

  - id: payable
    check:
      - { field: $.recipient.External_Payoneer_ID__c, is: present, say: the contact has no Payoneer id }
      - { field: $.recipient.Email, is: email }
      - { field: $.event.Amount__c, is: { decimal: { above: 0, scale: 2 } } }
      - { field: \"$['event']['CurrencyIsoCode']\", is: { one_of: [USD, EUR] }, class: rejected }
      - { rhai: event.Amount__c <= LIMIT, say: \"{$.event.Name} is above the limit\" }
    on_error:
      - class: invalid
        do:
          - id: tell_unpayable
            action: salesforce.update
            with:
              object: Payment_Request_NUMBER__c
              id: $.event.Id
              values: { Status__c: Needs Correction, Payout_Error__c: $.error.message }
        then: dead_letter

  - id: payout
    needs: [payable]
    map:
      client_reference_id: $.event.Id
      payee_id: $.recipient.External_Payoneer_ID__c
      amount: { money: { amount: $.event.Amount__c, currency: $.event.CurrencyIsoCode } }
      description: { text: \"Payment {$.event.Name} to {$.recipient.FirstName}\" }

  - id: submit
    action: payoneer.create_payout
    with: $.payout
    on_error:
      - class: insufficient_funds
        hold:
          for: $.payout.amount
          until: { action: payoneer.get_balance, passes: \"result.available >= reserved\" }
          every: 10m
          alert: treasury
      - class: rejected
        do:
          - id: tell_salesforce
            action: salesforce.update
            with:
              object: Payment_Request_NUMBER__c
              id: $.event.Id
              values: { Status__c: Needs Correction, Payout_Error__c: $.error.message }
        then: dead_letter

  - id: settled
    needs: [submit]
    wait:
      poll:
        action: payoneer.get_payout_status
        with: { client_reference_id: $.payout.client_reference_id }
        every: 15m
      until: 'result.status in [\"Transferred\", \"Cancelled\"]'
      timeout: 5d

  - id: fee
    when: 'settled.status == \"Transferred\"'
";

/// How the fee is found.
const FEES: [&str; 4] = [
    "    map: { rhai: \"max((settled.amount * 0.0NUMBER).round(2), 1.50)\" }\n",
    "    map:
      switch:
        - { when: settled.amount > LIMIT, value: { rhai: settled.amount * 0.01 } }
        - { else: 2.50 }
",
    "    script: |
      // A share of the amount, at least one unit.
      let share = settled.amount * 0.0NUMBER;

      if share < 1 { 1 } else { share * vars.rate }
",
    "    script: { use: scripts/fees.rhai, call: share, with: { amount: $.settled.amount, rate: 0.015 } }\n",
];

const END: &str = "
  - id: record
    action: salesforce.upsert
    with:
      object: Payment_Transaction_NUMBER__c
      external_id: { Client_Reference__c: $.event.Id }
      values:
        Payout_ID__c: { from: $.settled.payout_id, default: null, max_length: 40 }
        Status__c: { from: $.settled.status, lookup: payout-status, else: { rhai: \"settled.status\" } }
        Fee_Amount__c: { from: $.fee, default: null, as: decimal(2) }
        Email__c: { from: $.recipient.Email, trim: true, lower: true, max_length: 80 }

on_failure: { alert: finance-ops }
";
