//! What the manifest reader says of budgets, back-off, concurrency and ways to log in.
#![allow(clippy::panic, reason = "a test that cannot go on fails")]

use std::{sync::Arc, time::Duration};

use ferry_connectors::library::Library;
use ferry_contract::{
    catalog::{Backoff, BackoffKind},
    evidence::Evidence,
    report::{Finding, Report, Source},
    script::NoWatch,
};

/// A manifest with these lines.
fn manifest(lines: &str) -> String {
    format!(
        "ferry: 1\nconnector: acme\ntitle: Acme\nenvironments: {{ only: {{ api: \"https://acme\" }} }}\nerrors: [ {{ when: \"status >= 400 && status < 500\", class: rejected }} ]\n{lines}\nactions:\n  get:\n    \
         summary: Gets.\n    source: this test\n    effect: read\n    request: {{ host: api, method: GET, path: /things }}\n    \
         success: \"status == 200\"\n    result: $\n    input: {{ type: object, properties: {{}} }}\n    \
         output: {{ type: object, properties: {{}} }}\n    sample: none\n"
    )
}

/// What is found in the test's own manifest.
fn own(reports: &[Report]) -> impl Iterator<Item = &Finding> {
    reports.iter().filter(|report| report.source.name == "acme.yaml").flat_map(Report::findings)
}

fn load(lines: &str) -> (Library, Vec<String>) {
    let (library, reports) = Library::load(&[Source::new("acme.yaml", manifest(lines))], Arc::new(NoWatch));
    let findings = own(&reports);
    let findings = findings.map(|finding| format!("{}: {}", finding.check, finding.message)).collect();
    (library, findings)
}

#[test]
fn a_wrong_limit_is_a_finding() {
    for (lines, says) in [
        ("budget: [ { limit: 0, per: 1m } ]", "invalid-value: `limit` is 0"),
        ("budget: [ { limit: 10, per: 0s } ]", "invalid-value: `per` must be longer than no time"),
        ("budget: [ { limit: 10, per: 400d } ]", "invalid-value: `per` must be longer than no time"),
        ("budget: [ { limit: 10 } ]", "missing-key: a window of a budget needs `per`"),
        ("budget: [ { limit: 10, per: 1m, host: apo } ]", "invalid-value: `apo` is not a host"),
        ("budget: [ { limit: 10, per: 1m, burst: 3 } ]", "unknown-key: `burst` is not a key of a window"),
        ("budget: [ { limit: 10, per: 1m, says: { left: X } } ]", "unknown-key: `left` is not a key of `says`"),
        ("budget: { limit: 10, per: 1m }", "wrong-type: `budget` must be a list"),
        ("backoff: { statistical: [] }", "invalid-value: `statistical` lists 0 waits"),
        ("backoff: { statistical: [0s] }", "invalid-value: a wait must be longer than no time"),
        ("backoff: { linear: 1m }", "unknown-key: `linear` is not a key of `backoff`"),
        ("auth: { basic: { username: a } }", "missing-key: `basic` needs `password`"),
        ("auth: { magic: {} }", "unknown-key: `magic` is not a key of a way in `auth`"),
        ("auth: [ { basic: { username: \"{user}\", password: b } } ]", "invalid-value: `auth` reads `user`"),
        (
            "auth: { api_key: { header: A, value: b }, basic: { username: a, password: b } }",
            "invalid-value: a way in `auth` is one",
        ),
        (
            "auth: { oauth2: { grant: client_credentials, token_url: \"{api}\", client: none } }",
            "invalid-value: `none` is not",
        ),
        (
            "auth: { oauth2: { grant: client_credentials, token_url: \"{api}\", client: basic } }",
            "invalid-value: `auth` reads `client_id`",
        ),
        (
            "auth: { oauth2: { grant: password, assertion: {}, token_url: \"{api}\", client: none } }",
            "misplaced-key: `assertion` belongs",
        ),
        (
            "auth: { oauth2: { grant: client_credentials, token_url: \"{api}\", client: assertion } }",
            "missing-key: `oauth2` needs `assertion`",
        ),
        (
            "auth: { oauth2: { grant: jwt_bearer, assertion: { iss: a, aud: b, key: c }, token_url: \"{api}\", client: none } }",
            "missing-key: `assertion` needs `sub`",
        ),
        (
            "auth: { oauth2: { grant: client_credentials, assertion: { algorithm: HS256, iss: a, aud: b, key: c }, token_url: \"{api}\", client: assertion } }",
            "invalid-value: `HS256` is not a way to sign",
        ),
        (
            "auth: { oauth2: { grant: client_credentials, assertion: { kid: \"{who}\", iss: a, aud: b, key: c }, token_url: \"{api}\", client: assertion } }",
            "invalid-value: `auth` reads `who`",
        ),
        (
            "auth: { oauth2: { grant: password, username: a, password: b, token_url: \"{api}\", client: assertion } }",
            "invalid-value: `assertion` is not a way",
        ),
        ("concurrency: 0", "invalid-value: `concurrency` is 0"),
        ("concurrency: 65", "invalid-value: `concurrency` is 65"),
        ("concurrency: many", "wrong-type: `concurrency` must be a whole number"),
    ] {
        let (library, findings) = load(lines);
        assert!(findings.iter().any(|finding| finding.starts_with(says)), "{lines}: {findings:?}");
        assert!(!library.manifests.contains_key("acme"), "{lines}");
    }
}

