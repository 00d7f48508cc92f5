//! What a bank says of an account: camt.053 (statement) and camt.054 (notification), of any version from 02 on.
//!
//! One entry is given for each transaction, because that is what a payment is; an entry of the bank that sums several and names
//! them is given as those, with the same `batch`. Source: ISO 20022, camt.053.001.02 to .08 and camt.054.001.02 to .08.

use ferry_contract::{failure::Failure, number};
use serde_json::{Value, json};

use super::{check_count, rejected};
use crate::xml;

/// The messages: the element below `Document`, and that of each account in it.
const MESSAGES: [(&str, &str); 2] = [("BkToCstmrStmt", "Stmt"), ("BkToCstmrDbtCdtNtfctn", "Ntfctn")];

/// Its statements and their entries.
pub(super) fn read(text: &str) -> Result<Value, Failure> {
    let document = xml::read(text.as_bytes()).ok_or_else(|| rejected("it is no XML"))?;
    let known = MESSAGES.iter().find_map(|(message, part)| Some((at(&document, &["Document", message])?, part)));
    let (message, part) = known.ok_or_else(|| rejected("it is neither a camt.053 nor a camt.054"))?;
    let (mut statements, mut entries) = (Vec::new(), Vec::new());
    for statement in list(message, part) {
        let id = text_at(statement, &["Id"]);
        statements.push(self::statement(statement)?);
        for (index, entry) in list(statement, "Ntry").into_iter().enumerate() {
            let wrong = |what: String| {
                let place = format!("the entry {} of the statement `{}`", index + 1, shown(id.as_ref()));
                rejected(format!("{place} {what}"))
            };
            entries.extend(self::entries(entry, id.as_ref()).map_err(wrong)?);
            check_count(entries.len())?;
        }
    }
    Ok(json!({ "message_id": text_at(message, &["GrpHdr", "MsgId"]), "statements": statements, "entries": entries }))
}

fn statement(statement: &Value) -> Result<Value, Failure> {
    let account = at(statement, &["Acct"]).cloned().unwrap_or_default();
    let balance = |balance: &Value| -> Result<Value, String> {
        let (amount, currency) = amount(balance)?;
        Ok(json!({
            "type": text_at(balance, &["Tp", "CdOrPrtry", "Cd"]).or_else(|| text_at(balance, &["Tp", "CdOrPrtry", "Prtry"])),
            "amount": amount,
            "currency": currency,
            "credit_debit": text_at(balance, &["CdtDbtInd"]),
            "date": date(balance, "Dt"),
        }))
    };
    let balances: Result<Vec<Value>, String> = list(statement, "Bal").into_iter().map(balance).collect();
    let balances = balances.map_err(|what| rejected(format!("a balance {what}")))?;
    Ok(json!({
        "id": text_at(statement, &["Id"]),
        "account": account_of(&account),
        "currency": text_at(&account, &["Ccy"]),
        "created_at": text_at(statement, &["CreDtTm"]),
        "balances": balances,
    }))
}

/// The transactions of an entry, or the entry itself where the bank names none.
fn entries(entry: &Value, statement: Option<&String>) -> Result<Vec<Value>, String> {
    let details = list(entry, "NtryDtls");
    let mut transactions: Vec<(&Value, Value)> = Vec::new();
    for detail in &details {
        let batch = at(detail, &["Btch"]).map_or(Value::Null, batch);
        transactions.extend(list(detail, "TxDtls").into_iter().map(|transaction| (transaction, batch.clone())));
    }
    let nothing = Value::Null;
    if transactions.is_empty() {
        let batch = details.iter().find_map(|detail| at(detail, &["Btch"])).map_or(Value::Null, batch);
        transactions.push((&nothing, batch));
    }
    let is_alone = transactions.len() == 1;
    transactions
        .into_iter()
        .map(|(transaction, batch)| self::entry(entry, transaction, (statement, batch, is_alone)))
        .collect()
}

