//! The schemas have exactly the keys that the readers take.
//!
//! Readers open each map with the list of its keys, and what the map is for messages. Both are read here from their text,
//! so that a key that a reader learns is missed in the schema, and the reverse.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use ferry::schemas::{Kind, Known};
use serde_json::Value;

use super::{catalog, root};

/// Each map of a reader, with the kind of file and the name of its schema there.
const MAPS: &[(&str, &str, Kind, &str)] = &[
    ("language/read.rs", "a pipeline", Kind::Pipeline, ""),
    ("language/read.rs", "`on_failure`", Kind::Pipeline, "OnFailure"),
    ("language/read.rs", "an input", Kind::Pipeline, "Input"),
    ("language/read.rs", "`concurrency`", Kind::Pipeline, "Concurrency"),
    ("language/trigger.rs", "`trigger`", Kind::Pipeline, "Trigger"),
    ("language/trigger.rs", "`poll`", Kind::Pipeline, "Poll"),
    ("language/backfill.rs", "`backfill`", Kind::Pipeline, "Backfill"),
    ("language/trigger.rs", "`cursor`", Kind::Pipeline, "Cursor"),
    ("language/trigger.rs", "`schedule`", Kind::Pipeline, "Schedule"),
    ("language/trigger.rs", "`pipeline`", Kind::Pipeline, "Follow"),
    ("language/trigger.rs", "`file`", Kind::Pipeline, "Drop"),
    ("language/trigger.rs", "`webhook`", Kind::Pipeline, "Webhook"),
    ("language/trigger.rs", "`verify`", Kind::Pipeline, "Verify"),
    ("language/step.rs", "a step", Kind::Pipeline, "Step"),
    ("language/step.rs", "a `script` from a file", Kind::Pipeline, "Function"),
    ("language/step.rs", "`allocate`", Kind::Pipeline, "Allocate"),
    ("language/step.rs", "`alert`", Kind::Pipeline, "Alert"),
    ("language/step.rs", "`each`", Kind::Pipeline, "Each"),
    ("language/step.rs", "`emit`", Kind::Pipeline, "Emit"),
    ("language/step.rs", "`link`", Kind::Pipeline, "Link"),
    ("language/step.rs", "a rule", Kind::Pipeline, "Rule"),
    ("language/step.rs", "`is`", Kind::Pipeline, "Is"),
    ("language/step.rs", "`decimal`", Kind::Pipeline, "Decimal"),
    ("language/reconcile.rs", "`reconcile`", Kind::Pipeline, "Reconcile"),
    ("language/reconcile.rs", "a side of `reconcile`", Kind::Pipeline, "ReconcileSide"),
    ("language/reconcile.rs", "`settlement`", Kind::Pipeline, "ReconcileLines"),
    ("language/reconcile.rs", "`from`", Kind::Pipeline, "RowsFrom"),
    ("language/reconcile.rs", "`normalize`", Kind::Pipeline, "Normalize"),
    ("language/reconcile.rs", "a way to read references", Kind::Pipeline, "ReferenceStep"),
    ("reconcile/rule.rs", "a rule of `reconcile`", Kind::Pipeline, "ReconcileRule"),
    ("reconcile/rule.rs", "`ref` of a rule", Kind::Pipeline, "Edits"),
    ("reconcile/rule.rs", "`party` of a rule", Kind::Pipeline, "AtLeast"),
    ("reconcile/rule.rs", "`amount` of a rule", Kind::Pipeline, "AmountTest"),
    ("language/trigger.rs", "`reconciled`", Kind::Pipeline, "Reconciled"),
    ("language/wait.rs", "`wait`", Kind::Pipeline, "Wait"),
    ("language/wait.rs", "`poll`", Kind::Pipeline, "Question"),
    ("language/wait.rs", "`wake`", Kind::Pipeline, "Wake"),
    ("language/wait.rs", "`match`", Kind::Pipeline, "Match"),
    ("language/wait.rs", "`timeout`", Kind::Pipeline, "Timeout"),
    ("language/wait.rs", "`approve`", Kind::Pipeline, "Approve"),
    ("language/arm.rs", "an `on_error` arm", Kind::Pipeline, "Arm"),
    ("language/arm.rs", "`retry`", Kind::Pipeline, "Retry"),
    ("language/arm.rs", "`hold`", Kind::Pipeline, "Hold"),
    ("language/arm.rs", "`until`", Kind::Pipeline, "Until"),
    ("language/arm.rs", "`fallback`", Kind::Pipeline, "Fallback"),
    ("operators/from.rs", "a mapping with `from`", Kind::Pipeline, "From"),
    ("operators/split.rs", "`split`", Kind::Pipeline, "Split"),
    ("operators/date.rs", "`date`", Kind::Pipeline, "Date"),
    ("operators/money.rs", "`money`", Kind::Pipeline, "Money"),
    ("operators/convert.rs", "`convert`", Kind::Pipeline, "Convert"),
    ("operators/fee.rs", "`fee`", Kind::Pipeline, "Fee"),
    ("operators/switch.rs", "a case of a `switch`", Kind::Pipeline, "Case"),
    ("operators/switch.rs", "the end of a `switch`", Kind::Pipeline, "Otherwise"),
    ("operators/each.rs", "`each`", Kind::Pipeline, "EachItem"),
    ("operators/xref.rs", "`xref`", Kind::Pipeline, "Xref"),
    ("operators/merge.rs", "`merge`", Kind::Pipeline, "Merge"),
    ("project/mod.rs", "a project", Kind::Project, ""),
    ("project/retention.rs", "`retention`", Kind::Project, "Retention"),
    ("project/mod.rs", "an alert channel", Kind::Project, "Channel"),
    ("params/mod.rs", "a parameter", Kind::Project, "Param"),
    ("project/environments.rs", "an environment", Kind::Project, "Environment"),
    ("project/xref.rs", "a cross-reference", Kind::Project, "Xref"),
    ("manifest/read.rs", "a connector", Kind::Connector, ""),
    ("manifest/read.rs", "a connection's field", Kind::Connector, "ConnectionField"),
    ("manifest/auth.rs", "a way in `auth`", Kind::Connector, "Auth"),
    ("manifest/auth.rs", "`oauth2`", Kind::Connector, "OAuth2"),
    ("manifest/auth.rs", "`assertion`", Kind::Connector, "Assertion"),
    ("manifest/auth.rs", "`basic`", Kind::Connector, "Basic"),
    ("manifest/auth.rs", "`api_key`", Kind::Connector, "ApiKey"),
    ("manifest/read.rs", "an error rule", Kind::Connector, "ErrorRule"),
    ("manifest/budget.rs", "a window of a budget", Kind::Connector, "Window"),
    ("manifest/budget.rs", "`says`", Kind::Connector, "Says"),
    ("manifest/budget.rs", "`backoff`", Kind::Connector, "Backoff"),
    ("manifest/webhook.rs", "a webhook of a connector", Kind::Connector, "Told"),
    ("manifest/webhook.rs", "`verify` of a connector", Kind::Connector, "Verified"),
    ("manifest/records.rs", "`records`", Kind::Connector, "Records"),
    ("manifest/verify.rs", "`verify`", Kind::Connector, "Verify"),
    ("manifest/schema.rs", "a schema", Kind::Connector, "Described"),
    ("manifest/action.rs", "an action", Kind::Connector, "Action"),
    ("project/tls.rs", "`tls`", Kind::Project, "Tls"),
    ("manifest/profile.rs", "a profile", Kind::Connector, "Profile"),
    ("manifest/profile.rs", "an action of a profile", Kind::Connector, "Change"),
    ("manifest/profile.rs", "`request` of a profile", Kind::Connector, "RequestChange"),
    ("manifest/action.rs", "an effect (`read`, or a map with `write`)", Kind::Connector, "Effect"),
    ("manifest/action.rs", "`write`", Kind::Connector, "Write"),
    ("manifest/action.rs", "`by`", Kind::Connector, "By"),
    ("manifest/action.rs", "`void`", Kind::Connector, "Void"),
    ("manifest/action.rs", "`absence`", Kind::Connector, "Absence"),
    ("manifest/request.rs", "a request", Kind::Connector, "Request"),
    ("manifest/request.rs", "`upload`", Kind::Connector, "Upload"),
    ("manifest/request.rs", "`download`", Kind::Connector, "Download"),
    ("manifest/request.rs", "`next` of a download", Kind::Connector, "NextDownload"),
    ("manifest/job.rs", "`job`", Kind::Connector, "Job"),
    ("manifest/job.rs", "`parts`", Kind::Connector, "Parts"),
    ("manifest/job.rs", "a step of a job", Kind::Connector, "JobStep"),
    ("manifest/job.rs", "`rows`", Kind::Connector, "Rows"),
    ("manifest/job.rs", "a rule of a job", Kind::Connector, "JobRule"),
    ("manifest/paginate.rs", "`paginate`", Kind::Connector, "Paginate"),
    ("manifest/paginate.rs", "`cursor` of pages", Kind::Connector, "CursorOfPages"),
    ("manifest/paginate.rs", "`offset` of pages", Kind::Connector, "OffsetOfPages"),
    ("manifest/paginate.rs", "`page` of pages", Kind::Connector, "NumberOfPages"),
    ("manifest/action.rs", "`poll`", Kind::Connector, "PollItems"),
    ("manifest/bundle.rs", "`bundle`", Kind::Connector, "Bundle"),
    ("manifest/bundle.rs", "`refused`", Kind::Connector, "Refused"),
    ("manifest/bundle.rs", "`results`", Kind::Connector, "Results"),
    ("manifest/bundle.rs", "`by` of results", Kind::Connector, "Whose"),
    ("manifest/action.rs", "`preflight`", Kind::Connector, "Preflight"),
    ("manifest/action.rs", "a preflight rule", Kind::Connector, "PreflightRule"),
    ("testing/read.rs", "a file of tests", Kind::Test, ""),
    ("testing/read.rs", "a test", Kind::Test, "Test"),
    ("testing/read.rs", "a case", Kind::Test, "Case"),
    ("testing/read.rs", "an answer of a person", Kind::Test, "Approval"),
    ("testing/read.rs", "a decision", Kind::Test, "Decision"),
    ("testing/read.rs", "an event", Kind::Test, "Posted"),
    ("testing/state.rs", "`state`", Kind::Test, "State"),
    ("testing/mock.rs", "an answer", Kind::Test, "Answer"),
    ("testing/expect.rs", "`expect`", Kind::Test, "Expect"),
    ("testing/expect.rs", "a call", Kind::Test, "Call"),
    ("testing/expect.rs", "a step's part", Kind::Test, "StepPart"),
    ("testing/expect.rs", "`dead_letter`", Kind::Test, "DeadLetter"),
    ("testing/expect.rs", "an emitted event", Kind::Test, "Emitted"),
    ("testing/expect.rs", "`takes`", Kind::Test, "Takes"),
];

