//! What the logs told of each upstream, in UTC: symptoms of error records and of access lines, and when it answered.

use super::super::placed::{Fine, is_between};
use crate::{
    aggregate::{
        Evidence, Served, ServedRow, SignRow, Signs, Width,
        served::ServedCount,
        signs::{Samples, Sign},
    },
    classify::taxonomy::ROWS,
    event::{Basis, Category, LocalTime, Phase, Severity, Timestamp},
    zone::Zone,
};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::{collections::BTreeMap, sync::Arc};

/// One thing that was said of one upstream.
#[derive(Clone, Debug)]
pub struct Symptom {
    /// `None` where none is named.
    pub upstream: Option<Arc<[u8]>>,
    pub category: Category,
    pub phase: Phase,
    pub severity: Severity,
    /// Id of the message; empty of access lines.
    pub signature: &'static str,
    /// See `classify::aspect`.
    pub aspect: u8,
    pub basis: Basis,
    pub n_events: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub evidence: Evidence,
    /// The message; empty of access lines, and where it was not kept.
    pub sample: Vec<u8>,
    /// Parts of it by time, at most a minute each unless a limit made them longer; without those that carry no time.
    pub spells: Vec<Spell>,
}

/// Events of a symptom that lie close together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    pub first: Timestamp,
    pub last: Timestamp,
    pub n_events: u64,
    pub evidence: Evidence,
}

/// When and how often an upstream answered, by access logs.
#[derive(Clone, Debug, Default)]
pub struct Service {
    pub n_attempts: u64,
    pub n_ok: u64,
    /// Answered 401 or 403 by the upstream itself.
    pub n_denied: u64,
    /// Answered 400, 404, 421 or 426 by the upstream itself.
    pub n_unfit: u64,
    /// Failed without a header, on a connection that was there at once.
    pub n_cut_at_once: u64,
    /// The connection took as long as one whose first packet was lost and sent again.
    pub n_resent: u64,
    /// The first that was denied.
    pub evidence_denied: Option<Evidence>,
    /// The first that was answered so.
    pub evidence_unfit: Option<Evidence>,
    /// The first that was connected so late.
    pub evidence_resent: Option<Evidence>,
    /// Answers by time.
    pub ok: Vec<Spell>,
}

/// Attempts that ended in one minute; where a limit made the buckets wider, in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    pub start: Timestamp,
    pub n_attempts: u64,
    /// Of these, the ones that were not the first of their request.
    pub n_retries: u64,
    /// Milliseconds that they took.
    pub busy_ms: u64,
    /// The first answer, if there was one.
    pub evidence: Option<Evidence>,
}

/// All that was told, by upstream.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// By category, upstream and sign; those of error records first.
    pub symptoms: Vec<Symptom>,
    pub services: BTreeMap<Arc<[u8]>, Service>,
    /// What all upstreams together had to do, by time.
    pub load: Vec<Load>,
    /// First and last event of any kind.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl Observed {
    /// Of what was counted, what lies in the time that `fine` was asked for; the clock of the error logs is that of `zone`.
    pub fn of(signs: Signs, served: Served, fine: &Fine, zone: &Zone) -> Observed {
        let (since, until) = fine.asked_for();
        let (rows, samples) = signs.finish();
        let mut told: HashMap<Key, Vec<(Option<Timestamp>, Part)>, FixedState> = HashMap::default();
        for row in rows {
            let bucket = row.bucket.map(|bucket| zone.instant(bucket).0);
            if is_between(bucket, since, until) {
                let part = Part::of_sign(&row, zone);
                let key = (Basis::ErrorLog, row.upstream, row.sign);
                told.entry(key).or_default().push((bucket, part));
            }
        }
        let of_requests = fine.rows.iter();
        for row in of_requests.filter(|row| row.kind.basis == Basis::AccessLog) {
            let sign = Sign {
                signature: crate::event::Signature(0),
                aspect: 0,
                category: row.kind.category,
                phase: row.kind.phase,
                severity: row.kind.severity,
            };
            let part = Part {
                n_events: row.n_events,
                first: row.first_seen,
                last: row.last_seen,
                evidence: row.evidence,
            };
            let key = (Basis::AccessLog, row.upstream.clone(), sign);
            told.entry(key).or_default().push((row.bucket, part));
        }
        let mut symptoms: Vec<Symptom> = told
            .into_iter()
            .map(|((basis, upstream, sign), parts)| symptom(basis, upstream, sign, parts, &samples))
            .collect();
        symptoms.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut services: BTreeMap<Arc<[u8]>, Service> = BTreeMap::new();
        let mut load: BTreeMap<Timestamp, Load> = BTreeMap::new();
        for row in served.into_rows().map(ServedRow::of) {
            let bucket = row.bucket.map(|LocalTime(second)| Timestamp(second));
            if !is_between(bucket, since, until) {
                continue;
            }
            if let Some(start) = bucket.map(|bucket| Timestamp(Width::Minute.floor(bucket.0))) {
                load.entry(start).or_insert(Load::at(start)).add(&row.count);
            }
            if let Some(upstream) = &row.upstream {
                let service = services.entry(Arc::clone(upstream)).or_default();
                service.add(&row);
            }
        }
        for service in services.values_mut() {
            service.ok.sort_by_key(|spell| (spell.first, spell.last));
        }
        let starts = || fine.traffic.iter().filter_map(|row| row.bucket);
        let ok = || services.values().flat_map(|service| &service.ok);
        let first = fine.rows.iter().filter_map(|row| row.first_seen);
        let last = fine.rows.iter().filter_map(|row| row.last_seen);
        let first = first.chain(starts()).chain(ok().map(|spell| spell.first));
        let last = last.chain(starts()).chain(ok().map(|spell| spell.last));
        let span = first.min().zip(last.max());
        Observed {
            symptoms,
            services,
            load: load.into_values().collect(),
            span,
        }
    }
}

