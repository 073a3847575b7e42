//! The first lines of a source, taken apart: which keys they have, and what stands there.

use super::cursor::{Cursor, Next, Value};
use crate::parse::json::unescape;
use hashbrown::HashMap;

/// Lines that are looked at.
const LINES_MAX: usize = 500;

/// Keys that are looked at: formats have forty at most.
const PATHS_MAX: usize = 512;

/// Values of one line that are looked at.
const VALUES_MAX: usize = 1024;

/// Where a value stands: the keys to it, outermost first, without escapes.
pub(super) type Path = Vec<Box<[u8]>>;

/// A line that is a JSON object.
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    /// Values and where they stand (an index of [`Sample::paths`]), in the order of the line. Objects are none: what
    /// is in them is.
    pub(super) values: Vec<(usize, Value<'a>)>,
}

impl<'a> Line<'a> {
    /// The value at a path: the last one, as JSON readers take it. `None`: the line does not have the key.
    pub(super) fn value(&self, path: usize) -> Option<Value<'a>> {
        let mut values = self.values.iter().rev();
        values.find_map(|(at, value)| (*at == path).then_some(*value))
    }
}

/// What is known of the lines.
#[derive(Default)]
pub(super) struct Sample<'a> {
    pub(super) lines: Vec<Line<'a>>,
    pub(super) paths: Vec<Path>,
    /// Lines that begin with a brace and are no JSON.
    pub(super) n_broken: usize,
    ids: HashMap<Path, usize, foldhash::fast::FixedState>,
}

impl<'a> Sample<'a> {
    /// Looks at those of `lines` that begin with a brace: a source may hold others.
    pub(super) fn take(lines: impl Iterator<Item = &'a [u8]>) -> Sample<'a> {
        let mut sample = Sample::default();
        for text in lines.filter(|line| line.trim_ascii_start().starts_with(b"{")) {
            match sample.read(text) {
                Some(line) => sample.lines.push(line),
                None => sample.n_broken += 1,
            }
            if sample.lines.len() + sample.n_broken == LINES_MAX {
                break;
            }
        }
        sample
    }

    fn read(&mut self, text: &'a [u8]) -> Option<Line<'a>> {
        let mut cursor = Cursor::new(text)?;
        let mut values = Vec::new();
        self.read_object(&mut cursor, &mut Vec::new(), &mut values)?;
        cursor.is_finished().then_some(Line { text, values })
    }

    /// Reads to the brace that ends the innermost object; objects in it by recursion, which the cursor bounds.
    fn read_object(
        &mut self,
        cursor: &mut Cursor<'a>,
        path: &mut Path,
        values: &mut Vec<(usize, Value<'a>)>,
    ) -> Option<()> {
        while let Next::Member(key) = cursor.member()? {
            path.push(decoded(key));
            if cursor.is_at(b'{') {
                cursor.enter()?;
                self.read_object(cursor, path, values)?;
            } else {
                let value = cursor.value()?;
                if let Some(id) = self.id(path).filter(|_| values.len() < VALUES_MAX) {
                    values.push((id, value));
                }
            }
            path.pop();
            cursor.end_value()?;
        }
        Some(())
    }

    fn id(&mut self, path: &Path) -> Option<usize> {
        if let Some(id) = self.ids.get(path) {
            return Some(*id);
        }
        let id = self.paths.len();
        (id < PATHS_MAX).then(|| {
            self.paths.push(path.clone());
            self.ids.insert(path.clone(), id);
            id
        })
    }
}

/// A key without its escapes.
pub(super) fn decoded(key: &[u8]) -> Box<[u8]> {
    let mut name = Vec::with_capacity(key.len());
    unescape(key, &mut name);
    name.into()
}
