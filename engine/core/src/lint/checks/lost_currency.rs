//! `lost-currency`: an amount that goes on without its currency; `mixed-currencies`: amounts whose currencies may differ.

use ferry_contract::{report::Report, script::Script, yaml::Node};

use super::{Check, On, reading};
use crate::{
    eval::check::Test,
    language::{Step as WrittenStep, Work as WrittenWork},
    lint::{
        Context,
        reads::{self, Read, Sources},
        written::{self, Entries, is_amount, is_currency},
    },
    plan::{Plan, Work},
};

pub(super) const CHECK: Check =
    Check { name: "lost-currency", page: include_str!("lost_currency.md"), on: On::Plan(check) };
/// The same look finds both.
pub(super) const MIXED: Check = reading("mixed-currencies", include_str!("mixed_currencies.md"));

/// An amount, and the fields that say its currency.
struct Amount {
    read: Read,
    currencies: Vec<Vec<String>>,
}

impl Amount {
    /// Where its currency is written, as a person reads it.
    fn currency(&self) -> String {
        self.currencies.first().map(|names| names.join(".")).unwrap_or_default()
    }
}

struct Look<'a> {
    sources: Sources<'a>,
    /// The text of all conditions and rules: what compares two currencies has seen to it.
    conditions: Vec<&'a str>,
}

fn check(cx: &Context<'_>, plan: &Plan, report: &mut Report) {
    let look = Look { sources: Sources::new(cx, plan), conditions: conditions(plan) };
    for (step, written) in plan.steps.iter().zip(cx.pipeline.all_steps()) {
        if let Work::Call(call) = &step.work
            && call.effect.is_write()
            && let Some(with) = sent(cx, written)
        {
            written::maps(with).into_iter().for_each(|entries| look.lost(entries, with, report));
        }
    }
    for value in written::values(cx.pipeline) {
        written::maps(value).into_iter().for_each(|entries| look.mixed(entries, report));
    }
    scripts(plan).into_iter().for_each(|script| look.reckoned(script, report));
}

/// The input of a call, or the map step that is the whole of it.
fn sent<'a>(cx: &Context<'a>, step: &'a WrittenStep) -> Option<&'a Node> {
    let with = written::value(step)?;
    let Some(id) = with.text().and_then(|text| text.strip_prefix("$.")) else { return Some(with) };
    let source = cx.pipeline.all_steps().into_iter().find(|step| step.id.value == id)?;
    matches!(source.work, WrittenWork::Map(_)).then(|| written::value(source)).flatten()
}

