//! A manifest joined with the settings of `ferry.yaml`: where, and as whom.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

use ferry_contract::{
    catalog::Connector,
    failure::{ErrorClass, Failure},
    key::Digest,
    limits::CONNECTION_REQUESTS_DEFAULT,
    path::Document,
    port::{Clock, Http, Tls},
    script::Rules,
    template::{Escape, Template, percent_encoded},
};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::{
    address::{Address, Reach},
    auth::{Consents, TokenCache},
    files::Files,
    library::Library,
    manifest::{Auth, Call, Encoding, Manifest, OAuth2},
    stand_in::StandIn,
    webhook::{self, Delivery, Doubt},
};

/// Values of a connection by field; any of them may be a secret.
pub type Fields = BTreeMap<String, SecretString>;

/// A connection as `ferry.yaml` writes it, with its secrets in place.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name in the project.
    pub name: String,
    /// The connector's name.
    pub connector: String,
    /// The environment's name.
    pub environment: String,
    /// The manifest's profile, where it is not the first.
    pub profile: Option<String>,
    /// A local sandbox instead of the environment's hosts.
    pub sandbox: Option<String>,
    /// By field.
    pub fields: Fields,
}

/// The world as the runtime needs it.
#[derive(Clone)]
pub struct World {
    /// Sends requests.
    pub http: Arc<dyn Http>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// One system as one project sees it.
pub struct Connection {
    /// Its name in the project.
    pub name: String,
    /// How to talk to it.
    pub manifest: Arc<Manifest>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) world: World,
    pub(crate) hosts: BTreeMap<String, String>,
    /// Further addresses of them.
    pub(crate) fallback: BTreeMap<String, Vec<Address>>,
    pub(crate) fields: Fields,
    /// Those of them that are no secrets, as rules see them.
    pub(crate) open: Value,
    /// By way to say who we are.
    pub(crate) tokens: Vec<TokenCache>,
    /// Which of its manifest's ways to say who we are it takes, where an action asks for none.
    pub(crate) way: Option<usize>,
    /// Where what persons allowed is kept, once a store is open.
    pub(crate) consents: OnceLock<Arc<dyn Consents>>,
    /// How both sides know each other, where public authorities are not enough.
    pub(crate) tls: Option<Arc<Tls>>,
    /// The project's files, where it has some.
    pub(crate) files: Option<Files>,
    /// What answers in the place of the target, in tests of pipelines.
    pub(crate) stand_in: Option<Arc<dyn StandIn>>,
    /// Whether calls that write are refused.
    pub(crate) reads_only: bool,
    /// Whether it is in a sandbox, where nobody has prepared anything.
    pub(crate) is_tried: bool,
    concurrency: Option<usize>,
    identity: Digest,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("name", &self.name).field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Connection {
    /// Joins settings with their manifest.
    ///
    /// # Errors
    /// [`ErrorClass::Config`] for a connector, an environment or a field that is not there.
    pub fn open(settings: Settings, library: &Library, world: World) -> Result<Self, Failure> {
        let config =
            |message: String| Failure::new(ErrorClass::Config, format!("connection `{}`: {message}", settings.name));
        let manifest = library.manifests.get(&settings.connector);
        let manifest = manifest.ok_or_else(|| config(format!("there is no connector `{}`", settings.connector)))?;
        let profile = settings.profile.as_deref();
        let manifest = manifest.in_profile(profile);
        let manifest =
            manifest.ok_or_else(|| config(format!("there is no profile `{}`", profile.unwrap_or_default())))?;
        for (name, field) in &manifest.connector.fields {
            if !field.optional && settings.fields.get(name).is_none_or(|value| value.expose_secret().is_empty()) {
                return Err(config(format!("`{name}` has no value")));
            }
        }
        let hosts = hosts(manifest, &settings).map_err(config)?;
        let way = way(manifest, &settings.fields).map_err(config)?;
        Ok(Self {
            identity: identity(manifest, &settings, &hosts),
            open: open_fields(&manifest.connector, &settings.fields),
            name: settings.name,
            manifest: Arc::clone(manifest),
            rules: Arc::clone(&library.rules),
            world,
            hosts,
            fallback: BTreeMap::new(),
            fields: settings.fields,
            tokens: manifest.auth.iter().map(|_| TokenCache::default()).collect(),
            consents: OnceLock::new(),
            way,
            tls: None,
            files: None,
            stand_in: None,
            reads_only: false,
            is_tried: settings.sandbox.is_some(),
            concurrency: None,
        })
    }

    /// Makes that many requests at once, instead of what its manifest says.
    #[must_use]
    pub fn with_concurrency(self, concurrency: Option<usize>) -> Self {
        Self { concurrency, ..self }
    }

    /// Knows its system, and is known to it, by these certificates.
    #[must_use]
    pub fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls: tls.map(Arc::new), ..self }
    }

    /// Sends files of this folder, and gets what it downloads into it.
    #[must_use]
    pub fn with_files(self, files: Option<Files>) -> Self {
        Self { files, ..self }
    }

    /// Is answered by this, and never by its target.
    #[must_use]
    pub fn answered_by(self, stand_in: Arc<dyn StandIn>) -> Self {
        Self { stand_in: Some(stand_in), ..self }
    }

    /// Sends no call of an action that writes, whoever asks for it.
    #[must_use]
    pub fn reading_only(self) -> Self {
        Self { reads_only: true, ..self }
    }

    /// How many requests it makes at once.
    pub fn concurrency(&self) -> usize {
        self.concurrency.or(self.manifest.concurrency).unwrap_or(CONNECTION_REQUESTS_DEFAULT)
    }

    /// The names of all addresses that requests go to.
    pub fn hosts(&self) -> impl Iterator<Item = String> {
        let own = self.manifest.calls.values().map(|call| call.request.host.as_str());
        let logins = (0..self.manifest.auth.len()).filter(|way| self.may_take(*way));
        let logins = logins.filter_map(|way| self.oauth2(Some(way)).map(OAuth2::host));
        own.chain(logins).flat_map(|host| self.names_of(host, Reach::Any))
    }

    /// The hosts that a call of an action goes to now: its own, and that of the token where one is needed; each with
    /// the names of its addresses, in the order in which they are tried.
    pub fn hosts_of(&self, action: &str) -> Vec<Vec<String>> {
        let own = self.manifest.calls.get(action).map(|call| call.request.host.as_str());
        let way = self.manifest.calls.get(action).and_then(|call| self.way_of(call));
        let login = self.oauth2(way).filter(|_| !way.is_some_and(|way| self.has_token(way))).map(OAuth2::host);
        let own = own.map(|host| self.names_of(host, self.reach(action)));
        let login = login.map(|host| self.names_of(host, Reach::Any));
        let mut hosts: Vec<_> = own.into_iter().chain(login).collect();
        hosts.dedup_by(|one, other| one[0] == other[0]);
        hosts
    }

    /// The way to say who we are that a call takes.
    pub(crate) fn way_of(&self, call: &Call) -> Option<usize> {
        call.way.or(self.way)
    }

    /// Whether calls may take a way: the connection's own, or one that actions ask for.
    fn may_take(&self, way: usize) -> bool {
        self.way == Some(way) || self.manifest.named.values().any(|named| *named == way)
    }

    /// The token that a way needs, where it needs one.
    pub(crate) fn oauth2(&self, way: Option<usize>) -> Option<&OAuth2> {
        self.manifest.auth.get(way?).and_then(Auth::oauth2)
    }

    /// The way in which a person is asked for his consent, where there is one.
    pub(crate) fn consent_way(&self) -> Option<usize> {
        let asks = |way: &usize| self.oauth2(Some(*way)).is_some_and(|auth| auth.consent().is_some());
        (0..self.manifest.auth.len()).filter(|way| self.may_take(*way)).find(asks)
    }

    /// Whether calls need a person's consent.
    pub fn asks_for_consent(&self) -> bool {
        self.consent_way().is_some()
    }

    /// Keeps what persons allow there; the first to be named counts.
    pub fn keep_consents_in(&self, consents: Arc<dyn Consents>) {
        self.consents.get_or_init(|| consents);
    }

    /// The page on which a person is asked, with its query.
    ///
    /// # Errors
    /// [`ErrorClass::Config`] where nobody is asked.
    pub fn consent_page(&self, query: &[(&str, &str)]) -> Result<String, Failure> {
        let none = || Failure::new(ErrorClass::Config, format!("`{}` needs no consent of a person", self.name));
        let auth = self.oauth2(self.consent_way()).ok_or_else(none)?;
        let consent = auth.consent().ok_or_else(none)?;
        // What a project writes is part of a query there, and an address is not.
        let encoded = |name: &str| self.fields.get(name).map(|value| percent_encoded(value.expose_secret()));
        let fields: BTreeMap<&str, String> =
            consent.authorize_url.names().filter_map(|name| Some((name, encoded(name)?))).collect();
        let named = |name: &str| self.hosts.get(name).or_else(|| fields.get(name)).map(String::as_str);
        let page = consent.authorize_url.render(Document::Value(&Value::Null), &named, Escape::None);
        let page = page.map_err(|message| Failure::new(ErrorClass::Config, message))?;
        let client = self.fields.get("client_id").map(SecretString::expose_secret).unwrap_or_default();
        let scope = auth.scope.as_deref().map(|scope| ("scope", scope));
        let own = [("response_type", "code"), ("client_id", client)].into_iter().chain(scope);
        let query = own.chain(query.iter().copied());
        let pairs: Vec<String> = query.map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        let joint = if page.contains('?') { '&' } else { '?' };
        Ok(format!("{page}{joint}{}", pairs.join("&")))
    }

    /// The digest of where the connection leads: connector, first addresses, and the fields that are no secrets.
    pub fn identity(&self) -> &Digest {
        &self.identity
    }

    /// Whether a delivery of a webhook comes from the system.
    ///
    /// # Errors
    /// Why that is not believed; without the webhook or its secret, nothing is.
    pub fn believes(&self, name: &str, delivery: &Delivery<'_>) -> Result<(), Doubt> {
        let webhook = self.manifest.webhooks.get(name).ok_or(Doubt::Forged)?;
        let secret = self.fields.get(&webhook.secret).filter(|secret| !secret.expose_secret().is_empty());
        webhook::verify(&webhook.scheme, secret.ok_or(Doubt::Forged)?, delivery, self.world.clock.now())
    }

    /// The headers by which a delivery shows that the system sent it; with another secret where it `is_forged`. Nothing without
    /// the webhook or its secret.
    pub fn sign(
        &self,
        name: &str,
        delivery: &Delivery<'_>,
        signed: (&str, Timestamp),
        is_forged: bool,
    ) -> Option<Vec<(String, String)>> {
        let webhook = self.manifest.webhooks.get(name)?;
        let secret = self.fields.get(&webhook.secret).filter(|secret| !secret.expose_secret().is_empty())?;
        let forged = is_forged.then(|| SecretString::from(format!("not {}", secret.expose_secret())));
        Some(webhook::sign(&webhook.scheme, forged.as_ref().unwrap_or(secret), delivery, signed))
    }

    /// The HTTP method of a webhook.
    pub fn method_of(&self, webhook: &str) -> &'static str {
        let is_query = self.manifest.webhooks.get(webhook).is_some_and(|webhook| webhook.encoding == Encoding::Query);
        if is_query { "GET" } else { "POST" }
    }

    /// The event that a delivery of a webhook is; nothing without the webhook.
    pub fn event(&self, name: &str, delivery: &Delivery<'_>) -> Option<webhook::Event> {
        let (webhook, said) = (self.manifest.webhooks.get(name)?, self.manifest.connector.webhooks.get(name)?);
        Some(webhook::event(webhook, said, &self.rules, delivery))
    }

    /// Whether there is a secret by which a webhook's sender is known.
    pub fn knows_sender_of(&self, name: &str) -> bool {
        let secret = self.manifest.webhooks.get(name).and_then(|webhook| self.fields.get(&webhook.secret));
        secret.is_some_and(|secret| !secret.expose_secret().is_empty())
    }

    /// How to call an action.
    ///
    /// # Errors
    /// [`ErrorClass::Bug`]: lint refuses an unknown action, so a plan has none.
    pub fn action(&self, action: &str) -> Result<&Call, Failure> {
        let unknown =
            || Failure::new(ErrorClass::Bug, format!("`{}` has no action `{action}`", self.manifest.connector.name));
        self.manifest.calls.get(action).ok_or_else(unknown)
    }
}

