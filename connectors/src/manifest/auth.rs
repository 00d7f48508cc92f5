//! `auth`: the ways in which calls say who we are.

use std::collections::{BTreeMap, BTreeSet};

use ferry_contract::{
    catalog::ConnectionField,
    path::Path,
    template::Template,
    yaml::{
        Kind, Node,
        read::{Fields, one_of, text},
    },
};

use super::read::Reader;

/// One way to say who we are.
#[derive(Debug)]
pub enum Auth {
    /// A token. Source: RFC 6749.
    OAuth2(OAuth2),
    /// HTTP Basic. Source: RFC 7617.
    Basic {
        /// Who.
        username: Template,
        /// The secret.
        password: Template,
    },
    /// A header that is a secret, or has one in it.
    ApiKey {
        /// Its name, in lower case.
        header: Template,
        /// Its value.
        value: Template,
    },
}

/// A token of OAuth 2.0.
#[derive(Debug)]
pub struct OAuth2 {
    /// Where tokens come from.
    pub token_url: Template,
    /// What is given for one.
    pub grant: Grant,
    /// The scope, where one is asked for.
    pub scope: Option<String>,
    /// How the client's id and secret travel.
    pub client: ClientAuth,
    /// Hosts that the token's answer names.
    pub hosts: Vec<(String, Path)>,
}

/// What is given for a token.
#[derive(Debug)]
pub enum Grant {
    /// The client's own id and secret. Source: RFC 6749, section 4.4.
    ClientCredentials,
    /// The name and the password of a user. Source: RFC 6749, section 4.3.
    Password {
        /// Who.
        username: Template,
        /// The secret.
        password: Template,
    },
    /// A text that the client has signed. Source: RFC 7523, section 2.1.
    JwtBearer(Box<Assertion>),
    /// What a person allows in a browser, and from then on what came of it. Source: RFC 6749, sections 4.1 and 6.
    AuthorizationCode(Consent),
}

/// What a person is asked, and what is learnt of him.
#[derive(Debug)]
pub struct Consent {
    /// The page on which he is asked.
    pub authorize_url: Template,
    /// Names for paths of requests, out of the claims of the token that says who he is (OpenID Connect).
    pub claims: Vec<(String, Path)>,
}

/// What a client signs.
#[derive(Debug)]
pub struct Assertion {
    /// How.
    pub algorithm: Algorithm,
    /// `kid`: with which of its keys, where that is said.
    pub key_id: Option<Template>,
    /// `iss`: the client.
    pub issuer: Template,
    /// `sub`: the user that it acts for, where there is one.
    pub subject: Option<Template>,
    /// `aud`: who is to believe it.
    pub audience: Template,
    /// `scope`, where that is signed as well.
    pub scope: Option<String>,
    /// The private key, as PEM.
    pub key: Template,
}

impl Assertion {
    fn templates(&self) -> impl Iterator<Item = &Template> {
        let named = [&self.issuer].into_iter().chain(&self.subject).chain([&self.audience]);
        named.chain(&self.key_id).chain([&self.key])
    }
}

/// How something is signed with an RSA key. Source: RFC 7518, sections 3.3 and 3.5.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// PKCS #1 1.5 with SHA-256.
    Rs256,
    /// PSS with SHA-256.
    Ps256,
}

