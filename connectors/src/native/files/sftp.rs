//! A call on a folder of an SFTP server. Source: draft-ietf-secsh-filexfer-02, and PROTOCOL of OpenSSH for its extensions.
//!
//! Links on a server lead where they like, so the server is asked where a path really is before anything is done there.

use std::{
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use ferry_contract::failure::{ErrorClass, Failure};
use jiff::Timestamp;
use russh_sftp::{
    client::{RawSftpSession, error::Error},
    protocol::{FileAttributes, OpenFlags, StatusCode},
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Listed, Verb, Work, inside, listed, missing, parts, read, ssh::Session, written};
use crate::{
    limits::{FILE_MAX_BYTES, FILES_MAX},
    native::{config, departure::Departure, rejected},
};

/// Puts a file in the place of another one, which a rename of version 3 does not do.
const POSIX_RENAME: &str = "posix-rename@openssh.com";
/// Numbers the files that this process writes, so that two of them never meet.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Makes the exchange.
pub(super) async fn run(work: Work<'_>, verb: Verb, departure: &Departure) -> Result<Value, Failure> {
    let folder = Folder::open(work, departure).await?;
    let (path, input) = (work.text("path"), work.input);
    match verb {
        Verb::ReadCsv | Verb::ReadJsonLines | Verb::ReadCamt => read(verb, input, &folder.read(path).await?),
        Verb::WriteCsv | Verb::WriteJsonLines => {
            let bytes = written(verb, input)?;
            folder.write(path, &bytes).await?;
            Ok(json!({ "path": path, "bytes": bytes.len() }))
        }
        Verb::List => listed(input, folder.list(work.text("folder")).await?),
        Verb::Move => {
            folder.rename(path, work.text("to")).await?;
            Ok(json!({ "path": work.text("to") }))
        }
    }
}

/// An open folder.
struct Folder<'a> {
    session: Session,
    /// Where it really is, without a slash at its end.
    root: String,
    departure: &'a Departure,
}

