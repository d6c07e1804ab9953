//! Asking a model about texts: an answer depends on neither company nor threads, and explanations say what taking the parts out
//! changes.

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use imdb_fast::Error;
use imdb_fast::answer::{Explanation, Judge, Kind, Part};
use imdb_fast::kernel::Level;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Embedding, Parameters};
use imdb_fast::text::{Encoding, Unknown};
use imdb_fast::train::Team;

use super::containers::{self, Tensor};
use super::desk::{self, choice, seldom};
use super::lexicon::{lexicon, words};

pub fn check(data: &[u8]) -> bool {
    asked(&mut Unstructured::new(data)).unwrap_or(false)
}

/// Of each level a team of one thread and one of two.
fn teams() -> &'static [[Team; 2]] {
    static TEAMS: OnceLock<Vec<[Team; 2]>> = OnceLock::new();
    TEAMS.get_or_init(|| {
        let team = |threads, level| Team::new(threads).expect("two threads").with_level(level);
        let levels = Level::supported().into_iter();
        levels.map(|level| [1, 2].map(|threads| team(threads, level))).collect()
    })
}

/// True where every text has an answer.
fn asked(u: &mut Unstructured) -> Result<bool> {
    let texts = (0..u.int_in_range(1..=5u8)?).map(|_| desk::text(u, 24));
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let is_tame = !seldom(u, 4)?;
    let model = model(u, &texts, is_tame)?;
    // A thread takes 64 at a time.
    let many = u.int_in_range(0..=140usize)?;
    let teams = &teams()[usize::from(u.arbitrary::<u8>()?) % teams().len()];
    let judges = teams.each_ref().map(|team| {
        Judge::new(&model, team).expect("its words are of its rules, and lead to its inputs")
    });
    let [judge, _] = &judges;
    let alone: Vec<_> = texts.iter().map(|text| answers(judge, &[text])).collect();
    for judge in &judges {
        in_company(judge, &texts, many, &alone);
    }
    explained(&judges, &texts, &alone, is_tame);
    strongest(judge, is_tame);
    Ok(alone.iter().all(imdb_fast::Result::is_ok))
}

/// The answers to some texts. Where one has none, none has.
fn answers<T: AsRef<str> + Sync>(judge: &Judge<'_>, texts: &[T]) -> imdb_fast::Result<Vec<f32>> {
    let mut probabilities = vec![0.5];
    if let Err(error) = judge.probabilities(texts, &mut probabilities) {
        assert_eq!(probabilities, [0.5], "nothing is appended");
        desk::assert_explains(&error, "the model".as_ref());
        return Err(error);
    }
    assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "{probabilities:?}");
    Ok(probabilities.split_off(1))
}

/// Which text of a call an error is about.
fn overflown(error: &Error) -> usize {
    match error {
        Error::Overflow { at, logit, .. } if !logit.is_finite() => *at,
        error => panic!("{error}"),
    }
}

/// Many texts, the same again and again, have the answers that they have alone.
fn in_company(
    judge: &Judge<'_>,
    texts: &[String],
    many: usize,
    alone: &[imdb_fast::Result<Vec<f32>>],
) {
    let all: Vec<&String> = texts.iter().cycle().take(many).collect();
    let first = alone.iter().take(many).position(imdb_fast::Result::is_err);
    match (answers(judge, &all), first) {
        (Ok(found), None) => {
            let expected = alone.iter().flatten().flatten().cycle();
            assert_eq!(found.len(), many);
            for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_eq!(found.to_bits(), expected.to_bits(), "text {at} of {texts:?}");
            }
        }
        (Err(error), Some(first)) => assert_eq!(overflown(&error), first),
        (found, first) => panic!("{found:?}, and alone text {first:?} has no answer"),
    }
}

