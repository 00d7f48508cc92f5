//! Reconciliations.

use ferry_contract::{
    expression::{Compiler, Expression},
    report::Spanned,
    script::Form,
    yaml::Node,
};

use super::{Builder, Scope};
use crate::{
    language::{self, SideRows},
    plan::reconcile::{Feed, FeedRows, Reconcile},
    recon::Spec,
};

/// What Rhai calls a row, and the values of the project beside it.
const NAMES: [&str; 2] = ["row", "vars"];

impl Builder<'_> {
    pub(super) fn reconcile(&mut self, written: &language::Reconcile, scope: &Scope<'_>) -> Option<Reconcile> {
        let settlement = written.settlement.as_ref().map(|side| self.feed(side, scope));
        let (left, right) = (self.feed(&written.left, scope), self.feed(&written.right, scope));
        let spec = Spec {
            references: written.references.clone(),
            parties: written.parties.clone(),
            rules: written.rules.iter().map(|rule| rule.value.clone()).collect(),
            equation: written.equation.clone(),
        };
        Some(Reconcile {
            book: written.book.as_ref().map(|book| book.value.clone()),
            left: left?,
            right: right?,
            settlement: settlement.map_or(Some(None), |feed| feed.map(Some))?,
            spec,
        })
    }

    fn feed(&mut self, side: &language::Side, scope: &Scope<'_>) -> Option<Feed> {
        let from = match &side.from {
            SideRows::Action { action, with } => self.rows_of(action, with.as_ref(), scope),
            SideRows::File(node) => self.with_xref(|this| this.expression(node, scope)).map(FeedRows::File),
            SideRows::Items(node) => self.with_xref(|this| this.expression(node, scope)).map(FeedRows::Items),
        };
        let when = side.when.as_ref().map(|node| {
            let mut compiler = self.of_row();
            compiler.script(node, Form::Expression)
        });
        let columns: Vec<_> = side.columns.iter().map(|(name, node)| Some((*name, self.column(node)?))).collect();
        Some(Feed {
            from: from?,
            when: when.map_or(Some(None), |when| when.map(Some))?,
            columns: columns.into_iter().collect::<Option<_>>()?,
        })
    }

    fn rows_of(&mut self, action: &Spanned<String>, with: Option<&Node>, scope: &Scope<'_>) -> Option<FeedRows> {
        let call = self.with_xref(|this| this.call(action, with, scope))?;
        if call.effect.is_write() {
            let message = format!("`{}` writes, and rows are read", action.value);
            self.report.error("write-in-question", action.at, message, "name an action that reads");
            return None;
        }
        self.pollable(action)?;
        Some(FeedRows::Action(Box::new(call)))
    }

    /// A value of a row, which `$` is.
    fn column(&mut self, node: &Node) -> Option<Expression> {
        self.of_row().expression(node)
    }

    fn of_row(&mut self) -> Compiler<'_> {
        Compiler { rules: self.rules, dialect: self.mapping, names: &NAMES, roots: None, report: self.report }
    }
}
