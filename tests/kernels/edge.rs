//! No kernel reads or writes beyond its slices: they end where the memory does.

use bytemuck::Pod;
use imdb_fast::kernel::{
    Apart, BITS, Id, Level, Powers, Records, Rows, Selection, Single, Span, Subsets, Sum, Table,
    Touched, Values, Whole, add_bias, add_d_bias, dense_d_input, dense_d_kernel, dense_forward,
    gather_bits, gather_sum, scatter_add, scatter_bits,
};
use imdb_fast::optimizer::{self, Step};
use memmap2::{MmapOptions, MmapRaw};

use super::{WIDTHS, assert_same};

/// Whole pages, however large they are.
const BYTES: usize = 1 << 16;

/// Memory with nothing behind it: the map goes on where its file has ended, and the system ends whoever goes there.
struct Edge(MmapRaw);

impl Edge {
    fn new() -> Edge {
        let file = tempfile::tempfile().unwrap();
        file.set_len(BYTES as u64).unwrap();
        Edge(MmapOptions::new().len(2 * BYTES).map_raw(&file).unwrap())
    }

    /// The values in the last place where they fit.
    fn last<T: Pod>(&mut self, values: &[T]) -> &mut [T] {
        // SAFETY: the file has these bytes, it is nameless, so that no one else has it, and `self` is borrowed.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr(), BYTES) };
        let place = &mut bytes[BYTES - size_of_val(values)..];
        let place: &mut [T] = bytemuck::cast_slice_mut(place);
        place.copy_from_slice(values);
        place
    }
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| i as f32).collect()
}

#[test]
fn sparse_kernels_stay_within_their_slices() {
    let mut edge = Edge::new();
    let ids = edge.last(&[10u16, 7, 9, 8, 11]);
    sparse_kernels_stay_within(ids);
    // No one's bytes become words with their counts: these stand anywhere, the table and the rows do not.
    sparse_kernels_stay_within(&ids.iter().map(|&id| id.repeated(3)).collect::<Vec<_>>());
}

fn sparse_kernels_stay_within<I: Id>(ids: &[I]) {
    let [mut a, mut b] = [(); 2].map(|()| Edge::new());
    let spans = [(0, 1, 1), (1, 2, 0), (0, 5, 1), (3, 0, 0), (2, 3, 1)];
    let spans = spans.map(|(start, length, row)| Span { start, length, row });
    for &(width, _) in WIDTHS {
        let (values, rows) = (numbers(5 * width), numbers(2 * width));
        let run = |level, values: &[f32], out: &mut [f32]| {
            let table = Table::new(values, 7, width);
            gather_sum(level, table, ids, &spans, Sum::Add, out);
        };
        for level in Level::supported() {
            let what = format!("{level}, width {width}");
            let mut expected = rows.clone();
            run(level, &values, &mut expected);
            let (table, out) = (a.last(&values), b.last(&rows));
            run(level, table, out);
            assert_same(out, &expected, &what);

            let mut expected = values.clone();
            scatter_add(level, &mut expected, 7, width, ids, &spans, &rows);
            scatter_add(level, table, 7, width, ids, &spans, b.last(&rows));
            assert_same(table, &expected, &what);
        }
    }
}

/// Of one review to more than are looked at together.
#[test]
fn kernels_of_bits_stay_within_their_slices() {
    let [mut a, mut b, mut c] = [(); 3].map(|()| Edge::new());
    let subsets = &mut Subsets::default();
    for &(width, _) in WIDTHS {
        let table = numbers(BITS * width);
        for reviews in [1, 64, 67] {
            let bits: Vec<u64> = (0..reviews).map(|at| u64::MAX << (at % 64)).collect();
            let (edge_bits, rows) = (&*c.last(&bits), numbers(reviews * width));
            for level in Level::supported() {
                let what = format!("{level}, width {width}, {reviews} reviews");
                let mut expected = rows.clone();
                gather_bits(level, &table, width, &bits, subsets, Sum::Add, &mut expected);
                let (rows_of_bits, out) = (a.last(&table), b.last(&rows));
                gather_bits(level, rows_of_bits, width, edge_bits, subsets, Sum::Add, out);
                assert_same(out, &expected, &what);

                let mut expected = table.clone();
                scatter_bits(level, &mut expected, width, &bits, subsets, &rows);
                let deltas = b.last(&rows);
                scatter_bits(level, rows_of_bits, width, edge_bits, subsets, deltas);
                assert_same(rows_of_bits, &expected, &what);
            }
        }
    }
}

/// At every level all ways to select rows, the last one before another where they are listed, and how many rows of a gradient
/// they read.
fn selections() -> impl Iterator<Item = (Level, Selection<'static>, usize)> {
    const LAST: Touched = Touched { row: 2, slot: 1, skipped: 0 };
    const FIRST: Touched = Touched { row: 0, slot: 0, skipped: 0 };
    let selections = [
        (Selection::All, 3),
        (Selection::Nonzero, 3),
        (Selection::Listed(&[LAST, FIRST]), 2),
        (Selection::Shared { rows: &[2, 0], ahead: &[1, 2] }, 1),
    ];
    let of = move |level| selections.map(|(selection, rows)| (level, selection, rows));
    Level::supported().into_iter().flat_map(of)
}

