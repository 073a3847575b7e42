//! Physical lines: where they end, where a chunk may begin, and where the bytes stand that structure them. Knows nothing of nginx.

pub mod chunk;
pub mod marks;
pub mod near;
pub mod nuls;
pub mod pair;
pub mod quotes;
pub mod window;

pub use chunk::{Line, chunks, lines, without_return};
pub use marks::{Cpu, Marks, Work, with_best_cpu};
pub use quotes::Quotes;
pub use window::Window;
