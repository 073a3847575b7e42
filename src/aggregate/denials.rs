//! What a security module of the kernel denied: those denials that are about connections one by one, the others as a number.

use super::evidence::Evidence;
use crate::event::{Lsm, Timestamp};
use std::collections::BTreeSet;

/// One denial of a connection, by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denied {
    /// UTC; `None` where the record tells none.
    pub time: Option<Timestamp>,
    pub evidence: Evidence,
    pub lsm: Lsm,
    /// It was forbidden; else only written down.
    pub is_enforced: bool,
    pub pid: Option<u32>,
    /// Of the process.
    pub comm: Box<[u8]>,
    pub permission: Box<[u8]>,
    pub port: Option<u16>,
    /// Path or last name of the socket file; empty if not told.
    pub path: Box<[u8]>,
    /// Domain or profile of the process.
    pub domain: Box<[u8]>,
    /// Type of what it wanted.
    pub target: Box<[u8]>,
    pub class: Box<[u8]>,
}

/// The mode of SELinux, or one of its booleans, was set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Switched {
    /// UTC.
    pub time: Timestamp,
    pub evidence: Evidence,
    /// The name of a boolean; `None`: enforcing itself.
    pub boolean: Option<Box<[u8]>>,
    pub is_on: bool,
}

/// All that audit logs told, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denials {
    /// The first by time, at most [`DENIALS_MAX`].
    pub of_connections: BTreeSet<Denied>,
    /// The first by time, at most [`SWITCHES_MAX`]; those whose record tells no time are left out.
    pub switches: BTreeSet<Switched>,
    /// Denials of other things, and of connections past that number.
    pub n_others: u64,
    /// Records of any kind.
    pub n_records: u64,
}

/// Denials kept: a process that is denied asks again, and the first of them tell all.
pub const DENIALS_MAX: usize = 10_000;

/// Switches kept: people throw them by hand.
pub const SWITCHES_MAX: usize = 1_000;

impl Denials {
    pub fn collect_switch(&mut self, switched: Switched) {
        self.switches.insert(switched);
        if self.switches.len() > SWITCHES_MAX {
            self.switches.pop_last();
        }
    }

    pub fn collect(&mut self, denied: Denied) {
        self.of_connections.insert(denied);
        if self.of_connections.len() > DENIALS_MAX {
            self.of_connections.pop_last();
            self.n_others += 1;
        }
    }

    pub fn merge(&mut self, other: Denials) {
        self.n_others += other.n_others;
        self.n_records += other.n_records;
        for denied in other.of_connections {
            self.collect(denied);
        }
        for switched in other.switches {
            self.collect_switch(switched);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::SourceKey;

    fn denials(seconds: impl Iterator<Item = u64>) -> Denials {
        let mut denials = Denials::default();
        for second in seconds {
            denials.n_records += 1;
            denials.collect(Denied {
                time: Some(Timestamp(second as i64)),
                evidence: Evidence {
                    source: SourceKey::new(0, 0),
                    offset: second,
                    line_in_chunk: 0,
                },
                lsm: Lsm::SeLinux,
                is_enforced: true,
                pid: None,
                comm: Box::default(),
                permission: Box::default(),
                port: None,
                path: Box::default(),
                domain: Box::default(),
                target: Box::default(),
                class: Box::default(),
            });
        }
        denials
    }

    #[test]
    fn the_limit_depends_on_no_order() {
        let n = DENIALS_MAX as u64 + 500;
        let all = denials(0..n);
        let mut parts = denials((7_000..n).rev());
        parts.merge(denials(0..7_000));
        assert_eq!(parts, all);
        assert_eq!(all.of_connections.len(), DENIALS_MAX);
        assert_eq!(all.n_others, 500);
    }
}
