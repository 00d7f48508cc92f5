//! Amounts and their currencies, splits, rounding, dates, codes, and fields that are written twice.

use expect_test::expect;

use crate::check;

/// A payout's status, then this.
fn after_paid(steps: &str) -> String {
    format!(
        "steps:\n  - id: paid\n    action: payoneer.get_payout_status\n    with: {{ client_reference_id: $.event.Id }}\n{steps}output: $.paid\n"
    )
}

/// An update with these values.
fn update(values: &str) -> String {
    after_paid(&format!(
        "  - id: record\n    action: salesforce.update\n    with: {{ object: Case, id: $.event.Id, values: {values} }}\n"
    ))
}

#[test]
fn an_amount_goes_on_with_its_own_currency() {
    check(
        &update("{ Amount__c: $.paid.amount }"),
        expect![[r#"
            7:53: warning[lost-currency]: `Amount__c` gets `paid.amount`, and its currency `paid.currency` stays behind
              help: send it too, such as `currency: $.paid.currency`
        "#]],
    );
    check(
        &update("{ Paid_Amount__c: { from: $.event.Amount__c, default: 0 } }"),
        expect![[r#"
            7:53: warning[lost-currency]: `Paid_Amount__c` gets `event.Amount__c`, and its currency `event.CurrencyIsoCode` stays behind
              help: send it too, such as `CurrencyIsoCode: $.event.CurrencyIsoCode`
        "#]],
    );
    check(
        &update("{ Amount__c: $.paid.amount, CurrencyIsoCode: $.event.CurrencyIsoCode }"),
        expect![[r#"
            7:96: warning[mixed-currencies]: `paid.amount` is in `paid.currency`, and `CurrencyIsoCode` says `event.CurrencyIsoCode`
              help: take `$.paid.currency`, convert the amount with `convert`, or refuse others: `check: [ { rhai: … } ]`
        "#]],
    );
    for values in [
        "{ Amount__c: $.paid.amount, CurrencyIsoCode: $.paid.currency }",
        "{ Amount__c: $.paid.amount, Text__c: { text: \"{$.paid.amount} {$.paid.currency}\" } }",
        "{ Amount__c: $.paid.amount, CurrencyIsoCode: EUR }",
        "{ Fee__c: $.event.Fee__c }",
        "{ Amount__c: 12.50 }",
    ] {
        check(&update(values), expect![""]);
    }
}

#[test]
fn amounts_are_reckoned_with_in_one_currency() {
    let rule =
        |rule: &str| after_paid(&format!("  - id: same\n    check:\n      - {{ rhai: {rule}, say: another }}\n"));
    check(
        &rule("paid.amount + event.Amount__c < 100"),
        expect![[r#"
            7:37: warning[mixed-currencies]: `paid.amount` and `event.Amount__c` may be in two currencies, and nothing compares `paid.currency` with `event.CurrencyIsoCode`
              help: look before: `check: [ { rhai: paid.currency == event.CurrencyIsoCode, say: … } ]`, or convert one of them
        "#]],
    );
    for silent in ["paid.amount < 100", "paid.amount == paid.amount * 1", "event.Amount__c > event.Fee__c"] {
        check(&rule(silent), expect![""]);
    }
    check(&rule("paid.currency == event.CurrencyIsoCode && paid.amount == event.Amount__c"), expect![""]);
}

#[test]
fn parts_that_are_the_whole_are_no_sums_of_their_own() {
    let map = |map: &str| {
        format!(
            "steps:\n  - {{ id: parts, map: {map} }}\n  - {{ id: told, emit: {{ event: a.b, key: $.event.Id, data: $.parts }} }}\n"
        )
    };
    check(
        &map(
            "{ a: { rhai: event.Amount__c / 3 }, b: { rhai: \"round(event.Amount__c / 3, 2)\" }, c: { money: { amount: { rhai: event.Amount__c / 3 }, currency: USD } } }",
        ),
        expect![[r#"
            2:135: warning[hand-made-split]: `event.Amount__c` is split into 3 parts, each rounded by itself, so a cent may be lost or made
              help: split it in a step whose parts are always the whole: `allocate: { amount: …, by: [ { to: …, share: 33.33 }, { to: …, share: 33.33 }, { to: …, share: 33.33 } ] }`
        "#]],
    );
    for silent in [
        "{ fee: { rhai: event.Amount__c * 0.3 }, rest: { rhai: event.Amount__c - event.Amount__c * 0.3 } }",
        "{ a: { rhai: event.Amount__c * 0.3 }, b: { rhai: event.Fee__c * 0.7 } }",
        "{ a: { rhai: event.Amount__c * 0.3 }, b: { rhai: event.Amount__c * 0.6 } }",
        "{ a: { rhai: event.Amount__c * 1 } }",
    ] {
        check(&map(silent), expect![""]);
    }
    check(
        &map("{ a: { rhai: \"(event.Amount__c * 0.3).round()\" }, b: { rhai: event.Amount__c.to_float() * 2 } }"),
        expect![[r#"
            2:61: warning[unsaid-rounding]: this rounds to whole units, and does not say so
              help: say how many decimals and which way a half goes: `.round(2)` to the even one, `.round_half_up(2)`, `.round_down(2)`; for whole units `.round(0)`
            2:100: error[invalid-rhai]: this Rhai does not compile: `to_float` is no function of Rhai here
              help: leave it out: numbers are exact as they are
        "#]],
    );
}

#[test]
fn a_day_is_said_so_that_all_read_the_same() {
    let date = |date: &str| {
        format!(
            "steps:\n  - {{ id: told, emit: {{ event: a.b, key: $.event.Id, data: {{ from: $.event.Name, date: {date} }} }} }}\n"
        )
    };
    for (form, expected) in [
        (
            "{ in: \"%d.%m.%Y %H:%M\" }",
            expect![[r#"
                2:94: error[ambiguous-date]: a time in this form says no offset, so it is refused in each run
                  help: add the zone in which it is meant: `zone: Europe/Berlin`
            "#]],
        ),
        (
            "{ in: epoch_ms, out: \"%Y-%m-%d\" }",
            expect![[r#"
                2:109: warning[ambiguous-date]: this writes the time or the day in UTC, which may be another day than the partner's
                  help: name the zone of whoever reads it: `zone: Europe/Berlin`, or `zone: UTC`
            "#]],
        ),
        (
            "{ in: \"%d.%m.%y\", out: \"%Y-%m-%d\" }",
            expect![[r#"
                2:94: warning[ambiguous-date]: `%d.%m.%y` has a year of two digits, which is in two centuries
                  help: write `%Y`, as in `%Y-%m-%d`
            "#]],
        ),
        (
            "{ zone: UTC, out: \"%Y-%m-%d %I:%M\" }",
            expect![[r#"
                2:106: warning[ambiguous-date]: `%Y-%m-%d %I:%M` has an hour of twelve, and does not say which half of the day
                  help: write `%H`, or add `%p`
            "#]],
        ),
    ] {
        check(&date(form), expected);
    }
    for silent in [
        "{ in: \"%d.%m.%Y %H:%M\", zone: Europe/Berlin }",
        "{ in: \"%d.%m.%Y %H:%M %z\", zone: Europe/Berlin, out: \"%Y-%m-%d\" }",
        "{ in: \"%d/%m/%Y\", out: \"%Y-%m-%d\" }",
        "{ in: epoch_ms, out: \"%Y-%m-%dT%H:%M:%S%:z\" }",
        "{ out: \"%d.%m.%Y\" }",
        "{ zone: UTC, out: \"%Y-%m-%d %I:%M %p\" }",
    ] {
        check(&date(silent), expect![""]);
    }
}

/// A field that takes the last four of a card, as it is given by other pipelines.
#[test]
fn the_last_four_are_four() {
    let project = "# ferry.yaml\nferry: 1\nproject: p\n";
    let takes = "# cards.yaml\nferry: 1\npipeline: cards\ntrigger: manual\ninputs:\n  last4: { type: string, max_length: 4 }\nsteps:\n  \
                 - { id: kept, map: { a: $.event.last4 } }\noutput: $.kept\n";
    let gives = |value: &str| {
        format!(
            "# one.yaml\nferry: 1\npipeline: one\ntrigger: manual\ninputs:\n  card: {{ type: string, max_length: 19 }}\n  \
             other: {{ type: string }}\nsteps:\n  - {{ id: a, pipeline: cards, with: {{ last4: {value} }} }}\noutput: $.a\n"
        )
    };
    let with = |value: &str| format!("{project}{}{takes}", gives(value));
    check(&with("$.event.other"), expect![""]);
    check(&with("{ rhai: \"event.card.sub_string(-4)\" }"), expect![""]);
    check(&with("'4242'"), expect![""]);
    check(
        &with("4242"),
        expect![[r#"
        one.yaml:8:46: error[wrong-input]: `last4` of `cards` must be a text, and this is a whole number
          help: convert it: `{ from: …, as: string }`, or put a constant into quotes
    "#]],
    );
    check(
        &with("{ text: '42424' }"),
        expect![[r#"
            one.yaml:8:46: warning[wrong-input]: `last4` of `cards` has 4 characters at the most, and this may have 5
              help: refuse what is longer before it is sent: `max_length: 4`; the last four are `{ rhai: "event.account.sub_string(-4)" }`
        "#]],
    );
    for long in ["$.event.card", "{ from: $.event.card, trim: true, as: string }"] {
        check(
            &with(long),
            expect![[r#"
        one.yaml:8:46: warning[wrong-input]: `last4` of `cards` has 4 characters at the most, and this may have 19
          help: refuse what is longer before it is sent: `max_length: 4`; the last four are `{ rhai: "event.account.sub_string(-4)" }`
    "#]],
        );
    }
    check(
        &with("{ from: $.event.other, mask: last4 }"),
        expect![[r#"
            one.yaml:8:46: warning[wrong-input]: `last4` of `cards` has 4 characters at the most, and a masked text is as long as it was
              help: take the last four without `*`, such as `{ rhai: "event.account.sub_string(-4)" }`
        "#]],
    );
}

#[test]
fn a_value_is_no_longer_than_its_target_and_a_code_is_one() {
    let payout = |amount: &str, description: &str| {
        format!(
            "steps:\n  - id: pay\n    action: payoneer.create_payout\n    with:\n      client_reference_id: $.event.Id\n      payee_id: P-77\n      amount: {amount}\n      description: {description}\n"
        )
    };
    let (right, any) = ("{ amount: 5, currency: USD }", "$.event.Name");
    check(
        &payout(right, "{ from: $.event.Name, max_length: 300 }"),
        expect![[r#"
            8:20: warning[wrong-input]: `description` of `payoneer.create_payout` has 255 characters at the most, and this may have 300
              help: refuse what is longer before it is sent: `max_length: 255`
        "#]],
    );
    for (currency, code) in [("EURO", "`EURO`"), ("usd", "`usd`"), ("XYZ", "`XYZ`")] {
        let found = crate::findings_on(
            &crate::world::World::new(),
            &payout(&format!("{{ amount: 5, currency: {currency} }}"), any),
        );
        let texts: String = found.iter().map(|finding| finding.text.as_str()).collect();
        let says = format!(
            "7:38: error[wrong-input]: `amount.currency` of `payoneer.create_payout` is a code of ISO 4217, and {code} is none"
        );
        assert!(found.len() == 1 && texts.starts_with(&says), "{texts}");
    }
    check(&payout(right, "{ from: $.event.Name, max_length: 255 }"), expect![""]);
    check(&payout("{ amount: 5, currency: $.event.CurrencyIsoCode }", any), expect![""]);
}

#[test]
fn a_field_is_written_once() {
    let two = |between: &str, needs: &str| {
        format!(
            "steps:\n  - id: one\n    action: salesforce.update\n    with: {{ object: Case, id: $.event.Id, values: {{ Status: A }} }}\n{between}  - id: two\n    needs: [{needs}]\n    action: salesforce.update\n    with: {{ object: Case, id: $.event.Id, values: {{ Status: B }} }}\n"
        )
    };
    check(
        &two("", "one"),
        expect![[r#"
            5:9: warning[overwritten-field]: `two` writes `Status` again, right after `one` has written it
              help: write `Status` in one of the two, or all in one step
        "#]],
    );
    check(&two("  - { id: clear, needs: [one], wait: { for: 1d } }\n", "clear"), expect![""]);
    check(
        &two("  - { id: clear, needs: [one], check: [ { field: $.event.Name, is: present } ] }\n", "clear"),
        expect![""],
    );
    check(
        "steps:\n  - { id: one, action: salesforce.update, with: { object: Case, id: $.event.Id, values: { Status: A, Origin: x, status: B } } }\n",
        expect![[r#"
            2:113: warning[overwritten-field]: only capitals tell `status` from `Status`, and the target may take both for one field
              help: remove one of them; the first is at line 2
        "#]],
    );
}

#[test]
fn one_value_is_read_where_one_is_needed() {
    let emit = |value: &str| {
        format!("steps:\n  - {{ id: a, emit: {{ event: a.b, key: $.event.Id, data: {{ x: {value} }} }} }}\n")
    };
    check(
        &emit("\"$.event.lines[*].id\""),
        expect![[r#"
            2:62: warning[several-values]: `$.event.lines[*].id` gives each of them, and one value is needed
              help: take all as a list, `{ from: "$.event.lines[*].id", many: true }`, or say which one, such as `[0]`
        "#]],
    );
    for plural in ["{ from: \"$.event.lines[0:2]\" }", "\"$.event..id\"", "{ text: \"{$.event.lines[*].id}\" }"] {
        let found = crate::findings_on(&crate::world::World::new(), &emit(plural));
        assert!(found.len() == 1 && found[0].check == "several-values", "{plural}");
    }
    for one in [
        "\"$.event.lines[0].id\"",
        "{ from: \"$.event.lines[*].id\", many: true }",
        "\"$.event.lines[?@.main == true].id\"",
        "$.event.lines",
    ] {
        check(&emit(one), expect![""]);
    }
}

#[test]
fn an_amount_names_no_payment() {
    let update = |key: &str| {
        format!(
            "steps:\n  - id: a\n    action: salesforce.update\n    once_per: {key}\n    with: {{ object: Case, id: $.event.Id, values: {{ Status: A }} }}\n"
        )
    };
    check(
        &update("{ text: \"{$.event.Amount__c} {$.event.CurrencyIsoCode}\" }"),
        expect![[r#"
            4:15: warning[unstable-key]: two payments of one amount have the same key, so only the first call is made
              help: add what names the record, such as `$.event.Id`
        "#]],
    );
    check(&update("{ text: \"{$.event.Id} {$.event.Amount__c}\" }"), expect![""]);
    check(&update("$.event.Name"), expect![""]);
}

#[test]
fn a_constant_in_other_letters_is_as_long_as_it_becomes() {
    let project = "# ferry.yaml\nferry: 1\nproject: p\n";
    let takes = "# takes.yaml\nferry: 1\npipeline: takes\ntrigger: manual\ninputs:\n  way: { type: string, max_length: 6 }\nsteps:\n  \
                 - { id: kept, map: { a: $.event.way } }\noutput: $.kept\n";
    let gives = |ways: &str, modifier: &str| {
        format!(
            "{project}# one.yaml\nferry: 1\npipeline: one\ntrigger: manual\ninputs:\n  way: {{ type: string, one_of: [{ways}] }}\nsteps:\n  \
             - {{ id: a, pipeline: takes, with: {{ way: {{ from: $.event.way, {modifier}: true }} }} }}\noutput: $.a\n{takes}"
        )
    };
    check(&gives("straße, weg", "lower"), expect![""]);
    check(&gives("' weg   '", "trim"), expect![""]);
    check(
        &gives("straße, weg", "upper"),
        expect![[r#"
        one.yaml:7:44: error[wrong-input]: `way` of `takes` has 6 characters at the most, and this has 7
          help: write a shorter text
    "#]],
    );
}
