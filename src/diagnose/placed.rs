//! Local counts to buckets in UTC: the zone, the bucket width and the time filter are applied here, after the scan.

use crate::{
    aggregate::{
        Clients, Evidence, FailureRow, Failures, Table, TrafficCount, Width, failures::Kind,
        table::Row,
    },
    event::{LocalTime, Timestamp},
    zone::{Sureness, Zone},
};
use foldhash::fast::FixedState;
use hashbrown::hash_table::{Entry, HashTable};
use std::{cmp::Ordering, hash::BuildHasher, sync::Arc};

/// Where and how to put the counts.
#[derive(Clone, Debug)]
pub struct Placement {
    /// First second kept.
    pub since: Option<TimeBound>,
    /// First second no more kept.
    pub until: Option<TimeBound>,
    /// `None`: so that the span has at most 240 buckets.
    pub bucket: Option<Width>,
}

/// A point in time as the user gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBound {
    At(Timestamp),
    /// By the clock of the logs.
    Local(LocalTime),
    /// So many seconds before the newest record, counted from the whole minute below it.
    BeforeNewest(i64),
}

impl TimeBound {
    /// The instant, given the newest record and the zone of the logs.
    pub fn resolve(self, newest: Timestamp, zone: &Zone) -> Timestamp {
        match self {
            TimeBound::At(instant) => instant,
            TimeBound::Local(time) => zone.instant(time).0,
            TimeBound::BeforeNewest(seconds) => Timestamp(Width::Minute.floor(newest.0) - seconds),
        }
    }
}

/// One row of the table `failures`.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Start of the bucket; `None` for records that carry no time.
    pub bucket: Option<Timestamp>,
    /// `None` where the records name no upstream.
    pub upstream: Option<Arc<[u8]>>,
    pub kind: Kind,
    pub n_events: u64,
    pub clients: Clients,
    pub first_seen: Option<Timestamp>,
    pub last_seen: Option<Timestamp>,
    pub evidence: Evidence,
}

/// One row of the table `traffic`.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Start of the bucket; `None` for lines that carry no time.
    pub bucket: Option<Timestamp>,
    /// `None` for requests that met no upstream.
    pub upstream: Option<Arc<[u8]>>,
    pub count: TrafficCount,
}

/// All rows, in the order of the tables: bucket, upstream, category, phase, severity, basis.
#[derive(Clone, Debug)]
pub struct Placed {
    pub rows: Vec<Failure>,
    pub traffic: Vec<Traffic>,
    pub width: Width,
    /// The width asked for, if a limit made it wider.
    pub narrower_wanted: Option<Width>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Events at local times that the clock passed twice: the earlier is taken.
    pub n_twice: u64,
    /// Events at local times that the clock skipped.
    pub n_skipped: u64,
    /// Upstreams past the limit are pooled.
    pub is_pooled: bool,
}

/// What is to be placed.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Of error logs, by their clock.
    pub of_records: Failures,
    /// Of access logs, by UTC.
    pub of_requests: Failures,
    pub traffic: Table<TrafficCount>,
    /// When the last request ended.
    pub last_request: Option<Timestamp>,
}

/// Counts in UTC, as fine as they were kept: what incidents are looked for in, whatever the buckets shown.
#[derive(Clone, Debug)]
pub struct Fine {
    /// Within the time asked for.
    pub rows: Vec<Failure>,
    pub traffic: Vec<Traffic>,
    /// Width of the buckets of `rows`.
    pub grain: Width,
    /// Width of the widest buckets of all.
    widest: Width,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    n_twice: u64,
    n_skipped: u64,
    is_pooled: bool,
}

/// Places `counts`; the clock of the error logs is that of `zone`.
pub fn place(counts: Counts, placement: &Placement, zone: &Zone) -> Placed {
    Fine::of(counts, placement, zone).in_buckets(placement.bucket)
}

