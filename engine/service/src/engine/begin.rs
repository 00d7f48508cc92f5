//! Runs that other runs begin.

use ferry_contract::failure::{ErrorClass, Failure};
use ferry_core::run::UnitIndex;
use serde_json::Value;

use super::drive::{Drive, Performed};

impl Drive<'_> {
    /// Begins a run of another pipeline, and waits for its end.
    pub(super) fn begin(&mut self, unit: UnitIndex, pipeline: &str, _inputs: Value) -> Performed {
        self.failed(unit, Failure::new(ErrorClass::Config, format!("there is no pipeline `{pipeline}`")))
    }
}
