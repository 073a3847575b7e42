//! Lines that somebody forged: how many, by whom, and where the first stand.

use super::evidence::{Evidence, SourceKey};
use std::collections::{BTreeMap, BTreeSet};

/// Forged lines that look like records, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forged {
    pub n_lines: u64,
    /// Lines by the client of the record that holds them, where it tells; past [`SENDERS_MAX`] addresses are only counted.
    pub senders: BTreeMap<Box<[u8]>, u64>,
    /// Lines of others, and of records that do not tell.
    pub n_by_others: u64,
    /// Lines by the connection on which they came, until [`settle`](Self::settle).
    by_connection: BTreeMap<Connection, u64>,
    /// Whose a connection is; `None`: of several, as where numbers begin anew.
    clients: BTreeMap<Connection, Option<Box<[u8]>>>,
    /// The first places, at most [`PLACES_MAX`].
    pub places: BTreeSet<Evidence>,
}

/// A connection of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    pub source: SourceKey,
    /// Of the worker that has it; 0: not told.
    pub pid: u64,
    pub number: u64,
}

/// Connections kept on which lines came, and of which it is known whose they are.
pub const CONNECTIONS_MAX: usize = 1 << 16;

/// Clients kept by address: who forges lines is one, or a botnet of which a part is enough.
pub const SENDERS_MAX: usize = 64;

/// Places kept: a person looks at the first few.
pub const PLACES_MAX: usize = 16;

impl Forged {
    pub fn collect(&mut self, sender: Option<&[u8]>, place: Evidence) {
        self.n_lines += 1;
        match sender {
            Some(sender) => self.add_sender(sender, 1),
            None => self.n_by_others += 1,
        }
        self.add_place(place);
    }

    /// Like [`collect`](Self::collect), where only the connection is known.
    pub fn collect_of(&mut self, connection: Connection, place: Evidence) {
        self.n_lines += 1;
        self.add_of(connection, 1);
        self.add_place(place);
    }

    /// Takes what a true record tells of a connection.
    pub fn collect_client(&mut self, connection: Connection, client: &[u8]) {
        self.add_client(connection, Some(client));
    }

    /// `None`: of several.
    fn add_client(&mut self, connection: Connection, client: Option<&[u8]>) {
        match self.clients.get_mut(&connection) {
            Some(known) => {
                if known.as_deref() != client {
                    *known = None;
                }
            }
            None => {
                self.clients.insert(connection, client.map(Into::into));
            }
        }
        if self.clients.len() > CONNECTIONS_MAX {
            self.clients.pop_last();
        }
    }

    /// Names the senders of which the connection was known, once all is read.
    pub fn settle(&mut self) {
        let clients = std::mem::take(&mut self.clients);
        for (connection, n) in std::mem::take(&mut self.by_connection) {
            match clients.get(&connection) {
                Some(Some(client)) => self.add_sender(client, n),
                _ => self.n_by_others += n,
            }
        }
    }

    fn add_of(&mut self, connection: Connection, n: u64) {
        *self.by_connection.entry(connection).or_default() += n;
        if self.by_connection.len() > CONNECTIONS_MAX {
            self.n_by_others += self.by_connection.pop_last().map_or(0, |(_, n)| n);
        }
    }

    fn add_sender(&mut self, sender: &[u8], n: u64) {
        match self.senders.get_mut(sender) {
            Some(known) => *known += n,
            None => {
                self.senders.insert(sender.into(), n);
            }
        }
        // The greatest go, so that which stay depends on no order.
        while self.senders.len() > SENDERS_MAX {
            self.n_by_others += self.senders.pop_last().map_or(0, |(_, n)| n);
        }
    }

    fn add_place(&mut self, place: Evidence) {
        self.places.insert(place);
        if self.places.len() > PLACES_MAX {
            self.places.pop_last();
        }
    }

    pub fn merge(&mut self, other: Forged) {
        self.n_lines += other.n_lines;
        self.n_by_others += other.n_by_others;
        for (sender, n) in other.senders {
            self.add_sender(&sender, n);
        }
        for (connection, n) in other.by_connection {
            self.add_of(connection, n);
        }
        for (connection, client) in other.clients {
            self.add_client(connection, client.as_deref());
        }
        for place in other.places {
            self.add_place(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::SourceKey;

    fn forged(numbers: impl Iterator<Item = u64>) -> Forged {
        let mut forged = Forged::default();
        for number in numbers {
            let place = Evidence {
                source: SourceKey::new(0, 0),
                offset: number,
                line_in_chunk: 0,
            };
            let sender = format!("10.0.0.{}", number % 90);
            forged.collect((number % 7 > 0).then_some(sender.as_bytes()), place);
        }
        forged
    }

    #[test]
    fn limits_depend_on_no_order() {
        let all = forged(0..500);
        let mut parts = forged(250..500);
        parts.merge(forged((0..250).rev()));
        assert_eq!(parts, all);
        assert_eq!(all.senders.len(), SENDERS_MAX);
        assert_eq!(all.places.len(), PLACES_MAX);
        let n_told: u64 = all.senders.values().sum();
        assert_eq!((all.n_lines, n_told + all.n_by_others), (500, 500));
    }

    #[test]
    fn a_connection_names_its_client_if_it_is_of_one() {
        let place = |offset| Evidence {
            source: SourceKey::new(0, 0),
            offset,
            line_in_chunk: 0,
        };
        let connection = |number| Connection {
            source: SourceKey::new(0, 0),
            pid: 7,
            number,
        };
        let (mut forged, mut other) = (Forged::default(), Forged::default());
        for number in 1..=3 {
            forged.collect_of(connection(number), place(number));
            other.collect_of(connection(number), place(number + 9));
        }
        forged.collect_client(connection(1), b"192.0.2.66");
        other.collect_client(connection(1), b"192.0.2.66");
        forged.collect_client(connection(2), b"192.0.2.1");
        other.collect_client(connection(2), b"192.0.2.2");
        forged.merge(other);
        forged.settle();
        let senders: Vec<(&[u8], u64)> = forged.senders.iter().map(|(s, &n)| (&**s, n)).collect();
        assert_eq!(senders, [(&b"192.0.2.66"[..], 2)]);
        assert_eq!((forged.n_lines, forged.n_by_others), (6, 4));
    }
}
