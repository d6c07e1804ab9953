//! Optimizers that skip rows without a gradient, against themselves swept densely: random patterns of gaps, random options.

use arbitrary::{Result, Unstructured};
use imdb_fast::kernel::Level;
use imdb_fast::optimizer::{Adagrad, Optimizer, RmsProp, Sgd};

use super::desk::{choice, seldom};
use super::swept::{Follower, ROWS, compare};

pub fn check(data: &[u8]) -> bool {
    compared(&mut Unstructured::new(data)).is_ok()
}

/// A number between powers of ten.
fn power_of_ten(u: &mut Unstructured, from: f64, to: f64) -> Result<f32> {
    let part = f64::from(u.arbitrary::<u16>()?) / f64::from(u16::MAX);
    Ok(10f64.powf(from + (to - from) * part) as f32)
}

fn compared(u: &mut Unstructured) -> Result<()> {
    let width = choice(u, &[1, 2, 8, 15, 16, 17, 20, 33])?;
    let level = choice(u, &Level::supported())?;
    let weights: Vec<f32> = (0..ROWS * width).map(|at| (at as f32 * 0.37).sin() * 0.1).collect();
    let learning_rate = power_of_ten(u, -4.0, -1.0)?;
    let epsilon = power_of_ten(u, -8.0, -3.0)?;
    match u.int_in_range(0..=3u8)? {
        0 => {
            let sgd = Sgd { learning_rate, ..Sgd::default() };
            same_bits(&sgd, level, &weights, &gradients(u, width)?);
        }
        1 => {
            let initial_accumulator_value = power_of_ten(u, -3.0, 0.0)?;
            let adagrad =
                Adagrad { learning_rate, initial_accumulator_value, epsilon, weight_decay: 0.0 };
            same_bits(&adagrad, level, &weights, &gradients(u, width)?);
        }
        _ => {
            // Below a half, a centered variance is the difference of two nearly equal numbers.
            let rho = 1.0 - f64::from(power_of_ten(u, -3.0, -0.31)?);
            let centered = u.arbitrary()?;
            let rule =
                RmsProp { learning_rate, rho, momentum: 0.0, epsilon, centered, weight_decay: 0.0 };
            within_bounds(rule, level, &weights, &gradients(u, width)?);
        }
    }
    Ok(())
}

/// Gradients of all rows for each step, mostly zero; some gaps are longer than the table of powers.
fn gradients(u: &mut Unstructured, width: usize) -> Result<Vec<Vec<f32>>> {
    let mut steps = Vec::new();
    for _ in 0..u.int_in_range(1..=24u8)? {
        if seldom(u, 1)? {
            let gap = choice(u, &[2, 10, 100, 1023, 1024, 1025])?;
            steps.extend(std::iter::repeat_n(vec![0.0; ROWS * width], gap));
        }
        let rows: u8 = u.arbitrary()?;
        let size = choice(u, &[1e-4f32, 0.01, 1.0])?;
        let seed: i8 = u.arbitrary()?;
        let value = |at: usize| match rows >> (at / width) & 1 {
            1 => size * (f32::from(seed) / 16.0 + at as f32).sin(),
            _ => 0.0,
        };
        let mut gradient: Vec<f32> = (0..ROWS * width).map(value).collect();
        // A row with a single value, and one of a negative zero, which is none.
        if seldom(u, 2)? {
            let row = u.int_in_range(0..=ROWS - 1)?;
            gradient[row * width..][..width].fill(-0.0);
            gradient[row * width + u.choose_index(width)?] =
                if u.arbitrary()? { size } else { -0.0 };
        }
        steps.push(gradient);
    }
    Ok(steps)
}

fn same_bits(optimizer: &dyn Optimizer, level: Level, weights: &[f32], gradients: &[Vec<f32>]) {
    compare(optimizer, level, weights, gradients, |step, nets, _| {
        for net in &nets[1..] {
            let is_same = net.weights == nets[0].weights && net.state == nets[0].state;
            assert!(is_same, "{optimizer:?} in {step:?}");
        }
    });
}

fn within_bounds(rule: RmsProp, level: Level, weights: &[f32], gradients: &[Vec<f32>]) {
    let mut followers =
        [2, u32::MAX].map(|roundings| Some(Follower::new(rule, weights, roundings)));
    compare(&rule, level, weights, gradients, |step, nets, gradient| {
        let [swept, nonzero, listed] = nets;
        assert!(nonzero.weights == listed.weights && nonzero.state == listed.state, "{rule:?}");
        assert_eq!(nonzero.updated, listed.updated);
        for (follower, net) in followers.iter_mut().zip([nonzero, swept]) {
            // Where the bounds have come to tell nothing there is nothing to follow any more.
            let told = follower.as_mut().and_then(|follower| follower.check(net, step, gradient));
            if told.is_none() {
                *follower = None;
            }
        }
    });
}
