//! The README and the program agree: its tables are the schema's, its screen is the program's, its commands work.

use crate::support::{root, run, stdout};
use coroner::export::schema::TABLES;
use std::fmt::Write;

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("there")
}

/// The columns of all tables, as the README shows them.
fn tables() -> String {
    let mut text = String::new();
    for table in TABLES {
        write!(
            text,
            "\n**{}**: a row is {}.\n\n| column | type | meaning |\n|---|---|---|\n",
            table.name, table.row
        )
        .expect("memory");
        for column in table.columns {
            writeln!(
                text,
                "| `{}` | {} | {} |",
                column.name,
                column.kind.name(),
                column.doc
            )
            .expect("memory");
        }
    }
    text
}

/// The limits, as the README shows them.
fn limits() -> String {
    let rows = coroner::cli::limits::rows();
    let lines = rows.iter().map(|row| format!("| {} |\n", row.join(" | ")));
    format!(
        "| limit | value | past it |\n|---|---|---|\n{}",
        lines.collect::<String>()
    )
}

/// Replaces what stands between two marks if `CORONER_BLESS=1`, and compares it.
fn check_section(name: &str, want: &str) {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let readme = readme();
    let start = readme.find(&open).expect("the mark is there") + open.len();
    let end = start + readme[start..].find(&close).expect("the mark is closed");
    if std::env::var_os("CORONER_BLESS").is_some() && readme[start..end] != *want {
        std::fs::write(
            root().join("README.md"),
            format!("{}{want}{}", &readme[..start], &readme[end..]),
        )
        .expect("written");
        return;
    }
    assert_eq!(
        &readme[start..end],
        want,
        "section {name}: CORONER_BLESS=1 writes it anew"
    );
}

#[test]
fn its_tables_and_its_screen_are_true() {
    check_section("tables", &tables());
    check_section("limits", &limits());
    let output = run(&root(), &["samples/php-fpm-down/error.log"]);
    check_section("screen", &format!("```text\n{}```\n", stdout(&output)));
    let both = ["error.log", "access.log"].map(|log| format!("samples/mixed-bad-day/{log}"));
    let report = stdout(&run(&root(), &both.each_ref().map(String::as_str)));
    let mut sections = report.split("\n\n");
    let causes = sections.find(|section| section.starts_with("Why requests failed"));
    check_section(
        "causes",
        &format!("```text\n{}\n```\n", causes.expect("both logs are there")),
    );
    let path = root().join("samples/php-fpm-down/expected/compare.txt");
    let text = std::fs::read_to_string(path).expect("there");
    check_section("compare", &format!("```text\n{text}```\n"));
}

/// Every command line of the README that begins with `coroner` runs, in a directory that has what it names.
#[test]
fn its_commands_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = std::fs::read(root().join("samples/mixed-bad-day/error.log")).expect("there");
    std::fs::create_dir(directory.path().join("logs")).expect("made");
    for name in ["error.log", "error.log.1", "logs/error.log"] {
        std::fs::write(directory.path().join(name), &log).expect("written");
    }
    std::fs::copy(
        root().join("samples/mixed-bad-day/access.log"),
        directory.path().join("access.log"),
    )
    .expect("copied");
    let request = r#"{"time":"2026-11-20T11:29:47+00:00","request":"GET / HTTP/1.1","code":502}"#;
    std::fs::write(
        directory.path().join("access.json"),
        format!("{request}\n").repeat(9),
    )
    .expect("written");
    std::fs::copy(
        root().join("samples/mixed-bad-day/nginx.conf"),
        directory.path().join("nginx.conf"),
    )
    .expect("copied");
    std::fs::write(
        directory.path().join("logs.tar.gz"),
        crate::packed::gzip(&log),
    )
    .expect("written");
    let readme = readme();
    let commands: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("    coroner "))
        .collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        let command = command.split(" #").next().unwrap_or_default().trim();
        if cfg!(not(feature = "polars")) && command.contains(".parquet") {
            continue;
        }
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("\"$CORONER\" {command}")])
            .env("CORONER", env!("CARGO_BIN_EXE_coroner"))
            .current_dir(directory.path())
            .output()
            .expect("a shell");
        let code = output.status.code().expect("no signal");
        assert!(
            code <= 1,
            "`coroner {command}` ended with {code}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            !output.stdout.is_empty() || command.contains("-o "),
            "`coroner {command}` said nothing"
        );
    }
}
