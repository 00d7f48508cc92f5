//! Who we are: what each request carries; a token is fetched once for all calls that wait for it.

mod consent;
mod jwt;
mod oauth2;

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    path::Document,
    port::Pass,
    template::{Escape, Template, percent_encoded},
};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

pub use consent::{Code, Consents, Standing};

use crate::{
    connection::Connection,
    limits::TOKEN_MARGIN,
    manifest::{Auth, Call, OAuth2},
    request,
};

/// What requests carry, until when, and the hosts that came with it.
#[derive(Clone)]
pub(crate) struct Token {
    /// A header's name, in lower case, and its value.
    pub(crate) header: (String, SecretString),
    pub(crate) expires_at: Timestamp,
    pub(crate) hosts: BTreeMap<String, String>,
    /// What is known of the person whose consent it is, as paths of requests name it.
    pub(crate) claims: BTreeMap<String, String>,
    /// Counts the tokens of this cache, so that two calls that got the same refusal renew it once.
    pub(crate) number: u64,
}

/// The one token of a way to log in. The lock is held while it is fetched: whoever else needs it waits.
#[derive(Default)]
pub(crate) struct TokenCache {
    pub(crate) current: Mutex<Option<Token>>,
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCache")
    }
}

impl Connection {
    /// Fetches a token, where the connection takes one; gives whether it does. What is sent with each call itself can be
    /// tried only by a call.
    ///
    /// # Errors
    /// Those of a login.
    pub async fn log_in(&self, pass: &dyn Pass) -> Result<bool, Failure> {
        self.token(pass, self.way, None).await?;
        Ok(self.oauth2(self.way).is_some())
    }

    /// What requests carry now; `stale` is the number of a token that the target refused.
    ///
    /// # Errors
    /// [`ErrorClass::Auth`] where the credentials are refused, [`ErrorClass::Unavailable`] where no
    /// token came: the call itself was not sent.
    pub(crate) async fn token(
        &self,
        pass: &dyn Pass,
        way: Option<usize>,
        stale: Option<u64>,
    ) -> Result<Option<Token>, Failure> {
        let Some(way) = way else { return Ok(None) };
        let header = match self.manifest.auth.get(way) {
            None => return Ok(None),
            Some(Auth::OAuth2(auth)) => return self.cached(pass, (way, auth), stale).await.map(Some),
            Some(Auth::ApiKey { header, value }) => {
                let header = self.filled(header, None)?.expose_secret().to_ascii_lowercase();
                if !request::is_header(&header) {
                    let message = format!("`{header}` is no header that can say who we are");
                    return Err(Failure::new(ErrorClass::Config, message));
                }
                (header, self.filled(value, None)?)
            }
            Some(Auth::Basic { username, password }) => {
                ("authorization".to_owned(), basic(&self.filled(username, None)?, &self.filled(password, None)?))
            }
        };
        Ok(Some(Token {
            header,
            expires_at: Timestamp::MAX,
            hosts: BTreeMap::new(),
            claims: BTreeMap::new(),
            number: 0,
        }))
    }

    /// The token that is valid now, fetched or renewed by the first who needs it while all others wait.
    async fn cached(
        &self,
        pass: &dyn Pass,
        (way, auth): (usize, &OAuth2),
        stale: Option<u64>,
    ) -> Result<Token, Failure> {
        let mut current = self.tokens[way].current.lock().await;
        let is_usable = |token: &&Token| self.lasts(token.expires_at) && Some(token.number) != stale;
        if let Some(token) = current.as_ref().filter(is_usable) {
            return Ok(token.clone());
        }
        let number = current.as_ref().map_or(0, |token| token.number) + 1;
        let refused = current.as_ref().filter(|token| Some(token.number) == stale).map(|token| token.header.1.clone());
        // What the target refused is of no use any more, whatever comes now.
        current.iter_mut().for_each(Token::end);
        let token = match auth.consent() {
            Some(_) => self.consented(pass, auth, refused.as_ref(), number).await?,
            None => self.fetch_anywhere(pass, auth, number).await?,
        };
        *current = Some(token.clone());
        Ok(token)
    }

    /// Whether what ends then can still be carried.
    fn lasts(&self, until: Timestamp) -> bool {
        until > self.world.clock.now() + SignedDuration::try_from(TOKEN_MARGIN).expect("30 s fit")
    }

    /// What stands in a path for a claim until its token is there.
    pub(crate) fn claims_of(&self, call: &Call) -> Vec<(String, String)> {
        let consent = self.oauth2(self.way_of(call)).and_then(OAuth2::consent);
        let claims = consent.into_iter().flat_map(|consent| &consent.claims);
        claims.map(|(name, _)| (name.clone(), format!("{{{name}}}"))).collect()
    }

    /// The path of a call, for the person whose consent it needs.
    pub(crate) fn claimed(&self, call: &Call, path: &str, token: Option<&Token>) -> Result<String, Failure> {
        let consent = self.oauth2(self.way_of(call)).and_then(OAuth2::consent);
        match (consent, token) {
            (Some(consent), Some(token)) => token.claimed(path, &consent.claims),
            _ => Ok(path.to_owned()),
        }
    }

    /// A template over the fields and hosts of the connection; `login` is the address of the host that tokens come from,
    /// by its name.
    pub(crate) fn filled(&self, template: &Template, login: Option<(&str, &str)>) -> Result<SecretString, Failure> {
        let own = |name: &str| login.filter(|(host, _)| *host == name).map(|(_, url)| url);
        let field = |name: &str| self.fields.get(name).map(SecretString::expose_secret);
        let named = |name: &str| own(name).or_else(|| self.hosts.get(name).map(String::as_str)).or_else(|| field(name));
        let text = template.render(Document::Value(&Value::Null), &named, Escape::None);
        text.map(SecretString::from).map_err(|message| Failure::new(ErrorClass::Config, message))
    }
}

impl Token {
    /// Is carried no more; its number stays, so that whoever still holds it is known.
    fn end(&mut self) {
        self.expires_at = Timestamp::MIN;
    }

    /// A path with what is known of the person in the place of his claims.
    ///
    /// # Errors
    /// [`ErrorClass::Config`] for one that his consent did not bring.
    pub(crate) fn claimed(
        &self,
        path: &str,
        names: &[(String, ferry_contract::path::Path)],
    ) -> Result<String, Failure> {
        let mut path = path.to_owned();
        for (name, _) in names {
            let marker = format!("{{{name}}}");
            if path.contains(&marker) {
                let none = || Failure::new(ErrorClass::Config, format!("the consent brought no `{name}`"));
                path = path.replace(&marker, &percent_encoded(self.claims.get(name).ok_or_else(none)?));
            }
        }
        Ok(path)
    }
}

/// HTTP Basic. Source: RFC 7617.
fn basic(username: &SecretString, password: &SecretString) -> SecretString {
    let credentials = STANDARD.encode(format!("{}:{}", username.expose_secret(), password.expose_secret()));
    format!("Basic {credentials}").into()
}
