//! `imdb-fast fetch` against a server on the loopback, which cuts, stalls, lies and goes away.

#[path = "../common/mod.rs"]
mod common;
mod desk;
mod failures;
mod resume;
mod server;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use common::repository;
use desk::{Desk, sha256, texts};
use imdb_fast::fetch::FolderLock;
use server::{Page, Reply, Reply::*, Server, field};

/// No retries.
const ONCE: &[&str] = &["--retries", "0"];
/// Where connections break: in the middle of the reviews.
const CUT: usize = 20_000;

fn page(file: &str) -> Page {
    Page { bytes: std::fs::read(repository(file)).unwrap(), etag: Some("\"v1\"") }
}

/// The sample of the reviews.
fn reviews() -> Page {
    page("data/sample.npz")
}

fn without_tag(page: Page) -> Page {
    Page { etag: None, ..page }
}

/// Another version of the reviews, of the same length.
fn damaged() -> Page {
    let mut page = Page { etag: Some("\"v0\""), ..reviews() };
    page.bytes.iter_mut().for_each(|byte| *byte ^= 0x55);
    page
}

#[test]
fn from_fetch_to_predictions_by_name() {
    let desk = Desk::new();
    desk.fails(
        1,
        &["train", "imdb"],
        &[
            "the dataset is imdb, but no file has this name here",
            "`imdb-fast fetch keras` fetches it",
        ],
    );
    let index = page("data/sample_word_index.json");
    let server = Server::new([Honest(reviews()), Honest(index)]);
    let sample = sha256(&reviews().bytes);
    let arguments = ["fetch", "--mirror", &server.mirror(), "--sha256", &sample];
    let (out, errors) = desk.ok(&arguments);
    assert_eq!(out, format!("{}\n", desk.path("cache/imdb.safetensors").display()));
    for line in
        ["downloading http://", "pinned SHA-256 ", "train: 400 reviews", "`imdb-fast train imdb`"]
    {
        assert!(errors.contains(line), "no {line:?} in {errors}");
    }
    assert!(!errors.contains('\r'), "no animation where stderr is no terminal");
    let requests = server.requests();
    assert!(requests[0].starts_with("get /files/imdb.npz http/1.1"), "{requests:?}");
    assert!(requests[1].starts_with("get /files/imdb_word_index.json "), "{requests:?}");
    assert_eq!(field(&requests[0], "accept-encoding"), Some("identity"));

    let (_, errors) = desk.ok(&["train", "imdb", "--epochs", "1", "--validation", "100"]);
    let line = format!("imdb: {}", desk.path("cache/imdb.safetensors").display());
    assert!(errors.starts_with(&line), "{errors}");
    let model = "run/model.safetensors";
    for command in [
        &["evaluate", model, "imdb"][..],
        &["predict", model, "imdb", "--rows", "0..3"],
        &["decode", "imdb", "--row", "0"],
        &["inspect", "imdb"],
        &["verify", "imdb"],
    ] {
        let (out, errors) = desk.ok(command);
        assert!(!out.is_empty() && errors.starts_with(&line), "{command:?}: {errors}");
    }
    // What is there is not fetched again.
    let (_, errors) = desk.ok(&["fetch"]);
    assert!(errors.contains("imdb is here already; --force fetches it again"), "{errors}");
}

/// What a name stands for is spared as a path is.
#[test]
fn a_fetched_dataset_is_not_lost_to_what_takes_over_its_words() {
    let desk = Desk::new();
    desk.fetched(&[Honest(reviews())], &[]);
    let (source, output) = (repository("data/sample.csv"), desk.path("cache/imdb.safetensors"));
    let [source, output] = [&source, &output].map(|path| path.to_str().unwrap());
    let import = |output| ["import", source, "--vocabulary", "imdb", "-o", output];
    desk.fails(2, &import(output), &["--output", "which would be lost"]);
    desk.ok(&import("later.safetensors"));
}

#[test]
fn a_file_of_the_same_name_wins_and_a_folder_does_not() {
    let desk = Desk::new();
    desk.fetched(&[Honest(reviews())], &[]);
    std::fs::create_dir(desk.path("work/imdb")).unwrap();
    desk.ok(&["verify", "imdb"]);
    std::fs::remove_dir(desk.path("work/imdb")).unwrap();
    std::fs::write(desk.path("work/imdb"), "no dataset").unwrap();
    desk.fails(1, &["train", "imdb"], &["error: imdb: "]);
    desk.ok(&["verify", "./../cache/imdb.safetensors"]);
}

