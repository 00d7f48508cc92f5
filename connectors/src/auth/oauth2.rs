//! Tokens of OAuth 2.0. Source: RFC 6749, sections 2.3.1, 4.3 and 4.4; RFC 7523, sections 2.1 and 2.2.

use std::{collections::BTreeMap, time::Duration};

use ferry_contract::{
    failure::{ErrorClass, Failure},
    path::{Document, Path},
    port::{HttpError, HttpRequest, Pass, Seen},
    template::{Template, percent_encoded},
};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{Token, basic, jwt::Claims};
use crate::{
    address::{Address, after},
    connection::Connection,
    limits::TIMEOUT_DEFAULT,
    manifest::{Accept, Assertion, ClientAuth, Grant, OAuth2},
    response::{Answer, Asked, clipped},
};

/// A token's life where the answer does not say it: Salesforce leaves it out.
const LIFE_DEFAULT: Duration = Duration::from_mins(15);

/// What is sent for a token.
pub(super) type Form = Vec<(&'static str, SecretString)>;

impl Connection {
    /// A token from the first address that gives one: asking for it twice is harmless.
    pub(super) async fn fetch_anywhere(&self, pass: &dyn Pass, auth: &OAuth2, number: u64) -> Result<Token, Failure> {
        let mut before = None;
        for address in self.addresses(auth.host(), None)? {
            let asked = match self.form(auth, &address.url) {
                Ok(form) => self.ask_at(pass, auth, &address, form).await,
                Err(failure) => Err(failure),
            };
            match asked {
                Err(failure) if failure.class == ErrorClass::Unavailable => before = Some(after(failure, before)),
                asked => return asked.map(|(answer, asked_at)| token(auth, &answer, asked_at, number)),
            }
        }
        Err(before.unwrap_or_else(|| Failure::new(ErrorClass::Bug, "a token has no address")))
    }

    /// What is given for a form that may be sent once: at the first address, and at no other.
    pub(super) async fn ask_for_token(
        &self,
        pass: &dyn Pass,
        auth: &OAuth2,
        form: Form,
    ) -> Result<(Answer, Timestamp), Failure> {
        let addresses = self.addresses(auth.host(), None)?;
        self.ask_at(pass, auth, &addresses[0], form).await
    }

    async fn ask_at(
        &self,
        pass: &dyn Pass,
        auth: &OAuth2,
        address: &Address,
        form: Form,
    ) -> Result<(Answer, Timestamp), Failure> {
        pass.next(&address.name).await?;
        let answer = self.ask(auth, &address.url, form).await;
        pass.seen(&address.name, seen(answer.as_ref().err())).await;
        answer
    }

    /// Whether a call in this way needs no new token; one that is being fetched counts as none.
    pub(crate) fn has_token(&self, way: usize) -> bool {
        let current = self.tokens[way].current.try_lock();
        current.is_ok_and(|token| token.as_ref().is_some_and(|token| self.lasts(token.expires_at)))
    }

    /// The answer that has a token, and when it was asked for.
    async fn ask(&self, auth: &OAuth2, login: &str, form: Form) -> Result<(Answer, Timestamp), Failure> {
        let asked_at = self.world.clock.now();
        let request = self.token_request(auth, login, form)?;
        let (method, url) = (request.method.clone(), request.url.clone());
        let asked = Asked { method, url, ..Asked::default() };
        let response = self.world.http.send(request).await.map_err(|error| match error {
            HttpError::NotSent(reason) | HttpError::NoAnswer(reason) => self.no_token(no_answer(&reason), &asked, None),
        })?;
        let answer = Answer::read(&response, Accept::Json, asked);
        if has_token(&answer) {
            return Ok((answer, asked_at));
        }
        Err(self.no_token(refused(&answer), &answer.asked, Some(&answer)))
    }

    /// The body has the client's secret.
    fn no_token(&self, failure: Failure, asked: &Asked, answer: Option<&Answer>) -> Failure {
        let mut failure = self.told(failure, asked, answer);
        failure.exchange.iter_mut().for_each(|exchange| exchange.body = Some(Value::from("not kept: it has a secret")));
        failure
    }

    /// What is sent for a token that needs nothing but the connection.
    fn form(&self, auth: &OAuth2, login: &str) -> Result<Form, Failure> {
        let fill = |template| self.filled(template, Some((auth.host(), login)));
        Ok(match &auth.grant {
            Grant::ClientCredentials => vec![("grant_type", "client_credentials".into())],
            Grant::Password { username, password } => {
                vec![("grant_type", "password".into()), ("username", fill(username)?), ("password", fill(password)?)]
            }
            Grant::JwtBearer(signed) => vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".into()),
                ("assertion", self.signed(signed, (auth.host(), login))?),
            ],
            Grant::AuthorizationCode(_) => {
                return Err(Failure::new(ErrorClass::Bug, "a token of a consent comes from its row"));
            }
        })
    }

    /// A text that shows who the client is, for a few minutes.
    fn signed(&self, assertion: &Assertion, login: (&str, &str)) -> Result<SecretString, Failure> {
        let fill = |template: &Template| self.filled(template, Some(login));
        let maybe = |template: &Option<Template>| template.as_ref().map(&fill).transpose();
        let (issuer, audience) = (fill(&assertion.issuer)?, fill(&assertion.audience)?);
        let (subject, key_id) = (maybe(&assertion.subject)?, maybe(&assertion.key_id)?);
        let names = (issuer.expose_secret(), audience.expose_secret());
        let mut claims = Claims::new(names, self.world.clock.now());
        claims.sub = subject.as_ref().map(SecretString::expose_secret);
        claims.scope = assertion.scope.as_deref();
        let key_id = key_id.map(|key_id| key_id.expose_secret().to_owned());
        let text = claims.signed(assertion.algorithm, key_id, fill(&assertion.key)?.expose_secret())?;
        Ok(text.into())
    }

    pub(super) fn token_request(&self, auth: &OAuth2, login: &str, mut form: Form) -> Result<HttpRequest, Failure> {
        let url = self.filled(&auth.token_url, Some((auth.host(), login)))?.expose_secret().to_owned();
        // The page on which a person was asked has named the scope already.
        if auth.consent().is_none() {
            form.extend(auth.scope.clone().map(|scope| ("scope", scope.into())));
        }
        let mut headers = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        let field = |name: &str| self.fields.get(name).cloned().unwrap_or_default();
        let client = (field("client_id"), field("client_secret"));
        match &auth.client {
            ClientAuth::Basic => {
                headers.push(("authorization".to_owned(), basic(&client.0, &client.1).expose_secret().to_owned()));
            }
            ClientAuth::Form => form.extend([("client_id", client.0), ("client_secret", client.1)]),
            ClientAuth::Assertion(assertion) => form.extend([
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into()),
                ("client_assertion", self.signed(assertion, (auth.host(), login))?),
            ]),
            ClientAuth::None => {}
        }
        let form: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value.expose_secret()))).collect();
        let body = Some(form.join("&").into_bytes().into());
        let (timeout, tls) = (TIMEOUT_DEFAULT, self.tls.clone());
        Ok(HttpRequest { method: "POST".to_owned(), url, headers, body, save: None, timeout, tls })
    }
}

