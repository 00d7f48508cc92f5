//! A target on a made wire: it books, forgets keys, loses answers and acts late, as the seed says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use ferry_contract::port::{Boxed, Clock, Http, HttpError, HttpRequest, HttpResponse};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    manifest::Kind,
    moods::Moods,
    process::{Place, Process},
};

/// What goes wrong on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Faults {
    None,
    /// The first payment is booked, and its answer is lost.
    FirstAnswerLost,
    /// The first payment seems lost, and is booked minutes later.
    FirstEffectLate,
    /// All answers to payments are lost for an hour.
    AnswersLostForLong,
    /// Nothing can be sent for eight hours.
    Down,
    /// The first payment is booked, its answer is lost, and then nobody is reached for a while.
    FirstAnswerLostThenUnreachable,
    /// The first bundle is booked in part, and its answer is lost.
    FirstBundlePartly,
    /// By the seed.
    Random,
    /// By the seed, and the business says no now and then, has no money for a while, or is not reached.
    Moody,
}

/// How long anyone waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(40);
/// How long a slow answer takes, which somebody still waits for.
const SLOW: Duration = Duration::from_secs(25);
/// How much later than others a request may come: sooner than a key is forgotten, or a look-up may begin.
const REORDERED_BY: Duration = Duration::from_secs(90);

/// One thing that the target did for a payment.
#[derive(Clone, Debug)]
pub(super) struct Booking {
    pub(super) amount: Value,
    pub(super) at: Timestamp,
    due: Timestamp,
}

/// The target and its wire.
pub(super) struct Target {
    kind: Kind,
    faults: Faults,
    /// Whether a payment that is there already is refused; else it is booked again.
    refuses: bool,
    moods: Moods,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// The way of one process to the target.
pub(super) struct Wire {
    pub(super) target: Arc<Target>,
    pub(super) process: Arc<Process>,
}

#[derive(Default)]
struct State {
    random: u64,
    requests: u64,
    payments: u64,
    began: Option<Timestamp>,
    bookings: BTreeMap<String, Vec<Booking>>,
    /// When a request for a payment left last, whatever came of it.
    left: BTreeMap<String, Timestamp>,
    /// Payments that are again what an earlier request said, because the network has delivered it late.
    overtaken: BTreeSet<String>,
    fates: BTreeMap<Fate, u64>,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fate {
    Fine,
    NotSent,
    Throttled,
    RefusedBusy,
    LostBefore,
    LostAfter,
    ErrorAfter,
    Late,
    /// The answer comes after nobody waits for it any more.
    SlowAnswer,
    /// The network delivers the request twice, the second time later.
    Doubled,
    /// The network delivers the request after later ones, when nobody waits for its answer any more.
    Reordered,
    /// The answer is right, and old when it comes.
    Slow,
    /// Only the first item of a bundle is booked.
    Partly,
    /// The business says no.
    Declined,
    /// There is no money for it.
    Poor,
}

impl Target {
    pub(super) fn new(kind: Kind, faults: Faults, seed: u64, refuses: bool, clock: Arc<dyn Clock>) -> Self {
        let state = State { random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1), ..State::default() };
        Self { kind, faults, refuses, moods: Moods::of(seed), clock, state: Mutex::new(state) }
    }

    /// All that was booked under a name.
    pub(super) fn bookings(&self, id: &str) -> Vec<Booking> {
        self.state.lock().unwrap().bookings.get(id).cloned().unwrap_or_default()
    }

    /// Whether the network has delivered an earlier content of a payment after a later one, and nothing since.
    pub(super) fn is_overtaken(&self, id: &str) -> bool {
        self.state.lock().unwrap().overtaken.contains(id)
    }

    /// When a request for that payment left last.
    pub(super) fn left(&self, id: &str) -> Option<Timestamp> {
        self.state.lock().unwrap().left.get(id).copied()
    }

    /// Somebody else has booked another amount under that name.
    pub(super) fn stranger(&self, id: &str) {
        let at = self.clock.now();
        let booking = Booking { amount: json!(999), at, due: at };
        self.state.lock().unwrap().bookings.insert(id.to_owned(), vec![booking]);
    }

    /// How often a payment was booked, and whether with this amount.
    pub(super) fn booked(&self, id: &str, amount: &Value) -> (usize, bool) {
        let state = self.state.lock().unwrap();
        let bookings = state.bookings.get(id).map(Vec::as_slice).unwrap_or_default();
        (bookings.len(), bookings.iter().all(|booking| ferry_contract::number::equal(&booking.amount, amount)))
    }

