//! Ways from a name into its fields, with findings where they lead nowhere.

use super::{Shape, Typing, in_words};
use crate::{
    path::{Part, Path, Step},
    report::{At, Report},
    schema::{Kind, Schema},
};

impl Path {
    /// What is at the end of the path, with a finding where it leads nowhere.
    pub fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        if self.is_plural() {
            let message = format!("`{}` gives each of them, and one value is needed", self.text());
            let help = format!(
                "take all as a list, `{{ from: \"{}\", many: true }}`, or say which one, such as `[0]`",
                self.text()
            );
            cx.report.warning("several-values", self.at(), message, help);
        }
        match (self.root(), self.steps()) {
            (Some(root), Some([_, steps @ ..])) => self.shape_from(root, steps, cx),
            (Some(root), None) => self.shape_of_way(root, cx),
            _ => Shape::default(),
        }
    }

    /// The same for a query; whether it finds anything is not known.
    fn shape_of_way(&self, root: &str, cx: &mut Typing<'_>) -> Shape {
        let Some(shape) = cx.known.root(root) else { return Shape::default() };
        let mut walk = Walk::of(root, shape);
        for part in self.way() {
            match part {
                Part::Field(name) => walk.field(&name, self.at(), cx),
                // Of a map, a filter selects among its fields.
                Part::Items(_) if walk.shape.schema.kind == Some(Kind::Object) => return Shape::default(),
                Part::Items(compared) => {
                    walk.item("[…]", self.at(), cx);
                    walk.shape.unsure = None;
                    for names in compared {
                        let mut item = walk.clone();
                        names.iter().for_each(|name| item.field(name, self.at(), cx));
                    }
                }
            }
        }
        if self.is_way() { walk.end(cx) } else { Shape::default() }
    }

    /// The same for steps from a root that the path does not name.
    pub fn shape_from(&self, root: &str, steps: &[Step], cx: &mut Typing<'_>) -> Shape {
        let Some(shape) = cx.known.root(root) else { return Shape::default() };
        let mut walk = Walk::of(root, shape);
        for step in steps {
            match step {
                Step::Name(name) => walk.field(name, self.at(), cx),
                Step::Index(index) => walk.item(&format!("[{index}]"), self.at(), cx),
            }
        }
        walk.end(cx)
    }
}

/// A way from a root into its fields.
#[derive(Clone)]
pub(super) struct Walk {
    pub(super) shape: Shape,
    names: Vec<String>,
}

impl Walk {
    pub(super) fn of(root: &str, shape: &Shape) -> Self {
        let guard = shape.unsure.as_ref().map(|_| format!("{root} != ()"));
        Self { shape: Shape { guard, ..shape.clone() }, names: vec![root.to_owned()] }
    }

    /// Whether what was walked so far is there.
    pub(super) fn is_sure(&self, cx: &Typing<'_>) -> bool {
        // What was looked at before is there as a whole, and so is all on the way to it.
        self.shape.unsure.is_none() || cx.certain.iter().any(|known| known.starts_with(&self.names))
    }

