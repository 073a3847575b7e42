//! Single directives: timeouts, buffers, connections, zones of limits.

use super::{Draft, Exact, Facts, To, advice, burst, context, name, origin};
use crate::{
    config::{Config, Directive, Position, ScopeKind, value::parse_number},
    words::grouped,
};

/// Contexts that are told of one value.
const CONTEXTS_MAX: usize = 3;

/// The timeout that holds in each block that passes there; where the logs show that another was in force, no better value is told.
pub(super) fn timeout(to: &To<'_, '_>, suffix: &str, is_in_force: bool) -> Exact {
    /// Twice as long is a trial; no connection takes longer than this.
    const CONNECT_MS: u64 = 5_000;
    let mut told: Vec<(String, u64, Option<Position>, Vec<String>)> = Vec::new();
    for pass in &to.passes {
        let timeouts = to.config.timeouts(pass.scope, pass.family);
        let (directive, valued) = match suffix {
            "connect_timeout" => (pass.family.directive(suffix), timeouts.connect),
            _ if pass.family == crate::config::Family::Stream => {
                (pass.family.directive("timeout"), timeouts.read)
            }
            "send_timeout" => (pass.family.directive(suffix), timeouts.send),
            _ => (pass.family.directive(suffix), timeouts.read),
        };
        let Some(valued) = valued else { continue };
        let position = valued.origin.position();
        let context = to.context(pass.scope);
        let same = told
            .iter_mut()
            .find(|(known, ms, at, _)| (known, *ms, *at) == (&directive, valued.value, position));
        match same {
            Some((.., contexts)) => contexts.push(context),
            None => told.push((directive, valued.value, position, vec![context])),
        }
    }
    let mut exact = Exact::default();
    for (directive, ms, position, contexts) in told.iter().take(CONTEXTS_MAX) {
        let held = contexts
            .iter()
            .take(CONTEXTS_MAX)
            .cloned()
            .collect::<Vec<_>>()
            .join("; ");
        exact.claim.push_str(&format!(
            "{directive} {} ({}) holds in {held}. ",
            value(*ms),
            origin(to.config, *position)
        ));
        exact
            .evidence
            .extend(position.map(|position| to.exhibit(position, directive)));
        let better = match suffix {
            "connect_timeout" if *ms > CONNECT_MS => Some(value(CONNECT_MS)),
            "connect_timeout" => None,
            _ if !is_in_force => Some(value(*ms)),
            _ => Some(value(ms.saturating_mul(2))),
        };
        exact
            .changes
            .extend(better.map(|better| advice(directive, &contexts[0], better)));
    }
    exact.claim.push_str(match suffix {
        _ if !is_in_force => "Another was in force when these attempts ended (see the finding about it): nginx -t and a reload that is taken come first, before any other value is tried.",
        "connect_timeout" => "More of it makes no connection; less of it leaves time for another peer.",
        _ => "What share would have succeeded with more time is unknowable from logs: the value below is a trial, for that block alone.",
    });
    exact
}

/// A header buffer that most headers with large cookies and tokens fit.
const HEADER_BYTES: u64 = 16 << 10;

pub(super) fn header_buffer(to: &To<'_, '_>) -> Option<Exact> {
    let plans = to
        .passes
        .iter()
        .filter_map(|pass| Some((pass, to.config.buffer_plan(pass.scope, pass.family)?)));
    // The smallest buffer is the one that is too small.
    let (pass, plan) = plans.min_by_key(|(_, plan)| plan.buffer_size.value)?;
    let context = to.context(pass.scope);
    let names =
        ["buffer_size", "buffers", "busy_buffers_size"].map(|suffix| pass.family.directive(suffix));
    let wanted = HEADER_BYTES.max(plan.buffer_size.value.saturating_mul(2));
    let position = plan.buffer_size.origin.position();
    Some(Exact {
        claim: format!(
            "In {context} it is {} ({}). All three lines below belong together: nginx refuses a larger {} alone, since the busy buffers must fit the others.",
            kilobytes(plan.buffer_size.value),
            origin(to.config, position),
            names[0]
        ),
        changes: names
            .iter()
            .zip(plan.advice(wanted))
            .map(|(directive, value)| advice(directive, &context, value))
            .collect(),
        evidence: vec![to.exhibit(
            position.unwrap_or(pass.directive.position),
            "the buffer holds here",
        )],
    })
}

