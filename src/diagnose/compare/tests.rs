use super::*;
use crate::event::Timestamp;

const START: i64 = 1_795_176_000;

/// A side of an hour from `start`: requests, and failures of one upstream each, spread over the hour.
fn side(start: i64, n_requests: u64, failures: &[(&str, Category, u64)]) -> Side {
    let span = Span {
        first: Timestamp(START + start),
        last: Timestamp(START + start + 3_599),
    };
    let mut side = Side {
        has_records: true,
        has_requests: n_requests > 0,
        span: Some(span),
        span_of_records: Some(span),
        covered_s: 3_600,
        ..Side::default()
    };
    side.requests.n_requests = n_requests;
    for &(upstream, category, n) in failures {
        let name: Arc<[u8]> = upstream.as_bytes().into();
        let failed = Failed {
            n,
            first: span.first,
            last: span.last,
            quiet_s: 60,
        };
        side.of_records.rows.insert((Some(name), category), failed);
        let total = side
            .of_records
            .total
            .get_or_insert(Failed { n: 0, ..failed });
        total.n += n;
    }
    side
}

fn with_attempts(mut side: Side, upstream: &str, n_attempts: u64) -> Side {
    let row = TrafficRow {
        n_attempts,
        ..TrafficRow::default()
    };
    side.traffic.insert(Some(upstream.as_bytes().into()), row);
    side
}

const PEER: &str = "10.0.0.1:80";

use Category::{NoLiveUpstreams, Refused, Timeout};

fn verdicts(comparison: &Comparison) -> Vec<(Category, Verdict)> {
    let rows = comparison.rows.iter();
    rows.map(|row| (row.category, row.judged.verdict)).collect()
}

#[test]
fn the_whole_is_judged_by_the_sum_and_by_what_is_new() {
    let before = side(0, 10_000, &[(PEER, Refused, 500)]);
    let verdict =
        |after: &[(&str, Category, u64)]| compare(&before, &side(3_600, 10_000, after)).verdict;
    assert_eq!(verdict(&[]), Verdict::Fixed);
    assert_eq!(verdict(&[(PEER, Refused, 300)]), Verdict::Better);
    assert_eq!(verdict(&[(PEER, Refused, 505)]), Verdict::Same);
    assert_eq!(verdict(&[(PEER, Refused, 700)]), Verdict::Worse);
    // As many in all, of another kind.
    assert_eq!(verdict(&[(PEER, Timeout, 500)]), Verdict::Worse);
    // Fewer in all, though most are of another kind; a few are the price of a fix.
    assert_eq!(verdict(&[(PEER, Timeout, 400)]), Verdict::Worse);
    assert_eq!(verdict(&[(PEER, Timeout, 50)]), Verdict::Better);
    let none = side(0, 10_000, &[]);
    assert_eq!(compare(&none, &none).verdict, Verdict::CannotTell);
    assert_eq!(compare(&none, &before).verdict, Verdict::Worse);
}

#[test]
fn a_new_message_makes_as_many_failures_worse() {
    let before = side(0, 10_000, &[(PEER, Refused, 500)]);
    let mut after = side(3_600, 10_000, &[(PEER, Refused, 505)]);
    after
        .tally
        .n_by_signature
        .insert(7, (Severity::Warning, 200));
    assert_eq!(compare(&before, &after).verdict, Verdict::Same);
    after.tally.n_by_signature.insert(8, (Severity::Failure, 1));
    let comparison = compare(&before, &after);
    assert_eq!(comparison.verdict, Verdict::Same);
    assert!(
        comparison
            .messages
            .iter()
            .any(|message| message.signature == 8 && message.is_noise)
    );
    after
        .tally
        .n_by_signature
        .insert(8, (Severity::Failure, 200));
    assert_eq!(compare(&before, &after).verdict, Verdict::Worse);
}

