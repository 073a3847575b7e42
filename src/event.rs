//! The shared nouns: what a record means once it is understood.
//!
//! Plain values only: no parsing, no I/O, no clock. Every room may name these; this room names none. The words are those
//! of the nginx source and of the tables this program writes.

use std::fmt;

/// Declares a fieldless enum with its stable text, used in every table, and the list of all its values in order.
macro_rules! named_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// Every value, in declaration order: `ALL[x as usize] == x`.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The stable text of this value, as tables and flags spell it.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The value whose [`name`](Self::name) is `name`.
            pub fn from_name(name: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named_enum! {
    /// A security module of the Linux kernel.
    Lsm {
        AppArmor = "apparmor",
        SeLinux = "selinux",
    }
}

named_enum! {
    /// What went wrong, in one of 25 classes. The order is the order of the documentation: failures first.
    Category {
        /// The upstream answered the SYN with a reset: nobody listens there.
        Refused = "refused",
        /// A timer of the gateway, or the kernel's own, ran out; the phase tells which.
        Timeout = "timeout",
        /// The upstream closed the connection in order, but before its answer was whole.
        PrematureClose = "premature-close",
        /// The upstream cut the connection (RST or broken pipe).
        Reset = "reset",
        /// An answer did not fit the buffers: a header too big (failure), a body spilled to disk (warning).
        Buffer = "buffer",
        /// The upstream answered with something that is not the protocol spoken to it.
        InvalidResponse = "invalid-response",
        /// Every peer of a group was marked down or busy, so none was asked.
        NoLiveUpstreams = "no-live-upstreams",
        /// A name could not be turned into an address.
        Dns = "dns",
        /// No route, no network, no host.
        Unreachable = "unreachable",
        /// The kernel forbade it: SELinux, AppArmor, mode or owner, a local firewall.
        Permission = "permission",
        /// The unix socket of the upstream does not exist.
        SocketMissing = "socket-missing",
        /// TLS. Toward the upstream a failure; toward a client (phase `client`) noise of class `client`.
        Tls = "tls",
        /// The gateway ran out of connections, files, ports, memory, disk, or a unix backlog was full.
        ResourceExhausted = "resource-exhausted",
        /// The upstream itself answered 5xx (seen only in access logs).
        Upstream5xx = "upstream-5xx",
        /// Text the application wrote: FastCGI stderr, Lua and njs messages.
        AppStderr = "app-stderr",
        /// A peer was taken out of, or put back into, a group.
        Health = "health",
        /// Start, stop, reload, log reopening.
        Lifecycle = "lifecycle",
        /// A worker process died on a signal.
        WorkerCrash = "worker-crash",
        /// A directive was refused at start or reload.
        Config = "config",
        /// The gateway's own limits on requests or connections.
        RateLimited = "rate-limited",
        /// The client went away.
        ClientAbort = "client-abort",
        /// The client sent something the gateway refused.
        ClientError = "client-error",
        /// A rule, a missing index or a failed login on the gateway.
        AccessDenied = "access-denied",
        /// A served file could not be opened.
        StaticFile = "static-file",
        /// Everything else; its most frequent shapes are always shown.
        Other = "other",
    }
}

named_enum! {
    /// What nginx was doing: its ` while …` words, in the order of a request.
    Phase {
        Connect = "connect",
        Tls = "tls",
        Send = "send",
        Header = "header",
        Body = "body",
        Client = "client",
        Tunnel = "tunnel",
        Resolve = "resolve",
        Accept = "accept",
        /// The record carries no ` while …`.
        None = "none",
    }
}

named_enum! {
    /// How much an event weighs in an account of gateway failures.
    Severity {
        /// A request, or an attempt of one, was hurt by an upstream or by the gateway itself.
        Failure = "failure",
        /// A sign of trouble; the request went on.
        Warning = "warning",
        /// A change of state: reloads, crashes, peers marked down.
        State = "state",
        /// The client's doing, or a rule about clients.
        Client = "client",
        Other = "other",
    }
}

named_enum! {
    /// How far the text of a record can be trusted to be nginx's own.
    Trust {
        Confirmed = "confirmed",
        /// nginx, or whoever cut the line, left part of the record out; missing fields are unknown, not absent.
        Cut = "cut",
        /// Found behind another record's head in one line: a torn write, or a client's imitation of one.
        Torn = "torn",
        /// Text a client smuggled into the log.
        Injected = "injected",
    }
}

named_enum! {
    /// Which kind of log a count rests on.
    Basis {
        ErrorLog = "error-log",
        AccessLog = "access-log",
        HaproxyLog = "haproxy-log",
    }
}

named_enum! {
    /// A change in the life of the gateway or of a peer, for the time line of an incident.
    Moment {
        /// A master process started.
        Start = "start",
        /// The master was told to read its configuration again.
        Reload = "reload",
        /// It was told so and refused the configuration; never a record's own, but what several tell together.
        ReloadFailed = "reload-failed",
        /// New workers were started: the configuration took effect.
        Workers = "workers",
        /// nginx refused to start or to reload, or a test of the configuration failed: level `emerg`.
        Emergency = "emergency",
        /// The master was told to end.
        Stop = "stop",
        /// A worker process died on a signal.
        WorkerCrash = "worker-crash",
        /// No space left on a device.
        DiskFull = "disk-full",
        /// A peer was taken out of its group for `fail_timeout`.
        Disabled = "disabled",
        /// A check module found a peer down.
        Down = "down",
        /// A check module found a peer up.
        Up = "up",
        /// No peer of a group could be chosen.
        NoLive = "no-live",
        /// SELinux was set to permissive: what it denies is allowed.
        Permissive = "selinux-permissive",
        /// SELinux was set to enforcing.
        Enforcing = "selinux-enforcing",
        /// A boolean of SELinux was set.
        BooleanSet = "selinux-boolean",
    }
}

named_enum! {
    /// Level of an error-log record (`ngx_log.c: err_levels`), most severe first.
    Level {
        Emerg = "emerg",
        Alert = "alert",
        Crit = "crit",
        Error = "error",
        Warn = "warn",
        Notice = "notice",
        Info = "info",
        Debug = "debug",
    }
}

impl Category {
    /// The class of the category, before the phase or the message refine it (see `classify::rule`).
    pub const fn severity(self) -> Severity {
        match self {
            Category::Refused
            | Category::Timeout
            | Category::PrematureClose
            | Category::Reset
            | Category::Buffer
            | Category::InvalidResponse
            | Category::NoLiveUpstreams
            | Category::Dns
            | Category::Unreachable
            | Category::Permission
            | Category::SocketMissing
            | Category::Tls
            | Category::ResourceExhausted
            | Category::Upstream5xx => Severity::Failure,
            Category::AppStderr => Severity::Warning,
            Category::Health | Category::Lifecycle | Category::WorkerCrash | Category::Config => {
                Severity::State
            }
            Category::RateLimited
            | Category::ClientAbort
            | Category::ClientError
            | Category::AccessDenied
            | Category::StaticFile => Severity::Client,
            Category::Other => Severity::Other,
        }
    }
}

impl Moment {
    /// It is about a peer or a group, not about the gateway.
    pub const fn is_of_upstream(self) -> bool {
        matches!(
            self,
            Moment::Disabled | Moment::Down | Moment::Up | Moment::NoLive
        )
    }
}

/// What names the machine that a line was written on: the line, its envelope or the path of its source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine<'a> {
    pub host: Option<&'a [u8]>,
    pub pod: Option<&'a [u8]>,
    pub container: Option<&'a [u8]>,
}

