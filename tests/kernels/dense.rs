//! The layers behind the first, against products in `f64`.

use imdb_fast::kernel::{
    Level, add_bias, add_d_bias, dense_d_input, dense_d_kernel, dense_forward,
};

use super::{WIDTHS, assert_panics, assert_same, ordinary, random, special};

/// Inputs and units, and why each.
const SHAPES: &[(usize, usize, &str)] = &[
    (1, 1, "the smallest"),
    (16, 1, "the output behind a line"),
    (20, 1, "the output behind a line and a rest"),
    (16, 16, "a constant"),
    (20, 10, "rests of lines"),
    (36, 18, "lines with rests of four and of two"),
    (32, 48, "whole lines, more than one"),
    (64, 64, "the largest that is ours at all levels"),
    (65, 3, "beyond that, with more inputs"),
    (3, 65, "beyond that, with more units"),
    (128, 130, "ours at the portable level, in several panels"),
];

/// Groups of 8 and of 2 rows with rests, and no row at all.
const ROWS: [usize; 7] = [0, 1, 2, 7, 8, 9, 64];

/// Half a unit of the last place of 1.
const ROUNDING: f64 = f32::EPSILON as f64 / 2.0;

/// Sums of products, and by how much they may be off: `n` additions and a product, each rounded, in any order and fused or
/// not, err by at most `n + 1` roundings of the sum of the products' absolute values (Higham, Accuracy and Stability of
/// Numerical Algorithms, section 3.1), to first order.
struct Sums {
    values: Vec<f64>,
    bounds: Vec<f64>,
}

impl Sums {
    /// `terms` of each sum, of which there are `count`.
    fn new<T: Iterator<Item = (f32, f32)>>(count: usize, terms: impl Fn(usize) -> T) -> Sums {
        let (mut values, mut bounds) = (Vec::new(), Vec::new());
        for at in 0..count {
            let products = terms(at).map(|(a, b)| f64::from(a) * f64::from(b));
            let (mut value, mut size, mut n) = (0.0, 0.0, 0.0);
            for product in products {
                value += product;
                size += product.abs();
                n += 1.0;
            }
            values.push(value);
            bounds.push((n + 1.0) * ROUNDING * size);
        }
        Sums { values, bounds }
    }

    /// Returns the largest error in parts of its bound.
    fn check(&self, got: &[f32], what: &str) -> f64 {
        assert_eq!(got.len(), self.values.len());
        let mut worst = 0f64;
        for (at, &got) in got.iter().enumerate() {
            let (value, bound) = (self.values[at], self.bounds[at]);
            let error = (f64::from(got) - value).abs();
            assert!(error <= bound, "{what}: value {at} is {got}, not {value} within {bound}");
            worst = worst.max(if error == 0.0 { 0.0 } else { error / bound });
        }
        worst
    }
}

#[test]
fn products_agree_with_wider_ones() {
    let mut worst = [0f64; 3];
    for &(inputs, units, why) in SHAPES {
        for rows in ROWS {
            let random = &mut random(rows);
            let h = ordinary(random, rows * inputs);
            let d = ordinary(random, rows * units);
            let kernel = ordinary(random, inputs * units);
            let bias = ordinary(random, units);
            let forward = Sums::new(rows * units, |at| {
                let (row, unit) = (at / units, at % units);
                let (h, kernel, start) = (&h, &kernel, (bias[unit], 1.0));
                let terms =
                    (0..inputs).map(move |i| (h[row * inputs + i], kernel[i * units + unit]));
                terms.chain([start])
            });
            let d_kernel = Sums::new(inputs * units, |at| {
                let (input, unit) = (at / units, at % units);
                let (h, d, before) = (&h, &d, (kernel[at], 1.0));
                (0..rows).map(move |r| (h[r * inputs + input], d[r * units + unit])).chain([before])
            });
            let d_input = Sums::new(rows * inputs, |at| {
                let (row, input) = (at / inputs, at % inputs);
                let (d, kernel) = (&d, &kernel);
                (0..units).map(move |u| (d[row * units + u], kernel[input * units + u]))
            });
            for level in Level::supported() {
                let what = format!("{level}, {rows} rows, {inputs} by {units} ({why})");
                // What is replaced, not added to, may have been anything.
                let mut z = vec![f32::NAN; rows * units];
                dense_forward(level, &h, &kernel, &bias, &mut z);
                worst[0] = worst[0].max(forward.check(&z, &format!("forward, {what}")));
                let mut gradient = kernel.clone();
                dense_d_kernel(level, &h, &d, units, &mut gradient);
                worst[1] = worst[1].max(d_kernel.check(&gradient, &format!("d_kernel, {what}")));
                let mut d_h = vec![f32::NAN; rows * inputs];
                dense_d_input(level, &d, &kernel, units, &mut d_h);
                worst[2] = worst[2].max(d_input.check(&d_h, &format!("d_input, {what}")));
                // A row's bits do not depend on how many rows there are.
                let mut alone = vec![f32::NAN; rows * units];
                for (h, z) in h.chunks_exact(inputs).zip(alone.chunks_exact_mut(units)) {
                    dense_forward(level, h, &kernel, &bias, z);
                }
                assert_same(&alone, &z, &format!("forward, {what}"));
                let mut alone = vec![f32::NAN; rows * inputs];
                for (d, d_h) in d.chunks_exact(units).zip(alone.chunks_exact_mut(inputs)) {
                    dense_d_input(level, d, &kernel, units, d_h);
                }
                assert_same(&alone, &d_h, &format!("d_input, {what}"));
            }
        }
    }
    println!("forward, d_kernel, d_input: {worst:.2?} of their bounds");
}

/// Additions only, row by row: the same bits at every level.
#[test]
fn biases_give_the_same_bits() {
    for &(units, why) in WIDTHS {
        for (rows, values) in [(0, ordinary as fn(&mut _, _) -> _), (1, ordinary), (9, special)] {
            let random = &mut random(units);
            let (bias, z) = (values(random, units), values(random, rows * units));
            let mut expected = z.clone();
            let mut expected_d = bias.clone();
            for at in 0..rows * units {
                expected[at] += bias[at % units];
                expected_d[at % units] += z[at];
            }
            for level in Level::supported() {
                let what = format!("{level}, {rows} rows, {units} units ({why})");
                let mut got = z.clone();
                add_bias(level, &bias, &mut got);
                assert_same(&got, &expected, &what);
                let mut got = bias.clone();
                add_d_bias(level, &z, &mut got);
                assert_same(&got, &expected_d, &what);
            }
        }
    }
}

#[test]
fn shapes_that_do_not_fit_panic() {
    for (inputs, units) in [(16, 16), (20, 10), (65, 3)] {
        let zeros = vec![0.0; 3 * 65];
        let (h, d, kernel) = (&zeros[..2 * inputs], &zeros[..2 * units], vec![0.0; inputs * units]);
        assert_panics("a row of h too few", |level| {
            dense_forward(level, &h[inputs..], &kernel, &zeros[..units], &mut d.to_vec());
        });
        assert_panics("a value of h too few", |level| {
            dense_d_kernel(level, &h[1..], d, units, &mut kernel.clone());
        });
        assert_panics("a row of d_h too few", |level| {
            dense_d_input(level, d, &kernel, units, &mut h[inputs..].to_vec());
        });
        assert_panics("a kernel of no whole rows", |level| {
            dense_d_input(level, d, &kernel[1..], units, &mut h.to_vec());
        });
        assert_panics("a kernel without inputs", |level| {
            dense_d_kernel(level, &[], d, units, &mut []);
        });
    }
}
