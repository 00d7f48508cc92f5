//! Calls that send a file, or whose answer goes into one.

use std::{collections::HashSet, sync::Arc};

use ferry_contract::{
    expression::{Expression, Scope},
    failure::{ErrorClass, Failure},
    path::{Document, Path},
    port::Pass,
};
use serde_json::Value;

use crate::{
    connection::Connection,
    files::{Files, Receiving, Sending},
    limits::PAGES_MAX,
    manifest::{Call, NextDownload},
    native::config,
    paginate,
    request::{self, Prepared},
    response::{Answer, Refusal},
};

/// A file that a call sends.
#[derive(Clone)]
pub struct Outgoing {
    /// Its path in the project's files.
    pub file: String,
    /// What it holds.
    pub media_type: String,
    /// Which part of it.
    pub part: Option<Value>,
    pub(crate) opened: Option<Arc<Sending>>,
}

/// A file that the answer of a call goes into.
#[derive(Clone)]
pub struct Incoming {
    /// Its path in the project's files.
    pub file: String,
    /// What it is to hold.
    pub media_type: String,
    pub(crate) opened: Option<Arc<Receiving>>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outgoing({})", self.file)
    }
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({})", self.file)
    }
}

/// The files that the input of a call names.
///
/// # Errors
/// [`ErrorClass::Invalid`] where it names none.
pub(crate) fn named(
    call: &Call,
    scope: Scope<'_>,
    input: &Value,
) -> Result<(Option<Outgoing>, Option<Incoming>), Failure> {
    let invalid = |message: String| Failure::new(ErrorClass::Invalid, format!("the request cannot be made: {message}"));
    let found = |at: &Path| at.one(Document::Value(input)).ok().filter(|found| !found.is_null()).cloned();
    let both = |at: &Path, media_type: &Expression| {
        let file = found(at).and_then(|file| file.as_str().map(str::to_owned));
        let file = file.ok_or_else(|| invalid(format!("`{}` names no file", at.text())))?;
        let media_type = media_type.eval(scope).map_err(|error| invalid(error.to_string()))?;
        Ok((file, request::header("content-type", &media_type).map_err(invalid)?))
    };
    let upload = call.request.upload.as_ref().map(|rule| {
        let (file, media_type) = both(&rule.file, &rule.media_type)?;
        Ok(Outgoing { file, media_type, part: rule.part.as_ref().and_then(found), opened: None })
    });
    let download = call.request.download.as_ref().map(|rule| {
        let (file, media_type) = both(&rule.file, &rule.media_type)?;
        Ok(Incoming { file, media_type, opened: None })
    });
    Ok((upload.transpose()?, download.transpose()?))
}

impl Connection {
    /// The folder of the project's files.
    pub(crate) fn files(&self) -> Result<Files, Failure> {
        let none = "the project has no folder of files; add `files: files` to ferry.yaml, which is a folder beside it";
        self.files.clone().ok_or_else(|| config(none))
    }

    /// One call with its files; what is downloaded is there once the last page of it is.
    pub(crate) async fn send_file(&self, pass: &dyn Pass, call: &Call, prepared: &Prepared) -> Result<Value, Failure> {
        if self.reads_only && prepared.download.is_some() {
            return Err(Failure::new(
                ErrorClass::Bug,
                format!("`{}` is only looked at, and this saves a file", self.name),
            ));
        }
        let prepared = self.with_its_files(call, prepared).await?;
        let opened = prepared.download.as_ref().and_then(|saved| Some((saved, saved.opened.clone()?)));
        let Some((rule, (saved, file))) = call.request.download.as_ref().zip(opened) else {
            let (_, output) = self.answer(pass, call, (&prepared, None)).await?;
            return output.map_err(Refusal::into_failure);
        };
        let mut seen = HashSet::new();
        let mut next: Option<String> = None;
        loop {
            let before = file.begun();
            let (answer, output) = self.answer(pass, call, (&prepared, next.as_deref())).await?;
            let output = output.map_err(Refusal::into_failure)?;
            if file.begun() == before {
                let message = format!("the answer is a success and no `{}`, so nothing was saved", saved.media_type);
                return Err(Failure::new(ErrorClass::Unknown, message));
            }
            file.takes_page();
            let here = next.as_deref().unwrap_or(&prepared.target);
            next = rule.next.as_ref().and_then(|rule| next_page(rule, here, &answer));
            let Some(next) = &next else {
                blocking(move || file.keep()).await?;
                return Ok(output);
            };
            if seen.len() == PAGES_MAX || !seen.insert(next.clone()) {
                return Err(Failure::new(ErrorClass::Bug, "the pages lead round in a circle"));
            }
        }
    }

    /// What a person sees of the file that a call would send, so that another one in its place is noticed.
    pub(crate) async fn sent_file(&self, call: &Call, prepared: &Prepared) -> Result<Option<Value>, Failure> {
        let parts = call.job.as_ref().and_then(|job| job.parts.as_ref());
        let of_parts = parts.and_then(|parts| parts.file.one(Document::Value(&prepared.input)).ok()?.as_str());
        let own = prepared.upload.as_ref().map(|upload| upload.file.as_str());
        let Some(file) = own.or(of_parts).map(str::to_owned) else { return Ok(None) };
        let files = self.files()?;
        blocking(move || files.about(&file)).await.map(Some)
    }

    /// The same call with its files open.
    async fn with_its_files(&self, call: &Call, prepared: &Prepared) -> Result<Prepared, Failure> {
        let (files, mut prepared) = (self.files()?, prepared.clone());
        let has_heads = call.request.download.as_ref().is_some_and(|download| download.has_heads);
        blocking(move || {
            if let Some(upload) = &mut prepared.upload {
                upload.opened = Some(files.sending(&upload.file, upload.part.as_ref())?.into());
            }
            if let Some(download) = &mut prepared.download {
                download.opened = Some(files.receiving(&download.file, has_heads)?.into());
            }
            Ok(prepared)
        })
        .await
    }
}

/// How many pages have begun to come into a file.
pub(crate) fn pages_of(prepared: &Prepared) -> u64 {
    let opened = prepared.download.as_ref().and_then(|download| download.opened.as_ref());
    opened.map_or(0, |file| file.begun())
}

/// An answer whose body has gone into a file, where one more page is there: rules see what the file is.
pub(crate) fn saved(prepared: &Prepared, before: u64, answer: Answer) -> Answer {
    let opened = prepared.download.as_ref().and_then(|download| download.opened.as_ref());
    match opened.filter(|file| file.begun() > before) {
        Some(file) => Answer { body: file.told(), ..answer },
        None => answer,
    }
}

/// Where the next page of a download is.
fn next_page(rule: &NextDownload, here: &str, answer: &Answer) -> Option<String> {
    let cursor = answer.headers.get(&rule.header)?.as_str().filter(|cursor| !cursor.is_empty())?;
    (rule.last.as_deref() != Some(cursor)).then(|| paginate::with(here, &rule.parameter, cursor))
}

/// What blocks its thread, in one of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::new(ErrorClass::Bug, format!("a thread for files ended: {error}"))))
}
