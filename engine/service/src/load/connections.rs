//! Connections of a checked project, opened: with the values that their references stand for.

use std::{collections::BTreeMap, path::Path};

use ferry_connectors::{
    connection::{Connection, Settings, World, local_fields},
    files::Files,
};
use ferry_contract::{
    failure::{ErrorClass, Failure},
    port::Tls,
};
use ferry_core::project::{ConnectionText, Fallback, Project, TlsText};
use secrecy::{ExposeSecret as _, SecretString};

use super::CheckedProject;
use crate::{http::client_of, reference, sandbox::SandboxInfo};

/// Below a project, the files of its connections in a sandbox.
const TRIED: &str = ".ferry/sandbox";

/// Opens one connection of a checked project, whatever the others lack.
///
/// # Errors
/// A [`Failure`] of class `config` that names every secret and setting that is not there.
pub fn open_one(
    project: &CheckedProject,
    name: &str,
    world: &World,
    sandbox: Option<&SandboxInfo>,
) -> Result<Connection, Failure> {
    let config = |message: String| Failure::new(ErrorClass::Config, message);
    let checked = project.checked.project.as_ref();
    let checked = checked.filter(|checked| checked.connections.contains_key(name));
    let checked = checked.ok_or_else(|| config(format!("there is no connection `{name}`")))?;
    opened((project, checked), name, world, sandbox).map_err(|missing| config(missing.join("\n  ")))
}

/// A connection with all that `ferry.yaml` says of it, or what is wrong with it.
pub(super) fn opened(
    (project, checked): (&CheckedProject, &Project),
    name: &str,
    world: &World,
    sandbox: Option<&SandboxInfo>,
) -> Result<Connection, Vec<String>> {
    let mut settings = settings(checked, name, sandbox)?;
    let text = &checked.connections[name];
    if let (Some(sandbox), Some(manifest)) = (sandbox, project.library.manifests.get(&settings.connector)) {
        // What is not HTTP has an address of its own.
        let hosts = manifest.environments.values().flat_map(BTreeMap::keys);
        let own = hosts.filter_map(|host| Some((host.clone(), sandbox.field(&settings.connector, host)?.into())));
        settings.fields.extend(own.collect::<Vec<_>>());
        for field in local_fields(manifest) {
            let place = tried((project, checked), name, field);
            let place = place.map_err(|why| vec![format!("connection `{name}`: no place for its files: {why}")])?;
            settings.fields.insert(field.to_owned(), place.into());
        }
    }
    let fallback = if sandbox.is_some() { BTreeMap::new() } else { fallback(text, name)? };
    let opened = Connection::open(settings, &project.library, world.clone());
    let opened = opened.and_then(|opened| opened.with_fallback(fallback)).map_err(|failure| vec![failure.message])?;
    let tls = match (&text.tls, sandbox) {
        (Some(text), None) => Some(certificates(&project.folder, text, name)?),
        _ => None,
    };
    let files = files_of(project, checked).map_err(|wrong| vec![wrong])?;
    Ok(opened.with_concurrency(text.concurrency).with_tls(tls).with_files(files))
}

/// The folder of a project's files, where it has one.
pub(super) fn files_of(project: &CheckedProject, checked: &Project) -> Result<Option<Files>, String> {
    checked.files.as_ref().map(|files| folder_of_files(&project.folder, &files.value)).transpose()
}

/// Where the files of a connection are in a sandbox: in the project, because those that it names are real. Where it names the
/// folder that the project has for files, both still have one.
fn tried((project, checked): (&CheckedProject, &Project), name: &str, field: &str) -> Result<String, String> {
    let written = checked.connections[name].fields.get(field).map(|written| &written.value);
    match &checked.files {
        Some(files) if written == Some(&files.value) => {
            let place = reference::resolve(&files.value).map_err(|error| error.to_string())?;
            whole(&project.folder, place.expose_secret())
        }
        _ => whole(&project.folder, &format!("{TRIED}/{name}")),
    }
}

