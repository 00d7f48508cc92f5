//! What a status of gRPC means for a call. Source: Pub/Sub API, handling errors.

use ferry_contract::failure::{ErrorClass, Failure};
use tonic::{Code, Status};

use crate::response::clipped;

/// Whether the target may have done something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sent {
    /// It has not.
    Nothing,
    /// Nobody can say.
    Maybe,
}

impl Sent {
    /// The failure of a call that nobody has answered.
    pub(super) fn failure(self, message: String) -> Failure {
        let class = match self {
            Self::Nothing => ErrorClass::Unavailable,
            Self::Maybe => ErrorClass::Unknown,
        };
        Failure::new(class, message)
    }
}

/// What a refusal means; its code is the vendor's own, which begins with `sfdc.platform.eventbus.grpc.`.
pub(super) fn failure(status: &Status, sent: Sent) -> Failure {
    let code = status.metadata().get("error-code").and_then(|code| code.to_str().ok()).map(str::to_owned);
    let message = format!("{:?}: {}", status.code(), clipped(status.message()));
    let refused = |class: ErrorClass| Failure::new(class, message.clone());
    let failure = match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => refused(ErrorClass::Auth),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => refused(ErrorClass::Rejected),
        Code::NotFound => refused(ErrorClass::NotFound),
        Code::ResourceExhausted => refused(ErrorClass::Throttled),
        Code::Unimplemented => refused(ErrorClass::Bug),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::AlreadyExists
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => sent.failure(message),
    };
    Failure { code, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_the_engine_may_do() {
        let class = |code, sent| failure(&Status::new(code, "x"), sent).class;
        for (code, read, write) in [
            (Code::Unauthenticated, ErrorClass::Auth, ErrorClass::Auth),
            (Code::Unavailable, ErrorClass::Unavailable, ErrorClass::Unknown),
            (Code::DeadlineExceeded, ErrorClass::Unavailable, ErrorClass::Unknown),
            (Code::InvalidArgument, ErrorClass::Rejected, ErrorClass::Rejected),
            (Code::ResourceExhausted, ErrorClass::Throttled, ErrorClass::Throttled),
            (Code::NotFound, ErrorClass::NotFound, ErrorClass::NotFound),
        ] {
            assert_eq!((class(code, Sent::Nothing), class(code, Sent::Maybe)), (read, write), "{code:?}");
        }
    }
}
