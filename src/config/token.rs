//! Bytes of one file to statements: words up to `;`, `{` or `}`.
//!
//! The rules are those of `ngx_conf_read_token` (nginx 1.31, `src/core/ngx_conf_file.c`). What nginx refuses is a
//! [`Fault`] here, and reading goes on where the next word can begin. Nothing is known of the meaning of words, but that
//! the body of a `*_by_lua_block` is Lua (OpenResty), which has braces and quotes of its own.

/// One word: quotes and backslashes are resolved as nginx stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: Vec<u8>,
    /// Where it begins; 1 is the first.
    pub(super) line: u32,
}

/// What ended the words of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// `;`, or the end of words that lack it.
    Simple,
    /// `{`
    Open,
    /// `}`; there are no words.
    Close,
    /// The end of the file; words that stand before it lack their `;`.
    EndOfFile,
}

/// What nginx would refuse, in its words as far as it has some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: u32,
    pub(super) what: String,
}

/// Bytes that nginx reads at once: a word and what ends it must fit, and a comment too (`NGX_CONF_BUFFER`).
pub(super) const BUFFER_LEN: usize = 4096;

/// Reads statements from the bytes of a file.
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Tokens<'a> {
        let mut tokens = Tokens {
            bytes,
            at: 0,
            line: 1,
            faults: Vec::new(),
        };
        if bytes.starts_with(b"\xef\xbb\xbf") {
            tokens.at = 3;
            tokens.fault(
                1,
                "a byte-order mark, which nginx takes for a part of the first word",
            );
        }
        tokens
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// Reads the words of the next statement into `words`. Each call takes at least one byte or says
    /// [`Ending::EndOfFile`].
    pub(super) fn statement(&mut self, words: &mut Vec<Word>) -> Ending {
        words.clear();
        loop {
            self.skip_blanks();
            let Some(&byte) = self.bytes.get(self.at) else {
                if !words.is_empty() {
                    self.fault(
                        self.line,
                        "unexpected end of file, expecting \";\" or \"}\"",
                    );
                }
                return Ending::EndOfFile;
            };
            match byte {
                b';' | b'{' if words.is_empty() => {
                    self.unexpected(byte);
                    self.at += 1;
                    if byte == b'{' {
                        return Ending::Open;
                    }
                }
                b';' => {
                    self.at += 1;
                    return Ending::Simple;
                }
                b'{' => {
                    self.at += 1;
                    return Ending::Open;
                }
                b'}' if words.is_empty() => {
                    self.at += 1;
                    return Ending::Close;
                }
                b'}' => {
                    // The `;` is missing: the brace is left for the next call.
                    self.unexpected(byte);
                    return Ending::Simple;
                }
                b'"' | b'\'' => words.push(self.quoted(byte)),
                _ => words.push(self.bare()),
            }
        }
    }

    /// Skips the Lua behind the `{` that was just read, up to and with the `}` that closes it.
    pub(super) fn skip_lua(&mut self) -> &'a [u8] {
        let start = self.at;
        let end = lua_end(&self.bytes[start..]);
        let body = &self.bytes[start..start + end.unwrap_or(self.bytes.len() - start)];
        if end.is_none() {
            self.fault(
                self.line,
                "unexpected end of file, expecting the \"}\" of a Lua block",
            );
        }
        self.take((start + body.len() + 1).min(self.bytes.len()));
        body
    }

    fn fault(&mut self, line: u32, what: &str) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault {
                line,
                what: what.to_owned(),
            });
        }
    }

    fn unexpected(&mut self, byte: u8) {
        let what = format!("unexpected \"{}\"", byte.escape_ascii());
        self.fault(self.line, &what);
    }

    /// Moves on to `end`, counting lines.
    fn take(&mut self, end: usize) {
        let n_lines = self.bytes[self.at..end].iter().filter(|&&b| b == b'\n');
        self.line = self.line.saturating_add(n_lines.count() as u32);
        self.at = end;
    }

    /// Blanks and comments.
    fn skip_blanks(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' => self.take(self.at + 1),
                b'#' => {
                    let rest = &self.bytes[self.at..];
                    let len = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
                    if len >= BUFFER_LEN {
                        self.too_long(self.line, &rest[..len]);
                    }
                    self.at += len;
                }
                _ => return,
            }
        }
    }

    fn too_long(&mut self, line: u32, text: &[u8]) {
        let start = text[..text.len().min(10)].escape_ascii();
        self.fault(line, &format!("too long parameter \"{start}...\" started"));
    }

    /// A word without quotes at its start: up to a blank, `;` or `{`, but for `{` directly behind `$`.
    fn bare(&mut self) -> Word {
        let (start, line) = (self.at, self.line);
        let mut at = start;
        let mut is_variable = false;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'{' if is_variable => {}
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => break,
                b'\\' => {
                    is_variable = false;
                    at += 1;
                }
                _ => is_variable = byte == b'$',
            }
            at += 1;
        }
        let end = at.min(self.bytes.len());
        let raw = &self.bytes[start..end];
        if raw.len() >= BUFFER_LEN {
            self.too_long(line, raw);
        }
        self.take(end);
        Word {
            text: unescaped(raw),
            line,
        }
    }

    /// A word that begins with `quote`, up to the next one.
    fn quoted(&mut self, quote: u8) -> Word {
        let (start, line) = (self.at + 1, self.line);
        let mut at = start;
        let room = self.bytes.len().min(start + BUFFER_LEN);
        while at < room && self.bytes[at] != quote {
            at += if self.bytes[at] == b'\\' { 2 } else { 1 };
        }
        if at >= room {
            return self.unclosed(quote, start);
        }
        let raw = &self.bytes[start..at];
        if raw.len() + 2 > BUFFER_LEN {
            self.too_long(line, raw);
        }
        self.take(at + 1);
        match self.bytes.get(self.at) {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b')') => {}
            Some(&byte) => self.unexpected(byte),
        }
        Word {
            text: unescaped(raw),
            line,
        }
    }

    /// A quote that nothing closes: taken for a slip, so that the word ends with its line or at `;`.
    fn unclosed(&mut self, quote: u8, start: usize) -> Word {
        let line = self.line;
        let quote = quote as char;
        let what =
            format!("too long parameter, probably missing terminating \"{quote}\" character");
        self.fault(line, &what);
        let rest = &self.bytes[start..];
        let len = rest.iter().position(|b| matches!(b, b'\n' | b';'));
        let raw = &rest[..len.unwrap_or(rest.len())];
        self.take(start + raw.len());
        Word {
            text: unescaped(raw.trim_ascii_end()),
            line,
        }
    }
}

