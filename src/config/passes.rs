//! `proxy_pass` and its like: who handles the requests of a location, over which protocol, and where they go.
//!
//! `ngx_http_proxy_pass` and those of its siblings, and `ngx_parse_url` (nginx 1.31). A target with a variable is settled when
//! a request comes: what the variable holds is not evaluated here.

use super::{
    address::Address,
    effective::Valued,
    groups::{Group, GroupId, Peer},
    model::{Config, Directive, Realm, ScopeId},
};
use std::collections::HashMap;

/// The module that passes requests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Proxy,
    Fastcgi,
    Uwsgi,
    Scgi,
    Grpc,
    Memcached,
    /// `CONNECT`, since 1.31.0.
    Tunnel,
    /// `proxy_pass` of stream.
    Stream,
}

/// Directives that pass requests on.
const PASSES: [(&str, Family); 7] = [
    ("proxy_pass", Family::Proxy),
    ("fastcgi_pass", Family::Fastcgi),
    ("uwsgi_pass", Family::Uwsgi),
    ("scgi_pass", Family::Scgi),
    ("grpc_pass", Family::Grpc),
    ("memcached_pass", Family::Memcached),
    ("tunnel_pass", Family::Tunnel),
];

impl Family {
    /// What its directives begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Family::Proxy | Family::Stream => "proxy",
            Family::Fastcgi => "fastcgi",
            Family::Uwsgi => "uwsgi",
            Family::Scgi => "scgi",
            Family::Grpc => "grpc",
            Family::Memcached => "memcached",
            Family::Tunnel => "tunnel",
        }
    }

    /// The name of one of its directives.
    pub fn directive(self, suffix: &str) -> String {
        format!("{}_{suffix}", self.prefix())
    }
}

/// One pass.
#[derive(Clone, Debug)]
pub struct Pass<'a> {
    pub directive: &'a Directive,
    /// Where it stands.
    pub scope: ScopeId,
    pub family: Family,
    /// As the error log writes it before `://`; empty of stream, and where a variable holds it.
    pub scheme: &'static str,
    /// The host and port as written.
    pub host: &'a [u8],
    /// A port was written.
    pub has_port: bool,
    /// There is a variable in it: nginx looks for blocks and resolves names when a request comes.
    pub is_at_run_time: bool,
    /// What stands behind the host; `None`: the URI of the request is passed as it is.
    pub uri: Option<&'a [u8]>,
    pub target: Target,
}

/// Where a pass goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Group(GroupId),
    /// The host is known when a request comes.
    Variable,
    /// Nothing that nginx would take.
    Nowhere,
}

/// The timeouts that hold for a pass, in milliseconds. Those of stream are one for both directions.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub connect: Option<Valued<u64>>,
    pub send: Option<Valued<u64>>,
    pub read: Option<Valued<u64>>,
}

impl Config {
    /// The timeouts that hold in `scope` for what `family` passes on.
    pub fn timeouts(&self, scope: ScopeId, family: Family) -> Timeouts {
        let of = |suffix: &str| self.milliseconds(scope, &family.directive(suffix));
        match family {
            Family::Stream => Timeouts {
                connect: of("connect_timeout"),
                send: of("timeout"),
                read: of("timeout"),
            },
            _ => Timeouts {
                connect: of("connect_timeout"),
                send: of("send_timeout"),
                read: of("read_timeout"),
            },
        }
    }
}

/// All passes, in order; groups that only an address makes are added to `groups`, in which `blocks` are found by name.
pub(super) fn passes<'a>(
    config: &'a Config,
    groups: &mut Vec<Group<'a>>,
    blocks: &HashMap<(Realm, Vec<u8>), GroupId>,
) -> Vec<Pass<'a>> {
    let mut known = Known {
        groups,
        blocks,
        addresses: HashMap::new(),
    };
    let mut passes = Vec::new();
    for directive in &config.directives {
        let family = PASSES.iter().find(|(name, _)| directive.is(name));
        let realm = config.scope(directive.scope).kind.realm();
        let family = match (family, realm) {
            (Some((_, family)), Some(Realm::Http)) => *family,
            (Some((_, Family::Proxy)), Some(Realm::Stream)) => Family::Stream,
            _ => continue,
        };
        passes.push(pass(directive, family, &mut known));
    }
    passes
}

/// The groups so far.
struct Known<'g, 'a> {
    groups: &'g mut Vec<Group<'a>>,
    blocks: &'g HashMap<(Realm, Vec<u8>), GroupId>,
    addresses: HashMap<(Realm, Address), GroupId>,
}

