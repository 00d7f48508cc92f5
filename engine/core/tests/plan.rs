//! What comes first: the edges of a plan, as they are inferred from its file.

mod world;

use expect_test::{Expect, expect};
use ferry_contract::report::Report;
use ferry_core::plan::{Plan, Step};

use world::{PROJECT, World, completed_for_any_event as completed};

#[track_caller]
fn check(steps: &str, expected: Expect) {
    let checked = World::new().lint(PROJECT, &[&completed(steps)]);
    let lines: String = checked.plans.iter().flat_map(|plan| plan.steps.iter().map(|step| line(plan, step))).collect();
    assert!(checked.reports.iter().all(Report::is_ok), "{:#?}", checked.reports);
    expected.assert_eq(&lines);
}

/// The step, perhaps its home, and all steps that come before it.
fn line(plan: &Plan, step: &Step) -> String {
    let home = step.home.map(|(home, arm)| format!(", in arm {} of {}", arm + 1, plan.steps[home].id));
    let needs = step.needs.iter().map(|need| format!(" {}", plan.steps[*need].id)).collect::<String>();
    format!("{}{}:{needs}\n", step.id, home.unwrap_or_default())
}

#[test]
fn every_reference_makes_an_edge() {
    check(
        "\
steps:
  - { id: a, map: { x: 1 } }
  - { id: path, map: { deep: [{ x: $.a.x }] } }
  - { id: rhai, map: { rhai: a.x + vars.rate } }
  - { id: condition, when: a.x > 0, map: { x: 1 } }
  - { id: text, map: { text: \"{$.a.x}\" } }
  - { id: script, script: 'let b = a.x; b' }
  - { id: otherwise, map: { from: $.event.Id, default: $.a.x } }
  - { id: table, map: { from: $.event.Id, lookup: payout-status, else: $.a.x } }
  - { id: amount, map: { money: { amount: $.a.x, currency: USD } } }
  - { id: rule, check: [{ field: $.a.x, is: present }, { rhai: path.deep != (), say: \"{$.text}\" }] }
  - { id: status, action: payoneer.get_payee_status, with: { payee_id: { from: $.a.x, as: string } } }
  - id: question
    wait: { poll: { action: payoneer.get_balance, every: 1m }, until: result.available > a.x, timeout: 1d }
  - { id: literal, map: { x: $$.a.x } }
  - { id: shadow, script: 'let a = 1; let shadow = a; shadow' }
",
        expect![[r#"
            a:
            path: a
            rhai: a
            condition: a
            text: a
            script: a
            otherwise: a
            table: a
            amount: a
            rule: a path text
            status: a
            question: a
            literal:
            shadow:
        "#]],
    );
}

#[test]
fn needs_only_orders() {
    check(
        "\
steps:
  - { id: last, needs: [first, second, first], map: { x: $.second.x } }
  - { id: first, map: { x: 1 } }
  - { id: second, needs: first, map: { x: 1 } }
",
        expect![[r#"
            last: first second
            first:
            second: first
        "#]],
    );
}

#[test]
fn arms_have_steps_of_their_own() {
    check(
        "\
steps:
  - { id: early, map: { x: 1 } }
  - { id: amount, map: { x: 1 } }
  - id: balance
    needs: [early]
    action: payoneer.get_balance
    on_error:
      - class: insufficient_funds
        hold: { for: $.amount.x, until: { action: payoneer.get_balance, passes: result.available > reserved }, every: 1m }
      - class: rejected
        do:
          - { id: told, map: { x: $.early.x, error: $.error.message } }
          - { id: noted, needs: [told], map: { x: $.amount.x } }
        then: continue
  - { id: after, map: { x: $.balance.available } }
",
        expect![[r#"
            early:
            amount:
            balance: early amount
            told, in arm 2 of balance: early
            noted, in arm 2 of balance: amount told
            after: balance
        "#]],
    );
}