impl Fine {
    /// The time that was asked for: first second kept, and first no more kept.
    pub fn asked_for(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.since, self.until)
    }

    /// All of `counts` that lies in the time `placement` asks for; the clock of the error logs is that of `zone`.
    pub fn of(counts: Counts, placement: &Placement, zone: &Zone) -> Fine {
        let Counts {
            of_records,
            of_requests,
            traffic,
            last_request,
        } = counts;
        let grain = of_records.width().max(of_requests.width());
        let widest = grain.max(traffic.width());
        let is_pooled = of_records.is_pooling() || of_requests.is_pooling() || traffic.is_pooling();
        let last_record = of_records.last_seen().map(|last| zone.instant(last).0);
        let newest = || last_record.max(last_request);
        let resolve = |bound: Option<TimeBound>| Some(bound?.resolve(newest()?, zone));
        let (since, until) = (resolve(placement.since), resolve(placement.until));
        let (mut n_twice, mut n_skipped) = (0, 0);
        let mut rows = Vec::new();
        let mut place = |of: Failures, zone: &Zone| {
            let placed = of.into_rows().map(|row| in_utc(row, zone));
            rows.reserve(placed.size_hint().0); // large ones take as long to move as to count
            rows.extend(placed.filter_map(|(failure, sureness)| {
                let is_in_time = is_between(failure.bucket, since, until);
                match sureness {
                    _ if !is_in_time => {}
                    Sureness::One => {}
                    Sureness::Twice => n_twice += failure.n_events,
                    Sureness::Skipped => n_skipped += failure.n_events,
                }
                is_in_time.then_some(failure)
            }));
        };
        place(of_records, zone);
        place(of_requests, &Zone::utc());
        let mut traffic: Vec<Traffic> = traffic.into_rows().map(Traffic::of).collect();
        traffic.retain(|row| is_between(row.bucket, since, until));
        Fine {
            rows,
            traffic,
            grain,
            widest,
            since,
            until,
            n_twice,
            n_skipped,
            is_pooled,
        }
    }

    /// The same in buckets of `width`; `None`: so wide that the span has at most 240.
    pub fn in_buckets(self, width: Option<Width>) -> Placed {
        let wanted = width;
        let width = wanted
            .unwrap_or_else(|| Width::for_span(span_s(&self.rows, &self.traffic)))
            .max(self.widest);
        Placed {
            rows: rebucket(self.rows, width),
            traffic: rebucket(self.traffic, width),
            width,
            narrower_wanted: wanted.filter(|wanted| *wanted < width),
            since: self.since,
            until: self.until,
            n_twice: self.n_twice,
            n_skipped: self.n_skipped,
            is_pooled: self.is_pooled,
        }
    }
}

/// Whether a bucket that starts at `bucket` is asked for. Records without time are, unless a time is asked for.
pub fn is_between(
    bucket: Option<Timestamp>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> bool {
    match bucket {
        None => since.is_none() && until.is_none(),
        Some(start) => {
            since.is_none_or(|since| start >= since) && until.is_none_or(|until| start < until)
        }
    }
}

fn in_utc(row: FailureRow, zone: &Zone) -> (Failure, Sureness) {
    let placed = row.bucket.map(|bucket| zone.instant(bucket));
    let failure = Failure {
        bucket: placed.map(|(instant, _)| instant),
        upstream: row.upstream,
        kind: row.kind,
        n_events: row.n_events,
        clients: row.clients,
        first_seen: row.first_seen.map(|time| zone.instant(time).0),
        last_seen: row.last_seen.map(|time| zone.instant(time).0),
        evidence: row.evidence,
    };
    (
        failure,
        placed.map_or(Sureness::One, |(_, sureness)| sureness),
    )
}

/// From the first to the last that is known.
fn span_s(rows: &[Failure], traffic: &[Traffic]) -> i64 {
    let starts = || traffic.iter().filter_map(|row| row.bucket);
    let first = rows.iter().filter_map(|row| row.first_seen).min();
    let last = rows.iter().filter_map(|row| row.last_seen).max();
    let first = first.into_iter().chain(starts()).min();
    first
        .zip(last.max(starts().max()))
        .map_or(0, |(first, last)| last.0 - first.0)
}

/// A row of a table by time.
trait Bucketed: Sized {
    fn bucket(&mut self) -> &mut Option<Timestamp>;

    /// That of the table. Two that are equal are about the same.
    fn order(&self, other: &Self) -> Ordering;

    /// Of all that `order` looks at.
    fn hash(&self) -> u64;

    /// Adds the counts of `other`, which is about the same.
    fn add(&mut self, other: &Self);
}

/// Sums rows into buckets of `width`, in the order of the table. Where no buckets join they often are in it: the whole is then not
/// moved.
fn rebucket<R: Bucketed>(mut rows: Vec<R>, width: Width) -> Vec<R> {
    for row in &mut rows {
        let bucket = row.bucket();
        *bucket = bucket.map(|start| Timestamp(width.floor(start.0)));
    }
    if rows.is_sorted_by(|a, b| a.order(b).is_lt()) {
        return rows;
    }
    // Many become few: only those are sorted.
    let mut sums: Vec<R> = Vec::new();
    let mut known: HashTable<usize> = HashTable::new();
    for row in rows {
        let is_same = |&at: &usize| sums[at].order(&row).is_eq();
        match known.entry(row.hash(), is_same, |&at| sums[at].hash()) {
            Entry::Occupied(entry) => sums[*entry.get()].add(&row),
            Entry::Vacant(entry) => {
                entry.insert(sums.len());
                sums.push(row);
            }
        }
    }
    sums.sort_by(R::order);
    sums
}

/// Rows that follow each other mostly share the name itself, which then is not looked at.
fn order_of_names(a: &Option<Arc<[u8]>>, b: &Option<Arc<[u8]>>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if Arc::ptr_eq(a, b) => Ordering::Equal,
        _ => a.cmp(b),
    }
}

