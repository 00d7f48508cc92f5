//! OAuth 2.0 client credentials. Source: RFC 6749, sections 2.3.1 and 4.4.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    path::Document,
    port::{HttpError, HttpRequest, Pass, Seen},
    template::{Escape, percent_encoded},
};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::Token;
use crate::{
    address::after,
    connection::Connection,
    limits::{TIMEOUT_DEFAULT, TOKEN_MARGIN},
    manifest::{ClientAuth, OAuth2},
    response::{Answer, Asked, clipped},
};

/// A token's life where the answer does not say it: Salesforce leaves it out.
const LIFE_DEFAULT: Duration = Duration::from_mins(15);

impl Connection {
    /// The token that is valid now; `stale` is the number of one that the target refused.
    ///
    /// # Errors
    /// [`ErrorClass::Auth`] where the credentials are refused, [`ErrorClass::Unavailable`] where no
    /// token came: the call itself was not sent.
    pub(crate) async fn token(&self, pass: &dyn Pass, stale: Option<u64>) -> Result<Option<Token>, Failure> {
        let Some(auth) = &self.manifest.auth else { return Ok(None) };
        let mut current = self.tokens.current.lock().await;
        let usable = current.as_ref().filter(|token| self.is_fresh(token) && Some(token.number) != stale);
        if let Some(token) = usable {
            return Ok(Some(token.clone()));
        }
        let number = current.as_ref().map_or(0, |token| token.number) + 1;
        let token = self.fetch_anywhere(pass, auth, number).await?;
        *current = Some(token.clone());
        Ok(Some(token))
    }

    /// A token from the first address that gives one: asking for it twice is harmless.
    async fn fetch_anywhere(&self, pass: &dyn Pass, auth: &OAuth2, number: u64) -> Result<Token, Failure> {
        let mut before = None;
        for address in self.addresses(auth.host(), None)? {
            let token = match pass.next(&address.name).await {
                Ok(()) => {
                    let token = self.fetch(auth, number, &address.url).await;
                    let class = token.as_ref().err().map(|failure| failure.class);
                    let wait_ms = token.as_ref().err().and_then(|failure| failure.wait_ms);
                    let seen = Seen { class, retry_after: wait_ms.map(Duration::from_millis), levels: Vec::new() };
                    pass.seen(&address.name, seen).await;
                    token
                }
                Err(failure) => Err(failure),
            };
            match token {
                Err(failure) if failure.class == ErrorClass::Unavailable => before = Some(after(failure, before)),
                token => return token,
            }
        }
        Err(before.unwrap_or_else(|| Failure::new(ErrorClass::Bug, "a token has no address")))
    }

    /// Whether a call needs no new token; one that is being fetched counts as none.
    pub(crate) fn has_token(&self) -> bool {
        self.tokens.current.try_lock().is_ok_and(|token| token.as_ref().is_some_and(|token| self.is_fresh(token)))
    }

    fn is_fresh(&self, token: &Token) -> bool {
        let until = self.world.clock.now() + SignedDuration::try_from(TOKEN_MARGIN).expect("30 s fit");
        token.expires_at > until
    }

    async fn fetch(&self, auth: &OAuth2, number: u64, login: &str) -> Result<Token, Failure> {
        let asked_at = self.world.clock.now();
        let request = self.token_request(auth, login)?;
        let asked = Asked { method: request.method.clone(), url: request.url.clone(), sensitive: Vec::new() };
        let response = self.world.http.send(request).await.map_err(|error| match error {
            HttpError::NotSent(reason) | HttpError::NoAnswer(reason) => {
                self.no_token(Failure::new(ErrorClass::Unavailable, format!("no token: {reason}")), &asked, None)
            }
        })?;
        let answer = Answer::read(&response, asked);
        let text = |name: &str| answer.body.get(name).and_then(Value::as_str);
        let Some(value) = text("access_token").filter(|_| answer.status == 200) else {
            return Err(self.no_token(refused(&answer), &answer.asked, Some(&answer)));
        };
        let life = answer.body.get("expires_in").and_then(Value::as_u64).map_or(LIFE_DEFAULT, Duration::from_secs);
        let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::from_hours(1));
        let hosts = auth.hosts.iter().filter_map(|(name, path)| {
            Some((
                name.clone(),
                path.one(Document::Value(&answer.body)).ok()?.as_str()?.trim_end_matches('/').to_owned(),
            ))
        });
        Ok(Token {
            value: SecretString::from(value.to_owned()),
            expires_at: asked_at.checked_add(life).unwrap_or(asked_at),
            hosts: hosts.collect::<BTreeMap<_, _>>(),
            number,
        })
    }

    /// The body has the client's secret.
    fn no_token(&self, failure: Failure, asked: &Asked, answer: Option<&Answer>) -> Failure {
        let mut failure = self.told(failure, asked, answer);
        failure.exchange.iter_mut().for_each(|exchange| exchange.body = Some(Value::from("not kept: it has a secret")));
        failure
    }

    fn token_request(&self, auth: &OAuth2, login: &str) -> Result<HttpRequest, Failure> {
        let own = |name: &str| (name == auth.host()).then_some(login);
        let host = |name: &str| own(name).or_else(|| self.hosts.get(name).map(String::as_str));
        let url = auth.token_url.render(Document::Value(&Value::Null), &host, Escape::None);
        let url = url.map_err(|message| Failure::new(ErrorClass::Config, message))?;
        let field = |name: &str| self.fields.get(name).map_or("", |value| value.expose_secret());
        let mut form = vec![("grant_type", "client_credentials".to_owned())];
        form.extend(auth.scope.clone().map(|scope| ("scope", scope)));
        let mut headers = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        match auth.client {
            ClientAuth::Basic => {
                let credentials = STANDARD.encode(format!("{}:{}", field("client_id"), field("client_secret")));
                headers.push(("authorization".to_owned(), format!("Basic {credentials}")));
            }
            ClientAuth::Form => {
                form.push(("client_id", field("client_id").to_owned()));
                form.push(("client_secret", field("client_secret").to_owned()));
            }
        }
        let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        let body = Some(form.join("&").into_bytes());
        Ok(HttpRequest { method: "POST".to_owned(), url, headers, body, timeout: TIMEOUT_DEFAULT })
    }
}

fn refused(answer: &Answer) -> Failure {
    let text = |name: &str| answer.body.get(name).and_then(Value::as_str).unwrap_or_default();
    let class = match answer.status {
        400 | 401 | 403 => ErrorClass::Auth,
        429 => ErrorClass::Throttled,
        _ => ErrorClass::Unavailable,
    };
    let message = format!("no token: {} {} {}", answer.status, text("error"), clipped(text("error_description")));
    let failure = Failure::new(class, message.trim_end());
    answer.retry_after(None).map_or(failure.clone(), |wait| failure.after(wait))
}
