//! The fast parser and the slow, obvious one must read the same in every record: provoked, generated and mutated.

use crate::{
    generate::{self, Rng},
    reference::{reference_record, reference_upstream_address},
};
use coroner::{classify::Classifier, event::LocalTime, parse::HeadParser};

/// Compares both readings of one record; `Err` says where they differ.
fn compare(record: &[u8]) -> Result<(), String> {
    static CLASSIFIER: std::sync::OnceLock<Classifier> = std::sync::OnceLock::new();
    let classifier = CLASSIFIER.get_or_init(Classifier::default);
    let fast = HeadParser::default().parse(record);
    let slow = reference_record(record);
    let (Ok(head), Some(slow)) = (fast, &slow) else {
        return match (fast, slow) {
            (Err(_), None) => Ok(()),
            // The reference refuses heads without a whole `PID#TID: `; the fast parser takes what there is.
            (Ok(head), None) if head.pid.is_none() || record[head.len - 1] != b' ' => Ok(()),
            (Ok(head), None) if memchr::memmem::find(&record[..head.len], b"] ").is_none() => {
                Ok(())
            }
            (fast, slow) => Err(format!("head: {fast:?} against {}", slow.is_some())),
        };
    };
    check("time", &head.time, &Some(LocalTime(slow.local_seconds)))?;
    check(
        "level",
        &head.level.map(|level| level.name().as_bytes()),
        &Some(slow.level),
    )?;
    check("pid", &head.pid, &Some(slow.pid))?;
    if head.len == record.len() {
        return Ok(()); // cut behind the connection number: the reference takes that for text
    }
    check("connection", &head.connection, &slow.connection)?;
    let text = &record[head.len..];
    check("text", &text, &slow.text)?;
    let known = classifier.search(&mut classifier.searcher(), &head, text);
    let tail_at = known.message.len();
    let first = memchr::memmem::find(text, b", client: ").unwrap_or(text.len());
    if slow.client.is_some() && tail_at != first {
        // The message's own words tell where it ends; the reference takes the first `, client: `, which a file name or an
        // application's text may imitate. The fast parser may only end it later, at a true tail.
        return if tail_at > first
            || text[tail_at..].starts_with(b", ")
            || known.message.as_ptr() != text.as_ptr()
        {
            Ok(())
        } else {
            Err(format!("tail at {tail_at} against {first}"))
        };
    }
    if slow.client.is_none() {
        return Ok(());
    }
    let tail = known.tail;
    check("client", &tail.client, &slow.client)?;
    check("server", &tail.server, &slow.server)?;
    let imitation = slow
        .upstream
        .is_some_and(|value| memchr::memmem::find(value, b", upstream: \"").is_some());
    if tail.request.is_none() && imitation {
        return Ok(()); // the fast parser saw the client's hand in it, and gives nothing rather than a forgery
    }
    check("request", &tail.request, &slow.request)?;
    check("subrequest", &tail.subrequest, &slow.subrequest)?;
    check("upstream", &tail.upstream, &slow.upstream)?;
    check("host", &tail.host(), &slow.host)?;
    if !tail.open {
        check("referrer", &tail.referrer(), &slow.referrer)?; // of a cut one the reference drops what follows a quote
    }
    let address = slow
        .upstream
        .and_then(|value| reference_upstream_address(value, slow.request));
    if !tail.upstream_open && slow.upstream.is_some() {
        check("address", &known.upstream.map(<[u8]>::to_vec), &address)?;
    }
    Ok(())
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, fast: &T, slow: &T) -> Result<(), String> {
    if fast == slow {
        Ok(())
    } else {
        Err(format!("{what}: {} against {}", show(fast), show(slow)))
    }
}

fn show<T: std::fmt::Debug>(value: &T) -> String {
    format!("{value:?}").chars().take(300).collect()
}

fn assert_agree(records: impl Iterator<Item = Vec<u8>>) {
    let mut wrong = Vec::new();
    let mut n_records = 0;
    for record in records {
        n_records += 1;
        if let Err(why) = compare(&record) {
            wrong.push(format!("{why}\n    {}", record.escape_ascii()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {n_records}:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(12)].join("\n")
    );
}

fn lines_of(name: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("bundled");
    bytes.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn on_lines_of_a_real_nginx() {
    assert_agree(lines_of("nginx-observed-1.22.1.txt").into_iter());
}

#[test]
fn on_lines_of_the_corpus() {
    let line = |row: Vec<u8>| row.splitn(10, |&b| b == b'\t').nth(9).map(<[u8]>::to_vec);
    assert_agree(lines_of("corpus-lines.tsv").into_iter().filter_map(line));
}

#[test]
fn on_generated_records() {
    let mut rng = Rng::new(7);
    assert_agree((0..4_000).map(|_| generate::record(&mut rng)));
}

#[test]
fn on_mutated_records() {
    let mut rng = Rng::new(11);
    assert_agree((0..6_000).map(|_| {
        let record = generate::record(&mut rng);
        generate::mutate(&mut rng, &record)
    }));
}
