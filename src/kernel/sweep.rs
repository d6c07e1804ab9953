//! Optimizer steps over rows of weights.

use super::Level;
use super::lanes::{Kernel, LANES, Lanes};

/// What an optimizer does with one weight, in lanes, with `ARRAYS` values of state beside it. Taken by value, so that its
/// parameters are read once a sweep and not once a row: for all that the compiler knows, a row could change them.
pub(crate) trait Rule<const ARRAYS: usize>: Copy {
    /// What is taken from the weight, and the new state. Must be `#[inline(always)]`.
    fn step<V: Lanes>(&self, gradient: V, state: [V; ARRAYS]) -> (V, [V; ARRAYS]);

    /// What part of itself the weight loses before that; `None` where there is no decay. Must be `#[inline(always)]`.
    #[inline(always)]
    fn decay(&self) -> Option<f32> {
        None
    }
}

/// The new weight and state. With a scale `r` the weight that is kept is the product `v = r w`, whose gradient is that of
/// `w` over `r`: `w` follows `r g`, and `v` moves by `r` times as much.
#[inline(always)]
fn step<V: Lanes, R: Rule<ARRAYS>, const ARRAYS: usize>(
    rule: R,
    scale: Option<V>,
    weight: V,
    gradient: V,
    state: [V; ARRAYS],
) -> (V, [V; ARRAYS]) {
    let scaled = |value: V| scale.map_or(value, |scale| scale * value);
    let (taken, state) = rule.step(scaled(gradient), state);
    // Not as a product with what is left: next to 1, an f32 has no room for a small decay.
    let decayed = |decay: f32| weight.mul_add(V::splat(-decay), weight);
    let weight = rule.decay().map_or(weight, decayed);
    (weight - scaled(taken), state)
}

/// A row of weights whose gradient stands elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// The row of its weights and state.
    pub row: u32,
    /// The row of its gradient.
    pub slot: u32,
    /// How many steps since its last have left it out because its gradient was zero.
    pub skipped: u32,
}

/// Which rows a step updates.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    /// All, in every step: each row of the gradient belongs to the row of weights of the same number.
    All,
    /// Of these, the ones whose gradient is not zero.
    Nonzero,
    /// These, no two of them the same.
    Listed(&'a [Touched]),
    /// These, no two of them the same: the words of a batch of one review. They all have the first row of the gradient.
    Shared(&'a [u32]),
}

/// Rows of weights with all that belongs to them.
#[derive(Debug)]
pub struct Rows<'a> {
    /// Values a row.
    pub width: usize,
    /// `[rows, width]`
    pub weights: &'a mut [f32],
    /// `[rows, arrays, width]`
    pub state: &'a mut [f32],
    /// `[slots, width]`; a step leaves zeros where it has been.
    pub gradient: &'a mut [f32],
    /// `[rows]`: the weights that are kept are those that the optimizer moves, each multiplied by its row's scale. Where there
    /// is none they are the same.
    pub scales: Option<&'a [f32]>,
    /// Which rows the step updates.
    pub selection: Selection<'a>,
    /// For each row the number of the last step that has updated it, from 1; 0 before the first. Where all rows are selected
    /// it says nothing.
    pub updated: &'a mut [u32],
    /// For each array of state, what a step that leaves the row out multiplies it by.
    pub decays: &'a [Powers],
}

