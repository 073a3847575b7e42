//! Log formats, and which log has which.
//!
//! `ngx_http_log_set_format`, `ngx_http_log_set_log`, `ngx_http_log_merge_loc_conf` and `ngx_log_set_log` of nginx 1.31. A format's
//! body is what its strings make when joined; the name of a format is compared without regard to case.

use super::{
    files::base_name,
    model::{Config, Directive, Position, Realm, ScopeId, ScopeKind},
    value,
};

/// A `log_format`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat {
    pub name: Vec<u8>,
    pub escape: Escape,
    /// All strings of it joined: `$remote_addr - $remote_user […`.
    pub body: Vec<u8>,
    /// Http or stream.
    pub realm: Realm,
    /// `None` of the one that nginx has built in.
    pub position: Option<Position>,
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// `"`, `\` and what is not printable as `\xXX`; a missing value as `-`.
    Default,
    /// As JSON strings; a missing value as nothing.
    Json,
    None,
}

/// The format every nginx has (`ngx_http_combined_fmt`).
pub const COMBINED: &[u8] =
    b"$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
    \"$http_referer\" \"$http_user_agent\"";

/// An `access_log`, and for whom it is.
#[derive(Clone, Debug)]
pub struct AccessLog<'a> {
    pub target: LogTarget<'a>,
    /// The name of its format, as written; `combined` where none is.
    pub format: &'a [u8],
    pub buffer_bytes: Option<u64>,
    pub flush_ms: Option<u64>,
    pub is_gzip: bool,
    /// A condition: requests that are missing are no gap.
    pub condition: Option<&'a [u8]>,
    /// Where it was written; the outermost scope of http for the one nginx opens by itself.
    pub scope: ScopeId,
    pub realm: Realm,
    /// First names of the servers whose requests it holds, wholly or of some locations; a server without name is "".
    pub servers: Vec<&'a [u8]>,
    /// `None` of the one that nginx opens where nothing is written.
    pub position: Option<Position>,
}

/// Where a log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTarget<'a> {
    /// A path; it may hold variables.
    File(&'a [u8]),
    /// `syslog:…`, with its parameters.
    Syslog(&'a [u8]),
    /// `access_log off`; and of an error log, `stderr` and `memory:…`.
    Nowhere(&'a [u8]),
}

impl<'a> LogTarget<'a> {
    fn of(text: &'a [u8]) -> LogTarget<'a> {
        if text.starts_with(b"syslog:") {
            return LogTarget::Syslog(text);
        }
        LogTarget::File(text)
    }

    pub fn path(&self) -> Option<&'a [u8]> {
        match self {
            LogTarget::File(path) => Some(path),
            _ => None,
        }
    }
}

/// How the name of a file fits a path of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathMatch {
    /// The whole path, but for what rotation added.
    Path,
    /// The last component.
    Name,
    /// The last component, with variables in it.
    Pattern,
}

/// An `error_log`.
#[derive(Clone, Debug)]
pub struct ErrorLog<'a> {
    pub target: LogTarget<'a>,
    /// `error` where none is written; a `debug_…` counts as `debug`.
    pub level: &'a [u8],
    pub scope: ScopeId,
    pub position: Position,
}

impl Config {
    /// All log formats, the built-in one first, then in order.
    pub fn log_formats(&self) -> Vec<LogFormat> {
        let combined = LogFormat {
            name: b"combined".to_vec(),
            escape: Escape::Default,
            body: COMBINED.to_vec(),
            realm: Realm::Http,
            position: None,
        };
        let written = self
            .directives
            .iter()
            .filter(|directive| directive.is("log_format"));
        let written = written.filter_map(|directive| {
            let realm = self.scope(directive.scope).kind.realm()?;
            log_format(directive, realm)
        });
        std::iter::once(combined).chain(written).collect()
    }

    /// The format of that name.
    pub fn log_format(&self, realm: Realm, name: &[u8]) -> Option<LogFormat> {
        find_format(&self.log_formats(), realm, name).cloned()
    }

