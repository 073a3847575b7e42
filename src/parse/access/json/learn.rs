//! Which key tells which field, by names and by values of the first lines.
//!
//! ```text
//! for each field: of the keys that are given for it, or whose name can mean it, those whose values agree
//!                 -> the one with the best name -> on a tie, the one that stands first
//! ```
//!
//! The status is chosen first, since it makes a line an access line: what other lines of the source have (a controller's
//! own messages beside the access log of an ingress) has no say in the rest. No field has two keys, no key two fields.

use super::{
    NEEDED,
    cursor::Value,
    keys::{self, Claim, Meaning},
    looks::{Look, is_exact_seconds, is_list, look},
    sample::{Line, Path, Sample},
};
use crate::parse::access::{Escape, Field, FieldSet};

/// Of a hundred values that say something, so many may be ones that the field cannot have: clients send garbage.
const BAD_PERCENT_MAX: usize = 10;

/// What one request can tell beside its status; a line with none of them is something else.
const OF_REQUESTS: [Field; 8] = [
    Field::Request,
    Field::Method,
    Field::Uri,
    Field::BytesSent,
    Field::RequestTime,
    Field::UpstreamAddr,
    Field::UpstreamResponseTime,
    Field::StreamProtocol,
];

/// What has been found out about a sample.
pub(super) struct Learned {
    /// Each field that is told, once, and the keys to its value.
    pub(super) paths: Vec<(Field, Path)>,
    /// Those of them that the lines have; the rest is given by the user, and may come.
    pub(super) seen: FieldSet,
    /// Keys that lines may have later, see [`later`].
    pub(super) later: Vec<(Field, Path)>,
    /// The line with the most keys.
    pub(super) model: Vec<u8>,
    pub(super) escape: Escape,
}

/// Which keys of the sample tell what; `None` if its lines are no access lines that are understood.
pub(super) fn learn(sample: &Sample<'_>, given: &[(Field, String)]) -> Option<Learned> {
    if sample.lines.len() < sample.n_broken {
        return None;
    }
    let mut choice = Choice::new(sample, given);
    let status = choice
        .choose(Field::Status)
        .or_else(|| choice.choose(Field::UpstreamStatus))?;
    choice.keep_lines_with(status);
    for field in Field::ALL {
        choice.choose(field);
    }
    let seen: FieldSet = choice.chosen.iter().map(|(field, _)| *field).collect();
    let is_access = OF_REQUESTS.iter().any(|field| seen.has(*field)) && choice.chosen.len() > 2;
    if !is_access {
        return None;
    }
    let path = |(field, path): &(Field, usize)| (*field, sample.paths[*path].clone());
    let mut paths: Vec<(Field, Path)> = choice.chosen.iter().map(path).collect();
    paths.extend(unseen(given, seen));
    let later = later(&choice, &paths, &sample.paths[status]);
    let model = choice
        .lines
        .iter()
        .max_by_key(|line| (line.values.len(), std::cmp::Reverse(line.text)));
    Some(Learned {
        paths,
        seen,
        later,
        model: model.map(|line| line.text.to_vec()).unwrap_or_default(),
        escape: escape(&choice.lines),
    })
}

/// Given keys that no line of the sample has, and no other key stands in for: a key of that name, and a path of that name.
fn unseen(given: &[(Field, String)], seen: FieldSet) -> Vec<(Field, Path)> {
    let mut paths = Vec::new();
    let mut told = seen;
    for (field, name) in given.iter().rev().filter(|(_, name)| !name.is_empty()) {
        if told.has(*field) {
            continue;
        }
        told = told.with(*field);
        paths.push((*field, vec![name.as_bytes().into()]));
        if name.contains('.') {
            paths.push((
                *field,
                name.split('.').map(|key| key.as_bytes().into()).collect(),
            ));
        }
    }
    paths
}

