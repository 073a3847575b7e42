//! Which keys of a line are wanted, object by object, and in which order they stand.
//!
//! Lines of one format have the same keys in the same order, with the same blanks between them. So each object carries the
//! text from one value to the next as the sample had it, and a line that goes on with that text needs no search for
//! the end of a key and no look-up. Where it does not, keys are found by their names.

use super::{
    cursor::{Cursor, Next},
    sample::{Path, decoded},
};
use crate::parse::{
    access::{AccessLine, Field, FieldSet},
    json::unescape,
};
use memchr::memchr;

/// Keys of one object whose order is remembered.
const SLOTS_MAX: usize = 256;

/// Bytes of the longest key that can be written with escapes in a line and be found all the same.
const NAME_LEN_MAX: usize = 256;

/// What is done with the value of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Target {
    /// The field it tells.
    field: Option<Field>,
    /// The object with wanted keys that it can be, an index of [`Tree::objects`].
    object: Option<usize>,
}

/// A key that has been seen, or is wanted.
#[derive(Clone, Debug)]
struct Key {
    name: Box<[u8]>,
    target: Target,
    /// The slot behind its own, if it has one.
    next_slot: Option<usize>,
}

/// The text that led to a value in the sample: blanks, key, colon.
#[derive(Clone, Debug)]
struct Slot {
    text: Box<[u8]>,
    target: Target,
}

#[derive(Clone, Debug, Default)]
struct Object {
    /// By name.
    keys: Vec<Key>,
    slots: Vec<Slot>,
    /// Fields that its keys, and those of objects in it, tell.
    fields: FieldSet,
}

/// The wanted keys; the first object is the line.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    objects: Vec<Object>,
}

impl Tree {
    /// A tree that finds the fields at `paths`, in the order of the keys in `line`, which must be whole.
    pub(super) fn new<'p>(paths: impl Iterator<Item = &'p (Field, Path)>, line: &[u8]) -> Tree {
        let mut tree = Tree {
            objects: vec![Object::default()],
        };
        for (field, path) in paths {
            tree.want(*field, path);
        }
        if let Some(mut cursor) = Cursor::new(line) {
            let _ = tree.learn_order(0, &mut cursor, line);
        }
        tree
    }

    /// The same without the fields that are not in `wanted`.
    pub(super) fn only(&self, wanted: FieldSet) -> Tree {
        let mut tree = self.clone();
        let keep = |target: &mut Target| {
            target.field = target.field.filter(|field| wanted.has(*field));
            let has_wanted = |object: &usize| !self.objects[*object].fields.and(wanted).is_empty();
            target.object = target.object.filter(has_wanted);
        };
        for object in &mut tree.objects {
            object.fields = object.fields.and(wanted);
            object.keys.iter_mut().for_each(|key| keep(&mut key.target));
            object
                .slots
                .iter_mut()
                .for_each(|slot| keep(&mut slot.target));
        }
        tree
    }

    /// Fills `out` from the line; `None` if it is no JSON.
    #[inline]
    pub(super) fn read<'a>(&self, line: &'a [u8], out: &mut AccessLine<'a>) -> Option<()> {
        let mut cursor = Cursor::new(line)?;
        self.read_object(&self.objects[0], &mut cursor, out)?;
        cursor.is_finished().then_some(())
    }

    /// Reads to the brace that ends the innermost object. Recursion goes as deep as the wanted paths.
    fn read_object<'a>(
        &self,
        object: &Object,
        cursor: &mut Cursor<'a>,
        out: &mut AccessLine<'a>,
    ) -> Option<()> {
        let mut next_slot = 0;
        loop {
            let target = match object.slots.get(next_slot) {
                Some(slot) if cursor.pass(&slot.text) => {
                    next_slot += 1;
                    slot.target
                }
                _ => match cursor.member()? {
                    Next::End => return Some(()),
                    Next::Member(key) => match object.find(key) {
                        Some(key) => {
                            next_slot = key.next_slot.unwrap_or(next_slot);
                            key.target
                        }
                        None => Target::default(),
                    },
                },
            };
            match target.object {
                Some(inner) => self.read_inner(inner, target.field, cursor, out)?,
                None => {
                    let value = cursor.value()?;
                    if let Some(field) = target.field {
                        out.set(field, value.plain());
                    }
                }
            }
            cursor.end_value()?;
        }
    }

    /// Reads a value that may be an object with wanted keys. Of two such values, the second takes the place of the first.
    fn read_inner<'a>(
        &self,
        inner: usize,
        field: Option<Field>,
        cursor: &mut Cursor<'a>,
        out: &mut AccessLine<'a>,
    ) -> Option<()> {
        let inner = &self.objects[inner];
        for told in inner.fields.iter() {
            out.set(told, None);
        }
        cursor.skip_blanks();
        let value = if cursor.is_at(b'{') {
            cursor.enter()?;
            self.read_object(inner, cursor, out)?;
            None
        } else {
            cursor.value()?.plain()
        };
        if let Some(field) = field {
            out.set(field, value);
        }
        Some(())
    }

    fn want(&mut self, field: Field, path: &Path) {
        let mut at = 0;
        for (n, name) in path.iter().enumerate() {
            self.objects[at].fields = self.objects[at].fields.with(field);
            let key = self.objects[at].key(name);
            if n + 1 == path.len() {
                self.objects[at].keys[key].target.field = Some(field);
                return;
            }
            at = match self.objects[at].keys[key].target.object {
                Some(inner) => inner,
                None => {
                    let inner = self.objects.len();
                    self.objects[at].keys[key].target.object = Some(inner);
                    self.objects.push(Object::default());
                    inner
                }
            };
        }
    }

    /// Remembers the keys from the cursor to the end of the object.
    fn learn_order(&mut self, at: usize, cursor: &mut Cursor<'_>, line: &[u8]) -> Option<()> {
        loop {
            let start = cursor.at();
            let Next::Member(raw) = cursor.member()? else {
                return Some(());
            };
            let object = &mut self.objects[at];
            let mut target = Target::default();
            if object.slots.len() < SLOTS_MAX {
                let key = object.key(&decoded(raw));
                target = object.keys[key].target;
                object.keys[key].next_slot = Some(object.slots.len() + 1);
                object.slots.push(Slot {
                    text: line[start..cursor.at()].into(),
                    target,
                });
            }
            match target.object {
                Some(inner) if cursor.is_at(b'{') => {
                    cursor.enter()?;
                    self.learn_order(inner, cursor, line)?;
                }
                _ => {
                    cursor.value()?;
                }
            }
            cursor.end_value()?;
        }
    }
}

