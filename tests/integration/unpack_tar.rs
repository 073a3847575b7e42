//! tar archives of every form, whole, damaged and hostile.

use crate::packed::{Content, Unpacked, gzip, log, unpack, unpack_with, xz, zstd};
use coroner::input::unpack::{Limits, Trouble};
use std::{fs, process::Command};
use tar::{Builder, EntryType, Header};

/// A header and its data, padded.
pub(crate) fn entry(mut header: Header, data: &[u8]) -> Vec<u8> {
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(crate) fn header(mut header: Header, name: &str, kind: u8, size: u64) -> Header {
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(size);
    header
}

pub(crate) fn file(name: &str, data: &[u8]) -> Vec<u8> {
    let header = header(Header::new_gnu(), name, b'0', data.len() as u64);
    entry(header, data)
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut data = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let len = (rest..).find(|len| rest + len.to_string().len() == *len);
        data.extend(format!("{} {key}={value}\n", len.expect("there is one")).bytes());
    }
    let len = data.len() as u64;
    entry(header(Header::new_ustar(), "pax", b'x', len), &data)
}

pub(crate) fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

fn contents(got: &Unpacked) -> Vec<(&str, Vec<u8>)> {
    got.members
        .iter()
        .map(|member| (&*member.path, member.text()))
        .collect()
}

#[test]
fn every_form_of_header_is_read() {
    let long = format!("{}/error.log", "d".repeat(200));
    let text = log(1, 3000);
    for template in [Header::new_old(), Header::new_ustar(), Header::new_gnu()] {
        let a = entry(header(template.clone(), "a.log", b'0', 3000), &text);
        let b = entry(header(template, "b.log", 0, 0), b"");
        let got = unpack(&archive(&[a, b]));
        assert_eq!(contents(&got), [("a.log", text.clone()), ("b.log", vec![])]);
        assert_eq!(got.problems, []);
        assert_eq!(got.members[0].decode, "tar");
        let starts = [0, 1].map(|n| got.members[n].stored_offset);
        assert_eq!(starts, [512, 512 + 3072 + 512]);
    }
    // GNU long names, as the crate writes them.
    let mut builder = Builder::new(Vec::new());
    let mut gnu = Header::new_gnu();
    gnu.set_size(3000);
    builder
        .append_data(&mut gnu, &long, &text[..])
        .expect("memory");
    let got = unpack(&builder.into_inner().expect("memory"));
    assert_eq!(contents(&got), [(&*long, text.clone())]);
    let got = unpack(&archive(&[pax(&[("path", &long)]), file("x", &text)]));
    assert_eq!(contents(&got), [(&*long, text)]);
    assert_eq!(got.problems, []);
}

#[test]
fn d1_archives_one_after_another_are_read() {
    let one = archive(&[file("a.log", b"a\n")]);
    let two = [one.clone(), archive(&[file("b.log", b"b\n")])].concat();
    let got = unpack(&two);
    assert_eq!(
        contents(&got),
        [("a.log", b"a\n".to_vec()), ("b.log", b"b\n".to_vec())]
    );
    assert_eq!((got.problems.len(), got.n_damages()), (1, 0));
    let got = unpack(&[one, b"garbage".to_vec()].concat());
    assert_eq!((got.members.len(), got.n_damages()), (1, 1));
}

#[test]
fn d2_what_stands_before_a_cut_is_used() {
    let texts = [log(1, 900), log(2, 30)];
    let stored = archive(&[file("a.log", &texts[0]), file("b.log", &texts[1])]);
    let ends = stored.len() - 1024;
    for len in 265..stored.len() {
        let got = unpack(&stored[..len]);
        for (member, text) in got.members.iter().zip(&texts) {
            assert!(text.starts_with(&member.text()), "cut at {len}");
        }
        // Half an end mark is one, and so is a shorter one; padding that is missing is no loss.
        let is_whole = len >= ends + 512;
        assert_eq!(
            got.n_damages(),
            usize::from(!is_whole),
            "cut at {len}: {:?}",
            got.problems
        );
        let n_whole = got
            .members
            .iter()
            .zip(&texts)
            .filter(|(m, t)| m.text() == **t)
            .count();
        let n_expected = [512 + 900, 512 + 1024 + 512 + 30]
            .iter()
            .filter(|end| len >= **end);
        assert_eq!(n_whole, n_expected.count(), "cut at {len}");
    }
}

