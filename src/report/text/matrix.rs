//! Which entry boots where, as a table at 80 columns.
//!
//! Targets go down and entries across, entries that fare alike everywhere in one column; where that is too wide and
//! the other way round is not, the other way round; else in blocks below each other.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::super::prose::{clipped, padded};
use super::super::view::{Cell, Entry, View};
use super::{FAINT, WIDTH, line, outcome_style, paragraph};

/// Columns of the longest name at the left that is not clipped.
const LONGEST_NAME: usize = 24;
/// Columns of the longest head of a column that is not clipped.
const LONGEST_HEAD: usize = 30;
/// Columns between cells, and before the first.
const GAP: usize = 2;

/// A column: its head, and a cell for each line.
struct Column<'a> {
    head: String,
    cells: Vec<&'a Cell>,
}

impl Column<'_> {
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.label.width());
        cells.max().unwrap_or_default().max(self.head.width())
    }
}

/// A table: the names at the left, and the columns.
struct Table<'a> {
    names: Vec<String>,
    columns: Vec<Column<'a>>,
}

impl<'a> Table<'a> {
    fn targets_down(view: &'a View, groups: &[Vec<usize>]) -> Self {
        let column = |group: &Vec<usize>| Column {
            head: head(view, group),
            cells: view
                .targets
                .iter()
                .filter_map(|row| row.cells.get(group.first().copied().unwrap_or_default()))
                .collect(),
        };
        Self {
            names: view.targets.iter().map(|row| row.name.clone()).collect(),
            columns: groups.iter().map(column).collect(),
        }
    }

    fn entries_down(view: &'a View, groups: &[Vec<usize>]) -> Self {
        let firsts = || groups.iter().filter_map(|group| group.first().copied());
        let columns = view.targets.iter().map(|row| Column {
            head: clipped(&row.name, LONGEST_HEAD),
            cells: firsts().filter_map(|entry| row.cells.get(entry)).collect(),
        });
        Self { names: groups.iter().map(|group| head(view, group)).collect(), columns: columns.collect() }
    }

    fn width_of_names(&self) -> usize {
        self.names.iter().map(|name| name.width()).max().unwrap_or_default().clamp(6, LONGEST_NAME)
    }

    /// The columns that fit beside each other, block by block; at least one in each.
    fn blocks(&self) -> Vec<&[Column<'a>]> {
        let room = WIDTH.saturating_sub(self.width_of_names()).saturating_sub(GAP);
        let mut blocks = Vec::new();
        let mut rest = self.columns.as_slice();
        while !rest.is_empty() {
            let mut used = 0_usize;
            let fits = |column: &&Column<'_>| {
                used = used.saturating_add(GAP).saturating_add(column.width());
                used <= room
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (block, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            blocks.push(block);
            rest = after;
        }
        blocks
    }

    fn draw(&self, out: &mut String) {
        let names = self.width_of_names();
        for (index, block) in self.blocks().into_iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            let heads = block.iter().map(|column| padded(&column.head, column.width().saturating_add(GAP)));
            let heads: String = heads.collect();
            let left = " ".repeat(names.saturating_add(GAP).saturating_add(GAP));
            line(out, &format!("{FAINT}{left}{}{FAINT:#}", heads.trim_end()));
            for (row, name) in self.names.iter().enumerate() {
                let mut text = format!("  {}", padded(&clipped(name, names), names));
                for column in block {
                    let Some(cell) = column.cells.get(row) else { continue };
                    let style = outcome_style(cell.outcome);
                    let space = column.width().saturating_sub(cell.label.width());
                    let _ = write!(text, "  {style}{}{style:#}{}", cell.label, " ".repeat(space));
                }
                line(out, &text);
            }
        }
    }
}

/// The matrix, and which number is which entry.
pub(super) fn draw(out: &mut String, view: &View) {
    if view.entries.is_empty() {
        return;
    }
    let groups = alike(view);
    let upright = Table::targets_down(view, &groups);
    let turned = Table::entries_down(view, &groups);
    let turn = upright.blocks().len() > 1 && turned.blocks().len() == 1;
    if turn {
        turned.draw(out)
    } else {
        upright.draw(out)
    }
    out.push('\n');
    for entry in &view.entries {
        let mark = if entry.default { ", default" } else { "" };
        paragraph(out, &format!("  [{}] ", entry.number), &format!("{}{mark}", entry.title));
    }
    out.push('\n');
}

/// The indices of the entries that fare alike on every target, together.
fn alike(view: &View) -> Vec<Vec<usize>> {
    let label = |entry: usize| -> Vec<Option<&str>> {
        view.targets.iter().map(|row| row.cells.get(entry).map(|cell| cell.label.as_str())).collect()
    };
    let mut groups: Vec<(Vec<Option<&str>>, Vec<usize>)> = Vec::new();
    for entry in 0..view.entries.len() {
        let labels = label(entry);
        match groups.iter_mut().find(|(other, _)| *other == labels) {
            Some((_, group)) => group.push(entry),
            None => groups.push((labels, vec![entry])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// `[1] default`; `[2-4] [6]`.
fn head(view: &View, group: &[usize]) -> String {
    let mut runs: Vec<(&Entry, &Entry)> = Vec::new();
    for entry in group.iter().filter_map(|index| view.entries.get(*index)) {
        match runs.last_mut() {
            // The default entry stands alone, so that it can be told.
            Some((first, last))
                if last.number.saturating_add(1) == entry.number && !first.default && !entry.default =>
            {
                *last = entry;
            }
            _ => runs.push((entry, entry)),
        }
    }
    let run = |(first, last): &(&Entry, &Entry)| match (first.default, first.number == last.number) {
        (true, _) => format!("[{}] default", first.number),
        (false, true) => format!("[{}]", first.number),
        (false, false) => format!("[{}-{}]", first.number, last.number),
    };
    let runs: Vec<String> = runs.iter().map(run).collect();
    clipped(&runs.join(" "), LONGEST_HEAD)
}