#[test]
fn one_mistake_is_one_finding() {
    assert_eq!(load("auth: { magic: {} }").1.len(), 1);
}

/// What is said of `verify` in a manifest with a read that takes an input, and a write; with the place, and what to write.
fn said_of(verify: &str) -> Vec<String> {
    let get = manifest(&format!("verify: {verify}")).replace(
        "input: { type: object, properties: {} }",
        "input: { type: object, required: [id], properties: { id: { type: string, maxLength: 3, description: A name., example: a-1 } } }",
    );
    let pay = get[get.find("  get:").expect("the action")..].replace("  get:", "  pay:");
    let pay = pay.replace("effect: read", "effect: { write: { repeat: never } }");
    let (library, reports) = Library::load(&[Source::new("acme.yaml", format!("{get}{pay}"))], Arc::new(NoWatch));
    let findings: Vec<_> = own(&reports).collect();
    assert_eq!(library.manifests.contains_key("acme"), findings.is_empty(), "{verify}");
    findings
        .iter()
        .map(|finding| format!("{} {}: {}; {}", finding.at, finding.check, finding.message, finding.help))
        .collect()
}

#[test]
fn a_connection_shows_that_it_works_by_a_read_that_can_be_sent() {
    assert_eq!(said_of("{ action: get, with: { id: a-1 } }"), Vec::<String>::new());
    for (verify, says) in [
        ("gte", "6:9 unknown-action: `gte` is not an action of this connector; did you mean `get`?"),
        (
            "pay",
            "6:9 invalid-value: `pay` writes, and whoever looks whether a connection works must change nothing; \
             name an action that reads: `get`",
        ),
        ("get", "6:9 missing-input: `acme.get` needs `id`; add `id: \"a-1\"` to `with` of `verify`"),
        (
            "{ action: get, with: { ids: a, id: b } }",
            "6:32 unknown-input: `acme.get` takes no `ids`; did you mean `id`?",
        ),
        (
            "{ action: get, with: { id: a-11 } }",
            "6:36 wrong-input: `id` is not as its action wants it: `$` has 4 characters, and 3 are the most; write what \
             `id` takes, such as `\"a-1\"`",
        ),
        (
            "{ action: get, input: {} }",
            "6:24 unknown-key: `input` is not a key of `verify`; write one of `action`, `with`",
        ),
    ] {
        let said = said_of(verify);
        assert!(said.iter().any(|said| said == says), "{verify}: {said:?}");
    }
    assert_eq!(said_of("gte").len(), 1);
}

