//! From a pipeline to a plan: every expression compiled, every name found, no circle.

use std::collections::BTreeSet;

use ferry_contract::{
    catalog::Catalog,
    expression::{Compiler, Expression},
    failure::ErrorClass,
    key::Digest,
    number,
    path::Path,
    report::{Report, Spanned},
    script::{Form, Rules, Script},
    suggest,
    template::Template,
    yaml::Node,
};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{Arm, Call, Plan, Probe, Reaction, Step, StepIndex, Trigger, Work, graph::Graph};
use crate::{
    eval::{
        Mapping,
        check::{self, Rule},
    },
    language::{self, Pipeline},
    limits::STEPS_MAX,
    project::Project,
};

/// What a value may read, by where it is written.
pub(crate) struct Roots;

impl Roots {
    /// In every step.
    pub(crate) const ALWAYS: [&'static str; 2] = ["event", "vars"];
    /// In an `on_error` arm.
    pub(crate) const IN_ARM: &'static str = "error";
    /// In the condition of a question.
    pub(crate) const IN_PROBE: &'static str = "result";
    /// In the condition of a hold.
    pub(crate) const IN_HOLD: &'static str = "reserved";
}

/// Compiles a pipeline; nothing where a finding was reported.
pub(crate) fn compile(
    pipeline: &Pipeline,
    project: &Project,
    catalog: &Catalog,
    rules: &Rules,
    report: &mut Report,
) -> Option<Plan> {
    let mut builder =
        Builder { project, catalog, rules, report, steps: Vec::new(), names: Vec::new(), main: Vec::new() };
    let written = pipeline.all_steps();
    if written.len() > STEPS_MAX {
        let message = format!("the pipeline has {} steps, and {STEPS_MAX} are the most", written.len());
        builder.report.error("invalid-value", written[STEPS_MAX].id.at, message, "split it into several pipelines");
        return None;
    }
    builder.main = pipeline.steps.iter().map(|step| step.id.value.clone()).collect();
    builder.names = written.iter().map(|step| step.id.value.clone()).collect();
    let trigger = builder.trigger(&pipeline.trigger);
    let complete = builder.steps(&pipeline.steps, None);
    let steps = builder.steps;
    let graph = Graph::new(&steps);
    graph.report_cycles(&written, report);
    // What comes before a step is known only where the step compiles.
    complete?;
    graph.report_unreachable(&steps, &written, report);
    let index = steps.iter().enumerate().map(|(index, step)| (step.id.clone(), index)).collect();
    Some(Plan {
        pipeline: pipeline.name.value.clone(),
        version: version(pipeline, project),
        trigger: trigger?,
        steps,
        index,
        vars: project.vars.clone(),
        alert: pipeline.alert.as_ref().map(|alert| alert.value.clone()),
    })
}

/// The pipeline, the values and the tables: what a run's own decisions depend on. Connections and
/// manifests may change under a run; a call remembers where it went.
fn version(pipeline: &Pipeline, project: &Project) -> Digest {
    let tables: Map<String, Value> =
        project.tables.iter().map(|(name, table)| (name.clone(), table.rows.clone().into_iter().collect())).collect();
    Digest::of(format!("{}\n{}\n{}", pipeline.source.text, project.vars, Value::Object(tables)))
}

struct Builder<'a> {
    project: &'a Project,
    catalog: &'a Catalog,
    rules: &'a Rules,
    report: &'a mut Report,
    steps: Vec<Step>,
    /// All steps, in the order of the file.
    names: Vec<String>,
    /// The steps outside arms, which all others may read.
    main: Vec<String>,
}

/// What the values of one step may read.
struct Scope<'a> {
    names: Vec<&'a str>,
}

impl<'a> Scope<'a> {
    fn with(&self, more: &[&'a str]) -> Self {
        Self { names: self.names.iter().copied().chain(more.iter().copied()).collect() }
    }
}

impl Builder<'_> {
    fn steps(&mut self, written: &[language::Step], home: Option<(StepIndex, usize)>) -> Option<Vec<StepIndex>> {
        let siblings: Vec<&str> = written.iter().map(|step| step.id.value.as_str()).collect();
        let names = self.main.clone();
        let mut scope = Scope { names: Roots::ALWAYS.into_iter().chain(names.iter().map(String::as_str)).collect() };
        if home.is_some() {
            scope = scope.with(&[Roots::IN_ARM]).with(&siblings);
        }
        let mut indices = Vec::new();
        let mut complete = true;
        for step in written {
            match self.step(step, home, &scope) {
                Some(index) => indices.push(index),
                None => complete = false,
            }
        }
        complete.then_some(indices)
    }

