//! Each sample incident against what its README promises: `expected.tsv` holds the totals, `expected/report.txt` the report.

use crate::support::{Rows, root, run, status, stderr, stdout};
use std::{collections::BTreeMap, fs, path::PathBuf};

fn samples() -> Vec<PathBuf> {
    let mut samples: Vec<PathBuf> = fs::read_dir(root().join("samples"))
        .expect("listed")
        .map(|entry| entry.expect("there").path())
        .filter(|path| path.join("error.log").exists())
        .collect();
    samples.sort();
    samples
}

#[test]
fn there_are_enough_samples_and_each_is_whole() {
    assert!(samples().len() >= 20);
    for sample in samples() {
        for file in [
            "error.log",
            "access.log",
            "nginx.conf",
            "README.md",
            "expected.tsv",
            "expected/report.txt",
        ] {
            assert!(
                sample.join(file).exists(),
                "{} lacks {file}",
                sample.display()
            );
        }
    }
}

#[test]
fn totals_are_as_expected() {
    for sample in samples() {
        let mut want: BTreeMap<(String, String, String), u64> = BTreeMap::new();
        for line in fs::read_to_string(sample.join("expected.tsv"))
            .expect("there")
            .lines()
            .skip(1)
        {
            let fields: Vec<&str> = line.split('\t').collect();
            let key = (
                fields[0].to_owned(),
                fields[1].to_owned(),
                fields[2].to_owned(),
            );
            want.insert(key, fields[3].parse().expect("a count"));
        }
        let rows = Rows::parse(&stdout(&run(
            &sample,
            &["export", "error.log", "--bucket", "1h"],
        )));
        let mut got: BTreeMap<(String, String, String), u64> = BTreeMap::new();
        for row in 0..rows.len() {
            let field = |column| rows.get(row, column).to_owned();
            *got.entry((field("severity"), field("category"), field("upstream")))
                .or_default() += field("n_events").parse::<u64>().expect("a count");
        }
        assert_eq!(got, want, "{}", sample.display());
    }
}

/// The report of each sample, as a person would read it. `CORONER_BLESS=1` writes it anew.
#[test]
fn reports_are_as_blessed() {
    for sample in samples() {
        let output = run(&sample, &["error.log", "--tz", "UTC"]);
        assert!(
            status(&output) <= 1,
            "{}: {}",
            sample.display(),
            stderr(&output)
        );
        let path = sample.join("expected/report.txt");
        let got = stdout(&output);
        assert!(
            got.lines().all(|line| line.chars().count() <= 80),
            "{}: wider than 80 columns",
            sample.display()
        );
        if std::env::var_os("CORONER_BLESS").is_some() {
            fs::create_dir_all(sample.join("expected")).expect("made");
            fs::write(&path, &got).expect("written");
        }
        let want = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            got,
            want,
            "{}: CORONER_BLESS=1 accepts the new report",
            sample.display()
        );
    }
}
