//! What one nginx is told, what it is asked, and where: locations, groups and addresses as the table collects them.

use super::{
    client::{self, HTTP2_HOST, LEFT, Letter, Way},
    fakes::{Deed, Fakes},
};
use crate::real_nginx::{Gateway, note, signal, worker_user};
use std::{
    fs,
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Category and upstream. Of no category: nothing failed; or what failed is what a fake did, which only it knows.
pub(super) type Why = (&'static str, String);

pub(super) fn why(category: &'static str, upstream: &str) -> Why {
    (category, upstream.to_owned())
}

/// One request to be made.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) uri: String,
    pub(super) deed: &'static str,
    pub(super) way: Way,
    /// What the client must see, or the scenario has not happened; `None`: it depends.
    pub(super) status: Option<u16>,
    pub(super) why: Why,
}

impl Ask {
    /// `what`: `GET`, `POST`, or what a fake is told to do.
    pub(super) fn new(name: &str, what: What, status: u16, why: Why) -> Ask {
        let (way, deed) = match what {
            What::Get => (Way::Get, ""),
            What::Do(deed) => (Way::Get, deed),
            What::Post(len) => (Way::Post(len), ""),
            What::PostDo(deed) => (Way::Post(10), deed),
            What::Wait => (Way::Wait, ""),
            What::Leave(ms) => (Way::Leave(ms), ""),
            What::LeaveSending => (Way::LeaveSending, ""),
        };
        Ask {
            uri: format!("/{name}"),
            deed,
            way,
            status: Some(status),
            why,
        }
    }
}

/// What a row of the table asks.
#[derive(Clone, Copy)]
pub(super) enum What {
    Get,
    /// A GET that tells the fake what to do.
    Do(&'static str),
    Post(usize),
    PostDo(&'static str),
    /// A GET, however long it takes.
    Wait,
    Leave(u64),
    LeaveSending,
}

/// What follows what within a scenario; scenarios run beside each other.
pub(super) enum Step {
    /// On a connection of its own.
    One(Ask),
    /// Each on a connection of its own, all at once.
    Crowd(Vec<Ask>),
    /// On one connection.
    Talk {
        asks: Vec<Ask>,
        is_pipelined: bool,
    },
    /// As streams of one connection of HTTP/2.
    Streams(Vec<Ask>),
    Wait(Duration),
}

/// A request that was made.
pub(super) struct Made {
    pub(super) tag: u32,
    pub(super) uri: String,
    /// What the client saw.
    pub(super) saw: u16,
    pub(super) why: Why,
    /// What was to be seen.
    pub(super) status: Option<u16>,
    pub(super) way: Way,
    pub(super) deed: &'static str,
}

/// Peers that cannot be fakes, shared by all gateways.
pub(super) struct Odd {
    pub(super) dir: PathBuf,
    origin: Gateway,
    _asleep: Gateway,
    /// nginx and a client speak HTTP/2.
    pub(super) has_http2: bool,
    /// It speaks TLS, with a certificate that `trusted.pem` holds, of another name than its address.
    pub(super) has_tls: bool,
    full: Option<(TcpListener, Vec<TcpStream>, String)>,
    stopped: Vec<u32>,
    _waiting: Vec<UnixStream>,
}

impl Odd {
    pub(super) fn open(nginx: &Path, dir: &Path) -> Odd {
        fs::create_dir(dir).expect("our own directory");
        let has_tls = ["trusted", "other"]
            .iter()
            .all(|name| make_certificate(dir, name));
        if !has_tls {
            note("SKIPPED some scenarios: no openssl to make certificates with");
        }
        let built = Command::new(nginx).arg("-V").output();
        let has_http2 = client::has_http2()
            && built
                .is_ok_and(|told| String::from_utf8_lossy(&told.stderr).contains("http_v2_module"));
        if !has_http2 {
            note("SKIPPED some scenarios: no nginx or no curl that speaks HTTP/2");
        }
        let (name, user) = (dir.display(), user_line(dir));
        let ssl = format!(
            " ssl; ssl_certificate {name}/trusted.pem; ssl_certificate_key {name}/trusted.key"
        );
        let ssl = if has_tls { ssl } else { String::new() };
        let http = format!(
            "http {{ access_log off; client_body_temp_path {name}/t; proxy_temp_path {name}/t; fastcgi_temp_path {name}/t;\n\
             uwsgi_temp_path {name}/t; scgi_temp_path {name}/t;"
        );
        let head = format!(
            "{user}daemon off; worker_processes 1; error_log error.log notice; events {{ }}"
        );
        let origin = Gateway::start(
            nginx,
            dir,
            |port| {
                format!(
                    "{head} pid {name}/pid; {http} server {{ listen 127.0.0.1:{port}{ssl}; return 200; }} }}\n"
                )
            },
            None,
        );
        let socket = dir.join("full.sock");
        let other = dir.join("asleep");
        fs::create_dir(&other).expect("our own directory");
        let listen = format!("listen unix:{} backlog=1", socket.display());
        let asleep = Gateway::start(
            nginx,
            &other,
            |port| {
                format!(
                    "{head} pid {name}/pid2; {http} server {{ listen 127.0.0.1:{port}; {listen}; return 200; }} }}\n"
                )
            },
            None,
        );
        let asleep_workers = asleep.workers();
        for pid in &asleep_workers {
            signal(*pid, "STOP");
        }
        // As many as a queue of one takes (`unix_recvq_full` of Linux).
        let waiting = (0..2)
            .map(|_| UnixStream::connect(&socket).expect("there is room"))
            .collect();
        Odd {
            dir: dir.to_owned(),
            origin,
            _asleep: asleep,
            has_http2,
            has_tls,
            full: fill_tcp(),
            stopped: asleep_workers,
            _waiting: waiting,
        }
    }

    /// A socket whose queue is full.
    pub(super) fn full_unix(&self) -> Option<String> {
        (!self.stopped.is_empty()).then(|| format!("unix:{}/full.sock", self.dir.display()))
    }

    pub(super) fn tls(&self) -> String {
        format!("127.0.0.1:{}", self.origin.port)
    }

    pub(super) fn full_tcp(&self) -> Option<&str> {
        self.full.as_ref().map(|(.., address)| address.as_str())
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        for pid in self.stopped.drain(..) {
            signal(pid, "CONT");
        }
    }
}

fn make_certificate(dir: &Path, name: &str) -> bool {
    let made = Command::new("openssl")
        .current_dir(dir)
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=origin.example".split(' '))
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
        .output();
    made.is_ok_and(|output| output.status.success())
}

fn user_line(dir: &Path) -> String {
    let user = worker_user(dir);
    user.map_or(String::new(), |user| format!("user {user};\n"))
}

/// A listener whose queue is full: further connections are not taken.
fn fill_tcp() -> Option<(TcpListener, Vec<TcpStream>, String)> {
    let door = TcpListener::bind("127.0.0.1:0").ok()?;
    let address = door.local_addr().ok()?;
    let end = Instant::now() + Duration::from_secs(5);
    let mut waiting = Vec::new();
    while waiting.len() < 5_000 && Instant::now() < end {
        match TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            Ok(stream) => waiting.push(stream),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return Some((door, waiting, address.to_string()));
            }
            Err(_) => break,
        }
    }
    note("SKIPPED some scenarios: the queue of a listener could not be filled");
    None
}

/// One gateway in the making: where it lives, and all that the table says.
pub(super) struct World {
    pub(super) dir: PathBuf,
    pub(super) fakes: Fakes,
    groups: String,
    locations: String,
    pub(super) scenarios: Vec<Vec<Step>>,
    has_http2: bool,
    next_port: u16,
    next_tag: AtomicU32,
}

impl World {
    pub(super) fn create(dir: &Path) -> World {
        fs::create_dir_all(dir.join("www")).expect("our own directory");
        fs::write(dir.join("www/sorry.html"), "sorry\n").expect("our own directory");
        World {
            dir: dir.to_owned(),
            fakes: Fakes::default(),
            groups: String::new(),
            locations: String::new(),
            scenarios: Vec::new(),
            has_http2: false,
            next_port: 1,
            next_tag: AtomicU32::new(1),
        }
    }

    /// A scenario of a location of its own, and one request.
    pub(super) fn row(
        &mut self,
        name: &str,
        told: impl AsRef<str>,
        what: What,
        status: u16,
        (category, upstream): (&'static str, &str),
    ) {
        self.location(name, told.as_ref());
        let ask = Ask::new(name, what, status, why(category, upstream));
        self.scenarios.push(vec![Step::One(ask)]);
    }

    /// One more request of the last scenario.
    pub(super) fn then(
        &mut self,
        what: What,
        status: u16,
        (category, upstream): (&'static str, &str),
    ) {
        let steps = self.scenarios.last_mut().expect("a scenario was begun");
        let name = match &steps[0] {
            Step::One(ask) => ask.uri[1..].to_owned(),
            _ => panic!("a scenario begins with a request"),
        };
        steps.push(Step::One(Ask::new(
            &name,
            what,
            status,
            why(category, upstream),
        )));
    }

    pub(super) fn wait(&mut self, ms: u64) {
        let steps = self.scenarios.last_mut().expect("a scenario was begun");
        steps.push(Step::Wait(Duration::from_millis(ms)));
    }

    pub(super) fn location(&mut self, name: &str, told: &str) {
        let equals = if name.starts_with(['=', '@']) {
            ""
        } else {
            "/"
        };
        self.locations += &format!("  location {equals}{name} {{ {told} }}\n");
    }

    /// Many at once for one URI: deeds in turn. What fails otherwise than by a fake does so because of `rest`.
    pub(super) fn crowd(
        &mut self,
        name: &str,
        told: impl AsRef<str>,
        n: usize,
        deeds: &[&'static str],
        rest: (&'static str, &str),
    ) {
        self.location(name, told.as_ref());
        let ask = |deed: &&'static str| Ask {
            status: None,
            ..Ask::new(name, What::Do(deed), 0, why(rest.0, rest.1))
        };
        let asks = deeds.iter().cycle().take(n).map(ask).collect();
        self.scenarios.push(vec![Step::Crowd(asks)]);
    }

    /// A scenario of one request, for a location that is there.
    pub(super) fn ask(&mut self, ask: Ask) {
        self.scenarios.push(vec![Step::One(ask)]);
    }

    pub(super) fn talk(&mut self, is_pipelined: bool, asks: Vec<Ask>) {
        self.scenarios.push(vec![Step::Talk { asks, is_pipelined }]);
    }

    /// All at once, as streams of one connection of HTTP/2.
    pub(super) fn streams(&mut self, asks: Vec<Ask>) {
        self.has_http2 = true;
        self.scenarios.push(vec![Step::Streams(asks)]);
    }

    /// A group known to all workers alike.
    pub(super) fn group(&mut self, name: &str, lines: &str) {
        self.groups += &format!(" upstream {name} {{ zone {name} 64k; {lines} }}\n");
    }

    /// A fake that does what it is told by the request.
    pub(super) fn told(&mut self) -> String {
        self.fakes.open(None)
    }

    pub(super) fn fake(&mut self, deed: Deed) -> String {
        self.fakes.open(Some(deed))
    }

    /// An address nobody listens at. Ports below 1024 are handed out to nobody, so it stays so.
    pub(super) fn closed(&mut self) -> String {
        let closed = self.next_closed("127.0.0.1");
        closed.expect("a closed port below 200")
    }

    pub(super) fn closed_v6(&mut self) -> Option<String> {
        TcpListener::bind("[::1]:0").ok()?;
        self.next_closed("[::1]")
    }

    fn next_closed(&mut self, host: &str) -> Option<String> {
        while self.next_port < 200 {
            let address = format!("{host}:{}", self.next_port);
            self.next_port += 1;
            let limit = Duration::from_millis(200);
            let answer = TcpStream::connect_timeout(&address.parse().ok()?, limit);
            if answer.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                return Some(address);
            }
        }
        None
    }

    pub(super) fn missing_socket(&self) -> String {
        format!("unix:{}/none.sock", self.dir.display())
    }

    /// A socket file whose listener is gone.
    pub(super) fn stale_socket(&self) -> String {
        let path = self.dir.join("stale.sock");
        drop(UnixListener::bind(&path).expect("a short enough path"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("our own socket");
        format!("unix:{}", path.display())
    }

    /// A socket that workers may not open. `None` where no mode stops them.
    pub(super) fn forbidden_socket(&self) -> Option<String> {
        let path = self.dir.join("forbidden.sock");
        drop(UnixListener::bind(&path).expect("a short enough path"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("our own socket");
        let is_stopped = match worker_user(&self.dir) {
            Some(user) => !user.starts_with("root"),
            None => {
                UnixStream::connect(&path).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied)
            }
        };
        if !is_stopped {
            note("SKIPPED one scenario: the workers may open every socket");
        }
        is_stopped.then(|| format!("unix:{}", path.display()))
    }

    /// The configuration, with what an instance has of its own.
    pub(super) fn config(
        &self,
        port: u16,
        level: &str,
        n_workers: usize,
        n_connections: usize,
    ) -> String {
        let dir = self.dir.display();
        let user = user_line(&self.dir);
        let (groups, locations) = (&self.groups, &self.locations);
        let http2 = match self.has_http2 {
            true => format!(" listen {HTTP2_HOST}:{port} http2 backlog=1000;"),
            false => String::new(),
        };
        let upstream = r#"ua="$upstream_addr" us="$upstream_status" uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time""#;
        let combined = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
        format!(
            r#"{user}daemon off; master_process on; worker_processes {n_workers};
pid {dir}/nginx.pid; error_log {dir}/error.log notice;
events {{ worker_connections {n_connections}; }}
http {{
 error_log {dir}/error.log {level};
 client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
 uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5; proxy_cache_path {dir}/cache keys_zone=stale:1m;
 log_format numbered '$msec $pid $connection $remote_addr "$request" $status $body_bytes_sent "$host" rt=$request_time {upstream} "$http_user_agent"';
 log_format plain '{combined} rt=$request_time {upstream}';
 access_log {dir}/numbered.log numbered; access_log {dir}/plain.log plain;
 access_log {dir}/buffered.log plain buffer=64k flush=2s; access_log {dir}/bare.log combined;
 access_log {dir}/late.log plain buffer=64k flush=5m;
 default_type text/plain; merge_slashes off; large_client_header_buffers 4 16k;
 limit_req_zone $server_name zone=one:1m rate=1r/m; limit_conn_zone $server_name zone=conn:1m;
 proxy_http_version 1.1; proxy_set_header Connection close;
 proxy_buffer_size 4k; proxy_buffers 8 4k; proxy_busy_buffers_size 8k; client_max_body_size 0;
 proxy_connect_timeout 8s; proxy_send_timeout 8s; proxy_read_timeout 8s;
{groups} server {{ listen 127.0.0.1:{port} backlog=1000; {http2} server_name shop.example; root {dir}/www;
{locations} }}
}}
"#
        )
    }

    /// Makes all requests; what became of them, by the order of their tags.
    pub(super) fn drive(&self, port: u16) -> Vec<Made> {
        let mut made: Vec<Made> = thread::scope(|scope| {
            let run = |steps: &'_ Vec<Step>| {
                steps
                    .iter()
                    .flat_map(|step| self.take(port, step))
                    .collect()
            };
            let threads: Vec<thread::ScopedJoinHandle<'_, Vec<Made>>> = self
                .scenarios
                .iter()
                .map(|steps| scope.spawn(move || run(steps)))
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().expect("no panic"))
                .collect()
        });
        made.sort_by_key(|made| made.tag);
        made
    }

    fn take(&self, port: u16, step: &Step) -> Vec<Made> {
        match step {
            Step::One(ask) => {
                let letter = self.letter(ask);
                vec![made(ask, &letter, client::ask(port, &letter))]
            }
            Step::Crowd(asks) => {
                let letters: Vec<Letter> = asks.iter().map(|ask| self.letter(ask)).collect();
                let saw: Vec<u16> = thread::scope(|scope| {
                    let threads: Vec<_> = letters
                        .iter()
                        .map(|letter| scope.spawn(move || client::ask(port, letter)))
                        .collect();
                    threads
                        .into_iter()
                        .map(|thread| thread.join().expect("no panic"))
                        .collect()
                });
                all_made(asks, &letters, saw)
            }
            Step::Talk { asks, is_pipelined } => {
                let letters: Vec<Letter> = asks.iter().map(|ask| self.letter(ask)).collect();
                all_made(asks, &letters, client::talk(port, &letters, *is_pipelined))
            }
            Step::Streams(asks) => {
                let letters: Vec<Letter> = asks.iter().map(|ask| self.letter(ask)).collect();
                all_made(asks, &letters, client::streams(port, &letters))
            }
            Step::Wait(time) => {
                thread::sleep(*time);
                Vec::new()
            }
        }
    }

    fn letter(&self, ask: &Ask) -> Letter {
        Letter {
            tag: self.next_tag.fetch_add(1, Ordering::Relaxed),
            uri: ask.uri.clone(),
            deed: ask.deed,
            way: ask.way,
        }
    }
}

fn all_made(asks: &[Ask], letters: &[Letter], saw: Vec<u16>) -> Vec<Made> {
    let each = asks.iter().zip(letters).zip(saw);
    each.map(|((ask, letter), saw)| made(ask, letter, saw))
        .collect()
}

fn made(ask: &Ask, letter: &Letter, saw: u16) -> Made {
    Made {
        tag: letter.tag,
        uri: ask.uri.clone(),
        saw,
        why: ask.why.clone(),
        status: ask.status,
        way: ask.way,
        deed: ask.deed,
    }
}

impl Made {
    /// Access logs have a line of it.
    pub(super) fn is_logged(&self) -> bool {
        !self.uri.starts_with("/quiet")
    }

    /// The client saw what it was to see.
    pub(super) fn has_happened(&self) -> bool {
        self.status.is_none_or(|status| status == self.saw)
    }

    /// The category and upstream that are to be found; of no category: none, for nothing failed.
    pub(super) fn truth(&self, fakes: &Fakes) -> Why {
        let done = fakes.to(self.tag);
        let failed = |done: &&super::fakes::Done| !done.deed.category().is_empty();
        let has_left = self.saw == LEFT;
        // A fake that stood still for so long that the gateway gave up, whatever it did then; only a timer makes 504.
        if let (504, None, Some(last)) = (self.saw, self.status, done.last())
            && last.deed != Deed::Answer(504)
        {
            return why("timeout", &last.address);
        }
        // Where it was left depends on how fast it got on.
        if let ("client-abort", Some(last)) = (self.why.0, done.last()) {
            return why("client-abort", &last.address);
        }
        let by_fake = match self.saw {
            0..500 => done.iter().find(failed),
            _ => done.iter().rev().find(failed),
        };
        match by_fake {
            Some(done) if self.why.0.is_empty() || self.status.is_none() && !has_left => {
                why(done.deed.category(), &done.address)
            }
            // Of a crowd, who was served did not meet what the others met.
            None if self.status.is_none() && self.saw < 500 => why("", ""),
            _ => self.why.clone(),
        }
    }
}
