//! What the systems tell those who asked to be told: each thing that has happened, once, or as the faults say.
//!
//! The outbox is plain state and knows no sockets; `deliver` sends what is due. The faults of a webhook depend
//! on the seed and its reference alone, so that the same run has the same ones, whatever the order.

pub(crate) mod deliver;
mod fault;
mod target;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::system::{Listener, Notice, Signing};
use crate::{clock, limits, random::Random};

pub use fault::{WebhookFault, WebhookRule};
use target::Signer;
pub use target::Webhooks;
pub(crate) use target::is_on_this_machine;

/// All webhooks of a world, and which of their deliveries are still to come.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    seed: u64,
    target: Webhooks,
    webhooks: Vec<Webhook>,
    deliveries: BTreeMap<u64, Delivery>,
    due: BTreeSet<(Timestamp, u64)>,
    delivered: u64,
    hits: Vec<u32>,
    dropped: usize,
}

/// One thing that is told, and what became of its deliveries.
#[derive(Debug)]
struct Webhook {
    signing: Signing,
    kind: &'static str,
    reference: String,
    body: String,
    /// Whom it is for, where he has registered.
    listener: Option<Listener>,
    fault: Option<WebhookFault>,
    tries: u32,
    accepted: u32,
    refused: u32,
    given_up: u32,
}

/// One way to somebody who may take it.
#[derive(Clone, Copy, Debug)]
struct Delivery {
    webhook: usize,
    tries: u32,
    due_at: Timestamp,
    order: Order,
    /// When it was signed, where it is the recording of an earlier one.
    recorded: Option<Timestamp>,
}

/// Whether a delivery lets those pass that come later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    AsItCame,
    AfterALaterOne,
}

/// A delivery on its way.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    number: u64,
    /// Where it goes: to one after the other, until one takes it.
    urls: Vec<String>,
    signer: Signer,
    body: String,
}

/// What came of a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// Somebody answered 2xx.
    Accepted,
    /// Nobody did, and somebody does not believe who sent it: that does not change.
    Refused,
    /// Nobody took it.
    Failed,
}

impl Outbox {
    /// Starts with nothing to tell.
    pub(crate) fn new(seed: u64, target: Webhooks) -> Self {
        Self { seed, target, ..Self::default() }
    }

    /// Forgets what was told; who is told stays.
    pub(crate) fn begin_anew(&mut self, seed: u64) {
        *self = Self::new(seed, std::mem::take(&mut self.target));
    }

    /// Says who is told.
    pub(crate) fn target(&self) -> &Webhooks {
        &self.target
    }

    /// Changes who is told from now on.
    pub(crate) fn set_target(&mut self, target: Webhooks) {
        self.target = target;
    }

    /// Says whether nobody is told of anything, nor was.
    pub(crate) fn is_idle(&self) -> bool {
        self.target.urls.is_empty() && self.webhooks.is_empty()
    }

    /// Says the hits of each rule, in the order of the rules.
    pub(crate) fn hits(&self) -> impl Iterator<Item = u32> {
        self.hits.iter().copied().chain(std::iter::repeat(0))
    }

    /// Lets the hits begin anew, for other rules.
    pub(crate) fn forget_hits(&mut self) {
        self.hits.clear();
    }

    /// Tells whom the sandbox was told of what happened, or those who have registered for it.
    pub(crate) fn add(&mut self, notice: Notice, listeners: Option<&[Listener]>, rules: &[WebhookRule]) {
        let Some(listeners) = listeners else {
            if !self.target.urls.is_empty() {
                self.add_for(notice, None, rules);
            }
            return;
        };
        for listener in listeners.iter().filter(|listener| listener.kinds.contains(&notice.kind)) {
            self.add_for(notice.clone(), Some(listener.clone()), rules);
        }
    }

    /// Plans the deliveries of one webhook.
    fn add_for(&mut self, notice: Notice, listener: Option<Listener>, rules: &[WebhookRule]) {
        if self.webhooks.len() >= limits::WEBHOOKS_MAX {
            self.dropped += 1;
            return;
        }
        let Notice { signing, kind, reference, at, body } = notice;
        let rule = fault::choose(rules, &mut self.hits, self.seed, &reference);
        let fault = rule.map(|rule| rule.fault);
        let later = clock::add_ms(at, rule.map_or(0, WebhookRule::by_ms));
        let body = body.to_string();
        self.webhooks.push(Webhook {
            signing,
            kind,
            reference,
            body,
            listener,
            fault,
            tries: 0,
            accepted: 0,
            refused: 0,
            given_up: 0,
        });
        match fault {
            None | Some(WebhookFault::BadlySigned) => self.plan(at, Order::AsItCame),
            Some(WebhookFault::Replayed) => {
                self.plan(at, Order::AsItCame);
                self.plan_as((later, Some(at)), Order::AsItCame);
            }
            Some(WebhookFault::Duplicate) => {
                self.plan(at, Order::AsItCame);
                self.plan(at, Order::AsItCame);
            }
            Some(WebhookFault::Late) => self.plan(later, Order::AsItCame),
            Some(WebhookFault::Reordered) => self.plan(later, Order::AfterALaterOne),
            Some(WebhookFault::Lost) => {}
            Some(WebhookFault::Stale) => {
                self.plan(at, Order::AsItCame);
                self.plan(later, Order::AsItCame);
            }
        }
    }

    /// Plans a delivery of the last webhook.
    fn plan(&mut self, due_at: Timestamp, order: Order) {
        self.plan_as((due_at, None), order);
    }

