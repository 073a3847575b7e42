//! The quick way through a chunk, in windows, against the careful way, which bytes near the end of a source go.

use super::{
    generate::{Rng, log, mutate, record},
    memo::told,
};
use coroner::{
    aggregate::{Evidence, Ledger},
    classify::Classifier,
    event::Trust,
    lines::{
        self,
        window::{SPARE_LEN, WINDOW_LEN},
    },
    parse::record::blocked,
    scan::{Block, Event, Reading, Request, Scanner, Sink},
};

/// Everything that was found, in a form that can be compared, and where.
#[derive(Default)]
struct Told {
    events: Vec<String>,
    places: Vec<Evidence>,
}

impl Sink for Told {
    fn collect(&mut self, event: &Event<'_>) {
        let Event {
            head,
            known,
            trust,
            is_doubtful,
            sender: _,
            evidence,
            machine: _,
            enveloped: _,
        } = event;
        // A second head may stand in a later line of the record.
        if *trust != Trust::Torn {
            self.places.push(*evidence);
        }
        let offset = evidence.offset;
        self.events.push(format!(
            "{offset} {head:?} {trust:?} {is_doubtful} {}",
            told(known)
        ));
    }

    fn request(&mut self, _: &Request<'_>) {
        unreachable!("no formats are known");
    }
}

fn block(bytes: &[u8], offset: usize) -> Block<'_> {
    Block {
        source: coroner::aggregate::SourceKey::new(0, 0),
        offset: offset as u64,
        bytes,
        n_omitted: 0,
    }
}

/// Reads `log` in one chunk, with bytes behind it, so that windows fit, then again from chunks of a record each, alone.
fn check(scanner: &mut Scanner<'_>, log: &[u8]) {
    let (mut quick, mut quick_ledger) = (Told::default(), Ledger::default());
    let longer = [log, &[b'\n'; WINDOW_LEN + SPARE_LEN]].concat();
    scanner.scan(
        block(&longer, 0),
        0..log.len(),
        &Reading::default(),
        &mut quick_ledger,
        &mut quick,
    );
    let (mut careful, mut careful_ledger) = (Told::default(), Ledger::default());
    for chunk in lines::chunks(log, 1, usize::MAX, |bytes, at| blocked(bytes, at, None)) {
        let mut alone = Told::default();
        let bytes = &log[chunk.clone()];
        scanner.scan(
            block(bytes, chunk.start),
            0..bytes.len(),
            &Reading::default(),
            &mut careful_ledger,
            &mut alone,
        );
        careful.events.extend(alone.events);
    }
    for (quick, careful) in quick.events.iter().zip(&careful.events) {
        assert_eq!(quick, careful);
    }
    assert_eq!(quick.events.len(), careful.events.len());
    for place in &quick.places {
        let before = &log[..place.offset as usize];
        let n_lines = memchr::memchr_iter(b'\n', before).count();
        assert_eq!(place.line_in_chunk as usize, n_lines);
    }
    // Chunks were cut differently on purpose.
    quick_ledger.line_starts = careful_ledger.line_starts.clone();
    assert_eq!(quick_ledger, careful_ledger);
}

#[test]
fn logs_are_read_alike() {
    let classifier = Classifier::default();
    let mut scanner = Scanner::new(&classifier);
    let mut rng = Rng::new(23);
    // More than once: the second time most messages are known.
    for _ in 0..4 {
        check(&mut scanner, &log(&mut rng, 3_000));
    }
    check(
        &mut scanner,
        include_bytes!("../data/nginx-observed-1.22.1.txt"),
    );
    check(
        &mut scanner,
        include_bytes!("../data/nginx-observed-1.22.1.txt"),
    );
}

#[test]
fn forged_lines_are_read_alike() {
    let classifier = Classifier::default();
    let mut scanner = Scanner::new(&classifier);
    let mut rng = Rng::new(9);
    let kept = include_bytes!("../data/forged-nginx.txt");
    // More than once, and among others: the second time most messages are known.
    for _ in 0..2 {
        check(&mut scanner, kept);
    }
    let mut mixed = Vec::new();
    for line in kept.split_inclusive(|&byte| byte == b'\n') {
        match rng.below(40) {
            0 => mixed.extend(log(&mut rng, 3)),
            1 => continue,
            2 => mixed.extend(mutate(&mut rng, line)),
            _ => {}
        }
        mixed.extend_from_slice(line);
    }
    check(&mut scanner, &mixed);
}

#[test]
fn broken_records_are_read_alike() {
    let classifier = Classifier::default();
    let mut scanner = Scanner::new(&classifier);
    let mut rng = Rng::new(5);
    let records: Vec<Vec<u8>> = (0..3_000).map(|_| record(&mut rng)).collect();
    for _ in 0..6 {
        let mut log = Vec::new();
        for whole in &records {
            let other = &records[rng.below(records.len())];
            let cut = rng.below(whole.len());
            match rng.below(8) {
                0 => log.extend(mutate(&mut rng, whole)),
                1 => log.extend([&whole[..cut], &other[rng.below(other.len())..]].concat()),
                2 => log.extend(&whole[..cut]),
                3 => log.extend([whole, &b"\r"[..]].concat()),
                _ => log.extend(whole),
            }
            log.push(b'\n');
        }
        check(&mut scanner, &log);
    }
}

