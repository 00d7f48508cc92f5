//! The pipeline of every world.

use std::sync::{Arc, LazyLock};

use ferry::store::VersionFiles;
use ferry_connectors::library::Library;
use ferry_contract::{
    report::{Report, Source},
    script::{Missing, NoWatch, Rules},
};
use ferry_core::{
    lint::{self, Files},
    plan::Plan,
};

use super::target::Kind;

const PROJECT: &str = "ferry: 1\nproject: simulation\nconnections: { target: { connector: target, environment: only } }\nalerts: { ops: log }\n";
const PIPELINE: &str = r#"
ferry: 1
pipeline: pay
trigger:
  poll: { action: target.list, every: 1m, cursor: { field: $.at, tie_break: $.id, lookback: 0s } }
  key: $.id
steps:
  - id: label
    script: |
      let text = "payment ";
      text + event.id
  - id: negative
    when: event.amount < 0
    map: { sign: minus }
  - id: payment
    needs: [negative]
    map: { id: $.event.id, amount: $.event.amount, label: $.label, sign: { from: $.negative.sign, default: plus } }
  - id: pay
    action: target.pay
    with: $.payment
  - id: note
    action: target.note
    with: $.payment
  - id: after
    needs: [pay, note]
    action: target.list
  - id: done
    needs: [after]
    check:
      - { rhai: "payment.sign == \"plus\" && payment.label == \"payment \" + event.id", say: the values are wrong }
      - { rhai: event.last_check, say: the last check fails }
on_failure: { alert: ops }
"#;

/// What all worlds of a kind share: it is costly to make, and has no state.
pub(super) struct Language {
    pub(super) rules: Arc<Rules>,
    pub(super) library: Arc<Library>,
    pub(super) plan: Arc<Plan>,
    /// Another pipeline that makes the same calls.
    pub(super) twin: Arc<Plan>,
}

pub(super) fn language(kind: Kind) -> &'static Language {
    static MADE: LazyLock<Vec<(Kind, Language)>> =
        LazyLock::new(|| Kind::ALL.map(|kind| (kind, make_language(kind))).into());
    MADE.iter().find(|(known, _)| *known == kind).map(|(_, language)| language).unwrap()
}

fn make_language(kind: Kind) -> Language {
    let rules = Arc::new(Rules::new(Missing::Fails, Arc::new(NoWatch)));
    let (library, reports) = Library::load(&[Source::new("target", kind.manifest())], Arc::new(NoWatch));
    let findings: Vec<_> = reports.iter().flat_map(|report| report.findings()).collect();
    assert!(findings.is_empty(), "{findings:?}");
    let pipelines = vec![Source::new("pay.yaml", PIPELINE), Source::new("twin.yaml", twin())];
    let files = Files::new(Source::new("ferry.yaml", PROJECT), pipelines);
    let checked = lint::check(&files, &library.catalog(), &rules);
    assert!(checked.reports.iter().all(Report::is_ok), "{:?}", checked.reports);
    let plan = |name: &str| Arc::clone(checked.plans.iter().find(|plan| plan.pipeline == name).unwrap());
    Language { rules, library: Arc::new(library), plan: plan("pay"), twin: plan("twin") }
}

fn twin() -> String {
    PIPELINE.replace("pipeline: pay", "pipeline: twin")
}

/// The files that a plan was made of.
pub(super) fn version_files() -> VersionFiles {
    VersionFiles {
        project: "simulation".to_owned(),
        project_text: PROJECT.to_owned(),
        pipeline_name: "pay.yaml".to_owned(),
        pipeline_text: PIPELINE.to_owned(),
        ..VersionFiles::default()
    }
}
