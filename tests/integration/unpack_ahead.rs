//! What is decoded before its turn gives what decoding one after the other gives, to the byte and to the word, whoever helps and when.

use crate::{
    every_path,
    generate::Rng,
    packed::{
        Unpacked, bgzf, collect_with, gzip, log, lz4, lz4_with, unpack_with, zstd as zstd_frame,
    },
};
use coroner::{
    classify::Classifier,
    engine, input,
    input::unpack::{
        Ahead, Limits, Unpacker,
        ahead::{Budget, Reader},
    },
};
use lz4_flex::frame::BlockMode;
use std::{
    io::{self, Cursor, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Gives few bytes at a time.
struct Pieces<R>(R, usize);

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let n = room.len().min(self.1);
        self.0.read(&mut room[..n])
    }
}

/// How far the stored stream has been read when something within it is met depends on who read it.
fn without_progress(mut unpacked: Unpacked) -> Unpacked {
    for problem in &mut unpacked.problems {
        problem.stored_offset = 0;
    }
    for member in &mut unpacked.members {
        member.stored_offset = 0;
    }
    unpacked
}

/// The slow way: one after the other.
fn one_by_one(stored: &[u8], limits: &Limits) -> Unpacked {
    without_progress(unpack_with(stored, limits.clone()))
}

/// With help at random moments, by turns of `rng`; also how often somebody could help.
fn with_help(stored: &[u8], limits: &Limits, rng: &mut Rng) -> (Unpacked, u64) {
    let piece_len = [97, 4096, 1 << 20][rng.below(3)];
    let budget = Arc::new(Budget::new(limits.ahead_bytes_max));
    let ahead = Ahead::new(1 + rng.below(3), limits, &budget);
    let pieces = Pieces(Cursor::new(stored.to_vec()), piece_len);
    let reader = Reader::new(pieces, &ahead);
    let unpacker = Unpacker::new(Box::new(reader), limits.clone()).with_ahead(Arc::clone(&ahead));
    let mut n_helped = 0;
    let eagerness = [0, 1, 4][rng.below(3)];
    let buffer_len = [4096, 1 << 16, 1 << 20][rng.below(3)];
    let unpacked = collect_with(unpacker, buffer_len, || {
        for _ in 0..rng.below(eagerness + 1) {
            n_helped += u64::from(ahead.help());
        }
    });
    (without_progress(unpacked), n_helped)
}

/// With help of threads all the time.
fn with_threads(stored: &[u8], limits: &Limits, n_threads: usize) -> (Unpacked, u64) {
    let budget = Arc::new(Budget::new(limits.ahead_bytes_max));
    let ahead = Ahead::new(n_threads, limits, &budget);
    let reader = Reader::new(Cursor::new(stored.to_vec()), &ahead);
    let unpacker = Unpacker::new(Box::new(reader), limits.clone()).with_ahead(Arc::clone(&ahead));
    let (is_over, n_helped) = (AtomicBool::new(false), AtomicU64::new(0));
    let unpacked = std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    if ahead.help() {
                        n_helped.fetch_add(1, Ordering::Relaxed);
                    } else {
                        std::thread::yield_now();
                    }
                }
            });
        }
        let unpacked = collect_with(unpacker, 1 << 16, || {});
        is_over.store(true, Ordering::Relaxed);
        unpacked
    });
    (without_progress(unpacked), n_helped.into_inner())
}

const SKIPPABLE: &[u8] = b"\x53\x2a\x4d\x18\x05\0\0\0hello";

/// Frames of all sizes, with skippable ones between; an empty text is an empty frame.
fn frames(pack: impl Fn(&[u8]) -> Vec<u8>, skippable: &[u8]) -> Vec<u8> {
    let lens = [
        300_000, 0, 1, 40, 70_000, 0, 0, 900_000, 7, 200_000, 1_000_000, 3,
    ];
    let mut stored = skippable.to_vec();
    for (len, seed) in lens.into_iter().zip(0..) {
        stored.extend(pack(&log(seed, len)));
        if seed % 3 == 0 {
            stored.extend(skippable);
        }
    }
    stored
}

fn zstd_unsized(text: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(text, 1).expect("memory")
}

