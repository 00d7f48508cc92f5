//! What a person allowed in a browser: kept sealed, renewed by one process for all, and noticed when it is withdrawn.
//!
//! A token that renews may be used once: the answer has the next one. So whoever renews says so in the shared row first, keeps
//! what came of it there before anybody uses it, and all others wait for him.
//!
//! Source: RFC 6749, sections 4.1.3, 5.2, 6 and 10.4; RFC 7636; OpenID Connect Core 1.0, sections 2 and 3.1.3.7.

mod sealed;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    path::{Document, Path},
    port::{Boxed, HttpError, HttpRequest, Pass},
};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Token,
    oauth2::{end_of, has_token, hosts_of, no_answer, refused, seen},
};
use crate::{
    connection::{Connection, World},
    limits::{CONSENT_BUSY, CONSENT_LOOK_EVERY, CONSENT_TRIES_MAX, CONSENT_WAIT},
    manifest::{Accept, Consent, OAuth2},
    response::{Answer, Asked},
};

/// Where consents are kept: rows by name, each with a version that counts its changes from 1.
pub trait Consents: Send + Sync {
    /// A row and its version.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn read<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<(u64, Value)>, String>>;

    /// Writes a row whose version is `expected` (0: there is none), durably; gives whether it was that.
    ///
    /// # Errors
    /// Why it cannot be written, in words.
    fn write<'a>(&'a self, name: &'a str, expected: u64, value: Value) -> Boxed<'a, Result<bool, String>>;
}

/// A row: what is kept of a consent. All that is secret is in `sealed`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Row {
    /// The tokens.
    sealed: String,
    /// When it was given.
    granted_at: Timestamp,
    /// Until when somebody is renewing it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    busy_until: Option<Timestamp>,
    /// When it was found to be withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withdrawn_at: Option<Timestamp>,
}

/// The tokens of a consent.
#[derive(Deserialize, Serialize)]
struct Tokens {
    access_token: String,
    expires_at: Timestamp,
    #[serde(default)]
    refresh_token: Option<String>,
    claims: BTreeMap<String, String>,
    /// What the answer said of where calls go.
    #[serde(default)]
    hosts: BTreeMap<String, String>,
}

/// What is in the row, before it is renewed.
struct Held {
    row: Row,
    tokens: Tokens,
}

/// Where an answer says a host, by the host's name.
type Paths = Vec<(String, Path)>;

/// A consent as it stands, without what is secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Standing {
    /// When it was given.
    pub granted_at: Timestamp,
    /// When it was found to be withdrawn.
    pub withdrawn_at: Option<Timestamp>,
}

/// What keeps the consent of one connection. It has all that it needs, so that a renewal goes on where whoever asked for it is gone.
#[derive(Clone)]
struct Keeper {
    consents: Arc<dyn Consents>,
    world: World,
    /// The connection's name, and that of its row.
    connection: String,
    row: String,
    /// What seals it.
    secret: SecretString,
}

impl Keeper {
    /// The row as it is now, and its version.
    async fn read(&self) -> Result<(u64, Option<Row>), Failure> {
        let found = self.consents.read(&self.row).await.map_err(|error| not_kept(&error))?;
        let Some((version, value)) = found else { return Ok((0, None)) };
        let row = serde_json::from_value(value).map_err(|error| not_kept(&error.to_string()))?;
        Ok((version, Some(row)))
    }

    async fn keep(&self, expected: u64, row: &Row) -> Result<bool, Failure> {
        let value = serde_json::to_value(row).map_err(|error| not_kept(&error.to_string()))?;
        self.consents.write(&self.row, expected, value).await.map_err(|error| not_kept(&error))
    }

