//! `ferry map`: what a mapping makes of a sample, and where it fails.

use std::{fs, path::Path};

use expect_test::{Expect, expect};

use crate::program::ferry;

const CONTACT: &str = "\
id: $.contact.Id
name: { concat: [$.contact.First, $.contact.Last], with: \" \" }
country: { from: $.contact.Country, lookup: countries }
limit: { rhai: contact.Orders * vars.per_order }
kind: person
tags: [$.contact.Id, { text: \"{$.contact.First}!\" }]
";
const PIPELINE: &str = "\
ferry: 1
pipeline: books
trigger: manual
steps:
  - id: line
    map: { amount: { money: { amount: $.event.amount, currency: $.event.currency } }, payee: $.payee.id }
    needs: [payee]
  - { id: payee, map: { use: contact, with: { contact: $.event.contact } } }
  - { id: fee, script: \"#{ fee: event.amount * 0.015 }\" }
  - { id: pause, wait: { for: 1h }, needs: [line, fee] }
";
const SAMPLE: &str = r#"{"contact":{"Id":"003","First":"Ana","Last":"Li","Country":"Germany","Orders":3}}"#;

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("ferry.yaml", "ferry: 1\nproject: books\nvars: { per_order: 0.10 }\n"),
        ("books.yaml", PIPELINE),
        ("maps/contact.yaml", CONTACT),
        ("tables/countries.yaml", "Germany: DE\n"),
        ("sample.json", SAMPLE),
        ("poor.json", r#"{"contact":{"Id":"003","First":"Ana","Country":"Atlantis","Orders":3}}"#),
        ("event.json", r#"{"amount":12.50,"currency":"USD","contact":{"Id":"003"}}"#),
        ("document.json", r#"{"event":{"amount":12.50,"currency":"USD"},"payee":{"id":"P-77"}}"#),
    ] {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// What a call prints on both outputs, and how it ends.
#[track_caller]
fn check(folder: &Path, args: &[&str], code: i32, expected: Expect) {
    let output = ferry(folder).arg("map").args(args).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    expected.assert_eq(&format!("{stderr}{stdout}"));
    assert_eq!(output.status.code(), Some(code));
}

#[test]
fn a_map_file_shows_each_field_with_its_origin() {
    let folder = project();
    check(
        folder.path(),
        &["maps/contact.yaml", "--on", "sample.json"],
        0,
        expect![[r#"
        id       "003"     ← $.contact.Id  line 1
        name     "Ana Li"  ← $.contact.First, $.contact.Last  line 2
        country  "DE"      ← $.contact.Country  line 3
        limit    0.30      ← contact.Orders * vars.per_order  line 4
        kind     "person"  as written  line 5
        tags[0]  "003"     ← $.contact.Id  line 6
        tags[1]  "Ana!"    ← $.contact.First  line 6
    "#]],
    );
    let other = ["maps/contact.yaml", "--on", "sample.json", "--with", r#"vars={"per_order":1}"#];
    let output = ferry(folder.path()).arg("map").args(other).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("limit    3  "), "{output:?}");
}

#[test]
fn a_field_that_fails_says_where_and_keeps_no_other_from_being_shown() {
    let folder = project();
    check(
        folder.path(),
        &["maps/contact.yaml", "--on", "poor.json"],
        1,
        expect![[r#"
        id       "003"                                     ← $.contact.Id  line 1
        name     error: `$.contact.Last` is not there      ← $.contact.First, $.contact.Last  maps/contact.yaml:2:7
        country  error: the table `countries` has no row for `Atlantis`  ← $.contact.Country  maps/contact.yaml:3:10
        limit    0.30                                      ← contact.Orders * vars.per_order  line 4
        kind     "person"                                  as written  line 5
        tags[0]  "003"                                     ← $.contact.Id  line 6
        tags[1]  "Ana!"                                    ← $.contact.First  line 6
    "#]],
    );
}

#[test]
fn a_name_that_the_sample_does_not_have_is_a_finding() {
    let folder = project();
    check(
        folder.path(),
        &["maps/contact.yaml", "--with", "contcat={}"],
        1,
        expect![[r#"
        error[unknown-step]: there is no `contact` to read here, so `$.contact.Id` gives nothing
         --> maps/contact.yaml:1:5
          |
        1 | id: $.contact.Id
          |     ^^^^^^^^^^^^
          |
          = help: did you mean `contcat`?

        error[unknown-step]: there is no `contact` to read here, so `$.contact.First` gives nothing
         --> maps/contact.yaml:2:18
          |
        2 | name: { concat: [$.contact.First, $.contact.Last], with: " " }
          |                  ^^^^^^^^^^^^^^^
          |
          = help: did you mean `contcat`?

        error[unknown-step]: there is no `contact` to read here, so `$.contact.Last` gives nothing
         --> maps/contact.yaml:2:35
          |
        2 | name: { concat: [$.contact.First, $.contact.Last], with: " " }
          |                                   ^^^^^^^^^^^^^^
          |
          = help: did you mean `contcat`?

        error[unknown-step]: there is no `contact` to read here, so `$.contact.Country` gives nothing
         --> maps/contact.yaml:3:18
          |
        3 | country: { from: $.contact.Country, lookup: countries }
          |                  ^^^^^^^^^^^^^^^^^
          |
          = help: did you mean `contcat`?

        error[invalid-rhai]: this Rhai does not compile: `contact` is not known here
         --> maps/contact.yaml:4:16
          |
        4 | limit: { rhai: contact.Orders * vars.per_order }
          |                ^^^^^^^
          |
          = help: did you mean `contcat`?

        error[unknown-step]: there is no `contact` to read here, so `$.contact.Id` gives nothing
         --> maps/contact.yaml:6:8
          |
        6 | tags: [$.contact.Id, { text: "{$.contact.First}!" }]
          |        ^^^^^^^^^^^^
          |
          = help: did you mean `contcat`?

        error[unknown-step]: there is no `contact` to read here, so `$.contact.First` gives nothing
         --> maps/contact.yaml:6:32
          |
        6 | tags: [$.contact.Id, { text: "{$.contact.First}!" }]
          |                                ^^^^^^^^^^^^^^^
          |
          = help: did you mean `contcat`?

    "#]],
    );
}

#[test]
fn a_step_is_shown_for_an_event_or_a_document() {
    let folder = project();
    check(
        folder.path(),
        &["books.yaml", "--step", "line", "--on", "document.json"],
        0,
        expect![[r#"
        amount  {"amount":12.50,"currency":"USD"}  ← $.event.amount, $.event.currency  line 6
        payee   "P-77"                             ← $.payee.id  line 6
    "#]],
    );
    check(
        folder.path(),
        &["books.yaml", "--step", "line", "--on", "event.json"],
        1,
        expect![[r#"
        amount  {"amount":12.50,"currency":"USD"}  ← $.event.amount, $.event.currency  line 6
        payee   error: `$.payee.id` is not there   ← $.payee.id  books.yaml:6:94
    "#]],
    );
    let with = ["books.yaml", "--step", "line", "--on", "event.json", "--with", r#"payee={"id":"P-9"}"#];
    check(
        folder.path(),
        &with,
        0,
        expect![[r#"
        amount  {"amount":12.50,"currency":"USD"}  ← $.event.amount, $.event.currency  line 6
        payee   "P-9"                              ← $.payee.id  line 6
    "#]],
    );
    check(
        folder.path(),
        &["books.yaml", "--step", "fee", "--on", "event.json"],
        0,
        expect![[r#"
        fee  0.18750  ← script
    "#]],
    );
    check(
        folder.path(),
        &["books.yaml", "--step", "payee", "--on", "event.json"],
        1,
        expect![[r#"
        (value)  error: in the mapping `contact`: name: `$.contact.First` is not there  ← $.event.contact  books.yaml:8:23
    "#]],
    );
}

#[test]
fn programs_get_exact_numbers_and_places() {
    let folder = project();
    let args = ["books.yaml", "--step", "line", "--on", "document.json", "--format", "json"];
    check(
        folder.path(),
        &args,
        0,
        expect![[r#"
        {
          "format_version": "1.0",
          "file": "books.yaml",
          "step": "line",
          "value": {
            "amount": {
              "amount": 12.50,
              "currency": "USD"
            },
            "payee": "P-77"
          },
          "fields": [
            {
              "field": "amount",
              "value": {
                "amount": 12.50,
                "currency": "USD"
              },
              "error": null,
              "from": "$.event.amount, $.event.currency",
              "line": 6,
              "column": 20
            },
            {
              "field": "payee",
              "value": "P-77",
              "error": null,
              "from": "$.payee.id",
              "line": 6,
              "column": 94
            }
          ],
          "findings": []
        }
    "#]],
    );
}

#[test]
fn a_call_that_names_no_mapping_says_what_there_is() {
    let folder = project();
    fs::write(folder.path().join("list.json"), "[1]").unwrap();
    for (args, says) in [
        (&["books.yaml"][..], "name a step with `--step`: `line`, `payee`, `fee`"),
        (&["books.yaml", "--step", "pyee"], "did you mean `payee`?"),
        (&["books.yaml", "--step", "pause"], "the step `pause` makes no value"),
        (&["tables/countries.yaml"], "is neither a pipeline nor a map"),
        (&["nowhere.yaml"], "nowhere.yaml is no file"),
        (&["maps/contact.yaml", "--step", "a"], "a map file has no steps"),
        (&["maps/contact.yaml", "--on", "list.json"], "the sample of a map file is a map"),
        (&["maps/contact.yaml", "--with", "x"], "write `NAME=VALUE`"),
    ] {
        let output = ferry(folder.path()).arg("map").args(args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains(says), "{args:?}: {stderr}");
    }
}
