//! The train split cut into folds, for cross-validation.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::format::UNKNOWN_GROUP;
use super::{Dataset, Split};
use crate::error::{Error, Result};
use crate::random::{Random, Stream};

/// The rows of the train split in parts of nearly the same size, by a seed. Reviews of one group (for IMDB, of one film) stay in
/// one fold, where the dataset knows the groups: what a network has learned of a film's name would else count as skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    /// Ascending rows.
    folds: Vec<Vec<u32>>,
    is_grouped: bool,
}

impl Folds {
    /// The fewest folds: one to train on and one to validate on.
    pub const FEWEST: usize = 2;

    /// Cuts the train split into `count` folds.
    ///
    /// The groups are put in a seeded order, then taken from the largest to the smallest (of equally large ones in that order),
    /// each into the fold with the fewest reviews so far. Reviews of no known group are groups of one.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for fewer than [`Folds::FEWEST`]; [`Error::Unfit`] for more than there are groups, and where the
    /// dataset has no train split or more reviews than 32 bits count.
    pub fn new(dataset: &Dataset, count: usize, seed: u64) -> Result<Folds> {
        if count < Folds::FEWEST {
            return Err(Error::invalid("--folds", count, "at least 2"));
        }
        let rows = dataset.csr(Split::Train)?.rows();
        let groups = dataset.groups(Split::Train)?;
        let unfit = |reason: String, remedy: &str| Error::Unfit {
            option: "--folds",
            value: count.to_string(),
            reason,
            remedy: remedy.to_owned(),
        };
        let Ok(rows) = u32::try_from(rows) else {
            let reason = format!("the train split has {rows} reviews");
            return Err(unfit(reason, "cut a dataset of fewer"));
        };
        let groups = in_groups(rows, groups);
        if groups.len() < count {
            let (things, remedy) = match groups.len() {
                1 => ("film or review", "import more: no fold would have others to train on"),
                _ => ("films or reviews", "cut it into fewer folds"),
            };
            let reason = format!("the train split has {} {things} to share out", groups.len());
            return Err(unfit(reason, remedy));
        }
        let is_grouped = groups.len() < rows as usize;
        Ok(Folds { folds: shared_out(groups, count, seed), is_grouped })
    }

    /// How many folds.
    pub fn count(&self) -> usize {
        self.folds.len()
    }

    /// Whether some reviews were kept together.
    pub fn is_grouped(&self) -> bool {
        self.is_grouped
    }

    /// The rows of a fold, ascending: those to validate on.
    ///
    /// # Panics
    /// If there is no such fold.
    pub fn held_out(&self, fold: usize) -> &[u32] {
        &self.folds[fold]
    }

    /// The rows of all other folds, ascending: those to train on.
    ///
    /// # Panics
    /// If there is no such fold.
    pub fn train(&self, fold: usize) -> Vec<u32> {
        assert!(fold < self.count(), "there are {} folds, and no fold {fold}", self.count());
        let others = self.folds.iter().enumerate().filter(|&(other, _)| other != fold);
        let mut rows: Vec<u32> = others.flat_map(|(_, rows)| rows).copied().collect();
        rows.sort_unstable();
        rows
    }
}

/// The rows of each group, in the order of its first row.
fn in_groups(rows: u32, groups: Option<&[u32]>) -> Vec<Vec<u32>> {
    let mut places: BTreeMap<u32, usize> = BTreeMap::new();
    let mut found: Vec<Vec<u32>> = Vec::new();
    for row in 0..rows {
        let group = groups.map_or(UNKNOWN_GROUP, |groups| groups[row as usize]);
        if group == UNKNOWN_GROUP {
            found.push(vec![row]);
            continue;
        }
        let place = *places.entry(group).or_insert(found.len());
        match found.get_mut(place) {
            Some(group) => group.push(row),
            None => found.push(vec![row]),
        }
    }
    found
}

fn shared_out(groups: Vec<Vec<u32>>, count: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut order: Vec<u32> = (0..groups.len() as u32).collect();
    Random::new(seed, Stream::Folds).shuffle(&mut order);
    order.sort_by_key(|&group| Reverse(groups[group as usize].len()));
    let mut folds: Vec<Vec<u32>> = vec![Vec::new(); count];
    for group in order {
        let smallest = folds.iter_mut().min_by_key(|fold| fold.len()).expect("there are folds");
        smallest.extend(&groups[group as usize]);
    }
    folds.iter_mut().for_each(|fold| fold.sort_unstable());
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_stay_together_and_folds_are_even() {
        const NONE: u32 = UNKNOWN_GROUP;
        let groups = [7, NONE, 7, 3, NONE, 3, 3, 9, NONE, 7, 9, 1];
        let found = in_groups(12, Some(&groups));
        let expected: [&[u32]; 7] = [&[0, 2, 9], &[1], &[3, 5, 6], &[4], &[7, 10], &[8], &[11]];
        assert_eq!(found, expected);
        for seed in 0..9 {
            let folds = shared_out(found.clone(), 3, seed);
            assert!(folds.iter().all(|fold| fold.len() == 4 && fold.is_sorted()), "{folds:?}");
            for group in &found {
                assert_eq!(folds.iter().filter(|fold| fold.contains(&group[0])).count(), 1);
                assert!(folds.iter().any(|fold| group.iter().all(|row| fold.contains(row))));
            }
        }
    }

    #[test]
    fn a_seed_decides_the_folds() {
        let groups = in_groups(1_000, None);
        let of = |seed| shared_out(groups.clone(), 4, seed);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        // The mean of a fold's rows is that of all, to five standard deviations (16 each).
        for fold in of(3) {
            let mean = fold.iter().map(|&row| f64::from(row)).sum::<f64>() / fold.len() as f64;
            assert!((mean - 499.5).abs() < 80.0, "{mean}");
        }
    }
}