/// Texts are explained together as each alone, and to the probability that they have.
fn explained(
    judges: &[Judge<'_>],
    texts: &[String],
    alone: &[imdb_fast::Result<Vec<f32>>],
    is_tame: bool,
) {
    let judge = &judges[0];
    let mut explanations = Vec::new();
    for (text, answer) in texts.iter().zip(alone) {
        let explanation = judge.explain(text);
        match (&explanation, answer) {
            (Ok(explanation), Ok(answer)) => {
                assert_eq!(explanation.probability.to_bits(), answer[0].to_bits(), "{text:?}");
                are_sound(judge, explanation, text);
                let rules = judge.encoder().rules();
                // To take out a word, one that nobody knows is put in its place.
                if is_tame && rules.unknown == Unknown::Drop {
                    are_effects(judge, explanation);
                }
            }
            // Without a part it may overflow where it does not with it.
            (Err(error), _) => {
                assert!(!is_tame, "{error}");
                assert_eq!(overflown(error), 0);
            }
            (Ok(_), Err(error)) => panic!("{error}, and {text:?} is explained"),
        }
        as_ids(judge, text, answer);
        explanations.push(explanation);
    }
    let first = explanations.iter().position(imdb_fast::Result::is_err);
    let explanations: Vec<_> = explanations.into_iter().flatten().collect();
    for judge in judges {
        match (judge.explanations(texts), first) {
            (Ok(together), None) => assert_eq!(together, explanations),
            (Err(error), Some(first)) => assert_eq!(overflown(&error), first),
            (together, first) => panic!("{together:?}, and alone that of {first:?} fails"),
        }
    }
}

/// Words, parts, counts and order are those of a text, and all numbers are some.
fn are_sound(judge: &Judge<'_>, explanation: &Explanation, text: &str) {
    let found = explanation.words().map(|(word, _)| word);
    assert!(found.eq(words(judge.encoder().rules().tokenizer, text)), "{explanation:?}");
    for pair in explanation.parts.windows(2) {
        assert!(pair[0].effect.abs() >= pair[1].effect.abs(), "{pair:?}");
    }
    for part in &explanation.parts {
        let is_number = (-1.0..=1.0).contains(&part.effect) && part.evidence.is_finite();
        assert!(is_number, "{part:?} of {text:?}");
        assert_eq!(part.name.is_empty(), part.kind == Kind::Cut, "{part:?} of {text:?}");
        let count = explanation.words().filter(|(_, other)| is_it(*other, part)).count();
        let expected = if part.kind == Kind::Ngram { 0 } else { part.count };
        assert!(count == expected && part.count > 0, "{part:?} of {text:?}");
    }
}

fn is_it(other: Option<&Part>, part: &Part) -> bool {
    other.is_some_and(|other| std::ptr::eq(other, part))
}

/// What the two ways to a probability may differ by, where weights are tame: roundings of sums.
const ROUNDING: f32 = 2e-4;

/// The effect of each word is what the answer changes by without it; and its evidence is the same in log-odds.
fn are_effects(judge: &Judge<'_>, explanation: &Explanation) {
    const NOBODY: &str = "qqqqqqqq";
    let whole = explanation.probability;
    let answer_without = |part: Option<&Part>| {
        let is_out = |other| part.is_some_and(|part| is_it(other, part));
        let words = explanation.words();
        let words = words.map(|(word, other)| if is_out(other) { NOBODY } else { word });
        answers(judge, &[words.collect::<Vec<_>>().join(" ")]).expect("weights are tame")[0]
    };
    assert_eq!(answer_without(None).to_bits(), whole.to_bits(), "{explanation:?}");
    for part in explanation.parts.iter().filter(|part| part.kind != Kind::Ngram) {
        let expected = whole - answer_without(Some(part));
        assert!(
            (part.effect - expected).abs() < ROUNDING,
            "{part:?}, not {expected}: {explanation:?}"
        );
        let log_odds = (f64::from(whole) / (1.0 - f64::from(whole))).ln();
        let without = 1.0 / (1.0 + (f64::from(part.evidence) - log_odds).exp());
        let effect = f64::from(whole) - without;
        let is_same = (f64::from(part.effect) - effect).abs() < f64::from(ROUNDING);
        assert!(is_same, "{part:?} has an evidence of {effect}, of {whole}");
    }
}

/// As a dataset keeps a text, it has the same answer.
fn as_ids(judge: &Judge<'_>, text: &str, answer: &imdb_fast::Result<Vec<f32>>) {
    let mut encoding = Encoding::default();
    judge.encoder().encode(text, &mut encoding);
    if let Ok(explanation) = judge.explain_ids(encoding.words(), encoding.features()) {
        let answer = answer.as_ref().expect("what has no answer has no explanation");
        assert_eq!(explanation.probability.to_bits(), answer[0].to_bits(), "{text:?}");
    }
}

/// The strongest words are those of reviews of one word.
fn strongest(judge: &Judge<'_>, is_tame: bool) {
    let strongest = match judge.strongest(usize::MAX) {
        Ok(strongest) => strongest,
        Err(error) => {
            assert!(!is_tame, "{error}");
            overflown(&error);
            return;
        }
    };
    let empty = answers(judge, &[""]).expect("it is finite")[0];
    assert_eq!(strongest.empty.to_bits(), empty.to_bits());
    for side in [&strongest.negative, &strongest.positive] {
        assert!(side.windows(2).all(|pair| pair[0].effect.abs() >= pair[1].effect.abs()));
        for word in side {
            assert!((0.0..=1.0).contains(&word.probability), "{word:?}");
            assert_eq!(word.effect, word.probability - empty, "{word:?}");
            // Runs stand for themselves there, without their words.
            if is_tame && !word.name.contains(' ') {
                let answer = answers(judge, &[&word.name]).expect("weights are tame")[0];
                assert!((answer - word.probability).abs() < ROUNDING, "{word:?}, not {answer}");
            }
        }
    }
    assert!(strongest.negative.iter().all(|word| word.effect < 0.0));
    assert!(strongest.positive.iter().all(|word| word.effect > 0.0));
}

/// A model of the words of some texts. Where it is tame, its sums are small, and their roundings are.
fn model(u: &mut Unstructured, texts: &[String], is_tame: bool) -> Result<Model> {
    let averages = u.int_in_range(0..=3u8)? == 0;
    let (rules, vocabulary) = lexicon(u, texts, averages)?;
    let inputs = rules.features(&vocabulary);
    let mut hidden = Vec::new();
    for _ in 0..u.int_in_range(0..=2u8)? {
        // Wider layers are another crate's.
        let units = if seldom(u, 2)? { 65 } else { u.int_in_range(1..=18)? };
        hidden.push(Dense { units, activation: choice(u, &Activation::ALL)? });
    }
    let mut architecture = Architecture::new(inputs, &hidden).expect("a small network");
    if averages {
        let max_len = if seldom(u, 2)? { 300 } else { u.int_in_range(1..=12)? };
        let embedding = Embedding { dim: u.int_in_range(1..=18)?, max_len, mask: u.arbitrary()? };
        architecture = architecture.with_embedding(embedding).expect("a small network");
    }
    let mut model = Model::new(architecture, 1);
    model.set_parameters(weights(u, model.architecture(), is_tame)?).expect("they are finite");
    (model.vocabulary, model.text) = (Some(vocabulary), Some(rules));
    if averages || u.arbitrary()? { Ok(model) } else { scaled(u, model, is_tame) }
}

fn weights(u: &mut Unstructured, architecture: &Architecture, is_tame: bool) -> Result<Parameters> {
    let mut parameters = Parameters::zeros(architecture);
    fill(u, &mut parameters.first_kernel, is_tame, 1)?;
    fill(u, &mut parameters.head.values, is_tame, 1)?;
    let has_embedding = architecture.embedding().is_some();
    for layer in usize::from(!has_embedding)..architecture.layers().len() {
        fill(u, parameters.kernel_mut(layer), is_tame, architecture.fan_in(layer))?;
    }
    Ok(parameters)
}

/// Numbers, again and again, each time of another size. Of tame ones the sum of so many is small.
fn fill(u: &mut Unstructured, values: &mut [f32], is_tame: bool, many: usize) -> Result<()> {
    let mut few = [0.0; 7];
    for value in &mut few {
        *value = match is_tame {
            true => f32::from(u.arbitrary::<i8>()?) / (512.0 * many as f32),
            false => wild(u)?,
        };
    }
    for (at, value) in values.iter_mut().enumerate() {
        let number: f32 = few[at % 7] * [1.0, -0.5, 2.0, 0.125][at / 7 % 4];
        *value = number.clamp(-f32::MAX, f32::MAX);
    }
    Ok(())
}

/// Any number.
fn wild(u: &mut Unstructured) -> Result<f32> {
    let number = match u.int_in_range(0..=3u8)? {
        0 => choice(u, &[f32::MAX, -f32::MAX, 1e30, -1e19, f32::MIN_POSITIVE, 1e-45, 0.0])?,
        1 => u.arbitrary()?,
        _ => f32::from(u.arbitrary::<i8>()?),
    };
    Ok(if number.is_finite() { number } else { f32::MAX })
}

/// The same with scales of words, or of reviews, or both: by its file, as training alone gives a network scales.
fn scaled(u: &mut Unstructured, model: Model, is_tame: bool) -> Result<Model> {
    let path = desk::path("model");
    model.save(&path).expect("the disk has room");
    let mut file = std::fs::read(&path).expect("it has just been written");
    let has_scales = u.arbitrary()?;
    if has_scales {
        let mut scales = vec![0.0; model.architecture().inputs()];
        for scale in &mut scales {
            let tame = choice(u, &[1.0, 0.5, 2.0, -1.0])?;
            *scale = if is_tame { tame } else { wild(u)? };
        }
        let tensor = Tensor::of("input.scale", "F32", &[scales.len() as u64], &scales);
        file = containers::with_tensor(&file, &tensor);
    }
    if !has_scales || u.arbitrary()? {
        let (mut header, body) = containers::parts(&file).expect("our own files are sound");
        header["__metadata__"]["row_norm"] = "l2".into();
        file = containers::with_checksums(header, body);
    }
    Ok(Model::load(&desk::file("model", &file)).expect("what is new fits the rest"))
}
