//! Tryton's `import_data`: records with their lines as a table, in which relations are named by code or name.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::CURRENCY;
use super::super::books::{Books, Entry, Invoice, Invoiced, Line, Payment, Settled, Sold};
use super::{COMPANY, Model, Refusal, decoded, records};
use crate::wire::{self, Request};

const JOURNALS: [&str; 7] = ["CASH", "EXC", "EXP", "MISC", "REV", "STA", "STO"];

/// The columns of an entry.
const ENTRY: [&str; 9] = [
    "journal",
    "date",
    "period",
    "description",
    "lines/account",
    "lines/debit",
    "lines/credit",
    "lines/party",
    "lines/description",
];

/// The columns of an invoice.
const INVOICE: [&str; 16] = [
    "type",
    "party",
    "invoice_address",
    "currency",
    "journal",
    "account",
    "payment_term",
    "reference",
    "invoice_date",
    "description",
    "lines/type",
    "lines/description",
    "lines/quantity",
    "lines/unit_price",
    "lines/account",
    "lines/currency",
];

/// The columns of a statement.
const STATEMENT: [&str; 11] = [
    "name",
    "journal",
    "date",
    "total_amount",
    "lines/date",
    "lines/amount",
    "lines/account",
    "lines/party",
    "lines/related_to",
    "lines/number",
    "lines/description",
];

/// The months before and after today that have a period.
const PERIODS_MONTHS: i32 = 12;

/// One cell, and where it is.
#[derive(Clone, Copy, Debug)]
struct Cell<'t> {
    text: &'t str,
    row: usize,
    column: usize,
}

/// One row, by the names of its columns.
#[derive(Clone, Debug)]
struct Row<'t> {
    names: &'t [String],
    cells: &'t [String],
    number: usize,
}

/// A record with its lines.
#[derive(Clone, Debug)]
struct Document<'t> {
    head: Row<'t>,
    lines: Vec<Row<'t>>,
}

/// Makes the records of a table, all or none, and says how many they are.
pub(super) fn import(books: &mut Books, model: Model, request: &Request, today: Date) -> Result<Value, Refusal> {
    let body: Value = serde_json::from_slice(&request.body).map_err(|_| Refusal::Broken)?;
    let context = request.header("x-tryton-context").map_or(Ok(Value::Null), decoded)?;
    let (names, cells) = table(&body)?;
    let known = match model {
        Model::Move => ENTRY.as_slice(),
        Model::Invoice => INVOICE.as_slice(),
        Model::Statement => STATEMENT.as_slice(),
        Model::Account | Model::Party => return Err(Refusal::Forbidden),
    };
    if names.iter().any(|name| !known.contains(&name.as_str())) {
        return Err(Refusal::Broken);
    }
    let documents = documents(&names, &cells)?;
    if context["company"] != COMPANY && !documents.is_empty() {
        return Err(Refusal::User(format!("A value is required for field \"Company\" in \"{}\".", model.title())));
    }
    match model {
        Model::Move => {
            let made: Vec<_> =
                documents.iter().map(|document| entry(books, document, today)).collect::<Result<_, _>>()?;
            made.into_iter().for_each(|entry| {
                books.enter(entry);
            });
        }
        Model::Invoice => {
            let made: Vec<_> = documents.iter().map(|document| invoice(books, document)).collect::<Result<_, _>>()?;
            books.invoices.extend(made);
        }
        Model::Statement => {
            let made: Vec<_> = documents.iter().map(|document| payment(books, document)).collect::<Result<_, _>>()?;
            books.payments.extend(made);
        }
        Model::Account | Model::Party => {}
    }
    Ok(json!(documents.len()))
}

/// The names of the columns, and the rows as texts.
fn table(body: &Value) -> Result<(Vec<String>, Vec<Vec<String>>), Refusal> {
    let list = |value: &Value| value.as_array().cloned().ok_or(Refusal::Broken);
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(_) => value["decimal"].as_str().unwrap_or_default().to_owned(),
        value => value.to_string(),
    };
    let names = list(&body["fields_names"])?.iter().map(text).collect();
    let rows = list(&body["data"])?;
    let rows = rows.iter().map(|row| Ok(list(row)?.iter().map(text).collect())).collect::<Result<_, Refusal>>()?;
    Ok((names, rows))
}

