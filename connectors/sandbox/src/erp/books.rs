//! What one company has booked: entries, invoices and payments, and what may be done with them.
//!
//! Debits equal credits in whatever is posted, and what is posted never changes.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::wire;

/// The account that customers owe on.
pub(super) const RECEIVABLE: &str = "1.2.1";

/// The account of what a payment processor has not paid out yet.
pub(super) const CLEARING: &str = "1.1.9";

/// The accounts: code, name, whether a line must name a party, whether there can be lines at all.
const CHART: [(&str, &str, bool, bool); 11] = [
    ("1.1.0", "Cash And Financial Assets", false, false),
    ("1.1.1", "Cash and Cash Equivalents", false, true),
    (CLEARING, "Processor clearing", false, true),
    (RECEIVABLE, "Accounts, Notes And Loans Receivable", true, true),
    ("2.1.1", "Trade Payables", true, true),
    ("2.1.9", "Money of nobody yet", false, true),
    ("4.1.1", "Goods", false, true),
    ("4.1.9", "Payment differences", false, true),
    ("5.1.1", "Vendor shares", false, true),
    ("6.9.1", "Payment processing fees", false, true),
    ("6.9.2", "Affiliate shares", false, true),
];

/// The parties of the start, the company itself first.
const PARTIES: [&str; 3] = ["Dunder Mifflin", "Acme Marketplace", "Bluth Trading"];

/// An account.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// Its number in the chart.
    pub(super) code: String,
    /// Its name.
    pub(super) name: String,
    /// Whether a line must name a party.
    pub(super) needs_party: bool,
    /// Whether there can be lines.
    pub(super) takes_lines: bool,
}

/// Somebody with whom the company deals; its code is its place, from 1.
#[derive(Clone, Debug)]
pub(super) struct Party {
    /// Its code.
    pub(super) code: String,
    /// Its name.
    pub(super) name: String,
}

/// One line of an entry; accounts and parties are places in their lists.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Of all lines.
    pub(super) id: usize,
    /// The account.
    pub(super) account: usize,
    /// What the account gets, else zero.
    pub(super) debit: Decimal,
    /// What it gives, else zero.
    pub(super) credit: Decimal,
    /// With whom.
    pub(super) party: Option<usize>,
    /// What for.
    pub(super) memo: String,
}

/// An entry of the general ledger.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Our name of it; empty where another document made it.
    pub(super) reference: String,
    /// In words, where it has a place of its own.
    pub(super) memo: String,
    /// When.
    pub(super) date: Date,
    /// Its number once it is posted.
    pub(super) number: Option<String>,
    /// Its lines in their order.
    pub(super) lines: Vec<Line>,
}

/// How far an invoice is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Invoiced {
    /// Can be changed.
    Draft,
    /// Is in the books.
    Posted,
    /// Is paid.
    Paid,
}

/// What is sold.
#[derive(Clone, Debug)]
pub(super) struct Sold {
    /// In words.
    pub(super) description: String,
    /// How many.
    pub(super) quantity: Decimal,
    /// For how much each.
    pub(super) unit_price: Decimal,
    /// The revenue's account.
    pub(super) account: usize,
}

/// An invoice to a customer.
#[derive(Clone, Debug)]
pub(super) struct Invoice {
    /// Our name of it.
    pub(super) reference: String,
    /// When; the day of its posting where nothing is said.
    pub(super) date: Option<Date>,
    /// In words.
    pub(super) memo: String,
    /// Who owes.
    pub(super) party: usize,
    /// The receivable's account.
    pub(super) account: usize,
    /// What is sold.
    pub(super) lines: Vec<Sold>,
    /// How far it is.
    pub(super) state: Invoiced,
    /// Its number once it is posted.
    pub(super) number: Option<String>,
    /// What was paid of it.
    pub(super) paid: Decimal,
}

impl Invoice {
    /// What is owed in all.
    pub(super) fn total(&self) -> Decimal {
        wire::cents(self.lines.iter().map(|line| (line.quantity * line.unit_price).round_dp(2)).sum())
    }

    /// What is still owed.
    pub(super) fn open(&self) -> Decimal {
        if self.state == Invoiced::Draft { Decimal::ZERO } else { self.total() - self.paid }
    }
}

