//! Which review belongs to which split, and the order of their rows.

use super::cut::Cut;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::import::TextOptions;
use crate::import::document::{Findings, Header};
use crate::import::keras::order::RandomState;

/// The reviews of each split, by their numbers in the order of the source.
#[derive(Debug, Default)]
pub(super) struct Arrangement {
    /// As the source has them, by id where it has ids: positive reviews first, each class by rising id.
    pub train: Vec<u32>,
    /// The rows of the dataset, for each split.
    pub rows: [Vec<u32>; 3],
    /// For the user to check.
    pub notes: Vec<String>,
}

/// Sorts reviews into their splits and puts them in order. A labelled split whose source has one class after the other
/// is permuted, as Keras permutes: by one `RandomState(seed)`, first train, then test.
///
/// # Errors
/// [`Error::Unfit`] where a fraction is to become the test split and there is one, or it would be empty or all;
/// [`Error::Malformed`] for two reviews of one id.
pub(super) fn arrange(
    cut: &mut Cut,
    findings: &Findings,
    options: &TextOptions,
    seed: u32,
) -> Result<Arrangement> {
    if let Some(fraction) = options.test_fraction {
        take_test(&mut cut.headers, fraction, seed)?;
    }
    let mut arrangement = Arrangement::default();
    for (number, header) in (0..).zip(&cut.headers) {
        arrangement.rows[header.split as usize].push(number);
    }
    let of = |number: u32| &cut.headers[number as usize];
    let is_positive = |number: u32| of(number).class == Some(findings.positive);
    if findings.has_ids {
        for rows in &mut arrangement.rows {
            rows.sort_by_cached_key(|&number| (!is_positive(number), of(number).number));
            let same = |a: u32, b: u32| (of(a).class, of(a).number) == (of(b).class, of(b).number);
            if let Some(pair) = rows.windows(2).find(|pair| same(pair[0], pair[1])) {
                let ((first_path, first), (path, second)) =
                    (cut.place(pair[0]), cut.place(pair[1]));
                // In a folder each review is a file of its own.
                let first =
                    if path == first_path { first } else { first_path.display().to_string() };
                let problem = format!("it has the id of {first}");
                return Err(Error::malformed(&path, second, problem, "leave one of them"));
            }
        }
    }
    arrangement.train.clone_from(&arrangement.rows[Split::Train as usize]);
    let mut random = RandomState::new(seed);
    for split in [Split::Train, Split::Test] {
        let rows = &mut arrangement.rows[split as usize];
        let changes = rows.windows(2).filter(|pair| is_positive(pair[0]) != is_positive(pair[1]));
        let changes = changes.take(2).count();
        if changes == 0 && !rows.is_empty() {
            let class = if is_positive(rows[0]) { "positive" } else { "negative" };
            let name = split.name();
            arrangement.notes.push(format!("the {name} split has one class only: all is {class}"));
        } else if changes == 1 && !options.keep_order {
            let order = random.shuffled(rows.len() as u32);
            *rows = order.into_iter().map(|row| rows[row as usize]).collect();
            arrangement.notes.push(format!(
                "the {} split is sorted by class: its rows are permuted with seed {seed} (--keep-order leaves them)",
                split.name()
            ));
        }
    }
    Ok(arrangement)
}

/// Moves a fraction of the labelled reviews to the test split, each as likely as any other.
fn take_test(headers: &mut [Header], fraction: f64, seed: u32) -> Result<()> {
    let unfit = |reason: String, remedy: &str| Error::Unfit {
        option: "--test-fraction",
        value: fraction.to_string(),
        reason,
        remedy: remedy.into(),
    };
    if headers.iter().any(|header| header.split == Split::Test) {
        let reason = "the source has a test split".to_owned();
        return Err(unfit(reason, "leave it out"));
    }
    let labelled = || (0..headers.len()).filter(|&number| headers[number].split == Split::Train);
    let labelled: Vec<usize> = labelled().collect();
    let count = (labelled.len() as f64 * fraction).round() as usize;
    if count == 0 || count >= labelled.len() {
        let (reviews, remedy) = match labelled.len() {
            1 => ("review", "leave it out, or import more: one review does not make two splits"),
            _ => ("reviews", "name a fraction that leaves some reviews to either split"),
        };
        let reason = format!("of {} labelled {reviews} it takes {count}", labelled.len());
        return Err(unfit(reason, remedy));
    }
    let order = RandomState::new(seed).shuffled(labelled.len() as u32);
    for &row in &order[..count] {
        headers[labelled[row as usize]].split = Split::Test;
    }
    Ok(())
}
