//! What an editor shows: the language server that editors use for YAML is asked, with the schemas of this repository.
//!
//! It needs Node. Where that is not installed nothing is tested, unless `FERRY_TEST_EDITOR` says that it must be.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::root;

/// What stands for the cursor.
const CURSOR: char = '¦';
const MODELINE: &str = "# yaml-language-server: $schema=../../schemas/pipeline.schema.json\n";
const HEAD: &str = "ferry: 1\npipeline: example\ntrigger: manual\nsteps:\n";

/// The folder with the language server, installed once; nothing where there is no Node.
fn modules() -> Option<PathBuf> {
    let is_there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !is_there("node") || !is_there("npm") {
        let is_wanted = std::env::var_os("FERRY_TEST_EDITOR").is_some();
        assert!(!is_wanted, "`FERRY_TEST_EDITOR` is set, and there is no `node` or no `npm`; install Node 20 or newer");
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("editor");
    let locked = |folder: &Path| std::fs::read(folder.join("package-lock.json")).unwrap_or_default();
    let wanted = root().join("tests/editor");
    if locked(&folder) == locked(&wanted) && folder.join("node_modules/.package-lock.json").is_file() {
        return Some(folder.join("node_modules"));
    }
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(wanted.join(file), folder.join(file)).unwrap();
    }
    let installed = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"])
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(installed.success(), "npm installs the language server into {}", folder.display());
    Some(folder.join("node_modules"))
}

/// A file as it is typed, perhaps with the cursor in it, and what is asked there.
struct Asked {
    text: String,
    /// `complete` or `hover`.
    what: Option<&'static str>,
}

/// A part of a pipeline.
fn steps(text: &str, what: Option<&'static str>) -> Asked {
    Asked { text: format!("{MODELINE}{HEAD}{text}"), what }
}

impl Asked {
    fn question(&self, number: usize) -> Value {
        let path = root().join(format!("pipelines/example/{number}.yaml"));
        let mut question = json!({ "path": path, "text": self.text.replace(CURSOR, "") });
        if let (Some(what), Some((before, _))) = (self.what, self.text.split_once(CURSOR)) {
            let line = before.matches('\n').count();
            let character = before.rsplit('\n').next().unwrap_or_default().chars().count();
            question[what] = json!([line, character]);
        }
        question
    }
}

