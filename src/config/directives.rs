//! What directives mean that decide over failures: their defaults, by version, and how they are inherited.
//!
//! Source: the module pages of nginx.org and the merge functions of nginx 1.31 (`src/http/ngx_http_upstream.c`,
//! `modules/ngx_http_{proxy,fastcgi,uwsgi,scgi,grpc,memcached}_module.c`, `ngx_http_core_module.c`, `src/stream/*`), with its
//! change log for what differs by version. A size of "one page" is given as 4k, that of x86-64 and most others.

use super::{model::Realm, version::Version};

/// How a value reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `on` or `off`.
    Flag,
    Milliseconds,
    Seconds,
    Size,
    /// A size that may have `g`.
    Offset,
    Number,
    /// A number and a size.
    Buffers,
    Words,
}

/// What becomes of a directive further in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inheritance {
    /// Given once per level; holds further in until given again.
    Value,
    /// May be given many times at a level; all of them hold further in until the first is given again, which drops them all.
    List,
    /// Holds in its own location, and in `if` and `limit_except` within.
    Handler,
    /// Holds where it stands.
    Own,
}

/// What is known of one directive.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The name; `*_read_timeout` stands for that of each family in `families`.
    pub name: &'static str,
    /// Prefixes of modules that have it; empty for a directive that has its name alone.
    pub families: &'static [&'static str],
    pub realm: Realm,
    pub shape: Shape,
    pub inheritance: Inheritance,
    /// From each version on, oldest first; empty if there is none.
    pub defaults: &'static [(Version, &'static str)],
}

/// The row of a directive of one part of nginx.
pub fn row(realm: Realm, name: &[u8]) -> Option<&'static Row> {
    let rows = || ROWS.iter().filter(|row| row.realm == realm);
    let exact = rows().find(|row| row.families.is_empty() && row.name.as_bytes() == name);
    exact.or_else(|| {
        let at = name.iter().position(|&b| b == b'_')?;
        let (family, suffix) = name.split_at(at);
        rows().find(|row| {
            row.name.as_bytes().strip_prefix(b"*") == Some(suffix)
                && row.families.iter().any(|known| known.as_bytes() == family)
        })
    })
}

const fn v(major: u16, minor: u16, patch: u16) -> Version {
    Version(major, minor, patch)
}

/// Since ever.
const V0: Version = v(0, 0, 0);

const HTTP_UPSTREAMS: &[&str] = &["proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached"];
const BUFFERED: &[&str] = &["proxy", "fastcgi", "uwsgi", "scgi"];
const SSL: &[&str] = &["proxy", "uwsgi", "grpc"];

macro_rules! rows {
    ($($realm:ident { $($name:literal $([$families:ident])? $shape:ident $inheritance:ident $($default:literal $(since $major:literal $minor:literal $patch:literal)?),* ;)* })*) => {
        &[$($(Row {
            name: $name,
            families: rows!(@families $($families)?),
            realm: Realm::$realm,
            shape: Shape::$shape,
            inheritance: Inheritance::$inheritance,
            defaults: &[$((rows!(@version $($major $minor $patch)?), $default)),*],
        },)*)*]
    };
    (@families) => { &[] };
    (@families $families:ident) => { $families };
    (@version) => { V0 };
    (@version $major:literal $minor:literal $patch:literal) => { v($major, $minor, $patch) };
}

