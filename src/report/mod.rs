//! The tables, for people. [`model`] decides what is said, once; [`terminal`], [`markdown`] and [`json`] say it.

pub mod json;
pub mod markdown;
pub mod model;
pub mod terminal;
pub mod words;

pub use model::{Findings, Report};
