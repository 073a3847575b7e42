//! Compressed streams, whole and damaged: what can be decoded is, and what cannot is said.

use crate::packed::{
    PACKERS, Packer, bzip2, collect, gzip, log, lz4, lz4_with, unpack, unpack_with, xz, zstd,
};
use crate::unpack_tar::{archive, file};
use coroner::input::unpack::{Limits, Trouble, Unpacker};
use std::io::{BufReader, Cursor, Write};

#[test]
fn d1_every_member_is_read() {
    for (name, pack) in PACKERS {
        let texts: Vec<_> = (0..5).map(|n| log(n, 30_000 * n as usize)).collect();
        let stored: Vec<_> = texts.iter().flat_map(|text| pack(text)).collect();
        let got = unpack(&stored);
        assert_eq!(got.text(), texts.concat(), "{name}");
        assert_eq!(got.problems, [], "{name}");
        assert_eq!((got.members[0].n_units, &*got.members[0].decode), (5, name));
        assert_eq!(got.members[0].pieces.len(), 1, "{name}: no seam");
    }
}

#[test]
fn d1_large_blocks_and_windows_are_read() {
    let text = log(7, 3 << 20);
    let independent = lz4_with(&text, lz4_flex::frame::BlockMode::Independent);
    for stored in PACKERS
        .map(|(_, pack)| pack(&text))
        .iter()
        .chain([&independent])
    {
        let got = unpack(stored);
        assert!(got.text() == text && got.problems.is_empty());
    }
}

/// However the bytes come and go, they are the same.
#[test]
fn d1_pipes_and_small_buffers_change_nothing() {
    for (name, pack) in PACKERS {
        let stored = [pack(&log(1, 3000)), pack(&log(2, 3000))].concat();
        for at in (20..stored.len()).step_by(37) {
            let mut stored = stored.clone();
            stored[at] ^= 0x55;
            let whole = unpack(&stored);
            for (capacity, buffer_len) in [(1, 1), (1, 1 << 16), (7, 3), (4096, 1), (99, 1 << 16)] {
                let pipe = BufReader::with_capacity(capacity, Cursor::new(stored.clone()));
                let unpacker = Unpacker::new(Box::new(pipe), Limits::default());
                let got = collect(unpacker, buffer_len);
                let what = format!("{name} {capacity} {buffer_len} {at}");
                assert!(got.members == whole.members, "{what}");
                // With little room, decoders notice damage a few bytes sooner or later.
                let n = whole.problems.len();
                assert_eq!(got.problems.len(), n, "{what}");
                if buffer_len == 1 << 16 {
                    assert_eq!(got.problems, whole.problems, "{what}");
                }
            }
        }
    }
}

#[test]
fn d2_what_stands_before_a_cut_is_used() {
    for (name, pack) in PACKERS {
        let texts = [log(1, 2500), log(2, 700)];
        let packed = texts.each_ref().map(|text| pack(text));
        let (text, stored) = (texts.concat(), packed.concat());
        // Fewer bytes than these say nothing about the format.
        let told = if name == "bzip2" { 4 } else { 2 };
        for len in told..stored.len() {
            let got = unpack(&stored[..len]);
            assert_eq!(got.members[0].decode, name, "{name} cut at {len}");
            assert!(text.starts_with(&got.text()), "{name} cut at {len}");
            if len == packed[0].len() {
                assert_eq!((got.text(), got.problems), (texts[0].clone(), vec![]));
                continue;
            }
            assert_eq!(
                got.n_damages(),
                1,
                "{name} cut at {len}: {:?}",
                got.problems
            );
            if len > packed[0].len() {
                assert!(got.text().starts_with(&texts[0]), "{name} cut at {len}");
            }
            if len > packed[0].len() + told {
                let truncated = Trouble::Truncated { n_missing: None };
                assert_eq!(got.problems[0].trouble, truncated, "{name} cut at {len}");
                assert_eq!(got.problems[0].stored_offset, len as u64);
            }
        }
    }
}

