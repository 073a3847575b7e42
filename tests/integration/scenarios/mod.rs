//! Everything that can fail on loopback, through a real nginx: what coroner makes of its logs is held against what clients saw and
//! fake upstreams did, never against nginx or coroner.
//!
//! [`table`] is the list of scenarios, and [`long`] holds those that take a minute; [`world`] what an nginx is told and asked; [`fakes`] and [`client`] stand at its two ends.
//! Each gateway has a clock of its own and writes the same requests in four formats, each of which is read alone with the error log.

mod client;
mod fakes;
mod long;
mod table;
mod world;

use crate::{
    real_nginx::{Gateway, ONE_RUN, TempDir, find_or_skip, note},
    support::{Rows, run, stderr, stdout},
};
use client::LEFT;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::PoisonError,
    thread,
};
use world::{Made, Odd, World};

/// One nginx to be driven.
struct Instance {
    name: &'static str,
    /// As `TZ` has it, and east of UTC in minutes.
    zone: (&'static str, i32),
    /// Of the error log.
    level: &'static str,
    n_workers: usize,
    n_connections: usize,
}

#[rustfmt::skip]
const INSTANCES: [Instance; 4] = [
    Instance { name: "new-york",  zone: ("EST5", -300),    level: "info",  n_workers: 3, n_connections: 1_024 },
    Instance { name: "kathmandu", zone: ("XXX-5:45", 345), level: "error", n_workers: 1, n_connections: 1_024 },
    Instance { name: "utc",       zone: ("UTC0", 0),       level: "warn",  n_workers: 2, n_connections: 1_024 },
    Instance { name: "exhausted", zone: ("UTC0", 0),       level: "error", n_workers: 1, n_connections: 12 },
];

/// How well coroner must do with the error log and one access log.
struct Bar {
    log: &'static str,
    /// Of what failed, so many per mille have the true cause and upstream.
    right_per_mille: usize,
    /// What cannot be told by what this format tells, and is not counted: locations, and categories.
    blind: &'static [&'static str],
    /// Upstreams that records lost are told by this format.
    has_upstreams: bool,
}

#[rustfmt::skip]
const BARS: [Bar; 5] = [
    // With the number of the connection.
    Bar { log: "numbered.log", right_per_mille: 990, blind: &[], has_upstreams: true },
    // Which of many equal requests failed of what is not told here but by the order of lines.
    Bar { log: "plain.log", right_per_mille: 990, blind: &["/crowd-alike"], has_upstreams: true },
    Bar { log: "buffered.log", right_per_mille: 990, blind: &["/crowd-alike"], has_upstreams: true },
    // Written when nginx opens its logs anew, and when it ends: a block of each worker after the other.
    Bar { log: "late.log", right_per_mille: 990, blind: &["/crowd-alike"], has_upstreams: true },
    // Nothing about upstreams.
    Bar { log: "bare.log", right_per_mille: 950, blind: &["/crowd", "upstream-5xx"], has_upstreams: false },
];

/// Set to a path that is not there, this variable says where the logs are kept, and how much was right.
const KEEP: &str = "CORONER_KEEP_SCENARIOS";

