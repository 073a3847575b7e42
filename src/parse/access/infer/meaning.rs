//! What the columns of a template mean, as far as it is certain.
//!
//! A label says it, if the values agree; else the place beside the request, or a form that only one variable has. Where two
//! columns could be meant, none is: of two times without label, one may be `$request_time` and the other anything.

use super::{
    label::{Label, Trust},
    shape::Facts,
    template::{Column, Kind, Template},
};
use crate::parse::access::{
    Field, LogFormat,
    format::FormatError,
    variable::{UNKNOWN_ADDRESSES, UNKNOWN_NUMBERS, UNKNOWN_WORD},
};

/// What words may be in other lines than the one a template is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Several words.
    Texts,
    /// Words.
    Words,
}

/// The format that `template` makes, its columns named by `fields`, and by their form where that is `None`.
pub(super) fn named(
    template: &Template,
    fields: &[Option<Field>],
    words: Words,
) -> Result<LogFormat, FormatError> {
    let mut body = Vec::new();
    for (index, (column, field)) in template.columns.iter().zip(fields).enumerate() {
        body.extend_from_slice(&column.before);
        let name = match (field, column.kind) {
            (Some(field), _) => variable(*field).to_owned(),
            (None, Kind::LocalTime) => "time_local".to_owned(),
            (None, Kind::IsoTime) => "time_iso8601".to_owned(),
            (None, Kind::EpochTime) => "msec".to_owned(),
            (None, Kind::User) => "remote_user".to_owned(),
            (None, Kind::Request) => format!("http_unknown_{index}"),
            (None, Kind::Numbers) => format!("{UNKNOWN_NUMBERS}{index}"),
            (None, Kind::Addresses) => format!("{UNKNOWN_ADDRESSES}{index}"),
            (None, Kind::Word) if words == Words::Words => format!("{UNKNOWN_WORD}{index}"),
            (None, _) => format!("unknown_{index}"),
        };
        body.extend_from_slice(format!("${{{name}}}").as_bytes());
    }
    body.extend_from_slice(&template.tail);
    LogFormat::compile("inferred", Default::default(), &body)
}

/// The variable that tells `field`, of those of one class the usual one.
fn variable(field: Field) -> &'static str {
    match field {
        Field::Time => "time_local",
        Field::Client => "remote_addr",
        Field::Request => "request",
        Field::Method => "request_method",
        Field::Uri => "request_uri",
        Field::Status => "status",
        Field::BytesSent => "body_bytes_sent",
        Field::RequestTime => "request_time",
        Field::Host => "http_host",
        Field::Server => "server_name",
        Field::UpstreamAddr => "upstream_addr",
        Field::UpstreamStatus => "upstream_status",
        Field::UpstreamResponseTime => "upstream_response_time",
        Field::UpstreamConnectTime => "upstream_connect_time",
        Field::UpstreamHeaderTime => "upstream_header_time",
        Field::UpstreamResponseLength => "upstream_response_length",
        Field::UpstreamBytesReceived => "upstream_bytes_received",
        Field::CacheStatus => "upstream_cache_status",
        Field::Group => "proxy_upstream_name",
        Field::Connection => "connection",
        Field::Pid => "pid",
        Field::RequestId => "request_id",
        Field::Completion => "request_completion",
        Field::Scheme => "scheme",
        Field::StreamProtocol => "protocol",
        Field::Machine => "hostname",
    }
}

/// What each column of `template` tells, given the values of each of `lines`.
pub(super) fn fields(template: &Template, lines: &[Vec<Option<&[u8]>>]) -> Vec<Option<Field>> {
    let mut sheet = Sheet {
        columns: &template.columns,
        fields: vec![None; template.columns.len()],
        facts: facts(template, lines, None),
    };
    sheet.by_label();
    sheet.by_request();
    if let Some(status) = sheet.column_of(Field::Status) {
        sheet.facts = facts(template, lines, Some(status));
    }
    sheet.by_attempts();
    sheet.by_time();
    sheet.fields
}

fn facts(template: &Template, lines: &[Vec<Option<&[u8]>>], status: Option<usize>) -> Vec<Facts> {
    let mut facts = vec![Facts::default(); template.columns.len()];
    for values in lines {
        let status = status.and_then(|column| values.get(column).copied().flatten());
        for (facts, value) in facts.iter_mut().zip(values) {
            if let Some(value) = value {
                facts.add(value, status);
            }
        }
    }
    facts
}

struct Sheet<'a> {
    columns: &'a [Column],
    fields: Vec<Option<Field>>,
    facts: Vec<Facts>,
}

