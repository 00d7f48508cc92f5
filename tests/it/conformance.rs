//! Every shipped connector, in each of its profiles, under every fault of the sandbox.
//!
//! What a connector is asked is in `conformance/CONNECTOR.yaml`; an action, a profile or a connector that is in no table fails
//! here until somebody writes it down, or says in a sentence why it cannot be shown. What came of it is
//! `docs/reference/conformance.md`; `UPDATE_EXPECT=1 cargo test` rewrites it.

mod access;
mod desk;
mod page;
mod reads;
mod table;
mod writes;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use expect_test::expect_file;
use ferry_connectors::library::{Library, shipped_file};
use ferry_contract::{
    catalog::{Effect, Repeat},
    report::Source,
    script::NoWatch,
};
use futures_util::future::join_all;

use crate::tidy;
use desk::{Desk, Place};
use page::{Held, Written};

fn library() -> Library {
    Library::load(&[], Arc::new(NoWatch)).0
}

/// Each connector with each of its profiles.
fn places(library: &Library) -> Vec<(String, Option<String>)> {
    let mut places = Vec::new();
    for (name, manifest) in &library.manifests {
        let profiles = manifest.connector.profiles.iter().map(|profile| Some(profile.name.clone()));
        let profiles: Vec<_> = if manifest.connector.profiles.is_empty() { vec![None] } else { profiles.collect() };
        places.extend(profiles.into_iter().map(|profile| (name.clone(), profile)));
    }
    places
}

