//! The one door to the HTTP client: a request, its answer, and what the client's errors mean.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use ureq::http::response::Parts;
use ureq::http::{HeaderMap, Uri, header};
use ureq::typestate::WithoutBody;
use ureq::{Agent, Proxy, ProxyProtocol, RequestBuilder, Timeout};

use super::{Attempt, DownloadOptions, Failure, RemoteFile};
use crate::error::Error;

/// Redirects that are followed, one after the other.
const MAX_REDIRECTS: u32 = 5;
/// The most that the head of an answer may take.
const MAX_HEAD: usize = 64 << 10;
/// The most bytes of a body that are handed on at a time.
const BLOCK: usize = 64 << 10;
/// Where a proxy may be named.
const PROXY_VARIABLES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// Where a request goes on, and who vouches that the file is still the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resume {
    pub(super) from: u64,
    pub(super) validator: Option<String>,
}

impl Resume {
    /// Whether an answer's validator is that of another version: servers and caches may know ranges and not `If-Range`.
    pub(super) fn is_contradicted_by(&self, validator: Option<&str>) -> bool {
        let is_tag = |validator: &str| validator.starts_with('"');
        match (self.validator.as_deref(), validator) {
            // A tag and a date say nothing of each other.
            (Some(then), Some(now)) => is_tag(then) == is_tag(now) && then != now,
            _ => false,
        }
    }
}

/// Asks for one address.
pub(super) struct Client<'a> {
    agent: Agent,
    file: &'a RemoteFile,
    options: DownloadOptions,
}

/// The head of an answer, with its body to be read.
pub(super) struct Answer {
    pub(super) status: u16,
    /// How many bytes the body has, by its head.
    pub(super) length: Option<u64>,
    /// Whether the end of the body can be told from a cut.
    pub(super) is_delimited: bool,
    /// The part that a 206 sends.
    pub(super) range: Option<ContentRange>,
    /// What `If-Range` takes: a strong ETag, or else the date of the last change.
    pub(super) validator: Option<String>,
    pub(super) retry_after: Option<Duration>,
    body: Receiver<io::Result<Vec<u8>>>,
    stall_timeout: Duration,
}

/// `Content-Range: bytes FIRST-LAST/TOTAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) total: u64,
}

