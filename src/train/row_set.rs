//! Which rows of a split a run reads: neighbours, or those of a list.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};

/// Rows of a split, ascending. Each has a place, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowSet {
    /// Neighbours.
    Range(Range<usize>),
    /// Any; shared, since a run hands them on.
    List(Arc<[u32]>),
}

impl RowSet {
    /// The rows of a list, which has to ascend strictly and to end below `rows`. `role` is what they are for, such as
    /// "train on".
    pub(super) fn of_list(list: &[u32], rows: usize, role: &'static str) -> Result<RowSet> {
        let unfit = |at: usize, reason: String| Error::Unfit {
            option: "the list of rows",
            value: format!("{} at place {at}", list[at]),
            reason,
            remedy: format!("list the rows to {role} in ascending order, each once"),
        };
        if let Some(before) = list.windows(2).position(|pair| pair[0] >= pair[1]) {
            let at = before + 1;
            return Err(unfit(at, format!("row {} stands before it", list[before])));
        }
        match list.last() {
            Some(&last) if last as usize >= rows => {
                Err(unfit(list.len() - 1, format!("the train split has {rows} reviews")))
            }
            _ => Ok(RowSet::List(list.into())),
        }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        match self {
            RowSet::Range(range) => range.len(),
            RowSet::List(list) => list.len(),
        }
    }

    /// The row at a place.
    pub(super) fn row(&self, place: usize) -> usize {
        match self {
            RowSet::Range(range) => range.start + place,
            RowSet::List(list) => list[place] as usize,
        }
    }

    /// The rows at some places.
    pub(super) fn rows(&self, places: Range<usize>) -> impl Iterator<Item = usize> {
        places.map(|place| self.row(place))
    }

    /// The shortest stretch of the split that has all rows at some places.
    pub(super) fn stretch(&self, places: Range<usize>) -> Range<usize> {
        match places.is_empty() {
            true => 0..0,
            false => self.row(places.start)..self.row(places.end - 1) + 1,
        }
    }

    /// How many words they have, by the row pointers of the split, \[rows + 1\].
    pub(super) fn words(&self, indptr: &[u64]) -> usize {
        match self {
            RowSet::Range(range) => (indptr[range.end] - indptr[range.start]) as usize,
            RowSet::List(list) => {
                let words = |&row: &u32| (indptr[row as usize + 1] - indptr[row as usize]) as usize;
                list.iter().map(words).sum()
            }
        }
    }
}

/// For checkpoints: two sets with the same text are the same, but for one in 2^64 lists.
impl fmt::Display for RowSet {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            RowSet::Range(range) => write!(f, "{range:?}"),
            RowSet::List(list) => {
                // FNV-1a over the rows; http://www.isthe.com/chongo/tech/comp/fnv/.
                let digest = list.iter().fold(0xcbf2_9ce4_8422_2325_u64, |digest, &row| {
                    (digest ^ u64::from(row)).wrapping_mul(0x0100_0000_01b3)
                });
                write!(f, "{} rows of list {digest:016x}", list.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ascends_within_the_split() {
        let set = RowSet::of_list(&[1, 4, 9], 10, "train on").unwrap();
        assert_eq!(
            (set.len(), set.row(1), set.stretch(1..3), set.stretch(0..0)),
            (3, 4, 4..10, 0..0)
        );
        assert!(set.rows(0..2).eq([1, 4]));
        let indptr: Vec<u64> = (0..=10).map(|row| row * row).collect();
        assert_eq!(set.words(&indptr), 3 + 9 + 19);
        assert_eq!(RowSet::Range(4..6).words(&indptr), 9 + 11);
        for (list, part) in
            [(&[1, 1][..], "row 1 stands before"), (&[2, 1], "row 2"), (&[3, 10], "10 reviews")]
        {
            let error = RowSet::of_list(list, 10, "train on").unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("train on"), "{error}");
        }
    }

    #[test]
    fn other_lists_have_other_texts() {
        let text = |list: &[u32]| RowSet::of_list(list, 10, "train on").unwrap().to_string();
        assert!(text(&[1, 2]).starts_with("2 rows of list "));
        assert_ne!(text(&[1, 2]), text(&[1, 3]));
        assert_eq!(RowSet::Range(3..7).to_string(), "3..7");
    }
}
