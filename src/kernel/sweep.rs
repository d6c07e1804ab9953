//! Optimizer steps over rows of weights.

mod chosen;

use super::lanes::{Kernel, LANES, Lanes, load_lines};
use super::rows::{Apart, Layout, Records, Row, Rows, Selection, Values, Whole};
use super::{Level, Powers};
use chosen::RowUpdate;

/// Values of a record that is updated in one piece.
const QUAD: usize = 4;

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
    let (taken, state) = rule.step(scaled(gradient, scale), state);
    let weight = match rule.decay() {
        // Not as a product with what is left: next to 1, an f32 has no room for a small decay.
        Some(decay) => weight.mul_add(V::splat(-decay), weight),
        None => weight,
    };
    (weight - scaled(taken, scale), state)
}

#[inline(always)]
fn scaled<V: Lanes>(value: V, scale: Option<V>) -> V {
    match scale {
        Some(scale) => scale * value,
        None => value,
    }
}

/// A row's scale in all lanes.
#[expect(
    clippy::manual_map,
    reason = "what `map` calls may not be compiled for the lanes: `load_lines`"
)]
#[inline(always)]
fn splat<V: Lanes>(scale: Option<f32>) -> Option<V> {
    match scale {
        Some(scale) => Some(V::splat(scale)),
        None => None,
    }
}

/// Updates the selected rows by a rule in step `number` and clears their gradients.
///
/// # Panics
/// If a row or slot is not there, or some rows are selected of [`Values::Whole`].
pub(crate) fn sweep<const ARRAYS: usize>(
    level: Level,
    number: u32,
    rule: impl Rule<ARRAYS>,
    rows: Rows<'_>,
) {
    level.run(Sweep::<_, ARRAYS> { number, rule, rows });
}

/// The same by a function of slices, `update(weights, gradient, state)`, with so many arrays of state.
pub(crate) fn sweep_slices(
    level: Level,
    number: u32,
    arrays: usize,
    update: impl FnMut(&mut [f32], &[f32], &mut [f32]),
    rows: Rows<'_>,
) {
    level.run(SweepSlices { number, arrays, update, rows });
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
    fn run<V: Lanes>(self) {
        let Sweep { number, rule, rows } = self;
        let (values, chosen) = rows.split();
        let (width, arrays) = (chosen.width, ARRAYS);
        match (values, width, chosen.selection) {
            (Values::Together(records), _, Selection::Shared { rows, ahead })
                if chosen.decays.is_empty() =>
            {
                assert_eq!(width, 1, "records are of one weight each");
                let mut records = Group::<_, ARRAYS> { rule, records };
                records.update::<V>(rows, ahead, &mut chosen.gradient[0]);
            }
            (Values::Together(records), ..) => {
                assert_eq!(width, 1, "records are of one weight each");
                chosen.update::<V, _>(number, (1, arrays), records, OneValue::<_, ARRAYS>(rule));
            }
            (Values::Apart(apart), LANES, Selection::All) => {
                all_lines::<V, _, ARRAYS>(rule, apart, chosen.gradient);
            }
            (Values::Apart(apart), 1, _) => {
                chosen.update::<V, _>(number, (1, arrays), apart, OneValue::<_, ARRAYS>(rule));
            }
            (Values::Apart(apart), LANES, _) => {
                chosen.update::<V, _>(number, (LANES, arrays), apart, OneLine::<_, ARRAYS>(rule));
            }
            (Values::Apart(apart), ..) => {
                chosen.update::<V, _>(number, (width, arrays), apart, AnyWidth::<_, ARRAYS>(rule));
            }
            (Values::Whole(Whole { weights, state, scales }), ..) => {
                let gradient = chosen.all();
                let scales = match scales {
                    Some(scales) => Scales::Each(scales),
                    None => Scales::None,
                };
                stretches(rule, scales, weights, gradient, state, [V::splat(1.0); ARRAYS]);
                gradient.fill(0.0);
            }
        }
    }
}

