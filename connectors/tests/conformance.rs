//! Every shipped connector: documented, and its samples mean what the manifest says.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use ferry_connectors::{
    connection::{Fields, open_fields},
    library::{Library, shipped_file},
    manifest::{Call, Manifest},
    request,
    response::{Answer, Asked, understand},
};
use ferry_contract::{
    catalog::Action,
    expression::Scope,
    number,
    path::Document,
    report::{Finding, Level, Report},
    script::{Named, NoWatch},
};
use serde_json::{Value, json};

/// The account of the samples.
const ACCOUNT: &str = "4366181865108056";

fn library() -> Library {
    let (library, reports) = Library::load(&[], Arc::new(NoWatch));
    let findings: Vec<_> = reports
        .iter()
        .flat_map(|report| {
            report
                .findings()
                .into_iter()
                .filter(|finding| !is_meant(report, finding))
                .map(|finding| format!("{}:{} {}", report.source.name, finding.at, finding.message))
        })
        .collect();
    assert_eq!(findings, Vec::<String>::new());
    library
}

/// Whether the line above a warning allows it, with a reason.
fn is_meant(report: &Report, finding: &Finding) -> bool {
    let above = usize::try_from(finding.at.line).ok().and_then(|line| line.checked_sub(2));
    let above = above.and_then(|above| report.source.text.lines().nth(above)).map(str::trim_start);
    let allows = format!("# ferry: allow({}) ", finding.check);
    finding.level == Level::Warning && above.is_some_and(|above| above.starts_with(&allows))
}

fn sample(manifest: &Manifest, call: &Call) -> Value {
    let path = format!("{}/{}", manifest.connector.name, call.sample);
    let text = shipped_file(&path).unwrap_or_else(|| panic!("{path} is missing"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What the target says; a native gives its `result` a value alone.
fn response(sample: &Value, call: &Call, asked: &Asked) -> Answer {
    match call.request.native {
        Some(_) => answer(&json!({ "status": 200, "body": sample["given"] }), asked),
        None => answer(&sample["response"], asked),
    }
}

fn answer(sample: &Value, asked: &Asked) -> Answer {
    let status = u16::try_from(sample["status"].as_u64().expect("a sample has a status")).expect("a status");
    let (headers, body) = (Value::Object(serde_json::Map::new()), sample["body"].clone());
    Answer { status, headers, body, asked: asked.clone() }
}

/// What a job makes of what its actions gave.
fn check_job(library: &Library, action: &Action, call: &Call, sample: &Value) {
    let mut document = sample["given"].clone();
    document["input"] = sample["input"].clone();
    let names: Vec<_> =
        document.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect();
    let scope = Scope { rules: &library.rules, document: Document::Value(&document), names: &Named(&names) };
    let output = call.result.eval(scope).expect("the sample is a success");
    assert!(number::equal(&output, &sample["output"]), "{}: the output is {output}", action.name);
    assert_eq!(action.output.violations(&output), Vec::<String>::new(), "{}: output", action.name);
}

fn check_action(manifest: &Manifest, library: &Library, action: &Action, call: &Call) {
    let name = &action.name;
    let sample = sample(manifest, call);
    assert!(!action.summary.is_empty() && !action.source.is_empty(), "{name}");
    assert!(action.evidence.is_some(), "{name} does not say how well its facts are known");
    assert_eq!(action.input.violations(&sample["input"]), Vec::<String>::new(), "{name}: input");

    if call.job.is_some() {
        return check_job(library, action, call, &sample);
    }
    let fields: Fields =
        manifest.connector.fields.iter().map(|(name, field)| (name.clone(), field.example.clone().into())).collect();
    let connection = open_fields(&manifest.connector, &fields);
    let consent = call.way.and_then(|way| manifest.auth[way].oauth2()?.consent());
    let claims = consent.into_iter().flat_map(|consent| &consent.claims);
    let claims: Vec<_> = claims.map(|(claim, _)| (claim.clone(), ACCOUNT.to_owned())).collect();
    let prepared = request::prepare(call, (&fields, &connection, &claims), &library.rules, &sample["input"])
        .expect("the sample's input renders");
    let asked = Asked { input: sample["input"].clone(), connection, ..Asked::default() };
    if let Some(body) = sample.get("request") {
        let made = prepared.body.clone().unwrap_or_default();
        assert!(number::equal(&made, body), "{name}: the request is {made}");
    }
    for (parameter, expected) in sample["query"].as_object().into_iter().flatten() {
        let expected = ferry_contract::template::percent_encoded(expected.as_str().expect("a text"));
        assert!(
            prepared.target.contains(&format!("{parameter}={expected}")),
            "{name}: the target is {}",
            prepared.target
        );
    }
    for (header, expected) in sample["headers"].as_object().into_iter().flatten() {
        let made = prepared.headers.iter().find(|(name, _)| name == header).map(|(_, value)| value.as_str());
        assert_eq!(made, expected.as_str(), "{name}: the header `{header}`");
    }
    if let Some(path) = sample["path"].as_str() {
        assert_eq!(prepared.target, path, "{name}");
    }

    let output =
        understand(manifest, call, &library.rules, &response(&sample, call, &asked)).expect("the sample is a success");
    assert!(number::equal(&output, &sample["output"]), "{name}: the output is {output}");
    assert_eq!(action.output.violations(&output), Vec::<String>::new(), "{name}: output");

    for failure in sample["failures"].as_array().into_iter().flatten() {
        let refusal = understand(manifest, call, &library.rules, &answer(failure, &asked)).expect_err("a failure");
        assert_eq!(Some(refusal.failure.class.name()), failure["class"].as_str(), "{name}: {failure}");
    }
}

#[test]
fn every_action_does_with_its_sample_what_it_says() {
    let library = library();
    let mut actions = 0;
    for manifest in library.manifests.values() {
        assert!(manifest.connector.verify.is_some(), "{} has no `verify`", manifest.connector.name);
        for (name, action) in &manifest.connector.actions {
            check_action(manifest, &library, action, &manifest.calls[name]);
            actions += 1;
        }
        for inside in manifest.profiles.values() {
            for (name, action) in &inside.connector.actions {
                check_action(inside, &library, action, &inside.calls[name]);
            }
        }
        let readme = shipped_file(&format!("{}/README.md", manifest.connector.name));
        assert!(readme.is_some_and(|readme| readme.starts_with("# ")), "{} has no README", manifest.connector.name);
    }
    assert!(library.manifests.len() >= 2 && actions >= 9, "{actions} actions were found");
}
