//! Addresses of clients, alone and within text.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::net::IpAddr;

/// Writes what stands for `client`: the same for every spelling of an address, with or without port and brackets.
pub(super) fn write_pseudonym(client: &[u8], key: &Hmac<Sha256>, out: &mut Vec<u8>) {
    let canonical = match parse(client) {
        Some(address) => address.to_canonical().to_string().into_bytes(),
        None => client.to_ascii_lowercase(),
    };
    let digest = key.clone().chain_update(canonical).finalize().into_bytes();
    out.extend_from_slice(b"client-");
    for byte in &digest[..DIGITS / 2] {
        out.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
}

/// Hexadecimal digits of a pseudonym: among a million clients two share one with a probability of 0.2 %.
const DIGITS: usize = 12;

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`, with or without a zone (`%eth0`) or a
/// length of prefix.
fn parse(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let inner = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => text,
    };
    let inner = inner.split(['%', '/']).next()?;
    let without_port = || inner.rsplit_once(':').map(|(host, _)| host);
    inner.parse().ok().or_else(|| {
        without_port()?
            .parse::<std::net::Ipv4Addr>()
            .ok()
            .map(IpAddr::V4)
    })
}

/// Length of the address, with its port, that `text` begins with; it must stand by itself.
pub(super) fn len(text: &[u8]) -> Option<usize> {
    let is_inside =
        |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'[' | b']');
    let mut len = text.iter().take_while(is_inside).count();
    if len < text.len() && text[len].is_ascii_alphanumeric() {
        return None;
    }
    while len > 0 && matches!(text[len - 1], b'.' | b':' | b'[') {
        len -= 1;
    }
    // `[1.2.3.4]` as a whole, but not the bracket behind `1.2.3.4`.
    if text.first() != Some(&b'[') {
        len = memchr::memchr2(b'[', b']', &text[..len]).unwrap_or(len);
    }
    let candidate = &text[..len];
    let n_dots = candidate.iter().filter(|&&byte| byte == b'.').count();
    let n_colons = candidate.iter().filter(|&&byte| byte == b':').count();
    (len >= 3 && (n_dots >= 3 || n_colons >= 2) && parse(candidate).is_some()).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_text() {
        for (text, want) in [
            ("192.0.2.1", Some(9)),
            ("192.0.2.1:443, x", Some(13)),
            ("192.0.2.1.", Some(9)),
            ("[2001:db8::1]:80 y", Some(16)),
            ("2001:db8::1, z", Some(11)),
            ("::1", Some(3)),
            ("::ffff:192.0.2.1:", Some(16)),
            ("10:20:30", None),
            ("11:23:46", None),
            ("1.2.3", None),
            ("192.0.2.1x", None),
            ("dead:beef", None),
        ] {
            assert_eq!(len(text.as_bytes()), want, "{text}");
        }
        assert_eq!(parse(b"::ffff:192.0.2.1"), parse(b"[::ffff:c000:201]:80"));
    }
}
