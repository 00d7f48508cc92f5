//! Plans of versions: those that are loaded, and earlier ones, which are made again from their files.
//!
//! An earlier one is made with the connectors of its own project, and counts on no more than what the connections
//! that are open promise: whatever was reloaded in between, plan and connections are of one load.

use std::sync::Arc;

use ferry_contract::{catalog::Effect, key::Digest};
use ferry_core::plan::Call;

use super::{Engine, LoadedProject, loaded::Versioned, locked};
use crate::{
    load,
    store::{Store, StoreError},
};

impl Engine {
    /// A version's plan, and the project whose connections it goes through, by the files that a store has of it.
    ///
    /// # Errors
    /// The store's, or why its runs have to wait.
    pub(super) async fn version(&self, known: &dyn Store, version: &Digest) -> Result<Versioned, StoreError> {
        let loaded = self.loaded();
        if let Some(made) = locked(&loaded.plans).get(version).cloned() {
            return Ok(made);
        }
        let short = version.short();
        let files = known.version(version).await?;
        let missing = || StoreError::Failed(format!("the files of version {short} are not in the store"));
        let files = files.ok_or_else(missing)?;
        let waits = |why: String| {
            let name = &files.project;
            StoreError::Failed(format!("version {short} of project `{name}` cannot run here, so its runs wait: {why}"))
        };
        let project = loaded.project(&files.project).ok_or_else(|| waits("the project is not loaded".to_owned()))?;
        let effect_now = |call: &Call| project.effect_now(call);
        let plan = load::recompile((version, &files), (&project.library, &effect_now), &self.rules).map_err(waits)?;
        let made = (Arc::clone(project), plan);
        locked(&loaded.plans).insert(version.clone(), made.clone());
        Ok(made)
    }
}

impl LoadedProject {
    /// What a call leads to, by the connections that are open.
    fn effect_now(&self, call: &Call) -> Option<Effect> {
        let manifest = &self.connections.get(&call.connection)?.manifest;
        manifest.connector.actions.get(&call.action).map(|action| action.effect.clone())
    }
}
