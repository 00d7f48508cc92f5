//! The mapping operators on top of paths, rules and texts, and what else makes or refuses values.

pub mod allocate;
pub mod check;
pub mod operators;
pub mod preview;
pub mod rules;

pub use operators::Mapping;
