//! The plain form of every kernel, which defines what the others compute, to the order of the additions.

use super::{Span, Table};

/// Independent partial sums, so that additions need not wait for each other.
const CHAINS: usize = 4;

/// For each span `s` the sum of the weight rows of its words: `out[s, :] = sum(table[indices[span], :])`.
///
/// The order is fixed: word `k` of a span goes to chain `k mod 4`, and the chains are added as (0 + 1) + (2 + 3).
///
/// # Panics
/// If a word has no row in the table, a span leaves `indices`, or `out` is not `[spans, width]`.
pub fn gather_sum<I: Copy + Into<u32>>(
    table: Table<'_>,
    indices: &[I],
    spans: &[Span],
    out: &mut [f32],
) {
    assert_eq!(out.len(), spans.len() * table.width, "out is [spans, width]");
    match table.width {
        1 => gather_fixed::<1, I>(table, indices, spans, out),
        16 => gather_fixed::<16, I>(table, indices, spans, out),
        32 => gather_fixed::<32, I>(table, indices, spans, out),
        64 => gather_fixed::<64, I>(table, indices, spans, out),
        _ => gather_any(table, indices, spans, out),
    }
}

fn gather_fixed<const WIDTH: usize, I: Copy + Into<u32>>(
    table: Table<'_>,
    indices: &[I],
    spans: &[Span],
    out: &mut [f32],
) {
    let (rows, _) = table.values.as_chunks::<WIDTH>();
    let (out, _) = out.as_chunks_mut::<WIDTH>();
    let row = |id: I| &rows[id.into() as usize - table.first];
    for (span, out) in spans.iter().zip(out) {
        let mut chains = [[0.0f32; WIDTH]; CHAINS];
        let (quads, rest) = indices[span.start..span.end].as_chunks::<CHAINS>();
        for quad in quads {
            for (chain, &id) in chains.iter_mut().zip(quad) {
                add(chain, row(id));
            }
        }
        for (chain, &id) in chains.iter_mut().zip(rest) {
            add(chain, row(id));
        }
        for unit in 0..WIDTH {
            let [a, b, c, d] = [0, 1, 2, 3].map(|chain: usize| chains[chain][unit]);
            out[unit] = (a + b) + (c + d);
        }
    }
}

/// Any width, sixteen units at a time and the rest one by one.
fn gather_any<I: Copy + Into<u32>>(
    table: Table<'_>,
    indices: &[I],
    spans: &[Span],
    out: &mut [f32],
) {
    let width = table.width;
    let mut chains = vec![0.0f32; CHAINS * width];
    for (span, out) in spans.iter().zip(out.chunks_exact_mut(width)) {
        chains.fill(0.0);
        for (k, &id) in indices[span.start..span.end].iter().enumerate() {
            let row = (id.into() as usize - table.first) * width;
            let chain = (k % CHAINS) * width;
            add(&mut chains[chain..chain + width], &table.values[row..row + width]);
        }
        for (unit, out) in out.iter_mut().enumerate() {
            let [a, b, c, d] = [0, 1, 2, 3].map(|chain| chains[chain * width + unit]);
            *out = (a + b) + (c + d);
        }
    }
}

/// Adds each span's delta to the gradient rows of its words, span by span:
/// `gradient[indices[span], :] += deltas[s, :]`.
///
/// # Panics
/// As [`gather_sum`]; and if `gradient` and `deltas` do not have the same width.
pub fn scatter_add<I: Copy + Into<u32>>(
    gradient: &mut [f32],
    first: usize,
    width: usize,
    indices: &[I],
    spans: &[Span],
    deltas: &[f32],
) {
    assert_eq!(deltas.len(), spans.len() * width, "deltas is [spans, width]");
    match width {
        1 => scatter_fixed::<1, I>(gradient, first, indices, spans, deltas),
        16 => scatter_fixed::<16, I>(gradient, first, indices, spans, deltas),
        32 => scatter_fixed::<32, I>(gradient, first, indices, spans, deltas),
        64 => scatter_fixed::<64, I>(gradient, first, indices, spans, deltas),
        _ => {
            for (span, delta) in spans.iter().zip(deltas.chunks_exact(width)) {
                for &id in &indices[span.start..span.end] {
                    let row = (id.into() as usize - first) * width;
                    add(&mut gradient[row..row + width], delta);
                }
            }
        }
    }
}

fn scatter_fixed<const WIDTH: usize, I: Copy + Into<u32>>(
    gradient: &mut [f32],
    first: usize,
    indices: &[I],
    spans: &[Span],
    deltas: &[f32],
) {
    let (rows, _) = gradient.as_chunks_mut::<WIDTH>();
    let (deltas, _) = deltas.as_chunks::<WIDTH>();
    for (span, delta) in spans.iter().zip(deltas) {
        for &id in &indices[span.start..span.end] {
            add(&mut rows[id.into() as usize - first], delta);
        }
    }
}

fn add(sum: &mut [f32], values: &[f32]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}
