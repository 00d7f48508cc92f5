//! Files as a pipeline sees them, in a real folder.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::system::System;

/// A statement of version 02, in which a charge is a `Chrgs`, a party has its name itself, and a batch names its payments.
pub(crate) const STATEMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">
  <BkToCstmrStmt>
    <GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-03-02T18:00:00+01:00</CreDtTm></GrpHdr>
    <Stmt>
      <Id>S-1</Id><CreDtTm>2026-03-02T18:00:00+01:00</CreDtTm>
      <Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>
      <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">2250.10</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>
      <Ntry>
        <NtryRef>1</NtryRef><Amt Ccy="EUR">1250.10</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
        <BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-02</Dt></ValDt><AcctSvcrRef>B-77</AcctSvcrRef>
        <Chrgs><Amt Ccy="EUR">0.35</Amt><CdtDbtInd>DBIT</CdtDbtInd><Tp><Cd>COMM</Cd></Tp></Chrgs>
        <NtryDtls><TxDtls>
          <Refs><EndToEndId>INV-1</EndToEndId></Refs>
          <RltdPties><Dbtr><Nm>Acme GmbH</Nm></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct></RltdPties>
          <RmtInf><Ustrd>Invoice 1 &amp; 2</Ustrd><Ustrd>of March</Ustrd></RmtInf>
        </TxDtls></NtryDtls>
      </Ntry>
      <Ntry>
        <Amt Ccy="EUR">300.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>
        <BookgDt><Dt>2026-03-02</Dt></BookgDt><AcctSvcrRef>B-78</AcctSvcrRef>
        <NtryDtls>
          <Btch><MsgId>OUT-1</MsgId><PmtInfId>PI-1</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>
          <TxDtls><Refs><EndToEndId>P-1</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">100.00</Amt></TxAmt></AmtDtls></TxDtls>
          <TxDtls><Refs><EndToEndId>P-2</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">200.00</Amt></TxAmt></AmtDtls></TxDtls>
        </NtryDtls>
      </Ntry>
    </Stmt>
  </BkToCstmrStmt>
</Document>"#;

/// A notification of version 08: `Sts` and the parties have another element inside, the charges are records.
const NOTIFICATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<c:Document xmlns:c="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08">
  <c:BkToCstmrDbtCdtNtfctn>
    <c:GrpHdr><c:MsgId>M-2</c:MsgId></c:GrpHdr>
    <c:Ntfctn>
      <c:Id>N-1</c:Id>
      <c:Acct><c:Id><c:Othr><c:Id>12-3456</c:Id></c:Othr></c:Id></c:Acct>
      <c:Ntry>
        <c:NtryRef>9</c:NtryRef><c:Amt Ccy="CHF">80</c:Amt><c:CdtDbtInd>CRDT</c:CdtDbtInd><c:RvslInd>true</c:RvslInd>
        <c:Sts><c:Cd>PDNG</c:Cd></c:Sts><c:BookgDt><c:DtTm>2026-03-02T09:30:00Z</c:DtTm></c:BookgDt>
        <c:Chrgs><c:Rcrd><c:Amt Ccy="CHF">1.5</c:Amt><c:ChrgInclInd>true</c:ChrgInclInd></c:Rcrd></c:Chrgs>
        <c:NtryDtls><c:TxDtls>
          <c:Refs><c:TxId>T-1</c:TxId></c:Refs><c:Amt Ccy="CHF">80</c:Amt><c:CdtDbtInd>CRDT</c:CdtDbtInd>
          <c:RltdPties><c:Dbtr><c:Pty><c:Nm>Bo AG</c:Nm></c:Pty></c:Dbtr></c:RltdPties>
          <c:RmtInf><c:Strd><c:CdtrRefInf><c:Ref>RF18539007547034</c:Ref></c:CdtrRefInf></c:Strd></c:RmtInf>
          <c:RtrInf><c:Rsn><c:Cd>AC04</c:Cd></c:Rsn></c:RtrInf>
        </c:TxDtls></c:NtryDtls>
      </c:Ntry>
      <c:Ntry><c:Amt Ccy="CHF">10</c:Amt><c:CdtDbtInd>DBIT</c:CdtDbtInd><c:NtryDtls><c:Btch><c:NbOfTxs>7</c:NbOfTxs></c:Btch></c:NtryDtls></c:Ntry>
    </c:Ntfctn>
  </c:BkToCstmrDbtCdtNtfctn>
</c:Document>"#;

