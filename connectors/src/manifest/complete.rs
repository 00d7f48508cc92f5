//! What a manifest leaves open or leads nowhere: hosts and names that nothing defines, bundles of which nobody learns what
//! was refused, conditions that are always the same.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{
    expression::{Expression, Made},
    path::Step,
    report::Report,
    script::{Named, Rules, Script},
    template::Template,
    yaml::Node,
};
use serde_json::Value;

use super::{Auth, Bundle, Call, ErrorRule, Manifest, auth::ways};
use crate::limits::BUNDLE_MAX_CALLS;

/// Reports all of it; `root` is the whole file.
pub(super) fn check(manifest: &Manifest, root: &Node, report: &mut Report) {
    environments(manifest, root, report);
    auth(manifest, root, report);
    for (name, call) in &manifest.calls {
        if let Some(node) = inside(root, &["actions", name]) {
            action(manifest, (call, node), report);
        }
    }
}

fn inside<'n>(root: &'n Node, keys: &[&str]) -> Option<&'n Node> {
    keys.iter().try_fold(root, |node, key| node.get(key))
}

/// The names in each way to say who we are.
fn auth(manifest: &Manifest, root: &Node, report: &mut Report) {
    let ways = root.get("auth").map_or_else(Vec::new, ways);
    let hosts: BTreeSet<&str> = manifest.environments.values().flat_map(BTreeMap::keys).map(String::as_str).collect();
    let hosts: Vec<&str> = hosts.into_iter().collect();
    for (way, node) in manifest.auth.iter().zip(ways) {
        let mut in_address = Vec::new();
        if let (Some(oauth2), Some(node)) = (way.oauth2(), inside(node, &["oauth2", "token_url"])) {
            names(manifest, (&oauth2.token_url, node), &hosts, report);
            in_address.extend(oauth2.token_url.names());
        }
        let known = manifest.connector.fields.iter().map(|(name, _)| name.as_str());
        let known: Vec<&str> = known.chain(hosts.iter().copied()).collect();
        for name in way.names().into_iter().filter(|name| !in_address.contains(name) && !known.contains(name)) {
            let message = format!("`auth` reads `{name}`, which is no field of `connection` and no host");
            report.unknown("invalid-value", node.at, message, (name, &known));
        }
    }
}

fn environments(manifest: &Manifest, root: &Node, report: &mut Report) {
    for (name, hosts) in &manifest.environments {
        for (host, template) in hosts {
            if let Some(node) = inside(root, &["environments", name, host]) {
                names(manifest, (template, node), &[], report);
            }
        }
    }
}

/// The names in an address: each has a value, and none is a secret.
fn names(manifest: &Manifest, (template, node): (&Template, &Node), own: &[&str], report: &mut Report) {
    let fields = &manifest.connector.fields;
    for name in template.names().filter(|name| !own.contains(name)) {
        match fields.iter().find(|(known, _)| known == name) {
            Some((_, field)) if field.secret => {
                let message =
                    format!("`{name}` is a secret, and an address is kept in logs and by whoever is on the way");
                let help = "send it in `auth`; where the vendor wants it in the address, say so with \
                            `# ferry: allow(leaked-secret) the vendor has no other way`";
                report.warning("leaked-secret", node.at, message, help);
            }
            Some(_) => {}
            None => {
                let known: Vec<&str> =
                    fields.iter().map(|(name, _)| name.as_str()).chain(own.iter().copied()).collect();
                let message = format!("nothing gives `{name}` a value: it is no field of `connection`");
                report.unknown("invalid-value", node.at, message, (name, &known));
            }
        }
    }
}

