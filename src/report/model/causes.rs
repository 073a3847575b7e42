//! Why requests failed: what the access log shows, explained by the error log.

use super::Findings;
use crate::{
    diagnose::{self, Confidence, Leftover, Unexplained},
    words::grouped,
};
use serde::Serialize;

/// Why requests failed, where there are both kinds of log.
#[derive(Clone, Debug, Serialize)]
pub struct Causes {
    /// Most requests first.
    pub statuses: Vec<StatusLine>,
    /// Failed attempts of which clients saw nothing.
    pub n_masked: u64,
    pub masked: Vec<CauseLine>,
    /// Records of failures that explain no failed request.
    pub n_left: u64,
    pub left: Vec<WhyLine>,
    /// There were too many failures to keep all: these are of some clients only.
    pub is_sample: bool,
}

/// Why requests were answered with one status.
#[derive(Clone, Debug, Serialize)]
pub struct StatusLine {
    pub status: u16,
    /// Of which causes were looked for.
    pub n_requests: u64,
    /// If these are a sample: of how many, where that is known.
    pub n_all: Option<u64>,
    /// With a cause.
    pub n_explained: u64,
    /// Most frequent first.
    pub causes: Vec<CauseLine>,
    /// Why the rest may have none.
    pub unexplained: Vec<WhyLine>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CauseLine {
    pub category: &'static str,
    /// Empty where none is named.
    pub upstream: String,
    pub n: u64,
    /// Of those of the same status, or of all that are masked, rounded to a tenth.
    pub percent: f64,
    /// With a record, by how sure it is that it is the one.
    pub n_exact: u64,
    pub n_strong: u64,
    pub n_weak: u64,
    /// Told by the access log alone.
    pub n_by_access_log: u64,
}

/// Why something is missing.
#[derive(Clone, Debug, Serialize)]
pub struct WhyLine {
    pub why: &'static str,
    pub n: u64,
}

impl CauseLine {
    /// `refused at 10.0.0.3:8080`
    pub fn name(&self) -> String {
        match self.upstream.as_str() {
            "" => self.category.to_owned(),
            upstream => format!("{} at {upstream}", self.category),
        }
    }
}

impl StatusLine {
    /// Neither a record nor the access line tells why.
    pub fn n_unexplained(&self) -> u64 {
        self.n_requests - self.n_explained
    }

    /// `502 × 1,843: 71 % refused at 10.0.0.3:8080, 22 % no-live-upstreams at app, 7 % unexplained`, with at most so many causes.
    pub fn text(&self, n_causes: usize) -> String {
        let mut parts: Vec<String> = self
            .causes
            .iter()
            .take(n_causes)
            .map(|cause| format!("{} % {}", cause.percent, cause.name()))
            .collect();
        let n_more: u64 = self.causes.iter().skip(n_causes).map(|cause| cause.n).sum();
        let mut rest = |n: u64, what: &str| {
            if n > 0 {
                parts.push(format!("{} % {what}", percent(n, self.n_requests)));
            }
        };
        rest(n_more, "other causes");
        rest(self.n_unexplained(), "unexplained");
        let (status, looked_at) = (self.status, grouped(self.n_requests));
        let n = match self.n_all {
            Some(n_all) => format!("{}: of {looked_at} looked at,", grouped(n_all)),
            None => format!("{looked_at}:"),
        };
        format!("{status:03} × {n} {}", parts.join(", "))
    }
}

impl Causes {
    /// `explained: 1,700 of 1,843, 1,650 by error records (12 of them weak), 50 by the access log alone`; `None` if nothing failed.
    pub fn account(&self) -> Option<String> {
        let sum = |of: fn(&StatusLine) -> u64| self.statuses.iter().map(of).sum::<u64>();
        let each = |of: fn(&CauseLine) -> u64| -> u64 {
            let causes = self.statuses.iter().flat_map(|status| &status.causes);
            causes.map(of).sum()
        };
        let (n, n_explained) = (sum(|s| s.n_requests), sum(|s| s.n_explained));
        let n_weak = each(|cause| cause.n_weak);
        let n_by_record = each(|cause| cause.n_exact + cause.n_strong) + n_weak;
        let n_alone = each(|cause| cause.n_by_access_log);
        let weak = match n_weak {
            0 => String::new(),
            n => format!(" ({} of them weak)", grouped(n)),
        };
        let by = [
            (n_by_record, format!("by error records{weak}")),
            (n_alone, "by the access log alone".to_owned()),
        ];
        let by = by.iter().filter(|(n, _)| *n > 0);
        let parts: String = by
            .map(|(n, by)| format!(", {} {by}", grouped(*n)))
            .collect();
        let (all, explained) = (grouped(n), grouped(n_explained));
        (n > 0).then(|| format!("explained: {explained} of {all}{parts}"))
    }
}

/// Causes of one status that are listed.
const CAUSES_MAX: usize = 50;

/// `None` unless there is both.
pub(super) fn causes(findings: &Findings<'_>) -> Option<Causes> {
    let causes = findings.causes?;
    let status = |status: &diagnose::StatusCauses| {
        let n_requests = status.n_requests;
        StatusLine {
            status: status.status,
            n_requests,
            n_all: status.n_all,
            n_explained: status.causes.iter().map(|cause| cause.n).sum(),
            causes: lines(&status.causes, n_requests, findings),
            unexplained: status
                .unexplained
                .iter()
                .map(|&(why, n)| WhyLine {
                    why: why_unexplained(why),
                    n,
                })
                .collect(),
        }
    };
    let n_masked = causes.masked.iter().map(|cause| cause.n).sum();
    let left: Vec<WhyLine> = causes
        .left
        .iter()
        .map(|&(why, n)| WhyLine {
            why: why_left(why),
            n,
        })
        .collect();
    Some(Causes {
        statuses: causes.statuses.iter().map(status).collect(),
        n_masked,
        masked: lines(&causes.masked, n_masked, findings),
        n_left: left.iter().map(|line| line.n).sum(),
        left,
        is_sample: findings.scanned.errors.is_sample() || findings.scanned.attempts.is_sample(),
    })
}

fn lines(causes: &[diagnose::Cause], n_all: u64, findings: &Findings<'_>) -> Vec<CauseLine> {
    let max = CAUSES_MAX.max(findings.n_top);
    let line = |cause: &diagnose::Cause| {
        let by = |confidence: Confidence| cause.n_by_record[confidence as usize];
        CauseLine {
            category: cause.category.name(),
            upstream: findings
                .names
                .redactor()
                .upstream(cause.upstream.as_deref().unwrap_or_default())
                .for_terminal(),
            n: cause.n,
            percent: percent(cause.n, n_all),
            n_exact: by(Confidence::Exact),
            n_strong: by(Confidence::Strong),
            n_weak: by(Confidence::Weak),
            n_by_access_log: cause.n - cause.n_by_record.iter().sum::<u64>(),
        }
    };
    causes.iter().take(max).map(line).collect()
}

/// In per cent, rounded to a tenth; what is there is never rounded to nothing.
fn percent(n: u64, of: u64) -> f64 {
    if n == 0 {
        return 0.0;
    }
    let tenths = (n as f64 * 1_000.0 / of.max(1) as f64).round();
    tenths.max(1.0) / 10.0
}

/// In plain words, as what stands behind a number of requests.
fn why_unexplained(why: Unexplained) -> &'static str {
    match why {
        Unexplained::Served => "the last try did not fail, so the gateway itself made the error",
        Unexplained::PassedOn => "the upstream itself answered so",
        Unexplained::OutsideRecords => {
            "before the first or after the last record of the error logs"
        }
        Unexplained::LoggedAtInfo => "such records are of level info, which is seldom logged",
        Unexplained::NoUpstream => {
            "answered without an upstream: by `return`, by an error page, or by a limit that is not logged"
        }
        Unexplained::NoRecord => {
            "no record fits: another server's error log, a level above `error`, or a part that is missing"
        }
    }
}

