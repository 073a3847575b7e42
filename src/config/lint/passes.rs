//! What is wrong with passes: where they go, and whether they can get there.

use super::{Certainty, Context, Told, advice, text};
use crate::config::{
    Address, Config, Family, Group, Groups, LocationKind, Pass, Peer, Position, ScopeId, ScopeKind,
    Target, location_of,
};
use std::collections::HashMap;

/// `ngx_http_proxy_pass` and its siblings.
pub(super) fn cannot_load(context: &Context<'_>, told: &mut Told<'_>) {
    for pass in &context.groups.passes {
        let name = text(pass.directive.name());
        let place = context.name_of(pass.scope);
        let written = text(pass.directive.arg(0));
        let mut push = |claim: String, remedy: String| {
            let claim = format!("`{name} {written}` in {place}: {claim}");
            told.push(
                claim,
                vec![pass.directive.position],
                vec![advice(&name, &place, remedy)],
            );
        };
        let group = group_of(context, pass);
        let port = Address::parse(pass.host, None).and_then(|address| address.port());
        match group {
            Some(group) if group.scope.is_some() && !pass.is_at_run_time => {
                if let Some(port) = port {
                    let group = text(&group.name);
                    push(
                        format!("\"upstream \"{group}\" may not have port {port}\""),
                        format!("`{group}` without the port"),
                    );
                }
            }
            Some(group)
                if !pass.is_at_run_time
                    && group.peers[0].address.as_ref().is_some_and(lacks_port) =>
            {
                push(
                    "\"no port in upstream\"".to_owned(),
                    "an address with a port, or the name of an upstream block".to_owned(),
                );
            }
            None if pass.target == Target::Nowhere => {
                let why = match pass.scheme.is_empty() && pass.family == Family::Proxy {
                    true => "\"invalid URL prefix\"",
                    false => "\"invalid host in upstream\"",
                };
                push(
                    why.to_owned(),
                    "`http://` or `https://`, a host and a port".to_owned(),
                );
            }
            _ => {}
        }
        let has_uri =
            pass.uri.is_some() && !pass.is_at_run_time && matches!(pass.family, Family::Proxy);
        if has_uri && forbids_uri(context.config, pass.scope) {
            let why = "\"\"proxy_pass\" cannot have URI part in location given by regular expression, or inside named location, or inside \"if\" \
                       statement, or inside \"limit_except\" block\"";
            push(
                why.to_owned(),
                format!("{}://{}", pass.scheme, text(pass.host)),
            );
        }
        let verify = pass.family.directive("ssl_verify");
        let trusted = pass.family.directive("ssl_trusted_certificate");
        let verifies = is_tls(pass)
            && context
                .config
                .flag(pass.scope, &verify)
                .is_some_and(|flag| flag.value);
        if verifies && context.config.words(pass.scope, &trusted).is_none() {
            let claim = format!("\"no {trusted} for {verify}\" in {place}");
            let remedy = advice(&trusted, &place, "PATH");
            told.push(claim, vec![pass.directive.position], vec![remedy]);
        }
    }
}

fn lacks_port(address: &Address) -> bool {
    !matches!(address, Address::Unix(_)) && address.port().is_none()
}

fn forbids_uri(config: &Config, scope: ScopeId) -> bool {
    match config.scope(scope).kind {
        ScopeKind::If | ScopeKind::LimitExcept => true,
        ScopeKind::Location => config.opener(scope).is_some_and(|location| {
            let (kind, _) = location_of(location);
            matches!(
                kind,
                LocationKind::Regex | LocationKind::CaselessRegex | LocationKind::Named
            )
        }),
        _ => false,
    }
}

fn is_tls(pass: &Pass<'_>) -> bool {
    matches!(pass.scheme, "https" | "grpcs" | "suwsgi")
}

fn group_of<'c>(context: &'c Context<'_>, pass: &Pass<'_>) -> Option<&'c Group<'c>> {
    match pass.target {
        Target::Group(id) => Some(context.groups.group(id)),
        _ => None,
    }
}

/// "no resolver defined to resolve X": a host that is no address and no block is resolved when a request comes.
pub(super) fn no_resolver(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    let variables = values_of_variables(config);
    for pass in context
        .groups
        .passes
        .iter()
        .filter(|pass| pass.is_at_run_time)
    {
        if !config.set(pass.scope, "resolver").is_empty() {
            continue;
        }
        let (certainty, what) = match pass.target {
            Target::Group(id) => {
                let group = context.groups.group(id);
                match &group.peers.first().and_then(|peer| peer.address.clone()) {
                    Some(address @ Address::Name { .. }) if group.scope.is_none() => (
                        Certainty::Certain,
                        format!("`{address}` is resolved for every request"),
                    ),
                    _ => continue,
                }
            }
            Target::Variable => match held(pass, &context.groups, &variables) {
                Held::Names(name) => (
                    Certainty::Certain,
                    format!("its variable is set to the name `{name}`"),
                ),
                Held::Addresses => continue,
                Held::Unknown => (
                    Certainty::Likely,
                    "unless its variables always hold an address or the name of an upstream block"
                        .to_owned(),
                ),
            },
            Target::Nowhere => continue,
        };
        let place = context.name_of(pass.scope);
        let claim = format!(
            "`{} {}` in {place} needs a resolver and there is none ({what}): \"no resolver defined to resolve\", 502",
            text(pass.directive.name()),
            text(pass.directive.arg(0))
        );
        let remedy = advice("resolver", "http", "ADDRESS");
        told.push_as(
            certainty,
            claim,
            vec![pass.directive.position],
            vec![remedy],
        );
    }
}

/// What the variable of a pass holds, as far as `set` gives it words.
enum Held {
    Names(String),
    Addresses,
    Unknown,
}