/// What is told of upstreams, as nginx calls it.
const OF_UPSTREAMS: [Field; 7] = [
    Field::UpstreamAddr,
    Field::UpstreamStatus,
    Field::UpstreamResponseTime,
    Field::UpstreamConnectTime,
    Field::UpstreamHeaderTime,
    Field::UpstreamResponseLength,
    Field::UpstreamBytesReceived,
];

/// nginx's own names beside the status, for what no key tells yet. nginx writes every key in every line, but pipelines leave out
/// those without a value: a sample of static files has no upstream, and the failure that is looked for comes later.
fn later(choice: &Choice<'_, '_>, told: &[(Field, Path)], status: &Path) -> Vec<(Field, Path)> {
    let mut n_values = choice.lines.iter().map(|line| line.values.len());
    let first = n_values.next();
    if n_values.all(|n| Some(n) == first) {
        return Vec::new();
    }
    let is_told = |field: &Field| told.iter().any(|(other, _)| other == field);
    let beside = |field: Field| {
        let mut path = status[..status.len() - 1].to_vec();
        path.push(field.name().as_bytes().into());
        (field, path)
    };
    let missing = OF_UPSTREAMS.into_iter().filter(|field| !is_told(field));
    missing.map(beside).collect()
}

/// A key that can tell a field.
struct Candidate {
    path: usize,
    /// `None`: the user says so.
    meaning: Option<Meaning>,
    field: Field,
}

/// The choice as far as it has come.
struct Choice<'s, 'a> {
    lines: Vec<&'s Line<'a>>,
    candidates: Vec<Candidate>,
    chosen: Vec<(Field, usize)>,
}

impl<'s, 'a> Choice<'s, 'a> {
    fn new(sample: &'s Sample<'a>, given: &[(Field, String)]) -> Choice<'s, 'a> {
        let is_vector = sample
            .paths
            .iter()
            .any(|keys| keys.join(&b'.') == keys::VECTOR);
        let mut candidates = Vec::new();
        for (path, keys) in sample.paths.iter().enumerate() {
            let whole = keys.join(&b'.');
            // Of two that are given for one field, the later is meant, as with other options.
            let is_given = |field: Field| {
                let of_field = given.iter().rev().find(|(given, _)| *given == field);
                of_field.is_some_and(|(_, name)| name.as_bytes() == whole)
            };
            candidates.extend(Field::ALL.into_iter().filter(|field| is_given(*field)).map(
                |field| Candidate {
                    path,
                    meaning: None,
                    field,
                },
            ));
            candidates.extend(keys::meanings(keys).into_iter().map(|meaning| Candidate {
                path,
                meaning: Some(meaning),
                field: match meaning.field {
                    Field::Host if is_vector && whole == b"host" => Field::Machine,
                    field => field,
                },
            }));
        }
        Choice {
            lines: sample.lines.iter().collect(),
            candidates,
            chosen: Vec::new(),
        }
    }

    /// Chooses the key of a field, if it has none yet; the path of it.
    fn choose(&mut self, field: Field) -> Option<usize> {
        if let Some((_, path)) = self.chosen.iter().find(|(chosen, _)| *chosen == field) {
            return Some(*path);
        }
        let is_given = |path: usize| {
            let mut of_path = self.candidates.iter().filter(|other| other.path == path);
            of_path.any(|other| other.meaning.is_none())
        };
        let is_free = |candidate: &&Candidate| {
            let is_used = self.chosen.iter().any(|(_, path)| *path == candidate.path);
            candidate.field == field
                && (candidate.meaning.is_none() || !(is_used || is_given(candidate.path)))
        };
        let best = self
            .candidates
            .iter()
            .filter(is_free)
            .filter(|candidate| self.agrees(candidate))
            .min_by_key(|candidate| {
                let rank = candidate.meaning.map(|meaning| meaning.rank);
                (
                    rank.is_some() && self.is_rare(candidate),
                    rank,
                    candidate.path,
                )
            })?;
        let path = best.path;
        self.chosen.push((field, path));
        Some(path)
    }