    /// All access logs, those that are `off` too, in order; the one nginx opens by itself last.
    pub fn access_logs(&self) -> Vec<AccessLog<'_>> {
        let written = self
            .directives
            .iter()
            .filter(|directive| directive.is("access_log"));
        let mut logs: Vec<AccessLog<'_>> = written
            .filter_map(|directive| self.access_log(directive))
            .collect();
        let Some(http) = self.scopes_of(ScopeKind::Http).next() else {
            return logs;
        };
        let servers: Vec<ScopeId> = self.scopes_of(ScopeKind::HttpServer).collect();
        let unset = servers
            .iter()
            .filter(|&&server| self.set(server, "access_log").is_empty());
        let names: Vec<&[u8]> = unset.map(|&server| self.first_name(server)).collect();
        if !names.is_empty() || servers.is_empty() && self.set(http, "access_log").is_empty() {
            logs.push(AccessLog {
                target: LogTarget::File(b"logs/access.log"),
                format: b"combined",
                buffer_bytes: None,
                flush_ms: None,
                is_gzip: false,
                condition: None,
                scope: http,
                realm: Realm::Http,
                servers: names,
                position: None,
            });
        }
        logs
    }

    fn access_log<'a>(&'a self, directive: &'a Directive) -> Option<AccessLog<'a>> {
        let scope = directive.scope;
        let realm = self.scope(scope).kind.realm()?;
        let is_off = directive.arg(0) == b"off" && directive.args().len() == 1;
        let parameters = directive.args().get(2..).unwrap_or_default();
        let of = |key: &str| {
            parameters
                .iter()
                .find_map(|word| word.strip_prefix(key.as_bytes()))
        };
        Some(AccessLog {
            target: match directive.arg(0) {
                path if is_off => LogTarget::Nowhere(path),
                path => LogTarget::of(path),
            },
            format: directive.args().get(1).map_or(b"combined", Vec::as_slice),
            buffer_bytes: of("buffer=").and_then(value::parse_size),
            flush_ms: of("flush=").and_then(value::parse_milliseconds),
            is_gzip: of("gzip").is_some_and(|level| level.is_empty() || level.starts_with(b"=")),
            condition: of("if="),
            scope,
            realm,
            servers: self.servers_of_level(scope, "access_log"),
            position: Some(directive.position),
        })
    }

    /// First names of the servers in which what `list` says at `scope` holds.
    fn servers_of_level(&self, scope: ScopeId, list: &str) -> Vec<&[u8]> {
        if let Some(server) = self.server_around(scope) {
            return vec![self.first_name(server)];
        }
        let is_server = |id: &ScopeId| {
            matches!(
                self.scope(*id).kind,
                ScopeKind::HttpServer | ScopeKind::StreamServer
            )
        };
        let inside = self.inside(scope).into_iter().filter(is_server);
        let inheriting = inside.filter(|&server| self.own(server, list).next().is_none());
        inheriting.map(|server| self.first_name(server)).collect()
    }

    fn first_name(&self, server: ScopeId) -> &[u8] {
        self.own(server, "server_name")
            .next()
            .map_or(b"", |name| name.arg(0))
    }

    /// The access logs that a file with this path or name can be, those that fit best only. What rotation and compression add to a
    /// name counts for nothing.
    pub fn access_logs_of_file(&self, path: &[u8]) -> Vec<AccessLog<'_>> {
        let logs = self.access_logs().into_iter();
        let fits = logs.filter_map(|log| Some((path_match(log.target.path()?, path)?, log)));
        let fits: Vec<(PathMatch, AccessLog<'_>)> = fits.collect();
        let best = fits.iter().map(|(fit, _)| *fit).min();
        let best = fits.into_iter().filter(|(fit, _)| Some(*fit) == best);
        best.map(|(_, log)| log).collect()
    }

    /// All error logs, in order.
    pub fn error_logs(&self) -> Vec<ErrorLog<'_>> {
        let written = self
            .directives
            .iter()
            .filter(|directive| directive.is("error_log"));
        written
            .filter(|directive| self.scope(directive.scope).kind.realm().is_some())
            .map(error_log)
            .collect()
    }

    /// The error logs that hold in `scope`; empty where nginx has its own.
    pub fn error_logs_in(&self, scope: ScopeId) -> Vec<ErrorLog<'_>> {
        self.set(scope, "error_log")
            .into_iter()
            .map(error_log)
            .collect()
    }
}

/// The format of that name among `formats`: the first, and without regard to case, as nginx looks them up.
pub fn find_format<'f>(
    formats: &'f [LogFormat],
    realm: Realm,
    name: &[u8],
) -> Option<&'f LogFormat> {
    let mut formats = formats.iter();
    formats.find(|format| format.realm == realm && format.name.eq_ignore_ascii_case(name))
}

/// `None` if it has no name.
fn log_format(directive: &Directive, realm: Realm) -> Option<LogFormat> {
    let (name, mut strings) = directive.args().split_first()?;
    let mut escape = Escape::Default;
    if let Some((first, rest)) = strings.split_first()
        && let Some(told) = first.strip_prefix(b"escape=")
    {
        strings = rest;
        escape = match told {
            b"json" => Escape::Json,
            b"none" => Escape::None,
            _ => Escape::Default,
        };
    }
    Some(LogFormat {
        name: name.clone(),
        escape,
        body: strings.concat(),
        realm,
        position: Some(directive.position),
    })
}

