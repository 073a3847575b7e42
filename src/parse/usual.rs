//! Heads and tails as nginx nearly always writes them, read from a window without a search. What is unusual in any way is left
//! to [`head`](super::head) and [`tail`](super::tail), which decide what it means; here it is `None`.

use super::{
    forged::path,
    head::{Head, TIME_LEN, fits, value},
    tail::Tail,
    upstream,
};
use crate::{
    event::{Level, LocalTime},
    lines::{Cpu, Window, marks::BLOCK_LEN, window::wide},
};

/// A level in brackets.
#[derive(Clone, Copy)]
struct LevelWord {
    /// Its first eight bytes, or all.
    word: u64,
    mask: u64,
    len: usize,
    level: Level,
}

/// Levels by the low half of the first letter of their name: no two of them share it.
const LEVELS: [LevelWord; 16] = {
    let never = LevelWord {
        word: 1,
        mask: 0,
        len: 0,
        level: Level::Debug,
    };
    let mut levels = [never; 16];
    levels[(b'e' % 16) as usize] = level_word(b"[error]", Level::Error);
    levels[(b'w' % 16) as usize] = level_word(b"[warn]", Level::Warn);
    levels[(b'i' % 16) as usize] = level_word(b"[info]", Level::Info);
    levels[(b'c' % 16) as usize] = level_word(b"[crit]", Level::Crit);
    levels[(b'a' % 16) as usize] = level_word(b"[alert]", Level::Alert);
    levels[(b'n' % 16) as usize] = level_word(b"[notice]", Level::Notice);
    levels
};

const fn level_word(text: &[u8], level: Level) -> LevelWord {
    let (word, mask) = wide(text);
    LevelWord {
        word: word as u64,
        mask: mask as u64,
        len: text.len(),
        level,
    }
}

/// How ` PID#TID: *CONNECTION ` or ` PID#TID: ` was written last: the numbers of a log mostly have as many digits as those of the
/// line before, and then two comparisons find them.
#[derive(Debug, Clone)]
pub struct Layout {
    text: [u8; BLOCK_LEN],
    /// Bits of its bytes that are no digits, up to the last blank, and of all up to there.
    others: u64,
    all: u64,
    /// Offsets of the number sign, the colon and the last blank.
    after_pid: usize,
    after_tid: usize,
    end: usize,
    has_connection: bool,
}

impl Default for Layout {
    /// Of no text at all.
    fn default() -> Layout {
        Layout {
            text: [0; BLOCK_LEN],
            others: 1,
            all: 0,
            after_pid: 0,
            after_tid: 0,
            end: 0,
            has_connection: false,
        }
    }
}

/// The head of the record at `at`, which names `time`, up to the level; its process must follow.
#[inline(always)]
pub fn parse_head(
    cpu: impl Cpu,
    window: Window<'_>,
    at: usize,
    time: LocalTime,
    layout: &mut Layout,
) -> Option<Head> {
    let word = window.word(at + TIME_LEN + 1);
    let level = &LEVELS[usize::from((word >> 8) as u8) % 16];
    if word & level.mask != level.word {
        return None;
    }
    let from = at + TIME_LEN + 1 + level.len;
    // Where the bytes stand that are no digits.
    let others = u64::from(cpu.non_digits(window.bytes(from)));
    let differs = cpu.differs(window.block(from, 0), &layout.text) & layout.others;
    // A star behind the colon is to be followed by a connection.
    let is_star = !layout.has_connection & (window.byte(from + layout.end + 1) == b'*');
    if (others & layout.all != layout.others) | (differs != 0) | is_star {
        *layout = read_layout(window, from, others)?;
    }
    let Layout {
        after_pid,
        after_tid,
        end,
        has_connection,
        ..
    } = *layout;
    let [pid, tid, connection] = [from + 1, from + after_pid + 1, from + after_tid + 3];
    // Numbers that nobody asks for are not computed: this is straight arithmetic, which the compiler leaves out.
    Some(Head {
        time: Some(time),
        level: Some(level.level),
        pid: Some(number(window, pid, after_pid - 1)),
        tid: Some(number(window, tid, after_tid - after_pid - 1)),
        connection: has_connection
            .then(|| number(window, connection, end.wrapping_sub(after_tid + 3))),
        len: from + end + 1 - at,
    })
}

