//! The `job` of an action: work that a target does by itself, and for which several actions of the connector are called one
//! after the other, such as to ask for it, to look how far it is, and to fetch what came of it.

use std::{collections::BTreeMap, time::Duration};

use ferry_contract::{
    catalog::{Action, Effect, Repeat},
    expression::Expression,
    failure::ErrorClass,
    limits::LEASE,
    path::Path,
    report::At,
    script::Script,
    yaml::{
        Node,
        read::{Fields, list, map, text, whole},
    },
};

use super::{Call, read::Reader};
use crate::limits::{JOB_LOOK_DEFAULT, JOB_PART_MIN_BYTES};

/// Actions that are called one after the other, because the target works by itself.
#[derive(Debug)]
pub struct Job {
    /// A table that is too large for one job goes in several, each with its head.
    pub parts: Option<Parts>,
    /// In their order.
    pub steps: Vec<Stage>,
}

/// The table that goes in parts.
#[derive(Debug)]
pub struct Parts {
    /// Where the input names it.
    pub file: Path,
    /// The most that one part has, with its head.
    pub max_bytes: u64,
}

/// One action of a job.
#[derive(Debug)]
pub struct Stage {
    /// Where it is written.
    pub at: At,
    /// The name of its output.
    pub id: String,
    /// The action of the same connector.
    pub action: String,
    /// Its input; what is null is left out.
    pub with: Vec<(String, Expression)>,
    /// The table for each of whose rows it is called.
    pub rows: Option<Rows>,
    /// Whether it is called at all.
    pub when: Option<Script>,
    /// Whether the target acts from here on.
    pub takes_effect: bool,
    /// It is called again until this holds.
    pub until: Option<Until>,
    /// What must hold of its output, in order.
    pub rules: Vec<StageRule>,
}

/// A table whose rows are calls.
#[derive(Debug)]
pub struct Rows {
    /// It, as a path in the project's files; of a job in parts, the part of it.
    pub file: Expression,
    /// The text of a cell that is null.
    pub null: Option<String>,
    /// Where the rows go that were refused.
    pub failed_file: Option<Expression>,
    /// The name of the column that says why.
    pub failed_column: String,
}

/// How long an action is called again.
#[derive(Debug)]
pub struct Until {
    /// The condition on the names of all steps so far, its own among them.
    pub passes: Script,
    /// How long to wait before it is called again.
    pub every: Duration,
}

/// One condition on what a step gave.
#[derive(Debug)]
pub struct StageRule {
    /// The condition.
    pub passes: Script,
    /// The class of a job that does not pass.
    pub class: ErrorClass,
    /// Why, in words.
    pub message: Expression,
}

/// What steps read beside those before them: `part` where a table goes in parts, `row` where each row is a call.
const OWN_NAMES: [&str; 4] = ["input", "connection", "part", "row"];

