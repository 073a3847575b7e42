//! What is known about each class of failure: the words behind `coroner explain TEXT|CATEGORY|SIGNATURE`.
//!
//! Plain data for people on call, without parsing, I/O or layout: one [`Topic`] per category, and short
//! notes that a phase, an errno or a signature adds to it. Texts are plain ASCII without markup, and none
//! is ever built from log bytes.
//!
//! Sources: failures reproduced on nginx 1.22.1 and the source of 1.31.5 (signatures, what tells causes apart); the directive
//! pages of nginx.org (defaults and contexts); the notes of `tests/data/nginx-messages.tsv`. A default that changed names the
//! version. The corrections answer common advice that is wrong.

use crate::event::{Category, Phase};

/// A directive that bears on a category.
pub struct Directive {
    /// As written in the configuration; a parameter as `server ... max_fails`.
    pub name: &'static str,
    /// nginx's default, with the version where it changed; `none` where nginx has none, `not set` for a bare
    /// parameter.
    pub default: &'static str,
    /// The blocks that may hold it, as nginx.org lists them.
    pub context: &'static str,
    /// What it has to do with the category.
    pub bearing: &'static str,
}

/// What is known about one category.
pub struct Topic {
    pub category: Category,
    /// One line, lower case, without final period.
    pub title: &'static str,
    /// What happened on the wire, what the client got, and what it is often mistaken for.
    pub meaning: &'static str,
    /// How the same request looks in the access log.
    pub access_log: &'static str,
    /// Most likely first, each with what tells it apart.
    pub causes: &'static [&'static str],
    pub directives: &'static [Directive],
    /// Commands and places to look, on the live host or in the logs. Addresses and unit names are examples.
    pub check: &'static [&'static str],
    /// Directives and steps, with their context.
    pub fix: &'static [&'static str],
    /// Common advice that is wrong, and the right one.
    pub corrections: &'static [&'static str],
}

/// What a phase adds to its category: mostly which directive and which status.
pub struct PhaseNote {
    pub category: Category,
    pub phase: Phase,
    pub note: &'static str,
}

/// What an errno adds. `number` is Linux's; the note names those of BSD, macOS and Windows.
pub struct ErrnoNote {
    pub number: u32,
    pub name: &'static str,
    pub note: &'static str,
}

/// What to look for behind a status that clients saw.
pub struct StatusNote {
    pub status: u16,
    /// As nginx's own page says it.
    pub page: &'static str,
    /// Whose topic says more.
    pub category: Category,
    /// The classes of failures that end in it, the most frequent first.
    pub classes: &'static [Category],
    pub note: &'static str,
}

/// What one signature, an id of `tests/data/nginx-messages.tsv`, adds to its category.
pub struct SignatureNote {
    pub signature: &'static str,
    pub note: &'static str,
}

/// The topic of `category`.
pub fn topic(category: Category) -> &'static Topic {
    &TOPICS[category as usize]
}

