//! Each write under each fault: what it does, and what the engine then makes of it, counted at the target.
//!
//! Nothing here decides whether a call goes again: that is `once`, as in the engine.

use std::{fmt, time::Duration};

use ferry_contract::{
    catalog::{Backoff, Effect, Repeat},
    failure::{ErrorClass, Failure},
};
use ferry_core::once::{After, Attempt, Found, Guards, after_failure, compare, look_up_input};
use serde_json::{Value, json};

use super::{
    desk::Desk,
    table::{self, Known, Row},
};

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// The sandbox's name of it.
    pub(super) fault: &'static str,
    /// Whether the target does what it was asked for.
    pub(super) is_done: bool,
    /// Whether the answer arrives after all, too late or not.
    is_answered: bool,
    /// How late the answer is, in real time.
    delay_ms: u64,
    /// How long it is waited for, where not as long as the manifest says.
    hurry_ms: Option<u64>,
}

/// More attempts than any of these faults needs.
const ATTEMPTS_MAX: u32 = 5;

/// What `Retry-After` says in each walk.
const RETRY_AFTER_S: u64 = 7;

const fn case(fault: &'static str, is_done: bool) -> Case {
    Case { fault, is_done, is_answered: false, delay_ms: 0, hurry_ms: None }
}

/// The faults that take no real time.
pub(super) const CASES: [Case; 9] = [
    case("throttled", false),
    case("server_error", false),
    case("cut_before", false),
    case("cut_after", true),
    case("error_after", true),
    case("truncated", true),
    case("truncated_chunked", true),
    Case { fault: "slow", is_done: true, is_answered: true, delay_ms: 1, hurry_ms: None },
    Case { fault: "slow_before", is_done: true, is_answered: true, delay_ms: 1, hurry_ms: None },
];

/// The answer comes after the time-out, and what was asked for is done before it or after it.
const LATE: [Case; 2] = [
    Case { fault: "slow", is_done: true, is_answered: false, delay_ms: 500, hurry_ms: Some(200) },
    Case { fault: "slow_before", is_done: true, is_answered: false, delay_ms: 500, hurry_ms: Some(200) },
];

/// Where no fault of the sandbox reaches: the call is made and its answer is lost, or it is not made.
const LOST: [Case; 2] = [case("lost", true), case("lost", false)];

/// How a call ends.
#[derive(Debug)]
pub(super) enum End {
    /// With an output.
    Done(Value),
    /// With a person, who must look.
    Person(String),
    /// As a failure that did nothing.
    Failed(Box<Failure>),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(output) => write!(f, "it is done: {output}"),
            Self::Person(reason) => write!(f, "a person is to look: {reason}"),
            Self::Failed(failure) => write!(f, "it has failed: {failure:?}"),
        }
    }
}

/// What became of a call, and the failures on the way.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) end: End,
    pub(super) failures: Vec<Failure>,
}

impl Case {
    pub(super) fn rule(self, desk: &Desk, (method, path): (&str, &str)) -> Value {
        let system = desk.table.system.as_deref().unwrap_or_default();
        let delay_ms = (self.delay_ms > 0).then_some(self.delay_ms);
        json!({ "rules": [{
            "fault": self.fault, "system": system, "method": method, "path": path, "times": 1,
            "retry_after_s": RETRY_AFTER_S, "delay_ms": delay_ms,
        }] })
    }

    /// Whether the answer is lost on our side, because no fault of the sandbox reaches the call.
    fn is_ours(self) -> bool {
        self.fault == "lost"
    }

    /// The class of the first attempt; nothing where it succeeds.
    pub(super) fn class(self) -> Option<ErrorClass> {
        match self.fault {
            _ if self.is_answered => None,
            "throttled" => Some(ErrorClass::Throttled),
            _ => Some(ErrorClass::Unknown),
        }
    }

    fn said(self) -> String {
        let late = if self.hurry_ms.is_some() { " after the time-out" } else { "" };
        let done = if self.is_done { "done" } else { "not done" };
        format!("{}{late}, {done}", self.fault)
    }
}

/// Where a call goes: its method, and the path as far as it is known before a person's consent is.
pub(super) fn target(desk: &Desk, action: &str, input: &Value) -> Result<(String, String), String> {
    let prepared = desk.connection.prepare(action, input).map_err(|failure| format!("{input}: {failure}"))?;
    let path = prepared.target.split(['?', '{']).next().unwrap_or_default();
    // A claim stands there in braces, encoded or not.
    let path = path.split("%7B").next().unwrap_or_default();
    Ok((prepared.method, path.to_owned()))
}

