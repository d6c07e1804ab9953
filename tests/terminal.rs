//! What makes the program at home in a terminal: completions, manual pages, colours.

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::desk::neutral;
use common::skipped;

const PROGRAM: &str = env!("CARGO_BIN_EXE_imdb-fast");

/// All commands, as the help lists them.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let list = help.split("Commands:\n").nth(1).expect("a list of commands");
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    let names = lines.filter(|line| !line.starts_with("   "));
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

fn printed(arguments: &[&str]) -> String {
    let output = neutral(PROGRAM).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program on an input, or says that the test was skipped where it is not installed.
fn with(program: &str, arguments: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new(program);
    // They warn of a locale that is not installed.
    command.env("LC_ALL", "C");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skipped(format_args!("{program} is not installed"));
            return None;
        }
        Err(error) => panic!("{program}: {error}"),
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    Some(output)
}

#[test]
fn completions_parse_in_their_shells() {
    let [bash, zsh, fish] = ["bash", "zsh", "fish"].map(|shell| printed(&["completions", shell]));
    for (shell, script) in [("bash", &bash), ("zsh", &zsh), ("fish", &fish)] {
        let option = if shell == "fish" { "--no-execute" } else { "-n" };
        let Some(output) = with(shell, &[option, "/dev/stdin"], script) else { continue };
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{shell}: {errors}");
    }
    for shell in ["powershell", "elvish"] {
        let script = printed(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell} completes no {command}");
        }
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    let script = printed(&["completions", "bash"]);
    let completed = |words: &[&str]| {
        let list: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let [.., previous, last] = words else { panic!("two words at least") };
        let ask = format!(
            "{script}\nCOMP_WORDS=({}); COMP_CWORD={}\n\
             function=$(complete -p imdb-fast | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
             \"$function\" imdb-fast '{last}' '{previous}'\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            list.join(" "),
            words.len() - 1,
        );
        let output = with("bash", &[], &ask)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{words:?}: {errors}");
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let Some(offered) = completed(&["imdb-fast", "ex"]) else { return };
    assert_eq!(offered, "export\n");
    assert_eq!(completed(&["imdb-fast", "export", "--onnx"]).unwrap(), "--onnx-input\n");
    let formats = completed(&["imdb-fast", "export", "--format", ""]).unwrap();
    assert_eq!(formats, "keras-npz\nonnx\ntorch-safetensors\n");
    assert_eq!(completed(&["imdb-fast", "completions", "po"]).unwrap(), "powershell\n");
    for (words, expected) in [
        (&["imdb-fast", "train", "--activation", "t"][..], "tanh\n"),
        (&["imdb-fast", "train", "--optimizer", "ada"], "adam\nadamw\nadagrad\n"),
        (&["imdb-fast", "sweep", "--loss", "h"], "hinge\n"),
        (&["imdb-fast", "import", "--tokenizer", "w"], "words-and-marks\n"),
        (&["imdb-fast", "import", "--quoting", "o"], "on\noff\n"),
        (&["imdb-fast", "import", "--index-base", ""], "0\n1\n"),
        (&["imdb-fast", "predict", "--quoting", "of"], "off\n"),
        (&["imdb-fast", "predict", "--split", "un"], "unlabelled\n"),
        (&["imdb-fast", "man", "tr"], "train\n"),
    ] {
        assert_eq!(completed(words).unwrap(), expected, "{words:?}");
    }
}

#[test]
fn there_is_a_manual_page_of_each_command_and_all_render() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("man1");
    printed(&["man", "--dir", at.to_str().unwrap()]);
    let mut names = vec!["imdb-fast".to_owned()];
    names.extend(commands().iter().map(|command| format!("imdb-fast-{command}")));
    assert_eq!(std::fs::read_dir(&at).unwrap().count(), names.len());
    for name in names {
        let page = std::fs::read_to_string(at.join(format!("{name}.1"))).unwrap();
        let command = name.strip_prefix("imdb-fast-");
        assert_eq!(page, printed(&[&["man"], command.as_slice()].concat()));
        let source = concat!("\"imdb-fast ", env!("CARGO_PKG_VERSION"), "\"");
        assert!(page.lines().any(|line| line.starts_with(".TH ") && line.contains(source)));
        let Some(text) = rendered(&page) else { continue };
        // The synopsis is the line of the help, which may be in two.
        let help = printed(&[command.as_slice(), &["--help"]].concat());
        let (_, usage) = help.split_once("Usage: ").unwrap();
        for line in usage.lines().take_while(|line| !line.is_empty()).map(str::trim) {
            assert!(text.lines().any(|shown| shown.trim() == line), "{name}: no {line:?}\n{text}");
        }
        for part in ["NAME", "SYNOPSIS", "EXAMPLES", "EXIT STATUS", &name, "the arguments are"] {
            assert!(text.contains(part), "{name}: no {part:?} in\n{text}");
        }
        let (above, status) = text.split_once("EXIT STATUS").unwrap();
        assert!(status.contains("129, 130, 143") && !above.contains("SIGTERM:"), "{name}:\n{text}");
        let (_, below) = above.split_once("EXAMPLES").unwrap();
        for heading in below.lines().filter(|line| line.starts_with(char::is_alphabetic)) {
            assert!(heading.split(' ').count() <= 2, "{name}: {heading:?} in\n{text}");
        }
        // Examples and code keep their lines, and their characters are those that a shell takes. The help wraps long lines, the
        // page does not.
        let (_, further) = help.split_once("Examples:\n").unwrap();
        for line in further.lines().filter(|line| line.starts_with("  ")).map(str::trim) {
            let is_part = |shown: &str| line.len() > 80 && shown.contains(line);
            let is_it =
                |shown: &str| shown.starts_with(line) || shown.ends_with(line) || is_part(shown);
            assert!(text.lines().map(str::trim).any(is_it), "{name}: no {line:?} in\n{text}");
        }
    }
    let help = printed(&["export", "--help"]);
    assert!(
        help.contains("\n\n    import keras\n    import numpy as np\n\n    features"),
        "{help}"
    );
}

