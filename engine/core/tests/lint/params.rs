//! Parameters and environments: what is given from outside is checked like what is written.

use ferry_contract::report::{Report, Source};
use ferry_core::{
    lint::{self, Checked},
    project::Given,
};
use serde_json::json;

use crate::{check, world::World};
use expect_test::expect;

const PIPELINE: &str = "ferry: 1\npipeline: orders\ntrigger: manual\nsteps:\n  - id: small\n    check: [ { field: $.event.amount, is: \
                        { decimal: { above: '${param:limit}' } } } ]\n  - { id: paid, needs: [small], map: { who: '${param:payer}', \
                        note: { text: 'up to ${param:limit} by ${param:payer}' }, limit: '${param:limit}' } }\noutput: $.paid\n";

const PROJECT: &str = "ferry: 1\nproject: example\nparams:\n  limit: { type: decimal, default: 1000.50 }\n  payer: { allowed: [acme, \
                       other], doc: Who pays }\n";

fn loaded(project: &str, pipeline: &str, given: &Given) -> Checked {
    let world = World::new();
    let mut files = lint::Files::new(Source::new("ferry.yaml", project), vec![Source::new("orders.yaml", pipeline)]);
    files.given = given.clone();
    world.check(&files)
}

fn given(params: &[(&str, &str)], variables: &[(&str, &str)], environment: Option<&str>) -> Given {
    let all = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Given { params: all(params), variables: all(variables), environment: environment.map(str::to_owned) }
}

fn messages(checked: &Checked) -> Vec<String> {
    let line = |report: &Report| {
        let of = |finding: &ferry_contract::report::Finding| {
            format!("{}:{} [{}] {}", report.source.name, finding.at, finding.check, finding.message)
        };
        report.findings().into_iter().map(of).collect::<Vec<_>>()
    };
    checked.reports.iter().flat_map(line).collect()
}

#[test]
fn the_first_who_gives_a_value_counts() {
    let project = format!("{PROJECT}environments: {{ test: {{ params: {{ payer: acme }} }} }}\n");
    let payer = |given: &Given| {
        let checked = loaded(&project, PIPELINE, given);
        assert_eq!(messages(&checked), Vec::<String>::new());
        checked.project.unwrap().params.values()["payer"].clone()
    };
    assert_eq!(payer(&given(&[], &[], None)), "acme");
    assert_eq!(payer(&given(&[], &[("FERRY_PARAM_PAYER", "other")], None)), "other");
    assert_eq!(payer(&given(&[("payer", "acme")], &[("FERRY_PARAM_PAYER", "other")], None)), "acme");
}

#[test]
fn a_version_is_that_of_the_values_that_it_uses() {
    let version = |pipeline: &str, params: &[(&str, &str)]| {
        let checked = loaded(PROJECT, pipeline, &given(params, &[], None));
        assert!(!checked.plans.is_empty(), "{:?}", messages(&checked));
        checked.plans[0].version.clone()
    };
    let first = version(PIPELINE, &[("payer", "acme")]);
    assert_eq!(version(PIPELINE, &[("payer", "acme"), ("limit", "1000.50")]), first);
    assert_ne!(version(PIPELINE, &[("payer", "other")]), first);
    assert_ne!(version(PIPELINE, &[("payer", "acme"), ("limit", "9")]), first);
    // What a pipeline does not use is not of its version.
    let other = PIPELINE.replace("${param:payer}", "acme");
    assert_eq!(version(&other, &[("payer", "acme")]), version(&other, &[("payer", "other")]));
    assert_ne!(version(&other, &[]), version(&other, &[("limit", "9")]));
}

#[test]
fn a_whole_leaf_has_the_type_of_its_parameter() {
    let vars = format!(
        "{PROJECT}  on: {{ type: boolean, default: true }}\n  day: {{ type: date, default: 2026-03-01 }}\n  count: {{ type: integer, \
         default: 7 }}\nvars: {{ limit: '${{param:limit}}', on: '${{param:on}}', day: '${{param:day}}', n: '${{param:count}}', text: \
         'at most ${{param:limit}}', from: '${{param:payer:-other}}' }}\n"
    );
    let checked = loaded(
        &vars,
        "ferry: 1\npipeline: a\ntrigger: manual\nsteps: [ { id: b, map: $.vars } ]\noutput: $.b\n",
        &Given::default(),
    );
    let expected = json!({ "on": true, "day": "2026-03-01", "n": 7, "text": "at most 1000.50", "from": "other" });
    let mut vars = checked.project.unwrap().vars.clone();
    assert_eq!(vars.as_object_mut().unwrap().remove("limit").unwrap().to_string(), "1000.50");
    assert_eq!(vars, expected);
}

