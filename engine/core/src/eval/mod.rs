//! The mapping operators on top of paths, rules and texts.

pub mod check;
pub mod operators;

pub use operators::Mapping;
