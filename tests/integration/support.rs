//! What several tests need: the program, a place for files, and a reader of its CSV.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The built program.
pub(crate) fn coroner() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coroner"));
    // Nothing of the tester's own settings may leak in.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CORONER_") {
            command.env_remove(name);
        }
    }
    command
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("COLUMNS");
    command
}

/// Runs the program with `arguments` in `directory`.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Output {
    coroner()
        .current_dir(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("it starts")
}

/// Runs the program with `input` on its standard input.
pub(crate) fn run_with_input(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = coroner()
        .current_dir(directory)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input); // it may have ended early
    });
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    output
}

pub(crate) fn status(output: &Output) -> i32 {
    output.status.code().expect("no signal ended it")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("outputs are UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("messages are UTF-8")
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Rows of a CSV text by column name.
pub(crate) struct Rows {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    pub(crate) fn parse(text: &str) -> Rows {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader
            .headers()
            .expect("a header")
            .iter()
            .map(str::to_owned)
            .collect();
        let row = |row: Result<csv::StringRecord, csv::Error>| {
            row.expect("RFC 4180").iter().map(str::to_owned).collect()
        };
        Rows {
            header,
            rows: reader.records().map(row).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn get(&self, row: usize, column: &str) -> &str {
        let index = self
            .header
            .iter()
            .position(|name| name == column)
            .expect("a column of that name");
        &self.rows[row][index]
    }

    /// All columns but these, the header first.
    pub(crate) fn without(&self, columns: &[&str]) -> Vec<Vec<&str>> {
        let is_kept = |index: &usize| !columns.contains(&self.header[*index].as_str());
        let kept: Vec<usize> = (0..self.header.len()).filter(is_kept).collect();
        assert_eq!(kept.len() + columns.len(), self.header.len(), "{columns:?}");
        let lines = std::iter::once(&self.header).chain(&self.rows);
        lines
            .map(|line| kept.iter().map(|&index| line[index].as_str()).collect())
            .collect()
    }

    pub(crate) fn sum(&self, column: &str) -> u64 {
        (0..self.len())
            .map(|row| self.get(row, column).parse::<u64>().expect("a count"))
            .sum()
    }
}
