//! `coroner compare`: what it says, and how it ends.

use crate::{
    packed::gzip,
    support::{root, run, run_with_input, status, stderr, stdout},
};
use std::{fmt::Write, path::Path};

const REFUSED: &str = "connect() failed (111: Connection refused) while connecting to upstream";
const TIMEOUT: &str =
    "upstream timed out (110: Connection timed out) while reading response header from upstream";

/// `12:00:00` and `second` more.
fn clock(second: u64) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        12 + second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// One failure, as nginx writes it.
fn failure(second: u64, what: &str, peer: &str) -> String {
    format!(
        "2026/03/03 {} [error] 7#7: *{second} {what}, client: 192.0.2.{}, server: shop.example, request: \"GET / HTTP/1.1\", upstream: \"http://{peer}/\", host: \"shop.example\"\n",
        clock(second),
        second % 20,
    )
}

fn notice(second: u64, what: &str) -> String {
    format!("2026/03/03 {} [notice] 7#7: {what}\n", clock(second))
}

/// Failures, one every `step` seconds of `seconds`.
fn failures(seconds: std::ops::Range<u64>, step: usize, what: &str) -> String {
    seconds
        .step_by(step)
        .map(|second| failure(second, what, "10.0.0.1:80"))
        .collect()
}

/// A request a second: each `nth` fails, the others take 5 ms.
fn requests(seconds: std::ops::Range<u64>, nth: u64) -> String {
    seconds.fold(String::new(), |mut text, second| {
        let is_bad = second % nth == 0;
        let status = if is_bad { 502 } else { 200 };
        let (response, connect) = if is_bad { ("0.000", "-") } else { ("0.005", "0.001") };
        writeln!(
            text,
            "192.0.2.{} - - [03/Mar/2026:{} +0000] \"GET / HTTP/1.1\" {status} 10 \"-\" \"-\" rt={response} uct=\"{connect}\" uht=\"{response}\" urt=\"{response}\" us=\"{status}\" ua=\"10.0.0.1:80\"",
            second % 20,
            clock(second),
        )
        .expect("memory");
        text
    })
}

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(directory.join(name), text).expect("written");
}

/// On one line, whatever the width.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The verdict with the exit status, and the whole on one line.
#[track_caller]
fn compared(directory: &Path, arguments: &[&str]) -> (String, i32, String) {
    let output = run(directory, &[&["compare"], arguments].concat());
    let text = stdout(&output);
    let verdict = text.split(':').next().unwrap_or_default().to_owned();
    assert!(!text.is_empty(), "{}", stderr(&output));
    (verdict, status(&output), flat(&text))
}

#[track_caller]
fn check(directory: &Path, arguments: &[&str], verdict: &str, code: i32) -> String {
    let (got, got_code, text) = compared(directory, arguments);
    assert_eq!(
        (got.as_str(), got_code),
        (verdict, code),
        "{arguments:?}\n{text}"
    );
    text
}

/// Logs before and after: 5 % refused, then none; an hour each.
fn fixed(directory: &Path) {
    write(directory, "before.error", failures(0..3_600, 20, REFUSED));
    write(directory, "before.access", requests(0..3_600, 20));
    write(directory, "after.error", "");
    write(directory, "after.access", requests(3_600..7_200, 99_999));
}

const BOTH: [&str; 5] = [
    "before.error",
    "before.access",
    "--after",
    "after.error",
    "after.access",
];

#[test]
fn fixed_and_swapped() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fixed(path);
    let text = check(path, &BOTH, "fixed", 0);
    for part in [
        "fixed: 180 failures in 3,600 requests before, none in 3,600 requests after",
        "fixed refused at 10.0.0.1:80",
        "before 180 in 3,600 attempts: 5 % (4.3 to 5.8 %)",
        "after 0 in 3,600 attempts: 0 % (0 to 0.1 %); p < 0.0001",
        "502 180 5 % (4.3 to 5.8 %) 0 0 % (0 to 0.1 %) p < 0.0001 better",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let swapped = [
        "after.error",
        "after.access",
        "--after",
        "before.error",
        "before.access",
    ];
    let text = check(path, &swapped, "worse", 4);
    assert!(
        text.contains("the wrong way round?") && text.contains("new: none in"),
        "{text}"
    );
}

