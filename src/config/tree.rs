//! Statements of one file as a tree of directives, before anything is included.

use super::token::{Ending, Fault, Tokens, Word};
use std::sync::Arc;

/// A directive as it stands in its file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The name and the arguments; without a name, a block that nginx refuses.
    pub(super) words: Arc<[Vec<u8>]>,
    /// Of the name.
    pub(super) line: u32,
    /// What stands between its braces.
    pub(super) block: Option<Vec<Node>>,
}

/// A file that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) faults: Vec<Fault>,
    pub(super) n_lines: u32,
}

/// Blocks within blocks that are kept; nginx has no such limit, and no use for more than ten.
pub const DEPTH_MAX: usize = 64;

/// Reads all directives of `bytes`, whatever they are.
pub(super) fn parse(bytes: &[u8]) -> Tree {
    let mut tokens = Tokens::new(bytes);
    let mut words = Vec::new();
    let mut open: Vec<Node> = Vec::new();
    let mut n_too_deep = 0usize;
    let mut nodes = Vec::new();
    let mut faults = Vec::new();
    loop {
        let line = tokens.line();
        let ending = tokens.statement(&mut words);
        if n_too_deep == 0
            && (ending == Ending::Simple || ending == Ending::EndOfFile)
            && !words.is_empty()
        {
            siblings(&mut open, &mut nodes).push(node(&mut words, line, None));
        }
        match ending {
            Ending::Simple => {}
            Ending::Open if is_lua(&words) => {
                let body = tokens.skip_lua().to_vec();
                words.push(Word { text: body, line });
                if n_too_deep == 0 {
                    siblings(&mut open, &mut nodes).push(node(&mut words, line, None));
                }
            }
            Ending::Open if n_too_deep > 0 || open.len() == DEPTH_MAX => {
                if n_too_deep == 0 {
                    let what = format!(
                        "more than {DEPTH_MAX} blocks within blocks: what is inside is left out"
                    );
                    faults.push(Fault {
                        line: tokens.line(),
                        what,
                    });
                }
                n_too_deep += 1;
            }
            Ending::Open => open.push(node(&mut words, line, Some(Vec::new()))),
            Ending::Close if n_too_deep > 0 => n_too_deep -= 1,
            Ending::Close => match open.pop() {
                Some(block) => siblings(&mut open, &mut nodes).push(block),
                None => faults.push(Fault {
                    line: tokens.line(),
                    what: "unexpected \"}\"".to_owned(),
                }),
            },
            Ending::EndOfFile => break,
        }
    }
    if !open.is_empty() {
        let what = "unexpected end of file, expecting \"}\"".to_owned();
        faults.push(Fault {
            line: tokens.line(),
            what,
        });
    }
    while let Some(block) = open.pop() {
        siblings(&mut open, &mut nodes).push(block);
    }
    faults.extend(std::mem::take(&mut tokens.faults));
    faults.sort_by_key(|fault| fault.line);
    Tree {
        nodes,
        faults,
        n_lines: tokens.line(),
    }
}

/// Where the next directive belongs.
fn siblings<'a>(open: &'a mut [Node], nodes: &'a mut Vec<Node>) -> &'a mut Vec<Node> {
    open.last_mut()
        .and_then(|node| node.block.as_mut())
        .unwrap_or(nodes)
}

fn node(words: &mut Vec<Word>, line: u32, block: Option<Vec<Node>>) -> Node {
    Node {
        line: words.first().map_or(line, |word| word.line),
        words: words.drain(..).map(|word| word.text).collect(),
        block,
    }
}

fn is_lua(words: &[Word]) -> bool {
    let name = words.first().map_or(&b""[..], |word| &word.text);
    name.ends_with(b"_by_lua_block")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(nodes: &[Node]) -> String {
        let mut out = String::new();
        for node in nodes {
            let words: Vec<String> = node
                .words
                .iter()
                .map(|word| word.escape_ascii().to_string())
                .collect();
            out.push_str(&format!("{}:{}", node.line, words.join(" ")));
            match &node.block {
                Some(block) => out.push_str(&format!(" {{ {}}} ", shown(block))),
                None => out.push_str("; "),
            }
        }
        out
    }

    #[track_caller]
    fn check(text: &str, want: &str, faults: &[&str]) {
        let tree = parse(text.as_bytes());
        assert_eq!(shown(&tree.nodes).trim_end(), want);
        let got: Vec<String> = tree
            .faults
            .iter()
            .map(|f| format!("{}: {}", f.line, f.what))
            .collect();
        assert_eq!(got, faults);
    }

    #[test]
    fn blocks_nest_and_lines_are_those_of_names() {
        check(
            "a;\nb {\n  c\n  d;\n  e { }\n}\n",
            "1:a; 2:b { 3:c d; 5:e { } }",
            &[],
        );
    }

    #[test]
    fn broken_nesting_keeps_what_is_there() {
        check(
            "a { b;",
            "1:a { 1:b; }",
            &["1: unexpected end of file, expecting \"}\""],
        );
        check("a; } b;", "1:a; 1:b;", &["1: unexpected \"}\""]);
        check(
            "a",
            "1:a;",
            &["1: unexpected end of file, expecting \";\" or \"}\""],
        );
    }

    #[test]
    fn lua_is_one_argument() {
        check(
            "a {\n x_by_lua_block { if {} then end }\n b; }",
            "1:a { 2:x_by_lua_block  if {} then end ; 3:b; }",
            &[],
        );
    }

    #[test]
    fn depth_is_bounded() {
        let n = 100_000;
        let text = format!("{}b;{}c;", "a {".repeat(n), "}".repeat(n));
        let tree = parse(text.as_bytes());
        assert_eq!(tree.faults.len(), 1);
        assert_eq!(tree.nodes.len(), 2);
        assert_eq!(tree.nodes[1].words[0], b"c");
    }
}