/// Faults of one file that are kept.
const FAULTS_MAX: usize = 100;

/// What nginx stores: `\"`, `\'` and `\\` lose the backslash, `\t`, `\r` and `\n` become what they name, any other stays.
fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let told = match bytes.peek() {
            Some(&next @ (b'"' | b'\'' | b'\\')) if byte == b'\\' => next,
            Some(b't') if byte == b'\\' => b'\t',
            Some(b'r') if byte == b'\\' => b'\r',
            Some(b'n') if byte == b'\\' => b'\n',
            _ => {
                text.push(byte);
                continue;
            }
        };
        text.push(told);
        bytes.next();
    }
    text
}

/// Where the `}` stands that closes a Lua block; strings, long brackets and comments of Lua may hold any braces.
fn lua_end(code: &[u8]) -> Option<usize> {
    let mut depth = 1usize;
    let mut at = 0;
    while let Some(&byte) = code.get(at) {
        at += match byte {
            b'{' => {
                depth += 1;
                1
            }
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
                1
            }
            b'"' | b'\'' => lua_string_len(&code[at..]),
            b'[' => long_bracket_len(&code[at..]).unwrap_or(1),
            b'-' if code[at..].starts_with(b"--") => match long_bracket_len(&code[at + 2..]) {
                Some(len) => len + 2,
                None => line_len(&code[at..]),
            },
            _ => 1,
        };
    }
    None
}

