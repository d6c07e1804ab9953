//! Every level against the portable one: sums, scattered deltas and biases to the bit, products within their bound, sweeps
//! as the updates that they stand for.

use arbitrary::{Result, Unstructured};
use imdb_fast::kernel::{
    Apart, BITS, Id, Level, Powers, Records, Rows, Selection, Single, Span, Subsets, Sum, Table,
    Touched, Values, Whole, add_bias, add_d_bias, dense_d_input, dense_d_kernel, dense_forward,
    gather_bits, gather_sum, scatter_add, scatter_bits,
};
use imdb_fast::optimizer::{self, Idle, Optimizer, Step};

use super::desk::{choice, seldom};

pub fn check(data: &[u8]) -> bool {
    let u = &mut Unstructured::new(data);
    let done = match u.int_in_range(0..=7u8) {
        Ok(0) => sparse(u, |word, _| word),
        Ok(1) => sparse(u, |word, _| u32::from(word)),
        Ok(2) => sparse(u, u16::repeated),
        Ok(3) => sparse(u, |word, times| u32::from(word).repeated(times)),
        Ok(4) => bits(u),
        Ok(5) => biases(u),
        Ok(6) => products(u),
        Ok(_) => sweeps(u),
        Err(error) => Err(error),
    };
    done.is_ok()
}

fn assert_same(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
        let is_same = got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan());
        assert!(is_same, "{what}: value {at} is {got:?}, not {expected:?}");
    }
}

/// Numbers of any kind: a few that were drawn, again and again, each time of another size.
fn values(u: &mut Unstructured, count: usize, any: bool) -> Result<Vec<f32>> {
    let mut few = [0.0f32; 7];
    for value in &mut few {
        *value = if any && u.arbitrary()? {
            u.arbitrary()?
        } else {
            f32::from(u.arbitrary::<i16>()?) / 256.0
        };
    }
    Ok((0..count).map(|at| few[at % 7] * [1.0, -0.25, 3.0, 0.001][at / 7 % 4]).collect())
}

fn width(u: &mut Unstructured) -> Result<usize> {
    if u.arbitrary()? {
        choice(u, &[1, 8, 15, 16, 17, 32, 48, 64, 65])
    } else {
        u.int_in_range(1..=140)
    }
}

/// Gathers and scatters. A place that is not there is a panic, and not a matter for here.
fn sparse<I: Id>(u: &mut Unstructured, id: fn(u16, u16) -> I) -> Result<()> {
    const TIMES: [u16; 5] = [1, 2, 0, 7, u16::MAX];
    let (width, features) = (width(u)?, u.int_in_range(1..=90usize)?);
    let first = if u.arbitrary()? { 0 } else { u.int_in_range(0..=60_000)? };
    let table = values(u, features * width, true)?;
    let rows = u.int_in_range(1..=12usize)?;
    let (mut indices, mut spans) = (Vec::new(), Vec::new());
    for _ in 0..u.int_in_range(0..=16u8)? {
        let start = indices.len();
        // Distinct, as the words of a review are: a step through the features from anywhere.
        let (mut feature, step) = (u.choose_index(features)?, u.int_in_range(1..=3usize)?);
        for _ in 0..u.int_in_range(0..=40u8)? {
            if feature >= features {
                break;
            }
            indices.push(id((first + feature) as u16, TIMES[feature % TIMES.len()]));
            feature += step;
        }
        let row = u.choose_index(rows)? as u32;
        spans.push(Span { start, length: (indices.len() - start) as u32, row });
        if seldom(u, 2)? {
            indices[start..].reverse();
        }
    }
    let before = values(u, rows * width, true)?;
    let sum = choice(u, &[Sum::Store, Sum::Add])?;
    let run = |level: Level| {
        let mut out = before.clone();
        let table = Table::new(&table, first, width);
        gather_sum(level, table, &indices, &spans, sum, &mut out);
        let mut gradient = table.values.to_vec();
        scatter_add(level, &mut gradient, first, width, &indices, &spans, &before);
        (out, gradient)
    };
    let expected = run(Level::portable());
    for level in Level::supported() {
        let got = run(level);
        let what = format!("{level}, width {width}, {features} features, {sum:?}");
        assert_same(&got.0, &expected.0, &format!("gather at {what}"));
        assert_same(&got.1, &expected.1, &format!("scatter at {what}"));
    }
    Ok(())
}

