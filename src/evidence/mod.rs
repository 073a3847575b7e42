//! From the name of a place in a log to the lines that stand there: what `coroner evidence` prints.
//!
//! [`id`] reads what people copy out of reports and tables; [`find`] goes through the sources and takes the records out, with all
//! their physical lines; [`show`] writes them. Nothing is counted here, and no line is kept that was not
//! asked for. With `--redact`, [`anew`] writes the lines from what may be shown of them.

mod anew;
pub mod find;
pub mod id;
mod look;
pub mod show;

pub use find::{Context, Exhibit, Finder, Wanted};
pub use id::{Id, PlaceId};
pub use look::Known;
