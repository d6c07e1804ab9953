//! What a run leaves behind.

use std::path::PathBuf;
use std::time::Duration;

use imdb_fast::dataset::Dataset;
use imdb_fast::model::Model;
use imdb_fast::report::csv::history_csv;
use imdb_fast::report::json::{Environment, HistoryFile};
use imdb_fast::report::plot::{curves_png, curves_svg};
use imdb_fast::train::{History, Team, TrainPlan};
use imdb_fast::{Error, Result, output};
use serde_json::{Value, json};

use super::super::info;
use super::Args;

/// The folder of a run.
pub(super) struct Outputs<'a> {
    args: &'a Args,
    /// The facts of the run; its history comes with time.
    facts: HistoryFile,
}

impl Outputs<'_> {
    /// Makes the folder and tries whether it can be written, before any training.
    pub(super) fn create<'a>(
        args: &'a Args,
        team: &Team,
        dataset: &Dataset,
        plan: &TrainPlan,
    ) -> Result<Outputs<'a>> {
        std::fs::create_dir_all(&args.out).map_err(Error::io(&args.out, "create the folder"))?;
        // Of generated reviews nothing is left; a path that is not UTF-8 cannot be written down.
        let path =
            dataset.container().path().canonicalize().ok().filter(|_| args.dataset.is_some());
        let facts = HistoryFile {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            options: options(args),
            seed: args.seed,
            threads: team.size(),
            dataset: path.and_then(|path| path.into_os_string().into_string().ok()),
            train_reviews: plan.train_reviews(),
            validation_reviews: plan.validation_reviews(),
            environment: Environment {
                target: info::target(),
                cpu_features: info::cpu_features().join(" "),
                kernels: team.level().to_string(),
            },
            ..HistoryFile::default()
        };
        let outputs = Outputs { args, facts };
        output::OutputFile::create(&outputs.path("model.safetensors"))?;
        Ok(outputs)
    }

    pub(super) fn shown(&self) -> String {
        self.args.out.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.args.out.join(name)
    }

    pub(super) fn save_history(&self, history: &History, fit_time: Duration) -> Result<()> {
        let file = HistoryFile {
            fit_seconds: fit_time.as_secs_f64(),
            history: history.clone(),
            ..self.facts.clone()
        };
        output::write(&self.path("history.json"), file.to_json().as_bytes())?;
        output::write(&self.path("history.csv"), history_csv(history).as_bytes())
    }

    pub(super) fn save_curves(&self, history: &History) -> Result<()> {
        output::write(&self.path("curves.svg"), curves_svg(history).as_bytes())?;
        output::write(&self.path("curves.png"), &curves_png(history))
    }

    pub(super) fn save_model(&self, model: &Model) -> Result<()> {
        model.save(&self.path("model.safetensors"))
    }

    /// What a model file says about its making.
    pub(super) fn training(&self, history: &History, epoch: usize) -> Value {
        let mut reached = json!({});
        for (name, values) in history.series() {
            reached[name] = json!(values[epoch]);
        }
        let mut training = options(self.args);
        training["version"] = env!("CARGO_PKG_VERSION").into();
        training["epoch"] = (epoch + 1).into();
        training["reached"] = reached;
        training
    }
}

fn options(args: &Args) -> Value {
    serde_json::to_value(args).expect("options are plain values")
}
