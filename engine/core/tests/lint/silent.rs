//! What looks like a mistake and is none.

use expect_test::expect;

use crate::check;

const PROJECT: &str = "# ferry.yaml\nferry: 1\nproject: example\n";

/// A filter of a map is for its fields, and what holds of one field of an event without types holds of no other.
#[test]
fn what_is_not_known_is_not_missed() {
    check(
        "\
# found.yaml
ferry: 1
pipeline: found
trigger: { webhook: { path: p, verify: { header: X, secret: \"${env:S}\" } }, key: $.id }
inputs: { id: string, parties: { type: object, optional: true } }
steps:
  - { id: sides, map: { payer: { name: a, share: 1 }, payee: { name: b, share: 2 } } }
  - { id: large, map: { from: \"$.sides[?@.share > 1].name\", many: true } }
  - { id: names, when: '\"parties\" in event && \"payer\" in event.parties', map: { a: $.event.parties.payer, b: { from: $.event.parties.payee, default: b } } }
  - { id: both, map: { from: $.event.parties, default: $.sides } }
output: [$.large, { from: $.names, default: 0 }, $.both]
# ferry.yaml
ferry: 1
project: example
",
        expect![[r#""#]],
    );
}

/// A sub-pipeline that only reads sends nothing, and two conditions may be two ways.
#[test]
fn what_may_be_another_way_is_only_warned_of() {
    let reads = "# reads.yaml\nferry: 1\npipeline: reads\ntrigger: manual\ninputs: { id: string }\nsteps:\n  - { id: a, map: { a: \
                 $.event.id } }\noutput: $.a\n";
    let event =
        "ferry: 1\npipeline: asks\ntrigger: { event: asked, key: $.id }\ninputs: { id: string, kind: string }\n";
    let guard = "  - { id: sure, when: event.kind == \"a\", check: [{ field: $.event.id, is: present }] }\n";
    let with = |step: &str| format!("# asks.yaml\n{event}steps:\n{guard}{step}{reads}{PROJECT}");
    check(
        &with("  - { id: b, pipeline: reads, with: { id: $.event.id } }\noutput: $.b\n"),
        expect![[r#"
        asks.yaml:6:11: warning[unguarded-write]: nothing waits for `sure`, so `b` is done whatever it finds
          help: write `needs: [sure]` in `b`, or in a step that it waits for
    "#]],
    );
    let write = "action: salesforce.update, with: { object: Case, id: $.event.Id, values: { Subject: a } } }\n";
    let guard = "  - { id: sure, when: event.Amount__c > 5, check: [{ field: $.event.Name, is: present }] }\n";
    check(
        &format!("steps:\n{guard}  - {{ id: b, when: event.Amount__c <= 5, {write}"),
        expect![[r#"
        2:11: warning[unguarded-write]: nothing waits for `sure`, so `b` is done whatever it finds
          help: write `needs: [sure]` in `b`, or in a step that it waits for
    "#]],
    );
}

/// One of a few, as the pipeline says.
#[test]
fn a_query_that_is_one_of_a_few_is_not_any_text() {
    let query = |input: &str| {
        format!(
            "ferry: 1\npipeline: p\ntrigger: {{ event: asked, key: $.id }}\ninputs: {{ id: string, cond: {input} }}\nsteps:\n  - id: \
             a\n    action: salesforce.query\n    with: {{ object: Contact, fields: [Id], where: $.event.cond }}\noutput: $.a\n"
        )
    };
    check(&query("{ type: string, one_of: [A = 1, B = 2] }"), expect![""]);
    check(
        &query("string"),
        expect![[r#"
        8:51: warning[unescaped-query]: whoever makes the event writes all of `where`, with `$.event.cond`
          help: write it here, and let the event choose between a few of them, with `switch` or `lookup`
    "#]],
    );
}
