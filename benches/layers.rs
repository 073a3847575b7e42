//! Micro benches of each layer, in bytes of log text per second: line ends, heads, messages, records to counts.
//!
//! `cargo bench --no-default-features`; whole runs against other programs are measured by `benches/compare`.

use coroner::{
    aggregate::{Aggregate, Histogram, Ledger, SourceKey, Width, bucket::Grain},
    classify::{Classifier, classify_request, taxonomy::ROWS},
    lines,
    parse::{
        HeadParser,
        access::{
            AccessLine, Escape, Field, FieldSet, LogFormat, TimeReader, attempts, json::JsonFormat,
            parse_request_line, write_route,
        },
        record, tail,
        wrapper::{Chain, Scratch, Wrapper, strip},
    },
    scan::{Block, Event, Reading, Request, Scanner, Sink},
};
use divan::{
    Bencher, black_box,
    counter::{BytesCount, ItemsCount},
};
use std::sync::LazyLock;

fn main() {
    divan::main();
}

static LOG: LazyLock<Vec<u8>> = LazyLock::new(log);

/// The lines of [`LOG`].
static RECORDS: LazyLock<Vec<&[u8]>> = LazyLock::new(|| {
    LOG.split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .collect()
});

/// A log of usual failures: 4,000 records of four kinds.
fn log() -> Vec<u8> {
    let mut log = Vec::new();
    for n in 0..4_000 {
        let (second, upstream, client) = (n % 60, n % 7, n % 91);
        let message = match n % 4 {
            0 => "connect() failed (111: Connection refused) while connecting to upstream",
            1 => {
                "upstream timed out (110: Connection timed out) while reading response header from upstream"
            }
            2 => "no live upstreams while connecting to upstream",
            _ => "open() \"/srv/www/favicon.ico\" failed (2: No such file or directory)",
        };
        log.extend_from_slice(
            format!(
                "2026/11/20 11:23:{second:02} [error] 16993#16993: *{n} {message}, client: 192.0.2.{client}, \
                 server: shop.example, request: \"GET /a/{n}?q=1 HTTP/1.1\", \
                 upstream: \"http://10.0.0.{upstream}:8080/a/{n}?q=1\", host: \"shop.example\"\n"
            )
            .as_bytes(),
        );
    }
    log
}

struct Nothing;

impl Sink for Nothing {
    fn collect(&mut self, event: &Event<'_>) {
        black_box(event);
    }

    fn request(&mut self, request: &Request<'_>) {
        black_box(request);
    }
}

/// `combined` and five fields about attempts.
static ACCESS_FORMAT: &[u8] = b"$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
    \"$http_referer\" \"$http_user_agent\" rt=$request_time ua=\"$upstream_addr\" us=\"$upstream_status\" \
    uct=\"$upstream_connect_time\" uht=\"$upstream_header_time\" urt=\"$upstream_response_time\"";

/// Lines of [`ACCESS_FORMAT`], without their ends: one in eight was retried.
static ACCESS_LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let line = |n: usize| {
        let (second, upstream, client, ms) = (n % 60, n % 7, n % 91, n * 7919 % 2_000);
        let (address, status, time) = match n % 8 {
            0 => (
                format!("10.0.0.{upstream}:8080, 10.0.0.9:8080"),
                "502, 200",
                format!("0.000, 0.{ms:03}"),
            ),
            _ => (
                format!("10.0.0.{upstream}:8080"),
                "200",
                format!("0.{ms:03}"),
            ),
        };
        format!(
            "192.0.2.{client} - - [20/Nov/2026:11:23:{second:02} +0000] \"GET /a/{n}?q={ms} HTTP/1.1\" 200 {bytes} \
             \"https://shop.example/b/{client}\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/142.0.0.0 Safari/537.36\" rt=0.{ms:03} ua=\"{address}\" us=\"{status}\" uct=\"{time}\" \
             uht=\"{time}\" urt=\"{time}\"",
            bytes = n * 31 % 90_000,
        )
        .into_bytes()
    };
    (0..4_000).map(line).collect()
});

