//! Maps that were meant to make a value, and would be sent as they are written: what belongs beside `from` stands beside a
//! builder, or the name of one is misspelt.
//!
//! Data may have any keys, so that only what is never data is a finding: a modifier with a value that it takes, an
//! expression that compiles.

use ferry_contract::{
    expression::Compiler,
    report::Spanned,
    script::{Form as Rhai, Script},
    suggest::nearest,
    yaml::{Kind, Node},
};

use super::{BUILDERS, is_operator};

type Entry = (Spanned<String>, Node);

/// The parts of a builder's map that it needs, and those that it may have.
const PARTS: [(&str, &[&str], &[&str]); 6] = [
    ("money", &["amount", "currency"], &["round"]),
    ("convert", &["money", "to", "rates"], &["max_age", "at"]),
    ("fee", &["of", "schedule"], &["with"]),
    ("each", &["in", "map"], &["as"]),
    ("xref", &["table", "key"], &["else"]),
    ("merge", &["sides", "master"], &[]),
];

/// How much of a value is repeated in a message, in bytes.
const SHOWN_MAX_BYTES: usize = 40;

/// Reports a map that was meant to make a value; whether it did.
pub(super) fn report(node: &Node, compiler: &mut Compiler<'_>) -> bool {
    let Some(entries) = node.entries() else { return false };
    match entries.iter().find(|entry| is_builder(entry)) {
        Some(builder) => beside(builder, entries, compiler),
        None => misspelt(entries, compiler),
    }
}

/// Whether nothing but a builder is written so.
fn is_builder((key, value): &Entry) -> bool {
    match key.value.as_str() {
        "rhai" => value.text().is_some(),
        // Many systems call a text `text`.
        "text" => value.text().is_some_and(|text| text.contains("{$")),
        "switch" => is_cases(value),
        name => {
            BUILDERS.iter().any(|(builder, form, _, _)| *builder == name && form.is_of(value))
                && has_its_parts(name, value)
        }
    }
}

/// Whether a map has what a builder of this name needs: `{ fee: { amount: 1 } }` is data.
fn has_its_parts(builder: &str, value: &Node) -> bool {
    let needs = PARTS.iter().find(|(name, ..)| *name == builder).map_or(&[][..], |(_, needs, _)| *needs);
    needs.iter().all(|key| value.get(key).is_some())
}

fn is_cases(value: &Node) -> bool {
    let Kind::List(items) = &value.kind else { return false };
    items.first().is_some_and(|item| item.get("when").is_some())
}

/// What stands beside a builder.
fn beside((builder, value): &Entry, entries: &[Entry], compiler: &mut Compiler<'_>) -> bool {
    let builder = builder.value.as_str();
    let takes: &[&str] = BUILDERS.iter().find(|(name, ..)| *name == builder).map_or(&[], |(_, _, takes, _)| *takes);
    let is_other = |entry: &&Entry| entry.0.value != builder && !takes.contains(&entry.0.value.as_str());
    let others: Vec<&Entry> = entries.iter().filter(is_other).collect();
    let Some((key, first)) = others.first() else { return false };
    let name = key.value.as_str();
    if others.iter().all(|entry| is_modifier(entry)) && !(builder == "switch" && name == "else") {
        let message = format!("only `from` takes `{name}`, so this map would be sent as it is written");
        let shown: Vec<String> = others.iter().map(|entry| shown(entry, compiler)).collect();
        let help = format!(
            "write `{{ from: {{ {builder}: … }}, {} }}`, or `object: {{ … }}` for a map with these keys",
            shown.join(", ")
        );
        compiler.report.error("misplaced-key", key.at, message, help);
        return true;
    }
    if let Some(near) = nearest(name, takes.iter().copied()) {
        let message = format!("`{builder}` takes no `{name}`");
        compiler.report.error("unknown-key", key.at, message, format!("did you mean `{near}`?"));
        return true;
    }
    let inside = shown(&(key.clone(), first.clone()), compiler);
    let help = match builder {
        "switch" if name == "else" => format!("write it as the last of the list: `- {{ {inside} }}`"),
        _ if is_part(builder, value, name) => format!("write `{{ {builder}: {{ …, {inside} }} }}`"),
        // A path beside other fields is data.
        "rhai" if value.text().is_some_and(|text| text.starts_with('$')) => return false,
        "rhai" | "switch" | "first_of" | "concat" => {
            let message = format!("a map with `{builder}` makes one value, and takes no `{name}`");
            let help = format!("remove `{name}`, or write `object: {{ … }}` for a map with these keys");
            compiler.report.error("unknown-key", key.at, message, help);
            return true;
        }
        _ => return false,
    };
    compiler.report.error("misplaced-key", key.at, format!("`{name}` belongs inside of `{builder}`"), help);
    true
}

