//! What an access line says went wrong: of each attempt, and of the request.
//!
//! An access log tells less than an error log: a status, and which times came to be. What that leaves open is
//! [`Category::Other`] with a [`Reason`], never a guess; the error log, where there is one, decides. A field that is not in the
//! format, or whose list does not fit the others, is unknown, which is not the same as a `-`.
//!
//! The shapes are those of nginx: `ngx_http_upstream_next` sets 502 and 504 for an attempt it ended,
//! `ngx_http_upstream_process_header` what the upstream answered; a header time means that an answer came (also where nginx before
//! 1.13.7 wrote 502 for a 503 or 504 that it did not pass on). Not told, and
//! therefore not here: whether a 502 before the connection was a refusal or a route, whether an answer without its end was cut by
//! the upstream or by the client.

use crate::{
    event::{Category, Phase, Severity},
    parse::access::{
        AccessLine, Attempt, Attempts, Escape, Field, FieldSet, attempts, only_attempt, value,
    },
};

/// Who made an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    Gateway,
    Upstream,
    Unknown,
}

/// What leaves a category open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The gateway failed though the upstream, as far as is told, did not.
    AfterUpstream,
    /// The answer was not sent whole: the client went away, or the upstream failed in the body.
    AnswerCut,
    /// A failure kept in the cache and served again.
    Cached,
    /// The connection was closed or reset before a byte came.
    ClosedBeforeHeader,
    /// No connection: refused, unreachable, forbidden, no socket, full backlog, no ports, timed out by the kernel, or TLS.
    ConnectFailed,
    /// A rule, or a file that may not be read.
    DeniedOrFile,
    /// No upstream was come to: a name without address, or an error the configuration returns.
    DnsOrReturn,
    /// No upstream was come to: a bad address, a rewrite cycle, a dead `auth_request`, no memory.
    InternalOrAuth,
    /// A connection kept alive was closed just when it was used again; the same peer was asked once more.
    KeepaliveRace,
    /// A limit on requests or connections, maintenance, or a service without endpoints.
    LimitOrReturn,
    /// No answer was begun.
    NoAnswer,
    /// Connected, but no whole header came: closed, reset, too big or invalid.
    NoHeader,
    /// The attempt ended without a status.
    NoStatus,
    /// The fields that would tell are not in the log.
    NotLogged,
    /// The next peer was asked, and what for is not told.
    Retried,
    /// An error the gateway made without an upstream.
    Returned,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub category: Category,
    /// TLS counts as `connect`, and sending the request as `header`: the fields do not part them.
    pub phase: Phase,
    pub severity: Severity,
    pub origin: Origin,
    /// Why the category is [`Category::Other`]; `None` if it is another.
    pub reason: Option<Reason>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the client got; 0 if no answer was begun, 9 for one in HTTP/0.9.
    pub status: Option<u16>,
    pub n_attempts: u32,
    /// Of those, whose severity is a failure.
    pub n_failed_attempts: u32,
    /// Who made the answer that the client got.
    pub origin: Origin,
    /// `None` if the client was served, though maybe after a failed attempt.
    pub verdict: Option<Verdict>,
    /// An answer begun well was not sent whole.
    pub is_cut: bool,
}

impl Outcome {
    /// Whether it belongs to the table `requests`: failed, retried or cut, or saved from a failure by the cache or an error page.
    pub fn is_row(&self) -> bool {
        let has_failed = self
            .verdict
            .is_some_and(|v| v.severity == Severity::Failure);
        let is_bad = |status| status >= 500 || status == 499;
        self.status.is_some_and(is_bad)
            || self.n_attempts > 1
            || self.is_cut
            || has_failed
            || self.n_failed_attempts > 0
    }
}

