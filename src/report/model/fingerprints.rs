//! Durations that pile up, and which timeout they are.

use super::Findings;
use crate::{
    aggregate::Ending,
    config::Config,
    diagnose::{Fingerprint, KnownTimeout},
    event::Phase,
    redact::Redactor,
    words::grouped,
};
use serde::Serialize;

/// Attempts that one timer ended.
#[derive(Clone, Debug, Serialize)]
pub struct PileLine {
    /// Empty where the log names none, and of several.
    pub upstream: String,
    /// At how many, of those that have too few each to show a pile.
    pub n_upstreams: usize,
    /// How they ended: `timed-out` (504), `failed`, `answered` (a 5xx of the upstream's own), `abandoned` (499), `upgraded` (101).
    pub ending: &'static str,
    /// Of an access log: `connect` is with TLS, `header` with sending; `none` if it does not tell.
    pub phase: &'static str,
    pub timeout_ms: u64,
    pub longest_ms: u64,
    pub n_attempts: u64,
    /// Of so many: all that failed there, all that clients abandoned, or all that were upgraded.
    pub n_all: u64,
    /// The timeouts that may be it.
    pub timeouts: Vec<TimeoutLine>,
    /// What that tells, in plain words.
    pub why: String,
}

/// A timeout of the gateway.
#[derive(Clone, Debug, Serialize)]
pub struct TimeoutLine {
    pub directive: String,
    pub ms: u64,
    /// `FILE:LINE`; none of a default.
    pub place: Option<String>,
    /// The first few of the blocks that pass requests on under it.
    pub contexts: Vec<String>,
}

/// Blocks that are named of one timeout.
const CONTEXTS_MAX: usize = 3;

impl PileLine {
    /// `312 of 318 failed attempts at 10.0.0.5:8080 took 60.00 s`.
    pub fn text(&self) -> String {
        let at = match (self.upstream.as_str(), self.n_upstreams) {
            ("", 0 | 1) => String::new(),
            ("", n) => format!(" at {n} upstreams"),
            (name, _) => format!(" at {name}"),
        };
        let verb = match self.ending {
            "upgraded" => "lasted",
            _ => "took",
        };
        let what = self.what();
        format!("{} {what}{at} {verb} {}", self.share(), self.took())
    }

    /// `312 of 318`, `all 318`.
    pub fn share(&self) -> String {
        match self.n_all {
            n if n == self.n_attempts => format!("all {}", grouped(n)),
            n => format!("{} of {}", grouped(self.n_attempts), grouped(n)),
        }
    }

    pub fn what(&self) -> &'static str {
        match self.ending {
            "abandoned" => "requests given up by clients (499)",
            "upgraded" => "upgraded connections (101)",
            _ => "failed attempts",
        }
    }

    /// `60.00 s`, `250 ms`.
    pub fn took(&self) -> String {
        match self.timeout_ms {
            ms @ 0..1_000 => format!("{ms} ms"),
            ms => format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10),
        }
    }
}

/// All of them, most attempts first.
pub(super) fn lines(findings: &Findings<'_>) -> Vec<PileLine> {
    let redactor = findings.names.redactor();
    let line = |pile: &Fingerprint| line(pile, findings.config, redactor);
    findings.fingerprints.iter().map(line).collect()
}

fn line(pile: &Fingerprint, config: Option<&Config>, redactor: &Redactor) -> PileLine {
    let timeouts = pile.explained_by.iter();
    let timeouts: Vec<TimeoutLine> = timeouts
        .map(|known| timeout(known, config, redactor))
        .collect();
    PileLine {
        upstream: redactor
            .upstream(pile.upstream.as_deref().unwrap_or_default())
            .for_terminal(),
        n_upstreams: pile.n_upstreams,
        ending: name(pile.ending),
        phase: pile.phase.name(),
        timeout_ms: pile.timeout_ms,
        longest_ms: pile.longest_ms,
        n_attempts: pile.n_attempts,
        n_all: pile.n_all,
        why: why(pile, &timeouts, config.is_some()),
        timeouts,
    }
}

fn timeout(known: &KnownTimeout, config: Option<&Config>, redactor: &Redactor) -> TimeoutLine {
    let place = known.position.zip(config);
    let scopes = known.scopes.iter().take(CONTEXTS_MAX);
    TimeoutLine {
        directive: known.directive.clone(),
        ms: known.ms,
        place: place.map(|(position, config)| redactor.said(&config.cite(position)).for_terminal()),
        contexts: scopes
            .filter_map(|&scope| Some(config?.name_of(scope)))
            .map(|name| redactor.sentence(&name).for_terminal())
            .collect(),
    }
}

fn name(ending: Ending) -> &'static str {
    match ending {
        Ending::TimedOut => "timed-out",
        Ending::Failed => "failed",
        Ending::Answered => "answered",
        Ending::Abandoned => "abandoned",
        Ending::Upgraded => "upgraded",
    }
}

fn why(pile: &Fingerprint, timeouts: &[TimeoutLine], has_config: bool) -> String {
    if !timeouts.is_empty() {
        let told: Vec<String> = timeouts.iter().map(told).collect();
        return told.join(", or ");
    }
    match pile.ending {
        Ending::TimedOut if has_config => {
            "a timeout of the gateway, but none as long in the configuration that was read: another was in force".to_owned()
        }
        Ending::TimedOut => {
            let directive = match pile.phase {
                Phase::Connect | Phase::Tls => "proxy_connect_timeout",
                Phase::None => "a timeout",
                _ => "proxy_read_timeout",
            };
            format!(
                "{directive} of the gateway (or that of fastcgi, uwsgi, scgi, grpc), set to {}; --nginx-config tells where",
                value(pile.timeout_ms)
            )
        }
        Ending::Failed => {
            "no timeout of nginx, which would answer 504: the upstream, the kernel or a box between cut it off".to_owned()
        }
        Ending::Answered => "a limit of the upstream's own: it answered that itself".to_owned(),
        Ending::Abandoned => {
            "the patience of the clients, or of a balancer in front of the gateway".to_owned()
        }
        Ending::Upgraded => {
            "no timeout of the gateway that is known: one end, or a box between, closes at that age".to_owned()
        }
    }
}

/// `proxy_read_timeout 30s (/etc/nginx/nginx.conf:12; server a, location /)`.
fn told(timeout: &TimeoutLine) -> String {
    let value = value(timeout.ms);
    let directive = match timeout.directive.strip_prefix('*') {
        Some(rest) => format!("proxy{rest} (or that of fastcgi, uwsgi, scgi, grpc)"),
        None => timeout.directive.clone(),
    };
    let contexts = timeout.contexts.join("; ");
    match &timeout.place {
        Some(place) => format!("{directive} {value} ({place}, for {contexts})"),
        None if contexts.is_empty() => format!("{directive}, {value} by default"),
        None => format!("{directive}, {value} by default, for {contexts}"),
    }
}

/// As nginx takes it: `60s`, `1500ms`.
fn value(ms: u64) -> String {
    match ms % 1_000 {
        0 => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}
