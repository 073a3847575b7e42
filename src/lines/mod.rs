//! Physical lines: where they end and where a chunk may begin. Knows nothing of nginx.

pub mod chunk;

pub use chunk::{Line, chunks, lines};