    /// The number of requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.state.lock().unwrap().requests
    }

    /// How often each thing happened to a request.
    pub(super) fn fates(&self) -> BTreeMap<Fate, u64> {
        self.state.lock().unwrap().fates.clone()
    }

    fn fate(&self, is_payment: bool) -> Fate {
        let mut state = self.state.lock().unwrap();
        let fate = self.drawn(&mut state, is_payment);
        *state.fates.entry(fate).or_default() += 1;
        fate
    }

    fn drawn(&self, state: &mut State, is_payment: bool) -> Fate {
        let now = self.clock.now();
        let began = *state.began.get_or_insert(now);
        state.requests += 1;
        state.payments += u64::from(is_payment);
        let first = is_payment && state.payments == 1;
        match self.faults {
            Faults::FirstAnswerLost | Faults::FirstAnswerLostThenUnreachable if first => Fate::LostAfter,
            Faults::FirstAnswerLostThenUnreachable
                if is_payment && now.duration_since(began) < SignedDuration::from_mins(10) =>
            {
                Fate::NotSent
            }
            Faults::FirstEffectLate if first => Fate::Late,
            Faults::FirstBundlePartly if first => Fate::Partly,
            Faults::AnswersLostForLong if is_payment && now.duration_since(began) < SignedDuration::from_mins(60) => {
                Fate::LostAfter
            }
            Faults::Down if now.duration_since(began) < SignedDuration::from_hours(8) => Fate::NotSent,
            // The wire mends in the end, so that every run can end.
            Faults::Random if now.duration_since(began) < SignedDuration::from_mins(60) => {
                match random(state) % 20 {
                    0 => Fate::NotSent,
                    1 => Fate::Throttled,
                    2 => Fate::RefusedBusy,
                    3 => Fate::LostBefore,
                    4 => Fate::LostAfter,
                    5 => Fate::ErrorAfter,
                    6 if is_payment => Fate::Late,
                    7 => Fate::SlowAnswer,
                    8 if is_payment => Fate::Partly,
                    // Nothing that an engine does helps against this, but the target.
                    9 if is_payment && self.refuses => Fate::Doubled,
                    10 if is_payment => Fate::Reordered,
                    11 => Fate::Slow,
                    _ => Fate::Fine,
                }
            }
            Faults::Moody if now.duration_since(began) < SignedDuration::from_mins(60) => {
                let draw = random(state);
                self.moods.fate(now.duration_since(began), draw, (is_payment, self.refuses))
            }
            _ => Fate::Fine,
        }
    }

    /// Whether there is no money now.
    fn is_poor(&self, state: &State, now: Timestamp) -> bool {
        let since = state.began.map(|began| now.duration_since(began));
        self.faults == Faults::Moody && since.is_some_and(|since| self.moods.is_poor(since))
    }

    async fn exchange(self: &Arc<Self>, request: HttpRequest, process: &Process) -> Result<HttpResponse, HttpError> {
        let is_payment = request.method == "POST";
        let fate = self.fate(is_payment);
        let delay = random(&mut self.state.lock().unwrap()) % 400;
        process.pass_on_the_way_out().await;
        if is_payment && fate != Fate::NotSent {
            self.note_left(&request);
        }
        self.clock.sleep(Duration::from_millis(delay)).await;
        let lost = || Err(HttpError::NoAnswer("lost".to_owned()));
        match fate {
            Fate::NotSent => return Err(HttpError::NotSent("refused".to_owned())),
            Fate::Throttled => return Ok(answer(429, &json!({}))),
            Fate::Declined => return Ok(answer(422, &json!({}))),
            Fate::Poor => return Ok(answer(402, &json!({}))),
            Fate::RefusedBusy => return Ok(answer(500, &json!({}))),
            Fate::LostBefore => return lost(),
            Fate::Reordered => {
                self.act_later(request);
                return lost();
            }
            Fate::Fine
            | Fate::LostAfter
            | Fate::ErrorAfter
            | Fate::Late
            | Fate::SlowAnswer
            | Fate::Doubled
            | Fate::Slow
            | Fate::Partly => {}
        }
        let late = if fate == Fate::Late { SignedDuration::from_mins(5) } else { SignedDuration::ZERO };
        let (status, body) = self.act(&request, late, if fate == Fate::Partly { 1 } else { usize::MAX });
        if fate == Fate::Doubled {
            self.clock.sleep(Duration::from_millis(delay)).await;
            self.act(&request, late, usize::MAX);
        }
        match fate {
            Fate::SlowAnswer => self.clock.sleep(TIMEOUT).await,
            Fate::Slow => self.clock.sleep(SLOW).await,
            _ => {}
        }
        process.pass(Place::Wire).await;
        match fate {
            Fate::LostAfter | Fate::Late | Fate::SlowAnswer | Fate::Partly => lost(),
            Fate::ErrorAfter => Ok(answer(500, &json!({}))),
            _ => Ok(answer(status, &body)),
        }
    }

