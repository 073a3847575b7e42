//! What a line or a class of failure means: [`knowledge`] is what is known, this is how it is looked up and shown.

pub mod knowledge;
mod page;

pub use page::render;

use crate::{
    classify::{
        Classifier, loose,
        taxonomy::{ROWS, Row},
    },
    event::{Category, Phase},
    parse::{HeadParser, head::Head},
    redact::Redactor,
};
use knowledge::{ERRNO_NOTES, ErrnoNote, PHASE_NOTES, SIGNATURE_NOTES, StatusNote, Topic};

/// What is said about one line, category or signature.
#[derive(Debug)]
pub struct Explanation {
    /// The status that was asked for.
    pub status: Option<&'static StatusNote>,
    /// What was recognized in a line: upstream, phase, level and so on, in words; empty for a category.
    pub facts: Vec<(&'static str, String)>,
    pub category: Category,
    pub topic: &'static Topic,
    /// What phase, errno and signature add.
    pub notes: Vec<&'static str>,
}

impl std::fmt::Debug for StatusNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StatusNote({})", self.status)
    }
}

impl std::fmt::Debug for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Topic({})", self.category)
    }
}

/// Explains a category's name, a signature, a log line, or a status, in this order; `None` if it is none of them.
pub fn explain(input: &[u8], redactor: &Redactor) -> Option<Explanation> {
    let word = String::from_utf8_lossy(input.trim_ascii()).into_owned();
    if let Some(category) = Category::from_name(&word.to_lowercase()) {
        return Some(of_category(category));
    }
    if let Some(row) = ROWS.iter().skip(1).find(|row| row.id == word) {
        return Some(of_signature(row));
    }
    of_line(input, redactor).or_else(|| of_status(&word))
}

/// A status that a client saw, as a number, as the page that nginx makes of it, or in a `grep` for it.
fn of_status(word: &str) -> Option<Explanation> {
    let note = knowledge::STATUS_NOTES.iter().find(|note| {
        let number = note.status.to_string();
        let is_page = word.contains(note.page) && word.len() < PAGE_LEN_MAX;
        let is_search = word.contains("grep") && word.contains(&number);
        word == number || is_page || is_search
    })?;
    Some(Explanation {
        status: Some(note),
        ..of_category(note.category)
    })
}

/// A longer text is no status.
const PAGE_LEN_MAX: usize = 1_000;

fn of_category(category: Category) -> Explanation {
    let notes = PHASE_NOTES
        .iter()
        .filter(|note| note.category == category)
        .map(|note| note.note)
        .collect();
    Explanation {
        status: None,
        facts: Vec::new(),
        category,
        topic: knowledge::topic(category),
        notes,
    }
}

/// A signature alone is read as the message its template makes.
fn of_signature(row: &'static Row) -> Explanation {
    let classifier = Classifier::default();
    let message = row.template.replace(['{', '}'], "");
    let doing = if row.doing.is_empty() {
        String::new()
    } else {
        format!(" while {}", row.doing)
    };
    let errno = if row.errno == 0 {
        String::new()
    } else {
        format!(" ({}: )", row.errno)
    };
    let head = Head {
        time: None,
        level: row.level,
        pid: None,
        tid: None,
        connection: Some(1),
        len: 0,
    };
    let text = format!("{message}{errno}{doing}");
    let known = classifier.search(&mut classifier.searcher(), &head, text.as_bytes());
    let category = match row.rule {
        crate::classify::taxonomy::Rule::Is(category) => category,
        _ => known.category,
    };
    let mut explanation = of_category(category);
    explanation.facts = vec![
        ("signature", row.id.to_owned()),
        ("message", row.template.to_owned()),
    ];
    explanation.notes = notes(row.id, category, known.phase, row.errno);
    explanation
}

