//! Networks that are trained alike and answer as one, and networks that learn from reviews without a label.
//!
//! An ensemble is some networks that differ by their seed: by their first weights and by the order of the reviews. Trained, they
//! are [merged](crate::model::Model::merged) into one whose logit is the mean of theirs, each divided by the spread of its own
//! over the training reviews, so that all have the same say, and multiplied by the mean spread, so that the probabilities stay as
//! sure as before.
//!
//! In self-training (Lee 2013, "Pseudo-label") what was trained so is the teacher. It labels the reviews that have no label, a
//! student starts anew on those and the labelled ones together, and at the end on the labelled ones once more.

mod pseudo;
mod self_training;

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

pub use pseudo::remove_leftovers;
pub use self_training::SelfTraining;

use crate::dataset::{Dataset, Holdout, Split};
use crate::error::{Error, Result, expect_within};
use crate::model::Model;
use crate::train::{Ending, FitOptions, History, Observer, Team, TrainPlan, fit, predict};

/// What an ensemble is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ensemble {
    /// How many networks.
    pub members: usize,
    /// The seed of the first; each other has the next.
    pub seed: u64,
    /// How reviews without a label are used, if they are.
    pub self_training: Option<SelfTraining>,
}

/// The most networks of an ensemble: all of them are in memory before they are merged.
pub const MOST_MEMBERS: usize = 1_000;

/// What an ensemble has come to.
#[derive(Debug)]
pub struct Trained {
    /// All members as one network.
    pub model: Model,
    /// The means over the members, an epoch after the other: the networks', or the teachers' and then those of the students on the
    /// labelled reviews, which alone can be validated as the teachers were.
    pub history: History,
}

/// How the members begin and what they are trained by.
pub trait Member: Sync {
    /// The network of a seed before its first step.
    ///
    /// # Errors
    /// Those of [`Model`].
    fn model(&self, seed: u64) -> Result<Model>;

    /// How it is trained: for all seeds alike, but for [`FitOptions::seed`], which is to be this one.
    ///
    /// # Errors
    /// Those of options that mean nothing.
    fn options(&self, seed: u64) -> Result<FitOptions>;

    /// Told what is trained next, and for how many epochs, those of all networks together.
    fn begins(&self, stage: &str, epochs: usize) {
        let _ = (stage, epochs);
    }

    /// An epoch of a network is done; told from several threads.
    fn epoch_ended(&self) {}

    /// Whether all is to stop; asked after each batch, from several threads.
    fn stops(&self) -> bool {
        false
    }
}

impl Ensemble {
    /// Checks what can be checked without data.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] where there are no members, or more than [`MOST_MEMBERS`]; those of [`SelfTraining::check`].
    pub fn check(&self) -> Result<()> {
        expect_within("--ensemble", self.members, 1..=MOST_MEMBERS)?;
        self.self_training.map_or(Ok(()), |training| training.check())
    }

