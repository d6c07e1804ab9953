//! Optimizer sweeps: selected rows become what `Optimizer::update` makes of each of them alone.

use imdb_fast::kernel::{Apart, Level, Powers, Records, Rows, Selection, Touched, Values, Whole};
use imdb_fast::optimizer::{self, Idle, Optimizer, Step};

use super::{assert_panics, assert_same, is_same, ordinary, random};

/// Each optimizer in each of its forms, and by how many roundings one of its steps may differ between levels. A rounding is
/// 2^-24 of the largest of a value before, after, and the step between.
///
/// Additions, products, divisions and roots give the same bits everywhere. AVX2 and AVX-512 round a product and a sum
/// together, where the portable level rounds twice, and take `1 / sqrt(x)` from an estimate and one Newton step, which is
/// within 3 units of the last place, 6 roundings, where the portable level has 2.
const OPTIMIZERS: &[(&str, f64)] = &[
    // Neither of the two: the same bits.
    ("sgd", 0.0),
    ("sgd:momentum=0.9", 0.0),
    ("sgd:momentum=0.9,nesterov=true", 0.0),
    // Half of what a fused sum changes under a root, the root, and roundings of what comes behind it: up to 14.
    ("adagrad", 14.0),
    ("rmsprop", 16.0),
    ("rmsprop:rho=0.5,epsilon=0.01", 16.0),
    // The variance is a difference of averages that differ themselves.
    ("rmsprop:centered=true", 24.0),
    // Averages with a sign may cancel, and what is left of one then differs by more than it can be counted by: more than
    // twice what is measured, 14.
    ("rmsprop:momentum=0.9", 32.0),
    ("rmsprop:centered=true,momentum=0.9", 32.0),
    // A fused decay, and the subtraction behind it.
    ("sgd:weight_decay=0.5", 4.0),
    ("adagrad:weight_decay=0.1", 14.0),
    ("rmsprop:weight_decay=0.1", 16.0),
    ("adam", 32.0),
    ("adam:amsgrad=true", 32.0),
    ("adamw", 32.0),
    ("adamw:amsgrad=true", 32.0),
];

/// Scalars, half a line, a line, a line and a rest, two lines and a value.
const WIDTHS: [usize; 5] = [1, 8, 16, 20, 33];

/// More than twice as many as the bits of a word, which `Selection::Nonzero` fills.
const ROWS: usize = 150;

/// The numbers of the steps: gaps of none, some, and more than `Powers` looks up.
const STEPS: [u32; 5] = [1, 2, 3, 40, 2000];

/// An optimizer that leaves sweeping to the trait.
#[derive(Debug)]
struct Plain<'a>(&'a dyn Optimizer);

impl Optimizer for Plain<'_> {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn learning_rate(&self) -> f32 {
        self.0.learning_rate()
    }
    fn state(&self) -> Vec<f32> {
        self.0.state()
    }
    fn update(&self, step: Step, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        self.0.update(step, weights, gradient, state);
    }
}

/// Weights and all that belongs to them, as [`Rows`] borrows it.
#[derive(Clone)]
struct Net {
    width: usize,
    weights: Vec<f32>,
    state: Vec<f32>,
    gradient: Vec<f32>,
    updated: Vec<u32>,
}

impl Net {
    fn new(optimizer: &dyn Optimizer, width: usize) -> Net {
        let mut weights = ordinary(&mut random(width), ROWS * width);
        // Where a weight is zero its step has nothing to hide behind.
        weights.iter_mut().step_by(2).for_each(|weight| *weight = 0.0);
        let row = optimizer.state().into_iter().flat_map(|value| std::iter::repeat_n(value, width));
        let state: Vec<f32> = row.collect();
        Net {
            width,
            weights,
            state: state.repeat(ROWS),
            gradient: vec![0.0; ROWS * width],
            updated: vec![0; ROWS],
        }
    }

    /// Rows without a gradient, with one of negative zeros, of a last value only, and all of it.
    fn draw_gradient(&mut self, number: u32) {
        let random = &mut random(self.width + number as usize);
        for row in self.gradient.chunks_exact_mut(self.width) {
            match random.below(6) {
                0 => row.fill(0.0),
                1 => row.fill(-0.0),
                2 => {
                    row.fill(0.0);
                    *row.last_mut().unwrap() = [1e-3, -1e-40, f32::NAN][random.below(3) as usize];
                }
                _ => row.copy_from_slice(&ordinary(random, self.width)),
            }
        }
    }

    fn has_gradient(&self, row: usize) -> bool {
        self.gradient[row * self.width..][..self.width].iter().any(|&value| value != 0.0)
    }

