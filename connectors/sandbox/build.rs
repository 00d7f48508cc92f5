//! The server of Salesforce's Pub/Sub API, and for its tests a client, from its own description; nobody needs `protoc`.

const DESCRIPTION: &str = "../proto/pubsub_api.proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={DESCRIPTION}");
    let described = protox::compile([DESCRIPTION], ["../proto"])?;
    // Its comments are in a form that rustdoc takes for examples.
    tonic_prost_build::configure().build_transport(false).disable_comments(["."]).compile_fds(described)?;
    Ok(())
}