/// One topic per category, in the order of [`Category::ALL`].
pub const TOPICS: &[Topic] = &[
    Topic {
        category: Category::Refused,
        title: "connect() refused: nobody listens at that address and port",
        meaning: "The upstream host answered the SYN with a reset, or nobody accepts on the unix \
            socket file. nginx gave the client a 502 at once and no byte of the request reached \
            the application. Host and route work, so it is neither a timeout nor a firewall that \
            drops; a larger timeout changes nothing.",
        access_log: "$status 502, $upstream_status 502, $upstream_connect_time -, \
            $upstream_header_time -, $upstream_response_time 0.000 or 0.001. If a retry worked: \
            $status 200, $upstream_addr \"a, b\", $upstream_status \"502, 200\".",
        causes: &[
            "The backend process is down: it was serving, then every attempt at that peer fails at \
                0 ms from one second on. Look for its crash, OOM kill or stop in that second.",
            "The backend is restarting: refused for some seconds, then well again, at each deploy.",
            "Wrong port or address in proxy_pass or the upstream block: refused from the first \
                line of the log, or from a reload on, and never one success to that peer.",
            "The backend listens on another address: 127.0.0.1 or ::1 while nginx comes from \
                another host or container. The port is open when tried on the backend itself.",
            "The name was resolved at start or reload and has moved since: the refused address is \
                no longer in DNS, and a reload ends the failures.",
            "localhost has two addresses: [::1]:PORT is refused and 127.0.0.1:PORT works, in \
                turns; the two make a group, so temporarily disabled lines appear too.",
            "A stale unix socket file: connect() to unix:... failed (111), the file exists but its \
                owner is gone.",
            "A firewall that rejects instead of dropping (iptables REJECT) gives 111 or 113 \
                although the process listens.",
        ],
        directives: &[
            Directive {
                name: "proxy_pass",
                default: "none",
                context: "location, if in location, limit_except",
                bearing: "The address tried. A name in it is resolved once, at start or reload, \
                    unless it contains a variable.",
            },
            Directive {
                name: "server",
                default: "port 80",
                context: "upstream",
                bearing: "A peer of the group. Without a port it is 80, even under proxy_pass \
                    https://.",
            },
            Directive {
                name: "proxy_next_upstream",
                default: "error timeout",
                context: "http, server, location",
                bearing: "Refused counts as error: the next peer of the group is tried, whatever \
                    the method, as nothing was sent yet.",
            },
            Directive {
                name: "server ... max_fails",
                default: "1",
                context: "upstream",
                bearing: "One refusal takes a peer of a group out for fail_timeout (10s). Without \
                    effect in a group of one.",
            },
        ],
        check: &[
            "On the backend: ss -lntp 'sport = :3000' (the port after upstream:). No line: not \
                running. 127.0.0.1 or [::1] as local address: not reachable from outside.",
            "On the gateway: curl -sv --max-time 5 -o /dev/null http://10.0.0.5:3000/ (the address \
                after upstream:)",
            "On the backend: journalctl -u myapp --since '2026-11-20 11:20' --until '2026-11-20 \
                11:30', for Main process exited, Stopped, Killed, Address already in use",
            "On the gateway: nginx -T 2>/dev/null | grep -nE 'upstream|server |_pass' to compare \
                with the address in the log",
            "getent ahosts localhost: two families are two peers",
            "Unix socket: ss -lxp | grep app.sock shows who listens; ls -l shows only the file",
        ],
        fix: &[
            "Start the backend and make it come back by itself: systemctl enable --now myapp, and \
                Restart=on-failure in its unit.",
            "Correct the address in proxy_pass (location) or server (upstream), then nginx -t && \
                nginx -s reload.",
            "Make the backend listen where nginx connects: 0.0.0.0:3000 or the pod address, not \
                127.0.0.1:3000.",
            "Write 127.0.0.1 instead of localhost in proxy_pass or server (upstream) if the \
                backend has no IPv6 listener.",
            "Moved names: server api.example:8080 resolve; with zone and resolver in the upstream \
                block (open source since 1.27.3), or reload after each move.",
            "Restarts without a gap: a second peer in the upstream block, a graceful reload of the \
                backend, or systemd socket activation.",
        ],
        corrections: &[
            "Raising proxy_connect_timeout does not help: a refusal comes at once.",
            "Do not take the dead peer out by server ... down in a group of two: the rest becomes \
                a group that one failure disables for 10 s (see no-live-upstreams).",
            "The word refused in send() failed (111) while resolving, and in could not be resolved \
                (5: Operation refused), is the DNS server's, not the upstream's.",
        ],
    },
    Topic {
        category: Category::Timeout,
        title: "a timer ran out: the upstream was silent for too long",
        meaning: "nginx waited for one step of an attempt and nothing came before the timer of \
            that step; the words after while name the step, and the step names the directive. The \
            client gets 504, or what was already sent (200, cut short) if the body stalled. The \
            timers measure the silence between two reads or two writes, not the whole response. It \
            is often filed under 502: only connect() failed (110), where the kernel gave up before \
            nginx, and the stream module give 502.",
        access_log: "$status 504, $upstream_status 504, $upstream_response_time at or just above \
            the timer (60.00x is the default). $upstream_connect_time - means connect or TLS; set, \
            with $upstream_header_time -, means send or header. In the body: $status 200, both \
            set, bytes short. Several peers add up: \"504, 504\" with \"60.0, 60.0\" is a wait of \
            120 s, or a 499.",
        causes: &[
            "Header phase: the application is slow (lock, slow query, no free worker). Connect \
                time small, response time piles up at *_read_timeout.",
            "Connect phase: the SYN is not answered. Firewall or security group that drops, dead \
                host, wrong address, full accept queue. Successful requests with connect times of \
                1, 3 or 7 s are the same loss, survived by retransmission.",
            "Connect phase on all upstreams at once: a full nf_conntrack table on the gateway. \
                nginx cannot see it; the kernel log can.",
            "TLS phase: proxy_pass https:// to a plain-text port that waits for a request, or a \
                TLS peer too busy to answer.",
            "Send phase: the upstream accepts but stops reading a large request body.",
            "Body phase: the application stalls after the header. Never counted in a 5xx rate, as \
                the status is already sent.",
            "Tunnel phase: an idle WebSocket. Normal, unless the application counts on the \
                connection.",
        ],
        directives: &[
            Directive {
                name: "proxy_connect_timeout",
                default: "60s",
                context: "http, server, location",
                bearing: "TCP connect and the TLS handshake to the upstream. Cannot usually exceed \
                    75 s. Also fastcgi_, uwsgi_, scgi_, grpc_, memcached_.",
            },
            Directive {
                name: "proxy_send_timeout",
                default: "60s",
                context: "http, server, location",
                bearing: "Between two writes of the request. Same families.",
            },
            Directive {
                name: "proxy_read_timeout",
                default: "60s",
                context: "http, server, location",
                bearing: "Between two reads of the response, header or body, and of an upgraded \
                    connection. Same families.",
            },
            Directive {
                name: "proxy_next_upstream",
                default: "error timeout",
                context: "http, server, location",
                bearing: "A timeout tries the next peer; POST, LOCK and PATCH are not repeated \
                    once sent, unless non_idempotent.",
            },
            Directive {
                name: "proxy_next_upstream_timeout",
                default: "0",
                context: "http, server, location",
                bearing: "Limits the time spent on all tries together; 0 is no limit, so waits add \
                    up.",
            },
            Directive {
                name: "proxy_next_upstream_tries",
                default: "0",
                context: "http, server, location",
                bearing: "Limits the number of tries; 0 is no limit.",
            },
            Directive {
                name: "proxy_timeout",
                default: "10m",
                context: "stream, server",
                bearing: "Stream: idle time in both directions. Stream has proxy_connect_timeout \
                    60s of its own, which ends in 502.",
            },
        ],
        check: &[
            "Read the words after while in the line: connecting or SSL handshaking, sending \
                request, reading response header, reading upstream",
            "nginx -T 2>/dev/null | grep -nE '_(connect|send|read)_timeout' (a value in location \
                wins over server and http; no line means 60s)",
            "On the gateway: curl -so /dev/null -w '%{time_connect} %{time_starttransfer} \
                %{time_total}\\n' http://10.0.0.5:8080/path",
            "Connect: nc -vz -w 5 10.0.0.5 8080 on the gateway. On the backend: ss -lnt 'sport = \
                :8080' (Recv-Q up to Send-Q: the accept queue is full) and nstat -az \
                TcpExtListenOverflows TcpExtListenDrops",
            "Kernel log of both hosts: dmesg -T | grep -iE 'conntrack|SYN flooding'",
            "Header: the application's own log, slow query log, php-fpm slowlog or a thread dump \
                for that minute",
        ],
        fix: &[
            "Header: make the application answer faster, or let only the slow path wait: location \
                /report/ { proxy_read_timeout 300s; }",
            "Connect: repair the path. A short proxy_connect_timeout (2s to 5s, in location) finds \
                the next peer sooner.",
            "Full accept queue: more backend workers, a larger backlog in the backend's listen \
                call, and net.core.somaxconn.",
            "TLS: use http:// if the port speaks plain text (see tls).",
            "Bound the sum of retries in location: proxy_next_upstream_timeout 30s; \
                proxy_next_upstream_tries 2;",
            "WebSocket: location /ws/ { proxy_read_timeout 3600s; } or a ping more frequent than \
                the timer.",
            "Keep the limits in order: the backend gives up first, then nginx, then the load \
                balancer in front.",
        ],
        corrections: &[
            "upstream timed out belongs to 504, not 502. The status is that of the last peer \
                tried: 504 if it timed out, 502 for anything else.",
            "proxy_connect_timeout 60s, proxy_send_timeout 60s and proxy_read_timeout 60s are the \
                defaults: writing them changes nothing.",
            "Do not raise proxy_read_timeout for the whole http block: a location that has its own \
                keeps it, and a hung backend then holds every client and connection for longer.",
            "A longer timeout than that of the load balancer in front only turns 504 into 499.",
            "A backend that sends one byte every 59 seconds never times out: proxy_read_timeout is \
                no limit on the total time.",
        ],
    },
    Topic {
        category: Category::PrematureClose,
        title: "the upstream closed the connection before its answer was whole",
        meaning: "The upstream ended the connection in order (FIN) before a complete header, or \
            before the promised body. In the header phase the client gets 502; in the body phase \
            the status already sent (200) with a body cut short. nginx did not give up, the other \
            side did, so a longer nginx timeout changes nothing.",
        access_log: "Header phase: $status 502, $upstream_status 502, $upstream_connect_time set, \
            $upstream_header_time -. Body phase: $status as sent (200), both times set, bytes \
            short. Keepalive race with retry: the same address twice, $upstream_status \"502, \
            200\", first connect time 0.000.",
        causes: &[
            "Keepalive race: the backend closes an idle connection just as nginx reuses it. \
                Connect time 0.000, response time of a few ms, then success at the same address; \
                only POST, LOCK and PATCH show as 502. The backend's idle limit is below 60 s \
                (node 5, uvicorn 5, gunicorn 2, Apache 5, Tomcat 20).",
            "A backend worker crashed or was killed (OOM killer, segfault): all its requests fail \
                in one second, often with refused after them.",
            "A limit of the backend or of a box between: response times pile up at one value that \
                is not nginx's (30.0 s, 120.0 s).",
            "Worker recycling or a deploy without draining (pm.max_requests, max_requests, rolling \
                restart): a few per recycle, spread out.",
            "php-fpm: request_terminate_timeout, or a PHP crash, shown as prematurely closed \
                FastCGI stdout with stderr text before it.",
            "Wrong protocol: http:// to a TLS, FastCGI or uwsgi port, or PROXY protocol on one \
                side only. All requests of that location, from the first.",
            "Body phase: a crash in mid response, or a Content-Length larger than the body \
                written.",
        ],
        directives: &[
            Directive {
                name: "keepalive",
                default: "32 local since 1.29.7, off before",
                context: "upstream",
                bearing: "Idle connections kept for reuse, hence the race. keepalive 0 turns it \
                    off. Implicit groups (proxy_pass http://host:port) keep none.",
            },
            Directive {
                name: "keepalive_timeout",
                default: "60s",
                context: "upstream",
                bearing: "nginx closes an idle upstream connection after this; the backend must \
                    wait longer.",
            },
            Directive {
                name: "keepalive_requests",
                default: "1000, 100 before 1.19.10",
                context: "upstream",
                bearing: "Requests over one connection before nginx closes it; the backend's own \
                    limit should be higher.",
            },
            Directive {
                name: "proxy_http_version",
                default: "1.1 since 1.29.7, 1.0 before",
                context: "http, server, location",
                bearing: "Keepalive to an HTTP upstream needs 1.1.",
            },
            Directive {
                name: "proxy_next_upstream",
                default: "error timeout",
                context: "http, server, location",
                bearing: "A failure on a reused connection gets one extra try; POST, LOCK and \
                    PATCH only with non_idempotent.",
            },
            Directive {
                name: "proxy_request_buffering",
                default: "on",
                context: "http, server, location",
                bearing: "When off, a request whose body has started is not tried again.",
            },
            Directive {
                name: "fastcgi_keep_conn",
                default: "off",
                context: "http, server, location",
                bearing: "Keepalive to FastCGI needs on.",
            },
        ],
        check: &[
            "Response time of the failing attempts: a few ms is the race, one constant value is a \
                limit, anything else is a crash",
            "Methods of the failing requests: only POST, LOCK and PATCH points to the race",
            "Backend host: journalctl -k --since '2026-11-20 11:20' | grep -iE 'oom|killed \
                process|segfault', and coredumpctl list",
            "Backend log in the same second: worker exited, worker timeout, SIGKILL, SIGSEGV, max \
                requests",
            "php-fpm: grep -E 'terminating|exited on signal|max_children' in its log",
            "Did nginx go to 1.29.7 or later just before? The start lines (nginx/1.x, level \
                notice) in the main error log tell",
        ],
        fix: &[
            "Race: let the backend wait longer than nginx (60s). node: server.keepAliveTimeout = \
                65000; gunicorn: --keep-alive 65; uvicorn: --timeout-keep-alive 65; Apache: \
                KeepAliveTimeout 65.",
            "Or let nginx close first: keepalive_timeout 4s; in the upstream block, below the \
                backend's limit. keepalive 0; there turns reuse off.",
            "Limit: raise it in the backend or in the box that cuts (gunicorn --timeout, \
                request_terminate_timeout, the load balancer's idle timeout).",
            "Crash: repair it (memory, code). A second peer hides it for methods that may be \
                repeated.",
            "proxy_next_upstream error timeout non_idempotent; in location only if a request may \
                safely be executed twice.",
            "Wrong protocol: use https://, fastcgi_pass, uwsgi_pass or grpc_pass as the port \
                speaks.",
        ],
        corrections: &[
            "proxy_http_version 1.1 and proxy_set_header Connection \"\" are needed for keepalive \
                before 1.29.7 only; since 1.29.7 they are the default and harmless.",
            "Since 1.29.7 every upstream block has keepalive 32 local: the race can begin with the \
                upgrade, without any edit.",
            "proxy_set_header in a location discards all inherited ones: adding Connection \"\" \
                there drops Host and X-Forwarded-* set above.",
            "Raising proxy_read_timeout does not help: nginx was still waiting when the upstream \
                closed.",
        ],
    },
    Topic {
        category: Category::Reset,
        title: "the upstream cut the connection (RST or broken pipe)",
        meaning: "The upstream answered with a TCP reset (104), or nginx wrote to a connection \
            already closed (32). Before the header the client gets 502; in the body the status \
            already sent (200) with a body cut short. The same text at level info is the client's \
            own connection: noise, not a gateway failure.",
        access_log: "Header or send phase: $status 502, $upstream_status 502, \
            $upstream_connect_time set, $upstream_header_time -. Body phase: $status as sent \
            (200), bytes short. Stream: 200, as the session had begun.",
        causes: &[
            "The backend closed with request bytes unread: it crashed, was killed, or answered \
                early without reading the body.",
            "Upload refused: while sending request to upstream, with 104 or 32. The backend has a \
                body limit and closes (a 413 that was not read in time).",
            "Keepalive race: connect time 0.000, response time of a few ms, then success at the \
                same address.",
            "A load balancer, NAT or firewall forgot the idle connection and answers the next \
                packet with RST: after long pauses only.",
            "php-fpm request_terminate_timeout or an OOM kill: 104 while reading response header, \
                at one constant age or in one second.",
            "Wrong protocol: http:// to a TLS or FastCGI port, PROXY protocol not expected. \
                Always, from the first request.",
        ],
        directives: &[
            Directive {
                name: "keepalive_timeout",
                default: "60s",
                context: "upstream",
                bearing: "Age at which nginx closes idle upstream connections; keep it below the \
                    idle limit of backend and firewall.",
            },
            Directive {
                name: "keepalive",
                default: "32 local since 1.29.7, off before",
                context: "upstream",
                bearing: "Reuse of connections; more reuse, more races.",
            },
            Directive {
                name: "proxy_next_upstream",
                default: "error timeout",
                context: "http, server, location",
                bearing: "A reset counts as error: another peer is tried if the method may be \
                    repeated.",
            },
            Directive {
                name: "proxy_socket_keepalive",
                default: "off",
                context: "http, server, location",
                bearing: "on sends TCP keepalive probes, so that boxes between keep the connection \
                    alive.",
            },
            Directive {
                name: "client_max_body_size",
                default: "1m",
                context: "http, server, location",
                bearing: "Not above what the backend takes: nginx then refuses with a clean 413 \
                    before the upstream is asked.",
            },
            Directive {
                name: "proxy_request_buffering",
                default: "on",
                context: "http, server, location",
                bearing: "When off, a request whose body has started is not tried again.",
            },
        ],
        check: &[
            "Level of the line: error is the upstream, info is the client",
            "Phase: sending request points to a body limit, reading response header to a crash or \
                race, reading upstream to a crash in mid response",
            "Backend log in the same second; journalctl -k | grep -iE 'oom|segfault'",
            "Body size: $request_length of the failing requests against the backend's limit \
                (client_max_body_size of an nginx backend, LimitRequestBody, post_max_size)",
            "On the gateway: tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0 and port 8080' shows \
                who sends the RST",
        ],
        fix: &[
            "Body limit: raise it in the backend, or set client_max_body_size (http, server, \
                location) to the backend's value so that the client gets 413.",
            "Race or idle cut: backend keepalive above 60s, or keepalive_timeout in the upstream \
                block below the shortest idle limit on the way.",
            "proxy_socket_keepalive on; in location where a firewall drops idle state.",
            "Crash: repair the backend (memory, code); a second peer hides it.",
            "Wrong protocol: https://, fastcgi_pass, uwsgi_pass or grpc_pass as the port speaks.",
        ],
        corrections: &[
            "recv() failed (104) at level info is a client that left: do not count it, and do not \
                look for it in the backend.",
            "A longer timeout does not help: nothing timed out.",
            "Keepalive advice depends on the version: before 1.29.7 it must be switched on with \
                proxy_http_version 1.1 and Connection \"\"; since then it is on.",
        ],
    },
    Topic {
        category: Category::Buffer,
        title: "an answer did not fit: a header too big (502), or a body spilled to disk (warning)",
        meaning: "The whole response header (status line, cookies, all of it) must fit into one \
            buffer, proxy_buffer_size; if not, nginx drops the response and the client gets 502, \
            with upstream sent too big header. A response body has no such limit: what does not \
            fit into proxy_buffers goes to a temporary file, a warning and no failure. Too large \
            requests of clients (400, 413, 414) are another matter: see client-error.",
        access_log: "Header too big: $status 502, $upstream_status 502, $upstream_connect_time \
            set, $upstream_header_time -, $upstream_bytes_received exactly the buffer (4096 or \
            8192). Spilled body: the normal status. Cache key too big: 500.",
        causes: &[
            "Large Set-Cookie, JWT or Content-Security-Policy headers of the application: a few \
                users or URLs fail always, the others never, and repeating does not help.",
            "Many cookies set at once at login or by an identity provider: the callback URL fails.",
            "A debug header of a framework (ChromeLogger, profiler, Link): after a deploy or in a \
                test environment.",
            "gRPC or HTTP/2 upstream: the header block is limited by grpc_buffer_size or \
                proxy_buffer_size since 1.31.3.",
            "Spilled body: the client reads more slowly than the upstream writes, and the body \
                exceeds proxy_buffers.",
            "At start or reload: one buffer directive raised alone, against the arithmetic nginx \
                checks.",
        ],
        directives: &[
            Directive {
                name: "proxy_buffer_size",
                default: "4k|8k",
                context: "http, server, location",
                bearing: "One page. The whole response header must fit. Also fastcgi_, uwsgi_, \
                    scgi_, grpc_, memcached_buffer_size.",
            },
            Directive {
                name: "proxy_buffers",
                default: "8 4k|8k",
                context: "http, server, location",
                bearing: "For the body. At least 2.",
            },
            Directive {
                name: "proxy_busy_buffers_size",
                default: "8k|16k",
                context: "http, server, location",
                bearing: "At least the larger of proxy_buffer_size and one buffer, at most all \
                    proxy_buffers minus one.",
            },
            Directive {
                name: "proxy_buffering",
                default: "on",
                context: "http, server, location",
                bearing: "off does not lift the header limit, and a slow client then holds a \
                    backend worker.",
            },
            Directive {
                name: "proxy_max_temp_file_size",
                default: "1024m",
                context: "http, server, location",
                bearing: "Limit of the temporary file of one response; 0 uses none.",
            },
            Directive {
                name: "proxy_temp_file_write_size",
                default: "8k|16k",
                context: "http, server, location",
                bearing: "Written at once to the temporary file; at least the larger of \
                    proxy_buffer_size and one buffer.",
            },
            Directive {
                name: "client_body_buffer_size",
                default: "8k|16k",
                context: "http, server, location",
                bearing: "A larger request body goes to a temporary file: a warning, no failure.",
            },
        ],
        check: &[
            "grep -E 'too big header' error.log and list the URIs: few, and always the same",
            "On the gateway: curl -s -D - -o /dev/null http://10.0.0.5:8080/path | wc -c (with the \
                cookies of an affected user) gives the header size in bytes",
            "nginx -T 2>/dev/null | grep -nE '_buffer_size|_buffers|busy_buffers' (no line means \
                the default, one page)",
            "Spilled bodies: df -h and df -i of proxy_temp_path; crit pwrite() ... failed (28: No \
                space left on device) is the failure to look for",
        ],
        fix: &[
            "In the failing location: proxy_buffer_size 16k; proxy_buffers 8 16k; \
                proxy_busy_buffers_size 32k; (fastcgi_ alike), then nginx -t && nginx -s reload.",
            "Better: fewer or smaller headers in the application (session id instead of session \
                content, no debug headers).",
            "Spilled bodies: leave them, or larger proxy_buffers for that location; make sure the \
                disk of proxy_temp_path has room.",
        ],
        corrections: &[
            "Large responses do not cause 502. Large response HEADERS do; a large body only goes \
                to a temporary file.",
            "proxy_buffer_size 128k; alone is refused by nginx -t: \"proxy_busy_buffers_size\" \
                must be less than the size of all \"proxy_buffers\" minus one buffer. With 8 \
                buffers of 4k, 14k is the most it takes alone.",
            "proxy_buffer_size 4k; proxy_buffers 8 4k; proxy_busy_buffers_size 8k are the defaults \
                where a page is 4k: writing them changes nothing.",
            "128k and 4 256k for all locations cost memory on every connection: set only what the \
                header needs, where it is needed.",
            "large_client_header_buffers is about requests of clients: it does not help against \
                too big header from upstream.",
            "fastcgi_buffers and fastcgi_buffer_size act only with fastcgi_pass; proxy_ ones only \
                with proxy_pass.",
        ],
    },
    Topic {
        category: Category::InvalidResponse,
        title: "the upstream answered, but not in the protocol spoken to it",
        meaning: "nginx read bytes that are not a valid response of the protocol it speaks to that \
            upstream: no HTTP status line, a broken header or chunk, a wrong FastCGI or HTTP/2 \
            frame. The client gets 502, in the body phase the status already sent with a body cut \
            short. One case gives no 502: no valid HTTP/1.0 header is passed on as HTTP/0.9 and \
            logged as status 009.",
        access_log: "Header phase: $status 502, $upstream_status 502, $upstream_header_time -. \
            Body phase: $status as sent. No valid HTTP/1.0 header: $status 009, $upstream_status \
            200, $upstream_header_time set.",
        causes: &[
            "Wrong protocol for the port, all requests from the first one: http:// to TLS, SSH or \
                a raw socket; fastcgi_pass or grpc_pass to an HTTP server. The number in the \
                message decodes to ASCII (72 is H, 4740180 is HTT).",
            "A bug of the application or framework, independent of load, since one deploy: invalid \
                header, two Content-Length, Content-Length together with Transfer-Encoding, broken \
                chunks.",
            "The application writes to stdout before its header (CGI, FastCGI, raw sockets).",
            "gRPC or HTTP/2 upstream that resets streams: RST_STREAM or GOAWAY with an error code \
                (7 REFUSED_STREAM, 11 ENHANCE_YOUR_CALM) under load.",
            "Stricter nginx after an upgrade: duplicate header line and Content-Length checks are \
                errors in stable since 1.24.0.",
        ],
        directives: &[
            Directive {
                name: "proxy_pass",
                default: "none",
                context: "location, if in location, limit_except",
                bearing: "The scheme is the protocol: http:// or https://. FastCGI, uwsgi, SCGI, \
                    gRPC have their own *_pass.",
            },
            Directive {
                name: "proxy_http_version",
                default: "1.1 since 1.29.7, 1.0 before",
                context: "http, server, location",
                bearing: "1.0, 1.1, and 2 since 1.29.4. A gRPC backend needs grpc_pass.",
            },
            Directive {
                name: "proxy_next_upstream",
                default: "error timeout",
                context: "http, server, location",
                bearing: "invalid_header is not in the default list: add it to try another peer; \
                    it always counts for max_fails.",
            },
        ],
        check: &[
            "On the gateway: printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 10.0.0.5 8080 | head -c \
                64 | xxd (48 54 54 50 is HTTP, 15 03 is a TLS alert, 53 53 48 is SSH)",
            "On the gateway: curl -sv -o /dev/null http://10.0.0.5:8080/path; for gRPC: curl -sv \
                --http2-prior-knowledge -o /dev/null http://10.0.0.5:50051/",
            "grep -E ' 009 ' access.log for answers passed on as HTTP/0.9",
            "Is it all requests of a location (protocol), or one URL or version (application)?",
            "nginx -T 2>/dev/null | grep -nE '(proxy|fastcgi|uwsgi|scgi|grpc)_pass'",
        ],
        fix: &[
            "Use the *_pass and scheme that the port speaks (location): proxy_pass https://..., \
                fastcgi_pass, uwsgi_pass, grpc_pass.",
            "Repair the header in the application: one Content-Length, no control characters, no \
                output before the header.",
            "Pass the same answer through another peer meanwhile: proxy_next_upstream error \
                timeout invalid_header; in location.",
        ],
        corrections: &[
            "Do not look for 502 only: no valid HTTP/1.0 header is 009 in the access log, with \
                $upstream_status 200.",
            "Larger buffers or timeouts do not repair an invalid answer.",
        ],
    },
    Topic {
        category: Category::NoLiveUpstreams,
        title: "every peer of the group was marked down or busy, so none was asked",
        meaning: "nginx found no peer to choose and gave a 502 at once, without connecting \
            anywhere. It is a consequence: each peer had failed max_fails times within \
            fail_timeout before (10 s by default), or is marked down, or has max_conns \
            connections. In the line, upstream: holds the name of the group, not an address.",
        access_log: "$status 502, $upstream_addr the group's name, $upstream_status 502, \
            $upstream_connect_time -, $upstream_header_time -, $upstream_response_time 0.000. In a \
            retry it is the last element: $upstream_addr \"10.0.0.1:80, backend\".",
        causes: &[
            "All peers failed within fail_timeout: look back 10 s for the first refused, timed out \
                or reset line of each peer. That line is the cause.",
            "A group of two of which one is marked down: a single failure of the other disables it \
                for 10 s.",
            "One name with two addresses (localhost with ::1 and 127.0.0.1): a group of two of \
                which one never works.",
            "max_conns reached: no failure lines before; long concurrent requests. The peers are \
                busy, not dead.",
            "All servers marked down: from the first request after a reload; nginx -t accepts it.",
            "Without zone each worker counts alone: one PID logs no live upstreams while others \
                still connect.",
            "ingress-nginx: a service without ready endpoints. no peer was returned, then \
                connect() to 0.0.0.1:80 failed (22), 502.",
        ],
        directives: &[
            Directive {
                name: "server ... max_fails",
                default: "1",
                context: "upstream",
                bearing: "Failures within fail_timeout that take a peer out; 0 never takes it out. \
                    Ignored in a group of one.",
            },
            Directive {
                name: "server ... fail_timeout",
                default: "10s",
                context: "upstream",
                bearing: "Both the window of counting and the time out of service.",
            },
            Directive {
                name: "server ... max_conns",
                default: "0",
                context: "upstream",
                bearing: "Limit of connections to the peer; 0 is none. Per worker unless the group \
                    has a zone.",
            },
            Directive {
                name: "server ... down",
                default: "not set",
                context: "upstream",
                bearing: "Never used, but still makes the group plural, so that max_fails applies \
                    to the rest.",
            },
            Directive {
                name: "server ... backup",
                default: "not set",
                context: "upstream",
                bearing: "Used when all primary peers are out. Not with hash, ip_hash, random.",
            },
            Directive {
                name: "zone",
                default: "none",
                context: "upstream",
                bearing: "Shares peer states between the workers.",
            },
            Directive {
                name: "proxy_next_upstream",
                default: "error timeout",
                context: "http, server, location",
                bearing: "What counts as failure: error, timeout and invalid_header always; \
                    http_5xx and http_429 if listed; 403 and 404 never.",
            },
        ],
        check: &[
            "grep -E 'temporarily disabled|no live upstreams|while connecting to upstream|reading \
                response header' error.log, and read the 10 s before the first no live upstreams",
            "nginx -T 2>/dev/null | grep -nA12 'upstream backend' (the name after http:// in \
                upstream:), for down, max_conns, zone",
            "getent ahosts NAME for every name in the group: two addresses are two peers",
            "PIDs of the lines: one PID only means per-worker counting",
            "ingress-nginx: kubectl get endpointslices -n NAMESPACE -l \
                kubernetes.io/service-name=SERVICE",
        ],
        fix: &[
            "Repair the first failure of the peers; this one then disappears.",
            "server 10.0.0.5:8080 max_fails=3 fail_timeout=10s; in upstream, or max_fails=0 where \
                another peer is not available anyway.",
            "Remove the down peer from the group instead of marking it, if only one peer is left.",
            "zone backend 64k; in the upstream block, so that all workers share one count.",
            "max_conns: raise it, or make the requests shorter.",
            "Write 127.0.0.1 instead of localhost.",
        ],
        corrections: &[
            "server ... down in a two-line group is a trap: with max_fails=1 one hiccup of the \
                other peer is 10 s of 502. A group of one address is never disabled.",
            "max_fails=3 fail_timeout=30s on a group of one address has no effect.",
            "health_check is NGINX Plus: open source says unknown directive, nginx -t fails, the \
                reload is refused, and the other fixes of the same edit never become active.",
            "upstream_status does not exist in any nginx: the same refusal. Plus has api; open \
                source has only the logs.",
            "Restarting nginx clears the marks but not the cause: they end by themselves after \
                fail_timeout.",
        ],
    },
    Topic {
        category: Category::Dns,
        title: "a name could not be turned into an address",
        meaning: "At start or reload nginx could not resolve a name of the configuration (emerg: \
            it does not start, or keeps the old configuration). At run time, with a variable in \
            proxy_pass or server ... resolve, the lookup through resolver failed: the client gets \
            502 and no upstream was tried (stream: 500). The number in could not be resolved (3: \
            Host not found) is a DNS code, not an errno.",
        access_log: "$status 502 with all $upstream_* variables -; $request_time small, or \
            resolver_timeout (30 s) if the DNS server was silent. Stream: $status 500. Failure at \
            start or reload: nothing, nginx is down or the old configuration serves on.",
        causes: &[
            "A variable in proxy_pass without resolver: no resolver defined to resolve NAME, every \
                request.",
            "The name does not exist for that DNS server: (3: Host not found). Typical: an \
                internal name asked at 8.8.8.8, a Kubernetes or Docker short name without its \
                search domain. Also an existing name without A and AAAA records.",
            "The DNS server is silent or away: (110: Operation timed out) after 30 s, often with \
                send() or recv() failed (111) while resolving before it.",
            "The DNS server refuses or fails: (5: Operation refused), (2: Server failure).",
            "A missing or misspelt upstream block: host not found in upstream \"backend\" with a \
                name without dots, at a reload.",
            "Start order: DNS or the backend's container is not up yet when nginx starts.",
            "Not here, but of the same root: a name resolved once at start has moved. No DNS line \
                at all, instead refused or timeout at an old address.",
        ],
        directives: &[
            Directive {
                name: "resolver",
                default: "none",
                context: "http, server, location, upstream (1.27.3)",
                bearing: "DNS servers for names at run time. Does not read /etc/hosts, \
                    /etc/resolv.conf or search domains. ipv6=off skips AAAA.",
            },
            Directive {
                name: "resolver_timeout",
                default: "30s",
                context: "http, server, location, upstream (1.27.3)",
                bearing: "How long a lookup may take; then 502.",
            },
            Directive {
                name: "proxy_pass",
                default: "none",
                context: "location, if in location, limit_except",
                bearing: "A name without variable is resolved once, at start or reload; with a \
                    variable at run time.",
            },
            Directive {
                name: "server ... resolve",
                default: "not set",
                context: "upstream",
                bearing: "Re-resolves at run time; needs zone and resolver. Open source since \
                    1.27.3.",
            },
            Directive {
                name: "zone",
                default: "none",
                context: "upstream",
                bearing: "Required by server ... resolve.",
            },
        ],
        check: &[
            "dig @10.0.0.2 api.example A +short, and AAAA, with the server of the resolver \
                directive",
            "getent ahosts api.example: what nginx gets at start, through /etc/hosts and search \
                domains; resolver does not see these",
            "nginx -T 2>/dev/null | grep -nE 'resolver|proxy_pass .*\\$'",
            "cat /etc/resolv.conf on the gateway, in the container: is the resolver directive the \
                same server?",
            "After a reload: is emerg host not found in upstream followed by no start worker \
                processes? Then the old configuration serves on",
        ],
        fix: &[
            "resolver 10.0.0.2 valid=30s; in http or server, with the DNS server that knows the \
                name (Docker 127.0.0.11, Kubernetes the address of kube-dns).",
            "Fully qualified names at run time: api.default.svc.cluster.local, not api.",
            "Since 1.27.3: upstream backend { zone backend 64k; resolver 10.0.0.2; server \
                api.example:8080 resolve; } and proxy_pass http://backend;",
            "Before 1.27.3: set $api http://api.example:8080; proxy_pass $api; in location, with \
                resolver.",
            "Missing block: define upstream backend { ... } in http, or correct the name.",
            "Start order: After=network-online.target nss-lookup.target in the unit; a health \
                condition in compose.",
        ],
        corrections: &[
            "resolver 8.8.8.8 cannot know internal names, and depends on the internet: use your \
                own DNS server.",
            "A resolver directive alone does nothing for a proxy_pass without variable: its name \
                is still resolved once, at start.",
            "(3: Host not found), (2: Server failure), (5: Operation refused) are DNS codes: no \
                file is missing and no upstream refused.",
            "A name in /etc/hosts is enough at start and unknown at run time.",
        ],
    },
    Topic {
        category: Category::Unreachable,
        title: "no route, no network, no host",
        meaning: "The kernel of the gateway, a router or the upstream's firewall said that the \
            address cannot be reached: 113 no route to host, 101 network is unreachable, 112 host \
            is down. The client gets 502; nothing reached the application. Unlike refused, no TCP \
            answer came from the port; unlike a timeout, somebody said no.",
        access_log: "$status 502, $upstream_status 502, $upstream_connect_time -, \
            $upstream_response_time 0.000 (101, or a rejecting firewall) or about 3 s (113 after \
            ARP got no answer).",
        causes: &[
            "113 after about 3 s: the host is on the same network and does not answer ARP: powered \
                off, wrong address, container or VM gone.",
            "113 at once, host alive: a firewall that rejects with icmp-host-prohibited (the \
                default of firewalld).",
            "101 at once to an [IPv6] peer: the gateway has no IPv6 route, but the name has an \
                AAAA record.",
            "99 to an IPv6 address: no usable IPv6 source address on the gateway (IPv6 disabled). \
                To an IPv4 address it is port exhaustion: see resource-exhausted.",
            "101 to an IPv4 peer: no default route or interface down; all peers of that network at \
                once.",
            "22 to 0.0.0.1:80: the placeholder of ingress-nginx, no endpoints: see \
                no-live-upstreams.",
        ],
        directives: &[
            Directive {
                name: "resolver ... ipv6",
                default: "on",
                context: "http, server, location",
                bearing: "ipv6=off: no AAAA lookups at run time.",
            },
            Directive {
                name: "proxy_bind",
                default: "none",
                context: "http, server, location",
                bearing: "A source address that cannot reach the upstream gives the same errors.",
            },
            Directive {
                name: "proxy_next_upstream",
                default: "error timeout",
                context: "http, server, location",
                bearing: "Counts as error: the next peer is tried.",
            },
        ],
        check: &[
            "On the gateway: ip route get 10.0.0.5 and ip -6 route get fd00::5",
            "ip neigh show 10.0.0.5: FAILED or INCOMPLETE is a host that does not answer ARP",
            "ping -c 3 10.0.0.5, then nc -vz -w 5 10.0.0.5 8080: ping works and nc says no route \
                means a rejecting firewall",
            "On the upstream: firewall-cmd --list-all, or nft list ruleset | grep -i reject",
            "getent ahosts NAME: is there an IPv6 address that nobody can reach?",
        ],
        fix: &[
            "Start the host, or correct the address in proxy_pass or server (upstream) and reload.",
            "Open the port on the upstream: firewall-cmd --permanent --add-port=8080/tcp && \
                firewall-cmd --reload",
            "IPv6: resolver 10.0.0.2 ipv6=off; (http, server, location), or an IPv4 address in \
                server (upstream); or give the gateway an IPv6 route.",
            "Restore the route or interface: ip route, ip link.",
        ],
        corrections: &[
            "musl (Alpine) writes Host is unreachable for 113 and Network unreachable for 101: \
                search for the number, not the text.",
            "Raising proxy_connect_timeout does not help: the kernel has answered.",
        ],
    },
    Topic {
        category: Category::Permission,
        title: "the kernel forbade it: SELinux, AppArmor, socket mode or owner, a local firewall",
        meaning: "connect() returned 13 (Permission denied) or 1 (Operation not permitted): \
            nothing was sent and the client got 502. On TCP it is never a file mode: SELinux, \
            AppArmor, a prohibit route or an eBPF hook. On a unix socket it is the mode or owner \
            of the socket or of a directory above it, or again SELinux or AppArmor. Without an AVC \
            or AppArmor record of nginx the cause stays open between these.",
        access_log: "$status 502, $upstream_status 502, $upstream_connect_time -, \
            $upstream_response_time 0.000. Temporary file not writable: 500, or 200 cut short. \
            Static file not readable: 403, see static-file. bind(): nginx does not start.",
        causes: &[
            "TCP on RHEL, Fedora, CentOS: SELinux does not let httpd_t connect to that port; an \
                AVC with { name_connect } comm=\"nginx\" dest=PORT in the same second. Constant, \
                for that port only.",
            "Unix socket, no AVC: the worker user (user directive) has no write right on the \
                socket, or no x right on a directory above. Often after a restart of the backend \
                with another user or umask.",
            "Unix socket with AVC: { write } on the sock_file is its label; { connectto } is the \
                domain of the backend (unconfined_service_t, initrc_t), and no boolean helps.",
            "AppArmor: apparmor=\"DENIED\" operation=\"connect\" with comm=\"nginx\".",
            "A route of type prohibit, a network policy or eBPF hook: 13 or 1 without any AVC.",
            "Temporary directory (proxy_temp, client_body_temp) not writable for the worker user: \
                crit open() ... failed (13) on large bodies only.",
            "bind() ... failed (13) at start: a port below 1024 without root, or a port SELinux \
                does not label http_port_t.",
        ],
        directives: &[
            Directive {
                name: "user",
                default: "nobody nobody",
                context: "main",
                bearing: "The user of the workers, who needs the rights on socket and temporary \
                    directories.",
            },
            Directive {
                name: "proxy_temp_path",
                default: "proxy_temp",
                context: "http, server, location",
                bearing: "Directory for spilled bodies; must be writable for user.",
            },
            Directive {
                name: "client_body_temp_path",
                default: "client_body_temp",
                context: "http, server, location",
                bearing: "Directory for request bodies; must be writable for user.",
            },
        ],
        check: &[
            "ausearch -m avc -ts today -c nginx | tail, or grep 'comm=\"nginx\"' \
                /var/log/audit/audit.log: denied, permissive=0, and the same dest= port or socket \
                path",
            "getenforce; getsebool -a | grep httpd; semanage port -l | grep -w 3000",
            "journalctl -k | grep 'apparmor=\"DENIED\"' and aa-status",
            "namei -l /run/app/app.sock (every directory needs x, the socket needs w, for the user \
                of nginx -T 2>/dev/null | grep -w user)",
            "As the worker: sudo -u nginx curl -sv --unix-socket /run/app/app.sock \
                http://localhost/ (tests mode and owner only: a shell is not confined by SELinux \
                as nginx is)",
            "ls -Z /run/app/app.sock and ps -eZ | grep -E 'nginx|myapp' for the labels",
            "ip route get 10.0.0.5: prohibit?",
        ],
        fix: &[
            "SELinux, narrowest first: httpd_graceful_shutdown or httpd_can_network_relay for \
                http_port_t (80, 443, 8008, 8009, 8443, 9000), httpd_can_network_relay for 8080, \
                httpd_can_network_connect_db for databases, httpd_can_network_redis for 6379. \
                setsebool -P NAME 1",
            "SELinux, ports like 3000, 5000, 8000: setsebool -P httpd_can_network_connect 1 (opens \
                all ports); or semanage port -a -t http_port_t -p tcp PORT (-m if it has a type) \
                together with a boolean for http_port_t.",
            "SELinux, socket label: put it under /run/php-fpm or another path of type \
                httpd_var_run_t, or semanage fcontext -a -t httpd_var_run_t '/run/app(/.*)?' && \
                restorecon -Rv /run/app",
            "Socket mode: in the backend, so that it survives restarts. php-fpm: listen.owner, \
                listen.group = nginx, listen.mode = 0660. systemd: SocketGroup=, \
                RuntimeDirectoryMode=0755. Or usermod -aG app nginx and restart nginx.",
            "AppArmor: /run/app/app.sock rw, or network inet stream, in the profile, then \
                apparmor_parser -r /etc/apparmor.d/PROFILE",
            "Temporary directory: chown nginx: /var/lib/nginx/proxy && restorecon -Rv \
                /var/lib/nginx",
        ],
        corrections: &[
            "setenforce 0 is a test, not a fix: it switches off the protection of the whole host \
                and is gone, or forgotten, at the next boot. aa-complain and aa-disable alike.",
            "chmod 666 on the socket lets every local user talk to the backend, and is lost when \
                the backend restarts: use group and mode in the backend's own configuration.",
            "grep nginx audit.log | audit2allow -M allows every denial that mentions nginx, not \
                only the one that failed: pass only the AVC of this connect, and try a boolean \
                first.",
            "httpd_can_network_connect_db opens database ports only (3306, 5432, 27017, ...): it \
                is not for a specific port and does not help for 3000 or 8080.",
            "Enforcing alone proves nothing: without an AVC of the same process, port and second \
                it is just as likely mode or owner. permissive=1 in the AVC means it was allowed.",
            "audit2why also lists nis_enabled for some ports: do not use it, it opens far more.",
        ],
    },
    Topic {
        category: Category::SocketMissing,
        title: "the unix socket of the upstream does not exist",
        meaning: "connect() to unix:/path failed (2: No such file or directory): the path of \
            fastcgi_pass or proxy_pass names no file in the view of the nginx worker. The client \
            gets 502 at once. A file that exists without a listener gives 111 instead (refused), \
            one without rights 13 (permission).",
        access_log: "$status 502, $upstream_addr unix:/path, $upstream_status 502, \
            $upstream_connect_time -, $upstream_response_time 0.000.",
        causes: &[
            "The backend is not running (php-fpm, gunicorn, uwsgi): it removed its socket when it \
                stopped.",
            "The path differs: php7.4-fpm.sock in nginx, php8.2-fpm.sock on disk, typically after \
                an upgrade.",
            "/run is empty after a reboot: the directory was made by hand and no RuntimeDirectory= \
                or tmpfiles.d entry makes it again.",
            "PrivateTmp: a socket in /tmp or /var/tmp is seen only by the service that made it.",
            "Containers: the socket is in another file system; no shared volume.",
        ],
        directives: &[
            Directive {
                name: "fastcgi_pass",
                default: "none",
                context: "location, if in location",
                bearing: "unix:/run/php/php8.2-fpm.sock. The path must be that of listen in the \
                    pool.",
            },
            Directive {
                name: "proxy_pass",
                default: "none",
                context: "location, if in location, limit_except",
                bearing: "http://unix:/run/app.sock:/uri; the second colon ends the path.",
            },
            Directive {
                name: "server",
                default: "none",
                context: "upstream",
                bearing: "server unix:/run/app.sock;",
            },
        ],
        check: &[
            "ss -lxp | grep -E 'php|app' (the path that really listens); ls -l of the path in the \
                log",
            "systemctl status php8.2-fpm; grep -rn '^listen' /etc/php/*/fpm/pool.d/",
            "nginx -T 2>/dev/null | grep -nE 'unix:'",
            "nsenter -t $(pgrep -o nginx) -m ls -l /tmp/app.sock (what nginx sees); systemctl show \
                nginx myapp -p PrivateTmp",
        ],
        fix: &[
            "systemctl enable --now php8.2-fpm (or the backend in question).",
            "Make both paths equal: fastcgi_pass (location) and listen in the pool; then nginx -t \
                && nginx -s reload.",
            "RuntimeDirectory=app in the backend's unit, or d /run/app 0755 app app in \
                /etc/tmpfiles.d/app.conf.",
            "Move the socket out of /tmp into /run/app/.",
            "Containers: one shared volume for the directory of the socket, or TCP.",
        ],
        corrections: &[
            "chmod and chown cannot help: there is no file.",
            "An empty file made with touch is no socket: it gives 111, not a connection.",
            "nc HOST PORT tests say nothing about unix: upstreams; use curl --unix-socket.",
        ],
    },
    Topic {
        category: Category::Tls,
        title: "the TLS handshake failed: toward the upstream a 502, toward a client noise",
        meaning: "With while SSL handshaking to upstream, nginx and the upstream could not agree: \
            certificate, name, version, cipher, client certificate, or the port speaks plain text. \
            The client gets 502. With while SSL handshaking alone it is a client's handshake with \
            this gateway (scanners, old clients): no request, no access-log line, no gateway \
            failure. A handshake that hangs is a timeout (504).",
        access_log: "$status 502, $upstream_status 502, $upstream_connect_time - (the handshake is \
            part of it), $upstream_response_time small. Hanging handshake: 504 after \
            proxy_connect_timeout. Client side: no line, or 400.",
        causes: &[
            "wrong version number: https:// to a port that speaks plain HTTP. All requests, from \
                the first.",
            "Alert 112 unrecognized name, or 40 handshake failure: no SNI, or the wrong one. \
                proxy_ssl_server_name is off by default.",
            "certificate does not match \"NAME\": proxy_ssl_name defaults to $proxy_host, which is \
                the name of the upstream GROUP.",
            "certificate verify error 10 expired, 18 or 19 self-signed, 20 or 21 missing CA or \
                intermediate, 22 chain too long: only with proxy_ssl_verify on. An expiry starts \
                sharply, on all gateways in the same second.",
            "Alert 70 protocol version, or unsupported protocol: no common TLS version.",
            "Alert 40, 42 bad certificate or 116 certificate required: the upstream wants a client \
                certificate, or there is no common cipher.",
            "peer closed connection in SSL handshake: a load balancer or SNI filter cut it, or the \
                peer is overloaded.",
            "Error 20 although the CA file is right: two locations with one implicit upstream \
                share TLS sessions.",
        ],
        directives: &[
            Directive {
                name: "proxy_ssl_server_name",
                default: "off",
                context: "http, server, location",
                bearing: "Sends SNI. What it sends is proxy_ssl_name.",
            },
            Directive {
                name: "proxy_ssl_name",
                default: "$proxy_host",
                context: "http, server, location",
                bearing: "Name for SNI and for verification: the group's name if proxy_pass names \
                    a group.",
            },
            Directive {
                name: "proxy_ssl_verify",
                default: "off",
                context: "http, server, location",
                bearing: "on needs proxy_ssl_trusted_certificate.",
            },
            Directive {
                name: "proxy_ssl_trusted_certificate",
                default: "none",
                context: "http, server, location",
                bearing: "CA file in PEM, with intermediates the upstream does not send.",
            },
            Directive {
                name: "proxy_ssl_verify_depth",
                default: "1",
                context: "http, server, location",
                bearing: "Too small: error 22, certificate chain too long.",
            },
            Directive {
                name: "proxy_ssl_protocols",
                default: "TLSv1.2 TLSv1.3",
                context: "http, server, location",
                bearing: "Versions offered to the upstream.",
            },
            Directive {
                name: "proxy_ssl_certificate",
                default: "none",
                context: "http, server, location",
                bearing: "Client certificate, with proxy_ssl_certificate_key.",
            },
            Directive {
                name: "proxy_ssl_session_reuse",
                default: "on",
                context: "http, server, location",
                bearing: "off if a session of one location spoils the verification of another.",
            },
            Directive {
                name: "proxy_set_header",
                default: "Host $proxy_host; Connection close (not sent since 1.29.7)",
                context: "http, server, location",
                bearing: "The Host the backend sees: the group's name if proxy_pass names a group.",
            },
        ],
        check: &[
            "openssl s_client -connect 10.0.0.5:443 -servername backend.example.com -showcerts \
                </dev/null (with and without -servername)",
            "The same, piped into: openssl x509 -noout -subject -issuer -dates -ext subjectAltName",
            "openssl s_client -connect 10.0.0.5:443 -CAfile /etc/nginx/ca.pem -verify_return_error \
                -verify_hostname backend.example.com </dev/null",
            "curl -sv --max-time 5 -o /dev/null http://10.0.0.5:8443/: an HTTP answer means the \
                port is plain text",
            "nginx -T 2>/dev/null | grep -nE 'proxy_ssl|proxy_pass https'",
            "In the log: while SSL handshaking to upstream (failure) or while SSL handshaking \
                (client)",
        ],
        fix: &[
            "proxy_ssl_server_name on; proxy_ssl_name backend.example.com; proxy_set_header Host \
                backend.example.com; together, in the location.",
            "Plain-text port: proxy_pass http://..., or the TLS port of the backend.",
            "Verification: proxy_ssl_verify on; proxy_ssl_trusted_certificate /etc/nginx/ca.pem; \
                proxy_ssl_verify_depth 2; in the location. Let the upstream send its \
                intermediates.",
            "Expired: renew the upstream's certificate and reload the upstream.",
            "Client certificate: proxy_ssl_certificate and proxy_ssl_certificate_key in the \
                location.",
            "Old upstream: proxy_ssl_protocols TLSv1 TLSv1.1 TLSv1.2; in that location only, with \
                an OpenSSL that still allows it.",
        ],
        corrections: &[
            "proxy_ssl_server_name on alone sends the group's name (proxy_pass https://backend \
                sends SNI backend, and Host backend): also set proxy_ssl_name and Host.",
            "proxy_ssl_verify off is the default: writing it changes nothing and hides nothing.",
            "server backend.example.com; without port is port 80 even under proxy_pass https://: \
                write :443.",
            "SSL_do_handshake() failed while SSL handshaking, client: ..., server: 0.0.0.0:443 is \
                a client or scanner: not a cause of 502.",
        ],
    },
    Topic {
        category: Category::ResourceExhausted,
        title: "the gateway ran out of connections, files, ports, memory or disk, or a unix \
            backlog was full",
        meaning: "nginx itself or its host had nothing left: worker_connections, open files, \
            source ports, memory, disk, a shared zone; or the listen queue of a unix socket was \
            full because all workers of the backend are busy. Clients get 500 or 502, or wait at \
            accept without any log line. It comes with load and, but for the unix backlog, hits \
            all upstreams together; a failure of one peer does not look like that.",
        access_log: "Local socket, files, worker_connections: $status 500, $upstream_addr empty \
            (not -), $upstream_status -, $upstream_response_time 0.000. Ports (99) and unix \
            backlog (11): $status 502 with the peer's address, $upstream_connect_time -. At \
            accept: no line at all. Disk full: 500, or 200 cut short.",
        causes: &[
            "worker_connections are not enough: 512 by default, and a proxied request takes two \
                (client and upstream).",
            "24 Too many open files: the limit of the worker process, at socket() (500) or at \
                accept4() (clients wait).",
            "99 Cannot assign requested address, to IPv4: all source ports to that address and \
                port in use or in TIME_WAIT; short connections without keepalive at high rates.",
            "11 Resource temporarily unavailable on unix:: the backend's listen queue is full, all \
                its workers busy (php-fpm pm.max_children, listen.backlog; net.core.somaxconn). On \
                TCP the SYN is dropped instead: connect times of 1, 3, 7 s.",
            "28 No space left on device: proxy_temp, client_body_temp or the log's disk; inodes \
                too.",
            "12 Cannot allocate memory, malloc() failed: memory of host or container.",
            "Shared zone full: could not allocate node, ngx_slab_alloc() failed: no memory in \
                zone.",
            "bind(ADDR) failed (99) while connecting: proxy_bind names an address the host does \
                not have.",
            "SELinux { setrlimit } denial: worker_rlimit_nofile does not take effect \
                (httpd_setrlimit).",
        ],
        directives: &[
            Directive {
                name: "worker_connections",
                default: "512",
                context: "events",
                bearing: "Per worker, client and upstream connections together.",
            },
            Directive {
                name: "worker_rlimit_nofile",
                default: "none",
                context: "main",
                bearing: "Open files of a worker; at least worker_connections plus files and logs.",
            },
            Directive {
                name: "worker_processes",
                default: "1",
                context: "main",
                bearing: "The sum is worker_processes times worker_connections; auto is one per \
                    core.",
            },
            Directive {
                name: "keepalive",
                default: "32 local since 1.29.7, off before",
                context: "upstream",
                bearing: "Reuse saves source ports. Before 1.29.7 it also needs proxy_http_version \
                    1.1 and Connection \"\".",
            },
            Directive {
                name: "proxy_bind",
                default: "none",
                context: "http, server, location",
                bearing: "Source address; several of them multiply the ports.",
            },
            Directive {
                name: "accept_mutex_delay",
                default: "500ms",
                context: "events",
                bearing: "After 24 at accept nginx stops accepting for this long.",
            },
            Directive {
                name: "proxy_temp_path",
                default: "proxy_temp",
                context: "http, server, location",
                bearing: "Where bodies spill; needs disk and inodes.",
            },
            Directive {
                name: "limit_req_zone",
                default: "none",
                context: "http",
                bearing: "Size of the zone: a full one refuses with limit_req_status.",
            },
        ],
        check: &[
            "grep -E 'worker_connections|\\((11|12|24|28|99): |could not allocate|no memory' \
                error.log",
            "for p in $(pgrep -f 'nginx: worker'); do ls /proc/$p/fd | wc -l; grep 'open files' \
                /proc/$p/limits; done",
            "ss -s; ss -Htan 'dst 10.0.0.5 and dport = :8080' | awk '{print $1}' | sort | uniq -c; \
                sysctl net.ipv4.ip_local_port_range",
            "ss -lx | grep app.sock (Recv-Q up to Send-Q: the queue is full); grep max_children in \
                the php-fpm log",
            "df -h and df -i for the temp and log directories; free -m; dmesg -T | grep -i oom",
        ],
        fix: &[
            "events { worker_connections 8192; } and worker_rlimit_nofile 20000; in main; \
                LimitNOFILE=20000 in the systemd unit.",
            "Ports: keepalive 64; in the upstream block (before 1.29.7 with proxy_http_version 1.1 \
                and proxy_set_header Connection \"\"), sysctl net.ipv4.ip_local_port_range='10240 \
                65000', more peers, or several proxy_bind addresses.",
            "Unix backlog: more backend workers (pm.max_children), listen.backlog in the pool and \
                net.core.somaxconn; then restart the backend.",
            "Disk: free it, move proxy_temp_path, or bound it with proxy_max_temp_file_size.",
            "Zone: a larger size in limit_req_zone, limit_conn_zone, proxy_cache_path keys_zone or \
                zone; the reload makes a new, empty zone.",
            "SELinux: setsebool -P httpd_setrlimit 1",
        ],
        corrections: &[
            "keepalive 32 without proxy_http_version 1.1 and Connection \"\" does nothing before \
                1.29.7; since 1.29.7 it is the default.",
            "ulimit -n in a shell does not reach a service: LimitNOFILE= in the unit, or \
                worker_rlimit_nofile.",
            "Raising worker_connections above the file limit moves the failure from one message to \
                the other.",
            "99 toward an IPv6 address is a missing IPv6 source address, not port exhaustion: see \
                unreachable.",
        ],
    },
    Topic {
        category: Category::Upstream5xx,
        title: "the application itself answered 5xx; nginx passed it on",
        meaning: "The upstream sent a complete response with status 500 to 599, and nginx handed \
            it to the client. Nothing failed in nginx, so the error log has no line. A 502 or 504 \
            of this kind comes from another gateway behind this one. It is told from nginx's own \
            by $upstream_header_time: set means passed on, - means made here.",
        access_log: "$status and $upstream_status the same 5xx, $upstream_connect_time and \
            $upstream_header_time set. Retried: \"503, 200\". With proxy_intercept_errors and \
            error_page, $status may be anything (200). Cached: $upstream_cache_status HIT, all \
            other $upstream_* -.",
        causes: &[
            "500: an exception of the application; one URL, one version, one tenant. Look into the \
                application's log.",
            "502 or 504 with a header time: a second gateway, ingress, mesh or CDN behind this \
                one. Its log has the cause.",
            "503: the application's own overload, maintenance page or rate limit.",
            "Load: 5xx rate follows request rate, response times grow first.",
            "A cached error: proxy_cache_valid any or 502 stored it; HIT, no upstream asked.",
        ],
        directives: &[
            Directive {
                name: "proxy_next_upstream",
                default: "error timeout",
                context: "http, server, location",
                bearing: "http_500, http_502, http_503, http_504, http_429 are not in the default: \
                    the answer is passed on, not retried. fastcgi_, uwsgi_, scgi_ lists lack \
                    http_502 and http_504.",
            },
            Directive {
                name: "proxy_intercept_errors",
                default: "off",
                context: "http, server, location",
                bearing: "on lets error_page replace the upstream's answer, and the access log \
                    shows that status.",
            },
            Directive {
                name: "proxy_cache_use_stale",
                default: "off",
                context: "http, server, location",
                bearing: "http_500, http_502, ... serve a stale copy instead; the client sees 200.",
            },
            Directive {
                name: "proxy_cache_valid",
                default: "none",
                context: "http, server, location",
                bearing: "any stores errors too.",
            },
        ],
        check: &[
            "Application log between $time_local minus $request_time and $time_local; $request_id \
                if it is passed on",
            "Access log: is $upstream_header_time set? Log it: log_format with $upstream_addr \
                $upstream_status $upstream_connect_time $upstream_header_time \
                $upstream_response_time",
            "Past the gateway: curl -si http://10.0.0.5:8080/path | head (Server: and the footer \
                of the page tell who answered)",
            "Share per peer: one bad peer of many points to its host or version",
        ],
        fix: &[
            "Repair the application; nothing in nginx is wrong.",
            "One bad peer: take it out, or let another answer: proxy_next_upstream error timeout \
                http_503; in location, for idempotent requests.",
            "Keep errors out of the cache: proxy_cache_valid 200 301 302 10m; in location.",
        ],
        corrections: &[
            "Raising timeouts or buffers does nothing: the upstream has answered.",
            "Not every 502 in the access log is nginx's: without a line in the error log and with \
                a header time it was passed on.",
        ],
    },
    Topic {
        category: Category::AppStderr,
        title: "text the application wrote: FastCGI stderr, Lua and njs messages",
        meaning: "nginx copies what a FastCGI application writes to stderr into its own error log, \
            at level error, whatever the request's status. The client got what the application \
            answered: often 200, 404 or 500. It is not a gateway failure, but it often names the \
            reason of a 500 or of a premature close right after it.",
        access_log: "Whatever the application returned: 200 with warnings, 404 with Primary script \
            unknown, 500 with PHP Fatal error.",
        causes: &[
            "PHP message: PHP Warning, Notice, Deprecated: an application that logs to stderr. \
                Noise, but many lines.",
            "PHP message: PHP Fatal error (memory exhausted, uncaught exception): the 500 of that \
                request.",
            "Primary script unknown, Unable to open primary script: php-fpm found no file at \
                SCRIPT_FILENAME; root or alias of nginx differs from the path in the pool's \
                container or chroot. 404.",
            "Access to the script has been denied (see security.limit_extensions): a file that is \
                not .php. 403.",
            "[lua] lines: log calls of Lua code, in ingress-nginx of its balancer.",
        ],
        directives: &[
            Directive {
                name: "fastcgi_param",
                default: "none",
                context: "http, server, location",
                bearing: "SCRIPT_FILENAME must be the path as php-fpm sees it; a list in a \
                    location replaces all inherited ones.",
            },
            Directive {
                name: "root",
                default: "html",
                context: "http, server, location, if in location",
                bearing: "$document_root of SCRIPT_FILENAME.",
            },
            Directive {
                name: "fastcgi_intercept_errors",
                default: "off",
                context: "http, server, location",
                bearing: "on lets error_page replace the application's 4xx and 5xx.",
            },
            Directive {
                name: "error_log",
                default: "logs/error.log error",
                context: "main, http, mail, stream, server, location",
                bearing: "stderr text is written at error: it cannot be filtered by level without \
                    losing failures.",
            },
        ],
        check: &[
            "The access-log line of the same second and client: its status says whether it \
                mattered",
            "Primary script unknown: nginx -T 2>/dev/null | grep -nE 'SCRIPT_FILENAME|root|alias' \
                and ls -l that path in php-fpm's container or chroot",
            "php-fpm and application log for the stack trace; nginx cuts a record at 2048 bytes",
        ],
        fix: &[
            "Send the application's log to its own file, in the php-fpm pool: \
                php_admin_value[error_log] = /var/log/php/app.log and php_admin_flag[log_errors] = \
                on",
            "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; in location, with \
                root as the path is in php-fpm's file system.",
            "try_files $uri =404; in the PHP location, so that missing scripts never reach \
                php-fpm.",
        ],
        corrections: &[
            "FastCGI sent in stderr is not the cause of a 502 by itself; look at the status of the \
                request.",
            "The text is the application's, and may hold newlines and whole lines that imitate \
                other records: do not count what stands inside the quotes.",
        ],
    },
    Topic {
        category: Category::Health,
        title: "a peer was taken out of a group, or put back",
        meaning: "upstream server temporarily disabled: the peer has failed max_fails times within \
            fail_timeout and gets no requests for fail_timeout (10 s by default). It is a warning \
            about the state of the group, not a failed request of its own. The return is silent: \
            nginx logs it only at level debug. Check modules (Tengine, yaoweibin) log both \
            directions.",
        access_log: "No own line. The attempt that tipped it: \"502, 200\" or \"504, 200\" in \
            $upstream_status. While it is out, $upstream_addr does not name it.",
        causes: &[
            "A refused, timed out or reset attempt of that peer in the same second: that line is \
                the cause. The warning comes after connect and recv errors, but before upstream \
                timed out.",
            "No error line at all: an answer listed in proxy_next_upstream (http_503, http_429) \
                counted; nginx logs no error for it.",
            "max_fails=1, the default: one lost packet is enough.",
            "check time out with peer, disable check peer: the active check of a module failed.",
        ],
        directives: &[
            Directive {
                name: "server ... max_fails",
                default: "1",
                context: "upstream",
                bearing: "Failures within fail_timeout. 0 switches the accounting off. Ignored in \
                    a group of one.",
            },
            Directive {
                name: "server ... fail_timeout",
                default: "10s",
                context: "upstream",
                bearing: "Window of counting and time out of service.",
            },
            Directive {
                name: "zone",
                default: "none",
                context: "upstream",
                bearing: "Without it each worker counts and disables on its own.",
            },
            Directive {
                name: "proxy_next_upstream",
                default: "error timeout",
                context: "http, server, location",
                bearing: "What counts as a failure, besides error, timeout and invalid_header.",
            },
            Directive {
                name: "error_log",
                default: "logs/error.log error",
                context: "main, http, mail, stream, server, location",
                bearing: "The message is at level warn: invisible with the default error.",
            },
        ],
        check: &[
            "grep -E 'temporarily disabled|no live upstreams|check peer' error.log, by upstream \
                and PID",
            "nginx -T 2>/dev/null | grep -nE 'max_fails|fail_timeout|next_upstream|zone '",
            "Access log: share of each $upstream_addr per minute; a peer that vanishes for 10 s at \
                a time",
        ],
        fix: &[
            "Repair what made the attempt fail.",
            "server 10.0.0.5:8080 max_fails=3 fail_timeout=10s; and zone backend 64k; in the \
                upstream block.",
            "error_log /var/log/nginx/error.log warn; to see these lines at all.",
        ],
        corrections: &[
            "health_check is NGINX Plus, upstream_status does not exist: both are unknown \
                directive in open source, and the whole reload is refused.",
            "server ... down is no health check: it stays until the next edit, and makes a group \
                of two fragile.",
            "max_fails and fail_timeout do nothing for a group with one address.",
            "No line that a peer is back is no sign that it is still out: the return is not \
                logged.",
        ],
    },
    Topic {
        category: Category::Lifecycle,
        title: "start, stop, reload, log reopening",
        meaning: "The master or a worker changed state. A reload that works shows signal 1 \
            (SIGHUP) received, reconfiguring, start worker processes, and old workers exiting. A \
            reload with emerg lines and no new workers was refused: the old configuration serves \
            on. These lines are marks on the time axis, to be laid beside the failures.",
        access_log: "No line. A restart cuts requests in flight without a record; a reload does \
            not.",
        causes: &[
            "reconfiguring: nginx -s reload or systemctl reload, by a person, certbot, a deploy or \
                a controller.",
            "reopening logs (signal 10, SIGUSR1): log rotation.",
            "signal 15 (SIGTERM), exiting: a fast stop; requests in flight are cut. signal 3 \
                (SIGQUIT), gracefully shutting down: they are finished.",
            "nginx/1.x at start, after an upgrade: defaults may have changed (1.29.7: keepalive \
                and HTTP/1.1 to upstreams).",
            "bind() to 0.0.0.0:80 failed (98) and still could not bind(): another nginx or server \
                holds the port.",
            "Old workers stay after a reload: long connections (WebSocket) hold them.",
        ],
        directives: &[
            Directive {
                name: "error_log",
                default: "logs/error.log error",
                context: "main, http, mail, stream, server, location",
                bearing: "These lines are at notice and only in the main error_log: not seen at \
                    the default level.",
            },
            Directive {
                name: "worker_shutdown_timeout",
                default: "none",
                context: "main",
                bearing: "Closes the connections of old workers after this time.",
            },
            Directive {
                name: "pid",
                default: "logs/nginx.pid",
                context: "main",
                bearing: "nginx -s reads the master's PID here.",
            },
        ],
        check: &[
            "journalctl -u nginx --since '2026-11-20 11:00'; systemctl show nginx -p \
                ActiveEnterTimestamp",
            "grep -E 'signal|reconfiguring|start worker process|exit' error.log",
            "ps -o pid,ppid,lstart,cmd -C nginx (worker process is shutting down marks an old one)",
            "ss -lntp 'sport = :80' when bind() fails",
        ],
        fix: &[
            "error_log /var/log/nginx/error.log notice; in main, so that reloads are in the log.",
            "worker_shutdown_timeout 1h; in main, if old workers pile up.",
            "Reload, do not restart, for a change of configuration: nginx -t && nginx -s reload",
        ],
        corrections: &[
            "A reload command without error is no proof: look for new workers after reconfiguring.",
            "A silent error log around a change may only mean that level notice is off.",
        ],
    },
    Topic {
        category: Category::WorkerCrash,
        title: "a worker process died on a signal",
        meaning: "The master saw a worker end by a signal: 11 segmentation fault, 6 abort, 9 \
            killed (OOM killer or kill -9), 7 bus error. All connections of that worker were cut: \
            clients saw a reset, and their requests have no line in any log. The master starts a \
            new worker at once.",
        access_log: "No line for the requests in flight, nor for lines still in the buffer of \
            access_log; a short dip in the request rate. A balancer in front logs 502 or a \
            connection error.",
        causes: &[
            "Signal 9: the OOM killer of host or container; the kernel log names it in the same \
                second.",
            "Signal 11 or 6: a bug, mostly in a third-party or dynamic module, or a module built \
                for another nginx version. Repeats with certain requests.",
            "Signal 7 (bus error): a served or mapped file was truncated, or the disk failed.",
            "exited with fatal code and cannot be respawned: the worker cannot start (user, \
                rights, limits).",
        ],
        directives: &[
            Directive {
                name: "worker_rlimit_core",
                default: "none",
                context: "main",
                bearing: "Size of a core file; with working_directory it makes one.",
            },
            Directive {
                name: "working_directory",
                default: "none",
                context: "main",
                bearing: "Where core files go; must be writable for user.",
            },
            Directive {
                name: "load_module",
                default: "none",
                context: "main",
                bearing: "Dynamic modules: the first suspects.",
            },
        ],
        check: &[
            "journalctl -k | grep -iE 'oom|killed process|segfault|nginx' in that second; \
                coredumpctl info nginx",
            "nginx -V 2>&1; nginx -T 2>/dev/null | grep load_module; package versions of the \
                modules",
            "Container: kubectl describe pod or docker inspect for OOMKilled and the memory limit",
            "grep -c 'exited on signal' error.log per hour: one event or a loop?",
        ],
        fix: &[
            "OOM: more memory or smaller buffers, caches and worker counts; raise the container's \
                limit.",
            "Segfault: update nginx and its modules together; remove modules one by one; report \
                with the backtrace.",
            "worker_rlimit_core 500m; working_directory /var/cores/; in main, for one more crash \
                with a core file.",
        ],
        corrections: &[
            "Restarting nginx does not help: the master has already started a new worker.",
            "No 502 in the access log of that second is no proof of health: the requests in flight \
                were never logged.",
        ],
    },
    Topic {
        category: Category::Config,
        title: "a directive was refused, at start, at reload or for one request",
        meaning: "nginx refused a directive. At start it does not run; at reload it keeps the OLD \
            configuration and the old workers, so none of the new edits is active. Some errors \
            appear only at run time, with variables: invalid URL prefix, no port in upstream \
            (500). The line ends with the file and line number.",
        access_log: "At start: nothing, clients are refused. At reload: the old behaviour \
            continues. At run time: $status 500, all $upstream_* -.",
        causes: &[
            "A typing error: unknown directive, not terminated by \";\", unexpected \"}\", invalid \
                number of arguments.",
            "A directive of another edition or version: health_check, queue, ntlm (NGINX Plus), \
                upstream_status (exists nowhere).",
            "A directive in the wrong block: directive is not allowed here.",
            "Buffer arithmetic: proxy_buffer_size raised alone.",
            "A name that does not resolve: host not found in upstream (see dns).",
            "A missing file: certificate, include, log directory.",
            "An address already in use: bind() failed (98).",
            "rewrite or internal redirection cycle: try_files or error_page that points to itself; \
                500, not the upstream's doing.",
            "conflicting server name, ignored: the edited server block is not the one that serves.",
        ],
        directives: &[
            Directive {
                name: "include",
                default: "none",
                context: "any",
                bearing: "Relative to the directory of the main file; a glob takes backup files \
                    too if they match (conf.d/* takes x.conf.bak).",
            },
            Directive {
                name: "error_log",
                default: "logs/error.log error",
                context: "main, http, mail, stream, server, location",
                bearing: "emerg lines of a failed reload go to the error_log of the running \
                    configuration; those of nginx -t to stderr.",
            },
        ],
        check: &[
            "nginx -t (as root, so that keys and logs can be read)",
            "nginx -T 2>/dev/null | grep -nE 'configuration file|proxy_buffer_size' (with the \
                directive in question: is the edited file included at all?)",
            "After reconfiguring in the error log: emerg lines, or start worker processes?",
            "systemctl status nginx; journalctl -u nginx -n 50",
        ],
        fix: &[
            "Correct the line the message names, then nginx -t && nginx -s reload.",
            "Remove Plus directives and upstream_status from an open-source configuration.",
            "Set the three buffer directives together (see buffer).",
        ],
        corrections: &[
            "health_check; needs NGINX Plus and upstream_status; does not exist: one of them in \
                the file makes nginx -t fail, and the OTHER fixes of the same edit never become \
                active.",
            "proxy_buffer_size 128k; alone does not load.",
            "nginx -t ok does not mean working: a group of only down servers, and a variable \
                without resolver, pass the test.",
            "proxy_set_header, add_header, error_page, access_log, limit_req in a location replace \
                the inherited list, they do not add to it.",
            "error_log off does not switch logging off: it writes to a file named off.",
        ],
    },
    Topic {
        category: Category::RateLimited,
        title: "a limit of the gateway on requests or connections refused or delayed the client",
        meaning: "limit_req or limit_conn of this nginx refused the request: the client got 503 \
            (limit_req_status, limit_conn_status), often set to 429, and no upstream was asked. \
            delaying request lines are warnings: the request was served later. It is a rule at \
            work, not a gateway failure, and never 502 unless somebody set limit_req_status 502.",
        access_log: "$status 503 (or the configured status), all $upstream_* -, $request_time \
            0.000. Delayed: 200 with $request_time far above $upstream_response_time.",
        causes: &[
            "One client above its rate: many lines of one key. Scanner, crawler, retry loop, a \
                page with many objects.",
            "burst too small for a page: the first N requests pass, the rest of the same second is \
                refused; nodelay absent adds delays.",
            "All clients share one key: behind a load balancer $binary_remote_addr is the \
                balancer's address, without realip.",
            "Retries of a failing client make the rate: look at what failed first.",
            "A rate limit of the backend or of a CDN: 503 or 429 with $upstream_status set and no \
                such line here.",
        ],
        directives: &[
            Directive {
                name: "limit_req_zone",
                default: "none",
                context: "http",
                bearing: "Key, size and rate: limit_req_zone $binary_remote_addr zone=one:10m \
                    rate=10r/s;",
            },
            Directive {
                name: "limit_req",
                default: "none",
                context: "http, server, location",
                bearing: "burst and delay or nodelay; a list in a location replaces the inherited \
                    one.",
            },
            Directive {
                name: "limit_req_status",
                default: "503",
                context: "http, server, location",
                bearing: "429 tells clients what it is.",
            },
            Directive {
                name: "limit_req_log_level",
                default: "error",
                context: "http, server, location",
                bearing: "Delays are logged one level lower.",
            },
            Directive {
                name: "limit_req_dry_run",
                default: "off",
                context: "http, server, location",
                bearing: "on only counts and logs.",
            },
            Directive {
                name: "limit_conn",
                default: "none",
                context: "http, server, location",
                bearing: "Connections per key; each HTTP/2 request counts as one.",
            },
            Directive {
                name: "limit_conn_status",
                default: "503",
                context: "http, server, location",
                bearing: "429 likewise.",
            },
        ],
        check: &[
            "grep -oE 'limiting (requests|connections).*by zone \"[^\"]+\"' error.log | sort | \
                uniq -c",
            "grep -E 'limiting requests' error.log | grep -oE 'client: [^,]+' | sort | uniq -c | \
                sort -rn | head (one client or all?)",
            "nginx -T 2>/dev/null | grep -nE 'limit_(req|conn)|set_real_ip_from|real_ip_header'",
        ],
        fix: &[
            "limit_req zone=one burst=50 nodelay; in location, if honest clients are hit; size \
                burst from the real arrivals.",
            "limit_req_status 429; and limit_conn_status 429; in http.",
            "Behind a balancer: set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For; in \
                http.",
            "Try a new limit with limit_req_dry_run on; first.",
        ],
        corrections: &[
            "limit_req answers 503, not 502: rate limiting here does not explain a 502.",
            "503 is not always this: without a limiting line, and with $upstream_status 503, it is \
                the backend's.",
            "return in the rewrite phase runs before limit_req: such a location is never limited.",
        ],
    },
    Topic {
        category: Category::ClientAbort,
        title: "the client went away before the answer (499)",
        meaning: "The client, or the load balancer in front, closed its connection while nginx was \
            still working; nginx drops the upstream request and logs 499. The client saw no \
            status. With a request time that piles up at 5, 10, 30 or 60 s it is a slow upstream \
            seen by an impatient client, a hidden timeout; with milliseconds it is page changes \
            and scanners. The error-log line is at info, so it is normally absent.",
        access_log: "$status 499, $upstream_status -, $upstream_header_time -, \
            $upstream_response_time equal to $request_time: the client's patience. After the \
            header was sent: 200 with short bytes. HTTP/2 aborts: 499 and no upstream message.",
        causes: &[
            "A slow upstream and a client timeout below nginx's 60 s: request times at one \
                constant value. Count it with the timeouts.",
            "The idle or response timeout of the balancer or CDN in front (AWS ALB 60 s): all \
                clients at the same value.",
            "People who leave or reload the page; health checks and scanners with short timeouts: \
                request time 0.0xx.",
            "Retries over several peers: 60 s and 60 s, and the client left in between.",
        ],
        directives: &[
            Directive {
                name: "proxy_ignore_client_abort",
                default: "off",
                context: "http, server, location",
                bearing: "on: the upstream request is finished anyway, and the status is its own \
                    instead of 499.",
            },
            Directive {
                name: "proxy_read_timeout",
                default: "60s",
                context: "http, server, location",
                bearing: "Shorter than the patience in front, so that nginx answers 504 and names \
                    the peer.",
            },
            Directive {
                name: "proxy_next_upstream_timeout",
                default: "0",
                context: "http, server, location",
                bearing: "Bounds the sum of tries below the client's patience.",
            },
            Directive {
                name: "error_log",
                default: "logs/error.log error",
                context: "main, http, mail, stream, server, location",
                bearing: "The message needs level info.",
            },
        ],
        check: &[
            "$request_time of the 499 lines: one constant value, or all sizes?",
            "$upstream_addr and URI of the 499 lines: one slow peer or path?",
            "Timeouts of what stands in front (load balancer, CDN, client library)",
        ],
        fix: &[
            "Repair the slow path (see timeout, header phase).",
            "Keep the order: backend limit below proxy_read_timeout, below the balancer's timeout.",
            "proxy_ignore_client_abort on; in the location of work that must be finished \
                (payments), not in general.",
        ],
        corrections: &[
            "499 is not an error of nginx, and no status the client saw.",
            "Raising proxy_read_timeout turns 504 into more 499: the client does not wait longer \
                because nginx does.",
            "No client prematurely closed line is no proof of none: it is logged at info, and \
                never for HTTP/2 and HTTP/3.",
        ],
    },
    Topic {
        category: Category::ClientError,
        title: "the client sent something the gateway refused",
        meaning: "nginx answered the request itself with 400, 408, 413, 414, 421, 494 to 497 or \
            505, or closed the connection; no upstream was asked. The words are mostly at level \
            info, the 413 at error. These are scanners, old clients, too large uploads or TLS sent \
            to a plain port: not gateway failures.",
        access_log: "$status 400 (also for 494 to 497), 408, 413, 414, 421 or 505; all $upstream_* \
            -. $request may be empty, cut, or raw TLS bytes \\x16\\x03\\x01.",
        causes: &[
            "client intended to send too large body: larger than client_max_body_size (1m): 413.",
            "too large request, too long header line: cookies or URI above \
                large_client_header_buffers: 400 or 414.",
            "invalid request, invalid method: scanners, TLS or PROXY protocol sent to a plain \
                port.",
            "broken header while reading PROXY protocol: listen ... proxy_protocol, and the client \
                or balancer does not send it.",
            "plain HTTP request to HTTPS port: on a backend nginx it means that the gateway in \
                front uses http:// for a TLS port.",
            "client timed out: 408, a slow or dead client.",
            "SSL handshaking failures of clients: old versions, scanners.",
        ],
        directives: &[
            Directive {
                name: "client_max_body_size",
                default: "1m",
                context: "http, server, location",
                bearing: "413 above it. 0 is no limit.",
            },
            Directive {
                name: "large_client_header_buffers",
                default: "4 8k",
                context: "http, server",
                bearing: "Request line (414) and each header line (400) must fit one buffer.",
            },
            Directive {
                name: "client_header_buffer_size",
                default: "1k",
                context: "http, server",
                bearing: "First buffer for the request header.",
            },
            Directive {
                name: "client_body_timeout",
                default: "60s",
                context: "http, server, location",
                bearing: "408 between two reads of the body.",
            },
            Directive {
                name: "client_header_timeout",
                default: "60s",
                context: "http, server",
                bearing: "408 until the header is whole.",
            },
            Directive {
                name: "listen",
                default: "*:80 | *:8000",
                context: "server",
                bearing: "proxy_protocol and ssl must be as the sender speaks. *:8000 without root \
                    rights.",
            },
        ],
        check: &[
            "Access log: client address, $request and user agent of the 4xx lines",
            "grep -E 'too large body|PROXY protocol|client sent' error.log (most need error_log at \
                info)",
            "nginx -T 2>/dev/null | grep -nE 'client_max_body_size|large_client_header|listen '",
        ],
        fix: &[
            "Uploads: client_max_body_size 50m; in the location that takes them, and the same \
                limit in the backend.",
            "Large cookies: large_client_header_buffers 4 16k; in http or the default server of \
                the listen address.",
            "PROXY protocol: on both sides or on none; set_real_ip_from for those who may send it.",
            "Nothing, for scanners.",
        ],
        corrections: &[
            "413, 414 and 400 have nothing to do with proxy_buffer_size: that one is for the \
                upstream's header.",
            "client_max_body_size 0 everywhere moves the refusal to the backend, where it becomes \
                a 502 (104 while sending request).",
        ],
    },
    Topic {
        category: Category::AccessDenied,
        title: "a rule, a missing index or a failed login on the gateway",
        meaning: "This nginx itself refused: deny (403), auth_basic (401), a directory without \
            index (403), or auth_request whose subrequest did not end in 2xx, 401 or 403 (500). No \
            upstream was asked for the request. A 401 or 403 of the backend has no error-log line \
            at all. auth request unexpected status: 502 is a real failure: of the auth backend, \
            shown to the client as 500.",
        access_log: "$status 403 or 401, all $upstream_* -. auth_request with a dead auth backend: \
            $status 500, all $upstream_* -. The backend's own 401 or 403: $upstream_status the \
            same, header time set, no error line.",
        causes: &[
            "access forbidden by rule: allow and deny of the location; often a changed client \
                address or a missing realip.",
            "directory index of ... is forbidden: no index file and autoindex off; often a \
                location that should proxy but does not.",
            "user was not found, password mismatch: auth_basic.",
            "auth request unexpected status: 502 or 504: the auth service is down; its own \
                upstream line stands before, with subrequest: \"/auth\".",
            "ModSecurity: Access denied: a rule of the WAF.",
        ],
        directives: &[
            Directive {
                name: "allow, deny",
                default: "none",
                context: "http, server, location, limit_except",
                bearing: "First match wins; a list in a location replaces the inherited one.",
            },
            Directive {
                name: "auth_basic",
                default: "off",
                context: "http, server, location, limit_except",
                bearing: "401.",
            },
            Directive {
                name: "auth_request",
                default: "off",
                context: "http, server, location",
                bearing: "2xx passes, 401 and 403 are passed on, all else is 500.",
            },
            Directive {
                name: "satisfy",
                default: "all",
                context: "http, server, location",
                bearing: "any lets one of address and login suffice.",
            },
            Directive {
                name: "autoindex",
                default: "off",
                context: "http, server, location",
                bearing: "off with no index file gives 403.",
            },
            Directive {
                name: "log_subrequest",
                default: "off",
                context: "http, server, location",
                bearing: "on writes the auth subrequest into the access log.",
            },
        ],
        check: &[
            "client: of the lines: the address nginx sees; is it that of a balancer?",
            "auth_request: grep -E 'subrequest: ' error.log for the failure behind the 500",
            "nginx -T 2>/dev/null | grep -nE 'allow |deny |auth_|satisfy|real_ip'",
            "ls -l and index of the directory named",
        ],
        fix: &[
            "auth_request: repair the auth backend; its line (refused, timeout) has its own \
                category.",
            "Address rules behind a balancer: set_real_ip_from and real_ip_header in http.",
            "Directory: index, try_files, or the missing proxy_pass in that location (it is not \
                inherited by nested locations).",
        ],
        corrections: &[
            "A backend that wants a login answers 401, not 502: an Authorization header in \
                proxy_set_header does not cure a 502.",
            "The 500 of auth request unexpected status is not the application's: look at the \
                subrequest.",
        ],
    },
    Topic {
        category: Category::StaticFile,
        title: "a served file could not be opened",
        meaning: "nginx itself was to serve a file and could not: missing (404), not readable \
            (403), or an error of the file system (500). No upstream is involved, except when \
            error_page sent a failed request there: then the line carries upstream: and the real \
            failure is the line before it.",
        access_log: "$status 404, 403 or 500, all $upstream_* -. With a missing error page: \
            $status 404 and $upstream_status 502.",
        causes: &[
            "favicon.ico, robots.txt, old links and scanners: missing files, harmless.",
            "50x.html missing: error_page 502 /50x.html; without the file. The root is the 502 \
                line before.",
            "root or alias wrong, or a nested location without proxy_pass: all files of a prefix.",
            "13 Permission denied: mode of the file or x on a directory above; on SELinux hosts a \
                label other than httpd_sys_content_t.",
            "24 Too many open files, 5 Input/output error: resources or disk.",
        ],
        directives: &[
            Directive {
                name: "root",
                default: "html",
                context: "http, server, location, if in location",
                bearing: "Prefix of the path; alias replaces the matched part instead.",
            },
            Directive {
                name: "try_files",
                default: "none",
                context: "server, location",
                bearing: "Its last argument is the fallback: =404, or a named location.",
            },
            Directive {
                name: "error_page",
                default: "none",
                context: "http, server, location, if in location",
                bearing: "The page must exist; proxied failures are sent there too.",
            },
            Directive {
                name: "log_not_found",
                default: "on",
                context: "http, server, location",
                bearing: "off silences missing files.",
            },
            Directive {
                name: "open_file_cache",
                default: "off",
                context: "http, server, location",
                bearing: "Caches handles, and with open_file_cache_errors also failures.",
            },
        ],
        check: &[
            "namei -l PATH of the line; ls -Z PATH on SELinux hosts",
            "Is there upstream: in the line? Then read the line before it with the same *N",
            "nginx -T 2>/dev/null | grep -nE 'root|alias|try_files|error_page'",
        ],
        fix: &[
            "Provide the file, or location = /favicon.ico { log_not_found off; access_log off; }",
            "error_page 502 504 /50x.html; with location = /50x.html { root /usr/share/nginx/html; \
                internal; } and the file in place.",
            "restorecon -Rv /srv/www, or semanage fcontext -a -t httpd_sys_content_t \
                '/srv/www(/.*)?' before it.",
        ],
        corrections: &[
            "open() ... failed (13) on content is 403, not 502.",
            "The path in the message is decoded and comes from the client: a raw newline in it can \
                imitate whole log lines.",
        ],
    },
    Topic {
        category: Category::Other,
        title: "everything else: read the templates",
        meaning: "The line is none of the known shapes, or is known and no failure of a request: \
            cache housekeeping, internal alerts, third-party modules, application text. An alert \
            here means that nginx met something it did not expect; the rest is mostly harmless. \
            What matters is its frequency and whether it begins with an incident.",
        access_log: "Depends on the message; most have no line of their own.",
        causes: &[
            "Messages of a third-party module, Lua code or a fork (Tengine, OpenResty, Angie).",
            "Level alert, internal: open socket left in connection, zero size buf: a bug, mostly \
                of a module.",
            "Cache: cache file is too small, md5 collision, unlink() failed: the request goes on \
                as a MISS.",
            "Text in another language, or a message of a newer or patched nginx.",
            "Not an nginx log at all, or a wrapped one that was not unwrapped.",
        ],
        directives: &[
            Directive {
                name: "error_log",
                default: "logs/error.log error",
                context: "main, http, mail, stream, server, location",
                bearing: "Level error hides the warn, notice and info lines that explain much; \
                    crit and above hides the failures themselves (refused is error).",
            },
            Directive {
                name: "log_format",
                default: "combined",
                context: "http",
                bearing: "combined has no $upstream_* fields: the failing peer, status and times \
                    are then unknown.",
            },
        ],
        check: &[
            "Most frequent shapes: sed -E 's/[0-9]+/N/g' error.log | cut -c1-120 | sort | uniq -c \
                | sort -rn | head",
            "grep -E 'upstream|emerg|alert|crit' error.log (with -E)",
            "grep -E '\" 50[0-9] ' access.log for the status; the error log does not contain it",
            "nginx -T 2>/dev/null | grep -nE 'error_log|access_log|log_format'",
        ],
        fix: &[
            "error_log /var/log/nginx/error.log warn; in main and http, so that disabled peers \
                show.",
            "log_format up '$remote_addr [$time_iso8601] \"$request\" $status $request_time \
                $connection \"$upstream_addr\" \"$upstream_status\" \"$upstream_connect_time\" \
                \"$upstream_header_time\" \"$upstream_response_time\"'; in http, and access_log \
                /var/log/nginx/access.log up;",
        ],
        corrections: &[
            "grep -i 'upstream|502' error.log finds nothing: without -E the bar is an ordinary \
                character. Use grep -E. An empty answer of such a script is not \"no errors\".",
            "The error log never contains the status 502: search for the messages, and for the \
                status in the access log.",
            "grep ' 502 ' access.log also finds a body of 502 bytes: match the status by its \
                place, after the quoted request.",
            "The words 502, refused and timed out are not all: also look for no live upstreams, \
                recv() failed (104, (2: No such file, (13:, (99:, (113:, could not be resolved, \
                SSL_do_handshake, worker_connections, exited on signal, 499, and at rotated files.",
        ],
    },
];

