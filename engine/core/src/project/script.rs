//! Rhai modules.

use std::sync::Arc;

use ferry_contract::{
    report::{At, Report, Source},
    script::{Module, Rules},
};

use super::ScriptFile;

/// Reads a file of functions.
pub fn read(source: &Arc<Source>, rules: &Rules, report: &mut Report) -> Option<ScriptFile> {
    match Module::compile(rules, &source.text) {
        Ok(module) => Some(ScriptFile { source: Arc::clone(source), module }),
        Err(error) => {
            let at = At::of_place(&source.text, error.line, error.column);
            let message = format!("this Rhai does not compile: {}", error.message);
            report.error("invalid-rhai", at, message, "see `ferry explain rhai` for what a function may use");
            None
        }
    }
}
