//! Figures of reconciliation.
//!
//! `cargo run --release -p ferry-tests --example reconcile -- noise [CASES]` judges the matcher on noise of several seeds;
//! `… -- million [ROWS] [PYTHON]` reads and matches two CSV files as a step does, in a process of its own, beside DuckDB where PYTHON is
//! a Python that has it; `… -- equal [ROWS]` matches rows that are all of one amount.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures are what this prints")]

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    process::{Command, ExitCode},
};

use ferry::{
    clock::Stopwatch,
    load::{self, Wanted},
    recon::feed::{Fed, Feeder},
};
use ferry_core::{
    plan::{Work, reconcile::Feed},
    recon::{Known, Lines, Outcome, reconcile},
};
use ferry_tests::{
    noise::{Config, generate},
    reconciled::judge,
};

const CASES: usize = 72_000;
const SEEDS: u64 = 5;
const ROWS: usize = 1_000_000;
const EQUAL: usize = 10_000;
/// How often each way is measured, in turn.
const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let count = |word: Option<&&str>, default: usize| word.map_or(Some(default), |word| word.parse().ok());
    let done = match words.as_slice() {
        ["noise", rest @ ..] => count(rest.first(), CASES).map(noise),
        ["million", rest @ ..] => count(rest.first(), ROWS).map(|rows| million(rows, rest.get(1).copied())),
        ["equal", rest @ ..] => count(rest.first(), EQUAL).map(equal),
        ["files", folder] => Some(files(Path::new(folder))),
        _ => None,
    };
    match done {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("error: write `noise [CASES]`, `million [ROWS] [PYTHON]` or `equal [ROWS]`");
            ExitCode::from(2)
        }
    }
}

fn noise(cases: usize) -> Result<(), String> {
    println!("| seed | orders | payments | precision of confirmed | F1 over all | reasons right | matched in |");
    println!("|---|---|---|---|---|---|---|");
    for seed in 1..=SEEDS {
        let world = generate(&Config { customers: 9_000, ..Config::new(seed, cases) });
        let judged = judge(&world);
        let score = &judged.score;
        let share = |millionths: usize| format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        println!(
            "| {seed} | {} | {} | {} | {} | {} | {} ms |",
            world.orders.len(),
            world.payments.len(),
            share(score.confirmed_precision.millionths()),
            share(score.f1().millionths()),
            share(score.reasons.millionths()),
            judged.took.as_millis()
        );
    }
    Ok(())
}

const PROJECT: &str = "ferry: 1\nproject: figures\nfiles: .\n";
const PIPELINE: &str = "\
ferry: 1
pipeline: figures
trigger: manual
steps:
  - id: matched
    reconcile:
      left: { from: { file: orders.csv }, id: $.id, amount: $.amount, currency: $.currency, date: $.date, ref: $.ref }
      right: { from: { file: payments.csv }, id: $.id, gross: $.gross, fee: $.fee, net: $.net, currency: $.currency, date: $.date, ref: $.ref, party: $.party }
      rules:
        - { name: net-of-fee, by: ref, amount: { right: net + fee, within: 0.01 }, days: [-1, 14], gives: confirmed }
        - { name: no-ref, by: party, days: [-1, 14], gives: suggested }
output: $.matched
";

/// Both sides as the step reads them, and what comes of them.
fn matched(folder: &Path) -> Result<(Outcome, [u64; 2]), String> {
    let rules = load::pipeline_rules();
    let projects =
        load::projects(&[folder.to_owned()], &rules, &Wanted::default()).map_err(|error| error.to_string())?;
    let plan = projects.iter().flat_map(|project| &project.checked.plans).next().ok_or("the pipeline is wrong")?;
    let Work::Reconcile(step) = &plan.steps[0].work else { return Err("it is no reconciliation".to_owned()) };
    let none = BTreeMap::new();
    let watch = Stopwatch::start();
    let fed = |feed: &Feed, name: &str| -> Result<Fed, String> {
        let mut feeder = Feeder::of_side((&rules, &plan.vars), feed, &none);
        let file = File::open(folder.join(name)).map_err(|error| error.to_string())?;
        feeder.file(name, file, &|| true).map_err(|failure| failure.to_string())?;
        Ok(feeder.done())
    };
    let (left, right) = std::thread::scope(|scope| {
        let right = scope.spawn(|| fed(&step.right, "payments.csv"));
        let mut left = fed(&step.left, "orders.csv");
        left.iter_mut().for_each(|left| left.rows.index(&step.spec.references));
        (left, right.join().expect("it does not panic"))
    });
    let (left, right) = (left?.rows, right?.rows);
    let read = watch.elapsed();
    let outcome = reconcile(&step.spec, (&left, &right), &Lines::default(), &Known::default());
    let outcome = outcome.map_err(|error| error.to_string())?;
    let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Ok((outcome, [micros(read), micros(watch.elapsed())]))
}

/// The child: one measurement, on one line.
fn files(folder: &Path) -> Result<(), String> {
    let (outcome, [read, all]) = matched(folder)?;
    println!("{} {} {read} {all} {}", outcome.matches.len(), outcome.exceptions.len(), most_memory_kb());
    Ok(())
}

