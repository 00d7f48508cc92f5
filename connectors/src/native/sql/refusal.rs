//! What an error of PostgreSQL means for a call.
//!
//! A statement that ends with an error has done nothing: it was alone in its transaction. Only where the session itself ends,
//! nobody can say whether it was committed before.

use ferry_contract::failure::{ErrorClass, Failure};
use tokio_postgres::{Error, error::Severity};

/// What was under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// The session is set up, or something is read: nothing can have been done.
    Harmless,
    /// A write is under way.
    Writing,
}

/// The failure that an error is.
pub(super) fn failure(error: &Error, stage: Stage) -> Failure {
    let lost = if stage == Stage::Writing { ErrorClass::Unknown } else { ErrorClass::Unavailable };
    let Some(told) = error.as_db_error() else {
        return Failure::new(lost, format!("the connection to the database failed: {}", whole(error)));
    };
    let code = told.code().code();
    let ends_session = !matches!(told.parsed_severity(), Some(Severity::Error) | None);
    let class = if ends_session && stage == Stage::Writing { lost } else { class(code) };
    // The detail has the values of a row in it.
    Failure { code: Some(code.to_owned()), ..Failure::new(class, format!("the database says: {}", told.message())) }
}

/// Source: PostgreSQL 17, Appendix A.
fn class(code: &str) -> ErrorClass {
    match code {
        "23505" | "23P01" => ErrorClass::Conflict,
        "28000" | "28P01" => ErrorClass::Auth,
        // There is no such database.
        "3D000" => ErrorClass::Config,
        // It is not known whether it was done.
        "40003" => ErrorClass::Unknown,
        // A row or a table is locked; a statement took too long and was rolled back.
        "55P03" | "57014" => ErrorClass::Unavailable,
        // It was in the way of another transaction, the server lacks something, or it stops.
        _ if ["40", "53", "57", "58", "08"].iter().any(|kind| code.starts_with(kind)) => ErrorClass::Unavailable,
        _ => ErrorClass::Rejected,
    }
}

/// An error with its causes, which it does not print itself.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_class() {
        for (code, expected) in [
            ("23505", ErrorClass::Conflict),
            ("23503", ErrorClass::Rejected),
            ("42703", ErrorClass::Rejected),
            ("25006", ErrorClass::Rejected),
            ("22P02", ErrorClass::Rejected),
            ("28P01", ErrorClass::Auth),
            ("3D000", ErrorClass::Config),
            ("40001", ErrorClass::Unavailable),
            ("40003", ErrorClass::Unknown),
            ("53300", ErrorClass::Unavailable),
            ("57P03", ErrorClass::Unavailable),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
    }
}
