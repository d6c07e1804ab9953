//! A run of several networks, or of networks that learn from reviews without a label.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use imdb_fast::Result;
use imdb_fast::dataset::Dataset;
use imdb_fast::ensemble::{Ensemble, Member, Trained, remove_leftovers};
use imdb_fast::model::Model;
use imdb_fast::train::{FitOptions, Team, TrainPlan, evaluate_rows};

use super::Args;
use super::network::Network;
use super::outputs::{Outputs, facts};
use crate::cli::progress;
use crate::cli::stop::Stop;
use crate::cli::{Global, to_stdout, warn};

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
        let outputs = Outputs::create(args, facts(args, team, dataset, plan))?;
        remove_leftovers(&args.out);
        let stop = Stop::listen()?;
        let start = Instant::now();
        let trained = ensemble.train(
            &Watched { of: self, dataset, stop: &stop },
            dataset,
            team,
            &args.out,
        )?;
        let fit_time = start.elapsed();
        dataset.container().check_unchanged()?;
        let Some(Trained { mut model, history }) = trained else {
            let (signal, code) = stop.signal();
            warn("stopped", format_args!("{signal}; nothing is kept of it"));
            return Ok(ExitCode::from(code));
        };
        model.take_words(dataset);
        // Networks that stop or go back where each is best are of different epochs.
        let is_of_last = !args.keep_best && plan.options().early_stopping.is_none();
        model.training = outputs.training(&history, is_of_last.then(|| history.epochs() - 1));
        outputs.save(&history, fit_time, Some(&model))?;
        if !self.global.quiet {
            for epoch in 0..history.epochs() {
                self.global.note(progress::epoch_line(&history, epoch, history.epochs()));
            }
            self.report(ensemble, dataset, &model, fit_time)?;
            to_stdout(|out| {
                writeln!(out, "wrote model, history and curves to {}", outputs.shown())
            })?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn report(
        &self,
        ensemble: &Ensemble,
        dataset: &Dataset,
        model: &Model,
        fit_time: Duration,
    ) -> Result<()> {
        let options = self.plan.options();
        let networks = match ensemble.members {
            1 => "one network".to_owned(),
            count => format!("{count} networks"),
        };
        let scores = match options.validation.rows(dataset)? {
            (_, Some((split, rows))) => {
                Some(evaluate_rows(self.team, model, dataset, split, rows, &*options.loss)?)
            }
            _ => None,
        };
        to_stdout(|out| {
            let (seconds, threads) = (fit_time.as_secs_f64(), self.team.size());
            writeln!(out, "{networks} in {seconds:.3} s on {threads} threads")?;
            match scores {
                Some(scores) => writeln!(
                    out,
                    "together: validation loss {:.4}, accuracy {:.4}",
                    scores.loss, scores.accuracy
                ),
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
}

impl Member for Watched<'_> {
    fn model(&self, seed: u64) -> Result<Model> {
        self.of.network.model(self.dataset, seed)
    }

    fn options(&self, seed: u64) -> Result<FitOptions> {
        Ok(FitOptions { seed, ..self.of.args.fit_options()? })
    }

    fn begins(&self, stage: &str) {
        self.of.global.note(format_args!("training {stage}"));
    }

    fn stops(&self) -> bool {
        self.stop.is_asked()
    }
}
