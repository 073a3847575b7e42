//! Names that people write before values: `rt=`, `upstream_addr:`, `upstream connect time=`.
//!
//! nginx's own names are believed; short ones only where the values look right, which is for [`meaning`](super::meaning) to say.
//! Sources: the formats of [`builtin`](super::super::builtin), and the labels that ltsv.org proposes.

use super::super::{field::Field, variable};

/// What stands before a value, compared in lower case with `_` for what is no letter or digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) field: Field,
    pub(super) trust: Trust,
}

/// How much a label says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is the variable's own name.
    Own,
    /// It is usual for this, and for other things too.
    Usual,
}

/// What `text` is usually written before.
pub(super) fn label(text: &[u8]) -> Option<Label> {
    let name = normal(text);
    let known = variable::known(&name);
    if let Some((field, _)) = known.tells {
        let trust = match name.as_str() {
            "host" | "uri" | "request" | "protocol" | "connection" | "status" => Trust::Usual,
            _ => Trust::Own,
        };
        return Some(Label { field, trust });
    }
    let row = USUAL
        .iter()
        .find(|(_, names)| names.contains(&name.as_str()));
    row.map(|&(field, _)| Label {
        field,
        trust: Trust::Usual,
    })
}

/// Lower case, with `_` for runs of what is no letter or digit, and none at the ends.
pub(super) fn normal(text: &[u8]) -> String {
    let mut name = String::new();
    for &byte in text {
        if byte.is_ascii_alphanumeric() {
            name.push(byte.to_ascii_lowercase() as char);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    name.trim_end_matches('_').to_owned()
}

const USUAL: &[(Field, &[&str])] = &[
    (
        Field::Time,
        &[
            "time",
            "timestamp",
            "t",
            "ts",
            "date",
            "datetime",
            "time_ngx",
        ],
    ),
    (
        Field::Client,
        &[
            "client",
            "client_ip",
            "clientip",
            "remote",
            "remote_ip",
            "ip",
            "client_addr",
        ],
    ),
    (Field::Request, &["req", "request_line"]),
    (Field::Method, &["method", "m", "verb"]),
    (Field::Uri, &["url", "path", "ru", "uri_path"]),
    (
        Field::Status,
        &[
            "st",
            "code",
            "status_code",
            "http_status",
            "response_status",
            "response_code",
        ],
    ),
    (
        Field::BytesSent,
        &[
            "size",
            "bytes",
            "body_bytes",
            "length",
            "bytes_out",
            "res_bytes",
            "sent",
            "bbs",
        ],
    ),
    (
        Field::RequestTime,
        &[
            "rt",
            "req_time",
            "reqtime",
            "duration",
            "request_duration",
            "request_t",
        ],
    ),
    (
        Field::Host,
        &["vhost", "h", "domain", "http_host", "server_host"],
    ),
    (Field::Server, &["sn", "server"]),
    (
        Field::UpstreamAddr,
        &[
            "ua",
            "uaddr",
            "upstream",
            "upstream_address",
            "backend",
            "backend_addr",
            "up",
            "to",
            "sent_to",
            "peer",
        ],
    ),
    (
        Field::UpstreamStatus,
        &[
            "us",
            "ust",
            "ustatus",
            "upstream_code",
            "upstream_st",
            "node_status",
            "backend_status",
        ],
    ),
    (
        Field::UpstreamResponseTime,
        &[
            "urt",
            "ut",
            "upstream_time",
            "upstream_rt",
            "upstream_resp_time",
            "upstream_taken_time",
            "apptime",
            "urst",
        ],
    ),
    (
        Field::UpstreamConnectTime,
        &["uct", "upstream_ct", "upstream_conn_time"],
    ),
    (Field::UpstreamHeaderTime, &["uht", "upstream_ht"]),
    (
        Field::UpstreamResponseLength,
        &["ul", "url_len", "upstream_length", "upstream_len"],
    ),
    (Field::UpstreamBytesReceived, &["ubr"]),
    (Field::CacheStatus, &["ucs", "cs", "cache", "cache_status"]),
    (Field::Group, &["pool", "upstream_name"]),
    (Field::Connection, &["conn", "cid"]),
    (
        Field::RequestId,
        &["reqid", "rid", "request_uuid", "trace_id"],
    ),
    (Field::Scheme, &["proto_scheme"]),
];
