//! Figures of a group of rows of the table `failures`.

use super::axis::time;
use crate::{aggregate::Clients, diagnose::Failure, export::Names};
use std::{cmp::Reverse, collections::BTreeMap};

/// Rows by upstream, most events first; the name is empty where none is named.
pub(super) fn by_upstream<'a>(rows: &[&'a Failure]) -> Vec<(&'a [u8], Vec<&'a Failure>)> {
    let mut groups: BTreeMap<&[u8], Vec<&Failure>> = BTreeMap::new();
    for row in rows {
        let name = row.upstream.as_deref().unwrap_or_default();
        groups.entry(name).or_default().push(row);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, rows)| Reverse(sum(rows))); // stable: ties stay in the order of names
    groups
}

pub(super) fn sum(rows: &[&Failure]) -> u64 {
    rows.iter().map(|row| row.n_events).sum()
}

pub(super) fn n_clients(rows: &[&Failure]) -> u64 {
    let mut clients = Clients::default();
    rows.iter().for_each(|row| clients.merge(&row.clients));
    clients.finish()
}

pub(super) fn first(rows: &[&Failure]) -> Option<String> {
    time(rows.iter().filter_map(|row| row.first_seen).min())
}

pub(super) fn last(rows: &[&Failure]) -> Option<String> {
    time(rows.iter().filter_map(|row| row.last_seen).max())
}

/// The first of their records in file order, as `source:line@offset`; empty for no rows.
pub(super) fn evidence(rows: &[&Failure], names: &Names<'_>) -> String {
    let first = rows.iter().map(|row| row.evidence).min();
    first.map_or_else(String::new, |at| {
        let evidence = names.evidence(&at);
        names.redactor().source(evidence.as_bytes()).for_terminal()
    })
}
