//! Groups of peers: `upstream` blocks, and the group of one that every address in a `proxy_pass` makes.
//!
//! `ngx_http_upstream_server`, `ngx_http_upstream_add` and `ngx_http_upstream_init_round_robin` of nginx 1.31, and the page of
//! ngx_http_upstream_module for the defaults of a peer.

use super::{
    address::{Address, Likeness},
    model::{Config, Directive, Position, Realm, ScopeId, ScopeKind},
    passes::{Pass, Target, passes},
    value,
};
use std::collections::HashMap;

/// Index of a group in [`Groups::groups`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// What the gateway can connect to.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The name of the block; of an implicit group its address, with the port.
    pub name: Vec<u8>,
    /// Http or stream.
    pub realm: Realm,
    /// The `upstream` block; `None` of a group that an address in a pass makes.
    pub scope: Option<ScopeId>,
    /// Of the block, or of the first pass that names the address.
    pub position: Position,
    /// In order.
    pub peers: Vec<Peer<'a>>,
}

/// One `server` of a group; a name with several addresses is several peers to nginx.
#[derive(Clone, Debug)]
pub struct Peer<'a> {
    /// `None` if what is written is no address, and of `server unix:` without a path.
    pub address: Option<Address>,
    pub written: &'a [u8],
    /// The port was written; else it is the default.
    pub has_port: bool,
    pub position: Position,
    pub weight: u64,
    /// 0: no limit.
    pub max_conns: u64,
    /// 0: failures are not counted.
    pub max_fails: u64,
    /// Both the window of counting and the time out of service.
    pub fail_timeout_s: u64,
    pub slow_start_s: u64,
    pub is_backup: bool,
    pub is_down: bool,
    /// The name is resolved again at run time.
    pub is_resolved: bool,
    /// The parameters, as written.
    pub parameters: &'a [Vec<u8>],
}

/// How a group chooses a peer.
#[derive(Clone, Copy, Debug)]
pub enum Balancing<'a> {
    RoundRobin,
    /// `least_conn`, `ip_hash`, `hash`, `random`, `least_time`, `sticky`.
    Method(&'a Directive),
}

/// Directives that choose a method.
pub(super) const METHODS: [&str; 6] = [
    "least_conn",
    "ip_hash",
    "hash",
    "random",
    "least_time",
    "sticky",
];

/// Idle connections that a group keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Per worker; 0: none.
    pub n_connections: u64,
    pub position: Option<Position>,
    /// Whether that is so is certain: it was written, or the version is known.
    pub is_certain: bool,
}

/// All groups of a configuration, and what passes requests to them.
#[derive(Clone, Debug)]
pub struct Groups<'a> {
    config: &'a Config,
    /// Those of blocks first, in order.
    pub groups: Vec<Group<'a>>,
    /// In order.
    pub passes: Vec<Pass<'a>>,
    /// The first group of each block's name, in small letters.
    blocks: HashMap<(Realm, Vec<u8>), GroupId>,
    /// Index of the pass that stands in a scope.
    pass_of: HashMap<ScopeId, usize>,
}

impl Config {
    /// All groups, and what passes to them.
    pub fn groups(&self) -> Groups<'_> {
        let mut groups: Vec<Group<'_>> = (0..self.scopes.len() as u32)
            .filter_map(|id| explicit(self, ScopeId(id)))
            .collect();
        let mut blocks = HashMap::new();
        for (group, id) in groups.iter().zip(0..) {
            let key = (group.realm, group.name.to_ascii_lowercase());
            blocks.entry(key).or_insert(GroupId(id));
        }
        let passes = passes(self, &mut groups, &blocks);
        let mut pass_of = HashMap::new();
        for (index, pass) in passes.iter().enumerate() {
            pass_of.entry(pass.scope).or_insert(index);
        }
        Groups {
            config: self,
            groups,
            passes,
            blocks,
            pass_of,
        }
    }
}

fn explicit(config: &Config, scope: ScopeId) -> Option<Group<'_>> {
    let realm = match config.scope(scope).kind {
        ScopeKind::HttpUpstream => Realm::Http,
        ScopeKind::StreamUpstream => Realm::Stream,
        _ => return None,
    };
    let block = config.opener(scope)?;
    let default_port = (realm == Realm::Http).then_some(80);
    Some(Group {
        name: block.arg(0).to_vec(),
        realm,
        scope: Some(scope),
        position: block.position,
        peers: config
            .own(scope, "server")
            .map(|server| peer(server, default_port))
            .collect(),
    })
}