/// What the tables of access logs need.
fn wanted() -> FieldSet {
    let wanted = [
        Field::Time,
        Field::Status,
        Field::RequestTime,
        Field::UpstreamAddr,
        Field::UpstreamStatus,
        Field::UpstreamConnectTime,
        Field::UpstreamHeaderTime,
        Field::UpstreamResponseTime,
    ];
    wanted.into_iter().collect()
}

#[divan::bench]
fn access_lines_cut(bencher: Bencher<'_, '_>) {
    let format = LogFormat::compile("bench", Escape::Default, ACCESS_FORMAT).expect("a format");
    let cutter = format.cutter(wanted());
    let n_bytes: usize = ACCESS_LINES.iter().map(Vec::len).sum();
    let n_lines = ItemsCount::new(ACCESS_LINES.len());
    bencher
        .counter(BytesCount::new(n_bytes))
        .counter(n_lines)
        .bench(|| {
            let mut out = AccessLine::default();
            for line in ACCESS_LINES.iter() {
                cutter.cut(line, &mut out).expect("it fits");
                black_box(&out);
            }
        });
}

#[divan::bench]
fn line_ends(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::of_slice(&**LOG))
        .bench(|| lines::lines(&LOG, 0..LOG.len()).count());
}

#[divan::bench]
fn chunks(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::of_slice(&**LOG)).bench(|| {
        lines::chunks(&LOG, 1 << 16, 1 << 16, |bytes, at| {
            record::blocked(bytes, at, None)
        })
        .len()
    });
}

#[divan::bench]
fn heads(bencher: Bencher<'_, '_>) {
    let mut heads = HeadParser::default();
    bencher
        .counter(BytesCount::of_slice(&**LOG))
        .bench_local(|| {
            let is_head = |record: &&&[u8]| heads.parse(record).is_ok();
            RECORDS.iter().filter(is_head).count()
        });
}

#[divan::bench]
fn tails(bencher: Bencher<'_, '_>) {
    let tails: Vec<&[u8]> = RECORDS
        .iter()
        .map(|record| &record[tail::find_tail(record)..])
        .collect();
    let has_upstream = |text: &&&[u8]| tail::parse_tail(text).upstream.is_some();
    bencher
        .counter(BytesCount::of_slice(&**LOG))
        .bench(|| tails.iter().filter(has_upstream).count());
}

#[divan::bench]
fn messages(bencher: Bencher<'_, '_>) {
    let classifier = Classifier::default();
    let (mut heads, mut searcher) = (HeadParser::default(), classifier.searcher());
    let mut has_upstream = |record: &[u8]| {
        heads.parse(record).is_ok_and(|head| {
            let known = classifier.classify(&mut searcher, &head, &record[head.len..]);
            known.upstream.is_some()
        })
    };
    bencher
        .counter(BytesCount::of_slice(&**LOG))
        .bench_local(|| RECORDS.iter().filter(|record| has_upstream(record)).count());
}

#[divan::bench]
fn scan(bencher: Bencher<'_, '_>) {
    let classifier = Classifier::default();
    let mut scanner = Scanner::new(&classifier);
    let block = Block {
        source: SourceKey::new(0, 0),
        offset: 0,
        bytes: &LOG,
        n_omitted: 0,
    };
    bencher
        .counter(BytesCount::of_slice(&**LOG))
        .bench_local(|| {
            scanner.scan(
                block,
                0..LOG.len(),
                &Reading::default(),
                &mut Ledger::default(),
                &mut Nothing,
            )
        });
}

