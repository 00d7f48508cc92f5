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

use super::reach::{Reach, ReachArgs};
use crate::{
    clock::SystemClock,
    cmd::{Envelope, Exit, Format, Outcome, print, print_json},
};

/// Tries connections: logs in, and makes the one read by which their connector shows that it works.
///
/// Nothing is written, and no secret is shown. Of a connection that does not work it says what is wrong, and what to do.
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
        let tried = names.iter().zip(connectors).map(|(name, connector)| tried(&reach, name, connector));
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
    let classes: Vec<ErrorClass> = tried.iter().filter_map(|tried| tried.class).collect();
    let is_silent =
        |class: &ErrorClass| matches!(class, ErrorClass::Unavailable | ErrorClass::Unknown | ErrorClass::Throttled);
    match classes.as_slice() {
        [] => Exit::Success,
        classes if classes.contains(&ErrorClass::Config) => Exit::Usage,
        classes if classes.iter().all(is_silent) => Exit::Unreachable,
        _ => Exit::Findings,
    }
}

async fn tried(reach: &Reach, name: &str, connector: &str) -> Tried {
    let known = reach.project.library.manifests.get(connector).map(|manifest| &*manifest.connector);
    let action = known.and_then(|known| known.verify.as_ref()).map(|verify| verify.action.clone());
    let tried = Tried {
        connection: name.to_owned(),
        connector: connector.to_owned(),
        state: State::Failed,
        action: action.clone(),
        took_ms: None,
        class: None,
        message: None,
        help: None,
    };
    // The sandbox's clock may run faster than what a person waits for.
    let clock = SystemClock::default();
    let begun = clock.now();
    let opened = match reach.connection(name) {
        Ok(connection) => connection,
        Err(failure) => return Tried { help: Some(help(&failure, known, &[])), ..failed(tried, failure) },
    };
    let came = came_to(&opened, known).await;
    let took_ms = Some(ms_between(begun, clock.now()));
    match came {
        Ok(state) => Tried { state, took_ms, message: untried(state), ..tried },
        Err(failure) => {
            let hosts = action.map(|action| opened.hosts_of(&action)).unwrap_or_default();
            let hosts: Vec<String> = hosts.into_iter().filter_map(|names| names.into_iter().next()).collect();
            Tried { took_ms, help: Some(help(&failure, known, &hosts)), ..failed(tried, failure) }
        }
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

fn failed(tried: Tried, failure: Failure) -> Tried {
    // The connection is named before it already.
    let message = failure.message.replace(&format!("connection `{}`: ", tried.connection), "").replace("\n  ", "; ");
    Tried { class: Some(failure.class), message: Some(message), ..tried }
}

fn untried(state: State) -> Option<String> {
    let why = match state {
        State::LoggedIn => "its connector has no `verify`, so nothing was read",
        State::Untried => "its connector has no `verify` and no token to fetch, so nothing can be tried",
        State::Ok | State::Failed => return None,
    };
    Some(why.to_owned())
}

/// What to do, by the class of the failure.
fn help(failure: &Failure, known: Option<&Connector>, hosts: &[String]) -> String {
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let open = known.into_iter().flat_map(|known| &known.fields).filter(|(_, field)| !field.secret);
    let open: Vec<&str> = open.map(|(name, _)| name.as_str()).collect();
    match failure.class {
        ErrorClass::Config => {
            "mend ferry.yaml or set what it names; `--sandbox URL` tries it with a sandbox".to_owned()
        }
        ErrorClass::Auth => match known.map(Connector::said_ways).filter(|ways| !ways.is_empty()) {
            Some(ways) => format!("see whether {ways} are those of this environment, and renew them where they are"),
            None => "see what the system asks of those who call it".to_owned(),
        },
        ErrorClass::Throttled => "the login works; try again later".to_owned(),
        ErrorClass::Unavailable | ErrorClass::Unknown if hosts.is_empty() => {
            "see whether the system can be reached from here, and whether `environment` is right".to_owned()
        }
        ErrorClass::Unavailable | ErrorClass::Unknown => {
            format!(
                "see whether {} can be reached from here, and whether `environment` is right",
                suggest::list(&hosts)
            )
        }
        ErrorClass::Bug => "the manifest of the connector is wrong; `ferry lint` checks it".to_owned(),
        ErrorClass::Invalid
        | ErrorClass::Rejected
        | ErrorClass::Declined
        | ErrorClass::NotFound
        | ErrorClass::Conflict
        | ErrorClass::InsufficientFunds => {
            format!("the login works; see whether {} are right, and what this user may read", suggest::list(&open))
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
