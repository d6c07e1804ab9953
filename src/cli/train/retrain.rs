//! The command that trains again, on all reviews, up to the best epoch.

use std::ffi::OsString;

use crate::cli::quoted;

/// Options that the second run sets anew or has no use for, and whether a value follows them.
const REPLACED: [(&str, bool); 6] = [
    ("--epochs", true),
    ("--validation", true),
    ("--early-stopping", true),
    ("--min-delta", true),
    ("--keep-best", false),
    ("--fresh", false),
];

/// The same arguments (without the program's name) with other epochs and no validation.
pub(super) fn command(arguments: impl Iterator<Item = OsString>, epochs: usize) -> String {
    let mut words = vec!["imdb-fast".to_owned()];
    let replacing = format!("--epochs {epochs} --validation 0");
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            // What is behind it is no option.
            words.extend([replacing, "--".to_owned()]);
            words.extend(arguments.map(quoted));
            return words.join(" ");
        }
        let text = argument.to_string_lossy();
        let name = text.split('=').next().unwrap_or("");
        match REPLACED.iter().find(|(option, _)| *option == name) {
            Some((option, true)) if text == *option => drop(arguments.next()),
            Some(_) => {}
            None => words.push(quoted(&argument)),
        }
    }
    words.push(replacing);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(arguments: &str) -> String {
        command(arguments.split('|').map(OsString::from), 4)
    }

    #[test]
    fn all_but_the_replaced_options_stay() {
        let expected = "imdb-fast train my.safetensors --hidden 32 --epochs 4 --validation 0";
        assert_eq!(again("train|my.safetensors|--epochs|20|--hidden|32"), expected);
        assert_eq!(again("train|my.safetensors|--epochs=20|--hidden|32|--keep-best"), expected);
        let expected = "imdb-fast train --init m --epochs 4 --validation 0 -- --epochs";
        assert_eq!(again("train|--init|m|--validation|9|--|--epochs"), expected);
    }

    #[test]
    fn odd_names_are_quoted() {
        let text = again("train|my data's|--seed|1");
        assert_eq!(text, r"imdb-fast train 'my data'\''s' --seed 1 --epochs 4 --validation 0");
    }
}
