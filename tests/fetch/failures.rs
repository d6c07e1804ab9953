//! Servers that stall, lie, refuse, lead astray or go away.

use crate::desk::{Desk, sha256, texts};
use crate::server::{Page, Reply, Reply::*, Server};
use crate::{CUT, ONCE, damaged, page, reviews};

#[test]
fn a_stall_ends_and_is_resumed() {
    // More replies than needed: a busy machine may seem to stall, too.
    let honest = [Honest(reviews()), Honest(reviews()), Honest(reviews())];
    let script = [&[Stall(reviews(), CUT)], &honest[..]].concat();
    let server = Server::new(script);
    let (desk, mirror) = (Desk::new(), server.mirror());
    let arguments = desk.fetch(&mirror, &["--stall-timeout", "2"]);
    let (_, errors) = desk.ok(&arguments);
    assert!(errors.contains("the server sent nothing in 2s, at 20000 of 38741"), "{errors}");
    println!("{errors}");
}

#[test]
fn a_server_that_only_stalls_is_given_up() {
    // Time enough for the head of each answer.
    let impatient = ["--retries", "1", "--stall-timeout", "1"];
    let parts = ["sent nothing in 1s", "(tried 2 times); run the command again, and it goes on"];
    let script = [Stall(reviews(), CUT), Stall(reviews(), 5)];
    let server = Server::new(script.to_vec());
    let (desk, mirror) = (Desk::new(), server.mirror());
    let arguments = desk.fetch(&mirror, &impatient);
    desk.fails(1, &arguments, &parts);
    assert!(!desk.path("cache/imdb.npz").exists());
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let impatient = ["--retries", "1", "--stall-timeout", "0.1"];
    let told = ["no answer within 100ms (tried 2 times); try again later"];
    Desk::new().refused(&[Silence, Silence], &impatient, &told);
}

#[test]
fn a_trickle_is_a_stall() {
    // On a busy machine the trickle may pause for so long that it is a stall by itself.
    let told = ["in 300ms"];
    let (desk, server) = (Desk::new(), Server::new([Trickle(reviews())]));
    let mirror = server.mirror();
    let arguments = desk.fetch(&mirror, &["--retries", "0", "--stall-timeout", "0.3"]);
    desk.fails(1, &arguments, &told);
}

/// Bytes that are no payload are no progress.
#[test]
fn what_drips_beside_the_payload_is_a_stall() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a";
    const TRAILERS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    const REDIRECT: &str =
        "HTTP/1.1 302 X\r\nLocation: /elsewhere\r\nContent-Length: 9999999999999\r\n\r\n";
    let impatient = ["--retries", "0", "--stall-timeout", "0.3", "--connect-timeout", "0.3"];
    // The whole fetch has 5.4 s; on a machine that pauses, the 0.3 s of a single answer may end it before.
    for (beginning, drop, told) in [
        (CHUNKED, "x", "in 300ms"),
        (TRAILERS, "X: y\r\n", "in 300ms"),
        (REDIRECT, "x", "no answer within "),
    ] {
        Desk::new().refused(&[Drips(beginning, drop)], &impatient, &[told]);
    }
    let (desk, server) = (Desk::new(), Server::new([Drips("HTTP/1.1 200 OK\r\nA: x", "x")]));
    let fetch = [&["fetch", "--mirror", "https://reviews.invalid"], &impatient[..]].concat();
    let mut command = desk.command(env!("CARGO_BIN_EXE_imdb-fast"), &fetch);
    let output = command.env("HTTPS_PROXY", format!("http://{}", server.address)).output().unwrap();
    let (_, errors) = texts(&output);
    let told = ["no answer within ", "no connection within "];
    assert!(told.iter().any(|told| errors.contains(told)), "{errors}");
}

#[test]
fn a_length_that_is_too_large_is_noticed() {
    let length = reviews().bytes.len();
    // The rest does not exist (416), and the file is fetched again.
    let script = [Claims(reviews(), length + 9), Honest(reviews()), Honest(reviews())];
    let (_, errors) = Desk::new().fetched(&script, &[]);
    assert!(errors.contains("shorter than what is here of it"), "{errors}");
    let told = ["cut the connection, at 38741 of 38750 bytes"];
    Desk::new().refused(&[Claims(reviews(), length + 9)], ONCE, &told);
}

