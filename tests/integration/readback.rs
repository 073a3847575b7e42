//! Parquet and Arrow files read back by another reader: pyarrow and DuckDB, run by Python.
//!
//! `CORONER_PYTHON` names the interpreter (default `python3`). Where the modules are missing the test says so and skips,
//! unless `CORONER_REQUIRE_TOOLS=1`.

use crate::support::{root, run, status, stdout};
use std::process::Command;

/// All rows of a Parquet or Arrow file as text; `None`, said, where nothing reads it.
pub(crate) fn text_of(path: &std::path::Path) -> Option<String> {
    let script = format!(
        "{AS_TEXT}\nt = pyarrow.parquet.read_table(sys.argv[1]) if sys.argv[1].endswith('parquet') else pyarrow.feather.read_table(sys.argv[1])\n\
         show(t.column_names, zip(*[c.to_pylist() for c in t.columns]))"
    );
    let modules = ["pyarrow", "pyarrow.parquet", "pyarrow.feather"];
    python(&modules, &script, &[path.to_str().expect("UTF-8")])
}

/// Runs a script with arguments; `None` if the interpreter or the modules it names are missing.
fn python(modules: &[&str], script: &str, arguments: &[&str]) -> Option<String> {
    let interpreter = std::env::var("CORONER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let imports: String = modules
        .iter()
        .map(|module| format!("import {module}\n"))
        .collect();
    let has_modules = Command::new(&interpreter)
        .args(["-c", &imports])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_modules {
        let required = std::env::var("CORONER_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
        assert!(!required, "{interpreter} lacks {modules:?}");
        eprintln!("SKIPPED read-back: {interpreter} lacks {modules:?} (CI installs them)");
        return None;
    }
    let output = Command::new(&interpreter)
        .args(["-c", &format!("{imports}{script}")])
        .args(arguments)
        .output()
        .expect("it starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

/// Prints every row as `column=value|…` in a form that CSV can be brought to as well.
const AS_TEXT: &str = r#"
import sys, datetime
def cell(v):
    if v is None: return ''
    if isinstance(v, datetime.datetime): return v.astimezone(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
    return str(v)
def show(names, rows):
    for row in rows: print('|'.join(f'{n}={cell(v)}' for n, v in zip(names, row)).replace('\n', '\\n').replace('\r', '\\r'))
"#;

/// The same form made of the CSV export.
fn from_csv(text: &str) -> String {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let mut out = String::new();
    for row in reader.records() {
        let row = row.expect("RFC 4180");
        // The apostrophe before a formula is CSV's own.
        let cell = |text: &str| {
            text.strip_prefix('\'')
                .filter(|rest| rest.starts_with(['=', '+', '-', '@', '\t']))
                .unwrap_or(text)
                .to_owned()
        };
        let cells: Vec<String> = header
            .iter()
            .zip(&row)
            .map(|(name, text)| format!("{name}={}", cell(text)))
            .collect();
        out.push_str(&cells.join("|").replace('\n', "\\n").replace('\r', "\\r"));
        out.push('\n');
    }
    out
}

#[test]
fn parquet_and_arrow_hold_what_csv_holds() {
    if cfg!(not(feature = "polars")) {
        eprintln!("SKIPPED read-back: built without polars");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let log = root().join("samples/mixed-bad-day/error.log");
    let log = log.to_str().expect("UTF-8");
    for table in ["failures", "events", "sources"] {
        let want = from_csv(&stdout(&run(
            directory.path(),
            &["export", log, "--table", table],
        )));
        assert!(!want.is_empty());
        for format in ["parquet", "arrow"] {
            let name = format!("{table}.{format}");
            let output = run(
                directory.path(),
                &["export", log, "--table", table, "-o", &name],
            );
            assert_eq!(status(&output), 1, "the sample has a torn line");
            let path = directory.path().join(&name);
            let path = path.to_str().expect("UTF-8");
            let script = format!(
                "{AS_TEXT}\nt = pyarrow.parquet.read_table(sys.argv[1]) if sys.argv[1].endswith('parquet') else pyarrow.feather.read_table(sys.argv[1])\n\
                 assert all(str(f.type) in ('string', 'large_string', 'string_view', 'int64', 'timestamp[us, tz=UTC]') for f in t.schema), t.schema\n\
                 show(t.column_names, zip(*[c.to_pylist() for c in t.columns]))"
            );
            let Some(got) = python(
                &["pyarrow", "pyarrow.parquet", "pyarrow.feather"],
                &script,
                &[path],
            ) else {
                return;
            };
            assert_eq!(got, want, "{name} read by pyarrow");
        }
        let path = directory.path().join(format!("{table}.parquet"));
        let script = format!(
            "{AS_TEXT}\nc = duckdb.connect()\nc.execute(\"set timezone='UTC'\")\nr = c.execute('select * from read_parquet(?)', [sys.argv[1]])\n\
             names = [d[0] for d in r.description]\nshow(names, r.fetchall())"
        );
        let Some(got) = python(
            &["duckdb", "pytz"],
            &script,
            &[path.to_str().expect("UTF-8")],
        ) else {
            return;
        };
        assert_eq!(got, want, "{table}.parquet read by DuckDB");
    }
}

/// The same input gives the same bytes, whatever the threads.
#[test]
fn files_are_the_same_for_any_number_of_threads() {
    if cfg!(not(feature = "polars")) {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let log = root().join("samples/php-fpm-down/error.log");
    let log = log.to_str().expect("UTF-8");
    for format in ["parquet", "arrow", "csv", "jsonl"] {
        for table in ["failures", "events"] {
            let export = |threads: &str, chunk: &str| {
                let name = format!("{table}-{threads}.{format}");
                let arguments = [
                    "export",
                    log,
                    "--table",
                    table,
                    "--threads",
                    threads,
                    "--chunk-size",
                    chunk,
                    "-o",
                    &name,
                    "--force",
                ];
                assert_eq!(status(&run(directory.path(), &arguments)), 0);
                std::fs::read(directory.path().join(name)).expect("written")
            };
            let want = export("1", "1M");
            assert!(
                export("2", "999") == want && export("7", "1") == want,
                "{table}.{format}"
            );
        }
    }
}