/// Upstream values as nginx writes them, and as nobody should.
const UPSTREAMS: &[&str] = &[
    "http://10.0.0.5:8080/a?b=1",
    "http://10.0.0.5:8080",
    "http://10.0.0.5",
    "http:///a",
    "http://",
    "https://[2001:db8:7::c]:8443/a/b",
    "https://[2001:db8/x]:1/y",
    "https://[2001:db8",
    "http://backend",
    "grpc://10.80.0.12:50051",
    "grpc://unix:/run/g.sock:",
    "grpcs://10.80.0.12:50051",
    "fastcgi://127.0.0.1:9000",
    "fastcgi://unix:/run/php.sock:",
    "fastcgi://unix:/run/php.sock",
    "fastcgi://unix::",
    "fastcgi://unix:",
    "fastcgi:/unix:/x:",
    "http://unix:/run/a.sock:/path",
    "http://unix:/run/a.sock/a?b=1",
    "https://unix:/run/a.sock:/x",
    "uwsgi://unix:///run/u.sock:",
    "memcached://127.0.0.1:11211",
    "10.0.0.7:5432",
    "10.0.0.7://x/y",
    "unix:/run/s.sock",
    "//10.0.0.1/x",
    "",
    "http://a-host-of-exactly-sixty-four-bytes.of.a.long.domain.example:8080/x",
    "http://a-host-of-more-than-sixty-four-bytes.of.an.even.longer.domain.example.org:8080/x",
    "http://a-host-of-more-than-sixty-four-bytes.of.an.even.longer.domain.example.org:8080",
    "fastcgi://unix:/run/a/path/of/more/than/sixty/four/bytes/that/goes/on/and/on.sock:",
];

#[test]
fn addresses_are_read_alike() {
    let classifier = Classifier::default();
    let mut scanner = Scanner::new(&classifier);
    let mut text = String::new();
    for upstream in UPSTREAMS {
        for message in [
            "connect() failed (111: Connection refused) while connecting to upstream".to_owned(),
            format!(
                "connect() to {upstream} failed (111: Connection refused) while connecting to upstream"
            ),
            format!(
                "connect() to {upstream} failed (101: Network is unreachable) while connecting to upstream"
            ),
        ] {
            let start = format!(
                "2026/11/20 11:23:46 [error] 7#7: *42 {message}, client: 10.0.0.1, server: x, request: \"GET /a?b=1 HTTP/1.1\""
            );
            text += &format!("{start}, upstream: \"{upstream}\", host: \"x\"\n");
            text += &format!("{start}, upstream: \"{upstream}\"\n");
            text += &format!("{start}, host: \"x\"\n");
        }
    }
    for _ in 0..2 {
        check(&mut scanner, text.as_bytes());
    }
}

/// Numbers of a head are where those before stood, or elsewhere, or none.
#[test]
fn heads_of_every_width_are_read_alike() {
    let classifier = Classifier::default();
    let mut scanner = Scanner::new(&classifier);
    let numbers = [
        "1",
        "27",
        "123456",
        "99999999",
        "123456789012345",
        "1234567890123456",
        "x",
        "",
        "1 ",
    ];
    let mut text = String::new();
    for level in ["error", "warn", "crit", "notice", "debug"] {
        for pid in numbers {
            for (tid, connection) in numbers.iter().zip(numbers.iter().rev()) {
                for tid in [tid, pid] {
                    let start = format!("2026/11/20 11:23:46 [{level}] {pid}#{tid}:");
                    text += &format!(
                        "{start} *{connection} access forbidden by rule, client: 10.0.0.1, server: x\n"
                    );
                    text += &format!("{start} accept4() failed (24: Too many open files)\n");
                    text += &format!("{start} {connection} worker_connections are not enough\n");
                    text += &format!("{start}accept4() failed (24: Too many open files)\n");
                    text += &format!("{start} * accept4() failed (24: Too many open files)\n");
                }
            }
        }
    }
    for _ in 0..2 {
        check(&mut scanner, text.as_bytes());
    }
}

/// Records of no connection, which come by the million when descriptors run out, among others.
#[test]
fn records_without_connection_are_read_alike() {
    let classifier = Classifier::default();
    let mut scanner = Scanner::new(&classifier);
    let mut rng = Rng::new(31);
    let messages = [
        "accept4() failed (24: Too many open files)",
        "1024 worker_connections are not enough",
        "1024 worker_connections are not enough while connecting to upstream",
        "1024 worker_connections are not enough, reusing connections",
        "send() failed (111: Connection refused) while resolving, resolver: 127.0.0.53:53",
        "backend.example could not be resolved (110: Operation timed out)",
        "signal 17 (SIGCHLD) received from 1192",
        "worker process 1192 exited with code 0",
        "worker process 1192 exited on signal 11 (core dumped)",
        "start worker processes",
        "open socket #3 left in connection 7",
        "bind() to 0.0.0.0:80 failed (98: Address already in use)",
        "open() \"/etc/nginx/x\ny\" failed (2: No such file or directory) in /etc/nginx/nginx.conf:7",
        "*7 connect() failed (111: Connection refused) while connecting to upstream",
        "what nobody knows",
    ];
    let behind = [
        "",
        ", client: 10.0.0.1, server: x",
        ", client: 10.0.0.1, server: x, request: \"GET /%0a HTTP/1.1\", upstream: \"http://10.0.0.5:80/\"",
        ", context: ngx.timer",
        "\r",
        "\nStack trace:\n#0 {main}",
    ];
    for _ in 0..3 {
        let mut text = Vec::new();
        for _ in 0..2_000 {
            let level = ["error", "alert", "crit", "notice", "emerg"][rng.below(5)];
            let connection = ["", "", "*42 "][rng.below(3)];
            let message = messages[rng.below(messages.len())];
            let behind = behind.get(rng.below(behind.len() * 3)).unwrap_or(&"");
            let line =
                format!("2026/11/20 11:23:46 [{level}] 1191#1191: {connection}{message}{behind}\n");
            match rng.below(20) {
                0 => text.extend(mutate(&mut rng, line.as_bytes())),
                _ => text.extend_from_slice(line.as_bytes()),
            }
        }
        check(&mut scanner, &text);
    }
}
