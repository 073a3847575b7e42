//! The report as Markdown, to paste into a ticket. Log text stands in code spans only, so that nothing in it is markup.

use super::{
    model::{
        CategoryCount, CategoryLine, CauseLine, EvidenceLine, FindingLine, IncidentLine,
        IntervalLine, MemberLine, OutageLine, Report, RouteLine, Section, TimeoutLine,
    },
    words::{duration, grouped, milliseconds},
};
use std::fmt::{Result, Write};

/// The whole report.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    write_report(report, &mut out).expect("a String takes everything");
    out
}

fn write_report(report: &Report, out: &mut String) -> Result {
    head(report, out)?;
    for section in Section::ALL
        .into_iter()
        .filter(|&section| report.has(section))
    {
        writeln!(out, "\n## {}\n", report.title(section))?;
        match section {
            Section::Causes => causes(report, out)?,
            Section::Findings => findings(report, out)?,
            Section::Checklist => checklist(report, out)?,
            Section::Incidents => incidents(report, out)?,
            Section::Failures => categories(&report.failures, out)?,
            Section::Upstreams => upstreams(report, out)?,
            Section::Health => health(report, out)?,
            Section::Fingerprints => fingerprints(report, out)?,
            Section::Worst => worst(report, out)?,
            Section::Traffic => traffic(report, out)?,
            Section::Routes => routes(&report.routes, out)?,
            Section::Slowest => routes(&report.slowest, out)?,
            Section::Clients => clients(report, out)?,
            Section::Others => categories(&report.others, out)?,
            Section::Messages => messages(report, out)?,
            Section::Unknown => unknown(report, out)?,
            Section::Sources => sources(report, out)?,
            Section::Notes => notes(report, out)?,
        }
    }
    what_was_read(report, out)
}

fn head(report: &Report, out: &mut String) -> Result {
    let n_failures = grouped(report.answer.n_failures);
    writeln!(out, "# Post-mortem: {n_failures} gateway failures\n")?;
    if let Some(span) = &report.span {
        let long = duration(span.seconds);
        writeln!(
            out,
            "- span: {} to {} ({long}), buckets of {}",
            span.first, span.last, report.bucket
        )?;
    }
    let assumed = if report.zone_assumed {
        " (assumed)"
    } else {
        ""
    };
    writeln!(out, "- zone: {}{assumed}", report.zone)?;
    let read = &report.completeness;
    writeln!(
        out,
        "- sources read: {} of {}, {} of {} bytes, {} lines, {} % of the bytes understood; {} lines could not be parsed, {} sources have problems",
        read.n_sources_read,
        read.n_sources,
        grouped(read.bytes_read),
        grouped(read.size_bytes),
        grouped(read.n_lines),
        read.percent_understood,
        grouped(read.n_lines_unparsed),
        read.n_sources_with_problems
    )?;
    if let Some(config) = &report.config {
        writeln!(out, "- config: {}", code(&config.text()))?;
    }
    if let Some(requests) = &report.requests {
        writeln!(
            out,
            "- requests: {} (5xx: {}, 499: {})",
            requests.text(),
            grouped(requests.n_5xx),
            grouped(requests.n_499)
        )?;
    }
    writeln!(out, "- events: {}", grouped(report.n_events))?;
    for line in &report.severities {
        writeln!(out, "- {}: {}", line.severity, grouped(line.n_events))?;
    }
    answer(report, out)
}

fn answer(report: &Report, out: &mut String) -> Result {
    let answer = &report.answer;
    if answer.n_failures == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "- failures: {} to {} ({}), {} clients, {} upstreams",
        time(&answer.first),
        time(&answer.last),
        duration(answer.seconds),
        grouped(answer.n_clients),
        answer.n_upstreams
    )?;
    let onset: Vec<String> = answer
        .onset
        .iter()
        .map(|onset| format!("{} at {}", onset.category, onset.first))
        .collect();
    writeln!(out, "- first: {}", onset.join(", then "))
}

