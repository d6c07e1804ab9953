//! How it works, from the outside in.
//!
//! - **No row of zeros.** The first layer sums and updates 16-wide weight rows, a cache line each, by lists of 16-bit word ids.
//!   The first 64 words, where most reviews have many of them, are bits of one number instead: the sums of every four of their
//!   rows are tabulated, and sixteen of those make a review's sum, or a word's gradient over 64 reviews, however many bits are
//!   set.
//! - **Weight rows hardly travel.** The features are cut into three or four shards (into one, for one thread, where a batch has
//!   few words); each belongs to one thread, with its weights, gradient and optimizer state, and moves to another only where one
//!   core turns out faster than the other. Right after a shard has updated its rows it sums them for the batch that comes next,
//!   while they are near. Only a review's sums go from core to core. The order of all additions is fixed, so the bits are the
//!   same on 1, 2, 3, 8 or 64 threads. So the first layer keeps up to three or four threads busy, and the layers behind it one for
//!   each 64 reviews of a batch; threads beyond them are left out. Sweeps and ensembles have one thread a run, and use all.
//! - **Exact lazy optimizers.** rmsprop without momentum (centered too), sgd without momentum and adagrad touch only the rows
//!   whose gradient is not zero, and make up for the skipped steps when a row's turn comes: the result is that of Keras' sweep
//!   over all rows, to rounding. Where a batch touches most rows of a shard, sweeping all of them is cheaper, and done. Adam and
//!   all forms with momentum, weight decay or L2 move weights in every step, so every row is swept in every step: replaying the
//!   skipped steps one by one would cost the same, and a closed form would not round as Keras does.
//! - **Kernels** for AVX-512, AVX2 and any other CPU, written once in lanes and chosen when the program starts
//!   ([`kernel::Level`](crate::kernel::Level)); `IMDB_FAST_KERNEL=portable|avx2|avx512` forces one. The first layer's sums agree
//!   to the bit between them. Widths that are no multiple of 16 have kernels that work in pieces of 4, 8 or 16 columns.
//! - **No fork and join.** Threads meet at a barrier, where they look for each other as long as that has been worth it of late,
//!   and then sleep: a run goes on well beside other programs that keep all cores busy.
//!
//! # Large files, large vocabularies
//!
//! Up to 2^26 features. The cost of a step follows the words of its batch, and the memory level that the weights fall into.
//! A training split of more than 262,144 reviews is trained on a window at a time, so besides the weights and the optimizer's
//! state some 11 MB are all that is kept; the pages of the next window are asked for ahead. A gradient as large as the weights
//! comes to it where every row moves in every step (Adam, momentum, decay, L2), a copy of the weights each for `--keep-best` and
//! `--average-weights`, some 50 bytes a review that is held out (of the first 262,144), four bytes a review for `--row-norm l2`,
//! and of an embedding the words of all reviews, counted: up to twice what their sequences take in the file. Above
//! 1 GiB of words the shuffle is blocked: chunks of about 4,096 neighbouring reviews come in any order, and the reviews of 64
//! chunks are mixed. Each review still comes once an epoch. Where neighbours are alike, as in a file sorted by class, the share
//! of a class in a window varies by up to 6 % (standard deviation). `import` puts texts that are sorted by class in another
//! order, and there it changes nothing; libsvm and other files stay in theirs.
//! `--shuffle full|blocked|none` chooses.
