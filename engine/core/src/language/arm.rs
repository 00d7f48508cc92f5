//! What happens on some classes of failure.

use std::time::Duration;

use ferry_contract::{
    catalog::{Backoff, BackoffKind},
    failure::ErrorClass,
    limits::{BACKOFF_FIRST, BACKOFF_MAX},
    report::{At, Report, Spanned},
    yaml::{
        Kind, Node,
        read::{Fields, one_of, text},
    },
};

use super::{
    Probe, Step, Then, near,
    read::{count, filled, interval, text_of},
    step,
    wait::{THEN, probe},
};
use crate::limits::RETRY_ATTEMPTS_MAX;

/// What happens on some classes of failure.
#[derive(Debug)]
pub struct Arm {
    /// Where it begins.
    pub at: At,
    /// The classes.
    pub classes: Vec<Spanned<ErrorClass>>,
    /// Whether the step is tried again before that.
    pub retry: Option<Backoff>,
    /// What happens.
    pub reaction: Reaction,
}

/// What an arm does.
#[derive(Debug)]
pub enum Reaction {
    /// Waits until a condition holds, then tries again.
    Hold {
        /// What the run waits for, as a value: the amount of money.
        what: Node,
        /// The question.
        probe: Box<Probe>,
        /// The alert channel that is told.
        alert: Option<Spanned<String>>,
    },
    /// Calls another action in its place.
    Fallback {
        /// `connection.action`.
        action: Spanned<String>,
        /// Its input; nothing takes the step's own.
        with: Option<Node>,
    },
    /// Does steps, then ends in a way.
    Do {
        /// The steps; perhaps none.
        steps: Vec<Step>,
        /// How it ends.
        then: Then,
    },
}

const KEYS: [&str; 6] = ["class", "retry", "hold", "fallback", "do", "then"];
/// The keys of which an arm has one at most.
const REACTIONS: [&str; 3] = ["hold", "fallback", "do"];

pub(super) fn arms(node: &Node, report: &mut Report) -> Option<Vec<Arm>> {
    let arms: Vec<_> = filled(node, "`on_error`", report)?.iter().map(|item| arm(item, report)).collect();
    arms.into_iter().collect()
}

fn arm(node: &Node, report: &mut Report) -> Option<Arm> {
    let fields = Fields::open_near(node, "an `on_error` arm", (&KEYS, near::ARM), report)?;
    let classes = fields.need("class", "rejected", report);
    let classes = classes.and_then(|node| self::classes(node, report));
    let retry = fields.get("retry").map(|node| retry(node, report));
    let reaction = reaction(fields, report);
    let retry = retry.map_or(Some(None), |retry| retry.map(Some))?;
    Some(Arm { at: fields.at(), classes: classes?, retry, reaction: reaction? })
}

fn reaction(fields: Fields<'_>, report: &mut Report) -> Option<Reaction> {
    let written: Vec<_> = REACTIONS.into_iter().filter(|key| fields.get(key).is_some()).collect();
    match written.as_slice() {
        ["hold"] => {
            fields.refuse("then", "only `do` takes `then`", "remove it: after a hold the step is tried again", report);
            hold(fields.get("hold")?, report)
        }
        ["fallback"] => {
            fields.refuse("then", "only `do` takes `then`", "remove it: the other call takes its place", report);
            fallback(fields.get("fallback")?, report)
        }
        ["do"] => {
            let then = fields.need("then", "dead_letter", report).and_then(|node| self::then(node, report));
            let steps = step::steps(fields.get("do")?, "`do`", report);
            then.zip(steps).map(|(then, steps)| Reaction::Do { steps, then })
        }
        [] if fields.get("then").is_some() || fields.get("retry").is_some() => {
            let then = fields.get("then").map_or(Some(Then::DeadLetter), |node| self::then(node, report));
            then.map(|then| Reaction::Do { steps: Vec::new(), then })
        }
        _ => {
            let help = "write `retry: …`, `hold: …`, `fallback: …`, `do: …` with `then: …`, or `then: …` alone";
            report.error("step-kind", fields.at(), "an arm holds, falls back, or does steps", help);
            None
        }
    }
}

fn then(node: &Node, report: &mut Report) -> Option<Then> {
    one_of(node, "an end of an arm", &THEN, report)
}

fn classes(node: &Node, report: &mut Report) -> Option<Vec<Spanned<ErrorClass>>> {
    match &node.kind {
        Kind::List(_) => {
            let classes = filled(node, "`class`", report)?.iter().map(|item| spanned(item, report));
            classes.collect::<Vec<_>>().into_iter().collect()
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Map(_) => {
            Some(vec![spanned(node, report)?])
        }
    }
}

fn spanned(node: &Node, report: &mut Report) -> Option<Spanned<ErrorClass>> {
    class(node, report).map(|class| Spanned::new(class, node.at))
}

pub(super) fn class(node: &Node, report: &mut Report) -> Option<ErrorClass> {
    let words: Vec<_> = ErrorClass::ALL.into_iter().map(|class| (class.name(), class)).collect();
    one_of(node, "an error class", &words, report)
}

fn retry(node: &Node, report: &mut Report) -> Option<Backoff> {
    let fields =
        Fields::open_near(node, "`retry`", (&["attempts", "within", "first", "at_most"], near::RETRY), report)?;
    let time = |key: &str, report: &mut Report| -> Option<Duration> {
        fields.get(key).and_then(|node| interval(node, &format!("`{key}`"), report))
    };
    let attempts = fields.need("attempts", "5", report);
    let attempts = attempts.and_then(|node| count(node, "`attempts`", u64::from(RETRY_ATTEMPTS_MAX), report))?;
    let first = time("first", report).unwrap_or(BACKOFF_FIRST);
    let at_most = time("at_most", report).unwrap_or(BACKOFF_MAX).max(first);
    Some(Backoff {
        kind: BackoffKind::Exponential { first, at_most },
        attempts_max: u32::try_from(attempts).unwrap_or(RETRY_ATTEMPTS_MAX),
        within: time("within", report),
    })
}

fn hold(node: &Node, report: &mut Report) -> Option<Reaction> {
    let fields = Fields::open_near(node, "`hold`", (&["for", "until", "every", "alert"], near::HOLD), report)?;
    let what = fields.need("for", "$.payout.amount", report);
    let until =
        fields.need("until", "{ action: payoneer.get_balance, passes: \"result.available >= reserved\" }", report)?;
    let until = Fields::open(until, "`until`", &["action", "with", "passes"], report)?;
    let passes = until.need("passes", "\"result.available >= reserved\"", report)?;
    let probe = probe(until, fields, passes, report);
    Some(Reaction::Hold { what: what?.clone(), probe: Box::new(probe?), alert: text_of(fields, "alert", report) })
}

fn fallback(node: &Node, report: &mut Report) -> Option<Reaction> {
    let fields = Fields::open(node, "`fallback`", &["action", "with"], report)?;
    let action = fields.need("action", "backup.get_rate", report).and_then(|node| text(node, "`action`", report));
    Some(Reaction::Fallback { action: action?, with: fields.get("with").cloned() })
}
