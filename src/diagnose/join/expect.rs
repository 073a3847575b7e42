//! What an attempt can have failed of, by what the access log shows of it; so that no record is taken for a cause it cannot be.
//!
//! `ngx_http_upstream_next` and `ngx_http_upstream_finalize_request` decide which failure becomes which status.

use crate::{
    aggregate::{failures::Kind, traces::AttemptTrace},
    event::{Category, Phase, Severity},
};

/// Which records an attempt can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Expect {
    /// The client left: of that, or of what failed meanwhile.
    Abort,
    /// The answer was begun: of what failed after its header.
    Body,
    /// No connection came to be.
    Connect,
    /// No header came, though the connection did.
    Header,
    /// 500 by the gateway itself.
    Internal,
    /// A limit, a group without peers, or no resources.
    Limit,
    NoLive,
    /// 502, of which no more is told.
    NoAnswer,
    /// The gateway failed before it had a peer.
    NoPeer,
    /// 504; in this phase, if told.
    Timeout(Phase),
    /// 502 without any upstream.
    Untried,
    /// Another status of the gateway's own.
    Any,
}

impl Expect {
    /// `None`: the gateway writes no record of such an end.
    pub(super) fn of(attempt: &AttemptTrace) -> Option<Expect> {
        let is_last = attempt.index + 1 >= attempt.n_attempts;
        let kind = match attempt.kind {
            Some(kind) if !attempt.is_passed_on => kind,
            // An answer that was begun is not given to another upstream.
            _ => return (is_last && attempt.n_attempts > 0).then_some(Expect::Body),
        };
        Some(match kind.category {
            Category::NoLiveUpstreams => Expect::NoLive,
            Category::Timeout => Expect::Timeout(kind.phase),
            Category::ClientAbort => Expect::Abort,
            Category::ResourceExhausted => Expect::NoPeer,
            Category::InvalidResponse => Expect::Header,
            Category::RateLimited => Expect::Limit,
            Category::Upstream5xx => Expect::Body,
            Category::Other => match kind.phase {
                Phase::Connect => Expect::Connect,
                Phase::Header => Expect::Header,
                Phase::Body => Expect::Body,
                _ if !is_last => Expect::NoAnswer,
                _ => Expect::of_status(attempt.status, attempt.n_attempts > 0),
            },
            _ => return None,
        })
    }

    /// Of a status of which nothing more is told.
    fn of_status(status: u16, has_upstream: bool) -> Expect {
        match status {
            499 => Expect::Abort,
            500 => Expect::Internal,
            502 if has_upstream => Expect::NoAnswer,
            502 => Expect::Untried,
            503 | 429 => Expect::Limit,
            504 => Expect::Timeout(Phase::None),
            _ => Expect::Any,
        }
    }

    /// Whether a record of `kind` can be of such an attempt.
    pub(super) fn accepts(self, kind: Kind) -> bool {
        use Category as C;
        use Phase as P;
        let Kind {
            category,
            phase,
            severity,
            ..
        } = kind;
        let is_failure = severity == Severity::Failure;
        let is_rule = matches!(category, C::RateLimited | C::ClientAbort);
        // A timer of the gateway makes 504; the kernel's own, which runs out while connecting only, makes 502.
        let is_timer = category == C::Timeout && phase != P::Connect;
        let is_whole = !matches!(phase, P::Body | P::Tunnel);
        match self {
            Expect::Abort => is_whole && (category == C::ClientAbort || is_failure),
            Expect::Body => !is_whole && is_failure || category == C::ClientAbort,
            Expect::Connect => {
                is_failure
                    && matches!(phase, P::Connect | P::Tls | P::None)
                    && category != C::NoLiveUpstreams
            }
            Expect::Header => {
                is_failure
                    && matches!(phase, P::Header | P::Send | P::None)
                    && !matches!(
                        category,
                        C::Timeout | C::NoLiveUpstreams | C::Refused | C::Dns
                    )
            }
            Expect::Internal => is_whole && !is_rule && category != C::StaticFile,
            Expect::Limit => {
                category == C::RateLimited
                    || matches!(
                        category,
                        C::NoLiveUpstreams | C::ResourceExhausted | C::Dns | C::Other
                    )
            }
            Expect::NoLive => category == C::NoLiveUpstreams,
            Expect::NoAnswer => is_failure && is_whole && !is_timer,
            Expect::NoPeer => {
                is_failure
                    && matches!(
                        category,
                        C::ResourceExhausted | C::Unreachable | C::Permission | C::Other
                    )
            }
            Expect::Timeout(expected) => category == C::Timeout && is_of(expected, phase),
            Expect::Untried => {
                matches!(
                    category,
                    C::Dns | C::Config | C::ResourceExhausted | C::Other
                ) || is_failure && phase == P::Resolve
            }
            Expect::Any => is_failure && is_whole,
        }
    }

    /// It has no other records than such.
    pub(super) fn is_of_its_own(self, kind: Kind) -> bool {
        match self {
            Expect::Abort => kind.category == Category::ClientAbort,
            Expect::Body | Expect::Any | Expect::Internal => false,
            _ => true,
        }
    }
}

/// Whether what the record calls `phase` is what the access log calls `expected`, which tells TLS from connecting and sending
/// from waiting for a header as little as nothing at all.
fn is_of(expected: Phase, phase: Phase) -> bool {
    match expected {
        Phase::Connect => matches!(phase, Phase::Connect | Phase::Tls | Phase::None),
        Phase::Header => matches!(phase, Phase::Header | Phase::Send | Phase::None),
        _ => !matches!(phase, Phase::Body | Phase::Tunnel),
    }
}
