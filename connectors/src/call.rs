//! One request for one call or a bundle, and what each call got.

use std::collections::BTreeMap;

use ferry_contract::{
    failure::{ErrorClass, Failure},
    money::currency_beside,
    number,
    path::Document,
    port::{HttpError, HttpRequest, Pass},
    script::Named,
};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::{
    address::{Address, after, is_next, path_of},
    auth::Token,
    budget, bundle,
    connection::Connection,
    manifest::{Call, Preflight, Results},
    paginate::{self, Pages},
    request::{self, Prepared},
    response::{Answer, Asked, Refusal, understand},
    transfer::{pages_of, saved},
};

/// An answer, and what it means; or why there is none.
pub(crate) type Exchanged = Result<(Answer, Result<Value, Refusal>), Failure>;

/// One page of a read.
#[derive(Debug)]
pub struct Page {
    /// The action's output for this page alone.
    pub output: Value,
    /// Where the next page is.
    pub next: Option<String>,
}

impl Connection {
    /// Renders a call and checks its input against the manifest's schema. Sends nothing.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] where the input does not fit.
    pub fn prepare(&self, action: &str, input: &Value) -> Result<Prepared, Failure> {
        let call = self.action(action)?;
        let schema = self.manifest.connector.actions.get(action).map(|action| &action.input);
        let violations = schema.map(|schema| schema.violations(input)).unwrap_or_default();
        if !violations.is_empty() {
            return Err(Failure::new(ErrorClass::Invalid, format!("the input is wrong: {}", violations.join("; "))));
        }
        let sensitive = schema.map(|schema| schema.sensitive_values(input)).unwrap_or_default();
        Ok(Prepared {
            sensitive,
            reach: self.reach(action),
            ..request::prepare(call, (&self.fields, &self.open, &self.claims_of(call)), &self.rules, input)?
        })
    }

    /// Sends the calls of one group as one request. The answer has one result per call, in order.
    pub async fn send(&self, pass: &dyn Pass, action: &str, calls: &[&Prepared]) -> Vec<Result<Value, Failure>> {
        let results = self.sent(pass, action, calls).await.into_iter().zip(calls);
        results.map(|(result, call)| result.map_err(|failure| self.with_body(failure, call, calls.len()))).collect()
    }

    pub(crate) async fn sent(&self, pass: &dyn Pass, action: &str, calls: &[&Prepared]) -> Vec<Result<Value, Failure>> {
        let call = match self.action(action) {
            Ok(call) => call,
            Err(failure) => return calls.iter().map(|_| Err(failure.clone())).collect(),
        };
        if let Err(failure) = self.may_send(action) {
            return calls.iter().map(|_| Err(failure.clone())).collect();
        }
        if let Some(stand_in) = &self.stand_in {
            return self.stand_in(&**stand_in, pass, (action, &call.request.host), calls).await;
        }
        match (calls, &call.bundle) {
            ([], _) => Vec::new(),
            ([one], None) => vec![self.send_alone(pass, call, one).await],
            (several, Some(rule)) => {
                let order = bundle::order(rule, several, (&self.rules, &self.open));
                let sorted: Vec<&Prepared> = order.iter().map(|index| several[*index]).collect();
                // The first one's gate is that of all.
                let mut together = several[0].clone();
                together.body = request::merged(rule, &sorted);
                together.sensitive = several.iter().flat_map(|call| call.sensitive.clone()).collect();
                let exchanged = self.answer(pass, call, (&together, None)).await;
                let mut results: Vec<_> = order.into_iter().zip(self.split(call, exchanged, &sorted)).collect();
                results.sort_by_key(|(index, _)| *index);
                results.into_iter().map(|(_, result)| result).collect()
            }
            (several, None) => {
                let failure = Failure::new(ErrorClass::Bug, "this action has no bundle");
                several.iter().map(|_| Err(failure.clone())).collect()
            }
        }
    }