fn error_log(directive: &Directive) -> ErrorLog<'_> {
    let level = directive.args().get(1).map_or(&b"error"[..], Vec::as_slice);
    let path = directive.arg(0);
    ErrorLog {
        target: match path {
            b"stderr" => LogTarget::Nowhere(path),
            _ if path.starts_with(b"memory:") => LogTarget::Nowhere(path),
            _ => LogTarget::of(path),
        },
        level: if level.starts_with(b"debug") {
            b"debug"
        } else {
            level
        },
        scope: directive.scope,
        position: directive.position,
    }
}

/// How the file at `path` fits `written`, which may hold variables.
pub fn path_match(written: &[u8], path: &[u8]) -> Option<PathMatch> {
    let written = unquoted(written);
    let path = without_rotation(path);
    let ends_alike = path == written || written.starts_with(b"/") && path.ends_with(written);
    if ends_alike {
        return Some(PathMatch::Path);
    }
    let (written_name, name) = (base_name(written), base_name(path));
    if written_name == name {
        return Some(PathMatch::Name);
    }
    (written_name.contains(&b'$') && pattern_matches(written_name, name))
        .then_some(PathMatch::Pattern)
}

fn unquoted(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"./").unwrap_or(path)
}

/// Whether `name` can be what `pattern` gives once its variables have values: its fixed parts stand in it, in order.
fn pattern_matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut fixed: Vec<&[u8]> = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.iter().position(|&b| b == b'$') {
        fixed.push(&rest[..at]);
        rest = &rest[at + 1..];
        let len = match rest.first() {
            Some(b'{') => rest
                .iter()
                .position(|&b| b == b'}')
                .map_or(rest.len(), |end| end + 1),
            _ => rest
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
                .count(),
        };
        rest = &rest[len..];
    }
    fixed.push(rest);
    let (first, last) = (fixed[0], fixed[fixed.len() - 1]);
    // A pattern of variables alone would fit everything.
    if fixed.iter().all(|part| part.is_empty()) {
        return false;
    }
    let Some(mut inner) = name
        .strip_prefix(first)
        .and_then(|rest| rest.strip_suffix(last))
    else {
        return false;
    };
    for part in &fixed[1..fixed.len() - 1] {
        let found = (0..=inner.len()).find(|&at| inner[at..].starts_with(part));
        match found {
            Some(at) => inner = &inner[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// `path` without what compression and rotation add: `access.log.2.gz`, `access.log-20261120`, `access.log.2026-11-20`.
pub fn without_rotation(path: &[u8]) -> &[u8] {
    let mut path = path;
    for packed in ["gz", "bz2", "xz", "zst", "lz4", "Z", "zip"] {
        if let Some(rest) = path
            .strip_suffix(packed.as_bytes())
            .and_then(|rest| rest.strip_suffix(b"."))
        {
            path = rest;
            break;
        }
    }
    let is_counter = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.' | b'T');
    let len = path
        .iter()
        .rev()
        .take_while(|byte| is_counter(byte))
        .count();
    let (head, tail) = path.split_at(path.len() - len);
    let has_digits = tail.iter().any(u8::is_ascii_digit);
    let is_behind_name =
        !base_name(head).is_empty() && matches!(tail.first(), Some(b'.' | b'-' | b'_'));
    if has_digits && is_behind_name {
        head
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_leaves_the_name() {
        for (path, want) in [
            (
                "/var/log/nginx/access.log.2.gz",
                "/var/log/nginx/access.log",
            ),
            ("access.log-20261120.xz", "access.log"),
            ("access.log.2026-11-20", "access.log"),
            ("access.log.1", "access.log"),
            ("access.log", "access.log"),
            ("access2.log", "access2.log"),
            ("1.2", "1.2"),
            ("a.gz", "a"),
        ] {
            assert_eq!(without_rotation(path.as_bytes()), want.as_bytes(), "{path}");
        }
    }

    #[test]
    fn paths_fit_as_a_whole_by_name_or_by_pattern() {
        let fit = |written: &str, path: &str| path_match(written.as_bytes(), path.as_bytes());
        assert_eq!(
            fit("/var/log/nginx/a.log", "/var/log/nginx/a.log.1"),
            Some(PathMatch::Path)
        );
        assert_eq!(
            fit("/var/log/nginx/a.log", "web1/var/log/nginx/a.log.1.gz"),
            Some(PathMatch::Path)
        );
        assert_eq!(
            fit("/var/log/nginx/a.log", "logs/a.log"),
            Some(PathMatch::Name)
        );
        assert_eq!(fit("/var/log/nginx/a.log", "logs/b.log"), None);
        assert_eq!(
            fit(
                "logs/${host}_access.log",
                "x/app.example_access.log-20261120"
            ),
            Some(PathMatch::Pattern)
        );
        assert_eq!(
            fit("logs/$host-$server_port.log", "app-443.log"),
            Some(PathMatch::Pattern)
        );
        assert_eq!(fit("logs/$host-$server_port.log", "app.log"), None);
        assert_eq!(fit("logs/$host", "app.log"), None);
    }
}
