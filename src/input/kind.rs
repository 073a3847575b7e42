//! What a source is, told by its content and never by its name.

/// Kinds of input, as `--kind` names them, and containers that hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    NginxError,
    NginxAccess,
    /// A container or a text that this version does not read; the words say which.
    Unread(&'static str),
    Empty,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Kind::NginxError => "nginx-error",
            Kind::NginxAccess => "nginx-access",
            Kind::Unread(what) => what,
            Kind::Empty => "empty",
        }
    }
}

/// First bytes of containers (see the `magic` of file(1)).
const CONTAINERS: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"PK\x03\x04", "zip"),
];

/// Bytes at the start of a source that decide.
pub const SAMPLE_LEN: usize = 256 * 1024;

/// Tells the kind of a source by its first bytes. `is_error_line` and `is_access_line` judge one line. A source counts as an
/// access log only if it has such lines and no error record at all; everything else is scanned as an error log, so
/// that junk ends as counted lines and not as a refusal.
pub fn detect(
    sample: &[u8],
    is_error_line: impl Fn(&[u8]) -> bool,
    is_access_line: impl Fn(&[u8]) -> bool,
) -> Kind {
    if sample.is_empty() {
        return Kind::Empty;
    }
    if let Some((_, name)) = CONTAINERS.iter().find(|(magic, _)| sample.starts_with(magic)) {
        return Kind::Unread(name);
    }
    if sample.get(257..262) == Some(b"ustar") {
        return Kind::Unread("tar");
    }
    let sample = &sample[..sample.len().min(SAMPLE_LEN)];
    let mut n_access = 0;
    for line in sample.split(|&b| b == b'\n') {
        if is_error_line(line) {
            return Kind::NginxError;
        }
        n_access += usize::from(is_access_line(line));
    }
    if n_access > 0 { Kind::NginxAccess } else { Kind::NginxError }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let kind = |sample: &[u8]| detect(sample, |line| line.starts_with(b"E"), |line| line.starts_with(b"A"));
        assert_eq!(kind(b""), Kind::Empty);
        assert_eq!(kind(b"\x1f\x8b\x08"), Kind::Unread("gzip"));
        assert_eq!(kind(b"A\nA\nE\n"), Kind::NginxError);
        assert_eq!(kind(b"x\nA\n"), Kind::NginxAccess);
        assert_eq!(kind(b"junk\n"), Kind::NginxError);
    }
}
