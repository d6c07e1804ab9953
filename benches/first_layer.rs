//! How fast is the first layer? One batch of 512 reviews times the weights: our sums of rows, sprs' product of a sparse
//! and a dense matrix, and the product of rows of zeros and ones, as Keras computes it. And the way back.

mod common;

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use imdb_fast::dataset::Split;
use imdb_fast::kernel::{
    Aligned, Level, Matrix, Span, Sum, Table, gather_sum, matmul, scatter_add,
};
use ndarray::{ArrayView2, ArrayViewMut2};
use sprs::CsMatViewI;

use common::{Elements, Journal, Reviews, Work, assert_close, best_time, shuffled, uniform};

/// Reviews of the batch, as the book has them.
const BATCH: usize = 512;

/// Widths whose rows are whole cache lines and have kernels of their own.
const LINES: [usize; 3] = [16, 32, 64];

/// Widths of the general kernel: less than a line, lines and a rest, and lines without a constant.
const OTHERS: [usize; 5] = [8, 20, 24, 48, 100];

/// Additions in another order, and products by a factor of one: 131 terms, each rounded once.
const TOLERANCE: f32 = 1e-5;

/// Some reviews in compressed sparse rows.
struct Batch {
    origin: &'static str,
    features: usize,
    indptr: Vec<u64>,
    indices: Vec<u16>,
    ones: Vec<f32>,
}

impl Batch {
    /// Reviews of the train split, drawn at random.
    fn draw(reviews: &Reviews) -> Batch {
        let (indptr, indices) = reviews.narrow(Split::Train);
        let mut batch = Batch {
            origin: reviews.origin,
            features: reviews.dataset.features(),
            indptr: vec![0],
            indices: Vec::new(),
            ones: Vec::new(),
        };
        for row in shuffled(indptr.len() - 1).into_iter().take(BATCH) {
            let row = row as usize;
            batch.indices.extend(&indices[indptr[row] as usize..indptr[row + 1] as usize]);
            batch.indptr.push(batch.indices.len() as u64);
        }
        batch.ones = vec![1.0; batch.indices.len()];
        batch
    }

    fn rows(&self) -> usize {
        self.indptr.len() - 1
    }

    fn work(&self) -> Work {
        Work { reviews: self.rows(), nonzeros: self.indices.len() }
    }

    /// Starts the group of all ways.
    fn group<'a>(&self, criterion: &'a mut Criterion) -> BenchmarkGroup<'a, WallTime> {
        let name = "first layer of 512 reviews";
        common::group(criterion, name, self.origin, Elements::Nonzeros, self.work())
    }

    /// Where the words of each review stand, the shortest review first, as the trainer sorts them.
    fn spans(&self) -> Vec<Span> {
        let span = |(row, pair): (usize, &[u64])| Span {
            start: pair[0] as usize,
            length: (pair[1] - pair[0]) as u32,
            row: row as u32,
        };
        let mut spans: Vec<Span> = self.indptr.windows(2).enumerate().map(span).collect();
        spans.sort_by_key(|span| span.length);
        spans
    }

    /// The same with a factor for each word, as sprs wants it.
    fn matrix(&self) -> CsMatViewI<'_, f32, u16, u64> {
        let shape = (self.rows(), self.features);
        CsMatViewI::new(shape, &self.indptr, &self.indices, &self.ones)
    }

    /// The rows of zeros and ones, `[rows, features]`.
    fn materialise(&self, dense: &mut [f32]) {
        dense.fill(0.0);
        for (row, pair) in dense.chunks_exact_mut(self.features).zip(self.indptr.windows(2)) {
            for &id in &self.indices[pair[0] as usize..pair[1] as usize] {
                row[usize::from(id)] = 1.0;
            }
        }
    }

    /// The gradient by the definition, in double precision.
    fn expected_gradient(&self, deltas: &[f32], width: usize) -> Vec<f32> {
        let mut gradient = vec![0.0f64; self.features * width];
        for (pair, delta) in self.indptr.windows(2).zip(deltas.chunks_exact(width)) {
            for &id in &self.indices[pair[0] as usize..pair[1] as usize] {
                let row = &mut gradient[usize::from(id) * width..][..width];
                row.iter_mut().zip(delta).for_each(|(sum, &delta)| *sum += f64::from(delta));
            }
        }
        gradient.into_iter().map(|sum| sum as f32).collect()
    }

    /// The sums by the definition, in double precision.
    fn expected(&self, weights: &[f32], width: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.rows() * width);
        for pair in self.indptr.windows(2) {
            let mut sums = vec![0.0f64; width];
            for &id in &self.indices[pair[0] as usize..pair[1] as usize] {
                let row = &weights[usize::from(id) * width..][..width];
                sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += f64::from(weight));
            }
            out.extend(sums.into_iter().map(|sum| sum as f32));
        }
        out
    }
}

