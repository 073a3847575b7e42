//! System error numbers: what Linux, FreeBSD/macOS and Windows mean by them.
//!
//! nginx prints ` (N: text)` with the number of its own system and the text of its libc. The number decides; the text is
//! the fallback where a number is missing or the collision of two systems would mislead (60 is a timeout on macOS and
//! nothing a socket gives on Linux, so no collision matters for the numbers below).

/// Numbers that causes hang on, as Linux gives them: of a unix socket, its backlog is full.
pub const AGAIN: u8 = 11;
/// No memory.
pub const NO_MEMORY: u8 = 12;
/// Of a connect(), an address that is none.
pub const INVALID: u8 = 22;
/// The process has as many files open as it may.
pub const MANY_FILES: u8 = 24;
/// The disk is full.
pub const NO_SPACE: u8 = 28;
/// Of a connect(), no port is left to connect from.
pub const NO_PORT: u8 = 99;
/// No route.
pub const NETWORK_UNREACHABLE: u8 = 101;

/// A number, whatever the system, as the one Linux gives it.
pub fn to_linux(number: u32) -> u32 {
    match number {
        35 | 10035 => 11,
        5 | 10013 => 13, // Windows: access denied; 5 on Unix is EIO and not a socket's
        3 => 2,
        10022 => 22,
        10024 => 24,
        109 => 32,
        48 | 10048 => 98,
        49 | 10049 => 99,
        50 | 10050 => 100,
        51 | 10051 => 101,
        53 | 10053 => 103,
        54 | 10054 => 104,
        55 | 10055 => 105,
        57 | 10057 => 107,
        60 | 10060 => 110,
        61 | 10061 => 111,
        64 => 112,
        65 | 10065 => 113,
        69 => 122,
        other => other,
    }
}

/// The Linux number a text of glibc, musl, BSD or Windows stands for; 0 if it is none of them.
pub fn from_text(text: &[u8]) -> u32 {
    TEXTS
        .iter()
        .find(|(known, _)| text.starts_with(known.as_bytes()))
        .map_or(0, |&(_, number)| number)
}

/// The texts that are known.
pub fn texts() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|&(text, _)| text)
}

const TEXTS: &[(&str, u32)] = &[
    ("Operation not permitted", 1),
    ("No such file or directory", 2),
    ("Resource temporarily unavailable", 11),
    ("Cannot allocate memory", 12),
    ("Out of memory", 12),
    ("Permission denied", 13),
    ("Invalid argument", 22),
    ("Too many open files", 24),
    ("No file descriptors available", 24),
    ("No space left on device", 28),
    ("Broken pipe", 32),
    ("Address already in use", 98),
    ("Address in use", 98),
    ("Cannot assign requested address", 99),
    ("Can't assign requested address", 99),
    ("Address not available", 99),
    ("Network is down", 100),
    ("Network is unreachable", 101),
    ("Network unreachable", 101),
    ("Software caused connection abort", 103),
    ("Connection aborted", 103),
    ("Connection reset by peer", 104),
    ("An existing connection was forcibly closed", 104),
    ("No buffer space available", 105),
    ("Connection timed out", 110),
    ("Operation timed out", 110),
    ("Connection refused", 111),
    (
        "No connection could be made because the target machine actively refused it",
        111,
    ),
    ("Host is down", 112),
    ("No route to host", 113),
    ("Host is unreachable", 113),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_systems_agree() {
        for (numbers, linux) in [
            ([61, 10061], 111),
            ([60, 10060], 110),
            ([54, 10054], 104),
            ([65, 10065], 113),
        ] {
            assert!(numbers.iter().all(|&n| to_linux(n) == linux));
        }
        assert_eq!(from_text(b"Host is unreachable"), 113);
        assert_eq!(from_text(b"Unknown error"), 0);
    }
}
