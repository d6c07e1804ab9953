//! `gather_sum` and `scatter_add`: the same bits at every level.

use imdb_fast::kernel::{Id, Level, Single, Span, Sum, Table, gather_sum, scatter_add};
use imdb_fast::random::Random;

use super::{WIDTHS, assert_panics, assert_same, ordinary, random, special};

/// Words of a span, and why: four chains, whose rest is 0 to 3 words. A span of all features comes on top.
const LENGTHS: [usize; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 31, 64];

/// Spans over a table and all that the kernels need besides.
struct Case<I> {
    width: usize,
    first: usize,
    /// `[features, width]`
    table: Vec<f32>,
    indices: Vec<I>,
    spans: Vec<Span>,
    /// `[rows, width]`: what stands in the output before, and what is scattered.
    rows: Vec<f32>,
}

type Values = fn(&mut Random, usize) -> Vec<f32>;

impl<I: Id> Case<I> {
    fn new(width: usize, first: usize, features: usize, values: Values, seed: usize) -> Case<I>
    where
        I: TryFrom<usize>,
    {
        let random = &mut random(seed);
        let id = |feature| I::try_from(first + feature).ok().expect("ids have room for it");
        let (mut indices, mut spans) = (Vec::new(), Vec::new());
        let mut all: Vec<usize> = (0..features).collect();
        for (at, &length) in LENGTHS.iter().chain(&[features]).enumerate() {
            // Some indices that are nobody's lie between the spans.
            indices.push(id(0));
            // Rows of the output in no order, and some without a span.
            let row = (at * 7 % 17) as u32;
            spans.push(Span { start: indices.len(), length: length as u32, row });
            if length < features {
                // Distinct, as the words of a review are, but in no order.
                for drawn in 0..length {
                    let other = drawn + random.below((features - drawn) as u64) as usize;
                    all.swap(drawn, other);
                }
            } else {
                all.sort_unstable();
            }
            indices.extend(all[..length].iter().map(|&feature| id(feature)));
        }
        indices.push(id(0));
        let (table, rows) = (values(random, features * width), values(random, 17 * width));
        Case { width, first, table, indices, spans, rows }
    }

    /// In odd order, and some of them twice: their sums meet in the same row.
    fn shuffled(mut self, seed: usize) -> Case<I> {
        let mut order: Vec<u32> = (0..self.spans.len() as u32).chain([3, 5, 12]).collect();
        random(seed).shuffle(&mut order);
        self.spans = order.iter().map(|&at| self.spans[at as usize]).collect();
        self
    }

    /// Rows of the table, and how often each is taken.
    fn words(&self, span: &Span) -> impl Iterator<Item = (usize, f32)> {
        let words = &self.indices[span.start..span.start + span.length as usize];
        words.iter().map(|id| (id.place() - self.first, id.times()))
    }

    /// The same words, each several times.
    fn repeated(self, seed: usize) -> Case<I::Repeated>
    where
        I: Single,
    {
        let random = &mut random(seed);
        let Case { width, first, table, indices, spans, rows } = self;
        let times =
            |id: I| id.repeated(1 + random.below(if width % 2 == 0 { 3 } else { 300 }) as u16);
        Case { width, first, table, indices: indices.into_iter().map(times).collect(), spans, rows }
    }

    /// In the documented order: word `k` goes to chain `k mod 4`, and the chains are added as (0 + 1) + (2 + 3).
    fn gathered(&self, sum: Sum) -> Vec<f32> {
        let (width, mut out) = (self.width, self.rows.clone());
        for span in &self.spans {
            for column in 0..width {
                let mut chains = [0.0; 4];
                for (k, feature) in self.words(span).enumerate() {
                    chains[k % 4] += self.table[feature.0 * width + column] * feature.1;
                }
                let total = (chains[0] + chains[1]) + (chains[2] + chains[3]);
                let out = &mut out[span.row as usize * width + column];
                *out = if sum == Sum::Add { *out + total } else { total };
            }
        }
        out
    }

    fn scattered(&self) -> Vec<f32> {
        let (width, mut gradient) = (self.width, self.table.clone());
        for span in &self.spans {
            for feature in self.words(span) {
                for column in 0..width {
                    gradient[feature.0 * width + column] +=
                        self.rows[span.row as usize * width + column] * feature.1;
                }
            }
        }
        gradient
    }

