//! What a source is, told by its content and never by its name.

use super::unpack::container;

/// Kinds of input, as `--kind` names them, and containers that hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    NginxError,
    NginxAccess,
    /// A container that this version does not read; the word says which.
    Unread(&'static str),
    /// Something else that lay beside logs: notes, configuration, scripts. Not read.
    NoLog,
    Empty,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Kind::NginxError => "nginx-error",
            Kind::NginxAccess => "nginx-access",
            Kind::Unread(what) => what,
            Kind::NoLog => "no-log",
            Kind::Empty => "empty",
        }
    }
}

/// Bytes at the start of a source that decide.
pub const SAMPLE_LEN: usize = 256 * 1024;

/// What a line is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// It begins like an error-log record, or one stands in it behind a prefix.
    Error,
    Access,
    Other,
}

/// Tells the kind of a source by its first bytes; `judge` judges one line. A source that was `named` counts as an access log
/// only if it has such lines and no error record at all; everything else is scanned as an error log, so that junk ends as
/// counted lines and not as a refusal. One that was merely met in a directory must look like a log: begin with a record,
/// or consist of them by a fifth (records can be long, and their tracebacks too).
pub fn detect(sample: &[u8], named: bool, mut judge: impl FnMut(&[u8]) -> LineKind) -> Kind {
    if sample.is_empty() {
        return Kind::Empty;
    }
    if let Some(container) = container::recognise(sample) {
        return Kind::Unread(container.name());
    }
    let sample = &sample[..sample.len().min(SAMPLE_LEN)];
    let (mut n_error, mut n_access, mut n_other) = (0, 0, 0);
    for line in sample
        .split(|&b| b == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
    {
        match judge(line) {
            LineKind::Error if named || n_access + n_other == 0 => return Kind::NginxError,
            LineKind::Error => n_error += 1,
            LineKind::Access => n_access += 1,
            LineKind::Other => n_other += 1,
        }
    }
    let is_met_log = n_error * 5 >= n_error + n_access + n_other && n_error > 0;
    match (named, n_access) {
        _ if is_met_log => Kind::NginxError,
        (_, n_access) if n_access > n_other => Kind::NginxAccess,
        (true, n_access) if n_access > 0 => Kind::NginxAccess,
        (true, _) => Kind::NginxError,
        (false, _) => Kind::NoLog,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let kind = |sample: &[u8], named| {
            detect(sample, named, |line| match line[0] {
                b'E' => LineKind::Error,
                b'A' => LineKind::Access,
                _ => LineKind::Other,
            })
        };
        assert_eq!(kind(b"", true), Kind::Empty);
        assert_eq!(kind(b"\x1f\x8b\x08", true), Kind::Unread("gzip"));
        assert_eq!(kind(b"A\nA\nE\n", true), Kind::NginxError);
        assert_eq!(kind(b"x\nA\n", true), Kind::NginxAccess);
        assert_eq!(kind(b"junk\n", true), Kind::NginxError);
        assert_eq!(kind(b"junk\n", false), Kind::NoLog);
        assert_eq!(kind(b"# notes\nx\nx\nx\nx\nx\nE\n", false), Kind::NoLog);
        assert_eq!(kind(b"E\nx\nx\nx\nx\nx\nx\n", false), Kind::NginxError);
        assert_eq!(kind(b"A\nA\n", false), Kind::NginxAccess);
    }
}