    pub(super) fn field(&mut self, name: &str, at: At, cx: &mut Typing<'_>) {
        if self.is_sure(cx) {
            self.shape.unsure = None;
        }
        self.names.push(name.to_owned());
        let Schema { kind, properties, .. } = &self.shape.schema;
        let found = self.shape.schema.field(name);
        let is_listed = self.shape.schema.property(name).is_some();
        let may_lack = is_listed && self.shape.schema.may_lack(name);
        let unsure = may_lack.then(|| format!("`{name}` is not always there"));
        let mut is_wrong = false;
        let next = match (found, kind) {
            (Some(schema), _) => schema.clone(),
            (None, None | Some(Kind::Object)) if !self.shape.schema.is_closed() => Schema::default(),
            (None, None | Some(Kind::Object)) if properties.is_empty() => {
                let message = format!("`{}` has no fields, and so no `{name}`", self.whole());
                cx.report.error("unknown-field", at, message, "read what has it, or remove it");
                is_wrong = true;
                Schema::default()
            }
            (None, None | Some(Kind::Object)) => {
                let known: Vec<&str> = properties.iter().map(|(name, _)| name.as_str()).collect();
                let message = format!("`{}` has no `{name}`", self.whole());
                cx.report.unknown("unknown-field", at, message, (name, &known));
                is_wrong = true;
                Schema::default()
            }
            (None, Some(kind)) => {
                let whole = self.whole();
                let message = format!("`{whole}` is {}, which has no fields", in_words(*kind));
                cx.report.error("unknown-field", at, message, format!("read `{whole}` itself"));
                is_wrong = true;
                Schema::default()
            }
        };
        if is_wrong {
            // One finding for one place.
            self.shape = Shape::default();
            return;
        }
        let guard = match self.shape.unsure {
            Some(_) => self.shape.guard.take(),
            None => unsure.as_ref().and_then(|_| self.looks_for(name)),
        };
        let unsure = self.shape.unsure.take().or(unsure);
        self.shape = Shape { schema: next, unsure, guard };
    }

    /// The condition that the last name is there; items of lists are not one value.
    fn looks_for(&self, name: &str) -> Option<String> {
        let is_plain = self.names.iter().all(|name| name != "[]");
        is_plain.then(|| format!("\"{name}\" in {}", self.whole()))
    }

    /// What the last name is a field of.
    fn whole(&self) -> String {
        self.names[..self.names.len() - 1].join(".").replace(".[]", "[]")
    }

    fn item(&mut self, written: &str, at: At, cx: &mut Typing<'_>) {
        if self.is_sure(cx) {
            self.shape.unsure = None;
        }
        let whole = self.names.join(".").replace(".[]", "[]");
        let kind = self.shape.schema.kind;
        if let Some(kind) = kind.filter(|kind| *kind != Kind::Array) {
            let lists = self.shape.schema.properties.iter().filter(|(_, inner)| inner.kind == Some(Kind::Array));
            let help = match lists.map(|(name, _)| name).next() {
                Some(list) => format!("read the list in it: `{whole}.{list}{written}`"),
                None => format!("read `{whole}` itself"),
            };
            let message = format!("`{whole}` is {}, and has no items", in_words(kind));
            cx.report.error("unknown-field", at, message, help);
            self.shape = Shape::default();
        }
        let empty = || format!("`{whole}` may have no such item");
        let may_be_empty = kind == Some(Kind::Array) && self.shape.schema.is_sparse;
        let unsure = self.shape.unsure.take().or_else(|| may_be_empty.then(empty));
        let items = self.shape.schema.items.take().map(|items| *items).unwrap_or_default();
        self.names.push("[]".to_owned());
        self.shape = Shape { schema: items, unsure, guard: None };
    }

    pub(super) fn end(mut self, cx: &Typing<'_>) -> Shape {
        if self.is_sure(cx) {
            self.shape.unsure = None;
        }
        // Where nothing is known of what is there, that one field is says nothing of the others.
        if self.shape.schema.says_what_is_there() {
            let inside = cx.certain.iter().filter(|known| known.starts_with(&self.names));
            self.shape.schema.required.extend(inside.filter_map(|known| known.get(self.names.len()).cloned()));
        }
        self.shape
    }
}

pub(super) fn uncertain(read: &str, at: At, (why, guard): (&str, Option<&str>), report: &mut Report) {
    let message = format!("`{read}` may be missing: {why}");
    let look = match guard {
        Some(guard) if guard.starts_with('"') => format!("look first: `when: '{guard}'`"),
        Some(guard) => format!("look first: `when: {guard}`"),
        None => "look first with a `check` that it is `present`".to_owned(),
    };
    report.warning(
        "uncertain-value",
        at,
        message,
        format!("say what stands for it, `{{ from: {read}, default: … }}`, or {look}"),
    );
}
