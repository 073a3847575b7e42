//! How far unpacking goes: every limit has a name, a reason and a visible consequence.

/// Bounds of what one stored stream may cost. Past one of them a [`Problem`](super::Problem) names it with its value, and
/// what was decoded before is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes decoded from one stored stream, all layers together. A bomb of 177 bytes can hold 200 MiB; a real log of this
    /// size takes minutes and is no accident.
    pub decoded_bytes_max: u64,
    /// Files within files that are opened. A compressed archive is one file: `a.tar.gz` with `b.log.gz` in it has two.
    pub depth_max: usize,
    /// Members of archives that are read.
    pub members_max: u64,
    /// Problems handed on, of damage and of notes each. More are not read by anyone, and must not fill the memory.
    pub problems_max: u64,
    /// Places looked at for a new start after damage, and 64 KiB gone back for it. By chance such a place occurs in 128 MiB, so
    /// more than these are hostile.
    pub restarts_max: u64,
    /// Bytes decoded before their turn and those they are made of, of all streams of a run together; 0: nothing is decoded
    /// ahead. More would only wait.
    pub ahead_bytes_max: u64,
    /// Bytes of one PAX header, one long name, one map of holes, or one header of gzip: more is no name of a log.
    pub header_bytes_max: usize,
    /// Zeros written for holes, per sparse member. Past it a hole is left out, with a seam in its place.
    pub hole_bytes_max: u64,
    /// Memory, in bytes, that an xz header may ask for; `xz -9` asks for 65 MiB.
    pub xz_memory_max: u64,
    /// Binary logarithm of the largest zstd window, 10 to 31; `zstd --ultra -22` needs 27, `--long=31` needs 31.
    pub zstd_window_log_max: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            decoded_bytes_max: 64 << 30,
            depth_max: 3,
            members_max: 1_000_000,
            problems_max: 1000,
            restarts_max: 100_000,
            ahead_bytes_max: 96 << 20,
            header_bytes_max: 1 << 20,
            hole_bytes_max: 1 << 20,
            xz_memory_max: 128 << 20,
            zstd_window_log_max: 27,
        }
    }
}
