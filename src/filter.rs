//! Which events a question is about. The ledger counts all of them; tables and reports hold those kept.

use crate::{
    event::{Category, Machine},
    glob::Globs,
    parse::access::{Field, attempts},
    scan::{Event, Request},
};

/// What `--upstream`, `--server`, `--host` and `--category` ask for; by default everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub upstreams: Globs,
    pub servers: Globs,
    /// Names of hosts, pods and containers.
    pub hosts: Globs,
    /// Empty: all.
    pub categories: Vec<Category>,
}

impl Filter {
    /// Whether to keep an event; `path` is what that of its source names, for what its line does not.
    #[inline(always)]
    pub fn keeps(&self, event: &Event<'_>, path: Machine<'_>) -> bool {
        // Only what is asked for, so that the rest of the event need not be made where no filter is set.
        let known = &event.known;
        self.is_open()
            || (self.matches(known.category, known.upstream, known.tail.server)
                && self.is_on_host(event.machine.or(path)))
    }

    /// Whether to keep a request of this category; of its upstreams one must be asked for.
    pub fn keeps_request(
        &self,
        request: &Request<'_>,
        category: Option<Category>,
        path: Machine<'_>,
    ) -> bool {
        let is_asked_for = || {
            self.upstreams.is_empty()
                || attempts(request.line).any(|attempt| self.keeps_upstream(attempt.addr))
        };
        self.is_open()
            || (self.keeps_line(request, path) && is_asked_for() && self.keeps_verdict(category))
    }

    pub fn keeps_upstream(&self, upstream: Option<&[u8]>) -> bool {
        self.upstreams.matches(upstream.unwrap_or_default())
    }

    /// As [`Filter::keeps_category`], of what may have none.
    pub fn keeps_verdict(&self, category: Option<Category>) -> bool {
        match category {
            Some(category) => self.keeps_category(category),
            None => self.categories.is_empty(),
        }
    }

    pub fn keeps_category(&self, category: Category) -> bool {
        self.categories.is_empty() || self.categories.contains(&category)
    }

    /// Whether a request is of a server and a host that are asked for.
    pub fn keeps_line(&self, request: &Request<'_>, path: Machine<'_>) -> bool {
        let told = |field| request.line.value(field);
        let server = told(Field::Server)
            .or(told(Field::Host))
            .unwrap_or_default();
        let own = Machine {
            host: told(Field::Machine),
            ..Machine::default()
        };
        self.servers.matches(server) && self.is_on_host(request.machine.or(own).or(path))
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
    fn matches(&self, category: Category, upstream: Option<&[u8]>, server: Option<&[u8]>) -> bool {
        self.keeps_category(category)
            && self.keeps_upstream(upstream)
            && self.servers.matches(server.unwrap_or_default())
    }

    /// Whether what is of this machine is asked for, by any of its names.
    #[cold]
    pub fn is_on_host(&self, machine: Machine<'_>) -> bool {
        let is_nameless = machine.name().is_none();
        machine.names().any(|name| self.hosts.matches(name))
            || (is_nameless && self.hosts.matches(b""))
    }
}
