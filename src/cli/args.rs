//! The command line as typed. Nothing is looked up here.

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// What stands below the options.
const AFTER_HELP: &str = "Exit status: 0 all sources read and accounted for; 1 results valid, but something was damaged, unreadable, \
cut or changed while read (listed); 2 usage, or nothing readable; 3 an output could not be written; 4 `compare` came out worse.\n\n\
Examples:\n  coroner /var/log/nginx/error.log*\n  coroner export logs/ --table failures -o failures.parquet\n  coroner web1.tar.gz web2.tar.gz --host web2\n  \
coroner compare before/ --after after/\n  \
coroner explain no-live-upstreams";

/// Finds out why a gateway answered 502, 504 or 499, from what is left after an outage
///
/// Reads nginx error and access logs, offline, as rotation left them (gzip, zstd, bzip2, xz, lz4, tar; docker, CRI, syslog, journald
/// and other envelopes): says which upstream failed, how, when and whom it hit, with every number traceable
/// to a byte offset in a file.
#[derive(Debug, Parser)]
#[command(
    name = "coroner",
    version,
    args_conflicts_with_subcommands = true,
    after_long_help = format!("{AFTER_HELP}\n\n{}", super::limits::help()),
    after_help = AFTER_HELP
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub report: ReportArgs,
    /// Print a man page or the completions of a shell, and exit
    #[arg(long, value_name = "WHAT")]
    pub generate: Option<Generate>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The post-mortem of these logs: in the terminal, or as .html, .md, .json or .txt
    Report(ReportArgs),
    /// The tables, as .csv, .parquet, .jsonl or .arrow
    Export(ExportArgs),
    /// Is it fixed? Failures before and after: two sets of logs, or one that is cut at the fix
    Compare(CompareArgs),
    /// What a log line, a status, a category or a signature means: cause, directives and defaults, how to check, how to fix
    Explain(ExplainArgs),
    /// The lines of the logs behind an event, a number or an incident, also from inside archives
    Evidence(EvidenceArgs),
}

#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// Write the report to FILE: .html (one page to hand around), .md, .json or .txt, by its name; `-` is stdout
    #[arg(short, long, value_name = "FILE", env = "CORONER_OUTPUT")]
    pub output: Option<PathBuf>,
    /// Rows of the longest lists
    #[arg(long, value_name = "N", default_value_t = 10, env = "CORONER_TOP")]
    pub top: usize,
}

#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// The table: failures, traffic, events, requests, incidents, findings or sources
    #[arg(
        short,
        long,
        value_name = "T",
        default_value = "failures",
        env = "CORONER_TABLE"
    )]
    pub table: String,
    /// Table `requests`: all of them, not only those that failed, were retried or were cut
    #[arg(long, env = "CORONER_ALL_REQUESTS")]
    pub all_requests: bool,
    /// Where to: FILE (format by its name), DIR/ (all tables), or `-` or nothing: CSV on stdout
    #[arg(short, long, value_name = "FILE|DIR/", env = "CORONER_OUTPUT")]
    pub output: Option<PathBuf>,
    /// The format, where the name does not tell: csv, parquet, jsonl or arrow
    #[arg(short, long, value_name = "F", env = "CORONER_FORMAT")]
    pub format: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// A log line, a category such as `refused`, a signature such as `http-no-live-upstreams`, or a status such as `502`; `-` reads lines from stdin
    #[arg(value_name = "TEXT|CATEGORY|SIGNATURE", required = true)]
    pub text: Vec<String>,
    /// Of a line, show no client and nothing of what it sent
    #[arg(long, env = "CORONER_REDACT")]
    pub redact: bool,
    /// The key of the pseudonyms, as of the other commands
    #[arg(long, value_name = "FILE", env = "CORONER_REDACT_KEY")]
    pub redact_key: Option<PathBuf>,
    /// When to use colour
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        env = "CORONER_COLOR"
    )]
    pub color: Color,
}

