//! Any bytes as a `connector.yaml`.

#![no_main]

use std::sync::{Arc, LazyLock};

use ferry_connectors::manifest;
use ferry_contract::{
    report::{Report, Source},
    script::{Missing, NoWatch, Rules},
};
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::new(Missing::IsNothing, Arc::new(NoWatch)));

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = Source::new("connectors/fuzz/connector.yaml", text);
    let mut report = Report::new(&source);
    let manifest = manifest::read(&source, &RULES, &mut report);
    assert!(manifest.is_some() || !report.is_ok(), "what is not read is a finding");
    for finding in report.findings() {
        let bytes = finding.at.start as usize..finding.at.end as usize;
        assert!(text.get(bytes).is_some(), "{finding:?} points beside the text");
    }
});
