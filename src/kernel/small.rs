//! Dense products of small layers: the whole kernel stays in the nearest cache, and sums stay in registers.
//!
//! For layers of a few dozen units this beats a general matrix product, which packs its operands first.

use super::lanes::{Kernel, LANES, Lanes};

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
        let (inputs, units) = (kernel.len() / bias.len(), bias.len());
        if let [bias] = bias {
            for (h, z) in h.chunks_exact(inputs).zip(z) {
                *z = dot::<V>(h, kernel) + bias;
            }
            return;
        }
        if Place::SQUARE.is_all_of(inputs, units) {
            let panel = kernel.as_chunks().0;
            let start = Some(V::load_line(bias));
            return Product { h, panel, place: Place::SQUARE, start, z }.run();
        }
        let mut panel = [[0.0; LANES]; MOST_UNITS];
        for unit in (0..units).step_by(LANES) {
            for input in (0..inputs).step_by(MOST_UNITS) {
                let panel = &mut panel[..MOST_UNITS.min(inputs - input)];
                for (line, row) in panel.iter_mut().zip(kernel[input * units..].chunks_exact(units))
                {
                    V::load_line(&row[unit..]).store(line);
                }
                // Not by `then`: what it calls may not be compiled for the lanes.
                let start = if input == 0 { Some(V::load_line(&bias[unit..])) } else { None };
                let place = Place { inputs, input, units, unit };
                Product { h, panel, place, start, z: &mut *z }.run();
            }
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
                let mut sum = V::load_line(&d_kernel[from..]);
                for (h, &d) in h.chunks_exact(inputs).zip(d) {
                    sum = V::load_line(&h[from..]).mul_add(V::splat(d), sum);
                }
                sum.store_line(&mut d_kernel[from..]);
            }
            return;
        }
        for unit in (0..units).step_by(LANES) {
            let mut place = Place { inputs, input: 0, units, unit };
            if V::PASS == 4 {
                gradients::<V, 16>(h, d, &mut place, d_kernel);
            }
            gradients::<V, 4>(h, d, &mut place, d_kernel);
            gradients::<V, 1>(h, d, &mut place, d_kernel);
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
            for from in (0..inputs).step_by(LANES) {
                let kernel = V::load_line(&kernel[from..]);
                for (d_h, &d) in d_h.chunks_exact_mut(inputs).zip(d) {
                    (V::splat(d) * kernel).store_line(&mut d_h[from..]);
                }
            }
            return;
        }
        // The panels are those of the transpose: its inputs are the layer's units.
        let mut panel = [[0.0; LANES]; MOST_UNITS];
        for input in (0..inputs).step_by(LANES) {
            let rows = &kernel[input * units..inputs.min(input + LANES) * units];
            for unit in (0..units).step_by(MOST_UNITS) {
                let panel = &mut panel[..MOST_UNITS.min(units - unit)];
                transpose::<V>(rows, units, unit, panel);
                let place = Place { inputs: units, input: unit, units: inputs, unit: input };
                // As above.
                let start = if unit == 0 { Some(V::zero()) } else { None };
                Product { h: d, panel, place, start, z: &mut *d_h }.run();
            }
        }
    }
}

/// Where a panel lies in a kernel, `[inputs, units]`: the columns from `unit` on, a line of them, of the rows from `input` on.
#[derive(Clone, Copy)]
struct Place {
    inputs: usize,
    input: usize,
    units: usize,
    unit: usize,
}

impl Place {
    /// The only panel of sixteen by sixteen.
    const SQUARE: Place = Place { inputs: LANES, input: 0, units: LANES, unit: 0 };

    #[inline(always)]
    fn is_all_of(self, inputs: usize, units: usize) -> bool {
        inputs == self.inputs && units == self.units
    }
}

/// The values of up to sixteen rows, `[rows, units]`, from column `from` on, as the columns of the panel.
#[inline(always)]
fn transpose<V: Lanes>(rows: &[f32], units: usize, from: usize, panel: &mut [[f32; LANES]]) {
    let mut done = 0;
    if rows.len() == LANES * units {
        for lines in panel.as_chunks_mut::<4>().0 {
            let mut quads = [V::zero(); 4];
            for (row, quads) in quads.iter_mut().enumerate() {
                let at = row * units + from + done;
                *quads = V::load_quads([
                    quad(rows, at),
                    quad(rows, at + 4 * units),
                    quad(rows, at + 8 * units),
                    quad(rows, at + 12 * units),
                ]);
            }
            for (values, line) in V::transpose(quads).into_iter().zip(lines) {
                values.store(line);
            }
            done += 4;
        }
    }
    for (lane, row) in rows.chunks_exact(units).enumerate() {
        for (line, &value) in panel.iter_mut().zip(&row[from..]).skip(done) {
            line[lane] = value;
        }
    }
}

