//! The rules: one row each. A rule looks at the facts and pushes a draft per thing it is about; which words it may leave to the topic of its
//! category is told at [`Draft`].
//!
//! A new rule is a function in one of the files here, or in a new one, and a row in [`RULES`]; `tests/integration/findings.rs` fails until
//! a case makes it fire.

mod answers;
mod backend;
mod connect;
mod effects;
mod gateway;
mod groups;
mod inside;
mod limits;
mod lints;
mod load;
mod logs;
pub(super) mod names;
mod peers;
mod rest;
mod sockets;
mod states;
mod timeouts;
mod tls;

use super::{
    Certainty, Cite, Draft, Exhibit, Told, Weight,
    episode::{Episode, Step, episodes},
    facts::{Facts, bounds, by_upstream, n_events, name, record, upstream_name},
    observed::{Service, Symptom},
};
use crate::{event::Category, words::capital};

/// One rule.
pub struct Rule {
    /// Also the middle of the ids of its findings.
    pub id: &'static str,
    /// What it is about, whatever it is found at.
    pub title: &'static str,
    pub weight: Weight,
    /// The category whose topic says more.
    pub topic: Category,
    /// What would show that a finding of it is wrong.
    pub refuted_by: &'static str,
    /// What to write where a finding does not know better: directive, block and value. `None`: no directive mends it by itself.
    pub set: Option<[&'static str; 3]>,
    check: fn(&Facts<'_>, &mut Told),
}

impl Rule {
    pub(super) fn check(&self, facts: &Facts<'_>, told: &mut Told) {
        (self.check)(facts, told);
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rule({})", self.id)
    }
}

macro_rules! rules {
    ($($id:literal $weight:ident $topic:ident $check:path: $title:literal, unless $refuted_by:literal $(, set $directive:literal in $context:literal to $value:literal)?;)*) => {
        &[$(Rule {
            id: $id,
            title: $title,
            weight: Weight::$weight,
            topic: Category::$topic,
            refuted_by: $refuted_by,
            set: rules!(@set $($directive $context $value)?),
            check: $check,
        }),*]
    };
    (@set) => { None };
    (@set $directive:literal $context:literal $value:literal) => { Some([$directive, $context, $value]) };
}

/// All rules: what failed requests, what hurt them, what limits what can be told.
pub const RULES: &[Rule] = rules! {
    "upstream-down" Failure Refused connect::down: "an upstream was down",
        unless "The backend's own log or its service manager shows it running and listening at that address in this time.",
        set "server" in "upstream" to "ADDRESS backup";
    "wrong-address" Failure Refused connect::wrong_address: "nobody ever listened at the address that nginx connects to",
        unless "One answer from that address in an access log of the same gateway, or `ss -lnt` on that host showing the port open.",
        set "server" in "upstream" to "ADDRESS";
    "refused-at-restart" Failure Refused connect::restart: "connections were refused for moments, as at restarts",
        unless "The backend was not stopped or started in any of these moments.",
        set "server" in "upstream" to "ADDRESS backup";
    "socket-down" Failure SocketMissing sockets::down: "nobody answered behind a unix socket, in several ways one after the other",
        unless "The application's own log shows it accepting connections in this time.",
        set "server" in "upstream" to "ADDRESS backup";
    "socket-missing" Failure SocketMissing sockets::missing: "the unix socket does not exist",
        unless "The file existed then, in the place that nginx sees (mind PrivateTmp and containers).",
        set "server" in "upstream" to "unix:PATH";
    "socket-stale" Failure Refused sockets::stale: "a unix socket file behind which nobody listens",
        unless "`ss -lx` shows a listener on that path whose process is older than the first of these records.",
        set "server" in "upstream" to "ADDRESS backup";
    "backlog-full" Failure ResourceExhausted sockets::full: "the backlog of a unix socket was full",
        unless "The application had idle workers in this time.",
        set "server" in "upstream" to "ADDRESS";
    "socket-forbidden" Failure Permission sockets::forbidden: "nginx may not connect to a unix socket",
        unless "`sudo -u www-data` (nginx's `user`) can connect to it; then an AVC denial of that second tells the rest.",
        set "user" in "main" to "NAME GROUP";
    "connect-forbidden" Failure Permission sockets::denied: "the kernel forbids nginx to connect",
        unless "SELinux and AppArmor were permissive or absent, or no denial is logged at that second although auditing was on.";
    "unreachable" Failure Unreachable sockets::unreachable: "there is no way to an upstream",
        unless "`ip route get` and a ping from the gateway's own network namespace worked then.",
        set "server" in "upstream" to "ADDRESS";
    "timeout-connect" Failure Timeout timeouts::connect: "connections were not answered in time",
        unless "Connect times of the successful requests are a few milliseconds throughout, and nothing between drops packets.";
    "timeout-tls" Failure Timeout timeouts::tls: "TLS handshakes were not answered in time",
        unless "`openssl s_client` to that port shook hands at once in this time.",
        set "proxy_pass" in "location" to "http://ADDRESS";
    "timeout-send" Failure Timeout timeouts::send: "an upstream stopped reading requests",
        unless "The application read these bodies to their end.",
        set "proxy_send_timeout" in "the location that may take long" to "120s";
    "timeout-header" Failure Timeout timeouts::header: "an upstream was too slow to begin its answer",
        unless "The application's own log shows these requests answered well within the limit.",
        set "proxy_read_timeout" in "the location that may take long" to "120s";
    "timeout-body" Failure Timeout timeouts::body: "an upstream stopped in the middle of its answers",
        unless "The application's own log shows these answers written to their end.",
        set "proxy_read_timeout" in "the location that may take long" to "120s";
    "timeout-tunnel" Warning Timeout timeouts::tunnel: "idle upgraded connections were closed",
        unless "There was traffic on these connections within the limit.",
        set "proxy_read_timeout" in "the location of the WebSocket" to "3600s";
    "keepalive-race" Failure PrematureClose answers::race: "a backend closes idle connections just as nginx uses them",
        unless "The backend's idle timeout is longer than nginx's, or the failed connections were new ones ($upstream_connect_time above 0, another local port each time).";
    "session-idle" Warning Timeout timeouts::session: "idle sessions of the stream module were closed",
        unless "There was traffic in these sessions within the limit.",
        set "proxy_timeout" in "stream" to "1h";
    "closed-early" Failure PrematureClose answers::cut: "an upstream ended connections without a whole answer",
        unless "The application's own log shows these requests answered in full.",
        set "server" in "upstream" to "ADDRESS backup";
    "wrong-protocol" Failure InvalidResponse answers::protocol: "nginx and an upstream speak different protocols",
        unless "The same port answers `curl` in the protocol that the pass names.";
    "invalid-answer" Failure InvalidResponse answers::invalid: "answers that are not valid",
        unless "The same request, sent to the backend by hand, is answered in valid HTTP.";
    "header-too-big" Failure Buffer answers::header: "response headers do not fit the buffer",
        unless "The same request, sent to the backend by hand, has a header smaller than the buffer.";
    "tls-verify" Failure Tls tls::verify: "a certificate that does not verify",
        unless "`openssl verify` with the same trust store accepts the certificate that the upstream sends.";
    "tls-name" Failure Tls tls::name_mismatch: "a certificate for another name",
        unless "The certificate holds the name that nginx compares with.";
    "tls-unknown-name" Failure Tls tls::unknown_name: "a server name that the upstream does not know",
        unless "The handshake fails with the right name, too.";
    "tls-handshake" Failure Tls tls::handshake: "no TLS handshake with an upstream",
        unless "`openssl s_client` with the same protocols and name shakes hands from the gateway.",
        set "proxy_ssl_server_name" in "location" to "on";
    "missing-upstream-block" Failure Dns names::missing_block: "a name in a pass that no upstream block has",
        unless "The name is a host that /etc/hosts or DNS of the gateway knows.",
        set "server" in "upstream" to "ADDRESS";
    "name-unknown-at-start" Failure Dns names::unknown_at_start: "a name had no address when the configuration was read",
        unless "`getent ahosts` found it on the gateway at that time.",
        set "resolver" in "http" to "ADDRESS valid=30s";
    "no-resolver" Failure Dns names::no_resolver: "a name to be resolved at run time, and no resolver",
        unless "A `resolver` stands in the server or location that these requests met.",
        set "resolver" in "http" to "ADDRESS valid=30s";
    "dns-server" Failure Dns names::server: "the DNS server failed",
        unless "The server answered others in this time, and the name's own zone was broken.",
        set "resolver" in "http" to "ADDRESS valid=30s";
    "dns-not-found" Failure Dns names::not_found: "DNS does not know a name",
        unless "The resolver that nginx uses finds the name.",
        set "server" in "upstream" to "ADDRESS";
    "no-endpoint" Failure NoLiveUpstreams groups::no_endpoint: "a service of Kubernetes had no endpoint",
        unless "`kubectl get endpointslices` listed ready pods of that service in this time.";
    "no-peer-left" Failure NoLiveUpstreams groups::no_peer: "a group had no peer left to ask",
        unless "The peers answered others through the same gateway at these seconds.";
    "max-conns-reached" Failure NoLiveUpstreams groups::max_conns: "all peers of a group are busy",
        unless "A record of an earlier failure of one of its peers; or fewer connections to them than max_conns in that time.";
    "worker-connections" Failure ResourceExhausted gateway::connections: "worker_connections were used up",
        unless "`ss -s` or stub_status shows far fewer connections than workers times the limit.";
    "open-files" Failure ResourceExhausted gateway::files: "file descriptors were used up",
        unless "The limit of the running workers in /proc/PID/limits is far above what they had open.";
    "ports-used-up" Failure ResourceExhausted gateway::ports: "local ports toward an upstream were used up",
        unless "Few connections in TIME_WAIT toward that address; then the address to bind to is not of this host.";
    "zone-full" Failure ResourceExhausted inside::zone_full: "a shared zone was full",
        unless "The zone had room: nginx Plus' API, or a larger zone that says the same.";
    "pass-no-address" Failure Config inside::no_address: "the value of a pass is no address",
        unless "The variables of the pass hold a URL in every request, as a log_format with them shows.",
        set "proxy_pass" in "location" to "http://ADDRESS";
    "redirect-circle" Failure Config inside::circle: "requests go in a circle of redirects inside nginx",
        unless "The same URL is answered once the file or the location at the end of the circle exists.",
        set "try_files" in "location" to "$uri =404";
    "cache-key-too-big" Failure Buffer inside::cache_key: "cache keys do not fit the buffer",
        unless "The key of the first of these requests is shorter than the buffer.";
    "proxy-bind" Failure ResourceExhausted gateway::bound: "nginx binds to an address that this host does not have",
        unless "`ip addr` lists the address, and it was there at that time.",
        set "proxy_bind" in "location" to "off";
    "out-of-memory" Failure ResourceExhausted gateway::memory: "the gateway ran out of memory",
        unless "Host, cgroup and shared zones had room.",
        set "proxy_buffers" in "http" to "8 4k";
    "disk-full" Failure ResourceExhausted gateway::disk: "a disk was full",
        unless "The disk had room and inodes; then a quota was reached.",
        set "proxy_temp_path" in "http" to "PATH";
    "worker-crash" Failure WorkerCrash states::crash: "a worker ended on a signal",
        unless "Somebody sent that signal on purpose.",
        set "worker_rlimit_core" in "main" to "500m";
    "backend-errors" Failure Upstream5xx backend::errors: "the backend itself answered 5xx",
        unless "The upstream header time of these requests is absent: then the gateway made the answer.";
    "limit-of-upstream" Failure PrematureClose limits::of_upstream: "attempts end at one age, by no timeout of the gateway",
        unless "nginx's own timeouts had that value, or the ages are spread out in a log of more requests.";
    "localhost-two-addresses" Failure Refused peers::localhost: "localhost is two addresses, and one refuses",
        unless "`ss -lnt` shows the backend listening at [::1] in this time.";
    "peer-other-port" Failure Config peers::other_port: "a peer fails that the configuration lists with another port",
        unless "`nginx -T` of the running gateway names this very address.";
    "config-harm" Failure Config lints::harmful: "the configuration is wrong, and requests failed by it",
        unless "`nginx -T` of the running gateway differs from the configuration that was read.";
    "peer-not-listed" Warning Config peers::unknown_peer: "a peer fails that the configuration does not list",
        unless "`nginx -T` of the running gateway names this address.";
    "peer-marked-down" Warning Config peers::marked_down: "a peer was asked that the configuration marks down",
        unless "The mark was made after the last of these records.";
    "backup-served" Warning Health groups::backup_served: "a backup had to serve",
        unless "The peer was no backup in the configuration of that time.";
    "backup-failed" Warning Config peers::backup_failed: "a backup was asked, and failed as well",
        unless "The peer was no backup in the configuration of that time.";
    "name-resolved-at-start" Warning Dns peers::resolved_at_start: "an address that a name may no longer have",
        unless "The name still has this address, or nginx was reloaded after it moved.",
        set "resolver" in "http" to "ADDRESS valid=30s";
    "max-fails-zero" Warning Health peers::never_taken_out: "a peer that fails is never taken out",
        unless "max_fails was another in the configuration of that time.";
    "timeout-not-in-force" Warning Config limits::not_in_force: "a timeout was in force that the configuration does not have",
        unless "These requests took a location of another server, or of another gateway.";
    "tunnel-lifetime" Warning Timeout limits::upgraded: "upgraded connections end at one age",
        unless "Both ends kept talking through that age.";
    "workers-disagree" Warning NoLiveUpstreams groups::apart: "each worker counts the failures of a group alone",
        unless "The group has a `zone` in the configuration of that time, or the records are of two gateways.";
    "retry-storm" Warning Timeout load::storm: "retries multiply the load in an outage",
        unless "The requests with several attempts were of a group whose peers all had room.";
    "posts-not-repeated" Warning PrematureClose load::not_repeated: "only requests that nginx does not send twice fail",
        unless "Requests of other methods failed for clients in the same proportion.";
    "config-shown" Warning Config lints::shown: "the configuration has a weakness, and the logs show what comes of it",
        unless "`nginx -T` of the running gateway differs from the configuration that was read.";
    "server-name-conflict" Warning Config states::conflicting: "a server block is ignored",
        unless "`nginx -t` no longer says so, and a reload was taken since.";
    "config-refused" Warning Config lints::refused: "nginx would refuse the configuration",
        unless "`nginx -t` accepts it.";
    "config-risk" Warning Config lints::risks: "the configuration has a weakness, of which these logs show no harm",
        unless "`nginx -T` of the running gateway differs from the configuration that was read.";
    "rate-limited" Warning RateLimited gateway::requests_limited: "requests beyond limit_req",
        unless "The answers came from the upstream ($upstream_status is not empty).";
    "connections-limited" Warning RateLimited gateway::connections_limited: "connections beyond limit_conn",
        unless "The answers came from the upstream ($upstream_status is not empty).";
    "limit-not-logged" Warning RateLimited gateway::limits_unlogged: "requests that a limit may have refused",
        unless "A `return` of that status stands in the configuration, or the error log of that time has no refusal though its level shows them.";
    "proxy-header-missing" Warning ClientError inside::proxy_header: "connections without the PROXY header",
        unless "Only a few foreign addresses send them: then they are scanners.",
        set "listen" in "server" to "80";
    "connections-exceed-files" Warning ResourceExhausted inside::more_than_files: "workers may have more connections than files",
        unless "The limit in /proc/PID/limits of the running workers is twice worker_connections.";
    "clients-leave" Warning ClientAbort timeouts::clients_leave: "clients left before an answer",
        unless "The waits are spread evenly and short: then people left pages.";
    "fatal-errors" Warning AppStderr backend::fatal_errors: "the application wrote fatal errors",
        unless "The answers to these requests were good.";
    "backend-denies" Warning AccessDenied backend::denies: "a backend denies many requests",
        unless "The clients are meant to be denied.",
        set "proxy_set_header" in "location" to "Authorization CREDENTIALS";
    "connections-resent" Warning Timeout backend::resent: "connections come about at a second try only",
        unless "The counters of lost SYN and of overflowing accept queues stand still while it happens.",
        set "keepalive" in "upstream" to "32";
    "backend-objects" Warning InvalidResponse backend::objects: "a backend objects to nearly every request",
        unless "The clients do ask for what is not there: then the same requests, sent by hand with the right Host, are answered the same.";
    "script-not-found" Warning AppStderr backend::no_script: "PHP does not find the scripts that nginx names",
        unless "The URLs of these requests are of no script that ever was: then somebody scans.",
        set "fastcgi_param" in "location" to "SCRIPT_FILENAME $document_root$fastcgi_script_name";
    "slow-upstream" Warning Timeout backend::slow: "an upstream is slow",
        unless "These answers are large downloads or long polls by design.";
    "taken-out" Warning Health groups::taken_out: "a peer was taken out, and no record says why",
        unless "Records of its failures exist in another error_log.",
        set "error_log" in "main" to "/var/log/nginx/error.log warn";
    "checked-down" Warning Health groups::checked_down: "active checks took a peer out",
        unless "The peer answered the same question by hand in that time.";
    "reload-refused" Warning Config states::reload_refused: "a reload was refused",
        unless "New workers were started right after it.";
    "start-refused" Warning Config states::start_refused: "nginx refused a configuration",
        unless "It was a test of a file that is not in use.";
    "temporary-files" Warning Buffer answers::spill: "bodies go to temporary files",
        unless "Nothing needs to be refuted: it is told so that nobody takes it for the cause.";
    "config-blind" Note Config lints::blind_spots: "the configuration hides failures",
        unless "`nginx -T` of the running gateway differs from the configuration that was read.";
    "peer-never-asked" Note Config peers::never_asked: "a peer got no request",
        unless "The peer was added after these logs, or other gateways ask it.";
    "missing-files" Note Other logs::missing_files: "files of a rotated set are missing",
        unless "The numbering of the set has holes by design.";
    "syslog-fails" Note Other logs::to_syslog: "a syslog server does not take log lines",
        unless "The receiver has a line for each request of that time.";
    "silence" Note Other logs::silence: "a log says nothing for long",
        unless "The traffic stops at these hours every day.";
    "forged-lines" Note Other logs::forged: "lines that clients forged",
        unless "nginx itself wrote these lines, into a file that several processes share.";
    "unknown-messages" Note Other logs::unknown: "messages of no known kind",
        unless "Nothing needs to be refuted: these are only counted.";
    "cause-not-logged" Failure Other rest::not_logged: "failures whose cause only an error log tells",
        unless "The error log of the same time names a cause: read both together.";
    "unexplained-failures" Failure Other rest::unexplained: "failures that no other rule explains",
        unless "Another finding covers the same records.";
};
