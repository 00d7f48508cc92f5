//! Files that are broken, empty, too large, or something else.

use expect_test::expect;

use crate::{
    check, findings,
    world::{PROJECT, World, completed},
};

#[test]
fn a_broken_file_keeps_no_other_from_loading() {
    let good = completed("steps:\n  - { id: a, map: { a: 1 } }\n");
    let checked = World::new().lint(PROJECT, &["steps: [", &good, &good]);
    let plans: Vec<_> = checked.plans.iter().map(|plan| plan.pipeline.as_str()).collect();
    assert_eq!(plans, ["example"]);
    let text: String = checked
        .reports
        .iter()
        .flat_map(|report| {
            findings(report).into_iter().map(|finding| format!("{}:{}", report.source.name, finding.text))
        })
        .collect();
    expect![[r#"
        0.yaml:2:1: error[yaml-syntax]: this is not YAML: while parsing a node, did not find expected node content
          help: close the `[` of line 1, or put the text into quotes
        2.yaml:4:11: error[duplicate-id]: another file of this project is the pipeline `example` already
          help: give each pipeline a name of its own
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_broken_project_still_has_its_pipelines_read() {
    let checked = World::new().lint("ferry: 1\n", &["steps: []\n"]);
    let text: String = checked.reports.iter().flat_map(findings).map(|finding| finding.text).collect();
    assert!(checked.project.is_none() && checked.plans.is_empty());
    expect![[r#"
        1:1: error[missing-key]: a project needs `project`
          help: add `project: payoneer-salesforce`
        1:1: error[missing-key]: a pipeline needs `ferry`
          help: add `ferry: 1`
        1:1: error[missing-key]: a pipeline needs `pipeline`
          help: add `pipeline: mass-payouts`
        1:1: error[missing-key]: a pipeline needs `trigger`
          help: add `trigger: { poll: … }`
        1:8: error[wrong-type]: `steps` has no item
          help: write at least one item
    "#]]
    .assert_eq(&text);
}

/// As a file in another encoding is read.
#[test]
fn a_file_in_another_encoding_is_refused() {
    check(
        "steps:\n  - { id: a, map: { name: \"é M\u{FFFD}ller\" } }\n",
        expect![[r#"
        2:31: error[yaml-syntax]: this is no UTF-8
          help: save the file as text, in UTF-8
    "#]],
    );
}

#[test]
fn text_that_is_not_yaml() {
    check(
        "steps:\n\t- id: a\n",
        expect![[r#"
            2:1: error[yaml-syntax]: this is not YAML: tabs disallowed within this context (block indentation)
              help: indent with spaces: YAML allows no tab here
        "#]],
    );
    check(
        "steps:\n  - id: a\n    map:\n\t  a: 1\n",
        expect![[r#"
            4:1: error[yaml-syntax]: this is not YAML: tabs disallowed within this context (block indentation)
              help: indent with spaces: YAML allows no tab here
        "#]],
    );
    check(
        "steps:\n  - id: a\n    map: { a: [1, 2 }\n",
        expect![[r#"
        3:21: error[yaml-syntax]: this is not YAML: while parsing a flow sequence, expected ',' or ']'
          help: close the `[` of line 3, or put the text into quotes
    "#]],
    );
    check(
        "steps:\n  - id: a\n    map: { a: 1\n",
        expect![[r#"
        4:6: error[yaml-syntax]: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
          help: close the `{` of line 3, or put the text into quotes
    "#]],
    );
    check(
        "ferry: 1\nsteps: [\n",
        expect![[r#"
        3:1: error[yaml-syntax]: this is not YAML: while parsing a node, did not find expected node content
          help: close the `[` of line 2, or put the text into quotes
    "#]],
    );
    check(
        "steps:\n  - id: a\n    map: { text: one: two }\n",
        expect![[r#"
        3:21: error[yaml-syntax]: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
          help: put a text that holds `: ` into quotes
    "#]],
    );
    check(
        "steps:\n  - id: a\n    map: { text: Payout {$.event.Id} }\n",
        expect![[r#"
        3:25: error[yaml-syntax]: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
          help: put a text that holds `{` into quotes
    "#]],
    );
    check(
        "steps:\n  - id: a\n    note: Amount: 5\n",
        expect![[r#"
        3:17: error[yaml-syntax]: this is not YAML: mapping values are not allowed in this context
          help: put a text that holds `: ` into quotes
    "#]],
    );
}

#[test]
fn text_that_is_something_else() {
    check(
        "steps:\n  - id: a\n   map: {}\n",
        expect![[r#"
        3:4: error[yaml-syntax]: this is not YAML: while parsing a block collection, did not find expected '-' indicator
          help: check the indentation of this line and of the one above it
    "#]],
    );
    check(
        "steps:\n  - id: \"a\n",
        expect![[r#"
        2:9: error[yaml-syntax]: this is not YAML: invalid indentation in quoted scalar
          help: close the quote that begins here
    "#]],
    );
    check(
        "steps: *all\n",
        expect![[r#"
        1:8: error[yaml-syntax]: this is not YAML: while parsing node, found unknown anchor
          help: write the value itself: aliases are not read
    "#]],
    );
    check(
        "{\"ferry\": 1}\n",
        expect![[r#"
        1:2: error[missing-key]: a pipeline needs `pipeline`
          help: add `pipeline: mass-payouts`
        1:2: error[missing-key]: a pipeline needs `trigger`
          help: add `trigger: { poll: … }`
        1:2: error[missing-key]: a pipeline needs `steps`
          help: add `steps: [ … ]`
    "#]],
    );
    check(
        "\u{0}\u{1}PK\u{3}\u{4}",
        expect![[r#"
        1:1: error[yaml-syntax]: this is not YAML: found unprintable character
          help: save the file as text, in UTF-8
    "#]],
    );
    check(
        "Dear colleagues, pay them all.\n",
        expect![[r#"
            1:1: error[wrong-type]: a pipeline must be a map, and this is text
              help: write it as a map with `ferry`, `pipeline`, `description`, `owner`, `trigger`, `inputs`, `output`, `timeout`, `concurrency`, `steps`, `on_failure`
        "#]],
    );
}

#[test]
fn empty_files_say_so() {
    check("", expect![""]);
    check(
        "# Nothing yet.\n",
        expect![[r#"
        1:1: error[yaml-syntax]: the file is empty
          help: write something into it, or delete it
    "#]],
    );
    check(
        "---\n",
        expect![[r#"
            2:1: error[wrong-type]: a pipeline must be a map, and this is nothing
              help: write it as a map with `ferry`, `pipeline`, `description`, `owner`, `trigger`, `inputs`, `output`, `timeout`, `concurrency`, `steps`, `on_failure`
        "#]],
    );
}

#[test]
fn files_and_pipelines_have_a_size() {
    check(
        &"# a comment\n".repeat((2 << 20) / 12),
        expect![[r#"
        1:1: error[yaml-syntax]: the file has 2097144 bytes, and 1048576 are the most
          help: split it, or move tables to files of their own
    "#]],
    );
    let steps: String = (0..201).map(|number| format!("  - {{ id: s{number}, map: {{ a: 1 }} }}\n")).collect();
    check(
        &format!("steps:\n{steps}"),
        expect![[r#"
        202:11: error[invalid-value]: the pipeline has 201 steps, and 200 are the most
          help: split it into several pipelines
    "#]],
    );
}

/// What is found only when the files are looked at again keeps them from loading as well.
#[test]
fn an_error_of_a_later_look_keeps_its_file_from_loading() {
    let good = completed("steps:\n  - { id: a, map: { a: 1 } }\n");
    let names = |project: &str, pipelines: &[&str]| {
        let checked = World::new().lint(project, pipelines);
        let plans: Vec<_> = checked.plans.iter().map(|plan| plan.pipeline.clone()).collect();
        (checked.project.is_some(), plans)
    };
    let card = good.replace("a: 1", "a: '4111111111111111'").replace("pipeline: example", "pipeline: card");
    assert_eq!(names(PROJECT, &[&card, &good]), (true, vec!["example".to_owned()]));
    assert_eq!(names(&format!("{PROJECT}# 4111111111111111\n"), &[&good]), (false, Vec::new()));
    let own = "ferry: 1\npipeline: own\ntrigger: manual\nsteps:\n  - { id: a, pipeline: own }\n";
    assert_eq!(names(PROJECT, &[own, &good]), (true, vec!["example".to_owned()]));
}

/// What was right when it was loaded goes on, whatever is asked of new files since.
#[test]
fn a_version_is_not_asked_what_new_files_are_asked() {
    let text = completed(
        "steps:\n  - { id: a, emit: { event: e, key: once } }\n  - { id: b, map: { cvv: '4111111111111111' } }\n  - { id: c, action: \
         payoneer.get_balance, on_error: [{ class: auth, then: continue }] }\n  - { id: d, map: \
         { v1: { concat: [a, b], wiht: x }, v2: { text: \"{name}\" } } }\n",
    );
    let (now, version) = (World::new().lint(PROJECT, &[&text]), World::new().lint_version(&text));
    assert_eq!((now.plans.len(), version.plans.len()), (0, 1));
}
