//! An answer in XML as JSON: what rules and results read.
//!
//! An element is the text in it, or a map of its attributes (`@name`), its elements by name and its text (`#text`); elements of
//! one name are a list. Prefixes of namespaces are left out. Entities of a document's own are not read: there is no
//! external file and no bomb.

use quick_xml::{
    Reader,
    escape::unescape,
    events::{BytesStart, Event},
};
use serde_json::{Map, Value, map::Entry};

use crate::limits::XML_MAX_DEPTH;

/// Reads a document; nothing where it is none.
pub(crate) fn read(bytes: &[u8]) -> Option<Value> {
    let text = str::from_utf8(bytes).ok()?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open: Vec<(String, Map<String, Value>)> = vec![(String::new(), Map::new())];
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) if open.len() <= XML_MAX_DEPTH => open.push(begun(&element)?),
            Event::Start(_) => return None,
            Event::Empty(element) => {
                let (name, content) = begun(&element)?;
                add(&mut open.last_mut()?.1, name, closed(content));
            }
            Event::End(_) => {
                let (name, content) = open.pop()?;
                add(&mut open.last_mut()?.1, name, closed(content));
            }
            Event::Text(text) => append(&mut open.last_mut()?.1, &text),
            Event::CData(text) => append(&mut open.last_mut()?.1, &text),
            Event::GeneralRef(name) => {
                append(&mut open.last_mut()?.1, &unescape(&format!("&{};", &*name)).ok()?);
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    let (_, mut document) = open.pop().filter(|_| open.is_empty())?;
    document.remove("#text");
    (document.len() == 1).then_some(Value::Object(document))
}

fn begun(element: &BytesStart<'_>) -> Option<(String, Map<String, Value>)> {
    let mut content = Map::new();
    for attribute in element.attributes() {
        let attribute = attribute.ok()?;
        if attribute.key.as_namespace_binding().is_none() {
            let value = unescape(&attribute.value).ok()?.into_owned();
            content.insert(format!("@{}", attribute.key.local_name().as_ref()), Value::from(value));
        }
    }
    Some((element.local_name().as_ref().to_owned(), content))
}

/// Adds an element beside those that are there.
fn add(parent: &mut Map<String, Value>, name: String, value: Value) {
    match parent.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(value);
        }
        Entry::Occupied(mut entry) => match entry.get_mut() {
            Value::Array(items) => items.push(value),
            first => *first = Value::Array(vec![first.take(), value]),
        },
    }
}

fn append(content: &mut Map<String, Value>, text: &str) {
    match content.entry("#text") {
        Entry::Vacant(entry) => {
            entry.insert(Value::from(text));
        }
        Entry::Occupied(mut entry) => {
            if let Value::String(known) = entry.get_mut() {
                known.push_str(text);
            }
        }
    }
}

/// An element without attributes and elements is its text; blanks between elements are none.
fn closed(mut content: Map<String, Value>) -> Value {
    let text = content.remove("#text");
    let text = text.as_ref().and_then(Value::as_str).unwrap_or_default().trim();
    if content.is_empty() {
        return Value::from(text);
    }
    if !text.is_empty() {
        content.insert("#text".to_owned(), Value::from(text));
    }
    Value::Object(content)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_a_map_of_its_elements() {
        let rates = r#"<?xml version="1.0"?><g:Envelope xmlns:g="urn:g" xmlns="urn:e"><g:subject>Reference &amp; rates</g:subject>
            <Cube><Cube time="2026-03-02"><Cube currency="USD" rate="1.0842"/><Cube currency="JPY" rate="163.21"/></Cube></Cube></g:Envelope>"#;
        let expected = json!({ "Envelope": { "subject": "Reference & rates", "Cube": { "Cube": { "@time": "2026-03-02", "Cube": [
            { "@currency": "USD", "@rate": "1.0842" }, { "@currency": "JPY", "@rate": "163.21" }] } } } });
        assert_eq!(read(rates.as_bytes()), Some(expected));
        assert_eq!(read(b"<a><![CDATA[1 < 2]]><b/></a>"), Some(json!({ "a": { "b": "", "#text": "1 < 2" } })));
    }

    #[test]
    fn what_is_no_document_is_none() {
        let deep = ["<a>", "</a>"].map(|tag| tag.repeat(XML_MAX_DEPTH + 1)).concat();
        for text in
            ["", "{}", "<a>", "<a></b>", "<a/><b/>", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", deep.as_str()]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