#[test]
fn d2_as_much_as_zcat_finds_in_a_cut_gzip() {
    use std::io::Read;
    let stored = gzip(&log(3, 20_000));
    for len in (20..stored.len()).step_by(7) {
        let mut theirs = Vec::new();
        let mut decoder = flate2::bufread::GzDecoder::new(&stored[..len]);
        decoder.read_to_end(&mut theirs).expect_err("it is cut");
        assert_eq!(unpack(&stored[..len]).text(), theirs);
    }
}

/// A crashed writer leaves a member without its end, and the next one behind it.
#[test]
fn d2_a_member_behind_a_cut_one_is_read() {
    for (name, pack) in PACKERS {
        let texts = [log(1, 9000), log(2, 2000)];
        let packed = texts.each_ref().map(|text| pack(text));
        for len in (30..packed[0].len()).step_by(5) {
            let stored = [&packed[0][..len], &packed[1]].concat();
            let got = unpack(&stored);
            assert!(
                got.text().ends_with(&texts[1]),
                "{name} cut at {len}: {:?}",
                got.problems
            );
            assert!(got.n_damages() >= 1, "{name} cut at {len}");
            let last = got.members[0].pieces.last().expect("some");
            assert_eq!(*last, texts[1], "{name} cut at {len}: a seam before it");
            assert_eq!(got.problems[0].resumed, Some(len as u64), "{name}");
            // Nothing was made of the bytes of the next by the decoder of the first.
            let before = got.members[0].pieces.concat();
            let before = &before[..before.len() - texts[1].len()];
            assert!(texts[0].starts_with(before), "{name} cut at {len}");
            let alone = unpack(&stored[..len]).text();
            assert!(alone.len() <= before.len() + 16, "{name} cut at {len}");
        }
    }
}

/// What cannot be made shorter is stored, and so the beginnings of a container within are seen in the one around it.
#[test]
fn d2_a_container_within_a_cut_one_is_read_once() {
    let stored_as_it_is = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(text).expect("memory");
        encoder.finish().expect("memory")
    };
    let outer: [(&str, Packer, Packer); 5] = [
        ("gzip", gzip, stored_as_it_is),
        ("bzip2", bzip2, bzip2),
        ("lz4", lz4, lz4),
        ("xz", xz, xz),
        ("zstd", zstd, zstd),
    ];
    for (name, pack, pack_outer) in outer {
        let texts = [log(1, 60_000), log(2, 60_000), log(3, 400_000)];
        let inner = archive(&[file("a.log", &texts[0]), file("b.log", &texts[1])]);
        let around = archive(&[
            file("logs.tar.packed", &pack(&inner)),
            file("notes.log", &texts[2]),
        ]);
        let mut stored = pack_outer(&around);
        stored.truncate(stored.len() - 10);
        let got = unpack(&stored);
        let paths: Vec<_> = got.members.iter().map(|member| &*member.path).collect();
        let all = [
            "logs.tar.packed!a.log",
            "logs.tar.packed!b.log",
            "notes.log",
        ];
        assert!(
            all.starts_with(&paths),
            "{name}: {paths:?} {:?}",
            got.problems
        );
        // Every block is whole but the last.
        assert_eq!(paths.len(), 3, "{name}");
        assert!(got.n_damages() >= 1, "{name}");
    }
}

/// A cut member that stores its text goes on into the one behind it, and hands its bytes on.
#[test]
fn d2_a_member_behind_a_cut_one_that_stores_its_text_is_read() {
    let texts = [log(1, 9000), log(2, 2000)];
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(&texts[0]).expect("memory");
    let cut = &encoder.finish().expect("memory")[..5000];
    let got = unpack(&[cut, &gzip(&texts[1])].concat());
    let last = got.members[0].pieces.last().expect("some");
    assert_eq!(*last, texts[1], "{:?}", got.problems);
}

#[test]
fn d3_garbage_behind_the_last_member_is_told() {
    for (name, pack) in PACKERS {
        let text = log(1, 2000);
        let got = unpack(&[pack(&text), b"garbage!".to_vec()].concat());
        assert_eq!(got.text(), text, "{name}");
        let troubles: Vec<_> = got.problems.iter().map(|p| p.trouble.clone()).collect();
        assert_eq!(troubles, [Trouble::Garbage { n_bytes: 8 }], "{name}");
        // And between members.
        let got = unpack(&[pack(&text), b"garbage!".to_vec(), pack(&text)].concat());
        assert_eq!(got.members[0].pieces, [text.clone(), text], "{name}");
        assert_eq!(got.n_damages(), 1, "{name}");
    }
}