#[test]
fn every_connector_and_action_is_in_a_table() {
    let library = library();
    let sources: String = tidy::sources().into_iter().map(|(_, text)| text).collect();
    let mut wrong = Vec::new();
    for (name, manifest) in &library.manifests {
        let Some(table) = table::of(name) else {
            wrong.push(format!("`{name}` has no table: write tests/it/conformance/{name}.yaml"));
            continue;
        };
        let known: BTreeSet<&String> = manifest.connector.actions.keys().collect();
        let told: BTreeSet<&String> = table.actions.keys().collect();
        let missing = known.difference(&told).map(|action| format!("`{name}.{action}` is not in its table"));
        let stale =
            told.difference(&known).map(|action| format!("`{name}.{action}` is in its table, and is no action"));
        wrong.extend(missing.chain(stale));
        let tests = table.actions.iter().filter_map(|(action, row)| Some((action, row.shown_by.as_ref()?)));
        let none = tests.filter(|(_, test)| !sources.contains(&format!("fn {test}(")));
        wrong.extend(none.map(|(action, test)| format!("`{name}.{action}` is shown by `{test}`, which is no test")));
        if table.system.is_some() == table.native.is_some() {
            wrong.push(format!("`{name}` has either a `system` of the sandbox, or a sentence in `native`"));
        }
        // A vendor whose refusals are never dressed as a success says so.
        let sentences = table.lacks.len() + usize::from(table.native.is_some());
        if table.refusals.is_empty() && sentences == 0 {
            wrong.push(format!("`{name}` has neither `refusals` nor a sentence in `lacks` of why there is none"));
        }
    }
    let names: BTreeSet<String> = table::all().into_iter().collect();
    let without = names.iter().filter(|name| !library.manifests.contains_key(*name));
    wrong.extend(without.map(|name| format!("`{name}` has a table, and is no connector")));
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connector_holds_what_it_promises_under_every_fault() {
    let library = library();
    let places = places(&library);
    let walks = places.iter().map(|(connector, profile)| walk(&library, connector, profile.as_deref()));
    let (mut held, mut wrong) = (Vec::new(), Vec::new());
    for (own, failed) in join_all(walks).await {
        held.push(own);
        wrong.extend(failed);
    }
    assert!(wrong.is_empty(), "{} promises are not held:\n{}", wrong.len(), wrong.join("\n"));
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/conformance.md");
    expect_file![page].assert_eq(&page::page(&held));
}

/// What a manifest says, what it says instead, the action that is then walked, and what the suite says to it.
const LIES: [(&str, &str, &str, &str, &str); 7] = [
    (
        "clarity",
        "        repeat: lookup\n        by: { action: get_webhook, with: { url: $.url } }\n        \
         found: { url: $.url, events: $.events }\n        \
         absence: { class: not_found, proves: true, visible_after: 1m }\n",
        "        repeat: upsert\n",
        "register_webhook",
        "2 effects, and 1 were promised",
    ),
    ("chat", "repeat: never", "repeat: upsert", "post", "2 effects, and 1 were promised"),
    ("clarity", "class: auth, then: refresh_token", "class: auth", "get_customer", "with a token that has ended: auth"),
    (
        "clarity",
        "page: { parameter: pageIndex, first: 0 }",
        "page: { parameter: pageIndex, first: 1 }",
        "list_orders",
        "the target counts",
    ),
    ("clarity", "  - { when: \"status == 429\", class: throttled }\n", "", "get_customer", "Throttled"),
    (
        "paytrace",
        "body.response_code == 102 || body.response_code == 103",
        "body.response_code == 103",
        "ping",
        "`sale` that looks like a success",
    ),
    (
        "business_central",
        "body.responses.all(|one| one.status == 200 && one.body.value.len() == 0)",
        "body.responses[1].body.value.len() == 0",
        "post_entry",
        "the look-up with",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_that_promises_what_is_not_so_does_not_pass() {
    let lies = LIES.iter().map(|lie| async move {
        let (connector, says, instead, action, caught) = *lie;
        let manifest = shipped_file(&format!("{connector}/connector.yaml")).unwrap();
        assert!(manifest.contains(says), "{connector} does not say `{says}`");
        let source = Source::new(format!("connectors/{connector}/connector.yaml"), manifest.replace(says, instead));
        let (library, _) = Library::load(&[source], Arc::new(NoWatch));
        let profile = library.manifests[connector].connector.profiles.first().map(|profile| profile.name.clone());
        let place = Place { connector, profile: profile.as_deref(), way: 0, is_wrong: false };
        let wrong = walked_at(&library, place, &mut Held::of(connector, None), Some(action)).await;
        assert!(wrong.iter().any(|why| why.contains(caught)), "{connector}, `{instead}`: {wrong:?}");
    });
    join_all(lies).await;
}

async fn walk(library: &Library, connector: &str, profile: Option<&str>) -> (Held, Vec<String>) {
    let mut held = Held::of(&library.manifests[connector].connector.title, profile);
    let mut wrong = Vec::new();
    // Whoever has no table is told by the other test.
    if let Some(table) = table::of(connector) {
        held.lacks.clone_from(&table.lacks);
        held.native.clone_from(&table.native);
        let walked = table.actions.values().any(|row| row.not.is_none() && row.shown_by.is_none());
        let place = Place { connector, profile, way: 0, is_wrong: false };
        if walked {
            wrong = walked_at(library, place, &mut held, None).await;
        }
        named(library, place, &table, &mut held);
    }
    let at = profile.map_or_else(|| connector.to_owned(), |profile| format!("{connector} ({profile})"));
    (held, wrong.into_iter().map(|why| format!("{at}: {why}")).collect())
}

/// Walks all actions, or one; says what is wrong.
async fn walked_at(library: &Library, place: Place<'_>, held: &mut Held, only: Option<&str>) -> Vec<String> {
    let desk = match Desk::open(library, place).await {
        Ok(desk) => desk,
        Err(why) => return vec![why],
    };
    let mut wrong = actions(&desk, held, only).await;
    let (holds, failed) = access::refusals(&desk, place.profile).await;
    held.refusals = holds;
    wrong.extend(failed);
    if held.native.is_none() {
        let (holds, failed) = access::walk(library, place).await;
        held.access = holds;
        wrong.extend(failed);
    }
    wrong
}

async fn actions(desk: &Desk, held: &mut Held, only: Option<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut kinds = BTreeSet::new();
    let actions = desk.manifest.connector.actions.iter();
    for (name, action) in actions.filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let row = desk.table.actions.get(name).filter(|row| row.not.is_none() && row.shown_by.is_none());
        let Some(row) = row else { continue };
        let failed = match &action.effect {
            Effect::Read => {
                held.reads.push(name.clone());
                held.special.extend(row.native.clone().map(|why| (name.clone(), why)));
                if let Some(whole) = &row.whole {
                    held.lists.push((name.clone(), whole.one_page.clone()));
                }
                reads::walk(desk, name, row).await
            }
            Effect::Write(repeat) => {
                let is_first = kinds.insert(word(repeat));
                let says = row.person.clone().or_else(|| row.effects.as_ref()?.none.clone()).or(row.native.clone());
                held.writes.push(Written { action: name.clone(), repeat: word(repeat), says });
                writes::walk(desk, name, row, is_first).await
            }
        };
        wrong.extend(failed.into_iter().map(|why| format!("`{name}`: {why}")));
    }
    wrong
}

/// Says of each action that is not walked why that is so.
fn named(library: &Library, place: Place<'_>, table: &table::Table, held: &mut Held) {
    let manifest = library.manifests[place.connector].in_profile(place.profile).expect("it is one of its profiles");
    let own = table.actions.iter().filter(|(name, _)| manifest.connector.actions.contains_key(*name));
    held.named.extend(own.filter_map(|(name, row)| {
        let shown = || Some(format!("shown by `{}`", row.shown_by.as_ref()?));
        Some((name.clone(), row.not.clone().or_else(shown)?))
    }));
}

fn word(repeat: &Repeat) -> &'static str {
    match repeat {
        Repeat::Keyed { .. } => "keyed",
        Repeat::Upsert => "upsert",
        Repeat::Lookup(look_up) if look_up.proves_absence => "lookup",
        Repeat::Lookup(_) => "lookup, absence proves nothing",
        Repeat::Never => "never",
    }
}
