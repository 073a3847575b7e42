//! What is wrong with a configuration by itself, before any log is read: one row per finding, each a pure function.
//!
//! A finding says what is wrong, where it was written, how sure it is, and what to write instead, where. What needs evidence from a
//! log (a peer that the log names and no block lists, timeouts that pile up at a value, a keepalive race) is not here.
//! Text of the configuration stands in claims as it was written: who shows it makes it harmless.

mod around;
mod groups;
mod loading;
mod logging;
mod passes;
mod servers;

use super::{
    groups::Groups,
    model::{Config, Position, ScopeId},
};

/// How much the configuration alone proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It is so, whatever the traffic.
    Certain,
    /// It is so unless something that a configuration does not tell is otherwise; the claim says what.
    Likely,
}

/// What to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Name of the directive, or a parameter of one.
    pub directive: String,
    /// The block it goes into, as people speak of it.
    pub context: String,
    /// Its arguments; empty: take it out.
    pub value: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The row it comes from.
    pub id: &'static str,
    pub title: &'static str,
    pub certainty: Certainty,
    /// What is wrong, with the names and values of this configuration.
    pub claim: String,
    /// Where it was written, the culprit first; empty where it is missing.
    pub positions: Vec<Position>,
    pub advice: Vec<Advice>,
}

/// One row.
pub struct Lint {
    pub id: &'static str,
    pub title: &'static str,
    /// Of its findings, unless one is less or more sure.
    pub certainty: Certainty,
    check: fn(&Context<'_>, &mut Told<'_>),
}

/// What the rows look at.
struct Context<'a> {
    config: &'a Config,
    groups: Groups<'a>,
}

/// What one row found.
struct Told<'f> {
    lint: &'static Lint,
    findings: &'f mut Vec<Finding>,
}

impl Told<'_> {
    fn push(&mut self, claim: String, positions: Vec<Position>, advice: Vec<Advice>) {
        self.push_as(self.lint.certainty, claim, positions, advice);
    }

    fn push_as(
        &mut self,
        certainty: Certainty,
        claim: String,
        positions: Vec<Position>,
        advice: Vec<Advice>,
    ) {
        self.findings.push(Finding {
            id: self.lint.id,
            title: self.lint.title,
            certainty,
            claim,
            positions,
            advice,
        });
    }
}

/// Findings of one row that are kept: a configuration of thousands of servers repeats itself.
pub const FINDINGS_MAX: usize = 100;

/// Everything that is wrong with `config`, in the order of the rows, then of the text.
pub fn lint(config: &Config) -> Vec<Finding> {
    let context = Context {
        config,
        groups: config.groups(),
    };
    let mut all = Vec::new();
    for lint in LINTS {
        let mut findings = Vec::new();
        (lint.check)(
            &context,
            &mut Told {
                lint,
                findings: &mut findings,
            },
        );
        findings.truncate(FINDINGS_MAX);
        all.append(&mut findings);
    }
    all
}

macro_rules! lints {
    ($($id:literal $certainty:ident $title:literal $check:path;)*) => {
        &[$(Lint { id: $id, title: $title, certainty: Certainty::$certainty, check: $check }),*]
    };
}

/// All rows: first what nginx refuses, then what fails requests, then what hides failures.
pub const LINTS: &[Lint] = lints! {
    "syntax" Certain "nginx refuses the text" loading::syntax;
    "invalid-value" Certain "a value that nginx refuses" loading::invalid_value;
    "plus-only" Likely "a directive that open source nginx does not have" loading::plus_only;
    "group-cannot-load" Certain "an upstream block that nginx refuses" groups::cannot_load;
    "pass-cannot-load" Certain "a pass that nginx refuses" passes::cannot_load;
    "buffers-cannot-load" Certain "buffers that nginx refuses" loading::buffers;
    "unknown-log-format" Certain "a log format that is not defined" logging::unknown_format;
    "all-peers-down" Certain "a group without a peer in service" groups::all_down;
    "variable-without-resolver" Certain "a name to be resolved at run time, and no resolver" passes::no_resolver;
    "single-peer-made-plural" Likely "one failure takes the only working peer out of service" groups::made_plural;
    "localhost-two-addresses" Likely "localhost may be two addresses" groups::localhost;
    "single-peer-parameters" Certain "max_fails and fail_timeout of a single peer have no effect" groups::single_parameters;
    "no-shared-zone" Certain "each worker counts failures alone" groups::no_zone;
    "keepalive-ineffective" Certain "keepalive is set and cannot work" groups::keepalive_ineffective;
    "keepalive-order" Certain "keepalive stands before the balancing method" groups::keepalive_order;
    "scheme-and-port" Likely "the scheme does not go with the port" passes::scheme_and_port;
    "sni-off" Likely "TLS to a name without telling the name" passes::sni_off;
    "tls-name-of-group" Certain "the certificate is checked against the name of the group" passes::tls_name;
    "nested-location-without-pass" Likely "a location inside a proxied one serves files" around::nested;
    "lost-host-header" Certain "a list of headers dropped the inherited Host" around::lost_host;
    "websocket-headers" Certain "an upgrade that cannot happen" around::websocket;
    "websocket-idle" Likely "an upgraded connection is closed after a minute of silence" around::websocket_idle;
    "connection-always-upgrade" Certain "every request asks for an upgrade, so that no connection is kept" around::always_upgrade;
    "constant-scheme" Likely "the backend is told https, whatever came in" around::constant_scheme;
    "buffering-off" Certain "answers are not buffered, for all locations" around::unbuffered;
    "buffers-large" Certain "each request may take a megabyte of buffers" around::large_buffers;
    "retry-without-limit" Likely "retries multiply load and waiting without limit" around::retry;
    "conflicting-server-name" Certain "two servers have the same name and address" servers::conflicting;
    "connections-exceed-files" Certain "more connections than open files" servers::files;
    "limit-status" Certain "a limiter that answers like a broken gateway" servers::limit_status;
    "error-log-debug" Certain "an error log of level debug" logging::debug;
    "error-page-hides-status" Certain "an error page changes the status of failures" logging::error_page;
    "error-log-level" Certain "failures are below the level of the error log" logging::level;
    "error-log-off" Certain "`error_log off` is a file named off" logging::error_log_off;
    "access-log-off" Certain "requests to an upstream are not logged" logging::access_log_off;
    "access-log-condition" Certain "a condition decides which requests are logged" logging::condition;
    "format-without-upstream" Certain "the access log does not tell the upstream" logging::no_upstream;
};

// --- What the rows share ------------------------------------------------------------------------

fn advice(directive: &str, context: impl Into<String>, value: impl Into<String>) -> Advice {
    Advice {
        directive: directive.to_owned(),
        context: context.into(),
        value: value.into(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Context<'_> {
    fn name_of(&self, scope: ScopeId) -> String {
        self.config.name_of(scope)
    }
}
