//! The forms of a report carry the same content: what the JSON says, the Markdown says; both say what the tables say; and the JSON is
//! as `docs/report.schema.json` describes it, which is made from the comments of the model.

use crate::support::{Rows, root, run, status, stdout};
use coroner::report::{model::Section, words::grouped};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, path::PathBuf};

fn samples() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("samples")).expect("there");
    let mut samples: Vec<PathBuf> = entries.map(|entry| entry.expect("one").path()).collect();
    samples.retain(|path| path.is_dir());
    samples.sort();
    samples
}

/// The report of a sample in one form.
fn form(sample: &PathBuf, extension: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(format!("report.{extension}"));
    let path = path.to_str().expect("UTF-8");
    let logs = ["error.log", "access.log", "nginx.conf"];
    let logs = logs.iter().filter(|log| sample.join(log).exists());
    let arguments: Vec<&str> = ["report", "-q", "--top", "20", "-o", path]
        .into_iter()
        .chain(logs.copied())
        .collect();
    assert!(status(&run(sample, &arguments)) <= 1, "{sample:?}");
    fs::read_to_string(path).expect("written")
}

fn json(sample: &PathBuf) -> Value {
    serde_json::from_str(&form(sample, "json")).expect("JSON")
}

/// Fields that Markdown leaves to others: plots and what they are drawn from, and what another field says in other words.
const NOT_IN_MARKDOWN: &[&str] = &[
    "format_version",
    "plot",
    "columns",
    "series",
    "series_5xx",
    "zone_assumed",
    "begins_with_logs",
    "lasts_to_end",
    "is_sample",
    "rose",
    "seconds",
    "basis",
    "ending",
    "fail_timeout_assumed",
    "first_mover",
];

#[test]
fn what_the_json_says_the_markdown_says() {
    for sample in samples() {
        let bare = |text: &str| text.replace('\\', "").replace('`', "'");
        let markdown = bare(&form(&sample, "md"));
        let mut missing = Vec::new();
        each_leaf(&json(&sample), &mut Vec::new(), &mut |path, leaf| {
            if path
                .iter()
                .any(|name| NOT_IN_MARKDOWN.contains(&name.as_str()))
            {
                return;
            }
            let is_said = match leaf {
                Value::String(text) => markdown.contains(&bare(text)),
                Value::Number(number) => {
                    let is_ms = path
                        .iter()
                        .any(|name| name.split('_').any(|part| part == "ms"));
                    let float = || number.as_f64().map_or_else(String::new, |n| n.to_string());
                    let text = number.as_u64().map_or_else(float, grouped);
                    is_ms || markdown.contains(&text)
                }
                _ => true,
            };
            if !is_said {
                missing.push(format!("{} = {leaf}", path.join(".")));
            }
        });
        assert!(missing.is_empty(), "{sample:?}: {missing:#?}");
    }
}

/// No section, and no finding, incident, check or upstream in it, stands in one form alone.
#[test]
fn each_section_stands_in_every_form() {
    for sample in samples() {
        let json = json(&sample);
        let [page, markdown, text] = ["html", "md", "txt"].map(|form_of| form(&sample, form_of));
        let mut n_sections = 0;
        for section in Section::ALL {
            let is_there = match &json[section.name()] {
                Value::Array(lines) => !lines.is_empty(),
                Value::Object(_) => true,
                _ => false,
            };
            // The account of what was read is told always, and elsewhere by what was not.
            if section == Section::Sources {
                continue;
            }
            let title = section_title(&markdown, section);
            assert_eq!(
                title.is_some(),
                is_there,
                "{sample:?}: {section:?} in Markdown"
            );
            let anchor = format!("<section id=\"{}\"", section.name());
            assert_eq!(
                page.contains(&anchor),
                is_there,
                "{sample:?}: {section:?} in the page"
            );
            // Of one upstream the terminal draws no map.
            if let Some(title) = title.filter(|_| section != Section::HeatMap) {
                let is_told = text.lines().any(|line| line == title);
                assert!(is_told, "{sample:?}: {title:?} in the terminal's form");
                n_sections += 1;
            }
        }
        assert!(n_sections > 5, "{sample:?}: {n_sections}");
        for (list, field) in [
            ("findings", "id"),
            ("incidents", "id"),
            ("checklist", "check"),
        ] {
            for line in json[list].as_array().expect("a list") {
                let name = line[field].as_str().expect("a text");
                for (form, what) in [(&page, "page"), (&markdown, "Markdown"), (&text, "text")] {
                    let is_told = form.contains(name);
                    assert!(is_told, "{sample:?}: {list} {name} in the {what}");
                }
            }
        }
    }
}

