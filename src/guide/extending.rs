//! How to add a layer, an activation, an optimizer, a loss, a metric, an importer, a kernel.
//!
//! Losses, metrics, optimizers and sources of reviews of one's own need no change here: they are the traits
//! [`Loss`](crate::nn::Loss), [`Metric`](crate::train::Metric), [`Optimizer`](crate::optimizer::Optimizer) and
//! [`ReviewSource`](crate::dataset::ReviewSource). This page is for those who want one in the program, by name, as fast as the
//! others, and tested as they are. Each point begins with the file that it is about; a test looks whether that file has the
//! names that the point mentions.
//!
//! For all of them:
//!
//! - `tests/layering.rs`: a new module needs a row in `ALLOWED`, an outside crate one in `DOORS`.
//! - `README.md`: what a user can now write; the table of the commands counts activations, losses and optimizers.
//! - `src/guide/recipes.rs`: options of a training are described there.
//! - `.ci/run`: passes, which includes the whole suite once for each level of kernels.
//!
//! # An activation
//!
//! - `src/nn/activation.rs`: a variant of `Activation` with its formula, in `ALL` and `name`; value and slope, each a `Map` in
//!   `Lanes`, in `forward` and `backward`. The slope takes `z` or `h`, whichever is cheaper. In the tests of the file a line in
//!   `reference`, in `f64`: values and slopes are compared at all levels.
//! - `src/export/onnx/mod.rs`: its operators, in `activation`.
//! - `src/export/load_keras.py`: the name is passed on to Keras, where it is to be an `activation` by the same name.
//! - `src/cli/train/options.rs`: the names in the help of `activation`.
//! - `fuzz/src/model_load.rs`: `ACTIVATIONS`.
//! - `tests/frameworks/agree.py`: its name in PyTorch; `tests/export.rs` trains a network of each activation and asks the
//!   frameworks.
//! - `tests/golden`: a run of Keras with it, for `tests/parity.rs`.
//!
//! # A layer
//!
//! A network is a stack of [`Dense`](crate::nn::Dense) layers, with what belongs to one of them: its activation, the alphas of
//! PReLU, dropout behind it. Two models to follow: dropout has no weights and is gone after training; PReLU's alphas are
//! trained, saved and exported. What comes before the stack is an [`Embedding`](crate::nn::Embedding).
//!
//! - `src/nn/architecture.rs`: a field of `Dense` or of `Architecture`, checked where it is set; its weights in `parameters`; and
//!   in `to_json` and `from_json`, where files without it still have to be read.
//! - `src/nn/parameters.rs`: a range in `LayerRanges`, room for it in `Head::zeros`, its first values in `Parameters::initial`.
//!   Random numbers are drawn behind all others, or old seeds give other networks.
//! - `src/nn/workspace.rs`: buffers in `LayerBuffers`, made once; `forward` and `backward` side by side, with the formula in their
//!   comments. A gradient of weights is added to `d_head`, at the same range.
//! - `src/train/head.rs`: `HeadTrainer::new` says whose optimizer moves them: `optimizer`, or `bias_optimizer` if there is one.
//! - `src/train/options.rs`: what only acts in training is an option of `FitOptions`, checked in `check`, as `dropout` is.
//! - `src/model/mod.rs`: its tensors in the comment that specifies the format, in `tensors` and in `read_parameters`, with their
//!   shape.
//! - `src/model/merge.rs`: where its values stand if networks stand `side_by_side`.
//! - `src/export/network.rs`: `KNOWN` lists what exports understand. They refuse a model that says more of itself; so the key of
//!   `to_json` is added there when `src/export` writes it, not before.
//! - `src/cli/train/options.rs`: the option, in `Args`, and in `fit_options` or in `hidden_layers`.
//! - `src/sweep/configuration.rs`: a field of `Configuration`, if sweeps are to vary it; its option is in
//!   `src/cli/sweep/options.rs`.
//! - `tests/common/dense.rs`: the layer in `Dense`, the network in plain `f64`, by which `tests/recipe.rs` judges runs.
//! - `tests/golden`: a run of Keras with it, for `tests/parity.rs`; `tests/golden/README.md` says what its files hold.
//! - `tests/determinism.rs`: a `Case` with it: the same bits on 1 to 64 threads.
//! - `tests/resume.rs`: a `Case` with it: an interrupted run ends with the same bits.
//! - `tests/model.rs`: it survives saving and loading.
//! - `tests/corruption.rs`: damaged values of its tensors are refused.
//! - `fuzz/src/model_load.rs`: architectures that have it.
//!
//! # An optimizer
//!
//! - `src/optimizer/adagrad.rs`: the model to follow, of 90 lines. A struct with Keras' parameters and defaults; the trait
//!   `Optimizer`, whose `check` has the bounds of the parameters; and a `Rule` in `Lanes`, which says what is taken from a weight
//!   and what becomes of its `state`. `update` and `sweep` both hand the rule on. `idle` is where speed comes from, and wrong
//!   results: `Idle::Unchanged` is a promise that a step does nothing where the gradient is zero; `Idle::Moves` is always right.
//! - `src/optimizer/rmsprop.rs`: `Idle::Decays`, the promise that then only the state shrinks, by known factors.
//! - `src/optimizer/mod.rs`: `mod` and `pub use`.
//! - `src/optimizer/parse.rs`: an arm in `read`, and the name in `OPTIMIZERS`, for errors and shells; in the tests, wrong values.
//! - `src/cli/train/options.rs`: the name in the help of `optimizer`.
//! - `tests/kernels/sweep.rs`: each form in `OPTIMIZERS`, with the roundings that levels may differ by, and why.
//! - `tests/lazy.rs`: the name in `lazy_equals_dense`, skipping or not.
//! - `src/train/shard.rs`: if it skips, the name in `all_forms_of_a_gradient_give_the_same` and in
//!   `one_review_at_a_time_is_any_batch`.
//! - `tests/common/dense.rs`: the formula in `Rule`, in `f64`.
//! - `tests/recipe.rs`: a row of that `Rule`.
//! - `tests/golden`: a run of Keras with it, for `tests/parity.rs`.
//! - `tests/determinism.rs`: a `Case`.
//! - `tests/resume.rs`: a `Case`: its state is in checkpoints.
//! - `tests/cli.rs`: the message that lists the known ones, `rmsprop, sgd, adam, adamw, adagrad`.
//! - `fuzz/src/kernels_agree.rs`: `OPTIMIZERS`.
//! - `fuzz/src/lazy_equals_dense.rs`: a case in `compared`, if it skips.
//!
//! # A loss, a metric
//!
//! - `src/nn/loss.rs`: a struct with `Loss`, whose scalars are the specification, and `LossInLanes`, joined by
//!   `batches_in_lanes`; an arm in the function `loss`, and the name in `LOSSES`, for errors and shells. In the tests of the
//!   file, `ALL`: batches are compared with the scalars at all levels, and derivatives with slopes.
//! - `src/train/metric.rs`: a struct with `Metric`; `state` and `restore`, or runs with it can be saved between epochs only; its
//!   name in the function `metric`, in `METRICS`, and in the tests of the file.
//! - `src/cli/train/options.rs`: the name in the help of `loss` or `metrics`.
//! - `tests/cli.rs`: the messages that list the known ones, `binary-crossentropy, mean-squared-error, hinge` and
//!   `accuracy, precision, recall, f1, auc`.
//! - `tests/golden`: a run of Keras with it, for `tests/parity.rs`.
//!
//! # An importer
//!
//! Reviews from elsewhere that are to be a dataset need a [`ReviewSource`](crate::dataset::ReviewSource) only:
//!
//! ```
//! use imdb_fast::container::Access;
//! use imdb_fast::dataset::{self, Contents, Dataset, Review, ReviewSource, Split};
//!
//! /// Reviews as lists of word ids below 100, every fourth to test.
//! struct Mine(Vec<(Vec<u32>, u8)>);
//!
//! impl ReviewSource for Mine {
//!     fn contents(&self) -> Contents {
//!         Contents {
//!             features: 100,
//!             vocabulary: None,
//!             text: None,
//!             sequences: true,
//!             options: serde_json::json!({ "format": "mine" }),
//!         }
//!     }
//!
//!     fn for_each(
//!         &mut self,
//!         sink: &mut dyn FnMut(Review<'_>) -> imdb_fast::Result<()>,
//!     ) -> imdb_fast::Result<()> {
//!         for (row, (words, label)) in self.0.iter().enumerate() {
//!             let split = if row % 4 == 3 { Split::Test } else { Split::Train };
//!             sink(Review::new(split, words, Some(*label)))?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("mine.safetensors");
//! dataset::write(&mut Mine(vec![(vec![7, 3, 7], 1), (vec![99, 3], 0)]), &path)?;
//! let dataset = Dataset::open(&path, Access::Map)?;
//! assert_eq!(dataset.csr(Split::Train)?.row(0), [3, 7]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A format for all users. Files with a labelled text a row share everything but the reading of a row:
//!
//! - `src/import/fasttext.rs`: the model to follow, of 60 lines. `looks_like_it` on the first bytes, `of` the lines of a file, and
//!   the trait `Rows`, which yields a row with its line number. The file is a stranger's: nothing is reserved by a size that
//!   it claims, and each error names the line and the remedy.
//! - `src/import/mod.rs`: a variant of `Format`, in `ALL` and `name`, and `mod`. Formats whose features are no words, as
//!   `Format::Libsvm`, are a `ReviewSource` of their own, opened in `open`.
//! - `src/import/detect.rs`: a line in `format_of`. What could be another format comes behind it.
//! - `src/import/readers.rs`: a line in `open`.
//! - `src/import/document.rs`: `Reader`, which an archive, in which a text is an entry, implements instead; it is opened in
//!   `src/import/corpus/mod.rs`.
//! - `src/import/applicable.rs`: `check` says which options mean something in it.
//! - `src/cli/import/options.rs`: the name in the help of `format`.
//! - `src/cli/predict/mod.rs`: a `Layout`, if reviews to be judged come in the format, too.
//! - `data/make_sample.py`: the sample in the format; `data/README.md` has a row for it.
//! - `tests/import_text.rs`: the sample in `the_sample_is_the_same_in_every_format` and in `formats_are_found_by_content`;
//!   refusals of damaged files, each with its line, as in `tables_that_are_no_tables_are_refused`.
//! - `fuzz/src/delimited.rs`: the format in `any_text`; another kind of file gets a target of its own, as
//!   `fuzz/README.md` says.
//!
//! # A kernel
//!
//! - `src/kernel/lanes.rs`: a kernel is a struct with its slices and the trait `Kernel`, whose `run` is written once for any
//!   `Lanes` and inlined for each level. `mul_add` and `rsqrt` round otherwise at each level: whatever promises the same bits
//!   uses neither. No `array::map` or `array::from_fn` over lanes, but loops: their closures are inlined in some builds only, and
//!   crawl in others. A new operation of `Lanes` needs its test in `All`.
//! - `src/kernel/portable.rs`: that operation in plain Rust, which specifies it.
//! - `src/kernel/avx2.rs`: the same in `AVX2`.
//! - `src/kernel/avx512.rs`: the same in `AVX-512`.
//! - `src/kernel/elementwise.rs`: one function of each value needs no kernel of its own, only a `Map`.
//! - `src/kernel/sparse/gather.rs`: the model to follow, `Gather`. The public function states the order of the additions and
//!   what it panics at.
//! - `src/kernel/sparse.rs`: for several types of ids it ends in `level.run` in `Compiled`, once for each; any other kernel does in
//!   its public function.
//! - `src/kernel/level.rs`: a new set of instructions is one more `Level`, with its proof that the CPU has it.
//! - `tests/kernels/main.rs`: one test against a scalar of its own, at all levels, all `WIDTHS`, with `special` numbers; to the
//!   bit, or within a bound that is explained.
//! - `tests/kernels/edge.rs`: for kernels that load by address: slices that end where a page does.
//! - `fuzz/src/kernels_agree.rs`: shapes and numbers that nobody thought of, from `check`.
//! - `benches/kernels`: its time at each level, beside the bandwidth of the memory.
//! - `.ci/sanitize`: unsafe code in it has to pass Miri and the address sanitizer.