/// The peer that `server` of a block describes.
fn peer(server: &Directive, default_port: Option<u16>) -> Peer<'_> {
    let parameters = server.args().get(1..).unwrap_or_default();
    Peer::new(server.arg(0), parameters, default_port, server.position)
}

impl<'a> Peer<'a> {
    pub(super) fn new(
        written: &'a [u8],
        parameters: &'a [Vec<u8>],
        default_port: Option<u16>,
        position: Position,
    ) -> Peer<'a> {
        let of = |key: &str| {
            parameters
                .iter()
                .find_map(|word| word.strip_prefix(key.as_bytes()))
        };
        let has = |word: &str| parameters.iter().any(|known| known == word.as_bytes());
        let number = |key, default| of(key).and_then(value::parse_number).unwrap_or(default);
        let seconds = |key, default| of(key).and_then(value::parse_seconds).unwrap_or(default);
        let address = Address::parse(written, None);
        Peer {
            has_port: address
                .as_ref()
                .is_some_and(|address| address.port().is_some()),
            address: Address::parse(written, default_port),
            written,
            position,
            weight: number("weight=", 1),
            max_conns: number("max_conns=", 0),
            max_fails: number("max_fails=", 1),
            fail_timeout_s: seconds("fail_timeout=", 10),
            slow_start_s: seconds("slow_start=", 0),
            is_backup: has("backup"),
            is_down: has("down"),
            is_resolved: has("resolve"),
            parameters,
        }
    }
}

impl<'a> Group<'a> {
    /// The group that a pass makes by naming an address.
    pub(super) fn implicit(address: Address, realm: Realm, peer: Peer<'a>) -> Group<'a> {
        Group {
            name: address.to_string().into_bytes(),
            realm,
            scope: None,
            position: peer.position,
            peers: vec![Peer {
                address: Some(address),
                ..peer
            }],
        }
    }

    /// One primary peer and nothing else: nginx never takes it out of service. A name may still have several addresses.
    pub fn is_single(&self) -> bool {
        self.peers.len() == 1 && !self.peers[0].is_backup
    }

    /// Peers that get requests at all.
    pub fn n_up(&self) -> usize {
        self.peers.iter().filter(|peer| !peer.is_down).count()
    }
}

impl<'a> Groups<'a> {
    pub fn config(&self) -> &'a Config {
        self.config
    }

