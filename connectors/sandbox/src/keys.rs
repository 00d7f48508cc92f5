//! RSA keys that live as long as the process; they open nothing but this sandbox.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{DecodingKey, EncodingKey};

/// A private key, and the public one that believes it.
pub(crate) struct Key {
    private: String,
    public: DecodingKey,
}

impl Key {
    /// Makes another key each time.
    pub(crate) fn new() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
        let private = pair.as_der().expect("a key has a form");
        let lines: Vec<String> = STANDARD
            .encode(private.as_ref())
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into())
            .collect();
        let private = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
        Self { private, public: DecodingKey::from_rsa_der(pair.public_key().as_ref()) }
    }

    /// Says the private key, as PEM.
    pub(crate) fn private(&self) -> &str {
        &self.private
    }

    /// Says the public key.
    pub(crate) fn public(&self) -> &DecodingKey {
        &self.public
    }

    /// Says the key that signs.
    pub(crate) fn signs(&self) -> EncodingKey {
        EncodingKey::from_rsa_pem(self.private.as_bytes()).expect("the key is PEM")
    }
}
