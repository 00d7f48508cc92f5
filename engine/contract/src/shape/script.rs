//! What scripts read and compare, against what is known.

use super::{Shape, Typing, in_words, kinds, may_be, plain, walk::Walk};
use crate::{
    number,
    schema::Kind,
    script::{Access, Comparison, Script},
};

impl Script {
    /// Checks what the script reads and compares; gives the kind of its value, where that is certain.
    pub fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        self.shape_after(&|_| Vec::new(), cx)
    }

    /// The same where so many parts of a whole `&&` show more than their own text does.
    pub fn shape_after(&self, shows: &dyn Fn(usize) -> Vec<Vec<String>>, cx: &mut Typing<'_>) -> Shape {
        for access in &self.reads().accesses {
            let shown = access.shown.iter().cloned().chain(shows(access.part)).collect();
            cx.knowing(shown, |cx| look_at(access, cx));
        }
        self.reads().comparisons.iter().for_each(|comparison| compare(comparison, cx));
        let kind = self.reads().tree.as_ref().and_then(|tree| kinds::kind(tree, cx));
        kind.map_or_else(Shape::default, Shape::of_kind)
    }
}

fn look_at(access: &Access, cx: &mut Typing<'_>) {
    let [(root, at), fields @ ..] = access.names.as_slice() else { return };
    let Some(shape) = cx.known.root(root) else { return };
    let mut walk = Walk::of(root, shape);
    let mut is_absent = false;
    for (place, (name, at)) in fields.iter().enumerate() {
        // Texts, lists and numbers have properties of Rhai's own, such as `len`.
        if walk.shape.schema.kind.is_some_and(|kind| kind != Kind::Object) {
            return;
        }
        if access.safe.contains(&(place + 1)) && !is_absent {
            walk.shape.unsure = None;
        }
        let was_sure = walk.is_sure(cx);
        walk.field(name, *at, cx);
        is_absent |= was_sure && walk.shape.unsure.is_some();
    }
    let end = walk.end(cx);
    // A name alone may be handed on as nothing; a field of nothing is an error.
    let (Some(why), true) = (&end.unsure, access.is_asked || !fields.is_empty()) else { return };
    let read: Vec<&str> = access.names.iter().map(|(name, _)| name.as_str()).collect();
    let last = fields.last().map_or(at, |(_, last)| last);
    let at = if last.line == 0 { *at } else { *last };
    let message = format!("`{}` may be missing: {why}", read.join("."));
    let mut help = match &end.guard {
        Some(guard) => format!("look first: `{guard}`"),
        None => "look first with a `check` that it is `present`".to_owned(),
    };
    if is_absent && (access.may_be_nothing || !access.safe.is_empty()) {
        help += "; `()`, `??` and `?.` are for what is there and null";
    }
    cx.report.warning("uncertain-value", at, message, help);
}

/// A text is never a number, and a value outside of a closed list never comes.
fn compare(comparison: &Comparison, cx: &mut Typing<'_>) {
    let Some((root, fields)) = comparison.names.split_first() else { return };
    let Some(shape) = cx.known.root(root) else { return };
    let mut schema = &shape.schema;
    for field in fields {
        let Some(next) = schema.field(field) else { return };
        schema = next;
    }
    let field = comparison.names.join(".");
    let is_equality = ["==", "!=", "in"].contains(&comparison.operator.as_str());
    for (constant, at) in comparison.constants.iter().filter(|(constant, _)| !constant.is_null()) {
        let other = Shape::of(constant).schema;
        match (schema.kind, other.kind) {
            (Some(ours), Some(theirs)) if !may_be(ours, theirs) && !may_be(theirs, ours) => {
                let message =
                    format!("`{field}` is {}, and is never `{} {constant}`", in_words(ours), comparison.operator);
                let help = match (ours, theirs) {
                    (Kind::String, Kind::Number | Kind::Integer) => {
                        format!("read its number first, `parse_decimal({field})`, or compare it with a text")
                    }
                    _ => format!("compare it with {}", in_words(ours)),
                };
                cx.report.error("mixed-comparison", *at, message, help);
            }
            _ if is_equality
                && !schema.values.is_empty()
                && !schema.values.iter().any(|value| number::equal(value, constant)) =>
            {
                let known: Vec<String> = schema.values.iter().map(plain).collect();
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let message = format!("`{field}` is never {constant}");
                cx.report.unknown("mixed-comparison", *at, message, (&plain(constant), &known));
            }
            _ => {}
        }
    }
}
