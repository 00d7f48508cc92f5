//! Group commit: whoever waits while one transaction is on its way to the disk joins the next one.

use std::sync::{Arc, Mutex, PoisonError};

use ferry_contract::port::Boxed;
use ferry_core::once::Guards;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::{beside, write};
use crate::{
    limits::COMMIT_GROUPS_MAX,
    store::{
        Change, Committed, StoreError,
        decide::decide,
        rows::{Keys, View},
    },
};

type Reply = Result<Committed, StoreError>;

/// One thing for the writer to do.
pub(super) enum Job {
    /// A group, which shares a transaction with those beside it.
    Group(Vec<Change>, oneshot::Sender<Reply>),
    /// From now on, commits are noted in this file.
    Beside(std::fs::File),
    /// A transaction of its own.
    Act(Box<dyn FnOnce(&mut Connection) + Send>),
}

/// Where groups go.
pub(super) enum Writer {
    /// To a thread of their own. The queue needs no bound of its own: every sender waits for its
    /// reply, and senders are bounded by the active runs and the triggers.
    Thread(mpsc::UnboundedSender<Job>),
    /// Nowhere: they are committed where they stand.
    Inline(Arc<Mutex<Connection>>, Guards),
}

impl Writer {
    pub(super) fn thread(connection: Connection, guards: Guards) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("ferry-store".to_owned())
            .spawn(move || work(connection, guards, receiver))
            .expect("the machine has a thread for the store");
        Self::Thread(sender)
    }

    pub(super) fn inline(connection: Arc<Mutex<Connection>>, guards: Guards) -> Self {
        Self::Inline(connection, guards)
    }

    pub(super) fn shared(&self) -> Option<&Mutex<Connection>> {
        match self {
            Self::Thread(_) => None,
            Self::Inline(connection, _) => Some(connection),
        }
    }

    pub(super) fn commit(&self, group: Vec<Change>) -> Boxed<'static, Reply> {
        match self {
            Self::Thread(sender) => {
                let (reply, answer) = oneshot::channel();
                let sent = sender.send(Job::Group(group, reply)).is_ok();
                Box::pin(answered(sent, answer))
            }
            Self::Inline(connection, guards) => {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let reply = transaction(&mut connection, *guards, &[&group]).pop().unwrap_or_else(stopped);
                Box::pin(std::future::ready(reply))
            }
        }
    }

    /// Notes commits in a file beside the store; one in memory has none.
    pub(super) fn note_beside(&self, file: std::fs::File) {
        match self {
            Self::Thread(sender) => {
                let _ = sender.send(Job::Beside(file));
            }
            Self::Inline(..) => {}
        }
    }

    /// Does something else than a group, behind the groups that were there before.
    pub(super) fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Boxed<'static, Result<T, StoreError>> {
        match self {
            Self::Thread(sender) => {
                let (reply, answer) = oneshot::channel();
                let act = move |connection: &mut Connection| {
                    // Whoever no longer waits has been stopped.
                    let _ = reply.send(act(connection));
                };
                let sent = sender.send(Job::Act(Box::new(act))).is_ok();
                Box::pin(answered(sent, answer))
            }
            Self::Inline(connection, _) => {
                let done = act(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
                Box::pin(std::future::ready(done))
            }
        }
    }
}

async fn answered<T>(sent: bool, answer: oneshot::Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
    if sent { answer.await.unwrap_or_else(|_| stopped()) } else { stopped() }
}

fn stopped<T>() -> Result<T, StoreError> {
    Err(StoreError::Failed("the writer has stopped".to_owned()))
}

fn work(mut connection: Connection, guards: Guards, mut receiver: mpsc::UnboundedReceiver<Job>) {
    let mut jobs = Vec::new();
    let mut beside = None;
    while receiver.blocking_recv_many(&mut jobs, COMMIT_GROUPS_MAX) > 0 {
        let mut batch = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Group(group, reply) => batch.push((group, reply)),
                Job::Beside(file) => beside = Some(file),
                Job::Act(act) => {
                    commit(&mut connection, guards, std::mem::take(&mut batch));
                    act(&mut connection);
                }
            }
        }
        commit(&mut connection, guards, batch);
        if let Some((file, commits)) = beside.as_ref().zip(beside::commits(&connection).ok()) {
            beside::note(file, commits);
        }
    }
}

fn commit(connection: &mut Connection, guards: Guards, batch: Vec<(Vec<Change>, oneshot::Sender<Reply>)>) {
    if batch.is_empty() {
        return;
    }
    let groups: Vec<&Vec<Change>> = batch.iter().map(|(group, _)| group).collect();
    let replies = transaction(connection, guards, &groups);
    for ((_, reply), outcome) in batch.into_iter().zip(replies) {
        // Whoever no longer waits has been stopped; the group is durable all the same.
        let _ = reply.send(outcome);
    }
}

/// One transaction for all: a group that is refused takes no other with it.
fn transaction(connection: &mut Connection, guards: Guards, groups: &[&Vec<Change>]) -> Vec<Reply> {
    match attempt(connection, guards, groups) {
        Ok(replies) => replies,
        Err(error) => groups.iter().map(|_| Err(StoreError::Failed(error.to_string()))).collect(),
    }
}

fn attempt(connection: &mut Connection, guards: Guards, groups: &[&Vec<Change>]) -> rusqlite::Result<Vec<Reply>> {
    let mut keys = Keys::default();
    groups.iter().for_each(|group| keys.add(group));
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (rows, numbers) = write::fetch(&transaction, &keys)?;
    let mut view = View::new(rows);
    let replies = groups.iter().map(|group| decide(&mut view, group, guards)).collect();
    let (_, writes) = view.into_parts();
    write::write(&transaction, &writes, numbers)?;
    beside::count(&transaction)?;
    transaction.commit()?;
    Ok(replies)
}
