//! What the passes left over, told apart by why.

use super::{
    By, Explained, Fate, Join, Key, Leftover, SLACK_S, Spans, Unexplained, expect::Expect,
};
use crate::{event::Phase, zone::Zone};

impl Join<'_> {
    /// What became of each attempt.
    pub(super) fn explained(&self, zone: &Zone, spans: &Spans) -> Vec<Explained> {
        let records = spans.records.map(|(first, last)| {
            let (last, second) = zone.instants(last);
            (zone.instant(first).0.0, second.unwrap_or(last).0)
        });
        let explained = |index: usize| match self.by_attempt[index] {
            Some((error, confidence)) => Explained::By(error as usize, confidence),
            None => Explained::Not(self.why_unexplained(index, records)),
        };
        (0..self.attempts.len()).map(explained).collect()
    }

    fn why_unexplained(&self, index: usize, records: Option<(i64, i64)>) -> Unexplained {
        let (attempt, life) = (&self.attempts[index], &self.lives[index]);
        if attempt.kind.is_none() {
            return Unexplained::Served;
        }
        if attempt.is_passed_on {
            return Unexplained::PassedOn;
        }
        let (from, to) = life.near;
        if records.is_none_or(|(first, last)| to < first || last < from) {
            return Unexplained::OutsideRecords;
        }
        match life.expect {
            Some(Expect::Abort) => Unexplained::LoggedAtInfo,
            _ if attempt.n_attempts == 0 => Unexplained::NoUpstream,
            _ => Unexplained::NoRecord,
        }
    }

    /// What became of each record.
    pub(super) fn fates(&self, spans: &Spans) -> Vec<Fate> {
        let by_request = self.explained_lives(By::Request);
        let by_connection = self.explained_lives(By::Connection);
        let requests = spans.requests.map(|(first, last)| (first.0, last.0));
        let is_of_explained = |index: usize| {
            [(By::Request, &by_request), (By::Connection, &by_connection)]
                .into_iter()
                .any(|(by, lives)| {
                    let key = by.key(&self.errors[index].key);
                    key.is_some_and(|key| self.is_covered(index, key, lives))
                })
        };
        let fate = |index: usize| {
            let (record, error) = (&self.records[index], &self.errors[index]);
            if let Some(attempt) = self.by_error[index] {
                return Fate::Explains(attempt as usize);
            }
            Fate::Left(match error.kind.phase {
                Phase::Body | Phase::Tunnel => Leftover::AnswerBegun,
                _ if is_of_explained(index) => Leftover::SameRequest,
                // A request is logged at its end: one that failed before the first line may be of it.
                _ if requests.is_none_or(|span| !record.is_within(span)) => {
                    Leftover::OutsideRequests
                }
                _ => Leftover::NoFailedRequest,
            })
        };
        (0..self.errors.len()).map(fate).collect()
    }

    /// Lives of requests with a record, by their key: the begin of each, and the latest end of those up to it.
    fn explained_lives(&self, by: By) -> Vec<(Key, i64, i64)> {
        let explained = self.by_attempt.iter().zip(self.attempts).zip(&self.lives);
        let mut lives: Vec<(Key, i64, i64)> = explained
            .filter(|((explained, _), _)| explained.is_some())
            .filter_map(|((_, attempt), life)| {
                let key = by.key(&attempt.key)?;
                Some((key, life.whole.0, attempt.end.0 + SLACK_S))
            })
            .collect();
        lives.sort_unstable();
        for index in 1..lives.len() {
            if lives[index].0 == lives[index - 1].0 {
                lives[index].2 = lives[index].2.max(lives[index - 1].2);
            }
        }
        lives
    }

    fn is_covered(&self, index: usize, key: Key, lives: &[(Key, i64, i64)]) -> bool {
        let is_covered = |at: i64| {
            let n = lives.partition_point(|&(other, from, _)| (other, from) <= (key, at));
            let last = n.checked_sub(1).map(|last| lives[last]);
            last.is_some_and(|(other, _, to)| other == key && at <= to)
        };
        let (first, second) = self.records[index].instants;
        is_covered(first) || second.is_some_and(is_covered)
    }
}