#[test]
fn a_grade_of_evidence_is_one_of_six() {
    let graded = |grade: &str| {
        let text = manifest("").replace("source: this test", &format!("source: this test\n    evidence: {grade}"));
        let (library, reports) = Library::load(&[Source::new("acme.yaml", text)], Arc::new(NoWatch));
        let action = library.manifests.get("acme").map(|manifest| manifest.connector.actions["get"].evidence);
        (action, own(&reports).map(|finding| finding.message.clone()).collect())
    };
    for (name, grade) in Evidence::ALL {
        assert_eq!(graded(name), (Some(Some(grade)), Vec::<String>::new()));
    }
    assert_eq!(graded("sure"), (None, vec!["`sure` is not a grade of evidence".to_owned()]));
}

#[test]
fn a_right_limit_is_read() {
    let (library, findings) = load(
        "budget:\n  - { limit: 600, per: 1m, host: api, says: { remaining: X-RateLimit-Remaining, reset: X-RateLimit-Reset } }\n  \
         - { limit: 5000, per: 1d, says: { limit: { rhai: \"parse_int(headers[\\\"x\\\"])\" } } }\n\
         backoff: { statistical: [2m, 4m] }\nconcurrency: 4",
    );
    assert_eq!(findings, Vec::<String>::new());
    let manifest = &library.manifests["acme"];
    let windows: Vec<_> =
        manifest.budget.iter().map(|budget| (budget.window.limit, budget.window.per.as_secs())).collect();
    assert_eq!((windows, manifest.concurrency), (vec![(600, 60), (5_000, 86_400)], Some(4)));
    let waits = vec![Duration::from_mins(2), Duration::from_mins(4)];
    let expected = Backoff { kind: BackoffKind::Statistical(waits), ..Backoff::default() };
    assert_eq!(manifest.connector.actions["get"].backoff, expected);
    assert_eq!(load("").0.manifests["acme"].connector.actions["get"].backoff, Backoff::default());
}

/// A write of 30 s, which a look-up proves absent after this time.
fn looked_up_after(visible_after: &str) -> Vec<String> {
    let get = manifest("");
    let pay = get[get.find("  get:").expect("the action")..].replace("  get:", "  pay:").replace(
        "effect: read",
        &format!(
            "timeout: 30s\n    effect: {{ write: {{ repeat: lookup, by: {{ action: get }}, found: {{ amount: $.amount }}, absence: \
             {{ class: not_found, proves: true, visible_after: {visible_after} }} }} }}"
        ),
    );
    let (_, reports) = Library::load(&[Source::new("acme.yaml", format!("{get}{pay}"))], Arc::new(NoWatch));
    let findings = own(&reports);
    findings.map(|finding| format!("{}: {}; {}", finding.check, finding.message, finding.help)).collect()
}

/// Whoever sent it may still be at it: until its time-out, and until its engine's lease has ended.
#[test]
fn a_look_up_that_may_begin_before_the_call_has_ended_is_a_finding() {
    let says = "invalid-value: `visible_after` must be longer than `timeout` and an engine's lease together, 40000 ms: the \
                call may still be under way; make `visible_after` longer, or `timeout` shorter";
    for too_soon in ["0s", "30s", "40s"] {
        assert_eq!(looked_up_after(too_soon), [says], "{too_soon}");
    }
    assert_eq!(looked_up_after("41s"), Vec::<String>::new());
}

/// What the reader says of rules for answers, instead of the one above.
fn of_rules(rules: &str) -> Vec<String> {
    let text = manifest("").replace("errors: [ { when: \"status >= 400 && status < 500\", class: rejected } ]", rules);
    let (_, reports) = Library::load(&[Source::new("acme.yaml", text)], Arc::new(NoWatch));
    let findings = own(&reports);
    findings.map(|finding| format!("{} {}: {}; {}", finding.at, finding.check, finding.message, finding.help)).collect()
}

