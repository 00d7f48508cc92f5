//! Maps and texts that were meant to make a value, and would be sent as they are written.

use expect_test::expect;

use crate::check;

#[test]
fn braces_are_filled_where_a_text_is_asked_for() {
    check(
        "\
steps:
  - id: a
    map:
      v1: { text: \"Hello {name}\" }
      v2: { text: \"Hello {vars}\" }
      v3: \"Hello {$.event.Id}\"
      v4: [\"{$.event.Id}\", { concat: [a, \"b {$.event.Id}\"] }]
      v5: { text: \"{{name}} {$.event.Id}\" }
      v6: \"{name} {$.a {\"
      v7: \"$${$.event.Id}\"
  - { id: told, alert: { to: treasury, say: \"{status}\" } }
  - { id: sure, check: [{ rhai: event.Id == \"a\", say: \"{id}\" }] }
",
        expect![[r#"
            4:26: error[invalid-text]: nothing gives `{name}` a value
              help: write `{$.event.name}`, or `{{name}}` for the braces themselves
            5:26: error[invalid-text]: nothing gives `{vars}` a value
              help: write `{$.vars}`, or `{{vars}}` for the braces themselves
            6:18: warning[invalid-text]: this text is sent as it is, with its braces
              help: write `{ text: … }` around it, so that the values are put into it
            7:13: warning[invalid-text]: this text is sent as it is, with its braces
              help: write `{ text: … }` around it, so that the values are put into it
            7:45: warning[invalid-text]: this text is sent as it is, with its braces
              help: write `{ text: … }` around it, so that the values are put into it
            11:46: error[invalid-text]: nothing gives `{status}` a value
              help: write `{$.event.status}`, or `{{status}}` for the braces themselves
            12:56: error[invalid-text]: nothing gives `{id}` a value
              help: write `{$.event.id}`, or `{{id}}` for the braces themselves
        "#]],
    );
}
