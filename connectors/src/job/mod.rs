//! Work that a target does by itself: asked for, watched, and fetched, by several actions called one after the other.
//!
//! To the engine it is one call. Up to the step that takes effect, whatever fails has done nothing; from there on, nobody
//! knows, unless the target says it. A table that goes in parts is one job after the other, and once one of them has taken
//! effect, what fails after it leaves the whole unknown.

mod rows;

use std::time::Duration;

use ferry_contract::{
    expression::{Expression, Scope},
    failure::{ErrorClass, Failure},
    path::Document,
    port::Pass,
    script::{Named, Script},
};
use serde_json::{Map, Value, json};

use crate::{
    connection::Connection,
    limits::{JOB_LOOK_DEFAULT, JOB_TRIES_MAX},
    manifest::{Call, Job, Stage, Until},
    request::Prepared,
    transfer::blocking,
};

/// One job while it goes on.
struct Course<'a> {
    call: &'a Call,
    prepared: &'a Prepared,
    /// Clock's time at which it must be done.
    end: jiff::Timestamp,
    /// Whether the target acts by now, or has acted for an earlier part.
    has_effect: bool,
}

impl Connection {
    /// Makes the calls of a job.
    pub(crate) async fn send_job(
        &self,
        pass: &dyn Pass,
        (call, job): (&Call, &Job),
        prepared: &Prepared,
    ) -> Result<Value, Failure> {
        let now = self.world.clock.now();
        let end = now.checked_add(call.timeout).unwrap_or(jiff::Timestamp::MAX);
        let mut course = Course { call, prepared, end, has_effect: false };
        let mut document = json!({ "input": prepared.input, "connection": self.open });
        match &job.parts {
            None => self.part(pass, job, (&mut course, &mut document)).await?,
            Some(rule) => {
                let named = rule.file.one(Document::Value(&prepared.input)).ok().and_then(Value::as_str);
                let file = named.unwrap_or_default().to_owned();
                let (files, max_bytes) = (self.files()?, rule.max_bytes);
                let mut done = Vec::new();
                for part in blocking(move || files.parts(&file, max_bytes)).await? {
                    let (number, count) = (part.number, part.count);
                    let mut own = document.clone();
                    own["part"] = serde_json::to_value(part).unwrap_or_default();
                    let ended = self.part(pass, job, (&mut course, &mut own)).await;
                    ended.map_err(|failure| of_part(failure, number, count))?;
                    let Value::Object(mut own) = own else { continue };
                    own.retain(|name, _| !["input", "connection"].contains(&name.as_str()));
                    done.push(Value::Object(own));
                }
                document["parts"] = Value::Array(done);
            }
        }
        let names = names(&document);
        let scope = Scope { rules: &self.rules, document: Document::Value(&document), names: &Named(&names) };
        call.result.eval(scope).map_err(|error| Failure::new(ErrorClass::Unknown, error.to_string()))
    }

