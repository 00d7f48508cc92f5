//! The language, its checks, plans and runs: pure, without clock, network or files.
//!
//! `language` reads a file, `lint` says what is wrong with it, `plan` is what a checked pipeline
//! becomes, `run` is one execution of a plan as a fold over its journal, `eval` makes the values in
//! it, `once` alone decides whether a write may be sent a second time, and `gate` when a connection
//! takes a call at all; `recon` says which payments are for which orders.

pub mod limits;

pub mod language;
pub mod project;

pub mod eval;

pub mod lint;
pub mod plan;

pub mod format;
pub mod graph;

pub mod gate;
pub mod once;
pub mod run;

pub mod recon;

pub mod testing;
