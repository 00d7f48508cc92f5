//! All integration tests in one binary.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test that cannot go on fails")]

mod docs;
mod kills;
mod postgres;
mod program;
mod schemas;
mod simulation;
mod sqlite;
mod store;
mod tidy;
