//! What each event of a pipeline has: the schema that a caller, a person and the trigger hold it against.

use ferry_contract::{
    report::Report,
    schema::{Kind, Schema},
};

use crate::{
    language,
    plan::{Drop, EventSource, Rows, Trigger},
};

/// The schema that `inputs` give an event.
pub(in crate::plan) fn schema(inputs: &[language::Input]) -> Schema {
    let property = |input: &language::Input| {
        let (kind, values, length_max) = (Some(input.kind), input.one_of.clone(), input.length_max);
        (input.name.value.clone(), Schema { kind, values, length_max, open: true, ..Schema::default() })
    };
    let required = inputs.iter().filter(|input| !input.optional).map(|input| input.name.value.clone());
    Schema {
        properties: inputs.iter().map(property).collect(),
        required: required.collect(),
        kind: (!inputs.is_empty()).then_some(Kind::Object),
        open: inputs.is_empty(),
        is_sparse: !inputs.is_empty(),
        ..Schema::default()
    }
}

/// The same for events that a trigger finds: what others send may have more than is read of it.
pub(super) fn as_they_come(inputs: Schema, trigger: &Trigger) -> Schema {
    let is_found = !matches!(trigger.source, EventSource::Manual);
    Schema { open: inputs.open || is_found, ..inputs }
}

/// Reports inputs that no row of a file has.
pub(super) fn report(trigger: &Trigger, inputs: &[language::Input], report: &mut Report) {
    let EventSource::File(Drop { rows: Rows::Csv, .. }) = trigger.source else { return };
    for input in inputs.iter().filter(|input| input.kind != Kind::String) {
        let (name, kind) = (&input.name.value, input.kind.name());
        let message = format!("cells of CSV are texts, so no row has a {kind} in `{name}`");
        let help =
            format!("write `{name}: string`, and convert it where it is read: `{{ from: $.event.{name}, as: … }}`");
        report.error("wrong-input", input.name.at, message, help);
    }
}
