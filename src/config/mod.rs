//! The nginx configuration as a model: what was written, what holds where, and what nginx would refuse.
//!
//! Three feeders, one reader: an `nginx -T` dump, a file with what it includes, or any other place of files give the same
//! [`Config`]. It knows the language of nginx, blocks, includes and inheritance; it evaluates no variable, no regular
//! expression and no `if`, resolves no name, and reads no file itself. Whatever is damaged is a [`Problem`], and the rest is read.
//!
//! Source of truth: `src/core/ngx_conf_file.c`, the merge functions of the modules, and the module pages of nginx.org.

mod dump;
mod files;
mod model;
mod read;
mod token;
#[cfg(test)]
mod token_twin;
mod tree;

mod address;
mod buffers;
pub mod directives;
mod effective;
mod groups;
pub mod lint;
pub mod logs;
mod passes;
mod servers;
pub mod value;
mod version;

pub use address::{Address, Likeness};
pub use buffers::BufferPlan;
pub use effective::{Buffers, DefaultValue, Effective, Origin, Valued};
pub use files::{File, FileMap, Files};
pub use groups::{Balancing, Group, GroupId, Groups, Keepalive, Peer};
pub use logs::{AccessLog, ErrorLog, Escape, LogFormat, LogTarget, PathMatch, path_match};
pub use model::{
    ConfFile, Config, Directive, DirectiveId, Position, Problem, ProblemKind, Realm, Scope,
    ScopeId, ScopeKind,
};
pub use passes::{Family, Pass, Target, Timeouts};
pub use read::{DIRECTIVES_MAX, INCLUDES_MAX, PROBLEMS_MAX, read, read_dump};
pub use servers::{Listen, LocationKind, Met, Server, location_of};
pub use tree::DEPTH_MAX;
pub use version::Version;