/// When the token of an answer ends.
pub(super) fn end_of(answer: &Answer, asked_at: Timestamp) -> Timestamp {
    // Some write the number as a text.
    let seconds = |life: &Value| life.as_u64().or_else(|| life.as_str()?.parse().ok());
    let life = answer.body.get("expires_in").and_then(seconds).map_or(LIFE_DEFAULT, Duration::from_secs);
    let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::from_hours(1));
    asked_at.checked_add(life).unwrap_or(asked_at)
}

fn token(auth: &OAuth2, answer: &Answer, asked_at: Timestamp, number: u64) -> Token {
    let value = answer.body.get("access_token").and_then(Value::as_str).unwrap_or_default();
    Token {
        header: ("authorization".to_owned(), format!("Bearer {value}").into()),
        expires_at: end_of(answer, asked_at),
        hosts: hosts_of(&auth.hosts, answer).collect(),
        claims: BTreeMap::new(),
        number,
    }
}

/// The hosts that an answer names.
pub(super) fn hosts_of<'a>(
    hosts: &'a [(String, Path)],
    answer: &'a Answer,
) -> impl Iterator<Item = (String, String)> + 'a {
    hosts.iter().filter_map(|(name, path)| {
        let url = path.one(Document::Value(&answer.body)).ok()?.as_str()?;
        Some((name.clone(), url.trim_end_matches('/').to_owned()))
    })
}

/// Whether an answer gives a token.
pub(super) fn has_token(answer: &Answer) -> bool {
    answer.status == 200 && answer.body.get("access_token").and_then(Value::as_str).is_some()
}

/// What an exchange showed of those who give tokens.
pub(super) fn seen(failure: Option<&Failure>) -> Seen {
    let retry_after = failure.and_then(|failure| failure.wait_ms).map(Duration::from_millis);
    Seen { class: failure.map(|failure| failure.class), retry_after, levels: Vec::new() }
}

/// Whether it was sent or not, it may be asked for again.
pub(super) fn no_answer(reason: &str) -> Failure {
    Failure::new(ErrorClass::Unavailable, format!("no token: {reason}"))
}

pub(super) fn refused(answer: &Answer) -> Failure {
    let text = |name: &str| answer.body.get(name).and_then(Value::as_str).unwrap_or_default();
    let class = match answer.status {
        400 | 401 | 403 => ErrorClass::Auth,
        429 => ErrorClass::Throttled,
        _ => ErrorClass::Unavailable,
    };
    let message = format!("no token: {} {} {}", answer.status, text("error"), clipped(text("error_description")));
    let code = Some(text("error").to_owned()).filter(|code| !code.is_empty());
    let failure = Failure { code, ..Failure::new(class, message.trim_end()) };
    answer.retry_after(None).map_or(failure.clone(), |wait| failure.after(wait))
}
