//! What the inputs of a model stand for, against what the ids of a dataset do.

use super::Model;
use crate::dataset::Dataset;
use crate::error::{Error, Result, shortened};
use crate::text::Encoder;

/// What to do where a vocabulary and text rules contradict each other: a model has them of its dataset.
pub(super) const WORDS_REMEDY: &str = "import its dataset again, and train on that";

fn unfit_words(reason: String) -> Error {
    Error::Unfit {
        option: "the model",
        value: "one whose words do not fit its text rules".to_owned(),
        reason,
        remedy: WORDS_REMEDY.to_owned(),
    }
}

impl Model {
    /// Takes over the vocabulary and the text rules of the dataset that it is trained on. With them a
    /// [`Judge`](crate::answer::Judge) can give it text.
    pub fn take_words(&mut self, dataset: &Dataset) {
        self.vocabulary = dataset.vocabulary().cloned();
        self.text = dataset.text_rules().cloned();
    }

    /// What turns text to its inputs; none where its vocabulary or its text rules are not known.
    ///
    /// # Errors
    /// Those of [`Rules::check`](crate::text::Rules::check); [`Error::Unfit`] where vocabulary, rules and network contradict each
    /// other. [`Model::load`] has refused most of these, but has not looked at the vocabulary's n-grams.
    pub fn encoder(&self) -> Result<Option<Encoder>> {
        let (Some(rules), Some(vocabulary)) = (&self.text, &self.vocabulary) else {
            return Ok(None);
        };
        self.check_words()?;
        let encoder = Encoder::new(rules, vocabulary);
        encoder.map(Some).map_err(|error| unfit_words(error.reason()))
    }

    /// Checks what takes no time: that by its rules its vocabulary leads to its inputs.
    ///
    /// # Errors
    /// Those of [`Rules::check`](crate::text::Rules::check); [`Error::Unfit`].
    pub(super) fn check_words(&self) -> Result<()> {
        let Some(rules) = &self.text else { return Ok(()) };
        rules.check()?;
        let Some(vocabulary) = &self.vocabulary else { return Ok(()) };
        let features = rules.checked_features(vocabulary);
        let features = features.map_err(|error| unfit_words(error.reason()))?;
        let inputs = self.architecture.inputs();
        if features != inputs {
            let reason = format!("text leads to {features} features, the network has {inputs}");
            return Err(unfit_words(reason));
        }
        if self.architecture.embedding().is_some() && rules.ngrams > 1 {
            let reason = "n-grams have no place in the sequences that it averages";
            return Err(unfit_words(reason.to_owned()));
        }
        Ok(())
    }

    /// Checks that a dataset is one for this model: that it has as many features as the model inputs and, where both know what
    /// these are, the same words, made from text by the same rules.
    ///
    /// # Errors
    /// [`Error::Unfit`]
    pub fn expect_dataset(&self, dataset: &Dataset) -> Result<()> {
        let (inputs, features) = (self.architecture.inputs(), dataset.features());
        let of_other_words = match (&self.text, &self.vocabulary) {
            (Some(_), Some(_)) => "one that `imdb-fast import --vocabulary MODEL` made",
            _ => "one imported with the same options",
        };
        let remedy = format!("name the one that the model was trained on, or {of_other_words}");
        if inputs != features {
            return Err(Error::Unfit {
                option: "the dataset",
                value: dataset.container().path().display().to_string(),
                reason: format!("it has {features} features, and the model {inputs} inputs"),
                remedy,
            });
        }
        let unfit = |reason: String| Error::Unfit {
            option: "the dataset",
            value: dataset.container().path().display().to_string(),
            reason,
            remedy: remedy.clone(),
        };
        if let (Some(ours), Some(theirs)) = (&self.vocabulary, dataset.vocabulary())
            && ours != theirs
        {
            let ids = 0..ours.len().max(theirs.len()) as u32;
            if let Some(id) = ids.into_iter().find(|&id| ours.word(id) != theirs.word(id)) {
                let name = |word: Option<&str>| match word {
                    Some(word) => format!("{:?}", shortened(word, 60)),
                    None => "no word".to_owned(),
                };
                let (ours, theirs) = (name(ours.word(id)), name(theirs.word(id)));
                return Err(unfit(format!(
                    "it was made with another vocabulary: its id {id} is {theirs}, and {ours} to the model"
                )));
            }
            if ours.cut() != theirs.cut() {
                let reason = "other words were cut from its vocabulary than from the model's";
                return Err(unfit(reason.to_owned()));
            }
        }
        match (&self.text, dataset.text_rules()) {
            (Some(ours), Some(theirs)) if ours != theirs => Err(unfit(
                "its reviews were turned to ids by other rules than the model's (`imdb-fast inspect` \
                 shows both)"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }
}