    fn plan_as(&mut self, (due_at, recorded): (Timestamp, Option<Timestamp>), order: Order) {
        let delivery = Delivery { webhook: self.webhooks.len() - 1, tries: 0, due_at, order, recorded };
        self.delivered += 1;
        self.deliveries.insert(self.delivered, delivery);
        self.due.insert((due_at, self.delivered));
    }

    /// Takes at most so many deliveries whose time has come.
    pub(crate) fn take_due(&mut self, now: Timestamp, room: usize) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        while parcels.len() < room && self.due.first().is_some_and(|(at, _)| *at <= now) {
            let (_, number) = self.due.pop_first().expect("the first one is due");
            let delivery = self.deliveries.get_mut(&number).expect("what is due is planned");
            delivery.tries += 1;
            let webhook = &self.webhooks[delivery.webhook];
            let knows = webhook.fault != Some(WebhookFault::BadlySigned);
            let secret = webhook.listener.as_ref().map_or(&self.target.secret, |listener| &listener.secret);
            let secret = if knows { secret.clone() } else { format!("not {secret}") };
            let mut random = Random::of(self.seed, &format!("nonce/{number}/{}", delivery.tries));
            let nonce = format!("{:016x}", random.draw());
            let id = format!("{}/{}/{}", webhook.kind, webhook.reference, delivery.webhook);
            let id = format!("msg_{:016x}", Random::of(self.seed, &id).draw());
            let (signing, at) = (webhook.signing, delivery.recorded.unwrap_or(now));
            let signer = Signer { signing, id, secret, nonce, at };
            let urls = match &webhook.listener {
                Some(listener) => vec![listener.url.clone()],
                None => self.target.turned(webhook.kind, number),
            };
            parcels.push(Parcel { number, urls, signer, body: webhook.body.clone() });
        }
        parcels
    }

    /// Notes what came of a delivery; one that failed is tried again after a while, but not for ever.
    pub(crate) fn done(&mut self, number: u64, outcome: Outcome, now: Timestamp) {
        // The world may have begun anew meanwhile.
        let Some(delivery) = self.deliveries.remove(&number) else { return };
        let webhook = &mut self.webhooks[delivery.webhook];
        // A try counts when it is over: whoever sees it may rely on the next one being planned.
        webhook.tries += 1;
        match outcome {
            Outcome::Accepted => {
                webhook.accepted += 1;
                self.let_pass(delivery.webhook, now);
            }
            // What is signed well and believed too late is signed anew.
            Outcome::Refused if webhook.fault == Some(WebhookFault::BadlySigned) || delivery.recorded.is_some() => {
                webhook.refused += 1;
            }
            Outcome::Failed | Outcome::Refused if delivery.tries >= limits::WEBHOOK_TRIES_MAX => webhook.given_up += 1,
            Outcome::Failed | Outcome::Refused => {
                let doubled = limits::WEBHOOK_AGAIN_MS << (delivery.tries - 1);
                let due_at = clock::add_ms(now, doubled.min(limits::WEBHOOK_AGAIN_MAX_MS));
                self.deliveries.insert(number, Delivery { due_at, ..delivery });
                self.due.insert((due_at, number));
            }
        }
    }

    /// Sends those now that had waited for a later one to pass.
    fn let_pass(&mut self, passed: usize, now: Timestamp) {
        let waits = |delivery: &Delivery| {
            delivery.order == Order::AfterALaterOne && delivery.tries == 0 && delivery.webhook < passed
        };
        for (number, delivery) in self.deliveries.iter_mut().filter(|(_, delivery)| waits(delivery)) {
            self.due.remove(&(delivery.due_at, *number));
            (delivery.due_at, delivery.order) = (now.min(delivery.due_at), Order::AsItCame);
            self.due.insert((delivery.due_at, *number));
        }
    }

    /// Says how much was told, and what became of it.
    pub(crate) fn totals(&self) -> Value {
        let count = |holds: &dyn Fn(&Webhook) -> bool| self.webhooks.iter().filter(|webhook| holds(webhook)).count();
        let sum =
            |of: &dyn Fn(&Webhook) -> u32| self.webhooks.iter().map(|webhook| u64::from(of(webhook))).sum::<u64>();
        let by_fault = |fault: WebhookFault| (fault.name().to_owned(), json!(count(&|one| one.fault == Some(fault))));
        json!({
            "webhooks": self.webhooks.len(),
            "by_fault": WebhookFault::ALL.map(by_fault).into_iter().collect::<Value>(),
            "sent": count(&|webhook| webhook.tries > 0),
            "accepted": count(&|webhook| webhook.accepted > 0),
            "deliveries": {
                "accepted": sum(&|webhook| webhook.accepted),
                "refused": sum(&|webhook| webhook.refused),
                "given_up": sum(&|webhook| webhook.given_up),
                "to_come": self.deliveries.len(),
            },
            "dropped": self.dropped,
        })
    }

    /// Says each webhook, in the order in which they came about.
    pub(crate) fn list(&self) -> Value {
        self.webhooks.iter().map(shown).collect()
    }
}

fn shown(webhook: &Webhook) -> Value {
    json!({
        "reference": webhook.reference,
        "kind": webhook.kind,
        "fault": webhook.fault.map(WebhookFault::name),
        "tries": webhook.tries,
        "accepted": webhook.accepted,
        "refused": webhook.refused,
        "given_up": webhook.given_up,
    })
}
