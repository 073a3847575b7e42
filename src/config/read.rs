//! Files to one configuration: every `include` is put in place, and every block told what it is.
//!
//! nginx resolves a relative include against the directory of the main file, expands `* ? [` with `glob(3)`, takes no match
//! of a glob for nothing and a missing plain file for an error (`ngx_conf_include`). A file that includes itself makes nginx
//! run out of files; here it is a problem like a missing one, and reading goes on.

use super::{
    dump,
    files::{Files, directory, is_absolute},
    model::{
        ConfFile, Config, Directive, DirectiveId, Position, Problem, ProblemKind, Scope, ScopeId,
        ScopeKind,
    },
    tree::{self, Node},
};
use std::{collections::BTreeMap, sync::Arc};

/// Directives that are kept, each include counted as often as it is used.
pub const DIRECTIVES_MAX: usize = 1_000_000;

/// Files within files that are included.
pub const INCLUDES_MAX: usize = 32;

/// Problems that are kept.
pub const PROBLEMS_MAX: usize = 200;

/// Reads the configuration whose main file is at `path`.
pub fn read(path: &[u8], files: &mut impl Files) -> Config {
    let mut reader = Reader {
        files,
        directory: directory(path).to_vec(),
        known: BTreeMap::new(),
        open: Vec::new(),
        n_taken: 0,
        config: Config {
            files: Vec::new(),
            directives: Vec::new(),
            scopes: Vec::new(),
            problems: Vec::new(),
            version: None,
        },
    };
    let main = reader.scope(ScopeKind::Main, None, None);
    if let Some(file) = reader.file(path, None) {
        let scope = reader.root(main, &file);
        reader.fill(scope, &file);
    }
    if reader.n_taken > DIRECTIVES_MAX {
        let what = format!("more than {DIRECTIVES_MAX} directives: the rest is left out");
        reader.problem(ProblemKind::LeftOut, None, what);
    }
    reader.config
}

/// Reads an `nginx -T` dump; `None` if `text` is none.
pub fn read_dump(text: &[u8]) -> Option<Config> {
    let mut dump = dump::split(text)?;
    let mut config = read(&dump.main, &mut dump.files);
    config.version = dump.version;
    for (line, note) in dump.notes {
        config.problems.push(Problem {
            kind: ProblemKind::Odd,
            position: None,
            what: format!("line {line} of the dump: {note}"),
        });
    }
    let is_used = |path: &[u8]| config.files.iter().any(|file| file.path == path);
    let unused: Vec<&[u8]> = dump.files.paths().filter(|path| !is_used(path)).collect();
    for path in unused.iter().take(UNUSED_TOLD) {
        let path = String::from_utf8_lossy(path);
        config.problems.push(Problem {
            kind: ProblemKind::Odd,
            position: None,
            what: format!(
                "nothing includes `{path}`, so it is not used: was the dump put together by hand?"
            ),
        });
    }
    Some(config)
}

/// Files of a dump that nothing includes and that are named.
const UNUSED_TOLD: usize = 5;

struct Reader<'f, F> {
    files: &'f mut F,
    /// Of the main file, its last `/` included.
    directory: Vec<u8>,
    /// Files by the path they were asked for.
    known: BTreeMap<Vec<u8>, Option<Loaded>>,
    /// The files that are being read, from outside in.
    open: Vec<u32>,
    /// Directives so far, those included and the includes themselves counted as often as they are used.
    n_taken: usize,
    config: Config,
}

/// A file at hand.
#[derive(Clone)]
struct Loaded {
    index: u32,
    nodes: Arc<[Node]>,
}

