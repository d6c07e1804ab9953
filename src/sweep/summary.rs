//! What the runs of a configuration come to.

use std::cmp::Ordering;

use serde::Serialize;

use super::{Design, Finished, Measure};

/// A mean and how far the single values lie from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of a sample, with n - 1; none of a single value.
    pub deviation: Option<f64>,
}

impl Spread {
    /// Of some values; none of no values.
    pub fn of(values: &[f64]) -> Option<Spread> {
        if values.is_empty() {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        Some(Spread { mean, deviation })
    }
}

/// The runs of one configuration, put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Its place in [`Design::configurations`].
    pub configuration: usize,
    /// How many of its runs are done.
    pub runs: usize,
    /// How many of those diverged. Such a configuration is not compared: the mean of the others would say too much good of it.
    pub diverged: usize,
    /// For each quantity of a history its name and, epoch by epoch, the mean over the runs; none where a run diverged.
    pub curves: Vec<(String, Vec<Spread>)>,
    /// The epoch (from 0) at which the mean of the measure is best; the first of equals. The last one where the learning rates
    /// follow a schedule over the whole run, which one of fewer epochs would go through in another way.
    pub epoch: Option<usize>,
    /// The measure.
    pub by: Measure,
}

impl Summary {
    /// A quantity at an epoch.
    pub fn at(&self, name: &str, epoch: usize) -> Option<Spread> {
        self.curve(name)?.get(epoch).copied()
    }

    /// A quantity over all epochs.
    pub fn curve(&self, name: &str) -> Option<&[Spread]> {
        self.curves.iter().find(|(other, _)| other == name).map(|(_, curve)| &curve[..])
    }

    /// The measure at its best epoch: by this, configurations are compared.
    pub fn best(&self) -> Option<Spread> {
        self.at(self.by.name(), self.epoch?)
    }

    /// Of the runs of a configuration that are done so far.
    ///
    /// # Panics
    /// If the design has not so many configurations.
    pub fn of<'f>(
        design: &Design,
        configuration: usize,
        runs: impl IntoIterator<Item = &'f Finished>,
    ) -> Summary {
        let (one, by) = (&design.configurations()[configuration], design.by());
        let runs: Vec<&Finished> = runs.into_iter().collect();
        let diverged = runs.iter().filter(|run| run.diverged.is_some()).count();
        let mut summary = Summary {
            configuration,
            runs: runs.len(),
            diverged,
            curves: Vec::new(),
            epoch: None,
            by,
        };
        if diverged > 0 || runs.is_empty() {
            return summary;
        }
        summary.curves = curves(&runs);
        let Some(curve) = summary.curve(by.name()) else { return summary };
        let better = |best: Option<usize>, epoch: usize| match best {
            Some(best) if !by.is_better(curve[epoch].mean, curve[best].mean) => Some(best),
            _ => Some(epoch),
        };
        // A file may hold values that are none.
        let first = if one.is_scheduled() { curve.len().saturating_sub(1) } else { 0 };
        let epochs = (first..curve.len()).filter(|&epoch| curve[epoch].mean.is_finite());
        summary.epoch = epochs.fold(None, better);
        summary
    }
}

/// For each quantity that all runs have, its spread at each epoch that all runs have.
fn curves(runs: &[&Finished]) -> Vec<(String, Vec<Spread>)> {
    let curve = |name: &str| {
        let series: Option<Vec<&[f64]>> = runs.iter().map(|run| run.history.get(name)).collect();
        let series = series?;
        let epochs = series.iter().map(|values| values.len()).min()?;
        let at = |epoch: usize| series.iter().map(|values| values[epoch]).collect::<Vec<f64>>();
        (0..epochs).map(|epoch| Spread::of(&at(epoch))).collect::<Option<Vec<Spread>>>()
    };
    let names = runs[0].history.series().map(|(name, _)| name);
    names.filter_map(|name| Some((name.to_owned(), curve(name)?))).collect()
}

