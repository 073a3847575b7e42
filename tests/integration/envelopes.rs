//! Writers of envelopes: a bare log as other programs wrap it.

use crate::generate::{self, Rng};
use coroner::parse::{head::is_head, record::is_access_line};
use std::fmt::Write;

/// The physical lines of a log, without newlines.
pub(crate) fn lines(log: &[u8]) -> Vec<&[u8]> {
    let log = log.strip_suffix(b"\n").unwrap_or(log);
    log.split(|&b| b == b'\n').collect()
}

/// A log as a runtime that writes JSON passes it on: valid UTF-8, with LF ends and no BOM; and without U+FFFD, behind which a record
/// may be longer than nginx wrote it.
pub(crate) fn text_log(seed: u64, n_records: usize) -> Vec<u8> {
    let log = generate::log(&mut Rng::new(seed), n_records);
    let text = String::from_utf8_lossy(&log)
        .replace("\r\n", "\n")
        .replace('\u{fffd}', "é");
    let mut text = text.trim_matches(['\n', '\0']).to_owned();
    text.push('\n');
    text.into_bytes()
}

/// Puts `before` in front of every line.
pub(crate) fn prefixed(log: &[u8], before: impl Fn(usize) -> String) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, line) in lines(log).into_iter().enumerate() {
        out.extend_from_slice(before(n).as_bytes());
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out
}

/// Digits behind the second that differ from line to line, as runtimes trim them.
pub(crate) fn nanos(n: usize) -> String {
    let digits = format!("{:09}", (n * 7_654_321) % 1_000_000_000);
    digits.trim_end_matches('0').to_owned() + "1"
}

pub(crate) fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a string");
    quoted
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// Docker's `json-file`, with texts split behind `len_max` bytes.
pub(crate) fn docker(log: &[u8], len_max: usize) -> Vec<u8> {
    let mut out = String::new();
    for (n, line) in lines(log).into_iter().enumerate() {
        let text = String::from_utf8_lossy(line).into_owned() + "\n";
        let mut rest = &text[..];
        while !rest.is_empty() {
            let end = (1..=rest.len())
                .take_while(|end| *end <= len_max.max(4))
                .filter(|end| rest.is_char_boundary(*end))
                .last();
            let (piece, behind) = rest.split_at(end.expect("a character"));
            let (log, nanos) = (json(piece), nanos(n));
            writeln!(
                out,
                "{{\"log\":{log},\"stream\":\"stderr\",\"time\":\"2026-11-20T11:24:48.{nanos}Z\"}}"
            )
            .expect("memory");
            rest = behind;
        }
    }
    out.into_bytes()
}

/// containerd, with texts split behind `len_max` bytes, and an access line of the other stream behind every part.
pub(crate) fn cri(log: &[u8], len_max: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, line) in lines(log).into_iter().enumerate() {
        let time = format!("2026-11-20T11:24:48.{}Z", nanos(n));
        let n_parts = line.len().div_ceil(len_max).max(1);
        for part in 0..n_parts {
            let text = &line[part * len_max..line.len().min((part + 1) * len_max)];
            let tag = if part + 1 < n_parts { "P" } else { "F" };
            out.extend_from_slice(format!("{time} stderr {tag} ").as_bytes());
            out.extend_from_slice(text);
            out.push(b'\n');
            // A record that waits for more than sixteen other texts is given up.
            if (part * len_max) % 300 < len_max && n % 3 < 2 {
                out.extend_from_slice(format!(
                    "{time} stdout F 192.0.2.1 - - [20/Nov/2026:11:24:48 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl\"\n"
                ).as_bytes());
            }
        }
    }
    out
}

/// As rsyslog writes control characters.
pub(crate) fn rsyslog_escaped(log: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in log {
        if byte != b'\n' && (byte < 0x20 || byte == 0x7f) {
            out.extend_from_slice(format!("#{byte:03o}").as_bytes());
        } else {
            out.push(byte);
        }
    }
    out
}

pub(crate) fn journal_json(log: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for (n, line) in lines(log).into_iter().enumerate() {
        let message = json(&String::from_utf8_lossy(line));
        writeln!(
            out,
            "{{\"_PID\":\"7\",\"__REALTIME_TIMESTAMP\":\"{}\",\"MESSAGE\":{message},\"_HOSTNAME\":\"web1\"}}",
            1_795_173_888_000_000u64 + n as u64
        )
        .expect("memory");
    }
    out.into_bytes()
}

/// Docker's journald driver, with texts split behind `len_max` bytes.
pub(crate) fn journal_parts(log: &[u8], container: &str, len_max: usize) -> Vec<u8> {
    let mut out = String::new();
    for line in lines(log) {
        let text: Vec<char> = String::from_utf8_lossy(line).chars().collect();
        let n_parts = text.len().div_ceil(len_max).max(1);
        for part in 0..n_parts {
            let end = text.len().min((part + 1) * len_max);
            let message = json(&text[part * len_max..end].iter().collect::<String>());
            let partial = match part + 1 < n_parts {
                true => "\"CONTAINER_PARTIAL_MESSAGE\":\"true\",",
                false => "",
            };
            writeln!(
                out,
                "{{\"MESSAGE\":{message},{partial}\"CONTAINER_NAME\":\"{container}\",\"_HOSTNAME\":\"web1\",\
                 \"__REALTIME_TIMESTAMP\":\"1795173888123456\"}}"
            )
            .expect("memory");
        }
    }
    out.into_bytes()
}

