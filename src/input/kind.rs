//! What a source is, told by its content and never by its name.

use super::unpack::container;

/// Kinds of input, as `--kind` names them, and containers that hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    NginxError,
    NginxAccess,
    /// Records of the Linux audit system, in any carrier: what SELinux or AppArmor denied.
    Audit,
    /// An nginx configuration, or a dump of one: no log, but good to know.
    NginxConfig,
    /// A container that this version does not read; the word says which.
    Unread(&'static str),
    /// Something else that lay beside logs: notes, scripts. Not read.
    NoLog,
    Empty,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Kind::NginxError => "nginx-error",
            Kind::NginxAccess => "nginx-access",
            Kind::Audit => "audit",
            Kind::NginxConfig => "nginx-config",
            Kind::Unread(what) => what,
            Kind::NoLog => "no-log",
            Kind::Empty => "empty",
        }
    }

    /// Whether its lines were meant to be read as a log's.
    pub const fn is_log(self) -> bool {
        !matches!(self, Kind::NginxConfig | Kind::NoLog)
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
    /// A record of the audit system.
    Audit,
    Other,
}

/// Tells the kind of a source by its first bytes, and what each line of them is taken for, blank ones left out. A source that was
/// `named` counts as an access log only if it has such lines and no error record at all, and as a configuration only if it has
/// neither; everything else is scanned as an error log, so that junk ends as counted lines and not as a refusal. One that was merely met in a directory must look like a log:
/// begin with a record, or consist of them by a fifth (records can be long, and their tracebacks too). Where neither records nor requests are,
/// one record of the audit system makes a source that was `named` an audit log (the kernel log has others around it), and half of the
/// lines one that was met.
pub fn detect(sample: &[u8], named: bool, lines: impl Iterator<Item = LineKind>) -> Kind {
    if sample.is_empty() {
        return Kind::Empty;
    }
    if let Some(container) = container::recognise(sample) {
        return Kind::Unread(container.name());
    }
    let sample = &sample[..sample.len().min(SAMPLE_LEN)];
    if is_config_dump(sample) {
        return Kind::NginxConfig;
    }
    let (mut n_error, mut n_access, mut n_audit, mut n_other) = (0, 0, 0, 0);
    for line in lines {
        match line {
            LineKind::Error if named || n_access + n_audit + n_other == 0 => {
                return Kind::NginxError;
            }
            LineKind::Error => n_error += 1,
            LineKind::Access => n_access += 1,
            LineKind::Audit => n_audit += 1,
            LineKind::Other => n_other += 1,
        }
    }
    let n_other = n_other + n_audit;
    if n_error + n_access == 0 && n_audit > 0 && (named || n_audit * 2 >= n_other) {
        return Kind::Audit;
    }
    let is_met_log = n_error * 5 >= n_error + n_access + n_other && n_error > 0;
    match (named, n_access) {
        _ if is_met_log => Kind::NginxError,
        (_, n_access) if n_access > n_other => Kind::NginxAccess,
        (true, n_access) if n_access > 0 => Kind::NginxAccess,
        _ if n_error == 0 && is_config(sample) => Kind::NginxConfig,
        (true, _) => Kind::NginxError,
        (false, _) => Kind::NoLog,
    }
}

/// Whether `sample` begins as `nginx -T` writes: with the name of the main file, before which at most messages of nginx stand. None of
/// these belongs to a connection, so that no log in which a client wrote such a line passes for a dump.
pub fn is_config_dump(sample: &[u8]) -> bool {
    for line in sample.split(|&b| b == b'\n').take(MESSAGES_MAX) {
        let line = line.trim_ascii_end();
        if let Some(path) = line.strip_prefix(b"# configuration file ") {
            return path.ends_with(b":");
        }
        let is_test_record = line.first().is_some_and(u8::is_ascii_digit)
            && [&b" [warn] "[..], b" [emerg] ", b" [notice] "]
                .iter()
                .any(|level| line.get(19..).is_some_and(|rest| rest.starts_with(level)))
            && !line.windows(3).any(|three| three == b": *");
        if !line.is_empty() && !line.starts_with(b"nginx: ") && !is_test_record {
            return false;
        }
    }
    false
}