#[test]
fn the_first_hash_is_pinned() {
    let desk = Desk::new();
    let index = page("data/sample_word_index.json");
    let mut other = index.clone();
    other.bytes.push(b'\n');
    let fetch = |script: &[Reply], more: &[&str]| {
        let server = Server::new(script);
        let (mirror, sample) = (server.mirror(), sha256(&reviews().bytes));
        let arguments = [&["fetch", "--mirror", &mirror, "--sha256", &sample], more].concat();
        desk.run(&arguments)
    };
    let (_, errors) = texts(&fetch(&[Honest(reviews()), Honest(index.clone())], &[]));
    assert!(errors.contains(&format!("pinned SHA-256 {}", sha256(&index.bytes))), "{errors}");
    let pin = desk.path("cache/imdb_word_index.json.sha256");
    let expected = format!("{}  imdb_word_index.json\n", sha256(&index.bytes));
    assert_eq!(std::fs::read_to_string(&pin).unwrap(), expected);

    let output = fetch(&[Honest(reviews()), Honest(other.clone())], &["--force"]);
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let remedy = format!(
        "another file than the one fetched first; if that is meant, delete {}",
        pin.display()
    );
    assert!(errors.contains(&remedy), "{errors}");
    println!("{errors}");
    assert_eq!(std::fs::read(desk.path("cache/imdb_word_index.json")).unwrap(), index.bytes);

    std::fs::remove_file(&pin).unwrap();
    let output = fetch(&[Honest(reviews()), Honest(other.clone())], &["--force"]);
    assert!(output.status.success());
    assert!(std::fs::read_to_string(&pin).unwrap().starts_with(&sha256(&other.bytes)));
}

#[test]
fn a_file_at_hand_needs_no_network() {
    let desk = Desk::new();
    let sample = repository("data/sample.npz");
    let sample = sample.to_str().unwrap();
    // No proxy, no server: a request would fail.
    let (_, errors) = desk.ok(&["fetch", "--from", sample]);
    let found = sha256(&reviews().bytes);
    assert!(
        errors.contains("warning: ") && errors.contains(&format!("its SHA-256 is {found}")),
        "{errors}"
    );
    assert!(errors.contains("no word index is here"), "{errors}");
    assert_eq!(desk.cached(), [".lock", "imdb.safetensors"]);
    assert!(!errors.contains("replaces"), "{errors}");
    let (_, errors) = desk.ok(&["fetch", "--from", sample]);
    assert!(errors.contains("it replaces the imdb that was here"), "{errors}");

    // With a word index beside it, and again although it is there.
    std::fs::copy(sample, desk.path("work/imdb.npz")).unwrap();
    let index = repository("data/sample_word_index.json");
    std::fs::copy(index, desk.path("work/imdb_word_index.json")).unwrap();
    let (out, errors) = desk.ok(&["fetch", "--quiet", "--from", "imdb.npz", "--sha256", &found]);
    assert_eq!((out.lines().count(), &*errors), (1, ""));
    desk.ok(&["decode", "imdb", "--row", "0"]);

    let wrong = sha256(b"another");
    let arguments = ["fetch", "--from", "imdb.npz", "--sha256", &wrong];
    desk.fails(1, &arguments, &["imdb.npz: the file: its SHA-256 is ", "or leave --sha256 out"]);
    desk.fails(1, &["fetch", "--from", "none.npz"], &["cannot open none.npz", "takes Keras'"]);
    // Found out before anything is asked for.
    let server = Server::new([]);
    let mirror = server.mirror();
    for set in ["keras", "stanford"] {
        let fetch = ["fetch", set, "--mirror", &mirror, "--word-index", "none.json", "--force"];
        desk.fails(1, &fetch, &["cannot open none.json", "Keras' imdb_word"]);
    }
    let index = ["fetch", "--from", "imdb_word_index.json"];
    desk.fails(1, &index, &["error: imdb_word_index.json: "]);
    desk.ok(&["verify", "imdb"]);
}

