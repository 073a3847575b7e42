//! Holds a stream beside its elders as it is read, byte for byte.

use super::{
    HEAD_LEN,
    content::{OpenArchives, Source, fill},
};
use crate::aggregate::SourceKey;
use std::io::{Chain, Cursor, Read};

/// The elder streams that another is compared with: of those that it has all its first bytes in common with so far, any may be
/// the one that goes on as it does. At least one.
pub(in crate::engine) struct Twin {
    /// The elder that had most in common in what was compared last.
    pub(in crate::engine) elder: SourceKey,
    /// The stream goes on behind what is common, and so does that elder, or it is damaged there.
    pub(in crate::engine) is_apart: bool,
    elders: Vec<OpenElder>,
    room: Vec<u8>,
}

/// Elders that a stream is compared with at a time: each is read once more for it. Of more, those in the middle of the order are
/// passed over, since of copies of one growing log the longest is the first or the last.
pub const ELDERS_MAX: usize = 8;

pub(super) struct OpenElder {
    key: SourceKey,
    /// Its first bytes, which were read to find it, and the rest.
    reader: Chain<Cursor<Vec<u8>>, Source>,
    /// It is over, and was read without damage.
    has_ended: bool,
}

impl Twin {
    pub(super) fn of(elders: Vec<OpenElder>) -> Option<Twin> {
        Some(Twin {
            elder: elders.first()?.key,
            is_apart: false,
            elders,
            room: Vec::new(),
        })
    }

    /// Leaves the archives that it read from open.
    pub(in crate::engine) fn give_back(self, archives: &mut OpenArchives) {
        give_back_all(self.elders.into_iter(), archives);
    }

    /// How many of `bytes`, the next of the stream, any elder goes on with; whoever does not go on with all of them is none any
    /// more.
    pub(in crate::engine) fn common(&mut self, bytes: &[u8], archives: &mut OpenArchives) -> usize {
        let (mut best, mut goes_on) = (Best::default(), Vec::new());
        for mut elder in self.elders.drain(..) {
            if best.note(&mut elder, bytes, &mut self.room) == bytes.len() {
                goes_on.push(elder);
            } else {
                elder.give_back(archives);
            }
        }
        self.elders = goes_on;
        self.follow(&best, bytes)
    }

    /// The same of `bytes` that are all there is: the first elder that holds all of them will do.
    pub(in crate::engine) fn common_of_all(&mut self, bytes: &[u8]) -> usize {
        let mut best = Best::default();
        for mut elder in self.elders.drain(..) {
            if best.note(&mut elder, bytes, &mut self.room) == bytes.len() {
                break;
            }
        }
        self.follow(&best, bytes)
    }

    fn follow(&mut self, best: &Best, bytes: &[u8]) -> usize {
        self.elder = best.key.unwrap_or(self.elder);
        self.is_apart = best.len < bytes.len() && !best.has_ended;
        best.len
    }
}

/// The first of those elders that have most in common with a part of a stream.
#[derive(Default)]
struct Best {
    key: Option<SourceKey>,
    len: usize,
    has_ended: bool,
}

impl Best {
    /// How much of `bytes` the elder goes on with.
    fn note(&mut self, elder: &mut OpenElder, bytes: &[u8], room: &mut Vec<u8>) -> usize {
        let len = elder.common(bytes, room);
        if self.key.is_none() || len > self.len {
            *self = Best {
                key: Some(elder.key),
                len,
                has_ended: elder.has_ended,
            };
        }
        len
    }
}

impl OpenElder {
    /// `bytes` were read of `source`.
    pub(super) fn new(key: SourceKey, bytes: Vec<u8>, source: Source) -> OpenElder {
        OpenElder {
            key,
            reader: Cursor::new(bytes).chain(source),
            has_ended: false,
        }
    }

    pub(super) fn give_back(self, archives: &mut OpenArchives) {
        archives.give_back(self.reader.into_inner().1);
    }

    fn common(&mut self, bytes: &[u8], room: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let wanted = (bytes.len() - at).min(HEAD_LEN);
            room.resize(wanted, 0);
            let len = fill(&mut self.reader, room);
            let part = &bytes[at..at + len];
            if let Some(apart) = part.iter().zip(&*room).position(|(a, b)| a != b) {
                return at + apart;
            }
            at += len;
            if len < wanted {
                self.has_ended = !self.reader.get_ref().1.is_damaged();
                return at;
            }
        }
        at
    }
}

pub(super) fn give_back_all(elders: impl Iterator<Item = OpenElder>, archives: &mut OpenArchives) {
    for elder in elders {
        elder.give_back(archives);
    }
}
