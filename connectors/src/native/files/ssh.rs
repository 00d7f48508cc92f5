//! A session of SSH with one server, whose key is known before.

use std::sync::Arc;

use ferry_contract::failure::{ErrorClass, Failure};
use russh::{
    Preferred,
    client::{self, Handle},
    keys::{PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, decode_secret_key},
};
use russh_sftp::client::{RawSftpSession, SftpSession};

use crate::native::{Work, config, unavailable};

const PORT_DEFAULT: u16 = 22;

/// A session that is logged in.
pub(super) struct Session {
    pub(super) sftp: SftpSession,
    /// It ends when this goes.
    ssh: Handle<Pinned>,
}

/// Believes one key.
struct Pinned(PublicKey);

impl client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(match shown {
            // A comment is no part of a key.
            PublicKeyOrCertificate::PublicKey { key, .. } => key.key_data() == self.0.key_data(),
            PublicKeyOrCertificate::Certificate(_) => false,
        })
    }
}

impl Session {
    pub(super) async fn open(work: Work<'_>) -> Result<Self, Failure> {
        let mut ssh = connect(work).await?;
        log_in(work, &mut ssh).await?;
        let channel = channel(&ssh).await?;
        let sftp = SftpSession::new(channel.into_stream()).await;
        let sftp = sftp.map_err(|error| unavailable(format!("the server begins no SFTP: {error}")))?;
        sftp.set_timeout(work.timeout.as_secs());
        Ok(Self { sftp, ssh })
    }

    /// A second session beside it, for what the first one has no word for.
    pub(super) async fn raw(&self) -> Result<RawSftpSession, Failure> {
        Ok(RawSftpSession::new(channel(&self.ssh).await?.into_stream()))
    }
}

async fn connect(work: Work<'_>) -> Result<Handle<Pinned>, Failure> {
    let (host, key) = (work.needed_field("host")?, work.needed_field("host_key")?);
    let key = PublicKey::from_openssh(key.trim());
    let key = key.map_err(|error| config(format!("`host_key` is no public key of OpenSSH: {error}")))?;
    if key.algorithm().is_rsa() {
        return Err(config("`host_key` is a key of RSA; ask for the server's key of Ed25519 or ECDSA"));
    }
    let port = match work.field("port") {
        Some(port) => port.parse().map_err(|_| config(format!("`port` is a number, and not `{port}`")))?,
        None => PORT_DEFAULT,
    };
    // A server with several keys shows the one that is known.
    let preferred = Preferred { key: vec![key.algorithm()].into(), ..Preferred::default() };
    let settings = client::Config { preferred, ..client::Config::default() };
    let connected = client::connect(Arc::new(settings), (host, port), Pinned(key)).await;
    connected.map_err(|error| match error {
        russh::Error::UnknownKey => config("the server shows another key than `host_key`, so it may be another server"),
        russh::Error::NoCommonAlgo { .. } => config(format!("the server has no key like `host_key`: {error}")),
        error => unavailable(format!("the SFTP server cannot be reached: {error}")),
    })
}

async fn log_in(work: Work<'_>, ssh: &mut Handle<Pinned>) -> Result<(), Failure> {
    let user = work.needed_field("user")?;
    let lost = |error: russh::Error| unavailable(format!("the login got no answer: {error}"));
    let answer = match (work.field("private_key"), work.field("password")) {
        (Some(key), _) => {
            let key = decode_secret_key(key, work.field("passphrase"));
            let key = key.map_err(|error| config(format!("`private_key` cannot be read: {error}")))?;
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
            ssh.authenticate_publickey(user, key).await.map_err(lost)?
        }
        (None, Some(password)) => ssh.authenticate_password(user, password).await.map_err(lost)?,
        (None, None) => return Err(config("neither `private_key` nor `password` has a value")),
    };
    if answer.success() {
        return Ok(());
    }
    Err(Failure::new(ErrorClass::Auth, format!("the SFTP server does not take the login of `{user}`")))
}

async fn channel(ssh: &Handle<Pinned>) -> Result<russh::Channel<client::Msg>, Failure> {
    let lost = |error: russh::Error| unavailable(format!("the server begins no SFTP: {error}"));
    let channel = ssh.channel_open_session().await.map_err(lost)?;
    channel.request_subsystem(true, "sftp").await.map_err(lost)?;
    Ok(channel)
}
