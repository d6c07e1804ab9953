//! A run that was saved, to go on.

use std::path::Path;

use serde_json::Value;

use super::super::books::Books;
use super::super::first_layer::FirstLayer;
use super::super::place::Place;
use super::super::window::{Order, Window};
use super::super::{History, TrainPlan};
use super::facts::{DatasetFacts, Facts, options_of};
use super::{VERSION, tensor};
use crate::container::{Access, Container, Element, Kind};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::nn::{Architecture, Head};
use crate::optimizer::Idle;

const REMEDY: &str = "the file is damaged: start the run anew";

/// A run that was saved by a [`Snapshot`](super::Snapshot). Its file is sound by itself: whether it fits a plan,
/// [`resume`](super::super::resume) checks.
#[derive(Debug)]
pub struct Checkpoint {
    container: Container,
    architecture: Architecture,
    facts: Facts,
    notes: Value,
}

impl Checkpoint {
    /// Reads a checkpoint and compares its checksums, the header's among them.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::WrongKind`] for another kind of file; [`Error::Malformed`] where it is damaged.
    pub fn load(path: &Path) -> Result<Checkpoint> {
        let container = Container::open_as(path, Access::Read, Kind::Checkpoint, VERSION)?;
        container.verify()?;
        let text = |key: &str| container.metadata(key).unwrap_or("null");
        let malformed = |key: &str, problem: String| {
            container.malformed(format!("metadata `{key}`"), problem, REMEDY)
        };
        let architecture = Architecture::from_json(text("architecture"))
            .map_err(|problem| malformed("architecture", problem))?;
        let facts: Facts = serde_json::from_str(text("run"))
            .map_err(|error| malformed("run", error.to_string()))?;
        let notes = serde_json::from_str(text("notes"))
            .map_err(|error| malformed("notes", error.to_string()))?;
        Ok(Checkpoint { architecture, facts, notes, container })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.container.path()
    }

    /// What network it trains.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// How many epochs are done, with their validation.
    pub fn epoch(&self) -> usize {
        self.facts.epoch
    }

    /// How many batches of the next epoch are done; all of them where only its validation is missing.
    pub fn batch(&self) -> usize {
        self.facts.batch
    }

    /// How many epochs the run was to have.
    pub fn epochs(&self) -> usize {
        self.facts.epochs
    }

    /// How many batches an epoch has.
    pub fn batches(&self) -> usize {
        self.facts.batches
    }

    /// The dataset as messages showed it.
    pub fn dataset(&self) -> &str {
        &self.facts.dataset.path
    }

    /// The kernels that it was trained with. With others a run goes on as well, but not to the same bits.
    pub fn kernels(&self) -> &str {
        &self.facts.kernels
    }

    /// What the caller of [`Snapshot::save`](super::Snapshot::save) noted.
    pub fn notes(&self) -> &Value {
        &self.notes
    }

    /// The model as it stood, without a vocabulary.
    ///
    /// # Errors
    /// [`Error::Malformed`] where a tensor does not fit the architecture or a weight is not finite.
    pub fn model(&self) -> Result<Model> {
        Model::of_container(&self.container, self.architecture.clone())
    }

    /// What is wrong with a file that lacks the input's scale.
    pub(in super::super) fn without_scale(&self) -> Error {
        self.container.malformed("header", "the scale of the input is missing".to_owned(), REMEDY)
    }

    /// Where in the run it stands.
    pub(in super::super) fn place(&self) -> Place {
        Place { epoch: self.facts.epoch, batch: self.facts.batch }
    }

    /// Refuses a plan or a network with which the run cannot go on, as [`resume`](crate::train::resume) does.
    ///
    /// # Errors
    /// [`Error::Unfit`] where plan, dataset or network are not those of the run, or where its epochs are all done;
    /// [`Error::Malformed`] where the place that it has come to is none of such a run.
    pub fn expect(&self, plan: &TrainPlan<'_>, architecture: &Architecture) -> Result<()> {
        let path = self.path().display();
        if self.architecture != *architecture {
            return Err(Error::Unfit {
                option: "the model",
                value: architecture.to_json().to_string(),
                reason: format!("{path} is of a run with {}", self.architecture.to_json()),
                remedy: "a run goes on with the network that it began with".to_owned(),
            });
        }
        let DatasetFacts { path: dataset, fingerprint } = DatasetFacts::of(plan);
        if fingerprint != self.facts.dataset.fingerprint {
            return Err(Error::Unfit {
                option: "the dataset",
                value: dataset,
                reason: format!(
                    "{path} is of a run on {}, which had other contents (fingerprint {}, here {fingerprint})",
                    self.facts.dataset.path, self.facts.dataset.fingerprint
                ),
                remedy: "name the dataset that the run began with".to_owned(),
            });
        }
        for (name, value) in options_of(plan) {
            let before = self.facts.options.iter().find(|(other, _)| other == name);
            let before = before.map_or("nothing", |(_, value)| value);
            if value != before {
                return Err(Error::Unfit {
                    option: name,
                    value,
                    reason: format!("{path} is of a run with {before}"),
                    remedy: "a run goes on with the options that it began with".to_owned(),
                });
            }
        }
        self.expect_place(plan)
    }

    fn expect_place(&self, plan: &TrainPlan<'_>) -> Result<()> {
        let Facts { epoch, batch, batches, .. } = self.facts;
        // Those of the batches that are done; there are no sums before the first.
        let reviews = self.facts.score.as_ref().map(|score| score.reviews);
        let done = batch.saturating_mul(plan.options.batch_size).min(plan.train_rows.len());
        let expected = (batch > 0).then_some(done);
        if batches != plan.batches() || batch > batches || reviews != expected {
            let problem = format!(
                "batch {batch} of {batches} with sums of {} reviews, and the plan has {} batches of {}",
                reviews.unwrap_or(0),
                plan.batches(),
                plan.options.batch_size
            );
            return Err(self.container.malformed("metadata `run`", problem, REMEDY));
        }
        if epoch >= plan.options.epochs {
            return Err(Error::Unfit {
                option: "--epochs",
                value: plan.options.epochs.to_string(),
                reason: format!("{} is of a run with {epoch} epochs done", self.path().display()),
                remedy: "ask for more".to_owned(),
            });
        }
        Ok(())
    }

