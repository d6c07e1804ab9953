//! Runs that are stopped and go on, to the same last bit.
//!
//! A run stands still between two steps where its [`Observer`](super::Observer) says so, and hands out a [`Snapshot`] of
//! itself. Saved to a file, it is a [`Checkpoint`], from which [`resume`](super::resume) goes on: on any number of threads, with
//! the same kernels, the model and the history become those of a run that never stopped.
//!
//! # The file, version 1
//! One [safetensors](https://github.com/huggingface/safetensors) file. The weights stand in it as in a [model](crate::model), so
//! that another run can start from them, too.
//!
//! | tensor | type | shape | meaning |
//! | --- | --- | --- | --- |
//! | `dense_I.kernel`, `.bias`, `.alpha` | F32 | as in a model | the weights |
//! | `optimizer.first_kernel` | F32 | \[features, arrays, width\] | the first kernel's optimizer state, if there is any: not made up for skipped steps |
//! | `optimizer.updated` | U32 | \[features\] | the last step that each of these rows has seen, 0 before the first; where steps may skip rows. 0 where none has to be made up for: in a shard that is swept whole, and by sgd, adagrad and `adam:rows=touched` |
//! | `optimizer.head` | F32 | \[arrays, values\] | the state of all other weights, if there is any: kernel, bias and alpha of each layer |
//! | `optimizer.biases` | F32 | \[arrays, values\] | that of the biases, where they have an optimizer of their own and it has a state; they are then not among the others |
//! | `best.first_kernel`, `best.head` | F32 | \[features, width\], \[values\] | the weights at the best epoch so far, where the run remembers them |
//! | `average.first_kernel`, `average.head` | F32 | \[features, width\], \[values\] | the averages of the weights, where the run ends with them |
//! | `average.updated` | U32 | \[features\] | the last step whose weights the average of each row has taken in, 0 before the first |
//! | `order.permutation` | U32 | \[rows\] or \[chunks\] | the order of the epoch's rows or chunks, if it has more than one window |
//! | `order.window` | U32 | \[rows\] | the order of the window's rows |
//! | `order.generator` | U8 | \[32\] | the state of the generator that draws the orders |
//! | `history` | F64 | \[quantities, epochs\] | the history, if an epoch is done |
//!
//! `__metadata__` holds `format` = `imdb-fast checkpoint`, `version`, `architecture` as in a model, `run` (JSON: where the run
//! stands, the sums of the epoch so far, the dataset's path and fingerprint, the options), `notes` (JSON, the caller's own),
//! and the checksums of all our files, of the header and of each tensor; all are compared when the file is read.

mod facts;
mod load;
mod snapshot;

pub use load::Checkpoint;
pub use snapshot::Snapshot;

pub(super) use snapshot::Kept;

/// `version` in the metadata.
const VERSION: &str = "1";

/// The names of the tensors.
mod tensor {
    use super::super::head::MOST_GROUPS;

    pub(super) const FIRST_KERNEL_STATE: &str = "optimizer.first_kernel";
    pub(super) const UPDATED: &str = "optimizer.updated";
    /// One a group of the head's weights.
    pub(super) const HEAD_STATES: [&str; MOST_GROUPS] = ["optimizer.head", "optimizer.biases"];
    pub(super) const BEST_FIRST_KERNEL: &str = "best.first_kernel";
    pub(super) const BEST_HEAD: &str = "best.head";
    pub(super) const AVERAGED_FIRST_KERNEL: &str = "average.first_kernel";
    pub(super) const AVERAGED_STEPS: &str = "average.updated";
    pub(super) const AVERAGED_HEAD: &str = "average.head";
    pub(super) const PERMUTATION: &str = "order.permutation";
    pub(super) const WINDOW: &str = "order.window";
    pub(super) const GENERATOR: &str = "order.generator";
    pub(super) const HISTORY: &str = "history";
}