/// The heading of a section in Markdown.
fn section_title(markdown: &str, section: Section) -> Option<&str> {
    let begins = match section {
        Section::Causes => "Why requests failed",
        Section::Findings => "What happened, and",
        Section::Checklist => "Checklist",
        Section::Incidents => "Incidents",
        Section::Failures => "Failures by category",
        Section::HeatMap => "Failures by upstream and time",
        Section::Upstreams => "Failures by upstream",
        Section::Health => "Peers out",
        Section::Fingerprints => "Durations",
        Section::Worst => "Worst",
        Section::Traffic => "Requests by upstream",
        Section::Routes => "Routes",
        Section::Slowest => "Slowest",
        Section::Clients => "Clients",
        Section::Others => "Other events",
        Section::Messages => "Most frequent",
        Section::Unknown => "Messages counted",
        Section::Sources => "Not read",
        Section::Notes => "Notes",
    };
    let mut titles = markdown.lines().filter_map(|line| line.strip_prefix("## "));
    titles.find(|title| {
        title.starts_with(begins) && (section != Section::Upstreams || *title == begins)
    })
}

fn each_leaf(value: &Value, path: &mut Vec<String>, visit: &mut impl FnMut(&[String], &Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_leaf(item, path, visit)),
        Value::Object(fields) => {
            for (name, field) in fields {
                path.push(name.clone());
                each_leaf(field, path, visit);
                path.pop();
            }
        }
        leaf => visit(path, leaf),
    }
}

/// Sums of a column over the rows that `keep` keeps, by the value of another column.
fn sums(rows: &Rows, by: &str, of: &str, keep: impl Fn(usize) -> bool) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for row in (0..rows.len()).filter(|&row| keep(row)) {
        let n: u64 = rows.get(row, of).parse().expect("a count");
        *sums.entry(rows.get(row, by).to_owned()).or_default() += n;
    }
    sums
}

/// The same numbers as a list of the report has them.
fn listed(report: &Value, list: &str, by: &str, of: &str) -> BTreeMap<String, u64> {
    let lines = report[list].as_array().expect("a list");
    let pair = |line: &Value| {
        let name = line[by].as_str().expect("a text").to_owned();
        (name, line[of].as_u64().expect("a count"))
    };
    lines.iter().map(pair).collect()
}

#[test]
fn what_the_tables_say_the_json_says() {
    for sample in samples() {
        let report = json(&sample);
        let table = |name: &str| {
            let logs = ["error.log", "access.log", "nginx.conf"];
            let logs = logs.iter().filter(|log| sample.join(log).exists());
            let arguments = ["export", "-q", "--table", name]
                .into_iter()
                .chain(logs.copied());
            Rows::parse(&stdout(&run(&sample, &arguments.collect::<Vec<_>>())))
        };
        let failures = table("failures");
        let basis = report["basis"].as_str().expect("a text");
        let is_failure = |row: usize| {
            failures.get(row, "basis") == basis && failures.get(row, "severity") == "failure"
        };
        let by_category = sums(&failures, "category", "n_events", is_failure);
        assert_eq!(
            listed(&report, "failures", "category", "n_events"),
            by_category,
            "{sample:?}"
        );
        assert_eq!(
            report["answer"]["n_failures"],
            by_category.values().sum::<u64>()
        );
        let by_upstream = sums(&failures, "upstream", "n_events", is_failure);
        assert_eq!(
            listed(&report, "upstreams", "upstream", "n_failures"),
            by_upstream,
            "{sample:?}"
        );
        let traffic = table("traffic");
        for column in [
            "n_requests",
            "n_attempts",
            "n_failed_attempts",
            "n_masked",
            "n_5xx",
        ] {
            let by_upstream = sums(&traffic, "upstream", column, |_| true);
            assert_eq!(
                listed(&report, "traffic", "upstream", column),
                by_upstream,
                "{column}"
            );
        }
        let incidents = table("incidents");
        let by_id = sums(&incidents, "id", "n_events", |_| true);
        assert_eq!(
            listed(&report, "incidents", "id", "n_failures"),
            by_id,
            "{sample:?}"
        );
        let sources = table("sources");
        for column in [
            "n_lines",
            "n_records",
            "n_events",
            "n_unparsed",
            "size_bytes",
        ] {
            let by_source = sums(&sources, "source", column, |_| true);
            assert_eq!(
                listed(&report, "sources", "source", column),
                by_source,
                "{column}"
            );
        }
    }
}

const SCHEMA: &str = "docs/report.schema.json";

/// The schema is written by this test: `CORONER_BLESS=1 cargo test --no-default-features forms`.
#[test]
fn the_schema_says_what_the_model_is() {
    let want = format!("{:#}\n", schema());
    let path = root().join(SCHEMA);
    if std::env::var_os("CORONER_BLESS").is_some() {
        fs::write(&path, &want).expect("written");
    }
    let got = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        got == want,
        "{SCHEMA} is not that of the model: CORONER_BLESS=1 writes it; if a field went or changed its meaning, FORMAT_VERSION grows"
    );
}

#[test]
fn reports_are_as_the_schema_says() {
    let schema = schema();
    for sample in samples() {
        let report = json(&sample);
        let mut errors = Vec::new();
        validate(&report, &schema, &schema, "report", &mut errors);
        assert!(errors.is_empty(), "{sample:?}: {errors:#?}");
    }
    let mut errors = Vec::new();
    validate(
        &json!({"format_version": "1", "x": 2}),
        &schema,
        &schema,
        "report",
        &mut errors,
    );
    assert!(errors.len() > 20, "{errors:?}");
}

