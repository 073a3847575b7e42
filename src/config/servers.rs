//! Servers and locations: their names, where they listen, and which of them a request meets.
//!
//! `ngx_http_core_server_name`, `ngx_http_core_listen`, `ngx_http_core_location` and `ngx_http_find_location` of nginx 1.31.

use super::model::{Config, Directive, Position, Realm, ScopeId, ScopeKind};

/// A `server` of http, stream or mail.
#[derive(Clone, Debug)]
pub struct Server<'a> {
    pub scope: ScopeId,
    pub realm: Realm,
    /// As written, in order; empty if it has none, which to nginx is the name "".
    pub names: Vec<&'a [u8]>,
    pub listens: Vec<Listen<'a>>,
    pub position: Position,
}

impl Server<'_> {
    /// What the error log calls it: its first name as written.
    pub fn first_name(&self) -> &[u8] {
        self.names.first().copied().unwrap_or_default()
    }
}

/// One address a server listens at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen<'a> {
    /// `0.0.0.0:80`, `[::]:80`, `unix:/path`, with what nginx adds.
    pub address: Vec<u8>,
    pub parameters: &'a [Vec<u8>],
    /// `None` of the one that nginx adds where there is none.
    pub position: Option<Position>,
}

impl Listen<'_> {
    pub fn has(&self, parameter: &str) -> bool {
        self.parameters
            .iter()
            .any(|word| word == parameter.as_bytes())
    }

    pub fn is_default(&self) -> bool {
        self.has("default_server") || self.has("default")
    }
}

/// How a location is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationKind {
    /// `= /path`
    Exact,
    /// `/path`
    Prefix,
    /// `^~ /path`: no regular expression is tried behind it.
    FinalPrefix,
    /// `~ pattern`
    Regex,
    /// `~* pattern`
    CaselessRegex,
    /// `@name`
    Named,
}

/// The kind and the pattern of a location, from its arguments; the sign may be written without a blank behind it.
pub fn location_of(directive: &Directive) -> (LocationKind, &[u8]) {
    let (first, second) = (directive.arg(0), directive.args().get(1));
    if let Some(second) = second {
        let kind = match first {
            b"=" => LocationKind::Exact,
            b"^~" => LocationKind::FinalPrefix,
            b"~" => LocationKind::Regex,
            b"~*" => LocationKind::CaselessRegex,
            _ => LocationKind::Prefix,
        };
        return (kind, second);
    }
    for (sign, kind) in [
        (&b"="[..], LocationKind::Exact),
        (b"^~", LocationKind::FinalPrefix),
        (b"~*", LocationKind::CaselessRegex),
        (b"~", LocationKind::Regex),
    ] {
        if let Some(pattern) = first.strip_prefix(sign) {
            return (kind, pattern);
        }
    }
    match first.starts_with(b"@") {
        true => (LocationKind::Named, first),
        false => (LocationKind::Prefix, first),
    }
}

/// Which location a path meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// The location that the rules of prefixes give; the server itself if none does.
    pub scope: ScopeId,
    /// Locations of regular expressions that nginx tries before it settles for `scope`, in their order: this program does not
    /// evaluate them, so the first that matches is the one, and if none does, `scope` is.
    pub unless_matched: Vec<ScopeId>,
}

impl Met {
    /// No regular expression can change it. Rewrites, `try_files`, `error_page` and `if` still can.
    pub fn is_certain(&self) -> bool {
        self.unless_matched.is_empty()
    }
}

