//! `cargo run --release -p ferry-tests --example chaos -- sqlite|postgres …`: pays while everything goes wrong,
//! and prints what became of each request and each cent. Ends with 1 where a promise was not kept.
//!
//! One cargo call builds all: this executable is the program, too, where the harness starts it as such. What
//! the numbers mean, and how speed, time-outs and lease belong together, is in the head of `ferry_tests::chaos`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a table is what this prints")]

use std::{process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};
use ferry_sandbox::Duplicates;
use ferry_tests::{
    chaos::{self, Outcome, Trial},
    postgres::Server,
    program::{IS_PROGRAM, Program},
};

/// How long a large trial may take until all is settled.
const PATIENCE: Duration = Duration::from_mins(20);

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    store: Store,
}

#[derive(Subcommand)]
enum Store {
    /// One process on a file.
    Sqlite(Sqlite),
    /// Several processes on one server: killed where duplicates are booked, stopped where they are refused, and
    /// stopped where they are booked, which shows what only the target can refuse.
    Postgres(Postgres),
}

#[derive(Args)]
struct Common {
    /// Approved payment requests.
    #[arg(long, default_value_t = 10_000)]
    payouts: usize,
    /// Times that the sandbox refuses connections.
    #[arg(long, default_value_t = 10)]
    outages: u32,
    /// The longest pause between two acts.
    #[arg(long, default_value_t = 600, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(10..))]
    pause: u64,
    /// Seconds of the sandbox in a real second; time-outs and leases follow from it.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=500))]
    speed: u32,
    /// Lets the manifest say what is not so, which the books must find.
    #[arg(long)]
    mutant: bool,
    /// Chooses data, faults, acts and pauses.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leaves store and log where they are.
    #[arg(long)]
    keep: bool,
    /// A tenth of it all, or less.
    #[arg(long)]
    short: bool,
}

#[derive(Args)]
struct Sqlite {
    #[command(flatten)]
    common: Common,
    /// Times that the process is killed with SIGKILL.
    #[arg(long, default_value_t = 500)]
    kills: u32,
}

#[derive(Args)]
struct Postgres {
    #[command(flatten)]
    common: Common,
    /// `ferry serve` on one server.
    #[arg(long, default_value_t = 3)]
    processes: usize,
    /// Times that one of them is killed with SIGKILL.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// Times that one of them is stopped until others have done its work.
    #[arg(long, default_value_t = 30)]
    stops: u32,
    /// Times that the server is killed with SIGKILL, in each of the three trials.
    #[arg(long, default_value_t = 10)]
    database_kills: u32,
}

fn main() -> ExitCode {
    if std::env::var_os(IS_PROGRAM).is_some() {
        return ferry::cmd::main();
    }
    let store = Cli::parse().store;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("the machine has threads");
    let outcomes = runtime.block_on(async {
        match store {
            Store::Sqlite(how) => sqlite(how).await,
            Store::Postgres(how) => postgres(how).await,
        }
    });
    match outcomes {
        Ok(outcomes) => {
            println!("{}", chaos::print(&outcomes));
            let kept = outcomes.iter().all(|outcome| outcome.wrongs().is_empty());
            if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

impl Common {
    fn trial(&self, name: &str) -> Trial {
        let short = |number: usize| if self.short { number.div_ceil(20) } else { number };
        Trial {
            name: name.to_owned(),
            payouts: short(self.payouts),
            processes: 1,
            kills: 0,
            stops: 0,
            database_kills: 0,
            outages: self.few(self.outages),
            pause_ms: self.pause,
            speed: self.speed,
            is_mutant: self.mutant,
            duplicates: Duplicates::Book,
            seed: self.seed,
            patience: PATIENCE,
        }
    }

    fn few(&self, acts: u32) -> u32 {
        if self.short { acts.div_ceil(10) } else { acts }
    }
}

async fn sqlite(how: Sqlite) -> Result<Vec<Outcome>, String> {
    let common = &how.common;
    let trial = Trial { kills: common.few(how.kills), ..common.trial("SQLite") };
    Ok(vec![chaos::run(&Program::own()?, &trial, None, common.keep).await?])
}

async fn postgres(how: Postgres) -> Result<Vec<Outcome>, String> {
    let (common, processes) = (&how.common, how.processes);
    let (program, server) = (Program::own()?, Server::start()?);
    let database_kills = common.few(how.database_kills);
    let killed = Trial { processes, database_kills, kills: common.few(how.kills), ..common.trial("kills") };
    let stopped = Trial {
        processes,
        database_kills,
        stops: common.few(how.stops),
        duplicates: Duplicates::Refuse,
        ..common.trial("long stops")
    };
    // What only the target can refuse, against one that does not.
    let window = Trial { duplicates: Duplicates::Book, ..stopped.clone() };
    let window = Trial { name: "what remains".to_owned(), ..window };
    let mut outcomes = Vec::new();
    for trial in [killed, stopped, window] {
        outcomes.push(chaos::run(&program, &trial, Some(&server), common.keep).await?);
    }
    Ok(outcomes)
}
