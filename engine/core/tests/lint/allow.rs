//! `# ferry: allow(CHECK) REASON`.

use expect_test::expect;

use crate::check;

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
            5:18: warning[bad-allowance]: there is no `constant-condition` on line 6
              help: remove the comment
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
