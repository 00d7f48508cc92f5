//! The whole state of the sandbox, and the order in which a request meets it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::watch;

use crate::budget::Budget;
use crate::chat::Chat;
use crate::clarity::Clarity;
use crate::clock::Clock;
use crate::erp::Erp;
use crate::faults::{Call, FaultRule, Faults, Injector};
use crate::fx::Fx;
use crate::payoneer::Payoneer;
use crate::paytrace::Paytrace;
use crate::salesforce::Salesforce;
use crate::seed::{self, Planned};
use crate::system::{Context, Simulated, System};
use crate::things::Things;
use crate::tls::Tls;
use crate::webhooks::{Outbox, Outcome, Parcel};
use crate::wire::{Answer, Request};
use crate::{Options, limits};

/// The state of the sandbox.
#[derive(Debug)]
pub(crate) struct World {
    /// How it listens with TLS, where it does.
    pub(crate) tls: Option<Arc<Tls>>,
    /// The seed of the data.
    pub(crate) seed: u64,
    /// The payment requests of the start.
    pub(crate) requests: Vec<Planned>,
    /// The time.
    pub(crate) clock: Clock,
    /// What goes wrong.
    pub(crate) injector: Injector,
    /// Payoneer.
    pub(crate) payoneer: Payoneer,
    /// Salesforce.
    pub(crate) salesforce: Salesforce,
    /// PayTrace.
    pub(crate) paytrace: Paytrace,
    /// The shop of Clarity.
    pub(crate) clarity: Clarity,
    /// Those who publish exchange rates.
    pub(crate) fx: Fx,
    /// The chat rooms.
    pub(crate) chat: Chat,
    /// The accounting systems.
    pub(crate) erp: Erp,
    /// A REST API as any other.
    pub(crate) things: Things,
    /// What the systems tell others.
    pub(crate) outbox: Outbox,
    /// The systems that anybody has asked: of the others nothing is told, and nothing need happen yet.
    pub(crate) asked: BTreeSet<System>,
    /// For how long the server shall refuse connections, from each change on.
    pub(crate) outage: watch::Sender<Duration>,
    /// Salesforce's last event, and how often its streams were cut.
    pub(crate) told: watch::Sender<(u64, u64)>,
    /// Where the Pub/Sub API is, where it is.
    pub(crate) pubsub: Option<String>,
    budgets: BTreeMap<System, Budget>,
}

/// Whether a request gets to its system.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It does not: it is over the budget.
    Refused(Answer),
    /// It does.
    Free,
    /// A fault hits it.
    Hit(FaultRule),
}

impl World {
    /// Builds the world of these options.
    pub(crate) fn new(options: &Options, tls: Option<Arc<Tls>>) -> Self {
        let clock = Clock::new(options.speed);
        let now = clock.now();
        let (payoneer, salesforce, requests) = systems(options.seed, options.requests, now);
        let injector = Injector::new(options.faults.clone(), options.seed);
        let per_minute = per_minute(injector.faults());
        Self {
            tls,
            seed: options.seed,
            requests,
            clock,
            injector,
            payoneer,
            salesforce,
            paytrace: Paytrace::new(options.seed, now),
            clarity: Clarity::new(options.seed, now),
            fx: Fx::new(options.seed),
            chat: Chat::default(),
            erp: Erp::new(options.seed),
            things: Things::default(),
            asked: BTreeSet::new(),
            outbox: Outbox::new(options.seed, options.webhooks.clone()),
            outage: watch::Sender::new(Duration::ZERO),
            told: watch::Sender::new((0, 0)),
            pubsub: None,
            budgets: budgets(per_minute, now),
        }
    }

    /// Builds the data anew; the clock, the faults and who is told stay.
    pub(crate) fn seed(&mut self, seed: u64, count: usize) {
        let now = self.clock.now();
        (self.payoneer, self.salesforce, self.requests) = systems(seed, count, now);
        self.paytrace = Paytrace::new(seed, now);
        (self.clarity, self.fx, self.chat) = (Clarity::new(seed, now), Fx::new(seed), Chat::default());
        (self.erp, self.things) = (Erp::new(seed), Things::default());
        self.seed = seed;
        self.outbox.begin_anew(seed);
    }

    /// Lets everything happen that is due, and plans to tell of it.
    pub(crate) fn settle(&mut self) {
        let now = self.clock.now();
        for system in self.asked.clone() {
            let simulated = self.system(system);
            simulated.settle(now);
            let (notices, listeners) = (simulated.take_notices(), simulated.listeners());
            for notice in notices {
                self.outbox.add(notice, listeners.as_deref(), &self.injector.faults().webhooks);
            }
        }
        self.announce();
    }