    /// Trains all members and merges them; nothing comes back where [`Member::stops`] has ended it. The members are trained side by
    /// side, one thread each. The result is the same on any number of threads.
    ///
    /// `folder` is where the reviews with their new labels are put meanwhile.
    ///
    /// # Errors
    /// Those of [`Ensemble::check`]; [`Error::InvalidOption`] where self-training is asked for a best epoch; [`Error::Unfit`] where
    /// an option does not fit the data, the members are not validated and measured alike, or what they are merged into would be too large;
    /// [`Error::Diverged`], which ends all of them; [`Error::Io`].
    pub fn train(
        &self,
        member: &dyn Member,
        dataset: &Dataset,
        team: &Team,
        folder: &Path,
    ) -> Result<Option<Trained>> {
        self.check()?;
        let seeds: Vec<u64> = (0..self.members as u64).map(|i| self.seed.wrapping_add(i)).collect();
        let FitOptions { validation, epochs, .. } = expect_alike(member, &seeds)?;
        let group = Group { member, team, seeds };
        let (rows, _) = validation.rows(dataset)?;
        let begins =
            |stage, epochs: usize| member.begins(stage, epochs.saturating_mul(self.members));
        let first = member.model(self.seed)?;
        expect_merged(&first, self.members, self.members - 1)?;
        let Some(training) = self.self_training else {
            drop(first);
            begins("networks", epochs);
            let fresh = |_, seed| Ok((member.model(seed)?, member.options(seed)?));
            let Some((models, history)) = group.fit(dataset, fresh)? else { return Ok(None) };
            let model = merged(team, dataset, rows, models)?;
            return Ok(Some(Trained { model, history }));
        };
        training.check_with(&member.options(self.seed)?)?;
        pseudo::check(dataset, &first)?;
        if training.fine_tuning_epochs > 0 {
            // What does not fit is known now, and not when the students are trained: what does not fit the teachers either first.
            TrainPlan::new(dataset, &first, member.options(self.seed)?)?;
            let options = training.fine_tuning(member.options(self.seed)?);
            TrainPlan::new(dataset, &first, options).map_err(|error| match error {
                Error::Unfit { option, value, reason, remedy } => {
                    let reason = format!("{reason} in the fine-tuning at the end");
                    Error::Unfit { option, value, reason, remedy }
                }
                other => other,
            })?;
        }
        drop(first);
        begins("teachers", epochs);
        let fresh = |_, seed| Ok((member.model(seed)?, member.options(seed)?));
        let Some((teachers, mut history)) = group.fit(dataset, fresh)? else { return Ok(None) };
        let teacher = merged(team, dataset, rows.clone(), teachers)?;
        let all = pseudo::labelled(team, &teacher, dataset, rows.clone(), folder)?;
        drop(teacher);
        begins("students", epochs);
        let on_all = |_, seed| {
            let options = training.on_all(member.options(seed)?);
            Ok((member.model(seed)?, FitOptions { validation: Holdout::None, ..options }))
        };
        let Some((mut students, _)) = group.fit(&all.dataset, on_all)? else { return Ok(None) };
        if training.fine_tuning_epochs > 0 {
            begins("students, on the labelled reviews", training.fine_tuning_epochs);
            let tuned = |at: usize, seed| {
                Ok((students[at].clone(), training.fine_tuning(member.options(seed)?)))
            };
            let Some((models, further)) = group.fit(dataset, tuned)? else { return Ok(None) };
            students = models;
            append(&mut history, &further);
        }
        let model = merged(team, dataset, rows, students)?;
        Ok(Some(Trained { model, history }))
    }
}

/// Checks that so many members like this one, of which some are still to come, can be merged: all are in memory then, and what
/// they make.
fn expect_merged(one: &Model, members: usize, to_come: usize) -> Result<()> {
    let reason = match one.side_by_side(members, to_come) {
        Ok(_) => return Ok(()),
        Err(Error::InvalidOption { option, value, expected }) => {
            format!("whose {option} is {value}, expected {expected}")
        }
        Err(Error::Unfit { reason, .. }) => format!("and {reason}"),
        Err(error) => return Err(error),
    };
    Err(Error::Unfit {
        option: "--ensemble",
        value: members.to_string(),
        reason: format!("they are merged into one network, {reason}"),
        remedy: "train fewer networks, or narrower layers".to_owned(),
    })
}

/// Refuses members whose histories would have no means. Returns the options of the first.
fn expect_alike(member: &dyn Member, seeds: &[u64]) -> Result<FitOptions> {
    let measured = |options: &FitOptions| {
        // A run counts with fresh ones, by whose names its history goes.
        let names = options.metrics.iter().map(|metric| metric.fresh().name().to_owned());
        let names: Vec<String> = names.collect();
        let metrics = if names.is_empty() { "none".to_owned() } else { names.join(",") };
        [("--metrics", metrics), ("--validation", options.validation.to_string())]
    };
    let first = member.options(seeds[0])?;
    for &seed in &seeds[1..] {
        let own = measured(&member.options(seed)?);
        for ((option, value), (_, expected)) in own.into_iter().zip(measured(&first)) {
            if value != expected {
                return Err(Error::Unfit {
                    option,
                    value: format!("{value} for seed {seed}"),
                    reason: format!("{expected} for the first, and the history has their means"),
                    remedy: "give all networks the same".to_owned(),
                });
            }
        }
    }
    Ok(first)
}

/// Networks that differ by their seeds.
struct Group<'a> {
    member: &'a dyn Member,
    team: &'a Team,
    seeds: Vec<u64>,
}