/// Classifies a request and its attempts, which are handed to `each` in order; the last one answered the client, if any did.
#[inline(always)]
pub fn classify_request<'a>(
    line: &AccessLine<'a>,
    escape: Escape,
    mut each: impl FnMut(&Attempt<'a>, Option<Verdict>),
) -> Outcome {
    let Some(only) = only_attempt(line) else {
        return classify_attempts(line, escape, attempts(line), each);
    };
    let told = Told::new(line, FieldSet::NONE);
    let mut seen = Seen::default();
    if let Some(attempt) = only {
        let verdict = told.verdict(&attempt, None);
        each(&attempt, verdict);
        seen.add(&attempt, verdict);
    }
    seen.outcome(&told, escape)
}

/// The same of any attempts.
#[inline(never)]
fn classify_attempts<'a>(
    line: &AccessLine<'a>,
    escape: Escape,
    mut attempts: Attempts<'a>,
    mut each: impl FnMut(&Attempt<'a>, Option<Verdict>),
) -> Outcome {
    let told = Told::new(line, attempts.unaligned());
    let mut seen = Seen::default();
    let mut next = attempts.next();
    while let Some(attempt) = next {
        next = attempts.next();
        let verdict = told.verdict(&attempt, next.as_ref());
        each(&attempt, verdict);
        seen.add(&attempt, verdict);
    }
    seen.outcome(&told, escape)
}

/// The attempts of a request seen so far.
#[derive(Default)]
struct Seen {
    n: u32,
    n_failed: u32,
    /// Status and verdict of the last.
    last: Option<(Option<u16>, Option<Verdict>)>,
}

impl Seen {
    #[inline(always)]
    fn add(&mut self, attempt: &Attempt<'_>, verdict: Option<Verdict>) {
        self.n += 1;
        self.n_failed += u32::from(verdict.is_some_and(|v| v.severity == Severity::Failure));
        self.last = Some((attempt.status, verdict));
    }

    /// What became of the request, of which these are all attempts.
    #[inline(always)]
    fn outcome(self, told: &Told<'_, '_>, escape: Escape) -> Outcome {
        let end = match self.last {
            Some((status, verdict)) => End::Attempt {
                status: status.filter(|_| told.has(Field::UpstreamStatus)),
                verdict,
            },
            None => End::without_attempt(told.line, escape, told.status),
        };
        let verdict = of_request(told, end);
        Outcome {
            status: told.status,
            n_attempts: self.n,
            n_failed_attempts: self.n_failed,
            origin: verdict.map_or_else(|| origin(told, end), |verdict| verdict.origin),
            verdict,
            is_cut: told.is_cut,
        }
    }
}

/// What a line tells beside its attempts.
struct Told<'l, 'a> {
    line: &'l AccessLine<'a>,
    unaligned: FieldSet,
    status: Option<u16>,
    is_cut: bool,
}

/// Whether a time came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Yes,
    No,
    Unknown,
}

/// What an attempt was made at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Group,
    /// The gateway failed before it had one.
    Missing,
    Other,
}

/// What an attempt got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Below 500, or a status that is none.
    Fine,
    BadGateway,
    GatewayTimeout,
    /// Another 5xx.
    ServerError,
    /// nginx has none.
    Missing,
    Unknown,
}

/// What followed an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    /// The same peer once more, which happens only where a kept connection failed.
    SamePeer,
    Peer,
    /// An internal redirect.
    Pass,
}

/// How a request ended.
#[derive(Clone, Copy)]
enum End {
    /// With an attempt; `status` is what it got, if told.
    Attempt {
        status: Option<u16>,
        verdict: Option<Verdict>,
    },
    /// No upstream was tried.
    Untried,
    /// With an attempt that came to no peer.
    NoPeer,
    /// Whether an upstream was tried is not told.
    Unknown,
}

impl<'l, 'a> Told<'l, 'a> {
    #[inline]
    fn new(line: &'l AccessLine<'a>, unaligned: FieldSet) -> Told<'l, 'a> {
        let status = line.value(Field::Status).and_then(value::status);
        let is_begun_well = status.is_some_and(|status| matches!(status, 200..=399));
        let completion = line.get(Field::Completion);
        Told {
            line,
            unaligned,
            status,
            is_cut: is_begun_well && completion.is_some_and(|completion| completion != b"OK"),
        }
    }

