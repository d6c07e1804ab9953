//! What a sweep does: configurations, seeds, and what each run is judged by.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::configuration::labels;
use super::{Configuration, MOST_CONFIGURATIONS};
use crate::dataset::{Dataset, Folds, Holdout, Split};
use crate::error::{Error, Result};
use crate::train::TrainPlan;

/// By which configurations are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The lowest validation loss is best.
    ValLoss,
    /// The highest validation accuracy is best.
    ValAccuracy,
}

impl Measure {
    /// All of them, in the order in which help texts list them.
    pub const ALL: [Measure; 2] = [Measure::ValLoss, Measure::ValAccuracy];

    /// Its name in a history.
    pub const fn name(self) -> &'static str {
        match self {
            Measure::ValLoss => "val_loss",
            Measure::ValAccuracy => "val_accuracy",
        }
    }

    /// Whether `a` is better than `b`.
    pub fn is_better(self, a: f64, b: f64) -> bool {
        match self {
            Measure::ValLoss => a < b,
            Measure::ValAccuracy => a > b,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Measure {
    type Err = Error;

    fn from_str(name: &str) -> Result<Measure> {
        let found = Measure::ALL.into_iter().find(|measure| measure.name() == name);
        found.ok_or_else(|| Error::unknown("--by", name, &Measure::ALL.map(Measure::name)))
    }
}

/// On which reviews a run is judged. Never those of the test split: what has been chosen by them says nothing about others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judging {
    /// Held out of the train split, the same for all runs.
    Holdout(Holdout),
    /// Each of so many [`Folds`] in turn; each seed cuts its own.
    Folds(usize),
}

/// A checked sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Design {
    configurations: Vec<Configuration>,
    seeds: Vec<u64>,
    judging: Judging,
    by: Measure,
}

/// One run of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// Its place in [`Design::configurations`].
    pub configuration: usize,
    /// Decides every random number of the run.
    pub seed: u64,
    /// The fold it validates on, where there are folds.
    pub fold: Option<usize>,
}

/// The most runs of one sweep.
pub const MOST_RUNS: usize = 100_000;

