//! The service and its command line: the world around the pure core.
//!
//! The way of an event, downwards only: `engine::trigger` → store → `engine::scheduler` →
//! `engine::drive` → (`ferry_core::run`, `eval`, `once`: pure) → `engine::dispatch` → the manifest
//! runtime → `http`.

pub mod limits;

/// Journals, documents and messages are many small values that one thread makes and another drops.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod clock;
pub mod consents;
pub mod http;
pub mod sandbox;

pub mod store;

pub mod engine;

pub mod load;
pub mod recon;
pub mod reference;

pub mod testing;

pub mod ingress;
pub mod reload;

pub mod api;
pub mod cmd;
pub mod manual;
pub mod render;
pub mod schemas;
