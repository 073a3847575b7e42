//! What lines of a terminal are made of: titles, facts, tables and small plots.

use super::Style;
use crate::{report::steps::Steps, text::wrapped, words::grouped};
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

/// Rows of shades on one scale.
pub(super) struct Shades {
    pub(super) rows: Vec<String>,
    /// Neighbouring cells that are summed into one character.
    pub(super) group: usize,
    /// What each shade stands for.
    pub(super) legend: String,
}

/// Shades from `░` to `█`, the darker the more, and a dot for none; rows of at most `width` characters.
pub(super) fn shades<'a>(rows: impl Iterator<Item = &'a [u64]>, width: usize) -> Shades {
    const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];
    let rows: Vec<&[u64]> = rows.collect();
    let n_cells = rows.first().map_or(0, |row| row.len());
    let group = n_cells.div_ceil(width.max(1)).max(1);
    let sums = |row: &[u64]| -> Vec<u64> { row.chunks(group).map(|c| c.iter().sum()).collect() };
    let rows: Vec<Vec<u64>> = rows.into_iter().map(sums).collect();
    let most = rows.iter().flatten().max().copied().unwrap_or(0);
    let steps = Steps::up_to(most, SHADES.len() as u32 - 1);
    let shade = |n: &u64| SHADES[steps.step(*n)];
    let legend = steps.bounds().into_iter().map(|(step, first, last)| {
        let shade = SHADES[step];
        match first == last {
            true => format!("{shade} {}", grouped(first)),
            false => format!("{shade} {} to {}", grouped(first), grouped(last)),
        }
    });
    Shades {
        legend: legend.collect::<Vec<_>>().join(", "),
        group,
        rows: rows
            .iter()
            .map(|row| row.iter().map(shade).collect())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_have_one_scale() {
        let rows: [&[u64]; 2] = [&[0, 1, 0, 0], &[0, 0, 90, 300]];
        let all = shades(rows.into_iter(), 4);
        assert_eq!(all.rows, ["·░··", "··▓█"]);
        assert_eq!(all.legend, "░ 1 to 4, ▒ 5 to 24, ▓ 25 to 124, █ 125 to 300");
        let half = shades(rows.into_iter(), 2);
        assert_eq!(
            (half.rows, half.group),
            (vec!["░·".to_owned(), "·█".to_owned()], 2)
        );
    }

    #[test]
    fn bars_and_lines() {
        assert_eq!(sparkline(&[0, 1, 4, 8], 4), " ▁▄█");
        assert_eq!(sparkline(&[1, 1, 2, 2], 2), "▄█");
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped("aa\n  bb cc dd", 7), ["aa", "  bb cc", "  dd"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
