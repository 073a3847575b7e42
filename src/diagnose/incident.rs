//! Incidents: bursts of failures, bounded in time, with what rose first, the peak and whom they hit.
//!
//! [`burst`] finds the bursts of a series. Here is which series are looked at and what becomes of their bursts:
//!
//! 1. each upstream × category by itself, so that a quiet upstream's outage does not drown in a noisy one's everyday failures;
//! 2. of what is left, each upstream over all categories, each category over all upstreams, and all failures: so that an outage of fifty
//!    peers with three failures each is found, too;
//! 3. bursts that overlap, or that less than ten quiet minutes part, are one incident.
//!
//! An incident counts the failures of its members: the upstreams × categories that had a burst in it, or more failures
//! than add up to nothing. What fails all the time at its usual rate is no part of it. The first mover is the member that rose first; one
//! with a burst of its own goes before those without.
//!
//! A failure that both an error log and an access log tell is counted once: if the error logs have any, the access logs add only what
//! they alone tell, the answers 5xx that came from the upstreams themselves (`upstream-5xx`).
//!
//! Counts are looked at in minutes, or in the buckets that the limit on rows left, if these are wider; so `--bucket` changes nothing.

mod hurt;

pub use hurt::{Hurt, tell_hurt};

use super::{
    Failure, Fine, Traffic,
    burst::{self, Burst, Count, Span, Usual},
};
use crate::{
    aggregate::{Clients, Evidence, Width, bucket::Grain},
    event::{Basis, Category, Phase, Severity, Timestamp},
    input::digest::sha256,
};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// One incident. Its failures are those of its members from `start` to `end`.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Date and minute of its start in UTC, and four hexadecimal digits of start and first mover.
    pub id: String,
    /// Its first failure.
    pub start: Timestamp,
    /// Its last.
    pub end: Timestamp,
    /// The logs begin with it, or less than ten seconds earlier.
    pub begins_with_logs: bool,
    /// The logs end before it is known to be over.
    pub lasts_to_end: bool,
    /// Start of the bucket with most failures, and how many that is per minute.
    pub peak: Timestamp,
    pub peak_per_minute: u64,
    /// By onset; never empty.
    pub members: Vec<Member>,
    /// Index of the first mover in `members`.
    pub first_mover: usize,
    pub n_events: u64,
    /// Distinct clients, an estimate.
    pub n_clients: u64,
    /// Requests that failed because of it.
    pub hurt: Hurt,
    /// Per hour, of all failures of the logs; 0 if the logs do not tell.
    pub usual_per_hour: u64,
    /// The first of its failures, by file.
    pub evidence: Evidence,
}

/// What failed in an incident: one upstream in one way.
#[derive(Clone, Debug)]
pub struct Member {
    /// `None` where the records name none.
    pub upstream: Option<Arc<[u8]>>,
    pub category: Category,
    /// The most frequent.
    pub phase: Phase,
    /// Its first failure; of one that had a burst, the first of that.
    pub onset: Timestamp,
    pub last: Timestamp,
    pub n_events: u64,
    pub n_clients: u64,
    /// It had a burst of its own.
    pub rose: bool,
    pub evidence: Evidence,
}

impl Default for Incidents {
    fn default() -> Incidents {
        Incidents {
            list: Vec::new(),
            width: Grain::ANALYSED,
            usual_per_hour: None,
        }
    }
}

impl Incident {
    /// The member that rose first.
    pub fn first(&self) -> &Member {
        &self.members[self.first_mover]
    }

    /// Upstreams by onset, the first mover's first.
    pub fn upstreams(&self) -> Vec<&[u8]> {
        let mut names: Vec<&[u8]> = Vec::new();
        let mut known = BTreeSet::new();
        for member in std::iter::once(self.first()).chain(&self.members) {
            let name = member.upstream.as_deref();
            names.extend(name.filter(|name| known.insert(*name)));
        }
        names
    }

