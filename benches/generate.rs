//! Writes synthetic nginx logs to measure with, and measures the floor under any reader of them.
//!
//! `generate --kind error --bytes 1G -o error.log` writes one bad day: calm hours full of noise, and incidents (a backend
//! refused for minutes, a slow one with timeouts by phase, a crashing one, ...). `--kind access` writes the access log of the
//! same day: the same seed gives both the same incidents at the same minutes. Same arguments, same bytes, on every machine:
//! only integers are used. Lines follow `ngx_http_log_error` (nginx 1.31), cut at 2047 bytes as nginx cuts them, FastCGI
//! stderr spans lines as it does there. Everything is ASCII, so that tools that insist on UTF-8 can take part.
//!
//! `generate --sum FILE --threads 2` reads a file with plain reads, counts its newlines and prints the count and the seconds.
//!
//! How: a record is a template, cut into pieces once (`Piece`); writing a record is a walk over pieces that copies prepared
//! bytes. A day is a list of minutes, each with a share of the bytes and a mix of causes (`Plan`). Every name is made up:
//! addresses are from private, shared and documentation ranges, hosts end in `.example`.

use std::{
    env,
    fs::File,
    io::{self, BufWriter, Write},
    ops::Range,
    os::unix::fs::FileExt,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

const USAGE: &str = "usage: generate --kind error|access --bytes SIZE -o FILE   (`-` is stdout)
         [--seed 7] [--hours 24] [--upstreams 12] [--clients 20000]
       generate --sum FILE [--threads 2]
SIZE takes k, M or G (powers of 1000). The log ends with the first whole record at or past SIZE.
There is at least one upstream for each of the six services.";

fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => return complain(&format!("{message}\n{USAGE}"), 2),
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string(), 3),
    }
}

fn complain(message: &str, status: u8) -> ExitCode {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "generate: {message}");
    ExitCode::from(status)
}

fn run(options: &Options) -> io::Result<()> {
    if let Some(path) = &options.sum {
        return sum(path, options.n_threads);
    }
    let target: Box<dyn Write> = match options.output.as_str() {
        "-" => Box::new(io::stdout().lock()),
        path => Box::new(File::create(path).map_err(|error| explain("create", path, &error))?),
    };
    let mut out = BufWriter::with_capacity(1 << 20, target);
    write_log(options, &mut out)?;
    out.flush()
}

fn explain(operation: &str, path: &str, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot {operation} `{path}`: {error}"),
    )
}

// ---------------------------------------------------------------------------------------------------------------------
// Arguments
// ---------------------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq)]
enum LogKind {
    Access,
    Error,
}

struct Options {
    kind: LogKind,
    n_bytes: u64,
    seed: u64,
    n_hours: u64,
    n_upstreams: u64,
    n_clients: u64,
    output: String,
    sum: Option<String>,
    n_threads: usize,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options::default();
        while let Some(flag) = args.next() {
            let value = args
                .next()
                .ok_or_else(|| format!("`{flag}` needs a value"))?;
            options.set(&flag, value)?;
        }
        if options.output.is_empty() && options.sum.is_none() {
            return Err("where to? `-o FILE` is missing".to_owned());
        }
        Ok(options)
    }

    fn default() -> Options {
        Options {
            kind: LogKind::Error,
            n_bytes: 1_000_000_000,
            seed: 7,
            n_hours: 24,
            n_upstreams: 12,
            n_clients: 20_000,
            output: String::new(),
            sum: None,
            n_threads: 2,
        }
    }

    fn set(&mut self, flag: &str, value: String) -> Result<(), String> {
        match flag {
            "--kind" if value == "access" => self.kind = LogKind::Access,
            "--kind" if value == "error" => self.kind = LogKind::Error,
            "--bytes" => self.n_bytes = parse_size(&value, 0, u64::MAX)?,
            "--seed" => self.seed = parse_size(&value, 0, u64::MAX)?,
            "--hours" => self.n_hours = parse_size(&value, 1, 100_000)?,
            "--upstreams" => self.n_upstreams = parse_size(&value, 1, 10_000_000)?,
            "--clients" => self.n_clients = parse_size(&value, 1, 50_000_000)?,
            "--threads" => self.n_threads = parse_size(&value, 1, 1024)? as usize,
            "--sum" => self.sum = Some(value),
            "-o" | "--output" => self.output = value,
            _ => return Err(format!("do not understand `{flag} {value}`")),
        }
        Ok(())
    }
}

fn parse_size(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 1_000),
        Some(b'M') => (&text[..text.len() - 1], 1_000_000),
        Some(b'G') => (&text[..text.len() - 1], 1_000_000_000),
        _ => (text, 1),
    };
    let number = digits.parse::<u64>().ok();
    number
        .and_then(|n| n.checked_mul(unit))
        .filter(|n| (min..=max).contains(n))
        .ok_or_else(|| format!("`{text}` is not a number from {min} to {max} (k, M, G allowed)"))
}

// ---------------------------------------------------------------------------------------------------------------------
// The floor: how long it takes to look at every byte
// ---------------------------------------------------------------------------------------------------------------------

const READ_LEN: u64 = 256 * 1024;

/// Counts the newlines of a file with `n_threads` threads that take blocks of 256 KiB in turn.
fn sum(path: &str, n_threads: usize) -> io::Result<()> {
    let start = Instant::now();
    let file = File::open(path).map_err(|error| explain("open", path, &error))?;
    let next_offset = AtomicU64::new(0);
    let n_newlines = thread::scope(|scope| {
        let workers: Vec<_> = (0..n_threads)
            .map(|_| scope.spawn(|| sum_blocks(&file, &next_offset)))
            .collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
            })
            .sum::<io::Result<u64>>()
    })?;
    let seconds = start.elapsed().as_secs_f64();
    writeln!(io::stdout(), "{n_newlines} newlines {seconds:.4} s")
}

fn sum_blocks(file: &File, next_offset: &AtomicU64) -> io::Result<u64> {
    let mut block = vec![0; READ_LEN as usize];
    let mut n_newlines = 0;
    loop {
        let mut offset = next_offset.fetch_add(READ_LEN, Ordering::Relaxed);
        let end = offset + READ_LEN;
        while offset < end {
            match file.read_at(&mut block[..(end - offset) as usize], offset)? {
                0 => return Ok(n_newlines),
                len => {
                    n_newlines += count_newlines(&block[..len]);
                    offset += len as u64;
                }
            }
        }
    }
}

/// Counts in runs of 255 bytes, so that byte-wide counters cannot overflow and the loop becomes SIMD.
fn count_newlines(bytes: &[u8]) -> u64 {
    let runs = bytes.chunks(255);
    runs.map(|run| u64::from(run.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>()))
        .sum()
}