/// The words that `set` gives each variable.
fn values_of_variables(config: &Config) -> HashMap<&[u8], Vec<&[u8]>> {
    let mut values: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
    for set in config
        .directives
        .iter()
        .filter(|directive| directive.is("set"))
    {
        let name = set.arg(0).strip_prefix(b"$").unwrap_or_default();
        values.entry(name).or_default().push(set.arg(1));
    }
    values
}

fn held(pass: &Pass<'_>, groups: &Groups<'_>, variables: &HashMap<&[u8], Vec<&[u8]>>) -> Held {
    // Only a variable that begins the host, and is given words alone, is known.
    let name = pass.host.strip_prefix(b"$").unwrap_or_default();
    let name = name.strip_prefix(b"{").unwrap_or(name);
    let len = name
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    let Some(values) = variables.get(&name[..len]) else {
        return Held::Unknown;
    };
    if values.iter().any(|value| value.contains(&b'$')) {
        return Held::Unknown;
    }
    for value in values {
        let host = value.split(|&b| b == b'/').next().unwrap_or_default();
        let is_name = matches!(Address::parse(host, None), Some(Address::Name { .. }));
        if is_name && groups.block(host).is_none() {
            return Held::Names(text(value));
        }
    }
    Held::Addresses
}

pub(super) fn scheme_and_port(context: &Context<'_>, told: &mut Told<'_>) {
    for pass in &context.groups.passes {
        let Some(group) = group_of(context, pass) else {
            continue;
        };
        if !matches!(pass.scheme, "http" | "https" | "grpc" | "grpcs") {
            continue;
        }
        for peer in group.peers.iter().filter(|peer| !peer.is_down) {
            let Some(port) = peer.address.as_ref().and_then(Address::port) else {
                continue;
            };
            let why = match (is_tls(pass), port) {
                (true, 80) if !peer.has_port => {
                    "a server of an upstream block without a port has port 80, whatever the scheme"
                }
                (true, 80 | 8080) => "that port mostly speaks plain HTTP",
                (false, 443 | 8443) => "that port mostly speaks TLS",
                _ => continue,
            };
            let claim = format!(
                "{} passes to {} with `{}://` and port {port}: {why}",
                context.name_of(pass.scope),
                text(peer.written),
                pass.scheme
            );
            let remedy = match is_tls(pass) {
                true if group.scope.is_some() => advice(
                    "server",
                    format!("upstream {}", text(&group.name)),
                    format!("{}:443", host_of(peer)),
                ),
                true => advice(
                    &text(pass.directive.name()),
                    context.name_of(pass.scope),
                    format!("{}:443", host_of(peer)),
                ),
                false => advice(
                    &text(pass.directive.name()),
                    context.name_of(pass.scope),
                    format!("{}s://{}", pass.scheme, text(pass.host)),
                ),
            };
            told.push(
                claim,
                positions([Some(pass.directive.position), Some(peer.position)]),
                vec![remedy],
            );
        }
    }
}

fn host_of(peer: &Peer<'_>) -> String {
    let written = text(peer.written);
    match peer.has_port {
        true => written
            .rsplit_once(':')
            .map_or(written.clone(), |(host, _)| host.to_owned()),
        false => written,
    }
}

fn positions(positions: [Option<Position>; 2]) -> Vec<Position> {
    let mut positions: Vec<Position> = positions.into_iter().flatten().collect();
    positions.dedup();
    positions
}

/// Without SNI, a server of many names answers `unrecognized name` or with another's certificate.
pub(super) fn sni_off(context: &Context<'_>, told: &mut Told<'_>) {
    for pass in context.groups.passes.iter().filter(|pass| is_tls(pass)) {
        let Some(group) = group_of(context, pass) else {
            continue;
        };
        let name = group
            .peers
            .iter()
            .find(|peer| matches!(peer.address, Some(Address::Name { .. })));
        let directive = pass.family.directive("ssl_server_name");
        let is_on = context
            .config
            .flag(pass.scope, &directive)
            .is_some_and(|flag| flag.value);
        let (Some(peer), false) = (name, is_on) else {
            continue;
        };
        let place = context.name_of(pass.scope);
        let claim = format!(
            "{place} connects to {} over TLS without sending its name: a backend that serves several names refuses the handshake",
            text(peer.written)
        );
        let mut remedies = vec![advice(&directive, &place, "on")];
        if group.scope.is_some() {
            remedies.push(advice(
                &pass.family.directive("ssl_name"),
                &place,
                host_of(peer),
            ));
        }
        told.push(claim, vec![pass.directive.position], remedies);
    }
}

/// `$proxy_host`, against which a certificate is checked, is the name of the group.
pub(super) fn tls_name(context: &Context<'_>, told: &mut Told<'_>) {
    for pass in context.groups.passes.iter().filter(|pass| is_tls(pass)) {
        let Some(group) = group_of(context, pass).filter(|group| group.scope.is_some()) else {
            continue;
        };
        let (verify, name) = (
            pass.family.directive("ssl_verify"),
            pass.family.directive("ssl_name"),
        );
        let verifies = context
            .config
            .flag(pass.scope, &verify)
            .is_some_and(|flag| flag.value);
        // A name with dots may well be the one in the certificate.
        if !verifies
            || !context.config.set(pass.scope, &name).is_empty()
            || group.name.contains(&b'.')
        {
            continue;
        }
        let place = context.name_of(pass.scope);
        let group_name = text(&group.name);
        let claim = format!(
            "{place} checks the certificate of the backend against the name \"{group_name}\", which no certificate has"
        );
        told.push(
            claim,
            vec![pass.directive.position],
            vec![advice(&name, place, "NAME")],
        );
    }
}
