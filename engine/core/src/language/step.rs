//! Steps, and what is inside them.

use ferry_contract::{
    failure::ErrorClass,
    report::{Report, Spanned},
    suggest,
    yaml::{
        Kind, Node,
        read::{Fields, duration, one_of, text, texts, whole},
    },
};

use super::{
    Arm, Is, Probe, Reaction, Rule, Step, Test, Then, Wait, Work,
    read::{filled, interval, text_of},
};

/// The keys that say what a step does; exactly one is written.
const WORK: [&str; 5] = ["action", "map", "check", "script", "wait"];
const KEYS: [&str; 10] = ["id", "needs", "when", "action", "with", "map", "check", "script", "wait", "on_error"];

pub(super) fn steps(node: &Node, what: &str, report: &mut Report) -> Option<Vec<Step>> {
    let items = filled(node, what, report)?;
    let steps: Vec<_> = items.iter().map(|item| step(item, report)).collect();
    steps.into_iter().collect()
}

fn step(node: &Node, report: &mut Report) -> Option<Step> {
    let fields = Fields::open(node, "a step", &KEYS, report)?;
    let id = fields.need("id", "payout", report).and_then(|node| text(node, "`id`", report));
    let needs = fields.get("needs").map_or_else(|| Some(Vec::new()), |node| texts(node, "`needs`", report));
    let work = work(fields, report);
    let on_error = fields.get("on_error").map_or_else(|| Some(Vec::new()), |node| arms(node, report));
    Some(Step {
        at: fields.at(),
        id: id?,
        needs: needs?,
        when: fields.get("when").cloned(),
        work: work?,
        on_error: on_error?,
    })
}

fn work(fields: Fields<'_>, report: &mut Report) -> Option<Work> {
    let written: Vec<_> = WORK.into_iter().filter(|key| fields.get(key).is_some()).collect();
    let [kind] = written.as_slice() else {
        let (message, help) = match written.as_slice() {
            [] => ("this step does nothing".to_owned(), format!("add one of {}", suggest::list(&WORK))),
            several => (format!("this step does {} things at once", several.len()), "make a step of each".to_owned()),
        };
        let at = fields.get("id").map_or(fields.at(), |node| node.at);
        report.error("step-kind", at, message, help);
        return None;
    };
    let node = fields.get(kind)?;
    if *kind != "action" {
        fields.refuse("with", "only an action takes `with`", "move it into the step's own map, or remove it", report);
    }
    match *kind {
        "action" => Some(Work::Action { action: text(node, "`action`", report)?, with: fields.get("with").cloned() }),
        "map" => Some(Work::Map(node.clone())),
        "script" => text(node, "`script`", report).map(|_| Work::Script(node.clone())),
        "check" => {
            let rules: Vec<_> = filled(node, "`check`", report)?.iter().map(|item| rule(item, report)).collect();
            Some(Work::Check(rules.into_iter().collect::<Option<_>>()?))
        }
        _ => wait(node, report).map(Work::Wait),
    }
}

fn rule(node: &Node, report: &mut Report) -> Option<Rule> {
    let fields = Fields::open(node, "a rule", &["field", "is", "rhai", "class", "say"], report)?;
    let class = fields.get("class").map_or(Some(ErrorClass::Invalid), |node| class(node, report))?;
    let test = match (fields.get("rhai"), fields.get("field")) {
        (Some(rhai), None) => {
            fields.refuse("is", "only a `field` takes `is`", "say it in the Rhai, or remove it", report);
            fields.need("say", "what a person should read when it fails", report)?;
            Test::Rhai(rhai.clone())
        }
        (None, Some(field)) => {
            let is = fields.need("is", "present", report)?;
            Test::Field { field: field.clone(), is: self::is(is, report)? }
        }
        (Some(_), Some(_)) | (None, None) => {
            let help = "write `{ field: $.event.Id, is: present }` or `{ rhai: \"event.Amount__c > 0\", say: … }`";
            report.error("step-kind", fields.at(), "a rule tests one field, or one Rhai condition", help);
            return None;
        }
    };
    Some(Rule { at: fields.at(), test, class, say: fields.get("say").cloned() })
}