#[test]
fn a_length_that_is_too_small_is_noticed() {
    let length = reviews().bytes.len();
    let told = ["the file's SHA-256 is ", "try again later, name another --mirror"];
    let desk = Desk::new();
    desk.refused(&[Claims(reviews(), length - 9)], &[], &told);
    assert_eq!(desk.cached(), [".lock"]);
}

#[test]
fn a_length_beyond_all_bounds_is_refused_at_once() {
    let told = ["the file there has 1000000000000 bytes, expected at most 268435456"];
    Desk::new().refused(&[Claims(reviews(), 1_000_000_000_000)], &[], &told);
}

#[test]
fn wrong_bytes_are_refused() {
    let desk = Desk::new();
    let (found, expected) = (sha256(&damaged().bytes), sha256(&reviews().bytes));
    let told = format!("the file's SHA-256 is {found}, expected {expected}; try again later");
    desk.refused(&[Honest(damaged())], &[], &[&told]);
    assert_eq!(desk.cached(), [".lock"]);
}

#[test]
fn the_official_archive_has_one_size_and_one_hash() {
    for (reply, told) in [
        (Honest(reviews()), "the file there has 38741 bytes, expected 17464789; try again later"),
        (Endless, "the server sends more than 17464789 bytes"),
        (Lengthless(reviews()), "the server ended too early, at 38741 of 17464789 bytes"),
        (
            Claims(Page { bytes: vec![0; 17_464_789], etag: None }, 17_464_789),
            "expected 69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
        ),
    ] {
        let (desk, server) = (Desk::new(), Server::new([reply]));
        desk.fails(1, &["fetch", "--retries", "0", "--mirror", &server.mirror()], &[told]);
        assert!(!desk.path("cache/imdb.npz").exists());
    }
}

#[test]
fn an_end_that_may_be_a_cut_needs_a_hash() {
    let desk = Desk::new();
    let server = Server::new([Lengthless(page("data/sample_acl.tar.gz"))]);
    let told = "does not say where the file ends, so a cut would pass; download it by other means";
    let told = [told, " and name the file with --from"];
    desk.fails(1, &["fetch", "stanford", "--mirror", &server.mirror()], &told);
    Desk::new().fetched(&[Lengthless(reviews())], &[]);
}

#[test]
fn statuses_are_retried_where_that_helps() {
    let script =
        [Status(500, ""), Status(503, "Retry-After: 0\r\n"), Status(429, ""), Honest(reviews())];
    let (_, errors) = Desk::new().fetched(&script, &[]);
    assert!(errors.contains("the server answers with status 503; trying again in 2ms"), "{errors}");
    let told = ["the server answers with status 500 (tried 3 times); try again later"];
    Desk::new().refused(
        &[Status(500, ""), Status(500, ""), Status(500, "")],
        &["--retries", "2"],
        &told,
    );
    let told = ["the server has no such file (status 404); check the address of the --mirror"];
    Desk::new().refused(&[Status(404, "")], &[], &told);
    Desk::new().refused(
        &[Status(403, "")],
        &[],
        &["refuses the file (status 403); check HTTPS_PROXY"],
    );
    Desk::new().refused(&[Status(206, "")], &[], &["the server answers with status 206"]);
    Desk::new().refused(&[Garbage], ONCE, &["the answer is no HTTP"]);
}

#[test]
fn the_word_index_has_an_option_of_its_own() {
    let sample = sha256(&reviews().bytes);
    for reply in [Lengthless(page("data/sample_word_index.json")), Status(403, ""), Status(500, "")]
    {
        let (desk, server) = (Desk::new(), Server::new([Honest(reviews()), reply]));
        let mirror = server.mirror();
        let fetch = ["fetch", "--mirror", &mirror, "--sha256", &sample, "--retries", "0"];
        let told = ["imdb_word_index.json: ", "and name the file with --word-index"];
        let errors = desk.fails(1, &fetch, &told);
        assert!(!errors.contains("--from") && !errors.contains("--sha256"), "{errors}");
    }
}