fn incidents(report: &Report, out: &mut String) -> Result {
    for line in &report.incidents {
        incident(line, out)?;
    }
    if report.n_more_incidents > 0 {
        writeln!(out, "and {} more\n", report.n_more_incidents)?;
    }
    writeln!(out, "By this rule: {}.", report.incident_rule)
}

fn incident(line: &IncidentLine, out: &mut String) -> Result {
    writeln!(
        out,
        "### {} to {} ({}){}\n",
        line.start,
        line.end,
        duration(line.seconds),
        line.ends()
    )?;
    writeln!(
        out,
        "- id {}: {}, {} upstreams; first event {}",
        code(&line.id),
        line.hurt(),
        line.n_upstreams,
        code(&line.evidence)
    )?;
    writeln!(
        out,
        "- peak: {} a minute at {}",
        grouped(line.peak_per_minute),
        line.peak
    )?;
    for mark in &line.marks {
        writeln!(
            out,
            "- {}: {}, {} to {}, {}",
            mark.what,
            grouped(mark.n_events),
            mark.first,
            mark.last,
            code(&mark.evidence)
        )?;
    }
    for outage in &line.health {
        writeln!(
            out,
            "- {}: {}, {} records: {}",
            code(&outage.upstream),
            outage.what(),
            grouped(outage.n_events),
            intervals(outage)
        )?;
    }
    if line.n_more_health > 0 {
        writeln!(out, "- and {} more peers", line.n_more_health)?;
    }
    writeln!(
        out,
        "\n| onset | upstream | category | phase | failures | clients | last | evidence |"
    )?;
    writeln!(out, "|---|---|---|---|---:|---:|---|---|")?;
    for member in &line.members {
        member_row(
            member,
            if line.is_first(member) {
                " (first mover)"
            } else {
                ""
            },
            out,
        )?;
    }
    match line.n_more_members {
        0 => writeln!(out),
        n => writeln!(out, "\nand {n} more\n"),
    }
}

fn member_row(member: &MemberLine, mark: &str, out: &mut String) -> Result {
    writeln!(
        out,
        "| {}{mark} | {} | {} | {} | {} | {} | {} | {} |",
        member.onset,
        code(&member.upstream),
        member.category,
        member.phase,
        grouped(member.n_failures),
        grouped(member.n_clients),
        member.last,
        code(&member.evidence)
    )
}

fn health(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| upstream | known by | times | together | records | first | last | one by one |"
    )?;
    writeln!(out, "|---|---|---:|---:|---:|---|---|---|")?;
    for line in &report.health {
        let assumed = match (line.fail_timeout_seconds, line.fail_timeout_assumed) {
            (Some(seconds), true) => format!(" (fail_timeout {seconds} s assumed)"),
            (Some(seconds), false) => format!(" (fail_timeout {seconds} s)"),
            (None, _) => String::new(),
        };
        writeln!(
            out,
            "| {} | {}{assumed} | {} | {} | {} | {} | {} | {} |",
            code(&line.upstream),
            line.told,
            line.n_times,
            duration(line.seconds),
            grouped(line.n_events),
            time(&line.first),
            line.last.as_deref().unwrap_or("still out"),
            intervals(line)
        )?;
    }
    match report.n_more_health {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}

/// `2026-11-20T14:39:20Z to 2026-11-20T14:39:30Z (3, `error.log:7@900`)`, and so on.
fn intervals(line: &OutageLine) -> String {
    let text = |interval: &IntervalLine| {
        format!(
            "{} to {} ({}, {})",
            interval.from,
            interval.until.as_deref().unwrap_or("the end"),
            grouped(interval.n_events),
            code(&interval.evidence)
        )
    };
    line.intervals
        .iter()
        .map(text)
        .collect::<Vec<_>>()
        .join("; ")
}

