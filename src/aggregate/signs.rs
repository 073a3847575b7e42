//! What exactly was said of an upstream: events by minute, upstream and message, finer than the table `failures`. Findings rest on it.

use super::{
    bucket::Grain,
    evidence::Evidence,
    limits::{SAMPLE_LEN_MAX, SAMPLES_MAX, SIGN_ROWS_MAX},
    table::{Count, Table},
};
use crate::event::{Category, LocalTime, Phase, Severity, Signature};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::{hash::BuildHasher, sync::Arc};

/// What a message is and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sign {
    pub signature: Signature,
    /// What tells messages of one signature apart; what it is depends on the category: see `classify::aspect`.
    pub aspect: u8,
    pub category: Category,
    pub phase: Phase,
    pub severity: Severity,
}

/// Events of one sign at one upstream in one bucket, local times still.
#[derive(Clone, Debug)]
pub struct SignRow {
    /// `None` for records without time.
    pub bucket: Option<LocalTime>,
    /// `None` where the records name none.
    pub upstream: Option<Arc<[u8]>>,
    pub sign: Sign,
    pub n_events: u64,
    pub first_seen: Option<LocalTime>,
    pub last_seen: Option<LocalTime>,
    /// The first of them in file order.
    pub evidence: Evidence,
}

/// The first message of a sign at an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// At most [`SAMPLE_LEN_MAX`] bytes.
    pub message: Box<[u8]>,
    pub evidence: Evidence,
}

/// Counts that merge exactly, in bounded memory: see [`limits`](super::limits).
#[derive(Clone, Debug)]
pub struct Signs {
    table: Table<SignCount>,
    samples: Samples,
}

#[derive(Clone, Debug)]
struct SignCount {
    n_events: u64,
    first_second: u32,
    last_second: u32,
    evidence: Evidence,
}

impl Default for SignCount {
    fn default() -> SignCount {
        SignCount {
            n_events: 0,
            first_second: u32::MAX,
            last_second: 0,
            evidence: Evidence::LAST,
        }
    }
}

impl Count for SignCount {
    const ROWS_MAX: usize = SIGN_ROWS_MAX;

    type Late = ();

    fn collect_late(&mut self, (): ()) {}

    fn merge(&mut self, other: &SignCount) {
        self.n_events += other.n_events;
        self.first_second = self.first_second.min(other.first_second);
        self.last_second = self.last_second.max(other.last_second);
        self.evidence = self.evidence.min(other.evidence);
    }
}

impl Signs {
    pub fn new(grain: Grain) -> Signs {
        Signs {
            table: Table::new(grain),
            samples: Samples::default(),
        }
    }

    /// Counts one event. `time` lies between 2001 and 2099.
    pub fn collect(
        &mut self,
        time: Option<LocalTime>,
        upstream: Option<&[u8]>,
        sign: Sign,
        message: &[u8],
        evidence: Evidence,
    ) {
        let kind = sign.pack();
        let mut is_first = false;
        self.table.collect(time, upstream, kind, |count, second| {
            count.n_events += 1;
            count.first_second = count.first_second.min(second);
            count.last_second = count.last_second.max(second);
            if evidence.is_before(&count.evidence) {
                count.evidence = evidence;
                is_first = true;
            }
            None
        });
        if is_first {
            self.samples.collect(kind, upstream, message, evidence);
        }
    }

    /// See [`Aggregate::sort`](super::Aggregate::sort).
    pub fn sort(&mut self) {
        self.table.sort();
    }

    pub fn merge(&mut self, other: Signs) {
        self.table.merge(other.table);
        self.samples.merge(other.samples);
    }

    /// All rows, in order: by time, then upstream, then sign; and the samples.
    pub fn finish(self) -> (Vec<SignRow>, Samples) {
        let row = |row: super::table::Row<SignCount>| {
            let time = |second: u32| (second != 0).then_some(LocalTime(i64::from(second)));
            SignRow {
                bucket: row.bucket,
                upstream: row.name,
                sign: Sign::unpack(row.kind),
                n_events: row.count.n_events,
                first_seen: time(row.count.first_second),
                last_seen: time(row.count.last_second),
                evidence: row.count.evidence,
            }
        };
        (self.table.into_rows().map(row).collect(), self.samples)
    }
}

/// The first message of each sign at each upstream. Past [`SAMPLES_MAX`] of them, those with the highest hash values have none.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    by_hash: HashMap<u64, Sample, FixedState>,
}

impl Samples {
    /// Of a sign at an upstream.
    pub fn of(&self, sign: Sign, upstream: Option<&[u8]>) -> Option<&Sample> {
        self.by_hash.get(&Samples::hash(sign.pack(), upstream))
    }

    fn hash(kind: u32, upstream: Option<&[u8]>) -> u64 {
        FixedState::default().hash_one((kind, upstream))
    }

