//! Going on from a checkpoint: an error, or a run that comes to its end.

use std::cell::OnceCell;
use std::ops::ControlFlow;

use arbitrary::{Result, Unstructured};
use imdb_fast::container::Access;
use imdb_fast::dataset::{Contents, Dataset, Holdout, Review, Split, Writer};
use imdb_fast::kernel::Level;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::train::{
    Checkpoint, Ending, FitOptions, Observer, Silent, Snapshot, Team, TrainPlan, fit, metric,
    resume,
};
use serde_json::{Value, json};

use super::containers::{self, bytes_of};
use super::desk::{self, choice, seldom};

thread_local! {
    static RUN: OnceCell<(Dataset, Vec<u8>)> = const { OnceCell::new() };
}

pub fn check(data: &[u8]) -> bool {
    RUN.with(|run| {
        let (dataset, saved) = run.get_or_init(saved);
        if containers::looks_like_a_file(data) {
            let resumed = |file: &[u8]| resumed(dataset, file);
            return resumed(data) | containers::repaired(data).is_some_and(|file| resumed(&file));
        }
        match changed(&mut Unstructured::new(data), saved) {
            Ok(file) => resumed(dataset, &file),
            Err(_) => false,
        }
    })
}

fn resumed(dataset: &Dataset, file: &[u8]) -> bool {
    let path = desk::file("checkpoint", file);
    let (mut model, options) = begun();
    let plan = TrainPlan::new(dataset, &model, options).expect("the options fit the dataset");
    let run = Checkpoint::load(&path)
        .and_then(|checkpoint| resume(&plan, &mut model, &team(), &mut Silent, checkpoint));
    match run {
        Ok(outcome) => {
            let parameters = model.parameters();
            let mut values = parameters.first_kernel.iter().chain(&parameters.head.values);
            let is_finite = values.all(|value| value.is_finite());
            match outcome.ending {
                Ending::Completed => assert!(outcome.history.epochs() == 3 && is_finite),
                // As weights that are numbers, but what numbers, may lead to.
                Ending::Diverged(_) => assert!(is_finite || outcome.epoch.is_none()),
                Ending::StoppedEarly | Ending::Interrupted => panic!("{:?}", outcome.ending),
            }
            true
        }
        Err(error) => {
            desk::assert_explains(&error, &path);
            false
        }
    }
}

fn team() -> Team {
    Team::new(1).expect("one thread").with_level(Level::portable())
}

/// A network and a run that keeps, of all that there is to keep, most.
fn begun() -> (Model, FitOptions) {
    let layer = Dense { units: 2, activation: Activation::Prelu };
    let model = Model::new(Architecture::new(9, &[layer]).expect("a small network"), 1);
    let options = FitOptions {
        epochs: 3,
        batch_size: 4,
        validation: Holdout::First(4),
        metrics: ["accuracy", "auc"].map(|name| metric(name).expect("it is known")).into(),
        keep_best: true,
        ..FitOptions::default()
    };
    (model, options)
}

/// A dataset and the file of a run on it, within its second epoch.
fn saved() -> (Dataset, Vec<u8>) {
    struct Saver;
    impl Observer for Saver {
        fn pauses(&mut self, epoch: usize, batch: usize) -> bool {
            (epoch, batch) == (1, 2)
        }
        fn paused(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
            snapshot.save(&desk::path("checkpoint"), &json!(null)).expect("the disk has room");
            ControlFlow::Break(())
        }
    }
    let path = desk::path("run on");
    let contents = Contents {
        features: 9,
        vocabulary: None,
        text: None,
        sequences: false,
        options: json!({}),
    };
    let mut writer = Writer::create(&path, contents).expect("the folder can be written");
    for row in 0..16 {
        let (words, label) = ([row % 9, 5 * row % 7, row % 2], (row % 2) as u8);
        let review = Review::new(Split::Train, &words, Some(label));
        writer.push_review(review).expect("the disk has room");
    }
    writer.finish().expect("the disk has room");
    let dataset = Dataset::open(&path, Access::Read).expect("what the writer writes is sound");
    let (mut model, options) = begun();
    let plan = TrainPlan::new(&dataset, &model, options).expect("the options fit the dataset");
    fit(&plan, &mut model, &team(), &mut Saver).expect("the run is sound");
    let file = std::fs::read(desk::path("checkpoint")).expect("it has just been written");
    (dataset, file)
}

/// A file of a run that goes on from it, whatever the folder of its dataset is called.
pub fn whole() -> Vec<u8> {
    let (_, file) = saved();
    let (mut header, body) = containers::parts(&file).expect("our own files are sound");
    let text = header["__metadata__"]["run"].as_str().expect("our own files are sound");
    let mut run: Value = serde_json::from_str(text).expect("our own files are sound");
    run["dataset"]["path"] = "run on".into();
    header["__metadata__"]["run"] = run.to_string().into();
    containers::with_checksums(header, body)
}

/// The file of a run with some of what it says changed, and all checksums right again: they are no matter of knowing how.
fn changed(u: &mut Unstructured, file: &[u8]) -> Result<Vec<u8>> {
    let (mut header, body) = containers::parts(file).expect("our own files are sound");
    let mut body = body.to_vec();
    if u.arbitrary()? {
        let text = header["__metadata__"]["run"].as_str().expect("our own files are sound");
        let mut run: Value = serde_json::from_str(text).expect("our own files are sound");
        let part = choice(
            u,
            &[
                "/epoch",
                "/batch",
                "/epochs",
                "/batches",
                "/window",
                "/score",
                "/score/loss_bits",
                "/score/reviews",
                "/score/metrics/0/1",
                "/score/metrics/1/3",
                "/score/metrics/1",
                "/quantities/1",
                "/options/0/1",
            ],
        )?;
        let values = [json!(null), json!(0), json!(2), json!(""), json!([]), json!(u64::MAX)];
        let value = if seldom(u, 4)? { json!(u.arbitrary::<u64>()?) } else { choice(u, &values)? };
        *run.pointer_mut(part).expect("a run has all these") = value;
        header["__metadata__"]["run"] = run.to_string().into();
    }
    let tensors = header.keys().filter(|name| *name != "__metadata__");
    let tensors: Vec<String> = tensors.cloned().collect();
    for _ in 0..u.int_in_range(0..=2u8)? {
        let name = u.choose(&tensors)?;
        // It may have another name by now.
        let Some(bytes) = header.get(name).map(bytes_of) else { continue };
        match u.int_in_range(0..=7u8)? {
            // Its bytes have to be someone's, or all is refused for that.
            0 => {
                let tensor = header.remove(name).expect("it is there");
                header.insert(format!("no {name}"), tensor);
            }
            1 => header[name]["shape"] = json!([bytes.len() / 4]),
            2 => header[name]["dtype"] = choice(u, &["U32", "F32", "U8", "F64"])?.into(),
            _ if bytes.len() >= 4 => {
                let at = bytes.start + 4 * u.choose_index(bytes.len() / 4)?;
                let values = [0, 1, u32::MAX, f32::MAX.to_bits(), f32::NAN.to_bits()];
                let value = if seldom(u, 4)? { u.arbitrary()? } else { choice(u, &values)? };
                body[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            _ => {}
        }
    }
    Ok(containers::with_checksums(header, &body))
}
