//! The `bundle` of an action: how calls of many runs travel as one request, and how each learns what it got.

use ferry_contract::{
    script::Form,
    yaml::{
        Node,
        read::{Fields, flag, map, one_of, whole},
    },
};

use super::{
    Bundle, By, Refused, Results,
    read::{RESPONSE_NAMES, Reader},
    request::REQUEST_NAMES,
};
use crate::limits::BUNDLE_MAX_CALLS;

impl Reader<'_> {
    pub(super) fn bundle(&mut self, node: &Node) -> Option<Bundle> {
        let keys = ["max", "within", "items", "order", "atomic", "refused", "results"];
        let fields = Fields::open(node, "`bundle`", &keys, self.report)?;
        let max = whole(fields.need("max", "200", self.report)?, "`max`", self.report)?;
        Some(Bundle {
            max: usize::try_from(max).unwrap_or(BUNDLE_MAX_CALLS).clamp(1, BUNDLE_MAX_CALLS),
            within: self.duration_of(fields, "within").unwrap_or_default(),
            items: {
                let node = fields.need("items", "$.items", self.report)?;
                self.path(node)
            }?,
            order: match fields.get("order") {
                Some(node) => Some(self.compiler(&REQUEST_NAMES).expression(node)?),
                None => None,
            },
            is_atomic: fields.get("atomic").and_then(|node| flag(node, "`atomic`", self.report)).unwrap_or(false),
            refused: fields.get("refused").and_then(|node| self.refused(node)),
            results: match fields.get("results") {
                Some(node) => Some(self.results(node)?),
                None => None,
            },
        })
    }

    fn refused(&mut self, node: &Node) -> Option<Refused> {
        let fields = Fields::open(node, "`refused`", &["errors", "index", "message", "code", "classes"], self.report)?;
        let classes = fields.get("classes").and_then(|node| map(node, "`classes`", self.report)).unwrap_or_default();
        Some(Refused {
            errors: {
                let node = fields.need("errors", "$.errors", self.report)?;
                self.path(node)
            }?,
            index: {
                let node = fields.need("index", "$.index", self.report)?;
                self.path(node)
            }?,
            message: {
                let node = fields.need("message", "$.message", self.report)?;
                self.path(node)
            }?,
            code: {
                let node = fields.need("code", "$.code", self.report)?;
                self.path(node)
            }?,
            classes: classes.iter().filter_map(|(code, node)| Some((code.value.clone(), self.class(node)?))).collect(),
        })
    }

    fn results(&mut self, node: &Node) -> Option<Results> {
        let fields = Fields::open(node, "`results`", &["when", "items", "by"], self.report)?;
        let when = fields.need("when", "\"status == 200\"", self.report);
        let when = when.and_then(|node| self.compiler(&RESPONSE_NAMES).script(node, Form::Expression));
        let items = fields.need("items", "$.results", self.report).and_then(|node| self.path(node));
        let by = fields.need("by", "index", self.report).and_then(|node| self.by(node));
        Some(Results { when: when?, items: items?, by: by? })
    }

    fn by(&mut self, node: &Node) -> Option<By> {
        if node.entries().is_none() {
            return one_of(node, "a way to find a call's result", &[("index", ())], self.report).map(|()| By::Index);
        }
        let fields = Fields::open(node, "`by` of results", &["theirs", "ours"], self.report)?;
        let theirs = fields.need("theirs", "$.reference", self.report).and_then(|node| self.path(node));
        let ours = fields.need("ours", "$.reference", self.report).and_then(|node| self.path(node));
        Some(By::Key { theirs: theirs?, ours: ours? })
    }
}