/// A page as plain text, by groff, which has to find nothing to warn about.
fn rendered(page: &str) -> Option<String> {
    let options = ["-man", "-Tutf8", "-Kutf8", "-ww", "-rLL=200n", "-P-cbou"];
    let output = with("groff", &options, page)?;
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.is_empty(), "{warnings}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn unknown_pages_and_shells_are_usage_errors() {
    let fails = |arguments: &[&str], part: &str| {
        let output = neutral(PROGRAM).args(arguments).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(part) && output.stdout.is_empty(), "{errors}");
    };
    fails(&["man", "tarin"], "one of fetch, import, train");
    fails(&["man", "train", "--dir", "x"], "cannot be used with");
    fails(&["completions", "tcsh"], "bash, elvish, fish, powershell, zsh");
}

/// Runs a command line of the program in a terminal of its own, by util-linux' `script`. Returns all that it shows.
fn in_a_terminal(line: &str, environment: &[(&str, &str)], folder: &Path) -> Option<String> {
    let mut command = neutral("script");
    command.args(["-qec", &format!("'{PROGRAM}' {line}"), "/dev/null"]).current_dir(folder);
    // It runs the line by the user's shell, and animates nothing for machines.
    command.env("SHELL", "/bin/sh").env_remove("CI").env("TERM", "xterm-256color");
    command.envs(environment.iter().copied()).stdin(Stdio::null());
    match command.output() {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skipped("util-linux' script is not installed");
            None
        }
        Err(error) => panic!("script: {error}"),
    }
}

/// Whether a text has codes that change how letters look (those of progress bars only move the cursor).
fn is_coloured(text: &str) -> bool {
    text.split("\x1b[").skip(1).any(|rest| {
        let code = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        code.starts_with('m')
    })
}