impl Algorithm {
    /// All of them, by their names.
    pub const ALL: [(&'static str, Self); 2] = [("RS256", Self::Rs256), ("PS256", Self::Ps256)];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }
}

/// How the client shows at the token endpoint who it is.
#[derive(Debug)]
pub enum ClientAuth {
    /// Its id and secret as HTTP Basic.
    Basic,
    /// Its id and secret in the form.
    Form,
    /// By a text that it has signed. Source: RFC 7523, section 2.2.
    Assertion(Box<Assertion>),
    /// Not at all: the grant says who it is.
    None,
}

impl Auth {
    /// The token that it takes, where it takes one.
    pub fn oauth2(&self) -> Option<&OAuth2> {
        match self {
            Self::OAuth2(oauth2) => Some(oauth2),
            Self::Basic { .. } | Self::ApiKey { .. } => None,
        }
    }

    /// The fields of a connection that it needs, in order.
    pub fn fields(&self, connection: &[(String, ConnectionField)]) -> Vec<String> {
        let is_field = |name: &&str| connection.iter().any(|(field, _)| field == name);
        let mut known = BTreeSet::new();
        let names = self.names().into_iter().filter(is_field).filter(|name| known.insert(*name));
        names.map(str::to_owned).collect()
    }

    /// All names that it reads: fields of the connection, and hosts.
    pub fn names(&self) -> Vec<&str> {
        let (templates, client): (Vec<&Template>, &ClientAuth) = match self {
            Self::Basic { username, password } => (vec![username, password], &ClientAuth::None),
            Self::ApiKey { header, value } => (vec![header, value], &ClientAuth::None),
            Self::OAuth2(oauth2) => {
                let mut templates = vec![&oauth2.token_url];
                match &oauth2.grant {
                    Grant::ClientCredentials | Grant::JwtBearer(_) => {}
                    Grant::Password { username, password } => templates.extend([username, password]),
                    Grant::AuthorizationCode(consent) => templates.push(&consent.authorize_url),
                }
                templates.extend(oauth2.assertion().into_iter().flat_map(Assertion::templates));
                (templates, &oauth2.client)
            }
        };
        let client: &[&str] = match client {
            ClientAuth::Basic | ClientAuth::Form => &["client_id", "client_secret"],
            ClientAuth::Assertion(_) | ClientAuth::None => &[],
        };
        templates.into_iter().flat_map(Template::names).chain(client.iter().copied()).collect()
    }
}

impl OAuth2 {
    /// What a person is asked, where one is.
    pub fn consent(&self) -> Option<&Consent> {
        match &self.grant {
            Grant::AuthorizationCode(consent) => Some(consent),
            Grant::ClientCredentials | Grant::Password { .. } | Grant::JwtBearer(_) => None,
        }
    }

    /// What the client signs, as the grant or in the place of its secret, where it signs anything.
    pub fn assertion(&self) -> Option<&Assertion> {
        match (&self.grant, &self.client) {
            (Grant::JwtBearer(signed), _) | (_, ClientAuth::Assertion(signed)) => Some(signed),
            (Grant::ClientCredentials | Grant::Password { .. } | Grant::AuthorizationCode(_), _) => None,
        }
    }

    /// The name of the host that tokens come from.
    pub fn host(&self) -> &str {
        self.token_url.names().next().unwrap_or("login")
    }
}

/// What is signed: the key that says it, and the way of a client that shows it.
const SIGNED: &str = "assertion";

/// Whether what is signed names somebody for whom the client acts.
#[derive(Clone, Copy)]
enum Subject {
    IsNeeded,
    MayBe,
}

const WAYS: [&str; 4] = ["oauth2", "basic", "api_key", "name"];

/// The ways that are written: one, or a list of them. Those with a name, which actions ask for, come last.
pub(super) fn ways(node: &Node) -> Vec<&Node> {
    let mut ways: Vec<&Node> = match &node.kind {
        Kind::List(ways) => ways.iter().collect(),
        _ => vec![node],
    };
    ways.sort_by_key(|way| way.get("name").is_some());
    ways
}

impl Reader<'_> {
    /// One way, or a list of them; and which of them have names.
    pub(super) fn auth(&mut self, node: &Node) -> (Vec<Auth>, BTreeMap<String, usize>) {
        let (mut all, mut named) = (Vec::new(), BTreeMap::new());
        for node in ways(node) {
            let Some(way) = self.way(node) else { continue };
            let name = node.get("name").and_then(|node| text(node, "`name`", self.report));
            if let Some(name) = name
                && named.insert(name.value.clone(), all.len()).is_some()
            {
                let message = format!("two ways in `auth` are called `{}`", name.value);
                self.report.error("duplicate-key", name.at, message, "give each a name of its own");
            }
            all.push(way);
        }
        (all, named)
    }

    fn way(&mut self, node: &Node) -> Option<Auth> {
        let fields = Fields::open(node, "a way in `auth`", &WAYS, self.report)?;
        match (fields.get("oauth2"), fields.get("basic"), fields.get("api_key")) {
            (Some(node), None, None) => self.oauth2(node).map(Auth::OAuth2),
            (None, Some(node), None) => {
                let fields = Fields::open(node, "`basic`", &["username", "password"], self.report)?;
                let (username, password) = self.user(fields)?;
                Some(Auth::Basic { username, password })
            }
            (None, None, Some(node)) => {
                let fields = Fields::open(node, "`api_key`", &["header", "value"], self.report)?;
                let header = self.needed_template(fields, "header", "X-API-Key")?;
                let header = Template::parse(&header.text().to_ascii_lowercase()).ok()?;
                let value = self.needed_template(fields, "value", "\"{api_key}\"")?;
                Some(Auth::ApiKey { header, value })
            }
            // What is written in its place is unknown, and said.
            (None, None, None) if node.entries().is_some_and(|entries| !entries.is_empty()) => None,
            _ => {
                let message = "a way in `auth` is one of `oauth2`, `basic` and `api_key`";
                let help = "write several ways as a list: `- api_key: { header: X-API-Key, value: \"{api_key}\" }`";
                self.report.error("invalid-value", node.at, message, help);
                None
            }
        }
    }

    fn oauth2(&mut self, node: &Node) -> Option<OAuth2> {
        let known = [
            "grant",
            "token_url",
            "scope",
            "client",
            "hosts",
            "username",
            "password",
            "assertion",
            "authorize_url",
            "claims",
        ];
        let fields = Fields::open(node, "`oauth2`", &known, self.report)?;
        let grant = self.grant(fields)?;
        let token_url = self.needed_template(fields, "token_url", "\"{login}/oauth2/token\"")?;
        Some(OAuth2 {
            token_url,
            scope: self.text_of(fields, "scope"),
            client: self.client(fields, &grant)?,
            grant,
            hosts: fields.get("hosts").map_or_else(Vec::new, |node| self.paths(node)),
        })
    }

    fn client(&mut self, fields: Fields<'_>, grant: &Grant) -> Option<ClientAuth> {
        let node = fields.need("client", "basic", self.report)?;
        let mut ways = vec!["basic", "form"];
        match grant {
            // The client has nothing else to show.
            Grant::Password { .. } | Grant::JwtBearer(_) => ways.push("none"),
            Grant::ClientCredentials => ways.push(SIGNED),
            Grant::AuthorizationCode(_) => {}
        }
        let ways: Vec<(&str, &str)> = ways.into_iter().map(|way| (way, way)).collect();
        Some(match one_of(node, "a way for the client to show who it is", &ways, self.report)? {
            "basic" => ClientAuth::Basic,
            "form" => ClientAuth::Form,
            SIGNED => ClientAuth::Assertion(Box::new(self.assertion(fields, Subject::MayBe)?)),
            _ => ClientAuth::None,
        })
    }

    fn grant(&mut self, fields: Fields<'_>) -> Option<Grant> {
        let node = fields.need("grant", "client_credentials", self.report)?;
        let grants = ["client_credentials", "password", "jwt_bearer", "authorization_code"].map(|name| (name, name));
        let grant = one_of(node, "a grant", &grants, self.report)?;
        let own = [
            ("password", "username"),
            ("password", "password"),
            ("jwt_bearer", "assertion"),
            ("authorization_code", "authorize_url"),
            ("authorization_code", "claims"),
        ];
        let is_signed = fields.get("client").and_then(Node::text) == Some(SIGNED);
        let is_other = |(of, key): &(&str, &str)| *of != grant && !(is_signed && *key == SIGNED);
        for (of, key) in own.into_iter().filter(is_other) {
            if let Some(node) = fields.get(key) {
                let message = format!("`{key}` belongs to `grant: {of}`, and this is `{grant}`");
                self.report.error("misplaced-key", node.at, message, format!("remove it, or write `grant: {of}`"));
            }
        }
        match grant {
            "password" => {
                let (username, password) = self.user(fields)?;
                Some(Grant::Password { username, password })
            }
            "jwt_bearer" => self.assertion(fields, Subject::IsNeeded).map(Box::new).map(Grant::JwtBearer),
            "authorization_code" => Some(Grant::AuthorizationCode(Consent {
                authorize_url: self.needed_template(fields, "authorize_url", "\"{login}/oauth2/authorize\"")?,
                claims: fields.get("claims").map_or_else(Vec::new, |node| self.paths(node)),
            })),
            _ => Some(Grant::ClientCredentials),
        }
    }

    fn user(&mut self, fields: Fields<'_>) -> Option<(Template, Template)> {
        let username = self.needed_template(fields, "username", "\"{username}\"");
        Some((username?, self.needed_template(fields, "password", "\"{password}\"")?))
    }

    fn assertion(&mut self, fields: Fields<'_>, subject: Subject) -> Option<Assertion> {
        let example = "{ iss: \"{client_id}\", sub: \"{username}\", aud: \"{login}\", key: \"{private_key}\" }";
        let node = fields.need(SIGNED, example, self.report)?;
        let known = ["algorithm", "kid", "iss", "sub", "aud", "scope", "key"];
        let fields = Fields::open(node, "`assertion`", &known, self.report)?;
        let algorithm = match fields.get("algorithm") {
            Some(node) => one_of(node, "a way to sign with an RSA key", &Algorithm::ALL, self.report),
            None => Some(Algorithm::Rs256),
        };
        let issuer = self.needed_template(fields, "iss", "\"{client_id}\"");
        let subject = match (fields.get("sub"), subject) {
            (None, Subject::MayBe) => Some(None),
            _ => self.needed_template(fields, "sub", "\"{username}\"").map(Some),
        };
        let audience = self.needed_template(fields, "aud", "\"{login}\"");
        let key = self.needed_template(fields, "key", "\"{private_key}\"");
        Some(Assertion {
            algorithm: algorithm?,
            key_id: match fields.get("kid") {
                Some(node) => Some(self.template(node)?),
                None => None,
            },
            issuer: issuer?,
            subject: subject?,
            audience: audience?,
            scope: self.text_of(fields, "scope"),
            key: key?,
        })
    }

    fn needed_template(&mut self, fields: Fields<'_>, key: &str, example: &str) -> Option<Template> {
        let node = fields.need(key, example, self.report)?;
        self.template(node)
    }
}