// ---------------------------------------------------------------------------------------------------------------------
// Chance
// ---------------------------------------------------------------------------------------------------------------------

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..n`, for `n` up to 2^32.
    fn below(&mut self, n: u64) -> u64 {
        ((self.next() >> 32) * n) >> 32
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    fn pick_word(&mut self, words: &'static str) -> &'static [u8] {
        let n_words = words.split(' ').count() as u64;
        let index = self.below(n_words) as usize;
        words.split(' ').nth(index).unwrap_or_default().as_bytes()
    }

    /// A rank in `0..n`, small ranks often: every octave of ranks is equally likely, so P(rank) falls like 1/rank (Zipf)
    /// in steps, and no floating point is needed.
    fn zipf(&mut self, n: u64) -> u64 {
        let n_octaves = u64::from(u64::BITS - n.leading_zeros());
        let octave = 1 << self.below(n_octaves);
        let rank = octave - 1 + self.below(octave);
        if rank < n { rank } else { self.below(n) }
    }
}

/// Draws an index with given weights: 1024 prepared tickets.
struct Lottery {
    tickets: Vec<u8>,
}

impl Lottery {
    fn new(weights: &[u64]) -> Lottery {
        let total: u64 = weights.iter().sum();
        let mut tickets = Vec::with_capacity(1024);
        let mut sum = 0;
        for (index, weight) in weights.iter().enumerate() {
            sum += weight;
            tickets.resize((sum * 1024 / total) as usize, index as u8);
        }
        Lottery { tickets }
    }

    fn draw(&self, rng: &mut Rng) -> usize {
        usize::from(self.tickets[(rng.next() >> 54) as usize])
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Bytes
// ---------------------------------------------------------------------------------------------------------------------

fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    push_padded(out, number, 1);
}

/// Appends `number` with leading zeros up to `width` digits.
fn push_padded(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while number > 0 {
        at -= 1;
        digits[at] += (number % 10) as u8;
        number /= 10;
    }
    push(out, &digits[at.min(digits.len() - width)..]);
}

fn push_hex(out: &mut Vec<u8>, mut number: u64, n_digits: usize) {
    for _ in 0..n_digits {
        out.push(b"0123456789abcdef"[(number & 15) as usize]);
        number >>= 4;
    }
}

/// Milliseconds as nginx prints them: `60.001`.
fn push_seconds(out: &mut Vec<u8>, ms: u64) {
    push_number(out, ms / 1000);
    out.push(b'.');
    push_padded(out, ms % 1000, 3);
}

/// Many short texts in one allocation.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Names {
    fn build(n: u64, mut write: impl FnMut(&mut Vec<u8>, u64)) -> Names {
        let mut names = Names::default();
        for index in 0..n {
            write(&mut names.bytes, index);
            names.ends.push(names.bytes.len() as u32);
        }
        names
    }

    fn get(&self, index: u64) -> &[u8] {
        let index = index as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start as usize..self.ends[index] as usize]
    }

    fn len(&self) -> u64 {
        self.ends.len() as u64
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The site: services, their peers and URIs, and who calls
// ---------------------------------------------------------------------------------------------------------------------

/// One service behind the gateway: a `server` block and the `upstream` group it passes to.
struct ServiceKind {
    group: &'static str,
    scheme: &'static str,
    server: &'static str,
    host: &'static str,
    peers: PeerKind,
    words: &'static str,
}

#[derive(Clone, Copy)]
enum PeerKind {
    /// `10.NET.x.y:PORT`, the next nets too when there are more than 65,536 peers.
    Ipv4(u64, u64),
    /// `[2001:db8:7::x:y]:8443`
    Ipv6,
    /// A path without its number and `.sock`.
    Unix(&'static str),
}

const SHOP: usize = 0;
const API: usize = 1;
const PHP: usize = 2;
const GRPC: usize = 3;
const LOGIN: usize = 4;
const MEDIA: usize = 5;

const SERVICES: [ServiceKind; 6] = [
    ServiceKind {
        group: "shop_backend",
        scheme: "http://",
        server: "www.shop.example",
        host: "www.shop.example",
        peers: PeerKind::Ipv4(16, 8080),
        words: "catalog product category basket checkout search offers stores",
    },
    ServiceKind {
        group: "api_backend",
        scheme: "http://",
        server: "api.shop.example",
        host: "api.shop.example",
        peers: PeerKind::Ipv4(48, 3000),
        words: "v1/orders v1/customers v1/items v2/prices v2/stock v1/metrics v2/sessions",
    },
    ServiceKind {
        group: "php",
        scheme: "fastcgi://",
        server: "blog.shop.example",
        host: "blog.shop.example",
        peers: PeerKind::Unix("unix:/run/php/php8.2-fpm-"),
        words: "index.php 2026/11/autumn-sale wp-json/wp/v2/posts wp-admin/admin-ajax.php feed",
    },
    ServiceKind {
        group: "orders_grpc",
        scheme: "grpc://",
        server: "grpc.shop.example",
        host: "grpc.shop.example:8443",
        peers: PeerKind::Ipv4(80, 50051),
        words: "orders.v1.Orders/Get orders.v1.Orders/List stock.v1.Stock/Reserve stock.v1.Stock/Watch",
    },
    ServiceKind {
        group: "login_tls",
        scheme: "https://",
        server: "login.shop.example",
        host: "login.shop.example",
        peers: PeerKind::Ipv6,
        words: "oauth2/token oauth2/authorize session userinfo .well-known/openid-configuration",
    },
    ServiceKind {
        group: "media_app",
        scheme: "http://",
        server: "~^(?<shard>media\\d*)\\.shop\\.example$",
        host: "media3.shop.example",
        peers: PeerKind::Unix("unix:/run/media/gunicorn-"),
        words: "thumb image video upload render/preview",
    },
];

const STATIC_FILES: &str = "/favicon.ico /robots.txt /apple-touch-icon.png /wp-login.php /.env /.git/config \
    /assets/app.js.map /assets/fonts/inter.woff2 /xmlrpc.php /phpmyadmin/index.php \
    /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php /images/banner-autumn-2026.webp \
    /ads.txt /sitemap.xml /cgi-bin/luci/;stok=/locale /static/css/theme.min.css";

const AGENTS: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "ShopApp/7.4.1 (Android 15; Pixel 9)",
    "python-requests/2.32.3",
    "Go-http-client/2.0",
    "kube-probe/1.33",
    "-",
];

struct Site {
    peers: Vec<Names>,
    uris: Vec<Names>,
    static_uris: Names,
    referrers: Names,
    clients: Names,
}

impl Site {
    fn new(options: &Options) -> Site {
        let mut rng = Rng(options.seed);
        let n_services = SERVICES.len() as u64;
        let n_peers = |service| {
            (options.n_upstreams.saturating_sub(service))
                .div_ceil(n_services)
                .max(1)
        };
        Site {
            peers: (0..n_services)
                .map(|s| Names::build(n_peers(s), |out, k| push_peer(out, s as usize, k)))
                .collect(),
            uris: (0..SERVICES.len())
                .map(|s| Names::build(2048, |out, rank| push_uri(out, s, rank, &mut rng)))
                .collect(),
            static_uris: Names::build(256, |out, rank| push_static_uri(out, rank, &mut rng)),
            referrers: Names::build(512, |out, _| push_referrer(out, &mut rng)),
            clients: Names::build(options.n_clients, |out, _| push_client(out, &mut rng)),
        }
    }
}

/// Peer number `k` of a service: `10.16.0.3:8080`, `unix:/run/php/php8.2-fpm-3.sock`, `[2001:db8:7::3]:8443`.
fn push_peer(out: &mut Vec<u8>, service: usize, k: u64) {
    let k = k + 11;
    let text = match SERVICES[service].peers {
        PeerKind::Ipv4(net, port) => format!(
            "10.{}.{}.{}:{port}",
            net + (k >> 16),
            (k >> 8) & 255,
            k & 255
        ),
        PeerKind::Ipv6 if k < 1 << 16 => format!("[2001:db8:7::{k:x}]:8443"),
        PeerKind::Ipv6 => format!("[2001:db8:7::{:x}:{:x}]:8443", k >> 16, k & 0xffff),
        PeerKind::Unix(path) => format!("{path}{}.sock", k - 10),
    };
    push(out, text.as_bytes());
}

fn push_uri(out: &mut Vec<u8>, service: usize, rank: u64, rng: &mut Rng) {
    out.push(b'/');
    if service == GRPC {
        return push(out, rng.pick_word(SERVICES[GRPC].words));
    }
    if rank == 0 {
        return;
    }
    push(out, rng.pick_word(SERVICES[service].words));
    if rng.one_in(2) {
        push(out, format!("/{}", 1000 + rng.below(2_000_000)).as_bytes());
    }
    match rng.below(100) {
        0..60 => {}
        60..84 => push_query(out, 10, rng),
        84..97 => push_query(out, 40, rng),
        97..99 => push_query(out, 250, rng),
        // Long enough that nginx's limit of 2047 bytes erases the upstream of some records.
        _ => push_query(out, 1600, rng),
    }
}

fn push_query(out: &mut Vec<u8>, len: usize, rng: &mut Rng) {
    let start = out.len();
    let mut separator = b'?';
    while out.len() - start < len {
        out.push(separator);
        separator = b'&';
        match rng.below(5) {
            0 => push(out, format!("page={}", rng.below(90)).as_bytes()),
            1 => push(out, b"sort=price_asc"),
            2 => push(out, format!("q=red%20shoes%20{}", rng.below(50)).as_bytes()),
            3 => push(out, b"utm_source=newsletter"),
            _ => {
                push(out, b"token=");
                push_hex(out, rng.next(), 16);
                push_hex(out, rng.next(), 16);
            }
        }
    }
}

fn push_static_uri(out: &mut Vec<u8>, rank: u64, rng: &mut Rng) {
    match STATIC_FILES.split(' ').nth(rank as usize) {
        Some(file) => push(out, file.as_bytes()),
        None => {
            push(out, b"/assets/chunk-");
            push_hex(out, rng.next(), 8);
            push(out, rng.pick(&[".js", ".css", ".webp", ".svg"]).as_bytes());
        }
    }
}

fn push_referrer(out: &mut Vec<u8>, rng: &mut Rng) {
    if rng.one_in(8) {
        return push(out, b"https://www.search.example/");
    }
    let service = rng.pick(&[SHOP, SHOP, SHOP, PHP, LOGIN]);
    push(out, b"https://");
    push(out, SERVICES[service].server.as_bytes());
    out.push(b'/');
    push(out, rng.pick_word(SERVICES[service].words));
    if rng.one_in(3) {
        push_query(out, 30, rng);
    }
}

/// A client from 100.64.0.0/10 (shared address space) or 2001:db8::/32 (documentation).
fn push_client(out: &mut Vec<u8>, rng: &mut Rng) {
    let n = rng.next();
    let text = match n & 15 {
        0 => format!(
            "2001:db8:{:x}:{:x}::{:x}",
            (n >> 16) & 0xffff,
            (n >> 32) & 0xffff,
            n >> 48
        ),
        _ => format!(
            "100.{}.{}.{}",
            64 + ((n >> 8) & 63),
            (n >> 16) & 255,
            (n >> 24) & 255
        ),
    };
    push(out, text.as_bytes());
}

// ---------------------------------------------------------------------------------------------------------------------
// The day: what goes wrong when
// ---------------------------------------------------------------------------------------------------------------------

/// Why a record is written: what a burst, or the calm between bursts, consists of.
#[derive(Clone, Copy, PartialEq)]
enum Cause {
    Refused,
    Slow,
    Premature,
    Reset,
    TooBig,
    Invalid,
    Unreachable,
    SocketMissing,
    Exhausted,
    Tls,
    Dns,
    Buffered,
    Stderr,
    RateLimited,
    Static,
    Denied,
    ClientAbort,
    ClientTls,
    ClientError,
}

/// Calm hours: weight and cause, about a fifth of it upstream failures.
const NOISE: &[(u64, Cause)] = &[
    (22, Cause::Static),
    (13, Cause::ClientAbort),
    (11, Cause::Stderr),
    (9, Cause::Buffered),
    (8, Cause::RateLimited),
    (7, Cause::ClientTls),
    (6, Cause::Denied),
    (4, Cause::ClientError),
    (7, Cause::Slow),
    (5, Cause::Premature),
    (3, Cause::Reset),
    (2, Cause::Refused),
    (1, Cause::Dns),
    (1, Cause::Invalid),
    (1, Cause::TooBig),
];

/// The incidents of a day: cause, service, length in thousandths of the day, records per minute in relation to each other.
const INCIDENTS: &[(Cause, usize, u64, u64)] = &[
    (Cause::Refused, API, 14, 100),
    (Cause::Slow, SHOP, 32, 60),
    (Cause::Premature, PHP, 10, 70),
    (Cause::Reset, API, 7, 60),
    (Cause::TooBig, LOGIN, 21, 25),
    (Cause::SocketMissing, MEDIA, 6, 80),
    (Cause::Refused, GRPC, 17, 60),
    (Cause::Exhausted, SHOP, 4, 90),
    (Cause::Unreachable, SHOP, 8, 70),
    (Cause::Tls, LOGIN, 14, 40),
    (Cause::RateLimited, API, 10, 50),
    (Cause::Slow, PHP, 22, 50),
];

/// Requests per minute through the day, as nginx sees them, in hundredths of the busiest hour.
const TRAFFIC: [u64; 24] = [
    22, 16, 12, 10, 10, 14, 28, 52, 80, 96, 100, 98, 90, 94, 98, 96, 92, 88, 84, 82, 78, 66, 48, 32,
];

/// Weight of the noise in one minute, in relation to `Incident::weight`.
const NOISE_WEIGHT: u64 = 1000;

struct Incident {
    cause: Cause,
    service: usize,
    /// Which of the service's peers are ill: half of them, at least one.
    peers: Range<u64>,
    minutes: Range<u64>,
    weight: u64,
}

struct Plan {
    n_minutes: u64,
    incidents: Vec<Incident>,
}

impl Plan {
    fn new(options: &Options, site: &Site) -> Plan {
        let mut rng = Rng(options.seed ^ 0x6461_7973);
        let n_minutes = options.n_hours * 60;
        // Incidents start in shuffled order, one in each stretch of the day; long ones overlap the next.
        let mut order: Vec<usize> = (0..INCIDENTS.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, rng.below(i as u64 + 1) as usize);
        }
        let stretch = n_minutes / INCIDENTS.len() as u64;
        let mut incidents = Vec::new();
        for (place, &which) in order.iter().enumerate() {
            let (cause, service, length, weight) = INCIDENTS[which];
            let start = place as u64 * stretch + rng.below(stretch.max(1));
            let end = (start + (n_minutes * length / 1000).max(1)).min(n_minutes);
            let n_peers = site.peers[service].len();
            let n_ill = n_peers.div_ceil(2);
            let first = rng.below(n_peers - n_ill + 1);
            incidents.push(Incident {
                cause,
                service,
                peers: first..first + n_ill,
                minutes: start..end,
                weight,
            });
        }
        let mut plan = Plan {
            n_minutes,
            incidents,
        };
        plan.balance();
        plan
    }

    /// Scales the incidents so that together they write 13 records for every 10 of noise.
    fn balance(&mut self) {
        let noise: u64 = (0..self.n_minutes).map(|m| traffic(m) * NOISE_WEIGHT).sum();
        let bursts: u64 = self
            .incidents
            .iter()
            .map(|i| i.minutes.clone().map(traffic).sum::<u64>() * i.weight)
            .sum();
        for incident in &mut self.incidents {
            incident.weight =
                (u128::from(incident.weight * noise) * 13 / 10 / u128::from(bursts)) as u64;
        }
    }

    fn active(&self, minute: u64) -> impl Iterator<Item = (usize, &Incident)> {
        let incidents = self.incidents.iter().enumerate();
        incidents.filter(move |(_, incident)| incident.minutes.contains(&minute))
    }

    /// The byte at which each minute ends, when minutes weigh as `weight` says.
    fn minute_ends(&self, n_bytes: u64, weight: impl Fn(u64) -> u64) -> Vec<u64> {
        let total: u64 = (0..self.n_minutes).map(&weight).sum();
        let mut sum = 0;
        (0..self.n_minutes)
            .map(|minute| {
                sum += weight(minute);
                (u128::from(n_bytes) * u128::from(sum) / u128::from(total)) as u64
            })
            .collect()
    }
}

fn traffic(minute: u64) -> u64 {
    let hour = (minute / 60) as usize;
    let (now, next) = (TRAFFIC[hour % 24], TRAFFIC[(hour + 1) % 24]);
    now * (60 - minute % 60) + next * (minute % 60)
}

fn write_log(options: &Options, out: &mut impl Write) -> io::Result<()> {
    let site = Site::new(options);
    let plan = Plan::new(options, &site);
    match options.kind {
        LogKind::Access => {
            let ends = plan.minute_ends(options.n_bytes, traffic);
            write_minutes(&ends, AccessLog::new(options, &site, &plan), out)
        }
        LogKind::Error => {
            let weight = |m| {
                traffic(m) * (NOISE_WEIGHT + plan.active(m).map(|(_, i)| i.weight).sum::<u64>())
            };
            let ends = plan.minute_ends(options.n_bytes, weight);
            write_minutes(&ends, ErrorLog::new(options, &site, &plan), out)
        }
    }
}

trait Log {
    /// Prepares for records of this minute; may write records that belong to its start.
    fn enter_minute(&mut self, minute: u64, out: &mut Vec<u8>);
    /// Appends one record of this second of the day.
    fn write_record(&mut self, second: u64, out: &mut Vec<u8>);
}

fn write_minutes(ends: &[u64], mut log: impl Log, out: &mut impl Write) -> io::Result<()> {
    let mut record = Vec::with_capacity(16 * 1024);
    let mut n_written = 0;
    for (minute, &end) in (0..).zip(ends) {
        let start = n_written;
        if start >= end {
            continue;
        }
        log.enter_minute(minute, &mut record);
        while n_written + (record.len() as u64) < end {
            out.write_all(&record)?;
            n_written += record.len() as u64;
            record.clear();
            let second = 60 * (n_written - start) / (end - start);
            log.write_record(minute * 60 + second, &mut record);
        }
        out.write_all(&record)?;
        n_written += record.len() as u64;
        record.clear();
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------------------------------
// Time
// ---------------------------------------------------------------------------------------------------------------------

/// 2026-11-20, the first day of every log, in days since 1970-01-01.
const FIRST_DAY: u64 = 20_777;

const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// The text of the current second and of the one before: workers stamp from a cached clock, so a busy one is late.
struct Clock {
    format: fn(&mut Vec<u8>, u64),
    second: u64,
    now: Vec<u8>,
    before: Vec<u8>,
}

impl Clock {
    fn new(format: fn(&mut Vec<u8>, u64)) -> Clock {
        let mut clock = Clock {
            format,
            second: u64::MAX,
            now: Vec::new(),
            before: Vec::new(),
        };
        clock.set(0);
        clock
    }

    fn set(&mut self, second: u64) {
        if second == self.second {
            return;
        }
        self.second = second;
        self.now.clear();
        self.before.clear();
        (self.format)(&mut self.now, second);
        (self.format)(&mut self.before, second.saturating_sub(1));
    }

    fn stamp(&self, rng: &mut Rng) -> &[u8] {
        if rng.one_in(50) {
            &self.before
        } else {
            &self.now
        }
    }
}

/// `2026/11/20 11:23:46`
fn push_error_time(out: &mut Vec<u8>, second: u64) {
    let (year, month, day) = date(FIRST_DAY + second / 86_400);
    push(out, format!("{year}/{month:02}/{day:02} ").as_bytes());
    push_time_of_day(out, second);
}

/// `20/Nov/2026:11:29:47 +0000`
fn push_access_time(out: &mut Vec<u8>, second: u64) {
    let (year, month, day) = date(FIRST_DAY + second / 86_400);
    let name = &MONTHS[month as usize * 3 - 3..month as usize * 3];
    push_padded(out, day, 2);
    out.push(b'/');
    push(out, name);
    push(out, format!("/{year}:").as_bytes());
    push_time_of_day(out, second);
    push(out, b" +0000");
}

fn push_time_of_day(out: &mut Vec<u8>, second: u64) {
    let (hour, minute) = (second / 3600 % 24, second / 60 % 60);
    push(
        out,
        format!("{hour:02}:{minute:02}:{:02}", second % 60).as_bytes(),
    );
}

/// Year, month and day of a day since 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms").
fn date(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era_day = shifted % 146_097;
    let era_year = (era_day - era_day / 1460 + era_day / 36_524 - era_day / 146_096) / 365;
    let year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    let month = (5 * year_day + 2) / 153;
    let day = year_day - (153 * month + 2) / 5 + 1;
    let year = era_year + shifted / 146_097 * 400;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Error log: the messages
// ---------------------------------------------------------------------------------------------------------------------

/// What follows a message, and where its request goes to.
#[derive(Clone, Copy, PartialEq)]
enum Tail {
    /// A request passed to a peer.
    Proxied,
    /// The same after the peer's address was cleared: a unix socket loses its closing colon ("upstream timed out").
    Cleared,
    /// A request for which no peer could be chosen: the group's name stands where the peer would.
    Group,
    /// A request answered here.
    Served,
    /// A connection without a request yet: the listening address stands where the server's name would.
    Listen,
    /// A connection whose log handler is gone.
    Connection,
    /// A process: not even a connection number.
    Process,
}

impl Tail {
    fn named(name: &str) -> Tail {
        match name {
            "cleared" => Tail::Cleared,
            "connection" => Tail::Connection,
            "group" => Tail::Group,
            "listen" => Tail::Listen,
            "process" => Tail::Process,
            "proxied" => Tail::Proxied,
            "served" => Tail::Served,
            _ => unreachable!("no tail is called {name}"),
        }
    }

    const fn template(self) -> &'static str {
        match self {
            Tail::Proxied => {
                r#", client: <client>, server: <server>, request: "<request>", upstream: "<upstream>"<host><referrer>"#
            }
            Tail::Cleared => {
                r#", client: <client>, server: <server>, request: "<request>", upstream: "<cleared>"<host><referrer>"#
            }
            Tail::Group => {
                r#", client: <client>, server: <server>, request: "<request>", upstream: "<group>"<host><referrer>"#
            }
            Tail::Served => {
                r#", client: <client>, server: <server>, request: "<request>"<host><referrer>"#
            }
            Tail::Listen => ", client: <client>, server: 0.0.0.0:443",
            Tail::Connection | Tail::Process => "",
        }
    }
}

/// The messages of every cause, in the order of `Cause`, an empty line between causes: weight within the cause, level, tail,
/// text. `<lf>` is a raw line feed: nginx passes on what FastCGI servers write to stderr as it is.
const MESSAGES: &str = r#"
70 error proxied connect()<to> failed (111: Connection refused) while connecting to upstream
6 warn proxied upstream server temporarily disabled while connecting to upstream
24 error group no live upstreams while connecting to upstream

60 error cleared upstream timed out (110: Connection timed out) while reading response header from upstream
9 error cleared upstream timed out (110: Connection timed out) while connecting to upstream
5 error cleared upstream timed out (110: Connection timed out) while sending request to upstream
8 error proxied upstream timed out (110: Connection timed out) while reading upstream
5 warn proxied upstream server temporarily disabled while reading response header from upstream
4 error group no live upstreams while connecting to upstream
9 info proxied epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while sending request to upstream

78 error proxied upstream prematurely closed connection while reading response header from upstream
16 error proxied upstream prematurely closed connection while reading upstream
6 warn proxied upstream server temporarily disabled while reading response header from upstream

72 error proxied recv() failed (104: Connection reset by peer) while reading response header from upstream
12 error proxied readv() failed (104: Connection reset by peer) while reading upstream
10 error proxied writev() failed (32: Broken pipe) while sending request to upstream
6 error proxied writev() failed (104: Connection reset by peer) while sending request to upstream

1 error proxied upstream sent too big header while reading response header from upstream

5 error proxied upstream sent no valid HTTP/1.0 header while reading response header from upstream
3 error proxied upstream sent invalid header: "X-Trace Id:\x20..." while reading response header from upstream
2 error proxied upstream sent invalid chunked response while reading upstream

60 error proxied connect() failed (113: No route to host) while connecting to upstream
20 error proxied connect() to <peer> failed (101: Network is unreachable) while connecting to upstream
15 error group no live upstreams while connecting to upstream
5 warn proxied upstream server temporarily disabled while connecting to upstream

75 crit proxied connect() to <peer> failed (2: No such file or directory) while connecting to upstream
15 crit proxied connect() to <peer> failed (13: Permission denied) while connecting to upstream
10 error proxied connect() to <peer> failed (11: Resource temporarily unavailable) while connecting to upstream

40 alert proxied 1024 worker_connections are not enough while connecting to upstream
20 crit proxied connect() to <peer> failed (99: Cannot assign requested address) while connecting to upstream
20 alert proxied socket() failed (24: Too many open files) while connecting to upstream
10 crit process accept4() failed (24: Too many open files)
10 alert process 1024 worker_connections are not enough

40 error proxied upstream SSL certificate verify error: (10:certificate has expired) while SSL handshaking to upstream
30 error proxied SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream
20 error proxied peer closed connection in SSL handshake (104: Connection reset by peer) while SSL handshaking to upstream
10 error cleared upstream timed out (110: Connection timed out) while SSL handshaking to upstream

5 error served stock.internal.example could not be resolved (3: Host not found)
3 error served stock.internal.example could not be resolved (110: Operation timed out)
2 error process send() failed (111: Connection refused) while resolving, resolver: 127.0.0.53:53

8 warn proxied an upstream response is buffered to a temporary file /var/cache/nginx/proxy_temp/<spill> while reading upstream
2 warn served a client request body is buffered to a temporary file /var/cache/nginx/client_temp/<spill>

5 error proxied FastCGI sent in stderr: "PHP message: PHP Warning:  Undefined array key "sku" in /srv/blog/web/wp-content/plugins/stock-badge/badge.php on line <line>" while reading response header from upstream
3 error proxied FastCGI sent in stderr: "Primary script unknown" while reading response header from upstream
3 error proxied FastCGI sent in stderr: "PHP message: PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [2002] Connection refused in /srv/blog/src/Db.php:<line><lf>Stack trace:<lf>#0 /srv/blog/src/Db.php(<line>): PDO->__construct('mysql:host=db.i...', 'blog', Object(SensitiveParameterValue))<lf>#1 /srv/blog/src/Posts.php(<line>): Blog\Db->connect()<lf>#2 /srv/blog/web/index.php(17): Blog\Posts->latest(10)<lf>#3 {main}<lf>  thrown in /srv/blog/src/Db.php on line <line>" while reading response header from upstream
1 error proxied FastCGI sent in stderr: "PHP message: PHP Deprecated:  Creation of dynamic property Feed::$cache is deprecated in /srv/blog/src/Feed.php on line <line>; PHP message: PHP Notice:  feed rebuilt<lf>PHP message: upstream timed out is what the proxy will say" while reading response header from upstream

7 error served limiting requests, excess: <excess> by zone "per_client"
2 warn served delaying request, excess: <excess>, by zone "per_client"
1 error served limiting connections by zone "addr"

8 error served open() "/srv/www<file>" failed (2: No such file or directory)
1 error served open() "/srv/www<file>" failed (13: Permission denied)
1 error served "/srv/www<file>/index.html" is not found (2: No such file or directory)

6 error served access forbidden by rule
3 error served directory index of "/srv/www/assets/" is forbidden

5 info proxied epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while sending request to upstream
3 info connection client <client> closed keepalive connection
1 info connection client <client> closed keepalive connection (104: Connection reset by peer)
1 info served client prematurely closed connection

5 crit listen SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking
3 info listen peer closed connection in SSL handshake (104: Connection reset by peer) while SSL handshaking
2 info listen SSL_do_handshake() failed (SSL: error:0A000412:SSL routines::sslv3 alert bad certificate:SSL alert number 42) while SSL handshaking

4 error served client intended to send too large body: <bytes> bytes
3 info listen client timed out (110: Connection timed out) while waiting for request
2 info served client sent plain HTTP request to HTTPS port while reading client request headers
1 info served client sent invalid header line: "x_real\x00..." while reading client request headers
"#;

impl Cause {
    /// The services this cause can strike when no incident names one.
    const fn services(self) -> &'static [usize] {
        match self {
            Cause::Stderr => &[PHP],
            Cause::Tls => &[LOGIN],
            Cause::SocketMissing => &[MEDIA],
            Cause::Invalid | Cause::TooBig => &[SHOP, API, LOGIN],
            Cause::Static | Cause::Denied => &[SHOP, SHOP, MEDIA],
            _ => &[SHOP, SHOP, SHOP, API, API, PHP, GRPC, LOGIN, MEDIA],
        }
    }
}

/// A piece of a template.
#[derive(Clone, Copy)]
enum Piece {
    Text(&'static str),
    Bytes,
    Cleared,
    Client,
    Excess,
    File,
    Group,
    Host,
    Line,
    Peer,
    Referrer,
    Request,
    Server,
    Spill,
    To,
    Upstream,
}

impl Piece {
    /// Cuts `a <b> c` into `Text("a ")`, the piece named `b` and `Text(" c")`.
    fn cut(template: &'static str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('<') {
            let (name, tail) = after.split_once('>').unwrap_or((after, ""));
            pieces.push(Piece::Text(text));
            pieces.push(Piece::named(name));
            rest = tail;
        }
        pieces.push(Piece::Text(rest));
        pieces
    }

    fn named(name: &str) -> Piece {
        match name {
            "bytes" => Piece::Bytes,
            "cleared" => Piece::Cleared,
            "client" => Piece::Client,
            "excess" => Piece::Excess,
            "file" => Piece::File,
            "group" => Piece::Group,
            "host" => Piece::Host,
            "lf" => Piece::Text("\n"),
            "line" => Piece::Line,
            "peer" => Piece::Peer,
            "referrer" => Piece::Referrer,
            "request" => Piece::Request,
            "server" => Piece::Server,
            "spill" => Piece::Spill,
            "to" => Piece::To,
            "upstream" => Piece::Upstream,
            _ => unreachable!("the templates above name no other piece: {name}"),
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Error log: the records
// ---------------------------------------------------------------------------------------------------------------------

/// NGX_MAX_ERROR_STR less the line feed: a record is cut here, in the middle of whatever stands there.
const MAX_RECORD_LEN: usize = 2047;

const N_WORKERS: u64 = 8;
const MASTER_PID: u64 = 1187;

struct Message {
    level: &'static str,
    tail: Tail,
    pieces: Vec<Piece>,
}

impl Message {
    /// One line of `MESSAGES`: the weight, and the message compiled.
    fn parse(line: &'static str) -> (u64, Message) {
        let parts: Vec<&str> = line.splitn(4, ' ').collect();
        let [weight, level, tail, text] = parts[..] else {
            unreachable!("a line of `MESSAGES` has four parts: {line}");
        };
        let tail = Tail::named(tail);
        let mut pieces = Piece::cut(text);
        pieces.extend(Piece::cut(tail.template()));
        let message = Message {
            level,
            tail,
            pieces,
        };
        (parse_size(weight, 1, 100).unwrap_or(1), message)
    }
}

/// The messages of one cause, compiled.
struct Messages {
    lottery: Lottery,
    messages: Vec<Message>,
}

impl Messages {
    fn new(table: &'static str) -> Messages {
        let (weights, messages): (Vec<u64>, Vec<Message>) =
            table.trim().lines().map(Message::parse).unzip();
        Messages {
            lottery: Lottery::new(&weights),
            messages,
        }
    }
}

/// Where a record comes from: noise, or an incident of the plan.
#[derive(Clone, Copy, PartialEq)]
struct Source {
    cause: Cause,
    incident: Option<usize>,
}

/// One request, as far as log lines quote it.
struct Request<'a> {
    connection: u64,
    service: usize,
    client: &'a [u8],
    peer: &'a [u8],
    method: &'static str,
    protocol: &'static str,
    uri: Vec<u8>,
    /// Empty: not sent.
    host: &'static str,
    referrer: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    fn new() -> Request<'a> {
        Request {
            connection: 4_000_000,
            service: SHOP,
            client: b"",
            peer: b"",
            method: "GET",
            protocol: "HTTP/1.1",
            uri: Vec::new(),
            host: "",
            referrer: None,
        }
    }

    /// The next request: a client, rarely a new one, asks `service` for something.
    fn renew(&mut self, site: &'a Site, service: usize, is_static: bool, rng: &mut Rng) {
        let dice = rng.next();
        self.connection += 1 + (dice & 3);
        self.service = service;
        self.client = site.clients.get(rng.zipf(site.clients.len()));
        self.method = rng.pick(&["GET", "GET", "GET", "GET", "GET", "POST", "POST", "PUT"]);
        self.protocol = rng.pick(&["HTTP/1.1", "HTTP/2.0"]);
        let referrer = site.referrers.get(rng.zipf(site.referrers.len()));
        self.referrer = (dice >> 2 & 7 < 3).then_some(referrer);
        let (uris, host) = match is_static {
            // Scanners look for files, and know only the address.
            true if dice >> 5 & 3 == 0 => (&site.static_uris, "192.0.2.134"),
            true => (&site.static_uris, SERVICES[service].host),
            false => (&site.uris[service], SERVICES[service].host),
        };
        self.host = host;
        self.uri.clear();
        push(&mut self.uri, uris.get(rng.zipf(uris.len())));
        if is_static {
            self.method = "GET";
        } else if service == GRPC {
            (self.method, self.protocol, self.referrer) = ("POST", "HTTP/2.0", None);
        } else if dice >> 7 & 3 == 0 {
            self.add_cache_buster(dice >> 9);
        } else if dice >> 7 & 63 == 1 {
            (self.protocol, self.host) = ("HTTP/1.0", "");
        }
    }

    fn add_cache_buster(&mut self, number: u64) {
        let separator = if self.uri.contains(&b'?') { b'&' } else { b'?' };
        self.uri.push(separator);
        push(&mut self.uri, b"_=17952");
        push_padded(&mut self.uri, number % 100_000_000, 8);
    }

    fn path(&self) -> &[u8] {
        self.uri
            .split(|&byte| byte == b'?')
            .next()
            .unwrap_or_default()
    }

    fn push_line(&self, out: &mut Vec<u8>) {
        push(out, self.method.as_bytes());
        out.push(b' ');
        push(out, &self.uri);
        out.push(b' ');
        push(out, self.protocol.as_bytes());
    }

    /// The value of `upstream: "..."`: scheme, peer, and for HTTP the URI; a colon closes a socket's path.
    fn push_upstream(&self, out: &mut Vec<u8>, peer: &[u8], colon: bool) {
        let scheme = SERVICES[self.service].scheme;
        push(out, scheme.as_bytes());
        push(out, peer);
        if colon && peer.starts_with(b"unix:") {
            out.push(b':');
        }
        if scheme.starts_with("http") {
            push(out, &self.uri);
        }
    }
}

struct ErrorLog<'a> {
    site: &'a Site,
    plan: &'a Plan,
    rng: Rng,
    clock: Clock,
    messages: Vec<Messages>,
    sources: Vec<Source>,
    lottery: Lottery,
    last: Option<Source>,
    request: Request<'a>,
    first_worker_pid: u64,
}

impl<'a> ErrorLog<'a> {
    fn new(options: &Options, site: &'a Site, plan: &'a Plan) -> ErrorLog<'a> {
        ErrorLog {
            site,
            plan,
            rng: Rng(options.seed ^ 0x0065_7272_6f72),
            clock: Clock::new(push_error_time),
            messages: MESSAGES.split("\n\n").map(Messages::new).collect(),
            sources: Vec::new(),
            lottery: Lottery::new(&[1]),
            last: None,
            request: Request::new(),
            first_worker_pid: MASTER_PID + 1,
        }
    }

    /// Another request, or once in a while the next line of the last one: nginx logs every failed attempt.
    fn next_request(&mut self, source: Source) {
        if self.last != Some(source) || !self.rng.one_in(6) {
            let incident = source.incident.map(|i| &self.plan.incidents[i]);
            let service =
                incident.map_or_else(|| self.rng.pick(source.cause.services()), |i| i.service);
            let is_static = matches!(source.cause, Cause::Static | Cause::Denied);
            self.request
                .renew(self.site, service, is_static, &mut self.rng);
            self.last = Some(source);
        }
        let peers = &self.site.peers[self.request.service];
        let ill = match source.incident {
            Some(i) => self.plan.incidents[i].peers.clone(),
            None => 0..peers.len(),
        };
        self.request.peer = peers.get(ill.start + self.rng.below(ill.end - ill.start));
    }

    fn worker_pid(&self) -> u64 {
        self.first_worker_pid + self.request.connection % N_WORKERS
    }

    fn process_line(&mut self, out: &mut Vec<u8>, pid: u64, level: &str, text: &str) {
        push(out, &self.clock.now);
        push(out, format!(" [{level}] {pid}#{pid}: {text}\n").as_bytes());
    }

    /// The operator reloads: new workers start, the old ones finish.
    fn reload(&mut self, out: &mut Vec<u8>) {
        let old = self.first_worker_pid..self.first_worker_pid + N_WORKERS;
        self.first_worker_pid += 1000 + self.rng.below(3000);
        self.process_line(
            out,
            MASTER_PID,
            "notice",
            "signal 1 (SIGHUP) received from 31, reconfiguring",
        );
        self.process_line(out, MASTER_PID, "notice", "reconfiguring");
        self.process_line(
            out,
            MASTER_PID,
            "notice",
            "using the \"epoll\" event method",
        );
        self.process_line(out, MASTER_PID, "notice", "start worker processes");
        for pid in self.first_worker_pid..self.first_worker_pid + N_WORKERS {
            self.process_line(
                out,
                MASTER_PID,
                "notice",
                &format!("start worker process {pid}"),
            );
        }
        for pid in old {
            self.process_line(out, pid, "notice", "gracefully shutting down");
            self.process_line(out, pid, "notice", "exiting");
            self.process_line(out, pid, "notice", "exit");
            self.process_line(
                out,
                MASTER_PID,
                "notice",
                &format!("signal 17 (SIGCHLD) received from {pid}"),
            );
            self.process_line(
                out,
                MASTER_PID,
                "notice",
                &format!("worker process {pid} exited with code 0"),
            );
        }
    }

    fn crash(&mut self, out: &mut Vec<u8>) {
        let pid = self.worker_pid();
        self.process_line(
            out,
            MASTER_PID,
            "notice",
            &format!("signal 17 (SIGCHLD) received from {pid}"),
        );
        self.process_line(
            out,
            MASTER_PID,
            "alert",
            &format!("worker process {pid} exited on signal 11 (core dumped)"),
        );
        self.process_line(
            out,
            MASTER_PID,
            "notice",
            &format!("start worker process {}", pid + 400),
        );
    }
}

impl Log for ErrorLog<'_> {
    fn enter_minute(&mut self, minute: u64, out: &mut Vec<u8>) {
        self.clock.set(minute * 60);
        for incident in &self.plan.incidents {
            if incident.minutes.end == minute {
                self.reload(out);
            }
            if incident.minutes.start == minute && incident.cause == Cause::Exhausted {
                self.crash(out);
            }
        }
        let noise: u64 = NOISE.iter().map(|(weight, _)| weight).sum();
        let mut weights = Vec::new();
        self.sources.clear();
        for &(weight, cause) in NOISE {
            weights.push(weight * NOISE_WEIGHT / noise);
            self.sources.push(Source {
                cause,
                incident: None,
            });
        }
        for (index, incident) in self.plan.active(minute) {
            weights.push(incident.weight);
            self.sources.push(Source {
                cause: incident.cause,
                incident: Some(index),
            });
        }
        self.lottery = Lottery::new(&weights);
    }

    fn write_record(&mut self, second: u64, out: &mut Vec<u8>) {
        self.clock.set(second);
        let source = self.sources[self.lottery.draw(&mut self.rng)];
        self.next_request(source);
        let messages = &self.messages[source.cause as usize];
        let message = &messages.messages[messages.lottery.draw(&mut self.rng)];
        let start = out.len();
        push_head(
            out,
            self.clock.stamp(&mut self.rng),
            message,
            self.worker_pid(),
            self.request.connection,
        );
        for &piece in &message.pieces {
            push_piece(out, piece, &self.request, &mut self.rng);
        }
        out.truncate(start + MAX_RECORD_LEN);
        out.push(b'\n');
    }
}

/// `2026/11/20 11:23:46 [error] 16993#16993: *1 `
fn push_head(out: &mut Vec<u8>, time: &[u8], message: &Message, pid: u64, connection: u64) {
    push(out, time);
    push(out, b" [");
    push(out, message.level.as_bytes());
    push(out, b"] ");
    push_number(out, pid);
    out.push(b'#');
    push_number(out, pid);
    push(out, b": ");
    if message.tail != Tail::Process {
        out.push(b'*');
        push_number(out, connection);
        out.push(b' ');
    }
}

