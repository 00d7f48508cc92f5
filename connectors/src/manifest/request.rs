//! The `request` of an action.

use ferry_contract::{
    expression::Expression,
    path::Path,
    template::Template,
    yaml::{
        Node,
        read::{Fields, map, one_of},
    },
};

use super::{Accept, BodyEncoding, Request, read::Reader};
use crate::native;

/// A file of the project as the body of a request.
#[derive(Debug)]
pub struct Upload {
    /// Where the input names it.
    pub file: Path,
    /// Where the input says which ranges of it, where not the whole.
    pub part: Option<Path>,
    /// What it holds, such as `text/csv`.
    pub media_type: Expression,
}

/// A file of the project that the body of a success goes into.
#[derive(Debug)]
pub struct Download {
    /// Where the input names it.
    pub file: Path,
    /// What it holds, such as `text/csv`; an answer of another type is none of it.
    pub media_type: Expression,
    /// Whether each page begins with the line that the first one begins with.
    pub has_heads: bool,
    /// How an answer says where the next page is.
    pub next: Option<NextDownload>,
}

/// A header that has a cursor to the next page.
#[derive(Debug)]
pub struct NextDownload {
    /// Its name in lower case; it is absent on the last page.
    pub header: String,
    /// The parameter of the query that takes it.
    pub parameter: String,
    /// What it says on the last page, where it is there.
    pub last: Option<String>,
}

/// What the rules of a request may use.
pub(super) const REQUEST_NAMES: [&str; 2] = ["input", "connection"];

/// Headers that an action does not write itself, and what it writes instead.
pub(crate) const OWN_HEADERS: [(&str, &str); 5] = [
    ("authorization", "say who we are with `auth`"),
    ("content-type", "say how the body is written with `encoding`"),
    ("accept", "say how the answer is written with `accept`"),
    ("content-length", "remove it"),
    ("host", "name a host of `environments` with `host`"),
];

impl Request {
    /// One of which only the host counts.
    pub(super) fn without(host: String, method: &str) -> Option<Self> {
        Some(Self {
            host,
            native: None,
            method: method.to_owned(),
            lets: Vec::new(),
            path: Template::parse("").ok()?,
            query: Vec::new(),
            query_of: None,
            headers: Vec::new(),
            headers_of: None,
            body: None,
            encoding: BodyEncoding::Json,
            accept: Accept::Json,
            upload: None,
            download: None,
        })
    }
}

