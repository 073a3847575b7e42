//! Health replay: when each peer was out of its group, and when a group had no peer left.
//!
//! Passive checks: nginx writes `upstream server temporarily disabled` when a peer has failed `max_fails` times within `fail_timeout`,
//! and asks it again `fail_timeout` later; its recovery is silent (`ngx_http_upstream_round_robin.c:
//! ngx_http_upstream_free_round_robin_peer`, `ngx_http_upstream_get_peer`). So a peer is out from the first such record to `fail_timeout` after
//! the last, as long as each follows the one before closely enough to be the next trial. A group of one peer is never disabled. Each worker has
//! a mind of its own unless the group has a `zone`: "out" means that at least one had it out.
//!
//! Active checks (Tengine's module and its kin) write both ends.

use super::Mark;
use crate::{
    aggregate::Evidence,
    config::{Config, Directive, ScopeKind, value::parse_seconds},
    event::{Moment, Timestamp},
};
use std::{collections::BTreeMap, sync::Arc};

/// A time during which a peer was out of its group, or a group had none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// A peer's address; a group's name for [`Told::NoLive`].
    pub upstream: Arc<[u8]>,
    pub from: Timestamp,
    /// The first second it is no more known to be out; `None`: it was out when the logs ended.
    pub until: Option<Timestamp>,
    pub told: Told,
    /// Records that tell so.
    pub n_events: u64,
    pub evidence: Evidence,
}

/// How an outage is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// Passive checks; ends `fail_timeout_s` after the last record, a value that is only assumed if no configuration told it.
    Disabled {
        fail_timeout_s: i64,
        is_assumed: bool,
    },
    /// A check module said so, and when it ended.
    Checked,
    /// Requests found no peer of the group; ends with the last of them.
    NoLive,
}

/// What is known of `fail_timeout`.
#[derive(Clone, Debug, Default)]
pub struct FailTimeouts {
    /// In seconds, by peer, as a configuration tells.
    pub known: BTreeMap<Vec<u8>, i64>,
}

/// nginx's default (`ngx_http_upstream.c: ngx_http_upstream_server`).
pub const FAIL_TIMEOUT_S: i64 = 10;

/// How long the trial of a peer may take: the default of `proxy_read_timeout` and its kin. A trial that fails is written at its end.
const TRIAL_S: i64 = 60;

/// Seconds between requests that found no peer which are still one outage of the group.
const NO_LIVE_GAP_S: i64 = FAIL_TIMEOUT_S;

impl FailTimeouts {
    /// Of the peers that the upstream blocks of `config` list by address; where a peer is in several, the longest. A peer that is listed
    /// by name is met in the logs by its address, so nothing is known of it.
    pub fn of(config: &Config) -> FailTimeouts {
        let mut known: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        let http = config.scopes_of(ScopeKind::HttpUpstream);
        for scope in http.chain(config.scopes_of(ScopeKind::StreamUpstream)) {
            for server in config.own(scope, "server") {
                let seconds = fail_timeout_s(server);
                let longest = known.entry(address(server.arg(0))).or_default();
                *longest = seconds.max(*longest);
            }
        }
        FailTimeouts { known }
    }
}

/// Of one peer, as `ngx_http_upstream_server` reads it: the last parameter of that name counts.
fn fail_timeout_s(server: &Directive) -> i64 {
    let parameters = server.args().iter().rev();
    let value = parameters
        .filter_map(|word| word.strip_prefix(b"fail_timeout="))
        .next();
    let seconds = value.and_then(parse_seconds);
    seconds.map_or(FAIL_TIMEOUT_S, |seconds| seconds.min(YEAR_S) as i64)
}

/// No time here is longer.
const YEAR_S: u64 = 365 * 86_400;

/// An address as the error log prints it: with its port.
fn address(text: &[u8]) -> Vec<u8> {
    let ends_in_port = |text: &[u8]| {
        let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit());
        let n = digits.count();
        n > 0 && n < text.len() && text[text.len() - n - 1] == b':'
    };
    let has_port = match text.strip_prefix(b"[") {
        Some(rest) => !rest.ends_with(b"]"),
        None => text.starts_with(b"unix:") || ends_in_port(text),
    };
    let port: &[u8] = if has_port { b"" } else { b":80" };
    [text, port].concat()
}

