//! From a pipeline to a plan: every expression compiled, every name found, no circle.

mod arm;
mod function;
pub(super) mod inputs;
mod reconcile;
mod roots;
mod trigger;
mod work;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use ferry_contract::{
    catalog::Catalog,
    expression::{Compiler, Expression},
    failure::ErrorClass,
    key::Digest,
    report::{Report, Spanned},
    script::{Form, Rules, Script},
    suggest,
    yaml::Node,
};
use serde_json::{Map, Value, json};

use super::{
    Each, Plan, Step, StepIndex, Work,
    graph::Graph,
    promised::{self, Promises},
    siblings::{Gives, Siblings},
    typing::Types,
};
use crate::{
    eval::Mapping,
    language::{self, Pipeline},
    limits::{EACH_CONCURRENCY_DEFAULT, STEPS_MAX},
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

/// What all pipelines of a project are compiled with.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    /// The project.
    pub(crate) project: &'a Project,
    /// The connectors.
    pub(crate) catalog: &'a Catalog,
    /// The Rhai engine.
    pub(crate) rules: &'a Rules,
    /// The other pipelines; nothing where they are not at hand.
    pub(crate) siblings: Option<&'a Siblings<'a>>,
}

impl<'a> Around<'a> {
    /// What is known of the runs of another pipeline. What is wrong with it is said in its own file.
    pub(super) fn gives(self, name: &str) -> Option<&'a Gives> {
        let make = |pipeline: &Pipeline| {
            let (made, _) = compiled(pipeline, self, &mut Report::new(&pipeline.source));
            made.map(|(_, gives)| gives)
        };
        self.siblings?.gives(name, make)
    }
}

/// Compiles a pipeline; nothing where a finding was reported. The second is what was found in the map files it uses.
pub(crate) fn compile(pipeline: &Pipeline, around: Around<'_>, report: &mut Report) -> (Option<Plan>, Vec<Report>) {
    let (made, used) = compiled(pipeline, around, report);
    (made.map(|(plan, _)| plan), used)
}

fn compiled(pipeline: &Pipeline, around: Around<'_>, report: &mut Report) -> (Option<(Plan, Gives)>, Vec<Report>) {
    let (used, inside) = (RefCell::default(), RefCell::default());
    let mapping = Mapping {
        tables: &around.project.tables,
        maps: &around.project.maps,
        broken: &around.project.broken,
        used,
        xref: &around.project.xref,
        reads_xref: Cell::new(false),
        uses: Cell::default(),
        inside,
    };
    let made = plan(pipeline, (around, &mapping), report);
    (made, mapping.used.into_inner())
}

fn plan(
    pipeline: &Pipeline,
    (around, mapping): (Around<'_>, &Mapping<'_>),
    report: &mut Report,
) -> Option<(Plan, Gives)> {
    let Around { project, catalog, rules, .. } = around;
    let mut builder =
        Builder { project, catalog, rules, mapping, report, steps: Vec::new(), names: Vec::new(), main: Vec::new() };
    let written = pipeline.all_steps();
    if written.len() > STEPS_MAX {
        let message = format!("the pipeline has {} steps, and {STEPS_MAX} are the most", written.len());
        builder.report.error("invalid-value", written[STEPS_MAX].id.at, message, "split it into several pipelines");
        return None;
    }
    builder.main = pipeline.steps.iter().map(|step| step.id.value.clone()).collect();
    builder.names = written.iter().map(|step| step.id.value.clone()).collect();
    let trigger = builder.trigger(&pipeline.trigger);
    let concurrency = pipeline.concurrency.as_ref().map(|concurrency| builder.concurrency(concurrency));
    let complete = builder.steps(&pipeline.steps, None, &[]);
    let output = pipeline.output.as_ref().map(|output| builder.output(output));
    let steps = builder.steps;
    let graph = Graph::new(&steps);
    let is_acyclic = graph.report_cycles(&written, report);
    // What comes before a step is known only where the step compiles.
    complete?;
    graph.report_unreachable(&steps, &written, report);
    let (trigger, output) = (trigger?, output.map_or(Some(None), |output| output.map(Some))?);
    let concurrency = concurrency.map_or(Some(None), |concurrency| concurrency.map(Some))?;
    let inputs = inputs::schema(&pipeline.inputs);
    inputs::report(&trigger, &pipeline.inputs, report);
    let gives = is_acyclic.then(|| {
        let types = Types::new(around, &trigger, &inputs, &steps, report);
        let (gives, others) = types.check((&trigger, concurrency.as_ref()), output.as_ref());
        mapping.used.borrow_mut().extend(others);
        gives
    });
    let mut steps = steps;
    let promises = promised::of(&mut steps);
    let index = steps.iter().enumerate().map(|(index, step)| (step.id.clone(), index)).collect();
    let plan = Plan {
        pipeline: pipeline.name.value.clone(),
        version: version(pipeline, project, &promises),
        inputs: inputs::as_they_come(inputs, &trigger),
        trigger,
        output,
        timeout: pipeline.timeout,
        concurrency,
        steps,
        index,
        vars: project.vars.clone(),
        alert: pipeline.alert.as_ref().map(|alert| alert.value.clone()),
        promises,
    };
    Some((plan, gives?))
}