    /// Reads one page: the first, or the one at `next`.
    ///
    /// # Errors
    /// The failure of the read.
    pub async fn page(
        &self,
        pass: &dyn Pass,
        action: &str,
        input: &Value,
        next: Option<&str>,
    ) -> Result<Page, Failure> {
        let prepared = self.prepare(action, input)?;
        let call = self.action(action)?;
        if self.stand_in.is_some() {
            let output = self.sent(pass, action, &[&prepared]).await.pop();
            let none = || Failure::new(ErrorClass::Bug, "no answer");
            return Ok(Page { output: output.ok_or_else(none)??, next: None });
        }
        if let Some(native) = call.request.native {
            let output = self.send_native(pass, (call, native), &prepared).await?;
            return Ok(Page { output, next: None });
        }
        let told = |failure| self.with_body(failure, &prepared, 1);
        let (answer, output) = self.answer(pass, call, (&prepared, next)).await.map_err(told)?;
        let output = output.map_err(Refusal::into_failure).map_err(told)?;
        let here = next.unwrap_or(&prepared.target);
        Ok(Page { output, next: call.paginate.as_ref().and_then(|rule| paginate::next(rule, here, &answer.body)) })
    }

    /// The currency (ISO 4217) of the amount that a preflight sums: what stands beside the amount, as
    /// `$.amount.currency` beside `$.amount.amount`; nothing where the action has no preflight.
    pub fn currency(&self, action: &str, call: &Prepared) -> Option<String> {
        currency_beside(&self.action(action).ok()?.preflight.as_ref()?.sums, &call.input)
    }

    /// Asks what must be asked before these calls are sent: a failure for each that must not go. `reserved` is
    /// what others may have of what is there, by currency; sums of different currencies are never added.
    pub async fn preflight(
        &self,
        pass: &dyn Pass,
        action: &str,
        calls: &[&Prepared],
        reserved: BTreeMap<String, Decimal>,
    ) -> Vec<Option<Failure>> {
        let rule = self.action(action).ok().and_then(|call| call.preflight.as_ref());
        let Some(rule) = rule else { return calls.iter().map(|_| None).collect() };
        let asked = match self.prepare(&rule.action, &Value::Object(serde_json::Map::new())) {
            Ok(question) => self.send(pass, &rule.action, &[&question]).await.pop(),
            Err(failure) => Some(Err(failure)),
        };
        let result = match asked {
            Some(Ok(result)) => result,
            Some(Err(failure)) => return calls.iter().map(|_| Some(not_asked(&failure))).collect(),
            None => Value::Null,
        };
        let mut totals = reserved;
        let verdict = |prepared: &&Prepared| {
            let total = totals.entry(currency_beside(&rule.sums, &prepared.input).unwrap_or_default()).or_default();
            match self.admitted(rule, &result, &prepared.input, *total) {
                Ok(sum) => {
                    *total = sum;
                    None
                }
                Err(failure) => Some(failure),
            }
        };
        calls.iter().map(verdict).collect()
    }

    /// The sum with one more call, where it may go.
    fn admitted(&self, rule: &Preflight, result: &Value, input: &Value, total: Decimal) -> Result<Decimal, Failure> {
        let invalid = |message: String| Failure::new(ErrorClass::Invalid, message);
        let amount = rule.sums.one(Document::Value(input)).map_err(|error| invalid(error.to_string()))?;
        let exact = number::text_to_decimal(&amount.to_string());
        let sum = exact.and_then(|amount| total.checked_add(amount));
        let sum = sum.ok_or_else(|| invalid(format!("`{}` is no amount: {amount}", rule.sums.text())))?;
        let shown = number::from_decimal(sum);
        let names = [("result", result), ("input", input), ("total", &shown)];
        for rule in &rule.rules {
            match rule.passes.test(&self.rules, &Named(&names)) {
                Ok(true) => {}
                Ok(false) => return Err(Failure::new(rule.class, rule.message.clone())),
                Err(error) => return Err(Failure::new(ErrorClass::Bug, error.to_string())),
            }
        }
        Ok(sum)
    }

    /// One call that goes with no other.
    pub(crate) async fn send_alone(&self, pass: &dyn Pass, call: &Call, prepared: &Prepared) -> Result<Value, Failure> {
        match (&call.job, call.request.native) {
            (Some(job), _) => self.send_job(pass, (call, job), prepared).await,
            (None, Some(native)) => self.send_native(pass, (call, native), prepared).await,
            (None, None) if call.request.upload.is_some() || call.request.download.is_some() => {
                self.send_file(pass, call, prepared).await
            }
            (None, None) => self.send_paged(pass, call, prepared).await,
        }
    }

