//! Which events a question is about. The ledger counts all of them; tables and reports hold those kept.

use crate::{event::Category, glob::Globs, scan::Event};

/// What `--upstream`, `--server`, `--host` and `--category` ask for; by default everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub upstreams: Globs,
    pub servers: Globs,
    /// Hosts, pods or containers.
    pub hosts: Globs,
    /// Empty: all.
    pub categories: Vec<Category>,
}

impl Filter {
    /// Whether to keep an event; `machine` is where its source lies, if its line does not say.
    #[inline]
    pub fn keeps(&self, event: &Event<'_>, machine: Option<&[u8]>) -> bool {
        // A copy, so that the event itself, which is large, can stay in registers where no filter is set.
        self.is_open() || self.matches(*event, machine)
    }

    /// Keeps everything.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.upstreams.is_empty()
            && self.servers.is_empty()
            && self.hosts.is_empty()
            && self.categories.is_empty()
    }

    #[cold]
    fn matches(&self, event: Event<'_>, machine: Option<&[u8]>) -> bool {
        let known = &event.known;
        (self.categories.is_empty() || self.categories.contains(&known.category))
            && self.upstreams.matches(known.upstream.unwrap_or_default())
            && self.servers.matches(known.tail.server.unwrap_or_default())
            && self
                .hosts
                .matches(event.machine.or(machine).unwrap_or_default())
    }
}
