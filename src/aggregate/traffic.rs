//! One cell of the table `traffic`: what went to one upstream in one bucket, by access logs.
//!
//! Where what counts: a request, with its status and its bytes, at the upstream of its *last* attempt, the one that answered the
//! client; each attempt, with its times, at its own upstream, so that a failure masked by a good retry is seen. Requests that
//! came to no upstream count under the empty name. So over all upstreams requests add up to lines, and attempts to tries.

use super::histogram::Histogram;

/// Counts of one cell. Takes about 120 bytes, which are moved when cells are merged and sorted, and what its times take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrafficCount {
    n_requests: u64,
    n_attempts: u64,
    n_failed_attempts: u64,
    n_masked: u64,
    /// By the first digit of the status, 1 to 5; what lies outside (000, 009, 999) or is not told at 0.
    n_by_class: [u64; 6],
    n_499: u64,
    n_502: u64,
    n_503: u64,
    n_504: u64,
    bytes_sent: u64,
    times: Box<Times>,
}

/// How long attempts and requests took.
#[derive(Clone, Debug, Default, PartialEq)]
struct Times {
    response: Histogram,
    connect: Histogram,
    header: Histogram,
    request: Histogram,
}

/// What is counted of an attempt. `None`: not told, or not come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptCount {
    /// Its severity is a failure.
    pub is_failed: bool,
    /// It failed, and the client was served by a later one.
    pub is_masked: bool,
    pub response_ms: Option<u32>,
    pub connect_ms: Option<u32>,
    pub header_ms: Option<u32>,
}

/// The columns of `traffic` behind `bucket` and `upstream`. Times are in milliseconds, quantiles within 1 %; `None`
/// where no line told one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrafficRow {
    /// Requests whose last attempt was here.
    pub n_requests: u64,
    pub n_attempts: u64,
    pub n_failed_attempts: u64,
    /// Requests by the first digit of the status the client got; a status outside 100 to 599 is in none.
    pub n_1xx: u64,
    pub n_2xx: u64,
    pub n_3xx: u64,
    /// With `n_499`.
    pub n_4xx: u64,
    /// With the three below.
    pub n_5xx: u64,
    pub n_499: u64,
    pub n_502: u64,
    pub n_503: u64,
    pub n_504: u64,
    /// Bytes sent to clients, at most `i64::MAX`.
    pub bytes_sent: u64,
    pub response_ms_p50: Option<u32>,
    pub response_ms_p90: Option<u32>,
    pub response_ms_p99: Option<u32>,
    pub response_ms_max: Option<u32>,
    pub connect_ms_p50: Option<u32>,
    pub connect_ms_p99: Option<u32>,
    pub connect_ms_max: Option<u32>,
    pub header_ms_p50: Option<u32>,
    pub header_ms_p99: Option<u32>,
    pub header_ms_max: Option<u32>,
    pub request_ms_p50: Option<u32>,
    pub request_ms_p90: Option<u32>,
    pub request_ms_p99: Option<u32>,
    pub request_ms_max: Option<u32>,
    /// Failed attempts that a later attempt made good.
    pub n_masked: u64,
}

impl TrafficCount {
    /// Counts a request whose last attempt was at this upstream, by the status the client got, the bytes sent to it and how long it
    /// took.
    #[inline]
    pub fn collect_request(
        &mut self,
        status: Option<u16>,
        bytes_sent: u64,
        request_ms: Option<u32>,
    ) {
        let status = status.unwrap_or(0);
        self.n_requests += 1;
        let class = status / 100;
        self.n_by_class[usize::from(if class <= 5 { class } else { 0 })] += 1;
        self.n_499 += u64::from(status == 499);
        self.n_502 += u64::from(status == 502);
        self.n_503 += u64::from(status == 503);
        self.n_504 += u64::from(status == 504);
        self.bytes_sent = self.bytes_sent.saturating_add(bytes_sent);
        if let Some(ms) = request_ms {
            self.times.request.collect(ms);
        }
    }

    /// Counts an attempt at this upstream.
    #[inline]
    pub fn collect_attempt(&mut self, attempt: AttemptCount) {
        self.n_attempts += 1;
        self.n_failed_attempts += u64::from(attempt.is_failed);
        self.n_masked += u64::from(attempt.is_masked);
        for (histogram, ms) in [
            (&mut self.times.response, attempt.response_ms),
            (&mut self.times.connect, attempt.connect_ms),
            (&mut self.times.header, attempt.header_ms),
        ] {
            if let Some(ms) = ms {
                histogram.collect(ms);
            }
        }
    }

    /// Requests of one status; `None` if such are not counted by themselves.
    pub fn n_of(&self, status: u16) -> Option<u64> {
        Some(match status {
            499 => self.n_499,
            502 => self.n_502,
            503 => self.n_503,
            504 => self.n_504,
            _ => return None,
        })
    }

    /// Requests answered 5xx.
    pub fn n_5xx(&self) -> u64 {
        self.n_by_class[5]
    }

