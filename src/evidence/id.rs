//! The names under which reports and tables point at lines.
//!
//! ```text
//! error.log:2043@318765              source:line@offset, as every `evidence` column writes it
//! logs.tar.gz!var/log/error.log:7@0  a member of an archive
//! error.log:2043   error.log@318765  one of the two
//! 20261120-1438-d654                 an incident
//! ```
//! All else may be the id of a finding.

use crate::text;

/// What is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    Place(PlaceId),
    /// An incident, or whatever else has an id of its own.
    Named(String),
}

/// A place in a source: at least one of line and offset is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceId {
    /// Its name as a table or a report writes it.
    pub source: String,
    /// From 1.
    pub line: Option<u64>,
    /// In the decoded stream.
    pub offset: Option<u64>,
}

impl Id {
    pub fn parse(text: &str) -> Id {
        let text = text.trim();
        let (rest, offset) = match split_number(text, '@') {
            Some((rest, offset)) => (rest, Some(offset)),
            None => (text, None),
        };
        let (source, line) = match split_number(rest, ':') {
            Some((source, line)) => (source, Some(line)),
            None => (rest, None),
        };
        if source.is_empty() || (line.is_none() && offset.is_none()) {
            return Id::Named(text.to_owned());
        }
        Id::Place(PlaceId {
            source: source.to_owned(),
            line,
            offset,
        })
    }
}

/// What stands before the last `mark`, and the number behind it.
fn split_number(text: &str, mark: char) -> Option<(&str, u64)> {
    let (rest, number) = text.rsplit_once(mark)?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| number.parse().ok())
        .flatten()
        .map(|number| (rest, number))
}

impl PlaceId {
    /// Whether `source` names the stored stream `stored`, or a member of it.
    pub fn is_in(&self, stored: &[u8]) -> bool {
        let is_stream = |name: &str| {
            let rest = self.source.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('!'))
        };
        is_stream(&text::for_table(stored)) || is_stream(&text::for_terminal(stored))
    }

    /// The same place in `stored`, if the two paths end alike: logs are looked at from other directories than before.
    pub fn moved_to(&self, stored: &[u8]) -> Option<PlaceId> {
        let stored = text::for_table(stored).into_owned();
        let (path, member) = match self.source.find('!') {
            Some(at) => self.source.split_at(at),
            None => (&self.source[..], ""),
        };
        let is_end = |long: &str, short: &str| {
            let rest = long.strip_suffix(short);
            rest.is_some_and(|rest| !short.is_empty() && rest.ends_with('/'))
        };
        (is_end(path, &stored) || is_end(&stored, path)).then(|| PlaceId {
            source: format!("{stored}{member}"),
            ..self.clone()
        })
    }

    /// Whether a source is called so.
    pub fn names(&self, source: &[u8]) -> bool {
        self.source == text::for_table(source) || self.source == text::for_terminal(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(source: &str, line: Option<u64>, offset: Option<u64>) -> Id {
        let source = source.to_owned();
        Id::Place(PlaceId {
            source,
            line,
            offset,
        })
    }

    #[test]
    fn ids_are_told_apart() {
        for (text, want) in [
            ("error.log:12@345", place("error.log", Some(12), Some(345))),
            ("a:1:2@3\n", place("a:1", Some(2), Some(3))),
            ("a@b.log:2@3", place("a@b.log", Some(2), Some(3))),
            (
                "x.tar!web1/error.log:7@0",
                place("x.tar!web1/error.log", Some(7), Some(0)),
            ),
            ("error.log:12", place("error.log", Some(12), None)),
            ("error.log@345", place("error.log", None, Some(345))),
            (
                "20261120-1438-d654",
                Id::Named("20261120-1438-d654".to_owned()),
            ),
            ("F-refused-1", Id::Named("F-refused-1".to_owned())),
            ("error.log:x@3x", Id::Named("error.log:x@3x".to_owned())),
            (":12@5", Id::Named(":12@5".to_owned())),
            (
                "error.log:99999999999999999999@1",
                place("error.log:99999999999999999999", None, Some(1)),
            ),
        ] {
            assert_eq!(Id::parse(text), want, "{text}");
        }
    }

    #[test]
    fn sources_are_found_by_path_and_from_elsewhere() {
        let Id::Place(id) = Id::parse("logs/x.tar!error.log:1@2") else {
            panic!("a place");
        };
        assert!(id.is_in(b"logs/x.tar") && !id.is_in(b"logs/x") && !id.is_in(b"x.tar"));
        let moved = id.moved_to(b"x.tar").expect("its path ends so");
        assert_eq!(moved.source, "x.tar!error.log");
        let moved = id.moved_to(b"/srv/logs/x.tar").expect("its path ends so");
        assert_eq!(moved.source, "/srv/logs/x.tar!error.log");
        assert_eq!(id.moved_to(b"my-x.tar"), None);
        assert!(moved.names(b"/srv/logs/x.tar!error.log"));
    }
}
