//! What is said of slips that are made often: what to write instead, at the place where it is wrong.

use expect_test::expect;

use crate::{check, findings_on, world::World};

#[test]
fn rhai_is_told_apart_from_other_languages() {
    let rules = [
        "when: $.event.Name == \"x\"",
        "when: event.Name == 'Transferred'",
        "when: event.Name = \"x\"",
        "when: event.Amount__c > 1 and event.Amount__c < 5",
        "when: event.Name == null",
        "when: event.Name <> \"x\"",
        "when: not event.Name",
        "when: \"event.Amount__c > 1 ? true : false\"",
        "when: \"let r = event.Amount__c; r > 1\"",
    ];
    let world = World::new();
    let found = rules.iter().flat_map(|rule| {
        findings_on(&world, &format!("steps:\n  - id: a\n    {rule}\n    map: {{ v: 1 }}\noutput: $.a\n"))
    });
    let help = |text: &str| text.lines().last().unwrap_or_default().trim_start().to_owned() + "\n";
    let text: Vec<String> =
        found.filter(|finding| finding.check == "invalid-rhai").map(|finding| help(&finding.text)).collect();
    expect![[r#"
        help: Rhai reads a field without `$.`: write `event.Name`
        help: put a text into double quotes: write `"Transferred"`
        help: to compare, write `==`
        help: for `and`, write `&&`
        help: for `null`, write `()`, which is no value
        help: for `<>`, write `!=`
        help: for `not`, write `!`, as in `!event.paid`, and put the rule into quotes
        help: for `a ? b : c`, write `if a { b } else { c }`
        help: this is one expression; a `script` step takes several lines, with `let`
    "#]]
    .assert_eq(&text.concat());
}

#[test]
fn yaml_says_what_was_meant() {
    let files = [
        "steps:\n  - id: a\n    when: !event.cancelled\n    map: { v: 1 }\n",
        "steps:\n  - id: a\n    when: !event.cancelled && event.paid\n    map: { v: 1 }\n",
        "steps:\n  - id: a\n    when: !secret x\n    map: { v: 1 }\n",
        "steps:\n  - id: a\n    map: { v: 1 }\n  - id: b\n    when: event.a\n\tmap: { v: 1 }\n",
        "steps:\n  - id: a\n    when: event.a\n   map: { v: 1 }\n",
        "steps:\n  - id: a\n    map: { v: $.a.list[?@.x == 1] }\n",
        "steps:\n  - id: a\n    map: { v: no: money }\n",
        "steps:\n  - id: a\n    map:\n      v: no: money\n",
    ];
    let world = World::new();
    let text: String = files.iter().flat_map(|file| findings_on(&world, file)).map(|finding| finding.text).collect();
    expect![[r#"
        3:11: error[yaml-syntax]: tags are not read
          help: put a condition that begins with `!` into quotes, such as `"!event.paid"`
        3:11: error[yaml-syntax]: tags are not read
          help: put a condition that begins with `!` into quotes, such as `"!event.paid"`
        3:11: error[yaml-syntax]: tags are not read
          help: remove the `!` and its name
        6:1: error[yaml-syntax]: this is not YAML: while scanning a plain scalar, found a tab
          help: indent with spaces: YAML allows no tab here
        4:4: error[yaml-syntax]: this is not YAML: while parsing a block collection, did not find expected '-' indicator
          help: check the indentation of this line and of the one above it
        3:23: error[yaml-syntax]: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
          help: put a path that holds `[` into quotes inside of `{ }`
        3:17: error[yaml-syntax]: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
          help: put a text that holds `: ` into quotes
        4:12: error[yaml-syntax]: this is not YAML: mapping values are not allowed in this context
          help: put a text that holds `: ` into quotes
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_rule_over_several_lines_has_its_own_place() {
    let plain = "steps:\n  - id: plain\n    when: event.Amount__c > 1\n      && event.Amuont__c < 5\n    map: { v: { rhai: \"event.Amount__c \
                 +\n      event.Fe__c * 2\" } }\noutput: $.plain\n";
    check(
        plain,
        expect![[r#"
            4:16: error[unknown-field]: `event` has no `Amuont__c`
              help: did you mean `Amount__c`?
            6:13: error[unknown-field]: `event` has no `Fe__c`
              help: did you mean `Fee__c`?
            7:9: warning[uncertain-value]: `$.plain` may be missing: `plain` is skipped where its `when` does not hold
              help: say what stands for it, `{ from: $.plain, default: … }`, or look first: `when: plain != ()`
        "#]],
    );
    let quoted = "steps:\n  - id: quoted\n    when: 'event.Amount__c > 1\n\n      && evnt.Fee__c < 5'\n    map: { v: 1 }\noutput: $.quoted\n";
    check(
        quoted,
        expect![[r#"
        3:11: error[invalid-rhai]: this Rhai does not compile: `evnt` is not known here
          help: did you mean `event`?
    "#]],
    );
}
