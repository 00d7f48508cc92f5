//! What tests and examples share: a real PostgreSQL that lives as long as its process.

pub mod postgres;
