//! What the help texts promise.

use clap::{Command, CommandFactory, Parser};

use super::Cli;

/// The program and its commands.
fn commands() -> Vec<Command> {
    let program = Cli::command();
    let commands: Vec<Command> = program.get_subcommands().cloned().collect();
    std::iter::once(program).chain(commands).collect()
}

/// All that stands below a command's options, short and long.
fn further_help(command: &Command) -> String {
    [command.get_after_help(), command.get_after_long_help()]
        .iter()
        .flatten()
        .map(|help| format!("{help}\n"))
        .collect()
}

/// The command lines in a text: lines that start with the program's name, environment variables before it allowed, continued
/// where they end in a backslash.
fn command_lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for line in text.lines() {
        let last = lines.last_mut().expect("it begins with one");
        last.push_str(line.trim());
        match last.strip_suffix('\\') {
            Some(begun) => *last = begun.trim_end().to_owned() + " ",
            None => lines.push(String::new()),
        }
    }
    let is_command = |line: &String| {
        let mut words = line.split(' ').skip_while(|word| word.contains('='));
        words.next() == Some("imdb-fast")
    };
    lines.retain(is_command);
    lines
}

/// The words of a command line as a shell would pass them on, without what follows two blanks (which is a remark), `#`, and
/// redirections.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut is_remark = false;
    for c in line.chars() {
        match (c, quote) {
            (c, Some(mark)) if c == mark => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => match word.take() {
                Some(whole) => words.push(whole),
                None => is_remark = true,
            },
            ('<' | '>' | '|' | '#', None) if word.is_none() => is_remark = true,
            (c, None) => word.get_or_insert_default().push(c),
        }
        if is_remark {
            break;
        }
    }
    assert_eq!(quote, None, "{line}: a quote is not closed");
    words.extend(word);
    words.into_iter().skip_while(|word| word.contains('=')).collect()
}

fn parses(line: &str) {
    let words = words(line);
    // A command of its own, and help: clap ends the parsing in both cases by an "error" that is none.
    if let Err(error) = Cli::try_parse_from(&words) {
        assert!(!error.use_stderr(), "`{line}`, as {words:?}: {error}");
    }
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let program = Cli::command();
    assert!(program.get_subcommands().map(Command::get_name).eq(super::man::COMMANDS));
}

#[test]
fn every_command_has_examples_and_all_are_accepted() {
    for command in commands() {
        let name = command.get_name().to_owned();
        let help = further_help(&command);
        assert!(help.contains("Examples:"), "`{name}` has no examples in its help");
        let lines = command_lines(&help);
        let its_own =
            if name == "imdb-fast" { "imdb-fast ".to_owned() } else { format!("imdb-fast {name}") };
        let count = lines.iter().filter(|line| line.contains(&its_own)).count();
        assert!(count >= 2, "`{name}` has {count} examples of itself");
        lines.iter().for_each(|line| parses(line));
    }
}

/// clap wraps what is wider than the terminal: a pasted example would be two commands, and a paragraph that the source has
/// wrapped already would end each line in the middle.
#[test]
fn what_is_below_the_options_fits_and_paragraphs_are_one_line_each() {
    for command in commands() {
        let help = further_help(&command);
        let lines: Vec<&str> = help.lines().collect();
        let is_text = |line: &str| !line.is_empty() && !line.starts_with(' ');
        for (at, line) in lines.iter().enumerate() {
            let place = format!("`{}`: {line}", command.get_name());
            // Programs that load what is exported take the full width that help has.
            let is_code = command.get_name() == "export" && line.starts_with("    ");
            let most = if is_code { 100 } else { 78 };
            assert!(is_text(line) || line.chars().count() <= most, "{place}");
            let before = at.checked_sub(1).map_or("", |before| lines[before]);
            assert!(!is_text(line) || !is_text(before) || before.ends_with(':'), "{place}");
        }
    }
}

#[test]
fn the_readme_and_the_recipes_show_what_is_accepted() {
    let recipes = include_str!("../guide/recipes.rs").replace("//! ", "");
    for (text, least) in [(include_str!("../../README.md"), 20), (&recipes, 5)] {
        let blocks = text.split("```").skip(1).step_by(2).filter(|block| block.starts_with("sh\n"));
        let lines: Vec<String> = blocks.flat_map(command_lines).collect();
        assert!(lines.len() >= least, "only {} commands were found", lines.len());
        lines.iter().for_each(|line| parses(line));
    }
}

/// Behind an option `--` makes no value of what comes.
#[test]
fn no_tip_is_wrong() {
    let text = |words: &[&str]| super::in_words(Cli::try_parse_from(words).unwrap_err());
    let unknown = text(&["imdb-fast", "train", "-o", "-y"]);
    assert!(unknown.contains("unexpected argument") && !unknown.contains("tip:"), "{unknown}");
    let misplaced = text(&["imdb-fast", "--epochs", "3", "train"]);
    assert!(misplaced.contains("train --epochs"), "{misplaced}");
}

#[test]
fn lines_are_cut_into_words_as_a_shell_does() {
    assert_eq!(words("imdb-fast train   a remark"), ["imdb-fast", "train"]);
    assert_eq!(words("A=1 imdb-fast info"), ["imdb-fast", "info"]);
    assert_eq!(words("p --text 'a b' \"it's\" - < in # x"), ["p", "--text", "a b", "it's", "-"]);
    assert_eq!(words("p --text '' x"), ["p", "--text", "", "x"]);
    assert_eq!(command_lines("  imdb-fast a \\\n      b\nno imdb-fast"), ["imdb-fast a b"]);
}
