use super::*;
use crate::{
    aggregate::{Evidence, SourceKey, failures::Kind, traces::Traces},
    event::{Basis, Phase},
};

const NOON: i64 = 1_795_176_000; // 2026-11-20 12:00:00
const A: &str = "10.0.0.1:80";
const B: &str = "10.0.0.2:80";

fn hash(text: &str) -> TextHash {
    match text {
        "" => TextHash::NONE,
        _ => TextHash::of(text.as_bytes()),
    }
}

fn kind(category: Category, phase: Phase, basis: Basis) -> Kind {
    Kind {
        category,
        phase,
        severity: category.severity(),
        basis,
    }
}

fn key(client: &str, uri: &str) -> RequestKey {
    RequestKey {
        client: hash(client),
        request: match uri {
            "" => TextHash::NONE,
            _ => TextHash::of_request(b"GET", uri.as_bytes()),
        },
        head: TextHash::NONE,
        host: TextHash::NONE,
        connection: 0,
        pid: 0,
    }
}

/// Both kinds of log in the making: each line one place further.
#[derive(Default)]
struct Logs {
    errors: Vec<ErrorTrace>,
    attempts: Vec<AttemptTrace>,
    n_lines: u64,
}

fn evidence(source: u32, n: u64) -> Evidence {
    Evidence {
        source: SourceKey::new(source, 0),
        offset: n,
        line_in_chunk: n as u32,
    }
}

impl Logs {
    /// A record `at` seconds past noon.
    fn error(
        &mut self,
        at: i64,
        category: Category,
        phase: Phase,
        upstream: &str,
    ) -> &mut ErrorTrace {
        self.n_lines += 1;
        self.errors.push(ErrorTrace {
            evidence: evidence(0, self.n_lines),
            time: LocalTime(NOON + at),
            kind: kind(category, phase, Basis::ErrorLog),
            upstream: hash(upstream),
            key: key("192.0.2.1", "/"),
            is_cut: false,
            is_kept: true,
            machine: TextHash::NONE,
        });
        self.errors.last_mut().expect("just pushed")
    }

    fn refused(&mut self, at: i64, upstream: &str) -> &mut ErrorTrace {
        self.error(at, Category::Refused, Phase::Connect, upstream)
    }

    /// A request that ended `at` ms past noon, `ms` after its begin, with one attempt of which no more is told than the status.
    fn request(&mut self, at_ms: i64, ms: u32, status: u16, upstream: &str) -> &mut AttemptTrace {
        self.n_lines += 1;
        let category = match status {
            504 => Category::Timeout,
            499 => Category::ClientAbort,
            _ => Category::Other,
        };
        let verdict = Kind {
            severity: Severity::Failure,
            ..kind(category, Phase::None, Basis::AccessLog)
        };
        self.attempts.push(AttemptTrace {
            evidence: evidence(1, self.n_lines),
            index: 0,
            n_attempts: 1,
            end: Timestamp(NOON + at_ms.div_euclid(1_000)),
            end_ms: at_ms.rem_euclid(1_000) as u16,
            request_ms: ms,
            later_ms: 0,
            status,
            kind: (status >= 400).then_some(verdict),
            is_passed_on: false,
            upstream: hash(upstream),
            key: key("192.0.2.1", "/"),
            is_kept: true,
        });
        self.attempts.last_mut().expect("just pushed")
    }

    /// A request with several attempts: upstream, what became of it, and how long it took.
    fn retried(&mut self, at_ms: i64, status: u16, tries: &[(&str, Option<Category>, u32)]) {
        let all_ms: u32 = tries.iter().map(|(.., ms)| ms).sum();
        let line = self.n_lines + 1;
        let mut later_ms = all_ms;
        for (index, (upstream, category, ms)) in tries.iter().enumerate() {
            later_ms -= ms;
            let attempt = self.request(at_ms, all_ms, status, upstream);
            attempt.evidence = evidence(1, line);
            attempt.index = index as u16;
            attempt.n_attempts = tries.len() as u16;
            attempt.later_ms = later_ms;
            attempt.kind = category.map(|category| Kind {
                severity: Severity::Failure,
                ..kind(category, Phase::None, Basis::AccessLog)
            });
        }
    }

