//! `imdb-fast fetch` against a server on the loopback that does what servers do on bad days.

mod common;

use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use common::{names, repository};
use imdb_fast::fetch::{Digest, FolderLock};
use tempfile::TempDir;

/// What a server has: bytes, and the tag by which it knows this version.
#[derive(Clone)]
struct Page {
    bytes: Vec<u8>,
    etag: Option<&'static str>,
}

/// What a connection gets.
#[derive(Clone)]
enum Reply {
    /// The file, or the part that is asked for, as RFC 9110 has it.
    Honest(Page),
    /// The file from its start, whatever is asked for.
    IgnoresRange(Page),
    /// As `Honest`, but the connection ends after so many bytes of the body.
    Cut(Page, usize),
    /// The file, a byte now and then.
    Trickle(Page),
    /// As `Honest`, but nothing follows those bytes until the client goes.
    Stall(Page, usize),
    /// The file, with a length in the head that is not its own.
    Claims(Page, usize),
    /// The file with no length at all: its end is the end of the connection.
    Lengthless(Page),
    /// Bytes without end or length.
    Endless,
    /// Nothing until the client goes.
    Silence,
    /// A 206 with another part than the one asked for.
    OtherPart(Page),
    /// A status and lines of the head.
    Status(u16, &'static str),
    /// No HTTP.
    Garbage,
}
use Reply::*;

/// A server that answers its connections one after the other by a script, and is gone at its end.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn new(script: impl Into<Vec<Reply>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (log, over, script) = (requests.clone(), is_over.clone(), script.into());
        let thread = std::thread::spawn(move || {
            for reply in script {
                let Ok((mut stream, _)) = listener.accept() else { return };
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let request = head(&mut stream);
                log.lock().unwrap().push(request.clone());
                // A client may go in the middle: that is its right, and some tests' point.
                let _ = answer(&mut stream, &request, reply);
            }
        });
        Server { address, requests, is_over, thread: Some(thread) }
    }

    fn mirror(&self) -> String {
        format!("http://{}/files/", self.address)
    }

    /// The requests so far, in lower case.
    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread where it waits for a connection.
        drop(TcpStream::connect(&self.address));
        let result = self.thread.take().unwrap().join();
        assert!(result.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

/// The value of a line of a request's head.
fn field<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn answer(stream: &mut TcpStream, request: &str, reply: Reply) -> std::io::Result<()> {
    match reply {
        Honest(page) => page.send(stream, request, usize::MAX),
        Cut(page, bytes) => page.send(stream, request, bytes),
        Stall(page, bytes) => {
            page.send(stream, request, bytes)?;
            stream.read_exact(&mut [0])
        }
        Trickle(Page { bytes, .. }) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
            stream.write_all(head.as_bytes())?;
            bytes.chunks(1).try_for_each(|byte| {
                std::thread::sleep(Duration::from_millis(5));
                stream.write_all(byte)
            })
        }
        IgnoresRange(page) => page.send(stream, "", usize::MAX),
        Claims(Page { bytes, .. }, length) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            stream.write_all(&bytes)
        }
        Lengthless(Page { bytes, .. }) => {
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n")?;
            stream.write_all(&bytes)
        }
        Endless => {
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 1 << 16])?;
            }
        }
        OtherPart(Page { bytes, .. }) => {
            let (last, total) = (bytes.len() - 2, bytes.len());
            let range = format!("Content-Range: bytes 1-{last}/{total}\r\nContent-Length: {last}");
            stream.write_all(format!("HTTP/1.1 206 Part\r\n{range}\r\n\r\n").as_bytes())?;
            stream.write_all(&bytes[1..=last])
        }
        Silence => stream.read_exact(&mut [0]),
        Status(status, lines) => {
            let head = format!("HTTP/1.1 {status} X\r\n{lines}Content-Length: 0\r\n");
            stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())
        }
        Garbage => stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    }
}

impl Page {
    /// Sends the file or the part asked for, but no more than `limit` bytes of it.
    fn send(&self, stream: &mut TcpStream, request: &str, limit: usize) -> std::io::Result<()> {
        let is_same = field(request, "if-range").is_none_or(|tag| Some(tag) == self.etag);
        let from = field(request, "range").filter(|_| is_same);
        let from = from.map(|range| range["bytes=".len()..range.len() - 1].parse().unwrap());
        let total = self.bytes.len();
        let etag = self.etag.map_or(String::new(), |etag| format!("ETag: {etag}\r\n"));
        let (status, start) = match from {
            Some(from) if from >= total => {
                let head = "HTTP/1.1 416 Range\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                return stream.write_all(head.as_bytes());
            }
            Some(from) => {
                let last = total - 1;
                (format!("206 Part\r\nContent-Range: bytes {from}-{last}/{total}"), from)
            }
            None => ("200 OK".to_owned(), 0),
        };
        let length = total - start;
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{etag}\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.bytes[start..][..limit.min(length)])?;
        stream.flush()
    }
}

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

fn sha256(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Digest::of_file(file.path()).unwrap().to_string()
}

