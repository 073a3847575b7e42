//! What the scanner makes of one record, taken note of.

use super::anew;
use crate::{
    classify::{classify_request, taxonomy::ROWS},
    event::{Category, Phase, Trust},
    parse::access::{Field, unescape},
    redact::{Redactor, Shown},
    scan::{Event, Request, Sink},
};

/// What was made of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// `None`: a request that did not fail.
    pub category: Option<Category>,
    pub phase: Option<Phase>,
    /// An address, or the group's name.
    pub upstream: Option<Shown<'static>>,
    /// Of records of error logs.
    pub signature: Option<&'static str>,
    pub trust: Option<Trust>,
    /// Of requests.
    pub status: Option<u16>,
}

/// Takes note of one record.
pub(super) struct Look {
    pub(super) redactor: Redactor,
    /// Of the record that is looked for.
    pub(super) offset: Option<u64>,
    pub(super) known: Option<Known>,
    /// The first of the text.
    pub(super) first: Option<Known>,
    /// Both as they may be shown, if not all may.
    pub(super) anew: Option<Shown<'static>>,
    pub(super) first_anew: Option<Shown<'static>>,
    pub(super) is_event: bool,
    pub(super) machine: Option<Vec<u8>>,
}

impl Look {
    pub(super) fn new(redactor: &Redactor) -> Look {
        Look {
            redactor: redactor.clone(),
            offset: None,
            known: None,
            first: None,
            anew: None,
            first_anew: None,
            is_event: false,
            machine: None,
        }
    }

    fn note(
        &mut self,
        offset: u64,
        known: impl Fn() -> Known,
        anew: impl Fn(&Redactor) -> Shown<'static>,
    ) {
        let anew = || (!self.redactor.is_open()).then(|| anew(&self.redactor));
        if self.offset == Some(offset) && self.known.is_none() {
            self.anew = anew();
            self.known = Some(known());
        }
        if self.first.is_none() {
            self.first_anew = anew();
            self.first = Some(known());
        }
    }
}

impl Sink for Look {
    fn collect(&mut self, event: &Event<'_>) {
        self.is_event = true;
        self.machine = event.machine.name().map(<[u8]>::to_vec);
        let known = &event.known;
        let redactor = self.redactor.clone();
        let upstream = |name| redactor.upstream(name).into_owned();
        let known = || Known {
            category: Some(known.category),
            phase: Some(known.phase),
            upstream: known.upstream.map(upstream),
            signature: Some(ROWS[usize::from(known.signature.0)].id),
            trust: Some(event.trust),
            status: None,
        };
        let offset = event.evidence.offset;
        self.note(offset, known, |redactor| anew::record(event, redactor));
    }

    fn request(&mut self, request: &Request<'_>) {
        let outcome = classify_request(request.line, request.escape, |_, _| {});
        let upstreams = request.line.value(Field::UpstreamAddr);
        let redactor = self.redactor.clone();
        let shown = |list| {
            let list = unescape(request.escape, list);
            redactor.upstream(&list).into_owned()
        };
        let known = || Known {
            category: outcome.verdict.map(|verdict| verdict.category),
            phase: outcome.verdict.map(|verdict| verdict.phase),
            upstream: upstreams.map(shown),
            signature: None,
            trust: None,
            status: request.status,
        };
        let offset = request.evidence.offset;
        self.note(offset, known, |redactor| anew::request(request, redactor));
    }
}
