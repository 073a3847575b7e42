//! The numbers on the page are those of the tables: every count, time and quantile that a table or a chart of the page shows is looked
//! up in what `coroner export` writes of the same logs. What the page rounds is rounded the same way before it is compared.

use crate::{
    page::{element, parsed},
    support::{Rows, root, run, status, stderr, stdout},
};
use coroner::report::words::{grouped, milliseconds};
use markup5ever_rcdom::{Handle, NodeData};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

/// A table of the page, as its cells read.
struct Table {
    section: String,
    caption: String,
    head: Vec<String>,
    /// With the head of the group of rows they stand in, if it has one.
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    fn column(&self, name: &str) -> usize {
        let is_it = |head: &String| head == name;
        let found = self.head.iter().position(is_it);
        found.unwrap_or_else(|| panic!("no {name} in {:?}", self.head))
    }

    fn get<'a>(&self, row: &'a [String], name: &str) -> &'a str {
        &row[self.column(name)]
    }
}

/// A mark of a chart that tells its numbers.
struct Mark {
    section: String,
    /// Title of the chart.
    chart: String,
    /// The row of a heat map.
    row: Option<String>,
    step_s: i64,
    from_s: i64,
    text: String,
}

#[derive(Default)]
struct Page {
    tables: Vec<Table>,
    marks: Vec<Mark>,
    /// Headings, paragraphs and items, by section.
    lines: Vec<(String, String)>,
}

