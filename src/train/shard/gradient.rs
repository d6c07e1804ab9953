//! A shard's gradient: where it is gathered, and what is done with it before the update, where a run asks for it.

use std::ops::Range;

use super::super::rows::{Rows, Slots, Word};
use super::Shard;
use super::slots::{Marks, Table, give_slots};
use super::thinned::Thinned;
use crate::kernel::{
    Aligned, BITS, Level, Selection, Span, Touched, scatter_add_ahead, scatter_bits,
};
use crate::optimizer::Step;

/// Where a step's gradient is gathered.
#[derive(Debug)]
pub(super) enum Gradient {
    /// `[features, width]`, zero between steps: for shards that a batch touches much of. Which rows it has touched is seen by
    /// looking through them all, which costs less than to ask at each word.
    Dense(Aligned),
    /// `[slots, width]`, zero between steps: for features by the million. A row gets a slot when it is first touched.
    Compact {
        values: Aligned,
        /// The rows that have a slot.
        touched: Vec<Touched>,
        /// Finds them, where nothing else does.
        table: Table,
        /// The slot of each word of the batch, span by span.
        slots: Slots,
        spans: Vec<Span>,
    },
    /// `[width]`: that of each word of a batch of one review.
    Shared {
        delta: Aligned,
        /// The rows of those words.
        rows: Vec<u32>,
        /// Those of the review that comes next, where they may be far.
        ahead: Vec<u32>,
    },
}

impl Gradient {
    pub(super) fn dense(rows: usize, width: usize) -> Gradient {
        Gradient::Dense(Aligned::zeros(rows * width))
    }

    pub(super) fn compact() -> Gradient {
        Gradient::Compact {
            values: Aligned::zeros(0),
            touched: Vec::new(),
            table: Table::default(),
            slots: Slots::default(),
            spans: Vec::new(),
        }
    }

    pub(super) fn shared(width: usize) -> Gradient {
        Gradient::Shared { delta: Aligned::zeros(width), rows: Vec::new(), ahead: Vec::new() }
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Gradient::Shared { .. })
    }

    /// The values, and which rows they are of.
    pub(super) fn selected(&mut self, is_swept_whole: bool) -> (&mut Aligned, Selection<'_>) {
        match self {
            Gradient::Dense(values) => match is_swept_whole {
                true => (values, Selection::All),
                false => (values, Selection::Nonzero),
            },
            Gradient::Compact { values, touched, .. } => (values, Selection::Listed(touched)),
            Gradient::Shared { delta, rows, ahead } => (delta, Selection::Shared { rows, ahead }),
        }
    }

    /// Adds deltas to the rows of the words of spans; `later` are those of the batch that comes next.
    fn add<I: Word, J: Word>(
        &mut self,
        adding: Adding<'_>,
        (words, spans): (&[I], &[Span]),
        later: (&[J], &[Span]),
    ) {
        let Adding { level, features, width, deltas, step, updated, are_far } = adding;
        let first = features.start;
        match self {
            Gradient::Dense(values) => {
                scatter_add_ahead(level, values, first, width, (words, spans), deltas, later);
            }
            Gradient::Compact { values, touched, table, slots, spans: slot_spans } => {
                let slots = I::slots_mut(slots);
                slot_spans.clear();
                let mut end = 0;
                slot_spans.extend(spans.iter().map(|span| {
                    end += span.length as usize;
                    Span { start: end - span.length as usize, ..*span }
                }));
                if updated.is_empty() {
                    table.clear(touched, end, features.len());
                    give_slots((words, spans), first, table, touched, slots);
                } else {
                    let marks = Marks { updated, before: step.number - 1 };
                    give_slots((words, spans), first, marks, touched, slots);
                }
                if values.len() < touched.len() * width {
                    *values = Aligned::zeros(touched.len().next_power_of_two() * width);
                }
                let now = (&slots[..], &slot_spans[..]);
                scatter_add_ahead(level, values, 0, width, now, deltas, later);
            }
            Gradient::Shared { delta, rows: shared, ahead } => {
                shared.clear();
                for span in spans {
                    delta.copy_from_slice(&deltas[span.row as usize * width..][..width]);
                    let words = &words[span.start..][..span.length as usize];
                    shared.extend(words.iter().map(|&id| (id.place() - first) as u32));
                }
                ahead.clear();
                for span in later.1.iter().filter(|_| are_far) {
                    let words = &later.0[span.start..][..span.length as usize];
                    ahead.extend(words.iter().map(|&id| (id.place() - first) as u32));
                }
            }
        }
    }
}

