//! Findings and the checklist, as lines.

use super::page::{BAD, DIM, GOOD, Page, TITLE};
use crate::{
    report::model::{CheckLine, EvidenceLine, FindingLine, Report},
    text::{truncated, wrapped},
};

/// Pieces of evidence of one finding that are shown.
const EVIDENCE_MAX: usize = 3;

/// Findings told in full; of the others the title.
const FULL_MAX: usize = 3;

impl Page {
    pub(super) fn findings(&mut self, report: &Report) {
        for (index, line) in report.findings.iter().enumerate() {
            if (1..=FULL_MAX).contains(&index) {
                self.line("");
            }
            self.finding(line, index < FULL_MAX);
        }
        if report.n_more_findings > 0 {
            self.line(&format!(
                "  and {} more; --top shows them, `coroner export --table findings` lists all",
                report.n_more_findings
            ));
        }
    }

    fn finding(&mut self, line: &FindingLine, is_full: bool) {
        let title = format!("{}. {}", line.rank, line.title);
        let style = match line.severity {
            "failure" => BAD,
            _ => TITLE,
        };
        for (index, text) in wrapped(&title, self.width - 4).iter().enumerate() {
            let text = self.styled(style, text);
            self.line(&format!("{}{text}", if index == 0 { "" } else { "    " }));
        }
        let facts = format!("{}, {}, {}", line.severity, line.confidence, line.id);
        if !is_full {
            let facts = self.styled(DIM, &facts);
            return self.line(&format!("    {facts}"));
        }
        for text in wrapped(&line.claim, self.width - 4) {
            self.line(&format!("    {text}"));
        }
        for text in &line.advice {
            self.part("do", text);
        }
        for text in &line.directives {
            self.part("set", text);
        }
        for text in &line.commands {
            self.part("check", text);
        }
        self.part("unless", &line.refuted_by);
        for exhibit in line.evidence.iter().take(EVIDENCE_MAX) {
            self.exhibit(exhibit);
        }
        let facts = self.styled(DIM, &facts);
        self.line(&format!("    {facts}"));
    }

    /// A labelled part of a finding.
    fn part(&mut self, label: &str, text: &str) {
        let label = self.styled(DIM, &format!("{label:<7}"));
        for (index, line) in wrapped(text, self.width - 11).iter().enumerate() {
            match index {
                0 => self.line(&format!("    {label}{line}")),
                _ => self.line(&format!("{:11}{line}", "")),
            }
        }
    }

    fn exhibit(&mut self, exhibit: &EvidenceLine) {
        let at = truncated(&exhibit.at, self.width - 11);
        let room = (self.width - 13).saturating_sub(at.chars().count());
        let what = match room {
            0..12 => String::new(),
            _ => format!("  {}", truncated(&exhibit.what, room)),
        };
        let at = self.styled(DIM, &at);
        let label = self.styled(DIM, &format!("{:<7}", "see"));
        self.line(&format!("    {label}{at}{what}"));
        if !exhibit.quote.is_empty() {
            self.line(&format!(
                "{:11}{}",
                "",
                truncated(&exhibit.quote, self.width - 11)
            ));
        }
    }

    pub(super) fn checklist(&mut self, report: &Report) {
        for line in &report.checklist {
            self.check(line);
        }
    }

    fn check(&mut self, line: &CheckLine) {
        let style = match line.verdict {
            "PASS" => GOOD,
            "FAIL" => BAD,
            _ => DIM,
        };
        let verdict = self.styled(style, &format!("{:<8}", line.verdict));
        let text = format!("{}: {}", line.check, line.because);
        for (index, text) in wrapped(&text, self.width - 11).iter().enumerate() {
            match index {
                0 => self.line(&format!("  {verdict}{text}")),
                _ => self.line(&format!("{:10}{text}", "")),
            }
        }
    }
}
