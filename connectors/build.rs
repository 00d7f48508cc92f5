//! The client of Salesforce's Pub/Sub API, from its own description; nobody needs `protoc`.

const DESCRIPTION: &str = "proto/pubsub_api.proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={DESCRIPTION}");
    let described = protox::compile([DESCRIPTION], ["proto"])?;
    // Its comments are in a form that rustdoc takes for examples.
    tonic_prost_build::configure().build_server(false).disable_comments(["."]).compile_fds(described)?;
    Ok(())
}
