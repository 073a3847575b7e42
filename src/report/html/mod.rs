//! The report as one page to hand around: a file that opens from disk, asks for nothing, and reads well without script, on a
//! phone and on paper.
//!
//! The templates (askama, beside this file) escape every value; `|safe` stands only where a part was made by another template
//! or is the page's own style and script. Bytes of logs reach text nodes only: no attribute, style or script holds any. If one
//! did, [`lock`]'s policy would keep it from running. What is said is the [`model`](super::model)'s; charts are [`chart`]'s, [`heat`]'s and [`pace`]'s.

mod chart;
mod charted;
pub mod compare;
mod heat;
mod lock;
mod pace;
mod place;
mod say;
mod sections;
mod ticks;

pub use limits::{ROWS, TEXT};

use super::{
    model::{Report, Section},
    words::capital,
};
use askama::Template;

/// What the page leaves out, for the list of limits.
mod limits {
    /// Rows of one table.
    pub const ROWS: usize = super::say::ROWS_MAX;
    /// Bytes of one text, as it stands in the page.
    pub const TEXT: usize = super::say::TEXT_MAX;
}

/// The whole page. The same report gives the same bytes.
pub fn render(report: &Report) -> String {
    let over_time = charted::over_time(report).map(|body| Block {
        name: "when",
        title: "Over time".to_owned(),
        body,
    });
    let sections = Section::ALL
        .into_iter()
        .filter(|&section| report.has(section) || is_always_told(section))
        .map(|section| Block {
            name: section.name(),
            title: title(report, section),
            body: sections::body(section, report),
        });
    let blocks = over_time.into_iter().chain(sections).collect();
    let page = Page {
        report,
        headline: headline(report),
        policy: lock::policy(),
        style: lock::STYLE,
        script: lock::SCRIPT,
        answer: sections::answer(report),
        blocks,
    };
    page.render().expect("a String takes everything")
}

/// Where the numbers come from and what limits them: other parts point there.
fn is_always_told(section: Section) -> bool {
    matches!(section, Section::Sources | Section::Notes)
}

/// A section, made.
struct Block {
    name: &'static str,
    title: String,
    body: String,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    report: &'a Report,
    headline: String,
    policy: String,
    style: &'static str,
    script: &'static str,
    answer: String,
    blocks: Vec<Block>,
}

impl Page<'_> {
    /// Anchors and titles of the sections that are there, without what stands in brackets.
    fn contents(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.blocks.iter().map(|block| {
            let short = block.title.split(" (").next();
            (block.name, short.unwrap_or_default())
        })
    }
}

fn title(report: &Report, section: Section) -> String {
    match section {
        Section::Sources => "What was read".to_owned(),
        _ => report.title(section).replace('`', ""),
    }
}

fn headline(report: &Report) -> String {
    capital(&report.verdict().to_string())
}