/// JSON Schema of `Report`, from the structs of `src/report/model`: their fields, types and comments.
fn schema() -> Value {
    let mut definitions = Map::new();
    let model = fs::read_dir(root().join("src/report/model")).expect("there");
    for entry in model {
        let text = fs::read_to_string(entry.expect("one").path()).expect("UTF-8");
        structs(&text, &mut definitions);
    }
    let mut schema = definitions.remove("Report").expect("the model");
    let fields = schema.as_object_mut().expect("an object");
    fields.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    fields.insert(
        "title".to_owned(),
        json!("A report of coroner, as -o report.json writes it"),
    );
    fields.insert("$defs".to_owned(), Value::Object(definitions));
    schema
}

/// Adds what is serialised of the structs in `text`.
fn structs(text: &str, definitions: &mut Map<String, Value>) {
    let (mut doc, mut skips, mut is_serialised) = (String::new(), false, false);
    let mut open: Option<(String, String, Map<String, Value>)> = None;
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            doc = format!("{doc} {}", comment.trim()).trim().to_owned();
            continue;
        }
        match &mut open {
            Some(_) if line == "}" => {
                let (name, about, properties) = open.take().expect("it is open");
                let required: Vec<&String> = properties.keys().collect();
                let mut object = json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties});
                if !about.is_empty() {
                    object["description"] = json!(about);
                }
                definitions.insert(name, object);
            }
            Some((.., properties)) => match line
                .strip_prefix("pub ")
                .and_then(|field| field.split_once(": "))
            {
                Some((name, kind)) if !skips => {
                    let mut property = type_of(kind.trim_end_matches(','));
                    if !doc.is_empty() {
                        property["description"] = json!(doc);
                    }
                    properties.insert(name.to_owned(), property);
                }
                _ if line.contains("serde(skip)") => {
                    skips = true;
                    continue;
                }
                _ => {}
            },
            None if line.starts_with("#[derive(") => {
                is_serialised = line.contains("Serialize");
                continue;
            }
            None => {
                if let Some(name) = line.strip_prefix("pub struct ").filter(|_| is_serialised) {
                    let name = name.split([' ', '<']).next().expect("a name");
                    open = Some((name.to_owned(), doc.clone(), Map::new()));
                }
                is_serialised = false;
            }
        }
        doc.clear();
        skips = false;
    }
}

/// What a type of Rust is in JSON.
fn type_of(kind: &str) -> Value {
    let inner = |outer: &str| Some(kind.strip_prefix(outer)?.strip_suffix('>')?.to_owned());
    if let Some(inner) = inner("Option<") {
        let inner = type_of(&inner);
        return match inner.get("type").cloned() {
            Some(name) => {
                let mut nullable = inner;
                nullable["type"] = json!([name, "null"]);
                nullable
            }
            None => json!({"anyOf": [inner, {"type": "null"}]}),
        };
    }
    if let Some(inner) = inner("Vec<") {
        return json!({"type": "array", "items": type_of(&inner)});
    }
    match kind {
        "String" | "&'static str" => json!({"type": "string"}),
        "&'static [&'static str]" => json!({"type": "array", "items": {"type": "string"}}),
        "bool" => json!({"type": "boolean"}),
        "f64" => json!({"type": "number"}),
        "u64" | "u32" | "u16" | "usize" => json!({"type": "integer", "minimum": 0}),
        "i64" => json!({"type": "integer"}),
        name if name.chars().all(char::is_alphanumeric) => {
            json!({"$ref": format!("#/$defs/{name}")})
        }
        _ => panic!("what is `{kind}` in JSON?"),
    }
}

/// Notes where `value` is not as `schema` says; as much of JSON Schema as `schema` uses.
fn validate(value: &Value, schema: &Value, all: &Value, at: &str, errors: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.strip_prefix('#').expect("its own");
        let target = all.pointer(pointer).expect("every name is defined");
        return validate(value, target, all, at, errors);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |choice: &Value| {
            let mut errors = Vec::new();
            validate(value, choice, all, at, &mut errors);
            errors.is_empty()
        };
        if !choices.iter().any(fits) {
            errors.push(format!("{at}: none of anyOf"));
        }
        return;
    }
    let is_of = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    let types = &schema["type"];
    let names = types
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![types.clone()]);
    if !names.iter().filter_map(Value::as_str).any(is_of) {
        return errors.push(format!("{at}: not {types}"));
    }
    if schema["minimum"] == 0 && value.as_i64().is_some_and(|n| n < 0) {
        errors.push(format!("{at}: below 0"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        validate(
            item,
            &schema["items"],
            all,
            &format!("{at}[{index}]"),
            errors,
        );
    }
    let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object())
    else {
        return;
    };
    for name in properties.keys().filter(|name| !fields.contains_key(*name)) {
        errors.push(format!("{at}.{name}: missing"));
    }
    for (name, field) in fields {
        match properties.get(name) {
            Some(property) => validate(field, property, all, &format!("{at}.{name}"), errors),
            None => errors.push(format!("{at}.{name}: unknown")),
        }
    }
}