impl<'a> Known<'_, 'a> {
    /// The block that is called like `host`, or the group of this address.
    fn group(
        &mut self,
        directive: &'a Directive,
        family: Family,
        host: &'a [u8],
        default_port: Option<u16>,
    ) -> Target {
        let realm = if family == Family::Stream {
            Realm::Stream
        } else {
            Realm::Http
        };
        let name = match Address::parse(host, None) {
            Some(Address::Name { host, .. }) => host,
            _ => host.to_ascii_lowercase(),
        };
        if let Some(&id) = self.blocks.get(&(realm, name)) {
            return Target::Group(id);
        }
        let Some(address) = Address::parse(host, default_port) else {
            return Target::Nowhere;
        };
        let next = GroupId(self.groups.len() as u32);
        let id = *self
            .addresses
            .entry((realm, address.clone()))
            .or_insert(next);
        if id == next {
            let mut peer = Peer::new(host, &[], default_port, directive.position);
            peer.is_resolved = directive.arg(0).contains(&b'$');
            self.groups.push(Group::implicit(address, realm, peer));
        }
        Target::Group(id)
    }
}

fn pass<'a>(directive: &'a Directive, family: Family, known: &mut Known<'_, 'a>) -> Pass<'a> {
    let text = directive.arg(0);
    let (scheme, rest) = split_scheme(text, family);
    let (host, uri) = split_uri(rest);
    let host = without_path_variable(host);
    let is_at_run_time = text.contains(&b'$');
    let port = if matches!(scheme, "https" | "grpcs") {
        443
    } else {
        80
    };
    let default_port = matches!(family, Family::Proxy | Family::Grpc).then_some(port);
    let written = Address::parse(host, None);
    let has_port = written
        .as_ref()
        .is_some_and(|address| address.port().is_some());
    let target = if host.contains(&b'$') || scheme.is_empty() && text.contains(&b'$') {
        Target::Variable
    } else if scheme.is_empty() && family == Family::Proxy {
        Target::Nowhere // "invalid URL prefix"
    } else {
        known.group(directive, family, host, default_port)
    };
    Pass {
        directive,
        scope: directive.scope,
        family,
        scheme,
        host,
        has_port,
        is_at_run_time,
        uri,
        target,
    }
}

/// Variables whose values begin a path: `http://10.0.0.5$request_uri` has a host of its own.
const PATH_VARIABLES: [&[u8]; 6] = [
    b"$request_uri",
    b"$uri",
    b"$document_uri",
    b"$is_args",
    b"$args",
    b"$fastcgi_path_info",
];

/// `host` without a variable behind it that begins a path.
fn without_path_variable(host: &[u8]) -> &[u8] {
    match host.iter().position(|&b| b == b'$') {
        Some(at)
            if at > 0
                && PATH_VARIABLES
                    .iter()
                    .any(|name| host[at..].starts_with(name)) =>
        {
            &host[..at]
        }
        _ => host,
    }
}

/// The scheme, and what stands behind `://`.
fn split_scheme(text: &[u8], family: Family) -> (&'static str, &[u8]) {
    let (schemes, default): (&[&'static str], &'static str) = match family {
        Family::Proxy => (&["https", "http"], ""),
        Family::Grpc => (&["grpcs", "grpc"], "grpc"),
        Family::Uwsgi => (&["suwsgi", "uwsgi"], "uwsgi"),
        Family::Fastcgi => (&[], "fastcgi"),
        Family::Scgi => (&["scgi"], "scgi"),
        Family::Memcached => (&[], "memcached"),
        Family::Tunnel | Family::Stream => (&[], ""),
    };
    for scheme in schemes {
        let (head, rest) = text.split_at(text.len().min(scheme.len()));
        if let Some(rest) = rest
            .strip_prefix(b"://")
            .filter(|_| head.eq_ignore_ascii_case(scheme.as_bytes()))
        {
            return (scheme, rest);
        }
    }
    (default, text)
}

/// The host, and the URI behind it; that of a socket begins behind a second `:`.
fn split_uri(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    if let Some(path) = text.strip_prefix(b"unix:") {
        return match path.iter().position(|&b| b == b':') {
            Some(at) => {
                let uri = &path[at + 1..];
                (&text[..5 + at], (!uri.is_empty()).then_some(uri))
            }
            None => (text, None),
        };
    }
    match text.iter().position(|b| matches!(b, b'/' | b'?')) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    }
}