    fn step(
        &mut self,
        written: &language::Step,
        home: Option<(StepIndex, usize)>,
        scope: &Scope<'_>,
    ) -> Option<StepIndex> {
        let when = written.when.as_ref().map(|when| self.script(when, Form::Expression, scope));
        let work = self.work(&written.work, scope);
        let index = self.steps.len();
        let work = work.unwrap_or(Work::Check(Vec::new()));
        let complete =
            when.as_ref().is_none_or(Option::is_some) && !matches!(&work, Work::Check(rules) if rules.is_empty());
        let mut needs: Vec<StepIndex> = written.needs.iter().filter_map(|need| self.need(need, scope)).collect();
        let mut read = |root: &str| needs.extend(self.names.iter().position(|name| name == root));
        when.iter().flatten().for_each(|when| when.variables().iter().for_each(|name| read(name)));
        work.roots(&mut read);
        let needs = unique(needs);
        self.steps.push(Step {
            id: written.id.value.clone(),
            needs,
            when: when.flatten(),
            work,
            arms: Vec::new(),
            home,
        });
        let mut arms = Vec::new();
        for (number, arm) in written.on_error.iter().enumerate() {
            arms.push(self.arm(arm, (index, number), scope));
        }
        let arms: Vec<Arm> = arms.into_iter().collect::<Option<_>>()?;
        let mut held = Vec::new();
        for arm in &arms {
            arm.reaction.roots(&mut |root| held.extend(self.names.iter().position(|name| name == root)));
        }
        let step = &mut self.steps[index];
        step.needs = unique(step.needs.iter().copied().chain(held).collect());
        step.arms = arms;
        complete.then_some(index)
    }

    fn need(&mut self, need: &Spanned<String>, scope: &Scope<'_>) -> Option<StepIndex> {
        let visible = scope.names.contains(&need.value.as_str());
        let found = self.names.iter().position(|name| *name == need.value && visible);
        if found.is_none() {
            let known = scope.names.iter().copied().filter(|name| self.names.iter().any(|step| step == name));
            let help = suggest::help(&need.value, &known.collect::<Vec<_>>());
            let message = format!("there is no step `{}` to wait for here", need.value);
            self.report.error("unknown-step", need.at, message, help);
        }
        found
    }

    fn work(&mut self, work: &language::Work, scope: &Scope<'_>) -> Option<Work> {
        Some(match work {
            language::Work::Action { action, with } => Work::Call(self.call(action, with.as_ref(), scope)?),
            language::Work::Map(value) => Work::Map(self.expression(value, scope)?),
            language::Work::Script(script) => Work::Script(self.script(script, Form::Statements, scope)?),
            language::Work::Check(rules) => {
                let rules: Vec<_> = rules.iter().map(|rule| self.rule(rule, scope)).collect();
                Work::Check(rules.into_iter().collect::<Option<_>>()?)
            }
            language::Work::Wait(wait) => {
                let until = scope.with(&[Roots::IN_PROBE]);
                Work::Wait { probe: self.probe(&wait.probe, scope, &until)?, timeout: wait.timeout }
            }
        })
    }

    fn arm(&mut self, arm: &language::Arm, place: (StepIndex, usize), scope: &Scope<'_>) -> Option<Arm> {
        let reaction = match &arm.reaction {
            language::Reaction::Hold { what, probe, alert } => {
                let until = scope.with(&[Roots::IN_PROBE, Roots::IN_HOLD]);
                let (what, probe) = (self.expression(what, scope), self.probe(probe, scope, &until));
                let alert = alert.as_ref().map(|alert| alert.value.clone());
                Reaction::Hold { what: what?, probe: Box::new(probe?), alert }
            }
            language::Reaction::Do { steps, then } => {
                Reaction::Do { steps: self.steps(steps, Some(place))?, then: *then }
            }
        };
        Some(Arm { classes: arm.classes.iter().map(|class| class.value).collect(), reaction })
    }

    fn probe(&mut self, probe: &language::Probe, scope: &Scope<'_>, until: &Scope<'_>) -> Option<Probe> {
        let call = self.call(&probe.action, probe.with.as_ref(), scope);
        let until = self.script(&probe.until, Form::Expression, until);
        let call = call?;
        if call.effect.is_write() {
            let message = format!("`{}` writes, and a question is asked again and again", probe.action.value);
            self.report.error("write-in-question", probe.action.at, message, "ask with an action that only reads");
        }
        Some(Probe { call, every: probe.every, until: until? })
    }

    /// `lint` has reported an unknown connection or action.
    fn call(&mut self, action: &Spanned<String>, with: Option<&Node>, scope: &Scope<'_>) -> Option<Call> {
        let with = match with {
            Some(node) => self.expression(node, scope),
            None => Some(Expression::Literal(Value::Object(Map::new()))),
        };
        let (connection, name) = action.value.split_once('.')?;
        let connector = &self.project.connections.get(connection)?.connector.value;
        let known = self.catalog.action(connector, name)?;
        Some(Call {
            connection: connection.to_owned(),
            action: name.to_owned(),
            effect: known.effect.clone(),
            backoff: known.backoff.clone(),
            with: with?,
        })
    }

