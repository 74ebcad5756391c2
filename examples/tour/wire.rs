//! HTTP/1.1 on one connection, both sides of it. `httparse` knows the grammar.
//!
//! What is left out: chunked bodies (we send none and ask for none), bodies of
//! requests (a GET has none; a request with one is refused).

use bowerbird::{net::TcpStream, time::timeout};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{io, str, time::Duration};

/// The largest head of a request or response, in bytes.
pub(crate) const HEAD_MAX: usize = 16 * 1024;

/// The largest body the client takes, in bytes.
const BODY_MAX: usize = 64 * 1024 * 1024;

const HEADERS_MAX: usize = 64;

/// How long the other side may take to read what one call sends.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection, and what was read of the next message.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The head of a request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) keep_alive: bool,
}

/// A request the server does not serve: what it answers.
#[derive(Debug)]
pub(crate) enum Refused {
    /// With this status, then the connection ends.
    Status(u16),
    /// The connection broke.
    Broken(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// What the client got.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// Of the body that there is, or would be to a GET.
    pub(crate) length: usize,
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) keep_alive: bool,
}

/// What the server says before the body.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) status: u16,
    pub(crate) content_type: &'a str,
    pub(crate) length: u64,
    pub(crate) location: Option<&'a str>,
    pub(crate) keep_alive: bool,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // A request is one packet: nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: Vec::new() }
    }

    /// Waits for the first byte of the next message; false at the end of the
    /// connection.
    ///
    /// # Cancel safety
    ///
    /// Strict: what was read stays in the buffer.
    pub(crate) async fn begun(&mut self) -> io::Result<bool> {
        Ok(!self.buffer.is_empty() || self.read_more().await? > 0)
    }

    /// The next request, once it has [`begun`](Self::begun).
    pub(crate) async fn request(&mut self) -> Result<Request, Refused> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut parsed = httparse::Request::new(&mut headers);
            match parsed.parse(&self.buffer) {
                Ok(httparse::Status::Complete(length)) => {
                    let request = Request::read(&parsed)?;
                    self.buffer.drain(..length);
                    return Ok(request);
                }
                Ok(httparse::Status::Partial) if self.buffer.len() >= HEAD_MAX => {
                    return Err(Refused::Status(431));
                }
                Ok(httparse::Status::Partial) => (),
                Err(httparse::Error::TooManyHeaders) => return Err(Refused::Status(431)),
                Err(_) => return Err(Refused::Status(400)),
            }
            if self.read_more().await? == 0 {
                return Err(Refused::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Sends the head of a response, and a body that is at hand.
    pub(crate) async fn respond(&mut self, head: &Head<'_>, body: &[u8]) -> io::Result<()> {
        let mut message = head.text().into_bytes();
        message.extend_from_slice(body);
        self.send(&message).await
    }

    /// Sends more of a body.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes)).await?
    }

    /// Sends a request and reads the response.
    pub(crate) async fn exchange(&mut self, method: &str, target: &str) -> io::Result<Response> {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: tour\r\n\r\n");
        self.send(request.as_bytes()).await?;
        let mut response = self.response_head().await?;
        if method != "HEAD" {
            while self.buffer.len() < response.length {
                self.read_on().await?;
            }
            let rest = self.buffer.split_off(response.length);
            response.body = std::mem::replace(&mut self.buffer, rest);
        }
        Ok(response)
    }

    async fn response_head(&mut self) -> io::Result<Response> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut parsed = httparse::Response::new(&mut headers);
            match parsed.parse(&self.buffer).map_err(invalid)? {
                httparse::Status::Complete(length) => {
                    let response = Response::read(&parsed)?;
                    self.buffer.drain(..length);
                    return Ok(response);
                }
                httparse::Status::Partial if self.buffer.len() >= HEAD_MAX => {
                    return Err(invalid("the head of the response is too large"));
                }
                httparse::Status::Partial => self.read_on().await?,
            }
        }
    }

    /// Reads something: the end of the connection is an error here.
    async fn read_on(&mut self) -> io::Result<()> {
        match self.read_more().await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk).await?;
        self.buffer.extend_from_slice(&chunk[..count]);
        Ok(count)
    }
}

impl Request {
    fn read(parsed: &httparse::Request<'_, '_>) -> Result<Self, Refused> {
        let (Some(method), Some(target), Some(version)) =
            (parsed.method, parsed.path, parsed.version)
        else {
            return Err(Refused::Status(400));
        };
        let tells_of_body = |header: &httparse::Header<'_>| {
            let is_empty = header.value.trim_ascii() == b"0";
            header.name.eq_ignore_ascii_case("transfer-encoding")
                || (header.name.eq_ignore_ascii_case("content-length") && !is_empty)
        };
        if parsed.headers.iter().any(tells_of_body) {
            return Err(Refused::Status(413));
        }
        let keep_alive = keeps_alive(parsed.headers, version);
        Ok(Self { method: method.to_owned(), target: target.to_owned(), keep_alive })
    }
}

impl Response {
    fn read(parsed: &httparse::Response<'_, '_>) -> io::Result<Self> {
        let length = header(parsed.headers, "content-length").and_then(|it| it.parse().ok());
        let length: usize = length.ok_or_else(|| invalid("a response without a length"))?;
        if length > BODY_MAX {
            return Err(invalid(format!("a body of {length} bytes, at most {BODY_MAX} are taken")));
        }
        Ok(Self {
            status: parsed.code.ok_or_else(|| invalid("a response without a status"))?,
            content_type: header(parsed.headers, "content-type").unwrap_or_default().to_owned(),
            length,
            location: header(parsed.headers, "location").map(str::to_owned),
            body: Vec::new(),
            keep_alive: keeps_alive(parsed.headers, parsed.version.unwrap_or(0)),
        })
    }
}

impl Head<'_> {
    fn text(&self) -> String {
        let location = self.location.map(|it| format!("Location: {it}\r\n")).unwrap_or_default();
        let connection = if self.keep_alive { "" } else { "Connection: close\r\n" };
        format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{location}{connection}\r\n",
            self.status,
            reason(self.status),
            self.content_type,
            self.length,
        )
    }
}

/// What a status is called (RFC 9110, section 15).
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        _ => "Unknown",
    }
}

fn keeps_alive(headers: &[httparse::Header<'_>], version: u8) -> bool {
    let connection = header(headers, "connection").unwrap_or_default();
    match version {
        0 => connection.eq_ignore_ascii_case("keep-alive"),
        _ => !connection.eq_ignore_ascii_case("close"),
    }
}

fn header<'a>(headers: &'a [httparse::Header<'_>], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    str::from_utf8(found.value).ok().map(str::trim)
}

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
