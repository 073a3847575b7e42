//! The report as text, for 80 columns and more, with or without colour.

pub mod compare;
mod findings;
mod incidents;
mod page;
mod sections;

use super::{
    model::{Completeness, Report, Section},
    words::{bytes, duration, grouped, plural},
};
use crate::text::truncated;
use page::{BAD, GOOD, Page, sparkline};

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Colour,
    Plain,
}

/// The whole report, `width` columns wide.
pub fn render(report: &Report, style: Style, width: usize) -> String {
    let mut page = Page {
        out: String::new(),
        style,
        width,
    };
    page.head(report);
    for section in Section::ALL
        .into_iter()
        .filter(|&section| report.has(section) && is_shown(section, report))
    {
        page.title(&report.title(section));
        page.section(section, report);
    }
    page.out
}

/// Of one upstream the map would say what the plot of its failures says.
fn is_shown(section: Section, report: &Report) -> bool {
    section != Section::HeatMap || report.heat_map.len() > 1
}

impl Page {
    fn section(&mut self, section: Section, report: &Report) {
        match section {
            Section::Causes => self.causes(report),
            Section::Findings => self.findings(report),
            Section::Checklist => self.checklist(report),
            Section::Incidents => self.incidents(report),
            Section::Failures => self.categories(&report.failures, report),
            Section::HeatMap => self.heat_map(report),
            Section::Upstreams => self.upstreams(report),
            Section::Health => self.health(report),
            Section::Fingerprints => self.fingerprints(report),
            Section::Worst => self.worst(report),
            Section::Traffic => self.traffic(report),
            Section::Routes => self.routes(&report.routes),
            Section::Slowest => self.routes(&report.slowest),
            Section::Clients => self.clients(report),
            Section::Others => self.categories(&report.others, report),
            Section::Messages => self.messages(report),
            Section::Unknown => self.unknown(report),
            Section::Sources => self.sources(report),
            Section::Notes => self.notes(report),
        }
    }

    fn head(&mut self, report: &Report) {
        let verdict = report.verdict();
        let style = if verdict.is_good() { GOOD } else { BAD };
        let verdict = self.styled(style, &verdict.to_string());
        let headline = headline(report);
        self.line(&format!("{verdict}{headline}"));
        if let Some(finding) = report.findings.first() {
            self.item(&format!("{} ({})", finding.title, finding.confidence));
        }
        self.line("");
        self.in_short(report);
        self.fact("read", &read(&report.completeness));
        if let Some(config) = &report.config {
            self.fact("config", &config.text());
        }
        if let Some(span) = &report.span {
            let text = format!(
                "{} to {} ({}), buckets of {}",
                span.first,
                span.last,
                duration(span.seconds),
                report.bucket
            );
            self.fact("span", &text);
        }
        let zone = if report.zone_assumed {
            format!("{}, assumed", report.zone)
        } else {
            report.zone.clone()
        };
        self.fact("zone", &zone);
        let events: Vec<String> = report
            .severities
            .iter()
            .map(|line| format!("{} {}", grouped(line.n_events), line.severity))
            .collect();
        let events = if events.is_empty() {
            "none".to_owned()
        } else {
            events.join(", ")
        };
        self.fact("events", &events);
        if let Some(requests) = &report.requests {
            self.fact("requests", &requests.text());
            let width = self.width.saturating_sub(30).clamp(20, 60);
            let (all, bad) = (&requests.series, &requests.series_5xx);
            self.line(&format!("{:9}{} requests", "", sparkline(all, width)));
            if requests.n_5xx > 0 {
                self.line(&format!("{:9}{} 5xx", "", sparkline(bad, width)));
            }
        }
    }
}

impl Page {
    /// When, whom it hit, and what to do next.
    fn in_short(&mut self, report: &Report) {
        let answer = &report.answer;
        if let (Some(first), Some(last)) = (&answer.first, &answer.last) {
            self.when(first, last, report);
        }
        if answer.n_failures > 0 {
            self.fact("whom", &answer.whom());
        }
        let Some(finding) = report.findings.first() else {
            return self.line("");
        };
        for (index, (word, text)) in finding.next().enumerate() {
            let label = if index == 0 { "next" } else { "" };
            self.fact(label, &format!("{word}: {text}"));
        }
        for (index, text) in also(report).iter().enumerate() {
            self.fact(if index == 0 { "also" } else { "" }, text);
        }
        self.line("");
    }

    fn when(&mut self, first: &str, last: &str, report: &Report) {
        let worst = report.worst.first().map_or_else(String::new, |worst| {
            let n = grouped(worst.n_failures);
            format!("; worst {} from {}: {n}", report.bucket, worst.bucket)
        });
        let long = duration(report.answer.seconds);
        self.fact("when", &format!("{first} to {last} ({long}){worst}"));
    }
}

/// Findings past the first that the first screen names.
const ALSO_MAX: usize = 3;

/// What else happened: titles, and how many more there are.
fn also(report: &Report) -> Vec<String> {
    let others = report.findings.iter().skip(1);
    let mut lines: Vec<String> = others
        .take(ALSO_MAX)
        .map(|finding| format!("{} ({})", finding.title, finding.confidence))
        .collect();
    let n_all = report.findings.len() + report.n_more_findings;
    let n_more = n_all.saturating_sub(1 + lines.len());
    if n_more > 0 {
        let findings = plural(n_more as u64, "finding");
        lines.push(format!("{} more {findings}", grouped(n_more as u64)));
    }
    lines
}

/// What stands behind the verdict: the biggest cause and where.
fn headline(report: &Report) -> String {
    let Some(worst) = report.failures.first() else {
        return String::new();
    };
    let upstream = report
        .upstreams
        .first()
        .filter(|line| !line.upstream.is_empty());
    let at = upstream.map_or_else(String::new, |line| {
        format!(", most at {}", truncated(&line.upstream, 40))
    });
    format!(": {} {}{at}", grouped(worst.n_events), worst.category)
}

fn read(completeness: &Completeness) -> String {
    let Completeness {
        n_sources,
        n_sources_read,
        size_bytes,
        n_lines,
        percent_understood,
        ..
    } = completeness;
    let sources = if n_sources == n_sources_read {
        format!("{n_sources} {}", plural(*n_sources as u64, "source"))
    } else {
        format!("{n_sources_read} of {n_sources} sources")
    };
    let percent = format!("{percent_understood:.2}")
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned();
    if *n_sources_read == 0 {
        return sources;
    }
    format!(
        "{sources}, {}, {} {}, {percent} % of the bytes understood",
        bytes(*size_bytes),
        grouped(*n_lines),
        plural(*n_lines, "line")
    )
}