    /// What came of a renewal must not be lost: the token before it is used up.
    async fn keep_granted(&self, mut version: u64, row: &Row) -> Result<(), Failure> {
        let mut last = Ok(false);
        for _ in 0..CONSENT_TRIES_MAX {
            last = self.keep(version, row).await;
            match &last {
                Ok(true) => return Ok(()),
                Ok(false) => version = self.read().await?.0,
                Err(_) => self.world.clock.sleep(CONSENT_LOOK_EVERY).await,
            }
        }
        let connection = &self.connection;
        tracing::error!(connection, "a renewed token could not be kept; its consent must be given again");
        last.map(|_| ())
    }

    /// Renews, and keeps what came of it before it is used.
    async fn renew(self, request: HttpRequest, paths: Paths, version: u64, held: Held) -> Result<Tokens, Failure> {
        let Held { row, tokens } = held;
        let asked_at = self.world.clock.now();
        let failure = match self.world.http.send(request).await {
            Ok(response) => {
                let answer = Answer::read(&response, Accept::Json, Asked::default());
                if has_token(&answer) {
                    let fresh = tokens_of(&answer, (asked_at, &paths), Some(tokens));
                    let kept = Row { busy_until: None, sealed: self.sealed(&fresh)?, ..row };
                    return self.keep_granted(version, &kept).await.map(|()| fresh);
                }
                refused(&answer)
            }
            Err(HttpError::NotSent(reason) | HttpError::NoAnswer(reason)) => no_answer(&reason),
        };
        if failure.code.as_deref() == Some("invalid_grant") {
            let withdrawn = Row { busy_until: None, withdrawn_at: Some(self.world.clock.now()), ..row };
            self.keep(version, &withdrawn).await?;
            return Err(self.needs_consent("it was withdrawn"));
        }
        self.keep(version, &row).await?;
        Err(failure)
    }

    fn sealed(&self, tokens: &Tokens) -> Result<String, Failure> {
        let text = serde_json::to_string(tokens).map_err(|error| not_kept(&error.to_string()))?;
        sealed::seal(&self.secret, &self.row, text.as_bytes()).ok_or_else(|| not_kept("it cannot be sealed"))
    }

    fn opened(&self, row: &Row) -> Result<Tokens, Failure> {
        let bytes = sealed::open(&self.secret, &self.row, &row.sealed);
        let tokens = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        // Who has another secret of the client than then cannot use its tokens either.
        tokens.ok_or_else(|| self.needs_consent("the client's secret is another one than when it was given"))
    }

    fn needs_consent(&self, why: &str) -> Failure {
        let name = &self.connection;
        let message = format!("`{name}` needs a person's consent ({why}): run `ferry connect {name}`");
        Failure::new(ErrorClass::Unavailable, message).after(CONSENT_WAIT).untried()
    }
}

impl Connection {
    fn keeper(&self) -> Result<Keeper, Failure> {
        let config = |message: &str| Failure::new(ErrorClass::Config, message);
        let name = &self.name;
        let none = "a person's consent is kept in a store, and none is open here";
        let none = format!("{none}: run `ferry connect {name}`, and name its store with `--store`");
        let consents = self.consents.get().ok_or_else(|| config(&none))?;
        let secret = self.fields.get("client_secret").filter(|secret| !secret.expose_secret().is_empty());
        let secret = secret.ok_or_else(|| config("a consent is sealed with `client_secret`, which has no value"))?;
        Ok(Keeper {
            consents: Arc::clone(consents),
            world: self.world.clone(),
            connection: self.name.clone(),
            row: format!("consent/{}/{}", self.name, self.identity()),
            secret: secret.clone(),
        })
    }

    /// How the consent of this connection stands; nothing where none was given.
    ///
    /// # Errors
    /// [`ErrorClass::Config`] where no store is open, [`ErrorClass::Unavailable`] where it cannot be read.
    pub async fn consent(&self) -> Result<Option<Standing>, Failure> {
        let (_, row) = self.keeper()?.read().await?;
        Ok(row.map(|row| Standing { granted_at: row.granted_at, withdrawn_at: row.withdrawn_at }))
    }

