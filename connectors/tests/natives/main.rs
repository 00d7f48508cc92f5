//! Connectors that speak no HTTP, as a pipeline sees them, against the real thing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod file;
mod sftp;
mod smtp;
mod sqlite;
mod system;
