//! What `ferry lint --fix` writes: the texts that findings have, as long as there are some.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use ferry_contract::report::{Finding, Fix, Report};

use super::{Lint, load};
use crate::{
    cmd::{Exit, Outcome, fmt::files, print, tell},
    render,
};

/// One text may bring another finding to light; more rounds than these have no end.
const ROUNDS_MAX: usize = 8;

/// A file, as it was read and as it is to be.
struct Mended {
    before: String,
    after: String,
}

impl Lint {
    /// Prints what would change, and ends with 1 if something would.
    pub(super) fn diff(&self) -> Outcome {
        let mended = self.mended()?;
        for (name, file) in &mended {
            print(&render::diff(name, &file.before, &file.after));
        }
        Ok(if mended.is_empty() { Exit::Success } else { Exit::Findings })
    }

    /// Writes what is certain, and says how much that was.
    pub(super) fn fix(&self) -> Result<(), anyhow::Error> {
        let mut fixed = 0;
        for _ in 0..ROUNDS_MAX {
            let mended = self.mended()?;
            if mended.is_empty() {
                break;
            }
            for (name, file) in &mended {
                files::replace(&PathBuf::from(name), file.before.as_bytes(), &file.after)?;
                fixed += 1;
            }
        }
        if fixed > 0 {
            tell(&format!("Mended {}.", super::counted(fixed, "file")));
        }
        Ok(())
    }

    /// The files with the fixes of one look at them.
    fn mended(&self) -> Result<BTreeMap<String, Mended>, anyhow::Error> {
        let rules = load::pipeline_rules();
        let projects = load::projects(&self.paths, &rules, &self.given.to_look())?;
        let (mut mended, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for report in
            projects.iter().flat_map(load::CheckedProject::all_reports).filter(|report| self.asked_for(report))
        {
            // A folder that two projects share is one folder.
            let is_new = std::fs::canonicalize(&report.source.name).is_ok_and(|real| seen.insert(real));
            let fixes = self.fixes(report);
            if is_new && !fixes.is_empty() {
                let before = report.source.text.clone();
                let after = written(&before, &fixes);
                mended.insert(report.source.name.clone(), Mended { before, after });
            }
        }
        Ok(mended)
    }

    /// The fixes of a file from its end on, so that places before them stay; of two in one place, the first.
    fn fixes<'r>(&self, report: &'r Report) -> Vec<&'r Fix> {
        let of = |finding: &'r Finding| finding.fix.as_ref().filter(|fix| fix.is_safe || self.unsafe_fixes);
        let mut fixes: Vec<&Fix> = report.findings().into_iter().filter_map(of).collect();
        fixes.sort_by_key(|fix| (fix.at.start, fix.at.end));
        let mut end = 0;
        fixes.retain(|fix| {
            let is_free = fix.at.start >= end;
            end = if is_free { fix.at.end } else { end };
            is_free
        });
        fixes.reverse();
        fixes
    }
}

fn written(before: &str, fixes: &[&Fix]) -> String {
    let mut text = before.to_owned();
    for fix in fixes {
        text.replace_range(fix.at.start as usize..fix.at.end as usize, &fix.text);
    }
    text
}