    /// Whether the log tells it, be it that there is none.
    #[inline]
    fn has(&self, field: Field) -> bool {
        self.line.get(field).is_some() && !self.unaligned.has(field)
    }

    #[inline]
    fn is_stream(&self) -> bool {
        self.line.get(Field::StreamProtocol).is_some()
    }

    #[inline]
    fn is_cached(&self) -> bool {
        const FROM_CACHE: [&[u8]; 4] = [b"HIT", b"STALE", b"UPDATING", b"REVALIDATED"];
        let status = self.line.get(Field::CacheStatus);
        status.is_some_and(|status| FROM_CACHE.contains(&status))
    }

    /// Of one attempt and what followed it.
    #[inline]
    fn verdict(&self, attempt: &Attempt<'_>, next: Option<&Attempt<'_>>) -> Option<Verdict> {
        let next = match next {
            None => Next::Nothing,
            Some(next) if next.pass != attempt.pass => Next::Pass,
            Some(next) if attempt.addr.is_some() && next.addr == attempt.addr => Next::SamePeer,
            Some(_) => Next::Peer,
        };
        let answer = match (attempt.status, next) {
            (Some(status), _) => answer(status),
            (None, _) if self.has(Field::UpstreamStatus) => Answer::Missing,
            // What the client got is what the last attempt got, for want of better.
            (None, Next::Nothing) => self.status.map_or(Answer::Unknown, answer),
            (None, _) => Answer::Unknown,
        };
        if answer == Answer::Fine && self.status != Some(9) {
            return None; // by far the most frequent
        }
        self.bad_verdict(attempt, answer, next)
    }

    #[inline(never)]
    fn bad_verdict(&self, attempt: &Attempt<'_>, answer: Answer, next: Next) -> Option<Verdict> {
        // Before nginx 1.15.7 an attempt without a response time had no others either, or wrong ones.
        let is_reliable = !self.has(Field::UpstreamResponseTime) || attempt.response_ms.is_some();
        let came = |is_there: bool, is_told: bool| match (is_there, is_told) {
            (true, _) => Came::Yes,
            (_, true) => Came::No,
            _ => Came::Unknown,
        };
        let has_body = attempt.body_bytes.is_some_and(|n| n > 0);
        let header = came(
            attempt.header_ms.is_some() || has_body,
            self.has(Field::UpstreamHeaderTime) && is_reliable || attempt.received_bytes == Some(0),
        );
        let has_bytes = attempt.received_bytes.is_some_and(|n| n > 0);
        let connect = came(
            attempt.connect_ms.is_some() || header == Came::Yes || has_bytes,
            self.has(Field::UpstreamConnectTime) && is_reliable,
        );
        let peer = match attempt.addr {
            Some(_) if attempt.is_group => Peer::Group,
            None if self.has(Field::UpstreamAddr) => Peer::Missing,
            _ => Peer::Other,
        };
        let shape = Shape {
            peer,
            answer,
            connect,
            header,
            next,
            status: self.status,
            is_answer_told: attempt.status.is_some(),
            is_silent: attempt.received_bytes == Some(0),
        };
        if self.is_stream() {
            of_stream_attempt(shape)
        } else {
            of_attempt(shape)
        }
    }
}

fn answer(status: u16) -> Answer {
    match status {
        502 => Answer::BadGateway,
        504 => Answer::GatewayTimeout,
        500..=599 => Answer::ServerError,
        0 | 499 => Answer::Missing,
        _ => Answer::Fine,
    }
}

impl End {
    fn without_attempt(line: &AccessLine<'_>, escape: Escape, status: Option<u16>) -> End {
        let is_none = |field| matches!(line.get(field), Some(b"" | b"-"));
        let addr = line.get(Field::UpstreamAddr);
        let has_no_state = is_none(Field::UpstreamResponseTime)
            || is_none(Field::UpstreamResponseLength)
            || is_none(Field::UpstreamBytesReceived);
        match addr {
            _ if has_no_state => End::Untried,
            Some(b"-") => End::Untried,
            Some(b"") if escape == Escape::Default => End::NoPeer,
            // Nothing may be a variable without a value, or an address that is empty.
            Some(b"") if status != Some(500) => End::Untried,
            _ => End::Unknown,
        }
    }
}