impl Group<'_> {
    /// Trains one network a seed from what `begin` gives for its number and its seed. Returns the models, and the means of their
    /// histories; nothing where it was stopped.
    fn fit(
        &self,
        dataset: &Dataset,
        begin: impl Fn(usize, u64) -> Result<(Model, FitOptions)> + Sync,
    ) -> Result<Option<(Vec<Model>, History)>> {
        let has_failed = AtomicBool::new(false);
        let one = |team: &Team, at: usize| -> Result<Option<(Model, History)>> {
            let (mut model, options) = begin(at, self.seeds[at])?;
            let plan = TrainPlan::new(dataset, &model, options)?;
            let mut watch = Watch { member: self.member, has_failed: &has_failed };
            let outcome = fit(&plan, &mut model, team, &mut watch)?;
            match outcome.ending {
                Ending::Interrupted => Ok(None),
                Ending::Diverged(error) => Err(error),
                Ending::Completed | Ending::StoppedEarly => Ok(Some((model, outcome.history))),
            }
        };
        let trained = match self.seeds.len() {
            1 => vec![one(self.team, 0)?],
            count => self.team.each_alone(count, self.team.size(), |alone, at| {
                one(alone, at).inspect_err(|_| has_failed.store(true, Ordering::Relaxed))
            })?,
        };
        let trained: Option<Vec<_>> = trained.into_iter().collect();
        let Some(trained) = trained else { return Ok(None) };
        let (models, histories): (Vec<Model>, Vec<History>) = trained.into_iter().unzip();
        Ok(Some((models, mean(&histories))))
    }
}

/// Looks after one network.
struct Watch<'a> {
    member: &'a dyn Member,
    /// Whether another one has ended all of them.
    has_failed: &'a AtomicBool,
}

impl Observer for Watch<'_> {
    fn pauses(&mut self, _epoch: usize, _batch: usize) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.member.stops()
    }

    fn epoch_ended(&mut self, _epoch: usize, _history: &History) -> ControlFlow<()> {
        self.member.epoch_ended();
        ControlFlow::Continue(())
    }
}

/// The networks as one, by the spread of their logits over some training reviews.
fn merged(
    team: &Team,
    dataset: &Dataset,
    rows: Range<usize>,
    mut models: Vec<Model>,
) -> Result<Model> {
    if models.len() == 1 {
        return Ok(models.remove(0));
    }
    expect_merged(&models[0], models.len(), 0)?;
    let mut spreads = Vec::with_capacity(models.len());
    for model in &models {
        spreads.push(spread(team, model, dataset, rows.clone())?);
    }
    let count = spreads.len() as f64;
    let mean = spreads.iter().sum::<f64>() / count;
    let factors: Vec<f32> = spreads
        .iter()
        // One that says the same of all reviews has no say.
        .map(|&spread| match spread > 0.0 {
            true => mean / spread / count,
            false if mean > 0.0 => 0.0,
            // All do: what they say, then.
            false => 1.0 / count,
        })
        .map(|factor| factor as f32)
        .collect();
    Model::merged(&models, &factors)
}

/// The standard deviation of a network's logits over some training reviews.
fn spread(team: &Team, model: &Model, dataset: &Dataset, rows: Range<usize>) -> Result<f64> {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    predict(model, dataset, Split::Train, rows, team, |_, logits, _| {
        for &logit in logits {
            // Welford 1962.
            count += 1.0;
            let from_mean = f64::from(logit) - mean;
            mean += from_mean / count;
            squares += from_mean * (f64::from(logit) - mean);
        }
        Ok(())
    })?;
    Ok((squares / f64::max(count, 1.0)).sqrt())
}

/// The mean of each quantity, as far as all histories go: one may have stopped early.
fn mean(histories: &[History]) -> History {
    let epochs = histories.iter().map(History::epochs).min().unwrap_or(0);
    let mut mean = History::default();
    for epoch in 0..epochs {
        let quantity = |(name, _): (&str, &[f64])| {
            let values = histories.iter().filter_map(|history| history.get(name));
            let sum: f64 = values.map(|values| values[epoch]).sum();
            (name.to_owned(), sum / histories.len() as f64)
        };
        mean.push(&histories[0].series().map(quantity).collect::<Vec<_>>());
    }
    mean
}

/// Adds the epochs of another history of the same quantities.
fn append(history: &mut History, further: &History) {
    for epoch in 0..further.epochs() {
        let values = further.series().map(|(name, values)| (name.to_owned(), values[epoch]));
        history.push(&values.collect::<Vec<_>>());
    }
}
