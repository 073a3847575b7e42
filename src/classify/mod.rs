//! Which signature a message is, and what that means: category, phase, severity.
//!
//! [`taxonomy`] is the table, [`pattern`] its template language, [`matcher`] finds the row of a message, [`memo`] knows the
//! messages met last, [`rule`] turns row, errno and side into a category, [`errno`] knows the numbers of three systems,
//! [`classifier`] puts it together, [`moment`] tells changes of state from the rest, [`loose`] finds records in lines that do not
//! begin with one, [`aspect()`] tells messages of one signature apart where a cause hangs on it, and [`residue`] folds the messages no row describes into shapes that can be counted. [`access`] needs no
//! messages: it judges the fields of access lines.

pub mod access;
pub mod aspect;
pub mod classifier;
pub mod errno;
pub mod loose;
mod matcher;
mod memo;
pub mod moment;
mod pattern;
pub mod residue;
mod rule;
pub mod taxonomy;
mod ways;

pub use access::{Origin, Outcome, Verdict, classify_request};
pub use aspect::aspect;
pub use classifier::{Classified, Classifier, Searcher};
pub use ways::Context;
