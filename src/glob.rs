//! Globs as users type them, matched against text of a log or against paths: the only door to globset. And globs as nginx
//! expands them, which are those of `glob(3)`.

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use std::{borrow::Cow, path::Path};

/// A set of globs; empty, it matches everything.
#[derive(Clone, Debug, Default)]
pub struct Globs {
    set: Option<GlobSet>,
    /// Characters of the patterns that are not of ASCII.
    wide: Vec<char>,
}

impl Globs {
    /// Compiles `patterns`; `*` matches any text, slashes too, `?` any character.
    pub fn new(patterns: &[String]) -> Result<Globs, String> {
        if patterns.is_empty() {
            return Ok(Globs::default());
        }
        let wide = patterns.iter().flat_map(|pattern| pattern.chars());
        let wide: Vec<char> = wide.filter(|c| !c.is_ascii()).collect();
        let mut builder = GlobSetBuilder::new();
        for pattern in patterns {
            let glob = GlobBuilder::new(&narrow(pattern, &wide))
                .build()
                .map_err(|error| format!("`{pattern}`: {}", error.kind()))?;
            builder.add(glob);
        }
        builder
            .build()
            .map(|set| Globs {
                set: Some(set),
                wide,
            })
            .map_err(|error| error.to_string())
    }

    pub fn is_empty(&self) -> bool {
        self.set.is_none()
    }

    /// Whether any glob matches `text`.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.set
            .as_ref()
            .is_none_or(|set| set.is_match(&*narrow(&String::from_utf8_lossy(text), &self.wide)))
    }
}

/// `text` with one byte for each character, since that is what globset takes for one: of those beyond ASCII, control characters stand
/// for the first of `wide`, and DEL for all others.
fn narrow<'t>(text: &'t str, wide: &[char]) -> Cow<'t, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let code = |c: char| wide.iter().take(31).position(|known| *known == c);
    let byte = |c: char| match code(c) {
        _ if c.is_ascii() => c,
        Some(n) => char::from(n as u8 + 1),
        None => '\x7f',
    };
    Cow::Owned(text.chars().map(byte).collect())
}

/// A glob of paths: `*` stays within a directory, `**` crosses them.
#[derive(Clone, Debug)]
pub struct PathGlob(GlobMatcher);

impl PathGlob {
    pub fn new(pattern: &str) -> Result<PathGlob, String> {
        let glob = GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| error.kind().to_string())?;
        Ok(PathGlob(glob.compile_matcher()))
    }

    pub fn matches(&self, path: &Path) -> bool {
        self.0.is_match(path)
    }
}

/// Whether `glob(3)` without flags would find `path` for `pattern`: `*`, `?` and `[…]` stay within a directory and do not
/// match a leading dot, a backslash protects.
pub fn matches_like_glob3(pattern: &[u8], path: &[u8]) -> bool {
    let (mut patterns, mut names) = (pattern.split(|&b| b == b'/'), path.split(|&b| b == b'/'));
    loop {
        match (patterns.next(), names.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) if matches_component(pattern, name) => {}
            _ => return false,
        }
    }
}

/// Whether one component of a `glob(3)` pattern matches a file name.
pub fn matches_component(pattern: &[u8], name: &[u8]) -> bool {
    if name.starts_with(b".") && !pattern.starts_with(b".") && !pattern.starts_with(b"\\.") {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    // Behind the last `*`, and where in the name it was tried last.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some(_) => one_matches(&pattern[p..], name[n]),
            None => None,
        };
        match (step, &mut retry) {
            (Some(len), _) => {
                p += len;
                n += 1;
            }
            (None, Some((behind, tried))) => {
                *tried += 1;
                (p, n) = (*behind, *tried);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

/// The length of what stands at the start of `pattern`, if it matches `byte`.
fn one_matches(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern[0] {
        b'?' => Some(1),
        b'[' => match class(pattern, byte) {
            Some((len, is_match)) => is_match.then_some(len),
            None => (byte == b'[').then_some(1),
        },
        b'\\' if pattern.len() > 1 => (pattern[1] == byte).then_some(2),
        literal => (literal == byte).then_some(1),
    }
}

/// The length of a `[…]`, and whether it matches `byte`; `None` if nothing closes it.
fn class(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let is_negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = 1 + usize::from(is_negated);
    let (mut at, mut is_in) = (start, false);
    loop {
        match *pattern.get(at)? {
            b']' if at > start => return Some((at + 1, is_in != is_negated)),
            low => match (pattern.get(at + 1), pattern.get(at + 2)) {
                (Some(b'-'), Some(&high)) if high != b']' => {
                    is_in |= (low..=high).contains(&byte);
                    at += 3;
                }
                _ => {
                    is_in |= low == byte;
                    at += 1;
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_of_several_bytes_is_one() {
        for (pattern, text, want) in [
            ("h?st1", "hôst1", true),
            ("h??st1", "hôst1", false),
            ("hôst?", "hôsté", true),
            ("hôst1", "hêst1", false),
            ("h[ôê]st1", "hêst1", true),
            ("h[!ô]st1", "hôst1", false),
            ("{hôst,web}*", "hôst1", true),
            ("*", "hôst1", true),
            ("?", "\u{1f600}", true),
            ("h?st1", "host1", true),
        ] {
            let globs = Globs::new(&[pattern.to_owned()]).expect("a glob");
            assert_eq!(globs.matches(text.as_bytes()), want, "{pattern} {text}");
        }
    }

    #[test]
    fn globs_of_nginx_are_those_of_glob3() {
        let is_match =
            |pattern: &str, path: &str| matches_like_glob3(pattern.as_bytes(), path.as_bytes());
        for (pattern, path) in [
            ("/etc/nginx/*.conf", "/etc/nginx/a.conf"),
            ("/etc/nginx/*", "/etc/nginx/a.conf~"),
            ("s?tes-[de]nabled/*", "sites-enabled/x"),
            ("a[!b-d]", "ae"),
            ("a[]]", "a]"),
            ("a[", "a["),
            (".*", ".a"),
            ("\\*", "*"),
            ("*a*b*", "xaybz"),
            ("**", "x"),
        ] {
            assert!(is_match(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/etc/nginx/*.conf", "/etc/nginx/conf.d/a.conf"),
            ("/etc/*", "/etc/.a"),
            ("/etc/nginx/*.conf", "/etc/nginx/a.conf.bak"),
            ("a[b-d]", "ae"),
            ("\\*", "x"),
            ("*a*b", "xaybz"),
            ("a", "A"),
            ("a/*", "a"),
        ] {
            assert!(!is_match(pattern, path), "{pattern} {path}");
        }
        let many = "*a".repeat(200);
        assert!(!is_match(&many, &"a".repeat(150)));
    }
}
