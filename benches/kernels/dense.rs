//! The products of the layers behind the first, and matrixmultiply's.

use std::hint::black_box;
use std::rc::Rc;

use criterion::Criterion;
use imdb_fast::kernel::{
    Aligned, Level, Matrix, dense_d_input, dense_d_kernel, dense_forward, matmul,
};

use super::common::{assert_close, uniform};
use super::report::{Bound, Case, Report, timed};
use super::{BATCH, BLOCK, REPEATS, group};

/// A dense layer of as many units as inputs, over a batch in blocks.
struct Layer {
    n: usize,
    h: Aligned,
    kernel: Aligned,
    bias: Vec<f32>,
}

/// The three products of a layer.
#[derive(Debug, Clone, Copy)]
enum Product {
    Forward,
    KernelGradient,
    InputGradient,
}

impl Product {
    fn name(self) -> &'static str {
        match self {
            Product::Forward => "dense_forward",
            Product::KernelGradient => "dense_d_kernel",
            Product::InputGradient => "dense_d_input",
        }
    }
}

impl Layer {
    fn new(n: usize) -> Layer {
        Layer {
            n,
            h: Aligned::from(&uniform(BATCH * n, 1.0, 3)[..]),
            kernel: Aligned::from(&uniform(n * n, 0.2, 4)[..]),
            bias: uniform(n, 0.1, 5),
        }
    }

    /// Numbers that a product leaves: a gradient is one for all blocks.
    fn outputs(&self, product: Product) -> usize {
        match product {
            Product::KernelGradient => self.n * self.n,
            Product::Forward | Product::InputGradient => BATCH * self.n,
        }
    }

    /// A product of all blocks, by our kernels or, without a level, by matrixmultiply. What comes back through the layer has
    /// the same values as what goes forward.
    fn run(&self, product: Product, level: Option<Level>, out: &mut [f32]) {
        let n = self.n;
        if let Product::KernelGradient = product {
            for h in self.h.chunks_exact(BLOCK * n) {
                match level {
                    Some(level) => dense_d_kernel(level, h, h, n, out),
                    None => {
                        let h = Matrix::new(h, BLOCK, n);
                        matmul(h.transposed(), h, 1.0, out);
                    }
                }
            }
            return;
        }
        for (h, out) in self.h.chunks_exact(BLOCK * n).zip(out.chunks_exact_mut(BLOCK * n)) {
            let matrices = || (Matrix::new(h, BLOCK, n), Matrix::new(&self.kernel, n, n));
            match (product, level) {
                (Product::Forward, Some(level)) => {
                    dense_forward(level, h, &self.kernel, &self.bias, out);
                }
                (Product::Forward, None) => {
                    out.chunks_exact_mut(n).for_each(|row| row.copy_from_slice(&self.bias));
                    matmul(matrices().0, matrices().1, 1.0, out);
                }
                (_, Some(level)) => dense_d_input(level, h, &self.kernel, n, out),
                (_, None) => matmul(matrices().0, matrices().1.transposed(), 0.0, out),
            }
        }
    }

    /// The same by the definition, in double precision.
    fn expected(&self, product: Product) -> Vec<f32> {
        let n = self.n;
        let (h, kernel) = (|row: usize, i: usize| f64::from(self.h[row * n + i]), &self.kernel);
        let kernel = |i: usize, j: usize| f64::from(kernel[i * n + j]);
        let value = |at: usize| {
            let (row, column) = (at / n, at % n);
            match product {
                Product::Forward => {
                    let sum: f64 = (0..n).map(|i| h(row, i) * kernel(i, column)).sum();
                    sum + f64::from(self.bias[column])
                }
                Product::KernelGradient => (0..BATCH).map(|r| h(r, row) * h(r, column)).sum(),
                Product::InputGradient => (0..n).map(|j| h(row, j) * kernel(column, j)).sum(),
            }
        };
        (0..self.outputs(product)).map(|at| value(at) as f32).collect()
    }
}

pub fn products(criterion: &mut Criterion, report: &mut Report<'_>) {
    for product in [Product::Forward, Product::KernelGradient, Product::InputGradient] {
        for n in [16, 32, 64, 128] {
            let layer = Rc::new(Layer::new(n));
            let expected = layer.expected(product);
            let operations = REPEATS * 2 * BATCH * n * n;
            let mut group = group(criterion, product.name(), "operations", operations);
            for level in Level::supported().into_iter().map(Some).chain([None]) {
                let by = level.map_or("matrixmultiply", Level::name);
                let mut out = Aligned::zeros(layer.outputs(product));
                layer.run(product, level, &mut out);
                assert_close(&out, &expected, 1e-4, product.name());
                let layer = layer.clone();
                let case = Case {
                    kernel: format!("{}, {n} x {n}", product.name()),
                    by,
                    bounds: vec![Bound::Operations(operations)],
                    run: timed(move || {
                        out.fill(0.0);
                        (0..REPEATS).for_each(|_| black_box(&layer).run(product, level, &mut out));
                    }),
                };
                report.time(&mut group, &format!("{n} x {n}, {by}"), case);
            }
            group.finish();
        }
    }
}