/// The pipeline, the values, the tables and the parameters that it uses: what a run's own decisions depend on; and what
/// its writes are promised by their targets, which says whether they may be sent again. Connections, and how
/// manifests write requests, may change under a run; a call remembers where it went.
fn version(pipeline: &Pipeline, project: &Project, promises: &Promises) -> Digest {
    let tables: Map<String, Value> =
        project.tables.iter().map(|(name, table)| (name.clone(), table.to_value())).collect();
    let mut text = format!("{}\n{}\n{}", pipeline.source.text, project.vars, Value::Object(tables));
    let maps = project.maps.iter().map(|(name, map)| (name, &map.source));
    for (name, source) in maps.chain(project.scripts.iter().map(|(name, script)| (name, &script.source))) {
        text += &format!("\n{name}\n{}", source.text);
    }
    // Those in the values and the tables have been put there.
    let maps = project.maps.values().flat_map(|map| &map.params);
    let params = pipeline.params.iter().chain(maps).cloned().collect();
    if let Some(params) = project.params.fingerprint(&params) {
        text += &format!("\nparams\n{params}");
    }
    let writes: BTreeMap<_, _> = promises.iter().filter(|(_, promise)| promise.is_write()).collect();
    text += &format!("\n{}", json!(writes));
    Digest::of(text)
}

