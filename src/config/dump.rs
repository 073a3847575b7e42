//! An `nginx -T` dump to its files.
//!
//! `main` of nginx (`src/core/nginx.c`) writes, for every file in the order of first opening, a line
//! `# configuration file PATH:`, the file byte for byte, and a newline. What it says of the test goes to stderr, which
//! people often let into the same file.

use super::{
    files::{FileMap, is_absolute},
    version::Version,
};

/// What begins each file of a dump.
const MARK: &[u8] = b"# configuration file ";

/// A dump, as files.
#[derive(Clone, Debug)]
pub(super) struct Dump {
    /// The main file: the first.
    pub(super) main: Vec<u8>,
    pub(super) files: FileMap,
    /// If the output of `nginx -V` stands in the same file.
    pub(super) version: Option<Version>,
    /// What is odd about it: the line of the dump, 1 is the first, and what.
    pub(super) notes: Vec<(u32, String)>,
}

/// Splits a dump into its files; `None` if `text` is none.
pub(super) fn split(text: &[u8]) -> Option<Dump> {
    let mut marks = marks(text).into_iter().peekable();
    let first = marks.peek()?;
    let (main, before) = (first.path.to_vec(), &text[..first.start]);
    let mut dump = Dump {
        main: main.clone(),
        files: FileMap::default(),
        version: version(text),
        notes: Vec::new(),
    };
    let n_foreign = before
        .split(|&b| b == b'\n')
        .filter(|line| !is_said(line))
        .count();
    if n_foreign > 0 {
        let note =
            format!("{n_foreign} lines before the first `# configuration file` are not read");
        dump.notes.push((1, note));
    }
    while let Some(mark) = marks.next() {
        let end = marks.peek().map_or(text.len(), |next| next.start);
        let content = match marks.peek() {
            // The newline that nginx adds.
            Some(_) => without_newline(&text[mark.content..end]),
            None => without_newline(without_messages(&text[mark.content..end])),
        };
        dump.files.insert(mark.path, content);
        if let Some(next) = marks.peek()
            && next.path == main
        {
            let note = "a second dump begins here, which is not read".to_owned();
            dump.notes.push((next.line, note));
            break;
        }
    }
    Some(dump)
}

/// A line that begins a file.
struct Mark<'a> {
    path: &'a [u8],
    line: u32,
    /// Where the line begins.
    start: usize,
    /// Where it ends.
    content: usize,
}

/// All lines that begin a file. A path that was there already is a comment of somebody's, unless a dump starts again.
fn marks(text: &[u8]) -> Vec<Mark<'_>> {
    let mut marks: Vec<Mark<'_>> = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    let (mut start, mut number) = (0, 1);
    for line in text.split_inclusive(|&b| b == b'\n') {
        let path = marked_path(line);
        if let Some(path) = path {
            let is_again = marks.first().is_some_and(|first| first.path == path);
            if known.insert(path) || is_again && is_behind_blank(&text[..start]) {
                marks.push(Mark {
                    path,
                    line: number,
                    start,
                    content: start + line.len(),
                });
            }
        }
        start += line.len();
        number += 1;
    }
    marks
}

/// The path of `# configuration file PATH:`.
fn marked_path(line: &[u8]) -> Option<&[u8]> {
    let path = line
        .strip_prefix(MARK)?
        .trim_ascii_end()
        .strip_suffix(b":")?;
    is_absolute(path).then_some(path)
}

fn is_behind_blank(before: &[u8]) -> bool {
    before.ends_with(b"\n\n") || before.ends_with(b"\n\r\n")
}

/// In `nginx version: nginx/1.22.1`, which is no line of a configuration.
fn version(text: &[u8]) -> Option<Version> {
    let mut lines = text.split(|&b| b == b'\n');
    lines.find_map(|line| Version::parse(line.strip_prefix(VERSION)?))
}

const VERSION: &[u8] = b"nginx version: ";

/// What else `nginx -V` says (`src/core/nginx.c: ngx_show_version_info`).
const BUILD: [&[u8]; 5] = [
    b"built by ",
    b"built with ",
    b"running with ",
    b"TLS SNI support ",
    b"configure arguments:",
];

/// Whether nginx said this on stderr, or it is blank.
fn is_said(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty()
        || line.starts_with(b"nginx: ")
        || line.starts_with(VERSION)
        || BUILD.iter().any(|words| line.starts_with(words))
        || is_log_line(line)
}

/// `2026/11/20 11:36:11 [warn] …`
fn is_log_line(line: &[u8]) -> bool {
    let form = b"dddd/dd/dd dd:dd:dd [";
    line.len() > form.len()
        && form.iter().zip(line).all(|(form, byte)| match form {
            b'd' => byte.is_ascii_digit(),
            _ => form == byte,
        })
}