impl Config {
    /// All servers, in order.
    pub fn servers(&self) -> Vec<Server<'_>> {
        use ScopeKind::{HttpServer, MailServer, StreamServer};
        let ids = (0..self.scopes.len() as u32).map(ScopeId);
        ids.filter_map(|scope| match self.scope(scope).kind {
            HttpServer | StreamServer | MailServer => self.server(scope),
            _ => None,
        })
        .collect()
    }

    fn server(&self, scope: ScopeId) -> Option<Server<'_>> {
        let realm = self.scope(scope).kind.realm()?;
        let names = self.own(scope, "server_name").flat_map(Directive::args);
        let mut listens: Vec<Listen<'_>> = self
            .own(scope, "listen")
            .map(|directive| Listen {
                address: listen_address(directive.arg(0)),
                parameters: directive.args().get(1..).unwrap_or_default(),
                position: Some(directive.position),
            })
            .collect();
        if listens.is_empty() && realm == Realm::Http {
            listens.push(Listen {
                address: b"0.0.0.0:80".to_vec(),
                parameters: &[],
                position: None,
            });
        }
        Some(Server {
            scope,
            realm,
            names: names.map(Vec::as_slice).collect(),
            listens,
            position: self.opener(scope)?.position,
        })
    }

    /// The servers whose first name is `name` as written: those that the error log's `server: name` can mean.
    pub fn servers_named(&self, name: &[u8]) -> Vec<Server<'_>> {
        let mut servers = self.servers();
        servers.retain(|server| server.first_name() == name);
        servers
    }

    /// The servers of http that take requests for `host`, which is without port: those with this name, else those with the longest
    /// wildcard, `*.example.com` before `www.*`. Several of them listen at different addresses. Where none has it, a regular
    /// expression may, and if none does, the first or default server of the address.
    pub fn servers_for_host(&self, host: &[u8]) -> Vec<Server<'_>> {
        let host = host.to_ascii_lowercase();
        let servers = self
            .servers()
            .into_iter()
            .filter(|server| server.realm == Realm::Http);
        let fits: Vec<(NameMatch, Server<'_>)> = servers
            .filter_map(|server| {
                let fits = server
                    .names
                    .iter()
                    .filter_map(|name| name_match(name, &host));
                Some((fits.max()?, server))
            })
            .collect();
        let best = fits.iter().map(|(fit, _)| *fit).max();
        let best = fits.into_iter().filter(|(fit, _)| Some(*fit) == best);
        best.map(|(_, server)| server).collect()
    }

    /// The server around `scope`, or `scope` itself.
    pub fn server_around(&self, scope: ScopeId) -> Option<ScopeId> {
        use ScopeKind::{HttpServer, MailServer, StreamServer};
        let is_server =
            |id: &ScopeId| matches!(self.scope(*id).kind, HttpServer | StreamServer | MailServer);
        self.around(scope).find(is_server)
    }

    /// The location of `server` that a path meets, which must be decoded and without its query, as nginx compares it.
    pub fn location_for(&self, server: ScopeId, path: &[u8]) -> Met {
        let mut scope = server;
        let mut unless_matched: Vec<ScopeId> = Vec::new();
        loop {
            let Level {
                exact,
                prefix,
                regexes,
            } = self.level(scope, path);
            if let Some(exact) = exact {
                return Met {
                    scope: exact,
                    unless_matched: Vec::new(),
                };
            }
            // Those of an inner level are tried first; `^~` spares the request those of its own level only.
            if !prefix.is_some_and(|(_, kind)| kind == LocationKind::FinalPrefix) {
                unless_matched.splice(0..0, regexes);
            }
            let Some((inner, _)) = prefix else {
                return Met {
                    scope,
                    unless_matched,
                };
            };
            scope = inner;
        }
    }

    /// The locations of one level that `path` may meet.
    fn level(&self, scope: ScopeId, path: &[u8]) -> Level {
        let mut level = Level::default();
        let mut longest = 0;
        for &child in &self.scope(scope).children {
            let Some(directive) = self
                .opener(child)
                .filter(|directive| directive.is("location"))
            else {
                continue;
            };
            let (kind, pattern) = location_of(directive);
            match kind {
                LocationKind::Exact if pattern == path => level.exact = level.exact.or(Some(child)),
                LocationKind::Regex | LocationKind::CaselessRegex => level.regexes.push(child),
                LocationKind::Prefix | LocationKind::FinalPrefix
                    if path.starts_with(pattern)
                        && (level.prefix.is_none() || pattern.len() > longest) =>
                {
                    longest = pattern.len();
                    level.prefix = Some((child, kind));
                }
                _ => {}
            }
        }
        level
    }

    /// `server NAME, location PATTERN`, as people speak of a scope.
    pub fn name_of(&self, scope: ScopeId) -> String {
        let mut parts = Vec::new();
        for id in self.around(scope) {
            let kind = self.scope(id).kind;
            let words = self
                .opener(id)
                .map_or(&[][..], |directive| &directive.words);
            let shown =
                |words: &[Vec<u8>]| String::from_utf8_lossy(&words.join(&b' ')).into_owned();
            match kind {
                ScopeKind::HttpServer | ScopeKind::StreamServer | ScopeKind::MailServer => {
                    let names: Vec<&Directive> = self.own(id, "server_name").take(1).collect();
                    parts.push(match names.first() {
                        Some(name) => format!("server {}", String::from_utf8_lossy(name.arg(0))),
                        None => "a server without name".to_owned(),
                    });
                }
                ScopeKind::Main => {}
                ScopeKind::Http | ScopeKind::Stream | ScopeKind::Mail if !parts.is_empty() => {}
                _ => parts.push(shown(words)),
            }
        }
        parts.reverse();
        match parts.is_empty() {
            true => "the main scope".to_owned(),
            false => parts.join(", "),
        }
    }
}

/// How well a name of `server_name` fits a host, worst first; of two wildcards the longer one does better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NameMatch {
    /// `www.*`
    Tail(usize),
    /// `*.example.com`, `.example.com`
    Head(usize),
    Exact,
}

/// `ngx_http_find_virtual_server`; `host` is in small letters. Regular expressions are not evaluated.
fn name_match(name: &[u8], host: &[u8]) -> Option<NameMatch> {
    let name = name.to_ascii_lowercase();
    if name.starts_with(b"~") || host.is_empty() {
        return None;
    }
    if name == host || name.strip_prefix(b".") == Some(host) {
        return Some(NameMatch::Exact);
    }
    if let Some(head) = name.strip_suffix(b"*").filter(|head| head.ends_with(b".")) {
        return host
            .starts_with(head)
            .then_some(NameMatch::Tail(head.len()));
    }
    let tail = name.strip_prefix(b"*").unwrap_or(&name);
    (tail.starts_with(b".") && host.ends_with(tail)).then_some(NameMatch::Head(tail.len()))
}

#[derive(Default)]
struct Level {
    exact: Option<ScopeId>,
    prefix: Option<(ScopeId, LocationKind)>,
    regexes: Vec<ScopeId>,
}

/// An address of `listen` with what nginx adds: `80` is `0.0.0.0:80`, `127.0.0.1` is `127.0.0.1:80`.
fn listen_address(text: &[u8]) -> Vec<u8> {
    let text = text.to_ascii_lowercase();
    if text.starts_with(b"unix:") {
        return text;
    }
    if !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
        return [b"0.0.0.0:", &text[..]].concat();
    }
    let text = match text.strip_prefix(b"*") {
        Some(rest) => [b"0.0.0.0", rest].concat(),
        None => text,
    };
    let has_port = match text.iter().rposition(|&b| b == b']') {
        Some(end) => text[end..].contains(&b':'),
        None => text.contains(&b':'),
    };
    match has_port {
        true => text,
        false => [&text[..], b":80"].concat(),
    }
}
