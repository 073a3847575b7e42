//! Whom nginx connects to, as it knows them: names and authorities of TLS, paths of sockets, servers of DNS.

use super::{Draft, Exact, Facts, To, advice, context, name, origin};
use crate::config::{Config, lint::Advice};

pub(super) fn tls_name(to: &To<'_, '_>) -> Option<Exact> {
    let pass = to
        .passes
        .iter()
        .find(|pass| matches!(pass.scheme, "https" | "grpcs" | "suwsgi"))?;
    let directive = |suffix: &str| pass.family.directive(suffix);
    let is_sent = to
        .config
        .flag(pass.scope, &directive("ssl_server_name"))
        .is_some_and(|flag| flag.value);
    let written = to
        .config
        .set(pass.scope, &directive("ssl_name"))
        .first()
        .map(|set| name(set.arg(0)));
    let context = to.context(pass.scope);
    let peer = to
        .groups
        .group(to.id)
        .peers
        .first()
        .and_then(|peer| match &peer.address {
            Some(crate::config::Address::Name { host, .. }) => Some(name(host)),
            _ => None,
        });
    let host = written.clone().unwrap_or_else(|| name(pass.host));
    let wanted = peer.unwrap_or_else(|| "NAME".to_owned());
    let mut changes = Vec::new();
    if !is_sent {
        changes.push(advice(directive("ssl_server_name"), &context, "on"));
    }
    if written.is_none() && to.block().is_some() {
        changes.push(advice(directive("ssl_name"), &context, &wanted));
        changes.push(advice(
            directive("set_header"),
            &context,
            format!("Host {wanted}"),
        ));
    }
    let sent = match is_sent {
        true => format!("nginx sends the name {host}"),
        false => format!(
            "{} is off, so no name is sent",
            directive("ssl_server_name")
        ),
    };
    Some(Exact {
        claim: format!("In {context} {sent}, and a certificate would be compared with {host}."),
        changes,
        evidence: vec![to.exhibit(pass.directive.position, "the pass")],
    })
}

/// Whom nginx trusts where it passes requests there.
pub(super) fn trust(to: &To<'_, '_>, draft: &Draft) -> Option<Exact> {
    let pass = to
        .passes
        .iter()
        .find(|pass| matches!(pass.scheme, "https" | "grpcs" | "suwsgi"))?;
    let directive = |suffix: &str| pass.family.directive(suffix);
    let written = |suffix: &str| {
        let set = to.config.set(pass.scope, &directive(suffix));
        set.first().map(|set| (name(set.arg(0)), set.position))
    };
    let context = to.context(pass.scope);
    let trusted = written("ssl_trusted_certificate");
    let verify = written("ssl_verify");
    let (depth, depth_at) = match written("ssl_verify_depth") {
        Some((depth, at)) => (depth, Some(at)),
        None => ("1".to_owned(), None),
    };
    let file = match &trusted {
        Some((file, _)) => format!("trusts who stands in {file}"),
        None => "names no file of trusted authorities".to_owned(),
    };
    let places = [
        trusted.map(|(_, at)| at),
        verify.map(|(_, at)| at),
        depth_at,
    ];
    Some(Exact {
        claim: format!(
            "{context} {file}, with {} {depth} ({}).",
            directive("ssl_verify_depth"),
            origin(to.config, depth_at)
        ),
        changes: draft
            .changes
            .iter()
            .map(|change| match change.directive.strip_prefix("proxy_") {
                Some("ssl_trusted_certificate") => advice(
                    directive("ssl_trusted_certificate"),
                    &context,
                    "a file with the certificate of the issuer, and those between",
                ),
                suffix => advice(
                    directive(suffix.unwrap_or(&change.directive)),
                    &context,
                    &change.value,
                ),
            })
            .collect(),
        evidence: places
            .into_iter()
            .flatten()
            .map(|at| to.exhibit(at, "whom nginx trusts there"))
            .collect(),
    })
}

