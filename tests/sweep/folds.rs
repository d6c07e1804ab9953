//! Folds of a dataset on disk: a partition, by films where they are known.

use std::collections::BTreeMap;
use std::path::Path;

use imdb_fast::container::Access;
use imdb_fast::dataset::{
    self, Contents, Dataset, Folds, Review, ReviewSource, Split, format::UNKNOWN_GROUP,
};
use imdb_fast::sweep::{Configuration, Design, Judging};

use crate::common::{InMemory, generated, written};

/// Reviews with the number of their film.
struct Filmed(InMemory, fn(usize) -> u32);

impl ReviewSource for Filmed {
    fn contents(&self) -> Contents {
        self.0.contents()
    }

    fn for_each(
        &mut self,
        sink: &mut dyn FnMut(Review<'_>) -> imdb_fast::Result<()>,
    ) -> imdb_fast::Result<()> {
        let Filmed(source, film) = self;
        source.reviews.iter().enumerate().try_for_each(|(row, (split, words, label))| {
            sink(Review { group: Some(film(row)), ..Review::new(*split, words, *label) })
        })
    }
}

fn filmed(path: &Path, film: fn(usize) -> u32) -> Dataset {
    dataset::write(&mut Filmed(generated(2_000, 100, 1), film), path).unwrap();
    Dataset::open(path, Access::Map).unwrap()
}

fn is_partition(folds: &Folds, rows: usize) {
    let mut all: Vec<u32> =
        (0..folds.count()).flat_map(|fold| folds.held_out(fold)).copied().collect();
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..rows as u32));
    for fold in 0..folds.count() {
        let (train, held_out) = (folds.train(fold), folds.held_out(fold));
        assert_eq!(train.len() + held_out.len(), rows);
        assert!(train.is_sorted() && held_out.is_sorted());
        assert!(train.iter().all(|row| held_out.binary_search(row).is_err()));
    }
}

#[test]
fn folds_partition_the_train_split_evenly() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(2_000, 100, 1), &folder.path().join("d"));
    for count in [2, 3, 7, 1_500] {
        let folds = Folds::new(&dataset, count, 1).unwrap();
        assert_eq!(folds.count(), count);
        assert!(!folds.is_grouped());
        is_partition(&folds, 1_500);
        let sizes = (0..count).map(|fold| folds.held_out(fold).len());
        assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
        assert_eq!(folds, Folds::new(&dataset, count, 1).unwrap());
        assert_ne!(folds, Folds::new(&dataset, count, 2).unwrap());
    }
    assert!(Folds::new(&dataset, 1, 1).unwrap_err().is_usage());
    let error = Folds::new(&dataset, 1_501, 1).unwrap_err().to_string();
    assert!(error.contains("1500 films or reviews"), "{error}");
}

#[test]
fn reviews_of_one_film_stay_together() {
    let folder = tempfile::tempdir().unwrap();
    // Some 60 films, a quarter of the reviews of none that is known.
    let film = |row: usize| if row % 8 < 2 { UNKNOWN_GROUP } else { (row * row % 211) as u32 };
    let dataset = filmed(&folder.path().join("d"), film);
    let groups = dataset.groups(Split::Train).unwrap().unwrap();
    for seed in 0..5 {
        let folds = Folds::new(&dataset, 5, seed).unwrap();
        assert!(folds.is_grouped());
        is_partition(&folds, 1_500);
        let mut homes: BTreeMap<u32, usize> = BTreeMap::new();
        for fold in 0..5 {
            let size = folds.held_out(fold).len();
            assert!(size.abs_diff(300) <= 1, "fold {fold} has {size}");
            for &row in folds.held_out(fold) {
                let group = groups[row as usize];
                if group != UNKNOWN_GROUP {
                    assert_eq!(*homes.entry(group).or_insert(fold), fold, "film {group}");
                }
            }
        }
        assert!(homes.len() > 40);
    }
    let few = filmed(&folder.path().join("few"), |row| row as u32 % 4);
    let error = Folds::new(&few, 5, 0).unwrap_err().to_string();
    assert!(error.contains("3 films or reviews") && error.contains("fewer folds"), "{error}");
    let one = filmed(&folder.path().join("one"), |_| 7);
    let error = Folds::new(&one, 2, 0).unwrap_err().to_string();
    assert!(error.contains("has 1 film or review to share out; import more: no fold"), "{error}");
}

/// Films decide the folds, so they belong to what a sweep with folds has read; without folds nothing reads them.
#[test]
fn a_sweep_knows_its_films() {
    let folder = tempfile::tempdir().unwrap();
    let one = filmed(&folder.path().join("one"), |row| row as u32 / 9);
    let other = filmed(&folder.path().join("other"), |row| row as u32 / 10);
    let design =
        |judging| Design::new(vec![Configuration::default()], vec![0], judging, None).unwrap();
    let folds = design(Judging::Folds(3));
    assert_ne!(folds.fingerprint(&one), folds.fingerprint(&other));
    let held_out = design(Judging::Holdout(dataset::Holdout::First(100)));
    assert_eq!(held_out.fingerprint(&one), held_out.fingerprint(&other));
}