fn streams() -> Vec<(&'static str, Vec<u8>)> {
    let independent = |text: &[u8]| lz4_with(text, BlockMode::Independent);
    let plain_lz4 = |text: &[u8]| {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        io::copy(&mut &text[..], &mut encoder).expect("memory");
        encoder.finish().expect("memory")
    };
    vec![
        ("zstd", frames(zstd_frame, SKIPPABLE)),
        ("zstd without lengths", frames(zstd_unsized, SKIPPABLE)),
        ("lz4 linked", frames(lz4, SKIPPABLE)),
        ("lz4 independent", frames(independent, SKIPPABLE)),
        ("lz4 without lengths", frames(plain_lz4, SKIPPABLE)),
        ("bgzip", frames(|text| bgzf(text, 65_280), b"")),
        ("bgzip, short", frames(|text| bgzf(text, 700), b"")),
        ("gzip", frames(gzip, b"")),
    ]
}

fn check(name: &str, stored: &[u8], limits: &Limits, rng: &mut Rng) -> u64 {
    let want = one_by_one(stored, limits);
    let (got, n_helped) = with_help(stored, limits, rng);
    assert!(
        got == want,
        "{name}: {:?}\n{:?}",
        got.problems,
        want.problems
    );
    n_helped
}

#[test]
fn whole_streams() {
    let limits = Limits::default();
    for (name, stored) in streams() {
        let want = one_by_one(&stored, &limits);
        assert_eq!(want.problems, [], "{name}");
        let mut n_helped = 0;
        for seed in 0..6 {
            n_helped += check(name, &stored, &limits, &mut Rng::new(seed));
        }
        for n_threads in [1, 3] {
            let (got, _) = with_threads(&stored, &limits, n_threads);
            assert!(got == want, "{name}");
        }
        // Members of plain gzip do not say where they end.
        assert_eq!(n_helped > 0, name != "gzip", "{name}");
    }
}

#[test]
fn damage_at_many_places() {
    let limits = Limits::default();
    for (name, stored) in streams() {
        let mut rng = Rng::new(7);
        for _ in 0..8 {
            let mut damaged = stored.clone();
            for _ in 0..=rng.below(3) {
                let at = rng.below(damaged.len());
                damaged[at] ^= 1 << rng.below(8);
            }
            check(name, &damaged, &limits, &mut rng);
            let at = rng.below(stored.len());
            check(name, &stored[..at], &limits, &mut rng);
            // A piece is missing.
            let mut shorter = stored.clone();
            shorter.drain(at..(at + 1 + rng.below(5_000)).min(stored.len()));
            check(name, &shorter, &limits, &mut rng);
        }
    }
}

#[test]
fn garbage_padding_and_other_streams_behind() {
    let limits = Limits::default();
    let mut rng = Rng::new(3);
    for (name, stored) in streams() {
        for behind in [
            &b"garbage"[..],
            &[0; 1000],
            b"\x1f\x8b\x08",
            &zstd_frame(b"another\n"),
        ] {
            let longer = [&stored[..], behind, &stored[..]].concat();
            check(name, &longer, &limits, &mut rng);
        }
    }
}

#[test]
fn archives_in_frames() {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, seed) in [("a.log", 1), ("b.log", 2)] {
        let mut header = tar::Header::new_gnu();
        let text = log(seed, 3_000_000);
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, &text[..])
            .expect("memory");
    }
    let tar = tar.into_inner().expect("memory");
    let mut stored: Vec<u8> = tar.chunks(123_457).flat_map(zstd_frame).collect();
    let (limits, mut rng) = (Limits::default(), Rng::new(5));
    assert_eq!(one_by_one(&stored, &limits).members.len(), 2);
    let n_helped: u64 = (0..10)
        .map(|_| check("tar", &stored, &limits, &mut rng))
        .sum();
    assert!(n_helped > 0);
    let middle = stored.len() / 2;
    stored[middle] ^= 0xff;
    check("damaged tar", &stored, &limits, &mut rng);
}

