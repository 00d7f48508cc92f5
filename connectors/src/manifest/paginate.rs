//! The `paginate` of an action: which of four ways leads to the next page.

use ferry_contract::yaml::{
    Node,
    read::{Fields, whole},
};

use super::{Next, Paginate, read::Reader};

impl Reader<'_> {
    pub(super) fn paginate(&mut self, node: &Node) -> Option<Paginate> {
        let keys = ["items", "next", "cursor", "offset", "page", "total"];
        let fields = Fields::open(node, "`paginate`", &keys, self.report)?;
        let items = fields.need("items", "$.items", self.report).and_then(|node| self.path(node));
        let next = self.next_page(fields);
        let total = fields.get("total").and_then(|node| self.path(node));
        Some(Paginate { items: items?, next: next?, total })
    }

    fn next_page(&mut self, fields: Fields<'_>) -> Option<Next> {
        let ways = ["next", "cursor", "offset", "page"];
        let written: Vec<&str> = ways.into_iter().filter(|way| fields.get(way).is_some()).collect();
        let [way] = written.as_slice() else {
            let message = "`paginate` says in one way where the next page is";
            let help = "write one of `next: $.next`, `cursor: { at: $.cursor, parameter: cursor }`, \
                        `offset: { parameter: offset }` and `page: { parameter: page }`";
            self.report.error("missing-key", fields.at(), message, help);
            return None;
        };
        let node = fields.get(way)?;
        match *way {
            "next" => self.path(node).map(Next::Url),
            "cursor" => {
                let fields = Fields::open(node, "`cursor` of pages", &["at", "parameter"], self.report)?;
                let at = fields.need("at", "$.next_cursor", self.report).and_then(|node| self.path(node));
                let parameter = self.needed_text(fields, "parameter", "cursor");
                Some(Next::Cursor { at: at?, parameter: parameter? })
            }
            "offset" => {
                let fields = Fields::open(node, "`offset` of pages", &["parameter"], self.report)?;
                Some(Next::Offset { parameter: self.needed_text(fields, "parameter", "offset")? })
            }
            _ => {
                let fields = Fields::open(node, "`page` of pages", &["parameter", "first"], self.report)?;
                let first = fields.get("first").map_or(Some(1), |node| whole(node, "`first`", self.report));
                Some(Next::Page { parameter: self.needed_text(fields, "parameter", "page")?, first: first? })
            }
        }
    }
}
