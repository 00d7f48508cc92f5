//! What the three sides say of each request: Payoneer's ledger, Salesforce's records, ferry's store.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context as _, anyhow};
use ferry_connectors::connection::World;
use ferry_contract::{
    number,
    port::{FreePass, Http},
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::SandboxInfo;
use crate::{
    clock::SystemClock,
    load::{self, Wanted},
    sandbox,
    store::{DeadLetter, Filter, RunRow, Store as _, sqlite::SqliteStore},
};

/// One approved request, from all sides.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// The Salesforce id.
    pub(super) id: String,
    /// What was approved.
    pub(super) amount: Decimal,
    /// What Salesforce says of the request.
    pub(super) request_status: String,
    /// What Salesforce says of the payout, where there is a record.
    pub(super) transaction: Option<Transaction>,
    /// What Payoneer booked, where it booked something.
    pub(super) payout: Option<Payout>,
    /// What ferry says.
    pub(super) run: Option<RunRow>,
    /// Why ferry gave up.
    pub(super) dead_letter: Option<DeadLetter>,
}

/// A `Payment_Transaction__c` of Salesforce.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) status: String,
    pub(super) amount: Decimal,
    pub(super) payout_id: String,
}

/// An entry of Payoneer's ledger.
#[derive(Clone, Debug)]
pub(super) struct Payout {
    pub(super) booked: u64,
    pub(super) status: String,
    pub(super) amount: Decimal,
    pub(super) payout_id: String,
}

/// All of them, and what Payoneer has left.
pub(super) struct Books {
    pub(super) accounts: Vec<Account>,
    /// References that Payoneer booked and nobody approved.
    pub(super) strangers: Vec<String>,
    pub(super) closing: Decimal,
}

impl Books {
    /// Payoneer's program balance.
    pub(super) async fn balance(http: &dyn Http, url: &str) -> Result<Decimal, anyhow::Error> {
        Ok(decimal(&Self::ledger(http, url).await?["balance"]))
    }

    /// Payoneer's ledger.
    pub(super) async fn ledger(http: &dyn Http, url: &str) -> Result<Value, anyhow::Error> {
        sandbox::get(http, &format!("{url}/_sandbox/ledger")).await.map_err(|error| anyhow!(error))
    }

    /// Reads all sides.
    pub(super) async fn collect(folder: &Path, http: &Arc<dyn Http>, url: &str) -> Result<Self, anyhow::Error> {
        // The books are read without faults; what happened stays.
        let ledger = Self::ledger(&**http, url).await?;
        let requests =
            sandbox::get(&**http, &format!("{url}/_sandbox/requests")).await.map_err(|error| anyhow!(error))?;
        let transactions = transactions(folder, http, url).await?;
        let store = SqliteStore::open(&folder.join("ferry.db"))?;
        let all = Filter { limit: usize::MAX, ..Filter::default() };
        let runs: BTreeMap<String, RunRow> =
            store.runs(&all).await?.into_iter().map(|run| (run.event_key.clone(), run)).collect();
        let letters = store.dead_letters(&all).await?.into_iter().map(|letter| (letter.event_key.clone(), letter));
        let letters: BTreeMap<String, DeadLetter> = letters.collect();
        let payouts = payouts(&ledger);
        let requests = requests.get("requests").unwrap_or(&requests).as_array().cloned().unwrap_or_default();
        let account = |request: &Value| {
            let id = text(&request["id"]);
            Account {
                amount: decimal(&request["amount"]),
                request_status: text(&request["status"]),
                transaction: transactions.get(&id).cloned(),
                payout: payouts.get(&id).cloned(),
                run: runs.get(&id).cloned(),
                dead_letter: letters.get(&id).cloned(),
                id,
            }
        };
        let accounts: Vec<Account> = requests.iter().map(account).collect();
        let known = |reference: &&String| accounts.iter().any(|account| account.id == **reference);
        let strangers = payouts.keys().filter(|reference| !known(reference)).cloned().collect();
        Ok(Self { accounts, strangers, closing: decimal(&ledger["balance"]) })
    }
}

fn payouts(ledger: &Value) -> BTreeMap<String, Payout> {
    let rows = ledger["payouts"].as_array().cloned().unwrap_or_default();
    let payout = |row: &Value| {
        let payout = Payout {
            booked: row["booked"].as_u64().unwrap_or(0),
            status: text(&row["status"]),
            amount: decimal(&row["amount"]),
            payout_id: text(&row["payout_id"]),
        };
        (text(&row["reference"]), payout)
    };
    rows.iter().map(payout).collect()
}

/// Salesforce's records, over its own API and page by page.
async fn transactions(
    folder: &Path,
    http: &Arc<dyn Http>,
    url: &str,
) -> Result<BTreeMap<String, Transaction>, anyhow::Error> {
    sandbox::post(&**http, &format!("{url}/_sandbox/faults"), &json!({ "rules": [], "duplicates": "book" }))
        .await
        .map_err(|error| anyhow!(error))?;
    let rules = load::pipeline_rules();
    let projects = load::projects(&[folder.join("pipelines")], &rules, &Wanted::default())?;
    let project = projects.first().context("the demo has no project")?;
    let info = SandboxInfo::own(url, &**http).await?;
    let world = World { http: Arc::clone(http), clock: Arc::new(SystemClock::default()) };
    let loaded = load::open(project, &world, Some(&info)).map_err(|failure| anyhow!("{failure}"))?;
    let connection = loaded.connections.get("salesforce").context("the demo has no Salesforce")?;
    let fields = ["Client_Reference__c", "Status__c", "Amount__c", "Payout_ID__c"];
    let input = json!({ "object": "Payment_Transaction__c", "fields": fields });
    let prepared = connection.prepare("query", &input).map_err(|failure| anyhow!("{failure}"))?;
    let answer = connection.send(&FreePass, "query", &[&prepared]).await.pop().context("no answer")?;
    let answer = answer.map_err(|failure| anyhow!("Salesforce: {failure}"))?;
    let records = answer["records"].as_array().cloned().unwrap_or_default();
    let transaction = |record: &Value| {
        let transaction = Transaction {
            status: text(&record["Status__c"]),
            amount: decimal(&record["Amount__c"]),
            payout_id: text(&record["Payout_ID__c"]),
        };
        (text(&record["Client_Reference__c"]), transaction)
    };
    Ok(records.iter().map(transaction).collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn decimal(value: &Value) -> Decimal {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    number::text_to_decimal(&text).unwrap_or_default()
}