    fn sweep(
        &mut self,
        optimizer: &dyn Optimizer,
        step: Step,
        selection: Selection<'_>,
        decays: &[f32],
    ) {
        self.sweep_apart(optimizer, step, selection, decays, None);
    }

    fn sweep_apart(
        &mut self,
        optimizer: &dyn Optimizer,
        step: Step,
        selection: Selection<'_>,
        decays: &[f32],
        scales: Option<&[f32]>,
    ) {
        let decays: Vec<Powers> = decays.iter().map(|&factor| Powers::of(factor)).collect();
        let Net { width, weights, state, gradient, updated } = self;
        let (width, decays) = (*width, &*decays);
        let values = Values::Apart(Apart { weights, state, scales });
        let rows = Rows { width, values, gradient, selection, updated, decays };
        optimizer.sweep(step, rows);
    }

    /// The same where each row is put together with its state, its scale and a number that is nobody's.
    fn sweep_together(
        &mut self,
        optimizer: &dyn Optimizer,
        step: Step,
        selection: Selection<'_>,
        decays: &[f32],
        scales: Option<&[f32]>,
    ) {
        let decays: Vec<Powers> = decays.iter().map(|&factor| Powers::of(factor)).collect();
        let arrays = self.state.len() / ROWS;
        let record = |row: usize| {
            let state = &self.state[row * arrays..][..arrays];
            let scale = scales.map(|scales| scales[row]);
            [&[self.weights[row]], state, scale.as_slice(), &[7.5]].concat()
        };
        let mut values: Vec<f32> = (0..ROWS).flat_map(record).collect();
        let stride = values.len() / ROWS;
        let records = Records { values: &mut values, stride, has_scales: scales.is_some() };
        let rows = Rows {
            width: 1,
            values: Values::Together(records),
            gradient: &mut self.gradient,
            selection,
            updated: &mut self.updated,
            decays: &decays,
        };
        optimizer.sweep(step, rows);
        for (row, record) in values.chunks_exact(stride).enumerate() {
            self.weights[row] = record[0];
            self.state[row * arrays..][..arrays].copy_from_slice(&record[1..][..arrays]);
            assert_eq!(record[stride - 1], 7.5);
            assert_eq!(scales.map(|scales| scales[row]), scales.map(|_| record[1 + arrays]));
        }
    }

    /// All rows as one long one, whose state is one array behind the other.
    fn sweep_whole(&mut self, optimizer: &dyn Optimizer, step: Step, scales: Option<&[f32]>) {
        let (n, width) = (self.weights.len(), self.width);
        let arrays = self.state.len() / n;
        let place = |weight: usize, array: usize| {
            (weight / width * arrays + array) * width + weight % width
        };
        let array = |array| (0..n).map(move |weight| place(weight, array));
        let mut state: Vec<f32> = (0..arrays).flat_map(array).map(|at| self.state[at]).collect();
        let each = |row: usize| scales.map(|scales| scales[row / width]);
        let scales: Option<Vec<f32>> = (0..n).map(each).collect();
        let whole =
            Whole { weights: &mut self.weights, state: &mut state, scales: scales.as_deref() };
        let rows = Rows {
            width,
            values: Values::Whole(whole),
            gradient: &mut self.gradient,
            selection: Selection::All,
            updated: &mut [],
            decays: &[],
        };
        optimizer.sweep(step, rows);
        for (at, value) in (0..arrays).flat_map(array).zip(state) {
            self.state[at] = value;
        }
    }

    /// What [`Net::sweep`] has to do, row by row. Of rows that do not decay, nobody asks when their last step was.
    fn reference(
        &mut self,
        optimizer: &dyn Optimizer,
        step: Step,
        list: &[Touched],
        decays: &[f32],
    ) {
        let width = self.width;
        let arrays = optimizer.state().len();
        for touched in list {
            let (row, slot) = (touched.row as usize, touched.slot as usize);
            let state = &mut self.state[row * arrays * width..][..arrays * width];
            for (array, &factor) in state.chunks_exact_mut(width).zip(decays) {
                let power = f64::from(factor).powf(f64::from(touched.skipped)) as f32;
                array.iter_mut().for_each(|value| *value *= power);
            }
            let gradient = &mut self.gradient[slot * width..][..width];
            optimizer.update(step, &mut self.weights[row * width..][..width], gradient, state);
            gradient.fill(0.0);
            if !decays.is_empty() {
                self.updated[row] = step.number;
            }
        }
    }

    fn assert_same(&self, expected: &Net, what: &str) {
        assert_same(&self.weights, &expected.weights, &format!("weights, {what}"));
        assert_same(&self.state, &expected.state, &format!("state, {what}"));
        assert_same(&self.gradient, &expected.gradient, &format!("gradient, {what}"));
        assert_eq!(self.updated, expected.updated, "{what}");
    }

