//! `${env:NAME}` and `${secret:path}`, each with `:-default`, read when a project is loaded.

use secrecy::SecretString;

/// Why a reference has no value. Never holds the value itself.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReferenceError {
    /// It is not set, and has no default.
    #[error("{0}")]
    Missing(String),
    /// It cannot be read.
    #[error("a `${{…}}` in it is no reference; write `${{env:NAME}}` or `${{secret:path}}`")]
    Malformed,
}

/// A leaf of `ferry.yaml` with its references replaced.
///
/// # Errors
/// [`ReferenceError`] naming what is to be set.
pub fn resolve(text: &str) -> Result<SecretString, ReferenceError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        out.push_str(before);
        let (reference, after) = reference.split_once('}').ok_or(ReferenceError::Malformed)?;
        out.push_str(&value(reference)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(SecretString::from(out))
}

fn value(reference: &str) -> Result<String, ReferenceError> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let (found, hint) = match name.split_once(':') {
        Some(("env", name)) => (std::env::var(name).ok(), format!("set the environment variable {name}")),
        Some(("secret", path)) => {
            (secret(path), format!("put the secret into $FERRY_SECRETS_DIR/{path}, or into {}", variable(path)))
        }
        Some(_) | None => return Err(ReferenceError::Malformed),
    };
    found.or_else(|| default.map(str::to_owned)).ok_or(ReferenceError::Missing(hint))
}

fn secret(path: &str) -> Option<String> {
    if let Ok(value) = std::env::var(variable(path)) {
        return Some(value);
    }
    let folder = std::env::var_os("FERRY_SECRETS_DIR")?;
    let inside = std::path::Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let text = inside.then(|| std::fs::read_to_string(std::path::Path::new(&folder).join(path)))?.ok()?;
    Some(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn variable(path: &str) -> String {
    let name: String =
        path.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("FERRY_SECRET_{name}")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn references_are_replaced_and_missing_ones_named() {
        let resolved = |text: &str| resolve(text).map(|value| value.expose_secret().to_owned());
        assert_eq!(resolved("a${env:FERRY_NO_SUCH:-b}c"), Ok("abc".to_owned()));
        assert_eq!(resolved("plain"), Ok("plain".to_owned()));
        assert_eq!(resolved("${env:CARGO_PKG_NAME}"), Ok("ferry".to_owned()));
        let missing = resolved("${secret:payoneer/client-secret}").unwrap_err().to_string();
        assert!(missing.ends_with("or into FERRY_SECRET_PAYONEER_CLIENT_SECRET"), "{missing}");
        assert!(matches!(resolved("${vault:x}"), Err(ReferenceError::Malformed)));
        assert!(matches!(resolved("${env:X"), Err(ReferenceError::Malformed)));
    }
}