/// What tells one shape of an attempt from another.
#[derive(Clone, Copy)]
struct Shape {
    peer: Peer,
    answer: Answer,
    connect: Came,
    header: Came,
    next: Next,
    /// Of the request.
    status: Option<u16>,
    /// `answer` is the attempt's own, not the request's.
    is_answer_told: bool,
    /// Not a byte came.
    is_silent: bool,
}

/// One row a shape; the first that fits.
fn of_attempt(shape: Shape) -> Option<Verdict> {
    use Came::{No, Unknown, Yes};
    use Next::{Nothing, Pass, SamePeer};
    use Origin::{Gateway, Upstream};
    let upstream_5xx = known(Category::Upstream5xx, Phase::None, Upstream);
    let Shape {
        peer,
        answer,
        connect,
        header,
        next,
        ..
    } = shape;
    let verdict = match (peer, answer, connect, header, next) {
        // A banner of another protocol, passed on as HTTP/0.9.
        (_, Answer::Fine, _, Yes | Unknown, Nothing) if shape.status == Some(9) => {
            known(Category::InvalidResponse, Phase::Header, Upstream)
        }
        (_, Answer::Fine, ..) => return None,

        (Peer::Group, Answer::BadGateway, No | Unknown, No | Unknown, _) => {
            known(Category::NoLiveUpstreams, Phase::Connect, Gateway)
        }
        (Peer::Missing, Answer::Missing, _, _, Nothing) if shape.status == Some(500) => {
            known(Category::ResourceExhausted, Phase::Connect, Gateway)
        }

        (_, Answer::GatewayTimeout, _, Yes, _) => upstream_5xx,
        (_, Answer::GatewayTimeout, No, ..) => known(Category::Timeout, Phase::Connect, Gateway),
        (_, Answer::GatewayTimeout, Yes, No, _) => known(Category::Timeout, Phase::Header, Gateway),
        (_, Answer::GatewayTimeout, _, No, _) => known(Category::Timeout, Phase::None, Gateway),
        (_, Answer::GatewayTimeout, ..) => known(Category::Timeout, Phase::None, Origin::Unknown),

        (_, Answer::BadGateway, _, Yes, _) => upstream_5xx,
        (_, Answer::BadGateway, No, ..) => open(Reason::ConnectFailed, Phase::Connect, Gateway),
        (_, Answer::BadGateway, Yes, No, SamePeer) => {
            open(Reason::KeepaliveRace, Phase::Header, Gateway)
        }
        (_, Answer::BadGateway, Yes, No, _) if shape.is_silent => {
            open(Reason::ClosedBeforeHeader, Phase::Header, Gateway)
        }
        (_, Answer::BadGateway, Yes, No, _) => open(Reason::NoHeader, Phase::Header, Gateway),
        (_, Answer::BadGateway, _, No, _) => open(Reason::NotLogged, Phase::None, Gateway),
        (_, Answer::BadGateway, ..) => open(Reason::NotLogged, Phase::None, Origin::Unknown),

        // nginx gives attempts no other 5xx of its own.
        (_, Answer::ServerError, ..) if shape.is_answer_told => upstream_5xx,
        (_, Answer::ServerError, _, Yes, _) => upstream_5xx,
        (_, Answer::ServerError, _, No, _) => open(Reason::AfterUpstream, Phase::None, Gateway),
        (_, Answer::ServerError, ..) => open(Reason::NotLogged, Phase::None, Origin::Unknown),

        (_, Answer::Missing | Answer::Unknown, _, _, Nothing) => return without_answer(shape),
        (Peer::Missing, Answer::Missing, _, _, Pass) => {
            open(Reason::NoStatus, Phase::Connect, Gateway)
        }
        (_, Answer::Missing | Answer::Unknown, _, _, Pass) => return None,
        (_, Answer::Missing | Answer::Unknown, No, ..) => {
            open(Reason::Retried, Phase::Connect, Gateway)
        }
        (_, Answer::Missing | Answer::Unknown, Yes, No, _) => {
            open(Reason::Retried, Phase::Header, Gateway)
        }
        (_, Answer::Missing | Answer::Unknown, ..) => {
            open(Reason::Retried, Phase::None, Origin::Unknown)
        }
    };
    Some(verdict)
}

