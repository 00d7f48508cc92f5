//! What starts runs, and what is wrong with it.

use expect_test::expect;

use crate::{check, findings_on, world::World};

const STEPS: &str = "steps:\n  - { id: a, map: { day: $.event.day, x: $.event.dya } }\noutput: $.a\n";

fn pipeline(trigger: &str) -> String {
    format!("ferry: 1\npipeline: p\ntrigger:\n{trigger}{STEPS}")
}

#[test]
fn a_schedule_is_read_whole() {
    check(
        &pipeline("  schedule: { cron: \"61 6 * * *\", zone: Europe/Berln, overlap: skip, catch_up: last }\n"),
        expect![[r#"
            4:21: error[invalid-value]: `61 6 * * *` is not a cron expression: `61` is no minute, which is 0 to 59
              help: write minute, hour, day of the month, month and day of the week, such as `0 6 * * 1-5`
            4:41: error[invalid-value]: `Europe/Berln` is not an IANA time zone
              help: did you mean `Europe/Berlin`?
        "#]],
    );
    check(
        &pipeline("  schedule: { cron: \"0 6 * * 1-5\", zone: Europe/Berlin }\n"),
        expect![[r#"
        4:15: error[missing-key]: `schedule` needs `overlap`
          help: add `overlap: skip`
        4:15: error[missing-key]: `schedule` needs `catch_up`
          help: add `catch_up: last`
    "#]],
    );
    check(
        &pipeline("  schedule: { cron: \"0 6 * * 1-5\", zone: UTC, overlap: queue, catch_up: all }\n"),
        expect![[r#"
            6:42: error[unknown-field]: `event` has no `dya`
              help: did you mean `day`?
        "#]],
    );
}

#[test]
fn a_schedule_leaves_calls_to_others_and_has_times() {
    let schedule = |cron: &str, steps: &str| {
        format!(
            "ferry: 1\npipeline: p\ntrigger:\n  schedule: {{ cron: \"{cron}\", zone: UTC, overlap: skip, catch_up: last }}\nsteps:\n{steps}"
        )
    };
    let one = "  - { id: a, action: payoneer.get_balance }\noutput: $.a\n";
    let two = "  - { id: a, action: payoneer.get_balance }\n  - { id: b, action: payoneer.get_balance, needs: [a] }\n  \
               - { id: c, action: payoneer.get_balance, when: a.available > 0 }\noutput: [$.a, $.b]\n";
    check(
        &schedule("* * * * * *", one),
        expect![[r#"
        4:21: warning[frequent-poll]: this begins runs 1 s apart, because the first of six fields is that of seconds
          help: write five fields, such as `*/15 * * * *` for each 15 minutes
    "#]],
    );
    check(&schedule("* * * * *", two), expect![""]);
    check(&schedule("0 30 6 * * 1-5", one), expect![""]);
    let acme = "# connectors/acme/connector.yaml\nferry: 1\nconnector: acme\ntitle: Acme\nenvironments: { live: { api: https://api.acme.example } }\n\
                budget: [ { limit: 90, per: 1h } ]\nerrors: [ { when: \"status == 404\", class: not_found } ]\nactions:\n  get:\n    \
                summary: Gets.\n    source: this test\n    effect: read\n    timeout: 10s\n    request: { host: api, method: GET, path: /a }\n    \
                success: \"status == 200\"\n    result: $\n    input: { type: object, properties: {} }\n    \
                output: { type: object, additionalProperties: true, properties: {} }\n    sample: none\n\
                # ferry.yaml\nferry: 1\nproject: p\nconnections: { payoneer: { connector: acme, environment: live } }\n# p.yaml\n";
    let of_acme = |cron: &str| format!("{acme}{}", schedule(cron, two).replace("get_balance", "get"));
    check(&of_acme("*/5 * * * *"), expect![""]);
    for often in ["* * * * *", "* 9 * * *"] {
        check(
            &of_acme(often),
            expect![[r#"
        p.yaml:4:21: warning[frequent-poll]: this begins 60 runs in 3600 s with 2 calls to Acme each, which takes 90 calls in that time
          help: begin runs more seldom, such as each 15 minutes: `*/15 * * * *`
    "#]],
        );
    }
    check(
        &schedule("0 0 30 2 *", one),
        expect![[r#"
            4:21: warning[invalid-value]: `0 0 30 2 *` names no time that there is
              help: write minute, hour, day of the month, month and day of the week, such as `0 6 * * 1-5`
        "#]],
    );
    check(
        &schedule("0 6 * *", one),
        expect![[r#"
            4:21: error[invalid-value]: `0 6 * *` is not a cron expression: it has 4 fields, and five are needed
              help: write minute, hour, day of the month, month and day of the week, such as `0 6 * * 1-5`
        "#]],
    );
    check(&schedule("0 0 29 2 *", one), expect![""]);
}

#[test]
fn what_follows_names_a_pipeline_and_an_end() {
    check(
        &pipeline("  pipeline: { name: q, on: failed }\n"),
        expect![[r#"
        4:28: error[invalid-value]: `failed` is not an end of a run
          help: write one of `finished`, `dead_letter`
    "#]],
    );
    check(
        &pipeline("  pipeline: { name: q, on: finished }\n  key: $.key\n"),
        expect![[r#"
        4:21: error[unknown-pipeline]: there is no pipeline `q` in this project
          help: write one of `p`
        5:3: error[unknown-key]: a pipeline that follows another has its keys
          help: remove it: its runs have the keys of the runs that they follow
        7:26: error[unknown-field]: `event` has no `day`
          help: write one of `run`, `pipeline`, `key`, `end`, `ended_at`, `event`, `output`, `failure`
        7:42: error[unknown-field]: `event` has no `dya`
          help: write one of `run`, `pipeline`, `key`, `end`, `ended_at`, `event`, `output`, `failure`
    "#]],
    );
}

#[test]
fn a_folder_has_a_format_and_a_key() {
    check(
        &pipeline("  file: { folder: inbox, format: xml, every: 0s }\n"),
        expect![[r#"
        4:3: error[missing-key]: `trigger` needs `key`
          help: add `key: $.Id`
        4:34: error[invalid-value]: `xml` is not a format of rows
          help: write one of `csv`, `json_lines`
        4:46: error[invalid-value]: `every` must be longer than no time
          help: write `1m` or longer
    "#]],
    );
    check(
        &pipeline("  file: { folder: inbox, format: csv, every: 10s }\n  poll: {}\n  key: $.id\n"),
        expect![[r#"
            4:3: error[step-kind]: a trigger has one source of events
              help: write one of `poll`, `webhook`, `event`, `schedule`, `pipeline`, `file`, `reconciled`, or `trigger: manual`
        "#]],
    );
}

#[test]
fn a_backfill_is_read_whole() {
    let poll = |backfill: &str| {
        let poll = "  poll:\n    action: salesforce.query\n    with: { object: A, fields: [Id, SystemModstamp] }\n    every: 5m\n";
        let cursor = "    cursor: { field: $.SystemModstamp, tie_break: $.Id, lookback: 5m }\n";
        let steps = "steps: [ { id: a, map: $.event.Id } ]\noutput: $.a\n";
        format!("ferry: 1\npipeline: p\ntrigger:\n{poll}{cursor}{backfill}  key: $.Id\n{steps}")
    };
    check(
        &poll("    backfill: { from: yesterday, to: 2025-01-01, window: 5s, every: 1m }\n"),
        expect![[r#"
        9:23: error[invalid-value]: `yesterday` is not a moment
          help: write it with its offset, like `2026-01-01T00:00:00Z`
        9:38: error[invalid-value]: `2025-01-01` is not a moment
          help: write it with its offset, like `2026-01-01T00:00:00Z`
        9:58: error[invalid-value]: a window of less than a minute makes more queries than events
          help: write a longer one, such as `1d`
        9:62: error[misplaced-key]: `every` is not a key of `backfill`, but is one elsewhere
          help: move it one level up, beside `backfill`
    "#]],
    );
    check(
        &poll("    from: 2025-01-01T00:00:00Z\n    backfill: { window: 1d }\n"),
        expect![[r#"
        9:5: error[misplaced-key]: `from` is not a key of `poll`, but is one elsewhere
          help: move it inside `backfill`
        10:17: error[missing-key]: `backfill` needs `from`
          help: add `from: 2026-01-01T00:00:00Z`
    "#]],
    );
    check(
        &poll("    backfill: { from: 2025-01-01T00:00:00Z, to: 2024-01-01T00:00:00Z, window: 1d }\n"),
        expect![[r#"
        9:49: error[invalid-value]: the backfill ends before it begins
          help: write a later `to`, or leave it out where the poll goes on
    "#]],
    );
    check(
        &poll("    backfill: { from: 2025-01-01T00:00:00Z, to: 2026-01-01T00:00:00+01:00, window: 1d }\n"),
        expect![[""]],
    );
}

#[test]
fn what_tells_events_apart_is_one_text_or_number() {
    let manual = |key: &str| {
        format!(
            "ferry: 1\npipeline: p\ntrigger: manual\ninputs: {{ customer: string, lines: {{ type: array }}, done: boolean }}\nconcurrency: \
             {{ key: \"{key}\", limit: 1 }}\nsteps:\n  - {{ id: a, map: {{ a: 1 }} }}\noutput: $.a\n"
        )
    };
    check(&manual("$.customer"), expect![""]);
    let keys = ["$.custmer", "$.lines[*].id", "$.lines", "$.done", "$"];
    let found = keys.iter().flat_map(|key| findings_on(&World::new(), &manual(key)));
    expect![[r#"
        5:21: error[unknown-field]: `event` has no `custmer`
          help: did you mean `customer`?
        5:21: warning[several-values]: `$.lines[*].id` gives each of them, and the key of `concurrency` is one value
          help: say which one, such as `[0]`, or name another field
        5:21: error[wrong-input]: `$.lines` is a list, and the key of `concurrency` is a text or a number
          help: name a field that has one, such as `$.id`
        5:21: error[wrong-input]: `$.done` is true or false, and the key of `concurrency` is a text or a number
          help: name a field that has one, such as `$.id`
        5:21: error[wrong-input]: `$` is the whole event, and the key of `concurrency` is a text or a number
          help: name a field that has one, such as `$.id`
    "#]]
    .assert_eq(&found.map(|finding| finding.text).collect::<String>());
    let hook = |trigger: &str| {
        format!(
            "ferry: 1\npipeline: p\ntrigger: {{ event: a, {trigger} }}\nsteps:\n  - {{ id: told, emit: {{ event: e, key: $.event.id }} }}\n"
        )
    };
    check(
        &hook("key: \"$.lines[*].id\", revision: $"),
        expect![[r#"
        3:27: warning[several-values]: `$.lines[*].id` gives each of them, and a key is one value
          help: say which one, such as `[0]`, or name another field
        3:54: error[wrong-input]: `$` is the whole event, and a revision is a text or a number
          help: name a field that has one, such as `$.id`
    "#]],
    );
    check(&hook("key: \"$.lines[0].id\", revision: \"$.lines[?@.x == 1].id\""), expect![""]);
}

#[test]
fn a_token_is_given_by_the_answer_and_taken_by_the_input() {
    let poll = |with: &str, cursor: &str| {
        let poll = "  poll:\n    action: salesforce.change_events\n    every: 5s\n";
        let steps = "steps: [ { id: a, map: $.event.entity } ]\noutput: $.a\n";
        format!(
            "ferry: 1\npipeline: p\ntrigger:\n{poll}    with: {{ topic: /data/CaseChangeEvent{with} }}\n    cursor: {{ {cursor} \
             }}\n  key: $.id\n{steps}"
        )
    };
    check(&poll("", "token: $.replay_id, into: replay_id"), expect![""]);
    check(
        &poll("", "token: $.replay, into: replays"),
        expect![[r#"
        8:22: error[unknown-field]: the answer of `salesforce.change_events` has no `replay`
          help: did you mean `replay_id`?
        8:38: error[unknown-field]: `salesforce.change_events` takes no `replays`
          help: write one of `topic`, `replay_id`, `from`, `max`, `wait_s`, `skip_origin`
    "#]],
    );
    check(
        &poll(", replay_id: AAAA", "token: $.events, into: replay_id"),
        expect![[r#"
        7:54: error[misplaced-key]: `replay_id` is set by the cursor
          help: remove it: without a place, the poll begins anew
        8:22: error[invalid-value]: `$.events` is no text, and a token is one
          help: name the text by which the target calls the place
    "#]],
    );
    check(
        &poll(
            "",
            "token: $, into: replay_id, field: $.commit_at }\n    backfill: { from: 2025-01-01T00:00:00Z, window: 1d",
        ),
        expect![[r#"
            8:22: error[invalid-value]: a token is one value of the answer
              help: name it, such as `$.replay_id`
            8:42: error[unknown-key]: the target says the place itself, with `token`
              help: remove it, or write `field`, `tie_break` and `lookback` alone
            9:5: error[unknown-key]: a backfill goes by times, and a `token` says none
              help: remove it; say in `with` where the first poll begins
            9:15: error[invalid-value]: `salesforce.change_events` cannot be asked up to a time, so a backfill has no windows
              help: add `before` to `cursor` in the input of its manifest, and a condition for it in its request
        "#]],
    );
    check(
        &poll("", "token: $.replay_id"),
        expect![[r#"
        8:15: error[missing-key]: `cursor` needs `into`
          help: add `into: replay_id`
    "#]],
    );
}
