//! Options by the names that they have in Keras and scikit-learn, for those who come from there.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Commands, of all if none is named, names that no option of theirs has, and what is said of them. By the likeness of names
/// alone clap would point to options that do something else.
const NAMES: [(&[&str], &[&str], &str); 25] = [
    (&["import"], &["min-df"], "here it is `--min-count N`"),
    (&["import"], &["test-size"], "here it is `--test-fraction PART`"),
    (&["import"], &["max-features"], "here it is `--num-words N`"),
    (&["import"], &["text"], "here it is `--text-column NAME`"),
    (&["import"], &["label", "labels"], "here it is `--label-column NAME`"),
    (&["import"], &["stop-words"], "there is no list of them: training weighs each word"),
    (&["import"], &["ngram-range"], "here it is `--ngrams N`, from 1 to N"),
    (&["train"], &["use-ema"], "here it is `--average-weights ema`"),
    (&["train"], &["restore-best", "restore-best-weights"], "here it is `--keep-best`"),
    (&["train"], &["patience"], "here it is `--early-stopping N`"),
    (&["train"], INIT, "`--init MODEL` starts from trained weights"),
    (&["train"], &["clipnorm"], "`--global-clipnorm NORM` is there, of all weights together"),
    (
        &["train"],
        &["clipvalue"],
        "single values are not cut, the norm is: `--global-clipnorm NORM`",
    ),
    (&["train", "sweep"], &["units", "hidden-layer-sizes"], "here it is `--hidden 16,16`"),
    (&["train", "sweep"], &["max-iter"], "here it is `--epochs N`"),
    (&["train", "sweep"], &["alpha"], "here it is `--l2 X`, by Keras' formula"),
    (&["train", "sweep"], &["weight-decay"], "`--optimizer adamw:weight_decay=0.01` has it"),
    (&["train", "sweep"], &["momentum"], "`--optimizer sgd:momentum=0.9` has it"),
    (&["train", "sweep"], WEIGHTS, "there are none: all reviews count the same"),
    (&["train", "sweep", "import", "synth"], &["random-state"], "here it is `--seed N`"),
    (&["sweep"], &["cv"], "here it is `--folds N`"),
    (&["sweep"], &["scoring"], "here it is `--by MEASURE`"),
    (&["predict"], &["threshold"], "answers are probabilities: cut them where it fits"),
    (&[], &["n-jobs"], "here it is `--threads N`"),
    (&[], &["verbose"], "all is told unless there is `--quiet`"),
];

const INIT: &[&str] = &["model", "warm-start", "initial-epoch", "load", "weights"];
const WEIGHTS: &[&str] = &["class-weight", "sample-weight"];

/// What an option is called here, where the arguments are wrong by one that is called so elsewhere.
pub(super) fn tip(error: &Error) -> Option<&'static str> {
    let (ErrorKind::UnknownArgument, Some(ContextValue::String(name))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    else {
        return None;
    };
    let name = name.strip_prefix("--")?.replace('_', "-");
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    // "Usage: imdb-fast COMMAND ...": the name is one word, `bin_name`.
    let command = usage.split_whitespace().nth(2).unwrap_or_default();
    let is_of = |commands: &[&str]| commands.is_empty() || commands.contains(&command);
    let is_meant = |&&(commands, names, _): &&(&[&str], &[&str], _)| {
        names.contains(&&*name) && is_of(commands)
    };
    NAMES.iter().find(is_meant).map(|&(_, _, tip)| tip)
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};

    use super::*;
    use crate::cli::{Cli, in_words};

    #[test]
    fn what_is_named_is_there_and_what_is_called_otherwise_is_not() {
        let mut program = Cli::command();
        program.build();
        let has = |command: &Command, name: &str| {
            command.get_arguments().any(|arg| arg.get_long() == Some(name))
        };
        for (commands, names, tip) in NAMES {
            for command in program.get_subcommands().filter(|command| command.get_name() != "help")
            {
                let name = command.get_name();
                if !commands.is_empty() && !commands.contains(&name) {
                    continue;
                }
                assert!(names.iter().all(|other| !has(command, other)), "{name}: {names:?}");
                let mut words = tip.split(['`', ' ']).filter_map(|word| word.strip_prefix("--"));
                assert!(words.all(|word| has(command, word)), "{name}: {tip}");
                for other in names {
                    let option = format!("--{other}");
                    let error = Cli::try_parse_from(["imdb-fast", name, &option, "1"]).unwrap_err();
                    assert_eq!(in_words(error).matches("tip:").count(), 1, "{name} {option}");
                }
            }
            assert!(commands.iter().all(|name| program.find_subcommand(name).is_some()));
        }
        let text = |words: &[&str]| in_words(Cli::try_parse_from(words).unwrap_err());
        let count = |option| text(&["imdb-fast", "import", "x", "-o", "y", option, "2"]);
        for count in ["--min-df", "--min_df"].map(count) {
            assert!(count.contains("here it is `--min-count N`"), "{count}");
            assert!(!count.contains("--index-from"), "{count}");
        }
        // Of another command, and of none: clap's own tips. That of the file that is run is no command.
        let renamed = text(&["import", "train", "--min-df", "2"]);
        assert!(!renamed.contains("here it is"), "{renamed}");
        let other = text(&["imdb-fast", "synth", "--epoch"]);
        assert!(!other.contains("here it is"), "{other}");
        let misspelt = text(&["imdb-fast", "train", "--epoch", "3"]);
        assert!(misspelt.contains("a similar argument exists"), "{misspelt}");
    }
}
