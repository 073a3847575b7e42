//! Flags resolved: what was typed is checked, and the world is asked (cores), before anything is read.

use super::{
    args::{InputArgs, InputKind, MmapWhen},
    formats::ToldFormats,
    message::Failure,
    nginx_config,
};
use crate::{
    aggregate::{Width, bucket::Grain},
    config::Config,
    diagnose::{Placement, placed::TimeBound},
    engine::{EngineConfig, Wanted},
    error::Error,
    event::{Category, LocalTime, Timestamp},
    filter::Filter,
    glob::Globs,
    input::{Found, Kind, Mmap, unpack::Limits},
    redact::{KEY_LEN_MIN, Redactor},
    text,
    zone::Zone,
};
use std::{path::Path, sync::Arc};

/// What a run over logs needs to know.
#[derive(Clone, Debug)]
pub struct Plan {
    pub engine: EngineConfig,
    pub placement: Placement,
    /// The zone the user gave.
    pub zone: Option<Zone>,
    /// Incidents are asked for.
    pub incidents: bool,
    /// What explains each failed request is asked for.
    pub joins: bool,
    /// Findings are asked for; they need incidents, the join and signs.
    pub findings: bool,
    /// The configuration the user named, or one among the logs.
    pub config: Option<Config>,
    /// What of the logs may be shown.
    pub redactor: Redactor,
}

impl Plan {
    /// Resolves `args`, which name what was `found`; `default_bucket` is used where no `--bucket` is given.
    pub fn from_args(
        args: &InputArgs,
        found: &[Found],
        default_bucket: Option<Width>,
    ) -> Result<Plan, Failure> {
        if args.logs.is_empty() {
            return Err(Failure::Usage(
                "no logs given: name files, directories or globs, or `-` for stdin (see --help)"
                    .to_owned(),
            ));
        }
        let is_stdin = |path: &std::path::PathBuf| path.as_os_str() == "-";
        if args.nginx_config.as_ref().is_some_and(is_stdin) && args.logs.iter().any(is_stdin) {
            return Err(Failure::Usage(
                "stdin cannot be both a log and the nginx configuration".to_owned(),
            ));
        }
        let config = match &args.nginx_config {
            Some(path) => Some(nginx_config::read(path)?),
            None if args.kind.is_some() => None, // then everything is a log
            None => nginx_config::read_among(found, args.quiet),
        };
        let zone = args
            .tz
            .as_deref()
            .map(Zone::parse)
            .transpose()
            .map_err(Failure::Usage)?;
        let bucket = args
            .bucket
            .as_deref()
            .map(parse_bucket)
            .transpose()?
            .or(default_bucket);
        let bound = |text: &Option<String>, flag| {
            text.as_deref()
                .map(|text| parse_time(text).map_err(|why| usage(flag, text, why)))
                .transpose()
        };
        let (since, until) = (
            bound(&args.since, "--since")?,
            bound(&args.until, "--until")?,
        );
        let filter = Filter {
            upstreams: Globs::new(&args.upstream)
                .map_err(|why| Failure::Usage(format!("--upstream: {why}")))?,
            servers: Globs::new(&args.server)
                .map_err(|why| Failure::Usage(format!("--server: {why}")))?,
            hosts: Globs::new(&args.host)
                .map_err(|why| Failure::Usage(format!("--host: {why}")))?,
            categories: args
                .category
                .iter()
                .map(|name| parse_category(name))
                .collect::<Result<_, _>>()?,
        };
        let engine = EngineConfig {
            n_threads: if args.threads > 0 {
                args.threads
            } else {
                n_cores()
            },
            chunk_len: parse_size(&args.chunk_size)?,
            grain: grain(bucket, since.is_some() || until.is_some()),
            filter,
            kind: args.kind.map(|kind| match kind {
                InputKind::NginxError => Kind::NginxError,
                InputKind::NginxAccess => Kind::NginxAccess,
                InputKind::Audit => Kind::Audit,
            }),
            formats: Arc::new(ToldFormats::new(
                &args.log_format,
                &args.field,
                config.as_ref(),
            )?),
            wanted: Wanted::ALL,
            limits: Limits::default(),
            digests: false,
            mmap: match args.mmap {
                MmapWhen::Auto => Mmap::Auto,
                MmapWhen::Never => Mmap::Never,
            },
            clocks: None,
            smuggled: None,
        };
        Ok(Plan {
            engine,
            placement: Placement {
                since,
                until,
                bucket,
            },
            zone,
            incidents: false,
            joins: false,
            findings: false,
            config,
            redactor: redactor(args.redact, args.redact_key.as_deref())?,
        })
    }
}

