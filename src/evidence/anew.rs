//! Records written anew from what of them may be shown, for `--redact`: what was not understood is not there.

use crate::{
    event::LocalTime,
    export::{rows::saying, time::rfc3339},
    parse::access::{Field, unescape},
    redact::{Redactor, Shown},
    scan::{Event, Request},
};

/// A record of an error log, as nginx would have written it.
pub(super) fn record(event: &Event<'_>, redactor: &Redactor) -> Shown<'static> {
    let tail = event.known.tail;
    let head = head(event);
    let mut parts = vec![redactor.said(&head)];
    parts.push(redactor.message(event.known.message, saying(event)));
    let own = |label: &'static str| Shown::word(label);
    if let Some(client) = tail.client {
        parts.extend([own(", client: "), redactor.client(client)]);
    }
    if let Some(server) = tail.server {
        parts.extend([own(", server: "), redactor.host(server)]);
    }
    let quoted = [
        (
            ", request: \"",
            tail.request.map(|line| redactor.request_line(line)),
        ),
        (
            ", subrequest: \"",
            tail.subrequest.map(|uri| redactor.uri(uri)),
        ),
        (", upstream: \"", tail.upstream.map(|url| redactor.uri(url))),
        (", host: \"", tail.host().map(|host| redactor.host(host))),
        (
            ", referrer: \"",
            tail.referrer().map(|uri| redactor.uri(uri)),
        ),
    ];
    for (label, value) in quoted {
        if let Some(value) = value {
            parts.extend([own(label), value, own("\"")]);
        }
    }
    parts.push(own("\n"));
    Shown::joined(&parts)
}

/// `2026/11/20 11:23:46 [error] 7#7: *42 `
fn head(event: &Event<'_>) -> String {
    let head = &event.head;
    let mut text = match head.time {
        Some(LocalTime(second)) => rfc3339(second).replace('-', "/").replace(['T', 'Z'], " "),
        None => String::new(),
    };
    if let Some(level) = head.level {
        text.push_str(&format!("[{}] ", level.name()));
    }
    if let (Some(pid), Some(tid)) = (head.pid, head.tid) {
        text.push_str(&format!("{pid}#{tid}: "));
    }
    if let Some(connection) = head.connection {
        text.push_str(&format!("*{connection} "));
    }
    text
}

/// A request, field by field.
pub(super) fn request(request: &Request<'_>, redactor: &Redactor) -> Shown<'static> {
    let mut parts = Vec::new();
    for field in Field::ALL {
        let Some(value) = request.line.value(field) else {
            continue;
        };
        let value = unescape(request.escape, value);
        let value = match field {
            Field::Client => redactor.client(&value),
            Field::Request => redactor.request_line(&value),
            Field::Method => redactor.method(&value),
            Field::Uri => redactor.uri(&value),
            Field::Host | Field::Server | Field::Machine => redactor.host(&value),
            Field::UpstreamAddr | Field::Group => redactor.upstream(&value),
            Field::RequestId => continue, // clients may choose it
            _ => redactor.value(&value),
        };
        let gap = if parts.is_empty() { "" } else { " " };
        parts.extend([
            Shown::word(gap),
            Shown::word(field.name()),
            Shown::word("=\""),
            value.into_owned(),
            Shown::word("\""),
        ]);
    }
    parts.push(Shown::word("\n"));
    Shown::joined(&parts)
}