impl<'a> Machine<'a> {
    /// What tells it from others: its host, pod or container.
    pub fn name(&self) -> Option<&'a [u8]> {
        self.names().next()
    }

    /// All that it is called, the widest first.
    pub fn names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        [self.host, self.pod, self.container].into_iter().flatten()
    }

    /// The same, with what `outer` says of what is not known here.
    pub fn or(self, outer: Machine<'a>) -> Machine<'a> {
        Machine {
            host: self.host.or(outer.host),
            pod: self.pod.or(outer.pod),
            container: self.container.or(outer.container),
        }
    }
}

/// A civil time without zone, as error logs print it: seconds from 1970-01-01 00:00:00 on the writer's own clock face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(pub i64);

/// An instant: seconds from 1970-01-01 00:00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// How the clock of one machine runs, so that its local times can be told as instants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Seconds east of UTC before the first step.
    pub first_s: i32,
    /// From which time by itself on it is so many seconds east of UTC; ascending.
    pub steps: Vec<(LocalTime, i32)>,
}

impl Clock {
    /// The instant at which it first showed `local`.
    pub fn instant(&self, local: LocalTime) -> Timestamp {
        let mut steps = self.steps.iter().rev();
        let step = steps.find(|(by_itself, _)| *by_itself <= local);
        let offset_s = step.map_or(self.first_s, |&(_, after_s)| after_s);
        Timestamp(local.0 - i64::from(offset_s))
    }
}

/// Index of a row of `classify::taxonomy::ROWS`; the row's `id` is the signature people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub u16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_follow_declaration_order() {
        assert_eq!(Category::ALL.len(), 25);
        for (index, category) in Category::ALL.iter().enumerate() {
            assert_eq!(*category as usize, index);
            assert_eq!(Category::from_name(category.name()), Some(*category));
        }
        assert_eq!(Phase::ALL.len(), 10);
        assert_eq!(Level::from_name("crit"), Some(Level::Crit));
        assert_eq!(Level::from_name("fatal"), None);
    }
}
