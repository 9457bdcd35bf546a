//! A table for a terminal: columns as wide as their widest cell, numbers to the right.
//! It never cuts a cell.

/// One column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) align: Align,
}

/// Where a cell stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// The lines of a table; a row that is too short has empty cells.
pub(super) fn lines(columns: &[Column], rows: &[Vec<String>]) -> Vec<String> {
    let cell = |row: &[String], index: usize| row.get(index).cloned().unwrap_or_default();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = rows.iter().map(|row| width(&cell(row, index)));
            cells.chain([width(column.title)]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[String]| {
        let cells = columns.iter().zip(&widths).enumerate().map(|(index, (column, width))| {
            let (cell, width) = (cell(cells, index), *width);
            match column.align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  ");
    [line(&titles), rule].into_iter().chain(rows.iter().map(|row| line(row))).collect()
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// An amount of tiyn as people read it: `1 234 567.89`.
pub(super) fn amount(tiyn: i64) -> String {
    let (tenge, rest) = ((tiyn / 100).unsigned_abs().to_string(), (tiyn % 100).unsigned_abs());
    let sign = if tiyn < 0 { "-" } else { "" };
    let mut grouped = String::new();
    for (index, digit) in tenge.chars().enumerate() {
        if index > 0 && (tenge.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}.{rest:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let columns = [Column { title: "name", align: Align::Left }, Column { title: "n", align: Align::Right }];
        let rows = [vec!["Айгерім".to_owned(), "1".to_owned()], vec!["x".to_owned(), "1000".to_owned()], vec![]];
        let expected = ["name        n", "-------  ----", "Айгерім     1", "x        1000", ""];
        assert_eq!(lines(&columns, &rows), expected);
    }

    #[test]
    fn amounts_are_grouped_and_exact() {
        let amounts = [0, 5, 100, 99_999, 100_000, 123_456_789, -150].map(amount);
        assert_eq!(amounts, ["0.00", "0.05", "1.00", "999.99", "1 000.00", "1 234 567.89", "-1.50"]);
    }
}