#[test]
fn d4_a_flipped_bit_in_a_header_costs_one_member() {
    let texts = [log(1, 900), log(2, 30), log(3, 600)];
    let files = ["a.log", "b.log", "c.log"];
    let entries: Vec<_> = files
        .iter()
        .zip(&texts)
        .map(|(name, text)| file(name, text))
        .collect();
    let stored = archive(&entries);
    let second = entries[0].len();
    for at in second..second + 512 {
        let mut stored = stored.clone();
        stored[at] ^= 0x11;
        let got = unpack(&stored);
        assert_eq!(contents(&got)[0], ("a.log", texts[0].clone()), "{at}");
        assert_eq!(
            contents(&got)[got.members.len() - 1],
            ("c.log", texts[2].clone()),
            "{at}"
        );
        // A flip in the checksum itself may leave its value: blanks and NULs are alike.
        assert_eq!(
            got.n_damages(),
            3 - got.members.len(),
            "{at}: {:?}",
            got.problems
        );
    }
}

#[test]
fn d10_archives_nest_to_a_depth() {
    let text = log(1, 20_000);
    let inner = archive(&[file("c.log.gz", &gzip(&text)), file("d.log", b"d\n")]);
    let stored = zstd(&archive(&[
        file("b.tar.xz", &xz(&inner)),
        file("e.log", b"e\n"),
    ]));
    let got = unpack(&stored);
    let want = [
        ("b.tar.xz!c.log.gz", text),
        ("b.tar.xz!d.log", b"d\n".to_vec()),
        ("e.log", b"e\n".to_vec()),
    ];
    assert_eq!(contents(&got), want);
    assert_eq!(got.members[0].decode, "zstd > tar > xz > tar > gzip");
    assert_eq!(got.problems, []);
    let deep = archive(&[
        file("c.tar", &archive(&[file("d.gz", &gzip(b"deep"))])),
        file("f", b"f"),
    ]);
    let got = unpack(&archive(&[file("b.tar", &deep), file("g", b"g")]));
    assert_eq!(contents(&got)[0], ("b.tar!c.tar!d.gz", vec![]));
    assert_eq!(
        contents(&got)[1..],
        [("b.tar!f", b"f".to_vec()), ("g", b"g".to_vec())]
    );
    assert_eq!(got.problems.len(), 1);
    assert!(got.problems[0].to_string().contains("b.tar!c.tar!d.gz"));
    let ten = (0..10).fold(file("x", b"x"), |inner, n| {
        archive(&[file(&format!("{n}.tar"), &inner)])
    });
    let got = unpack(&ten);
    assert_eq!((got.members.len(), got.n_damages()), (1, 1));
    assert_eq!(got.members[0].path, "9.tar!8.tar!7.tar");
}

#[test]
fn d11_only_regular_files_are_read() {
    let links = [
        (b'1', "/etc/passwd"),
        (b'2', "../../x"),
        (b'3', ""),
        (b'6', ""),
    ];
    let mut entries: Vec<_> = links
        .iter()
        .map(|(kind, target)| {
            let mut link = header(Header::new_gnu(), "link", *kind, 0);
            link.set_link_name_literal(target).expect("short");
            entry(link, b"")
        })
        .collect();
    entries.push(entry(header(Header::new_gnu(), "dir/", b'5', 0), b""));
    entries.push(file("../../etc/cron.d/x\x1b[2J", b"text"));
    let got = unpack(&archive(&entries));
    assert_eq!(
        contents(&got),
        [("../../etc/cron.d/x\\x1b[2J", b"text".to_vec())]
    );
    assert_eq!((got.problems.len(), got.n_damages()), (4, 0));
    assert!(
        got.problems[0]
            .to_string()
            .contains("`link`: tar entry at byte 0 hard link to `/etc/passwd`")
    );
}

#[test]
fn d12_a_hole_of_an_exabyte_is_left_out() {
    let mut sparse = header(Header::new_gnu(), "s", b'S', 512);
    let gnu = sparse.as_gnu_mut().expect("it is");
    gnu.set_real_size(1 << 60);
    gnu.sparse[0].set_offset((1 << 60) - 512);
    gnu.sparse[0].set_length(512);
    let bomb = archive(&[entry(sparse, &[b'x'; 512])]);
    assert_eq!(bomb.len(), 2048);
    let got = unpack(&[bomb, archive(&[file("b", b"b")])].concat());
    assert_eq!(
        contents(&got),
        [("s", vec![b'x'; 512]), ("b", b"b".to_vec())]
    );
    assert_eq!(got.n_damages(), 0);
    let n_bytes = (1 << 60) - 512;
    assert_eq!(got.problems[0].trouble, Trouble::Hole { n_bytes });
    // Small holes are zeros, in each of the four forms.
    let mut old = header(Header::new_gnu(), "s", b'S', 4);
    let gnu = old.as_gnu_mut().expect("it is");
    gnu.set_real_size(10);
    for (sparse, offset) in gnu.sparse.iter_mut().zip([1, 6]) {
        sparse.set_offset(offset);
        sparse.set_length(2);
    }
    let size = ("GNU.sparse.realsize", "10");
    let pair = |offset| [("GNU.sparse.offset", offset), ("GNU.sparse.numbytes", "2")];
    let v0 = pax(&[&[("GNU.sparse.size", "10")][..], &pair("1"), &pair("6")].concat());
    let v01 = pax(&[("GNU.sparse.size", "10"), ("GNU.sparse.map", "1,2,6,2")]);
    let v1 = pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.name", "s"), size]);
    let mut data = b"2\n1\n2\n6\n2\n".to_vec();
    data.resize(512, 0);
    data.extend(b"abcd");
    for entries in [
        vec![entry(old, b"abcd")],
        vec![v0, file("s", b"abcd")],
        vec![v01, file("s", b"abcd")],
        vec![v1, file("GNUSparseFile.0/s", &data)],
    ] {
        let got = unpack(&archive(&entries));
        assert_eq!(contents(&got), [("s", b"\0ab\0\0\0cd\0\0".to_vec())]);
        assert_eq!(got.problems, []);
    }
}

