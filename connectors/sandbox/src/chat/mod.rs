//! Incoming webhooks of chat rooms: Slack, Microsoft Teams (a workflow that posts cards), and a plain one.
//!
//! Source: the vendors' pages on incoming webhooks. The path is the secret: whoever knows it may post. One message a second
//! is taken; the clock is the sandbox's.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock;
use crate::limits;
use crate::system::{Context, Simulated};
use crate::wire::{Answer, Request};

/// The path that a person copies from Slack. It opens nothing but this sandbox.
const SLACK: &str = "services/T0000/B0000/sandbox-hook";

/// The path that a person copies from a workflow of Teams.
const TEAMS: &str = "workflows/sandbox-flow/triggers/manual/paths/invoke";

/// The path of the plain webhook.
const PLAIN: &str = "hooks/sandbox-room";

/// What was posted, and when.
#[derive(Debug, Default)]
pub(crate) struct Chat {
    messages: Vec<Message>,
    refused: usize,
    last: Option<Timestamp>,
}

#[derive(Debug)]
struct Message {
    room: &'static str,
    text: String,
    at: Timestamp,
}

/// Whose webhook it is. Each refuses and answers in its own way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Room {
    Slack,
    Teams,
    Plain,
}

impl Room {
    fn of(path: &str) -> Option<Self> {
        match path {
            SLACK => Some(Self::Slack),
            TEAMS => Some(Self::Teams),
            PLAIN => Some(Self::Plain),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Plain => "plain",
        }
    }

    /// What a body says; of a card, the texts of its blocks.
    fn text(self, body: &Value) -> Option<String> {
        let text = match self {
            Self::Slack | Self::Plain => body["text"].as_str()?.to_owned(),
            Self::Teams => {
                let card = &body["attachments"][0];
                let is_card = card["contentType"] == "application/vnd.microsoft.card.adaptive";
                let blocks = card["content"]["body"].as_array().filter(|_| is_card && body["type"] == "message")?;
                let texts: Vec<&str> = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
                texts.join("\n")
            }
        };
        Some(text).filter(|text| !text.trim().is_empty())
    }

    fn taken(self) -> Answer {
        match self {
            Self::Slack => said(StatusCode::OK, "ok"),
            Self::Teams => Answer::file(StatusCode::ACCEPTED, "text/plain; charset=utf-8", String::new()),
            Self::Plain => Answer::no_content(),
        }
    }

    fn refused(self) -> Answer {
        match self {
            Self::Slack => said(StatusCode::BAD_REQUEST, "no_text"),
            Self::Teams => {
                let error = json!({ "code": "InvalidRequestContent", "message": "The card has no text." });
                Answer::json(StatusCode::BAD_REQUEST, json!({ "error": error }))
            }
            Self::Plain => Answer::json(StatusCode::BAD_REQUEST, json!({ "error": "text is required" })),
        }
    }
}

impl Simulated for Chat {
    fn answer(&mut self, request: &Request, cx: Context) -> Answer {
        let Some(room) = Room::of(&request.parts().join("/")) else {
            return said(StatusCode::NOT_FOUND, "no_service");
        };
        if request.method != "POST" {
            return said(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
        }
        if self.last.is_some_and(|last| clock::ms_between(last, cx.now) < limits::CHAT_EVERY_MS) {
            self.refused += 1;
            return self.throttled(limits::CHAT_EVERY_MS.div_ceil(1_000));
        }
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let Some(text) = room.text(&body) else { return room.refused() };
        self.last = Some(cx.now);
        self.messages.push(Message { room: room.name(), text, at: cx.now });
        room.taken()
    }

    fn throttled(&self, retry_after_s: u64) -> Answer {
        said(StatusCode::TOO_MANY_REQUESTS, "rate_limited").with("retry-after", retry_after_s.to_string())
    }

    fn server_error(&self) -> Answer {
        said(StatusCode::INTERNAL_SERVER_ERROR, "rollup_error")
    }

    fn credentials(&self, url: &str) -> Value {
        json!({ "url": url, "host": "hooks.slack.com", "hook": SLACK, "slack": SLACK, "teams": TEAMS, "plain": PLAIN })
    }

    fn ledger(&self) -> Value {
        let shown = |message: &Message| json!({ "room": message.room, "text": message.text, "at": message.at });
        json!({ "messages": self.messages.iter().map(shown).collect::<Vec<_>>(), "rate_limited": self.refused })
    }
}

fn said(status: StatusCode, text: &str) -> Answer {
    Answer::file(status, "text/plain; charset=utf-8", text.to_owned())
}
