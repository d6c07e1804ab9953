//! A run that stands still, to be saved.

use std::path::Path;

use serde_json::Value;

use super::super::average::Averages;
use super::super::books::{Books, ScoreFacts};
use super::super::head::HeadTrainer;
use super::super::place::Place;
use super::super::shard::Standing;
use super::super::window::{Order, Window};
use super::super::{History, TrainPlan};
use super::facts::{DatasetFacts, Facts, options_of};
use super::{VERSION, tensor};
use crate::container::{Kind, Source, TensorBytes, json_text, write_tensors};
use crate::error::{Error, Result};
use crate::kernel::Level;
use crate::model::{self, Model};
use crate::nn::{Architecture, Head, InputScale, Parameters};
use crate::optimizer::Idle;

/// A run that stands still between two steps. See [`Observer::paused`](super::super::Observer::paused).
#[derive(Debug)]
pub struct Snapshot<'r> {
    pub(in super::super) plan: &'r TrainPlan<'r>,
    pub(in super::super) architecture: &'r Architecture,
    pub(in super::super) level: Level,
    pub(in super::super) place: Place,
    /// In the order of their features.
    pub(in super::super) shards: Vec<Standing<'r>>,
    pub(in super::super) head: &'r Head,
    pub(in super::super) scale: Option<&'r InputScale>,
    pub(in super::super) order: &'r Order,
    pub(in super::super) window: &'r Window,
    pub(in super::super) kept: Kept<'r>,
}

/// The part of a snapshot that stands in the books.
#[derive(Debug)]
pub(in super::super) struct Kept<'r> {
    pub(in super::super) history: &'r History,
    pub(in super::super) score: Option<Result<ScoreFacts, String>>,
    pub(in super::super) head: &'r HeadTrainer<'r>,
    pub(in super::super) best_head: Option<&'r Head>,
}

impl<'r> Kept<'r> {
    /// All but the observer, who is to see it.
    pub(in super::super) fn of<'b>(
        books: &'r mut Books<'b>,
        place: Place,
    ) -> (Kept<'r>, &'r mut (dyn super::super::Observer + 'b)) {
        let kept = Kept {
            history: &books.history,
            // Before the first batch the sums are still those of the epoch before.
            score: (place.batch > 0).then(|| books.train.facts()),
            head: &books.head,
            best_head: books.best.as_ref().map(|(_, head)| head),
        };
        (kept, &mut *books.observer)
    }
}