    pub fn merge(&mut self, other: &TrafficCount) {
        self.n_requests += other.n_requests;
        self.n_attempts += other.n_attempts;
        self.n_failed_attempts += other.n_failed_attempts;
        self.n_masked += other.n_masked;
        for (mine, theirs) in self.n_by_class.iter_mut().zip(other.n_by_class) {
            *mine += theirs;
        }
        self.n_499 += other.n_499;
        self.n_502 += other.n_502;
        self.n_503 += other.n_503;
        self.n_504 += other.n_504;
        self.bytes_sent = self.bytes_sent.saturating_add(other.bytes_sent);
        self.times.response.merge(&other.times.response);
        self.times.connect.merge(&other.times.connect);
        self.times.header.merge(&other.times.header);
        self.times.request.merge(&other.times.request);
    }

    pub fn finish(&self) -> TrafficRow {
        let [_, n_1xx, n_2xx, n_3xx, n_4xx, n_5xx] = self.n_by_class;
        let [response_ms_p50, response_ms_p90, response_ms_p99] =
            self.times.response.quantiles([500, 900, 990]);
        let [connect_ms_p50, connect_ms_p99] = self.times.connect.quantiles([500, 990]);
        let [header_ms_p50, header_ms_p99] = self.times.header.quantiles([500, 990]);
        let [request_ms_p50, request_ms_p90, request_ms_p99] =
            self.times.request.quantiles([500, 900, 990]);
        TrafficRow {
            n_requests: self.n_requests,
            n_attempts: self.n_attempts,
            n_failed_attempts: self.n_failed_attempts,
            n_1xx,
            n_2xx,
            n_3xx,
            n_4xx,
            n_5xx,
            n_499: self.n_499,
            n_502: self.n_502,
            n_503: self.n_503,
            n_504: self.n_504,
            bytes_sent: self.bytes_sent.min(i64::MAX as u64),
            response_ms_p50,
            response_ms_p90,
            response_ms_p99,
            response_ms_max: self.times.response.max(),
            connect_ms_p50,
            connect_ms_p99,
            connect_ms_max: self.times.connect.max(),
            header_ms_p50,
            header_ms_p99,
            header_ms_max: self.times.header.max(),
            request_ms_p50,
            request_ms_p90,
            request_ms_p99,
            request_ms_max: self.times.request.max(),
            n_masked: self.n_masked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_cell_has_no_times() {
        assert_eq!(TrafficCount::default().finish(), TrafficRow::default());
    }

    /// `status=502, 502 : 200`-like requests, counted at one upstream.
    #[test]
    fn requests_and_attempts_count_apart() {
        let mut count = TrafficCount::default();
        for status in [101, 200, 204, 301, 404, 499, 500, 502, 502, 503, 504] {
            count.collect_request(Some(status), 10, Some(u32::from(status)));
        }
        for status in [None, Some(0), Some(9), Some(99), Some(600), Some(999)] {
            count.collect_request(status, u64::MAX / 2, None);
        }
        for (is_failed, response_ms, connect_ms, header_ms) in [
            (false, Some(7), Some(0), Some(5)),
            (true, Some(60_001), Some(1), None),
            (true, Some(0), None, None),
            (true, None, None, None),
        ] {
            count.collect_attempt(AttemptCount {
                is_failed,
                is_masked: is_failed && response_ms.is_none(),
                response_ms,
                connect_ms,
                header_ms,
            });
        }
        let want = TrafficRow {
            n_requests: 17,
            n_attempts: 4,
            n_failed_attempts: 3,
            n_1xx: 1,
            n_2xx: 2,
            n_3xx: 1,
            n_4xx: 2,
            n_5xx: 5,
            n_499: 1,
            n_502: 2,
            n_503: 1,
            n_504: 1,
            bytes_sent: i64::MAX as u64,
            response_ms_p50: Some(7),
            response_ms_p90: Some(60_001), // clamped to the maximum
            response_ms_p99: Some(60_001),
            response_ms_max: Some(60_001),
            connect_ms_p50: Some(0),
            connect_ms_p99: Some(1),
            connect_ms_max: Some(1),
            header_ms_p50: Some(5),
            header_ms_p99: Some(5),
            header_ms_max: Some(5),
            request_ms_p50: Some(498),
            request_ms_p90: Some(502),
            request_ms_p99: Some(504),
            request_ms_max: Some(504),
            n_masked: 1,
        };
        assert_eq!(count.finish(), want);
    }

    #[test]
    fn merging_is_exact_however_it_is_cut() {
        let of = |range: std::ops::Range<u32>| {
            let mut count = TrafficCount::default();
            for n in range {
                count.collect_request(
                    Some((n * 37 % 1000) as u16),
                    u64::from(n) << 50,
                    (n % 4 > 0).then_some(n),
                );
                count.collect_attempt(AttemptCount {
                    is_failed: n % 3 == 0,
                    is_masked: n % 6 == 0,
                    response_ms: (n % 5 > 0).then_some(n * n),
                    connect_ms: (n % 7 > 0).then_some(n % 4),
                    header_ms: (n % 2 > 0).then_some(n),
                });
            }
            count
        };
        let whole = of(0..2_000);
        for cut in [0, 1, 100, 1_000, 1_999] {
            for (a, b) in [(0..cut, cut..2_000), (cut..2_000, 0..cut)] {
                let mut merged = of(a);
                merged.merge(&of(b));
                assert_eq!(merged, whole);
                assert_eq!(merged.finish(), whole.finish());
            }
        }
    }
}
