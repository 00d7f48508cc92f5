//! Which address of a host a request goes to: the first, and the next where nothing was sent to the one before.
//!
//! A read may also go on after an answer that says nothing, because a repeat of it is harmless. A write never does: it
//! may have been done. All addresses are doors of one system, so what is known of a call does not depend on them.

use std::collections::BTreeMap;

use ferry_contract::{
    catalog::Effect,
    failure::{ErrorClass, Failure},
    host,
    port::Pass,
};
use serde_json::Value;

use crate::{auth::Token, call::Exchanged, connection::Connection, manifest::Auth, request::Prepared};

/// One address of a host.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// What the gate calls it.
    pub(crate) name: String,
    /// Where it is, without a slash at its end.
    pub(crate) url: String,
}

/// The addresses of its host that a request may go to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    /// The first one: a write of which nothing can tell whether it was done.
    First,
    /// Each in its turn, until one is reached.
    Any,
    /// This one.
    Only(usize),
}

impl Reach {
    /// Those of a host's addresses that are meant.
    pub(crate) fn of(self, all: &[Address]) -> &[Address] {
        match self {
            Self::Any => all,
            Self::First => all.get(..1).unwrap_or_default(),
            Self::Only(index) => all.get(index..=index).unwrap_or_default(),
        }
    }
}

impl Connection {
    /// Goes to further addresses of its system, in their order, where the first one cannot be reached. It leads where it
    /// did: its identity stays.
    ///
    /// # Errors
    /// [`ErrorClass::Config`] for a host that its environment does not have or that a token names, or an address that is
    /// none, is there twice, or is open where the others are encrypted.
    pub fn with_fallback(mut self, fallback: BTreeMap<String, Vec<String>>) -> Result<Self, Failure> {
        let config =
            |message: String| Failure::new(ErrorClass::Config, format!("connection `{}`: {message}", self.name));
        for (host, urls) in fallback {
            let Some(first) = self.hosts.get(&host) else {
                return Err(config(format!("`fallback`: its environment has no address `{host}`")));
            };
            // Else a look-up would ask at addresses that no call goes to, and be answered by none of them.
            let tokens = self.manifest.auth.iter().filter_map(Auth::oauth2);
            if tokens.flat_map(|auth| &auth.hosts).any(|(named, _)| *named == host) {
                return Err(config(format!("`fallback.{host}`: a token names `{host}`, so it has no further address")));
            }
            let first = first.trim_end_matches('/').to_owned();
            let mut known = vec![first.as_str()];
            for (index, url) in urls.iter().enumerate() {
                let url = url.trim_end_matches('/');
                self.check_address(url, &known)
                    .map_err(|wrong| config(format!("`fallback.{host}[{index}]` {wrong}")))?;
                known.push(url);
            }
            let address = |url: &&str| Address { name: format!("{host} {url}"), url: (*url).to_owned() };
            let further = known[1..].iter().map(address).collect();
            self.fallback.insert(host, further);
        }
        Ok(self)
    }

    /// What is wrong with a further address, beside those before it. It is not shown: it may have come out of a secret.
    fn check_address(&self, url: &str, known: &[&str]) -> Result<(), String> {
        if !host::is_address(url) {
            return Err("is no address: it must be a scheme, a host and perhaps a path, and nothing else".to_owned());
        }
        if known.contains(&url) {
            return Err("is an address that stands before it, so it would be tried twice".to_owned());
        }
        if url.starts_with("http://") && !self.is_open() {
            return Err(format!("is not encrypted, and `{}` is", known[0]));
        }
        Ok(())
    }

    /// Whether its own addresses are plain ones, on this machine.
    pub(crate) fn is_open(&self) -> bool {
        self.hosts.values().all(|url| url.starts_with("http://"))
    }

