//! Bodies that are never whole in memory: read from a file while they are sent, or written into one while they come.
//!
//! Files are read and written in a thread of their own. What is between it and the socket is bounded, so the slower of the
//! two holds the other up.

use std::{io, io::Read as _, sync::Arc};

use ferry_contract::port::{Download, HttpError, Save, Upload};
use futures_util::stream;
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::failure;
use crate::limits::{TRANSFER_PART_BYTES, TRANSFER_PARTS_WAITING};

/// The parts of a body, as they are sent.
pub(super) fn sent(upload: Arc<dyn Upload>) -> reqwest::Body {
    let (sender, receiver) = mpsc::channel::<io::Result<Vec<u8>>>(TRANSFER_PARTS_WAITING);
    // It ends by itself: with the file, or once nobody takes its parts any more.
    spawn_blocking(move || {
        if let Err(error) = read(&*upload, &sender) {
            let _ = sender.blocking_send(Err(error));
        }
    });
    let parts = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    reqwest::Body::wrap_stream(parts)
}

fn read(upload: &dyn Upload, sender: &mpsc::Sender<io::Result<Vec<u8>>>) -> io::Result<()> {
    let mut file = upload.open()?;
    loop {
        let mut part = Vec::with_capacity(TRANSFER_PART_BYTES);
        (&mut file).take(TRANSFER_PART_BYTES as u64).read_to_end(&mut part)?;
        if part.is_empty() || sender.blocking_send(Ok(part)).is_err() {
            return Ok(());
        }
    }
}

/// Whether a body is the one that is to be saved, and not what a target says in its place.
pub(super) fn is_meant(save: &Save, status: StatusCode, headers: &HeaderMap) -> bool {
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    status.is_success() && media_type.is_some_and(|own| essence(own) == essence(&save.media_type))
}

/// Saves the body of an answer. One that does not come whole is none.
pub(super) async fn saved(mut response: reqwest::Response, to: Arc<dyn Download>) -> Result<(), HttpError> {
    let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(TRANSFER_PARTS_WAITING);
    let written = spawn_blocking(move || -> io::Result<()> {
        to.begin()?;
        while let Some(part) = receiver.blocking_recv() {
            to.write(&part)?;
        }
        Ok(())
    });
    let mut came = Ok(());
    loop {
        match response.chunk().await {
            // The writer has gone where it could not write.
            Ok(Some(part)) if sender.send(part.to_vec()).await.is_ok() => {}
            Ok(Some(_) | None) => break,
            Err(error) => {
                came = Err(failure(&error));
                break;
            }
        }
    }
    drop(sender);
    let written = written.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    written.map_err(|error| HttpError::NoAnswer(format!("the answer cannot be saved: {error}")))?;
    came
}
