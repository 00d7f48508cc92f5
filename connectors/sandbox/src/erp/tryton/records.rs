//! Records as Tryton's clients read them: the fields that they ask for, and what those lead to.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::super::CURRENCY;
use super::super::books::{Account, Books, Entry, Invoice, Invoiced, Party, Payment, Settled};
use super::{COMPANY, Model, Refusal, decoded, domain};
use crate::wire::Request;

/// Answers a search, with the fields asked for.
pub(super) fn search(books: &Books, model: Model, request: &Request) -> Result<Value, Refusal> {
    let domain = request.parameter("d").map_or(Ok(json!([])), decoded)?;
    let order = request.parameter("o").map_or(Ok(Value::Null), decoded)?;
    let is_ascending = match order[0][0].as_str() {
        Some("id") => order[0][1] != "DESC",
        _ => matches!(model, Model::Account | Model::Party),
    };
    let mut found = Vec::new();
    for index in 0..count(books, model) {
        let record = record(books, model, index);
        if domain::fits(&domain, &record)? {
            found.push(record);
        }
    }
    if !is_ascending {
        found.reverse();
    }
    let number = |name: &str| request.parameter(name).map(|text| text.parse().map_err(|_| Refusal::Broken)).transpose();
    let (size, first): (Option<usize>, Option<usize>) = (number("s")?, number("p")?);
    let page = found.into_iter().skip(first.unwrap_or(0)).take(size.unwrap_or(usize::MAX));
    let fields = fields(request);
    page.map(|record| chosen(&record, &fields)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// Answers one record, with the fields asked for.
pub(super) fn one(books: &Books, model: Model, index: usize, request: &Request) -> Result<Value, Refusal> {
    if index >= count(books, model) {
        return Err(Refusal::NotFound);
    }
    chosen(&record(books, model, index), &fields(request))
}

/// What messages call a record; nothing where there is none.
pub(super) fn name(books: &Books, model: Model, index: usize) -> Option<String> {
    Some(match model {
        Model::Move => books.entries.get(index)?.number.clone().unwrap_or_else(|| format!("({})", index + 1)),
        Model::Invoice => {
            let invoice = books.invoices.get(index)?;
            let number = invoice.number.iter().map(|number| format!("{number} ")).collect::<String>();
            format!("{number}[{}]", invoice.reference)
        }
        Model::Statement => books.payments.get(index)?.reference.clone(),
        Model::Account => {
            let account = books.accounts.get(index)?;
            format!("{} - {}", account.code, account.name)
        }
        Model::Party => books.parties.get(index)?.name.clone(),
    })
}

fn count(books: &Books, model: Model) -> usize {
    match model {
        Model::Move => books.entries.len(),
        Model::Invoice => books.invoices.len(),
        Model::Statement => books.payments.len(),
        Model::Account => books.accounts.len(),
        Model::Party => books.parties.len(),
    }
}

fn fields(request: &Request) -> Vec<String> {
    request.query.iter().filter(|(name, _)| name == "f").map(|(_, field)| field.clone()).collect()
}

/// The record with these fields, its id and the name of its model.
fn chosen(record: &Value, fields: &[String]) -> Result<Value, Refusal> {
    let mut own = Map::new();
    for name in ["id", "__name__"] {
        own.insert(name.to_owned(), record[name].clone());
    }
    for field in fields {
        let first = field.split('.').next().unwrap_or_default();
        let value = record.get(first).ok_or(Refusal::Broken)?;
        let prefix = format!("{first}.");
        let nested: Vec<String> =
            fields.iter().filter_map(|field| field.strip_prefix(&prefix)).map(str::to_owned).collect();
        let value = match value {
            Value::Array(items) => {
                items.iter().map(|item| chosen(item, &nested)).collect::<Result<_, _>>().map(Value::Array)?
            }
            Value::Object(other) if other.contains_key("__name__") => chosen(value, &nested)?,
            value => value.clone(),
        };
        own.insert(first.to_owned(), value);
    }
    Ok(Value::Object(own))
}

fn record(books: &Books, model: Model, index: usize) -> Value {
    match model {
        Model::Move => entry(books, index, &books.entries[index]),
        Model::Invoice => invoice(books, index, &books.invoices[index]),
        Model::Statement => statement(books, index, &books.payments[index]),
        Model::Account => account(index, &books.accounts[index]),
        Model::Party => party(index, &books.parties[index]),
    }
}

fn entry(books: &Books, index: usize, entry: &Entry) -> Value {
    // The newest first, as Tryton has them.
    let lines = entry.lines.iter().rev().map(|line| {
        json!({
            "id": line.id,
            "__name__": "account.move.line",
            "account": account(line.account, &books.accounts[line.account]),
            "debit": decimal(line.debit),
            "credit": decimal(line.credit),
            "party": line.party.map(|at| party(at, &books.parties[at])),
            "description": text(&line.memo),
        })
    });
    json!({
        "id": index + 1,
        "__name__": "account.move",
        "number": entry.number,
        "state": state(entry),
        "date": date(entry.date),
        "description": text(&entry.reference),
        "company": company(),
        "lines": lines.collect::<Vec<_>>(),
    })
}

fn state(entry: &Entry) -> &'static str {
    if entry.number.is_some() { "posted" } else { "draft" }
}

fn invoice(books: &Books, index: usize, invoice: &Invoice) -> Value {
    let lines = invoice.lines.iter().enumerate().map(|(at, sold)| {
        json!({
            "id": at + 1,
            "__name__": "account.invoice.line",
            "description": text(&sold.description),
            "quantity": crate::wire::number(sold.quantity),
            "unit_price": decimal(sold.unit_price),
            "account": account(sold.account, &books.accounts[sold.account]),
        })
    });
    json!({
        "id": index + 1,
        "__name__": "account.invoice",
        "company": company(),
        "type": "out",
        "number": invoice.number,
        "reference": text(&invoice.reference),
        "state": match invoice.state {
            Invoiced::Draft => "draft",
            Invoiced::Posted => "posted",
            Invoiced::Paid => "paid",
        },
        "invoice_date": invoice.date.map(date),
        "description": text(&invoice.memo),
        "total_amount": decimal(invoice.total()),
        "amount_to_pay": decimal(invoice.open()),
        "currency": currency(),
        "party": party(invoice.party, &books.parties[invoice.party]),
        "account": account(invoice.account, &books.accounts[invoice.account]),
        "lines": lines.collect::<Vec<_>>(),
    })
}

fn statement(books: &Books, index: usize, payment: &Payment) -> Value {
    let invoice = &books.invoices[payment.invoice];
    let made = payment.entry.map(|at| {
        let entry = &books.entries[at];
        json!({ "id": at + 1, "__name__": "account.move", "number": entry.number, "state": state(entry) })
    });
    let line = json!({
        "id": index + 1,
        "__name__": "account.statement.line",
        "amount": decimal(payment.amount),
        "number": invoice.reference,
        "party": party(invoice.party, &books.parties[invoice.party]),
        "related_to": format!("account.invoice,{}", payment.invoice + 1),
        "move": made,
    });
    json!({
        "id": index + 1,
        "__name__": "account.statement",
        "company": company(),
        "name": payment.reference,
        "state": match payment.state {
            Settled::Draft => "draft",
            Settled::Validated => "validated",
            Settled::Posted => "posted",
        },
        "date": date(payment.date),
        "total_amount": decimal(payment.amount),
        "currency": currency(),
        "lines": [line],
    })
}

fn account(index: usize, account: &Account) -> Value {
    json!({
        "id": index + 1,
        "__name__": "account.account",
        "company": company(),
        "code": account.code,
        "name": account.name,
        "rec_name": [account.code, account.name],
        "party_required": account.needs_party,
        "type": account.takes_lines.then(|| json!({ "id": index + 1, "__name__": "account.account.type", "name": account.name })),
    })
}

fn party(index: usize, party: &Party) -> Value {
    let rec_name = json!([party.code, party.name]);
    json!({ "id": index + 1, "__name__": "party.party", "code": party.code, "name": party.name, "rec_name": rec_name })
}

fn company() -> Value {
    json!({ "id": COMPANY, "__name__": "company.company", "currency": currency() })
}

fn currency() -> Value {
    json!({ "id": 1, "__name__": "currency.currency", "code": CURRENCY })
}

fn decimal(amount: Decimal) -> Value {
    json!({ "__class__": "Decimal", "decimal": amount.to_string() })
}

fn date(date: Date) -> Value {
    json!({ "__class__": "date", "year": date.year(), "month": date.month(), "day": date.day() })
}

fn text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