#[test]
fn what_is_wrong_with_a_value_has_its_place() {
    let found = |params: &[(&str, &str)]| messages(&loaded(PROJECT, PIPELINE, &given(params, &[], None)));
    assert_eq!(
        found(&[]),
        [
            "orders.yaml:7:45 [missing-param] the parameter `payer` has no value",
            "orders.yaml:7:77 [missing-param] the parameter `payer` has no value",
        ]
    );
    assert_eq!(
        found(&[("payer", "acm"), ("limit", "1,000")]),
        [
            "ferry.yaml:4:3 [invalid-param] what `--param limit` gives is no value of the parameter `limit`: it must be a number",
            "ferry.yaml:5:3 [invalid-param] what `--param payer` gives is `acm`, and `payer` allows other values only",
        ]
    );
    // What would mean something else in its place is no value.
    for value in ["$.event.secret", "${secret:a}", "{ rhai: 1 }", "a {$.event.b}"] {
        let project = PROJECT.replace("allowed: [acme, other], ", "");
        let found = messages(&loaded(&project, PIPELINE, &given(&[("payer", value)], &[], None)));
        assert!(found[0].contains("it must be a plain text"), "{value}: {found:?}");
    }
    let project = "# ferry.yaml\nferry: 1\nproject: p\nparams:\n  limit: { type: decimal, default: 1 }\n  spare: { default: a }\n";
    check(
        &format!(
            "{project}# one.yaml\nferry: 1\npipeline: one\ntrigger: manual\nsteps:\n  - id: a\n    when: event.a < ${{param:limit}}\n    \
             map: {{ a: '${{param:limt}}', '${{param:limit}}': 1 }}\n  - {{ id: b, when: 'event.b == \"${{param:spare}}\"', map: 1 \
             }}\noutput: $.a\n"
        ),
        expect![[r#"
            one.yaml:7:15: error[unknown-param]: `limt` is not a parameter of ferry.yaml
              help: did you mean `limit`?
            one.yaml:7:32: error[wrong-reference]: a key is never a reference, and this is one
              help: write the key itself; its value may be one
            one.yaml:8:20: error[wrong-reference]: `spare` is a text, and in Rhai a text would be read as code
              help: write `vars: { spare: ${param:spare} }` in ferry.yaml, and read `vars.spare` here
        "#]],
    );
}

#[test]
fn all_environments_are_checked() {
    let connections = "connections:\n  payoneer: { connector: payoneer, program_id: '100086190', client_id: a, client_secret: '${secret:b}' }\n";
    let environments = "environments:\n  sandbox: { default: true, connections: { payoneer: { environment: sandbox } } }\n  other: { params: \
                        { limit: low, limt: 3 } }\n  live: { default: true, connections: { payoneer: { environment: production, connector: \
                        x }, pay: {} } }\n";
    let pipeline = "# one.yaml\nferry: 1\npipeline: one\ntrigger: manual\nsteps:\n  - { id: a, action: payoneer.get_balance, timeout: \
                    '${param:limit}' }\noutput: $.a\n";
    check(
        &format!(
            "# ferry.yaml\nferry: 1\nproject: p\nparams: {{ limit: {{ default: 5s }} }}\n{connections}{environments}{pipeline}"
        ),
        expect![[r#"
            ferry.yaml:5:13: error[missing-key]: a connection needs `environment` (in the environment `other`)
              help: add `environment: sandbox`
            ferry.yaml:8:34: error[unknown-param]: `limt` is not a parameter of ferry.yaml
              help: did you mean `limit`?
            ferry.yaml:9:3: error[invalid-value]: `sandbox` and `live` are both the default
              help: leave `default: true` at one of them
            ferry.yaml:9:3: error[real-default]: `live` leads to real systems, and a default is chosen without a word
              help: remove `default: true`, and choose it with `--environment` or FERRY_ENVIRONMENT
            ferry.yaml:9:78: error[misplaced-key]: an environment cannot change the connector: the pipelines would be others
              help: write `connector` under `connections` of the project
            ferry.yaml:9:89: error[unknown-connection]: there is no connector `x` (in the environment `live`)
              help: write one of `business_central`, `chat`, `clarity`, `ecb`, `erpnext`, `file`, `frankfurter`, `http`, `netsuite`, `odoo`, `openexchangerates`, `payoneer`, `paytrace`, `quickbooks`, `salesforce`, `sftp`, `smtp`, `sql`, `sqlite`, `tryton`
            ferry.yaml:9:94: error[unknown-connection]: there is no connection `pay` in ferry.yaml
              help: write one of `payoneer`
        "#]],
    );
    let right = "environments:\n  sandbox: { default: true, connections: { payoneer: { environment: sandbox } } }\n  live: { params: { limit: \
                 soon }, connections: { payoneer: { environment: production } } }\n";
    check(
        &format!(
            "# ferry.yaml\nferry: 1\nproject: p\nparams: {{ limit: {{ default: 5s }} }}\n{connections}{right}{pipeline}"
        ),
        expect![[r#"
            one.yaml:5:53: error[wrong-type]: `timeout` must be a duration, and this is `soon` (in the environment `live`)
              help: write a whole number and a unit: `500ms`, `30s`, `15m`, `2h` or `5d`
        "#]],
    );
}
