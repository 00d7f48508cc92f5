//! What people let the client do: a page that asks them, codes, and tokens that renew.
//!
//! Source: RFC 6749, sections 4.1, 5 and 6; RFC 7636 (`S256` only); RFC 7009. A refresh token that rotates is good for one use:
//! whoever shows an old one again ends the whole consent, because one of the two who have it is a thief.

mod page;

use std::collections::BTreeMap;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::access::{self, Denied, InForm};
use crate::clock;
use crate::random::Random;
use crate::wire::{Answer, Request};
use page::Asked;

/// How a system gives what people allow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Its name, for people.
    pub(crate) title: &'static str,
    /// What a client gets that names no scope.
    pub(crate) scope: &'static str,
    /// Where the client's secret may be.
    pub(crate) client: InForm,
    /// The lives of a code, of the token of a call, and of the one that renews it, in seconds of the sandbox.
    pub(crate) code_s: u64,
    /// See `code_s`.
    pub(crate) access_s: u64,
    /// See `code_s`.
    pub(crate) refresh_s: u64,
}

/// Who is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder<'a> {
    /// His account.
    pub(crate) id: &'a str,
    /// Whether there is such an account.
    pub(crate) is_known: bool,
    /// What the browser tells the client of him, beside the code.
    pub(crate) said: &'a [(&'static str, &'a str)],
}

/// The consents that people have given to one system.
#[derive(Debug)]
pub(crate) struct Consents {
    manner: Manner,
    random: Random,
    is_automatic: bool,
    is_rotating: bool,
    consents: Vec<Consent>,
    codes: BTreeMap<String, Code>,
    access: BTreeMap<String, Issued>,
    refresh: BTreeMap<String, Issued>,
}

/// One person's yes, and everything that came of it.
#[derive(Debug)]
pub(crate) struct Consent {
    /// Whose it is.
    pub(crate) holder: String,
    /// What it allows.
    pub(crate) scope: String,
    /// When it was given.
    pub(crate) given: Timestamp,
    is_withdrawn: bool,
}

#[derive(Debug)]
struct Code {
    asked: Asked,
    until: Timestamp,
    /// The consent that it was used for.
    consent: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Issued {
    consent: usize,
    until: Timestamp,
    is_used: bool,
}

/// What a client gets for a code, or for a token that renews.
#[derive(Debug)]
pub(crate) struct Granted<'a> {
    /// The token of its calls.
    pub(crate) access: String,
    /// The one that renews it, where it is another one than before.
    pub(crate) refresh: Option<String>,
    /// What it came of.
    pub(crate) consent: &'a Consent,
}

/// What the token of a call is worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Worth<'a> {
    /// It opens this account.
    Opens(&'a str),
    /// Its holder has withdrawn his consent.
    Withdrawn,
    /// It was issued to nobody, or has expired.
    Nothing,
}

impl Consents {
    /// Starts with none; each has to be asked for.
    pub(crate) fn new(seed: u64, manner: Manner) -> Self {
        Self {
            manner,
            random: Random::of(seed, "consents"),
            is_automatic: false,
            is_rotating: true,
            consents: Vec::new(),
            codes: BTreeMap::new(),
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
        }
    }

    /// Says yes for everyone who is asked from now on, or leaves it to a person.
    pub(crate) fn set_automatic(&mut self, is_automatic: bool) {
        self.is_automatic = is_automatic;
    }

    /// Whether each renewal brings another token that renews; else the first one stays.
    pub(crate) fn set_rotating(&mut self, is_rotating: bool) {
        self.is_rotating = is_rotating;
    }

    /// Withdraws every consent of an account; says how many there were.
    pub(crate) fn withdraw(&mut self, holder: &str) -> usize {
        let own = self.consents.iter_mut().filter(|consent| consent.holder == holder && !consent.is_withdrawn);
        own.map(|consent| consent.is_withdrawn = true).count()
    }

    /// Ends the tokens of calls; what renews them stays.
    pub(crate) fn log_out(&mut self) {
        self.access.clear();
    }

