//! What is known of the events that begin runs.

use ferry_contract::{
    schema::{Kind, Schema},
    shape::Shape,
};

use super::{Types, selected::Asks};
use crate::plan::{Drop, Ended, EventSource, Rows, Sender, Trigger, Webhook};

impl<'a> Types<'a> {
    pub(super) fn event(&mut self, trigger: &'a Trigger) -> Shape {
        match &trigger.source {
            EventSource::Poll(poll) => {
                let Some(action) = self.action(&poll.connection, &poll.action) else { return Shape::default() };
                let item = action.item.clone().unwrap_or_default();
                let asks = Asks::of(action, &poll.with, self.described((&poll.connection, action), &poll.with));
                asks.names(self.report);
                asks.selected(item)
            }
            EventSource::Schedule(_) => Shape::record(vec![
                ("scheduled_at", Shape::of_kind(Kind::String)),
                ("day", Shape::of_kind(Kind::String)),
                ("time", Shape::of_kind(Kind::String)),
                ("zone", Shape::of_kind(Kind::String)),
            ]),
            EventSource::Pipeline { name, on } => self.followed(name, *on),
            EventSource::File(Drop { rows: Rows::Csv, .. }) => Shape::of_texts(),
            EventSource::Reconciled(reconciled) => super::reconcile::item(reconciled.of),
            EventSource::Webhook(Webhook { sender: Sender::System { connection, webhook, .. }, .. }) => {
                let connector = self.around.project.connections.get(connection).map(|known| &known.connector.value);
                let known = connector.and_then(|connector| self.around.catalog.webhook(connector, webhook));
                known.map(|known| known.output.clone().into()).unwrap_or_default()
            }
            EventSource::Manual | EventSource::Webhook(_) | EventSource::Event(_) | EventSource::File(_) => {
                Shape::default()
            }
        }
    }

    /// The end of another pipeline's run.
    fn followed(&self, name: &str, on: Ended) -> Shape {
        let text = || Shape::of_kind(Kind::String);
        let known = self.around.gives(name);
        let event = known.map(|known| known.event.clone()).unwrap_or_default();
        let output = known.map_or_else(|| Some(Shape::default()), |known| known.output.clone());
        let (output, failure) = match on {
            Ended::Finished => {
                (output.unwrap_or_else(|| without_output(name)), Shape::default().unless("the run has finished"))
            }
            Ended::DeadLettered => (
                Shape::default().unless("a dead letter has none"),
                failure(text().unless("not every target has codes")),
            ),
        };
        let texts = ["run", "pipeline", "key", "end", "ended_at"].map(|name| (name, text()));
        let others = [("event", event), ("output", output), ("failure", failure)];
        Shape::record(texts.into_iter().chain(others).collect())
    }
}

/// What is known of an event that has been held against the inputs.
pub(super) fn declared(event: Shape, inputs: &Schema) -> Shape {
    if event.schema.properties.is_empty() {
        return if inputs.properties.is_empty() { event } else { inputs.clone().into() };
    }
    let mut schema = event.schema;
    for (name, input) in &inputs.properties {
        match schema.properties.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) if known.kind.is_none() && known.properties.is_empty() => known.clone_from(input),
            Some(_) => {}
            None => schema.properties.push((name.clone(), input.clone())),
        }
    }
    if schema.says_what_is_there() {
        schema.required.extend(inputs.required.iter().cloned());
    }
    Shape { schema, ..event }
}

/// What a run that gives nothing back is to those that read it.
pub(super) fn without_output(name: &str) -> Shape {
    Shape::default().unless(format!("the pipeline `{name}` has no `output`"))
}

/// Why a step failed, with what is known of its code.
pub(super) fn failure(code: Shape) -> Shape {
    let text = || Shape::of_kind(Kind::String);
    Shape::record(vec![("class", text()), ("message", text()), ("code", code)])
}
