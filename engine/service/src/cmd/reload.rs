//! `ferry reload`

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use ferry_contract::port::{Http as _, HttpRequest};
use serde_json::Value;

use super::{Exit, Outcome, complain, print, start::Unreachable};
use crate::http::HttpClient;

/// How long a service may take to read its folders.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes a running service read its folders again.
///
/// Everything is checked first. An error in any file refuses the whole, says what to mend, and leaves
/// what runs as it was; runs that have begun finish on the version that they began with.
#[derive(Args, Debug)]
pub(super) struct Reload {
    /// Where the service's admin listener is.
    #[arg(long, env = "FERRY_ADMIN", default_value = "127.0.0.1:9090", value_name = "ADDR")]
    admin: String,
}

impl Reload {
    pub(super) async fn run(self) -> Outcome {
        let http = HttpClient::new()?;
        let url = format!("http://{}/api/v1/reload", self.admin);
        let (method, headers, body) = ("POST".to_owned(), Vec::new(), None);
        let request = HttpRequest { method, url, headers, body, save: None, timeout: PATIENCE, tls: None };
        let answer = http.send(request).await.map_err(|error| {
            Unreachable(format!("no service answers at {}: {error}; `--admin` names another place", self.admin))
        })?;
        let answer: Value = serde_json::from_slice(&answer.body).context("what answers there is no ferry")?;
        if let Some(errors) = answer["errors"].as_array() {
            let errors: Vec<&str> = errors.iter().filter_map(Value::as_str).collect();
            complain(&format!("the reload is refused; what was loaded goes on\n{}", errors.join("\n")));
            return Ok(Exit::Findings);
        }
        let count = |name: &str| answer[name].as_array().map_or(0, Vec::len);
        let names = |name: &str| {
            let names: Vec<&str> = answer[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
        };
        let said = ["added", "changed", "removed"].map(|name| format!("{} {name}{}", count(name), names(name)));
        let hooks = answer["webhooks"].as_str().map(|url| format!("; webhooks {url}")).unwrap_or_default();
        print(&format!("reloaded: {}{hooks}\n", said.join(", ")));
        Ok(Exit::Success)
    }
}