/// The fields of a connection that are no secrets: what is written nowhere is nothing.
pub fn open_fields(connector: &Connector, fields: &Fields) -> Value {
    let open = connector.fields.iter().filter(|(_, field)| !field.secret);
    let value = |name: &str| fields.get(name).map_or(Value::Null, |value| Value::from(value.expose_secret()));
    Value::Object(open.map(|(name, _)| (name.clone(), value(name))).collect())
}

fn identity(manifest: &Manifest, settings: &Settings, hosts: &BTreeMap<String, String>) -> Digest {
    let connector = &manifest.connector;
    let open = connector.fields.iter().filter(|(_, field)| !field.secret);
    let value = |name: &str| settings.fields.get(name).map_or("", |value| value.expose_secret());
    // A field that is new, and left out, leaves it as it was.
    let given = open.filter(|(name, _)| settings.fields.contains_key(name));
    let fields: Vec<String> = given.map(|(name, _)| format!("{name}={}", value(name))).collect();
    // One that is not named is no part of it, so that a manifest may get its first profile.
    let profile = settings.profile.as_ref().map_or_else(String::new, |profile| format!("\nprofile={profile}"));
    Digest::of(format!("{}\n{hosts:?}\n{}{profile}", connector.name, fields.join("\n")))
}

/// The first way to say who we are whose fields have values.
fn way(manifest: &Manifest, fields: &Fields) -> Result<Option<usize>, String> {
    let has = |name: &String| fields.get(name).is_some_and(|value| !value.expose_secret().is_empty());
    let ways = &manifest.connector.ways;
    match ways.iter().position(|way| way.iter().all(has)) {
        None if !ways.is_empty() => Err(format!("it says who it is with {}", manifest.connector.said_ways())),
        way => Ok(way),
    }
}

