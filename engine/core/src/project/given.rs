//! What whoever loads a project says of it: values of parameters, and the environment.

use std::collections::BTreeMap;

/// What a variable of the process that gives a parameter begins with.
pub const PARAM_VARIABLE: &str = "FERRY_PARAM_";

/// What is given from outside when a project is loaded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Given {
    /// `--param NAME=VALUE`, by name.
    pub params: BTreeMap<String, String>,
    /// `FERRY_PARAM_NAME`, by the whole name of the variable.
    pub variables: BTreeMap<String, String>,
    /// The environment that was chosen.
    pub environment: Option<String>,
}

impl Given {
    /// The value of a parameter, and who gave it.
    pub(super) fn param(&self, name: &str) -> Option<(&str, String)> {
        let said = self.params.get(name).map(|value| (value.as_str(), format!("`--param {name}`")));
        said.or_else(|| {
            let variable = variable(name);
            let value = self.variables.get(&variable)?;
            Some((value.as_str(), variable))
        })
    }
}

/// The variable that gives a parameter.
pub(super) fn variable(param: &str) -> String {
    format!("{PARAM_VARIABLE}{}", param.to_ascii_uppercase())
}
