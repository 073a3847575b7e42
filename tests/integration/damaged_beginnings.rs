//! Packed logs whose first bytes are damaged, so that only their names say what they are (D4): what is whole behind is read.

use crate::{
    fault_rows::{self, in_directory, log},
    packed::{self, PACKERS, Packer, Unpacked, collect, gzip, zstd},
    support::{Rows, run, status, stderr, stdout},
    unpack_tar::{archive, entry, file, header},
};
use coroner::input::unpack::{Limits, Unpacker};
use std::{fs, io::Cursor, ops::Range};
use tar::Header;

fn unpack_named(name: &str, stored: &[u8]) -> Unpacked {
    let input = Box::new(Cursor::new(stored.to_vec()));
    collect(
        Unpacker::new(input, Limits::default()).named(name.as_bytes()),
        1 << 16,
    )
}

type Harm = fn(&mut Vec<u8>);

type Text<'a> = &'a dyn Fn(&Range<usize>) -> String;

/// What can happen to the first bytes; of two units the first is lost, and the second is left whole.
const DAMAGES: [(&str, Harm); 6] = [
    ("a bit", |stored| stored[0] ^= 4),
    ("a byte", |stored| stored[1] ^= 0xff),
    ("zeros", |stored| stored[..12].fill(0)),
    ("a sector of zeros", |stored| stored[..512].fill(0)),
    ("a sector of text", |stored| stored[..512].fill(b'#')),
    ("a lost start", |stored| drop(stored.drain(..500))),
];

/// The name of a log that is packed so.
fn name_of(packer: &str) -> String {
    let end = match packer {
        "bzip2" => "bz2",
        "gzip" => "gz",
        "zstd" => "zst",
        other => other,
    };
    format!("logs/error.log.1.{end}")
}

#[test]
fn a_damaged_beginning_costs_its_unit() {
    for (packer, pack) in PACKERS {
        let texts = [packed::log(1, 60_000), packed::log(2, 9_000)];
        for (damage, harm) in DAMAGES {
            let mut stored = pack(&texts[0]);
            harm(&mut stored);
            let n_lost = stored.len() as u64;
            stored.extend(pack(&texts[1]));
            let got = unpack_named(&name_of(packer), &stored);
            assert_eq!(got.text(), texts[1], "{packer}, {damage}");
            assert_eq!(
                (got.n_damages(), got.problems.len()),
                (1, 1),
                "{packer}, {damage}"
            );
            assert_eq!(
                got.problems[0].to_string(),
                format!(
                    "{packer}: skipped {n_lost} bytes: its beginning is damaged, or it is something else"
                ),
            );
        }
    }
}

/// A unit that is all zeros is lost, and no padding.
#[test]
fn zeros_at_the_beginning_are_no_note() {
    for (packer, pack) in PACKERS {
        let stored = [vec![0; 4096], pack(&packed::log(2, 900))].concat();
        let got = unpack_named(&name_of(packer), &stored);
        assert_eq!(got.text(), packed::log(2, 900), "{packer}");
        assert_eq!(got.n_damages(), 1, "{packer}");
        let got = unpack_named(&name_of(packer), &[0; 4096]);
        assert_eq!((got.text(), got.n_damages()), (vec![], 1), "{packer}");
    }
}

/// Names may be wrong, also those of logs in which there is a control character.
#[test]
fn text_is_text_whatever_its_name() {
    let plain = packed::log(1, 3_000);
    let awkward = [&b"\0\x07\x16\x03\x01"[..], &plain].concat();
    for (packer, pack) in PACKERS {
        for text in [&plain[..], &awkward, b"", b"\n", b"a"] {
            let got = unpack_named(&name_of(packer), text);
            assert_eq!(
                (got.text(), &*got.members[0].decode),
                (text.to_vec(), ""),
                "{packer}"
            );
            assert_eq!(got.problems, [], "{packer}");
        }
        let got = unpack_named("error.log.zip", &pack(&plain));
        assert_eq!(
            (got.text(), &*got.members[0].decode),
            (plain.clone(), packer)
        );
    }
}