/// The records as lines of a wrapper, taken out of it again; bytes are those of the wrapped lines.
#[divan::bench(args = [Wrapper::Cri, Wrapper::DockerJson, Wrapper::Syslog3164, Wrapper::JournalJson])]
fn wrappers(bencher: Bencher<'_, '_>, wrapper: Wrapper) {
    let wrap = |record: &&[u8]| {
        let text = String::from_utf8_lossy(record);
        let json = serde_json::to_string(&format!("{text}\n")).expect("a string");
        match wrapper {
            Wrapper::DockerJson => format!(
                "{{\"log\":{json},\"stream\":\"stderr\",\"time\":\"2026-11-20T11:23:46.123456789Z\"}}"
            ),
            Wrapper::JournalJson => format!(
                "{{\"_PID\":\"16993\",\"_HOSTNAME\":\"web1\",\"MESSAGE\":{json},\"__REALTIME_TIMESTAMP\":\"1795173826123456\"}}"
            ),
            Wrapper::Syslog3164 => format!("Nov 20 11:23:46 web1 nginx: {text}"),
            _ => format!("2026-11-20T11:23:46.123456789Z stderr F {text}"),
        }
    };
    let lines: Vec<String> = RECORDS.iter().map(wrap).collect();
    let (chain, mut scratch) = (Chain::new(&[wrapper]), Scratch::default());
    bencher
        .counter(BytesCount::new(
            lines.iter().map(String::len).sum::<usize>(),
        ))
        .bench_local(|| {
            let text_len = |line: &String| strip(&chain, line.as_bytes(), &mut scratch).text.len();
            lines.iter().map(text_len).sum::<usize>()
        });
}

/// Lines of an access log in JSON, 18 keys in 740 bytes: those that statistics of upstreams need, and all that is known.
#[divan::bench(args = ["needed", "all"])]
fn json_access(bencher: Bencher<'_, '_>, wanted: &str) {
    let log = json_log();
    let lines: Vec<&[u8]> = log.iter().map(String::as_bytes).collect();
    let needed = [
        Field::Time,
        Field::Status,
        Field::UpstreamAddr,
        Field::UpstreamStatus,
        Field::UpstreamResponseTime,
        Field::UpstreamConnectTime,
        Field::UpstreamHeaderTime,
    ];
    let format = JsonFormat::learn(lines.iter().copied(), &[]).expect("an access log");
    let format = match wanted {
        "needed" => format.only(needed.into_iter().collect()),
        _ => format.only(FieldSet::ALL),
    };
    bencher
        .counter(BytesCount::new(
            lines.iter().map(|line| line.len()).sum::<usize>(),
        ))
        .bench_local(|| {
            let mut out = AccessLine::default();
            let cuts = lines.iter().map(|line| format.cut(line, &mut out));
            cuts.filter(Result::is_ok).count()
        });
}

fn json_log() -> Vec<String> {
    let line = |n: usize| {
        let (status, query) = ([502, 200, 200][n % 3], "x".repeat(n % 80));
        format!(
            "{{\"time_iso8601\":\"2026-11-20T11:23:{:02}+00:00\",\"remote_addr\":\"192.0.2.{}\",\"remote_user\":\"\",\
             \"request\":\"GET /shop/articles/{n}?page=2&q={query} HTTP/1.1\",\"status\":\"{status}\",\"body_bytes_sent\":\"{}\",\
             \"request_time\":\"0.{:03}\",\"http_referer\":\"https://shop.example/shop/articles?page=1&sort=price\",\
             \"http_user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 \
             Safari/537.36\",\"http_x_forwarded_for\":\"198.51.100.7, 10.0.0.1\",\"host\":\"shop.example\",\
             \"server_name\":\"shop.example\",\"upstream_addr\":\"10.0.0.{}:8080\",\"upstream_status\":\"{status}\",\
             \"upstream_response_time\":\"0.{:03}\",\"upstream_connect_time\":\"0.001\",\"upstream_header_time\":\"0.{:03}\",\
             \"request_id\":\"5f1e0d7c9a{n:022x}\"}}",
            n % 60,
            n % 91,
            n * 7,
            n % 1000,
            n % 7,
            n % 999,
            n % 998
        )
    };
    (0..4_000).map(line).collect()
}

#[divan::bench]
fn an_empty_aggregate() -> Aggregate {
    Aggregate::new(ROWS.len(), Grain::Fixed(Width::Minute))
}

/// Values per second from here on: what one access line costs is the sum.
const N: usize = 4_000;