#[test]
fn limits_hold() {
    let stored = frames(zstd_frame, SKIPPABLE);
    let n_decoded = one_by_one(&stored, &Limits::default()).text().len() as u64;
    for decoded_bytes_max in [0, 1, 299_999, 300_000, 300_001, n_decoded - 1, n_decoded] {
        let limits = Limits {
            decoded_bytes_max,
            ..Limits::default()
        };
        for seed in 0..6 {
            check("zstd", &stored, &limits, &mut Rng::new(seed));
        }
    }
    // Little room to work ahead, or none.
    for ahead_bytes_max in [0, 1, 500_000, 1_500_000] {
        let limits = Limits {
            ahead_bytes_max,
            ..Limits::default()
        };
        for seed in 0..6 {
            check("zstd", &stored, &limits, &mut Rng::new(seed));
        }
    }
}

/// Frames that are larger than they let one think, and some that are larger than is read ahead.
#[test]
fn large_frames() {
    let zeros = zstd_unsized(&vec![b'0'; 40 << 20]);
    let sized = zstd_frame(&vec![b'1'; 40 << 20]);
    let small = zstd_unsized(&log(1, 100_000));
    let stored = [
        &small[..],
        &zeros,
        &sized,
        &small,
        &zeros,
        &zeros,
        &zeros,
        &small,
    ]
    .concat();
    check("large", &stored, &Limits::default(), &mut Rng::new(1));
    let (got, _) = with_threads(&stored, &Limits::default(), 2);
    assert!(got == one_by_one(&stored, &Limits::default()));
}

/// An error of the file comes where it comes.
#[test]
fn reading_fails() {
    struct Bad;
    impl Read for Bad {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("input/output error"))
        }
    }
    let stored = frames(zstd_frame, SKIPPABLE);
    let limits = Limits::default();
    for n in [0, 5, 1000, stored.len() / 2, stored.len()] {
        let before = Cursor::new(stored[..n].to_vec());
        let plain = io::BufReader::new(before.clone().chain(Bad));
        let want = collect_with(Unpacker::new(Box::new(plain), limits.clone()), 4096, || {});
        let budget = Arc::new(Budget::new(limits.ahead_bytes_max));
        let ahead = Ahead::new(1, &limits, &budget);
        let reader = Reader::new(before.chain(Bad), &ahead);
        let unpacker =
            Unpacker::new(Box::new(reader), limits.clone()).with_ahead(Arc::clone(&ahead));
        let got = collect_with(unpacker, 4096, || {
            ahead.help();
        });
        assert_eq!(
            want.problems.len(),
            1 + usize::from(n > 0 && n < stored.len())
        );
        assert!(without_progress(got) == without_progress(want), "{n}");
    }
}

/// Through the engine: counts, ledgers, evidence, problems and digests.
#[test]
fn one_answer_whoever_decodes() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, stored) in streams() {
        let mut damaged = stored.clone();
        let middle = damaged.len() * 2 / 3;
        damaged[middle] ^= 0x55;
        for (file, bytes) in [("whole", &stored), ("damaged", &damaged)] {
            std::fs::write(directory.path().join(format!("{name} {file}")), bytes)
                .expect("written");
        }
    }
    let (found, errors) = input::discover(&[directory.path().to_owned()]);
    assert!(errors.is_empty());
    let classifier = Classifier::default();
    let answer = |found: &[input::Found], n_threads, ahead_bytes_max| {
        let mut config = every_path::config(n_threads, 1 << 20);
        config.limits.ahead_bytes_max = ahead_bytes_max;
        config.digests = true;
        let scanned = engine::scan(found, &classifier, &config, &Default::default());
        let states: Vec<String> = scanned
            .sources
            .iter()
            .map(|state| {
                format!(
                    "{:?} {} {:?} {:?} {:?} {}",
                    state.key,
                    state.decode,
                    state.units,
                    state.sha256,
                    state.troubles,
                    state.decoded_bytes
                )
            })
            .collect();
        (every_path::digest(&scanned), states)
    };
    let max = Limits::default().ahead_bytes_max;
    for found in found.chunks(1) {
        let want = answer(found, 1, 0);
        for n_threads in [1, 2, 4] {
            for ahead_bytes_max in [0, 2 << 20, max] {
                assert_eq!(answer(found, n_threads, ahead_bytes_max), want);
            }
        }
    }
    let want = answer(&found, 1, 0);
    assert_eq!(answer(&found, 3, max), want);
}
