//! Logs that Windows rewrote in UTF-16 are read as what they were.

use crate::{
    packed::{gzip, log, unpack, zstd},
    support::{Rows, run, status, stdout},
};
use std::{fs, path::Path};

fn little(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

fn big(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_be_bytes);
    [0xfe, 0xff].into_iter().chain(units).collect()
}

const RECORD: &str = "2026/11/20 10:00:00 [error] 7#7: *42 connect() failed (111: Connection refused) while connecting to \
                      upstream, client: 192.0.2.1, server: grüße.example, request: \"GET /\u{1f600} HTTP/1.1\", upstream: \
                      \"http://10.0.0.1:80/\"\r\n";

fn export(directory: &Path, table: &str, file: &str) -> (i32, Rows) {
    let output = run(directory, &["export", "--table", table, file]);
    (status(&output), Rows::parse(&stdout(&output)))
}

#[test]
fn it_is_read_wholly_and_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let text = RECORD.repeat(5000);
    fs::write(directory.join("utf-8"), &text).expect("written");
    let (_, want) = export(directory, "events", "utf-8");
    for (name, bytes, decode) in [
        ("le", little(&text), "utf-16le"),
        ("be", big(&text), "utf-16be"),
        ("le.gz", gzip(&little(&text)), "gzip > utf-16le"),
        ("le.zst", zstd(&little(&text)), "zstd > utf-16le"),
    ] {
        fs::write(directory.join(name), &bytes).expect("written");
        let (status, got) = export(directory, "events", name);
        assert_eq!((status, got.len()), (0, 5000), "{name}");
        for row in [0, 1, 4999] {
            for column in [
                "time", "category", "upstream", "server", "uri", "offset", "line",
            ] {
                assert_eq!(
                    got.get(row, column),
                    want.get(row, column),
                    "{name} {column}"
                );
            }
        }
        let (status, sources) = export(directory, "sources", name);
        assert_eq!((status, sources.get(0, "decode")), (0, decode));
        assert_eq!(sources.get(0, "decoded_bytes"), text.len().to_string());
        assert_eq!(sources.get(0, "n_records"), "5000");
    }
    // Met in a directory, it is a log, too; and the copy of another.
    let (status, failures) = export(directory, "failures", ".");
    assert_eq!((status, failures.sum("n_events")), (0, 5000));
}

#[test]
fn what_is_missing_or_wrong_is_told() {
    let text = RECORD.repeat(20);
    let whole = little(&text);
    let cut = unpack(&whole[..whole.len() - 1]);
    assert_eq!(cut.n_damages(), 1, "{:?}", cut.problems);
    assert!(
        cut.problems[0]
            .to_string()
            .starts_with("utf-16le ends early")
    );
    // Half of a pair, and that told once.
    let mut bad = whole.clone();
    let at = bad.len() / 4 * 2;
    (bad[at], bad[at + 1], bad[at + 200], bad[at + 201]) = (0, 0xd8, 0, 0xd8);
    let bad = unpack(&bad);
    assert_eq!(bad.n_damages(), 1, "{:?}", bad.problems);
    assert!(
        bad.text()
            .windows(3)
            .any(|three| three == "\u{fffd}".as_bytes())
    );
    // A mark alone is an empty log; and what only begins like one is none.
    assert_eq!(unpack(b"\xff\xfe").text(), b"");
    let junk = [&b"\xff\xfe"[..], &log(1, 5000)].concat();
    assert_eq!(unpack(&junk).text(), junk);
}

/// Behind lost bytes it goes on with the right half of a character.
#[test]
fn it_goes_on_behind_lost_bytes() {
    let text = RECORD.repeat(2000);
    let whole = little(&text);
    for n_lost in [1000, 1001] {
        let (first, rest) = whole.split_at(400_000);
        let rest = &rest[n_lost..];
        let mut frames = zstd(first);
        let mut broken = zstd(&whole[..50_000]);
        broken.truncate(broken.len() / 2);
        frames.extend(broken);
        frames.extend(zstd(rest));
        let got = unpack(&frames);
        let last = got.members[0].pieces.last().expect("some");
        assert!(last.ends_with(RECORD.as_bytes()), "{n_lost}");
        assert!(got.n_damages() >= 1);
    }
}
