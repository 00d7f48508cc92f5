//! The sandbox's own side, under `/_sandbox`: what happened, and how to change the world.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::payoneer::{PayeeState, Standing};
use crate::salesforce::PAYMENT_REQUEST;
use crate::salesforce::records;
use crate::system::System;
use crate::tls::Tls;
use crate::webhooks::Webhooks;
use crate::wire::{Answer, Request};
use crate::world::{World, wrong};
use crate::{limits, wire};

const PAGE: &str = "\
ferry sandbox: systems that behave, fail and can be slowed.

/payoneer             Payoneer: token, consent, programs (v4, v2), accounts, quotes, payees, the paths of the brief
/salesforce           Salesforce: token, consent, query, sobjects, composite, collections, bulk jobs, events, limits
/paytrace             PayTrace: token, v1 transactions, customers, recurrences, checks, batches; the seed's paths
/clarity              Clarity: token, orders, payments, customers, products, webhooks
/fx                   Rates: eurofxref of the ECB, latest and historical of openexchangerates and of frankfurter; also
                      under /ecb, /openexchangerates and /frankfurter
/chat                 Incoming webhooks: Slack, Microsoft Teams, plain
/tryton               Tryton: entries, invoices, payments, accounts and parties of its REST API
/erpnext, /odoo, /netsuite, /business_central, /quickbooks
                      The same books: entries and accounts
/http                 A REST API as any other: things by their paths, with `Idempotency-Key`