impl Design {
    /// Checks all that needs no data. Where `by` is not given, it is the validation loss; the validation accuracy where the
    /// losses are not one and the same.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn new(
        mut configurations: Vec<Configuration>,
        seeds: Vec<u64>,
        judging: Judging,
        by: Option<Measure>,
    ) -> Result<Design> {
        configurations.iter_mut().for_each(Configuration::normalise);
        check_configurations(&configurations)?;
        if seeds.is_empty() || seeds.iter().collect::<BTreeSet<_>>().len() < seeds.len() {
            return Err(Error::invalid("--seeds", format!("{seeds:?}"), "one or more, each once"));
        }
        let folds = match judging {
            Judging::Folds(folds) if folds < Folds::FEWEST => {
                return Err(Error::invalid("--folds", folds, "at least 2"));
            }
            Judging::Folds(folds) => folds,
            Judging::Holdout(holdout @ (Holdout::None | Holdout::Split(_))) => {
                let expected = "a number of training reviews, or a part of them such as 0.4: configurations are compared by \
                                what is held out, and never by the test split";
                return Err(Error::invalid("--validation", holdout, expected));
            }
            Judging::Holdout(_) => 1,
        };
        let runs = configurations.len().saturating_mul(seeds.len()).saturating_mul(folds);
        if runs > MOST_RUNS {
            let expected = format!("at most {MOST_RUNS} runs");
            return Err(Error::invalid("the sweep", format!("{runs} runs"), expected));
        }
        let by = match by {
            None if has_one_loss(&configurations) => Measure::ValLoss,
            None => Measure::ValAccuracy,
            Some(Measure::ValLoss) if !has_one_loss(&configurations) => {
                let expected = "val_accuracy where the configurations have different losses: those have no common scale";
                return Err(Error::invalid("--by", Measure::ValLoss, expected));
            }
            Some(by) => by,
        };
        Ok(Design { configurations, seeds, judging, by })
    }

    /// Checks what needs the data, before anything is made.
    ///
    /// # Errors
    /// [`Error::Unfit`] where too few reviews are left to train on, or to share out to folds, where a configuration does not fit
    /// the data, and where memory is short for one; [`Error::InvalidOption`] where one has too many steps.
    pub fn check(&self, dataset: &Dataset) -> Result<()> {
        self.most_bytes(dataset, 0..self.configurations.len()).map(drop)
    }

    /// Checks some configurations so. Returns how many bytes the largest run of them takes.
    pub(super) fn most_bytes(
        &self,
        dataset: &Dataset,
        configurations: impl IntoIterator<Item = usize>,
    ) -> Result<usize> {
        let folds = match self.judging {
            Judging::Holdout(holdout) => match holdout.rows(dataset)? {
                (_, Some(_)) => None,
                (_, None) => {
                    return Err(Error::Unfit {
                        option: "--validation",
                        value: holdout.to_string(),
                        reason: "that is not one review of this train split".to_owned(),
                        remedy: "hold out more".to_owned(),
                    });
                }
            },
            Judging::Folds(folds) => Some(Folds::new(dataset, folds, self.seeds[0])?),
        };
        // The seed does not decide their sizes: some run trains on the fewest reviews, and one on the most.
        let folds = folds.as_ref().map_or(vec![None], |folds| {
            let size = |&fold: &usize| folds.held_out(fold).len();
            let all = 0..folds.count();
            let ends = [all.clone().max_by_key(size), all.min_by_key(size)];
            ends.into_iter().flatten().map(|fold| Some((folds, fold))).collect()
        });
        let mut most = 0;
        for configuration in configurations {
            let one = &self.configurations[configuration];
            for &fold in &folds {
                let plan = self.plan(dataset, one, self.seeds[0], fold)?;
                most = most.max(plan.bytes_alone()?);
            }
        }
        Ok(most)
    }

    /// What a run of a configuration is to do, before there is its model; with the fold it is judged by, where there are folds.
    pub(super) fn plan<'d>(
        &self,
        dataset: &'d Dataset,
        one: &Configuration,
        seed: u64,
        fold: Option<(&Folds, usize)>,
    ) -> Result<TrainPlan<'d>> {
        let network = one.architecture(dataset.features())?;
        match (self.judging, fold) {
            (Judging::Folds(_), Some((folds, fold))) => {
                let options = one.fit_options(seed, Holdout::None)?;
                let (train, held_out) = (folds.train(fold), folds.held_out(fold));
                TrainPlan::of_rows_before(dataset, &network, options, &train, held_out)
            }
            (Judging::Holdout(holdout), _) => {
                TrainPlan::before(dataset, &network, one.fit_options(seed, holdout)?)
            }
            (Judging::Folds(_), None) => unreachable!("a run of a design with folds has one"),
        }
    }

    /// A number, as text, for all that the runs read of a dataset: [`Dataset::fingerprint`], and the films where folds are cut by
    /// them.
    pub fn fingerprint(&self, dataset: &Dataset) -> String {
        let read = dataset.fingerprint();
        match (self.judging, dataset.groups(Split::Train)) {
            (Judging::Folds(_), Ok(Some(_))) => {
                let groups = dataset.container().fingerprint(&[], |name| name == "train.groups");
                format!("{read} {groups}")
            }
            _ => read,
        }
    }

    /// The configurations, of which no two are the same.
    pub fn configurations(&self) -> &[Configuration] {
        &self.configurations
    }

    /// Whether their losses are of one kind, and so have a common scale.
    pub(crate) fn has_one_loss(&self) -> bool {
        has_one_loss(&self.configurations)
    }

    /// What to call each configuration.
    pub fn labels(&self) -> Vec<String> {
        labels(&self.configurations)
    }

    /// The seeds; each configuration has a run with each.
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// On what the runs are judged.
    pub fn judging(&self) -> Judging {
        self.judging
    }

    /// By what the configurations are compared.
    pub fn by(&self) -> Measure {
        self.by
    }

    /// All runs: configuration by configuration, then seed by seed, then fold by fold.
    pub fn runs(&self) -> Vec<Run> {
        let folds: Vec<Option<usize>> = match self.judging {
            Judging::Holdout(_) => vec![None],
            Judging::Folds(folds) => (0..folds).map(Some).collect(),
        };
        let mut runs = Vec::new();
        for configuration in 0..self.configurations.len() {
            for &seed in &self.seeds {
                runs.extend(folds.iter().map(|&fold| Run { configuration, seed, fold }));
            }
        }
        runs
    }

    /// How many runs each configuration has.
    pub fn runs_each(&self) -> usize {
        match self.judging {
            Judging::Holdout(_) => self.seeds.len(),
            Judging::Folds(folds) => self.seeds.len() * folds,
        }
    }
}

fn has_one_loss(all: &[Configuration]) -> bool {
    all.iter().all(|one| one.loss == all[0].loss)
}

