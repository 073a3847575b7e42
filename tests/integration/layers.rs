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
    ("explain", &["classify", "event", "parse", "text"]),
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
            "scan",
            "text",
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
            "explain",
            "export",
            "filter",
            "glob",
            "input",
            "parse",
            "progress",
            "report",
            "scan",
            "text",
            "zone",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

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