/// An archive goes on at its next header, wherever that stands.
#[test]
fn archives_with_a_damaged_beginning_go_on() {
    let texts = [packed::log(1, 3_000), packed::log(2, 700)];
    for template in [Header::new_old(), Header::new_ustar(), Header::new_gnu()] {
        let is_old = template.as_ustar().is_none() && template.as_gnu().is_none();
        let entries = [("a.log", &texts[0]), ("b.log", &texts[1])].map(|(name, text)| {
            entry(
                header(template.clone(), name, b'0', text.len() as u64),
                text,
            )
        });
        let whole = archive(&entries);
        let forms: [(&str, Packer); 2] = [("x.tar", <[u8]>::to_vec), ("x.tgz", gzip)];
        for (name, pack) in forms {
            let check = |stored: &[u8], what: &str| {
                let got = unpack_named(name, &pack(stored));
                let names: Vec<_> = got.members.iter().map(|member| &*member.path).collect();
                assert_eq!(
                    (names, got.members[0].text()),
                    (vec!["b.log"], texts[1].clone()),
                    "{name} {what}"
                );
                assert_eq!(got.n_damages(), 1, "{name} {what}: {:?}", got.problems);
            };
            let mut stored = whole.clone();
            stored[..512].fill(0);
            check(&stored, "zeros");
            for (byte, damaged) in (0..=u8::MAX).cycle().zip(&mut stored[..512]) {
                *damaged = byte.wrapping_mul(151) >> 1;
            }
            check(&stored, "noise");
            stored[..entries[0].len()].fill(0);
            check(&stored, "an entry of zeros");
            if !is_old {
                check(&[&[7; 100], &whole[900..]].concat(), "a lost start");
            }
        }
    }
}

/// Where the first member of a compression is lost, what follows begins within the archive.
#[test]
fn an_archive_of_which_the_first_unit_is_lost_goes_on() {
    let texts = [packed::log(1, 30_000), packed::log(2, 7_000)];
    let whole = archive(&[file("a.log", &texts[0]), file("b.log", &texts[1])]);
    for (end, pack) in [("gz", gzip as Packer), ("zst", zstd)] {
        let mut first = pack(&whole[..20_000]);
        first[0] ^= 0xff;
        let stored = [first, pack(&whole[20_000..])].concat();
        for name in [format!("x.tar.{end}"), format!("X.T{}", end.to_uppercase())] {
            let got = unpack_named(&name, &stored);
            assert_eq!(got.members.len(), 1, "{name}: {got:?}");
            assert_eq!(
                (&*got.members[0].path, got.text()),
                ("b.log", texts[1].clone())
            );
            assert_eq!(got.n_damages(), 2, "{name}: {:?}", got.problems);
        }
        // In an archive the names of its members say it.
        let outer = archive(&[file(&format!("x.tar.{end}"), &stored)]);
        let got = unpack_named("outer.tar", &outer);
        assert_eq!(
            got.members.last().map(|member| &*member.path),
            Some(&*format!("x.tar.{end}!b.log"))
        );
    }
}

/// An archive without files is empty, and so is one whose entries have no data; zeros without end are neither.
#[test]
fn archives_without_files_are_empty_and_no_loss() {
    let label = entry(header(Header::new_old(), "backup", b'V', 0), b"");
    let mut unsized_label = label.clone();
    unsized_label[124..136].fill(0);
    let mut sum = Header::new_old();
    sum.as_mut_bytes().copy_from_slice(&unsized_label);
    let unsized_label = entry(sum, b"");
    in_directory(|dir| {
        for (name, stored, code) in [
            ("a.tar", vec![0; 1024], 0),
            ("a.tgz", gzip(&[0; 10_240]), 0),
            ("a.tar", vec![0; 1_000_000], 2),
            ("a.tar", archive(&[label]), 0),
            ("a.tar", archive(&[unsized_label]), 0),
        ] {
            fs::write(dir.join(name), stored).expect("written");
            let output = run(dir, &["export", name]);
            assert_eq!(status(&output), code, "{name}: {}", stderr(&output));
            assert_eq!(
                stderr(&output).contains("its beginning is damaged"),
                code == 2
            );
        }
    });
}

/// Skippable frames say nothing of what follows, and the first may be longer than what is looked at.
#[test]
fn frames_behind_long_skippable_ones_are_what_the_name_says() {
    let text = packed::log(1, 3_000);
    for (packer, pack) in [("lz4", packed::lz4 as Packer), ("zstd", zstd)] {
        let skipped = [&b"\x50\x2a\x4d\x18\x88\x13\0\0"[..], &[7; 5000]].concat();
        let got = unpack_named(&name_of(packer), &[skipped, pack(&text)].concat());
        assert_eq!(
            (got.text(), got.problems),
            (text.clone(), vec![]),
            "{packer}"
        );
    }
}