/// The length of a string of Lua, quotes included; it ends with its line at the latest.
fn lua_string_len(code: &[u8]) -> usize {
    let quote = code[0];
    let mut at = 1;
    while at < code.len() {
        match code[at] {
            b'\\' => at += 1,
            b'\n' => return at,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    code.len()
}

/// The length of `[[ … ]]` or `[=[ … ]=]`, if one begins here; an unclosed one takes the rest.
fn long_bracket_len(code: &[u8]) -> Option<usize> {
    let level = code.iter().skip(1).take_while(|&&b| b == b'=').count();
    if code.first() != Some(&b'[') || code.get(level + 1) != Some(&b'[') {
        return None;
    }
    let mut at = level + 2;
    while at < code.len() {
        let rest = &code[at..];
        let n_equals = rest.iter().skip(1).take_while(|&&b| b == b'=').count();
        if rest[0] == b']' && n_equals == level && rest.get(level + 1) == Some(&b']') {
            return Some(at + level + 2);
        }
        at += 1 + if rest[0] == b']' { n_equals } else { 0 };
    }
    Some(code.len())
}

fn line_len(code: &[u8]) -> usize {
    code.iter().position(|&b| b == b'\n').unwrap_or(code.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statements as text: words in `[]`, what ended them, and the faults.
    fn told(text: &[u8]) -> String {
        let (mut tokens, mut words, mut out) = (Tokens::new(text), Vec::new(), String::new());
        loop {
            let ending = tokens.statement(&mut words);
            for word in &words {
                out.push_str(&format!("[{}]", word.text.escape_ascii()));
            }
            match ending {
                Ending::Simple => out.push(';'),
                Ending::Open => out.push('{'),
                Ending::Close => out.push('}'),
                Ending::EndOfFile => break,
            }
        }
        for fault in tokens.faults {
            out.push_str(&format!(" !{}: {}", fault.line, fault.what));
        }
        out
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(told(text.as_bytes()), want, "{text}");
    }

    #[test]
    fn blanks_separate_and_semicolons_end() {
        check("a\tb\r\nc;d;", "[a][b][c];[d];");
        check("a {b;}", "[a]{[b];}");
        check("a{b;}c;", "[a]{[b];}[c];");
    }

    #[test]
    fn a_brace_inside_a_word_is_a_part_of_it() {
        check("server 1.2.3.4}\n;", "[server][1.2.3.4}];");
        check("a { b }", "[a]{[b];} !1: unexpected \"}\"");
    }

    #[test]
    fn comments_begin_words() {
        check("a#b c; # d;\ne;", "[a#b][c];[e];");
        check("rewrite ^/x#y /z;", "[rewrite][^/x#y][/z];");
        check("# only", "");
    }

    #[test]
    fn quotes_begin_words() {
        check("a \"b ; { } # c\" 'd\n\"';", "[a][b ; { } # c][d\\n\\\"];");
        check("a foo\"bar;", "[a][foo\\\"bar];");
        check("a \"b\"c;", "[a][b][c]; !1: unexpected \"c\"");
        check("if (\"$a\") {", "[if][(\\\"$a\\\")]{");
        check("x \"a\") {", "[x][a][)]{");
        check("a \"\" '';", "[a][][];");
    }

    #[test]
    fn a_brace_behind_a_dollar_is_a_variable() {
        check("a ${b}c;", "[a][${b}c];");
        check("a x${b}{", "[a][x${b}]{");
        check(
            "location ~ ^/x/(\\d{1,3})/ {",
            "[location][~][^/x/(\\\\d]{[1,3})/]{",
        );
    }

    #[test]
    fn backslashes() {
        check(
            r#"a \; \  \{ \d \" \' \\ \t;"#,
            r#"[a][\\;][\\ ][\\{][\\d][\"][\'][\\][\t];"#,
        );
        check(r#"a "\"\d\n" '\'';"#, r#"[a][\"\\d\n][\'];"#);
        check(
            "a b\\",
            "[a][b\\\\] !1: unexpected end of file, expecting \";\" or \"}\"",
        );
    }

    #[test]
    fn what_nginx_refuses_costs_one_statement() {
        check(";a;", "[a]; !1: unexpected \";\"");
        check("{a;}", "{[a];} !1: unexpected \"{\"");
        check(
            "\u{feff}a;",
            "[a]; !1: a byte-order mark, which nginx takes for a part of the first word",
        );
        check(
            "a \"b\nc;\nd;",
            "[a][b][c];[d]; !1: too long parameter, probably missing terminating \"\"\" character",
        );
    }

    /// Found with nginx 1.22.1: words and comments of these lengths pass, or do not.
    #[test]
    fn words_must_fit_the_buffer() {
        let n_faults = |text: String| {
            let (mut tokens, mut words) = (Tokens::new(text.as_bytes()), Vec::new());
            while tokens.statement(&mut words) != Ending::EndOfFile {}
            tokens.faults.len()
        };
        let long = |n| "x".repeat(n);
        assert_eq!(n_faults(format!("#{}\na;", long(4094))), 0);
        assert_eq!(n_faults(format!("#{}\na;", long(4095))), 1);
        assert_eq!(n_faults(format!("a \"{}\";", long(4094))), 0);
        assert_eq!(n_faults(format!("a \"{}\";", long(4095))), 1);
        assert_eq!(n_faults(format!("a \"{}\";", long(4096))), 1);
        assert_eq!(n_faults(format!("a {};", long(4095))), 0);
        assert_eq!(n_faults(format!("a {};", long(4096))), 1);
    }

    #[test]
    fn lua_has_braces_of_its_own() {
        let check = |code: &str, want: &str| {
            let text = format!("x_by_lua_block {{{code}}} a;");
            let (mut tokens, mut words) = (Tokens::new(text.as_bytes()), Vec::new());
            assert_eq!(tokens.statement(&mut words), Ending::Open);
            assert_eq!(tokens.skip_lua(), want.as_bytes());
            assert_eq!(tokens.statement(&mut words), Ending::Simple, "{code}");
            assert_eq!(words[0].text, b"a");
        };
        for code in [
            "",
            " local t = {a = {1}} ",
            " s = \"}\" .. '}\\'' ",
            " -- }\n x() ",
            " --[[ } \n } ]] x() ",
            " s = [==[ } ]] ]=] ]==] ",
            " a[b[1]] = 2 -- [[ }\n",
        ] {
            check(code, code);
        }
        let mut tokens = Tokens::new(b"{ \"a");
        assert_eq!(tokens.statement(&mut Vec::new()), Ending::Open);
        tokens.skip_lua();
        assert_eq!(tokens.faults.len(), 2);
    }
}
