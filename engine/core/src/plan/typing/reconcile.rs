//! What is known of the rows of a reconciliation, and of what it gives.

use ferry_contract::{
    expression::{Expression, Made},
    schema::Kind,
    shape::Shape,
};

use super::{More, Types, selected::Asks};
use crate::{
    plan::{
        Call, Settled, StepIndex,
        reconcile::{Feed, FeedRows, Reconcile},
    },
    recon::Reason,
};

impl<'a> Types<'a> {
    pub(super) fn reconcile(&mut self, index: StepIndex, reconcile: &'a Reconcile, more: &More<'_>) -> Shape {
        for (_, feed) in reconcile.feeds() {
            let row = match &feed.from {
                FeedRows::Action(call) => {
                    drop(self.call(index, call, more));
                    self.item(call)
                }
                FeedRows::File(value) => {
                    self.typing(Some(index), more.clone(), |cx| drop(value.shape(cx)));
                    Shape::default()
                }
                FeedRows::Items(value) => {
                    let items = self.typing(Some(index), more.clone(), |cx| {
                        let items = value.shape(cx);
                        super::must_be_a_list("`items`", &items, value, cx);
                        items
                    });
                    items.schema.items.map(|item| Shape::from(*item)).unwrap_or_default()
                }
            };
            self.columns(feed, &row);
        }
        gives()
    }

    /// What is known of one of the items that an action reads.
    fn item(&mut self, call: &'a Call) -> Shape {
        let Some(action) = self.action(&call.connection, &call.action) else { return Shape::default() };
        let asks = Asks::of(action, &call.with, self.described((&call.connection, action), &call.with));
        asks.selected(action.item.clone().unwrap_or_default())
    }

    fn columns(&mut self, feed: &Feed, row: &Shape) {
        for (name, value) in &feed.columns {
            let shape = self.of_row(value, row);
            let is = match shape.schema.kind {
                Some(Kind::Object) => "a map",
                Some(Kind::Array) => "a list",
                Some(Kind::Boolean) => "true or false",
                Some(Kind::String | Kind::Number | Kind::Integer) | None => continue,
            };
            let message = format!("`{name}` is {is}, and a column has texts or numbers");
            self.report.error("wrong-input", value.at, message, "name a field that has one, such as `$.id`");
        }
        if let Some(when) = &feed.when {
            self.typing(None, vec![("row", row.clone())], |cx| {
                let shape = when.shape(cx);
                when.must_be_true_or_false(&shape, cx);
            });
        }
    }

    /// A path of a row is looked at where the row is known; other values are not.
    fn of_row(&mut self, value: &Expression, row: &Shape) -> Shape {
        let Made::Path(path) = &value.made else { return Shape::default() };
        let Some(steps) = path.steps() else { return Shape::default() };
        self.typing(None, vec![("row", row.clone())], |cx| path.shape_from("row", steps, cx))
    }
}

/// An item of a book, as pipelines get it.
pub(super) fn item(of: Settled) -> Shape {
    let (number, text) = (|| Shape::of_kind(Kind::Number), || Shape::of_kind(Kind::String));
    let not_written = || text().unless("not every row has one");
    let row = || {
        let needed = [("id", text()), ("amount", number()), ("currency", text())];
        let others = [("date", not_written()), ("ref", not_written()), ("party", not_written())];
        let of_right = ["fee", "net"].map(|name| (name, number().unless("only rows of the right have one")));
        Shape::record(needed.into_iter().chain(others).chain(of_right).collect())
    };
    let common = vec![
        ("book", text()),
        ("key", text()),
        ("number", number()),
        ("state", text()),
        ("by", text()),
        ("why", text()),
    ];
    let own = match of {
        Settled::Matches | Settled::Suggestions => vec![
            ("rule", text()),
            ("left", Shape::list(row())),
            ("right", Shape::list(row())),
            ("difference", Shape::record(vec![("amount", number()), ("currency", text())])),
            ("adjust", text().unless("not every rule names an account")),
        ],
        Settled::Exceptions | Settled::WriteOffs => vec![
            ("reason", text()),
            ("side", text()),
            ("row", row()),
            ("others", Shape::list(row())),
            ("account", text().unless("only what is written off has one")),
        ],
    };
    Shape::record(common.into_iter().chain(own).collect())
}

/// The output of the step.
fn gives() -> Shape {
    let (number, text) = (|| Shape::of_kind(Kind::Integer), || Shape::of_kind(Kind::String));
    let reasons = Shape::record(Reason::ALL.iter().map(|(name, _)| (*name, number())).collect());
    let amounts = || Shape::record(vec![("rows", number()), ("amount", Shape::of_kind(Kind::Number))]);
    let sides = || Shape::record(vec![("left", amounts()), ("right", amounts())]);
    let total = Shape::record(vec![
        ("currency", text()),
        ("given", sides()),
        ("matched", sides()),
        ("open", sides()),
        ("difference", Shape::of_kind(Kind::Number)),
    ]);
    let by_rule = Shape::record(vec![("rule", text()), ("matches", number()), ("gives", text())]);
    let adjustment =
        Shape::record(vec![("account", text()), ("currency", text()), ("amount", Shape::of_kind(Kind::Number))]);
    Shape::record(vec![
        ("book", text()),
        ("confirmed", number()),
        ("suggested", number()),
        ("written_off", number()),
        ("exceptions", number()),
        ("reasons", reasons),
        ("rules", Shape::list(by_rule)),
        ("totals", Shape::list(total)),
        ("adjustments", Shape::list(adjustment)),
        ("lines", number()),
        ("left_out", number()),
        ("repeated", number()),
    ])
}
