//! What is wrong with what holds around a pass: where it does not reach, which headers it sends, how often it is tried.

use super::{Context, Told, advice, text};
use crate::config::{Buffers, Directive, Family, ScopeKind, Target};
use std::collections::HashSet;

/// Directives that give a location something to do without a pass.
const HANDLERS: [&str; 19] = [
    "alias",
    "api",
    "autoindex",
    "dav_methods",
    "deny",
    "echo",
    "empty_gif",
    "flv",
    "internal",
    "js_content",
    "mp4",
    "perl",
    "proxy_pass",
    "random_index",
    "return",
    "rewrite",
    "root",
    "stub_status",
    "try_files",
];

/// Content handlers are not inherited: a location inside a proxied one serves files from `root`.
pub(super) fn nested(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    for scope in config.scopes_of(ScopeKind::Location) {
        let Some(parent) = config.scope(scope).parent else {
            continue;
        };
        let Some(pass) = context
            .groups
            .pass_in(parent)
            .filter(|_| config.scope(parent).kind == ScopeKind::Location)
        else {
            continue;
        };
        let is_handler = |directive: &Directive| {
            let name = directive.name();
            HANDLERS.iter().any(|known| directive.is(known))
                || name.ends_with(b"_pass")
                || name.windows(7).any(|part| part == b"_by_lua")
        };
        let handles = config.inside(scope).iter().any(|&inner| {
            let directives = config.scope(inner).directives.iter();
            directives.map(|&id| config.directive(id)).any(is_handler)
        });
        let Some(opener) = config.opener(scope).filter(|_| !handles) else {
            continue;
        };
        let name = text(pass.directive.name());
        let claim = format!(
            "{} stands inside a location with {name} and has none itself: it is not inherited, so requests are looked for as files (404)",
            context.name_of(scope)
        );
        let remedy = advice(&name, context.name_of(scope), text(pass.directive.arg(0)));
        told.push(
            claim,
            vec![opener.position, pass.directive.position],
            vec![remedy],
        );
    }
}

/// Any `proxy_set_header` at a level drops all inherited ones.
pub(super) fn lost_host(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    let mut seen = HashSet::new();
    for pass in &context.groups.passes {
        let list = match pass.family {
            Family::Proxy => "proxy_set_header",
            Family::Grpc => "grpc_set_header",
            _ => continue,
        };
        let mut levels = config
            .around(pass.scope)
            .map(|level| config.own(level, list).collect::<Vec<_>>())
            .filter(|own| !own.is_empty());
        let (Some(holding), Some(dropped)) = (levels.next(), levels.next()) else {
            continue;
        };
        let is_host = |directive: &&&Directive| directive.arg(0).eq_ignore_ascii_case(b"Host");
        let Some(host) = dropped.iter().find(is_host) else {
            continue;
        };
        let first = holding[0];
        let has_host = holding
            .iter()
            .any(|directive| directive.arg(0).eq_ignore_ascii_case(b"Host"));
        if has_host || !seen.insert(first.id) {
            continue;
        }
        let lost: Vec<&&Directive> = dropped
            .iter()
            .filter(|directive| {
                !holding
                    .iter()
                    .any(|own| own.arg(0).eq_ignore_ascii_case(directive.arg(0)))
            })
            .collect();
        let names: Vec<String> = lost
            .iter()
            .map(|directive| text(directive.arg(0)))
            .collect();
        let place = context.name_of(pass.scope);
        let claim = format!(
            "{place} has a {list} of its own, which drops the inherited ones: {} are not sent, and Host is the name of the upstream",
            names.join(", ")
        );
        let remedies = lost
            .iter()
            .map(|directive| advice(list, &place, text(&directive.args().join(&b' '))));
        told.push(
            claim,
            vec![first.position, host.position],
            remedies.collect(),
        );
    }
}

