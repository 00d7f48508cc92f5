//! Any bytes as a pipeline: it is read and linted, and each finding points into the file.

#![no_main]

use std::sync::{Arc, LazyLock};

use ferry_connectors::library::Library;
use ferry_contract::{
    catalog::Catalog,
    report::{Report, Source},
    script::{Missing, NoWatch, Rules},
    yaml,
};
use ferry_core::lint::{self, Files};
use libfuzzer_sys::fuzz_target;

const PROJECT: &str = include_str!("../../engine/core/tests/world/project.yaml");

static WORLD: LazyLock<(Catalog, Rules)> = LazyLock::new(|| {
    let (library, _) = Library::load(&[], Arc::new(NoWatch));
    (library.catalog(), Rules::new(Missing::Fails, Arc::new(NoWatch)))
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (catalog, rules) = &*WORLD;
    let pipeline = Source::new("fuzz.yaml", text);
    let mut report = Report::new(&pipeline);
    let is_read = yaml::parse(&pipeline, &mut report).is_some();
    assert!(is_read || !report.is_ok(), "what is not read is a finding");
    let mut files = Files::new(Source::new("ferry.yaml", PROJECT), vec![Arc::clone(&pipeline)]);
    let table = Source::new("tables/payout-status.yaml", "Transferred: Completed\nCancelled: Failed\n");
    files.tables.insert("payout-status".to_owned(), table);
    let checked = lint::check(&files, catalog, rules);
    for report in &checked.reports {
        for finding in report.findings() {
            let bytes = finding.at.start as usize..finding.at.end as usize;
            assert!(report.source.text.get(bytes).is_some(), "{finding:?} points beside the text");
        }
    }
});