fn action(manifest: &Manifest, (call, node): (&Call, &Node), report: &mut Report) {
    let Some(request) = node.get("request") else { return };
    host(manifest, call, request, report);
    if let Some(path) = request.get("path") {
        let claims = call.way.map_or(manifest.auth.as_slice(), |way| &manifest.auth[way..=way]).iter();
        let claims = claims.filter_map(|way| way.oauth2()?.consent()).flat_map(|consent| &consent.claims);
        let lets = call.request.lets.iter().map(|(name, _)| name.as_str());
        let lets: Vec<&str> = lets.chain(claims.map(|(name, _)| name.as_str())).collect();
        names(manifest, (&call.request.path, path), &lets, report);
    }
    call.request.expressions().for_each(|by| by.scripts(&mut |script| fields(manifest, script, report)));
    let answered = [&call.success].into_iter().chain(call.errors.iter().map(|rule| &rule.when));
    answered.for_each(|script| fields(manifest, script, report));
    call.result.scripts(&mut |script| fields(manifest, script, report));
    if call.bundle.as_ref().is_some_and(|bundle| bundle.results.is_none()) {
        one_of_many(call, node, report);
    }
    if let (true, Some(success)) = (call.success.variables().is_empty(), node.get("success")) {
        let message = "`success` reads nothing of the answer, so every answer is a success";
        report.warning("constant-condition", success.at, message, "read the answer, such as `status == 200`");
    }
    if let (Some(bundle), Some(node)) = (&call.bundle, node.get("bundle")) {
        self::bundle(bundle, call.request.body.as_ref(), node, report);
    }
}

/// An answer to a whole bundle is the same for all of its calls, so no rule on it can know what one of them has asked for.
fn one_of_many(call: &Call, node: &Node, report: &mut Report) {
    let mut reads = [&call.success].into_iter().chain(call.errors.iter().map(|rule| &rule.when)).any(is_of_input);
    call.result.scripts(&mut |script| reads |= is_of_input(script));
    if let Some(bundle) = node.get("bundle").filter(|_| reads) {
        let message = "a rule reads `input`, and one answer is for all calls of a bundle";
        report.error(
            "invalid-value",
            bundle.at,
            message,
            "read `body` alone, or say with `results` where each has its own",
        );
    }
}

fn is_of_input(script: &Script) -> bool {
    script.variables().iter().any(|name| name == "input")
}

/// What a script reads of the connection is there, and no secret: what a script makes may be kept.
fn fields(manifest: &Manifest, script: &Script, report: &mut Report) {
    for access in &script.reads().accesses {
        let [(root, _), (name, at), ..] = access.names.as_slice() else { continue };
        if root != "connection" {
            continue;
        }
        let fields = &manifest.connector.fields;
        let open: Vec<&str> = fields.iter().filter(|(_, field)| !field.secret).map(|(name, _)| name.as_str()).collect();
        match fields.iter().find(|(known, _)| known == name) {
            Some((_, field)) if field.secret => {
                let message = format!("`{name}` is a secret, which only `auth` may send");
                report.error("leaked-secret", *at, message, "send it in `auth`, such as `api_key: { header, value }`");
            }
            Some(_) => {}
            None => {
                let message = format!("`{name}` is no field of `connection`");
                report.unknown("invalid-value", *at, message, (name, &open));
            }
        }
    }
}

/// The host of a request is in each environment, or comes with the token.
fn host(manifest: &Manifest, call: &Call, request: &Node, report: &mut Report) {
    let (wanted, Some(node)) = (&call.request.host, request.get("host")) else { return };
    let told: Vec<&str> = manifest
        .auth
        .iter()
        .filter_map(Auth::oauth2)
        .flat_map(|auth| auth.hosts.iter().map(|(name, _)| name.as_str()))
        .collect();
    let lacks = |hosts: &BTreeMap<_, _>| !hosts.contains_key(wanted) && !told.contains(&wanted.as_str());
    for (environment, hosts) in manifest.environments.iter().filter(|(_, hosts)| lacks(hosts)) {
        let known: Vec<&str> = hosts.keys().map(String::as_str).chain(told.iter().copied()).collect();
        let message = format!("the environment `{environment}` has no host `{wanted}`, and no token names one");
        report.unknown("invalid-value", node.at, message, (wanted, &known));
    }
}

