//! A manifest's facts, as the description has them.

use std::{collections::BTreeMap, time::Duration};

use ferry_connectors::{
    library::Library,
    manifest::{Auth, BudgetWindow, Call, ClientAuth, ErrorRule, Grant, Job, Manifest, Next, OAuth2, Stage},
};
use ferry_contract::{
    catalog::{Action, ConnectionField, Profile, Verify, Webhook},
    limits::CONNECTION_REQUESTS_DEFAULT,
    schema::{Kind, Schema},
};

use super::{
    ActionManual, BudgetManual, ConnectionManual, ConnectorManual, FieldManual, Login, ProfileManual, RuleManual,
    VerifyManual, WebhookManual, words,
};

/// What a connector says of itself; nothing where there is none of that name, or it cannot be read.
pub fn connector(library: &Library, name: &str) -> Option<ConnectorManual> {
    let manifest = library.manifests.get(name)?;
    let known = &manifest.connector;
    let backoff = known.actions.values().next().map(|action| &action.backoff);
    Some(ConnectorManual {
        name: known.name.clone(),
        title: known.title.clone(),
        description: known.description.clone(),
        origin: library.own.get(name).cloned().unwrap_or_else(|| "shipped".to_owned()),
        connection: known.fields.iter().map(field_of_connection).collect(),
        environments: environments(manifest),
        logins: manifest.auth.iter().enumerate().map(|(index, way)| login(manifest, (index, way))).collect(),
        said_ways: known.said_ways(),
        budget: manifest.budget.iter().map(budget).collect(),
        concurrency: manifest.concurrency.unwrap_or(CONNECTION_REQUESTS_DEFAULT),
        concurrency_is_said: manifest.concurrency.is_some(),
        backoff: words::backoff(&backoff.cloned().unwrap_or_default()),
        errors: manifest.errors.iter().map(rule).collect(),
        profiles: known.profiles.iter().map(|profile| self::profile(manifest, profile)).collect(),
        verify: known.verify.as_ref().map(verify),
        records: known.records.as_ref().map(|records| records.action.clone()),
        webhooks: known.webhooks.iter().map(|(webhook, of)| told((name, webhook), of)).collect(),
        actions: known.actions.iter().filter_map(|(name, of)| Some(action(of, manifest.calls.get(name)?))).collect(),
    })
}

fn profile(manifest: &Manifest, profile: &Profile) -> ProfileManual {
    let inside = manifest.profiles.get(&profile.name);
    let request = |name: &String| {
        let request = &inside?.calls.get(name)?.request;
        Some((name.clone(), format!("{} {}{}", request.method, request.host, request.path.text())))
    };
    ProfileManual {
        name: profile.name.clone(),
        title: profile.title.clone(),
        changed: profile.changed.iter().filter_map(request).collect(),
        without: profile.without.iter().cloned().collect(),
    }
}

fn told((connector, name): (&str, &str), webhook: &Webhook) -> WebhookManual {
    let (scheme, in_words) = webhook.scheme.in_words();
    WebhookManual {
        name: format!("{connector}.{name}"),
        summary: webhook.summary.clone(),
        scheme: scheme.to_owned(),
        scheme_in_words: in_words.to_owned(),
        secret: webhook.secret.clone(),
        source: webhook.source.clone(),
        evidence: webhook.evidence,
        output: fields(&webhook.output),
        output_is_open: webhook.output.open,
    }
}

fn field_of_connection((name, field): &(String, ConnectionField)) -> ConnectionManual {
    let ConnectionField { secret, optional, doc, example, deprecated } = field.clone();
    ConnectionManual { name: name.clone(), secret, optional, doc, example, deprecated }
}

fn environments(manifest: &Manifest) -> BTreeMap<String, BTreeMap<String, String>> {
    let written = manifest.environments.iter();
    let texts = written.map(|(name, hosts)| {
        let hosts = hosts.iter().map(|(host, template)| (host.clone(), template.text().to_owned()));
        (name.clone(), hosts.collect())
    });
    texts.collect()
}

fn login(manifest: &Manifest, (index, way): (usize, &Auth)) -> Login {
    let name = manifest.named.iter().find(|(_, known)| **known == index).map(|(name, _)| name.clone());
    let fields = way.fields(&manifest.connector.fields);
    let (kind, how) = match way {
        Auth::Basic { .. } => ("basic", "HTTP Basic with each call".to_owned()),
        Auth::ApiKey { header, .. } => ("api_key", format!("the header `{}` with each call", header.text())),
        Auth::OAuth2(oauth2) => (words_of_grant(&oauth2.grant), token(oauth2)),
    };
    let hosts = way.oauth2().into_iter().flat_map(|oauth2| &oauth2.hosts);
    let hosts = hosts.map(|(name, path)| (name.clone(), path.text().to_owned())).collect();
    Login { name, kind: kind.to_owned(), fields, how, hosts }
}

fn words_of_grant(grant: &Grant) -> &'static str {
    match grant {
        Grant::ClientCredentials => "client_credentials",
        Grant::Password { .. } => "password",
        Grant::JwtBearer(_) => "jwt_bearer",
        Grant::AuthorizationCode(_) => "authorization_code",
    }
}