    fn spans(&self) -> Spans {
        Spans {
            requests: Some((Timestamp(NOON - 86_400), Timestamp(NOON + 86_400))),
            records: Some((LocalTime(NOON - 86_400), LocalTime(NOON + 86_400))),
        }
    }

    fn join(&self) -> Joined {
        self.join_in(&Zone::utc())
    }

    fn join_in(&self, zone: &Zone) -> Joined {
        join(&self.errors, &self.attempts, zone, &self.spans())
    }
}

/// What becomes of attempts: `0 exact` for the record that explains it, or why none does.
#[track_caller]
fn check(logs: &Logs, want: &[&str]) {
    check_joined(&logs.join(), want);
}

#[track_caller]
fn check_joined(joined: &Joined, want: &[&str]) {
    let told = |explained: &Explained| match explained {
        Explained::By(error, confidence) => format!("{error} {}", confidence.name()),
        Explained::Not(why) => format!("{why:?}"),
    };
    let got: Vec<String> = joined.attempts.iter().map(told).collect();
    assert_eq!(got, want);
}

#[track_caller]
fn check_fates(logs: &Logs, want: &[Leftover]) {
    let joined = logs.join();
    let left = joined.errors.iter().filter_map(|fate| match fate {
        Fate::Left(why) => Some(*why),
        Fate::Explains(_) => None,
    });
    assert_eq!(left.collect::<Vec<_>>(), want);
}

#[test]
fn the_number_of_the_connection_is_exact() {
    let mut logs = Logs::default();
    logs.refused(5, A).key.connection = 7;
    logs.refused(5, A).key.connection = 8;
    logs.request(5_100, 100, 502, A).key.connection = 8;
    logs.request(5_200, 100, 502, A).key.connection = 7;
    check(&logs, &["1 exact", "0 exact"]);
}

#[test]
fn a_connection_serves_many_requests_and_numbers_begin_anew() {
    let mut logs = Logs::default();
    for at in [5, 9, 3_600] {
        logs.refused(at, A).key.connection = 7;
    }
    // Kept alive: two requests of one connection; an hour later another process counts from 1 again.
    logs.request(5_010, 10, 502, A).key.connection = 7;
    logs.request(9_020, 20, 502, A).key.connection = 7;
    logs.request(3_600_500, 500, 502, A).key.connection = 7;
    check(&logs, &["0 exact", "1 exact", "2 exact"]);
    logs.attempts[1].key.client = hash("192.0.2.2");
    check(&logs, &["0 exact", "NoRecord", "2 exact"]);
    logs.attempts[1].key = logs.attempts[0].key;
    (logs.attempts[1].key.pid, logs.errors[1].key.pid) = (12, 13);
    check(&logs, &["0 exact", "NoRecord", "2 exact"]);
}

#[test]
fn streams_of_one_connection_are_told_apart_by_their_request_lines() {
    let mut logs = Logs::default();
    for uri in ["/b", "/a"] {
        let error = logs.refused(5, A);
        error.key = key("192.0.2.1", uri);
        error.key.connection = 7;
    }
    for uri in ["/a", "/b", "/c"] {
        let attempt = logs.request(5_100, 100, 502, A);
        attempt.key = key("192.0.2.1", uri);
        attempt.key.connection = 7;
    }
    check(&logs, &["1 exact", "0 exact", "NoRecord"]);
}

#[test]
fn which_of_equal_streams_failed_of_what_is_a_guess() {
    let mut logs = Logs::default();
    for (category, at_ms) in [(Category::PrematureClose, 5_100), (Category::Reset, 5_200)] {
        logs.error(5, category, Phase::Header, A).key.connection = 7;
        logs.request(at_ms, 100, 502, A).key.connection = 7;
    }
    check(&logs, &["0 weak", "1 weak"]);
    logs.errors[1].kind = logs.errors[0].kind;
    check(&logs, &["0 exact", "1 exact"]);
    // One of them was tried again, and its client was served: no line tells.
    logs.errors[1].kind = kind(Category::Refused, Phase::Connect, Basis::ErrorLog);
    logs.errors[1].upstream = hash(B);
    logs.attempts.pop();
    logs.attempts[0].upstream = TextHash::NONE;
    check(&logs, &["1 weak"]);
}

