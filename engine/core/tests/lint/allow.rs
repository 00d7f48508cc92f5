//! `# ferry: allow(CHECK) REASON`.

use expect_test::expect;

use crate::{
    check,
    world::{PROJECT, World, completed},
};

#[test]
fn a_warning_is_allowed_on_its_line_and_on_the_next() {
    check(
        "\
steps:
  - id: one
    when: \"'#' == \\\"'\\\"\" # ferry: allow(constant-condition) switched off while the bank moves
    map: { a: 1 }
  # ferry: allow(constant-condition) the first of two
  # lines of comment

  - { id: two, when: 'true == ''#''', map: { a: 1 } }
  - { id: three, when: \"true\", map: { a: 1 } } # ferry: allow( cycle , constant-condition ) both
",
        expect![[r#"
            9:64: warning[bad-allowance]: there is no `cycle` on line 9
              help: remove the comment
        "#]],
    );
}

#[test]
fn an_allowance_that_is_wrong_is_a_warning() {
    check(
        "\
steps:
  - { id: one, when: \"true\", map: { a: 1 } } # ferry: allow(constant-condition)
  - { id: two, when: \"true\", map: { a: 1 } } # ferry: allow(constant-conditon) a slip of the hand
  - { id: three, map: { a: $.nothing } } # ferry: allow(unknown-step) it is there at night
  # ferry: allow(constant-condition) nothing is below
",
        expect![[r#"
            2:61: warning[bad-allowance]: `constant-condition` is allowed without a reason
              help: write `# ferry: allow(constant-condition) why it is right`
            3:22: warning[constant-condition]: `true` reads nothing, so it is always the same
              help: compare a value of the run, such as `event.Amount__c > 0`, or remove the condition
            3:61: warning[bad-allowance]: there is no check `constant-conditon`
              help: did you mean `constant-condition`?
            4:28: error[unknown-step]: there is no `nothing` to read here, so `$.nothing` gives nothing
              help: write one of `event`, `vars`, `one`, `two`, `three`
            4:57: warning[bad-allowance]: `unknown-step` is an error, and cannot be allowed
              help: mend it, and remove the comment
        "#]],
    );
}

#[test]
fn an_allowance_of_nothing_and_one_without_its_bracket_are_found() {
    check(
        "\
steps:
  - { id: one, when: \"true\", map: { a: 1 } } # ferry: allow(constant-condition
  - { id: two, map: { a: 1 } } # ferry: allow(constant-condition) nothing is here
",
        expect![[r#"
            2:61: warning[bad-allowance]: `constant-condition` is allowed without a reason
              help: write `# ferry: allow(constant-condition) why it is right`
            3:47: warning[bad-allowance]: there is no `constant-condition` on line 3
              help: remove the comment
        "#]],
    );
}

/// Where a file has an error, checks that did not look say nothing, and that is no reason to complain.
#[test]
fn an_allowance_beside_an_error_is_left_alone() {
    check(
        "steps:\n  - { id: one, mpa: 1, when: \"true\" } # ferry: allow(constant-condition) why\n",
        expect![[r#"
            2:11: error[step-kind]: this step does nothing
              help: add one of `action`, `map`, `check`, `script`, `allocate`, `reconcile`, `wait`, `approve`, `pipeline`, `emit`, `link`, `alert`
            2:16: error[unknown-key]: `mpa` is not a key of a step
              help: did you mean `map`?
        "#]],
    );
    check(
        "steps: [ # ferry: allow(constant-condition) why\n",
        expect![[r#"
            2:1: error[yaml-syntax]: this is not YAML: invalid indentation
              help: check the indentation of this line and of the one above it
        "#]],
    );
}

#[test]
fn what_looks_like_a_comment_in_a_text_is_none() {
    check(
        "\
steps:
  - id: one
    script: |
      let text = `
      # ferry: allow(constant-condition) of Rhai`;
      text
  - id: two
    map:
      a: \"x # ferry: allow(constant-condition) y\"
      b: >
        z
        # ferry: allow(constant-condition) z
",
        expect![""],
    );
}

/// A comment cannot stand inside a block, and is about all of it.
#[test]
fn an_allowance_is_about_the_whole_text_that_begins_on_its_line() {
    let script = |comment: &str| {
        format!(
            "steps:\n  - id: one\n    script: |{comment}\n\n      let rate = 2;\n      event.Id\n  - id: two\n    script: |\n      let \
             share = 2;\n      event.Id\n"
        )
    };
    check(
        &script(" # ferry: allow(untidy-rhai) the rate is for tomorrow"),
        expect![[r#"
        9:11: warning[untidy-rhai]: `share` is set and never read
          help: read it, or remove it; a name that begins with `_` need not be read
    "#]],
    );
    check(
        "\
steps:
  # ferry: allow(untidy-rhai) nothing is here
  - id: one
    # ferry: allow(untidy-rhai) the rate is for tomorrow
    script: >
      let rate = 2;
      event.Id
  - id: two
    # ferry: allow(yaml-trap) it is a country
    map: { a: NO, b: x }
  - id: three
    map:
      a: 1 # ferry: allow(yaml-trap) it is not below
      b: NO
",
        expect![[r#"
            2:18: warning[bad-allowance]: there is no `untidy-rhai` on line 3
              help: remove the comment
            13:27: warning[bad-allowance]: there is no `yaml-trap` on line 13
              help: remove the comment
            14:10: warning[yaml-trap]: `NO` is text here, and `false` to readers of YAML 1.1
              help: put it into quotes: `"NO"`
        "#]],
    );
}

#[test]
fn a_warning_in_a_manifest_is_allowed_like_any_other() {
    let lint = |comment: &str| {
        format!(
            "ferry: 1\nconnector: acme\ntitle: Acme\nenvironments: {{ only: {{ api: 'https://a.example' }} }}\nactions:\n  get:{comment}\n    \
             summary: Gets.\n    source: this test\n    effect: read\n    request: {{ host: api, method: GET, path: /things }}\n    \
             success: \"status == 200\"\n    result: $\n    input: {{ type: object, properties: {{}} }}\n    output: {{ type: object, \
             additionalProperties: true }}\n    sample: none\n"
        )
    };
    check(
        &lint(""),
        expect![[r#"
            6:3: warning[incomplete-action]: no rule says what the answers of `get` mean when it fails
              help: add `errors: [ { when: "status >= 400 && status < 500", class: rejected } ]`
        "#]],
    );
    check(&lint(" # ferry: allow(incomplete-action) the vendor answers 200 to everything"), expect![""]);
}

/// What one file is warned of may depend on another, which has an error; and a name that is misspelt has its reason.
#[test]
fn an_allowance_is_judged_where_all_have_looked() {
    let project = format!("{PROJECT}groups: {{ later: [ana] }} # ferry: allow(unused-definition) comes next week\n");
    let named = |whole: &World, pipelines: &[&str]| {
        let checked = whole.lint(&project, pipelines);
        checked.reports[0].findings().iter().map(|finding| finding.check).collect::<Vec<_>>()
    };
    let uses = completed(
        "steps:\n  - { id: a, action: payoneer.get_balance }\n  - { id: b, map: { x: $.a.available, r: $.vars.rate } }\noutput: $.b\n",
    );
    let world = World::new();
    assert!(!named(&world, &[&uses, "steps: ["]).contains(&"bad-allowance"));
}

#[test]
fn a_misspelt_name_has_no_fix_that_takes_its_reason() {
    let checked = World::new().lint(
        PROJECT,
        &[&completed("steps:\n  - id: a\n    when: \"true\" # ferry: allow(constant-conditon) while the bank moves\n    map: { x: 1 }\n")],
    );
    let findings: Vec<_> = checked.reports.iter().flat_map(ferry_contract::report::Report::findings).collect();
    let wrong = findings.iter().find(|finding| finding.check == "bad-allowance").unwrap();
    assert_eq!((wrong.fix.as_ref(), wrong.help.as_str()), (None, "did you mean `constant-condition`?"));
}