fn entry(
    entry: &Value,
    transaction: &Value,
    (statement, batch, is_alone): (Option<&String>, Value, bool),
) -> Result<Value, String> {
    // In the first versions, the amount of a transaction is only where amounts are told in detail.
    let own = at(transaction, &["AmtDtls", "TxAmt"]).filter(|_| at(transaction, &["Amt"]).is_none());
    let own = own.or(Some(transaction)).filter(|own| at(own, &["Amt"]).is_some());
    let (amount, currency) = match own {
        Some(own) if !is_alone => amount(own)?,
        None if !is_alone => return Err("has several transactions, of which one has no amount".to_owned()),
        Some(_) | None => amount(entry)?,
    };
    let both = |path: &[&str]| text_at(transaction, path).or_else(|| text_at(entry, path));
    let direction = both(&["CdtDbtInd"]).ok_or("does not say whether it is a credit")?;
    let status = text_at(entry, &["Sts", "Cd"]).or_else(|| text_at(entry, &["Sts"]));
    let references = at(transaction, &["Refs"]).cloned().unwrap_or_default();
    let reference = text_at(&references, &["AcctSvcrRef"]).or_else(|| text_at(entry, &["AcctSvcrRef"]));
    let other = if direction == "CRDT" { "Dbtr" } else { "Cdtr" };
    let charges = charges(transaction)?.into_iter().chain(if is_alone { charges(entry)? } else { Vec::new() });
    Ok(json!({
        "statement": statement,
        "reference": reference.or_else(|| text_at(entry, &["NtryRef"])),
        "end_to_end_id": text_at(&references, &["EndToEndId"]),
        "instruction_id": text_at(&references, &["InstrId"]),
        "transaction_id": text_at(&references, &["TxId"]),
        "amount": amount,
        "currency": currency,
        "credit_debit": direction,
        "is_reversal": text_at(entry, &["RvslInd"]).is_some_and(|flag| flag == "true" || flag == "1"),
        "status": status,
        "booking_date": date(entry, "BookgDt"),
        "value_date": date(entry, "ValDt"),
        "charges": charges.collect::<Vec<Value>>(),
        "counterparty": counterparty(transaction, other),
        "remittance": remittance(transaction),
        "creditor_reference": creditor_reference(transaction),
        "return_reason": text_at(transaction, &["RtrInf", "Rsn", "Cd"]),
        "batch": batch,
    }))
}

fn batch(batch: &Value) -> Value {
    let count = text_at(batch, &["NbOfTxs"]).and_then(|count| count.parse::<u64>().ok());
    let id = text_at(batch, &["PmtInfId"]);
    json!({ "message_id": text_at(batch, &["MsgId"]), "payment_information_id": id, "transactions": count })
}

/// Up to version 02 each charge is a `Chrgs`; later there is one, with a `Rcrd` each.
fn charges(of: &Value) -> Result<Vec<Value>, String> {
    let all = list(of, "Chrgs");
    let records = all.iter().flat_map(|charges| list(charges, "Rcrd"));
    let charges: Vec<&Value> =
        records.chain(all.iter().copied().filter(|charge| at(charge, &["Amt"]).is_some())).collect();
    let charge = |charge: &&Value| {
        let (amount, currency) = amount(charge)?;
        let kind = text_at(charge, &["Tp", "Cd"]).or_else(|| text_at(charge, &["Tp", "Prtry", "Id"]));
        let is_included = text_at(charge, &["ChrgInclInd"]).map(|flag| flag == "true" || flag == "1");
        let direction = text_at(charge, &["CdtDbtInd"]);
        Ok(
            json!({ "amount": amount, "currency": currency, "credit_debit": direction, "is_included": is_included, "type": kind }),
        )
    };
    charges.iter().map(charge).collect()
}

/// Up to version 02 a party has its name itself; later it is in `Pty`.
fn counterparty(transaction: &Value, role: &str) -> Value {
    let parties = at(transaction, &["RltdPties"]).cloned().unwrap_or_default();
    let name = text_at(&parties, &[role, "Nm"]).or_else(|| text_at(&parties, &[role, "Pty", "Nm"]));
    let account = at(&parties, &[&format!("{role}Acct")]).and_then(account_of);
    if name.is_none() && account.is_none() { Value::Null } else { json!({ "name": name, "account": account }) }
}

fn account_of(account: &Value) -> Option<String> {
    text_at(account, &["Id", "IBAN"]).or_else(|| text_at(account, &["Id", "Othr", "Id"]))
}

fn remittance(transaction: &Value) -> Option<String> {
    let information = at(transaction, &["RmtInf"])?;
    let lines: Vec<String> = list(information, "Ustrd").into_iter().filter_map(text_of).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn creditor_reference(transaction: &Value) -> Option<String> {
    let structured = list(at(transaction, &["RmtInf"])?, "Strd");
    structured.into_iter().find_map(|structured| text_at(structured, &["CdtrRefInf", "Ref"]))
}

/// A day, or a time where the bank says one.
fn date(of: &Value, name: &str) -> Option<String> {
    text_at(of, &[name, "Dt"]).or_else(|| text_at(of, &[name, "DtTm"]))
}

/// The exact amount in `Amt`, and its currency.
fn amount(of: &Value) -> Result<(Value, String), String> {
    let amount = at(of, &["Amt"]).ok_or("has no amount")?;
    let (text, currency) = (text_of(amount).unwrap_or_default(), text_at(amount, &["@Ccy"]));
    let decimal =
        number::text_to_decimal(&text).ok_or_else(|| format!("has the amount `{text}`, which is no number"))?;
    Ok((number::from_decimal(decimal), currency.ok_or("has an amount without a currency")?))
}

fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// All elements of a name: one alone is no list.
fn list<'v>(value: &'v Value, name: &str) -> Vec<&'v Value> {
    match value.get(name) {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
    }
}

fn text_at(value: &Value, path: &[&str]) -> Option<String> {
    text_of(at(value, path)?)
}

/// The text of an element, with attributes or without.
fn text_of(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value.get("#text")?.as_str())?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn shown(text: Option<&String>) -> &str {
    text.map(String::as_str).unwrap_or_default()
}
