//! Training and using networks: the loop, its bookkeeping, its threads; saving a run on its way, and going on.

mod average;
mod balance;
mod block;
mod books;
pub mod checkpoint;
mod cut;
mod evaluate;
mod first_layer;
mod fit;
mod head;
mod history;
mod metric;
mod observer;
mod options;
mod outcome;
mod parallel;
mod place;
mod plan;
mod row_set;
mod rows;
mod run;
mod scales;
mod sequences;
mod shard;
mod spans;
mod validation;
mod weights;
mod window;

pub use average::WeightAverage;
#[doc(inline)]
pub use checkpoint::{Checkpoint, Snapshot};
pub use evaluate::{
    Evaluation, Evaluator, evaluate, evaluate_rows, labels_to_judge_by, predict, predict_rows,
};
pub use fit::{fit, resume};
pub use history::History;
pub use metric::{Accuracy, Auc, ConfusionMatrix, METRICS, Metric, metric};
pub use observer::{Observer, Silent};
pub use options::{EarlyStopping, FitOptions};
pub use outcome::{Ending, Outcome};
pub use parallel::Team;
pub use plan::TrainPlan;
pub(crate) use plan::expect_network;
pub use scales::FeatureScale;
pub(crate) use sequences::SequenceBlock;
pub use window::{FULL_SHUFFLE_BYTES, Shuffle};