/// Whether `sample` is the beginning of an nginx configuration, or of a dump of one, told without a look at what else its lines could be.
pub fn is_nginx_config(sample: &[u8]) -> bool {
    is_config_dump(sample) || is_config(sample)
}

/// Lines of messages before a dump.
const MESSAGES_MAX: usize = 200;

/// Whether `sample` is a file of an nginx configuration: it has a block that only such a file has, and its lines end as
/// directives do.
fn is_config(sample: &[u8]) -> bool {
    let (mut n_lines, mut n_ends, mut n_simple, mut has_block) = (0, 0, 0, false);
    for line in sample.split(|&b| b == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let line = line
            .windows(3)
            .position(|three| three == b"; #")
            .map_or(line, |at| &line[..=at]);
        n_lines += 1;
        n_ends += usize::from(matches!(line.last(), Some(b';' | b'{' | b'}')));
        n_simple += usize::from(line.ends_with(b";"));
        let mut words = line.split(|b| b.is_ascii_whitespace() || *b == b'{');
        let is_block = match words.next() {
            Some(b"http" | b"events" | b"stream" | b"server") => {
                line.ends_with(b"{") || words.next().is_none()
            }
            Some(b"upstream" | b"location") => line.ends_with(b"{"),
            _ => false,
        };
        has_block |= is_block;
    }
    has_block && n_ends * 10 >= n_lines * 6 && n_simple * 4 >= n_lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let kind = |sample: &[u8], named| {
            let lines = sample
                .split(|&b| b == b'\n')
                .filter(|line| !line.is_empty());
            let kinds = lines.map(|line| match line[0] {
                b'E' => LineKind::Error,
                b'A' => LineKind::Access,
                b'D' => LineKind::Audit,
                _ => LineKind::Other,
            });
            detect(sample, named, kinds)
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
        assert_eq!(kind(b"x\nx\nD\n", true), Kind::Audit);
        assert_eq!(kind(b"x\nx\nD\n", false), Kind::NoLog);
        assert_eq!(kind(b"x\nD\n", false), Kind::Audit);
        assert_eq!(kind(b"D\nE\n", true), Kind::NginxError);
    }

    #[test]
    fn configurations_are_told_from_logs_and_from_other_text() {
        let kind = |sample: &str, named| {
            let lines = sample.lines().filter(|line| !line.is_empty());
            let kinds = lines.map(|line| match line.starts_with("2026/") {
                true => LineKind::Error,
                false => LineKind::Other,
            });
            detect(sample.as_bytes(), named, kinds)
        };
        for named in [true, false] {
            for config in [
                "# configuration file /etc/nginx/nginx.conf:\nuser x;\n",
                "nginx: the configuration file x syntax is ok\n2026/11/20 11:36:11 [warn] 1#1: x\n\n# configuration file /n.conf:\n",
                "# mine\nuser www;\nevents {\n}\nhttp {\n  gzip on; # yes\n  server\n  {\n    listen 80;\n listen 81;\n  }\n}\n",
                "upstream app {\n  server 10.0.0.5:80;\n}\n",
            ] {
                assert_eq!(kind(config, named), Kind::NginxConfig, "{config}");
            }
            for other in [
                "2026/11/20 11:36:11 [error] 1#1: *1 FastCGI sent in stderr: \"a\n# configuration file /x:\n\"",
                "2026/11/20 11:36:11 [warn] 1#1: *1 x\n# configuration file /x:\n",
                "int main(void) {\n  return 0;\n}\n",
                "{\"http\": 1}\n",
                "frontend web\n  bind :80\nserver {\n",
                "# notes on the http server {\n",
            ] {
                assert_ne!(kind(other, named), Kind::NginxConfig, "{other}");
            }
        }
    }
}
