//! Rhai modules.

use std::sync::Arc;

use ferry_contract::{
    report::{At, Report, Source},
    script::{self, Form, Module, Rules},
};

use super::ScriptFile;

/// Reads a file of functions.
pub fn read(source: &Arc<Source>, rules: &Rules, report: &mut Report) -> Option<ScriptFile> {
    match Module::compile(rules, &source.text) {
        Ok(module) => {
            for untidy in script::untidy(&source.text, Form::Statements, &[]) {
                let at = At::of_place(&source.text, untidy.line, untidy.column);
                untidy.report(at, report);
            }
            Some(ScriptFile { source: Arc::clone(source), module })
        }
        Err(error) => {
            let at = At::of_place(&source.text, error.line, error.column);
            let message = format!("this Rhai does not compile: {}", error.message);
            report.error("invalid-rhai", at, message, script::help(rules, &error, "a function"));
            None
        }
    }
}
