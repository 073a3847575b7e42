//! The rooms of the program and the arrows between them, as `src/lib.rs` draws them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Each room and those it may name.
const ROOMS: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("error", &[]),
    ("text", &[]),
    ("words", &[]),
    ("glob", &[]),
    ("lines", &[]),
    ("progress", &[]),
    ("zone", &["event"]),
    ("input", &["error", "glob", "lines"]),
    ("parse", &["event", "lines"]),
    ("config", &["glob"]),
    ("classify", &["event", "lines", "parse"]),
    ("redact", &["classify", "event", "parse", "text"]),
    ("aggregate", &["event", "lines"]),
    (
        "scan",
        &["aggregate", "classify", "event", "lines", "parse"],
    ),
    ("filter", &["event", "glob", "parse", "scan"]),
    (
        "engine",
        &[
            "aggregate",
            "classify",
            "error",
            "event",
            "filter",
            "input",
            "lines",
            "parse",
            "progress",
            "scan",
        ],
    ),
    (
        "diagnose",
        &[
            "aggregate",
            "classify",
            "config",
            "engine",
            "error",
            "event",
            "explain",
            "input",
            "text",
            "words",
            "zone",
        ],
    ),
    (
        "evidence",
        &[
            "aggregate",
            "classify",
            "engine",
            "event",
            "export",
            "lines",
            "parse",
            "redact",
            "scan",
            "text",
        ],
    ),
    ("explain", &["classify", "event", "parse", "redact", "text"]),
    (
        "export",
        &[
            "aggregate",
            "classify",
            "config",
            "diagnose",
            "engine",
            "error",
            "event",
            "parse",
            "redact",
            "scan",
            "zone",
        ],
    ),
    (
        "report",
        &[
            "aggregate",
            "classify",
            "config",
            "diagnose",
            "engine",
            "event",
            "explain",
            "export",
            "input",
            "redact",
            "text",
            "words",
        ],
    ),
    (
        "cli",
        &[
            "aggregate",
            "classify",
            "config",
            "diagnose",
            "engine",
            "error",
            "event",
            "evidence",
            "explain",
            "export",
            "filter",
            "glob",
            "input",
            "parse",
            "progress",
            "redact",
            "report",
            "scan",
            "text",
            "zone",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Files of the outputs that make text of bytes themselves, each with how often: none of a log's. All else is a `Shown`, which only a
/// `Redactor` makes, so that nothing can forget `--redact`.
const OWN_TEXTS: &[(&str, usize)] = &[
    ("cli/commands.rs", 2),     // what was typed
    ("cli/compare.rs", 1),      // a path
    ("cli/evidence.rs", 3),     // paths
    ("cli/message.rs", 1),      // every message, once more
    ("cli/nginx_config.rs", 1), // a path
    ("cli/plan.rs", 1),         // a path
    ("cli/tables.rs", 1),       // a path
    ("evidence/id.rs", 5),      // names of sources
    ("export/csv.rs", 1),       // its test
    ("report/html/say.rs", 1),  // every text, once more
];

#[test]
fn outputs_show_log_text_through_the_redactor_alone() {
    let mut found = BTreeMap::new();
    for room in ["cli", "evidence", "explain", "export", "report"] {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
        count_own_texts(&root.join(room), root, &mut found);
    }
    let want = OWN_TEXTS.iter().map(|&(file, n)| (file.to_owned(), n));
    assert_eq!(
        found,
        want.collect(),
        "log text is shown by `redact::Redactor`; other text may be named in OWN_TEXTS"
    );
}

fn count_own_texts(directory: &Path, root: &Path, found: &mut BTreeMap<String, usize>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            count_own_texts(&path, root, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let calls = [
            "text::for_lines(",
            "text::for_table(",
            "text::for_terminal(",
            "text::path_for_terminal(",
        ];
        let n = calls.iter().map(|call| text.matches(call).count()).sum();
        if n > 0 {
            let name = path.strip_prefix(root).expect("below it");
            found.insert(name.to_string_lossy().into_owned(), n);
        }
    }
}

#[test]
fn rooms_name_only_their_neighbours() {
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    visit(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        Path::new(""),
        &mut named,
    );
    let mut wrong = Vec::new();
    for (room, rooms) in &named {
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| name == room) else {
            wrong.push(format!("room `{room}` is not in the table"));
            continue;
        };
        for other in rooms
            .iter()
            .filter(|other| *other != room && !allowed.contains(&other.as_str()))
        {
            wrong.push(format!("`{room}` names `{other}`"));
        }
        for unused in allowed.iter().filter(|other| !rooms.contains(**other)) {
            wrong.push(format!("`{room}` may name `{unused}` but does not"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Notes which rooms the files below `directory` name.
fn visit(directory: &Path, inside: &Path, named: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in fs::read_dir(directory).expect("listed") {
        let path = entry.expect("there").path();
        let name = inside.join(path.file_name().expect("named"));
        if path.is_dir() {
            visit(&path, &name, named);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let room = name
                .components()
                .next()
                .expect("not empty")
                .as_os_str()
                .to_string_lossy()
                .replace(".rs", "");
            let code = fs::read_to_string(&path).expect("readable");
            named.entry(room).or_default().extend(rooms_in(&code));
        }
    }
}

/// The first segments behind `crate::` or `coroner::`, also in groups: `use crate::{a::B, c};`.
fn rooms_in(code: &str) -> BTreeSet<String> {
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    let mut rooms = BTreeSet::new();
    for at in code
        .match_indices("crate::")
        .chain(code.match_indices("coroner::"))
        .map(|(at, found)| at + found.len())
    {
        let rest = &code[at..];
        if let Some(group) = rest.strip_prefix('{') {
            rooms.extend(heads_of_group(group));
        } else {
            rooms.insert(word(rest));
        }
    }
    rooms
}

/// The words at depth one of `a::B, c::{d, e}}`.
fn heads_of_group(group: &str) -> Vec<String> {
    let (mut heads, mut depth, mut at_start) = (Vec::new(), 1, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => at_start = true,
            _ if c.is_whitespace() => {}
            _ if at_start => {
                heads.push(word(&group[at..]));
                at_start = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}
