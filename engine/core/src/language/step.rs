//! Steps, and what is inside them.

use ferry_contract::{
    failure::ErrorClass,
    report::{Report, Spanned},
    suggest,
    yaml::{
        Kind, Node,
        read::{Fields, flag, one_of, text, texts, whole},
    },
};

use super::{
    Alert, Allocate, Each, Emit, Function, Is, Link, Rule, Step, Test, Work, arm, near,
    read::{count, filled, interval},
    reconcile, wait,
};
use crate::{eval::allocate::Remainder, limits::EACH_CONCURRENCY_MAX};

/// The keys that say what a step does; exactly one is written.
const WORK: [&str; 12] = [
    "action",
    "map",
    "check",
    "script",
    "allocate",
    "reconcile",
    "wait",
    "approve",
    "pipeline",
    "emit",
    "link",
    "alert",
];
const KEYS: [&str; 20] = [
    "id",
    "needs",
    "when",
    "each",
    "timeout",
    "once_per",
    "action",
    "with",
    "map",
    "check",
    "script",
    "allocate",
    "reconcile",
    "wait",
    "approve",
    "pipeline",
    "emit",
    "link",
    "alert",
    "on_error",
];

pub(super) fn steps(node: &Node, what: &str, report: &mut Report) -> Option<Vec<Step>> {
    let items = filled(node, what, report)?;
    let steps: Vec<_> = items.iter().map(|item| step(item, report)).collect();
    steps.into_iter().collect()
}

