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

/// Whether `bytes` may be text: of what is packed every ninth byte is a control character.
pub fn is_text(bytes: &[u8]) -> bool {
    let is_control = |b: &&u8| b.is_ascii_control() && !b"\t\n\r\x1b".contains(b);
    bytes.iter().filter(is_control).count() * 32 <= bytes.len()
}