#[test]
fn what_failures_are_counted_by() {
    let failures = [(PEER, Refused, 50), ("app", NoLiveUpstreams, 9)];
    let unit = |before: &Side, after: &Side, category: Category| {
        let comparison = compare(before, after);
        let row = comparison.rows.iter().find(|row| row.category == category);
        let pair = row.expect("there").judged.pair;
        (pair.unit, pair.before.of, pair.after.of)
    };
    let before = with_attempts(side(0, 1_000, &failures), PEER, 700);
    let after = with_attempts(side(3_600, 2_000, &failures), PEER, 900);
    assert_eq!(unit(&before, &after, Refused), (Unit::Attempts, 700, 900));
    // Each attempt at a group without peers fails: requests are the measure.
    let (before, after) = (
        with_attempts(before, "app", 9),
        with_attempts(after, "app", 9),
    );
    assert_eq!(
        unit(&before, &after, NoLiveUpstreams),
        (Unit::Requests, 1_000, 2_000)
    );
    // The peer is asked hardly any more: nine of nine attempts are no rise where before it were 50 of 700.
    let few = with_attempts(side(3_600, 2_000, &[(PEER, Refused, 9)]), PEER, 9);
    assert_eq!(unit(&before, &few, Refused), (Unit::Requests, 1_000, 2_000));
    // It is asked no more.
    let gone = side(3_600, 2_000, &[]);
    assert_eq!(
        unit(&before, &gone, Refused),
        (Unit::Requests, 1_000, 2_000)
    );
    // No access log on one side.
    let blind = side(3_600, 0, &failures);
    assert_eq!(
        unit(&before, &blind, Refused),
        (Unit::Seconds, 3_600, 3_600)
    );
}

/// Of twenty rows one differs by chance; that is no claim.
#[test]
fn many_rows_pay_for_each_other() {
    let peers: Vec<String> = (0..20).map(|n| format!("10.0.0.{n}:80")).collect();
    let rows = |odd: u64| -> Vec<(&str, Category, u64)> {
        let n = |index: usize| if index == 7 { odd } else { 40 };
        peers
            .iter()
            .enumerate()
            .map(|(index, peer)| (peer.as_str(), Refused, n(index)))
            .collect()
    };
    let (before, after) = (rows(40), rows(62));
    let alone = compare(
        &side(0, 100_000, &before[7..8]),
        &side(3_600, 100_000, &after[7..8]),
    );
    assert_eq!(verdicts(&alone), [(Refused, Verdict::Worse)]);
    let together = compare(&side(0, 100_000, &before), &side(3_600, 100_000, &after));
    assert!(
        together
            .rows
            .iter()
            .all(|row| row.judged.verdict != Verdict::Worse)
    );
    assert_eq!(together.verdict, Verdict::Same);
}

#[test]
fn what_makes_it_unfair() {
    let before = side(0, 1_000, &[(PEER, Refused, 50)]);
    let after = side(3_600, 1_000, &[(PEER, Refused, 50)]);
    assert_eq!(compare(&before, &after).doubts, []);
    assert_eq!(compare(&after, &before).doubts, [Doubt::Swapped]);
    let overlap = compare(&before, &side(1_800, 1_000, &[])).doubts;
    assert!(
        matches!(overlap[..], [Doubt::Overlap { .. }]),
        "{overlap:?}"
    );
    let with = |change: fn(&mut Side)| {
        let mut changed = after.clone();
        change(&mut changed);
        let mut doubts = compare(&before, &changed).doubts;
        assert_eq!(doubts.len(), 1, "{doubts:?}");
        doubts.remove(0)
    };
    assert!(matches!(
        with(|side| side.n_troubled = 2),
        Doubt::Troubled { n: 2, .. }
    ));
    assert_eq!(with(|side| side.has_requests = false), Doubt::NoRequests);
    let named = |name: &[u8], side: &Side| Side {
        machines: BTreeSet::from([name.to_vec()]),
        ..side.clone()
    };
    let hosts = compare(&named(b"web1", &before), &named(b"web2", &after)).doubts;
    assert!(
        matches!(hosts[..], [Doubt::Hosts { .. }, Doubt::Hosts { .. }]),
        "{hosts:?}"
    );
    let at = |hours: &[i64], side: &Side| Side {
        hours: hours.iter().copied().collect(),
        ..side.clone()
    };
    let hours = |a: &[i64], b: &[i64]| compare(&at(a, &before), &at(b, &after)).doubts.len();
    assert_eq!(hours(&[8, 9, 10], &[9, 10, 11]), 0);
    assert_eq!(hours(&[23], &[0]), 0, "neighbours");
    assert_eq!(hours(&[2, 3], &[14, 15]), 1);
}
