//! What whoever loads projects says of them, and what comes of that for all of them together.

use std::collections::BTreeSet;

use ferry_contract::{report::Source, suggest};
use ferry_core::project::{Environments, Given, PARAM_VARIABLE};

use super::{CheckedProject, LoadError};

/// What is wanted of the projects that are loaded.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// What is given to their parameters, and their environment.
    pub given: Given,
    /// Whether something may be sent: then where it goes has been chosen.
    pub must_choose: bool,
}

impl Wanted {
    /// The same with what the process has in `FERRY_PARAM_…`.
    #[must_use]
    pub fn with_variables(mut self) -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let given = variables.filter(|(name, _)| name.starts_with(PARAM_VARIABLE));
        // What is not Unicode is no value of any type, and is said to be none.
        self.given.variables = given.map(|(name, value)| (name, value.to_string_lossy().into_owned())).collect();
        self
    }

    /// What is given to one project.
    pub(super) fn of(&self, folder: &str, project: &std::sync::Arc<Source>) -> Result<Given, LoadError> {
        let environments = Environments::of(project);
        let wanted = self.given.environment.as_deref();
        if self.must_choose || wanted.is_some() {
            let chosen = environments.choose(wanted);
            let environment = chosen.map_err(|error| LoadError::Environment(folder.to_owned(), error))?;
            return Ok(Given { environment, ..self.given.clone() });
        }
        Ok(self.given.clone())
    }

    /// Refuses what none of the projects knows.
    pub(super) fn check(&self, projects: &[CheckedProject]) -> Result<(), LoadError> {
        // What cannot be read may have declared anything.
        let Some(read) = projects.iter().map(|project| project.checked.project.as_ref()).collect::<Option<Vec<_>>>()
        else {
            return Ok(());
        };
        if self.given.environment.is_some() && read.iter().all(|project| project.environment.is_none()) {
            return Err(LoadError::Given(
                "no project here has environments; leave `--environment` and FERRY_ENVIRONMENT".into(),
            ));
        }
        let known: BTreeSet<&str> = read.iter().flat_map(|project| project.params.names()).collect();
        let known: Vec<&str> = known.into_iter().collect();
        match self.given.params.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let help = suggest::help(name, &known);
                Err(LoadError::Given(format!("no project here has a parameter `{name}`; {help}")))
            }
            None => Ok(()),
        }
    }
}

/// The one environment of all projects that have some.
///
/// # Errors
/// Where they have come to several by their defaults.
pub fn environment_of(projects: &[CheckedProject]) -> Result<Option<String>, String> {
    let chosen = projects.iter().filter_map(|project| project.checked.project.as_ref()?.environment.clone());
    let chosen: BTreeSet<String> = chosen.collect();
    if chosen.len() > 1 {
        let names: Vec<&str> = chosen.iter().map(String::as_str).collect();
        let names = suggest::list(&names);
        return Err(format!("the projects come to different environments ({names}); choose one with `--environment`"));
    }
    Ok(chosen.into_iter().next())
}