    /// The steps of a job, or of one of its parts; what each gives is in the document then.
    async fn part(
        &self,
        pass: &dyn Pass,
        job: &Job,
        (course, document): (&mut Course<'_>, &mut Value),
    ) -> Result<(), Failure> {
        let earlier = course.has_effect;
        for stage in &job.steps {
            let before = course.has_effect;
            let output = match self.is_called(stage, document) {
                Ok(true) => self.stage(pass, stage, (course, document)).await,
                Ok(false) => Ok(Value::Null),
                Err(failure) => Err(failure),
            };
            document[stage.id.as_str()] = output.map_err(|failure| course.judged(stage, before, failure))?;
            match self.broken(stage, (course, document)) {
                Ok(None) => {}
                // What an earlier part has done is not undone by what the target says of this one.
                Ok(Some(failure)) if earlier => return Err(unknown(failure)),
                Ok(Some(failure)) => return Err(failure),
                Err(failure) => return Err(course.judged(stage, before, failure)),
            }
        }
        Ok(())
    }

    fn is_called(&self, stage: &Stage, document: &Value) -> Result<bool, Failure> {
        stage.when.as_ref().map_or(Ok(true), |when| self.holds(when, document))
    }

    fn holds(&self, script: &Script, document: &Value) -> Result<bool, Failure> {
        let holds = script.test(&self.rules, &Named(&names(document)));
        holds.map_err(|error| Failure::new(ErrorClass::Bug, error.to_string()))
    }

    /// What one action gives, once that is what is waited for.
    async fn stage(
        &self,
        pass: &dyn Pass,
        stage: &Stage,
        (course, document): (&mut Course<'_>, &Value),
    ) -> Result<Value, Failure> {
        let (course_end, timeout) = (course.end, course.call.timeout);
        self.may_send(&stage.action)?;
        let is_over = |wait: Duration| self.world.clock.now().checked_add(wait).is_ok_and(|next| next > course_end);
        let over = || {
            let message = format!("the job was not done within {} s", timeout.as_secs());
            Failure::new(ErrorClass::Unavailable, message)
        };
        if stage.takes_effect && is_over(Duration::ZERO) {
            return Err(over());
        }
        if let Some(rule) = &stage.rows {
            return self.rows(pass, (stage, rule), (course, document)).await;
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let given = self.stage_once(pass, stage, (course, document)).await;
            course.has_effect |= stage.takes_effect && may_have_acted(given.as_ref().err());
            let wait = match (&stage.until, given) {
                (None, Ok(output)) => return Ok(output),
                (Some(until), Ok(output)) => {
                    let mut seen = document.clone();
                    seen[stage.id.as_str()] = output.clone();
                    if self.holds(&until.passes, &seen)? {
                        return Ok(output);
                    }
                    until.every
                }
                // What was asked for goes on, whether or not it can be seen just now.
                (until, Err(failure)) => match again((stage, tries), until.as_ref(), course, &failure) {
                    Some(wait) => wait,
                    None => return Err(failure),
                },
            };
            if is_over(wait) {
                return Err(over());
            }
            self.world.clock.sleep(wait).await;
        }
    }

    async fn stage_once(
        &self,
        pass: &dyn Pass,
        stage: &Stage,
        (course, document): (&Course<'_>, &Value),
    ) -> Result<Value, Failure> {
        let call = self.action(&stage.action)?;
        let mut prepared = self.prepare(&stage.action, &input_of(self, stage, document)?)?;
        // What only looks at what was done may do so for as long as it takes.
        prepared.gate = course.prepared.gate.clone().filter(|_| !course.has_effect || call.is_write);
        prepared.reach = course.prepared.reach;
        prepared.sensitive.extend(course.prepared.sensitive.iter().cloned());
        let sent = Box::pin(self.send_alone(pass, call, &prepared)).await;
        sent.map_err(|failure| self.with_body(failure, &prepared, 1))
    }

    /// A value over what is known so far.
    fn made(&self, by: &Expression, document: &Value) -> Result<Value, Failure> {
        let names = names(document);
        let scope = Scope { rules: &self.rules, document: Document::Value(document), names: &Named(&names) };
        by.eval(scope).map_err(|error| Failure::new(ErrorClass::Invalid, error.to_string()))
    }

    /// The first rule of a step that does not pass.
    fn broken(&self, stage: &Stage, (course, document): (&Course<'_>, &Value)) -> Result<Option<Failure>, Failure> {
        for rule in &stage.rules {
            if !self.holds(&rule.passes, document)? {
                let said = self.made(&rule.message, document).unwrap_or_default();
                let said = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
                let said = self.mask(&course.prepared.sensitive).text(&said);
                return Ok(Some(Failure::new(rule.class, crate::response::clipped(&said))));
            }
        }
        Ok(None)
    }
}

impl Course<'_> {
    /// What the failure of a step is to the whole job; `before` says whether the target acted before the step.
    fn judged(&self, stage: &Stage, before: bool, failure: Failure) -> Failure {
        let failure = Failure { message: format!("{} (`{}`)", failure.message, stage.id), ..failure };
        match failure.class {
            _ if before || self.has_effect => unknown(failure),
            ErrorClass::Unknown => Failure { class: ErrorClass::Unavailable, ..failure },
            _ => failure,
        }
    }
}

/// What is not known of a job any more, and was tried.
fn unknown(failure: Failure) -> Failure {
    Failure { class: ErrorClass::Unknown, is_untried: false, ..failure }
}

/// The input of a step's action; what is null is left out.
fn input_of(connection: &Connection, stage: &Stage, document: &Value) -> Result<Value, Failure> {
    let mut input = Map::new();
    for (name, value) in &stage.with {
        let value = connection.made(value, document)?;
        if !value.is_null() {
            input.insert(name.clone(), value);
        }
    }
    Ok(Value::Object(input))
}

/// How long until a step that only looks is called again, where its failure says nothing of the job.
fn again(
    (stage, tries): (&Stage, usize),
    until: Option<&Until>,
    course: &Course<'_>,
    failure: &Failure,
) -> Option<Duration> {
    let is_passing = matches!(failure.class, ErrorClass::Unavailable | ErrorClass::Throttled | ErrorClass::Unknown);
    let may_be_asked = until.is_some() || course.has_effect && tries < JOB_TRIES_MAX;
    if !is_passing || stage.takes_effect || !may_be_asked {
        return None;
    }
    let every = until.map_or(JOB_LOOK_DEFAULT, |until| until.every);
    Some(failure.wait_ms.map_or(every, |wait| every.max(Duration::from_millis(wait))))
}

/// Whether the target acts after a step that takes effect.
fn may_have_acted(failure: Option<&Failure>) -> bool {
    failure.is_none_or(|failure| failure.class == ErrorClass::Unknown)
}

fn of_part(failure: Failure, number: usize, count: usize) -> Failure {
    if count == 1 {
        return failure;
    }
    Failure { message: format!("part {number} of {count}: {}", failure.message), ..failure }
}

/// What rules read: each member of the document by its name.
fn names(document: &Value) -> Vec<(&str, &Value)> {
    document.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect()
}
