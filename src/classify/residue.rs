//! Shapes of messages that no row describes, so that `other` is never just a number.
//!
//! Numbers, quoted texts, paths and hexadecimal words are folded, so that messages that differ only in those count as one.

/// Bytes of a message that make its shape; what follows does not count. Keeps the table of shapes small.
pub const SHAPE_LEN_MAX: usize = 160;

/// Writes the shape of `message` to `shape`, which is cleared first: runs of digits and hexadecimal words become `#`,
/// quoted texts `"…"`, absolute paths `/…`.
pub fn write_shape(message: &[u8], shape: &mut Vec<u8>) {
    shape.clear();
    let message = &message[..message.len().min(4 * SHAPE_LEN_MAX)];
    let mut at = 0;
    while at < message.len() && shape.len() < SHAPE_LEN_MAX {
        let rest = &message[at..];
        let starts_word = at == 0 || !message[at - 1].is_ascii_alphanumeric();
        at += match rest[0] {
            b'"' => {
                shape.extend_from_slice("\"…\"".as_bytes());
                memchr::memchr(b'"', &rest[1..]).map_or(rest.len(), |end| end + 2)
            }
            b'/' if starts_word && rest.len() > 1 && rest[1] != b' ' => {
                shape.extend_from_slice("/…".as_bytes());
                rest.iter()
                    .position(|b| matches!(b, b' ' | b',' | b':' | b')' | b'"'))
                    .unwrap_or(rest.len())
            }
            b if b.is_ascii_digit() || (starts_word && is_hex_word(rest)) => {
                shape.push(b'#');
                rest.iter()
                    .position(|b| !b.is_ascii_hexdigit() && *b != b'x')
                    .unwrap_or(rest.len())
                    .max(1)
            }
            b'\n' | b'\r' => break,
            b => {
                shape.push(b);
                1
            }
        };
    }
}

/// A word of at least eight hexadecimal digits that holds a decimal one: an address or an id, not a word.
fn is_hex_word(rest: &[u8]) -> bool {
    let len = rest.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    len >= 8 && rest[..len].iter().any(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_folded() {
        let shape = |message: &str| {
            let mut shape = Vec::new();
            write_shape(message.as_bytes(), &mut shape);
            String::from_utf8(shape).expect("ASCII in, UTF-8 out")
        };
        assert_eq!(
            shape("cache file \"/var/a\" has 17 bytes"),
            "cache file \"…\" has # bytes"
        );
        assert_eq!(shape("using /etc/a.conf: 3"), "using /…: #");
        assert_eq!(shape("ptr 0x55d0e7a1 at deadbeef01"), "ptr # at #");
        assert_eq!(shape("defaced"), "defaced");
    }
}