#[test]
fn d3_zero_padding_is_a_note() {
    for (name, pack) in PACKERS {
        let text = log(1, 2000);
        for n in [1, 4, 511, 100_000] {
            let padded = [pack(&text), vec![0; n]].concat();
            for (stored, n_times) in [(padded.clone(), 1), ([padded, pack(&text)].concat(), 2)] {
                let got = unpack(&stored);
                assert_eq!(got.text(), text.repeat(n_times), "{name} {n}");
                let is_legal = name == "xz" && n % 4 == 0;
                // xz(1) refuses what its format does not allow.
                let is_damage = name == "xz" && !is_legal;
                assert_eq!(got.n_damages(), usize::from(is_damage), "{name} {n}");
                assert_eq!(got.problems.len(), usize::from(!is_legal), "{name} {n}");
                assert_eq!(got.members[0].pieces.len(), 1, "{name} {n}");
            }
        }
    }
}

/// However long skippable frames are, those behind them are read, whatever the format; and so are those behind a frame of an old zstd.
#[test]
fn what_is_not_decoded_hides_nothing_behind_it() {
    let text = log(1, 2000);
    let skippable = |n: u32| {
        [
            &b"\x5a\x2a\x4d\x18"[..],
            &n.to_le_bytes(),
            &vec![7; n as usize],
        ]
        .concat()
    };
    for (name, packed) in [("lz4", lz4(&text)), ("zstd", zstd(&text))] {
        for n in [0, 4080, 4090, 9000, 300_000] {
            let got = unpack(&[skippable(n), skippable(5), packed.clone()].concat());
            assert!(got.text() == text && got.problems.is_empty(), "{name} {n}");
            assert_eq!(got.members[0].decode, name);
        }
    }
    let old = [&b"\x25\xb5\x2f\xfd"[..], &[7; 300]].concat();
    let got = unpack(&[old, zstd(&text)].concat());
    assert_eq!((got.text(), got.n_damages()), (text, 1));
    let said = got.problems[0].to_string();
    assert!(said.contains("zstd before 0.8 is not read"), "{said}");
}

/// Wrong text is never passed off as right, and a flipped bit costs one member.
#[test]
fn d4_a_flipped_bit_is_never_silent() {
    for (name, pack) in PACKERS {
        let texts = [log(1, 1500), log(2, 400)];
        let packed = texts.each_ref().map(|text| pack(text));
        let (text, stored) = (texts.concat(), packed.concat());
        for at in 0..stored.len() {
            for mask in [0x01, 0x10, 0x80, 0xff] {
                let mut stored = stored.clone();
                stored[at] ^= mask;
                let got = unpack(&stored);
                if got.members[0].decode != name {
                    assert!(
                        at < 10,
                        "{name} {at}: only the magic makes it another thing"
                    );
                    continue;
                }
                let what = format!("{name} flipped {mask:#x} at {at}: {:?}", got.problems);
                assert!(got.text() == text || got.n_damages() > 0, "{what}");
                if at < packed[0].len() {
                    assert!(got.text().ends_with(&texts[1]), "{what}");
                } else {
                    assert!(got.text().starts_with(&texts[0]), "{what}");
                }
            }
        }
    }
}

/// Whether a member begins is tried on its text; a wrong checksum behind it is another thing.
#[test]
fn d4_a_short_member_behind_damage_is_read_whatever_its_checksum() {
    let text = log(1, 600);
    let mut member = gzip(&text);
    let at = member.len() - 8;
    member[at] ^= 1;
    let got = unpack(&[gzip(&log(2, 2000)), b"garbage".to_vec(), member].concat());
    assert_eq!(got.members[0].pieces.last(), Some(&text));
    let troubles: Vec<_> = got.problems.into_iter().map(|p| p.trouble).collect();
    assert_eq!(
        troubles,
        [Trouble::Garbage { n_bytes: 7 }, Trouble::Checksum]
    );
}