    /// Wakes the readers of Salesforce's events, where there is something for them.
    pub(crate) fn announce(&self) {
        let now = self.salesforce.told();
        self.told.send_if_modified(|told| std::mem::replace(told, now) != now);
    }

    /// Takes at most so many deliveries of webhooks whose time has come.
    pub(crate) fn due_webhooks(&mut self, room: usize) -> Vec<Parcel> {
        let is_busy = System::ALL.into_iter().any(|system| self.system(system).is_busy());
        if self.outbox.is_idle() && !is_busy && !self.has_listeners() {
            return Vec::new();
        }
        self.settle();
        self.outbox.take_due(self.clock.now(), room)
    }

    fn has_listeners(&mut self) -> bool {
        let mut all = System::ALL.into_iter();
        all.any(|system| self.system(system).listeners().is_some_and(|listeners| !listeners.is_empty()))
    }

    /// Notes what came of a delivery.
    pub(crate) fn webhook_done(&mut self, number: u64, outcome: Outcome) {
        self.outbox.done(number, outcome, self.clock.now());
    }

    /// Replaces the faults; their hits and the budgets start anew.
    pub(crate) fn set_faults(&mut self, faults: Faults) {
        let per_minute = per_minute(&faults);
        let now = self.clock.now();
        self.injector = Injector::new(faults, self.seed);
        self.outbox.forget_hits();
        self.budgets = budgets(per_minute, now);
    }

    /// Counts a request, and says what becomes of it.
    pub(crate) fn admit(&mut self, system: System, request: &Request) -> Admission {
        self.admit_path(system, request.method.as_str(), &request.path)
    }

    /// The same for a call of gRPC.
    pub(crate) fn admit_stream(&mut self, system: System, path: &str) -> Admission {
        self.admit_path(system, "POST", path)
    }

    fn admit_path(&mut self, system: System, method: &str, path: &str) -> Admission {
        let now = self.clock.now();
        self.asked.insert(system);
        if let Some(Err(wait_ms)) = self.budgets.get_mut(&system).map(|budget| budget.take(now)) {
            let wait_s = self.clock.real_s(wait_ms);
            return Admission::Refused(self.system(system).over_budget(wait_s));
        }
        let call = Call { system, method, path, elapsed_ms: self.clock.elapsed_ms() };
        self.injector.decide(&call).map_or(Admission::Free, Admission::Hit)
    }

    /// Lets a request have its effect.
    pub(crate) fn answer(&mut self, system: System, request: &Request) -> Answer {
        self.settle();
        let now = self.clock.now();
        let faults = self.injector.faults();
        let cx = Context {
            now,
            duplicates: faults.duplicates,
            visibility_lag_ms: faults.visibility_lag_ms.unwrap_or(limits::VISIBILITY_LAG_MS),
        };
        let answer = self.system(system).answer(request, cx);
        self.announce();
        answer
    }

    /// The state of a system.
    pub(crate) fn system(&mut self, system: System) -> &mut dyn Simulated {
        match system {
            System::Payoneer => &mut self.payoneer,
            System::Salesforce => &mut self.salesforce,
            System::Paytrace => &mut self.paytrace,
            System::Clarity => &mut self.clarity,
            System::Fx => &mut self.fx,
            System::Chat => &mut self.chat,
            System::Erp => &mut self.erp,
            System::Http => &mut self.things,
        }
    }
}

/// Finds the system that a request is for; `None` for the sandbox itself.
pub(crate) fn system_of(request: &Request) -> Option<System> {
    System::named(request.segments.first()?)
}

/// Answers 400 or 404 for the sandbox itself, with what is right.
pub(crate) fn wrong(status: StatusCode, message: &str) -> Answer {
    Answer::json(status, serde_json::json!({ "error": message }))
}

fn per_minute(faults: &Faults) -> u32 {
    faults.budget_per_minute.unwrap_or(limits::BUDGET_PER_MINUTE)
}

fn budgets(per_minute: u32, now: jiff::Timestamp) -> BTreeMap<System, Budget> {
    System::ALL.into_iter().map(|system| (system, Budget::new(per_minute, now))).collect()
}

fn systems(seed: u64, count: usize, now: jiff::Timestamp) -> (Payoneer, Salesforce, Vec<Planned>) {
    let start = seed::build(seed, count, now);
    let payoneer = Payoneer::new((seed, now), start.payees, start.balance);
    (payoneer, Salesforce::new(seed, start.store), start.requests)
}
