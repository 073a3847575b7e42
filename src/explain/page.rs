//! An explanation as a page of text.

use super::Explanation;
use crate::text::wrapped;
use std::fmt::Write;

/// The page, `width` columns wide, with headings in bold if `coloured`.
pub fn render(explanation: &Explanation, coloured: bool, width: usize) -> String {
    let mut page = Page {
        out: String::new(),
        coloured,
        width,
    };
    let topic = explanation.topic;
    page.heading(&format!("{}: {}", explanation.category, topic.title));
    for (name, value) in &explanation.facts {
        page.item(&format!("{name:<10}"), value);
    }
    page.paragraph(topic.meaning);
    for note in &explanation.notes {
        page.item("- ", note);
    }
    page.section("In the access log", &[topic.access_log]);
    page.section("Causes, most likely first", topic.causes);
    if !topic.directives.is_empty() {
        page.heading("Directives");
    }
    for directive in topic.directives {
        let text = format!(
            "{} (default {}; {}): {}",
            directive.name, directive.default, directive.context, directive.bearing
        );
        page.item("- ", &text);
    }
    page.section("How to check", topic.check);
    page.section("How to fix", topic.fix);
    page.section("Often said, and wrong", topic.corrections);
    page.out.push('\n');
    page.out
}

struct Page {
    out: String,
    coloured: bool,
    width: usize,
}

impl Page {
    fn heading(&mut self, text: &str) {
        let bold = anstyle::Style::new().bold();
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let _ = if self.coloured {
            writeln!(self.out, "{bold}{text}{bold:#}")
        } else {
            writeln!(self.out, "{text}")
        };
    }

    fn section(&mut self, title: &str, items: &[&str]) {
        let items: Vec<&&str> = items.iter().filter(|item| !item.is_empty()).collect();
        if !items.is_empty() {
            self.heading(title);
        }
        for item in items {
            self.item("- ", item);
        }
    }

    fn paragraph(&mut self, text: &str) {
        self.out.push('\n');
        for line in wrapped(text, self.width) {
            let _ = writeln!(self.out, "{line}");
        }
    }

    fn item(&mut self, mark: &str, text: &str) {
        let indent = mark.chars().count() + 2;
        for (index, line) in wrapped(text, self.width.saturating_sub(indent))
            .iter()
            .enumerate()
        {
            let _ = match index {
                0 => writeln!(self.out, "  {mark}{line}"),
                _ => writeln!(self.out, "{:indent$}{line}", ""),
            };
        }
    }
}
