//! What a finding says of directives, made exact by the configuration: which value holds where requests pass to its upstream, and what to
//! write instead, in which block.
//!
//! Rules say the same of any gateway; here is what differs. Without a configuration, or where it does not know the upstream, their own
//! words stand.

mod burst;
mod groups;
mod limits;
mod names;

use super::{Draft, Exhibit, Facts, facts::name, rules::Rule};
use crate::{
    aggregate::Ending,
    config::{Config, GroupId, Groups, Pass, Position, ScopeId, Version, lint::Advice},
    words::capital,
};

/// What the configuration adds.
#[derive(Default)]
struct Exact {
    /// Sentences, each ended.
    claim: String,
    /// In place of the rule's; empty: its own stand.
    changes: Vec<Advice>,
    evidence: Vec<Exhibit>,
}

/// Makes `draft` of `rule` exact.
pub(super) fn sharpen(facts: &Facts<'_>, rule: &Rule, draft: &mut Draft) {
    let Some(exact) = exact(facts, rule.id, draft) else {
        return;
    };
    if !exact.claim.is_empty() {
        // Whom it hurt is said last.
        let toll = format!(" {}.", capital(&facts.toll(draft)));
        let (claim, toll) = match draft.claim.strip_suffix(&toll) {
            Some(claim) => (claim, &toll[..]),
            None => (&draft.claim[..], ""),
        };
        draft.claim = format!("{claim} {}{toll}", exact.claim);
    }
    if !exact.changes.is_empty() {
        draft.changes = exact.changes;
    }
    for exhibit in exact.evidence {
        if !draft
            .evidence
            .iter()
            .any(|known| known.cite == exhibit.cite)
        {
            draft.evidence.push(exhibit);
        }
    }
}

fn exact(facts: &Facts<'_>, rule: &str, draft: &Draft) -> Option<Exact> {
    let config = facts.material.config?;
    match rule {
        "worker-connections" => return Some(limits::connections(facts, config)),
        "open-files" => return Some(limits::files(facts, config)),
        "rate-limited" => return limits::zones(facts, config, draft, "limit_req"),
        "connections-limited" => return limits::zones(facts, config, draft, "limit_conn"),
        "dns-server" => return names::resolver(facts, config, true),
        "dns-not-found" => return names::resolver(facts, config, false),
        _ => {}
    }
    let to = To::of(facts, config, draft.upstream.as_deref()?)?;
    match rule {
        "timeout-connect" | "timeout-tls" => Some(limits::timeout(&to, "connect_timeout", true)),
        "session-idle" => Some(limits::timeout(&to, "timeout", true)),
        "timeout-send" => {
            let is_in_force = !is_of_another(facts, draft);
            Some(limits::timeout(&to, "send_timeout", is_in_force))
        }
        "timeout-header" | "timeout-body" | "timeout-tunnel" => {
            let is_in_force = !is_of_another(facts, draft);
            Some(limits::timeout(&to, "read_timeout", is_in_force))
        }
        "header-too-big" => limits::header_buffer(&to),
        "ports-used-up" => limits::ports(&to),
        "keepalive-race" => groups::kept(&to),
        "no-peer-left" => groups::no_peer(&to),
        "tls-verify" => names::trust(&to, draft),
        "socket-missing" => Some(Exact {
            changes: names::path(&to).into_iter().collect(),
            ..names::socket(&to)
        }),
        "socket-down" | "socket-stale" | "socket-forbidden" => Some(names::socket(&to)),
        "backend-denies" => names::credentials(&to),
        // What the peer asks for by an alert of its own is no name.
        "tls-handshake" if !draft.changes.is_empty() => None,
        "tls-name" | "tls-unknown-name" | "tls-handshake" => names::tls_name(&to),
        _ => None,
    }
}

/// Whether what limited these attempts is no timeout of this configuration: see the rule `timeout-not-in-force`.
fn is_of_another(facts: &Facts<'_>, draft: &Draft) -> bool {
    let mut piles = facts.piles(draft.upstream.as_deref(), Ending::TimedOut);
    piles.any(|pile| pile.explained_by.is_empty())
}

/// Where requests pass to one upstream.
struct To<'f, 'a> {
    facts: &'f Facts<'a>,
    config: &'a Config,
    groups: &'f Groups<'a>,
    id: GroupId,
    /// At least one.
    passes: Vec<&'f Pass<'a>>,
}

impl<'f, 'a> To<'f, 'a> {
    /// The first group that lists `upstream`, or is called so, and that requests pass to.
    fn of(facts: &'f Facts<'a>, config: &'a Config, upstream: &[u8]) -> Option<To<'f, 'a>> {
        let groups = facts.groups.as_ref()?;
        let to = |id: GroupId| To {
            facts,
            config,
            groups,
            id,
            passes: groups.passes_to(id).collect(),
        };
        let mut all = facts.group_ids(upstream).into_iter().map(to);
        all.find(|to| !to.passes.is_empty())
    }

    fn context(&self, scope: ScopeId) -> String {
        context(self.config, scope)
    }

    fn exhibit(&self, position: Position, what: &str) -> Exhibit {
        self.facts.config_exhibit(position, what)
    }

    /// `upstream api`; `None` of a group that only an address makes.
    fn block(&self) -> Option<String> {
        let group = self.groups.group(self.id);
        group
            .scope
            .map(|_| format!("upstream {}", name(&group.name)))
    }

    /// The version does not keep connections by itself, or is not known.
    fn is_before_keepalive(&self) -> bool {
        self.config
            .version
            .is_none_or(|version| version < Version::KEEPS_CONNECTIONS)
    }
}

fn context(config: &Config, scope: ScopeId) -> String {
    name(config.name_of(scope).as_bytes())
}

/// `set in nginx.conf:12`, or `its default`.
fn origin(config: &Config, position: Option<Position>) -> String {
    position.map_or_else(
        || "its default".to_owned(),
        |position| format!("set in {}", name(config.cite(position).as_bytes())),
    )
}

fn advice(
    directive: impl Into<String>,
    context: impl Into<String>,
    value: impl Into<String>,
) -> Advice {
    Advice {
        directive: directive.into(),
        context: context.into(),
        value: value.into(),
    }
}
