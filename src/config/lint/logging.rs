//! What hides failures from the logs.

use super::{Context, Told, advice, text};
use crate::config::{Directive, DirectiveId, LogTarget, Realm, ScopeId, logs::find_format};
use std::collections::{BTreeMap, HashSet};

/// `unknown log format "x"`.
pub(super) fn unknown_format(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    if !config.is_whole() {
        return; // it may be defined in what is missing
    }
    let formats = config.log_formats();
    for log in config.access_logs() {
        let is_used = !matches!(log.target, LogTarget::Nowhere(_));
        if is_used && find_format(&formats, log.realm, log.format).is_none() {
            let name = text(log.format);
            let claim = format!(
                "access_log names the format \"{name}\", which no log_format defines: \"unknown log format\""
            );
            let remedy = advice("log_format", "http", format!("{name} '…'"));
            told.push(claim, log.position.into_iter().collect(), vec![remedy]);
        }
    }
}

/// Statuses of a failing gateway.
const FAILURES: [&[u8]; 4] = [b"500", b"502", b"503", b"504"];

pub(super) fn error_page(context: &Context<'_>, told: &mut Told<'_>) {
    for directive in context
        .config
        .directives
        .iter()
        .filter(|directive| directive.is("error_page"))
    {
        let Some((page, rest)) = directive.args().split_last() else {
            continue;
        };
        let Some((answer, codes)) = rest.split_last() else {
            continue;
        };
        let Some(status) = answer.strip_prefix(b"=") else {
            continue;
        };
        let hidden: Vec<String> = codes
            .iter()
            .filter(|code| FAILURES.contains(&code.as_slice()) && *code != status)
            .map(|code| text(code))
            .collect();
        if hidden.is_empty() {
            continue;
        }
        let becomes = match status {
            b"" => format!("the status of {}", text(page)),
            status => text(status),
        };
        let place = context.name_of(directive.scope);
        let claim = format!(
            "in {place} a {} becomes {becomes}: clients and the access log's $status do not show the failure; $upstream_status does",
            hidden.join(" or ")
        );
        let without = format!("{} {}", text(&codes.join(&b' ')), text(page));
        told.push(
            claim,
            vec![directive.position],
            vec![advice("error_page", place, without)],
        );
    }
}

pub(super) fn level(context: &Context<'_>, told: &mut Told<'_>) {
    for log in context.config.error_logs() {
        if !matches!(log.level, b"crit" | b"alert" | b"emerg") {
            continue;
        }
        let place = context.name_of(log.scope);
        let claim = format!(
            "the error log of {place} takes level `{}` and above: refused connections, timeouts and closed connections are `error` and are \
             not in it",
            text(log.level)
        );
        let (LogTarget::File(path) | LogTarget::Syslog(path) | LogTarget::Nowhere(path)) =
            log.target;
        let path = text(path);
        told.push(
            claim,
            vec![log.position],
            vec![advice("error_log", place, format!("{path} warn"))],
        );
    }
}

/// Hundreds of lines for each request, and only a build `--with-debug` writes them.
pub(super) fn debug(context: &Context<'_>, told: &mut Told<'_>) {
    let logs = context.config.error_logs();
    for log in logs.iter().filter(|log| log.level == b"debug") {
        let place = context.name_of(log.scope);
        let claim = format!(
            "the error log of {place} takes level `debug`: hundreds of lines for each request fill the disk and slow every worker; without --with-debug it has nothing that `info` has not"
        );
        let (LogTarget::File(path) | LogTarget::Syslog(path) | LogTarget::Nowhere(path)) =
            log.target;
        told.push(
            claim,
            vec![log.position],
            vec![advice("error_log", place, format!("{} warn", text(path)))],
        );
    }
}

pub(super) fn error_log_off(context: &Context<'_>, told: &mut Told<'_>) {
    for log in context
        .config
        .error_logs()
        .iter()
        .filter(|log| log.target.path() == Some(b"off"))
    {
        let place = context.name_of(log.scope);
        let claim = format!(
            "`error_log off` in {place} writes to a file named `off` below the prefix of nginx; look there"
        );
        told.push(
            claim,
            vec![log.position],
            vec![advice("error_log", place, "PATH")],
        );
    }
}

/// Where requests pass to an upstream and `access_log off` holds.
pub(super) fn access_log_off(context: &Context<'_>, told: &mut Told<'_>) {
    let mut seen = HashSet::new();
    for pass in &context.groups.passes {
        let set = context.config.set(pass.scope, "access_log");
        let Some(off) = set.iter().find(|directive| directive.args() == [b"off"]) else {
            continue;
        };
        if !seen.insert(off.id) {
            continue;
        }
        let place = context.name_of(pass.scope);
        let claim = format!(
            "requests of {place} pass to an upstream and are not logged: their failures are in the error log alone"
        );
        told.push(
            claim,
            vec![off.position, pass.directive.position],
            vec![advice("access_log", place, "PATH FORMAT")],
        );
    }
}

pub(super) fn condition(context: &Context<'_>, told: &mut Told<'_>) {
    for log in context.config.access_logs() {
        let (Some(condition), Some(position)) = (log.condition, log.position) else {
            continue;
        };
        let place = context.name_of(log.scope);
        let claim = format!(
            "the access log of {place} has only requests for which `{}` is neither empty nor 0: rates from it are of those alone",
            text(condition)
        );
        told.push(
            claim,
            vec![position],
            vec![advice(
                "access_log",
                place,
                "without `if=`, or a second one without it",
            )],
        );
    }
}

/// What an access log needs so that a failure can be told from it.
const WANTED: &str = "rt=$request_time ua=\"$upstream_addr\" us=\"$upstream_status\" uct=\"$upstream_connect_time\" \
    uht=\"$upstream_header_time\" urt=\"$upstream_response_time\" added to the format";

pub(super) fn no_upstream(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    let formats = config.log_formats();
    let tells = |realm: Realm, name: &[u8]| {
        let format = find_format(&formats, realm, name);
        format.is_none_or(|format| format.body.windows(10).any(|part| part == b"$upstream_"))
    };
    // By directive, so that a log is told once; without one, the log that nginx opens by itself.
    let mut poor: BTreeMap<Option<DirectiveId>, (ScopeId, usize)> = BTreeMap::new();
    for pass in &context.groups.passes {
        let Some(realm) = config.scope(pass.scope).kind.realm() else {
            continue;
        };
        let mut logs = config.set(pass.scope, "access_log");
        let is_default = logs.is_empty() && realm == Realm::Http;
        logs.retain(|log| log.args() != [b"off"]);
        if logs.iter().any(|log| tells(realm, format_of(log))) {
            continue;
        }
        let written = logs.iter().map(|log| Some(log.id));
        for id in written.chain(is_default.then_some(None)) {
            poor.entry(id).or_insert((pass.scope, 0)).1 += 1;
        }
    }
    for (id, (scope, n)) in poor {
        let log = id.map(|id| config.directive(id));
        let first = context.name_of(scope);
        let more = match n {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let name = text(log.map_or(b"combined", format_of));
        let claim = format!(
            "the access log of {first}{more} has format `{name}`, without any $upstream_ variable: it cannot tell which upstream failed, \
             nor a failure of the gateway from one of the backend"
        );
        let position = log.map(|log| log.position);
        told.push(
            claim,
            position.into_iter().collect(),
            vec![advice("log_format", "http", WANTED)],
        );
    }
}

/// The name of the format that an `access_log` has.
fn format_of(log: &Directive) -> &[u8] {
    log.args().get(1).map_or(b"combined", Vec::as_slice)
}