GET  /_sandbox/ledger    every payout reference, and how often it was booked
GET  /_sandbox/requests  the seeded payment requests, with their kind and current status
GET  /_sandbox/seed      the seed, counts by kind, the balance and the credentials
POST /_sandbox/seed      {\"seed\": 1, \"requests\": 200} builds the world anew; or
                         {\"balance\": \"12000.00\"}, {\"deposit\": \"500.00\"},
                         {\"payee\": {\"id\": \"P-1\", \"type\": 0 | 1 | 99}}
GET  /_sandbox/faults    the faults in force, with the hits of each rule
POST /_sandbox/faults    {\"duplicates\": \"refuse\" | \"book\", \"rules\": [{\"fault\", \"system\", \"path\",
                         \"method\", \"one_in\", \"times\", \"retry_after_s\", \"delay_ms\", \"after_ms\", \"for_ms\"}],
                         \"budget_per_minute\": 6000, \"visibility_lag_ms\": 60000, \"webhooks\": [{\"fault\", \"one_in\",
                         \"times\", \"by_ms\"}]} replaces them
GET  /_sandbox/clock     the sandbox time and its speed
POST /_sandbox/clock     {\"speed\": 200} and/or {\"advance_ms\": 60000}
GET  /_sandbox/webhooks  who is told of payouts that have ended, and what became of each webhook
POST /_sandbox/webhooks  {\"urls\": [\"http://127.0.0.1:8080/hooks/payouts\"], \"secret\": \"sandbox\"} says who is told
                         from now on; \"SentToBank=http://…\" of one kind
GET  /_sandbox/ca.pem    the certificate that a client with TLS must trust
GET  /_sandbox/client.pem  a certificate that such a client can show, and its key
POST /_sandbox/tls       {\"client_certificates\": true} makes every client with TLS show one, from now on
POST /_sandbox/salesforce  what administrators do: {\"validation\": {\"object\", \"field\", \"above\" | \"equals\", \"message\"}},
                         {\"lock\": {\"object\", \"parent\", \"one_in\", \"times\", \"in_trigger\"}}, {\"rules\": \"none\"},
                         {\"api_calls\": {\"used\", \"max\"}}, {\"sessions\": \"end\" | \"revoke\" | \"consent\"},
                         {\"rotation\": true}, {\"dated_rates\": true}; {\"events\": {\"topic\", \"after\"}} says what was told;
                         {\"gap\": {\"id\", \"kind\"}}, {\"again\": {\"topic\", \"count\"}} and {\"streams\": \"cut\"} of the Pub/Sub API
POST /_sandbox/paytrace  what a person does there: {\"settle\": true} settles now, {\"settle_hour\": 20} daily then;
                         {\"chargeback\": {\"transaction_id\": 392483066, \"reason\": \"…\"}}; {\"customer\":
                         {\"customer_id\": \"C-99\", \"card\": \"0002\", \"account\": \"0125\"}}, whose last digits decide
POST /_sandbox/clarity   {\"create\": 3}, {\"pay\": {\"order\": \"1001\", \"amount\": \"5.00\", \"processor\": \"PayTrace\"}} or
                         {\"refund\": {\"order\": \"1001\", \"amount\": \"5.00\"}}; without an amount, all of it
POST /_sandbox/payoneer  what people do in its pages, one thing an order: {\"consent\": \"auto\" | \"ask\"},
                         {\"revoke_consent\": ACCOUNT}, {\"trust_application\": true}, {\"challenge\": true},
                         {\"confirm\": SESSION}, {\"payment\": {\"reference\", \"status\": 0 | 1 | 2 | 3}},
                         {\"receive\": {\"amount\", \"currency\", \"from\", \"account\"}},
                         {\"register\": {\"payee\", \"approved\"}},
                         {\"payout_method\": {\"payee\", \"type\": \"BANK\" | \"PREPAID_CARD\"}}
POST /_sandbox/erp       {\"party\": \"Initech\"} adds a customer, {\"post\": \"ref-1\"} posts an entry,
                         {\"consent\": \"auto\" | \"ask\" | \"withdraw\"} and
                         {\"unique_numbers\": true} of QuickBooks
POST /_sandbox/listener  {\"closed_ms\": 500} refuses every connection for so long, in real time
";

const PATHS: &str = "the sandbox has ledger, requests, seed, faults, clock, webhooks, tls, ca.pem, client.pem and listener under /_sandbox; see GET /";

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SeedOrder {
    seed: Option<u64>,
    requests: Option<usize>,
    balance: Option<String>,
    deposit: Option<String>,
    payee: Option<PayeeOrder>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PayeeOrder {
    id: String,
    #[serde(rename = "type")]
    kind: u8,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClockOrder {
    speed: Option<u32>,
    advance_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsOrder {
    client_certificates: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenerOrder {
    closed_ms: u64,
}

/// Answers a request for the sandbox itself.
pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    world.settle();
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let done = match (request.method.as_str(), &segments[..]) {
        ("GET", [] | ["_sandbox"]) => return Answer::text(PAGE.to_owned()),
        ("GET", ["_sandbox", "ledger"]) => Ok(ledger(world)),
        ("GET", ["_sandbox", "requests"]) => Ok(requests(world)),
        ("GET", ["_sandbox", "seed"]) => Ok(seed(world, &request.base)),
        ("GET", ["_sandbox", "faults"]) => Ok(faults(world)),
        ("GET", ["_sandbox", "clock"]) => Ok(clock(world)),
        ("GET", ["_sandbox", "webhooks"]) => Ok(webhooks(world)),
        ("GET", ["_sandbox", "tls"]) => tls(world).map(told),
        ("GET", ["_sandbox", "ca.pem"]) => match tls(world) {
            Ok(tls) => return Answer::text(tls.authority().to_owned()),
            Err(message) => Err(message),
        },
        ("GET", ["_sandbox", "client.pem"]) => match tls(world) {
            Ok(tls) => return Answer::text(tls.client().to_owned()),
            Err(message) => Err(message),
        },
        ("POST", ["_sandbox", "tls"]) => read(request).and_then(|order| change_tls(world, &order)),
        ("POST", ["_sandbox", "webhooks"]) => read(request).and_then(|target| change_webhooks(world, target)),
        ("POST", ["_sandbox", "seed"]) => read(request).and_then(|order| change_seed(world, order, &request.base)),
        ("POST", ["_sandbox", "faults"]) => read(request).and_then(|faults| change_faults(world, faults)),
        ("POST", ["_sandbox", "clock"]) => read(request).and_then(|order| change_clock(world, &order)),
        ("POST", ["_sandbox", "listener"]) => read(request).and_then(|order| close_listener(world, &order)),
        ("POST", ["_sandbox", name]) if System::named(name).is_some() => {
            let (system, now) = (System::named(name).expect("it was found"), world.clock.now());
            world.asked.insert(system);
            read(request).and_then(|order: Value| world.system(system).order(&order, now))
        }
        _ => return wrong(StatusCode::NOT_FOUND, PATHS),
    };
    world.announce();
    done.map_or_else(|message| wrong(StatusCode::BAD_REQUEST, &message), Answer::ok)
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, String> {
    serde_json::from_slice(&request.body).map_err(|err| err.to_string())
}

fn ledger(world: &mut World) -> Value {
    let standings = world.payoneer.standings();
    let bookings: usize = standings.iter().map(|standing| standing.booked_at.len()).sum();
    let twice = standings.iter().filter(|standing| standing.booked_at.len() > 1).count();
    let amount: Decimal = standings.iter().map(|standing| standing.amount_booked).sum();
    let mut body = json!({
        "payouts": standings.iter().map(payout).collect::<Vec<_>>(),
        "totals": {
            "references": standings.len(),
            "bookings": bookings,
            "booked_twice": twice,
            "duplicates_refused": world.payoneer.refused_duplicates(),
            "amount": money(amount),
        },
        "balance": money(world.payoneer.balance()),
    });
    if !world.outbox.is_idle() {
        body["webhooks"] = world.outbox.totals();
    }
    for system in world.asked.clone() {
        let own = world.system(system).ledger();
        if !own.is_null() {
            body[system.name()] = own;
        }
    }
    body
}

fn payout(standing: &Standing) -> Value {
    let booked_at: Vec<String> = standing.booked_at.iter().map(ToString::to_string).collect();
    json!({
        "reference": standing.reference,
        "payee_id": standing.payee_id,
        "amount": money(standing.amount),
        "currency": crate::payoneer::CURRENCY,
        "booked": booked_at.len(),
        "status": standing.status,
        "payout_id": standing.payout_id,
        "booked_at": booked_at,
    })
}

fn requests(world: &World) -> Value {
    let store = world.salesforce.store();
    let rows = world.requests.iter().map(|planned| {
        let record = store.get(PAYMENT_REQUEST.name, &planned.id);
        json!({
            "id": planned.id,
            "name": planned.name,
            "amount": money(planned.amount),
            "currency": crate::payoneer::CURRENCY,
            "kind": planned.kind,
            "status": record.and_then(|record| records::text(&record, "Status__c").map(str::to_owned)),
        })
    });
    rows.collect()
}

fn seed(world: &mut World, base: &str) -> Value {
    let mut kinds: BTreeMap<_, usize> = BTreeMap::new();
    for planned in &world.requests {
        *kinds.entry(planned.kind).or_default() += 1;
    }
    let kinds: serde_json::Map<String, Value> =
        kinds.into_iter().filter_map(|(kind, count)| Some((json!(kind).as_str()?.to_owned(), json!(count)))).collect();
    let mut body = json!({
        "seed": world.seed,
        "requests": world.requests.len(),
        "kinds": kinds,
        "balance": money(world.payoneer.balance()),
    });
    for system in System::ALL {
        let url = format!("{base}/{}", system.name());
        body[system.name()] = world.system(system).credentials(&url);
        if !system.kinds().is_empty() {
            body[system.name()]["webhook_secret"] = json!(world.outbox.target().secret);
        }
        for connector in system.connectors() {
            let url = format!("{base}/{connector}");
            body[*connector] = world.system(system).credentials(&url);
        }
    }
    if let Some(pubsub) = &world.pubsub {
        body[System::Salesforce.name()]["pubsub"] = json!(pubsub);
    }
    body
}

fn change_seed(world: &mut World, order: SeedOrder, base: &str) -> Result<Value, String> {
    let SeedOrder { seed: number, requests: count, balance, deposit, payee } = order;
    let anew = number.is_some() || count.is_some();
    let asked = [anew, balance.is_some(), deposit.is_some(), payee.is_some()];
    if asked.into_iter().filter(|asked| *asked).count() != 1 {
        return Err("send `seed` and/or `requests`, or one of `balance`, `deposit` and `payee`".to_owned());
    }
    if anew {
        let count = count.unwrap_or(world.requests.len());
        if count > limits::REQUESTS_MAX {
            return Err(format!("`requests` is at most {}", limits::REQUESTS_MAX));
        }
        world.seed(number.unwrap_or(world.seed), count);
    }
    if let Some(balance) = balance {
        world.payoneer.set_balance(amount("balance", &balance)?);
    }
    if let Some(deposit) = deposit {
        let balance = world.payoneer.balance().checked_add(amount("deposit", &deposit)?);
        world.payoneer.set_balance(balance.ok_or("`deposit` is too large")?);
    }
    if let Some(payee) = payee {
        change_payee(world, &payee)?;
    }
    Ok(seed(world, base))
}

fn change_payee(world: &mut World, order: &PayeeOrder) -> Result<(), String> {
    let state = PayeeState::of(order.kind).ok_or("`type` is 0 (pending), 1 (active) or 99 (inactive)")?;
    let payee = world.payoneer.payee_mut(&order.id);
    payee.ok_or_else(|| format!("no payee `{}`; they are `P-1`, `P-2` and so on", order.id))?.state = state;
    Ok(())
}

fn amount(name: &str, text: &str) -> Result<Decimal, String> {
    let amount = Decimal::from_str_exact(text).ok();
    let amount = amount.filter(|amount| !amount.is_sign_negative() && amount.normalize().scale() <= 2);
    let amount = amount.filter(|amount| *amount < Decimal::from(1_000_000_000_000_u64));
    amount.map(wire::cents).ok_or_else(|| format!("`{name}` is a text such as `\"12000.00\"`, not `{text}`"))
}

fn faults(world: &World) -> Value {
    let mut body = json!(world.injector.faults());
    let rules = body["rules"].as_array_mut().into_iter().flatten();
    rules.zip(world.injector.hits()).for_each(|(rule, hits)| rule["hits"] = json!(hits));
    let rules = body["webhooks"].as_array_mut().into_iter().flatten();
    rules.zip(world.outbox.hits()).for_each(|(rule, hits)| rule["hits"] = json!(hits));
    body
}

fn change_faults(world: &mut World, order: Faults) -> Result<Value, String> {
    order.check()?;
    world.set_faults(order);
    Ok(faults(world))
}

fn clock(world: &World) -> Value {
    json!({ "now": world.clock.now(), "speed": world.clock.speed() })
}

fn change_clock(world: &mut World, order: &ClockOrder) -> Result<Value, String> {
    if order.speed.is_none() && order.advance_ms.is_none() {
        return Err("send `speed`, `advance_ms` or both".to_owned());
    }
    if order.speed.is_some_and(|speed| speed > limits::SPEED_MAX) {
        return Err(format!("`speed` is at most {}", limits::SPEED_MAX));
    }
    if order.advance_ms.is_some_and(|ms| ms > limits::ADVANCE_MAX_MS) {
        return Err(format!("`advance_ms` is at most {} (366 days)", limits::ADVANCE_MAX_MS));
    }
    if let Some(speed) = order.speed {
        world.clock.set_speed(speed);
    }
    if let Some(ms) = order.advance_ms {
        world.clock.advance(ms);
    }
    Ok(clock(world))
}

fn tls(world: &World) -> Result<&Tls, String> {
    world.tls.as_deref().ok_or_else(|| "the sandbox does not listen with TLS; start it with `--tls-listen`".to_owned())
}

fn told(tls: &Tls) -> Value {
    json!({ "client_certificates": tls.is_mutual() })
}

fn change_tls(world: &World, order: &TlsOrder) -> Result<Value, String> {
    let tls = tls(world)?;
    tls.set_mutual(order.client_certificates);
    Ok(told(tls))
}

fn webhooks(world: &World) -> Value {
    let mut body = json!(world.outbox.target());
    body["list"] = world.outbox.list();
    body
}

fn change_webhooks(world: &mut World, target: Webhooks) -> Result<Value, String> {
    target.check()?;
    world.outbox.set_target(target);
    Ok(json!(world.outbox.target()))
}

/// The server sees it once this is answered.
fn close_listener(world: &mut World, order: &ListenerOrder) -> Result<Value, String> {
    let closed_ms = order.closed_ms;
    if closed_ms > limits::CLOSED_MAX_MS {
        return Err(format!("`closed_ms` is at most {}", limits::CLOSED_MAX_MS));
    }
    world.outage.send_replace(Duration::from_millis(closed_ms));
    Ok(json!({ "closed_ms": closed_ms }))
}

fn money(amount: Decimal) -> String {
    wire::cents(amount).to_string()
}