impl<'a> Client<'a> {
    /// A client that takes its proxy from the environment (`HTTPS_PROXY`, `NO_PROXY` and so on).
    pub(super) fn new(file: &'a RemoteFile, options: &DownloadOptions) -> Client<'a> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // No redirect leads from https to http.
            .https_only(file.url.starts_with("https://"))
            .user_agent(concat!("imdb-fast/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .max_redirects(MAX_REDIRECTS)
            .max_response_header_size(MAX_HEAD)
            // A connection that failed is of no further use, and one that did not is the last.
            .max_idle_connections(0)
            .timeout_resolve(Some(options.connect_timeout))
            .timeout_connect(Some(options.connect_timeout))
            .timeout_send_request(Some(options.stall_timeout))
            .timeout_recv_response(Some(options.stall_timeout))
            .timeout_per_read(Some(options.stall_timeout))
            .build();
        Client { agent: config.into(), file, options: options.clone() }
    }

    /// Asks for the file, or for its rest.
    ///
    /// The client's own timeouts begin anew with each byte, also with those that are no payload: in chunks' extensions, the body of
    /// a redirect, a proxy's head. So it works on a thread of its own, which is left to itself where nothing comes of it in time.
    pub(super) fn get(&self, resume: Option<&Resume>) -> Attempt<Answer> {
        self.check_proxy()?;
        let mut request = self.agent.get(&self.file.url);
        if let Some(Resume { from, validator }) = resume {
            request = request.header(header::RANGE, format!("bytes={from}-"));
            if let Some(validator) = validator {
                request = request.header(header::IF_RANGE, validator);
            }
        }
        let (answers, answer) = sync_channel(1);
        let (blocks, body) = sync_channel(1);
        let started = thread::Builder::new()
            .name("imdb-fast-fetch".to_owned())
            .spawn(move || receive(request, answers, blocks));
        started.map_err(|error| Error::no_threads(1, error))?;
        let DownloadOptions { connect_timeout, stall_timeout, .. } = self.options;
        // To find the host, to connect, and to wait for an answer, for each address on the way.
        let one = connect_timeout.saturating_mul(2).saturating_add(stall_timeout);
        let patience = one.saturating_mul(1 + MAX_REDIRECTS);
        let head = match answer.recv_timeout(patience) {
            Ok(Ok(head)) => head,
            Ok(Err(error)) => return Err(self.failure(&error)),
            Err(_) => {
                let problem = format!("no answer within {patience:?}, redirects included");
                return Err(Failure::passing(problem));
            }
        };
        let text = |name| text(&head.headers, name);
        let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let is_chunked =
            text(header::TRANSFER_ENCODING).is_some_and(|how| how.eq_ignore_ascii_case("chunked"));
        let seconds = text(header::RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        Ok(Answer {
            status: head.status.as_u16(),
            length,
            is_delimited: length.is_some() || is_chunked,
            range: text(header::CONTENT_RANGE).and_then(content_range),
            validator: validator(&head.headers),
            retry_after: seconds.map(Duration::from_secs),
            body,
            stall_timeout,
        })
    }

    /// Refuses to ask the host itself where the environment names a proxy that cannot be asked.
    fn check_proxy(&self) -> Attempt<()> {
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let set = PROXY_VARIABLES.into_iter().find(is_set);
        match set.filter(|_| self.agent.config().proxy().is_none() && !self.goes_direct()) {
            Some(name) => Err(Failure::lasting(
                format!("{name} names no proxy that can be asked"),
                "set it to http://HOST:PORT or socks5://HOST:PORT, or unset it",
            )),
            None => Ok(()),
        }
    }

    /// Whether the environment says that no proxy is to be asked for the host.
    fn goes_direct(&self) -> bool {
        let unasked =
            ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| std::env::var(name).ok());
        // Only of a proxy the client tells that.
        let any = Proxy::builder(ProxyProtocol::Http).host("localhost");
        let unasked = unasked.unwrap_or_default();
        let any = unasked.split(',').fold(any, |any, host| any.no_proxy(host.trim())).build();
        any.is_ok_and(|any| self.file.url.parse().is_ok_and(|url: Uri| any.is_no_proxy(&url)))
    }

    /// The proxy that is asked instead of the host, where there is one; without the name and password that it may want.
    fn by_proxy(&self) -> String {
        let is_used =
            |proxy: &&Proxy| self.file.url.parse().is_ok_and(|url: Uri| !proxy.is_no_proxy(&url));
        match self.agent.config().proxy().filter(is_used) {
            Some(proxy) => {
                let (host, port) = (proxy.host(), proxy.port());
                format!(" (by the proxy {host}:{port}, from HTTPS_PROXY or its like)")
            }
            None => String::new(),
        }
    }

    /// What an error before the body means.
    fn failure(&self, error: &ureq::Error) -> Failure {
        use ureq::Error as E;
        let DownloadOptions { connect_timeout, stall_timeout, .. } = &self.options;
        let by_hand = self.file.by_hand();
        let by_proxy = self.by_proxy();
        match error {
            E::Timeout(Timeout::Connect | Timeout::Resolve) => {
                Failure::passing(format!("no connection within {connect_timeout:?}{by_proxy}"))
            }
            E::Timeout(_) => Failure::passing(format!("no answer within {stall_timeout:?}")),
            E::HostNotFound => Failure::passing(format!("the host is not found{by_proxy}")),
            E::Io(error) if error.kind() == io::ErrorKind::InvalidData => Failure::lasting(
                format!("the server's identity cannot be verified ({error})"),
                format!("check the clock and any proxy, or {by_hand}"),
            ),
            E::Io(error) => Failure::passing(format!("the connection failed ({error}){by_proxy}")),
            E::Protocol(error) => Failure::passing(format!("the answer is no HTTP ({error})")),
            E::TooManyRedirects => Failure::lasting(
                format!("the server redirects more than {MAX_REDIRECTS} times"),
                format!("name another --mirror, or {by_hand}"),
            ),
            E::RequireHttpsOnly(to) => Failure::lasting(
                format!("the server redirects from https to {to}"),
                format!("name another --mirror, or {by_hand}"),
            ),
            E::ConnectProxyFailed(why) => Failure::lasting(
                format!("the proxy refuses to connect ({why})"),
                "check HTTPS_PROXY and NO_PROXY",
            ),
            other => Failure::lasting(other.to_string(), by_hand),
        }
    }
}

impl Answer {
    /// The next bytes of the body; none at its end.
    pub(super) fn read(&mut self) -> Attempt<Vec<u8>> {
        let silence = || format!("the server sent nothing in {:?}", self.stall_timeout);
        let error = match self.body.recv_timeout(self.stall_timeout) {
            Ok(Ok(block)) => return Ok(block),
            Ok(Err(error)) => error,
            Err(RecvTimeoutError::Timeout) => return Err(Failure::passing(silence())),
            Err(RecvTimeoutError::Disconnected) => io::ErrorKind::UnexpectedEof.into(),
        };
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<ureq::Error>());
        Err(Failure::passing(match cause {
            Some(ureq::Error::Timeout(_)) => silence(),
            _ if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the server cut the connection".to_owned()
            }
            _ => format!("the connection broke ({error})"),
        }))
    }
}

