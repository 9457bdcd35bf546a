//! The requirement table as committed data: `docs/requirements.tsv`.
//! Never a judgement: whose a row is follows from its last column.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

/// One row of the requirement table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// `R-141`.
    pub(super) id: String,
    /// Paragraph of the Rules.
    pub(super) paragraph: String,
    /// What is required.
    pub(super) requirement: String,
    /// By when; empty where the paragraph sets no term.
    pub(super) term: String,
    /// Who can do it: `SW`, `SW-rec`, `FE`, `ORG`, mixes; empty for an excluded paragraph.
    pub(super) by: String,
}

impl Row {
    /// Whether a back end has a part in it.
    pub(super) fn is_back_ends(&self) -> bool {
        self.by.contains("SW")
    }
}

/// A chapter with its rows, in the table's order.
#[derive(Debug)]
pub(super) struct Chapter {
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
}

/// The whole table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) chapters: Vec<Chapter>,
}

impl Table {
    /// Reads the data; a line that is not a row, and a row that is there twice, are errors that name the line.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut chapters: Vec<Chapter> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let number = number + 1;
            if let Some(title) = line.strip_prefix("## ") {
                chapters.push(Chapter { title: title.to_owned(), rows: Vec::new() });
                continue;
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let columns: Vec<&str> = line.split('\t').collect();
            let [id, paragraph, requirement, term, by] = columns[..] else {
                bail!("line {number}: a row has five columns, not {}", columns.len());
            };
            ensure!(number_of(id).is_some(), "line {number}: {id} is no number of a row");
            ensure!(
                chapters.iter().all(|chapter| chapter.rows.iter().all(|row| row.id != id)),
                "line {number}: {id} again"
            );
            let chapter = chapters.last_mut().with_context(|| format!("line {number}: a row outside a chapter"))?;
            let [id, paragraph, requirement, term, by] = [id, paragraph, requirement, term, by].map(str::to_owned);
            chapter.rows.push(Row { id, paragraph, requirement, term, by });
        }
        Ok(Self { chapters })
    }

    /// Every row in the table's order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.chapters.iter().flat_map(|chapter| &chapter.rows)
    }

    /// Rows by their number.
    pub(super) fn by_number(&self) -> BTreeMap<u16, &Row> {
        self.rows().filter_map(|row| Some((number_of(&row.id)?, row))).collect()
    }
}

/// The number of `R-141`.
pub(super) fn number_of(id: &str) -> Option<u16> {
    let digits = id.strip_prefix("R-")?;
    let well_formed = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if well_formed { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_their_chapters() {
        let text = "# a head\n## Chapter 1\nR-001\t2(1)\tAutomate\t\tSW\n## Chapter 2\nR-161\t15\tA document\t\tORG\n";
        let table = Table::parse(text).unwrap();
        assert_eq!(table.chapters[1].title, "Chapter 2");
        let back_ends: Vec<bool> = table.rows().map(Row::is_back_ends).collect();
        assert_eq!(back_ends, [true, false]);
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = |text: &str| Table::parse(text).unwrap_err().to_string();
        assert_eq!(error("## C\nR-001\t2"), "line 2: a row has five columns, not 2");
        assert_eq!(error("## C\nR-1\t2\ta\t\tSW"), "line 2: R-1 is no number of a row");
        assert_eq!(error("## C\nR-001\t2\ta\t\tSW\nR-001\t2\ta\t\tSW"), "line 3: R-001 again");
    }
}