/// The last attempt, which got no status: what the client got decides.
fn without_answer(shape: Shape) -> Option<Verdict> {
    match (shape.status?, shape.connect) {
        (499, Came::No) => Some(known(
            Category::ClientAbort,
            Phase::Connect,
            Origin::Gateway,
        )),
        (499, Came::Yes) => Some(known(Category::ClientAbort, Phase::Header, Origin::Gateway)),
        (499, _) => Some(known(Category::ClientAbort, Phase::None, Origin::Gateway)),
        (500..=599, _) => Some(open(Reason::NoStatus, Phase::None, Origin::Gateway)),
        _ => None,
    }
}

/// Of a TCP or UDP session, where only the session has a status; a peer is left for another only if it could not be connected to.
fn of_stream_attempt(shape: Shape) -> Option<Verdict> {
    let gateway = Origin::Gateway;
    match (shape.peer, shape.status, shape.next, shape.connect) {
        (Peer::Group, Some(502), Next::Nothing, Came::No | Came::Unknown) => {
            Some(known(Category::NoLiveUpstreams, Phase::Connect, gateway))
        }
        (Peer::Missing, Some(500), Next::Nothing, _) => {
            Some(known(Category::ResourceExhausted, Phase::Connect, gateway))
        }
        (_, Some(502), Next::Nothing, Came::Yes) => {
            Some(open(Reason::AfterUpstream, Phase::None, gateway))
        }
        (_, Some(502), Next::Nothing, _) | (_, _, Next::SamePeer | Next::Peer, _) => {
            Some(open(Reason::ConnectFailed, Phase::Connect, gateway))
        }
        (_, Some(500), ..) => Some(open(Reason::AfterUpstream, Phase::None, gateway)),
        _ => None,
    }
}

/// Of the request, by the status the client got and how it ended.
#[inline]
fn of_request(told: &Told<'_, '_>, end: End) -> Option<Verdict> {
    match told.status {
        Some(200..=399) if !told.is_cut => None, // by far the most frequent
        None => match end {
            End::Attempt { verdict, .. } => verdict,
            _ => None,
        },
        Some(status) if told.is_stream() => of_session(status, end),
        Some(status) => of_bad_request(told, status, end),
    }
}

