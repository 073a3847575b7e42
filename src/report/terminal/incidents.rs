//! Incidents and outages of peers, as lines.

use super::page::{BAD, DIM, Page};
use crate::{
    report::{
        model::{IncidentLine, IntervalLine, MarkLine, MemberLine, OutageLine, Report},
        words::{duration, grouped},
    },
    text::{truncated, wrapped},
};

impl Page {
    pub(super) fn incidents(&mut self, report: &Report) {
        for line in &report.incidents {
            self.incident(line, report);
        }
        if report.n_more_incidents > 0 {
            self.line(&format!(
                "  and {} more; --top shows them, `coroner export --table incidents` lists all",
                report.n_more_incidents
            ));
        }
        for line in wrapped(&report.incident_rule, self.width - 4) {
            let line = self.styled(DIM, &line);
            self.line(&format!("  {line}"));
        }
    }

    fn incident(&mut self, line: &IncidentLine, report: &Report) {
        let head = format!(
            "{} to {} ({}){}: {}",
            clock(&line.start, report),
            clock(&line.end, report),
            duration(line.seconds),
            line.ends(),
            line.hurt()
        );
        let id = self.styled(DIM, &line.id);
        for (index, text) in wrapped(&head, self.width - 4).iter().enumerate() {
            let text = self.styled(BAD, text);
            self.line(&format!("{}{text}", if index == 0 { "  " } else { "    " }));
        }
        self.detail("first", &first(line, report));
        let others: Vec<String> = line
            .members
            .iter()
            .filter(|member| !line.is_first(member))
            .map(|member| format!("{} at {}", failing(member), clock(&member.onset, report)))
            .collect();
        if !others.is_empty() {
            let more = match line.n_more_members {
                0 => String::new(),
                n => format!("; and {n} more"),
            };
            self.detail("with", &format!("{}{more}", others.join("; ")));
        }
        let peak = format!(
            "{} a minute at {}",
            grouped(line.peak_per_minute),
            clock(&line.peak, report)
        );
        self.detail("peak", &peak);
        let mut states: Vec<String> = line.marks.iter().map(|mark| state(mark, report)).collect();
        states.extend(line.health.iter().map(|outage| out(outage, report)));
        if line.n_more_health > 0 {
            states.push(format!("and {} more peers", line.n_more_health));
        }
        if !states.is_empty() {
            self.detail("state", &states.join("; "));
        }
        self.line(&format!("    {id}"));
    }

    /// A labelled line below an incident.
    fn detail(&mut self, label: &str, text: &str) {
        let label = self.styled(DIM, &format!("{label:<6}"));
        for (index, line) in wrapped(text, self.width - 10).iter().enumerate() {
            match index {
                0 => self.line(&format!("    {label}{line}")),
                _ => self.line(&format!("{:10}{line}", "")),
            }
        }
    }

    pub(super) fn health(&mut self, report: &Report) {
        let mut table = self.table();
        table.set_header(vec!["", "times", "together", "first", "last", ""]);
        for line in &report.health {
            let last = match &line.last {
                Some(last) => clock(last, report),
                None => "still out".to_owned(),
            };
            table.add_row(vec![
                truncated(&line.upstream, self.width.saturating_sub(56).clamp(20, 70)),
                grouped(line.n_times as u64),
                duration(line.seconds),
                line.first
                    .as_deref()
                    .map_or_else(String::new, |first| clock(first, report)),
                last,
                line.told().to_owned(),
            ]);
        }
        self.show(table, &[1, 2]);
        for line in report.health.iter().filter(|line| line.n_times > 1) {
            self.item(&one_by_one(line, report));
        }
        if report.n_more_health > 0 {
            self.line(&format!(
                "  and {} more; --top shows them",
                report.n_more_health
            ));
        }
        if report.health.iter().any(|line| line.fail_timeout_assumed) {
            self.item("fail_timeout is taken to be 10 s, its default: a peer is tried again that long after nginx took it out, and its recovery is silent");
        }
    }
}

/// Outages of one peer that are listed one by one.
const INTERVALS_MAX: usize = 3;

/// `10.0.0.1:80: 14:08:16-14:08:20, 14:08:31-14:08:35, …`
fn one_by_one(line: &OutageLine, report: &Report) -> String {
    let one = |interval: &IntervalLine| {
        let until = match &interval.until {
            Some(until) => clock(until, report),
            None => "the end".to_owned(),
        };
        format!("{}-{until}", clock(&interval.from, report))
    };
    let told: Vec<String> = line.intervals.iter().take(INTERVALS_MAX).map(one).collect();
    let more = if line.n_times > told.len() {
        ", …"
    } else {
        ""
    };
    let name = truncated(&line.upstream, 60);
    format!("{name}: {}{more}", told.join(", "))
}

/// `12 refused at 10.0.0.1:80, phase connect, at 14:00:00`.
fn first(line: &IncidentLine, report: &Report) -> String {
    let member = &line.first;
    format!(
        "{}, phase {}, at {}",
        failing(member),
        member.phase,
        clock(&member.onset, report)
    )
}

/// `12 refused at 10.0.0.1:80`.
fn failing(member: &MemberLine) -> String {
    let at = match member.upstream.as_str() {
        "" => String::new(),
        name => format!(" at {}", truncated(name, 60)),
    };
    format!("{} {}{at}", grouped(member.n_failures), member.category)
}

/// `reload at 09:00:00`.
fn state(mark: &MarkLine, report: &Report) -> String {
    match mark.n_events {
        1 => format!("{} at {}", mark.what, clock(&mark.first, report)),
        n => format!(
            "{} {}, {} to {}",
            grouped(n),
            mark.what,
            clock(&mark.first, report),
            clock(&mark.last, report)
        ),
    }
}

/// `10.0.0.1:80 out 3 times, 09:02:19 to 09:08:44`.
fn out(line: &OutageLine, report: &Report) -> String {
    let name = truncated(&line.upstream, 60);
    let from = line
        .first
        .as_deref()
        .map_or_else(String::new, |first| clock(first, report));
    let until = line
        .last
        .as_deref()
        .map_or_else(|| "the end".to_owned(), |last| clock(last, report));
    format!("{name} {}, {from} to {until}", line.what())
}

fn clock(time: &str, report: &Report) -> String {
    super::sections::clock(&Some(time.to_owned()), report)
}
