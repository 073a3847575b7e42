//! Every limit with its value and what happens past it, for `--help` and the README.

use crate::{
    aggregate::{denials, forged, ledger, limits},
    config,
    engine::{self, ELDERS_MAX, OVERLAP_BYTES_MAX, OVERLAP_PAIRS_MAX},
    input::{conf_tree, stored, unpack::Limits},
    parse::wrapper,
    report::html,
    scan,
};

/// What is limited, the limit, and what happens past it.
pub fn rows() -> Vec<[String; 3]> {
    let unpack = Limits::default();
    let row = |what: &str, value: String, past: &str| [what.into(), value, past.into()];
    let number = |n: usize| grouped(n as u64);
    vec![
        row(
            "rows of `failures`",
            number(limits::FAILURE_ROWS_MAX),
            "buckets get wider, up to 15 minutes; then upstreams are pooled as `(other)`",
        ),
        row(
            "moments kept (reloads, crashes, peers taken out)",
            number(limits::MOMENT_ROWS_MAX),
            "those of ten seconds are one, then of a minute, up to 15 minutes; then peers are pooled",
        ),
        row(
            "stretches of time with records, of one source",
            number(limits::STRETCHES_MAX),
            "stretches get wider, from five minutes up to a day: silences are told less finely",
        ),
        row(
            "upstreams by name",
            number(limits::UPSTREAMS_MAX),
            "the rest is pooled as `(other)`",
        ),
        row(
            "rows of `traffic`",
            number(limits::TRAFFIC_ROWS_MAX),
            "buckets get wider, up to 15 minutes; then upstreams are pooled as `(other)`",
        ),
        row(
            "routes in the report",
            number(limits::ROUTES_MAX),
            "the rest is pooled as `(other)`",
        ),
        row(
            "clients of failed requests in the report",
            number(limits::FAILING_CLIENTS_MAX),
            "the rest is pooled as `(other)`",
        ),
        row(
            "shapes of `other` messages",
            number(limits::SHAPES_MAX),
            "the rest is only counted",
        ),
        row(
            "clients of one row, exactly",
            number(limits::CLIENTS_EXACT_MAX),
            "a HyperLogLog estimate, standard error 2.3 %",
        ),
        row(
            "failures of each kind of log that are joined one by one",
            number(limits::TRACES_MAX),
            "whole clients are left out, and the report says of how many requests it is one",
        ),
        row(
            "rows of what was said of upstreams, for findings",
            number(limits::SIGN_ROWS_MAX),
            "buckets get wider, up to 15 minutes; then upstreams are pooled",
        ),
        row(
            "messages kept as samples of these",
            number(limits::SAMPLES_MAX),
            "findings about the others quote none",
        ),
        row(
            "rows of when upstreams answered, for findings",
            number(limits::SERVED_ROWS_MAX),
            "buckets get wider, up to 15 minutes; then upstreams are pooled",
        ),
        row(
            "durations of attempts that came to a bad end, to the millisecond",
            number(limits::DURATIONS_MAX),
            "they are kept to 10, then to 50 milliseconds; then upstreams are pooled",
        ),
        row(
            "bytes of the name of an upstream",
            number(limits::UPSTREAM_LEN_MAX),
            "names that begin alike are one",
        ),
        row(
            "denials of SELinux and AppArmor",
            number(denials::DENIALS_MAX),
            "the first are kept, the rest is counted",
        ),
        row(
            "switches of SELinux (`setenforce`, booleans)",
            number(denials::SWITCHES_MAX),
            "the first are kept",
        ),
        row(
            "clients that forged lines, by address",
            number(forged::SENDERS_MAX),
            "the rest is only counted",
        ),
        row(
            "connections on which forged lines came",
            number(forged::CONNECTIONS_MAX),
            "the senders of the rest are not named",
        ),
        row(
            "hosts of one source by name",
            number(ledger::MACHINES_MAX),
            "the rest is shown as `…`",
        ),
        row(
            "bytes of a line that are looked at",
            bytes(limits::LINE_LEN_MAX as u64),
            "the rest is counted, not read",
        ),
        row(
            "bytes between the parts of a line that a runtime split",
            bytes(wrapper::PIECE_GAP_MAX),
            "the parts are lines of their own",
        ),
        row(
            "writers of one source whose lines wait for parts at once",
            number(wrapper::PIECE_WRITERS_MAX),
            "the parts of the first are lines of their own",
        ),
        row(
            "records in envelopes, of all writers, that may begin before one over several lines ends",
            grouped(scan::TEXTS_MAX),
            "that one is taken for over: its further lines count as unparsed, exit status 1 where they are many",
        ),
        row(
            "first lines of a source that decide which envelopes it has",
            number(wrapper::N_VOTERS),
            "later lines have no say; those in other envelopes are taken out of them one by one",
        ),
        row(
            "JSON objects of one line that were cut before the next",
            number(wrapper::CUT_OBJECTS_MAX),
            "the rest of the line is one object, which is none",
        ),
        row(
            "layers of envelopes around a line",
            number(wrapper::LAYERS_MAX),
            "the rest is text, exit status 1",
        ),
        row(
            "years of records",
            "2001 to 2099".into(),
            "the line counts as unparsed",
        ),
        row(
            "bytes that two logs have in common which then differ",
            bytes(engine::SAME_LEN_MIN as u64),
            "these count once; up to it they count in both, and that is noted",
        ),
        row(
            "logs that begin as another does, compared with it at a time",
            number(ELDERS_MAX),
            "those in the middle of their order are passed over: what only they hold of it counts twice",
        ),
        row(
            "pairs of logs of the same time in which overlaps are looked for",
            number(OVERLAP_PAIRS_MAX),
            "the rest is not compared, and that is noted",
        ),
        row(
            "bytes unpacked once more to look for overlaps beyond one rotated set",
            bytes(OVERLAP_BYTES_MAX),
            "the rest is not compared, and that is noted",
        ),
        row(
            "bytes decoded from one file",
            bytes(unpack.decoded_bytes_max),
            "reading stops there, exit status 1",
        ),
        row(
            "files within files that are opened",
            number(unpack.depth_max),
            "what lies deeper is named and not read, exit status 1",
        ),
        row(
            "members of one archive",
            grouped(unpack.members_max),
            "the rest is not read, exit status 1",
        ),
        row(
            "memory an xz header may ask for",
            bytes(unpack.xz_memory_max),
            "that stream is not read, exit status 1",
        ),
        row(
            "zstd window",
            bytes(1 << unpack.zstd_window_log_max),
            "that frame is not read, exit status 1",
        ),
        row(
            "hole of a sparse member that is read",
            bytes(unpack.hole_bytes_max),
            "the hole is left out",
        ),
        row(
            "bytes of a header or a name in an archive or a compressed file",
            bytes(unpack.header_bytes_max as u64),
            "it is not read, exit status 1",
        ),
        row(
            "places in one file where reading is tried again after damage",
            grouped(unpack.restarts_max),
            "reading stops there, exit status 1",
        ),
        row(
            "problems told of one file",
            grouped(unpack.problems_max),
            "one says that there are more",
        ),
        row(
            "rows of a table of the HTML page",
            number(html::ROWS),
            "the page says how many more there are",
        ),
        row(
            "bytes of a text from a log in the HTML page",
            number(html::TEXT),
            "the rest is left out, with `…`",
        ),
        row(
            "bytes of one file of a configuration",
            bytes(conf_tree::CONF_LEN_MAX),
            "it is not read, and said to be missing",
        ),
        row(
            "files of a configuration that one glob finds",
            number(conf_tree::GLOB_FILES_MAX),
            "the rest is not read",
        ),
        row(
            "directives of a configuration, with all includes",
            number(config::DIRECTIVES_MAX),
            "the rest is left out, and said",
        ),
        row(
            "files of a configuration within files",
            number(config::INCLUDES_MAX),
            "what lies deeper is left out, and said",
        ),
        row(
            "blocks of a configuration within blocks",
            number(config::DEPTH_MAX),
            "what lies deeper is left out, and said",
        ),
        row(
            "bytes of a file of /proc or /sys",
            bytes(stored::PSEUDO_LEN_MAX),
            "reading stops there, exit status 1",
        ),
    ]
}

/// The limits as `--help` shows them.
pub fn help() -> String {
    let lines = rows()
        .into_iter()
        .map(|[what, value, past]| format!("  {what}: {value}; past it {past}\n").replace('`', ""));
    format!(
        "Limits, and what happens past them:\n{}",
        lines.collect::<String>()
    )
}

fn bytes(n: u64) -> String {
    match n {
        _ if n >= 1 << 30 => format!("{} GiB", n >> 30),
        _ if n >= 1 << 20 => format!("{} MiB", n >> 20),
        _ => format!("{} KiB", n >> 10),
    }
}

/// `524,288`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_readable() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!((grouped(7), grouped(1000)), ("7".into(), "1,000".into()));
        assert_eq!(bytes(1 << 20), "1 MiB");
        assert_eq!(bytes(64 << 30), "64 GiB");
        assert!(help().contains("2001 to 2099"));
    }
}