/// Likewise, behind a number of records.
fn why_left(why: Leftover) -> &'static str {
    match why {
        Leftover::SameRequest => "another record explains the same request",
        Leftover::AnswerBegun => {
            "the answer had begun, so the client had got its status, most often 200, and a body that is cut"
        }
        Leftover::OutsideRequests => {
            "before the first or after the last request of the access logs"
        }
        Leftover::NoFailedRequest => {
            "no failed request fits: a retry that the format does not show, a subrequest, or a line that is missing (`access_log off`, or a log that is not here)"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_in_one_line() {
        let cause = |category, upstream: &str, n| CauseLine {
            category,
            upstream: upstream.to_owned(),
            n,
            percent: percent(n, 1_843),
            n_exact: 0,
            n_strong: n,
            n_weak: 0,
            n_by_access_log: 0,
        };
        let line = StatusLine {
            status: 502,
            n_requests: 1_843,
            n_all: None,
            n_explained: 1_842,
            causes: vec![
                cause("refused", "10.0.0.3:8080", 1_309),
                cause("no-live-upstreams", "app", 400),
                cause("dns", "", 133),
            ],
            unexplained: vec![],
        };
        assert_eq!(
            line.text(2),
            "502 × 1,843: 71 % refused at 10.0.0.3:8080, 21.7 % no-live-upstreams at app, 7.2 % other causes, 0.1 % unexplained"
        );
        assert!(line.text(3).contains("7.2 % dns, 0.1 %"));
        let mut causes = Causes {
            statuses: vec![line.clone()],
            n_masked: 0,
            masked: vec![],
            n_left: 0,
            left: vec![],
            is_sample: false,
        };
        let account = |causes: &Causes| causes.account().unwrap_or_default();
        assert_eq!(
            account(&causes),
            "explained: 1,842 of 1,843, 1,842 by error records"
        );
        let cause = &mut causes.statuses[0].causes[1];
        (cause.n_strong, cause.n_weak, cause.n_by_access_log) = (0, 390, 10);
        assert_eq!(
            account(&causes),
            "explained: 1,842 of 1,843, 1,832 by error records (390 of them weak), 10 by the access log alone"
        );
        causes.statuses.clear();
        assert_eq!(causes.account(), None);
        let sample = StatusLine {
            n_all: Some(1_000_000),
            ..line
        };
        let want = "502 × 1,000,000: of 1,843 looked at, 71 % refused at 10.0.0.3:8080, 28.9 % other causes, 0.1 % unexplained";
        assert_eq!(sample.text(1), want);
    }
}