/// A row without anything of the record itself is another line of the one before.
fn documents<'t>(names: &'t [String], rows: &'t [Vec<String>]) -> Result<Vec<Document<'t>>, Refusal> {
    let mut documents: Vec<Document<'t>> = Vec::new();
    for (index, cells) in rows.iter().enumerate() {
        let number = index + 1;
        let missing = names.len().saturating_sub(cells.len());
        if missing > 0 {
            let values = if missing == 1 {
                "value for last column".to_owned()
            } else {
                format!("values for {missing} last columns")
            };
            return Err(Refusal::User(format!("Missing {values} at row {number}.")));
        }
        let row = Row { names, cells, number };
        let is_head = names.iter().zip(cells).any(|(name, cell)| !name.contains('/') && !cell.is_empty());
        match documents.last_mut().filter(|_| !is_head) {
            Some(document) => document.lines.push(row),
            None => documents.push(Document { head: row.clone(), lines: vec![row] }),
        }
    }
    Ok(documents)
}

impl<'t> Row<'t> {
    /// A cell, which is empty where the table has no such column.
    fn cell(&self, name: &str) -> Cell<'t> {
        let column = self.names.iter().position(|known| known == name);
        let text = column.map_or("", |column| &self.cells[column]);
        Cell { text, row: self.number, column: column.map_or(0, |column| column + 1) }
    }

    fn account(&self, books: &Books, name: &str) -> Result<usize, Refusal> {
        let cell = self.cell(name);
        books.account(cell.text).ok_or_else(|| cell.unrelated("Account"))
    }

    /// A party, where the cell has something.
    fn party(&self, books: &Books, name: &str) -> Result<Option<usize>, Refusal> {
        let cell = self.cell(name);
        let found = || books.party(cell.text).ok_or_else(|| cell.unrelated("Party"));
        if cell.text.is_empty() { Ok(None) } else { found().map(Some) }
    }

    fn one_of(&self, name: &str, known: &[&str], title: &str) -> Result<(), Refusal> {
        let cell = self.cell(name);
        if known.contains(&cell.text) { Ok(()) } else { Err(cell.unrelated(title)) }
    }
}

impl Cell<'_> {
    fn unrelated(self, title: &str) -> Refusal {
        let Self { text, row, column } = self;
        Refusal::User(format!("Could not find relation for '{text}' in \"{title}\" at row {row} and column {column}."))
    }

    fn misspelled(self, label: &str, title: &str) -> Refusal {
        let Self { text, row, column } = self;
        Refusal::User(format!(
            "Syntax error for '{text}' in \"{label}\" of \"{title}\" at row {row} and column {column}."
        ))
    }

    fn date(self, label: &str, title: &str) -> Result<Date, Refusal> {
        self.text.parse().map_err(|_| self.misspelled(label, title))
    }

    fn amount(self, label: &str, title: &str) -> Result<Decimal, Refusal> {
        if self.text.is_empty() {
            return Err(Refusal::User(format!("A value is required for field \"{label}\" in \"{title}\".")));
        }
        wire::decimal(&Value::from(self.text)).ok_or_else(|| self.misspelled(label, title))
    }
}

fn entry(books: &Books, document: &Document<'_>, today: Date) -> Result<Entry, Refusal> {
    let head = &document.head;
    head.one_of("journal", &JOURNALS, "Account Journal")?;
    let date = head.cell("date").date("Effective Date", "Account Move")?;
    let period = head.cell("period");
    let months = |of: Date| i32::from(of.year()) * 12 + i32::from(of.month());
    let named: Date = format!("{}-01", period.text).parse().map_err(|_| period.unrelated("Account Period"))?;
    if (months(named) - months(today)).abs() > PERIODS_MONTHS {
        return Err(period.unrelated("Account Period"));
    }
    if months(named) != months(date) {
        let record = format!("({})", books.entries.len() + 1);
        return Err(unfit(period.text, "Period", &record, "Account Move"));
    }
    let lines = document.lines.iter().map(|row| line(books, row)).collect::<Result<_, _>>()?;
    Ok(Entry { reference: head.cell("description").text.to_owned(), memo: String::new(), date, number: None, lines })
}

fn line(books: &Books, row: &Row<'_>) -> Result<Line, Refusal> {
    const TITLE: &str = "Account Move Line";
    let at = row.account(books, "lines/account")?;
    let account = &books.accounts[at];
    let (debit, credit) =
        (row.cell("lines/debit").amount("Debit", TITLE)?, row.cell("lines/credit").amount("Credit", TITLE)?);
    let name = format!("${} @ {}", debit - credit, account.code);
    for (label, amount) in [("Debit", debit), ("Credit", credit)] {
        if amount.normalize().scale() > 2 {
            let digits =
                format!("The number of digits in the value \"'{amount}'\" for field \"{label}\" in record \"{name}\"");
            return Err(Refusal::User(format!("{digits} of \"{TITLE}\" exceeds the limit of \"(None, 2)\".")));
        }
    }
    if !debit.is_zero() && !credit.is_zero() {
        return Err(Refusal::User("You cannot set both debit and credit on the line.".to_owned()));
    }
    if !account.takes_lines {
        let value = format!("{} - {}", account.code, account.name);
        return Err(unfit(&value, "Account", &name, TITLE));
    }
    let party = row.party(books, "lines/party")?;
    match (account.needs_party, party) {
        (true, None) => {
            Err(Refusal::User(format!("A value is required for field \"Party\" in record \"{name}\" of \"{TITLE}\".")))
        }
        (false, Some(_)) => Err(Refusal::Forbidden),
        (true, Some(_)) | (false, None) => {
            let memo = row.cell("lines/description").text.to_owned();
            Ok(Line { id: 0, account: at, debit, credit, party, memo })
        }
    }
}