/// The first step of an optimizer with two arrays of state, over three rows.
fn first_step(
    level: Level,
    width: usize,
    values: Values<'_>,
    gradient: &mut [f32],
    selection: Selection<'_>,
) {
    let optimizer = optimizer::parse("rmsprop:centered=true", None).unwrap();
    let (updated, decays) = (&mut [0; 3], &[(); 2].map(|()| Powers::of(0.9)));
    let rows = Rows { width, values, gradient, selection, updated, decays };
    optimizer.sweep(Step { number: 1, level, rate: 1.0 }, rows);
}

#[test]
fn sweeps_stay_within_their_slices() {
    let [mut a, mut b, mut c] = [(); 3].map(|()| Edge::new());
    for &(width, _) in WIDTHS {
        let (values, state) = (numbers(3 * width), vec![0.0; 6 * width]);
        for (level, selection, slots) in selections() {
            let what = format!("{level}, width {width}, {selection:?}");
            let gradient = numbers(slots * width);
            let run = |weights: &mut [f32], state: &mut [f32], gradient: &mut [f32]| {
                let values = Values::Apart(Apart { weights, state, scales: None });
                first_step(level, width, values, gradient, selection);
            };
            let (mut weights, mut states) = (values.clone(), state.clone());
            run(&mut weights, &mut states, &mut gradient.clone());
            let (edge_weights, edge_states) = (a.last(&values), b.last(&state));
            run(edge_weights, edge_states, c.last(&gradient));
            assert_same(edge_weights, &weights, &what);
            assert_same(edge_states, &states, &what);
        }
    }
}

/// All rows as one, with and without scales.
#[test]
fn sweeps_of_whole_shards_stay_within_their_slices() {
    let [mut a, mut b, mut c, mut d] = [(); 4].map(|()| Edge::new());
    for &(width, _) in WIDTHS {
        let (values, state, gradient) =
            (numbers(3 * width), vec![0.0; 6 * width], numbers(3 * width));
        for level in Level::supported() {
            for has_scales in [false, true] {
                let run = |weights: &mut [f32],
                           state: &mut [f32],
                           gradient: &mut [f32],
                           scales: &[f32]| {
                    let scales = has_scales.then_some(scales);
                    let values = Values::Whole(Whole { weights, state, scales });
                    first_step(level, width, values, gradient, Selection::All);
                };
                let (mut weights, mut states) = (values.clone(), state.clone());
                run(&mut weights, &mut states, &mut gradient.clone(), &values);
                let (edge_weights, edge_states) = (a.last(&values), b.last(&state));
                run(edge_weights, edge_states, c.last(&gradient), d.last(&values));
                let what = format!("{level}, width {width}, scaled {has_scales}");
                assert_same(edge_weights, &weights, &what);
                assert_same(edge_states, &states, &what);
            }
        }
    }
}

/// With and without room between them: a record is updated in one piece.
#[test]
fn sweeps_of_records_stay_within_their_slices() {
    let [mut a, mut b] = [(); 2].map(|()| Edge::new());
    for (level, selection, slots) in selections() {
        for stride in [3, 4, 5] {
            let run = |values: &mut [f32], gradient: &mut [f32]| {
                let values = Values::Together(Records { values, stride, has_scales: false });
                first_step(level, 1, values, gradient, selection);
            };
            let (values, gradient) = (vec![0.5; 3 * stride], numbers(slots));
            let mut expected = values.clone();
            run(&mut expected, &mut gradient.clone());
            let found = a.last(&values);
            run(found, b.last(&gradient));
            assert_same(found, &expected, &format!("{level}, {stride} values, {selection:?}"));
        }
    }
}

#[test]
fn dense_products_stay_within_their_slices() {
    let [mut a, mut b, mut c, mut d] = [(); 4].map(|()| Edge::new());
    for (inputs, units) in [(1, 1), (16, 1), (16, 16), (20, 10), (64, 64), (3, 65), (65, 3)] {
        for rows in [1, 2, 9] {
            let (h, kernel) = (numbers(rows * inputs), numbers(inputs * units));
            let (bias, z) = (numbers(units), numbers(rows * units));
            for level in Level::supported() {
                let what = format!("{level}, {rows} rows, {inputs} by {units}");
                let mut expected = z.clone();
                dense_forward(level, &h, &kernel, &bias, &mut expected);
                let got = a.last(&z);
                dense_forward(level, b.last(&h), c.last(&kernel), d.last(&bias), got);
                assert_same(got, &expected, &what);

                let mut expected = kernel.clone();
                dense_d_kernel(level, &h, &z, units, &mut expected);
                let got = a.last(&kernel);
                dense_d_kernel(level, b.last(&h), c.last(&z), units, got);
                assert_same(got, &expected, &what);

                let mut expected = h.clone();
                dense_d_input(level, &z, &kernel, units, &mut expected);
                let got = a.last(&h);
                dense_d_input(level, b.last(&z), c.last(&kernel), units, got);
                assert_same(got, &expected, &what);

                let (bias, z) = (d.last(&bias), a.last(&z));
                add_bias(level, bias, z);
                add_d_bias(level, z, bias);
            }
        }
    }
}
