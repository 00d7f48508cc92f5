//! `ferry connectors describe`: snapshots are what the system says, and lint finds by them what it would refuse.

use std::{fs, path::Path, process::Command};

use ferry_tests::program::Running;

use crate::program::{ferry, outcome, sandbox};

/// A copy of the shipped projects, snapshots included, and a sandbox whose org has rates by day, as one of the snapshots.
struct Desk {
    folder: tempfile::TempDir,
    world: Running,
}

impl Desk {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines");
        assert!(Command::new("cp").arg("-r").arg(shipped).arg(folder.path()).status().unwrap().success());
        let world = sandbox(folder.path(), &[]);
        let order = [&format!("{}/_sandbox/salesforce", world.address), "-d", r#"{"dated_rates": true}"#];
        let told = Command::new("curl").args(["-s", "--fail-with-body"]).args(order).output().unwrap();
        assert!(told.status.success(), "{told:?}");
        Self { folder, world }
    }

    /// The exit code and both outputs.
    fn call(&self, args: &[&str]) -> (Option<i32>, String) {
        self.call_in("payoneer-salesforce", args)
    }

    /// The same in another of the projects.
    fn call_in(&self, project: &str, args: &[&str]) -> (Option<i32>, String) {
        let folder = self.folder.path().join("pipelines").join(project);
        let (code, stdout, stderr) = outcome(ferry(&folder).args(args).env("FERRY_SANDBOX", &self.world.address));
        (code, stdout + stderr.as_str())
    }

    fn describe(&self, args: &[&str]) -> (Option<i32>, String) {
        self.call(&[&["connectors", "describe"], args].concat())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("pipelines/payoneer-salesforce").join(name)
    }

    /// Puts another text into the place of one in a file.
    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }
}

const CONTACT: &str = "describe/salesforce/Contact.json";

#[test]
fn shipped_snapshots_are_what_the_sandbox_says_and_a_refresh_tells_what_changed() {
    let desk = Desk::open();
    let mut all = 0;
    for project in fs::read_dir(desk.folder.path().join("pipelines")).unwrap().map(Result::unwrap) {
        let Ok(snapshots) = fs::read_dir(project.path().join("describe/salesforce")) else { continue };
        let (name, count) = (project.file_name().into_string().unwrap(), snapshots.count());
        let (code, printed) = desk.call_in(&name, &["connectors", "describe", "salesforce"]);
        assert_eq!((code, printed.matches("is as it was").count()), (Some(0), count), "{name}: {printed}");
        all += count;
    }
    assert!(all >= 17, "{all}");
    let shipped = fs::read_to_string(desk.path(CONTACT)).unwrap();
    desk.edit(CONTACT, "\"name\": \"Email\"", "\"name\": \"Mail__c\"");
    let (_, printed) = desk.describe(&["salesforce", "Contact"]);
    assert_eq!(printed, format!("./{CONTACT}: 23 fields; new: `Email`; gone: `Mail__c`\n"));
    // The system finds an object in any case; the file has the name that the system gives it.
    fs::remove_file(desk.path(CONTACT)).unwrap();
    assert_eq!(desk.describe(&["salesforce", "contact"]), (Some(0), format!("./{CONTACT}: 23 fields\n")));
    assert_eq!(fs::read_to_string(desk.path(CONTACT)).unwrap(), shipped);
    assert!(!desk.path("describe/salesforce/contact.json").exists());
}

#[test]
fn what_cannot_be_described_changes_no_file() {
    let desk = Desk::open();
    let shipped = fs::read_to_string(desk.path(CONTACT)).unwrap();
    for (args, code, says) in [
        (&["salesforce", "Lead"][..], 2, "Lead: not_found: Salesforce answered 404"),
        (&["salesforce", "../Contact"], 2, "is no name of an object"),
        (&["salesforc", "Contact"], 2, "did you mean `salesforce`?"),
        (&["payoneer"], 2, "its manifest needs `records`"),
        (&["salesforce", "--sandbox", "http://127.0.0.1:1"], 69, "no sandbox answers"),
    ] {
        let (ended, printed) = desk.describe(args);
        assert!(ended == Some(code) && printed.contains(says), "{args:?}: {ended:?} {printed}");
    }
    assert_eq!(fs::read_to_string(desk.path(CONTACT)).unwrap(), shipped);
}

#[test]
fn lint_finds_what_the_org_of_the_shipped_pipeline_would_refuse() {
    let desk = Desk::open();
    assert_eq!(desk.call(&["lint", "--deny-warnings"]).0, Some(0));
    for (from, to, says) in [
        ("Email, External_Payoneer_ID__c]", "Emial, External_Payoneer_ID__c]", "`Contact` has no field `Emial`"),
        ("Payout_ID__c: {", "Payuot_ID__c: {", "`Payment_Transaction__c` has no field `Payuot_ID__c`"),
        (
            "{ Client_Reference__c:",
            "{ Payout_ID__c:",
            "`external_id.Payout_ID__c` of `salesforce.upsert` names no record",
        ),
        (
            "Status__c: Needs Correction",
            "Status__c: Wrong",
            "`values.Status__c` of `salesforce.update` is never \"Wrong\"",
        ),
    ] {
        desk.edit("mass-payouts.yaml", from, to);
        let (code, printed) = desk.call(&["lint", "--format", "concise"]);
        assert!(code == Some(1) && printed.contains(says), "{says}: {printed}");
        desk.edit("mass-payouts.yaml", to, from);
    }
}
