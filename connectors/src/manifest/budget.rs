//! The `budget` and the `backoff` of a manifest.

use std::time::Duration;

use ferry_contract::{
    catalog::{Backoff, BackoffKind, Window},
    limits::{BACKOFF_WAITS_MAX, BUDGET_LIMIT_MAX, BUDGET_WINDOW_MAX, BUDGET_WINDOWS_MAX},
    script::Form,
    yaml::{
        Node,
        read::{Fields, duration, list, text, whole},
    },
};

use super::{BudgetWindow, Reading, read::Reader};

impl Reader<'_> {
    pub(super) fn budget(&mut self, node: &Node) -> Vec<BudgetWindow> {
        let windows = list(node, "`budget`", self.report).unwrap_or_default();
        if windows.len() > BUDGET_WINDOWS_MAX {
            let message = format!("`budget` has {} windows, and {BUDGET_WINDOWS_MAX} are the most", windows.len());
            self.report.error("invalid-value", node.at, message, "keep the windows that bind");
        }
        windows.iter().filter_map(|window| self.window(window)).collect()
    }

    fn window(&mut self, node: &Node) -> Option<BudgetWindow> {
        let fields = Fields::open(node, "a window of a budget", &["limit", "per", "host", "says"], self.report)?;
        let limit = fields.need("limit", "600", self.report)?;
        let per = fields.need("per", "1m", self.report)?;
        let says = fields
            .get("says")
            .and_then(|says| Fields::open(says, "`says`", &["limit", "remaining", "reset"], self.report));
        let mut reading = |key: &str| says.and_then(|says| says.get(key)).and_then(|node| self.reading(node));
        let (now, remaining, reset) = (reading("limit"), reading("remaining"), reading("reset"));
        let window =
            Window { limit: self.limit(limit)?, per: self.wait(per, "`per`")?, host: self.text_of(fields, "host") };
        Some(BudgetWindow { window, limit: now, remaining, reset })
    }

    fn limit(&mut self, node: &Node) -> Option<u64> {
        let limit = whole(node, "`limit`", self.report)?;
        let right = (1..=BUDGET_LIMIT_MAX).contains(&limit);
        if !right {
            let message = format!("`limit` is {limit}, and a window takes from 1 to {BUDGET_LIMIT_MAX} requests");
            self.report.error("invalid-value", node.at, message, "write how many requests the target takes");
        }
        right.then_some(limit)
    }

    /// A duration that is not zero, where nothing would ever come back or be waited for.
    fn wait(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let wait = duration(node, what, self.report)?;
        if wait.is_zero() || wait > BUDGET_WINDOW_MAX {
            let message = format!("{what} must be longer than no time, and at most 31 days");
            self.report.error("invalid-value", node.at, message, "write a time such as `1m` or `1d`");
            return None;
        }
        Some(wait)
    }

    fn reading(&mut self, node: &Node) -> Option<Reading> {
        match node.get("rhai") {
            Some(script) => self.compiler(&["headers"]).script(script, Form::Statements).map(Reading::Rhai),
            None => {
                text(node, "the name of a header", self.report).map(|name| Reading::Header(name.value.to_lowercase()))
            }
        }
    }

    /// A window's host must be one that requests go to.
    pub(super) fn check_hosts(&mut self, node: &Node, budget: &[BudgetWindow], known: &[&str]) {
        for host in budget.iter().filter_map(|window| window.window.host.as_deref()) {
            if !known.contains(&host) {
                let message = format!("`{host}` is not a host of `environments`, nor one that a token names");
                self.report.unknown("invalid-value", node.at, message, (host, known));
            }
        }
    }

    pub(super) fn backoff(&mut self, node: &Node) -> Option<Backoff> {
        let fields = Fields::open(node, "`backoff`", &["statistical"], self.report)?;
        let node = fields.need("statistical", "[2m, 4m, 8m]", self.report)?;
        let waits = list(node, "`statistical`", self.report)?;
        if waits.is_empty() || waits.len() > BACKOFF_WAITS_MAX {
            let message = format!("`statistical` lists {} waits, and must list 1 to {BACKOFF_WAITS_MAX}", waits.len());
            self.report.error("invalid-value", node.at, message, "write waits such as `[2m, 4m, 8m]`");
        }
        let waits: Vec<Duration> = waits.iter().filter_map(|wait| self.wait(wait, "a wait")).collect();
        Some(Backoff { kind: BackoffKind::Statistical(waits), ..Backoff::default() })
    }
}