/// All rows, of one line each, from one end to the other.
#[inline(always)]
fn all_lines<V: Lanes, R: Rule<ARRAYS>, const ARRAYS: usize>(
    rule: R,
    Apart { weights, state, scales }: Apart<'_>,
    gradient: &mut [f32],
) {
    assert!(gradient.len() >= weights.len(), "a gradient for each weight");
    let weights = weights.as_chunks_mut::<LANES>().0;
    let gradient = gradient.as_chunks_mut::<LANES>().0;
    let state = state.as_chunks_mut::<LANES>().0;
    for (row, (weight, gradient)) in weights.iter_mut().zip(gradient).enumerate() {
        let state = &mut state[row * ARRAYS..][..ARRAYS];
        let values = load_lines(state);
        let scale = splat(scales.map(|scales| scales[row]));
        let (new, values) = step(rule, scale, V::load(weight), V::load(gradient), values);
        new.store(weight);
        for (kept, value) in state.iter_mut().zip(values) {
            value.store(kept);
        }
        V::zero().store(gradient);
    }
}

/// Rows of one line.
struct OneLine<R, const ARRAYS: usize>(R);

impl<V: Lanes, R: Rule<ARRAYS>, const ARRAYS: usize> RowUpdate<V> for OneLine<R, ARRAYS> {
    #[inline(always)]
    fn update(&mut self, row: Row<'_>, gradient: &[f32], decays: &[Powers], skipped: u32) {
        let weight = &mut row.weights.as_chunks_mut::<LANES>().0[0];
        let state = &mut row.state.as_chunks_mut::<LANES>().0[..ARRAYS];
        let mut values = load_lines(state);
        decay(decays, skipped, &mut values);
        let gradient = V::load(&gradient.as_chunks::<LANES>().0[0]);
        let (new, values) = step(self.0, splat(row.scale), V::load(weight), gradient, values);
        new.store(weight);
        for (kept, value) in state.iter_mut().zip(values) {
            value.store(kept);
        }
    }
}

/// Rows of one value, which is in the first lane.
struct OneValue<R, const ARRAYS: usize>(R);

impl<V: Lanes, R: Rule<ARRAYS>, const ARRAYS: usize> RowUpdate<V> for OneValue<R, ARRAYS> {
    #[inline(always)]
    fn update(&mut self, row: Row<'_>, gradient: &[f32], decays: &[Powers], skipped: u32) {
        let mut values = [V::zero(); ARRAYS];
        for (value, &state) in values.iter_mut().zip(&*row.state) {
            *value = V::splat(state);
        }
        decay(decays, skipped, &mut values);
        let (weight, gradient) = (V::splat(row.weights[0]), V::splat(gradient[0]));
        let (new, values) = step(self.0, splat(row.scale), weight, gradient, values);
        row.weights[0] = new.first();
        for (kept, value) in row.state.iter_mut().zip(values) {
            *kept = value.first();
        }
    }
}

/// Records that have the same gradient, as many of them at a time as there are lanes.
struct Group<'a, R, const ARRAYS: usize> {
    rule: R,
    records: Records<'a>,
}

impl<R: Rule<ARRAYS>, const ARRAYS: usize> Group<'_, R, ARRAYS> {
    /// Updates the records of some rows, no two of them the same, by their gradient, and clears that; asks for those of others.
    #[inline(always)]
    fn update<V: Lanes>(&mut self, rows: &[u32], ahead: &[u32], gradient: &mut f32) {
        let delta = V::splat(std::mem::take(gradient));
        let mut ahead = ahead.iter().map(|&row| row as usize);
        let (groups, rest) = rows.as_chunks::<LANES>();
        for group in groups {
            ahead.by_ref().take(LANES).for_each(|row| self.records.ask(row, 1, ARRAYS));
            if self.records.stride == QUAD {
                self.update_quads(delta, group);
            } else {
                self.update_some(delta, group);
            }
        }
        ahead.for_each(|row| self.records.ask(row, 1, ARRAYS));
        self.update_some(delta, rest);
    }

    /// Updates as many records of four values as there are lanes.
    #[inline(always)]
    fn update_quads<V: Lanes>(&mut self, delta: V, group: &[u32; LANES]) {
        let quads = self.records.values.as_chunks_mut::<QUAD>().0;
        let (rows, _) = group.as_chunks::<QUAD>();
        let mut values = [V::zero(); QUAD];
        for (values, &[a, b, c, d]) in values.iter_mut().zip(rows) {
            let quad = |row: u32| &quads[row as usize];
            *values = V::load_quads([quad(a), quad(b), quad(c), quad(d)]);
        }
        let mut values = V::transpose(values);
        let scale = match values.get(1 + ARRAYS) {
            Some(&scale) if self.records.has_scales => Some(scale),
            _ => None,
        };
        let mut state = [V::zero(); ARRAYS];
        state.copy_from_slice(&values[1..=ARRAYS]);
        let (new, state) = step(self.rule, scale, values[0], delta, state);
        values[0] = new;
        values[1..=ARRAYS].copy_from_slice(&state);
        for (rows, values) in rows.iter().zip(V::transpose(values)) {
            for (&row, quad) in rows.iter().zip(values.quads()) {
                quads[row as usize] = quad;
            }
        }
    }

    /// Updates no more records than there are lanes.
    #[inline(always)]
    fn update_some<V: Lanes>(&mut self, delta: V, group: &[u32]) {
        let (mut weights, mut scales) = ([0.0; LANES], [0.0; LANES]);
        let mut state = [[0.0; LANES]; ARRAYS];
        for (lane, &row) in group.iter().enumerate() {
            let row = self.records.row(row as usize, 1, ARRAYS);
            weights[lane] = row.weights[0];
            scales[lane] = row.scale.unwrap_or(1.0);
            for (array, &value) in state.iter_mut().zip(&*row.state) {
                array[lane] = value;
            }
        }
        let scale = if self.records.has_scales { Some(V::load(&scales)) } else { None };
        let values = load_lines(&state);
        let (new, values) = step(self.rule, scale, V::load(&weights), delta, values);
        new.store(&mut weights);
        for (array, value) in state.iter_mut().zip(values) {
            value.store(array);
        }
        for (lane, &row) in group.iter().enumerate() {
            let row = self.records.row(row as usize, 1, ARRAYS);
            row.weights[0] = weights[lane];
            for (kept, array) in row.state.iter_mut().zip(&state) {
                *kept = array[lane];
            }
        }
    }
}