impl Traffic {
    fn of(row: Row<TrafficCount>) -> Traffic {
        Traffic {
            bucket: row.bucket.map(|LocalTime(second)| Timestamp(second)),
            upstream: row.name,
            count: row.count,
        }
    }
}

impl Bucketed for Traffic {
    fn bucket(&mut self) -> &mut Option<Timestamp> {
        &mut self.bucket
    }

    fn order(&self, other: &Traffic) -> Ordering {
        let buckets = self.bucket.cmp(&other.bucket);
        buckets.then_with(|| order_of_names(&self.upstream, &other.upstream))
    }

    fn hash(&self) -> u64 {
        FixedState::default().hash_one((self.bucket, &self.upstream))
    }

    fn add(&mut self, other: &Traffic) {
        self.count.merge(&other.count);
    }
}

impl Bucketed for Failure {
    fn bucket(&mut self) -> &mut Option<Timestamp> {
        &mut self.bucket
    }

    fn order(&self, other: &Failure) -> Ordering {
        self.bucket
            .cmp(&other.bucket)
            .then_with(|| order_of_names(&self.upstream, &other.upstream))
            .then_with(|| self.kind.cmp(&other.kind))
    }

    fn hash(&self) -> u64 {
        FixedState::default().hash_one((self.bucket, &self.upstream, self.kind))
    }

    fn add(&mut self, other: &Failure) {
        self.n_events += other.n_events;
        self.clients.merge(&other.clients);
        self.first_seen = self.first_seen.into_iter().chain(other.first_seen).min();
        self.last_seen = self.last_seen.max(other.last_seen);
        self.evidence = self.evidence.min(other.evidence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aggregate::{SourceKey, bucket::Grain},
        event::{Basis, Category, Phase, Severity},
    };

    fn failures(times: &[i64]) -> Counts {
        let mut failures = Failures::new(Grain::OfSpan);
        let kind = Kind {
            category: Category::Refused,
            phase: Phase::Connect,
            severity: Severity::Failure,
            basis: Basis::ErrorLog,
        };
        for (line, &time) in times.iter().enumerate() {
            let evidence = Evidence {
                source: SourceKey::new(0, 0),
                offset: line as u64 * 100,
                line_in_chunk: line as u32,
            };
            failures.collect(
                Some(LocalTime(time)),
                Some(b"10.0.0.1:80"),
                kind,
                Some(b"192.0.2.1"),
                evidence,
            );
        }
        let grain = Grain::OfSpan;
        Counts {
            of_records: failures,
            of_requests: Failures::new(grain),
            traffic: Table::new(grain),
            last_request: None,
        }
    }

    fn zone(name: &str) -> Zone {
        Zone::parse(name).expect("a zone")
    }

    fn placement(bucket: Option<Width>) -> Placement {
        Placement {
            since: None,
            until: None,
            bucket,
        }
    }

    const NOON: i64 = 1_795_176_000; // 2026-11-20 12:00:00

    #[test]
    fn buckets_are_aligned_in_utc() {
        let failures = failures(&[NOON, NOON + 1_799, NOON + 1_800, NOON + 86_400]);
        let placed = place(
            failures.clone(),
            &placement(Some(Width::Hour)),
            &zone("+05:45"),
        );
        let starts: Vec<i64> = placed
            .rows
            .iter()
            .map(|row| row.bucket.expect("timed").0)
            .collect();
        // 12:00 at +05:45 is 06:15 UTC, 12:30 is 06:45: one hour of UTC.
        assert_eq!(starts, [NOON - 6 * 3_600, NOON - 6 * 3_600 + 86_400]);
        assert_eq!(placed.rows[0].n_events, 3);
        assert!(starts.iter().all(|start| start % 3_600 == 0));
    }

    #[test]
    fn totals_do_not_depend_on_width_or_zone() {
        let times: Vec<i64> = (0..500).map(|n| NOON + n * 37).collect();
        let failures = failures(&times);
        for name in ["UTC", "America/New_York", "Asia/Kathmandu"] {
            for width in Width::ALL {
                let placed = place(failures.clone(), &placement(Some(width)), &zone(name));
                assert_eq!(placed.rows.iter().map(|row| row.n_events).sum::<u64>(), 500);
                assert!(
                    placed
                        .rows
                        .windows(2)
                        .all(|rows| rows[0].bucket < rows[1].bucket)
                );
            }
        }
    }

    #[test]
    fn relative_bounds_count_from_the_newest_minute() {
        let failures = failures(&[NOON, NOON + 60, NOON + 150]);
        let since = Some(TimeBound::BeforeNewest(60));
        let placed = place(
            failures.clone(),
            &Placement {
                since,
                ..placement(None)
            },
            &Zone::utc(),
        );
        assert_eq!(placed.since, Some(Timestamp(NOON + 60)));
        assert_eq!(placed.rows.iter().map(|row| row.n_events).sum::<u64>(), 2);
    }
}
