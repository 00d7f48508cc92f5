//! One JSON value a line. Source: jsonlines.org.

use ferry_contract::failure::Failure;
use serde_json::{Value, json};

use super::{check_count, rejected};

/// Its values; an empty line is none.
pub(super) fn read(text: &str) -> Result<Value, Failure> {
    let mut items: Vec<Value> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |error| rejected(format!("line {} is no JSON: {error}", index + 1));
        items.push(serde_json::from_str(line).map_err(wrong)?);
        check_count(items.len())?;
    }
    Ok(json!({ "items": items }))
}

/// The lines of values.
pub(super) fn written(input: &Value) -> Vec<u8> {
    let items = input.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| format!("{item}\n")).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = "{\"amount\":1250.10}\n\n[1]\n";
        let read_again = read(text).unwrap();
        assert_eq!(written(&read_again), b"{\"amount\":1250.10}\n[1]\n");
        assert!(read("{}\n{").unwrap_err().message.starts_with("line 2 is no JSON"));
    }
}