impl Rows<'_> {
    #[inline(always)]
    fn clear_gradient(&mut self, slot: usize) {
        self.gradient[slot * self.width..][..self.width].fill(0.0);
    }

    /// Calls `update` with the row, its slot and how many steps have left it out, for each row that is selected.
    #[inline(always)]
    fn for_each<V: Lanes>(&mut self, number: u32, mut update: impl RowUpdate<V>) {
        let skipped = |updated: &mut u32| number - 1 - std::mem::replace(updated, number);
        match self.selection {
            Selection::All => {
                for row in 0..self.weights.len() / self.width {
                    update.row(self, row, row, 0);
                    update.clear(self, row);
                }
            }
            Selection::Nonzero => {
                for first in (0..self.updated.len()).step_by(64) {
                    let mut bits = nonzero_rows::<V>(self.gradient, self.width, first);
                    while bits != 0 {
                        let row = first + bits.trailing_zeros() as usize;
                        bits &= bits - 1;
                        let skipped = skipped(&mut self.updated[row]);
                        update.row(self, row, row, skipped);
                        update.clear(self, row);
                    }
                }
            }
            Selection::Listed(list) => {
                for touched in list {
                    let (row, slot) = (touched.row as usize, touched.slot as usize);
                    self.updated[row] = number;
                    update.row(self, row, slot, touched.skipped);
                    update.clear(self, slot);
                }
            }
            Selection::Shared(list) => {
                for &row in list {
                    let row = row as usize;
                    let skipped = skipped(&mut self.updated[row]);
                    update.row(self, row, 0, skipped);
                }
                update.clear(self, 0);
            }
        }
        update.finish(self);
    }
}

/// What is done with each row; a trait, since a closure might not be inlined.
trait RowUpdate<V> {
    /// Updates a row by a row of the gradient, now or later.
    fn row(&mut self, rows: &mut Rows<'_>, row: usize, slot: usize, skipped: u32);

    /// Clears a row of the gradient that no other row needs.
    fn clear(&mut self, rows: &mut Rows<'_>, slot: usize);

    /// Does what was put off.
    #[inline(always)]
    fn finish(&mut self, _rows: &mut Rows<'_>) {}
}

/// Which of sixty-four rows of a gradient are not zero, as bits, so that no branch depends on a row.
#[inline(always)]
fn nonzero_rows<V: Lanes>(gradient: &[f32], width: usize, first: usize) -> u64 {
    let rows = &gradient[first * width..];
    let mut bits = 0u64;
    if width == LANES {
        for (i, row) in rows.as_chunks::<LANES>().0.iter().take(64).enumerate() {
            bits |= u64::from(!V::load(row).is_zero()) << i;
        }
    } else {
        for (i, row) in rows.chunks_exact(width).take(64).enumerate() {
            bits |= u64::from(!is_zero::<V>(row)) << i;
        }
    }
    bits
}

#[inline(always)]
fn is_zero<V: Lanes>(row: &[f32]) -> bool {
    let (lines, rest) = row.as_chunks::<LANES>();
    lines.iter().all(|line| V::load(line).is_zero())
        && (rest.is_empty() || V::load_partial(rest).is_zero())
}

/// The powers of a factor, each rounded once.
#[derive(Debug, Clone, PartialEq)]
pub struct Powers {
    factor: f64,
    table: Vec<f32>,
}

impl Powers {
    /// Those that are looked up; longer gaps are rare.
    const TABLE: u32 = 1024;

    /// The powers of `factor`.
    pub fn of(factor: f32) -> Powers {
        let factor = f64::from(factor);
        let table = (0..Powers::TABLE).map(|k| factor.powf(f64::from(k)) as f32).collect();
        Powers { factor, table }
    }

    /// `factor^exponent`
    #[inline(always)]
    pub fn get(&self, exponent: u32) -> f32 {
        match self.table.get(exponent as usize) {
            Some(&power) => power,
            None => self.far(exponent),
        }
    }

    #[cold]
    fn far(&self, exponent: u32) -> f32 {
        self.factor.powf(f64::from(exponent)) as f32
    }
}

/// Updates the selected rows by a rule in step `number` and clears their gradients.
///
/// # Panics
/// If a row or slot is not there.
pub(crate) fn sweep<const ARRAYS: usize>(
    level: Level,
    number: u32,
    rule: impl Rule<ARRAYS>,
    rows: Rows<'_>,
) {
    level.run(Sweep::<_, ARRAYS> { number, rule, rows });
}

/// The same by a function of slices: `update(weights, gradient, state)`.
pub(crate) fn sweep_slices(
    level: Level,
    number: u32,
    update: impl FnMut(&mut [f32], &[f32], &mut [f32]),
    rows: Rows<'_>,
) {
    level.run(SweepSlices { number, update, rows });
}

/// Updates weights that stand in one array, each array of their state following the other.
///
/// # Panics
/// If the lengths do not fit each other.
pub(crate) fn update<const ARRAYS: usize>(
    level: Level,
    rule: impl Rule<ARRAYS>,
    weights: &mut [f32],
    gradient: &[f32],
    state: &mut [f32],
) {
    assert_eq!(gradient.len(), weights.len(), "a gradient for each weight");
    assert_eq!(state.len(), ARRAYS * weights.len(), "state for each weight");
    level.run(Update::<_, ARRAYS> { rule, weights, gradient, state });
}

struct Sweep<'a, R, const ARRAYS: usize> {
    number: u32,
    rule: R,
    rows: Rows<'a>,
}

impl<R: Rule<ARRAYS>, const ARRAYS: usize> Kernel for Sweep<'_, R, ARRAYS> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(mut self) {
        match (self.rows.width, self.rows.selection) {
            (LANES, Selection::All) => self.all_lines::<V>(),
            (LANES, _) => self.rows.for_each::<V>(self.number, OneLine::<_, ARRAYS>(self.rule)),
            (1, _) => self.rows.for_each::<V>(self.number, OneValue::<_, ARRAYS>::new(self.rule)),
            _ => self.rows.for_each::<V>(self.number, AnyWidth::<_, ARRAYS>(self.rule)),
        }
    }
}

