//! What a searcher remembers of earlier messages never changes what it finds in later ones.

use super::generate::{Rng, log, mutate, record};
use coroner::{
    classify::{Classified, Classifier, Searcher},
    parse::{Head, HeadParser},
};

/// Everything a record came to, in a form that can be compared.
pub(crate) fn told(known: &Classified<'_>) -> String {
    let text = |value: Option<&[u8]>| value.map(|value| value.escape_ascii().to_string());
    let tail = &known.tail;
    let parts = [
        text(known.upstream),
        text(Some(known.message)),
        text(tail.client),
        text(tail.server),
        text(tail.request),
        text(tail.subrequest),
        text(tail.upstream),
        text(tail.host()),
        text(tail.referrer()),
    ];
    let meaning = (
        known.signature,
        known.category,
        known.phase,
        known.severity,
        known.errno,
    );
    format!("{meaning:?} {parts:?} {} {}", tail.open, tail.upstream_open)
}

struct Pair {
    classifier: Classifier,
    /// Has met all records before.
    used: Searcher,
    /// Never asked what it remembers.
    fresh: Searcher,
    n_records: usize,
}

impl Pair {
    fn new() -> Pair {
        let classifier = Classifier::default();
        let (used, fresh) = (classifier.searcher(), classifier.searcher());
        Pair {
            classifier,
            used,
            fresh,
            n_records: 0,
        }
    }

    fn check(&mut self, line: &[u8]) {
        let Ok(head) = HeadParser::default().parse(line) else {
            return;
        };
        self.check_text(&head, &line[head.len..]);
        // The same words at another level, and without a connection, may mean something else.
        self.check_text(
            &Head {
                level: Some(coroner::event::Level::Emerg),
                ..head
            },
            &line[head.len..],
        );
        self.check_text(
            &Head {
                connection: None,
                ..head
            },
            &line[head.len..],
        );
    }

    fn check_text(&mut self, head: &Head, text: &[u8]) {
        self.n_records += 1;
        let known = told(&self.classifier.classify(&mut self.used, head, text));
        let searched = told(&self.classifier.search(&mut self.fresh, head, text));
        assert_eq!(known, searched, "{}", text.escape_ascii());
    }
}

#[test]
fn generated_records_are_recalled_as_they_are_found() {
    let (mut pair, mut rng) = (Pair::new(), Rng::new(17));
    let mut records: Vec<Vec<u8>> = Vec::new();
    for _ in 0..4_000 {
        let whole = record(&mut rng);
        pair.check(&whole);
        pair.check(&mutate(&mut rng, &whole));
        records.push(whole);
    }
    // The head of one, the tail of another: the words of a message, then anything.
    for _ in 0..8_000 {
        let (first, second) = (
            &records[rng.below(records.len())],
            &records[rng.below(records.len())],
        );
        let cut = rng.below(first.len().max(1));
        let from = rng.below(second.len().max(1));
        pair.check(&[&first[..cut], &second[from..]].concat());
    }
    assert!(pair.n_records > 10_000, "{}", pair.n_records);
}

#[test]
fn logs_are_recalled_as_they_are_found() {
    let (mut pair, mut rng) = (Pair::new(), Rng::new(4));
    log(&mut rng, 4_000)
        .split(|&byte| byte == b'\n')
        .for_each(|line| pair.check(line));
    assert!(pair.n_records > 3_000, "{}", pair.n_records);
}

#[test]
fn observed_records_are_recalled_as_they_are_found() {
    let observed = include_bytes!("../data/nginx-observed-1.22.1.txt");
    let mut pair = Pair::new();
    // Twice: the second time most of them are known.
    for _ in 0..2 {
        observed
            .split(|&byte| byte == b'\n')
            .for_each(|line| pair.check(line));
    }
    assert!(pair.n_records > 500, "{}", pair.n_records);
}

/// Every record cut at every place behind its head.
#[test]
fn cut_records_are_recalled_as_they_are_found() {
    let (mut pair, mut rng) = (Pair::new(), Rng::new(99));
    for _ in 0..20 {
        let whole = record(&mut rng);
        pair.check(&whole);
        (30..whole.len()).for_each(|end| pair.check(&whole[..end]));
    }
}