fn fingerprints(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| upstream | phase | attempts | what | took | which timer | timeouts |\n|---|---|---:|---|---:|---|---|"
    )?;
    for line in &report.fingerprints {
        let at = match line.n_upstreams {
            0 | 1 => code(&line.upstream),
            n => format!("{n} upstreams"),
        };
        writeln!(
            out,
            "| {at} | {} | {} | {} | {} | {} | {} |",
            line.phase,
            line.share(),
            line.what(),
            line.took(),
            code(&line.why),
            timeouts(&line.timeouts)
        )?;
    }
    match report.n_more_fingerprints {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}

/// `proxy_read_timeout` of 60,000 ms at `nginx.conf:12`, in `server shop.example`
fn timeouts(timeouts: &[TimeoutLine]) -> String {
    let text = |line: &TimeoutLine| {
        let mut text = format!("{} of {} ms", code(&line.directive), grouped(line.ms));
        if let Some(place) = &line.place {
            text.push_str(&format!(" at {}", code(place)));
        }
        for context in &line.contexts {
            text.push_str(&format!(", in {}", code(context)));
        }
        text
    };
    timeouts.iter().map(text).collect::<Vec<_>>().join("; ")
}

fn causes(report: &Report, out: &mut String) -> Result {
    let Some(causes) = &report.causes else {
        return Ok(());
    };
    writeln!(
        out,
        "| status | requests | % | cause | upstream | exact | strong | weak | access log alone |"
    )?;
    writeln!(out, "|---:|---:|---:|---|---|---:|---:|---:|---:|")?;
    let mut cause = |status: &str, line: &CauseLine| {
        writeln!(
            out,
            "| {status} | {} | {} | {} | {} | {} | {} | {} | {} |",
            grouped(line.n),
            line.percent,
            line.category,
            code(&line.upstream),
            grouped(line.n_exact),
            grouped(line.n_strong),
            grouped(line.n_weak),
            grouped(line.n_by_access_log)
        )
    };
    for status in &causes.statuses {
        let name = format!("{:03}", status.status);
        status
            .causes
            .iter()
            .try_for_each(|line| cause(&name, line))?;
    }
    causes
        .masked
        .iter()
        .try_for_each(|line| cause("masked", line))?;
    writeln!(out)?;
    for status in &causes.statuses {
        let (n, of) = (grouped(status.n_explained), grouped(status.n_requests));
        writeln!(out, "- {n} of {of} × {:03} explained", status.status)?;
        for line in &status.unexplained {
            let (n, of) = (grouped(line.n), grouped(status.n_requests));
            writeln!(
                out,
                "- {n} of {of} × {:03} unexplained: {}",
                status.status, line.why
            )?;
        }
    }
    if causes.n_masked > 0 {
        let n = grouped(causes.n_masked);
        writeln!(out, "- {n} failed attempts masked by another that was good")?;
    }
    if causes.n_left > 0 {
        let n = grouped(causes.n_left);
        writeln!(out, "- {n} records of failures explain no failed request")?;
    }
    for line in &causes.left {
        let n = grouped(line.n);
        writeln!(out, "- {n} records without a failed request: {}", line.why)?;
    }
    Ok(())
}

fn categories(lines: &[CategoryLine], out: &mut String) -> Result {
    writeln!(
        out,
        "| category | severity | events | clients | first | last | evidence |"
    )?;
    writeln!(out, "|---|---|---:|---:|---|---|---|")?;
    for line in lines {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            line.category,
            line.severity,
            grouped(line.n_events),
            grouped(line.n_clients),
            time(&line.first),
            time(&line.last),
            code(&line.evidence)
        )?;
    }
    Ok(())
}