impl<R: Rule<ARRAYS>, const ARRAYS: usize> Sweep<'_, R, ARRAYS> {
    /// All rows, of one line each, from one end to the other.
    #[inline(always)]
    fn all_lines<V: Lanes>(&mut self) {
        let Rows { weights, state, gradient, scales, .. } = &mut self.rows;
        let weights = weights.as_chunks_mut::<LANES>().0;
        let gradient = gradient.as_chunks_mut::<LANES>().0;
        let state = state.as_chunks_mut::<LANES>().0;
        for (row, (weight, gradient)) in weights.iter_mut().zip(gradient).enumerate() {
            let state = &mut state[row * ARRAYS..][..ARRAYS];
            let values = std::array::from_fn(|array| V::load(&state[array]));
            let scale = scales.map(|scales| V::splat(scales[row]));
            let (weight_now, gradient_now) = (V::load(weight), V::load(gradient));
            let (new, values) = step(self.rule, scale, weight_now, gradient_now, values);
            new.store(weight);
            for (kept, value) in state.iter_mut().zip(values) {
                value.store(kept);
            }
            V::zero().store(gradient);
        }
    }
}

/// Rows of one line.
struct OneLine<R, const ARRAYS: usize>(R);

impl<V: Lanes, R: Rule<ARRAYS>, const ARRAYS: usize> RowUpdate<V> for OneLine<R, ARRAYS> {
    #[inline(always)]
    fn row(&mut self, rows: &mut Rows<'_>, row: usize, slot: usize, skipped: u32) {
        let weight = &mut rows.weights.as_chunks_mut::<LANES>().0[row];
        let gradient = &rows.gradient.as_chunks::<LANES>().0[slot];
        let state = &mut rows.state.as_chunks_mut::<LANES>().0[row * ARRAYS..][..ARRAYS];
        let mut values = std::array::from_fn(|array| V::load(&state[array]));
        decay(rows.decays, skipped, &mut values);
        let scale = rows.scales.map(|scales| V::splat(scales[row]));
        let (new, values) = step(self.0, scale, V::load(weight), V::load(gradient), values);
        new.store(weight);
        for (kept, value) in state.iter_mut().zip(values) {
            value.store(kept);
        }
    }