fn of_line(line: &[u8], redactor: &Redactor) -> Option<Explanation> {
    let unescaped = loose::unescape(line);
    let line = unescaped.as_deref().unwrap_or(line);
    let classifier = Classifier::default();
    let mut searcher = classifier.searcher();
    let mut heads = HeadParser::default();
    let head = match heads.parse(line) {
        Ok(head) => head,
        Err(_) => {
            loose::find_wrapped(line, &mut heads)
                .or_else(|| loose::find_headless(line, &classifier, &mut searcher))?
                .head
        }
    };
    let known = classifier.classify(&mut searcher, &head, &line[head.len..]);
    let row = &ROWS[usize::from(known.signature.0)];
    let mut facts = vec![
        ("signature", row.id.to_owned()),
        ("phase", known.phase.name().to_owned()),
    ];
    facts.push(("severity", known.severity.name().to_owned()));
    facts.extend(head.level.map(|level| ("level", level.name().to_owned())));
    let tail = known.tail;
    let fields = [
        (
            "upstream",
            known.upstream.map(|name| redactor.upstream(name)),
        ),
        ("client", tail.client.map(|client| redactor.client(client))),
        ("server", tail.server.map(|name| redactor.host(name))),
        (
            "request",
            tail.request.map(|line| redactor.request_line(line)),
        ),
    ];
    facts.extend(
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.for_terminal()))),
    );
    let mut explanation = of_category(known.category);
    explanation.notes = notes(
        row.id,
        known.category,
        known.phase,
        crate::classify::errno::to_linux(known.errno),
    );
    explanation.facts = facts;
    Some(explanation)
}

/// What signature, phase and errno add to a category.
fn notes(signature: &str, category: Category, phase: Phase, errno: u32) -> Vec<&'static str> {
    let signature = SIGNATURE_NOTES
        .iter()
        .find(|note| note.signature == signature)
        .map(|note| note.note);
    let phase = PHASE_NOTES
        .iter()
        .find(|note| note.category == category && note.phase == phase)
        .map(|note| note.note);
    let errno = ERRNO_NOTES
        .iter()
        .find(|note: &&ErrnoNote| errno != 0 && note.number == errno)
        .map(|note| note.note);
    signature.into_iter().chain(phase).chain(errno).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_signatures_and_lines() {
        assert_eq!(
            explain(b"refused", &Redactor::open()).map(|e| e.category),
            Some(Category::Refused)
        );
        let row = explain(b"http-no-live-upstreams", &Redactor::open()).expect("a signature");
        assert_eq!(row.category, Category::NoLiveUpstreams);
        let line = explain(b"2026/11/20 11:23:46 [error] 1#1: *1 upstream timed out (110: Connection timed out) while reading \
            response header from upstream, client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\", \
            upstream: \"http://10.0.0.1:80/\", host: \"a\"", &Redactor::open())
        .expect("a line");
        assert_eq!(line.category, Category::Timeout);
        assert!(line.facts.contains(&("upstream", "10.0.0.1:80".to_owned())));
        assert!(!line.notes.is_empty());
        assert!(explain(b"how are you", &Redactor::open()).is_none());
    }

    #[test]
    fn statuses_pages_and_searches_for_them() {
        for (text, category) in [
            ("502", Category::Other),
            ("504", Category::Timeout),
            ("<center><h1>502 Bad Gateway</h1></center>", Category::Other),
            ("grep -i 'upstream|502' error.log", Category::Other),
        ] {
            let explained = explain(text.as_bytes(), &Redactor::open()).expect("a status");
            assert_eq!(explained.category, category, "{text}");
        }
        let page = explain(b"502", &Redactor::open()).expect("a status");
        let page = render(&page, false, 80);
        assert!(page.starts_with("502 Bad Gateway\n"), "{page}");
        assert!(page.contains("refused: connect() refused"), "{page}");
        assert!(page.contains("without -E the bar"), "{page}");
        assert!(!page.contains("third-party module"), "{page}"); // what no status is about
        let page = explain(b"504", &Redactor::open()).expect("a status");
        let page = render(&page, false, 80);
        assert!(page.starts_with("504 Gateway Time-out\n"), "{page}");
        assert!(page.contains("proxy_read_timeout"), "{page}");
        assert!(explain(b"501", &Redactor::open()).is_none());
    }

    #[test]
    fn every_noted_signature_exists() {
        for note in SIGNATURE_NOTES {
            assert!(
                ROWS.iter().any(|row| row.id == note.signature),
                "{}",
                note.signature
            );
        }
    }
}
