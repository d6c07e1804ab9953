//! Connections that break, and files that change until the next one.

use crate::desk::{Desk, sha256};
use crate::server::{Reply::*, Server, field};
use crate::{CUT, ONCE, damaged, page, reviews, without_tag};

#[test]
fn a_cut_is_resumed() {
    let desk = Desk::new();
    let (requests, errors) = desk.fetched(&[Cut(reviews(), CUT), Honest(reviews())], &[]);
    assert_eq!(field(&requests[0], "range"), None);
    assert_eq!(field(&requests[1], "range"), Some("bytes=20000-"));
    assert_eq!(field(&requests[1], "if-range"), Some("\"v1\""));
    let told = "the server cut the connection, at 20000 of 38741 bytes; trying again in 1ms";
    assert!(errors.contains(told) && errors.contains("resuming http://"), "{errors}");
}

#[test]
fn a_cut_is_resumed_by_the_next_process() {
    let desk = Desk::new();
    let told = ["cut the connection, at 20000 of 38741 bytes; run the command again"];
    desk.refused(&[Cut(reviews(), CUT)], ONCE, &told);
    assert_eq!(desk.cached(), [".lock", "imdb.npz.part", "imdb.npz.part.json"]);
    // The other server has another address: what came from elsewhere is no beginning of its file.
    let (requests, _) = desk.fetched(&[Honest(reviews())], ONCE);
    assert_eq!(field(&requests[0], "range"), None);

    let desk = Desk::new();
    let server = Server::new([Cut(reviews(), CUT), Honest(reviews())]);
    let mirror = server.mirror();
    let arguments = desk.fetch(&mirror, ONCE);
    desk.fails(1, &arguments, &told);
    desk.ok(&arguments);
    assert_eq!(field(&server.requests()[1], "range"), Some("bytes=20000-"));
    assert_eq!(desk.cached(), [".lock", "imdb.npz", "imdb.safetensors"]);
}

#[test]
fn a_server_without_ranges_starts_again() {
    let desk = Desk::new();
    let (requests, _) = desk.fetched(&[Cut(reviews(), CUT), IgnoresRange(reviews())], &[]);
    assert_eq!(field(&requests[1], "range"), Some("bytes=20000-"));
}

#[test]
fn a_file_that_changes_in_between_is_fetched_anew() {
    // The server says so: the tag is another.
    Desk::new().fetched(&[Cut(damaged(), CUT), Honest(reviews())], &[]);
    // The server has no tags: the hash of the patchwork tells.
    let script =
        [Cut(without_tag(damaged()), CUT), Honest(without_tag(reviews())), Honest(reviews())];
    let (requests, errors) = Desk::new().fetched(&script, &[]);
    assert_eq!(field(&requests[1], "if-range"), None);
    assert!(errors.contains("the file's SHA-256 is "), "{errors}");
    assert_eq!(field(&requests[2], "range"), None);
}

#[test]
fn a_rest_belongs_to_its_beginning_by_a_tag_or_a_hash() {
    let index = page("data/sample_word_index.json");
    for (index, range) in [(index.clone(), Some("bytes=3000-")), (without_tag(index), None)] {
        let (desk, sample) = (Desk::new(), sha256(&reviews().bytes));
        let script = [Honest(reviews()), Cut(index.clone(), 3000), Honest(index.clone())];
        let server = Server::new(script);
        let mirror = server.mirror();
        desk.ok(&["fetch", "--mirror", &mirror, "--sha256", &sample, "--retry-delay", "0.001"]);
        assert_eq!(field(&server.requests()[2], "range"), range);
        assert_eq!(std::fs::read(desk.path("cache/imdb_word_index.json")).unwrap(), index.bytes);
    }
}