fn answers(modules: &Path, asked: &[Asked]) -> Vec<Value> {
    let questions: Value = asked.iter().enumerate().map(|(number, asked)| asked.question(number)).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("questions.json");
    std::fs::write(&file, questions.to_string()).unwrap();
    let script = root().join("tests/editor/check.mjs");
    let output = Command::new("node").arg(script).args([modules, root(), &file]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn shown(answer: &Value) -> String {
    // The last line of a hover is the address of the schema, which is another one on each machine.
    let hover = answer["hover"].as_str().map(|text| text.split("\n\nSource: [").next().unwrap_or_default());
    let labels = texts(&answer["labels"]).join(" ");
    let findings = texts(&answer["findings"]).join("\n");
    match hover.map_or(if labels.is_empty() { findings } else { labels }, str::to_owned) {
        nothing if nothing.is_empty() => nothing,
        text => text + "\n",
    }
}

/// Where each is a part of a pipeline, what is asked there, and what is shown.
#[track_caller]
fn check(modules: &Path, what: Option<&'static str>, expected: Vec<(&str, Expect)>) {
    let asked: Vec<Asked> = expected.iter().map(|(text, _)| steps(text, what)).collect();
    for ((_, expected), answer) in expected.iter().zip(answers(modules, &asked)) {
        expected.assert_eq(&shown(&answer));
    }
}

/// One test, because the language server is installed by it.
#[test]
fn an_editor_shows_what_is_wrong_what_there_is_and_what_it_means() {
    let Some(modules) = modules() else { return };
    shipped_files_are_right(&modules);
    what_is_wrong_is_said_at_its_place(&modules);
    what_is_wrong_deeper_is_said_there(&modules);
    completion_offers_what_there_is(&modules);
    hover_shows_what_is_meant(&modules);
}

fn shipped_files_are_right(modules: &Path) {
    let files = [
        "pipelines/payoneer-salesforce/mass-payouts.yaml",
        "pipelines/payoneer-salesforce/ferry.yaml",
        "connectors/payoneer/connector.yaml",
        "connectors/salesforce/connector.yaml",
    ];
    let asked = files.map(|file| Asked { text: std::fs::read_to_string(root().join(file)).unwrap(), what: None });
    for (file, answer) in files.iter().zip(answers(modules, &asked)) {
        assert_eq!(texts(&answer["findings"]), Vec::<&str>::new(), "{file}");
    }
}

fn what_is_wrong_is_said_at_its_place(modules: &Path) {
    let expected = vec![
        (
            "  - id: a\n    action: payoneer.creat_payout\n",
            expect![[r#"
                7:13: Value is not accepted. Valid values: "business_central.find_entry", "business_central.journal_entry", "business_central.list_accounts", "business_central.post_entry", "chat.check", "chat.post", "clarity.delete_webhook", "clarity.get_customer", "clarity.get_order", "clarity.get_webhook", "clarity.list_customers", "clarity.list_orders", "clarity.list_payments", "clarity.list_products", "clarity.list_webhooks", "clarity.register_webhook", "clarity.set_order_status", "ecb.daily_rates", "ecb.rates_90d", "erpnext.find_entry", "erpnext.journal_entry", "erpnext.list_accounts", "erpnext.post_entry", "file.list", "file.move", "file.read_camt", "file.read_csv", "file.read_json_lines", "file.write_csv", "file.write_json_lines", "frankfurter.historical", "frankfurter.latest", "http.delete", "http.download", "http.get", "http.patch", "http.post", "http.post_keyed", "http.put", "http.upload", "netsuite.find_entry", "netsuite.journal_entry", "netsuite.list_accounts", "odoo.find_entry", "odoo.journal_entry", "odoo.list_accounts", "odoo.post_entry", "openexchangerates.historical", "openexchangerates.latest", "payoneer.account_balances", "payoneer.account_details", "payoneer.cancel_payout", "payoneer.commit_payment", "payoneer.create_payout", "payoneer.debit_quote", "payoneer.delete_payee", "payoneer.download_statement", "payoneer.early_payment_offers", "payoneer.get_balance", "payoneer.get_payee_status", "payoneer.get_payout_status", "payoneer.payee_details", "payoneer.payment_request", "payoneer.payment_request_status", "payoneer.payment_status", "payoneer.payout_method_fields", "payoneer.receiving_accounts", "payoneer.register_payee", "payoneer.registration_link", "payoneer.statements", "payoneer.transaction", "payoneer.transactions", "payoneer.withdraw_quote", "paytrace.ach_hold", "paytrace.ach_manage_fund", "paytrace.ach_manage_void", "paytrace.ach_refund", "paytrace.ach_sale", "paytrace.authorize", "paytrace.batch_transactions", "paytrace.batches", "paytrace.capture", "paytrace.export_transactions", "paytrace.find_by_invoice", "paytrace.find_refund_by_invoice", "paytrace.find_taken_back", "paytrace.get_transaction", "paytrace.level3_mastercard", "paytrace.level3_visa", "paytrace.ping", "paytrace.recurrence_create", "paytrace.recurrence_delete", "paytrace.recurrence_list", "paytrace.recurrence_update", "paytrace.refund", "paytrace.sale", "paytrace.settlement", "paytrace.take_back", "paytrace.vault_create", "paytrace.vault_create_from_transaction", "paytrace.vault_delete", "paytrace.vault_get", "paytrace.vault_update", "paytrace.void", "quickbooks.find_entry", "quickbooks.journal_entry", "quickbooks.list_accounts", "salesforce.bulk_ingest", "salesforce.bulk_ingest_close", "salesforce.bulk_ingest_create", "salesforce.bulk_ingest_failed", "salesforce.bulk_ingest_get", "salesforce.bulk_ingest_upload", "salesforce.bulk_insert", "salesforce.bulk_query", "salesforce.bulk_query_create", "salesforce.bulk_query_get", "salesforce.bulk_query_results", "salesforce.change_events", "salesforce.composite", "salesforce.create", "salesforce.create_many", "salesforce.delete", "salesforce.delete_many", "salesforce.deleted", "salesforce.describe", "salesforce.get", "salesforce.limits", "salesforce.publish", "salesforce.publish_event", "salesforce.query", "salesforce.query_all", "salesforce.update", "salesforce.update_many", "salesforce.updated", "salesforce.upsert", "salesforce.upsert_many", "sftp.list", "sftp.move", "sftp.read_camt", "sftp.read_csv", "sftp.read_json_lines", "sftp.write_csv", "sftp.write_json_lines", "smtp.check", "smtp.send", "sql.execute", "sql.find", "sql.insert", "sql.query", "sql.query_one", "sql.upsert", "sqlite.execute", "sqlite.find", "sqlite.insert", "sqlite.query", "sqlite.query_one", "sqlite.upsert", "tryton.create_invoice", "tryton.find_entry", "tryton.find_invoice", "tryton.find_party", "tryton.find_payment", "tryton.journal_entry", "tryton.list_accounts", "tryton.pay_invoice", "tryton.post_entry", "tryton.post_invoice", "tryton.post_payment".
            "#]],
        ),
        ("  - id: a\n    action: crm.get\n", expect![""]),
        (
            "  - id: a\n    action: payoneer.get_balance\n    on_eror: []\n",
            expect![[r#"
            8:5: Property on_eror is not allowed.
        "#]],
        ),
        (
            "  - id: a\n    action: salesforce.get\n    with: { object: Contact, id: $.event.Id }\n",
            expect![[r#"
            8:5: Missing property "fields".
        "#]],
        ),
        (
            "  - id: a\n    action: salesforce.get\n",
            expect![[r#"
            6:5: `salesforce.get` needs `with` that has `object`, `id`, `fields`
        "#]],
        ),
        (
            "  - id: a\n    action: payoneer.get_payee_status\n    with: { payee: $.event.Id, payee_id: 7 }\n",
            expect![[r#"
            8:42: write a text, a JSONPath that begins with `$`, or an operator such as `{ rhai: … }`
            8:13: Property payee is not allowed.
        "#]],
        ),
        (
            "  - id: a\n    needs: [b]\n",
            expect![[r#"
                6:5: this step does nothing: add one of `action`, `map`, `check`, `script`, `allocate`, `reconcile`, `wait`, `approve`, `pipeline`, `emit`, `link`, `alert`
            "#]],
        ),
        (
            "  - id: a\n    map: 1\n    action: payoneer.get_balance\n",
            expect![[r#"
                7:5: `action` is written already, and only one of `action`, `map`, `check`, `script`, `allocate`, `reconcile`, `wait`, `approve`, `pipeline`, `emit`, `link`, `alert` can be
            "#]],
        ),
        (
            "  - id: a\n    map: 1\n    with: { a: 1 }\n",
            expect![[r#"
            8:5: only an action or a pipeline takes `with`: move it into the step's own map, or remove it
        "#]],
        ),
    ];
    check(modules, None, expected);
}

fn what_is_wrong_deeper_is_said_there(modules: &Path) {
    let expected = vec![
        (
            "  - id: a\n    map: { x: { from: $.event.x, trimm: true } }\n",
            expect![[r#"
            7:34: Property trimm is not allowed.
        "#]],
        ),
        (
            "  - id: a\n    map: { x: $event.Id }\n",
            expect![[r#"
            7:15: a text that begins with `$` is a JSONPath such as `$.event.Id`; `$$` begins a text with a dollar sign
        "#]],
        ),
        (
            "  - id: a\n    wait: { for: 15 }\n",
            expect![[r#"
            7:18: write a duration longer than no time, such as `30s`, `15m`, `2h` or `5d`
        "#]],
        ),
        (
            "  - id: a\n    wait: { poll: { action: payoneer.get_balance, every: 1m }, until: 'true' }\n",
            expect![[r#"
            7:5: Missing property "timeout".
        "#]],
        ),
        (
            "  - id: a\n    map: 1\n    on_error: [{ class: refused, then: dead_letter }]\n",
            expect![[r#"
            8:25: Value is not accepted. Valid values: "config", "auth", "invalid", "rejected", "declined", "not_found", "conflict", "throttled", "insufficient_funds", "unavailable", "unknown", "bug".
        "#]],
        ),
    ];
    check(modules, None, expected);
}

fn completion_offers_what_there_is(modules: &Path) {
    let expected = vec![
        (
            "  - id: a\n    action: ¦\n",
            expect![[r#"
                business_central.find_entry business_central.journal_entry business_central.list_accounts business_central.post_entry chat.check chat.post clarity.delete_webhook clarity.get_customer clarity.get_order clarity.get_webhook clarity.list_customers clarity.list_orders clarity.list_payments clarity.list_products clarity.list_webhooks clarity.register_webhook clarity.set_order_status ecb.daily_rates ecb.rates_90d erpnext.find_entry erpnext.journal_entry erpnext.list_accounts erpnext.post_entry file.list file.move file.read_camt file.read_csv file.read_json_lines file.write_csv file.write_json_lines frankfurter.historical frankfurter.latest http.delete http.download http.get http.patch http.post http.post_keyed http.put http.upload netsuite.find_entry netsuite.journal_entry netsuite.list_accounts odoo.find_entry odoo.journal_entry odoo.list_accounts odoo.post_entry openexchangerates.historical openexchangerates.latest payoneer.account_balances payoneer.account_details payoneer.cancel_payout payoneer.commit_payment payoneer.create_payout payoneer.debit_quote payoneer.delete_payee payoneer.download_statement payoneer.early_payment_offers payoneer.get_balance payoneer.get_payee_status payoneer.get_payout_status payoneer.payee_details payoneer.payment_request payoneer.payment_request_status payoneer.payment_status payoneer.payout_method_fields payoneer.receiving_accounts payoneer.register_payee payoneer.registration_link payoneer.statements payoneer.transaction payoneer.transactions payoneer.withdraw_quote paytrace.ach_hold paytrace.ach_manage_fund paytrace.ach_manage_void paytrace.ach_refund paytrace.ach_sale paytrace.authorize paytrace.batch_transactions paytrace.batches paytrace.capture paytrace.export_transactions paytrace.find_by_invoice paytrace.find_refund_by_invoice paytrace.find_taken_back paytrace.get_transaction paytrace.level3_mastercard paytrace.level3_visa paytrace.ping paytrace.recurrence_create paytrace.recurrence_delete paytrace.recurrence_list paytrace.recurrence_update paytrace.refund paytrace.sale paytrace.settlement paytrace.take_back paytrace.vault_create paytrace.vault_create_from_transaction paytrace.vault_delete paytrace.vault_get paytrace.vault_update paytrace.void quickbooks.find_entry quickbooks.journal_entry quickbooks.list_accounts salesforce.bulk_ingest salesforce.bulk_ingest_close salesforce.bulk_ingest_create salesforce.bulk_ingest_failed salesforce.bulk_ingest_get salesforce.bulk_ingest_upload salesforce.bulk_insert salesforce.bulk_query salesforce.bulk_query_create salesforce.bulk_query_get salesforce.bulk_query_results salesforce.change_events salesforce.composite salesforce.create salesforce.create_many salesforce.delete salesforce.delete_many salesforce.deleted salesforce.describe salesforce.get salesforce.limits salesforce.publish salesforce.publish_event salesforce.query salesforce.query_all salesforce.update salesforce.update_many salesforce.updated salesforce.upsert salesforce.upsert_many sftp.list sftp.move sftp.read_camt sftp.read_csv sftp.read_json_lines sftp.write_csv sftp.write_json_lines smtp.check smtp.send sql.execute sql.find sql.insert sql.query sql.query_one sql.upsert sqlite.execute sqlite.find sqlite.insert sqlite.query sqlite.query_one sqlite.upsert tryton.create_invoice tryton.find_entry tryton.find_invoice tryton.find_party tryton.find_payment tryton.journal_entry tryton.list_accounts tryton.pay_invoice tryton.post_entry tryton.post_invoice tryton.post_payment
            "#]],
        ),
        (
            "  - id: a\n    action: salesforce.get\n    with:\n      object: Contact\n      id: $.event.Id\n      ¦\n",
            expect![[r#"
            fields salesforce.get
        "#]],
        ),
        (
            "  - id: a\n    ¦\n",
            expect![[r#"
                needs when each timeout once_per action with map check script allocate reconcile wait approve pipeline emit link alert on_error
            "#]],
        ),
        (
            "  - id: a\n    map:\n      x:\n        ¦\n",
            expect![[r#"
                from rhai text object concat money convert fee first_of switch each use xref merge
            "#]],
        ),
        (
            "  - id: a\n    map:\n      x:\n        from: $.event.x\n        ¦\n",
            expect![[r#"
            many default required trim upper lower split as date country lookup else currency_symbol pattern max_length mask
        "#]],
        ),
        (
            "  - id: a\n    map: 1\n    on_error:\n      - class: ¦\n",
            expect![[r#"
            config auth invalid rejected declined not_found conflict throttled insufficient_funds unavailable unknown bug
        "#]],
        ),
    ];
    check(modules, Some("complete"), expected);
}

fn hover_shows_what_is_meant(modules: &Path) {
    let expected = vec![
        (
            "  - id: a\n    action: payoneer.get_bal¦ance\n",
            expect![[r#"
            **payoneer.get_balance**

            Reads what the program can pay out.

            Effect: reads; a repeat is harmless.

            Source: Payoneer program API v4, GET balance.
        "#]],
        ),
        (
            "  - id: a\n    action: payoneer.get_payee_status\n    with: { payee¦_id: P-77 }\n",
            expect![[r#"
            #### payoneer.get\_payee\_status

            Our id of the recipient.

            Example:

            ```yaml
            P-77
            ```
        "#]],
        ),
        (
            "  - id: a\n    map: { x: { from: $.event.x, loo¦kup: payout-status } }\n",
            expect![[r#"
            Takes the value of a row of a table in `tables/`, by its name.
        "#]],
        ),
        (
            "  - id: a\n    map: { x: { first¦_of: [$.event.x, $.event.y] } }\n",
            expect![[r#"
            Gives the first of several values that is there, not null and not an empty text; null where none is.

            - `{ first_of: [$.event.mobile, $.event.phone, unknown] }` with `$.event` = `{"mobile": "", "phone": "+47 1"}` gives `"+47 1"`
            - `{ first_of: [$.event.mobile] }` with `$.event` = `{}` gives `null`
        "#]],
        ),
        (
            "  - id: a\n    wait: { f¦or: 5m }\n",
            expect![[r#"
            For that long.
        "#]],
        ),
    ];
    check(modules, Some("hover"), expected);
}
