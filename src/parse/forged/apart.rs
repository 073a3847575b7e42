//! The lines of one writer that do not lie together, since each stands in an envelope: put behind one another again, so that the
//! same rules tell which of them are one record.
//!
//! nginx writes a record with one write(), and what wraps lines keeps those of one stream in order. Where an envelope does not say
//! of which stream a line is, access lines of another may stand between: they are passed over, except those that the path of a
//! request holds. Runtimes that write JSON put U+FFFD for what is no UTF-8, which makes records
//! longer than nginx wrote them.

use super::{Group, Lookout, Smuggled, find_group, find_path, is_limit, path::REPLACED, requests};
use crate::{
    lines::Line,
    parse::{
        head::is_head,
        record::{NGINX_RECORD_LEN, RECORD_LEN_MAX, START_KNOWN_LEN, is_access_line},
    },
};
use memchr::memmem;

/// Lines of one writer, the first of which may begin a record over several; kept by a worker.
#[derive(Debug, Default)]
pub struct Apart {
    bytes: Vec<u8>,
    starts: Vec<Start>,
}

/// A line, and what the caller calls it.
#[derive(Clone, Copy, Debug)]
struct Start {
    at: usize,
    name: usize,
}

impl Apart {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
    }

    /// Adds the next line, which is called `name`; `has_return` if it ends with `\r\n`.
    pub fn push(&mut self, line: &[u8], has_return: bool, name: usize) {
        let at = self.bytes.len();
        self.starts.push(Start { at, name });
        self.bytes.extend_from_slice(line);
        self.bytes
            .extend_from_slice(if has_return { b"\r\n" } else { b"\n" });
    }

    /// The last line ends with `\r\n`.
    pub fn end_with_return(&mut self) {
        self.bytes.pop();
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Whether no further line can make a difference.
    pub fn is_enough(&self) -> bool {
        is_enough(self.bytes.len())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The record that begins with the first line, if it holds lines of somebody else's; only the lines that are of it are kept then.
    pub fn find_group(&mut self, smuggled: Option<&Smuggled>) -> Option<Group> {
        let between = self.without_access_lines();
        let found = self.find_among_all(smuggled);
        // Only rule 3 takes in what is not told by its bytes or its length.
        let is_sure = found.is_some_and(|group| is_limit(group.next));
        let found = match between {
            Some(mut rest) if !is_sure => match rest.find_among_all(smuggled) {
                Some(group) => {
                    *self = rest;
                    group
                }
                None => found?,
            },
            _ => found?,
        };
        let n = self.starts.partition_point(|start| start.at < found.next);
        self.starts.truncate(n);
        Some(found)
    }

    /// The lines that are left, with what they are called.
    pub fn lines(&self) -> impl Iterator<Item = (Line, usize)> {
        let line = |start: &Start| Line::at(&self.bytes, start.at, self.bytes.len());
        self.starts
            .iter()
            .map(move |start| (line(start), start.name))
    }

    fn find_among_all(&mut self, smuggled: Option<&Smuggled>) -> Option<Group> {
        if let Some(group) = find_group(&self.bytes, 0, &mut Lookout::new(smuggled)) {
            return Some(group);
        }
        // What was one byte may have become three: the length that nginx saw decides, too.
        for n_replaced in self.numbers_replaced() {
            let shorter = self.shortened(n_replaced);
            if let Some(group) = find_group(&shorter.bytes, 0, &mut Lookout::new(smuggled)) {
                *self = shorter;
                return Some(group);
            }
        }
        None
    }

    /// How many of the first U+FFFD may have been one byte: all of them, or as many as make a record end where nginx cuts, since the
    /// client may have sent others as they stand.
    fn numbers_replaced(&self) -> Vec<usize> {
        let ends: Vec<usize> = memmem::find_iter(&self.bytes, REPLACED)
            .map(|at| at + REPLACED.len())
            .collect();
        if ends.is_empty() {
            return Vec::new();
        }
        let mut numbers = vec![ends.len()];
        for (line, _) in self.lines() {
            for limit in [NGINX_RECORD_LEN, RECORD_LEN_MAX] {
                let n_bytes = line.next.saturating_sub(limit);
                let n = n_bytes / (REPLACED.len() - 1);
                let n_before = ends.partition_point(|end| *end <= line.next);
                let is_one =
                    n_bytes.is_multiple_of(REPLACED.len() - 1) && (1..=n_before).contains(&n);
                if is_one && !numbers.contains(&n) {
                    numbers.push(n);
                }
            }
        }
        numbers
    }

    /// The same without lines that look like those of an access log and are of no path, if there are such.
    fn without_access_lines(&self) -> Option<Apart> {
        let is_other = |line: &[u8]| !is_head(line) && is_access_line(line) && !self.holds(line);
        let is_other = |line: &Line| is_other(&self.bytes[line.start..line.end]);
        if !self.lines().any(|(line, _)| is_other(&line)) {
            return None;
        }
        let mut rest = Apart::default();
        for (line, name) in self.lines().filter(|(line, _)| !is_other(line)) {
            let text = &self.bytes[line.start..line.end];
            rest.push(text, line.next - line.end > 1, name);
        }
        Some(rest)
    }

    /// Whether the path of a request is told here that holds `line`.
    fn holds(&self, line: &[u8]) -> bool {
        let mut path = Vec::new();
        let mut uris = requests(&self.bytes);
        uris.any(|(_, uri)| {
            let holds = |path: &[u8]| memmem::find(path, line).map(|_| ());
            find_path(uri, &mut path, holds).is_some()
        })
    }

    /// The same with one byte for each of the first `n` U+FFFD.
    fn shortened(&self, mut n: usize) -> Apart {
        let mut shorter = Apart::default();
        let mut text = Vec::new();
        for (line, name) in self.lines() {
            text.clear();
            let mut rest = &self.bytes[line.start..line.end];
            while n > 0
                && let Some(at) = memmem::find(rest, REPLACED)
            {
                n -= 1;
                text.extend_from_slice(&rest[..at]);
                text.push(0xff);
                rest = &rest[at + REPLACED.len()..];
            }
            text.extend_from_slice(rest);
            shorter.push(&text, line.next - line.end > 1, name);
        }
        shorter
    }
}

/// Whether lines of `len` bytes, their newlines included, are all that need be known.
pub fn is_enough(len: usize) -> bool {
    len >= RECORD_LEN_MAX.max(START_KNOWN_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut by nginx where some bytes were no UTF-8 and became U+FFFD, and others were that before.
    #[test]
    fn a_cut_record_is_told_though_only_some_bytes_were_replaced() {
        let head = "2026/11/20 11:23:46 [error] 7#7: *1 open() \"/srv/www/";
        let forged = "2026/11/20 11:23:46 [error] 7#7: *2 connect() failed (111: Connection refused) while connecting to upstream, \
            client: 192.0.2.1, server: s, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.5:80/\", host: \"h\"";
        for (n_true, n_invalid) in [(0, 7), (5, 0), (5, 7), (300, 1)] {
            let len = head.len() + 3 * n_true + n_invalid + forged.len() + 3;
            let open = "z".repeat(NGINX_RECORD_LEN - len);
            let first = format!("{head}{}", "\u{fffd}".repeat(n_true + n_invalid));
            let mut apart = Apart::default();
            for (name, line) in [&*first, forged, &open, &forged.replace("*2", "*3")]
                .into_iter()
                .enumerate()
            {
                apart.push(line.as_bytes(), false, name);
            }
            let group = apart.find_group(None);
            assert!(group.is_some(), "{n_true}, {n_invalid}");
            assert_eq!(apart.lines().count(), 3, "{n_true}, {n_invalid}");
        }
    }
}