pub(super) fn ports(to: &To<'_, '_>) -> Option<Exact> {
    let keepalive = to.groups.keepalive(to.id);
    let group = to.groups.group(to.id);
    let pass = to.passes[0];
    let context = to.context(pass.scope);
    let mut changes = match (to.block(), keepalive.n_connections) {
        (Some(block), 0) => vec![advice("keepalive", block, "32")],
        (Some(_), _) => Vec::new(),
        (None, _) => vec![advice(
            "upstream",
            "http",
            format!(
                "a block with `server {}; keepalive 32;`, and proxy_pass to its name",
                name(&group.name)
            ),
        )],
    };
    if to.is_before_keepalive() && pass.family == crate::config::Family::Proxy {
        let http = to.config.words(pass.scope, "proxy_http_version");
        if http.is_none_or(|http| http.value == [b"1.0"]) {
            changes.push(advice("proxy_http_version", &context, "1.1"));
        }
        let header = to
            .config
            .header(pass.scope, "proxy_set_header", "Connection");
        if header.is_none_or(|header| !header.value.is_empty()) {
            changes.push(advice("proxy_set_header", &context, "Connection \"\""));
        }
    }
    let kept = match (keepalive.n_connections, changes.is_empty()) {
        (0, _) => "keeps no connection",
        (_, false) => "has `keepalive`, which cannot work as requests are passed",
        (_, true) => return None,
    };
    let gate = match to.config.version {
        None => " (before 1.29.7; since then blocks keep connections by default)",
        Some(_) => "",
    };
    Some(Exact {
        claim: format!(
            "{} {kept}{gate}: each request takes a port, which is blocked for a minute after it.",
            to.block().unwrap_or(context)
        ),
        changes,
        evidence: vec![to.exhibit(
            keepalive.position.unwrap_or(group.position),
            "connections are kept here, or not",
        )],
    })
}

/// `worker_connections` and the files for them.
pub(super) fn connections(facts: &Facts<'_>, config: &Config) -> Exact {
    let limits = Limits::of(config);
    let wanted = limits.connections.saturating_mul(4).max(4_096);
    let mut changes = vec![advice("worker_connections", "events", wanted.to_string())];
    if limits
        .files
        .is_none_or(|files| files < wanted.saturating_mul(2))
    {
        changes.push(advice(
            "worker_rlimit_nofile",
            "the main scope",
            wanted.saturating_mul(2).to_string(),
        ));
    }
    let mut exact = limits.exact(facts, config, changes);
    exact
        .claim
        .push_str(&at_once(facts, config, limits.connections));
    exact
}

/// How many attempts were under way in the busiest minute, as the access logs tell: each holds two connections.
fn at_once(facts: &Facts<'_>, config: &Config, connections: u64) -> String {
    const MINUTE_MS: u64 = 60_000;
    let load = &facts.material.observed.load;
    let Some(busiest) = load.iter().max_by_key(|load| load.busy_ms) else {
        return String::new();
    };
    let n = busiest.busy_ms.div_ceil(MINUTE_MS);
    let words = config.words(config.main(), "worker_processes");
    let workers = match words.as_ref().and_then(|words| words.value.first()) {
        Some(&b"auto") => None,
        Some(word) => parse_number(word),
        None => Some(1),
    };
    let all = match workers {
        Some(1) => format!("its one worker has {}", grouped(connections)),
        Some(n) => format!(
            "its {n} workers have {} together",
            grouped(connections.saturating_mul(n))
        ),
        None => "the workers have as many times that as there are processors".to_owned(),
    };
    format!(
        " In the busiest minute, from {} on, {} {} at upstreams under way on average, two connections each; {all}. Idle clients and bursts come on top.",
        facts.clock(busiest.start),
        grouped(n),
        if n == 1 {
            "attempt was"
        } else {
            "attempts were"
        }
    )
}

pub(super) fn files(facts: &Facts<'_>, config: &Config) -> Exact {
    let limits = Limits::of(config);
    let wanted = limits
        .files
        .unwrap_or(0)
        .max(limits.connections)
        .saturating_mul(2)
        .max(4_096);
    limits.exact(
        facts,
        config,
        vec![advice(
            "worker_rlimit_nofile",
            "the main scope",
            wanted.to_string(),
        )],
    )
}

/// What a worker may have.
struct Limits {
    connections: u64,
    connections_at: Option<Position>,
    files: Option<u64>,
    files_at: Option<Position>,
}

impl Limits {
    fn of(config: &Config) -> Limits {
        let events = config.scopes_of(ScopeKind::Events).next();
        let connections = events.and_then(|scope| config.number(scope, "worker_connections"));
        let files = config.number(config.main(), "worker_rlimit_nofile");
        Limits {
            connections: connections.map_or(512, |valued| valued.value),
            connections_at: connections.and_then(|valued| valued.origin.position()),
            files: files.map(|valued| valued.value),
            files_at: files.and_then(|valued| valued.origin.position()),
        }
    }

