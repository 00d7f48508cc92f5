//! A call on its way through the gate, exchange by exchange.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use ferry_contract::{
    catalog::Window,
    failure::{ErrorClass, Failure},
    port::{self, Boxed, Level, Seen, host_of},
};
use ferry_core::gate::{Circuit, Health, Way};
use jiff::Timestamp;

use super::{Gate, is_one, locked, signed, slots::Slot};
use crate::limits::PAGE_WAIT_MAX;

/// The right to make exchanges, one after the other.
pub(in crate::engine) struct Pass {
    slot: Slot,
    is_write: bool,
    was_probe: bool,
    state: Mutex<PassState>,
}

struct PassState {
    /// The host whose token is paid already.
    paid: Option<String>,
    /// Hosts whose probe this call is, until they have answered.
    probes: BTreeSet<String>,
}

impl Pass {
    pub(super) fn new(slot: Slot, first: &str, is_write: bool, probes: BTreeSet<String>) -> Self {
        let was_probe = !probes.is_empty();
        Self { slot, is_write, was_probe, state: Mutex::new(PassState { paid: Some(first.to_owned()), probes }) }
    }

    /// Whether it began as the probe of a circuit.
    pub(in crate::engine) fn is_probe(&self) -> bool {
        self.was_probe
    }

    fn gate(&self) -> &Arc<Gate> {
        self.slot.gate()
    }

    async fn go(&self, host: &str) -> Result<(), Failure> {
        if locked(&self.state).paid.take_if(|paid| paid == host).is_some() {
            return Ok(());
        }
        self.through_circuit(host).await?;
        if self.is_write {
            // Its intent is on disk already: it goes ahead, and others wait the longer.
            self.gate().spend(host, 1);
            return Ok(());
        }
        loop {
            let wait = self.gate().token(host).await.max(self.gate().pause(host));
            match wait {
                Duration::ZERO => return Ok(()),
                wait if wait > PAGE_WAIT_MAX => {
                    return Err(Failure::new(ErrorClass::Throttled, "the budget is used up").after(wait));
                }
                wait => self.gate().clock.sleep(wait).await,
            }
        }
    }

    async fn through_circuit(&self, host: &str) -> Result<(), Failure> {
        let gate = self.gate();
        let now = gate.now();
        let way = locked(&gate.state).hosts.get(host).map(|known| known.breaker.way(now, self.is_write));
        let is_own = locked(&self.state).probes.contains(host);
        let until = match way.unwrap_or(Way::Go) {
            Way::Go => return Ok(()),
            Way::Probe | Way::NotBefore(_) if is_own => return Ok(()),
            Way::Probe if gate.take_probe(host, self.is_write).await => {
                locked(&self.state).probes.insert(host.to_owned());
                return Ok(());
            }
            Way::Probe => now,
            Way::NotBefore(until) => until,
        };
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        Err(Failure::new(ErrorClass::Unavailable, format!("the circuit of `{host}` is open")).after(wait).untried())
    }

    async fn learn(&self, host: &str, seen: Seen) {
        let gate = self.gate();
        let is_probe = locked(&self.state).probes.remove(host);
        if let Some(circuit) = gate.learn_health(host, Health::of(seen.class), is_probe) {
            gate.tell(host, &circuit, seen.class);
            gate.share_circuit(host).await;
        }
        let asked = seen.retry_after.filter(|_| seen.class == Some(ErrorClass::Throttled));
        if let Some(wait) = asked {
            let until = gate.now() + signed(wait);
            // It is the system that asks, whatever door was taken.
            gate.learn_budget(|budget, _| budget.block(host_of(host), until).then_some(())).await;
        }
        for (window, level) in seen.levels {
            gate.learn_level(&window, level).await;
        }
    }
}

impl port::Pass for Pass {
    fn next<'a>(&'a self, host: &'a str) -> Boxed<'a, Result<(), Failure>> {
        Box::pin(self.go(host))
    }

    fn seen<'a>(&'a self, host: &'a str, seen: Seen) -> Boxed<'a, ()> {
        Box::pin(self.learn(host, seen))
    }
}

impl Gate {
    fn learn_health(&self, host: &str, health: Health, is_probe: bool) -> Option<Circuit> {
        let now = self.now();
        let seed = format!("{}/{host}", self.name);
        locked(&self.state).hosts.entry(host.to_owned()).or_default().breaker.seen(health, is_probe, now, &seed)
    }

    fn tell(&self, host: &str, circuit: &Circuit, class: Option<ErrorClass>) {
        let names: Vec<String> = locked(&self.state).names.iter().cloned().collect();
        let (connection, class) = (names.join(", "), class.map_or("", ErrorClass::name));
        match circuit {
            Circuit::Closed => tracing::info!(connection, host, "the circuit is closed"),
            Circuit::Open { until, waits: 1, .. } => {
                tracing::warn!(connection, host, class, %until, "the circuit is open: nothing goes before a probe");
            }
            Circuit::Open { until, waits, .. } => {
                tracing::debug!(connection, host, class, %until, waits, "the circuit stays open");
            }
            Circuit::HalfOpen { .. } => {}
        }
    }

    /// How long a host asked us to wait.
    fn pause(&self, host: &str) -> Duration {
        let now = self.now();
        let until = locked(&self.state).budget.blocked_until(host_of(host), now);
        until.map_or(Duration::ZERO, |until| Duration::try_from(until.duration_since(now)).unwrap_or_default())
    }

    async fn learn_budget(&self, change: impl Fn(&mut ferry_core::gate::Budget, Timestamp) -> Option<()>) {
        let _changing = self.changing.lock().await;
        if let Err(error) = self.change_budget(change).await {
            tracing::debug!(%error, "what a target says of its budget could not be shared");
        }
    }

    /// Takes what an answer says of a window where it matters: another limit, or little left. Most
    /// answers only confirm what is known, and need no access to the store.
    async fn learn_level(&self, told_of: &Window, level: Level) {
        // A reload may have changed the windows while the answer was on its way.
        let place = |state: &super::State| state.windows.iter().position(|window| is_one(window, told_of));
        let known = {
            let state = locked(&self.state);
            place(&state).map(|window| (window, state.budget.left(window, self.now())))
        };
        let Some((window, (left, limit))) = known else { return };
        let other_limit = level.limit.is_some_and(|told| told > 0 && told != limit);
        let told = level.remaining.unwrap_or(u64::MAX);
        if !other_limit && (told > limit / 10 || told >= left) {
            return;
        }
        self.learn_budget(|budget, now| budget.learn(window, level, now).then_some(())).await;
        let mut state = locked(&self.state);
        let purse = place(&state).and_then(|window| state.purse.get_mut(window));
        purse.into_iter().for_each(|purse| *purse = (*purse).min(i64::try_from(told).unwrap_or(i64::MAX)));
    }
}