fn upstreams(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| upstream | failures | clients | categories | first | last | evidence |"
    )?;
    writeln!(out, "|---|---:|---:|---|---|---|---|")?;
    let kind = |count: &CategoryCount| format!("{} {}", grouped(count.n_events), count.category);
    for line in &report.upstreams {
        let kinds: Vec<String> = line.categories.iter().map(kind).collect();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            code(&line.upstream),
            grouped(line.n_failures),
            grouped(line.n_clients),
            kinds.join(", "),
            time(&line.first),
            time(&line.last),
            code(&line.evidence)
        )?;
    }
    match report.n_more_upstreams {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}

fn worst(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| bucket | failures | mostly | evidence |\n|---|---:|---|---|"
    )?;
    for line in &report.worst {
        writeln!(
            out,
            "| {} | {} | {} {} {} | {} |",
            line.bucket,
            grouped(line.n_failures),
            grouped(line.n_of_these),
            line.category,
            code(&line.upstream),
            code(&line.evidence)
        )?;
    }
    Ok(())
}

fn findings(report: &Report, out: &mut String) -> Result {
    for line in &report.findings {
        finding(line, out)?;
    }
    match report.n_more_findings {
        0 => Ok(()),
        n => writeln!(out, "and {n} more"),
    }
}

fn finding(line: &FindingLine, out: &mut String) -> Result {
    writeln!(out, "### {}. {}\n", line.rank, plain(&line.title))?;
    writeln!(out, "{}\n", plain(&line.claim))?;
    writeln!(
        out,
        "- {}, {}, {}: {}",
        line.category,
        line.severity,
        line.confidence,
        code(&line.id)
    )?;
    writeln!(
        out,
        "- {} requests, {} masked failures, {} records, {} to {}",
        grouped(line.n_requests),
        grouped(line.n_masked),
        grouped(line.n_events),
        time(&line.first),
        time(&line.last)
    )?;
    if !line.incident.is_empty() {
        writeln!(out, "- of incident {}", code(&line.incident))?;
    }
    for text in &line.advice {
        writeln!(out, "- do: {}", plain(text))?;
    }
    let of_config = line.directives.iter().map(|text| ("set", text));
    for (label, text) in of_config.chain(line.commands.iter().map(|text| ("check", text))) {
        writeln!(out, "- {label}: {}", code(text))?;
    }
    writeln!(out, "- unless: {}", plain(&line.refuted_by))?;
    for exhibit in &line.evidence {
        write!(
            out,
            "- evidence: {} {}",
            code(&exhibit.at),
            plain(&exhibit.what)
        )?;
        match exhibit.quote.is_empty() {
            true => writeln!(out)?,
            false => writeln!(out, ": {}", code(&exhibit.quote))?,
        }
        let mut lines = exhibit.lines.iter();
        lines.try_for_each(|line| writeln!(out, "  - {}", code(line)))?;
    }
    for text in line.corrections {
        writeln!(out, "- often said, and wrong: {}", plain(text))?;
    }
    writeln!(out)
}

fn checklist(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| check | verdict | because | evidence |\n|---|---|---|---|"
    )?;
    for line in &report.checklist {
        let exhibit = |exhibit: &EvidenceLine| {
            let (at, quote) = (code(&exhibit.at), code(&exhibit.quote));
            format!("{at} {} {quote}", plain(&exhibit.what))
        };
        let evidence: Vec<String> = line.evidence.iter().map(exhibit).collect();
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            line.check,
            line.verdict,
            plain(&line.because),
            evidence.join("; ")
        )?;
    }
    Ok(())
}

fn traffic(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| upstream | requests | attempts | failed attempts | masked | 5xx | p50 | p99 |\n|---|---:|---:|---:|---:|---:|---:|---:|"
    )?;
    for line in &report.traffic {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            code(line.name()),
            grouped(line.n_requests),
            grouped(line.n_attempts),
            grouped(line.n_failed_attempts),
            grouped(line.n_masked),
            grouped(line.n_5xx),
            milliseconds(line.response_ms_p50),
            milliseconds(line.response_ms_p99),
        )?;
    }
    match report.n_more_traffic {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}

