//! `ferry trigger`

use std::{net::SocketAddr, time::Duration};

use anyhow::{anyhow, bail};
use clap::Args;
use ferry_connectors::{manifest::Encoding, webhook::Delivery};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::HttpRequest,
    yaml::read::parse_duration,
};
use ferry_core::plan::{EventSource, Sender};
use jiff::SignedDuration;
use serde_json::Value;

use super::Source;
use crate::{
    cmd::{Exit, Outcome, plan::unreachable, print, reach::ReachArgs},
    sandbox::on_this_machine,
};

/// Sends a webhook as its system would: the recorded one, signed with the connection's own secret.
///
/// It goes to the pipeline of the project that takes it, at `ferry serve` on this machine, or to `--to`. What is answered is
/// printed; each further option makes it go wrong in one way.
///
/// Example: `ferry trigger payoneer.payout_sent --set IntPaymentId=a0P5g00000AbCdEEAV --twice`.
#[derive(Args, Debug)]
pub(in crate::cmd) struct Trigger {
    /// A webhook, as a trigger names it; `ferry explain CONNECTOR` lists them.
    #[arg(value_name = "CONNECTION.WEBHOOK")]
    event: String,
    /// Another value of a field of the recorded body.
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,
    /// Where it is sent; only on this machine.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Where `ferry serve` listens.
    #[arg(long, env = "FERRY_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// What the receiver is called from outside, as its `--public-url` says.
    #[arg(long, env = "FERRY_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Send it again at once, as it is.
    #[arg(long)]
    twice: bool,
    /// Sign with another secret.
    #[arg(long)]
    bad_signature: bool,
    /// Sign as if it were so old, such as `1h`.
    #[arg(long, value_name = "TIME", value_parser = age)]
    age: Option<Duration>,
    #[command(flatten)]
    of: ReachArgs,
}

fn age(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a number and a unit, such as `10m`".to_owned())
}

impl Trigger {
    pub(in crate::cmd) async fn run(self) -> Outcome {
        let source = Source::open(&self.of, &self.event).await?;
        let mut body = source.sample()?;
        for written in &self.set {
            set(&mut body, written)?;
        }
        let to = match &self.to {
            Some(to) => to.clone(),
            None => format!("http://127.0.0.1:{}/hooks/{}", self.listen.port(), path(&source, &self.event)?),
        };
        on_this_machine(&to).map_err(|error| anyhow!(error))?;
        let encoding = source.connection.manifest.webhooks[&source.webhook].encoding;
        let form = || form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs(&body)).finish();
        let (to, kind, sent) = match encoding {
            Encoding::Json => (to, "application/json", body.to_string()),
            Encoding::Form => (to, "application/x-www-form-urlencoded", form()),
            Encoding::Query => (format!("{to}?{}", form()), "text/plain", String::new()),
        };
        let method = source.connection.method_of(&source.webhook);
        let signed_url = match &self.public_url {
            Some(public) => format!("{}{}", public.trim_end_matches('/'), after_host(&to)),
            None => to.clone(),
        };
        let now = source.now().await?;
        let at = now - SignedDuration::try_from(self.age.unwrap_or_default()).unwrap_or_default();
        let delivery = Delivery { method, url: &signed_url, headers: &[], body: sent.as_bytes() };
        let name = format!("trigger_{}", now.as_microsecond());
        let headers = source.connection.sign(&source.webhook, &delivery, (&name, at), self.bad_signature);
        let field = &source.connection.manifest.webhooks[&source.webhook].secret;
        let headers =
            headers.ok_or_else(|| anyhow!("`{field}` of the connection is empty; give it the webhook's secret"))?;
        let headers: Vec<_> = headers.into_iter().chain([("content-type".to_owned(), kind.to_owned())]).collect();
        let mut all_taken = true;
        for _ in 0..if self.twice { 2 } else { 1 } {
            let request = HttpRequest {
                method: method.to_owned(),
                url: to.clone(),
                headers: headers.clone(),
                body: Some(sent.clone().into_bytes().into()),
                save: None,
                timeout: Duration::from_secs(60),
                tls: None,
            };
            let answer = source.reach.world.http.send(request).await.map_err(|error| {
                unreachable(&Failure::new(ErrorClass::Unavailable, format!("nobody takes webhooks at {to}: {error}")))
            })?;
            all_taken &= (200..300).contains(&answer.status);
            print(&format!("{} {}\n", answer.status, String::from_utf8_lossy(&answer.body).trim()));
        }
        Ok(if all_taken { Exit::Success } else { Exit::Findings })
    }
}

/// The path of the pipeline that takes it.
fn path(source: &Source, event: &str) -> Result<String, anyhow::Error> {
    let takes = source.reach.project.checked.plans.iter().find_map(|plan| match &plan.trigger.source {
        EventSource::Webhook(hook) => match &hook.sender {
            Sender::System { connection, webhook, .. } if format!("{connection}.{webhook}") == event => {
                Some(hook.path.clone())
            }
            Sender::System { .. } | Sender::Anybody | Sender::Verified(..) => None,
        },
        _ => None,
    });
    takes.ok_or_else(|| anyhow!("no pipeline of the project takes `{event}`; say where it goes with `--to URL`"))
}

/// Another value of a field that the recorded body has; of the same type.
fn set(body: &mut Value, written: &str) -> Result<(), anyhow::Error> {
    let Some((field, value)) = written.split_once('=') else { bail!("`--set {written}` has no `=`") };
    let known = || {
        ferry_contract::suggest::list(
            &body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        )
    };
    match body.get(field) {
        None => bail!("the recorded body has no field `{field}`; it has {}", known()),
        Some(Value::String(_)) => body[field] = Value::from(value),
        Some(_) => {
            let wrong = |error| anyhow!("`{field}` is no text in the recorded body, and `{value}` is no JSON: {error}");
            body[field] = serde_json::from_str(value).map_err(wrong)?;
        }
    }
    Ok(())
}

fn pairs(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    body.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The path and the query of a URL.
fn after_host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}