/// The outages that `marks` tell, by time, then upstream.
pub fn outages(marks: &[Mark], timeouts: &FailTimeouts) -> Vec<Outage> {
    let mut by_upstream: BTreeMap<&Arc<[u8]>, Vec<&Mark>> = BTreeMap::new();
    for mark in marks {
        if let Some(upstream) = mark
            .upstream
            .as_ref()
            .filter(|_| mark.moment.is_of_upstream())
        {
            by_upstream.entry(upstream).or_default().push(mark);
        }
    }
    let mut outages: Vec<Outage> = Vec::new();
    for (upstream, marks) in by_upstream {
        let of = |moment: Moment| {
            marks
                .iter()
                .copied()
                .filter(move |mark| mark.moment == moment)
        };
        let (fail_timeout_s, is_assumed) = match timeouts.known.get(&upstream[..]) {
            Some(&seconds) => (seconds, false),
            None => (FAIL_TIMEOUT_S, true),
        };
        let told = Told::Disabled {
            fail_timeout_s,
            is_assumed,
        };
        let disabled = runs(of(Moment::Disabled), told, fail_timeout_s + TRIAL_S);
        outages.extend(disabled.into_iter().map(|outage| Outage {
            until: outage.until.map(|last| Timestamp(last.0 + fail_timeout_s)),
            ..outage
        }));
        outages.extend(
            runs(of(Moment::NoLive), Told::NoLive, NO_LIVE_GAP_S)
                .into_iter()
                .map(|outage| Outage {
                    until: outage.until.map(|last| Timestamp(last.0 + 1)),
                    ..outage
                }),
        );
        outages.extend(checked(&marks));
    }
    outages.sort_by(|a, b| (a.from, &a.upstream, a.told).cmp(&(b.from, &b.upstream, b.told)));
    outages
}

/// Joins marks of one upstream, in order of time, that are at most `gap_s` apart; each run is `until` its last mark.
fn runs<'a>(marks: impl Iterator<Item = &'a Mark>, told: Told, gap_s: i64) -> Vec<Outage> {
    let mut runs: Vec<Outage> = Vec::new();
    for mark in marks {
        let last = runs.last_mut().filter(|run| {
            let until = run.until.unwrap_or(run.from);
            mark.first.0 - until.0 <= gap_s
        });
        match last {
            Some(run) => {
                run.until = run.until.max(Some(mark.last));
                run.n_events += mark.n_events;
                run.evidence = run.evidence.min(mark.evidence);
            }
            None => runs.extend(outage(mark, told)),
        }
    }
    runs
}

fn outage(mark: &Mark, told: Told) -> Option<Outage> {
    Some(Outage {
        upstream: mark.upstream.clone()?,
        from: mark.first,
        until: Some(mark.last),
        told,
        n_events: mark.n_events,
        evidence: mark.evidence,
    })
}