/// `journalctl -o export`, where texts with control characters have a length.
pub(crate) fn journal_export(log: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, line) in lines(log).into_iter().enumerate() {
        let time = 1_795_173_888_000_000u64 + n as u64;
        out.extend_from_slice(
            format!("__CURSOR=s=1;i={n}\n__REALTIME_TIMESTAMP={time}\n_HOSTNAME=web1\n").as_bytes(),
        );
        if line.iter().any(|b| *b < b' ' || *b > b'~') {
            out.extend_from_slice(b"MESSAGE\n");
            out.extend_from_slice(&(line.len() as u64).to_le_bytes());
        } else {
            out.extend_from_slice(b"MESSAGE=");
        }
        out.extend_from_slice(line);
        out.extend_from_slice(b"\nPRIORITY=6\n\n");
    }
    out
}

pub(crate) const SHORT: &str = "Nov 20 11:24:48 web1 nginx[7]: ";

/// A name for a wrapper, the chain it must be told as, and how it is written.
pub(crate) type Wrapping = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Wrappers that keep one physical line a line.
pub(crate) const LINE_BY_LINE: [Wrapping; 15] = [
    ("docker-json", |log| docker(log, usize::MAX)),
    ("kubectl-prefix > timestamp", |log| {
        prefixed(log, |n| {
            format!("[pod/web-1/nginx] 2026-11-20T11:24:48.{}Z ", nanos(n))
        })
    }),
    ("compose-prefix", |log| {
        prefixed(log, |_| "nginx-1  | ".to_owned())
    }),
    ("syslog-rfc3164", |log| {
        prefixed(&rsyslog_escaped(log), |_| {
            "Nov 20 11:24:48 web1 nginx: ".to_owned()
        })
    }),
    ("syslog-rfc3164", |log| {
        prefixed(&rsyslog_escaped(log), |_| {
            "<187>Nov 20 11:24:48 web1 nginx: ".to_owned()
        })
    }),
    ("syslog-rfc5424", |log| {
        prefixed(&rsyslog_escaped(log), |_| {
            "<187>1 2026-11-20T11:24:48+00:00 web1 nginx - - - ".to_owned()
        })
    }),
    ("syslog-iso", |log| {
        prefixed(&rsyslog_escaped(log), |_| {
            "2026-11-20T11:24:48+00:00 web1 nginx: ".to_owned()
        })
    }),
    ("journald-short-iso", |log| {
        prefixed(log, |_| {
            "2026-11-20T11:24:48+0000 web1 nginx[7]: ".to_owned()
        })
    }),
    ("journald-short-full", |log| {
        prefixed(log, |_| {
            "Fri 2026-11-20 11:24:48 UTC web1 nginx[7]: ".to_owned()
        })
    }),
    ("journald-json", journal_json),
    ("svlogd", |log| {
        prefixed(log, |n| format!("2026-11-20_11:24:48.{:05} ", n % 100_000))
    }),
    ("ansi > compose-prefix", |log| {
        prefixed(log, |_| "\x1b[36mnginx-1  |\x1b[0m ".to_owned())
    }),
    ("compose-prefix > timestamp", |log| {
        prefixed(log, |n| {
            format!("nginx-1  | 2026-11-20T11:24:48.{}Z ", nanos(n))
        })
    }),
    ("journald-short-iso > syslog-rfc3164", |log| {
        prefixed(log, |_| {
            "2026-11-20T11:24:48+0000 node1 nginx[7]: Nov 20 11:24:48 web1 nginx: ".to_owned()
        })
    }),
    ("cri > journald-short-iso", |log| {
        prefixed(log, |n| {
            format!(
                "2026-11-20T11:24:48.{}Z stderr F 2026-11-20T11:24:48+0000 web1 nginx[7]: ",
                nanos(n)
            )
        })
    }),
];

/// As syslog-ng writes messages: their newlines are kept, and what stands behind them has no envelope. Of lines that begin no
/// message.
pub(crate) fn messages(log: &[u8], envelope: impl Fn(usize) -> String) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, line) in lines(log).into_iter().enumerate() {
        if is_head(line) || is_access_line(line) {
            out.extend_from_slice(envelope(n).as_bytes());
        }
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out
}

/// Two logs whose lines come in turn, each behind the name of its pod.
pub(crate) fn two_pods(a: &[u8], b: &[u8]) -> Vec<u8> {
    let behind = |log, pod| {
        prefixed(log, |n| {
            format!("[pod/{pod}/nginx] 2026-11-20T11:24:48.{}Z ", nanos(n))
        })
    };
    in_turn(&behind(a, "web-1"), &behind(b, "web-2"))
}

/// The lines of two logs in turn.
pub(crate) fn in_turn(a: &[u8], b: &[u8]) -> Vec<u8> {
    let (a, b) = (lines(a), lines(b));
    let mut out = Vec::new();
    for n in 0..a.len().max(b.len()) {
        for line in [&a, &b].into_iter().filter_map(|lines| lines.get(n)) {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
    }
    out
}
