//! A run of several networks, or of networks that learn from reviews without a label.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use imdb_fast::Result;
use imdb_fast::dataset::{Dataset, Split};
use imdb_fast::ensemble::{Ensemble, Member, Trained};
use imdb_fast::model::Model;
use imdb_fast::report::json::Merged;
use imdb_fast::train::{FitOptions, Shuffle, Team, TrainPlan};

use super::network::Network;
use super::outputs::{Outputs, facts};
use super::{Args, judged};
use crate::cli::progress::{self, Stages};
use crate::cli::stop::Stop;
use crate::cli::{Global, Kind, count, say, to_stdout, warn};

/// What the networks have in common.
pub(super) struct Members<'a> {
    pub(super) global: &'a Global,
    pub(super) args: &'a Args,
    pub(super) network: &'a Network<'a>,
    /// That of the first network.
    pub(super) plan: &'a TrainPlan<'a>,
    pub(super) team: &'a Team,
}

impl Members<'_> {
    /// Trains them and saves the one that they make.
    pub(super) fn train(&self, ensemble: &Ensemble, dataset: &Dataset) -> Result<ExitCode> {
        let &Members { args, plan, team, .. } = self;
        let mut facts = facts(args, team, dataset, plan);
        if ensemble.self_training.is_some() {
            facts.pseudo_labelled_reviews =
                dataset.csr(Split::Unlabelled).map_or(0, |csr| csr.rows());
        }
        self.warn_of_one_network(ensemble);
        let stop = Stop::listen();
        let mut outputs = Outputs::create(args, facts)?;
        let start = Instant::now();
        let stages = Stages::new(self.global.quiet);
        let watched = Watched { of: self, dataset, stop, stages: &stages };
        let trained = ensemble.train(&watched, dataset, team, &args.out);
        let fit_time = start.elapsed();
        stages.finish();
        dataset.container().check_unchanged()?;
        let Some(Trained { mut model, history }) = trained? else {
            let (signal, code) = stop.signal();
            say(Kind::Stopped, format_args!("{signal}; nothing is kept of it"));
            return Ok(ExitCode::from(code));
        };
        model.take_words(dataset);
        // Networks that stop or go back where each is best are of different epochs, and averages of none, nor are students whose
        // epochs the history does not tell of.
        let options = plan.options();
        let has_last = (ensemble.self_training).is_none_or(|it| it.fine_tuning_epochs > 0);
        let is_of_last = has_last
            && !args.keep_best
            && options.early_stopping.is_none()
            && options.average_weights.is_none();
        let merged = judged(&model, dataset, plan, team)?;
        outputs.note_merged(merged);
        model.training = outputs.training(&history, is_of_last.then(|| history.epochs() - 1));
        outputs.save(&history, fit_time, Some(&model))?;
        if !self.global.quiet {
            for epoch in 0..history.epochs() {
                self.global.note(progress::epoch_line(&history, epoch, history.epochs()));
            }
            self.report(ensemble, merged, fit_time)?;
            to_stdout(|out| {
                writeln!(out, "wrote model, history and curves to {}", outputs.shown())
            })?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Says so where the networks have nothing of a seed in them by which they would differ.
    fn warn_of_one_network(&self, ensemble: &Ensemble) {
        let options = self.plan.options();
        let differ = self.network.is_drawn()
            || options.shuffle != Some(Shuffle::None)
            || options.dropout > 0.0
            || options.word_dropout > 0.0;
        if ensemble.members > 1 && !differ {
            warn(
                "the networks of --ensemble are all the same: their first weights are given, and no seed decides the \
                 order of the reviews or what is dropped; shuffle them, or leave --ensemble out",
            );
        }
    }

    fn report(
        &self,
        ensemble: &Ensemble,
        merged: Option<Merged>,
        fit_time: Duration,
    ) -> Result<()> {
        let networks = count(ensemble.members as u64, "network", "networks");
        let threads = count(self.team.size() as u64, "thread", "threads");
        to_stdout(|out| {
            writeln!(out, "{networks} in {:.3} s on {threads}", fit_time.as_secs_f64())?;
            match merged {
                Some(merged) => {
                    let together = if ensemble.members > 1 { "together: " } else { "" };
                    writeln!(out, "{together}{merged}")
                }
                None => Ok(()),
            }
        })
    }
}

/// The networks as the ensemble asks for them.
struct Watched<'a> {
    of: &'a Members<'a>,
    dataset: &'a Dataset,
    stop: &'a Stop,
    stages: &'a Stages,
}

impl Member for Watched<'_> {
    fn model(&self, seed: u64) -> Result<Model> {
        self.of.network.model(self.dataset, seed)
    }

    fn options(&self, seed: u64) -> Result<FitOptions> {
        Ok(FitOptions { seed, ..self.of.args.fit_options()? })
    }

    fn begins(&self, stage: &str, epochs: usize) {
        self.stages.begin(stage, epochs);
    }

    fn epoch_ended(&self) {
        self.stages.epoch_ended();
    }

    fn stops(&self) -> bool {
        self.stop.is_asked()
    }
}
