//! Records that hold lines of somebody else's making ([`forged`](crate::parse::forged)): the record itself is read without them, and
//! those that look like records are shown as injected, and believed in nothing.

use super::{Event, Place, Scanner, Sender, Sink, connection_of, emit, emit_record};
use crate::{
    aggregate::{Evidence, Ledger, LineClass, forged::Connection},
    classify::Classified,
    event::{Machine, Severity, Trust},
    lines::Line,
    parse::{
        Head,
        forged::{Group, find_imitated_tail},
        head::is_head,
    },
};

impl Scanner<'_> {
    /// Reads the record of `group` in `bytes`, which begins at `at` there, and whose first line stands at `place`. `further` are its
    /// other lines, and where they stand, unless that is within the first.
    #[cold]
    pub(super) fn read_group(
        &mut self,
        group: &Group,
        (bytes, at): (&[u8], usize),
        place: Place,
        further: impl Iterator<Item = (Line, Option<Place>)>,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) {
        let len = group.next - at - usize::from(bytes[..group.next].ends_with(b"\n"));
        let end = bytes[..at + len]
            .strip_suffix(b"\r")
            .map_or(at + len, <[u8]>::len);
        let text = [
            &bytes[at..group.opening],
            bytes.get(group.closing..end).unwrap_or_default(),
        ];
        let text = text.concat();
        let (client, connection) = self.read_own(&text, len, place, ledger, sink);
        let sender = client.as_deref().map(Sender::Client);
        let sender = sender.or(connection.map(Sender::Of));
        for (line, own_place) in further {
            let is_last = line.start == group.last;
            let own = &bytes[line.start..if is_last { group.closing } else { line.end }];
            let is_record = is_head(own);
            let class = if (is_last || group.is_copied) && !is_record {
                LineClass::Continuation
            } else {
                LineClass::Injected
            };
            if let Some(place) = own_place {
                place.count(class, ledger);
            }
            if is_record {
                let evidence = own_place.unwrap_or(place).evidence;
                self.show_injected(own, sender, evidence, ledger, sink);
            }
        }
    }

    /// Reads what nginx wrote of a record of `len` bytes; gives back who its client is, and on which connection.
    fn read_own(
        &mut self,
        text: &[u8],
        len: usize,
        place: Place,
        ledger: &mut Ledger,
        sink: &mut impl Sink,
    ) -> (Option<Vec<u8>>, Option<Connection>) {
        let head = match self.heads.parse(text) {
            Ok(head) => head,
            Err(unparsed) => {
                super::refuse_head(unparsed, place, ledger);
                return (None, None);
            }
        };
        let known = self
            .classifier
            .classify(&mut self.searcher, &head, &text[head.len..]);
        // Where the record was cut behind the client's address, it may have been cut within.
        let is_whole = known.tail.server.is_some();
        let client = known.tail.client.filter(|_| is_whole).map(<[u8]>::to_vec);
        emit_record(head, known, len, place, ledger, sink);
        (client, connection_of(place.evidence.source, &head))
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
        sender: Option<Sender<'_>>,
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
            machine: Machine::default(),
            enveloped: None,
        };
        emit(event, ledger, sink);
    }
}