impl Reader<'_> {
    pub(super) fn request(&mut self, node: &Node) -> Option<Request> {
        let keys = [
            "host", "native", "method", "let", "path", "query", "headers", "encoding", "accept", "body", "upload",
            "download",
        ];
        let fields = Fields::open(node, "a request", &keys, self.report)?;
        if let Some(native) = fields.get("native") {
            return self.native(fields, native);
        }
        let is_map = |node: &&Node| node.text().is_none();
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"].map(|method| (method, method));
        let method = one_of(fields.need("method", "GET", self.report)?, "an HTTP method", &methods, self.report)?;
        let path = fields.need("path", "/things/{$.id}", self.report)?;
        if let (Some(_), Some(node)) = (fields.get("body"), fields.get("upload")) {
            let message = "a file is sent in the place of a body, and there is one";
            self.report.error("misplaced-key", node.at, message, "remove `body`, or `upload`");
        }
        if let (Some(_), Some(node)) = (fields.get("accept"), fields.get("download")) {
            let message = "the file's `media_type` says what is accepted";
            self.report.error("misplaced-key", node.at, message, "remove `accept`");
        }
        Some(Request {
            upload: match fields.get("upload") {
                Some(node) => Some(self.upload(node)?),
                None => None,
            },
            download: match fields.get("download") {
                Some(node) => Some(self.download(node)?),
                None => None,
            },
            host: self.needed_text(fields, "host", "api")?,
            native: None,
            method: method.to_owned(),
            lets: fields.get("let").map_or_else(Vec::new, |node| self.expressions(node)),
            path: self.compiler(&[]).path_template(path)?,
            query: fields.get("query").filter(is_map).map_or_else(Vec::new, |node| self.expressions(node)),
            query_of: fields.get("query").and_then(|node| self.whole(node)),
            headers: fields.get("headers").filter(is_map).map_or_else(Vec::new, |node| self.headers(node)),
            headers_of: fields.get("headers").and_then(|node| self.whole(node)),
            body: match fields.get("body") {
                Some(node) => Some(self.compiler(&REQUEST_NAMES).expression(node)?),
                None => None,
            },
            encoding: match fields.get("encoding") {
                Some(node) => {
                    let words = [("json", BodyEncoding::Json), ("form", BodyEncoding::Form)];
                    one_of(node, "an encoding of a body", &words, self.report)?
                }
                None => BodyEncoding::Json,
            },
            accept: match fields.get("accept") {
                Some(node) => {
                    let words = [("json", Accept::Json), ("xml", Accept::Xml), ("text", Accept::Text)];
                    one_of(node, "a kind of answer", &words, self.report)?
                }
                None => Accept::Json,
            },
        })
    }

    /// A request that is none of HTTP.
    fn native(&mut self, fields: Fields<'_>, node: &Node) -> Option<Request> {
        for key in ["method", "let", "path", "query", "headers", "encoding", "accept", "body", "upload", "download"] {
            if let Some(node) = fields.get(key) {
                let message = format!("`{key}` is of HTTP, and `native` takes the whole input of the action");
                self.report.error("misplaced-key", node.at, message, format!("remove `{key}`"));
            }
        }
        let known: Vec<_> = native::names().into_iter().map(|name| (name, name)).collect();
        let name = one_of(node, "a native", &known, self.report)?;
        let host = self.needed_text(fields, "host", "database")?;
        Some(Request { native: native::named(name), ..Request::without(host, name)? })
    }

    /// A file that is sent.
    fn upload(&mut self, node: &Node) -> Option<Upload> {
        let fields = Fields::open(node, "`upload`", &["file", "part", "media_type"], self.report)?;
        let file = fields.need("file", "$.file", self.report).and_then(|node| self.path(node));
        let part = fields.get("part").and_then(|node| self.path(node));
        let media_type = fields.need("media_type", "text/csv", self.report);
        let media_type = media_type.and_then(|node| self.compiler(&REQUEST_NAMES).expression(node));
        Some(Upload { file: file?, part, media_type: media_type? })
    }

    /// A file that an answer goes into.
    fn download(&mut self, node: &Node) -> Option<Download> {
        let fields = Fields::open(node, "`download`", &["file", "media_type", "heads", "next"], self.report)?;
        let file = fields.need("file", "$.file", self.report).and_then(|node| self.path(node));
        let media_type = fields.need("media_type", "application/pdf", self.report);
        let media_type = media_type.and_then(|node| self.compiler(&REQUEST_NAMES).expression(node));
        let next = match fields.get("next") {
            Some(node) => Some(self.next_download(node)?),
            None => None,
        };
        Some(Download { file: file?, media_type: media_type?, has_heads: self.flag(fields, "heads"), next })
    }

    fn next_download(&mut self, node: &Node) -> Option<NextDownload> {
        let fields = Fields::open(node, "`next` of a download", &["header", "parameter", "last"], self.report)?;
        let header = self.needed_text(fields, "header", "x-next-cursor")?.to_lowercase();
        let parameter = self.needed_text(fields, "parameter", "cursor")?;
        Some(NextDownload { header, parameter, last: self.text_of(fields, "last") })
    }

    /// Headers of an action; those that the runtime itself sends are refused.
    fn headers(&mut self, node: &Node) -> Vec<(String, Expression)> {
        for (name, _) in node.entries().unwrap_or_default() {
            let known = name.value.to_lowercase();
            if let Some((_, instead)) = OWN_HEADERS.iter().find(|(own, _)| *own == known) {
                let message = format!("`{}` is written by ferry itself", name.value);
                self.report.error("misplaced-key", name.at, message, *instead);
            }
        }
        let all = self.expressions(node).into_iter();
        all.map(|(name, by)| (name.to_lowercase(), by)).collect()
    }

    /// A place of the input that has all of them, in the place of a map of some.
    fn whole(&mut self, node: &Node) -> Option<Path> {
        node.text()?;
        self.path(node)
    }

    fn expressions(&mut self, node: &Node) -> Vec<(String, Expression)> {
        let entries = map(node, "this", self.report).unwrap_or_default();
        let mut out = Vec::new();
        for (name, node) in entries {
            let value = self.compiler(&REQUEST_NAMES).expression(node);
            out.extend(value.map(|value| (name.value.clone(), value)));
        }
        out
    }
}