struct AnyWidth<R, const ARRAYS: usize>(R);

impl<V: Lanes, R: Rule<ARRAYS>, const ARRAYS: usize> RowUpdate<V> for AnyWidth<R, ARRAYS> {
    #[inline(always)]
    fn update(&mut self, row: Row<'_>, gradient: &[f32], decays: &[Powers], skipped: u32) {
        let mut factors = [V::splat(1.0); ARRAYS];
        decay(decays, skipped, &mut factors);
        let scales = match row.scale {
            Some(scale) => Scales::One(V::splat(scale)),
            None => Scales::None,
        };
        stretches(self.0, scales, row.weights, gradient, row.state, factors);
    }
}

struct SweepSlices<'a, F> {
    number: u32,
    arrays: usize,
    update: F,
    rows: Rows<'a>,
}

impl<F: FnMut(&mut [f32], &[f32], &mut [f32])> Kernel for SweepSlices<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let SweepSlices { number, arrays, update, rows } = self;
        let mut update = Slices { update, before: Vec::new(), gradient: Vec::new() };
        let (values, chosen) = rows.split();
        let shape = (chosen.width, arrays);
        match values {
            Values::Apart(apart) => chosen.update::<V, _>(number, shape, apart, update),
            Values::Together(records) => chosen.update::<V, _>(number, shape, records, update),
            Values::Whole(whole) => {
                let gradient = chosen.all();
                let Whole { weights, state, scales } = whole;
                match scales {
                    None => (update.update)(weights, gradient, state),
                    Some(scales) => update.scaled(weights, gradient, state, |at| scales[at]),
                }
                gradient.fill(0.0);
            }
        }
    }
}

struct Slices<F> {
    update: F,
    /// Weights as they were.
    before: Vec<f32>,
    /// Their gradient times their scales.
    gradient: Vec<f32>,
}

impl<V: Lanes, F: FnMut(&mut [f32], &[f32], &mut [f32])> RowUpdate<V> for Slices<F> {
    #[inline(always)]
    fn update(&mut self, row: Row<'_>, gradient: &[f32], decays: &[Powers], skipped: u32) {
        let Row { weights, state, scale } = row;
        for (array, powers) in state.chunks_exact_mut(weights.len()).zip(decays) {
            let power = powers.get(skipped);
            array.iter_mut().for_each(|value| *value *= power);
        }
        match scale {
            None => (self.update)(weights, gradient, state),
            Some(scale) => self.scaled(weights, gradient, state, |_| scale),
        }
    }
}

