//! What the keys of JSON access logs mean: names that people gave to nginx's variables.
//!
//! Names are compared without case and without anything but letters and digits, so `upstream_addr`, `$upstream_addr`,
//! `upstreamAddr`, `UPSTREAM-ADDR` and the path `upstream.addr` are one. nginx's own names come first; others stand here only
//! if formats in public repositories use them for one thing only. A `duration` in milliseconds, a `response_time` that
//! some take from `$request_time` and others from `$upstream_response_time`, are not guessed: [`Claim`] says what must be
//! seen in the values.
//!
//! Sources: the table of nginx's variables beside this room; ingress-nginx `log-format-upstream` and public `log_format`s; Elastic
//! Common Schema 8 (`http.response.status_code`) and the older fields of Filebeat's nginx module (`nginx.access.response_code`).

use crate::parse::access::{Field, variable::telling};

/// What must be seen in the values of a key before its name is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The name is the variable's own: nothing in the values may contradict.
    Own,
    /// A common name: the values must look right.
    Common,
    /// A common name for a duration whose unit the name leaves open: nginx's seconds have up to three decimals.
    Duration,
    /// A name for the time of the request in some formats and of its attempts in others: a list, or a value missing, is of
    /// attempts.
    Attempts,
}

/// What a name is taken for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    pub(super) field: Field,
    pub(super) claim: Claim,
    /// Of several names for a field, the lowest is preferred.
    pub(super) rank: usize,
}

/// What the key at `path`, outermost first, can mean. Objects that only wrap the line (`nginx`, `access`, `json`) are looked
/// through.
pub(super) fn meanings(path: &[impl AsRef<[u8]>]) -> Vec<Meaning> {
    let atoms: Vec<String> = path
        .iter()
        .flat_map(|key| key.as_ref().split(|b| *b == b'.'))
        .map(|atom| letters(atom).collect::<String>())
        .filter(|atom| !atom.is_empty())
        .collect();
    for n_dropped in 0..atoms.len() {
        let meanings: Vec<Meaning> = names()
            .enumerate()
            .filter(|(_, (name, ..))| {
                letters(name.as_bytes()).eq(atoms[n_dropped..].iter().flat_map(|atom| atom.chars()))
            })
            .map(|(rank, (_, field, claim))| Meaning { field, claim, rank })
            .collect();
        if !meanings.is_empty() || !WRAPPERS.contains(&atoms[n_dropped].as_str()) {
            return meanings;
        }
    }
    Vec::new()
}

/// Every name with what it claims to tell, best first.
fn names() -> impl Iterator<Item = (&'static str, Field, Claim)> {
    let own = telling().map(|(name, field)| (name, field, Claim::Own));
    let common = NAMES.iter().flat_map(|&(field, claim, names)| {
        names
            .split_ascii_whitespace()
            .map(move |name| (name, field, claim))
    });
    own.chain(common)
}

/// The field that has this name, or that nginx's variable `name`, with or without `$`, tells.
pub fn field_named(name: &str) -> Option<Field> {
    let variable = name.strip_prefix('$').unwrap_or(name);
    let by_variable = || telling().find(|(own, _)| *own == variable);
    Field::from_name(name).or_else(|| by_variable().map(|(_, field)| field))
}

/// The gateway other than nginx, or the plugin, whose lines have a key at `path` or above it: its statuses look like nginx's,
/// but durations have other units and failures are told in other ways.
pub(super) fn foreign(path: &[impl AsRef<[u8]>]) -> Option<&'static str> {
    (1..=path.len()).find_map(|n| {
        let keys = path[..n].iter();
        let name: String = keys.flat_map(|key| letters(key.as_ref())).collect();
        let row = FOREIGN
            .iter()
            .find(|(_, key)| letters(key.as_bytes()).eq(name.chars()));
        row.map(|(gateway, _)| *gateway)
    })
}

/// Letters and digits of a key, in lower case.
fn letters(key: &[u8]) -> impl Iterator<Item = char> {
    let letters = key.iter().filter(|b| b.is_ascii_alphanumeric());
    letters.map(|b| b.to_ascii_lowercase() as char)
}