#[test]
fn d4_a_wrong_checksum_alone_makes_no_seam() {
    let texts = [log(1, 1500), log(2, 400)];
    for (pack, from_end) in [(gzip as Packer, 8), (zstd, 4), (lz4, 4)] {
        let mut stored = pack(&texts[0]);
        let at = stored.len() - from_end;
        stored[at] ^= 1;
        stored.extend(pack(&texts[1]));
        let got = unpack(&stored);
        assert_eq!(got.members[0].pieces, [texts.concat()]);
        assert_eq!(got.problems.len(), 1);
        assert_eq!(got.problems[0].trouble, Trouble::Checksum);
    }
}

#[test]
fn d5_skippable_frames_and_windows() {
    let (text, skippable) = (log(1, 2000), b"\x5a\x2a\x4d\x18\x05\0\0\0hello");
    for pack in [zstd as Packer, lz4] {
        let stored = [&skippable[..], &pack(&text), skippable, &pack(&text)].concat();
        let got = unpack(&stored);
        assert_eq!((got.text(), got.problems), (text.repeat(2), vec![]));
        let got = unpack(&stored[..skippable.len() + pack(&text).len() + 10]);
        assert_eq!((got.text(), got.n_damages()), (text.clone(), 1));
    }
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.window_log(28).expect("known");
    encoder.write_all(&text).expect("memory");
    let wide = encoder.finish().expect("memory");
    let got = unpack(&[wide.clone(), zstd(&text)].concat());
    let limit = Trouble::Limit {
        name: "zstd window",
        limit: 1 << 27,
        needed: Some(1 << 28),
    };
    assert_eq!((got.text(), got.problems.len()), (text.clone(), 1));
    assert_eq!(got.problems[0].trouble, limit);
    let limits = Limits {
        zstd_window_log_max: 28,
        ..Limits::default()
    };
    let got = unpack_with(&wide, limits);
    assert_eq!((got.text(), got.problems), (text, vec![]));
    let old = [zstd(b"a"), b"\x24\xb5\x2f\xfd old".to_vec(), zstd(b"b")].concat();
    let got = unpack(&old);
    assert_eq!((got.text(), got.n_damages()), (b"ab".to_vec(), 1));
}

/// What is skipped has no checksum: where it ends elsewhere than it says, units behind its beginning are looked for.
#[test]
fn d5_a_skippable_frame_that_lies_costs_no_other() {
    let texts = [log(1, 2000), log(2, 900), log(3, 700)];
    for pack in [zstd as Packer, lz4] {
        for len in [0, 3, 6, 9, 700, 0x0500_0005_u32] {
            let skippable = [b"\x5a\x2a\x4d\x18", &len.to_le_bytes()[..], b"hello"].concat();
            let [first, rest @ ..] = texts.each_ref().map(|text| pack(text));
            let stored = [&first[..], &skippable, &rest.concat()].concat();
            let got = unpack(&stored);
            assert_eq!(got.text(), texts.concat(), "{len}");
            assert_eq!(got.n_damages(), 1, "{len}: {:?}", got.problems);
        }
    }
}

/// The header of a block may be read together with the block before it, which is whole.
#[test]
fn d4_a_damaged_block_of_zstd_costs_none_before_it() {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    let texts = [log(1, 300), log(2, 300), log(3, 300)];
    let mut ends = Vec::new();
    for text in &texts {
        encoder.write_all(text).expect("memory");
        encoder.flush().expect("memory");
        ends.push(encoder.get_ref().len());
    }
    let stored = encoder.finish().expect("memory");
    for (n_whole, end) in ends.into_iter().enumerate().map(|(n, end)| (n + 1, end)) {
        let mut harmed = stored.clone();
        harmed[end] |= 6; // no type of block
        let got = unpack(&[harmed, zstd(b"behind\n")].concat());
        let want = [&texts[..n_whole].concat()[..], b"behind\n"].concat();
        assert_eq!((got.text(), got.n_damages()), (want, 1), "{n_whole}");
    }
}

