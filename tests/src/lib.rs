//! What tests and examples share: the program in processes of its own, a real PostgreSQL, chaos, and noise for reconciliations.

pub mod chaos;
pub mod noise;
pub mod postgres;
pub mod program;
pub mod reconciled;
