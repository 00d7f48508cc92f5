//! Pipelines that react: what a payment's step does where it fails, and how long it may take.

use super::manifest::Kind;

/// What the step that pays does where it fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// Another bank takes its place, one of two.
    Fallback,
    /// It tells somebody, and the run goes on or ends.
    Tell,
    /// Another step pays, and the run goes on.
    Instead,
    /// It waits for money, tries again for a time, and pays elsewhere.
    Hold,
    /// It tries again, and has no more time than a few minutes.
    Hurry,
}

pub(super) const PROJECT: &str = "\
ferry: 1
project: simulation
connections:
  target: { connector: target, environment: only }
  reserve: { connector: reserve, environment: only }
  last: { connector: reserve, environment: only }
alerts: { ops: log }
";

/// The connections of the project, each with its connector.
pub(super) const BANKS: [(&str, &str); 3] = [("target", "target"), ("reserve", "reserve"), ("last", "reserve")];

impl Shape {
    pub(super) const ALL: [Self; 5] = [Self::Fallback, Self::Tell, Self::Instead, Self::Hold, Self::Hurry];

    /// What stands beside the payment.
    fn reactions(self) -> &'static str {
        match self {
            Self::Fallback => {
                r#"    timeout: 40m
    on_error:
      - { class: [unavailable, throttled], retry: { attempts: 3, first: 10s, at_most: 1m }, fallback: { action: reserve.pay } }
      - { class: [declined, insufficient_funds], fallback: { action: last.pay } }
"#
            }
            Self::Tell => {
                r#"    timeout: 30m
    on_error:
      - class: [declined, invalid]
        do: [{ id: told, action: target.note, with: { id: $.event.id, text: "{$.error.message}" } }]
        then: continue
      - { class: insufficient_funds, then: continue }
      - class: [unavailable, throttled]
        retry: { attempts: 2, within: 5m, first: 20s, at_most: 1m }
        do: [{ id: failed, action: target.note, with: { id: $.event.id, text: failed } }]
        then: dead_letter
      - class: conflict
        do: [{ id: known, action: target.note, with: { id: $.event.id, text: known } }]
        then: dead_letter
"#
            }
            Self::Instead => {
                r#"    timeout: 20m
    on_error:
      - class: [declined, insufficient_funds, unavailable, throttled, invalid]
        retry: { attempts: 2, first: 10s, at_most: 1m }
        do: [{ id: instead, action: reserve.pay, with: { id: $.event.id, amount: $.event.amount } }]
        then: continue
"#
            }
            Self::Hold => {
                r#"    timeout: 50m
    on_error:
      - class: insufficient_funds
        hold:
          for: { amount: $.event.amount, currency: USD }
          until: { action: target.balance, passes: result.available >= reserved }
          every: 2m
          alert: ops
      - { class: [unavailable, throttled], retry: { attempts: 5, within: 15m, first: 10s, at_most: 2m }, fallback: { action: reserve.pay } }
      - { class: declined, then: continue }
"#
            }
            Self::Hurry => {
                r#"    timeout: 5m
    on_error:
      - class: [unavailable, throttled]
        retry: { attempts: 6, first: 5s, at_most: 1m }
        do: [{ id: late, action: target.note, with: { id: $.event.id, text: late } }]
        then: continue
      - { class: [declined, insufficient_funds], retry: { attempts: 2, first: 30s }, fallback: { action: reserve.pay } }
"#
            }
        }
    }

    pub(super) fn pipeline(self) -> String {
        format!(
            r#"
ferry: 1
pipeline: pay
trigger:
  poll: {{ action: target.list, every: 1m, cursor: {{ field: $.at, tie_break: $.id, lookback: 0s }} }}
  key: $.id
  revision: $.revision
timeout: {}
steps:
  - id: first
    map: {{ id: $.event.id }}
  - id: pay
    needs: [first]
    action: target.pay
    with: {{ id: $.event.id, amount: $.event.amount }}
{}  - id: note
    action: target.note
    with: {{ id: $.event.id, text: "{{$.first.id}}" }}
    on_error:
      - {{ class: unavailable, retry: {{ attempts: 3 }}, then: continue }}
  - id: done
    needs: [pay, note]
    check:
      - {{ rhai: event.last_check, say: the last check fails }}
on_failure: {{ alert: ops }}
"#,
            if self == Self::Hurry { "12m" } else { "3h" },
            self.reactions()
        )
    }

    /// The manifests of a project whose first bank is of that kind.
    pub(super) fn manifests(kind: Kind) -> [(&'static str, String); 2] {
        let reserve = Kind::Lookup.manifest().replace("connector: target", "connector: reserve");
        [("target", kind.manifest()), ("reserve", reserve)]
    }
}
