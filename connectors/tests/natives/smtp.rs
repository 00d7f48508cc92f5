//! Mail as a pipeline sees it, against a server that keeps what it gets, and misbehaves when it is asked to.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use ferry_contract::failure::ErrorClass;
use serde_json::{Value, json};

use crate::system::System;

/// What `user` and `password` are in AUTH PLAIN.
const LOGIN: &str = "AUTH PLAIN AGFubgBodXNo";

/// A server on this machine; what it took.
struct Server {
    port: u16,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, mails) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&mails);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(&stream, &kept));
            }
        });
        Self { port, mails }
    }

    fn system(&self, more: &[(&str, &str)]) -> System {
        let port = self.port.to_string();
        let own = [("host", "127.0.0.1"), ("port", &port), ("tls", "off"), ("from", "Finance <finance@acme.com>")];
        System::new("smtp", "server", &own.iter().chain(more).copied().collect::<Vec<_>>())
    }
}

/// One session; a name in an address, or the subject, says what goes wrong.
fn serve(stream: &TcpStream, mails: &Mutex<Vec<String>>) -> Option<()> {
    let (mut lines, mut out) = (BufReader::new(stream).lines(), stream);
    let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes()).ok();
    say("220 here")?;
    loop {
        let line = lines.next()?.ok()?;
        let answer = match line.split([' ', ':']).next()? {
            "EHLO" => "250-here\r\n250 AUTH PLAIN",
            "AUTH" if line == LOGIN => "235 welcome",
            "AUTH" => "535 who are you",
            "RCPT" if line.contains("<later@") => "450 later",
            "RCPT" if line.contains("<nobody@") => "550 no such user",
            "MAIL" | "RCPT" | "RSET" => "250 ok",
            "DATA" => {
                say("354 go on")?;
                let text = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".");
                let mail: Vec<String> = text.collect();
                let is_about = |word: &str| mail.iter().any(|line| line == &format!("Subject: {word}"));
                if is_about("refused") {
                    "554 not this"
                } else {
                    mails.lock().unwrap().push(mail.join("\n"));
                    if is_about("lost") {
                        return None;
                    }
                    "250 queued as 7"
                }
            }
            "QUIT" => {
                say("221 bye")?;
                return None;
            }
            _ => "500 what",
        };
        say(answer)?;
    }
}

fn mail(to: &str, subject: &str) -> Value {
    json!({ "to": [to], "subject": subject, "text": "It is on its way.\n.\nTo Łódź." })
}

#[tokio::test]
async fn a_mail_arrives_as_it_is_written() {
    let server = Server::start();
    let system = server.system(&[("user", "ann"), ("password", "hush")]);
    let mut written = mail("Ana Silva <ana@example.com>", "Für Sie");
    written["cc"] = json!(["books@acme.com"]);
    written["bcc"] = json!(["audit@acme.com"]);
    written["html"] = json!("<p>It is on its way.</p>");
    let sent = system.call("send", written).await.unwrap();
    assert_eq!(sent["answer"], "queued as 7");
    let mails = server.mails.lock().unwrap().clone();
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    for line in [
        "From: Finance <finance@acme.com>",
        "To: \"Ana Silva\" <ana@example.com>",
        "Cc: books@acme.com",
        "Date: Thu, 01 Jan 1970 00:00:00 +0000",
        "Subject: =?utf-8?b?RsO8cg==?= Sie",
    ] {
        assert!(mail.contains(&format!("{line}\n")), "{line}: {mail}");
    }
    assert!(mail.contains(&format!("Message-ID: {}\n", sent["message_id"].as_str().unwrap())), "{mail}");
    assert!(mail.contains("multipart/alternative") && !mail.contains("audit@acme.com"), "{mail}");
    assert_eq!(system.said("check", json!({})).await, "{}");
}

#[tokio::test]
async fn what_is_known_of_a_mail_depends_on_its_last_line() {
    let server = Server::start();
    let system = server.system(&[]);
    for (to, subject, expected, sent) in [
        ("later@x.example", "a", ErrorClass::Unavailable, 0),
        ("nobody@x.example", "a", ErrorClass::Rejected, 0),
        ("ana@x.example", "refused", ErrorClass::Rejected, 0),
        ("no address", "a", ErrorClass::Invalid, 0),
        ("ana@x.example", "lost", ErrorClass::Unknown, 1),
    ] {
        let failure = system.call("send", mail(to, subject)).await.unwrap_err();
        assert_eq!((failure.class, server.mails.lock().unwrap().len()), (expected, sent), "{to} {subject}: {failure}");
    }
    let one_of_two = json!({ "to": ["ana@x.example", "nobody@x.example"], "subject": "a", "text": "b" });
    assert_eq!(system.call("send", one_of_two).await.unwrap_err().class, ErrorClass::Rejected);
    system.close();
    assert!(system.call("send", mail("ana@x.example", "a")).await.unwrap_err().is_untried);
    assert_eq!(server.mails.lock().unwrap().len(), 1, "nobody got another one");
}

#[tokio::test]
async fn a_session_is_encrypted_and_logged_in() {
    let server = Server::start();
    let said = async |more: &[(&str, &str)]| server.system(more).said("check", json!({})).await;
    let wrong = said(&[("user", "ann"), ("password", "wrong")]).await;
    assert!(wrong.starts_with("auth: ") && !wrong.contains("wrong"), "{wrong}");
    let open = said(&[("tls", "starttls")]).await;
    assert!(open.starts_with("config: the server does not encrypt with STARTTLS"), "{open}");
    let plain = said(&[("host", "mail.acme.com")]).await;
    assert_eq!(
        plain,
        "config: `tls: off` is for this machine only, and `mail.acme.com` is another one; leave `tls` out"
    );
    let other = said(&[("tls", "ssl")]).await;
    assert_eq!(other, "config: `tls` is `starttls`, `tls` or `off`, and not `ssl`");
    let nobody = said(&[("port", "1")]).await;
    assert!(nobody.starts_with("unavailable: "), "{nobody}");
}