/// Gathers and scatters of words that stand in the bits of a number.
fn bits(u: &mut Unstructured) -> Result<()> {
    let (width, rows) = (width(u)?, u.int_in_range(0..=130usize)?);
    let few: [u64; 5] = u.arbitrary()?;
    let reviews: Vec<u64> = (0..rows).map(|at| few[at % 5].rotate_left(at as u32)).collect();
    let (table, before) = (values(u, BITS * width, true)?, values(u, rows * width, true)?);
    let sum = choice(u, &[Sum::Store, Sum::Add])?;
    let run = |level: Level| {
        let (mut out, mut gradient) = (before.clone(), table.clone());
        let subsets = &mut Subsets::default();
        gather_bits(level, &table, width, &reviews, subsets, sum, &mut out);
        scatter_bits(level, &mut gradient, width, &reviews, subsets, &before);
        (out, gradient)
    };
    let expected = run(Level::portable());
    for level in Level::supported() {
        let got = run(level);
        let what = format!("{level}, width {width}, {rows} reviews, {sum:?}");
        assert_same(&got.0, &expected.0, &format!("gathered bits at {what}"));
        assert_same(&got.1, &expected.1, &format!("scattered bits at {what}"));
    }
    Ok(())
}

fn biases(u: &mut Unstructured) -> Result<()> {
    let (units, rows) = (width(u)?, u.int_in_range(0..=20usize)?);
    let (bias, z) = (values(u, units, true)?, values(u, rows * units, true)?);
    let run = |level: Level| {
        let (mut out, mut d_bias) = (z.clone(), bias.clone());
        add_bias(level, &bias, &mut out);
        add_d_bias(level, &z, &mut d_bias);
        (out, d_bias)
    };
    let expected = run(Level::portable());
    for level in Level::supported() {
        let got = run(level);
        assert_same(&got.0, &expected.0, &format!("bias at {level}, {units} units"));
        assert_same(&got.1, &expected.1, &format!("bias gradient at {level}, {units} units"));
    }
    Ok(())
}

/// A sum of products in `f64`, and by how much one in `f32`, in any order and fused or not, may be off: one rounding of the
/// products' absolute sum for each term and one more (Higham, Accuracy and Stability, section 3.1), and the smallest numbers.
fn sum(terms: impl Iterator<Item = (f32, f32)>) -> (f64, f64) {
    let (mut value, mut size, mut n) = (0.0, 0.0, 1.0);
    for (a, b) in terms {
        let product = f64::from(a) * f64::from(b);
        value += product;
        size += product.abs();
        n += 1.0;
    }
    // To first order: the squares of roundings are covered by one part in a thousand.
    (value, 1.001 * n * (f64::from(f32::EPSILON) / 2.0 * size + 1.5e-45))
}

fn assert_near(got: &[f32], expected: impl Fn(usize) -> (f64, f64), what: &str) {
    for (at, &got) in got.iter().enumerate() {
        let (value, bound) = expected(at);
        let is_near = (f64::from(got) - value).abs() <= bound;
        assert!(is_near, "{what}: value {at} is {got}, not {value} within {bound}");
    }
}

fn products(u: &mut Unstructured) -> Result<()> {
    let side = |u: &mut Unstructured| match u.int_in_range(0..=3u8)? {
        0 => Ok(16),
        1 => choice(u, &[1, 64, 65, 100]),
        _ => u.int_in_range(1..=40usize),
    };
    let (inputs, units, rows) = (side(u)?, side(u)?, u.int_in_range(0..=20usize)?);
    let (h, d) = (values(u, rows * inputs, false)?, values(u, rows * units, false)?);
    let (kernel, bias) = (values(u, inputs * units, false)?, values(u, units, false)?);
    for level in Level::supported() {
        let what = format!("at {level}, {rows} rows, {inputs} by {units}");
        let mut z = vec![f32::NAN; rows * units];
        dense_forward(level, &h, &kernel, &bias, &mut z);
        assert_near(
            &z,
            |at| {
                let (row, unit) = (at / units, at % units);
                let term = |i| (h[row * inputs + i], kernel[i * units + unit]);
                sum((0..inputs).map(term).chain([(bias[unit], 1.0)]))
            },
            &format!("forward {what}"),
        );
        let mut d_kernel = kernel.clone();
        dense_d_kernel(level, &h, &d, units, &mut d_kernel);
        assert_near(
            &d_kernel,
            |at| {
                let (input, unit) = (at / units, at % units);
                let term = |row| (h[row * inputs + input], d[row * units + unit]);
                sum((0..rows).map(term).chain([(kernel[at], 1.0)]))
            },
            &format!("d_kernel {what}"),
        );
        let mut d_h = vec![f32::NAN; rows * inputs];
        dense_d_input(level, &d, &kernel, units, &mut d_h);
        assert_near(
            &d_h,
            |at| {
                let (row, input) = (at / inputs, at % inputs);
                sum((0..units).map(|unit| (d[row * units + unit], kernel[input * units + unit])))
            },
            &format!("d_input {what}"),
        );
    }
    Ok(())
}

