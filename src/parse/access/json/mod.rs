//! Access logs in JSON, whatever their keys are called and however deep they stand.
//!
//! A `log_format` can look like JSON (`'{"status":"$status",…}'`), and collectors write JSON of their own. What a key
//! means is [learned](JsonFormat::learn) once for a source, from its name ([`keys`]) and its values ([`looks`]); then each
//! line is [cut](JsonFormat::cut) in one pass ([`tree`], [`cursor`]), which also repairs what is no JSON because it was not
//! written with `escape=json`. What the values mean is not read here.
//!
//! Duplicate keys: the last one counts, as with most readers of JSON (RFC 8259, section 4, leaves it open), `serde_json` among them, which
//! with a repair before it is the reference this is tested against (`tests/integration/json_access_twin.rs`).

mod cursor;
mod keys;
mod learn;
mod looks;
mod sample;
mod tree;

pub use cursor::{DEPTH_MAX, Elements, elements};
pub use keys::field_named;

use super::{AccessLine, Escape, Field, FieldSet, Misfit};
use sample::Sample;
use std::fmt;
use tree::Tree;

/// Which keys of a source's lines tell what.
#[derive(Clone, Debug)]
pub struct JsonFormat {
    tree: Tree,
    tells: FieldSet,
    /// Of status and time those that lines must have.
    needs: FieldSet,
    escape: Escape,
    /// The key of each field, for people.
    keys: Vec<(Field, String)>,
}

/// Without them a line is none of an access log.
const NEEDED: FieldSet = FieldSet::NONE.with(Field::Status).with(Field::Time);

impl JsonFormat {
    /// Learns from the first lines of a source; those that do not begin with a brace are not looked at, 500 that do are
    /// enough. `given` says which key tells a field, whatever its name and its values are: a key, or the keys to it joined by
    /// dots; of two for one field the later counts. `None`: there is no JSON, or not that of an access log (a status and something of
    /// the request), or it is of [another gateway](foreign_gateway) and no status is given.
    ///
    /// Allocates: it is called once per source.
    pub fn learn<'a>(
        lines: impl Iterator<Item = &'a [u8]>,
        given: &[(Field, String)],
    ) -> Option<JsonFormat> {
        let sample = Sample::take(lines);
        let is_given = given.iter().any(|(field, _)| *field == Field::Status);
        if !is_given
            && sample
                .paths
                .iter()
                .any(|path| keys::foreign(path).is_some())
        {
            return None;
        }
        let learned = learn::learn(&sample, given)?;
        let tells: FieldSet = learned.paths.iter().map(|(field, _)| *field).collect();
        let key_of = |field: Field| {
            let (_, path) = learned.paths.iter().find(|(told, _)| *told == field)?;
            let key = String::from_utf8_lossy(&path.join(&b'.')).into_owned();
            Some((field, key))
        };
        Some(JsonFormat {
            tree: Tree::new(learned.paths.iter().chain(&learned.later), &learned.model),
            tells,
            needs: learned.seen.and(NEEDED),
            escape: learned.escape,
            keys: tells.iter().filter_map(key_of).collect(),
        })
    }

    /// The same format for readers who want no more than `wanted`: what else a line tells is passed over.
    pub fn only(&self, wanted: FieldSet) -> JsonFormat {
        JsonFormat {
            tree: self.tree.only(wanted),
            tells: self.tells.and(wanted),
            needs: self.needs.and(wanted),
            escape: self.escape,
            keys: self.keys.clone(),
        }
    }

    /// What lines tell; by a given key that the sample did not have, they may. Where lines leave out keys, some may tell more of
    /// upstreams by nginx's own names.
    pub fn tells(&self) -> FieldSet {
        self.tells
    }

    /// How texts are to be read back. A value has its own escapes, whatever the sample had: `\xHH` is none of JSON's.
    pub fn escape(&self) -> Escape {
        self.escape
    }

    /// Cuts `line`, which may have blanks around it, into `out`; all else that `out` held is gone.
    ///
    /// Values are slices as they stand: strings without quotes, escapes and all; numbers and lists without quotes as they are, bare `-`
    /// too; `null` and what is missing `None`. Of an array with one element it is that element, of a longer one what stands
    /// between the brackets, for [`elements`].
    ///
    /// [`Misfit::Json`] if the line is no JSON, cut off for one; [`Misfit::Value`] if it has no status or no time, or
    /// none that can be one, though lines of this format have it: it is another program's.
    #[inline]
    pub fn cut<'a>(&self, line: &'a [u8], out: &mut AccessLine<'a>) -> Result<(), Misfit> {
        *out = AccessLine::default();
        self.tree.read(line, out).ok_or(Misfit::Json)?;
        let is_missing = |field, is_one: fn(&[u8]) -> bool| {
            self.needs.has(field) && !out.get(field).is_some_and(is_one)
        };
        if is_missing(Field::Status, looks::is_status) {
            return Err(Misfit::Value(Field::Status));
        }
        if is_missing(Field::Time, looks::is_time) {
            return Err(Misfit::Value(Field::Time));
        }
        Ok(())
    }
}

impl fmt::Display for JsonFormat {
    /// `json(time=time_iso8601 status=response_status …)`: what is told, and by which key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("json(")?;
        let keys = self.keys.iter().filter(|(field, _)| self.tells.has(*field));
        for (n, (field, key)) in keys.enumerate() {
            let blank = if n == 0 { "" } else { " " };
            write!(f, "{blank}{}={}", field.name(), key.escape_debug())?;
        }
        f.write_str(")")
    }
}

/// The gateway other than nginx, or the plugin, whose JSON these lines are; [`JsonFormat::learn`] refuses it.
pub fn foreign_gateway<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<&'static str> {
    let sample = Sample::take(lines);
    sample.paths.iter().find_map(|path| keys::foreign(path))
}
