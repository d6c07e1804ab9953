//! The book's example, block by block.
//!
//! François Chollet, *Deep Learning with Python*, "Classifying movie reviews: a binary classification example": 50,000 reviews
//! of the IMDB, the 10,000 most frequent words, a network of two hidden layers. Each block of code that the section has, in
//! its order:
//!
//! | block of the book | command | call |
//! | --- | --- | --- |
//! | [load the data](#load-the-data), `num_words=10000` | `fetch`, once | [`import::open`], [`dataset::write`], [`Dataset::open`] |
//! | [look at a review, its label](#look-at-a-review) | `decode imdb --row 0 --ids` | [`Dataset::sequence`], [`Dataset::labels`] |
//! | [the greatest word id](#look-at-a-review) | `inspect imdb` | [`Dataset::features`] |
//! | [decode a review to words](#decode-a-review) | `decode imdb --row 0` | [`Vocabulary::word`] |
//! | [vectorize the sequences](#vectorize) | none is needed | [`Dataset::csr`] |
//! | [vectorize the labels](#vectorize) | none is needed | [`Dataset::labels`] |
//! | [define the model](#define-the-model) | `train --hidden 16,16 --activation relu` | [`Architecture::new`], [`Model::new`] |
//! | [compile it](#compile-it) | `train --optimizer rmsprop --loss binary_crossentropy --metrics accuracy` | [`FitOptions`] |
//! | [configure the optimizer](#configure-the-optimizer) | `train --optimizer rmsprop:learning_rate=0.01` | [`RmsProp`] |
//! | [custom losses and metrics](#custom-losses-and-metrics) | `train --loss --metrics`, by name | traits [`Loss`], [`Metric`] |
//! | [hold out 10,000 reviews](#hold-out-10000-reviews) | `train --validation 10000` | [`Holdout::First`] |
//! | [fit](#fit): 20 epochs, batches of 512 | `train imdb` | [`TrainPlan::new`], [`fit`] |
//! | [the keys of the history](#the-history) | `run/history.json`, `.csv` | [`History::series`] |
//! | [plot the loss](#plot-loss-and-accuracy) | `run/curves.svg`, or `plot` | [`curves_svg`] |
//! | [plot the accuracy](#plot-loss-and-accuracy) | the same picture | the same call |
//! | [train anew](#train-anew-for-4-epochs) | `train imdb --epochs 4 --validation 0` | [`Model::new`], [`Holdout::None`] |
//! | [evaluate](#evaluate) | `evaluate final/model.safetensors imdb` | [`evaluate`] |
//! | [predict](#predict) | `predict final/model.safetensors imdb` | [`predict`], [`Judge`] |
//! | [further experiments](#further-experiments) | `sweep imdb --book` | [`sweep`](crate::sweep) |
//!
//! What the commands print here was printed on 2 busy cores with AVX-512. Training depends on the order of the rows; the file
//! that was used holds the reviews of the official one in another order. So with yours row 0 is another review, and figures
//! differ in their third digit. The calls run on the 600 generated reviews of the folder `data` of the package.
//!
//! # Load the data
//!
//! The book calls `load_data` for the 10,000 most frequent words.
//!
//! ```sh
//! imdb-fast fetch
//! ```
//!
//! This downloads Keras' `imdb.npz` and its word index, once, and makes a file of them that all commands know as `imdb`. Ids and
//! splits are those of `load_data(num_words=10000)`: 1 starts a review, 2 stands for words that are cut, the most frequent word
//! is 4. `import` takes the other arguments of `load_data` by their names, such as `--skip-top`.
//!
//! ```
//! use imdb_fast::container::Access;
//! use imdb_fast::dataset::{self, Dataset};
//! use imdb_fast::import::{self, ImportOptions, KerasOptions};
//!
//! let folder = tempfile::tempdir()?;
//! let options = ImportOptions {
//!     word_index: Some("data/sample_word_index.json".into()),
//!     keras: KerasOptions { num_words: Some(600), ..KerasOptions::default() },
//!     ..ImportOptions::default()
//! };
//! let mut reviews = import::open("data/sample.npz".as_ref(), &options)?;
//! let path = folder.path().join("sample.safetensors");
//! dataset::write(&mut *reviews, &path)?;
//! let dataset = Dataset::open(&path, Access::Map)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Look at a review
//!
//! The book prints the ids of the first review, its label, and the greatest id of all, which is 9,999.
//!
//! ```sh
//! imdb-fast decode imdb --row 0 --ids
//! imdb-fast inspect imdb
//! ```
//! ```text
//! label 1, positive
//! 1 151 24 6 189 22 11 4 2040 281 14 948 117 22 1545 4 6610 12
//! ```
//! ```text
//! features    10,000
//! train       25,000 reviews, 3,292,468 nonzeros, 12,500 positive
//! test        25,000 reviews, 3,218,578 nonzeros, 12,500 positive
//! vocabulary  9,996 words, 78,588 more that are cut
//! ```
//!
//! Of `decode` the label and the first ids, of `inspect` four lines. Every id is below the number of features: a file in which
//! one is not does not open.
//!
//! ```
//! # use imdb_fast::container::Access;
//! # use imdb_fast::dataset::{self, Dataset};
//! # use imdb_fast::import::{self, ImportOptions, KerasOptions};
//! # let folder = tempfile::tempdir()?;
//! # let keras = KerasOptions { num_words: Some(600), ..KerasOptions::default() };
//! # let mut reviews = import::open("data/sample.npz".as_ref(), &ImportOptions { keras, ..ImportOptions::default() })?;
//! # let path = folder.path().join("sample.safetensors");
//! # dataset::write(&mut *reviews, &path)?;
//! # let dataset = Dataset::open(&path, Access::Map)?;
//! use imdb_fast::dataset::Split;
//!
//! let review = dataset.sequence(Split::Train, 0)?.expect("the file has sequences");
//! let label = dataset.labels(Split::Train)?[0];
//! println!("{review:?}: {label}");
//!
//! let csr = dataset.csr(Split::Train)?;
//! let greatest = (0..csr.rows()).flat_map(|row| csr.row(row)).max();
//! assert!(greatest < Some(dataset.features() as u32));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Decode a review
//!
//! The book turns the word index around and looks up each id less 3.
//!
//! ```sh
//! imdb-fast decode imdb --row 0
//! ```
//! ```text
//! ? though not a horror film in the traditional sense this cre
//! ```
//!
//! These are its first 60 characters. Words that are cut, and the mark at the start, are `?`, as in the book. The vocabulary of a
//! dataset is by id; nothing is to be subtracted.
//!
//! ```
//! # use imdb_fast::container::Access;
//! # use imdb_fast::dataset::{self, Dataset, Split};
//! # use imdb_fast::import::{self, ImportOptions, KerasOptions};
//! # let folder = tempfile::tempdir()?;
//! # let options = ImportOptions {
//! #     word_index: Some("data/sample_word_index.json".into()),
//! #     keras: KerasOptions { num_words: Some(600), ..KerasOptions::default() },
//! #     ..ImportOptions::default()
//! # };
//! # let mut reviews = import::open("data/sample.npz".as_ref(), &options)?;
//! # let path = folder.path().join("sample.safetensors");
//! # dataset::write(&mut *reviews, &path)?;
//! # let dataset = Dataset::open(&path, Access::Map)?;
//! # let review = dataset.sequence(Split::Train, 0)?.expect("the file has sequences");
//! let vocabulary = dataset.vocabulary().expect("it was imported with a word index");
//! let words: Vec<&str> = review.iter().map(|&id| vocabulary.word(id).unwrap_or("?")).collect();
//! assert_eq!(words[0], "?", "the mark at the start");
//! println!("{}", words.join(" "));
//! # assert!(words.iter().any(|word| *word != "?"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Vectorize
//!
//! The book makes two matrices of 25,000 rows of 10,000 zeros and ones, 2 GB each as it makes them, and turns the labels to
//! `float32`. Neither is needed. The rows lie in the file as lists of the words that are there, 132 on average, and are used
//! where they lie; labels are a byte each.
//!
//! ```
//! # use imdb_fast::container::Access;
//! # use imdb_fast::dataset::{self, Dataset, Split};
//! # use imdb_fast::import::{self, ImportOptions, KerasOptions};
//! # let folder = tempfile::tempdir()?;
//! # let keras = KerasOptions { num_words: Some(600), ..KerasOptions::default() };
//! # let mut reviews = import::open("data/sample.npz".as_ref(), &ImportOptions { keras, ..ImportOptions::default() })?;
//! # let path = folder.path().join("sample.safetensors");
//! # dataset::write(&mut *reviews, &path)?;
//! # let dataset = Dataset::open(&path, Access::Map)?;
//! let csr = dataset.csr(Split::Train)?;
//! let columns_with_a_one = csr.row(0);
//! assert!(columns_with_a_one.is_sorted());
//! assert_eq!(csr.rows(), dataset.labels(Split::Train)?.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Define the model
//!
//! Two hidden layers of 16 units with relu, one sigmoid unit. All three are defaults of `train`.
//!
//! ```sh
//! imdb-fast train imdb --hidden 16,16 --activation relu --epochs 1 --out one
//! imdb-fast inspect one/model.safetensors
//! ```
//! ```text
//! layers      16 relu, 16 relu, 1 sigmoid
//! parameters  160,305
//! ```
//!
//! ```
//! use imdb_fast::model::Model;
//! use imdb_fast::nn::{Activation, Architecture, Dense};
//!
//! let layer = Dense { units: 16, activation: Activation::Relu };
//! let architecture = Architecture::new(10_000, &[layer, layer])?;
//! assert_eq!(architecture.parameters(), 160_305);
//! let model = Model::new(architecture, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Compile it
//!
//! The optimizer rmsprop, the loss binary crossentropy, and the accuracy beside it: defaults once more.
//!
//! ```sh
//! imdb-fast train imdb --optimizer rmsprop --loss binary_crossentropy --metrics accuracy --epochs 4 --out written-out
//! ```
//! ```text
//! epoch 1/4  loss 0.5918  accuracy 0.7284  val_loss 0.4882  val_accuracy 0.8594  1,109,537 reviews/s
//! epoch 2/4  loss 0.3933  accuracy 0.8801  val_loss 0.3637  val_accuracy 0.8670  1,437,169 reviews/s
//! epoch 3/4  loss 0.2861  accuracy 0.9105  val_loss 0.3206  val_accuracy 0.8765  3,292,632 reviews/s
//! epoch 4/4  loss 0.2259  accuracy 0.9278  val_loss 0.2889  val_accuracy 0.8891  3,164,053 reviews/s
//! ```
//!
//! ```
//! use imdb_fast::nn::BinaryCrossentropy;
//! use imdb_fast::optimizer::RmsProp;
//! use imdb_fast::train::{Accuracy, FitOptions};
//!
//! let options = FitOptions {
//!     loss: Box::new(BinaryCrossentropy),
//!     optimizer: Box::new(RmsProp::default()),
//!     metrics: vec![Box::new(Accuracy::default())],
//!     ..FitOptions::default()
//! };
//! # assert!(options.check().is_ok());
//! ```
//!
//! # Configure the optimizer
//!
//! The book passes an optimizer with a learning rate of its own. Parameters have Keras' names and defaults.
//!
//! ```sh
//! imdb-fast train imdb --optimizer rmsprop:learning_rate=0.01 --epochs 4 --out faster
//! ```
//! ```text
//! epoch 1/4  loss 0.5225  accuracy 0.7317  val_loss 0.3153  val_accuracy 0.8827  1,189,078 reviews/s
//! epoch 2/4  loss 0.2891  accuracy 0.8855  val_loss 0.2751  val_accuracy 0.8909  1,610,005 reviews/s
//! epoch 3/4  loss 0.2151  accuracy 0.9199  val_loss 0.5002  val_accuracy 0.8075  1,517,957 reviews/s
//! epoch 4/4  loss 0.1756  accuracy 0.9369  val_loss 0.3157  val_accuracy 0.8864  1,335,354 reviews/s
//! ```
//!
//! ```
//! use imdb_fast::optimizer::{self, RmsProp};
//!
//! let in_code = RmsProp { learning_rate: 0.01, ..RmsProp::default() };
//! let by_name = optimizer::parse("rmsprop:learning_rate=0.01", None)?;
//! assert_eq!(format!("{in_code:?}"), format!("{by_name:?}"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Custom losses and metrics
//!
//! The book passes functions. The command knows 3 losses and 5 metrics by name.
//!
//! ```sh
//! imdb-fast train imdb --loss mean_squared_error --metrics accuracy,auc --epochs 4 --out other-loss
//! ```
//! ```text
//! epoch 1/4  loss 0.2082  accuracy 0.7191  auc 0.8422  val_loss 0.1682  val_accuracy 0.8438  val_auc 0.9192  690,303 reviews/s
//! epoch 2/4  loss 0.1316  accuracy 0.8736  auc 0.9434  val_loss 0.1202  val_accuracy 0.8621  val_auc 0.9471  893,409 reviews/s
//! epoch 3/4  loss 0.0945  accuracy 0.9019  auc 0.9615  val_loss 0.1015  val_accuracy 0.8775  val_auc 0.9484  1,048,803 reviews/s
//! epoch 4/4  loss 0.0744  accuracy 0.9214  auc 0.9718  val_loss 0.0916  val_accuracy 0.8852  val_auc 0.9538  1,466,403 reviews/s
//! ```
//!
//! A function of one's own is a [`Loss`] or a [`Metric`]; the documentation of each shows one, and so does the example
//! `own_parts`.
//!
//! # Hold out 10,000 reviews
//!
//! The first 10,000 training reviews validate, the other 15,000 are trained on: the default, in full `--validation 10000`. A part
//! (`0.4`), the test split (`test`) and nothing (`0`) are others; see [`Holdout`]. No array is cut; rows are numbers.
//!
//! # Fit
//!
//! 20 epochs in batches of 512:
//!
//! ```sh
//! imdb-fast train imdb
//! ```
//! ```text
//! epoch  1/20  loss 0.5918  accuracy 0.7284  val_loss 0.4882  val_accuracy 0.8594  1,506,468 reviews/s
//! epoch  2/20  loss 0.3933  accuracy 0.8801  val_loss 0.3637  val_accuracy 0.8670  2,319,076 reviews/s
//! epoch  3/20  loss 0.2861  accuracy 0.9105  val_loss 0.3206  val_accuracy 0.8765  1,550,754 reviews/s
//! epoch  4/20  loss 0.2259  accuracy 0.9278  val_loss 0.2889  val_accuracy 0.8891  3,184,412 reviews/s
//! epoch  5/20  loss 0.1869  accuracy 0.9388  val_loss 0.2856  val_accuracy 0.8889  2,094,984 reviews/s
//! epoch  6/20  loss 0.1594  accuracy 0.9497  val_loss 0.2772  val_accuracy 0.8893  1,885,143 reviews/s
//! epoch  7/20  loss 0.1341  accuracy 0.9584  val_loss 0.3046  val_accuracy 0.8798  2,748,858 reviews/s
//! ...
//! epoch 19/20  loss 0.0152  accuracy 0.9980  val_loss 0.6357  val_accuracy 0.8641  1,882,049 reviews/s
//! epoch 20/20  loss 0.0155  accuracy 0.9981  val_loss 0.5613  val_accuracy 0.8707  1,908,702 reviews/s
//! 20 epochs in 0.246 s on 2 threads, 2,033,047 reviews/s
//! the validation loss was lowest at epoch 6: 0.2772, accuracy 0.8893
//! training beyond it overfits; to train on all reviews up to there:
//!   imdb-fast train imdb --epochs 6 --validation 0
//! wrote model, history and curves to run
//! ```
//!
//! In words: the run remarks by itself what the book reads off its curves, and names the command that comes next.
//!
//! ```
//! # use imdb_fast::container::Access;
//! # use imdb_fast::dataset::{self, Dataset};
//! # use imdb_fast::import::{self, ImportOptions, KerasOptions};
//! # let folder = tempfile::tempdir()?;
//! # let keras = KerasOptions { num_words: Some(600), ..KerasOptions::default() };
//! # let mut reviews = import::open("data/sample.npz".as_ref(), &ImportOptions { keras, ..ImportOptions::default() })?;
//! # let path = folder.path().join("sample.safetensors");
//! # dataset::write(&mut *reviews, &path)?;
//! # let dataset = Dataset::open(&path, Access::Map)?;
//! # use imdb_fast::model::Model;
//! # use imdb_fast::nn::{Activation, Architecture, Dense};
//! # let layer = Dense { units: 16, activation: Activation::Relu };
//! # let mut model = Model::new(Architecture::new(dataset.features(), &[layer, layer])?, 0);
//! use imdb_fast::dataset::Holdout;
//! use imdb_fast::report::csv::history_csv;
//! use imdb_fast::report::plot::curves_svg;
//! use imdb_fast::train::{FitOptions, Silent, Team, TrainPlan, fit};
//!
//! let options = FitOptions { validation: Holdout::First(100), ..FitOptions::default() };
//! let plan = TrainPlan::new(&dataset, &model, options)?;
//! let outcome = fit(&plan, &mut model, &Team::new(0)?, &mut Silent)?;
//!
//! // The keys of the history, and the curves.
//! let keys: Vec<&str> = outcome.history.series().map(|(key, _)| key).collect();
//! assert_eq!(keys, ["loss", "accuracy", "val_loss", "val_accuracy"]);
//! println!("{}", history_csv(&outcome.history));
//! std::fs::write(folder.path().join("curves.svg"), curves_svg(&outcome.history)).unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An [`Observer`](crate::train::Observer) in place of `Silent` hears of every batch and epoch, may stop the run,
//! and may look at the network on the way ([`Snapshot::model`](crate::train::Snapshot::model)).
//!
//! # The history
//!
//! The book asks for the keys of `history.history`. `run/history.json` has the same four under `history`: `loss`, `accuracy`,
//! `val_loss`, `val_accuracy`, a value an epoch, besides the options and the environment of the run. `run/history.csv` has a line
//! an epoch.
//!
//! # Plot loss and accuracy
//!
//! `train` has drawn both already, side by side, in `run/curves.svg` and `run/curves.png`: dots for training and a line for
//! validation, as in the book, and a ring where the validation loss is lowest. Again, or from a history of Keras:
//!
//! ```sh
//! imdb-fast plot run/history.json -o again.svg
//! imdb-fast report run -o report.html
//! ```
//!
//! `report` makes a page of a run, with these curves and more.
//!
//! # Train anew for 4 epochs
//!
//! On all 25,000 reviews, from new weights:
//!
//! ```sh
//! imdb-fast train imdb --epochs 4 --validation 0 --out final
//! ```
//! ```text
//! epoch 1/4  loss 0.5371  accuracy 0.7678  473,360 reviews/s
//! epoch 2/4  loss 0.3129  accuracy 0.8968  1,009,270 reviews/s
//! epoch 3/4  loss 0.2331  accuracy 0.9170  1,269,244 reviews/s
//! epoch 4/4  loss 0.1943  accuracy 0.9310  1,281,707 reviews/s
//! 4 epochs in 0.145 s on 2 threads, 690,335 reviews/s
//! wrote model, history and curves to final
//! ```
//!
//! In code it is a new [`Model::new`] and [`Holdout::None`].
//!
//! # Evaluate
//!
//! ```sh
//! imdb-fast evaluate final/model.safetensors imdb
//! ```
//! ```text
//! reviews    25,000
//! loss       0.2807
//! accuracy   0.8896
//! precision  0.8825
//! recall     0.8988
//! f1         0.8906
//! auc        0.9526
//!
//!                  predicted negative  predicted positive
//! actual negative              11,004               1,496
//! actual positive               1,265              11,235
//! ```
//!
//! The book reaches an accuracy of about 0.88. With the seeds 0 to 39 it is 0.883 on average here.
//!
//! ```
//! # use imdb_fast::container::Access;
//! # use imdb_fast::dataset::{self, Dataset, Holdout};
//! # use imdb_fast::import::{self, ImportOptions, KerasOptions};
//! # use imdb_fast::model::Model;
//! # use imdb_fast::nn::{Activation, Architecture, Dense};
//! # use imdb_fast::train::{FitOptions, Silent, TrainPlan, fit};
//! # let folder = tempfile::tempdir()?;
//! # let options = ImportOptions {
//! #     word_index: Some("data/sample_word_index.json".into()),
//! #     keras: KerasOptions { num_words: Some(600), ..KerasOptions::default() },
//! #     ..ImportOptions::default()
//! # };
//! # let mut reviews = import::open("data/sample.npz".as_ref(), &options)?;
//! # let path = folder.path().join("sample.safetensors");
//! # dataset::write(&mut *reviews, &path)?;
//! # let dataset = Dataset::open(&path, Access::Map)?;
//! # let layer = Dense { units: 16, activation: Activation::Relu };
//! # let mut model = Model::new(Architecture::new(dataset.features(), &[layer, layer])?, 0);
//! # let options = FitOptions { batch_size: 16, validation: Holdout::None, ..FitOptions::default() };
//! # fit(&TrainPlan::new(&dataset, &model, options)?, &mut model, &imdb_fast::train::Team::new(0)?, &mut Silent)?;
//! use imdb_fast::answer::Judge;
//! use imdb_fast::dataset::Split;
//! use imdb_fast::nn::BinaryCrossentropy;
//! use imdb_fast::train::{Team, evaluate, predict};
//!
//! let team = Team::new(0)?;
//! let reached = evaluate(&model, &dataset, Split::Test, &BinaryCrossentropy, &team)?;
//! println!("{} {}", reached.loss, reached.accuracy);
//!
//! // The probabilities of rows come in stretches, in order.
//! let mut all = Vec::new();
//! predict(&model, &dataset, Split::Test, 0..10, &team, |_, _, probabilities| {
//!     all.extend_from_slice(probabilities);
//!     Ok(())
//! })?;
//! assert_eq!(all.len(), 10);
//!
//! // Those of text need the words and the rules by which text becomes ids.
//! model.take_words(&dataset);
//! let answer = Judge::new(&model, &team)?.explain("I loved the script!")?;
//! println!("{}: {:?}", answer.probability, answer.parts[0]);
//! # assert!(reached.accuracy > 0.7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Predict
//!
//! ```sh
//! imdb-fast predict final/model.safetensors imdb --rows 0..5
//! ```
//! ```text
//! 0.9561343
//! 0.07313114
//! 0.0056284205
//! 0.006288189
//! 0.9349971
//! ```
//!
//! What the book has no block for: a sentence of one's own, and why. This was printed on a terminal, which shows it in colours.
//!
//! ```sh
//! imdb-fast predict final/model.safetensors --text 'Not bad at all, was it?' --explain
//! ```
//! ```text
//! review 1: 0.3232 negative
//!   not bad at all was it
//!   -0.0896  bad
//!   -0.0197  not
//!   -0.0170  was
//!   -0.0090  it
//!   -0.0077  at
//!   -0.0070  all
//! ```
//!
//! # Further experiments
//!
//! The book proposes one or three hidden layers, 32 or 64 units, mean squared error, tanh.
//!
//! ```sh
//! imdb-fast sweep imdb --book -o sweep
//! imdb-fast report sweep -o sweep.html
//! ```
//! ```text
//!     configuration       parameters  runs  epoch         val_loss     val_accuracy
//! 1.  1 hidden layer         160,033     5      6  0.2748 ± 0.0037  0.8907 ± 0.0011
//! 2.  the book's model       160,305     5      4  0.2799 ± 0.0060  0.8885 ± 0.0020
//! 3.  32 units               321,121     5      2  0.2986 ± 0.0082  0.8878 ± 0.0046
//! 4.  tanh                   160,305     5      2  0.2986 ± 0.0070  0.8868 ± 0.0027
//! 5.  mean squared error     160,305     5      5  0.0868 ± 0.0033  0.8866 ± 0.0028
//! 6.  3 hidden layers        160,577     5      4  0.2858 ± 0.0177  0.8850 ± 0.0065
//! 7.  64 units               644,289     5      6  0.3089 ± 0.0121  0.8843 ± 0.0034
//! ```
//!
//! One of them by itself is a matter of options:
//!
//! ```sh
//! imdb-fast train imdb --hidden 64,64 --activation tanh --loss mean_squared_error --out experiment
//! ```
//!
//! Beyond the book, to 92 % and more: [`recipes`](crate::guide::recipes).
//!
//! [`import::open`]: crate::import::open
//! [`dataset::write`]: crate::dataset::write
//! [`Dataset::open`]: crate::dataset::Dataset::open
//! [`Dataset::sequence`]: crate::dataset::Dataset::sequence
//! [`Dataset::labels`]: crate::dataset::Dataset::labels
//! [`Dataset::features`]: crate::dataset::Dataset::features
//! [`Dataset::csr`]: crate::dataset::Dataset::csr
//! [`Vocabulary::word`]: crate::text::Vocabulary::word
//! [`Architecture::new`]: crate::nn::Architecture::new
//! [`Model::new`]: crate::model::Model::new
//! [`FitOptions`]: crate::train::FitOptions
//! [`RmsProp`]: crate::optimizer::RmsProp
//! [`Loss`]: crate::nn::Loss
//! [`Metric`]: crate::train::Metric
//! [`Holdout`]: crate::dataset::Holdout
//! [`Holdout::First`]: crate::dataset::Holdout::First
//! [`Holdout::None`]: crate::dataset::Holdout::None
//! [`TrainPlan::new`]: crate::train::TrainPlan::new
//! [`fit`]: crate::train::fit()
//! [`History::series`]: crate::train::History::series
//! [`curves_svg`]: crate::report::plot::curves_svg
//! [`evaluate`]: crate::train::evaluate()
//! [`predict`]: crate::train::predict()
//! [`Judge`]: crate::answer::Judge