#[test]
fn fewer_as_many_and_too_few() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fixed(path);
    let after = |step: u64, seconds: std::ops::Range<u64>| {
        write(
            path,
            "after.error",
            failures(seconds.clone(), step as usize, REFUSED),
        );
        write(path, "after.access", requests(seconds, step));
    };
    after(100, 3_600..7_200);
    check(path, &BOTH, "better", 0);
    after(20, 3_600..7_200);
    check(path, &BOTH, "same", 0);
    after(8, 3_600..7_200);
    check(path, &BOTH, "worse", 4);
    // A minute without failures: three were to be expected.
    write(path, "after.error", "");
    write(path, "after.access", requests(3_600..3_660, 99_999));
    let text = check(path, &BOTH, "cannot tell", 0);
    assert!(text.contains("it takes"), "{text}");
}

/// Two failures of one kind gone, another kind come: fewer in all is better, as many is worse.
#[test]
fn a_new_kind_of_failure() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fixed(path);
    write(path, "after.access", requests(3_600..7_200, 99_999));
    write(path, "after.error", failures(3_600..7_200, 20, TIMEOUT));
    let text = check(path, &BOTH, "worse", 4);
    for part in [
        "worse or new: timeout at 10.0.0.1:80",
        "gone: refused at 10.0.0.1:80",
        "messages that were not there before: ",
        "new 180 × ",
        "vanished 180 × ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    write(path, "after.error", failures(3_600..7_200, 100, TIMEOUT));
    let text = check(path, &BOTH, "better", 0);
    assert!(
        text.contains("worse or new: timeout at 10.0.0.1:80"),
        "{text}"
    );
}

#[test]
fn nothing_after_tells_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fixed(path);
    write(path, "after.access", "");
    let text = check(path, &BOTH, "cannot tell", 0);
    assert!(
        text.contains("nothing with a time was read of after"),
        "{text}"
    );
}

/// Failures that paused for as long before are not called fixed.
#[test]
fn a_pause_is_no_fix() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fixed(path);
    // All within the first ten minutes of the hour.
    write(path, "before.error", failures(0..600, 4, REFUSED));
    write(path, "after.access", requests(3_600..5_400, 99_999));
    let text = check(path, &BOTH, "cannot tell", 0);
    assert!(
        text.contains("before, too, there was none for 50 m"),
        "{text}"
    );
}

#[test]
fn one_set_of_logs_is_cut() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let error = failures(0..3_600, 20, REFUSED);
    write(path, "error.log", &error);
    write(
        path,
        "access.log",
        requests(0..3_600, 20) + &requests(3_600..7_200, 99_999),
    );
    let logs = ["error.log", "access.log"];
    for at in ["2026-03-03 13:00", "2026-03-03T13:00:00Z", "-3599s"] {
        let text = check(path, &[&logs[..], &["--cut-at", at]].concat(), "fixed", 0);
        assert!(
            text.contains("180 failures in 3,600 requests before"),
            "{at}\n{text}"
        );
    }
    // No reload is in the log, and the cut is nowhere.
    let output = run(path, &["compare", "error.log", "access.log"]);
    assert_eq!(status(&output), 2);
    assert!(
        stderr(&output).contains("no reload and no start"),
        "{}",
        stderr(&output)
    );
    // One is.
    let reload = notice(3_600, "signal process started") + &notice(3_600, "reconfiguring");
    write(path, "error.log", error.clone() + &reload);
    let text = check(path, &logs, "fixed", 0);
    assert!(
        text.contains("the only reload in the logs (error.log:"),
        "{text}"
    );
    // A second, long after, with nothing in between: which it was is not for us to say.
    let later = notice(5_000, "reconfiguring");
    write(path, "error.log", error + &reload + &later);
    let output = run(path, &["compare", "error.log", "access.log"]);
    assert_eq!(status(&output), 2);
    let said = stderr(&output);
    assert!(
        said.contains("reload at 2026-03-03T13:00:00Z after 180 failures")
            && said.contains("reload at 2026-03-03T13:23:20Z after 0 failures"),
        "{said}"
    );
}

/// A reload that was refused is no fix.
#[test]
fn refused_reloads_are_no_cut() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let refused = notice(1_800, "reconfiguring")
        + &notice(1_800, "unknown directive \"x\" in /etc/nginx/nginx.conf:3")
            .replace("notice", "emerg");
    write(
        path,
        "error.log",
        failures(0..3_600, 20, REFUSED) + &refused,
    );
    let output = run(path, &["compare", "error.log"]);
    assert_eq!(status(&output), 2, "{}", stdout(&output));
}