    /// The largest difference in roundings, as [`OPTIMIZERS`] counts them.
    fn distance(&self, other: &Net, before: &Net) -> f64 {
        let both = |net: &Net| [&net.weights[..], &net.state].concat();
        let (a, b, before) = (both(self), both(other), both(before));
        let roundings = |((&a, &b), &before): ((&f32, &f32), &f32)| {
            if is_same(a, b) {
                return 0.0;
            }
            let scale = a.abs().max(b.abs()).max(before.abs()).max((b - before).abs());
            (f64::from(a) - f64::from(b)).abs() / f64::from(scale) / f64::powi(2.0, -24)
        };
        a.iter().zip(&b).zip(&before).map(roundings).fold(0.0, |worst, roundings| {
            assert!(!roundings.is_nan(), "a number on one side only");
            f64::max(worst, roundings)
        })
    }
}

/// All rows, the ones that have a gradient, and some in no order whose gradients stand elsewhere.
fn lists(net: &Net, number: u32) -> [Vec<Touched>; 3] {
    let touched = |row: usize, slot: usize| {
        let skipped = number - 1 - net.updated[row];
        Touched { row: row as u32, slot: slot as u32, skipped }
    };
    let mut order: Vec<u32> = (0..ROWS as u32).collect();
    random(number as usize).shuffle(&mut order);
    let some = order.iter().take(ROWS / 2).enumerate();
    [
        (0..ROWS).map(|row| Touched { skipped: 0, ..touched(row, row) }).collect(),
        (0..ROWS).filter(|&row| net.has_gradient(row)).map(|row| touched(row, row)).collect(),
        some.map(|(at, &row)| touched(row as usize, at * 37 % ROWS)).collect(),
    ]
}

/// What an average takes of the new value is as it was asked for where the rest is next to 1.
#[test]
fn small_parts_of_an_average_are_not_rounded_with_the_rest() {
    let new = 1.0 - 0.999_999_9_f64;
    for (text, taken) in [
        ("rmsprop:rho=0.9999999,epsilon=1e-30", 0.001 / new.sqrt()),
        ("rmsprop:rho=0.9999999,epsilon=1e-30,centered=true", 0.001 / (new - new * new).sqrt()),
        ("adam:beta_1=0.9999999,beta_2=0.9999999,epsilon=1e-30", 0.001),
    ] {
        let optimizer = optimizer::parse(text, None).unwrap();
        for level in Level::supported() {
            let (mut weight, mut state) = ([0.0], optimizer.state());
            optimizer.update(Step { number: 1, level, rate: 1.0 }, &mut weight, &[1.0], &mut state);
            assert!(state.iter().all(|&average| average == new as f32), "{text}: {state:?}");
            let off = f64::from(-weight[0]) / taken - 1.0;
            assert!(off.abs() < 1e-6, "{text}, {level}: off by {off}");
        }
    }
}

#[test]
fn sweeps_are_updates_row_by_row() {
    for &(name, bound) in OPTIMIZERS {
        let optimizer = &*optimizer::parse(name, None).unwrap();
        let decays = match optimizer.idle() {
            Idle::Decays(factors) => factors,
            Idle::Unchanged | Idle::Rests | Idle::Moves => Vec::new(),
        };
        let mut worst = 0f64;
        for width in WIDTHS {
            let mut net = Net::new(optimizer, width);
            for number in STEPS {
                net.draw_gradient(number);
                let lists = lists(&net, number);
                let selections = [Selection::All, Selection::Nonzero, Selection::Listed(&lists[2])];
                for (list, selection) in lists.iter().zip(selections) {
                    let mut portable = net.clone();
                    let step = Step { number, level: Level::portable(), rate: 1.0 };
                    portable.reference(optimizer, step, list, &decays);
                    for level in Level::supported() {
                        let step = Step { number, level, rate: 1.0 };
                        let mut expected = net.clone();
                        expected.reference(optimizer, step, list, &decays);
                        if matches!(selection, Selection::All) {
                            // No row is ever left out, so nobody asks when its last step was.
                            expected.updated.clone_from(&net.updated);
                        }
                        for sweeper in [optimizer, &Plain(optimizer)] {
                            let mut swept = net.clone();
                            swept.sweep(sweeper, step, selection, &decays);
                            let what = format!("{name}, {level}, width {width}, {number}");
                            swept.assert_same(&expected, &what);
                            together(sweeper, &net, step, selection, &decays, &what);
                            if matches!(selection, Selection::All) {
                                whole(sweeper, &net, step, &what);
                            }
                        }
                        let distance = expected.distance(&portable, &net);
                        worst = worst.max(distance);
                        assert!(distance <= bound, "{name} at {level}: {distance} roundings");
                    }
                }
                shared(optimizer, &net, number, &lists[2], &decays);
                let step = Step { number, level: Level::portable(), rate: 1.0 };
                net.reference(optimizer, step, &lists[1], &decays);
            }
        }
        println!("{name}: {worst:.2} of {bound} roundings");
    }
}

