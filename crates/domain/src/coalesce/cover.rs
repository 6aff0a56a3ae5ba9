//! Covers of the wanted pairs by rectangles, and the choice of the best.

use super::Rectangle;
use super::matrix::{Bits, Matrix};
use crate::limits::Limits;

/// Above this many columns the search for shared rectangles, which is cubic in them, is left out.
pub(super) const CLASSES_MAX: usize = 160;

/// A rectangle of rows and columns, not yet cut to Apple's limits.
#[derive(Clone, Debug)]
struct Block {
    rows: Bits,
    columns: Vec<usize>,
}

/// The best of the covers known here, cut to the limits.
pub(super) fn best(matrix: &Matrix, limits: &Limits) -> Vec<Rectangle> {
    let mut covers = vec![by_column(matrix), by_row(matrix)];
    if matrix.columns.len() <= CLASSES_MAX {
        covers.push(merged(shared(matrix, limits, Seed::Columns)));
        covers.push(merged(shared(matrix, limits, Seed::Rows)));
    }
    let cost = |cover: &Vec<Block>| -> usize {
        cover.iter().map(|block| matrix.requests(&block.rows, &block.columns, limits)).sum()
    };
    let cheapest = covers.into_iter().min_by_key(cost).unwrap_or_default();
    cheapest.iter().flat_map(|block| cut(matrix, block, limits)).collect()
}

/// One block for each group of holders with equal wishes.
fn by_column(matrix: &Matrix) -> Vec<Block> {
    let columns = matrix.columns.iter().enumerate();
    columns.map(|(index, column)| Block { rows: column.rows.clone(), columns: vec![index] }).collect()
}

/// One block for each group of assets wanted by the same holders.
fn by_row(matrix: &Matrix) -> Vec<Block> {
    let wanted_by = |row: usize| -> Vec<usize> {
        (0..matrix.columns.len()).filter(|column| matrix.columns[*column].rows.has(row)).collect()
    };
    (0..matrix.rows.len())
        .map(|row| {
            let mut rows = Bits::none(matrix.rows.len());
            rows.set(row);
            Block { rows, columns: wanted_by(row) }
        })
        .collect()
}

/// Where the search for shared rectangles starts.
#[derive(Clone, Copy)]
enum Seed {
    Columns,
    Rows,
}

/// Takes the rectangle with the most pairs a request, again and again, until every pair is in one.
fn shared(matrix: &Matrix, limits: &Limits, seed: Seed) -> Vec<Block> {
    let mut open: Vec<Bits> = matrix.columns.iter().map(|column| column.rows.clone()).collect();
    let mut blocks = Vec::new();
    while let Some(block) = densest(matrix, &open, limits, seed) {
        for column in &block.columns {
            open[*column] = open[*column].without(&block.rows);
        }
        blocks.push(block);
    }
    blocks
}

fn densest(matrix: &Matrix, open: &[Bits], limits: &Limits, seed: Seed) -> Option<Block> {
    let mut best: Option<(usize, usize, Block)> = None;
    for rows in seeds(matrix, open, seed) {
        let block = grown(matrix, open, limits, rows);
        let (devices, users) = matrix.holders_in(&block.columns);
        let pairs = matrix.assets_in(&block.rows) * (devices + users);
        let requests = matrix.requests(&block.rows, &block.columns, limits);
        let better = best.as_ref().is_none_or(|(p, r, _)| pairs * r > p * requests);
        if better && requests > 0 {
            best = Some((pairs, requests, block));
        }
    }
    best.map(|(_, _, block)| block)
}

fn seeds(matrix: &Matrix, open: &[Bits], seed: Seed) -> Vec<Bits> {
    match seed {
        Seed::Columns => {
            let mut seen = std::collections::HashSet::new();
            open.iter().filter(|rows| !rows.is_empty() && seen.insert((*rows).clone())).cloned().collect()
        }
        Seed::Rows => (0..matrix.rows.len())
            .filter_map(|row| {
                let mut wanting = open.iter().filter(|rows| rows.has(row));
                let first = wanting.next()?.clone();
                Some(wanting.fold(first, |common, rows| common.and(rows)))
            })
            .collect(),
    }
}