#[test]
fn d12_a_size_that_lies_is_a_truncated_member() {
    for size in [1 << 60, u64::MAX] {
        let lie = entry(header(Header::new_gnu(), "l", b'0', size), b"text");
        let got = unpack(&archive(&[file("a", b"a"), lie]));
        assert_eq!((got.members.len(), got.n_damages()), (2, 1));
        assert!(got.members[1].text().starts_with(b"text"));
        assert!(matches!(
            got.problems[0].trouble,
            Trouble::Truncated { n_missing: Some(_) }
        ));
        // The same for what should be a name.
        let lie = entry(header(Header::new_gnu(), "l", b'L', size), b"text");
        let got = unpack(&archive(&[file("a", b"a"), lie]));
        assert_eq!(got.members.len(), 1);
        assert!(matches!(
            got.problems[0].trouble,
            Trouble::Limit {
                name: "header_bytes_max",
                ..
            }
        ));
    }
}

/// A header that hides a member from programs that do not read its extension.
#[test]
fn d13_two_sizes_are_told() {
    // What such archives hide is a header; any data will do.
    let hidden = log(1, 1024);
    let outer = entry(header(Header::new_ustar(), "outer", b'0', 0), &hidden);
    let got = unpack(&archive(&[pax(&[("size", "1024")]), outer]));
    assert_eq!(contents(&got), [("outer", hidden)]);
    let sizes = Trouble::Sizes {
        header: 0,
        extended: 1024,
    };
    assert_eq!(got.problems[0].trouble, sizes);
    assert!(got.problems[0].is_damage());
    let text = got.problems[0].to_string();
    assert!(text.contains(" 0 bytes") && text.contains("1024"), "{text}");
}

#[test]
fn members_are_limited() {
    let stored = archive(&[file("a", b"a"), file("b", b"b"), file("c", b"c")]);
    let limits = Limits {
        members_max: 2,
        ..Limits::default()
    };
    let got = unpack_with(&stored, limits);
    assert_eq!((got.members.len(), got.n_damages()), (2, 1));
}

/// Damage in the compression of an archive costs the members it hits.
#[test]
fn d10_an_archive_goes_on_behind_lost_bytes() {
    let names: Vec<_> = (0..30).map(|n| format!("{n}.log")).collect();
    let entries: Vec<_> = names
        .iter()
        .zip(0..)
        .map(|(name, n)| file(name, &log(n, 3000)))
        .collect();
    let mut stored: Vec<_> = archive(&entries).chunks(10_000).flat_map(zstd).collect();
    let at = stored.len() / 2;
    stored[at] ^= 0xff;
    let got = unpack(&stored);
    let n_whole = got
        .members
        .iter()
        .filter(|m| m.text().len() == 3000)
        .count();
    assert!(n_whole >= 24, "{n_whole}: {:?}", got.problems);
    assert_eq!(got.members.last().expect("some").path, "29.log");
    // The damaged frame may have yielded wrong text, as is said; no other did.
    let is_wrong = |member: &&Content| {
        let n = names
            .iter()
            .position(|name| *name == member.path)
            .expect("no other");
        !log(n as u32, 3000).starts_with(&member.text())
    };
    assert!(got.members.iter().filter(is_wrong).count() <= 4);
    assert!(got.n_damages() >= 1);
}

/// A page of zeros over headers, as a lost disk block leaves it.
#[test]
fn d4_zeros_in_an_archive_are_no_end() {
    let names: Vec<_> = (0..30).map(|n| format!("{n}.log")).collect();
    let entries = names.iter().map(|name| file(name, &[b'x'; 1000]));
    let mut stored = archive(&entries.collect::<Vec<_>>());
    stored[8192..12800].fill(0);
    let got = unpack(&stored);
    assert_eq!(got.members.last().expect("some").path, "29.log");
    assert!(got.members.len() >= 25 && got.n_damages() == 1);
}