#[test]
fn what_an_earlier_process_left_is_checked() {
    let whole = reviews().bytes;
    let origin = |mirror: &str, total: usize| {
        format!(r#"{{"url":"{mirror}imdb.npz","validator":null,"total":{total}}}"#)
    };
    let total = whole.len();
    for (part, origin, ranges) in [
        // Whole, but for the name.
        (&*whole, &origin as &dyn Fn(&str, usize) -> String, &[][..]),
        (&whole[..CUT], &origin, &[Some("bytes=20000-")]),
        // Nobody knows what it is.
        (&whole[..CUT], &|_: &str, _| "{".to_owned(), &[None]),
        (&whole[..CUT], &|_: &str, total| origin("http://elsewhere.invalid/", total), &[None]),
        // What no head of a request can hold.
        (
            &whole[..CUT],
            &|mirror, total| origin(mirror, total).replace("null", r#""a\r\nb""#),
            &[None],
        ),
        // Damaged: found out at the end, and fetched from its start.
        (&[b'x'; CUT], &origin, &[Some("bytes=20000-"), None]),
    ] {
        let desk = Desk::new();
        let server = Server::new(vec![Honest(reviews()); ranges.len()]);
        let mirror = server.mirror();
        std::fs::create_dir(desk.path("cache")).unwrap();
        std::fs::write(desk.path("cache/imdb.npz.part"), part).unwrap();
        std::fs::write(desk.path("cache/imdb.npz.part.json"), origin(&mirror, total)).unwrap();
        desk.ok(&desk.fetch(&mirror, &[]));
        let requests = server.requests();
        let asked: Vec<_> = requests.iter().map(|request| field(request, "range")).collect();
        assert_eq!(asked, ranges);
        assert_eq!(desk.cached(), [".lock", "imdb.npz", "imdb.safetensors"]);
    }
}

#[test]
fn another_part_than_asked_for_is_not_taken() {
    let script = [Cut(reviews(), CUT), OtherPart(reviews()), Honest(reviews())];
    let (_, errors) = Desk::new().fetched(&script, &[]);
    assert!(errors.contains("the server sent another part than was asked for"), "{errors}");
}

#[test]
fn a_rest_of_another_version_is_not_taken() {
    let script = [Cut(damaged(), CUT), IgnoresTag(reviews()), Honest(reviews())];
    let (requests, errors) = Desk::new().fetched(&script, &[]);
    assert!(errors.contains("the server sent another part than was asked for"), "{errors}");
    assert_eq!(field(&requests[2], "range"), None);
}

/// Where others may write into the folder.
#[test]
#[cfg(unix)]
fn names_that_stand_for_something_else_are_not_followed() {
    let mkfifo = |path| {
        let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
        assert!(made.success());
    };
    let desk = Desk::new();
    std::fs::create_dir(desk.path("cache")).unwrap();
    std::fs::write(desk.path("precious"), "mine").unwrap();
    std::os::unix::fs::symlink(desk.path("precious"), desk.path("cache/imdb.npz.part")).unwrap();
    desk.fetched(&[Honest(reviews())], &[]);
    assert_eq!(std::fs::read(desk.path("precious")).unwrap(), b"mine");
    assert!(!desk.path("cache/imdb.npz").is_symlink());

    let desk = Desk::new();
    std::fs::create_dir(desk.path("cache")).unwrap();
    std::fs::write(desk.path("cache/imdb.npz.part"), "P").unwrap();
    mkfifo(desk.path("cache/imdb.npz.part.json"));
    let server = Server::new([Honest(reviews())]);
    let told = ["imdb.npz.part.json: it is a folder, pipe or device"];
    desk.fails(1, &desk.fetch(&server.mirror(), ONCE), &told);

    let desk = Desk::new();
    std::fs::create_dir(desk.path("cache")).unwrap();
    for name in [".lock", "imdb.npz.part"] {
        mkfifo(desk.path("cache").join(name));
    }
    desk.fails(1, &desk.fetch("http://localhost/", ONCE), &[".lock: "]);
    std::fs::remove_file(desk.path("cache/.lock")).unwrap();
    desk.fetched(&[Honest(reviews())], &[]);
}

/// A file that cannot be the one that is asked for is not read to its end.
#[test]
fn what_is_too_long_is_passed_over_at_once() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("cache")).unwrap();
    let server = Server::new([Honest(reviews())]);
    let mirror = server.mirror();
    for name in ["imdb.npz", "imdb.npz.part"] {
        let file = std::fs::File::create(desk.path("cache").join(name)).unwrap();
        file.set_len(1 << 42).unwrap();
    }
    let total = 1_u64 << 42;
    let origin = format!(r#"{{"url":"{mirror}imdb.npz","validator":null,"total":{total}}}"#);
    std::fs::write(desk.path("cache/imdb.npz.part.json"), origin).unwrap();
    let (_, errors) = desk.ok(&desk.fetch(&mirror, &[]));
    let told = "passed over, it has 4398046511104 bytes, expected at most 268435456";
    assert!(errors.contains(told), "{errors}");
    assert_eq!(desk.cached(), [".lock", "imdb.npz", "imdb.safetensors"]);
    let sparse = std::fs::File::create(desk.path("work/sparse")).unwrap();
    sparse.set_len(1 << 42).unwrap();
    desk.fails(1, &["fetch", "--from", "sparse"], &["sparse: expected a file", "unknown format"]);
}
