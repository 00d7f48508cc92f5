//! What pipelines take from others and give to them: types across files.

use expect_test::expect;

use crate::{check, findings_on, world::World};

const HEAD: &str = "# ferry.yaml\nferry: 1\nproject: p\n";

/// What is called: a currency with its codes, an amount, and a note that may be left out.
const PAY: &str = "\
# pay.yaml
ferry: 1
pipeline: pay
trigger: manual
inputs:
  amount: number
  currency: { type: string, one_of: [EUR, USD] }
  note: { type: string, optional: true, max_length: 10 }
steps:
  - id: paid
    map: { state: done, cents: { from: $.event.amount, as: integer } }
  - { id: sometimes, when: event.amount > 5, map: { more: true } }
output: { state: $.paid.state, cents: $.paid.cents, inner: { currency: $.event.currency } }
";

/// A project in which a pipeline of these steps calls `pay`.
fn calling(steps: &str) -> String {
    let caller = "ferry: 1\npipeline: orders\n# ferry: allow(open-webhook) a test\ntrigger: { webhook: { path: orders, verify: none }, key: $.id }\n";
    format!("{HEAD}{PAY}# orders.yaml\n{steps}{caller}")
}

#[test]
fn what_a_pipeline_is_given_has_the_types_that_it_takes() {
    let steps = "steps:
  - { id: right, pipeline: pay, with: { amount: $.event.amount, currency: EUR, note: short } }
  - { id: lacks, pipeline: pay, with: { currency: USD, amuont: 5 } }
  - { id: nothing, pipeline: pay, with: { currency: EUR, amount: null } }
  - { id: wrong, pipeline: pay, with: { amount: '5', currency: GBP, note: much too long } }
  - { id: made, map: { amount: true, currency: EUR, colour: red } }
  - { id: whole, pipeline: pay, with: $.made }
  - { id: unknown, pipeline: pay, with: $.event.order }
  - { id: nested, map: { pay: { amount: 1, curency: EUR } } }
  - { id: inside, pipeline: pay, with: $.nested.pay }
";
    check(
        &calling(steps),
        expect![[r#"
        orders.yaml:3:28: error[missing-input]: `pay` needs `amount`
          help: add `amount` to `with`: number
        orders.yaml:3:56: error[unknown-input]: `pay` takes no `amuont`
          help: did you mean `amount`?
        orders.yaml:4:30: error[missing-input]: `pay` needs `amount`
          help: add `amount` to `with`: number
        orders.yaml:5:49: error[wrong-input]: `amount` of `pay` must be a number, and this is a text
          help: convert it: `{ from: …, as: decimal(2) }`
        orders.yaml:5:64: error[wrong-input]: `currency` of `pay` is never "GBP"
          help: write one of `EUR`, `USD`
        orders.yaml:5:75: error[wrong-input]: `note` of `pay` has 10 characters at the most, and this has 13
          help: write a shorter text
        orders.yaml:6:32: error[wrong-input]: `amount` of `pay` must be a number, and this is true or false
          help: give it a number
        orders.yaml:6:53: error[unknown-input]: `pay` takes no `colour`
          help: write one of `amount`, `currency`, `note`
        orders.yaml:10:40: error[unknown-input]: `pay` takes no `curency`
          help: did you mean `currency`?
        orders.yaml:10:40: error[missing-input]: `pay` needs `currency`
          help: add `currency: …`
    "#]],
    );
}

#[test]
fn what_a_pipeline_gives_has_the_types_of_its_output() {
    let steps = "steps:
  - { id: paid, pipeline: pay, with: { amount: 1, currency: EUR } }
  - { id: read, map: { a: $.paid.state, b: $.paid.stat, c: $.paid.inner.currenci } }
  - { id: never, when: 'paid.inner.currency == \"GBP\" || paid.state == \"sent\" || paid.cents == \"1\"', map: { a: 1 } }
  - { id: again, pipeline: pay, with: { amount: $.paid.state, currency: $.paid.inner.currency } }
  - { id: each, each: { in: $.event.lines, as: line, key: $.line.id }, pipeline: pay, with: { amount: $.line.amount, currency: EUR } }
  - { id: first, map: { a: '$.each[0].output.state', b: '$.each[0].output.sate' } }
";
    check(
        &calling(steps),
        expect![[r#"
            orders.yaml:3:44: error[unknown-field]: `paid` has no `stat`
              help: did you mean `state`?
            orders.yaml:3:60: error[unknown-field]: `paid.inner` has no `currenci`
              help: did you mean `currency`?
            orders.yaml:4:48: error[mixed-comparison]: `paid.inner.currency` is never "GBP"
              help: write one of `EUR`, `USD`
            orders.yaml:4:71: error[mixed-comparison]: `paid.state` is never "sent"
              help: write one of `done`
            orders.yaml:4:95: error[mixed-comparison]: `paid.cents` is a whole number, and is never `== "1"`
              help: compare it with a whole number
            orders.yaml:5:49: error[wrong-input]: `amount` of `pay` must be a number, and this is a text
              help: convert it: `{ from: …, as: decimal(2) }`
            orders.yaml:7:57: error[unknown-field]: `each[].output` has no `sate`
              help: did you mean `state`?
        "#]],
    );
}

#[test]
fn inside_a_pipeline_the_inputs_have_their_types() {
    let pipeline = "\
# pay.yaml
steps:
  - { id: a, map: { amount: $.event.amuont, note: $.event.note, first: $.event.lines.first } }
  - { id: b, when: 'event.currency == \"GBP\"', map: { a: { from: $.event.note, default: none } } }
  - { id: c, map: { from: $.event.currency, lookup: codes } }
ferry: 1
pipeline: pay
trigger: manual
inputs:
  amount: number
  lines: array
  currency: { type: string, one_of: [EUR, USD] }
  note: { type: string, optional: true }
output: $.c
# tables/codes.yaml
EUR: euro
";
    check(
        &format!("{HEAD}{pipeline}"),
        expect![[r#"
            pay.yaml:2:29: error[unknown-field]: `event` has no `amuont`
              help: did you mean `amount`?
            pay.yaml:2:51: warning[uncertain-value]: `$.event.note` may be missing: `note` is not always there
              help: say what stands for it, `{ from: $.event.note, default: … }`, or look first: `when: '"note" in event'`
            pay.yaml:2:72: error[unknown-field]: `event.lines` is a list, which has no fields
              help: read `event.lines` itself
            pay.yaml:3:39: error[mixed-comparison]: `event.currency` is never "GBP"
              help: write one of `EUR`, `USD`
            pay.yaml:4:53: warning[partial-table]: the table `codes` has no row for `USD`
              help: add what is missing to the table, or write `else`
        "#]],
    );
}

#[test]
fn what_follows_a_pipeline_knows_its_event_and_its_output() {
    let follower = |on: &str| {
        format!(
            "# {on}.yaml\nsteps:\n  - {{ id: a, map: {{ state: $.event.output.state, typo: $.event.output.stat, amount: $.event.event.amuont }} }}\n  \
             - {{ id: b, map: {{ why: $.event.failure.message, typo: $.event.failure.mesage }} }}\nferry: 1\npipeline: {on}\ntrigger: {{ pipeline: {{ name: \
             pay, on: {on} }} }}\noutput: $.b\n"
        )
    };
    check(
        &format!("{HEAD}{PAY}{}{}", follower("finished"), follower("dead_letter")),
        expect![[r#"
            finished.yaml:2:56: error[unknown-field]: `event.output` has no `stat`
              help: did you mean `state`?
            finished.yaml:2:85: error[unknown-field]: `event.event` has no `amuont`
              help: did you mean `amount`?
            finished.yaml:3:26: warning[uncertain-value]: `$.event.failure.message` may be missing: `failure` is not always there
              help: say what stands for it, `{ from: $.event.failure.message, default: … }`, or look first: `when: '"failure" in event'`
            finished.yaml:3:57: warning[uncertain-value]: `$.event.failure.mesage` may be missing: `failure` is not always there
              help: say what stands for it, `{ from: $.event.failure.mesage, default: … }`, or look first: `when: '"failure" in event'`
            dead_letter.yaml:2:28: warning[uncertain-value]: `$.event.output.state` may be missing: `output` is not always there
              help: say what stands for it, `{ from: $.event.output.state, default: … }`, or look first: `when: '"output" in event'`
            dead_letter.yaml:2:56: warning[uncertain-value]: `$.event.output.stat` may be missing: `output` is not always there
              help: say what stands for it, `{ from: $.event.output.stat, default: … }`, or look first: `when: '"output" in event'`
            dead_letter.yaml:2:85: error[unknown-field]: `event.event` has no `amuont`
              help: did you mean `amount`?
            dead_letter.yaml:3:57: error[unknown-field]: `event.failure` has no `mesage`
              help: did you mean `message`?
        "#]],
    );
}

#[test]
fn types_go_through_pipelines_as_far_as_they_are_known() {
    let pipeline = |name: &str, steps: &str, output: &str| {
        format!("# {name}.yaml\n{steps}ferry: 1\npipeline: {name}\ntrigger: manual\n{output}")
    };
    let outer = pipeline(
        "outer",
        "steps:\n  - { id: x, pipeline: pay, with: { amount: 1, currency: EUR } }\n",
        "output: { paid: $.x }\n",
    );
    let silent = pipeline("silent", "steps:\n  - { id: x, check: [{ rhai: event.a > 1, say: small }] }\n", "");
    let script = pipeline("script", "steps:\n  - { id: x, script: 'event.a * 2' }\n", "output: $.x\n");
    // It has an error of its own, and what it gives is still known.
    let wrong = "steps:\n  - { id: x, map: { a: 1 } }\n  - { id: z, map: { c: 1, typo: $.x.b } }\n";
    let wrong = pipeline("wrong", wrong, "output: $.z\n");
    let round = pipeline("round", "steps:\n  - { id: x, pipeline: about, with: { a: 1 } }\n", "output: $.x\n");
    let about = pipeline("about", "steps:\n  - { id: x, pipeline: round, with: { a: 1 } }\n", "output: $.x\n");
    let reads = "steps:
  - { id: a, pipeline: outer }
  - { id: b, pipeline: silent }
  - { id: c, pipeline: script }
  - { id: d, pipeline: round }
  - { id: w, pipeline: wrong }
  - { id: e, map: { a: $.a.paid.stat, b: $.b.any, c: $.c.any.field, d: $.d.any.field, w: $.w.d } }
";
    let reads = pipeline("reads", reads, "output: $.e\n");
    let all = [PAY, &outer, &silent, &script, &wrong, &round, &about, &reads].concat();
    check(
        &format!("{HEAD}{all}"),
        expect![[r#"
            wrong.yaml:3:33: error[unknown-field]: `x` has no `b`
              help: write one of `a`
            round.yaml:2:24: error[recursive-pipeline]: `round` calls itself: `round` → `about` → `round`
              help: call a pipeline that calls none of these, or do each item of a list with `each`
            about.yaml:2:24: error[recursive-pipeline]: `about` calls itself: `about` → `round` → `about`
              help: call a pipeline that calls none of these, or do each item of a list with `each`
            reads.yaml:7:24: error[unknown-field]: `a.paid` has no `stat`
              help: did you mean `state`?
            reads.yaml:7:42: warning[uncertain-value]: `$.b.any` may be missing: the pipeline `silent` has no `output`
              help: say what stands for it, `{ from: $.b.any, default: … }`, or look first: `when: b != ()`
            reads.yaml:7:54: error[unknown-field]: `c` is a number, which has no fields
              help: read `c` itself
            reads.yaml:7:90: error[unknown-field]: `w` has no `d`
              help: write one of `c`, `typo`
        "#]],
    );
}

#[test]
fn inputs_say_what_they_can_be() {
    check(
        "\
ferry: 1
pipeline: pay
trigger: manual
inputs:
  a: { type: number, one_of: [1, two], max_length: 3 }
  b: { type: string, one_of: [] }
  c: { type: text }
steps:
  - { id: x, map: { a: 1 } }
output: $.x
",
        expect![[r#"
            5:34: error[wrong-type]: `"two"` is no `number`, as the input's `type` says
              help: write values of that type
            5:40: error[unknown-key]: only a `string` takes `max_length`
              help: remove it: only a text has a length
            6:30: error[wrong-type]: `one_of` has no item
              help: write at least one item
            7:14: error[invalid-value]: `text` is not a JSON type
              help: write one of `string`, `number`, `integer`, `boolean`, `object`, `array`
        "#]],
    );
}

/// By whatever way it would come to it.
#[test]
fn what_tells_of_failures_is_told_of_none_of_its_own() {
    let pipeline = |name: &str, steps: &str, channel: &str| {
        format!(
            "# {name}.yaml\nferry: 1\npipeline: {name}\ntrigger: manual\nsteps:\n{steps}on_failure: {{ alert: {channel} }}\n"
        )
    };
    let map = "  - { id: one, map: { text: x } }\n";
    let project = "# ferry.yaml\nferry: 1\nproject: example\nalerts: { ops: log, desk: { pipeline: tell }, \
                   deputy: { pipeline: write } }\n";
    let calls = "  - { id: one, pipeline: write }\n";
    for (tell, write, found) in [
        (pipeline("tell", map, "desk"), pipeline("write", map, "deputy"), 2),
        (pipeline("tell", map, "deputy"), pipeline("write", map, "desk"), 2),
        (pipeline("tell", calls, "ops"), pipeline("write", map, "desk"), 2),
        (pipeline("tell", map, "deputy"), pipeline("write", map, "ops"), 0),
        (pipeline("tell", calls, "ops"), pipeline("write", map, "ops"), 0),
    ] {
        let findings = findings_on(&World::new(), &format!("{tell}{write}{project}"));
        let circles = findings.iter().filter(|finding| finding.check == "recursive-pipeline").count();
        assert_eq!(circles, found, "{tell}{write}");
    }
}

/// That run would go on, and pay, beside what is done in its place.
#[test]
fn a_step_that_waits_for_another_run_takes_no_time_out() {
    let steps = "steps:
  - id: pay_it
    pipeline: pay
    timeout: 1h
    with: { amount: 1, currency: EUR }
";
    check(
        &calling(steps),
        expect![[r#"
        orders.yaml:4:5: error[unknown-key]: a step that waits for another run takes no `timeout`: that run would go on, and pay, after it
          help: write it in that pipeline, where it ends what it does
    "#]],
    );
}