/// A sweep over selected rows is the update of each of them, whatever the numbers; at every level for itself, since roots and
/// fused sums differ between levels.
fn sweeps(u: &mut Unstructured) -> Result<()> {
    const OPTIMIZERS: [&str; 9] = [
        "sgd",
        "sgd:momentum=0.9,nesterov=true",
        "adagrad",
        "rmsprop",
        "rmsprop:centered=true",
        "rmsprop:momentum=0.9",
        "adam",
        "adam:amsgrad=true",
        "adamw",
    ];
    let optimizer = &*optimizer::parse(choice(u, &OPTIMIZERS)?, None).expect("a known one");
    let (width, rows) = (width(u)?, u.int_in_range(1..=70usize)?);
    let factors = match optimizer.idle() {
        Idle::Decays(factors) => factors,
        Idle::Unchanged | Idle::Rests | Idle::Moves => Vec::new(),
    };
    let initial = optimizer.state();
    let weights = values(u, rows * width, true)?;
    // Averages of squares are not negative; of anything else the rules make what they make.
    let state: Vec<f32> =
        values(u, initial.len() * rows * width, false)?.iter().map(|v| v.abs()).collect();
    let gradient = values(u, rows * width, true)?;
    let number = choice(u, &[1, 2, 40, 3000])?;
    let mut list = Vec::new();
    for row in 0..rows as u32 {
        if u.arbitrary()? {
            let skipped = u.int_in_range(0..=number - 1)?;
            list.push(Touched { row, slot: rows as u32 - 1 - row, skipped });
        }
    }
    let scales = if u.arbitrary()? { Some(values(u, rows, false)?) } else { None };
    let decays: Vec<Powers> = factors.iter().map(|&factor| Powers::of(factor)).collect();
    for level in Level::supported() {
        let step = Step { number, level, rate: 1.0 };
        let (mut swept, mut swept_state, mut left) =
            (weights.clone(), state.clone(), gradient.clone());
        let mut updated = vec![0; rows];
        optimizer.sweep(
            step,
            Rows {
                width,
                values: Values::Apart(Apart {
                    weights: &mut swept,
                    state: &mut swept_state,
                    scales: None,
                }),
                gradient: &mut left,
                selection: Selection::Listed(&list),
                updated: &mut updated,
                decays: &decays,
            },
        );
        if width == 1 {
            let arrays = initial.len();
            let record = |row| [&weights[row..=row], &state[row * arrays..][..arrays]].concat();
            let mut records: Vec<f32> = (0..rows).flat_map(record).collect();
            let stride = 1 + arrays;
            optimizer.sweep(
                step,
                Rows {
                    width,
                    values: Values::Together(Records {
                        values: &mut records,
                        stride,
                        has_scales: false,
                    }),
                    gradient: &mut gradient.clone(),
                    selection: Selection::Listed(&list),
                    updated: &mut vec![0; rows],
                    decays: &decays,
                },
            );
            let apart = |row| [&swept[row..=row], &swept_state[row * arrays..][..arrays]].concat();
            let apart: Vec<f32> = (0..rows).flat_map(apart).collect();
            assert_same(&records, &apart, "together and apart");
        }
        let (mut one, mut one_state, mut cleared) =
            (weights.clone(), state.clone(), gradient.clone());
        for touched in &list {
            let (row, slot) = (touched.row as usize, touched.slot as usize);
            let state = &mut one_state[row * initial.len() * width..][..initial.len() * width];
            for (array, &factor) in state.chunks_exact_mut(width).zip(&factors) {
                let power = f64::from(factor).powf(f64::from(touched.skipped)) as f32;
                array.iter_mut().for_each(|value| *value *= power);
            }
            let gradient = &mut cleared[slot * width..][..width];
            optimizer.update(step, &mut one[row * width..][..width], gradient, state);
            gradient.fill(0.0);
            assert_eq!(updated[row], if decays.is_empty() { 0 } else { number });
        }
        let what = format!("{optimizer:?} at {level}, width {width}");
        assert_same(&swept, &one, &format!("weights, {what}"));
        assert_same(&swept_state, &one_state, &format!("state, {what}"));
        assert_same(&left, &cleared, &format!("gradient, {what}"));
        let net = Net { width, weights: &weights, state: &state, list: &list, decays: &decays };
        net.shares(optimizer, step, &gradient[..width], &what);
        net.is_whole(optimizer, step, &gradient, scales.as_deref(), &what);
    }
    Ok(())
}

