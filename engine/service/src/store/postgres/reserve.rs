//! What runs reserve, in queues.

use ferry_contract::port::Boxed;
use ferry_core::run::Reservation;
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::{
    link::{Failed, Session},
    read::{bound, rows, time},
    write::{column, send},
};
use crate::{
    limits::QUEUE_ROWS_MAX,
    store::{InQueue, RunId, rows::Writes},
};

const QUEUE: &str = "(SELECT run, step, queue, since_ms, amount, is_released FROM reservations
        WHERE queue = $1 AND is_released ORDER BY since_ms, run, step LIMIT $2)
    UNION ALL (SELECT run, step, queue, since_ms, amount, is_released FROM reservations
        WHERE queue = $1 AND NOT is_released ORDER BY since_ms, run, step LIMIT $3)
    ORDER BY since_ms, run, step";
const GONE: &str = "DELETE FROM reservations WHERE run = ANY($1)";
const NEW: &str = "INSERT INTO reservations
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[])";

/// All that write, so that they are planned before the first one is sent.
pub(super) const ALL: [&str; 2] = [GONE, NEW];

pub(super) async fn queue(session: &Session, queue: &str, held_max: usize) -> Result<Vec<InQueue>, Failed> {
    let (released, held) = (bound(QUEUE_ROWS_MAX), bound(held_max.min(QUEUE_ROWS_MAX)));
    rows(session, QUEUE, &[&queue, &released, &held]).await?.iter().map(in_queue).collect()
}

fn in_queue(row: &Row) -> Result<InQueue, Failed> {
    let amount = Decimal::from_str_exact(row.get(4)).map_err(|error| Failed::Wrong(error.to_string()))?;
    let (step, queue, since, is_released) = (row.get(1), row.get(2), time(row, 3)?, row.get(5));
    let reservation = Reservation { step, queue, since, amount, is_released };
    Ok(InQueue { run: RunId::named(row.get::<_, String>(0)), reservation })
}

/// What writes the batch's changes. All rows of a run are written anew.
pub(super) fn statements<'a>(session: &'a Session, writes: &'a Writes) -> Vec<Boxed<'a, Result<(), Failed>>> {
    vec![Box::pin(gone(session, writes)), Box::pin(new(session, writes))]
}

async fn gone(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let runs: Vec<&str> = writes.reservations.keys().map(RunId::as_str).collect();
    send(session, GONE, runs.len(), vec![&runs]).await
}

async fn new(session: &Session, writes: &Writes) -> Result<(), Failed> {
    let of_run = |(run, all): (&'_ RunId, &'_ Vec<Reservation>)| {
        all.iter().map(|reservation| (run.as_str().to_owned(), reservation.clone())).collect::<Vec<_>>()
    };
    let new: Vec<(String, Reservation)> = writes.reservations.iter().flat_map(of_run).collect();
    send(
        session,
        NEW,
        new.len(),
        vec![
            &column(&new, |(run, _)| run),
            &column(&new, |(_, row)| &row.step),
            &column(&new, |(_, row)| &row.queue),
            &column(&new, |(_, row)| row.since.as_millisecond()),
            &column(&new, |(_, row)| row.amount.to_string()),
            &column(&new, |(_, row)| row.is_released),
        ],
    )
    .await
}
