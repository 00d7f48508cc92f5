//! The connections of one project, to be opened one by one.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use ferry_connectors::connection::{Connection, World};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::{Clock, Http},
    suggest,
};
use ferry_core::project::Project;

use crate::{
    clock::SystemClock,
    cmd::{StoreArgs, given::GivenArgs, plan::unreachable},
    consents::StoreConsents,
    http::HttpClient,
    load::{self, CheckedProject},
    sandbox::{self, SandboxInfo},
    store,
};

/// A project, and where its connections lead.
#[derive(Args, Debug)]
pub(super) struct ReachArgs {
    /// The project.
    #[arg(long, default_value = ".", value_name = "DIR")]
    project: PathBuf,
    /// Use a sandbox instead of the real system, with its credentials.
    #[arg(long, env = "FERRY_SANDBOX", value_name = "URL")]
    sandbox: Option<String>,
    #[command(flatten)]
    given: GivenArgs,
}

/// A project whose connections can be opened.
pub(super) struct Reach {
    pub(super) project: CheckedProject,
    pub(super) world: World,
    pub(super) sandbox: Option<SandboxInfo>,
}

impl ReachArgs {
    pub(super) async fn open(&self) -> Result<Reach, anyhow::Error> {
        let wanted = if self.sandbox.is_some() { self.given.to_look() } else { self.given.to_send() };
        let mut projects = load::projects(std::slice::from_ref(&self.project), &load::pipeline_rules(), &wanted)?;
        let (Some(project), []) = (projects.pop(), projects.as_slice()) else {
            bail!("{} has several projects; name one of them with `--project`", self.project.display());
        };
        let http: Arc<dyn Http> = Arc::new(HttpClient::new().context("TLS cannot be set up")?);
        let clock = Arc::new(SystemClock::default());
        let sandbox = match &self.sandbox {
            Some(url) => Some(followed(url, &*http, &clock).await?),
            None => None,
        };
        Ok(Reach { project, world: World { http, clock: clock as Arc<dyn Clock> }, sandbox })
    }
}

/// A sandbox, and its time, by which it judges what a client has signed.
async fn followed(url: &str, http: &dyn Http, clock: &SystemClock) -> Result<SandboxInfo, anyhow::Error> {
    sandbox::on_this_machine(url).map_err(|error| anyhow!(error))?;
    let no_answer = |error: String| unreachable(&Failure::new(ErrorClass::Unavailable, error));
    let sandbox = SandboxInfo::ask(url, http).await.map_err(no_answer)?;
    let (now, speed) = sandbox.clock(http).await.map_err(no_answer)?;
    clock.follow(now, speed);
    Ok(sandbox)
}

impl Reach {
    /// The project's file, where it can be read.
    pub(super) fn checked(&self) -> Result<&Project, anyhow::Error> {
        let checked = self.project.checked.project.as_deref();
        checked.context("ferry.yaml has errors; `ferry lint` says which")
    }

    /// The connector of a connection.
    pub(super) fn connector(&self, connection: &str) -> Result<&str, anyhow::Error> {
        let checked = self.checked()?;
        let Some(text) = checked.connections.get(connection) else {
            let known: Vec<&str> = checked.connections.keys().map(String::as_str).collect();
            bail!("there is no connection `{connection}`; {}", suggest::help(connection, &known));
        };
        Ok(&text.connector.value)
    }

    /// Opens one that refuses to write.
    pub(super) fn connection(&self, name: &str) -> Result<Connection, Failure> {
        load::open_one(&self.project, name, &self.world, self.sandbox.as_ref()).map(Connection::reading_only)
    }

    /// The same, with what a person has allowed it, where it needs that and a store is there to have it.
    pub(super) async fn allowed(&self, name: &str, store: &StoreArgs) -> Result<Connection, Failure> {
        let connection = self.connection(name)?;
        if connection.asks_for_consent()
            && let Ok(opened) = store::open(&store.store).await
        {
            connection.keep_consents_in(StoreConsents::new(&opened));
        }
        Ok(connection)
    }
}
