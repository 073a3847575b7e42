//! Real lines with labels (`tests/data/corpus-lines.tsv`), every one of which must come out as labelled.
//!
//! The lines are as people published them: whole, wrapped by other programs, cut, with the head missing.

use coroner::{
    classify::{Classified, Classifier, Searcher, loose},
    event::LocalTime,
    parse::{Head, HeadParser},
};

struct Row {
    id: String,
    category: String,
    phase: String,
    upstream: String,
    level: String,
    timestamp: String,
    debatable: bool,
    line: Vec<u8>,
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/corpus-lines.tsv"
    ))
    .expect("bundled");
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.splitn(10, '\t').collect();
            Row {
                id: fields[0].into(),
                category: fields[3].into(),
                phase: fields[4].into(),
                upstream: fields[5].into(),
                level: fields[6].into(),
                timestamp: fields[7].into(),
                debatable: fields[8].contains("debatable"),
                line: fields[9]
                    .replace("\\t", "\t")
                    .replace("\\\\", "\\")
                    .into_bytes(),
            }
        })
        .collect()
}

/// Reads a line by itself, as `coroner explain` does.
pub(crate) fn read<'a>(
    classifier: &Classifier,
    searcher: &mut Searcher,
    line: &'a [u8],
) -> Option<(Head, Classified<'a>)> {
    let mut heads = HeadParser::default();
    let head = match heads.parse(line) {
        Ok(head) => head,
        Err(_) => {
            loose::find_wrapped(line, &mut heads)
                .or_else(|| loose::find_headless(line, classifier, searcher))?
                .head
        }
    };
    Some((
        head,
        classifier.classify(searcher, &head, &line[head.len..]),
    ))
}

/// Labels that the design or the message catalogue contradict, or that name no phase or category of the design.
const DISPUTED: &[(&str, &str)] = &[
    (
        "L087",
        "cut behind `connect() to `: the cause is not on the line",
    ),
    ("L089", "syslog time: the wrapper's, not the record's"),
    ("L104", "free text of a third-party module"),
    ("L124", "the catalogue: Lua messages are `other`"),
    (
        "L136",
        "the catalogue: the ingress placeholder is `no-live-upstreams`",
    ),
    ("L149", "the catalogue: `config`"),
    ("L158", "the catalogue: `lifecycle`"),
    ("L193", "machine-translated, with blanks inside words"),
    (
        "L244",
        "the line has ` while reading response header from upstream`",
    ),
    ("L305", "the catalogue: `permission`"),
    (
        "L322",
        "the catalogue: temporary files at crit are `permission`",
    ),
    ("L341", "text lost in the middle of the line"),
    ("L343", "a fragment without any head: `refused) while …`"),
    ("L365", "a kernel message: its time is not nginx's"),
    ("L369", "last line of a traceback, by itself"),
    ("L392", "the catalogue: `other`"),
    ("L404", "syslog time"),
    ("L411", "cut before its ` while …`: no phase can be read"),
    ("L421", "the catalogue: Lua messages are `other`"),
    ("L438", "the catalogue: files opened at start are `config`"),
    ("L471", "the catalogue: `timeout`"),
    (
        "L482",
        "` while reading PROXY protocol` is the client's phase",
    ),
    ("L515", "rewritten by hand: ` : `"),
    ("L518", "the catalogue: `config`"),
    ("L545", "the catalogue: errno 22 is `unreachable`"),
    ("L552", "the design has no phase `logging-request`"),
    ("L566", "syslog time"),
    ("L574", "the catalogue: `lifecycle`"),
    ("L599", "the catalogue: `lifecycle`"),
    ("L638", "the catalogue: `config`"),
    ("L660", "the design has no phase `proxying-connection`"),
    ("L662", "no errno, and words of a module"),
    ("L664", "a fragment without any head: `failed (113: …`"),
];

#[test]
fn every_line_comes_out_as_labelled() {
    let classifier = Classifier::default();
    let mut searcher = classifier.searcher();
    let mut wrong = Vec::new();
    let mut n_debatable = 0;
    for row in rows() {
        let unescaped = loose::unescape(&row.line);
        let line = unescaped.as_deref().unwrap_or(&row.line);
        let (category, phase, upstream, level, time) = match read(&classifier, &mut searcher, line)
        {
            None => ("other", "none", String::new(), String::new(), None),
            Some((head, known)) => (
                known.category.name(),
                known.phase.name(),
                String::from_utf8_lossy(known.upstream.unwrap_or_default()).into_owned(),
                head.level
                    .map_or(String::new(), |level| level.name().to_owned()),
                head.time,
            ),
        };
        let bare = |text: &str| {
            if text == "-" {
                String::new()
            } else {
                text.to_owned()
            }
        };
        let want_upstream = bare(&row.upstream);
        let want_upstream = want_upstream
            .split_once("://")
            .map_or(want_upstream.as_str(), |(_, rest)| rest);
        let mut differs = Vec::new();
        if category != row.category {
            differs.push(format!("category {category} for {}", row.category));
        }
        let want_phase = if row.phase == "-" { "none" } else { &row.phase };
        if phase != want_phase {
            differs.push(format!("phase {phase} for {want_phase}"));
        }
        if upstream != want_upstream {
            differs.push(format!("upstream {upstream:?} for {want_upstream:?}"));
        }
        if bare(&row.level) != level {
            differs.push(format!("level {level:?} for {:?}", row.level));
        }
        if bare(&row.timestamp).is_empty() != time.is_none_or(|LocalTime(t)| t == 0) {
            differs.push(format!("time {time:?} for {:?}", row.timestamp));
        }
        let disputed = DISPUTED.iter().any(|(id, _)| *id == row.id);
        assert!(
            !disputed || !differs.is_empty(),
            "{} is disputed no more",
            row.id
        );
        if !differs.is_empty() && !disputed {
            n_debatable += usize::from(row.debatable);
            wrong.push(format!(
                "{}{}: {}\n    {}",
                row.id,
                if row.debatable { "?" } else { "" },
                differs.join("; "),
                String::from_utf8_lossy(&row.line)
                    .chars()
                    .take(220)
                    .collect::<String>()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} lines ({n_debatable} debatable):\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
