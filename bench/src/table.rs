//! Tables of plain text.
//! Never colours or boxes: the output is copied into documents.

/// Rows under a heading: the first column to the left, numbers to the right.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With a heading.
    pub(crate) fn new<const COLUMNS: usize>(heading: [&str; COLUMNS]) -> Self {
        Self { rows: vec![heading.map(str::to_string).to_vec()] }
    }

    /// One more row, as wide as the heading.
    pub(crate) fn row<const COLUMNS: usize>(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(Vec::from(cells));
    }

    /// The table as text: two spaces between columns, a rule below the heading, no spaces at the ends of lines.
    pub(crate) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut lines: Vec<String> = self.rows.iter().map(|row| line(row, &widths)).collect();
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        lines.insert(1, rule.join("  "));
        lines.join("\n")
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut cells =
        row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
    let first = cells.next().unwrap_or_default();
    let line = cells.fold(first, |line, cell| line + "  " + &cell);
    line.trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_left_and_numbers_right() {
        let mut table = Table::new(["leg", "p50 ms", "p99 ms"]);
        table.row(["submit".to_string(), "9.5".to_string(), "120.0".to_string()]);
        table.row(["signature → granted".to_string(), "1200.1".to_string(), "–".to_string()]);
        let expected = "\
leg                  p50 ms  p99 ms
-------------------  ------  ------
submit                  9.5   120.0
signature → granted  1200.1       –";
        assert_eq!(table.text(), expected);
    }

    #[test]
    fn a_heading_alone_is_a_table() {
        assert_eq!(Table::new(["a", "bc"]).text(), "a  bc\n-  --");
    }
}