/// Ordered by category, then phase; each pair at most once.
pub const PHASE_NOTES: &[PhaseNote] = &[
    PhaseNote {
        category: Category::Refused,
        phase: Phase::Connect,
        note: "The peer's own refusal: 502 at 0 ms. Nothing was sent, so the next peer is tried \
            whatever the method; the address is after upstream:, and before failed if the refusal \
            was synchronous.",
    },
    PhaseNote {
        category: Category::Refused,
        phase: Phase::Resolve,
        note: "send() or recv() failed (111) while resolving: the DNS server refused, not the \
            upstream. Requests fail with 502 after resolver_timeout (30s). Correct or restart the \
            server of the resolver directive.",
    },
    PhaseNote {
        category: Category::Timeout,
        phase: Phase::Connect,
        note: "proxy_connect_timeout (60s; fastcgi_, uwsgi_, scgi_, grpc_ alike): the SYN got no \
            answer. 504; in stream 502. A dropping firewall, a dead host or a full accept queue, \
            never a slow application. If the text is connect() failed (110) the kernel gave up \
            first: 502.",
    },
    PhaseNote {
        category: Category::Timeout,
        phase: Phase::Tls,
        note: "proxy_connect_timeout too; there is no separate TLS timer. TCP works, TLS is \
            silent: 504. Mostly https:// to a plain-text port, or an overloaded peer. In stream \
            nothing is logged at all, and the session is 502.",
    },
    PhaseNote {
        category: Category::Timeout,
        phase: Phase::Send,
        note: "proxy_send_timeout (60s): the upstream does not read the request body. 504. Large \
            uploads, or a backend without a free worker that has filled its socket buffer.",
    },
    PhaseNote {
        category: Category::Timeout,
        phase: Phase::Header,
        note: "proxy_read_timeout (60s; fastcgi_read_timeout and so on): the request was sent, the \
            application has not answered. 504. Look at the application; the network is seldom at \
            fault.",
    },
    PhaseNote {
        category: Category::Timeout,
        phase: Phase::Body,
        note: "proxy_read_timeout between two reads of the body: the header was already forwarded, \
            so $status stays (200) and the body is cut. Invisible in a 5xx rate.",
    },
    PhaseNote {
        category: Category::Timeout,
        phase: Phase::Tunnel,
        note: "proxy_read_timeout or proxy_send_timeout of an upgraded connection: an idle \
            WebSocket, $status 101. Normal; set proxy_read_timeout 3600s in that location or send \
            pings. Stream: proxy_timeout (10m), status 200, level info.",
    },
    PhaseNote {
        category: Category::Timeout,
        phase: Phase::Resolve,
        note: "resolver_timeout (30s): the DNS server is silent. 502 (stream 500), no upstream \
            tried: the category is dns.",
    },
    PhaseNote {
        category: Category::PrematureClose,
        phase: Phase::Send,
        note: "The upstream closed while the request was being sent: it answered early or died. \
            502; the request is repeated only if the method allows it.",
    },
    PhaseNote {
        category: Category::PrematureClose,
        phase: Phase::Header,
        note: "FIN before a complete header: 502. Response time of a few ms with connect time \
            0.000 is the keepalive race; one constant value is the backend's own limit; anything \
            else a crash. POST, LOCK and PATCH are not tried again.",
    },
    PhaseNote {
        category: Category::PrematureClose,
        phase: Phase::Body,
        note: "The body is shorter than its Content-Length, or its chunks are unfinished: $status \
            as sent (200), the client sees a cut. A crash in mid response, or a wrong \
            Content-Length. No retry is possible.",
    },
    PhaseNote {
        category: Category::PrematureClose,
        phase: Phase::Client,
        note: "Noticed while sending to client: the same as the body phase, only found on a write \
            to the client. $status as sent.",
    },
    PhaseNote {
        category: Category::Reset,
        phase: Phase::Connect,
        note: "connect() failed (104): the peer, or a proxy in front of it, took the SYN and cut \
            the connection before it was up. 502; the next peer is tried.",
    },
    PhaseNote {
        category: Category::Reset,
        phase: Phase::Tls,
        note: "The peer cut the TCP connection during the handshake: 502. A load balancer, an SNI \
            filter or an overloaded peer; the category is then mostly tls.",
    },
    PhaseNote {
        category: Category::Reset,
        phase: Phase::Send,
        note: "104 or 32 while the request body is sent: the backend has refused the upload (body \
            limit) or died. 502; its own 413 was lost. Set client_max_body_size to the backend's \
            limit.",
    },
    PhaseNote {
        category: Category::Reset,
        phase: Phase::Header,
        note: "RST before a complete header: 502. A backend that closes with request bytes unread, \
            a crash, php-fpm request_terminate_timeout, or the keepalive race.",
    },
    PhaseNote {
        category: Category::Reset,
        phase: Phase::Body,
        note: "RST in mid response: $status as sent (200), body cut. readv() is the buffered form, \
            recv() that with proxy_buffering off.",
    },
    PhaseNote {
        category: Category::Reset,
        phase: Phase::Client,
        note: "Level error: the upstream's RST, noticed while sending to client; $status as sent, \
            body cut. Level info is the client's own connection: no gateway failure.",
    },
    PhaseNote {
        category: Category::Reset,
        phase: Phase::Tunnel,
        note: "One side of an upgraded or stream connection was cut: status 101 (stream 200). \
            Ordinary for WebSocket clients that vanish; level error means the upstream's side.",
    },
    PhaseNote {
        category: Category::Buffer,
        phase: Phase::Header,
        note: "upstream sent too big header: 502. proxy_buffer_size (one page, 4k or 8k) is \
            smaller than the response header; $upstream_bytes_received equals the buffer.",
    },
    PhaseNote {
        category: Category::Buffer,
        phase: Phase::Body,
        note: "an upstream response is buffered to a temporary file: a warning, the request goes \
            on. Only a full disk (28) or a missing right (13) on proxy_temp_path makes it a \
            failure.",
    },
    PhaseNote {
        category: Category::InvalidResponse,
        phase: Phase::Header,
        note: "The start of the answer is not the protocol: 502, except no valid HTTP/1.0 header, \
            which is passed on and logged as 009 with $upstream_status 200. proxy_next_upstream \
            invalid_header tries another peer.",
    },
    PhaseNote {
        category: Category::InvalidResponse,
        phase: Phase::Body,
        note: "A broken chunk or frame after the header: $status as sent (200), body cut. more \
            data than specified in Content-Length is only a warning.",
    },
    PhaseNote {
        category: Category::NoLiveUpstreams,
        phase: Phase::Connect,
        note: "No peer was chosen, nothing was sent: 502 at 0.000 s, upstream: is the group's \
            name. The cause stands up to fail_timeout (10s) before, in the failures of its peers.",
    },
    PhaseNote {
        category: Category::Dns,
        phase: Phase::Connect,
        note: "A name of proxy_pass with a variable, looked up for this request: 502, all \
            $upstream_* -.",
    },
    PhaseNote {
        category: Category::Dns,
        phase: Phase::Resolve,
        note: "The gateway's talk with the DNS server: no client and no upstream in the line. The \
            requests fail later, after resolver_timeout (30s).",
    },
    PhaseNote {
        category: Category::Dns,
        phase: Phase::None,
        note: "At start or reload (emerg): nginx does not start, or keeps the old configuration. \
            Or, without emerg, the background resolving of server ... resolve (open source since \
            1.27.3): no request fails until the old addresses die.",
    },
    PhaseNote {
        category: Category::Unreachable,
        phase: Phase::Connect,
        note: "502, at once (101, or a rejecting firewall) or after about 3 s (113, ARP). The next \
            peer is tried.",
    },
    PhaseNote {
        category: Category::Unreachable,
        phase: Phase::Resolve,
        note: "The DNS server cannot be reached: correct the resolver directive or the route. \
            Requests get 502 after resolver_timeout (30s).",
    },
    PhaseNote {
        category: Category::Permission,
        phase: Phase::Connect,
        note: "13 at level crit, 502 at 0.000 s. TCP: SELinux, AppArmor, eBPF or a prohibit route. \
            unix: mode or owner of the socket or its directories, or SELinux.",
    },
    PhaseNote {
        category: Category::Permission,
        phase: Phase::Body,
        note: "The temporary directory (proxy_temp_path) cannot be written by the worker user: 200 \
            cut short, large responses only.",
    },
    PhaseNote {
        category: Category::Permission,
        phase: Phase::Resolve,
        note: "send() failed (1: Operation not permitted) while resolving: a local firewall \
            forbids the gateway to ask its DNS server.",
    },
    PhaseNote {
        category: Category::Permission,
        phase: Phase::None,
        note: "At start or log reopening: bind() (port below 1024, SELinux port type), certificate \
            or log file. nginx does not start, or keeps the old configuration or log.",
    },
    PhaseNote {
        category: Category::SocketMissing,
        phase: Phase::Connect,
        note: "2 at level crit, 502 at 0.000 s. The path after unix: does not exist for the \
            worker.",
    },
    PhaseNote {
        category: Category::Tls,
        phase: Phase::Tls,
        note: "while SSL handshaking to upstream: 502, $upstream_connect_time -. proxy_ssl_* of \
            the location decides; a handshake that hangs is a timeout (504).",
    },
    PhaseNote {
        category: Category::Tls,
        phase: Phase::Client,
        note: "while SSL handshaking: a client of this gateway. No request, no access-log line; \
            scanners, old versions, missing SNI. Not a gateway failure, even at level crit.",
    },
    PhaseNote {
        category: Category::ResourceExhausted,
        phase: Phase::Connect,
        note: "A local limit before any peer was reached: worker_connections, 24, bind() 99: 500 \
            with empty $upstream_addr. 99 or 11 from connect(): 502 with the peer's address.",
    },
    PhaseNote {
        category: Category::ResourceExhausted,
        phase: Phase::Body,
        note: "The temporary file of a response: disk full (28) or too many files (24). 200 cut \
            short.",
    },
    PhaseNote {
        category: Category::ResourceExhausted,
        phase: Phase::Accept,
        note: "Clients wait in the kernel's queue: no access-log line, no client in the error \
            line. After 24 nginx stops accepting for accept_mutex_delay (500ms).",
    },
    PhaseNote {
        category: Category::ResourceExhausted,
        phase: Phase::None,
        note: "No client in the line: the process as a whole (accept, zones, log writing), or a \
            client connection dropped before its request.",
    },
    PhaseNote {
        category: Category::AppStderr,
        phase: Phase::Header,
        note: "Written before the answer: often the reason of the status that follows.",
    },
    PhaseNote {
        category: Category::AppStderr,
        phase: Phase::Body,
        note: "Written while the response was already on its way: the status is sent, the text may \
            explain a cut body.",
    },
    PhaseNote {
        category: Category::Health,
        phase: Phase::Connect,
        note: "The peer was disabled after a failed connect: look at the connect error of the same \
            *N.",
    },
    PhaseNote {
        category: Category::Health,
        phase: Phase::Header,
        note: "The peer was disabled after a failed or listed answer (timeout, reset, http_5xx in \
            proxy_next_upstream). For a timeout the warning stands before upstream timed out.",
    },
    PhaseNote {
        category: Category::ClientAbort,
        phase: Phase::Connect,
        note: "The client left while nginx was still connecting: 499 with $upstream_connect_time \
            -. Look for connect timeouts of that peer.",
    },
    PhaseNote {
        category: Category::ClientAbort,
        phase: Phase::Send,
        note: "Usual text while nginx waits for the header, too: the words stay at sending request \
            until the first byte arrives. 499.",
    },
    PhaseNote {
        category: Category::ClientAbort,
        phase: Phase::Header,
        note: "The client left while the upstream worked: 499, $upstream_response_time is the \
            client's patience. Constant values are a hidden timeout.",
    },
    PhaseNote {
        category: Category::ClientAbort,
        phase: Phase::Body,
        note: "The client left during the response: $status as sent (200), bytes short.",
    },
    PhaseNote {
        category: Category::ClientAbort,
        phase: Phase::Client,
        note: "The client's own connection, without upstream: 408, 499 or no line at all.",
    },
    PhaseNote {
        category: Category::ClientAbort,
        phase: Phase::Tunnel,
        note: "A WebSocket client left: $status 101. Normal.",
    },
    PhaseNote {
        category: Category::ClientError,
        phase: Phase::Client,
        note: "Refused before any upstream was asked: 400, 408, 413, 414.",
    },
];