#[test]
fn redirects_are_followed_up_to_a_bound() {
    let there = || Status(302, "Location: /elsewhere\r\n");
    let script = [there(), Status(307, "Location: /files/imdb.npz\r\n"), Honest(reviews())];
    let (requests, _) = Desk::new().fetched(&script, &[]);
    assert!(requests[1].starts_with("get /elsewhere "), "{requests:?}");
    let endless: Vec<Reply> = (0..6).map(|_| there()).collect();
    Desk::new().refused(&endless, &[], &["the server redirects more than 5 times"]);
}

#[test]
fn a_server_that_is_gone_is_an_error() {
    // The script ends, and the server with it.
    let told = ["the connection failed (", "(tried 3 times); run the command again"];
    Desk::new().refused(&[Cut(reviews(), CUT)], &["--retries", "2"], &told);
}

#[test]
fn the_proxy_of_the_environment_is_asked() {
    let (desk, server) = (Desk::new(), Server::new([Status(403, "")]));
    let arguments = ["fetch", "--retries", "0", "--mirror", "https://reviews.invalid"];
    let mut command = desk.command(env!("CARGO_BIN_EXE_imdb-fast"), &arguments);
    let output = command.env("HTTPS_PROXY", format!("http://{}", server.address)).output().unwrap();
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("the proxy refuses to connect") && errors.contains("check HTTPS_PROXY"),
        "{errors}"
    );
    assert!(server.requests()[0].starts_with("connect reviews.invalid:443 "));
}

#[test]
fn a_proxy_that_is_gone_is_named_without_its_password() {
    let desk = Desk::new();
    let arguments = ["fetch", "--retries", "0", "--mirror", "https://reviews.invalid"];
    // Nobody listens at port 9, "discard".
    for (unasked, is_named) in [("", true), ("reviews.invalid", false)] {
        let mut command = desk.command(env!("CARGO_BIN_EXE_imdb-fast"), &arguments);
        command.env("HTTPS_PROXY", "http://me:secret@127.0.0.1:9").env("NO_PROXY", unasked);
        let (_, errors) = texts(&command.output().unwrap());
        let named = "(by the proxy 127.0.0.1:9, from HTTPS_PROXY";
        assert_eq!(errors.contains(named), is_named, "{errors}");
        assert!(!errors.contains("secret"), "{errors}");
    }
}

/// Who names a proxy wants nothing to go by another way.
#[test]
fn a_proxy_that_cannot_be_asked_is_not_passed_by() {
    let unusable = "ALL_PROXY names no proxy that can be asked; set it to http://HOST:PORT";
    for (proxy, unasked, told) in [
        ("socks5://127.0.0.1:9", "", "(by the proxy 127.0.0.1:9, from HTTPS_PROXY"),
        ("no proxy", "", unusable),
        ("ftp://127.0.0.1", "example.org", unusable),
        ("ftp://127.0.0.1", "example.org, 127.0.0.1", ""),
    ] {
        let (desk, server) = (Desk::new(), Server::new([Honest(reviews())]));
        let mirror = server.mirror();
        let fetch = ["fetch", "--retries", "0", "--mirror", &mirror];
        let mut command = desk.command(env!("CARGO_BIN_EXE_imdb-fast"), &fetch);
        command.env("ALL_PROXY", proxy).env("NO_PROXY", unasked);
        let (_, errors) = texts(&command.output().unwrap());
        assert!(errors.contains(told), "{proxy}: {errors}");
        assert_eq!(server.requests().len(), usize::from(told.is_empty()), "{proxy}: {errors}");
    }
}

#[test]
fn the_password_of_a_mirror_is_kept_nowhere() {
    let (desk, server) = (Desk::new(), Server::new([Cut(reviews(), CUT)]));
    let mirror = server.mirror().replace("http://", "http://me:secret@");
    let arguments = desk.fetch(&mirror, ONCE);
    let errors = desk.fails(1, &arguments, &[&format!("http://{}/files/imdb.npz", server.address)]);
    assert!(!errors.contains("secret"), "{errors}");
    let origin = std::fs::read_to_string(desk.path("cache/imdb.npz.part.json")).unwrap();
    assert!(!origin.contains("secret"), "{origin}");
}
