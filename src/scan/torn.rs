//! Lines that hold two records: a write that was torn, or a client who imitates one.

use super::{Event, Place, Scanner, Sink, emit, refuse_head};
use crate::{
    aggregate::{Evidence, Ledger, LineClass},
    event::{Machine, Trust},
};

impl Scanner<'_> {
    /// One line with two heads. Where the second stands inside a value a client writes, he may have written it: then it is
    /// shown but not counted, and the first record is read as if nothing were there.
    #[cold]
    pub(super) fn read_torn(
        &mut self,
        text: &[u8],
        second: usize,
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        // A message is one record: what begins on a line of its own is text that it copies.
        let is_foreign = place.is_message && text[..second].ends_with(b"\n");
        let head = match self.heads.parse(text) {
            Ok(head) => head,
            // Torn within its head: no reason to lose the second.
            Err(_) if self.heads.parse(&text[second..]).is_ok() => {
                place.count(LineClass::Torn, ledger);
                let n_quotes = memchr::memchr_iter(b'"', &text[..second]).count();
                let is_open = n_quotes % 2 == 1 || is_foreign;
                return self.emit_second(text, second, is_open, place, ledger, sink);
            }
            Err(unparsed) => return refuse_head(unparsed, place, ledger),
        };
        place.count(LineClass::Torn, ledger);
        let end = second - usize::from(is_foreign);
        let before =
            self.classifier
                .classify(&mut self.searcher, &head, &text[head.len.min(end)..end]);
        let is_open =
            before.tail.open || memchr::memchr_iter(b'"', &text[..second]).count() % 2 == 1;
        let first_text = if is_open {
            &text[head.len..]
        } else {
            &text[head.len.min(end)..end]
        };
        let known = self
            .classifier
            .classify(&mut self.searcher, &head, first_text);
        let first = Event {
            head,
            known,
            trust: Trust::Torn,
            is_doubtful: false,
            sender: None,
            evidence: place.evidence,
            machine: Machine::default(),
            enveloped: None,
        };
        emit(first, ledger, sink);
        self.emit_second(text, second, is_open || is_foreign, place, ledger, sink);
    }

    /// The record that begins at `second` in a torn line; doubtful if it stands in a value that `is_open`.
    #[cold]
    fn emit_second(
        &mut self,
        text: &[u8],
        second: usize,
        is_open: bool,
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        if let Ok(head) = self.heads.parse(&text[second..]) {
            let known =
                self.classifier
                    .classify(&mut self.searcher, &head, &text[second + head.len..]);
            // Within an envelope, both are where the line is.
            let second = if place.is_exact { second as u64 } else { 0 };
            let evidence = Evidence {
                offset: place.evidence.offset + second,
                ..place.evidence
            };
            emit(
                Event {
                    head,
                    known,
                    trust: Trust::Torn,
                    is_doubtful: is_open,
                    sender: None,
                    evidence,
                    machine: Machine::default(),
                    enveloped: None,
                },
                ledger,
                sink,
            );
        }
    }
}