    #[inline(always)]
    fn clear(&mut self, rows: &mut Rows<'_>, slot: usize) {
        V::zero().store(&mut rows.gradient.as_chunks_mut::<LANES>().0[slot]);
    }
}

/// Rows of one value: sixteen of them are put off, and then make up the lanes.
struct OneValue<R, const ARRAYS: usize> {
    rule: R,
    /// How many are put off.
    count: usize,
    rows: [usize; LANES],
    weights: [f32; LANES],
    gradient: [f32; LANES],
    state: [[f32; LANES]; ARRAYS],
    scales: [f32; LANES],
}

impl<R: Rule<ARRAYS>, const ARRAYS: usize> OneValue<R, ARRAYS> {
    #[inline(always)]
    fn new(rule: R) -> Self {
        OneValue {
            rule,
            count: 0,
            rows: [0; LANES],
            weights: [0.0; LANES],
            gradient: [0.0; LANES],
            state: [[0.0; LANES]; ARRAYS],
            scales: [1.0; LANES],
        }
    }
}

impl<V: Lanes, R: Rule<ARRAYS>, const ARRAYS: usize> RowUpdate<V> for OneValue<R, ARRAYS> {
    #[inline(always)]
    fn row(&mut self, rows: &mut Rows<'_>, row: usize, slot: usize, skipped: u32) {
        let at = self.count;
        self.rows[at] = row;
        self.weights[at] = rows.weights[row];
        self.gradient[at] = rows.gradient[slot];
        let state = &rows.state[row * ARRAYS..][..ARRAYS];
        for (array, lanes) in self.state.iter_mut().enumerate() {
            lanes[at] = state[array];
            if let Some(powers) = rows.decays.get(array) {
                lanes[at] *= powers.get(skipped);
            }
        }
        if let Some(scales) = rows.scales {
            self.scales[at] = scales[row];
        }
        self.count += 1;
        if self.count == LANES {
            RowUpdate::<V>::finish(self, rows);
        }
    }

    #[inline(always)]
    fn clear(&mut self, rows: &mut Rows<'_>, slot: usize) {
        rows.gradient[slot] = 0.0;
    }

    #[inline(always)]
    fn finish(&mut self, rows: &mut Rows<'_>) {
        let values = self.state.each_ref().map(V::load);
        let scale = rows.scales.map(|_| V::load(&self.scales));
        let (weights, gradient) = (V::load(&self.weights), V::load(&self.gradient));
        let (weights, values) = step(self.rule, scale, weights, gradient, values);
        weights.store(&mut self.weights);
        for (lanes, value) in self.state.iter_mut().zip(values) {
            value.store(lanes);
        }
        for (at, &row) in self.rows[..self.count].iter().enumerate() {
            rows.weights[row] = self.weights[at];
            for (array, lanes) in self.state.iter().enumerate() {
                rows.state[row * ARRAYS + array] = lanes[at];
            }
        }
        self.count = 0;
    }
}

struct AnyWidth<R, const ARRAYS: usize>(R);

impl<V: Lanes, R: Rule<ARRAYS>, const ARRAYS: usize> RowUpdate<V> for AnyWidth<R, ARRAYS> {
    #[inline(always)]
    fn row(&mut self, rows: &mut Rows<'_>, row: usize, slot: usize, skipped: u32) {
        let width = rows.width;
        let weights = &mut rows.weights[row * width..][..width];
        let state = &mut rows.state[row * ARRAYS * width..][..ARRAYS * width];
        let gradient = &rows.gradient[slot * width..][..width];
        let scale = rows.scales.map(|scales| V::splat(scales[row]));
        stretches(self.0, scale, weights, gradient, state, |values: &mut [V; ARRAYS]| {
            decay(rows.decays, skipped, values);
        });
    }

