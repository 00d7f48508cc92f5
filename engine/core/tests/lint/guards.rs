//! What a check, a question or a wait keeps back.

use expect_test::expect;

use crate::check;

#[test]
fn a_write_waits_for_what_is_there_to_keep_it_back() {
    check(
        "\
steps:
  - { id: payable, check: [{ field: $.event.Amount__c, is: { decimal: { above: 0, at_most: 1000 } } }] }
  - { id: release, approve: { by: [ana], expires: 3d } }
  - { id: pause, wait: { for: 2h } }
  - { id: remind, needs: [pause], alert: { to: treasury, say: a request is open } }
  - { id: idle, wait: { for: 2h } }
  - { id: cool, wait: { for: 2h } }
  - { id: asked, needs: [cool], map: { a: 1 } }
  - { id: told, needs: [asked], approve: { by: [ana], expires: 3d } }
  - { id: pay, action: salesforce.update, with: { object: Case, id: $.event.Id, values: { Subject: a } } }
",
        expect![[r#"
            2:11: error[unguarded-write]: nothing waits for `payable`, so `pay` is done whatever it finds
              help: write `needs: [payable]` in `pay`, or in a step that it waits for
            3:11: error[unguarded-write]: nothing waits for `release`, so `pay` is done before anybody has approved it
              help: write `needs: [release]` in `pay`, or in a step that it waits for
            6:11: warning[unguarded-write]: nothing waits for `idle`, so `pay` is done without the wait
              help: write `needs: [idle]` in `pay`, or in a step that it waits for
            9:11: error[unguarded-write]: nothing waits for `told`, so `pay` is done before anybody has approved it
              help: write `needs: [told]` in `pay`, or in a step that it waits for
        "#]],
    );
}

#[test]
fn what_keeps_nothing_back_may_be_about_what_was_done() {
    let write = |id: &str, needs: &str, field: &str| {
        format!(
            "  - {{ id: {id}, needs: [{needs}], action: salesforce.update, with: {{ object: Case, id: $.event.Id, values: {{ {field}: a \
             }} }} }}\n"
        )
    };
    let (pay, mark) = (write("pay", "", "Subject"), write("mark", "pay", "Reason"));
    let last = "  - { id: over, needs: [pay], wait: { for: 2h } }\n  - { id: paid, needs: [over], check: [{ field: $.event.Id, is: \
                present }] }\n";
    check(&format!("steps:\n{pay}{mark}{last}"), expect![""]);
    // A question is not asked for nothing.
    check(
        &format!("steps:\n{pay}{mark}  - {{ id: ask, needs: [pay], approve: {{ by: [ana], expires: 3d }} }}\n"),
        expect![[r#"
            4:11: error[unguarded-write]: nothing waits for `ask`, so `mark` is done before anybody has approved it
              help: write `needs: [ask]` in `mark`, or in a step that it waits for
        "#]],
    );
    // What only notes what it finds stops nothing.
    let notes = "  - id: odd\n    check: [{ field: $.event.Id, is: present }]\n    on_error:\n      - class: invalid\n        do: [{ id: \
                 note, alert: { to: treasury, say: odd } }]\n        then: continue\n";
    check(&format!("steps:\n{pay}{notes}"), expect![""]);
    // Others may be told of what is refused.
    let told = "  - { id: sure, check: [{ field: $.event.Id, is: present }] }\n  - { id: told, emit: { event: came, key: $.event.Id } }\n";
    check(
        &format!("steps:\n{told}"),
        expect![[r#"
        2:11: warning[unguarded-write]: nothing waits for `sure`, so `told` is done whatever it finds
          help: write `needs: [sure]` in `told`, or in a step that it waits for
    "#]],
    );
    // A way through a step that makes a value is a way.
    let through = "  - { id: sure, check: [{ field: $.event.Id, is: present }] }\n  - { id: made, needs: [sure], map: { a: 1 } }\n";
    check(&format!("steps:\n{through}{}", write("last", "made", "Subject")), expect![""]);
}