/// Statuses of a gateway in trouble. Where several classes make one, the topic is `other`, which says how to search.
pub const STATUS_NOTES: &[StatusNote] = &[
    StatusNote {
        status: 499,
        page: "Client Closed Request",
        category: Category::ClientAbort,
        classes: &[Category::ClientAbort],
        note: "Nobody saw a 499: the client had left. It stands in the access log alone.",
    },
    StatusNote {
        status: 500,
        page: "Internal Server Error",
        category: Category::ResourceExhausted,
        classes: &[
            Category::Upstream5xx,
            Category::ResourceExhausted,
            Category::Config,
            Category::AccessDenied,
        ],
        note: "nginx makes a 500 itself when it has no connection, file or memory left, and for \
            loops of rewrites; with $upstream_status 500 it is the application's (upstream-5xx).",
    },
    StatusNote {
        status: 502,
        page: "Bad Gateway",
        category: Category::Other,
        classes: &[
            Category::Refused,
            Category::PrematureClose,
            Category::Reset,
            Category::NoLiveUpstreams,
            Category::SocketMissing,
            Category::Buffer,
            Category::Dns,
            Category::Permission,
            Category::Unreachable,
            Category::Tls,
            Category::InvalidResponse,
            Category::Upstream5xx,
        ],
        note: "nginx could not reach the last upstream it tried, or got no valid answer. The error \
            log has a line that says which; the access log has the address, $upstream_addr. A \
            timeout is a 504.",
    },
    StatusNote {
        status: 503,
        page: "Service Temporarily Unavailable",
        category: Category::RateLimited,
        classes: &[Category::Upstream5xx, Category::RateLimited],
        note: "nginx makes a 503 itself where limit_req or limit_conn refuses; with \
            $upstream_status 503 it is the upstream's own.",
    },
    StatusNote {
        status: 504,
        page: "Gateway Time-out",
        category: Category::Timeout,
        classes: &[Category::Timeout, Category::Upstream5xx],
        note: "A timer of nginx ran out at the last upstream it tried; with $upstream_status 504 \
            and a header time it was passed on.",
    },
];

