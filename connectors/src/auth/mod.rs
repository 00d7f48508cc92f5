//! Who we are: tokens, fetched once for all calls that wait for them.

mod oauth2;

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;

/// A token with its end, and the hosts that came with it.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) value: SecretString,
    pub(crate) expires_at: Timestamp,
    pub(crate) hosts: BTreeMap<String, String>,
    /// Counts the tokens of this cache, so that two calls that got the same refusal renew it once.
    pub(crate) number: u64,
}

/// The one token of a connection. The lock is held while it is fetched: whoever else needs it waits.
#[derive(Default)]
pub(crate) struct TokenCache {
    pub(crate) current: Mutex<Option<Token>>,
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCache")
    }
}
