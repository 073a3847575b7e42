//! Archives made to hurt: nesting, names and sizes (D10 to D12), through the whole program.

use crate::{
    fault_rows::{self, in_directory, log},
    packed::gzip,
    support::{Rows, run, status, stderr, stdout},
    unpack_tar::{archive, entry, file, header},
};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use tar::Header;

#[test]
fn d10_depth_is_limited_and_said() {
    in_directory(|dir| {
        let ten = (0..10).fold(log(2).into_bytes(), |inner, _| gzip(&inner));
        fs::write(dir.join("ten.gz"), ten).expect("written");
        let output = run(dir, &["export", "ten.gz"]);
        assert!(matches!(status(&output), 1 | 2), "{}", stderr(&output));
        assert!(
            stderr(&output).contains("nested deeper than 3"),
            "{}",
            stderr(&output)
        );
    });
}

/// Names in archives are attackers' text, as those of files are.
#[test]
fn d11_names_in_archives_lead_nowhere_and_draw_nothing() {
    in_directory(|dir| {
        let evil = "../../x\u{1b}]0;owned\u{7}\u{1b}[2J\n=cmd|' /C calc'!A0.log";
        let entries = [
            file(evil, log(2).as_bytes()),
            file("/etc/cron.d/x", log(2).as_bytes()),
            file("hurt\u{9b}31m.gz", &gzip(log(9).as_bytes())[..90]),
        ];
        fs::create_dir(dir.join("inner")).expect("made");
        fs::write(dir.join("inner/evil.tar"), archive(&entries)).expect("written");
        for arguments in [
            &["inner/evil.tar"][..],
            &["--color", "always", "inner/evil.tar"],
            &["export", "inner/evil.tar"],
            &["export", "--table", "events", "inner/evil.tar"],
            &["export", "--table", "sources", "inner/evil.tar"],
            &["-v", "inner/evil.tar"],
        ] {
            let output = run(dir, arguments);
            assert_eq!(status(&output), 1, "{arguments:?}: {}", stderr(&output));
            for text in [stdout(&output), stderr(&output)] {
                let ours = ["0m", "1m", "2m", "31m", "32m"]
                    .iter()
                    .fold(text, |text, code| {
                        text.replace(&format!("\u{1b}[{code}"), "")
                    });
                let is_harmful = |c: char| c.is_control() && !"\n\t\r".contains(c);
                assert!(
                    !ours.chars().any(is_harmful),
                    "{arguments:?}: {}",
                    ours.escape_debug()
                );
            }
        }
        let names = |path: &Path| {
            let entries = fs::read_dir(path).expect("listed");
            entries
                .map(|entry| entry.expect("there").file_name())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(dir), ["inner"]);
        assert_eq!(names(&dir.join("inner")), ["evil.tar"]);
    });
}

#[test]
fn d12_an_exabyte_in_two_kilobytes() {
    in_directory(|dir| {
        let mut sparse = header(Header::new_gnu(), "s.log", b'S', 512);
        let gnu = sparse.as_gnu_mut().expect("it is");
        gnu.set_real_size(1 << 60);
        gnu.sparse[0].set_offset((1 << 60) - 512);
        gnu.sparse[0].set_length(512);
        let text = format!("{:\n<512}", log(2));
        let bomb = archive(&[
            entry(sparse, text.as_bytes()),
            file("b.log", log(3).as_bytes()),
        ]);
        fs::write(dir.join("bomb.tar"), bomb).expect("written");
        let started = Instant::now();
        let output = run(dir, &["export", "bomb.tar"]);
        assert!(started.elapsed() < Duration::from_secs(10));
        let n_events = Rows::parse(&stdout(&output)).sum("n_events");
        assert_eq!(n_events, 5, "{}", stderr(&output));
        let output = run(dir, &["export", "--table", "sources", "bomb.tar"]);
        let rows = Rows::parse(&stdout(&output));
        assert!(
            rows.get(0, "notes").contains("hole of"),
            "{}",
            rows.get(0, "notes")
        );
    });
}

/// Thousands of packed members take no more memory than a few and what is told of each.
#[test]
#[cfg(target_os = "linux")]
fn d7_many_packed_members_fit_into_little_memory() {
    in_directory(|dir| {
        let members = (0..10_000).map(|n| {
            let packed = gzip(fault_rows::record(n).as_bytes());
            file(&format!("logs/{n}.log.gz"), &packed)
        });
        let members: Vec<_> = members.collect();
        fs::write(dir.join("logs.tar"), archive(&members)).expect("written");
        let arguments = [
            "export",
            "--table",
            "failures",
            "--threads",
            "1",
            "logs.tar",
        ];
        let output = Command::new("sh")
            .args(["-c", "ulimit -v 250000; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_coroner"))
            .args(arguments)
            .current_dir(dir)
            .output()
            .expect("it starts");
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        assert_eq!(Rows::parse(&stdout(&output)).sum("n_events"), 10_000);
    });
}
