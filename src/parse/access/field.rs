//! What an access line can tell, whatever its format: the meeting point of all readers of access lines and all who use them.

/// One thing an access line can tell. Several variables tell the same: the format's reader chooses the best it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// When the record was written, which is the end of the request: `$msec`, `$time_iso8601`, `$time_local`; the form shows in the value.
    Time,
    /// `$remote_addr`; else `$realip_remote_addr`, or the address a local format calls the client's (`$the_real_ip`, `$http_x_real_ip`).
    Client,
    /// The request line: `$request`.
    Request,
    /// `$request_method`
    Method,
    /// `$request_uri`; else `$uri`.
    Uri,
    /// `$status`
    Status,
    /// `$bytes_sent`; else `$body_bytes_sent`.
    BytesSent,
    /// Seconds from the first byte of the client to the record: `$request_time`, of a stream `$session_time`.
    RequestTime,
    /// What the client asked for: `$host`, `$http_host`.
    Host,
    /// `$server_name`
    Server,
    /// `$upstream_addr`: a list over attempts, as all of the `Upstream…` below.
    UpstreamAddr,
    /// `$upstream_status`
    UpstreamStatus,
    /// `$upstream_response_time`, seconds.
    UpstreamResponseTime,
    /// `$upstream_connect_time`, seconds.
    UpstreamConnectTime,
    /// `$upstream_header_time`, seconds; of a stream `$upstream_first_byte_time`.
    UpstreamHeaderTime,
    /// `$upstream_response_length`, bytes of the body.
    UpstreamResponseLength,
    /// `$upstream_bytes_received`
    UpstreamBytesReceived,
    /// `$upstream_cache_status`
    CacheStatus,
    /// The group or service the location passes to: `$proxy_upstream_name` (ingress-nginx), `$proxy_host`.
    Group,
    /// Serial number of the connection, the error log's `*N`: `$connection`.
    Connection,
    /// Process id of the worker: `$pid`.
    Pid,
    /// `$request_id`, `$req_id`
    RequestId,
    /// `OK` if the answer was sent whole, else empty: `$request_completion`.
    Completion,
    /// `$scheme`
    Scheme,
    /// `$protocol` of a stream session (`TCP`, `UDP`).
    StreamProtocol,
    /// `$hostname`: the machine that wrote the line.
    Machine,
}

impl Field {
    /// Every field: `ALL[x as usize] == x`.
    pub const ALL: [Field; 26] = [
        Field::Time,
        Field::Client,
        Field::Request,
        Field::Method,
        Field::Uri,
        Field::Status,
        Field::BytesSent,
        Field::RequestTime,
        Field::Host,
        Field::Server,
        Field::UpstreamAddr,
        Field::UpstreamStatus,
        Field::UpstreamResponseTime,
        Field::UpstreamConnectTime,
        Field::UpstreamHeaderTime,
        Field::UpstreamResponseLength,
        Field::UpstreamBytesReceived,
        Field::CacheStatus,
        Field::Group,
        Field::Connection,
        Field::Pid,
        Field::RequestId,
        Field::Completion,
        Field::Scheme,
        Field::StreamProtocol,
        Field::Machine,
    ];
}

impl Field {
    /// Its stable name, as options and messages spell it: nginx's variable where one variable tells it.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Time => "time",
            Field::Client => "client",
            Field::Request => "request",
            Field::Method => "method",
            Field::Uri => "uri",
            Field::Status => "status",
            Field::BytesSent => "bytes_sent",
            Field::RequestTime => "request_time",
            Field::Host => "host",
            Field::Server => "server",
            Field::UpstreamAddr => "upstream_addr",
            Field::UpstreamStatus => "upstream_status",
            Field::UpstreamResponseTime => "upstream_response_time",
            Field::UpstreamConnectTime => "upstream_connect_time",
            Field::UpstreamHeaderTime => "upstream_header_time",
            Field::UpstreamResponseLength => "upstream_response_length",
            Field::UpstreamBytesReceived => "upstream_bytes_received",
            Field::CacheStatus => "cache_status",
            Field::Group => "group",
            Field::Connection => "connection",
            Field::Pid => "pid",
            Field::RequestId => "request_id",
            Field::Completion => "completion",
            Field::Scheme => "scheme",
            Field::StreamProtocol => "stream_protocol",
            Field::Machine => "machine",
        }
    }

    /// The field whose [`name`](Self::name) is `name`.
    pub fn from_name(name: &str) -> Option<Field> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// A set of [`Field`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u32);

impl FieldSet {
    pub const NONE: FieldSet = FieldSet(0);
    pub const ALL: FieldSet = FieldSet((1 << Field::ALL.len()) - 1);

    pub const fn with(self, field: Field) -> FieldSet {
        FieldSet(self.0 | 1 << field as u32)
    }

    pub const fn has(self, field: Field) -> bool {
        self.0 >> field as u32 & 1 == 1
    }

    /// The fields that are in both.
    pub const fn and(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & other.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its fields, in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |field| self.has(*field))
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> FieldSet {
        fields.into_iter().fold(FieldSet::default(), FieldSet::with)
    }
}

/// How nginx wrote what clients sent (`escape=` of `log_format`): how a value is read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Escape {
    /// `\xHH` for `"`, `\`, control bytes and bytes from 0x7f; `-` for what is not there.
    #[default]
    Default,
    /// As in JSON strings; nothing for what is not there.
    Json,
    /// Raw bytes; nothing for what is not there.
    None,
}

/// What one line tells: slices of it, escapes and all.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessLine<'a> {
    values: [Option<&'a [u8]>; Field::ALL.len()],
}

impl<'a> AccessLine<'a> {
    /// As it stands in the line: `-` and empty values too. `None`: the format does not tell, or it was not asked for.
    #[inline]
    pub fn get(&self, field: Field) -> Option<&'a [u8]> {
        self.values[field as usize]
    }

    /// Like [`get`](Self::get), but `None` also for what nginx writes where a variable has no value.
    #[inline]
    pub fn value(&self, field: Field) -> Option<&'a [u8]> {
        self.get(field)
            .filter(|value| !matches!(*value, b"" | b"-"))
    }

    #[inline]
    pub fn set(&mut self, field: Field, value: Option<&'a [u8]>) {
        self.values[field as usize] = value;
    }

    /// Sets the field with this number; one that there is not is left out.
    #[inline]
    pub(super) fn put(&mut self, number: usize, value: &'a [u8]) {
        if let Some(known) = self.values.get_mut(number) {
            *known = Some(value);
        }
    }
}

/// Why a line is not one of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The literal text at this index of the format's pieces is not where it must be.
    Literal(u16),
    /// The value of this field cannot be one: a status that is no number, a time that is none.
    Value(Field),
    /// The line goes on after the format ends.
    Rest,
    /// It can be read in several ways that tell different things: unquoted text of a client imitates the format.
    Ambiguous,
    /// It is not JSON, even when repaired.
    Json,
}