    /// Whether the values bear out what the name of a key claims.
    fn agrees(&self, candidate: &Candidate) -> bool {
        let Some(meaning) = candidate.meaning else {
            return true;
        };
        let (mut n_good, mut n_bad, mut n_lists, mut n_paths, mut n_lines) = (0, 0, 0, 0, 0);
        for value in self
            .lines
            .iter()
            .filter_map(|line| line.value(candidate.path))
        {
            n_lines += 1;
            let plain = value.plain();
            let text = plain.unwrap_or_default();
            n_lists += usize::from(matches!(text, b"" | b"-") || is_list(text));
            n_paths += usize::from(text.starts_with(b"/"));
            match look(candidate.field, text) {
                Look::Bad => n_bad += 1,
                Look::Good if meaning.claim != Claim::Duration => n_good += 1,
                Look::Good if is_list(text) || is_exact_seconds(text) => n_good += 1,
                Look::Good => n_bad += 1,
                Look::Open => {}
            }
        }
        let is_tolerable = n_bad * 100 <= BAD_PERCENT_MAX * (n_good + n_bad);
        n_lines > 0
            && match meaning.claim {
                // Clients send garbage, but no more paths than requests.
                Claim::Own if candidate.field == Field::Request => n_paths <= n_good,
                // A name of a group, or a mask over addresses, contradicts nothing.
                Claim::Own if is_free_text(candidate.field) => true,
                Claim::Own => is_tolerable,
                Claim::Common | Claim::Duration => is_tolerable && n_good > 0,
                Claim::Attempts => is_tolerable && n_lists > 0,
            }
    }

    /// Whether most lines lack the key, though all access lines have such a one.
    fn is_rare(&self, candidate: &Candidate) -> bool {
        let lines = self.lines.iter();
        let n_lines = lines
            .filter(|line| line.value(candidate.path).is_some())
            .count();
        NEEDED.has(candidate.field) && n_lines * 2 < self.lines.len()
    }

    /// Drops the lines without the key.
    fn keep_lines_with(&mut self, path: usize) {
        let has_value = |line: &&Line<'_>| line.value(path).and_then(Value::plain).is_some();
        self.lines.retain(has_value);
    }
}

/// Whether nginx writes into a field what it got from others, so that any text may stand there.
fn is_free_text(field: Field) -> bool {
    matches!(
        field,
        Field::Client
            | Field::Host
            | Field::Server
            | Field::UpstreamAddr
            | Field::Group
            | Field::RequestId
            | Field::Machine
    )
}

/// Which `escape=` the lines were written with: the escapes tell, else how a missing value is written.
fn escape(lines: &[&Line<'_>]) -> Escape {
    let texts = || {
        let values = lines.iter().flat_map(|line| &line.values);
        values.filter_map(|(_, value)| match value {
            Value::Text(raw) => Some(*raw),
            _ => None,
        })
    };
    let (mut n_hex, mut n_json) = (0usize, 0usize);
    for raw in texts() {
        let mut rest = raw;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            match rest.get(at + 1) {
                Some(b'x') => n_hex += 1,
                _ => n_json += 1,
            }
            rest = rest.get(at + 2..).unwrap_or_default();
        }
    }
    let has_raw_control = || texts().any(|raw| raw.iter().any(|b| *b < 0x20));
    let has_dash = || texts().any(|raw| raw == b"-");
    match n_hex.cmp(&n_json) {
        _ if has_raw_control() => Escape::None,
        std::cmp::Ordering::Greater => Escape::Default,
        std::cmp::Ordering::Less => Escape::Json,
        std::cmp::Ordering::Equal if n_hex > 0 => Escape::Json,
        std::cmp::Ordering::Equal if has_dash() => Escape::Default,
        std::cmp::Ordering::Equal => Escape::Json,
    }
}
