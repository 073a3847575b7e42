//! Every table and column: names, types, units. The README's tables are made from this.

/// Type of a column. Counts are signed because Spark reads unsigned numbers as decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8.
    Text,
    /// 64 bits, signed.
    Integer,
    /// An instant; zone UTC, whole seconds.
    Time,
}

impl ColumnType {
    pub const fn name(self) -> &'static str {
        match self {
            ColumnType::Text => "text",
            ColumnType::Integer => "int64",
            ColumnType::Time => "timestamp, UTC",
        }
    }
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: ColumnType,
    /// What it holds and what an empty cell means.
    pub doc: &'static str,
}

/// One table.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// What a row is.
    pub row: &'static str,
    pub columns: &'static [Column],
}

/// One cell.
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Text(String),
    /// A text of the program's own, such as the name of a category.
    Word(&'static str),
    Integer(i64),
    /// Seconds since 1970-01-01 00:00:00 UTC.
    Time(i64),
}

const fn text(name: &'static str, doc: &'static str) -> Column {
    Column {
        name,
        kind: ColumnType::Text,
        doc,
    }
}

const WRITTEN: Column = text(
    "written",
    "when its envelope says it was written, to the fraction of a second: UTC with Z, else as the clock of the writer shows it",
);
const STREAM: Column = text("stream", "stdout or stderr, where its envelope tells");

const fn integer(name: &'static str, doc: &'static str) -> Column {
    Column {
        name,
        kind: ColumnType::Integer,
        doc,
    }
}

const fn time(name: &'static str, doc: &'static str) -> Column {
    Column {
        name,
        kind: ColumnType::Time,
        doc,
    }
}

pub static FAILURES: Table = Table {
    name: "failures",
    row: "bucket x upstream x category x phase x severity x basis",
    columns: &[
        time(
            "bucket",
            "start of the bucket; empty for records without a time",
        ),
        text(
            "upstream",
            "address, or the group where no peer could be chosen; empty where the record names none, or was cut before it",
        ),
        text("category", "what went wrong"),
        text("phase", "what nginx was doing"),
        text("severity", "failure, warning, state, client or other"),
        text("basis", "kind of log the count rests on"),
        integer("n_events", "events"),
        integer(
            "n_clients",
            "distinct client addresses: exact up to 192, then an estimate (2.3 % standard error)",
        ),
        time("first_seen", "first event of the row"),
        time("last_seen", "last event of the row"),
        text(
            "evidence",
            "first event of the row in file order, as source:line@offset",
        ),
    ],
};

pub static EVENTS: Table = Table {
    name: "events",
    row: "one classified record",
    columns: &[
        time("time", "time of the record; empty if it carries none"),
        text("category", "what went wrong"),
        text("phase", "what nginx was doing"),
        text("severity", "failure, warning, state, client or other"),
        text(
            "signature",
            "id of the message; unknown if no row of the taxonomy describes it",
        ),
        text("level", "level nginx gave it"),
        integer(
            "errno",
            "system error number as written; empty if there is none",
        ),
        text(
            "upstream",
            "address, or the group where no peer could be chosen",
        ),
        text(
            "server",
            "server_name nginx chose, or the listening address before a request exists",
        ),
        text("host", "Host header"),
        text("client", "client address"),
        text("method", "request method"),
        text("uri", "request URI as sent"),
        integer("connection", "connection number (*N)"),
        text(
            "message",
            "the message with errno and action, without the fields after it",
        ),
        text(
            "trust",
            "confirmed; cut: part of it is missing, or may be, as it ends with its file and without a newline; torn: two heads in one line; injected: a line that somebody else wrote to look like a record, which counts nowhere",
        ),
        text("source", "file the record is in"),
        integer("offset", "offset of its first byte in the decoded stream"),
        integer("line", "line number, from 1"),
        text(
            "upstream_basis",
            "what names the upstream: error-log, or access-log where the record is cut before its upstream and the request that failed tells it; empty where nothing does",
        ),
        text(
            "clock",
            "twice: the clock of the zone showed this time twice, and the earlier is taken; skipped: it never did; empty where it did once",
        ),
        text(
            "machine",
            "host, pod or container that the envelope of its line names, else what the path of its source names",
        ),
        WRITTEN,
        STREAM,
    ],
};