/// From each `down` to the next `up` of a check module.
fn checked(marks: &[&Mark]) -> Vec<Outage> {
    let mut outages: Vec<Outage> = Vec::new();
    for mark in marks {
        let is_down = outages.last().is_some_and(|outage| outage.until.is_none());
        match mark.moment {
            Moment::Down if is_down => {
                if let Some(outage) = outages.last_mut() {
                    outage.n_events += mark.n_events;
                }
            }
            Moment::Down => outages.extend(outage(mark, Told::Checked).map(|outage| Outage {
                until: None,
                ..outage
            })),
            Moment::Up if is_down => {
                if let Some(outage) = outages.last_mut() {
                    outage.until = Some(mark.first);
                }
            }
            _ => {}
        }
    }
    outages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{aggregate::SourceKey, config};
    use Moment::{Disabled, Down, NoLive, Up};

    const ASSUMED: Told = Told::Disabled {
        fail_timeout_s: 10,
        is_assumed: true,
    };

    fn mark(second: i64, moment: Moment, upstream: &str) -> Mark {
        Mark {
            moment,
            upstream: Some(Arc::from(upstream.as_bytes())),
            n_events: 1,
            first: Timestamp(second),
            last: Timestamp(second),
            evidence: Evidence {
                source: SourceKey::new(0, 0),
                offset: second as u64,
                line_in_chunk: 0,
            },
        }
    }

    type Told4 = (String, i64, Option<i64>, Told, u64);

    fn told(marks: &[Mark], timeouts: &FailTimeouts) -> Vec<Told4> {
        let told = |outage: Outage| {
            (
                String::from_utf8_lossy(&outage.upstream).into_owned(),
                outage.from.0,
                outage.until.map(|until| until.0),
                outage.told,
                outage.n_events,
            )
        };
        outages(marks, timeouts).into_iter().map(told).collect()
    }

    fn check(marks: &[(i64, Moment)], expected: &[(i64, Option<i64>, Told, u64)]) {
        let marks: Vec<Mark> = marks
            .iter()
            .map(|&(at, moment)| mark(at, moment, "a:80"))
            .collect();
        let expected: Vec<Told4> = expected
            .iter()
            .map(|&(from, until, told, n)| ("a:80".to_owned(), from, until, told, n))
            .collect();
        assert_eq!(told(&marks, &FailTimeouts::default()), expected);
    }

    #[test]
    fn a_peer_is_out_until_it_is_tried_again() {
        check(&[(100, Disabled)], &[(100, Some(110), ASSUMED, 1)]);
        check(
            &[(100, Disabled), (111, Disabled)],
            &[(100, Some(121), ASSUMED, 2)],
        );
        // A trial that times out is written at its end.
        check(
            &[(100, Disabled), (170, Disabled)],
            &[(100, Some(180), ASSUMED, 2)],
        );
        check(
            &[(100, Disabled), (171, Disabled)],
            &[(100, Some(110), ASSUMED, 1), (171, Some(181), ASSUMED, 1)],
        );
    }

    #[test]
    fn a_configuration_tells_better() {
        let timeouts = FailTimeouts {
            known: BTreeMap::from([(b"a:80".to_vec(), 4)]),
        };
        let known = Told::Disabled {
            fail_timeout_s: 4,
            is_assumed: false,
        };
        let marks = [mark(100, Disabled, "a:80"), mark(101, Disabled, "b:80")];
        assert_eq!(
            told(&marks, &timeouts),
            [
                ("a:80".to_owned(), 100, Some(104), known, 1),
                ("b:80".to_owned(), 101, Some(111), ASSUMED, 1)
            ]
        );
    }

    #[test]
    fn fail_timeouts_of_a_configuration() {
        let text = b"http {
            upstream a {
                server 10.0.0.1:8080 max_fails=2 fail_timeout=4s;
                server 10.0.0.2 fail_timeout=1m;
                server [::1] weight=2;
                server unix:/run/app.sock fail_timeout=3;
            }
            upstream b { server 10.0.0.1:8080 fail_timeout=30; }
        }
        stream { upstream c { server 10.0.0.3:53; } }";
        let mut files = config::FileMap::default();
        files.insert(b"/nginx.conf", text);
        let config = config::read(b"/nginx.conf", &mut files);
        let known = FailTimeouts::of(&config).known;
        let known: Vec<(String, i64)> = known
            .into_iter()
            .map(|(address, seconds)| (String::from_utf8_lossy(&address).into_owned(), seconds))
            .collect();
        let want = [
            ("10.0.0.1:8080", 30),
            ("10.0.0.2:80", 60),
            ("10.0.0.3:53", 10),
            ("[::1]:80", 10),
            ("unix:/run/app.sock", 3),
        ];
        assert_eq!(
            known,
            want.map(|(address, seconds)| (address.to_owned(), seconds))
        );
    }

    #[test]
    fn a_group_without_peers() {
        check(
            &[(100, NoLive), (101, NoLive), (110, NoLive), (200, NoLive)],
            &[
                (100, Some(111), Told::NoLive, 3),
                (200, Some(201), Told::NoLive, 1),
            ],
        );
    }

    #[test]
    fn checks_tell_both_ends() {
        check(
            &[(5, Up), (10, Down), (12, Down), (50, Up), (60, Down)],
            &[
                (10, Some(50), Told::Checked, 2),
                (60, None, Told::Checked, 1),
            ],
        );
    }
}
