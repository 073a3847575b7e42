use super::*;
use crate::{
    aggregate::{Evidence, SourceKey, failures::Kind},
    event::{Basis, Category, LocalTime, Phase, Severity},
};

const AUTUMN: i64 = 1_792_800_000; // 2026-10-24 00:00:00 UTC; clocks change on 10-25 in Europe, on 11-01 in America

/// Requests that failed `times` seconds after [`AUTUMN`], and their records by a clock of `zone`.
fn logs(
    zone: &str,
    times: impl IntoIterator<Item = (u64, i64)>,
) -> (Vec<ErrorTrace>, Vec<AttemptTrace>) {
    let zone = Zone::parse(zone).expect("a zone");
    let traces = times.into_iter().enumerate().map(|(n, (client, at))| {
        let evidence = |source| Evidence {
            source: SourceKey::new(source, 0),
            offset: n as u64,
            line_in_chunk: n as u32,
        };
        let kind = |category, basis| Kind {
            category,
            phase: Phase::Connect,
            severity: Severity::Failure,
            basis,
        };
        let key = RequestKey {
            client: TextHash::of(&client.to_le_bytes()),
            request: TextHash::of(b"GET /"),
            head: TextHash::NONE,
            host: TextHash::NONE,
            connection: 0,
            pid: 0,
        };
        let end = Timestamp(AUTUMN + at);
        let error = ErrorTrace {
            evidence: evidence(0),
            time: LocalTime(end.0 + i64::from(zone.offset_s(end))),
            kind: kind(Category::Refused, Basis::ErrorLog),
            upstream: TextHash::NONE,
            key,
            is_cut: false,
            is_kept: true,
            machine: TextHash::NONE,
        };
        let attempt = AttemptTrace {
            evidence: evidence(1),
            index: 0,
            n_attempts: 1,
            end,
            end_ms: 300,
            request_ms: 200,
            later_ms: 0,
            status: 502,
            kind: Some(kind(Category::Other, Basis::AccessLog)),
            is_passed_on: false,
            upstream: TextHash::NONE,
            key,
            is_kept: true,
        };
        (error, attempt)
    });
    traces.unzip()
}

/// Failures of many clients over `days` days.
fn outage(days: i64, n: u64) -> impl Iterator<Item = (u64, i64)> {
    (0..n).map(move |n| (n % 37, (n * n * 7_919 % (days as u64 * 86_400)) as i64))
}

#[track_caller]
fn inferred(logs: &(Vec<ErrorTrace>, Vec<AttemptTrace>), written_s: &[i32]) -> String {
    match infer_zone(&logs.0, &logs.1, written_s) {
        None => "none".to_owned(),
        Some((zone, matches)) => {
            let Matches {
                n_matched, n_tried, ..
            } = matches;
            format!("{} {n_matched} of {n_tried}", zone.name())
        }
    }
}

#[test]
fn offsets_are_found_to_the_quarter_hour() {
    for (zone, want) in [
        ("UTC", "UTC 40 of 40"),
        ("Asia/Kathmandu", "+05:45 40 of 40"),
        ("America/New_York", "-04:00 40 of 40"),
        ("-03:30", "-03:30 40 of 40"),
        ("+14:00", "+14:00 40 of 40"),
    ] {
        assert_eq!(inferred(&logs(zone, outage(1, 40)), &[]), want);
    }
}

#[test]
fn a_change_of_the_clock_within_the_span_names_a_zone() {
    let over = |zone: &str| inferred(&logs(zone, outage(14, 600)), &[]);
    assert!(over("America/New_York").starts_with("America/New_York "));
    assert!(over("Europe/Berlin").starts_with("Europe/Berlin "));
    assert!(over("Europe/Rome").starts_with("Europe/Berlin "), "alike");
    assert_eq!(over("Asia/Kathmandu"), "+05:45 600 of 600");
    let (errors, attempts) = logs("America/New_York", outage(14, 600));
    let (_, matches) = infer_zone(&errors, &attempts, &[]).expect("found");
    assert!(
        matches.n_matched > 590 && matches.n_next < 40,
        "{matches:?}"
    );
}

#[test]
fn what_is_written_decides_between_zones_that_do_as_well() {
    // All failed before the change.
    let mut logs_of_one_side = logs("Europe/Berlin", outage(1, 40));
    // One record after it that meets nothing.
    let mut late = logs_of_one_side.0[0];
    late.time = LocalTime(AUTUMN + 3 * 86_400);
    logs_of_one_side.0.push(late);
    assert_eq!(inferred(&logs_of_one_side, &[]), "+02:00 40 of 40");
    assert_eq!(
        inferred(&logs_of_one_side, &[7_200, 3_600]),
        "Europe/Berlin 40 of 40"
    );
    assert_eq!(inferred(&logs_of_one_side, &[7_200]), "+02:00 40 of 40");
}

#[test]
fn health_checks_meet_everywhere() {
    // Every ten seconds the same request of the same client, for two days.
    let checks = logs("+02:00", (0..17_280).map(|n| (1, n * 10)));
    assert_eq!(inferred(&checks, &[]), "none");
    assert_eq!(inferred(&checks, &[7_200]), "+02:00 17280 of 17280");
    // The log is written in another zone than the one that would be needed, by hours: no help.
    assert_eq!(inferred(&checks, &[-36_000]), "none");
}

#[test]
fn too_few_tell_nothing() {
    assert_eq!(inferred(&logs("+02:00", outage(1, 4)), &[]), "none");
    assert_eq!(inferred(&logs("+02:00", outage(1, 4)), &[7_200]), "none");
    assert_eq!(
        inferred(&logs("+02:00", outage(1, 5)), &[]),
        "+02:00 5 of 5"
    );
    assert_eq!(inferred(&(vec![], vec![]), &[0]), "none");
}

#[test]
fn a_zone_that_is_known_is_weighed() {
    let (errors, attempts) = logs("+02:00", outage(1, 40));
    let under = |zone: &str| {
        let zone = Zone::parse(zone).expect("a zone");
        matches_under(&zone, &errors, &attempts).expect("something to tell by")
    };
    assert_eq!(under("+02:00").n_matched, 40);
    assert_eq!(under("Europe/Berlin").n_matched, 40);
    let wrong = under("+03:00");
    assert!(wrong.n_matched < 5 && wrong.n_next == 40, "{wrong:?}");
}
