//! A server on the loopback that does what servers do on bad days.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use Reply::*;

/// What a server has: bytes, and the tag by which it knows this version.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) bytes: Vec<u8>,
    pub(crate) etag: Option<&'static str>,
}

/// What a connection gets.
#[derive(Clone)]
pub(crate) enum Reply {
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
    /// A beginning, and then the same again and again until the client goes.
    Drips(&'static str, &'static str),
    /// A 206 with another part than the one asked for.
    OtherPart(Page),
    /// The part that is asked for, whatever `If-Range` says.
    IgnoresTag(Page),
    /// A status and lines of the head.
    Status(u16, &'static str),
    /// No HTTP.
    Garbage,
}

/// A server that answers its connections one after the other by a script, and is gone at its end.
pub(crate) struct Server {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(script: impl Into<Vec<Reply>>) -> Server {
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

    pub(crate) fn mirror(&self) -> String {
        format!("http://{}/files/", self.address)
    }

    /// The requests so far, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits for so many requests: who asks may be gone before the server has come to it. Expects no more.
    pub(crate) fn wait_for_requests(&self, count: usize) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.requests().len() < count && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(self.requests().len(), count, "{:?}", self.requests());
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
pub(crate) fn field<'a>(request: &'a str, name: &str) -> Option<&'a str> {
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
        IgnoresTag(page) => page.send(stream, &request.replace("if-range", "x"), usize::MAX),
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
        Drips(beginning, drop) => {
            stream.write_all(beginning.as_bytes())?;
            loop {
                std::thread::sleep(Duration::from_millis(5));
                stream.write_all(drop.as_bytes())?;
            }
        }
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