/// A folder with a folder `in` and a folder `out`.
struct Files {
    folder: tempfile::TempDir,
    system: System,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        for name in ["in", "out"] {
            std::fs::create_dir_all(files.join(name)).unwrap();
        }
        let system = System::new("file", "local", &[("folder", files.to_str().unwrap())]);
        Self { folder, system }
    }

    fn put(&self, path: &str, text: &str) {
        std::fs::write(self.folder.path().join("files").join(path), text).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("files").join(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn what_is_written_is_whole_and_read_again() {
    let files = Files::new();
    let table = json!({ "path": "out/a.csv", "columns": ["id", "amount"], "rows": [{ "id": "I-1", "amount": 12.5 }] });
    for _ in 0..2 {
        assert_eq!(files.system.said("write_csv", table.clone()).await, r#"{"path":"out/a.csv","bytes":19}"#);
    }
    assert_eq!(files.names("out"), ["a.csv"], "nothing is left beside it");
    let read = files.system.said("read_csv", json!({ "path": "out/a.csv" })).await;
    assert_eq!(read, r#"{"columns":["id","amount"],"rows":[{"id":"I-1","amount":"12.5"}]}"#);
    let lines = json!({ "path": "b.jsonl", "items": [{ "a": 1 }, "two"] });
    assert_eq!(files.system.said("write_json_lines", lines).await, r#"{"path":"b.jsonl","bytes":14}"#);
    let read = files.system.said("read_json_lines", json!({ "path": "b.jsonl" })).await;
    assert_eq!(read, r#"{"items":[{"a":1},"two"]}"#);
    files.system.close();
    let late = files.system.call("write_csv", table).await.unwrap_err();
    assert!(late.is_untried && files.names("out") == ["a.csv"]);
}

#[tokio::test]
async fn no_path_leaves_the_folder() {
    let files = Files::new();
    let outside = files.folder.path();
    std::fs::write(outside.join("secret.csv"), "a\n1\n").unwrap();
    let own = outside.join("files");
    symlink(outside.join("secret.csv"), own.join("link.csv")).unwrap();
    symlink("../secret.csv", own.join("near.csv")).unwrap();
    symlink(outside, own.join("up")).unwrap();
    symlink("in", own.join("same")).unwrap();
    files.put("in/a.csv", "a\n1\n");
    for path in ["../secret.csv", "/etc/passwd", "in/../../secret.csv", "link.csv", "near.csv", "up/secret.csv"] {
        let read = files.system.call("read_csv", json!({ "path": path })).await;
        assert!(read.is_err(), "{path}: {read:?}");
        let write = json!({ "path": path, "columns": ["b"], "rows": [] });
        // A link in the place of a file is replaced, and what it leads to stays.
        let _ = files.system.call("write_csv", write).await;
        assert_eq!(std::fs::read_to_string(outside.join("secret.csv")).unwrap(), "a\n1\n", "{path}");
    }
    let inside = files.system.said("read_csv", json!({ "path": "same/a.csv" })).await;
    assert_eq!(inside, r#"{"columns":["a"],"rows":[{"a":"1"}]}"#);
}

#[tokio::test]
async fn what_is_missing_or_wrong_has_its_class() {
    let files = Files::new();
    files.put("in/a.csv", "a,b\n1\n");
    files.put("in/latin.csv", "");
    std::fs::write(files.folder.path().join("files/in/latin.csv"), b"a\nM\xfcller\n").unwrap();
    let write = |path: &str| json!({ "path": path, "columns": ["a"], "rows": [] });
    let read = |path: &str| json!({ "path": path });
    for (action, input, expected) in [
        ("read_csv", read("in/none.csv"), "not_found: there is no file `in/none.csv`"),
        ("read_csv", read("in/a.csv"), "rejected: line 2 has 1 fields, and there are 2 columns"),
        ("read_csv", read("in/latin.csv"), "rejected: it is no text in UTF-8 from its byte 3 on"),
        ("read_csv", read("in"), "rejected: `in` is no file"),
        ("read_camt", read("in/a.csv"), "rejected: it is no XML"),
        ("write_csv", write("none/a.csv"), "config: the folder `none` cannot be opened: No such file or directory"),
        ("write_csv", write("in"), "rejected: `in` is no file: Is a directory"),
        ("list", json!({ "folder": "none" }), "config: the folder `none` cannot be opened: No such file or directory"),
    ] {
        let said = files.system.said(action, input.clone()).await;
        assert!(said.starts_with(expected), "{action} {input}: {said}");
    }
    for (folder, expected) in [
        ("files", "config: `folder` is a whole path, from `/` on, and not `files`"),
        ("/nowhere/at/all", "config: the folder `/nowhere/at/all` cannot be opened: No such file"),
    ] {
        let said = System::new("file", "local", &[("folder", folder)]).said("list", json!({})).await;
        assert!(said.starts_with(expected), "{said}");
    }
}

#[tokio::test]
async fn a_folder_is_polled_by_the_times_of_its_files() {
    let files = Files::new();
    let time = |path: &str, seconds: u64| {
        let file = std::fs::File::options().write(true).open(files.folder.path().join("files").join(path)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
    };
    for (path, seconds) in [("in/b.csv", 60), ("in/a.csv", 120), ("in/c.txt", 180), ("in/.d.csv", 180)] {
        files.put(path, "a\n");
        time(path, seconds);
    }
    let paths = async |input: Value| {
        let listed = files.system.call("list", input).await.unwrap();
        let paths = listed["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned());
        paths.collect::<Vec<_>>()
    };
    assert_eq!(paths(json!({})).await, Vec::<String>::new());
    assert_eq!(paths(json!({ "folder": "in" })).await, ["in/b.csv", "in/a.csv", "in/c.txt"]);
    let cursor = json!({ "field": "modified", "tie_break": "path", "from": "1970-01-01T00:02:00Z" });
    assert_eq!(paths(json!({ "folder": "in/", "ending": ".csv", "cursor": cursor })).await, ["in/a.csv"]);
}

#[tokio::test]
async fn a_file_is_moved_once() {
    let files = Files::new();
    files.put("in/a.csv", "a\n");
    let moved = json!({ "path": "in/a.csv", "to": "out/a.csv" });
    for _ in 0..2 {
        assert_eq!(files.system.said("move", moved.clone()).await, r#"{"path":"out/a.csv"}"#);
    }
    files.put("in/a.csv", "b\n");
    assert_eq!(files.system.said("move", moved).await, "conflict: `out/a.csv` is there already");
    let none = json!({ "path": "in/none", "to": "out/none" });
    assert_eq!(files.system.said("move", none).await, "not_found: there is no file `in/none`");
}

#[tokio::test]
async fn a_statement_is_its_transactions() {
    let files = Files::new();
    files.put("in/a.xml", STATEMENT);
    let read = files.system.call("read_camt", json!({ "path": "in/a.xml" })).await.unwrap();
    assert_eq!(read["statements"][0]["balances"][0]["amount"].to_string(), "2250.10");
    assert_eq!(read["statements"][0]["account"], "DE02120300000000202051");
    let first = &read["entries"][0];
    assert_eq!(first["amount"].to_string(), "1250.10");
    for (field, expected) in [
        ("reference", json!("B-77")),
        ("end_to_end_id", json!("INV-1")),
        ("credit_debit", json!("CRDT")),
        ("status", json!("BOOK")),
        ("value_date", json!("2026-03-02")),
        ("remittance", json!("Invoice 1 & 2\nof March")),
        ("counterparty", json!({ "name": "Acme GmbH", "account": "DE89370400440532013000" })),
        ("batch", Value::Null),
    ] {
        assert_eq!(first[field], expected, "{field}");
    }
    let charges = r#"[{"amount":0.35,"currency":"EUR","credit_debit":"DBIT","is_included":null,"type":"COMM"}]"#;
    assert_eq!(first["charges"].to_string(), charges);
    let batch = json!({ "message_id": "OUT-1", "payment_information_id": "PI-1", "transactions": 2 });
    for (index, id, amount) in [(1, "P-1", "100.00"), (2, "P-2", "200.00")] {
        let entry = &read["entries"][index];
        assert_eq!((&entry["end_to_end_id"], entry["amount"].to_string()), (&json!(id), amount.to_owned()));
        assert_eq!((&entry["batch"], &entry["reference"]), (&batch, &json!("B-78")));
    }
    assert_eq!(read["entries"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_notification_of_a_later_version_says_the_same() {
    let files = Files::new();
    files.put("a.xml", NOTIFICATION);
    let read = files.system.call("read_camt", json!({ "path": "a.xml" })).await.unwrap();
    let first = &read["entries"][0];
    for (field, expected) in [
        ("reference", json!("9")),
        ("transaction_id", json!("T-1")),
        ("is_reversal", json!(true)),
        ("status", json!("PDNG")),
        ("booking_date", json!("2026-03-02T09:30:00Z")),
        ("creditor_reference", json!("RF18539007547034")),
        ("return_reason", json!("AC04")),
        ("counterparty", json!({ "name": "Bo AG", "account": null })),
    ] {
        assert_eq!(first[field], expected, "{field}");
    }
    assert_eq!(first["charges"][0]["is_included"], true);
    assert_eq!(read["entries"][1]["batch"]["transactions"].to_string(), "7");
}

#[tokio::test]
async fn a_statement_that_hides_an_amount_is_refused() {
    let files = Files::new();
    for (from, to, expected) in [
        (
            r#"<AmtDtls><TxAmt><Amt Ccy="EUR">200.00</Amt></TxAmt></AmtDtls>"#,
            "",
            "rejected: the entry 2 of the statement `S-1` has several transactions, of which one has no amount",
        ),
        (
            "1250.10",
            "1.250,10",
            "rejected: the entry 1 of the statement `S-1` has the amount `1.250,10`, which is no number",
        ),
        ("BkToCstmrStmt", "BkToCstmrAcctRpt", "rejected: it is neither a camt.053 nor a camt.054"),
    ] {
        files.put("a.xml", &STATEMENT.replace(from, to));
        assert_eq!(files.system.said("read_camt", json!({ "path": "a.xml" })).await, expected);
    }
}