impl<F: FnMut(&mut [f32], &[f32], &mut [f32])> Slices<F> {
    /// Updates weights by their gradient, each of which has a scale by its place.
    fn scaled(
        &mut self,
        weights: &mut [f32],
        gradient: &[f32],
        state: &mut [f32],
        scale: impl Fn(usize) -> f32,
    ) {
        self.before.clear();
        self.before.extend_from_slice(weights);
        self.gradient.clear();
        self.gradient.extend(gradient.iter().enumerate().map(|(at, value)| value * scale(at)));
        for (at, weight) in weights.iter_mut().enumerate().filter(|&(at, _)| scale(at) != 0.0) {
            *weight /= scale(at);
        }
        (self.update)(weights, &self.gradient, state);
        for (at, (weight, &before)) in weights.iter_mut().zip(&self.before).enumerate() {
            // Weights that count for nothing stay.
            *weight = if scale(at) == 0.0 { before } else { *weight * scale(at) };
        }
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
        stretches(rule, Scales::None, weights, gradient, state, [V::splat(1.0); ARRAYS]);
    }
}

/// Makes up for skipped steps.
#[inline(always)]
fn decay<V: Lanes, const ARRAYS: usize>(decays: &[Powers], skipped: u32, state: &mut [V; ARRAYS]) {
    for (value, powers) in state.iter_mut().zip(decays) {
        *value = *value * V::splat(powers.get(skipped));
    }
}

/// What weights are multiplied by.
#[derive(Clone, Copy)]
enum Scales<'a, V> {
    /// Nothing.
    None,
    /// All by the same.
    One(V),
    /// Each by its own.
    Each(&'a [f32]),
}

/// A step of any number of weights, sixteen at a time and then the rest. Before it, the state is multiplied by `factors`.
#[inline(always)]
fn stretches<V: Lanes, R: Rule<ARRAYS>, const ARRAYS: usize>(
    rule: R,
    scales: Scales<'_, V>,
    weights: &mut [f32],
    gradient: &[f32],
    state: &mut [f32],
    factors: [V; ARRAYS],
) {
    let n = weights.len();
    let whole = n - n % LANES;
    for from in (0..whole).step_by(LANES) {
        let mut values = factors;
        for (array, value) in values.iter_mut().enumerate() {
            *value = V::load(line(state, array * n + from)) * *value;
        }
        let scale = match scales {
            Scales::None => None,
            Scales::One(scale) => Some(scale),
            Scales::Each(scales) => Some(V::load(line(scales, from))),
        };
        let (weight, gradient) = (V::load(line(weights, from)), V::load(line(gradient, from)));
        let (weight, values) = step(rule, scale, weight, gradient, values);
        weight.store(line_mut(weights, from));
        for (array, value) in values.into_iter().enumerate() {
            value.store(line_mut(state, array * n + from));
        }
    }
    if whole == n {
        return;
    }
    let rest = |array: usize| array * n + whole..(array + 1) * n;
    let mut values = factors;
    for (array, value) in values.iter_mut().enumerate() {
        *value = load_rest::<V>(&state[rest(array)]) * *value;
    }
    let scale = match scales {
        Scales::None => None,
        Scales::One(scale) => Some(scale),
        Scales::Each(scales) => Some(load_rest(&scales[whole..n])),
    };
    let (weight, gradient) = (load_rest(&weights[whole..]), load_rest(&gradient[whole..n]));
    let (weight, values) = step(rule, scale, weight, gradient, values);
    store_rest(weight, &mut weights[whole..]);
    for (array, value) in values.into_iter().enumerate() {
        store_rest(value, &mut state[rest(array)]);
    }
}

#[inline(always)]
fn line(values: &[f32], from: usize) -> &[f32; LANES] {
    values[from..].first_chunk().expect("a whole line")
}

#[inline(always)]
fn line_mut(values: &mut [f32], from: usize) -> &mut [f32; LANES] {
    values[from..].first_chunk_mut().expect("a whole line")
}

/// Up to sixteen values, then zeros. What widths are likely to leave is loaded without a mask.
#[inline(always)]
fn load_rest<V: Lanes>(values: &[f32]) -> V {
    match values.len() {
        8 => V::load_eight(values.first_chunk().expect("eight values")),
        4 => V::load_four(values.first_chunk().expect("four values")),
        _ => V::load_partial(values),
    }
}

/// The first of the lanes, as many as there is room for.
#[inline(always)]
fn store_rest<V: Lanes>(lanes: V, values: &mut [f32]) {
    match values.len() {
        8 => lanes.store_eight(values.first_chunk_mut().expect("eight values")),
        4 => lanes.store_four(values.first_chunk_mut().expect("four values")),
        _ => lanes.store_partial(values),
    }
}
