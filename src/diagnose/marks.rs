//! The state time line: reloads, crashes, disks full, peers taken out and back, in UTC.
//!
//! Made of the moments counted while scanning, and of what audit logs tell of SELinux. What several records tell together is put
//! together here: a reload that was followed by an `emerg` and by no new workers was refused (nginx `ngx_cycle.c: ngx_init_cycle` returns
//! NULL, and `ngx_process_cycle.c` goes on with the old configuration). Logs of several gateways read in one run share one time line, so
//! there a reload of one and a refusal of another within the same seconds are taken for one.

use super::placed::is_between;
use crate::{
    aggregate::{
        Evidence, MomentRow, Moments,
        denials::{Denials, Switched},
    },
    config::Version,
    event::{Moment, Timestamp},
    zone::Zone,
};
use std::sync::Arc;

/// One moment; or the same moment of the same peer, several times within a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub moment: Moment,
    /// The peer or group it is about, if it is about one; of a start the version, as nginx writes it; of a boolean its name and value.
    pub upstream: Option<Arc<[u8]>>,
    pub n_events: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    pub evidence: Evidence,
}

/// Seconds within which a reload shows whether it took effect.
const SETTLES_S: i64 = 10;

/// All moments from `since` to `until` (excluded), by time, then kind, then upstream.
pub fn marks(
    moments: Moments,
    denials: &Denials,
    zone: &Zone,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Vec<Mark> {
    let mark = |row: MomentRow| Mark {
        moment: row.moment,
        upstream: row.upstream,
        n_events: row.n_events,
        first: zone.instant(row.first_seen).0,
        last: zone.instant(row.last_seen).0,
        evidence: row.evidence,
    };
    let mut marks: Vec<Mark> = moments
        .finish()
        .into_iter()
        .map(mark)
        .filter(|mark| is_between(Some(mark.first), since, until))
        .collect();
    join_reloads(&mut marks);
    let switched = denials.switches.iter().map(Mark::of_switch);
    marks.extend(switched.filter(|mark| is_between(Some(mark.first), since, until)));
    marks.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
    marks
}

/// The version that was started last, by the clock of the log.
pub fn version(moments: &Moments) -> Option<Version> {
    let rows = moments.clone().finish().into_iter();
    let starts = rows.filter(|row| row.moment == Moment::Start);
    let version = |row: MomentRow| Some((row.last_seen, Version::parse(row.upstream.as_deref()?)?));
    let (_, version) = starts.filter_map(version).max()?;
    Some(version)
}

impl Mark {
    fn of_switch(switched: &Switched) -> Mark {
        let boolean = switched.boolean.as_deref();
        Mark {
            moment: match (boolean, switched.is_on) {
                (Some(_), _) => Moment::BooleanSet,
                (None, true) => Moment::Enforcing,
                (None, false) => Moment::Permissive,
            },
            upstream: boolean.map(|name| {
                let value = if switched.is_on { "=1" } else { "=0" };
                [name, value.as_bytes()].concat().into()
            }),
            n_events: 1,
            first: switched.time,
            last: switched.time,
            evidence: switched.evidence,
        }
    }

    fn order(&self) -> (Timestamp, Moment, Option<&[u8]>) {
        (self.first, self.moment, self.upstream.as_deref())
    }
}

/// Makes refused reloads of reloads, and takes out what is part of a start or a reload.
fn join_reloads(marks: &mut Vec<Mark>) {
    let times_of = |moment: Moment| -> Vec<(Timestamp, Evidence)> {
        let marks = marks.iter().filter(|mark| mark.moment == moment);
        let mut times: Vec<_> = marks.map(|mark| (mark.first, mark.evidence)).collect();
        times.sort_unstable();
        times
    };
    let (workers, emergencies) = (times_of(Moment::Workers), times_of(Moment::Emergency));
    let follows = |times: &[(Timestamp, Evidence)], time: Timestamp| {
        let next = times.partition_point(|(other, _)| *other < time);
        let next = times.get(next).copied();
        next.filter(|(other, _)| other.0 - time.0 <= SETTLES_S)
    };
    let mut refusals = Vec::new();
    for mark in marks
        .iter_mut()
        .filter(|mark| mark.moment == Moment::Reload)
    {
        if let (None, Some((_, evidence))) = (
            follows(&workers, mark.first),
            follows(&emergencies, mark.first),
        ) {
            mark.moment = Moment::ReloadFailed;
            mark.evidence = evidence;
            refusals.push(mark.first);
        }
    }
    refusals.sort_unstable();
    let is_of_refusal = |mark: &Mark| {
        let before = refusals.partition_point(|time| *time <= mark.first);
        let refusal = before.checked_sub(1).map(|index| refusals[index]);
        refusal.is_some_and(|time| mark.first.0 - time.0 <= SETTLES_S)
    };
    marks.retain(|mark| match mark.moment {
        Moment::Workers => false,
        Moment::Emergency => !is_of_refusal(mark),
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{aggregate::SourceKey, event::LocalTime};

    fn told(moments: &[(i64, Moment)]) -> Vec<(i64, Moment, u64)> {
        let mut counted = Moments::default();
        for (line, &(second, moment)) in (0..).zip(moments) {
            let evidence = Evidence {
                source: SourceKey::new(0, 0),
                offset: line * 100,
                line_in_chunk: line as u32,
            };
            counted.collect(moment, LocalTime(START + second), None, evidence);
        }
        marks(counted, &Denials::default(), &Zone::utc(), None, None)
            .into_iter()
            .map(|mark| (mark.first.0 - START, mark.moment, mark.evidence.offset))
            .collect()
    }

    const START: i64 = 1_795_176_000;

    #[test]
    fn reloads_take_effect_or_are_refused() {
        use Moment::*;
        assert_eq!(told(&[(0, Reload), (0, Workers)]), [(0, Reload, 0)]);
        // Nothing tells: some logs keep no notices of workers.
        assert_eq!(told(&[(0, Reload)]), [(0, Reload, 0)]);
        // The refusal is the evidence.
        assert_eq!(
            told(&[(0, Reload), (1, Emergency)]),
            [(0, ReloadFailed, 100)]
        );
        // A warning of another kind an hour later is none.
        assert_eq!(
            told(&[(0, Reload), (3_600, Emergency)]),
            [(0, Reload, 0), (3_600, Emergency, 100)]
        );
        // Refused, mended, taken.
        assert_eq!(
            told(&[
                (0, Reload),
                (0, Emergency),
                (60, Reload),
                (61, Workers),
                (61, Emergency)
            ]),
            [
                (0, ReloadFailed, 100),
                (60, Reload, 200),
                (61, Emergency, 400)
            ]
        );
        assert_eq!(told(&[(5, Start), (5, Workers)]), [(5, Start, 0)]);
    }

    #[test]
    fn only_the_time_asked_for() {
        let mut counted = Moments::default();
        let evidence = Evidence {
            source: SourceKey::new(0, 0),
            offset: 0,
            line_in_chunk: 0,
        };
        for second in 0..10 {
            counted.collect(
                Moment::WorkerCrash,
                LocalTime(START + second),
                None,
                evidence,
            );
        }
        let (since, until) = (Some(Timestamp(START + 2)), Some(Timestamp(START + 5)));
        assert_eq!(
            marks(counted, &Denials::default(), &Zone::utc(), since, until).len(),
            3
        );
    }
}
