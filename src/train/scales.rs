//! The scales of words and reviews, counted on the rows that a run trains on.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::parallel::Team;
use super::row_set::RowSet;
use super::rows::{Rows, Word};
use crate::error::{Error, Result};
use crate::nn::{InputScale, RowNorm};
use crate::settings::{Bound, Settings, expect_numbers};

const OPTION: &str = "--feature-scale";

/// Rows that a thread takes at a time.
const CHUNK_ROWS: usize = 512;

/// By what the words of a review are scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FeatureScale {
    /// The log-count ratio of naive Bayes (Wang and Manning 2012, "Baselines and Bigrams", NBSVM): with `p_j` and `q_j` the
    /// numbers of positive and negative training reviews that hold word `j`,
    /// `r_j = ln((p_j + a) / |p|) - ln((q_j + a) / |q|)`, where `|p|` is the sum of all `p_j + a`, and `a` the smoothing.
    NaiveBayes {
        /// `a`, above 0.
        smoothing: f32,
    },
}

impl FeatureScale {
    /// The names that are read, in the order in which error and help texts list them.
    pub const NAMES: [&str; 1] = [FeatureScale::NAIVE_BAYES];

    const NAIVE_BAYES: &str = "naive-bayes";

    /// Checks the values.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn check(self) -> Result<()> {
        let FeatureScale::NaiveBayes { smoothing } = self;
        expect_numbers(OPTION, &[("smoothing", smoothing, Bound::AboveZero)])
    }
}

impl fmt::Display for FeatureScale {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let FeatureScale::NaiveBayes { smoothing } = self;
        write!(f, "{}:smoothing={smoothing}", FeatureScale::NAIVE_BAYES)
    }
}

impl FromStr for FeatureScale {
    type Err = Error;

    fn from_str(text: &str) -> Result<FeatureScale> {
        let mut settings = Settings::parse(OPTION, text)?;
        if settings.name() != FeatureScale::NAIVE_BAYES {
            return Err(settings.unknown(&FeatureScale::NAMES));
        }
        let mut smoothing = 1.0;
        settings.number("smoothing", Bound::AboveZero, &mut smoothing)?;
        settings.nothing_left("smoothing")?;
        let scale = FeatureScale::NaiveBayes { smoothing };
        scale.check()?;
        Ok(scale)
    }
}

/// The scale that a run's options ask for, by the rows that it trains on; `None` where they ask for none.
pub(super) fn input_scale<I: Word>(
    team: &Team,
    (feature_scale, row_norm): (Option<FeatureScale>, RowNorm),
    features: usize,
    rows: Rows<'_, I>,
    (set, labels): (&RowSet, &[u8]),
) -> Option<InputScale> {
    match (feature_scale, row_norm) {
        (None, RowNorm::None) => None,
        (None, norm) => Some(InputScale::new(Vec::new(), norm)),
        (Some(FeatureScale::NaiveBayes { smoothing }), norm) => {
            let counts = class_counts(team, features, rows, set, labels);
            Some(InputScale::new(log_count_ratios(team, &counts, smoothing), norm))
        }
    }
}

/// In how many reviews of each class every feature is: negative, positive.
fn class_counts<I: Word>(
    team: &Team,
    features: usize,
    rows: Rows<'_, I>,
    set: &RowSet,
    labels: &[u8],
) -> Vec<[u32; 2]> {
    // Each thread counts rows of its own in a table of its own; sums of whole numbers do not depend on who counts what. No more
    // tables than have something to count: they would take more memory, and longer to add, than the words.
    let words = rows.words_of(set);
    let tables = (words / features.max(1)).clamp(1, team.size());
    let part = set.len().div_ceil(tables).max(1);
    let parts = (0..set.len()).step_by(part).map(|start| start..set.len().min(start + part));
    let mut tables: Vec<(Range<usize>, Vec<[u32; 2]>)> = parts.map(|p| (p, Vec::new())).collect();
    team.for_each(&mut tables, |_, (part, table)| {
        table.resize(features, [0; 2]);
        for row in set.rows(part.clone()) {
            let class = usize::from(labels[row] > 0);
            for word in rows.words(row) {
                table[word.place()][class] += 1;
            }
        }
    });
    let mut tables = tables.into_iter().map(|(_, table)| table);
    let mut counts = tables.next().unwrap_or_else(|| vec![[0; 2]; features]);
    for table in tables {
        for (sum, more) in counts.iter_mut().zip(table) {
            *sum = [sum[0] + more[0], sum[1] + more[1]];
        }
    }
    counts
}

