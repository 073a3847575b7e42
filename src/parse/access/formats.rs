//! The formats that the lines of one source are in, most often one.

use super::{
    cut::Cutter,
    field::{AccessLine, Escape, Field, FieldSet, Misfit},
    json::JsonFormat,
};
use crate::lines::{Quotes, Window};

/// Cuts lines of one source. A file may hold lines of several formats, where several servers write it.
#[derive(Clone, Debug)]
pub struct Formats {
    readers: Vec<Reader>,
}

/// Cuts lines of one format.
#[derive(Clone, Debug)]
pub struct Reader {
    /// What people know the format by.
    pub name: String,
    pub escape: Escape,
    /// What its lines tell.
    pub tells: FieldSet,
    pub how: How,
}

#[derive(Clone, Debug)]
pub enum How {
    Text(Cutter),
    Json(JsonFormat),
}

impl Reader {
    fn cut<'a>(&self, text: &'a [u8], fields: &mut AccessLine<'a>) -> Result<(), Misfit> {
        match &self.how {
            How::Text(cutter) => cutter.cut(text, fields),
            How::Json(format) => format.cut(text, fields),
        }
    }
}

impl Formats {
    /// Tries `readers` in their order, of which there is at least one.
    pub fn new(readers: Vec<Reader>) -> Formats {
        Formats { readers }
    }

    /// These, and then those of `other` that have other names.
    pub fn with(mut self, other: Formats) -> Formats {
        for reader in other.readers {
            if self.readers.iter().all(|known| known.name != reader.name) {
                self.readers.push(reader);
            }
        }
        self
    }

    /// Cuts `text` into `fields`, which may hold what another line of the source told. What does not fit any format does not fit the
    /// first, as far as the reason goes.
    #[inline]
    pub fn cut<'a>(&self, text: &'a [u8], fields: &mut AccessLine<'a>) -> Result<Escape, Misfit> {
        match self.readers.as_slice() {
            [only] => only.cut(text, fields).map(|()| only.escape),
            readers => cut_any(readers, text, fields),
        }
    }

    /// [`cut`](Self::cut) of the first `len` bytes of `window`, which end where a line does, and whose quotes are listed: quicker.
    #[inline(always)]
    pub fn cut_in<'a>(
        &self,
        window: Window<'a>,
        len: usize,
        quotes: &Quotes,
        fields: &mut AccessLine<'a>,
    ) -> Result<Escape, Misfit> {
        match self.readers.as_slice() {
            [
                Reader {
                    how: How::Text(cutter),
                    escape,
                    ..
                },
            ] => cutter.cut_in(window, len, quotes, fields).map(|()| *escape),
            _ => self.cut(window.slice(0, len), fields),
        }
    }

    /// All of its lines tell when a request ended, and how.
    pub fn tells_requests(&self) -> bool {
        let tells = |reader: &Reader| {
            let has = |field| reader.tells.has(field);
            has(Field::Time) && (has(Field::Status) || has(Field::UpstreamStatus))
        };
        self.readers.iter().all(tells)
    }

    /// As `sources.format` shows it.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self
            .readers
            .iter()
            .map(|reader| reader.name.as_str())
            .collect();
        names.join(" | ")
    }
}

fn cut_any<'a>(
    readers: &[Reader],
    text: &'a [u8],
    fields: &mut AccessLine<'a>,
) -> Result<Escape, Misfit> {
    let mut first = None;
    for reader in readers {
        *fields = AccessLine::default();
        match reader.cut(text, fields) {
            Ok(()) => return Ok(reader.escape),
            Err(misfit) => first = first.or(Some(misfit)),
        }
    }
    Err(first.unwrap_or(Misfit::Rest))
}
