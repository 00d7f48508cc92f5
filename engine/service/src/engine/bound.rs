//! What may be journaled: nothing so large that it stands in the way of others, and nothing so deep that the journal
//! could not be read again.

use ferry_contract::{
    depth,
    failure::{ErrorClass, Failure},
};
use ferry_core::limits::VALUE_MAX_BYTES;
use serde_json::Value;

/// What a step gives.
pub(super) fn value(value: Value) -> Result<Value, Failure> {
    excess(&value)
        .map_or(Ok(()), |excess| Err(invalid(format!("the value has {excess}; take what is needed of it"))))?;
    Ok(value)
}

/// What a read answers: it can be asked for less.
pub(super) fn read(output: Value) -> Result<Value, Failure> {
    excess(&output).map_or(Ok(()), |excess| Err(invalid(format!("the answer has {excess}; ask for less"))))?;
    Ok(output)
}

/// What a write answers. One that cannot be kept says no more than one that cannot be read: it may have been done.
pub(super) fn written(output: Value) -> Result<Value, Failure> {
    let message = |error| format!("the answer is a success that cannot be kept: it has {error}");
    depth::check(&output).map_err(|error| Failure::new(ErrorClass::Unknown, message(error)))?;
    Ok(output)
}

/// Why an event cannot be run, with what its sender can do.
pub(super) fn refusal(event: &Value) -> Option<Failure> {
    let help = "; its sender can send what is inside as text";
    let help = if depth::check(event).is_err() { help } else { "" };
    excess(event).map(|excess| invalid(format!("the event has {excess}{help}")))
}

/// An event as it is kept where it cannot be run: as text, where it could not be read again as it is.
pub(super) fn kept(event: &Value) -> Value {
    if depth::check(event).is_ok() { event.clone() } else { Value::from(event.to_string()) }
}

fn excess(value: &Value) -> Option<String> {
    if let Err(error) = depth::check(value) {
        return Some(error.to_string());
    }
    let bytes = value.to_string().len();
    (bytes > VALUE_MAX_BYTES).then(|| format!("{bytes} bytes, and {VALUE_MAX_BYTES} are the most"))
}

fn invalid(message: String) -> Failure {
    Failure::new(ErrorClass::Invalid, message)
}
