//! Where else a key is legal, one or two levels away: most slips in YAML are of indentation.

use ferry_contract::yaml::read::Near;

const fn near(keys: &'static [&'static str], place: &'static str) -> Near {
    Near { keys, place }
}

const OF_STEPS: &[&str] = &[
    "id", "needs", "when", "each", "once_per", "action", "with", "map", "check", "script", "wait", "approve", "emit",
    "link", "on_error",
];
const BESIDE_STEPS: &[&str] = &["owner", "description", "trigger", "inputs", "output", "steps", "on_failure"];

pub(super) const PIPELINE: &[Near] = &[
    near(&["poll", "webhook", "event", "key", "revision"], "inside `trigger`"),
    near(&["every", "cursor"], "inside `poll` of `trigger`"),
    near(&["alert"], "inside `on_failure`"),
    near(OF_STEPS, "inside a step of `steps`"),
];

pub(super) const STEP: &[Near] = &[
    near(&["poll", "for", "until", "match", "wake"], "inside `wait`"),
    near(&["class", "retry", "hold", "fallback", "do", "then"], "inside an arm of `on_error`"),
    near(&["in", "as", "key", "errors"], "inside `each`"),
    near(&["table", "to", "replace"], "inside `link`"),
    near(&["expires", "by"], "inside `approve`"),
    near(BESIDE_STEPS, "to the pipeline, beside `steps`"),
    near(&["concurrency"], "inside `each`, or to the pipeline, beside `steps`"),
];

pub(super) const TRIGGER: &[Near] = &[
    near(&["action", "with", "every", "cursor"], "inside `poll`"),
    near(&["path", "from", "verify", "respond"], "inside `webhook`"),
    near(&["field", "tie_break", "lookback", "token", "into"], "inside `cursor` of `poll`"),
    near(BESIDE_STEPS, "one level up, beside `trigger`"),
    near(&["timeout", "concurrency"], "one level up, beside `trigger`"),
];

pub(super) const POLL: &[Near] = &[
    near(&["field", "tie_break", "lookback", "token", "into"], "inside `cursor`"),
    near(&["from", "to", "window"], "inside `backfill`"),
    near(&["key", "revision"], "one level up, beside `poll`"),
];

pub(super) const BACKFILL: &[Near] = &[
    near(&["action", "with", "every", "cursor"], "one level up, beside `backfill`"),
    near(&["field", "tie_break", "lookback"], "inside `cursor`, beside `backfill`"),
];

pub(super) const CURSOR: &[Near] = &[
    near(&["action", "with", "every"], "one level up, beside `cursor`"),
    near(&["key", "revision"], "two levels up, beside `poll`"),
];

pub(super) const WEBHOOK: &[Near] = &[
    near(&["scheme", "header", "secret", "skew"], "inside `verify`"),
    near(&["key", "revision"], "one level up, beside `webhook`"),
];

pub(super) const EACH: &[Near] =
    &[near(OF_STEPS, "one level up, beside `each`"), near(&["timeout", "pipeline"], "one level up, beside `each`")];

pub(super) const LINK: &[Near] =
    &[near(OF_STEPS, "one level up, beside `link`"), near(&["else"], "inside `xref`, where the pair is read")];

pub(super) const WAIT: &[Near] = &[
    near(&["action", "with", "every"], "inside `poll`"),
    near(&["needs", "when", "on_error"], "one level up, beside `wait`"),
];

pub(super) const WAIT_POLL: &[Near] = &[near(&["until", "timeout", "wake"], "one level up, beside `poll`")];

pub(super) const ARM: &[Near] = &[
    near(&["attempts", "within", "first", "at_most"], "inside `retry`"),
    near(&["for", "until", "every", "alert"], "inside `hold`"),
    near(OF_STEPS, "inside a step of `do`"),
];

pub(super) const HOLD: &[Near] =
    &[near(&["action", "with", "passes"], "inside `until`"), near(&["class", "retry"], "one level up, beside `hold`")];

pub(super) const RETRY: &[Near] = &[near(&["class", "hold", "fallback", "do", "then"], "one level up, beside `retry`")];

pub(super) const RULE: &[Near] = &[near(&["decimal", "one_of"], "inside `is`")];
