//! The optimizer's step over the rows of the first layer.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use imdb_fast::kernel::{Aligned, Apart, Level, Powers, Rows, Selection, Subsets, Touched, Values};
use imdb_fast::optimizer::{Optimizer, RmsProp, Step};
use imdb_fast::random::{Random, Stream};

use super::common::{self, Elements, Work, is_test, uniform};
use super::report::{Bound, Case, Report};
use super::roofline::Pattern;
use super::sparse::Calls;
use super::{BATCH, LINE};

/// What RMSprop keeps for each weight at first.
const INITIAL_VELOCITY: f32 = 1e-6;
/// The gradient of all weights of a row that is in a list.
const GRADIENT: f32 = 1e-3;

/// Weights and what RMSprop keeps for them, `[features, width]`.
struct Trained {
    width: usize,
    weights: Aligned,
    velocity: Aligned,
    updated: Vec<u32>,
    decays: [Powers; 1],
    number: u32,
}

impl Trained {
    fn new(features: usize, width: usize) -> Trained {
        let mut weights = Aligned::zeros(features * width);
        weights.fill(0.05);
        // Touched now, so that the system need not provide it in time.
        let mut velocity = Aligned::zeros(features * width);
        velocity.fill(INITIAL_VELOCITY);
        let decays = [Powers::of(RmsProp::default().rho as f32)];
        Trained { width, weights, velocity, updated: vec![0; features], decays, number: 0 }
    }

    /// A step over the selected rows, and how long it took.
    fn sweep(&mut self, level: Level, gradient: &mut [f32], selection: Selection<'_>) -> Duration {
        self.number += 1;
        let rows = Rows {
            width: self.width,
            values: Values::Apart(Apart {
                weights: &mut self.weights,
                state: &mut self.velocity,
                scales: None,
            }),
            gradient,
            selection,
            updated: &mut self.updated,
            decays: &self.decays,
        };
        let start = Instant::now();
        RmsProp::default().sweep(Step { number: self.number, level, rate: 1.0 }, rows);
        start.elapsed()
    }
}

/// Asserts that a first step over all rows with a gradient does what RMSprop's formula says, and to no other row.
fn assert_sweep(level: Level, (features, width): (usize, usize), gradient: &[f32]) {
    let mut trained = Trained::new(features, width);
    let before = (trained.weights.clone(), trained.velocity.clone());
    let mut cleared = Aligned::from(gradient);
    trained.sweep(level, &mut cleared, Selection::Nonzero);
    assert!(cleared.iter().all(|&value| value == 0.0), "the gradient is cleared");
    let rule = RmsProp::default();
    let mut moved = 0;
    for (row, gradient) in gradient.chunks_exact(width).enumerate() {
        let is_idle = gradient.iter().all(|&value| value == 0.0);
        for (column, &gradient) in gradient.iter().enumerate() {
            let at = row * width + column;
            let [kept, new] = [rule.rho, 1.0 - rule.rho].map(|part| part as f32);
            let velocity = kept * before.1[at] + new * gradient * gradient;
            let step = rule.learning_rate * gradient / (velocity + rule.epsilon).sqrt();
            let expected = if is_idle { before.0[at] } else { before.0[at] - step };
            let found = trained.weights[at];
            assert!((found - expected).abs() < 1e-6, "weight {at}: {found} and {expected}");
        }
        moved += usize::from(!is_idle);
    }
    assert!(moved > 0, "some row has moved");
}

/// The step after each batch of an epoch: all rows are looked at, those that the batch has touched are updated.
pub fn nonzero<'a>(criterion: &mut Criterion, calls: &'a Calls<'_>, report: &mut Report<'a>) {
    let (epoch, width) = (calls.epoch, calls.width);
    let row = width * size_of::<f32>();
    let (batches, touched) = (epoch.sorted.len(), epoch.distinct());
    // The gradient is read and, where it is not zero, cleared; weights, velocity and the step's number come and go.
    let moved = batches * epoch.features * row + touched * (5 * row + 8);
    let arrays = 3 * epoch.features * row;
    let mut group = epoch.group(criterion, "sweep");
    for level in Level::supported() {
        let deltas = Aligned::from(&uniform(BATCH * width, 1e-3, 2)[..]);
        let mut gradient = Aligned::zeros(epoch.features * width);
        let mut subsets = Subsets::default();
        calls.scatter(level, &mut gradient, 0, (&deltas, &mut subsets));
        assert_sweep(level, (epoch.features, width), &gradient);
        let mut trained = Trained::new(epoch.features, width);
        let case = Case {
            kernel: format!("rmsprop sweep, {width} columns, rows of a batch"),
            by: level.name(),
            bounds: vec![Bound::Bytes { moved, pattern: Pattern::UpdateThree, arrays }],
            run: Box::new(move || {
                let step = |batch| {
                    calls.scatter(level, &mut gradient, batch, (&deltas, &mut subsets));
                    trained.sweep(level, &mut gradient, Selection::Nonzero)
                };
                (0..batches).map(step).sum()
            }),
        };
        report.time(&mut group, &format!("{width} columns, rows of a batch, {level}"), case);
    }
    group.finish();
}

