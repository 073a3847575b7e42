//! What nginx was doing: the words after ` while `, from the `log->action` assignments of the nginx source, and the phase
//! and side they stand for.

use crate::event::{Level, Phase};

/// Which end of the gateway a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Upstream,
    /// A connection of nginx's own: DNS, syslog, OCSP.
    Own,
}

/// One known phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    pub words: &'static str,
    pub phase: Phase,
    /// `None` where the words do not tell: the level then does.
    pub side: Option<Side>,
}

const fn action(words: &'static str, phase: Phase, side: Side) -> Action {
    Action {
        words,
        phase,
        side: Some(side),
    }
}

const fn either(words: &'static str, phase: Phase) -> Action {
    Action {
        words,
        phase,
        side: None,
    }
}

/// Every phrase; where one begins another, the longer stands first.
#[rustfmt::skip]
pub const ACTIONS: &[Action] = &[
    // http and stream, toward the upstream
    action("connecting to upstream", Phase::Connect, Side::Upstream),
    action("reading response header from upstream", Phase::Header, Side::Upstream),
    action("reading upstream", Phase::Body, Side::Upstream),
    action("sending request to upstream", Phase::Send, Side::Upstream),
    action("SSL handshaking to upstream", Phase::Tls, Side::Upstream),
    either("proxying upgraded connection", Phase::Tunnel),
    // http, toward the client
    either("sending to client", Phase::Client),
    either("sending response to client", Phase::Client),
    either("sending early hints to client", Phase::Client),
    either("sending mp4 to client", Phase::Client),
    either("sending flv to client", Phase::Client),
    action("SSL handshaking", Phase::Client, Side::Client),
    action("waiting for request", Phase::Client, Side::Client),
    action("reading client request line", Phase::Client, Side::Client),
    action("reading client request headers", Phase::Client, Side::Client),
    action("reading client pipelined request line", Phase::Client, Side::Client),
    action("reading client request", Phase::Client, Side::Client),
    action("reading PROXY protocol", Phase::Client, Side::Client),
    action("processing HTTP/2 connection", Phase::Client, Side::Client),
    action("processing HTTP/3 connection", Phase::Client, Side::Client),
    action("closing request", Phase::Client, Side::Client),
    action("keepalive", Phase::Client, Side::Client),
    either("logging request", Phase::None),
    action("handling quic input", Phase::Client, Side::Client),
    action("parsing quic packet", Phase::Client, Side::Client),
    action("decrypting packet", Phase::Client, Side::Client),
    // stream
    action("initializing session", Phase::Client, Side::Client),
    action("prereading client data", Phase::Client, Side::Client),
    either("proxying connection", Phase::Tunnel),
    action("proxying and reading from client", Phase::Tunnel, Side::Client),
    action("proxying and sending to client", Phase::Tunnel, Side::Client),
    action("proxying and reading from upstream", Phase::Tunnel, Side::Upstream),
    action("proxying and sending to upstream", Phase::Tunnel, Side::Upstream),
    action("returning text", Phase::Client, Side::Client),
    action("passing connection to port", Phase::Client, Side::Client),
    // mail
    action("sending client greeting line", Phase::Client, Side::Client),
    action("in auth state", Phase::Client, Side::Client),
    action("in starttls state", Phase::Client, Side::Client),
    action("in http auth state", Phase::None, Side::Upstream),
    action("in resolving client address", Phase::Resolve, Side::Own),
    action("in resolving client hostname", Phase::Resolve, Side::Own),
    action("in delay pipelining state", Phase::Client, Side::Client),
    action("sending user name to upstream", Phase::Send, Side::Upstream),
    action("sending password to upstream", Phase::Send, Side::Upstream),
    action("sending LOGIN command to upstream", Phase::Send, Side::Upstream),
    action("sending HELO/EHLO to upstream", Phase::Send, Side::Upstream),
    action("sending XCLIENT to upstream", Phase::Send, Side::Upstream),
    action("sending client HELO/EHLO to upstream", Phase::Send, Side::Upstream),
    action("sending AUTH to upstream", Phase::Send, Side::Upstream),
    action("sending MAIL FROM to upstream", Phase::Send, Side::Upstream),
    action("sending RCPT TO to upstream", Phase::Send, Side::Upstream),
    action("sending PROXY protocol header to upstream", Phase::Send, Side::Upstream),
    action("reading response from upstream", Phase::Header, Side::Upstream),
    either("proxying", Phase::Tunnel),
    // nginx's own connections
    action("resolving", Phase::Resolve, Side::Own),
    action("requesting certificate status", Phase::None, Side::Own),
    action("logging to syslog", Phase::None, Side::Own),
    action("accepting new connection on", Phase::Accept, Side::Client),
    // OpenResty
    action("proxy pass SSL handshaking", Phase::Tls, Side::Upstream),
    action("loading proxy ssl certificate by lua", Phase::Tls, Side::Upstream),
    action("loading proxy ssl verify by lua", Phase::Tls, Side::Upstream),
    action("loading SSL certificate by lua", Phase::Client, Side::Client),
    action("fetching SSL session by lua", Phase::Client, Side::Client),
    action("storing SSL session by lua", Phase::Client, Side::Client),
    action("handling client hello by lua", Phase::Client, Side::Client),
];

