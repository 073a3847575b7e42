//! What holds in a scope: the directive nearest outwards, or the default of the version.

use super::{
    directives::{Inheritance, Row, row},
    model::{Config, Directive, Position, Realm, ScopeId, ScopeKind},
    value,
    version::Version,
};

/// What holds in a scope for one directive.
#[derive(Clone, Debug)]
pub enum Effective<'a> {
    /// What was written, all at one level; more than one only of a list.
    Set(Vec<&'a Directive>),
    /// Nothing was written.
    Default(DefaultValue),
}

/// The value nginx takes where none is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultValue {
    pub text: &'static str,
    /// The version it came with; `None`: it was always so.
    pub since: Option<Version>,
    /// The version of nginx is known, or no version has another default.
    pub is_certain: bool,
}

/// A value with where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valued<T> {
    pub value: T,
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Set(Position),
    Default(DefaultValue),
}

impl Origin {
    pub fn position(&self) -> Option<Position> {
        match self {
            Origin::Set(position) => Some(*position),
            Origin::Default(_) => None,
        }
    }
}

/// A number of buffers of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    pub number: u64,
    pub size_bytes: u64,
}

impl Config {
    /// What holds in `scope` for the directive `name`; `None` if nothing was written and nginx has no default, or none is known.
    pub fn effective(&self, scope: ScopeId, name: &str) -> Option<Effective<'_>> {
        let row = self.row(scope, name);
        let set = self.set_in(scope, name, row);
        if !set.is_empty() {
            return Some(Effective::Set(set));
        }
        self.default_of(row?).map(Effective::Default)
    }

    /// What was written and holds in `scope`, all at one level; empty if nothing was.
    pub fn set(&self, scope: ScopeId, name: &str) -> Vec<&Directive> {
        self.set_in(scope, name, self.row(scope, name))
    }

    fn row(&self, scope: ScopeId, name: &str) -> Option<&'static Row> {
        let realm = self.scope(scope).kind.realm()?;
        row(realm, name.as_bytes())
    }

    fn set_in(&self, scope: ScopeId, name: &str, row: Option<&Row>) -> Vec<&Directive> {
        let inheritance = row.map_or(Inheritance::Value, |row| row.inheritance);
        for level in self.around(scope) {
            let mut own: Vec<&Directive> = self.own(level, name).collect();
            if !own.is_empty() {
                if matches!(inheritance, Inheritance::Value | Inheritance::Handler) {
                    own.truncate(1);
                }
                return own;
            }
            let is_within = matches!(
                self.scope(level).kind,
                ScopeKind::If | ScopeKind::LimitExcept
            );
            let goes_on = match inheritance {
                Inheritance::Value | Inheritance::List => true,
                Inheritance::Handler => is_within,
                Inheritance::Own => false,
            };
            if !goes_on {
                break;
            }
        }
        Vec::new()
    }

    /// The default of the version; if that is not known, the one that held longest, and not certain.
    fn default_of(&self, row: &Row) -> Option<DefaultValue> {
        let until = self.version;
        let known = row.defaults.iter().rev();
        let mut known = known.filter(|(since, _)| until.is_none_or(|version| *since <= version));
        let (since, text) = match until {
            Some(_) => known.next()?,
            None => row.defaults.first()?,
        };
        if text.is_empty() && row.defaults.len() > 1 {
            return None;
        }
        Some(DefaultValue {
            text,
            since: (*since > Version(0, 0, 0)).then_some(*since),
            is_certain: until.is_some() || row.defaults.len() == 1,
        })
    }

    /// The arguments that hold, of the first directive if there are several.
    pub fn words(&self, scope: ScopeId, name: &str) -> Option<Valued<Vec<&[u8]>>> {
        Some(match self.effective(scope, name)? {
            Effective::Set(set) => {
                let first = set.first()?;
                Valued {
                    value: first.args().iter().map(Vec::as_slice).collect(),
                    origin: Origin::Set(first.position),
                }
            }
            Effective::Default(default) => Valued {
                value: default
                    .text
                    .split_ascii_whitespace()
                    .map(str::as_bytes)
                    .collect(),
                origin: Origin::Default(default),
            },
        })
    }

    fn parsed<T>(
        &self,
        scope: ScopeId,
        name: &str,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<Valued<T>> {
        let words = self.words(scope, name)?;
        Some(Valued {
            value: parse(words.value.first()?)?,
            origin: words.origin,
        })
    }

    /// A time that holds; `None` also where nginx would refuse what was written.
    pub fn milliseconds(&self, scope: ScopeId, name: &str) -> Option<Valued<u64>> {
        self.parsed(scope, name, value::parse_milliseconds)
    }

    /// A size that holds, in bytes.
    pub fn bytes(&self, scope: ScopeId, name: &str) -> Option<Valued<u64>> {
        self.parsed(scope, name, value::parse_offset)
    }

    pub fn number(&self, scope: ScopeId, name: &str) -> Option<Valued<u64>> {
        self.parsed(scope, name, value::parse_number)
    }

    pub fn flag(&self, scope: ScopeId, name: &str) -> Option<Valued<bool>> {
        self.parsed(scope, name, value::parse_flag)
    }

    pub fn buffers(&self, scope: ScopeId, name: &str) -> Option<Valued<Buffers>> {
        let words = self.words(scope, name)?;
        let [number, size] = words.value[..] else {
            return None;
        };
        Some(Valued {
            value: Buffers {
                number: value::parse_number(number)?,
                size_bytes: value::parse_size(size)?,
            },
            origin: words.origin,
        })
    }

    /// What a header is set to that a list such as `proxy_set_header` gives; the last one counts, as nginx sends them all.
    pub fn header<'a>(
        &'a self,
        scope: ScopeId,
        list: &str,
        header: &str,
    ) -> Option<Valued<&'a [u8]>> {
        let set = self.set(scope, list);
        let found = set
            .into_iter()
            .rev()
            .find(|directive| directive.arg(0).eq_ignore_ascii_case(header.as_bytes()))?;
        Some(Valued {
            value: found.arg(1),
            origin: Origin::Set(found.position),
        })
    }

    /// The outermost scope of a part of nginx.
    pub fn outermost(&self, realm: Realm) -> Option<ScopeId> {
        let ids = (0..self.scopes.len() as u32).map(ScopeId);
        ids.into_iter()
            .find(|&id| self.scope(id).kind.realm() == Some(realm))
    }
}