/// Ordered by number. The N of `could not be resolved (N: ...)` is a DNS code: do not look it up here.
pub const ERRNO_NOTES: &[ErrnoNote] = &[
    ErrnoNote {
        number: 1,
        name: "EPERM",
        note: "Operation not permitted: a local firewall (OUTPUT rule), cgroup or eBPF hook \
            forbids the packet or connect. Category permission. The same number on BSD and macOS.",
    },
    ErrnoNote {
        number: 2,
        name: "ENOENT",
        note: "No such file or directory: with connect() to unix: the socket is missing (502), \
            with open() a served file (404). The same on BSD and macOS; Windows 2 and 3. In could \
            not be resolved (2: Server failure) it is a DNS code, not an errno.",
    },
    ErrnoNote {
        number: 11,
        name: "EAGAIN",
        note: "Resource temporarily unavailable: on connect() to unix: the listen queue of the \
            backend is full (Linux only). 502. BSD and macOS 35, Windows 10035.",
    },
    ErrnoNote {
        number: 12,
        name: "ENOMEM",
        note: "Cannot allocate memory: host or container is out of memory. musl: Out of memory. \
            The same on BSD and macOS; Windows 8.",
    },
    ErrnoNote {
        number: 13,
        name: "EACCES",
        note: "Permission denied: on TCP connect SELinux, AppArmor, eBPF or a prohibit route; on \
            unix: also mode and owner; on open() the file's rights (403); on bind() a port below \
            1024 or an SELinux port type. The same on BSD and macOS; Windows 5 and 10013.",
    },
    ErrnoNote {
        number: 22,
        name: "EINVAL",
        note: "Invalid argument: connect() to 0.0.0.1:80 is the placeholder of ingress-nginx, no \
            endpoints. To a real address the kernel refused the address or the socket's state; the \
            peer was not asked. The same on BSD and macOS; Windows 10022.",
    },
    ErrnoNote {
        number: 23,
        name: "ENFILE",
        note: "Too many open files in system: fs.file-max of the host, not the limit of the \
            process. The same on BSD and macOS.",
    },
    ErrnoNote {
        number: 24,
        name: "EMFILE",
        note: "Too many open files: the limit of the worker process; worker_rlimit_nofile or \
            LimitNOFILE. musl: No file descriptors available. The same on BSD and macOS; Windows \
            10024.",
    },
    ErrnoNote {
        number: 28,
        name: "ENOSPC",
        note: "No space left on device: disk or inodes of proxy_temp, client_body_temp, cache or \
            log. The same on BSD and macOS; Windows 112.",
    },
    ErrnoNote {
        number: 32,
        name: "EPIPE",
        note: "Broken pipe: nginx wrote to a connection the upstream had already closed; a refused \
            upload or a crash. The same on BSD and macOS; Windows 109.",
    },
    ErrnoNote {
        number: 98,
        name: "EADDRINUSE",
        note: "Address already in use: bind() at start, another process holds the port; with an \
            explicit proxy_bind all its source ports are taken. musl: Address in use. BSD and \
            macOS 48, Windows 10048.",
    },
    ErrnoNote {
        number: 99,
        name: "EADDRNOTAVAIL",
        note: "Cannot assign requested address: connect() to IPv4, all source ports used; to IPv6, \
            no usable source address; bind(), an address the host does not have. musl: Address not \
            available. BSD and macOS 49, Windows 10049.",
    },
    ErrnoNote {
        number: 100,
        name: "ENETDOWN",
        note: "Network is down: the interface toward the upstream is down. BSD and macOS 50, \
            Windows 10050.",
    },
    ErrnoNote {
        number: 101,
        name: "ENETUNREACH",
        note: "Network is unreachable: no route, often an IPv6 address on a host without IPv6. 502 \
            at once. musl: Network unreachable. BSD and macOS 51, Windows 10051.",
    },
    ErrnoNote {
        number: 103,
        name: "ECONNABORTED",
        note: "Software caused connection abort: at accept the client left before nginx took it, \
            harmless. BSD and macOS 53, Windows 10053.",
    },
    ErrnoNote {
        number: 104,
        name: "ECONNRESET",
        note: "Connection reset by peer: level error is the upstream (502, or a cut body), level \
            info is the client. BSD and macOS 54, Windows 10054.",
    },
    ErrnoNote {
        number: 110,
        name: "ETIMEDOUT",
        note: "Connection timed out: upstream timed out is nginx's timer (504); connect() failed \
            (110) is the kernel's, after tcp_syn_retries (502); could not be resolved (110) is \
            resolver_timeout (502). musl and BSD: Operation timed out. BSD and macOS 60, Windows \
            10060.",
    },
    ErrnoNote {
        number: 111,
        name: "ECONNREFUSED",
        note: "Connection refused: nobody listens (RST), or a stale unix socket; while resolving \
            it is the DNS server; from recv() of a UDP stream it is an ICMP port unreachable. BSD \
            and macOS 61, Windows 10061.",
    },
    ErrnoNote {
        number: 112,
        name: "EHOSTDOWN",
        note: "Host is down: the kernel knows the neighbour does not answer. BSD and macOS 64, \
            Windows 10064. On Windows the number 112 is disk full.",
    },
    ErrnoNote {
        number: 113,
        name: "EHOSTUNREACH",
        note: "No route to host: no ARP answer (about 3 s), or a firewall that rejects (at once; \
            firewalld's default). musl: Host is unreachable. BSD and macOS 65, Windows 10065.",
    },
];