/// One width, all ways.
struct Product<'a> {
    batch: &'a Batch,
    width: usize,
    weights: Aligned,
    expected: Vec<f32>,
    journal: &'a mut Journal,
}

impl<'a> Product<'a> {
    fn new(batch: &'a Batch, width: usize, journal: &'a mut Journal) -> Product<'a> {
        let weights = Aligned::from(&uniform(batch.features * width, 0.05, 1)[..]);
        let expected = batch.expected(&weights, width);
        Product { batch, width, weights, expected, journal }
    }

    /// Times a way of the product and checks what it has left in its output.
    fn time(&mut self, criterion: &mut Criterion, way: &str, product: impl Fn(&[f32], &mut [f32])) {
        let mut out = Aligned::zeros(self.expected.len());
        let work = self.batch.work();
        let mut group = self.batch.group(criterion);
        let name = format!("width {}, {way}", self.width);
        let best = best_time(&mut group, &name, || product(black_box(&self.weights), &mut out));
        group.finish();
        if best.is_some() {
            assert_close(&out, &self.expected, TOLERANCE, &name);
        }
        self.journal.note(name, best, work);
    }

    fn ours(&mut self, criterion: &mut Criterion) {
        let (batch, width, spans) = (self.batch, self.width, self.batch.spans());
        for level in Level::supported() {
            self.time(criterion, &format!("ours, {level}"), |weights, out| {
                let table = Table::new(weights, 0, width);
                gather_sum(level, table, &batch.indices, &spans, Sum::Store, out);
            });
        }
    }

    /// The way back: deltas of the batch added to the gradient.
    fn backward(&mut self, criterion: &mut Criterion) {
        let (batch, width, spans) = (self.batch, self.width, self.batch.spans());
        let deltas = Aligned::from(&uniform(batch.rows() * width, 0.05, 2)[..]);
        let scatter = |level: Level, gradient: &mut [f32]| {
            scatter_add(level, gradient, 0, width, &batch.indices, &spans, &deltas);
        };
        let expected = batch.expected_gradient(&deltas, width);
        for level in Level::supported() {
            let mut gradient = Aligned::zeros(batch.features * width);
            scatter(level, &mut gradient);
            assert_close(&gradient, &expected, TOLERANCE, "the gradient");
            let work = batch.work();
            let mut group = batch.group(criterion);
            let name = format!("width {width}, back, {level}");
            let best = best_time(&mut group, &name, || scatter(level, &mut gradient));
            group.finish();
            self.journal.note(name, best, work);
        }
    }

    /// What `&csr * &dense` does, without the allocation of its result.
    fn sprs(&mut self, criterion: &mut Criterion) {
        let (batch, width) = (self.batch, self.width);
        let matrix = batch.matrix();
        self.time(criterion, "sprs", |weights, out| {
            out.fill(0.0);
            let weights = ArrayView2::from_shape((batch.features, width), weights);
            let out = ArrayViewMut2::from_shape((batch.rows(), width), out);
            let (weights, out) = (weights.expect("a table"), out.expect("a table"));
            sprs::prod::csr_mulacc_dense_rowmaj(matrix, weights, out);
        });
    }

    /// Rows of zeros and ones through matrixmultiply's `sgemm`, made anew each time or once for all.
    fn dense(&mut self, criterion: &mut Criterion) {
        let (batch, width) = (self.batch, self.width);
        let (rows, features) = (batch.rows(), batch.features);
        let product = |dense: &[f32], weights: &[f32], out: &mut [f32]| {
            let (a, b) =
                (Matrix::new(dense, rows, features), Matrix::new(weights, features, width));
            matmul(a, b, 0.0, out);
        };
        let dense = std::cell::RefCell::new(vec![0.0; rows * features]);
        self.time(criterion, "sgemm, rows made in time", |weights, out| {
            batch.materialise(&mut dense.borrow_mut());
            product(&dense.borrow(), weights, out);
        });
        batch.materialise(&mut dense.borrow_mut());
        let dense = dense.into_inner();
        self.time(criterion, "sgemm, rows made before", |weights, out| {
            product(&dense, weights, out);
        });
    }
}

fn main() {
    let mut criterion = common::criterion();
    let reviews = Reviews::new();
    let batch = Batch::draw(&reviews);
    let mut journal =
        Journal::new(format!("First layer of {} reviews ({})", batch.rows(), reviews.origin));
    for width in LINES.into_iter().chain(OTHERS) {
        let mut product = Product::new(&batch, width, &mut journal);
        product.ours(&mut criterion);
        product.backward(&mut criterion);
        product.sprs(&mut criterion);
        if LINES.contains(&width) {
            product.dense(&mut criterion);
        }
    }
    criterion.final_summary();
    journal.print();
}