/// `text` without the lines at its end that nginx said on stderr.
fn without_messages(text: &[u8]) -> &[u8] {
    let mut end = text.len();
    let mut kept = end;
    while end > 0 {
        let start = text[..end - 1]
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        let line = text[start..end].trim_ascii();
        if line.is_empty() {
            end = start;
        } else if is_said(line) {
            end = start;
            kept = start;
        } else {
            break;
        }
    }
    &text[..kept]
}

fn without_newline(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// `text` of a plain file with the messages at its start and end, if `nginx -t` left some there, as blank lines: positions
/// stay. `None` if there are none.
pub(super) fn without_leading_messages(text: &[u8]) -> Option<Vec<u8>> {
    let is_message = |line: &&[u8]| is_said(line) && !line.trim_ascii().is_empty();
    let n_lines = text
        .split_inclusive(|&b| b == b'\n')
        .take_while(|line| is_said(line))
        .collect::<Vec<_>>();
    if !n_lines.iter().any(is_message) {
        return None;
    }
    let len: usize = n_lines.iter().map(|line| line.len()).sum();
    let mut plain = vec![b'\n'; n_lines.len()];
    plain.extend_from_slice(&text[len..]);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::files::Files;

    fn files(text: &str) -> Vec<(String, String)> {
        let dump = split(text.as_bytes()).expect("a dump");
        let mut files = dump.files.clone();
        let paths: Vec<Vec<u8>> = files.paths().map(<[u8]>::to_vec).collect();
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let content = |path: &Vec<u8>| {
            let file = files.file(path).expect("no error").expect("there");
            (utf8(path), utf8(&file.bytes))
        };
        paths.iter().map(content).collect()
    }

    #[test]
    fn files_come_back_byte_for_byte() {
        let text = "nginx: the configuration file /n/nginx.conf syntax is ok\n\
                    # configuration file /n/nginx.conf:\na;\n\n# configuration file /n/b.conf:\nb;\
                    \n# configuration file /n/c.conf:\n\n\n";
        let want = [
            ("/n/b.conf", "b;"),
            ("/n/c.conf", "\n"),
            ("/n/nginx.conf", "a;\n"),
        ];
        let got = files(text);
        let got: Vec<(&str, &str)> = got.iter().map(|(a, b)| (&a[..], &b[..])).collect();
        assert_eq!(got, want);
        assert_eq!(
            split(text.as_bytes()).expect("a dump").main,
            b"/n/nginx.conf"
        );
    }

    #[test]
    fn what_nginx_v_says_is_the_version_and_no_content() {
        let said = "nginx version: nginx/1.22.1 (Debian)\nbuilt by gcc 12.2.0\nconfigure arguments: --prefix=/n\n";
        let dump = "# configuration file /n/nginx.conf:\na;\n\n";
        for text in [format!("{said}{dump}"), format!("{dump}{said}")] {
            assert_eq!(
                files(&text),
                [("/n/nginx.conf".to_owned(), "a;\n".to_owned())]
            );
            let dump = split(text.as_bytes()).expect("a dump");
            assert_eq!(dump.version, Some(Version(1, 22, 1)));
            assert!(dump.notes.is_empty(), "{:?}", dump.notes);
        }
        assert_eq!(split(dump.as_bytes()).expect("a dump").version, None);
    }

    #[test]
    fn messages_at_the_end_are_no_content() {
        let text = "# configuration file /n/nginx.conf:\na;\n\n2026/11/20 11:36:11 [warn] 1#1: x\nnginx: configuration file /n/nginx.conf test is successful\n";
        assert_eq!(
            files(text),
            [("/n/nginx.conf".to_owned(), "a;\n".to_owned())]
        );
    }

    #[test]
    fn comments_that_look_like_marks_are_comments() {
        for comment in [
            "# configuration file x.conf:",
            "# configuration file /n/x.conf",
            " # configuration file /n/x.conf:",
            "# configuration file /n/nginx.conf:",
        ] {
            let text = format!("# configuration file /n/nginx.conf:\na;\n{comment}\nb;\n\n");
            assert_eq!(files(&text).len(), 1, "{comment}");
            assert!(files(&text)[0].1.ends_with("b;\n"), "{comment}");
        }
        assert!(split(b"a;\n").is_none());
    }

    #[test]
    fn a_second_dump_is_said_and_not_read() {
        let one = "# configuration file /n/nginx.conf:\na;\n\n";
        let dump = split(format!("{one}{one}").as_bytes()).expect("a dump");
        assert_eq!(dump.files.paths().count(), 1);
        assert_eq!(
            dump.notes,
            [(4, "a second dump begins here, which is not read".to_owned())]
        );
    }

    #[test]
    fn windows_ends_lines_its_own_way() {
        let text = "# configuration file C:\\nginx/conf/nginx.conf:\r\na;\r\n\r\n# configuration file C:\\nginx/conf/m.types:\r\nb;\r\n\r\n";
        let got = files(text);
        assert_eq!(
            got[0],
            ("C:\\nginx/conf/m.types".to_owned(), "b;\r\n".to_owned())
        );
        assert_eq!(got.len(), 2);
    }
}
