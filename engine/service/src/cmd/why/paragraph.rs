//! What became of a run, in business words: data in, a paragraph out.
//!
//! What happened, what is waited for and until when, who can act, and what a retry would do.

use ferry_core::run::{Entry, On, State, Status};
use jiff::Timestamp;

use crate::engine::{Fate, Foreseen};

/// What is known of a run.
pub(super) struct Facts {
    pub(super) run: String,
    pub(super) pipeline: String,
    pub(super) event_key: String,
    pub(super) state: State,
    /// When something last happened.
    pub(super) at: Timestamp,
    /// When it goes on by itself.
    pub(super) due: Option<Timestamp>,
    /// The last entry.
    pub(super) end: Option<Entry>,
    /// The steps at which it is.
    pub(super) open: Vec<Open>,
    /// Its writes that are done.
    pub(super) done: Vec<Foreseen>,
    /// Calls that may have been done; nobody knows.
    pub(super) doubtful: Vec<String>,
    /// Whether no call has done anything, nor may have.
    pub(super) is_clean: bool,
    /// What a replay from the failed step would do.
    pub(super) retry: Vec<Foreseen>,
}

/// A step at which a run is.
pub(super) struct Open {
    pub(super) step: String,
    pub(super) status: Status,
    /// Until when it waits.
    pub(super) until: Option<Timestamp>,
    /// Its last failure.
    pub(super) failure: Option<String>,
    /// Where it stands among those that are held for the same.
    pub(super) queue: Option<String>,
}

/// All of it in one paragraph.
pub(super) fn paragraph(facts: &Facts) -> String {
    let Facts { pipeline, event_key, at, .. } = facts;
    let what = format!("`{pipeline}` for {event_key}");
    let begin = match facts.state {
        State::Running => format!("{what} is at work."),
        State::Waiting => format!("{what} waits."),
        State::Held => format!("{what} is held."),
        State::Parked => format!("{what} is parked: a person must decide."),
        State::Finished => format!("{what} finished at {at}."),
        State::DeadLettered => format!("{what} failed at {at}, and is kept as a dead letter."),
        State::Cancelled => format!("{what} was cancelled at {at}."),
    };
    let open = facts.open.iter().map(|open| of_step(facts, open));
    let parts = std::iter::once(begin).chain(done(facts)).chain(open).chain(ended(facts));
    parts.collect::<Vec<_>>().join(" ")
}

fn done(facts: &Facts) -> Option<String> {
    let sent: Vec<String> = facts.done.iter().map(write).collect();
    let mut told = Vec::new();
    if !sent.is_empty() {
        told.push(format!("Done, and never done again: {}.", sent.join(", ")));
    }
    if facts.state.is_ended() && facts.is_clean {
        told.push("Nothing was written.".to_owned());
    }
    if facts.state.is_ended() && !facts.doubtful.is_empty() {
        told.push(format!("Nobody knows whether it was done: {}.", facts.doubtful.join(", ")));
    }
    (!told.is_empty()).then(|| told.join(" "))
}

fn write(write: &Foreseen) -> String {
    let money = write.money.as_ref().map_or_else(String::new, |money| format!(" {money}"));
    format!("`{}`{money} ({})", write.step, write.call)
}

fn of_step(facts: &Facts, open: &Open) -> String {
    let Open { step, status, failure, .. } = open;
    let why = failure.as_ref().map_or_else(String::new, |failure| format!(" after {failure}"));
    match status {
        Status::Retrying { attempt, at } => {
            format!("`{step}` is tried again at {at}, attempt {attempt}{why}; nobody need act.")
        }
        Status::Unknown { at, .. } => {
            format!("`{step}` was sent, and no answer came; from {at} the target is asked whether it arrived.")
        }
        Status::Doubted { at } => format!("`{step}` was done once; from {at} the target is asked whether that stands."),
        Status::Called { .. } => format!("`{step}` is being sent."),
        Status::Parking { reason } | Status::Parked { reason, .. } => parked(facts, step, reason),
        Status::Holding { .. } => format!("`{step}` is about to be held{why}."),
        Status::Held { since, what, .. } => {
            let next = facts.due.map_or_else(String::new, |due| format!(", next at {due}"));
            let why = failure.as_ref().map_or_else(String::new, |failure| format!(" ({failure})"));
            let queue = open.queue.as_ref().map_or_else(String::new, |queue| format!("; {queue}"));
            format!(
                "`{step}` is held since {since} for {what}{why}; it is asked again by itself{next}, and goes on when that is there{queue}."
            )
        }
        Status::Waiting { since, on } => waits(facts, open, (*since, on)),
        Status::Ready
        | Status::Dormant
        | Status::Blocked
        | Status::Spread
        | Status::Recovering { .. }
        | Status::Done
        | Status::Skipped
        | Status::Failed => format!("`{step}` is next."),
    }
}

