//! `ferry new`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use ferry_contract::suggest;
use rust_embed::RustEmbed;

use super::{Exit, Outcome, complain, editor, print, tell};
use crate::load::{self, Wanted};

/// Makes a project from a template: pipelines, their tests, samples and tables, which lint and run as they are.
///
/// Without a name, lists the templates. Writes into DIR, or into a new folder with the template's name; a file that is there
/// already is never changed: if any is, nothing is written, and the end is 2. An editor checks and completes the files by the
/// schemas in `.ferry/schemas`, which `ferry lint` keeps up to date.
#[derive(Args, Debug)]
pub(super) struct New {
    /// The template; without one, all are listed.
    #[arg(value_name = "TEMPLATE")]
    template: Option<String>,
    /// Where the project is made.
    #[arg(value_name = "DIR", requires = "template")]
    folder: Option<PathBuf>,
}

#[derive(RustEmbed)]
#[folder = "../../templates"]
struct Templates;

/// What is shipped of [`PAYOUTS`], as it is: one pipeline of a large project, with all that it reads. Its own `ferry.yaml` is a
/// template's.
#[derive(RustEmbed)]
#[folder = "../../pipelines"]
#[include = "payoneer-salesforce/mass-payouts.yaml"]
#[include = "payoneer-salesforce/mass-payouts.test.yaml"]
#[include = "payoneer-salesforce/samples/request.json"]
#[include = "payoneer-salesforce/tables/payout-status.yaml"]
#[include = "payoneer-salesforce/describe/salesforce/Contact.json"]
#[include = "payoneer-salesforce/describe/salesforce/Payment_Request__c.json"]
#[include = "payoneer-salesforce/describe/salesforce/Payment_Transaction__c.json"]
struct Shipped;

/// The template that the demo runs.
const PAYOUTS: &str = "payoneer-salesforce";

/// A project that can be made.
struct Template {
    /// Its name, which is that of its folder.
    name: &'static str,
    /// What it is for.
    about: &'static str,
    /// The pipeline that its sample begins.
    pipeline: &'static str,
    /// An event of it; nothing where the pipeline polls.
    sample: Option<&'static str>,
}

const TEMPLATES: [Template; 5] = [
    Template {
        name: PAYOUTS,
        about: "pays approved Salesforce payment requests through Payoneer, and writes back what came of them",
        pipeline: "mass-payouts",
        sample: None,
    },
    Template {
        name: "webhook",
        about: "takes webhooks, checks and maps them, writes to Salesforce, and answers the sender",
        pipeline: "payees",
        sample: Some("samples/payee.json"),
    },
    Template {
        name: "schedule",
        about: "reads records from Salesforce at set times, and writes back to each of them",
        pipeline: "open-requests",
        sample: Some("samples/time.json"),
    },
    Template {
        name: "mapping",
        about: "maps to and from Payoneer and Salesforce: map files, tables, a script, a fee and its allocation",
        pipeline: "journal",
        sample: Some("samples/settled.json"),
    },
    Template {
        name: "reconcile",
        about: "compares the orders of a day with what came for them, from two CSV files, and tells what is left",
        pipeline: "orders-daily",
        sample: Some("samples/day.json"),
    },
];

/// A file of a template: its path below the project, and its content.
pub(super) type File = (PathBuf, Vec<u8>);

impl New {
    pub(super) fn run(self) -> Outcome {
        let Some(name) = &self.template else {
            print(&listed());
            return Ok(Exit::Success);
        };
        let Some(template) = TEMPLATES.iter().find(|template| template.name == name) else {
            let known = TEMPLATES.each_ref().map(|template| template.name);
            complain(&format!("there is no template `{name}`; {}", suggest::help(name, &known)));
            return Ok(Exit::Usage);
        };
        let dir = self.folder.clone().unwrap_or_else(|| PathBuf::from(template.name));
        let files = files(template.name);
        let there: Vec<String> = files
            .iter()
            .map(|(path, _)| dir.join(path))
            .filter(|path| path.symlink_metadata().is_ok())
            .map(|path| path.display().to_string())
            .collect();
        if !there.is_empty() {
            complain(&format!(
                "nothing is written, because these files exist: {}; name another folder",
                there.join(", ")
            ));
            return Ok(Exit::Usage);
        }
        for (path, content) in files {
            let content = match String::from_utf8(content) {
                Ok(text) => editor::with_schema(&path, &text).into_bytes(),
                Err(bytes) => bytes.into_bytes(),
            };
            write(&dir.join(path), &content)?;
        }
        for project in load::projects(std::slice::from_ref(&dir), &load::pipeline_rules(), &Wanted::default())? {
            editor::write(&project).map_err(anyhow::Error::msg)?;
        }
        tell(&template.next(&dir));
        Ok(Exit::Success)
    }
}

impl Template {
    /// The calls that come next.
    fn next(&self, dir: &Path) -> String {
        let dir = dir.display().to_string();
        let word =
            if dir.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c)) { dir } else { format!("'{dir}'") };
        let event = self.sample.map_or_else(String::new, |sample| format!(" --event {word}/{sample}"));
        format!(
            "{word} is made. Next:\n  ferry lint {word}\n  ferry test {word}\n  ferry sandbox &\n  ferry run {} --project \
             {word}{event} --sandbox http://127.0.0.1:8788",
            self.pipeline
        )
    }
}

/// The files of the project that pays, for the demo.
pub(super) fn payouts() -> Vec<File> {
    files(PAYOUTS)
}

/// The files of a template.
fn files(template: &str) -> Vec<File> {
    let prefix = format!("{template}/");
    let of = |path: &str, data: Vec<u8>| Some((PathBuf::from(path.strip_prefix(&prefix)?), data));
    let own = Templates::iter().filter_map(|path| of(&path, Templates::get(&path)?.data.into_owned()));
    let shipped = Shipped::iter().filter_map(|path| of(&path, Shipped::get(&path)?.data.into_owned()));
    own.chain(shipped).collect()
}

fn listed() -> String {
    let width = TEMPLATES.iter().map(|template| template.name.len()).max().unwrap_or_default();
    TEMPLATES.iter().map(|template| format!("{:width$}  {}\n", template.name, template.about)).collect()
}

/// Makes a file that is not there; one that has come meanwhile is an error.
fn write(path: &Path, content: &[u8]) -> Result<(), anyhow::Error> {
    use std::io::Write as _;
    let failed = || format!("{} cannot be written; name a folder in which this user may write", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    let mut file = std::fs::File::create_new(path).with_context(failed)?;
    file.write_all(content).with_context(failed)
}