struct Builder<'a> {
    project: &'a Project,
    catalog: &'a Catalog,
    rules: &'a Rules,
    mapping: &'a Mapping<'a>,
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
    /// The steps of a pipeline or of an arm; `items` are the names of the item that an arm's step may read.
    fn steps(
        &mut self,
        written: &[language::Step],
        home: Option<(StepIndex, usize)>,
        items: &[&str],
    ) -> Option<Vec<StepIndex>> {
        let siblings: Vec<&str> = written.iter().map(|step| step.id.value.as_str()).collect();
        let names = self.main.clone();
        let mut scope = Scope { names: Roots::ALWAYS.into_iter().chain(names.iter().map(String::as_str)).collect() };
        if home.is_some() {
            scope = scope.with(&[Roots::IN_ARM]).with(&siblings).with(items);
        }
        let mut indices = Vec::new();
        let mut complete = true;
        for step in written {
            if let (Some(each), Some(_)) = (&step.each, home) {
                let help = "call a pipeline with the whole list: `pipeline: NAME` and `each` inside it";
                self.report.error("step-kind", each.items.at, "a step of an arm cannot be done for each item", help);
                complete = false;
            }
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
        let when = written.when.as_ref().map(|when| self.condition(when, scope));
        let each = written.each.as_ref().map(|each| self.with_xref(|this| this.each(each, scope)));
        let item: Vec<&str> = written.each.iter().map(|each| each.name.value.as_str()).collect();
        let inner = scope.with(&item);
        let work = self.work(written, &inner);
        let index = self.steps.len();
        let complete =
            when.as_ref().is_none_or(Option::is_some) && each.as_ref().is_none_or(Option::is_some) && work.is_some();
        let work = work.unwrap_or(Work::Check(Vec::new()));
        let mut needs: Vec<StepIndex> = written.needs.iter().filter_map(|need| self.need(need, scope)).collect();
        let mut read = |root: &str| needs.extend(self.names.iter().position(|name| name == root));
        when.iter().flatten().for_each(|when| when.variables().iter().for_each(|name| read(name)));
        each.iter().flatten().for_each(|each| each.roots(&mut read));
        work.roots(&mut read);
        let needs = unique(needs);
        self.steps.push(Step {
            id: written.id.value.clone(),
            needs,
            when: when.flatten(),
            each: each.flatten(),
            timeout: written.timeout,
            work,
            arms: Vec::new(),
            home,
        });
        let arms: Vec<_> = written
            .on_error
            .iter()
            .enumerate()
            .map(|(number, arm)| self.arm(arm, written, (index, number), (&inner, &item)))
            .collect();
        let arms: Vec<_> = arms.into_iter().collect::<Option<_>>()?;
        let mut read_by_arms = Vec::new();
        for arm in &arms {
            arm.reaction.roots(&mut |root| read_by_arms.extend(self.names.iter().position(|name| name == root)));
        }
        let step = &mut self.steps[index];
        step.needs = unique(step.needs.iter().copied().chain(read_by_arms).collect());
        step.arms = arms;
        complete.then_some(index)
    }

    fn each(&mut self, each: &language::Each, scope: &Scope<'_>) -> Option<Each> {
        let name = each.name.value.as_str();
        if scope.names.contains(&name) {
            let help = "choose another name with `as`, such as `order`";
            self.report.error("duplicate-id", each.name.at, format!("`{name}` has a meaning already"), help);
            return None;
        }
        let items = self.expression(&each.items, scope);
        let key = self.expression(&each.key, &scope.with(&[name]));
        let concurrency = each.concurrency.unwrap_or(EACH_CONCURRENCY_DEFAULT);
        Some(Each {
            items: items?,
            name: name.to_owned(),
            key: key?,
            concurrency: usize::try_from(concurrency).unwrap_or(1),
            collects: each.collects,
        })
    }

    fn output(&mut self, output: &Node) -> Option<Expression> {
        let names = self.main.clone();
        let scope = Scope { names: Roots::ALWAYS.into_iter().chain(names.iter().map(String::as_str)).collect() };
        self.expression(output, &scope)
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

    /// What is compiled here is evaluated when its step starts, which reads the pairs that it wants.
    fn with_xref<T>(&mut self, compile: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.mapping.reads_xref.replace(true);
        let compiled = compile(self);
        self.mapping.reads_xref.set(before);
        compiled
    }

    fn expression(&mut self, node: &Node, scope: &Scope<'_>) -> Option<Expression> {
        self.compiler(scope, |compiler| compiler.expression(node))
    }

    fn script(&mut self, node: &Node, form: Form, scope: &Scope<'_>) -> Option<Script> {
        self.compiler(scope, |compiler| compiler.script(node, form))
    }

    /// One that reads nothing is always the same.
    fn condition(&mut self, node: &Node, scope: &Scope<'_>) -> Option<Script> {
        let script = self.script(node, Form::Expression, scope)?;
        if script.variables().is_empty() {
            let message = format!("`{}` reads nothing, so it is always the same", script.text().trim());
            let help = "compare a value of the run, such as `event.Amount__c > 0`, or remove the condition";
            self.report.warning("constant-condition", node.at, message, help);
        }
        Some(script)
    }

    fn compiler<T>(&mut self, scope: &Scope<'_>, use_it: impl FnOnce(&mut Compiler<'_>) -> T) -> T {
        use_it(&mut Compiler {
            rules: self.rules,
            dialect: self.mapping,
            names: &scope.names,
            roots: Some(&scope.names),
            report: self.report,
        })
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
