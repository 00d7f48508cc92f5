//! Group commit: whoever waits while one transaction is on its way to the disk joins the next one.

use std::sync::{Arc, Mutex, PoisonError};

use ferry_contract::port::Boxed;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::write;
use crate::{
    limits::COMMIT_GROUPS_MAX,
    store::{Change, Committed, StoreError},
};

type Reply = Result<Committed, StoreError>;

pub(super) struct Job {
    group: Vec<Change>,
    reply: oneshot::Sender<Reply>,
}

/// Where groups go.
pub(super) enum Writer {
    /// To a thread of their own. The queue needs no bound of its own: every sender waits for its
    /// reply, and senders are bounded by the active runs and the triggers.
    Thread(mpsc::UnboundedSender<Job>),
    /// Nowhere: they are committed where they stand.
    Inline(Arc<Mutex<Connection>>),
}

impl Writer {
    pub(super) fn thread(connection: Connection) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("ferry-store".to_owned())
            .spawn(move || work(connection, receiver))
            .expect("the machine has a thread for the store");
        Self::Thread(sender)
    }

    pub(super) fn inline(connection: Arc<Mutex<Connection>>) -> Self {
        Self::Inline(connection)
    }

    pub(super) fn shared(&self) -> Option<&Mutex<Connection>> {
        match self {
            Self::Thread(_) => None,
            Self::Inline(connection) => Some(connection),
        }
    }

    pub(super) fn commit(&self, group: Vec<Change>) -> Boxed<'static, Reply> {
        let stopped = || Err(StoreError::Failed("the writer has stopped".to_owned()));
        match self {
            Self::Thread(sender) => {
                let (reply, answer) = oneshot::channel();
                let sent = sender.send(Job { group, reply });
                Box::pin(async move {
                    match sent {
                        Ok(()) => answer.await.unwrap_or_else(|_| stopped()),
                        Err(_) => stopped(),
                    }
                })
            }
            Self::Inline(connection) => {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let reply = transaction(&mut connection, &[&group]).pop().unwrap_or_else(stopped);
                Box::pin(std::future::ready(reply))
            }
        }
    }
}

fn work(mut connection: Connection, mut receiver: mpsc::UnboundedReceiver<Job>) {
    let mut jobs = Vec::new();
    while receiver.blocking_recv_many(&mut jobs, COMMIT_GROUPS_MAX) > 0 {
        let groups: Vec<&Vec<Change>> = jobs.iter().map(|job| &job.group).collect();
        let replies = transaction(&mut connection, &groups);
        for (job, reply) in jobs.drain(..).zip(replies) {
            // Whoever no longer waits has been stopped; the group is durable all the same.
            let _ = job.reply.send(reply);
        }
    }
}

/// One transaction with a savepoint a group: a group that is refused takes no other with it.
fn transaction(connection: &mut Connection, groups: &[&Vec<Change>]) -> Vec<Reply> {
    match attempt(connection, groups) {
        Ok(replies) => replies,
        Err(error) => groups.iter().map(|_| Err(StoreError::Failed(error.to_string()))).collect(),
    }
}

fn attempt(connection: &mut Connection, groups: &[&Vec<Change>]) -> rusqlite::Result<Vec<Reply>> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut replies = Vec::with_capacity(groups.len());
    for group in groups {
        let savepoint = transaction.savepoint()?;
        let reply = write::group(&savepoint, group);
        match &reply {
            Ok(_) => savepoint.commit()?,
            Err(_) => drop(savepoint),
        }
        replies.push(reply);
    }
    transaction.commit()?;
    Ok(replies)
}