fn text_of(node: &Handle) -> String {
    fn add(node: &Handle, out: &mut String) {
        if element(node).as_deref() == Some("svg") {
            return;
        }
        if let NodeData::Text { contents } = &node.data {
            out.push_str(&contents.borrow());
        }
        let children = node.children.borrow();
        children.iter().for_each(|child| add(child, out));
    }
    let mut out = String::new();
    add(node, &mut out);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text of the first child called `name`; titles in SVG hold nothing else.
fn child(node: &Handle, name: &str) -> Option<String> {
    let children = node.children.borrow();
    let found = children
        .iter()
        .find(|child| element(child).as_deref() == Some(name))?;
    Some(text_of(found))
}

fn attribute(node: &Handle, name: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else {
        return None;
    };
    let attrs = attrs.borrow();
    let found = attrs.iter().find(|attr| &*attr.name.local == name)?;
    Some(found.value.to_string())
}

fn each(node: &Handle, visit: &mut impl FnMut(&Handle)) {
    visit(node);
    let children = node.children.borrow();
    children.iter().for_each(|child| each(child, visit));
}

fn rows_of(group: &Handle, section: &str, table: &mut Table) {
    let mut group_head = String::new();
    each(group, &mut |row| {
        if element(row).as_deref() != Some("tr") {
            return;
        }
        let mut cells = Vec::new();
        let mut is_head = false;
        for cell in row.children.borrow().iter() {
            if matches!(element(cell).as_deref(), Some("td" | "th")) {
                is_head |= attribute(cell, "scope").as_deref() == Some("rowgroup");
                cells.push(text_of(cell));
            }
        }
        if is_head {
            group_head = cells.concat();
        } else {
            table.rows.push((group_head.clone(), cells));
        }
    });
    table.section = section.to_owned();
}

fn table(node: &Handle, section: &str) -> Table {
    let mut table = Table {
        section: section.to_owned(),
        caption: child(node, "caption").unwrap_or_default(),
        head: Vec::new(),
        rows: Vec::new(),
    };
    for part in node.children.borrow().iter() {
        match element(part).as_deref() {
            Some("thead") => each(part, &mut |cell| {
                if element(cell).as_deref() == Some("th") {
                    table.head.push(text_of(cell));
                }
            }),
            Some("tbody" | "tfoot") => rows_of(part, section, &mut table),
            _ => {}
        }
    }
    table
}

fn marks(svg: &Handle, section: &str, page: &mut Page) {
    let chart = child(svg, "title").unwrap_or_default();
    let Some(step) = attribute(svg, "data-step") else {
        return;
    };
    let step_s = step.parse().expect("seconds");
    let mut row = None;
    each(svg, &mut |node| {
        if attribute(node, "class").is_some_and(|class| class.starts_with("row")) {
            row = child(node, "title");
        }
        if let Some(from) = attribute(node, "data-from") {
            page.marks.push(Mark {
                section: section.to_owned(),
                chart: chart.clone(),
                row: row.clone(),
                step_s,
                from_s: from.parse().expect("seconds"),
                text: child(node, "title").expect("it tells its numbers"),
            });
        }
    });
}

fn read(html: &str) -> Page {
    fn walk(node: &Handle, section: &str, page: &mut Page) {
        match element(node).as_deref() {
            Some("table") => return page.tables.push(table(node, section)),
            Some("svg") => return marks(node, section, page),
            Some("h1" | "h3" | "p" | "li") => {
                page.lines.push((section.to_owned(), text_of(node)));
            }
            _ => {}
        }
        let own = match element(node).as_deref() {
            Some("section") => attribute(node, "id"),
            _ => None,
        };
        let section = own.as_deref().unwrap_or(section);
        for child in node.children.borrow().iter() {
            walk(child, section, page);
        }
    }
    let mut page = Page::default();
    walk(&parsed(html).document, "", &mut page);
    page
}

/// What is compared: the page, and the tables of the same logs.
struct Case {
    name: String,
    page: Page,
    basis: String,
    failures: Rows,
    traffic: Rows,
    events: Rows,
    requests: Rows,
    incidents: Rows,
    findings: Rows,
    sources: Rows,
    /// Of the access logs.
    durations: Vec<Duration>,
    /// Numbers that were looked up.
    n_compared: usize,
}

/// `1,234` as a number; nothing is 0.
fn number(text: &str) -> u64 {
    match text {
        "" => 0,
        text => text
            .replace(',', "")
            .parse()
            .unwrap_or_else(|_| panic!("not a count: {text:?}")),
    }
}

/// `2026-11-20 14:39:20Z` as the tables write it.
fn instant(text: &str) -> String {
    match text {
        "-" => String::new(),
        text => text.replace(' ', "T"),
    }
}

/// Seconds from 1970 of a time in RFC 3339 and UTC.
fn seconds(text: &str) -> i64 {
    let time = chrono::DateTime::parse_from_rfc3339(text);
    time.unwrap_or_else(|_| panic!("not a time: {text:?}"))
        .timestamp()
}

/// What the page calls an upstream that is not named.
fn unnamed(name: &str) -> &str {
    match name {
        "(none named)" | "(no upstream)" => "",
        name => name,
    }
}

impl Case {
    fn new(directory: &Path, logs: &[&str], bucket: Option<&str>) -> Case {
        let out = tempfile::tempdir().expect("a directory");
        let form = |name: &str| {
            let path = out.path().join(name);
            let bucket = bucket.map_or(vec![], |bucket| vec!["--bucket", bucket]);
            let to = ["report", "-q", "-o", path.to_str().expect("UTF-8")];
            let arguments = [&to[..], &bucket, logs].concat();
            let output = run(directory, &arguments);
            assert!(status(&output) <= 1, "{logs:?}: {}", stderr(&output));
            fs::read_to_string(&path).expect("written")
        };
        let json: serde_json::Value = serde_json::from_str(&form("x.json")).expect("JSON");
        let bucket = json["bucket"].as_str().expect("a text").to_owned();
        let export = |table: &str, more: &[&str]| {
            let arguments = ["export", "-q", "--table", table, "--bucket", &bucket];
            let output = run(directory, &[&arguments[..], more, logs].concat());
            assert!(status(&output) <= 1, "{logs:?}: {}", stderr(&output));
            Rows::parse(&stdout(&output))
        };
        Case {
            name: format!("{} {logs:?} {bucket}", directory.display()),
            page: read(&form("x.html")),
            basis: json["basis"].as_str().expect("a text").to_owned(),
            failures: export("failures", &[]),
            traffic: export("traffic", &[]),
            events: export("events", &[]),
            requests: export("requests", &["--all-requests"]),
            incidents: export("incidents", &[]),
            findings: export("findings", &[]),
            sources: export("sources", &[]),
            durations: logs
                .iter()
                .filter(|log| log.starts_with("access"))
                .flat_map(|log| {
                    durations_of(&fs::read_to_string(directory.join(log)).expect("there"))
                })
                .collect(),
            n_compared: 0,
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, shown: T, told: T) {
        self.n_compared += 1;
        assert_eq!(
            shown, told,
            "{}: {what}: the page against the table",
            self.name
        );
    }

    /// Failures of the report's kind of log that `keep` keeps.
    fn n_failed(&self, keep: impl Fn(&dyn Fn(&str) -> String) -> bool) -> u64 {
        self.n_events(|of| of("severity") == "failure" && keep(of))
    }

    fn n_events(&self, keep: impl Fn(&dyn Fn(&str) -> String) -> bool) -> u64 {
        let rows = &self.failures;
        (0..rows.len())
            .filter(|&row| rows.get(row, "basis") == self.basis)
            .filter(|&row| keep(&|column: &str| rows.get(row, column).to_owned()))
            .map(|row| number(rows.get(row, "n_events")))
            .sum()
    }

    fn tables(&self, section: &str) -> Vec<usize> {
        let all = self.page.tables.iter().enumerate();
        let own = all.filter(|(_, table)| table.section == section);
        own.map(|(index, _)| index).collect()
    }

    /// Each row of each table of a section whose caption begins so, as a function from heads to cells.
    fn rows(&self, section: &str, caption: &str) -> Vec<BTreeMap<String, String>> {
        let tables = self.tables(section).into_iter();
        let tables = tables.map(|index| &self.page.tables[index]);
        tables
            .filter(|table| table.caption.starts_with(caption))
            .flat_map(|table| {
                table.rows.iter().map(|(group, row)| {
                    let mut cells: BTreeMap<String, String> = table
                        .head
                        .iter()
                        .map(|head| (head.clone(), table.get(row, head).to_owned()))
                        .collect();
                    cells.insert("group".to_owned(), group.clone());
                    cells
                })
            })
            .collect()
    }
}

fn is_within(time: &str, from_s: i64, step_s: i64) -> bool {
    !time.is_empty() && (from_s..from_s + step_s).contains(&seconds(time))
}

fn totals(case: &mut Case) {
    let n = case.n_failed(|_| true);
    let headline = match n {
        0 => "No gateway failure".to_owned(),
        1 => "1 gateway failure".to_owned(),
        n => format!("{} gateway failures", grouped(n)),
    };
    let h1 = case
        .page
        .lines
        .iter()
        .find(|(_, text)| text.contains("gateway failure"));
    let h1 = h1.expect("a headline").1.clone();
    case.same("headline", h1, headline);
    for section in ["failures", "others"] {
        for row in case.rows(section, "") {
            let Some(category) = row.get("Category") else {
                continue;
            };
            let (category, severity) = category.split_once(' ').unwrap_or((category, "failure"));
            let n = case.n_events(|of| of("category") == category && of("severity") == severity);
            case.same(category, number(&row["Events"]), n);
            let rows = &case.failures;
            let own = || {
                (0..rows.len()).filter(|&at| {
                    rows.get(at, "basis") == case.basis
                        && rows.get(at, "category") == category
                        && rows.get(at, "severity") == severity
                })
            };
            let first = own().map(|at| rows.get(at, "first_seen").to_owned()).min();
            let last = own().map(|at| rows.get(at, "last_seen").to_owned()).max();
            let clients: BTreeSet<&str> = (0..case.events.len())
                .filter(|&at| case.events.get(at, "category") == category)
                .filter(|&at| case.events.get(at, "severity") == severity)
                .map(|at| case.events.get(at, "client"))
                .filter(|client| !client.is_empty())
                .collect();
            let n_clients = clients.len() as u64;
            case.same("first", Some(instant(&row["First (UTC)"])), first);
            case.same("last", Some(instant(&row["Last (UTC)"])), last);
            let shown = number(&row["Clients"]);
            // Past 192 it is an estimate, a few per cent off.
            if case.basis == "error-log" && n_clients <= 192 {
                case.same("clients", shown, n_clients);
            } else if case.basis == "error-log" {
                case.n_compared += 1;
                let off = shown.abs_diff(n_clients);
                assert!(
                    off * 100 <= n_clients * 7,
                    "{category}: {shown} clients, not {n_clients}"
                );
            }
        }
    }
}

fn upstreams(case: &mut Case) {
    for row in case.rows("upstreams", "Failures by upstream") {
        let upstream = unnamed(&row["Upstream"]).to_owned();
        let n = case.n_failed(|of| of("upstream") == upstream);
        case.same(&upstream, number(&row["Failures"]), n);
        for kind in row["Categories"].split(", ") {
            let (n, category) = kind.split_once(' ').expect("a count and a category");
            let told = case.n_failed(|of| of("upstream") == upstream && of("category") == category);
            case.same(category, number(n), told);
        }
    }
    for row in case.rows("worst", "") {
        let from = instant(&row["From (UTC)"]);
        let n = case.n_failed(|of| of("bucket") == from);
        case.same(&from, number(&row["Failures"]), n);
        let (kind, upstream) = row["Mostly"]
            .split_once(" at ")
            .unwrap_or((&row["Mostly"], ""));
        let (n, category) = kind.split_once(' ').expect("a count and a category");
        let is_it = |of: &dyn Fn(&str) -> String| {
            of("bucket") == from && of("category") == category && of("upstream") == upstream
        };
        let told = case.n_failed(is_it);
        case.same(&from, number(n), told);
    }
}

/// The bars of charts by category, and the same numbers as a table.
fn bars(case: &mut Case) {
    let marks = std::mem::take(&mut case.page.marks);
    let named: BTreeSet<String> = marks
        .iter()
        .filter(|mark| mark.section == "when")
        .flat_map(|mark| parts(&mark.text))
        .map(|(_, name)| name)
        .collect();
    let mut shown: BTreeMap<&str, u64> = BTreeMap::new();
    for mark in &marks {
        let is_then =
            |of: &dyn Fn(&str) -> String| is_within(&of("bucket"), mark.from_s, mark.step_s);
        match mark.section.as_str() {
            "when" | "upstreams" => {
                let is_there = |of: &dyn Fn(&str) -> String| {
                    mark.section == "when" || of("upstream") == unnamed(&mark.chart)
                };
                for (n, name) in parts(&mark.text) {
                    let told = case.n_failed(|of| {
                        let is_it = match name.as_str() {
                            "others" => !named.contains(&of("category")),
                            name => of("category") == name,
                        };
                        is_it && is_then(of) && is_there(of)
                    });
                    let told = match told {
                        0 => case.n_events(|of| {
                            of("severity") == "state" && of("category") == name && is_then(of)
                        }),
                        told => told,
                    };
                    case.same(&mark.text, n, told);
                    *shown.entry(&mark.section).or_default() += n;
                }
            }
            _ => {}
        }
    }
    let timed = |of: &dyn Fn(&str) -> String| !of("bucket").is_empty();
    let n_states = case.n_events(|of| of("severity") == "state" && timed(of));
    let n = case.n_failed(timed);
    if n > 0 {
        // Both drawings, the wide and the narrow.
        case.same("bars", shown["when"], 2 * (n + n_states));
    }
    for row in case.rows("when", "Failures per ") {
        let from = instant(&row["From (UTC)"]);
        let step_s = marks
            .iter()
            .filter(|mark| mark.section == "when")
            .map(|mark| mark.step_s)
            .min()
            .expect("a bar");
        let n = case.n_failed(|of| is_within(&of("bucket"), seconds(&from), step_s));
        case.same(&from, number(&row["All"]), n);
    }
    case.page.marks = marks;
}

/// `…: 12 refused, 3 timeout` as counts with what they count.
fn parts(text: &str) -> Vec<(u64, String)> {
    let (_, parts) = text.split_once(": ").expect("a time, then numbers");
    let part = |part: &str| {
        let (n, name) = part.split_once(' ').expect("a count and its name");
        (number(n), name.to_owned())
    };
    parts.split(", ").map(part).collect()
}

fn heat_map(case: &mut Case) {
    let marks = std::mem::take(&mut case.page.marks);
    let own: Vec<&Mark> = marks
        .iter()
        .filter(|mark| mark.section == "heat_map")
        .collect();
    let names: BTreeSet<&str> = own
        .iter()
        .filter_map(|mark| mark.row.as_deref().map(unnamed))
        .collect();
    let is_row = |row: &str, upstream: &str| match row.ends_with(" others") {
        true => !names.contains(upstream),
        false => unnamed(row) == upstream,
    };
    let mut n_shown = 0;
    for mark in &own {
        let row = mark.row.as_deref().expect("it stands in a row");
        let [(n, _)] = &parts(&mark.text)[..] else {
            panic!("one number: {}", mark.text);
        };
        let is_it = |of: &dyn Fn(&str) -> String| {
            is_row(row, &of("upstream")) && is_within(&of("bucket"), mark.from_s, mark.step_s)
        };
        let told = case.n_failed(is_it);
        case.same(&format!("{row} {}", mark.text), *n, told);
        n_shown += n;
    }
    let n = case.n_failed(|of| !of("bucket").is_empty());
    case.same("all cells", n_shown, 2 * n);
    let step_s = own.iter().map(|mark| mark.step_s).min().unwrap_or(1);
    for row in case.rows("heat_map", "Failures per ") {
        let from = &row["From (UTC)"];
        for (upstream, n) in row
            .iter()
            .filter(|(head, _)| *head != "From (UTC)" && *head != "group")
        {
            let told = case.n_failed(|of| {
                let is_then =
                    from == "All" || is_within(&of("bucket"), seconds(&instant(from)), step_s);
                is_then && is_row(upstream, &of("upstream"))
            });
            case.same(&format!("{from} {upstream}"), number(n), told);
        }
    }
    case.page.marks = marks;
}

fn traffic(case: &mut Case) {
    let sum = |case: &Case, column: &str, keep: &dyn Fn(&str, &str) -> bool| -> u64 {
        let rows = &case.traffic;
        (0..rows.len())
            .filter(|&row| keep(rows.get(row, "upstream"), rows.get(row, "bucket")))
            .map(|row| number(rows.get(row, column)))
            .sum()
    };
    for row in case.rows("traffic", "Requests by upstream") {
        let upstream = unnamed(&row["Upstream"]).to_owned();
        for (head, column) in [
            ("Requests", "n_requests"),
            ("Attempts", "n_attempts"),
            ("Failed", "n_failed_attempts"),
            ("Masked", "n_masked"),
            ("5xx", "n_5xx"),
        ] {
            let told = sum(case, column, &|name, _| name == upstream);
            case.same(&format!("{upstream} {column}"), number(&row[head]), told);
        }
        for (head, permille) in [("p50", 500), ("p99", 990)] {
            // Of requests that met none, charts show how long they took, and the table nothing.
            if upstream.is_empty() {
                continue;
            }
            let told = quantile(&case.durations(&upstream, |_| true), permille);
            near(case, &format!("{upstream} {head}"), &row[head], told);
        }
    }
    let marks = std::mem::take(&mut case.page.marks);
    for mark in marks.iter().filter(|mark| mark.section == "traffic") {
        let is_then = |bucket: &str| is_within(bucket, mark.from_s, mark.step_s);
        if !mark.text.contains(" tried, ") {
            for (n, name) in parts(&mark.text) {
                let n_5xx = sum(case, "n_5xx", &|_, bucket| is_then(bucket));
                let told = match name.as_str() {
                    "5xx" => n_5xx,
                    _ => sum(case, "n_requests", &|_, bucket| is_then(bucket)) - n_5xx,
                };
                case.same(&mark.text, n, told);
            }
            continue;
        }
        let upstream = unnamed(&mark.chart);
        let (_, told) = mark.text.split_once(": ").expect("a time, then numbers");
        let (counts, quantiles) = told.split_once("; ").unwrap_or((told, ""));
        let counts: Vec<&str> = counts.split(", ").collect();
        let quantiles: Vec<&str> = quantiles.split(", ").collect();
        let columns = match upstream {
            "" => ["n_requests", "n_5xx"],
            _ => ["n_attempts", "n_failed_attempts"],
        };
        for (text, column) in counts.iter().zip(columns) {
            let n = text.split(' ').next().expect("a count");
            let told = sum(case, column, &|name, bucket| {
                name == upstream && is_then(bucket)
            });
            case.same(&format!("{upstream} {}", mark.text), number(n), told);
        }
        let (own, of) = bucket_of(case, upstream, mark);
        for (permille, name) in [(500, "p50"), (900, "p90"), (990, "p99")] {
            let head = format!("{name} ");
            let shown = quantiles.iter().find_map(|text| text.strip_prefix(&head));
            let shown = shown.unwrap_or_default().to_owned();
            // A column that is one bucket: the very number of the table.
            if let Some(row) = own {
                let text = case.traffic.get(row, &format!("{of}_ms_{name}"));
                let told = text
                    .parse()
                    .ok()
                    .map_or_else(String::new, |ms| milliseconds(Some(ms)));
                case.same(
                    &format!("{upstream} {} {name}", mark.text),
                    shown.clone(),
                    told,
                );
            }
            let ends_s = mark.from_s + mark.step_s;
            let durations = case.durations(upstream, |at_s| (mark.from_s..ends_s).contains(&at_s));
            let told = quantile(&durations, permille);
            near(
                case,
                &format!("{upstream} {} {name}", mark.text),
                &shown,
                told,
            );
        }
    }
    case.page.marks = marks;
}

/// The row of `traffic` that a column of a chart is, if it is one only; and which times it shows.
fn bucket_of(case: &Case, upstream: &str, mark: &Mark) -> (Option<usize>, &'static str) {
    let rows = &case.traffic;
    let own: Vec<usize> = (0..rows.len())
        .filter(|&row| rows.get(row, "upstream") == upstream)
        .filter(|&row| is_within(rows.get(row, "bucket"), mark.from_s, mark.step_s))
        .collect();
    let of = if upstream.is_empty() {
        "request"
    } else {
        "response"
    };
    (if own.len() == 1 { Some(own[0]) } else { None }, of)
}

/// A duration that a line of an access log tells.
struct Duration {
    at_s: i64,
    /// Empty: of a request that met no upstream, or none that is named.
    upstream: String,
    ms: u64,
}

/// What lines in the format of the samples tell, without any histogram.
fn durations_of(log: &str) -> Vec<Duration> {
    let mut all = Vec::new();
    for line in log.lines() {
        let after = |name: &str| line.split_once(name).expect("a field of the samples").1;
        let quoted = |name: &str| after(name).split('"').next().expect("the first of some");
        let word = |name: &str| after(name).split(' ').next().expect("the first of some");
        let time = chrono::NaiveDateTime::parse_from_str(word(" ["), "%d/%b/%Y:%H:%M:%S");
        let at_s = time.expect("a time").and_utc().timestamp();
        let mut add = |upstream: &str, text: &str| {
            all.extend(text.parse::<f64>().ok().map(|s| Duration {
                at_s,
                upstream: upstream.to_owned(),
                ms: (s * 1e3).round() as u64,
            }));
        };
        match quoted(" ua=\"") {
            "" | "-" => add("", word(" rt=")),
            names => {
                let times = quoted(" urt=\"").split(", ");
                names
                    .split(", ")
                    .zip(times)
                    .for_each(|(name, text)| add(name, text));
            }
        }
    }
    all
}

impl Case {
    /// Those of `upstream` that `keep` keeps, sorted.
    fn durations(&self, upstream: &str, keep: impl Fn(i64) -> bool) -> Vec<u64> {
        let own = self.durations.iter().filter(|one| one.upstream == upstream);
        let mut all: Vec<u64> = own.filter(|one| keep(one.at_s)).map(|one| one.ms).collect();
        all.sort_unstable();
        all
    }
}

/// The smallest that so many of 1,000 do not exceed.
fn quantile(sorted: &[u64], permille: usize) -> Option<u64> {
    let rank = (sorted.len() * permille).div_ceil(1_000).max(1) - 1;
    sorted.get(rank).copied()
}

/// A quantile of a histogram is at most 1 % off, and exact below 128 ms; then it is rounded to three digits.
fn near(case: &mut Case, what: &str, shown: &str, told: Option<u64>) {
    let Some(told) = told else {
        return case.same(what, shown, "");
    };
    if told < 128 {
        return case.same(what, shown, &milliseconds(Some(told as u32)));
    }
    let shown = match shown.split_once(' ') {
        Some((n, "ms")) => n.parse().expect("a number"),
        Some((n, "s")) => n.parse::<f64>().expect("a number") * 1e3,
        _ => panic!("{what}: {shown:?} for {told} ms"),
    };
    case.n_compared += 1;
    let off = (shown - told as f64).abs() / told as f64;
    assert!(
        off <= 0.0151,
        "{}: {what}: {shown} ms for {told} ms",
        case.name
    );
}

fn lists(case: &mut Case) {
    for row in case.rows("sources", "Sources") {
        let at = (0..case.sources.len())
            .find(|&at| row["Source"].starts_with(case.sources.get(at, "source")));
        let at = at.expect("it is a source");
        for (head, column) in [
            ("Bytes", "size_bytes"),
            ("Lines", "n_lines"),
            ("Records", "n_records"),
            ("Events", "n_events"),
            ("Unparsed", "n_unparsed"),
        ] {
            let told = number(case.sources.get(at, column));
            case.same(column, number(&row[head]), told);
        }
    }
    for row in case.rows("messages", "") {
        let rows = &case.events;
        let told = (0..rows.len()).filter(|&at| rows.get(at, "signature") == row["Signature"]);
        let told = told.count() as u64;
        case.same(&row["Signature"], number(&row["Events"]), told);
    }
    let is_failed = |case: &Case, at: usize| {
        let status = number(case.requests.get(at, "status"));
        status == 499 || status >= 500
    };
    for row in case.rows("clients", "") {
        let own =
            (0..case.requests.len()).filter(|&at| case.requests.get(at, "client") == row["Client"]);
        let told = own.filter(|&at| is_failed(case, at)).count() as u64;
        case.same(&row["Client"], number(&row["Failed requests"]), told);
    }
    for section in ["routes", "slowest"] {
        for row in case.rows(section, "") {
            let route = &row["Route"];
            let own: Vec<usize> = (0..case.requests.len())
                .filter(|&at| is_of_route(case.requests.get(at, "uri"), route))
                .collect();
            case.same(route, number(&row["Requests"]), own.len() as u64);
            let n_failed = own.iter().filter(|&&at| is_failed(case, at)).count() as u64;
            case.same(route, number(&row["Failed"]), n_failed);
            let mut durations: Vec<u64> = own
                .iter()
                .filter_map(|&at| case.requests.get(at, "request_ms").parse().ok())
                .collect();
            durations.sort_unstable();
            for (head, permille) in [("p50", 500), ("p99", 990)] {
                near(case, route, &row[head], quantile(&durations, permille));
            }
        }
    }
}

/// Whether a route, in which `*` stands for what varies, is that of `uri`.
fn is_of_route(uri: &str, route: &str) -> bool {
    let path = uri.split('?').next().expect("the first of one");
    let (uri, route): (Vec<&str>, Vec<&str>) =
        (path.split('/').collect(), route.split('/').collect());
    uri.len() == route.len() && uri.iter().zip(&route).all(|(a, b)| a == b || *b == "*")
}

fn statements(case: &mut Case) {
    // Why requests failed, by status and category.
    let mut shown: BTreeMap<(String, String), [u64; 4]> = BTreeMap::new();
    for row in case.rows("causes", "") {
        let key = (row["Status"].clone(), row["Cause"].clone());
        let sums = shown.entry(key).or_default();
        for (sum, head) in sums.iter_mut().zip(["Requests", "Exact", "Strong", "Weak"]) {
            *sum += number(&row[head]);
        }
    }
    for ((status, category), sums) in shown
        .into_iter()
        .filter(|((status, _), _)| status != "masked")
    {
        let rows = &case.requests;
        let own: Vec<&str> = (0..rows.len())
            .filter(|&at| number(rows.get(at, "status")) == number(&status))
            .filter(|&at| rows.get(at, "category") == category)
            .map(|at| rows.get(at, "confidence"))
            .collect();
        let n = |name: &str| own.iter().filter(|one| **one == name).count() as u64;
        let told = [own.len() as u64, n("exact"), n("strong"), n("weak")];
        case.same(&format!("{status} {category}"), sums, told);
    }
    // Failed tries that a retry made good; those that no record explains are one row without an upstream.
    let masked = case.rows("causes", "").into_iter();
    let masked: Vec<(String, u64)> = masked
        .filter(|row| row["Status"] == "masked")
        .map(|row| (row["Upstream"].clone(), number(&row["Requests"])))
        .collect();
    let n_masked = |case: &Case, keep: &dyn Fn(&str) -> bool| -> u64 {
        let rows = &case.traffic;
        let own = (0..rows.len()).filter(|&at| keep(rows.get(at, "upstream")));
        own.map(|at| number(rows.get(at, "n_masked"))).sum()
    };
    let has_unexplained = masked.iter().any(|(name, _)| name.is_empty());
    for (upstream, _) in masked.iter().filter(|(name, _)| !name.is_empty()) {
        let own = masked.iter().filter(|(name, _)| name == upstream);
        let n: u64 = own.map(|(_, n)| n).sum();
        let told = n_masked(case, &|name| name == upstream);
        match has_unexplained {
            true => assert!(n <= told, "{}: {n} of {told} at {upstream}", case.name),
            false => case.same(&format!("masked at {upstream}"), n, told),
        }
    }
    // The list may be cut.
    if (1..10).contains(&masked.len()) {
        let n = masked.iter().map(|(_, n)| n).sum();
        let told = n_masked(case, &|_| true);
        case.same("masked", n, told);
    }
    let lines = std::mem::take(&mut case.page.lines);
    let of = |section: &str| {
        let own = lines.iter().filter(|(name, _)| name == section);
        own.map(|(_, text)| text.clone()).collect::<Vec<_>>()
    };
    let (findings, incidents) = (of("findings"), of("incidents"));
    for at in 0..case.findings.len() {
        let rows = &case.findings;
        let title = format!(
            "{}. {} {}, {}",
            rows.get(at, "rank"),
            rows.get(at, "title"),
            rows.get(at, "severity"),
            rows.get(at, "confidence")
        );
        let (is_shown, id) = (findings.contains(&title), rows.get(at, "id"));
        let has_id = findings.iter().any(|text| text.starts_with(id));
        // Those past `--top` are told by their number.
        if at < 10 {
            case.same(&title, (is_shown, has_id), (true, true));
        }
    }
    for at in 0..case.incidents.len().min(8) {
        let rows = &case.incidents;
        let get = |column: &str| rows.get(at, column).to_owned();
        let time = |column: &str| get(column).replace('T', " ");
        let (start, end) = (time("start"), time("end"));
        // The day is told once.
        let end = match start[..10] == end[..10] {
            true => &end[11..],
            false => &end,
        };
        let head = format!("{start} to {end} (");
        let about = format!("id {}", get("id"));
        let hurt = incidents
            .iter()
            .find(|text| text.contains(&about))
            .cloned()
            .unwrap_or_default();
        let counts = [
            (get("n_events"), "failure"),
            (get("n_requests"), "request"),
            (get("n_clients"), "client"),
        ];
        let is_headed = incidents.iter().any(|text| text.contains(&head));
        let peak = format!(" a minute, {}", time("peak"));
        case.same(&head, is_headed, true);
        case.same(&peak, hurt.contains(&peak), true);
        for (n, word) in counts {
            let text = format!("{} {word}", grouped(number(&n)));
            // Without an access log records are all there is to count, once.
            if hurt.contains(word) {
                case.same(&format!("{hurt}: {text}"), hurt.contains(&text), true);
            }
        }
    }
    case.page.lines = lines;
}

/// A table that is added to the page is compared, or named here.
fn every_table_is_known(case: &Case) {
    const COMPARED: &[&str] = &[
        "when",
        "causes",
        "failures",
        "heat_map",
        "upstreams",
        "worst",
        "traffic",
        "routes",
        "slowest",
        "clients",
        "others",
        "messages",
        "sources",
    ];
    // What is told in words, or is compared where it is made.
    const NOT: &[&str] = &[
        "checklist",
        "incidents",
        "health",
        "fingerprints",
        "unknown",
    ];
    for table in &case.page.tables {
        let section = table.section.as_str();
        let is_known = COMPARED.contains(&section) || NOT.contains(&section);
        assert!(
            is_known,
            "{}: nothing compares {:?}",
            case.name, table.caption
        );
    }
}

/// Compares all of a page, and says how many numbers that were.
fn compare(directory: &Path, logs: &[&str], bucket: Option<&str>) -> usize {
    let mut case = Case::new(directory, logs, bucket);
    totals(&mut case);
    upstreams(&mut case);
    bars(&mut case);
    heat_map(&mut case);
    traffic(&mut case);
    lists(&mut case);
    statements(&mut case);
    every_table_is_known(&case);
    case.n_compared
}

#[test]
fn numbers_of_samples() {
    for (sample, logs, bucket, n_min) in [
        ("php-fpm-down", &["error.log"][..], None, 200),
        (
            "mixed-bad-day",
            &["error.log", "access.log", "nginx.conf"],
            None,
            300,
        ),
        ("mixed-bad-day", &["access.log"], Some("1h"), 200),
        (
            "refused-after-deploy",
            &["error.log", "access.log", "nginx.conf"],
            None,
            300,
        ),
        ("refused-after-deploy", &["access.log"], Some("10s"), 100),
        (
            "slow-backend-504",
            &["error.log", "access.log", "nginx.conf"],
            None,
            300,
        ),
        ("no-live-upstreams", &["error.log"], None, 100),
    ] {
        let directory = root().join("samples").join(sample);
        let n = compare(&directory, logs, bucket);
        assert!(n >= n_min, "{sample}: only {n} numbers were compared");
    }
}

/// A log of many upstreams over a day: others in the heat map, columns of several buckets, times from 0 to minutes.
#[test]
fn numbers_of_a_generated_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut rng = crate::generate::Rng::new(23);
    let (mut access, mut error) = (String::new(), String::new());
    for n in 0..2_000 {
        let at = n * 40;
        let clock = format!("{:02}:{:02}:{:02}", at / 3_600 % 24, at / 60 % 60, at % 60);
        // The first are asked most.
        let upstream = format!("10.0.0.{}:80", 1 + rng.below(20).min(rng.below(20)));
        let client = format!("198.18.{}.{}", rng.below(4), rng.below(250));
        let ms = 1 << rng.below(17) | rng.below(100);
        let (status, own) = match rng.below(12) {
            0 => (502, 502),
            1 => (504, 504),
            2 => (200, 502),
            _ => (200, 200),
        };
        let upstreams = match own == status {
            true => (
                upstream.clone(),
                own.to_string(),
                format!("{}.{:03}", ms / 1_000, ms % 1_000),
            ),
            false => (
                format!("{upstream}, 10.0.0.1:80"),
                format!("{own}, {status}"),
                format!("0.001, {}.{:03}", ms / 1_000, ms % 1_000),
            ),
        };
        writeln!(
            access,
            "{client} - - [20/Nov/2026:{clock} +0000] \"GET /item HTTP/1.1\" {status} 10 \"-\" \"-\" rt={}.{:03} ua=\"{}\" us=\"{}\" uct=\"0.000\" uht=\"-\" urt=\"{}\"",
            ms / 1_000,
            ms % 1_000,
            upstreams.0,
            upstreams.1,
            upstreams.2
        )
        .expect("memory");
        if own != 200 {
            let what = match own {
                504 => {
                    "upstream timed out (110: Connection timed out) while reading response header from upstream"
                }
                _ => "connect() failed (111: Connection refused) while connecting to upstream",
            };
            writeln!(
                error,
                "2026/11/20 {clock} [error] 7#7: *{n} {what}, client: {client}, server: shop, request: \"GET /item HTTP/1.1\", upstream: \"http://{upstream}/item\", host: \"shop\""
            )
            .expect("memory");
        }
    }
    fs::write(directory.path().join("access.log"), access).expect("written");
    fs::write(directory.path().join("error.log"), error).expect("written");
    for logs in [
        &["error.log"][..],
        &["access.log"],
        &["error.log", "access.log"],
    ] {
        let n = compare(directory.path(), logs, None);
        assert!(n > 400, "{logs:?}: only {n} numbers were compared");
    }
    let n = compare(directory.path(), &["access.log"], Some("1h"));
    assert!(n > 400, "only {n} numbers were compared");
}