/// The configurations from the best to the worst, by the mean of the measure over all runs at the epoch where that mean is best;
/// equals in the order of the design, then those that cannot be compared since a run has diverged or is missing.
///
/// One epoch for all runs, and not the best of each: it is chosen as the number of epochs to train again for, and the mean of
/// each run's own best would promise too much.
///
/// # Panics
/// If `finished` has not one place for each of [`Design::runs`].
pub fn rank(design: &Design, finished: &[Option<Finished>]) -> Vec<Summary> {
    let each = design.runs_each();
    assert_eq!(finished.len(), each * design.configurations().len(), "there is one place a run");
    let summary = |(configuration, runs): (usize, &[Option<Finished>])| {
        let mut summary = Summary::of(design, configuration, runs.iter().flatten());
        if summary.runs < each {
            summary.epoch = None;
        }
        summary
    };
    let mut all: Vec<Summary> = finished.chunks(each).enumerate().map(summary).collect();
    all.sort_by(order);
    all
}

/// The better one first; equals stay as they are, and what cannot be compared comes last.
pub fn order(a: &Summary, b: &Summary) -> Ordering {
    let by = a.by;
    match (a.best(), b.best()) {
        (Some(a), Some(b)) if by.is_better(a.mean, b.mean) => Ordering::Less,
        (Some(a), Some(b)) if by.is_better(b.mean, a.mean) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Configuration, Judging};
    use super::*;
    use crate::dataset::Holdout;
    use crate::train::History;

    fn run(losses: &[f64], diverged: Option<&str>) -> Option<Finished> {
        let series = vec![("val_loss".to_owned(), losses.to_vec())];
        let history = History::from_series(series).unwrap();
        Some(Finished { diverged: diverged.map(str::to_owned), history })
    }

    fn design(configurations: usize) -> Design {
        let all = Configuration::book()[..configurations].to_vec();
        Design::new(all, vec![0, 1], Judging::Holdout(Holdout::First(1)), None).unwrap()
    }

    #[test]
    fn the_mean_curve_decides_and_not_each_runs_best() {
        // Each run of the first reaches 0.1, but not at the same epoch; the second is at 0.2 twice.
        let runs = [
            run(&[0.1, 0.6], None),
            run(&[0.5, 0.1], None),
            run(&[0.4, 0.2], None),
            run(&[0.4, 0.2], None),
            run(&[0.0, 0.0], None),
            run(&[0.0], Some("weights are not finite")),
        ];
        let ranking = rank(&design(3), &runs);
        let order: Vec<usize> = ranking.iter().map(|summary| summary.configuration).collect();
        assert_eq!(order, [1, 0, 2]);
        assert_eq!(
            (ranking[0].epoch, ranking[1].epoch, ranking[2].epoch),
            (Some(1), Some(0), None)
        );
        assert_eq!(ranking[0].best(), Some(Spread { mean: 0.2, deviation: Some(0.0) }));
        let second = ranking[1].best().unwrap();
        assert!((second.mean - 0.3).abs() < 1e-15);
        // The standard deviation of 0.1 and 0.5: 0.4 / sqrt(2).
        assert!((second.deviation.unwrap() - 0.08f64.sqrt()).abs() < 1e-15);
        assert_eq!((ranking[2].runs, ranking[2].diverged), (2, 1));
    }

    #[test]
    fn a_schedule_is_judged_at_its_end() {
        let with = |schedule: &str| {
            let one = Configuration { schedule: schedule.to_owned(), ..Configuration::default() };
            let design =
                Design::new(vec![one], vec![0], Judging::Holdout(Holdout::First(1)), None).unwrap();
            rank(&design, &[run(&[0.3, 0.1, 0.2], None)])[0].epoch
        };
        assert_eq!(with("constant"), Some(1));
        assert_eq!(with("linear"), Some(2));
        assert_eq!(with("constant:warm_up=3"), Some(1));
        assert_eq!(with("constant:warm_up=0.5"), Some(2));
    }

    #[test]
    fn what_is_not_finished_is_not_compared_and_equals_keep_their_order() {
        let same = || run(&[0.3], None);
        let ranking = rank(&design(3), &[same(), None, same(), same(), same(), same()]);
        let order: Vec<usize> = ranking.iter().map(|summary| summary.configuration).collect();
        assert_eq!(order, [1, 2, 0]);
        assert_eq!(ranking[2].best(), None);
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[2.0]), Some(Spread { mean: 2.0, deviation: None }));
    }
}