#[test]
fn d11_a_million_links_do_not_fill_the_memory() {
    let link = entry(header(Header::new_gnu(), "l", b'2', 0), b"");
    let got = unpack(&archive(&[link.repeat(5000), file("a", b"a")]));
    assert_eq!((got.members.len(), got.problems.len()), (1, 1001));
    assert_eq!(got.problems[1000].trouble, Trouble::Unsaid);
    assert_eq!(got.n_damages(), 0);
}

/// POSIX: unknown types are regular files. What goes on from another volume has no beginning.
#[test]
fn d3_entries_of_unknown_types_are_files_and_rests_are_told() {
    let of_type = |kind: u8| entry(header(Header::new_gnu(), "a", kind, 5), b"text\n");
    let got = unpack(&archive(&[of_type(b'8'), of_type(b'Q'), file("b", b"b")]));
    let text = b"text\n".to_vec();
    let all = [("a", text.clone()), ("a", text), ("b", b"b".to_vec())];
    assert_eq!((contents(&got), &got.problems), (all.to_vec(), &vec![]));
    let got = unpack(&archive(&[of_type(b'M'), file("b", b"b")]));
    assert_eq!(contents(&got), [("b", b"b".to_vec())]);
    assert_eq!(got.n_damages(), 1);
    assert_eq!(
        got.problems[0].to_string(),
        "`a`: tar entry at byte 0: the rest of a file that begins in another volume is not read; extract the volumes together"
    );
}

/// A checksum behind the end mark of an archive is checked too.
#[test]
fn d4_the_trailer_behind_an_archive_is_read() {
    let mut stored = gzip(&archive(&[file("a", b"a")]));
    let at = stored.len() - 8;
    stored[at] ^= 1;
    let got = unpack(&stored);
    assert_eq!(contents(&got), [("a", b"a".to_vec())]);
    assert_eq!(got.problems[0].trouble, Trouble::Checksum);
}

#[test]
fn nothing_panics_on_any_byte() {
    let mut sparse = header(Header::new_gnu(), "s", b'S', 4);
    sparse.as_gnu_mut().expect("it is").set_real_size(10);
    sparse.as_gnu_mut().expect("it is").sparse[0].set_offset(6);
    sparse.as_gnu_mut().expect("it is").sparse[0].set_length(4);
    let stored = archive(&[
        pax(&[("path", "p"), ("size", "2")]),
        file("x", b"xy"),
        entry(sparse, b"abcd"),
    ]);
    for at in 0..stored.len() {
        for value in [0, b'7', b' ', 0x80, 0xff] {
            let mut stored = stored.clone();
            stored[at] = value;
            // With the checksums made good, so that the fields are believed.
            for start in (0..stored.len())
                .step_by(512)
                .filter(|start| *start <= at && at < start + 512)
            {
                let mut block = *Header::from_byte_slice(&stored[start..start + 512]).as_bytes();
                let mut header = Header::new_old();
                *header.as_mut_bytes() = block;
                header.set_cksum();
                block = *header.as_bytes();
                let mut good = stored.clone();
                good[start..start + 512].copy_from_slice(&block);
                unpack(&good);
            }
            unpack(&stored);
        }
    }
}

/// GNU tar's own archives, in each of its formats, with a hole.
#[test]
fn gnu_tar_is_understood() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut text = log(1, 4096);
    text.extend([0; 200_000]);
    text.extend(log(2, 5000));
    let long = format!("{0}/{0}", "n".repeat(60));
    fs::create_dir(dir.path().join(&long[..60])).expect("made");
    fs::write(dir.path().join("holes"), &text).expect("written");
    fs::write(dir.path().join(&long), b"long\n").expect("written");
    for format in ["v7", "ustar", "gnu", "pax"] {
        let tar = Command::new("tar")
            .current_dir(dir.path())
            .args(["--create", "--file=-"])
            .args(if format == "gnu" || format == "pax" {
                &["--sparse", "--hole-detection=raw"][..]
            } else {
                &[]
            })
            .args(["--format", format])
            .arg("holes")
            .args((format != "v7").then_some(&long))
            .output();
        let Ok(tar) = tar.map(|output| output.stdout).map_err(|_| ()) else {
            return eprintln!("skipped: no tar");
        };
        let got = unpack(&tar);
        assert_eq!(got.problems, [], "{format}");
        assert_eq!(got.members[0].path, "holes", "{format}");
        assert!(got.members[0].text() == text, "{format}");
        assert!(format == "v7" || got.members[1].path == long, "{format}");
    }
}