    pub fn group(&self, id: GroupId) -> &Group<'a> {
        &self.groups[id.0 as usize]
    }

    pub fn ids(&self) -> impl Iterator<Item = GroupId> + use<> {
        (0..self.groups.len() as u32).map(GroupId)
    }

    /// The group that an `upstream` block of http with this name makes.
    pub fn block(&self, name: &[u8]) -> Option<GroupId> {
        let key = (Realm::Http, name.to_ascii_lowercase());
        self.blocks.get(&key).copied()
    }

    /// The groups of that name, as "no live upstreams" gives it in `upstream:`: of a block its name; of an implicit group its
    /// address with or without the port.
    pub fn named(&self, name: &[u8]) -> Vec<GroupId> {
        let is_named = |id: &GroupId| {
            let group = self.group(*id);
            group.name.eq_ignore_ascii_case(name)
                || group.scope.is_none()
                    && group
                        .peers
                        .iter()
                        .any(|peer| peer.written.eq_ignore_ascii_case(name))
        };
        self.ids().filter(is_named).collect()
    }

    /// The groups, with the index of the peer, that `address` of a log can belong to; those by name count only where no group lists the
    /// address itself. Empty: the configuration does not know it. A log always shows the port.
    pub fn of_peer(&self, address: &[u8]) -> Vec<(GroupId, usize, Likeness)> {
        let Some(seen) = Address::parse(address, None) else {
            return Vec::new();
        };
        let peers = self.ids().flat_map(|id| {
            self.group(id)
                .peers
                .iter()
                .enumerate()
                .map(move |(index, peer)| (id, index, peer))
        });
        let found = peers.filter_map(|(id, index, peer)| {
            Some((id, index, peer.address.as_ref()?.can_be(&seen)?))
        });
        let mut found: Vec<_> = found.collect();
        if let Some(best) = found.iter().map(|(.., likeness)| *likeness).min() {
            found.retain(|(.., likeness)| *likeness == best);
        }
        found
    }

    /// What passes requests to a group, in order: its scope is the location, or the `if` within.
    pub fn passes_to(&self, group: GroupId) -> impl Iterator<Item = &Pass<'a>> {
        let is_to = move |pass: &&Pass<'a>| pass.target == Target::Group(group);
        self.passes.iter().filter(is_to)
    }

    /// The pass that handles requests in `scope`; an `if` or `limit_except` has that of its location.
    pub fn pass_in(&self, scope: ScopeId) -> Option<&Pass<'a>> {
        for level in self.config.around(scope) {
            if let Some(&index) = self.pass_of.get(&level) {
                return Some(&self.passes[index]);
            }
            if !matches!(
                self.config.scope(level).kind,
                ScopeKind::If | ScopeKind::LimitExcept
            ) {
                break;
            }
        }
        None
    }

    /// The distinct values that hold where requests pass to a group, with the scopes each holds in, most scopes first. In `name`, `*`
    /// stands for the family of the pass: `*_read_timeout`. Several directives of a list are joined by `; `.
    pub fn values(&self, group: GroupId, name: &str) -> Vec<(Vec<u8>, Vec<ScopeId>)> {
        let mut values: Vec<(Vec<u8>, Vec<ScopeId>)> = Vec::new();
        for pass in self.passes_to(group) {
            let name = name.replace('*', pass.family.prefix());
            let Some(value) = self.config.value_text(pass.scope, &name) else {
                continue;
            };
            match values.iter_mut().find(|(known, _)| *known == value) {
                Some((_, scopes)) => scopes.push(pass.scope),
                None => values.push((value, vec![pass.scope])),
            }
        }
        values.sort_by_key(|(_, scopes)| std::cmp::Reverse(scopes.len()));
        values
    }

    pub fn balancing(&self, group: GroupId) -> Balancing<'a> {
        let config = self.config;
        let directives = self
            .group(group)
            .scope
            .map(|scope| &config.scope(scope).directives[..]);
        let mut directives = directives
            .unwrap_or_default()
            .iter()
            .map(|&id| config.directive(id));
        let method = directives.find(|directive| METHODS.iter().any(|method| directive.is(method)));
        method.map_or(Balancing::RoundRobin, Balancing::Method)
    }

    /// The name and the size of the shared memory in which all workers count together; `None`: each counts alone.
    pub fn zone(&self, group: GroupId) -> Option<&'a Directive> {
        self.config.own(self.group(group).scope?, "zone").next()
    }

    pub fn keepalive(&self, group: GroupId) -> Keepalive {
        let none = Keepalive {
            n_connections: 0,
            position: None,
            is_certain: true,
        };
        let Some(scope) = self.group(group).scope else {
            return none; // implicit groups never keep any
        };
        if self.group(group).realm == Realm::Stream {
            return none;
        }
        let words = self.config.words(scope, "keepalive");
        let is_known = self.config.version.is_some();
        let Some(words) = words else {
            return Keepalive {
                is_certain: is_known,
                ..none
            };
        };
        let position = words.origin.position();
        Keepalive {
            n_connections: words
                .value
                .first()
                .and_then(|number| value::parse_number(number))
                .unwrap_or(0),
            position,
            is_certain: position.is_some() || is_known,
        }
    }
}

impl Config {
    /// What holds in `scope`, as text: the arguments with blanks between, several directives with `; `.
    pub fn value_text(&self, scope: ScopeId, name: &str) -> Option<Vec<u8>> {
        use super::Effective;
        Some(match self.effective(scope, name)? {
            Effective::Set(set) => {
                let texts: Vec<Vec<u8>> = set
                    .iter()
                    .map(|directive| directive.args().join(&b' '))
                    .collect();
                texts.join(&b"; "[..])
            }
            Effective::Default(default) => default.text.as_bytes().to_vec(),
        })
    }
}