/// The layout of the text at `from`, of whose first 32 bytes `others` are no digits.
#[inline(never)]
fn read_layout(window: Window<'_>, from: usize, others: u64) -> Option<Layout> {
    let behind_blank = others & others.wrapping_sub(1);
    let after_pid = behind_blank.trailing_zeros() as usize;
    let after_tid = (behind_blank & behind_blank.wrapping_sub(1)).trailing_zeros() as usize;
    if after_tid > 32 - 3 {
        return None;
    }
    let has_connection = window.word(from + after_tid) << 40 == COLON_STAR << 40;
    let connection_at = after_tid + 3;
    let end = if has_connection {
        (others & u64::MAX << connection_at).trailing_zeros() as usize
    } else {
        after_tid + 1
    };
    let is_whole = (window.byte(from) == b' ')
        & (window.byte(from + after_pid) == b'#')
        & (window.byte(from + after_tid) == b':')
        & (window.byte(from + end) == b' ')
        & (end < 32);
    let n_digits = [
        after_pid.wrapping_sub(1),
        after_tid.wrapping_sub(after_pid + 1),
        if has_connection {
            end.wrapping_sub(connection_at)
        } else {
            1
        },
    ];
    if !is_whole || n_digits.iter().any(|n| !(1..=15).contains(n)) {
        return None;
    }
    let all = (2 << end) - 1;
    Some(Layout {
        text: *window.block(from, 0),
        others: others & all,
        all,
        after_pid,
        after_tid,
        end,
        has_connection,
    })
}

const COLON_STAR: u64 = wide(b": *").0 as u64;

/// The number of `n_digits` digits, 1 to 15, at `at`.
#[inline(always)]
fn number(window: Window<'_>, at: usize, n_digits: usize) -> u64 {
    const POWERS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let (first, second) = (window.word(at), window.word(at + 8));
    if n_digits <= 8 {
        value(first, n_digits)
    } else {
        value(first, 8) * POWERS[n_digits % 8] + value(second, n_digits - 8)
    }
}

/// The tail whose client's address begins at `client`, behind its key, in a record that ends before the newline at `end`; and the
/// [address](upstream::address) in its upstream value. Says in `is_foreign` if its request holds an encoded newline.
#[inline(always)] // a tail is large: it should be made where it is used
pub fn parse_tail<'a>(
    cpu: impl Cpu,
    window: Window<'a>,
    client: usize,
    end: usize,
    is_foreign: &mut bool,
) -> Option<(Tail<'a>, Option<&'a [u8]>)> {
    let after_client = window.find(cpu, b',', client, end);
    let server = after_client + SERVER.len();
    // Angie quotes client and server.
    if !is_at(window, after_client, SERVER)
        || (window.byte(client) == b'"') | (window.byte(server) == b'"')
    {
        return None;
    }
    let after_server = window.find(cpu, b',', server, end);
    let mut tail = Tail {
        client: Some(window.slice(client, after_client)),
        server: Some(window.slice(server, after_server)),
        ..Tail::default()
    };
    if after_server == end {
        return Some((tail, None));
    }
    let request = after_server + REQUEST.len();
    if !is_at(window, after_server, REQUEST) {
        return None;
    }
    let mut close = window.find_long(cpu, b'"', request, end);
    if close < request + 9
        || window.byte(close - 9) != b' '
        || !fits(window.word(close - 8), b"HTTP/0.0")
    {
        return None;
    }
    tail.request = Some(window.slice(request, close));
    let mut address = None;
    if is_at(window, close, UPSTREAM) {
        // Only an upstream can be made of a part of it.
        if may_hold_newline(cpu, window, request, close) {
            *is_foreign |= holds_newline(window.slice(request, close));
        }
        let upstream = close + UPSTREAM.len();
        close = window.find_long(cpu, b'"', upstream, end);
        tail.upstream = Some(window.slice(upstream, close));
        address = parse_address(cpu, window, (upstream, close), tail.request);
    }
    let goes_on = is_at(window, close, HOST) || is_at(window, close, REFERRER);
    let is_whole = if goes_on {
        ends_whole(window, end)
    } else {
        window.byte(close) == b'"' && close + 1 == end
    };
    if !is_whole {
        return None;
    }
    tail.rest = window.slice(close + 1, end);
    Some((tail, address))
}

