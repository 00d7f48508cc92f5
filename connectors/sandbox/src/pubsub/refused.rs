//! Why a call is refused, as a status of gRPC with the vendor's own code.

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::salesforce::bus::Refusal;

/// Refuses. Source: Pub/Sub API, handling errors; what the codes of a topic and a schema are is an assumption.
pub(super) fn refused(refusal: Refusal) -> Status {
    let (code, name, message) = match refusal {
        Refusal::Auth => (
            Code::Unauthenticated,
            "service.auth.error",
            "An authentication exception occurred. Provide valid authentication using metadata headers.",
        ),
        Refusal::Topic => (
            Code::NotFound,
            "topic.notfound",
            "The requested topic doesn't exist, or the user doesn't have permission to access it.",
        ),
        Refusal::Schema => (Code::NotFound, "schema.notfound", "The requested schema doesn't exist."),
        Refusal::NoReplay => (
            Code::InvalidArgument,
            "subscription.fetch.replayid.validation.failed",
            "A Replay ID must be provided with the CUSTOM replay preset.",
        ),
        Refusal::Replay => (
            Code::InvalidArgument,
            "subscription.fetch.replayid.corrupted",
            "The Replay ID validation failed. Ensure that the Replay ID is valid and within the retention window.",
        ),
        Refusal::Count => (
            Code::InvalidArgument,
            "subscription.fetch.requested.events.invalid",
            "The number of requested events must be greater than zero.",
        ),
    };
    with_code(Status::new(code, message), name)
}

/// Refuses one call too many.
pub(super) fn overloaded() -> Status {
    with_code(Status::resource_exhausted("Too many requests."), "service.resource.exhausted")
}

/// Refuses, as a service that is not there.
pub(super) fn unavailable() -> Status {
    with_code(Status::unavailable("The service is temporarily unavailable."), "service.unavailable")
}

fn with_code(mut status: Status, name: &str) -> Status {
    if let Ok(value) = MetadataValue::try_from(format!("sfdc.platform.eventbus.grpc.{name}")) {
        status.metadata_mut().insert("error-code", value);
    }
    status
}
