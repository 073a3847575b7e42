//! When each upstream answered, by minute: what tells an upstream that was down from one that was never there. Lighter than the table
//! `traffic`, and finer.

use super::{
    bucket::Grain,
    evidence::Evidence,
    limits::SERVED_ROWS_MAX,
    table::{Count, Row, Table},
};
use crate::event::LocalTime;
use std::sync::Arc;

/// Attempts at one upstream in one bucket, by access logs; times are UTC.
#[derive(Clone, Debug)]
pub struct ServedRow {
    /// `None` for lines without a time.
    pub bucket: Option<LocalTime>,
    /// `None` for requests that met no upstream.
    pub upstream: Option<Arc<[u8]>>,
    pub count: ServedCount,
}

/// Counts of one cell. Attempts are placed by the end of their request.
#[derive(Clone, Copy, Debug)]
pub struct ServedCount {
    pub n_attempts: u64,
    /// The upstream answered, with a status below 500.
    pub n_ok: u64,
    /// Of these, 401 and 403.
    pub n_denied: u64,
    /// Of these, 400, 404, 421 and 426: what a backend says to a request with the wrong host or without the headers it needs.
    pub n_unfit: u64,
    /// Failed, the connection being there at once and no header come: as on a connection that was kept.
    pub n_cut_at_once: u64,
    /// The connection took as long as one whose first packet was lost and sent again.
    pub n_resent: u64,
    /// Attempts that were not the first of their request.
    pub n_retries: u64,
    /// Milliseconds that attempts took, as far as it is told.
    pub busy_ms: u64,
    first_ok: u32,
    last_ok: u32,
    evidence_ok: Evidence,
    evidence_denied: Evidence,
    evidence_unfit: Evidence,
    evidence_resent: Evidence,
}

/// What is counted of an attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer {
    /// What the upstream answered; `None`: nothing, or it is not told.
    pub status: Option<u16>,
    pub is_failed: bool,
    pub connect_ms: Option<u32>,
    pub header_ms: Option<u32>,
    pub response_ms: Option<u32>,
    /// Not the first attempt of its request.
    pub is_retry: bool,
}

/// Counts that merge exactly, in bounded memory: see [`limits`](super::limits).
pub type Served = Table<ServedCount>;

impl Default for ServedCount {
    fn default() -> ServedCount {
        ServedCount {
            n_attempts: 0,
            n_ok: 0,
            n_denied: 0,
            n_unfit: 0,
            n_cut_at_once: 0,
            n_resent: 0,
            n_retries: 0,
            busy_ms: 0,
            first_ok: u32::MAX,
            last_ok: 0,
            evidence_ok: Evidence::LAST,
            evidence_denied: Evidence::LAST,
            evidence_unfit: Evidence::LAST,
            evidence_resent: Evidence::LAST,
        }
    }
}

impl ServedCount {
    /// When the first attempt of this cell that was answered ended.
    pub fn first_ok(&self) -> Option<LocalTime> {
        (self.n_ok > 0).then_some(LocalTime(i64::from(self.first_ok)))
    }

    pub fn last_ok(&self) -> Option<LocalTime> {
        (self.n_ok > 0).then_some(LocalTime(i64::from(self.last_ok)))
    }

    /// The first line, in file order, of a request that was answered.
    pub fn evidence_ok(&self) -> Option<Evidence> {
        (self.n_ok > 0).then_some(self.evidence_ok)
    }

    /// The first that was answered 401 or 403.
    pub fn evidence_denied(&self) -> Option<Evidence> {
        (self.n_denied > 0).then_some(self.evidence_denied)
    }

    /// The first that was answered 400, 404, 421 or 426.
    pub fn evidence_unfit(&self) -> Option<Evidence> {
        (self.n_unfit > 0).then_some(self.evidence_unfit)
    }

    /// The first whose connection took so long.
    pub fn evidence_resent(&self) -> Option<Evidence> {
        (self.n_resent > 0).then_some(self.evidence_resent)
    }

    pub fn collect(&mut self, answer: Answer, second: u32, evidence: Evidence) {
        self.n_attempts += 1;
        self.n_retries += u64::from(answer.is_retry);
        self.busy_ms += u64::from(answer.response_ms.unwrap_or(0));
        let is_ok = !answer.is_failed && answer.status.is_some_and(|status| status < 499);
        if is_ok {
            self.n_ok += 1;
            self.first_ok = self.first_ok.min(second);
            self.last_ok = self.last_ok.max(second);
            self.evidence_ok = self.evidence_ok.min(evidence);
        }
        if is_ok && matches!(answer.status, Some(401 | 403)) {
            self.n_denied += 1;
            self.evidence_denied = self.evidence_denied.min(evidence);
        }
        if is_ok && matches!(answer.status, Some(400 | 404 | 421 | 426)) {
            self.n_unfit += 1;
            self.evidence_unfit = self.evidence_unfit.min(evidence);
        }
        let is_cut = answer.is_failed && answer.header_ms.is_none();
        self.n_cut_at_once += u64::from(is_cut && answer.connect_ms == Some(0));
        if answer.connect_ms.is_some_and(is_resent) {
            self.n_resent += 1;
            self.evidence_resent = self.evidence_resent.min(evidence);
        }
    }
}

/// Whether a connection took what one takes whose SYN was lost: Linux sends it again after 1, 3, 7 and 15 s (`tcp_syn_retries`, RFC 6298:
/// an initial timeout of 1 s that doubles), and the answer comes in some milliseconds then.
fn is_resent(connect_ms: u32) -> bool {
    /// How much later an answer may come, and timers may be late.
    const SLACK_MS: u32 = 300;
    [1_000, 3_000, 7_000, 15_000]
        .iter()
        .any(|&sent_ms| (sent_ms..=sent_ms + SLACK_MS).contains(&connect_ms))
}

impl Count for ServedCount {
    const ROWS_MAX: usize = SERVED_ROWS_MAX;

    type Late = ();

    fn collect_late(&mut self, (): ()) {}

    fn merge(&mut self, other: &ServedCount) {
        self.n_attempts += other.n_attempts;
        self.n_ok += other.n_ok;
        self.n_denied += other.n_denied;
        self.n_unfit += other.n_unfit;
        self.n_cut_at_once += other.n_cut_at_once;
        self.n_resent += other.n_resent;
        self.n_retries += other.n_retries;
        self.busy_ms += other.busy_ms;
        self.first_ok = self.first_ok.min(other.first_ok);
        self.last_ok = self.last_ok.max(other.last_ok);
        self.evidence_ok = self.evidence_ok.min(other.evidence_ok);
        self.evidence_denied = self.evidence_denied.min(other.evidence_denied);
        self.evidence_unfit = self.evidence_unfit.min(other.evidence_unfit);
        self.evidence_resent = self.evidence_resent.min(other.evidence_resent);
    }
}

/// No attempt, in buckets fine enough to look for outages.
pub fn served(grain: Grain) -> Served {
    Table::new(grain.observed())
}

impl ServedRow {
    pub fn of(row: Row<ServedCount>) -> ServedRow {
        ServedRow {
            bucket: row.bucket,
            upstream: row.name,
            count: row.count,
        }
    }
}