fn token(oauth2: &OAuth2) -> String {
    let given = match &oauth2.grant {
        Grant::ClientCredentials if oauth2.assertion().is_some() => "a token for the client itself",
        Grant::ClientCredentials => "a token for the client's own id and secret",
        Grant::Password { .. } => "a token for a name and a password",
        Grant::JwtBearer(_) => "a token for what the client has signed with its private key",
        Grant::AuthorizationCode(_) => {
            "a token for what a person allows in a browser (`ferry connect`), renewed by itself"
        }
    };
    let client = match &oauth2.client {
        ClientAuth::Basic => ", the client as HTTP Basic".to_owned(),
        ClientAuth::Form => ", the client in the form".to_owned(),
        ClientAuth::Assertion(signed) => {
            format!(", the client by what it has signed with its private key ({})", signed.algorithm.name())
        }
        ClientAuth::None => String::new(),
    };
    let scope = oauth2.scope.as_ref().map_or_else(String::new, |scope| format!(", scope `{scope}`"));
    format!("OAuth 2.0: {given}, from `{}`{client}{scope}", oauth2.token_url.text())
}

fn budget(budget: &BudgetWindow) -> BudgetManual {
    BudgetManual {
        limit: budget.window.limit,
        per_ms: ms(budget.window.per),
        host: budget.window.host.clone(),
        is_told: budget.limit.is_some() || budget.remaining.is_some() || budget.reset.is_some(),
    }
}

fn rule(rule: &ErrorRule) -> RuleManual {
    RuleManual { when: rule.when.text().trim().to_owned(), class: rule.class, refresh_token: rule.refresh_token }
}

fn verify(verify: &Verify) -> VerifyManual {
    VerifyManual { action: verify.action.clone(), with: verify.with.clone() }
}

fn action(action: &Action, call: &Call) -> ActionManual {
    ActionManual {
        name: action.name.clone(),
        summary: action.summary.clone(),
        deprecated: action.deprecated.clone(),
        effect: words::effect(&action.effect).to_owned(),
        effect_in_words: action.effect.in_words().to_owned(),
        repeat: words::repeat(&action.effect),
        method: call.request.method.clone(),
        host: call.request.host.clone(),
        path: call.request.path.text().to_owned(),
        success: call.success.text().trim().to_owned(),
        errors: call.errors.iter().map(rule).collect(),
        preflight: preflight(call),
        timeout_ms: ms(call.timeout),
        bundle_max: call.bundle.as_ref().map(|bundle| bundle.max),
        limits: limits(call),
        source: action.source.clone(),
        evidence: action.evidence,
        input: fields(&action.input),
        input_is_open: action.input.open,
        output: fields(&action.output),
        output_is_open: action.output.open,
    }
}

fn preflight(call: &Call) -> Vec<String> {
    let Some(preflight) = &call.preflight else { return Vec::new() };
    let asked = format!("`{}` is asked first; `{}` adds up.", preflight.action, preflight.sums.text());
    let rules = preflight.rules.iter().map(|rule| {
        format!("Unless `{}`, it is `{}` and not sent: {}.", rule.passes.text().trim(), rule.class, rule.message)
    });
    std::iter::once(asked).chain(rules).collect()
}

fn limits(call: &Call) -> Vec<String> {
    let mut limits = vec![format!("The whole answer is there within {}.", words::duration(call.timeout))];
    limits.extend(call.job.iter().flat_map(job));
    limits.extend(call.bundle.as_ref().map(|bundle| {
        let refused = if bundle.results.is_some() {
            "the answer has a result for each"
        } else if bundle.is_atomic {
            "a request that is refused did nothing"
        } else {
            "a request that is refused may have been done in part"
        };
        let within = words::duration(bundle.within);
        format!("Up to {} calls travel in one request, the first waits {within} for others; {refused}.", bundle.max)
    }));
    limits.extend(call.paginate.as_ref().map(|pages| {
        let next = match &pages.next {
            Next::Url(path) => format!("the next page is `{}`", path.text()),
            Next::Cursor { at, parameter } => format!("the next page's `{parameter}` is `{}`", at.text()),
            Next::Offset { parameter } => format!("`{parameter}` counts the items before a page"),
            Next::Page { parameter, first } => format!("`{parameter}` counts pages, from {first}"),
        };
        format!("All pages are read: the items are `{}`, {next}.", pages.items.text())
    }));
    limits.extend(
        call.poll.as_ref().map(|poll| format!("A trigger can poll it: its events are `{}`.", poll.items.text())),
    );
    limits
}

/// What a job does, in its order.
fn job(job: &Job) -> Vec<String> {
    let step = |stage: &Stage| match &stage.until {
        Some(until) => format!("`{}` every {}", stage.action, words::duration(until.every)),
        None => format!("`{}`", stage.action),
    };
    let steps: Vec<String> = job.steps.iter().map(step).collect();
    let parts = job.parts.as_ref().map(|parts| {
        format!(
            "A table of more than {} bytes (`{}`) goes in parts, each with its head.",
            parts.max_bytes,
            parts.file.text()
        )
    });
    let effect = job.steps.iter().find(|stage| stage.takes_effect);
    let effect = effect.map(|stage| format!("Nothing is done before `{}`.", stage.action));
    [format!("It calls {}.", steps.join(", then "))].into_iter().chain(effect).chain(parts).collect()
}

fn fields(schema: &Schema) -> Vec<FieldManual> {
    let mut found = Vec::new();
    add(schema, "", &mut found);
    found
}

/// The fields below a schema, in order, each behind the one that it belongs to.
fn add(schema: &Schema, before: &str, found: &mut Vec<FieldManual>) {
    if let Some(items) = &schema.items {
        return add(items, &format!("{before}[]"), found);
    }
    for (name, field) in &schema.properties {
        let path = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
        found.push(FieldManual {
            name: path.clone(),
            kind: field.kind.map_or("any", Kind::name).to_owned(),
            required: schema.required.contains(name),
            sensitive: field.sensitive,
            description: field.description.clone(),
            example: field.example.clone(),
            values: field.values.clone(),
            length_max: field.length_max,
            deprecated: field.deprecated.clone(),
        });
        add(field, &path, found);
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
