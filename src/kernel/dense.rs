//! The layers behind the first: small ones by loops of ours, large ones by matrixmultiply.

#![allow(unsafe_code)]

use super::Level;
use super::small::{AddBias, BiasGradient, Forward, InputGradient, KernelGradient, MOST_UNITS};

/// Whether our own loops take a layer: where they win, and wherever the portable level is asked for, since matrixmultiply
/// chooses its instructions by itself.
fn is_ours(level: Level, inputs: usize, units: usize) -> bool {
    inputs.max(units) <= MOST_UNITS || level == Level::portable()
}

/// `z = h kernel + bias`: `h` is `[rows, inputs]`, `kernel` `[inputs, units]`, `bias` `[units]`, `z` `[rows, units]`.
///
/// # Panics
/// If the shapes do not fit each other.
pub fn dense_forward(level: Level, h: &[f32], kernel: &[f32], bias: &[f32], z: &mut [f32]) {
    let (rows, inputs, units) = shape(z.len(), kernel.len(), bias.len());
    assert_eq!(h.len(), rows * inputs, "h is [rows, inputs]");
    if is_ours(level, inputs, units) {
        return level.run(Forward { h, kernel, bias, z });
    }
    for z in z.chunks_exact_mut(units) {
        z.copy_from_slice(bias);
    }
    matmul(Matrix::new(h, rows, inputs), Matrix::new(kernel, inputs, units), 1.0, z);
}

/// `d_kernel += h^T d`: `h` is `[rows, inputs]`, `d` `[rows, units]`, `d_kernel` `[inputs, units]`.
///
/// # Panics
/// If the shapes do not fit each other.
pub fn dense_d_kernel(level: Level, h: &[f32], d: &[f32], units: usize, d_kernel: &mut [f32]) {
    let (rows, inputs, units) = shape(d.len(), d_kernel.len(), units);
    assert_eq!(h.len(), rows * inputs, "h is [rows, inputs]");
    if is_ours(level, inputs, units) {
        return level.run(KernelGradient { h, d, units, d_kernel });
    }
    let h = Matrix::new(h, rows, inputs).transposed();
    matmul(h, Matrix::new(d, rows, units), 1.0, d_kernel);
}

/// `d_h = d kernel^T`: `d` is `[rows, units]`, `kernel` `[inputs, units]`, `d_h` `[rows, inputs]`.
///
/// # Panics
/// If the shapes do not fit each other.
pub fn dense_d_input(level: Level, d: &[f32], kernel: &[f32], units: usize, d_h: &mut [f32]) {
    let (rows, inputs, units) = shape(d.len(), kernel.len(), units);
    assert_eq!(d_h.len(), rows * inputs, "d_h is [rows, inputs]");
    if is_ours(level, inputs, units) {
        return level.run(InputGradient { d, kernel, units, d_h });
    }
    let kernel = Matrix::new(kernel, inputs, units).transposed();
    matmul(Matrix::new(d, rows, units), kernel, 0.0, d_h);
}

/// `z += bias` in each row: `z` is `[rows, units]`, `bias` `[units]`.
///
/// # Panics
/// If `z` has no whole number of rows.
pub fn add_bias(level: Level, bias: &[f32], z: &mut [f32]) {
    assert!(z.len().is_multiple_of(bias.len()), "whole rows of {}", bias.len());
    level.run(AddBias { bias, z });
}

/// `d_bias += sum over rows of d`: `d` is `[rows, units]`, `d_bias` `[units]`.
///
/// # Panics
/// If `d` has no whole number of rows.
pub fn add_d_bias(level: Level, d: &[f32], d_bias: &mut [f32]) {
    assert!(d.len().is_multiple_of(d_bias.len()), "whole rows of {}", d_bias.len());
    level.run(BiasGradient { d, d_bias });
}

/// Rows, inputs and units, from `rows * units`, `inputs * units` and `units`.
fn shape(outputs: usize, weights: usize, units: usize) -> (usize, usize, usize) {
    let is_whole = weights.is_multiple_of(units) && outputs.is_multiple_of(units);
    assert!(units > 0 && weights > 0 && is_whole, "whole rows of {units}, one at least");
    (outputs / units, weights / units, units)
}

/// A row-major matrix, or the transpose of one.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
}

impl<'a> Matrix<'a> {
    /// `[rows, columns]`, row-major.
    ///
    /// # Panics
    /// If `values` has another length than `rows * columns`.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Matrix<'a> {
        let length = rows.checked_mul(columns);
        assert_eq!(length, Some(values.len()), "a matrix of {rows} x {columns}");
        Matrix { values, rows, columns, row_stride: columns as isize, column_stride: 1 }
    }

    /// Rows and columns exchanged, without a copy.
    pub fn transposed(self) -> Matrix<'a> {
        Matrix {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// `c = a b + beta c`, with `c` row-major `[a.rows, b.columns]`.
///
/// # Panics
/// If the shapes do not fit each other.
pub fn matmul(a: Matrix<'_>, b: Matrix<'_>, beta: f32, c: &mut [f32]) {
    assert_eq!(a.columns, b.rows, "the inner dimensions of a product");
    assert_eq!(a.rows.checked_mul(b.columns), Some(c.len()), "the shape of a product");
    // SAFETY: `Matrix::new` has checked that strides and dimensions stay within each slice, and `c` has just been
    // checked; `c` is borrowed mutably, so it overlaps neither.
    unsafe {
        matrixmultiply::sgemm(
            a.rows,
            a.columns,
            b.columns,
            1.0,
            a.values.as_ptr(),
            a.row_stride,
            a.column_stride,
            b.values.as_ptr(),
            b.row_stride,
            b.column_stride,
            beta,
            c.as_mut_ptr(),
            b.columns as isize,
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_and_without_transposes() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let a = Matrix::new(&a, 2, 3);
        let mut c = [1.0; 4];
        matmul(a, a.transposed(), 0.0, &mut c);
        assert_eq!(c, [14.0, 32.0, 32.0, 77.0]);
        let mut c = [1.0; 9];
        matmul(a.transposed(), a, 1.0, &mut c);
        assert_eq!(c, [18.0, 23.0, 28.0, 23.0, 30.0, 37.0, 28.0, 37.0, 46.0]);
    }

    #[test]
    #[should_panic = "the shape of a product"]
    fn a_product_of_no_values_has_no_more_of_them_than_a_slice() {
        let many = 1 << (usize::BITS / 2);
        let (a, b) = (Matrix::new(&[], many, 0), Matrix::new(&[], 0, many));
        matmul(a, b, 0.0, &mut []);
    }
}
