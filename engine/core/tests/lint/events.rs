//! Names that pipelines know each other by: events, folders, their own.

use expect_test::expect;

use crate::check;

const PROJECT: &str = "# ferry.yaml\nferry: 1\nproject: example\n";

fn pipeline(name: &str, rest: &str) -> String {
    format!("# {name}.yaml\nferry: 1\npipeline: {name}\n{rest}")
}

fn on(name: &str, event: &str, emits: &str) -> String {
    pipeline(name, &format!("trigger: {{ event: {event}, key: $.id }}\nsteps:\n  - {{ id: told, {emits} }}\n"))
}

#[test]
fn an_event_has_what_it_is_given() {
    let orders = pipeline(
        "orders",
        "trigger: manual\ninputs: { id: string }\nsteps:\n  - { id: told, emit: { event: order.done, key: $.event.id, data: { id: \
         $.event.id, at: a } } }\n  - { id: bare, emit: { event: order.seen, key: $.event.id } }\n  - { id: whole, emit: { event: \
         order.kept, key: $.event.id, data: $.event } }\n",
    );
    let waits = pipeline(
        "waits",
        "trigger: manual\ninputs: { id: string }\nsteps:\n  - { id: done, wait: { event: order.doen, match: { event: $.id, run: \
         $.event.id }, timeout: 1d } }\n  - { id: sent, wait: { event: order.sent, match: { event: $.id, run: $.event.id }, timeout: \
         1d } }\n  - { id: mine, wait: { event: order.done, match: { event: $.idd, run: $.event.id }, timeout: 1d } }\noutput: \
         [$.done, $.sent, $.mine]\n",
    );
    let reads = |event: &str, key: &str| {
        let name = event.replace('.', "-");
        pipeline(
            &name,
            &format!("trigger: {{ event: {event}, key: {key} }}\nsteps: [{{ id: a, map: {{ a: 1 }} }}]\noutput: $.a\n"),
        )
    };
    let seen = [reads("order.seen", "$.id"), reads("order.kept", "$.idd"), reads("order.done", "$.at")].concat();
    check(
        &format!("{orders}{waits}{seen}{PROJECT}"),
        expect![[r#"
        waits.yaml:6:32: warning[unknown-event]: no step of this project emits `order.doen`
          help: did you mean `order.done`?
        waits.yaml:8:60: warning[unknown-field]: no step that emits `order.done` gives it `idd`
          help: did you mean `id`?
        order-seen.yaml:3:36: warning[unknown-field]: no step that emits `order.seen` gives it `id`
          help: write `data: { id: … }` where it is emitted
    "#]],
    );
}

#[test]
fn events_that_come_round_are_found() {
    let round = |when: &str| {
        [
            on("a", "x.done", "emit: { event: y.done, key: $.event.id, data: { id: $.event.id } }"),
            on("b", "y.done", &format!("{when}emit: {{ event: x.done, key: $.event.id, data: {{ id: $.event.id }} }}")),
            PROJECT.to_owned(),
        ]
        .concat()
    };
    check(
        &round(""),
        expect![[r#"
        a.yaml:5:32: warning[recursive-pipeline]: each run of `a` begins another one by its events: `a` → `b` → `a`
          help: leave one of these events out, or emit it only `when` something is left to be done
        b.yaml:5:32: warning[recursive-pipeline]: each run of `b` begins another one by its events: `b` → `a` → `b`
          help: leave one of these events out, or emit it only `when` something is left to be done
    "#]],
    );
    check(&round("when: event.id > 1, "), expect![""]);
}

#[test]
fn a_file_is_taken_once() {
    let drop = |name: &str, folder: &str, format: &str| {
        let trigger = format!("trigger: {{ file: {{ folder: {folder}, format: {format}, every: 1m }}, key: $.id }}\n");
        pipeline(name, &format!("{trigger}steps:\n  - {{ id: told, emit: {{ event: {name}, key: $.event.id }} }}\n"))
    };
    let all = [
        drop("one", "inbox", "csv"),
        drop("two", "./inbox/", "csv"),
        drop("three", "inbox", "json_lines"),
        drop("four", "inbox/done", "csv"),
        drop("five", "inbox/other", "csv"),
    ];
    check(
        &format!("{}{PROJECT}", all.concat()),
        expect![[r#"
        two.yaml:3:28: error[colliding-trigger]: the pipeline `one` takes the files in `./inbox/` already
          help: give each pipeline a folder of its own, or let one `emit` an event for the other
        four.yaml:3:28: error[colliding-trigger]: `done` is where files go when they are taken, here or by the pipeline `one`
          help: give each pipeline a folder of its own, or let one `emit` an event for the other
    "#]],
    );
}

#[test]
fn the_name_of_a_pipeline_can_be_in_an_address() {
    let named = |name: &str| {
        format!("ferry: 1\npipeline: {name}\ntrigger: manual\nsteps: [{{ id: a, map: {{ a: 1 }} }}]\noutput: $.a\n")
    };
    check(
        &named("\"\""),
        expect![[r#"
        2:11: error[invalid-id]: `` is no name of a pipeline: it is made of letters, digits, `-`, `_` and `.`
          help: choose a short name, such as `mass-payouts`
    "#]],
    );
    check(
        &named("\"c/../d e\""),
        expect![[r#"
        2:11: error[invalid-id]: `c/../d e` is no name of a pipeline: it is made of letters, digits, `-`, `_` and `.`
          help: choose a short name, such as `mass-payouts`
    "#]],
    );
    check(&named("Pay_2.b-c"), expect![""]);
}
