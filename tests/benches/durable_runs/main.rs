//! Durable runs and steps a second, and the limits of the same machine beside them.
//!
//! `processes` measures real `ferry serve` processes that write over loopback HTTP, beside the store alone and a
//! bare HTTP client; `targets` the journal and the engine without a network. All share the machine's cores.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark prints")]

mod common;
mod limit;
mod processes;
mod targets;

use std::process::ExitCode;

use ferry_tests::program::IS_PROGRAM;

/// How much is measured; `cargo test --benches` only looks whether it works.
fn runs() -> usize {
    if std::env::args().any(|argument| argument == "--bench") { 2_000 } else { 50 }
}

/// This executable is the program, too, where it is started as such.
fn main() -> ExitCode {
    if std::env::var_os(IS_PROGRAM).is_some() {
        return ferry::cmd::main();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("the machine has threads");
    let wanted = |part: &str| {
        let is_named = |part: &str| std::env::args().skip(1).any(|argument| argument == part);
        is_named(part) || !["processes", "targets"].into_iter().any(is_named)
    };
    runtime.block_on(async {
        if wanted("processes") {
            processes::measure(2 * runs()).await;
        }
        if wanted("targets") {
            targets::measure(runs()).await;
        }
    });
    ExitCode::SUCCESS
}
