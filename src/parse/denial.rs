//! Denials of SELinux and AppArmor, out of the lines of `audit.log`, of `ausearch`, of the kernel log and of the journal.
//!
//! ```text
//! type=AVC msg=audit(EPOCH.MMM:SERIAL): avc:  denied  { PERMISSION … } for  pid=N comm="…" KEY=VALUE …
//! … audit: type=1400 audit(EPOCH.MMM:SERIAL): apparmor="DENIED" operation="…" profile="…" KEY=VALUE …
//! … audit[N]: AVC avc:  denied  { … } for  …
//! ```
//!
//! Blanks may be single (pastes collapse them), values quoted or bare; an enriched record goes on behind a byte 0x1D. Dates of
//! `ausearch -i` have no zone and are not read. Source: `audit_log_avc` and `security/apparmor/audit.c` of Linux, and the record forms of
//! audit-userspace.

use crate::event::{Lsm, Timestamp};
use memchr::memmem;

/// What one line of such a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditLine<'a> {
    Denial(Denial<'a>),
    Switch(Switch<'a>),
    /// Another record, or what `ausearch` writes between records.
    Other {
        time: Option<Timestamp>,
    },
}

impl AuditLine<'_> {
    /// `None`: the line tells no second since the epoch.
    pub fn time(&self) -> Option<Timestamp> {
        match self {
            AuditLine::Denial(denial) => denial.time,
            AuditLine::Switch(switch) => switch.time,
            AuditLine::Other { time } => *time,
        }
    }
}

/// A record of SELinux that its mode or one of its booleans was set (`setenforce`, `setsebool`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch<'a> {
    pub time: Option<Timestamp>,
    /// The name of a boolean; `None`: enforcing itself.
    pub boolean: Option<&'a [u8]>,
    pub is_on: bool,
}

/// Something that was denied, or would have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial<'a> {
    pub lsm: Lsm,
    /// `None`: the line tells no second since the epoch.
    pub time: Option<Timestamp>,
    /// It was forbidden; else only written down (permissive, complain mode).
    pub is_enforced: bool,
    pub pid: Option<u32>,
    /// Of the process; empty if not told.
    pub comm: &'a [u8],
    /// `name_connect`, `write`; of AppArmor the operation, `connect`.
    pub permission: &'a [u8],
    /// The port it was to connect to.
    pub port: Option<u16>,
    /// Path or last name of the socket file; empty if not told.
    pub path: &'a [u8],
    /// Type of the domain of the process, `httpd_t`, or its profile.
    pub domain: &'a [u8],
    /// Type of what it wanted, `http_port_t`; empty of AppArmor.
    pub target: &'a [u8],
    /// `tcp_socket`, `sock_file`, `unix_stream_socket`; of AppArmor the family.
    pub class: &'a [u8],
}

impl Denial<'_> {
    /// Whether it is about reaching somebody by TCP or by a unix socket.
    pub fn is_of_connection(&self) -> bool {
        match self.lsm {
            Lsm::SeLinux => {
                matches!(self.permission, b"name_connect" | b"connectto")
                    || self.class == b"sock_file"
            }
            Lsm::AppArmor => matches!(self.permission, b"connect" | b"create" | b"sendmsg"),
        }
    }
}

/// Whether `line` is of such a log.
pub fn is_audit_line(line: &[u8]) -> bool {
    epoch_at(line).is_some() || find_avc(line).is_some() || find_value(line, b"apparmor").is_some()
}

/// What `line` is; `None` if it is no line of such a log.
pub fn parse_audit_line(line: &[u8]) -> Option<AuditLine<'_>> {
    if !is_audit_line(line) {
        let is_between = line == b"----" || line.starts_with(b"time->");
        return is_between.then_some(AuditLine::Other { time: None });
    }
    // What an enriched record adds says the same again.
    let own = memchr::memchr(0x1d, line).map_or(line, |end| &line[..end]);
    let denial = || {
        selinux(own)
            .or_else(|| apparmor(own))
            .map(AuditLine::Denial)
    };
    let switch = switch(own).map(AuditLine::Switch);
    let other = || AuditLine::Other { time: time(own) };
    Some(switch.or_else(denial).unwrap_or_else(other))
}