#[test]
fn the_copy_of_keras_is_used_if_it_is_the_right_one() {
    let desk = Desk::new();
    let folder = desk.path("home/.keras/datasets");
    std::fs::create_dir_all(&folder).unwrap();
    let copy = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    copy("imdb.npz", &reviews().bytes);
    copy("imdb_word_index.json", &page("data/sample_word_index.json").bytes);
    let sample = sha256(&reviews().bytes);
    let (_, errors) = desk.ok(&["fetch", "--sha256", &sample]);
    assert!(errors.contains(&format!("using {}", folder.join("imdb.npz").display())), "{errors}");
    assert_eq!(desk.cached(), [".lock", "imdb.safetensors"]);
    desk.ok(&["decode", "imdb", "--row", "0"]);

    let desk = Desk::new();
    let server = Server::new([Honest(reviews())]);
    let mirror = server.mirror();
    copy("imdb.npz", &damaged().bytes);
    let arguments = desk.fetch(&mirror, &[]);
    let mut command = desk.command(env!("CARGO_BIN_EXE_imdb-fast"), &arguments);
    command.env("KERAS_HOME", folder.parent().unwrap());
    let (_, errors) = texts(&command.output().unwrap());
    assert!(errors.contains("imdb.npz: passed over, its SHA-256 is"), "{errors}");
    assert_eq!(server.requests().len(), 1, "{errors}");
}

#[test]
fn two_fetches_at_once_are_one() {
    let desk = Desk::new();
    let server = Server::new([Honest(reviews()), Honest(page("data/sample_word_index.json"))]);
    let folder = desk.path("cache");
    std::fs::create_dir(&folder).unwrap();
    let lock = FolderLock::take(&folder, || panic!("the folder is new")).unwrap();
    let sample = sha256(&reviews().bytes);
    let arguments = ["fetch", "--mirror", &server.mirror(), "--sha256", &sample];
    let mut command = desk.command(env!("CARGO_BIN_EXE_imdb-fast"), &arguments);
    let mut waiting = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(waiting.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, format!("waiting for another fetch into {}\n", folder.display()));
    assert!(server.requests().is_empty());
    drop(lock);
    assert!(waiting.wait().unwrap().success());
    assert_eq!(server.requests().len(), 2);

    // At the same time: whoever is second finds all there.
    let (desk, server) = (Desk::new(), Server::new(vec![Honest(reviews()); 2]));
    let mirror = server.mirror();
    let arguments = desk.fetch(&mirror, &[]);
    let mut children: Vec<_> = (0..3)
        .map(|_| desk.command(env!("CARGO_BIN_EXE_imdb-fast"), &arguments).spawn().unwrap())
        .collect();
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(desk.cached(), [".lock", "imdb.npz", "imdb.safetensors"]);
}

/// A limit on the size of files stands for a full disk: the same call fails, with another number.
#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error() {
    let (desk, server) = (Desk::new(), Server::new([Honest(reviews())]));
    let mirror = server.mirror();
    let arguments = desk.fetch(&mirror, &[]);
    let shell = "trap '' XFSZ; ulimit -f 20; exec \"$0\" \"$@\"";
    let mut command = desk.command("sh", &["-c", shell, env!("CARGO_BIN_EXE_imdb-fast")]);
    let output = command.args(&arguments).output().unwrap();
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let part = desk.path("cache/imdb.npz.part");
    assert!(errors.contains(&format!("error: cannot write {}: ", part.display())), "{errors}");
    println!("{errors}");
    assert!(!desk.path("cache/imdb.npz").exists());
}

#[test]
fn a_new_download_is_advised_where_the_old_one_is_at_fault() {
    let desk = Desk::new();
    std::fs::write(desk.path("work/index.json"), "{").unwrap();
    let sound = repository("data/sample_word_index.json");
    let nothing = Page { bytes: b"no reviews".to_vec(), etag: None };
    for (page, index, is_advised) in
        [(reviews(), "index.json", false), (nothing, sound.to_str().unwrap(), true)]
    {
        let (server, hash) = (Server::new([Honest(page.clone())]), sha256(&page.bytes));
        let mirror = server.mirror();
        let fetch = ["fetch", "--mirror", &mirror, "--sha256", &hash, "--word-index", index];
        let errors = desk.fails(1, &[&fetch[..], &["--force"]].concat(), &[]);
        assert_eq!(errors.contains("--force downloads them again"), is_advised, "{errors}");
    }
}

