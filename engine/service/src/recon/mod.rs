//! Reconciliations around the matcher: where rows come from, and what is kept of what came of them.

mod book;
pub mod feed;
mod records;
mod shown;

pub(crate) use book::key_of_match;
pub use book::{Book, Changes};
pub(crate) use shown::output;
