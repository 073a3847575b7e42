//! What is wrong with groups of peers.

use super::{Certainty, Context, Told, advice, text};
use crate::config::{Address, Balancing, Family, Group, GroupId, Peer, Realm, Version};
use std::collections::HashMap;

/// `ngx_http_upstream_init_main_conf`, `ngx_http_upstream`: no servers, a name twice, `backup` with a method that knows none.
pub(super) fn cannot_load(context: &Context<'_>, told: &mut Told<'_>) {
    let mut seen: HashMap<(Realm, Vec<u8>), GroupId> = HashMap::new();
    for (id, group) in explicit(context) {
        let name = text(&group.name);
        let block = format!("upstream {name}");
        if group.peers.is_empty() && !has_other_source(context, group) {
            let claim =
                format!("upstream \"{name}\" has no servers: \"no servers are inside upstream\"");
            told.push(
                claim,
                vec![group.position],
                vec![advice("server", &block, "ADDRESS")],
            );
        }
        let first = *seen
            .entry((group.realm, group.name.to_ascii_lowercase()))
            .or_insert(id);
        if first != id {
            let claim =
                format!("there are two blocks of this name: \"duplicate upstream \"{name}\"\"");
            let remedy = advice("upstream", "http", "NAME");
            let first = context.groups.group(first).position;
            told.push(claim, vec![group.position, first], vec![remedy]);
        }
        let Balancing::Method(method) = context.groups.balancing(id) else {
            continue;
        };
        let knows_backup = !["hash", "ip_hash", "random"]
            .iter()
            .any(|name| method.is(name));
        for peer in group
            .peers
            .iter()
            .filter(|peer| peer.is_backup && !knows_backup)
        {
            let method_name = text(method.name());
            let claim = format!(
                "{} in upstream \"{name}\" is a backup, which {method_name} does not support: \"balancing method does not support \
                 parameter \"backup\"\"",
                text(peer.written)
            );
            let advice = vec![advice(
                "server",
                &block,
                format!("{} without `backup`", text(peer.written)),
            )];
            told.push(claim, vec![peer.position, method.position], advice);
        }
    }
}

/// A program or a state file gives the servers.
fn has_other_source(context: &Context<'_>, group: &Group<'_>) -> bool {
    let Some(scope) = group.scope else {
        return false;
    };
    let directives = &context.config.scope(scope).directives;
    directives
        .iter()
        .map(|&id| context.config.directive(id))
        .any(|directive| {
            directive.is("state")
                || directive.name().starts_with(b"balancer_by_lua")
                || directive.name().starts_with(b"lua")
        })
}

pub(super) fn all_down(context: &Context<'_>, told: &mut Told<'_>) {
    for (_, group) in explicit(context) {
        if group.peers.is_empty() || group.n_up() > 0 {
            continue;
        }
        let name = text(&group.name);
        let claim = format!(
            "every server of upstream \"{name}\" is `down`: each request is a 502 with `no live upstreams`, from the first on"
        );
        let positions = group.peers.iter().map(|peer| peer.position).collect();
        told.push(
            claim,
            positions,
            vec![advice(
                "server",
                format!("upstream {name}"),
                "without `down`",
            )],
        );
    }
}

/// `ngx_http_upstream_free_round_robin_peer` spares a peer only where it is the only one.
pub(super) fn made_plural(context: &Context<'_>, told: &mut Told<'_>) {
    for (_, group) in explicit(context) {
        let up: Vec<&Peer<'_>> = group.peers.iter().filter(|peer| !peer.is_down).collect();
        let down: Vec<&Peer<'_>> = group.peers.iter().filter(|peer| peer.is_down).collect();
        let [only] = up[..] else {
            continue;
        };
        if down.is_empty() || only.is_backup || only.max_fails == 0 {
            continue;
        }
        let name = text(&group.name);
        let claim = format!(
            "of upstream \"{name}\" only {} is in service; because the `down` servers count as peers, {} failed tries take it out for {} s, \
             and every request meanwhile is a 502 with `no live upstreams`",
            text(only.written),
            only.max_fails,
            only.fail_timeout_s
        );
        let positions = down
            .iter()
            .chain([&only])
            .map(|peer| peer.position)
            .collect();
        let block = format!("upstream {name}");
        let remedy = format!("{} max_fails=0", text(only.written));
        told.push(
            claim,
            positions,
            vec![
                advice("server", &block, ""),
                advice("server", block, remedy),
            ],
        );
    }
}

