//! Mail. Source: RFC 5321 for what the answers mean, RFC 3207 for STARTTLS, RFC 8314 for TLS from the first byte on.
//!
//! Until the last line of a mail has gone nothing has been sent, whatever happens. From then on the server may have taken
//! it, and only its answer says so.

use std::time::{Duration, SystemTime};

use ferry_contract::{
    failure::{ErrorClass, Failure},
    key::Digest,
    port::Boxed,
};
use lettre::{
    Message,
    message::{Mailbox, MultiPart, SinglePart},
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use serde_json::{Value, json};

use super::{Native, Work, config, departure::Departure, invalid, tls};

/// Where a server takes mail for others: encrypted from the first byte on, or by STARTTLS. Source: RFC 8314, RFC 6409.
const PORT_TLS: u16 = 465;
const PORT_SUBMISSION: u16 = 587;
/// How long a server may take to say goodbye.
const GOODBYE_MAX: Duration = Duration::from_secs(2);
/// A login that is refused. Source: RFC 4954, section 6.
const CODES_OF_LOGIN: [u16; 4] = [530, 534, 535, 538];

/// Sends one mail.
#[derive(Debug)]
pub(super) struct Send;

impl Native for Send {
    fn name(&self) -> &'static str {
        "smtp_send"
    }

    fn call<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let id = message_id(work)?;
            let mail = mail(work, &id)?;
            let departure = Departure::new(work.gate);
            let answer = departure.within(work.timeout, sent(work, &mail, &departure)).await?;
            Ok(json!({ "message_id": id, "answer": answer }))
        })
    }
}

/// Looks whether a server takes a login.
#[derive(Debug)]
pub(super) struct Check;

impl Native for Check {
    fn name(&self) -> &'static str {
        "smtp_check"
    }

    fn call<'a>(&'a self, work: Work<'a>) -> Boxed<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let departure = Departure::new(work.gate);
            let connection = departure.within(work.timeout, open(work, &departure)).await?;
            leave(connection);
            Ok(json!({}))
        })
    }
}

async fn sent(work: Work<'_>, mail: &Message, departure: &Departure) -> Result<String, Failure> {
    let told = |error: Error| failure(&error, departure);
    let mut server = open(work, departure).await?;
    let envelope = mail.envelope();
    server.command(Mail::new(envelope.from().cloned(), Vec::new())).await.map_err(told)?;
    // One that is refused refuses the mail: nobody gets it, so that nobody gets it twice.
    for recipient in envelope.to() {
        server.command(Rcpt::new(recipient.clone(), Vec::new())).await.map_err(told)?;
    }
    server.command(Data).await.map_err(told)?;
    let bytes = mail.formatted();
    departure.leave()?;
    let answer = server.message(&bytes).await.map_err(told)?;
    leave(server);
    Ok(answer.message().collect::<Vec<_>>().join(" "))
}

/// A session that is encrypted and logged in, where the connection says so.
async fn open(work: Work<'_>, departure: &Departure) -> Result<AsyncSmtpConnection, Failure> {
    let told = |error: Error| failure(&error, departure);
    let host = work.needed_field("host")?;
    let mode = work.field("tls").unwrap_or("starttls");
    let port = match (work.field("port"), mode) {
        (Some(port), _) => port.parse().map_err(|_| config(format!("`port` is a number, and not `{port}`")))?,
        (None, "tls") => PORT_TLS,
        (None, _) => PORT_SUBMISSION,
    };
    let hello = ClientId::Domain(domain(work.needed_field("from")?).to_owned());
    let connect = |tls| AsyncSmtpConnection::connect_tokio1((host, port), Some(work.timeout), &hello, tls, None);
    let mut server = match mode {
        "tls" => connect(Some(encryption(work, host)?)).await.map_err(told)?,
        "starttls" => {
            let mut server = connect(None).await.map_err(told)?;
            if !server.can_starttls() {
                return Err(config(
                    "the server does not encrypt with STARTTLS; write `tls: tls` where it does from the first byte on",
                ));
            }
            server.starttls(encryption(work, host)?, &hello).await.map_err(told)?;
            server
        }
        "off" => {
            tls::check_plain(host)?;
            connect(None).await.map_err(told)?
        }
        other => return Err(config(format!("`tls` is `starttls`, `tls` or `off`, and not `{other}`"))),
    };
    if let (Some(user), Some(password)) = (work.field("user"), work.field("password")) {
        let credentials = Credentials::new(user.to_owned(), password.to_owned());
        server.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(told)?;
    }
    Ok(server)
}

