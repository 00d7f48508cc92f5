//! Cross-references as an evaluation sees them: it stays pure, because whoever evaluates has read the pairs before.

use crate::expression::EvalError;

/// The pairs that were read for an evaluation.
pub trait Pairs {
    /// What the other system calls what is `key` in this one; nothing where no pair has the key.
    ///
    /// # Errors
    /// [`EvalError`] where the pair was not read yet. That it was wanted is noted: whoever evaluates reads it and
    /// evaluates again.
    fn other(&self, table: &str, key: &str) -> Result<Option<String>, EvalError>;

    /// Notes that the absence of a pair is refused in these words, so that the failure has its own class.
    fn refuses(&self, message: &str);
}
