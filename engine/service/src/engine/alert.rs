//! What persons are told of: always into the log, and where the channel has a pipeline, by a run of it that begins in the
//! transaction of what happened.

use ferry_core::{
    project::Channel,
    run::{Entry, On},
};
use serde_json::{Value, json};

use super::drive::Drive;
use crate::store::{Arrival, Change};

/// What is told.
struct Told<'a> {
    kind: &'static str,
    step: &'a str,
    text: String,
    class: Option<&'static str>,
}

impl<'a> Told<'a> {
    fn of(entry: &'a Entry) -> Option<Self> {
        let told = |kind, step, text| Some(Told { kind, step, text, class: None });
        match entry {
            Entry::Parked { step, reason } => told("parked", step, reason.clone()),
            Entry::DeadLettered { step, failure } => {
                let class = Some(failure.class.name());
                Some(Told { kind: "dead_letter", step, text: failure.to_string(), class })
            }
            Entry::Waiting { step, on: On::Approval { by, show, .. } } => {
                told("approval", step, format!("{} may approve: {show}", by.join(", ")))
            }
            Entry::Waiting { step, on: On::Trust } => {
                let say = "the store may have forgotten that this was sent: look there, then `ferry store trust`";
                told("parked", step, say.to_owned())
            }
            Entry::Held { step, what } => told("held", step, what.to_string()),
            Entry::Evaluated { step, output } => {
                told("message", step, output.as_str().map_or_else(|| output.to_string(), str::to_owned))
            }
            Entry::Started { .. }
            | Entry::Skipped { .. }
            | Entry::Called { .. }
            | Entry::Answered { .. }
            | Entry::Failed { .. }
            | Entry::LookedUp { .. }
            | Entry::Released { .. }
            | Entry::Waiting { .. }
            | Entry::Arrived { .. }
            | Entry::Resumed { .. }
            | Entry::Cancelled { .. }
            | Entry::Finished { .. }
            | Entry::Spread { .. }
            | Entry::Referenced { .. }
            | Entry::Linked { .. }
            | Entry::Emitted { .. }
            | Entry::Doubted { .. }
            | Entry::Approved { .. }
            | Entry::Decided { .. } => None,
        }
    }
}

impl Drive<'_> {
    /// Tells persons of an entry, in this channel or the pipeline's own; what must be durable with the entry for that.
    pub(super) fn tell(&self, entry: &Entry, channel: Option<&str>) -> Option<Change> {
        let Told { kind, step, text, class } = Told::of(entry)?;
        let own = self.driven.with(|run| run.plan().alert.clone());
        let channel = channel.or(own.as_deref()).unwrap_or_default();
        let words = kind.replace('_', " ");
        match kind {
            "parked" | "dead_letter" => tracing::error!(run = %self.driven.id, step, text, channel, "{words}"),
            _ => tracing::warn!(run = %self.driven.id, step, text, channel, "{words}"),
        }
        let Some(Channel::Pipeline(name)) = self.project.alerts.get(channel) else { return None };
        let plan = self.project.plan(&name.value)?;
        let at = self.engine.now();
        let mut event = self.driven.with(|run| {
            json!({
                "kind": kind,
                "channel": channel,
                "run": self.driven.id.to_string(),
                "pipeline": run.plan().pipeline,
                "key": run.event_key(),
                "step": step,
                "text": text,
                "at": at.to_string(),
            })
        });
        if let (Value::Object(fields), Some(class)) = (&mut event, class) {
            fields.insert("class".to_owned(), Value::from(class));
        }
        let key = format!("{}/{step}/{kind}/{}", self.driven.id, at.as_millisecond());
        // One that has gone round too often is kept for a person, and tells nobody.
        let parent = self.parent(step, false);
        let refused = parent.as_ref().err().cloned();
        let arrival = self.engine.arrival(&plan, &event, None);
        Some(Change::Receive(Arrival { event_key: key, refused, parent: parent.ok(), ..arrival }))
    }
}