/// How far a payment is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Settled {
    /// Changes nothing yet.
    Draft,
    /// The invoice is paid, by an entry that is not posted.
    Validated,
    /// The entry is posted.
    Posted,
}

/// A payment of an invoice.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    /// Our name of it.
    pub(super) reference: String,
    /// When.
    pub(super) date: Date,
    /// How much.
    pub(super) amount: Decimal,
    /// Which invoice.
    pub(super) invoice: usize,
    /// The entry that it made.
    pub(super) entry: Option<usize>,
    /// How far it is.
    pub(super) state: Settled,
}

/// Why something is not done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// Its debits are not its credits.
    Unbalanced,
    /// It is not in a state in which this can be done.
    State,
    /// More than what is owed.
    Overpaid,
}

/// The books.
#[derive(Debug)]
pub(super) struct Books {
    /// The chart of accounts.
    pub(super) accounts: Vec<Account>,
    /// The parties.
    pub(super) parties: Vec<Party>,
    /// The entries.
    pub(super) entries: Vec<Entry>,
    /// The invoices.
    pub(super) invoices: Vec<Invoice>,
    /// The payments.
    pub(super) payments: Vec<Payment>,
    lines: usize,
    posted: usize,
}

impl Books {
    /// Opens them with nothing booked.
    pub(super) fn new() -> Self {
        let accounts = CHART.map(|(code, name, needs_party, takes_lines)| {
            let (code, name) = (code.to_owned(), name.to_owned());
            Account { code, name, needs_party, takes_lines }
        });
        let mut books = Self {
            accounts: accounts.into(),
            parties: Vec::new(),
            entries: Vec::new(),
            invoices: Vec::new(),
            payments: Vec::new(),
            lines: 0,
            posted: 0,
        };
        PARTIES.iter().for_each(|name| {
            books.welcome(name);
        });
        books
    }

    /// Adds a party, and says its code.
    pub(super) fn welcome(&mut self, name: &str) -> String {
        let code = (self.parties.len() + 1).to_string();
        self.parties.push(Party { code: code.clone(), name: name.to_owned() });
        code
    }

    /// Adds an entry that is not posted; its lines get their ids.
    pub(super) fn enter(&mut self, mut entry: Entry) -> usize {
        for line in &mut entry.lines {
            self.lines += 1;
            line.id = self.lines;
        }
        self.entries.push(entry);
        self.entries.len() - 1
    }

    /// Posts an entry.
    pub(super) fn post(&mut self, index: usize) -> Result<(), Refused> {
        let entry = &mut self.entries[index];
        if entry.number.is_some() {
            return Err(Refused::State);
        }
        if !is_balanced(&entry.lines) {
            return Err(Refused::Unbalanced);
        }
        self.posted += 1;
        entry.number = Some(self.posted.to_string());
        Ok(())
    }

    /// Posts an invoice, with the entry that it makes.
    pub(super) fn post_invoice(&mut self, index: usize, today: Date) -> Result<(), Refused> {
        let invoice = self.invoices[index].clone();
        if invoice.state != Invoiced::Draft {
            return Err(Refused::State);
        }
        let date = invoice.date.unwrap_or(today);
        let owed = line(invoice.account, invoice.total(), Some(invoice.party));
        let sold = invoice
            .lines
            .iter()
            .map(|sold| line(sold.account, -wire::cents((sold.quantity * sold.unit_price).round_dp(2)), None));
        let lines = std::iter::once(owed).chain(sold).collect();
        let entry = self.enter(Entry { reference: String::new(), memo: String::new(), date, number: None, lines });
        self.post(entry)?;
        let number = self.invoices.iter().filter(|invoice| invoice.number.is_some()).count() + 1;
        let invoice = &mut self.invoices[index];
        (invoice.date, invoice.state, invoice.number) = (Some(date), Invoiced::Posted, Some(number.to_string()));
        Ok(())
    }