/// `type=MAC_STATUS … enforcing=0 old_enforcing=1`, `type=MAC_CONFIG_CHANGE … bool=NAME val=1 old_val=0`; by their numbers in a kernel
/// log (`include/uapi/linux/audit.h`; `selinux/selinuxfs.c: sel_write_enforce`, `selinux/ss/services.c: security_set_bools`).
fn switch(line: &[u8]) -> Option<Switch<'_>> {
    let (boolean, value) = match find_value(line, b"type")? {
        b"MAC_STATUS" | b"1404" => (None, find_value(line, b"enforcing")?),
        b"MAC_CONFIG_CHANGE" | b"1405" => {
            (Some(find_value(line, b"bool")?), find_value(line, b"val")?)
        }
        _ => return None,
    };
    let is_on = match value {
        b"0" => false,
        b"1" => true,
        _ => return None,
    };
    Some(Switch {
        time: time(line),
        boolean,
        is_on,
    })
}

/// Bytes of a line in which its envelope ends.
const ENVELOPE_LEN: usize = 512;

/// Where the seconds begin in `audit(1421274762.358:1081)`.
fn epoch_at(line: &[u8]) -> Option<usize> {
    let window = &line[..line.len().min(ENVELOPE_LEN)];
    memmem::find_iter(window, b"audit(").find_map(|at| {
        let is_start = at == 0 || matches!(window[at - 1], b'=' | b' ');
        let seconds = at + b"audit(".len();
        let is_number = window.get(seconds).is_some_and(u8::is_ascii_digit);
        (is_start && is_number).then_some(seconds)
    })
}

fn time(line: &[u8]) -> Option<Timestamp> {
    let rest = &line[epoch_at(line)?..];
    let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // Seconds, and not the month of a date.
    if !(9..=10).contains(&n_digits) || rest.get(n_digits) != Some(&b'.') {
        return None;
    }
    number(&rest[..n_digits]).and_then(|second| Some(Timestamp(i64::try_from(second).ok()?)))
}

/// What stands behind `avc:` and blanks.
fn find_avc(line: &[u8]) -> Option<&[u8]> {
    let window = &line[..line.len().min(ENVELOPE_LEN)];
    let at = memmem::find(window, b"avc:")?;
    let rest = line[at + b"avc:".len()..].trim_ascii_start();
    let is_verdict = rest.starts_with(b"denied") || rest.starts_with(b"granted");
    is_verdict.then_some(rest)
}

fn selinux(line: &[u8]) -> Option<Denial<'_>> {
    let rest = find_avc(line)?.strip_prefix(b"denied")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"{")?;
    let end = memchr::memchr(b'}', rest)?;
    let mut permissions = rest[..end].split(|&byte| byte == b' ');
    let permission = permissions.find(|word| !word.is_empty())?;
    let keys = &rest[end + 1..];
    let path = find_value(keys, b"path").or_else(|| find_value(keys, b"name"));
    Some(Denial {
        lsm: Lsm::SeLinux,
        time: time(line),
        is_enforced: find_value(keys, b"permissive").is_none_or(|value| !value.starts_with(b"1")),
        pid: find_number(keys, b"pid"),
        comm: find_value(keys, b"comm").unwrap_or_default(),
        permission,
        port: find_number(keys, b"dest"),
        path: path.unwrap_or_default(),
        domain: type_of(find_value(keys, b"scontext").unwrap_or_default()),
        target: type_of(find_value(keys, b"tcontext").unwrap_or_default()),
        class: find_value(keys, b"tclass").unwrap_or_default(),
    })
}

fn apparmor(line: &[u8]) -> Option<Denial<'_>> {
    let is_enforced = match find_value(line, b"apparmor")? {
        b"DENIED" | b"KILLED" => true,
        b"ALLOWED" => false,
        _ => return None,
    };
    Some(Denial {
        lsm: Lsm::AppArmor,
        time: time(line),
        is_enforced,
        pid: find_number(line, b"pid"),
        comm: find_value(line, b"comm").unwrap_or_default(),
        permission: find_value(line, b"operation").unwrap_or_default(),
        port: find_number(line, b"fport"),
        path: find_value(line, b"name").unwrap_or_default(),
        domain: find_value(line, b"profile").unwrap_or_default(),
        target: b"",
        class: find_value(line, b"family").unwrap_or_default(),
    })
}