fn routes(lines: &[RouteLine], out: &mut String) -> Result {
    writeln!(
        out,
        "| route | requests | failed | p50 | p99 | first that failed |\n|---|---:|---:|---:|---:|---|"
    )?;
    for line in lines {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            code(&line.route),
            grouped(line.n_requests),
            grouped(line.n_failed),
            milliseconds(line.request_ms_p50),
            milliseconds(line.request_ms_p99),
            code(&line.evidence)
        )?;
    }
    Ok(())
}

fn clients(report: &Report, out: &mut String) -> Result {
    writeln!(out, "| client | failed requests |\n|---|---:|")?;
    for line in &report.clients {
        writeln!(
            out,
            "| {} | {} |",
            code(&line.client),
            grouped(line.n_failed)
        )?;
    }
    Ok(())
}

fn messages(report: &Report, out: &mut String) -> Result {
    writeln!(out, "| events | message | signature |\n|---:|---|---|")?;
    for line in &report.messages {
        writeln!(
            out,
            "| {} | {} | {} |",
            grouped(line.n_events),
            code(&line.message),
            line.signature
        )?;
    }
    Ok(())
}

fn unknown(report: &Report, out: &mut String) -> Result {
    writeln!(
        out,
        "| events | shape | sample | first |\n|---:|---|---|---|"
    )?;
    for line in &report.unknown {
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            grouped(line.n_events),
            code(&line.shape),
            code(&line.sample),
            code(&line.evidence)
        )?;
    }
    match report.n_more_unknown {
        0 => Ok(()),
        n => writeln!(out, "\nand {n} more"),
    }
}

fn sources(report: &Report, out: &mut String) -> Result {
    for source in report.troubled() {
        for problem in &source.problems {
            writeln!(out, "- {}: {problem}", code(&source.source))?;
        }
    }
    Ok(())
}

fn notes(report: &Report, out: &mut String) -> Result {
    for note in &report.notes {
        writeln!(out, "- {note}")?;
    }
    if report.incidents.is_empty() {
        writeln!(out, "- no incidents: {}", report.incident_rule)?;
    }
    Ok(())
}

/// The account of every source.
fn what_was_read(report: &Report, out: &mut String) -> Result {
    writeln!(out, "\n## What was read\n")?;
    writeln!(
        out,
        "| source | kind | bytes | lines | records | events | continuation | cut | torn | injected | unparsed | blank | sha256 |"
    )?;
    writeln!(
        out,
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
    )?;
    for line in &report.sources {
        let packed = match line.decode.as_str() {
            "" => String::new(),
            decode => format!(" in {decode}"),
        };
        let numbers = [
            line.size_bytes,
            line.n_lines,
            line.n_records,
            line.n_events,
            line.n_continuation,
            line.n_cut,
            line.n_torn,
            line.n_injected,
            line.n_unparsed,
            line.n_blank,
        ];
        writeln!(
            out,
            "| {} | {}{packed} | {} | {} |",
            code(&line.source),
            line.kind,
            numbers.map(grouped).join(" | "),
            code(line.sha256.as_deref().unwrap_or_default())
        )?;
    }
    writeln!(out, "\ncoroner {}", report.coroner_version)
}

fn time(time: &Option<String>) -> &str {
    time.as_deref().unwrap_or("-")
}

/// `text` as a code span that no backtick or bar in it can leave; nothing for nothing.
pub(super) fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!(
        "`{}`",
        text.replace('`', "'")
            .replace('|', "\\|")
            .replace('\n', " ")
    )
}

/// `text`, in which names out of logs stand among words, so that nothing in it is markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' {
            out.push(' ');
            continue;
        }
        if c.is_ascii_punctuation()
            && !matches!(
                c,
                '.' | ',' | ':' | ';' | '-' | '/' | '(' | ')' | '\'' | '"' | '=' | '%' | '?'
            )
        {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
