//! Each read under each fault, and each list to its last page.

use std::{collections::BTreeSet, time::Duration};

use ferry_contract::{number, port::FreePass};
use serde_json::{Value, json};

use super::{
    desk::{Desk, is_login},
    table::{self, Known, Row, Whole},
    writes::{CASES, Case, End, failed_so, performed, target},
};

/// Walks one action; says what is wrong.
pub(super) async fn walk(desk: &Desk, action: &str, row: &Row) -> Vec<String> {
    let mut known = desk.fresh();
    let mut wrong = Vec::new();
    match begin(desk, action, row, &mut known).await {
        Ok(input) => {
            if desk.table.native.is_none() && row.native.is_none() {
                for case in CASES {
                    let came = under(desk, (action, row), &input, case).await;
                    wrong.extend(came.err().map(|why| format!("{}: {why}", case.fault)));
                }
            }
            wrong.extend(pages(desk, (action, row), &input).await.err());
        }
        Err(why) => wrong.push(why),
    }
    wrong.extend(desk.steps(&row.after, &mut known).await.err());
    wrong
}

async fn begin(desk: &Desk, action: &str, row: &Row, known: &mut Known) -> Result<Value, String> {
    desk.advance(Duration::from_secs(2)).await?;
    desk.steps(&row.given, known).await?;
    let input = table::filled(&row.with, known)?;
    let whole = desk.call(action, &input).await.map_err(|failure| format!("of {input}: {failure}"))?;
    let violations = desk.manifest.connector.actions[action].output.violations(&whole);
    if !violations.is_empty() {
        return Err(format!("the output is wrong: {}", violations.join("; ")));
    }
    Ok(input)
}

/// Under a fault it fails, and the same again gives all that is there.
async fn under(desk: &Desk, (action, row): (&str, &Row), input: &Value, case: Case) -> Result<(), String> {
    desk.advance(Duration::from_secs(2)).await?;
    let walk = performed(desk, action, input, case, async || Ok(1)).await;
    desk.order("faults", &json!({})).await?;
    let walk = walk?;
    failed_so(case, walk.failures.first())?;
    // The systems live on: what they say is compared with what they say at the same time.
    let whole = desk.call(action, input).await.map_err(|failure| failure.to_string())?;
    match walk.end {
        End::Done(output) if same(&output, &whole, row) => Ok(()),
        End::Done(output) => Err(format!("it gives {output}, and then {whole}")),
        end @ (End::Person(_) | End::Failed(_)) => Err(end.to_string()),
    }
}

/// Whether two answers are the same but for what is new in each.
fn same(one: &Value, other: &Value, row: &Row) -> bool {
    let kept = |value: &Value| {
        let mut value = value.clone();
        if let Some(entries) = value.as_object_mut() {
            entries.retain(|name, _| !row.varies.contains(name));
        }
        value
    };
    number::equal(&kept(one), &kept(other))
}

/// A list is read whole, page by page and at once; a fault in its middle leaves nothing out.
async fn pages(desk: &Desk, (action, row): (&str, &Row), input: &Value) -> Result<(), String> {
    let is_paged = desk.manifest.calls[action].paginate.is_some();
    let whole = match (&row.whole, is_paged) {
        (Some(whole), true) => whole,
        (None, false) => return Ok(()),
        (None, true) => return Err("it has pages, and nothing says what its list is".to_owned()),
        (Some(_), false) => return Err("it has no pages, and something says what its list is".to_owned()),
    };
    desk.http.take();
    let output = desk.call(action, input).await.map_err(|failure| failure.to_string())?;
    let sent = desk.http.take().iter().filter(|(path, _)| !is_login(path)).count();
    let ids = ids(&output, &whole.list, &whole.id)?;
    let different: BTreeSet<&String> = ids.iter().collect();
    if different.len() != ids.len() {
        return Err(format!("{} rows, and {} of them are different", ids.len(), different.len()));
    }
    compared(desk, whole, &ids).await?;
    let (one_by_one, pages) = page_by_page(desk, action, input, whole).await?;
    if one_by_one != ids || pages != sent {
        return Err(format!("{} rows in {pages} pages, and {} at once in {sent}", one_by_one.len(), ids.len()));
    }
    match &whole.one_page {
        Some(_) if sent == 1 => Ok(()),
        Some(_) => Err(format!("one page was to hold it, and there are {sent}")),
        None if sent < 2 => Err(format!("one page holds all {} rows", ids.len())),
        None => in_the_middle(desk, (action, row), input, (&output, sent)).await,
    }
}

async fn compared(desk: &Desk, whole: &Whole, ids: &[String]) -> Result<(), String> {
    if let Some(count) = whole.count.filter(|count| *count != ids.len()) {
        return Err(format!("{} rows, and there are {count}", ids.len()));
    }
    let Some(place) = &whole.theirs else {
        return whole.count.map(drop).ok_or_else(|| "nothing says what is there".to_owned());
    };
    let there = match place.as_str() {
        "requests" => (desk.told("requests").await?, ""),
        place => (desk.told("ledger").await?, place),
    };
    let mut theirs = self::ids(&there.0, there.1, whole.their_id.as_ref().unwrap_or(&whole.id))?;
    let mut ours = ids.to_vec();
    theirs.sort();
    ours.sort();
    if ours == theirs { Ok(()) } else { Err(format!("{} rows, and the ledger has {}", ours.len(), theirs.len())) }
}

async fn page_by_page(desk: &Desk, action: &str, input: &Value, whole: &Whole) -> Result<(Vec<String>, usize), String> {
    let (mut all, mut pages, mut next) = (Vec::new(), 0, None::<String>);
    loop {
        let page = desk.connection.page(&FreePass, action, input, next.as_deref()).await;
        let page = page.map_err(|failure| failure.to_string())?;
        let own = ids(&page.output, &whole.list, &whole.id)?;
        // Where pages are counted, an empty one is behind the last.
        if own.is_empty() && pages > 0 {
            return Ok((all, pages));
        }
        all.extend(own);
        pages += 1;
        next = page.next;
        if next.is_none() {
            return Ok((all, pages));
        }
    }
}

/// The second page fails, in each way: the list is no success, and the next attempt has it whole.
async fn in_the_middle(
    desk: &Desk,
    (action, row): (&str, &Row),
    input: &Value,
    (output, sent): (&Value, usize),
) -> Result<(), String> {
    let (method, _) = target(desk, action, input)?;
    for case in CASES.into_iter().filter(|case| case.class().is_some()) {
        // Whatever the second page's path is.
        desk.http.faults_after(1, case.rule(desk, (&method, "")));
        let came = desk.call(action, input).await;
        desk.order("faults", &json!({})).await?;
        let said = |why: String| format!("{} on the second of {sent} pages: {why}", case.fault);
        match came {
            Ok(_) => return Err(said("it is a success".to_owned())),
            Err(failure) => failed_so(case, Some(&failure)).map_err(said)?,
        }
        let again = desk.call(action, input).await.map_err(|failure| said(failure.to_string()))?;
        if !same(&again, output, row) {
            return Err(said("the next attempt gives something else".to_owned()));
        }
    }
    Ok(())
}

fn ids(output: &Value, list: &str, id: &str) -> Result<Vec<String>, String> {
    let text = |row: &Value| {
        let id = table::at(row, id).filter(|id| !id.is_null()).ok_or_else(|| format!("a row has no `{id}`: {row}"))?;
        Ok(id.as_str().map_or_else(|| id.to_string(), str::to_owned))
    };
    table::rows(output, list).into_iter().map(text).collect()
}