/// What the flags say of what may be shown; a key that is not given is made here.
pub(super) fn redactor(is_asked_for: bool, key: Option<&Path>) -> Result<Redactor, Failure> {
    let Some(path) = key else {
        if !is_asked_for {
            return Ok(Redactor::open());
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Failure::Usage(format!("--redact: no key can be made: {error}")))?;
        return Ok(Redactor::keyed(&key));
    };
    let key = std::fs::read(path).map_err(|source| Error::Open {
        path: path.to_owned(),
        source,
    })?;
    let key = key.trim_ascii();
    if key.len() < KEY_LEN_MIN {
        return Err(Failure::Usage(format!(
            "--redact-key {}: a key has {KEY_LEN_MIN} bytes at least, such as `head -c 32 /dev/urandom` writes",
            text::path_for_terminal(path)
        )));
    }
    Ok(Redactor::keyed(key))
}

fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Counts must be as fine as the bucket and, where a time is asked for, fine enough to cut at it.
fn grain(bucket: Option<Width>, has_bounds: bool) -> Grain {
    match bucket {
        _ if has_bounds => Grain::Fixed(Width::Second),
        Some(width) => Grain::for_width(width),
        None => Grain::OfSpan,
    }
}

fn usage(flag: &str, text: &str, why: &str) -> Failure {
    Failure::Usage(format!("{flag} `{text}`: {why}"))
}

fn parse_bucket(text: &str) -> Result<Width, Failure> {
    Width::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Width::ALL.into_iter().map(Width::name).collect();
        usage("--bucket", text, &format!("one of {}", names.join(" ")))
    })
}

fn parse_category(text: &str) -> Result<Category, Failure> {
    Category::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Category::ALL
            .iter()
            .map(|category| category.name())
            .collect();
        usage("--category", text, &format!("one of {}", names.join(" ")))
    })
}

/// `64k`, `1M`, `4096`: bytes, powers of 1024.
fn parse_size(text: &str) -> Result<usize, Failure> {
    let bad = || {
        usage(
            "--chunk-size",
            text,
            "a number of bytes, with k, M or G, or 0",
        )
    };
    let (digits, factor) = match text.as_bytes().last().map(u8::to_ascii_lowercase) {
        Some(b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm') => (&text[..text.len() - 1], 1 << 20),
        Some(b'g') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let number: usize = digits.parse().map_err(|_| bad())?;
    number.checked_mul(factor).ok_or_else(bad)
}

/// RFC 3339, `2026-11-20 10:00[:05]` or `2026-11-20` by the clock of the logs, or `-2h30m` before the newest record.
pub(super) fn parse_time(text: &str) -> Result<TimeBound, &'static str> {
    const FORMS: &str =
        "give RFC 3339 (2026-11-20T10:00:00Z), `2026-11-20 10:00`, or -2h before the newest record";
    if let Some(span) = text.strip_prefix('-') {
        return parse_span(span).map(TimeBound::BeforeNewest).ok_or(FORMS);
    }
    if let Ok(instant) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(TimeBound::At(Timestamp(instant.timestamp())));
    }
    let civil = [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
    ]
    .into_iter()
    .find_map(|form| chrono::NaiveDateTime::parse_from_str(text, form).ok())
    .or_else(|| {
        chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    })
    .ok_or(FORMS)?;
    Ok(TimeBound::Local(LocalTime(civil.and_utc().timestamp())))
}

/// `2h`, `90m`, `1d12h`, in seconds.
fn parse_span(text: &str) -> Option<i64> {
    let mut seconds = 0i64;
    let mut rest = text;
    while !rest.is_empty() {
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..n_digits].parse().ok()?;
        let unit = match rest.as_bytes().get(n_digits)? {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[n_digits + 1..];
    }
    (!text.is_empty()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times() {
        assert_eq!(parse_size("64k").ok(), Some(65_536));
        assert_eq!(parse_size("1").ok(), Some(1));
        assert_eq!(parse_size("0").ok(), Some(0));
        assert!(parse_size("x").is_err() && parse_size("99999999999G").is_err());
        let at = parse_time;
        assert_eq!(
            at("2026-11-20T10:00:00Z"),
            Ok(TimeBound::At(Timestamp(1_795_168_800)))
        );
        assert_eq!(
            at("2026-11-20 10:00"),
            Ok(TimeBound::Local(LocalTime(1_795_168_800)))
        );
        assert_eq!(at("-1d2h"), Ok(TimeBound::BeforeNewest(93_600)));
        assert!(at("yesterday").is_err() && at("-").is_err() && at("-5x").is_err());
    }
}
