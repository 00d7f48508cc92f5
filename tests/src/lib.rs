//! What tests and examples share: the program in processes of its own, a real PostgreSQL, and chaos.

pub mod chaos;
pub mod postgres;
pub mod program;
