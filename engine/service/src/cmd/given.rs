//! What commands that load projects take for them.

use std::collections::BTreeMap;

use clap::Args;
use ferry_core::project::Given;

use crate::load::Wanted;

/// Values of parameters, and the environment.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct GivenArgs {
    /// Give a parameter of ferry.yaml this value; else `FERRY_PARAM_NAME`, the environment or its default does.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = named, help_heading = "Project options")]
    params: Vec<(String, String)>,
    /// The environment of ferry.yaml, where it has some.
    #[arg(long, env = "FERRY_ENVIRONMENT", value_name = "NAME", help_heading = "Project options")]
    environment: Option<String>,
}

impl GivenArgs {
    /// Whether nothing is said.
    pub(super) fn is_empty(&self) -> bool {
        self.params.is_empty() && self.environment.is_none()
    }

    /// For a command that sends nothing.
    pub(super) fn to_look(&self) -> Wanted {
        let params: BTreeMap<String, String> = self.params.iter().cloned().collect();
        let given = Given { params, environment: self.environment.clone(), ..Given::default() };
        Wanted { given, must_choose: false }.with_variables()
    }

    /// For a command that may send something.
    pub(super) fn to_send(&self) -> Wanted {
        Wanted { must_choose: true, ..self.to_look() }
    }

    /// The same where nothing is said here: what was said before, when a plan was made.
    #[must_use]
    pub(super) fn or(mut self, params: &BTreeMap<String, String>, environment: Option<&String>) -> Self {
        let known = |name: &String| self.params.iter().any(|(known, _)| known == name);
        let more: Vec<_> =
            params.iter().filter(|(name, _)| !known(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        self.params.extend(more);
        self.environment = self.environment.or_else(|| environment.cloned());
        self
    }

    /// An environment that is known from elsewhere, where none is chosen.
    #[must_use]
    pub(super) fn in_environment(self, environment: Option<&String>) -> Self {
        self.or(&BTreeMap::new(), environment)
    }

    /// What `--param` said.
    pub(super) fn params(&self) -> BTreeMap<String, String> {
        self.params.iter().cloned().collect()
    }
}

fn named(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write `NAME=VALUE`")?;
    Ok((name.to_owned(), value.to_owned()))
}