/// Like [`upstream::address`], for a value that ends before the quote at `end`.
#[inline(always)]
fn parse_address<'a>(
    cpu: impl Cpu,
    window: Window<'a>,
    (at, end): (usize, usize),
    request: Option<&[u8]>,
) -> Option<&'a [u8]> {
    let start = window.word(at);
    let is_short = (start << 8 == HTTP << 8) | (start << 8 == GRPC << 8);
    let is_fastcgi = (start == FASTCGI) & (window.word(at + 8) << 48 == SLASHES << 48);
    let peer = at
        + if is_fastcgi {
            10
        } else {
            7 + usize::from(start == HTTPS)
        };
    let is_unix = window.word(peer) << 24 == UNIX << 24;
    // What stands between the brackets of an IPv6 address belongs to it, and only the proxy module appends a URI to a socket.
    let is_plain = (window.byte(peer) != b'[') & (!is_unix | is_fastcgi);
    let closing = if is_unix { b':' } else { b'/' };
    let closings = cpu.equal(window.block(peer, 0), closing);
    let closings = if is_unix {
        closings >> 5 << 5
    } else {
        closings
    };
    let len = closings.trailing_zeros() as usize;
    let is_known = is_short | is_fastcgi | (start == HTTPS);
    // Without a slash all of it is the address; a socket has its colon.
    let value_len = end.saturating_sub(peer);
    let is_whole = if is_unix {
        (len > 5) & (len < value_len.min(BLOCK_LEN))
    } else {
        (value_len <= BLOCK_LEN) | (len < BLOCK_LEN)
    };
    let len = len.min(value_len);
    if is_known & is_plain & is_whole & (len > 0) {
        return Some(window.slice(peer, peer + len));
    }
    unusual_address(window.slice(at, end), request)
}

#[inline(never)]
fn unusual_address<'a>(value: &'a [u8], request: Option<&[u8]>) -> Option<&'a [u8]> {
    upstream::address(value, request, false)
}

/// Whether an encoded newline may stand between `from` and `end`: `%0` does, or shortly behind.
#[inline(always)]
fn may_hold_newline(cpu: impl Cpu, window: Window<'_>, from: usize, end: usize) -> bool {
    let mut at = from;
    while at < end {
        let percents = cpu.equal(window.block(at, 0), b'%');
        if percents != 0 && percents & cpu.equal(window.block(at + 1, 0), b'0') != 0 {
            return true;
        }
        at += BLOCK_LEN;
    }
    false
}

#[cold]
#[inline(never)]
fn holds_newline(request: &[u8]) -> bool {
    path::holds_newline(request)
}

const HTTP: u64 = wide(b"http://").0 as u64;
const GRPC: u64 = wide(b"grpc://").0 as u64;
const HTTPS: u64 = wide(b"https://").0 as u64;
const FASTCGI: u64 = wide(b"fastcgi:").0 as u64;
const SLASHES: u64 = wide(b"//").0 as u64;
const UNIX: u64 = wide(b"unix:").0 as u64;

/// Whether a tail that ends at `end`, behind the key of host or referrer at least, ends with a quote that closes a value.
#[inline(always)]
fn ends_whole(window: Window<'_>, end: usize) -> bool {
    window.byte(end - 1) == b'"' && window.word(end - 3) << 40 != OPENED << 40
}

const OPENED: u64 = wide(b": \"").0 as u64;

const SERVER: &[u8] = b", server: ";
const REQUEST: &[u8] = b", request: \"";
/// With the quote that closes the value before.
const UPSTREAM: &[u8] = b"\", upstream: \"";
const HOST: &[u8] = b"\", host: \"";
const REFERRER: &[u8] = b"\", referrer: \"";

/// Whether `text`, a constant of at most 16 bytes, stands at `at`. It holds no newline, so where it does the line goes on.
#[inline(always)]
fn is_at(window: Window<'_>, at: usize, text: &'static [u8]) -> bool {
    let (value, mask) = wide(text);
    window.wide(at) & mask == value
}