/// The block of all columns that want `rows`, made wider as long as giving up rows for more columns pays.
fn grown(matrix: &Matrix, open: &[Bits], limits: &Limits, mut rows: Bits) -> Block {
    let mut columns = wanting(open, &rows);
    let mut density = density_of(matrix, &rows, &columns, limits);
    loop {
        let mut next: Option<((usize, usize), Bits, Vec<usize>)> = None;
        for candidate in open.iter().enumerate().filter(|(index, _)| !columns.contains(index)) {
            let common = rows.and(candidate.1);
            if common.is_empty() {
                continue;
            }
            let wider = wanting(open, &common);
            let found = density_of(matrix, &common, &wider, limits);
            let beats = |than: (usize, usize)| found.0 * than.1 > than.0 * found.1;
            if beats(density) && next.as_ref().is_none_or(|(than, _, _)| beats(*than)) {
                next = Some((found, common, wider));
            }
        }
        let Some((found, common, wider)) = next else {
            return Block { rows, columns };
        };
        (density, rows, columns) = (found, common, wider);
    }
}

fn wanting(open: &[Bits], rows: &Bits) -> Vec<usize> {
    (0..open.len()).filter(|column| open[*column].contains(rows)).collect()
}

/// Pairs and requests of a block: compared as a fraction.
fn density_of(matrix: &Matrix, rows: &Bits, columns: &[usize], limits: &Limits) -> (usize, usize) {
    let (devices, users) = matrix.holders_in(columns);
    (matrix.assets_in(rows) * (devices + users), matrix.requests(rows, columns, limits).max(1))
}

/// Joins blocks that share all their rows or all their columns.
fn merged(mut blocks: Vec<Block>) -> Vec<Block> {
    let mut at = 0;
    while at < blocks.len() {
        let joins = |a: &Block, b: &Block| a.rows == b.rows || a.columns == b.columns;
        let Some(other) = (at + 1..blocks.len()).find(|other| joins(&blocks[at], &blocks[*other])) else {
            at += 1;
            continue;
        };
        let other = blocks.swap_remove(other);
        if blocks[at].rows == other.rows {
            blocks[at].columns.extend(other.columns);
            blocks[at].columns.sort_unstable();
        } else {
            blocks[at].rows = blocks[at].rows.or(&other.rows);
        }
        at = 0;
    }
    blocks
}

/// Cuts a block into requests within the limits.
fn cut(matrix: &Matrix, block: &Block, limits: &Limits) -> Vec<Rectangle> {
    let mut assets: Vec<u32> = block.rows.iter().flat_map(|row| matrix.rows[row].iter().copied()).collect();
    assets.sort_unstable();
    let gather = |of: fn(&super::matrix::Column) -> &Vec<u32>| -> Vec<u32> {
        let mut holders: Vec<u32> =
            block.columns.iter().flat_map(|column| of(&matrix.columns[*column])).copied().collect();
        holders.sort_unstable();
        holders
    };
    let devices = gather(|column| &column.devices);
    let users = gather(|column| &column.users);
    let mut devices = devices.chunks(limits.max_devices.max(1));
    let mut users = users.chunks(limits.max_user_holders.max(1));
    let mut rectangles = Vec::new();
    loop {
        let (some_devices, some_users) = (devices.next(), users.next());
        if some_devices.is_none() && some_users.is_none() {
            return rectangles;
        }
        for some_assets in assets.chunks(limits.max_assets.max(1)) {
            rectangles.push(Rectangle {
                assets: some_assets.to_vec(),
                devices: some_devices.unwrap_or_default().to_vec(),
                users: some_users.unwrap_or_default().to_vec(),
            });
        }
    }
}