/// The most memory that this process has had. Source: proc(5).
fn most_memory_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn million(rows: usize, python: Option<&str>) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    write(folder.path(), rows, |number| (number * 7_919) % 997_300 + 100).map_err(|error| error.to_string())?;
    println!("{rows} rows a side; {ROUNDS} rounds, in turn");
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let own = child(folder.path())?;
        let [matches, open, read, all, memory] = own.as_slice() else {
            return Err("the child says nothing".to_owned());
        };
        print!(
            "ferry: {matches} matches, {open} left, read in {} ms, all in {} ms, {} MB",
            read / 1_000,
            all / 1_000,
            memory / 1_024
        );
        match python {
            Some(python) => {
                let [matches, micros] = duckdb(python, folder.path())?;
                ratios.push(all * 1_000 / micros.max(1));
                println!("   ·   DuckDB, two threads: {matches} matches in {} ms", micros / 1_000);
            }
            None => println!(),
        }
    }
    ratios.sort_unstable();
    if let Some(median) = ratios.get(ratios.len() / 2) {
        println!(
            "ferry takes {}.{:03} times as long as DuckDB (median of {})",
            median / 1_000,
            median % 1_000,
            ratios.len()
        );
    }
    Ok(())
}

fn child(folder: &Path) -> Result<Vec<u64>, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    numbers(Command::new(own).arg("files").arg(folder))
}

fn numbers(command: &mut Command) -> Result<Vec<u64>, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().map(|word| word.parse().map_err(|_| format!("it says {text:?}"))).collect()
}

const QUERY: &str = r#"
import duckdb, sys, time
connection = duckdb.connect(config={"threads": 2})
types = "'amount': 'DECIMAL(18,2)', 'gross': 'DECIMAL(18,2)', 'fee': 'DECIMAL(18,2)', 'net': 'DECIMAL(18,2)', 'date': 'DATE'"
start = time.perf_counter()
found = connection.execute(f"""
    SELECT count(*), sum(o.amount) FROM
    read_csv('{sys.argv[1]}/orders.csv', columns={{'id': 'VARCHAR', 'amount': 'DECIMAL(18,2)', 'currency': 'VARCHAR', 'date': 'DATE', 'ref': 'VARCHAR'}}) o JOIN
    read_csv('{sys.argv[1]}/payments.csv', columns={{'id': 'VARCHAR', 'gross': 'DECIMAL(18,2)', 'fee': 'DECIMAL(18,2)', 'net': 'DECIMAL(18,2)', 'currency': 'VARCHAR', 'date': 'DATE', 'ref': 'VARCHAR', 'party': 'VARCHAR'}}) p
    ON o.ref = p.ref AND o.currency = p.currency
    AND o.amount - (p.net + p.fee) BETWEEN -0.01 AND 0.01 AND p.date - o.date BETWEEN -1 AND 14
""").fetchall()
print(found[0][0], int((time.perf_counter() - start) * 1_000_000))
"#;

fn duckdb(python: &str, folder: &Path) -> Result<[u64; 2], String> {
    let found = numbers(Command::new(python).args(["-c", QUERY]).arg(folder))?;
    found.try_into().map_err(|found| format!("DuckDB says {found:?}"))
}

/// Orders, and a payment for all but one in a hundred, in another order; `cents` says what each is about.
fn write(folder: &Path, rows: usize, cents: impl Fn(usize) -> usize) -> std::io::Result<()> {
    std::fs::write(folder.join("ferry.yaml"), PROJECT)?;
    std::fs::write(folder.join("figures.yaml"), PIPELINE)?;
    let file = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
    let money = |cents: usize| format!("{}.{:02}", cents / 100, cents % 100);
    let day = |number: usize| 1 + number % 14;
    let mut orders = file("orders.csv")?;
    writeln!(orders, "id,amount,currency,date,ref")?;
    for number in 0..rows {
        writeln!(orders, "o{number},{},USD,2026-03-{:02},ORD-{number:07}", money(cents(number)), day(number))?;
    }
    let mut payments = file("payments.csv")?;
    writeln!(payments, "id,gross,fee,net,currency,date,ref,party")?;
    // A step that shares no factor with the rows meets each once.
    let step = (rows * 618 / 1_000) | 1;
    for place in 0..rows {
        let number = place * step % rows;
        let (gross, fee) = (cents(number), cents(number) / 40);
        let reference = if number.is_multiple_of(100) { "-".to_owned() } else { format!("ORD-{number:07}") };
        let (gross, fee, net, date) = (money(gross), money(fee), money(gross - fee), day(number) + 2);
        writeln!(payments, "p{place},{gross},{fee},{net},USD,2026-03-{date:02},{reference},C{}", number % 5_000)?;
    }
    orders.flush()?;
    payments.flush()
}

/// All rows are of one amount, and many have no reference: nothing is compared with each.
fn equal(rows: usize) -> Result<(), String> {
    let mut figures = Vec::new();
    for (name, cents) in [("different amounts", 0), ("one amount", 1)] {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let of = |number: usize| if cents == 0 { number + 100 } else { 2_000 };
        write(folder.path(), rows, of).map_err(|error| error.to_string())?;
        let mut times: Vec<u64> =
            (0..ROUNDS).map(|_| child(folder.path()).map(|own| own[3] - own[2])).collect::<Result<_, _>>()?;
        times.sort_unstable();
        println!("{rows} rows a side, {name}: matched in {} µs (median of {ROUNDS})", times[ROUNDS / 2]);
        figures.push(times[ROUNDS / 2]);
    }
    println!("one amount takes {} % of the time of different ones", figures[1] * 100 / figures[0].max(1));
    Ok(())
}
