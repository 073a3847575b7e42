//! One layer of a stream: plain, a compression, an archive or an encoding of text.

use super::{
    feed::{Below, Feed, Step},
    tar::Tar,
    units::Units,
    utf16::Utf16,
};

/// A layer and its input.
pub(super) struct Level {
    pub(super) feed: Feed,
    pub(super) role: Role,
    /// Files within files up to here ([`Limits::depth_max`](super::Limits::depth_max)).
    pub(super) depth: usize,
}

/// What a layer makes of its input.
pub(super) enum Role {
    /// Nothing, or it is not yet known what.
    Plain,
    Tar(Box<Tar>),
    Text(Box<Utf16>),
    Units(Box<Units>),
}

impl Level {
    /// Decoded bytes; of an archive, those of the member that is open.
    pub(super) fn pull(&mut self, below: &mut Below<'_>, out: &mut [u8]) -> Step {
        match &mut self.role {
            Role::Plain => self.feed.read(below, out),
            Role::Tar(tar) => tar.pull(&mut self.feed, below, out),
            Role::Text(text) => text.pull(&mut self.feed, below, out),
            Role::Units(units) => units.pull(&mut self.feed, below, out),
        }
    }
}