#[test]
fn a_rule_below_one_that_always_matches_is_a_finding() {
    let says = "unreachable-rule: this rule is never reached: one above it always matches first; move it above line 6, or \
                remove it";
    let rules = |first: &str| {
        format!(
            "errors:\n  - {{ when: \"{first}\", class: throttled }}\n  - {{ when: \"status == 429\", class: throttled }}\n  - {{ \
             when: \"1 == 1\", class: rejected }}"
        )
    };
    assert_eq!(of_rules(&rules("true")), [format!("7:5 {says}"), format!("8:5 {says}")]);
    assert_eq!(of_rules(&rules("status == 429")), [format!("7:5 {says}")]);
    assert_eq!(of_rules(&rules("false")), Vec::<String>::new());
    assert_eq!(of_rules(&rules("status == 503")), Vec::<String>::new());
    // A rule on the status alone takes what a narrower one below it is for.
    assert_eq!(of_rules(&rules("status >= 400 && status < 500")), [format!("7:5 {says}")]);
    assert_eq!(of_rules(&rules("status >= 430")), Vec::<String>::new());
    assert_eq!(of_rules(&rules("status >= 400 && body.x == 1")), Vec::<String>::new());
    let narrow = |first: &str| {
        of_rules(&format!(
            "errors:\n  - {{ when: \"{first}\", class: rejected }}\n  - {{ when: \"status == 403 && body.a == 1\", class: auth }}"
        ))
    };
    assert_eq!(narrow("status >= 400"), [format!("7:5 {says}")]);
    assert_eq!(narrow("status == 403"), [format!("7:5 {says}")]);
    assert_eq!(narrow("status == 404"), Vec::<String>::new());
}

/// A manifest in which one line was changed.
fn changed(from: &str, to: &str) -> Vec<String> {
    let text =
        manifest("connection:\n  key: { secret: true, doc: A key., example: a }\n  zone: { doc: A zone., example: b }");
    let text = text.replacen(from, to, 1);
    assert!(text.contains(to), "{text}");
    let (_, reports) = Library::load(&[Source::new("acme.yaml", text)], Arc::new(NoWatch));
    let findings = own(&reports);
    findings.map(|finding| format!("{} {}: {}; {}", finding.at, finding.check, finding.message, finding.help)).collect()
}

#[test]
fn what_an_address_needs_is_there_and_no_secret_is_in_it() {
    for (from, to, says) in [
        (
            "path: /things",
            "path: \"/{zone}/{key}/things\"",
            "14:46 leaked-secret: `key` is a secret, and an address is kept",
        ),
        (
            "path: /things",
            "path: \"/{zon}/things\"",
            "14:46 invalid-value: nothing gives `zon` a value: it is no field of `connection`; did you mean `zone`?",
        ),
        ("path: /things", "let: { id: $.id }, path: \"/{zone}/{id}\"", ""),
        (
            "host: api",
            "host: apis",
            "14:22 invalid-value: the environment `only` has no host `apis`, and no token names one; did you mean `api`?",
        ),
        (
            "only: {",
            "other: { login: \"https://{zone}.example\" }, only: {",
            "14:22 invalid-value: the environment `other` has no host `api`",
        ),
        ("https://acme", "https://{key}.acme", "4:30 leaked-secret: `key` is a secret"),
        ("https://acme", "http://acme", "4:30 plain-http: `api` is sent over `http`"),
        ("https://acme", "https://192.168.0.7", "4:30 private-host: `192.168.0.7` is a host of a private network"),
        ("https://acme", "http://127.0.0.1:8080", ""),
        ("\"status == 200\"", "\"true\"", "15:14 constant-condition: `success` reads nothing of the answer"),
        (
            "result: $",
            "poll: { items: $.things }\n    result: $",
            "16:20 unknown-field: `output` describes no `things`",
        ),
    ] {
        let found = changed(from, to);
        let is_as_said =
            if says.is_empty() { found.is_empty() } else { found.len() == 1 && found[0].starts_with(says) };
        assert!(is_as_said, "{to}: {found:#?}");
    }
}