    async fn send_paged(&self, pass: &dyn Pass, call: &Call, prepared: &Prepared) -> Result<Value, Failure> {
        let (mut answer, mut output) = self.answer(pass, call, (prepared, None)).await?;
        let Some(rule) = &call.paginate else { return output.map_err(Refusal::into_failure) };
        let mut pages = Pages::new(rule);
        let mut here = prepared.target.clone();
        loop {
            output.map_err(Refusal::into_failure)?;
            match pages.take(&here, std::mem::take(&mut answer.body))? {
                Some(next) => {
                    (answer, output) = self.answer(pass, call, (prepared, Some(&next))).await?;
                    here = next;
                }
                None => break,
            }
        }
        answer.body = pages.finish()?;
        self.understood(call, &answer).map_err(Refusal::into_failure)
    }

    fn split(&self, call: &Call, exchanged: Exchanged, calls: &[&Prepared]) -> Vec<Result<Value, Failure>> {
        let count = calls.len();
        let all = |result: Result<Value, Failure>| vec![result; count];
        let (answer, output) = match exchanged {
            Ok(exchanged) => exchanged,
            Err(failure) => return all(Err(failure)),
        };
        match output {
            Ok(output) => match self.results_of(call, &answer) {
                Some(rule) => self.each(call, (rule, &answer), calls),
                None => all(Ok(output)),
            },
            Err(refusal) => match &call.bundle {
                Some(bundle) => {
                    let told = |failure: Failure| Err(self.told(failure, &answer.asked, Some(&answer)));
                    bundle::settled(bundle, &answer, &refusal.failure, count).into_iter().map(told).collect()
                }
                None => all(Err(refusal.failure)),
            },
        }
    }

