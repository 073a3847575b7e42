//! The parts of a report between its head and its end.

use super::Report;
use crate::words::bucket_word;

/// A part of a report; the order of [`Section::ALL`] is that of every form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Causes,
    Findings,
    Checklist,
    Incidents,
    Failures,
    HeatMap,
    Upstreams,
    Health,
    Fingerprints,
    Worst,
    Traffic,
    Routes,
    Slowest,
    Clients,
    Others,
    Messages,
    Unknown,
    Sources,
    Notes,
}

impl Section {
    pub const ALL: [Section; 19] = [
        Section::Causes,
        Section::Findings,
        Section::Checklist,
        Section::Incidents,
        Section::Failures,
        Section::HeatMap,
        Section::Upstreams,
        Section::Health,
        Section::Fingerprints,
        Section::Worst,
        Section::Traffic,
        Section::Routes,
        Section::Slowest,
        Section::Clients,
        Section::Others,
        Section::Messages,
        Section::Unknown,
        Section::Sources,
        Section::Notes,
    ];

    /// Its field in the JSON form, and its anchor in the page.
    pub const fn name(self) -> &'static str {
        match self {
            Section::Causes => "causes",
            Section::Findings => "findings",
            Section::Checklist => "checklist",
            Section::Incidents => "incidents",
            Section::Failures => "failures",
            Section::HeatMap => "heat_map",
            Section::Upstreams => "upstreams",
            Section::Health => "health",
            Section::Fingerprints => "fingerprints",
            Section::Worst => "worst",
            Section::Traffic => "traffic",
            Section::Routes => "routes",
            Section::Slowest => "slowest",
            Section::Clients => "clients",
            Section::Others => "others",
            Section::Messages => "messages",
            Section::Unknown => "unknown",
            Section::Sources => "sources",
            Section::Notes => "notes",
        }
    }
}

impl Report {
    /// The heading of `section`.
    pub fn title(&self, section: Section) -> String {
        match section {
            Section::Causes => "Why requests failed".to_owned(),
            Section::Findings => "What happened, and what to do".to_owned(),
            Section::Checklist => "Checklist".to_owned(),
            Section::Incidents => "Incidents".to_owned(),
            Section::Failures => "Failures by category".to_owned(),
            Section::HeatMap => "Failures by upstream and time".to_owned(),
            Section::Upstreams => "Failures by upstream".to_owned(),
            Section::Health => "Peers out of their groups".to_owned(),
            Section::Fingerprints => "Durations that pile up".to_owned(),
            Section::Worst => format!("Worst {}", bucket_word(self.bucket)),
            Section::Traffic => "Requests by upstream".to_owned(),
            Section::Routes => "Routes with most failed requests (5xx, 499)".to_owned(),
            Section::Slowest => "Slowest routes".to_owned(),
            Section::Clients => "Clients with most failed requests (5xx, 499)".to_owned(),
            Section::Others => "Other events (no gateway failures)".to_owned(),
            Section::Messages => "Most frequent messages".to_owned(),
            Section::Unknown => "Messages counted as `other`, by shape".to_owned(),
            Section::Sources => "Not read, or not whole".to_owned(),
            Section::Notes => "Notes".to_owned(),
        }
    }

    /// Whether there is something to say under `section`.
    pub fn has(&self, section: Section) -> bool {
        match section {
            Section::Causes => self.causes.is_some(),
            Section::Findings => !self.findings.is_empty(),
            Section::Checklist => !self.checklist.is_empty(),
            Section::Incidents => !self.incidents.is_empty(),
            Section::Failures => !self.failures.is_empty(),
            Section::HeatMap => !self.heat_map.is_empty(),
            Section::Upstreams => !self.upstreams.is_empty(),
            Section::Health => !self.health.is_empty(),
            Section::Fingerprints => !self.fingerprints.is_empty(),
            Section::Worst => !self.worst.is_empty(),
            Section::Traffic => !self.traffic.is_empty(),
            Section::Routes => !self.routes.is_empty(),
            Section::Slowest => !self.slowest.is_empty(),
            Section::Clients => !self.clients.is_empty(),
            Section::Others => !self.others.is_empty(),
            Section::Messages => !self.messages.is_empty(),
            Section::Unknown => !self.unknown.is_empty(),
            Section::Sources => self.troubled().next().is_some(),
            Section::Notes => !self.notes.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_once_in_order() {
        for (index, section) in Section::ALL.into_iter().enumerate() {
            assert_eq!(section as usize, index, "{section:?}");
        }
    }
}