/// An upgrade needs `Upgrade`, `Connection: upgrade` and HTTP/1.1.
pub(super) fn websocket(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    for pass in context
        .groups
        .passes
        .iter()
        .filter(|pass| pass.family == Family::Proxy)
    {
        let Some(upgrade) = config
            .header(pass.scope, "proxy_set_header", "Upgrade")
            .filter(|header| !header.value.is_empty())
        else {
            continue;
        };
        let place = context.name_of(pass.scope);
        let mut wanted = Vec::new();
        let connection = config.header(pass.scope, "proxy_set_header", "Connection");
        if connection.is_none_or(|header| {
            header.value.is_empty() || header.value.eq_ignore_ascii_case(b"close")
        }) {
            wanted.push(advice("proxy_set_header", &place, "Connection \"upgrade\""));
        }
        let http = config.words(pass.scope, "proxy_http_version");
        if http.is_none_or(|http| http.value == [b"1.0"]) {
            wanted.push(advice("proxy_http_version", &place, "1.1"));
        }
        if wanted.is_empty() {
            continue;
        }
        let missing: Vec<String> = wanted
            .iter()
            .map(|advice| format!("`{} {}`", advice.directive, advice.value))
            .collect();
        let claim = format!(
            "{place} passes `Upgrade` on, but has no {}: WebSocket handshakes fail (before 1.29.7 the default is HTTP/1.0)",
            missing.join(" and no ")
        );
        told.push(
            claim,
            upgrade
                .origin
                .position()
                .into_iter()
                .chain([pass.directive.position])
                .collect(),
            wanted,
        );
    }
}

/// An upgraded connection ends when the upstream is silent for `proxy_read_timeout`, 60 s where nothing is written.
pub(super) fn websocket_idle(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    for pass in &context.groups.passes {
        let upgrade = config
            .header(pass.scope, "proxy_set_header", "Upgrade")
            .filter(|header| pass.family == Family::Proxy && !header.value.is_empty());
        let is_written = !config.set(pass.scope, "proxy_read_timeout").is_empty();
        let (Some(upgrade), false) = (upgrade, is_written) else {
            continue;
        };
        let place = context.name_of(pass.scope);
        let claim = format!(
            "{place} passes `Upgrade` on and has proxy_read_timeout at its default: a WebSocket in which the backend is silent for 60 s is closed"
        );
        told.push(
            claim,
            [pass.directive.position]
                .into_iter()
                .chain(upgrade.origin.position())
                .collect(),
            vec![advice("proxy_read_timeout", place, "3600s")],
        );
    }
}

/// `Connection: upgrade` whatever the client asked, so that no connection to the group is kept (the `map` of nginx.org's page on
/// WebSockets is for that).
pub(super) fn always_upgrade(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    for pass in &context.groups.passes {
        let Target::Group(id) = pass.target else {
            continue;
        };
        let connection = config.header(pass.scope, "proxy_set_header", "Connection");
        let is_constant =
            connection.is_some_and(|header| header.value.eq_ignore_ascii_case(b"upgrade"));
        let keepalive = context.groups.keepalive(id);
        if pass.family != Family::Proxy || !is_constant || keepalive.n_connections == 0 {
            continue;
        }
        let place = context.name_of(pass.scope);
        let claim = format!(
            "{place} sends `Connection: upgrade` with every request, also with those that are no WebSocket: connections to upstream \"{}\" are not kept, whatever `keepalive` says",
            text(&context.groups.group(id).name)
        );
        let remedies = vec![
            advice(
                "map",
                "http",
                "$http_upgrade $connection_upgrade { default upgrade; '' ''; }",
            ),
            advice("proxy_set_header", place, "Connection $connection_upgrade"),
        ];
        let header = connection.and_then(|header| header.origin.position());
        told.push(
            claim,
            [pass.directive.position]
                .into_iter()
                .chain(header)
                .collect(),
            remedies,
        );
    }
}

/// A constant `X-Forwarded-Proto` where plain HTTP comes in too.
pub(super) fn constant_scheme(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    let servers = config.servers();
    for pass in context
        .groups
        .passes
        .iter()
        .filter(|pass| pass.family == Family::Proxy)
    {
        let header = config.header(pass.scope, "proxy_set_header", "X-Forwarded-Proto");
        let Some(header) = header.filter(|header| header.value.eq_ignore_ascii_case(b"https"))
        else {
            continue;
        };
        let around = config.server_around(pass.scope);
        let server = servers.iter().find(|server| Some(server.scope) == around);
        let takes_plain =
            server.is_some_and(|server| server.listens.iter().any(|listen| !listen.has("ssl")));
        if !takes_plain {
            continue;
        }
        let place = context.name_of(pass.scope);
        let claim = format!(
            "{place} tells the backend `X-Forwarded-Proto: https` also of plain HTTP: it never redirects to https, or, with a second value, redirects without end. Right only behind a balancer that ends TLS"
        );
        told.push(
            claim,
            header
                .origin
                .position()
                .into_iter()
                .chain([pass.directive.position])
                .collect(),
            vec![advice(
                "proxy_set_header",
                place,
                "X-Forwarded-Proto $scheme",
            )],
        );
    }
}

