//! The formats of access logs that the user told: by `--log-format`, and by the configuration, which says which file has which.

use super::message::Failure;
use crate::{
    config::{self, Config, PathMatch, path_match},
    engine::KnownFormats,
    parse::access::{Escape, Field, Known, LogFormat, builtin, json::field_named},
};

/// Formats, the likeliest first.
#[derive(Clone, Debug, Default)]
pub(super) struct ToldFormats {
    /// By the user.
    given: Vec<LogFormat>,
    /// By the configuration.
    defined: Vec<LogFormat>,
    /// Paths of `access_log`, which may hold variables, and the index of the format in `defined`.
    files: Vec<(Vec<u8>, usize)>,
    /// Keys of JSON lines.
    keys: Vec<(Field, String)>,
}

impl ToldFormats {
    /// Those of `--log-format` and of a configuration, whose names can be given too; and the keys of `--field`.
    pub(super) fn new(
        given: &[String],
        keys: &[String],
        config: Option<&Config>,
    ) -> Result<ToldFormats, Failure> {
        let mut formats = ToldFormats {
            keys: keys
                .iter()
                .map(|text| key(text))
                .collect::<Result<_, _>>()?,
            ..ToldFormats::default()
        };
        if let Some(config) = config {
            formats.define(config);
        }
        for text in given {
            let named = formats.named(text)?;
            formats.given.extend(named);
        }
        Ok(formats)
    }

    /// Takes over what `config` defines. What cannot be compiled, nginx refuses too.
    fn define(&mut self, config: &Config) {
        let mut names = Vec::new();
        for format in config.log_formats() {
            let name = String::from_utf8_lossy(&format.name).into_owned();
            let escape = match format.escape {
                config::Escape::Default => Escape::Default,
                config::Escape::Json => Escape::Json,
                config::Escape::None => Escape::None,
            };
            if let Ok(compiled) = LogFormat::compile(name, escape, &format.body) {
                names.push((format.realm, format.name));
                self.defined.push(compiled);
            }
        }
        for log in config.access_logs() {
            let is_it = |(realm, name): &(config::Realm, Vec<u8>)| {
                *realm == log.realm && name.eq_ignore_ascii_case(log.format)
            };
            if let (Some(path), Some(index)) = (log.target.path(), names.iter().position(is_it)) {
                self.files.push((path.to_vec(), index));
            }
        }
    }

    /// The format that a text is, or the formats of that name.
    fn named(&self, text: &str) -> Result<Vec<LogFormat>, Failure> {
        let usage = |why: &str| Failure::Usage(format!("--log-format `{text}`: {why}"));
        if text.contains('$') {
            let format = LogFormat::typed(text.as_bytes());
            return format
                .map(|format| vec![format])
                .map_err(|why| usage(&why.to_string()));
        }
        let is_it = |format: &&LogFormat| format.name() == text;
        let defined: Vec<LogFormat> = self.defined.iter().filter(is_it).cloned().collect();
        let named = if defined.is_empty() {
            builtin::named(text)
        } else {
            defined
        };
        if named.is_empty() {
            let names = builtin::names().join(", ");
            return Err(usage(&format!(
                "neither a format, which has variables such as $status, nor one that the configuration defines, nor one of {names}"
            )));
        }
        Ok(named)
    }
}

/// `status=code`: a field, and the key that tells it.
fn key(text: &str) -> Result<(Field, String), Failure> {
    let usage = |why: String| Failure::Usage(format!("--field `{text}`: {why}"));
    let (name, key) = text
        .split_once('=')
        .filter(|(_, key)| !key.is_empty())
        .ok_or_else(|| usage("give NAME=KEY, such as status=code".to_owned()))?;
    match field_named(name) {
        Some(field) => Ok((field, key.to_owned())),
        None => {
            let names = Field::ALL.map(Field::name).join(", ");
            Err(usage(format!(
                "`{name}` is a variable of nginx that is not used here, or none; there are {names}"
            )))
        }
    }
}

impl KnownFormats for ToldFormats {
    fn of_source(&self, name: &[u8]) -> Known {
        let fits = |(path, index): &(Vec<u8>, usize)| Some((path_match(path, name)?, *index));
        let fits: Vec<_> = self.files.iter().filter_map(fits).collect();
        let best = fits.iter().map(|(fit, _)| *fit).min();
        let of_file = fits.iter().filter(|(fit, _)| Some(*fit) == best);
        let mut order: Vec<usize> = of_file.map(|(_, index)| *index).collect();
        order.extend(0..self.defined.len());
        let mut formats = self.given.clone();
        for index in order {
            let format = &self.defined[index];
            if !formats.contains(format) {
                formats.push(format.clone());
            }
        }
        Known {
            formats,
            n_given: self.given.len(),
            is_access_log: best.is_some_and(|fit| fit != PathMatch::Pattern),
            keys: self.keys.clone(),
        }
    }
}