    /// Categories by onset, the first mover's first.
    pub fn categories(&self) -> Vec<Category> {
        let mut categories = Vec::new();
        for member in std::iter::once(self.first()).chain(&self.members) {
            if !categories.contains(&member.category) {
                categories.push(member.category);
            }
        }
        categories
    }
}

/// All incidents, and by what they were found.
#[derive(Clone, Debug)]
pub struct Incidents {
    /// By start.
    pub list: Vec<Incident>,
    /// Width of the buckets they were looked for in: a minute, or what the limit on rows left.
    pub width: Width,
    /// All failures, per hour. `None`: nothing was taken for usual, because the logs are too short to tell or as bad from end to end.
    pub usual_per_hour: Option<u64>,
}

/// A log of this length that fails from end to end does so usually; a shorter one has an incident.
const DAY_S: i64 = 86_400;

/// Finds the incidents in `fine`.
pub fn incidents(fine: &Fine) -> Incidents {
    let width = fine.grain.max(Grain::ANALYSED);
    let Some(series) = Series::of(fine, width) else {
        return Incidents {
            width,
            ..Incidents::default()
        };
    };
    let span = series.span;
    let usual = Usual::of(&counts(series.cells.iter()), span);
    let mut usual_per_hour = usual.map(|usual| usual.per_1000_hours / 1_000);
    let mut found = series.find(|counts, span| Usual::of(counts, span).unwrap_or_default());
    let n_minutes = span.len_s() as u64 / 60;
    if found.windows.is_empty() && span.len_s() < DAY_S && series.n_events() >= n_minutes {
        // As bad from end to end: no quieter time shows what is usual, and one a minute is not.
        found = series.find(|_, _| Usual::default());
        usual_per_hour = None;
    }
    let incident =
        |window: &Window| series.incident(window, &found, usual_per_hour.unwrap_or_default());
    Incidents {
        list: found.windows.iter().filter_map(incident).collect(),
        width,
        usual_per_hour,
    }
}

/// One upstream in one category.
type Pair<'a> = (Option<&'a Arc<[u8]>>, Category);

/// Failures of one pair in one bucket.
#[derive(Clone, Copy)]
struct Cell {
    bucket: Timestamp,
    /// Index of the pair.
    pair: usize,
    n_events: u64,
}

/// All failures that have a time.
struct Series<'a> {
    /// In order.
    pairs: Vec<Pair<'a>>,
    /// The group of each pair, by level.
    groups: [Vec<usize>; Level::ALL.len()],
    /// By bucket and pair, each once.
    cells: Vec<Cell>,
    /// The same rows by bucket and pair.
    rows: Vec<(Timestamp, usize, &'a Failure)>,
    span: Span,
    /// First event of any kind.
    first_seen: Timestamp,
    /// What access logs tell of requests, if there are no error records.
    answers: Option<&'a [Traffic]>,
}

/// What is added up, from the finest to the coarsest; later ones look at what earlier ones left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Pair,
    Upstream,
    Category,
    All,
}

impl Level {
    const ALL: [Level; 4] = [Level::Pair, Level::Upstream, Level::Category, Level::All];