fn is(node: &Node, report: &mut Report) -> Option<Is> {
    if node.entries().is_none() {
        let is_email = one_of(node, "a kind of value", &[("present", false), ("email", true)], report)?;
        return Some(if is_email { Is::Email } else { Is::Present });
    }
    let fields = Fields::open(node, "`is`", &["decimal", "one_of"], report)?;
    if let Some(node) = fields.get("one_of") {
        let help = "make a rule of each, or remove one";
        fields.refuse("decimal", "a rule tests `one_of` or `decimal`, not both", help, report);
        return Some(Is::OneOf(filled(node, "`one_of`", report)?.to_vec()));
    }
    let node = fields.need("decimal", "{ above: 0, scale: 2 }", report)?;
    let fields = Fields::open(node, "`decimal`", &["above", "at_most", "scale"], report)?;
    let number = |key: &str, report: &mut Report| -> Option<Option<Node>> {
        let Some(node) = fields.get(key) else { return Some(None) };
        match node.kind {
            Kind::Number(_) => Some(Some(node.clone())),
            Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => {
                ferry_contract::yaml::read::wrong(node, &format!("`{key}`"), "a number", report)
            }
        }
    };
    let (above, at_most) = (number("above", report)?, number("at_most", report)?);
    let scale = fields.get("scale").and_then(|node| whole(node, "`scale`", report));
    Some(Is::Decimal { above, at_most, scale: scale.and_then(|scale| u32::try_from(scale).ok()) })
}

fn wait(node: &Node, report: &mut Report) -> Option<Wait> {
    let fields = Fields::open(node, "`wait`", &["poll", "until", "timeout"], report)?;
    let poll = fields.need("poll", "{ action: payoneer.get_payout_status, every: 15m }", report)?;
    let until = fields.need("until", "result.status == \"Transferred\"", report);
    let timeout = fields.need("timeout", "5d", report).and_then(|node| duration(node, "`timeout`", report));
    let poll = Fields::open(poll, "`poll`", &["action", "with", "every"], report)?;
    Some(Wait { probe: probe(poll, poll, until?, report)?, timeout: timeout? })
}

/// `action` and `with` from one map, `every` perhaps from another.
fn probe(asked: Fields<'_>, timed: Fields<'_>, until: &Node, report: &mut Report) -> Option<Probe> {
    let action = asked.need("action", "payoneer.get_balance", report).and_then(|node| text(node, "`action`", report));
    let every = timed.need("every", "10m", report).and_then(|node| interval(node, "`every`", report));
    Some(Probe { action: action?, with: asked.get("with").cloned(), every: every?, until: until.clone() })
}

fn arms(node: &Node, report: &mut Report) -> Option<Vec<Arm>> {
    let arms: Vec<_> = filled(node, "`on_error`", report)?.iter().map(|item| arm(item, report)).collect();
    arms.into_iter().collect()
}

fn arm(node: &Node, report: &mut Report) -> Option<Arm> {
    let fields = Fields::open(node, "an `on_error` arm", &["class", "hold", "do", "then"], report)?;
    let classes = fields.need("class", "rejected", report);
    let classes = classes.and_then(|node| self::classes(node, report));
    let reaction = match (fields.get("hold"), fields.get("do")) {
        (Some(hold), None) => {
            fields.refuse("then", "only `do` takes `then`", "remove it: after a hold the step is tried again", report);
            self::hold(hold, report)
        }
        (None, Some(steps)) => {
            let then = fields.need("then", "dead_letter", report);
            let words = [("continue", Then::Continue), ("dead_letter", Then::DeadLetter)];
            let then = then.and_then(|node| one_of(node, "an end of an arm", &words, report));
            let steps = self::steps(steps, "`do`", report);
            then.zip(steps).map(|(then, steps)| Reaction::Do { steps, then })
        }
        (Some(_), Some(_)) | (None, None) => {
            report.error(
                "step-kind",
                fields.at(),
                "an arm either holds or does steps",
                "write `hold: …`, or `do: …` with `then: …`",
            );
            None
        }
    };
    Some(Arm { at: fields.at(), classes: classes?, reaction: reaction? })
}

fn classes(node: &Node, report: &mut Report) -> Option<Vec<Spanned<ErrorClass>>> {
    match &node.kind {
        Kind::List(_) => {
            let classes =
                filled(node, "`class`", report)?.iter().map(|item| Some(Spanned::new(class(item, report)?, item.at)));
            classes.collect::<Vec<_>>().into_iter().collect()
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Map(_) => {
            Some(vec![Spanned::new(class(node, report)?, node.at)])
        }
    }
}

fn class(node: &Node, report: &mut Report) -> Option<ErrorClass> {
    let words: Vec<_> = ErrorClass::ALL.into_iter().map(|class| (class.name(), class)).collect();
    one_of(node, "an error class", &words, report)
}

fn hold(node: &Node, report: &mut Report) -> Option<Reaction> {
    let fields = Fields::open(node, "`hold`", &["for", "until", "every", "alert"], report)?;
    let what = fields.need("for", "$.payout.amount", report);
    let until =
        fields.need("until", "{ action: payoneer.get_balance, passes: \"result.available >= reserved\" }", report)?;
    let until = Fields::open(until, "`until`", &["action", "with", "passes"], report)?;
    let passes = until.need("passes", "\"result.available >= reserved\"", report)?;
    let probe = probe(until, fields, passes, report);
    Some(Reaction::Hold { what: what?.clone(), probe: Box::new(probe?), alert: text_of(fields, "alert", report) })
}
