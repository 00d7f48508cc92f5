//! All targets of a test: they answer what its mocks say, and keep what they were asked.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ferry_connectors::stand_in::StandIn;
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::{Boxed, Clock as _, Http, HttpError, HttpRequest, HttpResponse},
};
use ferry_core::testing::{Made, Mock};
use serde_json::Value;

use super::clock::VirtualClock;

/// A call that no mock answers.
#[derive(Clone, Debug)]
pub struct Unmocked {
    /// `connection.action`.
    pub action: String,
    /// Its input.
    pub input: Value,
    /// Whether there are answers, and all of them are for another input.
    pub is_mocked_otherwise: bool,
}

/// The targets of one test.
pub(super) struct Targets {
    mocks: Vec<Mock>,
    clock: VirtualClock,
    told: Mutex<Told>,
}

/// What the targets were asked.
#[derive(Default)]
pub(super) struct Told {
    pub(super) calls: Vec<Made>,
    pub(super) unmocked: Vec<Unmocked>,
    /// By mock, how often each of its answers was given.
    used: Vec<Vec<usize>>,
}

impl Told {
    /// The mocks that were asked, by their number.
    pub(super) fn asked(&self) -> BTreeSet<usize> {
        let asked = |(_, used): &(usize, &Vec<usize>)| used.iter().any(|times| *times > 0);
        self.used.iter().enumerate().filter(asked).map(|(number, _)| number).collect()
    }
}

impl Targets {
    pub(super) fn new(mocks: Vec<Mock>, clock: VirtualClock) -> Self {
        let used = mocks.iter().map(|_| Vec::new()).collect();
        Self { mocks, clock, told: Mutex::new(Told { used, ..Told::default() }) }
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, action: &str, input: &Value, told: &mut Told) -> Result<Value, Failure> {
        let found = self.mocks.iter().position(|mock| mock.action.value == action);
        let answer = found.and_then(|found| self.mocks[found].answer(input, &mut told.used[found]));
        match answer {
            Some(answer) => answer.result(),
            None => {
                let (action, input) = (action.to_owned(), input.clone());
                let failure = Failure::new(ErrorClass::Bug, format!("no mock of the test answers `{action}`"));
                told.unmocked.push(Unmocked { action, input, is_mocked_otherwise: found.is_some() });
                Err(failure)
            }
        }
    }
}

impl StandIn for Targets {
    fn answer(&self, connection: &str, action: &str, input: &Value) -> Result<Value, Failure> {
        let action = format!("{connection}.{action}");
        let mut told = self.told();
        let answer = self.answered(&action, input, &mut told);
        let failed = answer.as_ref().err().map(|failure| failure.class);
        told.calls.push(Made { at: self.clock.now(), action, input: input.clone(), failed });
        answer
    }
}

/// The network of a test: there is none.
pub(super) struct NoNetwork;

impl Http for NoNetwork {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
        let refused = HttpError::NotSent(format!("a test has no network, and this would be sent: {request:?}"));
        Box::pin(std::future::ready(Err(refused)))
    }
}
