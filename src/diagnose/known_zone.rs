//! Where the zone of a run comes from: the user, the envelopes of its lines, failures that two logs tell of, or nowhere.

use super::zone_inference::{Matches, infer_zone, matches_under};
use crate::{
    aggregate::{
        Ledger,
        traces::{AttemptTrace, ErrorTrace},
    },
    zone::Zone,
};
use std::collections::{BTreeMap, BTreeSet};

/// A zone, and why it is taken.
#[derive(Clone, Debug)]
pub struct KnownZone {
    pub zone: Zone,
    pub basis: ZoneBasis,
    /// How well failures of access logs and records meet in it; `None` where there is nothing to tell by.
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
            },
            None => KnownZone {
                zone: Zone::utc(),
                basis: ZoneBasis::Assumed,
                matches: matches_under(&Zone::utc(), errors, attempts),
            },
        }
    }
}

/// The offset that the envelopes of most records tell.
fn learned(ledgers: &[Ledger]) -> Option<(Zone, ZoneBasis)> {
    let mut offsets: BTreeMap<i32, u64> = BTreeMap::new();
    for (&offset_s, &n) in ledgers.iter().flat_map(|ledger| &ledger.zone_offsets) {
        *offsets.entry(offset_s).or_default() += n;
    }
    let n_all: u64 = offsets.values().sum();
    let most = offsets
        .into_iter()
        .max_by_key(|&(offset_s, n)| (n, -offset_s));
    let (offset_s, n_records) = most.filter(|(_, n_records)| 2 * n_records > n_all)?;
    let basis = ZoneBasis::Learned {
        n_records,
        n_others: n_all - n_records,
    };
    Some((Zone::fixed(offset_s), basis))
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