/// The type in `user:role:type:level`, whose level may hold colons.
fn type_of(context: &[u8]) -> &[u8] {
    context
        .split(|&byte| byte == b':')
        .nth(2)
        .unwrap_or_default()
}

/// The value behind `KEY=`, without its quotes.
fn find_value<'a>(line: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    memmem::find_iter(line, key).find_map(|at| {
        let is_start = at == 0 || line[at - 1].is_ascii_whitespace();
        let rest = line[at + key.len()..]
            .strip_prefix(b"=")
            .filter(|_| is_start)?;
        let (rest, end) = match rest.strip_prefix(b"\"") {
            Some(quoted) => (quoted, memchr::memchr(b'"', quoted)),
            None => (rest, memchr::memchr(b' ', rest)),
        };
        Some(&rest[..end.unwrap_or(rest.len())])
    })
}

fn find_number<N: TryFrom<u64>>(line: &[u8], key: &[u8]) -> Option<N> {
    N::try_from(number(find_value(line, key)?)?).ok()
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(line: &str) -> Denial<'_> {
        match parse_audit_line(line.as_bytes()) {
            Some(AuditLine::Denial(denial)) => denial,
            other => panic!("{other:?}: {line}"),
        }
    }

    /// Lines of public repositories.
    #[test]
    fn switches_of_selinux() {
        let switch = |line: &'static str| match parse_audit_line(line.as_bytes()) {
            Some(AuditLine::Switch(switch)) => Some((switch.time, switch.boolean, switch.is_on)),
            _ => None,
        };
        assert_eq!(
            switch(
                "type=MAC_STATUS msg=audit(1336836093.835:406): enforcing=1 old_enforcing=0 auid=0 ses=2"
            ),
            Some((Some(Timestamp(1_336_836_093)), None, true))
        );
        assert_eq!(
            switch(
                "type=MAC_STATUS msg=audit(03/22/2020 12:30:45.200:2372) : enforcing=0 old_enforcing=1 auid=admin ses=1 enabled=1 old-enabled=1 lsm=selinux res=yes"
            ),
            Some((None, None, false))
        );
        assert_eq!(
            switch(
                "type=MAC_CONFIG_CHANGE msg=audit(1651071645.183:2171): bool=domain_fd_use val=0 old_val=1 auid=0 ses=5"
            ),
            Some((
                Some(Timestamp(1_651_071_645)),
                Some(&b"domain_fd_use"[..]),
                false
            ))
        );
        // A load of the policy is another record, and a user's words are none of the kernel.
        assert_eq!(
            switch("type=MAC_POLICY_LOAD msg=audit(1651071645.183:2171): auid=0 ses=5"),
            None
        );
        assert_eq!(
            switch("type=USER_CMD msg=audit(1651071645.183:2171): cmd=\"setenforce enforcing=0\""),
            None
        );
    }

    /// Lines of public bug reports.
    #[test]
    fn selinux_in_its_forms() {
        let raw = denial(
            "type=AVC msg=audit(1421274762.358:1081): avc:  denied  { name_connect } for  pid=5642 comm=\"nginx\" dest=8081 scontext=unconfined_u:system_r:httpd_t:s0 tcontext=system_u:object_r:transproxy_port_t:s0 tclass=tcp_socket",
        );
        let want = Denial {
            lsm: Lsm::SeLinux,
            time: Some(Timestamp(1_421_274_762)),
            is_enforced: true,
            pid: Some(5642),
            comm: b"nginx",
            permission: b"name_connect",
            port: Some(8081),
            path: b"",
            domain: b"httpd_t",
            target: b"transproxy_port_t",
            class: b"tcp_socket",
        };
        assert_eq!(raw, want);
        // Written down only, and its blanks collapsed.
        let permissive = denial(
            "type=AVC msg=audit(1708646412.564:41020): avc: denied { name_connect } for pid=67146 comm=\"nginx\" dest=8501 scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:unreserved_port_t:s0 tclass=tcp_socket permissive=1",
        );
        assert!(!permissive.is_enforced && permissive.port == Some(8501));
        let socket = denial(
            "type=AVC msg=audit(1377542938.307:248364): avc:  denied  { connectto } for  pid=2597 comm=\"nginx\" path=\"/home/git/gitlab/tmp/sockets/gitlab.socket\" scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:system_r:initrc_t:s0-s0:c0.c1023 tclass=unix_stream_socket permissive=0\u{1d}ARCH=x86_64 pid=1",
        );
        assert!(socket.path.ends_with(b"/gitlab.socket") && socket.target == b"initrc_t");
        assert!(socket.is_of_connection() && socket.pid == Some(2597));
        let journal = denial(
            "2026-07-02T09:02:17+0200 node01 audit[3391]: AVC avc:  denied  { name_connect } for  pid=3391 comm=\"nginx\" dest=8443",
        );
        assert_eq!((journal.time, journal.port), (None, Some(8443)));
        // `ausearch -i`: a date in no zone that is known.
        let interpreted = denial(
            "type=AVC msg=audit(05/23/2026 17:06:14.179:446) : avc: denied { name_bind } for pid=8458 comm=nginx src=8888 scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:unreserved_port_t:s0 tclass=tcp_socket permissive=0",
        );
        assert_eq!((interpreted.time, interpreted.comm), (None, &b"nginx"[..]));
        assert!(!interpreted.is_of_connection());
    }

    #[test]
    fn apparmor_in_its_forms() {
        let denied = denial(
            "[    6.442194] audit: type=1400 audit(1556990472.883:62): apparmor=\"DENIED\" operation=\"connect\" profile=\"snap.bluez.obex\" name=\"/run/dbus/system_bus_socket\" pid=876 comm=\"obexd\" requested_mask=\"wr\" denied_mask=\"wr\" fsuid=0 ouid=0",
        );
        assert!(denied.is_enforced && denied.is_of_connection());
        assert_eq!(denied.path, b"/run/dbus/system_bus_socket");
        let tcp = denial(
            "[1482106.651527] audit: type=1400 audit(1571829452.330:24323): apparmor=\"DENIED\" operation=\"sendmsg\" profile=\"snap.lxd.lxc\" pid=24115 comm=\"lxc\" laddr=10.7.0.69 lport=48796 faddr=10.7.0.231 fport=445 family=\"inet\" sock_type=\"stream\" protocol=6 requested_mask=\"send\" denied_mask=\"send\"",
        );
        assert_eq!((tcp.port, tcp.class), (Some(445), &b"inet"[..]));
        assert!(!denial("Dec 24 13:34:24 t audit[18643]: AVC apparmor=\"ALLOWED\" operation=\"recvmsg\" profile=\"/usr/bin/certspotter\" pid=18643").is_enforced);
    }

    #[test]
    fn what_is_no_denial() {
        let parse = |line: &str| parse_audit_line(line.as_bytes()).is_some();
        for other in [
            "type=SYSCALL msg=audit(1666208151.375:278085): arch=c000003e syscall=42 success=no exit=-13",
            "type=1400 audit(1444369315.090:38): apparmor=\"STATUS\" operation=\"profile_replace\" name=\"docker-nginx\"",
            "----",
            "time->Sat Apr 19 04:44:59 2025",
        ] {
            let line = parse_audit_line(other.as_bytes());
            assert!(matches!(line, Some(AuditLine::Other { .. })), "{other}");
            let has_time = other.contains("audit(");
            assert_eq!(line.and_then(|line| line.time()).is_some(), has_time);
        }
        for none in [
            "",
            "audit(x",
            "2026/11/20 10:00:00 [error] 7#7: x",
            "my-audit(1.2:3)",
        ] {
            assert!(!parse(none), "{none}");
        }
        // Any cut of a line is read without harm.
        let line = "type=AVC msg=audit(1421274762.358:1081): avc:  denied  { name_connect } for  pid=5642 comm=\"nginx\" dest=8081";
        for end in 0..line.len() {
            parse(&line[..end]);
        }
    }
}
