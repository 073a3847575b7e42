//! Which records are moments in the life of the gateway or of its peers: reloads, crashes, peers taken out.
//!
//! The words are those of nginx `os/unix/ngx_process_cycle.c` (`reconfiguring`, `start worker processes`), `os/unix/ngx_process.c`
//! (`signal N (SIGX) received`, `exited on signal`), `os/unix/ngx_posix_init.c: ngx_os_status` (the version, at start only) and
//! `http/ngx_http_upstream_round_robin.c: ngx_http_upstream_free_round_robin_peer` (`temporarily disabled`). nginx uses level `emerg`
//! for what keeps it from starting or reloading, and for nothing else.

use super::{classifier::Classified, errno, taxonomy::ROWS};
use crate::event::{Category, Level, Moment};

/// `No space left on device`, as Linux numbers it.
const NO_SPACE: u32 = 28;

/// The moment that a record of `level` marks, if it marks one.
#[inline(always)] // asked once per record, and nearly always answered here
pub fn moment(known: &Classified<'_>, level: Option<Level>) -> Option<Moment> {
    const TELLING: u32 = 1 << Category::Config as u32
        | 1 << Category::Health as u32
        | 1 << Category::Lifecycle as u32
        | 1 << Category::NoLiveUpstreams as u32
        | 1 << Category::ResourceExhausted as u32
        | 1 << Category::WorkerCrash as u32;
    let is_telling = TELLING >> known.category as u32 & 1 != 0 || level == Some(Level::Emerg);
    if is_telling { of(*known, level) } else { None }
}

#[inline(never)]
fn of(known: Classified<'_>, level: Option<Level>) -> Option<Moment> {
    match known.category {
        Category::ResourceExhausted if errno::to_linux(known.errno) == NO_SPACE => {
            Some(Moment::DiskFull)
        }
        _ if level == Some(Level::Emerg) => Some(Moment::Emergency),
        Category::NoLiveUpstreams => Some(Moment::NoLive),
        Category::WorkerCrash => Some(Moment::WorkerCrash),
        _ => match ROWS[usize::from(known.signature.0)].id {
            "core-version" => Some(Moment::Start),
            "core-reconfiguring" => Some(Moment::Reload),
            "core-start-worker-processes" => Some(Moment::Workers),
            "core-signal-received-from" | "core-signal-received" if ends(known.message) => {
                Some(Moment::Stop)
            }
            "http-upstream-server-temporarily-disabled"
            | "stream-upstream-server-temporarily-disabled" => Some(Moment::Disabled),
            "tengine-check-disable-peer" => Some(Moment::Down),
            "tengine-check-enable-peer" => Some(Moment::Up),
            _ => None,
        },
    }
}

/// Whether what a signal asks for is an end.
fn ends(message: &[u8]) -> bool {
    message.ends_with(b", exiting") || message.ends_with(b", shutting down")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{classify::Classifier, parse::HeadParser};

    fn check(record: &str, expected: Option<Moment>) {
        let classifier = Classifier::default();
        let record = format!("2026/11/20 14:00:00 {record}");
        let head = HeadParser::default()
            .parse(record.as_bytes())
            .expect("a head");
        let text = &record.as_bytes()[head.len..];
        let known = classifier.classify(&mut classifier.searcher(), &head, text);
        assert_eq!(moment(&known, head.level), expected, "{record}");
    }

    #[test]
    fn what_nginx_writes_of_its_own_life() {
        check("[notice] 1#1: nginx/1.24.0", Some(Moment::Start));
        check("[notice] 1#1: built by gcc 12.2.0 (Debian 12.2.0-14)", None);
        check(
            "[notice] 1#1: signal 1 (SIGHUP) received from 655, reconfiguring",
            None,
        );
        check("[notice] 1#1: reconfiguring", Some(Moment::Reload));
        check(
            "[notice] 1#1: start worker processes",
            Some(Moment::Workers),
        );
        check("[notice] 1#1: start worker process 4101", None);
        check(
            "[emerg] 1#1: unknown directive \"health_check\" in /etc/nginx/nginx.conf:12",
            Some(Moment::Emergency),
        );
        check(
            "[emerg] 1#1: host not found in upstream \"api\" in /etc/nginx/conf.d/x.conf:12",
            Some(Moment::Emergency),
        );
        check(
            "[notice] 1#1: signal 15 (SIGTERM) received from 1, exiting",
            Some(Moment::Stop),
        );
        check(
            "[notice] 1#1: signal 3 (SIGQUIT) received from 1, shutting down",
            Some(Moment::Stop),
        );
        check("[notice] 1#1: signal 17 (SIGCHLD) received from 655", None);
        check(
            "[notice] 1#1: signal 10 (SIGUSR1) received from 655, reopening logs",
            None,
        );
        check("[notice] 1#1: worker process 655 exited with code 0", None);
        check(
            "[alert] 1#1: worker process 655 exited on signal 9",
            Some(Moment::WorkerCrash),
        );
        check(
            "[alert] 1#1: worker process 655 exited on signal 11 (core dumped)",
            Some(Moment::WorkerCrash),
        );
    }

    #[test]
    fn what_it_writes_of_peers_and_disks() {
        let tail = "client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"a\"";
        check(
            &format!(
                "[warn] 1#1: *1 upstream server temporarily disabled while connecting to upstream, {tail}"
            ),
            Some(Moment::Disabled),
        );
        check(
            &format!("[error] 1#1: *1 no live upstreams while connecting to upstream, {tail}"),
            Some(Moment::NoLive),
        );
        check(
            "[error] 1#1: disable check peer: 10.0.0.1:80 ",
            Some(Moment::Down),
        );
        check(
            "[error] 1#1: enable check peer: 10.0.0.1:80 ",
            Some(Moment::Up),
        );
        check("[error] 1#1: check time out with peer: 10.0.0.1:80 ", None);
        check(
            &format!(
                "[crit] 1#1: *1 pwrite() \"/var/lib/nginx/proxy/1\" failed (28: No space left on device) while reading upstream, {tail}"
            ),
            Some(Moment::DiskFull),
        );
        check(
            &format!(
                "[crit] 1#1: *1 open() \"/var/lib/nginx/proxy/1\" failed (24: Too many open files) while reading upstream, {tail}"
            ),
            None,
        );
        check(
            &format!(
                "[error] 1#1: *1 connect() failed (111: Connection refused) while connecting to upstream, {tail}"
            ),
            None,
        );
    }
}
