//! The wanted pairs as a small matrix: holders with equal wishes are one column, assets wanted by the same holders one row.

use std::collections::{BTreeMap, HashMap};

use super::Pair;
use crate::limits::Limits;

/// Which rows a column wants, one bit a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn none(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    pub(super) fn set(&mut self, bit: usize) {
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    pub(super) fn has(&self, bit: usize) -> bool {
        self.0[bit / 64] & (1 << (bit % 64)) != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a | b).collect())
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }

    pub(super) fn contains(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| b & !a == 0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                (word != 0).then(|| {
                    word &= word - 1;
                    index * 64 + bit
                })
            })
        })
    }
}

/// Holders that want exactly the same.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) devices: Vec<u32>,
    pub(super) users: Vec<u32>,
    /// Rows that they want.
    pub(super) rows: Bits,
}

/// Wanted pairs, folded.
#[derive(Debug)]
pub(super) struct Matrix {
    /// Assets wanted by exactly the same holders, ascending.
    pub(super) rows: Vec<Vec<u32>>,
    pub(super) columns: Vec<Column>,
}

impl Matrix {
    pub(super) fn new(pairs: &[Pair], is_device: impl Fn(u32) -> bool) -> Self {
        let groups = holders_by_wishes(pairs);
        let columns_of_asset = columns_by_asset(&groups);
        let mut rows: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
        for (asset, columns) in columns_of_asset {
            rows.entry(columns).or_default().push(asset);
        }
        let count = rows.len();
        let mut columns: Vec<Column> = groups
            .into_iter()
            .map(|(_, holders)| {
                let (devices, users) = holders.into_iter().partition(|holder| is_device(*holder));
                Column { devices, users, rows: Bits::none(count) }
            })
            .collect();
        for (row, wanted_by) in rows.keys().enumerate() {
            for column in wanted_by {
                columns[*column as usize].rows.set(row);
            }
        }
        Self { rows: rows.into_values().collect(), columns }
    }

    /// How many assets stand behind a set of rows.
    pub(super) fn assets_in(&self, rows: &Bits) -> usize {
        rows.iter().map(|row| self.rows[row].len()).sum()
    }

    /// How many requests a rectangle of rows and columns takes within the limits.
    pub(super) fn requests(&self, rows: &Bits, columns: &[usize], limits: &Limits) -> usize {
        let (devices, users) = self.holders_in(columns);
        let across =
            devices.div_ceil(limits.max_devices.max(1)).max(users.div_ceil(limits.max_user_holders.max(1)));
        self.assets_in(rows).div_ceil(limits.max_assets.max(1)) * across
    }

    /// How many devices and users stand behind a set of columns.
    pub(super) fn holders_in(&self, columns: &[usize]) -> (usize, usize) {
        columns.iter().fold((0, 0), |(devices, users), column| {
            let column = &self.columns[*column];
            (devices + column.devices.len(), users + column.users.len())
        })
    }
}

/// Groups holders by their sorted, folded list of assets; the order depends on the pairs alone.
fn holders_by_wishes(pairs: &[Pair]) -> Vec<(Vec<u32>, Vec<u32>)> {
    let mut wishes: HashMap<u32, Vec<u32>> = HashMap::new();
    for pair in pairs {
        wishes.entry(pair.holder).or_default().push(pair.asset);
    }
    let mut groups: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
    for (holder, mut assets) in wishes {
        assets.sort_unstable();
        assets.dedup();
        groups.entry(assets).or_default().push(holder);
    }
    for holders in groups.values_mut() {
        holders.sort_unstable();
    }
    groups.into_iter().collect()
}

fn columns_by_asset(groups: &[(Vec<u32>, Vec<u32>)]) -> BTreeMap<u32, Vec<u32>> {
    let mut columns: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (column, (assets, _)) in (0_u32..).zip(groups) {
        for asset in assets {
            columns.entry(*asset).or_default().push(column);
        }
    }
    columns
}