    /// Says what a token is worth.
    pub(crate) fn worth(&self, token: &str, now: Timestamp) -> Worth<'_> {
        let issued = self.access.get(token).filter(|issued| issued.until > now);
        match issued.map(|issued| &self.consents[issued.consent]) {
            Some(consent) if consent.is_withdrawn => Worth::Withdrawn,
            Some(consent) => Worth::Opens(&consent.holder),
            None => Worth::Nothing,
        }
    }

    /// Asks a person, in a page; or sends his browser back with an answer.
    pub(crate) fn authorize(&mut self, request: &Request, holder: Holder<'_>, now: Timestamp) -> Answer {
        let asked = match Asked::read(request, self.manner, holder) {
            Ok(asked) => asked,
            Err(answer) => return answer,
        };
        let is_posted = request.method == Method::POST;
        let says = |word: &str| request.form().iter().any(|(name, _)| name == word);
        if is_posted && says("deny") {
            return asked.back(&[("error", "access_denied"), ("error_description", "the account holder said no")]);
        }
        let is_said = is_posted && says("allow");
        if is_said || self.is_automatic || request.parameter("consent") == Some("auto") {
            let code = self.secret(now);
            let said: Vec<_> = [("code", code.as_str())].into_iter().chain(holder.said.iter().copied()).collect();
            let back = asked.back(&said);
            let until = clock::add_ms(now, self.manner.code_s * 1_000);
            self.codes.insert(code, Code { asked, until, consent: None });
            return back;
        }
        asked.page(self.manner.title)
    }

    /// Gives tokens for a code or for a token that renews; `None` where the request is for another grant.
    pub(crate) fn token(&mut self, request: &Request, now: Timestamp) -> Option<Result<Granted<'_>, Denied>> {
        let form = request.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let grant = field("grant_type").filter(|_| request.method == Method::POST)?;
        if !["authorization_code", "refresh_token"].contains(&grant) {
            return None;
        }
        if !access::is_client(request, self.manner.client) {
            return Some(Err(Denied::Client));
        }
        let granted = match grant {
            "authorization_code" => self.redeem(field("code").unwrap_or_default(), &field, now).map(|it| (it, true)),
            _ => self.renew(field("refresh_token").unwrap_or_default(), now).map(|it| (it, self.is_rotating)),
        };
        Some(granted.map(|(consent, is_another)| self.issue(consent, is_another, now)).map_err(Denied::Given))
    }

    /// Takes a token back, and the consent with one that renews; says whether it was known.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        let renews = self.refresh.get(token).map(|issued| issued.consent);
        renews.into_iter().for_each(|consent| self.consents[consent].is_withdrawn = true);
        self.access.remove(token).is_some() || renews.is_some()
    }

    /// The consent that a code stands for, once.
    fn redeem<'f>(
        &mut self,
        code: &str,
        field: &impl Fn(&str) -> Option<&'f str>,
        now: Timestamp,
    ) -> Result<usize, &'static str> {
        let known = self.codes.get_mut(code).ok_or("the code is not known")?;
        if let Some(consent) = known.consent {
            self.consents[consent].is_withdrawn = true;
            return Err("the code was used before, so all that it gave is revoked");
        }
        if known.until <= now {
            return Err("the code has expired");
        }
        if field("redirect_uri") != Some(known.asked.redirect_uri.as_str()) {
            return Err("`redirect_uri` is not the one that was authorized");
        }
        let challenged = field("code_verifier").map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
        if known.asked.challenge.is_some() && known.asked.challenge != challenged {
            return Err("`code_verifier` does not fit the `code_challenge`");
        }
        let number = self.consents.len();
        known.consent = Some(number);
        let (holder, scope) = (known.asked.holder.clone(), known.asked.scope.clone());
        self.consents.push(Consent { holder, scope, given: now, is_withdrawn: false });
        Ok(number)
    }

    /// The consent that a token stands for, which is used up by that where tokens rotate.
    fn renew(&mut self, token: &str, now: Timestamp) -> Result<usize, &'static str> {
        let issued = self.refresh.get_mut(token).ok_or("the refresh token is not known")?;
        let consent = &mut self.consents[issued.consent];
        if consent.is_withdrawn {
            return Err("the account holder has withdrawn his consent");
        }
        if issued.is_used {
            consent.is_withdrawn = true;
            return Err("the refresh token was used before, so the consent is revoked");
        }
        if issued.until <= now {
            return Err("the refresh token has expired");
        }
        issued.is_used = self.is_rotating;
        Ok(issued.consent)
    }

    fn issue(&mut self, consent: usize, is_another: bool, now: Timestamp) -> Granted<'_> {
        let until = |life_s: u64| clock::add_ms(now, life_s * 1_000);
        let issued = |life_s: u64| Issued { consent, until: until(life_s), is_used: false };
        self.access.retain(|_, issued| issued.until > now);
        let access = self.secret(now);
        self.access.insert(access.clone(), issued(self.manner.access_s));
        let refresh = is_another.then(|| self.secret(now));
        self.refresh.extend(refresh.iter().map(|token| (token.clone(), issued(self.manner.refresh_s))));
        Granted { access, refresh, consent: &self.consents[consent] }
    }

    /// A text that nobody guesses; the time is part of it, as in those of the application.
    fn secret(&mut self, now: Timestamp) -> String {
        format!("{:016x}{:016x}", now.as_millisecond(), self.random.draw())
    }
}
