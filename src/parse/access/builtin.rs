//! Formats known by name: nginx's own, and those that its packages, controllers, panels and tutorials ship.
//!
//! Bodies are verbatim, from the sources beside them. Names are not unique (`main`): a look-up gives all of that name, and lines
//! decide. Which of these may be recognised without being named is in the row: some look like other people's.

use super::{
    field::Escape::{self, Default, Json},
    format::LogFormat,
};

/// A known format.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    pub name: &'static str,
    pub escape: Escape,
    pub body: &'static str,
    pub recognised: Recognised,
}

/// Whether lines alone can show that a format is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// Lines that fit can hardly be of another format that tells other things.
    ByLines,
    /// Other formats, whose values stand in another order, write lines that fit: only a name tells.
    ByNameOnly,
}

impl Builtin {
    /// The compiled format.
    pub fn format(&self) -> LogFormat {
        LogFormat::compile(self.name, self.escape, self.body.as_bytes())
            .expect("a test compiles all of them")
    }
}

/// All formats called `name`, those that ask more of a line first.
pub fn named(name: &str) -> Vec<LogFormat> {
    let rows = BUILTINS.iter().filter(|row| row.name == name);
    longest_first(rows.map(Builtin::format).collect())
}

/// The names of all formats, each once.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = BUILTINS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// All formats that lines alone can show, those that ask more of a line first.
pub fn recognisable() -> Vec<LogFormat> {
    let rows = BUILTINS
        .iter()
        .filter(|row| row.recognised == Recognised::ByLines);
    longest_first(rows.map(Builtin::format).collect())
}

/// By the number of variables, then by the length of the text between them; equals as in the table.
fn longest_first(mut formats: Vec<LogFormat>) -> Vec<LogFormat> {
    let literals_len = |format: &LogFormat| {
        format.head.len()
            + format
                .parts
                .iter()
                .map(|part| part.literal.len())
                .sum::<usize>()
    };
    formats.sort_by_key(|format| std::cmp::Reverse((format.parts.len(), literals_len(format))));
    formats
}

const fn row(name: &'static str, escape: Escape, body: &'static str) -> Builtin {
    Builtin {
        name,
        escape,
        body,
        recognised: Recognised::ByLines,
    }
}

const fn by_name(name: &'static str, escape: Escape, body: &'static str) -> Builtin {
    Builtin {
        recognised: Recognised::ByNameOnly,
        ..row(name, escape, body)
    }
}

