//! Paths to bytes. Everything above this room sees slices and does not know whether they came from a map or a pipe.

pub mod conf_tree;
pub mod digest;
pub mod discover;
pub mod kind;
pub mod mmap;
pub mod opening;
pub mod snapshot;
pub mod stored;
pub mod stream;
pub mod unpack;

pub use conf_tree::ConfTree;
pub use discover::{Found, Place, discover};
pub use kind::{Kind, LineKind, detect};
pub use mmap::MappedFile;
pub use snapshot::{Change, Snapshot};
pub use stored::{Content, Mmap, Stored};
pub use unpack::{Container, Unpacker};