#[test]
fn every_failure_that_clients_saw_is_told_once_and_truly() {
    let Some(nginx) = find_or_skip() else { return };
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let files = TempDir::create();
    let odd = Odd::open(&nginx, &files.0.join("odd"));
    let complaints: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = INSTANCES
            .iter()
            .map(|instance| {
                let (nginx, odd, dir) = (&nginx, &odd, files.0.join(instance.name));
                scope.spawn(move || check(instance, nginx, dir, odd))
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    if let Some(keep) = env::var_os(KEEP) {
        fs::rename(&files.0, keep).expect("a place for the files");
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Requests of an instance that may meet something else than was planned for them. Of these it is only asked that they are told.
const OTHERWISE_MAX: usize = 4;

/// What is wrong about one instance.
fn check(instance: &Instance, nginx: &Path, dir: PathBuf, odd: &Odd) -> Vec<String> {
    let mut world = World::create(&dir);
    if instance.n_connections < 100 {
        table::exhausted(&mut world);
    } else {
        table::scenarios(&mut world, odd);
    }
    let config = |port| {
        world.config(
            port,
            instance.level,
            instance.n_workers,
            instance.n_connections,
        )
    };
    let mut gateway = Gateway::start(nginx, &dir, config, Some(instance.zone.0));
    let made = world.drive(gateway.port);
    gateway.stop();
    let mut complaints: Vec<String> = made
        .iter()
        .filter(|made| !made.has_happened())
        .map(|made| {
            format!(
                "{}: {:.60}: the client saw {} instead of {:?}",
                instance.name, made.uri, made.saw, made.status
            )
        })
        .collect();
    // A machine that stands still for a second makes timeouts of its own.
    if complaints.len() <= OTHERWISE_MAX {
        complaints.clear();
    }
    let has_quiet = made.iter().any(|made| !made.is_logged());
    if has_quiet && !tells_of_lines_that_are_missing(&dir) {
        complaints.push(format!(
            "{}: records under `access_log off` have no reason",
            instance.name
        ));
    }
    for bar in &BARS {
        let found = Found::read(&dir, bar.log);
        let said = found.compare(&made, &world, bar);
        complaints.extend(
            said.into_iter()
                .map(|said| format!("{} {}: {said}", instance.name, bar.log)),
        );
        let (hours, minutes) = (instance.zone.1.abs() / 60, instance.zone.1.abs() % 60);
        let sign = if instance.zone.1 < 0 { '-' } else { '+' };
        let want = match instance.zone.1 {
            0 => "UTC".to_owned(),
            _ => format!("{sign}{hours:02}:{minutes:02}"),
        };
        if found.zone.trim_start_matches('\'') != want {
            complaints.push(format!(
                "{} {}: zone {}",
                instance.name, bar.log, found.zone
            ));
        }
    }
    complaints
}

/// Whether the report says why there are records without a request.
fn tells_of_lines_that_are_missing(dir: &Path) -> bool {
    let logs = ["numbered.log", "error.log", "--nginx-config", "nginx.conf"];
    let report = stdout(&run(dir, &[&["report", "-q"], &logs[..]].concat()));
    let words: Vec<&str> = report.split_whitespace().collect();
    words
        .join(" ")
        .contains("a line that is missing (`access_log off`")
}

/// What coroner says of a request.
struct Told {
    status: String,
    category: String,
    confidence: String,
    upstream: String,
}

/// What coroner makes of the error log and one access log.
struct Found {
    by_tag: BTreeMap<u32, Vec<Told>>,
    zone: String,
}

impl Found {
    fn read(dir: &Path, log: &str) -> Found {
        let export = |table: &str| {
            let arguments = [
                "export",
                log,
                "error.log",
                "--nginx-config",
                "nginx.conf",
                "-q",
                "--table",
                table,
            ];
            let output = run(dir, &arguments);
            assert!(!output.stdout.is_empty(), "{log}: {}", stderr(&output));
            Rows::parse(&stdout(&output))
        };
        let (requests, events, sources) = (export("requests"), export("events"), export("sources"));
        let lines = fs::read(dir.join(log)).expect("nginx wrote it");
        let lines: Vec<&[u8]> = lines.split(|b| *b == b'\n').collect();
        let upstreams: BTreeMap<String, &str> = (0..events.len())
            .map(|row| {
                let get = |column| events.get(row, column);
                let place = format!("{}:{}@{}", get("source"), get("line"), get("offset"));
                (place, get("upstream"))
            })
            .collect();
        let mut by_tag: BTreeMap<u32, Vec<Told>> = BTreeMap::new();
        for row in 0..requests.len() {
            let get = |column| requests.get(row, column);
            let line: usize = get("line").parse().expect("a number");
            let line = String::from_utf8_lossy(lines[line - 1]);
            let (_, rest) = line.rsplit_once("tag-").expect("a tag");
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let by_record = upstreams
                .get(get("explained_by"))
                .filter(|upstream| !upstream.is_empty());
            let last = get("upstreams").rsplit(", ").next().unwrap_or_default();
            let told = Told {
                status: get("status").to_owned(),
                category: get("category").to_owned(),
                confidence: get("confidence").to_owned(),
                upstream: (*by_record.unwrap_or(&last)).trim_matches('\'').to_owned(),
            };
            by_tag
                .entry(digits.parse().expect("a tag"))
                .or_default()
                .push(told);
        }
        let is_error_log = |row: &usize| sources.get(*row, "source").ends_with("error.log");
        let row = (0..sources.len()).find(is_error_log).expect("it was read");
        Found {
            by_tag,
            zone: sources.get(row, "zone").to_owned(),
        }
    }

    fn compare(&self, made: &[Made], world: &World, bar: &Bar) -> Vec<String> {
        let (mut complaints, mut n_failed, mut n_right) = (Vec::new(), 0_usize, 0);
        let mut missed = Vec::new();
        for made in made {
            let (category, upstream) = made.truth(&world.fakes);
            let rows = self.by_tag.get(&made.tag).map_or(&[][..], Vec::as_slice);
            let is_failed = made.saw >= 500 || made.saw == LEFT;
            let describe = |said: &str| {
                let rows: Vec<String> = rows
                    .iter()
                    .map(|told| {
                        format!(
                            "{} {} at {:?} {}",
                            told.status, told.category, told.upstream, told.confidence
                        )
                    })
                    .collect();
                format!(
                    "{said}: #{} {:.40} {} {:?}: saw {}, truly {category} at {upstream:?}; told {}",
                    made.tag,
                    made.uri,
                    made.deed,
                    made.way,
                    made.saw,
                    rows.join(" | ")
                )
            };
            let n_told = usize::from(made.is_logged());
            if is_failed && rows.len() != n_told {
                complaints.push(describe("not once"));
            }
            if !made.is_logged() {
                continue;
            }
            let [told] = rows else { continue };
            if made.saw >= 500 && told.status != made.saw.to_string() {
                complaints.push(describe("another status"));
            }
            if !made.has_happened() {
                continue;
            }
            let is_lost = told.upstream.is_empty() && !bar.has_upstreams;
            let is_right = told.category == category
                && (upstream.is_empty() || told.upstream == upstream || is_lost);
            if matches!(told.confidence.as_str(), "exact" | "strong") && !is_right {
                complaints.push(describe("wrong"));
            }
            let is_blind = |of: &&str| made.uri.starts_with(of) || category == *of;
            let is_counted = !bar.blind.iter().any(is_blind);
            if is_failed && is_counted {
                n_failed += 1;
                n_right += usize::from(is_right);
                if !is_right {
                    missed.push(describe("missed"));
                }
            }
        }
        if env::var_os(KEEP).is_some() {
            note(&format!("{}: {n_right} of {n_failed} right", bar.log));
        }
        if n_right * 1_000 < n_failed * bar.right_per_mille {
            complaints.push(format!("{n_right} of {n_failed} are right"));
            complaints.append(&mut missed);
        }
        complaints
    }
}
