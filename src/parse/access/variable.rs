//! The variables of nginx that matter to reading a line: what they tell, and what their values look like.
//!
//! Source: `ngx_http_core_variables`, `ngx_http_log_vars`, `ngx_http_upstream_vars` and their like of the stream modules; the
//! variables that ingress-nginx and GitLab set.

use super::{class::Class, field::Field};

/// What is known of a variable by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// What it tells, and how well: of several that tell the same, the smallest rank is taken.
    pub(super) tells: Option<(Field, usize)>,
    pub(super) class: Class,
    /// Set by a configuration (`map`, `set`): what its values look like is anyone's guess.
    pub(super) is_custom: bool,
}

/// How the names begin that inference gives to what it cannot name but by its form.
pub(super) const UNKNOWN_NUMBERS: &str = "unknown_numbers_";
pub(super) const UNKNOWN_ADDRESSES: &str = "unknown_addresses_";
pub(super) const UNKNOWN_WORD: &str = "unknown_word_";

/// What is known of the variable `name`, without its `$`.
pub(super) fn known(name: &str) -> Known {
    let row = TOLD.iter().position(|(known, ..)| *known == name);
    if let Some((rank, &(_, field, class))) = row.map(|rank| (rank, &TOLD[rank])) {
        let tells = Some((field, rank));
        return Known {
            tells,
            class,
            is_custom: false,
        };
    }
    if name.ends_with("request_uri") {
        // `$filtered_request_uri`, `$temp_request_uri_2` and other copies without secrets.
        return Known {
            tells: Some((Field::Uri, TOLD.len())),
            class: Class::Text,
            is_custom: false,
        };
    }
    let of = |names: &[&str]| names.contains(&name);
    let class = match name {
        _ if name.starts_with(UNKNOWN_NUMBERS) => Class::Numbers,
        _ if name.starts_with(UNKNOWN_WORD) => Class::Word,
        _ if name.starts_with(UNKNOWN_ADDRESSES) => Class::Addresses,
        "gzip_ratio" => Class::Ratio,
        _ if of(NUMBERS) || name.starts_with("tcpinfo_") => Class::Number,
        _ if of(WORDS) => Class::Word,
        _ if name == "upstream_bytes_sent" || name == "upstream_queue_time" => Class::Numbers,
        _ => Class::Text,
    };
    Known {
        tells: None,
        class,
        is_custom: class == Class::Text
            && !of(TEXTS)
            && !FROM_OUTSIDE.iter().any(|prefix| name.starts_with(prefix)),
    }
}

/// The variables that tell something, and what; of those that tell the same, the best first.
pub(super) fn telling() -> impl Iterator<Item = (&'static str, Field)> {
    TOLD.iter().map(|(name, field, _)| (*name, *field))
}

/// Variables that tell a [`Field`]; of those that tell the same, the best first.
const TOLD: &[(&str, Field, Class)] = {
    use Class::*;
    &[
        ("msec", Field::Time, EpochTime),
        ("time_iso8601", Field::Time, IsoTime),
        ("time_local", Field::Time, LocalTime),
        ("remote_addr", Field::Client, Word),
        ("realip_remote_addr", Field::Client, Word),
        ("the_real_ip", Field::Client, Word),
        ("proxy_protocol_addr", Field::Client, Word),
        ("http_x_real_ip", Field::Client, Text),
        ("http_cf_connecting_ip", Field::Client, Text),
        ("http_true_client_ip", Field::Client, Text),
        ("http_client_ip", Field::Client, Text),
        ("request", Field::Request, Text),
        ("request_method", Field::Method, Word),
        ("request_uri", Field::Uri, Text),
        ("uri", Field::Uri, Text),
        ("document_uri", Field::Uri, Text),
        ("status", Field::Status, Status),
        ("bytes_sent", Field::BytesSent, Number),
        ("body_bytes_sent", Field::BytesSent, Number),
        ("request_time", Field::RequestTime, Number),
        ("session_time", Field::RequestTime, Number),
        ("host", Field::Host, Word),
        ("http_host", Field::Host, Text),
        ("server_name", Field::Server, Word),
        ("upstream_addr", Field::UpstreamAddr, Addresses),
        ("upstream_status", Field::UpstreamStatus, Numbers),
        (
            "upstream_response_time",
            Field::UpstreamResponseTime,
            Numbers,
        ),
        (
            "upstream_session_time",
            Field::UpstreamResponseTime,
            Numbers,
        ),
        ("upstream_connect_time", Field::UpstreamConnectTime, Numbers),
        ("upstream_header_time", Field::UpstreamHeaderTime, Numbers),
        (
            "upstream_first_byte_time",
            Field::UpstreamHeaderTime,
            Numbers,
        ),
        (
            "upstream_response_length",
            Field::UpstreamResponseLength,
            Numbers,
        ),
        (
            "upstream_bytes_received",
            Field::UpstreamBytesReceived,
            Numbers,
        ),
        ("upstream_cache_status", Field::CacheStatus, Word),
        ("proxy_upstream_name", Field::Group, Word),
        ("proxy_host", Field::Group, Word),
        ("connection", Field::Connection, Number),
        ("pid", Field::Pid, Number),
        ("request_id", Field::RequestId, Word),
        ("req_id", Field::RequestId, Text), // ingress-nginx takes it from the client, if there
        ("request_completion", Field::Completion, Word),
        ("scheme", Field::Scheme, Word),
        ("protocol", Field::StreamProtocol, Word),
        ("hostname", Field::Machine, Word),
    ]
};

/// Variables that tell nothing here, and whose values are numbers.
const NUMBERS: &[&str] = &[
    "bytes_received",
    "connection_requests",
    "connection_time",
    "connections_active",
    "connections_reading",
    "connections_waiting",
    "connections_writing",
    "content_length",
    "limit_rate",
    "msec_no_microseconds",
    "proxy_port",
    "proxy_protocol_port",
    "proxy_protocol_server_port",
    "realip_remote_port",
    "remote_port",
    "request_length",
    "server_port",
    "ssl_client_v_remain",
];

/// Those whose values hold no blanks.
const WORDS: &[&str] = &[
    "geoip_city_continent_code",
    "geoip_country_code",
    "geoip_country_code3",
    "http2",
    "http3",
    "https",
    "is_args",
    "limit_conn_status",
    "limit_req_status",
    "nginx_version",
    "pipe",
    "proxy_alternative_upstream_name",
    "server_addr",
    "server_protocol",
    "spdy",
    "ssl_alpn_protocol",
    "ssl_cipher",
    "ssl_client_fingerprint",
    "ssl_client_serial",
    "ssl_curve",
    "ssl_early_data",
    "ssl_preread_protocol",
    "ssl_protocol",
    "ssl_session_id",
    "ssl_session_reused",
    "upstream_last_addr",
];

/// Those whose values may be anything: clients, certificates and files say them.
const TEXTS: &[&str] = &[
    "args",
    "content_type",
    "document_root",
    "proxy_add_x_forwarded_for",
    "query_string",
    "realpath_root",
    "remote_user",
    "request_body",
    "request_filename",
    "ssl_client_verify",
    "ssl_server_name",
];

/// How the names of variables begin that copy what a client or a backend said.
const FROM_OUTSIDE: &[&str] = &[
    "arg_",
    "cookie_",
    "http_",
    "jwt_",
    "sent_http_",
    "sent_trailer_",
    "ssl_client_",
    "ssl_preread_",
    "trailer_",
    "upstream_cookie_",
    "upstream_http_",
    "upstream_trailer_",
];
