//! `unknown-book`: a pipeline follows a book that no reconciliation of the project keeps.

use super::{Check, On};
use crate::{
    language::{EventSource, Pipeline, Work},
    lint::{Reports, Whole},
};

pub(super) const CHECK: Check =
    Check { name: "unknown-book", page: include_str!("unknown_book.md"), on: On::Project(check) };

fn check(whole: &Whole<'_>, reports: &mut Reports) {
    // One that cannot be read may keep it.
    if whole.pipelines.len() < whole.files.pipelines.len() {
        return;
    }
    let kept: Vec<String> = whole.pipelines.iter().flat_map(books).collect();
    let known: Vec<&str> = kept.iter().map(String::as_str).collect();
    for pipeline in whole.pipelines {
        let EventSource::Reconciled(reconciled) = &pipeline.trigger.source else { continue };
        let book = &reconciled.book;
        if !known.contains(&book.value.as_str()) {
            let message = format!("no `reconcile` step of this project keeps the book `{}`", book.value);
            reports.of(&pipeline.source).unknown(CHECK.name, book.at, message, (&book.value, &known));
        }
    }
}

/// The books that a pipeline keeps.
fn books(pipeline: &Pipeline) -> Vec<String> {
    let steps = pipeline.all_steps().into_iter();
    let books = steps.filter_map(|step| match &step.work {
        Work::Reconcile(reconcile) => {
            let own = || format!("{}.{}", pipeline.name.value, step.id.value);
            Some(reconcile.book.as_ref().map_or_else(own, |book| book.value.clone()))
        }
        _ => None,
    });
    books.collect()
}