/// A user with a home, a cache and a working folder, no proxy and little time.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        for folder in ["home", "work"] {
            std::fs::create_dir(desk.path(folder)).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, program: &str, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path("work"));
        for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.env_remove("KERAS_HOME").env("HOME", self.path("home"));
        command.env("USERPROFILE", self.path("home"));
        command.env("IMDB_FAST_CACHE", self.path("cache"));
        command
    }

    fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Output {
        self.command(env!("CARGO_BIN_EXE_imdb-fast"), arguments).output().unwrap()
    }

    /// Runs and returns stdout and stderr.
    fn ok(&self, arguments: &[impl AsRef<OsStr> + Debug]) -> (String, String) {
        let output = self.run(arguments);
        let (out, errors) = texts(&output);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        (out, errors)
    }

    /// Expects an exit code, a last line of error with all `parts`, and nothing on stdout. Returns stderr.
    fn fails(&self, code: i32, arguments: &[impl AsRef<OsStr> + Debug], parts: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert_eq!(out, "", "{arguments:?}");
        for part in parts {
            assert!(errors.contains(part), "{arguments:?}: no {part:?} in {errors}");
        }
        // Shown by `cargo test -- --nocapture`: what a user sees of each failure.
        println!("{errors}");
        errors
    }

    /// The arguments of a fetch of the sample from a server, with more of them.
    fn fetch<'a>(&self, mirror: &'a str, more: &[&'a str]) -> Vec<String> {
        let index = repository("data/sample_word_index.json");
        let sample = sha256(&reviews().bytes);
        let start = ["fetch", "--mirror", mirror, "--retry-delay", "0.001", "--sha256", &sample];
        let index = ["--word-index", index.to_str().unwrap()];
        start.iter().chain(&index).chain(more).map(|&word| word.to_owned()).collect()
    }

    /// Fetches the sample by a script that leads to success in as many requests. Returns them and stderr.
    fn fetched(&self, script: &[Reply], more: &[&str]) -> (Vec<String>, String) {
        let server = Server::new(script);
        let mirror = server.mirror();
        let arguments = self.fetch(&mirror, more);
        let (_, errors) = self.ok(&arguments);
        println!("{errors}");
        assert_eq!(std::fs::read(self.path("cache/imdb.npz")).unwrap(), reviews().bytes);
        assert_eq!(self.cached(), [".lock", "imdb.npz", "imdb.safetensors"]);
        let requests = server.requests();
        assert_eq!(requests.len(), script.len(), "{requests:?}");
        (requests, errors)
    }

    /// Expects that a fetch of the sample fails after the whole script, with all `parts` in the error.
    fn refused(&self, script: &[Reply], more: &[&str], parts: &[&str]) {
        let server = Server::new(script);
        let mirror = server.mirror();
        let arguments = self.fetch(&mirror, more);
        let url = format!("error: http://{}/files/imdb.npz: ", server.address);
        self.fails(1, &arguments, &[&[url.as_str()], parts].concat());
        assert_eq!(server.requests().len(), script.len(), "{:?}", server.requests());
        assert!(
            !self.path("cache/imdb.npz").exists() && !self.path("cache/imdb.safetensors").exists()
        );
    }

    fn cached(&self) -> Vec<String> {
        names(&self.path("cache"))
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// No retries.
const ONCE: &[&str] = &["--retries", "0"];
/// Where the whole file is needed and no time is to be waited for.
const CUT: usize = 20_000;

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
fn a_stall_ends_and_is_resumed() {
    let script = [Stall(reviews(), CUT), Honest(reviews())];
    let server = Server::new(script.to_vec());
    let (desk, mirror) = (Desk::new(), server.mirror());
    // More retries than needed: a busy machine may seem to stall, too.
    let arguments = desk.fetch(&mirror, &["--stall-timeout", "0.3"]);
    let (_, errors) = desk.ok(&arguments);
    assert!(errors.contains("the server sent nothing in 300ms, at 20000 of 38741"), "{errors}");
    println!("{errors}");
}

#[test]
fn a_server_that_only_stalls_is_given_up() {
    let impatient = ["--retries", "1", "--stall-timeout", "0.1"];
    let parts = ["sent nothing in 100ms", "(tried 2 times); run the command again, and it goes on"];
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
    let told = ["the server sent ", " in 300ms"];
    let (desk, server) = (Desk::new(), Server::new([Trickle(reviews())]));
    let mirror = server.mirror();
    let arguments = desk.fetch(&mirror, &["--retries", "0", "--stall-timeout", "0.3"]);
    desk.fails(1, &arguments, &told);
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
    let told =
        ["does not say where the file ends, so a cut would pass; name its hash with --sha256"];
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
    desk.fails(1, &["fetch", "--from", "none.npz"], &["cannot open none.npz"]);
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
fn the_raw_archive_is_kept_as_it_came() {
    let (desk, archive) = (Desk::new(), page("data/sample_acl.tar.gz"));
    let server = Server::new([Honest(archive.clone())]);
    let (_, errors) = texts(&desk.run(&["fetch", "stanford", "--mirror", &server.mirror()]));
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
        (&["fetch", "mnist"], "[possible values: keras, stanford]"),
        (&["fetch", "--from", "a", "--mirror", "http://a.example"], "cannot be used with"),
    ] {
        desk.fails(2, arguments, &[told]);
    }
    assert!(!desk.path("cache").exists());
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