fn check_configurations(all: &[Configuration]) -> Result<()> {
    if all.is_empty() || all.len() > MOST_CONFIGURATIONS {
        let expected = format!("1 to {MOST_CONFIGURATIONS} configurations");
        return Err(Error::invalid("the sweep", format!("{} of them", all.len()), expected));
    }
    all.iter().try_for_each(Configuration::check)?;
    let mut seen = BTreeSet::new();
    for one in all {
        if !seen.insert(one.meaning()?) {
            let expected =
                "each configuration once, however it is written: the same twice would count as two";
            return Err(Error::invalid("the sweep", one, expected));
        }
    }
    let mut names = BTreeSet::new();
    match labels(all).into_iter().find(|name| !names.insert(name.clone())) {
        Some(name) => {
            let expected = "another name for each configuration";
            Err(Error::invalid("the name of a configuration", name, expected))
        }
        None => Ok(()),
    }
}

/// A design from a file is checked as any other.
impl<'de> Deserialize<'de> for Design {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Design, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            configurations: Vec<Configuration>,
            seeds: Vec<u64>,
            judging: Judging,
            by: Measure,
        }
        let Raw { configurations, seeds, judging, by } = Raw::deserialize(deserializer)?;
        Design::new(configurations, seeds, judging, Some(by)).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDOUT: Judging = Judging::Holdout(Holdout::First(10));

    fn with_loss(loss: &str) -> Configuration {
        Configuration { loss: loss.to_owned(), ..Configuration::default() }
    }

    #[test]
    fn runs_are_counted_out_in_order() {
        let book = Configuration::book()[..2].to_vec();
        let design = Design::new(book, vec![3, 1], Judging::Folds(2), None).unwrap();
        let runs = design.runs();
        assert_eq!(runs.len(), 2 * design.runs_each());
        assert!(runs.is_sorted_by_key(|run| run.configuration));
        assert_eq!(runs[1], Run { configuration: 0, seed: 3, fold: Some(1) });
        assert_eq!(runs[7], Run { configuration: 1, seed: 1, fold: Some(1) });
        let text = serde_json::to_string(&design).unwrap();
        assert_eq!(serde_json::from_str::<Design>(&text).unwrap(), design);
    }

    #[test]
    fn losses_of_two_kinds_are_not_compared() {
        let new = |configurations, by| Design::new(configurations, vec![0], HOLDOUT, by);
        let both = vec![with_loss("binary-crossentropy"), with_loss("hinge")];
        assert_eq!(new(both.clone(), None).unwrap().by(), Measure::ValAccuracy);
        assert_eq!(new(both[..1].to_vec(), None).unwrap().by(), Measure::ValLoss);
        let error = new(both, Some(Measure::ValLoss)).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("no common scale"), "{error}");
    }

    #[test]
    fn what_no_data_could_make_right_is_refused() {
        let one = || vec![Configuration::default()];
        let many = (1..=101).map(|epochs| Configuration { epochs, ..Configuration::default() });
        let twice = vec![
            Configuration::default(),
            Configuration { name: Some("x".into()), ..Configuration::default() },
        ];
        let namesake = |loss| Configuration { name: Some("x".into()), ..with_loss(loss) };
        let wrong = [
            (vec![], vec![0], HOLDOUT),
            (one(), vec![], HOLDOUT),
            (one(), vec![1, 1], HOLDOUT),
            (one(), vec![0], Judging::Folds(1)),
            (one(), vec![0], Judging::Folds(usize::MAX)),
            (one(), vec![0], Judging::Holdout(Holdout::None)),
            (one(), vec![0], Judging::Holdout(Holdout::Split(Split::Test))),
            (many.collect(), (0..1_000).collect(), HOLDOUT),
            (vec![namesake("hinge"), namesake("mean-squared-error")], vec![0], HOLDOUT),
        ];
        for (configurations, seeds, judging) in wrong {
            assert!(Design::new(configurations, seeds, judging, None).unwrap_err().is_usage());
        }
        // Called or written otherwise, it is still the same.
        assert!(Design::new(twice, vec![0], HOLDOUT, None).unwrap_err().is_usage());
        let default = Configuration::default;
        for other in [
            Configuration { optimizer: "rmsprop:rho=0.9".into(), ..default() },
            Configuration { learning_rate: Some(0.001), ..default() },
            Configuration { first_kernel_initializer: "glorot_uniform".into(), ..default() },
            Configuration { loss: "binary_crossentropy".into(), ..default() },
        ] {
            let both = vec![default(), other];
            assert!(Design::new(both, vec![0], HOLDOUT, None).unwrap_err().is_usage());
        }
        let linear = |activation: &str| Configuration {
            hidden: vec![],
            activation: activation.into(),
            ..default()
        };
        let both = vec![linear("relu"), linear("tanh")];
        assert!(Design::new(both, vec![0], HOLDOUT, None).unwrap_err().is_usage());
    }
}