/// Walks one action; says what is wrong.
pub(super) async fn walk(desk: &Desk, action: &str, row: &Row, with_late: bool) -> Vec<String> {
    let cases: Vec<Case> = match desk.table.native.as_ref().or(row.native.as_ref()) {
        Some(_) => LOST.to_vec(),
        None => CASES.into_iter().chain(LATE.into_iter().filter(|_| with_late)).collect(),
    };
    let mut wrong = Vec::new();
    for case in cases {
        let mut known = desk.fresh();
        if let Err(why) = one(desk, action, row, case, &mut known).await {
            wrong.push(format!("{}: {why}", case.said()));
        }
        desk.http.hurry(None);
        let cleared = desk.order("faults", &json!({})).await.map(drop);
        // What is to be cleared away may not be there.
        let after = desk.steps(&row.after, &mut known).await;
        wrong.extend(cleared.err().into_iter().chain(after.err().filter(|why| !why.contains("not_found"))));
    }
    wrong
}

async fn one(desk: &Desk, action: &str, row: &Row, case: Case, known: &mut Known) -> Result<(), String> {
    desk.advance(Duration::from_secs(2)).await?;
    desk.steps(&row.given, known).await?;
    let input = table::filled(&row.with, known)?;
    let effects = row.effects.as_ref().ok_or("nothing says how its effects are counted")?;
    let before = match effects.none {
        None => desk.count(effects, known).await?,
        Some(_) => 0,
    };
    if before != 0 {
        return Err(format!("before the call there are {before} effects already"));
    }
    let walk = performed(desk, action, &input, case, async || match effects.none {
        None => desk.count(effects, known).await,
        Some(_) => Ok(1),
    })
    .await?;
    failed_so(case, walk.failures.first())?;
    let effect = &desk.manifest.connector.actions[action].effect;
    let (ends_done, count) = promised(effect, case, row.person.is_some());
    match (&walk.end, ends_done) {
        (End::Done(output), true) => {
            let violations = desk.manifest.connector.actions[action].output.violations(output);
            // A look-up gives what it finds.
            if walk.failures.is_empty() && !violations.is_empty() {
                return Err(format!("the output is wrong: {}", violations.join("; ")));
            }
        }
        (End::Person(_), false) => {}
        (end, true) => return Err(format!("it was to be done, and {end}, after {:?}", walk.failures)),
        (end, false) => return Err(format!("a person was to look, and {end}, after {:?}", walk.failures)),
    }
    if effects.none.is_none() {
        let counted = desk.count(effects, known).await?;
        if counted != count {
            return Err(format!("{counted} effects, and {count} were promised; {walk:?}"));
        }
    }
    Ok(())
}

/// Whether the first attempt failed as the fault lets it fail, with the wait that the target asks for.
pub(super) fn failed_so(case: Case, first: Option<&Failure>) -> Result<(), String> {
    if first.map(|failure| failure.class) != case.class() {
        return Err(format!("the first answer is {first:?}, and {:?} was to be", case.class()));
    }
    let wait_ms = first.and_then(|failure| failure.wait_ms);
    if case.fault == "throttled" && wait_ms != Some(RETRY_AFTER_S * 1_000) {
        return Err(format!("the wait is {wait_ms:?} ms, and `Retry-After` says {RETRY_AFTER_S} s"));
    }
    Ok(())
}

/// Whether a write ends as done under a fault, and with how many effects.
fn promised(effect: &Effect, case: Case, repeat_is_for_a_person: bool) -> (bool, u64) {
    let as_it_is = u64::from(case.is_done);
    if case.class() != Some(ErrorClass::Unknown) {
        return (true, 1);
    }
    match effect {
        Effect::Read => (true, 0),
        Effect::Write(Repeat::Never) => (false, as_it_is),
        Effect::Write(Repeat::Upsert | Repeat::Keyed { .. }) => (!(repeat_is_for_a_person && case.is_done), 1),
        Effect::Write(Repeat::Lookup(look_up)) if look_up.proves_absence || case.is_done => (true, 1),
        Effect::Write(Repeat::Lookup(_)) => (false, 0),
    }
}