fn encryption(work: Work<'_>, host: &str) -> Result<TlsParameters, Failure> {
    let wrong = |error: Error| config(format!("TLS cannot be set up: {error}"));
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(ca) = work.field("ca") {
        parameters = parameters.certificate_store(CertificateStore::None);
        parameters = parameters.add_root_certificate(Certificate::from_pem(ca.as_bytes()).map_err(wrong)?);
    }
    parameters.build().map_err(wrong)
}

/// Says goodbye, and waits for nothing: what was sent is sent.
fn leave(mut server: AsyncSmtpConnection) {
    tokio::spawn(async move { tokio::time::timeout(GOODBYE_MAX, server.quit()).await.is_ok() });
}

fn mail(work: Work<'_>, id: &str) -> Result<Message, Failure> {
    let wrong = |error: &dyn std::fmt::Display| invalid(format!("the mail cannot be written: {error}"));
    let sender = Some(work.text("sender")).filter(|from| !from.is_empty());
    let sender = sender.map_or_else(|| work.needed_field("from"), Ok)?;
    let date = SystemTime::from(work.connection.world.clock.now());
    let mut mail = Message::builder().from(mailbox(sender)?).date(date).message_id(Some(id.to_owned()));
    mail = mail.subject(work.text("subject"));
    for (name, add) in [
        ("to", lettre::message::MessageBuilder::to as fn(_, _) -> _),
        ("cc", lettre::message::MessageBuilder::cc),
        ("bcc", lettre::message::MessageBuilder::bcc),
        ("reply_to", lettre::message::MessageBuilder::reply_to),
    ] {
        for address in addresses(work.input, name) {
            mail = add(mail, mailbox(address)?);
        }
    }
    let text = SinglePart::plain(work.text("text").to_owned());
    let made = match work.text("html") {
        "" => mail.singlepart(text),
        html => mail.multipart(MultiPart::alternative().singlepart(text).singlepart(SinglePart::html(html.to_owned()))),
    };
    made.map_err(|error| wrong(&error))
}

fn addresses<'a>(input: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    let list = input.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str)
}

fn mailbox(text: &str) -> Result<Mailbox, Failure> {
    let wrong = || invalid(format!("`{text}` is no address of mail, such as `finance@acme.com`"));
    let mailbox: Mailbox = text.parse().map_err(|_| wrong())?;
    if mailbox.email.to_string().is_ascii() { Ok(mailbox) } else { Err(wrong()) }
}

/// The same for a repeat of the same call, so that whoever gets both can tell.
fn message_id(work: Work<'_>) -> Result<String, Failure> {
    let once = || format!("{} {}", work.connection.world.clock.now(), Digest::of_value(work.input));
    let call = work.key.map_or_else(once, str::to_owned);
    Ok(format!("<{}@{}>", Digest::of(call).as_str(), domain(work.needed_field("from")?)))
}

fn domain(address: &str) -> &str {
    address.rsplit('@').next().unwrap_or_default().trim_end_matches('>')
}

/// A server that answers with an error has taken nothing.
fn failure(error: &Error, departure: &Departure) -> Failure {
    let message = format!("the mail server: {}", whole(error));
    let Some(code) = error.status().map(u16::from) else { return departure.lost(message) };
    let class = match code {
        _ if CODES_OF_LOGIN.contains(&code) => ErrorClass::Auth,
        400..500 => ErrorClass::Unavailable,
        _ => ErrorClass::Rejected,
    };
    Failure { code: Some(code.to_string()), ..Failure::new(class, message) }
}

/// An error with its causes, which it does not print itself.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