fn push_piece(out: &mut Vec<u8>, piece: Piece, request: &Request<'_>, rng: &mut Rng) {
    let service = &SERVICES[request.service];
    match piece {
        Piece::Text(text) => push(out, text.as_bytes()),
        Piece::Bytes => push_number(out, 1_048_577 + rng.below(40_000_000)),
        Piece::Cleared => request.push_upstream(out, request.peer, false),
        Piece::Client => push(out, request.client),
        Piece::Excess => push_seconds(out, 500 + rng.below(20_000)),
        Piece::File => push(out, request.path()),
        Piece::Group => request.push_upstream(out, service.group.as_bytes(), false),
        Piece::Host if request.host.is_empty() => {}
        Piece::Host => push_quoted(out, ", host: \"", request.host.as_bytes()),
        Piece::Line => push_number(out, 11 + rng.below(400)),
        Piece::Peer => push(out, request.peer),
        Piece::Referrer => {
            if let Some(referrer) = request.referrer {
                push_quoted(out, ", referrer: \"", referrer);
            }
        }
        Piece::Request => request.push_line(out),
        Piece::Server => push(out, service.server.as_bytes()),
        Piece::Spill => push_spill(out, rng.below(4_000_000)),
        // Only connect() to a socket fails at once, and only then the message names the address.
        Piece::To if request.peer.starts_with(b"unix:") => {
            push(out, b" to ");
            push(out, request.peer);
        }
        Piece::To => {}
        Piece::Upstream => request.push_upstream(out, request.peer, true),
    }
}

