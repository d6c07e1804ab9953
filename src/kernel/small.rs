//! Dense products of small layers: the whole kernel stays in the nearest cache, and sums stay in registers.
//!
//! For layers of a few dozen units this beats a general matrix product, which packs its operands first.

use super::lanes::{Kernel, LANES, Lanes, load_lines};

/// The most units of a small layer, on either side.
pub(super) const MOST_UNITS: usize = 64;

/// `z = h kernel + bias`: `h` is `[rows, inputs]`, `kernel` `[inputs, units]`, `bias` `[units]`, `z` `[rows, units]`.
pub(super) struct Forward<'a> {
    pub(super) h: &'a [f32],
    pub(super) kernel: &'a [f32],
    pub(super) bias: &'a [f32],
    pub(super) z: &'a mut [f32],
}

/// `d_kernel += h^T d`: `h` is `[rows, inputs]`, `d` `[rows, units]`, `d_kernel` `[inputs, units]`.
pub(super) struct KernelGradient<'a> {
    pub(super) h: &'a [f32],
    pub(super) d: &'a [f32],
    pub(super) units: usize,
    pub(super) d_kernel: &'a mut [f32],
}

/// `d_h = d kernel^T`: `d` is `[rows, units]`, `kernel` `[inputs, units]`, `d_h` `[rows, inputs]`.
pub(super) struct InputGradient<'a> {
    pub(super) d: &'a [f32],
    pub(super) kernel: &'a [f32],
    pub(super) units: usize,
    pub(super) d_h: &'a mut [f32],
}

/// `z += bias` in each row: `z` is `[rows, units]`, `bias` `[units]`.
pub(super) struct AddBias<'a> {
    pub(super) bias: &'a [f32],
    pub(super) z: &'a mut [f32],
}

/// `d_bias += sum over rows of d`: `d` is `[rows, units]`, `d_bias` `[units]`.
pub(super) struct BiasGradient<'a> {
    pub(super) d: &'a [f32],
    pub(super) d_bias: &'a mut [f32],
}

impl Kernel for AddBias<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let units = self.bias.len();
        for (part, bias) in self.bias.chunks(LANES).enumerate() {
            let (from, bias) = (part * LANES, V::load_partial(bias));
            for z in self.z.chunks_exact_mut(units) {
                let z = &mut z[from..];
                (V::load_line(z) + bias).store_line(z);
            }
        }
    }
}

impl Kernel for BiasGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let units = self.d_bias.len();
        for (part, d_bias) in self.d_bias.chunks_mut(LANES).enumerate() {
            let from = part * LANES;
            let mut sum = V::load_partial(d_bias);
            for d in self.d.chunks_exact(units) {
                sum = sum + V::load_line(&d[from..]);
            }
            sum.store_partial(d_bias);
        }
    }
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Forward { h, kernel, bias, z } = self;
        match bias {
            [bias] => {
                for (h, z) in h.chunks_exact(kernel.len()).zip(z) {
                    *z = dot::<V>(h, kernel) + bias;
                }
            }
            _ => product::<V>(h, kernel, bias.len(), bias, z),
        }
    }
}

impl Kernel for KernelGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let KernelGradient { h, d, units, d_kernel } = self;
        let inputs = d_kernel.len() / units;
        if units == 1 {
            for from in (0..inputs).step_by(LANES) {
                let to = inputs.min(from + LANES);
                let mut sum = V::load_partial(&d_kernel[from..to]);
                for (h, &d) in h.chunks_exact(inputs).zip(d) {
                    sum = V::load_partial(&h[from..to]).mul_add(V::splat(d), sum);
                }
                sum.store_partial(&mut d_kernel[from..to]);
            }
            return;
        }
        if inputs == LANES && units == LANES {
            return self::square::<V>(h, d, d_kernel);
        }
        for from in (0..units).step_by(LANES) {
            let to = units.min(from + LANES);
            for (input, sums) in d_kernel.chunks_exact_mut(units).enumerate() {
                let mut sum = V::load_partial(&sums[from..to]);
                for (h, d) in h.chunks_exact(inputs).zip(d.chunks_exact(units)) {
                    sum = V::load_partial(&d[from..to]).mul_add(V::splat(h[input]), sum);
                }
                sum.store_partial(&mut sums[from..to]);
            }
        }
    }
}

impl Kernel for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let InputGradient { d, kernel, units, d_h } = self;
        let inputs = kernel.len() / units;
        if units == 1 {
            for (d_h, &d) in d_h.chunks_exact_mut(inputs).zip(d) {
                for (d_h, kernel) in d_h.chunks_mut(LANES).zip(kernel.chunks(LANES)) {
                    (V::splat(d) * V::load_partial(kernel)).store_partial(d_h);
                }
            }
            return;
        }
        if kernel.len() > MOST_UNITS * MOST_UNITS {
            for (d_h, d) in d_h.chunks_exact_mut(inputs).zip(d.chunks_exact(units)) {
                for (d_h, kernel) in d_h.iter_mut().zip(kernel.chunks_exact(units)) {
                    *d_h = dot::<V>(d, kernel);
                }
            }
            return;
        }
        let mut transposed = [0.0; MOST_UNITS * MOST_UNITS];
        let transposed = &mut transposed[..kernel.len()];
        for (input, row) in kernel.chunks_exact(units).enumerate() {
            for (unit, &value) in row.iter().enumerate() {
                transposed[unit * inputs + input] = value;
            }
        }
        product::<V>(d, transposed, inputs, &[], d_h);
    }
}