    fn amounts(&self, id: &str) -> Vec<Value> {
        self.bookings(id).into_iter().map(|booking| booking.amount).collect()
    }

    fn note_left(&self, request: &HttpRequest) {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap();
        for payment in payments(request) {
            state.left.insert(payment["id"].as_str().unwrap().to_owned(), now);
        }
    }

    /// Whatever happens to its sender meanwhile.
    fn act_later(self: &Arc<Self>, request: HttpRequest) {
        let target = Arc::clone(self);
        tokio::spawn(async move {
            target.clock.sleep(REORDERED_BY).await;
            let ids = payments(&request).into_iter().map(|payment| payment["id"].as_str().unwrap().to_owned());
            let before: Vec<_> = ids.map(|id| (target.amounts(&id), id)).collect();
            target.act(&request, SignedDuration::ZERO, usize::MAX);
            for (amounts, id) in before {
                if !amounts.is_empty() && amounts != target.amounts(&id) {
                    target.state.lock().unwrap().overtaken.insert(id);
                }
            }
        });
    }

    fn act(&self, request: &HttpRequest, late: SignedDuration, items: usize) -> (u16, Value) {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap();
        if request.method == "GET" {
            let id = request.url.rsplit('/').next().unwrap_or_default();
            match id {
                "events" => return (200, json!({ "events": [] })),
                "balance" => {
                    let available = if self.is_poor(&state, now) { 0 } else { 1_000 };
                    return (200, json!({ "available": available }));
                }
                _ => {}
            }
            let seen = state.bookings.get(id).and_then(|bookings| bookings.iter().find(|booking| booking.due <= now));
            return match seen {
                Some(booking) => (200, json!({ "amount": booking.amount })),
                None => (404, json!({})),
            };
        }
        if request.method == "PUT" {
            return (201, json!({}));
        }
        let key = request.headers.iter().find(|(name, _)| name == "idempotency-key").map(|(_, key)| key.as_str());
        assert_eq!(key.is_some_and(|key| key.starts_with("target/pay/")), self.kind == Kind::Keyed, "{key:?}");
        let payments = payments(request);
        let is_there = |payment: &Value| state.bookings.contains_key(payment["id"].as_str().unwrap());
        if self.refuses && matches!(self.kind, Kind::Lookup | Kind::Never) && payments.iter().any(is_there) {
            return (409, json!({}));
        }
        let state = &mut *state;
        for payment in payments.iter().take(items) {
            let id = payment["id"].as_str().unwrap().to_owned();
            let bookings = state.bookings.entry(id).or_default();
            let known = match self.kind {
                Kind::Keyed if self.refuses => !bookings.is_empty(),
                Kind::Keyed => {
                    bookings.iter().any(|booking| now.duration_since(booking.at) < SignedDuration::from_mins(5))
                }
                Kind::Upsert => !bookings.is_empty(),
                Kind::Lookup | Kind::Never => false,
            };
            if known && self.kind == Kind::Upsert {
                bookings.iter_mut().for_each(|booking| booking.amount = payment["amount"].clone());
                state.overtaken.remove(payment["id"].as_str().unwrap());
            }
            if !known {
                bookings.push(Booking { amount: payment["amount"].clone(), at: now, due: now + late });
            }
        }
        (201, json!({}))
    }
}

impl Http for Wire {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        Box::pin(self.target.exchange(request, &self.process))
    }
}

fn payments(request: &HttpRequest) -> Vec<Value> {
    let mut body: Value = serde_json::from_slice(request.bytes()).unwrap();
    std::mem::take(body["payments"].as_array_mut().unwrap())
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

/// xorshift64*. Source: Vigna, "An experimental exploration of Marsaglia's xorshift generators".
fn random(state: &mut State) -> u64 {
    state.random ^= state.random >> 12;
    state.random ^= state.random << 25;
    state.random ^= state.random >> 27;
    state.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33
}
