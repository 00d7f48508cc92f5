//! What steps do.

use ferry_contract::{
    expression::{Compiler, Expression, Made, Operator},
    number,
    report::{At, Spanned},
    script::Form,
    yaml::{Kind, Node},
};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{Builder, Roots, Scope, function};
use crate::{
    eval::{
        self,
        check::{self, Rule},
        operators::xref,
    },
    language,
    plan::{Approve, Call, Correlation, Wait, Work},
    project::Project,
};

impl Builder<'_> {
    pub(super) fn work(&mut self, step: &language::Step, scope: &Scope<'_>) -> Option<Work> {
        Some(match &step.work {
            language::Work::Action { action, with } => {
                let once_per = step.once_per.as_ref().map(|key| self.expression(key, scope));
                let call = self.with_xref(|this| this.call(action, with.as_ref(), scope))?;
                Work::Call(Call { once_per: once_per.map_or(Some(None), |key| key.map(Some))?, ..call })
            }
            language::Work::Map(value) => Work::Map(self.with_xref(|this| this.expression(value, scope))?),
            language::Work::Script(script) => Work::Script(self.script(script, Form::Statements, scope)?),
            language::Work::Function(function) => {
                Work::Map(self.operator(function.name.at, scope, |project, compiler| {
                    function::compile(function, project, compiler)
                })?)
            }
            language::Work::Allocate(allocate) => {
                Work::Map(self.operator(allocate.by.at, scope, |project, compiler| {
                    eval::allocate::compile(allocate, project, compiler)
                })?)
            }
            language::Work::Alert(alert) => {
                let say = self.compiler(scope, |compiler| compiler.text(&alert.say))?;
                Work::Alert { to: alert.to.value.clone(), say }
            }
            language::Work::Check(rules) => {
                let rules: Vec<_> = rules.iter().map(|rule| self.rule(rule, scope)).collect();
                Work::Check(rules.into_iter().collect::<Option<_>>()?)
            }
            language::Work::Wait(wait) => Work::Wait(self.wait(wait, scope)?),
            language::Work::Approve(approve) => Work::Approve(self.with_xref(|this| this.approve(approve, scope))?),
            language::Work::Pipeline { name, with } => {
                let with = self.with_xref(|this| this.with(with.as_ref(), scope))?;
                Work::Pipeline { name: name.value.clone(), with }
            }
            language::Work::Link(link) => {
                let mapping = self.mapping;
                let table = self.compiler(scope, |compiler| xref::named(mapping, &link.table, compiler));
                let side = |node| self.with_xref(|this| this.expression(node, scope));
                let [key, to] = [&link.key, &link.to].map(side);
                Work::Link { table: table?.0.value, key: key?, to: to?, replace: link.replace }
            }
            language::Work::Reconcile(reconcile) => Work::Reconcile(Box::new(self.reconcile(reconcile, scope)?)),
            language::Work::Emit(emit) => {
                let (key, data) =
                    self.with_xref(|this| (this.expression(&emit.key, scope), this.with(emit.data.as_ref(), scope)));
                Work::Emit { event: emit.event.value.clone(), key: key?, data: data? }
            }
        })
    }

    /// A step whose value is that of one operator.
    fn operator(
        &mut self,
        at: At,
        scope: &Scope<'_>,
        compile: impl FnOnce(&Project, &mut Compiler<'_>) -> Option<Box<dyn Operator>>,
    ) -> Option<Expression> {
        let project = self.project;
        let operator = self.with_xref(|this| this.compiler(scope, |compiler| compile(project, compiler)))?;
        Some(Expression { at, made: Made::Operator(operator) })
    }

    fn wait(&mut self, wait: &language::Wait, scope: &Scope<'_>) -> Option<Wait> {
        Some(match wait {
            language::Wait::For(time) => Wait::For(*time),
            language::Wait::Poll { probe, wake, timeout } => {
                let until = scope.with(&[Roots::IN_PROBE]);
                let wake = wake.as_ref().map(|wake| self.correlation(wake, scope));
                let probe = self.probe(probe, scope, &until);
                let wake = wake.map_or(Some(None), |wake| wake.map(Some))?;
                Wait::Poll { probe: Box::new(probe?), wake, timeout: *timeout }
            }
            language::Wait::Event { event, timeout } => {
                Wait::Event { event: self.correlation(event, scope)?, timeout: *timeout }
            }
        })
    }

    fn correlation(&mut self, correlation: &language::Correlation, scope: &Scope<'_>) -> Option<Correlation> {
        let (theirs, ours) = (self.event_path(&correlation.theirs), self.expression(&correlation.ours, scope));
        Some(Correlation { event: correlation.event.value.clone(), theirs: theirs?, ours: ours? })
    }

    /// A name that is a group of `ferry.yaml` stands for its persons.
    fn approve(&mut self, approve: &language::Approve, scope: &Scope<'_>) -> Option<Approve> {
        let persons = |name: &Spanned<String>| {
            self.project.groups.get(&name.value).cloned().unwrap_or_else(|| vec![name.value.clone()])
        };
        let by = approve.by.iter().flat_map(persons).collect();
        let maker = approve.maker.as_ref().map(|maker| self.expression(maker, scope));
        let default = approve.maker.as_ref().and_then(|maker| maker.get("default"));
        let may_lack_maker = default.is_some_and(|default| matches!(default.kind, Kind::Null));
        let show = self.with(approve.show.as_ref(), scope);
        Some(Approve {
            by,
            maker: maker.map_or(Some(None), |maker| maker.map(Some))?,
            may_lack_maker,
            show: show?,
            expires: approve.expires,
        })
    }

    /// `lint` has reported an unknown connection or action.
    pub(super) fn call(&mut self, action: &Spanned<String>, with: Option<&Node>, scope: &Scope<'_>) -> Option<Call> {
        let with = self.with(with, scope);
        let (connection, name) = action.value.split_once('.')?;
        let connector = &self.project.connections.get(connection)?.connector.value;
        let known = self.catalog.action(connector, name)?;
        let (effect, backoff, sums) = (known.effect.clone(), known.backoff.clone(), known.sums.clone());
        let (connection, action) = (connection.to_owned(), name.to_owned());
        Some(Call { connection, action, effect, backoff, with: with?, sums, once_per: None })
    }

    /// What is left out is an empty map.
    fn with(&mut self, with: Option<&Node>, scope: &Scope<'_>) -> Option<Expression> {
        match with {
            Some(node) => self.expression(node, scope),
            None => Some(Expression { at: At::default(), made: Made::Literal(Value::Object(Map::new())) }),
        }
    }

    fn rule(&mut self, rule: &language::Rule, scope: &Scope<'_>) -> Option<Rule> {
        let test = match &rule.test {
            language::Test::Rhai(script) => self.condition(script, scope).map(check::Test::Rhai),
            language::Test::Field { field, is } => self
                .compiler(scope, |compiler| compiler.path(field))
                .map(|field| check::Test::Field { field, is: self::is(is) }),
        };
        let say = rule.say.as_ref().map(|say| self.compiler(scope, |compiler| compiler.text(say)));
        Some(Rule { test: test?, class: rule.class, say: say.map_or(Some(None), |say| say.map(Some))? })
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