/// The whole path of a file or folder, from that of the project.
fn whole(project: &Path, written: &str) -> Result<String, String> {
    let path = std::path::absolute(project.join(written)).map_err(|error| error.to_string())?;
    path.into_os_string().into_string().map_err(|path| format!("{} is no text", path.display()))
}

/// The folder that `files` names, from that of the project.
fn folder_of_files(project: &Path, written: &str) -> Result<Files, String> {
    let folder = reference::resolve(written).map_err(|error| format!("`files` has no value: {error}"))?;
    Ok(Files::new(project.join(folder.expose_secret())))
}

/// The certificates of a connection, or all that is wrong with them.
fn certificates(folder: &Path, text: &TlsText, name: &str) -> Result<Tls, Vec<String>> {
    let mut wrong = Vec::new();
    let mut read = |key: &str, written: &str| {
        let found = reference::resolve(written).map_err(|error| error.to_string());
        let found = found.and_then(|value| pem(folder, &value));
        found.unwrap_or_else(|error| {
            wrong.push(format!("connection `{name}`: `tls.{key}` has no value: {error}"));
            String::new()
        })
    };
    let ca = text.ca.as_ref().map(|ca| read("ca", &ca.value));
    let identity = text.identity.as_ref().map(|(certificate, key)| {
        let (certificate, key) = (read("certificate", &certificate.value), read("key", &key.value));
        SecretString::from(format!("{certificate}\n{key}"))
    });
    let tls = Tls { ca, identity };
    if wrong.is_empty() {
        wrong.extend(client_of(&tls).err().map(|error| format!("connection `{name}`: `tls`: {error}")));
    }
    if wrong.is_empty() { Ok(tls) } else { Err(wrong) }
}

/// What is in PEM form itself, or a file of the project that is.
fn pem(folder: &Path, value: &SecretString) -> Result<String, String> {
    let value = value.expose_secret();
    if value.contains("-----BEGIN") {
        return Ok(value.to_owned());
    }
    let path = folder.join(value);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Further addresses by host, or all that is missing for them.
fn fallback(text: &ConnectionText, name: &str) -> Result<BTreeMap<String, Vec<String>>, Vec<String>> {
    let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
    for Fallback { host, urls } in &text.fallback {
        let urls = urls.iter().filter_map(|url| match reference::resolve(&url.value) {
            Ok(url) => Some(url.expose_secret().to_owned()),
            Err(error) => {
                missing.push(format!("connection `{name}`: `fallback.{}` has no value: {error}", host.value));
                None
            }
        });
        found.insert(host.value.clone(), urls.collect());
    }
    if missing.is_empty() { Ok(found) } else { Err(missing) }
}

/// A connection's settings, or all that is missing for it.
fn settings(project: &Project, name: &str, sandbox: Option<&SandboxInfo>) -> Result<Settings, Vec<String>> {
    let text = &project.connections[name];
    let mut missing = Vec::new();
    let mut value = |field: &str, written: &str| match sandbox {
        Some(sandbox) => sandbox.field(&text.connector.value, field).unwrap_or_else(|| "sandbox".to_owned()).into(),
        None => reference::resolve(written).unwrap_or_else(|error| {
            missing.push(format!("connection `{name}`: `{field}` has no value: {error}"));
            SecretString::default()
        }),
    };
    let fields = text.fields.iter().map(|(field, written)| (field.clone(), value(field, &written.value))).collect();
    let environment = value("environment", &text.environment.value);
    if !missing.is_empty() {
        return Err(missing);
    }
    Ok(Settings {
        name: name.to_owned(),
        connector: text.connector.value.clone(),
        environment: environment.expose_secret().to_owned(),
        profile: text.profile.as_ref().map(|profile| profile.value.clone()),
        sandbox: sandbox.map(|sandbox| sandbox.url.clone()),
        fields,
    })
}
