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
    parse::record::may_start,
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
            evidence,
            machine: _,
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
    for chunk in lines::chunks(log, 1, usize::MAX, may_start) {
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
        let n_lines = before.iter().filter(|&&byte| byte == b'\n').count();
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
