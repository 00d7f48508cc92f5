//! The command line: one file a command; a command's doc comment is its help.

mod apply;
mod approvals;
mod audit;
mod completions;
mod connect;
mod connectors;
mod decide;
mod demo;
mod desk;
mod dlq;
mod editor;
mod explain;
mod fmt;
mod given;
mod graph;
mod lint;
mod map;
mod new;
mod plan;
mod reach;
mod recon;
mod reload;
mod replay;
mod run;
mod runs;
mod sandbox;
mod schema;
mod serve;
mod start;
mod status;
mod store;
mod test;
mod webhooks;
mod why;
mod xref;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ferry_contract::limits::STACK_BYTES;
use serde::Serialize;

use crate::{
    limits::LIST_ROWS_DEFAULT,
    render::Color,
    store::{Filter, StoreAddress},
};

pub use approvals::ApprovalList;
pub use audit::ActList;
pub use connectors::{CheckReport, ConnectorList};
pub use dlq::DeadLetterShown;
pub use lint::LintReport;
pub use map::MapReport;
pub use plan::PlanDocument;
pub use recon::ItemList;
pub use replay::PreflightReport;
pub use runs::{DeadLetterList, RunList, RunStory};
pub use webhooks::Heard;
pub use why::WhyReport;
pub use xref::PairList;

/// Moves payment and customer records between systems: never twice, never lost.
#[derive(Debug, Parser)]
#[command(name = "ferry", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// Work in this folder.
    #[arg(short = 'C', long = "dir", global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Use colours.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    /// Say more on standard error; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say only errors on standard error.
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Lint(lint::Lint),
    Graph(graph::Graph),
    Fmt(fmt::Fmt),
    Test(test::Test),
    Run(run::Run),
    Serve(serve::Serve),
    Reload(reload::Reload),
    Sandbox(sandbox::SandboxCommand),
    Trigger(webhooks::Trigger),
    Listen(webhooks::Listen),
    Demo(demo::Demo),
    Runs(runs::Runs),
    Dlq(dlq::Dlq),
    Approvals(approvals::Approvals),
    Audit(audit::Audit),
    Recon(recon::Recon),
    Xref(xref::Xref),
    Why(why::Why),
    Status(status::StatusCommand),
    Store(store::StoreCommand),
    Map(map::MapCommand),
    New(new::New),
    Plan(plan::PlanCommand),
    Apply(apply::Apply),
    Explain(explain::Explain),
    Completions(completions::Completions),
    Connectors(connectors::Connectors),
    Connect(connect::Connect),
    Schema(schema::SchemaCommand),
}

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs; stable, with a format version.
    Json,
}

/// How the process ends. Source: the table of exit codes in the reference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// All is well.
    Success = 0,
    /// Findings, a failed run, or a balance that does not hold.
    Findings = 1,
    /// The call or the set-up is wrong.
    Usage = 2,
    /// A plan would send something.
    Changes = 3,
    /// Nothing matched.
    Nothing = 4,
    /// Some records became dead letters.
    Partial = 5,
    /// A server did not answer.
    Unreachable = 69,
    /// Interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a command ends with.
type Outcome = Result<Exit, anyhow::Error>;

/// Where a store is.
#[derive(Debug, Args)]
struct StoreArgs {
    /// The store: a file, or a database as `postgres://USER:PASSWORD@HOST/NAME`.
    #[arg(long, env = "FERRY_STORE", hide_env_values = true, default_value = ".ferry/ferry.db", value_name = "STORE")]
    store: StoreAddress,
}

/// What lists have in common.
#[derive(Debug, Args)]
struct ListArgs {
    /// Only of this pipeline.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// At most that many.
    #[arg(long, default_value_t = LIST_ROWS_DEFAULT, value_name = "N")]
    limit: usize,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    store: StoreArgs,
}

impl ListArgs {
    /// The filter, with the state or the class that the list takes.
    fn filter(&self, kind: Option<String>) -> Filter {
        Filter {
            pipeline: self.pipeline.clone(),
            kinds: kind.into_iter().collect(),
            event_key: None,
            limit: self.limit,
        }
    }
}

/// The answer of a command in `--format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Envelope<T> {
    /// Minor versions add, major versions break.
    pub format_version: &'static str,
    /// The data.
    #[serde(flatten)]
    pub data: T,
}

impl<T> Envelope<T> {
    /// The data in the current format.
    pub fn new(data: T) -> Self {
        Self { format_version: "1.0", data }
    }
}

/// Reads the command line and does what it says, on a thread that may evaluate scripts.
pub fn main() -> ExitCode {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    thread.expect("a process has a thread").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            let _ = error.print();
            return exit.into();
        }
    };
    start::logging(&cli.global);
    QUIET.store(cli.global.quiet, Ordering::Relaxed);
    if let Some(dir) = &cli.global.dir
        && let Err(error) = std::env::set_current_dir(dir)
    {
        complain(&format!("{}: {error}", dir.display()));
        return Exit::Usage.into();
    }
    let color = cli.global.color.on();
    let outcome = match cli.command {
        Command::Lint(command) => command.run(color),
        Command::Graph(command) => command.run(),
        Command::Fmt(command) => command.run(),
        Command::Test(command) => command.run(color),
        Command::Run(command) => start::on_runtime(command.run()),
        Command::Serve(command) => start::on_runtime(command.run()),
        Command::Reload(command) => start::on_runtime(command.run()),
        Command::Sandbox(command) => start::on_runtime(command.run()),
        Command::Trigger(command) => start::on_runtime(command.run()),
        Command::Listen(command) => start::on_runtime(command.run()),
        Command::Connect(command) => start::on_runtime(command.run()),
        Command::Demo(command) => start::on_runtime(command.run()),
        Command::Runs(command) => start::on_runtime(command.run()),
        Command::Dlq(command) => start::on_runtime(command.run()),
        Command::Approvals(command) => start::on_runtime(command.run()),
        Command::Audit(command) => start::on_runtime(command.run()),
        Command::Recon(command) => start::on_runtime(command.run()),
        Command::Xref(command) => start::on_runtime(command.run()),
        Command::Why(command) => start::on_runtime(command.run()),
        Command::Status(command) => start::on_runtime(command.run()),
        Command::Store(command) => start::on_runtime(command.run()),
        Command::Map(command) => command.run(color),
        Command::New(command) => command.run(),
        Command::Apply(command) => start::on_runtime(command.run()),
        Command::Plan(command) => start::on_runtime(command.run()),
        Command::Explain(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Connectors(command) => start::on_runtime(command.run()),
        Command::Schema(command) => command.run(),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&format!("{error:#}"));
            let unreachable = error.downcast_ref::<start::Unreachable>().is_some();
            if unreachable { Exit::Unreachable.into() } else { Exit::Usage.into() }
        }
    }
}

/// Data, on standard output. A reader that has gone away is no error.
fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Data as JSON, on standard output.
fn print_json(data: &impl Serialize) -> Result<(), anyhow::Error> {
    print(&format!("{}\n", serde_json::to_string_pretty(data)?));
    Ok(())
}

/// Whether notes are kept back, as `--quiet` asks.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Notes, on standard error.
fn tell(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        write_error(text);
    }
}

/// An error, on standard error.
fn complain(text: &str) {
    write_error(&format!("error: {text}"));
}

fn write_error(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