/// Which pass names the socket, and whose workers open it.
pub(super) fn socket(to: &To<'_, '_>) -> Exact {
    let pass = to.passes[0];
    let peer = to.groups.group(to.id).peers.first();
    let user = to.config.words(to.config.main(), "user");
    let (user, user_at) = match &user {
        Some(words) => (
            name(words.value.first().copied().unwrap_or_default()),
            words.origin.position(),
        ),
        None => ("nobody, the default that packages change".to_owned(), None),
    };
    let at = peer.map_or(pass.directive.position, |peer| peer.position);
    Exact {
        claim: format!(
            "The path is written in {}, and nginx's workers run as user {user} ({}).",
            name(to.config.cite(at).as_bytes()),
            origin(to.config, user_at)
        ),
        changes: Vec::new(),
        evidence: [Some(at), user_at]
            .into_iter()
            .flatten()
            .map(|at| to.exhibit(at, "what nginx opens, and as whom"))
            .collect(),
    }
}

/// Where the path of a socket is written, if that is a pass and no `server` of a block.
pub(super) fn path(to: &To<'_, '_>) -> Option<Advice> {
    let pass = to.passes.first().filter(|_| to.block().is_none())?;
    let prefix = match pass.family {
        crate::config::Family::Proxy => "http://",
        _ => "",
    };
    Some(advice(
        name(pass.directive.name()),
        to.context(pass.scope),
        format!("{prefix}unix:PATH"),
    ))
}

/// What nginx itself sends as credentials, if it does. Where they stand is cited, what they are is not told.
pub(super) fn credentials(to: &To<'_, '_>) -> Option<Exact> {
    let (pass, header) = to.passes.iter().find_map(|pass| {
        let header = to
            .config
            .header(pass.scope, "proxy_set_header", "Authorization")?;
        Some((pass, header))
    })?;
    let context = to.context(pass.scope);
    let position = header.origin.position();
    Some(Exact {
        claim: format!(
            "In {context} nginx sends an Authorization of its own for all clients ({}): where the backend denies them all, that one is no longer good. It is a secret, and stands in every copy of this configuration.",
            origin(to.config, position)
        ),
        changes: vec![advice(
            "proxy_set_header",
            &context,
            "Authorization CREDENTIALS",
        )],
        evidence: position
            .map(|position| to.exhibit(position, "the credentials stand here"))
            .into_iter()
            .collect(),
    })
}

/// Name servers that anybody may ask.
const PUBLIC: [&str; 8] = [
    "8.8.8.8",
    "8.8.4.4",
    "1.1.1.1",
    "1.0.0.1",
    "9.9.9.9",
    "208.67.222.222",
    "[2001:4860:4860:",
    "[2606:4700:4700:",
];

/// Whom nginx asks for names; `is_silent`: the trouble is the server, not the name.
pub(super) fn resolver(facts: &Facts<'_>, config: &Config, is_silent: bool) -> Option<Exact> {
    let resolver = config
        .directives
        .iter()
        .find(|directive| directive.is("resolver"))?;
    let timeout = config.milliseconds(resolver.scope, "resolver_timeout");
    let ms = timeout.map_or(30_000, |timeout| timeout.value);
    let context = context(config, resolver.scope);
    let public = resolver.args().iter().find(|server| {
        PUBLIC
            .iter()
            .any(|known| server.starts_with(known.as_bytes()))
    });
    let blind = public.map_or_else(String::new, |server| {
        format!(
            " {} is a public server: it knows none of your internal names.",
            name(server)
        )
    });
    // A server that answers is not made to know the name by less patience.
    let change = match (is_silent, public) {
        (true, _) => (ms > 5_000).then(|| advice("resolver_timeout", &context, "5s")),
        (false, Some(_)) => Some(advice("resolver", &context, "ADDRESS valid=30s")),
        (false, None) => None,
    };
    Some(Exact {
        claim: format!(
            "nginx asks `resolver {}` ({context}) itself and waits {} for it; /etc/resolv.conf and /etc/hosts play no part.{blind}",
            name(&resolver.args().join(&b' ')),
            super::limits::value(ms)
        ),
        changes: change.into_iter().collect(),
        evidence: vec![facts.config_exhibit(resolver.position, "the resolver")],
    })
}
