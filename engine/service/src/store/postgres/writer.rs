//! Group commit: whoever waits while one transaction is on its way to the server joins the next one.

use std::sync::Arc;

use ferry_contract::port::Boxed;
use ferry_core::once::Guards;
use tokio::sync::{mpsc, oneshot};

use super::{
    link::{Failed, Link, Session},
    write,
};
use crate::{
    limits::{COMMIT_GROUPS_MAX, STORE_BATCH_ATTEMPTS_MAX},
    store::{
        Change, Committed, StoreError,
        decide::decide,
        rows::{Keys, View},
    },
};

type Reply = Result<Committed, StoreError>;
type Job = (Vec<Change>, oneshot::Sender<Reply>);

/// Where groups go. The queue needs no bound of its own: every sender waits for its reply, and senders are
/// bounded by the active runs and the triggers.
pub(super) struct Writer(mpsc::UnboundedSender<Job>);

impl Writer {
    /// A task that ends with the store.
    pub(super) fn start(link: Link) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(work(link, receiver));
        Self(sender)
    }

    pub(super) fn commit(&self, group: Vec<Change>) -> Boxed<'static, Reply> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.send((group, reply)).is_ok();
        let stopped = || Err(StoreError::Failed("the writer has stopped".to_owned()));
        Box::pin(async move { if sent { answer.await.unwrap_or_else(|_| stopped()) } else { stopped() } })
    }
}

async fn work(link: Link, mut receiver: mpsc::UnboundedReceiver<Job>) {
    let mut jobs = Vec::new();
    while receiver.recv_many(&mut jobs, COMMIT_GROUPS_MAX).await > 0 {
        let (groups, replies): (Vec<_>, Vec<_>) = jobs.drain(..).unzip();
        for (reply, outcome) in replies.into_iter().zip(batch(&link, Arc::new(groups)).await) {
            // Whoever no longer waits has been stopped; the group is durable all the same.
            let _ = reply.send(outcome);
        }
    }
}

/// All groups in one transaction; where one of them cannot be written, each in its own.
async fn batch(link: &Link, groups: Arc<Vec<Vec<Change>>>) -> Vec<Reply> {
    let all = 0..groups.len();
    match patiently(link, &groups, all.clone()).await {
        Ok(replies) => replies,
        Err(Failed::Again(_) | Failed::Wrong(_)) if groups.len() > 1 => {
            let mut replies = Vec::new();
            for index in all {
                let one = patiently(link, &groups, index..index + 1).await;
                replies.push(one.map_or_else(|error| Err(error.into()), |mut one| one.remove(0)));
            }
            replies
        }
        Err(error) => {
            let error = StoreError::from(error);
            all.map(|_| Err(error.clone())).collect()
        }
    }
}

/// What others are in the way of is tried again. What may be durable is not: nobody knows its outcome here.
async fn patiently(
    link: &Link,
    groups: &Arc<Vec<Vec<Change>>>,
    part: std::ops::Range<usize>,
) -> Result<Vec<Reply>, Failed> {
    let mut attempt = 1;
    loop {
        let (groups, part) = (Arc::clone(groups), part.clone());
        let outcome = link.with(|session| async move { transaction(&session, &groups[part]).await }).await;
        match outcome {
            Err(Failed::Again(_)) if attempt < STORE_BATCH_ATTEMPTS_MAX => attempt += 1,
            outcome => return outcome,
        }
    }
}

async fn transaction(session: &Session, groups: &[Vec<Change>]) -> Result<Vec<Reply>, Failed> {
    write::prepare(session).await?;
    let mut keys = Keys::default();
    groups.iter().for_each(|group| keys.add(group));
    let decided = write::fetch(session, &keys).await.map(|rows| {
        let mut view = View::new(rows);
        let replies = groups.iter().map(|group| decide(&mut view, group, Guards::ALL)).collect();
        (replies, view.into_parts())
    });
    let committed = match decided {
        Ok((replies, (known, writes))) => write::commit(session, &known, &writes).await.map(|()| replies),
        Err(error) => Err(error),
    };
    if let Err(Failed::Again(_) | Failed::Wrong(_)) = &committed {
        // Done already where the transaction came to its end; else it ends here.
        session.client.batch_execute("ROLLBACK").await?;
    }
    committed
}