#[inline(always)]
fn quad(values: &[f32], at: usize) -> &[f32; 4] {
    values[at..].first_chunk().expect("four values")
}

/// `z += h panel`, or `z = start + h panel`: of `h`, `[rows, inputs]`, the columns that are the panel's rows; of `z`, `[rows, units]`,
/// those that are its columns. A value is one chain of additions, however many rows there are.
struct Product<'a, V> {
    h: &'a [f32],
    panel: &'a [[f32; LANES]],
    place: Place,
    start: Option<V>,
    z: &'a mut [f32],
}

impl<V: Lanes> Product<'_, V> {
    #[inline(always)]
    fn run(mut self) {
        if Place::SQUARE.is_all_of(self.place.inputs, self.place.units) {
            // With lengths that the compiler knows, nothing is left but the products: half of the time.
            self.place = Place::SQUARE;
            self.panel = &self.panel[..LANES];
            return self.by_groups();
        }
        self.by_groups();
    }

    /// As many rows at a time as the registers hold sums of.
    #[inline(always)]
    fn by_groups(self) {
        match V::PASS {
            4 => self.groups::<8>(),
            _ => self.groups::<2>(),
        }
    }

    #[inline(always)]
    fn groups<const ROWS: usize>(self) {
        let Product { h, panel, place, start, z } = self;
        let mut h_groups = h.chunks_exact(ROWS * place.inputs);
        let mut z_groups = z.chunks_exact_mut(ROWS * place.units);
        for (h, z) in h_groups.by_ref().zip(z_groups.by_ref()) {
            Product { h, panel, place, start, z }.group::<ROWS>();
        }
        let h_rest = h_groups.remainder().chunks_exact(place.inputs);
        for (h, z) in h_rest.zip(z_groups.into_remainder().chunks_exact_mut(place.units)) {
            Product { h, panel, place, start, z }.group::<1>();
        }
    }

    /// That of `ROWS` rows, whose sums stay in registers.
    #[inline(always)]
    fn group<const ROWS: usize>(self) {
        let Product { h, panel, place: Place { inputs, input, units, unit }, start, z } = self;
        let mut sums = [V::zero(); ROWS];
        for (sum, z) in sums.iter_mut().zip(z.chunks_exact(units)) {
            *sum = match start {
                Some(start) => start,
                None => V::load_line(&z[unit..]),
            };
        }
        // Sixteen inputs at a time, so that the loops over them are unrolled.
        let (parts, rest) = panel.as_chunks::<LANES>();
        let mut from = input;
        for part in parts {
            let mut lines = [&[0.0; LANES]; ROWS];
            for (line, h) in lines.iter_mut().zip(h.chunks_exact(inputs)) {
                *line = h[from..].first_chunk().expect("a line of inputs");
            }
            for (i, kernel) in part.iter().enumerate() {
                let kernel = V::load(kernel);
                for (sum, line) in sums.iter_mut().zip(lines) {
                    *sum = V::splat(line[i]).mul_add(kernel, *sum);
                }
            }
            from += LANES;
        }
        for (i, kernel) in rest.iter().enumerate() {
            let kernel = V::load(kernel);
            for (sum, h) in sums.iter_mut().zip(h.chunks_exact(inputs)) {
                *sum = V::splat(h[from + i]).mul_add(kernel, *sum);
            }
        }
        for (sum, z) in sums.into_iter().zip(z.chunks_exact_mut(units)) {
            sum.store_line(&mut z[unit..]);
        }
    }
}

/// The gradient of a line of a kernel's columns: of `INPUTS` rows at a time from the place's input on, which moves on, as long as
/// there are so many.
#[inline(always)]
fn gradients<V: Lanes, const INPUTS: usize>(
    h: &[f32],
    d: &[f32],
    place: &mut Place,
    d_kernel: &mut [f32],
) {
    let Place { inputs, units, unit, .. } = *place;
    for d_kernel in d_kernel[place.input * units..].chunks_exact_mut(INPUTS * units) {
        let mut sums = [V::zero(); INPUTS];
        for (sum, d_kernel) in sums.iter_mut().zip(d_kernel.chunks_exact(units)) {
            *sum = V::load_line(&d_kernel[unit..]);
        }
        for (h, d) in h.chunks_exact(inputs).zip(d.chunks_exact(units)) {
            let h: &[f32; INPUTS] = h[place.input..].first_chunk().expect("so many inputs");
            let d = V::load_line(&d[unit..]);
            for (sum, &h) in sums.iter_mut().zip(h) {
                *sum = V::splat(h).mul_add(d, *sum);
            }
        }
        for (sum, d_kernel) in sums.into_iter().zip(d_kernel.chunks_exact_mut(units)) {
            sum.store_line(&mut d_kernel[unit..]);
        }
        place.input += INPUTS;
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
