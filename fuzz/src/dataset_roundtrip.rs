//! What the writer takes, a reader gives back.

use arbitrary::{Result, Unstructured};
use imdb_fast::container::Access;
use imdb_fast::dataset::{Contents, Dataset, Review, Split, Writer};
use imdb_fast::text::Vocabulary;

use super::desk::{self, choice};
use super::walk::walk;

pub fn check(data: &[u8]) -> bool {
    roundtrip(&mut Unstructured::new(data)).is_ok()
}

/// A review with all that may belong to it.
struct Row {
    split: Split,
    words: Vec<u32>,
    label: Option<u8>,
    rating: Option<u8>,
    group: Option<u32>,
}

fn roundtrip(u: &mut Unstructured) -> Result<()> {
    let features = choice(u, &[1, 2, 17, 300, 65_535, 65_536, 1 << 26])?;
    let names =
        (0..u.int_in_range(0..=5u8)?).map(|_| desk::text(u, 4)).collect::<Result<Vec<_>>>()?;
    let cut: Vec<String> =
        (0..u.int_in_range(0..=3u8)?).map(|_| desk::text(u, 4)).collect::<Result<_>>()?;
    let vocabulary = Vocabulary::from_words(names).with_cut(cut);
    let contents = Contents {
        features,
        vocabulary: u.arbitrary::<bool>()?.then_some(vocabulary),
        text: None,
        sequences: u.arbitrary()?,
        options: serde_json::json!({ "note": desk::text(u, 8)? }),
    };
    let (has_rating, has_group): ([bool; 3], [bool; 3]) = u.arbitrary()?;
    let mut rows = Vec::new();
    for _ in 0..u.int_in_range(1..=40u8)? {
        let split = choice(u, &Split::ALL)?;
        let most = choice(u, &[0, 3, features - 1])? as u32;
        let length = choice(u, &[0, 1, 5, 70])?;
        let word = |_| u.int_in_range(0..=most.min(features as u32 - 1));
        let words = (0..length).map(word).collect::<Result<_>>()?;
        let label = if split.is_labelled() { Some(u.int_in_range(0..=1)?) } else { None };
        let rating = has_rating[split as usize].then_some(u.arbitrary()?);
        let group = has_group[split as usize].then_some(u.arbitrary()?);
        rows.push(Row { split, words, label, rating, group });
    }
    // A dataset has something to learn from or to be judged by.
    rows.push(Row {
        split: Split::Train,
        words: vec![0],
        label: Some(1),
        rating: has_rating[0].then_some(1),
        group: has_group[0].then_some(1),
    });
    let path = desk::path("written");
    let mut writer = Writer::create(&path, contents.clone()).expect("the folder can be written");
    for row in &rows {
        let Row { split, words, label, rating, group } = row;
        let review = Review::new(*split, words, *label);
        let review = Review { rating: *rating, group: *group, ..review };
        writer.push_review(review).expect("the disk has room");
    }
    writer.finish().expect("the disk has room");
    for access in [Access::Map, Access::Read] {
        let dataset = Dataset::open(&path, access).expect("what the writer writes is sound");
        dataset.container().verify().expect("and has its checksums");
        assert_same(&dataset, &contents, &rows);
    }
    Ok(())
}

fn assert_same(dataset: &Dataset, contents: &Contents, rows: &[Row]) {
    assert_eq!(dataset.features(), contents.features);
    assert_eq!(dataset.options(), contents.options.to_string());
    assert_eq!(dataset.vocabulary(), contents.vocabulary.as_ref());
    let mut expected = Vec::new();
    for split in Split::ALL {
        let rows = rows.iter().filter(|row| row.split == split);
        for (at, row) in rows.enumerate() {
            let mut set = row.words.clone();
            set.sort_unstable();
            set.dedup();
            expected.push((split, set, row.label));
            let sequence = dataset.sequence(split, at).expect("the row is there");
            assert_eq!(sequence.as_ref(), contents.sequences.then_some(&row.words));
            let ratings = dataset.ratings(split).expect("the split is there");
            assert_eq!(ratings.map(|ratings| ratings[at]), row.rating);
            let groups = dataset.groups(split).expect("the split is there");
            assert_eq!(groups.map(|groups| groups[at]), row.group);
        }
    }
    assert_eq!(walk(dataset), expected);
}