fn push_quoted(out: &mut Vec<u8>, opening: &str, value: &[u8]) {
    push(out, opening.as_bytes());
    push(out, value);
    out.push(b'"');
}

/// A temporary file with `levels 1:2`: `8/65/0000015658`.
fn push_spill(out: &mut Vec<u8>, number: u64) {
    push_number(out, number % 10);
    out.push(b'/');
    push_padded(out, number / 10 % 100, 2);
    out.push(b'/');
    push_padded(out, number, 10);
}

// ---------------------------------------------------------------------------------------------------------------------
// Access log
// ---------------------------------------------------------------------------------------------------------------------

/// One try at one peer: milliseconds, and the connect time if there was a connection.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    peer: &'a [u8],
    status: Option<u64>,
    ms: u64,
    connect_ms: Option<u64>,
}

/// What fails a request now and then, without an incident.
const BAD_LUCK: &[Cause] = &[
    Cause::Slow,
    Cause::Premature,
    Cause::Reset,
    Cause::ClientAbort,
];

/// combined, then ` rt=$request_time ua="$upstream_addr" us="$upstream_status" ut="$upstream_response_time"
/// uc="$upstream_connect_time"`.
struct AccessLog<'a> {
    site: &'a Site,
    plan: &'a Plan,
    rng: Rng,
    clock: Clock,
    request: Request<'a>,
    /// Incidents of this minute.
    active: Vec<&'a Incident>,
    attempts: Vec<Attempt<'a>>,
}