/// Whether a key beside a builder, which has all that it needs, is one that it may have.
fn is_part(builder: &str, value: &Node, name: &str) -> bool {
    let is_known = PARTS.iter().any(|(part_of, _, may_have)| *part_of == builder && may_have.contains(&name));
    is_known && has_its_parts(builder, value)
}

/// A map without a builder, where one letter makes the difference.
fn misspelt(entries: &[Entry], compiler: &mut Compiler<'_>) -> bool {
    let found = match entries {
        [(key, value)] if is_near(key, "rhai") && is_expression(value, compiler) => Some((key, "rhai")),
        [(key, value), ..] if is_near(key, "switch") && is_cases(value) => Some((key, "switch")),
        [_] => None,
        _ => almost_from(entries).map(|key| (key, "from")),
    };
    let Some((key, builder)) = found else { return false };
    let message = format!("`{}` makes no value, so this map would be sent as it is written", key.value);
    let help = format!("did you mean `{builder}`? A map with this key is written as `object: {{ … }}`");
    compiler.report.error("unknown-key", key.at, message, help);
    true
}

/// The one key that is no modifier, where it is almost `from` and has a value that is read.
fn almost_from(entries: &[Entry]) -> Option<&Spanned<String>> {
    let is_or = |entry: &Entry| entry.0.value == "else" && entries.iter().any(|(key, _)| key.value == "lookup");
    let mut others = entries.iter().filter(|entry| !is_modifier(entry) && !is_or(entry));
    let (key, value) = others.next().filter(|(key, _)| is_near(key, "from"))?;
    let is_read = value.text().is_some_and(|text| text.starts_with("$.")) || is_operator(value);
    (is_read && others.next().is_none()).then_some(key)
}

fn is_near(key: &Spanned<String>, name: &str) -> bool {
    key.value != name && nearest(&key.value, [name]).is_some()
}

/// Whether a text is Rhai that reads something of what is there; one word may be a word.
fn is_expression(value: &Node, compiler: &Compiler<'_>) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let Some(text) = value.text().filter(|text| !text.chars().all(is_word)) else { return false };
    Script::compile(compiler.rules, text, Rhai::Expression, compiler.names)
        .is_ok_and(|script| !script.variables().is_empty())
}

/// Whether a key is a modifier of `from`, with a value that it takes.
fn is_modifier((key, value): &Entry) -> bool {
    let is_word = |words: &[&str]| value.text().is_some_and(|text| words.iter().any(|word| text.starts_with(word)));
    match key.value.as_str() {
        "default" => true,
        "required" | "many" | "trim" | "upper" | "lower" | "currency_symbol" => matches!(value.kind, Kind::Bool(_)),
        "max_length" => matches!(value.kind, Kind::Number(_)),
        "as" => is_word(&["string", "integer", "boolean", "date", "decimal("]),
        "country" => is_word(&["alpha2", "alpha3"]),
        "mask" => is_word(&["last4"]),
        "pattern" | "lookup" => value.text().is_some_and(|text| !text.starts_with('$')),
        "split" => value.get("by").is_some(),
        "date" => ["in", "zone", "out"].iter().any(|key| value.get(key).is_some()),
        _ => false,
    }
}

/// A key with its value, as they are written.
fn shown((key, value): &Entry, compiler: &Compiler<'_>) -> String {
    let text = compiler.report.source.text.get(value.at.start as usize..value.at.end as usize);
    let short = text.filter(|text| !text.is_empty() && text.len() <= SHOWN_MAX_BYTES && !text.contains('\n'));
    format!("{}: {}", key.value, short.map_or("…", str::trim))
}
