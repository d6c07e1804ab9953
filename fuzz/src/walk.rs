//! A walk through all that a dataset holds.

use imdb_fast::dataset::{Csr, Dataset, Split, format};
use imdb_fast::text::{Encoder, Encoding};

/// What a dataset holds, row by row, as it has to be for a `Dataset` to be: nobody checks again.
pub fn walk(dataset: &Dataset) -> Vec<(Split, Vec<u32>, Option<u8>)> {
    let features = dataset.features();
    assert!((1..=format::MAX_FEATURES).contains(&features));
    let mut all = Vec::new();
    for split in dataset.splits() {
        let csr = dataset.csr(split).expect("it has the split");
        assert_eq!(matches!(csr, Csr::Narrow(_)), features < format::WIDE_FROM);
        let labels = dataset.labels(split).ok();
        assert_eq!(labels.is_some(), split.is_labelled());
        let ratings = dataset.ratings(split).expect("it has the split");
        let groups = dataset.groups(split).expect("it has the split");
        let lengths = [labels.map(<[u8]>::len), ratings.map(<[u8]>::len), groups.map(<[u32]>::len)];
        assert!(lengths.into_iter().flatten().all(|length| length == csr.rows()));
        dataset.will_need(split, 0..csr.rows());
        dataset.will_need(split, csr.rows()..csr.rows() + 3);
        let mut nnz = 0;
        for row in 0..csr.rows() {
            let words = csr.row(row);
            assert!(words.windows(2).all(|pair| pair[0] < pair[1]), "row {row} ascends");
            assert!(words.iter().all(|&word| (word as usize) < features), "row {row}");
            nnz += words.len();
            let sequence = dataset.sequence(split, row).expect("the row is there");
            assert!(sequence.iter().flatten().all(|&word| (word as usize) < features));
            assert!(labels.is_none_or(|labels| labels[row] <= 1));
            all.push((split, words, labels.map(|labels| labels[row])));
        }
        assert_eq!(nnz, csr.nnz());
        assert!(dataset.sequence(split, csr.rows()).is_err());
    }
    if let Some(vocabulary) = dataset.vocabulary() {
        for id in (0..vocabulary.len() as u32).chain([u32::MAX]) {
            assert_ne!(vocabulary.word(id), Some(""));
        }
        assert!(vocabulary.cut_words().all(|word| !word.is_empty()));
        if let Some(Ok(encoder)) = dataset.text_rules().map(|rules| Encoder::new(rules, vocabulary))
        {
            let mut encoding = Encoding::default();
            encoder.encode("The film is good, not good; naïve <br /> 日本's awful", &mut encoding);
            assert!(encoding.features().windows(2).all(|pair| pair[0] < pair[1]));
            assert!(encoding.features().iter().all(|&id| (id as usize) < encoder.features()));
        }
    }
    all
}