impl<'a> AccessLog<'a> {
    fn new(options: &Options, site: &'a Site, plan: &'a Plan) -> AccessLog<'a> {
        AccessLog {
            site,
            plan,
            rng: Rng(options.seed ^ 0x6163_6365_7373),
            clock: Clock::new(push_access_time),
            request: Request::new(),
            active: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// Passes the request to a peer, to another one if the first fails, and returns the status the client gets.
    fn pass(&mut self) -> u64 {
        let peers = &self.site.peers[self.request.service];
        let mut peer = self.rng.below(peers.len());
        self.request.peer = peers.get(peer);
        if let Some(cause) = self.illness(peer) {
            let attempt = self.failure(cause);
            self.attempts.push(attempt);
            let can_retry =
                peers.len() > 1 && attempt.peer == self.request.peer && cause != Cause::TooBig;
            let Some(status) = attempt.status else {
                return 499;
            };
            if !can_retry || self.rng.one_in(2) {
                return status;
            }
            peer = (peer + 1 + self.rng.below(peers.len() - 1)) % peers.len();
        }
        let (attempt, status) = self.answer(peers.get(peer));
        self.attempts.push(attempt);
        status
    }

    /// What hits this request: an incident of its service, if its peer is an ill one, or bad luck.
    fn illness(&mut self, peer: u64) -> Option<Cause> {
        let service = self.request.service;
        let mut active = self.active.iter();
        match active.find(|i| i.service == service && i.peers.contains(&peer)) {
            Some(incident) if !self.rng.one_in(5) => Some(incident.cause),
            _ if self.rng.one_in(250) => Some(self.rng.pick(BAD_LUCK)),
            _ => None,
        }
    }

    fn answer(&mut self, peer: &'a [u8]) -> (Attempt<'a>, u64) {
        let status = match self.rng.below(1000) {
            0..4 => 500,
            4..6 => 503,
            6..40 => 404,
            40..70 => 302,
            70..90 => 401,
            90..130 => 304,
            _ => 200,
        };
        let connect_ms = self.rng.below(8).saturating_sub(4);
        let attempt = Attempt {
            peer,
            status: Some(status),
            ms: connect_ms + self.duration(),
            connect_ms: Some(connect_ms),
        };
        (attempt, status)
    }

    /// Mostly milliseconds, at times seconds.
    fn duration(&mut self) -> u64 {
        self.rng.zipf(4000) + 1
    }

    /// The fields of a failed attempt.
    fn failure(&mut self, cause: Cause) -> Attempt<'a> {
        let peer = self.request.peer;
        let group = SERVICES[self.request.service].group.as_bytes();
        let dice = self.rng.below(100);
        let (status, ms, connect_ms, peer) = match cause {
            Cause::Refused if dice < 25 => (Some(502), 0, None, group),
            Cause::Refused | Cause::SocketMissing | Cause::Exhausted => (Some(502), 0, None, peer),
            Cause::Unreachable => (Some(502), 3000 + dice, None, peer),
            Cause::Tls => (Some(502), 1 + dice / 8, None, peer),
            Cause::Slow if dice < 12 => (None, 3000 + dice * 400, Some(dice / 4), peer),
            Cause::Slow if dice < 24 => (Some(504), 60_000 + dice % 4, None, peer),
            Cause::Slow => (Some(504), 60_000 + dice % 4, Some(dice / 40), peer),
            Cause::ClientAbort => (None, 20 + dice * 90, Some(0), peer),
            _ => (Some(502), self.duration(), Some(dice / 40), peer),
        };
        Attempt {
            peer,
            status,
            ms,
            connect_ms,
        }
    }