pub(super) fn localhost(context: &Context<'_>, told: &mut Told<'_>) {
    for id in context.groups.ids() {
        let group = context.groups.group(id);
        for peer in &group.peers {
            let Some(Address::Name { host, port }) = &peer.address else {
                continue;
            };
            if host != b"localhost" || peer.is_down {
                continue;
            }
            let claim = format!(
                "`{}` is 127.0.0.1 and, where the system says so, [::1] as well: two peers. A backend that listens at one of them is refused \
                 at the other, every second time",
                text(peer.written)
            );
            let value = port.map_or("127.0.0.1".to_owned(), |port| format!("127.0.0.1:{port}"));
            let remedy = match (group.scope, context.groups.passes_to(id).next()) {
                (None, Some(pass)) => {
                    let directive = text(pass.directive.name());
                    let has_scheme = matches!(&directive[..], "proxy_pass" | "grpc_pass");
                    let value = match (has_scheme, pass.scheme) {
                        (false, _) | (_, "") => value,
                        (true, scheme) => format!("{scheme}://{value}"),
                    };
                    advice(&directive, context.name_of(pass.scope), value)
                }
                _ => advice("server", format!("upstream {}", text(&group.name)), value),
            };
            told.push(claim, vec![peer.position], vec![remedy]);
        }
    }
}

pub(super) fn single_parameters(context: &Context<'_>, told: &mut Told<'_>) {
    for (_, group) in explicit(context) {
        let [peer] = &group.peers[..] else {
            continue;
        };
        // A name may be several addresses, and then the parameters count.
        if matches!(peer.address, Some(Address::Name { .. }) | None) || peer.is_backup {
            continue;
        }
        let ignored = ["max_fails=", "fail_timeout=", "slow_start="];
        let is_ignored =
            |word: &&Vec<u8>| ignored.iter().any(|key| word.starts_with(key.as_bytes()));
        let written: Vec<String> = peer
            .parameters
            .iter()
            .filter(is_ignored)
            .map(|word| text(word))
            .collect();
        if written.is_empty() {
            continue;
        }
        let name = text(&group.name);
        let claim = format!(
            "{} is the only server of upstream \"{name}\", so {} is ignored",
            text(peer.written),
            written.join(" ")
        );
        let block = format!("upstream {name}");
        told.push(
            claim,
            vec![peer.position],
            vec![advice(
                "server",
                block,
                "a second one, if requests are to go elsewhere",
            )],
        );
    }
}

pub(super) fn no_zone(context: &Context<'_>, told: &mut Told<'_>) {
    let workers = context
        .config
        .words(context.config.main(), "worker_processes");
    if workers.is_none_or(|workers| workers.value == [b"1"]) {
        return;
    }
    for (id, group) in explicit(context) {
        let counts = |peer: &&Peer<'_>| !peer.is_down && peer.max_fails > 0;
        if group.peers.iter().filter(counts).count() < 2 || context.groups.zone(id).is_some() {
            continue;
        }
        let name = text(&group.name);
        let claim = format!(
            "upstream \"{name}\" has several peers and no `zone`: each worker process learns by itself that one has failed, so `no live \
             upstreams` can come from one while another still connects"
        );
        told.push(
            claim,
            vec![group.position],
            vec![advice(
                "zone",
                format!("upstream {name}"),
                format!("{name} 64k"),
            )],
        );
    }
}