/// `r` of naive Bayes, see [`FeatureScale::NaiveBayes`].
fn log_count_ratios(team: &Team, counts: &[[u32; 2]], smoothing: f32) -> Vec<f32> {
    let smoothing = f64::from(smoothing);
    let total =
        |class: usize| counts.iter().map(|count| u64::from(count[class])).sum::<u64>() as f64;
    let norm = [0, 1].map(|class| (total(class) + smoothing * counts.len() as f64).ln());
    // Most features have one of a few counts.
    let most = counts.iter().flatten().copied().max().unwrap_or(0);
    let logarithms: Vec<f64> =
        (0..=most).map(|count| (f64::from(count) + smoothing).ln()).collect();
    let mut ratios = vec![0.0; counts.len()];
    let mut chunks: Vec<(&[[u32; 2]], &mut [f32])> =
        counts.chunks(1 << 14).zip(ratios.chunks_mut(1 << 14)).collect();
    team.for_each(&mut chunks, |_, (counts, ratios)| {
        for (&[q, p], ratio) in counts.iter().zip(&mut **ratios) {
            *ratio =
                ((logarithms[p as usize] - norm[1]) - (logarithms[q as usize] - norm[0])) as f32;
        }
    });
    ratios
}

/// The scale of each row; `None` where rows are not normalised.
pub(super) fn row_scales<I: Word>(
    team: &Team,
    scale: Option<&InputScale>,
    rows: Rows<'_, I>,
) -> Option<Vec<f32>> {
    let scale = scale.filter(|scale| scale.normalises())?;
    let mut scales = vec![0.0; rows.len()];
    let mut chunks: Vec<&mut [f32]> = scales.chunks_mut(CHUNK_ROWS).collect();
    team.for_each(&mut chunks, |chunk, scales| {
        for (row, of_row) in (chunk * CHUNK_ROWS..).zip(&mut **scales) {
            *of_row = scale.row(rows.words(row).iter().map(|word| word.place()));
        }
    });
    Some(scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_naive_bayes() {
        // Reviews {0, 1}, {0}, {1, 2}, {2}; the first two positive.
        let (indptr, indices) = ([0, 2, 3, 5, 6], [0u16, 1, 0, 1, 2, 2]);
        let rows = Rows::from_parts(&indptr, &indices);
        for threads in [1, 3] {
            let team = Team::new(threads).unwrap();
            let asked = (Some(FeatureScale::NaiveBayes { smoothing: 1.0 }), RowNorm::L2);
            let scale =
                input_scale(&team, asked, 4, rows, (&RowSet::Range(0..4), &[1, 1, 0, 0])).unwrap();
            // p + 1 = 3 2 1 1, q + 1 = 1 2 3 1, and both sums are 7.
            let ln3 = 3f32.ln();
            assert_eq!(scale.features().unwrap(), [ln3, 0.0, -ln3, 0.0]);
            let scales = row_scales(&team, Some(&scale), rows).unwrap();
            assert_eq!(scales, [1.0 / ln3; 4]);
        }
    }

    #[test]
    fn its_text_is_read_again() {
        let scale: FeatureScale = "naive-bayes:smoothing=0.5".parse().unwrap();
        assert_eq!(scale.to_string().parse::<FeatureScale>().unwrap(), scale);
        assert_eq!(
            "naive-bayes".parse::<FeatureScale>().unwrap().to_string(),
            "naive-bayes:smoothing=1"
        );
        for wrong in [
            "bayes",
            "naive-bayes:1",
            "naive-bayes:smoothing=0",
            "naive-bayes:smoothing=x",
            "naive-bayes:smoothing=inf",
        ] {
            assert!(wrong.parse::<FeatureScale>().unwrap_err().is_usage(), "{wrong}");
        }
    }
}