/// Rows of one value are swept the same wherever their state stands.
fn together(
    optimizer: &dyn Optimizer,
    net: &Net,
    step: Step,
    selection: Selection<'_>,
    decays: &[f32],
    what: &str,
) {
    if net.width != 1 {
        return;
    }
    let mut scales = ordinary(&mut random(step.number as usize), ROWS);
    scales[3] = 0.0;
    for scales in [None, Some(&scales[..])] {
        let (mut apart, mut together) = (net.clone(), net.clone());
        apart.sweep_apart(optimizer, step, selection, decays, scales);
        together.sweep_together(optimizer, step, selection, decays, scales);
        together.assert_same(&apart, &format!("{what}, together, scaled {}", scales.is_some()));
    }
}

/// All rows are swept the same as one.
fn whole(optimizer: &dyn Optimizer, net: &Net, step: Step, what: &str) {
    let mut scales = ordinary(&mut random(step.number as usize), ROWS);
    scales[3] = 0.0;
    for scales in [None, Some(&scales[..])] {
        let (mut apart, mut whole) = (net.clone(), net.clone());
        apart.sweep_apart(optimizer, step, Selection::All, &[], scales);
        whole.sweep_whole(optimizer, step, scales);
        if scales.is_some() {
            // Weights that count for nothing stay, and what is kept for them tells nothing.
            let row = net.state.len() / ROWS;
            let state = 3 * row..4 * row;
            whole.state[state.clone()].copy_from_slice(&apart.state[state]);
        }
        whole.assert_same(&apart, &format!("{what}, whole, scaled {}", scales.is_some()));
    }
}

/// Rows that share a gradient are rows that each have it.
fn shared(optimizer: &dyn Optimizer, net: &Net, number: u32, list: &[Touched], decays: &[f32]) {
    let rows: Vec<u32> = list.iter().map(|touched| touched.row).collect();
    for level in Level::supported() {
        let step = Step { number, level, rate: 1.0 };
        let mut copied = net.clone();
        let (first, others) = copied.gradient.split_at_mut(net.width);
        others.chunks_exact_mut(net.width).for_each(|row| row.copy_from_slice(first));
        copied.reference(optimizer, step, list, decays);
        for sweeper in [optimizer, &Plain(optimizer)] {
            let mut swept = net.clone();
            swept.sweep(sweeper, step, Selection::Shared { rows: &rows, ahead: &rows }, decays);
            let what = format!("{optimizer:?}, {level}, width {}, {number}, shared", net.width);
            assert_same(&swept.weights, &copied.weights, &format!("weights, {what}"));
            assert_same(&swept.state, &copied.state, &format!("state, {what}"));
            assert_eq!(swept.updated, copied.updated, "{what}");
            together(
                sweeper,
                net,
                step,
                Selection::Shared { rows: &rows, ahead: &rows },
                decays,
                &what,
            );
            assert!(swept.gradient[..net.width].iter().all(|&g| g == 0.0), "{what}");
            assert_same(&swept.gradient[net.width..], &net.gradient[net.width..], &what);
        }
    }
}

#[test]
fn rows_that_are_not_there_panic() {
    let optimizer = &*optimizer::parse("rmsprop", None).unwrap();
    for width in [1, 16, 20] {
        for (row, slot) in [(ROWS, 0), (0, ROWS), (usize::MAX >> 33, 0)] {
            let list = [Touched { row: row as u32, slot: slot as u32, skipped: 0 }];
            assert_panics(&format!("row {row}, slot {slot}"), |level| {
                let step = Step { number: 1, level, rate: 1.0 };
                Net::new(optimizer, width).sweep(optimizer, step, Selection::Listed(&list), &[]);
            });
        }
        assert_panics("a row of many", |level| {
            let mut net = Net::new(optimizer, width);
            let Net { weights, state, gradient, updated, .. } = &mut net;
            let values = Values::Whole(Whole { weights, state, scales: None });
            let selection = Selection::Nonzero;
            let rows = Rows { width, values, gradient, selection, updated, decays: &[] };
            optimizer.sweep(Step { number: 1, level, rate: 1.0 }, rows);
        });
        assert_panics("a row of the gradient too few", |level| {
            let mut net = Net::new(optimizer, width);
            net.gradient.truncate((ROWS - 1) * width);
            let step = Step { number: 1, level, rate: 1.0 };
            net.sweep(optimizer, step, Selection::All, &[]);
        });
    }
}
