//! `ferry connectors check`

use anyhow::bail;
use clap::Args;
use ferry_connectors::connection::Connection;
use ferry_contract::{
    catalog::Connector,
    failure::{ErrorClass, Failure},
    port::{Clock as _, FreePass},
    suggest,
};
use futures_util::future::join_all;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::cmd::reach::{Reach, ReachArgs};
use crate::{
    clock::SystemClock,
    cmd::{Envelope, Exit, Format, Outcome, StoreArgs, print, print_json},
};

/// Tries connections: logs in, and makes the one read by which their connector shows that it works.
///
/// Nothing is written, and no secret is shown. What a person has allowed (`ferry connect`) is in the store. Of a connection that does not work it says what is wrong, and what to do.
/// Ends with 0 where all work, with 1 where a system refuses, with 2 where a setting is missing, and with 69 where one does
/// not answer.
///
/// Example: `ferry connectors check payoneer --project pipelines/payoneer-salesforce`.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// Connections of ferry.yaml; nothing tries all of them.
    #[arg(value_name = "CONNECTION")]
    connections: Vec<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// The answer of `ferry connectors check --format json`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CheckReport {
    /// The connections, in the order in which they were named.
    pub connections: Vec<Tried>,
}

/// What came of one connection.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tried {
    /// Its name in ferry.yaml.
    pub connection: String,
    /// Its connector.
    pub connector: String,
    /// How far it came.
    pub state: State,
    /// The action by which it was tried.
    pub action: Option<String>,
    /// How long it took.
    pub took_ms: Option<u64>,
    /// Why it does not work.
    pub class: Option<ErrorClass>,
    /// The HTTP status of the answer that says so, where one came.
    pub status: Option<u16>,
    /// What is wrong, or was not tried, in words.
    pub message: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

/// How far a connection came.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It logged in and read.
    Ok,
    /// It logged in, and its connector names nothing to read.
    LoggedIn,
    /// Its connector names nothing to read, and there is nothing to log in to.
    Untried,
    /// It does not work.
    Failed,
}

impl Check {
    pub(super) async fn run(self) -> Outcome {
        let reach = self.reach.open().await?;
        let names: Vec<String> = if self.connections.is_empty() {
            reach.checked()?.connections.keys().cloned().collect()
        } else {
            self.connections.clone()
        };
        if names.is_empty() {
            bail!("ferry.yaml has no connections; add `connections: {{ payoneer: {{ connector: payoneer, … }} }}`");
        }
        let connectors: Vec<&str> = names.iter().map(|name| reach.connector(name)).collect::<Result<_, _>>()?;
        let tried = names.iter().zip(connectors).map(|(name, connector)| tried(&reach, (name, connector), &self.store));
        let connections = join_all(tried).await;
        let exit = exit(&connections);
        match self.format {
            Format::Json => print_json(&Envelope::new(CheckReport { connections }))?,
            Format::Human => print(&lines(&connections)),
        }
        Ok(exit)
    }
}

/// What is not set comes first: nothing was asked of such a system.
fn exit(tried: &[Tried]) -> Exit {
    let mut exit = Exit::Success;
    for (class, status) in tried.iter().filter_map(|tried| Some((tried.class?, tried.status))) {
        exit = match (blame(class, status), exit) {
            (Blame::Setup, _) | (_, Exit::Usage) => Exit::Usage,
            (Blame::Later | Blame::Way, Exit::Success) => Exit::Unreachable,
            (Blame::Later | Blame::Way, before) => before,
            (Blame::Credentials | Blame::Asked | Blame::Manifest, _) => Exit::Findings,
        };
    }
    exit
}

async fn tried(reach: &Reach, (name, connector): (&str, &str), store: &StoreArgs) -> Tried {
    let known = reach.project.library.manifests.get(connector).map(|manifest| &*manifest.connector);
    let action = known.and_then(|known| known.verify.as_ref()).map(|verify| verify.action.clone());
    let tried = Tried {
        connection: name.to_owned(),
        connector: connector.to_owned(),
        state: State::Failed,
        action,
        took_ms: None,
        class: None,
        status: None,
        message: None,
        help: None,
    };
    // The sandbox's clock may run faster than what a person waits for.
    let clock = SystemClock::default();
    let begun = clock.now();
    let opened = match reach.allowed(name, store).await {
        Ok(connection) => connection,
        Err(failure) => return failed(tried, failure, known),
    };
    let came = came_to(&opened, known).await;
    let took_ms = Some(ms_between(begun, clock.now()));
    match came {
        Ok(state) => Tried { state, took_ms, message: untried(state), ..tried },
        Err(failure) => Tried { took_ms, ..failed(tried, failure, known) },
    }
}

async fn came_to(connection: &Connection, known: Option<&Connector>) -> Result<State, Failure> {
    let is_in = connection.log_in(&FreePass).await?;
    let Some(verify) = known.and_then(|known| known.verify.as_ref()) else {
        return Ok(if is_in { State::LoggedIn } else { State::Untried });
    };
    let call = connection.prepare(&verify.action, &Value::Object(verify.with.clone()))?;
    let answer = connection.send(&FreePass, &verify.action, &[&call]).await.pop();
    let answer = answer.unwrap_or_else(|| Err(Failure::new(ErrorClass::Bug, "the call has no answer")));
    answer.map(|_| State::Ok)
}

