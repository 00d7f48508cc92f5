//! Sealing with a secret that only the connection has: whoever finds the store without it reads no token.
//!
//! AES-256-GCM with a key that HKDF-SHA256 makes of the secret and of what is sealed. A random nonce stands before the text.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};

const SALT: &[u8] = b"ferry consent 1";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

fn key(secret: &SecretString, name: &str) -> Option<RandomizedNonceKey> {
    let made = Salt::new(HKDF_SHA256, SALT).extract(secret.expose_secret().as_bytes());
    let mut key = [0; KEY_BYTES];
    made.expand(&[name.as_bytes()], Length).ok()?.fill(&mut key).ok()?;
    RandomizedNonceKey::new(&AES_256_GCM, &key).ok()
}

/// Seals bytes under a name; nothing where the machine cannot.
pub(super) fn seal(secret: &SecretString, name: &str, bytes: &[u8]) -> Option<String> {
    let mut sealed = bytes.to_vec();
    let nonce = key(secret, name)?.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed).ok()?;
    Some(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &sealed].concat()))
}

/// What was sealed with this secret under this name; nothing else opens.
pub(super) fn open(secret: &SecretString, name: &str, text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
    let nonce = aws_lc_rs::aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let opened = key(secret, name)?.open_in_place(nonce, Aad::from(name.as_bytes()), &mut sealed).ok()?;
    Some(opened.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_and_the_name_open_it() {
        let secret = SecretString::from("hush");
        let sealed = seal(&secret, "a", b"token").expect("it is sealed");
        assert_eq!(open(&secret, "a", &sealed).as_deref(), Some(b"token".as_slice()));
        assert_ne!(seal(&secret, "a", b"token"), Some(sealed.clone()), "no two are alike");
        assert_eq!(open(&SecretString::from("other"), "a", &sealed), None);
        assert_eq!(open(&secret, "b", &sealed), None);
        let mut changed = sealed.into_bytes();
        changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
        assert_eq!(open(&secret, "a", &String::from_utf8(changed).expect("text")), None);
        assert_eq!(open(&secret, "a", "x"), None);
    }
}
