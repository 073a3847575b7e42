//! WIP
pub mod aggregate;
pub mod classify;
pub mod engine;
pub mod error;
pub mod event;
pub mod filter;
pub mod glob;
pub mod input;
pub mod lines;
pub mod parse;
pub mod scan;
pub mod zone;
