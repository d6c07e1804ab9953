//! Optimizer steps over rows of weights.

use super::Level;
use super::lanes::{Kernel, LANES, Lanes};

/// What an optimizer does with one weight, in lanes, with `ARRAYS` values of state beside it.
pub(crate) trait Rule<const ARRAYS: usize> {
    /// The new weight and state. Must be `#[inline(always)]`.
    fn step<V: Lanes>(&self, weight: V, gradient: V, state: [V; ARRAYS]) -> (V, [V; ARRAYS]);
}

/// A row of weights that has a gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// The row of its weights and state.
    pub row: u32,
    /// The row of its gradient.
    pub slot: u32,
    /// How many steps since its last have left it out because its gradient was zero.
    pub skipped: u32,
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
    /// Which rows the step updates.
    pub touched: &'a [Touched],
    /// For each array of state, what a step that leaves the row out multiplies it by.
    pub decays: &'a [Powers],
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

/// Updates the touched rows by a rule and clears their gradients.
///
/// # Panics
/// If a row or slot is not there.
pub(crate) fn sweep<const ARRAYS: usize>(level: Level, rule: &impl Rule<ARRAYS>, rows: Rows<'_>) {
    level.run(Sweep::<_, ARRAYS> { rule, rows });
}

/// Updates weights that stand in one array, each array of their state following the other.
///
/// # Panics
/// If the lengths do not fit each other.
pub(crate) fn update<const ARRAYS: usize>(
    level: Level,
    rule: &impl Rule<ARRAYS>,
    weights: &mut [f32],
    gradient: &[f32],
    state: &mut [f32],
) {
    assert_eq!(gradient.len(), weights.len(), "a gradient for each weight");
    assert_eq!(state.len(), ARRAYS * weights.len(), "state for each weight");
    level.run(Update::<_, ARRAYS> { rule, weights, gradient, state });
}

struct Sweep<'a, R, const ARRAYS: usize> {
    rule: &'a R,
    rows: Rows<'a>,
}

impl<R: Rule<ARRAYS>, const ARRAYS: usize> Kernel for Sweep<'_, R, ARRAYS> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.rows.width {
            LANES => self.lines::<V>(),
            _ => self.any_width::<V>(),
        }
    }
}

impl<R: Rule<ARRAYS>, const ARRAYS: usize> Sweep<'_, R, ARRAYS> {
    /// Rows of one line.
    #[inline(always)]
    fn lines<V: Lanes>(self) {
        let Sweep { rule, rows } = self;
        let weights = rows.weights.as_chunks_mut::<LANES>().0;
        let state = rows.state.as_chunks_mut::<LANES>().0;
        let gradients = rows.gradient.as_chunks_mut::<LANES>().0;
        for touched in rows.touched {
            let weight = &mut weights[touched.row as usize];
            let gradient = &mut gradients[touched.slot as usize];
            let state = &mut state[touched.row as usize * ARRAYS..][..ARRAYS];
            let mut values = std::array::from_fn(|array| V::load(&state[array]));
            decay(rows.decays, touched.skipped, &mut values);
            let (new, values) = rule.step(V::load(weight), V::load(gradient), values);
            new.store(weight);
            for (kept, value) in state.iter_mut().zip(values) {
                value.store(kept);
            }
            V::zero().store(gradient);
        }
    }

    #[inline(always)]
    fn any_width<V: Lanes>(self) {
        let Sweep { rule, rows } = self;
        let width = rows.width;
        for touched in rows.touched {
            let weights = &mut rows.weights[touched.row as usize * width..][..width];
            let state = &mut rows.state[touched.row as usize * ARRAYS * width..][..ARRAYS * width];
            let gradient = &mut rows.gradient[touched.slot as usize * width..][..width];
            stretches(rule, weights, gradient, state, |values: &mut [V; ARRAYS]| {
                decay(rows.decays, touched.skipped, values);
            });
            gradient.fill(0.0);
        }
    }
}

struct Update<'a, R, const ARRAYS: usize> {
    rule: &'a R,
    weights: &'a mut [f32],
    gradient: &'a [f32],
    state: &'a mut [f32],
}

impl<R: Rule<ARRAYS>, const ARRAYS: usize> Kernel for Update<'_, R, ARRAYS> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        stretches(self.rule, self.weights, self.gradient, self.state, |_: &mut [V; ARRAYS]| {});
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
    rule: &R,
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
        let (weight, values) = rule.step(weight, gradient, values);
        weight.store_partial(&mut weights[from..to]);
        for (array, value) in values.into_iter().enumerate() {
            value.store_partial(&mut state[array * n + from..array * n + to]);
        }
        from = to;
    }
}

/// Which rows of a gradient are not zero, in order, appended to `touched`; row and slot are the same.
pub(crate) fn nonzero_rows(
    level: Level,
    gradient: &[f32],
    width: usize,
    first: usize,
    touched: &mut Vec<u32>,
) {
    level.run(NonzeroRows { gradient, width, first, touched });
}

struct NonzeroRows<'a> {
    gradient: &'a [f32],
    width: usize,
    first: usize,
    touched: &'a mut Vec<u32>,
}

impl Kernel for NonzeroRows<'_> {
    type Output = ();

    /// Sixty-four at a time, as bits, so that no branch depends on a row.
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let mut first = self.first as u32;
        for rows in self.gradient.chunks(64 * self.width) {
            let mut bits = 0u64;
            if self.width == LANES {
                for (i, row) in rows.as_chunks::<LANES>().0.iter().enumerate() {
                    bits |= u64::from(!V::load(row).is_zero()) << i;
                }
            } else {
                for (i, row) in rows.chunks_exact(self.width).enumerate() {
                    bits |= u64::from(!is_zero::<V>(row)) << i;
                }
            }
            while bits != 0 {
                self.touched.push(first + bits.trailing_zeros());
                bits &= bits - 1;
            }
            first += 64;
        }
    }
}

#[inline(always)]
fn is_zero<V: Lanes>(row: &[f32]) -> bool {
    let (lines, rest) = row.as_chunks::<LANES>();
    lines.iter().all(|line| V::load(line).is_zero())
        && (rest.is_empty() || V::load_partial(rest).is_zero())
}