impl Reader<'_> {
    pub(super) fn job(&mut self, node: &Node, known: &[&str]) -> Option<Job> {
        let fields = Fields::open(node, "`job`", &["parts", "steps"], self.report)?;
        let parts = match fields.get("parts") {
            Some(node) => Some(self.parts(node)?),
            None => None,
        };
        let steps = fields.need("steps", "[ { id: made, action: create_report } ]", self.report)?;
        let own = ["input", "connection"].into_iter().chain(parts.is_some().then_some("part"));
        let mut names: Vec<String> = own.map(str::to_owned).collect();
        let mut stages = Vec::new();
        for node in list(steps, "`steps`", self.report)? {
            let stage = self.stage(node, known, &mut names)?;
            stages.push(stage);
        }
        if stages.is_empty() {
            self.report.error("missing-key", steps.at, "a job without steps does nothing", "name the actions to call");
            return None;
        }
        Some(Job { parts, steps: stages })
    }

    fn parts(&mut self, node: &Node) -> Option<Parts> {
        let fields = Fields::open(node, "`parts`", &["file", "max_bytes"], self.report)?;
        let file = fields.need("file", "$.file", self.report).and_then(|node| self.path(node));
        let max_bytes = fields.need("max_bytes", "100000000", self.report)?;
        let max = whole(max_bytes, "`max_bytes`", self.report)?;
        if max < JOB_PART_MIN_BYTES {
            let message = format!("a part has at least {JOB_PART_MIN_BYTES} bytes, and `max_bytes` is {max}");
            self.report.error("invalid-value", max_bytes.at, message, "write what the vendor takes in one upload");
        }
        Some(Parts { file: file?, max_bytes: max })
    }

    fn stage(&mut self, node: &Node, known: &[&str], names: &mut Vec<String>) -> Option<Stage> {
        let keys = ["id", "rows", "action", "with", "when", "takes_effect", "until", "every", "rules"];
        let fields = Fields::open(node, "a step of a job", &keys, self.report)?;
        let own = fields.need("id", "made", self.report).and_then(|node| text(node, "`id`", self.report))?;
        let is_letter = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_';
        if !own.value.starts_with(|sign: char| sign.is_ascii_lowercase()) || !own.value.chars().all(is_letter) {
            let message = format!("`{}` is no name that a rule can read", own.value);
            self.report.error("invalid-value", own.at, message, "write it like `made` or `made_2`");
            return None;
        }
        if names.contains(&own.value) || OWN_NAMES.contains(&own.value.as_str()) {
            let message = format!("`{}` is the name of another step, or of what every step reads", own.value);
            self.report.error("invalid-value", own.at, message, "give it another name");
            return None;
        }
        let before: Vec<&str> = names.iter().map(String::as_str).collect();
        let when = match fields.get("when") {
            Some(node) => Some(self.condition(node, &before)?),
            None => None,
        };
        let rows = match fields.get("rows") {
            Some(node) => Some(self.rows(node, &before)?),
            None => None,
        };
        let of_row = [before.as_slice(), &["row"]].concat();
        let seen = if rows.is_some() { &of_row } else { &before };
        let with = fields.get("with").and_then(|node| map(node, "`with`", self.report)).unwrap_or_default();
        let mut inputs = Vec::new();
        for (name, node) in with {
            inputs.push((name.value.clone(), self.compiler(seen).expression(node)?));
        }
        names.push(own.value.clone());
        let after: Vec<&str> = names.iter().map(String::as_str).collect();
        let until = match fields.get("until") {
            Some(node) => Some(Until {
                passes: self.condition(node, &after)?,
                every: self.duration_of(fields, "every").unwrap_or(JOB_LOOK_DEFAULT),
            }),
            None => None,
        };
        let rules = fields.get("rules").and_then(|node| list(node, "`rules`", self.report)).unwrap_or_default();
        let rules = rules.iter().map(|node| self.stage_rule(node, &after)).collect::<Option<_>>()?;
        let (action, takes_effect) = (self.action_name(fields, known)?, self.flag(fields, "takes_effect"));
        Some(Stage { at: node.at, id: own.value, rows, action, with: inputs, when, takes_effect, until, rules })
    }

    fn rows(&mut self, node: &Node, names: &[&str]) -> Option<Rows> {
        let fields = Fields::open(node, "`rows`", &["file", "null", "failed_file", "failed_column"], self.report)?;
        let file = fields.need("file", "$.input.file", self.report)?;
        let file = self.compiler(names).expression(file);
        let failed_file = match fields.get("failed_file") {
            Some(node) => Some(self.compiler(names).expression(node)?),
            None => None,
        };
        let failed_column = self.text_of(fields, "failed_column").unwrap_or_else(|| "error".to_owned());
        Some(Rows { file: file?, null: self.text_of(fields, "null"), failed_file, failed_column })
    }

    fn stage_rule(&mut self, node: &Node, names: &[&str]) -> Option<StageRule> {
        let fields = Fields::open(node, "a rule of a job", &["passes", "class", "message"], self.report)?;
        let passes = fields.need("passes", "\"done.state == \\\"Complete\\\"\"", self.report)?;
        let class = fields.need("class", "rejected", self.report)?;
        let message = fields.need("message", "{ text: \"the job failed: {$.done.error}\" }", self.report)?;
        Some(StageRule {
            passes: self.condition(passes, names)?,
            class: self.class(class)?,
            message: self.compiler(names).expression(message)?,
        })
    }

    /// What is read of a job when it is done.
    pub(super) fn names_of_job(job: &Job) -> Vec<&str> {
        let steps = job.steps.iter().map(|step| step.id.as_str());
        let read = if job.parts.is_some() { vec!["parts"] } else { steps.collect() };
        ["input", "connection"].into_iter().chain(read).collect()
    }

    /// What only all actions together show: which of them a job calls, and when it takes effect.
    pub(super) fn check_jobs(&mut self, actions: &mut BTreeMap<String, Action>, calls: &mut BTreeMap<String, Call>) {
        let called = |call: &Call| Called {
            host: call.request.host.clone(),
            is_job: call.job.is_some(),
            is_bundled: call.bundle.is_some(),
            timeout: call.timeout,
        };
        let all: BTreeMap<String, Called> = calls.iter().map(|(name, call)| (name.clone(), called(call))).collect();
        for (name, call) in calls {
            let Some(job) = &call.job else { continue };
            let of_files = |stage: &Stage| {
                stage.rows.is_some() || actions.get(&stage.action).is_some_and(|action| action.uses_files)
            };
            let uses_files = job.parts.is_some() || job.steps.iter().any(of_files);
            for stage in &job.steps {
                if let (Some(action), Some(called)) = (actions.get(&stage.action), all.get(&stage.action)) {
                    self.check_stage(stage, &action.effect, called);
                }
            }
            if let Some(action) = actions.get_mut(name) {
                action.uses_files = uses_files;
                self.check_effect(job, &action.effect, (call.timeout, &all));
            }
            if let Some(called) = job.steps.iter().find_map(|stage| all.get(&stage.action)) {
                call.request.host.clone_from(&called.host);
            }
        }
    }

    fn check_stage(&mut self, stage: &Stage, effect: &Effect, called: &Called) {
        let name = &stage.action;
        let mut wrong = |message: String, help: &str| self.report.error("invalid-value", stage.at, message, help);
        if called.is_job || called.is_bundled && stage.rows.is_none() {
            let message = format!("`{name}` is a job itself, or travels with others in a bundle");
            wrong(message, "name actions that are one request each");
        }
        if stage.takes_effect && !(effect.is_write() && stage.until.is_none()) {
            let message = format!("`{name}` only reads, or is called again and again");
            wrong(message, "set `takes_effect` at the one write after which the target acts");
        }
        match effect {
            Effect::Write(Repeat::Keyed { .. }) => {
                let message = format!("the target knows a repeat of `{name}` by its key, and a step of a job has none");
                wrong(message, "call it in a step of a pipeline");
            }
            Effect::Write(Repeat::Lookup(_) | Repeat::Never) if !stage.takes_effect => {
                let message = format!("`{name}` writes, and would act again where it is called again");
                wrong(message, "set `takes_effect: true`, so that nothing is sent again after it");
            }
            Effect::Write(_) | Effect::Read => {}
        }
    }

    fn check_effect(&mut self, job: &Job, effect: &Effect, (timeout, all): (Duration, &BTreeMap<String, Called>)) {
        let at = job.steps[0].at;
        let mut wrong = |message: String, help: &str| self.report.error("invalid-value", at, message, help);
        let acting = || job.steps.iter().filter(|stage| stage.takes_effect);
        if acting().next().is_some() != effect.is_write() {
            let message = if effect.is_write() {
                "nothing says from which step on the job may have been done"
            } else {
                "a job that only reads takes no effect"
            };
            let help = "set `takes_effect: true` at the step after which the target acts, where `effect` is a write";
            wrong(message.to_owned(), help);
        }
        let longest = acting().filter_map(|stage| all.get(&stage.action)).map(|called| called.timeout).max();
        match effect {
            Effect::Write(Repeat::Keyed { .. }) => {
                let message = "a job has no request that carries its key".to_owned();
                wrong(message, "say what a repeat does with `upsert`, `lookup` or `never`");
            }
            Effect::Write(Repeat::Lookup(look_up))
                if look_up.proves_absence && look_up.visible_after <= timeout + longest.unwrap_or_default() + LEASE =>
            {
                let message = "`visible_after` must be longer than the job's `timeout`, that of its longest step that takes \
                               effect, and an engine's lease together: it may still be under way";
                wrong(message.to_owned(), "make `visible_after` longer, or a `timeout` shorter");
            }
            Effect::Write(_) | Effect::Read => {}
        }
    }
}

/// What is known of an action that a job calls.
struct Called {
    host: String,
    is_job: bool,
    is_bundled: bool,
    timeout: Duration,
}