pub static INCIDENTS: Table = Table {
    name: "incidents",
    row: "one incident: failures that burst out together and end together",
    columns: &[
        text(
            "id",
            "date and minute of its start, and four digits of start and first mover",
        ),
        time("start", "its first failure"),
        time("end", "its last failure"),
        time(
            "peak",
            "start of the bucket with most failures; a minute, or wider where a limit was reached",
        ),
        text(
            "first_upstream",
            "upstream that rose first; empty where the records name none",
        ),
        text("first_category", "what went wrong there"),
        text(
            "upstreams",
            "upstreams that failed in it, by onset, the first 20; a comma between two",
        ),
        text(
            "categories",
            "what went wrong, by onset; a comma between two",
        ),
        integer("n_events", "failures"),
        integer(
            "n_requests",
            "requests that failed because of it; without an access log, its records",
        ),
        integer(
            "n_clients",
            "distinct client addresses: exact up to 192, then an estimate (2.3 % standard error)",
        ),
        integer(
            "baseline_rate",
            "failures per minute that are usual in these logs, rounded down",
        ),
        integer("peak_rate", "failures per minute at the peak"),
        text("first_phase", "what nginx was doing there, most often"),
        time("first_onset", "when the first mover rose"),
        text(
            "cut",
            "ends of it that the logs do not show: start, end or both; empty if they show both",
        ),
        integer(
            "baseline_per_hour",
            "failures per hour that are usual in these logs",
        ),
        text(
            "evidence",
            "its first event in file order, as source:line@offset",
        ),
        integer(
            "n_uris",
            "distinct methods with their URIs of these requests; empty: not known",
        ),
        integer(
            "n_hosts",
            "distinct hosts of these requests; empty: not known",
        ),
    ],
};

pub static TRAFFIC: Table = Table {
    name: "traffic",
    row: "bucket x upstream, of access logs",
    columns: &[
        time(
            "bucket",
            "start of the bucket, by the end of the request; empty for lines without a time",
        ),
        text(
            "upstream",
            "address, or the group where no peer could be chosen; empty for requests that met none",
        ),
        integer("n_requests", "requests whose last attempt was here"),
        integer("n_attempts", "attempts here"),
        integer(
            "n_failed_attempts",
            "attempts that failed here, those too that a later one made good",
        ),
        integer("n_1xx", "of the requests, those answered 1xx"),
        integer("n_2xx", "2xx"),
        integer("n_3xx", "3xx"),
        integer("n_4xx", "4xx"),
        integer("n_5xx", "5xx"),
        integer("n_499", "the client left before an answer"),
        integer("n_502", "502"),
        integer("n_503", "503"),
        integer("n_504", "504"),
        integer(
            "bytes_sent",
            "bytes sent to clients, as the format logs them",
        ),
        integer(
            "response_ms_p50",
            "time of an attempt up to the last byte of its answer: median, at most 1 % off; empty where nothing tells",
        ),
        integer("response_ms_p90", "90th percentile"),
        integer("response_ms_p99", "99th percentile"),
        integer("response_ms_max", "longest, exact"),
        integer("connect_ms_p50", "time to connect, TLS included"),
        integer("connect_ms_p99", "99th percentile"),
        integer("connect_ms_max", "longest, exact"),
        integer("header_ms_p50", "time up to the end of the answer's header"),
        integer("header_ms_p99", "99th percentile"),
        integer("header_ms_max", "longest, exact"),
        integer(
            "request_ms_p50",
            "time of a request from its first byte to its record, clients included",
        ),
        integer("request_ms_p90", "90th percentile"),
        integer("request_ms_p99", "99th percentile"),
        integer("request_ms_max", "longest, exact"),
        integer("n_masked", "failed attempts that a later attempt made good"),
    ],
};

pub static REQUESTS: Table = Table {
    name: "requests",
    row: "one request of an access log that failed, was retried or was cut; all with --all-requests",
    columns: &[
        time(
            "time",
            "end of the request; empty if the line does not tell",
        ),
        integer("status", "what the client was answered"),
        text("method", "request method"),
        text("uri", "request URI as logged"),
        text("host", "Host header, or the server's name"),
        text("client", "client address"),
        integer(
            "request_ms",
            "from the first byte of the client to the record",
        ),
        integer("n_attempts", "upstreams tried"),
        text("upstreams", "address of each attempt, with a comma between"),
        text(
            "upstream_statuses",
            "status of each attempt; - where it has none",
        ),
        integer("response_ms", "time of all attempts together"),
        text(
            "category",
            "what went wrong: as the error record in explained_by tells, else as far as the line does; empty where nothing did",
        ),
        text(
            "explained_by",
            "the error record that tells why, as source:line@offset; empty where none is known",
        ),
        text(
            "confidence",
            "how sure that is. exact: by the number of the connection; strong: client, request line and upstream agree within the life of the request; weak: something of it is unknown",
        ),
        text("source", "file the line is in"),
        integer("offset", "offset of its first byte in the decoded stream"),
        integer("line", "line number, from 1"),
        text(
            "machine",
            "host, pod or container that its line or the envelope of it names, else what the path of its source names",
        ),
        WRITTEN,
        STREAM,
    ],
};