impl<'a> Folder<'a> {
    async fn open(work: Work<'_>, departure: &'a Departure) -> Result<Self, Failure> {
        let path = work.needed_field("folder")?;
        if !path.starts_with('/') {
            return Err(config(format!("`folder` is a whole path, from `/` on, and not `{path}`")));
        }
        let session = Session::open(work).await?;
        let none = |error: Error| match refused(&error) {
            Some(StatusCode::NoSuchFile | StatusCode::PermissionDenied | StatusCode::Failure) => {
                config(format!("the folder `{path}` cannot be opened: {error}"))
            }
            Some(_) | None => departure.lost(format!("the SFTP server: {error}")),
        };
        let root = session.sftp.canonicalize(path).await.map_err(none)?;
        if !session.sftp.metadata(&root).await.map_err(none)?.is_dir() {
            return Err(config(format!("`{path}` is no folder")));
        }
        Ok(Self { session, root: root.trim_end_matches('/').to_owned(), departure })
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let failed = |error: Error| self.failed(path, &error);
        let (folder, name) = parts(inside(path)?);
        let place = format!("{}/{name}", self.below(folder).await?);
        // The last name may be a link, too.
        let place = self.real(&place).await.map_err(failed)?.ok_or_else(|| outside(path))?;
        if !self.session.sftp.metadata(&place).await.map_err(failed)?.is_regular() {
            return Err(rejected(format!("`{path}` is no file")));
        }
        let file = self.session.sftp.open(&place).await.map_err(failed)?;
        let mut bytes = Vec::new();
        let ended = file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).await;
        ended.map_err(|error| self.departure.lost(format!("`{path}` was not read to its end: {error}")))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_MAX_BYTES) {
            return Err(rejected(format!("`{path}` has more than {FILE_MAX_BYTES} bytes")));
        }
        Ok(bytes)
    }

    /// A whole file in the place of the one that may be there.
    async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let (folder, name) = parts(inside(path)?);
        let folder = self.below(folder).await?;
        let own = format!("{folder}/.{name}.{}-{}.part", process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed));
        let put = self.write_new(&own, bytes).await.map_err(|error| self.failed(path, &error));
        let moved = match put.and_then(|()| self.departure.leave()) {
            Ok(()) => self.replace(&own, &format!("{folder}/{name}"), path).await,
            Err(failure) => Err(failure),
        };
        if moved.is_err() {
            let _ = self.session.sftp.remove_file(&own).await;
        }
        moved
    }

    async fn write_new(&self, place: &str, bytes: &[u8]) -> Result<(), Error> {
        let flags = OpenFlags::CREATE | OpenFlags::EXCLUDE | OpenFlags::WRITE;
        let mut file = self.session.sftp.open_with_flags(place, flags).await?;
        file.write_all(bytes).await?;
        file.flush().await?;
        file.sync_all().await?;
        Ok(file.shutdown().await?)
    }

    /// Where a server cannot replace a file, only a new name is taken: to remove the old one first would leave none.
    async fn replace(&self, own: &str, place: &str, path: &str) -> Result<(), Failure> {
        let failed = |error: Error| self.failed(path, &error);
        let raw: RawSftpSession = self.session.raw().await?;
        let known = raw.init().await.map_err(failed)?;
        if known.extensions.contains_key(POSIX_RENAME) {
            let text = |text: &str| {
                [u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes().as_slice(), text.as_bytes()].concat()
            };
            let answer = raw.extended(POSIX_RENAME, [text(own), text(place)].concat()).await.map_err(failed)?;
            return match answer {
                russh_sftp::protocol::Packet::Status(status) if status.status_code == StatusCode::Ok => Ok(()),
                russh_sftp::protocol::Packet::Status(status) => Err(failed(Error::Status(status))),
                _ => Err(self.departure.lost("the SFTP server answers something else".to_owned())),
            };
        }
        let moved = self.session.sftp.rename(own, place).await;
        if moved.is_err() && self.session.sftp.symlink_metadata(place).await.is_ok() {
            let message = format!("`{path}` is there already, and this server cannot replace a file at once");
            return Err(Failure::new(ErrorClass::Conflict, message));
        }
        moved.map_err(failed)
    }

    /// Another name for a file, where no other file has it. A file that has it already was given it before.
    async fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        let ((source, old), (target, new)) = (parts(inside(from)?), parts(inside(to)?));
        let (source, target) = (self.below(source).await?, self.below(target).await?);
        let (source, target) = (format!("{source}/{old}"), format!("{target}/{new}"));
        match (self.is_there(&source).await?, self.is_there(&target).await?) {
            (false, true) => return Ok(()),
            (false, false) => return Err(missing(from)),
            (true, true) => return Err(Failure::new(ErrorClass::Conflict, format!("`{to}` is there already"))),
            (true, false) => {}
        }
        self.departure.leave()?;
        self.session.sftp.rename(source, target).await.map_err(|error| self.failed(from, &error))
    }

    async fn is_there(&self, place: &str) -> Result<bool, Failure> {
        match self.session.sftp.symlink_metadata(place).await {
            Ok(_) => Ok(true),
            Err(error) if refused(&error) == Some(StatusCode::NoSuchFile) => Ok(false),
            Err(error) => Err(self.failed(place, &error)),
        }
    }

    async fn list(&self, folder: &str) -> Result<Vec<Listed>, Failure> {
        let place = self.below(folder.trim_end_matches('/')).await?;
        let entries = self.session.sftp.read_dir(&place).await.map_err(|error| self.failed(folder, &error))?;
        let file = |(name, about): (String, FileAttributes)| {
            let modified = about.mtime.and_then(|seconds| Timestamp::from_second(i64::from(seconds)).ok());
            let modified = modified.unwrap_or(Timestamp::UNIX_EPOCH);
            about.is_regular().then(|| Listed { name, bytes: about.size.unwrap_or(0), modified })
        };
        Ok(entries.map(|entry| (entry.file_name(), entry.metadata())).filter_map(file).take(FILES_MAX + 1).collect())
    }

    /// Where a folder below really is.
    async fn below(&self, folder: &str) -> Result<String, Failure> {
        if folder.is_empty() {
            return Ok(self.root.clone());
        }
        let real = self.real(&format!("{}/{}", self.root, inside(folder)?)).await;
        let none = |error: Error| match refused(&error) {
            Some(_) => config(format!("the folder `{folder}` cannot be opened: {error}")),
            None => self.failed(folder, &error),
        };
        let place = real.map_err(none)?.ok_or_else(|| outside(folder))?;
        let about = self.session.sftp.metadata(&place).await.map_err(none)?;
        if about.is_dir() { Ok(place) } else { Err(config(format!("`{folder}` is no folder"))) }
    }

    /// Where a path really is; nothing where that is outside.
    async fn real(&self, place: &str) -> Result<Option<String>, Error> {
        let real = self.session.sftp.canonicalize(place).await?;
        let is_inside = real.strip_prefix(&self.root).is_some_and(|rest| rest.starts_with('/'));
        Ok(Some(real).filter(|_| is_inside))
    }

    /// A server that answers with an error has done nothing; where it answers nothing, it may have.
    fn failed(&self, path: &str, error: &Error) -> Failure {
        match refused(error) {
            Some(StatusCode::NoSuchFile) => missing(path),
            Some(StatusCode::PermissionDenied) => config(format!("`{path}` may not be read or written: {error}")),
            Some(StatusCode::NoConnection | StatusCode::ConnectionLost) | None => {
                self.departure.lost(format!("the SFTP server, at `{path}`: {error}"))
            }
            Some(_) => rejected(format!("`{path}`: {error}")),
        }
    }
}

fn refused(error: &Error) -> Option<StatusCode> {
    if let Error::Status(status) = error { Some(status.status_code) } else { None }
}

fn outside(path: &str) -> Failure {
    rejected(format!("`{path}` leads out of the folder"))
}