/// What no reader opens by a list of keys: a call in its order, which shares its list with a call, and a header or Rhai.
const OTHERS: [(Kind, &str); 2] = [(Kind::Test, "OrderedCall"), (Kind::Connector, "Reading")];

/// A map as a reader opens it: the file, and what it is.
type Opened = BTreeMap<(String, String), BTreeSet<String>>;

fn opened() -> Opened {
    let mut opened = Opened::new();
    for folder in ["engine/core/src", "connectors/src"] {
        for path in sources(&root().join(folder)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            let parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
            let file = format!("{}/{}", parts[1], parts[0]);
            for call in ["Fields::open(", "Fields::open_near("] {
                for (at, _) in text.match_indices(call) {
                    let arguments = arguments(&text[at + call.len()..]);
                    let what = arguments[1].trim_matches('"').to_owned();
                    opened.insert((file.clone(), what), keys(&text[..at], arguments[2]));
                }
            }
        }
    }
    opened
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(below).filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The arguments of a call, from behind its parenthesis.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut is_text, mut start, mut found) = (0, false, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => is_text = !is_text,
            _ if is_text => {}
            ',' | ')' if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
                if letter == ')' {
                    return found;
                }
            }
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
    }
    panic!("a call has an end: {text}");
}

/// The keys of a list that is written there, or above under this name.
fn keys(above: &str, argument: &str) -> BTreeSet<String> {
    let argument = argument.trim_start_matches(['(', '&']);
    let list = if argument.starts_with('[') {
        argument
    } else {
        let name = argument.split([',', ')']).next().unwrap();
        let places = [format!("const {name}: "), format!("let {name} = "), format!("let {name}: ")];
        let place = places.iter().filter_map(|place| above.rfind(place.as_str())).max();
        let rest = &above[place.unwrap_or_else(|| panic!("`{name}` is written above"))..];
        &rest[rest.find('=').unwrap()..]
    };
    let inside = list.split_once('[').unwrap().1.split_once(']').unwrap().0;
    inside.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The map inside a schema, which may be one of two forms.
fn map(schema: &Value) -> &Value {
    if schema["properties"].is_object() { schema } else { &schema["then"] }
}

fn described(schema: &Value, name: &str) -> BTreeSet<String> {
    let named = if name.is_empty() { schema } else { &schema["$defs"][name] };
    let map = map(named);
    assert_eq!(map["additionalProperties"], false, "`{name}` refuses other keys");
    map["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn schemas_have_the_keys_of_the_readers() {
    let (opened, catalog) = (opened(), catalog());
    assert!(opened.len() > 60, "{opened:?}");
    for &(file, what, kind, name) in MAPS {
        let path = format!("engine/core/src/{file}");
        if file.starts_with("testing/") && !root().join(path).exists() {
            continue;
        }
        let keys = opened.get(&(file.to_owned(), what.to_owned()));
        let keys = keys.unwrap_or_else(|| panic!("{file} does not open {what} any more"));
        assert_eq!(*keys, described(&kind.schema(&Known::shipped(&catalog)), name), "{what} of {file}");
    }
    for (file, what) in opened.keys() {
        assert!(MAPS.iter().any(|known| known.0 == file && known.1 == what), "{what} of {file} has no schema");
    }
}

#[test]
fn schemas_have_no_maps_but_those_of_the_readers() {
    let catalog = catalog();
    for (_, kind) in Kind::ALL {
        let schema = kind.schema(&Known::shipped(&catalog));
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            let is_read = MAPS.iter().any(|known| known.2 == kind && known.3 == name);
            let is_closed = map(definition)["additionalProperties"] == false;
            assert!(!is_closed || is_read || OTHERS.contains(&(kind, name)), "`{name}` is read nowhere");
        }
    }
}

#[test]
fn the_schema_has_the_operators_of_the_language() {
    let source = include_str!("../../../engine/core/src/eval/operators/mod.rs");
    let list = source.split_once("const BUILDERS").unwrap().1.split_once("];").unwrap().0;
    let builders = list.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split('"').next());
    let common = ["from", "rhai", "text", "object"];
    let expected: BTreeSet<String> = builders.chain(common).map(str::to_owned).collect();
    let schema = Kind::Pipeline.schema(&Known::shipped(&catalog()));
    let known = schema["$defs"]["OperatorKeys"]["properties"].as_object().unwrap();
    assert_eq!(known.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for (name, key) in known {
        assert_ne!(key["markdownDescription"], "", "`{name}` says nothing");
    }
}