#[test]
fn who_has_a_number_is_not_given_the_record_of_another() {
    let mut logs = Logs::default();
    for connection in [7, 8] {
        logs.refused(5, A).key.connection = connection;
    }
    // The record of the first is lost, and so is the line of the second.
    for connection in [6, 7] {
        logs.request(5_100, 100, 502, A).key.connection = connection;
    }
    check(&logs, &["NoRecord", "0 exact"]);
    // But what only looks like a number of a connection keeps nothing apart.
    logs.attempts.pop();
    check(&logs, &["1 strong"]);
}

/// The next request of the client, in the next second, was tried again and served.
#[test]
fn a_record_behind_the_line_is_of_another() {
    let mut logs = Logs::default();
    logs.error(5, Category::PrematureClose, Phase::Header, A);
    logs.refused(6, A);
    logs.request(5_100, 100, 502, A);
    check(&logs, &["0 strong"]);
    // The clock of the one log may be a little ahead.
    logs.errors.remove(0);
    check(&logs, &["0 strong"]);
}

#[test]
fn without_durations_even_a_connection_is_only_strong() {
    let mut logs = Logs::default();
    logs.refused(5, A).key.connection = 7;
    logs.request(5_100, u32::MAX, 502, A).key.connection = 7;
    check(&logs, &["0 strong"]);
}

#[test]
fn client_request_line_and_upstream_are_strong() {
    let mut logs = Logs::default();
    logs.refused(5, A);
    logs.refused(5, B);
    logs.request(5_100, 100, 502, B);
    logs.request(5_100, 100, 502, A);
    let other = logs.request(5_100, 100, 502, A);
    other.key = key("192.0.2.1", "/other");
    let other = logs.request(5_100, 100, 502, A);
    other.key = key("192.0.2.9", "/");
    check(&logs, &["1 strong", "0 strong", "NoRecord", "NoRecord"]);
}

#[test]
fn hosts_that_differ_part_them_and_one_that_is_not_told_does_not() {
    let mut logs = Logs::default();
    logs.refused(5, A).key.host = hash("a.example");
    logs.request(5_100, 100, 502, A).key.host = hash("b.example");
    check(&logs, &["NoRecord"]);
    logs.request(5_100, 100, 502, A);
    check(&logs, &["NoRecord", "0 strong"]);
}

#[test]
fn a_record_stands_at_the_failure_and_the_line_at_the_end() {
    let mut logs = Logs::default();
    // Ten minutes to the client after the upstream had failed; and one that failed after a minute.
    logs.refused(0, A);
    logs.error(660, Category::Timeout, Phase::Header, A);
    logs.request(600_000, 600_300, 502, A);
    logs.request(660_400, 60_001, 504, A);
    check(&logs, &["0 strong", "1 strong"]);
    // Before the request, and after its end.
    for at in [-3, 3] {
        let mut logs = Logs::default();
        logs.refused(at, A);
        logs.request(500, 900, 502, A);
        check(&logs, &["NoRecord"]);
    }
}

#[test]
fn of_several_records_the_one_near_the_end_is_the_cause() {
    let mut logs = Logs::default();
    logs.refused(100, A);
    logs.refused(3_600, A);
    logs.request(3_600_500, 3_600_000, 502, A);
    check(&logs, &["1 strong"]);
    check_fates(&logs, &[Leftover::SameRequest]);
}

