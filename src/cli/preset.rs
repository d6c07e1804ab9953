//! Named lists of options, each of which stands for itself unless the command line says otherwise.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use imdb_fast::Result;
use serde::Serialize;

use super::{Cli, quoted, to_stdout};

/// A name of some options of `import` and `train` that go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Preset {
    /// The book's network on the 10,000 most frequent words: the defaults
    Book,
    /// One linear model of runs of up to four words, scaled by naive Bayes
    Best,
    /// Five of those with different seeds, as one
    BestEnsemble,
    /// The same, which learn from the reviews without a label too
    Semi,
}

const BOOK_WORDS: &[&str] = &["--tokenizer=keras", "--ngrams=1", "--num-words=10000"];

const BOOK: &[&str] = &[
    "--validation=10000",
    "--hidden=16,16",
    "--activation=relu",
    "--loss=binary-crossentropy",
    "--optimizer=rmsprop",
    "--batch-size=512",
    "--epochs=20",
];

/// Words, marks, and runs of up to four of them, without the ids that Keras reserves.
const RUNS_OF_WORDS: &[&str] = &[
    "--tokenizer=words-and-marks",
    "--ngrams=4",
    "--num-words=all",
    "--start-char=none",
    "--oov-char=none",
    "--index-from=0",
];

/// Logistic regression, a review at a time.
const LINEAR: &[&str] = &[
    "--validation=0",
    "--hidden=none",
    "--feature-scale=naive-bayes",
    "--row-norm=l2",
    "--batch-size=1",
    "--epochs=2",
    "--optimizer=adagrad:initial_accumulator=1e-8,epsilon=0",
    "--learning-rate=0.3",
    "--bias-optimizer=sgd:learning_rate=0.03",
    "--schedule=linear",
    "--first-kernel-initializer=zeros",
];

/// By cross-validation the students are better by 0.003 where they learn from the given labels for three epochs more, beginning
/// as fast as at first.
const TEACHERS_AND_STUDENTS: &str =
    "--self-training=pseudo-labels:fine_tuning_epochs=3,fine_tuning_rate=1";

impl Preset {
    /// The options of `import`.
    fn import(self) -> Vec<&'static str> {
        match self {
            Preset::Book => BOOK_WORDS.to_vec(),
            Preset::Best | Preset::BestEnsemble => {
                [RUNS_OF_WORDS, &["--min-count=5", "--no-unlabelled"]].concat()
            }
            Preset::Semi => [RUNS_OF_WORDS, &["--min-count=3", "--count-unlabelled"]].concat(),
        }
    }

    /// Those of `train`.
    fn train(self) -> Vec<&'static str> {
        match self {
            Preset::Book => BOOK.to_vec(),
            Preset::Best => LINEAR.to_vec(),
            Preset::BestEnsemble => [LINEAR, &["--ensemble=5"]].concat(),
            Preset::Semi => [LINEAR, &["--ensemble=5", TEACHERS_AND_STUDENTS]].concat(),
        }
    }

    /// Prints the command lines that it stands for.
    pub(super) fn show(self) -> Result<()> {
        let line = |begin: &str, options: Vec<&str>| {
            let options = options.into_iter().map(|option| match option.split_once('=') {
                Some((name, value)) => format!("{name} {}", quoted(value)),
                None => option.to_owned(),
            });
            std::iter::once(begin.to_owned()).chain(options).collect::<Vec<_>>().join(" \\\n    ")
        };
        to_stdout(|out| {
            writeln!(out, "{}", line("imdb-fast import SOURCE -o DATASET", self.import()))?;
            writeln!(out, "{}", line("imdb-fast train DATASET", self.train()))
        })
    }
}

/// The command line, with the options of its preset where it does not say otherwise.
///
/// # Errors
/// Those of clap, help and version among them; what does not go with the preset.
pub(super) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let matches = Cli::command().try_get_matches_from(&words)?;
    let more = matches.subcommand().map(|(name, given)| left_to_preset(name, given)).transpose()?;
    let Some(more) = more.filter(|more| !more.is_empty()) else {
        return Cli::from_arg_matches(&matches);
    };
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.splice(end..end, more);
    Cli::from_arg_matches(&Cli::command().try_get_matches_from(words)?)
}