/// What is added to a gradient, and where its rows stand.
struct Adding<'a> {
    level: Level,
    /// Those of the rows.
    features: Range<usize>,
    width: usize,
    /// `[batch, width]`
    deltas: &'a [f32],
    step: Step,
    updated: &'a mut [u32],
    /// Whether rows are far from the core.
    are_far: bool,
}

impl Shard<'_> {
    /// Adds the deltas of the batch, `[batch, width]`, to the gradient.
    pub(in super::super) fn scatter<I: Word>(
        &mut self,
        rows: Rows<'_, I>,
        deltas: &[f32],
        step: Step,
    ) {
        let Shard { level, width, weights, gradient, updated, words, subsets, .. } = self;
        let (level, first, width, batch) = (*level, self.features.start, *width, words.batch());
        if let (Gradient::Dense(values), Some(subsets)) = (&mut *gradient, subsets) {
            let common = &mut values[..BITS * width];
            scatter_bits(level, common, width, &batch.bits, subsets, deltas);
        }
        let are_far = weights.table(first).is_far();
        let features = self.features.clone();
        let adding = Adding { level, features, width, deltas, step, updated, are_far };
        let later = (rows.indices, &words.next().spans[..]);
        match &self.thinned {
            None => gradient.add(adding, (rows.indices, &batch.spans), later),
            Some(Thinned { words, spans }) => gradient.add(adding, (I::slots(words), spans), later),
        }
    }

    /// The sum of the squares of the gradient of the weights that the optimizer moves: of row `j` that is `r_j` times the gradient
    /// of the row that is kept, where words have scales.
    pub(in super::super) fn squares(&self) -> f64 {
        let scales = self.weights.scales();
        let scale = |row: usize| scales.map_or(1.0, |scales| f64::from(scales[row]));
        let rows = |values: &[f32], rows: &mut dyn Iterator<Item = usize>| -> f64 {
            let values = values.chunks_exact(self.width);
            values.zip(rows).map(|(values, row)| scale(row).powi(2) * squares(values)).sum()
        };
        match &self.gradient {
            Gradient::Dense(values) if scales.is_none() => squares(values),
            Gradient::Dense(values) => rows(values, &mut (0..self.features.len())),
            Gradient::Compact { values, touched, .. } => {
                rows(values, &mut touched.iter().map(|touched| touched.row as usize))
            }
            Gradient::Shared { delta, rows, .. } => {
                let scales: f64 = rows.iter().map(|&row| scale(row as usize).powi(2)).sum();
                scales * squares(delta)
            }
        }
    }

    /// Adds to the gradient that of `l2` times the sum of the squared weights: `2 l2 w`
    /// (`keras/src/regularizers/regularizers.py`, `L2`). A weight that counts for nothing, since its word's scale is 0, stays.
    ///
    /// # Panics
    /// If the gradient has no row for each feature. What it is added to has to be swept whole: rows without a gradient move now.
    pub(in super::super) fn pull(&mut self, l2: f32) {
        let Gradient::Dense(values) = &mut self.gradient else {
            panic!("a penalty on all weights needs the gradient of all of them");
        };
        let scales = self.weights.scales();
        let kernel = self.weights.kernel();
        match scales {
            None => pull(l2, values, kernel),
            Some(scales) => {
                let rows = values.chunks_exact_mut(self.width);
                let kernel = kernel.chunks_exact(self.width);
                for ((gradient, weights), &scale) in rows.zip(kernel).zip(scales) {
                    // The weight is `v / r`, and its gradient `r` times that of `v`.
                    if scale != 0.0 {
                        for (g, v) in gradient.iter_mut().zip(weights) {
                            *g += 2.0 * l2 * (v / scale) / scale;
                        }
                    }
                }
            }
        }
    }

    /// Multiplies the gradient by a factor.
    pub(in super::super) fn shrink(&mut self, factor: f32) {
        let values = match &mut self.gradient {
            Gradient::Dense(values) => &mut values[..],
            Gradient::Compact { values, touched, .. } => &mut values[..touched.len() * self.width],
            Gradient::Shared { delta, .. } => &mut delta[..],
        };
        values.iter_mut().for_each(|value| *value *= factor);
    }
}

/// Adds the gradient of `l2` times the sum of the squared weights.
pub(in super::super) fn pull(l2: f32, gradient: &mut [f32], weights: &[f32]) {
    for (g, weight) in gradient.iter_mut().zip(weights) {
        *g += 2.0 * l2 * weight;
    }
}

/// The sum of the squares, in eight chains.
pub(in super::super) fn squares(values: &[f32]) -> f64 {
    let (lines, rest) = values.as_chunks::<8>();
    let mut chains = [0.0; 8];
    for line in lines {
        for (sum, &value) in chains.iter_mut().zip(line) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    let rest: f64 = rest.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    chains.iter().sum::<f64>() + rest
}