    /// By pair, the same number for all that are added up.
    fn groups(self, pairs: &[Pair<'_>]) -> Vec<usize> {
        let group = |pair: usize| match self {
            Level::Pair => pair,
            // Pairs are in order: the first of its upstream stands for all.
            Level::Upstream => pairs.partition_point(|(upstream, _)| *upstream < pairs[pair].0),
            Level::Category => pairs[pair].1 as usize,
            Level::All => 0,
        };
        (0..pairs.len()).map(group).collect()
    }
}

/// What was found in the series.
struct Found {
    windows: Vec<Window>,
    /// By pair.
    usual: Vec<Usual>,
}

/// Bursts that are one incident.
struct Window {
    first: Timestamp,
    last: Timestamp,
    is_open: bool,
    bursts: Vec<(Level, usize, Burst)>,
}

impl<'a> Series<'a> {
    fn of(fine: &'a Fine, width: Width) -> Option<Series<'a>> {
        let rows = fine.rows.iter();
        let (first_seen, last_seen) = bounds(fine)?;
        let start = |time: Timestamp| Timestamp(width.floor(time.0));
        let is_failing = |row: &&Failure| row.kind.severity == Severity::Failure;
        let mut failing = rows.clone().filter(is_failing);
        let has_records = failing.any(|row| row.kind.basis == Basis::ErrorLog);
        // What both logs tell is counted once.
        let is_first_hand = |row: &&Failure| {
            !has_records
                || row.kind.basis == Basis::ErrorLog
                || row.kind.category == Category::Upstream5xx
        };
        let timed: Vec<(Timestamp, &Failure)> = rows
            .filter(is_failing)
            .filter(is_first_hand)
            .filter_map(|row| Some((start(row.bucket?), row)))
            .collect();
        let pair_of = |row: &'a Failure| (row.upstream.as_ref(), row.kind.category);
        let mut index_of: HashMap<Pair<'a>, usize, FixedState> = HashMap::default();
        for (_, row) in &timed {
            index_of.entry(pair_of(row)).or_default();
        }
        let mut pairs: Vec<Pair<'a>> = index_of.keys().copied().collect();
        pairs.sort_unstable();
        for (index, pair) in pairs.iter().enumerate() {
            index_of.insert(*pair, index);
        }
        let mut rows: Vec<(Timestamp, usize, &Failure)> = timed
            .into_iter()
            .map(|(bucket, row)| (bucket, index_of[&pair_of(row)], row))
            .collect();
        rows.sort_by_key(|&(bucket, pair, _)| (bucket, pair));
        let cells = rows
            .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
            .map(|rows| Cell {
                bucket: rows[0].0,
                pair: rows[0].1,
                n_events: rows.iter().map(|(.., row)| row.n_events).sum(),
            });
        Some(Series {
            cells: cells.collect(),
            groups: Level::ALL.map(|level| level.groups(&pairs)),
            pairs,
            rows,
            span: Span {
                first: start(first_seen),
                last: start(last_seen),
                width_s: width.seconds(),
            },
            first_seen,
            answers: (!has_records).then_some(fine.traffic.as_slice()),
        })
    }

    fn n_events(&self) -> u64 {
        self.cells.iter().map(|cell| cell.n_events).sum()
    }

    /// All bursts, put together to windows.
    fn find(&self, usual_of: impl Fn(&[Count], Span) -> Usual) -> Found {
        let mut is_left = vec![true; self.cells.len()];
        let mut bursts = Vec::new();
        let mut usual_of_pairs = vec![Usual::default(); self.pairs.len()];
        for level in Level::ALL {
            let groups = &self.groups[level as usize];
            let n_groups = groups.iter().max().map_or(0, |last| last + 1);
            let mut members: Vec<Vec<usize>> = vec![Vec::new(); n_groups];
            for (at, cell) in self.cells.iter().enumerate() {
                members[groups[cell.pair]].push(at);
            }
            let members = members.iter().enumerate();
            for (number, members) in members.filter(|(_, members)| !members.is_empty()) {
                let cells = members.iter().copied();
                let all = counts(cells.clone().map(|at| &self.cells[at]));
                let usual = usual_of(&all, self.span);
                if level == Level::Pair {
                    usual_of_pairs[number] = usual;
                }
                let left = cells.clone().filter(|&at| is_left[at]);
                let left = counts(left.map(|at| &self.cells[at]));
                for burst in burst::bursts(&left, self.span, usual) {
                    bursts.push((level, number, burst));
                    let range = burst.first..=burst.last;
                    cells
                        .clone()
                        .filter(|&at| range.contains(&self.cells[at].bucket))
                        .for_each(|at| is_left[at] = false);
                }
            }
        }
        Found {
            windows: windows(bursts, self.span.width_s),
            usual: usual_of_pairs,
        }
    }

    /// What happened in `window`.
    fn incident(&self, window: &Window, found: &Found, usual_per_hour: u64) -> Option<Incident> {
        let from = self
            .rows
            .partition_point(|(bucket, ..)| *bucket < window.first);
        let to = self
            .rows
            .partition_point(|(bucket, ..)| *bucket <= window.last);
        let mut by_pair: BTreeMap<usize, Vec<(Timestamp, &Failure)>> = BTreeMap::new();
        for &(bucket, pair, row) in &self.rows[from..to] {
            by_pair.entry(pair).or_default().push((bucket, row));
        }
        by_pair.retain(|&pair, rows| self.is_member(window, pair, rows, found.usual[pair]));
        let mut clients = Clients::default();
        let mut members: Vec<Member> = by_pair
            .iter()
            .map(|(&pair, rows)| self.member(window, pair, rows, &mut clients))
            .collect();
        members.sort_by_key(|member| (member.onset, member.tie_break()));
        let first_mover = members.iter().position(|member| member.rose).unwrap_or(0);
        let rows = || by_pair.values().flatten();
        let (peak, n_at_peak) = peak(rows().map(|&(bucket, row)| (bucket, row.n_events)))?;
        let start = rows().filter_map(|(_, row)| row.first_seen).min()?;
        Some(Incident {
            id: id(start, members.get(first_mover)?),
            start,
            end: rows().filter_map(|(_, row)| row.last_seen).max()?,
            begins_with_logs: start.0 - self.first_seen.0 < 10,
            lasts_to_end: window.is_open,
            peak,
            peak_per_minute: n_at_peak * 60 / self.span.width_s as u64,
            first_mover,
            n_events: members.iter().map(|member| member.n_events).sum(),
            n_clients: clients.finish(),
            hurt: Hurt::of_counts(&members, (window.first, window.last), self.answers),
            usual_per_hour,
            evidence: rows().map(|(_, row)| row.evidence).min()?,
            members,
        })
    }

    /// Whether the failures of `pair` in `window` are of the incident.
    fn is_member(
        &self,
        window: &Window,
        pair: usize,
        rows: &[(Timestamp, &Failure)],
        usual: Usual,
    ) -> bool {
        let minutes = (window.last.0 - window.first.0 + self.span.width_s) / 60;
        let n_events = rows.iter().map(|(_, row)| row.n_events).sum();
        let is_in = |(level, group, burst): &(Level, usize, Burst)| {
            // They are in order of time.
            let behind = || &rows[rows.partition_point(|(bucket, _)| *bucket < burst.first)..];
            self.groups[*level as usize][pair] == *group
                && behind().first().is_some_and(|(bucket, _)| *bucket <= burst.last)
                // The burst of many does not make what fails as usual a part of it.
                && (*level == Level::Pair || usual.is_tripled(n_events, minutes))
        };
        // A record that was cut names no upstream: it is most likely of the burst of its category.
        let is_nameless = |(level, group, _): &(Level, usize, Burst)| {
            let (upstream, category) = self.pairs[pair];
            *level == Level::Pair
                && upstream.is_none()
                && self.pairs[*group].1 == category
                && usual.is_tripled(n_events, minutes)
        };
        let is_of = |burst| is_in(burst) || is_nameless(burst);
        window.bursts.iter().any(is_of) || usual.is_exceeded(n_events, minutes)
    }

    /// The failures of `pair` in `window`; its clients are added to `all_clients`.
    fn member(
        &self,
        window: &Window,
        pair: usize,
        rows: &[(Timestamp, &Failure)],
        all_clients: &mut Clients,
    ) -> Member {
        let own = window
            .bursts
            .iter()
            .find(|(level, group, _)| *level == Level::Pair && *group == pair);
        let rising = own.map_or(window.first, |(.., burst)| burst.first);
        let mut clients = Clients::default();
        rows.iter().for_each(|(_, row)| clients.merge(&row.clients));
        all_clients.merge(&clients);
        let onset = rows.iter().filter(|(bucket, _)| *bucket >= rising);
        let onset = onset.filter_map(|(_, row)| Some((row.first_seen?, row.evidence)));
        let first = onset.min().unwrap_or((window.first, rows[0].1.evidence));
        let mut phases: BTreeMap<Phase, u64> = BTreeMap::new();
        for (_, row) in rows {
            *phases.entry(row.kind.phase).or_default() += row.n_events;
        }
        let phase = phases
            .iter()
            .max_by_key(|(phase, n)| (**n, Reverse(**phase)));
        let (upstream, category) = self.pairs[pair];
        Member {
            upstream: upstream.cloned(),
            category,
            phase: phase.map_or(Phase::None, |(phase, _)| *phase),
            onset: first.0,
            last: rows
                .iter()
                .filter_map(|(_, row)| row.last_seen)
                .max()
                .unwrap_or(first.0),
            n_events: rows.iter().map(|(_, row)| row.n_events).sum(),
            n_clients: clients.finish(),
            rose: own.is_some(),
            evidence: first.1,
        }
    }
}

impl Member {
    /// Who goes first within a second: what cannot be a cause last, then what stands first in the logs.
    fn tie_break(&self) -> (bool, Evidence, Category, Option<Arc<[u8]>>) {
        let is_consequence = self.category == Category::NoLiveUpstreams;
        (
            is_consequence,
            self.evidence,
            self.category,
            self.upstream.clone(),
        )
    }
}

/// When the logs begin and end: the first and the last event, or bucket of traffic.
fn bounds(fine: &Fine) -> Option<(Timestamp, Timestamp)> {
    let starts = || fine.traffic.iter().filter_map(|row| row.bucket);
    let first = fine.rows.iter().filter_map(|row| row.first_seen);
    let last = fine.rows.iter().filter_map(|row| row.last_seen);
    Some((first.chain(starts()).min()?, last.chain(starts()).max()?))
}

/// Sums of cells, which are in order of time, by bucket.
fn counts<'c>(cells: impl Iterator<Item = &'c Cell>) -> Vec<Count> {
    let mut counts: Vec<Count> = Vec::new();
    for cell in cells {
        match counts.last_mut() {
            Some(count) if count.bucket == cell.bucket => count.n_events += cell.n_events,
            _ => counts.push(Count {
                bucket: cell.bucket,
                n_events: cell.n_events,
            }),
        }
    }
    counts
}

/// Puts bursts together that overlap or follow each other closely.
fn windows(mut bursts: Vec<(Level, usize, Burst)>, width_s: i64) -> Vec<Window> {
    bursts.sort_by_key(|(level, group, burst)| (burst.first, burst.last, *level as u8, *group));
    let mut windows: Vec<Window> = Vec::new();
    for (level, group, burst) in bursts {
        let near = |window: &&mut Window| {
            burst.first.0 - (window.last.0 + width_s) < burst::QUIET_MIN * 60
        };
        match windows.last_mut().filter(near) {
            Some(window) => {
                window.last = window.last.max(burst.last);
                window.is_open |= burst.is_open;
                window.bursts.push((level, group, burst));
            }
            None => windows.push(Window {
                first: burst.first,
                last: burst.last,
                is_open: burst.is_open,
                bursts: vec![(level, group, burst)],
            }),
        }
    }
    windows
}

/// The bucket with most failures, the first of several, and their number.
fn peak(counts: impl Iterator<Item = (Timestamp, u64)>) -> Option<(Timestamp, u64)> {
    let mut sums: BTreeMap<Timestamp, u64> = BTreeMap::new();
    for (bucket, n) in counts {
        *sums.entry(bucket).or_default() += n;
    }
    sums.into_iter()
        .max_by_key(|&(bucket, n)| (n, Reverse(bucket)))
}

/// `20261120-1408-3fa2`.
fn id(start: Timestamp, first_mover: &Member) -> String {
    let minute = chrono::DateTime::from_timestamp(start.0, 0)
        .map_or_else(String::new, |time| time.format("%Y%m%d-%H%M").to_string());
    let mut text = format!("{} {} ", start.0, first_mover.category).into_bytes();
    text.extend_from_slice(first_mover.upstream.as_deref().unwrap_or_default());
    format!("{minute}-{}", &sha256(&text)[..4])
}

#[cfg(test)]
mod tests;
