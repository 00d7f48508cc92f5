//! What is made of the description of the Pub/Sub API, for the client and the sandbox's server alike.

#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    dead_code,
    missing_docs,
    rust_2018_idioms,
    unreachable_pub,
    reason = "it is generated from the description, and each side uses a part of it"
)]

tonic::include_proto!("eventbus.v1");
