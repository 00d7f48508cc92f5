//! When a connection takes a call: circuit, budget, turns. Pure functions of time.
//!
//! Nothing here sends or waits. The service keeps these states, shares them through the store, and
//! asks them before each exchange.

mod breaker;
mod budget;
mod turns;

pub use breaker::{Breaker, Circuit, Health, Way};
pub use budget::Budget;
pub use turns::Turns;
