//! Names to small numbers, and back.

use super::limits::{POOLED_UPSTREAM, UPSTREAM_LEN_MAX};
use crate::lines::near::equal;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// A number for a name, within one [`Interner`].
pub type NameId = u32;

/// Names in one arena, each once. Ids 0 and 1 are taken: no name, and names past a limit.
#[derive(Clone, Debug)]
pub struct Interner {
    hasher: FixedState,
    ids: HashTable<NameId>,
    /// End of each name in `arena`, and its hash.
    names: Vec<(u32, u64)>,
    arena: Vec<u8>,
    /// Names asked for lately: an upstream alternates with few others.
    lately: [NameId; N_LATELY],
}

/// Slots for names asked for lately; a power of two.
const N_LATELY: usize = 64;

impl Interner {
    /// No name was written.
    pub const NONE: NameId = 0;
    /// The pool of names past a limit.
    pub const POOLED: NameId = 1;

    pub fn new() -> Interner {
        let mut interner = Interner {
            hasher: FixedState::default(),
            ids: HashTable::new(),
            names: Vec::new(),
            arena: Vec::new(),
            lately: [Interner::NONE; N_LATELY],
        };
        interner.push(b"", 0);
        interner.push(POOLED_UPSTREAM.as_bytes(), 0);
        interner
    }

    /// The id of `name`, which is new or known; of its first [`UPSTREAM_LEN_MAX`] bytes if it is longer.
    #[inline(always)] // asked once per record
    pub fn intern(&mut self, name: &[u8]) -> NameId {
        let slot = slot(name);
        let id = self.lately[slot];
        if equal(name, self.name(id)) {
            return id;
        }
        let id = self.look_up(&name[..name.len().min(UPSTREAM_LEN_MAX)]);
        self.lately[slot] = id;
        id
    }

    /// Like [`intern`](Self::intern), but names whose hash is not below `limit` are not kept: they are the pool.
    pub fn intern_below(&mut self, name: &[u8], limit: u64) -> NameId {
        let name = &name[..name.len().min(UPSTREAM_LEN_MAX)];
        if !name.is_empty() && self.hasher.hash_one(name) >= limit {
            return Interner::POOLED;
        }
        self.look_up(name)
    }

    fn look_up(&mut self, name: &[u8]) -> NameId {
        if name.is_empty() {
            return Interner::NONE;
        }
        let hash = self.hasher.hash_one(name);
        let Interner {
            ids, names, arena, ..
        } = self;
        if let Some(&id) = ids.find(hash, |&id| name == slice(names, arena, id)) {
            return id;
        }
        let id = self.push(name, hash);
        let names = &self.names;
        self.ids.insert_unique(hash, id, |&id| names[id as usize].1);
        id
    }

    fn push(&mut self, name: &[u8], hash: u64) -> NameId {
        self.arena.extend_from_slice(name);
        let end = u32::try_from(self.arena.len()).expect("limits keep names below 4 GB");
        self.names.push((end, hash));
        (self.names.len() - 1) as NameId
    }

    #[inline]
    pub fn name(&self, id: NameId) -> &[u8] {
        slice(&self.names, &self.arena, id)
    }

    /// The hash of a name: the same in every interner of this build.
    pub fn hash(&self, id: NameId) -> u64 {
        self.names[id as usize].1
    }

    /// Names known, with the two that are always there.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.len() == 2
    }
}

impl Default for Interner {
    fn default() -> Interner {
        Interner::new()
    }
}

/// Slot of a name: by its last bytes, where neighbours differ.
#[inline]
fn slot(name: &[u8]) -> usize {
    let end = name
        .last_chunk()
        .map_or(name.len() as u64, |end| u64::from_le_bytes(*end));
    (end.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize
}

#[inline]
fn slice<'a>(names: &[(u32, u64)], arena: &'a [u8], id: NameId) -> &'a [u8] {
    let start = if id == 0 { 0 } else { names[id as usize - 1].0 };
    &arena[start as usize..names[id as usize].0 as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let mut interner = Interner::new();
        let a = interner.intern(b"10.0.0.1:80");
        let b = interner.intern(b"10.0.0.2:80");
        assert_ne!(a, b);
        assert_eq!(interner.intern(b"10.0.0.1:80"), a);
        assert_eq!(interner.name(b), b"10.0.0.2:80");
        assert_eq!(interner.intern(b""), Interner::NONE);
        assert_eq!(interner.name(Interner::POOLED), POOLED_UPSTREAM.as_bytes());
        // Bytes are compared, never hashes alone, and invalid UTF-8 stays apart.
        assert_ne!(interner.intern(b"a\xff"), interner.intern(b"a\xfe"));
    }
}
