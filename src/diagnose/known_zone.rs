//! Where the zone of a run comes from: the user, the envelopes of its lines, failures that two logs tell of, or nowhere.

use super::zone_inference::{Matches, infer_zone, matches_under};
use crate::{
    aggregate::{
        Ledger,
        traces::{AttemptTrace, ErrorTrace, TextHash},
    },
    engine::{Clocks, Scanned, SourceState},
    event::{LocalTime, Timestamp},
    zone::Zone,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// A zone, and why it is taken.
#[derive(Clone, Debug)]
pub struct KnownZone {
    pub zone: Zone,
    pub basis: ZoneBasis,
    /// How well failures of access logs and records meet in it; `None` where there is nothing to tell by.
    pub matches: Option<Matches>,
    /// Where machines run in several zones, that of each.
    pub machines: Vec<MachineZone>,
    /// The records of these are read so, and those of others as this zone shows them: then [`zone`](Self::zone) is UTC, by which all
    /// their times are told.
    pub apart_from: Option<Zone>,
}

/// The zone of one machine.
#[derive(Clone, Debug)]
pub struct MachineZone {
    /// As an envelope or the path of its sources names it.
    pub machine: Box<[u8]>,
    pub zone: Zone,
    /// Records whose envelopes tell it; 0: failures of access logs tell it, if anything does.
    pub n_told: u64,
    /// `None`, where no envelope tells it: too few met to tell one of its own, and it is that of the others.
    pub matches: Option<Matches>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneBasis {
    /// `--tz`.
    Given,
    /// Wrappers wrote an instant beside the local time of so many records, and this offset is what lies between them.
    Learned { n_records: u64, n_others: u64 },
    /// Records of failed requests stand where the access log expects them, as [`KnownZone::matches`] says.
    Matched,
    /// Nothing tells: UTC.
    Assumed,
}

impl KnownZone {
    /// The zone `given` by the user, else the offset that the envelopes of most records tell, else the one in which most failures meet
    /// (`errors` with `attempts`), else UTC.
    pub fn of(
        given: Option<&Zone>,
        ledgers: &[Ledger],
        errors: &[ErrorTrace],
        attempts: &[AttemptTrace],
    ) -> KnownZone {
        let told = given.map(|zone| (zone.clone(), ZoneBasis::Given));
        if let Some((zone, basis)) = told.or_else(|| learned(ledgers)) {
            let matches = matches_under(&zone, errors, attempts);
            return KnownZone {
                zone,
                basis,
                matches,
                machines: Vec::new(),
                apart_from: None,
            };
        }
        let written = ledgers
            .iter()
            .flat_map(|ledger| ledger.written_offsets.keys());
        let written: BTreeSet<i32> = written.copied().collect();
        let written: Vec<i32> = written.into_iter().collect();
        match infer_zone(errors, attempts, &written) {
            Some((zone, matches)) => KnownZone {
                zone,
                basis: ZoneBasis::Matched,
                matches: Some(matches),
                machines: Vec::new(),
                apart_from: None,
            },
            None => KnownZone {
                zone: Zone::utc(),
                basis: ZoneBasis::Assumed,
                matches: matches_under(&Zone::utc(), errors, attempts),
                machines: Vec::new(),
                apart_from: None,
            },
        }
    }

    /// The same, with the zone of each machine where they are several: the one that the envelopes of its records tell, or else those in
    /// which the failures of one meet while they do not in that of all.
    pub fn with_machines(mut self, scanned: &Scanned) -> KnownZone {
        if self.basis == ZoneBasis::Given {
            return self;
        }
        let told = told_of_machines(scanned);
        let mut machines = records_by_machine(scanned);
        for machine in told.keys() {
            machines.entry(machine.clone()).or_default();
        }
        if machines.len() < 2 {
            return self;
        }
        let zones = machines.iter().take(MACHINES_MAX);
        let zones: Vec<MachineZone> = zones
            .map(|(machine, errors)| match told.get(machine) {
                Some(&(offset_s, n_told)) => MachineZone {
                    machine: machine.clone(),
                    zone: Zone::fixed(offset_s),
                    n_told,
                    matches: None,
                },
                None => self.of_machine(machine, errors, scanned),
            })
            .collect();
        if zones.iter().any(|own| own.zone.name() != self.zone.name()) {
            self.machines = zones;
        }
        self
    }

    /// The zone of a machine, which wrote `errors`: that of all, if that shows their times as well.
    fn of_machine(&self, machine: &[u8], errors: &[ErrorTrace], scanned: &Scanned) -> MachineZone {
        let written = written_by(scanned, machine);
        let told = infer_zone(errors, scanned.attempts.as_slice(), &written);
        let differs = |zone: &Zone| {
            let differs = |time| zone.instant(time) != self.zone.instant(time);
            errors.iter().any(|error| differs(error.time))
        };
        let (own, matches) = told.unzip();
        MachineZone {
            machine: machine.into(),
            zone: own.filter(differs).unwrap_or_else(|| self.zone.clone()),
            n_told: 0,
            matches,
        }
    }

    /// The clocks of the machines, to read all records by.
    pub fn clocks(&self, scanned: &Scanned) -> Clocks {
        const DAY_S: i64 = 86_400;
        let times = || {
            scanned
                .ledgers
                .iter()
                .flat_map(|l| [l.first_time, l.last_time])
                .flatten()
        };
        let bound = |time: Option<LocalTime>, s: i64| Timestamp(time.map_or(0, |time| time.0) + s);
        let (first, last) = (bound(times().min(), -DAY_S), bound(times().max(), DAY_S));
        let clock = |zone: &Zone| Arc::new(zone.clock(first, last));
        let by_machine: BTreeMap<_, _> = self
            .machines
            .iter()
            .map(|own| (own.machine.clone(), clock(&own.zone)))
            .collect();
        let of_source = |state: &SourceState| {
            let clock = by_machine.get(state.machine.name()?.as_bytes())?;
            Some((state.name.clone(), Arc::clone(clock)))
        };
        Clocks {
            by_source: scanned.sources.iter().filter_map(of_source).collect(),
            other: clock(&self.zone),
            by_machine,
        }
    }

    /// Tells of each error when its clock showed its time: at a second instant only where it passed that twice.
    pub fn instants_of<'a>(
        &'a self,
        scanned: &'a Scanned,
    ) -> impl Fn(&ErrorTrace) -> (Timestamp, Option<Timestamp>) + 'a {
        let own = self.machines.iter();
        let by_machine: HashMap<TextHash, &Zone> = own
            .map(|own| (TextHash::of(&own.machine), &own.zone))
            .collect();
        move |error| {
            let Some(others) = &self.apart_from else {
                return self.zone.instants(error.time);
            };
            let of_source = || {
                let state = &scanned.sources[scanned.index_of(error.evidence.source)];
                let machine = state.machine.name()?;
                by_machine.get(&TextHash::of(machine.as_bytes()))
            };
            let named = by_machine.get(&error.machine).or_else(of_source);
            let zone = named.copied().unwrap_or(others);
            // It was read as the earlier instant already.
            let first = Timestamp(error.time.0);
            let by_clock = LocalTime(first.0 + i64::from(zone.offset_s(first)));
            let (_, second) = zone.instants(by_clock);
            (first, second.filter(|second| *second > first))
        }
    }

    /// The zones that the records of a source are read in.
    pub fn of_source(&self, state: &SourceState, ledger: &Ledger) -> Vec<&Zone> {
        let Some(others) = &self.apart_from else {
            return vec![&self.zone];
        };
        let own = self.machines_of(state, ledger).into_iter();
        own.map(|own| own.map_or(others, |own| &own.zone)).collect()
    }

    /// Why the records of a source are read in its zones, in words: with the score of each against the next best one.
    pub fn basis_of(&self, state: &SourceState, ledger: &Ledger) -> String {
        let told = |n_records: u64| format!("told by the envelopes of {n_records} records");
        let score = |matches: Option<Matches>| match matches {
            Some(matches) => format!(
                "{} of {} failed tries matched; the next best {}",
                matches.n_matched, matches.n_tried, matches.n_next
            ),
            None => "too few failed tries".to_owned(),
        };
        if self.apart_from.is_some() {
            let own = self.machines_of(state, ledger).into_iter();
            let mut scores: Vec<String> = own
                .map(|own| match own {
                    Some(own) if own.n_told > 0 => told(own.n_told),
                    _ => score(own.and_then(|own| own.matches)),
                })
                .collect();
            scores.dedup();
            return scores.join(", ");
        }
        match self.basis {
            ZoneBasis::Given => "given".to_owned(),
            ZoneBasis::Learned { n_records, .. } => told(n_records),
            ZoneBasis::Matched => score(self.matches),
            ZoneBasis::Assumed => "assumed".to_owned(),
        }
    }

    /// Those of a source that have a zone of their own, by the lines or else by the path; `None` for each other one.
    fn machines_of(&self, state: &SourceState, ledger: &Ledger) -> Vec<Option<&MachineZone>> {
        let of = |machine: &[u8]| self.machines.iter().find(|own| *own.machine == *machine);
        let of_path = state
            .machine
            .name()
            .and_then(|machine| of(machine.as_bytes()));
        if ledger.machines.is_empty() {
            return vec![of_path];
        }
        let machines = ledger.machines.keys();
        machines.map(|machine| of(machine).or(of_path)).collect()
    }

    /// Its name, as it stands at the head of reports.
    pub fn shown(&self) -> String {
        let name = self.zone.name();
        match self.apart_from {
            Some(_) => format!("{name}, the clock of each machine by its own zone"),
            None => name.to_owned(),
        }
    }
}

