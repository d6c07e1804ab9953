//! No kernel reads or writes beyond its slices: they end where the memory does.

use bytemuck::Pod;
use imdb_fast::kernel::{
    Apart, Level, Powers, Rows, Selection, Span, Sum, Table, Values, add_bias, add_d_bias,
    dense_d_input, dense_d_kernel, dense_forward, gather_sum, scatter_add,
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
    let [mut a, mut b, mut c] = [(); 3].map(|()| Edge::new());
    let spans = [(0, 1, 1), (1, 2, 0), (0, 5, 1), (3, 0, 0), (2, 3, 1)];
    let spans = spans.map(|(start, length, row)| Span { start, length, row });
    let ids = c.last(&[10u16, 7, 9, 8, 11]);
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

#[test]
fn sweeps_stay_within_their_slices() {
    let [mut a, mut b, mut c] = [(); 3].map(|()| Edge::new());
    let optimizer = optimizer::parse("rmsprop:centered=true", None).unwrap();
    let decays = vec![Powers::of(0.9); 2];
    for &(width, _) in WIDTHS {
        let (values, state) = (numbers(3 * width), vec![0.0; 6 * width]);
        for level in Level::supported() {
            let step = Step { number: 1, level, rate: 1.0 };
            let run = |weights: &mut [f32], state: &mut [f32], gradient: &mut [f32]| {
                let updated = &mut [0; 3];
                let (selection, decays) = (Selection::Nonzero, &decays[..]);
                let values = Values::Apart(Apart { weights, state, scales: None });
                let rows = Rows { width, values, gradient, selection, updated, decays };
                optimizer.sweep(step, rows);
            };
            let [mut weights, mut states, mut gradient] =
                [values.clone(), state.clone(), values.clone()];
            run(&mut weights, &mut states, &mut gradient);
            let (edge_weights, edge_states) = (a.last(&values), b.last(&state));
            run(edge_weights, edge_states, c.last(&values));
            assert_same(edge_weights, &weights, &format!("{level}, width {width}"));
            assert_same(edge_states, &states, &format!("{level}, width {width}"));
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