/// The step where features come by the million: the rows that a batch has touched are listed.
pub fn listed(criterion: &mut Criterion, report: &mut Report<'_>) {
    let features = if is_test() { 10_000 } else { 1_000_000 };
    let lists: Vec<Vec<Touched>> = (0..8).map(|batch| touched_rows(features, batch)).collect();
    let lists = Rc::new(lists);
    let touched: usize = lists.iter().map(Vec::len).sum();
    let rows: HashSet<u32> = lists.iter().flatten().map(|touched| touched.row).collect();
    let later: HashSet<u32> = lists[1..].iter().flatten().map(|touched| touched.row).collect();
    let mut once = lists[0].iter().map(|touched| touched.row).filter(|row| !later.contains(row));
    let once = once.next().expect("some word is in the first list alone") as usize;
    // Gradient, weights and velocity come and go, so does the step's number; the list comes.
    let moved = touched * (6 * LINE + 8 + size_of::<Touched>());
    let arrays = 3 * features * LINE;
    let work = Work { reviews: 8 * BATCH, nonzeros: 8 * BATCH * DRAWS };
    let mut group = common::group(criterion, "sweep", "random lists", Elements::Nonzeros, work);
    for level in Level::supported() {
        let mut lists = Lists::new(lists.clone(), features);
        lists.sweep(level);
        let still = lists.trained.weights.chunks_exact(16).filter(|row| row[0] == 0.05);
        assert_eq!(still.count(), features - rows.len(), "these rows move and no others");
        for &found in &lists.trained.weights[once * 16..][..16] {
            let expected = 0.05 - first_step();
            assert!((found - expected).abs() < 1e-6, "row {once}: {found} and {expected}");
        }
        let case = Case {
            kernel: format!("rmsprop sweep, rows in a list, of {features}"),
            by: level.name(),
            bounds: vec![Bound::Bytes { moved, pattern: Pattern::UpdateThree, arrays }],
            run: Box::new(move || lists.sweep(level)),
        };
        report.time(&mut group, &format!("rows in a list, {level}"), case);
    }
    group.finish();
}

/// How far the formula moves a weight of a list's row, whose velocity has decayed in the step that it has skipped.
fn first_step() -> f32 {
    let rule = RmsProp::default();
    let [kept, new] = [rule.rho, 1.0 - rule.rho].map(|part| part as f32);
    let velocity = kept * (kept * INITIAL_VELOCITY) + new * GRADIENT * GRADIENT;
    rule.learning_rate * GRADIENT / (velocity + rule.epsilon).sqrt()
}

/// Batches that touch few of many rows.
struct Lists {
    lists: Rc<Vec<Vec<Touched>>>,
    trained: Trained,
    gradient: Aligned,
}

impl Lists {
    fn new(lists: Rc<Vec<Vec<Touched>>>, features: usize) -> Lists {
        let slots = lists.iter().map(Vec::len).max().unwrap_or(0);
        Lists { lists, trained: Trained::new(features, 16), gradient: Aligned::zeros(slots * 16) }
    }

    /// A step after each batch.
    fn sweep(&mut self, level: Level) -> Duration {
        let Lists { lists, trained, gradient } = self;
        let step = |list: &Vec<Touched>| {
            gradient[..list.len() * 16].fill(GRADIENT);
            trained.sweep(level, gradient, Selection::Listed(list))
        };
        let time = lists.iter().map(step).sum();
        assert!(gradient.iter().all(|&value| value == 0.0), "the gradient is cleared");
        time
    }
}

/// Words a review, on average.
const DRAWS: usize = 131;

/// The rows that a batch touches where words follow a power law, in the order in which they come.
fn touched_rows(features: usize, batch: u64) -> Vec<Touched> {
    let mut random = Random::numbered(1, Stream::SyntheticReviews, batch);
    let mut slots = BTreeMap::new();
    let mut list = Vec::new();
    for _ in 0..BATCH * DRAWS {
        let row = (features as f64).powf(random.uniform_f64()) as u32 - 1;
        let slot = list.len() as u32;
        slots.entry(row).or_insert_with(|| list.push(Touched { row, slot, skipped: 1 }));
    }
    list
}
