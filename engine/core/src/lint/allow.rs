//! `# ferry: allow(CHECK) REASON`: a warning whose place is known to be right. Behind a value it is about its own
//! line, on a line of its own about the next one; where a text begins there, about all of its lines. An error is never allowed:
//! what is wrong would not run.

use ferry_contract::{
    report::{At, Finding, Fix, Level, Report},
    suggest,
    yaml::{self, Kind, Node},
};

use super::checks;

pub(super) const NAME: &str = "bad-allowance";
const BEGIN: &str = "# ferry: allow(";

/// One name in the brackets of a comment.
struct Allowance {
    /// The whole comment, where it allows nothing else.
    comment: Option<At>,
    check: String,
    at: At,
    /// The line that it is about.
    line: u32,
    /// The last line of the text that begins there.
    last: u32,
    has_reason: bool,
}

/// Takes the warnings out that are allowed, and says which allowances are wrong.
pub fn apply(report: &mut Report) {
    judge(report, true);
}

/// The same; `may_judge` is whether all that could have found something has looked.
pub(super) fn judge(report: &mut Report, may_judge: bool) {
    let allowances = if report.source.text.contains(BEGIN) { allowances(report) } else { return };
    let covers = |allowance: &Allowance, finding: &Finding| {
        finding.check == allowance.check && (allowance.line..=allowance.last).contains(&finding.at.line)
    };
    let is_whole = report.is_ok() && may_judge;
    for allowance in &allowances {
        let found =
            report.findings().into_iter().find(|finding| covers(allowance, finding)).map(|finding| finding.level);
        let name = &allowance.check;
        let (message, help) = match found {
            _ if checks::all().all(|check| check.name != name) => {
                let names: Vec<&str> = checks::all().map(|check| check.name).collect();
                (format!("there is no check `{name}`"), suggest::help(name, &names))
            }
            Some(Level::Error) => {
                (format!("`{name}` is an error, and cannot be allowed"), "mend it, and remove the comment".to_owned())
            }
            // Beside an error, not all checks have looked.
            None if !is_whole => continue,
            None => (format!("there is no `{name}` on line {}", allowance.line), "remove the comment".to_owned()),
            Some(Level::Warning) if !allowance.has_reason => {
                (format!("`{name}` is allowed without a reason"), format!("write `{BEGIN}{name}) why it is right`"))
            }
            Some(Level::Warning) => continue,
        };
        // A name that is misspelt has a reason all the same.
        let is_known = checks::all().any(|check| check.name == name);
        let fix = allowance.comment.filter(|_| found.is_none() && is_known);
        let fix = fix.map(|at| Fix { at, text: String::new(), is_safe: true });
        report.warning_with(NAME, allowance.at, message, (&help, fix));
    }
    report.retain(|finding| {
        finding.level == Level::Error || !allowances.iter().any(|allowance| covers(allowance, finding))
    });
}

fn allowances(report: &Report) -> Vec<Allowance> {
    let (source, mut unread) = (&report.source, Report::new(&report.source));
    let mut texts = Vec::new();
    let Some(root) = yaml::parse(source, &mut unread) else { return Vec::new() };
    scalars(&root, &mut texts);
    let (mut found, mut start) = (Vec::new(), 0);
    let lines: Vec<&str> = source.text.split('\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let begins = line.find(BEGIN).filter(|column| !texts.iter().any(|text| is_inside(text, start + column)));
        if let Some(column) = begins {
            // Without its bracket it has no reason.
            let rest = &line[column + BEGIN.len()..];
            let (names, reason) = rest.split_once(')').unwrap_or((rest, ""));
            let is_alone = line[..column].trim().is_empty();
            let is_about = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
            let below = lines[index + 1..].iter().position(is_about).map_or(index, |below| index + 1 + below);
            let about = if is_alone { below } else { index };
            let last =
                texts.iter().filter_map(|text| last_line(&lines, about, &source.text, text)).max().unwrap_or(about);
            let before = line[..column].trim_end().len();
            let whole = At::of(
                &source.text,
                start + if is_alone { 0 } else { before }..start + line.len() + usize::from(is_alone),
            );
            let comment = (!names.contains(',') && start + line.len() < source.text.len()).then_some(whole);
            let mut offset = column + BEGIN.len();
            for name in names.split(',') {
                let begin = offset + name.len() - name.trim_start().len();
                found.push(Allowance {
                    comment,
                    check: name.trim().to_owned(),
                    at: At::of(&source.text, start + begin..start + begin + name.trim().len()),
                    line: number(about),
                    last: number(last),
                    has_reason: !reason.trim().is_empty(),
                });
                offset += name.len() + 1;
            }
        }
        start += line.len() + 1;
    }
    found
}

/// What looks like a comment inside a text is a part of the text.
fn scalars(node: &Node, found: &mut Vec<At>) {
    match &node.kind {
        Kind::Text(_) => found.push(node.at),
        Kind::List(items) => items.iter().for_each(|item| scalars(item, found)),
        Kind::Map(entries) => entries.iter().for_each(|(_, value)| scalars(value, found)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
    }
}

/// From an index to the number of a line.
fn number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

/// The index of the last line of a text that begins on the line with this index, or in a block below it.
fn last_line(lines: &[&str], index: usize, source: &str, text: &At) -> Option<usize> {
    let first = (text.line as usize).checked_sub(1)?;
    let is_blank = |line: &str| line.trim().is_empty();
    let before: String = lines.get(first)?.chars().take((text.column as usize).saturating_sub(1)).collect();
    let is_below = first > index && is_blank(&before) && lines[index + 1..first].iter().all(|line| is_blank(line));
    let written = source.get(text.start as usize..text.end as usize)?;
    (first == index || is_below).then(|| first + written.trim_end().matches('\n').count())
}

fn is_inside(text: &At, offset: usize) -> bool {
    (text.start as usize..text.end as usize).contains(&offset)
}
