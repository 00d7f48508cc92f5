//! What only the whole project shows: definitions nobody uses, circles of pipelines, two at one address.

use expect_test::expect;

use crate::check;

const PAYONEER: &str = "{ connector: payoneer, environment: sandbox, program_id: '100086190', client_id: a, client_secret: '${secret:b}' }";

#[test]
fn what_no_pipeline_names_is_unused() {
    let project = format!(
        "# ferry.yaml\nferry: 1\nproject: p\nconnections:\n  payoneer: {PAYONEER}\n  second: {PAYONEER}\nalerts:\n  ops: log\n  \
         treasury: log\ngroups: {{ checkers: [ana] }}\nvars: {{ rate: 1, share: 2 }}\n# tables/status.yaml\na: b\n# \
         tables/state.yaml\na: b\n"
    );
    let one = "# one.yaml\nferry: 1\npipeline: one\ntrigger: manual\nsteps:\n  - { id: balance, action: payoneer.get_balance }\n  - { \
               id: mapped, map: { a: { from: $.balance.currency, lookup: status }, b: { rhai: vars.rate * 2 } } }\noutput: \
               $.mapped\non_failure: { alert: ops }\n";
    check(
        &format!("{project}{one}"),
        expect![[r#"
            ferry.yaml:5:3: warning[unused-definition]: no pipeline of this project uses the connection `second`
              help: remove it, or name it in a pipeline
            ferry.yaml:8:3: warning[unused-definition]: no pipeline of this project uses the alert channel `treasury`
              help: remove it, or name it in a pipeline
            ferry.yaml:9:11: warning[unused-definition]: no pipeline of this project uses the group `checkers`
              help: remove it, or name it in a pipeline
            ferry.yaml:10:18: warning[unused-definition]: no pipeline of this project uses the value of `vars` `share`
              help: remove it, or name it in a pipeline
            tables/state.yaml:1:1: warning[unused-definition]: no pipeline of this project uses the table `state`
              help: remove it, or name it in a pipeline
        "#]],
    );
    // What cannot be read may name anything.
    check(
        &format!("{project}{one}# two.yaml\nsteps: [\n"),
        expect![[r#"
            two.yaml:2:1: error[yaml-syntax]: this is not YAML: while parsing a node, did not find expected node content
              help: close the `[` of line 1, or put the text into quotes
        "#]],
    );
    check(&format!("{project}# tables/other.yaml\na: b\n"), expect![""]);
}

#[test]
fn all_of_vars_may_be_read_at_once() {
    let of = |value: &str| {
        format!(
            "# ferry.yaml\nferry: 1\nproject: p\nvars: {{ rate: 1 }}\n# one.yaml\nferry: 1\npipeline: one\ntrigger: manual\nsteps:\n  \
             - {{ id: a, script: '{value}' }}\noutput: $.a\n"
        )
    };
    check(&of("vars[event.name]"), expect![""]);
    check(&of("vars.rate"), expect![""]);
    check(
        &of("event.rates"),
        expect![[r#"
            ferry.yaml:3:9: warning[unused-definition]: no pipeline of this project uses the value of `vars` `rate`
              help: remove it, or name it in a pipeline
        "#]],
    );
}

#[test]
fn pipelines_that_call_in_a_circle_are_printed_as_a_path() {
    let pipeline = |name: &str, calls: &str| {
        format!(
            "# {name}.yaml\nferry: 1\npipeline: {name}\ntrigger: manual\nsteps:\n  - {{ id: x, pipeline: {calls} }}\noutput: $.x\n"
        )
    };
    let head = "# ferry.yaml\nferry: 1\nproject: p\n";
    let circle = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")].map(|(name, calls)| pipeline(name, calls)).concat();
    check(
        &format!("{head}{circle}"),
        expect![[r#"
            a.yaml:5:24: error[recursive-pipeline]: `a` calls itself: `a` → `b` → `c` → `a`
              help: call a pipeline that calls none of these, or do each item of a list with `each`
            b.yaml:5:24: error[recursive-pipeline]: `b` calls itself: `b` → `c` → `a` → `b`
              help: call a pipeline that calls none of these, or do each item of a list with `each`
            c.yaml:5:24: error[recursive-pipeline]: `c` calls itself: `c` → `a` → `b` → `c`
              help: call a pipeline that calls none of these, or do each item of a list with `each`
        "#]],
    );
    check(
        &format!("{head}{}", pipeline("a", "a")),
        expect![[r#"
            a.yaml:5:24: error[recursive-pipeline]: `a` calls itself: `a` → `a`
              help: call a pipeline that calls none of these, or do each item of a list with `each`
        "#]],
    );
}

#[test]
fn one_address_has_one_pipeline() {
    let hook = |name: &str, path: &str| {
        format!(
            "# {name}.yaml\nferry: 1\npipeline: {name}\ntrigger:\n  webhook: {{ path: {path}, verify: {{ header: X, secret: \
             '${{env:S}}' }} }}\n  key: $.id\nsteps:\n  - {{ id: told, emit: {{ event: e, key: $.event.id }} }}\n"
        )
    };
    let head = "# ferry.yaml\nferry: 1\nproject: p\n";
    check(
        &format!("{head}{}{}{}", hook("one", "orders"), hook("two", "orders"), hook("three", "returns")),
        expect![[r#"
            two.yaml:4:20: error[colliding-trigger]: the pipeline `one` takes the requests to `/hooks/orders` already
              help: give each pipeline a path of its own, or let one `emit` an event for the other
        "#]],
    );
}

#[test]
fn names_of_pipelines_are_not_told_apart_by_capitals() {
    let pipeline = |file: &str, name: &str| {
        format!(
            "# {file}.yaml\nferry: 1\npipeline: {name}\ntrigger: manual\nsteps:\n  - {{ id: x, script: '1' }}\noutput: $.x\n"
        )
    };
    check(
        &format!("# ferry.yaml\nferry: 1\nproject: p\n{}{}", pipeline("one", "fees"), pipeline("two", "Fees")),
        expect![[r#"
            two.yaml:2:11: error[duplicate-id]: another file of this project is the pipeline `fees` already
              help: give each pipeline a name of its own
        "#]],
    );
}

const SALESFORCE: &str = "  salesforce: { connector: salesforce, environment: sandbox, my_domain: a, client_id: a, client_secret: '${secret:b}' }\n";

/// A pipeline that polls one object and does a step.
fn polling(name: &str, object: &str, condition: &str, step: &str) -> String {
    format!(
        "# {name}.yaml\nferry: 1\npipeline: {name}\ntrigger:\n  poll:\n    action: salesforce.query\n    with: {{ object: {object}, fields: \
         [Id, SystemModstamp]{condition} }}\n    every: 1m\n    cursor: {{ field: $.SystemModstamp, tie_break: $.Id, lookback: 5m \
         }}\n  key: $.Id\nsteps:\n  - {{ id: copy, {step} }}\non_failure: {{ alert: ops }}\n"
    )
}

#[test]
fn copies_do_not_come_back() {
    let head = format!("# ferry.yaml\nferry: 1\nproject: p\nconnections:\n{SALESFORCE}alerts: {{ ops: log }}\n");
    let create = |object: &str| format!("action: salesforce.create, with: {{ object: {object}, values: {{ A: b }} }}");
    let update = "action: salesforce.update, with: { object: Case, id: $.event.Id, values: { A: b } }";
    let two = |first: &str, second: &str| format!("{head}{first}{second}");
    check(
        &two(&polling("there", "Case", "", &create("Task")), &polling("back", "Task", "", &create("Case"))),
        expect![[r#"
            back.yaml:5:13: warning[echo-loop]: a record that `there` makes begins a run of `back`, which makes one for `there`
              help: write into each copy where it comes from, and leave the copies out with `where`
        "#]],
    );
    check(
        &format!("{head}{}", polling("own", "Case", "", &create("Case"))),
        expect![[r#"
        own.yaml:5:13: warning[echo-loop]: a record that `own` makes begins another run of it, which makes the next
          help: write into each copy where it comes from, and leave the copies out with `where`
    "#]],
    );
    let filtered = polling("there", "Case", ", where: \"A != 'b'\"", &create("Task"));
    check(&two(&filtered, &polling("back", "Task", "", &create("Case"))), expect![""]);
    check(&two(&polling("there", "Case", "", &create("Task")), &polling("back", "Task", "", update)), expect![""]);
    check(&format!("{head}{}", polling("own", "Case", "", update)), expect![""]);
}

#[test]
fn a_connector_that_is_used_has_a_budget() {
    let manifest = |budget: &str| {
        format!(
            "# connectors/acme/connector.yaml\nferry: 1\nconnector: acme\ntitle: Acme\nenvironments: {{ only: {{ api: \
             'https://a.example' }} }}\n{budget}\nactions:\n  get:\n    summary: Gets.\n    source: this test\n    effect: read\n    \
             request: {{ host: api, method: GET, path: /things }}\n    success: \"status == 200\"\n    result: $\n    input: {{ \
             type: object, properties: {{}} }}\n    output: {{ type: object, additionalProperties: true }}\n    sample: none\n"
        )
    };
    let project = "# ferry.yaml\nferry: 1\nproject: p\nconnections:\n  acme: { connector: acme, environment: only }\n";
    let waits = |every: &str| {
        format!(
            "# one.yaml\nferry: 1\npipeline: one\ntrigger: manual\nsteps:\n  - id: a\n    wait: {{ poll: {{ action: acme.get, every: \
             {every} }}, until: result.a > 1, timeout: 1d }}\n"
        )
    };
    check(
        &format!("{project}{}{}", waits("1m"), manifest("")),
        expect![[r#"
        ferry.yaml:4:22: warning[no-budget]: the connector `acme` has no budget, so a burst of events is a burst of calls
          help: say in its connector.yaml what the vendor takes, such as `budget: [ { limit: 600, per: 1m } ]`
    "#]],
    );
    let budget = manifest("budget: [ { limit: 100, per: 1h } ]");
    check(&format!("{project}{}{budget}", waits("72s")), expect![""]);
    check(
        &format!("{project}{}{budget}", waits("1m")),
        expect![[r#"
        one.yaml:6:29: warning[frequent-poll]: this asks 60 times in 3600 s, and Acme takes 100 calls in that time
          help: ask more seldom: `every: 72s` leaves half of them to others
    "#]],
    );
    check(
        &format!("{project}{}{budget}", waits("500ms")),
        expect![[r#"
        one.yaml:6:29: warning[frequent-poll]: this asks 7200 times in 3600 s, and Acme takes 100 calls in that time
          help: ask more seldom: `every: 72s` leaves half of them to others
    "#]],
    );
}

#[test]
fn names_of_a_project_are_not_told_apart_by_capitals() {
    check(
        &format!(
            "ferry: 1\nproject: p\nconnections:\n  bank: {PAYONEER}\n  Bank: {PAYONEER}\nalerts: {{ ops: log, dev: log, OPS: log }}\n"
        ),
        expect![[r#"
            5:3: error[duplicate-id]: only capitals tell `Bank` from `bank`
              help: choose a name of its own; the first is at line 4
            6:31: error[duplicate-id]: only capitals tell `OPS` from `ops`
              help: choose a name of its own; the first is at line 6
        "#]],
    );
}

/// A step that calls a function of a module may be there to refuse, and a pipeline that cannot be read may call another.
#[test]
fn what_may_have_a_reason_elsewhere_is_left_alone() {
    check(
        "\
steps:
  - { id: guard, script: { use: scripts/r.rhai, call: refuse, with: { amount: $.event.Amount__c } } }
  - id: write
    action: salesforce.update
    with: { object: Payment_Request__c, id: $.event.Id, values: { Status__c: Done } }
# scripts/r.rhai
fn refuse(amount) { if amount > 100 { throw \"too much\"; } amount }
",
        expect![[r#""#]],
    );
}

#[test]
fn further_addresses_are_addresses_of_the_connector() {
    let pipeline = "# one.yaml\nferry: 1\npipeline: one\ntrigger: manual\nsteps:\n  - { id: a, action: payoneer.get_balance }\n\
                    output: $.a\n";
    let head = "# ferry.yaml\nferry: 1\nproject: p\nconnections:\n  payoneer:\n    connector: payoneer\n    environment: sandbox\n    \
                program_id: '100086190'\n    client_id: a\n    client_secret: ${secret:b}\n";
    let of = |fallback: &str| format!("{head}    fallback: {fallback}\n{pipeline}");
    check(&of("{ api: [https://b.example, '${env:THIRD}'], login: https://c.example }"), expect![""]);
    check(
        &of("{ apy: [https://b.example] }"),
        expect![[r#"
        ferry.yaml:10:17: error[unknown-key]: `apy` is not an address that Payoneer has in its environments
          help: did you mean `api`?
    "#]],
    );
    check(
        &of("{ api: [b.example, 'http://b.example', https://c.example, https://c.example] }"),
        expect![[r#"
        ferry.yaml:10:23: error[invalid-value]: `b.example` is no address
          help: write where the system is, with its scheme, and nothing else: `https://api-2.acme.example`
        ferry.yaml:10:34: error[plain-http]: `fallback` is sent over `http`, so whoever is on the way reads and changes it
          help: write `https://…`; to this machine itself `http` is enough
        ferry.yaml:10:73: error[invalid-value]: `https://c.example` is written twice, so it would be tried twice
          help: remove one of them
    "#]],
    );
    check(
        &of("{ api: [https://ana@b.example, '${secret:third}'] }"),
        expect![[r#"
        ferry.yaml:10:17: warning[leaked-secret]: `fallback.api` is no secret, so its addresses are in messages, logs and `ferry status`
          help: write the address, or `${env:NAME}`
        ferry.yaml:10:23: error[invalid-value]: `https://ana@b.example` is no address
          help: write where the system is, with its scheme, and nothing else: `https://api-2.acme.example`
    "#]],
    );
    check(
        &of("[https://b.example]"),
        expect![[r#"
        ferry.yaml:10:15: error[wrong-type]: `fallback` must be a map, and this is a list
          help: write a map here
    "#]],
    );
    let environment =
        "environments:\n  test: { connections: { payoneer: { fallback: { api: ['http://10.0.0.5'] } } } }\n";
    check(
        &format!("{head}{environment}{pipeline}"),
        expect![[r#"
            ferry.yaml:11:56: error[plain-http]: `fallback` is sent over `http`, so whoever is on the way reads and changes it
              help: write `https://…`; to this machine itself `http` is enough
            ferry.yaml:11:56: warning[private-host]: `10.0.0.5` is a host of a private network, which is not there from everywhere
              help: write the system's public address; where it is meant, say so with `# ferry: allow(private-host) our own ERP`
        "#]],
    );
}