#[derive(Debug, clap::Args)]
pub struct EvidenceArgs {
    /// What to show: SOURCE:LINE@OFFSET as tables and reports write it (one of the two numbers is enough), or the id of an incident;
    /// `-`: each line of stdin
    #[arg(value_name = "ID", required = true)]
    pub id: String,
    #[command(flatten)]
    pub input: InputArgs,
    /// Records of an incident that are shown: the first
    #[arg(long, value_name = "N", default_value_t = 10, env = "CORONER_TOP")]
    pub top: usize,
    /// Lines before and after each record
    #[arg(short = 'C', long, value_name = "N", default_value_t = 0)]
    pub context: usize,
    /// Lines before
    #[arg(short = 'B', long = "before-context", value_name = "N")]
    pub before: Option<usize>,
    /// Lines after
    #[arg(short = 'A', long = "after-context", value_name = "N")]
    pub after: Option<usize>,
    /// Nothing but the bytes of the lines, as they stand in the decoded stream; not on a terminal
    #[arg(long)]
    pub raw: bool,
}

/// What `coroner compare` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = COMPARE_HELP)]
pub struct CompareArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// Logs after the fix; the others are those before it
    #[arg(
        long,
        value_name = "LOG",
        num_args = 1..,
        conflicts_with = "cut_at",
        env = "CORONER_AFTER"
    )]
    pub after: Vec<PathBuf>,
    /// When the fix was made, in one set of logs: as --since takes it. Without it and --after, the last reload or start in the logs
    #[arg(
        long,
        value_name = "T",
        allow_hyphen_values = true,
        env = "CORONER_CUT_AT"
    )]
    pub cut_at: Option<String>,
    /// Write the comparison to FILE: .html (one page to hand around), .md, .json or .txt, by its name; `-` is stdout
    #[arg(short, long, value_name = "FILE", env = "CORONER_OUTPUT")]
    pub output: Option<PathBuf>,
    /// Rows of the longest lists
    #[arg(long, value_name = "N", default_value_t = 10, env = "CORONER_TOP")]
    pub top: usize,
}

/// What stands below the options of `coroner compare`.
const COMPARE_HELP: &str = "Verdicts: fixed (gone, and at the old rate they would have shown), better (fewer, not gone), same, worse (more, or \
new), cannot tell (too little to say).\n\nExit status: 0 fixed, better, same or cannot tell; 1 the same, but something was damaged, unreadable, cut or changed \
while read; 2 usage, or nothing readable; 3 the output could not be written; 4 worse, damaged or not.\n\n\
Examples:\n  coroner compare old/ --after new/\n  coroner compare error.log access.log --cut-at '2026-11-20 14:40'\n  \
coroner compare logs/    # cut at the last reload";

