//! What a checkpoint says besides its tensors.

use serde::{Deserialize, Serialize};

use super::super::TrainPlan;
use super::super::books::ScoreFacts;
use super::super::row_set::RowSet;

/// Where a run stands, and which run it is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Epochs and batches of the epoch that are done.
    pub(super) epoch: usize,
    pub(super) batch: usize,
    /// How many there are in all.
    pub(super) epochs: usize,
    pub(super) batches: usize,
    /// Which window of the epoch is at work.
    pub(super) window: usize,
    /// The sums of the epoch so far; none before its first batch.
    pub(super) score: Option<ScoreFacts>,
    /// What the rows of the history are.
    pub(super) quantities: Vec<String>,
    /// The kernels that the bits depend on.
    pub(super) kernels: String,
    pub(super) dataset: DatasetFacts,
    /// The options that a run cannot change on its way, by their names.
    pub(super) options: Vec<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DatasetFacts {
    /// As messages show it.
    pub(super) path: String,
    pub(super) fingerprint: String,
}

impl DatasetFacts {
    pub(super) fn of(plan: &TrainPlan<'_>) -> DatasetFacts {
        DatasetFacts {
            path: plan.dataset.container().path().display().to_string(),
            fingerprint: plan.dataset.fingerprint(),
        }
    }
}

/// All options that decide the bits, but for the number of epochs: a run may be made longer
/// where that does not change the steps that are done. Optimizers and losses by what
/// `Debug` says of them, which has all parameters.
pub(super) fn options_of(plan: &TrainPlan<'_>) -> Vec<(&'static str, String)> {
    let options = &plan.options;
    let metrics: Vec<&str> = options.metrics.iter().map(|metric| metric.name()).collect();
    let validation = plan.validation.as_ref();
    let validation = validation.map(|(split, rows)| match &plan.train_rows {
        // What is not held out is trained on.
        RowSet::Range(_) => format!("{} {rows}", split.name()),
        RowSet::List(_) => format!("{} {rows}, trained on {}", split.name(), plan.train_rows),
    });
    vec![
        ("--batch-size", options.batch_size.to_string()),
        ("--validation", validation.unwrap_or_else(|| "0".to_owned())),
        ("--shuffle", format!("{:?}", plan.shuffle()).to_lowercase()),
        ("--seed", options.seed.to_string()),
        ("--loss", format!("{:?}", options.loss)),
        ("--optimizer", format!("{:?}", options.optimizer)),
        ("--metrics", metrics.join(",")),
        ("--early-stopping", format!("{:?}", options.early_stopping)),
        ("--keep-best", options.keep_best.to_string()),
        (
            "--feature-scale",
            options.feature_scale.map_or("none".to_owned(), |scale| scale.to_string()),
        ),
        ("--row-norm", options.row_norm.to_string()),
        ("--schedule", schedule_of(plan)),
        (
            "--average-weights",
            options.average_weights.map_or("none".to_owned(), |average| average.to_string()),
        ),
        ("--dropout", options.dropout.to_string()),
        ("--word-dropout", options.word_dropout.to_string()),
        ("--l2", options.l2.to_string()),
        ("--global-clipnorm", format!("{:?}", options.global_clipnorm)),
        ("--bias-optimizer", format!("{:?}", options.bias_optimizer)),
    ]
}

/// The schedule; with the number of steps where that decides the rate of each.
fn schedule_of(plan: &TrainPlan<'_>) -> String {
    let schedule = plan.options.schedule;
    match schedule.follows_length() {
        true => format!("{schedule} over {} steps", plan.steps()),
        false => schedule.to_string(),
    }
}