    fn check(&self, why: &str) {
        let Case { width, first, table, indices, spans, rows } = self;
        let gathered = [Sum::Store, Sum::Add].map(|sum| (sum, self.gathered(sum)));
        let scattered = self.scattered();
        for level in Level::supported() {
            let what = format!("{level}, width {width} ({why}), {} bytes an id", size_of::<I>());
            let table = Table::new(table, *first, *width);
            for (sum, expected) in &gathered {
                let mut out = rows.clone();
                gather_sum(level, table, indices, spans, *sum, &mut out);
                assert_same(&out, expected, &format!("{sum:?} at {what}"));
            }
            let mut gradient = table.values.to_vec();
            scatter_add(level, &mut gradient, *first, *width, indices, spans, rows);
            assert_same(&gradient, &scattered, &format!("scatter at {what}"));
        }
    }
}

#[test]
fn near_tables_give_the_same_bits() {
    for (seed, &(width, why)) in WIDTHS.iter().enumerate() {
        for values in [ordinary, special] {
            Case::<u16>::new(width, 0, 300, values, seed).check(why);
            Case::<u32>::new(width, 0, 300, values, seed).shuffled(seed).check(why);
            Case::<u16>::new(width, 65_236, 300, values, seed).shuffled(seed).check(why);
            Case::<u32>::new(width, 70_000, 300, values, seed).check(why);
            Case::<u16>::new(width, 65_236, 300, values, seed).repeated(seed).check(why);
            let wide = Case::<u32>::new(width, 70_000, 300, values, seed).shuffled(seed);
            wide.repeated(seed).check(why);
        }
    }
}

/// Tables beyond two megabytes, whose rows are asked for ahead.
#[test]
fn far_tables_give_the_same_bits() {
    fn uniform(random: &mut Random, n: usize) -> Vec<f32> {
        (0..n).map(|_| random.uniform_f32() - 0.5).collect()
    }
    for &(width, why) in WIDTHS {
        let features = (2 << 20) / size_of::<f32>() / width + 100;
        Case::<u32>::new(width, 37, features, uniform, width).shuffled(width).check(why);
        if features + 37 <= 1 << 16 {
            Case::<u16>::new(width, 37, features, uniform, width).check(why);
            Case::<u16>::new(width, 37, features, uniform, width).repeated(width).check(why);
        }
    }
}

/// The oracle has teeth: its numbers do show another order of additions.
#[test]
fn another_order_would_be_seen() {
    let case = Case::<u16>::new(16, 0, 300, ordinary, 1);
    let span = case.spans.iter().find(|span| span.length == 7).unwrap();
    let expected = &case.gathered(Sum::Store)[span.row as usize * 16..][..16];
    let in_a_row = |column: usize| -> f32 {
        case.words(span).map(|(feature, _)| case.table[feature * 16 + column]).sum()
    };
    assert!((0..16).any(|column| in_a_row(column) != expected[column]));
}

#[test]
fn wrong_places_panic() {
    for width in [1, 16, 20, 32, 64, 65] {
        let values = vec![1.0; 5 * width];
        let run = |level: Level, ids: &[u16], span: Span, out_rows: usize| {
            let table = Table::new(&values, 10, width);
            let mut out = vec![0.0; out_rows * width];
            gather_sum(level, table, ids, &[span], Sum::Store, &mut out);
        };
        let scatter = |level: Level, ids: &[u16], span: Span, delta_rows: usize| {
            let deltas = vec![0.0; delta_rows * width];
            scatter_add(level, &mut values.clone(), 10, width, ids, &[span], &deltas);
        };
        let span = Span { start: 1, length: 2, row: 1 };
        for level in Level::supported() {
            run(level, &[0, 10, 14], span, 2);
            scatter(level, &[0, 10, 14], span, 2);
        }
        let wrong: [(&str, &[u16], Span, usize); 6] = [
            ("an id below the first", &[0, 10, 9], span, 2),
            ("an id just beyond the table", &[0, 10, 15], span, 2),
            ("an id far beyond the table", &[0, 10, u16::MAX], span, 2),
            ("a span that ends beyond the indices", &[0, 10], span, 2),
            ("a span that starts beyond the indices", &[10], Span { start: 9, ..span }, 2),
            ("a row beyond the others", &[0, 10, 14], span, 1),
        ];
        for (what, ids, span, rows) in wrong {
            let what = format!("{what}, width {width}");
            assert_panics(&what, |level| run(level, ids, span, rows));
            assert_panics(&what, |level| scatter(level, ids, span, rows));
        }
    }
}