/// Without buffers a backend is busy for as long as its client reads.
pub(super) fn unbuffered(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    let mut seen = HashSet::new();
    for pass in &context.groups.passes {
        let directive = pass.family.directive("buffering");
        let Some(off) = config
            .set(pass.scope, &directive)
            .last()
            .copied()
            .filter(|set| set.arg(0).eq_ignore_ascii_case(b"off"))
        else {
            continue;
        };
        // In a location of its own it may be meant: for events that the server sends.
        if off.scope == pass.scope || !seen.insert(off.id) {
            continue;
        }
        let place = context.name_of(off.scope);
        let claim = format!(
            "`{directive} off` in {place} holds for all that is passed there: a backend is busy for as long as its client reads, so slow clients use up its workers, and no answer is cached"
        );
        told.push(
            claim,
            vec![off.position],
            vec![advice(&directive, "the location that streams", "off")],
        );
    }
}

/// From here on, the buffers of a request are large: 150 times the default.
const LARGE_BYTES: u64 = 1 << 20;

/// What is copied from advice about headers that are too big, and is allocated while a backend answers.
pub(super) fn large_buffers(context: &Context<'_>, told: &mut Told<'_>) {
    let mut seen = HashSet::new();
    for pass in &context.groups.passes {
        let plan = context.config.buffer_plan(pass.scope, pass.family);
        let Some(plan) = plan.filter(|plan| plan.refusal().is_none()) else {
            continue;
        };
        let Buffers { number, size_bytes } = plan.buffers.value;
        let all = number
            .saturating_mul(size_bytes)
            .saturating_add(plan.buffer_size.value);
        let positions = plan.positions();
        if all < LARGE_BYTES || !seen.insert(positions.clone()) {
            continue;
        }
        let [header, body] = ["buffer_size", "buffers"].map(|name| pass.family.directive(name));
        let kilo = |bytes: u64| bytes.div_ceil(1024);
        let claim = format!(
            "`{header} {}k` and `{body} {number} {}k` let each request to {} take {}k of memory while its answer comes: a thousand of them take {} MB. It is the header that must fit into {header}; a body that does not fit goes to a file, which fails nobody",
            kilo(plan.buffer_size.value),
            kilo(size_bytes),
            context.name_of(pass.scope),
            kilo(all),
            all.saturating_mul(1_000) / 1_000_000
        );
        let place = context.name_of(pass.scope);
        told.push(
            claim,
            positions,
            vec![
                advice(&header, &place, "16k"),
                advice(&body, &place, "8 16k"),
            ],
        );
    }
}

/// Conditions that retry what a backend has already worked on.
const COSTLY: [&[u8]; 6] = [
    b"http_500",
    b"http_502",
    b"http_503",
    b"http_504",
    b"http_429",
    b"non_idempotent",
];

pub(super) fn retry(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    let mut seen = HashSet::new();
    for pass in &context.groups.passes {
        let Target::Group(id) = pass.target else {
            continue;
        };
        if pass.family == Family::Stream {
            continue; // there it is on or off
        }
        let group = context.groups.group(id);
        let written = config.set(pass.scope, &pass.family.directive("next_upstream"));
        let conditions: Vec<&Vec<u8>> = written
            .iter()
            .flat_map(|directive| directive.args())
            .collect();
        let costly: Vec<String> = conditions
            .iter()
            .filter(|word| COSTLY.contains(&word.as_slice()))
            .map(|word| text(word))
            .collect();
        let n_tries = group.peers.iter().filter(|peer| !peer.is_down).count();
        let is_zero = |suffix: &str| {
            config
                .value_text(pass.scope, &pass.family.directive(suffix))
                .is_none_or(|value| value == b"0" || value == b"0s")
        };
        let Some(first) = written
            .first()
            .filter(|_| !costly.is_empty() && n_tries > 1)
        else {
            continue;
        };
        if !is_zero("next_upstream_tries")
            || !is_zero("next_upstream_timeout")
            || !seen.insert((first.id, id))
        {
            continue;
        }
        let place = context.name_of(pass.scope);
        let read_ms = config
            .timeouts(pass.scope, pass.family)
            .read
            .map_or(0, |read| read.value);
        let claim = format!(
            "{place} tries the next of {n_tries} peers on {}: a client may wait {n_tries} times {} s, and every backend gets the load of the one that fails",
            costly.join(", "),
            read_ms / 1000
        );
        let remedies = vec![
            advice(&pass.family.directive("next_upstream_tries"), &place, "2"),
            advice(
                &pass.family.directive("next_upstream_timeout"),
                &place,
                "15s",
            ),
        ];
        told.push(claim, vec![first.position, group.position], remedies);
    }
}