    fn exact(
        &self,
        facts: &Facts<'_>,
        config: &Config,
        changes: Vec<crate::config::lint::Advice>,
    ) -> Exact {
        let files = match self.files {
            Some(files) => format!(
                "worker_rlimit_nofile {files} ({})",
                origin(config, self.files_at)
            ),
            None => "no worker_rlimit_nofile, so the limit of the service holds".to_owned(),
        };
        let positions = self.connections_at.into_iter().chain(self.files_at);
        Exact {
            claim: format!(
                "The configuration has worker_connections {} ({}) and {files}.",
                self.connections,
                origin(config, self.connections_at)
            ),
            changes,
            evidence: positions
                .map(|position| facts.config_exhibit(position, "the limit"))
                .collect(),
        }
    }
}

/// The zones of `kind` that the evidence names.
pub(super) fn zones(
    facts: &Facts<'_>,
    config: &Config,
    draft: &Draft,
    kind: &str,
) -> Option<Exact> {
    let mut names: Vec<&[u8]> = draft
        .evidence
        .iter()
        .filter_map(|exhibit| zone_in(&exhibit.quote))
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut exact = Exact::default();
    for zone in names.into_iter().take(CONTEXTS_MAX) {
        let (definition, user) = (
            find(config, &format!("{kind}_zone"), zone)?,
            find(config, kind, zone)?,
        );
        let status = config
            .number(user.scope, &format!("{kind}_status"))
            .map_or(503, |status| status.value);
        let (shown, context) = (name(zone), context(config, user.scope));
        let burst = word(user, "burst=")
            .and_then(|burst| parse_number(&burst))
            .unwrap_or(0);
        let told = match kind {
            "limit_req" => format!(
                "rate={} burst={burst}",
                name(&word(definition, "rate=").unwrap_or_default())
            ),
            _ => format!("{kind} {}", name(user.arg(1))),
        };
        exact.claim.push_str(&format!(
            "Zone {shown} ({told}) holds in {context} and answers {status}. "
        ));
        if kind == "limit_req" {
            let better = match burst::replayed(facts, definition, burst, draft) {
                Some((words, better)) => {
                    exact.claim.push_str(&words);
                    better
                }
                None => burst.saturating_mul(2).max(20),
            };
            exact.claim.push_str(&burst::in_force(draft, zone, burst));
            exact.changes.push(advice(
                kind,
                &context,
                format!("zone={shown} burst={better} nodelay"),
            ));
        }
        if status != 429 {
            exact
                .changes
                .push(advice(format!("{kind}_status"), &context, "429"));
        }
        exact
            .evidence
            .push(facts.config_exhibit(user.position, "the limit holds here"));
        exact
            .evidence
            .push(facts.config_exhibit(definition.position, "its zone"));
    }
    exact.claim.truncate(exact.claim.trim_end().len());
    (!exact.claim.is_empty()).then_some(exact)
}

fn find<'c>(config: &'c Config, directive: &str, zone: &[u8]) -> Option<&'c Directive> {
    let is_zone = |word: &Vec<u8>| {
        let rest = word.strip_prefix(b"zone=").unwrap_or(word);
        rest == zone
            || rest
                .strip_prefix(zone)
                .is_some_and(|rest| rest.starts_with(b":"))
    };
    let mut all = config.directives.iter();
    all.find(|known| known.is(directive) && known.args().iter().any(is_zone))
}

/// The value behind `key`.
pub(super) fn word(directive: &Directive, key: &str) -> Option<Vec<u8>> {
    let mut words = directive.args().iter();
    words
        .find_map(|word| word.strip_prefix(key.as_bytes()))
        .map(<[u8]>::to_vec)
}

/// The zone in `limiting requests, excess: 0.997 by zone "one"`.
pub(super) fn zone_in(message: &[u8]) -> Option<&[u8]> {
    let words = b"by zone \"";
    let at = memchr::memmem::find(message, words)? + words.len();
    let len = memchr::memchr(b'"', &message[at..])?;
    Some(&message[at..at + len])
}

/// As nginx takes it: `60s`, `1500ms`.
pub(super) fn value(ms: u64) -> String {
    match ms % 1_000 {
        0 => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

fn kilobytes(bytes: u64) -> String {
    match bytes % 1024 {
        0 => format!("{}k", bytes / 1024),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read_out_of_messages() {
        let message = b"limiting requests, excess: 1.967 by zone \"one\"";
        assert_eq!(zone_in(message), Some(&b"one"[..]));
        assert_eq!(
            zone_in(b"limiting requests, excess: 1.967 by zone \"one"),
            None
        );
        assert_eq!(zone_in(b"limiting requests"), None);
    }
}