/// What a symptom is about.
type Key = (Basis, Option<Arc<[u8]>>, Sign);

/// Events of one bucket.
struct Part {
    n_events: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    evidence: Evidence,
}

impl Part {
    fn of_sign(row: &SignRow, zone: &Zone) -> Part {
        let instant = |time: LocalTime| zone.instant(time).0;
        Part {
            n_events: row.n_events,
            first: row.first_seen.map(instant),
            last: row.last_seen.map(instant),
            evidence: row.evidence,
        }
    }
}

/// `parts` is not empty.
fn symptom(
    basis: Basis,
    upstream: Option<Arc<[u8]>>,
    sign: Sign,
    parts: Vec<(Option<Timestamp>, Part)>,
    samples: &Samples,
) -> Symptom {
    let evidence = parts.iter().map(|(_, part)| part.evidence).min();
    let evidence = evidence.expect("at least one part");
    let sample = match basis {
        Basis::ErrorLog => samples.of(sign, upstream.as_deref()),
        _ => None,
    };
    let mut spells: Vec<Spell> = parts
        .iter()
        .filter_map(|(_, part)| {
            Some(Spell {
                first: part.first?,
                last: part.last?,
                n_events: part.n_events,
                evidence: part.evidence,
            })
        })
        .collect();
    spells.sort_by_key(|spell| (spell.first, spell.last));
    Symptom {
        upstream,
        category: sign.category,
        phase: sign.phase,
        severity: sign.severity,
        signature: match basis {
            Basis::ErrorLog => ROWS[usize::from(sign.signature.0)].id,
            _ => "",
        },
        aspect: sign.aspect,
        basis,
        n_events: parts.iter().map(|(_, part)| part.n_events).sum(),
        first: spells.iter().map(|spell| spell.first).min(),
        last: spells.iter().map(|spell| spell.last).max(),
        evidence,
        // Of another time than asked for it is no evidence.
        sample: sample
            .filter(|sample| sample.evidence == evidence)
            .map_or_else(Vec::new, |sample| sample.message.to_vec()),
        spells,
    }
}

impl Symptom {
    fn order(&self) -> impl Ord + '_ {
        (
            self.category,
            &self.upstream,
            self.basis,
            self.phase,
            self.severity,
            self.signature,
            self.aspect,
        )
    }
}

impl Load {
    fn at(start: Timestamp) -> Load {
        Load {
            start,
            n_attempts: 0,
            n_retries: 0,
            busy_ms: 0,
            evidence: None,
        }
    }

    fn add(&mut self, count: &ServedCount) {
        self.n_attempts += count.n_attempts;
        self.n_retries += count.n_retries;
        self.busy_ms += count.busy_ms;
        self.evidence = self.evidence.into_iter().chain(count.evidence_ok()).min();
    }

    /// The requests that made these attempts.
    pub fn n_requests(&self) -> u64 {
        self.n_attempts - self.n_retries
    }
}

impl Service {
    fn add(&mut self, row: &ServedRow) {
        let count = &row.count;
        self.n_attempts += count.n_attempts;
        self.n_ok += count.n_ok;
        self.n_denied += count.n_denied;
        self.n_unfit += count.n_unfit;
        self.n_cut_at_once += count.n_cut_at_once;
        self.n_resent += count.n_resent;
        let denied = count.evidence_denied();
        self.evidence_denied = self.evidence_denied.into_iter().chain(denied).min();
        let unfit = count.evidence_unfit();
        self.evidence_unfit = self.evidence_unfit.into_iter().chain(unfit).min();
        let resent = count.evidence_resent();
        self.evidence_resent = self.evidence_resent.into_iter().chain(resent).min();
        let instant = |LocalTime(second): LocalTime| Timestamp(second);
        if row.bucket.is_some()
            && let (Some(first), Some(last), Some(evidence)) =
                (count.first_ok(), count.last_ok(), count.evidence_ok())
        {
            self.ok.push(Spell {
                first: instant(first),
                last: instant(last),
                n_events: count.n_ok,
                evidence,
            });
        }
    }

    /// The last answer known to lie before `time`.
    pub fn last_ok_before(&self, time: Timestamp) -> Option<Timestamp> {
        let ends = |spell: &Spell| match (spell.last < time, spell.first < time) {
            (true, _) => Some(spell.last),
            (false, true) => Some(spell.first),
            _ => None,
        };
        self.ok.iter().filter_map(ends).max()
    }

    /// The first answer known to lie after `time`, and where it stands.
    pub fn first_ok_after(&self, time: Timestamp) -> Option<Spell> {
        let starts = |spell: &Spell| match (spell.first > time, spell.last > time) {
            (true, _) => Some(*spell),
            (false, true) => Some(Spell {
                first: spell.last,
                ..*spell
            }),
            _ => None,
        };
        self.ok
            .iter()
            .filter_map(starts)
            .min_by_key(|spell| spell.first)
    }

    /// Answers that surely lie between, ends excluded.
    pub fn n_ok_between(&self, from: Timestamp, to: Timestamp) -> u64 {
        let is_in = |spell: &&Spell| spell.first > from && spell.last < to;
        self.ok
            .iter()
            .filter(is_in)
            .map(|spell| spell.n_events)
            .sum()
    }
}
