//! An explanation as a page of text.

use super::{
    Explanation,
    knowledge::{self, StatusNote, Topic},
};
use crate::{event::Category, text::wrapped};
use std::fmt::Write;

/// The page, `width` columns wide, with headings in bold if `coloured`.
pub fn render(explanation: &Explanation, coloured: bool, width: usize) -> String {
    let mut page = Page {
        out: String::new(),
        coloured,
        width,
    };
    let topic = explanation.topic;
    if let Some(note) = explanation.status {
        page.status(note);
        if explanation.category == Category::Other {
            page.advice(topic);
            return page.out;
        }
    }
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
    page.advice(topic);
    page.out
}

struct Page {
    out: String,
    coloured: bool,
    width: usize,
}

impl Page {
    /// What a status comes of.
    fn status(&mut self, note: &StatusNote) {
        self.heading(&format!("{} {}", note.status, note.page));
        self.paragraph(note.note);
        let classes = note
            .classes
            .iter()
            .map(|&category| format!("{category}: {}", knowledge::topic(category).title));
        let classes: Vec<String> = classes.collect();
        let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
        self.section("What ends in it (coroner explain NAME says more)", &classes);
    }

    fn advice(&mut self, topic: &Topic) {
        self.section("How to check", topic.check);
        self.section("How to fix", topic.fix);
        self.section("Often said, and wrong", topic.corrections);
        self.out.push('\n');
    }

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
