//! Sends webhooks that are due, over real HTTP.
//!
//! It looks every few milliseconds of real time, because the sandbox clock may run at any speed and jump.

use std::time::Duration;

use reqwest::{StatusCode, header::CONTENT_TYPE, redirect};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Outcome, Parcel};
use crate::server::{Shared, lock};
use crate::{clock, limits};

/// The real time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Sends what is due until `stop` is cancelled; nothing is on its way then.
pub(crate) async fn serve(world: Shared, stop: CancellationToken) {
    let builder = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none());
    let client = match builder.timeout(Duration::from_millis(limits::WEBHOOK_TIMEOUT_MS)).build() {
        Ok(client) => client,
        Err(err) => return tracing::error!(%err, "the sandbox can send no webhooks"),
    };
    let mut sending = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = sending.join_next() => {}
            () = clock::sleep(LOOK_EVERY) => {}
        }
        let room = limits::WEBHOOKS_AT_ONCE_MAX.saturating_sub(sending.len());
        for parcel in lock(&world).due_webhooks(room) {
            sending.spawn(send(client.clone(), world.clone(), parcel));
        }
    }
    sending.shutdown().await;
}

async fn send(client: reqwest::Client, world: Shared, parcel: Parcel) {
    let outcome = offer(&client, &parcel).await;
    tracing::debug!(?outcome, body = parcel.body, "webhook");
    lock(&world).webhook_done(parcel.number, outcome);
}

/// Offers a delivery to one after the other, until one takes it.
async fn offer(client: &reqwest::Client, parcel: &Parcel) -> Outcome {
    let mut outcome = Outcome::Failed;
    for url in &parcel.urls {
        let mut request = client.post(url).header(CONTENT_TYPE, "application/json");
        for (name, value) in parcel.signer.headers(url, &parcel.body) {
            request = request.header(name, value);
        }
        let request = request.body(parcel.body.clone());
        match request.send().await.map(|response| response.status()) {
            Ok(status) if status.is_success() => return Outcome::Accepted,
            Ok(StatusCode::UNAUTHORIZED) => outcome = Outcome::Refused,
            Ok(_) | Err(_) => {}
        }
    }
    outcome
}