fn failed(tried: Tried, failure: Failure, known: Option<&Connector>) -> Tried {
    let help = Some(help(&failure, known));
    // The connection is named before it already.
    let message = failure.message.replace(&format!("connection `{}`: ", tried.connection), "").replace("\n  ", "; ");
    Tried { class: Some(failure.class), status: status(&failure), message: Some(message), help, ..tried }
}

fn untried(state: State) -> Option<String> {
    let why = match state {
        State::LoggedIn => "its connector has no `verify`, so nothing was read",
        State::Untried => "its connector has no `verify` and no token to fetch, so nothing can be tried",
        State::Ok | State::Failed => return None,
    };
    Some(why.to_owned())
}

/// Who has to do something about a failure.
enum Blame {
    /// Whoever set it up: nothing was asked.
    Setup,
    /// Whoever gives out credentials.
    Credentials,
    /// Nobody but time: the system answers that it cannot now.
    Later,
    /// The way there: no answer came.
    Way,
    /// Who chose what is asked for; it was refused, or answered with what no rule knows.
    Asked,
    /// Who wrote the manifest.
    Manifest,
}

/// A status that no error rule knows is `unknown`, and an answer all the same.
fn blame(class: ErrorClass, status: Option<u16>) -> Blame {
    match (class, status) {
        (ErrorClass::Config, _) => Blame::Setup,
        (ErrorClass::Auth, _) => Blame::Credentials,
        (ErrorClass::Bug, _) => Blame::Manifest,
        (ErrorClass::Throttled, _) | (ErrorClass::Unavailable | ErrorClass::Unknown, Some(500..)) => Blame::Later,
        (ErrorClass::Unavailable | ErrorClass::Unknown, None) => Blame::Way,
        (ErrorClass::Unavailable | ErrorClass::Unknown, Some(_))
        | (
            ErrorClass::Invalid
            | ErrorClass::Rejected
            | ErrorClass::Declined
            | ErrorClass::NotFound
            | ErrorClass::Conflict
            | ErrorClass::InsufficientFunds,
            _,
        ) => Blame::Asked,
    }
}

fn status(failure: &Failure) -> Option<u16> {
    failure.exchange.as_ref()?.answer.as_ref().map(|answer| answer.status)
}

/// What to do.
fn help(failure: &Failure, known: Option<&Connector>) -> String {
    let open = known.into_iter().flat_map(|known| &known.fields).filter(|(_, field)| !field.secret);
    let open: Vec<&str> = open.map(|(name, _)| name.as_str()).collect();
    match blame(failure.class, status(failure)) {
        Blame::Setup => "mend ferry.yaml or set what it names; `--sandbox URL` tries it with a sandbox".to_owned(),
        Blame::Credentials => match known.map(Connector::said_ways).filter(|ways| !ways.is_empty()) {
            Some(ways) => format!("see whether {ways} are those of this environment, and renew them where they are"),
            None => "see what the system asks of those who call it".to_owned(),
        },
        Blame::Later => "the system answers; try again later".to_owned(),
        Blame::Way => {
            let host = failure.exchange.as_ref().and_then(|exchange| exchange.url.split('/').nth(2));
            let host = host.map_or_else(|| "the system".to_owned(), |host| format!("`{host}`"));
            format!("see whether {host} can be reached from here, and whether `environment` is right")
        }
        Blame::Manifest => "the manifest of the connector is wrong; `ferry lint` checks it".to_owned(),
        Blame::Asked if open.is_empty() => "the system answers; see what this user may read".to_owned(),
        Blame::Asked => {
            format!("the system answers; see whether {} are right, and what this user may read", suggest::list(&open))
        }
    }
}

fn ms_between(begun: Timestamp, ended: Timestamp) -> u64 {
    u64::try_from(ended.duration_since(begun).as_millis()).unwrap_or(0)
}

fn lines(tried: &[Tried]) -> String {
    let widest = tried.iter().map(|tried| tried.connection.chars().count()).max().unwrap_or_default();
    let line = |tried: &Tried| {
        let took = tried.took_ms.map_or_else(String::new, |ms| format!("  in {ms} ms"));
        let action = tried.action.as_deref().unwrap_or_default();
        let message = tried.message.as_deref().unwrap_or_default();
        let said = match (tried.state, tried.class) {
            (State::Ok, _) => format!("ok{took}  ({action})"),
            (State::LoggedIn, _) => format!("logged in{took}  ({message})"),
            (State::Untried, _) => format!("not tried  ({message})"),
            (State::Failed, class) => {
                let class = class.map(ErrorClass::name).unwrap_or_default();
                format!("{class}{took}  {message}; {}", tried.help.as_deref().unwrap_or_default())
            }
        };
        format!("{:widest$}  {said}\n", tried.connection)
    };
    tried.iter().map(line).collect()
}