/// Before 1.29.7, `keepalive` needs HTTP/1.1 and an empty `Connection` wherever requests pass to the group; of FastCGI `fastcgi_keep_conn`.
pub(super) fn keepalive_ineffective(context: &Context<'_>, told: &mut Told<'_>) {
    if context
        .config
        .version
        .is_some_and(|version| version >= Version::KEEPS_CONNECTIONS)
    {
        return;
    }
    for (id, group) in explicit(context) {
        let keepalive = context.groups.keepalive(id);
        let Some(position) = keepalive.position.filter(|_| keepalive.n_connections > 0) else {
            continue;
        };
        for pass in context.groups.passes_to(id) {
            let (config, scope) = (context.config, pass.scope);
            let mut wanted = Vec::new();
            let place = context.name_of(scope);
            match pass.family {
                Family::Proxy => {
                    let http = config.words(scope, "proxy_http_version");
                    if http.is_none_or(|http| http.value == [b"1.0"]) {
                        wanted.push(advice("proxy_http_version", &place, "1.1"));
                    }
                    let connection = config.header(scope, "proxy_set_header", "Connection");
                    // What a variable holds is not known: an upgrade map may well give nothing.
                    if connection.is_none_or(|header| {
                        !header.value.is_empty() && !header.value.contains(&b'$')
                    }) {
                        wanted.push(advice("proxy_set_header", &place, "Connection \"\""));
                    }
                }
                Family::Fastcgi
                    if !config
                        .flag(scope, "fastcgi_keep_conn")
                        .is_some_and(|flag| flag.value) =>
                {
                    wanted.push(advice("fastcgi_keep_conn", &place, "on"));
                }
                _ => {}
            }
            if wanted.is_empty() {
                continue;
            }
            let missing: Vec<String> = wanted
                .iter()
                .map(|advice| format!("`{} {}`", advice.directive, advice.value))
                .collect();
            let claim = format!(
                "upstream \"{}\" has `keepalive {}`, but in {place} there is no {}: nginx before 1.29.7 closes every connection",
                text(&group.name),
                keepalive.n_connections,
                missing.join(" and no ")
            );
            let certainty = match context.config.version {
                Some(_) => Certainty::Certain,
                None => Certainty::Likely, // the version may need none of it
            };
            let positions = vec![position, pass.directive.position];
            told.push_as(certainty, claim, positions, wanted);
        }
    }
}

/// Before 1.29.7 the method replaces what `keepalive` set up: "load balancing method redefined".
pub(super) fn keepalive_order(context: &Context<'_>, told: &mut Told<'_>) {
    if context
        .config
        .version
        .is_some_and(|version| version >= Version::KEEPS_CONNECTIONS)
    {
        return;
    }
    for (id, group) in explicit(context) {
        let scope = group.scope.into_iter();
        let keepalive = scope
            .flat_map(|scope| context.config.own(scope, "keepalive"))
            .next();
        let (Balancing::Method(method), Some(keepalive)) =
            (context.groups.balancing(id), keepalive)
        else {
            continue;
        };
        if keepalive.id > method.id {
            continue;
        }
        let (name, method_name) = (text(&group.name), text(method.name()));
        let claim = format!(
            "in upstream \"{name}\" `keepalive` stands before `{method_name}`, which undoes it in nginx before 1.29.7"
        );
        let remedy = advice(
            "keepalive",
            format!("upstream {name}"),
            format!("behind `{method_name}`"),
        );
        told.push(
            claim,
            vec![keepalive.position, method.position],
            vec![remedy],
        );
    }
}

fn explicit<'c, 'a>(
    context: &'c Context<'a>,
) -> impl Iterator<Item = (GroupId, &'c Group<'a>)> + use<'c, 'a> {
    let ids = context.groups.ids();
    ids.map(|id| (id, context.groups.group(id)))
        .filter(|(_, group)| group.scope.is_some())
}