fn parked(facts: &Facts, step: &str, reason: &str) -> String {
    let run = &facts.run;
    format!(
        "`{step}`: {reason}. Until someone has, nothing is sent; an operator looks at the target, then \
         `ferry runs decide {run} {step} --done` or `--not-done`."
    )
}

fn waits(facts: &Facts, open: &Open, (since, on): (Timestamp, &On)) -> String {
    let Open { step, until, .. } = open;
    let until = until.map_or_else(String::new, |until| format!(", until {until}"));
    let run = &facts.run;
    match on {
        On::Time => format!("`{step}` waits since {since} for a time{until}; nobody need act."),
        On::Answer { wake } => {
            let next = facts.due.map_or_else(String::new, |due| format!(", next at {due}"));
            let wake =
                wake.as_ref().map_or_else(String::new, |wake| format!(", and at once when `{}` comes", wake.event));
            format!(
                "`{step}` waits since {since} for an answer of the target{until}; it is asked by itself{next}{wake}."
            )
        }
        On::Event(wanted) => {
            format!("`{step}` waits since {since} for the event `{}` with {}{until}.", wanted.event, wanted.value)
        }
        On::Approval { by, maker, .. } => {
            let not = maker.as_ref().map_or_else(String::new, |maker| format!(", but not {maker}"));
            let by = by.join(" or ");
            format!(
                "`{step}` waits since {since} for a yes or no{until}; {by} can give it{not}: \
                 `ferry approvals approve {run} {step}`."
            )
        }
        On::Run { run, .. } => format!("`{step}` waits since {since} for {run}: `ferry why {run}`."),
        On::Trust => format!(
            "`{step}` waits since {since}: the store is new or was put back, and nothing else can tell whether this was sent \
             before. Once somebody has looked there: `ferry store trust` lets all that wait for it go."
        ),
    }
}

fn ended(facts: &Facts) -> Option<String> {
    match facts.end.as_ref()? {
        Entry::Cancelled { by, reason } => Some(format!("{by} ended it: {reason}.")),
        Entry::DeadLettered { step, failure } => {
            let (who, meaning) = (failure.class.mended_by(), failure.class.meaning());
            let retry = retry(&facts.retry);
            Some(format!("`{step}` failed: {failure}. This is for {who}: {meaning}. {retry}"))
        }
        _ => None,
    }
}