/// Times of neighbouring lines in the forms of nginx, read one after the other.
#[divan::bench(args = ["20/Nov/2026:11:29:SS +0000", "2026-11-20T11:29:SS+00:00", "17951741SS.538"])]
fn access_times(bencher: Bencher<'_, '_>, form: &str) {
    let second = |n: usize| form.replace("SS", &format!("{:02}", n / 100));
    let times: Vec<String> = (0..N).map(second).collect();
    let mut reader = TimeReader::default();
    let bench = bencher.counter(ItemsCount::new(N));
    bench.bench_local(|| {
        let is_time = |time: &&String| reader.read(time.as_bytes()).is_some();
        times.iter().filter(is_time).count()
    });
}

/// Lines of an access log with all upstream fields.
fn access_lines(kind: &str) -> Vec<AccessLine<'static>> {
    let values: [&[u8]; 8] = match kind {
        "one" => [
            b"200",
            b"10.0.0.1:8080",
            b"200",
            b"0.012",
            b"0.000",
            b"0.011",
            b"512",
            b"612",
        ],
        "none" => [b"304", b"-", b"-", b"-", b"-", b"-", b"-", b"-"],
        _ => [
            b"200",
            b"10.0.0.1:8080, 10.0.0.2:8080",
            b"502, 200",
            b"0.000, 0.012",
            b"-, 0.000",
            b"-, 0.011",
            b"0, 512",
            b"0, 612",
        ],
    };
    let mut line = AccessLine::default();
    for (field, value) in [
        Field::Status,
        Field::UpstreamAddr,
        Field::UpstreamStatus,
        Field::UpstreamResponseTime,
        Field::UpstreamConnectTime,
        Field::UpstreamHeaderTime,
        Field::UpstreamResponseLength,
        Field::UpstreamBytesReceived,
    ]
    .into_iter()
    .zip(values)
    {
        line.set(field, Some(value));
    }
    vec![line; N]
}

#[divan::bench(args = ["none", "one", "two"])]
fn access_attempts(bencher: Bencher<'_, '_>, kind: &str) {
    let lines = access_lines(kind);
    let bench = bencher.counter(ItemsCount::new(N));
    bench.bench(|| black_box(&lines).iter().flat_map(attempts).count());
}

#[divan::bench(args = ["none", "one", "two"])]
fn access_verdicts(bencher: Bencher<'_, '_>, kind: &str) {
    let lines = access_lines(kind);
    let bench = bencher.counter(ItemsCount::new(N));
    bench.bench(|| {
        let is_row = |line: &&AccessLine<'_>| {
            classify_request(line, Escape::Default, |attempt, _| _ = black_box(attempt)).is_row()
        };
        black_box(&lines).iter().filter(is_row).count()
    });
}

#[divan::bench]
fn request_lines(bencher: Bencher<'_, '_>) {
    let lines: Vec<String> = (0..N)
        .map(|n| format!("GET /api/v1/users/{n}/orders?sort=up HTTP/1.1"))
        .collect();
    let bench = bencher.counter(ItemsCount::new(N));
    bench.bench(|| {
        let has_uri = |line: &&String| parse_request_line(line.as_bytes()).uri.is_some();
        black_box(&lines).iter().filter(has_uri).count()
    });
}

#[divan::bench]
fn routes(bencher: Bencher<'_, '_>) {
    let uris: Vec<String> = (0..N)
        .map(|n| format!("/api/v1/users/{n}/orders?sort=up"))
        .collect();
    let mut route = Vec::new();
    let bench = bencher.counter(ItemsCount::new(N));
    bench.bench_local(|| {
        for uri in &uris {
            write_route(uri.as_bytes(), &mut route);
            black_box(&route);
        }
    });
}

/// Collects so many durations of a usual kind into a new histogram.
#[divan::bench(args = [100, 4_000, 100_000])]
fn histogram(bencher: Bencher<'_, '_>, n: usize) {
    let values: Vec<u32> = (0..n)
        .map(|n| (n as u32).wrapping_mul(0x9e37_79b9) >> (22 + n % 8))
        .collect();
    let bench = bencher.counter(ItemsCount::new(n));
    bench.bench(|| {
        let mut histogram = Histogram::default();
        black_box(&values)
            .iter()
            .for_each(|&ms| histogram.collect(ms));
        histogram
    });
}