#[test]
fn retries_have_a_record_each() {
    let (refused, timeout) = (Some(Category::Other), Some(Category::Timeout));
    let mut logs = Logs::default();
    logs.refused(0, A);
    logs.error(60, Category::Timeout, Phase::Header, B);
    logs.error(60, Category::NoLiveUpstreams, Phase::Connect, "group");
    logs.retried(
        60_500,
        502,
        &[
            (A, refused, 1),
            (B, timeout, 60_001),
            ("group", Some(Category::NoLiveUpstreams), 0),
        ],
    );
    check(&logs, &["0 strong", "1 strong", "2 strong"]);
    // A race on a kept connection: the same peer twice, then good.
    let mut logs = Logs::default();
    let race = |logs: &mut Logs, at| {
        logs.error(at, Category::PrematureClose, Phase::Header, A);
    };
    race(&mut logs, 0);
    race(&mut logs, 0);
    logs.retried(
        500,
        200,
        &[
            (A, Some(Category::Other), 1),
            (A, Some(Category::Other), 1),
            (B, None, 30),
        ],
    );
    check(&logs, &["0 strong", "1 strong", "Served"]);
}

#[test]
fn what_the_status_rules_out_is_never_matched() {
    use Category as C;
    use Phase as P;
    let one = |category, phase, status| {
        let mut logs = Logs::default();
        logs.error(0, category, phase, A);
        logs.request(400, 300, status, A);
        logs.join().n_matched() == 1
    };
    for (category, phase, statuses) in [
        (C::Refused, P::Connect, &[502, 499, 500][..]),
        (C::Timeout, P::Header, &[504, 499, 500]),
        (C::Timeout, P::Connect, &[504, 502, 499, 500]), // 502 by the kernel's timer
        (C::NoLiveUpstreams, P::Connect, &[502, 499, 500, 503]),
        (C::PrematureClose, P::Header, &[502, 499, 500]),
        (C::PrematureClose, P::Body, &[200]),
        (C::ClientAbort, P::Header, &[499]),
        (C::RateLimited, P::None, &[503]),
    ] {
        for status in [200, 499, 500, 502, 503, 504] {
            let want = statuses.contains(&status)
                // The client may leave while the answer is sent.
                || (category, status) == (C::ClientAbort, 200);
            assert_eq!(one(category, phase, status), want, "{category} {status}");
        }
    }
    let mut logs = Logs::default();
    logs.refused(0, A);
    logs.request(400, 300, 502, A).is_passed_on = true;
    check(&logs, &["PassedOn"]);
}

#[test]
fn phases_that_the_access_log_shows_must_agree() {
    let mut logs = Logs::default();
    logs.error(0, Category::Timeout, Phase::Header, A);
    logs.error(0, Category::Timeout, Phase::Connect, A);
    let with_phase = |attempt: &mut AttemptTrace, phase| {
        attempt.kind = attempt.kind.map(|kind| Kind { phase, ..kind });
    };
    with_phase(logs.request(400, 300, 504, A), Phase::Connect);
    with_phase(logs.request(400, 300, 504, A), Phase::Header);
    check(&logs, &["1 strong", "0 strong"]);
}

#[test]
fn an_upstream_told_by_one_side_only() {
    // All that fits says the same.
    let mut logs = Logs::default();
    logs.refused(0, A);
    logs.refused(0, A);
    logs.request(400, 300, 502, "");
    logs.request(400, 300, 502, "");
    check(&logs, &["0 strong", "1 strong"]);
    // What fits names two, and two requests may be meant: a guess.
    logs.errors[1].upstream = hash(B);
    check(&logs, &["0 weak", "1 weak"]);
    // One request only: if both are of it, the last ended it; if not, the other may have been tried again.
    logs.attempts.pop();
    check(&logs, &["1 weak"]);
    check_fates(&logs, &[Leftover::SameRequest]);
    // A record that lost its upstream.
    let mut logs = Logs::default();
    logs.refused(0, "");
    logs.request(400, 300, 502, A);
    check(&logs, &["0 strong"]);
    logs.errors[0].is_cut = true;
    check(&logs, &["0 weak"]);
    logs.errors[0].is_cut = false;
    logs.request(400, 300, 502, B);
    check(&logs, &["NoRecord", "0 weak"]);
}

