//! Records that hold lines of somebody else's making ([`forged`](crate::parse::forged)): the record itself is read without them, and
//! those that look like records are shown as injected, and believed in nothing.

use super::{Event, Place, Run, Scanner, Sink, emit, emit_record};
use crate::{
    aggregate::{Evidence, Ledger, LineClass},
    classify::Classified,
    event::{Severity, Trust},
    lines::lines,
    parse::{
        Head,
        forged::{Group, find_imitated_tail},
        head::is_head,
    },
};

impl Scanner<'_> {
    /// Reads the record of `group`, whose first line is the next, and stands at `place`.
    #[cold]
    pub(super) fn read_group(
        &mut self,
        group: &Group,
        place: Place,
        run: &mut Run<'_>,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let bytes = run.block.bytes;
        let start = (place.evidence.offset - run.block.offset) as usize;
        let len = group.next - start - usize::from(bytes[..group.next].ends_with(b"\n"));
        let end = bytes[..start + len]
            .strip_suffix(b"\r")
            .map_or(start + len, <[u8]>::len);
        let text = [
            &bytes[start..group.opening],
            bytes.get(group.closing..end).unwrap_or_default(),
        ];
        let text = text.concat();
        let sender = self.read_own(&text, len, place, ledger, sink);
        run.n_lines += 1;
        run.at = start + place.len_bytes as usize;
        for line in lines(bytes, run.at..group.next) {
            let is_last = line.start == group.last;
            let own = &bytes[line.start..if is_last { group.closing } else { line.end }];
            let is_record = is_head(own);
            let class = if (is_last || group.is_copied) && !is_record {
                LineClass::Continuation
            } else {
                LineClass::Injected
            };
            ledger.collect_line(class, (line.next - line.start) as u64);
            if is_record {
                let evidence = run.evidence(line.start);
                self.show_injected(own, sender.as_deref(), evidence, ledger, sink);
            }
            run.n_lines += 1;
            run.at = line.next;
        }
    }

    /// Reads what nginx wrote of a record of `len` bytes; gives back who its client is.
    fn read_own(
        &mut self,
        text: &[u8],
        len: usize,
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) -> Option<Vec<u8>> {
        let head = match self.heads.parse(text) {
            Ok(head) => head,
            Err(unparsed) => {
                super::refuse_head(unparsed, place, ledger);
                return None;
            }
        };
        let known = self
            .classifier
            .classify(&mut self.searcher, &head, &text[head.len..]);
        // Where the record was cut behind the client's address, it may have been cut within.
        let is_whole = known.tail.server.is_some();
        let client = known.tail.client.filter(|_| is_whole).map(<[u8]>::to_vec);
        emit_record(head, known, len, place, ledger, sink);
        client
    }

    /// The text behind `head` without what imitates the end of its message and a tail. Where it cannot be told which of two
    /// readings is nginx's, neither makes a failure of what the other, `known`, says is none.
    #[inline(never)]
    pub(super) fn own_reading(
        &mut self,
        head: &Head,
        text: &[u8],
        known: &Classified<'_>,
    ) -> Option<Vec<u8>> {
        let text = &text[head.len..];
        let (opening, closing) = find_imitated_tail(text)?;
        let own = [&text[..opening], &text[closing..]].concat();
        let read = self.classifier.classify(&mut self.searcher, head, &own);
        let is_worse = read.severity == Severity::Failure && known.severity != Severity::Failure;
        (!is_worse).then_some(own)
    }

    /// Shows a line that somebody wrote to look like a record. Its time is his, too.
    fn show_injected(
        &mut self,
        text: &[u8],
        sender: Option<&[u8]>,
        evidence: Evidence,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let Ok(head) = self.heads.parse(text) else {
            return;
        };
        let known = self
            .classifier
            .classify(&mut self.searcher, &head, &text[head.len..]);
        let event = Event {
            head,
            known,
            trust: Trust::Injected,
            is_doubtful: true,
            sender,
            evidence,
            machine: None,
        };
        emit(event, ledger, sink);
    }
}
