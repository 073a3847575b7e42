//! Micro benches of each layer, in bytes of log text per second: line ends, heads, messages, records to counts.
//!
//! `cargo bench --no-default-features`; whole runs against other programs are measured by `benches/compare`.

use coroner::{
    aggregate::{Aggregate, Ledger, Width, bucket::Grain},
    classify::{Classifier, taxonomy::ROWS},
    lines,
    parse::{HeadParser, record, tail},
    scan::{Block, Event, Scanner, Sink},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

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
}

fn layers(criterion: &mut Criterion) {
    let log = log();
    let classifier = Classifier::default();
    let records: Vec<&[u8]> = log
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let mut group = criterion.benchmark_group("layers");
    group.throughput(Throughput::Bytes(log.len() as u64));
    group.bench_function("line ends", |b| {
        b.iter(|| lines::lines(&log, 0..log.len()).count())
    });
    group.bench_function("chunks", |b| {
        b.iter(|| lines::chunks(&log, 1 << 16, 1 << 16, record::may_start).len())
    });
    group.bench_function("heads", |b| {
        let mut heads = HeadParser::default();
        b.iter(|| {
            records
                .iter()
                .filter(|record| heads.parse(record).is_ok())
                .count()
        });
    });
    group.bench_function("tails", |b| {
        let tails: Vec<&[u8]> = records
            .iter()
            .map(|record| &record[tail::find_tail(record)..])
            .collect();
        b.iter(|| {
            tails
                .iter()
                .filter(|text| tail::parse_tail(text).upstream.is_some())
                .count()
        });
    });
    group.bench_function("messages", |b| {
        let (mut heads, mut searcher) = (HeadParser::default(), classifier.searcher());
        b.iter(|| {
            records
                .iter()
                .filter_map(|record| Some((heads.parse(record).ok()?, record)))
                .filter(|(head, record)| {
                    classifier
                        .classify(&mut searcher, head, &record[head.len..])
                        .upstream
                        .is_some()
                })
                .count()
        });
    });
    group.bench_function("scan", |b| {
        let mut scanner = Scanner::new(&classifier);
        let block = Block {
            source: 0,
            offset: 0,
            bytes: &log,
            n_omitted: 0,
        };
        b.iter(|| scanner.scan(block, 0..log.len(), &mut Ledger::default(), &mut Nothing));
    });
    group.bench_function("an empty aggregate", |b| {
        b.iter(|| Aggregate::new(ROWS.len(), Grain::Fixed(Width::Minute)));
    });
    group.finish();
}

criterion_group!(benches, layers);
criterion_main!(benches);