    /// A token of what a person has allowed; `refused` is the header that the target refused.
    ///
    /// # Errors
    /// [`ErrorClass::Unavailable`], which waits and uses up no attempt, until somebody gives the consent.
    pub(super) async fn consented(
        &self,
        pass: &dyn Pass,
        auth: &OAuth2,
        refused: Option<&SecretString>,
        number: u64,
    ) -> Result<Token, Failure> {
        self.renewed(pass, auth, refused).await.map(|tokens| token_of(&tokens, number))
    }

    /// The tokens in the row, or new ones for them.
    async fn renewed(&self, pass: &dyn Pass, auth: &OAuth2, refused: Option<&SecretString>) -> Result<Tokens, Failure> {
        let keeper = self.keeper()?;
        for _ in 0..CONSENT_TRIES_MAX {
            let (version, row) = keeper.read().await?;
            let row = row.ok_or_else(|| keeper.needs_consent("nobody has given it"))?;
            if row.withdrawn_at.is_some() {
                return Err(keeper.needs_consent("it was withdrawn"));
            }
            let tokens = keeper.opened(&row)?;
            let now = self.world.clock.now();
            let is_refused = refused.is_some_and(|refused| refused.expose_secret() == bearer(&tokens).expose_secret());
            if self.lasts(tokens.expires_at) && !is_refused {
                return Ok(tokens);
            }
            if row.busy_until.is_some_and(|until| until > now) {
                self.world.clock.sleep(CONSENT_LOOK_EVERY).await;
                continue;
            }
            let busy = Row { busy_until: Some(later(now, CONSENT_BUSY)), ..row.clone() };
            if keeper.keep(version, &busy).await? {
                return self.renew(pass, auth, keeper, (version + 1, Held { row, tokens })).await;
            }
        }
        Err(Failure::new(ErrorClass::Unavailable, "another process renews the token for too long").untried())
    }

    /// Renews in a task of its own: once the token that renews has left, what comes for it is kept, whoever still waits.
    async fn renew(
        &self,
        pass: &dyn Pass,
        auth: &OAuth2,
        keeper: Keeper,
        (version, held): (u64, Held),
    ) -> Result<Tokens, Failure> {
        let Some(refresh) = held.tokens.refresh_token.clone() else {
            return Err(keeper.needs_consent("it has ended, and nothing renews it"));
        };
        let addresses = self.addresses(auth.host(), None)?;
        let address = &addresses[0];
        if let Err(failure) = pass.next(&address.name).await {
            keeper.keep(version, &held.row).await?;
            return Err(failure);
        }
        let form = vec![("grant_type", "refresh_token".into()), ("refresh_token", SecretString::from(refresh))];
        let request = self.token_request(auth, &address.url, form)?;
        let renewal = tokio::spawn(keeper.renew(request, auth.hosts.clone(), version, held)).await;
        let renewed = renewal.unwrap_or_else(|error| Err(Failure::new(ErrorClass::Bug, error.to_string())));
        pass.seen(&address.name, seen(renewed.as_ref().err())).await;
        renewed
    }

    /// Takes the code that a person's browser brought, and keeps what it is worth.
    ///
    /// # Errors
    /// [`ErrorClass::Auth`] where the code is refused, or what came for it is not of this client or this request.
    pub async fn take_code(&self, pass: &dyn Pass, code: Code<'_>) -> Result<BTreeMap<String, String>, Failure> {
        let way =
            self.consent_way().ok_or_else(|| Failure::new(ErrorClass::Config, "nobody is asked for a consent"))?;
        let auth = self.manifest.auth[way].oauth2().expect("a consent is of OAuth 2.0");
        let form = vec![
            ("grant_type", "authorization_code".into()),
            ("code", SecretString::from(code.code)),
            ("redirect_uri", code.redirect_uri.into()),
            ("code_verifier", code.verifier.expose_secret().into()),
        ];
        let (answer, asked_at) = self.ask_for_token(pass, auth, form).await?;
        check_nonce(&answer, code.nonce)?;
        let id_token = answer.body.get("id_token").and_then(Value::as_str);
        let claims = id_token.map(|token| self.claims(auth.consent(), token, asked_at)).transpose()?;
        let fresh = tokens_of(&answer, (asked_at, &auth.hosts), None);
        let tokens = Tokens { claims: claims.unwrap_or_default(), ..fresh };
        let keeper = self.keeper()?;
        let row = Row { sealed: keeper.sealed(&tokens)?, granted_at: asked_at, ..Row::default() };
        keeper.keep_granted(keeper.read().await?.0, &row).await?;
        // What was carried until now is of the consent before.
        self.tokens[way].current.lock().await.iter_mut().for_each(Token::end);
        Ok(tokens.claims)
    }