/// Machines that are looked at; the names decide which.
const MACHINES_MAX: usize = 64;

/// Records by the machine that wrote them, of those that are named.
fn records_by_machine(scanned: &Scanned) -> BTreeMap<Box<[u8]>, Vec<ErrorTrace>> {
    let in_envelopes = scanned
        .ledgers
        .iter()
        .flat_map(|ledger| ledger.machines.keys());
    let by_hash: HashMap<TextHash, &[u8]> = in_envelopes
        .map(|machine| (TextHash::of(machine), &**machine))
        .collect();
    let mut records: BTreeMap<Box<[u8]>, Vec<ErrorTrace>> = BTreeMap::new();
    for error in scanned.errors.as_slice() {
        let of_path = || {
            let state = &scanned.sources[scanned.index_of(error.evidence.source)];
            state.machine.name().map(str::as_bytes)
        };
        if let Some(machine) = by_hash.get(&error.machine).copied().or_else(of_path) {
            records.entry(machine.into()).or_default().push(*error);
        }
    }
    records
}

/// The offsets that the access lines of a machine are written with; of all, where it has none of its own.
fn written_by(scanned: &Scanned, machine: &[u8]) -> Vec<i32> {
    let all = || scanned.sources.iter().zip(&scanned.ledgers);
    let is_own = |state: &SourceState, ledger: &Ledger| {
        state.machine.name().map(str::as_bytes) == Some(machine)
            || ledger.machines.contains_key(machine)
    };
    let own: BTreeSet<i32> = all()
        .filter(|(state, ledger)| is_own(state, ledger))
        .flat_map(|(_, ledger)| ledger.written_offsets.keys().copied())
        .collect();
    if !own.is_empty() {
        return own.into_iter().collect();
    }
    let all: BTreeSet<i32> = all()
        .flat_map(|(_, ledger)| ledger.written_offsets.keys().copied())
        .collect();
    all.into_iter().collect()
}

