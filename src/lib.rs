//! WIP
pub mod classify;
pub mod event;
pub mod parse;
