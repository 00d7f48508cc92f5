//! Text inside XML. Source: XML 1.0, sections 2.2 and 2.4.

/// Escapes a text for content and for attributes; what XML cannot hold becomes a replacement sign.
///
/// ```
/// assert_eq!(ferry_contract::xml::escaped("a < \"b\" & \u{1b}"), "a &lt; &quot;b&quot; &amp; \u{fffd}");
/// ```
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' => escaped.push(letter),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(letter),
        }
    }
    escaped
}
