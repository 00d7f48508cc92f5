//! The page in which a person allows the client to act for him.
//!
//! Nobody logs in: whose page it is, the request says, or the system. With `consent=auto` the page is not shown, and the
//! answer is yes.

use axum::http::StatusCode;
use reqwest::Url;

use super::{Holder, Manner};
use crate::access::CLIENT_ID;
use crate::wire::{Answer, Request};

const HTML: &str = "text/html; charset=utf-8";

/// What a client asks a person for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Whose account.
    pub(super) holder: String,
    /// Where the browser goes next.
    pub(super) redirect_uri: String,
    /// What the client wants, such as `read write openid`.
    pub(super) scope: String,
    /// What only who has the verifier can prove. Source: RFC 7636.
    pub(super) challenge: Option<String>,
    state: Option<String>,
}

impl Asked {
    /// Reads the query of a request to authorize.
    ///
    /// # Errors
    /// A page where the client, its address or the person is not known; else the way back with an error.
    pub(super) fn read(request: &Request, manner: Manner, holder: Holder<'_>) -> Result<Self, Answer> {
        let parameter = |name: &str| request.parameter(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let wrong = |message: &str| Err(page_of_error(manner.title, message));
        if parameter("client_id").as_deref() != Some(CLIENT_ID) {
            return wrong("`client_id` is not that of the sandbox; see GET /_sandbox/seed");
        }
        let Some(redirect_uri) = parameter("redirect_uri").filter(|uri| Url::parse(uri).is_ok()) else {
            return wrong("`redirect_uri` must be an absolute address");
        };
        let asked = Self {
            holder: holder.id.to_owned(),
            redirect_uri,
            scope: parameter("scope").unwrap_or_else(|| manner.scope.to_owned()),
            challenge: parameter("code_challenge"),
            state: parameter("state"),
        };
        if parameter("response_type").as_deref() != Some("code") {
            return Err(asked.wrong("unsupported_response_type", "`response_type` must be `code`"));
        }
        if asked.challenge.is_some() && parameter("code_challenge_method").as_deref() != Some("S256") {
            return Err(asked.wrong("invalid_request", "`code_challenge_method` must be `S256`"));
        }
        if !holder.is_known {
            return wrong(&format!("there is no account `{}`", holder.id));
        }
        Ok(asked)
    }

    /// Sends the browser back to the client.
    pub(super) fn back(&self, said: &[(&str, &str)]) -> Answer {
        let mut url = Url::parse(&self.redirect_uri).expect("it was read as an address");
        url.query_pairs_mut().extend_pairs(said).extend_pairs(self.state.iter().map(|state| ("state", state)));
        Answer::redirect(url.into())
    }

    /// Shows what is asked for, and two buttons.
    pub(super) fn page(&self, title: &str) -> Answer {
        let body = format!(
            "<p>The application <b>{CLIENT_ID}</b> wants to act for the account <b>{}</b>: {}.</p>\n\
             <form method=\"post\"><button name=\"allow\" value=\"yes\">Allow</button> \
             <button name=\"deny\" value=\"yes\">Deny</button></form>\n",
            escaped(&self.holder),
            escaped(&self.scope),
        );
        Answer::file(StatusCode::OK, HTML, html(title, &body))
    }

    fn wrong(&self, error: &str, description: &str) -> Answer {
        self.back(&[("error", error), ("error_description", description)])
    }
}

/// Says to a person what is wrong, where no client can be told.
fn page_of_error(title: &str, message: &str) -> Answer {
    Answer::file(StatusCode::BAD_REQUEST, HTML, html(title, &format!("<p>{}</p>\n", escaped(message))))
}

fn html(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} sandbox</title></head>\n<body>\n\
         <h1>{title} sandbox</h1>\n{body}</body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