    fn write_line(&mut self, out: &mut Vec<u8>, status: u64) {
        push(out, self.request.client);
        push(out, b" - - [");
        push(out, self.clock.stamp(&mut self.rng));
        push(out, b"] \"");
        self.request.push_line(out);
        push(out, b"\" ");
        push_number(out, status);
        out.push(b' ');
        push_number(out, self.body_len(status));
        push_quoted(out, " \"", self.request.referrer.unwrap_or(b"-"));
        push_quoted(
            out,
            " \"",
            AGENTS[self.rng.zipf(AGENTS.len() as u64) as usize].as_bytes(),
        );
        push(out, b" rt=");
        let ms = self.attempts.iter().map(|attempt| attempt.ms).sum::<u64>();
        push_seconds(out, ms + self.rng.below(2));
        self.push_lists(out);
        out.push(b'\n');
    }

    fn body_len(&mut self, status: u64) -> u64 {
        match status {
            304 | 499 => 0,
            502 | 504 => 157,
            _ => 20 + self.rng.zipf(400_000),
        }
    }

    fn push_lists(&self, out: &mut Vec<u8>) {
        push_list(out, " ua=\"", &self.attempts, |out, attempt| {
            push(out, attempt.peer)
        });
        push_list(out, " us=\"", &self.attempts, |out, attempt| {
            push_or_dash(out, attempt.status, push_number)
        });
        push_list(out, " ut=\"", &self.attempts, |out, attempt| {
            push_seconds(out, attempt.ms)
        });
        push_list(out, " uc=\"", &self.attempts, |out, attempt| {
            push_or_dash(out, attempt.connect_ms, push_seconds)
        });
    }
}