#[test]
fn a_bundle_says_what_was_refused_and_is_no_longer_than_one_can_be() {
    let of = |bundle: &str| {
        changed("path: /things }", &format!("path: /things, body: {{ all: [ $ ] }} }}\n    bundle: {bundle}"))
    };
    let refused = "refused: { errors: $.e, index: $.i, message: $.m, code: $.c }";
    assert_eq!(of(&format!("{{ max: 500, items: $.all, {refused} }}")), Vec::<String>::new());
    for (bundle, says) in [
        (
            format!("{{ max: 5000, items: $.all, {refused} }}"),
            "15:20 invalid-value: a bundle has 1 to 2000 calls, and `max` is 5000; write what the vendor takes, at most 2000",
        ),
        (
            format!("{{ max: 0, items: $.all, {refused} }}"),
            "15:20 invalid-value: a bundle has 1 to 2000 calls, and `max` is 0",
        ),
        (
            format!("{{ max: 5, items: $.rows, {refused} }}"),
            "15:30 invalid-value: `$.rows` is no list of the request's `body`",
        ),
        (
            "{ max: 5, items: $.all }".to_owned(),
            "15:13 incomplete-action: nothing says which item of a bundle is wrong",
        ),
    ] {
        let found = of(&bundle);
        assert!(found.len() == 1 && found[0].starts_with(says), "{bundle}: {found:#?}");
    }
}

#[test]
fn a_broken_server_proves_nothing_of_a_write() {
    let of = |rule: &str| {
        let text = manifest("")
            .replace(
                "errors: [ { when: \"status >= 400 && status < 500\", class: rejected } ]",
                &format!("errors: [ {rule} ]"),
            )
            .replace("effect: read", "effect: { write: { repeat: never } }");
        let (_, reports) = Library::load(&[Source::new("acme.yaml", text)], Arc::new(NoWatch));
        let findings = own(&reports);
        findings.map(|finding| format!("{}: {}; {}", finding.check, finding.message, finding.help)).collect::<Vec<_>>()
    };
    let says = |status: u16, class: &str| {
        format!(
            "invalid-value: {status} alone does not say that a write was not done, so it is not `{class}`; add what the target \
             says in the `body` where it has done nothing, or leave 5xx out: it is looked up then"
        )
    };
    assert_eq!(of("{ when: \"status == 503\", class: unavailable }"), [says(503, "unavailable")]);
    assert_eq!(of("{ when: \"status >= 400\", class: rejected }"), [says(500, "rejected")]);
    for fine in [
        "{ when: \"status >= 500\", class: unknown }",
        "{ when: 'status == 503 && body.code == \"BUSY\"', class: unavailable }",
        "{ when: \"status >= 400 && status < 500\", class: rejected }",
    ] {
        assert_eq!(of(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn an_action_without_a_rule_for_its_failures_is_a_finding() {
    let says = "incomplete-action: no rule says what the answers of `get` mean when it fails; add `errors: [ { when: \
                \"status >= 400 && status < 500\", class: rejected } ]`";
    assert_eq!(of_rules(""), [format!("8:3 {says}")]);
    assert_eq!(of_rules("errors: [ { when: \"status == 404\", class: not_found } ]"), Vec::<String>::new());
}

#[test]
fn an_example_is_what_its_schema_allows() {
    let of = |property: &str| {
        let text = manifest("").replacen("properties: {}", &format!("properties: {{ id: {property} }}"), 1);
        let (_, reports) = Library::load(&[Source::new("acme.yaml", text)], Arc::new(NoWatch));
        let findings = own(&reports);
        findings.map(|finding| format!("{}: {}", finding.check, finding.message)).collect::<Vec<_>>()
    };
    let says = |violation: &str| [format!("wrong-example: the example is not as its schema says: {violation}")];
    assert_eq!(of("{ type: string, description: An id., example: 5 }"), says("`$` must be string, and is a number"));
    assert_eq!(
        of("{ type: string, description: An id., maxLength: 2, example: abc }"),
        says("`$` has 3 characters, and 2 are the most")
    );
    assert_eq!(of("{ type: array, items: { type: string }, description: Ids., example: [a] }"), Vec::<String>::new());
}