#[test]
fn d6_a_header_that_asks_for_memory_gets_none() {
    let mut options = liblzma::stream::LzmaOptions::new_preset(0).expect("known");
    options.dict_size(1536 << 20);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    // An encoder of that size would take the memory that the decoder must not: the header is forged instead.
    let mut stored = xz(b"x");
    assert_eq!(stored[14..17], [0x21, 1, 0x0c], "LZMA2 with 256 KiB");
    stored[16] = 0x25; // 1.5 GiB
    let mut crc = flate2::Crc::new();
    crc.update(&stored[12..20]);
    stored[20..24].copy_from_slice(&crc.sum().to_le_bytes());
    let got = unpack(&[stored, xz(b"y")].concat());
    assert_eq!((got.text(), got.problems.len()), (b"y".to_vec(), 1));
    let Trouble::Limit { name, needed, .. } = got.problems[0].trouble else {
        panic!("{:?}", got.problems);
    };
    assert_eq!(name, "xz_memory_max");
    let needed = needed.expect("it is known") >> 20;
    assert!((1536..1600).contains(&needed), "{needed}");
}

#[test]
fn d7_bombs_stop_at_the_limit() {
    let zeros = vec![0; 4 << 20];
    let limits = Limits {
        decoded_bytes_max: 1 << 20,
        ..Limits::default()
    };
    for (name, pack) in PACKERS {
        let got = unpack_with(&pack(&zeros), limits.clone());
        assert_eq!(got.text(), zeros[..1 << 20], "{name}");
        assert_eq!(got.problems.len(), 1, "{name}");
        assert!(got.problems[0].to_string().contains("decoded_bytes_max"));
        let got = unpack_with(&pack(&zeros[..1 << 20]), limits.clone());
        assert_eq!(got.problems, [], "{name}: the limit itself is allowed");
    }
}

/// Fake starts cost a bounded time.
#[test]
fn d7_hostile_restarts_are_counted() {
    let mut stored = gzip(&log(1, 500));
    let len = stored.len();
    stored[len - 20] ^= 0xff;
    for _ in 0..100_000 {
        stored.extend(b"\x1f\x8b\x08\x08\0\0\0\0\0\0");
    }
    let limits = Limits {
        restarts_max: 1000,
        ..Limits::default()
    };
    let got = unpack_with(&stored, limits);
    assert!(got.problems.iter().any(|p| matches!(
        p.trouble,
        Trouble::Limit {
            name: "restarts_max",
            ..
        }
    )));
}

/// Frames that ask for the largest block and never have it, each a start to go back to.
#[test]
fn d14_going_back_is_bounded() {
    let info = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max4MB);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(b"x").expect("memory");
    let mut start = encoder.finish().expect("memory");
    start.truncate(7);
    start.extend([0xff, 0xff, 0x3f, 0]);
    let limits = Limits {
        restarts_max: 2000,
        ..Limits::default()
    };
    let got = unpack_with(&start.repeat(1_000_000), limits);
    assert!(got.text().is_empty() && got.n_damages() > 1);
    // The same for notes between empty members.
    let got = unpack(&[gzip(b""), vec![0]].concat().repeat(3000));
    assert_eq!((got.problems.len(), got.n_damages()), (1001, 0));
}

/// Whatever the bytes: it ends, in order, without a panic, and text that is not the original has a problem beside it.
#[test]
fn d14_any_damage_has_an_end() {
    let text = log(5, 3000);
    let inner = [gzip(&text[..1000]), gzip(&text[1000..])].concat();
    let mut state = 1u64;
    let mut random = |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % n
    };
    for (_, pack) in PACKERS {
        let stored = pack(&inner).repeat(2);
        for _ in 0..300 {
            let mut stored = stored.clone();
            for _ in 0..=random(4) {
                let (at, len) = (random(stored.len()), random(40));
                let end = (at + len).min(stored.len());
                match random(4) {
                    0 => drop(stored.drain(at..end)),
                    1 => stored[at..end].fill(0),
                    2 => stored[at] ^= 1 << random(8),
                    _ => {
                        let piece = stored[at..end].to_vec();
                        let to = random(stored.len());
                        stored.splice(to..to, piece);
                    }
                }
                if stored.is_empty() {
                    break;
                }
            }
            let got = unpack(&stored);
            let is_whole = got
                .members
                .iter()
                .any(|member| member.text() == text.repeat(2));
            let is_told = got.n_damages() > 0 || got.members[0].decode.is_empty();
            let is_shorter = got
                .members
                .iter()
                .any(|member| member.text() == text || member.text().is_empty());
            assert!(is_whole || is_told || is_shorter, "{:?}", got.problems);
        }
    }
}