    #[cold]
    fn collect(&mut self, kind: u32, upstream: Option<&[u8]>, message: &[u8], evidence: Evidence) {
        let hash = Samples::hash(kind, upstream);
        let is_earlier = |known: &Sample| evidence.is_before(&known.evidence);
        if self.by_hash.get(&hash).is_none_or(is_earlier) {
            let message = message[..message.len().min(SAMPLE_LEN_MAX)].into();
            self.by_hash.insert(hash, Sample { message, evidence });
            if self.by_hash.len() > 2 * SAMPLES_MAX {
                self.limit();
            }
        }
    }

    fn merge(&mut self, other: Samples) {
        for (hash, theirs) in other.by_hash {
            let is_earlier = |known: &Sample| theirs.evidence.is_before(&known.evidence);
            if self.by_hash.get(&hash).is_none_or(is_earlier) {
                self.by_hash.insert(hash, theirs);
            }
        }
        self.limit();
    }

    /// Leaves those with the lowest hashes, which are the same however the log was cut.
    fn limit(&mut self) {
        if self.by_hash.len() > SAMPLES_MAX {
            let mut hashes: Vec<u64> = self.by_hash.keys().copied().collect();
            let (_, &mut last, _) = hashes.select_nth_unstable(SAMPLES_MAX - 1);
            self.by_hash.retain(|hash, _| *hash <= last);
        }
    }
}

impl Sign {
    /// 11 bits of signature, 8 of aspect, 5 of category, 4 of phase and 3 of severity.
    fn pack(self) -> u32 {
        u32::from(self.signature.0) << 20
            | u32::from(self.aspect) << 12
            | (self.category as u32) << 7
            | (self.phase as u32) << 3
            | self.severity as u32
    }

    fn unpack(packed: u32) -> Sign {
        let bits = |from: u32, n: u32| (packed >> from & ((1 << n) - 1)) as usize;
        Sign {
            signature: Signature(bits(20, 11) as u16),
            aspect: bits(12, 8) as u8,
            category: Category::ALL[bits(7, 5)],
            phase: Phase::ALL[bits(3, 4)],
            severity: Severity::ALL[bits(0, 3)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::SourceKey;

    fn sign(n: usize) -> Sign {
        Sign {
            signature: Signature((n * 41 % 2_048) as u16),
            aspect: (n * 7 % 256) as u8,
            category: Category::ALL[n % Category::ALL.len()],
            phase: Phase::ALL[n % Phase::ALL.len()],
            severity: Severity::ALL[n % Severity::ALL.len()],
        }
    }

    fn of(events: impl Iterator<Item = usize>) -> Signs {
        let mut signs = Signs::new(Grain::OfSpanAnalysed);
        for n in events {
            let evidence = Evidence {
                source: SourceKey::new(0, 0),
                offset: n as u64,
                line_in_chunk: 0,
            };
            let upstream = format!("10.0.0.{}:80", n % 5);
            let message = format!("message {n}");
            let time = LocalTime(1_795_176_000 + (n * 13 % 700) as i64);
            let upstream = (n % 7 != 0).then_some(upstream.as_bytes());
            signs.collect(
                Some(time),
                upstream,
                sign(n % 11),
                message.as_bytes(),
                evidence,
            );
        }
        signs
    }

    #[test]
    fn signs_survive_packing() {
        for n in 0..5_000 {
            assert_eq!(Sign::unpack(sign(n).pack()), sign(n));
        }
    }

    #[test]
    fn parts_merge_to_the_whole_in_any_order() {
        let told = |signs: Signs| {
            let (rows, samples) = signs.finish();
            let told = |row: &SignRow| {
                let sample = samples.of(row.sign, row.upstream.as_deref());
                format!("{row:?} {sample:?}")
            };
            rows.iter().map(told).collect::<Vec<_>>()
        };
        let whole = told(of(0..3_000));
        assert_eq!(told(of((0..3_000).rev())), whole);
        for cut in [1, 500, 2_999] {
            let (mut back, mut forth) = (of(cut..3_000), of(0..cut));
            back.merge(of(0..cut));
            forth.merge(of(cut..3_000));
            assert_eq!(told(back), whole);
            assert_eq!(told(forth), whole);
        }
    }

    #[test]
    fn the_limit_on_samples_depends_on_hashes_alone() {
        let of = |range: &mut dyn Iterator<Item = usize>| {
            let mut samples = Samples::default();
            for n in range {
                let evidence = Evidence {
                    source: SourceKey::new(0, 0),
                    offset: n as u64,
                    line_in_chunk: 0,
                };
                samples.collect(n as u32, None, b"x", evidence);
            }
            samples.limit();
            let mut hashes: Vec<u64> = samples.by_hash.keys().copied().collect();
            hashes.sort_unstable();
            hashes
        };
        let n = 5 * SAMPLES_MAX;
        let forth = of(&mut (0..n));
        assert_eq!(forth.len(), SAMPLES_MAX);
        assert_eq!(of(&mut (0..n).rev()), forth);
    }
}