/// The table. Where nothing else is said, the row is that of nginx's or the project's own documentation.
pub const BUILTINS: &[Builtin] = &[
    // nginx
    row(
        "combined",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#,
    ),
    // the Common Log Format
    row(
        "common",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#,
    ),
    // nginx.org packages, the Docker image, Angie, OpenResty, F5 ingress
    row(
        "main",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#,
    ),
    // nginx.org, ngx_http_gzip_module and ngx_http_log_module
    row(
        "compression",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $bytes_sent "$http_referer" "$http_user_agent" "$gzip_ratio""#,
    ),
    // nginx.org, example configuration
    row(
        "download",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $bytes_sent "$http_referer" "$http_user_agent" "$http_range" "$sent_http_content_range""#,
    ),
    // nginx.org, ngx_http_v3_module
    row(
        "quic",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http3""#,
    ),
    // nginx.org, ngx_stream_log_module
    row(
        "basic",
        Default,
        "$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time",
    ),
    // nginx.org, ngx_stream_log_module
    row(
        "proxy",
        Default,
        r#"$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time "$upstream_addr" "$upstream_bytes_sent" "$upstream_bytes_received" "$upstream_connect_time""#,
    ),
    // ingress-nginx
    row(
        "upstreaminfo",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"#,
    ),
    // ingress-nginx, 0.24 to 0.25
    row(
        "upstreaminfo",
        Default,
        r#"$the_real_ip - [$the_real_ip] - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"#,
    ),
    // ingress-nginx, until 0.23
    row(
        "upstreaminfo",
        Default,
        r#"$the_real_ip - [$the_real_ip] - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"#,
    ),
    // ingress-nginx, `log-format-stream`
    row(
        "log_stream",
        Default,
        "[$remote_addr] [$time_local] $protocol $status $bytes_sent $bytes_received $session_time",
    ),
    // nginx/kubernetes-ingress
    row(
        "stream-main",
        Default,
        r#"$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time "$ssl_preread_server_name""#,
    ),
    // nginx/kubernetes-ingress
    row(
        "response_time",
        Default,
        r#"{"upstreamAddress":"$upstream_addr", "upstreamResponseTime":"$upstream_response_time", "proxyHost":"$proxy_host", "upstreamStatus": "$upstream_status"}"#,
    ),
    // Nginx Proxy Manager
    row(
        "proxy",
        Default,
        r#"[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] "$http_user_agent" "$http_referer""#,
    ),
    // Nginx Proxy Manager
    row(
        "standard",
        Default,
        r#"[$time_local] $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] "$http_user_agent" "$http_referer""#,
    ),
    // Nginx Proxy Manager
    row(
        "stream",
        Default,
        "[$time_local] [Client $remote_addr:$remote_port] $protocol $status $bytes_sent $bytes_received $session_time [Sent-to $upstream_addr] [Sent $upstream_bytes_sent] [Received $upstream_bytes_received] [Time $upstream_connect_time] $ssl_protocol $ssl_cipher",
    ),
    // nginx-proxy
    row(
        "vhost",
        Default,
        r#"$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$upstream_addr""#,
    ),
    // nginx-proxy before 1.0
    row(
        "vhost",
        Default,
        r#"$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#,
    ),
    // nginx-proxy
    row(
        "vhost",
        Json,
        r#"{"time_local":"$time_iso8601","client_ip":"$http_x_forwarded_for","remote_addr":"$remote_addr","request":"$request","status":"$status","body_bytes_sent":"$body_bytes_sent","request_time":"$request_time","upstream_response_time":"$upstream_response_time","upstream_addr":"$upstream_addr","http_referrer":"$http_referer","http_user_agent":"$http_user_agent","request_id":"$request_id"}"#,
    ),
    // GitLab Omnibus
    row(
        "gitlab_access",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request_method $filtered_request_uri $server_protocol" $status $body_bytes_sent "$filtered_http_referer" "$http_user_agent" $gzip_ratio"#,
    ),
    // tutorials
    row(
        "main",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time""#,
    ),
    // F5, with its missing blank
    row(
        "upstream_time",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time""#,
    ),
    // Angie
    row(
        "extended",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" rt="$request_time" "$http_user_agent" "$http_x_forwarded_for" h="$host" sn="$server_name" ru="$request_uri" u="$uri" ucs="$upstream_cache_status" ua="$upstream_addr" us="$upstream_status" uct="$upstream_connect_time" urt="$upstream_response_time""#,
    ),
    // cPanel
    row(
        "cp_combined",
        Default,
        r#"$server_name:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#,
    ),
    // cPanel
    row(
        "cp_common",
        Default,
        r#"$server_name:$server_port $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#,
    ),
    // cPanel: two lines a record
    by_name(
        "cp_bytes_server",
        Default,
        "$msec_no_microseconds $request_length .\n$msec_no_microseconds $bytes_sent .",
    ),
    // cPanel
    by_name(
        "traffic_log",
        Default,
        "$date $server_protocol $ssl_protocol $host $request_length $bytes_sent $realip_remote_addr $remote_addr",
    ),
    // cPanel
    row(
        "cp_cache_log",
        Default,
        r#"[$time_local] [Cache:$upstream_cache_status] [$host] [Remote_Addr: $remote_addr] - $remote_user - $server_name to: $upstream_addr: "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#,
    ),
    // Discourse
    row(
        "log_discourse",
        Default,
        r#"[$time_local] "$http_host" $remote_addr "$request" "$http_user_agent" "$sent_http_x_discourse_route" $status $bytes_sent "$http_referer" $upstream_response_time $request_time "$sent_http_x_discourse_username""#,
    ),
    // Apache APISIX
    row(
        "main",
        Default,
        r#"$remote_addr - $remote_user [$time_local] $http_host "$request" $status $body_bytes_sent $request_time "$http_referer" "$http_user_agent" $upstream_addr $upstream_status $upstream_response_time "$upstream_scheme://$upstream_host$upstream_uri""#,
    ),
    // AWS Elastic Beanstalk
    row(
        "healthd",
        Default,
        r#"$msec"$uri"$status"$request_time"$upstream_response_time"$http_x_forwarded_for"#,
    ),
    // OpenResty
    row(
        "nginxlog_json",
        Json,
        r#"{ "timestamp": "$time_iso8601", "remote_addr": "$remote_addr", "body_bytes_sent": $body_bytes_sent, "request_time": $request_time, "response_status": $status, "request": "$request", "request_method": "$request_method", "host": "$host","upstream_addr": "$upstream_addr","http_x_forwarded_for": "$http_x_forwarded_for","http_referrer": "$http_referer", "http_user_agent": "$http_user_agent", "http_version": "$server_protocol", "nginx_access": true }"#,
    ),
    // elastic/examples
    row(
        "json_logstash",
        Default,
        r#"{ "time": "$time_local", "remote_ip": "$remote_addr", "remote_user": "$remote_user", "request": "$request", "response": "$status", "bytes": "$body_bytes_sent", "referrer": "$http_referer", "agent": "$http_user_agent" }"#,
    ),
    // avito-tech/nginx-log-collector
    row(
        "avito_json",
        Json,
        r#"{"event_datetime": "$time_iso8601", "server_name": "$server_name", "remote_addr": "$remote_addr", "remote_user": "$remote_user", "http_x_real_ip": "$http_x_real_ip", "status": "$status", "scheme": "$scheme", "request_method": "$request_method", "request_uri": "$request_uri", "server_protocol": "$server_protocol", "body_bytes_sent": $body_bytes_sent, "http_referer": "$http_referer", "http_user_agent": "$http_user_agent", "request_bytes": "$request_length", "request_time": "$request_time", "upstream_response_time": "$upstream_response_time", "hostname": "$hostname", "host": "$host"}"#,
    ),
    // after Grafana dashboard 12559; the node is each machine's own text
    row(
        "json_analytics",
        Json,
        r#"{"time_iso8601":"$time_iso8601","msec":"$msec","request_time":$request_time,"upstream_response_time":"$upstream_response_time","upstream_connect_time":"$upstream_connect_time","upstream_header_time":"$upstream_header_time","upstream_status":"$upstream_status","remote_addr":"$remote_addr","remote_port":"$remote_port","proxy_protocol_addr":"$proxy_protocol_addr","x_forwarded_for":"$http_x_forwarded_for","x_real_ip":"$http_x_real_ip","node":"$node","server_addr":"$server_addr","server_port":"$server_port","server_name":"$server_name","scheme":"$scheme","host":"$host","request_method":"$request_method","request_uri":"$request_uri","uri":"$uri","args":"$args","protocol":"$server_protocol","status":$status,"body_bytes_sent":$body_bytes_sent,"bytes_sent":$bytes_sent,"request_length":$request_length,"http_referer":"$http_referer","http_user_agent":"$http_user_agent","http_x_request_id":"$http_x_request_id","request_id":"$request_id","connection":"$connection","connection_requests":"$connection_requests","ssl_protocol":"$ssl_protocol","ssl_cipher":"$ssl_cipher","ssl_server_name":"$ssl_server_name"}"#,
    ),
    // Vector tutorials; the node is each machine's own text
    row(
        "vector",
        Json,
        r#"{"node_name":"$node_name","timestamp":"$time_iso8601","server_name":"$server_name","request_full": "$request","request_user_agent":"$http_user_agent","request_http_host":"$http_host","request_uri":"$request_uri","request_scheme": "$scheme","request_method":"$request_method","request_length":"$request_length","request_time": "$request_time","request_referrer":"$http_referer","response_status": "$status","response_body_bytes_sent":"$body_bytes_sent","response_content_type":"$sent_http_content_type","remote_addr": "$remote_addr","remote_port": "$remote_port","remote_user": "$remote_user","upstream_addr": "$upstream_addr","upstream_bytes_received": "$upstream_bytes_received","upstream_bytes_sent": "$upstream_bytes_sent","upstream_cache_status":"$upstream_cache_status","upstream_connect_time":"$upstream_connect_time","upstream_header_time":"$upstream_header_time","upstream_response_length":"$upstream_response_length","upstream_response_time":"$upstream_response_time","upstream_status": "$upstream_status","upstream_content_type":"$upstream_http_content_type"}"#,
    ),
    // alp; as many formats have the two in the other order
    by_name(
        "combined_plus",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $upstream_response_time $request_time"#,
    ),
    // kataribe
    row(
        "with_time",
        Default,
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time"#,
    ),
    // alp
    row(
        "ltsv",
        Default,
        "time:$time_local\thost:$remote_addr\tforwardedfor:$http_x_forwarded_for\treq:$request\tstatus:$status\tmethod:$request_method\turi:$request_uri\tsize:$body_bytes_sent\treferer:$http_referer\tua:$http_user_agent\treqtime:$request_time\tcache:$upstream_http_x_cache\truntime:$upstream_http_x_runtime\tapptime:$upstream_response_time\tvhost:$host",
    ),
    // feedforce
    row(
        "ltsv",
        Default,
        "time:$time_iso8601\tremote_addr:$remote_addr\trequest_method:$request_method\trequest_length:$request_length\trequest_uri:$request_uri\thttps:$https\turi:$uri\tquery_string:$query_string\tstatus:$status\tbytes_sent:$bytes_sent\tbody_bytes_sent:$body_bytes_sent\treferer:$http_referer\tuseragent:$http_user_agent\tforwardedfor:$http_x_forwarded_for\trequest_time:$request_time\tupstream_response_time:$upstream_response_time",
    ),
    // tokyohomesoc/openresty
    row(
        "main",
        Default,
        "time_ngx:$time_local\thttp_host:$host\thostname:$hostname\tremote_addr:$remote_addr\tremote_user:$remote_user\tstatus:$status\tmethod:$request_method\tscheme:$scheme\tpath:$uri\tquery:$args\treq_bytes:$request_length\treq_time:$request_time\tres_bytes:$bytes_sent\tres_body_bytes:$body_bytes_sent\tres_cache_control:$sent_http_cache_control\tres_content_type:$sent_http_content_type\tupstream_addr:$upstream_addr\tupstream_taken_time:$upstream_response_time\tupstream_cache_status:$upstream_cache_status\tx_forwarded_for:$http_x_forwarded_for\tx_forwarded_for_proto:$http_x_forwarded_for_proto\treferer:$http_referer\taccept_language:$http_accept_language\tuser_agent:$http_user_agent\tssl_cipher:$ssl_cipher\tssl_protocol:$ssl_protocol\tssl_server_name:$ssl_server_name\tssl_client_verify:$ssl_client_verify\thttp2:$http2\t",
    ),
    // Wazuh
    row(
        "lb7",
        Default,
        r#"[termination] client=$remote_addr "$request" -> upstream=$upstream_addr status=$status node_status=$upstream_status duration=$request_time s"#,
    ),
    // Wazuh
    row(
        "lb4",
        Default,
        "[passthrough] client=$remote_addr -> upstream=$upstream_addr bytes_in=$bytes_received bytes_out=$bytes_sent duration=$session_time s",
    ),
    // Abstract Machines
    row(
        "access_log_format",
        Default,
        r#"HTTP/WS $remote_addr: "$request" $status; request time=$request_time upstream connect time=$upstream_connect_time upstream address $upstream_addr upstream status $upstream_status upstream response time=$upstream_response_time"#,
    ),
    // many copies
    row(
        "upstreamlog",
        Default,
        "[$time_local] $http_x_forwarded_for $request_id $remote_addr - $remote_user - $server_name $host to: $upstream_addr: $request $status   upstream_response_time $upstream_response_time msec $msec request_time $request_time",
    ),
    // fail2ban
    row(
        "f2b_session_errors",
        Default,
        r#"$msec failure "$cookie_session_id" - $remote_addr - $remote_user "$request" $status $bytes_sent "$http_referer" "$http_user_agent""#,
    ),
    // drussilla/nginx-log-analytics
    row(
        "custom",
        Default,
        "$time_local | $remote_addr | $request | $status | $body_bytes_sent | $http_referer | $http_user_agent | $request_time",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_compile() {
        for row in BUILTINS {
            let format = row.format();
            assert_eq!(format.body(), row.body.as_bytes());
            assert_eq!(format.n_lines() > 1, row.name == "cp_bytes_server");
        }
    }

    #[test]
    fn names_give_candidates_and_the_longest_comes_first() {
        assert_eq!(named("combined").len(), 1);
        assert_eq!(named("none such"), []);
        let n_variables: Vec<_> = named("main")
            .iter()
            .map(|format| format.parts.len())
            .collect();
        assert!(
            n_variables.len() > 3 && n_variables.is_sorted_by(|a, b| a >= b),
            "{n_variables:?}"
        );
    }
}
