//! The labelled reviews and those whose label a teacher has guessed, as one dataset.

use std::ops::Range;
use std::path::Path;

use crate::container::Access;
use crate::dataset::{self, Contents, Dataset, Review, ReviewSource, Split};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::output::TemporaryFolder;
use crate::train::{Team, predict};

const PREFIX: &str = ".pseudo-labels-";

/// Removes what a program that was killed has left in the folder of an [`Ensemble`](super::Ensemble). For callers who know that
/// nobody is writing there; what cannot be removed stays.
pub fn remove_leftovers(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A dataset that lasts as long as this does.
pub(super) struct Labelled {
    pub(super) dataset: Dataset,
    _folder: TemporaryFolder,
}

/// Checks that there is something to guess.
pub(super) fn check(dataset: &Dataset, model: &Model) -> Result<()> {
    let unfit = |value: String, reason: &str, remedy: &str| {
        let (reason, remedy) = (reason.to_owned(), remedy.to_owned());
        Err(Error::Unfit { option: "--self-training", value, reason, remedy })
    };
    if model.architecture().embedding().is_some() {
        let reason = "the student learns of sets of words, not of sequences";
        return unfit("given".to_owned(), reason, "use --encoding multi-hot");
    }
    if dataset.splits().all(|split| split != Split::Unlabelled) {
        let reason = "its dataset has no reviews without a label";
        let remedy = "import some: without --no-unlabelled, or by --unlabelled FILE";
        return unfit("given".to_owned(), reason, remedy);
    }
    Ok(())
}

/// The given training reviews of a dataset, then all of those without a label, each with the label that the teacher finds more
/// probable. It is written to a file in `folder`, so that memory need not hold it.
pub(super) fn labelled(
    team: &Team,
    teacher: &Model,
    dataset: &Dataset,
    train: Range<usize>,
    folder: &Path,
) -> Result<Labelled> {
    let rows = dataset.csr(Split::Unlabelled)?.rows();
    let mut labels = Vec::with_capacity(rows);
    predict(teacher, dataset, Split::Unlabelled, 0..rows, team, |_, logits, _| {
        labels.extend(logits.iter().map(|&logit| u8::from(logit > 0.0)));
        Ok(())
    })?;
    let folder = TemporaryFolder::create(folder, PREFIX)?;
    let path = folder.path().join("reviews.safetensors");
    dataset::write(&mut Guessed { dataset, train, labels }, &path)?;
    let dataset = Dataset::open(&path, Access::Map)?;
    Ok(Labelled { dataset, _folder: folder })
}

struct Guessed<'a> {
    dataset: &'a Dataset,
    train: Range<usize>,
    /// One a review without a label.
    labels: Vec<u8>,
}

impl ReviewSource for Guessed<'_> {
    fn contents(&self) -> Contents {
        Contents {
            features: self.dataset.features(),
            vocabulary: None,
            text: None,
            sequences: false,
            options: serde_json::json!({}),
        }
    }

    fn for_each(&mut self, sink: &mut dyn FnMut(Review<'_>) -> Result<()>) -> Result<()> {
        let labels = self.dataset.labels(Split::Train)?;
        let given = self.train.clone().map(|row| (Split::Train, row, labels[row]));
        let guessed = self.labels.iter().enumerate();
        let guessed = guessed.map(|(row, &label)| (Split::Unlabelled, row, label));
        for (split, row, label) in given.chain(guessed) {
            let words = self.dataset.csr(split)?.row(row);
            sink(Review {
                features: Some(&words),
                ..Review::new(Split::Train, &words, Some(label))
            })?;
        }
        Ok(())
    }
}
