//! A path in the first line, a document in the rest: whatever is read is evaluated.

#![no_main]

use ferry_contract::path::{Document, Path, PathError};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &str| {
    let (text, document) = input.split_once('\n').unwrap_or((input, "{}"));
    let Ok(path) = Path::parse(text) else { return };
    let Ok(mut value) = serde_json::from_str::<Value>(document) else { return };
    let document = Document::Value(&value);
    let all = path.many(document).len();
    match path.one(document) {
        Ok(_) => assert_eq!(all, 1, "{text} gives one"),
        Err(PathError::Missing(_)) => assert_eq!(all, 0, "{text} gives none"),
        Err(PathError::Several { matches, .. }) => assert_eq!(all, matches, "{text} gives several"),
    }
    assert!(!path.is_singular() || all < 2, "{text} is said to give one");
    let _ = (path.root(), path.names(), path.dotted());
    let _ = path.slot(&mut value);
});