/// Records whose envelopes make a zone of a machine's own: one that came late tells anything.
const TOLD_MIN: u64 = 3;

/// The offset that the envelopes of most records of a machine tell, and of how many.
fn told_of_machines(scanned: &Scanned) -> BTreeMap<Box<[u8]>, (i32, u64)> {
    let mut offsets: BTreeMap<&[u8], BTreeMap<i32, u64>> = BTreeMap::new();
    for (state, ledger) in scanned.sources.iter().zip(&scanned.ledgers) {
        let in_envelopes = ledger.offsets_of_machines.iter();
        let in_envelopes = in_envelopes.map(|(machine, told)| (&**machine, told));
        let of_path = state.machine.name().map(str::as_bytes);
        let of_path = of_path.filter(|_| ledger.machines.is_empty());
        let of_path = of_path.map(|machine| (machine, &ledger.zone_offsets));
        for (machine, told) in in_envelopes.chain(of_path) {
            let offsets = offsets.entry(machine).or_default();
            for (&offset_s, &n) in told {
                *offsets.entry(offset_s).or_default() += n;
            }
        }
    }
    let most = |(machine, offsets): (&[u8], _)| {
        let (offset_s, n_told, _) = most(offsets)?;
        (n_told >= TOLD_MIN).then(|| (machine.into(), (offset_s, n_told)))
    };
    offsets.into_iter().filter_map(most).collect()
}

