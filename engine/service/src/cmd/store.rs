//! `ferry store`

use clap::{Args, Subcommand};
use ferry_contract::port::Clock as _;

use super::{Exit, Outcome, StoreArgs, complain, print, start::world_name, tell};
use crate::{
    clock::SystemClock,
    render,
    store::{self, Change, Store, Trust},
};

/// Shows what a store holds and who works on it, or says that it remembers all.
#[derive(Args, Debug)]
pub(super) struct StoreCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows whether the store is trusted, its runs by state, and the engines that share it.
    Show {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Says which environment of ferry.yaml a store is of that was used before there were any.
    ///
    /// What was sent then counts as sent in this environment, so its connections must lead where they led before. A
    /// store that belongs to an environment is never assigned to another one.
    Assign {
        /// The environment.
        #[arg(value_name = "ENVIRONMENT")]
        environment: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Says that the store knows of every payment that its service has sent.
    ///
    /// A store that was made new or restored is not believed: payments are looked up before they are sent, and
    /// those that cannot be looked up wait. Check at the targets what was sent after the backup was made.
    Trust {
        /// Why, for the journal of the store.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who, for the journal of the store.
        #[arg(long, env = "USER", default_value = "unknown", value_name = "NAME")]
        by: String,
        #[command(flatten)]
        store: StoreArgs,
    },
}

impl StoreCommand {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            Command::Show { store } => show(&*store::open(&store.store).await?).await,
            Command::Assign { environment, store } => assign(&*store::open(&store.store).await?, &environment).await,
            Command::Trust { reason, by, store } => {
                let at = SystemClock::default().now();
                let judge = Change::Judge { is_trusted: true, by, reason, at };
                store::open(&store.store).await?.commit(vec![judge]).await?;
                tell("the store is trusted; engines that run take that up within seconds");
                Ok(Exit::Success)
            }
        }
    }
}

async fn assign(store: &dyn Store, environment: &str) -> Outcome {
    let world = world_name(false, Some(environment));
    if store.rename_world(&world_name(false, None), &world).await? {
        tell(&format!("the store is that of the {world} from now on"));
        return Ok(Exit::Success);
    }
    match store.world().await? {
        Some(known) if known == world => tell(&format!("the store is that of the {world} already")),
        Some(known) => {
            complain(&format!("the store was used with the {known}, and what was sent there was not sent elsewhere"));
            return Ok(Exit::Findings);
        }
        None => tell("the store was not used yet; whoever uses it first says what it is of"),
    }
    Ok(Exit::Success)
}

async fn show(store: &dyn Store) -> Outcome {
    let trust = match store.trust().await? {
        Trust::New => "new: not trusted yet".to_owned(),
        Trust::Trusted => "trusted".to_owned(),
        Trust::Doubted { since, why } => format!("not trusted since {since}: {why}"),
    };
    print(&format!("{trust}\n"));
    if let Some(world) = store.world().await? {
        print(&format!("used with the {world}\n"));
    }
    let counts = store.counts().await?;
    let counts = counts.into_iter().map(|(state, count)| vec![state, count.to_string()]).collect();
    print(&render::table(&["STATE", "RUNS"], counts));
    let dead_events = store.dead_events_count().await?;
    if dead_events > 0 {
        print(&format!("{dead_events} events that nobody claimed\n"));
    }
    let members = store.members().await?.into_iter();
    let member = |member: store::Member| {
        let left = if member.left_ms < 0 { "ended".to_owned() } else { format!("{} ms", member.left_ms) };
        vec![member.engine.to_string(), member.runs.to_string(), left]
    };
    print(&render::table(&["ENGINE", "RUNS", "LEASE"], members.map(member).collect()));
    Ok(Exit::Success)
}
