//! The disk's own limit: clients whose bytes one thread appends to a file, and makes durable in groups.

use std::{fs::File, io::Write as _, path::Path};

use ferry::clock::Stopwatch;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::common::per_second;

type Job = (Vec<u8>, oneshot::Sender<()>);

/// Groups a second, of as many clients and of as many bytes each as a store gets.
pub(crate) async fn groups_a_second(folder: &Path, clients: usize, groups_of_each: usize, bytes: usize) -> u64 {
    let (sender, receiver) = mpsc::unbounded_channel::<Job>();
    let file = File::create(folder.join("bare")).expect("the folder can be written");
    let thread = std::thread::spawn(move || work(file, receiver));
    let begun = Stopwatch::start();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let sender = sender.clone();
        tasks.spawn(async move {
            for _ in 0..groups_of_each {
                let (reply, durable) = oneshot::channel();
                sender.send((vec![b'x'; bytes], reply)).expect("the thread lives");
                durable.await.expect("the thread answers");
            }
        });
    }
    drop(sender);
    tasks.join_all().await;
    let groups = per_second(clients * groups_of_each, begun);
    thread.join().expect("the thread does not panic");
    groups
}

fn work(mut file: File, mut receiver: mpsc::UnboundedReceiver<Job>) {
    let mut jobs = Vec::new();
    while receiver.blocking_recv_many(&mut jobs, 1_000) > 0 {
        for (bytes, _) in &jobs {
            file.write_all(bytes).expect("the disk has room");
        }
        file.sync_data().expect("the disk takes it");
        for (_, reply) in jobs.drain(..) {
            let _ = reply.send(());
        }
    }
}
