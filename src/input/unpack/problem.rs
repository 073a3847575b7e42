//! What is wrong or noteworthy in a stored stream, and where.

use std::fmt;

/// One thing to say about a stored stream. [`Display`](fmt::Display) says it in one sentence without the path of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub trouble: Trouble,
    /// The layer that met it: `gzip`, `tar`; `stored` for the stream itself.
    pub layer: &'static str,
    /// Names inside archives, from outside in, each cut at 4 KiB; empty for the outermost layers. Hostile bytes.
    pub path: Vec<Vec<u8>>,
    /// Offset in the stored stream. Exact in the outermost layer; further in, how far the stored stream had been read.
    pub stored_offset: u64,
    /// Offset in the input of the layer, where the trouble was noticed.
    pub layer_offset: u64,
    /// The member, frame, stream or header it concerns, if any.
    pub unit: Option<UnitRange>,
    /// Where, in the input of the layer, reading goes on; `None` if it ends here.
    pub resumed: Option<u64>,
}

/// A unit of a layer: a gzip member, a zstd frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitRange {
    /// What the format calls it: `member`, `frame`, `stream`.
    pub name: &'static str,
    /// Offset of its first byte in the input of the layer.
    pub start: u64,
    /// Bytes decoded from it and used. After damage the last of them may be wrong. 0 for entries of archives.
    pub decoded_bytes: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// A checksum does not match: some of the text is wrong or missing.
    Checksum,
    /// The bytes are not what the format allows; the words are the decoder's.
    Corrupt(String),
    /// Containers within containers, deeper than allowed; the content was not read.
    Depth { limit: usize },
    /// Bytes that belong to nothing were skipped.
    Garbage { n_bytes: u64 },
    /// A hole of a sparse member was left out.
    Hole { n_bytes: u64 },
    /// The layer below lost bytes within this unit, and says why.
    Interrupted,
    /// A limit was met.
    Limit {
        /// A field of [`Limits`](super::Limits).
        name: &'static str,
        limit: u64,
        /// What would be needed, if known.
        needed: Option<u64>,
    },
    /// An archive that lacks its end: members may be missing.
    NoEndMark,
    /// An archive entry that is no file: a link, a device. What it is, and the name it points to.
    NotFollowed { what: &'static str, target: Vec<u8> },
    /// Zeros behind the last unit, as tapes and block devices leave them. If an archive goes on behind them, it is another
    /// one, or they stand in place of lost members.
    Padding { n_bytes: u64 },
    /// Reading failed; the words are the system's.
    Read(String),
    /// Two sizes for one archive member. The second is believed, as other programs do.
    Sizes { header: u64, extended: u64 },
    /// It ends early. How many bytes are missing, if known.
    Truncated { n_missing: Option<u64> },
    /// There are more problems like those before, and none of them will be handed on.
    Unsaid,
    /// A format, or a variant of one, that is not read; what to do instead.
    Unsupported {
        what: &'static str,
        advice: &'static str,
    },
}

impl Problem {
    /// True if content was lost, is wrong, or could not be read; false for mere notes. [`Trouble::Unsaid`] is none: what came
    /// before it says which it is.
    pub fn is_damage(&self) -> bool {
        !matches!(
            self.trouble,
            Trouble::Hole { .. }
                | Trouble::NotFollowed { .. }
                | Trouble::Padding { .. }
                | Trouble::Unsaid
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, name) in self.path.iter().enumerate() {
            let (before, after) = if n == 0 { ("`", "") } else { ("!", "") };
            write!(f, "{before}{}{after}", name.escape_ascii())?;
        }
        if !self.path.is_empty() {
            f.write_str("`: ")?;
        }
        f.write_str(self.layer)?;
        if let Some(unit) = &self.unit {
            write!(f, " {} at byte {}", unit.name, unit.start)?;
        }
        let at = self.layer_offset;
        match &self.trouble {
            Trouble::Checksum => write!(
                f,
                " has a wrong checksum: some of its text is wrong or missing"
            ),
            Trouble::Corrupt(words) => write!(f, " is damaged at byte {at} ({words})"),
            Trouble::Depth { limit } => {
                write!(f, " is nested deeper than {limit} files and was not read")
            }
            Trouble::Garbage { n_bytes } if at == 0 => write!(
                f,
                ": skipped {n_bytes} bytes: its beginning is damaged, or it is something else"
            ),
            Trouble::Garbage { n_bytes } => write!(f, ": skipped {n_bytes} bytes at byte {at}"),
            Trouble::Hole { n_bytes } => write!(f, " has a hole of {n_bytes} bytes: left out"),
            Trouble::Interrupted => write!(f, " is interrupted at byte {at}"),
            Trouble::Limit {
                name,
                limit,
                needed,
            } => {
                write!(f, " stops at byte {at}: limit `{name}` is {limit}")?;
                needed.map_or(Ok(()), |needed| write!(f, ", {needed} needed"))
            }
            Trouble::NoEndMark => write!(f, " has no end mark: members may be missing"),
            Trouble::NotFollowed { what, target } => {
                write!(f, " {what} to `{}` is not followed", target.escape_ascii())
            }
            Trouble::Padding { n_bytes } => write!(f, " ends in {n_bytes} zero bytes at byte {at}"),
            Trouble::Read(words) => write!(f, " cannot be read at byte {at}: {words}"),
            Trouble::Sizes { header, extended } => write!(
                f,
                " has two sizes, {header} bytes in the header and {extended} in its extension"
            ),
            Trouble::Truncated { n_missing } => {
                write!(f, " ends early at byte {at}")?;
                n_missing.map_or(Ok(()), |n| write!(f, ", {n} bytes are missing"))
            }
            Trouble::Unsaid => write!(f, " has more problems, which are not listed"),
            Trouble::Unsupported { what, advice } => write!(f, ": {what} is not read; {advice}"),
        }?;
        match self.resumed {
            Some(resumed) if resumed > at && matches!(self.trouble, Trouble::Padding { .. }) => {
                write!(f, "; another begins behind them")
            }
            Some(resumed) if resumed > at => {
                write!(
                    f,
                    "; {} bytes skipped, goes on at byte {resumed}",
                    resumed - at
                )
            }
            Some(resumed) if resumed < at => write!(f, "; goes on at byte {resumed}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_sentence() {
        let mut problem = Problem {
            trouble: Trouble::Corrupt("invalid distance".into()),
            layer: "gzip",
            path: vec![b"a.tar".to_vec(), b"b\x1b.gz".to_vec()],
            stored_offset: 9000,
            layer_offset: 120,
            unit: Some(UnitRange {
                name: "member",
                start: 40,
                decoded_bytes: 700,
            }),
            resumed: Some(150),
        };
        assert_eq!(
            problem.to_string(),
            "`a.tar!b\\x1b.gz`: gzip member at byte 40 is damaged at byte 120 (invalid distance); 30 bytes skipped, goes on \
             at byte 150"
        );
        problem.path.clear();
        problem.resumed = None;
        problem.trouble = Trouble::Truncated { n_missing: None };
        assert_eq!(
            problem.to_string(),
            "gzip member at byte 40 ends early at byte 120"
        );
    }
}