/// The sandbox answers for all hosts of a connector under one path, but for one whose own address it says, and for files of this
/// machine, which are where the connection says.
fn hosts(manifest: &Manifest, settings: &Settings) -> Result<BTreeMap<String, String>, String> {
    if let Some(sandbox) = &settings.sandbox {
        let base = format!("{}/{}", sandbox.trim_end_matches('/'), settings.connector);
        let own = |name: &String| settings.fields.get(name).map(|url| url.expose_secret().to_owned());
        let own = |name: &String| own(name).filter(|url| url.starts_with("http://"));
        let mut hosts = BTreeMap::new();
        for (name, template) in manifest.environments.values().flatten() {
            let url = if is_local(template) { rendered(template, settings)? } else { base.clone() };
            hosts.insert(name.clone(), own(name).unwrap_or(url));
        }
        return Ok(hosts);
    }
    let environment = manifest.environments.get(&settings.environment);
    let environment = environment.ok_or_else(|| format!("there is no environment `{}`", settings.environment))?;
    environment.iter().map(|(name, template)| Ok((name.clone(), rendered(template, settings)?))).collect()
}

/// An address with the connection's fields.
fn rendered(template: &Template, settings: &Settings) -> Result<String, String> {
    let field = |name: &str| settings.fields.get(name).map(secrecy::ExposeSecret::expose_secret);
    template.render(Document::Value(&Value::Null), &field, Escape::None)
}

/// Whether an address is one of files on this machine.
fn is_local(address: &Template) -> bool {
    address.text().starts_with("file://")
}

/// The fields that say where on this machine the files of a connection are.
pub fn local_fields(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest
        .environments
        .values()
        .flat_map(BTreeMap::values)
        .filter(|address| is_local(address))
        .flat_map(Template::names)
}
