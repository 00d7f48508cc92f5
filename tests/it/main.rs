//! All integration tests in one binary.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test that cannot go on fails")]

mod bank;
mod begin;
mod completions;
mod docs;
mod exchange;
mod format;
mod gate;
mod generation;
mod graph;
mod kills;
mod lanes;
mod lint;
mod map;
mod new;
mod operator;
mod pipeline_tests;
mod plan;
mod postgres;
mod program;
mod queue;
mod reference;
mod reload;
mod retention;
mod schemas;
mod search;
mod service;
mod shapes;
mod shared;
mod simulation;
mod sqlite;
mod starve;
mod store;
mod tidy;
mod triggers;
mod unclaimed;