/// The offset that the envelopes of most records tell.
fn learned(ledgers: &[Ledger]) -> Option<(Zone, ZoneBasis)> {
    let mut offsets: BTreeMap<i32, u64> = BTreeMap::new();
    for (&offset_s, &n) in ledgers.iter().flat_map(|ledger| &ledger.zone_offsets) {
        *offsets.entry(offset_s).or_default() += n;
    }
    let (offset_s, n_records, n_others) = most(offsets)?;
    let basis = ZoneBasis::Learned {
        n_records,
        n_others,
    };
    Some((Zone::fixed(offset_s), basis))
}

/// The offset of more than half of the records, of how many these are, and the number of the others.
fn most(offsets: BTreeMap<i32, u64>) -> Option<(i32, u64, u64)> {
    let n_all: u64 = offsets.values().sum();
    let most = offsets
        .into_iter()
        .max_by_key(|&(offset_s, n)| (n, -offset_s));
    let (offset_s, n_records) = most.filter(|(_, n_records)| 2 * n_records > n_all)?;
    Some((offset_s, n_records, n_all - n_records))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(offsets: &[(i32, u64)]) -> Ledger {
        Ledger {
            zone_offsets: offsets.iter().copied().collect(),
            ..Ledger::default()
        }
    }

    #[test]
    fn most_records_decide_unless_told() {
        let of = |ledgers: &[Ledger]| {
            let known = KnownZone::of(None, ledgers, &[], &[]);
            (known.zone.name().to_owned(), known.basis)
        };
        let learned = |n_records, n_others| ZoneBasis::Learned {
            n_records,
            n_others,
        };
        assert_eq!(of(&[]), ("UTC".to_owned(), ZoneBasis::Assumed));
        assert_eq!(
            of(&[ledger(&[(7_200, 5)]), ledger(&[(0, 2), (7_200, 1)])]),
            ("+02:00".to_owned(), learned(6, 2))
        );
        assert_eq!(of(&[ledger(&[(0, 3)])]), ("UTC".to_owned(), learned(3, 0)));
        assert_eq!(of(&[ledger(&[(-12_600, 3), (0, 3)])]).1, ZoneBasis::Assumed);
        assert_eq!(of(&[ledger(&[(-12_600, 3)])]).0, "-03:30");
        let given = Zone::parse("Asia/Kathmandu").expect("a zone");
        let known = KnownZone::of(Some(&given), &[ledger(&[(0, 9)])], &[], &[]);
        assert_eq!(known.basis, ZoneBasis::Given);
    }
}