/// What brings nothing to go on from.
#[cfg(unix)]
#[test]
fn a_signal_before_the_first_byte_leaves_nothing() {
    let (desk, server) = (Desk::new(), Server::new([Stall(reviews(), 0)]));
    let mirror = server.mirror();
    let arguments = desk.fetch(&mirror, &[]);
    let mut command = desk.command(env!("CARGO_BIN_EXE_imdb-fast"), &arguments);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("downloading "), "{line}");
    assert_eq!(desk.cached(), [".lock", "imdb.npz.part", "imdb.npz.part.json"]);
    let kill = std::process::Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(desk.cached(), [".lock"]);
}

#[test]
fn the_raw_archive_is_kept_as_it_came_and_imported() {
    let (desk, archive) = (Desk::new(), page("data/sample_acl.tar.gz"));
    let server = Server::new([Honest(archive.clone())]);
    let (out, errors) = desk.ok(&["fetch", "stanford", "--mirror", &server.mirror()]);
    assert!(out.ends_with("imdb-stanford.safetensors\n"), "{out}");
    desk.ok(&["inspect", "imdb-stanford"]);
    let folder = ["fetch", "stanford", "--from", ".", "--sha256", &sha256(&archive.bytes)];
    desk.fails(2, &folder, &["--sha256 is ", "expected left out: --from is a folder"]);
    assert!(errors.contains(&format!("SHA-256 {}", sha256(&archive.bytes))), "{errors}");
    assert_eq!(std::fs::read(desk.path("cache/aclImdb_v1.tar.gz")).unwrap(), archive.bytes);
    assert!(server.requests()[0].starts_with("get /files/aclimdb_v1.tar.gz "));
    println!("{errors}");
}

#[test]
fn wrong_arguments_are_usage() {
    let desk = Desk::new();
    for (arguments, told) in [
        (&["fetch", "--mirror", "ftp://a.example/"][..], "the http or https address of a folder"),
        (&["fetch", "--mirror", "http://"], "the http or https address of a folder"),
        (&["fetch", "--mirror", "http://a.example/?x=1"], "the http or https address of a folder"),
        (&["fetch", "--sha256", "abc"], "expected 64 hexadecimal digits"),
        (&["fetch", "--stall-timeout", "0"], "expected seconds from 0.001 to 3600"),
        (&["fetch", "--retry-delay", "NaN"], "expected seconds from 0.001 to 3600"),
        (&["fetch", "--retries", "31"], "0..=30"),
        (&["fetch", "--threads", "5000"], "0..=4096"),
        (&["fetch", "mnist"], "[possible values: keras, stanford]"),
        (&["fetch", "--from", "a", "--mirror", "http://a.example"], "cannot be used with"),
    ] {
        desk.fails(2, arguments, &[told]);
    }
    assert!(!desk.path("cache").exists());
}

#[test]
fn the_file_of_the_other_dataset_is_told_from_a_damaged_one() {
    let desk = Desk::new();
    for (arguments, sample, part) in [
        (&["fetch", "--from"][..], "sample_acl.tar.gz", "`imdb-fast fetch stanford --from FILE`"),
        (&["fetch", "stanford", "--from"], "sample.npz", "`imdb-fast fetch keras --from FILE`"),
        (&["fetch", "stanford", "--from"], "sample.csv", "found a file in the format csv; `imdb-f"),
        (
            &["fetch", "--from"],
            "sample.svm",
            "in the format libsvm; `imdb-fast import` takes other",
        ),
    ] {
        let sample = repository(&format!("data/{sample}"));
        let arguments = [arguments, &[sample.to_str().unwrap()]].concat();
        desk.fails(1, &arguments, &["expected ", "found a file ", part]);
    }
}

#[test]
fn the_cache_is_where_the_option_says() {
    let desk = Desk::new();
    let there = desk.path("my cache");
    let there: &Path = &there;
    let name = there.to_str().unwrap();
    let sample = repository("data/sample.npz");
    let (out, errors) = desk.ok(&["fetch", "--cache", name, "--from", sample.to_str().unwrap()]);
    assert_eq!(out, format!("{name}/imdb.safetensors\n"));
    assert!(errors.contains(&format!("`imdb-fast train imdb --cache '{name}'`")), "{errors}");
    desk.ok(&["inspect", "imdb", "--cache", name]);
    desk.fails(1, &["inspect", "imdb"], &["`imdb-fast fetch keras` fetches it"]);
    std::fs::write(desk.path("a file"), "").unwrap();
    let file = desk.path("a file");
    desk.fails(1, &["fetch", "--cache", file.to_str().unwrap()], &["cannot create the folder"]);
}