    /// The addresses of a host, in their order; one at least.
    ///
    /// # Errors
    /// [`ErrorClass::Config`] where there is none, or a token leads to one that is not encrypted.
    pub(crate) fn addresses(&self, host: &str, token: Option<&Token>) -> Result<Vec<Address>, Failure> {
        let first = token.and_then(|token| token.hosts.get(host)).or_else(|| self.hosts.get(host));
        let first = first.ok_or_else(|| Failure::new(ErrorClass::Config, format!("there is no host `{host}`")))?;
        // A token's answer must not lead us from an encrypted connection to an open one.
        if first.starts_with("http://") && !self.is_open() {
            return Err(Failure::new(ErrorClass::Config, format!("the host `{host}` is not encrypted: {first}")));
        }
        let first = Address { name: host.to_owned(), url: first.trim_end_matches('/').to_owned() };
        Ok(std::iter::once(first).chain(self.fallback.get(host).into_iter().flatten().cloned()).collect())
    }

    /// Where calls of an action may go.
    pub(crate) fn reach(&self, action: &str) -> Reach {
        let effect = self.manifest.connector.actions.get(action).map(|action| &action.effect);
        if effect.is_some_and(Effect::may_go_elsewhere) { Reach::Any } else { Reach::First }
    }

    /// What the gate calls the addresses of a host that may be gone to.
    pub(crate) fn names_of(&self, host: &str, reach: Reach) -> Vec<String> {
        let further = self.fallback.get(host).into_iter().flatten().filter(|_| reach == Reach::Any);
        std::iter::once(host.to_owned()).chain(further.map(|address| address.name.clone())).collect()
    }

    /// Asks whether a write has arrived. That it has not is said by all addresses of the system or by none: one that
    /// cannot be asked, or does not know yet, must not have a payout sent again.
    ///
    /// # Errors
    /// The failure of the look-up; of class `absent`, where no address has it.
    pub async fn look_up(
        &self,
        pass: &dyn Pass,
        action: &str,
        question: &Prepared,
        absent: ErrorClass,
    ) -> Result<Value, Failure> {
        let host = &self.action(action)?.request.host;
        let count = if self.stand_in.is_some() { 1 } else { self.names_of(host, Reach::Any).len() };
        let mut failed: Option<Failure> = None;
        for index in 0..count {
            let reach = if count == 1 { Reach::Any } else { Reach::Only(index) };
            let question = Prepared { reach, ..question.clone() };
            let none = || Err(Failure::new(ErrorClass::Bug, "a call without a result"));
            match self.send(pass, action, &[&question]).await.pop().unwrap_or_else(none) {
                Ok(found) => return Ok(found),
                // What says least about the write is what is known of it.
                Err(failure) if failed.as_ref().is_none_or(|before| before.class == absent) => failed = Some(failure),
                Err(_) => {}
            }
        }
        Err(failed.unwrap_or_else(|| Failure::new(ErrorClass::Bug, "nothing was asked")))
    }
}

/// Whether the next address is tried after what came of one.
pub(crate) fn is_next(exchanged: &Exchanged, is_write: bool, was_sent: bool) -> bool {
    let says_nothing = |class: ErrorClass| matches!(class, ErrorClass::Unavailable | ErrorClass::Unknown);
    match exchanged {
        Err(failure) if !was_sent => failure.class == ErrorClass::Unavailable,
        Err(failure) => !is_write && says_nothing(failure.class),
        Ok((answer, Err(refusal))) => !is_write && answer.status >= 500 && says_nothing(refusal.failure.class),
        Ok((_, Ok(_))) => false,
    }
}

/// The failure at the last address, with that at the one before.
pub(crate) fn after(failure: Failure, before: Option<Failure>) -> Failure {
    let Some(before) = before else { return failure };
    let message = format!("{}; at the address before it: {}", failure.message, before.message);
    Failure { message, ..failure }
}

/// The path of a next page. It may be absolute, but never lead to a host that is not ours: it would take our token along.
///
/// # Errors
/// [`ErrorClass::Bug`] where it does.
pub(crate) fn path_of<'t>(target: &'t str, ours: &[Address]) -> Result<&'t str, Failure> {
    if target.starts_with('/') {
        return Ok(target);
    }
    let inside = |address: &Address| target.strip_prefix(&address.url).filter(|rest| rest.starts_with('/'));
    let path = ours.iter().find_map(inside);
    path.ok_or_else(|| Failure::new(ErrorClass::Bug, "the next page is on another host"))
}