/// Without access logs, by the hour; and it says what that means.
#[test]
fn error_logs_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    write(path, "before.log", failures(0..3_600, 20, REFUSED));
    write(path, "after.log", failures(3_600..7_200, 100, REFUSED));
    let text = check(path, &["before.log", "--after", "after.log"], "better", 0);
    assert!(
        text.contains("fewer may only mean fewer requests"),
        "{text}"
    );
    assert!(text.contains("an hour ("), "{text}");
}

#[test]
fn packed_piped_and_damaged() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fixed(path);
    let plain = check(path, &BOTH, "fixed", 0);
    let before = std::fs::read(path.join("before.error")).expect("there");
    let packed = gzip(&before);
    write(path, "before.gz", &packed);
    let mut arguments = BOTH;
    arguments[0] = "before.gz";
    assert_eq!(check(path, &arguments, "fixed", 0), plain);
    let access = std::fs::read(path.join("after.access")).expect("there");
    let piped = [
        "compare",
        "before.error",
        "before.access",
        "--after",
        "after.error",
        "-",
    ];
    let output = run_with_input(path, &piped, &access);
    assert_eq!((flat(&stdout(&output)), status(&output)), (plain, 0));
    // A log that is cut off: the verdict stands, and the exit status tells.
    write(path, "before.gz", &packed[..packed.len() - 9]);
    let text = check(path, &arguments, "fixed", 1);
    assert!(text.contains("Not read, or not whole"), "{text}");
    // Worse and damaged: worse is what must not be missed.
    let swapped = [
        "after.error",
        "after.access",
        "--after",
        "before.gz",
        "before.access",
    ];
    check(path, &swapped, "worse", 4);
}

#[test]
fn the_same_bytes_whatever_the_threads() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fixed(path);
    for form in ["x.txt", "x.md", "x.html", "x.json"] {
        let mut all = Vec::new();
        for (threads, chunk) in [("1", "1M"), ("2", "512"), ("3", "77")] {
            let more = [
                "--threads",
                threads,
                "--chunk-size",
                chunk,
                "-o",
                form,
                "--force",
            ];
            let arguments = [&["compare"], &BOTH[..], &more[..]].concat();
            assert_eq!(status(&run(path, &arguments)), 0);
            all.push(std::fs::read(path.join(form)).expect("written"));
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{form}");
    }
    let json = std::fs::read(path.join("x.json")).expect("written");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["verdict"], "fixed");
    assert_eq!(json["total"]["before"]["n"], 180);
    assert_eq!(json["rows"][0]["rate"]["unit"], "attempts");
}

#[test]
fn what_cannot_be_is_said_first() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fixed(path);
    for (arguments, words) in [
        (&["-", "--after", "-"][..], "stdin"),
        (
            &["before.error", "-o", "x.pdf"],
            ".html, .md, .json or .txt",
        ),
        (&["before.error", "--bucket", "1m"], "--bucket"),
        (&["before.error", "--cut-at", "noon"], "--cut-at"),
        (
            &["before.error", "--after", "after.error", "--cut-at", "-1h"],
            "cannot be used with",
        ),
        (
            &["none.log", "--after", "after.error"],
            "nothing could be read",
        ),
    ] {
        let output = run(path, &[&["compare"], arguments].concat());
        assert_eq!(status(&output), 2, "{arguments:?}");
        assert!(
            stderr(&output).contains(words),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

/// Names from the logs move no cursor and open no markup.
#[test]
fn hostile_names_are_inert() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let bad = |second| failure(second, REFUSED, "a\x1b[31m`|<b>.example:80");
    write(
        path,
        "before.log",
        (0..600).step_by(5).map(bad).collect::<String>(),
    );
    write(path, "after.log", failures(3_600..7_200, 100, REFUSED));
    for form in ["x.txt", "x.md", "x.html", "x.json"] {
        let output = run(
            path,
            &["compare", "before.log", "--after", "after.log", "-o", form],
        );
        assert!(matches!(status(&output), 0 | 4), "{}", stderr(&output));
        let text = std::fs::read_to_string(path.join(form)).expect("written");
        assert!(!text.contains('\x1b'), "{form}");
        assert!(form != "x.md" || !text.contains("`|<"), "{text}");
        assert!(form != "x.html" || !text.contains("<b>"), "{text}");
    }
}

/// Routes are set against themselves: what broke, what was mended, and, last, what chance explains. Numbers in each form are those of JSON.
/// No count of failures shows it, and the verdict is none of time; it is said beside the verdict.
#[test]
fn answers_that_take_much_longer_are_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let before = requests(0..600, 1_000_000);
    let slower = |ms: &str| before.replace("0.005", ms).replace("03/Mar", "04/Mar");
    let two = |after: &str| {
        write(path, "before.log", &before);
        write(path, "after.log", after);
        let (.., told) = compared(path, &["before.log", "--after", "after.log"]);
        flat(&told)
    };
    let told = two(&slower("0.905"));
    let words = "slower: 10.0.0.1:80 (half of its answers took at most 5 ms before, 9";
    assert!(told.contains(words), "{told}");
    // Five times as long, and nobody notices.
    let told = two(&slower("0.025"));
    assert!(!told.contains("slower:"), "{told}");
    write(path, "slow.log", slower("0.905"));
    write(path, "quick.log", before.replace("03/Mar", "05/Mar"));
    let (.., told) = compared(path, &["slow.log", "--after", "quick.log"]);
    assert!(flat(&told).contains("quicker: 10.0.0.1:80"), "{told}");
}

