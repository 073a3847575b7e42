//! The tables, for people. [`model`] decides what is said, once; [`terminal`], [`markdown`], [`html`] and
//! [`json`] say it. Of two sets of logs [`compare`] decides it.

pub mod compare;
pub mod html;
pub mod json;
pub mod markdown;
pub mod model;
mod steps;
pub mod terminal;

pub use crate::words;
pub use model::{Findings, Report};