impl<F: Files> Reader<'_, F> {
    fn problem(&mut self, kind: ProblemKind, position: Option<Position>, what: String) {
        if self.config.problems.len() < PROBLEMS_MAX {
            self.config.problems.push(Problem {
                kind,
                position,
                what,
            });
        }
    }

    fn scope(
        &mut self,
        kind: ScopeKind,
        parent: Option<ScopeId>,
        opened_by: Option<DirectiveId>,
    ) -> ScopeId {
        let id = ScopeId(self.config.scopes.len() as u32);
        self.config.scopes.push(Scope {
            kind,
            parent,
            opened_by,
            directives: Vec::new(),
            children: Vec::new(),
        });
        if let Some(parent) = parent {
            self.config.scopes[parent.0 as usize].children.push(id);
        }
        id
    }

    /// Where the directives of the main file belong: a file with servers or upstreams and no `http` around them is a part of one.
    fn root(&mut self, main: ScopeId, file: &Loaded) -> ScopeId {
        let has = |names: &[&[u8]]| {
            let mut nodes = file.nodes.iter();
            nodes.any(|node| {
                node.words
                    .first()
                    .is_some_and(|name| names.contains(&name.as_slice()))
            })
        };
        let is_whole = has(&[b"http", b"stream", b"mail", b"events"]);
        if is_whole
            || !has(&[
                b"server",
                b"upstream",
                b"location",
                b"log_format",
                b"access_log",
                b"map",
            ])
        {
            return main;
        }
        self.problem(
            ProblemKind::Missing,
            None,
            "no `http` around its blocks: read as a part of one, what is outside is not known"
                .to_owned(),
        );
        self.scope(ScopeKind::Http, Some(main), None)
    }

    /// Reads a file, or finds it read.
    fn file(&mut self, path: &[u8], from: Option<Position>) -> Option<Loaded> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let shown = String::from_utf8_lossy(path).into_owned();
        let loaded = match self.files.file(path) {
            Ok(Some(file)) => {
                let bytes = dump::without_leading_messages(&file.bytes);
                let tree = tree::parse(bytes.as_deref().unwrap_or(&file.bytes));
                let index = self.config.files.len() as u32;
                self.config.files.push(ConfFile {
                    path: file.name,
                    size_bytes: file.bytes.len() as u64,
                    n_lines: tree.n_lines,
                });
                for fault in tree.faults {
                    let line = fault.line;
                    self.problem(
                        ProblemKind::Refused,
                        Some(Position { file: index, line }),
                        fault.what,
                    );
                }
                let nodes = tree.nodes.into();
                Some(Loaded { index, nodes })
            }
            Ok(None) => {
                self.problem(
                    ProblemKind::Missing,
                    from,
                    format!("`{shown}` is not there"),
                );
                None
            }
            Err(why) => {
                self.problem(
                    ProblemKind::Missing,
                    from,
                    format!("cannot read `{shown}`: {why}"),
                );
                None
            }
        };
        self.known.insert(path.to_vec(), loaded.clone());
        loaded
    }

    /// Puts the directives of `file` into `scope`.
    fn fill(&mut self, scope: ScopeId, file: &Loaded) {
        self.open.push(file.index);
        self.fill_with(scope, &file.nodes, file.index);
        self.open.pop();
    }

    fn fill_with(&mut self, scope: ScopeId, nodes: &[Node], file: u32) {
        for node in nodes {
            let position = Position {
                file,
                line: node.line,
            };
            self.n_taken += 1;
            if self.n_taken > DIRECTIVES_MAX {
                return;
            }
            if node.words.len() == 2 && node.words[0] == b"include" && node.block.is_none() {
                self.include(scope, &node.words[1], position);
                continue;
            }
            let id = DirectiveId(self.config.directives.len() as u32);
            self.config.directives.push(Directive {
                id,
                words: Arc::clone(&node.words),
                position,
                scope,
                opens: None,
            });
            self.config.scopes[scope.0 as usize].directives.push(id);
            if let Some(block) = &node.block {
                let name = node.words.first().map_or(&b""[..], Vec::as_slice);
                let kind = self.config.scope(scope).kind.of_block(name);
                let inner = self.scope(kind, Some(scope), Some(id));
                self.config.directives[id.0 as usize].opens = Some(inner);
                self.fill_with(inner, block, file);
            }
        }
    }

    fn include(&mut self, scope: ScopeId, target: &[u8], position: Position) {
        let mut path = target.to_vec();
        if !is_absolute(target) {
            path.splice(0..0, self.directory.iter().copied());
        }
        let is_glob = path.iter().any(|b| b"*?[".contains(b));
        let paths = if is_glob {
            self.files.glob(&path)
        } else {
            vec![path]
        };
        for path in paths {
            if self.open.len() > INCLUDES_MAX {
                let what =
                    format!("more than {INCLUDES_MAX} files within files: the rest is left out");
                return self.problem(ProblemKind::LeftOut, Some(position), what);
            }
            let Some(file) = self.file(&path, Some(position)) else {
                continue;
            };
            if self.open.contains(&file.index) {
                let shown = String::from_utf8_lossy(&path).into_owned();
                self.problem(
                    ProblemKind::Refused,
                    Some(position),
                    format!("`{shown}` includes itself"),
                );
                continue;
            }
            self.fill(scope, &file);
        }
    }
}