    fn rule(&mut self, rule: &language::Rule, scope: &Scope<'_>) -> Option<Rule> {
        let test = match &rule.test {
            language::Test::Rhai(script) => self.script(script, Form::Expression, scope).map(check::Test::Rhai),
            language::Test::Field { field, is } => self
                .compiler(scope, |compiler| compiler.path(field))
                .map(|field| check::Test::Field { field, is: self::is(is) }),
        };
        let say = rule.say.as_ref().map(|say| self.compiler(scope, |compiler| compiler.template(say)));
        Some(Rule { test: test?, class: rule.class, say: say.map_or(Some(None), |say| say.map(Some))? })
    }

    fn trigger(&mut self, trigger: &language::Trigger) -> Option<Trigger> {
        let scope = Scope { names: vec!["vars"] };
        let poll = &trigger.poll;
        let call = self.call(&poll.action, poll.with.as_ref(), &scope);
        let mut event_path = |node: &Node| -> Option<Path> {
            let mut compiler = Compiler {
                rules: self.rules,
                dialect: &Mapping { tables: &self.project.tables },
                names: &[],
                roots: None,
                report: self.report,
            };
            compiler.path(node)
        };
        let (field, tie_break) = (event_path(&poll.cursor.field), event_path(&poll.cursor.tie_break));
        let key = event_path(&trigger.key);
        let revision = trigger.revision.as_ref().map(event_path);
        let call = call?;
        self.pollable(&poll.action)?;
        Some(Trigger {
            connection: call.connection,
            action: call.action,
            with: call.with,
            every: poll.every,
            cursor_field: field?,
            cursor_tie_break: tie_break?,
            lookback: poll.cursor.lookback,
            key: key?,
            revision: revision.map_or(Some(None), |revision| revision.map(Some))?,
        })
    }

    fn pollable(&mut self, action: &Spanned<String>) -> Option<()> {
        let (connection, name) = action.value.split_once('.')?;
        let connector = &self.project.connections.get(connection)?.connector.value;
        if self.catalog.action(connector, name)?.items {
            return Some(());
        }
        let actions = self.catalog.connectors.get(connector)?.actions.iter();
        let known: Vec<String> =
            actions.filter(|(_, action)| action.items).map(|(name, _)| format!("{connection}.{name}")).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = format!("`{}` cannot be polled: its manifest names no items", action.value);
        self.report.error("unknown-action", action.at, message, suggest::help(&action.value, &known));
        None
    }

    fn expression(&mut self, node: &Node, scope: &Scope<'_>) -> Option<Expression> {
        self.compiler(scope, |compiler| compiler.expression(node))
    }

    fn script(&mut self, node: &Node, form: Form, scope: &Scope<'_>) -> Option<Script> {
        self.compiler(scope, |compiler| compiler.script(node, form))
    }

    fn compiler<T>(&mut self, scope: &Scope<'_>, use_it: impl FnOnce(&mut Compiler<'_>) -> T) -> T {
        use_it(&mut Compiler {
            rules: self.rules,
            dialect: &Mapping { tables: &self.project.tables },
            names: &scope.names,
            roots: Some(&scope.names),
            report: self.report,
        })
    }
}

impl Work {
    fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        match self {
            Self::Call(call) => call.with.roots(visit),
            Self::Map(value) => value.roots(visit),
            Self::Script(script) => script.variables().iter().for_each(|name| visit(name)),
            Self::Check(rules) => rules.iter().for_each(|rule| {
                match &rule.test {
                    check::Test::Field { field, .. } => field.root().into_iter().for_each(&mut *visit),
                    check::Test::Rhai(script) => script.variables().iter().for_each(|name| visit(name)),
                }
                rule.say.iter().flat_map(Template::paths).filter_map(Path::root).for_each(&mut *visit);
            }),
            Self::Wait { probe, .. } => probe.roots(visit),
        }
    }
}

impl Probe {
    fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        self.call.with.roots(visit);
        self.until.variables().iter().for_each(|name| visit(name));
    }
}

impl Reaction {
    /// What a hold reads; the steps of an arm have needs of their own.
    fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        match self {
            Self::Hold { what, probe, .. } => {
                what.roots(visit);
                probe.roots(visit);
            }
            Self::Do { .. } => {}
        }
    }
}

fn is(is: &language::Is) -> check::Is {
    let decimal =
        |node: &Option<Node>| -> Option<Decimal> { number::text_to_decimal(&node.as_ref()?.to_value().to_string()) };
    match is {
        language::Is::Present => check::Is::Present,
        language::Is::Email => check::Is::Email,
        language::Is::Decimal { above, at_most, scale } => {
            check::Is::Decimal { above: decimal(above), at_most: decimal(at_most), scale: *scale }
        }
        language::Is::OneOf(values) => check::Is::OneOf(values.iter().map(Node::to_value).collect()),
    }
}

fn unique(mut needs: Vec<StepIndex>) -> Vec<StepIndex> {
    needs.sort_unstable();
    needs.dedup();
    needs
}

/// Classes are unique over the arms of a step, so the first match is the only one.
pub(crate) fn repeated_class(arms: &[language::Arm]) -> Option<&Spanned<ErrorClass>> {
    let mut seen = BTreeSet::new();
    arms.iter().flat_map(|arm| &arm.classes).find(|class| !seen.insert(class.value))
}