fn invoice(books: &Books, document: &Document<'_>) -> Result<Invoice, Refusal> {
    const TITLE: &str = "Account Invoice";
    let head = &document.head;
    let party = head.party(books, "party")?;
    let party =
        party.ok_or_else(|| Refusal::User(format!("A value is required for field \"Party\" in \"{TITLE}\".")))?;
    head.party(books, "invoice_address")?;
    head.one_of("currency", &[CURRENCY], "Currency")?;
    head.one_of("journal", &JOURNALS, "Account Journal")?;
    let date = head.cell("invoice_date");
    let date = if date.text.is_empty() { None } else { Some(date.date("Invoice Date", TITLE)?) };
    let reference = head.cell("reference").text.to_owned();
    let lines = document.lines.iter().map(|row| sold(books, row, &reference)).collect::<Result<_, _>>()?;
    Ok(Invoice {
        date,
        memo: head.cell("description").text.to_owned(),
        party,
        account: head.account(books, "account")?,
        lines,
        state: Invoiced::Draft,
        number: None,
        paid: Decimal::ZERO,
        reference,
    })
}

fn sold(books: &Books, row: &Row<'_>, reference: &str) -> Result<Sold, Refusal> {
    const TITLE: &str = "Account Invoice Line";
    let account = row.account(books, "lines/account")?;
    let (quantity, description) =
        (row.cell("lines/quantity").amount("Quantity", TITLE)?, row.cell("lines/description").text);
    let found = &books.accounts[account];
    if found.needs_party || !found.takes_lines {
        let value = format!("{} - {}", found.code, found.name);
        return Err(unfit(&value, "Account", &format!("{quantity} {description} @ [{reference}]"), TITLE));
    }
    let unit_price = row.cell("lines/unit_price").amount("Unit Price", TITLE)?;
    Ok(Sold { description: description.to_owned(), quantity, unit_price, account })
}

/// A statement of one line, which is how the connector says that an invoice was paid.
fn payment(books: &Books, document: &Document<'_>) -> Result<Payment, Refusal> {
    const TITLE: &str = "Account Statement Line";
    let head = &document.head;
    head.one_of("journal", &["Processor"], "Account Statement Journal")?;
    let [row] = document.lines.as_slice() else {
        return Err(Refusal::User("the sandbox takes statements of one line".to_owned()));
    };
    let related = row.cell("lines/related_to");
    let (model, name) = related.text.split_once(',').unwrap_or_default();
    if model != Model::Invoice.name() {
        return Err(Refusal::User(format!("Syntax error for reference: '{}'", related.text)));
    }
    let named = Cell { text: name, ..related };
    let fits = |invoice: &Invoice| invoice.reference == name || invoice.number.as_deref() == Some(name);
    let found: Vec<usize> =
        books.invoices.iter().enumerate().filter(|(_, invoice)| fits(invoice)).map(|(at, _)| at).collect();
    let at = match found[..] {
        [at] => at,
        [] => return Err(named.unrelated("Account Invoice")),
        _ => {
            let place = format!("at row {} and column {}", named.row, named.column);
            return Err(Refusal::User(format!("Found too many relation for '{name}' in \"Account Invoice\" {place}.")));
        }
    };
    let reference = head.cell("name").text.to_owned();
    let invoice = &books.invoices[at];
    let is_owed = invoice.state == Invoiced::Posted
        && row.party(books, "lines/party")? == Some(invoice.party)
        && row.account(books, "lines/account")? == invoice.account;
    if !is_owed {
        let value = records::name(books, Model::Invoice, at).unwrap_or_default();
        return Err(unfit(&value, "Related To", &reference, TITLE));
    }
    let amount = row.cell("lines/amount").amount("Amount", TITLE)?;
    let date = head.cell("date").date("Date", "Account Statement")?;
    Ok(Payment { reference, date, amount, invoice: at, entry: None, state: Settled::Draft })
}

fn unfit(value: &str, label: &str, record: &str, title: &str) -> Refusal {
    let place = format!("for field \"{label}\" in record \"{record}\" of \"{title}\"");
    Refusal::User(format!("The value \"{value}\" {place} is not valid according to its domain."))
}
