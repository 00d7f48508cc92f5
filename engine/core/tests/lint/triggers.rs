//! What starts runs, and what is wrong with it.

use expect_test::expect;

use crate::check;

const STEPS: &str = "steps:\n  - { id: a, map: { day: $.event.day, x: $.event.dya } }\noutput: $.a\n";

fn pipeline(trigger: &str) -> String {
    format!("ferry: 1\npipeline: p\ntrigger:\n{trigger}{STEPS}")
}

#[test]
fn a_schedule_is_read_whole() {
    check(
        &pipeline("  schedule: { cron: \"61 6 * * *\", zone: Europe/Berln, overlap: skip, catch_up: last }\n"),
        expect![[r#"
            4:21: error[invalid-value]: `61 6 * * *` is not a cron expression
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
          help: write one of `poll`, `webhook`, `event`, `schedule`, `pipeline`, `file`, or `trigger: manual`
    "#]],
    );
}
