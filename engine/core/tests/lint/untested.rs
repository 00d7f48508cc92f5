//! What no test of a project that has tests can have run.

use expect_test::expect;

use crate::check;

const HEAD: &str = "\
# ferry.yaml
ferry: 1
project: example
connections:
  payoneer: { connector: payoneer, environment: sandbox, program_id: \"100086190\", client_id: a, client_secret: \"${secret:b}\" }
alerts: { desk: log }
# a.yaml
ferry: 1
pipeline: a
trigger: { event: a.asked, key: $.id }
on_failure: { alert: desk }
steps:
  - id: payee
    action: payoneer.get_payee_status
    with: { payee_id: $.event.id }
    on_error:
      - { class: [not_found, rejected], do: [ { id: told, alert: { to: desk, say: no payee } } ], then: dead_letter }
      - { class: invalid, do: [ { id: odd, alert: { to: desk, say: odd } } ], then: dead_letter }
  - { id: other, pipeline: b, with: { id: $.event.id } }
";

/// Two more pipelines: `b`, which the first one calls, and `c`.
const OTHERS: &str = "\
# b.yaml
ferry: 1
pipeline: b
inputs: { id: string }
trigger: manual
steps: [ { id: x, map: { x: $.event.id } } ]
# c.yaml
ferry: 1
pipeline: c
trigger: { event: c.asked, key: $.id }
steps: [ { id: x, map: { x: $.event.id } } ]
";

fn with_tests(tests: &str) -> String {
    format!("{HEAD}{OTHERS}{tests}")
}

#[test]
fn what_no_test_runs_is_said_where_there_are_tests() {
    let of = |answer: &str| {
        format!(
            "# a.test.yaml\ntests:\n  - name: one\n    event: {{ id: P-77 }}\n    mocks: {{ payoneer.get_payee_status: {answer} }}\n    expect: {{ outcome: finished }}\n"
        )
    };
    let known = of("{ return: { type: 1, description: Active } }");
    check(
        &with_tests(&known),
        expect![[r#"
            a.yaml:10:19: warning[untested-arm]: no test lets `payoneer.get_payee_status` fail so that this arm is taken
              help: add a test with the mock `payoneer.get_payee_status: { fail: not_found }`
            c.yaml:2:11: warning[untested-pipeline]: no test runs `c`, and other pipelines of this project have tests
              help: write a file beside it that ends with `.test.yaml`; `ferry explain untested-pipeline` shows one
        "#]],
    );
    let c = "# own.test.yaml\npipeline: c\ntests: [ { name: two, event: { id: 1 }, expect: { outcome: finished } } ]\n";
    check(&with_tests(&format!("{}{c}", of("{ fail: rejected }"))), expect![""]);
    check(&with_tests(""), expect![""]);
    // Of a test that cannot be read, nobody knows which pipeline it runs.
    check(&with_tests("# x.test.yaml\nname: [\n"), expect![""]);
}
