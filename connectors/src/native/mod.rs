//! What no request over HTTP can say: databases, files, mail. A manifest names one with `native` in the place of a path.
//!
//! A native makes one exchange for one call, and says itself what came of it: nothing here knows when a call may be
//! repeated.

use std::{fmt, time::Duration};

use ferry_contract::{
    expression::Scope,
    failure::{ErrorClass, Failure},
    path::Document,
    port::{Boxed, Pass},
    script::Named,
};
use serde_json::Value;

use crate::{
    budget,
    call::too_late,
    connection::Connection,
    manifest::Call,
    request::{Gate, Prepared},
};

/// All of them.
const NATIVES: &[&dyn Native] = &[];

/// One exchange to make.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// As whom, and with which settings.
    pub connection: &'a Connection,
    /// Where: the host of the action, as its environment has it.
    pub address: &'a str,
    /// The action's input, which fits its schema.
    pub input: &'a Value,
    /// Real time until the whole answer is there.
    pub timeout: Duration,
    /// Whether it may still go. A native that writes asks immediately before it does.
    pub gate: Option<&'a Gate>,
}

impl Work<'_> {
    /// Whether it may still write.
    pub fn may_go(&self) -> bool {
        self.gate.is_none_or(Gate::is_open)
    }
}

/// A protocol of its own.
pub trait Native: fmt::Debug + Sync {
    /// The name that manifests use.
    fn name(&self) -> &'static str;

    /// Makes the exchange, once; what it gives is what the action's `result` reads.
    ///
    /// # Errors
    /// What came of it: `unavailable` only where nothing was done, `unknown` where nobody can say.
    fn call<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Result<Value, Failure>>;
}

impl Connection {
    /// Makes the one exchange of a call that is none of HTTP.
    pub(crate) async fn send_native(
        &self,
        pass: &dyn Pass,
        (call, native): (&Call, &dyn Native),
        prepared: &Prepared,
    ) -> Result<Value, Failure> {
        let addresses = self.addresses(&call.request.host, None)?;
        let address = &addresses[0];
        pass.next(&address.name).await?;
        let work = Work {
            connection: self,
            address: &address.url,
            input: &prepared.input,
            timeout: call.timeout,
            gate: prepared.gate.as_ref(),
        };
        let given = if work.may_go() { native.call(work).await } else { Err(too_late()) };
        let class = given.as_ref().err().map(|failure| failure.class);
        pass.seen(&address.name, budget::seen(self, class, None)).await;
        let mask = self.mask(&prepared.sensitive);
        let body = given.map_err(|failure| Failure { message: mask.text(&failure.message), ..failure })?;
        let scope = Scope { rules: &self.rules, document: Document::Value(&body), names: &Named(&[("body", &body)]) };
        call.result.eval(scope).map_err(|error| Failure::new(ErrorClass::Unknown, error.to_string()))
    }
}

/// The native of that name.
pub fn named(name: &str) -> Option<&'static dyn Native> {
    NATIVES.iter().copied().find(|native| native.name() == name)
}

/// The names of all.
pub fn names() -> Vec<&'static str> {
    NATIVES.iter().map(|native| native.name()).collect()
}
