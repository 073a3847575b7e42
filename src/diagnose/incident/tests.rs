//! Incidents of small logs that are told in a line each.

use super::*;
use crate::{
    aggregate::{Failures, SourceKey, Table, failures::Kind},
    diagnose::{Fine, Placement, placed::Counts},
    event::{Basis, LocalTime},
    zone::Zone,
};

const START: i64 = 1_795_132_800; // 2026-11-20 00:00:00
const DAY: i64 = 86_400;

/// Events of a log, to be counted in any order and any number of parts.
#[derive(Clone, Default)]
struct Log(Vec<(i64, &'static str, Category, Severity)>);

impl Log {
    /// `n` failures from second `from` on, evenly to second `to` (excluded).
    fn failing(
        self,
        upstream: &'static str,
        category: Category,
        (from, to): (i64, i64),
        n: i64,
    ) -> Log {
        self.with(upstream, category, Severity::Failure, (from, to), n)
    }

    /// The logs reach from second `from` to second `to`: an event of no failure at either end.
    fn reaching(self, from: i64, to: i64) -> Log {
        let log = self.with(
            "",
            Category::ClientAbort,
            Severity::Client,
            (from, from + 1),
            1,
        );
        log.with("", Category::ClientAbort, Severity::Client, (to, to + 1), 1)
    }

    fn with(
        mut self,
        upstream: &'static str,
        category: Category,
        severity: Severity,
        (from, to): (i64, i64),
        n: i64,
    ) -> Log {
        let time = |i: i64| from + i * (to - from) / n;
        self.0
            .extend((0..n).map(|i| (START + time(i), upstream, category, severity)));
        self
    }

    fn count(&self, events: impl Iterator<Item = usize>, grain: Grain) -> Failures {
        self.count_by(Basis::ErrorLog, events, grain)
    }

    fn count_by(
        &self,
        basis: Basis,
        events: impl Iterator<Item = usize>,
        grain: Grain,
    ) -> Failures {
        let mut failures = Failures::new(grain);
        for at in events {
            let (time, upstream, category, severity) = self.0[at];
            let kind = Kind {
                category,
                phase: Phase::Connect,
                severity,
                basis,
            };
            let evidence = Evidence {
                source: SourceKey::new(0, 0),
                offset: at as u64 * 100,
                line_in_chunk: at as u32,
            };
            let client = format!("192.0.2.{}", at % 50);
            let upstream = (!upstream.is_empty()).then_some(upstream.as_bytes());
            failures.collect(
                Some(LocalTime(time)),
                upstream,
                kind,
                Some(client.as_bytes()),
                evidence,
            );
        }
        failures
    }

    fn incidents(&self) -> Incidents {
        find(self.count(0..self.0.len(), Grain::Fixed(Width::Minute)))
    }

    /// What is said of them, but for evidence.
    fn told(&self) -> Vec<String> {
        told(&self.incidents())
    }
}

fn find(failures: Failures) -> Incidents {
    find_in(failures, Failures::new(Grain::OfSpan))
}

fn find_in(of_records: Failures, of_requests: Failures) -> Incidents {
    let placement = Placement {
        since: None,
        until: None,
        bucket: None,
    };
    let grain = Grain::OfSpan;
    let counts = Counts {
        of_records,
        of_requests,
        traffic: Table::new(grain),
        last_request: None,
    };
    incidents(&Fine::of(counts, &placement, &Zone::utc()))
}

/// `100-160 ]: 12 of a:80 refused` and so on: seconds from the start, and whether the logs show both ends.
fn told(incidents: &Incidents) -> Vec<String> {
    let one = |incident: &Incident| {
        let second = |time: Timestamp| time.0 - START;
        let member = |(index, member): (usize, &Member)| {
            let upstream =
                String::from_utf8_lossy(member.upstream.as_deref().unwrap_or(b"-")).into_owned();
            let mark = if index == incident.first_mover {
                "*"
            } else {
                ""
            };
            format!(
                "{mark}{} {upstream} {} at {}",
                member.n_events,
                member.category,
                second(member.onset)
            )
        };
        let members: Vec<String> = incident.members.iter().enumerate().map(member).collect();
        format!(
            "{}{}-{}{} {}",
            if incident.begins_with_logs { "[" } else { "" },
            second(incident.start),
            second(incident.end),
            if incident.lasts_to_end { "]" } else { "" },
            members.join(", ")
        )
    };
    incidents.list.iter().map(one).collect()
}

use Category::{NoLiveUpstreams, PrematureClose, Refused, Reset, Timeout};

#[test]
fn quiet_logs_have_none() {
    assert!(Log::default().told().is_empty());
    assert!(Log::default().reaching(0, DAY).told().is_empty());
    let few = Log::default().reaching(0, DAY);
    let few = few
        .failing("a:80", Refused, (0, DAY), 40)
        .failing("b:80", Timeout, (300, DAY), 60);
    assert!(few.told().is_empty());
}

#[test]
fn a_tiny_log_is_one() {
    let log = Log::default().failing("a:80", Refused, (0, 120), 30);
    assert_eq!(log.told(), ["[0-116] *30 a:80 refused at 0"]);
    let incident = &log.incidents().list[0];
    assert_eq!((incident.n_clients, incident.usual_per_hour), (30, 0));
    assert_eq!(
        (incident.peak, incident.peak_per_minute),
        (Timestamp(START), 15)
    );
}

#[test]
fn at_the_start_in_the_middle_and_at_the_end() {
    let at = |from: i64| {
        Log::default()
            .reaching(0, DAY)
            .failing("a:80", Refused, (from, from + 60), 60)
            .told()
    };
    assert_eq!(at(0), ["[0-59 *60 a:80 refused at 0"]);
    assert_eq!(at(43_200), ["43200-43259 *60 a:80 refused at 43200"]);
    assert_eq!(at(DAY - 60), ["86340-86399] *60 a:80 refused at 86340"]);
}

#[test]
fn one_minute_of_a_week() {
    let log = Log::default()
        .reaching(0, 7 * DAY)
        .failing("a:80", Refused, (300_030, 300_055), 25);
    assert_eq!(log.told(), ["300030-300054 *25 a:80 refused at 300030"]);
}

#[test]
fn a_slow_burn_of_hours() {
    let log = Log::default()
        .reaching(0, DAY)
        .failing("a:80", Timeout, (30_000, 44_400), 240);
    assert_eq!(log.told(), ["30000-44340 *240 a:80 timeout at 30000"]);
}

#[test]
fn quiet_parts_two() {
    let log = Log::default().reaching(0, DAY);
    let log = log.failing("a:80", Refused, (3_600, 3_720), 60).failing(
        "a:80",
        Refused,
        (5_400, 5_520),
        60,
    );
    assert_eq!(
        log.told(),
        [
            "3600-3718 *60 a:80 refused at 3600",
            "5400-5518 *60 a:80 refused at 5400"
        ]
    );
}

#[test]
fn what_overlaps_is_one_and_who_rose_first_is_named() {
    let log = Log::default().reaching(0, DAY);
    // One stray failure of another, a second before; then the cause, and its consequence.
    let log = log.failing("c:80", Reset, (35_999, 36_000), 1);
    let log = log.failing("a:80", Timeout, (36_000, 36_300), 50);
    let log = log.failing("app", NoLiveUpstreams, (36_060, 36_300), 500);
    let log = log.failing("b:80", Refused, (36_060, 36_200), 5);
    assert_eq!(
        log.told(),
        [
            "36000-36299 *50 a:80 timeout at 36000, 5 b:80 refused at 36060, 500 app no-live-upstreams at 36060"
        ]
    );
}

#[test]
fn fifty_peers_with_three_failures_each() {
    let mut log = Log::default().reaching(0, DAY);
    for peer in 0..50i64 {
        let name: &'static str = Box::leak(format!("10.0.0.{peer}:80").into_boxed_str());
        log = log.failing(name, Refused, (50_000 + peer * 5, 50_600 + peer * 5), 3);
    }
    let found = log.incidents();
    assert_eq!(found.list.len(), 1);
    let incident = &found.list[0];
    assert_eq!((incident.members.len(), incident.n_events), (50, 150));
    assert_eq!(
        incident.members[incident.first_mover].upstream.as_deref(),
        Some(&b"10.0.0.0:80"[..])
    );
    assert_eq!(
        (incident.start.0 - START, incident.end.0 - START),
        (50_000, 50_645)
    );
}

#[test]
fn a_dying_peer_fails_in_many_ways() {
    // Seven each are no burst; together they are.
    let log = Log::default().reaching(0, DAY);
    let log =
        log.failing("a:80", Reset, (600, 700), 7)
            .failing("a:80", PrematureClose, (605, 700), 7);
    assert_eq!(
        log.told(),
        ["600-686 *7 a:80 reset at 600, 7 a:80 premature-close at 605"]
    );
}

#[test]
fn what_fails_all_the_time_is_no_part_of_it() {
    // Sixty a minute all day; and one quiet upstream's outage of five minutes.
    let usual = Log::default().failing("noisy:80", PrematureClose, (0, DAY), 86_400);
    assert!(usual.told().is_empty());
    let log = usual.failing("a:80", Refused, (40_000, 40_300), 60);
    assert_eq!(log.told(), ["40000-40295 *60 a:80 refused at 40000"]);
    let found = log.incidents();
    assert_eq!(found.usual_per_hour, Some(3_600));
    assert_eq!(
        (found.list[0].n_events, found.list[0].peak_per_minute),
        (60, 12)
    );
}

#[test]
fn a_log_that_is_bad_from_end_to_end() {
    let bad = |hours: i64, per_minute: i64| {
        Log::default()
            .failing("a:80", Refused, (0, hours * 3_600), hours * 60 * per_minute)
            .incidents()
    };
    let found = bad(3, 10);
    assert_eq!(told(&found), ["[0-10794] *1800 a:80 refused at 0"]);
    assert_eq!(found.usual_per_hour, None);
    // What has been so for days is usual; what is less than one a minute is too little.
    assert!(bad(48, 10).list.is_empty());
    let rare = Log::default().failing("a:80", Refused, (0, 12 * 3_600), 12 * 12);
    assert!(rare.told().is_empty());
}

#[test]
fn records_that_lost_their_upstream_are_of_their_categorys_burst() {
    let log = Log::default().reaching(0, DAY);
    let log = log.failing("a:80", Timeout, (30_000, 31_800), 60).failing(
        "",
        Timeout,
        (30_600, 31_000),
        2,
    );
    // A reset without a name has nothing to do with it.
    let log = log.failing("", Reset, (30_900, 30_901), 1);
    assert_eq!(
        log.told(),
        ["30000-31770 *60 a:80 timeout at 30000, 2 - timeout at 30600"]
    );
}

/// Everything, evidence included.
fn whole(incidents: &Incidents) -> String {
    format!("{incidents:?}")
}

/// Three incidents among noise.
fn busy() -> Log {
    let log = Log::default()
        .reaching(0, 2 * DAY)
        .failing("x:80", Reset, (0, 2 * DAY), 30);
    let log = log.failing("a:80", Timeout, (10_000, 11_000), 90).failing(
        "b:80",
        Refused,
        (10_300, 11_100),
        200,
    );
    let log = log.failing("", Category::Dns, (60_000, 60_100), 33);
    log.failing("b:80", Refused, (100_000, 130_000), 500)
}

#[test]
fn order_parts_and_grain_change_nothing() {
    let log = busy();
    let n = log.0.len();
    let want = whole(&log.incidents());
    assert_eq!(log.incidents().list.len(), 3, "{:?}", log.told());
    let minute = Grain::Fixed(Width::Minute);
    assert_eq!(whole(&find(log.count((0..n).rev(), minute))), want);
    // A stride that meets every event once, in an order far from theirs.
    assert_eq!(
        whole(&find(log.count((0..n).map(|at| at * 7_919 % n), minute))),
        want
    );
    for cut in [1, n / 3, n - 1] {
        for (a, b) in [(0..cut, cut..n), (cut..n, 0..cut)] {
            let mut merged = log.count(a, minute);
            merged.merge(log.count(b, minute));
            assert_eq!(whole(&find(merged)), want, "cut at {cut}");
        }
    }
    // As finely as the display asked for.
    for grain in [
        Grain::Fixed(Width::Second),
        Grain::Fixed(Width::TenSeconds),
        Grain::OfSpan.analysed(),
    ] {
        assert_eq!(whole(&find(log.count(0..n, grain))), want, "{grain:?}");
    }
    for wide in Width::ALL {
        let grain = Grain::for_width(wide).analysed();
        assert_eq!(
            whole(&find(log.count(0..n, grain))),
            want,
            "--bucket {wide}"
        );
    }
}

#[test]
fn what_two_logs_tell_is_counted_once() {
    let minute = Grain::Fixed(Width::Minute);
    let both = Log::default().failing("a:80", Timeout, (30_000, 30_600), 100);
    let passed = both
        .clone()
        .failing("a:80", Category::Upstream5xx, (30_100, 30_500), 40);
    let of_requests = || passed.count_by(Basis::AccessLog, 0..passed.0.len(), minute);
    let found = find_in(both.count(0..both.0.len(), minute), of_requests());
    assert_eq!(
        told(&found),
        ["[30000-30594] *100 a:80 timeout at 30000, 40 a:80 upstream-5xx at 30100"]
    );
    // An access log alone tells both.
    let found = find_in(Failures::new(minute), of_requests());
    assert_eq!(found.list.len(), 1);
    assert_eq!(found.list[0].n_events, 140);
}

#[test]
fn many_times_the_failures_are_the_same_incidents() {
    let log = busy();
    let bounds = |incidents: &Incidents| -> Vec<(i64, i64, usize)> {
        let bounds =
            |incident: &Incident| (incident.start.0, incident.end.0, incident.members.len());
        incidents.list.iter().map(bounds).collect()
    };
    let once = bounds(&log.incidents());
    // The noise stays: what bursts grows tenfold.
    let mut tenfold = log.clone();
    let outages: Vec<_> = log
        .0
        .iter()
        .filter(|event| event.1 != "x:80" && event.3 == Severity::Failure)
        .copied()
        .collect();
    (0..9).for_each(|_| tenfold.0.extend(&outages));
    assert_eq!(bounds(&tenfold.incidents()), once);
}

#[test]
fn every_failure_of_a_member_in_its_time_is_counted() {
    let log = busy();
    for incident in &log.incidents().list {
        let is_in = |time: i64| (incident.start.0..=incident.end.0).contains(&time);
        for member in &incident.members {
            let name = member.upstream.as_deref().unwrap_or_default();
            let n = log.0.iter().filter(|(time, upstream, category, _)| {
                is_in(*time) && upstream.as_bytes() == name && *category == member.category
            });
            assert_eq!(member.n_events, n.count() as u64, "{member:?}");
        }
        let n: u64 = incident.members.iter().map(|member| member.n_events).sum();
        assert_eq!(incident.n_events, n);
    }
}

#[test]
fn ids_tell_when_and_are_stable() {
    let found = busy().incidents();
    let ids: Vec<&str> = found
        .list
        .iter()
        .map(|incident| incident.id.as_str())
        .collect();
    assert!(
        ids[0].starts_with("20261120-0246-") && ids[0].len() == 18,
        "{ids:?}"
    );
    let again = busy()
        .failing("z:80", Reset, (150_000, 150_060), 40)
        .incidents();
    assert_eq!(again.list.len(), 4);
    for (incident, id) in again.list.iter().zip(ids) {
        assert_eq!(incident.id, id);
    }
}