pub static FINDINGS: Table = Table {
    name: "findings",
    row: "one finding: a claim about a cause, with what it rests on and what to do",
    columns: &[
        text(
            "id",
            "F-, the rule, and digits of what it is about: the same for the same logs",
        ),
        integer(
            "rank",
            "1 is told first: by severity, then by requests hurt and confidence",
        ),
        text(
            "severity",
            "failure: requests failed; warning: they were hurt without failing, or will be; note: it limits what the logs can tell",
        ),
        text("confidence", "certain, likely or possible"),
        text("title", "the finding in one line"),
        text("claim", "what happened and why, with numbers"),
        text("refuted_by", "what would show that it is wrong"),
        text("advice", "what to do, first things first"),
        text(
            "directives",
            "what to write in the configuration, as `directive value (context)`; a semicolon between two; empty where nothing is to be changed there",
        ),
        text(
            "commands",
            "how to check on the live host; a semicolon between two",
        ),
        text(
            "incident",
            "id of the incident it explains; empty if it is of none",
        ),
        text(
            "evidence",
            "what it rests on, as source:line@offset, file:line of the configuration, or a source; a comma between two",
        ),
        integer(
            "n_requests",
            "requests that failed because of it; without an access log, its records",
        ),
        integer("n_masked", "failed tries of which clients saw nothing"),
        integer("n_events", "records or requests it rests on"),
        time("first_seen", "the first of them"),
        time("last_seen", "the last of them"),
    ],
};

pub static SOURCES: Table = Table {
    name: "sources",
    row: "one source: the account of its bytes and lines",
    columns: &[
        text(
            "source",
            "path as given; members of archives behind an exclamation mark",
        ),
        text("kind", "what it is, by content"),
        text("format", "log format, of access logs"),
        text(
            "wrapper",
            "envelope around its lines, from outside in; empty for none",
        ),
        text(
            "decode",
            "how its bytes were packed, from outside in: gzip, zstd > tar > gzip, utf-16le; plain",
        ),
        text("zone", "time zone its times were read in"),
        integer("size_bytes", "bytes of the file it is stored in"),
        integer("decoded_bytes", "bytes after decoding"),
        text(
            "sha256",
            "digest of the file it is stored in, as it was when it was opened, or of the stream; empty if those bytes were changed meanwhile",
        ),
        integer("n_lines", "lines; the sum of the eight classes below"),
        integer("n_records", "first lines of whole records"),
        integer(
            "n_events",
            "events, injected ones included; a torn line holds two",
        ),
        integer("n_continuation", "further lines of records"),
        integer(
            "n_cut",
            "first lines of records that are cut or have lost their head",
        ),
        integer("n_torn", "lines that hold two heads"),
        integer(
            "n_injected",
            "lines a client, or an application behind FastCGI, smuggled in",
        ),
        integer("n_unparsed", "lines that are no records"),
        time("first_time", "oldest record"),
        time("last_time", "newest record"),
        text(
            "problems",
            "what makes its numbers incomplete; empty if nothing does",
        ),
        integer("n_blank", "blank lines"),
        text(
            "host",
            "hosts, pods or containers its lines name, else what its path names",
        ),
        text(
            "units",
            "compressed members, frames or streams of each layer, such as gzip 3",
        ),
        text("notes", "what is noteworthy but costs nothing"),
        integer(
            "n_duplicate",
            "lines that another source holds too and that are counted there",
        ),
        text("identity", "device and inode of the file it is stored in"),
        time(
            "modified",
            "when that file was last changed, before it was read",
        ),
        text(
            "zone_basis",
            "why the clock of its error records is taken for that of `zone`, with the score against the next best one",
        ),
    ],
};

pub static TABLES: [&Table; 7] = [
    &FAILURES, &TRAFFIC, &EVENTS, &REQUESTS, &INCIDENTS, &FINDINGS, &SOURCES,
];

impl Table {
    pub fn from_name(name: &str) -> Option<&'static Table> {
        TABLES.into_iter().find(|table| table.name == name)
    }
}