/// What should be a packed log and does not begin like one is a log that may be lost, wherever it lies; what follows is read.
#[test]
fn d4_a_damaged_beginning_is_told() {
    let packed = gzip(log(9).as_bytes());
    let mut flipped = packed.clone();
    flipped[0] ^= 4;
    let lost: [(&str, Vec<u8>, u64, &str); 6] = [
        (
            "error.log.1.gz",
            flipped.clone(),
            3,
            "its beginning is damaged",
        ),
        (
            "error.log.2.gz",
            vec![0; 4096],
            3,
            "its beginning is damaged",
        ),
        (
            "error.log.3.gz",
            [&b"Defaulted container \"nginx\"\n"[..], &packed].concat(),
            9,
            "gzip: skipped 28 bytes: its beginning is damaged",
        ),
        (
            "error.log.4.tar",
            vec![b'#'; 900],
            3,
            "not analysed: its name says tar",
        ),
        (
            "error.log.5",
            [&[0xeb, 0, 7][..], &packed].concat(),
            3,
            "not analysed: its name",
        ),
        (
            "error.log.6.gz",
            [flipped, packed.clone()].concat(),
            9,
            "its beginning is damaged",
        ),
    ];
    for (name, bytes, n_events, words) in &lost {
        in_directory(|dir| {
            fs::create_dir(dir.join("d")).expect("made");
            fs::write(dir.join("d/error.log"), log(3)).expect("written");
            fs::write(dir.join("d").join(name), bytes).expect("written");
            let members = [file("error.log", log(3).as_bytes()), file(name, bytes)];
            fs::write(dir.join("d.tgz"), gzip(&archive(&members))).expect("written");
            for place in ["d", "d.tgz"] {
                for options in [
                    &["--threads", "1"][..],
                    &["--threads", "5", "--chunk-size", "7", "--mmap", "never"],
                ] {
                    let output = run(dir, &[&["export", place], options].concat());
                    assert_eq!(status(&output), 1, "{place} {name}: {}", stderr(&output));
                    assert_eq!(
                        Rows::parse(&stdout(&output)).sum("n_events"),
                        *n_events,
                        "{name}"
                    );
                    let told = stderr(&output);
                    assert!(told.contains(name) && told.contains(words), "{told}");
                }
            }
            let output = run(dir, &["export", &format!("d/{name}")]);
            assert_ne!(status(&output), 0, "{name}: {}", stderr(&output));
        });
    }
    // Neighbours that are no logs, and notes that are packed.
    in_directory(|dir| {
        fs::create_dir(dir.join("d")).expect("made");
        fs::write(dir.join("d/error.log"), log(3)).expect("written");
        fs::write(dir.join("d/wtmp"), [7, 0].repeat(400)).expect("written");
        fs::write(dir.join("d/notes.txt.gz"), gzip(b"notes\n")).expect("written");
        let output = run(dir, &["export", "d"]);
        assert_eq!(status(&output), 0, "{}", stderr(&output));
    });
}

/// What damage made of a first unit does not decide what the others are: whether they are a log, its envelope, its format.
#[test]
fn d4_what_a_source_is_is_told_by_what_is_whole() {
    let records = |places: &Range<usize>| -> String {
        let lines = places.clone().map(fault_rows::record);
        lines.collect()
    };
    let json = |places: &Range<usize>| -> String {
        let lines = places.clone().map(|n| {
            let log = fault_rows::record(n).replace('"', "\\\"");
            let log = log.trim_end();
            format!("{{\"log\":\"{log}\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T11:23:46.1Z\"}}\n")
        });
        lines.collect()
    };
    let requests = |places: &Range<usize>| -> String {
        let lines = places.clone().map(|n| {
            format!("10.1.0.{n} - - [20/Nov/2026:11:00:00 +0000] \"GET /{n} HTTP/1.1\" 502 157 \"-\" \"curl/8\"\n")
        });
        lines.collect()
    };
    let kinds: [(&str, Text); 3] = [
        ("nginx-error", &records),
        ("nginx-error", &json),
        ("nginx-access", &requests),
    ];
    for (kind, text) in kinds {
        let first = packed::bzip2(text(&(0..5)).as_bytes());
        let second = packed::bzip2(text(&(5..9)).as_bytes());
        in_directory(|dir| {
            for at in (40..first.len() - 20).step_by(23) {
                let mut harmed = first.clone();
                harmed[at] ^= 1;
                harmed.extend_from_slice(&second);
                fs::create_dir_all(dir.join("d")).expect("made");
                fs::write(dir.join("d/error.log.2.bz2"), &harmed).expect("written");
                for place in ["d", "d/error.log.2.bz2"] {
                    let output = run(dir, &["export", place, "--table", "sources"]);
                    let rows = Rows::parse(&stdout(&output));
                    let got = (rows.get(0, "kind"), rows.sum("n_records"));
                    assert_eq!(got.0, kind, "{place} {at}: {}", stderr(&output));
                    assert!(got.1 >= 4, "{place} {at}: {}", stderr(&output));
                }
            }
        });
    }
}
