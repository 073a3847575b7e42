//! What lines of a terminal are made of: titles, facts, tables and small plots.

use super::Style;
use crate::text::wrapped;
use anstyle::{AnsiColor, Style as Ansi};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};

pub(super) const TITLE: Ansi = Ansi::new().bold();
pub(super) const BAD: Ansi = AnsiColor::Red.on_default().bold();
pub(super) const GOOD: Ansi = AnsiColor::Green.on_default();
pub(super) const DIM: Ansi = Ansi::new().dimmed();

/// A text that grows line by line.
pub(super) struct Page {
    pub(super) out: String,
    pub(super) style: Style,
    /// In columns.
    pub(super) width: usize,
}

impl Page {
    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    pub(super) fn styled(&self, ansi: Ansi, text: &str) -> String {
        match self.style {
            Style::Colour => format!("{ansi}{text}{ansi:#}"),
            Style::Plain => text.to_owned(),
        }
    }

    pub(super) fn title(&mut self, text: &str) {
        let title = self.styled(TITLE, text);
        self.line("");
        self.line(&title);
    }

    /// A labelled line at the top.
    pub(super) fn fact(&mut self, label: &str, text: &str) {
        let label = self.styled(DIM, &format!("{label:<9}"));
        let width = self.width.saturating_sub(9);
        let mut lines = wrapped(text, width).into_iter();
        let first = lines.next().unwrap_or_default();
        self.line(&format!("{label}{first}"));
        for line in lines {
            self.line(&format!("{:9}{line}", ""));
        }
    }

    /// Lines of at most the page's width: the first two columns in, the rest four.
    pub(super) fn item(&mut self, text: &str) {
        for (index, line) in wrapped(text, self.width - 4).iter().enumerate() {
            self.line(&format!("{}{line}", if index == 0 { "  " } else { "    " }));
        }
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table
    }

    /// Appends `table` with the columns `right` aligned right.
    pub(super) fn show(&mut self, mut table: Table, right: &[usize]) {
        for &index in right {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.to_string().lines() {
            self.line(&format!(" {line}"));
        }
    }

    /// Columns a plot beside five others may take.
    pub(super) fn plot_width(&self) -> usize {
        self.width.saturating_sub(64).clamp(14, 40)
    }
}

/// Bars from `▁` to `█` by the largest value; a blank is zero. At most `width` characters: neighbours are summed.
pub(super) fn sparkline(series: &[u64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let group = series.len().div_ceil(width.max(1)).max(1);
    let sums: Vec<u64> = series
        .chunks(group)
        .map(|cells| cells.iter().sum())
        .collect();
    let max = sums.iter().copied().max().unwrap_or(0).max(1);
    let bar = |&n: &u64| match n {
        0 => ' ',
        n => BARS[((n as u128 * 8).div_ceil(u128::from(max)) as usize).clamp(1, 8) - 1],
    };
    sums.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_lines() {
        assert_eq!(sparkline(&[0, 1, 4, 8], 4), " ▁▄█");
        assert_eq!(sparkline(&[1, 1, 2, 2], 2), "▄█");
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped("aa\n  bb cc dd", 7), ["aa", "  bb cc", "  dd"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
