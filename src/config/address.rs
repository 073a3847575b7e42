//! Addresses of peers, in one form, so that those of a configuration and those of a log can be compared.

use std::net::{IpAddr, Ipv6Addr};

/// What a peer is reached at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// `unix:/path`
    Unix(Vec<u8>),
    Ip {
        ip: IpAddr,
        port: Option<u16>,
    },
    /// A name, in small letters; which addresses it has is not known here.
    Name {
        host: Vec<u8>,
        port: Option<u16>,
    },
}

impl Address {
    /// Reads `10.0.0.5:8080`, `[::1]:80`, `unix:/run/app.sock`, `app.internal`; where no port is written it is `default_port`. `None` if
    /// it is none of these.
    pub fn parse(text: &[u8], default_port: Option<u16>) -> Option<Address> {
        if let Some(path) = text.strip_prefix(b"unix:") {
            let path = path.strip_suffix(b":").unwrap_or(path);
            return (!path.is_empty()).then(|| Address::Unix(path.to_vec()));
        }
        let (host, port) = split_port(text)?;
        let port = match port {
            Some(digits) => Some(
                std::str::from_utf8(digits)
                    .ok()?
                    .parse()
                    .ok()
                    .filter(|&port| port > 0)?,
            ),
            None => default_port,
        };
        let bare = host
            .strip_prefix(b"[")
            .and_then(|host| host.strip_suffix(b"]"));
        if let Some(bare) = bare {
            let ip: Ipv6Addr = std::str::from_utf8(bare).ok()?.parse().ok()?;
            let ip = IpAddr::V6(ip);
            return Some(Address::Ip { ip, port });
        }
        if host.is_empty() {
            return None;
        }
        let ip = std::str::from_utf8(host)
            .ok()
            .and_then(|host| host.parse().ok());
        Some(match ip {
            Some(ip) => Address::Ip {
                ip: IpAddr::V4(ip),
                port,
            },
            None => Address::Name {
                host: host.to_ascii_lowercase(),
                port,
            },
        })
    }

    pub fn port(&self) -> Option<u16> {
        match self {
            Address::Unix(_) => None,
            Address::Ip { port, .. } | Address::Name { port, .. } => *port,
        }
    }

    /// Whether a log that shows `seen` can mean this: certainly, or perhaps, because a name is behind it.
    pub fn can_be(&self, seen: &Address) -> Option<Likeness> {
        if self == seen {
            return Some(Likeness::Same);
        }
        let (
            Address::Name { host, port },
            Address::Ip {
                ip,
                port: seen_port,
            },
        ) = (self, seen)
        else {
            return None;
        };
        if port != seen_port {
            return None;
        }
        let is_local = host == b"localhost" || host.ends_with(b".localhost");
        (!is_local || ip.is_loopback()).then_some(Likeness::ByName)
    }
}

/// How sure it is that two addresses are one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    Same,
    /// The configuration gives a name with this port, which may have had this address.
    ByName,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (host, port) = match self {
            Address::Unix(path) => return write!(f, "unix:{}", String::from_utf8_lossy(path)),
            Address::Ip {
                ip: IpAddr::V4(ip),
                port,
            } => (ip.to_string(), port),
            Address::Ip {
                ip: IpAddr::V6(ip),
                port,
            } => (format!("[{ip}]"), port),
            Address::Name { host, port } => (String::from_utf8_lossy(host).into_owned(), port),
        };
        match port {
            Some(port) => write!(f, "{host}:{port}"),
            None => f.write_str(&host),
        }
    }
}

/// The host and what stands behind its `:`.
fn split_port(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let behind_host = match text.first()? {
        b'[' => text.iter().position(|&b| b == b']')? + 1,
        _ => text.iter().position(|&b| b == b':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(behind_host);
    match rest.split_first() {
        None => Some((host, None)),
        Some((b':', port)) => Some((host, Some(port))),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form() {
        for (text, want) in [
            ("10.0.0.5:8080", "10.0.0.5:8080"),
            ("10.0.0.5", "10.0.0.5:80"),
            ("[::1]", "[::1]:80"),
            ("[0:0:0:0:0:0:0:1]:81", "[::1]:81"),
            ("App.Internal:3000", "app.internal:3000"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            ("unix:/run/a.sock:", "unix:/run/a.sock"),
        ] {
            let got = Address::parse(text.as_bytes(), Some(80)).map(|address| address.to_string());
            assert_eq!(got.as_deref(), Some(want), "{text}");
        }
        for text in [
            "", ":80", "a:", "a:x", "a:70000", "a:0", "[::1", "[x]:80", "[::1]x", "unix:",
        ] {
            assert_eq!(Address::parse(text.as_bytes(), Some(80)), None, "{text}");
        }
    }

    #[test]
    fn names_may_be_addresses() {
        let likeness = |written: &str, seen: &str| {
            let address =
                |text: &str| Address::parse(text.as_bytes(), Some(80)).expect("an address");
            address(written).can_be(&address(seen))
        };
        assert_eq!(likeness("10.0.0.5", "10.0.0.5:80"), Some(Likeness::Same));
        assert_eq!(likeness("10.0.0.5", "10.0.0.5:81"), None);
        assert_eq!(likeness("app:81", "10.0.0.5:81"), Some(Likeness::ByName));
        assert_eq!(likeness("app:81", "10.0.0.5:80"), None);
        assert_eq!(likeness("localhost", "[::1]:80"), Some(Likeness::ByName));
        assert_eq!(likeness("localhost", "10.0.0.5:80"), None);
    }
}