    #[inline(always)]
    fn clear(&mut self, rows: &mut Rows<'_>, slot: usize) {
        rows.clear_gradient(slot);
    }
}

struct SweepSlices<'a, F> {
    number: u32,
    update: F,
    rows: Rows<'a>,
}

impl<F: FnMut(&mut [f32], &[f32], &mut [f32])> Kernel for SweepSlices<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(mut self) {
        let update = Slices { update: self.update, scaled: Vec::new() };
        self.rows.for_each::<V>(self.number, update);
    }
}

struct Slices<F> {
    update: F,
    /// A row of the gradient times the scale of its weights.
    scaled: Vec<f32>,
}

impl<V, F: FnMut(&mut [f32], &[f32], &mut [f32])> RowUpdate<V> for Slices<F> {
    #[inline(always)]
    fn row(&mut self, rows: &mut Rows<'_>, row: usize, slot: usize, skipped: u32) {
        let width = rows.width;
        let arrays = rows.state.len() / rows.weights.len();
        let weights = &mut rows.weights[row * width..][..width];
        let state = &mut rows.state[row * arrays * width..][..arrays * width];
        let gradient = &rows.gradient[slot * width..][..width];
        for (array, powers) in state.chunks_exact_mut(width).zip(rows.decays) {
            let power = powers.get(skipped);
            array.iter_mut().for_each(|value| *value *= power);
        }
        match rows.scales.map(|scales| scales[row]) {
            None => (self.update)(weights, gradient, state),
            // Weights that count for nothing stay.
            Some(0.0) => {}
            Some(scale) => {
                self.scaled.clear();
                self.scaled.extend(gradient.iter().map(|gradient| gradient * scale));
                weights.iter_mut().for_each(|weight| *weight /= scale);
                (self.update)(weights, &self.scaled, state);
                weights.iter_mut().for_each(|weight| *weight *= scale);
            }
        }
    }

    #[inline(always)]
    fn clear(&mut self, rows: &mut Rows<'_>, slot: usize) {
        rows.clear_gradient(slot);
    }
}

struct Update<'a, R, const ARRAYS: usize> {
    rule: R,
    weights: &'a mut [f32],
    gradient: &'a [f32],
    state: &'a mut [f32],
}

impl<R: Rule<ARRAYS>, const ARRAYS: usize> Kernel for Update<'_, R, ARRAYS> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Update { rule, weights, gradient, state } = self;
        stretches(rule, None, weights, gradient, state, |_: &mut [V; ARRAYS]| {});
    }
}

/// Makes up for skipped steps.
#[inline(always)]
fn decay<V: Lanes, const ARRAYS: usize>(decays: &[Powers], skipped: u32, state: &mut [V; ARRAYS]) {
    for (value, powers) in state.iter_mut().zip(decays) {
        *value = *value * V::splat(powers.get(skipped));
    }
}

/// A step of any number of weights, sixteen at a time and then the rest. `prepare` sees the state first.
#[inline(always)]
fn stretches<V: Lanes, R: Rule<ARRAYS>, const ARRAYS: usize>(
    rule: R,
    scale: Option<V>,
    weights: &mut [f32],
    gradient: &[f32],
    state: &mut [f32],
    prepare: impl Fn(&mut [V; ARRAYS]),
) {
    let n = weights.len();
    let mut from = 0;
    while from < n {
        let to = n.min(from + LANES);
        let mut values: [V; ARRAYS] =
            std::array::from_fn(|array| V::load_partial(&state[array * n + from..array * n + to]));
        prepare(&mut values);
        let weight = V::load_partial(&weights[from..to]);
        let gradient = V::load_partial(&gradient[from..to]);
        let (weight, values) = step(rule, scale, weight, gradient, values);
        weight.store_partial(&mut weights[from..to]);
        for (array, value) in values.into_iter().enumerate() {
            value.store_partial(&mut state[array * n + from..array * n + to]);
        }
        from = to;
    }
}