    /// Where an answer has a result for each call.
    fn results_of<'c>(&self, call: &'c Call, answer: &Answer) -> Option<&'c Results> {
        let rule = call.bundle.as_ref()?.results.as_ref()?;
        let status = Value::from(answer.status);
        let names = [("status", &status), ("body", &answer.body), ("headers", &answer.headers)];
        rule.when.test(&self.rules, &Named(&names)).unwrap_or(false).then_some(rule)
    }

    /// Each result as an answer of its own.
    fn each(
        &self,
        call: &Call,
        (rule, answer): (&Results, &Answer),
        calls: &[&Prepared],
    ) -> Vec<Result<Value, Failure>> {
        let inputs: Vec<&Value> = calls.iter().map(|call| &call.input).collect();
        let understood = |(result, input): (Option<&Value>, &&Value)| match result {
            Some(body) => {
                let asked = Asked { input: (*input).clone(), ..answer.asked.clone() };
                let own = Answer { body: body.clone(), asked, ..answer.clone() };
                let output = understand(&self.manifest, call, &self.rules, &own).map_err(Refusal::into_failure);
                output.map_err(|failure| self.told(failure, &answer.asked, Some(&own)))
            }
            None => {
                let failure = Failure::new(ErrorClass::Unknown, "the answer has no result for this call");
                Err(self.told(failure, &answer.asked, Some(answer)))
            }
        };
        bundle::results(rule, answer, &inputs).into_iter().zip(&inputs).map(understood).collect()
    }

    fn understood(&self, call: &Call, answer: &Answer) -> Result<Value, Refusal> {
        // What each call got is said for each.
        if self.results_of(call, answer).is_some() {
            return Ok(Value::Null);
        }
        understand(&self.manifest, call, &self.rules, answer)
            .map_err(|refusal| Refusal { failure: self.told(refusal.failure, &answer.asked, Some(answer)), ..refusal })
    }

    /// Sends, and once more with a new token where the target says that the old one was the reason. The new one of a consent may
    /// be what another process has got before, and be refused as well; only the next one shows what the provider says now.
    pub(crate) async fn answer(&self, pass: &dyn Pass, call: &Call, what: (&Prepared, Option<&str>)) -> Exchanged {
        let way = self.way_of(call);
        let is_shared = self.oauth2(way).is_some_and(|auth| auth.consent().is_some());
        let mut token = self.token(pass, way, None).await?;
        let mut exchanged = self.exchange(pass, call, what, token.as_ref()).await?;
        for _ in 0..if is_shared { 2 } else { 1 } {
            let is_stale = exchanged.1.as_ref().is_err_and(|refusal| refusal.refresh_token);
            let Some(stale) = token.filter(|_| is_stale).map(|token| token.number) else { return Ok(exchanged) };
            token = self.token(pass, way, Some(stale)).await?;
            // What never changes is not refused another time.
            if token.as_ref().is_none_or(|token| token.number == stale) {
                return Ok(exchanged);
            }
            exchanged = self.exchange(pass, call, what, token.as_ref()).await?;
        }
        Ok(exchanged)
    }

    /// One exchange through the gate, at the first address that can be reached.
    async fn exchange(
        &self,
        pass: &dyn Pass,
        call: &Call,
        (prepared, next): (&Prepared, Option<&str>),
        token: Option<&Token>,
    ) -> Exchanged {
        let mut before: Option<Failure> = None;
        let ours = self.addresses(&call.request.host, token)?;
        let path = path_of(next.unwrap_or(&prepared.target), &ours)?;
        let path = self.claimed(call, path, token)?;
        let mut addresses = prepared.reach.of(&ours).iter().peekable();
        while let Some(address) = addresses.next() {
            let request = request::http_request(call, prepared, format!("{}{path}", address.url), token);
            let request = HttpRequest { tls: self.tls.clone(), ..request };
            let (exchanged, was_sent) = self.exchange_at(pass, call, (prepared, address), request).await;
            let goes_on = is_next(&exchanged, call.is_write, was_sent) && addresses.peek().is_some();
            let failure = match exchanged {
                Ok((_, Err(refusal))) if goes_on => after(refusal.into_failure(), before),
                Err(failure) if goes_on => after(failure, before),
                exchanged => return exchanged.map_err(|failure| after(failure, before)),
            };
            before = Some(failure);
        }
        Err(Failure::new(ErrorClass::Bug, "a request has no address"))
    }

    /// One exchange with one address, and whether a byte of it may have left.
    async fn exchange_at(
        &self,
        pass: &dyn Pass,
        call: &Call,
        (prepared, address): (&Prepared, &Address),
        request: HttpRequest,
    ) -> (Exchanged, bool) {
        let name = &address.name;
        if let Err(failure) = pass.next(name).await {
            return (Err(failure), false);
        }
        // Whatever was waited for above, this is asked immediately before the bytes leave.
        if prepared.gate.as_ref().is_some_and(|gate| !gate.is_open()) {
            pass.seen(name, budget::seen(self, None, None)).await;
            return (Err(request::too_late()), false);
        }
        let asked = Asked {
            method: request.method.clone(),
            url: request.url.clone(),
            sensitive: prepared.sensitive.clone(),
            input: prepared.input.clone(),
            connection: self.open.clone(),
        };
        let mut was_sent = true;
        let pages = pages_of(prepared);
        let answer = match self.world.http.send(request).await {
            Ok(response) => Ok(saved(prepared, pages, Answer::read(&response, call.request.accept, asked))),
            Err(error) => {
                let (class, message) = match error {
                    HttpError::NotSent(reason) => {
                        was_sent = false;
                        (ErrorClass::Unavailable, format!("not sent: {reason}"))
                    }
                    HttpError::NoAnswer(reason) => (ErrorClass::Unknown, format!("no answer: {reason}")),
                };
                Err(self.told(Failure::new(class, message), &asked, None))
            }
        };
        let understood = answer.map(|answer| {
            let output = self.understood(call, &answer);
            (answer, output)
        });
        let class = match &understood {
            Ok((_, output)) => output.as_ref().err().map(|refusal| refusal.failure.class),
            Err(failure) => Some(failure.class),
        };
        pass.seen(name, budget::seen(self, class, understood.as_ref().ok().map(|(answer, _)| answer))).await;
        (understood, was_sent)
    }
}

/// The question is a read, so whatever came of it, no write was sent; and what the target says of the
/// question, it does not say of the write.
fn not_asked(failure: &Failure) -> Failure {
    let class = match failure.class {
        ErrorClass::Auth | ErrorClass::Config | ErrorClass::Throttled => failure.class,
        ErrorClass::Invalid
        | ErrorClass::Rejected
        | ErrorClass::Declined
        | ErrorClass::NotFound
        | ErrorClass::Conflict
        | ErrorClass::InsufficientFunds
        | ErrorClass::Unavailable
        | ErrorClass::Unknown
        | ErrorClass::Bug => ErrorClass::Unavailable,
    };
    Failure { class, message: format!("the question before it failed: {}", failure.message), ..failure.clone() }
}