#[test]
fn what_is_not_told_makes_weak() {
    let mut logs = Logs::default();
    logs.refused(0, A);
    logs.request(400, u32::MAX, 502, A);
    check(&logs, &["0 weak"]);
    // The URI was so long that all behind the client is cut off.
    let error = logs.refused(9, "");
    error.key = key("192.0.2.1", "");
    error.is_cut = true;
    logs.request(9_100, 50, 502, A);
    check(&logs, &["0 weak", "1 weak"]);
}

#[test]
fn a_client_who_leaves_takes_no_record_from_a_timeout() {
    let mut logs = Logs::default();
    logs.error(60, Category::Timeout, Phase::Header, A);
    logs.request(60_500, 60_000, 499, A);
    logs.request(60_500, 60_000, 504, A);
    check(&logs, &["LoggedAtInfo", "0 strong"]);
    logs.error(60, Category::ClientAbort, Phase::Header, A);
    check(&logs, &["1 strong", "0 strong"]);
}

#[test]
fn an_hour_that_comes_twice_is_tried_twice() {
    let berlin = Zone::parse("Europe/Berlin").expect("a zone");
    let fold = 1_792_895_400; // 2026-10-25 02:30:00 by the clock
    let mut logs = Logs::default();
    for _ in 0..2 {
        logs.refused(0, A).time = LocalTime(fold);
    }
    for end in [fold - 3_600, fold - 7_200, fold - 10_800] {
        logs.request(0, 300, 502, A).end = Timestamp(end);
    }
    let spans = Spans {
        requests: Some((Timestamp(0), Timestamp(fold))),
        records: Some((LocalTime(0), LocalTime(fold))),
    };
    let joined = join(&logs.errors, &logs.attempts, &berlin, &spans);
    check_joined(&joined, &["1 strong", "0 strong", "NoRecord"]);
}

#[test]
fn ten_thousand_equal_requests_in_a_second() {
    let mut logs = Logs::default();
    for n in 0..10_000 {
        logs.refused(n / 5_000, A);
    }
    for n in 0..10_000 {
        logs.request(n / 5, 1, 502, A);
    }
    let joined = logs.join();
    assert_eq!(joined.n_matched(), 10_000);
    let mut used = joined.errors;
    used.sort_by_key(|fate| match fate {
        Fate::Explains(attempt) => *attempt,
        Fate::Left(_) => usize::MAX,
    });
    let all: Vec<Fate> = (0..10_000).map(Fate::Explains).collect();
    assert_eq!(used, all);
}

