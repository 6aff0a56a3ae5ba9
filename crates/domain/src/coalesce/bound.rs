//! How few requests could possibly do: a bound that holds for every cover, found or not.

use super::matrix::Matrix;
use crate::limits::Limits;

/// Cells looked at for the fooling set; it is quadratic in them.
const CELLS_MAX: usize = 3000;

/// Rows and columns up to which the rank is computed; elimination is cubic in them.
const RANK_MAX: usize = 300;

/// The largest of three bounds: counting, a fooling set, and the matrix's rank.
pub(super) fn lower(matrix: &Matrix, limits: &Limits) -> usize {
    counting(matrix, limits).max(fooling(matrix, limits)).max(rank(matrix))
}

/// A partition into rectangles writes the matrix as a sum of that many matrices of rank one, so that it needs at least
/// as many as the matrix's rank (Graham and Pollak). The rank is taken modulo a prime, where it can only be smaller.
fn rank(matrix: &Matrix) -> usize {
    const PRIME: u64 = 2_147_483_647;
    let (height, width) = (matrix.columns.len(), matrix.rows.len());
    if height > RANK_MAX || width > RANK_MAX {
        return 0;
    }
    let mut rows: Vec<Vec<u64>> = matrix
        .columns
        .iter()
        .map(|column| (0..width).map(|row| u64::from(column.rows.has(row))).collect())
        .collect();
    let mut rank = 0;
    for at in 0..width {
        let Some(pivot) = (rank..height).find(|row| rows[*row][at] != 0) else { continue };
        rows.swap(rank, pivot);
        let inverse = power(rows[rank][at], PRIME - 2, PRIME);
        let (above, below) = rows.split_at_mut(rank + 1);
        let pivot = &above[rank];
        for row in below.iter_mut().filter(|row| row[at] != 0) {
            let factor = row[at] * inverse % PRIME;
            for (value, subtract) in row.iter_mut().zip(pivot).skip(at) {
                *value = (*value + PRIME - factor * subtract % PRIME) % PRIME;
            }
        }
        rank += 1;
    }
    rank
}

fn power(mut base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % modulus;
        }
        base = base * base % modulus;
        exponent >>= 1;
    }
    result
}

/// A request holds only so many pairs, so many assets of one holder, so many holders of one asset.
fn counting(matrix: &Matrix, limits: &Limits) -> usize {
    let (mut device_pairs, mut user_pairs, mut widest) = (0, 0, 0);
    let mut holders_of_row = vec![(0, 0); matrix.rows.len()];
    for column in &matrix.columns {
        let assets = matrix.assets_in(&column.rows);
        device_pairs += assets * column.devices.len();
        user_pairs += assets * column.users.len();
        widest = widest.max(assets);
        for row in column.rows.iter() {
            holders_of_row[row].0 += column.devices.len();
            holders_of_row[row].1 += column.users.len();
        }
    }
    let (max_devices, max_users) = (limits.max_devices.max(1), limits.max_user_holders.max(1));
    let max_assets = limits.max_assets.max(1);
    let tallest = holders_of_row
        .into_iter()
        .map(|(devices, users): (usize, usize)| devices.div_ceil(max_devices).max(users.div_ceil(max_users)))
        .max()
        .unwrap_or(0);
    let by_area =
        device_pairs.div_ceil(max_assets * max_devices).max(user_pairs.div_ceil(max_assets * max_users));
    by_area.max(widest.div_ceil(max_assets)).max(tallest)
}

/// One cell of the matrix: all pairs of one row and one column.
struct Cell {
    row: usize,
    column: usize,
    /// What this cell takes by itself.
    requests: usize,
    /// How many cells it could share a rectangle with: those with few go first.
    friends: usize,
}

/// Cells of which no two fit one rectangle, because a corner between them is unwanted: each needs requests of its own.
fn fooling(matrix: &Matrix, limits: &Limits) -> usize {
    let mut chosen: Vec<&Cell> = Vec::new();
    let cells = cells(matrix, limits);
    for cell in &cells {
        if chosen.iter().all(|other| !may_share(matrix, cell, other)) {
            chosen.push(cell);
        }
    }
    chosen.iter().map(|cell| cell.requests).sum()
}

fn may_share(matrix: &Matrix, a: &Cell, b: &Cell) -> bool {
    matrix.columns[a.column].rows.has(b.row) && matrix.columns[b.column].rows.has(a.row)
}

fn cells(matrix: &Matrix, limits: &Limits) -> Vec<Cell> {
    let mut wanting = vec![0_usize; matrix.rows.len()];
    for column in &matrix.columns {
        column.rows.iter().for_each(|row| wanting[row] += 1);
    }
    let mut cells = Vec::new();
    for (column, of) in matrix.columns.iter().enumerate() {
        let degree = of.rows.iter().count();
        for row in of.rows.iter() {
            let requests = alone(matrix.rows[row].len(), of.devices.len(), of.users.len(), limits);
            cells.push(Cell { row, column, requests, friends: degree * wanting[row] });
            if cells.len() >= CELLS_MAX {
                return sorted(cells);
            }
        }
    }
    sorted(cells)
}

fn sorted(mut cells: Vec<Cell>) -> Vec<Cell> {
    cells.sort_by_key(|cell| (std::cmp::Reverse(cell.requests), cell.friends));
    cells
}

/// The counting bound of one full cell.
fn alone(assets: usize, devices: usize, users: usize, limits: &Limits) -> usize {
    let max_assets = limits.max_assets.max(1);
    let side = |holders: usize, max: usize| {
        (assets * holders).div_ceil(max_assets * max.max(1)).max(holders.div_ceil(max.max(1)))
    };
    side(devices, limits.max_devices)
        .max(side(users, limits.max_user_holders))
        .max(assets.div_ceil(max_assets))
}
