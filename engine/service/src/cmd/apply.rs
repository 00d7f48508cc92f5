//! `ferry apply`

use std::path::PathBuf;

use clap::Args;

use super::{
    Exit, Outcome, StoreArgs, complain,
    plan::{self, PlanDocument, unreachable},
    run::{chosen, driven},
    start::{self, WorldArgs},
    tell,
};

/// Begins the runs of a saved plan, and no others.
///
/// Plans again first: where an event, the pipeline, a connection or a request is not as in the plan, says what differs,
/// sends nothing, and ends with 1. Then the events of the plan run as `ferry run` would run them, and it ends like
/// that: what is behind `then` follows, and runs that were begun before go on. Events that came since are not taken. A
/// plan that was applied is not applied again: its runs are there.
#[derive(Args, Debug)]
pub(super) struct Apply {
    /// What `ferry plan --out` saved.
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    world: WorldArgs,
}

impl Apply {
    pub(super) async fn run(self) -> Outcome {
        let planned = self.planned()?;
        let given = self.world.given.clone().or(&planned.asked.params, planned.environment.as_ref());
        let mut world = self.world.clone();
        world.given = given;
        if planned.own_digest() != planned.digest {
            complain(&format!("{} was changed after it was made; nothing was sent", self.plan.display()));
            return Ok(Exit::Findings);
        }
        let keys: Vec<String> = planned.events.iter().map(|event| event.key.clone()).collect();
        let (now, events) = plan::made(&planned.pipeline, &planned.asked, Some(&keys), (&self.store, &world)).await?;
        let differences = planned.differences(&now);
        if !differences.is_empty() {
            return Ok(refused(&differences));
        }
        let started = start::engine(&planned.asked.projects, &self.store, &world).await?;
        let (_, plan) = chosen(&started.projects, &planned.pipeline)?;
        if plan.version.as_str() != planned.version {
            return Ok(refused(&["the pipeline was changed just now".to_owned()]));
        }
        for event in &events {
            started.engine.receive_event(&plan, event).await.map_err(|failure| unreachable(&failure))?;
        }
        tell(&format!("{}: {} events of the plan", plan.pipeline, events.len()));
        driven(&started, &plan.pipeline).await
    }

    fn planned(&self) -> Result<PlanDocument, anyhow::Error> {
        let plan = self.plan.display();
        let make = || format!("make it with `ferry plan PIPELINE --out {plan}`");
        let text = std::fs::read_to_string(&self.plan);
        let text = text.map_err(|error| anyhow::anyhow!("{plan} cannot be read: {error}; {}", make()))?;
        let known = serde_json::from_str(&text);
        known.map_err(|error| anyhow::anyhow!("{plan} is no plan of `ferry plan` ({error}); {}", make()))
    }
}

fn refused(differences: &[String]) -> Exit {
    complain("it is not as it was planned, so nothing was sent; `ferry plan --out` makes a plan of what is now");
    differences.iter().for_each(|difference| tell(&format!("  {difference}")));
    Exit::Findings
}