#[cfg(target_os = "linux")]
#[test]
fn colours_are_for_terminals_that_want_them() {
    let folder = tempfile::tempdir().unwrap();
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/data/sample_acl.tar.gz");
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (dataset, run) = (at("d.safetensors"), at("run"));
    printed(&["-q", "import", archive, "-o", &dataset]);
    printed(&["-q", "train", &dataset, "--validation", "0.2", "--epochs", "1", "--out", &run]);
    let explain = "predict run/model.safetensors --text 'a great bad film' --explain";
    // Help, clap's errors, our errors, explanations, and a run with its progress.
    let lines = ["--help", "train --no-such-option", "train missing", explain];
    let train = "train d.safetensors --validation 0.2 --epochs 2";
    for line in lines {
        let Some(shown) = in_a_terminal(line, &[], folder.path()) else { return };
        assert!(is_coloured(&shown), "{line}: {shown:?}");
    }
    let off = [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")];
    for line in [&lines[..], &[train]].concat() {
        for variable in off {
            let shown = in_a_terminal(line, &[variable], folder.path()).unwrap();
            assert!(!is_coloured(&shown), "{line}, {variable:?}: {shown:?}");
            assert!(shown.len() > 40, "{line} shows only {shown:?}");
        }
    }
    // Empty is as good as not set. The option is stronger than the environment.
    assert!(is_coloured(&in_a_terminal("--help", &[("NO_COLOR", "")], folder.path()).unwrap()));
    let always = format!("{explain} --color always");
    assert!(is_coloured(&in_a_terminal(&always, &off[..1], folder.path()).unwrap()));
    let never = format!("{explain} --color never");
    assert!(!is_coloured(&in_a_terminal(&never, &[], folder.path()).unwrap()));
}

#[cfg(target_os = "linux")]
#[test]
fn no_bar_is_full_before_there_is_anything_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let line = "train --validation 0 --epochs 1 --out run";
    let Some(shown) = in_a_terminal(line, &[], folder.path()) else { return };
    assert!(shown.contains(" batches") && !shown.contains("0/0 batches"), "{shown:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn codes_in_files_do_not_reach_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let rows = |label: &str| format!("a \u{1b}fine film,{label}\na \u{9b}poor film,-{label}\n");
    std::fs::write(at("reviews.csv"), format!("text,label\n{}", rows("1").repeat(9))).unwrap();
    let codes = "text,label\na fine film,\u{1b}[2Jgood\u{9b}2J\n";
    std::fs::write(at("codes.csv"), codes).unwrap();
    let (dataset, run) = (at("d.safetensors"), at("run"));
    printed(&["-q", "import", &at("reviews.csv"), "-o", &dataset]);
    printed(&["-q", "train", &dataset, "--validation", "0", "--epochs", "1", "--out", &run]);
    for (line, part) in [
        ("words run/model.safetensors --csv", "?fine"),
        ("words run/model.safetensors --jsonl", "?poor"),
        ("predict run/model.safetensors codes.csv --csv", "?[2Jgood?2J"),
        ("predict run/model.safetensors codes.csv --jsonl", "[2Jgood?2J"),
    ] {
        let Some(shown) = in_a_terminal(line, &[], folder.path()) else { return };
        assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{line}: {shown:?}");
        assert!(shown.contains(part), "{line}: {shown:?}");
    }
    // Programs get what the files say.
    let [model, file] = [at("run/model.safetensors"), at("codes.csv")];
    let answers = printed(&["predict", &model, &file, "--csv"]);
    assert!(answers.contains("\u{1b}[2Jgood\u{9b}2J"), "{answers:?}");
}

#[test]
fn pipes_are_plain_unless_colours_are_forced() {
    for arguments in [&["--help"][..], &["train", "missing"]] {
        let shown = |force: Option<&str>| {
            let mut command = neutral(PROGRAM);
            let output =
                command.args(arguments).envs(force.map(|value| ("CLICOLOR_FORCE", value))).output();
            let Output { stdout, stderr, .. } = output.unwrap();
            String::from_utf8([stdout, stderr].concat()).unwrap()
        };
        assert!(!is_coloured(&shown(None)), "{arguments:?}");
        assert!(is_coloured(&shown(Some("1"))), "{arguments:?}");
    }
}