impl Snapshot<'_> {
    /// How many epochs are done, with their validation.
    pub fn epoch(&self) -> usize {
        self.place.epoch
    }

    /// How many batches of the next epoch are done; all of them where only its validation is missing.
    pub fn batch(&self) -> usize {
        self.place.batch
    }

    /// One value a quantity and epoch that is done.
    pub fn history(&self) -> &History {
        self.kept.history
    }

    /// A copy of the model as it stands, without a vocabulary: what [`Checkpoint::model`](super::Checkpoint::model) gives of a file.
    /// Its weights are those of the last step, also where the run is to end with others: with those of the best epoch, or with
    /// averages.
    ///
    /// ```
    /// # use imdb_fast::container::Access;
    /// # use imdb_fast::dataset::{self, Holdout, Synthetic, SyntheticOptions};
    /// # use imdb_fast::model::Model;
    /// # use imdb_fast::nn::Architecture;
    /// # use imdb_fast::train::{FitOptions, TrainPlan, fit};
    /// use std::ops::ControlFlow;
    ///
    /// use imdb_fast::dataset::{Dataset, Split};
    /// use imdb_fast::nn::BinaryCrossentropy;
    /// use imdb_fast::train::{Observer, Snapshot, Team, evaluate};
    ///
    /// /// Judges the network by the test split after each epoch but the last, behind which it is the caller's own.
    /// struct Scores<'a> {
    ///     dataset: &'a Dataset,
    ///     team: &'a Team,
    ///     accuracies: Vec<f64>,
    /// }
    ///
    /// impl Observer for Scores<'_> {
    ///     fn pauses(&mut self, _epoch: usize, batch: usize) -> bool {
    ///         batch == 0
    ///     }
    ///     fn paused(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
    ///         let (model, loss) = (snapshot.model(), &BinaryCrossentropy);
    ///         let reached = evaluate(&model, self.dataset, Split::Test, loss, self.team);
    ///         self.accuracies.push(reached.expect("the test split has labels").accuracy);
    ///         ControlFlow::Continue(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("reviews.safetensors");
    /// # let options = SyntheticOptions { reviews: 2_000, words: 1_000, ..Default::default() };
    /// # dataset::write(&mut Synthetic::new(options)?, &path)?;
    /// # let dataset = Dataset::open(&path, Access::Map)?;
    /// # let mut model = Model::new(Architecture::new(dataset.features(), &[])?, 1);
    /// # let validation = Holdout::None;
    /// # let options = FitOptions { epochs: 3, validation, ..FitOptions::default() };
    /// # let plan = TrainPlan::new(&dataset, &model, options)?;
    /// let team = Team::new(2)?;
    /// let mut scores = Scores { dataset: &dataset, team: &team, accuracies: Vec::new() };
    /// fit(&plan, &mut model, &team, &mut scores)?;
    /// assert_eq!(scores.accuracies.len(), plan.options().epochs - 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn model(&self) -> Model {
        let mut parameters = Parameters::zeros(self.architecture);
        let mut rest = &mut parameters.first_kernel[..];
        for shard in &self.shards {
            let (rows, others) = rest.split_at_mut(shard.kernel.len());
            rows.copy_from_slice(shard.kernel);
            rest = others;
        }
        parameters.head.clone_from(self.head);
        Model::of_parts(self.architecture.clone(), parameters, self.scale.cloned())
    }

    /// Writes the run to a file, whole or not at all. `notes` are the caller's own: [`Checkpoint::notes`](super::Checkpoint::notes)
    /// gives them back.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Unfit`] where the notes are nested so deep that [`Checkpoint::load`](super::Checkpoint::load) would
    /// refuse the file, and within an epoch where a [`Metric`](super::super::Metric) of the caller has no state.
    pub fn save(&self, path: &Path, notes: &Value) -> Result<()> {
        let facts = serde_json::to_string(&self.facts()?).expect("facts are plain values");
        let architecture = self.architecture.to_json().to_string();
        let notes = json_text("what the run notes", notes)?;
        let mut strings = vec![("architecture", architecture), ("run", facts), ("notes", notes)];
        strings.extend(model::row_norm(self.scale));
        let made = Made::of(self);
        let kernel = self.shards.iter().map(|shard| shard.kernel).collect();
        let mut tensors = model::tensors(self.architecture, kernel, self.head, self.scale);
        self.add_optimizer(&made, &mut tensors);
        self.add_best(&mut tensors);
        self.add_averages(&mut tensors);
        self.add_order_and_history(&made, &mut tensors);
        write_tensors(path, Kind::Checkpoint, VERSION, strings, tensors)
    }

    fn add_optimizer<'s>(&'s self, made: &'s Made, tensors: &mut Vec<TensorBytes<'s>>) {
        let (features, width) = (self.architecture.inputs(), self.architecture.width());
        let optimizer = &self.plan.options.optimizer;
        let arrays = optimizer.state().len();
        if arrays > 0 {
            let state = self.shards.iter().map(|shard| &shard.state as &dyn Source);
            let shape = [features, arrays, width];
            tensors.push(TensorBytes::of_sources::<f32>(tensor::FIRST_KERNEL_STATE, &shape, state));
        }
        for (name, (arrays, state)) in tensor::HEAD_STATES.into_iter().zip(self.kept.head.states())
        {
            if !state.is_empty() {
                tensors.push(TensorBytes::new(name, &[arrays, state.len() / arrays], state));
            }
        }
        if self.plan.idle() != Idle::Moves {
            let updated = self.shards.iter().map(|shard| match shard.updated {
                [] => &made.no_steps[..shard.features.len()],
                updated => updated,
            });
            tensors.push(TensorBytes::of_pieces(tensor::UPDATED, &[features], updated));
        }
    }

    fn add_best<'s>(&'s self, tensors: &mut Vec<TensorBytes<'s>>) {
        let Some(head) = self.kept.best_head else { return };
        let shape = [self.architecture.inputs(), self.architecture.width()];
        let kernel = self.shards.iter().filter_map(|shard| shard.best);
        tensors.push(TensorBytes::of_pieces(tensor::BEST_FIRST_KERNEL, &shape, kernel));
        tensors.push(TensorBytes::new(tensor::BEST_HEAD, &[head.values.len()], &head.values));
    }

    fn add_averages<'s>(&'s self, tensors: &mut Vec<TensorBytes<'s>>) {
        let Some(head) = self.kept.head.averages() else { return };
        let shape = [self.architecture.inputs(), self.architecture.width()];
        let averages = || self.shards.iter().filter_map(|shard| shard.averages);
        let kernel = averages().map(Averages::values);
        tensors.push(TensorBytes::of_pieces(tensor::AVERAGED_FIRST_KERNEL, &shape, kernel));
        let seen = averages().map(Averages::seen);
        tensors.push(TensorBytes::of_pieces(tensor::AVERAGED_STEPS, &shape[..1], seen));
        tensors.push(TensorBytes::new(tensor::AVERAGED_HEAD, &[head.len()], head));
    }

    fn add_order_and_history<'s>(&'s self, made: &'s Made, tensors: &mut Vec<TensorBytes<'s>>) {
        let permutation = self.order.permutation();
        if !permutation.is_empty() {
            let shape = [permutation.len()];
            tensors.push(TensorBytes::new(tensor::PERMUTATION, &shape, permutation));
        }
        let window = &self.window.order;
        tensors.push(TensorBytes::new(tensor::WINDOW, &[window.len()], window));
        let generator = &made.generator;
        tensors.push(TensorBytes::new(tensor::GENERATOR, &[generator.len()], generator));
        if !made.history.is_empty() {
            let epochs = self.kept.history.epochs();
            let shape = [made.history.len() / epochs, epochs];
            tensors.push(TensorBytes::new(tensor::HISTORY, &shape, &made.history));
        }
    }

    fn facts(&self) -> Result<Facts> {
        let score = match &self.kept.score {
            Some(Err(metric)) => {
                return Err(Error::Unfit {
                    option: "--metrics",
                    value: metric.clone(),
                    reason: "its state within an epoch is not known".to_owned(),
                    remedy: "save the run between epochs only, or implement `Metric::state`"
                        .to_owned(),
                });
            }
            Some(Ok(score)) => Some(score.clone()),
            None => None,
        };
        let quantities = self.kept.history.series().map(|(name, _)| name.to_owned());
        Ok(Facts {
            epoch: self.place.epoch,
            batch: self.place.batch,
            epochs: self.plan.options.epochs,
            batches: self.plan.batches(),
            window: self.window.index,
            score,
            quantities: quantities.collect(),
            kernels: self.level.name().to_owned(),
            dataset: DatasetFacts::of(self.plan),
            options: options_of(self.plan)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        })
    }
}

/// What a run has not got in the form in which it is written.
struct Made {
    history: Vec<f64>,
    generator: [u8; 32],
    /// As long as the longest shard, for those that count no steps.
    no_steps: Vec<u32>,
}

impl Made {
    fn of(snapshot: &Snapshot<'_>) -> Made {
        let history = snapshot.kept.history.series();
        let longest = snapshot.shards.iter().map(|shard| shard.features.len()).max();
        Made {
            history: history.flat_map(|(_, values)| values.iter().copied()).collect(),
            generator: snapshot.order.generator(),
            no_steps: vec![0; longest.unwrap_or(0)],
        }
    }
}