/// Rows before a sweep, and which of them it is for.
struct Net<'a> {
    width: usize,
    weights: &'a [f32],
    state: &'a [f32],
    list: &'a [Touched],
    decays: &'a [Powers],
}

impl Net<'_> {
    /// Rows that share a gradient are as rows that each have a copy of it, in records too.
    fn shares(&self, optimizer: &dyn Optimizer, step: Step, gradient: &[f32], what: &str) {
        let &Net { width, weights, state, list, decays } = self;
        let count = weights.len() / width;
        let arrays = state.len() / weights.len();
        let rows: Vec<u32> = list.iter().map(|touched| touched.row).collect();
        // The last step of each, from which it follows how many it has skipped.
        let mut before = vec![0; count];
        list.iter().for_each(|one| before[one.row as usize] = step.number - 1 - one.skipped);
        let sweep = |values: Values<'_>, gradient: &mut [f32], selection: Selection<'_>| {
            let updated = &mut before.clone();
            optimizer.sweep(step, Rows { width, values, gradient, selection, updated, decays });
        };
        let (mut copied, mut copied_state) = (weights.to_vec(), state.to_vec());
        let values = Apart { weights: &mut copied, state: &mut copied_state, scales: None };
        sweep(Values::Apart(values), &mut gradient.repeat(count), Selection::Listed(list));
        let shared = Selection::Shared { rows: &rows, ahead: &rows };
        let (mut swept, mut swept_state) = (weights.to_vec(), state.to_vec());
        let values = Apart { weights: &mut swept, state: &mut swept_state, scales: None };
        sweep(Values::Apart(values), &mut gradient.to_vec(), shared);
        assert_same(&swept, &copied, &format!("shared weights, {what}"));
        assert_same(&swept_state, &copied_state, &format!("shared state, {what}"));
        if width > 1 {
            return;
        }
        let records = |weights: &[f32], state: &[f32]| -> Vec<f32> {
            let record = |row| [&weights[row..=row], &state[row * arrays..][..arrays]].concat();
            (0..count).flat_map(record).collect()
        };
        let mut values = records(weights, state);
        let together = Records { values: &mut values, stride: 1 + arrays, has_scales: false };
        let shared = Selection::Shared { rows: &rows, ahead: &rows };
        sweep(Values::Together(together), &mut gradient.to_vec(), shared);
        let expected = records(&copied, &copied_state);
        assert_same(&values, &expected, &format!("shared records, {what}"));
    }

    /// All rows are as one long row, whose weights have a scale each where rows have one.
    fn is_whole(
        &self,
        optimizer: &dyn Optimizer,
        step: Step,
        gradient: &[f32],
        scales: Option<&[f32]>,
        what: &str,
    ) {
        let &Net { width, weights, state, .. } = self;
        let count = weights.len() / width;
        let arrays = state.len() / weights.len();
        let sweep = |values: Values<'_>| {
            let (gradient, updated) = (&mut gradient.to_vec()[..], &mut vec![0; count][..]);
            let selection = Selection::All;
            optimizer
                .sweep(step, Rows { width, values, gradient, selection, updated, decays: &[] });
            assert!(gradient.iter().all(|&value| value.to_bits() == 0), "gradient, {what}");
        };
        let (mut swept, mut swept_state) = (weights.to_vec(), state.to_vec());
        sweep(Values::Apart(Apart { weights: &mut swept, state: &mut swept_state, scales }));
        // `[rows, arrays, width]` as `[arrays, rows, width]`.
        let by_array = |state: &[f32]| -> Vec<f32> {
            let places =
                (0..arrays).flat_map(|array| (0..count).map(move |row| row * arrays + array));
            places.flat_map(|place| &state[place * width..][..width]).copied().collect()
        };
        let (mut whole, mut whole_state) = (weights.to_vec(), by_array(state));
        let each = scales.map(|scales| -> Vec<f32> {
            scales.iter().flat_map(|&scale| std::iter::repeat_n(scale, width)).collect()
        });
        sweep(Values::Whole(Whole {
            weights: &mut whole,
            state: &mut whole_state,
            scales: each.as_deref(),
        }));
        assert_same(&whole, &swept, &format!("whole weights, {what}"));
        assert_same(&whole_state, &by_array(&swept_state), &format!("whole state, {what}"));
    }
}
