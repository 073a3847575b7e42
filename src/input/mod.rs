//! Paths to bytes. Everything above this room sees slices and does not know whether they came from a map or a pipe.

pub mod discover;
pub mod kind;
pub mod mmap;
pub mod snapshot;
pub mod stream;
pub mod unpack;

pub use discover::{Found, Place, discover};
pub use kind::{Kind, LineKind, detect};
pub use mmap::MappedFile;
pub use snapshot::{Change, Snapshot};
pub use unpack::{Container, Unpacker};
