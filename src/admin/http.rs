//! Requests as far as they matter here, and answers to them.
//!
//! Whatever a client sends becomes a request, the wish for more bytes, or the status that refuses it. Nothing is kept
//! between two calls, and no more is looked at than a bounded number of bytes.

#![forbid(unsafe_code)]

use std::fmt::Write;

/// As much of a head, and as much of a body, as is read.
pub const LONGEST_HEAD: usize = 8 << 10;
pub const LONGEST_BODY: usize = 4 << 10;
const LONGEST_TARGET: usize = 2 << 10;
const MOST_HEADERS: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Other,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    pub method: Method,
    /// Without the query.
    pub path: &'a str,
    pub host: Option<&'a str>,
    pub origin: Option<&'a str>,
    pub fetch_site: Option<&'a str>,
    pub authorization: Option<&'a str>,
    pub accept: Option<&'a str>,
    pub is_json: bool,
    pub body: &'a [u8],
    /// Whether the connection is to end with the answer.
    pub closes: bool,
}

/// What bytes turn out to be.
#[derive(Debug)]
pub enum Read<'a> {
    /// A request, and how many bytes it took.
    Request(Request<'a>, usize),
    More,
    /// What is no request, or too long a one, with the status that says so.
    Bad(u16),
}

pub fn read(bytes: &[u8]) -> Read<'_> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(&bytes[..bytes.len().min(LONGEST_HEAD)]) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < LONGEST_HEAD => return Read::More,
        Ok(httparse::Status::Partial) => return Read::Bad(if parsed.path.is_none() { 414 } else { 431 }),
        Err(httparse::Error::TooManyHeaders) => return Read::Bad(431),
        Err(_) => return Read::Bad(400),
    };
    let target = parsed.path.unwrap_or_default();
    if target.len() > LONGEST_TARGET {
        return Read::Bad(414);
    }
    let mut request = Request {
        method: match parsed.method.unwrap_or_default() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            _ => Method::Other,
        },
        path: target.split('?').next().unwrap_or_default(),
        closes: parsed.version == Some(0),
        ..Request::default()
    };
    match take_headers(&mut request, parsed.headers) {
        Err(status) => Read::Bad(status),
        Ok(length) if bytes.len() < head + length => Read::More,
        Ok(length) => {
            request.body = &bytes[head..head + length];
            Read::Request(request, head + length)
        }
    }
}

/// Takes what matters of the headers. Gives the length of the body.
fn take_headers<'a>(request: &mut Request<'a>, headers: &[httparse::Header<'a>]) -> Result<usize, u16> {
    let mut length = None;
    for header in headers {
        let value = std::str::from_utf8(header.value).map_err(|_| 400u16)?.trim();
        let name = header.name;
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("host") {
            // Two of them would let one be checked and the other be meant.
            if request.host.replace(value).is_some() {
                return Err(400);
            }
        } else if is("origin") {
            request.origin = Some(value);
        } else if is("sec-fetch-site") {
            request.fetch_site = Some(value);
        } else if is("authorization") {
            request.authorization = Some(value);
        } else if is("accept") {
            request.accept = Some(value);
        } else if is("content-type") {
            let kind = value.split(';').next().unwrap_or_default().trim();
            request.is_json = kind.eq_ignore_ascii_case("application/json");
        } else if is("connection") {
            request.closes |= value.eq_ignore_ascii_case("close");
        } else if is("transfer-encoding") {
            return Err(411);
        } else if is("content-length") {
            let told: usize = value.parse().map_err(|_| 400u16)?;
            if length.replace(told).is_some_and(|before| before != told) {
                return Err(400);
            }
        }
    }
    let length = length.unwrap_or(0);
    if length > LONGEST_BODY {
        Err(413)
    } else {
        Ok(length)
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub kind: &'static str,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            kind: "application/json",
            body: body.into(),
        }
    }

    /// A refusal in words.
    pub fn error(status: u16, text: &str) -> Self {
        let body = serde_json::json!({ "error": text });
        Self::json(status, body.to_string())
    }

    /// The bytes of the answer; for a `HEAD` request without its body.
    pub fn bytes(&self, with_body: bool, closes: bool) -> Vec<u8> {
        let mut head = String::with_capacity(640);
        // Writing to a string does not fail.
        let _ = write!(
            head,
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{HEADERS}",
            self.status,
            reason(self.status),
            self.kind,
            self.body.len()
        );
        match self.status {
            401 => head.push_str("WWW-Authenticate: Bearer\r\n"),
            405 => head.push_str("Allow: GET, HEAD, POST\r\n"),
            _ => {}
        }
        head.push_str(if closes {
            "Connection: close\r\n\r\n"
        } else {
            "Connection: keep-alive\r\n\r\n"
        });
        let mut bytes = head.into_bytes();
        if with_body {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

const HEADERS: &str = "Cache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n\
    Cross-Origin-Opener-Policy: same-origin\r\n\
    Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(bytes: &[u8]) -> Option<u16> {
        match read(bytes) {
            Read::Bad(status) => Some(status),
            _ => None,
        }
    }

    #[test]
    fn a_request_is_read_when_all_of_it_is_there() {
        let whole = b"POST /actions/kill?x=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}GET";
        for length in 0..whole.len() - 3 {
            assert!(matches!(read(&whole[..length]), Read::More), "{length}");
        }
        let Read::Request(request, length) = read(whole) else {
            panic!("a request")
        };
        assert_eq!(
            (request.method, request.path, request.host),
            (Method::Post, "/actions/kill", Some("a"))
        );
        assert!(request.is_json && !request.closes);
        assert_eq!((request.body, length), (&b"{}"[..], whole.len() - 3));
    }

    #[test]
    fn what_is_too_long_or_no_request_is_refused() {
        let long = |count| "x".repeat(count);
        assert_eq!(
            status_of(format!("GET /{} HTTP/1.1\r\n\r\n", long(3000)).as_bytes()),
            Some(414)
        );
        assert_eq!(status_of(format!("GET /{}", long(9000)).as_bytes()), Some(414));
        assert_eq!(
            status_of(format!("GET / HTTP/1.1\r\na: {}", long(9000)).as_bytes()),
            Some(431)
        );
        let many = "a: b\r\n".repeat(65);
        assert_eq!(
            status_of(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()),
            Some(431)
        );
        assert_eq!(status_of(b"\x16\x03\x01 tls"), Some(400));
        assert_eq!(
            status_of(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
            Some(400)
        );
        assert_eq!(
            status_of(b"POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n"),
            Some(413)
        );
        assert_eq!(
            status_of(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
            Some(400)
        );
        assert_eq!(
            status_of(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            Some(400)
        );
        assert_eq!(
            status_of(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Some(411)
        );
    }

    #[test]
    fn no_bytes_whatever_make_it_panic() {
        let seed = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".to_vec();
        let mut state = 7u32;
        for _ in 0..if cfg!(miri) { 100 } else { 20_000 } {
            let mut bytes = seed.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state >> 8) as usize % bytes.len();
                bytes[at] = state as u8;
            }
            let _ = read(&bytes);
        }
    }
}
