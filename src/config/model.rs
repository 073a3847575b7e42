//! A configuration as nginx sees it: directives in scopes, all includes in place.

use super::{directives::row, version::Version};
use std::sync::Arc;

/// A configuration. Nothing in it is judged; what nginx would refuse is in [`problems`](Self::problems).
#[derive(Clone, Debug)]
pub struct Config {
    /// Every file once, the main one first.
    pub files: Vec<ConfFile>,
    pub directives: Vec<Directive>,
    /// The main scope first.
    pub scopes: Vec<Scope>,
    pub problems: Vec<Problem>,
    /// The nginx that read it, which defaults depend on; a configuration does not tell it, but a dump with the output of `nginx -V` does,
    /// and so do error logs.
    pub version: Option<Version>,
}

/// A file of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfFile {
    pub path: Vec<u8>,
    pub size_bytes: u64,
    pub n_lines: u32,
}

/// Where something stands: index of a file in [`Config::files`], and a line, 1 is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub file: u32,
    pub line: u32,
}

/// Index of a directive in [`Config::directives`], in the order in which nginx reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectiveId(pub u32);

/// Index of a scope in [`Config::scopes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId(pub u32);

/// One directive, or what looks like one inside `map` and its like.
#[derive(Clone, Debug)]
pub struct Directive {
    /// Its own index.
    pub id: DirectiveId,
    /// Its name and its arguments.
    pub words: Arc<[Vec<u8>]>,
    /// Of its name.
    pub position: Position,
    /// Where it stands.
    pub scope: ScopeId,
    /// The block it opens.
    pub opens: Option<ScopeId>,
}

impl Directive {
    pub fn name(&self) -> &[u8] {
        self.words.first().map_or(b"", Vec::as_slice)
    }

    pub fn args(&self) -> &[Vec<u8>] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The argument of that index; empty if there is none.
    pub fn arg(&self, index: usize) -> &[u8] {
        self.args().get(index).map_or(b"", Vec::as_slice)
    }

    pub fn is(&self, name: &str) -> bool {
        self.name() == name.as_bytes()
    }
}

/// A block, or what stands outside all blocks.
#[derive(Clone, Debug)]
pub struct Scope {
    pub kind: ScopeKind,
    /// `None` of the main scope alone.
    pub parent: Option<ScopeId>,
    /// The directive that opens it; none of the main scope, and of an `http` that is only implied.
    pub opened_by: Option<DirectiveId>,
    /// In order.
    pub directives: Vec<DirectiveId>,
    /// In order.
    pub children: Vec<ScopeId>,
}

/// What a block is; which directives mean what depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScopeKind {
    Main,
    Events,
    Http,
    HttpServer,
    Location,
    /// `if` in a server or in a location.
    If,
    LimitExcept,
    HttpUpstream,
    Stream,
    StreamServer,
    StreamUpstream,
    Mail,
    MailServer,
    /// `map`, `types` and their like: the words in it are data.
    Data,
    /// A block of another module.
    Other,
}

/// The part of nginx whose module understands a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Realm {
    Core,
    Events,
    Http,
    /// An `upstream` block of http or of stream.
    Upstream,
    Stream,
    Mail,
}

impl ScopeKind {
    /// What a block named `name` is inside `self`.
    pub(super) fn of_block(self, name: &[u8]) -> ScopeKind {
        use ScopeKind::*;
        match (self, name) {
            (Main, b"http") => Http,
            (Main, b"stream") => Stream,
            (Main, b"mail") => Mail,
            (Main, b"events") => Events,
            (Http, b"server") => HttpServer,
            (Http, b"upstream") => HttpUpstream,
            (Stream, b"server") => StreamServer,
            (Stream, b"upstream") => StreamUpstream,
            (Mail, b"server") => MailServer,
            // In `http` it is an error of nginx, but a file of locations alone is read as if inside it.
            (Http | HttpServer | Location, b"location") => Location,
            (HttpServer | Location, b"if") => If,
            (Location, b"limit_except") => LimitExcept,
            (
                _,
                b"types" | b"map" | b"geo" | b"split_clients" | b"match" | b"charset_map"
                | b"otel_exporter",
            ) => Data,
            _ => Other,
        }
    }