    /// What the manifest wants of the claims of a token. It came from the token endpoint itself over TLS, so its signature adds
    /// nothing; that it is for us, and has not ended, does.
    fn claims(
        &self,
        consent: Option<&Consent>,
        token: &str,
        now: Timestamp,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let wrong = |what: &str| Failure::new(ErrorClass::Auth, format!("the id_token {what}"));
        let body = token_body(token).ok_or_else(|| wrong("cannot be read"))?;
        let client = self.fields.get("client_id").map(SecretString::expose_secret).unwrap_or_default();
        let is_ours = match &body["aud"] {
            Value::Array(all) => all.iter().any(|one| one == client),
            one => one == client,
        };
        if !is_ours {
            return Err(wrong("is for another client"));
        }
        if body["exp"].as_i64().is_none_or(|ends| ends <= now.as_second()) {
            return Err(wrong("has ended"));
        }
        let wanted = consent.into_iter().flat_map(|consent| &consent.claims);
        let found = |(name, path): &(String, Path)| {
            let value = path.one(Document::Value(&body)).map_err(|_| wrong(&format!("has no `{name}`")))?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Ok((name.clone(), text))
        };
        wanted.map(found).collect()
    }
}

/// What a browser brought back from the page on which a person was asked.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// The code.
    pub code: &'a str,
    /// The address that it was sent to.
    pub redirect_uri: &'a str,
    /// What proves that we asked (RFC 7636).
    pub verifier: &'a SecretString,
    /// What the token must say again, where it says one.
    pub nonce: &'a str,
}

/// The tokens in an answer. What it leaves out stays as it was: not all give another token that renews, or say again where
/// calls go; whose account it is does not change.
fn tokens_of(answer: &Answer, (asked_at, hosts): (Timestamp, &Paths), before: Option<Tokens>) -> Tokens {
    let text = |name: &str| answer.body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (claims, refresh_token, mut known) =
        before.map_or_else(Default::default, |tokens| (tokens.claims, tokens.refresh_token, tokens.hosts));
    known.extend(hosts_of(hosts, answer));
    Tokens {
        access_token: text("access_token").unwrap_or_default(),
        expires_at: end_of(answer, asked_at),
        refresh_token: text("refresh_token").or(refresh_token),
        claims,
        hosts: known,
    }
}

fn token_of(tokens: &Tokens, number: u64) -> Token {
    Token {
        header: ("authorization".to_owned(), bearer(tokens)),
        expires_at: tokens.expires_at,
        hosts: tokens.hosts.clone(),
        claims: tokens.claims.clone(),
        number,
    }
}

fn check_nonce(answer: &Answer, nonce: &str) -> Result<(), Failure> {
    let said = answer.body["id_token"].as_str().and_then(token_body).map(|body| body["nonce"].clone());
    match said {
        // A provider that does not know nonces leaves it out.
        Some(Value::String(said)) if said != nonce => {
            Err(Failure::new(ErrorClass::Auth, "the id_token is the answer to another request"))
        }
        Some(_) | None => Ok(()),
    }
}

fn bearer(tokens: &Tokens) -> SecretString {
    format!("Bearer {}", tokens.access_token).into()
}

fn token_body(token: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(at)
}

fn not_kept(error: &str) -> Failure {
    Failure::new(ErrorClass::Unavailable, format!("the consent cannot be read or kept: {error}")).untried()
}
