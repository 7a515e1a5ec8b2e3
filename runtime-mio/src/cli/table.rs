//! Tables for people: a header, columns as wide as they need to be, numbers to the right.

use std::fmt;

/// Which side of its column a cell leans to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Numbers, so that their digits stand under each other.
    Right,
}

/// A table to be printed.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: &[(&'static str, Side)]) -> Self {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If it has not as many cells as the table has columns.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.columns.len(), "a cell for each column");
        self.rows.push(cells.map(|cell| cell.replace(char::is_control, "?")).into());
    }

    /// The lines, header first, without line ends and without blanks at their ends.
    pub(crate) fn lines(&self) -> Vec<String> {
        let widths = self.widths();
        let header = self.columns.iter().map(|(name, _)| *name);
        let mut lines = vec![self.line(&widths, header)];
        lines.extend(self.rows.iter().map(|row| self.line(&widths, row.iter().map(String::as_str))));
        lines
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<_> = self.columns.iter().map(|(name, _)| width(name)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        widths
    }

    fn line<'a>(&self, widths: &[usize], cells: impl Iterator<Item = &'a str>) -> String {
        let mut line = String::new();
        for ((cell, (_, side)), wide) in cells.zip(&self.columns).zip(widths) {
            let pad = " ".repeat(wide - width(cell));
            match side {
                Side::Left => line.extend([cell, &pad, "  "]),
                Side::Right => line.extend([&pad, cell, "  "]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// How many columns of a terminal `text` takes: a character is one. Addresses, ids and the cities' names hold no wide
/// characters.
pub(crate) fn width(text: &str) -> usize {
    text.chars().count()
}

/// `text` cut to so many columns, with an ellipsis where something was cut.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(columns.saturating_sub(1)).collect();
    if columns > 0 {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut t = Table::new(&[("CITY", Side::Left), ("RTT", Side::Right), ("VIA", Side::Left)]);
        t.row(["Zürich".into(), "9.50 ms".into(), "Oslo".into()]);
        t.row(["Rio".into(), "123 ms".into(), String::new()]);
        let expected = "CITY        RTT  VIA\nZürich  9.50 ms  Oslo\nRio      123 ms\n";
        assert_eq!(t.to_string(), expected);
    }

    #[test]
    fn a_terminal_obeys_no_cell() {
        let mut t = Table::new(&[("A", Side::Left)]);
        t.row(["x\u{1b}[2Jy\n".into()]);
        assert_eq!(t.lines(), ["A", "x?[2Jy?"]);
    }

    #[test]
    fn an_empty_table_is_its_header() {
        assert_eq!(Table::new(&[("A", Side::Left), ("B", Side::Right)]).to_string(), "A  B\n");
    }

    #[test]
    #[should_panic(expected = "a cell for each column")]
    fn a_row_has_every_cell() {
        Table::new(&[("A", Side::Left)]).row([String::new(), String::new()]);
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(fit("Zürich", 6), "Zürich");
        assert_eq!(fit("Zürich", 4), "Zür…");
        assert_eq!(fit("Zürich", 0), "");
    }
}