    /// The part of nginx it belongs to; `None` where words are data or the module is not known.
    pub fn realm(self) -> Option<Realm> {
        use ScopeKind::*;
        match self {
            Main => Some(Realm::Core),
            Events => Some(Realm::Events),
            Http | HttpServer | Location | If | LimitExcept => Some(Realm::Http),
            HttpUpstream | StreamUpstream => Some(Realm::Upstream),
            Stream | StreamServer => Some(Realm::Stream),
            Mail | MailServer => Some(Realm::Mail),
            Data | Other => None,
        }
    }
}

/// What is wrong with the text of a configuration: nginx would refuse it, or a part of it is not at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// Where; `None` where it is about a file as a whole.
    pub position: Option<Position>,
    pub what: String,
}

/// What sort of problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// nginx refuses the text.
    Refused,
    /// A part of the configuration is not at hand: what follows from it may be wrong.
    Missing,
    /// A limit of this program left something out.
    LeftOut,
    /// Odd, and harmless.
    Odd,
}

impl Config {
    /// Whether all of it is at hand.
    pub fn is_whole(&self) -> bool {
        let is_hole =
            |problem: &Problem| matches!(problem.kind, ProblemKind::Missing | ProblemKind::LeftOut);
        !self.problems.iter().any(is_hole)
    }

    pub fn directive(&self, id: DirectiveId) -> &Directive {
        &self.directives[id.0 as usize]
    }

    pub fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.0 as usize]
    }

    pub fn main(&self) -> ScopeId {
        ScopeId(0)
    }

    /// All scopes of this kind, in order.
    pub fn scopes_of(&self, kind: ScopeKind) -> impl Iterator<Item = ScopeId> + '_ {
        let ids = (0..self.scopes.len() as u32).map(ScopeId);
        ids.filter(move |&id| self.scope(id).kind == kind)
    }

    /// The directives named `name` that stand in `scope` itself, in order.
    pub fn own<'a, 'n>(
        &'a self,
        scope: ScopeId,
        name: &'n str,
    ) -> impl Iterator<Item = &'a Directive> + use<'a, 'n> {
        let directives = self.scope(scope).directives.iter();
        directives
            .map(|&id| self.directive(id))
            .filter(move |directive| directive.is(name))
    }

    /// `scope` and all around it, from inside out.
    pub fn around(&self, scope: ScopeId) -> impl Iterator<Item = ScopeId> + '_ {
        std::iter::successors(Some(scope), |&id| self.scope(id).parent)
    }

    /// All scopes inside `scope`, itself first, in order.
    pub fn inside(&self, scope: ScopeId) -> Vec<ScopeId> {
        let mut all = vec![scope];
        let mut next = 0;
        while let Some(&id) = all.get(next) {
            all.extend(&self.scope(id).children);
            next += 1;
        }
        all.sort();
        all
    }

    /// The directive that opens `scope`.
    pub fn opener(&self, scope: ScopeId) -> Option<&Directive> {
        self.scope(scope).opened_by.map(|id| self.directive(id))
    }

    /// Whether there is anything of nginx in it: a block that only nginx has, or a directive that is known.
    pub fn is_plausible(&self) -> bool {
        self.directives.iter().any(|directive| {
            let inner = directive.opens.map(|scope| self.scope(scope).kind);
            let realm = self.scope(directive.scope).kind.realm();
            inner.is_some_and(|kind| kind.realm().is_some())
                || realm.is_some_and(|realm| row(realm, directive.name()).is_some())
        })
    }

    /// `FILE:LINE`, as nginx writes it.
    pub fn cite(&self, position: Position) -> String {
        let path = self
            .files
            .get(position.file as usize)
            .map(|file| &file.path[..]);
        let path = String::from_utf8_lossy(path.unwrap_or(b"?"));
        format!("{path}:{}", position.line)
    }

    /// A problem as a sentence with its place.
    pub fn describe(&self, problem: &Problem) -> String {
        match problem.position {
            Some(position) => format!("{} in {}", problem.what, self.cite(position)),
            None => problem.what.clone(),
        }
    }
}
