//! What is wrong with servers, workers and limiters.

use super::{Context, Told, advice, text};
use crate::config::{Realm, ScopeKind, Server};
use std::collections::HashMap;

/// `conflicting server name "x" on 0.0.0.0:80, ignored` (`ngx_http_server_names`).
pub(super) fn conflicting(context: &Context<'_>, told: &mut Told<'_>) {
    let mut first_of: HashMap<(&[u8], Vec<u8>), &Server<'_>> = HashMap::new();
    let servers = context.config.servers();
    for server in servers.iter().filter(|server| server.realm == Realm::Http) {
        let names = match server.names.is_empty() {
            true => vec![&b""[..]],
            false => server.names.clone(),
        };
        for listen in &server.listens {
            for name in names.iter().filter(|name| !name.starts_with(b"~")) {
                let first = *first_of
                    .entry((&listen.address, name.to_ascii_lowercase()))
                    .or_insert(server);
                if first.scope == server.scope {
                    continue;
                }
                let (address, name) = (text(&listen.address), text(name));
                let claim = format!(
                    "conflicting server name \"{name}\" on {address}: nginx ignores the later one, so requests go to the block that stands first"
                );
                let remedy = advice("server_name", format!("server {name}"), "NAME");
                told.push(claim, vec![server.position, first.position], vec![remedy]);
            }
        }
    }
}

/// `N worker_connections exceed open file resource limit: M`.
pub(super) fn files(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    let Some(events) = config.scopes_of(ScopeKind::Events).next() else {
        return;
    };
    let connections = config.number(events, "worker_connections");
    let files = config.number(config.main(), "worker_rlimit_nofile");
    let (Some(connections), Some(files)) = (connections, files) else {
        return;
    };
    if connections.value <= files.value {
        return;
    }
    let claim = format!(
        "{} worker_connections exceed the {} files a worker may open: a proxied request needs two, and past the limit nginx neither accepts nor connects",
        connections.value, files.value
    );
    let positions = [files.origin.position(), connections.origin.position()];
    let remedy = advice(
        "worker_rlimit_nofile",
        "main",
        (connections.value.saturating_mul(2)).to_string(),
    );
    told.push(
        claim,
        positions.into_iter().flatten().collect(),
        vec![remedy],
    );
}

/// A limiter says 503 unless told otherwise; told 502 or 504, it looks like a broken gateway.
pub(super) fn limit_status(context: &Context<'_>, told: &mut Told<'_>) {
    let is_limit = |name: &[u8]| matches!(name, b"limit_req_status" | b"limit_conn_status");
    for directive in context
        .config
        .directives
        .iter()
        .filter(|directive| is_limit(directive.name()))
    {
        if !matches!(directive.arg(0), b"502" | b"504") {
            continue;
        }
        let (name, status) = (text(directive.name()), text(directive.arg(0)));
        let place = context.name_of(directive.scope);
        let claim = format!("in {place} a limiter answers {status}, as if an upstream had failed");
        told.push(
            claim,
            vec![directive.position],
            vec![advice(&name, place, "429")],
        );
    }
}