impl<'a> Log for AccessLog<'a> {
    fn enter_minute(&mut self, minute: u64, _out: &mut Vec<u8>) {
        self.active = self
            .plan
            .active(minute)
            .map(|(_, incident)| incident)
            .collect();
    }

    fn write_record(&mut self, second: u64, out: &mut Vec<u8>) {
        self.clock.set(second);
        let is_static = self.rng.one_in(4);
        let service = self.rng.pick(Cause::Slow.services());
        self.request
            .renew(self.site, service, is_static, &mut self.rng);
        self.attempts.clear();
        let is_limited = self
            .active
            .iter()
            .any(|i| i.service == service && i.cause == Cause::RateLimited);
        let status = match is_static {
            true => self.rng.pick(&[200, 200, 200, 304, 404]),
            false if is_limited && self.rng.one_in(4) => 503,
            false => self.pass(),
        };
        self.write_line(out, status);
    }
}

fn push_or_dash(out: &mut Vec<u8>, value: Option<u64>, push_value: fn(&mut Vec<u8>, u64)) {
    match value {
        Some(value) => push_value(out, value),
        None => out.push(b'-'),
    }
}

/// `ua="a, b"`, or `ua="-"` when nobody was asked.
fn push_list(
    out: &mut Vec<u8>,
    key: &str,
    attempts: &[Attempt<'_>],
    push_one: impl Fn(&mut Vec<u8>, &Attempt<'_>),
) {
    push(out, key.as_bytes());
    for (index, attempt) in attempts.iter().enumerate() {
        if index > 0 {
            push(out, b", ");
        }
        push_one(out, attempt);
    }
    push(out, if attempts.is_empty() { b"-\"" } else { b"\"" });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(kind: LogKind, n_upstreams: u64) -> Vec<u8> {
        let options = Options {
            kind,
            n_bytes: 300_000,
            n_upstreams,
            ..Options::default()
        };
        let mut out = Vec::new();
        write_log(&options, &mut out).expect("a vector takes everything");
        out
    }

    #[test]
    fn same_arguments_same_bytes() {
        assert!(log(LogKind::Error, 12) == log(LogKind::Error, 12));
        assert!(log(LogKind::Access, 5_000) == log(LogKind::Access, 5_000));
    }

    #[test]
    fn logs_end_with_the_first_whole_record_past_their_size() {
        for kind in [LogKind::Access, LogKind::Error] {
            let text = log(kind, 1);
            assert!(text.is_ascii() && text.ends_with(b"\n"));
            assert!((300_000..300_000 + 4096).contains(&text.len()));
        }
    }

    #[test]
    fn records_begin_with_a_head_and_are_cut_like_those_of_nginx() {
        let text = log(LogKind::Error, 12);
        let lines = text.split(|&byte| byte == b'\n');
        let heads = lines.filter(|line| line.starts_with(b"2026/11/2"));
        assert!(heads.clone().count() > 500);
        assert!(heads.clone().all(|line| line.len() <= MAX_RECORD_LEN));
        assert!(heads.clone().all(|line| line[19..21] == *b" ["));
    }

    #[test]
    fn dates() {
        assert_eq!(date(FIRST_DAY), (2026, 11, 20));
        assert_eq!(date(FIRST_DAY + 42), (2027, 1, 1));
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("12k", 0, u64::MAX), Ok(12_000));
        assert_eq!(parse_size("1G", 0, u64::MAX), Ok(1_000_000_000));
        assert!(parse_size("", 0, u64::MAX).is_err());
        assert!(parse_size("99999999999G", 0, u64::MAX).is_err());
        assert!(parse_size("0", 1, 9).is_err());
    }

    #[test]
    fn newlines() {
        assert_eq!(count_newlines(&[b'\n'; 1000]), 1000);
        assert_eq!(count_newlines(b"a\nb"), 1);
    }
}
