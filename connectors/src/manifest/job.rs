//! The `job` of an action: work that a target does by itself, and for which several actions of the connector are called one
//! after the other, such as to ask for it, to look how far it is, and to fetch what came of it.

use std::{collections::BTreeMap, time::Duration};

use ferry_contract::{
    catalog::Action,
    expression::Expression,
    failure::ErrorClass,
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
        let hosts: BTreeMap<String, String> = calls
            .iter()
            .filter(|(_, call)| call.job.is_none() && call.bundle.is_none())
            .map(|(name, call)| (name.clone(), call.request.host.clone()))
            .collect();
        let bundled: Vec<String> =
            calls.iter().filter(|(_, call)| call.bundle.is_some()).map(|(name, _)| name.clone()).collect();
        for (name, call) in calls {
            let Some(job) = &call.job else { continue };
            let of_files = |stage: &Stage| actions.get(&stage.action).is_some_and(|action| action.uses_files);
            let uses_files =
                job.parts.is_some() || job.steps.iter().any(|stage| stage.rows.is_some() || of_files(stage));
            actions.get_mut(name).into_iter().for_each(|action| action.uses_files = uses_files);
            for stage in &job.steps {
                let is_write = actions.get(&stage.action).is_some_and(|action| action.effect.is_write());
                let is_together = stage.rows.is_some() && bundled.contains(&stage.action);
                if !is_together && !hosts.contains_key(&stage.action) && actions.contains_key(&stage.action) {
                    let message = format!("`{}` is a job itself, or travels with others in a bundle", stage.action);
                    self.report.error("invalid-value", stage.at, message, "name actions that are one request each");
                }
                if stage.takes_effect && !(is_write && stage.until.is_none()) {
                    let message = format!("`{}` only reads, or is called again and again", stage.action);
                    let help = "set `takes_effect` at the one write after which the target acts";
                    self.report.error("invalid-value", stage.at, message, help);
                }
            }
            let has_effect = job.steps.iter().any(|stage| stage.takes_effect);
            if has_effect != call.is_write {
                let message = if call.is_write {
                    "nothing says from which step on the job may have been done"
                } else {
                    "a job that only reads takes no effect"
                };
                let help =
                    "set `takes_effect: true` at the step after which the target acts, where `effect` is a write";
                self.report.error("invalid-value", job.steps[0].at, message, help);
            }
            if let Some(host) = job.steps.iter().find_map(|stage| hosts.get(&stage.action)) {
                call.request.host.clone_from(host);
            }
        }
    }
}
