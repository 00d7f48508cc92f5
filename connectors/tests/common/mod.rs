//! A connection `acme` of a test's own manifest, with a network of its own and a clock that stands still.

use std::{sync::Arc, time::Duration};

use ferry_connectors::{
    connection::{Connection, Settings, World},
    library::Library,
};
use ferry_contract::{
    failure::Failure,
    port::{Boxed, Clock, Http},
    report::{Report, Source},
    script::NoWatch,
};
use jiff::Timestamp;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) -> Boxed<'_, ()> {
        // Others go on meanwhile.
        Box::pin(tokio::task::yield_now())
    }
}

/// Opens it in its environment `only`; the manifest has no error.
#[allow(dead_code, reason = "not every test wants a clock that stands still")]
pub(crate) fn open(manifest: String, fields: &[(&str, &str)], http: Arc<dyn Http>) -> Result<Connection, Failure> {
    open_by(manifest, fields, World { http, clock: Arc::new(Still) })
}

/// The same in a world of the test's own.
pub(crate) fn open_by(manifest: String, fields: &[(&str, &str)], world: World) -> Result<Connection, Failure> {
    let (library, reports) = Library::load(&[Source::new("acme.yaml", manifest)], Arc::new(NoWatch));
    let wrong: Vec<_> = reports.iter().filter(|report| !report.is_ok()).map(Report::findings).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let settings = Settings {
        name: "acme".to_owned(),
        connector: "acme".to_owned(),
        environment: "only".to_owned(),
        profile: None,
        sandbox: None,
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
    };
    Connection::open(settings, &library, world)
}