/// The known phrase `text` begins with, if a blank-free boundary follows it, and its length.
#[inline]
pub fn parse_action(text: &[u8]) -> Option<(&'static Action, usize)> {
    let &[first, .., eighth] = text.first_chunk::<8>()?; // no phrase is shorter
    ACTIONS
        .iter()
        // Two bytes rule nearly all phrases out before a comparison is called for.
        .filter(|action| {
            action.words.as_bytes()[0] == first && action.words.as_bytes()[7] == eighth
        })
        .find_map(|action| {
            let rest = text.strip_prefix(action.words.as_bytes())?;
            let ends = rest
                .first()
                .is_none_or(|&b| !b.is_ascii_alphanumeric() && b != b' ' && b != b'/')
                || action.phase == Phase::Accept;
            ends.then_some((action, action.words.len()))
        })
        .or_else(|| parse_cut_action(text))
}

/// The first phrase that `text`, all that is left of a cut record, begins.
#[cold]
fn parse_cut_action(text: &[u8]) -> Option<(&'static Action, usize)> {
    let words = &text[..text
        .iter()
        .rposition(u8::is_ascii_alphanumeric)
        .map_or(0, |last| last + 1)];
    let is_cut = words.len() >= 8 && text.len() - words.len() <= 3;
    ACTIONS
        .iter()
        .find(|action| is_cut && action.words.as_bytes().starts_with(words))
        .map(|action| (action, text.len()))
}

impl Action {
    /// The side of the record: as the words say, else upstream at level `error` and above, where nginx logs faults of
    /// upstream sockets (`ngx_connection_error`), and client below; upstream where the level is unknown.
    pub fn side_at(&self, level: Option<Level>) -> Side {
        self.side.unwrap_or_else(|| side_of_level(level))
    }
}

/// The side a record without telling words is about.
pub fn side_of_level(level: Option<Level>) -> Side {
    match level {
        Some(level) if level > Level::Error => Side::Client,
        _ => Side::Upstream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_phrases_win_and_boundaries_count() {
        let words = |text: &str| parse_action(text.as_bytes()).map(|(action, _)| action.words);
        assert_eq!(
            words("SSL handshaking to upstream, client: ::1"),
            Some("SSL handshaking to upstream")
        );
        assert_eq!(
            words("SSL handshaking, client: ::1"),
            Some("SSL handshaking")
        );
        assert_eq!(
            words("proxying upgraded connection"),
            Some("proxying upgraded connection")
        );
        assert_eq!(words("reading upstreams"), None);
        assert_eq!(
            words("connecting to upstream(proxy_connect), client"),
            Some("connecting to upstream")
        );
        for action in ACTIONS {
            assert_eq!(
                words(action.words),
                Some(action.words),
                "hidden by a shorter phrase"
            );
        }
    }
}
