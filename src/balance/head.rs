//! What the first bytes of a connection are: the head of an HTTP/1 request, a TLS greeting, or something else.
//!
//! The bytes come from strangers and are looked at before anybody has accepted them, so nothing here trusts a
//! length that it reads, and nothing is kept: each look begins at the first byte again. How often that may
//! happen is bounded by the caller, who gives a limit of bytes and waits a limited time.

#![forbid(unsafe_code)]

mod tls;

pub use tls::ClientHello;

use httparse::{EMPTY_HEADER, Error};

/// What a connection says first.
#[derive(Debug, PartialEq, Eq)]
pub enum Opening<'b> {
    /// The head of an HTTP/1 request, whole.
    Http1(Request<'b>),
    /// The preface of an HTTP/2 client that knows beforehand whom it talks to.
    Http2,
    /// The greeting of a TLS client, whole.
    Tls(ClientHello),
    /// The beginning of one of these.
    Partial,
    /// The beginning of one of these, and as long already as may be looked at.
    TooLong,
    /// None of these.
    Unknown,
}

/// The head of an HTTP/1 request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'b> {
    pub method: &'b str,
    /// As it stands in the request line: a path with its query, or a whole address.
    pub target: &'b str,
    /// The digit after `HTTP/1.`.
    pub minor_version: u8,
    /// In their order, names as they came.
    pub headers: Vec<(&'b str, &'b [u8])>,
    /// How many bytes were read: up to the body where the head is whole.
    pub length: usize,
}

impl<'b> Request<'b> {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }
}

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// As many headers as are looked for before memory is taken for more; requests of browsers have some twenty.
const FEW_HEADERS: usize = 48;
/// A header takes at least a letter, a colon and the end of its line.
const SHORTEST_HEADER: usize = 3;

/// Looks at the first bytes of a connection. A head or greeting longer than `limit` is too long, however much of
/// it is there.
pub fn look(bytes: &[u8], limit: usize) -> Opening<'_> {
    if bytes.first() == Some(&tls::HANDSHAKE) {
        return tls::look(bytes, limit);
    }
    let compared = bytes.len().min(HTTP2_PREFACE.len());
    // An HTTP/1 method may begin as the preface does, so a short beginning is left to the parser.
    if compared > "PRI ".len() && bytes[..compared] == HTTP2_PREFACE[..compared] {
        return match compared == HTTP2_PREFACE.len() {
            true => Opening::Http2,
            false => partial(bytes, limit),
        };
    }
    parse(bytes, |outcome, request| match outcome {
        Ok(httparse::Status::Complete(length)) if length > limit => Opening::TooLong,
        Ok(httparse::Status::Complete(length)) => {
            request_of(request, length).map_or(Opening::Unknown, Opening::Http1)
        }
        Ok(httparse::Status::Partial) => partial(bytes, limit),
        Err(_) => Opening::Unknown,
    })
}

/// What can be told of a request whose head is not whole, or goes wrong after the request line: the request line
/// and the headers that are whole. Nothing where the request line itself is not there.
pub fn salvage(bytes: &[u8]) -> Option<Request<'_>> {
    parse(bytes, |outcome, request| {
        let length = match outcome {
            Ok(httparse::Status::Complete(length)) => length,
            _ => bytes.len(),
        };
        request_of(request, length)
    })
}

fn partial(bytes: &[u8], limit: usize) -> Opening<'_> {
    if bytes.len() < limit {
        Opening::Partial
    } else {
        Opening::TooLong
    }
}

type Outcome = httparse::Result<usize>;

/// Parses into a few headers on the stack, and only where these do not do into as many as there can be.
fn parse<'b, T>(bytes: &'b [u8], then: impl FnOnce(Outcome, &httparse::Request<'_, 'b>) -> T) -> T {
    let mut few = [EMPTY_HEADER; FEW_HEADERS];
    let mut request = httparse::Request::new(&mut few);
    let outcome = request.parse(bytes);
    if outcome != Err(Error::TooManyHeaders) {
        return then(outcome, &request);
    }
    let mut all = vec![EMPTY_HEADER; bytes.len() / SHORTEST_HEADER + 1];
    let mut request = httparse::Request::new(&mut all);
    let outcome = request.parse(bytes);
    then(outcome, &request)
}

fn request_of<'b>(parsed: &httparse::Request<'_, 'b>, length: usize) -> Option<Request<'b>> {
    // Headers that were not reached are still empty; no name of a header is.
    let reached = parsed.headers.iter().take_while(|header| !header.name.is_empty());
    Some(Request {
        method: parsed.method?,
        target: parsed.path?,
        minor_version: parsed.version?,
        headers: reached.map(|header| (header.name, header.value)).collect(),
        length,
    })
}

#[cfg(test)]
mod tests;