#[test]
fn what_is_left_over_is_told_apart() {
    let mut logs = Logs::default();
    logs.error(0, Category::PrematureClose, Phase::Body, A);
    logs.refused(10, B);
    logs.refused(90_000, B);
    check_fates(
        &logs,
        &[
            Leftover::AnswerBegun,
            Leftover::NoFailedRequest,
            Leftover::OutsideRequests,
        ],
    );
    logs.request(500_000, 10, 502, A);
    logs.request(90_000_000, 10, 502, A);
    logs.request(0, 10, 499, A);
    let alone = logs.request(0, 10, 502, "");
    (alone.n_attempts, alone.key) = (0, key("192.0.2.77", "/"));
    check(
        &logs,
        &["NoRecord", "OutsideRecords", "LoggedAtInfo", "NoUpstream"],
    );
    assert_eq!(Logs::default().join(), Joined::default());
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A busy minute: few clients, few request lines, records lost here and there.
fn busy(random: &mut Random, n: u64) -> Logs {
    let mut logs = Logs::default();
    for _ in 0..n {
        let (end_ms, upstream) = (
            random.below(60_000) as i64,
            [A, B, ""][random.below(3) as usize],
        );
        let (client, uri) = (
            format!("192.0.2.{}", random.below(3)),
            format!("/{}", random.below(2)),
        );
        let status = [502, 504, 499, 200][random.below(4) as usize];
        let known = [300, 20_000, u32::MAX][random.below(3) as usize];
        let connection = random.below(2) * (1 + random.below(5));
        let attempt = logs.request(end_ms, known, status, upstream);
        attempt.key = key(&client, &uri);
        attempt.key.connection = connection;
        if random.below(5) == 0 {
            continue;
        }
        let (category, phase) = match status {
            504 => (Category::Timeout, Phase::Header),
            200 => (Category::PrematureClose, Phase::Body),
            _ => (Category::Refused, Phase::Connect),
        };
        let told = if random.below(4) == 0 { "" } else { upstream };
        let error = logs.error(end_ms / 1_000, category, phase, told);
        error.key = key(&client, &uri);
        error.key.connection = connection;
    }
    logs
}

#[test]
fn each_is_used_once_and_the_order_of_lines_does_not_matter() {
    let mut random = Random(88_172_645_463_325_252);
    for n in [1, 5, 40, 300] {
        for _ in 0..20 {
            let logs = busy(&mut random, n);
            let aligned = |mut logs: Logs| {
                let (mut errors, mut attempts) = (Traces::default(), Traces::default());
                errors.extend(logs.errors.drain(..));
                attempts.extend(logs.attempts.drain(..));
                errors.align(&mut attempts);
                let (errors, attempts) = (errors.as_slice(), attempts.as_slice());
                let joined = join(errors, attempts, &Zone::utc(), &Logs::default().spans());
                (errors.to_vec(), attempts.to_vec(), joined)
            };
            let mut shuffled = Logs {
                errors: logs.errors.clone(),
                attempts: logs.attempts.clone(),
                n_lines: 0,
            };
            shuffled
                .errors
                .sort_by_key(|error| error.evidence.offset * 7_919 % 1_009);
            shuffled.attempts.reverse();
            let (errors, attempts, joined) = aligned(logs);
            assert_eq!(aligned(shuffled).2, joined);
            let mut n_used = 0;
            for (index, explained) in joined.attempts.iter().enumerate() {
                let Explained::By(error, _) = *explained else {
                    continue;
                };
                n_used += 1;
                assert_eq!(joined.errors[error], Fate::Explains(index));
                let (life, error) = (Life::of(&attempts[index]), &errors[error]);
                assert!(Record::of(error, Zone::utc().instants(error.time)).is_within(life.whole));
                assert!(life.expect.is_some_and(|expect| expect.accepts(error.kind)));
                assert_eq!(error.key.client, attempts[index].key.client);
            }
            let is_used = |fate: &&Fate| matches!(fate, Fate::Explains(_));
            assert_eq!(joined.errors.iter().filter(is_used).count(), n_used);
        }
    }
}

/// As many as can be: what the sweep matches in one pass against every way to match, by augmenting paths.
#[test]
fn a_sweep_matches_as_many_as_can_be() {
    let mut random = Random(1_181_783_497_276_652_981);
    for _ in 0..300 {
        let mut logs = Logs::default();
        for _ in 0..8 {
            logs.refused(random.below(12) as i64, A);
            logs.request(
                random.below(12_000) as i64,
                random.below(9_000) as u32,
                502,
                A,
            );
        }
        let mut swept = Join {
            records: logs
                .errors
                .iter()
                .map(|e| Record::of(e, Zone::utc().instants(e.time)))
                .collect(),
            lives: logs.attempts.iter().map(Life::of).collect(),
            errors: &logs.errors,
            attempts: &logs.attempts,
            by_error: vec![None; 8],
            by_attempt: vec![None; 8],
            are_numbered: false,
        };
        let fits: Vec<Vec<usize>> = swept
            .lives
            .iter()
            .map(|life| {
                let is_within = |&error: &usize| swept.records[error].is_within(life.whole);
                (0..8).filter(is_within).collect()
            })
            .collect();
        let most = most_matched(&fits);
        swept.sweep(&pass(By::Request, Need::Both, Reach::Whole), Tier::Cause);
        assert_eq!(swept.by_error.iter().flatten().count(), most);
    }
}

/// The size of a largest matching, for each attempt the records that fit.
fn most_matched(fits: &[Vec<usize>]) -> usize {
    fn augment(
        n: usize,
        fits: &[Vec<usize>],
        seen: &mut [bool],
        taken: &mut [Option<usize>],
    ) -> bool {
        fits[n].iter().any(|&error| {
            !std::mem::replace(&mut seen[error], true)
                && taken[error].is_none_or(|other| augment(other, fits, seen, taken))
                && {
                    taken[error] = Some(n);
                    true
                }
        })
    }
    let mut taken = vec![None; 8];
    (0..fits.len())
        .filter(|&n| augment(n, fits, &mut [false; 8], &mut taken))
        .count()
}

#[test]
fn which_of_equal_requests_failed_of_what_is_a_guess() {
    let mut logs = Logs::default();
    logs.error(5, Category::PrematureClose, Phase::Header, A);
    logs.error(5, Category::Reset, Phase::Header, A);
    logs.request(5_100, 100, 502, A);
    logs.request(5_200, 100, 502, A);
    // In their order, as one process writes them; several do not keep it.
    check(&logs, &["0 weak", "1 weak"]);
    // All say the same: whichever it was.
    logs.errors[1].kind = logs.errors[0].kind;
    check(&logs, &["0 strong", "1 strong"]);
    // What the access log shows of an attempt rules the other out.
    logs.errors[1].kind = kind(Category::Refused, Phase::Connect, Basis::ErrorLog);
    for (attempt, phase) in logs
        .attempts
        .iter_mut()
        .zip([Phase::Connect, Phase::Header])
    {
        attempt.kind = attempt.kind.map(|kind| Kind { phase, ..kind });
    }
    check(&logs, &["1 strong", "0 strong"]);
    // Far apart; at different upstreams; or known by the connection.
    let mut logs = Logs::default();
    logs.error(5, Category::PrematureClose, Phase::Header, A);
    logs.error(15, Category::Reset, Phase::Header, A);
    logs.error(15, Category::Reset, Phase::Header, B);
    logs.request(5_100, 100, 502, A);
    logs.request(15_200, 100, 502, A);
    logs.request(15_200, 100, 502, B);
    check(&logs, &["0 strong", "1 strong", "2 strong"]);
    logs.errors[0].time = logs.errors[1].time;
    logs.attempts[0].end = logs.attempts[1].end;
    check(&logs, &["0 weak", "1 weak", "2 strong"]);
    (
        logs.errors[0].key.connection,
        logs.attempts[0].key.connection,
    ) = (7, 7);
    check(&logs, &["0 exact", "1 strong", "2 strong"]);
}

#[test]
fn a_request_line_that_is_cut_is_known_by_its_head() {
    let (mut one, mut other) = (key("192.0.2.1", "/one"), key("192.0.2.1", "/other"));
    (one.head, other.head) = (hash("/on"), hash("/ot"));
    let cut = |logs: &mut Logs, at, key: RequestKey| {
        let error = logs.refused(at, "");
        (error.key, error.is_cut) = (key, true);
        error.key.request = TextHash::NONE;
    };
    let mut logs = Logs::default();
    cut(&mut logs, 5, other);
    cut(&mut logs, 5, one);
    logs.request(5_100, 100, 502, A).key = one;
    logs.request(5_100, 100, 502, B).key = other;
    check(&logs, &["1 weak", "0 weak"]);
    // Nor does a connection make one of what differs; without a head, the client alone must do.
    logs.errors
        .iter_mut()
        .for_each(|error| error.key.connection = 7);
    logs.attempts
        .iter_mut()
        .for_each(|attempt| attempt.key.connection = 7);
    check(&logs, &["1 exact", "0 exact"]);
    let mut logs = Logs::default();
    cut(&mut logs, 5, other);
    logs.request(5_100, 100, 502, A).key = one;
    check(&logs, &["NoRecord"]);
    logs.errors[0].key.head = TextHash::NONE;
    check(&logs, &["0 weak"]);
}