impl Sheet<'_> {
    fn column_of(&self, field: Field) -> Option<usize> {
        self.fields.iter().position(|found| *found == Some(field))
    }

    fn is_told(&self, field: Field) -> bool {
        self.column_of(field).is_some()
    }

    /// Names a column, if neither it nor the field has been given yet.
    fn give(&mut self, column: usize, field: Field) {
        if self.fields[column].is_none() && !self.is_told(field) {
            self.fields[column] = Some(field);
        }
    }

    /// Columns of which nothing is known, as yet, but their values.
    fn open(&self) -> impl Iterator<Item = usize> + '_ {
        let is_open = |column: &usize| {
            let kind = self.columns[*column].kind;
            let has_form = matches!(
                kind,
                Kind::LocalTime | Kind::IsoTime | Kind::EpochTime | Kind::User | Kind::Client
            );
            self.fields[*column].is_none() && !has_form && self.columns[*column].label.is_none()
        };
        (0..self.columns.len()).filter(is_open)
    }

    /// The only one of the open columns that is `wanted`.
    fn only(&self, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let mut found = self.open().filter(|column| wanted(*column));
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    fn by_label(&mut self) {
        for trust in [Trust::Own, Trust::Usual] {
            for column in 0..self.columns.len() {
                let Some(label) = self.columns[column]
                    .label
                    .filter(|label| label.trust == trust)
                else {
                    continue;
                };
                if self.agrees(label, column) {
                    self.give(column, label.field);
                }
            }
        }
        // `host:` of labelled tables is who asks; elsewhere it is who is asked.
        let hosts = |column: &usize| {
            let is_host = |label: Label| label.field == Field::Host && label.trust == Trust::Usual;
            self.columns[*column].label.is_some_and(is_host)
        };
        let addresses =
            |column: &usize| self.facts[*column].are_all(self.facts[*column].n_addresses);
        let client = (0..self.columns.len()).filter(hosts).find(addresses);
        if let Some(column) = client
            && !self.is_told(Field::Client)
        {
            self.fields[column] = None;
            self.give(column, Field::Client);
        }
    }

    /// Whether the values of `column` can be what `label` says, and look like it where the label is not sure.
    fn agrees(&self, label: Label, column: usize) -> bool {
        let facts = &self.facts[column];
        let is_own = label.trust == Trust::Own;
        let has_form = matches!(
            self.columns[column].kind,
            Kind::LocalTime | Kind::IsoTime | Kind::EpochTime
        );
        match label.field {
            _ if has_form => false,
            Field::Time => false,
            Field::Client => is_own || facts.may_be(facts.n_addresses),
            Field::Request => facts.n_requests * 2 >= facts.n_present(),
            Field::Method => facts.may_be(facts.n_methods),
            Field::Uri => facts.n_paths * 2 >= facts.n_present(),
            Field::Status => facts.n_statuses * 100 >= facts.n * 99,
            Field::BytesSent | Field::Connection | Field::Pid => facts.may_be(facts.n_integers),
            Field::RequestTime => {
                is_own && facts.may_be(facts.n_numbers) || facts.n_seconds == facts.n
            }
            Field::UpstreamAddr => {
                let is_likely = facts.n_peers * 2 >= facts.n_present();
                is_own || is_likely && (facts.n_peers > 0 || self.has_attempts_besides(column))
            }
            Field::UpstreamStatus
            | Field::UpstreamResponseTime
            | Field::UpstreamConnectTime
            | Field::UpstreamHeaderTime
            | Field::UpstreamResponseLength
            | Field::UpstreamBytesReceived => {
                let is_known = is_own || facts.n_present() > 0 || self.has_attempts_besides(column);
                is_known && facts.may_be(facts.n_numbers)
            }
            Field::CacheStatus => is_own || facts.may_be(facts.n_cache_words),
            _ => true,
        }
    }

    /// Whether another column is labelled as one about attempts.
    fn has_attempts_besides(&self, column: usize) -> bool {
        let is_about_attempts = |(other, found): (usize, &Column)| {
            let field = found.label.map(|label| label.field);
            other != column && field.is_some_and(is_of_attempts)
        };
        self.columns.iter().enumerate().any(is_about_attempts)
    }

    /// The request shows itself; status and bytes stand behind it, the client before all.
    fn by_request(&mut self) {
        let is_request = |column: usize| {
            let facts = &self.facts[column];
            facts.n_requests > 0 && facts.n_requests * 2 >= facts.n_present()
        };
        let found = self
            .only(is_request)
            .or_else(|| self.behind_head_of_combined());
        if let Some(column) = found {
            self.give(column, Field::Request);
        }
        if let Some(request) = self.column_of(Field::Request) {
            self.behind_request(request);
        } else {
            let all = |count: fn(&Facts) -> usize, column: usize| {
                let facts = &self.facts[column];
                facts.are_all(count(facts))
            };
            let method = self.only(|column| all(|facts| facts.n_methods, column));
            let path = self.only(|column| all(|facts| facts.n_paths, column));
            if let Some(method) = method {
                self.give(method, Field::Method);
                path.into_iter()
                    .for_each(|path| self.give(path, Field::Uri));
                self.behind_request(path.unwrap_or(method).max(method));
            }
        }
        for column in 0..self.columns.len() {
            let is_first = column == 0 && self.columns[0].label.is_none();
            let is_address = self.facts[column].are_all(self.facts[column].n_addresses);
            if self.columns[column].kind == Kind::Client || is_first && is_address {
                self.give(column, Field::Client);
            }
        }
    }

    /// `CLIENT - USER [TIME] "REQUEST" STATUS`: the request, even if it is none.
    fn behind_head_of_combined(&self) -> Option<usize> {
        let user = self
            .columns
            .iter()
            .position(|column| column.kind == Kind::User)?;
        let (time, request) = (self.columns.get(user + 1)?, self.columns.get(user + 2)?);
        let status = self.facts.get(user + 3)?;
        let is_head = time.kind == Kind::LocalTime
            && request.kind == Kind::Quoted
            && status.n_statuses > 0
            && status.may_be(status.n_statuses);
        is_head.then_some(user + 2)
    }

    fn behind_request(&mut self, request: usize) {
        let is_bare = |column: usize| {
            let is_sign = |byte: &u8| b"\" \t|;".contains(byte);
            let found = self.columns.get(column);
            let is_apart = found.is_some_and(|column| column.before.iter().all(is_sign));
            is_apart && self.columns[column].label.is_none() && self.fields[column].is_none()
        };
        let is_status = |column: usize| {
            let facts = self.facts.get(column);
            is_bare(column)
                && facts.is_some_and(|f| f.n_statuses > 0 && f.n_statuses * 100 >= f.n * 99)
        };
        // A name may stand between, or a dash: nothing that looks like a number.
        let is_name = |column: usize| {
            let facts = self.facts.get(column);
            is_bare(column) && facts.is_some_and(|facts| facts.n_numbers == 0)
        };
        let status = match request + 1 {
            behind if is_status(behind) => behind,
            behind if is_name(behind) && is_status(behind + 1) => behind + 1,
            _ => return,
        };
        let (bytes, next) = (status + 1, status + 2);
        // Of two counts side by side, one is the length of the request: which one, is anyone's order. What is never but three
        // digits may be one more status.
        let is_count = |column: usize| {
            is_bare(column) && self.facts[column].may_be(self.facts[column].n_integers)
        };
        let is_bytes = is_count(bytes)
            && !(is_count(next) && self.facts[next].n_integers > 0)
            && self.facts[bytes].n_statuses < self.facts[bytes].n_present().max(1);
        self.give(status, Field::Status);
        if is_bytes {
            self.give(bytes, Field::BytesSent);
        }
    }

    /// Addresses with ports behind the request are upstreams, if lists or the columns beside them say so.
    fn by_attempts(&mut self) {
        let after = self
            .column_of(Field::Request)
            .or(self.column_of(Field::Uri))
            .unwrap_or(0);
        let is_like_status = |column: usize| {
            let facts = &self.facts[column];
            let n_single = facts.n_present() - facts.n_lists.min(facts.n_present());
            facts.may_be(facts.n_numbers)
                && facts.n_like_status > 0
                && facts.n_like_status * 10 >= n_single * 9
        };
        let is_seconds = |column: usize| is_time(&self.facts[column]);
        let open: Vec<usize> = self.open().collect();
        let is_of_attempts = |column: usize| {
            open.contains(&column) && (is_like_status(column) || is_seconds(column))
        };
        let peers = self.only(|column| {
            let facts = &self.facts[column];
            let are_mostly_peers = facts.n_peers * 2 >= facts.n_present();
            column > after && are_mostly_peers && facts.are_all(facts.n_peers_or_groups)
        });
        if let Some(column) = peers
            && (self.facts[column].n_lists > 0
                || is_of_attempts(column + 1)
                || column > 0 && is_of_attempts(column - 1))
        {
            let status = self.only(|other| other > after && is_like_status(other));
            self.give(column, Field::UpstreamAddr);
            status
                .into_iter()
                .for_each(|status| self.give(status, Field::UpstreamStatus));
        }
    }

    /// A lone time without label: of the request, if it is always there and never a list, and nothing else tells of attempts;
    /// of the attempts, if it is missing or a list somewhere.
    fn by_time(&mut self) {
        let has_attempts = self
            .fields
            .iter()
            .flatten()
            .any(|field| is_of_attempts(*field))
            || self.facts.iter().any(|facts| facts.n_peers > 0);
        let Some(column) = self.only(|column| is_time(&self.facts[column])) else {
            return;
        };
        let facts = self.facts[column];
        let is_of_request = facts.n_missing == 0 && facts.n_lists == 0;
        let knows_any =
            self.is_told(Field::RequestTime) || self.is_told(Field::UpstreamResponseTime);
        match is_of_request {
            _ if knows_any => {}
            true if has_attempts => {}
            true => self.give(column, Field::RequestTime),
            false => self.give(column, Field::UpstreamResponseTime),
        }
    }
}

/// Whether values are seconds with three decimals, or lists of them.
fn is_time(facts: &Facts) -> bool {
    let n_whole = facts.n_seconds + facts.n_lists;
    facts.n_seconds > 0 && n_whole == facts.n_present() && facts.may_be(facts.n_numbers)
}

fn is_of_attempts(field: Field) -> bool {
    matches!(
        field,
        Field::UpstreamAddr
            | Field::UpstreamStatus
            | Field::UpstreamResponseTime
            | Field::UpstreamConnectTime
            | Field::UpstreamHeaderTime
            | Field::UpstreamResponseLength
            | Field::UpstreamBytesReceived
    )
}
