//! One session of PostgreSQL for one call.

use ferry_contract::failure::Failure;
use serde_json::{Value, json};
use tokio_postgres::{Client, Config, IsolationLevel, NoTls, config::SslMode, types::ToSql};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    Rows, Statement, Verb, param,
    refusal::{Stage, failure},
    value,
};
use crate::native::{Work, config, departure::Departure, tls};

/// Where PostgreSQL listens unless it is told otherwise.
const PORT_DEFAULT: u16 = 5432;
/// Rows that are asked for at once, so that what is too much is not read whole.
const ROWS_AT_ONCE: i32 = 1_000;

/// Makes the exchange.
pub(super) async fn run(
    work: Work<'_>,
    (verb, statement): (Verb, &Statement),
    departure: &Departure,
) -> Result<Value, Failure> {
    let mut client = connect(work).await?;
    if verb.is_read() {
        return read(&mut client, verb, statement).await;
    }
    let harmless = |error| failure(&error, Stage::Harmless);
    let prepared = client.prepare(&statement.sql).await.map_err(harmless)?;
    let params = param::all(&statement.params, prepared.params())?;
    departure.leave()?;
    let done = client.execute_raw(&prepared, params.iter().map(|param| param as &dyn ToSql)).await;
    let affected = done.map_err(|error| failure(&error, Stage::Writing))?;
    Ok(json!({ "affected": affected }))
}

/// The transaction reads only, so the database itself refuses what would write.
async fn read(client: &mut Client, verb: Verb, statement: &Statement) -> Result<Value, Failure> {
    let harmless = |error| failure(&error, Stage::Harmless);
    let transaction = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = transaction.start().await.map_err(harmless)?;
    let mut prepared = transaction.prepare(&statement.sql).await.map_err(harmless)?;
    // A row that is looked up has columns that nobody asked for: it must not stay unseen because of one.
    if let (Verb::Find, Some(readable)) = (verb, value::readable(&prepared, &statement.sql)?) {
        prepared = transaction.prepare(&readable).await.map_err(harmless)?;
    }
    value::check(&prepared)?;
    let params = param::all(&statement.params, prepared.params())?;
    let portal = transaction.bind_raw(&prepared, params.iter()).await.map_err(harmless)?;
    let mut rows = Rows::default();
    loop {
        let some = transaction.query_portal(&portal, ROWS_AT_ONCE).await.map_err(harmless)?;
        for row in &some {
            rows.push(value::row(row)?)?;
        }
        if i32::try_from(some.len()).is_ok_and(|count| count < ROWS_AT_ONCE) {
            return rows.finish(verb, statement);
        }
    }
}

/// A session in which texts mean the same everywhere, and in which the server itself gives up in time.
async fn connect(work: Work<'_>) -> Result<Client, Failure> {
    let harmless = |error| failure(&error, Stage::Harmless);
    let host = work.needed_field("host")?;
    let mut settings = Config::new();
    settings.host(host).user(work.needed_field("user")?).dbname(work.needed_field("database")?);
    settings.port(port(work)?).application_name("ferry").connect_timeout(work.timeout);
    work.field("password").iter().for_each(|password| {
        settings.password(password);
    });
    let client = match work.field("tls") {
        Some("off") => {
            tls::check_plain(host)?;
            let (client, session) = settings.ssl_mode(SslMode::Disable).connect(NoTls).await.map_err(harmless)?;
            tokio::spawn(session);
            client
        }
        None | Some("verify") => {
            let believed = MakeRustlsConnect::new(tls::client(work.field("ca"))?);
            let (client, session) = settings.ssl_mode(SslMode::Require).connect(believed).await.map_err(harmless)?;
            tokio::spawn(session);
            client
        }
        Some(other) => return Err(config(format!("`tls` is `verify` or `off`, and not `{other}`"))),
    };
    let setup = format!(
        "SET statement_timeout = {}; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'",
        work.timeout.as_millis()
    );
    client.batch_execute(&setup).await.map_err(harmless)?;
    Ok(client)
}

fn port(work: Work<'_>) -> Result<u16, Failure> {
    let Some(port) = work.field("port") else { return Ok(PORT_DEFAULT) };
    port.parse().map_err(|_| config(format!("`port` is a number, and not `{port}`")))
}
