//! What a call would send, as a person may see it, without sending it; and connections that cannot write.

use ferry_contract::{
    exchange::kept,
    failure::{ErrorClass, Failure},
    key::Digest,
    port::Pass,
};
use serde_json::{Map, Value};

use crate::{
    address::path_of,
    connection::Connection,
    request::{Prepared, http_request},
};

/// What stands for a token.
const HIDDEN: &str = "***";

/// A request that was rendered and not sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rendered {
    /// `GET`, `POST` …
    pub method: String,
    /// Absolute, masked.
    pub url: String,
    /// By name in lower case; what is secret is hidden.
    pub headers: Value,
    /// What this call has in the body, masked, and cut where it is large.
    pub body: Option<Value>,
    /// Of the whole request without its token, as it would be sent and not as it is shown.
    pub digest: Digest,
}

impl Connection {
    /// Whether calls of an action may be sent at all.
    pub(crate) fn may_send(&self, action: &str) -> Result<(), Failure> {
        let is_read = self.manifest.connector.actions.get(action).is_some_and(|action| !action.effect.is_write());
        if !self.reads_only || is_read {
            return Ok(());
        }
        Err(Failure::new(ErrorClass::Bug, format!("`{}` is only read from, and `{action}` writes", self.name)))
    }

    /// The request that a call would be, alone. It logs in as the call would, because that may say which host it goes to.
    ///
    /// # Errors
    /// [`ErrorClass::Config`] where its host is not known, and those of the login.
    pub async fn rendered(&self, pass: &dyn Pass, action: &str, call: &Prepared) -> Result<Rendered, Failure> {
        let by = self.action(action)?;
        if !by.is_http() {
            return self.rendered_whole(by, call).await;
        }
        let token = self.token(pass, self.way_of(by), None).await?;
        let ours = self.addresses(&by.request.host, token.as_ref())?;
        let path = self.claimed(by, path_of(&call.target, &ours)?, token.as_ref())?;
        let url = format!("{}{path}", ours[0].url);
        let request = http_request(by, call, url, token.as_ref());
        let mask = self.mask(&call.sensitive);
        let secret = token.as_ref().map(|token| token.header.0.as_str());
        let is_token = |name: &str| Some(name) == secret;
        let headers: Map<String, Value> = request
            .headers
            .iter()
            .map(|(name, value)| {
                let shown = if is_token(name) { HIDDEN.to_owned() } else { mask.text(value) };
                (name.to_lowercase(), Value::from(shown))
            })
            .collect();
        let open = request.headers.iter().filter(|(name, _)| !is_token(name));
        let open: Vec<String> = open.map(|(name, value)| format!("{name}: {value}")).collect();
        let sent = self.sent_file(by, call).await?;
        let body = sent.as_ref().or(call.body.as_ref());
        let digest = Digest::of(format!(
            "{} {}\n{}\n{}",
            request.method,
            request.url,
            open.join("\n"),
            Digest::of_value(body.unwrap_or(&Value::Null))
        ));
        let headers = Value::Object(headers);
        let (method, url) = (request.method, mask.url(&request.url));
        Ok(Rendered { method, url, headers, body: body.map(|body| kept(&mask, body)), digest })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use ferry_contract::{
        port::{Boxed, Clock, FreePass, Http, HttpError, HttpRequest, HttpResponse},
        script::NoWatch,
    };
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{
        connection::{Settings, World},
        library::Library,
    };

    /// Counts what is sent, and lets nothing through.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Http for Counting {
        fn send(&self, _: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(std::future::ready(Err(HttpError::NotSent("it is counted".to_owned()))))
        }
    }

    impl Clock for Counting {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn sleep(&self, _: Duration) -> Boxed<'_, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    /// How many exchanges a call makes, and what it gets.
    async fn sent(is_reading_only: bool, action: &str, input: Value) -> (usize, ErrorClass) {
        let (library, _) = Library::load(&[], Arc::new(NoWatch));
        let fields = ["program_id", "client_id", "client_secret"].map(|name| (name.to_owned(), "x".into()));
        let (name, connector, environment) = ("payouts".to_owned(), "payoneer".to_owned(), "sandbox".to_owned());
        let settings = Settings { name, connector, environment, profile: None, sandbox: None, fields: fields.into() };
        let counting = Arc::new(Counting::default());
        let world =
            World { http: Arc::clone(&counting) as Arc<dyn Http>, clock: Arc::clone(&counting) as Arc<dyn Clock> };
        let open = Connection::open(settings, &library, world).unwrap();
        let open = if is_reading_only { open.reading_only() } else { open };
        let call = open.prepare(action, &input).unwrap();
        let failure = open.send(&FreePass, action, &[&call]).await.pop().unwrap().unwrap_err();
        (counting.0.load(Ordering::Relaxed), failure.class)
    }

    #[tokio::test]
    async fn a_connection_that_only_reads_sends_no_write() {
        let amount = json!({ "amount": 1, "currency": "USD" });
        let payout = json!({ "client_reference_id": "a", "payee_id": "P-77", "amount": amount, "description": "d" });
        assert_eq!(sent(true, "create_payout", payout.clone()).await, (0, ErrorClass::Bug));
        assert_eq!(sent(true, "get_balance", json!({})).await, (1, ErrorClass::Unavailable));
        assert_eq!(sent(false, "create_payout", payout).await, (1, ErrorClass::Unavailable));
    }
}