/// `z = h kernel + bias`, or without a bias where that is empty.
#[inline(always)]
fn product<V: Lanes>(h: &[f32], kernel: &[f32], units: usize, bias: &[f32], z: &mut [f32]) {
    match V::PASS {
        4 => product_of_rows::<V, 8>(h, kernel, units, bias, z),
        _ => product_of_rows::<V, 2>(h, kernel, units, bias, z),
    }
}

/// The same, `ROWS` rows at a time.
#[inline(always)]
fn product_of_rows<V: Lanes, const ROWS: usize>(
    h: &[f32],
    kernel: &[f32],
    units: usize,
    bias: &[f32],
    z: &mut [f32],
) {
    let inputs = kernel.len() / units;
    if inputs == LANES && units == LANES {
        let bias = if bias.is_empty() { V::zero() } else { V::load_partial(bias) };
        let (kernel, h) = (kernel.as_chunks::<LANES>().0, h.as_chunks::<LANES>().0);
        let z = z.as_chunks_mut::<LANES>().0;
        let (h_groups, h_rest) = h.as_chunks::<ROWS>();
        let (z_groups, z_rest) = z.as_chunks_mut::<ROWS>();
        for (h, z) in h_groups.iter().zip(z_groups) {
            square_rows::<V, ROWS>(h, kernel, bias, z);
        }
        for (h, z) in h_rest.iter().zip(z_rest) {
            square_rows::<V, 1>(&[*h], kernel, bias, std::array::from_mut(z));
        }
        return;
    }
    for (h, z) in h.chunks_exact(inputs).zip(z.chunks_exact_mut(units)) {
        for from in (0..units).step_by(LANES) {
            let to = units.min(from + LANES);
            let start = if bias.is_empty() { V::zero() } else { V::load_partial(&bias[from..to]) };
            // Two chains, so that a product need not wait for the one before.
            let mut sums = [start, V::zero()];
            for (i, (&h, kernel)) in h.iter().zip(kernel.chunks_exact(units)).enumerate() {
                sums[i % 2] = V::splat(h).mul_add(V::load_partial(&kernel[from..to]), sums[i % 2]);
            }
            (sums[0] + sums[1]).store_partial(&mut z[from..to]);
        }
    }
}

/// Some rows through a layer of sixteen units on either side.
#[inline(always)]
fn square_rows<V: Lanes, const ROWS: usize>(
    h: &[[f32; LANES]; ROWS],
    kernel: &[[f32; LANES]],
    bias: V,
    z: &mut [[f32; LANES]; ROWS],
) {
    let mut sums = [bias; ROWS];
    for (input, kernel) in kernel.iter().take(LANES).enumerate() {
        let kernel = V::load(kernel);
        for (sum, h) in sums.iter_mut().zip(h) {
            *sum = V::splat(h[input]).mul_add(kernel, *sum);
        }
    }
    for (sum, z) in sums.into_iter().zip(z) {
        sum.store(z);
    }
}

/// The gradient of a kernel of sixteen by sixteen, as many of its rows at a time as the registers hold.
#[inline(always)]
fn square<V: Lanes>(h: &[f32], d: &[f32], d_kernel: &mut [f32]) {
    let (h, d) = (h.as_chunks::<LANES>().0, d.as_chunks::<LANES>().0);
    let d_kernel = d_kernel.as_chunks_mut::<LANES>().0;
    match V::PASS {
        4 => square_inputs::<V, 16>(h, d, d_kernel),
        _ => square_inputs::<V, 4>(h, d, d_kernel),
    }
}

#[inline(always)]
fn square_inputs<V: Lanes, const INPUTS: usize>(
    h: &[[f32; LANES]],
    d: &[[f32; LANES]],
    d_kernel: &mut [[f32; LANES]],
) {
    for (part, d_kernel) in d_kernel.as_chunks_mut::<INPUTS>().0.iter_mut().enumerate() {
        let mut sums: [V; INPUTS] = load_lines(d_kernel);
        for (h, d) in h.iter().zip(d) {
            let h = &h.as_chunks::<INPUTS>().0[part];
            let d = V::load(d);
            for (sum, &h) in sums.iter_mut().zip(h) {
                *sum = V::splat(h).mul_add(d, *sum);
            }
        }
        for (sum, d_kernel) in sums.into_iter().zip(d_kernel) {
            sum.store(d_kernel);
        }
    }
}

#[inline(always)]
fn dot<V: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    let (a_lines, a_rest) = a.as_chunks::<LANES>();
    let (b_lines, b_rest) = b.as_chunks::<LANES>();
    let mut sum = V::zero();
    for (a, b) in a_lines.iter().zip(b_lines) {
        sum = V::load(a).mul_add(V::load(b), sum);
    }
    if !a_rest.is_empty() {
        sum = V::load_partial(a_rest).mul_add(V::load_partial(b_rest), sum);
    }
    sum.sum()
}
