//! A connection to the API, as whoever has logged in, and what it says about topics and schemas.

use std::{
    collections::BTreeMap,
    error::Error as _,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::Tls,
};
use secrecy::ExposeSecret;
use tonic::{
    Request,
    metadata::MetadataValue,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use super::{
    super::{config, unavailable},
    proto::{SchemaRequest, TopicRequest, pub_sub_client::PubSubClient},
    refusal::{Sent, failure},
    schema::Known,
};
use crate::{
    auth::Token,
    limits::{PUBSUB_ANSWER_MAX_BYTES, PUBSUB_CONNECT, PUBSUB_SCHEMAS_MAX},
};

/// Schemas by id: an id is made of its schema, so none ever changes.
static SCHEMAS: LazyLock<Mutex<BTreeMap<String, Arc<Known>>>> = LazyLock::new(Mutex::default);

/// Who asks, and over which channel.
pub(super) struct Session {
    pub(super) client: PubSubClient<Channel>,
    /// The id of the user that we act for.
    pub(super) user: String,
    metadata: [(&'static str, MetadataValue<tonic::metadata::Ascii>); 3],
}

impl Session {
    /// Connects; nothing is asked yet.
    pub(super) async fn open(address: &str, own: Option<&Tls>, token: &Token) -> Result<Self, Failure> {
        let (tenant, user) = ids(token)?;
        let metadata = metadata(token, &tenant)?;
        let wrong = |error: tonic::transport::Error| config(format!("`{address}` is no address of gRPC: {error}"));
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(wrong)?.connect_timeout(PUBSUB_CONNECT);
        let endpoint =
            if address.starts_with("https://") { endpoint.tls_config(trusting(own)).map_err(wrong)? } else { endpoint };
        let channel = endpoint.connect().await.map_err(|error| {
            let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            unavailable(format!("not sent: {why}"))
        })?;
        let client = PubSubClient::new(channel).max_decoding_message_size(PUBSUB_ANSWER_MAX_BYTES);
        Ok(Self { client, user, metadata })
    }

    /// A request that says who asks.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for (name, value) in &self.metadata {
            request.metadata_mut().insert(*name, value.clone());
        }
        request
    }

    /// The id of the schema of a topic's events.
    pub(super) async fn topic(&mut self, name: &str) -> Result<String, Failure> {
        let request = self.request(TopicRequest { topic_name: name.to_owned() });
        let topic = self.client.get_topic(request).await.map_err(|status| failure(&status, Sent::Nothing))?;
        Ok(topic.into_inner().schema_id)
    }

    /// The schema of an id, which is asked for once in a process.
    pub(super) async fn schema(&mut self, id: &str) -> Result<Arc<Known>, Failure> {
        let schemas = || SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = schemas().get(id) {
            return Ok(Arc::clone(known));
        }
        let request = self.request(SchemaRequest { schema_id: id.to_owned() });
        let schema = self.client.get_schema(request).await.map_err(|status| failure(&status, Sent::Nothing))?;
        let wrong = |error| Failure::new(ErrorClass::Bug, format!("the schema `{id}` cannot be read: {error}"));
        let known = Arc::new(Known::read(id, &schema.into_inner().schema_json).map_err(wrong)?);
        let mut schemas = schemas();
        if schemas.len() >= PUBSUB_SCHEMAS_MAX {
            schemas.clear();
        }
        schemas.insert(id.to_owned(), Arc::clone(&known));
        Ok(known)
    }
}

/// Whom we believe, and what we show: what the machine trusts, or the connection's own certificates.
fn trusting(own: Option<&Tls>) -> ClientTlsConfig {
    let config = match own.and_then(|own| own.ca.as_ref()) {
        Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    match own.and_then(|own| own.identity.as_ref()).map(ExposeSecret::expose_secret) {
        Some(identity) => config.identity(Identity::from_pem(identity, identity)),
        None => config,
    }
}

/// The ids of the organisation and the user, as the identity URL of a token ends with them. Source: Salesforce, identity
/// URLs: `https://login.salesforce.com/id/ORGANISATION/USER`.
fn ids(token: &Token) -> Result<(String, String), Failure> {
    let identity = token.hosts.get("identity").map(String::as_str).unwrap_or_default();
    let mut parts = identity.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(user), Some(tenant)) if !user.is_empty() && !tenant.is_empty() => {
            Ok((tenant.to_owned(), user.to_owned()))
        }
        _ => Err(config("the login says no organisation: `hosts` of its `auth` must name `identity`")),
    }
}

fn metadata(
    token: &Token,
    tenant: &str,
) -> Result<[(&'static str, MetadataValue<tonic::metadata::Ascii>); 3], Failure> {
    let value = |text: &str| {
        let mut value = MetadataValue::try_from(text).map_err(|_| config("the login gave what no header can carry"))?;
        value.set_sensitive(true);
        Ok::<_, Failure>(value)
    };
    let access = token.header.1.expose_secret();
    let instance = token.hosts.get("api").map(String::as_str).unwrap_or_default();
    Ok([
        ("accesstoken", value(access.strip_prefix("Bearer ").unwrap_or(access))?),
        ("instanceurl", value(instance)?),
        ("tenantid", value(tenant)?),
    ])
}
