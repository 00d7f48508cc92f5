//! Which runs go one after another.
//!
//! An event without the value that names its lane shares one with all others that lack it: a field that is missing or
//! misspelt makes runs slow, and never lets them go beside each other.

use ferry_core::plan::{Concurrency, EventSource, Overlap, Plan};
use serde_json::Value;

use super::trigger::text_at;

/// What a run has in common with those that go before it, and how many of them go at once.
pub(super) fn of(plan: &Plan, event: &Value) -> Option<(String, u32)> {
    if let EventSource::Schedule(schedule) = &plan.trigger.source
        && schedule.overlap == Overlap::Queue
        && plan.concurrency.is_none()
    {
        return Some((plan.pipeline.clone(), 1));
    }
    let concurrency = plan.concurrency.as_ref()?;
    Some((name(&plan.pipeline, concurrency, event), concurrency.limit))
}

/// The name of a lane; without the value, or with one that is no text and no number, that of the lane for all such events.
fn name(pipeline: &str, concurrency: &Concurrency, event: &Value) -> String {
    format!("{pipeline}\n{}", text_at(&concurrency.key, event).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use ferry_contract::path::Path;
    use serde_json::json;

    use super::*;

    #[test]
    fn events_without_the_value_share_a_lane() {
        let concurrency = Concurrency { key: Path::parse("$.customer").unwrap(), limit: 1 };
        let name = |event: Value| name("pay", &concurrency, &event);
        assert_eq!(name(json!({ "customer": 7 })), "pay\n7");
        for event in [json!({}), json!({ "customer": null }), json!({ "customer": ["a"] }), json!({ "custmer": "a" })] {
            assert_eq!(name(event.clone()), "pay\n", "{event}");
        }
    }
}