    /// Lets a payment pay its invoice, with an entry that is not posted.
    pub(super) fn validate_payment(&mut self, index: usize) -> Result<(), Refused> {
        let payment = self.payments[index].clone();
        if payment.state != Settled::Draft {
            return Err(Refused::State);
        }
        let invoice = &mut self.invoices[payment.invoice];
        if payment.amount > invoice.open() {
            return Err(Refused::Overpaid);
        }
        invoice.paid += payment.amount;
        if invoice.open().is_zero() {
            invoice.state = Invoiced::Paid;
        }
        let (account, party) = (invoice.account, invoice.party);
        let clearing = self.account(CLEARING).expect("the chart has it");
        let lines = vec![line(clearing, payment.amount, None), line(account, -payment.amount, Some(party))];
        let entry = self.enter(Entry {
            reference: String::new(),
            memo: String::new(),
            date: payment.date,
            number: None,
            lines,
        });
        let payment = &mut self.payments[index];
        (payment.entry, payment.state) = (Some(entry), Settled::Validated);
        Ok(())
    }

    /// Posts the entry of a payment.
    pub(super) fn post_payment(&mut self, index: usize) -> Result<(), Refused> {
        let payment = &self.payments[index];
        let entry = payment.entry.filter(|_| payment.state == Settled::Validated).ok_or(Refused::State)?;
        self.post(entry)?;
        self.payments[index].state = Settled::Posted;
        Ok(())
    }

    /// Finds an account by its code or name.
    pub(super) fn account(&self, name: &str) -> Option<usize> {
        self.accounts.iter().position(|account| account.code == name || account.name == name)
    }

    /// Finds a party by its code or name.
    pub(super) fn party(&self, name: &str) -> Option<usize> {
        self.parties.iter().position(|party| party.code == name || party.name == name)
    }

    /// Says what really happened: how often each reference was entered, and the sums of what is posted, by account.
    pub(super) fn ledger(&self) -> Value {
        let mut entries: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| !entry.reference.is_empty()) {
            let (entered, posted) = entries.entry(&entry.reference).or_default();
            *entered += 1;
            *posted += usize::from(entry.number.is_some());
        }
        let rows = entries.iter().map(
            |(reference, (entered, posted))| json!({ "reference": reference, "entered": entered, "posted": posted }),
        );
        let twice = entries.values().filter(|(entered, _)| *entered > 1).count();
        let paid = self.payments.iter().map(|payment| {
            let state = json!(format!("{:?}", payment.state).to_lowercase());
            json!({ "reference": payment.reference, "amount": payment.amount.to_string(), "state": state })
        });
        json!({
            "entries": rows.collect::<Vec<_>>(),
            "entered_twice": twice,
            "accounts": self.sums(),
            "invoices": self.invoices.iter().map(invoice_row).collect::<Vec<_>>(),
            "payments": paid.collect::<Vec<_>>(),
        })
    }

    fn sums(&self) -> Value {
        let mut sums: BTreeMap<&str, (Decimal, Decimal)> = BTreeMap::new();
        for line in self.entries.iter().filter(|entry| entry.number.is_some()).flat_map(|entry| &entry.lines) {
            let (debit, credit) = sums.entry(&self.accounts[line.account].code).or_default();
            *debit += line.debit;
            *credit += line.credit;
        }
        let sum = |(code, (debit, credit)): (&str, (Decimal, Decimal))| {
            let text = |amount| wire::cents(amount).to_string();
            (code.to_owned(), json!({ "debit": text(debit), "credit": text(credit) }))
        };
        Value::Object(sums.into_iter().map(sum).collect())
    }
}

/// Whether debits are credits.
pub(super) fn is_balanced(lines: &[Line]) -> bool {
    lines.iter().map(|line| line.debit - line.credit).sum::<Decimal>().is_zero()
}

/// A debit, or a credit where the amount is below zero.
fn line(account: usize, amount: Decimal, party: Option<usize>) -> Line {
    let (debit, credit) = (amount.max(Decimal::ZERO), (-amount).max(Decimal::ZERO));
    Line { id: 0, account, debit, credit, party, memo: String::new() }
}

fn invoice_row(invoice: &Invoice) -> Value {
    let state = format!("{:?}", invoice.state).to_lowercase();
    let (total, paid) = (invoice.total().to_string(), wire::cents(invoice.paid).to_string());
    json!({ "reference": invoice.reference, "number": invoice.number, "state": state, "total": total, "paid": paid })
}
