//! What administrators and other users of the org do to a write: validation rules, and locks that are held.

use serde::Deserialize;
use serde_json::Value;

use super::Problem;
use super::records::{self, Record};
use super::schema::Object;
use crate::random::Random;
use crate::wire;

/// The rules in force.
#[derive(Debug)]
pub(super) struct Rules {
    validations: Vec<Validation>,
    locks: Vec<Lock>,
    random: Random,
}

/// A validation rule: what no record may be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Validation {
    object: String,
    field: String,
    /// The field must not be more than this.
    #[serde(default)]
    above: Option<Value>,
    /// The field must not be this; where neither is said, it must not have a value.
    #[serde(default)]
    equals: Option<Value>,
    message: String,
}

/// Writes that meet a lock which somebody else holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    object: String,
    /// Only writes of children of this record.
    #[serde(default)]
    parent: Option<String>,
    /// One in so many.
    #[serde(default = "always")]
    one_in: u32,
    /// At most so many.
    #[serde(default)]
    times: Option<u32>,
    /// Whether a trigger met it, and says so in a message of its own.
    #[serde(default)]
    in_trigger: bool,
}

fn always() -> u32 {
    1
}

impl Rules {
    /// None.
    pub(super) fn new(seed: u64) -> Self {
        Self { validations: Vec::new(), locks: Vec::new(), random: Random::of(seed, "locks") }
    }

    /// Adds a validation rule.
    ///
    /// # Errors
    /// There is no such object or field.
    pub(super) fn validate(&mut self, rule: Validation) -> Result<(), String> {
        let object = Object::named(&rule.object).ok_or_else(|| format!("no object `{}`", rule.object))?;
        object.field(&rule.field).map_err(|problem| problem.message)?;
        self.validations.push(rule);
        Ok(())
    }

    /// Adds a lock.
    ///
    /// # Errors
    /// There is no such object.
    pub(super) fn lock(&mut self, lock: Lock) -> Result<(), String> {
        Object::named(&lock.object).ok_or_else(|| format!("no object `{}`", lock.object))?;
        self.locks.push(lock);
        Ok(())
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.validations.clear();
        self.locks.clear();
    }

    /// Lets a record through that is to be written, or says why not.
    pub(super) fn check(&mut self, object: &Object, record: &Record) -> Result<(), Problem> {
        self.check_locks(object, record)?;
        for rule in self.validations.iter().filter(|rule| rule.object.eq_ignore_ascii_case(object.name)) {
            let Ok(field) = object.field(&rule.field) else { continue };
            if rule.forbids(records::value(record, field.name)) {
                let problem = Problem::bad("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message.clone());
                return Err(problem.on(field.name));
            }
        }
        Ok(())
    }

    fn check_locks(&mut self, object: &Object, record: &Record) -> Result<(), Problem> {
        for lock in &mut self.locks {
            let is_parent = |parent: &String| record.values().any(|value| value.as_str() == Some(parent));
            let is_meant = lock.object.eq_ignore_ascii_case(object.name)
                && lock.parent.as_ref().is_none_or(is_parent)
                && lock.times != Some(0);
            if is_meant && self.random.hits(lock.one_in) {
                lock.times = lock.times.map(|times| times - 1);
                let held = lock.parent.as_deref().or_else(|| records::text(record, "Id")).unwrap_or_default();
                return Err(locked(object, held, lock.in_trigger));
            }
        }
        Ok(())
    }
}

impl Validation {
    fn forbids(&self, value: &Value) -> bool {
        match (&self.above, &self.equals) {
            (Some(above), _) => {
                wire::decimal(value).zip(wire::decimal(above)).is_some_and(|(number, above)| number > above)
            }
            (None, Some(equals)) => value == equals,
            (None, None) => !value.is_null(),
        }
    }
}

fn locked(object: &Object, held: &str, in_trigger: bool) -> Problem {
    let lock = format!("unable to obtain exclusive access to this record or 1 records: {held}");
    if !in_trigger {
        return Problem::bad("UNABLE_TO_LOCK_ROW", lock);
    }
    let name = object.name.trim_end_matches("__c");
    let message = format!(
        "{name}Trigger: execution of AfterUpdate caused by: System.DmlException: Update failed. First exception on row 0 \
         with id {held}; first error: UNABLE_TO_LOCK_ROW, {lock}: []"
    );
    Problem::bad("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
}