#[test]
fn routes_with_the_most_change_come_first() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    // By route: requests and failures before, and after.
    let routes = [
        ("/broken", [(400, 0), (400, 300)]),
        ("/mended/{n}", [(900, 500), (700, 0)]),
        ("/as-ever", [(600, 30), (600, 31)]),
        ("/never", [(50, 0), (50, 0)]),
        ("/gone", [(80, 80), (0, 0)]),
    ];
    for (side, name) in ["before.access", "after.access"].into_iter().enumerate() {
        let mut text = String::new();
        for (route, sides) in routes {
            let (n, n_failed) = sides[side];
            for index in 0..n {
                let uri = route.replace("{n}", &(10_000 + index).to_string());
                let (status, ms) = if index < n_failed {
                    (504, "3.000")
                } else {
                    (200, "0.010")
                };
                writeln!(
                    text,
                    "192.0.2.1 - - [03/Mar/2026:{} +0000] \"GET {uri}?q=1 HTTP/1.1\" {status} 10 \"-\" \"-\" rt={ms} uct=\"0.001\" uht=\"{ms}\" urt=\"{ms}\" us=\"{status}\" ua=\"10.0.0.1:80\"",
                    clock(side as u64 * 3_600 + index * 3_599 / n),
                )
                .expect("memory");
            }
        }
        write(path, name, text);
    }
    let both = ["compare", "before.access", "--after", "after.access"];
    for form in ["x.json", "x.md", "x.html"] {
        let output = run(path, &[&both[..], &["-o", form]].concat());
        assert!(matches!(status(&output), 0 | 4), "{}", stderr(&output));
    }
    let read = |name: &str| std::fs::read_to_string(path.join(name)).expect("written");
    let json: serde_json::Value = serde_json::from_str(&read("x.json")).expect("JSON");
    let told: Vec<String> = json["routes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| {
            let side = |name: &str| {
                format!(
                    "{} of {}",
                    line["rate"][name]["n"], line["rate"][name]["of"]
                )
            };
            let (route, verdict) = (&line["route"], &line["rate"]["verdict"]);
            format!("{route} {verdict}: {}, {}", side("before"), side("after")).replace('"', "")
        })
        .collect();
    let mended = "/mended/{} better: 500 of 900, 0 of 700";
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(
        told[0].starts_with("/mended/") && told[0].ends_with(&mended[10..]),
        "{told:#?}"
    );
    assert_eq!(
        told[1..],
        [
            "/broken worse: 0 of 400, 300 of 400",
            "/gone cannot tell: 80 of 80, 0 of 0",
            "/as-ever same: 30 of 600, 31 of 600",
        ]
    );
    let text = stdout(&run(path, &both));
    for (what, page) in [
        ("text", text),
        ("md", read("x.md")),
        ("html", read("x.html")),
    ] {
        let places = ["/mended/", "/broken", "/gone", "/as-ever"].map(|name| page.find(name));
        assert!(places.iter().all(Option::is_some), "{what}: {places:?}");
        assert!(places.is_sorted(), "{what}: {places:?}");
        assert!(!page.contains("/never"), "{what}");
    }
}

/// A page that a person reads: the sample whose php-fpm was started again.
#[test]
fn the_sample_reads_as_it_should() {
    let arguments = [
        "compare",
        "samples/php-fpm-down/error.log",
        "samples/php-fpm-down/access.log",
        "--cut-at",
        "2026-11-20 14:39:55",
    ];
    let text = stdout(&run(&root(), &arguments));
    let path = root().join("samples/php-fpm-down/expected/compare.txt");
    if std::env::var_os("CORONER_BLESS").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        text,
        "CORONER_BLESS=1 writes it anew"
    );
}