/// What a replay from the failed step would do, in sum.
fn retry(steps: &[Foreseen]) -> String {
    let told = Fate::ALL.into_iter().filter_map(|fate| {
        let steps: Vec<&Foreseen> = steps.iter().filter(|step| step.fate == fate).collect();
        (!steps.is_empty()).then(|| format!("{} {}{}", steps.len(), fate.in_words(), sums(&steps)))
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        return "A replay would write nothing.".to_owned();
    }
    format!("A replay from there: {}.", told.join("; "))
}

fn sums(steps: &[&Foreseen]) -> String {
    let sums = Foreseen::sums(steps.iter().copied());
    let mut parts: Vec<String> = sums.into_iter().map(|(code, amount)| format!("{amount} {code}")).collect();
    let unknown = steps.iter().filter(|step| !step.is_known).count();
    if unknown > 0 {
        parts.push(format!("{unknown} not known before it runs"));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use ferry_contract::failure::{ErrorClass, Failure};
    use rust_decimal::Decimal;
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).unwrap()
    }

    fn sent(fate: Fate) -> Foreseen {
        let amount = ferry_contract::money::Money::new(Decimal::new(50, 0), "EUR").ok();
        let (step, call, money) = ("pay".to_owned(), "bank.pay".to_owned(), Some("50.00 EUR".to_owned()));
        Foreseen { step, call, fate, why: None, key: None, money, amount, is_known: true }
    }

    fn check(state: State, (status, until): (Option<Status>, Option<i64>), end: Option<Entry>, expected: &Expect) {
        let failure = Some("unavailable: not sent".to_owned());
        let open = status.map(|status| Open {
            step: "go".to_owned(),
            status,
            until: until.map(at),
            failure,
            queue: Some("2 stand before it in the queue payoneer/USD, with 90.00".to_owned()),
        });
        let facts = Facts {
            run: "run_1".to_owned(),
            pipeline: "payments".to_owned(),
            event_key: "PR-1".to_owned(),
            state,
            at: at(0),
            due: Some(at(60)),
            done: if state == State::Finished { vec![sent(Fate::Done)] } else { Vec::new() },
            retry: if state == State::DeadLettered { vec![sent(Fate::Send), sent(Fate::LookUp)] } else { Vec::new() },
            doubtful: if state == State::Cancelled { vec!["bank/pay/PR-1/pay/0".to_owned()] } else { Vec::new() },
            is_clean: state == State::DeadLettered,
            end,
            open: open.into_iter().collect(),
        };
        expected.assert_eq(&(paragraph(&facts).replace(". ", ".\n") + "\n"));
    }

    #[test]
    fn an_open_run_says_what_it_waits_for_and_who_can_act() {
        let waiting = |on| Some(Status::Waiting { since: at(1), on });
        let retrying = Status::Retrying { attempt: 3, at: at(9) };
        check(
            State::Running,
            (Some(retrying), None),
            None,
            &expect![[r#"
            `payments` for PR-1 is at work.
            `go` is tried again at 2026-02-25T06:13:29Z, attempt 3 after unavailable: not sent; nobody need act.
        "#]],
        );
        let persons = vec!["ana".to_owned(), "bob".to_owned()];
        let approval = On::Approval { by: persons, maker: Some("ana".to_owned()), show: json!({}) };
        check(
            State::Waiting,
            (waiting(approval), Some(99)),
            None,
            &expect![[r#"
            `payments` for PR-1 waits.
            `go` waits since 2026-02-25T06:13:21Z for a yes or no, until 2026-02-25T06:14:59Z; ana or bob can give it, but not ana: `ferry approvals approve run_1 go`.
        "#]],
        );
        check(
            State::Waiting,
            (waiting(On::Answer { wake: None }), Some(99)),
            None,
            &expect![[r#"
            `payments` for PR-1 waits.
            `go` waits since 2026-02-25T06:13:21Z for an answer of the target, until 2026-02-25T06:14:59Z; it is asked by itself, next at 2026-02-25T06:14:20Z.
        "#]],
        );
        let held = Status::Held { arm: 0, since: at(1), what: json!({ "amount": 50 }) };
        check(
            State::Held,
            (Some(held), None),
            None,
            &expect![[r#"
                `payments` for PR-1 is held.
                `go` is held since 2026-02-25T06:13:21Z for {"amount":50} (unavailable: not sent); it is asked again by itself, next at 2026-02-25T06:14:20Z, and goes on when that is there; 2 stand before it in the queue payoneer/USD, with 90.00.
            "#]],
        );
        let parked = Status::Parked { at: at(0), reason: "no answer; look there".to_owned() };
        check(
            State::Parked,
            (Some(parked), None),
            None,
            &expect![[r#"
            `payments` for PR-1 is parked: a person must decide.
            `go`: no answer; look there.
            Until someone has, nothing is sent; an operator looks at the target, then `ferry runs decide run_1 go --done` or `--not-done`.
        "#]],
        );
    }

    #[test]
    fn an_ended_run_says_what_was_done_and_what_a_replay_would_do() {
        check(
            State::Finished,
            (None, None),
            None,
            &expect![[r#"
            `payments` for PR-1 finished at 2026-02-25T06:13:20Z.
            Done, and never done again: `pay` 50.00 EUR (bank.pay).
        "#]],
        );
        let failure = Failure::new(ErrorClass::Rejected, "the account is closed");
        let dead = Entry::DeadLettered { step: "pay".to_owned(), failure };
        check(
            State::DeadLettered,
            (None, None),
            Some(dead),
            &expect![[r#"
            `payments` for PR-1 failed at 2026-02-25T06:13:20Z, and is kept as a dead letter.
            Nothing was written.
            `pay` failed: rejected: the account is closed.
            This is for finance: the target refused the request as wrong; nothing was done.
            Correct the record, then replay.
            A replay from there: 1 would be sent (50.00 EUR); 1 unknown: looked up first (50.00 EUR).
        "#]],
        );
        let cancelled = Entry::Cancelled { by: "bob".to_owned(), reason: "ordered twice".to_owned() };
        check(
            State::Cancelled,
            (None, None),
            Some(cancelled),
            &expect![[r#"
            `payments` for PR-1 was cancelled at 2026-02-25T06:13:20Z.
            Nobody knows whether it was done: bank/pay/PR-1/pay/0.
            bob ended it: ordered twice.
        "#]],
        );
    }
}
