//! What a look-up found, against what was to be sent.

use ferry_contract::{
    catalog::Lookup,
    failure::{ErrorClass, Failure},
    number,
    path::Document,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Guard, Guards};

/// What a look-up showed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The write arrived, as it was to be.
    Agrees,
    /// Something with its name is there, and it is not the same.
    Differs(String),
    /// It arrived, and the target says that it is cancelled or refused for good.
    Void(String),
    /// It did not arrive: proven.
    Absent,
    /// It was not seen, which proves nothing.
    NotSeen,
    /// The look-up itself failed.
    Failed(Failure),
}

/// The input of a generation of a write: from the second on, the field that names it at the target
/// says which one it is.
///
/// # Errors
/// A name that is no text.
pub fn generated(look_up: &Lookup, input: &Value, generation: u32) -> Result<Value, Failure> {
    let Some(void) = look_up.void.as_ref().filter(|_| generation > 0) else { return Ok(input.clone()) };
    let mut input = input.clone();
    let name = input.get_mut(&void.reference);
    let Some(Value::String(name)) = name else {
        let message = format!("`{}` must be a text to name another generation of the call", void.reference);
        return Err(Failure::new(ErrorClass::Bug, message));
    };
    name.push_str(&format!("-{}", generation + 1));
    Ok(input)
}

/// The look-up's input, from the write's input.
///
/// # Errors
/// A path of the manifest that the input does not have.
pub fn look_up_input(look_up: &Lookup, input: &Value) -> Result<Value, Failure> {
    let mut with = Map::new();
    for (name, path) in &look_up.with {
        let value =
            path.one(Document::Value(input)).map_err(|error| Failure::new(ErrorClass::Bug, error.to_string()))?;
        with.insert(name.clone(), value.clone());
    }
    Ok(Value::Object(with))
}

/// Compares the answer of a look-up with the input of the write.
pub fn compare(guards: Guards, look_up: &Lookup, input: &Value, answer: Result<Value, Failure>) -> Found {
    match answer {
        Ok(output) if void(look_up, &output).is_some() => Found::Void(void(look_up, &output).unwrap_or_default()),
        Ok(output) => match difference(look_up, input, &output).filter(|_| guards.has(Guard::Agreement)) {
            Some(difference) => Found::Differs(difference),
            None => Found::Agrees,
        },
        Err(failure) if failure.class == look_up.absent => {
            if look_up.proves_absence {
                Found::Absent
            } else {
                Found::NotSeen
            }
        }
        Err(failure) => Found::Failed(failure),
    }
}

/// What the target says of a write that it has cancelled.
fn void(look_up: &Lookup, output: &Value) -> Option<String> {
    let void = look_up.void.as_ref()?;
    let status = output.get(&void.field)?;
    void.values.iter().any(|value| number::equal(value, status)).then(|| format!("`{}` is {status} there", void.field))
}

fn difference(look_up: &Lookup, input: &Value, output: &Value) -> Option<String> {
    look_up.found.iter().find_map(|(field, path)| {
        let wanted = path.one(Document::Value(input)).unwrap_or(&Value::Null);
        let found = output.get(field).unwrap_or(&Value::Null);
        // What is missing on both sides agrees on nothing.
        let agrees = !found.is_null() && number::equal(wanted, found);
        (!agrees).then(|| format!("`{field}` is {found} there, and was to be {wanted}"))
    })
}
