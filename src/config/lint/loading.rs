//! What nginx refuses to load: text, values, buffers that do not add up, directives of NGINX Plus.

use super::{Context, Told, advice, text};
use crate::config::{
    Directive, Family, ProblemKind, Realm, ScopeKind, Version,
    directives::{Shape, row},
    value,
};

/// What the reader met.
pub(super) fn syntax(context: &Context<'_>, told: &mut Told<'_>) {
    for problem in &context.config.problems {
        if problem.kind == ProblemKind::Refused {
            told.push(
                problem.what.clone(),
                problem.position.into_iter().collect(),
                vec![],
            );
        }
    }
}

/// `"proxy_read_timeout" directive invalid value`, and its like.
pub(super) fn invalid_value(context: &Context<'_>, told: &mut Told<'_>) {
    for directive in &context.config.directives {
        let Some(realm) = context.config.scope(directive.scope).kind.realm() else {
            continue;
        };
        let Some(row) = row(realm, directive.name()) else {
            continue;
        };
        let first = directive.arg(0);
        if directive.args().is_empty() || directive.args().iter().any(|arg| arg.contains(&b'$')) {
            continue; // a variable's value is not known; without arguments nginx counts them first
        }
        // A value that it takes, for want of what was meant.
        let hint = match row.shape {
            Shape::Flag if value::parse_flag(first).is_none() => "on",
            Shape::Milliseconds if value::parse_milliseconds(first).is_none() => "60s",
            Shape::Seconds if value::parse_seconds(first).is_none() => "10s",
            Shape::Size if value::parse_size(first).is_none() => "16k",
            Shape::Offset if value::parse_offset(first).is_none() => "10m",
            Shape::Number if value::parse_number(first).is_none() => "1024",
            Shape::Buffers
                if value::parse_number(first).is_none()
                    || value::parse_size(directive.arg(1)).is_none() =>
            {
                "8 16k"
            }
            _ => continue,
        };
        let name = text(directive.name());
        let written = text(&directive.args().join(&b' '));
        let claim = format!("`{name} {written}`: \"{name}\" directive invalid value");
        let place = context.name_of(directive.scope);
        told.push(
            claim,
            vec![directive.position],
            vec![advice(&name, place, hint)],
        );
    }
}

/// Directives of NGINX Plus, with the part of nginx they belong to, and the version since which open source has them.
const PLUS: [(&str, Realm, Option<Version>); 12] = [
    ("api", Realm::Http, None),
    ("health_check", Realm::Http, None),
    ("health_check", Realm::Stream, None),
    ("least_time", Realm::Upstream, Some(Version(1, 31, 0))),
    ("ntlm", Realm::Upstream, None),
    ("queue", Realm::Upstream, None),
    ("session_log", Realm::Http, None),
    ("state", Realm::Upstream, None),
    ("status", Realm::Http, None),
    ("sticky", Realm::Upstream, Some(Version(1, 29, 6))),
    ("upstream_conf", Realm::Http, None),
    ("upstream_status", Realm::Http, None),
];

/// `unknown directive "health_check"`. `upstream_status` is in no nginx at all.
pub(super) fn plus_only(context: &Context<'_>, told: &mut Told<'_>) {
    for directive in &context.config.directives {
        let realm = context.config.scope(directive.scope).kind.realm();
        let is_plus = |(name, known, since): &&(&str, Realm, Option<Version>)| {
            let is_open = since.is_some_and(|since| {
                context
                    .config
                    .version
                    .is_none_or(|version| version >= since)
            });
            Some(*known) == realm && directive.is(name) && !is_open
        };
        let Some((name, ..)) = PLUS.iter().find(is_plus) else {
            continue;
        };
        let where_from = match *name {
            "upstream_status" => "no nginx has it",
            "sticky" | "least_time" => "open source nginx of this version does not have it",
            _ => "only NGINX Plus has it",
        };
        let claim = format!(
            "`{name}`: {where_from}; another nginx says \"unknown directive\" and does not start"
        );
        let place = context.name_of(directive.scope);
        told.push(
            claim,
            vec![directive.position],
            vec![advice(name, place, "")],
        );
    }
}

/// The families whose merge functions compare their buffers.
const BUFFERED: [Family; 4] = [Family::Proxy, Family::Fastcgi, Family::Uwsgi, Family::Scgi];

pub(super) fn buffers(context: &Context<'_>, told: &mut Told<'_>) {
    let config = context.config;
    for (index, scope) in config.scopes.iter().enumerate() {
        let id = crate::config::ScopeId(index as u32);
        if !matches!(
            scope.kind,
            ScopeKind::Http | ScopeKind::HttpServer | ScopeKind::Location | ScopeKind::If
        ) {
            continue;
        }
        for family in BUFFERED {
            let names = ["buffer_size", "buffers", "busy_buffers_size"]
                .map(|suffix| family.directive(suffix));
            let is_written = |directive: &Directive| names.iter().any(|name| directive.is(name));
            if !scope
                .directives
                .iter()
                .any(|&id| is_written(config.directive(id)))
            {
                continue;
            }
            let Some(plan) = config.buffer_plan(id, family) else {
                continue;
            };
            let Some(why) = plan.refusal() else {
                continue;
            };
            let values = format!(
                "{} {}, {} {} {}, {} {}",
                names[0],
                plan.buffer_size.value,
                names[1],
                plan.buffers.value.number,
                plan.buffers.value.size_bytes,
                names[2],
                plan.busy_bytes
            );
            let place = config.name_of(id);
            let claim = format!(
                "in {place}: {why} ({values} bytes, with defaults where nothing is written)"
            );
            let wanted = plan.advice(plan.buffer_size.value);
            let remedies = names
                .iter()
                .zip(wanted)
                .map(|(name, value)| advice(name, &place, value));
            told.push(claim, plan.positions(), remedies.collect());
        }
    }
}
