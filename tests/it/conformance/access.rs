//! Who we are: credentials that are right or wrong, tokens that have ended, and refusals that look like a success.

use std::time::Duration;

use ferry_connectors::library::Library;
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::FreePass,
};
use serde_json::{Map, Value};

use super::{
    desk::{Desk, Place, is_login},
    table::{self, Refusal},
};

/// Longer than any token lives.
const LATER: Duration = Duration::from_hours(48);

/// What holds of the ways to say who we are, in words; and what is wrong.
pub(super) async fn walk(library: &Library, place: Place<'_>) -> (Vec<String>, Vec<String>) {
    let (mut holds, mut wrong) = (Vec::new(), Vec::new());
    let ways = table::of(place.connector).map_or(0, |table| table.ways.len());
    for way in 0..ways {
        let place = Place { way, ..place };
        match one(library, place).await {
            Ok(said) => holds.push(said),
            Err(why) => wrong.push(format!("way {}: {why}", way + 1)),
        }
    }
    (holds, wrong)
}

async fn one(library: &Library, place: Place<'_>) -> Result<String, String> {
    let desk = Desk::open(library, place).await?;
    verified(&desk).await.map_err(|failure| format!("`verify` with what is right: {failure}"))?;
    let way = &desk.table.ways[place.way];
    let mut said = way.wrong.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
    if way.wrong.is_empty() {
        said.push_str(if way.consent { "a person has allowed it" } else { "nobody is asked who he is" });
    } else {
        let wrong = Desk::open(library, Place { is_wrong: true, ..place }).await?;
        let refused = verified(&wrong).await.err().ok_or("`verify` succeeds with what is wrong")?;
        if refused.class != ErrorClass::Auth || !refused.message.contains(&way.says) || way.says.is_empty() {
            return Err(format!("with what is wrong it says {refused:?}, and was to say `{}`", way.says));
        }
        // Whoever reads of it is told what to do.
        if !refused.class.meaning().contains("Renew") {
            return Err(format!("`{}` does not say what to do", refused.class));
        }
        said.push_str(" wrong: `auth`");
    }
    if let Some(why) = &way.no_token {
        return Ok(format!("{said}; {why}"));
    }
    let verify = desk.manifest.connector.verify.as_ref().expect("each shipped manifest has one");
    let with = Value::Object(verify.with.clone());
    let is_token = desk.connection.log_in(&FreePass).await.map_err(|failure| failure.to_string())?;
    said.push_str("; ");
    let tokens = usize::from(is_token) + usize::from(way.consent);
    said.push_str(refused_read(&desk, (&verify.action, &with), tokens).await?);
    for (other, action) in &way.others {
        let nothing = Value::Object(Map::new());
        desk.call(action, &nothing).await.map_err(|failure| format!("`{action}` of `{other}`: {failure}"))?;
        let came = refused_read(&desk, (action, &nothing), 2).await.map_err(|why| format!("`{other}`: {why}"))?;
        said.push_str(&format!("; `{other}` too, {came}"));
    }
    Ok(said)
}

/// What comes of tokens that are refused, in words. A call gets so many new ones: the first of a consent may be what another
/// process has got before.
async fn refused_read(desk: &Desk, read: (&str, &Value), tokens: usize) -> Result<&'static str, String> {
    if tokens > 0 {
        ended(desk, read).await?;
    }
    refused_again(desk, read, tokens).await?;
    Ok(match tokens {
        0 => "401: `auth`",
        1 => "401: one new token, and the call succeeds; again 401: `auth`",
        _ => "401: one new token, and the call succeeds; 401 with two new ones: `auth`",
    })
}

async fn verified(desk: &Desk) -> Result<Value, Failure> {
    let verify = desk.manifest.connector.verify.as_ref().expect("each shipped manifest has one");
    desk.connection.log_in(&FreePass).await?;
    desk.call(&verify.action, &Value::Object(verify.with.clone())).await
}

/// A token that has ended at the target is renewed once.
async fn ended(desk: &Desk, read: (&str, &Value)) -> Result<(), String> {
    match &desk.table.withdraw {
        Some(step) => desk.steps(std::slice::from_ref(step), &mut desk.fresh()).await?,
        None => drop(desk.pass(LATER).await?),
    }
    let (calls, logins, result) = counted(desk, read).await;
    result.map_err(|failure| format!("with a token that has ended: {failure}"))?;
    if (calls, logins) == (2, 1) {
        return Ok(());
    }
    Err(format!("with a token that has ended, {calls} calls and {logins} requests for a token"))
}

/// Whoever is refused with new tokens, too, is told so.
async fn refused_again(desk: &Desk, read: (&str, &Value), tokens: usize) -> Result<(), String> {
    desk.http.spoil(true);
    let (calls, logins, result) = counted(desk, read).await;
    desk.http.spoil(false);
    let failure = result.err().ok_or("a call of nobody succeeds")?;
    if failure.class == ErrorClass::Auth && (calls, logins) == (tokens + 1, tokens) {
        return Ok(());
    }
    Err(format!("where nobody is believed: {failure}; {calls} calls and {logins} requests for a token"))
}

async fn counted(desk: &Desk, (action, with): (&str, &Value)) -> (usize, usize, Result<Value, Failure>) {
    desk.http.take();
    let result = desk.call(action, with).await;
    let (logins, calls): (Vec<_>, Vec<_>) = desk.http.take().into_iter().partition(|(path, _)| is_login(path));
    (calls.len(), logins.len(), result)
}

/// What looks like a success and is none; says what is wrong.
pub(super) async fn refusals(desk: &Desk, profile: Option<&str>) -> (Vec<String>, Vec<String>) {
    let (mut holds, mut wrong) = (Vec::new(), Vec::new());
    let own = |refusal: &&Refusal| refusal.profile.is_none() || refusal.profile.as_deref() == profile;
    for refusal in desk.table.refusals.iter().filter(own) {
        if !desk.manifest.calls.contains_key(&refusal.action) {
            continue;
        }
        match refused(desk, refusal).await {
            Ok(()) => holds.push(format!("`{}`: `{}`", refusal.action, refusal.class)),
            Err(why) => wrong.push(format!("`{}` that looks like a success: {why}", refusal.action)),
        }
    }
    (holds, wrong)
}

async fn refused(desk: &Desk, refusal: &Refusal) -> Result<(), String> {
    desk.advance(Duration::from_secs(2)).await?;
    let mut known = desk.fresh();
    desk.steps(&refusal.given, &mut known).await?;
    let input = table::filled(&refusal.with, &known)?;
    desk.http.take();
    let result = desk.keyed(&refusal.action, &input, "refused").await;
    let status = desk.http.take().pop().and_then(|(_, status)| status);
    desk.steps(&refusal.after, &mut known).await?;
    let failure = match result {
        Ok(output) => return Err(format!("it is one: {output}")),
        Err(failure) => failure,
    };
    if failure.class.name() != refusal.class || status != Some(refusal.status) {
        return Err(format!(
            "{failure:?} with the status {status:?}, and was to be {} with {}",
            refusal.class, refusal.status
        ));
    }
    Ok(())
}