fn bundle(bundle: &Bundle, body: Option<&Expression>, node: &Node, report: &mut Report) {
    if let Some(max) = node.get("max")
        && let Value::Number(number) = max.to_value()
        && !number.as_u64().is_some_and(|number| (1..=BUNDLE_MAX_CALLS as u64).contains(&number))
    {
        let message = format!("a bundle has 1 to {BUNDLE_MAX_CALLS} calls, and `max` is {number}");
        report.error(
            "invalid-value",
            max.at,
            message,
            format!("write what the vendor takes, at most {BUNDLE_MAX_CALLS}"),
        );
    }
    if bundle.refused.is_none() && bundle.results.is_none() {
        let message = "nothing says which item of a bundle is wrong, so one that is refused fails all others with it";
        let help = "add `refused: { errors: $.errors, index: $.index, message: $.message, code: $.code }`, or `results` where an \
                    answer has one for each";
        report.warning("incomplete-action", node.at, message, help);
    }
    if let (Some(items), Some(body)) = (node.get("items"), body)
        && !leads_to_a_list(body, bundle.items.steps().unwrap_or_default())
    {
        let message =
            format!("`{}` is no list of the request's `body`, so calls cannot travel together", bundle.items.text());
        report.error("invalid-value", items.at, message, "name the list of `body` that has one item for each call");
    }
}

/// Whether a path leads to a list of a body; where a value is made in another way, only a call can know.
fn leads_to_a_list(body: &Expression, steps: &[Step]) -> bool {
    match (&body.made, steps) {
        (Made::Object(entries), [Step::Name(name), rest @ ..]) => {
            entries.iter().any(|(known, inner)| known.value == *name && leads_to_a_list(inner, rest))
        }
        (Made::List(_), []) | (Made::Path(_) | Made::Rhai(_) | Made::Operator(_), _) => true,
        (Made::Object(_) | Made::Literal(_) | Made::List(_) | Made::Text(_), _) => false,
    }
}

/// Whether a rule on the status alone matches wherever one below it would.
pub(super) fn covers(rules: &Rules, above: &ErrorRule, below: &ErrorRule) -> bool {
    let statuses: Vec<i64> = constants(&above.when).into_iter().chain(constants(&below.when)).collect();
    let Some(narrowed) = narrowed(&below.when) else { return false };
    if above.when.variables() != ["status"] || statuses.is_empty() {
        return false;
    }
    let holds = |script: &Script, status: i64| script.test(rules, &Named(&[("status", &Value::from(status))]));
    // Comparisons change their truth beside a constant only.
    let mut near = statuses.iter().flat_map(|status| [status - 1, *status, status + 1]);
    near.all(|status| {
        let may_match = match narrowed {
            Some(only) => status == only,
            None => holds(&below.when, status).unwrap_or(true),
        };
        !may_match || holds(&above.when, status).unwrap_or(false)
    })
}

/// The one status that a rule asks for beside other things; nothing inside where it asks for the status alone, and nothing
/// where neither is known.
#[expect(clippy::option_option, reason = "the two say different things")]
fn narrowed(script: &Script) -> Option<Option<i64>> {
    if script.variables() == ["status"] {
        return Some(None);
    }
    let is_status = |names: &[String]| names == ["status"];
    if !script.reads().certain.iter().any(|names| is_status(names)) {
        return None;
    }
    let mut asked = script.reads().comparisons.iter().filter(|comparison| is_status(&comparison.names));
    let (first, None) = (asked.next()?, asked.next()) else { return None };
    let [(constant, _)] = first.constants.as_slice() else { return None };
    (first.operator == "==").then(|| constant.as_i64()).flatten().map(Some)
}

/// The numbers that a rule compares the status with.
fn constants(script: &Script) -> Vec<i64> {
    let of_status = script.reads().comparisons.iter().filter(|comparison| comparison.names == ["status"]);
    of_status.flat_map(|comparison| comparison.constants.iter().filter_map(|(value, _)| value.as_i64())).collect()
}
