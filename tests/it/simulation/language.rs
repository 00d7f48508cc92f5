//! The pipelines of all worlds, checked.

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

use super::{
    manifest::Kind,
    shape::{self, Shape},
};

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
    pub(super) twin: Option<Arc<Plan>>,
    /// The files that the plan was made of.
    pub(super) files: VersionFiles,
}

pub(super) fn language(kind: Kind, shape: Option<Shape>) -> &'static Language {
    type Made = Vec<((Kind, Option<Shape>), Language)>;
    static MADE: LazyLock<Made> = LazyLock::new(|| {
        let shapes = || std::iter::once(None).chain(Shape::ALL.map(Some));
        let all = Kind::ALL.into_iter().flat_map(|kind| shapes().map(move |shape| (kind, shape)));
        all.map(|(kind, shape)| ((kind, shape), shape.map_or_else(|| plain(kind), |shape| shaped(kind, shape))))
            .collect()
    });
    MADE.iter().find(|(known, _)| *known == (kind, shape)).map(|(_, language)| language).unwrap()
}

fn plain(kind: Kind) -> Language {
    let pipelines = [("pay.yaml", PIPELINE.to_owned()), ("twin.yaml", twin())];
    make_language(&[("target", kind.manifest())], PROJECT, &pipelines)
}

fn shaped(kind: Kind, shape: Shape) -> Language {
    make_language(&Shape::manifests(kind), shape::PROJECT, &[("pay.yaml", shape.pipeline())])
}

fn make_language(manifests: &[(&str, String)], project: &str, pipelines: &[(&str, String)]) -> Language {
    let rules = Arc::new(Rules::new(Missing::Fails, Arc::new(NoWatch)));
    let manifests: Vec<_> = manifests.iter().map(|(name, text)| Source::new(*name, text.clone())).collect();
    let (library, mut reports) = Library::load(&manifests, Arc::new(NoWatch));
    reports.iter_mut().for_each(lint::allow);
    let findings: Vec<_> = reports.iter().flat_map(|report| report.findings()).collect();
    assert!(findings.is_empty(), "{findings:?}");
    let sources = pipelines.iter().map(|(name, text)| Source::new(*name, text.clone())).collect();
    let files = Files::new(Source::new("ferry.yaml", project), sources);
    let checked = lint::check(&files, &library.catalog(), &rules);
    assert!(checked.reports.iter().all(Report::is_ok), "{:?}", checked.reports);
    let plan = |name: &str| checked.plans.iter().find(|plan| plan.pipeline == name).cloned();
    let files = VersionFiles {
        project: "simulation".to_owned(),
        project_text: project.to_owned(),
        pipeline_name: "pay.yaml".to_owned(),
        pipeline_text: pipelines[0].1.clone(),
        ..VersionFiles::default()
    };
    Language { rules, library: Arc::new(library), plan: plan("pay").unwrap(), twin: plan("twin"), files }
}

fn twin() -> String {
    PIPELINE.replace("pipeline: pay", "pipeline: twin")
}