/// The options of a command's preset that are not given by themselves, nor replaced by one that is.
fn left_to_preset(name: &str, given: &ArgMatches) -> Result<Vec<OsString>, clap::Error> {
    let Ok(Some(&preset)) = given.try_get_one::<Preset>("preset") else { return Ok(Vec::new()) };
    let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    if !is_given("preset") {
        return Ok(Vec::new());
    }
    let mut program = Cli::command();
    program.build();
    let command = program.find_subcommand(name).expect("it has been given");
    let options = if name == "import" { preset.import() } else { preset.train() };
    let arg = |option: &str| {
        let long = option.trim_start_matches('-').split('=').next();
        let arg = command.get_arguments().find(|arg| arg.get_long() == long);
        arg.expect("presets are of options that are there")
    };
    let excludes = |a: &clap::Arg, b: &clap::Arg| {
        command.get_arg_conflicts_with(a).iter().any(|other| other.get_id() == b.get_id())
    };
    let all_given = || command.get_arguments().filter(|other| is_given(other.get_id().as_str()));
    // Nothing that is given takes the place of this one. By clap it would be told in words that nobody has given.
    let students = options.iter().find(|option| option.starts_with("--self-training"));
    let students = students.map(|option| arg(option));
    let other = all_given().find(|&other| students.is_some_and(|it| excludes(it, other)));
    if let Some(other) = other {
        let text = format!(
            "--{} does not go with --preset semi, whose students have nothing to validate on; --preset best-ensemble takes it",
            other.get_long().unwrap_or_default()
        );
        let command = program.find_subcommand_mut(name).expect("it has been given");
        return Err(command.error(ErrorKind::ArgumentConflict, text));
    }
    let is_free = |option: &&str| {
        let arg = arg(option);
        // A learning rate is the optimizer's that it is for; what is counted has no say beside a word index, but for runs of words.
        let is_of_another = match arg.get_long() {
            Some("learning-rate") => is_given("optimizer"),
            Some("min-count" | "count-unlabelled") => {
                let has_one_word = matches!(given.try_get_one("ngrams"), Ok(Some(&1_usize)));
                let has_no_runs = is_given("hash_bits") || (is_given("ngrams") && has_one_word);
                is_given("word_index") && has_no_runs
            }
            _ => false,
        };
        !is_of_another
            && all_given().all(|other| {
                other.get_id() != arg.get_id() && !excludes(arg, other) && !excludes(other, arg)
            })
    };
    Ok(options.into_iter().filter(is_free).map(OsString::from).collect())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::Command;

    fn train(line: &str) -> Value {
        let words = line.split(' ').map(OsString::from);
        match parse(words).unwrap().command {
            Command::Train(args) => serde_json::to_value(args).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_book_is_the_default() {
        assert_eq!(train("imdb-fast train x --preset book"), train("imdb-fast train x"));
        let debug = |line: &str| format!("{:?}", parse(line.split(' ').map(OsString::from)));
        let line = "imdb-fast import x -o y";
        assert_eq!(debug(&format!("{line} --preset book")), debug(line));
    }

    #[test]
    fn all_presets_are_options_that_are_accepted() {
        for preset in Preset::value_variants() {
            let name = preset.to_possible_value().unwrap();
            for (line, options) in [("import x -o y", preset.import()), ("train x", preset.train())]
            {
                let line = format!("imdb-fast {line} --preset {}", name.get_name());
                let named = parse(line.split(' ').map(OsString::from)).unwrap();
                let spelt = line.split(' ').chain(options).map(OsString::from);
                let spelt = parse(spelt).unwrap();
                assert_eq!(format!("{named:?}"), format!("{spelt:?}"), "{line}");
            }
        }
    }

    #[test]
    fn what_is_given_wins() {
        let args =
            train("imdb-fast --quiet train --preset semi --epochs 3 --init m --no-shuffle -- x");
        assert_eq!(args["epochs"], json!(3));
        assert_eq!(args["init"], json!("m"));
        assert_eq!(args["first_kernel_initializer"], json!(null));
        assert_eq!(args["hidden"], json!("none"));
        assert_eq!(args["dataset"], json!("x"));
        let mut nothing = "imdb-fast train x --preset semi".to_owned();
        let options = [
            "feature-scale",
            "bias-optimizer",
            "first-kernel-initializer",
            "self-training",
            "average-weights",
        ];
        options.iter().for_each(|option| nothing += &format!(" --{option} none"));
        let args = train(&nothing);
        // As where a run has never had them.
        assert!(options.iter().all(|option| args[option.replace('-', "_")].is_null()), "{args}");
        let args = train("imdb-fast train x --preset best --optimizer adam:learning_rate=0.001");
        assert_eq!(args["learning_rate"], json!(null));
        let hashed = "imdb-fast import x -o y --preset best --hash-bits 20 --unlabelled z";
        let parsed = format!("{:?}", parse(hashed.split(' ').map(OsString::from)).unwrap());
        assert!(parsed.contains("min_count: None") && parsed.contains("ngrams: 4"), "{parsed}");
        let indexed = "imdb-fast import x -o y --preset semi --word-index z";
        for (more, has_counts) in [("", true), (" --ngrams 1", false), (" --hash-bits 20", false)] {
            let line = format!("{indexed}{more}");
            let parsed = format!("{:?}", parse(line.split(' ').map(OsString::from)).unwrap());
            assert_eq!(parsed.contains("count_unlabelled: true"), has_counts, "{parsed}");
            assert_eq!(parsed.contains("min_count: Some(3)"), has_counts, "{parsed}");
        }
    }
}
