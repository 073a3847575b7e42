//! Versions of nginx.

use std::fmt;

/// A version of nginx, `1.29.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// From this one on, connections to the peers of a block are kept by default (nginx's CHANGES).
    pub const KEEPS_CONNECTIONS: Version = Version(1, 29, 7);

    /// The version in `nginx/1.22.1`, `openresty/1.27.1.2` or `1.22.1 (Ubuntu)`; `None` if there is none.
    pub fn parse(text: &[u8]) -> Option<Version> {
        let behind_slash = text.iter().position(|&b| b == b'/').map_or(0, |at| at + 1);
        let text = &text[behind_slash..];
        let len = text
            .iter()
            .take_while(|b| b.is_ascii_digit() || **b == b'.')
            .count();
        let mut parts = text[..len].split(|&b| b == b'.');
        let mut part = || std::str::from_utf8(parts.next()?).ok()?.parse().ok();
        Some(Version(part()?, part()?, part()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_and_ordered() {
        assert_eq!(Version::parse(b"nginx/1.22.1"), Some(Version(1, 22, 1)));
        assert_eq!(
            Version::parse(b"openresty/1.27.1.2"),
            Some(Version(1, 27, 1))
        );
        assert_eq!(Version::parse(b"1.29.7 (Ubuntu)"), Some(Version(1, 29, 7)));
        assert_eq!(Version::parse(b"nginx"), None);
        assert_eq!(Version::parse(b"1.2"), None);
        assert!(Version(1, 29, 7) > Version(1, 9, 10));
        assert_eq!(Version(1, 29, 7).to_string(), "1.29.7");
    }
}