/// Ordered by signature, byte by byte, so that a binary search finds one.
pub const SIGNATURE_NOTES: &[SignatureNote] = &[
    SignatureNote {
        signature: "angie-log-limit",
        note: "Angie 1.12.0 and later drop error-log lines above 1000 a second by default: all \
            counts after this line are lower bounds.",
    },
    SignatureNote {
        signature: "core-bind-to-failed",
        note: "98: another process holds the port. 13: a port below 1024 without root, or the \
            SELinux port type. 99: the host does not have that address.",
    },
    SignatureNote {
        signature: "core-broken-header",
        note: "listen ... proxy_protocol and a sender that does not speak it. The quoted text is \
            raw client input, and may imitate whole log lines.",
    },
    SignatureNote {
        signature: "core-exited-on-signal",
        note: "9: OOM killer or kill -9. 11: segmentation fault. 6: abort. The worker's requests \
            in flight have no line in any log.",
    },
    SignatureNote {
        signature: "core-open-failed-4",
        note: "A temporary file: 13 is the directory's owner or SELinux, 28 a full disk, 24 the \
            file limit. Large bodies only.",
    },
    SignatureNote {
        signature: "core-pwrite-failed",
        note: "28: the disk of proxy_temp or client_body_temp is full: 500, or 200 cut short.",
    },
    SignatureNote {
        signature: "core-reconfiguring",
        note: "A reload began. start worker processes must follow; emerg lines instead mean that \
            it was refused and the old configuration serves on.",
    },
    SignatureNote {
        signature: "core-signal-received-from",
        note: "1 reload, 3 graceful stop, 10 log reopening, 15 fast stop, 17 a child ended. The \
            PID is the sender's.",
    },
    SignatureNote {
        signature: "core-version",
        note: "Start of nginx, and its version: since 1.29.7 keepalive and HTTP/1.1 to upstreams \
            are on by default.",
    },
    SignatureNote {
        signature: "core-worker-connections-are-not-enough",
        note: "alert. With connecting to upstream: 500, $upstream_addr empty. Bare: a client was \
            dropped at accept. A proxied request takes two of worker_connections (512).",
    },
    SignatureNote {
        signature: "core-worker-connections-are-not-enough-reusing-connections",
        note: "warn since 1.19.2, at most once a second: idle keepalive clients are closed to make \
            room. The step before refusals.",
    },
    SignatureNote {
        signature: "event-accept4-failed",
        note: "24 or 23: out of files, accepting pauses for 500ms. 103: the client left before \
            accept, harmless.",
    },
    SignatureNote {
        signature: "event-bind-failed",
        note: "500, $upstream_addr empty: proxy_bind. 99: the host does not have that address \
            (transparent missing?). 98: its source ports are used up.",
    },
    SignatureNote {
        signature: "event-connect-to-failed",
        note: "The synchronous result of connect, with the address in the text. error for refused, \
            reset and unreachable, crit for all else (2, 13, 99).",
    },
    SignatureNote {
        signature: "event-recv-failed",
        note: "The level tells the side: error is the upstream, info is the client. 104 reset, 110 \
            dead TCP connection, 113 the host vanished in mid connection.",
    },
    SignatureNote {
        signature: "event-recv-failed-2",
        note: "111 on a UDP upstream is an ICMP port unreachable; with while resolving it is the \
            DNS server.",
    },
    SignatureNote {
        signature: "event-socket-failed",
        note: "alert, 500, $upstream_addr empty. 24: file limit of the worker. 97: an IPv6 peer on \
            a host without IPv6.",
    },
    SignatureNote {
        signature: "event-upstream-sent-more-data-than-specified-in-content-length-header",
        note: "A warning: extra bytes dropped, the connection not reused. The client got its \
            answer.",
    },
    SignatureNote {
        signature: "event-worker-connections-exceed-open-file-resource-limit",
        note: "At start: worker_connections is above the file limit, so 24 comes first. Set \
            worker_rlimit_nofile.",
    },
    SignatureNote {
        signature: "event-writev-failed",
        note: "The level tells the side: error is the upstream. 32 or 104 while sending request: \
            the backend refused the upload.",
    },
    SignatureNote {
        signature: "http-access-forbidden-by-rule",
        note: "allow and deny of this nginx, 403. The backend's own 403 leaves no error line.",
    },
    SignatureNote {
        signature: "http-auth-request-unexpected-status",
        note: "The client got 500, although the auth backend failed with the status named (502, \
            504). Its own line stands before, with subrequest:, and no access-log line of its own \
            (log_subrequest off).",
    },
    SignatureNote {
        signature: "http-buffer-size-is-not-enough-for-cache-key-it-should-be",
        note: "500, not 502: the cache key is larger than the buffer; the message names the size \
            needed.",
    },
    SignatureNote {
        signature: "http-buffered-to-temporary-file",
        note: "A warning: the body did not fit the buffers and went to disk; the request goes on. \
            No 502 comes from it. proxy_max_temp_file_size 0 disables it for responses.",
    },
    SignatureNote {
        signature: "http-client-intended-to-send-too-large-body-bytes",
        note: "413 by this gateway: client_max_body_size (1m). Not the upstream, and not 502.",
    },
    SignatureNote {
        signature: "http-client-sent-plain-http-request-to-https-port",
        note: "On the backend's nginx: the gateway in front uses http:// for a TLS port. The \
            gateway logs nothing and passes the 400 on.",
    },
    SignatureNote {
        signature: "http-client-sent-too-large-request",
        note: "The client's header is above large_client_header_buffers (4 8k): logged as 400 (494 \
            inside). proxy_buffer_size does not help.",
    },
    SignatureNote {
        signature: "http-client-timed-out-3",
        note: "408: client_header_timeout. The client was slow, not the upstream.",
    },
    SignatureNote {
        signature: "http-connect-failed",
        note: "The asynchronous result of connect: no address in the text, take it from upstream:. \
            The number decides the category; 110 here is the kernel's timeout and 502.",
    },
    SignatureNote {
        signature: "http-could-not-allocate-node",
        note: "The limit_req zone is full: requests are refused with limit_req_status (503) \
            although nobody exceeded a rate.",
    },
    SignatureNote {
        signature: "http-could-not-be-resolved",
        note: "Background resolving of server ... resolve (open source since 1.27.3): no request \
            in the line; peers keep their old addresses.",
    },
    SignatureNote {
        signature: "http-could-not-be-resolved-2",
        note: "The number is a DNS code (1 to 5) or the system's ETIMEDOUT (110, 60, 10060). 502, \
            all $upstream_* -.",
    },
    SignatureNote {
        signature: "http-delaying-request-dry-run-excess-by-zone",
        note: "A warning: the request waited and was served; $request_time is far above \
            $upstream_response_time.",
    },
    SignatureNote {
        signature: "http-failed-2",
        note: "A served file. With upstream: in the line it is a missing error_page target, and \
            the real failure is the line before it.",
    },
    SignatureNote {
        signature: "http-fastcgi-sent-in-stderr",
        note: "Text of the application at level error, whatever the status. It may hold newlines, \
            quotes and imitations of log lines; one message may be split over several records.",
    },
    SignatureNote {
        signature: "http-in-upstream-in-2",
        note: "Mostly host not found in upstream NAME: see dns. The old configuration stays.",
    },
    SignatureNote {
        signature: "http-invalid-url-prefix-in",
        note: "500: the variable in proxy_pass was empty or has no http://.",
    },
    SignatureNote {
        signature: "http-limiting-connections-dry-run-by-zone",
        note: "503 by default (limit_conn_status). With dry run nothing was refused.",
    },
    SignatureNote {
        signature: "http-limiting-requests-dry-run-excess-by-zone",
        note: "503 by default (limit_req_status), never 502. With dry run nothing was refused. \
            excess is the number of requests above the rate.",
    },
    SignatureNote {
        signature: "http-no-live-upstreams",
        note: "upstream: holds the group's name. Look back fail_timeout (10s) for the first \
            failure of each peer. None there: all down, or max_conns reached (busy, not dead). A \
            group of one address is never disabled by failures.",
    },
    SignatureNote {
        signature: "http-no-port-in-upstream",
        note: "500: a proxy_pass with a variable names a group that does not exist, or gives no \
            port.",
    },
    SignatureNote {
        signature: "http-no-resolver-defined-to-resolve-2",
        note: "502, every request: proxy_pass has a variable and no resolver applies. Add \
            resolver, or name an existing upstream block.",
    },
    SignatureNote {
        signature: "http-proxy-busy-buffers-size-must-be-less-than-the-size-of",
        note: "nginx -t refuses proxy_buffer_size raised alone; the old configuration stays. Set \
            proxy_buffers and proxy_busy_buffers_size with it.",
    },
    SignatureNote {
        signature: "http-proxy-pass-cannot-have-uri-part-in-location-given-by-regular",
        note: "Leave the path off proxy_pass in such a location, or build the whole URI with a \
            variable.",
    },
    SignatureNote {
        signature: "http-rewrite-or-internal-redirection-cycle-while-processing",
        note: "500: error_page or try_files points to itself; 10 redirects. Not the upstream's \
            doing.",
    },
    SignatureNote {
        signature: "http-upstream-prematurely-closed-connection",
        note: "No complete header before the FIN. Often an idle-close race on a kept connection; a \
            GET is then served by a second try and only this line remains, with $status 200.",
    },
    SignatureNote {
        signature: "http-upstream-prematurely-closed-fastcgi-request",
        note: "The FastCGI answer broke off after the header: $status as sent, body cut. The \
            php-fpm log names the signal.",
    },
    SignatureNote {
        signature: "http-upstream-prematurely-closed-fastcgi-stdout",
        note: "The PHP worker ended without a header: crash or request_terminate_timeout. Read the \
            FastCGI sent in stderr line before it and the php-fpm log.",
    },
    SignatureNote {
        signature: "http-upstream-prematurely-closed-stream",
        note: "gRPC: the stream ended without a complete answer; 502.",
    },
    SignatureNote {
        signature: "http-upstream-prematurely-sent-response",
        note: "Since 1.29.5: plain-text bytes came before the handshake: the port does not speak \
            TLS, or it speaks first.",
    },
    SignatureNote {
        signature: "http-upstream-rejected-request-with-error",
        note: "RST_STREAM with an HTTP/2 code: 7 REFUSED_STREAM (not processed, may be repeated), \
            8 CANCEL, 11 ENHANCE_YOUR_CALM.",
    },
    SignatureNote {
        signature: "http-upstream-sent-content-length-and-transfer-encoding-headers-at-the-same",
        note: "The application sends both headers: refused with 502 since 1.24 (request \
            smuggling). Repair the application; a version change of nginx makes it begin.",
    },
    SignatureNote {
        signature: "http-upstream-sent-duplicate-header-line-previous-value",
        note: "A second Content-Length, Transfer-Encoding or the like: 502. The form that ends in \
            ignored is only a warning.",
    },
    SignatureNote {
        signature: "http-upstream-sent-goaway-with-error",
        note: "gRPC: the server is closing the whole connection with an error code (11 \
            ENHANCE_YOUR_CALM: too many pings or streams).",
    },
    SignatureNote {
        signature: "http-upstream-sent-invalid-chunked-response",
        note: "After the header: $status as sent, body cut.",
    },
    SignatureNote {
        signature: "http-upstream-sent-invalid-header-x",
        note: "The offending bytes are quoted with \\x escapes: a control character or newline in \
            a header the application built from input.",
    },
    SignatureNote {
        signature: "http-upstream-sent-no-valid-http-1-0-header",
        note: "No 502: the bytes are passed to the client as HTTP/0.9, the access log says 009 \
            with $upstream_status 200. The port speaks TLS, SSH, HTTP/2 or a raw protocol.",
    },
    SignatureNote {
        signature: "http-upstream-sent-too-big-header",
        note: "502: the response HEADER exceeds proxy_buffer_size (4k or 8k). Not the size of the \
            page. Raise proxy_buffer_size together with proxy_buffers and proxy_busy_buffers_size.",
    },
    SignatureNote {
        signature: "http-upstream-sent-too-large-http2-frame",
        note: "The number is ASCII: 4740180 is 0x485454, HTT: an HTTP/1 server behind grpc_pass. \
            5460808 is 0x535348, SSH. 502.",
    },
    SignatureNote {
        signature: "http-upstream-sent-too-large-http2-header",
        note: "gRPC and HTTP/2 upstreams, new after 1.30: grpc_buffer_size or proxy_buffer_size \
            limits the header.",
    },
    SignatureNote {
        signature: "http-upstream-sent-unexpected-fastcgi-record",
        note: "Something else than php-fpm answers there, or it answered two requests at once.",
    },
    SignatureNote {
        signature: "http-upstream-sent-unsupported-fastcgi-protocol-version",
        note: "The number is the first byte: 72 is H, an HTTP server behind fastcgi_pass. Use \
            proxy_pass.",
    },
    SignatureNote {
        signature: "http-upstream-server-temporarily-disabled",
        note: "warn: needs error_log warn. Only in groups with more than one address. After \
            connect and recv errors, but before upstream timed out, of the same attempt. Alone, \
            without an error: an http_5xx or http_429 listed in proxy_next_upstream, which nginx \
            does not log.",
    },
    SignatureNote {
        signature: "http-upstream-ssl-certificate-does-not-match",
        note: "proxy_ssl_name defaults to $proxy_host, the upstream group's name: set it to a name \
            in the certificate.",
    },
    SignatureNote {
        signature: "http-upstream-ssl-certificate-verify-error",
        note: "The number is an X509 code: 10 expired, 18 and 19 self-signed, 20 and 21 missing CA \
            or intermediate, 22 chain longer than proxy_ssl_verify_depth, 23 revoked.",
    },
    SignatureNote {
        signature: "http-upstream-timed-out-3",
        note: "504. The words after while decide the directive. upstream server temporarily \
            disabled of the same attempt stands BEFORE this line. For unix: peers the upstream \
            field has no final colon.",
    },
    SignatureNote {
        signature: "http-write-to-failed",
        note: "The access log could not be written: requests around this time are missing from it.",
    },
    SignatureNote {
        signature: "ingress-no-peer",
        note: "ingress-nginx: the service has no ready endpoint. connect() to 0.0.0.1:80 failed \
            (22) and a 502 follow.",
    },
    SignatureNote {
        signature: "ingress-set-peer",
        note: "ingress-nginx: no host allowed means an ExternalName that was not resolved to an \
            address.",
    },
    SignatureNote {
        signature: "mail-auth-http-server-timed-out",
        note: "Mail proxy: auth_http_timeout (60s), not a proxy timer.",
    },
    SignatureNote {
        signature: "modsecurity-denied",
        note: "A rule of the WAF on the gateway, 403 or the code it names.",
    },
    SignatureNote {
        signature: "old-neither-valid-header",
        note: "Old nginx: the same as no valid HTTP/1.0 header, status 009.",
    },
    SignatureNote {
        signature: "openresty-balancer-no-peer",
        note: "500, not 502: balancer_by_lua did not call set_current_peer.",
    },
    SignatureNote {
        signature: "openresty-entry-thread-aborted",
        note: "500: a Lua error. Always several lines; client: stands on the last one.",
    },
    SignatureNote {
        signature: "openresty-lua-socket-connect-timeout",
        note: "A cosocket of Lua code (Redis, MySQL, HTTP), lua_socket_connect_timeout 60s; \
            upstream: does not name its peer. The application decides the status.",
    },
    SignatureNote {
        signature: "openresty-lua-socket-read-timeout",
        note: "A cosocket of Lua code, lua_socket_read_timeout 60s; not the gateway's upstream.",
    },
    SignatureNote {
        signature: "resolver-dns-error-query-id-name",
        note: "Process level; often a late or duplicate DNS answer, no failed request by itself.",
    },
    SignatureNote {
        signature: "ssl-ssl-do-handshake-failed",
        note: "while SSL handshaking to upstream is a gateway failure, while SSL handshaking alone \
            a client. Read the reason after the last colon.",
    },
    SignatureNote {
        signature: "ssl-ssl-read-failed",
        note: "After the handshake. With TLS 1.3 a refused client certificate shows here, as alert \
            116 or 42, while reading response header. With (104) it is a plain reset.",
    },
    SignatureNote {
        signature: "stream-connection-timed-out",
        note: "info, status 200: idle for proxy_timeout (10m). Normal.",
    },
    SignatureNote {
        signature: "stream-could-not-be-resolved",
        note: "Stream answers 500 here, http 502.",
    },
    SignatureNote {
        signature: "stream-no-live-upstreams",
        note: "As in http: upstream: holds the group's name, status 502.",
    },
    SignatureNote {
        signature: "stream-upstream-server-temporarily-disabled",
        note: "warn. Only in groups with more than one address; the return is not logged.",
    },
    SignatureNote {
        signature: "stream-upstream-timed-out",
        note: "UDP: fewer datagrams than proxy_responses came back.",
    },
    SignatureNote {
        signature: "stream-upstream-timed-out-2",
        note: "Stream: proxy_connect_timeout, and the session is 502, not 504.",
    },
    SignatureNote {
        signature: "tengine-check-connect",
        note: "A health probe failed: core text without client and *N. Do not count it as a failed \
            request.",
    },
    SignatureNote {
        signature: "tengine-check-disable-peer",
        note: "The active check took the peer out; no live upstreams follows if it was the last. \
            Level error, but a change of state.",
    },
    SignatureNote {
        signature: "tengine-check-enable-peer",
        note: "The peer is back; logged at level error although it is good news.",
    },
    SignatureNote {
        signature: "win-recv-reset",
        note: "nginx for Windows: WSARecv() with 10054 is a reset; level info is the client.",
    },
    SignatureNote {
        signature: "win-timeout",
        note: "nginx for Windows: the system's text speaks of connecting even while reading a \
            response header. Believe the words after while.",
    },
    SignatureNote {
        signature: "x-backlog-full-unix",
        note: "Linux only: all workers of the backend are busy and its queue is full \
            (pm.max_children, listen.backlog, net.core.somaxconn). On TCP the same shows as \
            connect times of 1, 3 or 7 s.",
    },
    SignatureNote {
        signature: "x-client-abort-epoll",
        note: "499. The words sending request to upstream are usual even while nginx waits for the \
            header.",
    },
    SignatureNote {
        signature: "x-config-syntax",
        note: "The file and line are at the end. A reload with this line keeps the old \
            configuration: no edit is active. health_check needs NGINX Plus; upstream_status does \
            not exist.",
    },
    SignatureNote {
        signature: "x-conflicting-server-name",
        note: "Two server blocks claim the name: the later one never serves, so an edit there has \
            no effect.",
    },
    SignatureNote {
        signature: "x-connect-reset",
        note: "Cut during connect: a proxy, mesh or balancer in front of the peer, or a peer that \
            drops overload by RST. 502.",
    },
    SignatureNote {
        signature: "x-dns-eperm",
        note: "A local firewall rule forbids the gateway to send to its DNS server; alert, since \
            nginx does not expect this errno.",
    },
    SignatureNote {
        signature: "x-dns-nxdomain",
        note: "3 is a DNS code, not an errno. Also for an existing name without A and AAAA \
            records. resolver knows neither /etc/hosts nor search domains.",
    },
    SignatureNote {
        signature: "x-dns-recv-refused",
        note: "The DNS server's port is closed (ICMP port unreachable); could not be resolved \
            (110) follows.",
    },
    SignatureNote {
        signature: "x-dns-refused",
        note: "5 is a DNS code: the DNS server refuses to answer this client. No upstream refused \
            a connection.",
    },
    SignatureNote {
        signature: "x-dns-send-refused",
        note: "Refused by the DNS server, not by the upstream: no client, no *N. could not be \
            resolved (110) follows 30 s later.",
    },
    SignatureNote {
        signature: "x-dns-servfail",
        note: "2 is a DNS code, not No such file. The DNS server itself failed (its forwarder, \
            DNSSEC).",
    },
    SignatureNote {
        signature: "x-dns-timeout",
        note: "resolver_timeout (30s) passed. 502 after 30 s, not 504; the text is nginx's own on \
            every system.",
    },
    SignatureNote {
        signature: "x-einval",
        note: "The kernel refused the address or the state of the socket; the peer was never \
            asked. Seen with gRPC under ingress-nginx (issue 6273).",
    },
    SignatureNote {
        signature: "x-einval-placeholder",
        note: "ingress-nginx: the Lua balancer found no endpoint, and nginx fell back to its \
            placeholder server 0.0.0.1. Look at the service's endpoints, not at this address; a no \
            peer was returned line stands before it. Newer kernels may give 101 or a timeout.",
    },
    SignatureNote {
        signature: "x-emfile-accept",
        note: "crit, without client or *N. Clients wait; no access-log line shows it. Accepting \
            pauses for accept_mutex_delay (500ms).",
    },
    SignatureNote {
        signature: "x-emfile-socket",
        note: "alert, 500, not 502; $upstream_addr is an empty string. worker_rlimit_nofile in \
            main, LimitNOFILE in the unit.",
    },
    SignatureNote {
        signature: "x-eperm",
        note: "A cgroup or eBPF hook on connect forbids it; no AVC goes with it. Rare: look at \
            network policies first.",
    },
    SignatureNote {
        signature: "x-epipe-request",
        note: "The backend had closed while the body was still being sent. Usual cause: its body \
            limit, whose 413 nobody read. Set client_max_body_size to the same value.",
    },
    SignatureNote {
        signature: "x-fastcgi-primary-script",
        note: "404, not 502: SCRIPT_FILENAME names no file for php-fpm. Compare root with the path \
            inside php-fpm's container or chroot.",
    },
    SignatureNote {
        signature: "x-host-not-found-config",
        note: "emerg: nginx does not start, or a reload is refused and the old configuration \
            serves on. A name without dots is a missing or misspelt upstream block.",
    },
    SignatureNote {
        signature: "x-kernel-connect-timeout",
        note: "502, not 504: the kernel gave up (tcp_syn_retries, about 127 s) before nginx's own \
            timer. It needs a connect timeout above 2 minutes; the cause is that of any connect \
            timeout.",
    },
    SignatureNote {
        signature: "x-net-unreachable",
        note: "Typical for IPv6 addresses on an IPv4-only host: resolver ... ipv6=off, or an IPv4 \
            address in server.",
    },
    SignatureNote {
        signature: "x-no-route",
        note: "At once: a rejecting firewall. After about 3 s: no ARP answer. musl writes Host is \
            unreachable.",
    },
    SignatureNote {
        signature: "x-no-route-async",
        note: "The host is on-link and does not answer ARP, or a firewall sent ICMP \
            admin-prohibited.",
    },
    SignatureNote {
        signature: "x-permission-tcp",
        note: "crit. Never a file mode: SELinux (httpd_can_network_connect, or a narrower \
            boolean), AppArmor, eBPF or ip route prohibit. Look for the AVC of the same second, \
            PID and port.",
    },
    SignatureNote {
        signature: "x-permission-unix",
        note: "crit. Without an AVC it is mode or owner of the socket or x on a directory above; \
            with one it is SELinux. chmod 666 is no fix.",
    },
    SignatureNote {
        signature: "x-ports-exhausted",
        note: "crit, 502. Source ports used up: upstream keepalive, a wider \
            net.ipv4.ip_local_port_range, more peers. To an IPv6 peer it is a missing source \
            address instead.",
    },
    SignatureNote {
        signature: "x-premature-body",
        note: "$status as sent (200): invisible in a 5xx rate. The body was shorter than promised.",
    },
    SignatureNote {
        signature: "x-premature-header",
        note: "502. A few ms with connect time 0.000: keepalive race. One constant value: the \
            backend's own limit. Otherwise a crash.",
    },
    SignatureNote {
        signature: "x-refused-sync",
        note: "The refusal came within connect() itself (loopback, unix); the same cause as \
            without an address.",
    },
    SignatureNote {
        signature: "x-refused-tcp",
        note: "The asynchronous form: no address in the text, take it from upstream:. On macOS and \
            FreeBSD the number is 61, on Windows 10061.",
    },
    SignatureNote {
        signature: "x-refused-unix-stale",
        note: "The socket file is there, its owner is not: start the backend. Removing the file \
            alone only changes 111 into 2.",
    },
    SignatureNote {
        signature: "x-reset-body-buffered",
        note: "readv(): a buffered body was cut; $status as sent (200).",
    },
    SignatureNote {
        signature: "x-reset-client",
        note: "The same text as an upstream's reset, but level info: the client left. Do not count \
            it.",
    },
    SignatureNote {
        signature: "x-reset-header",
        note: "RST before the header: a backend that closed with request bytes unread looks like \
            this too.",
    },
    SignatureNote {
        signature: "x-reset-request",
        note: "The upload was cut while being sent: body limit of the backend, or its crash.",
    },
    SignatureNote {
        signature: "x-slab-no-memory",
        note: "A shared zone is full (limit_req, limit_conn, keys_zone, upstream zone): enlarge \
            the one the message names.",
    },
    SignatureNote {
        signature: "x-socket-missing",
        note: "crit. php-fpm or gunicorn not started, a path of another PHP version, or \
            PrivateTmp; chmod cannot help.",
    },
    SignatureNote {
        signature: "x-timeout-body",
        note: "$status is the one already sent, mostly 200, with a body cut short. \
            proxy_read_timeout between two reads.",
    },
    SignatureNote {
        signature: "x-timeout-connecting",
        note: "proxy_connect_timeout (60s), 504. A dropped SYN: firewall, dead host, full accept \
            queue. Not the application.",
    },
    SignatureNote {
        signature: "x-timeout-header",
        note: "proxy_read_timeout (60s; fastcgi_read_timeout and so on), 504: the application has \
            the request and does not answer.",
    },
    SignatureNote {
        signature: "x-timeout-sending",
        note: "proxy_send_timeout (60s), 504: the backend stopped reading the request body.",
    },
    SignatureNote {
        signature: "x-timeout-ssl",
        note: "proxy_connect_timeout again, 504: no separate TLS timer. First suspect: https:// to \
            a plain-text port.",
    },
    SignatureNote {
        signature: "x-timeout-upgraded",
        note: "$status 101: an idle WebSocket. Normal; proxy_read_timeout in that location, or \
            pings.",
    },
    SignatureNote {
        signature: "x-tls-alert-handshake",
        note: "Alert 40: no SNI (proxy_ssl_server_name on, with proxy_ssl_name), no common cipher, \
            or a client certificate is wanted.",
    },
    SignatureNote {
        signature: "x-tls-alert-version",
        note: "Alert 70: no common TLS version; proxy_ssl_protocols (TLSv1.2 TLSv1.3 by default).",
    },
    SignatureNote {
        signature: "x-tls-client-handshake",
        note: "A client's handshake with this gateway: scanners and old clients, no request. Not \
            an upstream failure, although often at crit; server: is the listen address.",
    },
    SignatureNote {
        signature: "x-tls-peer-closed",
        note: "No reason given: a balancer or SNI filter cut it, or the peer is overloaded. With \
            (104) it was a RST.",
    },
    SignatureNote {
        signature: "x-tls-ssl-read-eof",
        note: "OpenSSL 3 reports a TCP close without close_notify like this: a premature close, \
            not a TLS fault.",
    },
    SignatureNote {
        signature: "x-tls-unrecognized-name",
        note: "Alert 112: the backend does not know the SNI it got, often the upstream group's \
            name: set proxy_ssl_name. crit before 1.29.8, error since.",
    },
    SignatureNote {
        signature: "x-tls-wrong-version",
        note: "https:// to a port that speaks plain HTTP: use http:// or the TLS port. OpenSSL 1.0 \
            calls it unknown protocol, 3.2 and later may say packet length too long or record \
            layer failure.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_topic_per_category_in_order() {
        assert_eq!(TOPICS.len(), Category::ALL.len());
        for category in Category::ALL.iter().copied() {
            assert_eq!(topic(category).category, category);
        }
    }

    #[test]
    fn topics_are_complete() {
        for topic in TOPICS {
            let name = topic.category.name();
            for list in [topic.causes, topic.check, topic.fix] {
                assert!(!list.is_empty(), "{name} has an empty list");
            }
            assert!(!topic.title.ends_with('.'), "{name}: {}", topic.title);
            assert!(topic.title.len() <= 100, "{name}: {}", topic.title);
        }
    }

    /// No markup, no control bytes, and no blank that a broken line of source left behind.
    #[test]
    fn texts_are_plain() {
        for text in texts() {
            assert!(!text.is_empty());
            assert!(
                text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{text}"
            );
            assert!(!text.contains('`') && !text.contains("**"), "{text}");
            assert!(!text.contains("  ") && text.trim() == text, "{text}");
        }
    }

    #[test]
    fn notes_are_ordered_and_unique() {
        assert!(PHASE_NOTES.is_sorted_by(|a, b| (a.category, a.phase) < (b.category, b.phase)));
        assert!(ERRNO_NOTES.is_sorted_by(|a, b| a.number < b.number));
        assert!(SIGNATURE_NOTES.is_sorted_by(|a, b| a.signature < b.signature));
        assert!(SIGNATURE_NOTES.len() >= 60);
    }

    #[test]
    fn phase_notes_refer_to_a_topic() {
        use Phase::{Body, Connect, Header, Resolve, Send, Tls, Tunnel};
        for note in PHASE_NOTES {
            assert_eq!(topic(note.category).category, note.category);
        }
        let timeout_phases: Vec<Phase> = PHASE_NOTES
            .iter()
            .filter(|note| note.category == Category::Timeout)
            .map(|note| note.phase)
            .collect();
        assert_eq!(
            timeout_phases,
            [Connect, Tls, Send, Header, Body, Tunnel, Resolve]
        );
    }

    #[test]
    fn the_errnos_of_gateway_failures_are_explained() {
        for number in [
            1, 2, 11, 13, 22, 24, 28, 32, 98, 99, 101, 104, 110, 111, 112, 113,
        ] {
            assert!(
                ERRNO_NOTES.iter().any(|note| note.number == number),
                "{number}"
            );
        }
    }

    /// Common advice that is wrong, each correction where a person would meet it.
    #[test]
    fn mistakes_of_the_article_are_corrected() {
        for (category, words) in [
            (Category::Timeout, "belongs to 504, not 502"),
            (Category::Timeout, "are the defaults"),
            (Category::Other, "without -E"),
            (Category::NoLiveUpstreams, "upstream_status does not exist"),
            (Category::Config, "never become active"),
            (Category::Permission, "opens database ports only"),
            (
                Category::NoLiveUpstreams,
                "server ... down in a two-line group",
            ),
            (Category::Tls, "also set proxy_ssl_name"),
            (Category::RateLimited, "503, not 502"),
            (Category::Buffer, "HEADERS"),
            (Category::Permission, "audit2allow"),
            (Category::Permission, "setenforce 0"),
            (Category::Permission, "chmod 666"),
            (Category::PrematureClose, "before 1.29.7 only"),
            (Category::Other, "no live upstreams"),
        ] {
            let corrections = topic(category).corrections;
            assert!(
                corrections.iter().any(|text| text.contains(words)),
                "{category}: {words}"
            );
        }
    }

    /// Every text of the tables, once.
    fn texts() -> impl Iterator<Item = &'static str> {
        let topics = TOPICS.iter().flat_map(|topic| {
            let lists = [topic.causes, topic.check, topic.fix, topic.corrections];
            let directives = topic.directives.iter();
            [topic.title, topic.meaning, topic.access_log]
                .into_iter()
                .chain(lists.into_iter().flatten().copied())
                .chain(directives.flat_map(|d| [d.name, d.default, d.context, d.bearing]))
        });
        topics
            .chain(PHASE_NOTES.iter().map(|note| note.note))
            .chain(ERRNO_NOTES.iter().flat_map(|note| [note.name, note.note]))
            .chain(
                SIGNATURE_NOTES
                    .iter()
                    .flat_map(|note| [note.signature, note.note]),
            )
    }
}