/// Objects that programs put a line into, squashed.
const WRAPPERS: &[&str] = &[
    "nginx",
    "access",
    "http",
    "log",
    "json",
    "data",
    "message",
    "msg",
    "fields",
    "payload",
    "jsonpayload",
    "source",
    "record",
    "attributes",
    "event",
    "accesslog",
    "nginxaccess",
    "logprocessed",
    "parsed",
    "body",
    "doc",
    "context",
];

use Claim::{Attempts, Common, Duration};

/// Names that people give, best first; the variables' own come before them all.
const NAMES: &[(Field, Claim, &str)] = &[
    (
        Field::Time,
        Common,
        "time timestamp @timestamp datetime event_datetime time_stamp ts date_time local_time event_time \
         access_time log_time iso8601 time_ngx time_unix unix_time epoch date",
    ),
    (
        Field::Client,
        Common,
        "client_ip clientip client_addr remote_ip remote_address client_address source_ip source_address real_ip client \
         remote_host remote ip addr",
    ),
    (Field::Request, Common, "request_line http_request req"),
    (
        Field::Method,
        Common,
        "method http_request_method http_method req_method verb http_verb",
    ),
    (
        Field::Uri,
        Common,
        "url_original request_url url req_uri url_path request_path http_path path",
    ),
    (
        Field::Status,
        Common,
        "status_code response_status http_status http_response_status_code response_code response_status_code \
         http_status_code resp_status http_code sc_status response code",
    ),
    (
        Field::BytesSent,
        Common,
        "bytes http_response_bytes http_response_body_bytes body_sent_bytes body_bytes sent_bytes bytes_out size",
    ),
    (
        Field::RequestTime,
        Duration,
        "req_time duration time_taken rt taken elapsed",
    ),
    (
        Field::Host,
        Common,
        "requested_domain vhost virtual_host domain url_domain request_host host_header authority",
    ),
    (
        Field::UpstreamAddr,
        Common,
        "upstream_address upstream upstream_server upstream_peer upstream_ip_port backend_addr backend ua",
    ),
    (
        Field::UpstreamStatus,
        Common,
        "upstream_status_code upstream_code backend_status node_status ust us",
    ),
    (
        Field::UpstreamResponseTime,
        Duration,
        "upstream_time upstream_resp_time upstream_taken_time upstream_duration urt apptime",
    ),
    (
        Field::UpstreamResponseTime,
        Attempts,
        "response_time latency",
    ),
    (Field::UpstreamConnectTime, Duration, "upstream_connect uct"),
    (Field::UpstreamHeaderTime, Duration, "upstream_header uht"),
    (
        Field::UpstreamResponseLength,
        Common,
        "upstream_response_size upstream_length",
    ),
    (
        Field::CacheStatus,
        Common,
        "cache_status upstream_cache nginx_cache_status cache ucs cs",
    ),
    (Field::Group, Common, "upstream_name upstream_group"),
    (
        Field::Connection,
        Common,
        "connection_id connection_serial connection_number conn",
    ),
    (Field::Pid, Common, "nginx_pid worker_pid process_pid"),
    (
        Field::RequestId,
        Common,
        "http_request_id x_request_id http_x_request_id",
    ),
    (
        Field::Scheme,
        Common,
        "url_scheme request_scheme http_scheme proto",
    ),
    (
        Field::Machine,
        Common,
        "host_hostname host_name agent_hostname machine node_name",
    ),
];

/// A key that Vector's sources add. Beside it `host` is the machine that the line was read on, not the host of the request.
pub(super) const VECTOR: &[u8] = b"source_type";

/// Keys that are of one gateway only.
const FOREIGN: &[(&str, &str)] = &[
    ("Traefik", "DownstreamStatus"),
    ("Traefik", "OriginStatus"),
    ("Traefik", "origin_Status"),
    ("Envoy", "response_flags"),
    ("Caddy", "resp_headers"),
    ("Kong", "latencies.kong"),
    ("APISIX logger", "apisix_latency"),
    ("Cloudflare", "EdgeResponseStatus"),
    ("Google Cloud load balancer", "httpRequest.status"),
    ("HAProxy", "termination_state"),
];