/// Makes a call under a fault, and follows what the engine makes of each answer.
pub(super) async fn performed(
    desk: &Desk,
    action: &str,
    input: &Value,
    case: Case,
    count: impl AsyncFn() -> Result<u64, String>,
) -> Result<Walk, String> {
    let (name, began) = (input.to_string(), desk.now());
    let mut failures: Vec<Failure> = Vec::new();
    for number in 1..=ATTEMPTS_MAX {
        let answer = match number {
            1 => {
                let answer = first(desk, action, input, case).await?;
                struck(desk, case, &count).await?;
                answer
            }
            _ => desk.keyed(action, input, &name).await,
        };
        let failure = match answer {
            Ok(output) => return Ok(Walk { end: End::Done(output), failures }),
            Err(failure) => failure,
        };
        failures.push(failure);
        let attempt = Attempt {
            effect: &desk.manifest.connector.actions[action].effect,
            number,
            first_at: began,
            ended_at: desk.now(),
            began,
            is_free: false,
            backoff: &Backoff::default(),
            is_asked: false,
            seed: &name,
        };
        if let Some(end) = next(desk, (action, input), attempt, &failures).await? {
            return Ok(Walk { end, failures });
        }
    }
    Err(format!("it goes on for ever: {failures:?}"))
}

/// The first attempt: the fault strikes it, or its answer is lost here.
async fn first(desk: &Desk, action: &str, input: &Value, case: Case) -> Result<Result<Value, Failure>, String> {
    let name = input.to_string();
    if case.is_ours() {
        if case.is_done {
            desk.keyed(action, input, &name).await.map_err(|failure| format!("it is refused: {failure}"))?;
        }
        return Ok(Err(Failure::new(ErrorClass::Unknown, "the answer is lost")));
    }
    let (method, path) = target(desk, action, input)?;
    desk.order("faults", &case.rule(desk, (&method, &path))).await?;
    desk.http.hurry(case.hurry_ms.map(Duration::from_millis));
    let answer = desk.keyed(action, input, &name).await;
    desk.http.hurry(None);
    Ok(answer)
}

/// What the engine does after the last failure, once it is time; nothing where it sends again.
async fn next(
    desk: &Desk,
    (action, input): (&str, &Value),
    attempt: Attempt<'_>,
    failures: &[Failure],
) -> Result<Option<End>, String> {
    let failure = failures.last().ok_or("nothing has failed")?;
    match after_failure(Guards::ALL, attempt, failure) {
        After::Retry { at } => desk.wait_until(at).await.map(|()| None),
        After::LookUp { at } => {
            desk.wait_until(at).await?;
            looked_up(desk, action, input).await
        }
        After::Park { reason } => Ok(Some(End::Person(reason))),
        // What was refused after it may have been done is for a person.
        After::Fail if failures.iter().any(|failure| failure.class == ErrorClass::Unknown) => {
            Ok(Some(End::Person(failure.message.clone())))
        }
        After::Fail => Ok(Some(End::Failed(Box::new(failure.clone())))),
    }
}

/// The fault has hit once, and what it does late is done.
async fn struck(desk: &Desk, case: Case, count: &impl AsyncFn() -> Result<u64, String>) -> Result<(), String> {
    if case.is_ours() {
        return Ok(());
    }
    let faults = desk.told("faults").await?;
    if faults["rules"][0]["hits"] != 1 {
        return Err(format!("the fault has not struck: {faults}"));
    }
    let is_late = case.fault == "slow_before" && case.hurry_ms.is_some();
    // The questions themselves take the time.
    for _ in 0..if is_late { 100_000 } else { 0 } {
        if count().await? > 0 {
            break;
        }
    }
    Ok(())
}

/// What the look-up of a write makes of it; nothing where it is sent again.
async fn looked_up(desk: &Desk, action: &str, input: &Value) -> Result<Option<End>, String> {
    let Effect::Write(Repeat::Lookup(look_up)) = &desk.manifest.connector.actions[action].effect else {
        return Err("what has no look-up is looked up".to_owned());
    };
    let with = look_up_input(look_up, input).map_err(|failure| failure.to_string())?;
    let answer = desk.call(&look_up.action, &with).await;
    let output = answer.clone().ok();
    Ok(match compare(Guards::ALL, look_up, input, answer) {
        Found::Agrees => output.map(End::Done),
        Found::Absent => None,
        Found::NotSeen => Some(End::Person("it was not seen, which proves nothing".to_owned())),
        found @ (Found::Differs(_) | Found::Void(_) | Found::Failed(_)) => {
            return Err(format!("the look-up with {with} says {found:?}"));
        }
    })
}
