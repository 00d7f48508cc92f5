//! `ferry recon`

mod act;
mod list;

use clap::{Args, Subcommand};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{
    Format, Outcome,
    desk::{Actor, DeskArgs},
};
use crate::{limits::LIST_ROWS_DEFAULT, store::StoredItem};

/// Shows what reconciliations have matched and left, and says what a person has decided.
#[derive(Args, Debug)]
pub(super) struct Recon {
    #[command(subcommand)]
    command: ReconCommand,
}

#[derive(Debug, Subcommand)]
enum ReconCommand {
    /// Lists what waits for a person: suggested matches and open exceptions; others with `--state`.
    List(List),
    /// Shows one item: its rows, their amounts, and why.
    Show(Show),
    /// Says yes to a suggested match, or puts rows together that no rule has.
    Accept(Accept),
    /// Says no to a match: its rows are never put together again.
    Reject(One),
    /// Cuts a row into parts, each of which is matched by itself from the next reconciliation on.
    Split(Split),
    /// Closes an exception: its amount goes to an account.
    WriteOff(WriteOff),
    /// Prints items as CSV, all that were asked for.
    Export(Wanted),
}

/// Which items.
#[derive(Args, Debug)]
pub(super) struct Wanted {
    /// Only of this book.
    #[arg(long, value_name = "NAME")]
    book: Option<String>,
    /// In this state: confirmed, suggested, accepted, rejected, open, written_off, resolved, parted, or all.
    #[arg(long, value_name = "STATE")]
    state: Vec<String>,
    /// Only of this reason, or this rule.
    #[arg(long, value_name = "NAME")]
    reason: Option<String>,
    /// Only with this row, or of this key.
    #[arg(long, value_name = "NAME")]
    row: Option<String>,
    #[command(flatten)]
    desk: DeskArgs,
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    wanted: Wanted,
    /// At most that many.
    #[arg(long, default_value_t = LIST_ROWS_DEFAULT, value_name = "N")]
    limit: usize,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
struct Show {
    /// The item's key, or the name of one of its rows.
    #[arg(value_name = "ITEM")]
    item: String,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    desk: DeskArgs,
}

#[derive(Args, Debug)]
struct One {
    /// The item's key.
    #[arg(value_name = "ITEM")]
    item: String,
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    desk: DeskArgs,
}

#[derive(Args, Debug)]
struct Accept {
    /// The key of a suggested match.
    #[arg(value_name = "ITEM", required_unless_present = "left", conflicts_with_all = ["left", "right"])]
    item: Option<String>,
    /// A row of the left that is in no match.
    #[arg(long, value_name = "ROW", requires = "right")]
    left: Vec<String>,
    /// A row of the right that is in no match.
    #[arg(long, value_name = "ROW", requires = "left")]
    right: Vec<String>,
    /// The account that a difference goes to; needed where the sums are not the same.
    #[arg(long, value_name = "ACCOUNT")]
    adjust: Option<String>,
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    desk: DeskArgs,
}

#[derive(Args, Debug)]
struct Split {
    /// The key of the exception that the row is.
    #[arg(value_name = "ITEM")]
    item: String,
    /// The amounts of the parts, which come to the whole.
    #[arg(long, value_name = "AMOUNT", value_delimiter = ',', required = true, allow_negative_numbers = true)]
    into: Vec<Decimal>,
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    desk: DeskArgs,
}

#[derive(Args, Debug)]
struct WriteOff {
    /// The key of the exception.
    #[arg(value_name = "ITEM")]
    item: String,
    /// The account that takes the amount.
    #[arg(long, value_name = "ACCOUNT")]
    account: String,
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    desk: DeskArgs,
}

/// The answer of `ferry recon list --format json` and `ferry recon show --format json`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ItemList {
    /// The items, in the order in which they changed.
    pub items: Vec<StoredItem>,
}

impl Recon {
    pub(super) async fn run(self) -> Outcome {
        match self.command {
            ReconCommand::List(list) => list::list(list).await,
            ReconCommand::Show(show) => list::show(show).await,
            ReconCommand::Export(wanted) => list::export(&wanted).await,
            ReconCommand::Accept(accept) => act::accept(accept).await,
            ReconCommand::Reject(one) => act::reject(one).await,
            ReconCommand::Split(split) => act::split(split).await,
            ReconCommand::WriteOff(write_off) => act::write_off(write_off).await,
        }
    }
}