/// Sends on the head of an answer and the blocks of its body, the last of them empty, until nobody takes them any more.
fn receive(
    request: RequestBuilder<WithoutBody>,
    answers: SyncSender<Result<Parts, ureq::Error>>,
    blocks: SyncSender<io::Result<Vec<u8>>>,
) {
    let (head, body) = match request.call() {
        Ok(answer) => answer.into_parts(),
        Err(error) => {
            let _ = answers.send(Err(error));
            return;
        }
    };
    let mut body = body.into_reader();
    let mut is_heard = answers.send(Ok(head)).is_ok();
    while is_heard {
        let mut block = vec![0; BLOCK];
        let read = match body.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read,
        };
        let is_last = !matches!(read, Ok(1..));
        let block = read.map(|count| {
            block.truncate(count);
            block
        });
        is_heard = blocks.send(block).is_ok() && !is_last;
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn validator(headers: &HeaderMap) -> Option<String> {
    // A weak ETag promises the same meaning, not the same bytes.
    let etag = text(headers, header::ETAG).filter(|etag| etag.starts_with('"'));
    etag.or_else(|| text(headers, header::LAST_MODIFIED)).map(str::to_owned)
}

fn content_range(text: &str) -> Option<ContentRange> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let range = ContentRange {
        first: first.parse().ok()?,
        last: last.parse().ok()?,
        total: total.parse().ok()?,
    };
    (range.first <= range.last && range.last < range.total).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_whole_and_make_sense() {
        let expected = ContentRange { first: 5, last: 9, total: 10 };
        assert_eq!(content_range("bytes 5-9/10"), Some(expected));
        for wrong in ["", "bytes", "bytes */10", "bytes 5-9/*", "bytes 9-5/10", "bytes 5-10/10"] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
        assert_eq!(content_range("bytes 0-1/99999999999999999999999"), None);
    }

    #[test]
    fn a_tag_contradicts_another_tag_and_no_date() {
        let date = "Tue, 01 Nov 2011 00:00:00 GMT";
        for (then, now, expected) in [
            (Some("\"a\""), Some("\"b\""), true),
            (Some("\"a\""), Some("\"a\""), false),
            (Some("\"a\""), Some(date), false),
            (Some(date), Some("Wed, 02 Nov 2011 00:00:00 GMT"), true),
            (Some("\"a\""), None, false),
            (None, Some("\"a\""), false),
        ] {
            let resume = Resume { from: 1, validator: then.map(str::to_owned) };
            assert_eq!(resume.is_contradicted_by(now), expected, "{then:?}, {now:?}");
        }
    }

    #[test]
    fn weak_tags_vouch_for_nothing() {
        let mut headers = HeaderMap::new();
        assert_eq!(validator(&headers), None);
        headers.insert(header::ETAG, "W/\"a\"".parse().unwrap());
        assert_eq!(validator(&headers), None);
        headers.insert(header::LAST_MODIFIED, "Tue, 01 Nov 2011 00:00:00 GMT".parse().unwrap());
        assert!(validator(&headers).unwrap().starts_with("Tue"));
        headers.insert(header::ETAG, "\"a\"".parse().unwrap());
        assert_eq!(validator(&headers).unwrap(), "\"a\"");
    }
}