    /// Gives the shards their state back; their weights are those of [`Checkpoint::model`].
    pub(in super::super) fn restore_shards(
        &self,
        plan: &TrainPlan<'_>,
        first_layer: &mut FirstLayer<'_>,
        has_best: bool,
    ) -> Result<()> {
        let optimizer = &plan.options.optimizer;
        let (features, width) = (self.architecture.inputs(), self.architecture.width());
        let arrays = optimizer.state().len();
        let state = match arrays {
            0 => &[],
            _ => self.values(tensor::FIRST_KERNEL_STATE, &[features, arrays, width])?,
        };
        let updated = match plan.idle() {
            Idle::Moves => &[],
            _ => self.values(tensor::UPDATED, &[features])?,
        };
        let best = match has_best {
            true => Some(self.values(tensor::BEST_FIRST_KERNEL, &[features, width])?),
            false => None,
        };
        // A plan has no more steps than 31 bits count.
        let steps = self.place().steps(plan.batches()) as u32;
        let ahead = |tensor: &str| {
            let problem = format!("a row has seen more than the {steps} steps that are done");
            Err(self.container.malformed(format!("tensor `{tensor}`"), problem, REMEDY))
        };
        if !first_layer.shards_mut().all(|shard| shard.take_up(steps, state, updated, best)) {
            return ahead(tensor::UPDATED);
        }
        if plan.options.average_weights.is_some() {
            let values = self.values(tensor::AVERAGED_FIRST_KERNEL, &[features, width])?;
            let seen = self.values(tensor::AVERAGED_STEPS, &[features])?;
            let mut shards = first_layer.shards_mut();
            if !shards.all(|shard| shard.take_up_averages(steps, values, seen)) {
                return ahead(tensor::AVERAGED_STEPS);
            }
        }
        Ok(())
    }

    /// Opens the books where they stood.
    pub(in super::super) fn restore_books(
        &self,
        plan: &TrainPlan<'_>,
        books: &mut Books<'_>,
        head: &Head,
    ) -> Result<()> {
        let history = self.history(&books.quantities())?;
        for (name, (arrays, state)) in tensor::HEAD_STATES.into_iter().zip(books.head.states_mut())
        {
            if !state.is_empty() {
                state.copy_from_slice(self.values(name, &[arrays, state.len() / arrays])?);
            }
        }
        if plan.options.average_weights.is_some() {
            let values = self.values(tensor::AVERAGED_HEAD, &[head.values.len()])?;
            let steps = self.place().steps(plan.batches()) as u32;
            books.head.take_up_averages(steps, values);
        }
        let best = match books.expects_best(&history) {
            true => {
                let mut best = head.clone();
                let values = self.values(tensor::BEST_HEAD, &[head.values.len()])?;
                best.values.copy_from_slice(values);
                Some(best)
            }
            false => None,
        };
        if books.take_up(history, self.facts.score.as_ref(), best) {
            return Ok(());
        }
        let problem = "the history or the sums of the epoch are not those of such a run";
        Err(self.container.malformed("metadata `run`", problem, REMEDY))
    }

    fn history(&self, quantities: &[String]) -> Result<History> {
        if self.facts.epoch == 0 {
            return Ok(History::default());
        }
        let epochs = self.facts.epoch;
        let values: &[f64] = self.values(tensor::HISTORY, &[quantities.len(), epochs])?;
        if self.facts.quantities != quantities {
            let problem = format!("the history is of {:?}", self.facts.quantities);
            return Err(self.container.malformed("metadata `run`", problem, REMEDY));
        }
        let mut history = History::default();
        for epoch in 0..epochs {
            let values = values.iter().skip(epoch).step_by(epochs).copied();
            history.push(&quantities.iter().cloned().zip(values).collect::<Vec<_>>());
        }
        Ok(history)
    }

    /// Puts the reviews in the order in which they were.
    pub(in super::super) fn restore_order(
        &self,
        labels: &[u8],
        order: &mut Order,
        window: &mut Window,
    ) -> Result<()> {
        let permutation = match self.container.shape(tensor::PERMUTATION) {
            Some(_) => self.container.get(&self.container.list(tensor::PERMUTATION)?),
            None => &[],
        };
        let rows = self.container.get(&self.container.list(tensor::WINDOW)?);
        let mut generator = [0; 32];
        generator.copy_from_slice(self.values(tensor::GENERATOR, &[32])?);
        let at = (self.facts.window, rows);
        if order.restore((permutation, generator), at, labels, window) {
            return Ok(());
        }
        let problem = "these are not all rows of the window, each once";
        Err(self.container.malformed(format!("tensor `{}`", tensor::WINDOW), problem, REMEDY))
    }

    /// The values of a tensor of this shape.
    fn values<T: Element>(&self, tensor: &str, expected: &[usize]) -> Result<&[T]> {
        let section = self.container.section(tensor)?;
        match self.container.shape(tensor) {
            Some(shape) if shape == expected => Ok(self.container.get(&section)),
            shape => {
                let shape = shape.unwrap_or(&[]);
                let problem = format!("the shape is {shape:?}, expected {expected:?}");
                Err(self.container.malformed(format!("tensor `{tensor}`"), problem, REMEDY))
            }
        }
    }
}