#[test]
fn d9_an_empty_stream_is_an_empty_member() {
    let got = unpack(b"");
    assert_eq!((got.text(), got.problems), (vec![], vec![]));
    for (name, pack) in PACKERS {
        let got = unpack(&pack(b""));
        assert_eq!((got.text(), got.problems), (vec![], vec![]), "{name}");
    }
}

#[test]
fn d8_plain_text_passes_through() {
    for text in [
        log(1, 300_000),
        b"x".to_vec(),
        b"BZh9 is no bzip2\n".to_vec(),
    ] {
        let got = unpack(&text);
        assert_eq!((got.text(), &*got.members[0].decode), (text, ""));
        assert_eq!(got.problems, []);
    }
}

#[test]
fn d10_compressions_nest_to_a_depth() {
    let text = log(1, 5000);
    let got = unpack(&zstd(&xz(&gzip(&text))));
    assert_eq!((got.text(), got.problems), (text.clone(), vec![]));
    assert_eq!(got.members[0].decode, "zstd > xz > gzip");
    let got = unpack(&lz4(&zstd(&xz(&gzip(&text)))));
    assert_eq!((got.text(), got.problems.len()), (vec![], 1));
    assert_eq!(got.problems[0].trouble, Trouble::Depth { limit: 3 });
    // A file that unpacks to itself has no end either.
    let ten = (0..10).fold(text, |text, _| gzip(&text));
    let got = unpack(&ten);
    assert_eq!((got.text(), got.problems.len()), (vec![], 1));
}

/// Damage below is a gap above, and members behind it are found.
#[test]
fn d10_damage_below_is_a_seam_above() {
    let inner: Vec<_> = (0..40).flat_map(|n| gzip(&log(n, 4000))).collect();
    let mut stored: Vec<_> = inner.chunks(3000).flat_map(zstd).collect();
    let at = stored.len() / 2;
    stored[at] ^= 0xff;
    let got = unpack(&stored);
    assert!(got.n_damages() >= 2, "{:?}", got.problems);
    assert!(got.members[0].pieces.len() >= 2);
    assert!(got.text().ends_with(&log(39, 4000)));
    assert!(got.text().starts_with(&log(0, 4000)));
    assert!(got.text().len() > 30 * 4000);
}

#[test]
fn d16_other_formats_are_named() {
    for (magic, name) in [
        (&b"PK\x03\x04"[..], "zip"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\x1f\x9d\x90", "compress"),
        (b"Rar!\x1a\x07\0", "rar"),
    ] {
        let got = unpack(&[magic, &[7; 600]].concat());
        assert_eq!((got.text(), got.n_damages()), (vec![], 1));
        assert!(got.problems[0].to_string().contains(name));
    }
}

#[test]
fn a_read_error_keeps_what_was_read() {
    struct Failing(Cursor<Vec<u8>>);
    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer) {
                Ok(0) => Err(std::io::Error::other("the disk is gone")),
                read => read,
            }
        }
    }
    let stored = gzip(&log(1, 20_000));
    let input = BufReader::new(Failing(Cursor::new(stored.clone())));
    let got = collect(Unpacker::new(Box::new(input), Limits::default()), 1 << 16);
    assert_eq!(got.text(), log(1, 20_000));
    assert_eq!(got.problems.len(), 1);
    assert_eq!(got.problems[0].stored_offset, stored.len() as u64);
    assert!(got.problems[0].to_string().contains("the disk is gone"));
}

#[test]
fn an_unpacker_goes_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Unpacker>();
}