/// All rows: by part of nginx, then in the order of a request.
pub const ROWS: &[Row] = rows! {
    Core {
        "daemon" Flag Own "on";
        "error_log" Words List "logs/error.log error";
        "error_log_tag" Words List;
        "include" Words Own;
        "load_module" Words Own;
        "master_process" Flag Own "on";
        "pid" Words Own "logs/nginx.pid";
        "user" Words Own "nobody";
        "worker_cpu_affinity" Words Own;
        "worker_processes" Words Own "1";
        "worker_rlimit_core" Offset Own;
        "worker_rlimit_nofile" Number Own;
        "worker_shutdown_timeout" Milliseconds Own;
    }
    Events {
        "accept_mutex" Flag Own "on", "off" since 1 11 3;
        "accept_mutex_delay" Milliseconds Own "500ms";
        "multi_accept" Flag Own "off";
        "use" Words Own;
        "worker_connections" Number Own "512";
    }
    Http {
        "access_log" Words List "logs/access.log combined";
        "error_log" Words List "logs/error.log error";
        "error_log_tag" Words List;
        "log_format" Words Own;
        "log_not_found" Flag Value "on";
        "log_subrequest" Flag Value "off";
        "open_log_file_cache" Words Value "off";

        "listen" Words Own "*:80";
        "server_name" Words Own "";
        "location" Words Own;
        "if" Words Own;
        "internal" Words Own;
        "return" Words Own;
        "rewrite" Words Own;
        "set" Words Own;
        "try_files" Words Own;
        "root" Words Value "html";
        "alias" Words Own;
        "index" Words List "index.html";
        "satisfy" Words Value "all";
        "allow" Words List;
        "deny" Words List;
        "auth_basic" Words Value "off";
        "auth_request" Words Value "off";
        "auth_request_set" Words List;
        "mirror" Words List "off";
        "mirror_request_body" Flag Value "on";
        "error_page" Words List;
        "add_header" Words List;
        "recursive_error_pages" Flag Value "off";

        "client_header_timeout" Milliseconds Value "60s";
        "client_header_buffer_size" Size Value "1k";
        "large_client_header_buffers" Buffers Value "4 8k";
        "client_max_body_size" Offset Value "1m";
        "client_body_buffer_size" Size Value "16k";
        "client_body_timeout" Milliseconds Value "60s";
        "client_body_temp_path" Words Value "client_body_temp";
        "send_timeout" Milliseconds Value "60s";
        "keepalive_timeout" Words Value "75s";
        "keepalive_requests" Number Value "100", "1000" since 1 19 10;
        "keepalive_time" Milliseconds Value "1h";
        "lingering_close" Words Value "on";
        "lingering_timeout" Milliseconds Value "5s";
        "reset_timedout_connection" Flag Value "off";
        "underscores_in_headers" Flag Value "off";

        "resolver" Words List;
        "resolver_timeout" Milliseconds Value "30s";

        "limit_req_zone" Words Own;
        "limit_req" Words List;
        "limit_req_status" Number Value "503";
        "limit_req_log_level" Words Value "error";
        "limit_req_dry_run" Flag Value "off";
        "limit_conn_zone" Words Own;
        "limit_conn" Words List;
        "limit_conn_status" Number Value "503";
        "limit_conn_log_level" Words Value "error";
        "limit_conn_dry_run" Flag Value "off";

        "proxy_pass" Words Handler;
        "fastcgi_pass" Words Handler;
        "uwsgi_pass" Words Handler;
        "scgi_pass" Words Handler;
        "grpc_pass" Words Handler;
        "memcached_pass" Words Handler;
        "tunnel_pass" Words Handler;

        "*_connect_timeout" [HTTP_UPSTREAMS] Milliseconds Value "60s";
        "*_send_timeout" [HTTP_UPSTREAMS] Milliseconds Value "60s";
        "*_read_timeout" [HTTP_UPSTREAMS] Milliseconds Value "60s";
        "*_next_upstream" [HTTP_UPSTREAMS] Words List "error timeout";
        "*_next_upstream_timeout" [HTTP_UPSTREAMS] Milliseconds Value "0";
        "*_next_upstream_tries" [HTTP_UPSTREAMS] Number Value "0";
        "*_bind" [HTTP_UPSTREAMS] Words Value;
        "*_socket_keepalive" [HTTP_UPSTREAMS] Flag Value "off";
        "*_intercept_errors" [HTTP_UPSTREAMS] Flag Value "off";
        "*_ignore_client_abort" [BUFFERED] Flag Value "off";
        "*_buffer_size" [HTTP_UPSTREAMS] Size Value "4k";
        "*_buffers" [BUFFERED] Buffers Value "8 4k";
        "*_busy_buffers_size" [BUFFERED] Size Value;
        "*_buffering" [BUFFERED] Flag Value "on";
        "*_request_buffering" [BUFFERED] Flag Value "on";
        "*_max_temp_file_size" [BUFFERED] Size Value "1024m";
        "*_temp_file_write_size" [BUFFERED] Size Value;
        "*_temp_path" [BUFFERED] Words Value;
        "*_limit_rate" [BUFFERED] Words Value "0";
        "*_force_ranges" [BUFFERED] Flag Value "off";
        "*_ignore_headers" [BUFFERED] Words List;
        "*_hide_header" [HTTP_UPSTREAMS] Words List;
        "*_pass_header" [HTTP_UPSTREAMS] Words List;
        "*_pass_request_headers" [HTTP_UPSTREAMS] Flag Value "on";
        "*_pass_request_body" [HTTP_UPSTREAMS] Flag Value "on";
        "*_cache" [BUFFERED] Words Value "off";
        "*_cache_key" [BUFFERED] Words Value;
        "*_cache_valid" [BUFFERED] Words List;
        "*_cache_bypass" [BUFFERED] Words List;
        "*_no_cache" [BUFFERED] Words List;
        "*_cache_use_stale" [BUFFERED] Words List "off";
        "*_cache_lock" [BUFFERED] Flag Value "off";
        "*_cache_lock_timeout" [BUFFERED] Milliseconds Value "5s";
        "*_cache_background_update" [BUFFERED] Flag Value "off";
        "*_cache_path" [BUFFERED] Words Own;
        "*_param" [BUFFERED] Words List;

        "proxy_http_version" Words Value "1.0", "1.1" since 1 29 7;
        "proxy_set_header" Words List;
        "grpc_set_header" Words List;
        "proxy_set_body" Words Value;
        "proxy_method" Words Value;
        "proxy_redirect" Words List "default";
        "proxy_headers_hash_max_size" Number Value "512";
        "fastcgi_keep_conn" Flag Value "off";
        "fastcgi_index" Words Value;
        "fastcgi_split_path_info" Words Value;
        "fastcgi_catch_stderr" Words List;

        "*_ssl_server_name" [SSL] Flag Value "off";
        "*_ssl_name" [SSL] Words Value "$proxy_host";
        "*_ssl_verify" [SSL] Flag Value "off";
        "*_ssl_verify_depth" [SSL] Number Value "1";
        "*_ssl_trusted_certificate" [SSL] Words Value;
        "*_ssl_certificate" [SSL] Words Value;
        "*_ssl_certificate_key" [SSL] Words Value;
        "*_ssl_ciphers" [SSL] Words Value "DEFAULT";
        "*_ssl_protocols" [SSL] Words List "TLSv1 TLSv1.1 TLSv1.2", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3" since 1 23 4, "TLSv1.2 TLSv1.3" since 1 27 3;
        "*_ssl_session_reuse" [SSL] Flag Value "on";
    }
    Upstream {
        "server" Words List;
        "zone" Words Own;
        "keepalive" Words Own "", "32 local" since 1 29 7;
        "keepalive_requests" Number Own "100", "1000" since 1 19 10;
        "keepalive_time" Milliseconds Own "1h";
        "keepalive_timeout" Milliseconds Own "60s";
        "queue" Words Own;
        "resolver" Words List;
        "resolver_timeout" Milliseconds Own "30s";
    }
    Stream {
        "access_log" Words List "off";
        "error_log" Words List "logs/error.log error";
        "log_format" Words Own;
        "listen" Words Own;
        "server_name" Words Own "";
        "resolver" Words List;
        "resolver_timeout" Milliseconds Value "30s";
        "limit_conn" Words List;
        "limit_conn_log_level" Words Value "error";
        "preread_timeout" Milliseconds Value "30s";
        "tcp_nodelay" Flag Value "on";
        "proxy_pass" Words Handler;
        "proxy_connect_timeout" Milliseconds Value "60s";
        "proxy_timeout" Milliseconds Value "10m";
        "proxy_buffer_size" Size Value "16k";
        "proxy_bind" Words Value;
        "proxy_next_upstream" Flag Value "on";
        "proxy_next_upstream_timeout" Milliseconds Value "0";
        "proxy_next_upstream_tries" Number Value "0";
        "proxy_protocol" Flag Value "off";
        "proxy_requests" Number Value "0";
        "proxy_responses" Number Value;
        "proxy_half_close" Flag Value "off";
        "proxy_socket_keepalive" Flag Value "off";
        "proxy_ssl" Flag Value "off";
        "proxy_ssl_server_name" Flag Value "off";
        "proxy_ssl_name" Words Value;
        "proxy_ssl_verify" Flag Value "off";
        "proxy_ssl_verify_depth" Number Value "1";
        "proxy_ssl_trusted_certificate" Words Value;
        "proxy_ssl_protocols" Words List "TLSv1 TLSv1.1 TLSv1.2", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3" since 1 23 4, "TLSv1.2 TLSv1.3" since 1 27 3;
    }
    Mail {
        "error_log" Words List "logs/error.log error";
        "auth_http_timeout" Milliseconds Value "60s";
        "proxy_buffer" Size Value "4k";
        "proxy_timeout" Milliseconds Value "24h";
        "resolver" Words List;
        "resolver_timeout" Milliseconds Value "30s";
        "timeout" Milliseconds Value "60s";
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_with_and_without_family() {
        let default =
            |realm, name: &str| row(realm, name.as_bytes()).map(|row| row.defaults.to_vec());
        assert_eq!(
            default(Realm::Http, "uwsgi_read_timeout"),
            Some(vec![(V0, "60s")])
        );
        assert_eq!(
            default(Realm::Stream, "proxy_buffer_size"),
            Some(vec![(V0, "16k")])
        );
        assert_eq!(
            default(Realm::Http, "proxy_buffer_size"),
            Some(vec![(V0, "4k")])
        );
        assert_eq!(default(Realm::Http, "nosuch_read_timeout"), None);
        assert_eq!(default(Realm::Http, "grpc_buffering"), None);
        assert_eq!(default(Realm::Stream, "proxy_read_timeout"), None);
    }

    #[test]
    fn the_table_is_in_order() {
        for row in ROWS {
            assert!(row.defaults.is_sorted_by(|a, b| a.0 < b.0), "{}", row.name);
            assert_eq!(
                row.name.starts_with('*'),
                !row.families.is_empty(),
                "{}",
                row.name
            );
            let n_same = ROWS
                .iter()
                .filter(|other| other.name == row.name && other.realm == row.realm);
            assert_eq!(n_same.count(), 1, "{}", row.name);
        }
    }
}