impl Look<'_> {
    /// What a value takes, where it is an amount that has a currency beside it.
    fn amount(&self, read: Read) -> Option<Amount> {
        if !is_amount(read.last()) {
            return None;
        }
        let beside = self.sources.fields(read.parent());
        let of = |name: String| [read.parent(), &[name]].concat();
        let currencies: Vec<_> = beside.into_iter().filter(|name| is_currency(name)).map(of).collect();
        (!currencies.is_empty()).then_some(Amount { read, currencies })
    }

    /// An amount that a write sends, where nothing in all of the input is its currency.
    fn lost(&self, entries: Entries<'_>, with: &Node, report: &mut Report) {
        if entries.iter().any(|(name, _)| is_currency(&name.value)) {
            return;
        }
        for (name, value) in entries.iter().filter(|(name, _)| is_amount(&name.value)) {
            let Some(amount) = written::read(value).and_then(|read| self.amount(read)) else { continue };
            if amount.currencies.iter().any(|currency| written::names(with, currency)) {
                continue;
            }
            let (read, currency) = (amount.read.text(), amount.currency());
            let message = format!("`{}` gets `{read}`, and its currency `{currency}` stays behind", name.value);
            let help = format!("send it too, such as `{}: $.{currency}`", currency_field(&amount));
            report.warning(CHECK.name, name.at, message, help);
        }
    }

    /// An amount beside a currency that is another one's.
    fn mixed(&self, entries: Entries<'_>, report: &mut Report) {
        // Of several amounts nobody knows whose the currency is.
        let only = |is_named: fn(&str) -> bool| {
            let mut named = entries.iter().filter(move |(name, _)| is_named(&name.value));
            named.next().filter(|_| named.next().is_none())
        };
        let (Some((name, currency)), Some((_, amount))) = (only(is_currency), only(is_amount)) else { return };
        let Some(amount) = written::read(amount).and_then(|read| self.amount(read)) else { return };
        // A constant may be what the trigger has asked for.
        let Some(other) = written::read(currency).map(|read| read.text()) else { return };
        let own: Vec<String> = amount.currencies.iter().map(|names| names.join(".")).collect();
        if own.contains(&other) || self.is_compared(&own, &other) {
            return;
        }
        let message = format!("`{}` is in `{}`, and `{}` says `{other}`", amount.read.text(), own[0], name.value);
        let help = format!(
            "take `$.{}`, convert the amount with `convert`, or refuse others: `check: [ {{ rhai: … }} ]`",
            own[0]
        );
        report.warning(MIXED.name, currency.at, message, help);
    }

    /// Two amounts in one script, which does not look at their currencies.
    fn reckoned(&self, script: &Script, report: &mut Report) {
        let amounts = reads::of_script(script).into_iter().filter_map(|read| self.amount(read));
        let amounts: Vec<Amount> = amounts.collect();
        let Some((first, rest)) = amounts.split_first() else { return };
        let Some(second) = rest.iter().find(|other| other.read.parent() != first.read.parent()) else { return };
        let own: Vec<String> = first.currencies.iter().map(|names| names.join(".")).collect();
        let is_seen = second.currencies.iter().any(|names| self.is_compared(&own, &names.join(".")));
        if is_seen || own.iter().any(|currency| script.text().contains(currency.as_str())) {
            return;
        }
        let (one, other) = (first.read.text(), second.read.text());
        let message = format!(
            "`{one}` and `{other}` may be in two currencies, and nothing compares `{}` with `{}`",
            own[0],
            second.currency()
        );
        let help = format!(
            "look before: `check: [ {{ rhai: {} == {}, say: … }} ]`, or convert one of them",
            own[0],
            second.currency()
        );
        report.warning(MIXED.name, second.read.at, message, help);
    }

    /// Whether a condition reads one of these currencies and another one, or a code.
    fn is_compared(&self, own: &[String], other: &str) -> bool {
        let reads = |text: &str| own.iter().any(|currency| text.contains(currency.as_str())) && text.contains(other);
        self.conditions.iter().any(|text| reads(text))
    }
}

/// The name of the target's field, as its source has it.
fn currency_field(amount: &Amount) -> &str {
    amount.currencies.first().and_then(|names| names.last()).map_or("currency", String::as_str)
}

fn conditions(plan: &Plan) -> Vec<&str> {
    let whens = plan.steps.iter().filter_map(|step| step.when.as_ref()).map(Script::text);
    whens.chain(rules(plan).map(Script::text)).collect()
}

fn rules(plan: &Plan) -> impl Iterator<Item = &Script> {
    let rules = plan.steps.iter().flat_map(|step| match &step.work {
        Work::Check(rules) => rules.as_slice(),
        _ => &[],
    });
    rules.filter_map(|rule| match &rule.test {
        Test::Rhai(script) => Some(script),
        Test::Field { .. } => None,
    })
}

/// All scripts of the steps: conditions, rules, and values.
fn scripts(plan: &Plan) -> Vec<&Script> {
    let mut found: Vec<&Script> = plan.steps.iter().filter_map(|step| step.when.as_ref()).chain(rules(plan)).collect();
    for step in &plan.steps {
        match &step.work {
            Work::Script(script) => found.push(script),
            Work::Map(value) | Work::Pipeline { with: value, .. } | Work::Emit { data: value, .. } => {
                reads::scripts(value, &mut found);
            }
            Work::Call(call) => reads::scripts(&call.with, &mut found),
            Work::Check(_)
            | Work::Wait(_)
            | Work::Approve(_)
            | Work::Alert { .. }
            | Work::Link { .. }
            | Work::Reconcile(_) => {}
        }
    }
    found
}
