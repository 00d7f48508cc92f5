//! The manifest runtime: a REST system is a folder of YAML, and this reads, calls and understands it.
//!
//! `manifest` reads a `connector.yaml`; `connection` joins it with the settings of `ferry.yaml`;
//! `call` sends one request for one call or for a bundle and says what each got. Nothing here
//! repeats a write: a repeat is decided by the engine's `once`.

pub mod limits;

pub mod library;
pub mod manifest;

pub mod connection;

pub mod address;
mod budget;
pub mod bundle;
pub mod call;
pub mod files;
mod job;
pub mod paginate;
pub mod rendered;
pub mod request;
pub mod response;
pub mod stand_in;
mod told;
mod transfer;
pub mod webhook;

pub mod auth;
pub mod native;
mod xml;
