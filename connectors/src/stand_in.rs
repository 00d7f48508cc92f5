//! What answers in the place of a target in tests of pipelines: no exchange is made, and everything around it is.
//!
//! A call is rendered and checked as ever, passes the gate, and its right to send is asked for. Only what the wire
//! and the manifest's rules would have made of it is said by the stand-in.

use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::{Pass, Seen},
};
use serde_json::Value;

use crate::{connection::Connection, request::Prepared};

/// Answers calls in the place of a target.
pub trait StandIn: Send + Sync {
    /// The output of an action, or why there is none.
    ///
    /// # Errors
    /// The failure that the call is to get.
    fn answer(&self, connection: &str, action: &str, input: &Value) -> Result<Value, Failure>;
}

impl Connection {
    /// What each call of a group gets; the group goes or does not go as one, and is answered one by one.
    pub(crate) async fn stand_in(
        &self,
        stand_in: &dyn StandIn,
        pass: &dyn Pass,
        (action, host): (&str, &str),
        calls: &[&Prepared],
    ) -> Vec<Result<Value, Failure>> {
        if let Err(failure) = pass.next(host).await {
            return calls.iter().map(|_| Err(failure.clone())).collect();
        }
        if calls.iter().filter_map(|call| call.gate.as_ref()).any(|gate| !gate.is_open()) {
            let failure =
                Failure::new(ErrorClass::Unavailable, "the right to send had ended, so nothing was sent").untried();
            pass.seen(host, Seen { class: None, retry_after: None, levels: Vec::new() }).await;
            return calls.iter().map(|_| Err(failure.clone())).collect();
        }
        let answers: Vec<_> = calls.iter().map(|call| stand_in.answer(&self.name, action, &call.input)).collect();
        let failure = answers.iter().find_map(|answer| answer.as_ref().err());
        let class = failure.map(|failure| failure.class);
        let retry_after = failure.and_then(|failure| failure.wait_ms).map(std::time::Duration::from_millis);
        pass.seen(host, Seen { class, retry_after, levels: Vec::new() }).await;
        answers
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

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
        request::Gate,
    };

    /// A world in which any exchange is a mistake.
    struct Nothing;

    impl Http for Nothing {
        fn send(&self, request: HttpRequest) -> Boxed<'_, Result<HttpResponse, HttpError>> {
            panic!("{request:?} was sent")
        }
    }

    impl Clock for Nothing {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn sleep(&self, _: std::time::Duration) -> Boxed<'_, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl StandIn for Heard {
        fn answer(&self, connection: &str, action: &str, input: &Value) -> Result<Value, Failure> {
            let name = input["client_reference_id"].as_str().unwrap_or_default();
            self.0.lock().unwrap().push(format!("{connection}.{action} {name}"));
            if name == "b" { Err(Failure::new(ErrorClass::Rejected, "no")) } else { Ok(json!({})) }
        }
    }

    fn connection(heard: &Arc<Heard>) -> Connection {
        let (library, _) = Library::load(&[], Arc::new(NoWatch));
        let fields = ["program_id", "client_id", "client_secret"].map(|name| (name.to_owned(), "x".into()));
        let settings = Settings {
            name: "payouts".to_owned(),
            connector: "payoneer".to_owned(),
            profile: None,
            environment: "sandbox".to_owned(),
            sandbox: None,
            fields: fields.into(),
        };
        let world = World { http: Arc::new(Nothing), clock: Arc::new(Nothing) };
        let open = Connection::open(settings, &library, world).unwrap();
        open.answered_by(Arc::clone(heard) as Arc<dyn StandIn>)
    }

    fn payout(connection: &Connection, name: &str) -> Prepared {
        let amount = json!({ "amount": 1, "currency": "USD" });
        let input = json!({ "client_reference_id": name, "payee_id": "P-77", "amount": amount, "description": "d" });
        connection.prepare("create_payout", &input).unwrap()
    }

    fn at_once<T>(future: impl Future<Output = T>) -> T {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut cx) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => panic!("it waits for something"),
        }
    }

    #[test]
    fn each_call_of_a_bundle_is_answered_without_an_exchange() {
        let heard = Arc::<Heard>::default();
        let connection = connection(&heard);
        let (a, b) = (payout(&connection, "a"), payout(&connection, "b"));
        let got = at_once(connection.send(&FreePass, "create_payout", &[&a, &b]));
        assert_eq!(got, [Ok(json!({})), Err(Failure::new(ErrorClass::Rejected, "no"))]);
        assert_eq!(*heard.0.lock().unwrap(), ["payouts.create_payout a", "payouts.create_payout b"]);
    }

    #[test]
    fn what_may_not_be_sent_is_not_answered() {
        let heard = Arc::<Heard>::default();
        let connection = connection(&heard);
        let call = payout(&connection, "a").while_open(Gate::new(|| false));
        let got = at_once(connection.send(&FreePass, "create_payout", &[&call])).pop().unwrap();
        assert_eq!(got.unwrap_err().class, ErrorClass::Unavailable);
        assert_eq!(*heard.0.lock().unwrap(), Vec::<String>::new());
    }
}