/// What to read and what of it to keep.
#[derive(Clone, Debug, clap::Args)]
pub struct InputArgs {
    /// Log files, archives, directories, globs; `-` is stdin. What they are, their content tells
    #[arg(value_name = "LOG")]
    pub logs: Vec<PathBuf>,
    /// Kind of the logs; by default told by their content, for each source
    #[arg(long, value_name = "K", env = "CORONER_KIND")]
    pub kind: Option<InputKind>,
    /// The nginx configuration: an `nginx -T` dump, an nginx.conf or its directory; `-` is stdin. Without it, one that lies among the
    /// logs is used
    #[arg(long, value_name = "PATH", env = "CORONER_NGINX_CONFIG")]
    pub nginx_config: Option<PathBuf>,
    /// Format of access logs: the body of a `log_format`, or the name of one that is built in (combined, main, upstreaminfo, …);
    /// may repeat. By default told by the lines themselves
    #[arg(long, value_name = "F", env = "CORONER_LOG_FORMAT")]
    pub log_format: Vec<String>,
    /// Which key of JSON access lines tells what, where its name does not: status=code, client=peer.addr; may repeat
    #[arg(long, value_name = "NAME=KEY", env = "CORONER_FIELD")]
    pub field: Vec<String>,
    /// Zone of times that carry no offset: Europe/Berlin, UTC, +02:00. Error logs carry none; envelopes may tell it, else UTC is
    /// assumed, and said so
    #[arg(long, value_name = "ZONE", env = "CORONER_TZ")]
    pub tz: Option<String>,
    /// Keep what happened at T or later: RFC 3339, `2026-11-20 10:00` (by the logs' clock), or -2h before the newest record
    #[arg(
        long,
        value_name = "T",
        allow_hyphen_values = true,
        env = "CORONER_SINCE"
    )]
    pub since: Option<String>,
    /// Keep what happened before T
    #[arg(
        long,
        value_name = "T",
        allow_hyphen_values = true,
        env = "CORONER_UNTIL"
    )]
    pub until: Option<String>,
    /// Width of the time buckets: 1s 10s 1m 5m 15m 1h 1d; by default so that there are at most 240 (export: 1m)
    #[arg(long, value_name = "W", env = "CORONER_BUCKET")]
    pub bucket: Option<String>,
    /// Keep only upstreams that match this glob; may repeat
    #[arg(long, value_name = "P", env = "CORONER_UPSTREAM")]
    pub upstream: Vec<String>,
    /// Keep only events of servers (server_name) that match this glob; may repeat
    #[arg(long, value_name = "P", env = "CORONER_SERVER")]
    pub server: Vec<String>,
    /// Keep only events of which the host, the pod or the container matches this glob: all that line and envelope name, and what the
    /// path names beside; may repeat
    #[arg(long, value_name = "P", env = "CORONER_HOST")]
    pub host: Vec<String>,
    /// Keep only this category; may repeat
    #[arg(
        long,
        value_name = "C",
        env = "CORONER_CATEGORY",
        value_delimiter = ','
    )]
    pub category: Vec<String>,
    /// Threads; 0 is one per core. Never changes an answer
    #[arg(long, value_name = "N", default_value_t = 0, env = "CORONER_THREADS")]
    pub threads: usize,
    /// Bytes a thread takes at a time, with k, M or G; 0 is a 256th of each file, 1M to 8M. Never changes an answer
    #[arg(
        long,
        value_name = "B",
        default_value = "0",
        env = "CORONER_CHUNK_SIZE"
    )]
    pub chunk_size: String,
    /// Whether files may be mapped into memory; never: they are read, which is right for files that change and network mounts
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        env = "CORONER_MMAP"
    )]
    pub mmap: MmapWhen,
    /// Show no clients and nothing of what they sent: addresses as pseudonyms, URIs as routes, messages in nginx's own words; in
    /// every output
    #[arg(long, env = "CORONER_REDACT")]
    pub redact: bool,
    /// The key of the pseudonyms: a file of 16 bytes or more, whose pseudonyms are the same in all runs. By default a new key is made
    /// for each run, and kept nowhere. Implies --redact
    #[arg(long, value_name = "FILE", env = "CORONER_REDACT_KEY")]
    pub redact_key: Option<PathBuf>,
    /// Overwrite an output that exists
    #[arg(long, env = "CORONER_FORCE")]
    pub force: bool,
    /// When to use colour
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        env = "CORONER_COLOR"
    )]
    pub color: Color,
    /// Show no progress. By itself it is shown on a terminal only, where a run takes longer, and not where CI is set
    #[arg(long, env = "CORONER_NO_PROGRESS")]
    pub no_progress: bool,
    /// Say nothing but errors on stderr
    #[arg(short, long, env = "CORONER_QUIET")]
    pub quiet: bool,
    /// Say more on stderr
    #[arg(short, long, env = "CORONER_VERBOSE")]
    pub verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MmapWhen {
    Auto,
    Never,
}

/// Kinds that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputKind {
    NginxError,
    NginxAccess,
    Audit,
}

/// What `--generate` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    Man,
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Generate {
    /// The shell it is for; `None` for the man page.
    pub fn shell(self) -> Option<Shell> {
        match self {
            Generate::Man => None,
            Generate::Bash => Some(Shell::Bash),
            Generate::Elvish => Some(Shell::Elvish),
            Generate::Fish => Some(Shell::Fish),
            Generate::Powershell => Some(Shell::PowerShell),
            Generate::Zsh => Some(Shell::Zsh),
        }
    }
}