impl Object {
    /// The key that stands in a line as `raw`.
    #[cold]
    fn find(&self, raw: &[u8]) -> Option<&Key> {
        if memchr(b'\\', raw).is_none() {
            return self.find_name(raw);
        }
        let mut name = Name::default();
        unescape(raw, &mut name);
        self.find_name(name.bytes()?)
    }

    fn find_name(&self, name: &[u8]) -> Option<&Key> {
        let found = self.keys.binary_search_by(|key| (*key.name).cmp(name));
        found.ok().map(|at| &self.keys[at])
    }

    /// The index of a key, which is made if there is none.
    fn key(&mut self, name: &[u8]) -> usize {
        match self.keys.binary_search_by(|key| (*key.name).cmp(name)) {
            Ok(at) => at,
            Err(at) => {
                let key = Key {
                    name: name.into(),
                    target: Target::default(),
                    next_slot: None,
                };
                self.keys.insert(at, key);
                at
            }
        }
    }
}

/// A key while its escapes are undone, on the stack.
struct Name {
    buffer: [u8; NAME_LEN_MAX],
    len: usize,
}

impl Default for Name {
    fn default() -> Name {
        Name {
            buffer: [0; NAME_LEN_MAX],
            len: 0,
        }
    }
}

impl Name {
    /// `None` if it is too long.
    fn bytes(&self) -> Option<&[u8]> {
        self.buffer.get(..self.len)
    }
}

impl<'b> Extend<&'b u8> for Name {
    fn extend<I: IntoIterator<Item = &'b u8>>(&mut self, bytes: I) {
        for byte in bytes {
            if let Some(place) = self.buffer.get_mut(self.len) {
                *place = *byte;
            }
            self.len += 1;
        }
    }
}