fn step(node: &Node, report: &mut Report) -> Option<Step> {
    let fields = Fields::open_near(node, "a step", (&KEYS, near::STEP), report)?;
    let id = fields.need("id", "payout", report).and_then(|node| text(node, "`id`", report));
    let needs = fields.get("needs").map_or_else(|| Some(Vec::new()), |node| texts(node, "`needs`", report));
    let work = work(fields, report);
    let on_error = fields.get("on_error").map_or_else(|| Some(Vec::new()), |node| arm::arms(node, report));
    let each = fields.get("each").map_or(Some(None), |node| each(node, report).map(Some));
    Some(Step {
        at: fields.at(),
        id: id?,
        needs: needs?,
        when: fields.get("when").cloned(),
        each: each?,
        timeout: fields.get("timeout").and_then(|node| interval(node, "`timeout`", report)),
        once_per: fields.get("once_per").cloned(),
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
    if !["action", "pipeline"].contains(kind) {
        let help = "move it into the step's own map, or remove it";
        fields.refuse("with", "only an action or a pipeline takes `with`", help, report);
    }
    if *kind != "action" {
        let message = "only an action takes `once_per`";
        fields.refuse("once_per", message, "remove it: nothing else has a key at a target", report);
    }
    if *kind == "pipeline" {
        let message = "a step that waits for another run takes no `timeout`: that run would go on, and pay, after it";
        fields.refuse("timeout", message, "write it in that pipeline, where it ends what it does", report);
    }
    match *kind {
        "action" => Some(Work::Action { action: text(node, "`action`", report)?, with: fields.get("with").cloned() }),
        "map" => Some(Work::Map(node.clone())),
        "script" if node.entries().is_some() => function(node, report).map(Work::Function),
        "script" => text(node, "`script`", report).map(|_| Work::Script(node.clone())),
        "allocate" => allocate(node, report).map(Work::Allocate),
        "alert" => alert(node, report).map(Work::Alert),
        "reconcile" => {
            let help = "make one step of it: it takes all rows at once, and rows of several lists may belong together";
            fields.refuse("each", "a reconciliation is not made for each item", help, report);
            reconcile::read(node, report).map(|reconcile| Work::Reconcile(Box::new(reconcile)))
        }
        "link" => link(node, report).map(Work::Link),
        "check" => {
            let rules: Vec<_> = filled(node, "`check`", report)?.iter().map(|item| rule(item, report)).collect();
            Some(Work::Check(rules.into_iter().collect::<Option<_>>()?))
        }
        "wait" => wait::read(node, report).map(Work::Wait),
        "approve" => wait::approve(node, report).map(Work::Approve),
        "pipeline" => {
            Some(Work::Pipeline { name: text(node, "`pipeline`", report)?, with: fields.get("with").cloned() })
        }
        _ => emit(node, report).map(Work::Emit),
    }
}

fn function(node: &Node, report: &mut Report) -> Option<Function> {
    let fields = Fields::open(node, "a `script` from a file", &["use", "call", "with"], report)?;
    let module = fields.need("use", "scripts/fees.rhai", report).and_then(|node| text(node, "`use`", report));
    let name = fields.need("call", "split_fee", report).and_then(|node| text(node, "`call`", report));
    Some(Function { module: module?, name: name?, with: fields.get("with").cloned() })
}

fn allocate(node: &Node, report: &mut Report) -> Option<Allocate> {
    let fields = Fields::open(node, "`allocate`", &["amount", "by", "with", "remainder"], report)?;
    let amount = fields.need("amount", "$.fee.fee", report);
    let by = fields.need("by", "fee-accounts", report);
    let words = [("largest", Remainder::Largest), ("first", Remainder::First), ("last", Remainder::Last)];
    let remainder = fields.get("remainder").map(|node| one_of(node, "who gets the remainder", &words, report));
    let remainder = remainder.map_or(Some(Remainder::default()), |remainder| remainder)?;
    Some(Allocate { amount: amount?.clone(), by: by?.clone(), with: fields.get("with").cloned(), remainder })
}

fn alert(node: &Node, report: &mut Report) -> Option<Alert> {
    let fields = Fields::open(node, "`alert`", &["to", "say"], report)?;
    let to = fields.need("to", "finance-ops", report).and_then(|node| text(node, "`to`", report));
    let say = fields.need("say", "\"{$.event.Name} is above the limit\"", report);
    Some(Alert { to: to?, say: say?.clone() })
}

fn each(node: &Node, report: &mut Report) -> Option<Each> {
    let fields =
        Fields::open_near(node, "`each`", (&["in", "as", "key", "concurrency", "errors"], near::EACH), report)?;
    let items = fields.need("in", "$.event.orders", report);
    let key = fields.need("key", "$.item.id", report);
    let name = fields.get("as").and_then(|node| text(node, "`as`", report));
    let concurrency = fields.get("concurrency");
    let errors = [("fail", false), ("collect", true)];
    let collects = fields.get("errors").and_then(|node| one_of(node, "a way to take errors", &errors, report));
    Some(Each {
        items: items?.clone(),
        name: name.unwrap_or_else(|| Spanned::new("item".to_owned(), fields.at())),
        key: key?.clone(),
        concurrency: concurrency.and_then(|node| count(node, "`concurrency`", EACH_CONCURRENCY_MAX, report)),
        collects: collects.unwrap_or(false),
    })
}

fn emit(node: &Node, report: &mut Report) -> Option<Emit> {
    let fields = Fields::open(node, "`emit`", &["event", "key", "data"], report)?;
    let event = fields.need("event", "order.paid", report).and_then(|node| text(node, "`event`", report));
    let key = fields.need("key", "$.event.Id", report);
    Some(Emit { event: event?, key: key?.clone(), data: fields.get("data").cloned() })
}

fn link(node: &Node, report: &mut Report) -> Option<Link> {
    let fields = Fields::open_near(node, "`link`", (&["table", "key", "to", "replace"], near::LINK), report)?;
    let table = fields.need("table", "contacts", report);
    let key = fields.need("key", "$.event.Id", report);
    let to = fields.need("to", "$.submit.payee_id", report);
    let replace = fields.get("replace").map_or(Some(false), |node| flag(node, "`replace`", report));
    Some(Link { table: table?.clone(), key: key?.clone(), to: to?.clone(), replace: replace? })
}

fn rule(node: &Node, report: &mut Report) -> Option<Rule> {
    let fields = Fields::open_near(node, "a rule", (&["field", "is", "rhai", "class", "say"], near::RULE), report)?;
    let class = fields.get("class").map_or(Some(ErrorClass::Invalid), |node| arm::class(node, report))?;
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