/// One row a shape; the first that fits.
#[inline(never)]
fn of_bad_request(told: &Told<'_, '_>, status: u16, end: End) -> Option<Verdict> {
    use Origin::{Gateway, Unknown};
    let verdict = match (status, end) {
        (200..=399, _) if told.is_cut => neutral(Reason::AnswerCut, Phase::Body, Unknown),
        (
            499,
            End::Attempt {
                verdict: Some(v), ..
            },
        ) if v.category == Category::ClientAbort => v,
        (499, _) => known(Category::ClientAbort, Phase::None, Gateway),
        (
            9,
            End::Attempt {
                verdict: Some(v), ..
            },
        ) => v,
        (9, End::Unknown) => open(Reason::NotLogged, Phase::None, Unknown),
        (0 | 9, _) => neutral(Reason::NoAnswer, Phase::None, Gateway),

        (
            500..=599,
            End::Attempt {
                status: got,
                verdict: Some(v),
            },
        ) => Verdict {
            // An error page, or a failure of the gateway itself, took the place of what the upstream answered.
            origin: if got.is_none_or(|got| got == status) {
                v.origin
            } else {
                Gateway
            },
            ..v
        },
        (500..=599, End::Attempt { .. }) => open(Reason::AfterUpstream, Phase::None, Gateway),
        (500, End::NoPeer) => known(Category::ResourceExhausted, Phase::Connect, Gateway),
        (500..=599, End::NoPeer) => open(Reason::NoStatus, Phase::Connect, Gateway),
        (503, End::Unknown) => neutral(Reason::NotLogged, Phase::None, Unknown),
        (500..=599, End::Unknown) => open(Reason::NotLogged, Phase::None, Unknown),
        (500..=599, End::Untried) if told.is_cached() => open(Reason::Cached, Phase::None, Unknown),
        (500, End::Untried) => open(Reason::InternalOrAuth, Phase::None, Gateway),
        (502, End::Untried) => open(Reason::DnsOrReturn, Phase::None, Gateway),
        (503 | 429, End::Untried) => neutral(Reason::LimitOrReturn, Phase::None, Gateway),
        (505, End::Untried) => known(Category::ClientError, Phase::Client, Gateway),
        (500..=599, End::Untried) => open(Reason::Returned, Phase::None, Gateway),

        // The error page of a failure is missing, say: still that failure.
        (
            400..=498,
            End::Attempt {
                status: Some(got),
                verdict: Some(v),
            },
        ) if got != status => Verdict {
            origin: Gateway,
            ..v
        },
        (400 | 413 | 414 | 421 | 494..=497, End::Untried) => {
            known(Category::ClientError, Phase::Client, Gateway)
        }
        (401, End::Untried) => known(Category::AccessDenied, Phase::None, Gateway),
        (403, End::Untried) => Verdict {
            severity: Severity::Client,
            ..neutral(Reason::DeniedOrFile, Phase::None, Gateway)
        },
        (408, End::Untried) => known(Category::ClientAbort, Phase::Client, Gateway),
        _ => return None,
    };
    Some(verdict)
}

/// Of a TCP or UDP session: `ngx_stream_finalize_session` is given one of six statuses, all the gateway's.
fn of_session(status: u16, end: End) -> Option<Verdict> {
    let gateway = Origin::Gateway;
    Some(match (status, end) {
        (
            500 | 502,
            End::Attempt {
                verdict: Some(v), ..
            },
        ) => v,
        (502, _) => open(Reason::ConnectFailed, Phase::Connect, gateway),
        (500, End::NoPeer) => known(Category::ResourceExhausted, Phase::Connect, gateway),
        (500, _) => open(Reason::DnsOrReturn, Phase::None, gateway),
        (503, _) => known(Category::RateLimited, Phase::None, gateway),
        (403, _) => known(Category::AccessDenied, Phase::None, gateway),
        (400, _) => known(Category::ClientError, Phase::Client, gateway),
        _ => return None,
    })
}

/// Who made an answer that is no failure.
#[inline]
fn origin(told: &Told<'_, '_>, end: End) -> Origin {
    match end {
        _ if told.is_stream() => Origin::Gateway,
        End::Attempt {
            status: Some(got), ..
        } if Some(got) == told.status => Origin::Upstream,
        End::Attempt { status: None, .. } if !told.has(Field::UpstreamStatus) => Origin::Unknown,
        End::Attempt { .. } => Origin::Gateway,
        End::Untried if told.is_cached() => Origin::Unknown,
        End::Untried | End::NoPeer => Origin::Gateway,
        End::Unknown => Origin::Unknown,
    }
}

const fn known(category: Category, phase: Phase, origin: Origin) -> Verdict {
    Verdict {
        category,
        phase,
        severity: category.severity(),
        origin,
        reason: None,
    }
}

/// A failure whose category is open.
const fn open(reason: Reason, phase: Phase, origin: Origin) -> Verdict {
    Verdict {
        category: Category::Other,
        phase,
        severity: Severity::Failure,
        origin,
        reason: Some(reason),
    }
}

/// Something of which not even is told whether it is a failure.
const fn neutral(reason: Reason, phase: Phase, origin: Origin) -> Verdict {
    Verdict {
        severity: Severity::Other,
        ..open(reason, phase, origin)
    }
}

#[cfg(test)]
mod tests;
